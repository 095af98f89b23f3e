"""Cavities whose stations nobody knows: bare points get a Poisson surface, given meshes are checked."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.errors import GeometryError
from sxrisk.scans._open3d import load_open3d
from sxrisk.surfaces._star import BRIDGED, SEEN

__all__ = ["PoissonCavity", "poisson_cavity"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]

_MIN_POINTS = 500
_SAMPLE = 20_000
_MAX_DEPTH = 10
_MOST_POINTS = 300_000  # a spanning tree over more takes hours
_DOMAIN = 1.5  # side of the Poisson domain in sides of the cloud: surfaces over gaps stay inside
_GRID_CELLS = 220  # along the longest side of the grid that looks for enclosed space
_NORMAL_NEIGHBOURS = 16
_TREE_NEIGHBOURS = 12
_LEAST_ENCLOSED = 0.5  # enclosed cells for each cell with points; less is only the noise of a wall
_OFF_SURFACE = 0.05


@dataclass(frozen=True)
class PoissonCavity:
    """A closed surface through points.

    Parameters
    ----------
    vertices : (n, 3) float64
    faces : (m, 3) int64
    kind : (m,) uint8
        Measured where points lie within the spacing, else bridged.
    oriented_by : str
        ``enclosed space`` or ``spanning tree``.
    turned_share : float
        Part of the points whose normal looks against the surface.
    unresolved_m3 : float
        What half the resolution changes of the volume.
    doubtful_m3 : float
        Volume of hemispheres over the bridged patches.
    """

    vertices: Floats
    faces: Faces
    kind: NDArray[np.uint8]
    oriented_by: str
    turned_share: float
    unresolved_m3: float
    doubtful_m3: float


def poisson_cavity(xyz: Floats, where: str) -> PoissonCavity:
    """Closed surface through points (n, 3) near the origin whose stations are unknown.

    Normals are turned away from the space that the points enclose: cells of a grid that cannot be reached from outside
    without crossing a cell with points. Where the points enclose nothing at any resolution, they are turned by a
    spanning tree over neighbours, and its errors are looked for in the result.

    Raises
    ------
    GeometryError
        If there are too few points, or the surface does not follow them.
    """
    if len(xyz) < _MIN_POINTS:
        raise GeometryError(f"{len(xyz)} points", where=where, expected=f"at least {_MIN_POINTS}")
    open3d = load_open3d()
    sample = xyz[:: max(1, len(xyz) // _SAMPLE)]
    tree = cKDTree(xyz)
    distance, _ = tree.query(sample, k=_NORMAL_NEIGHBOURS, workers=-1)
    spacing = 2.0 * float(np.median(distance[:, 1]))
    if not spacing > 0:
        raise GeometryError("most points are double", where=where, remedy="Thin the cloud first")
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.ascontiguousarray(xyz)))
    thin = cloud.voxel_down_sample(spacing / 2.0) if len(xyz) > _SAMPLE else cloud
    while len(thin.points) > _MOST_POINTS:
        spacing *= 1.25
        thin = cloud.voxel_down_sample(spacing / 2.0)
    cloud = thin
    cloud.estimate_normals(open3d.geometry.KDTreeSearchParamKNN(_NORMAL_NEIGHBOURS))
    points, normals = np.asarray(cloud.points), np.asarray(cloud.normals).copy()
    outward = _by_enclosed_space(points, normals, float(np.percentile(distance[:, 8], 99.0)))
    oriented_by = "enclosed space"
    if outward is None:
        oriented_by = "spanning tree"
        cloud.orient_normals_consistent_tangent_plane(_TREE_NEIGHBOURS)
        outward = np.asarray(cloud.normals).copy()
    extent = float(np.ptp(points, axis=0).max())
    depth = int(np.clip(math.ceil(math.log2(_DOMAIN * extent / spacing)), 6, _MAX_DEPTH))
    cloud.normals = open3d.utility.Vector3dVector(outward)
    vertices, faces = _largest(cloud, depth)
    volume = _volume(vertices, faces)
    if volume < 0:  # a spanning tree does not know which side is which
        outward, faces, volume = -outward, faces[:, ::-1], -volume
    coarse = abs(_volume(*_largest(cloud, depth - 1)))
    width = _DOMAIN * extent / 2.0**depth
    away, _ = cKDTree(points).query(vertices, workers=-1)
    vertex_seen = away <= 2.0 * max(spacing, width)
    kind = np.where(vertex_seen[faces].any(axis=1), SEEN, BRIDGED).astype(np.uint8)
    turned = _turned_share(points, outward, vertices, faces, 4.0 * max(spacing, width), where)
    return PoissonCavity(
        vertices, faces, kind, oriented_by, turned, abs(volume - coarse), _hemispheres(vertices, faces, kind)
    )


def _by_enclosed_space(points: Floats, normals: Floats, spacing: float) -> Floats | None:
    """Normals turned away from the space that the points enclose; None where they enclose none."""
    low, side = points.min(axis=0), float(np.ptp(points, axis=0).max())
    cell = max(2.0 * spacing, side / _GRID_CELLS)
    while cell < side / 12.0:
        shape = np.ceil(np.ptp(points, axis=0) / cell).astype(np.int64) + 5
        place = ((points - low) / cell).astype(np.int64) + 2
        rock = np.zeros(shape, bool)
        rock[tuple(place.T)] = True
        label, n_labels = ndimage.label(~rock)
        size = np.bincount(label[~rock], minlength=n_labels + 1)
        size[label[0, 0, 0]] = 0
        enclosed = (size >= max(0.05 * size.max(), 8))[label] & ~rock
        if enclosed.sum() >= _LEAST_ENCLOSED * rock.sum():
            away = ndimage.distance_transform_edt(~enclosed) - ndimage.distance_transform_edt(enclosed)
            ahead, behind = (
                ndimage.map_coordinates(away, ((points + sign * 1.5 * cell * normals - low) / cell + 1.5).T, order=1)
                for sign in (1.0, -1.0)
            )
            return np.where((ahead >= behind)[:, None], normals, -normals)
        cell *= 1.5
    return None


def _largest(cloud: Any, depth: int) -> tuple[Floats, Faces]:
    """The part of the Poisson surface that encloses most."""
    open3d = load_open3d()
    create = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson
    shape, _ = create(cloud, depth=depth, scale=_DOMAIN, n_threads=1)
    vertices, faces = np.asarray(shape.vertices), np.asarray(shape.triangles).astype(np.int64)
    start, end = faces[:, :2].ravel(), faces[:, 1:].ravel()
    n = len(vertices)
    _, part = connected_components(coo_array((np.ones(len(start)), (start, end)), shape=(n, n)), directed=False)
    of_face = part[faces[:, 0]]
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = np.bincount(of_face, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0)
    used, faces = np.unique(faces[of_face == np.abs(volume).argmax()], return_inverse=True)
    return vertices[used], faces.reshape(-1, 3)


def _volume(vertices: Floats, faces: Faces) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def _turned_share(points: Floats, normals: Floats, vertices: Floats, faces: Faces, reach: float, where: str) -> float:
    """Part of the points whose normal looks against the surface beside them."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    distance, nearest = cKDTree((a + b + c) / 3.0).query(points, workers=-1)
    off = distance > reach
    if off.mean() > _OFF_SURFACE:
        x, y, z = points[distance.argmax()]
        raise GeometryError(
            f"{100.0 * off.mean():.1f} % of the points lie off the closed surface, up to {distance.max():.2f} m",
            where=f"{where}, farthest at ({x:.2f}, {y:.2f}, {z:.2f}) from the first point",
            expected="points of one cavity that enclose it",
            remedy="Give the stations of the scans, or crop the cloud to one cavity and remove what is not rock",
        )
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a)[nearest], normals) < 0
    return float(turned[~off].mean())


def _hemispheres(vertices: Floats, faces: Faces, kind: NDArray[np.uint8]) -> float:
    """Volume of a hemisphere over the area of each connected bridged patch."""
    patch = faces[kind == BRIDGED]
    if not len(patch):
        return 0.0
    n = len(vertices)
    start, end = patch[:, :2].ravel(), patch[:, 1:].ravel()
    _, part = connected_components(coo_array((np.ones(len(start)), (start, end)), shape=(n, n)), directed=False)
    a, b, c = (vertices[patch[:, i]] for i in range(3))
    area = np.bincount(part[patch[:, 0]], np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0)
    return float((2.0 / 3.0 * math.pi * (area / math.pi) ** 1.5).sum())
