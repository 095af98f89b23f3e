"""Compiled loops of gridding."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["accumulate", "order_by_cell"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True)
def accumulate(
    x: Floats, y: Floats, z: Floats, cell: float, n_rows: int, n_columns: int
) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Count, mean, sum of squared deviations, least and greatest z per cell, in one pass.

    `x` and `y` are offsets from the grid's lower left corner; row 0 is the lowest. Welford's update keeps the digits.
    """
    shape = (n_rows, n_columns)
    count, mean, squares = np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape)
    least, greatest = np.full(shape, np.inf), np.full(shape, -np.inf)
    for i in range(len(z)):
        c, r = int(np.floor(x[i] / cell)), int(np.floor(y[i] / cell))
        if c < 0 or r < 0 or c >= n_columns or r >= n_rows:
            continue
        count[r, c] += 1
        step = z[i] - mean[r, c]
        mean[r, c] += step / count[r, c]
        squares[r, c] += step * (z[i] - mean[r, c])
        least[r, c] = min(least[r, c], z[i])
        greatest[r, c] = max(greatest[r, c], z[i])
    return count, mean, squares, least, greatest


@njit(cache=True)
def order_by_cell(x: Floats, y: Floats, cell: float, n_rows: int, n_columns: int) -> tuple[Ints, Ints]:
    """Start of each cell's points (n_cells + 1,) and the points in cell order, by counting sort."""
    n_cells = n_rows * n_columns
    start = np.zeros(n_cells + 2, np.int64)
    home = np.full(len(x), -1, np.int64)
    for i in range(len(x)):
        c, r = int(np.floor(x[i] / cell)), int(np.floor(y[i] / cell))
        if 0 <= c < n_columns and 0 <= r < n_rows:
            home[i] = r * n_columns + c
            start[home[i] + 2] += 1
    for k in range(2, n_cells + 2):
        start[k] += start[k - 1]
    order = np.empty(start[n_cells + 1], np.int64)
    for i in range(len(x)):
        if home[i] >= 0:
            order[start[home[i] + 1]] = i
            start[home[i] + 1] += 1
    return start[: n_cells + 1], order
