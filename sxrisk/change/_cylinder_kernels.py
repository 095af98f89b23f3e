"""Compiled statistics of M3C2: what stands in the cylinder of each core point.

The columns that a cylinder can touch are walked row by row and joined into runs of consecutive points. For mean and
variance a run is gone through without a branch, in whole vectors (what lies behind the run gets weight 0), which the
compiler x may be reordered for that. Whether a point is inside is decided in float64.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

from sxrisk.change._column_grid import PADDING, first_at_least

__all__ = ["cylinder_medians", "cylinder_statistics", "propagated_statistics"]

# Columns are chosen with this much to spare, so that rounding in a column's border cannot lose a point (metres).
_MARGIN = 1e-6
_BLOCK = 256  # core points a thread takes at a time
_REORDER = {"reassoc", "nsz", "contract"}


@njit(fastmath=_REORDER, cache=True)
def _cylinder_sums(x, y, z, size, cx, cy, cz, ux, uy, uz, r2, half):
    """Count, sum and sum of squares of the positions along the axis of the points of a run inside a cylinder."""
    n = s1 = s2 = 0.0
    for k in range((size + PADDING - 1) // PADDING * PADDING):
        a, b, c = x[k] - cx, y[k] - cy, z[k] - cz
        t = a * ux + b * uy + c * uz
        w = 1.0 if (abs(t) <= half) & (a * a + b * b + c * c - t * t <= r2) & (k < size) else 0.0
        wt = w * t
        n += w
        s1 += wt
        s2 += wt * t
    return n, s1, s2


@njit(cache=True)
def _axis_interval(low, high, u, t0, t1):
    """Part of the axis from t0 to t1 whose coordinate t * u lies between low and high."""
    if abs(u) < 1e-9:
        return t0, t1
    p, q = low / u, high / u
    return max(t0, min(p, q)), min(t1, max(p, q))


@njit(cache=True)
def _runs(grid, cx, cy, cz, ux, uy, uz, radius, half, runs):
    """Write the runs of points, first and behind the last, that a cylinder can touch, and return their number."""
    inverse = 1.0 / grid.cell
    # How far a disc across the axis reaches along x, y and z.
    rx = radius * math.sqrt(max(0.0, 1.0 - ux * ux)) + _MARGIN
    ry = radius * math.sqrt(max(0.0, 1.0 - uy * uy)) + _MARGIN
    rz = radius * math.sqrt(max(0.0, 1.0 - uz * uz)) + _MARGIN
    found = 0
    reach = abs(ux) * half + rx
    first_row = max(0, math.floor((cx - reach) * inverse) - grid.ix0)
    last_row = min(grid.nx - 1, math.floor((cx + reach) * inverse) - grid.ix0)
    for i in range(first_row, last_row + 1):
        slab = (grid.ix0 + i) * grid.cell - cx
        t0, t1 = _axis_interval(slab - rx, slab + grid.cell + rx, ux, -half, half)
        if t0 > t1:
            continue
        j0 = max(0, math.floor((cy + min(t0 * uy, t1 * uy) - ry) * inverse) - grid.iy0)
        j1 = min(grid.ny - 1, math.floor((cy + max(t0 * uy, t1 * uy) + ry) * inverse) - grid.iy0)
        end = -1
        for j in range(j0, j1 + 1):
            slab = (grid.iy0 + j) * grid.cell - cy
            ta, tb = _axis_interval(slab - ry, slab + grid.cell + ry, uy, t0, t1)
            bottom = cz + min(ta * uz, tb * uz) - rz
            top = cz + max(ta * uz, tb * uz) + rz
            column = i * grid.ny + j
            if ta > tb or grid.low[column] > top or grid.high[column] < bottom:
                continue
            first, last = grid.start[column], grid.start[column + 1]
            if grid.tall[column]:
                first = first_at_least(grid.z, first, last, bottom)
                last = first_at_least(grid.z, first, last, top)
            if last <= first:
                continue
            if first != end:
                runs[2 * found] = first
                found += 1
            runs[2 * found - 1] = last
            end = last
    return found


@njit(cache=True)
def _room_for_runs(grid, radius, half):
    """Buffer for as many runs as there are columns that a cylinder of any direction can touch."""
    across = math.floor(2.0 * (half + radius + 2.0 * _MARGIN) / grid.cell) + 2
    return np.empty(2 * min(across, grid.nx + 1) * min(across, grid.ny + 1), np.int64)


@njit(parallel=True, cache=True)
def cylinder_statistics(grid, core, normals, radius, half_length, count, mean, variance):
    """Count, mean and sample variance of the positions along the normal of the points in each core point's cylinder.

    Positions are counted from the core point, so that squares stay small and one pass is enough. Core points without a
    normal get a count of 0; the mean is NaN below one point, the variance below two.

    Parameters
    ----------
    grid, core : ColumnGrid
        Cloud and core points with the same origin.
    normals : (m, 3) float64
        Unit normals in the unsorted order of the core points.
    radius, half_length : float
        Radius and one-sided length of the cylinder, metres; its surface belongs to it.
    count, mean, variance : (m,) int32, float64, float64
        Output, in the unsorted order of the core points.
    """
    m = len(core.source)
    r2 = radius * radius
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        runs = _room_for_runs(grid, radius, half_length)
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            k = core.source[i]
            n = s1 = s2 = 0.0
            ux, uy, uz = normals[k, 0], normals[k, 1], normals[k, 2]
            if math.isfinite(ux + uy + uz):
                cx, cy, cz = core.x[i], core.y[i], core.z[i]
                found = _runs(grid, cx, cy, cz, ux, uy, uz, radius, half_length, runs)
                for q in range(found):
                    s, e = runs[2 * q], runs[2 * q + 1]
                    part = _cylinder_sums(
                        grid.x[s:], grid.y[s:], grid.z[s:], e - s, cx, cy, cz, ux, uy, uz, r2, half_length
                    )
                    n += part[0]
                    s1 += part[1]
                    s2 += part[2]
            count[k] = int(n)
            mean[k] = s1 / n if n > 0.0 else np.nan
            variance[k] = max(0.0, (s2 - s1 * s1 / n) / (n - 1.0)) if n > 1.0 else np.nan


@njit(cache=True)
def _gather(grid, runs, found, cx, cy, cz, ux, uy, uz, r2, half, places, along):
    """Collect place in the grid and position along the axis of the points inside a cylinder; return their number."""
    n = 0
    for q in range(found):
        for k in range(runs[2 * q], runs[2 * q + 1]):
            a, b, c = grid.x[k] - cx, grid.y[k] - cy, grid.z[k] - cz
            t = a * ux + b * uy + c * uz
            # Written first and counted after: no branch that could be guessed wrong.
            places[n] = k
            along[n] = t
            n += (abs(t) <= half) & (a * a + b * b + c * c - t * t <= r2)
    return n


@njit(cache=True)
def _room(runs, found, places, along):
    """Buffers long enough for every point of the runs."""
    size = 0
    for q in range(found):
        size += runs[2 * q + 1] - runs[2 * q]
    if size > len(along):
        return np.empty(2 * size, np.int64), np.empty(2 * size, np.float64)
    return places, along


@njit(cache=True)
def _select(v, low, high, k):
    """Bring the value of rank `k` of v[low:high] to its place, smaller ones before it."""
    high -= 1
    while low < high:
        pivot = v[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while v[i] < pivot:
                i += 1
            while v[j] > pivot:
                j -= 1
            if i <= j:
                v[i], v[j] = v[j], v[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            return v[k]
    return v[k]


@njit(cache=True)
def _quantile(v, low, n, quarters):
    """The quarters / 4 quantile of v[:n], nothing before `low` being larger; averaged where it falls between two."""
    k = quarters * n // 4
    upper = _select(v, low, n, k)
    if quarters * n % 4 or k == 0:
        return upper
    below = v[low] if k > low else v[k - 1]
    for i in range(low, k):
        below = max(below, v[i])
    return 0.5 * (below + upper)


@njit(parallel=True, cache=True)
def cylinder_medians(grid, core, normals, radius, half_length, count, median, iqr):
    """Count, median and interquartile range of the positions along the normal of the points in each cylinder.

    Quantiles are those of the step function of the sample, averaged at its steps (type 2 of Hyndman and Fan). Both are
    NaN without a point. Parameters as of :func:`cylinder_statistics`.
    """
    m = len(core.source)
    r2 = radius * radius
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        runs = _room_for_runs(grid, radius, half_length)
        places, along = np.empty(256, np.int64), np.empty(256)
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            k = core.source[i]
            n = 0
            ux, uy, uz = normals[k, 0], normals[k, 1], normals[k, 2]
            if math.isfinite(ux + uy + uz):
                cx, cy, cz = core.x[i], core.y[i], core.z[i]
                found = _runs(grid, cx, cy, cz, ux, uy, uz, radius, half_length, runs)
                places, along = _room(runs, found, places, along)
                n = _gather(grid, runs, found, cx, cy, cz, ux, uy, uz, r2, half_length, places, along)
            count[k] = n
            median[k] = iqr[k] = np.nan
            if n > 0:
                first = _quantile(along, 0, n, 1)
                median[k] = _quantile(along, n // 4, n, 2)
                iqr[k] = _quantile(along, n // 2, n, 3) - first


@njit(parallel=True, cache=True)
def propagated_statistics(
    grid, core, normals, radius, half_length, stations, station, errors, count, mean, variance, propagated
):
    """As :func:`cylinder_statistics`, with the variance of the mean that the scanner's errors give.

    Parameters
    ----------
    grid, core, normals, radius, half_length, count, mean, variance
        As of :func:`cylinder_statistics`.
    stations : (k, 3) float64
        Scanner stations, offsets from the grid's origin.
    station : (n,) int32
        Station of each point, in the order of the cloud before it was sorted.
    errors : (4,) float64
        1 sigma of range in metres, of horizontal and vertical angle in radians, and of the beam's spread in radians.
    propagated : (m,) float64
        Output: variance of the mean along the normal, square metres; NaN without a point.
    """
    m = len(core.source)
    r2 = radius * radius
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        runs = _room_for_runs(grid, radius, half_length)
        places, along = np.empty(256, np.int64), np.empty(256)
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            k = core.source[i]
            n = 0
            s1 = s2 = spread = 0.0
            ux, uy, uz = normals[k, 0], normals[k, 1], normals[k, 2]
            if math.isfinite(ux + uy + uz):
                cx, cy, cz = core.x[i], core.y[i], core.z[i]
                found = _runs(grid, cx, cy, cz, ux, uy, uz, radius, half_length, runs)
                places, along = _room(runs, found, places, along)
                n = _gather(grid, runs, found, cx, cy, cz, ux, uy, uz, r2, half_length, places, along)
            for q in range(n):
                s1 += along[q]
                s2 += along[q] * along[q]
                p = places[q]
                s = station[grid.source[p]]
                dx, dy, dz = grid.x[p] - stations[s, 0], grid.y[p] - stations[s, 1], grid.z[p] - stations[s, 2]
                spread += _point_variance(dx, dy, dz, ux, uy, uz, errors)
            count[k] = n
            mean[k] = s1 / n if n > 0 else np.nan
            variance[k] = max(0.0, (s2 - s1 * s1 / n) / (n - 1.0)) if n > 1 else np.nan
            propagated[k] = spread / (n * n) if n > 0 else np.nan


@njit(cache=True)
def _point_variance(dx, dy, dz, ux, uy, uz, errors):
    """Variance along u of a point at (dx, dy, dz) from its scanner."""
    flat2 = dx * dx + dy * dy
    range2 = flat2 + dz * dz
    flat = math.sqrt(flat2)
    in_plan = dx * ux + dy * uy
    by_range = (in_plan + dz * uz) ** 2 / range2 if range2 > 0.0 else 1.0
    by_turn = (dx * uy - dy * ux) ** 2
    by_tilt = (flat * uz - dz * in_plan / flat) ** 2 if flat > 0.0 else dz * dz * (ux * ux + uy * uy)
    # The footprint's depth is its size times the tangent of the incidence; along the normal, the sine.
    by_footprint = range2 * (1.0 - by_range)
    return (
        errors[0] ** 2 * by_range
        + errors[1] ** 2 * by_turn
        + errors[2] ** 2 * by_tilt
        + errors[3] ** 2 * max(0.0, by_footprint)
    )
