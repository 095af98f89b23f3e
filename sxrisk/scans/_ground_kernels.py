"""Compiled loops of the ground filter."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["lowest", "reconstruct"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@njit(cache=True)
def lowest(row: Ints, column: Ints, z: Floats, n_rows: int, n_columns: int) -> Floats:
    """Lowest z per cell, NaN where a cell is empty."""
    surface = np.full((n_rows, n_columns), np.nan)
    for i in range(len(z)):
        value = surface[row[i], column[i]]
        if not value <= z[i]:
            surface[row[i], column[i]] = z[i]
    return surface


@njit(cache=True)
def reconstruct(marker: Floats, mask: Floats) -> Floats:
    """Greyscale reconstruction of `mask` from `marker` (<= mask) by dilation over four neighbours.

    Sweeps in both raster directions until nothing changes; terrain needs a dozen.
    """
    out = np.minimum(marker, mask)
    n_rows, n_columns = out.shape
    changed = True
    while changed:
        changed = False
        for r in range(n_rows):
            for c in range(n_columns):
                best = out[r, c]
                if r > 0:
                    best = max(best, out[r - 1, c])
                if c > 0:
                    best = max(best, out[r, c - 1])
                best = min(best, mask[r, c])
                if best > out[r, c]:
                    out[r, c] = best
                    changed = True
        for r in range(n_rows - 1, -1, -1):
            for c in range(n_columns - 1, -1, -1):
                best = out[r, c]
                if r < n_rows - 1:
                    best = max(best, out[r + 1, c])
                if c < n_columns - 1:
                    best = max(best, out[r, c + 1])
                best = min(best, mask[r, c])
                if best > out[r, c]:
                    out[r, c] = best
                    changed = True
    return out
