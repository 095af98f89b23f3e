"""Compiled integrals of a Gaussian influence function over polygons, exact edge by edge, and their derivatives.

With ``g(u) = exp(-pi |u|^2 / r^2) / r^2`` the mass of a polygon seen from a point is a sum over its edges. An edge at
the perpendicular distance p from the point, running from s0 to s1 along itself, gives ``V(p, s1) - V(p, s0)``: V is the
mass of the right triangle with legs p and s (Nicholson's V function). Its derivatives are closed in erf and exp. A
rectangle is the product of two profiles across it, and where it lies along the grid each profile is worked out once.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

__all__ = ["REACH", "fill_grid", "fill_points"]

# What is added up at a place: subsidence, its gradient, its second derivatives, the displacement, its gradient.
_SUMS = 11
#: Beyond this many radii from a polygon less than 1e-11 of the full subsidence is left.
REACH = 2.75

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0
_ROOT_PI = math.sqrt(math.pi)
_FLAT = 7.5  # behind it exp(-h^2 / 2) is below 1e-12


@njit(cache=True)
def _triangle(p, s, r):
    """Mass of the right triangle with its corner at the point, legs p (across) and s (along), both 0 or more."""
    if p == 0.0 or s == 0.0:
        return 0.0
    long, short = max(p, s), min(p, s)
    a = short / long
    h2 = 2.0 * math.pi * long * long / (r * r)
    if h2 > _FLAT * _FLAT:
        mass = math.atan(a)
    else:
        mass = 0.0
        for k in range(len(_NODES)):
            x = a * _NODES[k]
            one = 1.0 + x * x
            mass -= _WEIGHTS[k] * math.expm1(-0.5 * h2 * one) / one
        mass *= a
    mass /= 2.0 * math.pi
    if s <= p:
        return mass
    # The triangle on the long leg is what the rectangle has besides.
    return 0.25 * math.erf(_ROOT_PI * p / r) * math.erf(_ROOT_PI * s / r) - mass


@njit(cache=True)
def _add_edge(out, x, y, ax, ay, bx, by, r, w0):
    """Add an edge's part of the subsidence (m), its gradient and its second derivatives at a point."""
    tx, ty = bx - ax, by - ay
    length = math.hypot(tx, ty)
    if length == 0.0:
        return
    tx, ty = tx / length, ty / length
    nx, ny = ty, -tx
    p = (ax - x) * nx + (ay - y) * ny
    s0, s1 = (ax - x) * tx + (ay - y) * ty, (bx - x) * tx + (by - y) * ty
    v1 = math.copysign(_triangle(abs(p), abs(s1), r), s1)
    v0 = math.copysign(_triangle(abs(p), abs(s0), r), s0)
    out[0] += w0 * math.copysign(1.0, p) * (v1 - v0)
    across = math.exp(-math.pi * p * p / (r * r))
    if across < 1e-16:
        return
    along = 0.5 / r * across * (math.erf(_ROOT_PI * s1 / r) - math.erf(_ROOT_PI * s0 / r))
    out[1] -= w0 * along * nx
    out[2] -= w0 * along * ny
    ends = across * (math.exp(-math.pi * s1 * s1 / (r * r)) - math.exp(-math.pi * s0 * s0 / (r * r)))
    bend, turn = -2.0 * math.pi * p * along / (r * r), ends / (r * r)
    out[3] += w0 * nx * (bend * nx + turn * tx)
    out[4] += w0 * ny * (bend * ny + turn * ty)
    # Over a closed ring both mixed derivatives are equal; their mean keeps rounding out.
    out[5] += w0 * 0.5 * (2.0 * bend * nx * ny + turn * (nx * ty + ny * tx))


@njit(cache=True)
def _profile(u, length, r):
    """Part of the mass between 0 and `length` seen from u along one axis, and its first two derivatives."""
    near, far = math.exp(-math.pi * u * u / (r * r)), math.exp(-math.pi * (u - length) * (u - length) / (r * r))
    value = 0.5 * (math.erf(_ROOT_PI * u / r) - math.erf(_ROOT_PI * (u - length) / r))
    return value, (near - far) / r, -2.0 * math.pi / (r * r * r) * (u * near - (u - length) * far)


@njit(cache=True)
def _product(part, along, across, tx, ty, w0):
    """Subsidence and derivatives of a rectangle whose long side runs along (tx, ty), from its two profiles."""
    f, f1, f2 = along
    g, g1, g2 = across
    ss, sc, cc = w0 * f2 * g, w0 * f1 * g1, w0 * f * g2
    part[0] = w0 * f * g
    part[1] = w0 * (f1 * g * tx - f * g1 * ty)
    part[2] = w0 * (f1 * g * ty + f * g1 * tx)
    part[3] = ss * tx * tx - 2.0 * sc * tx * ty + cc * ty * ty
    part[4] = ss * ty * ty + 2.0 * sc * tx * ty + cc * tx * tx
    part[5] = (ss - cc) * tx * ty + sc * (tx * tx - ty * ty)


@njit(cache=True)
def _add_part(out, part, pull, cot_x, cot_y):
    """Add a slice's subsidence and derivatives, and the displacement that follows from them."""
    w, wx, wy, wxx, wyy, wxy = part
    for k in range(6):
        out[k] += part[k]
    out[6] += pull * wx + cot_x * w
    out[7] += pull * wy + cot_y * w
    out[8] += pull * wxx + cot_x * wx
    out[9] += pull * wyy + cot_y * wy
    out[10] += pull * wxy + 0.5 * (cot_x * wy + cot_y * wx)


@njit(cache=True)
def _part_at(part, x, y, edges, first, last, rectangle, r, w0):
    """Subsidence and derivatives of one slice at a point."""
    if rectangle[4] > 0.0:
        x0, y0, tx, ty, length, width = rectangle
        u, v = (x - x0) * tx + (y - y0) * ty, (y - y0) * tx - (x - x0) * ty
        _product(part, _profile(u, length, r), _profile(v, width, r), tx, ty, w0)
        return
    part[:] = 0.0
    for e in range(first, last):
        _add_edge(part, x, y, edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3], r, w0)


@njit(cache=True)
def _principal(xx, yy, xy):
    """Largest and smallest value of a symmetric tensor; azimuth of the largest, degrees from north, 0 to 180."""
    middle, half = 0.5 * (xx + yy), math.hypot(0.5 * (xx - yy), xy)
    azimuth = 90.0 - math.degrees(0.5 * math.atan2(2.0 * xy, xx - yy))
    return middle + half, middle - half, azimuth % 180.0


@njit(cache=True)
def _finish(sums, layers, j, i):
    """Layers in mm, mm/m and 1e-3/m at one place, in the order of ``basin.LAYERS``."""
    w, wx, wy, kxx, kyy, kxy, ux, uy, exx, eyy, exy = sums
    k_max, k_min, _ = _principal(kxx, kyy, kxy)
    e_max, e_min, azimuth = _principal(exx, eyy, exy)
    values = (w, wx, wy, math.hypot(wx, wy), kxx, kyy, kxy, k_max, k_min, ux, uy, exx, eyy, exy, e_max, e_min)
    for n in range(16):
        layers[n, j, i] = 1000.0 * values[n]
    layers[16, j, i] = azimuth


@njit(parallel=True, cache=True)
def fill_points(points, edges, start, slices, boxes, rectangles, layers):
    """Layers at points.

    Parameters
    ----------
    points : (n, 2) float64
    edges : (m, 4) float64
        From and to, metres; shells run counter-clockwise, holes clockwise.
    start : (k + 1,) int64
        First edge of each slice.
    slices : (k, 5) float64
        Radius r (m), full subsidence (m), b times r (m), cot(theta0) towards the rise in x and y.
    boxes : (k, 4) float64
        What a slice reaches.
    rectangles : (k, 6) float64
        Of a slice that is a rectangle: a corner, the unit vector along the first side, length and width; else zeros.
    layers : (17, 1, n) float64
        Filled.
    """
    for i in prange(len(points)):
        part, sums = np.empty(6), np.zeros(_SUMS)
        x, y = points[i, 0], points[i, 1]
        for k in range(len(slices)):
            if boxes[k, 0] <= x <= boxes[k, 2] and boxes[k, 1] <= y <= boxes[k, 3]:
                r, w0, pull, cot_x, cot_y = slices[k]
                _part_at(part, x, y, edges, start[k], start[k + 1], rectangles[k], r, w0)
                _add_part(sums, part, pull, cot_x, cot_y)
        _finish(sums, layers, 0, i)


@njit(cache=True)
def _columns(x, slices, boxes, rectangles):
    """First and last column that each slice reaches, and the profiles over them of what lies along the grid."""
    reached = np.empty((len(slices), 3), np.int64)
    total = 0
    for k in range(len(slices)):
        first, last = np.searchsorted(x, boxes[k, 0]), np.searchsorted(x, boxes[k, 2], side="right")
        along = rectangles[k, 4] > 0.0 and (rectangles[k, 2] == 0.0 or rectangles[k, 3] == 0.0)
        reached[k] = first, last, total if along else -1
        total += last - first if along else 0
    profiles = np.empty((total, 3))
    for k in range(len(slices)):
        first, last, at = reached[k]
        if at < 0:
            continue
        x0, _, tx, ty, length, width = rectangles[k]
        for i in range(first, last):
            u = (x[i] - x0) * tx if ty == 0.0 else (x0 - x[i]) * ty
            profiles[at + i - first] = _profile(u, length if ty == 0.0 else width, slices[k, 0])
    return reached, profiles


@njit(parallel=True, cache=True)
def fill_grid(x, y, edges, start, slices, boxes, rectangles, layers):
    """Layers at the nodes of a grid with rising x, y; `layers` is (17, len(y), len(x)), y falling; else as above."""
    reached, profiles = _columns(x, slices, boxes, rectangles)
    for j in prange(len(y)):
        part, sums = np.empty(6), np.zeros((len(x), _SUMS))
        for k in range(len(slices)):
            if not boxes[k, 1] <= y[j] <= boxes[k, 3]:
                continue
            r, w0, pull, cot_x, cot_y = slices[k]
            first, last, at = reached[k]
            if at < 0:
                for i in range(first, last):
                    _part_at(part, x[i], y[j], edges, start[k], start[k + 1], rectangles[k], r, w0)
                    _add_part(sums[i], part, pull, cot_x, cot_y)
                continue
            _, y0, tx, ty, length, width = rectangles[k]
            other = _profile((y[j] - y0) * (tx if ty == 0.0 else ty), width if ty == 0.0 else length, r)
            for i in range(first, last):
                own = (profiles[at + i - first, 0], profiles[at + i - first, 1], profiles[at + i - first, 2])
                if ty == 0.0:
                    _product(part, own, other, tx, ty, w0)
                else:
                    _product(part, other, own, tx, ty, w0)
                _add_part(sums[i], part, pull, cot_x, cot_y)
        row = len(y) - 1 - j
        for i in range(len(x)):
            _finish(sums[i], layers, row, i)
