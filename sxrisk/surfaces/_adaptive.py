"""Triangulations of a grid with as few faces as a stated vertical error allows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.surfaces.tin import triangulate

__all__ = ["adaptive_faces"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Heights that are fitted lie on both sides of the ground and need fewer vertices than heights taken over: nodes are
# chosen for this many times the error first, then the heights are fitted, and what is still too far is split.
SLACK = 1.5
FIT_STEPS = 4
FIT_ROUNDS = 4


def adaptive_faces(heights: Floats, max_error_m: float) -> tuple[npt.NDArray[np.int32], Ints, Floats]:
    """Faces over the known nodes of a grid, none of the nodes farther than `max_error_m` from its face.

    Greedy insertion: from the convex hull on, the triangle that is farthest from a node it covers is split there, until
    none is too far. A triangle that covers known and unknown nodes is split as well, one that covers only unknown ones
    is left out: holes and rims stay where the grid has them. The heights of the vertices are then fitted to all nodes,
    and the splitting goes on until every node, vertices included, is within the error.

    Parameters
    ----------
    heights : ndarray of shape (ny, nx)
        NaN where unknown; rows fall towards the south.
    max_error_m : float
        Greatest vertical distance of a node from its face, metres.

    Returns
    -------
    faces : ndarray of int32, shape (m, 3)
        Rows of `used`, facing up.
    used : ndarray of int64, shape (n,)
        Nodes (row * nx + column) that are vertices.
    z : ndarray of shape (n,)
        Their heights.

    References
    ----------
    Garland, M., Heckbert, P.S. (1995). Fast polygonal approximation of terrains and height fields. CMU-CS-95-181.
    """
    from scipy.ndimage import binary_erosion

    known = np.isfinite(heights)
    rim = (known & ~binary_erosion(known, np.ones((3, 3), dtype=bool))).ravel()
    growing = _Growing(heights, rim, _hull(known))
    growing.refine(SLACK * max_error_m)
    for _ in range(FIT_ROUNDS):
        growing.fit(max_error_m)
        if growing.error <= max_error_m:
            break
        growing.refine(max_error_m, again=False)
    growing.refine(max_error_m)
    used, flat = np.unique(growing.faces[~growing.outside], return_inverse=True)
    return flat.reshape(-1, 3).astype(np.int32), growing.nodes[used], growing.z[used]


class _Growing:
    """A triangulation of nodes of a grid, and which of its triangles have to be split."""

    def __init__(self, heights: Floats, rim: Mask, nodes: Ints) -> None:
        self._heights, self._rim = np.ascontiguousarray(heights), rim
        rows, columns = np.divmod(nodes, heights.shape[1])
        faces = triangulate(np.column_stack([columns, -rows]).astype(np.float64))
        self._n, self._m = len(nodes), len(faces)
        self._vertices = [rows, columns, heights.ravel()[nodes]]
        empty = np.zeros(len(faces), dtype=bool), np.zeros(len(faces)), np.zeros(len(faces), np.int64)
        self._triangles: list[npt.NDArray[Any]] = [faces, _across(faces), *empty]
        self._measure()

    @property
    def nodes(self) -> Ints:
        """Vertices (n,) as row * nx + column."""
        rows, columns, _ = self._vertices
        return np.asarray(rows[: self._n] * self._heights.shape[1] + columns[: self._n])

    @property
    def z(self) -> Floats:
        """Heights (n,) of the mesh."""
        return np.asarray(self._vertices[2][: self._n])

    @property
    def faces(self) -> Ints:
        """Triangles (m, 3)."""
        return np.asarray(self._triangles[0][: self._m])

    @property
    def outside(self) -> Mask:
        """Which triangles (m,) are no part of the mesh."""
        return np.asarray(self._triangles[2][: self._m])

    @property
    def error(self) -> float:
        """Greatest vertical distance of a node from its triangle."""
        return float(self._triangles[3][: self._m].max(initial=0.0))

    def refine(self, limit: float, *, again: bool = True) -> None:
        """Split what is farther than `limit` from a node, and with `again` what comes of it, until nothing is."""
        from sxrisk.surfaces._adaptive_kernels import refine

        full = True
        while full:
            room = 2 * self._n + 1024
            self._vertices = [_with_room(part, room) for part in self._vertices]
            self._triangles = [_with_room(part, 2 * room) for part in self._triangles]
            self._n, self._m = refine(
                self._heights, self._rim, limit, again, self._n, self._m, *self._vertices, *self._triangles
            )
            full = self._n == len(self._vertices[0])

    def fit(self, within: float) -> None:
        """Fit the heights of the vertices to all nodes; see `_fitted`."""
        self._vertices[2][: self._n] = _fitted(self._heights, self.nodes, self.faces, ~self.outside, within)
        self._measure()

    def _measure(self) -> None:
        from sxrisk.surfaces._adaptive_kernels import measure

        rows, columns, z = (part[: self._n] for part in self._vertices)
        faces, _, outside, need, split = (part[: self._m] for part in self._triangles)
        measure(self._heights, self._rim, rows, columns, z, faces, outside, need, split)


def _with_room(values: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    if len(values) >= room:
        return values
    larger = np.zeros((room, *values.shape[1:]), values.dtype)
    larger[: len(values)] = values
    return larger


def _across(faces: Ints) -> Ints:
    """The triangle on the other side of the edge that faces each corner (m, 3), -1 without."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    across = np.full(faces.shape, -1, np.int64)
    for t, face in enumerate(faces.tolist()):
        for k in range(3):
            edge = face[(k + 1) % 3], face[(k + 2) % 3]
            if edge[::-1] in owner:
                s, j = owner[edge[::-1]]
                across[t, k], across[s, j] = s, t
            owner[edge] = t, k
    return across


def _fitted(heights: Floats, nodes: Ints, faces: Ints, inside: Mask, within: float) -> Floats:
    """Heights of the vertices nearest to all nodes their faces cover, at most `within` from their own node's.

    Least squares with growing weight on what is far off: towards the smallest greatest distance.
    """
    if not inside.any():
        return heights.ravel()[nodes]
    from sxrisk.surfaces._adaptive_kernels import normal_equations, residuals, solve, weights_of_nodes

    rows, columns = np.divmod(nodes, heights.shape[1])
    kept, size = faces[inside], len(nodes)
    face, weights = weights_of_nodes(heights.shape, rows, columns, kept)
    own, rise = heights.ravel()[nodes], np.zeros(size)
    offset, residual = np.zeros(heights.shape), np.zeros(heights.shape)
    residuals(heights, face, weights, kept, own, offset)
    importance = np.ones(heights.shape)
    covered = np.count_nonzero(face >= 0)
    for _ in range(FIT_STEPS):
        # A hair of the vertex's own height decides where no node does.
        entries, side = normal_equations(face, weights, kept, importance, offset, size)
        solve(entries, kept, side, 1e-3, rise, 1e-4, 100)
        rise = np.clip(rise, -within, within)
        residuals(offset, face, weights, kept, rise, residual)
        away = np.abs(residual)
        importance *= 0.1 + away / max(float(away.max()), 1e-12)
        importance *= covered / float(importance[face >= 0].sum())
    return np.asarray(own + rise)


def _hull(known: npt.NDArray[np.bool_]) -> Ints:
    """Corners of the convex hull of the known nodes."""
    from scipy.spatial import ConvexHull, QhullError

    rows = np.flatnonzero(known.any(axis=1))
    if not len(rows):
        return np.empty(0, np.int64)
    first = known[rows].argmax(axis=1)
    last = known.shape[1] - 1 - known[rows, ::-1].argmax(axis=1)
    ends = np.column_stack([np.tile(rows, 2), np.concatenate([first, last])])
    try:
        ends = ends[ConvexHull(ends).vertices]
    except QhullError:
        ends = np.unique(ends, axis=0)
    return np.sort(ends[:, 0] * known.shape[1] + ends[:, 1])
