"""Distances of a cloud from a mesh, and from another cloud."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sxrisk.change._mesh_kernels import pseudonormals, triangle_distances
from sxrisk.change._plan import points_array
from sxrisk.errors import CRSError, GeometryError
from sxrisk.scans._open3d import load_open3d
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces import Mesh

__all__ = ["MeshDistance", "cloud_to_cloud", "cloud_to_mesh"]

Floats = npt.NDArray[np.float64]

_QUERY_POINTS = 500_000  # at a time: float32 copies of them are what a query costs in memory


class MeshDistance(NamedTuple):
    """Distances (n,) in metres, and the row (n,) of the nearest face of the mesh."""

    distance: Floats
    face: npt.NDArray[np.int32]


def cloud_to_mesh(cloud: Cloud | npt.ArrayLike, mesh: Mesh, *, signed: bool = True) -> MeshDistance:
    """
    Distance of every point from the nearest place of a triangle mesh.

    Open3D's search names the nearest triangle in float32, on offsets from the middle of the mesh; the distance itself
    is computed in float64 from that triangle. Where two triangles are equally near to within float32 either may be
    named, and the distance be too long by that rounding: under 0.1 mm up to half a kilometre from the middle.

    Parameters
    ----------
    cloud : Scan, TiledScan or array-like of shape (n, 3)
        In the coordinates of the mesh, metres.
    mesh : Mesh
        Any triangles, closed or not.
    signed : bool
        Positive on the side that the faces look to (counter-clockwise seen from there: outside, above terrain),
        negative behind. At an edge or a corner the faces that meet there decide together, so that the sign is that of
        inside and outside for a closed mesh.

    Returns
    -------
    MeshDistance
        In the order of the points; for a tiled cloud, which is worked through tile by tile, in that of its tiles.

    Raises
    ------
    GeometryError
        If the mesh has no face with an area, or the points are not (n, 3).
    CRSError
        If cloud and mesh state different coordinate systems, or the cloud is not in metres.

    References
    ----------
    Baerentzen, Aanaes (2005), "Signed distance computation using the angle weighted pseudonormal", IEEE Transactions on
    Visualization and Computer Graphics 11(3), 243-253.

    Examples
    --------
    >>> floor = Mesh([[0, 0, 0], [4, 0, 0], [0, 4, 0]], [[0, 1, 2]])
    >>> cloud_to_mesh([[1.0, 1.0, 0.25], [1.0, 1.0, -2.0]], floor).distance
    array([ 0.25, -2.  ])
    """
    corners = mesh.vertices[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = np.flatnonzero((across != 0).any(axis=1))
    if not len(kept):
        raise GeometryError(f"a mesh of {len(mesh.faces)} faces without an area", expected="at least one triangle")
    used = corners[kept].reshape(-1, 3)
    origin = (used.min(axis=0) + used.max(axis=0)) / 2.0
    vertices, faces = mesh.vertices - origin, np.ascontiguousarray(mesh.faces[kept])
    sides = pseudonormals(vertices, faces)
    core = load_open3d().core
    scene = load_open3d().t.geometry.RaycastingScene()
    scene.add_triangles(core.Tensor(vertices.astype(np.float32)), core.Tensor(faces.astype(np.uint32)))
    distances, nearest = [np.empty(0)], [np.empty(0, np.int32)]
    for points in _pieces(cloud, mesh.crs):
        local = points - origin
        found = scene.compute_closest_points(core.Tensor(local.astype(np.float32)))
        face = found["primitive_ids"].numpy().astype(np.int32)
        distance = np.empty(len(local))
        triangle_distances(local, vertices, faces, face, *sides, signed, distance)
        distances.append(distance)
        nearest.append(kept[face].astype(np.int32))
    return MeshDistance(np.concatenate(distances), np.concatenate(nearest))


def cloud_to_cloud(
    compared: Cloud | npt.ArrayLike, reference: Cloud | npt.ArrayLike, *, max_distance_m: float = np.inf
) -> Floats:
    """
    Distance of every point from the nearest point of another cloud, metres.

    A quick look: it grows with the spacing of the points and has no sign and no level of detection.

    Parameters
    ----------
    compared, reference : Scan, TiledScan or array-like of shape (n, 3)
        In the same coordinates, metres.
    max_distance_m : float
        Beyond it the answer is inf, sooner.

    Returns
    -------
    (n,) float64
        In the order of the compared points; for a tiled cloud in that of its tiles.

    Raises
    ------
    GeometryError
        If the reference holds no points.
    CRSError
        If a cloud is not in metres, or the two state different coordinate systems.

    Examples
    --------
    >>> cloud_to_cloud([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]], [[0.0, 0.0, 0.0]])
    array([0., 5.])
    """
    crs = getattr(reference, "crs", None)
    fixed = np.concatenate([np.empty((0, 3)), *_pieces(reference, getattr(compared, "crs", None))])
    if not len(fixed):
        raise GeometryError("the reference holds no points", expected="at least one point")
    origin = np.floor(fixed.min(axis=0))
    tree = cKDTree(fixed - origin)
    parts = [
        tree.query(points - origin, distance_upper_bound=max_distance_m, workers=-1)[0]
        for points in _pieces(compared, crs)
    ]
    return np.concatenate([np.empty(0), *parts])


def _pieces(cloud: Any, crs: Any) -> Iterator[Floats]:
    """The points in pieces that fit a query, after a check that they are in `crs`."""
    if not hasattr(cloud, "require_metres"):
        xyz = points_array(cloud, "the cloud")
        yield from (xyz[start : start + _QUERY_POINTS] for start in range(0, len(xyz), _QUERY_POINTS))
        return
    scan: Cloud = cloud.require_metres()
    if scan.crs is not None and crs is not None and scan.crs != crs:
        raise CRSError(
            f"{scan.crs.name} and {getattr(crs, 'name', crs)} are compared",
            where=scan.source or None,
            expected="one coordinate system",
            remedy="Transform the cloud with Scan.to_crs",
        )
    for tile in scan.tiles(0.0, attributes=()):
        xyz = tile.scan.xyz[tile.in_core()]
        yield from (xyz[start : start + _QUERY_POINTS] for start in range(0, len(xyz), _QUERY_POINTS))
