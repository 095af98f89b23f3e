"""One step over many scan files: goes on after a bad one, knows what is done already, tells what came of each."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import sxrisk
from sxrisk.errors import OutputError, ParameterError, SxriskError
from sxrisk.parallel import ordered_map
from sxrisk.scans import whole_file

__all__ = ["BatchOutcome", "ScanTask", "run_batch", "write_report"]

_MARKS = ".sxrisk"
REPORTS = (".csv", ".json")

Figures = dict[str, Any]
Job = Callable[["ScanTask"], Figures]


@dataclass(frozen=True)
class ScanTask:
    """One piece of a batch: what is read, what is written, and with which parameters.

    Parameters
    ----------
    inputs : tuple of Path
        Files that are read.
    output : Path
        File or folder that is made.
    parameters : mapping
        What the step is told; plain values, so that they can be compared and sent to another machine.
    """

    inputs: tuple[Path, ...]
    output: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchOutcome:
    """What came of a task.

    Parameters
    ----------
    source : str
        Name of its first input.
    output : str
        Where the result stands; empty where it failed.
    state : {"done", "kept", "failed"}
        Computed now, found finished, or not possible.
    figures : dict
        What the step tells of its result.
    error : str
        Why it failed.
    """

    source: str
    output: str
    state: Literal["done", "kept", "failed"]
    figures: Figures = field(default_factory=dict)
    error: str = ""

    def row(self) -> dict[str, Any]:
        """One flat row for a table of all files."""
        return {"file": self.source, "state": self.state, "output": self.output, **self.figures, "error": self.error}


@dataclass(frozen=True)
class _Piece:
    job: Job
    task: ScanTask
    resume: bool


def run_batch(
    job: Job, tasks: Sequence[ScanTask], *, resume: bool = False, executor: Executor | None = None
) -> Iterator[BatchOutcome]:
    """Run a step over many files.

    Parameters
    ----------
    job : callable
        Module-level; takes a task, writes its output whole and gives figures about it.
    tasks : sequence of ScanTask
        Their outputs differ.
    resume : bool
        Keep outputs that stand there from the same inputs, parameters and version of sxrisk.
    executor : concurrent.futures.Executor, optional
        From :func:`sxrisk.parallel.open_executor`; None runs one file after the other in this process.

    Yields
    ------
    BatchOutcome
        In the order of the tasks. A file that cannot be used does not end the batch.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("one two")
    >>> def count(task):
    ...     words = len(task.inputs[0].read_text().split())
    ...     task.output.write_text(str(words))
    ...     return {"words": words}
    >>> task = ScanTask((folder / "a.txt",), folder / "a.count")
    >>> [outcome.state for turn in (1, 2) for outcome in run_batch(count, [task], resume=True)]
    ['done', 'kept']
    """
    yield from ordered_map(_run_one, [_Piece(job, task, resume) for task in tasks], executor=executor)


def write_report(outcomes: Sequence[BatchOutcome], path: str | Path) -> Path:
    """Write a batch's table of figures, whole or not at all.

    Parameters
    ----------
    outcomes : sequence of BatchOutcome
        A row each.
    path : str or Path
        ``.csv`` or ``.json``.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If the path ends in something else.
    """
    target = Path(path)
    rows = [outcome.row() for outcome in outcomes]
    if target.suffix.lower() not in REPORTS:
        raise ParameterError(
            f"a report cannot be written as {target.name}",
            where="--report",
            expected="a name that ends in .csv or .json",
        )
    with whole_file(target) as partial:
        if target.suffix.lower() == ".json":
            partial.write_text(json.dumps(rows, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
        else:
            names = list(dict.fromkeys(name for row in rows for name in row))
            # With a byte-order mark, so that Excel shows Chinese names.
            with partial.open("w", newline="", encoding="utf-8-sig") as file:
                table = csv.DictWriter(file, names)
                table.writeheader()
                table.writerows(rows)
    return target


def _run_one(piece: _Piece) -> BatchOutcome:
    task, name = piece.task, piece.task.inputs[0].name
    try:
        print_now = _fingerprint(piece)
        if piece.resume and (kept := _finished(task, print_now)) is not None:
            return BatchOutcome(name, str(task.output), "kept", kept)
        _mark(task).unlink(missing_ok=True)
        figures = piece.job(task)
        _write_mark(task, print_now, figures)
    except SxriskError as error:
        return BatchOutcome(name, "", "failed", error=str(error))
    return BatchOutcome(name, str(task.output), "done", figures)


def _fingerprint(piece: _Piece) -> dict[str, Any]:
    """What decides the output: a changed input, or file that a parameter names, has another size or another time."""
    task = piece.task
    named = [Path(value) for value in task.parameters.values() if isinstance(value, str) and _is_file(value)]
    files = []
    for path in (*task.inputs, *named):
        stat = path.stat() if path.exists() else None
        files.append([path.name, -1 if stat is None else stat.st_size, 0 if stat is None else stat.st_mtime_ns])
    # Through JSON, so that tuples compare as the lists they come back as.
    plain = {
        "job": getattr(piece.job, "name", None) or getattr(piece.job, "__qualname__", ""),
        "inputs": files,
        "parameters": asdict(task)["parameters"],
        "version": sxrisk.__version__,
    }
    return dict(json.loads(json.dumps(plain, default=str, sort_keys=True)))


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _mark(task: ScanTask) -> Path:
    return task.output.parent / _MARKS / f"{task.output.name}.json"


def _finished(task: ScanTask, now: Mapping[str, Any]) -> Figures | None:
    """Figures of the output that stands there, if it is that of this task."""
    try:
        mark = json.loads(_mark(task).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not task.output.exists() or not isinstance(mark, dict) or mark.get("task") != now:
        return None
    figures = mark.get("figures")
    return figures if isinstance(figures, dict) else None


def _write_mark(task: ScanTask, now: Mapping[str, Any], figures: Figures) -> None:
    mark = _mark(task)
    try:
        mark.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError("the batch's marks cannot be written", where=mark.parent, remedy=str(error)) from error
    with whole_file(mark) as partial:
        partial.write_text(json.dumps({"task": now, "figures": figures}, default=str, indent=1), encoding="utf-8")
