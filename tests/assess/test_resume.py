"""A run that was stopped at any moment goes on to the same bytes; the same input gives the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sxrisk.assess import Project, StageFolder
from sxrisk.assess.run_folder import run_folder
from sxrisk.cli import main
from sxrisk.errors import InputError

AGAIN = """
[sites.pit-again]
kind = "open_pit"
crs = "EPSG:4547"
vertical_crs = "EPSG:5737"
[[sites.pit-again.epochs]]
date = 2026-06-15T10:00:00+08:00
scans = [{ path = "second.laz" }]
"""


@pytest.fixture(scope="module")
def project(make_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project with two sites, so that two workers have something to do."""
    path = make_tiny(tmp_path_factory.mktemp("resume") / "in", site=True)
    path.write_text(path.read_text(encoding="utf-8") + AGAIN, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> dict[str, bytes]:
    """Every file of a run that nothing disturbed."""
    out = project.parents[1] / "undisturbed"
    Project.open(project).run(out)
    return files(out)


def files(out: Path) -> dict[str, bytes]:
    """Content by name; of run.json all but the timings."""
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    manifest = json.loads(found["run.json"])
    assert set(manifest.pop("timings")) == {"layers", "sites", "reach", "rules", "region", "products"}
    return {**found, "run.json": json.dumps(manifest, sort_keys=True).encode()}


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def start(project: Path, out: Path, stop_after: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own, when it has finished a stage."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sxrisk", "run", str(project), "--out", str(out), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SXRISK_LANG": "en"},
    )
    mark = out.with_name(f"{out.name}.partial") / ".state" / f"{stop_after}.finished"
    deadline = time.monotonic() + 120
    while not mark.is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("stage", ["layers", "reach"])
def test_killed_run_resumes_to_the_same_bytes(
    stage: str, project: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "undisturbed"
    process = start(project, out, stage)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert main(["run", str(project), "--out", str(out), "--resume", "--quiet"]) == 0
    assert_same(files(out), undisturbed)
    timings = json.loads((out / "run.json").read_text(encoding="utf-8"))["timings"]
    assert timings["layers"]["resumed"] is True
    assert timings["products"]["resumed"] is False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_interrupted_run_says_how_to_go_on(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "undisturbed"
    process = start(project, out, "layers")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130, told
    assert told.decode().strip() == (
        "Interrupted. What is finished so far is kept; go on with --resume. The last good result is untouched."
    )
    marks = tmp_path / "undisturbed.partial" / ".state"
    made = (marks / "layers.finished").stat().st_mtime_ns
    assert main(["run", str(project), "--out", str(out), "--resume", "--quiet", "--only", "layers"]) == 0
    assert (marks / "layers.finished").stat().st_mtime_ns == made


def test_only_stops_after_a_stage_and_resume_ends_the_same(
    project: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "undisturbed"
    stopped = Project.open(project).run(out, only="rules", workers=2)
    assert isinstance(stopped, StageFolder)
    assert stopped.folder == tmp_path / "undisturbed.partial"
    assert not out.exists()
    Project.open(project).run(out, resume=True)
    assert_same(files(out), undisturbed)


def test_changed_input_is_not_resumed(
    make_tiny: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "en")
    path = make_tiny(tmp_path / "in")
    arguments = ["run", str(path), "--out", str(tmp_path / "out"), "--quiet"]
    assert main([*arguments, "--only", "layers"]) == 0
    kept = sorted((tmp_path / "out.partial").rglob("*"))
    mines = path.parent / "mines.csv"
    before = mines.read_text(encoding="utf-8")
    mines.write_text(before.replace("900", "700"), encoding="utf-8")
    capsys.readouterr()
    assert main([*arguments, "--resume"]) == 2
    told = capsys.readouterr().err
    assert "the interrupted run worked on other inputs" in told
    assert "Start without --resume" in told
    # The interrupted run is still there for whoever puts the file back.
    assert sorted((tmp_path / "out.partial").rglob("*")) == kept
    mines.write_text(before, encoding="utf-8")
    assert main([*arguments, "--resume", "--only", "reach"]) == 0


def test_two_runs_into_one_folder(project: Path, tmp_path: Path) -> None:
    with run_folder(tmp_path / "out").locked(), pytest.raises(InputError, match="another run is writing here"):
        Project.open(project).run(tmp_path / "out")
