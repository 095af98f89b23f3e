"""The rectification register: a real workbook, edited between runs as people edit one."""

import json
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
from shapely import LineString

from sxrisk.assess.register import apply_register, update_register
from sxrisk.errors import FileFormatError, OutputError
from sxrisk.findings import finding_id, findings_frame
from sxrisk.products.geopackage import write_findings_geopackage
from sxrisk.products.register_book import backup_of
from sxrisk.rules import load_catalogue

LON, LAT = 112.5, 37.5
DAY = date(2026, 7, 1)
STATE = "整改状态（填写）"
Run = Callable[..., Path]


def finding(
    name: str, *, measured: float = 60.0, subject_id: str = "", lon: float = 0.0, **more: Any
) -> dict[str, Any]:
    key = subject_id or name
    return {
        "finding_id": finding_id("P-33", f"quarry/{key}", "pipeline/GD"), "rule_id": "P-33", "standard": "PPL",
        "clause": "33", "evidence": "V", "effect": "forbidden", "status": "violation", "hazard_grade": "none",
        "colour": "red", "subject_kind": "quarry", "subject_id": key, "subject_name": name, "object_kind": "pipeline",
        "object_id": "GD", "object_name": "北线", "metric": "distance", "measured": measured, "required": 1000.0,
        "unit": "m", "deficit": 1000.0 - measured, "uncertainty": 5.0, "probability": 1.0, "county": "合山镇",
        "geometry": LineString([(LON + lon, LAT), (LON + lon, LAT + 1e-4)]), **more,
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Writes the findings of a run where a run would."""

    def make(name: str, *rows: dict[str, Any]) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_findings_geopackage(folder / "findings.gpkg", findings_frame(rows), as_of=DAY)
        (folder / "run.json").write_text(f'{{"as_of": "2026-0{len(list(tmp_path.iterdir()))}-01"}}')
        return folder

    return make


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "book" / "整改台账.xlsx"


class Sheet:
    """The register as somebody in front of Excel has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.book = openpyxl.load_workbook(path)
        self.sheet = self.book["整改台账"]
        self.head = {cell.value: cell.column for cell in self.sheet[1]}

    def line(self, name: str) -> int:
        return next(c.row for c in self.sheet[self.letter("主体")] if c.value == name)

    def letter(self, head: str) -> str:
        return openpyxl.utils.get_column_letter(self.head[head])

    def get(self, name: str, head: str) -> Any:
        return self.sheet.cell(self.line(name), self.head[head]).value

    def set(self, name: str, head: str, value: Any) -> "Sheet":
        self.sheet.cell(self.line(name), self.head[head]).value = value
        return self

    def save(self) -> None:
        self.book.save(self.path)

    def rows(self, title: str) -> list[tuple[Any, ...]]:
        return list(self.book[title].iter_rows(min_row=2, values_only=True))


def codes(update: Any) -> list[str]:
    return sorted(conflict.code for conflict in update.conflicts)


def test_first_update_makes_the_book_with_every_finding(run: Run, book: Path) -> None:
    update = update_register(run("a", finding("甲矿"), finding("=cmd|' /C calc'!A0")), book, on=DAY)
    assert (update.rows, update.events, update.conflicts) == (2, {"new": 2}, [])
    opened = Sheet(book)
    assert opened.get("甲矿", STATE) == "待整改"
    assert opened.get("甲矿", "本次仍存在") == "是"
    assert opened.sheet.freeze_panes == "B2" and opened.sheet.auto_filter.ref.startswith("A1:")
    (offered,) = opened.sheet.data_validations.dataValidation
    assert "整改中" in offered.formula1 and str(offered.sqref).startswith(opened.letter(STATE))
    assert all(cell.data_type != "f" for row in opened.sheet.iter_rows() for cell in row)
    assert opened.book["_sxrisk"].sheet_state == "veryHidden"
    assert [row[3] for row in opened.rows("历史")] == ["新发现", "新发现"]


def test_same_run_again_leaves_the_file_alone(run: Run, book: Path) -> None:
    folder = run("a", finding("甲矿"))
    update_register(folder, book, on=DAY)
    before = book.read_bytes()
    assert update_register(folder, book, on=date(2026, 8, 1)).written is False
    assert book.read_bytes() == before


def test_edits_are_read_back_and_stay(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿"), finding("乙矿", lon=0.1)), book, on=DAY)
    opened = Sheet(book)
    opened.set("甲矿", "责任人", "王工").set("甲矿", "整改期限", datetime(2026, 2, 1)).set("甲矿", STATE, "整改中")
    opened.set("乙矿", "备注", "=1+1")
    opened.sheet.cell(1, opened.sheet.max_column + 1).value = "街道自用"
    opened.sheet.cell(opened.line("乙矿"), opened.sheet.max_column).value = "第三网格"
    opened.sheet.column_dimensions["A"].width = 33
    opened.save()
    update = update_register(run("b", finding("甲矿", measured=20.0), finding("乙矿", lon=0.1)), book, on=DAY)
    assert update.conflicts == []
    assert update.states["in_progress"] == 1 and update.overdue == 1
    # The run speaks for this day, whenever the register is brought up to it.
    assert update.day == date(2026, 3, 1)
    again = Sheet(book)
    assert again.get("甲矿", "责任人") == "王工"
    assert again.get("甲矿", "整改期限") == datetime(2026, 2, 1)
    assert again.get("甲矿", STATE) == "整改中"
    assert again.get("甲矿", "测量值") == 20.0
    assert again.get("乙矿", "街道自用") == "第三网格"
    assert again.get("乙矿", "备注") == "=1+1"
    assert again.sheet.column_dimensions["A"].width == 33
    edits = [row for row in again.rows("历史") if row[3] == "人工填写"]
    assert sorted(row[4] for row in edits) == ["备注", "整改期限", STATE, "责任人"]
    # What a person typed as a formula is told in the history as text.
    assert next(row[6] for row in edits if row[4] == "备注") == "'=1+1"


def test_a_sorted_book_keeps_its_order_and_new_rows_come_last(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿"), finding("乙矿", lon=0.1)), book, on=DAY)
    opened = Sheet(book)
    rows = [[cell.value for cell in row] for row in opened.sheet.iter_rows(min_row=2, max_row=3)]
    for line, values in enumerate(rows[::-1], start=2):
        for column, value in enumerate(values, start=1):
            opened.sheet.cell(line, column).value = value
    order = [row[0] for row in rows[::-1]]
    opened.save()
    update = update_register(
        run("b", finding("甲矿"), finding("乙矿", lon=0.1), finding("丙矿", lon=0.2)), book, on=DAY
    )
    assert update.conflicts == []
    assert [row[0] for row in Sheet(book).rows("整改台账")][:2] == order
    assert Sheet(book).line("丙矿") == 4


def test_gone_findings_stay_and_a_closed_one_that_comes_back_is_reopened(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿"), finding("乙矿", lon=0.1)), book, on=DAY)
    assert update_register(run("b", finding("乙矿", lon=0.1)), book, on=DAY).events == {"gone": 1}
    opened = Sheet(book)
    assert opened.get("甲矿", "本次仍存在") == "否"
    opened.set("甲矿", STATE, "已销号").set("甲矿", "确认人", "李工").save()
    update = update_register(run("c", finding("甲矿", measured=55.0), finding("乙矿", lon=0.1)), book, on=DAY)
    assert update.events["back"] == 1 and update.events["reopened"] == 1
    again = Sheet(book)
    assert again.get("甲矿", STATE) == "重新打开"
    assert again.get("甲矿", "确认人") == "李工"
    events = [row[3] for row in again.rows("历史") if row[2] == again.get("甲矿", "编号")]
    assert events == ["新发现", "本次未再发现", "人工填写", "人工填写", "再次发现", "销号后再次发现，重新打开"]


def test_closing_is_kept_until_a_new_run_finds_it_again(run: Run, book: Path) -> None:
    folder = run("a", finding("甲矿"))
    update_register(folder, book, on=DAY)
    Sheet(book).set("甲矿", STATE, "Closed").save()
    update = update_register(folder, book, on=DAY)
    assert (update.states["closed"], update.states["reopened"]) == (1, 0)
    assert Sheet(book).get("甲矿", STATE) == "Closed"


def test_changed_facts_are_listed_and_never_overwritten(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    Sheet(book).set("甲矿", "测量值", 1200).save()
    update = update_register(run("b", finding("甲矿", measured=40.0)), book, on=DAY)
    (conflict,) = update.conflicts
    assert (conflict.code, conflict.in_book, conflict.in_run) == ("fact_edited", 1200, 40.0)
    opened = Sheet(book)
    assert opened.get("甲矿", "测量值") == 1200
    told = opened.rows("冲突 conflicts")
    assert told[0][2:6] == ("测量值", "程序填写的栏目被改动", 1200, 40)
    # Emptying the cell takes the run's value, and the conflict is gone.
    opened.set("甲矿", "测量值", None).save()
    assert update_register(run("c", finding("甲矿", measured=40.0)), book, on=DAY).conflicts == []
    assert Sheet(book).get("甲矿", "测量值") == 40
    assert Sheet(book).rows("冲突 conflicts") == []


def test_unreadable_states_and_dates_are_asked_about_and_kept(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    opened = (
        Sheet(book).set("甲矿", STATE, "快好了").set("甲矿", "整改期限", "下周").set("甲矿", "确认日期", "2026年7月3日")
    )
    opened.save()
    update = update_register(run("b", finding("甲矿")), book, on=DAY)
    assert codes(update) == ["date_unreadable", "unknown_state"]
    assert Sheet(book).get("甲矿", STATE) == "快好了"
    assert "从下拉列表中选择" in "".join(update.conflict_lines("zh"))
    assert "Pick one from the list" in "".join(update.conflict_lines("en"))


def test_deleted_duplicated_and_renamed_rows(run: Run, book: Path) -> None:
    names = ("甲矿", "乙矿", "丙矿")
    rows = [finding(name, lon=at / 10) for at, name in enumerate(names)]
    update_register(run("a", *rows), book, on=DAY)
    opened = Sheet(book)
    opened.set("甲矿", "责任人", "王工")
    copied = [cell.value for cell in opened.sheet[opened.line("甲矿")]]
    opened.sheet.append(copied)
    opened.sheet.cell(opened.sheet.max_row, opened.head["责任人"]).value = "赵工"
    opened.set("乙矿", "编号", "乙-001").set("乙矿", "责任人", "钱工")
    opened.sheet.append(["手工-1", *[None] * 10, "自查发现"])
    opened.sheet.delete_rows(opened.line("丙矿"))
    opened.save()
    update = update_register(run("b", *rows), book, on=DAY)
    assert codes(update) == ["duplicate_row", "id_changed", "row_deleted", "unknown_id"]
    again = Sheet(book)
    assert again.get("乙矿", "编号") == rows[1]["finding_id"] and again.get("乙矿", "责任人") == "钱工"
    assert again.get("丙矿", STATE) == "待整改"
    owners = [row[again.head["责任人"] - 1] for row in again.rows("整改台账")]
    assert sorted(filter(None, owners)) == ["王工", "赵工", "钱工"]
    assert any(row[0] == "手工-1" for row in again.rows("整改台账"))


def test_rows_follow_findings_whose_ids_changed(run: Run, book: Path) -> None:
    update_register(run("a", finding("柳沟采石场", subject_id="3")), book, on=DAY)
    Sheet(book).set("柳沟采石场", "责任人", "王工").save()
    moved = finding("柳沟采石场", subject_id="7", lon=0.0005)
    update = update_register(run("b", moved), book, on=DAY)
    assert update.rows == 1 and update.events["renumbered"] == 1 and "new" not in update.events
    opened = Sheet(book)
    assert opened.get("柳沟采石场", "编号") == moved["finding_id"]
    assert opened.get("柳沟采石场", "责任人") == "王工"


def test_a_persons_confirmation_alone_confirms(run: Run, book: Path) -> None:
    rows = [finding(name, lon=at / 10) for at, name in enumerate(("甲矿", "乙矿", "丙矿", "丁矿"))]
    update_register(run("a", *rows), book, on=DAY)
    opened = Sheet(book)
    opened.set("甲矿", STATE, "已确认").set("甲矿", "确认人", "李工")
    opened.set("乙矿", STATE, "confirmed")
    opened.set("丙矿", STATE, "核实非隐患").set("丙矿", "确认人", "李工")
    opened.save()
    findings, summary = apply_register(findings_frame(rows), book, load_catalogue())
    told = findings.set_index("subject_name")
    names = ["甲矿", "乙矿", "丙矿", "丁矿"]
    assert told["status"][names].tolist() == ["confirmed", "violation", "violation", "violation"]
    assert told["treatment"][names].tolist() == ["confirmed", "confirmed", "not_a_hazard", "open"]
    assert summary["confirmed"] == 1
    assert codes(update_register(run("b", *rows), book, on=DAY)) == ["confirmation_without_name"]


def test_rows_that_contradict_each_other_confirm_nothing(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    opened = Sheet(book)
    opened.set("甲矿", STATE, "已确认").set("甲矿", "确认人", "李工")
    opened.sheet.append([cell.value for cell in opened.sheet[2]])
    opened.sheet.cell(3, opened.head[STATE]).value = "已销号"
    opened.save()
    findings, summary = apply_register(findings_frame([finding("甲矿")]), book, load_catalogue())
    assert findings["status"].tolist() == ["violation"] and findings["treatment"].tolist() == [""]
    assert summary["unclear"] == 1


def test_not_a_hazard_that_becomes_worse_is_asked_about(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    Sheet(book).set("甲矿", STATE, "核实非隐患").save()
    update = update_register(run("b", finding("甲矿", measured=5.0, change="worse")), book, on=DAY)
    assert codes(update) == ["verdict_outdated"]
    assert Sheet(book).get("甲矿", STATE) == "核实非隐患"


def test_a_book_without_the_programs_sheet_or_a_column_still_works(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿"), finding("乙矿", lon=0.1)), book, on=DAY)
    opened = Sheet(book).set("甲矿", "责任人", "王工")
    del opened.book["_sxrisk"]
    opened.sheet.delete_cols(opened.head["备注"])
    opened.save()
    update = update_register(run("b", finding("甲矿", measured=30.0)), book, on=DAY)
    assert codes(update) == ["column_missing", "memory_missing"]
    again = Sheet(book)
    assert again.get("甲矿", "责任人") == "王工" and again.get("甲矿", "测量值") == 30
    assert again.get("乙矿", "测量值") == 60 and again.get("乙矿", "本次仍存在") == "否"


def test_the_book_before_is_kept_beside_it(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    Sheet(book).set("甲矿", "备注", "看过").save()
    edited = book.read_bytes()
    update_register(run("b", finding("甲矿", measured=1.0)), book, on=DAY)
    assert backup_of(book).read_bytes() == edited
    assert sorted(path.name for path in book.parent.iterdir()) == ["整改台账.backup.xlsx", "整改台账.xlsx"]


@pytest.mark.parametrize("mark", ["~$整改台账.xlsx", ".~lock.整改台账.xlsx#"])
def test_a_book_held_open_is_left_alone(run: Run, book: Path, mark: str) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    before = book.read_bytes()
    book.with_name(mark).write_text("somebody")
    with pytest.raises(OutputError, match=r"open in another program\. Close it and try again"):
        update_register(run("b", finding("甲矿", measured=1.0)), book, on=DAY)
    assert book.read_bytes() == before


def test_foreign_and_broken_books_are_refused_untouched(run: Run, tmp_path: Path) -> None:
    folder = run("a", finding("甲矿"))
    foreign = tmp_path / "budget.xlsx"
    openpyxl.Workbook().save(foreign)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(foreign.read_bytes()[:400])
    for path, said in ((foreign, "this workbook is no register"), (broken, "the register cannot be read")):
        before = path.read_bytes()
        with pytest.raises(FileFormatError, match=said):
            update_register(folder, path, on=DAY)
        assert path.read_bytes() == before
    with pytest.raises(FileFormatError, match=r"a name that ends in \.xlsx"):
        update_register(folder, tmp_path / "book.ods", on=DAY)
    with pytest.raises(FileFormatError, match="there are no findings here"):
        update_register(tmp_path / "nothing", tmp_path / "b.xlsx", on=DAY)


def test_an_english_register(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "register.xlsx"
    update_register(run("a", finding("甲矿")), path, language="en", on=DAY)
    opened = openpyxl.load_workbook(path)
    assert opened.sheetnames[:2] == ["Register", "冲突 conflicts"]
    assert opened["Register"]["G2"].value == "Open"
    # A register keeps its language whatever is asked for later.
    update_register(run("b", finding("乙矿", lon=0.3)), path, language="zh", on=DAY)
    assert openpyxl.load_workbook(path)["Register"]["G3"].value == "Open"


def test_deadlines_are_compared_with_the_day_of_the_run(run: Run, book: Path) -> None:
    folder = run("a", finding("甲矿"))
    manifest = folder / "run.json"
    update_register(folder, book, on=DAY)
    Sheet(book).set("甲矿", "整改期限", datetime(2026, 6, 29)).save()
    for as_of, overdue in (("2026-06-29", 0), ("2026-06-30", 1)):
        manifest.write_text(f'{{"as_of": "{as_of}"}}')
        update = update_register(folder, book, on=date(2030, 1, 1))
        assert (update.overdue, update.day) == (overdue, date.fromisoformat(as_of))
    manifest.unlink()
    update = update_register(folder, book, on=DAY)
    assert (update.overdue, update.day) == (1, DAY)


@pytest.mark.parametrize(
    ("project", "asked", "made"),
    [("zh", None, "zh"), ("en", None, "en"), ("zh", "en", "en"), ("en", "zh", "zh"), (None, None, "zh")],
)
def test_a_new_register_speaks_the_language_of_the_project(
    run: Run, book: Path, project: str | None, asked: str | None, made: str
) -> None:
    folder = run("a", finding("甲矿"))
    content = {"as_of": "2026-06-30", **({"parameters": {"project": {"language": project}}} if project else {})}
    (folder / "run.json").write_text(json.dumps(content))
    assert update_register(folder, book, language=asked, on=DAY).language == made
    # One that exists keeps its own.
    (folder / "run.json").write_text(json.dumps({"parameters": {"project": {"language": "en"}}}))
    assert update_register(folder, book, on=DAY).language == made


def test_a_frame_is_what_comes_back(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    findings, _ = apply_register(findings_frame([finding("甲矿")]), book, load_catalogue())
    assert isinstance(findings, gpd.GeoDataFrame) and findings.crs.to_epsg() == 4490


def test_a_book_with_pictures_in_its_cells_is_not_written_over(run: Run, book: Path) -> None:
    """WPS keeps pictures in cells in a part of its own, which openpyxl does not write again."""
    update_register(run("a", finding("甲矿")), book, on=DAY)
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("xl/cellimages.xml", "<etc:cellImages/>")
        archive.writestr("xl/media/image1.png", b"png")
    before = book.read_bytes()
    with pytest.raises(OutputError, match=r"would lose: xl/cellimages\.xml, xl/media/image1\.png"):
        update_register(run("b", finding("甲矿", measured=20.0)), book, on=DAY)
    assert book.read_bytes() == before
    assert not list(book.parent.glob("*.part*"))


def test_an_empty_drawing_and_printer_settings_are_no_loss(run: Run, book: Path) -> None:
    update_register(run("a", finding("甲矿")), book, on=DAY)
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("xl/drawings/drawing1.xml", "<xdr:wsDr/>")
        archive.writestr("xl/printerSettings/printerSettings1.bin", b"")
        archive.writestr("xl/calcChain.xml", "<calcChain/>")
    update_register(run("b", finding("甲矿", measured=20.0)), book, on=DAY)
    assert Sheet(book).get("甲矿", "测量值") == 20.0
