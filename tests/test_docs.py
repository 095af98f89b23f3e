"""What the page on the project file says is complete and runs."""

import json
import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

import sxrisk as sx
from sxrisk import Project
from sxrisk.assess import LayerFile, find_violations, load_project
from sxrisk.assess import project as project_file
from sxrisk.cli import main
from sxrisk.errors import InputError, ProjectError
from sxrisk.layers import KINDS, kind
from sxrisk.layers._formats import suffixes
from sxrisk.rules import load_catalogue
from sxrisk.sites.stability import PARAMETERS

# Suffixes that the page names by the format's own name.
FORMAT_NAMES = {
    ".xlsm": "xlsx", ".shp": "shapefile", ".gpkg": "geopackage", ".json": "geojson", ".tab": "mapinfo",
    ".mif": "mapinfo", ".fgb": "flatgeobuf", ".parquet": "geoparquet",
}  # fmt: skip
BODY_KINDS = ("heaves", "deposits", "rockfalls", "slides", "settlements")
COMMON = ("id", "name", "county", "position_sigma_m")


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "project-file.md").read_text(encoding="utf-8")


@pytest.fixture
def minimal(page: str, tmp_path: Path) -> Path:
    """The page's first TOML, and files such as it names."""
    path = tmp_path / "my-county.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0], encoding="utf-8")
    ring = [[112.0, 37.0], [113.0, 37.0], [113.0, 38.0], [112.0, 38.0], [112.0, 37.0]]
    feature = {"type": "Feature", "properties": {"乡镇代码": "1", "乡镇名": "南关镇"},
               "geometry": {"type": "Polygon", "coordinates": [ring]}}  # fmt: skip
    (tmp_path / "townships.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
    )
    (tmp_path / "mines.csv").write_text(
        "企业编号,矿山名称,经度,纬度,开采深度(m)\nQ1,合山煤矿,112.5,37.5,650\n", encoding="utf-8"
    )
    (tmp_path / "villages.csv").write_text("村代码,村名,经度,纬度,户数\nC1,南沟村,112.51,37.51,30\n", encoding="utf-8")
    return path


def test_every_kind_and_attribute_is_named(page: str) -> None:
    for name in KINDS:
        definition = kind(name)
        (row,) = re.findall(rf"^\| `{name}` \| {definition.title_zh} \|.*$", page, re.MULTILINE)
        assert " or ".join(definition.geometry) in row
        for attribute in definition.attributes:
            assert f"`{attribute.name}`" in row, f"{name}: {attribute.name}"
            (described,) = re.findall(rf"^\| `{attribute.name}` \|.*$", page, re.MULTILINE)
            assert attribute.canonical_unit in described
            assert attribute.vocabulary is None or all(word in described for word in attribute.vocabulary.words)
    for column in COMMON:
        assert f"| `{column}` |" in page


def test_every_key_of_the_project_file_is_named(page: str) -> None:
    models = [
        model
        for model in vars(project_file).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__.startswith("sxrisk.assess")
    ]
    assert len(models) > 10
    for model in models:
        for key in model.model_fields:
            if model is project_file.ProjectFile:
                assert key == "path" or f"[{key}" in page, key
            else:
                assert f"`{key}`" in page, f"{model.__name__}: {key}"


def test_every_value_that_is_asked_and_every_rule_is_named(repository: Path) -> None:
    standards = (repository / "docs" / "standards.md").read_text(encoding="utf-8")
    for rule in load_catalogue().rules.values():
        assert f"| `{rule.id}` |" in standards
        for ask in rule.asks:
            assert f"| `{rule.id}` | `{ask.name}` | {ask.unit} |" in standards


def test_rules_that_the_pages_name_are_in_the_catalogue(repository: Path) -> None:
    known = load_catalogue().rules
    for page in (repository / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for rule_id in re.findall(r"\[rules\.(?:values|overrides)\.([A-Za-z0-9'-]+)\]", text):
            assert rule_id in known, f"{page.name}: {rule_id}"


def test_every_format_that_is_read_is_named(repository: Path) -> None:
    page = (repository / "docs" / "data-formats.md").read_text(encoding="utf-8").casefold()
    for suffix in suffixes():
        assert FORMAT_NAMES.get(suffix, suffix[1:]) in page, suffix


def test_the_minimal_project_is_small_and_runs(minimal: Path) -> None:
    lines = [line for line in minimal.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 18
    project = Project.open(minimal)
    layers = project.check().layers
    assert layers[["layer", "used", "rejected"]].to_numpy().tolist() == [
        ["townships", 1, 0], ["mines", 1, 0], ["villages", 1, 0],
    ]  # fmt: skip
    mines = project.layer("mines")
    assert mines.loc[0, ["id", "name", "mining_depth_m"]].tolist() == ["Q1", "合山煤矿", 650.0]


def test_the_second_example_is_understood(page: str, minimal: Path) -> None:
    (rules,) = (block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[rules.values" in block)
    minimal.write_text(minimal.read_text(encoding="utf-8") + rules, encoding="utf-8")
    assert Project.open(minimal).check().rules == len(load_catalogue().rules)


@pytest.mark.parametrize("section", ["[datums.", "[headers]"])
def test_the_examples_of_datums_and_headers_are_understood(page: str, minimal: Path, section: str) -> None:
    (example,) = (block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if section in block)
    minimal.write_text(minimal.read_text(encoding="utf-8") + example, encoding="utf-8")
    project = load_project(minimal)
    assert {name: entry.datum(name).method for name, entry in project.datums.items()} in (
        {}, {"mine-grid": "helmert4", "xian80": "helmert7"},
    )  # fmt: skip
    assert bool(project.datums) != bool(project.headers)


@pytest.mark.parametrize("word", ["村庄", "village"])
def test_a_common_word_for_a_kind_gets_a_hint(minimal: Path, word: str) -> None:
    text = minimal.read_text(encoding="utf-8").replace('"settlement"', f'"{word}"')
    minimal.write_text(text, encoding="utf-8")
    with pytest.raises(
        ProjectError, match=rf"'{word}': unknown kind; did you mean 'settlement'\? Known kinds: accident"
    ):
        Project.open(minimal)
    minimal.write_text(text.replace(word, "xyzzy"), encoding="utf-8")
    with pytest.raises(ProjectError, match=r"unknown kind\. Known kinds: accident"):
        Project.open(minimal)


def test_the_example_of_own_criteria_is_a_catalogue_that_finds(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "own-criteria.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(\[standard\].*?)```", page, re.DOTALL)
    path = tmp_path / "county-rules.toml"
    path.write_text(example, encoding="utf-8")
    mine = {rule.id: rule for rule in load_catalogue([path]).rules.values() if rule.id.startswith("HS-")}
    assert {"HS-DUMP-1", "HS-POND-1"} <= set(mine)
    assert mine["HS-DUMP-1"].value == 300.0
    (tmp_path / "dumps.csv").write_text("编号,名称,经度,纬度\nD1,东排土场,112.5,37.5\n", encoding="utf-8")
    (tmp_path / "homes.csv").write_text("编号,名称,经度,纬度\nV1,南沟村,112.502,37.5\n", encoding="utf-8")
    found = find_violations(
        LayerFile(tmp_path / "dumps.csv", "waste_dump", "EPSG:4490", 1.0),
        LayerFile(tmp_path / "homes.csv", "settlement", "EPSG:4490", 1.0),
        rule="HS-DUMP-1", rule_files=[path], as_of=date(2026, 6, 30),
    ).findings  # fmt: skip
    # 0.002 degrees of longitude at 37.5 N.
    assert found["measured"].tolist() == pytest.approx([176.9], abs=0.1)
    assert found["status"].tolist() == ["violation"]


@pytest.fixture(scope="module")
def pit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page on scans can be followed: two small stations of each of its two epochs."""
    folder = tmp_path_factory.mktemp("pit")
    (folder / "scans").mkdir()
    for seed, day in enumerate(("2026-03-15", "2026-06-15")):
        for station in (1, 2):
            rng = np.random.default_rng(10 * seed + station)
            xy = rng.uniform(0.0, 40.0, (9_000, 2))
            z = 950.0 + 2.0 * np.sin(xy[:, 0] / 4.0) + 1.5 * np.cos(xy[:, 1] / 3.0) + rng.normal(0.0, 0.004, len(xy))
            z += np.where((np.abs(xy - 20.0) < 4.0).all(axis=1), 0.5 * seed, 0.0)
            grey = rng.integers(0, 255, len(xy)).astype("u1")
            scan = sx.Scan(
                np.column_stack([xy + np.array([394_300.0, 4_196_500.0]), z]),
                crs="EPSG:4547", vertical_crs="EPSG:5737",
                epoch=f"{day}T10:00:00+08:00", stations=[[394_300.0 + 40.0 * station, 4_196_480.0, 990.0]],
                attributes={"red": grey, "green": grey, "blue": grey},
            )  # fmt: skip
            sx.write_scan(scan, folder / "scans" / f"pit-01_{day}_s{station}.laz")
    return folder


def test_the_commands_of_the_page_on_scans_run(
    repository: Path, pit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "scans.md").read_text(encoding="utf-8")
    monkeypatch.chdir(pit)
    monkeypatch.setenv("SXRISK_LANG", "en")
    typed = re.findall(r"^    sxrisk (scan .*)$", page, re.MULTILINE)
    assert len(typed) >= 10
    for line in typed:
        typed_names = [sorted(map(str, Path().glob(w))) if "*" in w else [w] for w in shlex.split(line)]
        assert main([name for names in typed_names for name in names]) == 0, f"{line}: {capsys.readouterr().err}"
    shown = capsys.readouterr().out
    # Every word of the tables that the page shows is one that the commands say.
    for row in re.findall(r"^    │ ([a-z][^│]*?) +│", page, re.MULTILINE):
        assert row in shown or row.endswith(".laz") or row in BODY_KINDS, row


def test_python_of_the_page_on_scans_runs(repository: Path, pit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (repository / "docs" / "scans.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(pit)
    for name, day in (("march", "2026-03-15"), ("june", "2026-06-15")):
        stations = [sx.read_scan(path) for path in sorted((pit / "scans").glob(f"*{day}*"))]
        sx.write_scan(sx.Scan.merge(stations), pit / f"{name}.laz")
    names: dict[str, object] = {}
    exec(compile(code, "scans.md", "exec"), names)
    result, bodies = names["result"], names["bodies"]
    assert isinstance(result, sx.M3C2Result)
    raised = (np.abs(result.core_points[:, :2] - [394_320.0, 4_196_520.0]) < 2.5).all(axis=1)
    assert np.nanmedian((result.distance / result.normals[:, 2])[raised]) == pytest.approx(0.5, abs=0.03)
    assert bodies["volume_m3"].abs().max() == pytest.approx(0.5 * 8.0 * 8.0, rel=0.25)


def test_the_page_on_goafs_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "goafs.md").read_text(encoding="utf-8")
    for name in ("scans", "sample_data"):
        (tmp_path / name).symlink_to(repository / name)
    county = (repository / "county.toml").read_text(encoding="utf-8")
    rock = re.search(r"^\[sites\.goaf-01\.stability\]\n.*?(?=^# ──)", county, re.MULTILINE | re.DOTALL)
    assert rock is not None
    text = rock[0].replace("[sites.goaf-01.stability]\n", "").replace("sites.goaf-01.stability.", "")
    (tmp_path / "rock.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SXRISK_LANG", "en")
    typed = re.findall(r"^    sxrisk (goaf .*)$", page, re.MULTILINE)
    assert len(typed) == 4
    for line in typed:
        assert main(shlex.split(line)) == 0, f"{line}: {capsys.readouterr().err}"
    shown = capsys.readouterr().out
    for row in re.findall(r"^    │ ([^│]*?) +│", page, re.MULTILINE):
        assert row in shown, row
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "goafs.md", "exec"), names)
    body = names["body"]
    # An ellipsoid of 15, 15 and 10 m within the shell.
    assert body.volume_low_m3 < 4.0 / 3.0 * np.pi * 15 * 15 * 10 < body.volume_high_m3
    for name in re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE):
        assert name in PARAMETERS


@pytest.mark.parametrize(
    ("old", "new"), [('"distance"\nop', '"height"\nop'), ('value = 300.0\nunit = "m"', 'value = 300.0\nunit = "km"')]
)
def test_a_distance_in_other_units_is_refused(repository: Path, tmp_path: Path, old: str, new: str) -> None:
    page = (repository / "docs" / "own-criteria.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(\[standard\].*?)```", page, re.DOTALL)
    assert old in example
    (tmp_path / "rules.toml").write_text(example.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match="needs metric 'distance' and unit 'm'"):
        load_catalogue([tmp_path / "rules.toml"])
