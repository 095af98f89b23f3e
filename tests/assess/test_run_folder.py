"""The last good result is whole at any moment."""

from pathlib import Path

import pytest

from sxrisk.assess.run_folder import MANIFEST, RunFolder, output_errors
from sxrisk.errors import InputError, OutputError


def finished_run(out: Path, text: str) -> None:
    folder = RunFolder(out)
    with folder.locked():
        folder.start(resume=False)
        folder.state.rmdir()
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
    folder = RunFolder(out)
    with pytest.raises(InputError), folder.locked():
        folder.start(resume=False)
        (folder.partial / "result").write_text("half")
        raise InputError("bad row")
    assert (out / "result").read_text() == "good"


def test_start_after_a_kill_between_the_renames_finishes_them(tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished_run(out, "old")
    folder = RunFolder(out)
    with folder.locked():
        folder.start(resume=False)
        (folder.partial / "result").write_text("new")
        (folder.partial / MANIFEST).write_text("{}")
        out.rename(folder.previous)  # killed here
    with RunFolder(out).locked():
        assert (out / "result").read_text() == "new"
        assert (folder.previous / "result").read_text() == "old"


def test_second_run_into_one_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        RunFolder(out).locked(),
        pytest.raises(InputError, match="another run is writing here"),
        RunFolder(out).locked(),
    ):
        pass


@pytest.mark.parametrize("name", ["thesis", "thesis.partial", "thesis.previous"])
def test_foreign_folder_is_never_replaced(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.mkdir()
    (out / "chapter1.docx").write_text("mine")
    folder = RunFolder(tmp_path / "thesis")
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
