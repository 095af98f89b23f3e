"""Compiled loops of gridding.

A cell k of an axis is the half-open range from ``k * cell`` to ``(k + 1) * cell``, both products as the machine rounds
them. Tiles whose edges are such products therefore never share a point, whatever the rounding of a quotient.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

__all__ = ["COUNT", "FIRST", "SUM", "accumulate", "order_by_cell", "quantiles"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Columns of what `accumulate` keeps of a cell, side by side in one cache line; the last ones only if asked for.
COUNT, FIRST, SUM = range(3)


@njit(cache=True, inline="always")
def cell_of(value: float, cell: float, inverse: float) -> int:
    """Number of the cell that holds a coordinate; the quotient is a guess that the products correct."""
    k = math.floor(value * inverse)
    if value < k * cell:
        return k - 1
    if value >= (k + 1) * cell:
        return k + 1
    return k


@njit(cache=True, parallel=True, nogil=True)
def accumulate(
    xyz: Floats,
    cell: float,
    first_column: int,
    first_row: int,
    n_rows: int,
    n_columns: int,
    squares: bool,
    extremes: bool,
    n_bands: int,
) -> Floats:
    """What the points of each cell add up to, in one pass and in the order of the points.

    Parameters
    ----------
    xyz : (n, 3)
        Coordinates as they are; a cell's sums are about its first height, which keeps their digits.
    cell : float
        Edge of a cell.
    first_column, first_row : int
        Numbers of the first cells of the window.
    n_rows, n_columns : int
        Its size; row 0 is the lowest.
    squares, extremes : bool
        Whether to keep these as well.
    n_bands : int
        Threads; each owns whole rows, so that no cell is shared.

    Returns
    -------
    (n_rows * n_columns, 3 to 6) float64
        COUNT, FIRST, and of the heights less the first: SUM, then the sum of squares, the least and the greatest.
    """
    least = 4 if squares else 3
    cells = np.zeros((n_rows * n_columns, least + (2 if extremes else 0)))
    inverse = 1.0 / cell
    for band in prange(n_bands):
        bottom = (first_row + band * n_rows // n_bands) * cell
        top = (first_row + (band + 1) * n_rows // n_bands) * cell
        for i in range(len(xyz)):
            y = xyz[i, 1]
            if y < bottom or y >= top:
                continue
            c = cell_of(xyz[i, 0], cell, inverse) - first_column
            if c < 0 or c >= n_columns:
                continue
            home = (cell_of(y, cell, inverse) - first_row) * n_columns + c
            if cells[home, COUNT] == 0.0:
                cells[home, FIRST] = xyz[i, 2]
            step = xyz[i, 2] - cells[home, FIRST]
            cells[home, COUNT] += 1.0
            cells[home, SUM] += step
            if squares:
                cells[home, 3] += step * step
            if extremes:
                if step < cells[home, least]:
                    cells[home, least] = step
                elif step > cells[home, least + 1]:
                    cells[home, least + 1] = step
    return cells


@njit(cache=True, nogil=True)
def order_by_cell(
    xyz: Floats, cell: float, first_column: int, first_row: int, n_rows: int, n_columns: int
) -> tuple[Ints, Ints]:
    """Start of each cell's points (n_cells + 1,) and the points in cell order, by counting sort; a cell keeps order."""
    n_cells = n_rows * n_columns
    start = np.zeros(n_cells + 2, np.int64)
    home = np.full(len(xyz), -1, np.int64)
    inverse = 1.0 / cell
    for i in range(len(xyz)):
        c = cell_of(xyz[i, 0], cell, inverse) - first_column
        r = cell_of(xyz[i, 1], cell, inverse) - first_row
        if 0 <= c < n_columns and 0 <= r < n_rows:
            home[i] = r * n_columns + c
            start[home[i] + 2] += 1
    for k in range(2, n_cells + 2):
        start[k] += start[k - 1]
    order = np.empty(start[n_cells + 1], np.int64)
    for i in range(len(xyz)):
        if home[i] >= 0:
            order[start[home[i] + 1]] = i
            start[home[i] + 1] += 1
    return start[: n_cells + 1], order


@njit(cache=True, parallel=True, nogil=True)
def quantiles(start: Ints, heights: Floats, share: float) -> Floats:
    """Quantile of each cell's heights, linear between the two nearest; `heights` in cell order, sorted in place."""
    n = len(start) - 1
    out = np.full(n, np.nan)
    for k in prange(n):
        low, high = start[k], start[k + 1]
        if high == low:
            continue
        own = heights[low:high]
        own.sort()
        place = share * (high - low - 1)
        below = math.floor(place)
        above = min(below + 1, high - low - 1)
        out[k] = own[below] + (place - below) * (own[above] - own[below])
    return out
