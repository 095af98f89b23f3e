"""The files of the review pack: workbook, GeoPackage, report, pictures, and that they come out the same twice."""

import hashlib
import zipfile
from datetime import date

import openpyxl
import pandas as pd
import pyogrio
import pytest
from docx import Document

from sxrisk.errors import OutputError, ParameterError
from sxrisk.findings import FINDING_COLUMNS, findings_frame, measurement, measurements_frame
from sxrisk.products import PackInput, write_pack, write_workbook
from sxrisk.products.scene import site_folder
from sxrisk.products.site_rows import measurement_rows, telling_rows


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_input_gives_the_same_bytes(pack, pack_input, tmp_path):
    write_pack(tmp_path / "again", pack_input)
    first, second = digests(pack), digests(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_pack_has_what_the_design_names(pack):
    for name in (
        "index.html", "findings.gpkg", "findings.xlsx", "report.docx", "region/heatmap.png", "region/grid.png",
        "sites/pit-01/scene.html", "sites/goaf-01/scene.html", "assets/sxrisk-sans.woff",
    ):  # fmt: skip
        assert (pack / name).stat().st_size > 500, name


def test_workbook_has_no_live_formula_and_keeps_every_finding(pack, pack_input):
    book = openpyxl.load_workbook(pack / "findings.xlsx")
    assert book.sheetnames == ["筛查清单", "按判据统计", "数据质量", "未能核查项", "退回数据行", "说明"]
    sheet = book["筛查清单"]
    assert sheet.max_row == len(pack_input.findings) + 1
    assert sheet.freeze_panes == "E2" and sheet.auto_filter.ref.startswith("A1:")
    assert sheet["A1"].value == "编号" and sheet["B2"].fill.fgColor.rgb.endswith("D4262C")
    for each in book:
        for row in each.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not (isinstance(cell.value, str) and cell.value.lstrip().startswith(("=", "+", "-", "@")))
    with zipfile.ZipFile(pack / "findings.xlsx") as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(2026, 6, 30, 0, 0, 0)}


def test_geopackage_holds_the_findings_schema(pack, pack_input):
    frame = pyogrio.read_dataframe(pack / "findings.gpkg", layer="findings")
    assert set(FINDING_COLUMNS) <= set(frame.columns)
    assert len(frame) == len(pack_input.findings) and frame.crs.to_epsg() == 4490
    assert frame["sentence"].str.len().min() > 5
    assert len(pyogrio.read_dataframe(pack / "findings.gpkg", layer="not_checked")) == 2


def test_report_says_what_must_be_said(pack):
    document = Document(pack / "report.docx")
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    for words in ("合山县安全风险筛查成果", "2026-06-30", "合成数据 / synthetic", "须经人工确认", "未能核查项"):
        assert words in text
    assert "不是执法结论" in text
    cells = "\n".join(cell.text for table in document.tables for row in table.rows for cell in row.cells)
    assert "第三十条（三）" in cells and "编制" in cells and "合山镇" in cells
    # What was not checked is grouped by what is missing; what is odd in the data is told in words.
    assert "没有图层" in text and "缺少属性" in text and "数据质量" in text
    assert "字符编码为推断（read as GBK）" in cells
    # Two pictures of the region and one of each site.
    assert len(document.inline_shapes) == 4


def test_english_pack_without_anything_found(make_pack, tmp_path):
    nothing = dict.fromkeys(("heatmap", "grid", "dem", "not_applied", "rejects"))
    empty = make_pack(findings=findings_frame([]), language="en", sites=(), **nothing)
    written = write_pack(tmp_path, empty)
    assert tmp_path / "index.html" in written
    book = openpyxl.load_workbook(tmp_path / "findings.xlsx")
    assert book.sheetnames[0] == "Findings" and book["Findings"].max_row == 1


def test_pack_of_findings_alone(tmp_path):
    pack = PackInput(title_zh="空", title_en="Empty", as_of=date(2026, 1, 1), findings=findings_frame([]))
    assert (tmp_path / "index.html") in write_pack(tmp_path, pack)


def test_unknown_language_is_refused(make_pack, tmp_path):
    with pytest.raises(ParameterError, match="language is 'fr'; expected 'zh' or 'en'"):
        write_pack(tmp_path, make_pack(language="fr"))


def test_unwritable_folder_is_a_clear_error(make_pack, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the review pack cannot be written"):
        write_pack(tmp_path / "file", make_pack())


def test_workbook_held_open_is_a_clear_error(make_pack, tmp_path):
    (tmp_path / "findings.xlsx").mkdir()
    with pytest.raises(OutputError, match=r"the workbook cannot be written\. Close it where it is open"):
        write_workbook(tmp_path / "findings.xlsx", findings_frame([]), as_of=date(2026, 1, 1))


@pytest.mark.parametrize("hostile", ["../../etc", "/abs", "a/b", "..", "", "con<>:|", "x" * 300])
def test_site_folders_stay_inside(hostile):
    folder = site_folder(hostile)
    assert folder and "/" not in folder and "\\" not in folder and not folder.startswith(".") and len(folder) < 80


def test_a_card_shows_what_tells_most_and_names_the_loss(made_up):
    pit = made_up.pit()
    pit.summary["change"] = {"bodies": [{"id": "B2", "kind": "loss"}, {"id": "B10", "kind": "gain"}]}
    for body, volume in (("B10", 40.0), ("B2", -84.0)):
        row = measurement("open_pit", "KC-01", "body_volume", volume, "m3", sigma=3.0, method="tin", object_id=body)
        pit.measurements = pd.concat([pit.measurements, measurements_frame([row, row])], ignore_index=True)
    assert [(row["metric"], row["object"], row["body"]) for row in telling_rows(pit)] == [
        ("depth", "", ""),
        ("body_volume", "B2", "loss"),
    ]
    assert [row["object"] for row in measurement_rows(pit) if row["metric"] == "body_volume"] == ["B2", "B10"]


def test_a_control_character_in_the_title_does_no_harm(tmp_path, made_up):
    path = write_workbook(tmp_path / "a.xlsx", findings_frame([]), as_of=date(2026, 6, 30), title="合山\x07县")
    assert openpyxl.load_workbook(path).properties.title == "合山 县"
