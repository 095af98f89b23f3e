"""Compiled loops of gridding.

A cell k of an axis is the half-open range from ``k * cell`` to ``(k + 1) * cell``, both products as the machine rounds
them. Tiles whose edges are such products therefore never share a point, whatever the rounding of a quotient.

Points come in any order, and a grid is larger than the processor's cache: adding each to its cell would wait for memory
at nearly every point. They are first parted into bands of cells that fit into the cache, each in the order of the
points, so that the sums of a cell are the same whatever the band, the tile or the number of threads.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

__all__ = ["order_by_cell", "part", "quantiles", "summarise"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Homes = npt.NDArray[np.int32]

_BAND_BITS = 14  # cells of a band: what is kept of them is half a megabyte
_MOST_BANDS_BITS = 8  # more streams of writing than this wait for memory themselves
_CHUNK = 250_000  # points that a thread parts at a time


@njit(cache=True, inline="always")
def cell_of(value: float, cell: float, inverse: float) -> int:
    """Number of the cell that holds a coordinate; the quotient is a guess that the products correct."""
    k = math.floor(value * inverse)
    return k - (value < k * cell) + (value >= (k + 1) * cell)


@njit(cache=True, parallel=True, nogil=True)
def part(
    xyz: Floats,
    cell: float,
    first_column: int,
    first_row: int,
    n_rows: int,
    n_columns: int,
    cells: Homes,
    home: Homes,
    z: Floats,
) -> tuple[int, Ints]:
    """Cells and heights of the points in a window, band by band of cells, in the order of the points within each.

    Parameters
    ----------
    xyz : (n, 3)
        Coordinates as they are.
    cell : float
        Edge of a cell.
    first_column, first_row : int
        Numbers of the first cells of the window.
    n_rows, n_columns : int
        Its size; row 0 is the lowest.
    cells : (n,) int32
        Room to work in.
    home : (n,) int32
        Filled with the cell of each point: row * n_columns + column.
    z : (n,) or (0,) float64
        Filled with its height, unless empty.

    Returns
    -------
    bits : int
        A band holds 2**bits cells.
    start : (n_bands + 1,) int64
        Where each band begins in `home` and `z`.
    """
    n, n_cells = len(xyz), n_rows * n_columns
    bits = _BAND_BITS
    while n_cells >> bits >= 1 << _MOST_BANDS_BITS:
        bits += 1
    n_bands = ((n_cells - 1) >> bits) + 1
    n_chunks = (n + _CHUNK - 1) // _CHUNK
    inverse = 1.0 / cell
    # The band behind the last takes what lies outside the window.
    place = np.zeros((n_bands + 1, n_chunks), np.int64)
    for chunk in prange(n_chunks):
        first, last = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
        for i in range(first, last):
            c = cell_of(xyz[i, 0], cell, inverse) - first_column
            r = cell_of(xyz[i, 1], cell, inverse) - first_row
            inside = (c >= 0) & (c < n_columns) & (r >= 0) & (r < n_rows)
            cells[i] = r * n_columns + c if inside else -1
        tally = np.zeros(n_bands + 1, np.int64)
        for i in range(first, last):
            tally[cells[i] >> bits if cells[i] >= 0 else n_bands] += 1
        place[:, chunk] = tally
    start = np.zeros(n_bands + 1, np.int64)
    total = 0
    for band in range(n_bands + 1):
        start[band] = total
        for chunk in range(n_chunks):
            here = place[band, chunk]
            place[band, chunk] = total
            total += here
    for chunk in prange(n_chunks):
        at = place[:, chunk].copy()
        for i in range(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)):
            band = cells[i] >> bits if cells[i] >= 0 else n_bands
            home[at[band]] = cells[i]
            if len(z):
                z[at[band]] = xyz[i, 2]
            at[band] += 1
    return bits, start


@njit(cache=True, parallel=True, nogil=True)
def summarise(
    bits: int,
    start: Ints,
    home: Homes,
    z: Floats,
    count: Ints,
    mean: Floats,
    std: Floats,
    least: Floats,
    greatest: Floats,
) -> None:
    """Statistics of the heights in each cell, in one pass.

    Parameters
    ----------
    bits, start, home, z
        From `part`.
    count : (n_cells,) int64
        Filled.
    mean, std, least, greatest : (n_cells,) or (0,) float64
        Filled where they are not empty; NaN in a cell without points, `std` in one with less than two.
    """
    n_cells = len(count)
    moments, extremes = len(mean) + len(std) > 0, len(least) + len(greatest) > 0
    for band in prange(len(start) - 1):
        low = band << bits
        size = min(n_cells - low, 1 << bits)
        number = np.zeros(size, np.int64)
        for i in range(start[band], start[band + 1]):
            number[home[i] - low] += 1
        count[low : low + size] = number
        if moments:
            # About the first height of the cell, which keeps the digits of the sums.
            sums = np.zeros((size, 4))
            for i in range(start[band], start[band + 1]):
                k = home[i] - low
                first = z[i] if sums[k, 0] == 0.0 else sums[k, 1]
                step = z[i] - first
                sums[k, 0] = 1.0
                sums[k, 1] = first
                sums[k, 2] += step
                sums[k, 3] += step * step
            for k in range(size if len(mean) else 0):
                mean[low + k] = sums[k, 1] + sums[k, 2] / number[k] if number[k] > 0 else math.nan
            for k in range(size if len(std) else 0):
                spread = max(sums[k, 3] - sums[k, 2] * sums[k, 2] / max(number[k], 1), 0.0)
                std[low + k] = math.sqrt(spread / (number[k] - 1)) if number[k] > 1 else math.nan
        if extremes:
            ends = np.empty((size, 2))
            ends[:, 0], ends[:, 1] = math.inf, -math.inf
            for i in range(start[band], start[band + 1]):
                k = home[i] - low
                ends[k, 0] = z[i] if z[i] < ends[k, 0] else ends[k, 0]
                ends[k, 1] = z[i] if z[i] > ends[k, 1] else ends[k, 1]
            for k in range(size if len(least) else 0):
                least[low + k] = ends[k, 0] if number[k] > 0 else math.nan
            for k in range(size if len(greatest) else 0):
                greatest[low + k] = ends[k, 1] if number[k] > 0 else math.nan


@njit(cache=True, parallel=True, nogil=True)
def quantiles(bits: int, start: Ints, home: Homes, z: Floats, share: float, out: Floats) -> None:
    """Quantile of each cell's heights, linear between the two nearest; NaN without points.

    Parameters
    ----------
    bits, start, home, z
        From `part`.
    share : float
        0 to 1.
    out : (n_cells,)
        Filled.
    """
    for band in prange(len(start) - 1):
        low = band << bits
        size = min(len(out) - low, 1 << bits)
        behind = np.zeros(size + 1, np.int64)
        for i in range(start[band], start[band + 1]):
            behind[home[i] - low + 1] += 1
        for k in range(size):
            behind[k + 1] += behind[k]
        heights = np.empty(start[band + 1] - start[band])
        # Afterwards `behind` of a cell is its end, and of the cell before it its beginning.
        for i in range(start[band], start[band + 1]):
            heights[behind[home[i] - low]] = z[i]
            behind[home[i] - low] += 1
        begin = 0
        for k in range(size):
            own = heights[begin : behind[k]]
            begin = behind[k]
            out[low + k] = _quantile(own, share)


@njit(cache=True, nogil=True)
def _quantile(own: Floats, share: float) -> float:
    n = len(own)
    if n == 0:
        return math.nan
    if n <= 24:
        for i in range(1, n):
            value = own[i]
            j = i
            while j > 0 and own[j - 1] > value:
                own[j] = own[j - 1]
                j -= 1
            own[j] = value
    else:
        own.sort()
    place = share * (n - 1)
    below = math.floor(place)
    return own[below] + (place - below) * (own[min(below + 1, n - 1)] - own[below])


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
