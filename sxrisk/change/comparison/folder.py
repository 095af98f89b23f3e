"""The folder of a comparison: built beside the last good one, swapped in when it is whole."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sxrisk.errors import InputError, OutputError
from sxrisk.scans import whole_file

__all__ = ["SUMMARY", "ComparisonFolder"]

SUMMARY = "summary.json"
"""Written last: a partial folder that has it is whole."""

_STATE = ".state"
_CHOICES = "choices.json"


class ComparisonFolder:
    """``OUT``, built in ``OUT.partial``, the one before kept as ``OUT.previous``.

    Parameters
    ----------
    out : Path
        Where the result shall stand.
    """

    def __init__(self, out: Path) -> None:
        self.out = out.absolute()
        self.partial = self.out.with_name(f"{self.out.name}.partial")
        self.previous = self.out.with_name(f"{self.out.name}.previous")
        self.state = self.partial / _STATE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; finish what a kill between two renames left.

        Raises
        ------
        InputError
            If another run works into it, or it holds what no comparison made.
        OutputError
            If it cannot be written.
        """
        lock = FileLock(self.out.with_name(f".{self.out.name}.lock"), timeout=0)
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise InputError(
                "another run is writing here",
                where=self.out,
                remedy="Wait for it, end it, or give another folder",
            ) from error
        except OSError as error:
            raise _unwritable(self.out, error) from error
        try:
            self._refuse_foreign()
            if (self.partial / SUMMARY).is_file():
                self.finish()
            yield
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise _unwritable(self.out, error) from error
        finally:
            lock.release()

    def start(self, choices: dict[str, Any] | None, *, resume: bool) -> bool:
        """Make the partial folder, empty or as an interrupted run with the same choices left it.

        Parameters
        ----------
        choices : dict, optional
            Inputs and parameters, as JSON can hold them; None where nobody can tell whether the inputs are the same.
        resume : bool
            Whether to go on where an interrupted run stopped.

        Returns
        -------
        bool
            Whether there is something to go on from.
        """
        path = self.state / _CHOICES
        text = json.dumps(choices, sort_keys=True, ensure_ascii=False)
        goes_on = resume and choices is not None and path.is_file() and path.read_text(encoding="utf-8") == text
        if not goes_on:
            if self.partial.exists():
                shutil.rmtree(self.partial)
            self.state.mkdir(parents=True)
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")
        return goes_on

    def finish(self) -> None:
        """Drop what only the run needed, and swap the whole folder in."""
        if self.state.exists():
            shutil.rmtree(self.state)
        if self.out.exists():
            if self.previous.exists():
                shutil.rmtree(self.previous)
            self.out.rename(self.previous)
        self.partial.rename(self.out)

    def _refuse_foreign(self) -> None:
        for place, marks in (
            (self.out, (SUMMARY,)),
            (self.partial, (SUMMARY, _STATE)),
            (self.previous, (SUMMARY,)),
        ):
            holds = any(place.iterdir()) if place.is_dir() else place.exists()
            if holds and not any((place / mark).exists() for mark in marks):
                raise InputError(
                    "the folder holds files that no comparison made",
                    where=place,
                    expected=f"a new folder, or one with {SUMMARY}",
                    remedy="Give another folder",
                )


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the result cannot be written ({error.strerror or error})",
        where=folder,
        expected="a writable disk with free space",
        remedy="Make room and start again with resume; the last good result is untouched",
    )
