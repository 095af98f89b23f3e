"""Work through files with progress, and show what came of each."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sxrisk.cli.scan.options import Batch
from sxrisk.cli.scan.tables import figures_tables
from sxrisk.cli.text import say
from sxrisk.errors import ParameterError

if TYPE_CHECKING:
    from sxrisk.assess.scan_batch import BatchOutcome, ScanTask

__all__ = ["each", "work_through"]

FAILED = 2


def each(
    function: Callable[..., dict[str, Any]],
    files: Sequence[Path],
    out: Path,
    ending: str,
    batch: Batch,
    parameters: dict[str, Any],
    *,
    beside: Sequence[Path] = (),
    first: bool = True,
    inner: bool = False,
    known: Sequence[str] = (),
) -> None:
    """Run a job on each of the files.

    Parameters
    ----------
    function : callable
        Of :mod:`sxrisk.assess.scan_jobs`.
    files : sequence of Path
        A task each.
    out, ending, known
        As of :func:`sxrisk.assess.scan_jobs.planned_outputs`.
    batch : Batch
        How it runs.
    parameters : dict
        Keywords of the job.
    beside : sequence of Path
        Files that every task reads as well.
    first : bool
        Whether these stand before the file among the task's inputs, or behind it.
    inner : bool
        A single task may share itself out among the workers, and tells how far it is.
    """
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import planned_outputs

    outputs = planned_outputs(files, out, ending, known=known)
    tasks = [
        ScanTask((*beside, path) if first else (path, *beside), output, parameters)
        for path, output in zip(files, outputs, strict=True)
    ]
    work_through(function, tasks, batch, inner=inner and len(tasks) == 1, named=[path.name for path in files])


def work_through(
    function: Callable[..., dict[str, Any]],
    tasks: "Sequence[ScanTask]",
    batch: Batch,
    *,
    inner: bool = False,
    named: Sequence[str] | None = None,
) -> None:
    """Run a job over tasks, show the figures, and leave with exit code 2 if one failed."""
    from sxrisk.assess.scan_batch import REPORTS, run_batch, write_report
    from sxrisk.assess.scan_jobs import FileJob
    from sxrisk.parallel import open_executor

    if batch.report is not None and batch.report.suffix.lower() not in REPORTS:
        raise ParameterError(
            f"{batch.report.name} is no report", where="--report", expected="a name that ends in .csv or .json"
        )
    names = named or [task.inputs[0].name for task in tasks]
    outcomes: list[BatchOutcome] = []
    with open_executor(batch.workers, dask=batch.dask) as executor, _Bars(batch.quiet, len(tasks), names) as bars:
        extra = {"executor": executor, "progress": bars.inside, "resume": batch.resume} if inner else {}
        shared = None if inner else executor
        for outcome in run_batch(FileJob(function, extra), tasks, resume=batch.resume, executor=shared):
            outcomes.append(outcome)
            bars.done(outcome)
    show(outcomes, names, as_json=batch.as_json)
    if batch.report is not None:
        write_report(outcomes, batch.report)
    if any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(FAILED)


def show(outcomes: "Sequence[BatchOutcome]", names: Sequence[str], *, as_json: bool) -> None:
    """Figures on standard output, failures on standard error."""
    good = [(name, outcome) for name, outcome in zip(names, outcomes, strict=True) if outcome.state != "failed"]
    if as_json:
        typer.echo(json.dumps([outcome.row() for outcome in outcomes], indent=1, ensure_ascii=False, default=str))
    elif good:
        console = Console()
        for table in figures_tables([(name, outcome.state, outcome.figures) for name, outcome in good]):
            console.print(table)
        for _, outcome in good:
            # Outside the table, so that a long path can be copied in one piece.
            typer.echo(f"{say('written')}: {outcome.output}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        typer.echo(f"{say('error')}: {outcome.error}", err=True)
    if failed and len(outcomes) > 1:
        typer.echo(say("scan.failed", failed=len(failed), count=len(outcomes)), err=True)


class _Bars:
    """One bar over the files, or over the steps of a single one; plain lines where there is no terminal."""

    def __init__(self, quiet: bool, total: int, names: Sequence[str]) -> None:
        self._console = Console(stderr=True)
        self._lines = not quiet and total > 1 and not self._console.is_terminal
        self._total, self._names, self._count = total, names, 0
        self._bars = Progress(
            SpinnerColumn("line" if not self._console.encoding.lower().startswith("utf") else "dots"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bars.add_task(names[0], total=total if total > 1 else None)

    def __enter__(self) -> "_Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def inside(self, step: str, done: int, total: int) -> None:
        """How far a single task is."""
        self._bars.update(self._task, description=say(f"scan.step.{step}"), completed=done, total=total)

    def done(self, outcome: "BatchOutcome") -> None:
        """Another file has been tried."""
        self._count += 1
        if self._lines:
            name = self._names[self._count - 1]
            sys.stderr.write(f"{self._count}/{self._total} {name}: {say(f'scan.state.{outcome.state}')}\n")
        if self._total > 1:
            upcoming = self._names[min(self._count, self._total - 1)]
            self._bars.update(self._task, description=upcoming, completed=self._count)
