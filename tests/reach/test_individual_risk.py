"""Individual risk: the curve through the radii, and contours that are circles."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.crs import GEOD
from sxrisk.errors import CRSError, MissingFieldError, ParameterError
from sxrisk.reach import LethalityCurve, individual_risk_contours

RADII = {"radius_lethality_90_m": 60.0, "radius_lethality_50_m": 100.0, "radius_lethality_10_m": 250.0}


def scenarios(*places, frequency=1e-4, **radii):
    count = len(places)
    columns = {name: [value] * count for name, value in {**RADII, **radii}.items()}
    return gpd.GeoDataFrame({"frequency_per_year": [frequency] * count, **columns}, geometry=list(places), crs=4490)


def test_curve_goes_through_its_radii_and_never_rises():
    curve = LethalityCurve.of(60.0, 100.0, 250.0)
    np.testing.assert_allclose(curve.lethality([60.0, 100.0, 250.0]), [0.9, 0.5, 0.1], rtol=1e-12)
    distance = np.geomspace(0.01, 5000, 4000)
    assert (np.diff(curve.lethality(distance)) <= 0).all()
    assert curve.lethality(0.0) == pytest.approx(1.0)
    assert curve.lethality(curve.reach_m) == pytest.approx(0.01)
    assert curve.lethality(curve.reach_m * 1.001) == 0.0
    # Half way in the logarithm the probit is half way: between 0 and -1.2816 lies -0.6408, which 26.1 % die at.
    assert curve.lethality(np.sqrt(100.0 * 250.0)) == pytest.approx(0.2608, abs=1e-4)


def test_two_radii_are_enough_one_is_not():
    assert LethalityCurve.of(0.0, 100.0, 200.0).lethality(200.0) == pytest.approx(0.1)
    assert LethalityCurve.of(50.0, np.nan, 200.0).lethality(50.0) == pytest.approx(0.9)
    assert LethalityCurve.of(0.0, 0.0, 200.0) is None
    assert LethalityCurve.of(100.0, 100.0, 200.0) is None


def test_contours_of_one_scenario_are_circles_through_its_radii():
    # Frequency 1e-4: 9e-5, 5e-5 and 1e-5 a year are met at the three radii.
    found = individual_risk_contours(scenarios(shapely.Point(112.5, 37.5)), [1e-5, 9e-5, 5e-5])
    assert found["level_per_year"].tolist() == [9e-5, 5e-5, 1e-5]
    for row, radius in zip(found.itertuples(), (60.0, 100.0, 250.0), strict=True):
        lon, lat = shapely.get_coordinates(row.geometry).T
        reach = GEOD.inv(np.full(len(lon), 112.5), np.full(len(lon), 37.5), lon, lat)[2]
        np.testing.assert_allclose(reach, radius, atol=1.5)
        assert row.area_m2 == pytest.approx(np.pi * radius**2, rel=0.02)


def test_two_scenarios_add_up_and_a_level_never_reached_has_no_row():
    place = shapely.Point(112.5, 37.5)
    found = individual_risk_contours(scenarios(place, place), [1e-3, 1e-4])
    # Twice 1e-4 at 50 % lethality.
    assert found["level_per_year"].tolist() == [1e-4]
    assert np.sqrt(found["area_m2"].iloc[0] / np.pi) == pytest.approx(100.0, abs=1.5)


SMALL = {"radius_lethality_90_m": 4.0, "radius_lethality_50_m": 8.0, "radius_lethality_10_m": 16.0}


def test_small_scenarios_keep_their_size_however_far_apart():
    # Half of 1e-4 a year is met at 8 m: 201.06 m2 each.
    one = individual_risk_contours(scenarios(shapely.Point(112.5, 37.5), **SMALL), [5e-5])
    two = individual_risk_contours(scenarios(shapely.Point(112.5, 37.5), shapely.Point(112.6, 37.5), **SMALL), [5e-5])
    assert one["area_m2"].item() == pytest.approx(np.pi * 64.0, rel=0.005)
    assert two["area_m2"].item() == pytest.approx(2 * np.pi * 64.0, rel=0.005)
    assert len(two.geometry.item().geoms) == 2


def test_a_small_scenario_within_the_reach_of_a_large_one():
    # The large one adds 1e-8 x 0.9 or less to the small one's 5e-5 at 8 m.
    place, large = shapely.Point(112.5, 37.5), scenarios(shapely.Point(112.51, 37.5), frequency=1e-8)
    large[list(RADII)] = [[1500.0, 2500.0, 5000.0]]
    both = pd.concat([scenarios(place, **SMALL), large], ignore_index=True)
    found = individual_risk_contours(both, [5e-5, 5e-9]).set_index("level_per_year")["area_m2"]
    assert found[5e-5] == pytest.approx(np.pi * 64.0, rel=0.01)
    assert found[5e-9] == pytest.approx(np.pi * 2500.0**2, rel=0.005)


def test_a_release_along_a_line_has_a_strip():
    line = shapely.LineString([(112.5, 37.5), (112.5, 37.52)])
    area = individual_risk_contours(scenarios(line, **SMALL), [5e-5])["area_m2"].item()
    length = GEOD.geometry_length(line)
    assert area == pytest.approx(16.0 * length + np.pi * 64.0, rel=0.02)


def test_bad_input():
    good = scenarios(shapely.Point(112.5, 37.5))
    with pytest.raises(ParameterError, match="there are no scenarios"):
        individual_risk_contours(good.head(0), [1e-6])
    with pytest.raises(ParameterError, match="levels_per_year"):
        individual_risk_contours(good, [])
    with pytest.raises(MissingFieldError, match="frequency_per_year"):
        individual_risk_contours(good.drop(columns="frequency_per_year"), [1e-6])
    with pytest.raises(CRSError, match="no CRS"):
        individual_risk_contours(good.set_crs(None, allow_override=True), [1e-6])
    with pytest.raises(ParameterError, match="1 scenarios have no usable"):
        individual_risk_contours(scenarios(shapely.Point(112.5, 37.5), radius_lethality_50_m=20.0), [1e-6])
