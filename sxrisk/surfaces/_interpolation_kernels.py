"""Compiled loops of interpolation between scattered points.

Everything is summed in an order that follows from the points' own (lattice cells, then the order of the file), so that
a tile with its halo gives the same bits as the whole cloud.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

__all__ = ["circumdiameters", "draw_numbers", "inverse_distance", "natural_neighbours", "neighbours_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, parallel=True, nogil=True)
def inverse_distance(
    x: Floats, y: Floats, start: Ints, order: Ints, xy: Floats, z: Floats, cell: float, radius: float, power: float
) -> Floats:
    """Heights at places `x` by `y` from the points within `radius`, NaN where there are none.

    `start` and `order` say which points lie in which cell of a lattice that is one margin of cells wider than the
    places on each side; places are middles of its cells.
    """
    out = np.full((len(y), len(x)), np.nan)
    reach = math.ceil(radius / cell + 0.5)
    n_columns = len(x) + 2 * reach
    for r in prange(len(y)):
        for c in range(len(x)):
            total, weight, exact = 0.0, 0.0, -1
            for row in range(r, r + 2 * reach + 1):
                first = row * n_columns + c
                for place in range(start[first], start[first + 2 * reach + 1]):
                    i = order[place]
                    square = (xy[i, 0] - x[c]) ** 2 + (xy[i, 1] - y[r]) ** 2
                    if square > radius * radius:
                        continue
                    if square == 0.0:
                        exact = i if exact < 0 else exact
                        continue
                    share = 1.0 / square if power == 2.0 else square ** (-0.5 * power)
                    total += share * z[i]
                    weight += share
            if exact >= 0:
                out[r, c] = z[exact]
            elif weight > 0.0:
                out[r, c] = total / weight
    return out


@njit(cache=True, nogil=True)
def circle(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> tuple[float, float, float]:
    """Middle and squared radius of the circle through three points; infinite where they lie on a line."""
    ux, uy, vx, vy = bx - ax, by - ay, cx - ax, cy - ay
    twice = 2.0 * (ux * vy - uy * vx)
    if twice == 0.0:
        return 0.0, 0.0, np.inf
    u, v = ux * ux + uy * uy, vx * vx + vy * vy
    px, py = (vy * u - uy * v) / twice, (ux * v - vx * u) / twice
    return ax + px, ay + py, px * px + py * py


@njit(cache=True, nogil=True)
def circumdiameters(xy: Floats, triangles: Ints) -> Floats:
    """Diameter of each triangle's circumcircle (m,)."""
    out = np.empty(len(triangles))
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        out[t] = 2.0 * math.sqrt(circle(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1])[2])
    return out


@njit(cache=True, nogil=True)
def neighbours_of(triangles: Ints, n_points: int) -> Ints:
    """Triangle across the edge opposite each corner (m, 3); -1 at the hull."""
    m = len(triangles)
    start = np.zeros(n_points + 1, np.int64)
    for t in range(m):
        for k in range(3):
            start[min(triangles[t, k - 2], triangles[t, k - 1]) + 1] += 1
    for i in range(n_points):
        start[i + 1] += start[i]
    fill = start[:-1].copy()
    sides = np.empty(3 * m, np.int64)
    out = np.full((m, 3), -1, np.int64)
    for t in range(m):
        for k in range(3):
            low = min(triangles[t, k - 2], triangles[t, k - 1])
            high = max(triangles[t, k - 2], triangles[t, k - 1])
            for place in range(start[low], fill[low]):
                other, corner = sides[place] // 3, sides[place] % 3
                if max(triangles[other, corner - 2], triangles[other, corner - 1]) == high:
                    out[t, k], out[other, corner] = other, t
                    break
            sides[fill[low]] = 3 * t + k
            fill[low] += 1
    return out


@njit(cache=True, nogil=True)
def draw_numbers(xy: Floats, triangles: Ints, x: Floats, y: Floats) -> npt.NDArray[np.int32]:
    """Number of the triangle over each place of a lattice `x` by `y` (both rising, evenly spaced); -1 without."""
    out = np.full((len(y), len(x)), -1, np.int32)
    if len(x) == 0 or len(y) == 0:
        return out
    step = (x[-1] - x[0]) / (len(x) - 1) if len(x) > 1 else (y[-1] - y[0]) / (len(y) - 1) if len(y) > 1 else 1.0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0.0:
            continue
        first_row = max(math.floor((min(ay, by, cy) - y[0]) / step), 0)
        last_row = min(math.ceil((max(ay, by, cy) - y[0]) / step), len(y) - 1)
        first_column = max(math.floor((min(ax, bx, cx) - x[0]) / step), 0)
        last_column = min(math.ceil((max(ax, bx, cx) - x[0]) / step), len(x) - 1)
        for r in range(first_row, last_row + 1):
            for k in range(first_column, last_column + 1):
                if out[r, k] >= 0:
                    continue
                u = ((x[k] - ax) * (cy - ay) - (cx - ax) * (y[r] - ay)) / area
                v = ((bx - ax) * (y[r] - ay) - (x[k] - ax) * (by - ay)) / area
                if u >= -1e-9 and v >= -1e-9 and u + v <= 1.0 + 1e-9:
                    out[r, k] = t
    return out


@njit(cache=True, nogil=True)
def _circle_through(p: float, q: float, xy: Floats, a: int, b: int) -> tuple[float, float, float]:
    # In one order, whichever triangle asks: what two of them share has to cancel to the last bit.
    a, b = min(a, b), max(a, b)
    return circle(p, q, xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1])


@njit(cache=True, parallel=True, nogil=True)
def natural_neighbours(
    xy: Floats, z: Floats, triangles: Ints, across: Ints, over: npt.NDArray[np.int32], x: Floats, y: Floats, gap: float
) -> Floats:
    """Sibson's heights at the places `x` by `y`; NaN outside the hull and where an empty disk wider than `gap` fits.

    The triangles whose circumcircles hold a place make way for it; Watson's signed areas between their middles and
    those of the circles through the place are what it takes from its neighbours' Voronoi cells.
    """
    out = np.full((len(y), len(x)), np.nan)
    limit = 0.25 * gap * gap
    for r in prange(len(y)):
        queue = np.empty(512, np.int64)
        for k in range(len(x)):
            if over[r, k] < 0:
                continue
            px, py = x[k], y[r]
            queue[0] = over[r, k]
            n, done, total, weight, known = 1, 0, 0.0, 0.0, True
            while done < n and known:
                t = queue[done]
                done += 1
                for corner in range(3):
                    other = across[t, corner]
                    held = False
                    for place in range(n):
                        held = held or queue[place] == other
                    if held:
                        continue
                    if other >= 0:
                        a, b, c = triangles[other, 0], triangles[other, 1], triangles[other, 2]
                        mx, my, square = circle(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1])
                        if (px - mx) ** 2 + (py - my) ** 2 < square:
                            if n == len(queue):
                                known = False
                                break
                            queue[n] = other
                            n += 1
                            continue
                    if _circle_through(px, py, xy, triangles[t, corner - 2], triangles[t, corner - 1])[2] > limit:
                        known = False
            if not known:
                continue
            for place in range(n):
                t = queue[place]
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                mx, my, _ = circle(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1])
                ux, uy, _ = _circle_through(px, py, xy, b, c)
                vx, vy, _ = _circle_through(px, py, xy, c, a)
                wx, wy, _ = _circle_through(px, py, xy, a, b)
                for i, fx, fy, gx, gy in ((a, vx, vy, wx, wy), (b, wx, wy, ux, uy), (c, ux, uy, vx, vy)):
                    share = (fx - mx) * (gy - my) - (gx - mx) * (fy - my)
                    total += share * z[i]
                    weight += share
            if weight != 0.0:
                out[r, k] = total / weight
    return out
