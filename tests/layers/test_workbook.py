"""Workbooks as offices fill them in, made by hand with openpyxl: what a person sees in them is what must be read."""

import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers import LoadedLayer, load_layer, read_layer

HEADER = ["编号", "名称", "经度", "纬度", "人口"]


def save(path: Path, *sheets: tuple[str, Sequence[Sequence[object]], Sequence[str]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows, merged in sheets:
        sheet: Worksheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in merged:
            sheet.merge_cells(cells)
    book.save(path)
    return path


def codes(loaded: LoadedLayer) -> dict[str, str]:
    return {issue.code: issue.detail for issue in loaded.report.issues}


def test_title_blank_rows_and_a_joined_header_over_two_rows(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("表1", [
        ["合山县尾矿库基本情况一览表"], ["填报单位：合山县应急局", None, None, None, "日期：2026年6月"], [],
        ["编号", "尾矿库名称", "地理位置", None, "坝体参数", None],
        [None, None, "经度", "纬度", "坝高", "库容"],
        [None, None, "°", "°", "m", "万m³"],
        ["WK-1", "东沟库", 112.51, 37.81, 60, 120], ["WK-2", "西沟库", "112°30′36″", "37°48′36″", "４５", "80.5"],
    ], ["A1:F1", "A4:A5", "B4:B5", "C4:D4", "E4:F4"]))  # fmt: skip
    loaded = load_layer(path, kind="tailings_pond", crs="CGCS2000")
    frame = loaded.frame
    assert frame[["id", "name", "source_row"]].to_numpy().tolist() == [["WK-1", "东沟库", 7], ["WK-2", "西沟库", 8]]
    assert frame["dam_height_m"].tolist() == [60.0, 45.0]
    assert frame["storage_volume_m3"].tolist() == [1_200_000.0, 805_000.0]
    assert frame.geometry.iloc[1].equals_exact(frame.geometry.iloc[0], 1e-9)
    told = codes(loaded)
    assert told["header_below_title"] == "the header was found in row 4"
    assert told["header_rows_joined"].startswith("rows 4 to 6 are one header: 编号, 尾矿库名称, 经度(°), 纬度(°)")
    assert "unit_assumed" not in told


def test_three_header_rows_without_merged_cells(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("表1", [
        ["基本情况", None, None, None, "坝脚", None],
        ["编号", "名称", "中心坐标", None, "坐标", None],
        [None, None, "经度", "纬度", "经度", "纬度"],
        ["A", "甲", 112.51, 37.81, 112.52, 37.82],
    ], []))  # fmt: skip
    frame = read_layer(path, kind="tailings_pond", crs="CGCS2000")
    assert frame.loc[0, "id"] == "A"
    assert frame.geometry.iloc[0].coords[0] == (112.51, 37.81)
    assert frame.loc[0, ["starter_dam_toe_lon", "starter_dam_toe_lat"]].tolist() == [112.52, 37.82]


def test_a_header_of_one_row_takes_no_row_of_text_with_it(tmp_path: Path) -> None:
    rows = [
        ["编号", "名称", "介质", "经度", "纬度", None], ["甲一", "北站", "天然气", "东经112.5", "北纬37.5", "备注"],
        ["甲二", "南站", "天然气", "东经112.5", "北纬37.5"],
    ]  # fmt: skip
    loaded = load_layer(save(tmp_path / "a.xlsx", ("s", rows, [])), kind="pipeline_facility", crs="CGCS2000")
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[2, "wrong_number_of_fields"]]
    assert loaded.frame["name"].tolist() == ["南站"]


def test_labels_merged_over_rows_are_filled_and_quantities_are_not(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("s", [
        ["所属县区", *HEADER], ["合山县", "A", "甲", 112.51, 37.81, 300], [None, "B", "乙", 112.52, 37.82, None],
        [None, "C", "丙", 112.53, 37.83, 40], ["平遥县", "D", "丁", 112.54, 37.84, 50],
    ], ["A2:A4", "F2:F3"]))  # fmt: skip
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame["county"].tolist() == ["合山县", "合山县", "合山县", "平遥县"]
    assert loaded.frame["population"].fillna(-1).tolist() == [300.0, -1.0, 40.0, 50.0]
    issues = {issue.code: issue for issue in loaded.report.issues}
    assert (issues["merged_cells_filled"].count, issues["merged_quantity"].rows) == (2, (2,))


def test_notes_totals_group_titles_and_the_header_once_more_are_rejected_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("s", [
        HEADER, ["一、城关镇"], ["A", "甲", 112.51, 37.81, 10], ["小计", None, None, None, 10], HEADER,
        ["B", "乙", 112.52, 37.82, 20], ["合  计", None, None, None, 30], ["填表人：张三", None, "审核人：李四"],
        ["备注：坐标为2000国家大地坐标系"], ["C", "备注村", 112.53, 37.83, 5],
    ], ["A2:E2"]))  # fmt: skip
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame["id"].tolist() == ["A", "B", "C"]
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [
        [2, "group_title_row"], [4, "total_row"], [5, "repeated_header"], [7, "total_row"], [8, "note_row"],
        [9, "note_row"],
    ]  # fmt: skip
    assert loaded.report.rows_read == 9 == loaded.report.rows_used + loaded.report.rows_rejected


def test_sheets_with_one_header_are_taken_together_and_the_others_named(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.xlsx",
        ("说明", [["本表由各镇填报"]], []),
        ("城关镇", [["城关镇村庄表"], HEADER, ["A", "甲", 112.51, 37.81, 10]], []),
        ("东山镇", [["编 号", *HEADER[1:], "备注"], ["B", "乙", 112.52, 37.82, 20, "新村"], ["C", "丙"]], []),
        ("副本", [["抄件"], HEADER, ["A", "甲", 112.51, 37.81, 10]], []),
        ("学校", [["学校名称", "经度", "纬度"], ["一小", 112.5, 37.8]], []),
        ("空表", [], []),
    )  # fmt: skip
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame[["id", "sheet", "source_row"]].to_numpy().tolist() == [["A", "城关镇", 3], ["B", "东山镇", 2]]
    assert loaded.frame["备注"].tolist() == ["", "新村"]
    assert json.loads(loaded.rejects.loc[0, "original"])["sheet"] == "东山镇"
    told = codes(loaded)
    assert told["sheets_joined"].endswith("城关镇 (1 rows), 东山镇 (2 rows)")
    for name in ("说明", "副本 (a copy of '城关镇')", "学校 (another header)"):
        assert name in told["other_sheets"]
    one = load_layer(path, kind="school", crs="CGCS2000", layer="学校")
    assert one.frame["name"].tolist() == ["一小"]
    assert "other_sheets" not in codes(one)
    with pytest.raises(FileFormatError, match="no sheet '没有'; expected one of 说明, 城关镇"):
        read_layer(path, kind="settlement", crs="CGCS2000", layer="没有")


def test_hidden_sheets_and_rows_are_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("甲", [HEADER, ["A", "a", 112.5, 37.8, 1], ["B", "b", 112.6, 37.8, 1]], []),
                ("乙", [HEADER, ["C", "c", 112.5, 37.8, 1]], []))  # fmt: skip
    from openpyxl import load_workbook

    book = load_workbook(path)
    book["甲"].row_dimensions[3].hidden = True
    book["乙"].sheet_state = "hidden"
    book.save(path)
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame["id"].tolist() == ["A", "B"]
    assert "乙 (hidden)" in codes(loaded)["other_sheets"]
    assert "hidden_rows" in codes(loaded)


def test_dates_numbers_as_text_and_macro_workbooks(tmp_path: Path) -> None:
    rows = [[*HEADER, "建成日期"], ["01", "甲", "'112.51", "３７.８１", "1,200人", date(2015, 3, 1)]]
    path = save(tmp_path / "a.xlsm", ("s", rows, []))
    frame = read_layer(path, kind="settlement", crs="CGCS2000")
    assert frame.loc[0, "id"] == "01"
    assert frame.geometry.iloc[0].coords[0] == (112.51, 37.81)
    assert frame.loc[0, "population"] == 1200.0
    assert frame.loc[0, "built_on"].date() == date(2015, 3, 1)


def test_a_formula_without_its_result_is_a_clear_problem(tmp_path: Path) -> None:
    rows = [HEADER, ["A", "甲", "=112+0.51", 37.81, 1], ["B", "乙", 112.52, 37.82, 2]]
    path = save(tmp_path / "a.xlsx", ("s", rows, []))
    loaded = load_layer(path, kind="settlement", crs="CGCS2000")
    assert loaded.frame["id"].tolist() == ["B"]
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[2, "formula_without_value"]]
    assert loaded.rejects.loc[0, "detail"].startswith("C2: =112+0.51 has no stored result; open the file in Excel")
    # As Excel stores it: the result beside the formula.
    edit(path, "xl/worksheets/sheet1.xml", lambda text: text.replace("<v></v>", "<v>112.51</v>").replace(
        "<v />", "<v>112.51</v>").replace("<v/>", "<v>112.51</v>"))  # fmt: skip
    assert read_layer(path, kind="settlement", crs="CGCS2000").geometry.iloc[0].x == 112.51


def edit(path: Path, part: str, change: Callable[[str], str]) -> None:
    """Rewrite one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('<row r="3"', '<row r="2000000000"'), "row 2000000000 follows row 2"),
        (lambda text: text.replace('<row r="3"', '<row r="1"'), "row 1 follows row 2"),
        (lambda text: text.replace('r="A2"', 'r="ZZZ2"'), "'ZZZ2' is no cell of row 2"),
        (lambda text: text.replace('r="A2"', 'r="A7"'), "'A7' is no cell of row 2"),
        (lambda text: text.replace("</worksheet>", '<mergeCells><mergeCell ref="A1:ZZ"/></mergeCells></worksheet>'),
         "no range of merged cells"),
        (lambda text: '<!DOCTYPE x [<!ENTITY a "ha">]>' + text, "declares a document type"),
        (lambda text: text[: len(text) // 2], "expected an Excel workbook"),
    ],
)  # fmt: skip
def test_sheets_that_would_hang_or_mislead_the_reader(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    rows = [HEADER, ["A", "甲", 112.51, 37.81, 1], ["B", "乙", 112.52, 37.82, 2]]
    path = save(tmp_path / "a.xlsx", ("s", rows, []))
    edit(path, "xl/worksheets/sheet1.xml", change)
    with pytest.raises(FileFormatError, match=message):
        read_layer(path, kind="settlement", crs="CGCS2000")


def test_ranges_merged_over_the_whole_sheet_cost_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ("s", [HEADER, ["A", "甲", 112.51, 37.81, 1]], []))
    cells = "".join(f'<mergeCell ref="A{at}:XFD1048576"/>' for at in range(3, 2000))
    edit(path, "xl/worksheets/sheet1.xml",
         lambda text: text.replace("</worksheet>", f"<mergeCells>{cells}</mergeCells></worksheet>"))  # fmt: skip
    assert len(read_layer(path, kind="settlement", crs="CGCS2000")) == 1


def test_bombs_and_strange_archives(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    with pytest.raises(FileFormatError, match=r"bomb\.xlsx"):
        read_layer(path, kind="settlement", crs="CGCS2000")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.xml", b"<a/>")
    with pytest.raises(FileFormatError, match=r"bomb\.xlsx"):
        read_layer(path, kind="settlement", crs="CGCS2000")
    assert not list(tmp_path.parent.parent.glob("evil.xml"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an old workbook .* or one with a password"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "the content is no workbook"),
        (b"PK\x03\x04 cut", "expected an Excel workbook"),
    ],
)
def test_what_only_calls_itself_a_workbook(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=message):
        read_layer(path, kind="settlement", crs="CGCS2000")


def test_a_workbook_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the workbook is empty"):
        read_layer(save(tmp_path / "a.xlsx", ("s", [], [])), kind="settlement", crs="CGCS2000")
    with pytest.raises(InputError, match="a header but no rows"):
        read_layer(save(tmp_path / "a.xlsx", ("s", [HEADER], [])), kind="settlement", crs="CGCS2000")
