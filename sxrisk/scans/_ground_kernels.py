"""Compiled loops of the ground filter."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["lowest", "lowest_points", "reconstruct"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@njit(cache=True)
def lowest(row: Ints, column: Ints, z: Floats, surface: Floats) -> None:
    """Lower `surface` to the lowest z per cell; NaN is an empty cell."""
    for i in range(len(z)):
        value = surface[row[i], column[i]]
        if not value <= z[i]:
            surface[row[i], column[i]] = z[i]


@njit(cache=True)
def lowest_points(row: Ints, column: Ints, xyz: Floats, points: Floats) -> None:
    """Put the lowest point of each cell into `points` (rows, columns, 3); of equally low ones the least x, then y."""
    for i in range(len(xyz)):
        r, c = row[i], column[i]
        z = points[r, c, 2]
        lower = not z <= xyz[i, 2]
        if z == xyz[i, 2]:
            x = points[r, c, 0]
            lower = xyz[i, 0] < x or (xyz[i, 0] == x and xyz[i, 1] < points[r, c, 1])
        if lower:
            points[r, c, 0] = xyz[i, 0]
            points[r, c, 1] = xyz[i, 1]
            points[r, c, 2] = xyz[i, 2]


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
