"""``sxrisk goaf stability`` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest

from sxrisk.cli import main
from sxrisk.cli.text.goaf_stability import TEXTS
from sxrisk.surfaces import Mesh


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "260")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corners = [[x, y, z] for x in (0, 20) for y in (0, 12) for z in (0, 5)]
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
             [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    return Mesh(np.array(corners, dtype=float), np.array(faces)).write(tmp_path_factory.mktemp("room") / "room.ply")


def run(*typed: object) -> int:
    return main(["goaf", "stability", *map(str, typed)])


def test_it_says_what_it_needs(room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(room, "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "The units of the formula could not be settled" in shown
    assert "safety_factor: Safety factor K" in shown
    assert "(or rqd, joint_sets_jn, joint_roughness_jr, joint_alteration_ja)" in shown
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "stability.csv", "stability.json", "stability.png",
    ]  # fmt: skip


def test_it_shows_every_method_beside_the_others(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rock = tmp_path / "rock.toml"
    rock.write_text(
        "available_m = [8.0, 12.0]\nsafety_factor = 1.3\ntransfer_angle_deg = 32.0\nq_prime = 8.0\nfactor_a = 1.0\n"
        'factor_b = 0.3\nfailure = "gravity"\n',
        encoding="utf-8",
    )
    assert run(room, "--parameters", rock, "--out", tmp_path / "out", "--chart", "svg") == 0
    shown = capsys.readouterr().out
    (row,) = [line for line in shown.splitlines() if "Intersection of the load transfer lines" in line]
    # 1.3 x 12 / (2 tan 32) = 12.48; 10 over it is 0.80; all of 8 to 12 m is too thin, which draws cannot prove.
    assert all(part in row for part in ("10.00", "12.4", "0.80", ">99.9%", "G+", "governs"))
    assert "Roof 1" in shown and "Wall 4" in shown
    assert (tmp_path / "out" / "stability.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_json_in_place_of_tables(room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(room, "--out", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out)["draws"] == 100_000


def test_bad_parameters_end_with_code_2(room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("ucs = 3\n", encoding="utf-8")
    assert run(room, "--parameters", bad, "--out", tmp_path / "out") == 2
    assert "Did you mean 'ucs_mpa'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_word_is_there_twice() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert english and chinese, key
        assert english.count("{") == chinese.count("{"), key
