"""Compiled integrals of a Gaussian influence function over polygons, exact edge by edge, and their derivatives.

With ``g(u) = exp(-pi |u|^2 / r^2) / r^2`` the mass of a polygon seen from a point is a sum over its edges. An edge at
the perpendicular distance p from the point, running from s0 to s1 along itself, gives ``V(p, s1) - V(p, s0)``: V is the
mass of the right triangle with legs p and s (Nicholson's V function). Its derivatives are closed in erf and exp.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

__all__ = ["FIELDS", "REACH", "add_to_grid", "add_to_points"]

#: Columns that the kernels add up: subsidence, its gradient, its second derivatives, the displacement, its gradient.
FIELDS = ("w", "wx", "wy", "wxx", "wyy", "wxy", "ux", "uy", "exx", "eyy", "exy")
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
def _add_slice(out, part, x, y, edges, first, last, r, w0, pull, cot_x, cot_y):
    """Add one slice at a point: subsidence, derivatives, and the displacement that follows from them."""
    part[:] = 0.0
    for e in range(first, last):
        _add_edge(part, x, y, edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3], r, w0)
    w, wx, wy, wxx, wyy, wxy = part
    for k in range(6):
        out[k] += part[k]
    out[6] += pull * wx + cot_x * w
    out[7] += pull * wy + cot_y * w
    out[8] += pull * wxx + cot_x * wx
    out[9] += pull * wyy + cot_y * wy
    out[10] += pull * wxy + 0.5 * (cot_x * wy + cot_y * wx)


@njit(parallel=True, cache=True)
def add_to_points(points, edges, start, slices, boxes, out):
    """Add all slices at points.

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
    out : (n, 11) float64
        Columns :data:`FIELDS`, in metres and metres to a power.
    """
    for i in prange(len(points)):
        part = np.empty(6)
        x, y = points[i, 0], points[i, 1]
        for k in range(len(slices)):
            if boxes[k, 0] <= x <= boxes[k, 2] and boxes[k, 1] <= y <= boxes[k, 3]:
                r, w0, pull, cot_x, cot_y = slices[k]
                _add_slice(out[i], part, x, y, edges, start[k], start[k + 1], r, w0, pull, cot_x, cot_y)


@njit(parallel=True, cache=True)
def add_to_grid(x, y, edges, start, slices, boxes, out):
    """Add all slices at the nodes of a grid with rising x and y; `out` is (len(y), len(x), 11), else as above."""
    for j in prange(len(y)):
        part = np.empty(6)
        for k in range(len(slices)):
            if boxes[k, 1] <= y[j] <= boxes[k, 3]:
                r, w0, pull, cot_x, cot_y = slices[k]
                first = np.searchsorted(x, boxes[k, 0])
                last = np.searchsorted(x, boxes[k, 2])
                for i in range(first, last):
                    _add_slice(out[j, i], part, x[i], y[j], edges, start[k], start[k + 1], r, w0, pull, cot_x, cot_y)
