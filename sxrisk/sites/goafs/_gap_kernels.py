"""Least distance between triangles, exact, over two trees of boxes: compiled loops.

A point or a piece of a line is a triangle whose corners coincide, so that one kernel does for all.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["box_tree", "nearest_pair"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAF = 4


@njit(cache=True)
def _segments(p: Floats, q: Floats, r: Floats, s: Floats, out: Floats) -> float:
    """Squared distance of pq and rs; the nearest places go to `out` (2, 3) [Ericson 2005, 5.1.9]."""
    d1, d2, w = q - p, s - r, p - r
    a, e, f = np.dot(d1, d1), np.dot(d2, d2), np.dot(d2, w)
    if a <= 0.0 and e <= 0.0:
        t = u = 0.0
    elif a <= 0.0:
        t, u = 0.0, min(max(f / e, 0.0), 1.0)
    else:
        c = np.dot(d1, w)
        if e <= 0.0:
            t, u = min(max(-c / a, 0.0), 1.0), 0.0
        else:
            b = np.dot(d1, d2)
            denominator = a * e - b * b
            t = min(max((b * f - c * e) / denominator, 0.0), 1.0) if denominator > 1e-14 * a * e else 0.0
            u = (b * t + f) / e
            if u < 0.0:
                t, u = min(max(-c / a, 0.0), 1.0), 0.0
            elif u > 1.0:
                t, u = min(max((b - c) / a, 0.0), 1.0), 1.0
    for k in range(3):
        out[0, k] = p[k] + t * d1[k]
        out[1, k] = r[k] + u * d2[k]
    return float((out[0, 0] - out[1, 0]) ** 2 + (out[0, 1] - out[1, 1]) ** 2 + (out[0, 2] - out[1, 2]) ** 2)


@njit(cache=True)
def _above(p: Floats, t: Floats, normal: Floats) -> bool:
    """Whether the foot of p on the plane of t (3, 3) lies inside the triangle."""
    for k in range(3):
        edge = t[(k + 1) % 3] - t[k]
        if np.dot(np.cross(edge, p - t[k]), normal) < 0.0:
            return False
    return True


@njit(cache=True)
def _triangles(s: Floats, t: Floats, out: Floats) -> float:
    """Squared distance of two triangles (3, 3); 0 where they meet."""
    best = np.inf
    trial = np.empty((2, 3))
    for i in range(3):
        for j in range(3):
            d = _segments(s[i], s[(i + 1) % 3], t[j], t[(j + 1) % 3], trial)
            if d < best:
                best = d
                out[:] = trial
    for side in range(2):
        one, other = (s, t) if side == 0 else (t, s)
        normal = np.cross(other[1] - other[0], other[2] - other[0])
        size = np.dot(normal, normal)
        if size <= 0.0:
            continue
        height = np.empty(3)
        for i in range(3):
            height[i] = np.dot(one[i] - other[0], normal)
            d = height[i] ** 2 / size
            if d < best and _above(one[i], other, normal):
                best = d
                out[side] = one[i]
                out[1 - side] = one[i] - normal * (height[i] / size)
        for i in range(3):
            k = (i + 1) % 3
            if height[i] * height[k] < 0.0:
                place = one[i] + (one[k] - one[i]) * (height[i] / (height[i] - height[k]))
                if _above(place, other, normal):
                    out[0] = place
                    out[1] = place
                    return 0.0
    return best


@njit(cache=True)
def box_tree(triangles: Floats, depth: int) -> Floats:
    """Boxes (2 ** (depth + 1) - 1, 2, 3) of a complete tree over sorted triangles, each leaf an equal share."""
    n, leaves = triangles.shape[0], 1 << depth
    boxes = np.empty((2 * leaves - 1, 2, 3))
    for leaf in range(leaves):
        node = leaves - 1 + leaf
        boxes[node, 0] = np.inf
        boxes[node, 1] = -np.inf
        for i in range(leaf * n // leaves, (leaf + 1) * n // leaves):
            for corner in range(3):
                for k in range(3):
                    boxes[node, 0, k] = min(boxes[node, 0, k], triangles[i, corner, k])
                    boxes[node, 1, k] = max(boxes[node, 1, k], triangles[i, corner, k])
    for node in range(leaves - 2, -1, -1):
        for k in range(3):
            boxes[node, 0, k] = min(boxes[2 * node + 1, 0, k], boxes[2 * node + 2, 0, k])
            boxes[node, 1, k] = max(boxes[2 * node + 1, 1, k], boxes[2 * node + 2, 1, k])
    return boxes


@njit(cache=True, inline="always")
def _between(a: Floats, b: Floats) -> float:
    """Squared distance of two boxes (2, 3)."""
    total = 0.0
    for k in range(3):
        gap = max(a[0, k] - b[1, k], b[0, k] - a[1, k], 0.0)
        total += gap * gap
    return total


@njit(cache=True)
def nearest_pair(
    one: Floats, one_boxes: Floats, one_depth: int, two: Floats, two_boxes: Floats, two_depth: int, bound: float
) -> tuple[float, Floats]:
    """Squared least distance below `bound` and its two places (2, 3); `bound` and NaN where none is below it."""
    best = bound
    places = np.full((2, 3), np.nan)
    trial = np.empty((2, 3))
    first_leaf, second_leaf = (1 << one_depth) - 1, (1 << two_depth) - 1
    stack = np.empty((4 * (one_depth + two_depth) + 8, 2), np.int64)
    stack[0] = 0
    top = 1
    pair = np.empty((2, 2), np.int64)
    while top > 0:
        top -= 1
        i, j = stack[top]
        if _between(one_boxes[i], two_boxes[j]) >= best:
            continue
        if i >= first_leaf and j >= second_leaf:
            for a in range((i - first_leaf) * len(one) >> one_depth, (i - first_leaf + 1) * len(one) >> one_depth):
                for b in range(
                    (j - second_leaf) * len(two) >> two_depth, (j - second_leaf + 1) * len(two) >> two_depth
                ):
                    d = _triangles(one[a], two[b], trial)
                    if d < best:
                        best = d
                        places[:] = trial
            if best == 0.0:
                break
            continue
        # The larger box is parted, and the nearer half looked at first.
        size_i, size_j = 0.0, 0.0
        for k in range(3):
            size_i += one_boxes[i, 1, k] - one_boxes[i, 0, k]
            size_j += two_boxes[j, 1, k] - two_boxes[j, 0, k]
        if j >= second_leaf or (i < first_leaf and size_i >= size_j):
            pair[0, 0], pair[0, 1], pair[1, 0], pair[1, 1] = 2 * i + 1, j, 2 * i + 2, j
        else:
            pair[0, 0], pair[0, 1], pair[1, 0], pair[1, 1] = i, 2 * j + 1, i, 2 * j + 2
        near = 0
        if _between(one_boxes[pair[1, 0]], two_boxes[pair[1, 1]]) < _between(
            one_boxes[pair[0, 0]], two_boxes[pair[0, 1]]
        ):
            near = 1
        stack[top] = pair[1 - near]
        stack[top + 1] = pair[near]
        top += 2
    return best, places
