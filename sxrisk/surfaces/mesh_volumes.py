"""Volumes between meshes: prisms between two terrain meshes, differences of closed ones. Exact for the meshes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError
from sxrisk.surfaces.mesh import Mesh

__all__ = ["MeshVolume", "solid_difference", "volume_between_meshes"]

Floats = npt.NDArray[np.float64]

# Faces of a terrain mesh whose plan area is below this part of their area stand upright and hold no prism.
UPRIGHT = 1e-9


@dataclass(frozen=True)
class MeshVolume:
    """Material gone and come between two meshes.

    Parameters
    ----------
    cut_m3, fill_m3 : float
        Volume where the later mesh is lower (or absent), where it is higher (or new); both positive.
    net_m3 : float
        Fill less cut.
    area_m2 : float
        Area in plan that both terrain meshes cover; NaN for closed meshes.
    """

    cut_m3: float
    fill_m3: float
    net_m3: float
    area_m2: float


def volume_between_meshes(before: Mesh, after: Mesh) -> MeshVolume:
    """Volume between two terrain meshes, exact: each pair of faces that overlap in plan bounds a prism.

    No grid is laid over them, so that no cell size enters; where only one mesh is, nothing is counted.

    Parameters
    ----------
    before, after : Mesh
        Meshes with one height at each place, in the same coordinates. The faces may look up or down.

    Returns
    -------
    MeshVolume

    Raises
    ------
    GeometryError
        If a mesh has no face that covers an area in plan, or the two do not overlap.

    Examples
    --------
    >>> square = [[0, 0, 0.0], [10, 0, 0.0], [10, 10, 0.0], [0, 10, 0.0]]
    >>> flat = Mesh(square, [[0, 1, 2], [0, 2, 3]])
    >>> tilted = Mesh(np.array(square) + [[0, 0, -1], [0, 0, 1], [0, 0, 1], [0, 0, -1]], [[0, 1, 3], [1, 2, 3]])
    >>> change = volume_between_meshes(flat, tilted)
    >>> round(change.cut_m3, 9), round(change.fill_m3, 9), round(change.area_m2, 9)
    (25.0, 25.0, 100.0)
    """
    from sxrisk.surfaces._prism_kernels import prisms

    origin = np.minimum(*(_low(mesh) for mesh in (before, after)))
    first, second = _upward(before, origin), _upward(after, origin)
    extent = second[..., :2].max(axis=(0, 1))
    cell = max(float(np.sqrt(extent[0] * extent[1] / len(second))) * 2.0, float(extent.max()) * 1e-4, 1e-6)
    start, listed, n_columns = _buckets(second, cell, extent)
    parts = prisms(first, second, start, listed, cell, n_columns).sum(axis=0)
    if not parts[2] > 0:
        raise GeometryError(
            "the two meshes have no place in common", where="volume_between_meshes", expected="two epochs of one place"
        )
    return MeshVolume(float(parts[0]), float(parts[1]), float(parts[1] - parts[0]), float(parts[2]))


def solid_difference(before: Mesh, after: Mesh) -> MeshVolume:
    """What closed meshes differ by: the volume of `before` without `after`, and of `after` without `before`.

    For undercut faces, cavities and blocks, where a place in plan has several heights.

    Parameters
    ----------
    before, after : Mesh
        Watertight, faces outward, same coordinates.

    Returns
    -------
    MeshVolume

    Raises
    ------
    GeometryError
        If a mesh is not watertight, or crosses itself so that it bounds nothing.

    Examples
    --------
    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    >>> faces = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]
    >>> change = solid_difference(Mesh(corners, faces), Mesh(2 * corners, faces))
    >>> round(change.cut_m3, 9), round(change.fill_m3, 4)
    (0.0, 1.1667)
    """
    middle = before.origin
    one, two = (_solid(mesh, middle, name) for mesh, name in ((before, "the earlier"), (after, "the later")))
    cut, fill = float((one - two).volume()), float((two - one).volume())
    return MeshVolume(cut, fill, fill - cut, float("nan"))


def _low(mesh: Mesh) -> Floats:
    if not len(mesh.faces):
        raise GeometryError("a mesh without faces bounds no volume", expected="at least one face")
    return np.append(mesh.vertices[:, :2].min(axis=0), mesh.vertices[:, 2].min())


def _upward(mesh: Mesh, origin: Floats) -> Floats:
    """Corners (m, 3, 3) of the faces that cover an area in plan, counter-clockwise."""
    corners = (mesh.vertices - origin)[mesh.faces]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(u, v)
    kept = np.abs(normal[:, 2]) > UPRIGHT * np.linalg.norm(normal, axis=1)
    if not kept.any():
        raise GeometryError("no face of the mesh covers an area in plan", expected="a terrain mesh")
    down = normal[:, 2] < 0
    corners[down] = corners[down][:, ::-1]
    return np.ascontiguousarray(corners[kept])


def _buckets(
    triangles: Floats, cell: float, extent: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Which triangles touch each bucket of a lattice, row by row."""
    n_columns, n_rows = (int(side // cell) + 1 for side in extent)
    low = (triangles[..., :2].min(axis=1) // cell).astype(np.int64)
    high = (triangles[..., :2].max(axis=1) // cell).astype(np.int64)
    spans = high - low + 1
    count = spans[:, 0] * spans[:, 1]
    which = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    bucket = (low[which, 1] + step // spans[which, 0]) * n_columns + low[which, 0] + step % spans[which, 0]
    order = np.argsort(bucket, kind="stable")
    start = np.searchsorted(bucket[order], np.arange(n_columns * n_rows + 1))
    return start.astype(np.int64), which[order], n_columns


def _solid(mesh: Mesh, origin: Floats, name: str) -> Any:
    import manifold3d

    solid = manifold3d.Manifold(
        manifold3d.Mesh64(
            np.ascontiguousarray(mesh.vertices - origin), np.ascontiguousarray(mesh.faces, dtype=np.uint64)
        )
    )
    if not mesh.is_watertight or solid.status() != manifold3d.Error.NoError:
        raise GeometryError(
            f"{name} mesh does not enclose a volume",
            where="solid_difference",
            expected="a watertight mesh with faces outward",
            remedy="See Mesh.check(), or compare terrain meshes with volume_between_meshes",
        )
    return solid
