"""Progress of a run on a terminal, or as plain lines where there is none."""

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from sxrisk.cli.text import say

__all__ = ["ConsoleReporter"]


class _Estimate(ProgressColumn):
    """Time left: from the last run's timing where known, else from the items done."""

    def render(self, task: Task) -> Text:
        if task.finished or task.elapsed is None:
            return Text("")
        expected = task.fields["expected_s"]
        left = max(expected - task.elapsed, 0.0) if expected else task.time_remaining
        return Text("" if left is None else say("expected", time=_clock(left)), style="cyan")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class ConsoleReporter:
    """Draws one bar per stage; use as a context manager.

    Parameters
    ----------
    console : rich.console.Console
        Usually standard error, so that results can be piped.
    quiet : bool
        Show nothing.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._bars = Progress(
            SpinnerColumn(finished_text="✓" if console.encoding.lower().startswith("utf") else "*"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            _Estimate(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "ConsoleReporter":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start_stage(self, name: str, number: int, total: int, expected_s: float | None) -> None:
        """Begin a bar."""
        title = f"{number}/{total} {say(f'stage.{name}')}"
        self._task = self._bars.add_task(title, total=None, expected_s=expected_s, note="")
        if not self._quiet and not self._console.is_terminal:
            hint = f" ({say('expected', time=_clock(expected_s))})" if expected_s else ""
            self._console.print(f"{title}{hint}", highlight=False, soft_wrap=True)

    def progress(self, done: int, total: int, note: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, note=note)

    def end_stage(self, name: str, seconds: float, *, skipped: bool) -> None:
        """Finish the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=1, total=1, note=say("resumed") if skipped else "")
