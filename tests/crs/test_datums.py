"""Legacy datums and mine grids by 3, 4 and 7 parameters: published examples, round trips, control points."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from sxrisk.crs import (
    Datum,
    crs_source,
    fit_helmert4,
    geodesic_distance_m,
    geographic_transform,
    is_gauss_kruger,
    parse_crs,
    plan_transform,
    to_geographic,
)
from sxrisk.errors import CRSError, ParameterError

SEVEN = {
    "source": "EPSG:4610", "dx_m": 112.4, "dy_m": -31.7, "dz_m": 8.25, "rx_arcsec": 0.61, "ry_arcsec": -1.2,
    "rz_arcsec": 2.05, "scale_ppm": -3.1,
}  # fmt: skip
GRID = Datum("grid", "helmert4", 0.03, target="EPSG:4547", d_east_m=412_345.678, d_north_m=4_098_765.432,
             rotation_arcsec=7_321.5, scale_ppm=-221.0)  # fmt: skip


def dms(degrees: float, minutes: float, seconds: float) -> float:
    return degrees + minutes / 60 + seconds / 3600


def test_the_geocentric_shift_of_the_epsg_guidance_note() -> None:
    # IOGP 373-7-2, example of method 1031: WGS 84 to ED50 near the North Sea; its height of 73 m moves it by < 1 mm.
    shift = Datum("ED50", "shift3", 0, source="EPSG:4326", target="EPSG:4230", dx_m=84.87, dy_m=96.49, dz_m=116.95)
    lon, lat = shift.to_target(dms(2, 7, 46.38), dms(53, 48, 33.82))
    assert lon == pytest.approx(dms(2, 7, 51.477), abs=0.002 / 3600)
    assert lat == pytest.approx(dms(53, 48, 36.565), abs=0.002 / 3600)


def test_the_seven_parameters_of_the_epsg_guidance_note() -> None:
    # IOGP 373-7-2, example of methods 1032 and 1033: WGS 72 to WGS 84, X, Y, Z given for both ends.
    lon, lat, _ = Transformer.from_crs(4984, 4985, always_xy=True).transform(3657660.66, 255768.55, 5201382.11)
    lon84, lat84, _ = Transformer.from_crs(4978, 4979, always_xy=True).transform(3657660.78, 255778.43, 5201387.75)
    given = {"source": "EPSG:4322", "target": "EPSG:4326", "dx_m": 0.0, "dy_m": 0.0, "dz_m": 4.5, "rx_arcsec": 0.0,
             "ry_arcsec": 0.0, "scale_ppm": 0.219}  # fmt: skip
    for convention, rz in (("position_vector", 0.554), ("coordinate_frame", -0.554)):
        datum = Datum("WGS 72", "helmert7", 0, rz_arcsec=rz, convention=convention, **given)
        found = datum.to_target(lon, lat)
        # The note rounds to 1 cm.
        assert geodesic_distance_m(*found, lon84, lat84) < 0.02


@given(st.floats(110, 115), st.floats(34.5, 40.8))
@settings(max_examples=50, deadline=None)
def test_seven_parameters_are_the_matrix_of_the_textbook(lon: float, lat: float) -> None:
    datum = Datum("mine", "helmert7", 0.1, convention="position_vector", **SEVEN)
    a, rf = 6378140.0, 298.257
    e2 = (2 - 1 / rf) / rf
    phi, lam = np.radians([lat, lon])
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    xyz = np.array([n * np.cos(phi) * np.cos(lam), n * np.cos(phi) * np.sin(lam), n * (1 - e2) * np.sin(phi)])
    rx, ry, rz = np.radians(np.array([SEVEN["rx_arcsec"], SEVEN["ry_arcsec"], SEVEN["rz_arcsec"]]) / 3600)
    turn = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    x, y, z = [SEVEN["dx_m"], SEVEN["dy_m"], SEVEN["dz_m"]] + (1 + SEVEN["scale_ppm"] * 1e-6) * turn @ xyz
    there = Transformer.from_crs(4479, 4490, always_xy=True).transform(x, y, z)
    found = datum.to_target(lon, lat)
    assert geodesic_distance_m(*found, there[0], there[1]) < 1e-4
    # With the other convention the place is metres away: the sign must be asked for.
    other = replace(datum, convention="coordinate_frame").to_target(lon, lat)
    assert geodesic_distance_m(*found, *other) > 10


def test_the_projection_of_the_legacy_system_is_undone_first() -> None:
    plane = Datum("Xian 80 / 3-degree CM 114", "helmert7", 0.1, convention="position_vector",
                  **{**SEVEN, "source": "EPSG:2383"})  # fmt: skip
    degrees = Datum("Xian 80", "helmert7", 0.1, convention="position_vector", **SEVEN)
    lon, lat = np.array([112.9, 113.7]), np.array([37.2, 39.4])
    east, north = Transformer.from_crs(4610, 2383, always_xy=True).transform(lon, lat)
    assert geodesic_distance_m(*plane.to_target(east, north), *degrees.to_target(lon, lat)).max() < 1e-5
    assert degrees.is_geographic and not plane.is_geographic


@given(st.floats(-20_000, 20_000), st.floats(-20_000, 20_000))
@settings(max_examples=50, deadline=None)
def test_four_parameters_go_there_and_back(east: float, north: float) -> None:
    there = [float(value) for value in GRID.to_target(east, north)]
    angle, k = np.radians(GRID.rotation_arcsec / 3600), 1 + GRID.scale_ppm / 1e6
    de, dn = there[0] - GRID.d_east_m, there[1] - GRID.d_north_m
    back = np.array([np.cos(angle) * de - np.sin(angle) * dn, np.sin(angle) * de + np.cos(angle) * dn]) / k
    assert back == pytest.approx([east, north], abs=1e-6)
    lon, lat = geographic_transform(GRID)(east, north)
    assert plan_transform(GRID, "EPSG:4547")(east, north) == pytest.approx(there, abs=1e-6)
    again = Transformer.from_crs(4490, 4547, always_xy=True).transform(lon, lat)
    assert again == pytest.approx(there, abs=1e-6)


def test_the_angle_turns_from_north_to_east() -> None:
    quarter = replace(GRID, rotation_arcsec=90 * 3600.0, scale_ppm=0.0, d_east_m=500_000.0, d_north_m=4_000_000.0)
    assert quarter.to_target(0.0, 100.0) == pytest.approx((500_100.0, 4_000_000.0))


def test_control_points_give_the_parameters_back() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-5_000, 5_000, (12, 2))
    fit = fit_helmert4(np.column_stack([points, *GRID.to_target(*points.T)]))
    assert fit.rms_m < 1e-6
    for name in ("d_east_m", "d_north_m", "rotation_arcsec", "scale_ppm"):
        assert getattr(fit, name) == pytest.approx(getattr(GRID, name), abs=1e-5)
    assert fit.datum("grid", "EPSG:4547").to_target(100.0, 200.0) == pytest.approx(GRID.to_target(100.0, 200.0))


def test_residuals_tell_the_accuracy_and_two_points_do_not() -> None:
    rng = np.random.default_rng(4)
    points = rng.uniform(-5_000, 5_000, (400, 2))
    true = np.column_stack(GRID.to_target(*points.T))
    fit = fit_helmert4(np.column_stack([points, true + rng.normal(0, 0.05, true.shape)]))
    assert fit.sigma_m == pytest.approx(0.05, rel=0.1)
    assert fit.residuals_m.shape == (400, 2)
    two = fit_helmert4(np.column_stack([points[:2], true[:2]]))
    assert two.rms_m < 1e-6 and np.isnan(two.sigma_m)
    with pytest.raises(ParameterError, match="sigma_m is nan"):
        two.datum("grid", "EPSG:4547")


@pytest.mark.parametrize(
    ("control", "message"),
    [
        ([[0, 0, 1, 1]], "shape \\(1, 4\\)"),
        ([[0, 0, 5, 5], [0, 0, 5, 5]], "stand at one place"),
        ([[0, 0, 0, np.nan], [1, 1, 1, 1]], "all finite"),
        ([[0, 0, 0, 0], [1000, 0, 0, 1], [0, 1000, 1, 0]], "give a scale of"),
    ],
)
def test_control_points_that_cannot_be_used(control: list[list[float]], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        fit_helmert4(control)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"convention": None}, ParameterError, "helmert7 lacks convention"),
        ({"convention": "bursa"}, ParameterError, "expected position_vector or coordinate_frame"),
        ({"rz_arcsec": None, "scale_ppm": None}, ParameterError, "lacks rz_arcsec, scale_ppm"),
        ({"rotation_arcsec": 1.0}, ParameterError, "rotation_arcsec is no parameter of helmert7"),
        ({"dx_m": 112_400.0}, ParameterError, "dx_m is 112400"),
        ({"rx_arcsec": 200.0}, ParameterError, "expected a number, 60 at most"),
        ({"sigma_m": -1.0}, ParameterError, "sigma_m is -1"),
        ({"sigma_m": float("nan")}, ParameterError, "sigma_m is nan"),
        ({"method": "affine"}, ParameterError, "'affine' is no method"),
        ({"source": "nowhere"}, CRSError, "'nowhere' is no coordinate system"),
        ({"source": "EPSG:4479"}, CRSError, "cannot stand here"),
        ({"source": "EPSG:27572"}, CRSError, "Greenwich"),
        ({"target": "EPSG:4547"}, CRSError, "expected a geographic CRS"),
    ],
)
def test_parameters_that_cannot_be_used(changes: dict, error: type[Exception], message: str) -> None:
    given = {"name": "x", "method": "helmert7", "sigma_m": 0.1, "convention": "position_vector", **SEVEN, **changes}
    with pytest.raises(error, match=message):
        Datum(**given)


def test_a_datum_is_a_system_that_layers_can_be_in() -> None:
    assert parse_crs(GRID) is GRID
    assert crs_source(GRID) == "local" and not is_gauss_kruger(GRID)
    line = shapely.LineString([(0, 0), (60_000, 20_000)])
    dense = to_geographic(gpd.GeoDataFrame(geometry=[line]), GRID)
    assert dense.crs == CRS(4490)
    # A straight line of a tilted grid is straight in its zone, and bent in degrees: it was cut into pieces.
    assert shapely.get_num_coordinates(dense.geometry.iloc[0]) > 50
    with pytest.raises(CRSError, match="nothing is transformed to Datum"):
        plan_transform("EPSG:4547", GRID)


def test_legacy_datums_stay_refused_and_say_how_to_give_parameters() -> None:
    with pytest.raises(CRSError, match=r"legacy datum.*\[datums.NAME\] in the project file"):
        parse_crs("EPSG:4610")
    with pytest.raises(CRSError, match="names a datum of a project file"):
        parse_crs("datum:mine")
