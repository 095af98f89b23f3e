"""The compiled search: for every subject the objects within its own distance, with the nearest points of each pair.

What can be left out is left out by a bound that no geodesic undercuts (:func:`least_scales`); what remains is measured
on the ellipsoid there and then, so that near ties between parts of a geometry are decided by their true distances.
Equal distances are decided by the order of the vertices: the result does not depend on how the grid was laid.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit

from sxrisk.rules._grid_metric import MEET_M, foot, gap2, geodesic_m, least_scales
from sxrisk.rules._grid_runs import MOST_EDGES

__all__ = ["search"]

# Added to every bound, so that rounding loses no pair.
_ROUNDING_M = 1e-6
_NO_WITNESS = 2**62
# Most pairs that a block of subjects starts with room for.
_FIRST_ROOM = 1024
# So many pairs of a subject are sorted by insertion no longer.
_MANY = 64


@njit(cache=True)
def _grown(array, size):
    larger = np.empty(2 * size, array.dtype)
    larger[:size] = array[:size]
    return larger


@njit(cache=True)
def _crossing(ax, ay, bx, by, cx, cy, dx, dy):
    """Whether two edges cross in their insides, and where."""
    ux, uy, vx, vy = bx - ax, by - ay, dx - cx, dy - cy
    c_side, d_side = ux * (cy - ay) - uy * (cx - ax), ux * (dy - ay) - uy * (dx - ax)
    a_side, b_side = vx * (ay - cy) - vy * (ax - cx), vx * (by - cy) - vy * (bx - cx)
    if not ((c_side > 0.0) != (d_side > 0.0) and (a_side > 0.0) != (b_side > 0.0)):
        return False, 0.0, 0.0
    if c_side == 0.0 or d_side == 0.0 or a_side == 0.0 or b_side == 0.0:
        return False, 0.0, 0.0
    t = a_side / (a_side - b_side)
    return True, ax + t * ux, ay + t * uy


@njit(cache=True, error_model="numpy")
def _vertices_to_edges(
    a0, a1, alon, alat, b0, b1, blon, blat, x, y, hx, hy, sx, sy, ratio, best, witness, name, found, gaps
):
    """Least distance between the vertices `a0` to `a1` and the run of edges `b0` to `b1` with the box `x, y, hx, hy`.

    It counts if it is below `best`, or equal to it with a lower witness; `found` (4) then receives longitude and
    latitude of the vertex and of the point on the edge. `name` is the part of the witness that names the two runs;
    `gaps` is scratch.
    Returns the new best distance and witness.
    """
    bound2 = (best + _ROUNDING_M) ** 2
    nearest2 = np.inf
    n = 0
    for a in range(a0, a1):
        ax, ay = alon[a], alat[a]
        gx, gy = max(0.0, abs(ax - x) - hx) * sx, max(0.0, abs(ay - y) - hy) * sy
        if gx * gx + gy * gy > bound2:
            continue
        for b in range(b0, max(b1 - 1, b0 + 1)):
            end = min(b + 1, b1 - 1)
            gaps[n] = gap2(ax, ay, blon[b], blat[b], blon[end], blat[end], sx, sy)
            nearest2 = min(nearest2, gaps[n])
            n += 1
    if nearest2 > bound2:
        return best, witness
    # No edge is nearest that lies farther in the plane of the least scales than another in that of the greatest.
    first2, bound2 = bound2, min(bound2, (math.sqrt(nearest2) * ratio + _ROUNDING_M) ** 2)
    n = 0
    for a in range(a0, a1):
        ax, ay = alon[a], alat[a]
        gx, gy = max(0.0, abs(ax - x) - hx) * sx, max(0.0, abs(ay - y) - hy) * sy
        if gx * gx + gy * gy > first2:
            continue
        for b in range(b0, max(b1 - 1, b0 + 1)):
            n += 1
            if gaps[n - 1] <= bound2:
                end = min(b + 1, b1 - 1)
                distance, qx, qy = foot(ax, ay, blon[b], blat[b], blon[end], blat[end])
                if distance < MEET_M:
                    distance = 0.0
                told = name + ((a - a0) << 7) + ((b - b0) << 2)
                if distance < best or (distance == best and told < witness):
                    best, witness, bound2 = distance, told, min(bound2, (distance + _ROUNDING_M) ** 2)
                    found[0], found[1], found[2], found[3] = ax, ay, qx, qy
    return best, witness


@njit(cache=True, error_model="numpy")
def _crossings(a0, a1, alon, alat, b0, b1, blon, blat, x, y, hx, hy, best, witness, name, found):
    """Like :func:`_vertices_to_edges`, for two runs of edges that cross."""
    for a in range(a0, a1 - 1):
        ax, ay, bx, by = alon[a], alat[a], alon[a + 1], alat[a + 1]
        if abs(ax + bx - 2.0 * x) > 2.0 * hx + abs(bx - ax) or abs(ay + by - 2.0 * y) > 2.0 * hy + abs(by - ay):
            continue
        for b in range(b0, b1 - 1):
            cross, qx, qy = _crossing(ax, ay, bx, by, blon[b], blat[b], blon[b + 1], blat[b + 1])
            told = name + ((a - a0) << 7) + ((b - b0) << 2)
            if cross and (best > 0.0 or told < witness):
                best, witness = 0.0, told
                found[0], found[1], found[2], found[3] = qx, qy, qx, qy
    return best, witness


@njit(cache=True, nogil=True, error_model="numpy")
def search(subjects, limit, left, right, grid, owner, seen, slots):
    """All pairs of some subjects with what lies within their limits.

    Parameters
    ----------
    subjects : (m,) int64
        Subjects to search for, in this order.
    limit : (n_left,) float64
        Metres; NaN and negative ones take part in no pair.
    left, right : Runs
        The subjects' and the objects' geometries.
    grid : Grid
        Over the runs of `right`.
    owner : (r,) int32
        Object of each entry of the grid.
    seen : (r,) int32
        First entry of the same object.
    slots : (r,) int32
        Scratch of this thread; what it holds does not matter.

    Returns
    -------
    count : (m,) int64
        Pairs of each subject.
    right : (k,) int32
        Objects, ascending within a subject.
    distance : (k,) float64
        Metres.
    ends : (k, 4) float64
        Longitude and latitude of the nearest point of the subject, then of the object.
    """
    size = _FIRST_ROOM
    other, distance, ends = np.empty(size, np.int32), np.empty(size), np.empty(4 * size)
    witnesses = np.empty(size, np.int64)
    count = np.zeros(len(subjects), np.int64)
    found, gaps = np.empty(4), np.empty((MOST_EDGES + 1) * (MOST_EDGES + 1))
    entries, entry_gaps, touched = np.empty(_FIRST_ROOM, np.int64), np.empty(_FIRST_ROOM), np.empty(_FIRST_ROOM)
    # Arrays of their own: reading them out of a tuple again and again would cost more than the search.
    left_first, left_start, left_lon, left_lat = left.first, left.start, left.lon, left.lat
    right_first, right_start, right_lon, right_lat = right.first, right.start, right.lon, right.lat
    entry_run, entry_x, entry_y, entry_hx, entry_hy = grid.run, grid.x, grid.y, grid.hx, grid.hy
    cell_start = grid.start
    single = True
    for j in range(len(right_first) - 1):
        single = single and right_first[j + 1] - right_first[j] < 2
    n = 0
    for m in range(len(subjects)):
        i = subjects[m]
        r = limit[i]
        if not r >= 0.0:
            continue
        first = n
        reach = r + _ROUNDING_M
        alone = single and left_first[i + 1] - left_first[i] == 1
        for p in range(left_first[i], left_first[i + 1]):
            x, y, hx, hy = left.x[p], left.y[p], left.hx[p], left.hy[p]
            a0, a1 = left_start[p], left_start[p + 1]
            is_point = a1 - a0 == 1
            sx, sy, ratio = least_scales(y - hy, y + hy, reach)
            near_count = 0
            for v in range(len(grid.nx)):
                x0, y0, dx, dy = grid.x0[v], grid.y0[v], grid.dx[v], grid.dy[v]
                reach_x, reach_y = hx + grid.reach_x[v], hy + grid.reach_y[v]
                columns, base = grid.nx[v], grid.base[v]
                tall = reach / sy + reach_y
                row0 = max(0, math.floor((y - tall - y0) / dy))
                row1 = min(grid.ny[v] - 1, math.floor((y + tall - y0) / dy))
                for row in range(row0, row1 + 1):
                    south = y0 + row * dy
                    gy = max(0.0, south - y - reach_y, y - south - dy - reach_y) * sy
                    left2 = reach * reach - gy * gy
                    if left2 < 0.0:
                        continue
                    column0, column1 = 0, columns - 1
                    if sx > 0.0:
                        wide = math.sqrt(left2) / sx + reach_x
                        column0 = max(0, math.floor((x - wide - x0) / dx))
                        column1 = min(column1, math.floor((x + wide - x0) / dx))
                    if column0 > column1:
                        continue
                    line = base + row * columns
                    begin, end = cell_start[line + column0], cell_start[line + column1 + 1]
                    while near_count + end - begin > len(entries):
                        entries, entry_gaps = _grown(entries, len(entries)), _grown(entry_gaps, len(entry_gaps))
                        touched = np.empty(len(entries))
                    for k in range(begin, end):
                        gx = max(0.0, abs(entry_x[k] - x) - hx - entry_hx[k]) * sx
                        gy = max(0.0, abs(entry_y[k] - y) - hy - entry_hy[k]) * sy
                        # Written always, kept where it counts: no branch to mispredict.
                        entries[near_count], entry_gaps[near_count] = k, gx * gx + gy * gy
                        near_count += gx * gx + gy * gy <= reach * reach
            # Each of these reads waits for memory; without a branch between them they wait together.
            for c in range(near_count):
                b0, b1 = right_start[entry_run[entries[c]]], right_start[entry_run[entries[c]] + 1] - 1
                touched[c] = right_lon[b0] + right_lat[b0] + right_lon[b1] + right_lat[b1]
            for c in range(near_count):
                k, gap = entries[c], entry_gaps[c]
                q, j = entry_run[k], owner[k]
                slot, best, witness, name = np.int64(-1), r, np.int64(_NO_WITNESS), np.int64(0)
                if not alone:
                    slot = np.int64(slots[seen[k]])
                    if first <= slot < n and other[slot] == j:
                        best, witness = distance[slot], witnesses[slot]
                        if gap > (best + _ROUNDING_M) ** 2:
                            continue
                    else:
                        slot = np.int64(-1)
                    name = (p - left_first[i]) << 37
                    if not single:
                        name += (q - right_first[j]) << 12
                if is_point and entry_hx[k] == 0.0 and entry_hy[k] == 0.0:
                    near, told = geodesic_m(x, y, entry_x[k], entry_y[k]), name
                    if near < MEET_M:
                        near = 0.0
                    if near > best or (near == best and told > witness):
                        continue
                    found[0], found[1], found[2], found[3] = x, y, entry_x[k], entry_y[k]
                else:
                    b0, b1 = right_start[q], right_start[q + 1]
                    bx, by, bhx, bhy = entry_x[k], entry_y[k], entry_hx[k], entry_hy[k]
                    near, told = best, witness
                    # A point is nearest to a vertex only where it is to an edge.
                    if is_point or b1 - b0 > 1:
                        near, told = _vertices_to_edges(
                            a0, a1, left_lon, left_lat, b0, b1, right_lon, right_lat,
                            bx, by, bhx, bhy, sx, sy, ratio, near, told, name, found, gaps,
                        )  # fmt: skip
                    if not is_point:
                        before = told
                        near, told = _vertices_to_edges(
                            b0, b1, right_lon, right_lat, a0, a1, left_lon, left_lat,
                            x, y, hx, hy, sx, sy, ratio, near, told, name + 1, found, gaps,
                        )  # fmt: skip
                        if told != before:
                            found[0], found[1], found[2], found[3] = found[2], found[3], found[0], found[1]
                        if gap == 0.0:
                            near, told = _crossings(
                                a0, a1, left_lon, left_lat, b0, b1, right_lon, right_lat,
                                bx, by, bhx, bhy, near, told, name + 2, found,
                            )  # fmt: skip
                    if told == witness:
                        continue
                if slot < 0:
                    if n == size:
                        other, distance, ends = _grown(other, n), _grown(distance, n), _grown(ends, 4 * n)
                        witnesses = _grown(witnesses, n)
                        size = 2 * n
                    slot = np.int64(n)
                    n += 1
                    other[slot] = j
                    if not alone:
                        slots[seen[k]] = slot
                distance[slot], witnesses[slot] = near, told
                at = 4 * slot
                ends[at], ends[at + 1], ends[at + 2], ends[at + 3] = found[0], found[1], found[2], found[3]
        count[m] = n - first
    return count, other[:n], distance[:n], ends[: 4 * n].reshape((n, 4))


@njit(cache=True, nogil=True)
def put_in_place(first, count, other, distance, ends, all_other, all_distance, all_ends):
    """Copy the pairs of some subjects to where they belong: subject `m` begins at ``first[m]``; objects ascending."""
    n = 0
    order = np.empty(_FIRST_ROOM, np.int64)
    for m in range(len(first)):
        if count[m] > len(order):
            order = np.empty(2 * count[m], np.int64)
        if count[m] > _MANY:
            order[: count[m]] = np.argsort(other[n : n + count[m]])
        else:
            for k in range(count[m]):
                at = k
                while at > 0 and other[n + order[at - 1]] > other[n + k]:
                    order[at] = order[at - 1]
                    at -= 1
                order[at] = k
        for k in range(count[m]):
            source, target = n + order[k], first[m] + k
            all_other[target] = other[source]
            all_distance[target] = distance[source]
            for c in range(4):
                all_ends[target, c] = ends[source, c]
        n += count[m]
