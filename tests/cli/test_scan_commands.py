"""``sxrisk scan`` as a user types it: help, results, exit codes, and real clouds through every command."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray
from rich.cells import cell_len
from shapely import box

import sxrisk as sx
from sxrisk.cli import main
from sxrisk.cli.text import _TEXTS

COMMANDS = (
    "info", "convert", "thin", "clean", "ground", "register", "grid", "mesh", "volume", "change", "bodies", "series",
    "view",
)  # fmt: skip
UNITS = re.compile(r"metres|number|degree|0 to|%|m²|EPSG|ISO 8601|no unit|standard deviations|Format|tif|coordinates")


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two epochs of 30 m x 30 m; 8 m x 8 m of the later one stand 0.4 m higher."""
    folder = tmp_path_factory.mktemp("pair")
    paths = []
    for seed, lift in ((1, 0.0), (2, 0.4)):
        rng = np.random.default_rng(seed)
        xy = rng.uniform(0.0, 30.0, (15_000, 2))
        z = 900.0 + 2.0 * np.sin(xy[:, 0] / 4.0) + 1.5 * np.cos(xy[:, 1] / 3.0) + rng.normal(0.0, 0.004, len(xy))
        z += np.where((np.abs(xy - 15.0) < 4.0).all(axis=1), lift, 0.0)
        scan = sx.Scan(np.column_stack([xy + np.array([5e5, 4.1e6]), z]), crs="EPSG:4547", registration_sigma_m=0.001)
        paths.append(sx.write_scan(scan, folder / f"e{seed}.laz"))
    return paths[0], paths[1]


def run(*typed: object) -> int:
    return main(["scan", *map(str, typed)])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    shown = capsys.readouterr().out
    assert f"scan {command}" in shown
    # Language is fixed when the words are made into options, so the example is looked for in either.
    assert f"sxrisk scan {command}" in shown.replace("\n", " ").split("Example: ")[-1].split("示例：")[-1]


HELP_OF_ALL = """
import json, sys
from sxrisk.cli import main
from sxrisk.cli.app import app
import typer
group = typer.main.get_command(app).commands["scan"]
for name in json.loads(sys.argv[1]):
    print("====", json.dumps([item.help for item in group.commands[name].params if getattr(item, "help", None)]))
    main(["scan", name, "--help"])
"""


def in_cells(line: str) -> str:
    """A line with a zero behind each wide character, so that columns stand below each other."""
    return "".join(letter + "\0" * (cell_len(letter) - 1) for letter in line)


def is_said(words: str, lines: list[str]) -> bool:
    """Whether words stand in a column of a table, going on below where they began."""
    wanted = re.sub(r"\s", "", words)
    for at, line in enumerate(lines):
        for begin in re.finditer(re.escape(in_cells(words[:2])), line):
            column = "".join(below[begin.start() :] for below in lines[at : at + 12])
            if re.sub(r"[\s\0]", "", column).startswith(wanted):
                return True
    return False


@pytest.mark.parametrize("language", ["zh", "en"])
def test_help_of_80_columns_says_every_word(language: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP_OF_ALL, json.dumps(COMMANDS)],
        capture_output=True, encoding="utf-8", check=True, timeout=120,
        env={**os.environ, "SXRISK_LANG": language, "COLUMNS": "80", "PYTHONUTF8": "1"},
    )  # fmt: skip
    shown = done.stdout.split("====")[1:]
    assert len(shown) == len(COMMANDS)
    for page in shown:
        first, _, rest = page.partition("\n")
        assert "…" not in rest
        assert all(cell_len(line) <= 80 for line in rest.splitlines())
        lines = [in_cells(line.rstrip("│")) for line in rest.splitlines()]
        for words in json.loads(first):
            assert is_said(words, lines), words
        # No line begins with a mark that belongs to the word before.
        assert not re.search(r"│\s{20,}[，。；：、）]", rest)


def test_options_with_numbers_say_their_unit() -> None:
    import typer

    from sxrisk.cli.app import app

    group = typer.main.get_command(app)
    assert hasattr(group, "commands")
    english = {said: key for key, texts in _TEXTS.items() for said in texts}
    for command in COMMANDS:
        for item in group.commands["scan"].commands[command].params:
            kind = type(getattr(item, "type", None)).__name__.lower()
            if "float" in kind or item.name in ("station", "bounds", "towards", "benches"):
                words = _TEXTS[english[item.help]][0]
                assert UNITS.search(words), f"{command} {item.name}: {words}"


def test_every_text_is_in_both_languages() -> None:
    for key, (english, chinese) in _TEXTS.items():
        assert english.strip(), key
        assert chinese.strip(), key
        if key.startswith(("scan", "figure")) and not key.startswith("scan.step"):
            assert set(re.findall(r"{(\w+)", english)) == set(re.findall(r"{(\w+)", chinese)), key


def test_the_top_help_loads_no_science() -> None:
    code = (
        "import sys; from sxrisk.cli.app import app; "
        "print(*sorted({'numpy', 'pandas', 'laspy', 'open3d', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_info_of_one_and_of_many(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", pair[0]) == 0
    assert "15,000" in capsys.readouterr().out
    assert run("info", *pair, tmp_path / "absent.laz") == 2
    shown = capsys.readouterr()
    assert "e1.laz" in shown.out
    assert "e2.laz" in shown.out
    assert "absent.laz" in shown.err
    assert run("info", *pair, "--json") == 0
    assert [item["n_points"] for item in json.loads(capsys.readouterr().out)] == [15_000, 15_000]


def test_a_batch_goes_on_after_a_bad_file_and_resumes(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.laz"
    bad.write_bytes(pair[0].read_bytes()[:700])
    typed = ("thin", pair[0], bad, pair[1], "--voxel", 1, "--out", tmp_path / "out", "--report", tmp_path / "r.csv")
    assert run(*typed) == 2
    shown = capsys.readouterr()
    assert "bad.laz" in shown.err
    assert "1 of 3 files failed" in shown.err
    assert pd.read_csv(tmp_path / "r.csv")["state"].tolist() == ["done", "failed", "done"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.laz")) == ["e1.laz", "e2.laz"]
    assert run(*typed, "--resume", "--json") == 2
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["kept", "failed", "kept"]


def test_processes_give_the_same_bytes(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for workers in (1, 2):
        out = tmp_path / str(workers)
        assert run("convert", *pair, "--to", "ply", "--out", out, "--workers", workers, "--quiet") == 0
    for name in ("e1.ply", "e2.ply"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_dask_cluster_gives_the_same_bytes(pair: tuple[Path, Path], tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    sizes = ("--normal-radius", 1.5, "--cylinder-radius", 0.8, "--depth", 2, "--core-spacing", 1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        for way, options in (("dask", ("--dask", cluster.scheduler_address)), ("here", ())):
            out = tmp_path / way
            assert run("convert", *pair, "--to", "laz", "--out", out, "--quiet", *options) == 0
            assert run("change", *pair, *sizes, "--out", out / "change", "--quiet", *options) == 0
    for name in ("e1.laz", "e2.laz", "change/change.laz", "change/difference.tif", "change/mesh.ply"):
        assert (tmp_path / "dask" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name


def test_a_series_grows_and_keeps_its_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import xarray as xr

    rng = np.random.default_rng(4)
    paths = []
    for day in range(1, 7):
        xyz = rng.uniform(0.0, [20.0, 20.0, 0.02], (8_000, 3))
        xyz[:, 2] += 0.3 * (day >= 4) * (xyz[:, 0] > 12.0)
        epoch = f"2026-03-{day:02d}T00:00:00Z"
        scan = sx.Scan(xyz + np.array([5e5, 4.1e6, 900.0]), crs="EPSG:4547", epoch=epoch, registration_sigma_m=0.0)
        paths.append(sx.write_scan(scan, tmp_path / f"day{day}.laz"))
    sizes = ("--normal-radius", 1, "--cylinder-radius", 0.6, "--depth", 1, "--core-spacing", 1)
    out = tmp_path / "pit.zarr"
    assert run("series", *paths[2::-1], *sizes, "--out", out) == 0
    assert not (tmp_path / "pit_events.gpkg").exists()
    capsys.readouterr()
    assert run("series", *paths[3:], "--append", "--out", out, "--json", "--report", tmp_path / "r.csv") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["epochs"], row["events"]) == (6, 1)
    events = gpd.read_file(tmp_path / "pit_events.gpkg")
    assert events.crs.to_epsg() == 4547
    assert [str(events[name][0].date()) for name in ("begin", "end")] == ["2026-03-03", "2026-03-04"]
    assert events["volume_m3"][0] == pytest.approx(0.3 * 8.0 * 20.0, rel=0.15)
    assert run("series", *paths, *sizes, "--out", tmp_path / "pit.nc", "--smooth-days", 2) == 0
    with xr.open_zarr(out) as grown, xr.open_dataset(tmp_path / "pit.nc", engine="scipy") as whole:
        assert np.array_equal(grown.distance_m.values, whole.distance_m.values, equal_nan=True)
        assert "smoothed_m" in whole
        moved = whole.x.values > 5e5 + 13.0
        assert np.nanmedian(whole.distance_m.values[-1, moved]) == pytest.approx(0.3, abs=0.01)
    # What is no store is left alone; what is missing is named.
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").write_text("mine", encoding="utf-8")
    for typed, said in (
        ((*paths, *sizes, "--out", tmp_path / "mine.zarr"), "no Zarr store"),
        ((*paths, "--out", tmp_path / "x.zarr"), "--normal-radius"),
        ((*paths, *sizes, "--out", tmp_path / "x.tif"), ".zarr or .nc"),
        ((*paths, "--append", "--out", tmp_path / "x.zarr"), "cannot be added"),
    ):
        assert run("series", *typed) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine.zarr").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("thin", "{0}", "--voxel", "0", "--out", "{out}/t.laz"), "voxel"),
        (("thin", "{0}", "--voxel", "1", "--out", "{out}/t.docx"), "t.docx cannot be written"),
        (("convert", "{0}", "--bounds", "1,2,3", "--out", "{out}/t.laz"), "4 or 6 numbers"),
        (("convert", "{0}", "--to-crs", "EPSG:0", "--out", "{out}/t.laz"), "EPSG:0"),
        (("mesh", "{0}", "--out", "{out}/t.ply"), "--cell"),
        (("volume", "{0}", "--cell", "1", "--out", "{out}/t.csv"), "BEFORE and AFTER"),
        (("register", "{0}", "--out", "{out}/t.laz"), "a scan to move and a fixed one"),
        (("bodies", "{0}", "{1}", "--out", "{out}/t.gpkg"), "--change DIR"),
        (("view", "{0}", "--out", "{out}/t.html", "--report", "r.xls"), "r.xls is no report"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    pair: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    typed: tuple[str, ...],
    said: str,
) -> None:
    assert run(*(text.format(*pair, out=tmp_path) for text in typed)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.rglob("t*")) == []


def test_from_scans_to_deformation(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    sizes = ("--normal-radius", 1.5, "--cylinder-radius", 0.8, "--depth", 2, "--core-spacing", 1)
    out = tmp_path / "change"
    assert run("change", before, after, *sizes, "--out", out, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["net_m3"] == pytest.approx(0.4 * 64.0, abs=2.0)
    assert run("change", before, after, *sizes, "--out", out, "--json", "--resume") == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "kept"
    assert run("bodies", before, after, "--change", out, "--out", tmp_path / "bodies.gpkg", "--json") == 0
    bodies = gpd.read_file(tmp_path / "bodies.gpkg")
    assert json.loads(capsys.readouterr().out)[0]["bodies"] == len(bodies)
    # The largest: what came onto 8 m x 8 m.
    assert bodies.loc[0, "class"] == "deposit"
    assert bodies.loc[0, "volume_m3"] == pytest.approx(0.4 * 64.0, rel=0.15)
    assert run("view", out / "change.laz", out / "mesh.ply", "--out", tmp_path / "view.html") == 0
    assert (tmp_path / "view.html").stat().st_size > 100_000


def test_grid_volume_and_mesh_by_command(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("grid", *pair, "--cell", 0.5, "--out", tmp_path / "g", "--slope") == 0
    assert rioxarray.open_rasterio(tmp_path / "g" / "e1.tif").rio.crs.to_epsg() == 4547
    square = gpd.GeoDataFrame(geometry=[box(5e5 + 10, 4.1e6 + 10, 5e5 + 20, 4.1e6 + 20)], crs="EPSG:4547")
    square.to_file(tmp_path / "square.gpkg")
    grids = [tmp_path / "g" / f"{path.stem}.tif" for path in pair]
    capsys.readouterr()
    typed = ("volume", *grids, "--polygons", tmp_path / "square.gpkg", "--out", tmp_path / "v.gpkg", "--json")
    assert run(*typed) == 0
    assert json.loads(capsys.readouterr().out)[0]["fill_m3"] == pytest.approx(0.4 * 64.0, abs=1.5)
    assert run("mesh", pair[0], "--cell", 1, "--max-error", 0.1, "--out", tmp_path / "m.glb") == 0
    assert "watertight" in capsys.readouterr().out


def test_an_interrupt_leaves_nothing_half_written(sample: Path, tmp_path: Path) -> None:
    source = sample / "scans" / "pit-01_2026-03-15_s1.laz"
    typed = ["scan", "clean", str(source), "--in-memory", "1000", "--dust", "--out", str(tmp_path / "c.laz")]
    process = subprocess.Popen(
        [sys.executable, "-m", "sxrisk", *typed], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    for _ in range(400):
        if list(tmp_path.glob(".tiles-*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Interrupted" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pdal/sample_c.las", ()),
        ("pdal/las_with_several_extra_byte_bloc.laz", ("--bounds", "{box}")),
        ("pdal/lone-star.copc.laz", ("--resolution", "1")),
        ("vapc/vapc_in.laz", ()),
        ("e57/pumpAVisualReferenceImage.e57", ()),
        ("libpointmatcher/car_cloud400.csv", ()),
        ("coromandel_nz/points.laz", ()),
    ],
)
def test_real_clouds_pass(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, options: tuple[str, ...]
) -> None:
    path = shared_data / "clouds" / name
    b = sx.scan_info(path).bounds
    assert b is not None
    x, y = (b.xmin + b.xmax) / 2, (b.ymin + b.ymax) / 2
    corner = f"{x},{y},{x + 60},{y + 60}"
    extent = max(b.xmax - b.xmin, b.ymax - b.ymin)
    small = tmp_path / "small.laz"
    assert run("info", path) == 0
    assert run("convert", path, "--out", small, *(text.format(box=corner) for text in options)) == 0
    assert run("thin", small, "--voxel", extent / 200, "--out", tmp_path / "thin.copc.laz") == 0
    assert run("clean", tmp_path / "thin.copc.laz", "--out", tmp_path / "clean.e57") == 0
    assert run("ground", tmp_path / "clean.e57", "--cell", extent / 80, "--object-width", extent / 20,
               "--out", tmp_path / "ground.ply") == 0  # fmt: skip
    assert run("grid", tmp_path / "clean.e57", "--cell", extent / 100, "--out", tmp_path / "grid.tif") == 0
    assert run("mesh", tmp_path / "clean.e57", "--cell", extent / 100, "--out", tmp_path / "mesh.obj") == 0
    assert run("volume", tmp_path / "grid.tif" if b.xmax > 1e4 else tmp_path / "clean.e57", "--plane",
               "--cell", extent / 100, "--out", tmp_path / "v.csv") == 0  # fmt: skip
    assert run("view", tmp_path / "ground.ply", "--out", tmp_path / "view.html") == 0
    radius = str(extent / 40)
    assert run("change", small, small, "--normal-radius", radius, "--cylinder-radius", radius, "--depth", radius,
               "--core-spacing", radius, "--cell", extent / 100, "--out", tmp_path / "change") == 0  # fmt: skip
    capsys.readouterr()
    summary = json.loads((tmp_path / "change" / "summary.json").read_text(encoding="utf-8"))
    assert summary["change"]["significant"] == 0
    assert summary["volume"]["net_m3"] == pytest.approx(0.0, abs=1e-6)


def test_real_scans_of_two_places_are_refused(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "clouds" / "libpointmatcher"
    files = [folder / "car_cloud401.csv", folder / "cloud_0.vtk"]
    assert run("register", *files, "--max-distance", 3, "--out", tmp_path / "fitted.ply", "--json") == 2
    (row,) = json.loads(capsys.readouterr().out)
    assert row["state"] == "failed"
    assert "converge" in row["error"] or "no motion lays" in row["error"] or "within 3 m" in row["error"], row["error"]
    assert not (tmp_path / "fitted.ply").exists()
