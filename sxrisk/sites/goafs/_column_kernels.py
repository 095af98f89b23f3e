"""Upright lines through triangles: compiled loops."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["count_hits", "list_hits"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, inline="always")
def _height_at(t: Floats, x: float, y: float) -> tuple[bool, float, bool]:
    """Whether the upright line at (x, y) meets the triangle (3, 3), at what height, and whether it looks up there."""
    e0 = (t[1, 0] - t[0, 0]) * (y - t[0, 1]) - (t[1, 1] - t[0, 1]) * (x - t[0, 0])
    e1 = (t[2, 0] - t[1, 0]) * (y - t[1, 1]) - (t[2, 1] - t[1, 1]) * (x - t[1, 0])
    e2 = (t[0, 0] - t[2, 0]) * (y - t[2, 1]) - (t[0, 1] - t[2, 1]) * (x - t[2, 0])
    total = e0 + e1 + e2
    if total > 0.0:
        inside = e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0
    elif total < 0.0:
        inside = e0 <= 0.0 and e1 <= 0.0 and e2 <= 0.0
    else:
        return False, 0.0, False
    return inside, (e1 * t[0, 2] + e2 * t[1, 2] + e0 * t[2, 2]) / total, total > 0.0


@njit(cache=True, parallel=True)
def count_hits(
    triangles: Floats, start: Ints, listed: Ints, cell: float, columns: int, rows: int, places: Floats
) -> Ints:
    """How many triangles the upright line at each place meets."""
    n = places.shape[0]
    out = np.zeros(n, np.int64)
    for i in prange(n):
        column, row = int(np.floor(places[i, 0] / cell)), int(np.floor(places[i, 1] / cell))
        if 0 <= column < columns and 0 <= row < rows:
            bucket = row * columns + column
            for k in range(start[bucket], start[bucket + 1]):
                if _height_at(triangles[listed[k]], places[i, 0], places[i, 1])[0]:
                    out[i] += 1
    return out


@njit(cache=True, parallel=True)
def list_hits(
    triangles: Floats, start: Ints, listed: Ints, cell: float, columns: int, places: Floats, first: Ints
) -> tuple[Floats, NDArray[np.bool_]]:
    """Heights of the hits, lowest first within a place, and whether each triangle looks up; rows from `first` on."""
    height = np.empty(first[-1])
    upward = np.empty(first[-1], np.bool_)
    for i in prange(places.shape[0]):
        at, end = first[i], first[i + 1]
        if at == end:
            continue
        bucket = int(np.floor(places[i, 1] / cell)) * columns + int(np.floor(places[i, 0] / cell))
        for k in range(start[bucket], start[bucket + 1]):
            hit, z, up = _height_at(triangles[listed[k]], places[i, 0], places[i, 1])
            if hit:
                # Few hits a line: put each in its place as it comes.
                j = at
                while j > first[i] and height[j - 1] > z:
                    height[j], upward[j] = height[j - 1], upward[j - 1]
                    j -= 1
                height[j], upward[j] = z, up
                at += 1
    return height, upward
