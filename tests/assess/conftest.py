"""One run of the shipped sample for all tests that look at it, and a tiny project for those that break something."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from shapely import LineString, Point

from sxrisk.assess import Project, RunResult
from sxrisk.scans import Scan, write_scan

EAST, NORTH = 490_000.0, 4_040_000.0
METRES, HEIGHTS = "EPSG:4547", "EPSG:5737"

PROJECT = """
[project]
name = "Tiny county"
name_zh = "小县"
as_of = 2026-06-30
language = "en"
[region]
boundary = "county"
[region.heatmap]
bandwidth_m = 400.0
cell_m = 100.0
[region.grid]
cell_m = 500.0
[dem]
path = "dem.tif"
vertical_crs = "EPSG:5737"
[layers.county]
kind = "boundary"
path = "county.geojson"
[layers.mines]
kind = "underground_mine"
path = "mines.csv"
crs = "EPSG:4490"
position_sigma_m = 1.0
[layers.villages]
kind = "settlement"
path = "villages.geojson"
position_sigma_m = 1.0
[layers.pits]
kind = "open_pit"
path = "pits.geojson"
position_sigma_m = 0.5
[layers.pipes]
kind = "pipeline"
path = "pipes.gpkg"
position_sigma_m = 0.3
"""

SITE = """
[sites.pit]
kind = "open_pit"
layer = "pits"
feature = "K1"
crs = "EPSG:4547"
vertical_crs = "EPSG:5737"
range_sigma_m = 0.008
change = { normal_radius_m = 3.0, cylinder_radius_m = 1.5, max_depth_m = 2.0, core_spacing_m = 2.0 }
[[sites.pit.epochs]]
date = 2026-03-15T10:00:00+08:00
scans = [{ path = "first.laz", station = [490000.0, 4040000.0, 1020.0] }]
[[sites.pit.epochs]]
date = 2026-06-15T10:00:00+08:00
scans = [{ path = "second.laz", station = [490000.0, 4040000.0, 1020.0] }]
"""

MINES = """编号,名称,经度,纬度,采深(m),地压监测
M1,一号矿,{0},{1},900,否
M2,二号矿,{2},{3},500,是
M3,三号矿,{4},{5},850,是
"""


@pytest.fixture(scope="session")
def county_run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The finished main job on the shipped sample."""
    result = Project.open(sample / "county.toml").run(tmp_path_factory.mktemp("county") / "out", workers=2)
    assert isinstance(result, RunResult)
    return result


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., Path]:
    """Writes a tiny project, with or without its scanned pit, and gives the path of its project file."""
    return tiny_project


def tiny_project(folder: Path, *, site: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    middle = Point(EAST, NORTH)
    write_geojson(folder / "county.geojson", {"B1": middle.buffer(2500.0)}, level="county")
    write_geojson(folder / "villages.geojson", {"V1": middle.buffer(40.0, quad_segs=2).union(Point(EAST, NORTH - 90))})
    villages = {name: Point(EAST + x, NORTH + y) for name, x, y in (("V1", 400, 0), ("V2", -600, 300), ("V3", 0, 900))}
    write_geojson(folder / "villages.geojson", villages, population=120)
    write_geojson(folder / "pits.geojson", {"K1": middle.buffer(22.0)})
    pipe = gpd.GeoDataFrame(
        {"id": ["P1"], "name": ["P1"], "medium": ["天然气"]},
        geometry=[LineString([(EAST + 120, NORTH - 800), (EAST + 120, NORTH + 800)])],
        crs=METRES,
    )
    pipe.to_file(folder / "pipes.gpkg", layer="pipes")
    lonlat = [f"{value:.7f}" for x in (-300, 100, 700) for value in geographic(EAST + x, NORTH + x)]
    (folder / "mines.csv").write_text(MINES.format(*lonlat), encoding="utf-8")
    write_dem(folder / "dem.tif")
    if site:
        for name, month, moved in (("first", 3, 0.0), ("second", 6, 0.06)):
            write_scan(pit_scan(month, moved), folder / f"{name}.laz")
    path = folder / "tiny.toml"
    path.write_text(PROJECT + (SITE if site else ""), encoding="utf-8")
    return path


def geographic(east: float, north: float) -> tuple[float, float]:
    return Transformer.from_crs(METRES, "EPSG:4490", always_xy=True).transform(east, north)


def write_geojson(path: Path, shapes: dict[str, object], **columns: object) -> None:
    frame = gpd.GeoDataFrame({"id": list(shapes), "name": list(shapes)}, geometry=list(shapes.values()), crs=METRES)
    path.write_text(json.dumps(frame.assign(**columns).to_crs("EPSG:4326").to_geo_dict()), encoding="utf-8")


def write_dem(path: Path) -> None:
    y, x = np.mgrid[0:60, 0:60]
    heights = (1000.0 + 0.3 * (60 - y) + 2.0 * np.cos(x / 9.0)).astype("float32")
    profile = {"driver": "GTiff", "width": 60, "height": 60, "count": 1, "dtype": "float32", "crs": METRES}
    with rasterio.open(path, "w", **profile, transform=from_origin(EAST - 3000, NORTH + 3000, 100, 100)) as dataset:
        dataset.write(heights, 1)


def pit_scan(month: int, moved_m: float) -> Scan:
    """A bowl 12 m deep; a patch of its wall bulges by `moved_m`."""
    rng = np.random.default_rng(month)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-35.0, 35.0, 0.6), np.arange(-35.0, 35.0, 0.6)))
    x, y = x + rng.uniform(-0.2, 0.2, x.size), y + rng.uniform(-0.2, 0.2, y.size)
    z = 1000.0 - 12.0 * np.clip((22.0 - np.hypot(x, y)) / 12.0, 0.0, 1.0)
    z += np.where(np.hypot(x - 16.0, y) < 5.0, moved_m, 0.0) + rng.normal(0.0, 0.006, x.size)
    when = datetime.fromisoformat(f"2026-{month:02d}-15T10:00:00+08:00")
    return Scan(np.column_stack([EAST + x, NORTH + y, z]), crs=METRES, vertical_crs=HEIGHTS, epoch=when)
