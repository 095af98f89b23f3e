"""Closed meshes as solids: exact cuts, sections and outlines."""

from typing import Any

import manifold3d
import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.errors import GeometryError
from sxrisk.surfaces import Mesh

__all__ = ["mesh_of", "plan_of", "slice_of", "solid_of"]


def solid_of(mesh: Mesh, *, where: str = "goaf") -> manifold3d.Manifold:
    """The mesh as a solid about its local origin.

    Raises
    ------
    GeometryError
        If it encloses no volume, with the place where it is open.
    """
    solid = manifold3d.Manifold(
        manifold3d.Mesh64(
            np.ascontiguousarray(mesh.vertices - mesh.origin), np.ascontiguousarray(mesh.faces, dtype=np.uint64)
        )
    )
    if not mesh.is_watertight or solid.status() != manifold3d.Error.NoError or not mesh.volume_m3 > 0:
        raise GeometryError(
            f"the mesh of the goaf encloses no volume{_open_place(mesh)}",
            where=where,
            expected="a watertight mesh whose faces look outward",
            remedy="Close it in the program that made it; Mesh.check() lists what is open",
        )
    return solid


def _open_place(mesh: Mesh) -> str:
    holes = mesh.check().holes
    if not holes:
        return ": its faces do not all look outward"
    largest = max(holes, key=lambda hole: hole.perimeter_m)
    x, y, z = largest.centre
    return f": it is open at {x:.2f}, {y:.2f}, {z:.2f} (edge of {largest.perimeter_m:.2f} m)"


def mesh_of(solid: manifold3d.Manifold, like: Mesh) -> Mesh:
    """A solid about the local origin of `like` as a mesh in its coordinates."""
    raw = solid.to_mesh64()
    faces = np.asarray(raw.tri_verts).astype(np.int64)
    target = np.arange(len(raw.vert_properties))
    target[np.asarray(raw.merge_from_vert).astype(np.int64)] = np.asarray(raw.merge_to_vert).astype(np.int64)
    used, faces = np.unique(target[faces], return_inverse=True)
    xyz = np.asarray(raw.vert_properties)[used, :3] + like.origin
    return Mesh(xyz, faces.reshape(-1, 3).astype(np.int32), like.crs)


def plan_of(mesh: Mesh) -> Any:
    """Outline of a closed mesh in plan, in its coordinates; rock from floor to roof is a hole."""
    shadow = manifold3d.CrossSection(solid_of(mesh).project().to_polygons(), manifold3d.FillRule.Positive)
    return shapely.transform(_polygons(shadow.to_polygons()), lambda xy: xy + mesh.origin[:2])


def slice_of(solid: manifold3d.Manifold, level: float) -> Any:
    """Level section of a solid, about its local origin."""
    return _polygons(solid.slice(level).to_polygons())


def _polygons(contours: list[NDArray[np.float64]]) -> Any:
    """Contours as polygons: those that turn left add, those that turn right are holes."""
    rings = [ring for ring in (shapely.LinearRing(contour) for contour in contours if len(contour) > 2) if ring.length]
    rings.sort(key=lambda ring: -shapely.Polygon(ring).area)
    out: Any = shapely.Polygon()
    for ring in rings:
        part = shapely.make_valid(shapely.Polygon(ring))
        out = out.union(part) if ring.is_ccw else out.difference(part)
    return out
