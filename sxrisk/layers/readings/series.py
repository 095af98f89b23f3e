"""The door for readings over time: logs and levelling tables become one tidy table with time zone and datum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError, InputError, MissingFieldError, ParameterError
from sxrisk.layers._source import Source, check_file
from sxrisk.layers.kinds import header_key, split_unit, unit_key
from sxrisk.layers.readings.series_datum import height_system
from sxrisk.layers.readings.series_kinds import POINT_HEADERS, TIME_HEADERS, SeriesKind, series_kind
from sxrisk.layers.report import Issue, LayerReport, Rejects
from sxrisk.layers.tables.times import day_of, parse_times
from sxrisk.layers.tables.values import as_text, parse_number

__all__ = ["SERIES_COLUMNS", "LoadedSeries", "load_series", "read_series"]

#: Columns of the tidy table, in order.
SERIES_COLUMNS = ("point_id", "time", "value", "unit", "quantity", "vertical_crs", "source_file", "source_row")
_CHINA_TIME = "Asia/Shanghai"
_COLUMN_NAMES = ("point_id", "time", "value")


@dataclass(frozen=True)
class LoadedSeries:
    """Readings as understood: the tidy table, rejected readings, and a report that counts readings as its rows."""

    frame: pd.DataFrame
    rejects: pd.DataFrame
    report: LayerReport


@dataclass
class _Layout:
    """Where in the table point, time and values stand; `days` are the columns that are days themselves."""

    point: str | None
    time: tuple[str, ...]
    readings: list[str]
    days: dict[str, pd.Timestamp]
    readings_are_points: bool = False


def read_series(
    path: str | Path,
    *,
    kind: str,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    vertical_crs: str | None = None,
    unit: str | None = None,
    timezone: str = _CHINA_TIME,
    sheet: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    """A table of readings, tidy; parameters and errors as in :func:`load_series`.

    Returns
    -------
    DataFrame
        Columns :data:`SERIES_COLUMNS`; ``frame.attrs`` says how many readings were used and rejected, and what was
        guessed.
    """
    return load_series(
        path, kind=kind, columns=columns, vertical_crs=vertical_crs, unit=unit, timezone=timezone, sheet=sheet,
        encoding=encoding,
    ).frame  # fmt: skip


def load_series(
    path: str | Path,
    *,
    kind: str,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    vertical_crs: str | None = None,
    unit: str | None = None,
    timezone: str = _CHINA_TIME,
    sheet: str | None = None,
    encoding: str | None = None,
) -> LoadedSeries:
    r"""Readings of sensors, rain gauges, piezometers or levelling, in one row a reading.

    Understood are long tables (point, time, value; several value columns become several quantities), wide tables with
    one column a day, as levellers write them, and wide tables with one column a point beside the time.

    Parameters
    ----------
    path : str or Path
        CSV, TXT or XLSX.
    kind : {"displacement", "levelling", "rain", "water_level", "pressure", "tilt", "crack"}
        What was measured; canonical units mm, m, mm, m, kPa, deg, mm.
    columns : mapping, optional
        ``point_id``, ``time`` and ``value`` to the file's headers; ``time`` may be two (date and time of day),
        ``value`` several.
    vertical_crs : str, optional
        Height system of levelling and water levels, e.g. ``"EPSG:5737"`` (1985 height). A header may name it,
        高程(1985国家高程基准); else it stays ``"unknown"``, and heights must not be compared with another table's.
    unit : str, optional
        Of the values, where no header says; default the canonical unit, with an issue.
    timezone : str
        IANA name, for times that name no zone.
    sheet : str, optional
        Of a workbook.
    encoding : str, optional
        Of a text file; detected if left out.

    Returns
    -------
    LoadedSeries
        ``frame``: point_id, time (tz-aware), value (canonical unit), unit, quantity (header of the value, without its
        unit), vertical_crs ("" where the value is no height), source_file, source_row; sorted as in the file.

    Raises
    ------
    FileFormatError
        Missing, cut short, of an unknown format or encoding.
    MissingFieldError
        No column of points, times or values.
    CRSError
        `vertical_crs` is no height system, or a header names another one.
    ParameterError
        An unknown kind, unit or time zone.
    InputError
        An empty table, no usable reading, a unit that contradicts the header's.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "levelling.csv")
    ...     _ = file.write_text("点号,2025-03-01,2025-04-01\nBM1,812.3456,812.3401\n", encoding="gb18030")
    ...     frame = read_series(file, kind="levelling", unit="m", vertical_crs="EPSG:5737")
    >>> frame[["point_id", "value"]].to_numpy().tolist(), str(frame.loc[1, "time"])
    ([['BM1', 812.3456], ['BM1', 812.3401]], '2025-04-01 00:00:00+08:00')
    """
    definition = series_kind(kind)
    _check_parameters(definition, columns or {}, unit, timezone)
    path = check_file(path)
    source = _read(path, definition, sheet, encoding)
    report = LayerReport(path.name, kind, path.stem, encoding=source.encoding, separator=source.separator)
    report.issues += source.issues
    layout = _layout(source.table, definition, columns or {}, path)
    report.columns = {
        "point_id": layout.point or "", "time": ", ".join(layout.time), "value": ", ".join(layout.readings),
    }  # fmt: skip
    readings = _readings(source, layout)
    report.rows_read = len(readings)
    rejects = Rejects(len(readings))
    frame = _tidy(source, readings, layout, definition, unit, timezone, report, rejects, path)
    frame["vertical_crs"] = height_system(definition, layout.readings, vertical_crs, report, path)
    kept = np.flatnonzero(rejects.kept)
    originals = source.table.iloc[readings["row"].to_numpy()].reset_index(drop=True)
    rejected = rejects.table(path.name, frame["source_row"].to_numpy(), originals)
    report.rows_rejected, report.rows_used = len(rejected), len(kept)
    report.rejected_by_reason = {str(key): int(n) for key, n in rejected["reason"].value_counts().sort_index().items()}
    report.check_rows()
    if not kept.size:
        first = rejected.iloc[0]
        raise InputError(
            f"no reading is usable; the first is in row {first['source_row']}: {first['detail']}", where=path,
            remedy="Name the columns with columns =, or correct the rows",
        )  # fmt: skip
    frame = frame.iloc[kept].reset_index(drop=True)
    _tell_repeated(frame, report)
    frame.attrs = {
        "kind": kind, "source_file": path.name, "rows_read": report.rows_read, "rows_used": report.rows_used,
        "rows_rejected": report.rows_rejected, "issues": [f"{issue.code}: {issue.detail}" for issue in report.issues],
    }  # fmt: skip
    return LoadedSeries(frame, rejected, report)


def _check_parameters(
    definition: SeriesKind, columns: Mapping[str, str | Sequence[str]], unit: str | None, timezone: str
) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    for name in columns:
        if name not in _COLUMN_NAMES:
            raise ParameterError(f"{name!r} is no column of a series", expected=f"one of {', '.join(_COLUMN_NAMES)}")
    units = definition.attribute.units
    if unit is not None and unit_key(unit) not in units:
        raise ParameterError(f"{unit!r} is no unit of {definition.name}", expected=f"one of {', '.join(units)}")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ParameterError(f"{timezone!r} is no time zone", expected="e.g. Asia/Shanghai") from error


def _read(path: Path, definition: SeriesKind, sheet: str | None, encoding: str | None) -> Source:
    from sxrisk.layers.tables.delimited import read_csv
    from sxrisk.layers.tables.workbook import read_xlsx

    words = (*POINT_HEADERS, *TIME_HEADERS, *definition.attribute.synonyms)
    known = frozenset(map(header_key, words))
    suffix = path.suffix.casefold()
    if suffix in (".csv", ".txt", ".tsv"):
        return read_csv(path, encoding=encoding, known=known, days=True)
    if suffix in (".xlsx", ".xlsm"):
        return read_xlsx(path, sheet=sheet, known=known, days=True)
    raise FileFormatError(
        f"readings are not read from {path.suffix or 'a file without suffix'}", where=path,
        expected="one of .csv .txt .tsv .xlsx .xlsm", remedy="Save it as .xlsx" if suffix == ".xls" else None,
    )  # fmt: skip


def _layout(
    table: pd.DataFrame, definition: SeriesKind, columns: Mapping[str, str | Sequence[str]], path: Path
) -> _Layout:
    headers = [str(name) for name in table.columns]
    named = {key: [value] if isinstance(value, str) else list(value) for key, value in columns.items()}
    for header in (header for listed in named.values() for header in listed):
        if header not in headers:
            raise MissingFieldError(
                f"there is no column {header!r}", where=path, expected=f"one of {', '.join(headers)}"[:400]
            )
    days = {header: day for header in headers if (day := _day_of_column(header, definition)) is not None}
    keys: dict[str, str] = {}
    for header in headers:
        keys.setdefault(header_key(split_unit(header)[0]), header)

    def find(words: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(keys[header_key(word)] for word in words if header_key(word) in keys))

    point = next(iter(named.get("point_id", find(POINT_HEADERS))), None)
    time = tuple(named.get("time", _time_columns(find(TIME_HEADERS))))
    taken = {point, *time}
    values = named.get("value", [name for name in headers if name not in taken and definition.measures(name)])
    if days and not time and "value" not in named:
        if point is None:
            point = next((name for name in headers if name not in days), None)
        values = []
    elif time and not values:
        # Beside the time every column that holds numbers is a point.
        values = [name for name in headers if name not in taken and _mostly_numbers(table[name])]
        if values and point is None:
            return _Layout(None, time, values, {}, readings_are_points=True)
    else:
        days = {}
    if point is None or not (days or (time and values)):
        missing = "points" if point is None else "times" if not (days or time) else f"values of {definition.name}"
        raise MissingFieldError(
            f"no column of {missing} was found", where=path,
            expected="headers such as 点号, 时间 and 高程, or one column a day",
            remedy=f"Name them with columns =; the file has {', '.join(headers)}"[:400],
        )  # fmt: skip
    return _Layout(point, time, values, days)


def _day_of_column(header: str, definition: SeriesKind) -> pd.Timestamp | None:
    """Day of a column of values: its header is a day, or a day above the quantity's own (2025-03-01/高程)."""
    found = day_of(header) or day_of(split_unit(header)[0])
    if found is not None:
        return found
    day, _, quantity = header.rpartition("/")
    return day_of(day) if day and definition.measures(quantity) else None


def _quantity(header: str, layout: _Layout, definition: SeriesKind) -> str:
    """What a column measures, in the file's words where it has any."""
    plain_day = header in layout.days and not definition.measures(header.rpartition("/")[2])
    if plain_day or layout.readings_are_points:
        return definition.name
    return split_unit(header.rpartition("/")[2] if header in layout.days else header)[0]


def _time_columns(found: list[str]) -> list[str]:
    """A date and a time of day are taken together; of several moments the first."""
    dates = [name for name in found if "日期" in name or header_key(name) in ("date", "day")]
    clocks = [name for name in found if name not in dates]
    if dates and clocks and header_key(clocks[0]) in ("时间", "time"):
        return [dates[0], clocks[0]]
    return found[:1]


def _mostly_numbers(values: pd.Series) -> bool:
    parsed = parse_number(values)
    written = (as_text(values) != "").to_numpy()
    return bool(written.any()) and float(parsed.data.notna().to_numpy()[written].mean()) > 0.5


def _readings(source: Source, layout: _Layout) -> pd.DataFrame:
    """Position of the row and column of every cell that holds a reading; a row without any counts as one."""
    names = list(layout.days) or layout.readings
    written = np.column_stack([(as_text(source.table[name]) != "").to_numpy() for name in names])
    written[list(source.broken)] = False
    empty = np.asarray(~written.any(axis=1), dtype=bool)
    written[empty, 0] = True
    row, column = np.nonzero(written)
    return pd.DataFrame({"row": row, "column": np.asarray(names, dtype=object)[column], "empty": empty[row]})


def _tidy(
    source: Source, readings: pd.DataFrame, layout: _Layout, definition: SeriesKind, unit: str | None, timezone: str,
    report: LayerReport, rejects: Rejects, path: Path,
) -> pd.DataFrame:  # fmt: skip
    table, row = source.table, readings["row"].to_numpy()
    names = readings["column"].to_numpy()
    for at, (reason, detail) in source.broken.items():
        rejects.add(np.flatnonzero(row == at), reason, detail)
    time = _times(table, layout, readings, timezone, report, rejects, source.rows)
    point = pd.Series(names, dtype="str") if layout.readings_are_points else as_text(table[layout.point]).iloc[row]
    point = point.reset_index(drop=True)
    rejects.add((point == "").to_numpy() & ~readings["empty"].to_numpy(), "point_missing", f"{layout.point} is empty")
    value = np.full(len(readings), np.nan)
    for name in dict.fromkeys(names):
        cells = np.flatnonzero(names == name)
        value[cells] = _values(table[name].iloc[row[cells]], str(name), definition, unit, report, rejects, cells, path)
    rejects.add(readings["empty"].to_numpy(), "value_missing", "the row holds no reading")
    spoken = {name: _quantity(str(name), layout, definition) for name in dict.fromkeys(names)}
    return pd.DataFrame(
        {
            "point_id": point, "time": time.reset_index(drop=True), "value": value,
            "unit": definition.attribute.canonical_unit, "quantity": [spoken[name] for name in names],
            "vertical_crs": "", "source_file": path.name, "source_row": source.rows[row],
        },
        columns=list(SERIES_COLUMNS),
    )  # fmt: skip


def _times(
    table: pd.DataFrame, layout: _Layout, readings: pd.DataFrame, timezone: str, report: LayerReport, rejects: Rejects,
    rows: NDArray[np.int64],
) -> pd.Series:  # fmt: skip
    row = readings["row"].to_numpy()
    if layout.days:
        text = readings["column"].map({name: day.strftime("%Y-%m-%d") for name, day in layout.days.items()})
    else:
        parts = [as_text(table[name]).iloc[row].reset_index(drop=True) for name in layout.time]
        text = parts[0]
        if len(parts) > 1:
            # A date cell of a workbook may carry a midnight of its own.
            text = text.str.replace(r"[ T]00:00(?::00)?$", "", regex=True).str.cat(parts[1], sep=" ").str.strip()
    parsed = parse_times(text, timezone)
    live = ~readings["empty"].to_numpy()
    bad = np.flatnonzero(parsed.bad & live)
    rejects.add(bad, "time_not_understood", [f"{' '.join(layout.time)} = {str(text.iloc[at])[:60]!r}" for at in bad])
    missing = parsed.data.isna().to_numpy() & ~parsed.bad & live
    rejects.add(missing, "time_missing", f"{' '.join(layout.time)} is empty")
    days = parsed.day_only & live
    if days.any():
        report.issues.append(Issue.of_rows("time_of_day_unknown", "a day alone is its midnight", rows[row[days]]))
    return parsed.data


def _values(
    cells: pd.Series, name: str, definition: SeriesKind, unit: str | None, report: LayerReport, rejects: Rejects,
    at: NDArray[np.intp], path: Path,
) -> NDArray[np.float64]:  # fmt: skip
    own = split_unit(name)[1]
    own = own if own in definition.attribute.units else ""
    declared = unit_key(unit) if unit is not None else ""
    units = definition.attribute.units
    if own and declared and units[own].factor != units[declared].factor:
        raise InputError(
            f"the header {name!r} says {own}, but the unit {unit} is declared", where=path, expected="one unit"
        )
    if not own and not declared:
        told = f"no header names a unit, values were read as {definition.attribute.canonical_unit}"
        if not any(issue.code == "unit_assumed" for issue in report.issues):
            report.issues.append(Issue("unit_assumed", told, column="value"))
    parsed = parse_number(cells, definition.attribute, own or declared)
    bad = np.flatnonzero(parsed.bad)
    rejects.add(at[bad], "number_not_usable", [f"{name} = {str(cells.iloc[row])[:60]!r}" for row in bad])
    missing = parsed.data.isna().to_numpy() & ~parsed.bad
    rejects.add(at[missing & (as_text(cells) != "").to_numpy()], "value_missing", f"{name} says there is none")
    return parsed.data.to_numpy(dtype=np.float64)


def _tell_repeated(frame: pd.DataFrame, report: LayerReport) -> None:
    again = frame.duplicated(["point_id", "time", "quantity"], keep=False)
    if not again.any():
        return
    rows: Any = frame.loc[again, "source_row"].to_numpy()
    different = frame.loc[again].groupby(["point_id", "time", "quantity"])["value"].agg(np.ptp) > 0
    told = f"{int(different.sum())} of them with different values" if different.any() else "with the same values"
    report.issues.append(Issue.of_rows("repeated_reading", f"readings of one point and time stand twice, {told}", rows))
