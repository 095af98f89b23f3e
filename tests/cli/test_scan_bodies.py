"""``sxrisk scan bodies`` with its options: a table, and a closed mesh of each body beside it."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import sxrisk as sx
from sxrisk.cli import main

SIZES = ("--normal-radius", 1.5, "--cylinder-radius", 0.8, "--depth", 2, "--core-spacing", 1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two epochs of 30 m x 30 m; 8 m x 8 m of the later one stand 0.4 m higher."""
    folder = tmp_path_factory.mktemp("bodies")
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
    return main(["scan", "bodies", *map(str, typed)])


def test_table_and_meshes(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    # Of an earlier run that found more; and something of the user's own.
    (meshes / "B7.ply").write_text("old")
    (meshes / "Bench.ply").write_text("own")
    options = ("--window", 9, "--max-motion", 2, "--meshes", meshes)
    assert run(*pair, *SIZES, *options, "--out", tmp_path / "bodies.gpkg", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["bodies"], row["bodies_deposit"]) == (1, 1)
    table = gpd.read_file(tmp_path / "bodies.gpkg")
    assert table["volume_m3"][0] == pytest.approx(0.4 * 64.0, rel=0.03)
    assert sorted(path.name for path in meshes.iterdir()) == ["B1.ply", "Bench.ply"]
    mesh = sx.read_mesh(meshes / "B1.ply")
    assert mesh.is_watertight
    assert mesh.volume_m3 == pytest.approx(table["volume_m3"][0], rel=1e-6)
    assert table.geometry[0].contains(gpd.points_from_xy(*mesh.vertices[:, :2].mean(axis=0)[:, None])[0])


def test_along_the_surface_can_be_left_out(pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(*pair, *SIZES, "--no-along-surface", "--out", tmp_path / "bodies.csv") == 0
    assert pd.read_csv(tmp_path / "bodies.csv")["class"].tolist() == ["deposit"]


def test_a_reach_beyond_the_window_is_refused(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(*pair, *SIZES, "--window", 6, "--max-motion", 3, "--out", tmp_path / "t.csv", "--meshes", tmp_path / "t")
        == 2
    )
    assert "at most a third of the window" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
