"""The files that are shipped: what they are, what they hold, how large they are."""

import json
import tomllib
from pathlib import Path

import geopandas as gpd
import laspy
import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import CRS, Geod, Transformer

from sxrisk.sample.frame import SEED


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def layers(sample: Path) -> Path:
    return sample / "sample_data"


def test_all_together_stay_under_25_mb(sample: Path) -> None:
    files = [p for folder in ("sample_data", "scans") for p in (sample / folder).rglob("*") if p.is_file()]
    assert 30 < len(files) < 80
    assert sum(path.stat().st_size for path in files) < 25e6


def test_project_file_names_files_that_are_there(sample: Path) -> None:
    project = tomllib.loads((sample / "county.toml").read_text(encoding="utf-8"))
    assert project["project"]["synthetic"] is True
    for layer in project["layers"].values():
        assert (sample / layer["path"]).is_file()
    for site in project["sites"].values():
        for epoch in site["epochs"]:
            for scan in epoch["scans"]:
                assert (sample / scan["path"]).is_file()
                assert len(scan["station"]) == 3


def test_enterprises_are_gbk_with_the_bad_rows_of_the_truth(layers: Path) -> None:
    raw = (layers / "enterprises.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert raw.count(b"\r\n") == 201 and raw.count(b"\n") == 201
    table = pd.read_csv(layers / "enterprises.csv", encoding="gbk", dtype=str, keep_default_na=False)
    truth = _read(layers / "truth" / "enterprises.json")
    assert len(table) == truth["rows"] == 200
    for bad in truth["bad_rows"]:
        assert table["企业编号"].iloc[bad["row"] - 2] == bad["id"]
    assert not table["企业编号"].is_unique
    for mine in truth["deep_mines"]:
        row = table.iloc[mine["row"] - 2]
        assert float(row["开采深度(m)"]) == mine["depth_m"] and row["地压在线监测"] == mine["monitoring"]
    assert table["企业名称"].str.endswith("（合成）").all()


def test_pipelines_are_gbk_without_a_cpg_file(layers: Path) -> None:
    assert not (layers / "pipelines.cpg").exists()
    raw = (layers / "pipelines.dbf").read_bytes()
    assert raw[29] == 0x4D and "是否隧道".encode("gbk") in raw
    frame = gpd.read_file(layers / "pipelines.shp")
    assert frame.crs.to_epsg() == 4547
    assert (frame["是否隧道"] == "是").sum() == 1


def test_coordinate_systems(layers: Path) -> None:
    wanted = {"tailings_ponds": 4490, "pits": 4490, "quarries": 4547, "dumps": 4526, "goafs": 4547, "townships": 4490}
    for name, code in wanted.items():
        frame = gpd.read_file(layers / f"{name}.gpkg")
        assert frame.crs.to_epsg() == code
        assert frame.geometry.is_valid.all()
    assert gpd.read_file(layers / "dumps.gpkg").total_bounds[0] > 38_000_000


def test_townships_part_the_county(layers: Path) -> None:
    towns = gpd.read_file(layers / "townships.gpkg").to_crs(4547)
    assert len(towns) == 8
    assert towns.area.sum() == pytest.approx(towns.union_all().area, rel=1e-6)
    assert (towns.area > 8e6).all()


def test_hospitals_are_half_a_kilometre_off(layers: Path) -> None:
    stored = gpd.read_file(layers / "hospitals.geojson").set_index("编号").geometry
    geod = Geod(ellps="GRS80")
    for hospital in _read(layers / "truth" / "hospitals.json")["hospitals"]:
        point = stored[hospital["id"]]
        azimuth, _, metres = geod.inv(*hospital["lonlat_epsg4490"], point.x, point.y)
        assert 520 < metres < 600 and 70 < azimuth < 100


def test_dem_holds_the_sites_and_drains(sample: Path) -> None:
    truth = _read(sample / "scans" / "truth.json")["sites"]
    with rasterio.open(sample / "sample_data" / "dem.tif") as raster:
        assert raster.crs.to_epsg() == 4547 and raster.dtypes[0] == "float32"
        assert raster.tags()["SYNTHETIC"] == "YES" and raster.res == (30.0, 30.0)

        def at(place: list[float]) -> float:
            return float(next(raster.sample([place[:2]]))[0])

        pit = truth["pit-01"]
        assert at(pit["misregistration"]["centre"]) == pytest.approx(pit["floor_height_m"], abs=1.0)
        dump = truth["dump-01"]
        assert at(dump["misregistration"]["centre"]) == pytest.approx(dump["crest_height_m"], abs=1.0)
        pond = truth["tailings-01"]
        assert abs(at(pond["starter_dam_toe"]) - pond["starter_dam_toe"][2]) < 4.0
        for stations in (pit["stations"], dump["stations"], pond["stations"]):
            for station in stations:
                assert abs(at(station) - station[2]) < 15.0  # on a rim: the cell's mean lies in the pit
        goaf = truth["goaf-01"]
        assert 70 < at(goaf["centre"]) - goaf["roof_height_m"] < 110


def test_planted_distances_by_another_way(layers: Path) -> None:
    """Plain planar distance of the files over the local scale factor agrees with the ellipsoid to the millimetre."""
    files = {"buildings": "buildings.geojson", "villages": "villages.geojson", "pits": "pits.gpkg"}
    files |= {"quarries": "quarries.gpkg", "blasting": "blasting_sites.gpkg", "dumps": "dumps.gpkg"}
    files |= {"goafs": "goafs.gpkg", "pipelines": "pipelines.shp", "schools": "schools.geojson"}
    files |= {"power_lines": "power_lines.geojson", "gas_pipes": "gas_pipes.geojson"}
    frames = {name: gpd.read_file(layers / file).to_crs(4547).set_index("编号") for name, file in files.items()}
    checked = 0
    for pair in _read(layers / "truth" / "planted.json")["pairs"]:
        if "roads" in (pair["layer_a"], pair["layer_b"]):
            continue
        first = frames[pair["layer_a"]].geometry[pair["id_a"]]
        second = frames[pair["layer_b"]].geometry[pair["id_b"]]
        # radius of the Gaussian sphere at 37.9 N
        scale = 1.0 + (first.centroid.x - 500_000.0) ** 2 / (2 * 6_371_500.0**2)
        assert first.distance(second) / scale == pytest.approx(pair["distance_m"], abs=3e-3)
        checked += 1
    assert checked > 15


def test_every_planted_break_is_among_all_pairs(layers: Path) -> None:
    pairs = {(p["rule"], p["id_a"], p["id_b"]): p["expected"] for p in _read(layers / "truth" / "pairs.json")["pairs"]}
    statuses = set()
    for item in _read(layers / "truth" / "planted.json")["pairs"]:
        key = (item["rule_id"], item["id_a"], item["id_b"])
        assert pairs.get(key, "none") == item["expected"], key
        statuses.add((item["rule_id"], item["expected"]))
    for rule in ("P-30c", "P-33", "OP-1", "OP-2"):
        assert {(rule, s) for s in ("violation", "too_close_to_call", "none")} <= statuses


def test_overhead_pond_cases(layers: Path) -> None:
    near, beside, beyond = _read(layers / "truth" / "overhead_ponds.json")["cases"]
    assert near["path_to_outline_m"] < 800 and near["expected"] == "classified"
    assert beside["path_to_corridor_m"] is None and beside["straight_distance_m"] < 1000
    assert beyond["path_to_corridor_m"] > 1150
    for case in (near, beside, beyond):
        assert "_pond" not in case


def test_scans_are_las_14_with_both_datums_and_no_classes(sample: Path) -> None:
    truth = _read(sample / "scans" / "truth.json")
    assert truth["seed"] == SEED
    for path in sorted((sample / "scans").glob("*.laz")):
        las = laspy.read(path)
        header = las.header
        assert str(header.version) == "1.4" and header.scales.tolist() == [0.001] * 3
        assert header.generating_software.startswith("sxrisk.sample SYNTHETIC")
        assert any(vlr.user_id == "sxrisk" for vlr in header.vlrs)
        crs = CRS.from_wkt(next(v for v in header.vlrs if hasattr(v, "string")).string)
        assert [part.to_epsg() for part in crs.sub_crs_list] == [4547, 5737]
        assert not np.any(las.classification)
        assert np.unique(las.point_source_id).tolist() == [int(path.stem[-1])]
        assert len(las.points) > 80_000
    assert set(truth["sites"]) == {"pit-01", "dump-01", "tailings-01", "goaf-01"}


def test_goaf_lies_under_its_village(sample: Path) -> None:
    goaf = _read(sample / "scans" / "truth.json")["sites"]["goaf-01"]
    villages = gpd.read_file(sample / "sample_data" / "villages.geojson").set_index("编号").geometry
    forward = Transformer.from_crs(4547, 4490, always_xy=True)
    from shapely.geometry import Point

    assert villages[goaf["village"]].contains(Point(*forward.transform(*goaf["centre"][:2])))
