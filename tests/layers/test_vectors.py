"""Vector files: what they say of themselves, what they hide, and what a damaged one gets told."""

import http.server
import json
import sqlite3
import struct
import threading
import time
from contextlib import closing
from pathlib import Path

import ezdxf
import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from sxrisk.crs import to_geographic
from sxrisk.errors import CRSError, FileFormatError, InputError, SxriskError
from sxrisk.layers import LayerReport, kind, load_layer, read_dem, read_layer


def pipelines(crs: int | None = 4547) -> gpd.GeoDataFrame:
    lines = [
        shapely.LineString([(480_000, 4_188_000), (500_000, 4_188_000)]),
        shapely.LineString([(5e5, 4.1e6), (5e5, 4.2e6)]),
    ]
    columns = {
        "管道名称": ["陕京一线", "榆济线"],
        "介质": ["天然气", "原油"],
        "管径": [660, 711],
        "压力MPa": ["6.4", "10"],
    }
    return gpd.GeoDataFrame(columns, geometry=lines, crs=crs)


def points(**columns: list) -> gpd.GeoDataFrame:
    count = len(next(iter(columns.values())))
    return gpd.GeoDataFrame(
        columns, geometry=gpd.points_from_xy(112.5 + np.arange(count) / 100, np.full(count, 37.5)), crs=4326
    )


@pytest.mark.parametrize("cpg", [True, False])
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_shapefile_encodings(tmp_path: Path, encoding: str, cpg: bool) -> None:
    path = tmp_path / "管道.shp"
    pipelines().to_file(path, encoding=encoding)
    if not cpg:
        path.with_suffix(".cpg").unlink()
        # GDAL notes the code page in the header as well; many programs do not.
        dbf = bytearray(path.with_suffix(".dbf").read_bytes())
        dbf[29] = 0
        path.with_suffix(".dbf").write_bytes(bytes(dbf))
    loaded = load_layer(path, kind="pipeline")
    assert loaded.frame["name"].tolist() == ["陕京一线", "榆济线"]
    assert loaded.frame["medium"].tolist() == ["natural_gas", "crude_oil"]
    assert loaded.frame["diameter_mm"].tolist() == [660.0, 711.0]
    assert loaded.frame["crs_source"].tolist() == ["cgcs2000"] * 2
    # An east-west edge of 20 km bends by metres in the map of degrees: it got vertices.
    assert shapely.get_num_coordinates(loaded.frame.geometry.iloc[0]) > 60


def test_shapefile_without_prj_or_parts_or_end(tmp_path: Path) -> None:
    path = tmp_path / "p.shp"
    pipelines().to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CRSError, match="the file does not say and none is declared"):
        read_layer(path, kind="pipeline")
    assert len(read_layer(path, kind="pipeline", crs="EPSG:4547")) == 2
    data = path.with_suffix(".dbf").read_bytes()
    path.with_suffix(".dbf").write_bytes(data[:-30])
    with pytest.raises(FileFormatError, match=r"p\.dbf: the file is cut short"):
        read_layer(path, kind="pipeline", crs="EPSG:4547")
    path.with_suffix(".dbf").unlink()
    with pytest.raises(FileFormatError, match=r"the Shapefile's \.dbf is missing"):
        read_layer(path, kind="pipeline", crs="EPSG:4547")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileFormatError, match=r"p\.shp: the file is cut short: \d+ of \d+ bytes"):
        read_layer(path, kind="pipeline", crs="EPSG:4547")


def test_shapefile_in_a_legacy_datum(tmp_path: Path) -> None:
    path = tmp_path / "old.shp"
    pipelines(crs=2383).to_file(path)
    with pytest.raises(CRSError, match=r"old\.shp: .*legacy datum.*needs local parameters"):
        read_layer(path, kind="pipeline")


def test_geopackage_layers(tmp_path: Path) -> None:
    path = tmp_path / "data.gpkg"
    pipelines().to_file(path, layer="管道")
    assert len(read_layer(path, kind="pipeline")) == 2
    points(name=["甲"]).to_file(path, layer="村庄")
    with pytest.raises(FileFormatError, match="the file holds 2 layers; expected layer = one of 管道, 村庄"):
        read_layer(path, kind="pipeline")
    with pytest.raises(FileFormatError, match="there is no layer '井'"):
        read_layer(path, kind="pipeline", layer="井")
    frame = read_layer(path, kind="pipeline", layer="管道")
    expected = to_geographic(pipelines())
    assert shapely.equals_exact(frame.geometry.to_numpy(), expected.geometry.to_numpy(), 1e-12).all()
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(FileFormatError, match=r"data\.gpkg"):
        read_layer(path, kind="pipeline", layer="管道")


def test_an_empty_layer(tmp_path: Path) -> None:
    pipelines().iloc[:0].to_file(tmp_path / "none.gpkg")
    with pytest.raises(InputError, match=r"none\.gpkg: the layer is empty"):
        read_layer(tmp_path / "none.gpkg", kind="pipeline")
    (tmp_path / "none.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match=r"none\.geojson: the layer is empty"):
        read_layer(tmp_path / "none.geojson", kind="pipeline")


def feature(geometry: object, **properties: object) -> dict:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(path: Path, *features: dict, encoding: str = "utf-8") -> Path:
    text = json.dumps({"type": "FeatureCollection", "features": list(features)}, ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_geojson(tmp_path: Path, encoding: str) -> None:
    path = collection(
        tmp_path / "村庄.geojson",
        feature({"type": "Point", "coordinates": [112.5, 37.5, 900]}, 名称="甲村", 户数=30),
        feature(None, 名称="乙村", 户数=3),
        feature({"type": "Point", "coordinates": []}, 名称="丙村"),
        feature({"type": "LineString", "coordinates": [[112.5, 37.5], [112.6, 37.6]]}, 名称="丁村"),
        encoding=encoding,
    )
    loaded = load_layer(path, kind="settlement")
    assert loaded.frame[["name", "households", "z_m", "crs_source"]].to_numpy().tolist() == [
        ["甲村", 30.0, 900.0, "wgs84"]
    ]
    assert loaded.rejects["reason"].tolist() == ["empty_geometry", "empty_geometry", "unexpected_geometry_type"]
    assert "a LineString cannot be a settlement, which needs point or polygon" in loaded.rejects["detail"].iloc[2]
    assert loaded.rejects["source_row"].tolist() == [2, 3, 4]


def test_geojson_declared_as_web_map_coordinates(tmp_path: Path) -> None:
    path = collection(
        tmp_path / "a.geojson", feature({"type": "Point", "coordinates": [112.5563, 37.8705]}, name="太原")
    )
    loaded = load_layer(path, kind="settlement", crs="GCJ-02")
    assert loaded.frame.geometry.iloc[0].x == pytest.approx(112.55, abs=1e-4)
    assert loaded.report.crs_source == "gcj02"
    assert any(issue.code == "crs_overridden" for issue in loaded.report.issues)


def test_a_truncated_geojson_and_what_only_calls_itself_one(tmp_path: Path) -> None:
    path = collection(tmp_path / "a.geojson", feature({"type": "Point", "coordinates": [112.5, 37.5]}))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileFormatError, match=r"a\.geojson: the file cannot be read"):
        read_layer(path, kind="settlement")
    path.write_text(
        "<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>o.shp</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(FileFormatError, match="the file is no GeoJSON"):
        read_layer(path, kind="settlement")


def test_areas_are_repaired_and_reported(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(112.0, 37.0), (112.1, 37.1), (112.1, 37.0), (112.0, 37.1)])
    frame = gpd.GeoDataFrame({"id": ["ok", "tie"]}, geometry=[shapely.box(112, 37, 112.1, 37.1), bow_tie], crs=4490)
    frame.to_file(tmp_path / "p.gpkg")
    loaded = load_layer(tmp_path / "p.gpkg", kind="open_pit")
    assert shapely.is_valid(loaded.frame.geometry.to_numpy()).all()
    repaired = next(issue for issue in loaded.report.issues if issue.code == "polygon_repaired")
    assert repaired.rows == (2,)
    assert loaded.frame.geometry.iloc[1].area == pytest.approx(0.005, rel=1e-9)


def test_areas_without_area_are_rejected(tmp_path: Path) -> None:
    flat = shapely.Polygon([(112.0, 37.0), (112.25, 37.25), (112.5, 37.5), (112.0, 37.0)])
    frame = gpd.GeoDataFrame({"id": ["ok", "flat"]}, geometry=[shapely.box(112, 37, 112.1, 37.1), flat], crs=4490)
    frame.to_file(tmp_path / "p.gpkg")
    loaded = load_layer(tmp_path / "p.gpkg", kind="open_pit")
    assert loaded.rejects["reason"].tolist() == ["unexpected_geometry_type"]


def test_geoparquet(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pipelines().to_parquet(path)
    assert len(read_layer(path, kind="pipeline")) == 2
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match="expected a GeoParquet file"):
        read_layer(path, kind="pipeline")


def test_kml_folders_and_entities(tmp_path: Path) -> None:
    def place(name: str) -> str:
        return f"<Placemark><name>{name}</name><Point><coordinates>112.5,37.5,0</coordinates></Point></Placemark>"

    text = (
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<Folder><name>一</name>{place('甲')}</Folder><Folder><name>二</name>{place('乙')}{place('丙')}</Folder></Document></kml>"
    )
    path = tmp_path / "a.kml"
    path.write_text(text, encoding="utf-8")
    frame = read_layer(path, kind="settlement")
    assert frame[["name", "folder"]].to_numpy().tolist() == [["甲", "一"], ["乙", "二"], ["丙", "二"]]
    assert read_layer(path, kind="settlement", layer="一")["name"].tolist() == ["甲"]
    bomb = text.replace("<kml", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><kml', 1)
    path.write_text(bomb, encoding="utf-8")
    with pytest.raises(FileFormatError, match="declares entities, which are not expanded"):
        read_layer(path, kind="settlement")


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    document = ezdxf.new("R2010")
    for layer in ("国道G307", "省道", "县道X123", "图框"):
        document.layers.add(layer)
    space = document.modelspace()
    space.add_line((455_000, 4_188_000), (456_000, 4_188_500), dxfattribs={"layer": "国道G307"})
    space.add_lwpolyline([(455_000, 4_188_000, 0, 0, 1.0), (455_100, 4_188_000)], dxfattribs={"layer": "省道"})
    space.add_arc((455_000, 4_188_000), 50, 0, 90, dxfattribs={"layer": "县道X123"})
    space.add_spline([(455_000, 4_188_000), (455_100, 4_188_050), (455_200, 4_188_000)], dxfattribs={"layer": "图框"})
    space.add_text("国道307", dxfattribs={"layer": "国道G307", "insert": (455_000, 4_188_000)})
    space.add_point((455_000, 4_188_000), dxfattribs={"layer": "图框"})
    path = tmp_path / "道路.dxf"
    document.saveas(path)
    return path


def test_drawing_as_roads(drawing: Path) -> None:
    loaded = load_layer(drawing, kind="road", crs="EPSG:4547")
    frame = loaded.frame
    assert frame["road_class"].tolist() == ["national", "provincial", "county", ""]
    assert loaded.rejects["reason"].tolist() == ["unexpected_geometry_type"]
    # The text at the start of the first line names it.
    assert frame["name"].tolist() == ["国道307", "", "", ""]
    assert (loaded.report.rows_read, loaded.report.rows_filtered) == (5, 0)
    # The bulge is a half circle of radius 50 m, chords stay within a centimetre of it.
    half_circle = frame.geometry.iloc[1].length * 111_000
    assert half_circle == pytest.approx(np.pi * 50, rel=0.15)
    with pytest.raises(CRSError, match="none is declared"):
        read_layer(drawing, kind="road")


def test_curves_of_a_drawing_are_followed_closely(drawing: Path) -> None:
    from sxrisk.layers.drawings.dxf import read_dxf

    source = read_dxf(drawing, kind("road"), layer=None)
    assert source.geometry is not None
    arc = np.asarray(source.geometry[2].segmentize(0.2).coords)[:, :2]
    assert np.abs(np.hypot(*(arc - (455_000, 4_188_000)).T) - 50).max() <= 0.0101
    assert source.geometry[1].length == pytest.approx(np.pi * 50, rel=1e-3)


def test_closed_lines_of_a_drawing_become_areas(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    document.modelspace().add_lwpolyline([(455_000, 4_188_000), (455_100, 4_188_000), (455_100, 4_188_100)], close=True)
    document.modelspace().add_circle((455_000, 4_188_000), 30)
    path = tmp_path / "pit.dxf"
    document.saveas(path)
    loaded = load_layer(path, kind="open_pit", crs="EPSG:4547")
    assert loaded.frame.geometry.geom_type.tolist() == ["Polygon", "Polygon"]
    area = loaded.frame.to_crs(4547).area
    assert area.tolist() == pytest.approx([5_000, np.pi * 900], rel=1e-3)
    assert any(issue.code == "closed_line_to_polygon" for issue in loaded.report.issues)


def test_damaged_empty_and_foreign_drawings(drawing: Path, tmp_path: Path) -> None:
    drawing.write_bytes(b"AC1027" + bytes(200))
    with pytest.raises(FileFormatError, match=r"this is a DWG drawing.*Save it as DXF"):
        read_layer(drawing, kind="road", crs=4547)
    drawing.write_text("not a drawing\nat all\n")
    with pytest.raises(FileFormatError, match="expected a DXF drawing"):
        read_layer(drawing, kind="road", crs=4547)
    path = tmp_path / "empty.dxf"
    ezdxf.new("R2010").saveas(path)
    with pytest.raises(InputError, match="model space is empty"):
        read_layer(path, kind="road", crs=4547)


def test_a_file_that_names_other_sources_opens_none(tmp_path: Path) -> None:
    """GDAL goes by content: a virtual data source or a pipeline under another suffix would read any file."""
    secret = tmp_path / "secret.geojson"
    gpd.GeoDataFrame({"name": ["s"]}, geometry=[shapely.Point(112, 37)], crs=4326).to_file(secret, driver="GeoJSON")
    inside = f"<OGRVRTLayer name='secret'><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>"
    kml, geojson = tmp_path / "evil.kml", tmp_path / "evil.geojson"
    kml.write_text(f"<OGRVRTDataSource><!-- <kml -->{inside}</OGRVRTDataSource>", encoding="utf-8")
    with pytest.raises(FileFormatError, match="is no KML; expected an XML document with the root element kml"):
        read_layer(kml, kind="enterprise")
    kml.write_text(f"<kml/><OGRVRTDataSource>{inside}</OGRVRTDataSource>", encoding="utf-8")
    with pytest.raises(FileFormatError, match="names other sources"):
        read_layer(kml, kind="enterprise")
    gml, tab = tmp_path / "evil.gml", tmp_path / "evil.tab"
    gml.write_text(kml.read_text(encoding="utf-8").replace("<kml/>", "<FeatureCollection>") + "</FeatureCollection>")
    with pytest.raises(FileFormatError, match="names other sources"):
        read_layer(gml, kind="enterprise")
    tab.write_text(f'!table\n!version 300\n\nDefinition Table\n  File "{secret}"\n  Type "SHAPEFILE"\n')
    with pytest.raises(FileFormatError, match="is no MapInfo table"):
        read_layer(tab, kind="enterprise")
    tab.write_text(tab.read_text().replace('"SHAPEFILE"', "LINKED"))
    with pytest.raises(FileFormatError, match="is a view of other files, which are not opened"):
        read_layer(tab, kind="enterprise")
    pipeline = {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {secret}"}
    geojson.write_text(json.dumps(pipeline), encoding="utf-8")
    with pytest.raises(FileFormatError, match="names other sources"):
        read_layer(geojson, kind="enterprise")


def test_a_virtual_raster_is_no_elevation_model(tmp_path: Path) -> None:
    path = tmp_path / "dem.tif"
    path.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>', encoding="utf-8")
    with pytest.raises(FileFormatError, match="not recognized"):
        read_dem(path)


def villages(crs: int | None = 4547) -> gpd.GeoDataFrame:
    places = gpd.points_from_xy([500_000.0, 500_100.0], [4_100_000.0, 4_100_100.0])
    return gpd.GeoDataFrame({"名称": ["甲村", "乙庄"], "户数": [30, 40]}, geometry=places, crs=crs)


@pytest.mark.parametrize("suffix", ["tab", "mif"])
def test_mapinfo(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    pyogrio.write_dataframe(villages(), path, driver="MapInfo File", ENCODING="CP936")
    loaded = load_layer(path, kind="settlement")
    assert loaded.frame[["name", "households"]].to_numpy().tolist() == [["甲村", 30.0], ["乙庄", 40.0]]
    # MapInfo's tables keep coordinates as whole numbers of a grid.
    places = shapely.get_coordinates(loaded.frame.to_crs(4547).geometry.to_numpy())
    assert places == pytest.approx(shapely.get_coordinates(villages().geometry.to_numpy()), abs=0.02)
    part = path.with_suffix(".mid" if suffix == "mif" else ".dat")
    part.rename(path.with_suffix(".bak"))
    with pytest.raises(FileFormatError, match=rf"the table's \{part.suffix} is missing"):
        read_layer(path, kind="settlement")


@pytest.mark.parametrize("charset", ["Neutral", ""])
def test_mapinfo_that_names_no_character_set(tmp_path: Path, charset: str) -> None:
    path = tmp_path / "a.mif"
    pyogrio.write_dataframe(villages(), path, driver="MapInfo File", ENCODING="CP936")
    stated = b'Charset "WindowsSimpChinese"\n'
    data = path.read_bytes()
    assert stated in data
    path.write_bytes(data.replace(stated, f'Charset "{charset}"\n'.encode() if charset else b""))
    loaded = load_layer(path, kind="settlement")
    assert loaded.frame[["name", "households"]].to_numpy().tolist() == [["甲村", 30.0], ["乙庄", 40.0]]
    assert any(issue.code == "encoding_guessed" for issue in loaded.report.issues)


def test_flatgeobuf(tmp_path: Path) -> None:
    path = tmp_path / "a.fgb"
    pyogrio.write_dataframe(villages(), path, driver="FlatGeobuf")
    assert sorted(read_layer(path, kind="settlement")["name"]) == ["乙庄", "甲村"]
    path.write_bytes(b"GIF89a" + bytes(50))
    with pytest.raises(FileFormatError, match="is no FlatGeobuf"):
        read_layer(path, kind="settlement")


def test_gml_with_northing_first_and_nothing_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}"
        place = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4490"><gml:pos>37.5 112.5</gml:pos></gml:Point>'
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><ogr:FeatureCollection '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="http://x/ {home}/wfs?service=WFS&amp;request=DescribeFeatureType" '
            'xmlns:ogr="http://x/" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink">'
            f"<ogr:featureMember><ogr:村 gml:id='v.1'><ogr:geom>{place}</ogr:geom><ogr:名称>甲村</ogr:名称>"
            f"<ogr:see xlink:href='{home}/x.xml#b'/></ogr:村></ogr:featureMember>"
            f"<ogr:featureMember><ogr:村 gml:id='v.2'><ogr:geom xlink:href='{home}/y.xml#b'/></ogr:村>"
            "</ogr:featureMember>"
            "</ogr:FeatureCollection>"
        )
        path = tmp_path / "a.gml"
        path.write_text(text, encoding="utf-8")
        loaded = load_layer(path, kind="settlement")
        server.shutdown()
    assert asked == []
    assert loaded.frame["name"].tolist() == ["甲村"]
    assert shapely.get_coordinates(loaded.frame.geometry.iloc[0]).tolist() == [[112.5, 37.5]]
    assert loaded.rejects["reason"].tolist() == ["empty_geometry"]
    path.write_text(text.replace("<ogr:Feature", '<!DOCTYPE x [<!ENTITY a "b">]><ogr:Feature', 1), encoding="utf-8")
    with pytest.raises(FileFormatError, match="declares entities"):
        read_layer(path, kind="settlement")
    path.write_text("<html/>", encoding="utf-8")
    with pytest.raises(FileFormatError, match="the file is no GML"):
        read_layer(path, kind="settlement")


def test_gml_as_gdal_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.gml"
    pyogrio.write_dataframe(pipelines(), path, driver="GML")
    frame = read_layer(path, kind="pipeline")
    assert frame["medium"].tolist() == ["natural_gas", "crude_oil"]
    assert shapely.equals_exact(frame.geometry.to_numpy(), to_geographic(pipelines()).geometry.to_numpy(), 1e-9).all()


def test_a_polygon_of_a_million_vertices(tmp_path: Path) -> None:
    turn = np.linspace(0, 2 * np.pi, 1_000_001)
    ring = np.column_stack([500_000 + 5000 * np.cos(turn), 4_150_000 + 5000 * np.sin(turn)])
    ring[-1] = ring[0]
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Polygon(ring)], crs=4547)
    path = tmp_path / "a.gpkg"
    frame.to_file(path)
    start = time.perf_counter()
    read = read_layer(path, kind="open_pit")
    assert time.perf_counter() - start < 15
    assert read.to_crs(4547).area.iloc[0] == pytest.approx(np.pi * 5000**2, rel=1e-9)


def wkt_layer(path: Path, *shapes: str, crs: int = 4490) -> Path:
    """A GeoPackage with geometries that shapely cannot make: curves, measures."""
    count = len(shapes)
    gpd.GeoDataFrame({"id": [str(at) for at in range(count)]}, geometry=[shapely.Point(0, 0)] * count, crs=crs).to_file(
        path, layer="x", geometry_type="Unknown", SPATIAL_INDEX="NO"
    )
    with closing(sqlite3.connect(path)) as database, database:
        for at, text in enumerate(shapes):
            header = b"GP" + bytes([0, 1]) + crs.to_bytes(4, "little")
            database.execute("update x set geom = ? where id = ?", (header + curve_wkb(text), str(at)))
        database.execute("update gpkg_geometry_columns set z = 2, m = 2")
    return path


def curve_wkb(text: str) -> bytes:
    if not text.startswith("CIRCULARSTRING"):
        return shapely.to_wkb(shapely.from_wkt(text), flavor="iso", byte_order=1)
    line = shapely.to_wkb(shapely.from_wkt(text.replace("CIRCULARSTRING", "LINESTRING")), byte_order=1)
    return line[:1] + (8).to_bytes(4, "little") + line[5:]


def test_curves_measures_and_odd_geometries(tmp_path: Path) -> None:
    path = wkt_layer(
        tmp_path / "a.gpkg",
        "CIRCULARSTRING (499500 4100000, 500000 4100500, 500500 4100000)",
        "LINESTRING ZM (500000 4100000 5 1, 500100 4100000 6 2)",
        "LINESTRING M (500000 4100000 1, 500100 4100000 2)",
        "LINESTRING EMPTY",
        "LINESTRING (500000 4100000, nan 4100000)",
        "GEOMETRYCOLLECTION (POINT (500000 4100000), LINESTRING (500000 4100000, 500100 4100000))",
        crs=4547,
    )
    loaded = load_layer(path, kind="road")
    assert loaded.frame["id"].tolist() == ["0", "1", "2"]
    assert loaded.rejects["reason"].tolist() == ["empty_geometry", "coordinates_not_finite", "unexpected_geometry_type"]
    arc = shapely.get_coordinates(loaded.frame.to_crs(4547).geometry.iloc[0])
    assert np.abs(np.hypot(*(arc - (500_000, 4_100_000)).T) - 500).max() < 0.01
    assert not shapely.has_z(loaded.frame.geometry.to_numpy()).any()


def test_across_the_antimeridian(tmp_path: Path) -> None:
    path = collection(
        tmp_path / "a.geojson",
        feature({"type": "LineString", "coordinates": [[179.9, 37], [-179.9, 37]]}, name="远"),
        feature({"type": "LineString", "coordinates": [[112.5, 37], [472.6, 37]]}, name="绕"),
        feature({"type": "LineString", "coordinates": [[112.5, 37], [112.6, 37]]}, name="近"),
    )
    loaded = load_layer(path, kind="road")
    assert loaded.frame["name"].tolist() == ["近"]
    assert loaded.rejects["reason"].tolist() == ["outside_china"] * 2


def test_real_files(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "boundaries" / "shanxi_tianditu_district.geojson"
    expected = read_layer(source, kind="boundary")
    raw = gpd.read_file(source)
    for name, driver in (("a.fgb", "FlatGeobuf"), ("a.gml", "GML"), ("a.gpkg", "GPKG"), ("a.tab", "MapInfo File")):
        options = {"ENCODING": "CP936"} if driver == "MapInfo File" else {}
        pyogrio.write_dataframe(raw, tmp_path / name, driver=driver, **options)
        loaded = load_layer(tmp_path / name, kind="boundary")
        assert len(loaded.frame) == len(expected) == loaded.report.rows_read
        assert loaded.frame.union_all().symmetric_difference(expected.union_all()).area < 1e-6
        assert sorted(loaded.frame["name"]) == sorted(expected["name"])
    outline = shared_data / "dem" / "tyrol" / "avaAlr" / "REL" / "relAlr.shp"
    with pytest.raises(InputError, match="none of 1 rows lies in China"):
        read_layer(outline, kind="waste_dump")


@pytest.mark.parametrize("suffix", ["shp", "tab"])
def test_deleted_records_are_set_aside(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    driver = {"shp": "ESRI Shapefile", "tab": "MapInfo File"}[suffix]
    pyogrio.write_dataframe(points(name=["a", "b", "c"]), path, driver=driver)
    part = path.with_suffix({"shp": ".dbf", "tab": ".dat"}[suffix])
    data = bytearray(part.read_bytes())
    start, width = struct.unpack("<HH", data[8:12])
    data[start + width] = ord("*")
    part.write_bytes(data)
    if suffix == "tab":
        # The index says at which place of the .map an object stands: nowhere.
        places = bytearray(path.with_suffix(".id").read_bytes())
        places[4:8] = bytes(4)
        path.with_suffix(".id").write_bytes(places)
    loaded = load_layer(path, kind="settlement")
    assert loaded.frame[["name", "source_row"]].to_numpy().tolist() == [["a", 1], ["c", 3]]
    assert (loaded.report.rows_read, loaded.report.rows_filtered, loaded.report.rows_used) == (3, 1, 2)
    assert any(issue.code == "deleted_records" and issue.count == 1 for issue in loaded.report.issues)


def test_a_geopackage_that_miscounts_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    points(name=["a", "b", "c"]).to_file(path, layer='x"y')
    for count in (1, 7):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("update gpkg_ogr_contents set feature_count = ?", (count,))
        with pytest.raises(FileFormatError, match=r"has 3 rows, of which 1 can|3 of 7 features"):
            read_layer(path, kind="settlement")


def test_rows_that_are_lost_are_a_fault() -> None:
    report = LayerReport("a.csv", "settlement", "a", rows_read=3, rows_used=1, rows_rejected=1)
    with pytest.raises(SxriskError, match=r"a\.csv: 3 rows were read, but 0 left out, 1 used and 1 rejected"):
        report.check_rows()
    report.rows_filtered = 1
    report.check_rows()
