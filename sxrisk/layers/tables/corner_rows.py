"""Tables with one row a corner: the rows of one mine, licence or area become one area."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.layers._columns import match_columns
from sxrisk.layers._source import Source
from sxrisk.layers.kinds import Kind, header_key, split_unit
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.corner_rings import ring_polygon, split_rings
from sxrisk.layers.tables.corners import oriented
from sxrisk.layers.tables.values import as_text, parse_coordinate

__all__ = ["join_corner_rows"]

_CORNER_NUMBER = re.compile(
    r"(?:拐点|界址点|角点|顶点|边界点|范围点)(?:编?号|序号|序)?|点号|点序号?|点编号|"
    r"(?:corner|vertex|vertexindex|cornerno|cornernumber|pointno|pointnumber)"
)
_RING = re.compile(r"(?:区块|块段?|环|圈|地块)(?:编?号|序号)|(?:ring|part)(?:no|number|id)?")
_LEAST_CORNERS = 3
_DIGITS = re.compile(r"\d+")


def join_corner_rows(
    source: Source, kind: Kind, columns: Mapping[str, str], path: Path, *, x: str | None, y: str | None
) -> Source:
    """The source with one row an area, where its rows are corners; else the source as it is.

    Rows are corners if a column counts them (拐点号, 点号, ...) and most ids or names stand in three rows and more.
    The corners of an area are taken by their numbers where these differ, else as they stand; a number that falls back,
    or the first corner's place again, begins another ring. An area with a corner that cannot be used is rejected.

    Parameters
    ----------
    source : Source
        A table without geometry.
    kind : Kind
        Nothing is joined if it cannot be an area.
    columns, x, y
        As the user named them.
    path : Path
        For messages.
    """
    if source.geometry is not None or "polygon" not in kind.geometry:
        return source
    number = next((str(name) for name in source.table if _CORNER_NUMBER.fullmatch(_key(name))), None)
    if number is None or number in columns.values():
        return source
    rest = replace(source, table=source.table.drop(columns=number))
    matched = match_columns(rest, kind, columns, path, x=x, y=y)
    labels = [matched.common[role] for role in ("id", "name") if role in matched.common]
    if matched.x is None or matched.y is None or not labels:
        return source
    table = rest.table
    usable = np.ones(len(table), dtype=bool)
    usable[list(source.broken)] = False
    rows = np.flatnonzero(usable)
    keys, filled = _group_keys(table, labels, rows)
    # Groups by a column that only counts the rows are none.
    labels, codes, firsts = _best_grouping(keys, labels)
    if not labels or np.median(np.bincount(codes)) < _LEAST_CORNERS:
        return source
    corners = _Corners(table.iloc[rows], matched.x, matched.y, source.table[number].iloc[rows], source.rows[rows])
    named = [column for column in (matched.x, matched.y) if column not in (x, y)]
    return _joined(source, table.drop(columns=named), rows, codes, firsts, corners, keys[labels[0]],
                   filled)  # fmt: skip


def _key(header: object) -> str:
    return header_key(split_unit(header)[0])


def _group_keys(table: pd.DataFrame, labels: list[str], rows: NDArray[np.intp]) -> tuple[dict[str, pd.Series], int]:
    """Labels by column, written down over blank cells below; and how many cells were filled so."""
    keys: dict[str, pd.Series] = {}
    filled = 0
    for label in labels:
        text = as_text(table[label].iloc[rows]).reset_index(drop=True)
        blank = text == ""
        if blank.any() and not blank.iloc[0]:
            filled = max(filled, int(blank.sum()))
            text = text.mask(blank).ffill()
        keys[label] = text
    return keys, filled


def _best_grouping(
    keys: Mapping[str, pd.Series], labels: list[str]
) -> tuple[list[str], NDArray[np.intp], NDArray[np.intp]]:
    for label in labels:
        codes, distinct = pd.factorize(keys[label])
        if len(distinct) and len(codes) / len(distinct) >= _LEAST_CORNERS:
            return [label], codes, np.unique(codes, return_index=True)[1]
    return [], np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)


class _Corners:
    """Places, numbers and problems of the rows that are corners."""

    def __init__(self, table: pd.DataFrame, x: str, y: str, numbers: pd.Series, rows: NDArray[np.int64]) -> None:
        first, second = parse_coordinate(table[x]), parse_coordinate(table[y])
        values = [parsed.data.to_numpy(dtype=np.float64) for parsed in (first, second)]
        with np.errstate(invalid="ignore"):
            self.xy, wrong = oriented(values[0], values[1])
        self.wrong = wrong | ~np.isfinite(self.xy).all(axis=1)
        self.rows = rows
        found = [_DIGITS.search(text) for text in as_text(numbers)]
        self.numbers = [int(match[0][:9]) if match else None for match in found]
        self._shown = [
            f"{x} = {str(a)[:30]!r}, {y} = {str(b)[:30]!r}" for a, b in zip(table[x], table[y], strict=True)
        ]  # fmt: skip

    def area(self, members: NDArray[np.intp]) -> tuple[Any, str, bool]:
        """Polygon of some of the corners, its problem, and whether they stood out of order."""
        bad = members[self.wrong[members]]
        if bad.size:
            return None, f"row {self.rows[bad[0]]} is no corner: {self._shown[int(bad[0])]}", False
        numbers = [self.numbers[int(at)] for at in members]
        known = [number for number in numbers if number is not None]
        order = members
        if len(set(known)) == len(members):
            order = members[np.argsort(np.asarray(known), kind="stable")]
        ordered = [self.numbers[int(at)] for at in order]
        polygon, problem = ring_polygon(split_rings(self.xy[order], ordered, [False] * len(order))[0])
        return polygon, problem, bool((order != members).any())


def _joined(
    source: Source, table: pd.DataFrame, rows: NDArray[np.intp], codes: NDArray[np.intp], firsts: NDArray[np.intp],
    corners: _Corners, labels: pd.Series, filled: int,
) -> Source:  # fmt: skip
    polygons: list[Any] = []
    problems: list[str] = []
    disordered: list[int] = []
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    for members in groups:
        polygon, problem, moved = corners.area(members)
        polygons.append(polygon)
        problems.append(problem)
        if moved:
            disordered.append(int(corners.rows[members[0]]))
    areas = _first_filled(table.iloc[rows].reset_index(drop=True), codes)
    areas[labels.name] = labels.iloc[firsts].to_numpy()
    others = np.asarray(sorted(source.broken), dtype=np.intp)
    geometry = np.full(len(areas) + len(others), None, dtype=object)
    geometry[: len(polygons)] = polygons
    broken = {at: ("corners_not_usable", problem) for at, problem in enumerate(problems) if problem}
    broken |= {len(areas) + at: source.broken[int(other)] for at, other in enumerate(others)}
    issues = [*source.issues, Issue("corners_joined", f"{len(rows)} corner rows were joined to {len(areas)} areas")]
    if filled:
        issues.append(Issue("labels_filled_down", f"{labels.name!r} was written down over blank cells", filled))
    if disordered:
        issues.append(Issue.of_rows("corners_sorted", "corners were put in the order of their numbers",
                                    np.asarray(disordered)))  # fmt: skip
    return replace(
        source,
        table=pd.concat([areas, table.iloc[others]], ignore_index=True),
        rows=np.concatenate([corners.rows[firsts], source.rows[others]]),
        geometry=geometry,
        broken=broken,
        set_aside=source.set_aside + len(rows) - len(areas),
        issues=issues,
    )


def _first_filled(table: pd.DataFrame, codes: NDArray[np.intp]) -> pd.DataFrame:
    """The first cell of each group that is not blank, column by column."""
    blank = table.apply(lambda column: column.astype("str").str.strip() == "")
    return table.mask(blank).groupby(codes, sort=True).first().fillna("").reset_index(drop=True)
