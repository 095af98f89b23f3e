"""Cavities whose stations nobody knows: bare points, and meshes from other software."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.errors import GeometryError
from sxrisk.surfaces import Mesh

AT = np.array([512345.0, 4123456.0, 900.0])


def sphere(n, seed=1, radius=5.0):
    rays = np.random.default_rng(seed).normal(size=(n, 3))
    return radius * rays / np.linalg.norm(rays, axis=1)[:, None]


def dumbbell(n):
    """Points on two rooms joined by a gallery, and the volume by a fine grid."""

    def gap(xyz):
        rooms = [4.0 - np.linalg.norm(xyz - [x, 0, 0], axis=-1) for x in (-6.0, 6.0)]
        gallery = np.minimum(1.5 - np.hypot(xyz[..., 1], xyz[..., 2]), 6.0 - np.abs(xyz[..., 0]))
        return np.maximum.reduce([*rooms, gallery])

    rng = np.random.default_rng(3)
    ways = rng.normal(size=(n, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    around = rng.uniform(0.0, 2.0 * np.pi, n // 4)
    tube = np.column_stack([rng.uniform(-6.0, 6.0, n // 4), 1.5 * np.cos(around), 1.5 * np.sin(around)])
    points = np.concatenate([4.0 * ways + [-6.0, 0, 0], 4.0 * ways + [6.0, 0, 0], tube])
    points = points[np.abs(gap(points)) < 1e-9]
    steps = np.arange(-10.1, 10.1, 0.1) + 0.05
    grid = np.stack(np.meshgrid(steps, steps[50:-50], steps[50:-50], indexing="ij"), axis=-1)
    return points, float((gap(grid) > 0).sum() * 1e-3)


def test_bare_points_are_meshed_and_say_how():
    points, truth = dumbbell(12_000)
    cavity = sx.mesh_cavity(sx.Scan(points + AT, crs="EPSG:4547"))
    assert (cavity.method, cavity.oriented_by) == ("poisson", "enclosed space")
    assert cavity.turned_share < 0.001
    assert cavity.volume_m3 == pytest.approx(truth, rel=0.01)
    assert cavity.volume_low_m3 <= truth <= cavity.volume_high_m3
    assert cavity.mesh.is_watertight
    assert cavity.seen_share > 0.99
    assert len(cavity.stations) == 0


def test_a_hole_in_the_points_is_bridged_and_widens_the_interval():
    points = sphere(20_000)
    whole = sx.mesh_cavity(sx.Scan(points + AT))
    cavity = sx.mesh_cavity(sx.Scan(points[points[:, 2] > -4.5] + AT))
    assert (cavity.face_kind == 1).any()
    assert cavity.volume_high_m3 - cavity.volume_low_m3 > whole.volume_high_m3 - whole.volume_low_m3
    assert cavity.volume_low_m3 <= 4.0 / 3.0 * np.pi * 125.0 <= cavity.volume_high_m3


def test_too_few_points_are_refused():
    with pytest.raises(GeometryError, match="100 points; expected at least 500"):
        sx.mesh_cavity(sx.Scan(sphere(100)))


def box():
    corners = np.array([[x, y, z] for x in (0, 4) for y in (0, 3) for z in (0, 2)], dtype=float)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return corners + AT, np.array(faces)


@pytest.mark.parametrize("ending", [".obj", ".dxf", ".ply"])
def test_a_mesh_from_other_software_is_checked(tmp_path, ending):
    path = Mesh(*box()).write(tmp_path / f"stope{ending}")
    cavity = sx.mesh_cavity(sx.read_mesh(path))
    assert cavity.volume_m3 == pytest.approx(24.0, abs=1e-3)
    assert (cavity.method, cavity.oriented_by) == ("given_mesh", "faces")
    assert np.isnan(cavity.volume_low_m3)
    assert not cavity.seen.any()


def test_a_mesh_turned_inside_out_is_turned_back():
    corners, faces = box()
    assert sx.mesh_cavity(Mesh(corners, faces[:, ::-1])).volume_m3 == pytest.approx(24.0)


def test_an_open_mesh_is_refused_with_the_place():
    corners, faces = box()
    with pytest.raises(GeometryError, match="open edges in 1 places") as caught:
        sx.mesh_cavity(Mesh(corners, faces[:-2]))
    assert "(512347.000, 4123457.500, 902.000)" in str(caught.value)


def test_a_turned_face_is_refused_with_the_place():
    corners, faces = box()
    faces[3] = faces[3][::-1]
    with pytest.raises(GeometryError, match="faces look to opposite sides in 3 places"):
        sx.mesh_cavity(Mesh(corners, faces))
