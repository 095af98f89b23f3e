"""Compiled kernel: where along a pipeline's edges an outline lies within reach, exactly.

Each edge of the pipeline has a plane of its own, a transverse Mercator about its middle whose series is cut after the
third order: within 1 km it is true to 0.1 mm. The places of a straight edge that lie within a distance h of another
straight edge are the edge's cut with a capsule, the second edge widened by h. A capsule is convex, so the cut is one
interval: from the least to the greatest end of its cuts with the two round ends and with the rectangle between them.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit

from sxrisk.crs import LEAST_DEGREE_M

__all__ = ["capsule_cut", "foot_range", "nearest", "outline_cover", "outline_stretches"]

# GRS 80, the ellipsoid of CGCS2000.
_A = 6378137.0
_F = 1.0 / 298.257222101
_E2 = _F * (2.0 - _F)
_RADIAN = math.pi / 180.0
_HAIR_M = 1e-6


@njit(cache=True)
def _plane(lat0):
    """Coefficients of the plane about a latitude (degrees): metres per radian and per products of radians."""
    phi = lat0 * _RADIAN
    s, c = math.sin(phi), math.cos(phi)
    w2 = 1.0 - _E2 * s * s
    n = _A / math.sqrt(w2)
    m = n * (1.0 - _E2) / w2
    dm = 3.0 * m * _E2 * s * c / w2
    dn = n * _E2 * s * c / w2
    ep2 = _E2 / (1.0 - _E2) * c * c
    x1, x2, x3 = n * c, -m * s, -0.5 * (m * c + dm * s)
    x4 = n * c * (c * c * (1.0 + ep2) - s * s) / 6.0
    y4 = 0.5 * (dn * s * c + n * (c * c - s * s))
    return x1, x2, x3, x4, m, 0.5 * dm, 0.5 * n * s * c, y4


@njit(cache=True)
def _flat(lon, lat, lon0, lat0, p):
    """Metres east and north of the plane's origin."""
    u, v = (lon - lon0) * _RADIAN, (lat - lat0) * _RADIAN
    x = u * (p[0] + v * (p[1] + v * p[2]) + u * u * p[3])
    y = v * (p[4] + v * p[5]) + u * u * (p[6] + v * p[7])
    return x, y


@njit(cache=True)
def capsule_cut(s0, t0, s1, t1, h):
    """Interval of the axis t = 0 that lies within `h` of the edge from (s0, t0) to (s1, t1); (1, 0) where none does."""
    low, high = math.inf, -math.inf
    for s, t in ((s0, t0), (s1, t1)):
        if abs(t) <= h:
            half = math.sqrt(h * h - t * t)
            low, high = min(low, s - half), max(high, s + half)
    ds, dt = s1 - s0, t1 - t0
    length = math.hypot(ds, dt)
    if length > 0.0:
        es, et = ds / length, dt / length
        # The foot on the edge, and the distance across it, both linear along the axis: each bounds an interval.
        a, b = -math.inf, math.inf
        if es != 0.0:
            foot0, foot1 = s0 + t0 * et / es, s0 + (t0 * et + length) / es
            a, b = max(a, min(foot0, foot1)), min(b, max(foot0, foot1))
        elif t0 * et > 0.0 or t1 * et < 0.0:
            b = -math.inf
        if et != 0.0:
            side0, side1 = s0 - (t0 * es + h) / et, s0 - (t0 * es - h) / et
            a, b = max(a, min(side0, side1)), min(b, max(side0, side1))
        elif abs(t0) > h:
            b = -math.inf
        if a <= b:
            low, high = min(low, a), max(high, b)
    if low > high:
        return 1.0, 0.0
    return low, high


@njit(cache=True)
def foot_range(s0, t0, s1, t1, length, h):
    """Least and greatest foot on the axis edge [0, length] of the part of an edge straight beside it, within `h`."""
    ds, dt = s1 - s0, t1 - t0
    a, b = 0.0, 1.0
    for start, step, low, high in ((s0, ds, 0.0, length), (t0, dt, -h, h)):
        if step == 0.0:
            if start < low or start > high:
                return 1.0, 0.0
        else:
            p, q = (low - start) / step, (high - start) / step
            a, b = max(a, min(p, q)), min(b, max(p, q))
    if a > b:
        return 1.0, 0.0
    f, g = s0 + a * ds, s0 + b * ds
    return max(min(f, g), 0.0), min(max(f, g), length)


@njit(cache=True)
def nearest(s0, t0, s1, t1, length):
    """Distance between the axis edge [0, length] and another edge, and where on the axis it is least."""
    ds, dt = s1 - s0, t1 - t0
    if (t0 <= 0.0 <= t1 or t1 <= 0.0 <= t0) and dt != 0.0:
        cross = s0 - t0 * ds / dt
        if 0.0 <= cross <= length:
            return 0.0, cross
    best, at = math.inf, 0.0
    for s, t in ((s0, t0), (s1, t1)):
        foot = min(max(s, 0.0), length)
        away = math.hypot(s - foot, t)
        if away < best:
            best, at = away, foot
    square = ds * ds + dt * dt
    if square > 0.0:
        for end in (0.0, length):
            w = min(max(((end - s0) * ds - t0 * dt) / square, 0.0), 1.0)
            away = math.hypot(s0 + w * ds - end, t0 + w * dt)
            if away < best:
                best, at = away, end
    return best, at


@njit(cache=True)
def _along(xy, a, b, lon0, lat0, plane, ax, ay, ux, uy):
    """Both ends of outline edge (a, b) along and across a pipeline edge."""
    x, y = _flat(xy[a, 0], xy[a, 1], lon0, lat0, plane)
    s0, t0 = (x - ax) * ux + (y - ay) * uy, (y - ay) * ux - (x - ax) * uy
    if a == b:
        return s0, t0, s0, t0
    x, y = _flat(xy[b, 0], xy[b, 1], lon0, lat0, plane)
    return s0, t0, (x - ax) * ux + (y - ay) * uy, (y - ay) * ux - (x - ax) * uy


@njit(cache=True)
def _frame(line, k):
    """Plane about the middle of pipeline edge k, its start, direction and length there."""
    lon0, lat0 = 0.5 * (line[k, 0] + line[k + 1, 0]), 0.5 * (line[k, 1] + line[k + 1, 1])
    plane = _plane(lat0)
    ax, ay = _flat(line[k, 0], line[k, 1], lon0, lat0, plane)
    bx, by = _flat(line[k + 1, 0], line[k + 1, 1], lon0, lat0, plane)
    length = math.hypot(bx - ax, by - ay)
    return lon0, lat0, plane, ax, ay, (bx - ax) / length, (by - ay) / length, length


@njit(cache=True)
def _apart(line, k, xy, a, b, reach_deg, stretch):
    """Whether an outline edge surely lies beyond reach of pipeline edge k."""
    east = reach_deg * stretch
    return (
        min(xy[a, 0], xy[b, 0]) > max(line[k, 0], line[k + 1, 0]) + east
        or max(xy[a, 0], xy[b, 0]) < min(line[k, 0], line[k + 1, 0]) - east
        or min(xy[a, 1], xy[b, 1]) > max(line[k, 1], line[k + 1, 1]) + reach_deg
        or max(xy[a, 1], xy[b, 1]) < min(line[k, 1], line[k + 1, 1]) - reach_deg
    )


@njit(cache=True)
def _wider(rows):
    more = np.empty((2 * len(rows), rows.shape[1]))
    more[: len(rows)] = rows
    return more


@njit(cache=True)
def outline_stretches(line, position, reach, sigma, pieces, xy, edges, chunks, pair_piece, pair_chunk, noise, z):
    """Stretches of pipeline edges within reach of outline edges.

    Parameters
    ----------
    line : (n_vertices, 2) and position (n_vertices,)
        Pipeline vertices, degrees and metres; `reach` and `sigma` (n_vertices,) of the edge after each vertex.
    pieces : (n_pieces, 2)
        First and last edge (exclusive) of each piece of pipeline.
    xy : (m, 2), edges : (n_edges, 2), chunks : (n_chunks, 2)
        Outline vertices, edges as pairs of vertices (a point twice the same), chunks as ranges of edges.
    pair_piece, pair_chunk : (n,)
        Candidates.
    noise : (n_chunks,)
        1 sigma of position of each chunk, m.
    z : float
        How many sigmas of both positions the reach is widened by.

    Returns
    -------
    rows : (k, 7)
        Candidate, from, to, least and greatest foot (inf and -inf where there is none), distance, position of the
        nearest place. Stretches of one candidate that touch are one row, unless another lay between them.
    """
    rows = np.empty((max(len(pair_piece), 16), 7))
    count = 0
    for n in range(len(pair_piece)):
        piece, chunk = pair_piece[n], pair_chunk[n]
        row = np.array([n, 1.0, 0.0, math.inf, -math.inf, math.inf, 0.0])
        for k in range(pieces[piece, 0], pieces[piece, 1]):
            h = reach[k] + z * math.hypot(sigma[k], noise[chunk])
            if not h >= 0.0:
                continue
            framed = False
            stretch = 1.02 / math.cos(line[k, 1] * _RADIAN)
            begin, end = position[k], position[k + 1]
            for e in range(chunks[chunk, 0], chunks[chunk, 1]):
                a, b = edges[e, 0], edges[e, 1]
                if _apart(line, k, xy, a, b, (h + 0.01) / LEAST_DEGREE_M, stretch):
                    continue
                if not framed:
                    lon0, lat0, plane, ax, ay, ux, uy, length = _frame(line, k)
                    scale = (end - begin) / length
                    framed = True
                s0, t0, s1, t1 = _along(xy, a, b, lon0, lat0, plane, ax, ay, ux, uy)
                i0, i1 = capsule_cut(s0, t0, s1, t1, h)
                if i0 > i1 or i0 > length or i1 < 0.0:
                    continue
                # The edge's own ends stay what they are, so that stretches of neighbouring edges meet.
                g0 = begin + max(i0, 0.0) * scale
                g1 = end if i1 >= length else begin + i1 * scale
                if row[1] <= row[2] and (g0 > row[2] + _HAIR_M or g1 < row[1] - _HAIR_M):
                    if count == len(rows):
                        rows = _wider(rows)
                    rows[count] = row
                    count += 1
                    row[1], row[2], row[3], row[4], row[5] = g0, g1, math.inf, -math.inf, math.inf
                elif row[1] <= row[2]:
                    row[1], row[2] = min(row[1], g0), max(row[2], g1)
                else:
                    row[1], row[2] = g0, g1
                f0, f1 = foot_range(s0, t0, s1, t1, length, h)
                if f0 <= f1:
                    row[3] = min(row[3], begin + f0 * scale)
                    row[4] = max(row[4], end if f1 >= length else begin + f1 * scale)
                away, at = nearest(s0, t0, s1, t1, length)
                if away < row[5]:
                    row[5], row[6] = away, begin + at * scale
        if row[1] <= row[2]:
            if count == len(rows):
                rows = _wider(rows)
            rows[count] = row
            count += 1
    return rows[:count]


@njit(cache=True)
def outline_cover(line, reach, sigma, pieces, xy, edges, chunks, pair_piece, pair_chunk, noise, z):
    """Parts of outline edges within reach of a pipeline edge: candidate, outline edge, from and to (0 to 1)."""
    rows = np.empty((max(len(pair_piece), 16), 4))
    count = 0
    for n in range(len(pair_piece)):
        piece, chunk = pair_piece[n], pair_chunk[n]
        for k in range(pieces[piece, 0], pieces[piece, 1]):
            h = reach[k] + z * math.hypot(sigma[k], noise[chunk])
            if not h >= 0.0:
                continue
            stretch = 1.02 / math.cos(line[k, 1] * _RADIAN)
            for e in range(chunks[chunk, 0], chunks[chunk, 1]):
                a, b = edges[e, 0], edges[e, 1]
                if a == b or _apart(line, k, xy, a, b, (h + 0.01) / LEAST_DEGREE_M, stretch):
                    continue
                lon0, lat0, plane, ax, ay, ux, uy, length = _frame(line, k)
                s0, t0, s1, t1 = _along(xy, a, b, lon0, lat0, plane, ax, ay, ux, uy)
                m = math.hypot(s1 - s0, t1 - t0)
                if m == 0.0:
                    # A vertex that stands twice in an outline is an edge without direction.
                    m, es, et = 1e-9, 1.0, 0.0
                else:
                    es, et = (s1 - s0) / m, (t1 - t0) / m
                # The same cut with the parts exchanged: the outline edge is the axis, the pipeline edge the capsule.
                w0, w1 = capsule_cut(
                    -s0 * es - t0 * et,
                    s0 * et - t0 * es,
                    (length - s0) * es - t0 * et,
                    -(length - s0) * et - t0 * es,
                    h,
                )
                if w0 > w1 or w0 > m or w1 < 0.0:
                    continue
                if count == len(rows):
                    rows = _wider(rows)
                rows[count, 0], rows[count, 1] = n, e
                rows[count, 2], rows[count, 3] = max(w0, 0.0) / m, min(w1, m) / m
                count += 1
    return rows[:count]
