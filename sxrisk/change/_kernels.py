"""Compiled normals of M3C2, from the neighbours in a sphere.

They walk the columns that the sphere can touch, row by row, join neighbouring columns into runs of consecutive points,
and go through each run without a branch, in whole vectors (what lies behind the run gets weight 0), which the compiler
turns into vector instructions. Sums may be reordered for that. Whether a point is inside is decided in float64.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

from sxrisk.change._column_grid import PADDING, first_at_least

__all__ = ["most_planar_normals", "nearest_rows", "sphere_normals"]

# Columns are chosen with this much to spare, so that rounding in a column's border cannot lose a point (metres).
_MARGIN = 1e-6
_BLOCK = 256  # core points a thread takes at a time
_REORDER = {"reassoc", "nsz", "contract"}
# Eigenvalues closer than this part of the largest are not told apart by the closed form.
_CLOSE = 1e-4


@njit(fastmath=_REORDER, cache=True)
def _sphere_moments(x, y, z, size, cx, cy, cz, r2):
    """Count, sums and sums of products of the points of a run inside a sphere, about its centre."""
    n = sx = sy = sz = xx = yy = zz = xy = xz = yz = 0.0
    for k in range((size + PADDING - 1) // PADDING * PADDING):
        a, b, c = x[k] - cx, y[k] - cy, z[k] - cz
        w = 1.0 if (a * a + b * b + c * c <= r2) & (k < size) else 0.0
        wa, wb, wc = w * a, w * b, w * c
        n += w
        sx += wa
        sy += wb
        sz += wc
        xx += wa * a
        yy += wb * b
        zz += wc * c
        xy += wa * b
        xz += wa * c
        yz += wb * c
    return n, sx, sy, sz, xx, yy, zz, xy, xz, yz


@njit(cache=True)
def _smallest_by_jacobi(a, b, c, d, e, f):
    """Eigenvector of the smallest eigenvalue by rotations, and whether that eigenvalue stands alone."""
    m = np.array([[a, d, e], [d, b, f], [e, f, c]])
    v = np.eye(3)
    for _ in range(12):
        if abs(m[0, 1]) + abs(m[0, 2]) + abs(m[1, 2]) == 0.0:
            break
        for p, q in ((0, 1), (0, 2), (1, 2)):
            if m[p, q] == 0.0:
                continue
            theta = (m[q, q] - m[p, p]) / (2.0 * m[p, q])
            t = math.copysign(1.0, theta) / (abs(theta) + math.hypot(theta, 1.0))
            cos = 1.0 / math.sqrt(t * t + 1.0)
            sin = t * cos
            for k in range(3):
                m[k, p], m[k, q] = cos * m[k, p] - sin * m[k, q], sin * m[k, p] + cos * m[k, q]
            for k in range(3):
                m[p, k], m[q, k] = cos * m[p, k] - sin * m[q, k], sin * m[p, k] + cos * m[q, k]
            for k in range(3):
                v[k, p], v[k, q] = cos * v[k, p] - sin * v[k, q], sin * v[k, p] + cos * v[k, q]
    i = 0
    for k in range(1, 3):
        if m[k, k] < m[i, i]:
            i = k
    middle, largest = np.inf, 0.0
    for k in range(3):
        largest = max(largest, m[k, k])
        if k != i:
            middle = min(middle, m[k, k])
    return v[0, i], v[1, i], v[2, i], middle - m[i, i] > 1e-12 * largest


@njit(cache=True)
def _smallest_eigenvector(a, b, c, d, e, f):
    """Unit eigenvector of the smallest eigenvalue of [[a, d, e], [d, b, f], [e, f, c]], and whether it is defined.

    The closed form takes a fifth of the time of rotations; where it cannot tell two eigenvalues apart, rotations
    decide.
    """
    mean = (a + b + c) / 3.0
    off = d * d + e * e + f * f
    p = math.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + 2.0 * off) / 6.0)
    if p <= 1e-12 * mean or not mean > 0.0:
        return 0.0, 0.0, 1.0, False
    A, B, C, D, E, F = (a - mean) / p, (b - mean) / p, (c - mean) / p, d / p, e / p, f / p
    half_det = 0.5 * (A * (B * C - F * F) - D * (D * C - F * E) + E * (D * F - B * E))
    angle = math.acos(min(1.0, max(-1.0, half_det))) / 3.0
    largest = mean + 2.0 * p * math.cos(angle)
    smallest = mean + 2.0 * p * math.cos(angle + 2.0 * math.pi / 3.0)
    if 3.0 * mean - largest - 2.0 * smallest < _CLOSE * largest:
        return _smallest_by_jacobi(a, b, c, d, e, f)
    a, b, c = a - smallest, b - smallest, c - smallest
    # Any two rows of the matrix span the plane of the other eigenvectors: the longest cross product is the safest.
    x, y, z = d * f - e * b, e * d - a * f, a * b - d * d
    best = x * x + y * y + z * z
    for x2, y2, z2 in ((d * c - e * f, e * e - a * c, a * f - d * e), (b * c - f * f, f * e - d * c, d * f - b * e)):
        square = x2 * x2 + y2 * y2 + z2 * z2
        if square > best:
            x, y, z, best = x2, y2, z2, square
    length = math.sqrt(best)
    return x / length, y / length, z / length, True


@njit(cache=True)
def _covariance(grid, cx, cy, cz, radius):
    """Number of the points in a sphere and the sums of their centred products: xx, yy, zz, xy, xz, yz."""
    reach = radius + _MARGIN
    inverse = 1.0 / grid.cell
    r2 = radius * radius
    n = sx = sy = sz = xx = yy = zz = xy = xz = yz = 0.0
    first_row = max(0, math.floor((cx - reach) * inverse) - grid.ix0)
    last_row = min(grid.nx - 1, math.floor((cx + reach) * inverse) - grid.ix0)
    for i in range(first_row, last_row + 1):
        slab = (grid.ix0 + i) * grid.cell
        gap = max(0.0, slab - cx, cx - slab - grid.cell)
        left = reach * reach - gap * gap
        if left < 0.0:
            continue
        h = math.sqrt(left)
        j0 = max(0, math.floor((cy - h) * inverse) - grid.iy0)
        j1 = min(grid.ny - 1, math.floor((cy + h) * inverse) - grid.iy0)
        s = e = 0
        for j in range(j0, j1 + 2):
            first = last = -1
            if j <= j1:
                column = i * grid.ny + j
                if grid.low[column] > cz + h or grid.high[column] < cz - h:
                    continue
                first, last = grid.start[column], grid.start[column + 1]
                if grid.tall[column]:
                    first = first_at_least(grid.z, first, last, cz - h)
                    last = first_at_least(grid.z, first, last, cz + h)
            if first != e:
                if e > s:
                    m = _sphere_moments(grid.x[s:], grid.y[s:], grid.z[s:], e - s, cx, cy, cz, r2)
                    n += m[0]
                    sx += m[1]
                    sy += m[2]
                    sz += m[3]
                    xx += m[4]
                    yy += m[5]
                    zz += m[6]
                    xy += m[7]
                    xz += m[8]
                    yz += m[9]
                s = first
            e = last
    k = 1.0 / max(n, 1.0)
    return n, xx - sx * sx * k, yy - sy * sy * k, zz - sz * sz * k, xy - sx * sy * k, xz - sx * sz * k, yz - sy * sz * k


@njit(parallel=True, cache=True)
def sphere_normals(grid, core, radius, normals):
    """Normals at the core points of a column grid, unoriented; NaN where the neighbours define none.

    Parameters
    ----------
    grid, core : ColumnGrid
        Cloud and core points with the same origin.
    radius : float
        Radius of the neighbourhood, metres.
    normals : (m, 3) float64
        Output, in the order the core points had before they were sorted.
    """
    m = len(core.source)
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            n, xx, yy, zz, xy, xz, yz = _covariance(grid, core.x[i], core.y[i], core.z[i], radius)
            x, y, z, defined = _smallest_eigenvector(xx, yy, zz, xy, xz, yz)
            k = core.source[i]
            defined = defined & (n >= 3.0)
            normals[k, 0] = x if defined else np.nan
            normals[k, 1] = y if defined else np.nan
            normals[k, 2] = z if defined else np.nan


@njit(cache=True)
def _planarity(xx, yy, zz, xy, xz, yz, x, y, z):
    """(middle - smallest) / largest eigenvalue of a covariance whose smallest eigenvector is known."""
    ax, ay, az = xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z
    smallest = ax * x + ay * y + az * z
    both = xx + yy + zz - smallest
    minors = xx * yy - xy * xy + xx * zz - xz * xz + yy * zz - yz * yz
    product = minors - smallest * both
    root = math.sqrt(max(0.0, 0.25 * both * both - product))
    largest = 0.5 * both + root
    return (0.5 * both - root - smallest) / largest if largest > 0.0 else 0.0


@njit(parallel=True, cache=True)
def most_planar_normals(grid, core, radii, min_points, normals, chosen):
    """Normals at the scale, of several, at which the neighbourhood of each core point is most planar.

    Parameters
    ----------
    grid, core : ColumnGrid
        Cloud and core points with the same origin.
    radii : (k,) float64
        Radii of the neighbourhoods, metres. Between equally planar ones the first wins.
    min_points : int
        A neighbourhood of fewer points does not count: three points are always planar.
    normals : (m, 3) float64
        Output, in the unsorted order of the core points; NaN where no scale defines one.
    chosen : (m,) float64
        Output: the radius that was taken, NaN without a normal.
    """
    m = len(core.source)
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            k = core.source[i]
            normals[k, :] = np.nan
            chosen[k] = np.nan
            best = -1.0
            for radius in radii:
                n, xx, yy, zz, xy, xz, yz = _covariance(grid, core.x[i], core.y[i], core.z[i], radius)
                x, y, z, defined = _smallest_eigenvector(xx, yy, zz, xy, xz, yz)
                if not defined or n < min_points:
                    continue
                planarity = _planarity(xx, yy, zz, xy, xz, yz, x, y, z)
                if planarity > best:
                    best = planarity
                    chosen[k] = radius
                    normals[k, 0], normals[k, 1], normals[k, 2] = x, y, z


@njit(parallel=True, cache=True)
def nearest_rows(grid, core, radius, rows):
    """Row (m,) in the cloud of the point nearest to each core point, -1 where none is within `radius`.

    Between equally near points the first of the cloud wins. Parameters as of :func:`sphere_normals`.
    """
    m = len(core.source)
    inverse = 1.0 / grid.cell
    for t in prange((m + _BLOCK - 1) // _BLOCK):
        for i in range(t * _BLOCK, min(m, (t + 1) * _BLOCK)):
            cx, cy, cz = core.x[i], core.y[i], core.z[i]
            best, row = radius * radius, -1
            reach = radius + _MARGIN
            j0 = max(0, math.floor((cy - reach) * inverse) - grid.iy0)
            j1 = min(grid.ny - 1, math.floor((cy + reach) * inverse) - grid.iy0)
            i0 = max(0, math.floor((cx - reach) * inverse) - grid.ix0)
            i1 = min(grid.nx - 1, math.floor((cx + reach) * inverse) - grid.ix0)
            for column_row in range(i0, i1 + 1):
                if j0 > j1:
                    continue
                for p in range(grid.start[column_row * grid.ny + j0], grid.start[column_row * grid.ny + j1 + 1]):
                    a, b, c = grid.x[p] - cx, grid.y[p] - cy, grid.z[p] - cz
                    square = a * a + b * b + c * c
                    if square < best or (square == best and (row < 0 or grid.source[p] < row)):
                        best, row = square, grid.source[p]
            rows[core.source[i]] = row
