"""The few kinds of error a user can meet.

Every error says what is wrong, where, what was expected and what to do about it. The text is built once, here, so that
the command line, a notebook and a log show the same sentence. Exceptions have no side effects: whoever catches one
decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "CRSError",
    "FileFormatError",
    "GeometryError",
    "InputError",
    "MissingFieldError",
    "OutputError",
    "ParameterError",
    "Problem",
    "ProjectError",
    "SxriskError",
    "SxriskWarning",
    "UnverifiedInputWarning",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, where, what was expected, what to do.

    Parameters
    ----------
    what : str
        The bad value and why it is bad, as a clause without a full stop.
    where : str or Path, optional
        File, and the key, row, byte or feature inside it.
    expected : str, optional
        What would have been right.
    remedy : str, optional
        What the user can do now.
    """

    what: str
    where: str | Path | None = None
    expected: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where is not None else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        text = f"{place}{self.what}{expected}{remedy}"
        return text if text.endswith((".", "?", "!")) else f"{text}."


class SxriskError(Exception):
    """Base of all errors that sxrisk raises on purpose."""

    exit_code = 1


class InputError(SxriskError, ValueError):
    """The input cannot be used as it is.

    Parameters
    ----------
    what, where, expected, remedy
        See :class:`Problem`.

    Examples
    --------
    >>> raise InputError("depth is -3 m", where="goafs.csv, row 7", expected="a depth above 0")
    Traceback (most recent call last):
    sxrisk.errors.InputError: goafs.csv, row 7: depth is -3 m; expected a depth above 0.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = Problem(what, where, expected, remedy)
        super().__init__(str(self.problem))


class FileFormatError(InputError):
    """A file is missing, cut short, of another format, or cannot be decoded."""


class CRSError(InputError):
    """A coordinate system is unknown, contradictory, or would need parameters that nobody gave."""


class MissingFieldError(InputError):
    """A table lacks a column that its kind or a rule needs."""


class GeometryError(InputError):
    """A geometry is empty, not finite, self-crossing beyond repair, or of the wrong type."""


class ParameterError(InputError):
    """An argument of a function or an option of a command is outside its range."""


class OutputError(SxriskError, OSError):
    """The result cannot be written: disk full, folder read-only, file held open by another program."""

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = Problem(what, where, expected, remedy)
        super().__init__(str(self.problem))


class ProjectError(InputError):
    """A project file has problems; all of them are listed at once.

    Parameters
    ----------
    path : Path
        The project file.
    problems : sequence of Problem
        Every problem found, in the order of the file's keys.
    """

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' * (count != 1)} in the project file:\n{lines}", where=path)


class SxriskWarning(UserWarning):
    """Base of sxrisk's warnings."""


class UnverifiedInputWarning(SxriskWarning):
    """The result is usable, but an input was read by a guess that is named in the message."""
