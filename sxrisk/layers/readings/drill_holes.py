"""Drill holes: which intervals met a void, as a table in the coordinates of its plan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError, InputError, MissingFieldError
from sxrisk.layers._source import Source, check_file
from sxrisk.layers.kinds import header_key, split_unit
from sxrisk.layers.tables.values import as_text, parse_number

__all__ = ["HOLE_COLUMNS", "read_drill_holes"]

Floats = NDArray[np.float64]

#: Columns of the table of intervals, in order.
HOLE_COLUMNS = (
    "hole_id", "top_easting_m", "top_northing_m", "top_z_m", "bottom_easting_m", "bottom_northing_m", "bottom_z_m",
    "void", "source_row",
)  # fmt: skip

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "hole_id": ("hole", "hole_id", "hole id", "bhid", "borehole", "钻孔", "钻孔编号", "孔号", "钻孔号"),
    "easting": ("easting", "east", "x_east", "东坐标", "y坐标(东)", "孔口东坐标"),
    "northing": ("northing", "north", "北坐标", "孔口北坐标"),
    "collar": (
        "collar",
        "collar_z",
        "collar elevation",
        "elevation",
        "z",
        "rl",
        "孔口高程",
        "孔口标高",
        "高程",
        "标高",
    ),
    "from": ("from", "from_m", "depth_from", "自", "起始深度", "起深", "从"),
    "to": ("to", "to_m", "depth_to", "至", "终止深度", "止深", "到"),
    "dip": ("dip", "inclination", "倾角"),
    "azimuth": ("azimuth", "bearing", "方位角", "方位"),
    "void": ("void", "hit", "goaf", "采空", "采空区", "见空", "是否见空", "空洞"),
}
_NEEDED = ("hole_id", "easting", "northing", "collar", "from", "to", "void")
_YES = ("1", "y", "yes", "true", "t", "void", "hit", "goaf", "是", "有", "见空", "采空", "采空区", "空")
_NO = ("0", "n", "no", "false", "f", "rock", "none", "miss", "否", "无", "未见空", "未见", "实体", "岩石", "煤")


def read_drill_holes(
    path: str | Path, *, columns: Mapping[str, str] | None = None, sheet: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """
    Intervals of drill holes, each with its ends in space and whether it met a void.

    Parameters
    ----------
    path : str or Path
        CSV or XLSX with a row an interval: hole, easting, northing, height of the collar, depth from and to along the
        hole, void (yes or no); dip (degrees below level, default 90: straight down) and azimuth (degrees from grid
        north) where holes are inclined.
    columns : mapping, optional
        ``hole_id``, ``easting``, ``northing``, ``collar``, ``from``, ``to``, ``dip``, ``azimuth``, ``void`` to headers.
    sheet, encoding : str, optional
        Of a workbook; of a text file.

    Returns
    -------
    DataFrame
        Columns :data:`HOLE_COLUMNS`; metres; ``source_row`` as a person counts.

    Raises
    ------
    MissingFieldError
        If a column is not there.
    InputError
        If a row cannot be understood: a lost interval would be lost evidence, so none is left out.
    """
    file = check_file(path)
    source = _read(file, sheet, encoding)
    table = _named(source.table, columns or {}, file)
    numbers = {
        name: _numbers(table[name], source, file, name)
        for name in ("easting", "northing", "collar", "from", "to", "dip", "azimuth")
        if name in table
    }
    rows = np.asarray(source.rows)
    words = as_text(table["void"]).str.normalize("NFKC").str.casefold()
    void = words.isin(_YES).to_numpy()
    odd = np.flatnonzero(~(void | words.isin(_NO).to_numpy()))
    if odd.size:
        raise InputError(
            f"{words.iloc[odd[0]]!r} does not say whether the interval met a void",
            where=f"{file}, row {rows[odd[0]]}",
            expected="yes or no (是, 否; 1, 0; void, rock)",
        )
    turned = np.flatnonzero(~(numbers["to"] > numbers["from"]) | (numbers["from"] < 0))
    if turned.size:
        at = int(turned[0])
        raise InputError(
            f"an interval from {numbers['from'][at]:g} to {numbers['to'][at]:g} m",
            where=f"{file}, row {rows[at]}",
            expected="depths along the hole, from less than to",
        )
    down = _downwards(numbers, len(table))
    collar = np.column_stack([numbers["easting"], numbers["northing"], numbers["collar"]])
    top, bottom = (collar + down * numbers[name][:, None] for name in ("from", "to"))
    return pd.DataFrame(
        dict(
            zip(
                HOLE_COLUMNS,
                (as_text(table["hole_id"]).to_numpy(), *top.T, *bottom.T, void, rows),
                strict=True,
            )
        )
    )


def _downwards(numbers: Mapping[str, Floats], n: int) -> Floats:
    """Unit vectors (n, 3) along the holes."""
    dip = np.radians(np.nan_to_num(numbers.get("dip", np.full(n, 90.0)), nan=90.0))
    azimuth = np.radians(np.nan_to_num(numbers.get("azimuth", np.zeros(n))))
    return np.column_stack([np.cos(dip) * np.sin(azimuth), np.cos(dip) * np.cos(azimuth), -np.sin(np.abs(dip))])


def _read(path: Path, sheet: str | None, encoding: str | None) -> Source:
    from sxrisk.layers.tables.delimited import read_csv
    from sxrisk.layers.tables.workbook import read_xlsx

    known = frozenset(header_key(word) for words in _HEADERS.values() for word in words)
    suffix = path.suffix.casefold()
    if suffix in (".csv", ".txt", ".tsv"):
        return read_csv(path, encoding=encoding, known=known)
    if suffix in (".xlsx", ".xlsm"):
        return read_xlsx(path, sheet=sheet, known=known)
    raise FileFormatError(
        f"drill holes are not read from {path.suffix or 'a file without suffix'}",
        where=path,
        expected="one of .csv .txt .tsv .xlsx .xlsm",
    )


def _named(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    keys: dict[str, str] = {}
    for header in map(str, table.columns):
        keys.setdefault(header_key(split_unit(header)[0]), header)
        keys.setdefault(header_key(header), header)
    found: dict[str, str] = {}
    for role, words in _HEADERS.items():
        for word in (columns[role],) if role in columns else words:
            if header_key(word) in keys:
                found[role] = keys[header_key(word)]
                break
    missing = [role for role in _NEEDED if role not in found]
    if missing:
        raise MissingFieldError(
            f"no column for {', '.join(missing)}",
            where=path,
            expected="hole, easting, northing, collar, from, to, void (孔号, 东坐标, 北坐标, 孔口高程, 自, 至, 见空)",
            remedy=f"Name them with columns =; the file has {', '.join(map(str, table.columns))}"[:400],
        )
    return pd.DataFrame({role: table[header] for role, header in found.items()})


def _numbers(values: pd.Series, source: Source, path: Path, name: str) -> Floats:
    parsed = parse_number(values)
    numbers = parsed.data.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(parsed.bad if name in ("dip", "azimuth") else ~np.isfinite(numbers))
    if bad.size:
        raise InputError(
            f"{as_text(values).iloc[bad[0]]!r} is not a number",
            where=f"{path}, row {np.asarray(source.rows)[bad[0]]}, {name}",
            expected="metres" if name not in ("dip", "azimuth") else "degrees",
        )
    return numbers
