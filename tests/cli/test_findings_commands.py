"""compare, register, violations, layers info: as they are typed, in both languages, with their exit codes."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from shapely import LineString

from sxrisk.cli import main
from sxrisk.findings import findings_frame
from sxrisk.products import write_findings_geopackage

MINES = "编号,名称,经度,纬度\nM1,一号采石场,112.5,37.5\nM2,二号采石场,112.6,37.5\nM3,坏行,,\n"


def place(name: str, **more: Any) -> dict[str, Any]:
    return {
        "finding_id": name, "rule_id": "P-33", "colour": "red", "status": "violation", "subject_kind": "quarry",
        "subject_id": name, "subject_name": f"[b]{name}[/b]", "object_kind": "pipeline", "object_id": "GD",
        "object_name": "北线", "metric": "distance", "measured": 60.0, "required": 100.0, "deficit": 40.0, "unit": "m",
        "uncertainty": 1.0, "hazard_grade": "none", "standard": "PPL", "clause": "33",
        "geometry": LineString([(112.5, 37.5), (112.5, 37.501)]), **more,
    }  # fmt: skip


def run_folder(folder: Path, *rows: dict[str, Any]) -> Path:
    folder.mkdir()
    write_findings_geopackage(folder / "findings.gpkg", findings_frame(rows), as_of=date(2026, 6, 30))
    (folder / "run.json").write_text('{"as_of": "2026-06-30", "findings": {"total": 2}}')
    return folder


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, Path]:
    before = run_folder(tmp_path / "a", place("甲", deficit=5.0), place("乙"))
    return before, run_folder(tmp_path / "b", place("甲"), place("丙", subject_name="丙矿"))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    quarries = tmp_path / "采石场.csv"
    quarries.write_text(MINES, encoding="gb18030")
    pipes = gpd.GeoDataFrame(
        {"编号": ["GD-1"], "名称": ["北线"], "介质": ["天然气"]},
        geometry=[LineString([(112.4, 37.5005), (112.7, 37.5005)])],
        crs=4490,
    )
    pipes.to_file(tmp_path / "pipelines.gpkg")
    return quarries, tmp_path / "pipelines.gpkg"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("加重", "新增 1，加重 1，不变 0，减轻 0，消失 1")),
        ("en", ("Worse", "1 new, 1 worse, 0 unchanged, 0 better")),
    ],
)
def test_compare(
    two_runs: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("SXRISK_LANG", language)
    monkeypatch.setenv("COLUMNS", "200")
    out = two_runs[0].parent / "changes.xlsx"
    assert main(["compare", *map(str, two_runs), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in words)
    # Markup in a name is text.
    assert "[b]甲[/b]" in printed
    table = pd.read_excel(out)
    assert len(table) == 3 and table.iloc[0, 1] in ("新增", "New")


def test_compare_as_csv_is_whole_or_absent(two_runs: tuple[Path, Path]) -> None:
    folder = two_runs[0].parent
    assert main(["compare", *map(str, two_runs), "--out", str(folder / "c.csv")]) == 0
    assert len(pd.read_csv(folder / "c.csv")) == 3
    assert main(["compare", *map(str, two_runs), "--out", str(folder / "c.pdf")]) == 2
    assert not (folder / "c.pdf").exists()


def test_compare_of_what_is_no_run(two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(two_runs[0]), "absent"]) == 2
    assert "there are no findings here" in capsys.readouterr().err


@pytest.mark.parametrize(("language", "sheet"), [("zh", "整改台账"), ("en", "Register")])
def test_register_is_made_updated_and_told(
    two_runs: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    sheet: str,
) -> None:
    monkeypatch.setenv("SXRISK_LANG", language)
    book = two_runs[0].parent / "register.xlsx"
    assert main(["register", str(two_runs[0]), "--book", str(book)]) == 0
    opened = openpyxl.load_workbook(book)
    opened[sheet]["G2"].value = "???"
    opened.save(book)
    assert main(["register", str(two_runs[1]), "--book", str(book)]) == 0
    printed = capsys.readouterr().out
    assert {"zh": "1 处冲突须人工处理", "en": "1 conflict to be decided"}[language] in printed
    assert {"zh": "整改状态无法识别", "en": "the state was not understood"}[language] in printed
    assert main(["register", str(two_runs[1]), "--book", str(book)]) == 0
    assert {"zh": "没有变化，文件未改动", "en": "the file was left alone"}[language] in capsys.readouterr().out


def test_violations_by_a_criterion_into_a_folder(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "zh")
    monkeypatch.setenv("COLUMNS", "200")
    out = files[0].parent / "out"
    typed = ["violations", *map(str, files), "--rule", "P-35c", "--subject-kind", "quarry", "--subject-crs", "CGCS2000"]
    assert (
        main([*typed, "--subject-sigma", "1", "--object-sigma", "1", "--as-of", "2026-06-30", "--out", str(out)]) == 0
    )
    printed = capsys.readouterr().out
    assert "一号采石场 与 北线 相距 55.5 m" in printed
    assert "未能核查项" in printed and "退回数据行" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "rejects.csv", "violations.geojson", "violations.gpkg", "violations.xlsx"
    ]  # fmt: skip
    found = gpd.read_file(out / "violations.gpkg", layer="findings")
    assert found["measured"].round(1).tolist() == [55.5, 55.5]
    assert len(pd.read_csv(out / "rejects.csv")) == 1


@pytest.mark.parametrize("suffix", ["xlsx", "gpkg", "geojson", "csv", "parquet"])
def test_violations_by_a_distance_into_one_file(files: tuple[Path, Path], suffix: str) -> None:
    out = files[0].parent / f"out.{suffix}"
    typed = ["violations", *map(str, files), "--distance", "60", "--subject-crs", "CGCS2000", "--out", str(out)]
    assert main(typed) == 0
    first = out.read_bytes()
    assert main(typed) == 0
    if suffix != "parquet":
        assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "give a distance or a criterion; expected exactly one of them"),
        (["--distance", "60", "--rule", "P-35c"], "give a distance or a criterion"),
        (["--rule", "P-35"], "there is no rule 'P-35'. Did you mean"),
        (["--distance", "-1"], "the required distance is -1 m"),
        (["--distance", "60", "--subject-kind", "quary"], "there is no kind 'quary'. Did you mean quarry?"),
        (["--rule", "P-35c", "--object-kind", "school"], "the criterion is not about school"),
        (["--distance", "60", "--subject-crs", "EPSG:0"], "EPSG:0"),
        (["--distance", "60", "--out", "x.pdf"], "findings cannot be written as .pdf"),
        (["--rule", "P-35c", "--value", "a"], "a (no '=') is no value"),
    ],
)
def test_violations_refuse_what_they_cannot_use(
    files: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    more: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(files[0].parent)
    before = sorted(files[0].parent.iterdir())
    crs = [] if "--subject-crs" in more else ["--subject-crs", "CGCS2000"]
    assert main(["violations", *map(str, files), *crs, *more]) == 2
    assert said in capsys.readouterr().err
    assert sorted(files[0].parent.iterdir()) == before


def test_violations_of_a_missing_file(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["violations", "absent.csv", str(files[1]), "--distance", "5"]) == 2
    assert "absent.csv: the file does not exist" in capsys.readouterr().err


def test_a_layer_against_itself_tells_each_pair_once(tmp_path: Path) -> None:
    path = tmp_path / "villages.csv"
    path.write_text("村代码,经度,纬度\nA,112.5,37.5\nB,112.5005,37.5\nC,112.7,37.5\n", encoding="utf-8")
    out = tmp_path / "out.geojson"
    assert main(["violations", str(path), str(path), "--distance", "100", "--subject-crs", "CGCS2000", "--object-crs",
                 "CGCS2000", "--out", str(out)]) == 0  # fmt: skip
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [feature["properties"]["object_id"] for feature in content["features"]] == ["B"]


@pytest.mark.parametrize(("language", "words"), [("zh", "退回的行"), ("en", "Rows set aside")])
def test_layers_info_tells_how_a_file_is_understood(
    files: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    words: str,
) -> None:
    monkeypatch.setenv("SXRISK_LANG", language)
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["layers", "info", str(files[0]), "--crs", "CGCS2000", "--kind", "quarry"]) == 0
    printed = capsys.readouterr().out
    assert words in printed and "coordinates_missing" in printed and "名称" in printed


def test_the_command_itself_in_a_process_of_its_own(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sxrisk", "violations", *map(str, files), "--distance", "60", "--subject-crs",
         "CGCS2000", "--out", str(tmp_path / "o.csv")],
        capture_output=True, env={**os.environ, "SXRISK_LANG": "zh", "PYTHONUTF8": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert "共 2 条筛查结果" in done.stdout.decode("utf-8")
    assert done.stderr == b""


@pytest.mark.parametrize("rule", ["HCA-G-a", "HCA-G-b", "HCA-G-f", "LC-TRANS-F", "HI-GRADE"])
def test_violations_of_a_criterion_that_builds_on_another(rule: str, tmp_path: Path) -> None:
    pipe = gpd.GeoDataFrame(
        {"编号": ["GD-1"], "介质": ["天然气"], "管径": [610.0], "压力": [6.3], "管网类型": ["长输"]},
        geometry=[LineString([(112.5, 37.5), (112.53, 37.5)])],
        crs=4490,
    )
    homes = "编号,经度,纬度,户数,层数,建筑用途\n" + "".join(
        f"H{k},{112.51 + k * 1e-4},37.5005,3,2,住宅\n" for k in range(40)
    )
    units = "厂区编号,单元编号,危险化学品,存在量,单元类型,经度,纬度\nC1,U1,氯,100,储存单元,112.5,37.5\n"
    (tmp_path / "buildings.csv").write_text(homes, encoding="utf-8")
    (tmp_path / "units.csv").write_text(units, encoding="utf-8")
    pipe.to_file(tmp_path / "pipelines.gpkg")
    files = ["units.csv", "buildings.csv"] if rule.startswith("HI") else ["pipelines.gpkg", "buildings.csv"]
    kinds = {"units.csv": "chemical_unit", "pipelines.gpkg": "pipeline", "buildings.csv": "building"}
    out = tmp_path / "found"
    typed = ["violations", *(str(tmp_path / name) for name in files), "--rule", rule, "--out", str(out)]
    typed += ["--subject-kind", kinds[files[0]], "--object-kind", kinds[files[1]]]
    typed += ["--subject-crs", "CGCS2000", "--object-crs", "CGCS2000"]
    assert main(typed) == 0
    found = gpd.read_file(out / "violations.gpkg", layer="findings")
    assert set(found["rule_id"]) <= {rule}
    if rule == "HCA-G-b":
        # 120 households: class 3, which is item b.
        assert len(found) == 1
