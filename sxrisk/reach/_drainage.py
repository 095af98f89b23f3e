"""Compiled kernels: depressions filled, every cell's way out, and one path down.

The flood goes up from the outlets, lowest cell first, and each cell remembers from where it was reached; that way out
never climbs on the filled surface. A path prefers the steepest descent of the eight triangles around a cell. It chooses
of the two grid directions beside that descent the one that keeps it nearest to the true line, so that it goes zigzag
along it and does not run off by up to 22.5 degrees as plain D8 does.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["flood", "follow"]

Array = NDArray[np.float64]

# Neighbours anticlockwise from east; rows run south.
_ROW = np.array([0, -1, -1, -1, 0, 1, 1, 1])
_COLUMN = np.array([1, 1, 0, -1, -1, -1, 0, 1])


@njit(cache=True)
def _push(heap_z: Array, heap_n: Array, heap_cell: Array, size: int, z: float, number: int, cell: int) -> int:
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if heap_z[above] < z or (heap_z[above] == z and heap_n[above] < number):
            break
        heap_z[at], heap_n[at], heap_cell[at] = heap_z[above], heap_n[above], heap_cell[above]
        at = above
    heap_z[at], heap_n[at], heap_cell[at] = z, number, cell
    return size + 1


@njit(cache=True)
def _pop(heap_z: Array, heap_n: Array, heap_cell: Array, size: int) -> tuple[int, int]:
    top = heap_cell[0]
    size -= 1
    z, number, cell = heap_z[size], heap_n[size], heap_cell[size]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        other = below + 1
        if other < size and (
            heap_z[other] < heap_z[below] or (heap_z[other] == heap_z[below] and heap_n[other] < heap_n[below])
        ):
            below = other
        if z < heap_z[below] or (z == heap_z[below] and number < heap_n[below]):
            break
        heap_z[at], heap_n[at], heap_cell[at] = heap_z[below], heap_n[below], heap_cell[below]
        at = below
    heap_z[at], heap_n[at], heap_cell[at] = z, number, cell
    return top, size


@njit(cache=True)
def flood(height: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Priority flood from the edges and from cells without a value.

    Parameters
    ----------
    height : ndarray of shape (rows, columns)
        Metres; NaN where there is no ground.

    Returns
    -------
    filled : ndarray of shape (rows, columns)
        Heights with every depression filled to its spill level.
    out : ndarray of int64, shape (rows * columns,)
        Next cell on the way out; -1 at an outlet.
    order : ndarray of int64, shape (rows * columns,)
        When the flood reached the cell: any step to an earlier cell leads out.

    References
    ----------
    Barnes, R., Lehman, C., Mulla, D. (2014), Priority-flood, Computers & Geosciences 62, 117-127.
    """
    rows, columns = height.shape
    count = rows * columns
    filled = height.copy()
    flat = filled.ravel()
    out = np.full(count, -1, dtype=np.int64)
    order = np.full(count, -1, dtype=np.int64)
    seen = np.zeros(count, dtype=np.bool_)
    heap_z = np.empty(count)
    heap_n = np.empty(count, dtype=np.int64)
    heap_cell = np.empty(count, dtype=np.int64)
    size, number = 0, 0
    for row in range(rows):
        for column in range(columns):
            cell = row * columns + column
            if np.isnan(flat[cell]):
                seen[cell] = True
                continue
            outlet = row == 0 or column == 0 or row == rows - 1 or column == columns - 1
            if not outlet:
                for k in range(8):
                    if np.isnan(height[row + _ROW[k], column + _COLUMN[k]]):
                        outlet = True
                        break
            if outlet:
                seen[cell] = True
                size = _push(heap_z, heap_n, heap_cell, size, flat[cell], number, cell)
                number += 1
    rank = 0
    while size > 0:
        cell, size = _pop(heap_z, heap_n, heap_cell, size)
        order[cell] = rank
        rank += 1
        row, column = cell // columns, cell % columns
        for k in range(8):
            r, c = row + _ROW[k], column + _COLUMN[k]
            if r < 0 or c < 0 or r >= rows or c >= columns:
                continue
            near = r * columns + c
            if seen[near]:
                continue
            seen[near] = True
            out[near] = cell
            flat[near] = max(flat[near], flat[cell])
            size = _push(heap_z, heap_n, heap_cell, size, flat[near], number, near)
            number += 1
    return filled, out, order


@njit(cache=True)
def _descent(filled: Array, row: int, column: int, dx: float, dy: float) -> float:
    """Direction of steepest descent over the eight triangles (radians anticlockwise from east); NaN on flat ground."""
    rows, columns = filled.shape
    best, found = 0.0, np.nan
    z0 = filled[row, column]
    for k in range(8):
        far = (k + 1) % 8
        r1, c1, r2, c2 = row + _ROW[k], column + _COLUMN[k], row + _ROW[far], column + _COLUMN[far]
        if min(r1, r2, c1, c2) < 0 or max(r1, r2) >= rows or max(c1, c2) >= columns:
            continue
        z1, z2 = filled[r1, c1], filled[r2, c2]
        if np.isnan(z1) or np.isnan(z2):
            continue
        x1, y1 = _COLUMN[k] * dx, -_ROW[k] * dy
        x2, y2 = _COLUMN[far] * dx, -_ROW[far] * dy
        determinant = x1 * y2 - x2 * y1
        gx = ((z0 - z1) * y2 - (z0 - z2) * y1) / determinant
        gy = ((z0 - z2) * x1 - (z0 - z1) * x2) / determinant
        angle = np.arctan2(gy, gx)
        a1, a2 = np.arctan2(y1, x1), np.arctan2(y2, x2)
        turn, span = (angle - a1) % (2 * np.pi), (a2 - a1) % (2 * np.pi)
        slope = np.hypot(gx, gy)
        if turn > span:
            # The descent leaves the triangle: the steeper of its two sides.
            s1, s2 = (z0 - z1) / np.hypot(x1, y1), (z0 - z2) / np.hypot(x2, y2)
            slope, angle = (s1, a1) if s1 >= s2 else (s2, a2)
        if slope > best:
            best, found = slope, angle
    return found


@njit(cache=True)
def follow(
    filled: Array, out: NDArray[np.int64], order: NDArray[np.int64], start: int, dx: float, dy: float, length: float
) -> NDArray[np.int64]:
    """Cells of the path down from a cell.

    Parameters
    ----------
    filled, out, order
        Results of :func:`flood`.
    start : int
        First cell, ``row * columns + column``.
    dx, dy : float
        Cell size, m.
    length : float
        The path stops after so many metres along cell centres, or at an outlet.

    Returns
    -------
    ndarray of int64

    References
    ----------
    Tarboton, D. G. (1997), Water Resources Research 33, 309-319 (descent over eight triangles).
    Orlandini, S. et al. (2003), Water Resources Research 39, 1144 (least transversal deviation).
    """
    columns = filled.shape[1]
    path = [start]
    gone, drift = 0.0, 0.0
    cell = start
    while gone < length and out[cell] >= 0:
        row, column = cell // columns, cell % columns
        angle = _descent(filled, row, column, dx, dy)
        choice, left = -1, 0.0
        if not np.isnan(angle):
            for k in range(8):
                near = (row + _ROW[k]) * columns + column + _COLUMN[k]
                if order[near] < 0 or order[near] >= order[cell]:
                    continue
                x, y = _COLUMN[k] * dx, -_ROW[k] * dy
                off = (np.arctan2(y, x) - angle + np.pi) % (2 * np.pi) - np.pi
                if abs(off) > np.pi / 4 + 1e-9 or filled[row + _ROW[k], column + _COLUMN[k]] > filled[row, column]:
                    continue
                moved = drift + np.hypot(x, y) * np.sin(off)
                if choice < 0 or abs(moved) < abs(left):
                    choice, left = k, moved
        if choice < 0:
            near, left = out[cell], 0.0
        else:
            near = (row + _ROW[choice]) * columns + column + _COLUMN[choice]
        gone += np.hypot((near % columns - column) * dx, (near // columns - row) * dy)
        drift = left
        cell = near
        path.append(cell)
    return np.array(path)
