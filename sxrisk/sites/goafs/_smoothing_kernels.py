"""Means of directions over neighbouring triangles: compiled loops."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["spread_normals"]

Floats = NDArray[np.float64]


@njit(cache=True, parallel=True)
def spread_normals(normals: Floats, area: Floats, beside: NDArray[np.int64], rounds: int, alike: float) -> Floats:
    """Unit directions (m, 3) after `rounds` of means, weighted by area, with the neighbours `beside` (m, 3).

    A neighbour of -1 is none; only neighbours whose directions' cosine is above `alike` are mixed.
    """
    now = normals.copy()
    for _ in range(rounds):
        after = np.empty_like(now)
        for i in prange(now.shape[0]):
            x, y, z = now[i, 0] * area[i], now[i, 1] * area[i], now[i, 2] * area[i]
            for k in range(3):
                j = beside[i, k]
                if j >= 0:
                    cosine = now[i, 0] * now[j, 0] + now[i, 1] * now[j, 1] + now[i, 2] * now[j, 2]
                    if cosine > alike:
                        x += now[j, 0] * area[j]
                        y += now[j, 1] * area[j]
                        z += now[j, 2] * area[j]
            size = np.sqrt(x * x + y * y + z * z)
            if size > 1e-15:
                after[i, 0], after[i, 1], after[i, 2] = x / size, y / size, z / size
            else:
                after[i] = now[i]
        now = after
    return now
