"""Nearest neighbours of every point of a cloud: a balanced k-d tree, compiled, with an answer that ties cannot change.

Files with whole millimetres are full of equal distances. Which of two equally near points counts as the nearer one is
decided by their coordinates, never by their place in the file or in the tree: a part of a cloud gives the same
neighbours as the whole.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["Tree", "build_tree", "count_within", "moments_within", "nearest", "reach"]

_LEAF = 12  # points in a leaf, at most

Floats = NDArray[np.float64]


class Tree(NamedTuple):
    """Points in the order of the leaves and the splits above them.

    ``order`` (n,) is the row of each point in the cloud; node ``i`` has the children ``2 i + 1`` and ``2 i + 2`` and
    holds the points from ``first[i]`` to ``last[i]``; ``axis`` is -1 at a leaf. Left of ``split``, or on it, lie the
    points of the left child, right of it, or on it, those of the right one.
    """

    points: Floats
    order: NDArray[np.int32]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    axis: NDArray[np.int8]
    split: Floats


def build_tree(points: Floats) -> Tree:
    """A tree over `points` (n, 3), float64 offsets from a local origin; n may be 0."""
    n = len(points)
    depth = 0
    while (n >> depth) > _LEAF:
        depth += 1
    nodes = 2 ** (depth + 1) - 1
    order = np.arange(n, dtype=np.int32)
    first, last = np.zeros(nodes, np.int32), np.zeros(nodes, np.int32)
    axis, split = np.full(nodes, -1, np.int8), np.zeros(nodes)
    last[0] = n
    own = np.array(points, dtype=np.float64, order="C")
    for level in range(depth):
        _split_level(own, order, first, last, axis, split, level)
    return Tree(own, order, first, last, axis, split)


def nearest(tree: Tree, k: int, reach: float) -> tuple[Floats, NDArray[np.int32]]:
    """The `k` nearest other points of every point of the tree, nearest first.

    Parameters
    ----------
    tree : Tree
    k : int
        Neighbours, at least 1; the point itself is none.
    reach : float
        Farther points are not looked for; metres.

    Returns
    -------
    distance : ndarray of shape (n, k)
        Metres, inf where there are fewer neighbours within `reach`.
    index : ndarray of int32, shape (n, k)
        Rows of the cloud, -1 where there are fewer.
    """
    n = len(tree.points)
    distance = np.full((n, k), np.inf)
    index = np.full((n, k), -1, np.int32)
    if n:
        _nearest(*tree, k, reach * reach, distance, index)
    return distance, index


def count_within(tree: Tree, radius: float, enough: int) -> NDArray[np.int32]:
    """How many other points lie nearer than `radius` metres to every point (n,), counted up to `enough`."""
    counts = np.zeros(len(tree.points), np.int32)
    if len(counts):
        _count(*tree, radius * radius, enough, counts)
    return counts


def reach(tree: Tree, places: Floats, k: int) -> Floats:
    """Distance (n,) of the `k`-th nearest point of the tree from every place (n, 3), metres; k at most its points."""
    distance = np.empty(len(places))
    _reach(tree.points, tree.first, tree.last, tree.axis, tree.split, places, k, distance)
    return distance


def moments_within(tree: Tree, places: Floats, radius: Floats) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Number, mean and scatter of the points of the tree around places, each with its own radius.

    Parameters
    ----------
    tree : Tree
    places : ndarray of shape (n, 3)
    radius : ndarray of shape (n,)
        Metres; points on the sphere count.

    Returns
    -------
    count : ndarray of int64, shape (n,)
    mean : ndarray of shape (n, 3)
        Of the points; the place itself where there is none.
    scatter : ndarray of shape (n, 3, 3)
        Sum of the products of their offsets from the mean, square metres.
    least : ndarray of shape (n,)
        Distance of the nearest point, inf where there is none within the radius.
    """
    n = len(places)
    count, mean = np.zeros(n, np.int64), np.array(places, dtype=np.float64, order="C")
    scatter, least = np.zeros((n, 3, 3)), np.full(n, np.inf)
    offsets = np.ascontiguousarray(places)
    _moments(tree.points, tree.first, tree.last, tree.axis, tree.split, offsets, radius, count, mean, scatter, least)
    return count, mean, scatter, least


@njit(cache=True)
def _select(points, order, low, high, middle, axis):
    """Quickselect: after it no point before `middle` lies beyond it along `axis`, none behind lies before."""
    while high - low > 1:
        a, b, c = points[low, axis], points[(low + high) // 2, axis], points[high - 1, axis]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high - 1
        while i <= j:
            while points[i, axis] < pivot:
                i += 1
            while points[j, axis] > pivot:
                j -= 1
            if i <= j:
                for d in range(3):
                    keep = points[i, d]
                    points[i, d] = points[j, d]
                    points[j, d] = keep
                row = order[i]
                order[i] = order[j]
                order[j] = row
                i += 1
                j -= 1
        if middle <= j:
            high = j + 1
        elif middle >= i:
            low = i
        else:
            return


@njit(cache=True, parallel=True)
def _split_level(points, order, first, last, axis, split, level):
    start = 2**level - 1
    for node in prange(start, 2 * start + 1):
        low, high = first[node], last[node]
        best, width = 0, -1.0
        for d in range(3):
            least, most = points[low, d], points[low, d]
            for i in range(low + 1, high):
                least = min(least, points[i, d])
                most = max(most, points[i, d])
            if most - least > width:
                best, width = d, most - least
        middle = (low + high) // 2
        _select(points, order, low, high, middle, best)
        axis[node] = best
        split[node] = points[middle, best]
        left, right = 2 * node + 1, 2 * node + 2
        first[left], last[left] = low, middle
        first[right], last[right] = middle, high


@njit(cache=True, inline="always")
def _before(points, i, j):
    """Whether point i goes before j where both are equally near."""
    for d in range(3):
        if points[i, d] != points[j, d]:
            return points[i, d] < points[j, d]
    return i < j


@njit(cache=True, parallel=True)
def _nearest(points, order, first, last, axis, split, k, reach2, distance, index):
    n = len(points)
    blocks = (n + 1023) // 1024
    for block in prange(blocks):
        best = np.empty(k)
        who = np.empty(k, np.int32)
        stack = np.empty(64, np.int32)
        least = np.empty(64)
        for me in range(block * 1024, min(n, block * 1024 + 1024)):
            x, y, z = points[me, 0], points[me, 1], points[me, 2]
            for j in range(k):
                best[j] = np.inf
                who[j] = -1
            limit = reach2
            top = 1
            stack[0] = 0
            least[0] = 0.0
            while top > 0:
                top -= 1
                # Equal distances must all be looked at: the coordinates decide between them.
                if least[top] > limit:
                    continue
                node = stack[top]
                while axis[node] >= 0:
                    d = axis[node]
                    off = (x if d == 0 else (y if d == 1 else z)) - split[node]
                    near = 2 * node + 1 if off < 0.0 else 2 * node + 2
                    far = 4 * node + 3 - near
                    if off * off <= limit:
                        stack[top] = far
                        least[top] = off * off
                        top += 1
                    node = near
                for i in range(first[node], last[node]):
                    dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
                    d2 = dx * dx + dy * dy + dz * dz
                    if d2 > limit or i == me:
                        continue
                    if d2 == best[k - 1] and not _before(points, i, who[k - 1]):
                        continue
                    at = k - 1
                    while at > 0 and (d2 < best[at - 1] or (d2 == best[at - 1] and _before(points, i, who[at - 1]))):
                        best[at] = best[at - 1]
                        who[at] = who[at - 1]
                        at -= 1
                    best[at] = d2
                    who[at] = i
                    limit = min(reach2, best[k - 1])
            row = order[me]
            for j in range(k):
                if who[j] >= 0:
                    distance[row, j] = np.sqrt(best[j])
                    index[row, j] = order[who[j]]


@njit(cache=True, parallel=True)
def _count(points, order, first, last, axis, split, radius2, enough, counts):
    n = len(points)
    blocks = (n + 1023) // 1024
    for block in prange(blocks):
        stack = np.empty(64, np.int32)
        for me in range(block * 1024, min(n, block * 1024 + 1024)):
            x, y, z = points[me, 0], points[me, 1], points[me, 2]
            found = 0
            top = 1
            stack[0] = 0
            while top > 0 and found < enough:
                top -= 1
                node = stack[top]
                while axis[node] >= 0:
                    d = axis[node]
                    off = (x if d == 0 else (y if d == 1 else z)) - split[node]
                    near = 2 * node + 1 if off < 0.0 else 2 * node + 2
                    if off * off < radius2:
                        stack[top] = 4 * node + 3 - near
                        top += 1
                    node = near
                for i in range(first[node], last[node]):
                    dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
                    if dx * dx + dy * dy + dz * dz < radius2 and i != me:
                        found += 1
            counts[order[me]] = min(found, enough)


@njit(cache=True, parallel=True)
def _reach(points, first, last, axis, split, places, k, distance):
    blocks = (len(places) + 255) // 256
    for block in prange(blocks):
        best = np.empty(k)
        stack = np.empty(64, np.int32)
        least = np.empty(64)
        for me in range(block * 256, min(len(places), block * 256 + 256)):
            x, y, z = places[me, 0], places[me, 1], places[me, 2]
            best[:] = np.inf
            top = 1
            stack[0] = 0
            least[0] = 0.0
            while top > 0:
                top -= 1
                if least[top] >= best[k - 1]:
                    continue
                node = stack[top]
                while axis[node] >= 0:
                    d = axis[node]
                    off = (x if d == 0 else (y if d == 1 else z)) - split[node]
                    near = 2 * node + 1 if off < 0.0 else 2 * node + 2
                    if off * off < best[k - 1]:
                        stack[top] = 4 * node + 3 - near
                        least[top] = off * off
                        top += 1
                    node = near
                for i in range(first[node], last[node]):
                    dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
                    d2 = dx * dx + dy * dy + dz * dz
                    if d2 < best[k - 1]:
                        at = k - 1
                        while at > 0 and d2 < best[at - 1]:
                            best[at] = best[at - 1]
                            at -= 1
                        best[at] = d2
            distance[me] = np.sqrt(best[k - 1])


@njit(cache=True, parallel=True)
def _moments(points, first, last, axis, split, places, radius, count, mean, scatter, least):
    blocks = (len(places) + 255) // 256
    for block in prange(blocks):
        stack = np.empty(64, np.int32)
        for me in range(block * 256, min(len(places), block * 256 + 256)):
            x, y, z = places[me, 0], places[me, 1], places[me, 2]
            limit = radius[me] * radius[me]
            n, nearest2 = 0, np.inf
            sx = sy = sz = 0.0
            xx = xy = xz = yy = yz = zz = 0.0
            top = 1
            stack[0] = 0
            while top > 0:
                top -= 1
                node = stack[top]
                while axis[node] >= 0:
                    d = axis[node]
                    off = (x if d == 0 else (y if d == 1 else z)) - split[node]
                    near = 2 * node + 1 if off < 0.0 else 2 * node + 2
                    if off * off <= limit:
                        stack[top] = 4 * node + 3 - near
                        top += 1
                    node = near
                for i in range(first[node], last[node]):
                    dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
                    d2 = dx * dx + dy * dy + dz * dz
                    if d2 <= limit:
                        n += 1
                        nearest2 = min(nearest2, d2)
                        sx += dx
                        sy += dy
                        sz += dz
                        xx += dx * dx
                        xy += dx * dy
                        xz += dx * dz
                        yy += dy * dy
                        yz += dy * dz
                        zz += dz * dz
            count[me] = n
            least[me] = np.sqrt(nearest2)
            if n > 0:
                sx, sy, sz = sx / n, sy / n, sz / n
                mean[me, 0], mean[me, 1], mean[me, 2] = x + sx, y + sy, z + sz
                scatter[me, 0, 0] = xx - n * sx * sx
                scatter[me, 1, 1] = yy - n * sy * sy
                scatter[me, 2, 2] = zz - n * sz * sz
                scatter[me, 0, 1] = scatter[me, 1, 0] = xy - n * sx * sy
                scatter[me, 0, 2] = scatter[me, 2, 0] = xz - n * sx * sz
                scatter[me, 1, 2] = scatter[me, 2, 1] = yz - n * sy * sz
