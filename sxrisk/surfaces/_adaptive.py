"""Triangulations of a grid with as few faces as a stated vertical error allows."""

import numpy as np
import numpy.typing as npt

from sxrisk.surfaces.tin import triangulate

__all__ = ["adaptive_faces"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Of the nodes that are too far off, a round takes those within this factor of the worst: taking all at once would take
# many that the others make needless, taking one at a time would take a round for each.
PER_ROUND = 0.4
# Heights that are fitted lie on both sides of the ground and need fewer vertices than heights taken over: nodes are
# chosen for this many times the error first, then the heights are fitted, and what is still too far is split.
SLACK = 1.5
FIT_STEPS = 4


def adaptive_faces(heights: Floats, max_error_m: float) -> tuple[npt.NDArray[np.int32], Ints, Floats]:
    """Faces over the known nodes of a grid, none of the nodes farther than `max_error_m` from its face.

    Greedy insertion: from the convex hull on, each triangle that is too far from a node it covers is split there, until
    none is. A triangle that covers known and unknown nodes is split as well, one that covers only unknown ones is left
    out: holes and rims stay where the grid has them. The heights of the vertices are then fitted to all nodes, and the
    splitting goes on until every node, vertices included, is within the error.

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
    nodes = _hull(known)
    taken = np.zeros(heights.size, dtype=bool)
    limit, fitted = SLACK * max_error_m, False
    while True:
        taken[nodes] = True
        faces, outside, error, worst, farthest, z = _round(heights, rim, nodes, max_error_m if fitted else None)
        straddles, far = outside & (worst >= 0), ~outside & (error > limit)
        if straddles.any() or far.any():
            enough = max(limit, PER_ROUND * float(error[far].max(initial=0.0)))
            new = np.unique(np.concatenate([farthest[straddles], worst[far & (error > enough)]]))
            nodes = np.concatenate([nodes, new[~taken[new]]])
        elif fitted:
            break
        else:
            limit, fitted = max_error_m, True
    used, flat = np.unique(faces[~outside], return_inverse=True)
    return flat.reshape(-1, 3).astype(np.int32), nodes[used], z[used]


def _round(
    heights: Floats, rim: Mask, nodes: Ints, fit_within: float | None
) -> tuple[Ints, Mask, Floats, Ints, Ints, Floats]:
    """Triangles of the nodes, which of them lie outside, what they cover (see `cover`) and the nodes' heights."""
    from sxrisk.surfaces._adaptive_kernels import cover, hollow

    rows, columns = np.divmod(nodes, heights.shape[1])
    faces = triangulate(np.column_stack([columns, -rows]).astype(np.float64))
    z = heights.ravel()[nodes]
    error, worst, farthest, outside = cover(heights, rows, columns, z, faces)
    at_rim = rim[nodes][faces].any(axis=1) & ~outside
    outside[at_rim] = hollow(heights, rows, columns, faces[at_rim])
    if fit_within is not None:
        z = _fitted(heights, nodes, faces, ~outside, fit_within)
        error, worst, farthest, _ = cover(heights, rows, columns, z, faces)
    return faces, outside, error, worst, farthest, z


def _fitted(heights: Floats, nodes: Ints, faces: Ints, inside: Mask, within: float) -> Floats:
    """Heights of the vertices nearest to all nodes their faces cover, at most `within` from their own node's.

    Least squares with growing weight on what is far off: towards the smallest greatest distance.
    """
    if not inside.any():
        return heights.ravel()[nodes]
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import cg

    from sxrisk.surfaces._adaptive_kernels import weights_of_nodes

    rows, columns = np.divmod(nodes, heights.shape[1])
    kept = faces[inside]
    face, weights = weights_of_nodes(heights.shape, rows, columns, kept)
    over = face >= 0
    face, weights = face[over], weights[over].T
    own = heights.ravel()[nodes]
    corners = kept[face].T
    offset = heights[over] - (weights * own[corners]).sum(axis=0)
    away, rise = np.ones(len(face)), np.zeros(len(nodes))
    size, n = len(nodes), len(kept)
    at = np.concatenate(
        [np.concatenate([kept[:, i], kept[:, j]]).reshape(2, -1) for i in range(3) for j in range(3)], 1
    )
    at = np.concatenate([at, np.tile(np.arange(size), (2, 1))], axis=1)
    for _ in range(FIT_STEPS):
        # Normal equations face by face; a hair of the vertex's own height decides where no node does.
        pairs = [np.bincount(face, away * weights[i] * weights[j], n) for i in range(3) for j in range(3)]
        normal = coo_array((np.concatenate([*pairs, np.full(size, 1e-3)]), (at[0], at[1])), shape=(size, size)).tocsr()
        side = sum(np.bincount(corners[i], away * weights[i] * offset, size) for i in range(3))
        rise, _ = cg(normal, side, x0=rise, rtol=1e-4, maxiter=100)
        rise = np.clip(rise, -within, within)
        residual = np.abs(offset - (weights * rise[corners]).sum(axis=0))
        away = away * (0.1 + residual / max(float(residual.max()), 1e-12))
        away /= away.mean()
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
