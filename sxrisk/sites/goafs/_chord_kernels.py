"""Chords of an area through many places: compiled loops."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["shortest_chords"]

Floats = NDArray[np.float64]


@njit(cache=True, parallel=True)
def shortest_chords(starts: Floats, ends: Floats, places: Floats, directions: int) -> Floats:
    """Length (n,) of the shortest chord through each place (n, 2) between the edges of an area.

    `starts`, `ends` (k, 2) are its edges, holes included; `directions` even steps of a half turn are tried.
    """
    out = np.full(places.shape[0], np.inf)
    for i in prange(places.shape[0]):
        for turn in range(directions):
            angle = np.pi * turn / directions
            dx, dy = np.cos(angle), np.sin(angle)
            ahead, behind = np.inf, -np.inf
            for k in range(starts.shape[0]):
                ax, ay = starts[k, 0] - places[i, 0], starts[k, 1] - places[i, 1]
                bx, by = ends[k, 0] - places[i, 0], ends[k, 1] - places[i, 1]
                side_a, side_b = dx * ay - dy * ax, dx * by - dy * bx
                if (side_a > 0.0) == (side_b > 0.0):
                    continue
                share = side_a / (side_a - side_b)
                at = dx * (ax + share * (bx - ax)) + dy * (ay + share * (by - ay))
                if at > 0.0:
                    ahead = min(ahead, at)
                else:
                    behind = max(behind, at)
            out[i] = min(out[i], ahead - behind)
    return out
