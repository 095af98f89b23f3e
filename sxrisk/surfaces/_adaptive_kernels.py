"""Compiled loops of adaptive triangulation: what a triangle covers of a grid, and how far it is from the heights."""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

__all__ = ["cover", "hollow", "weights_of_nodes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _from_zero(step: int, first: int, low: int, high: int) -> tuple[int, int]:
    """The part of the columns low to high where first + step * column is not below zero."""
    if step > 0:
        return max(low, -(first // step)), high
    if step < 0:
        return low, min(high, first // -step)
    return (low, high) if first >= 0 else (low, low - 1)


@njit(cache=True, parallel=True, nogil=True)
def cover(
    heights: Floats, rows: Ints, columns: Ints, z: Floats, faces: Ints
) -> tuple[Floats, Ints, Ints, npt.NDArray[np.bool_]]:
    """What each triangle of grid nodes covers, its edges included.

    Parameters
    ----------
    heights : (ny, nx)
        NaN where unknown.
    rows, columns : (n,)
        Nodes that are vertices.
    z : (n,)
        Heights of the mesh there.
    faces : (m, 3)
        Rows of the two.

    Returns
    -------
    error : (m,) float64
        Greatest vertical distance of a known node from the plane.
    worst : (m,) int64
        That node (row * nx + column); -1 where the triangle covers none but its corners.
    farthest : (m,) int64
        Known node, not a corner, that is farthest from the corners: where to cut if the triangle straddles a rim.
    unknown : (m,) bool
        Whether it covers a node without height.
    """
    m, nx = len(faces), heights.shape[1]
    error, worst, farthest = np.zeros(m), np.full(m, -1, np.int64), np.full(m, -1, np.int64)
    unknown = np.zeros(m, np.bool_)
    for t in prange(m):
        ar, br, cr = rows[faces[t, 0]], rows[faces[t, 1]], rows[faces[t, 2]]
        ac, bc, cc = columns[faces[t, 0]], columns[faces[t, 1]], columns[faces[t, 2]]
        za, zb, zc = z[faces[t, 0]], z[faces[t, 1]], z[faces[t, 2]]
        twice = (bc - ac) * (cr - ar) - (cc - ac) * (br - ar)
        if twice == 0:
            continue
        reach = -1
        turn = 1 if twice > 0 else -1
        for r in range(min(ar, br, cr), max(ar, br, cr) + 1):
            # Whole numbers throughout: a node on an edge is on it.
            low, high = min(ac, bc, cc), max(ac, bc, cc)
            for step, first in (
                (turn * (cr - ar), turn * (-ac * (cr - ar) - (cc - ac) * (r - ar))),
                (turn * (ar - br), turn * ((bc - ac) * (r - ar) + ac * (br - ar))),
                (turn * (br - cr), turn * (twice + ac * (cr - br) + (cc - bc) * (r - ar))),
            ):
                low, high = _from_zero(step, first, low, high)
            for k in range(low, high + 1):
                u = (k - ac) * (cr - ar) - (cc - ac) * (r - ar)
                v = (bc - ac) * (r - ar) - (k - ac) * (br - ar)
                w = twice - u - v
                if u == twice or v == twice or w == twice:
                    continue
                height = heights[r, k]
                if math.isnan(height):
                    unknown[t] = True
                    continue
                plane = za + (u * (zb - za) + v * (zc - za)) / twice
                away = abs(height - plane)
                if away > error[t] or worst[t] < 0:
                    error[t], worst[t] = max(away, error[t]), r * nx + k
                apart = min((r - ar) ** 2 + (k - ac) ** 2, (r - br) ** 2 + (k - bc) ** 2, (r - cr) ** 2 + (k - cc) ** 2)
                if apart > reach:
                    reach, farthest[t] = apart, r * nx + k
    return error, worst, farthest, unknown


@njit(cache=True, nogil=True)
def weights_of_nodes(
    shape: tuple[int, int], rows: Ints, columns: Ints, faces: Ints
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Over each node of the grid the face, -1 without, and the weights of its three corners there."""
    face = np.full(shape, -1, np.int32)
    weights = np.zeros((shape[0], shape[1], 3))
    for t in range(len(faces)):
        ar, br, cr = rows[faces[t, 0]], rows[faces[t, 1]], rows[faces[t, 2]]
        ac, bc, cc = columns[faces[t, 0]], columns[faces[t, 1]], columns[faces[t, 2]]
        twice = (bc - ac) * (cr - ar) - (cc - ac) * (br - ar)
        if twice == 0:
            continue
        for r in range(min(ar, br, cr), max(ar, br, cr) + 1):
            for k in range(min(ac, bc, cc), max(ac, bc, cc) + 1):
                u = ((k - ac) * (cr - ar) - (cc - ac) * (r - ar)) / twice
                v = ((bc - ac) * (r - ar) - (k - ac) * (br - ar)) / twice
                if u >= 0.0 and v >= 0.0 and u + v <= 1.0 and face[r, k] < 0:
                    face[r, k] = t
                    weights[r, k, 0], weights[r, k, 1], weights[r, k, 2] = 1.0 - u - v, u, v
    return face, weights


@njit(cache=True, nogil=True)
def hollow(heights: Floats, rows: Ints, columns: Ints, faces: Ints) -> npt.NDArray[np.bool_]:
    """Whether an edge of each triangle runs over a square of the grid that has fewer than three known corners."""
    out = np.zeros(len(faces), np.bool_)
    for t in range(len(faces)):
        for k in range(3):
            i, j = faces[t, k], faces[t, (k + 1) % 3]
            rise, run = rows[j] - rows[i], columns[j] - columns[i]
            steps = 2 * max(abs(rise), abs(run))
            for s in range(1, steps, 2):
                y, x = rows[i] + rise * s / steps, columns[i] + run * s / steps
                low, left = math.floor(y), math.floor(x)
                if low == y or left == x:
                    # Along a line of nodes: both of its ends have to be known.
                    ends = math.isnan(heights[low, left]) or math.isnan(heights[math.ceil(y), math.ceil(x)])
                    out[t] = out[t] or ends
                    continue
                missing = 0
                for r in range(low, low + 2):
                    for c in range(left, left + 2):
                        missing += math.isnan(heights[r, c])
                out[t] = out[t] or missing > 1
    return out
