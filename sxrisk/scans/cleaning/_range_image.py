"""What a station saw in every direction: nearest and farthest point of a grid of azimuth and elevation, compiled."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["BEAMS_A_CELL", "RangeImage", "cell_step", "count_directions"]

Floats = NDArray[np.float64]

_COARSE_DEG = 3.0
_COARSE = (60, 120)
_MOST_CELLS = 12_000_000
_UNEXPLAINED = 0.06  # what a bumpy plane leaves of the variation of 1 / range; an edge leaves more
BEAMS_A_CELL = 1.5  # so that hardly a cell is empty where the scanner looked


class RangeImage:
    """Nearest point (3 coordinates) and farthest range per direction from one station.

    Parameters
    ----------
    step_rad : float
        Side of a cell, both ways; radians.
    """

    def __init__(self, step_rad: float) -> None:
        smallest = math.sqrt(2.0 * math.pi**2 / _MOST_CELLS)
        self.step = math.pi / math.floor(math.pi / max(step_rad, smallest))
        shape = round(math.pi / self.step), round(2.0 * math.pi / self.step)
        self.near = np.full((*shape, 3), np.nan)
        self.near_m = np.full(shape, np.inf)
        self.far_m = np.zeros(shape)

    def add(self, offsets: Floats) -> None:
        """Enter points (n, 3), as offsets from the station; the order does not matter."""
        _enter(offsets, self.step, self.near, self.near_m, self.far_m)

    def judge(self, offsets: Floats, gap_m: float) -> NDArray[np.uint8]:
        """Per point (n,) 0 for plausible, 1 for a mixed pixel, 2 for a ghost."""
        return np.asarray(_judge(offsets, self.step, self.near, self.near_m, self.far_m, gap_m))


def count_directions(offsets: Floats) -> NDArray[np.int64]:
    """Points in every 3 degrees of azimuth and elevation (60, 120)."""
    counts = np.zeros(_COARSE, np.int64)
    _count(offsets, math.radians(_COARSE_DEG), counts)
    return counts


def cell_step(counts: NDArray[np.int64]) -> float:
    """Side of a range image's cell, radians, from the points in every 3 degrees that hold any."""
    seen = counts[counts > 0]
    points = float(np.median(seen)) if len(seen) else 1.0
    return BEAMS_A_CELL * math.radians(_COARSE_DEG) / math.sqrt(points)


@njit(cache=True, inline="always")
def _cell(x, y, z, r, step, rows, columns):
    azimuth = math.atan2(y, x) + math.pi
    elevation = math.asin(max(-1.0, min(1.0, z / r))) + 0.5 * math.pi
    return min(int(elevation / step), rows - 1), min(int(azimuth / step), columns - 1)


@njit(cache=True)
def _count(offsets, step, counts):
    for i in range(len(offsets)):
        x, y, z = offsets[i]
        r = math.sqrt(x * x + y * y + z * z)
        if r > 0.0:
            row, column = _cell(x, y, z, r, step, counts.shape[0], counts.shape[1])
            counts[row, column] += 1


@njit(cache=True)
def _enter(offsets, step, near, near_m, far_m):
    rows, columns = near_m.shape
    for i in range(len(offsets)):
        x, y, z = offsets[i]
        r = math.sqrt(x * x + y * y + z * z)
        if r <= 0.0:
            continue
        row, column = _cell(x, y, z, r, step, rows, columns)
        far_m[row, column] = max(far_m[row, column], r)
        nearer = r < near_m[row, column]
        if r == near_m[row, column]:
            # Equal ranges: the coordinates decide, not which came first.
            for d in range(3):
                if offsets[i, d] != near[row, column, d]:
                    nearer = offsets[i, d] < near[row, column, d]
                    break
        if nearer:
            near_m[row, column] = r
            near[row, column, 0] = x
            near[row, column, 1] = y
            near[row, column, 2] = z


@njit(cache=True, inline="always")
def _plane(points, n, m):
    """Solve m . q = 1 over n points by least squares; False where they fix no plane."""
    a00 = a01 = a02 = a11 = a12 = a22 = 0.0
    b0 = b1 = b2 = 0.0
    for i in range(n):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        a00 += x * x
        a01 += x * y
        a02 += x * z
        a11 += y * y
        a12 += y * z
        a22 += z * z
        b0 += x
        b1 += y
        b2 += z
    c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
    det = a00 * c00 + a01 * c01 + a02 * c02
    if not det > 1e-14 * (a00 + a11 + a22) ** 3:
        return False
    c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
    m[0] = (c00 * b0 + c01 * b1 + c02 * b2) / det
    m[1] = (c01 * b0 + c11 * b1 + c12 * b2) / det
    m[2] = (c02 * b0 + c12 * b1 + c22 * b2) / det
    return True


@njit(cache=True, inline="always")
def _between_two(near, near_m, far_m, row, column, r, gap, points, m):
    """Whether the window shows two ranges, hardly anything between them, and `r` is between.

    A plane under a grazing beam has nearer and farther neighbours too, but evenly spread.
    """
    rows, columns = near_m.shape
    least, most = math.inf, 0.0
    for dr in range(-2, 3):
        for dc in range(-2, 3):
            a, b = row + dr, (column + dc) % columns
            if 0 <= a < rows and near_m[a, b] < math.inf:
                least = min(least, near_m[a, b])
                most = max(most, far_m[a, b])
    band = 0.2 * (most - least)
    if r - least < max(gap, band) or most - r < max(gap, band):
        return False
    seen = first = second = 0
    sum_r = sum_r2 = 0.0
    for dr in range(-2, 3):
        for dc in range(-2, 3):
            a, b = row + dr, (column + dc) % columns
            if 0 <= a < rows and near_m[a, b] < math.inf:
                for d in range(3):
                    points[seen, d] = near[a, b, d]
                seen += 1
                sum_r += near_m[a, b]
                sum_r2 += near_m[a, b] ** 2
                if near_m[a, b] < least + band:
                    first += 1
                elif near_m[a, b] > most - band:
                    second += 1
    if first < 4 or second < 4 or first + second < 0.7 * seen:
        return False
    if not _plane(points, seen, m):
        return True
    # 1 / range is linear over a plane: how much of its variation is explained so?
    left = total = 0.0
    for j in range(seen):
        x, y, z = points[j, 0], points[j, 1], points[j, 2]
        left += (m[0] * x + m[1] * y + m[2] * z - 1.0) ** 2
        total += (1.0 - math.sqrt(x * x + y * y + z * z) * sum_r / sum_r2) ** 2
    return left > _UNEXPLAINED * total


@njit(cache=True, parallel=True)
def _judge(offsets, step, near, near_m, far_m, gap):
    """See :meth:`RangeImage.judge`."""
    rows, columns = near_m.shape
    verdict = np.zeros(len(offsets), np.uint8)
    for block in prange((len(offsets) + 4095) // 4096):
        points = np.empty((25, 3))
        m = np.empty(3)
        for i in range(block * 4096, min(len(offsets), block * 4096 + 4096)):
            x, y, z = offsets[i]
            r = math.sqrt(x * x + y * y + z * z)
            if r <= 0.0:
                continue
            row, column = _cell(x, y, z, r, step, rows, columns)
            front = back = same = n = seen = 0
            low, high = math.inf, 0.0
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    a, b = row + dr, (column + dc) % columns
                    if a < 0 or a >= rows or not near_m[a, b] < math.inf:
                        continue
                    seen += 1
                    if near_m[a, b] < r - gap:
                        front += 1
                        low = min(low, near_m[a, b])
                        high = max(high, near_m[a, b])
                        for d in range(3):
                            points[n, d] = near[a, b, d]
                        n += 1
                    if far_m[a, b] > r + gap:
                        back += 1
                    if abs(near_m[a, b] - r) <= gap or abs(far_m[a, b] - r) <= gap:
                        same += 1
            if front >= 8:
                # Closed in front: one smooth surface, seen all around this direction.
                closed = high - low < gap
                if not closed and _plane(points, n, m):
                    worst = 0.0
                    size = math.sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2])
                    for j in range(n):
                        off = abs(m[0] * points[j, 0] + m[1] * points[j, 1] + m[2] * points[j, 2] - 1.0) / size
                        worst = max(worst, off)
                    along = (m[0] * x + m[1] * y + m[2] * z) / r
                    closed = worst < 0.5 * gap and along > 0.0 and 1.0 / along < r - gap
                if closed:
                    verdict[i] = 2
                    continue
            if (
                front >= 1
                and back >= 1
                and same <= 3
                and _between_two(near, near_m, far_m, row, column, r, gap, points, m)
            ):
                verdict[i] = 1
    return verdict
