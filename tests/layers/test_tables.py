"""Tables: encodings, separators, headers, rows that are no rows, coordinates as offices write them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxrisk.crs import geodesic_distance_m, wgs84_to_bd09, wgs84_to_gcj02
from sxrisk.errors import CRSError, FileFormatError, InputError, MissingFieldError, ParameterError
from sxrisk.layers import kind, load_layer, read_layer
from sxrisk.layers.tables import delimited
from sxrisk.layers.tables import text as text_files
from sxrisk.layers.tables.values import parse_number

CHINESE = "编号,名称,经度,纬度,采深(m)\nA1,合山煤矿,112.51,37.81,650\nA2,北沟煤矿,112.52,37.82,800\n"


def write(folder: Path, text: str, encoding: str = "utf-8", name: str = "矿山.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def rows_of(count: int, bad: str = "") -> str:
    body = "".join(f"B{at},村{at},{112.5 + at / 1000},{37.5 + at / 1000}\n" for at in range(count))
    return f"编号,名称,经度,纬度\n{body}{bad}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_encodings_and_separators_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    loaded = load_layer(
        write(tmp_path, CHINESE.replace(",", separator), encoding), kind="underground_mine", crs="CGCS2000"
    )
    frame = loaded.frame
    assert frame["name"].tolist() == ["合山煤矿", "北沟煤矿"]
    assert frame["mining_depth_m"].tolist() == [650.0, 800.0]
    assert frame["source_row"].tolist() == [2, 3]
    assert loaded.report.separator == separator
    assert loaded.report.encoding.startswith(encoding.replace("gbk", "gb18030")[:5])
    assert any(issue.code == "encoding_guessed" for issue in loaded.report.issues) == encoding.startswith("gb")


def test_the_frame_has_the_canonical_form(tmp_path: Path) -> None:
    frame = read_layer(write(tmp_path, CHINESE), kind="underground_mine", crs="EPSG:4490", position_sigma_m=5.0)
    assert list(frame.columns) == [
        "id", "name", "kind", "county", "position_sigma_m", "crs_source", "source_file", "source_row",
        *[attribute.name for attribute in kind("underground_mine").attributes], "经度", "纬度", "geometry",
    ]  # fmt: skip
    assert frame.crs.to_epsg() == 4490
    assert frame.loc[0, "geometry"].equals(shapely.Point(112.51, 37.81))
    assert frame["position_sigma_m"].tolist() == [5.0, 5.0]
    assert frame["crs_source"].tolist() == ["cgcs2000"] * 2
    assert frame["source_file"].tolist() == ["矿山.csv"] * 2
    assert frame["ground_pressure_monitoring"].isna().all()
    assert frame.attrs["rows_used"] == 2


def test_title_rows_blank_rows_and_short_rows(tmp_path: Path) -> None:
    text = "合山县煤矿一览表,,,\n\n编号,名称,经度,纬度\nA,甲,112.5,37.5\n,,,\nB,乙,112.6,37.6\n\nC,丙\n"
    loaded = load_layer(write(tmp_path, text), kind="underground_mine", crs="CGCS2000")
    assert loaded.frame["source_row"].tolist() == [4, 6]
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[8, "coordinates_missing"]]
    assert any(issue.code == "header_below_title" for issue in loaded.report.issues)


def test_a_row_with_too_many_fields_is_rejected_with_its_values(tmp_path: Path) -> None:
    loaded = load_layer(write(tmp_path, rows_of(3, "X,一,二,112.5,37.5\n")), kind="settlement", crs="CGCS2000")
    reject = loaded.rejects.iloc[0]
    assert reject["reason"] == "wrong_number_of_fields"
    assert reject["detail"] == "5 fields, the header has 4"
    assert reject["source_row"] == 5
    assert json.loads(reject["original"])["纬度"] == "112.5,37.5"
    assert loaded.report.rows_read == 4 == loaded.report.rows_used + loaded.report.rows_rejected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("X,坏,nan,37.5\n", "coordinates_not_finite"), ("X,坏,inf,37.5\n", "coordinates_not_finite"),
        ("X,坏,,37.5\n", "coordinates_missing"), ("X,坏,东边,37.5\n", "coordinates_not_numbers"),
        ("X,坏,37.5,112.5\n", "swapped_latitude_longitude"), ("X,坏,0,0\n", "outside_china"),
        ("X,坏,-112.5,37.5\n", "outside_china"), ("X,坏,1e300,1e300\n", "outside_china"),
    ],
)  # fmt: skip
def test_bad_coordinates_are_rejected_with_a_reason(tmp_path: Path, row: str, reason: str) -> None:
    loaded = load_layer(write(tmp_path, rows_of(4, row)), kind="settlement", crs="CGCS2000")
    assert loaded.rejects["reason"].tolist() == [reason]
    assert loaded.rejects["source_row"].tolist() == [6]
    assert json.loads(loaded.rejects.loc[0, "original"])["编号"] == "X"
    assert loaded.report.rejected_by_reason == {reason: 1}
    assert len(loaded.frame) == 4


def test_strict_refuses_what_would_be_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, rows_of(4, "X,坏,37.5,112.5\n"))
    with pytest.raises(
        InputError, match=r"1 rows are rejected: 1 swapped_latitude_longitude; the first is row 6: \(37.5, 112.5\)"
    ):
        read_layer(path, kind="settlement", crs="CGCS2000", strict=True)


def test_columns_exchanged_throughout_are_put_right_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, rows_of(4).replace("经度,纬度", "纬度,经度"))
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame.geometry.iloc[3].equals(shapely.Point(112.503, 37.503))
    issue = next(issue for issue in loaded.report.issues if issue.code == "axes_exchanged")
    assert issue.count == 4
    assert issue.detail == "'经度' holds the northing (latitude), '纬度' the easting (longitude)"
    path = write(tmp_path, "编号,东坐标,北坐标\nA,4188000,455000\nB,4188100,455100\n", name="m.csv")
    loaded = load_layer(path, kind="settlement", crs="EPSG:4547")
    assert loaded.frame.geometry.iloc[0].x == pytest.approx(113.49, abs=0.01)
    assert any(issue.code == "axes_exchanged" for issue in loaded.report.issues)


def test_degrees_among_metres_and_metres_among_degrees(tmp_path: Path) -> None:
    loaded = load_layer(write(tmp_path, rows_of(4, "X,坏,455000,4188000\n")), kind="settlement", crs="CGCS2000")
    assert loaded.rejects["reason"].tolist() == ["metres_among_degrees"]
    text = "编号,东坐标,北坐标\nA,455000,4188000\nB,455100,4188000\nC,455000,4188100\nD,113.5,37.8\n"
    loaded = load_layer(write(tmp_path, text, name="m.csv"), kind="settlement", crs="EPSG:4547")
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[5, "degrees_among_metres"]]


def test_surveyors_x_is_north(tmp_path: Path) -> None:
    text = "编号,X,Y\nA,4188000.5,455000.25\nB,4188100,455100\n"
    loaded = load_layer(write(tmp_path, text), kind="settlement", crs="EPSG:4547")
    turned = read_layer(write(tmp_path, text.replace("X,Y", "Y,X"), name="b.csv"), kind="settlement", crs="EPSG:4547")
    assert any(issue.code == "axes_by_magnitude" for issue in loaded.report.issues)
    assert loaded.frame.geometry.iloc[0].equals(turned.geometry.iloc[0])
    assert loaded.frame.geometry.iloc[0].x == pytest.approx(113.49, abs=0.01)


def test_eastings_that_name_their_zone(tmp_path: Path) -> None:
    plain = read_layer(
        write(tmp_path, "编号,东坐标,北坐标\nA,455000,4188000\n", name="p.csv"), kind="settlement", crs=4547
    )
    text = "编号,东坐标,北坐标\nA,38455000,4188000\nB,37600000,4188000\n"
    loaded = load_layer(write(tmp_path, text), kind="settlement", crs="EPSG:4547")
    assert loaded.frame.geometry.iloc[0].equals_exact(plain.geometry.iloc[0], 1e-11)
    assert loaded.frame.geometry.iloc[1].x == pytest.approx(112.137, abs=0.01)
    zones = [issue for issue in loaded.report.issues if issue.code == "zone_prefix_recognised"]
    assert {issue.detail.rsplit(" ", 1)[-1]: issue.rows for issue in zones} == {"EPSG:4526": (2,), "EPSG:4525": (3,)}
    bare = read_layer(write(tmp_path, text, name="d.csv"), kind="settlement", crs="CGCS2000")
    assert bare.geometry.iloc[1].equals_exact(loaded.frame.geometry.iloc[1], 1e-12)


def test_web_map_coordinates_are_brought_back(tmp_path: Path) -> None:
    for name, forward in (("GCJ-02", wgs84_to_gcj02), ("BD-09", wgs84_to_bd09)):
        lon, lat = forward(112.51, 37.81)
        text = f"名称,经度,纬度\n甲,{lon:.9f},{lat:.9f}\n"
        frame = read_layer(write(tmp_path, text), kind="settlement", crs=name)
        point = frame.geometry.iloc[0]
        assert geodesic_distance_m(point.x, point.y, 112.51, 37.81) < 1e-3
        assert frame["crs_source"].iloc[0] == name.replace("-", "").lower()


def test_degrees_minutes_seconds(tmp_path: Path) -> None:
    text = (
        "名称,经度,纬度\n甲,112°30′36″,37°48′36″\n乙,E112:30:36,N37:48:36\n"
        "丙,112度30分36秒,37度48分36秒\n丁,112°75′,37.8\n戊,112°29′96″,37°48′36″\n己,112°30′36″,37°47′96″\n"
    )
    loaded = load_layer(write(tmp_path, text), kind="settlement", crs="CGCS2000")
    for point in loaded.frame.geometry:
        assert (point.x, point.y) == pytest.approx((112.51, 37.81), abs=1e-9)
    assert loaded.rejects["reason"].tolist() == ["coordinates_not_numbers"] * 3


def test_sixty_seconds_are_the_next_minute_as_rounding_makes_them(tmp_path: Path) -> None:
    text = "名称,经度,纬度\n甲,112°45′60.00″,37°59′60″\n"
    point = read_layer(write(tmp_path, text), kind="settlement", crs="CGCS2000").geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((112 + 46 / 60, 38.0), abs=1e-9)


def test_sizes_of_pipes_as_they_are_written() -> None:
    diameter = next(a for a in kind("pipeline").attributes if a.name == "diameter_mm")
    written = ["DN1016", "Φ1016×17.5", "φ813*12mm", "D=610", "1016mm", "约1016", "ND200"]
    parsed = parse_number(pd.Series(written), diameter)
    assert parsed.data.tolist()[:5] == [1016.0, 1016.0, 813.0, 610.0, 1016.0]
    assert parsed.bad.tolist() == [False] * 5 + [True] * 2


def test_a_permit_numbers_the_features_where_nothing_else_does(tmp_path: Path) -> None:
    text = "矿名,采矿许可证号,经度,纬度\n甲,C1400002009,112.5,37.5\n乙,C1400002010,112.6,37.5\n"
    frame = read_layer(write(tmp_path, text), kind="open_pit", crs="CGCS2000")
    assert frame["id"].tolist() == ["C1400002009", "C1400002010"]


def test_units_vocabularies_and_numbers_that_are_none(tmp_path: Path) -> None:
    text = (
        '名称,经度,纬度,库容（万m³）,坝高,状态\n甲,112.5,37.5,"1,250.5",80m,在用\n'
        "乙,112.5,37.5,约三百,-5,闭库\n丙,112.5,37.5,－,８５,奇怪\n"
    )
    loaded = load_layer(write(tmp_path, text), kind="tailings_pond", crs="CGCS2000")
    frame = loaded.frame
    assert frame["storage_volume_m3"].iloc[0] == 12_505_000.0
    assert frame["storage_volume_m3"].isna().tolist() == [False, True, True]
    assert frame["dam_height_m"].iloc[[0, 2]].tolist() == [80.0, 85.0]
    assert np.isnan(frame["dam_height_m"].iloc[1])
    assert frame["status"].tolist() == ["operating", "closed", "奇怪"]
    issues = {(issue.code, issue.column): issue for issue in loaded.report.issues}
    assert issues["number_not_usable", "storage_volume_m3"].rows == (3,)
    assert "约三百" in issues["number_not_usable", "storage_volume_m3"].detail
    assert issues["number_not_usable", "dam_height_m"].rows == (3,)
    assert ("unit_assumed", "dam_height_m") in issues
    assert ("unit_assumed", "storage_volume_m3") not in issues


def test_an_unknown_unit_leaves_the_attribute_empty(tmp_path: Path) -> None:
    text = "名称,经度,纬度,坝高(尺)\n甲,112.5,37.5,80\n"
    loaded = load_layer(write(tmp_path, text), kind="tailings_pond", crs="CGCS2000")
    assert loaded.frame["dam_height_m"].isna().all()
    assert any("'尺' is not known" in issue.detail for issue in loaded.report.issues)


def test_words_of_an_enterprise_list(tmp_path: Path) -> None:
    words = {
        "煤矿": "coal_mine", "非煤矿山": "non_coal_mine", "井工煤矿": "coal_mine", "危险化学品": "chemical",
        "钢铁冶炼": "metallurgy",
        "天然气门站": "gas", "烟花爆竹": "explosives", "豆腐坊": "other", "金属非金属矿山(铁矿)": "non_coal_mine",
    }  # fmt: skip
    body = "".join(
        f"{at},{word},112.5,37.5,{'是' if at % 2 else '否'},{'红橙黄蓝'[at % 4]}色\n" for at, word in enumerate(words)
    )
    text = f"编号,行业类别,经度,纬度,是否安装地压监测,风险等级\n{body}"
    frame = read_layer(write(tmp_path, text, "gb18030"), kind="enterprise", crs="CGCS2000")
    assert dict(zip(words, frame["industry"], strict=True)) == words
    assert frame["ground_pressure_monitoring"].tolist() == [bool(at % 2) for at in range(len(words))]
    assert frame["risk_level"].tolist()[:4] == ["red", "orange", "yellow", "blue"]


def test_duplicate_and_missing_ids(tmp_path: Path) -> None:
    text = "编号,经度,纬度\nA,112.5,37.5\nA,112.6,37.6\nA#2,112.7,37.7\n,112.8,37.8\nA,112.9,37.9\n"
    loaded = load_layer(write(tmp_path, text), kind="settlement", crs="CGCS2000")
    ids = loaded.frame["id"].tolist()
    assert ids[2] == "A#2" and ids[3].startswith("settlement-") and len(set(ids)) == 5
    assert all(name.startswith("A#") and len(name) == 10 for name in (ids[0], ids[1], ids[4]))
    assert loaded.frame["id"].is_unique
    duplicate = next(issue for issue in loaded.report.issues if issue.code == "duplicate_id")
    assert duplicate.rows == (3, 6)


def test_columns_where_and_values_by_the_user(tmp_path: Path) -> None:
    text = "代号,lng,lat,deep,type,kind\nA,112.5,37.5,300,underground,x\nB,112.6,37.6,400,surface,y\n"
    loaded = load_layer(
        write(tmp_path, text), kind="underground_mine", crs="WGS84", columns={"id": "代号", "mining_depth_m": "deep"},
        where={"type": ["underground"]}, values={"mineral": "coal"},
    )  # fmt: skip
    assert loaded.frame[["id", "mining_depth_m", "mineral", "kind_in_file"]].to_numpy().tolist() == [
        ["A", 300.0, "coal", "x"]
    ]
    assert (loaded.report.rows_read, loaded.report.rows_filtered, loaded.report.rows_used) == (2, 1, 1)
    path = tmp_path / "矿山.csv"
    with pytest.raises(MissingFieldError, match="there is no column 'depth'; expected one of 代号"):
        read_layer(path, kind="underground_mine", crs="WGS84", columns={"mining_depth_m": "depth"})
    with pytest.raises(ParameterError, match="'deepness' is no column of the kind underground_mine"):
        read_layer(path, kind="underground_mine", crs="WGS84", columns={"deepness": "deep"})
    with pytest.raises(InputError, match="no row has type = shaft"):
        read_layer(path, kind="underground_mine", crs="WGS84", where={"type": "shaft"})
    with pytest.raises(MissingFieldError, match="no column 'nothing' to select rows by"):
        read_layer(path, kind="underground_mine", crs="WGS84", where={"nothing": 1})


def test_geometry_as_text(tmp_path: Path) -> None:
    text = 'id,wkt\nA,"LINESTRING (112.5 37.5, 112.6 37.6)"\nB,LINESTRING (112.5\nC,\n'
    loaded = load_layer(write(tmp_path, text), kind="pipeline", crs="CGCS2000")
    assert loaded.frame.geometry.iloc[0].length > 0.1
    assert loaded.rejects["reason"].tolist() == ["geometry_not_understood", "empty_geometry"]


def test_region_margin(tmp_path: Path) -> None:
    text = "id,经度,纬度\nin,112.5,37.5\nnear,112.51,38.05\nfar,116,39\nswap,37.5,112.5\n"
    loaded = load_layer(
        write(tmp_path, text),
        kind="settlement",
        crs="CGCS2000",
        region=shapely.box(112, 37, 113, 38),
        region_margin_m=10_000,
    )
    assert loaded.frame["id"].tolist() == ["in", "near"]
    assert loaded.rejects["reason"].tolist() == ["outside_region", "swapped_latitude_longitude"]
    assert any(issue.code == "outside_region" and issue.rows == (3,) for issue in loaded.report.issues)


def test_toes_of_starter_dams_move_with_the_layer(tmp_path: Path) -> None:
    lon, lat = wgs84_to_gcj02([112.5, 112.501], [37.5, 37.501])
    text = f"编号,经度,纬度,坝脚经度,坝脚纬度\nA,{lon[0]},{lat[0]},{lon[1]},{lat[1]}\n"
    frame = read_layer(write(tmp_path, text), kind="tailings_pond", crs="GCJ-02")
    toe = frame[["starter_dam_toe_lon", "starter_dam_toe_lat"]].to_numpy()[0]
    assert toe == pytest.approx([112.501, 37.501], abs=1e-9)
    text = "编号,东坐标,北坐标,初期坝坝脚\nA,455000,4188000,POINT (455100 4188100)\nB,455000,4188000,\n"
    frame = read_layer(write(tmp_path, text, name="b.csv"), kind="tailings_pond", crs="EPSG:4547")
    offset = frame["starter_dam_toe_lat"].iloc[0] - frame.geometry.iloc[0].y
    assert offset == pytest.approx(100 / 111_000, rel=0.01)
    assert np.isnan(frame["starter_dam_toe_lon"].iloc[1])


def test_text_in_files_stays_text(tmp_path: Path) -> None:
    nasty = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "../../etc/passwd", "'; DROP TABLE x; --"]
    text = "名称,经度,纬度\n" + "".join(f'"{name}",112.5,37.5\n' for name in nasty)
    assert read_layer(write(tmp_path, text), kind="settlement", crs="CGCS2000")["name"].tolist() == nasty


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", FileFormatError, "the file is empty (0 bytes)"),
        (b"\n\n  \n", InputError, "the table is empty"),
        ("名称,经度,纬度\n".encode(), InputError, "the table has a header but no rows"),
        ("名称,经度,纬度\n,,\n\n".encode(), InputError, "the table has a header but no rows"),
        ("名称,位置\n甲,乙\n".encode(), MissingFieldError, "no columns of coordinates were found"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\xff\xfe\xfa" * 20, FileFormatError, "no text that can be decoded"),
        ('名称,经度,纬度\n"甲,112.5,37.5\n乙,112.5,37.5\n丙,112.5,37.5\n'.encode(), FileFormatError, "is never closed"),
        ("名称,经度,纬度\n甲,500000,4100000\n".encode(), CRSError, "the coordinates are metres"),
        ("名称,经度,纬度\n甲,2.35,48.85\n".encode(), InputError, "none of 1 rows lies in China"),
        ("名称,经度,纬度\n甲,x,y\n".encode(), InputError, "no row is usable: 1 coordinates_not_numbers"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: bytes, error: type[Exception], message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(error) as caught:
        read_layer(path, kind="settlement", crs="CGCS2000")
    assert message in str(caught.value)
    assert "bad.csv" in str(caught.value)


def test_degrees_in_a_projected_layer(tmp_path: Path) -> None:
    with pytest.raises(CRSError, match="the coordinates are degrees"):
        read_layer(write(tmp_path, rows_of(3)), kind="settlement", crs="EPSG:4547")


def test_crs_must_be_known_and_modern(tmp_path: Path) -> None:
    path = write(tmp_path, rows_of(3))
    with pytest.raises(CRSError, match="coordinate system is unknown: the file does not say and none is declared"):
        read_layer(path, kind="settlement")
    with pytest.raises(CRSError, match=r"矿山.csv: Xian80 \(Xian 1980\) is a legacy datum"):
        read_layer(path, kind="settlement", crs="Xian80")
    with pytest.raises(CRSError, match="'EPSG:banana' is no coordinate system"):
        read_layer(path, kind="settlement", crs="EPSG:banana")


def test_paths_and_parameters(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="there is no such file"):
        read_layer(tmp_path / "none.csv", kind="settlement", crs=4490)
    with pytest.raises(FileFormatError, match="this is a folder"):
        read_layer(tmp_path, kind="settlement", crs=4490)
    with pytest.raises(ParameterError, match="'castle' is no kind of layer; expected one of enterprise"):
        read_layer(tmp_path / "none.csv", kind="castle", crs=4490)
    with pytest.raises(FileFormatError, match=r"the format \.xls is not read here.*Save it as \.xlsx"):
        read_layer(write(tmp_path, "x", name="a.xls"), kind="settlement", crs=4490)
    path = write(tmp_path, rows_of(2))
    with pytest.raises(ParameterError, match="position_sigma_m is -1"):
        read_layer(path, kind="settlement", crs=4490, position_sigma_m=-1)
    with pytest.raises(FileFormatError, match="'klingon' is no known encoding"):
        read_layer(path, kind="settlement", crs=4490, encoding="klingon")
    with pytest.raises(FileFormatError, match="is not ascii"):
        read_layer(path, kind="settlement", crs=4490, encoding="ascii")
    with pytest.raises(ParameterError, match="only one of x and y is named"):
        read_layer(path, kind="settlement", crs=4490, x="经度")


def test_workbook(tmp_path: Path) -> None:
    path = tmp_path / "企业.xlsx"
    table = pd.DataFrame(
        {"编号": ["A", "B"], "名称": ["甲", "乙"], "经度": [112.5, None], "纬度": [37.5, 37.6], "从业人数": [12, 30]}
    )
    with pd.ExcelWriter(path) as writer:
        table.to_excel(writer, sheet_name="企业", index=False)
        table.to_excel(writer, sheet_name="备份", index=False)
    loaded = load_layer(path, kind="enterprise", crs="CGCS2000")
    assert loaded.frame[["id", "employees"]].to_numpy().tolist() == [["A", 12.0]]
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[3, "coordinates_missing"]]
    assert any(issue.code == "other_sheets" for issue in loaded.report.issues)
    with pytest.raises(FileFormatError, match="no sheet '没有'; expected one of 企业, 备份"):
        read_layer(path, kind="enterprise", crs="CGCS2000", layer="没有")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FileFormatError, match="expected an Excel workbook"):
        read_layer(path, kind="enterprise", crs="CGCS2000")


cell = st.one_of(
    st.floats(109, 116).map(repr), st.floats(33, 42).map(repr), st.floats().map(repr), st.integers().map(str),
    st.text(max_size=12), st.sampled_from(["", "nan", '"', "37500000", "112°30′", "是", ",", "\n", "\x00", "１２"]),
)  # fmt: skip


@given(st.lists(st.lists(cell, min_size=1, max_size=6), max_size=12), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_gives_a_clear_error_or_rejects(tmp_path: Path, rows: list[list[str]], encoding: str) -> None:
    path = tmp_path / "rubbish.csv"
    text = "编号,名称,经度,纬度,人口\nA,好,112.5,37.5,10\n" + "".join(",".join(row) + "\n" for row in rows)
    path.write_bytes(text.encode(encoding, errors="replace"))
    try:
        loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    except InputError as error:
        assert "rubbish.csv" in str(error)
        return
    report = loaded.report
    assert report.rows_read == report.rows_used + report.rows_rejected
    assert len(loaded.frame) == report.rows_used
    assert len(loaded.rejects) == report.rows_rejected
    assert loaded.frame["id"].is_unique
    assert np.isfinite(shapely.get_coordinates(loaded.frame.geometry.to_numpy())).all()
    for original in loaded.rejects["original"]:
        json.loads(original)


@given(
    st.binary(min_size=1, max_size=400),
    st.sampled_from(["csv", "xlsx", "shp", "gpkg", "geojson", "kml", "dxf", "parquet"]),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused_by_every_reader(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"random.{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError, match="random"):
        load_layer(path, kind="settlement", crs="CGCS2000")


def test_dates_of_building_and_permit(tmp_path: Path) -> None:
    written = [
        "2015-03-01",
        "2015/3/1",
        "2015年3月1日",
        "2015年3月",
        "2015年",
        "2015",
        "42064",
        "20150301",
        "不详",
        "早年",
    ]
    body = "".join(f"{n},112.5,37.5,{text},2014-01-0{n % 9 + 1}\n" for n, text in enumerate(written))
    loaded = load_layer(
        write(tmp_path, f"编号,经度,纬度,投产时间,批复日期\n{body}"), kind="pipeline_facility", crs="CGCS2000"
    )
    assert str(loaded.frame["built_on"].dtype).startswith("datetime64")
    days = loaded.frame["built_on"].dt.strftime("%Y-%m-%d").fillna("").tolist()
    assert days == ["2015-03-01"] * 4 + ["2015-01-01"] * 2 + ["2015-03-01"] * 2 + ["", ""]
    assert loaded.frame["permitted_on"].notna().all()
    issues = {issue.code: issue for issue in loaded.report.issues}
    assert issues["date_not_understood"].rows == (11,)
    assert "早年" in issues["date_not_understood"].detail
    assert issues["day_assumed"].count == 3


field = st.sampled_from(["a", "", "甲", '"x,y"', '"two\nlines"', '"say ""hi"""', "112.5", " ", '5" pipe', '""'])


@given(st.lists(st.lists(field, min_size=3, max_size=3), min_size=1, max_size=30), st.integers(1, 60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_read_in_pieces_is_the_same_file(tmp_path: Path, rows: list[list[str]], size: int) -> None:
    """Only the length of the pieces differs; a quote inside an unquoted field keeps a piece whole."""
    text = "id,name,note\n" + "".join(",".join(row) + "\n" for row in rows)
    path = write(tmp_path, text)

    def read(piece: int) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "_PIECE_CHARACTERS", piece)
            patch.setattr(text_files, "_BLOCK_BYTES", piece)
            try:
                source = delimited.read_csv(path, encoding=None, known=frozenset(["id", "name"]))
            except InputError as error:
                return str(error).split(", column")[0]
        return source.table.to_numpy().tolist(), source.rows.tolist(), source.broken

    assert read(size) == read(10**9)
