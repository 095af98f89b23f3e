"""Is a mesh a surface? Edges, vertices, orientation, holes, parts, and the places where it is not."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.surfaces.mesh import Mesh

__all__ = ["Hole", "MeshReport", "check_mesh"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

# A triangle lower than this share of its longest edge has no area that could be told from rounding.
FLAT = 1e-12


class Hole(NamedTuple):
    """A closed run of edges that only one face has.

    Parameters
    ----------
    centre : tuple of float
        Mean of its vertices, in the mesh's coordinates.
    perimeter_m : float
        Length of its edges.
    n_edges : int
        Number of its edges.
    outline : bool
        Whether it runs round its whole part of the mesh in plan, as the border of a terrain does.
    """

    centre: tuple[float, float, float]
    perimeter_m: float
    n_edges: int
    outline: bool


@dataclass(frozen=True, eq=False)
class MeshReport:
    """What :meth:`Mesh.check` found.

    Parameters
    ----------
    n_vertices, n_faces : int
        Size of the mesh.
    n_components : int
        Parts that share no vertex.
    edge_manifold : bool
        No edge has more than two faces.
    vertex_manifold : bool
        The faces round every vertex form one fan.
    oriented : bool
        Faces that share an edge run along it in opposite directions.
    watertight : bool
        Every edge has exactly two faces, oriented.
    non_manifold_edges : numpy.ndarray of shape (k, 3)
        Middles of edges with more than two faces.
    non_manifold_vertices : numpy.ndarray of shape (k, 3)
        Vertices where several fans touch.
    turned_edges : numpy.ndarray of shape (k, 3)
        Middles of edges whose two faces are oriented against each other.
    degenerate_faces : numpy.ndarray of shape (k,)
        Rows of faces without area.
    duplicate_faces : numpy.ndarray of shape (k,)
        Rows of faces whose three corners an earlier face has too.
    n_duplicate_vertices : int
        Vertices at the place of another one.
    n_unused_vertices : int
        Vertices of no face.
    holes : tuple of Hole
        The longest first; the border of an open sheet is one of them, marked as outline.
    """

    n_vertices: int
    n_faces: int
    n_components: int
    edge_manifold: bool
    vertex_manifold: bool
    oriented: bool
    watertight: bool
    non_manifold_edges: Floats
    non_manifold_vertices: Floats
    turned_edges: Floats
    degenerate_faces: Rows
    duplicate_faces: Rows
    n_duplicate_vertices: int
    n_unused_vertices: int
    holes: tuple[Hole, ...]

    @property
    def is_manifold(self) -> bool:
        """Whether the mesh is a surface, with or without a border."""
        return self.edge_manifold and self.vertex_manifold

    def __str__(self) -> str:
        borders = sum(hole.outline for hole in self.holes)
        lines = [
            f"{self.n_vertices:,} vertices, {self.n_faces:,} faces, {self.n_components:,} parts: "
            + ("watertight" if self.watertight else "open" if self.holes else "closed, but no oriented surface"),
            f"edges with more than two faces: {len(self.non_manifold_edges):,}",
            f"vertices where several fans touch: {len(self.non_manifold_vertices):,}",
            f"edges between faces that are turned against each other: {len(self.turned_edges):,}",
            f"faces without area: {len(self.degenerate_faces):,}, twice there: {len(self.duplicate_faces):,}",
            f"vertices at one place: {self.n_duplicate_vertices:,}, of no face: {self.n_unused_vertices:,}",
            f"holes: {len(self.holes) - borders:,}, outer borders: {borders:,}",
        ]
        lines += [
            f"  {'border' if hole.outline else 'hole'} of {hole.n_edges:,} edges, {hole.perimeter_m:.3f} m, at "
            "({:.2f}, {:.2f}, {:.2f})".format(*hole.centre)
            for hole in self.holes[:10]
        ]
        return "\n".join(lines)


class _Edges(NamedTuple):
    """Half-edges in the order of their undirected edge."""

    low: Rows
    high: Rows
    forward: npt.NDArray[np.bool_]  # whether the face runs it from low to high
    face: Rows
    starts: Rows  # first half-edge of each undirected edge
    counts: Rows


def check_mesh(mesh: Mesh) -> MeshReport:
    """Work behind :meth:`Mesh.check`.

    Parameters
    ----------
    mesh : Mesh
        Any triangles.

    Returns
    -------
    MeshReport
    """
    faces = mesh.faces.astype(np.int64)
    n = len(mesh.vertices)
    used = np.zeros(n, dtype=bool)
    used[faces.ravel()] = True
    degenerate = _degenerate(mesh)
    # An edge from a vertex to itself is no edge: such faces are listed and left out of what follows.
    collapsed = (faces == np.roll(faces, -1, axis=1)).any(axis=1)
    faces = faces[~collapsed]
    edges = _edges(faces, n)
    first = edges.starts
    middles = (mesh.vertices[edges.low[first]] + mesh.vertices[edges.high[first]]) / 2.0
    crowded, border = edges.counts > 2, edges.counts == 1
    turned = np.zeros(len(first), dtype=bool)
    pairs = edges.counts == 2
    turned[pairs] = edges.forward[first[pairs]] == edges.forward[first[pairs] + 1]
    pinched = _pinched(faces, edges, n)
    part = _labels(n, faces[:, :2].ravel(), faces[:, 1:].ravel())
    holes = _holes(mesh, edges, border, part)
    whole = bool(len(faces)) and not (crowded.any() or turned.any() or border.any() or collapsed.any())
    return MeshReport(
        n_vertices=n,
        n_faces=len(mesh.faces),
        n_components=len(np.unique(part[used])),
        edge_manifold=not crowded.any(),
        vertex_manifold=not len(pinched),
        oriented=not turned.any(),
        watertight=whole,
        non_manifold_edges=middles[crowded],
        non_manifold_vertices=mesh.vertices[pinched],
        turned_edges=middles[turned],
        degenerate_faces=degenerate,
        duplicate_faces=_repeated(np.sort(mesh.faces, axis=1)),
        n_duplicate_vertices=len(_repeated(mesh.vertices)),
        n_unused_vertices=int((~used).sum()),
        holes=holes,
    )


def _edges(faces: Rows, n: int) -> _Edges:
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    key = np.minimum(start, end) * n + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
    low, high = np.divmod(key, max(n, 1))
    return _Edges(low, high, (start < end)[order], order // 3, starts, np.diff(np.append(starts, len(key))))


def _degenerate(mesh: Mesh) -> Rows:
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - mesh.origin for i in range(3))
    twice_area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.maximum.reduce([((p - q) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))])
    return np.flatnonzero(twice_area <= FLAT * longest)


def _repeated(rows: npt.NDArray[np.generic]) -> Rows:
    """Rows that stand earlier in the array too, in rising order."""
    order = np.lexsort(rows.T[::-1])
    same = (rows[order[1:]] == rows[order[:-1]]).all(axis=1)
    return np.sort(order[1:][same])


def _pinched(faces: Rows, edges: _Edges, n: int) -> Rows:
    """Vertices whose faces fall into several fans.

    Every corner of a face is a node; an edge joins the corners of its faces at both of its ends. A vertex with more
    than one group of corners is pinched.
    """
    # Along an edge with more than two faces its faces form one fan too: the edge is listed, its ends are not.
    inner = np.ones(len(edges.low), dtype=bool)
    inner[edges.starts] = False
    later = np.flatnonzero(inner)
    ends = []
    for vertex in (edges.low, edges.high):
        corner = 3 * edges.face + np.argmax(faces[edges.face] == vertex[:, None], axis=1)
        ends.append((corner[later - 1], corner[later]))
    label = _labels(3 * len(faces), *(np.concatenate(side) for side in zip(*ends, strict=True)))
    first = np.full(n, -1, dtype=np.int64)
    corners = faces.ravel()
    first[corners[::-1]] = label[::-1]
    return np.unique(corners[label != first[corners]])


def _holes(mesh: Mesh, edges: _Edges, border: npt.NDArray[np.bool_], part: Rows) -> tuple[Hole, ...]:
    rows = edges.starts[border]
    if not len(rows):
        return ()
    low, high = edges.low[rows], edges.high[rows]
    corners, inverse = np.unique(np.concatenate([low, high]), return_inverse=True)
    a, b = inverse[: len(rows)], inverse[len(rows) :]
    # Loops that touch at a vertex count as one.
    loop = _labels(len(corners), a, b)
    number = int(loop.max()) + 1
    length = np.linalg.norm(mesh.vertices[low] - mesh.vertices[high], axis=1)
    perimeter, count = np.bincount(loop[a], length, number), np.bincount(loop[a], minlength=number)
    places = mesh.vertices[corners]
    size = np.bincount(loop, minlength=number)
    sums = np.column_stack([np.bincount(loop, places[:, i] - mesh.origin[i], number) for i in range(3)])
    centre = sums / size[:, None] + mesh.origin
    of_part = np.zeros(number, dtype=np.int64)
    of_part[loop] = part[corners]
    around = _boxes(places[:, :2], loop, number)
    whole = _boxes(mesh.vertices[:, :2], part, int(part.max()) + 1)[of_part]
    outline = (around == whole).all(axis=1)
    order = np.argsort(-perimeter, kind="stable")
    return tuple(
        Hole(
            (float(centre[i, 0]), float(centre[i, 1]), float(centre[i, 2])),
            float(perimeter[i]),
            int(count[i]),
            bool(outline[i]),
        )
        for i in order
    )


def _boxes(points: Floats, label: Rows, number: int) -> Floats:
    """Least and greatest x and y (number, 4) of the points of each label."""
    boxes = np.empty((number, 4))
    boxes[:, :2], boxes[:, 2:] = np.inf, -np.inf
    for axis in range(2):
        np.minimum.at(boxes[:, axis], label, points[:, axis])
        np.maximum.at(boxes[:, 2 + axis], label, points[:, axis])
    return boxes


def _labels(n: int, a: Rows, b: Rows) -> Rows:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
