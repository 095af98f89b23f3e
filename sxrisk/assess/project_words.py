"""What is wrong with a project file, in words: pydantic's errors as problems, merged and in the order of the file."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sxrisk.assess.project_problems import Location
from sxrisk.errors import Problem

__all__ = ["location_of", "merged", "order_in", "problem_of"]

KnownKeys = Callable[[Sequence[str | int]], list[str]]


def problem_of(detail: Mapping[str, Any], table: Mapping[str, Any], known_keys: KnownKeys) -> Problem:
    """A pydantic error in the user's words: key, what was found, what was expected, what to do.

    Parameters
    ----------
    detail : mapping
        One of the error's ``errors()``.
    table : mapping
        The file's own tables.
    known_keys : callable
        Keys that are allowed beside the one at a location.

    Returns
    -------
    Problem
    """
    kind = detail["type"]
    where = _dotted(location_of(detail) if kind == "missing" else _there(table, location_of(detail)))
    given = detail["input"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = known_keys(detail["loc"])
        close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.75)
        remedy = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}"
        return Problem("unknown key", where, remedy=remedy)
    if kind == "missing":
        return Problem("missing", where, "a value", "Add the key")
    if kind == "value_error":
        text = str(context["error"])
        # Some texts quote the value themselves.
        return Problem(text if str(given) in text else f"{_shown(given)}: {text}", where)
    if kind == "string_pattern_mismatch":
        return Problem(f"{_shown(given)} is not a usable id", where, "letters, digits, '-', '_' or '.', 64 at most")
    return Problem(f"found {_shown(given)}", where, _expected(kind, detail["msg"]))


def _expected(kind: str, message: str) -> str:
    text = message.removeprefix("Input should be ").removeprefix("a valid ").split(", unable to parse")[0]
    return {
        "too_short": "at least one entry", "date_from_datetime_parsing": "a date such as 2026-06-30",
        "path_type": "a path",
    }.get(kind, text)  # fmt: skip


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _there(table: Any, location: Location) -> Location:
    """The part of a location that the file has; behind it pydantic names the type that it tried."""
    for length, part in enumerate(location):
        inside = part in table if isinstance(table, dict) else isinstance(table, list) and isinstance(part, int)
        if not inside:
            return location[:length]
        table = table[part]
    return location


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"


def location_of(detail: Mapping[str, Any]) -> Location:
    """Keys and positions of the entry that a pydantic error is about."""
    return tuple(part for part in detail["loc"] if part != "[key]")


def merged(problems: Sequence[Problem]) -> list[Problem]:
    """A value that fits none of several types is one problem."""
    told: dict[tuple[Any, str], Problem] = {}
    for problem in problems:
        key = (problem.where, problem.what)
        known = told.get(key)
        if known is not None and known.expected and problem.expected and problem.expected != known.expected:
            problem = replace(known, expected=f"{known.expected} or {problem.expected}")
        told[key] = problem
    return list(told.values())


def order_in(table: Mapping[str, Any]) -> Callable[[Problem], int]:
    """Sorts problems as their entries stand in the file; what is missing as a whole comes first."""
    entries = []
    for section, content in table.items():
        entries.append(section)
        entries += [f"{section}.{name}" for name in content] if isinstance(content, dict) else []

    def place(problem: Problem) -> int:
        where = str(problem.where or "")
        within = [entry for entry in entries if where == entry or where.startswith((f"{entry}.", f"{entry}["))]
        return entries.index(max(within, key=len)) if within else -1

    return place
