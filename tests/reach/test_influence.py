"""Zones of ground movement beside goafs."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from sxrisk.crs import GEOD, local_metric
from sxrisk.errors import ParameterError
from sxrisk.reach import goaf_influence, influence_offset_m

LON, LAT = 113.1, 36.9
TM = local_metric(LON, LAT)


def goafs(**columns) -> gpd.GeoDataFrame:
    ring = [TM.transform(x, y, direction="INVERSE") for x, y in ((0, 0), (200, 0), (200, 100), (0, 100))]
    shapes = [shapely.Polygon(ring)] * len(columns["depth_m"])
    return gpd.GeoDataFrame({"id": [f"G{k}" for k in range(len(shapes))], **columns}, geometry=shapes, crs=4490)


def test_offset_by_hand():
    assert influence_offset_m(100.0, 90.0) == pytest.approx(0.0, abs=1e-9)
    assert influence_offset_m(120.0, 72.0) == pytest.approx(120.0 / np.tan(np.radians(72.0)), abs=1e-8)
    # 40 m of loess at 45 degrees and 60 m of rock at 60 degrees: 40 + 60 / sqrt(3).
    assert influence_offset_m(100.0, 60.0, loose_layer_m=40.0, loose_angle_deg=45.0) == pytest.approx(
        74.64102, abs=1e-5
    )


def test_area_of_the_zone_in_closed_form():
    found = goaf_influence(goafs(depth_m=[100.0], depth_sigma_m=[3.0]), 60.0)
    reach = 100.0 / np.sqrt(3.0)
    row = found.iloc[0]
    assert row.value == pytest.approx(reach)
    assert row.sigma == pytest.approx(3.0 / np.sqrt(3.0))
    area = abs(GEOD.geometry_area_perimeter(row.geometry)[0])
    assert area == pytest.approx(200 * 100 + 2 * 300 * reach + np.pi * reach**2, rel=2e-4)
    corner = TM.transform(-reach * 0.99, 50.0, direction="INVERSE")
    assert row.geometry.contains(shapely.Point(corner))


def test_angles_by_id_and_what_is_missing():
    found = goaf_influence(goafs(depth_m=[100.0, 100.0, np.nan]), {"G0": 70.0, "G2": 70.0}).set_index("subject_id")
    assert np.isfinite(found.loc["G0", "value"])
    assert found["method"].to_dict() == {
        "G0": "movement_angle",
        "G1": "movement_angle_not_given",
        "G2": "depth_missing",
    }
    assert found["value"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (({"depth_m": -1.0, "movement_angle_deg": 70.0}), "depth is -1.0 m"),
        (({"depth_m": 50.0, "movement_angle_deg": 0.0}), "angle is 0.0 degrees"),
        (({"depth_m": 50.0, "movement_angle_deg": 91.0}), "angle is 91.0 degrees"),
        (({"depth_m": 50.0, "movement_angle_deg": 70.0, "loose_layer_m": 60.0}), "60.0 m thick"),
        (({"depth_m": 50.0, "movement_angle_deg": 70.0, "loose_layer_m": 10.0}), "angle of the loose layer is missing"),
    ],
)
def test_bad_input(arguments, text):
    with pytest.raises(ParameterError, match=text):
        influence_offset_m(**arguments)
