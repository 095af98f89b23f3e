"""Compiled parts of cavity meshing: averaging over directions, and quadratic patches through walls."""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["average_cells", "cell_numbers", "fit_patches", "patch_offsets"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_TUKEY = 4.7  # in robust sigmas: 95 % efficient on Gaussian noise
_SMOOTHING = 1e-3  # ridge of the patches' curvature, in parts of the neighbours' own weight
_SAME_SIDE = 0.5  # neighbours whose normals turn farther than 60 degrees are another wall


@njit(cache=True, parallel=True)
def cell_numbers(offset: Floats, pieces: Rows, before: Rows) -> Rows:
    """Number of the angular cell of each offset (n, 3): `pieces` cells in each ring, `before` it all rings below."""
    found = np.empty(len(offset), np.int64)
    n_rings = len(pieces)
    for i in prange(len(offset)):
        x, y, z = offset[i, 0], offset[i, 1], offset[i, 2]
        up = math.atan2(z, math.sqrt(x * x + y * y))
        ring = min(max(int((up / math.pi + 0.5) * n_rings), 0), n_rings - 1)
        turn = math.atan2(y, x) / (2.0 * math.pi)
        turn -= math.floor(turn)
        found[i] = before[ring] + min(int(turn * pieces[ring]), pieces[ring] - 1)
    return found


@njit(cache=True)
def average_cells(
    offset: Floats, ranges: Floats, order: Rows, start: Rows, step: float, slope: float, share: float
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Mean, covariance and count of the points of each cell; whether it looks past an edge.

    Rows `order[start[c]:start[c + 1]]` lie in cell c. A cell looks past an edge where its ranges spread over more than
    `slope` cell lengths and one gap between them is wider than `share` of the spread.
    """
    n = len(start) - 1
    mean, spread, count = np.zeros((n, 3)), np.zeros((n, 6)), np.zeros(n)
    past = np.zeros(n, np.bool_)
    for c in range(n):
        first, last = start[c], start[c + 1]
        m = last - first
        if m == 0:
            continue
        count[c] = m
        near, far = np.inf, 0.0
        for k in range(first, last):
            i = order[k]
            near, far = min(near, ranges[i]), max(far, ranges[i])
            for axis in range(3):
                mean[c, axis] += offset[i, axis]
        mean[c] /= m
        if far - near > slope * step * near:
            along = np.sort(ranges[order[first:last]])
            widest = 0.0
            for k in range(1, m):
                widest = max(widest, along[k] - along[k - 1])
            past[c] = widest > share * (far - near)
        for k in range(first, last):
            i = order[k]
            x, y, z = offset[i, 0] - mean[c, 0], offset[i, 1] - mean[c, 1], offset[i, 2] - mean[c, 2]
            spread[c, 0] += x * x / m
            spread[c, 1] += y * y / m
            spread[c, 2] += z * z / m
            spread[c, 3] += x * y / m
            spread[c, 4] += x * z / m
            spread[c, 5] += y * z / m
    return mean, spread, count, past


@njit(cache=True)
def _solve(a: Floats, b: Floats, n: int) -> bool:
    """Solve the symmetric positive system in place by Cholesky; False where it is not positive."""
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            if i == j:
                if total <= 1e-14:
                    return False
                a[i, i] = math.sqrt(total)
            else:
                a[i, j] = total / a[j, j]
    for i in range(n):
        for k in range(i):
            b[i] -= a[i, k] * b[k]
        b[i] /= a[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= a[k, i] * b[k]
        b[i] /= a[i, i]
    return True


@njit(cache=True, parallel=True)
def fit_patches(
    points: Floats, normals: Floats, spread: Floats, count: Floats, neighbours: Rows, distance: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Quadratic patch through the wall around each point, by weighted least squares with one robust repetition.

    The patch is what single points follow: what averaging over a cell cuts off a curved wall is given back from the
    cell's own covariance.

    Parameters
    ----------
    points, normals : (n, 3) float64
        Means of cells and unit normals into the rock.
    spread : (n, 6) float64
        Covariances xx, yy, zz, xy, xz, yz of the cells.
    count : (n,) float64
        Points in each cell.
    neighbours, distance : (n, k)
        Rows and distances of the nearest points, the point itself first.

    Returns
    -------
    axes : (n, 9) float64
        Frame of each patch at its point: normal, u, v.
    shape : (n, 6) float64
        Height along the normal: 1, u, v, u^2, u v, v^2, metres.
    sigma : (n,) float64
        Robust misfit of the neighbours, metres; NaN where there is no patch.
    reach : (n,) float64
        Radius of the neighbourhood, metres.
    """
    n, k = neighbours.shape
    axes, shape = np.zeros((n, 9)), np.zeros((n, 6))
    sigma, reach = np.full(n, np.nan), np.zeros(n)
    for i in prange(n):
        normal = np.zeros(3)
        for j in range(k):
            q = neighbours[i, j]
            along = 0.0
            for axis in range(3):
                along += normals[i, axis] * normals[q, axis]
            if along > _SAME_SIDE:
                normal += normals[q]
        normal /= math.sqrt((normal * normal).sum()) + 1e-300
        least = 0
        for axis in range(1, 3):
            if abs(normal[axis]) < abs(normal[least]):
                least = axis
        u = -normal[least] * normal
        u[least] += 1.0
        u /= math.sqrt((u * u).sum())
        v = np.empty(3)
        v[0] = normal[1] * u[2] - normal[2] * u[1]
        v[1] = normal[2] * u[0] - normal[0] * u[2]
        v[2] = normal[0] * u[1] - normal[1] * u[0]
        radius = distance[i, k - 1] * 1.0001
        kept, place, weight = 0, np.empty((k, 6)), np.empty(k)
        for j in range(k):
            q = neighbours[i, j]
            if (normals[q] * normal).sum() <= _SAME_SIDE:
                continue
            d = points[q] - points[i]
            s = spread[q]
            place[kept, 0], place[kept, 1], place[kept, 2] = (d * u).sum(), (d * v).sum(), (d * normal).sum()
            for a in range(3):
                x, y = (u if a < 2 else v), (u if a == 0 else v)
                place[kept, 3 + a] = (
                    s[0] * x[0] * y[0]
                    + s[1] * x[1] * y[1]
                    + s[2] * x[2] * y[2]
                    + s[3] * (x[0] * y[1] + x[1] * y[0])
                    + s[4] * (x[0] * y[2] + x[2] * y[0])
                    + s[5] * (x[1] * y[2] + x[2] * y[1])
                )
            near = 1.0 - (distance[i, j] / radius) ** 2
            weight[kept] = count[q] * near * near
            kept += 1
        if kept < 8:
            continue
        # Neighbours lie far along a slanting wall and near across it: each axis gets its own unit.
        uu = vv = uv = total = 0.0
        for j in range(kept):
            total += weight[j]
            uu += weight[j] * place[j, 0] ** 2
            vv += weight[j] * place[j, 1] ** 2
            uv += weight[j] * place[j, 0] * place[j, 1]
        turn = 0.5 * math.atan2(2.0 * uv, uu - vv)
        c, s_ = math.cos(turn), math.sin(turn)
        turned_u, turned_v = c * u + s_ * v, c * v - s_ * u
        long = math.sqrt((c * c * uu + 2.0 * c * s_ * uv + s_ * s_ * vv) / total)
        wide = math.sqrt(max(s_ * s_ * uu - 2.0 * c * s_ * uv + c * c * vv, 1e-6 * (uu + vv)) / total)
        for j in range(kept):
            p, r = place[j, 0], place[j, 1]
            place[j, 0], place[j, 1] = (c * p + s_ * r) / long, (c * r - s_ * p) / wide
            p, r, t = place[j, 3], place[j, 4], place[j, 5]
            place[j, 3] = (c * c * p + 2.0 * c * s_ * r + s_ * s_ * t) / (long * long)
            place[j, 4] = (c * c * r - s_ * s_ * r + c * s_ * (t - p)) / (long * wide)
            place[j, 5] = (s_ * s_ * p - 2.0 * c * s_ * r + c * c * t) / (wide * wide)
        robust = np.ones(kept)
        found = np.zeros(6)
        row = np.empty(6)
        good, scale = True, 0.0
        for turn_ in range(2):
            left, right = np.zeros((6, 6)), np.zeros(6)
            total = 0.0
            for j in range(kept):
                w = weight[j] * robust[j]
                total += w
                p, r = place[j, 0], place[j, 1]
                row[0], row[1], row[2] = 1.0, p, r
                row[3], row[4], row[5] = p * p + place[j, 3], p * r + place[j, 4], r * r + place[j, 5]
                for x in range(6):
                    right[x] += w * row[x] * place[j, 2]
                    for y in range(x + 1):
                        left[x, y] += w * row[x] * row[y]
            for x in range(3, 6):
                left[x, x] += _SMOOTHING * total
            if not _solve(left, right, 6):
                good = False
                break
            found[:] = right
            residual = np.empty(kept)
            for j in range(kept):
                p, r = place[j, 0], place[j, 1]
                height = found[0] + found[1] * p + found[2] * r + found[3] * (p * p + place[j, 3])
                height += found[4] * (p * r + place[j, 4]) + found[5] * (r * r + place[j, 5])
                residual[j] = abs(place[j, 2] - height)
            scale = 1.4826 * np.median(residual) + 1e-9
            if turn_ == 0:
                for j in range(kept):
                    x = residual[j] / (_TUKEY * scale)
                    robust[j] = (1.0 - x * x) ** 2 if x < 1.0 else 0.0
        if not good:
            continue
        axes[i, 0:3], axes[i, 3:6], axes[i, 6:9] = normal, turned_u, turned_v
        shape[i, 0], shape[i, 1], shape[i, 2] = found[0], found[1] / long, found[2] / wide
        shape[i, 3], shape[i, 4], shape[i, 5] = found[3] / long**2, found[4] / (long * wide), found[5] / wide**2
        sigma[i], reach[i] = scale, radius
    return axes, shape, sigma, reach


@njit(cache=True, parallel=True)
def patch_offsets(
    places: Floats, ways: Floats, points: Floats, axes: Floats, shape: Floats, patch: Rows
) -> tuple[Floats, Floats]:
    """How far each place (n, 3) is from its patch along its way (n, 3), and the patch's normal there (n, 3).

    NaN where the way runs along the wall.
    """
    n = len(places)
    found, normals = np.full(n, np.nan), np.zeros((n, 3))
    for i in prange(n):
        q = patch[i]
        normal, u, v = axes[q, 0:3], axes[q, 3:6], axes[q, 6:9]
        d = places[i] - points[q]
        p, r, h = (d * u).sum(), (d * v).sum(), (d * normal).sum()
        dp, dr, dh = (ways[i] * u).sum(), (ways[i] * v).sum(), (ways[i] * normal).sum()
        t, good = 0.0, True
        s = shape[q]
        for _ in range(4):
            x, y = p + t * dp, r + t * dr
            gx, gy = s[1] + 2.0 * s[3] * x + s[4] * y, s[2] + s[4] * x + 2.0 * s[5] * y
            height = s[0] + s[1] * x + s[2] * y + s[3] * x * x + s[4] * x * y + s[5] * y * y
            rate = dh - gx * dp - gy * dr
            if rate < 0.05:
                good = False
                break
            t -= (h + t * dh - height) / rate
        if good:
            found[i] = t
            x, y = p + t * dp, r + t * dr
            gx, gy = s[1] + 2.0 * s[3] * x + s[4] * y, s[2] + s[4] * x + 2.0 * s[5] * y
            length = math.sqrt(1.0 + gx * gx + gy * gy)
            for axis in range(3):
                normals[i, axis] = (normal[axis] - gx * u[axis] - gy * v[axis]) / length
    return found, normals
