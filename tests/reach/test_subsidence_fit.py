"""Fitting, boundaries and time of subsidence: known parameters come back, what cannot be known is said."""

import numpy as np
import pytest
import shapely
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.reach.subsidence import (
    Panel,
    RockParameters,
    collapse_zone,
    fit_rock,
    movement_boundary,
    subsidence_at,
    subsidence_basin,
    surface_points,
    terrain_boundary,
)

TRUE = RockParameters(q=0.68, tan_beta=2.1, b=0.27, inflection_offset_m=14.0)
GUESS = RockParameters(q=0.5, tan_beta=1.6, b=0.2, inflection_offset_m=0.0)
OUTLINE = shapely.box(0, 0, 500, 420)


def panel(rock: RockParameters) -> Panel:
    return Panel(outline=OUTLINE, depth_m=250.0, thickness_m=3.5, rock=rock)


def lines() -> np.ndarray:
    """Levelling points every 15 m on the two main sections."""
    along = np.arange(-200.0, 720.0, 15.0)
    return np.vstack(
        [np.column_stack([along, np.full(len(along), 210.0)]), np.column_stack([np.full(len(along), 250.0), along])]
    )


def test_known_parameters_come_back_within_their_errors() -> None:
    rng = np.random.default_rng(4)
    truth = subsidence_at([panel(TRUE)], lines())
    noise = 5.0
    measured = truth["subsidence_mm"] + rng.normal(0, noise, len(truth))
    moved = truth[["displacement_x_mm", "displacement_y_mm"]] + rng.normal(0, noise, (len(truth), 2))
    fit = fit_rock([panel(GUESS)], lines(), measured, displacement_mm=moved, sigma_mm=noise)
    table = fit.table.set_index("parameter")
    for name in fit.names:
        assert abs(table.loc[name, "value"] - getattr(TRUE, name)) < 3.5 * table.loc[name, "sigma"], name
    assert fit.undetermined == ()
    assert fit.rms_mm == pytest.approx(noise, rel=0.15)


def test_errors_are_as_large_as_they_are_said_to_be() -> None:
    truth = subsidence_at([panel(TRUE)], lines())["subsidence_mm"].to_numpy()
    off = []
    for seed in range(24):
        noise = np.random.default_rng(seed).normal(0, 10.0, len(truth))
        fit = fit_rock([panel(GUESS)], lines(), truth + noise, sigma_mm=10.0)
        error = fit.table["value"].to_numpy() - [getattr(TRUE, name) for name in fit.names]
        off.append(error @ np.linalg.solve(fit.covariance, error))
    # Squared distances in units of the covariance: chi-square with three degrees of freedom, mean 3.
    assert 1.8 < np.mean(off) < 4.4


def test_what_the_data_cannot_tell_is_said() -> None:
    middle = np.column_stack([np.linspace(200, 300, 12), np.full(12, 210.0)])
    seen = subsidence_at([panel(TRUE)], middle)["subsidence_mm"] + np.random.default_rng(0).normal(0, 5.0, 12)
    # Points above the middle know the depth of the basin, not its slope.
    assert fit_rock([panel(GUESS)], middle, seen, sigma_mm=5.0).undetermined != ()
    fit = fit_rock([panel(TRUE)], middle, seen, sigma_mm=5.0, fixed=("tan_beta", "inflection_offset_m"))
    assert fit.names == ("q",)
    assert fit.undetermined == ()
    assert fit.rock.q == pytest.approx(0.68, abs=0.01)
    with pytest.raises(GeometryError, match="2 measured values for 3 parameters"):
        fit_rock([panel(GUESS)], middle[:2], [1.0, 2.0])
    with pytest.raises(GeometryError, match="no point lies within reach"):
        fit_rock([panel(GUESS)], middle + 9000.0, seen)
    with pytest.raises(ParameterError, match="'beta' is no parameter"):
        fit_rock([panel(GUESS)], middle, seen, fixed=("beta",))


def test_a_measured_difference_surface_gives_the_parameters_back_with_honest_errors() -> None:
    basin = subsidence_basin([panel(TRUE)], 10.0, bounds=(-250, -250, 750, 670))
    rng = np.random.default_rng(7)
    # Errors of 60 mm that are alike over 40 m, as registration and interpolation leave them.
    shape = basin["subsidence_mm"].shape
    coarse = rng.normal(0.0, 60.0, (shape[0] // 4 + 1, shape[1] // 4 + 1))
    noise = np.kron(coarse, np.ones((4, 4)))[: shape[0], : shape[1]]
    difference = -(basin["subsidence_mm"] + noise) / 1000.0
    dump = shapely.box(300, 200, 420, 320)
    x, y = np.meshgrid(basin["x"], basin["y"])
    difference = difference.where(~shapely.contains_xy(dump, x, y), 12.0).where(x > -200)
    places, down = surface_points(difference, 40.0, outside=dump)
    assert len(places) < 0.08 * difference.size
    fit = fit_rock([panel(GUESS)], places, down)
    table = fit.table.set_index("parameter")
    for name in fit.names:
        assert abs(table.loc[name, "value"] - getattr(TRUE, name)) < 3.5 * table.loc[name, "sigma"], name
    # Every cell taken for itself claims errors several times smaller.
    crowded = fit_rock([panel(GUESS)], *surface_points(difference, 10.0, outside=dump)).table.set_index("parameter")
    assert (crowded["sigma"] < 0.5 * table["sigma"]).all()
    with pytest.raises(GeometryError, match="no known cell"):
        surface_points(difference * np.nan, 40.0)


def test_boundaries_by_limits_lie_where_the_closed_form_says() -> None:
    rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3)
    one = Panel(outline=shapely.box(0, 0, 900, 900), depth_m=200.0, thickness_m=3.0, rock=rock)
    basin = subsidence_basin([one], 4.0, crs="EPSG:4547")
    zones = movement_boundary(basin, {"subsidence_mm": 10.0, "tilt": 3.0, "strain": 2.0, "curvature": 999.0}).set_index(
        "layer"
    )
    middle = shapely.LineString([(450, 450), (2000, 450)])

    def reach(name: str) -> float:
        return zones.geometry[name].intersection(middle).bounds[2] - 900

    # r = 100 m, W0 = 2100 mm.
    assert reach("subsidence_mm") == pytest.approx(103.5, abs=0.5)
    assert reach("tilt") == pytest.approx(100 * np.sqrt(np.log(21.0 / 3.0) / np.pi), abs=0.3)
    d = np.linspace(40, 120, 8001)
    strain = 0.3 * 100 * 2 * np.pi * 2100 / 100**3 * d * np.exp(-np.pi * d**2 / 100**2)
    assert reach("strain") == pytest.approx(d[np.flatnonzero(strain >= 2.0)[-1]], abs=0.3)
    assert zones.geometry["curvature"].is_empty
    assert zones.crs.to_epsg() == 4547
    # The flat middle of a supercritical panel is not strained.
    assert not zones.geometry["strain"].contains(shapely.Point(450, 450))


def terrain(height: object) -> xr.DataArray:
    x = np.arange(-600.0, 1100.0, 5.0)
    grid_x, grid_y = np.meshgrid(x, x[::-1])
    return xr.DataArray(height(grid_x, grid_y), dims=("y", "x"), coords={"y": x[::-1], "x": x})


def test_lines_come_out_of_flat_and_sloping_ground_where_geometry_says() -> None:
    goaf = shapely.box(0, 0, 400, 400)
    flat = terrain(lambda x, y: np.full(x.shape, 900.0))
    zone = terrain_boundary(goaf, 700.0, 60.0, flat)
    reach = 200.0 / np.tan(np.radians(60))
    np.testing.assert_allclose(zone.bounds, [-reach, -reach, 400 + reach, 400 + reach], atol=0.5)
    # Ground that rises eastward by a fifth: the line comes out farther on the high side.
    sloping = terrain_boundary(goaf, 700.0, 60.0, terrain(lambda x, y: 900.0 + 0.2 * x))
    rise = np.tan(np.radians(60))
    assert sloping.bounds[2] - 400 == pytest.approx(280.0 / (rise - 0.2), abs=0.5)
    assert -sloping.bounds[0] == pytest.approx(200.0 / (rise + 0.2), abs=0.5)
    assert terrain_boundary(goaf, 700.0, 90.0, flat).equals(goaf)
    # A seam that goes down to the east by a tenth: lines start lower there and come out farther.
    dipping = terrain_boundary(goaf, 700.0, 60.0, flat, dip_deg=np.degrees(np.arctan(0.1)), dip_azimuth_deg=90.0)
    assert dipping.bounds[2] - 400 == pytest.approx(220.0 / rise, abs=0.5)
    assert -dipping.bounds[0] == pytest.approx(180.0 / rise, abs=0.5)
    with pytest.raises(GeometryError, match="stands above the terrain"):
        terrain_boundary(goaf, 950.0, 60.0, flat)
    with pytest.raises(GeometryError, match="does not come out inside the terrain"):
        terrain_boundary(goaf, 100.0, 30.0, flat)


def test_a_collapse_zone_reaches_depth_times_the_cotangent() -> None:
    assert collapse_zone(shapely.Point(0, 0).buffer(1.0), 30.0, 60.0).bounds[2] == pytest.approx(
        1 + 30 / np.sqrt(3), abs=1e-3
    )
    with pytest.raises(ParameterError, match="caving angle 0"):
        collapse_zone(shapely.box(0, 0, 1, 1), 30.0, 0.0)
