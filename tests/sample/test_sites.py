"""Scanned sites: what the truth says must follow from the surfaces by a way of its own."""

from pathlib import Path

import numpy as np
import pytest

from sxrisk.sample import raycast
from sxrisk.sample.frame import SEED
from sxrisk.sample.goaf import HALF_AXES_M, Goaf, make_goaf, scan_goaf, solid_volume_m3
from sxrisk.sample.pit import PATCH_SHIFT_M, Pit, make_pit, scan_pit
from sxrisk.sample.scanner import Scene, beams, misregister, scan_ground
from sxrisk.sample.sites import choose_pit
from sxrisk.sample.surface import HeightGrid, volume_between
from sxrisk.sample.terrain import make_terrain


@pytest.fixture(scope="module")
def pit() -> Pit:
    terrain = make_terrain(SEED)
    return make_pit(terrain, SEED, choose_pit(terrain))


@pytest.fixture(scope="module")
def goaf() -> Goaf:
    return make_goaf(SEED, np.array([403_000.0, 4_198_000.0, 900.0]))


def test_volume_of_a_superellipsoid_has_a_closed_form() -> None:
    from math import gamma

    a, b, c = HALF_AXES_M
    exact = 8 * a * b * c * gamma(1 + 1 / 3) ** 3 / gamma(1 + 3 / 3)
    assert solid_volume_m3(np.zeros((0, 5))) == pytest.approx(exact, rel=1e-6)


def test_goaf_volume_by_counting_random_points(goaf: Goaf) -> None:
    from sxrisk.sample.goaf import _inside

    rng = np.random.default_rng(5)
    box = np.array([27.0, 19.0, 9.0])
    points = rng.uniform(-box, box, (120_000, 3))
    share = np.mean([_inside(x, y, z, goaf.waves) > 0 for x, y, z in points])
    assert goaf.truth["volume_m3"] == pytest.approx(share * 8 * np.prod(box), rel=0.012)


def test_goaf_points_lie_on_the_wall(goaf: Goaf) -> None:
    scans, truth = scan_goaf(goaf, SEED, 0.05)
    assert len(scans) == 2 and len(truth["stations"]) == 2
    for scan in scans:
        ranges = np.linalg.norm(scan.xyz - scan.station, axis=1)
        assert ranges.min() > 0.8 and ranges.max() < 45.0
        elevation = np.degrees(np.arcsin((scan.xyz[:, 2] - scan.station[2]) / ranges))
        assert elevation.min() > truth["blind_below_deg"] - 1.0
    # the pillar hides a part of the room from each station, and shows itself to both
    middle = np.array(truth["pillar"]["middle"])
    for scan in scans:
        assert np.sum(np.hypot(*(scan.xyz[:, :2] - middle).T) < 2.8) > 50


def test_moving_patch_moves_by_its_vector(pit: Pit) -> None:
    patch = pit.truth["moving_patch"]
    vector = np.array(patch["vector_m"])
    assert np.linalg.norm(vector) == pytest.approx(PATCH_SHIFT_M, abs=1e-12)
    corners = np.array(patch["full_movement_polygon"])
    weights = np.random.default_rng(2).dirichlet(np.ones(4), 400)
    inside = weights @ corners
    before = pit.before.at(*(inside - vector[:2]).T, order=3) + vector[2]
    assert np.abs(pit.after.at(*inside.T, order=3) - before).max() < 2e-3


def test_rockfall_volumes_by_another_quadrature(pit: Pit) -> None:
    fall = pit.truth["rockfall"]
    ring = np.array(fall["polygon"])
    west, south = ring.min(axis=0) - 1.0
    east, north = ring.max(axis=0) + 1.0
    step = 0.05
    x, y = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
    rise = pit.after.at(x.ravel(), y.ravel()) - pit.before.at(x.ravel(), y.ravel())
    assert rise[rise > 0].sum() * step**2 == pytest.approx(fall["net_added_m3"], rel=0.005)
    assert -rise[rise < 0].sum() * step**2 == pytest.approx(fall["net_removed_m3"], rel=0.005)
    assert 60 < fall["scar_m3"] < 150
    assert fall["deposit_m3"] == pytest.approx(1.25 * fall["scar_m3"], rel=1e-6)


def test_volume_between_is_exact_for_planes() -> None:
    flat = HeightGrid(0.0, 0.0, 0.5, np.zeros((21, 41)))
    assert volume_between(flat, flat.with_heights(flat.z + 2.0)) == pytest.approx((400.0, 0.0))


def test_second_epoch_is_misregistered_by_what_the_truth_says(pit: Pit) -> None:
    epochs, truth = scan_pit(pit, SEED, 0.02)
    record = truth["misregistration"]
    assert np.linalg.norm(record["translation_m"]) == pytest.approx(0.015, abs=1e-12)
    matrix, centre = np.array(record["matrix_about_centre"]), np.array(record["centre"])
    assert np.arccos((np.trace(matrix[:3, :3]) - 1) / 2) == pytest.approx(2e-4, rel=1e-3)
    for scans, ground, moved in ((epochs[0], pit.before, False), (epochs[1], pit.after, True)):
        on_ground = [scan.xyz[scan.kind == raycast.GROUND] for scan in scans]
        xyz = np.vstack(on_ground)
        if moved:
            xyz = centre + (xyz - centre - matrix[:3, 3]) @ matrix[:3, :3]
        flat = np.hypot(*np.gradient(ground.z, ground.cell_m)) < 0.2
        row = ((xyz[:, 1] - ground.north) / ground.cell_m).astype(int)
        col = ((xyz[:, 0] - ground.east) / ground.cell_m).astype(int)
        level = flat[row, col]
        gap = xyz[level, 2] - ground.at(xyz[level, 0], xyz[level, 1])
        assert abs(np.median(gap)) < 1e-3
        assert np.std(gap[np.abs(gap) < 0.05]) < 0.012


def test_a_wall_hides_what_lies_behind_it() -> None:
    z = np.zeros((201, 201))
    z[:, 100:104] = 10.0
    grid = HeightGrid(0.0, 0.0, 0.5, z)
    scene = Scene(grid, np.zeros(z.shape, dtype=np.bool_), np.zeros((0, 8)), np.zeros((0, 4)))
    station = np.array([20.0, 50.0, 2.0])
    rng = np.random.default_rng(1)
    view = {"azimuth_deg": (45.0, 135.0), "elevation_deg": (-30.0, 5.0), "step_rad": 0.01, "reach_m": 200.0}
    scan = scan_ground(scene, rng, station, 1, **view)  # type: ignore[arg-type]
    assert len(scan.xyz) > 1_000
    assert scan.xyz[:, 0].max() < 50.6


def test_density_falls_with_range_and_water_is_silent() -> None:
    z = np.zeros((401, 401))
    grid = HeightGrid(0.0, 0.0, 0.5, z)
    wet = np.zeros(z.shape, dtype=np.bool_)
    wet[:, 300:] = True
    scene = Scene(grid, wet, np.zeros((0, 8)), np.zeros((0, 4)))
    scan = scan_ground(
        scene, np.random.default_rng(3), np.array([100.0, 100.0, 4.0]), 1,
        azimuth_deg=(0.0, 360.0), elevation_deg=(-40.0, 0.0), step_rad=0.01, reach_m=150.0,
    )  # fmt: skip
    away = np.hypot(*(scan.xyz[:, :2] - 100.0).T)
    near, far = np.sum((away > 10) & (away < 12)) / 44.0, np.sum((away > 30) & (away < 32)) / 124.0
    assert near > 4 * far > 0
    assert scan.xyz[:, 0].max() < 150.6


def test_noise_grows_with_incidence() -> None:
    from sxrisk.sample.scanner import observe

    directions = np.tile([[0.0, 1.0, 0.0]], (40_000, 1))
    spread = []
    for cosine in (1.0, 0.2):
        scan = observe(
            np.random.default_rng(4), np.zeros(3), directions, np.full(40_000, 10.0),
            np.ones(40_000, dtype=np.uint8), np.full(40_000, cosine), 1,
        )  # fmt: skip
        spread.append(float(np.std(scan.xyz[:, 1])))
    assert spread[0] == pytest.approx(0.005, rel=0.03)
    assert spread[1] == pytest.approx(0.009, rel=0.03)


def test_beams_are_unit_vectors() -> None:
    assert np.linalg.norm(beams((0.0, 360.0), (-60.0, 90.0), 0.1), axis=1) == pytest.approx(1.0)


def test_misregister_leaves_the_centre_but_for_the_shift() -> None:
    centre = np.array([1.0, 2.0, 3.0])
    _, move = misregister(centre)
    assert move(centre[None])[0] - centre == pytest.approx([0.010, -0.010, 0.005])


def test_bad_arguments_have_clear_errors(tmp_path: Path) -> None:
    from sxrisk.errors import OutputError, ParameterError
    from sxrisk.sample import make_sample

    with pytest.raises(ParameterError, match="density = 9; expected a number above 0"):
        make_sample(tmp_path, density=9)
    with pytest.raises(ParameterError, match="part = 'some'"):
        make_sample(tmp_path, part="some")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="seed = -1"):
        make_sample(tmp_path, seed=-1)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        make_sample(blocked, part="layers")
