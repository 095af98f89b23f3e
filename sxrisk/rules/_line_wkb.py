"""Shortest lines as WKB and back, without a geometry object for each: lines of two points, points where two meet."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["line_geometries", "lines_as_wkb", "wkb_as_lines"]

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]

# Little-endian WKB (OGC 06-103r4): of a line the byte order, type 2, number 2 and two points; of a point byte order and
# type 1.
_LINE_BYTES, _POINT_BYTES = 41, 21


def lines_as_wkb(
    lon: Array, lat: Array, lon2: Array, lat2: Array, i: Index, j: Index, apart: NDArray[np.bool_]
) -> pa.LargeBinaryArray:
    """WKB of the lines between the places `i` of the first and `j` of the second; of points where not `apart`."""
    starts = np.empty(len(i) + 1, np.int64)
    lines = int(apart.sum())
    letters = np.empty(lines * _LINE_BYTES + (len(i) - lines) * _POINT_BYTES, np.uint8)
    _write(letters, starts, lon, lat, lon2, lat2, i, j, apart)
    return pa.Array.from_buffers(pa.large_binary(), len(i), [None, pa.py_buffer(starts), pa.py_buffer(letters)])


def wkb_as_lines(array: pa.LargeBinaryArray) -> NDArray[np.object_]:
    """Shapely geometries of what :func:`lines_as_wkb` gave."""
    _, starts, letters = array.buffers()
    starts = np.frombuffer(starts, np.int64)[array.offset : array.offset + len(array) + 1]
    apart = np.diff(starts) == _LINE_BYTES
    ends = np.empty((len(apart), 4))
    held = np.frombuffer(letters if letters is not None else b"", np.uint8)[starts[0] : starts[-1]]
    # A copy: arrays that may not be written to would be compiled for once more.
    _unpack(held.copy(), apart, ends.view(np.uint8))
    return line_geometries(ends, apart)


def line_geometries(ends: Array, apart: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Shapely lines between ends (n, 4), and points where the two are not `apart`."""
    found: NDArray[np.object_] = np.empty(len(ends), dtype=object)
    if apart.all():
        found[:] = shapely.linestrings(ends.reshape(-1, 2, 2))
        return found
    found[apart] = shapely.linestrings(ends[apart].reshape(-1, 2, 2))
    found[~apart] = shapely.points(ends[~apart, :2])
    return found


@intrinsic
def _put(typingctx, letters, at, value):
    """Write the bytes of a number from a place on, wherever it lies."""

    def codegen(context, builder, signature, args):
        held = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(held.data, [args[1]]), args[2].type.as_pointer())
        builder.store(args[2], place, align=1)
        return context.get_dummy_value()

    return types.void(letters, at, value), codegen


@njit(cache=True, nogil=True)
def _write(letters, starts, lon, lat, lon2, lat2, i, j, apart):
    at = np.int64(0)
    for n in range(len(i)):
        starts[n] = at
        _put(letters, at, np.uint8(1))  # type: ignore[call-arg]
        if apart[n]:
            _put(letters, at + 1, np.uint32(2))
            _put(letters, at + 5, np.uint32(2))
            _put(letters, at + 9, lon[i[n]])
            _put(letters, at + 17, lat[i[n]])
            _put(letters, at + 25, lon2[j[n]])
            _put(letters, at + 33, lat2[j[n]])
            at += _LINE_BYTES
        else:
            _put(letters, at + 1, np.uint32(1))
            _put(letters, at + 5, lon[i[n]])
            _put(letters, at + 13, lat[i[n]])
            at += _POINT_BYTES
    starts[len(i)] = at


@njit(cache=True, nogil=True)
def _unpack(letters, apart, ends):
    at = 0
    for n in range(len(apart)):
        head, tail = (9, 32) if apart[n] else (5, 16)
        for k in range(tail):
            ends[n, k] = letters[at + head + k]
        at += head + tail
