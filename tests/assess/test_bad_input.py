"""Bad input: one clear error, exit code 2, and the last good result as it was."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from sxrisk.cli import main
from sxrisk.errors import OutputError
from sxrisk.sample import make_sample

Change = Callable[[Path], Any]
HEADER = "编号,名称,经度,纬度\n"


def project(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / "tiny.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def rules(text: str) -> Change:
    return project("[project]", f"{text}\n[project]")


def holds(name: str, content: str | bytes) -> Change:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


def cut(name: str, share: float) -> Change:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return change


def overwrite_middle(name: str) -> Change:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2 : len(data) // 2 + 3000] = b"\xa5" * 3000
        (folder / name).write_bytes(bytes(data))

    return change


def coordinates(change_one: Callable[[list[float]], list[float]]) -> Change:
    def change(folder: Path) -> None:
        document = json.loads((folder / "villages.geojson").read_text())
        for feature in document["features"]:
            feature["geometry"]["coordinates"] = change_one(feature["geometry"]["coordinates"])
        (folder / "villages.geojson").write_text(json.dumps(document))

    return change


def without_rows(folder: Path) -> None:
    frame = gpd.read_file(folder / "pipes.gpkg").iloc[:0]
    (folder / "pipes.gpkg").unlink()
    frame.to_file(folder / "pipes.gpkg", layer="pipes", geometry_type="LineString")


NO_CRS = project('crs = "EPSG:4490"\n', "")
CASES: dict[str, tuple[Change, str, str]] = {
    # what is broken: how, the place that the message names, and what it says
    "missing file": (
        lambda folder: (folder / "mines.csv").unlink(),
        "layers.mines.path: ",
        "mines.csv does not exist; expected a file. Check the path",
    ),
    "unknown key": (project('path = "pipes.gpkg"', 'pth = "x"\npath = "pipes.gpkg"'), "layers.pipes.pth: ", "'path'?"),
    "unknown section": (rules("[regoin]\nx = 1"), "regoin: ", "unknown key. Did you mean 'region'?"),
    "infinite accuracy": (project("= 0.3", "= inf"), "layers.pipes.position_sigma_m: ", "expected a finite number"),
    "metres declared as degrees": (
        holds("mines.csv", f"{HEADER}M1,a,490000,4040000\n"),
        "mines.csv: ",
        "the coordinates are metres, e.g. (490000, 4040000), but the layer is in degrees",
    ),
    "degrees declared as metres": (
        project('"EPSG:4490"', '"EPSG:4547"'), "mines.csv: ", "the coordinates are degrees, e.g. (113.8",
    ),
    "unknown code": (project('"EPSG:4490"', '"EPSG:99999"'), "layers.mines.crs: ", "'EPSG:99999' is no coordinate"),
    "legacy datum": (project('"EPSG:4490"', '"EPSG:2433"'), "layers.mines.crs: ", "is a legacy datum"),
    "missing CRS": (NO_CRS, "mines.csv: ", "the file does not say and none is declared"),
    "empty file": (holds("mines.csv", ""), "mines.csv: ", "the file is empty (0 bytes). Export"),
    "header only": (holds("mines.csv", HEADER), "mines.csv: ", "a header but no rows; expected at least one row"),
    "no features": (
        holds("villages.geojson", '{"type": "FeatureCollection", "features": []}'),
        "villages.geojson: ",
        "the layer is empty; expected at least one feature",
    ),
    "empty layer": (without_rows, "pipes.gpkg: ", "the layer is empty; expected at least one feature"),
    "NaN in all rows of a table": (
        holds("mines.csv", f"{HEADER}M1,a,nan,36\nM2,b,114,NaN\n"), "mines.csv: ", "row 2: 经度 is not finite",
    ),
    "NaN in all features": (coordinates(lambda xy: [float("nan"), xy[1]]), "villages.geojson: ", "no row is usable: 3"),
    "swapped throughout": (
        coordinates(lambda xy: xy[1::-1]),
        "villages.geojson: ",
        "latitude and longitude are swapped in 3 of 3 rows",
    ),
    "truncated GeoJSON": (cut("villages.geojson", 0.5), "villages.geojson: ", "expected a GeoJSON FeatureCollection"),
    "JSON of another kind": (holds("villages.geojson", '{"a": 1}'), "villages.geojson: ", "the content is not recog"),
    "truncated GeoPackage": (cut("pipes.gpkg", 0.5), "pipes.gpkg: ", "malformed; expected a whole GeoPackage"),
    "damaged GeoPackage": (overwrite_middle("pipes.gpkg"), "pipes.gpkg: ", "the database is damaged"),
    "no GeoPackage": (holds("pipes.gpkg", "no database"), "pipes.gpkg: ", "expected an SQLite database"),
    "binary CSV": (holds("mines.csv", bytes(range(256)) * 40), "mines.csv: ", "no text that can be decoded (byte 128)"),
    "DEM that is text": (holds("dem.tif", "no tiff"), "dem.tif: ", "expected an elevation raster such as a GeoTIFF"),
    "truncated DEM": (cut("dem.tif", 0.6), "dem.tif: ", "It may be cut short or damaged: export or copy it again"),
    "height system of the DEM": (project("EPSG:5737", "EPSG:4490"), "dem.tif: ", "is no height system; expected"),
    "override of no rule": (
        rules('[rules.overrides."P-35x"]\nvalue = 3'), "rules.overrides: ", "Did you mean P-35",
    ),
    "override of no key": (
        rules('[rules.overrides."P-35c"]\nvalu = 3'), "rules.overrides.P-35c: ", "expected value, min_value",
    ),
    "override out of range": (
        rules('[rules.overrides."P-35c"]\nvalue = -5'), "rules.overrides.P-35c: value: ", "greater than or equal to 0",
    ),
    "value of no rule": (rules('[rules.values."T-HO"]\na = 3'), "rules.values: ", "Did you mean T-OH"),
    "value below 0": (
        rules('[rules.values."T-OH"]\ncorridor_half_width_m = -3'),
        "rules.values.T-OH.corridor_half_width_m: ",
        "expected a finite number above 0",
    ),
    "selection of nothing": (
        project('path = "pipes.gpkg"', 'path = "pipes.gpkg"\nwhere = { medium = "oil" }'),
        "pipes.gpkg: ",
        "no row has medium = oil",
    ),
    "attribute of no kind": (
        project('path = "pipes.gpkg"', 'path = "pipes.gpkg"\nvalues = { a = "b" }'), "layers.pipes: ", "no attribute",
    ),
    "heatmap too fine": (
        project("bandwidth_m = 400.0\ncell_m = 100.0", "bandwidth_m = 0.04\ncell_m = 0.01"),
        "tiny.toml: region.heatmap: cell_m: ",
        "Use larger cells",
    ),
}  # fmt: skip
SCAN_CASES: dict[str, tuple[Change, str, str]] = {
    "truncated LAZ": (cut("second.laz", 0.5), "second.laz, byte ", "the file breaks off: its header counts 13689"),
    "LAZ without its end": (cut("second.laz", 0.99), "second.laz, byte ", "the file breaks off"),
    "damaged LAZ": (overwrite_middle("second.laz"), "second.laz, byte ", "Copy or export the file again"),
    "LAZ that is text": (holds("second.laz", "hello"), "second.laz: ", "expected a LAS 1.0 to 1.4"),
    "CRS that contradicts": (
        project('feature = "K1"\ncrs = "EPSG:4547"', 'feature = "K1"\ncrs = "EPSG:4546"'),
        "first.laz: ",
        "CM 114E', crs says 'CGCS2000 / 3-degree Gauss-Kruger CM 111E'",
    ),
    "unknown feature": (
        project('feature = "K1"', 'feature = "K9"'),
        "tiny.toml: sites.pit.feature: ",
        "layer 'pits' has no feature with the id 'K9'; expected K1",
    ),
    "unknown parameter": (
        project("[[sites.pit.epochs]]", "parameters = { cel_m = 1.0 }\n[[sites.pit.epochs]]"),
        "tiny.toml: sites.pit.parameters: ",
        "Did you mean 'cell_m'?",
    ),
    "station that is NaN": (project("[490000.0", "[nan"), "sites.pit.epochs[0].scans[0].station[0]: ", "found nan"),
}


@pytest.fixture(scope="session")
def pristine(make_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    make_tiny(folder / "plain")
    make_tiny(folder / "scanned", site=True)
    return folder


def last_good_result(folder: Path) -> Path:
    out = folder / "results" / "out"
    (out / "assets").mkdir(parents=True)
    (out / "run.json").write_text("{}")
    (out / "assets" / "map.js").write_bytes(b"good")
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def complaint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    code = main(arguments)
    told = capsys.readouterr()
    assert code == 2, told.err
    assert [line[:7] for line in told.err.splitlines() if not line.startswith("  - ")] == ["Error: "]
    assert "Traceback" not in told.err and "Internal error" not in told.err
    assert told.out == ""
    return told.err


@pytest.mark.parametrize("case", [*CASES, *SCAN_CASES])
def test_one_clear_error_and_the_last_result_untouched(
    case: str, pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    change, place, text = {**CASES, **SCAN_CASES}[case]
    folder = tmp_path / "in"
    shutil.copytree(pristine / ("plain" if case in CASES else "scanned"), folder)
    change(folder)
    out = last_good_result(tmp_path)
    before = content(out)
    told = complaint(["run", str(folder / "tiny.toml"), "--out", str(out), "--quiet"], capsys)
    assert place in told
    assert text in told
    assert told.index(place) < told.index(text) + len(text)
    assert content(out) == before
    assert [path.name for path in out.parent.iterdir() if not path.name.startswith(".")] == ["out"]
    if case not in ("heatmap too fine", "damaged LAZ"):
        # What a run refuses before it works, `check` refuses as well.
        assert text in complaint(["check", str(folder / "tiny.toml")], capsys)


def test_all_that_is_broken_is_told_at_once(
    pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    shutil.copytree(pristine / "scanned", tmp_path / "in")
    for change in (holds("dem.tif", "no raster"), cut("first.laz", 0.5), cut("second.laz", 0.5)):
        change(tmp_path / "in")
    told = complaint(["check", str(tmp_path / "in" / "tiny.toml")], capsys)
    assert "3 problems" in told
    assert all(name in told for name in ("dem.tif", "first.laz", "second.laz"))


def test_some_bad_rows_are_set_aside_and_strict_refuses_them(
    pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    folder = tmp_path / "in"
    shutil.copytree(pristine / "plain", folder)
    with (folder / "mines.csv").open("a", encoding="utf-8") as file:
        file.write("M4,四号矿,36.49,113.88,500,是\nM5,五号矿,nan,36.49,500,是\n")
    arguments = ["run", str(folder / "tiny.toml"), "--out", str(tmp_path / "out"), "--quiet", "--only", "layers"]
    assert main(arguments) == 0
    reports = json.loads((tmp_path / "out.partial" / ".state" / "layer_reports.json").read_text())
    assert reports["mines"]["rejected_by_reason"] == {"coordinates_not_finite": 1, "swapped_latitude_longitude": 1}
    capsys.readouterr()
    told = complaint([*arguments, "--strict"], capsys)
    assert "mines.csv, row 5: 2 rows cannot be used, the first because swapped_latitude_longitude" in told


def test_a_file_stands_where_the_folder_should_be(
    pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        told = complaint(["run", str(pristine / "plain" / "tiny.toml"), "--out", str(out), "--quiet"], capsys)
        assert str(out) in told and "Give another folder" in told
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A real disk of a given size; needs root and mount."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root and mount")

    def mount(size: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not allowed here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


@pytest.mark.parametrize("size", ["40k", "400k", "1400k"])
def test_full_disk_is_said_and_the_last_result_stays(
    size: str,
    small_disk: Callable[[str], Path],
    pristine: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    out = last_good_result(small_disk(size))
    before = content(out)
    told = complaint(["run", str(pristine / "plain" / "tiny.toml"), "--out", str(out), "--quiet"], capsys)
    assert "the disk is full. Make room and start again with --resume; the last good result is untouched." in told
    assert str(out.parent) in told
    assert content(out) == before


@pytest.mark.slow
def test_sample_on_a_full_disk(small_disk: Callable[[str], Path]) -> None:
    # Room for the elevation model, not for the GeoPackages that GDAL writes after it.
    with pytest.raises(OutputError, match=r"the disk is full\. Make room and start again\.$"):
        make_sample(small_disk("1300k") / "sample", part="layers")
