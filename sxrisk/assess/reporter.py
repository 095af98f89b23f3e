"""How a run tells what it is doing; the command line draws bars from it, a notebook may keep silent."""

from typing import Protocol

__all__ = ["Reporter", "SilentReporter"]


class Reporter(Protocol):
    """What a run calls while it works."""

    def start_stage(self, name: str, number: int, total: int, expected_s: float | None) -> None:
        """Stage `number` of `total` begins; `expected_s` is what it took in the last run, where known."""

    def progress(self, done: int, total: int, note: str) -> None:
        """`done` of `total` items of the current stage are finished; `note` names the next one."""

    def end_stage(self, name: str, seconds: float, *, skipped: bool) -> None:
        """The stage is finished, or was finished by the interrupted run (`skipped`)."""


class SilentReporter:
    """Says nothing."""

    def start_stage(self, name: str, number: int, total: int, expected_s: float | None) -> None:
        """Do nothing."""

    def progress(self, done: int, total: int, note: str) -> None:
        """Do nothing."""

    def end_stage(self, name: str, seconds: float, *, skipped: bool) -> None:
        """Do nothing."""
