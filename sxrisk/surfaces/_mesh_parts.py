"""What the readers of mesh files have in common: vertices, triangles, and corners that have to be joined."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["MeshParts", "triangles_of", "welded"]


class MeshParts(NamedTuple):
    """A mesh as a file holds it.

    Attributes
    ----------
    vertices : ndarray, shape (n, 3)
        Coordinates in the file's units.
    faces : ndarray of int64, shape (m, 3)
        Rows of `vertices`.
    fields : dict of str to ndarray, shape (n,)
        Values at vertices.
    crs_text : str
        What the file says about its system.
    """

    vertices: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    fields: dict[str, npt.NDArray[Any]]
    crs_text: str = ""


def triangles_of(polygons: Iterable[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Triangles (m, 3) of polygons, cut from their first corner; what has fewer than three corners is left out."""
    rows = [(p[0], p[at], p[at + 1]) for p in polygons for at in range(1, len(p) - 1)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def welded(corners: npt.NDArray[np.float64]) -> MeshParts:
    """Triangles (m, 3, 3) with equal corners joined, vertices in the order of their first use.

    Triangles of which two corners are equal have no area and are left out.
    """
    flat = np.ascontiguousarray(corners, dtype=np.float64).reshape(-1, 3) + 0.0  # -0.0 equals 0.0
    keys = flat.view([("", np.float64)] * 3).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    faces = rank[inverse.reshape(-1)].reshape(-1, 3)
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return MeshParts(flat[first[order]], faces[whole], {})
