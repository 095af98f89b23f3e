"""The findings as files: styled for QGIS, by RFC 7946, split where a sheet overflows, inert, and whole."""

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from sxrisk.errors import OutputError, ParameterError
from sxrisk.findings import FINDING_COLUMNS, findings_frame
from sxrisk.products import write_changes, write_findings, write_findings_geopackage, write_workbook
from sxrisk.products.atomic import replaced_whole

DAY = date(2026, 6, 30)
SHAPES = (
    shapely.Point(112.5, 37.5),
    shapely.LineString([(112.5, 37.5), (112.51, 37.5)]),
    # Clockwise, as Shapefile has it; RFC 7946 wants it the other way round.
    shapely.Polygon([(112.5, 37.5), (112.5, 37.6), (112.6, 37.6), (112.6, 37.5)]),
)


def findings(count: int = 12, **more: Any) -> gpd.GeoDataFrame:
    colours = ("red", "orange", "yellow", "blue")
    return findings_frame(
        [
            {
                "finding_id": f"F-{at:012x}", "rule_id": "P-33", "colour": colours[at % 4], "status": "violation",
                "subject_kind": "quarry", "subject_name": "=cmd|' /C calc'!A0", "object_name": "北线",
                "metric": "distance", "measured": 1.0, "required": 5.0, "unit": "m", "deficit": 4.0,
                "county": ("合山镇", "柳林乡/[东]", "")[at % 3], "details": '{"households": 12}', "result": "3",
                "change": "new", "treatment": "open", "geometry": SHAPES[at % 3], **more,
            }
            for at in range(count)
        ]
    )  # fmt: skip


def test_geopackage_carries_a_default_style_in_words(tmp_path: Path) -> None:
    path = write_findings_geopackage(tmp_path / "findings.gpkg", findings(), as_of=DAY)
    with closing(sqlite3.connect(path)) as book:
        table, column, qml, sld, default = book.execute(
            "SELECT f_table_name, f_geometry_column, styleQML, styleSLD, useAsDefault FROM layer_styles"
        ).fetchone()
        told = book.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchone()
        kinds = dict(book.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
    assert (table, column, default) == (*told, 1)
    assert kinds["layer_styles"] == "attributes"
    root = ElementTree.fromstring(qml)
    renderer = root.find("renderer-v2")
    assert renderer is not None and renderer.get("type") == "RuleRenderer"
    symbols = {symbol.get("name"): symbol for symbol in renderer.iter("symbol")}
    rules = list(renderer.iter("rule"))
    # Four colours, each for points, lines and areas; every rule has its symbol of the right type.
    assert len(rules) == 12 and set(symbols) == {rule.get("symbol") for rule in rules}
    wanted = {"Point": "marker", "Line": "line", "Polygon": "fill"}
    for rule in rules:
        shape = str(rule.get("filter")).rsplit("'", 2)[1]
        assert symbols[str(rule.get("symbol"))].get("type") == wanted[shape]
    assert rules[0].get("label") == "红色（重大）"
    red = next(option.get("value") for option in symbols["1"].iter("Option") if option.get("name") == "line_color")
    assert red == "212,38,44,255"
    aliases = {alias.get("field"): alias.get("name") for alias in root.iter("alias")}
    assert aliases["subject_name"] == "主体" and set(FINDING_COLUMNS) - {"geometry"} <= set(aliases)
    assert ElementTree.fromstring(sld).tag.endswith("StyledLayerDescriptor")


def test_geopackage_reads_back_as_it_was_and_comes_out_the_same_twice(tmp_path: Path) -> None:
    frame = findings()
    one = write_findings_geopackage(tmp_path / "1.gpkg", frame, as_of=DAY).read_bytes()
    two = write_findings_geopackage(tmp_path / "2.gpkg", frame, as_of=DAY)
    assert one == two.read_bytes()
    back = findings_frame(pyogrio.read_dataframe(two, layer="findings"))
    pd.testing.assert_frame_equal(pd.DataFrame(back), pd.DataFrame(frame), check_like=False)


def test_geojson_is_what_the_standard_asks_for(tmp_path: Path) -> None:
    frame = findings(uncertainty=float("nan"))
    path = write_findings(tmp_path / "f.geojson", frame, as_of=DAY)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection" and "crs" not in content
    assert "CGCS2000" in content["coordinates_note"]
    by_type = {feature["geometry"]["type"]: feature for feature in content["features"]}
    ring = shapely.LinearRing(by_type["Polygon"]["geometry"]["coordinates"][0])
    assert ring.is_ccw
    first = content["features"][0]
    assert first["id"] == frame["finding_id"][0]
    assert first["properties"]["uncertainty"] is None
    assert first["properties"]["details"] == {"households": 12}
    assert "NaN" not in path.read_text(encoding="utf-8")
    assert len(gpd.read_file(path)) == len(frame)


def test_sheets_that_overflow_are_split_by_county(tmp_path: Path) -> None:
    frame = findings(12)
    path = write_workbook(tmp_path / "f.xlsx", frame, as_of=DAY, sheet_rows=3)
    book = openpyxl.load_workbook(path)
    names = [name for name in book.sheetnames if name.startswith("筛查清单")]
    assert names == [
        "筛查清单 （未知）", "筛查清单 （未知） (2)", "筛查清单 合山镇", "筛查清单 合山镇 (2)",
        "筛查清单 柳林乡  东", "筛查清单 柳林乡  东 (2)",
    ]  # fmt: skip
    ids = [row[0] for name in names for row in book[name].iter_rows(min_row=2, values_only=True)]
    assert sorted(ids) == sorted(frame["finding_id"])
    for name in names:
        assert book[name].max_row <= 4 and book[name].auto_filter.ref.endswith(str(book[name].max_row))
    assert [name for name in openpyxl.load_workbook(
        write_workbook(tmp_path / "g.xlsx", frame, as_of=DAY, sheet_rows=12)
    ).sheetnames if name.startswith("筛查清单")] == ["筛查清单"]  # fmt: skip


def test_long_names_of_counties_still_make_sheets(tmp_path: Path) -> None:
    frame = findings(6).assign(county=["长" * 40 + "一", "长" * 40 + "二"] * 3)
    book = openpyxl.load_workbook(write_workbook(tmp_path / "f.xlsx", frame, as_of=DAY, sheet_rows=3))
    names = [name for name in book.sheetnames if name.startswith("筛查清单")]
    assert len(names) == 2 and all(len(name) <= 31 for name in names)


def test_workbook_shows_change_state_class_and_figures(tmp_path: Path) -> None:
    sheets = pd.read_excel(write_findings(tmp_path / "f.xlsx", findings(), as_of=DAY, language="en"), sheet_name=None)
    row = sheets["Findings"].iloc[0]
    assert row[["Change", "State of rectification"]].tolist() == ["New", "Open"]
    assert "12" in row["Further figures"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_text_from_files_stays_inert(tmp_path: Path, suffix: str) -> None:
    path = write_findings(tmp_path / f"f{suffix}", findings(), as_of=DAY)
    if suffix == ".csv":
        table = pd.read_csv(path)
        assert not table.select_dtypes("str").apply(lambda column: column.str.match(r"[=+@-]")).any().any()
        assert table["主体"].iloc[0].startswith("'=")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    else:
        for sheet in openpyxl.load_workbook(path):
            assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_parquet_keeps_the_table_as_it_is(tmp_path: Path) -> None:
    frame = findings()
    back = gpd.read_parquet(write_findings(tmp_path / "f.parquet", frame, as_of=DAY))
    assert list(back.columns) == list(FINDING_COLUMNS) and back.crs.to_epsg() == 4490
    pd.testing.assert_frame_equal(pd.DataFrame(back), pd.DataFrame(frame))


def test_unknown_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"cannot be written as \.pdf; expected \.xlsx, \.gpkg"):
        write_findings(tmp_path / "f.pdf", findings(), as_of=DAY)
    with pytest.raises(ParameterError, match=r"expected \.xlsx or \.csv"):
        write_changes(tmp_path / "f.pdf", pd.DataFrame(), as_of=DAY)


@pytest.mark.parametrize("suffix", [".xlsx", ".geojson", ".csv"])
def test_a_failure_leaves_the_old_file_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"f{suffix}"
    path.write_text("the last good one")
    with pytest.raises((TypeError, ValueError)):
        write_findings(path, findings().assign(measured=[1j] * 12), as_of=DAY)
    assert path.read_text() == "the last good one"
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the folder cannot be written"):
        write_findings(tmp_path / "file" / "f.csv", findings(), as_of=DAY)


def test_nothing_is_left_behind_when_a_write_stops(tmp_path: Path) -> None:
    def stop() -> None:
        with replaced_whole(tmp_path / "a.txt") as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert list(tmp_path.iterdir()) == []
