"""Every table reader under rubbish: hypothesis makes some, years of office files the rest."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from sxrisk.layers import load_layer
from sxrisk.layers.readings.series import load_series

_spec = importlib.util.spec_from_file_location("layers_fuzzing", Path(__file__).with_name("fuzzing.py"))
assert _spec is not None
assert _spec.loader is not None
fuzzing = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = fuzzing
_spec.loader.exec_module(fuzzing)
read_or_refuse = fuzzing.read_or_refuse

GOOD = [["编号", "名称", "经度", "纬度", "人口", "坐标串"], ["A", "好", "112.5", "37.5", "10", ""]]
LOG = [["测点", "时间", "降雨量(mm)", "备注"], ["A", "2026-03-15 10:00", "1.5", ""]]
bounded = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lines(rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def layer(path: Path, kind: str = "settlement") -> object:
    return read_or_refuse(lambda: load_layer(path, kind=kind, crs="CGCS2000"), path)


@given(fuzzing.tables, fuzzing.encodings, st.sampled_from(["settlement", "open_pit", "pipeline"]), st.booleans())
@bounded
def test_text_tables(tmp_path: Path, rows: list[list[str]], encoding: str, kind: str, has_header: bool) -> None:
    path = tmp_path / "rubbish.csv"
    path.write_bytes((lines(GOOD) * has_header + lines(rows) or "x").encode(encoding, errors="replace"))
    layer(path, kind)


@given(fuzzing.tables, st.lists(st.tuples(*[st.integers(1, 12)] * 4), max_size=3))
@settings(bounded, max_examples=40)
def test_workbooks(tmp_path: Path, rows: list[list[str]], merges: list[tuple[int, int, int, int]]) -> None:
    path = tmp_path / "rubbish.xlsx"
    book = Workbook()
    for row in (*GOOD, *rows):
        book.active.append([ILLEGAL_CHARACTERS_RE.sub("", cell)[:30000] for cell in row])
    for a, b, c, d in merges:
        book.active.merge_cells(start_row=min(a, c), end_row=max(a, c), start_column=min(b, d), end_column=max(b, d))
    book.save(path)
    layer(path)


@given(fuzzing.damage)
@settings(bounded, max_examples=60)
def test_damaged_workbooks(tmp_path: Path, how: tuple[float, list[tuple[float, int]]]) -> None:
    whole = tmp_path / "whole.xlsx"
    if not whole.exists():
        book = Workbook()
        for row in GOOD * 5:
            book.active.append(row)
        book.active.merge_cells("A2:A4")
        book.save(whole)
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(fuzzing.damaged(whole.read_bytes(), *how))
    layer(path)


@given(st.text(alphabet="<>/=\"'abcrvft123 &;", max_size=300), st.sampled_from(["sheet1", "sharedStrings", "workbook"]))
@settings(bounded, max_examples=40)
def test_workbooks_with_strange_parts(tmp_path: Path, text: str, part: str) -> None:
    source = tmp_path / "source.xlsx"
    book = Workbook()
    for row in GOOD:
        book.active.append(row)
    book.save(source)
    path = tmp_path / "strange.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if part in name:
                at = len(data) // 2
                data = data[:at] + text.encode() + data[at:]
            new.writestr(name, data)
    layer(path)


@given(fuzzing.tables, fuzzing.encodings)
@bounded
def test_survey_files(tmp_path: Path, rows: list[list[str]], encoding: str) -> None:
    path = tmp_path / "rubbish.dat"
    text = "3\n1,,455000,4188000,1200\n" + lines(rows)
    path.write_bytes(text.encode(encoding, errors="replace"))
    read_or_refuse(lambda: load_layer(path, kind="building", crs="EPSG:4547"), path)


@given(fuzzing.tables, st.sampled_from(["rain", "levelling", "displacement"]), st.booleans())
@bounded
def test_readings(tmp_path: Path, rows: list[list[str]], kind: str, is_wide: bool) -> None:
    path = tmp_path / "rubbish.csv"
    head = [["点号", "2025-03-01", "2025-04-01"], ["A", "1", "2"]] if is_wide else LOG
    path.write_text(lines(head) + lines(rows), encoding="utf-8", errors="replace")
    read_or_refuse(lambda: load_series(path, kind=kind), path)


@given(fuzzing.tables)
@bounded
def test_corner_rows(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "rubbish.csv"
    corners = "".join(f"甲,{n},{4188000 + n * n},{455000 + n}\n" for n in range(4))
    path.write_text(f"矿名,拐点号,X,Y\n{corners}{lines(rows)}", encoding="utf-8", errors="replace")
    read_or_refuse(lambda: load_layer(path, kind="open_pit", crs="EPSG:4547"), path)


@given(fuzzing.damage, st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-32"]))
@bounded
def test_damaged_text(tmp_path: Path, how: tuple[float, list[tuple[float, int]]], encoding: str) -> None:
    path = tmp_path / "damaged.csv"
    path.write_bytes(fuzzing.damaged(lines(GOOD * 4).encode(encoding), *how))
    layer(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 5000, b"\xff\xfe", b"\xef\xbb\xbf", b"\xff\xfe\x00\x00", b",,,,\n,,,,\n", b'"' * 3000, b"\r\r\r\r",
        ("编号,经度,纬度\n" + "A,112.5,37.5\r" * 50).encode(), b"id,lon,lat\nA,112.5,37.5\x1a",
        ("c," * 100_000 + "\n" + "1," * 100_000 + "\n").encode(),
        ("id,lon,lat," + "c," * 4000 + "\nA,112.5,37.5\n").encode(),
        b"id,lon,lat\n" + b"A,112.5,37.5\n" * 3 + b"B" * 3_000_000 + b",112.5,37.5\n",
        b"id,lon,lat\n" + b'A,"112.5,37.5\n' * 3000, b"id,lon,lat\n" + b",,\n" * 100_000,
        "id,lon,lat\nA,112.5,37.5\n".encode("utf-16")[:-1], b"id,lon,lat\nA,\xc3\x28,37.5\n",
        ("编号,经度,纬度\n" * 3000).encode(), b"lon,lat\n" + b"112.5,37.5,1,2,3,4,5,6,7\n" * 2000,
        b"id,lon,lat,x,y,X,Y,lon,LON\n" + b"A,112.5,37.5,1,2,3,4,5,6\n",
    ],
    ids=range(19),
)  # fmt: skip
def test_rubbish_made_by_hand(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rubbish.csv"
    path.write_bytes(data)
    layer(path)
    path = path.rename(tmp_path / "rubbish.dat")
    layer(path)
    path = path.rename(tmp_path / "rubbish.txt")
    read_or_refuse(lambda: load_series(path, kind="rain"), path)
    path = path.rename(tmp_path / "rubbish.xlsx")
    layer(path)


def test_a_sheet_as_wide_as_excel_allows(tmp_path: Path) -> None:
    path = tmp_path / "wide.xlsx"
    book = Workbook(write_only=True)
    sheet = book.create_sheet("s")
    sheet.append([f"c{at}" for at in range(16_384)])
    sheet.append(range(16_384))
    book.save(path)
    layer(path)
