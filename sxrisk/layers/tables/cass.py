"""Survey files of the mapping program CASS: one point a line, number, code, Y (east), X (north), height.

The program's own order is east before north (it calls east Y), and files from total stations sometimes come the other
way round. A northing in China has seven digits and an easting six, or eight with its zone, so the magnitudes tell; what
they do not tell is read in the program's order.
"""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.corners import is_northing
from sxrisk.layers.tables.text import decode_text
from sxrisk.layers.tables.values import parse_coordinate, parse_number

__all__ = ["read_cass"]

_EXPECTED = "lines of number, code, Y (east), X (north), height"
_WIDTH = 5
_SEPARATORS = (",", "\t", ";", None)
_LEAST_SHARE = 0.5
# A northing in China, but on the southernmost islands; an easting is below, or above with its zone before it.
# No height is as large as a coordinate.
_LEAST_PLACE_M = 100_000.0
# Heights that programs write for none.
_NO_HEIGHT = (-9999.0, 9999.0, -99999.0, -32767.0)


def read_cass(path: Path, *, encoding: str | None) -> Source:
    """Points of a CASS file with the columns ``id``, ``code`` and ``z_m``; the code may be empty.

    Parameters
    ----------
    path : Path
        A first line with the number of points, and a last one with ``END``, are no points.
    encoding : str or None
        None to detect it.

    Raises
    ------
    FileFormatError
        If fewer than half of the lines have the form.
    InputError
        If it holds no line.
    """
    text, found = decode_text(path.read_bytes(), path, encoding)
    lines = [(number, line.strip(" ")) for number, line in enumerate(text.splitlines(), start=1) if line.strip(" \t,;")]
    issues: list[Issue] = []
    stated: int | None = None
    if len(lines) > 1 and lines[0][1].strip(",; ").isdigit():
        stated = int(lines[0][1].strip(",; ")[:9])
        lines = lines[1:]
    if lines and lines[-1][1].casefold() in ("end", "eof"):
        lines = lines[:-1]
    if not lines:
        raise InputError("the file holds no point", where=path, expected=_EXPECTED)
    separator = max(_SEPARATORS, key=lambda mark: sum(_has_form(_split(line, mark)) for _, line in lines[:200]))
    fields = [_split(line, separator) for _, line in lines]
    rows = np.asarray([number for number, _ in lines], dtype=np.int64)
    good = np.asarray([_has_form(record) for record in fields], dtype=bool)
    if good.mean() < _LEAST_SHARE:
        raise FileFormatError(
            f"only {int(good.sum())} of {len(good)} lines have the form of a CASS file", where=path, expected=_EXPECTED,
            remedy="Give a table with a header as .csv",
        )  # fmt: skip
    if stated is not None and stated != len(lines):
        issues.append(Issue("count_differs", f"the first line says {stated} points, there are {len(lines)}"))
    short = np.asarray([len(record) == _WIDTH - 1 for record in fields]) & good
    if short.any():
        told = "of four fields the code or the height was taken to be missing"
        issues.append(Issue.of_rows("field_missing", told, rows[short]))
    records = [_five(record) for record in fields]
    table = pd.DataFrame(records, columns=["id", "code", "Y", "X", "z_m"], dtype="str")
    east, north = (parse_coordinate(table[name]).data.to_numpy(dtype=np.float64) for name in ("Y", "X"))
    broken = {
        int(at): ("line_not_understood", f"{len(fields[at])} fields or no numbers: {lines[at][1][:80]!r}")
        for at in np.flatnonzero(~good)
    }
    whole = good & np.isfinite(east) & np.isfinite(north)
    if whole.any() and _north_first(east[whole], north[whole]):
        east, north = north, east
        issues.append(Issue("axes_by_magnitude", "the northing stands before the easting, against CASS's own order"))
    height = parse_number(table["z_m"]).data.to_numpy(dtype=np.float64)
    height = np.where(np.isin(height, _NO_HEIGHT), np.nan, height)
    table["z_m"] = height
    geometry = np.full(len(table), None, dtype=object)
    geometry[whole] = shapely.points(east[whole], north[whole])
    return Source(table.drop(columns=["Y", "X"]), rows, geometry, broken=broken, encoding=found,
                  separator=separator or " ", issues=issues)  # fmt: skip


def _north_first(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether the first column holds northings, and the second cannot."""
    turned = is_northing(first) & ~is_northing(second) & (second > 0)
    return bool(turned.mean() > _LEAST_SHARE)


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        record = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    except csv.Error:
        # A monstrous field is no part of a point.
        record = [line]
    while len(record) > _WIDTH and not record[-1].strip():
        record.pop()
    return [value.strip() for value in record]


def _has_form(record: Sequence[str]) -> bool:
    return len(record) in (_WIDTH - 1, _WIDTH) and all(map(math.isfinite, _numbers(_five(record)[2:4])))


def _five(record: Sequence[str]) -> list[str]:
    """Number, code, east, north, height; of four the code is missing, or the height where a place is last."""
    if len(record) != _WIDTH - 1:
        return [*record[:_WIDTH], *[""] * (_WIDTH - len(record))]
    ends_with_place = all(value >= _LEAST_PLACE_M for value in _numbers(record[2:4]))
    return [*record, ""] if ends_with_place else [record[0], "", *record[1:]]


def _numbers(fields: Sequence[str]) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError:
        return [float(value) for value in parse_coordinate(pd.Series(list(fields), dtype="str")).data]
