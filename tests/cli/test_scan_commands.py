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
from shapely import box

import sxrisk as sx
from sxrisk.cli import main
from sxrisk.cli.text import _TEXTS

COMMANDS = (
    "info", "convert", "thin", "clean", "ground", "register", "grid", "mesh", "volume", "change", "bodies", "view",
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


def test_a_real_pair_that_shares_little_is_refused(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "clouds" / "libpointmatcher"
    names = ("car_cloud401", "car_cloud400")
    files = [folder / f"{name}.csv" for name in names]
    assert run("thin", *files, "--voxel", 0.3, "--to", "ply", "--out", tmp_path) == 0
    capsys.readouterr()
    thinned = [tmp_path / f"{name}.ply" for name in names]
    # Two frames of a moving scanner share a sixth of their points at this density: too little to be trusted.
    assert run("register", *thinned, "--max-distance", 3, "--out", tmp_path / "fitted.ply", "--json") == 2
    (row,) = json.loads(capsys.readouterr().out)
    assert row["state"] == "failed"
    assert "converge" in row["error"] or "overlap" in row["error"], row["error"]
    assert not (tmp_path / "fitted.ply").exists()
