"""Bodies that stayed whole: how far they went, how they turned, and the mesh that encloses them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import sxrisk as sx
from sxrisk.change import Bodies, label_bodies
from sxrisk.errors import ParameterError

DIP = np.radians(35.0)
# Along the slope level, up the slope, out of it.
AXES = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(DIP), np.sin(DIP)], [0.0, -np.sin(DIP), np.cos(DIP)]])
ORIGIN = np.array([512_000.0, 4_123_000.0, 1_200.0])
MIDDLE = np.array([12.0, 12.0, 0.0])
HALF_M = 7.0


def relief(s: np.ndarray, t: np.ndarray, rough: float) -> np.ndarray:
    rng = np.random.default_rng(7)
    wave, turn, phase = rng.uniform(1.0, 4.0, 30), rng.uniform(0.0, 6.28, 30), rng.uniform(0.0, 6.28, 30)
    out = np.zeros_like(s)
    for k, d, p in zip(wave, turn, phase, strict=True):
        out += 0.018 * np.cos(k * (np.cos(d) * s + np.sin(d) * t) + p)
    return rough * out


def slope(seed: int, shift: tuple[float, float, float] = (0.0, 0.0, 0.0), turn_deg: float = 0.0,
          axis: tuple[float, float, float] = (0.0, 0.0, 1.0), *, rough: float = 1.0) -> sx.Scan:  # fmt: skip
    """A slope of 24 m x 24 m of which a square moved and turned about its middle, in the slope's own axes."""
    rng = np.random.default_rng(seed)
    s, t = rng.uniform(0.0, 24.0, (2, 40_000))
    points = np.column_stack([s, t, relief(s, t, rough)])
    body = (np.abs(points - MIDDLE)[:, :2] < HALF_M).all(axis=1)
    turn = Rotation.from_rotvec(np.radians(turn_deg) * np.asarray(axis) / np.linalg.norm(axis))
    points[body] = turn.apply(points[body] - MIDDLE) + MIDDLE + np.asarray(shift)
    world = points @ AXES + ORIGIN + rng.normal(0.0, 0.005, points.shape)
    return sx.Scan(world, crs=4547, registration_sigma_m=0.0005)


def found(before: sx.Scan, after: sx.Scan, **options: object) -> Bodies:
    change = sx.m3c2(before, after, core_spacing_m=0.7, normal_radius_m=1.5, cylinder_radius_m=0.5, max_depth_m=2.0)
    return label_bodies(change, before, after, **options)


def vector(row: object, *names: str) -> np.ndarray:
    return np.array([row[name] for name in names])  # type: ignore[index]


@pytest.mark.parametrize("axis", [(0.0, 0.0, 1.0), (0.3, 0.2, 1.0)])
def test_a_slide_that_turns(axis: tuple[float, float, float]) -> None:
    """About the normal it is one body; tilted, one half comes out and the other sinks in: two, with one motion."""
    table = found(slope(1), slope(2, (0.05, -0.25, 0.0), 1.5, axis), window_m=5.0).table
    assert len(table) == (1 if axis[0] == 0.0 else 2)
    turn = Rotation.from_rotvec(np.radians(1.5) * np.asarray(axis) / np.linalg.norm(axis))
    for _, row in table.iterrows():
        assert row["class"] == "slide"
        assert row["rotation_deg"] == pytest.approx(1.5, abs=4.0 * row["sigma_rotation_deg"])
        assert 0.0 < row["sigma_rotation_deg"] < 0.05
        known = np.asarray(axis) / np.linalg.norm(axis) @ AXES
        off = np.degrees(np.arccos(np.clip(vector(row, "axis_east", "axis_north", "axis_up") @ known, -1.0, 1.0)))
        assert off < 4.0 * row["sigma_axis_deg"]
        assert row["sigma_axis_deg"] < 2.0
        # The vector is that of the body's middle.
        arm = AXES @ (vector(row, "x_m", "y_m", "z_m") - ORIGIN) - MIDDLE
        moved = AXES @ vector(row, "east_m", "north_m", "up_m")
        assert np.abs(moved - turn.apply(arm) + arm - [0.05, -0.25, 0.0]).max() < 0.005


def test_without_a_turn_there_is_no_axis() -> None:
    row = found(slope(3), slope(4, (0.0, -0.2, 0.0)), window_m=5.0).table.iloc[0]
    assert row["class"] == "slide"
    assert row["rotation_deg"] < 4.0 * row["sigma_rotation_deg"]
    assert np.isnan(row["axis_up"])
    assert row["rotation_reason"] == "no more than its error: no axis"
    assert np.abs(vector(row, "east_m", "north_m", "up_m") - np.array([0.0, -0.2, 0.0]) @ AXES).max() < 0.005


def test_a_smooth_body_says_why_it_has_no_vector() -> None:
    row = found(slope(5, rough=0.0), slope(6, (0.0, 0.0, 0.06), rough=0.0), along_surface=False).table.iloc[0]
    assert row["class"] == "heave"
    assert row["displacement_reason"] == row["rotation_reason"] == "no relief to hold on to"
    assert np.isnan([row["east_m"], row["rotation_deg"], row["axis_up"]]).all()
    assert row["mean_distance_m"] == pytest.approx(0.06, abs=0.005)


def test_meshes_are_closed_and_hold_the_volume(tmp_path: object) -> None:
    bodies = found(slope(7), slope(8, (0.0, 0.0, 0.1)), along_surface=False)
    assert bodies.table["volume_m3"][0] == pytest.approx(0.1 * (2.0 * HALF_M) ** 2, rel=0.02)
    for body_id, volume in zip(bodies.table["body_id"], bodies.table["volume_m3"], strict=True):
        mesh = bodies.mesh(body_id)
        report = mesh.check()
        assert report.watertight
        assert report.vertex_manifold
        assert mesh.volume_m3 == pytest.approx(abs(volume), rel=1e-6)
    paths = bodies.write_meshes(tmp_path / "meshes")  # type: ignore[operator]
    assert [path.name for path in paths] == [f"{body_id}.ply" for body_id in bodies.table["body_id"]]
    read = sx.read_mesh(paths[0])
    assert read.is_watertight
    assert read.volume_m3 == pytest.approx(bodies.table["volume_m3"][0], rel=1e-6)
    with pytest.raises(ParameterError, match=r"there is no body 'B99'; expected B1"):
        bodies.mesh("B99")
