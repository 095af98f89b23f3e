"""A cloud sorted into vertical columns: the index behind every neighbourhood search of this room.

Points are sorted by the square column they stand in (a counting sort, stable, so the order does not depend on the
number of threads) and kept as separate x, y and z arrays. The columns of one row lie one after the other in memory:
a search reads a few long runs of points and never follows a pointer. Tall columns (vertical faces, roof above floor)
are sorted by z as well, so that a search takes only the part at its own height.

The lattice of the columns starts at the local origin, not at the cloud's corner, and a column is never cut: the same
points stand in the same column, in the same order, whatever part of the cloud was read. Sums over a column are then the
same to the last bit.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math
from typing import NamedTuple

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from sxrisk.errors import GeometryError

__all__ = ["PADDING", "ColumnGrid", "affordable_cell", "build_column_grid", "cloud_bounds", "first_at_least"]

# Entries behind the last point, so that kernels may read past the end of a run by one vector.
PADDING = 16
_FAR_M = 1e30  # coordinate of these entries: inside nothing

_MAX_CHUNKS = 8  # every chunk of points has a histogram of its own: more of them cost memory, not time
_MIN_COLUMNS = 4096  # small clouds may have more columns than points
_TALL_COLUMN = 4.0  # a column higher than this many cells is sorted by z


class ColumnGrid(NamedTuple):
    """Points sorted by column; coordinates are offsets from the caller's local origin, in metres.

    ``start[c]`` to ``start[c + 1]`` are the points of column ``c = ix * ny + iy``, which begins at
    ``(ix0 + ix) * cell`` and ``(iy0 + iy) * cell``; ``low`` and ``high`` its z range; ``tall`` says that the column is
    sorted by z; ``source`` is the row of each point in the cloud. ``x``, ``y`` and ``z`` have :data:`PADDING` more
    entries, far away.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    source: NDArray[np.int32]
    start: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    tall: NDArray[np.bool_]
    ix0: int
    iy0: int
    cell: float
    nx: int
    ny: int


def cloud_bounds(xyz: NDArray[np.float64], what: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest x, y, z of a cloud (n, 3), which must hold at least one point and only finite ones.

    Raises
    ------
    GeometryError
        If the cloud is empty or holds NaN or infinite coordinates.
    """
    if len(xyz) == 0:
        raise GeometryError(f"{what} holds no points", expected="at least one point")
    chunks = np.linspace(0, len(xyz), min(_MAX_CHUNKS, len(xyz)) + 1).astype(np.int64)
    low = np.empty((len(chunks) - 1, 3))
    high = np.empty_like(low)
    bad = np.zeros(len(low), np.int64)
    _bounds(xyz, chunks, low, high, bad)
    if bad.sum() > 0:
        raise GeometryError(
            f"{bad.sum()} of the {len(xyz)} points of {what} have a coordinate that is not finite",
            expected="finite coordinates",
            remedy="Remove these points first",
        )
    return low.min(axis=0), high.max(axis=0)


def affordable_cell(cell: float, low: NDArray[np.float64], high: NDArray[np.float64], n: int) -> float:
    """`cell`, doubled until the box between two corners has at most four columns for each of `n` points."""
    limit = max(_MIN_COLUMNS, 4 * n)
    while _steps(low[0], high[0], cell) * _steps(low[1], high[1], cell) > limit:
        cell *= 2.0
    return cell


def _steps(low: float, high: float, cell: float) -> int:
    return math.floor(high / cell) - math.floor(low / cell) + 1


def build_column_grid(
    xyz: NDArray[np.float64],
    origin: NDArray[np.float64],
    cell: float,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> ColumnGrid:
    """Sort the points of a cloud into the columns that touch a box.

    Parameters
    ----------
    xyz : (n, 3) float64
        Points in metres, in the coordinates of the cloud.
    origin : (3,) float64
        Local origin that is subtracted from every point; the lattice starts there.
    cell : float
        Side of a column in metres.
    low, high : (2,) or (3,) float64
        Corners of the box, relative to `origin`; points in columns that do not touch it are left out.
    """
    inverse = 1.0 / cell
    ix0, iy0 = math.floor(low[0] * inverse), math.floor(low[1] * inverse)
    nx = max(0, math.floor(high[0] * inverse) - ix0 + 1)
    ny = max(0, math.floor(high[1] * inverse) - iy0 + 1)
    n_chunks = max(1, min(_MAX_CHUNKS, numba.get_num_threads(), len(xyz) // 4096))
    chunks = np.linspace(0, len(xyz), n_chunks + 1).astype(np.int64)
    column = np.empty(len(xyz), np.int32)
    place = np.zeros((n_chunks, nx * ny), np.int32)
    _count(xyz, chunks, origin, ix0, iy0, inverse, nx, ny, column, place)
    start = np.empty(nx * ny + 1, np.int64)
    _accumulate(place, start)
    size = int(start[-1])
    x, y, z = (np.full(size + PADDING, _FAR_M) for _ in range(3))
    source = np.empty(size, np.int32)
    _scatter(xyz, chunks, origin, column, place, x, y, z, source)
    z_low, z_high, tall = np.empty(nx * ny), np.empty(nx * ny), np.zeros(nx * ny, np.bool_)
    _sort_tall(start, x, y, z, source, _TALL_COLUMN * cell, z_low, z_high, tall)
    return ColumnGrid(x, y, z, source, start, z_low, z_high, tall, ix0, iy0, cell, nx, ny)


@njit(parallel=True, cache=True)
def _bounds(xyz, chunks, low, high, bad):
    for t in prange(len(chunks) - 1):
        x_low = y_low = z_low = np.inf
        x_high = y_high = z_high = -np.inf
        for i in range(chunks[t], chunks[t + 1]):
            x, y, z = xyz[i, 0], xyz[i, 1], xyz[i, 2]
            if not math.isfinite(x + y + z):
                bad[t] += 1
            x_low, x_high = min(x_low, x), max(x_high, x)
            y_low, y_high = min(y_low, y), max(y_high, y)
            z_low, z_high = min(z_low, z), max(z_high, z)
        low[t, 0], low[t, 1], low[t, 2] = x_low, y_low, z_low
        high[t, 0], high[t, 1], high[t, 2] = x_high, y_high, z_high


@njit(parallel=True, cache=True)
def _count(xyz, chunks, origin, ix0, iy0, inverse, nx, ny, column, place):
    for t in prange(len(chunks) - 1):
        for i in range(chunks[t], chunks[t + 1]):
            ix = math.floor((xyz[i, 0] - origin[0]) * inverse) - ix0
            iy = math.floor((xyz[i, 1] - origin[1]) * inverse) - iy0
            if (ix >= 0) & (ix < nx) & (iy >= 0) & (iy < ny):
                c = ix * ny + iy
                column[i] = c
                place[t, c] += 1
            else:
                column[i] = -1


@njit(cache=True)
def _accumulate(place, start):
    total = 0
    for c in range(place.shape[1]):
        start[c] = total
        for t in range(place.shape[0]):
            count = place[t, c]
            place[t, c] = total
            total += count
    start[place.shape[1]] = total


@njit(parallel=True, cache=True)
def _scatter(xyz, chunks, origin, column, place, x, y, z, source):
    for t in prange(len(chunks) - 1):
        for i in range(chunks[t], chunks[t + 1]):
            c = column[i]
            if c >= 0:
                k = place[t, c]
                place[t, c] = k + 1
                x[k] = xyz[i, 0] - origin[0]
                y[k] = xyz[i, 1] - origin[1]
                z[k] = xyz[i, 2] - origin[2]
                source[k] = i


@njit(parallel=True, cache=True)
def _sort_tall(start, x, y, z, source, height, low, high, tall):
    n_columns = len(start) - 1
    block = 1024
    for t in prange((n_columns + block - 1) // block):
        for c in range(t * block, min(n_columns, (t + 1) * block)):
            s, e = start[c], start[c + 1]
            z_low, z_high = np.inf, -np.inf
            for k in range(s, e):
                z_low, z_high = min(z_low, z[k]), max(z_high, z[k])
            low[c], high[c] = z_low, z_high
            if z_high - z_low > height:
                tall[c] = True
                order = np.argsort(z[s:e])
                x[s:e] = x[s:e][order]
                y[s:e] = y[s:e][order]
                z[s:e] = z[s:e][order]
                source[s:e] = source[s:e][order]


@njit(cache=True)
def first_at_least(z, s, e, value):
    """First index in the sorted ``z[s:e]`` whose value is at least `value`."""
    while s < e:
        middle = (s + e) // 2
        if z[middle] < value:
            s = middle + 1
        else:
            e = middle
    return s
