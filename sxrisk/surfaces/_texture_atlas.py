"""A mesh laid out flat: charts that look one way, side by side in a picture."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.surfaces.mesh import Mesh

__all__ = ["Atlas", "Layout", "flatten"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Texels of room around a chart, filled with the colours of its rim.
ROOM = 2
# A face may lie so slanted in its chart, as the cosine of the angle, if that keeps it with its neighbours.
SLANTED = 0.35
SMOOTHINGS, PARTINGS = 4, 6


class Layout(NamedTuple):
    """Size of the picture, and the corners (m, 3, 2) of the faces in it, column and row in texels."""

    width: int
    height: int
    corners: Floats


class Atlas(NamedTuple):
    """A layout, and the face (h, w) that each texel belongs to, -1 where there is none."""

    layout: Layout
    owner: npt.NDArray[np.int32]


def flatten(mesh: Mesh, texel_m: float, largest: int) -> Atlas | None:
    """Lay a mesh out so that no two of its faces share a texel.

    Faces go to the one of six directions that they look in, neighbours together where they are not too slanted; what
    hangs together in one direction is a chart and is projected along it. Faces that lie over others of their chart
    become charts of their own.

    Parameters
    ----------
    mesh : Mesh
        With faces.
    texel_m : float
        Side of a texel, metres.
    largest : int
        Most texels along a side of the picture.

    Returns
    -------
    Atlas or None
        None if the picture would be larger.
    """
    from sxrisk.surfaces._texture_kernels import own_texels

    pairs = _neighbours(mesh)
    look = _directions(mesh, pairs)
    parted = np.zeros(len(mesh.faces), dtype=np.int64)
    turn = 0
    while True:
        chart = _connected(pairs, look * (PARTINGS + 2) + parted)
        if turn == PARTINGS:
            # What still lies over its own neighbours goes one by one.
            alone = parted == turn
            chart[alone] = chart.max(initial=0) + 1 + np.arange(int(alone.sum()))
            chart = np.unique(chart, return_inverse=True)[1]
        layout = _packed(mesh, look // 2, chart, texel_m, largest)
        if layout is None:
            return None
        owner = np.full((layout.height, layout.width), -1, dtype=np.int32)
        doubled = np.zeros(len(mesh.faces), dtype=bool)
        own_texels(layout.corners, owner, doubled)
        if not doubled.any() or turn == PARTINGS:
            _give_each_chart_a_texel(layout, chart, owner)
            return Atlas(layout, owner)
        turn += 1
        parted[doubled] = turn


def _neighbours(mesh: Mesh) -> Integers:
    """Faces (k, 2) that share an edge."""
    faces = mesh.faces.astype(np.int64)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    edge = np.minimum(start, end) * len(mesh.vertices) + np.maximum(start, end)
    order = np.argsort(edge, kind="stable")
    same = np.flatnonzero(edge[order][1:] == edge[order][:-1])
    return np.column_stack([order[same], order[same + 1]]) // 3


def _directions(mesh: Mesh, pairs: Integers) -> Integers:
    """Way that each face looks, twice the axis and one more where it looks against it."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - mesh.origin for i in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    towards = np.stack([normals, -normals], axis=2).reshape(-1, 6)
    look = towards.argmax(axis=1)
    for _ in range(SMOOTHINGS):
        votes = np.zeros((len(look), 6))
        for one, other in (pairs.T, pairs.T[::-1]):
            np.add.at(votes, (one, look[other]), 1.0)
        # The own direction counts a little more, so that nothing swings to and fro.
        votes[np.arange(len(look)), look] += 1.5
        votes[towards < SLANTED] = -1.0
        look = np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), look)
    return look.astype(np.int64)


def _connected(pairs: Integers, kind: Integers) -> Integers:
    """Number of the chart of each face: neighbours of one kind."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    same = pairs[kind[pairs[:, 0]] == kind[pairs[:, 1]]]
    graph = coo_array((np.ones(len(same), np.int8), (same[:, 0], same[:, 1])), shape=(len(kind), len(kind)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _packed(mesh: Mesh, axis: Integers, chart: Integers, texel_m: float, largest: int) -> Layout | None:
    """Charts in rows, the highest first."""
    places = (mesh.vertices - mesh.origin)[mesh.faces] / texel_m
    across = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    flat = np.take_along_axis(places, across[:, None, :].repeat(3, axis=1), axis=2)
    n = int(chart.max()) + 1
    low, high = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
    np.minimum.at(low, chart, flat.min(axis=1))
    np.maximum.at(high, chart, flat.max(axis=1))
    size = np.ceil(high - low).astype(np.int64) + 1 + 2 * ROOM
    if size.max() > largest or float(size.prod(axis=1).sum()) > float(largest) ** 2:
        return None
    width = max(int(size[:, 0].max()), min(largest, int(np.ceil(1.05 * np.sqrt(float(size.prod(axis=1).sum()))))))
    corner = np.zeros((n, 2), dtype=np.int64)
    column = row = depth = 0
    for at in np.lexsort((-size[:, 0], -size[:, 1])):
        wide, high_ = size[at]
        if column + wide > width:
            column, row, depth = 0, row + depth, 0
        corner[at] = column, row
        column, depth = column + wide, max(depth, high_)
    height = int(row + depth)
    if height > largest:
        return None
    width = int((corner[:, 0] + size[:, 0]).max())
    # A quarter of a texel of room, so that no rim lies exactly between two texels.
    return Layout(width, height, flat - low[chart][:, None, :] + corner[chart][:, None, :] + ROOM + 0.25)


def _give_each_chart_a_texel(layout: Layout, chart: Integers, owner: npt.NDArray[np.int32]) -> None:
    """A chart that holds no middle of a texel gets the one in which it lies."""
    has = np.zeros(int(chart.max()) + 1, dtype=bool)
    has[chart[owner[owner >= 0]]] = True
    first = np.unique(chart, return_index=True)[1]
    for face in first[~has]:
        column, row = layout.corners[face].mean(axis=0).astype(np.int64)
        owner[row, column] = face
