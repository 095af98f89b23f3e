"""Zones of individual risk as a layer: what is usable is added up, the rest is left out."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import Point

from sxrisk.reach import RISK_ZONE, individual_risk_zones


def scenarios(**columns: list[float]) -> gpd.GeoDataFrame:
    values = {
        "frequency_per_year": [1e-4, 1e-4],
        "radius_lethality_90_m": [50.0, 50.0],
        "radius_lethality_50_m": [100.0, 100.0],
        "radius_lethality_10_m": [200.0, 200.0],
        **columns,
    }
    return gpd.GeoDataFrame(values, geometry=[Point(112.5, 37.5), Point(112.5, 37.5)], crs=4490)


def test_two_releases_at_one_place_double_the_risk() -> None:
    # 2e-4 a year times 10 % at 200 m.
    zone = individual_risk_zones(scenarios(), [2e-5]).iloc[0]
    assert zone["kind"] == RISK_ZONE
    assert zone["scenarios"] == 2
    assert np.sqrt(zone["area_m2"] / np.pi) == pytest.approx(200.0, rel=0.005)


@pytest.mark.parametrize(
    "broken",
    [
        {"frequency_per_year": [1e-4, float("nan")]},
        {"frequency_per_year": [1e-4, 0.0]},
        {"radius_lethality_50_m": [100.0, 20.0]},
    ],
)
def test_an_unusable_scenario_is_left_out(broken: dict[str, list[float]]) -> None:
    zone = individual_risk_zones(scenarios(**broken), [1e-5]).iloc[0]
    assert zone["scenarios"] == 1
    assert np.sqrt(zone["area_m2"] / np.pi) == pytest.approx(200.0, rel=0.005)


def test_nothing_usable_gives_an_empty_layer() -> None:
    none = scenarios(frequency_per_year=[0.0, 0.0])
    assert individual_risk_zones(none, [1e-5]).empty
    assert individual_risk_zones(none.iloc[:0], [1e-5]).crs == 4490
    assert individual_risk_zones(gpd.GeoDataFrame({"kind": []}, geometry=[], crs=4490), [1e-5]).empty
