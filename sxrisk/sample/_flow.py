"""Compiled kernels of the terrain: drainage order, stream-power erosion, downslope walk.

Grids are ``(n_north, n_east)`` with row 0 in the north.
"""

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["accumulate", "drainage", "erode_once"]

_DI = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_DJ = np.array([-1, 0, 1, -1, 1, -1, 0, 1])


@njit(cache=True)
def drainage(z: NDArray[np.float64], outlet: NDArray[np.bool_]) -> tuple:
    """Fill depressions by priority flood and give each cell the neighbour that it drains to.

    Parameters
    ----------
    z : (n_north, n_east) float64
        Elevation in m.
    outlet : (n_north, n_east) bool
        Cells where water leaves; at least one.

    Returns
    -------
    filled : (n_north, n_east) float64
        Elevation without depressions.
    receiver : (n,) int64
        Flat index of the cell that each cell drains to; outlets drain to themselves.
    order : (n,) int64
        Flat indices, every cell after its receiver.
    """
    rows, cols = z.shape
    filled = z.copy()
    receiver = np.arange(rows * cols)
    order = np.empty(rows * cols, np.int64)
    seen = np.zeros((rows, cols), np.bool_)
    heap = [(0.0, 0)]
    heap.pop()
    for i in range(rows):
        for j in range(cols):
            if outlet[i, j]:
                seen[i, j] = True
                heapq.heappush(heap, (z[i, j], i * cols + j))
    count = 0
    while len(heap) > 0:
        level, cell = heapq.heappop(heap)
        order[count] = cell
        count += 1
        i = cell // cols
        j = cell % cols
        for k in range(8):
            a = i + _DI[k]
            b = j + _DJ[k]
            if 0 <= a < rows and 0 <= b < cols and not seen[a, b]:
                seen[a, b] = True
                receiver[a * cols + b] = cell
                if z[a, b] <= level:
                    filled[a, b] = level + 1e-4
                heapq.heappush(heap, (filled[a, b], a * cols + b))
    for cell in range(rows * cols):
        i = cell // cols
        j = cell % cols
        if outlet[i, j]:
            continue
        best = 0.0
        for k in range(8):
            a = i + _DI[k]
            b = j + _DJ[k]
            if 0 <= a < rows and 0 <= b < cols:
                run = 1.0 if _DI[k] == 0 or _DJ[k] == 0 else 1.4142135623730951
                slope = (filled[i, j] - filled[a, b]) / run
                if slope > best:
                    best = slope
                    receiver[cell] = a * cols + b
    return filled, receiver, order


@njit(cache=True)
def accumulate(receiver: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Number of cells that drain through each cell, itself included; shape (n,)."""
    area = np.ones(receiver.size)
    for k in range(order.size - 1, -1, -1):
        cell = order[k]
        if receiver[cell] != cell:
            area[receiver[cell]] += area[cell]
    return area


@njit(cache=True)
def erode_once(
    z: NDArray[np.float64],
    receiver: NDArray[np.int64],
    order: NDArray[np.int64],
    area: NDArray[np.float64],
    strength: NDArray[np.float64],
    uplift: float,
    exponent: float,
    cell: float,
) -> None:
    """One implicit step of uplift and stream-power erosion (slope exponent 1), in place.

    References
    ----------
    Braun, J. and Willett, S. D., 2013: A very efficient O(n) method for the stream power equation. Geomorphology 180.
    """
    cols = z.shape[1]
    flat = z.ravel()
    for k in range(order.size):
        c = order[k]
        r = receiver[c]
        if r == c:
            continue
        diagonal = (c // cols != r // cols) and (c % cols != r % cols)
        run = cell * (1.4142135623730951 if diagonal else 1.0)
        factor = strength.ravel()[c] * (area[c] * cell * cell) ** exponent / run
        raised = flat[c] + uplift
        flat[c] = (raised + factor * flat[r]) / (1.0 + factor)
