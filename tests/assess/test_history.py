"""Runs that follow each other: what changed, what the register says, and rows that are all accounted for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from sxrisk.assess import Project, RunResult, compare_runs, update_register
from sxrisk.assess.inventory import account_for_rows
from sxrisk.cli import main
from sxrisk.errors import FileFormatError, SxriskError
from sxrisk.layers import load_layer


@pytest.fixture(scope="module")
def runs(make_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Three runs into one folder: as it is; rows renumbered and a village moved; with a person's confirmation."""
    folder = tmp_path_factory.mktemp("history")
    project = make_tiny(folder / "in")
    text = project.read_text(encoding="utf-8") + '\n[rectification]\npath = "台账.xlsx"\n'
    project.write_text(text, encoding="utf-8")
    out, book = folder / "out", folder / "in" / "台账.xlsx"
    kept: dict[str, Any] = {"out": out, "book": book, "project": project}
    kept["first"] = Project.open(project).run(out)
    update_register(out, book, language="zh")
    villages = folder / "in" / "villages.geojson"
    content = json.loads(villages.read_text(encoding="utf-8"))
    content["features"].reverse()
    villages.write_text(json.dumps(content), encoding="utf-8")
    mines = folder / "in" / "mines.csv"
    head, *rows = mines.read_text(encoding="utf-8").splitlines()
    mines.write_text("\n".join([head, *rows[::-1]]) + "\n", encoding="utf-8")
    pits = json.loads((folder / "in" / "pits.geojson").read_text(encoding="utf-8"))
    ring = pits["features"][0]["geometry"]["coordinates"][0]
    pits["features"][0]["geometry"]["coordinates"] = [[[lon + 0.0008, lat] for lon, lat in ring]]
    (folder / "in" / "pits.geojson").write_text(json.dumps(pits), encoding="utf-8")
    kept["second"] = Project.open(project).run(out)
    opened = openpyxl.load_workbook(book)
    sheet = opened["整改台账"]
    names = {cell.value: cell.column for cell in sheet[1]}
    kept["confirmed"] = sheet.cell(2, 1).value
    sheet.cell(2, names["整改状态（填写）"]).value = "已确认"
    sheet.cell(2, names["确认人"]).value = "李工"
    opened.save(book)
    kept["third"] = Project.open(project).run(out)
    yield kept


def test_the_first_run_has_nothing_to_compare_with(runs: dict[str, Any]) -> None:
    assert runs["first"].manifest["changes"] is None
    assert runs["first"].manifest["compared_with"] is None
    assert runs["first"].manifest["register"] == {
        "file": "台账.xlsx", "exists": False, "rows": 0, "confirmed": 0, "unclear": 0,
        "states": dict.fromkeys(runs["first"].manifest["register"]["states"], 0),
    }  # fmt: skip


def test_renumbered_rows_are_no_change_and_a_move_is(runs: dict[str, Any]) -> None:
    changes = runs["second"].manifest["changes"]
    assert changes["new"] == changes["gone"] == 0
    assert changes["worse"] + changes["better"] >= 1 and changes["unchanged"] >= 1
    assert sum(changes.values()) == runs["second"].manifest["findings"]["total"]
    before = runs["second"].manifest["compared_with"]
    assert before == {"as_of": "2026-06-30", "findings": runs["first"].manifest["findings"]["total"]}


def test_a_confirmation_in_the_register_confirms_in_the_next_run(runs: dict[str, Any]) -> None:
    third: RunResult = runs["third"]
    findings = third.findings().set_index("finding_id")
    assert findings.loc[runs["confirmed"], ["status", "treatment"]].tolist() == ["confirmed", "confirmed"]
    assert (findings["status"] == "confirmed").sum() == third.manifest["findings"]["by_status"]["confirmed"] == 1
    assert third.manifest["register"]["confirmed"] == 1
    assert "rectification.path" in {entry["key"] for entry in third.manifest["inputs"]}
    # A person's word is no change of the place.
    assert set(findings["change"]) == {"unchanged"}


def test_the_same_comparison_by_hand(runs: dict[str, Any]) -> None:
    out = runs["out"]
    changes = compare_runs(out.with_name("out.previous"), out)
    assert changes["change"].eq("unchanged").all()


def test_every_row_is_accounted_for_in_the_manifest(runs: dict[str, Any]) -> None:
    rows = runs["third"].manifest["rows"]
    assert rows["read"] == rows["used"] + rows["rejected"] + rows["filtered"] > 0
    by_layer = runs["third"].manifest["layers"].values()
    assert rows["read"] == sum(report["rows_read"] for report in by_layer)


def test_a_row_that_gets_lost_stops_the_run(runs: dict[str, Any]) -> None:
    loaded = load_layer(runs["project"].with_name("mines.csv"), kind="underground_mine", crs="EPSG:4490")
    account_for_rows("mines", loaded)
    loaded.report.rows_used -= 1
    loaded.report.rows_read -= 1
    with pytest.raises(SxriskError, match="layer mines: 2 rows used and 0 rejected are reported, 3 and 0 are there"):
        account_for_rows("mines", loaded)


def test_workbook_has_changes_quality_and_states(runs: dict[str, Any]) -> None:
    sheets = pd.read_excel(runs["out"] / "findings.xlsx", sheet_name=None)
    assert {"Changes", "Data quality"} <= set(sheets)
    assert set(sheets["Changes"]["Change"]) == {"Unchanged"}
    first = sheets["Findings"]
    assert first["State of rectification"].value_counts()["Confirmed"] == 1
    manifest = runs["third"].manifest
    assert len(manifest["gaps"]) > 0
    assert len(sheets["Data quality"]) == len(manifest["quality"]) + len(manifest["gaps"])


def test_register_given_on_the_command_line(
    runs: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "zh")
    text = runs["project"].read_text(encoding="utf-8").split("[rectification]")[0]
    plain = runs["project"].with_name("plain.toml")
    plain.write_text(text, encoding="utf-8")
    arguments = ["run", str(plain), "--out", str(tmp_path / "out"), "--register", str(runs["book"]), "--quiet"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "经人工确认 1 条" in told and "数据质量" in told


def test_a_book_that_is_no_register_is_refused_before_the_work(
    runs: dict[str, Any], tmp_path: Path, make_tiny: Callable[..., Path]
) -> None:
    project = make_tiny(tmp_path / "in")
    openpyxl.Workbook().save(tmp_path / "in" / "other.xlsx")
    with pytest.raises(FileFormatError, match="this workbook is no register"):
        Project.open(project, register=tmp_path / "in" / "other.xlsx").check()
