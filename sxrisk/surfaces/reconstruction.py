"""Meshes of surfaces that overhang: undercut faces, galleries' mouths, blocks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.scans._open3d import load_open3d
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.mesh import Mesh

__all__ = ["surface_mesh"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

METHODS = ("poisson", "ball_pivoting")
MIN_POINTS = 50
# Poisson's octree doubles its cells with each level; beyond this it needs more memory than a workstation has.
MAX_DEPTH = 12
SAMPLE = 20_000


def surface_mesh(
    cloud: Cloud,
    *,
    method: str = "poisson",
    spacing_m: float | None = None,
    max_gap_m: float | None = None,
    normals: npt.ArrayLike | None = None,
    towards: Sequence[float] | None = None,
) -> Mesh:
    """Mesh of a cloud whatever way its surface faces.

    Normals come from the points around each point and are turned towards the station that saw it: never by a guess over
    the whole cloud, which fails in cavities. A reconstruction closes every gap by something: gaps wider than
    `max_gap_m` are opened again, and past its outermost points the surface ends within one spacing.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres. Read as a whole: crop it to the face.
    method : {"poisson", "ball_pivoting"}
        Screened Poisson (smooth, fills small gaps), or a ball rolled over the points (an advancing front: passes
        through the points, noise included, and leaves gaps).
    spacing_m : float, optional
        Detail of the mesh, metres; the cloud is thinned to it. Default twice the median distance between neighbours.
    max_gap_m : float, optional
        Widest gap to close, metres; default 5 times the spacing. Infinite keeps all that Poisson closes.
    normals : array-like of shape (n, 3), optional
        Directions away from the material, for each point; default from neighbours and stations.
    towards : sequence of 3 floats, optional
        A place in front of the surface, where the cloud knows no stations.

    Returns
    -------
    Mesh
        Faces look at the scanner. Vertex fields ``seen`` (1 where a point lies within the spacing, 0 where a gap was
        closed) and ``elevation_m``.

    Raises
    ------
    ParameterError
        If the method is unknown, a length is not positive, or nothing says which side of the surface is in front.
    GeometryError
        If there are fewer than 50 points, or nothing is left within `max_gap_m`.
    CRSError
        If the coordinates are not metres.

    Notes
    -----
    How far the points lie from the mesh is measured by :func:`sxrisk.surfaces.distances_to_mesh`, holes and edges are
    listed by :meth:`Mesh.check`.

    References
    ----------
    Kazhdan, M., Hoppe, H. (2013). Screened Poisson surface reconstruction. ACM Transactions on Graphics 32(3), 29.
    Bernardini, F. et al. (1999). The ball-pivoting algorithm for surface reconstruction. IEEE TVCG 5(4), 349-359.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> turn = np.random.default_rng(0).normal(size=(4000, 3))
    >>> ball = Scan(turn / np.linalg.norm(turn, axis=1)[:, None], stations=[[0.0, 0.0, 0.0]])
    >>> round(-surface_mesh(ball, spacing_m=0.1).volume_m3, 1)
    4.2
    """
    if method not in METHODS:
        raise ParameterError(f"method {method!r}", where="surface_mesh", expected=", ".join(METHODS))
    for name, value in (("spacing_m", spacing_m), ("max_gap_m", max_gap_m)):
        if value is not None and not value > 0:
            raise ParameterError(f"{value} m", where=name, expected="more than 0")
    scan = cloud.require_metres().read()
    if scan.n_points < MIN_POINTS:
        raise GeometryError(
            f"{scan.n_points} points", where=scan.source or "surface_mesh", expected=f"at least {MIN_POINTS}"
        )
    local = scan.local()
    spacing = _spacing(local) if spacing_m is None else float(spacing_m)
    reach = (5.0 * spacing if max_gap_m is None else float(max_gap_m)) / 2.0
    points = _oriented(scan, local, spacing, normals, towards)
    shape = _poisson(points, spacing) if method == "poisson" else _rolled(points, spacing)
    vertices, faces = np.asarray(shape.vertices), np.asarray(shape.triangles)
    away, _ = cKDTree(np.asarray(points.points)).query(vertices, distance_upper_bound=reach, workers=-1)
    faces = faces[_supported(faces, np.isfinite(away)[faces].all(axis=1), (away <= spacing)[faces].all(axis=1))]
    if not len(faces):
        raise GeometryError(
            f"no part of the surface lies within {reach:g} m of a point",
            where=scan.source or "surface_mesh",
            expected="a spacing near that of the points",
            remedy="Give a larger spacing_m or max_gap_m",
        )
    used, flat = np.unique(faces, return_inverse=True)
    places = vertices[used] + scan.origin
    fields = {"seen": (away[used] <= spacing).astype(np.uint8), "elevation_m": places[:, 2].copy()}
    return Mesh(places, flat.reshape(-1, 3).astype(np.int32), crs=scan.crs, vertex_fields=fields)


def _supported(faces: npt.NDArray[np.int32], near: Mask, seen: Mask) -> Mask:
    """Faces that were seen, and patches between them that nowhere border on what is too far from all points.

    A patch that runs out into the open is not a closed gap: there the reconstruction goes on past the last point.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    start, end = faces.astype(np.int64).ravel(), np.roll(faces, -1, axis=1).astype(np.int64).ravel()
    key = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    paired = np.append(key[order][1:] == key[order][:-1], False)
    one, two = order[paired.nonzero()[0]] // 3, order[paired.nonzero()[0] + 1] // 3
    single = np.ones(len(key), dtype=bool)
    single[order[paired.nonzero()[0]]] = single[order[paired.nonzero()[0] + 1]] = False
    at_end = single.reshape(-1, 3).any(axis=1)
    same = ~seen[one] & ~seen[two]
    links = coo_array((np.ones(int(same.sum())), (one[same], two[same])), shape=(len(faces), len(faces)))
    _, patch = connected_components(links, directed=False)
    runs_out = np.zeros(int(patch.max()) + 1, dtype=bool)
    runs_out[patch[~near | (at_end & ~seen)]] = True
    return seen | ~runs_out[patch]


def _spacing(local: Floats) -> float:
    """Twice the median distance to the nearest neighbour, of evenly chosen points."""
    chosen = local[:: max(len(local) // SAMPLE, 1)]
    distance, _ = cKDTree(local).query(chosen, k=2, workers=-1)
    found = 2.0 * float(np.median(distance[:, 1]))
    if not found > 0:
        raise GeometryError("most points are double", expected="a cloud without duplicates", remedy="Thin it first")
    return found


def _oriented(
    scan: Scan, local: Floats, spacing: float, normals: npt.ArrayLike | None, towards: Sequence[float] | None
) -> Any:
    """The thinned cloud with normals that look at the scanner."""
    open3d = load_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(local))
    if normals is None:
        fronts = _fronts(scan, towards) - scan.origin
        cloud.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=3.0 * spacing, max_nn=40))
        found = np.asarray(cloud.normals)
        away = np.einsum("ij,ij->i", found, fronts - local) < 0
        found = np.where(away[:, None], -found, found)
    else:
        found = np.asarray(normals, dtype=np.float64)
        if found.shape != local.shape:
            raise ParameterError(f"normals of shape {found.shape}", where="normals", expected=f"{local.shape}")
    cloud.normals = open3d.utility.Vector3dVector(found)
    thin = cloud.voxel_down_sample(spacing / 2.0)
    thin.normalize_normals()
    return thin


def _fronts(scan: Scan, towards: Sequence[float] | None) -> Floats:
    """A place in front of the surface for each point (n, 3)."""
    if towards is not None:
        return np.broadcast_to(np.asarray(towards, dtype=np.float64).reshape(1, 3), (scan.n_points, 3))
    if scan.stations is None or (scan.station_index < 0).any():
        raise ParameterError(
            "nothing says which side of the surface is in front",
            where=scan.source or "surface_mesh",
            expected="the station of every point, normals, or a place in front of the surface",
            remedy="Give stations with read_scan(path, stations=...), or towards=(x, y, z)",
        )
    return scan.stations[scan.station_index]


def _poisson(points: Any, spacing: float) -> Any:
    open3d = load_open3d()
    extent = float(np.max(points.get_max_bound() - points.get_min_bound()))
    depth = int(np.clip(np.ceil(np.log2(1.1 * extent / spacing)), 4, MAX_DEPTH))
    # One thread: with several the sums, and so the mesh, would differ from run to run.
    shape, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(points, depth=depth, n_threads=1)
    return shape


def _rolled(points: Any, spacing: float) -> Any:
    open3d = load_open3d()
    radii = open3d.utility.DoubleVector([0.75 * spacing, 1.5 * spacing, 3.0 * spacing])
    return open3d.geometry.TriangleMesh.create_from_point_cloud_ball_pivoting(points, radii)
