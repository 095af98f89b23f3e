"""Compiled distance of a point from a triangle, and on which side of the mesh the point stands."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["pseudonormals", "triangle_distances"]

Floats = NDArray[np.float64]


def pseudonormals(vertices: Floats, faces: NDArray[np.int32]) -> tuple[Floats, Floats, Floats]:
    """Directions that decide a point's side, at faces (f, 3), at their three edges (f, 3, 3) and at vertices (n, 3).

    Of an edge it is the sum of the unit normals of its faces; of a vertex that sum weighted by the angles there. Edge
    ``k`` of a face leads from its corner ``k`` to the next.
    """
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    at_vertex = np.zeros_like(vertices)
    for k in range(3):
        a, b = corners[:, (k + 1) % 3] - corners[:, k], corners[:, (k + 2) % 3] - corners[:, k]
        angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("ij,ij->i", a, b))
        for axis in range(3):
            at_vertex[:, axis] += np.bincount(faces[:, k], angle * normal[:, axis], len(vertices))
    ends = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1), axis=-1).reshape(-1, 2).astype(np.int64)
    _, edge = np.unique(ends[:, 0] * len(vertices) + ends[:, 1], return_inverse=True)
    repeated = np.repeat(normal, 3, axis=0)
    sums: Floats = np.stack([np.bincount(edge, repeated[:, axis]) for axis in range(3)], axis=-1)
    at_edge: Floats = sums[edge].reshape(-1, 3, 3)
    return normal, at_edge, at_vertex


@njit(cache=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(cache=True)
def _nearest_on_triangle(p, a, b, c):
    """Offset of a point from the nearest place of a triangle, and where that is: 0 face, 1 to 3 edge, 4 to 6 corner."""
    ab, ac, ap = _minus(b, a), _minus(c, a), _minus(p, a)
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    if d1 <= 0.0 and d2 <= 0.0:
        return ap, 4
    bp = _minus(p, b)
    d3, d4 = _dot(ab, bp), _dot(ac, bp)
    if d3 >= 0.0 and d4 <= d3:
        return bp, 5
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = d1 / (d1 - d3)
        return (ap[0] - t * ab[0], ap[1] - t * ab[1], ap[2] - t * ab[2]), 1
    cp = _minus(p, c)
    d5, d6 = _dot(ab, cp), _dot(ac, cp)
    if d6 >= 0.0 and d5 <= d6:
        return cp, 6
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t = d2 / (d2 - d6)
        return (ap[0] - t * ac[0], ap[1] - t * ac[1], ap[2] - t * ac[2]), 3
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 >= d3 and d5 >= d6:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        bc = _minus(c, b)
        return (bp[0] - t * bc[0], bp[1] - t * bc[1], bp[2] - t * bc[2]), 2
    v, w = vb / (va + vb + vc), vc / (va + vb + vc)
    return (
        ap[0] - v * ab[0] - w * ac[0],
        ap[1] - v * ab[1] - w * ac[1],
        ap[2] - v * ab[2] - w * ac[2],
    ), 0


@njit(parallel=True, cache=True)
def triangle_distances(points, vertices, faces, face, at_face, at_edge, at_vertex, signed, distance):
    """Distance of each point from its own triangle.

    Parameters
    ----------
    points, vertices : (n, 3), (v, 3) float64
        Offsets from one local origin, metres.
    faces : (f, 3) int32
        Rows of `vertices`.
    face : (n,) int32
        Row of `faces` for each point.
    at_face, at_edge, at_vertex : float64
        From :func:`pseudonormals`.
    signed : bool
        Whether points behind the faces get negative distances.
    distance : (n,) float64
        Output, metres.
    """
    for i in prange(len(points)):
        f = face[i]
        offset, where = _nearest_on_triangle(
            (points[i, 0], points[i, 1], points[i, 2]),
            (vertices[faces[f, 0], 0], vertices[faces[f, 0], 1], vertices[faces[f, 0], 2]),
            (vertices[faces[f, 1], 0], vertices[faces[f, 1], 1], vertices[faces[f, 1], 2]),
            (vertices[faces[f, 2], 0], vertices[faces[f, 2], 1], vertices[faces[f, 2], 2]),
        )
        length = np.sqrt(_dot(offset, offset))
        if signed:
            if where == 0:
                side = _dot(offset, at_face[f])
            elif where < 4:
                side = _dot(offset, at_edge[f, where - 1])
            else:
                side = _dot(offset, at_vertex[faces[f, where - 4]])
            if side < 0.0:
                length = -length
        distance[i] = length
