"""Compiled loops of adaptive triangulation: greedy insertion into a Delaunay triangulation of grid nodes."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import heapq
import math

import numpy as np
from numba import njit, prange

__all__ = ["measure", "normal_equations", "refine", "residuals", "solve", "weights_of_nodes"]

_MOST = 1.7e308  # below infinity
_EXACT = 29_000  # distances, in nodes, up to which the circle test is exact in 64 bits


@njit(cache=True, nogil=True)
def _from_zero(step, first, low, high):
    """The part of the columns low to high where first + step * column is not below zero."""
    if step > 0:
        return max(low, -(first // step)), high
    if step < 0:
        return low, min(high, first // -step)
    return (low, high) if first >= 0 else (low, low - 1)


@njit(cache=True, nogil=True)
def _span(r, ar, ac, br, bc, cr, cc, twice):
    """First and last column that a triangle covers in row r; in whole numbers, so that a node on an edge is on it."""
    turn = 1 if twice > 0 else -1
    low, high = min(ac, bc, cc), max(ac, bc, cc)
    low, high = _from_zero(turn * (cr - ar), turn * (-ac * (cr - ar) - (cc - ac) * (r - ar)), low, high)
    low, high = _from_zero(turn * (ar - br), turn * ((bc - ac) * (r - ar) + ac * (br - ar)), low, high)
    return _from_zero(turn * (br - cr), turn * (twice + ac * (cr - br) + (cc - bc) * (r - ar)), low, high)


@njit(cache=True, nogil=True)
def _look(t, heights, rim, rows, columns, z, faces, outside, need, split):
    """What triangle t covers, its edges included: whether it lies outside, how badly it has to be split, and where.

    It lies outside if it covers a node without height, or leaps over a rim. To be split it has to be if it lies outside
    and covers known nodes (without limit; at the known node farthest from the corners), or if a known node is far from
    its plane (as far as that is; at this node).
    """
    nx = heights.shape[1]
    ar, br, cr = rows[faces[t, 0]], rows[faces[t, 1]], rows[faces[t, 2]]
    ac, bc, cc = columns[faces[t, 0]], columns[faces[t, 1]], columns[faces[t, 2]]
    za, zb, zc = z[faces[t, 0]], z[faces[t, 1]], z[faces[t, 2]]
    twice = (bc - ac) * (cr - ar) - (cc - ac) * (br - ar)
    worst, farthest, reach, error, unknown = -1, -1, -1, 0.0, False
    for r in range(min(ar, br, cr), max(ar, br, cr) + 1):
        low, high = _span(r, ar, ac, br, bc, cr, cc, twice)
        for k in range(low, high + 1):
            u = (k - ac) * (cr - ar) - (cc - ac) * (r - ar)
            v = (bc - ac) * (r - ar) - (k - ac) * (br - ar)
            w = twice - u - v
            if u == twice or v == twice or w == twice:
                continue
            height = heights[r, k]
            if math.isnan(height):
                unknown = True
                continue
            away = abs(height - (za + (u * (zb - za) + v * (zc - za)) / twice))
            if away > error or worst < 0:
                error, worst = max(away, error), r * nx + k
            apart = min((r - ar) ** 2 + (k - ac) ** 2, (r - br) ** 2 + (k - bc) ** 2, (r - cr) ** 2 + (k - cc) ** 2)
            if apart > reach:
                reach, farthest = apart, r * nx + k
    if not unknown and (rim[ar * nx + ac] or rim[br * nx + bc] or rim[cr * nx + cc]):
        unknown = _leaps(heights, ar, ac, br, bc) or _leaps(heights, br, bc, cr, cc) or _leaps(heights, cr, cc, ar, ac)
    outside[t] = unknown
    need[t] = error if not unknown else math.inf if worst >= 0 else 0.0
    split[t] = farthest if unknown else worst


@njit(cache=True, nogil=True)
def _leaps(heights, ar, ac, br, bc):
    """Whether an edge runs over a square of the grid that has fewer than three known corners."""
    rise, run = br - ar, bc - ac
    steps = 2 * max(abs(rise), abs(run))
    for s in range(1, steps, 2):
        y, x = ar + rise * s / steps, ac + run * s / steps
        low, left = math.floor(y), math.floor(x)
        if low == y or left == x:
            # Along a line of nodes: both of its ends have to be known.
            if math.isnan(heights[low, left]) or math.isnan(heights[math.ceil(y), math.ceil(x)]):
                return True
            continue
        missing = 0
        for r in range(low, low + 2):
            for c in range(left, left + 2):
                missing += math.isnan(heights[r, c])
        if missing > 1:
            return True
    return False


@njit(cache=True, parallel=True, nogil=True)
def measure(heights, rim, rows, columns, z, faces, outside, need, split):
    """Fill `outside`, `need` and `split` for all triangles; see `refine`."""
    for t in prange(len(faces)):
        _look(t, heights, rim, rows, columns, z, faces, outside, need, split)


@njit(cache=True, nogil=True)
def _in_circle(rows, columns, a, b, c, d):
    """Whether d lies inside the circle through a, b and c, which turn to the left where rows run down."""
    ax, ay = columns[a] - columns[d], rows[d] - rows[a]
    bx, by = columns[b] - columns[d], rows[d] - rows[b]
    cx, cy = columns[c] - columns[d], rows[d] - rows[c]
    size = max(abs(ax), abs(ay), abs(bx), abs(by), abs(cx), abs(cy))
    if size <= _EXACT:
        return (
            (ax * ax + ay * ay) * (bx * cy - cx * by)
            + (bx * bx + by * by) * (cx * ay - ax * cy)
            + (cx * cx + cy * cy) * (ax * by - bx * ay)
        ) > 0
    fax, fay, fbx, fby, fcx, fcy = ax / size, ay / size, bx / size, by / size, cx / size, cy / size
    # Beyond, what is nearly on the circle counts as on it: no flip is ever taken back.
    return (
        (fax * fax + fay * fay) * (fbx * fcy - fcx * fby)
        + (fbx * fbx + fby * fby) * (fcx * fay - fax * fcy)
        + (fcx * fcx + fcy * fcy) * (fax * fby - fbx * fay)
    ) > 1e-13


@njit(cache=True, nogil=True)
def _place(faces, across, t, a, b, c, over_a, over_b, over_c):
    faces[t, 0], faces[t, 1], faces[t, 2] = a, b, c
    across[t, 0], across[t, 1], across[t, 2] = over_a, over_b, over_c


@njit(cache=True, nogil=True)
def _rename(across, t, old, new):
    if t >= 0:
        for k in range(3):
            if across[t, k] == old:
                across[t, k] = new
                return


@njit(cache=True, nogil=True)
def _insert(t, p, rows, columns, faces, across, n_faces, touched):
    """Put vertex p, which triangle t covers, into the triangulation; the new number of faces."""
    on = -1
    for k in range(3):
        i, j = faces[t, (k + 1) % 3], faces[t, (k + 2) % 3]
        if (columns[j] - columns[i]) * (rows[p] - rows[i]) == (columns[p] - columns[i]) * (rows[j] - rows[i]):
            on = k
    first = max(on, 0)
    second, third = (first + 1) % 3, (first + 2) % 3
    a, b, c = faces[t, first], faces[t, second], faces[t, third]
    over_a, over_b, over_c = across[t, first], across[t, second], across[t, third]
    new = n_faces
    if on < 0:
        _place(faces, across, t, a, b, p, new, new + 1, over_c)
        _place(faces, across, new, b, c, p, new + 1, t, over_a)
        _place(faces, across, new + 1, c, a, p, t, new, over_b)
        _rename(across, over_a, t, new)
        _rename(across, over_b, t, new + 1)
        touched.extend([t, new, new + 1])
        n_faces += 2
    else:
        s = over_a
        behind = new + 1 if s >= 0 else -1
        if s >= 0:
            k = 0
            while across[s, k] != t:
                k += 1
            d = faces[s, k]
            over_new, over_old = across[s, (k + 2) % 3], across[s, (k + 1) % 3]
            _place(faces, across, s, d, p, b, t, over_old, behind)
            _place(faces, across, behind, d, c, p, new, s, over_new)
            _rename(across, over_new, s, behind)
            touched.extend([s, behind])
            n_faces += 1
        _place(faces, across, t, a, b, p, s, new, over_c)
        _place(faces, across, new, a, p, c, behind, over_b, t)
        _rename(across, over_b, t, new)
        touched.extend([t, new])
        n_faces += 1
    # Flip edges opposite to p until each is Delaunay; triangles that a flip makes come behind the others.
    done = 0
    while done < len(touched):
        t = touched[done]
        done += 1
        k = 0
        while faces[t, k] != p:
            k += 1
        s = across[t, k]
        if s < 0:
            continue
        j = 0
        while across[s, j] != t:
            j += 1
        a, b, d = faces[t, (k + 1) % 3], faces[t, (k + 2) % 3], faces[s, j]
        if not _in_circle(rows, columns, p, a, b, d):
            continue
        over_a, over_b = across[t, (k + 1) % 3], across[t, (k + 2) % 3]
        beyond_b, beyond_a = across[s, (j + 1) % 3], across[s, (j + 2) % 3]
        _place(faces, across, t, p, a, d, beyond_b, s, over_b)
        _place(faces, across, s, p, d, b, beyond_a, over_a, t)
        _rename(across, beyond_b, s, t)
        _rename(across, over_a, t, s)
        touched.extend([t, s])
    return n_faces


@njit(cache=True, nogil=True)
def refine(heights, rim, limit, again, n_nodes, n_faces, rows, columns, z, faces, across, outside, need, split):
    """Split the triangle that needs it most, until none needs more than `limit` or the room is used up.

    Parameters
    ----------
    heights : (ny, nx) float64
        NaN where unknown.
    rim : (ny * nx,) bool
        Known nodes beside unknown ones or on the grid's edge.
    limit : float
        Greatest vertical distance.
    again : bool
        Whether to split also what a split has made, or only what was there; what straddles a rim is always split.
    n_nodes, n_faces : int
        How many of the following are in use.
    rows, columns, z : (room,)
        Nodes that are vertices, and the heights of the mesh there; a new one has its node's.
    faces, across : (2 * room, 3)
        Vertices of each triangle, turning to the left where rows run down, and the triangle on the other side of the
        edge that faces each of them, -1 without.
    outside, need, split : (2 * room,)
        Whether it is no part of the mesh, how badly and at which node (row * nx + column) it has to be split.

    Returns
    -------
    (n_nodes, n_faces)
    """
    nx = heights.shape[1]
    heap = [(-need[t], t) for t in range(n_faces) if need[t] > limit]
    heapq.heapify(heap)
    seen = np.zeros(len(faces), np.int64)
    touched = [0]
    while len(heap) > 0 and n_nodes < len(rows):
        worst, t = heapq.heappop(heap)
        if -worst != need[t]:
            continue  # it has changed since
        p = n_nodes
        n_nodes += 1
        rows[p], columns[p] = split[t] // nx, split[t] % nx
        z[p] = heights[rows[p], columns[p]]
        touched.clear()
        n_faces = _insert(t, p, rows, columns, faces, across, n_faces, touched)
        for t in touched:
            if seen[t] == p:
                continue
            seen[t] = p
            _look(t, heights, rim, rows, columns, z, faces, outside, need, split)
            if need[t] > (limit if again else _MOST):
                heapq.heappush(heap, (-need[t], t))
    return n_nodes, n_faces


@njit(cache=True, nogil=True)
def weights_of_nodes(shape, rows, columns, faces):
    """The face over each node of the grid, -1 without, and the weights of its first two corners there."""
    face = np.full(shape, -1, np.int32)
    weights = np.zeros((shape[0], shape[1], 2))
    for t in range(len(faces)):
        ar, br, cr = rows[faces[t, 0]], rows[faces[t, 1]], rows[faces[t, 2]]
        ac, bc, cc = columns[faces[t, 0]], columns[faces[t, 1]], columns[faces[t, 2]]
        twice = (bc - ac) * (cr - ar) - (cc - ac) * (br - ar)
        for r in range(min(ar, br, cr), max(ar, br, cr) + 1):
            low, high = _span(r, ar, ac, br, bc, cr, cc, twice)
            for k in range(low, high + 1):
                if face[r, k] < 0:
                    face[r, k] = t
                    u = ((k - ac) * (cr - ar) - (cc - ac) * (r - ar)) / twice
                    v = ((bc - ac) * (r - ar) - (k - ac) * (br - ar)) / twice
                    weights[r, k, 0], weights[r, k, 1] = 1.0 - u - v, u
    return face, weights


@njit(cache=True, nogil=True)
def residuals(heights, face, weights, faces, z, out):
    """Fill `out`, of the grid's shape, with the heights of the nodes above their faces; 0 without a face."""
    for r in range(face.shape[0]):
        for k in range(face.shape[1]):
            t = face[r, k]
            if t >= 0:
                a, b, c = z[faces[t, 0]], z[faces[t, 1]], z[faces[t, 2]]
                u, v = weights[r, k]
                out[r, k] = heights[r, k] - (c + u * (a - c) + v * (b - c))


@njit(cache=True, nogil=True)
def normal_equations(face, weights, faces, importance, offset, n_nodes):
    """Matrix entries (m, 3, 3) of each face, and the right side (n_nodes,), of the least squares for the corners."""
    entries, side = np.zeros((len(faces), 3, 3)), np.zeros(n_nodes)
    w = np.empty(3)
    for r in range(face.shape[0]):
        for k in range(face.shape[1]):
            t = face[r, k]
            if t < 0:
                continue
            w[0], w[1] = weights[r, k]
            w[2] = 1.0 - w[0] - w[1]
            for i in range(3):
                share = importance[r, k] * w[i]
                side[faces[t, i]] += share * offset[r, k]
                for j in range(3):
                    entries[t, i, j] += share * w[j]
    return entries, side


@njit(cache=True, nogil=True)
def _times(entries, faces, hair, x, out):
    for i in range(len(x)):
        out[i] = hair * x[i]
    for t in range(len(faces)):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        xa, xb, xc = x[a], x[b], x[c]
        out[a] += entries[t, 0, 0] * xa + entries[t, 0, 1] * xb + entries[t, 0, 2] * xc
        out[b] += entries[t, 1, 0] * xa + entries[t, 1, 1] * xb + entries[t, 1, 2] * xc
        out[c] += entries[t, 2, 0] * xa + entries[t, 2, 1] * xb + entries[t, 2, 2] * xc


@njit(cache=True, nogil=True)
def solve(entries, faces, side, hair, x, tolerance, most):
    """Improve x (n_nodes,) by conjugate gradients, scaled by the diagonal, face by face without a matrix of the whole.

    `hair` is added to the diagonal. It ends when the residual is below `tolerance` times the right side, or after
    `most` steps.
    """
    n = len(x)
    diagonal, product = np.full(n, hair), np.empty(n)
    for t in range(len(faces)):
        for k in range(3):
            diagonal[faces[t, k]] += entries[t, k, k]
    _times(entries, faces, hair, x, product)
    residual = side - product
    way = residual / diagonal
    down, goal = 0.0, 0.0
    for i in range(n):
        down += residual[i] * way[i]
        goal += side[i] * side[i] / diagonal[i]
    goal *= tolerance * tolerance
    for _ in range(most):
        if down <= goal:
            return
        _times(entries, faces, hair, way, product)
        along = 0.0
        for i in range(n):
            along += way[i] * product[i]
        step, before, down = down / along, down, 0.0
        for i in range(n):
            x[i] += step * way[i]
            residual[i] -= step * product[i]
            down += residual[i] * residual[i] / diagonal[i]
        for i in range(n):
            way[i] = residual[i] / diagonal[i] + down / before * way[i]
