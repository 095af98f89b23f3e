"""Lines and rings cut into short runs of edges, compiled."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit

__all__ = ["cut_into_runs"]

_MOST_EDGES = 16
# Longer edges are cut, and a run ends before it has gone on for longer: small boxes are searched tightly.
_LONGEST_DEG = 0.01


@njit(cache=True, nogil=True, error_model="numpy")
def cut_into_runs(lonlat, vertices):
    """Runs of lines.

    Parameters
    ----------
    lonlat : (v, 2) float64
        Vertices of all lines, one line after the other, degrees.
    vertices : (n,) int64
        Vertices of each line, two or more.

    Returns
    -------
    lon, lat : (w,) float64
        Vertices of all runs; neighbouring runs share one.
    start : (r + 1,) int64
        First vertex of each run, and the end.
    line : (r,) int64
        Line of each run.
    box : (4, r) float64
        Middle and half extents in longitude and latitude: x, y, hx, hy.
    """
    runs = size = 0
    for _ in range(2):
        # The first round counts, the second fills.
        fill = size > 0
        lon, lat, start = np.empty(size), np.empty(size), np.zeros(runs + 1, np.int64)
        line, box = np.empty(runs, np.int64), np.empty((4, runs))
        runs = size = first = 0
        for n in range(len(vertices)):
            edges, gone = _MOST_EDGES, 0.0
            for k in range(first, first + vertices[n] - 1):
                x0, y0, x1, y1 = lonlat[k, 0], lonlat[k, 1], lonlat[k + 1, 0], lonlat[k + 1, 1]
                length = max(abs(x1 - x0), abs(y1 - y0))
                parts = max(1, math.ceil(length / _LONGEST_DEG))
                for part in range(parts):
                    if edges == _MOST_EDGES or gone + length / parts > _LONGEST_DEG:
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
    for p in range(len(line)):
        west = south = math.inf
        east = north = -math.inf
        for k in range(start[p], start[p + 1]):
            west, east = min(west, lon[k]), max(east, lon[k])
            south, north = min(south, lat[k]), max(north, lat[k])
        box[0, p], box[1, p] = 0.5 * (west + east), 0.5 * (south + north)
        # Rounded up, so that the box holds its vertices.
        box[2, p], box[3, p] = max(east - box[0, p], box[0, p] - west), max(north - box[1, p], box[1, p] - south)
    return lon, lat, start, line, box
