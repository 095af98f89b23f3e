"""Headers that offices use, what is said where none fits, and coordinate systems that contradict each other."""

import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from sxrisk.errors import CRSError, InputError
from sxrisk.layers import LoadedLayer, kinds_called, load_layer
from sxrisk.layers import kind as kind_of


def read(folder: Path, kind: str, headers: str, **keywords: object) -> LoadedLayer:
    names = headers.split(",")
    line = '"LINESTRING (112.5 37.5, 112.6 37.6)"'
    place = line if kind_of(kind).geometry == ("line",) else "POINT (112.5 37.5)"
    rows = [[*names, "wkt"], *([*(f"{name}{at}" for name in names), place] for at in (1, 2))]
    path = folder / "a.csv"
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    return load_layer(path, kind=kind, crs="CGCS2000", **keywords)  # type: ignore[arg-type]


def codes(loaded: LoadedLayer) -> list[str]:
    return [issue.code for issue in loaded.report.issues]


def issue_of(loaded: LoadedLayer, code: str) -> str:
    return next(issue.detail for issue in loaded.report.issues if issue.code == code)


@pytest.mark.parametrize(
    ("kind", "headers", "id_header", "name_header"),
    [
        ("open_pit", "采场编号,采场名称", "采场编号", "采场名称"),
        ("building", "序号,房屋编号,门牌号,电话号码,户主姓名", "房屋编号", None),
        ("settlement", "县代码,县名,乡镇名,村代码,村名", "村代码", "村名"),
        ("goaf", "企业编号,企业名称,采空区编号,采空区名称", "采空区编号", "采空区名称"),
        ("school", "统一编号,类型名称,校名", "统一编号", "校名"),
        ("road", "路线编号,道路名称,行业代码", "路线编号", "道路名称"),
        ("accident", "事故编号,事故名称,企业名称", "事故编号", "事故名称"),
        ("enterprise", "企业名称,统一社会信用代码,行业代码,法人姓名", "统一社会信用代码", "企业名称"),
        ("pipeline", "企业名称,管道名称,管道编码", "管道编码", "管道名称"),
        ("hospital", "村名,机构名称,机构ID", "机构ID", "机构名称"),
        ("settlement", "village_id,village_name,valid", "village_id", "village_name"),
        ("waste_dump", "OBJECTID,渣场代码,别名", "渣场代码", None),
    ],
)
def test_headers_by_their_form(
    tmp_path: Path, kind: str, headers: str, id_header: str, name_header: str | None
) -> None:
    loaded = read(tmp_path, kind, headers)
    assert loaded.report.columns["id"] == id_header
    assert loaded.report.columns.get("name") == name_header
    assert not {"header_ambiguous", "no_id_column"} & set(codes(loaded))


def test_a_title_row_above_headers_of_that_form(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("采场一览表,,,\n采场编号,采场名称,经度,纬度\nC1,南采场,112.5,37.5\n", encoding="utf-8")
    loaded = load_layer(path, kind="open_pit", crs="CGCS2000", columns={})
    assert loaded.frame[["id", "name"]].to_numpy().tolist() == [["C1", "南采场"]]


def test_longer_headers_of_a_vocabulary(tmp_path: Path) -> None:
    assert read(tmp_path, "enterprise", "企业编号,安全风险等级").report.columns["risk_level"] == "安全风险等级"
    assert read(tmp_path, "enterprise", "企业编号,企业固有风险等级").report.columns["risk_level"] == "企业固有风险等级"
    loaded = read(tmp_path, "enterprise", "企业编号,固有风险等级,现实风险等级")
    assert "risk_level" not in loaded.report.columns
    assert issue_of(loaded, "header_ambiguous") == (
        "'固有风险等级', '现实风险等级' could each be the risk_level, none was taken; "
        "say which: columns = { risk_level = '固有风险等级' }"
    )


def test_ambiguous_ids_are_told_and_not_taken(tmp_path: Path) -> None:
    loaded = read(tmp_path, "open_pit", "采场编号,采场代码")
    assert "'采场编号', '采场代码' could each be the id, none was taken" in issue_of(loaded, "header_ambiguous")
    assert loaded.frame["id"].str.startswith("open_pit-").all()
    named = read(tmp_path, "open_pit", "采场编号,采场代码", columns={"id": "采场代码"})
    assert named.frame["id"].tolist() == ["采场代码1", "采场代码2"]
    assert not {"header_ambiguous", "no_id_column"} & set(codes(named))


def test_row_numbers_are_told(tmp_path: Path) -> None:
    without = read(tmp_path, "settlement", "村名")
    told = issue_of(without, "no_id_column")
    assert told.startswith("no column of ids was found: ids are row numbers; a feature is known again by its name")
    counted = read(tmp_path, "settlement", "序号,村名")
    assert counted.frame["id"].tolist() == ["序号1", "序号2"]
    assert "the row numbers of '序号'" in issue_of(counted, "no_id_column")


def boundary(**columns: list[str]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[shapely.box(112, 37, 113, 38)], crs=4490)


def test_names_of_a_boundary(tmp_path: Path) -> None:
    path = tmp_path / "b.gpkg"
    boundary(县名=["合山县"], 乡镇名=["南关镇"], 乡镇代码=["140001"]).to_file(path)
    loaded = load_layer(path, kind="boundary")
    assert loaded.frame[["id", "name", "county"]].to_numpy().tolist() == [["140001", "南关镇", "合山县"]]
    boundary(县名=["合山县"]).to_file(tmp_path / "c.gpkg")
    assert load_layer(tmp_path / "c.gpkg", kind="boundary").frame["name"].tolist() == ["合山县"]
    boundary(remark=["x"]).to_file(tmp_path / "d.gpkg")
    assert "columns = { name =" in issue_of(load_layer(tmp_path / "d.gpkg", kind="boundary"), "boundary_without_name")


def points(path: Path, **extra: object) -> Path:
    feature = {
        "type": "Feature",
        "properties": {"编号": "A"},
        "geometry": {"type": "Point", "coordinates": [112.5, 37.5]},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", **extra, "features": [feature]}), encoding="utf-8")
    return path


def test_geojson_without_crs_is_told(tmp_path: Path) -> None:
    path = points(tmp_path / "a.geojson")
    assert "declare crs = 'GCJ-02'" in issue_of(load_layer(path, kind="settlement"), "crs_assumed_wgs84")
    for declared in ("EPSG:4490", "WGS84", "GCJ-02"):
        assert "crs_assumed_wgs84" not in codes(load_layer(path, kind="settlement", crs=declared))
    stated = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert "crs_assumed_wgs84" not in codes(load_layer(points(tmp_path / "b.geojson", crs=stated), kind="settlement"))
    points(path).write_text(path.read_text().replace("112.5, 37.5", "500000.0, 4150000.0"))
    assert "crs_overridden" in codes(load_layer(path, kind="settlement", crs="EPSG:4546"))


def test_a_declared_crs_that_contradicts_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.gpkg"
    gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(500_000, 4_150_000)], crs=4546).to_file(path)
    with pytest.raises(
        CRSError, match=r"p\.gpkg: the file says EPSG:4546 .*but EPSG:4547 .* is declared; .*Leave crs out; .*save it"
    ):
        load_layer(path, kind="settlement", crs="EPSG:4547")
    assert "crs_overridden" not in codes(load_layer(path, kind="settlement", crs="EPSG:4546"))
    old = tmp_path / "o.gpkg"
    gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(500_000, 4_150_000)], crs=2380).to_file(old)
    with pytest.raises(CRSError, match="is declared"):
        load_layer(old, kind="settlement", crs="EPSG:4546")


def test_the_same_crs_in_other_words_is_none_that_contradicts(tmp_path: Path) -> None:
    path = tmp_path / "p.shp"
    gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(500_000, 4_150_000)], crs=4546).to_file(path)
    assert path.with_suffix(".prj").read_text().startswith("PROJCS")
    for declared in ("EPSG:4546", path.with_suffix(".prj").read_text()):
        assert "crs_overridden" not in codes(load_layer(path, kind="settlement", crs=declared))
    degrees = tmp_path / "d.gpkg"
    gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(112.5, 37.5)], crs=4326).to_file(degrees)
    assert "crs_overridden" not in codes(load_layer(degrees, kind="settlement", crs="CGCS2000"))
    assert "crs_overridden" in codes(load_layer(degrees, kind="settlement", crs="BD-09"))


def test_all_rows_far_away_mean_the_wrong_crs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,X,Y\nA,500000,4150000\nB,500100,4150000\n", encoding="utf-8")
    home = shapely.box(110.9, 37.4, 111.1, 37.6)
    assert len(load_layer(path, kind="settlement", crs="EPSG:4546", region=home).frame) == 2
    with pytest.raises(
        InputError, match=r"no row is usable: 2 outside_region; .*check the coordinate system, here CGCS"
    ):
        load_layer(path, kind="settlement", crs="EPSG:4547", region=home)
    path.write_text("编号,经度,纬度\nA,,\n", encoding="utf-8")
    with pytest.raises(InputError, match="Correct the rows"):
        load_layer(path, kind="settlement", crs="WGS84", region=home)


def test_kinds_by_common_words() -> None:
    assert [kinds_called(word) for word in ("村庄", "village", "Roads", "尾矿库", "高速")] == [
        ["settlement"], ["settlement"], ["road"], ["tailings_pond"], [],
    ]  # fmt: skip


def test_a_header_cut_by_the_shapefile_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "p.shp"
    columns = {"采场编号": ["C1"], "采场名称": ["南采场"]}
    gpd.GeoDataFrame(columns, geometry=[shapely.Point(112.5, 37.5)], crs=4490).to_file(path, encoding="UTF-8")
    assert load_layer(path, kind="open_pit").frame[["id", "name"]].to_numpy().tolist() == [["C1", "南采场"]]
