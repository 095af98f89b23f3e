"""``sxrisk goaf mesh`` and ``measure`` as a user types them."""

import json
from pathlib import Path

import manifold3d
import numpy as np
import pandas as pd
import pyproj
import pytest

import sxrisk as sx
from sxrisk.assess.goaf_jobs.measuring import read_neighbours
from sxrisk.cli import main
from sxrisk.errors import ParameterError
from sxrisk.surfaces import Mesh, read_mesh

ORIGIN = np.array([512_345.0, 4_123_456.0, 1_234.0])


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")


def run(*typed: object) -> int:
    return main(["goaf", *map(str, typed)])


def saved(solid: manifold3d.Manifold, path: Path, *, inward: bool = False) -> Path:
    raw = solid.to_mesh64()
    faces = np.asarray(raw.tri_verts).astype(np.int32)
    vertices = np.asarray(raw.vert_properties)[:, :3] + ORIGIN
    return Mesh(vertices, faces[:, ::-1] if inward else faces, crs=pyproj.CRS("EPSG:4547")).write(path)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    solid = manifold3d.Manifold.cube((30, 16, 5), True) - manifold3d.Manifold.cube((4, 3, 9), True)
    return saved(solid, tmp_path / "room.ply")


def test_mesh_of_scans_and_of_bare_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(5_000, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    points = 5.0 * ways + ORIGIN
    source = sx.write_scan(sx.Scan(points, crs="EPSG:4547"), tmp_path / "ball.laz")
    at = ",".join(map(str, ORIGIN))
    assert run("mesh", source, "--station", at, "--out", tmp_path / "ball.ply", "--json") == 0
    told = json.loads(capsys.readouterr().out)[0]
    assert told["way"] == "stations"
    assert told["volume_low_m3"] <= told["volume_m3"] <= told["volume_high_m3"]
    assert told["volume_m3"] == pytest.approx(4 / 3 * np.pi * 125, rel=0.01)
    assert read_mesh(tmp_path / "ball.ply").is_watertight
    assert run("mesh", source, "--out", tmp_path / "bare.ply") == 2
    assert "--towards, a place inside the void" in capsys.readouterr().err
    assert run("mesh", source, "--towards", at, "--spacing", 0.5, "--out", tmp_path / "bare.ply", "--json") == 0
    told = json.loads(capsys.readouterr().out)[0]
    assert (told["way"], "volume_low_m3" in told) == ("poisson", False)
    assert told["volume_m3"] == pytest.approx(4 / 3 * np.pi * 125, rel=0.03)


def test_an_elevation_model_that_cannot_be_used_is_said_and_nothing_written(
    tmp_path: Path, room: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    dem = repository / "sample_data" / "dem.tif"
    assert run("measure", room, "--dem", dem, "--out", out) == 2
    assert "height system" in capsys.readouterr().err
    assert run("measure", room, "--dem", dem, "--height-offset", 0, "--out", out) == 2
    assert "does not cover the goaf" in capsys.readouterr().err
    assert not out.exists()


def test_measure_a_mesh_with_its_neighbours(tmp_path: Path, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upper = saved(manifold3d.Manifold.cube((30, 16, 4), True).translate((10, 0, 12)), tmp_path / "upper.ply")
    old = saved(manifold3d.Manifold.cube((10, 10, 10), True).translate((32, 0, 0)), tmp_path / "old.stl", inward=True)
    out = tmp_path / "out"
    typed = ("measure", room, "--out", out, "--level", upper, "--neighbour", f"water:{old}:1235", "--neighbour",
             f"goaf:{upper}", "--water-level", 1233.5, "--required-barrier", 20, "--json", "--crs",
             "EPSG:4547")  # fmt: skip
    assert run(*typed) == 0
    told = json.loads(capsys.readouterr().out)[0]
    assert told["volume_m3"] == pytest.approx(30 * 16 * 5 - 60, rel=1e-9)
    assert (told["pillars"], told["water_m3"]) == (1, pytest.approx(468 * 2.0, rel=1e-9))
    rows = pd.read_csv(out / "measurements.csv").set_index("metric")
    assert rows.loc["barrier_pillar_width", "value"] == pytest.approx(12.0, abs=1e-6)
    assert rows.loc["rock_distance", "value"] == pytest.approx(7.5, abs=1e-6)
    assert rows.loc["plan_overlap", "value"] == pytest.approx(20 * 16 - 12, rel=1e-4)
    assert rows.loc["crown_thickness", "value"] == pytest.approx(7.5, abs=1e-6)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    water = next(row for row in summary["neighbours"] if row["kind"] == "water")
    assert (water["required_m"], water["margin_m"]) == (20.0, pytest.approx(-8.0, abs=1e-4))
    names = {path.name for path in out.iterdir()}
    assert {"faces.csv", "pillars.gpkg", "sections.dxf", "height.tif", "crown.tif", "mesh.glb"} <= names


def test_what_cannot_be_used_is_told(tmp_path: Path, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh = read_mesh(room)
    open_mesh = Mesh(mesh.vertices, mesh.faces[1:], crs=mesh.crs).write(tmp_path / "open.ply")
    assert run("measure", open_mesh, "--out", tmp_path / "out") == 2
    assert "encloses no volume: it is open at 5123" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ParameterError, match="KIND:FILE or KIND:FILE:NUMBER"):
        read_neighbours("tunnel")
