"""The last good result is whole at any moment."""

import subprocess
import sys
from pathlib import Path

import pytest

from sxrisk.assess.run_folder import MANIFEST, run_folder
from sxrisk.errors import InputError, OutputError
from sxrisk.run_folder import output_errors


def finished_run(out: Path, text: str) -> None:
    folder = run_folder(out)
    with folder.locked():
        folder.start(resume=False)
        (folder.partial / "result").write_text(text)
        (folder.partial / MANIFEST).write_text("{}")
        folder.finish()


def test_second_run_keeps_the_first_as_previous(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("one", "two", "three"):
        finished_run(out, text)
    assert (out / "result").read_text() == "three"
    assert (tmp_path / "out.previous" / "result").read_text() == "two"
    assert not (tmp_path / "out.partial").exists()


def test_failed_run_leaves_the_last_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished_run(out, "good")
    folder = run_folder(out)
    with pytest.raises(InputError), folder.locked():
        folder.start(resume=False)
        (folder.partial / "result").write_text("half")
        raise InputError("bad row")
    assert (out / "result").read_text() == "good"


def test_start_after_a_kill_between_the_renames_finishes_them(tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished_run(out, "old")
    folder = run_folder(out)
    with folder.locked():
        folder.start(resume=False)
        (folder.partial / "result").write_text("new")
        (folder.partial / MANIFEST).write_text("{}")
        out.rename(folder.previous)  # killed here
    with run_folder(out).locked():
        assert (out / "result").read_text() == "new"
        assert (folder.previous / "result").read_text() == "old"


def test_second_run_into_one_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        run_folder(out).locked(),
        pytest.raises(InputError, match="another run is writing here"),
        run_folder(out).locked(),
    ):
        pass


def test_nothing_is_left_of_the_lock(tmp_path: Path) -> None:
    finished_run(tmp_path / "out", "one")
    finished_run(tmp_path / "out", "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.previous"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["result", MANIFEST]


def test_of_many_runs_at_once_one_holds_the_folder(tmp_path: Path) -> None:
    """Locks that are removed while others wait for them never let two in."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from sxrisk.run_folder import RunFolder\n"
        "from sxrisk.errors import InputError\n"
        "out, held = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "end = time.monotonic() + 0.7\n"
        "while time.monotonic() < end:\n"
        "    try:\n"
        "        with RunFolder(out, mark='m', made_by='test').locked():\n"
        "            held.touch(exist_ok=False)\n"
        "            held.unlink()\n"
        "    except InputError:\n"
        "        pass\n"
    )
    typed = [sys.executable, "-c", program, str(tmp_path / "out"), str(tmp_path / "held")]
    children = [subprocess.Popen(typed) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]


@pytest.mark.parametrize("name", ["thesis", "thesis.partial", "thesis.previous"])
def test_foreign_folder_is_never_replaced(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.mkdir()
    (out / "chapter1.docx").write_text("mine")
    folder = run_folder(tmp_path / "thesis")
    with folder.locked(), pytest.raises(InputError, match=r"no run of sxrisk made; expected .*run\.json"):
        folder.start(resume=False)
    assert (out / "chapter1.docx").read_text() == "mine"


def test_full_disk_is_said(tmp_path: Path) -> None:
    expected = pytest.raises(OutputError, match=r"the disk is full\. Make room and start again with --resume")
    with expected, output_errors(tmp_path):
        raise OSError(28, "No space left on device")


def test_errors_of_other_kinds_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), output_errors(tmp_path):
        _ = 1 / 0
