"""Lines of a scan, terraces, steps and overhangs: what looks like a body and is none, and which way a body went."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.change import Bodies, label_bodies, surface_motion

NOISE_M = 0.002
STATION = np.array([70.0, 30.0, 5.0])
HEAPED_M = 2.0


def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A slope of 37 degrees, bowed along y."""
    return 20.0 - 0.75 * x + 1.2 * np.sin(y / 4.0)


def slope(seed: int, heaped: float = 0.0) -> sx.Scan:
    """All of the slope, 30 m x 60 m, `heaped` thicker across it where y is above 10 m."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 30.0, 60_000), rng.uniform(0.0, 60.0, 60_000)
    points = np.column_stack([x, y, height(x, y)])
    points += heaped * (y > 10.0)[:, None] * [0.6, 0.0, 0.8] + rng.normal(0.0, NOISE_M, points.shape)
    return sx.Scan(points, stations=[STATION], registration_sigma_m=0.001)


def half_swept(seed: int) -> sx.Scan:
    """Beyond y = 30 m only lone sweeps of a scanner that turns about its upright axis, some 7 m apart."""
    rng = np.random.default_rng(seed)
    near = slope(seed).xyz
    azimuth = np.arctan2(np.linspace(31.0, 60.0, 120) - STATION[1], 15.0 - STATION[0])
    far = np.vstack([_sweep(azimuth, elevation) for elevation in np.radians(np.arange(-3.0, 14.0, 5.5))])
    points = np.vstack([near[near[:, 1] < 30.0], far + rng.normal(0.0, NOISE_M, far.shape)])
    return sx.Scan(points, stations=[STATION], registration_sigma_m=0.001)


def _sweep(azimuth: np.ndarray, elevation: float) -> np.ndarray:
    """Where the beams of one elevation meet the slope."""
    flat = np.full(len(azimuth), np.cos(elevation))
    beam = np.column_stack([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.full(len(azimuth), np.sin(elevation))])
    near, far = np.full(len(beam), 20.0), np.full(len(beam), 90.0)
    for _ in range(40):
        middle = 0.5 * (near + far)
        place = STATION + middle[:, None] * beam
        above = place[:, 2] > height(place[:, 0], place[:, 1])
        near, far = np.where(above, middle, near), np.where(above, far, middle)
    hits = STATION + near[:, None] * beam
    return hits[(hits[:, 0] > 0.0) & (hits[:, 0] < 30.0)]


def found(before: sx.Scan, after: sx.Scan, *, depth: float = 6.0, **options: object) -> Bodies:
    change = sx.m3c2(before, after, core_spacing_m=1.0, normal_radius_m=1.5, cylinder_radius_m=1.0, max_depth_m=depth)
    return label_bodies(change, before, after, **options)


def test_lines_of_a_scan_have_no_side() -> None:
    """The plane of a sweep fits its points best and faces the scanner from below: fill would be read as loss."""
    before, after = half_swept(1), slope(2, HEAPED_M)
    change = sx.m3c2(before, after, core_spacing_m=1.0, normal_radius_m=1.5, cylinder_radius_m=1.0, max_depth_m=6.0)
    turned = change.significant & (change.distance < -1.0)
    assert turned.sum() > 20
    bodies = label_bodies(change, before, after, along_surface=False)
    assert bodies.table["motion"].tolist() == ["gain"]
    assert not bodies.label[turned].any()
    # Where the slope itself was seen: 20 m of it, 37.5 m long across the slope's fall.
    assert bodies.table["volume_m3"][0] > HEAPED_M * 20.0 * 37.5


def terraces(seed: int, grown: float = 0.0) -> sx.Scan:
    """Benches 6 m high and 8 m broad with faces of 68 degrees, seen from all sides; the lowest one `grown` higher."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 36.0, 70_000), rng.uniform(0.0, 30.0, 70_000)
    run = 6.0 / np.tan(np.radians(68.0))
    step, along = np.divmod(x, 8.0 + run)
    z = 6.0 * step + 6.0 * np.clip((along - 8.0) / run, 0.0, 1.0)
    z = np.maximum(z, np.where((np.abs(x - 4.0) < 3.0) & (np.abs(y - 15.0) < 5.0), grown, -1.0))
    points = np.column_stack([x, y, z]) + rng.normal(0.0, 0.008, (len(x), 3))
    return sx.Scan(points, registration_sigma_m=0.001)


def test_edges_of_terraces_are_no_bodies() -> None:
    assert not len(found(terraces(3), terraces(4)).table)
    table = found(terraces(3), terraces(5, grown=0.8), along_surface=False).table
    assert table["class"].tolist() == ["deposit"]
    assert table["volume_m3"][0] == pytest.approx(0.8 * 60.0, rel=0.05)


def hills(seed: int, lift: float = 0.0) -> sx.Scan:
    """Hills of 2 m with a block of 8 m x 8 m that came up."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, 30.0, (15_000, 2))
    z = 2.0 * np.sin(xy[:, 0] / 4.0) + 1.5 * np.cos(xy[:, 1] / 3.0) + rng.normal(0.0, 0.004, len(xy))
    z += np.where((np.abs(xy - 15.0) < 4.0).all(axis=1), lift, 0.0)
    return sx.Scan(np.column_stack([xy, z]), registration_sigma_m=0.001)


@pytest.mark.parametrize("seed", [1, 11])
def test_beside_a_raised_block_nothing_moved(seed: int) -> None:
    """A step within a window is best explained by a slope that was pushed along: it has to be told from one."""
    table = found(hills(seed), hills(seed + 1, lift=0.4), depth=2.0).table
    assert table["class"].tolist() == ["deposit"]
    assert table["volume_m3"][0] == pytest.approx(0.4 * 64.0, rel=0.03)


def test_a_window_across_a_step_says_so() -> None:
    motion = surface_motion(hills(1), hills(2, lift=0.4), [[11.0, 15.0, 0.0]], window_m=10.0, max_motion_m=2.5)
    assert motion["reason"].tolist() == ["it did not move as one"]
    assert motion["along_m"].isna().all()


def overhang(seed: int, fallen: bool = False) -> sx.Scan:
    """A face that leans 25 degrees outward over the scanner's ground, and a scar of half an ellipsoid in it."""
    rng = np.random.default_rng(seed)
    s, t = rng.uniform(0.0, 24.0, 50_000), rng.uniform(0.0, 14.0, 50_000)
    lean = np.radians(25.0)
    up, out = np.array([0.0, -np.sin(lean), np.cos(lean)]), np.array([0.0, -np.cos(lean), -np.sin(lean)])
    depth = np.where(
        fallen, 1.2 * np.sqrt(np.maximum(1.0 - ((s - 12.0) / 3.0) ** 2 - ((t - 7.0) / 2.0) ** 2, 0.0)), 0.0
    )
    face = np.column_stack([s, np.zeros_like(s), np.zeros_like(s)]) + t[:, None] * up - depth[:, None] * out
    scan = sx.Scan(face + rng.normal(0.0, 0.005, face.shape), registration_sigma_m=0.001)
    return scan.replace(stations=np.array([[12.0, -30.0, 1.5]]))


def test_a_scar_below_an_overhang() -> None:
    bodies = found(overhang(6), overhang(7, fallen=True), depth=3.0, along_surface=False)
    assert bodies.table["class"].tolist() == ["rockfall"]
    row = bodies.table.iloc[0]
    truth = 2.0 / 3.0 * np.pi * 3.0 * 2.0 * 1.2
    assert row["volume_m3"] == pytest.approx(-truth, rel=0.03)
    assert row["normal_z"] == pytest.approx(-np.sin(np.radians(25.0)), abs=0.02)
    mesh = bodies.mesh("B1")
    assert mesh.is_watertight
    assert mesh.volume_m3 == pytest.approx(truth, rel=0.03)
    # The hole lies behind the face, under rock that stands in front of it.
    assert mesh.vertices[:, 1].max() > -7.0 * np.sin(np.radians(25.0)) + 0.9
