"""How much surface each core point stands for."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["point_areas", "typical_spacing"]

Floats = NDArray[np.float64]

_NEIGHBOURS = 24
_MAX_CORNERS = 64
# A cell that no neighbour closes (rim of the survey) ends at this part of the distance of a sixth neighbour.
_REACH = 0.7


def typical_spacing(points: Floats) -> float:
    """Median distance of a point from its nearest other one, metres; 1 for a single point."""
    if len(points) < 2:
        return 1.0
    local = points - points.min(axis=0)
    distance = cKDTree(local).query(local, k=2, workers=-1)[0][:, 1]
    return float(np.median(distance[distance > 0])) if (distance > 0).any() else 1.0


def point_areas(points: Floats, normals: Floats) -> Floats:
    """Area (m,) of each point's cell in its tangent plane, square metres.

    The cells are those of Voronoi among the points nearby, so that they add up to the surface; at its rim they reach
    less than one spacing out. NaN without a normal.
    """
    local = points - points.min(axis=0)
    k = min(_NEIGHBOURS + 1, len(points))
    distance, near = cKDTree(local).query(local, k=k, workers=-1)
    distance, near = distance.reshape(len(points), -1), near.reshape(len(points), -1)
    # Six neighbours on average share a cell's rim; those of a point at the survey's rim stand farther away.
    sixth = distance[:, min(6, k - 1)]
    reach = _REACH * np.minimum(sixth, np.median(sixth))
    areas = np.empty(len(points))
    _cells(local, normals, near, np.where(reach > 0, reach, 0.5), areas)
    return areas


@njit(parallel=True, cache=True)
def _cells(points, normals, near, reach, areas):
    for i in prange(len(points)):
        u = normals[i]
        if np.isnan(u).any():
            areas[i] = np.nan
            continue
        # Two directions across the normal.
        axis = np.zeros(3)
        axis[np.argmin(np.abs(u))] = 1.0
        e = np.cross(u, axis)
        e /= np.sqrt(np.dot(e, e))
        f = np.cross(u, e)
        x, y = np.empty(_MAX_CORNERS), np.empty(_MAX_CORNERS)
        h = reach[i]
        x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3] = -h, -h, h, -h, h, h, -h, h
        n = 4
        for q in range(near.shape[1]):
            j = near[i, q]
            if j == i:
                continue
            offset = points[j] - points[i]
            a, b = np.dot(offset, e), np.dot(offset, f)
            square = a * a + b * b
            # What stands above or below is another surface.
            if square <= 1e-12 or np.dot(offset, u) ** 2 > square:
                continue
            n, x, y = _clipped(n, x, y, a, b, 0.5 * square)
        area = 0.0
        for q in range(n):
            r = (q + 1) % n
            area += 0.5 * (x[q] * y[r] - x[r] * y[q])
        areas[i] = abs(area)


@njit(cache=True)
def _clipped(n, x, y, a, b, limit):
    """The part of a convex polygon where a x + b y is at most `limit`."""
    nx, ny = np.empty(_MAX_CORNERS), np.empty(_MAX_CORNERS)
    count = 0
    for q in range(n):
        r = (q + 1) % n
        here, there = a * x[q] + b * y[q] - limit, a * x[r] + b * y[r] - limit
        if here <= 0.0:
            nx[count], ny[count] = x[q], y[q]
            count += 1
        if (here < 0.0 < there) or (there < 0.0 < here):
            t = here / (here - there)
            nx[count], ny[count] = x[q] + t * (x[r] - x[q]), y[q] + t * (y[r] - y[q])
            count += 1
    return count, nx, ny
