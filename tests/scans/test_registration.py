"""Known motions, moved ground, stated uncertainty, open directions, targets, files."""

import dataclasses
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.errors import (
    CRSError,
    FileFormatError,
    GeometryError,
    MissingFieldError,
    ParameterError,
)
from sxrisk.scans import Registration, Scan, register
from tests.scans.registration_scenes import (
    ORIGIN,
    displaced,
    error_of,
    hill,
    motion,
    pit,
    plane,
    scan,
    tunnel,
)

FINE = {"max_points": 4000}


@pytest.fixture(scope="module")
def found() -> Registration:
    made = motion(np.array([1e-4, -1.2e-4, 1.3e-4]), np.array([0.01, -0.01, 0.005]))
    later = hill(2)
    later[later[:, 0] > 18, 2] -= 0.05
    return register(scan(displaced(later, made), crs=4547), scan(hill(1), crs=4547), **FINE)


@pytest.mark.parametrize(
    ("turn_deg", "shift_m", "options"),
    [
        ([0.1, 0.2, 0.3], [0.5, 0.5, 0.3], {}),
        ([0.5, -0.7, 2.0], [2.0, -2.0, 1.0], {"max_distance_m": 4.0}),
    ],
)
def test_known_motion_from_near_and_far(turn_deg: list[float], shift_m: list[float], options: dict) -> None:
    made = motion(np.radians(turn_deg), np.array(shift_m))
    later = pit(2)
    moved = (np.abs(later[:, 0] - 60) < 30) & (np.abs(later[:, 1]) < 35)
    later[moved, 2] -= 0.05
    result = register(scan(displaced(later, made)), scan(pit(1)), **FINE, **options)
    shift, turn, _ = error_of(result, made)
    assert result.converged
    assert result.determined
    assert shift < 1e-3
    assert turn < 0.1
    assert result.coarse["method"] == "given"


@pytest.mark.parametrize(("share", "fall_m"), [(0.1, 0.05), (0.3, 0.05), (0.3, 0.012), (0.3, 1.0)])
def test_moved_ground_takes_no_part(share: float, fall_m: float) -> None:
    made = motion(np.array([1e-4, -1.2e-4, 1.3e-4]), np.array([0.01, -0.01, 0.005]))
    later = pit(2)
    edge = np.quantile(later[:, 0], 1 - share)
    later[later[:, 0] > edge, 2] -= fall_m
    result = register(scan(displaced(later, made)), scan(pit(1)), max_points=20_000)
    shift, turn, _ = error_of(result, made)
    assert shift < 1e-3
    assert turn < 0.1
    inside = result.points[:, 0] - ORIGIN[0] > edge + 2
    assert result.stable[inside].mean() < 0.1
    assert result.stable[~inside].mean() > 0.85
    # The stable area leaves the moved part out and keeps the rest.
    size = np.ptp(result.points[:, :2], axis=0)
    assert result.stable_area.area == pytest.approx((1 - share) * size[0] * size[1], rel=0.1)


def test_given_stable_area(found: Registration) -> None:
    later = hill(2)
    later[later[:, 0] > 0, 2] -= 0.03  # more than half: only who knows where can tell
    known = shapely.box(ORIGIN[0] - 40, ORIGIN[1] - 35, ORIGIN[0] - 1, ORIGIN[1] + 35)
    for area in (known, gpd.GeoSeries([known], crs=4547)):
        result = register(scan(later, crs=4547), scan(hill(1), crs=4547), stable=area, **FINE)
        assert np.linalg.norm(result.about(ORIGIN - [20, 0, 0]).translation_m) < 2e-3
        assert (result.points[:, 0] < ORIGIN[0]).all()
    with pytest.raises(CRSError, match=r"stable: the stable area is in .* expected the scans' coordinate system"):
        register(scan(later, crs=4547), scan(hill(1), crs=4547), stable=gpd.GeoSeries([known], crs=4546))
    with pytest.raises(GeometryError, match="no point lies in the stable area"):
        register(scan(later), scan(hill(1)), stable=shapely.box(0, 0, 1, 1))


def test_sigma_at_grows_with_the_distance_and_holds_its_parts(found: Registration) -> None:
    middle = found.points.mean(axis=0)
    far = middle + np.array([400.0, 0, 0])
    up = found.sigma_at([middle, far], [0.0, 0.0, 1.0])
    assert found.scatter_m <= up[0] < up[1]
    space = found.sigma_at([middle])[0]
    axes = [found.sigma_at([middle], axis)[0] for axis in np.eye(3)]
    assert space == pytest.approx(np.sqrt(np.sum(np.square(axes))))
    again = found.about(middle)
    assert again.move([far]) == pytest.approx(found.move([far]), abs=1e-9)
    assert again.sigma_at([far])[0] == pytest.approx(found.sigma_at([far])[0], rel=1e-6)


def test_residual_map_shows_the_moved_ground(found: Registration) -> None:
    cells = found.residual_map(10.0)
    assert cells.crs == found.crs
    assert cells["n"].sum() == len(found.points)
    fallen = cells[cells.geometry.bounds.minx >= ORIGIN[0] + 20]
    kept = cells[(cells.geometry.bounds.maxx <= ORIGIN[0] + 10) & (cells["n"] > 30)]
    assert fallen["mean_m"].median() == pytest.approx(-0.05, abs=0.01)
    assert fallen["stable_share"].max() < 0.3
    assert (kept["mean_m"].abs() < 4 * kept["sigma_m"]).mean() > 0.9
    with pytest.raises(ParameterError, match="cell_m"):
        found.residual_map(0.0)


def test_a_plane_slides_and_a_tunnel_turns() -> None:
    flat = register(scan(plane(1) + np.array([0.002, 0.001, 0.01])), scan(plane(2)), **FINE)
    assert not flat.determined
    assert not flat.converged
    assert "not determined by the geometry" in flat.weakest
    assert (flat.eigenvalues_m2[3:] > 1.0).all()
    assert flat.eigenvalues_m2[2] < 1e-6
    # What can be known is known: the height is brought together.
    middle = plane(1).mean(axis=0) + ORIGIN
    assert flat.move([middle])[0, 2] - middle[2] == pytest.approx(-0.01, abs=1e-3)
    assert flat.sigma_m < 1e-3
    pipe = register(scan(tunnel(1)), scan(tunnel(2)), **FINE)
    assert not pipe.determined
    assert (pipe.eigenvalues_m2[4:] > 1.0).all()
    assert pipe.eigenvalues_m2[3] < 1e-5
    with pytest.raises(GeometryError, match=r"in several ways.*Give control targets"):
        register(scan(tunnel(1)), scan(tunnel(2)), coarse=True, **FINE)


def targets_of(made: np.ndarray, places: np.ndarray, sigma: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    fixed = places + ORIGIN + rng.normal(0, sigma / np.sqrt(2), places.shape)
    moving = displaced(places, made) + ORIGIN + rng.normal(0, sigma / np.sqrt(2), places.shape)
    columns = [f"{role}_{axis}" for role in ("moving", "fixed") for axis in "xyz"]
    table = pd.DataFrame(np.hstack([moving, fixed]), columns=columns)
    return table.assign(name=[f"T{i}" for i in range(len(places))], sigma_m=sigma)


def test_targets_alone_with_a_gross_one() -> None:
    made = motion(np.radians([1.0, 2.0, 40.0]), np.array([30.0, -20.0, 5.0]))
    places = np.random.default_rng(0).uniform(-30, 30, (7, 3))
    table = targets_of(made, places, 0.001, 1)
    table.loc[3, "moving_x"] += 0.05
    result = register(scan(displaced(hill(2), made)), scan(hill(1)), targets=table, surface=False)
    shift, turn, squared = error_of(result, made)
    assert shift < 3e-3
    assert turn < 0.1
    assert squared < 22.5
    assert result.targets is not None
    assert result.targets.loc[result.targets["outlier"], "name"].tolist() == ["T3"]
    assert result.targets.loc[3, "miss_m"] == pytest.approx(0.05, abs=5e-3)
    with pytest.raises(GeometryError, match="2 targets do not determine a motion"):
        register(scan(hill(2)), scan(hill(1)), targets=table.iloc[:2], surface=False)
    with pytest.raises(MissingFieldError, match="no column sigma_m"):
        register(scan(hill(2)), scan(hill(1)), targets=table.drop(columns="sigma_m"))
    with pytest.raises(ParameterError, match="sigma_m above 0"):
        register(scan(hill(2)), scan(hill(1)), targets=table.assign(sigma_m=0.0))


def test_targets_hold_what_the_surface_leaves_open() -> None:
    made = motion(np.radians([0.0, 0.0, 30.0]), np.array([12.0, -7.0, 0.5]))
    places = np.array([[5.0, 5, 1], [50, 8, 2], [45, 40, 1], [8, 44, 3], [30, 20, 2]])
    table = targets_of(made, places, 0.002, 2)
    result = register(scan(displaced(plane(2), made)), scan(plane(1)), targets=table, **FINE)
    assert result.coarse["method"] == "targets"
    assert result.determined
    middle = np.array([30.0, 25.0, 0.0])
    back = result.move(displaced(middle[None], made) + ORIGIN)[0] - (middle + ORIGIN)
    assert np.linalg.norm(back[:2]) < 4e-3
    # The floor knows the height better than the targets do.
    assert abs(back[2]) < 5e-4
    assert error_of(result, made)[2] < 25.0


def test_written_and_read_again(found: Registration, tmp_path: Path) -> None:
    again = Registration.read(found.write(tmp_path / "motion.json"))
    for field in dataclasses.fields(Registration):
        one, other = getattr(found, field.name), getattr(again, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(other, one, atol=6e-6)
        elif field.name == "stable_area":
            assert other.symmetric_difference(one).area < 1e-3
        elif field.name != "targets":
            assert other == one
    assert np.array_equal(again.matrix, found.matrix)
    assert np.array_equal(again.stable, found.stable)
    moved = found.apply(Scan(hill(2)[:100] + ORIGIN, stations=[ORIGIN]))
    assert moved.registration_sigma_m == found.sigma_m
    broken = tmp_path / "broken.json"
    values = json.loads((tmp_path / "motion.json").read_text())
    del values["matrix"]
    broken.write_text(json.dumps(values))
    with pytest.raises(FileFormatError, match=r"broken\.json.*'matrix'"):
        Registration.read(broken)
    broken.write_text("{")
    with pytest.raises(FileFormatError, match=r"broken\.json: cannot be read"):
        Registration.read(broken)


def test_what_cannot_be_registered_is_refused() -> None:
    fixed = scan(hill(1))
    with pytest.raises(CRSError, match="expected scans in one coordinate and height system"):
        register(scan(hill(2), crs=4546), scan(hill(1), crs=4547))
    with pytest.raises(GeometryError, match=r"the scan has 50 points; expected at least 100"):
        register(scan(hill(2)[:50]), fixed)
    with pytest.raises(GeometryError, match=r"scans of the same place.*coarse=True"):
        register(scan(hill(2) + np.array([500.0, 0, 0])), fixed, coarse=False)
    with pytest.raises(ParameterError, match=r"True, False or .auto."):
        register(scan(hill(2)), fixed, coarse="maybe")
    with pytest.raises(ParameterError, match="surface=False without targets"):
        register(scan(hill(2)), fixed, surface=False)
