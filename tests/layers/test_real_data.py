"""Real files of other makers: counts that a person can check, and the traps that the data's README names."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from sxrisk.errors import CRSError, InputError, MissingFieldError
from sxrisk.layers import assign_county, load_layer, read_dem, read_layer

CASES = {
    "mines/shanxi_gem_coal_mines.csv": ("enterprise", 748),
    "mines/shanxi_gem_coal_plant_units.csv": ("enterprise", 369),
    "mines/shanxi_gem_gas_plants.csv": ("enterprise", 21),
    "mines/shanxi_gem_iron_ore.csv": ("enterprise", 11),
    "mines/shanxi_gem_iron_steel.csv": ("enterprise", 26),
    "power/shanxi_wri_gppd.csv": ("enterprise", 109),
    "settlements/shanxi_geonames_cities500.csv": ("settlement", 305),
    "accidents/shanxi_nasa_glc.csv": ("accident", 11),
    "pipelines/shanxi_gem_pipelines.geojson": ("pipeline", 82),
    "boundaries/shanxi_tianditu_province.geojson": ("boundary", 1),
    "boundaries/shanxi_tianditu_city.geojson": ("boundary", 11),
    "boundaries/shanxi_tianditu_district.geojson": ("boundary", 117),
}


@pytest.mark.parametrize("name", CASES)
def test_every_row_arrives(shared_data: Path, name: str) -> None:
    kind, count = CASES[name]
    loaded = load_layer(shared_data / name, kind=kind, crs="WGS84")
    assert (loaded.report.rows_used, loaded.report.rows_rejected) == (count, 0)
    assert loaded.frame["id"].is_unique
    assert (loaded.frame["name"] != "").mean() > 0.5
    west, south, east, north = loaded.frame.total_bounds
    if "pipelines" not in name:
        assert 109 < west < east < 116
        assert 34 < south < north < 41.5


def test_coal_mines(shared_data: Path) -> None:
    path = shared_data / "mines" / "shanxi_gem_coal_mines.csv"
    loaded = load_layer(
        path, kind="underground_mine", crs="WGS84", where={"mine-type": "underground"}, values={"mineral": "coal"}
    )
    frame = loaded.frame
    assert (len(frame), loaded.report.rows_filtered) == (728, 20)
    assert (frame["mineral"] == "coal").all()
    assert frame["mining_depth_m"].between(27, 1490).all()
    assert set(frame["status"]) == {"operating", "proposed", "closed", "suspended"}
    assert any(issue.code == "duplicate_id" for issue in loaded.report.issues)


def test_world_file_in_utf16(shared_data: Path) -> None:
    loaded = load_layer(shared_data / "mines" / "gem_coal_mine_tracker_2024.csv", kind="enterprise", crs="WGS84")
    report = loaded.report
    assert report.encoding.startswith("utf-16")
    assert report.rows_read == report.rows_used + report.rows_rejected
    assert report.rejected_by_reason["outside_china"] > 3000


def test_mine_boundaries_among_shafts(shared_data: Path) -> None:
    path = shared_data / "mines" / "shanxi_gem_mine_boundaries_methane.geojson"
    frame = read_layer(path, kind="underground_mine", where={"mine feature category": "mine boundary"})
    assert len(frame) == 57
    assert set(frame.geometry.geom_type) <= {"Polygon", "MultiPolygon"}


def test_cities_of_a_web_map_come_home(shared_data: Path) -> None:
    folder = shared_data / "boundaries"
    truth = read_layer(folder / "shanxi_tianditu_city.geojson", kind="boundary").set_index("name").geometry
    shifted = read_layer(folder / "shanxi_cities_gcj02_echarts4.geojson", kind="boundary", crs="WGS84").set_index(
        "name"
    )
    repaired = read_layer(folder / "shanxi_cities_gcj02_echarts4.geojson", kind="boundary", crs="GCJ-02").set_index(
        "name"
    )

    def eastward(frame) -> np.ndarray:
        both = [name for name in truth.index if name in frame.index]
        return np.array([frame.geometry[name].centroid.x - truth[name].centroid.x for name in both])

    assert np.median(eastward(shifted)) > 0.004
    assert abs(np.median(eastward(repaired))) < 0.001


def test_counties_of_the_mines(shared_data: Path) -> None:
    mines = read_layer(shared_data / "mines" / "shanxi_gem_coal_mines.csv", kind="enterprise", crs="WGS84")
    counties = read_layer(shared_data / "boundaries" / "shanxi_tianditu_district.geojson", kind="boundary")
    named = assign_county(mines, counties)
    assert (named["county"] != "").mean() > 0.98
    inside = shapely.intersects(
        counties.set_index("name").geometry.loc[named["county"].iloc[0]], named.geometry.iloc[0]
    )
    assert inside


def test_files_that_are_no_layer_of_china_say_so(shared_data: Path) -> None:
    with pytest.raises(MissingFieldError, match="no columns of coordinates"):
        read_layer(shared_data / "tailings" / "dam_failures_part.csv", kind="tailings_pond", crs="WGS84")
    with pytest.raises(InputError, match="none of 1 rows lies in China"):
        read_layer(shared_data / "dem" / "tyrol" / "avaAlr" / "ENT" / "entAlr.shp", kind="boundary")
    with pytest.raises(CRSError, match="coordinate system of the elevation model is unknown"):
        read_dem(shared_data / "dem" / "tyrol" / "avaHit" / "avaHit.asc")


@pytest.mark.parametrize(
    ("name", "shape", "lowest", "highest"),
    [
        ("shanxi_dem_30arcsec_meteva.tif", (780, 576), 26, 2969),
        ("demcompare/srtm_ref.tif", (1000, 1000), 1111, 3270),
        ("SainteHelens.dem", (468, 327), 682, 2543),
    ],
)
def test_elevation_models(shared_data: Path, name: str, shape: tuple[int, int], lowest: float, highest: float) -> None:
    dem = read_dem(shared_data / "dem" / name)
    assert dem.shape == shape
    assert (float(dem.min()), float(dem.max())) == (lowest, highest)
    assert dem.attrs["units"] == "m"
