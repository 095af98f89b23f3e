"""A uniform grid over short pieces of geometry: the index behind every search for neighbours.

Pieces are sorted by the cell that holds their middle (a counting sort, stable), row after row, so that a search reads a
few long stretches of memory and never follows a pointer. A piece stands in one cell only: the search widens by the half
extent of the pieces. So that long ones do not widen the search for short ones, pieces of one order of size share a
level with cells of that size.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Grid", "Runs", "build_grid"]

Array = NDArray[np.float64]

_LEVEL_RATIO = 4.0
_ENTRIES_PER_CELL = 2.0
_LEAST_CELL_DEG = 1e-7


class Runs(NamedTuple):
    """Pieces of geometries: runs of vertices joined by edges; a run of one vertex is a point. Degrees.

    Geometry `i` has the runs ``first[i]`` to ``first[i + 1]``; run `p` has the vertices ``start[p]`` to
    ``start[p + 1]`` and the box ``x[p] +- hx[p]``, ``y[p] +- hy[p]``; ``owner[p]`` is its geometry.
    """

    first: NDArray[np.int64]
    start: NDArray[np.int64]
    owner: NDArray[np.int32]
    lon: Array
    lat: Array
    x: Array
    y: Array
    hx: Array
    hy: Array


class Grid(NamedTuple):
    """Boxes sorted by level and cell; degrees.

    Entry `k` is box ``run[k]`` with middle `x`, `y` and half extents `hx`, `hy`. Level `v` has ``nx[v] * ny[v]`` cells,
    row by row from the corner ``x0[v], y0[v]``, each ``dx[v]`` by ``dy[v]``; the entries of its cell `c` are
    ``start[base[v] + c]`` to ``start[base[v] + c + 1]``; no box of it is larger than ``reach_x[v], reach_y[v]``.
    """

    run: NDArray[np.int32]
    x: Array
    y: Array
    hx: Array
    hy: Array
    start: NDArray[np.int64]
    base: NDArray[np.int64]
    x0: Array
    y0: Array
    dx: Array
    dy: Array
    nx: NDArray[np.int64]
    ny: NDArray[np.int64]
    reach_x: Array
    reach_y: Array


def build_grid(x: Array, y: Array, hx: Array, hy: Array) -> Grid:
    """Sort boxes into a grid.

    Parameters
    ----------
    x, y, hx, hy : ndarray of shape (n,)
        Middles and half extents, degrees.

    Returns
    -------
    Grid
    """
    narrow = math.cos(math.radians(min(abs(float(y.mean())), 80.0))) if len(y) else 1.0
    level, cells = _levels(x, y, hx, hy, narrow)
    shape = [_shape(x, y, hx, hy, level == v, cell, narrow) for v, cell in enumerate(cells)]
    corner = np.array([part[:8] for part in shape], dtype=np.float64).reshape(-1, 8).T
    x0, y0, dx, dy, nx, ny, reach_x, reach_y = corner
    columns, rows = nx.astype(np.int64), ny.astype(np.int64)
    base = np.concatenate([[0], np.cumsum(columns * rows)]).astype(np.int64)
    start = np.zeros(int(base[-1]) + 1, np.int64)
    order = np.empty(len(x), np.int32)
    # Points have no extent: zeros that nobody writes to cost nothing.
    extended = bool(hx.any() or hy.any())
    sx, sy, shx, shy = np.empty(len(x)), np.empty(len(x)), np.zeros(len(x)), np.zeros(len(x))
    _sort(x, y, hx, hy, level, base, x0, y0, dx, dy, columns, rows, start, extended, order, sx, sy, shx, shy)
    return Grid(order, sx, sy, shx, shy, start, base, x0, y0, dx, dy, columns, rows, reach_x, reach_y)


def _levels(x: Array, y: Array, hx: Array, hy: Array, narrow: float) -> tuple[NDArray[np.int8], list[float]]:
    """Level of each box, and the side of a cell of each level (degrees of latitude)."""
    if not len(x):
        return np.zeros(0, np.int8), []
    area = max(float(np.ptp(x)) * narrow, _LEAST_CELL_DEG) * max(float(np.ptp(y)), _LEAST_CELL_DEG)
    cell = max(math.sqrt(area * _ENTRIES_PER_CELL / len(x)), _LEAST_CELL_DEG)
    largest = max(float(hx.max()) * narrow, float(hy.max())) * 2.0
    levels = 1 + max(0, math.ceil(math.log(largest / cell, _LEVEL_RATIO))) if largest > 0.0 else 1
    if levels == 1:
        return np.zeros(len(x), np.int8), [cell]
    size = 2.0 * np.maximum(hx * narrow, hy)
    bounds = cell * _LEVEL_RATIO ** np.arange(levels - 1)
    return np.searchsorted(bounds, size).astype(np.int8), [cell * _LEVEL_RATIO**v for v in range(levels)]


def _shape(
    x: Array, y: Array, hx: Array, hy: Array, here: NDArray[np.bool_], cell: float, narrow: float
) -> tuple[float, ...]:
    count = int(here.sum())
    if count == 0:
        return 0.0, 0.0, cell, cell, 0.0, 0.0, 0.0, 0.0
    if count < len(x):
        x, y, hx, hy = x[here], y[here], hx[here], hy[here]
    west, east, south, north = float(x.min()), float(x.max()), float(y.min()), float(y.max())
    while True:
        dx, dy = cell / narrow, cell
        nx, ny = math.floor((east - west) / dx) + 1, math.floor((north - south) / dy) + 1
        if nx * ny <= 4 * count + 16:
            return west, south, dx, dy, float(nx), float(ny), float(hx.max()), float(hy.max())
        cell *= 2.0


@njit(cache=True, nogil=True, error_model="numpy")
def _sort(x, y, hx, hy, level, base, x0, y0, dx, dy, nx, ny, start, extended, order, sx, sy, shx, shy):
    """Counting sort by cell; `start` becomes the first entry of each cell."""
    cell = np.empty(len(x), np.int64)
    for k in range(len(x)):
        v = level[k]
        i = min(max(int((x[k] - x0[v]) / dx[v]), 0), nx[v] - 1)
        j = min(max(int((y[k] - y0[v]) / dy[v]), 0), ny[v] - 1)
        cell[k] = base[v] + j * nx[v] + i
        start[cell[k] + 1] += 1
    for c in range(len(start) - 1):
        start[c + 1] += start[c]
    place = start[:-1].copy()
    for k in range(len(x)):
        p = place[cell[k]]
        place[cell[k]] = p + 1
        order[p] = k
        sx[p], sy[p] = x[k], y[k]
        if extended:
            shx[p], shy[p] = hx[k], hy[k]
