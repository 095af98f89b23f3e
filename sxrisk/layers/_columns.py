"""Which of the file's columns is what: by the user's word, else by the synonyms of the kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.layers._source import Source
from sxrisk.layers.kinds import Attribute, Kind, header_key, split_unit
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.headers import find_named, find_only, row_numbers, spelt_out
from sxrisk.layers.tables.values import Parsed, parse_attribute

__all__ = ["Matched", "canonical_attributes", "known_headers", "match_columns"]

_COMMON = ("id", "name", "county", "position_sigma_m")
_NOT_UNDERSTOOD = {"number": "number_not_usable", "bool": "yes_no_not_understood", "date": "date_not_understood"}
_WORDS_SHOWN = 8
_COORDINATES = ("longitude", "latitude", "easting", "northing", "x", "y", "wkt")


@dataclass
class Matched:
    """The file's header for every canonical column that it has."""

    common: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    x: str | None = None
    y: str | None = None
    wkt: str | None = None
    axes_sure: bool = True
    issues: list[Issue] = field(default_factory=list)

    @property
    def used(self) -> frozenset[str]:
        """Headers that a canonical column replaces; coordinates stay as they are in the file."""
        return frozenset((*self.common.values(), *self.attributes.values()))

    def as_dict(self) -> dict[str, str]:
        """Canonical name to header, for the report."""
        places = {
            key: header for key, header in (("x", self.x), ("y", self.y), ("wkt", self.wkt)) if header is not None
        }
        return {**self.common, **self.attributes, **places}


def known_headers(kind: Kind) -> frozenset[str]:
    """Keys of every header that means something for the kind."""
    words = [word for role in (*_COMMON, *_COORDINATES) for word in kind.words(role)]
    words += [word for attribute in kind.attributes for word in attribute.synonyms]
    words += [word for role in ("id", "name") for _, forms in spelt_out(role, kind) for word in forms]
    return frozenset(header_key(word) for word in (*words, *row_numbers()))


def match_columns(
    source: Source, kind: Kind, columns: Mapping[str, str], path: Path, *, x: str | None, y: str | None
) -> Matched:
    """Headers of the canonical columns; a header serves one purpose only.

    What a list of synonyms names comes first. Then a header of id or name may be a noun of the kind and an ending
    (采场编号); what is left is taken by its ending alone (矿权编码, 固有风险等级) where it is the only such header.
    Where several could be meant none is taken, and an issue names them.

    Raises
    ------
    MissingFieldError
        If a header that the user named is not in the file.
    ParameterError
        If a canonical name is not one of the kind.
    """
    headers = [str(column) for column in source.table.columns]
    allowed = (*_COMMON, *(attribute.name for attribute in kind.attributes))
    for canonical, header in columns.items():
        if canonical not in allowed:
            raise ParameterError(
                f"{canonical!r} is no column of the kind {kind.name}",
                where=path,
                expected=f"one of {', '.join(allowed)}",
            )
        _require(header, headers, path)
    if (x is None) != (y is None):
        raise ParameterError("only one of x and y is named", where=path, expected="both or none")
    for named in (x, y):
        if named is not None:
            _require(named, headers, path)

    keys: dict[str, str] = {}
    for header in headers:
        keys.setdefault(header_key(header), header)
    for header in headers:
        keys.setdefault(header_key(split_unit(header)[0]), header)
    free = set(headers) - set(columns.values())
    matched = Matched(
        {name: header for name, header in columns.items() if name in _COMMON},
        {name: header for name, header in columns.items() if name not in _COMMON},
    )

    cut = {header_key(header): header for header in source.cut_headers}

    def find(words: tuple[str, ...]) -> str | None:
        for word in words:
            candidate = keys.get(header_key(word))
            if candidate in free:
                return candidate
        for word in words:
            for key, candidate in cut.items():
                if candidate in free and header_key(word).startswith(key):
                    return candidate
        return None

    if source.geometry is None:
        _match_coordinates(matched, kind, find, x, y)
        free -= {header for header in (matched.x, matched.y, matched.wkt) if header is not None}

    def take(table_of: dict[str, str], canonical: str, found: str | None) -> None:
        if found is not None:
            table_of[canonical] = found
            free.discard(found)

    settled = set(matched.common)
    for role in _COMMON:
        if role not in settled:
            take(matched.common, role, find(kind.words(role)))
        if role not in matched.common and role in ("id", "name"):
            _settle(matched, role, find_named(role, kind, headers, free, source.cut_headers), take, settled)
    for attribute in kind.attributes:
        if attribute.name not in matched.attributes:
            take(matched.attributes, attribute.name, find(attribute.synonyms))
    for attribute in kind.attributes:
        if attribute.vocabulary is not None and attribute.name not in matched.attributes:
            _settle(matched, attribute.name, find_only(attribute, kind, headers, free), take, settled)
    for role in ("id", "name"):
        if role not in matched.common and role not in settled:
            _settle(matched, role, find_only(role, kind, headers, free), take, settled)
    _tell_what_is_missing(matched, kind, find, take)
    _tell_other_choices(matched, kind, free, columns)
    return matched


def _settle(matched: Matched, canonical: str, found: list[str], take: Any, settled: set[str]) -> None:
    """Take the only candidate; of several none, and say so."""
    if len(found) == 1:
        take(matched.common if canonical in _COMMON else matched.attributes, canonical, found[0])
    elif found:
        settled.add(canonical)
        listed = ", ".join(map(repr, found))
        matched.issues.append(
            Issue(
                "header_ambiguous",
                f"{listed} could each be the {canonical}, none was taken; "
                f"say which: columns = {{ {canonical} = {found[0]!r} }}",
                column=canonical,
            )
        )


def _tell_what_is_missing(matched: Matched, kind: Kind, find: Any, take: Any) -> None:
    if "id" not in matched.common:
        numbers = find(row_numbers())
        take(matched.common, "id", numbers)
        source = "row numbers" if numbers is None else f"the row numbers of {numbers!r}"
        matched.issues.append(
            Issue(
                "no_id_column",
                f"no column of ids was found: ids are {source}; a feature is known again by its name and place, "
                "and surely only by an id of its own: columns = { id = '...' }",
                column="id",
            )
        )
    if kind.name == "boundary" and "name" not in matched.common:
        matched.issues.append(
            Issue(
                "boundary_without_name",
                "no column of names was found: features in these areas get no county; "
                "name the column: columns = { name = '...' }",
                column="name",
            )
        )


def _tell_other_choices(matched: Matched, kind: Kind, free: set[str], columns: Mapping[str, str]) -> None:
    """Say it where a second header means the same attribute: the first synonym was taken, and may be the wrong one."""
    for attribute in kind.attributes:
        header = matched.attributes.get(attribute.name)
        if header is None or attribute.name in columns:
            continue
        words = {header_key(word) for word in attribute.synonyms}
        others = sorted(other for other in free if header_key(split_unit(other)[0]) in words)
        if others:
            matched.issues.append(
                Issue(
                    "header_chosen",
                    f"{header!r} was taken as {attribute.name}; {', '.join(map(repr, others))} could be meant as well: "
                    f"columns = {{ {attribute.name} = {others[0]!r} }}",
                    column=attribute.name,
                )
            )


def _require(header: str, headers: list[str], path: Path) -> None:
    if header not in headers:
        raise MissingFieldError(f"there is no column {header!r}", where=path, expected=f"one of {', '.join(headers)}")


def _match_coordinates(matched: Matched, kind: Kind, find: Any, x: str | None, y: str | None) -> None:
    if x is not None:
        matched.x, matched.y = x, y
        return
    for first, second, sure in (("longitude", "latitude", True), ("easting", "northing", True), ("x", "y", False)):
        east, north = find(kind.words(first)), find(kind.words(second))
        if east is not None and north is not None:
            matched.x, matched.y, matched.axes_sure = east, north, sure
            return
    matched.wkt = find(kind.words("wkt"))


def canonical_attributes(
    table: pd.DataFrame, matched: Matched, kind: Kind, rows: NDArray[np.int64], values: Mapping[str, object]
) -> tuple[dict[str, pd.Series], list[Issue]]:
    """Every attribute of the kind, in order, in its canonical form; missing ones are NaN, NaT, ``<NA>`` or ``""``.

    Parameters
    ----------
    table : DataFrame
        The rows that are kept.
    matched : Matched
        Headers by attribute.
    kind : Kind
        Whose attributes.
    rows : ndarray, shape (n,)
        Source rows, for the issues.
    values : mapping
        Constants for attributes that the file does not have.

    Raises
    ------
    ParameterError
        If a constant is for no attribute of the kind, or is not one of its values.
    """
    names = [attribute.name for attribute in kind.attributes]
    for name in values:
        if name not in names:
            raise ParameterError(f"{name!r} is no attribute of {kind.name}", expected=f"one of {', '.join(names)}")
    result: dict[str, pd.Series] = {}
    issues: list[Issue] = []
    for attribute in kind.attributes:
        header = matched.attributes.get(attribute.name)
        if header is not None:
            parsed = parse_attribute(table[header], attribute, header)
            result[attribute.name] = parsed.data
            issues += _issues(parsed, table[header], attribute, header, rows)
        else:
            constant = pd.Series([str(values.get(attribute.name, ""))] * len(table), dtype="str")
            parsed = parse_attribute(constant, attribute, attribute.name)
            if parsed.bad.any():
                raise ParameterError(f"{values[attribute.name]!r} is no value of {attribute.name}")
            result[attribute.name] = parsed.data
    return result, issues


def _word_issues(
    parsed: Parsed, values: pd.Series, attribute: Attribute, header: str, rows: NDArray[np.int64]
) -> list[Issue]:
    """Words that stand as they were written, and words that were recognised by a part of them, the commonest first."""
    issues: list[Issue] = []
    if parsed.kept is not None and parsed.kept.any() and attribute.vocabulary is not None:
        listed = _commonest(values[parsed.kept].astype("str").str[:60].map(repr))
        detail = (
            f"{header} = {listed}, none of {', '.join(attribute.vocabulary.words)}: criteria that ask for it are silent"
        )
        issues.append(Issue.of_rows("word_not_known", detail, rows[parsed.kept], attribute.name))
    if parsed.guessed is not None and parsed.guessed.any():
        words = values[parsed.guessed].astype("str").str[:60].map(repr)
        listed = _commonest(words + " as " + parsed.data[parsed.guessed].astype("str"))
        issues.append(Issue.of_rows("word_guessed", f"{header}: {listed}", rows[parsed.guessed], attribute.name))
    return issues


def _commonest(words: pd.Series) -> str:
    counts = words.value_counts(sort=True)
    shown = ", ".join(f"{word} ({count})" for word, count in counts.iloc[:_WORDS_SHOWN].items())
    return f"{shown} and {len(counts) - _WORDS_SHOWN} more" if len(counts) > _WORDS_SHOWN else shown


def _issues(
    parsed: Parsed, values: pd.Series, attribute: Attribute, header: str, rows: NDArray[np.int64]
) -> list[Issue]:
    issues: list[Issue] = []
    unit = split_unit(header)[1]
    spelt = header_key(header) == header_key(attribute.name)
    if attribute.canonical_unit not in ("", "count") and not unit and not spelt:
        issues.append(
            Issue(
                "unit_assumed", f"{header!r} names no unit, read as {attribute.canonical_unit}", column=attribute.name
            )
        )
    issues += _word_issues(parsed, values, attribute, header, rows)
    if parsed.bad.any():
        first = values.iloc[int(np.flatnonzero(parsed.bad)[0])]
        code = _NOT_UNDERSTOOD.get(attribute.type, "word_not_known")
        detail = parsed.problem or f"{header} = {str(first)[:60]!r}"
        if attribute.minimum is not None and not parsed.problem:
            unit_text = f" {attribute.canonical_unit}" if attribute.canonical_unit not in ("", "count") else ""
            upper = f" to {attribute.maximum}" if attribute.maximum is not None else " or more"
            detail += f", expected a number, {attribute.minimum}{upper}{unit_text}"
        issues.append(Issue.of_rows(code, detail, rows[parsed.bad], attribute.name))
    if parsed.coarse is not None and parsed.coarse.any():
        detail = f"{header} names a month or a year only, read as its first day"
        issues.append(Issue.of_rows("day_assumed", detail, rows[parsed.coarse], attribute.name))
    return issues
