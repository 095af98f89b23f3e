"""Lines and rings cut into short runs of edges, compiled."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["MOST_EDGES", "cut_into_runs"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Edges of a run at the most.
MOST_EDGES = 16
# Longer edges are cut, and a run ends before it has gone on for longer: small boxes are searched tightly.
_LONGEST_DEG = 0.01


def cut_into_runs(lonlat: Array, vertices: Index) -> tuple[Array, Array, Index, Index, Array]:
    """Runs of lines.

    Parameters
    ----------
    lonlat : ndarray of shape (v, 2)
        Vertices of all lines, one line after the other, degrees.
    vertices : ndarray of shape (n,)
        Vertices of each line, two or more.

    Returns
    -------
    lon, lat : ndarray of shape (w,)
        Vertices of all runs; neighbouring runs share one.
    start : ndarray of shape (r + 1,)
        First vertex of each run, and the end.
    line : ndarray of shape (r,)
        Line of each run.
    box : ndarray of shape (4, r)
        Middle and half extents in longitude and latitude: x, y, hx, hy.
    """
    # Counted, then filled: numpy's memory comes in larger pages than a compiled function's own.
    runs, size = _cut(lonlat, vertices, False, np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    lon, lat = np.empty(size), np.empty(size)
    start, line, box = np.empty(runs + 1, np.int64), np.empty(runs, np.int64), np.empty((4, runs))
    _cut(lonlat, vertices, True, lon, lat, start, line)
    _enclose(lon, lat, start, box)
    return lon, lat, start, line, box


@njit(cache=True, nogil=True, error_model="numpy")
def _cut(lonlat, vertices, fill, lon, lat, start, line):
    """Number of runs and of their vertices, which are written if `fill`."""
    runs = size = first = 0
    for n in range(len(vertices)):
        edges, gone = MOST_EDGES, 0.0
        for k in range(first, first + vertices[n] - 1):
            x0, y0, x1, y1 = lonlat[k, 0], lonlat[k, 1], lonlat[k + 1, 0], lonlat[k + 1, 1]
            length = max(abs(x1 - x0), abs(y1 - y0))
            parts = 1
            if length > _LONGEST_DEG:
                parts = math.ceil(length / _LONGEST_DEG)
            for part in range(parts):
                if edges == MOST_EDGES or gone + length / parts > _LONGEST_DEG:
                    if fill:
                        start[runs], line[runs] = size, n
                        lon[size], lat[size] = x0 + part / parts * (x1 - x0), y0 + part / parts * (y1 - y0)
                    runs, size, edges, gone = runs + 1, size + 1, 0, 0.0
                if fill:
                    share = (part + 1) / parts
                    lon[size] = x1 if part + 1 == parts else x0 + share * (x1 - x0)
                    lat[size] = y1 if part + 1 == parts else y0 + share * (y1 - y0)
                size, edges, gone = size + 1, edges + 1, gone + length / parts
        first += vertices[n]
    if fill:
        start[runs] = size
    return runs, size


@njit(cache=True, nogil=True, error_model="numpy")
def _enclose(lon, lat, start, box):
    for p in range(len(start) - 1):
        west = south = math.inf
        east = north = -math.inf
        for k in range(start[p], start[p + 1]):
            west, east = min(west, lon[k]), max(east, lon[k])
            south, north = min(south, lat[k]), max(north, lat[k])
        box[0, p], box[1, p] = 0.5 * (west + east), 0.5 * (south + north)
        # Rounded up, so that the box holds its vertices.
        box[2, p], box[3, p] = max(east - box[0, p], box[0, p] - west), max(north - box[1, p], box[1, p] - south)
