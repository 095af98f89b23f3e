"""Compiled loop of the volume between two triangulated surfaces: exact, piece by piece."""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

__all__ = ["prisms"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _clipped(polygon: Floats, n: int, ax: float, ay: float, bx: float, by: float, out: Floats) -> int:
    """The part of a convex polygon to the left of the line from a to b."""
    count = 0
    for i in range(n):
        px, py = polygon[i, 0], polygon[i, 1]
        qx, qy = polygon[(i + 1) % n, 0], polygon[(i + 1) % n, 1]
        p = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
        q = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
        if p >= 0:
            out[count, 0], out[count, 1] = px, py
            count += 1
        if (p > 0 and q < 0) or (p < 0 and q > 0):
            share = p / (p - q)
            out[count, 0], out[count, 1] = px + share * (qx - px), py + share * (qy - py)
            count += 1
    return count


@njit(cache=True, nogil=True)
def _plane(corners: Floats) -> tuple[float, float, float]:
    """Rise in x and y of the plane through three points, and its height at the origin."""
    ux, uy, uz = corners[1, 0] - corners[0, 0], corners[1, 1] - corners[0, 1], corners[1, 2] - corners[0, 2]
    vx, vy, vz = corners[2, 0] - corners[0, 0], corners[2, 1] - corners[0, 1], corners[2, 2] - corners[0, 2]
    twice = ux * vy - uy * vx
    gx, gy = (uz * vy - vz * uy) / twice, (ux * vz - vx * uz) / twice
    return gx, gy, corners[0, 2] - gx * corners[0, 0] - gy * corners[0, 1]


@njit(cache=True, nogil=True)
def _split(d: Floats, x: Floats, y: Floats) -> tuple[float, float, float]:
    """Volume below zero, above zero and area of a triangle whose corners have the heights d."""
    area = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])) / 2.0
    net = area * (d[0] + d[1] + d[2]) / 3.0
    above = 0
    for i in range(3):
        above += d[i] > 0
    if above == 3:
        return 0.0, net, area
    if above == 0:
        return -net, 0.0, area
    # The corner that stands alone carries a small pyramid; the rest follows from the net.
    for i in range(3):
        if (d[i] > 0) == (above == 1):
            p, q = d[i] - d[(i + 1) % 3], d[i] - d[(i + 2) % 3]
            part = area * d[i] ** 3 / (3.0 * p * q)
            return (part - net, part, area) if above == 1 else (-part, net - part, area)
    return 0.0, 0.0, area


@njit(cache=True, parallel=True, nogil=True)
def prisms(first: Floats, second: Floats, start: Ints, listed: Ints, cell: float, n_columns: int) -> Floats:
    """Cut, fill and common area (m, 3) over each triangle of `first` (m, 3, 3) with all of `second` (k, 3, 3).

    Both counter-clockwise in plan, offsets from the lower left corner of buckets of size `cell`; `listed[start[b]:
    start[b + 1]]` are the triangles of `second` whose boxes touch bucket b. A pair is counted in the bucket of the
    lower left corner of what their boxes have in common.
    """
    out = np.zeros((len(first), 3))
    for t in prange(len(first)):
        a = first[t]
        gx, gy, g0 = _plane(a)
        one, two = np.empty((12, 2)), np.empty((12, 2))
        d, x, y = np.empty(3), np.empty(3), np.empty(3)
        low_x, high_x = min(a[0, 0], a[1, 0], a[2, 0]), max(a[0, 0], a[1, 0], a[2, 0])
        low_y, high_y = min(a[0, 1], a[1, 1], a[2, 1]), max(a[0, 1], a[1, 1], a[2, 1])
        n_rows = (len(start) - 1) // n_columns
        for r in range(max(int(low_y // cell), 0), min(int(high_y // cell), n_rows - 1) + 1):
            for c in range(max(int(low_x // cell), 0), min(int(high_x // cell), n_columns - 1) + 1):
                for place in range(start[r * n_columns + c], start[r * n_columns + c + 1]):
                    b = second[listed[place]]
                    left = max(low_x, min(b[0, 0], b[1, 0], b[2, 0]))
                    bottom = max(low_y, min(b[0, 1], b[1, 1], b[2, 1]))
                    if left > min(high_x, max(b[0, 0], b[1, 0], b[2, 0])):
                        continue
                    if bottom > min(high_y, max(b[0, 1], b[1, 1], b[2, 1])):
                        continue
                    if max(int(left // cell), 0) != c or max(int(bottom // cell), 0) != r:
                        continue
                    one[:3] = a[:, :2]
                    n = _clipped(one, 3, b[0, 0], b[0, 1], b[1, 0], b[1, 1], two)
                    n = _clipped(two, n, b[1, 0], b[1, 1], b[2, 0], b[2, 1], one)
                    n = _clipped(one, n, b[2, 0], b[2, 1], b[0, 0], b[0, 1], two)
                    if n < 3:
                        continue
                    hx, hy, h0 = _plane(b)
                    for i in range(1, n - 1):
                        for k, j in enumerate((0, i, i + 1)):
                            x[k], y[k] = two[j, 0], two[j, 1]
                            d[k] = (hx - gx) * x[k] + (hy - gy) * y[k] + h0 - g0
                        cut, fill, area = _split(d, x, y)
                        if math.isfinite(cut + fill):
                            out[t, 0] += cut
                            out[t, 1] += fill
                            out[t, 2] += area
    return out
