"""Elevation models, counties, and the GeoPackage of layers as understood."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS
from rasterio.transform import from_origin

from sxrisk.errors import CRSError, FileFormatError, GeometryError, InputError, OutputError
from sxrisk.layers import assign_county, read_dem, write_layers_gpkg


def write_dem(path: Path, heights: np.ndarray, **profile: object) -> Path:
    bands = heights if heights.ndim == 3 else heights[None]
    options = {"crs": "EPSG:4547", "transform": from_origin(455_000, 4_188_000, 10, 10), **profile}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        **options,
    ) as dataset:
        dataset.write(bands)
    return path


def test_dem(tmp_path: Path) -> None:
    heights = np.arange(12, dtype=np.float32).reshape(3, 4) + 900
    heights[0, 0], heights[1, 1] = -9999, -32768
    dem = read_dem(write_dem(tmp_path / "dem.tif", heights, nodata=-9999), vertical_crs="EPSG:5737")
    assert dem.dims == ("y", "x")
    assert dem.dtype == np.float64
    assert dem.rio.crs.to_epsg() == 4547
    assert dem.attrs == {"units": "m", "vertical_crs": "EPSG:5737", "source_file": "dem.tif", "cells_without_height": 2}
    assert np.argwhere(np.isnan(dem.to_numpy())).tolist() == [[0, 0], [1, 1]]
    assert float(dem.sel(x=455_035, y=4_187_995)) == 903
    assert dem.y.values.tolist() == [4_187_995, 4_187_985, 4_187_975]


def test_a_dem_knows_its_heights_from_the_file_or_not_at_all(tmp_path: Path) -> None:
    heights = np.full((3, 3), 900.0, dtype=np.float32)
    own = write_dem(tmp_path / "own.tif", heights, crs="EPSG:4547+5737")
    assert read_dem(own).attrs["vertical_crs"] == "EPSG:5737"
    assert read_dem(own, crs="EPSG:4547", vertical_crs="EPSG:5737").attrs["vertical_crs"] == "EPSG:5737"
    # The same zone in the numbering with zone prefix is another system; in other words it is the same one.
    assert read_dem(own, crs=CRS(4547).to_wkt()).rio.crs.to_epsg() == 4547
    assert read_dem(write_dem(tmp_path / "none.tif", heights)).attrs["vertical_crs"] == ""


def test_dem_that_stands_on_its_head_is_turned(tmp_path: Path) -> None:
    heights = np.arange(6, dtype=np.float32).reshape(2, 3)
    south_up = rasterio.Affine(10, 0, 455_000, 0, 10, 4_188_000)
    dem = read_dem(write_dem(tmp_path / "dem.tif", heights, transform=south_up))
    assert dem.y.values.tolist() == [4_188_015, 4_188_005]
    assert dem.to_numpy().tolist() == [[3, 4, 5], [0, 1, 2]]


@pytest.mark.parametrize(
    ("profile", "keywords", "error", "message"),
    [
        ({"crs": None}, {}, CRSError, "coordinate system of the elevation model is unknown"),
        ({"crs": "EPSG:2383"}, {}, CRSError, "legacy datum"),
        ({}, {"crs": "GCJ-02"}, CRSError, "an elevation model in gcj02 cannot be placed exactly"),
        ({}, {"vertical_crs": "EPSG:4547"}, CRSError, "is no height system"),
        ({}, {"vertical_crs": "sea"}, CRSError, "'sea' is no height system"),
        ({}, {"crs": "EPSG:4546"}, CRSError, "the file says .*CM 114E, but .*CM 111E is declared"),
        ({}, {"crs": "EPSG:4490"}, CRSError, "the file says .*CM 114E, but China Geodetic"),
        (
            {"crs": "EPSG:4547+5773"},
            {"vertical_crs": "EPSG:5737"},
            CRSError,
            "the file's heights are in EGM96 height, but Yellow Sea 1985 height is declared",
        ),
        ({}, {"vertical_crs": "EPSG:6360"}, CRSError, "the heights are in US survey foot; expected metres"),
        ({"transform": rasterio.Affine(7, 7, 455_000, 7, -7, 4_188_000)}, {}, InputError, "the grid is rotated"),
    ],
)
def test_dems_that_cannot_be_used(
    tmp_path: Path, profile: dict, keywords: dict, error: type[Exception], message: str
) -> None:
    path = write_dem(tmp_path / "dem.tif", np.full((3, 3), 900.0, dtype=np.float32), **profile)
    with pytest.raises(error, match=rf"dem\.tif: .*{message}"):
        read_dem(path, **keywords)


def test_dems_with_bands_holes_or_no_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the raster has 3 bands"):
        read_dem(write_dem(tmp_path / "rgb.tif", np.zeros((3, 4, 4), dtype=np.uint8)))
    with pytest.raises(InputError, match="no height at all"):
        read_dem(write_dem(tmp_path / "void.tif", np.full((4, 4), -9999, dtype=np.float32)))
    path = write_dem(tmp_path / "cut.tif", np.random.default_rng(1).normal(900, 50, (200, 200)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(FileFormatError, match=r"cut\.tif: the file cannot be read"):
        read_dem(path)
    path.write_text("<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>")
    with pytest.raises(FileFormatError, match=r"cut\.tif"):
        read_dem(path)
    with pytest.raises(FileFormatError, match="no such file"):
        read_dem(tmp_path / "none.tif")


def boundary(**columns: list) -> gpd.GeoDataFrame:
    boxes = [shapely.box(112 + at, 37, 113 + at, 38) for at in range(len(next(iter(columns.values()))))]
    return gpd.GeoDataFrame(columns, geometry=boxes, crs=4490)


def test_counties() -> None:
    lines = [
        shapely.Point(112.2, 37.5),
        shapely.LineString([(112.9, 37.5), (113.8, 37.5)]),
        shapely.Point(113, 37.5),
        shapely.Point(0, 0),
    ]
    frame = gpd.GeoDataFrame({"county": ["", "旧", "", "原"]}, geometry=lines, crs=4490)
    frame.attrs["layer"] = "x"
    result = assign_county(frame, boundary(name=["甲县", "乙县"]))
    assert result["county"].tolist() == ["甲县", "乙县", "甲县", "原"]
    assert frame["county"].tolist() == ["", "旧", "", "原"]
    assert result.attrs == {"layer": "x"}


def test_counties_count_before_provinces() -> None:
    areas = boundary(name=["省", "县"], level=["province", "county"])
    areas.geometry = [shapely.box(110, 35, 115, 40), shapely.box(112, 37, 113, 38)]
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(112.5, 37.5), shapely.Point(111, 36)], crs=4490)
    assert assign_county(frame, areas)["county"].tolist() == ["县", ""]


def test_counties_need_polygons_in_one_system() -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(112.5, 37.5)], crs=4490)
    with pytest.raises(CRSError, match="different coordinate systems"):
        assign_county(frame, boundary(name=["甲"]).to_crs(4547))
    with pytest.raises(GeometryError, match="the boundary has no polygon"):
        assign_county(frame, frame.assign(name="x"))


def layers() -> dict[str, gpd.GeoDataFrame]:
    frame = gpd.GeoDataFrame(
        {
            "id": ["A", "B"], "ID": ["a", "b"], "fid": [7, 8], "flag": pd.array([True, pd.NA], dtype="boolean"),
            "mixed": [1, "二"], "depth_m": [1.5, np.nan],
        },
        geometry=[shapely.Point(112, 37), shapely.box(112, 37, 113, 38)], crs=4490,
    )  # fmt: skip
    return {"企业": frame, "none": frame.iloc[:0]}


def test_geopackage_is_complete_and_its_bytes_depend_on_content_only(tmp_path: Path) -> None:
    first, second = write_layers_gpkg(tmp_path / "a.gpkg", layers()), write_layers_gpkg(tmp_path / "b.gpkg", layers())
    assert first.read_bytes() == second.read_bytes()
    write_layers_gpkg(tmp_path / "a.gpkg", layers())
    assert first.read_bytes() == second.read_bytes()
    assert pyogrio.list_layers(first)[:, 0].tolist() == ["企业", "none"]
    frame = gpd.read_file(first, layer="企业")
    assert frame["id"].tolist() == ["A", "B"]
    assert frame["ID_"].tolist() == ["a", "b"]
    assert frame["mixed"].tolist() == ["1", "二"]
    assert frame.crs.to_epsg() == 4490
    assert not list(tmp_path.glob("*partial*"))


def test_geopackage_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = write_layers_gpkg(tmp_path / "a.gpkg", layers())
    before = path.read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        write_layers_gpkg(tmp_path / "missing" / "a.gpkg", layers())
    broken = layers()
    broken["企业"] = broken["企业"].assign(bad=[1j, 2j])
    with pytest.raises(OutputError, match="cannot be written"):
        write_layers_gpkg(path, broken)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*partial*"))


def test_a_column_named_geom_is_written(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"id": ["a"], "geom": ["text"]}, geometry=[shapely.Point(112, 37)], crs=4490)
    path = write_layers_gpkg(tmp_path / "layers.gpkg", {"one": frame})
    back = gpd.read_file(path)
    assert back["geom_"].tolist() == ["text"]
    assert back.geometry.iloc[0].equals(shapely.Point(112, 37))
