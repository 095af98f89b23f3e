"""What lies below a pond: arrival along the path, straight distance, toe, coarse cells."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import shapely
import xarray as xr

from sxrisk.crs import GEOD, local_metric
from sxrisk.errors import CRSError, GeometryError, MissingFieldError, ParameterError
from sxrisk.reach import tailings_reach

LON, LAT = 112.5, 37.5
TM = local_metric(LON, LAT)


def valley(cell_m: float = 10.0) -> xr.DataArray:
    """A straight valley that falls to the east."""
    ticks = np.arange(-2500.0, 2500.0, cell_m) + cell_m / 2
    x, y = np.meshgrid(ticks, ticks[::-1])
    array = xr.DataArray(1000 - 0.05 * x + 0.002 * y**2, dims=("y", "x"), coords={"y": ticks[::-1], "x": ticks})
    return array.rio.write_crs(TM.target_crs.to_wkt())


def place(x: float, y: float) -> tuple[float, float]:
    return TM.transform(x, y, direction="INVERSE")


def box(x: float, y: float, side: float) -> shapely.Polygon:
    return shapely.Polygon([place(x, y), place(x + side, y), place(x + side, y + side), place(x, y + side)])


def pond(**columns) -> gpd.GeoDataFrame:
    base = {"id": ["W1"], "kind": "tailings_pond", "position_sigma_m": 0.0}
    return gpd.GeoDataFrame({**base, **columns}, geometry=[box(-300, -100, 200)], crs=4490)


def homes(*shapes, sigma: float = 0.0) -> gpd.GeoDataFrame:
    names = [f"C{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"id": names, "kind": "settlement", "position_sigma_m": sigma}, geometry=list(shapes), crs=4490
    )


def by(found: gpd.GeoDataFrame, metric: str) -> dict[str, float]:
    rows = found[found["metric"] == metric]
    return dict(zip(rows["object_id"], rows["value"], strict=True))


TOE = {"starter_dam_toe_lon": [place(-100, 0)[0]], "starter_dam_toe_lat": [place(-100, 0)[1]]}


def test_arrival_along_the_path_and_straight_distance():
    objects = homes(box(500, -20, 40), box(500, 60, 40), box(880, 30, 10), box(-600, -20, 40))
    found = tailings_reach(pond(**TOE), objects, valley(), corridor_half_width_m=50.0, length_m=1000.0)
    path = by(found, "flow_path_distance")
    assert set(path) == {"C0", "C2"}
    # The path meets the first house 50 m before its western wall, 600 m from the toe.
    assert path["C0"] == pytest.approx(550.0, abs=6.0)
    assert path["C2"] == pytest.approx(980.0 - 40.0, abs=8.0)
    straight = by(found, "straight_distance")
    assert set(straight) == {"C0", "C1", "C2", "C3"}
    assert straight["C0"] == pytest.approx(600.0, abs=1e-3)
    assert straight["C1"] == pytest.approx(np.hypot(600, 60), abs=1e-3)
    whole = found[found["metric"] == "flow_path_length"].iloc[0]
    assert whole.value == pytest.approx(1000.0 + 2 * np.hypot(5.0, 10.0), abs=0.1)
    row = found[found["metric"] == "flow_path_distance"].iloc[0]
    assert GEOD.geometry_length(row.geometry) == pytest.approx(row.value, abs=0.01)
    assert row.sigma == pytest.approx(np.hypot(5.0, 0.01 * row.value))
    assert found[found["metric"] == "toe_elevation"]["value"].iloc[0] == pytest.approx(1005.0, abs=0.3)


def test_path_is_not_shorter_than_the_straight_line_but_for_the_corridor():
    objects = homes(*(box(x, y, 15) for x in range(0, 800, 100) for y in (-40, 0, 30)))
    found = tailings_reach(pond(**TOE), objects, valley(), corridor_half_width_m=60.0, length_m=1000.0)
    path, straight = by(found, "flow_path_distance"), by(found, "straight_distance")
    assert len(path) > 15
    assert all(path[key] >= straight[key] - 60.0 - 5.0 for key in path)


def test_toe_as_text_or_lowest_point_of_the_outline():
    objects = homes(box(500, -20, 40))
    given = tailings_reach(
        pond(starter_dam_toe=[shapely.Point(place(-100, 0)).wkt]),
        objects,
        valley(),
        corridor_half_width_m=50.0,
        length_m=900.0,
    )
    lowest = tailings_reach(pond(), objects, valley(), corridor_half_width_m=50.0, length_m=900.0)
    assert given[given["metric"] == "toe_elevation"]["method"].iloc[0] == "toe_given"
    toe = lowest[lowest["metric"] == "toe_elevation"].iloc[0]
    assert toe.method == "toe_lowest_outline"
    x, y = TM.transform(toe.geometry.x, toe.geometry.y)
    assert x == pytest.approx(-100.0, abs=0.1)
    assert abs(y) < 15.0
    assert by(lowest, "flow_path_distance")["C0"] == pytest.approx(by(given, "flow_path_distance")["C0"], abs=15.0)


def test_coarse_cells_trace_no_path_and_say_so():
    objects = homes(box(500, -20, 40))
    for cell_m, traced in ((31.0, True), (40.0, False)):
        found = tailings_reach(pond(**TOE), objects, valley(cell_m), corridor_half_width_m=50.0, length_m=1000.0)
        whole = found[found["metric"] == "flow_path_length"].iloc[0]
        assert np.isfinite(whole.value) == traced
        assert (whole.method == "cell_too_coarse") == (not traced)
        assert by(found, "straight_distance")["C0"] == pytest.approx(600.0, abs=1e-3)


def test_no_corridor_no_path_and_outside_the_model():
    objects = homes(box(500, -20, 40))
    found = tailings_reach(pond(**TOE), objects, valley(), corridor_half_width_m=None, length_m=1000.0)
    assert set(found["metric"]) == {"toe_elevation", "straight_distance"}
    far = {"starter_dam_toe_lon": [LON + 1], "starter_dam_toe_lat": [LAT]}
    found = tailings_reach(pond(**far), objects, valley(), corridor_half_width_m=50.0, length_m=1000.0)
    assert set(found["method"]) == {"outside_dem"}
    assert found["value"].isna().all()


def test_beyond_the_length_only_what_is_too_close_to_call():
    objects = homes(box(905, -20, 40), box(990, -20, 40), sigma=20.0)
    found = tailings_reach(pond(**TOE), objects, valley(), corridor_half_width_m=5.0, length_m=1000.0)
    assert set(by(found, "straight_distance")) == {"C0"}
    assert set(by(found, "flow_path_distance")) == {"C0"}


def test_a_coarse_object_is_looked_for_as_far_as_its_own_accuracy():
    coarse, fine = homes(box(1400, -20, 40), sigma=300.0), homes(box(1500, -20, 40)).assign(id="fine")
    objects = pd.concat([coarse, fine], ignore_index=True)
    found = tailings_reach(pond(**TOE), objects, valley(), corridor_half_width_m=5.0, length_m=1000.0)
    # 500 m beyond the length are less than two of its sigmas; the exact one is no nearer to the limit for that.
    assert set(by(found, "straight_distance")) == {"C0"}
    assert by(found, "flow_path_distance") == {"C0": pytest.approx(1495.0, abs=15.0)}


def test_legacy_datum_of_the_dem_is_refused():
    beijing = valley().rio.write_crs(2435)
    with pytest.raises(CRSError, match="legacy"):
        tailings_reach(pond(), homes(box(500, -20, 40)), beijing, corridor_half_width_m=5.0, length_m=1000.0)


def test_bad_input():
    objects = homes(box(500, -20, 40))
    with pytest.raises(ParameterError, match="corridor_half_width_m"):
        tailings_reach(pond(), objects, valley(), corridor_half_width_m=0.0, length_m=1000.0)
    with pytest.raises(MissingFieldError, match="'kind'"):
        tailings_reach(pond(), objects.drop(columns="kind"), valley(), corridor_half_width_m=5.0, length_m=1000.0)
    with pytest.raises(GeometryError, match="no WKT"):
        tailings_reach(pond(starter_dam_toe=["112, 37"]), objects, valley(), corridor_half_width_m=5.0, length_m=1000.0)
