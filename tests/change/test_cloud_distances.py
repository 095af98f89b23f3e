"""Cloud to mesh and cloud to cloud against bodies whose distance is known, and against every pair."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

import sxrisk as sx
from sxrisk.change import cloud_to_cloud, cloud_to_mesh
from sxrisk.errors import CRSError, GeometryError
from sxrisk.scans.tiled import tile_scan
from sxrisk.surfaces import Mesh

FAR = np.array([512345.0, 4123456.0, 1234.0])


def box(size):
    a, b, c = size
    vertices = np.array([[x, y, z] for x in (0, a) for y in (0, b) for z in (0, c)], dtype=float)
    hull = ConvexHull(vertices)
    faces = hull.simplices.copy()
    for i, face in enumerate(faces):
        p, q, r = vertices[face]
        if np.cross(q - p, r - p) @ hull.equations[i, :3] < 0:
            faces[i] = face[::-1]
    return vertices, faces


def box_distance(points, size):
    """Signed distance from an axis-parallel box with a corner at 0, positive outside."""
    middle = np.asarray(size) / 2.0
    q = np.abs(points - middle) - middle
    return np.linalg.norm(np.maximum(q, 0.0), axis=1) + np.minimum(q.max(axis=1), 0.0)


@pytest.mark.parametrize("shift", [np.zeros(3), FAR])
def test_a_box_inside_and_outside(shift):
    size = (30.0, 20.0, 10.0)
    vertices, faces = box(size)
    rng = np.random.default_rng(1)
    points = rng.uniform(-15.0, 45.0, (20_000, 3))
    found = cloud_to_mesh(points + shift, Mesh(vertices + shift, faces))
    np.testing.assert_allclose(found.distance, box_distance(points, size), atol=1e-5)
    unsigned = cloud_to_mesh(points + shift, Mesh(vertices + shift, faces), signed=False)
    np.testing.assert_allclose(unsigned.distance, np.abs(found.distance))


def test_every_triangle_tried_says_the_same():
    rng = np.random.default_rng(2)
    x, y = np.meshgrid(np.linspace(-300.0, 300.0, 12), np.linspace(-300.0, 300.0, 12))
    vertices = np.column_stack([x.ravel(), y.ravel(), rng.normal(0.0, 20.0, x.size)]) + FAR
    faces = np.array(
        [
            f
            for i in range(11)
            for j in range(11)
            for k in [12 * i + j]
            for f in ((k, k + 1, k + 13), (k, k + 13, k + 12))
        ]
    )
    points = rng.uniform([-320.0, -320.0, -80.0], [320.0, 320.0, 80.0], (2_000, 3)) + FAR
    found = cloud_to_mesh(points, Mesh(vertices, faces))
    best = np.full(len(points), np.inf)
    for face in faces:
        best = np.minimum(best, distance_to_triangle(points - FAR, vertices[face] - FAR))
    assert np.abs(np.abs(found.distance) - best).max() < 1e-4
    own = [
        distance_to_triangle(p[None] - FAR, vertices[faces[f]] - FAR)[0]
        for p, f in zip(points, found.face, strict=True)
    ]
    np.testing.assert_allclose(np.abs(found.distance), own, atol=1e-9)
    inside = (np.abs(points[:, :2] - FAR[:2]) < 250.0).all(axis=1) & (np.abs(points[:, 2] - FAR[2]) > 75.0)
    np.testing.assert_array_equal(found.distance[inside] > 0, points[inside, 2] > FAR[2])


def distance_to_triangle(points, corners):
    """By projection on the plane where it falls inside, else on the three sides."""
    a, b, c = corners
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal)
    height = (points - a) @ normal
    foot = points - height[:, None] * normal
    inside = np.all([np.cross(q - p, foot - p) @ normal >= 0 for p, q in ((a, b), (b, c), (c, a))], axis=0)
    sides = []
    for p, q in ((a, b), (b, c), (c, a)):
        along = np.clip((points - p) @ (q - p) / ((q - p) @ (q - p)), 0.0, 1.0)
        sides.append(np.linalg.norm(points - p - along[:, None] * (q - p), axis=1))
    return np.where(inside, np.abs(height), np.min(sides, axis=0))


def test_tiles_hold_the_same_distances(tmp_path):
    rng = np.random.default_rng(3)
    scan = sx.Scan(np.round(rng.uniform(-5.0, 35.0, (5_000, 3)), 3) + FAR)
    vertices, faces = box((30.0, 20.0, 10.0))
    mesh = Mesh(vertices + FAR, faces)
    store = tile_scan(scan, tmp_path / "tiles", tile_points=700)
    order = np.concatenate([t.scan.xyz[t.in_core()] for t in store.tiles()])
    np.testing.assert_array_equal(cloud_to_mesh(store, mesh).distance, cloud_to_mesh(order, mesh).distance)
    np.testing.assert_array_equal(cloud_to_cloud(store, scan), np.zeros(len(order)))


def test_cloud_to_cloud_is_the_nearest_pair():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(300, 3)), rng.normal(size=(400, 3))
    every = np.linalg.norm(a[:, None] - b[None], axis=2).min(axis=1)
    np.testing.assert_allclose(cloud_to_cloud(a, b), every)
    near = cloud_to_cloud(a, b, max_distance_m=0.2)
    np.testing.assert_array_equal(np.isfinite(near), every < 0.2)


def test_bad_input_is_refused():
    flat = Mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]])
    with pytest.raises(GeometryError, match="1 faces without an area"):
        cloud_to_mesh([[0.0, 0.0, 0.0]], flat)
    vertices, faces = box((1.0, 1.0, 1.0))
    with pytest.raises(CRSError, match="one coordinate system"):
        cloud_to_mesh(
            sx.Scan([[0.0, 0.0, 0.0]], crs=4547), Mesh(vertices, faces, crs=sx.Scan([[0, 0, 0.0]], crs=4546).crs)
        )
    with pytest.raises(GeometryError, match="the reference holds no points"):
        cloud_to_cloud([[0.0, 0.0, 0.0]], np.empty((0, 3)))
