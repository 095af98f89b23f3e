"""A batch over files goes on after a bad one, keeps what is finished, and does again what changed."""

import os
from pathlib import Path

import pytest

from sxrisk.assess.scan_batch import ScanTask, run_batch
from sxrisk.errors import FileFormatError, OutputError
from sxrisk.parallel import open_executor


def double(task: ScanTask) -> dict[str, float]:
    """Writes twice the number that a file holds."""
    try:
        number = float(task.inputs[0].read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileFormatError("no number", where=task.inputs[0], expected="a number") from error
    task.output.write_text(str(task.parameters.get("factor", 2.0) * number), encoding="utf-8")
    return {"number": number}


@pytest.fixture
def tasks(tmp_path: Path) -> list[ScanTask]:
    (tmp_path / "out").mkdir()
    for name, text in (("a", "1"), ("b", "x"), ("c", "3")):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    return [ScanTask((tmp_path / f"{name}.txt",), tmp_path / "out" / f"{name}.out") for name in "abc"]


def states(tasks: list[ScanTask], *, resume: bool = True) -> list[str]:
    return [outcome.state for outcome in run_batch(double, tasks, resume=resume)]


def test_a_bad_file_does_not_end_the_batch(tasks: list[ScanTask]) -> None:
    outcomes = list(run_batch(double, tasks))
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "done"]
    assert "no number" in outcomes[1].error
    assert outcomes[2].figures == {"number": 3.0}
    assert tasks[2].output.read_text(encoding="utf-8") == "6.0"


def test_resume_keeps_what_is_the_same_and_does_what_is_not(tasks: list[ScanTask]) -> None:
    assert states(tasks) == ["done", "failed", "done"]
    assert states(tasks) == ["kept", "failed", "kept"]
    assert states(tasks, resume=False) == ["done", "failed", "done"]
    tasks[2].output.unlink()
    os.utime(tasks[0].inputs[0], (1.0, 1.0))
    assert states(tasks) == ["done", "failed", "done"]
    other = [ScanTask(task.inputs, task.output, {"factor": 3.0}) for task in tasks]
    assert states(other) == ["done", "failed", "done"]
    assert other[2].output.read_text(encoding="utf-8") == "9.0"


def test_what_failed_half_way_is_not_taken_for_finished(tasks: list[ScanTask]) -> None:
    assert states(tasks[:1]) == ["done"]

    def breaks(task: ScanTask) -> dict[str, float]:
        task.output.write_text("half", encoding="utf-8")
        raise OutputError("the disk is full", where=task.output)

    assert [outcome.state for outcome in run_batch(breaks, tasks[:1])] == ["failed"]
    assert states(tasks[:1]) == ["done"]
    assert tasks[0].output.read_text(encoding="utf-8") == "2.0"


def test_processes_give_the_same_in_the_same_order(tasks: list[ScanTask]) -> None:
    here = [outcome.row() for outcome in run_batch(double, tasks)]
    with open_executor(2) as executor:
        assert [outcome.row() for outcome in run_batch(double, tasks, executor=executor)] == here
