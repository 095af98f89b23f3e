"""Which places lie inside which polygons, compiled: the part of nearness that edges do not show."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Areas", "places_inside"]


class Areas(NamedTuple):
    """Polygons as stretches of runs (:class:`sxrisk.rules._grid_index.Runs`).

    Polygon `m` of geometry ``owner[m]`` is bounded by the runs ``first[m]`` to ``end[m]``, the edges of all its rings.
    """

    owner: NDArray[np.int32]
    first: NDArray[np.int64]
    end: NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def _inside(runs, first, end, x, y):
    """Whether a place lies within rings, by the number of edges east of it: odd is within."""
    odd = False
    for p in range(first, end):
        if y < runs.y[p] - runs.hy[p] or y > runs.y[p] + runs.hy[p] or runs.x[p] + runs.hx[p] < x:
            continue
        a, b = runs.start[p], runs.start[p + 1] - 1
        if x < runs.x[p] - runs.hx[p]:
            # All of the run lies east: it is crossed an odd number of times where its ends lie on both sides.
            odd ^= (runs.lat[a] > y) != (runs.lat[b] > y)
            continue
        for k in range(a, b):
            y0, y1 = runs.lat[k], runs.lat[k + 1]
            if (y0 > y) != (y1 > y):
                x0, x1 = runs.lon[k], runs.lon[k + 1]
                odd ^= x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return odd


@njit(cache=True, nogil=True, error_model="numpy")
def places_inside(low, high, runs, areas, grid):
    """Places within the polygons `low` to `high`.

    Parameters
    ----------
    low, high : int
        Polygons to look at.
    runs : Runs
        Their edges.
    areas : Areas
    grid : Grid
        Over the places.

    Returns
    -------
    area, place : (k,) int64
        Polygon and position of the place in the order in which the grid got them.
    """
    size = 256
    area, place = np.empty(size, np.int64), np.empty(size, np.int64)
    n = 0
    for m in range(low, high):
        west = south = math.inf
        east = north = -math.inf
        for p in range(areas.first[m], areas.end[m]):
            west, east = min(west, runs.x[p] - runs.hx[p]), max(east, runs.x[p] + runs.hx[p])
            south, north = min(south, runs.y[p] - runs.hy[p]), max(north, runs.y[p] + runs.hy[p])
        for v in range(len(grid.nx)):
            column0 = max(0, math.floor((west - grid.x0[v]) / grid.dx[v]))
            column1 = min(grid.nx[v] - 1, math.floor((east - grid.x0[v]) / grid.dx[v]))
            row0 = max(0, math.floor((south - grid.y0[v]) / grid.dy[v]))
            row1 = min(grid.ny[v] - 1, math.floor((north - grid.y0[v]) / grid.dy[v]))
            if column0 > column1:
                continue
            for row in range(row0, row1 + 1):
                line = grid.base[v] + row * grid.nx[v]
                for k in range(grid.start[line + column0], grid.start[line + column1 + 1]):
                    x, y = grid.x[k], grid.y[k]
                    if x < west or x > east or y < south or y > north:
                        continue
                    if _inside(runs, areas.first[m], areas.end[m], x, y):
                        if n == size:
                            size = 2 * n
                            more_area, more_place = np.empty(size, np.int64), np.empty(size, np.int64)
                            more_area[:n], more_place[:n] = area, place
                            area, place = more_area, more_place
                        area[n], place[n] = m, grid.run[k]
                        n += 1
    return area[:n], place[:n]
