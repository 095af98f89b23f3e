"""Web-map offsets: against an independent writing of the public algorithm, and found by a reference layer."""

import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from sxrisk.crs import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    detect_offset,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    geodesic_distance_m,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from sxrisk.errors import CRSError


def public_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """The public algorithm term by term, one place at a time."""
    x, y = lon - 105.0, lat - 35.0

    def waves(*terms: tuple[float, float]) -> float:
        return sum(height * math.sin(angle * math.pi) for height, angle in terms) * 2.0 / 3.0

    both = waves((20.0, 6.0 * x), (20.0, 2.0 * x))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + both
    north += waves((20.0, y), (40.0, y / 3.0)) + waves((160.0, y / 12.0), (320.0, y / 30.0))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + both
    east += waves((20.0, x), (40.0, x / 3.0)) + waves((150.0, x / 12.0), (300.0, x / 30.0))
    a, ee = 6378245.0, 0.00669342162296594323
    phi = math.radians(lat)
    magic = 1.0 - ee * math.sin(phi) ** 2
    d_lat = north * 180.0 / ((a * (1.0 - ee)) / (magic * math.sqrt(magic)) * math.pi)
    d_lon = east * 180.0 / (a / math.sqrt(magic) * math.cos(phi) * math.pi)
    return lon + d_lon, lat + d_lat


def public_bd09(lon: float, lat: float) -> tuple[float, float]:
    x_pi = math.pi * 3000.0 / 180.0
    z = math.sqrt(lon * lon + lat * lat) + 0.00002 * math.sin(lat * x_pi)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * x_pi)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


@pytest.fixture(scope="module")
def china() -> tuple[np.ndarray, np.ndarray]:
    """A grid over China, its steps of no round number."""
    lon, lat = np.meshgrid(np.arange(73.61, 135.0, 0.737), np.arange(18.23, 53.6, 0.531))
    return lon.ravel(), lat.ravel()


def test_the_public_algorithm_over_china(china: tuple[np.ndarray, np.ndarray]) -> None:
    lon, lat = china
    gcj = np.array([public_gcj02(*place) for place in zip(lon, lat, strict=True)])
    assert geodesic_distance_m(*wgs84_to_gcj02(lon, lat), *gcj.T).max() < 1e-3
    bd = np.array([public_bd09(*place) for place in gcj])
    assert geodesic_distance_m(*gcj02_to_bd09(*gcj.T), *bd.T).max() < 1e-3
    assert geodesic_distance_m(*wgs84_to_bd09(lon, lat), *bd.T).max() < 1e-3
    # Back from the public algorithm's own coordinates.
    assert geodesic_distance_m(*gcj02_to_wgs84(*gcj.T), lon, lat).max() < 1e-3
    assert geodesic_distance_m(*bd09_to_wgs84(*bd.T), lon, lat).max() < 1e-3


def test_the_inverses_return_over_china(china: tuple[np.ndarray, np.ndarray]) -> None:
    lon, lat = china
    assert geodesic_distance_m(*gcj02_to_wgs84(*wgs84_to_gcj02(lon, lat)), lon, lat).max() < 1e-5
    assert geodesic_distance_m(*wgs84_to_gcj02(*gcj02_to_wgs84(lon, lat)), lon, lat).max() < 1e-5
    assert geodesic_distance_m(*bd09_to_gcj02(*gcj02_to_bd09(lon, lat)), lon, lat).max() < 1e-5


OFFSETS = {"cgcs2000": lambda lon, lat: (lon, lat), "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}


def network(rng: np.random.Generator, count: int = 60) -> list[shapely.LineString]:
    """Winding roads across half a degree."""
    lines = []
    for start in rng.uniform([112.0, 37.0], [112.5, 37.5], (count, 2)):
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 12))
        steps = 0.005 * np.column_stack([np.cos(turns), np.sin(turns)])
        lines.append(shapely.LineString(np.vstack([start, start + np.cumsum(steps, axis=0)])))
    return lines


def frame(lines: list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=lines, crs=4490)


@pytest.mark.parametrize("system", OFFSETS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_part_of_a_network_surveyed_to_thirty_metres_is_recognised(system: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = network(rng)
    noisy = [shapely.transform(line, lambda xy: xy + rng.normal(0, 0.0003, xy.shape)) for line in true[:20]]
    moved = [shapely.transform(line, lambda xy: np.column_stack(OFFSETS[system](*xy.T))) for line in noisy]
    guess = detect_offset(frame(moved), frame(true))
    assert guess.system == system
    assert guess.probability > 0.99 and not guess.reason
    assert guess.misfit_m[system] < 40 and guess.misfit_m[system] == min(guess.misfit_m.values())
    assert guess.basis == "lines" and guess.n > 200
    assert f"{system}, probability 0.99" in guess.told()


def test_what_has_nothing_to_do_with_the_reference_is_unknown() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        assert detect_offset(frame(network(rng)), frame(network(rng))).system == "unknown"


@pytest.mark.parametrize("shift_m", [220, 300])
def test_a_shift_that_no_web_map_makes_is_unknown(shift_m: float) -> None:
    rng = np.random.default_rng(5)
    true = network(rng)
    moved = [shapely.transform(line, lambda xy: xy + np.array([0.0, shift_m / 111_000])) for line in true[:25]]
    guess = detect_offset(frame(moved), frame(true))
    assert guess.system == "unknown"
    assert "as no web map does" in guess.reason or "no system fits clearly" in guess.reason


def test_a_legacy_shift_is_told_beside_the_answer() -> None:
    rng = np.random.default_rng(6)
    true = network(rng)
    moved = [shapely.transform(line, lambda xy: xy + np.array([100 / 88_700, 0.0])) for line in true[:25]]
    guess = detect_offset(frame(moved), frame(true))
    assert guess.system == "cgcs2000"
    assert guess.left_m == pytest.approx((-100, 0), abs=15)


def test_places_of_one_name_and_too_few_of_them() -> None:
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform([112, 37], [113, 38], (40, 2)).T
    names = [f"村{at}" for at in range(40)]
    true = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(lon, lat), crs=4490)
    web = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(*wgs84_to_bd09(lon, lat)), crs=4490)
    # A third of the names stand for other villages far away.
    web.loc[:12, "geometry"] = gpd.points_from_xy(*rng.uniform([112, 37], [113, 38], (13, 2)).T)
    guess = detect_offset(web.sample(frac=1.0, random_state=1), true)
    assert (guess.system, guess.basis) == ("bd09", "names")
    few = detect_offset(web.iloc[20:24], true.iloc[20:24])
    assert few.system == "unknown" and few.reason == "too few places to compare"
    assert detect_offset(web.assign(name="村"), true).system == "unknown"


def test_few_regions_are_never_sure() -> None:
    line = shapely.segmentize(shapely.LineString([(112.0, 37.0), (112.002, 37.0), (112.002, 37.002)]), 0.0001)
    guess = detect_offset(frame([line]), frame([line]))
    assert guess.system == "unknown" and guess.probability <= 0.5


def test_both_must_be_in_degrees() -> None:
    line = frame([shapely.LineString([(112, 37), (113, 38)])])
    with pytest.raises(CRSError, match="the reference is not in degrees"):
        detect_offset(line, line.to_crs(4547))


def test_the_cities_of_a_real_web_map(shared_data: Path) -> None:
    folder = shared_data / "boundaries"
    web = gpd.read_file(folder / "shanxi_cities_gcj02_echarts4.geojson").set_crs(4490, allow_override=True)
    true = gpd.read_file(folder / "shanxi_tianditu_city.geojson").set_crs(4490, allow_override=True)
    districts = gpd.read_file(folder / "shanxi_tianditu_district.geojson").set_crs(4490, allow_override=True)
    guess = detect_offset(web, true)
    assert guess.system == "gcj02" and guess.probability > 0.99
    assert guess.misfit_m["gcj02"] < 200 < 400 < guess.misfit_m["cgcs2000"]
    assert detect_offset(districts, true).system == "cgcs2000"


def test_pipelines_good_to_kilometres_fit_nothing(shared_data: Path) -> None:
    coarse = gpd.read_file(shared_data / "pipelines" / "shanxi_gem_pipelines.geojson").set_crs(
        4490, allow_override=True
    )
    true = gpd.read_file(shared_data / "boundaries" / "shanxi_tianditu_district.geojson").set_crs(
        4490, allow_override=True
    )
    assert detect_offset(coarse, true).system == "unknown"
