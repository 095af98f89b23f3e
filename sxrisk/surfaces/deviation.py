"""How far points or another mesh lie from a mesh."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError
from sxrisk.scans._open3d import load_open3d
from sxrisk.surfaces.mesh import Mesh

__all__ = ["MeshDeviation", "distances_to_mesh", "mesh_deviation"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeshDeviation:
    """Distances between two meshes, both ways.

    Parameters
    ----------
    max_m : float
        Greatest distance of a vertex or a face's middle of one mesh from the other (a measured Hausdorff distance).
    rms_m, mean_m : float
        Of the original's vertices from the other mesh.
    p95_m : float
        95 % of the original's vertices are nearer.
    """

    max_m: float
    rms_m: float
    mean_m: float
    p95_m: float


def distances_to_mesh(points: npt.ArrayLike, mesh: Mesh) -> Floats:
    """Distance of each point from the nearest place of a mesh, without sign.

    Distances are searched on float32 offsets from the mesh's origin (a tenth of a millimetre at a kilometre) and then
    computed in float64 for the face found.

    Parameters
    ----------
    points : array-like of shape (n, 3)
        In the mesh's coordinates.
    mesh : Mesh
        With faces.

    Returns
    -------
    ndarray of shape (n,)
        Metres.

    Raises
    ------
    GeometryError
        If the mesh has no faces.

    Examples
    --------
    >>> floor = Mesh([[0, 0, 0], [4, 0, 0], [0, 4, 0]], [[0, 1, 2]])
    >>> distances_to_mesh([[1.0, 1.0, 0.5], [-3.0, 0.0, 4.0]], floor)
    array([0.5, 5. ])
    """
    if not len(mesh.faces):
        raise GeometryError("a mesh without faces has no distance", expected="at least one face")
    core = load_open3d().core
    scene = load_open3d().t.geometry.RaycastingScene()
    local = mesh.vertices - mesh.origin
    scene.add_triangles(core.Tensor(local.astype(np.float32)), core.Tensor(mesh.faces.astype(np.uint32)))
    places = np.asarray(points, dtype=np.float64).reshape(-1, 3) - mesh.origin
    found = scene.compute_closest_points(core.Tensor(places.astype(np.float32)))
    face = found["primitive_ids"].numpy().astype(np.int64)
    return _to_triangle(places, local[mesh.faces[face]])


def mesh_deviation(mesh: Mesh, original: Mesh) -> MeshDeviation:
    """How far a simplified mesh lies from its original, measured both ways.

    Parameters
    ----------
    mesh, original : Mesh
        In the same coordinates.

    Returns
    -------
    MeshDeviation

    Raises
    ------
    GeometryError
        If one has no faces.

    Examples
    --------
    >>> fine = Mesh([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0], [2, 2, 0.1]],
    ...             [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    >>> coarse = Mesh(fine.vertices[:4], [[0, 1, 2], [0, 2, 3]])
    >>> round(mesh_deviation(coarse, fine).max_m, 3)
    0.1
    """
    forward = distances_to_mesh(_probes(original), mesh)
    backward = distances_to_mesh(_probes(mesh), original)
    own = forward[: len(original.vertices)]
    return MeshDeviation(
        max_m=float(max(forward.max(), backward.max())),
        rms_m=float(np.sqrt(np.mean(own**2))),
        mean_m=float(own.mean()),
        p95_m=float(np.percentile(own, 95)),
    )


def _probes(mesh: Mesh) -> Floats:
    return np.concatenate([mesh.vertices, mesh.vertices[mesh.faces].mean(axis=1)])


def _to_triangle(points: Floats, corners: Floats) -> Floats:
    """Distance (n,) of points (n, 3) from triangles (n, 3, 3), each from its own."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    square = np.einsum("ij,ij->i", normal, normal)
    inside = square > 0
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= np.einsum("ij,ij->i", np.cross(q - p, points - p), normal) >= 0
    height = np.abs(np.einsum("ij,ij->i", points - a, normal)) / np.sqrt(np.where(square > 0, square, 1.0))
    to_edges = np.full(len(points), np.inf)
    for p, q in ((a, b), (b, c), (c, a)):
        along = q - p
        length = np.einsum("ij,ij->i", along, along)
        share = np.clip(np.einsum("ij,ij->i", points - p, along) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        to_edges = np.minimum(to_edges, np.linalg.norm(points - p - share[:, None] * along, axis=1))
    return np.where(inside, height, to_edges)
