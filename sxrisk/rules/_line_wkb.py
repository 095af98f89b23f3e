"""Shortest lines as WKB and back, without a geometry object for each: lines of two points, points where two meet."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numba import njit
from numpy.typing import NDArray

__all__ = ["line_geometries", "lines_as_wkb", "wkb_as_lines"]

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]

# Little-endian WKB (OGC 06-103r4): of a line the byte order, type 2 and two points; of a point byte order and type 1.
_LINE = np.dtype(
    [("order", "u1"), ("type", "<u4"), ("count", "<u4"), ("x0", "<f8"), ("y0", "<f8"), ("x1", "<f8"), ("y1", "<f8")]
)
_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
_LINE_BYTES, _POINT_BYTES = _LINE.itemsize, _POINT.itemsize


def lines_as_wkb(
    lon: Array, lat: Array, lon2: Array, lat2: Array, i: Index, j: Index, apart: NDArray[np.bool_]
) -> pa.LargeBinaryArray:
    """WKB of the lines between the places `i` of the first and `j` of the second; of points where not `apart`."""
    lines = np.empty(len(i), _LINE)
    _fill(lines, lon, lat, lon2, lat2, i, j)
    if apart.all():
        starts, letters = np.arange(len(i) + 1, dtype=np.int64) * _LINE_BYTES, lines.view(np.uint8)
    else:
        starts = np.zeros(len(i) + 1, np.int64)
        np.cumsum(np.where(apart, _LINE_BYTES, _POINT_BYTES), out=starts[1:])
        letters = np.empty(starts[-1], np.uint8)
        points = np.empty(len(i), _POINT)
        points["order"], points["type"], points["x"], points["y"] = 1, 1, lines["x0"], lines["y0"]
        _pack(
            lines.view(np.uint8).reshape(-1, _LINE_BYTES),
            points.view(np.uint8).reshape(-1, _POINT_BYTES),
            apart,
            letters,
        )
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


@njit(cache=True, nogil=True)
def _fill(lines, lon, lat, lon2, lat2, i, j):
    for n in range(len(i)):
        line = lines[n]
        line.order, line.type, line.count = 1, 2, 2
        line.x0, line.y0, line.x1, line.y1 = lon[i[n]], lat[i[n]], lon2[j[n]], lat2[j[n]]


@njit(cache=True, nogil=True)
def _pack(lines, points, apart, letters):
    at = 0
    for n in range(len(apart)):
        record = lines[n] if apart[n] else points[n]
        for k in range(len(record)):
            letters[at + k] = record[k]
        at += len(record)


@njit(cache=True, nogil=True)
def _unpack(letters, apart, ends):
    at = 0
    for n in range(len(apart)):
        head, tail = (9, 32) if apart[n] else (5, 16)
        for k in range(tail):
            ends[n, k] = letters[at + head + k]
        at += head + tail
