"""Moving bodies whose volume, place and motion are known: on a wall of 70 degrees, on flat ground, along a face."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.change import Bodies, label_bodies, moving_bodies
from sxrisk.errors import ParameterError

DIP = np.radians(70.0)
DOWN = np.array([0.0, -np.cos(DIP), -np.sin(DIP)])
NORMAL = np.array([0.0, -np.sin(DIP), np.cos(DIP)])
ORIGIN = np.array([512_000.0, 4_123_000.0, 1_200.0])
NOISE_M = 0.008
SCAR_M3 = np.pi / 2.0 * 3.0 * 2.5 * 1.0
CONE_M3 = np.pi * 3.0**2 * 1.2 / 3.0


def relief(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The roughness of a blasted face: waves of 1.5 to 6 m in all directions, 0.1 m deep."""
    rng = np.random.default_rng(7)
    wave = rng.uniform(1.0, 4.0, 30)
    turn, phase, size = (
        rng.uniform(0.0, 2.0 * np.pi, (2, 30))[0],
        rng.uniform(0.0, 6.3, 30),
        rng.uniform(0.005, 0.03, 30),
    )
    return sum(
        a * np.cos(k * (np.cos(d) * s + np.sin(d) * t) + p) for k, d, p, a in zip(wave, turn, phase, size, strict=True)
    )


def wall(seed: int, *, fallen: bool = False, slid: float = 0.0, floor: bool = True) -> sx.Scan:
    """A face of 40 x 24 m over a floor; a scar and its cone; a patch of 18 x 12 m that slid down along the face."""
    rng = np.random.default_rng(seed)
    s, t = rng.uniform(0.0, 40.0, 110_000), rng.uniform(0.0, 24.0, 110_000)
    patch = (s > 11.0) & (s < 29.0) & (t > 6.0) & (t < 18.0)
    out = relief(s, t + np.where(patch, slid, 0.0))
    if fallen:
        out = out - np.maximum(1.0 - ((s - 20.0) / 3.0) ** 2 - ((t - 14.0) / 2.5) ** 2, 0.0)
    face = np.column_stack([s, np.zeros_like(s), np.zeros_like(s)]) - t[:, None] * DOWN + out[:, None] * NORMAL
    n = 60_000 if floor else 0
    x, y = rng.uniform(0.0, 40.0, n), rng.uniform(-16.0, 0.0, n)
    cone = np.maximum(1.2 * (1.0 - np.hypot(x - 20.0, y + 6.0) / 3.0), 0.0) if fallen else np.zeros_like(x)
    points = np.concatenate([face, np.column_stack([x, y, cone])])
    return sx.Scan(points + rng.normal(0.0, NOISE_M, points.shape) + ORIGIN, crs=4547, registration_sigma_m=0.001)


def ground(seed: int, lift: str = "") -> sx.Scan:
    """Flat rough ground of 60 x 40 m, and what happened to it."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 60.0, 120_000), rng.uniform(0.0, 40.0, 120_000)
    z = 0.3 * relief(x, y)
    if lift == "bowl":
        z -= 0.4 * np.exp(-((x - 30.0) ** 2 + (y - 20.0) ** 2) / (2.0 * 6.0**2))
    if lift == "heave":
        z += 0.15 * (np.hypot(x - 30.0, y - 20.0) < 7.0)
    if lift == "two":
        z += 0.6 * (np.hypot(x - 24.0, y - 20.0) < 4.0) + 0.6 * (np.hypot(x - 35.0, y - 20.0) < 4.0)
    points = np.column_stack([x, y, z])
    return sx.Scan(points + rng.normal(0.0, NOISE_M, points.shape) + ORIGIN, crs=4547, registration_sigma_m=0.001)


def bodies(before: sx.Scan, after: sx.Scan, **options: object) -> Bodies:
    change = sx.m3c2(before, after, core_spacing_m=0.7, normal_radius_m=1.5, cylinder_radius_m=0.5, max_depth_m=3.0,
                     orientation=[0.0, -1.0, 1.0])  # fmt: skip
    return label_bodies(change, before, after, **options)


def test_rockfall_and_its_deposit() -> None:
    found, label, _ = bodies(wall(1), wall(2, fallen=True), along_surface=False)
    assert found["class"].tolist() == ["rockfall", "deposit"]
    scar, cone = (row for _, row in found.iterrows())
    assert scar["volume_m3"] == pytest.approx(-SCAR_M3, rel=0.03)
    assert cone["volume_m3"] == pytest.approx(CONE_M3, rel=0.03)
    assert abs(scar["volume_m3"] + SCAR_M3) < 2.0 * scar["volume_sigma_m3"]
    assert scar["area_m2"] == pytest.approx(np.pi * 3.0 * 2.5, rel=0.15)
    middle = ORIGIN + np.array([20.0, 0.0, 0.0]) - 14.0 * DOWN
    assert np.linalg.norm(scar[["x_m", "y_m", "z_m"]].to_numpy(float) - middle) < 0.5
    assert (scar["paired_with"], cone["paired_with"]) == ("B2", "B1")
    assert scar["bulking_ratio"] == pytest.approx(CONE_M3 / SCAR_M3, rel=0.05)
    assert np.isnan(scar["east_m"])
    assert "nothing to follow" in scar["displacement_reason"]
    assert np.bincount(label)[1:].tolist() == found["n_core_points"].tolist()
    assert found.crs.to_epsg() == 4547


def test_slide_along_a_face() -> None:
    before, after = wall(3, floor=False), wall(4, slid=0.3, floor=False)
    found, _, _ = bodies(before, after, window_m=6.0)
    slide = found[found["class"] == "slide"]
    assert len(slide) == 1
    row = slide.iloc[0]
    vector = row[["east_m", "north_m", "up_m"]].to_numpy(float)
    assert np.abs(vector - 0.3 * DOWN).max() < 0.005
    assert row["area_m2"] == pytest.approx(18.0 * 12.0, rel=0.2)
    assert abs(row["volume_m3"]) < max(3.0 * row["volume_sigma_m3"], 1.0)
    # Along the normal alone there is no such body.
    assert "slide" not in bodies(before, after, along_surface=False).table["class"].tolist()


def test_settlement() -> None:
    found, _, _ = bodies(ground(5), ground(6, "bowl"), along_surface=False)
    assert found["class"].tolist() == ["settlement"]
    volume = -0.4 * 2.0 * np.pi * 6.0**2
    assert found["volume_m3"][0] == pytest.approx(volume, rel=0.03)


def test_heave() -> None:
    found, _, _ = bodies(ground(7), ground(8, "heave"), along_surface=False)
    assert found["class"].tolist() == ["heave"]
    row = found.iloc[0]
    assert row["volume_m3"] == pytest.approx(0.15 * np.pi * 7.0**2, rel=0.02)
    assert abs(row["up_m"] - 0.15) < 3.0 * row["sigma_up_m"] + 1e-3
    assert np.abs([row["east_m"], row["north_m"]]).max() < 0.01


def test_two_stay_two() -> None:
    found, _, _ = bodies(ground(9), ground(10, "two"), along_surface=False)
    assert found["class"].tolist() == ["deposit", "deposit"]
    assert found["volume_m3"].to_numpy() == pytest.approx(0.6 * np.pi * 4.0**2, rel=0.03)


def test_a_place_that_stayed_has_no_body_and_all_columns() -> None:
    found, label, solids = bodies(ground(11), ground(12), along_surface=False)
    assert not len(found)
    assert not label.any()
    assert not solids
    assert "class" in found


def test_sizes_are_checked() -> None:
    scan = ground(1)
    change = sx.m3c2(scan, scan, core_spacing_m=5.0, normal_radius_m=1.5, cylinder_radius_m=0.5, max_depth_m=3.0)
    with pytest.raises(ParameterError, match=r"min_area_m2 is -1\.0.*more than 0"):
        moving_bodies(change, scan, scan, min_area_m2=-1.0)
