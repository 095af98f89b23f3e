"""From written values to numbers with a unit, dates, words of a vocabulary, and yes or no. All by column."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.layers.kinds import Attribute, Vocabulary, header_key, split_unit, unit_key

__all__ = ["Parsed", "as_text", "parse_attribute", "parse_coordinate", "parse_date", "parse_number"]

_MISSING = frozenset(
    ["", "-", "--", "---", "—", "——", "/", "无", "未知", "不详", "暂无", "空",
     "n/a", "na", "null", "none", "nan", "<na>", "nil"]
)  # fmt: skip
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(?P<unit>[^\d].*)?")
# Applied after full-width folding, which makes two primes of a double one.
_SECONDS_MARKS = str.maketrans({"′": "'", "’": "'", "”": '"', "分": "'", "秒": '"', "度": "°"})
_DEGREES = re.compile(
    r"(?P<hemi1>[NSEW东西南北]?)[经纬]?(?P<sign>[+-]?)(?P<d>\d{1,3})[°:D](?:(?P<m>\d{1,2}(?:\.\d+)?)(?:[':M]|$))?"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)(?:\"|''|S|$))?(?P<hemi2>[NSEW东西南北]?)"
)
_TRUE = frozenset(("是", "有", "已", "已安装", "已建", "安装", "y", "yes", "true", "t", "1", "√", "✓", "在线"))
_FALSE = frozenset(("否", "没有", "未", "未安装", "未建", "n", "no", "false", "f", "0", "×", "x", "无"))
_LEAST_PART_LATIN, _LEAST_PART_HAN = 4, 2
_DATE = re.compile(
    r"(?P<y>\d{4})(?:[-/.年](?:(?P<m>\d{1,2})(?:[-/.月](?:(?P<d>\d{1,2})(?:日|号)?)?)?)?)?"
    r"(?:[T ]\d{1,2}[:时].*)?"
)
_PACKED_DATE = re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})?")
# A bare number in the first range is a year, in the second a day as Excel counts them (1920 to 2099).
_FIRST_YEAR, _LAST_YEAR = 1800, 2199
_FIRST_SERIAL, _LAST_SERIAL = 7306, 73050
_EXCEL_DAY_0 = date(1899, 12, 30).toordinal()


@dataclass(frozen=True)
class Parsed:
    """Values of a column, and a mask of those that were written but not understood.

    ``coarse`` marks dates that were given as a month or a year only.
    """

    data: pd.Series
    bad: NDArray[np.bool_]
    problem: str = ""
    coarse: NDArray[np.bool_] | None = None


def as_text(values: pd.Series) -> pd.Series:
    """The column as stripped text, missing as ``""``; whole floats lose their ``.0``."""
    if pd.api.types.is_bool_dtype(values.dtype):
        values = values.map({True: "true", False: "false"})
    elif pd.api.types.is_float_dtype(values.dtype):
        whole = values.notna() & np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
        array = values.to_numpy(dtype=np.float64, na_value=np.nan)
        whole &= np.equal(np.mod(np.where(whole, array, 0.5), 1.0), 0.0) & (np.abs(np.nan_to_num(array)) < 1e15)
        text = values.astype("str")
        text[whole] = pd.Series(array, index=values.index)[whole].astype("int64").astype("str")
        values = text.where(values.notna(), "")
    missing = values.isna()
    return values.astype("str").where(~missing, "").str.strip()


def parse_number(values: pd.Series, attribute: Attribute | None = None, header_unit: str = "") -> Parsed:
    """Numbers in the attribute's canonical unit.

    Parameters
    ----------
    values : Series
        Numbers or text; text may carry thousands separators, full-width digits and its own unit.
    attribute : Attribute, optional
        Whose units and bounds hold.
    header_unit : str
        Unit from the header, ``""`` for the canonical one.

    Returns
    -------
    Parsed
        float64 with NaN for what is missing, not understood or impossible.
    """
    factor = 1.0
    units = attribute.units if attribute else {}
    if header_unit and units:
        if header_unit not in units:
            written = as_text(values).str.casefold().map(lambda text: text not in _MISSING).to_numpy(dtype=bool)
            nothing = pd.Series(np.full(len(values), np.nan), index=values.index)
            return Parsed(nothing, written, f"the unit {header_unit!r} is not known for this attribute")
        factor = units[header_unit].factor
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan) * factor
        bad = np.isinf(numbers)
    else:
        numbers, bad = _numbers_from_text(values, factor, attribute)
    numbers = np.where(bad, np.nan, numbers)
    return Parsed(pd.Series(numbers, index=values.index), bad)


def _numbers_from_text(
    values: pd.Series, factor: float, attribute: Attribute | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan) * factor
    bad = np.isinf(numbers)
    left = np.flatnonzero(np.isnan(numbers) & values.notna().to_numpy())
    if not left.size:
        return numbers, bad
    text = values.iloc[left].astype("str").str.normalize("NFKC").str.replace(r"[\s,]", "", regex=True).str.casefold()
    # Categories: a column of a million rows has few distinct leftovers.
    codes, distinct = pd.factorize(text)
    parsed = np.full(len(distinct), np.nan)
    wrong = np.zeros(len(distinct), dtype=bool)
    for at, word in enumerate(distinct):
        if word in _MISSING:
            continue
        match = _NUMBER.fullmatch(word)
        unit = unit_key(match["unit"] or "") if match else ""
        if match is None or (unit and (attribute is None or unit not in attribute.units)):
            wrong[at] = True
            continue
        scale = attribute.units[unit].factor if unit and attribute else factor
        parsed[at] = float(match["number"]) * scale
        wrong[at] = not np.isfinite(parsed[at])
    numbers[left], bad[left] = parsed[codes], wrong[codes]
    return numbers, bad


def parse_coordinate(values: pd.Series) -> Parsed:
    """Coordinates in the file's unit: numbers, or degrees-minutes-seconds as 112°30′15″ or 112:30:15.

    Returns
    -------
    Parsed
        float64; infinities stay (they are rejected as not finite), `bad` marks text that is no coordinate.
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Parsed(values.astype("float64"), np.zeros(len(values), dtype=bool))
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    bad = np.zeros(len(values), dtype=bool)
    left = np.flatnonzero(np.isnan(numbers) & values.notna().to_numpy())
    for at in left:
        word = unicodedata.normalize("NFKC", str(values.iloc[at])).strip().replace(" ", "")
        if word.casefold() in _MISSING:
            continue
        value = _degrees(word)
        if value is None:
            match = _NUMBER.fullmatch(word.replace(",", "").casefold())
            plain = match is not None and unit_key(match["unit"] or "") in ("", "°", "度", "m", "米", "e", "n")
            value = float(match["number"]) if match and plain else None
        bad[at] = value is None
        numbers[at] = np.nan if value is None else value
    return Parsed(pd.Series(numbers, index=values.index), bad)


def _degrees(word: str) -> float | None:
    match = _DEGREES.fullmatch(word.translate(_SECONDS_MARKS).upper())
    if match is None:
        return None
    minutes, seconds = float(match["m"] or 0), float(match["s"] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    value = float(match["d"]) + minutes / 60 + seconds / 3600
    negative = match["sign"] == "-" or (match["hemi1"] or match["hemi2"]) in ("S", "W", "南", "西")
    return -value if negative else value


def parse_date(values: pd.Series) -> Parsed:
    """Days as ``datetime64[s]``; a month or a year alone stands for its first day and is marked as coarse.

    Parameters
    ----------
    values : Series
        Dates of any kind that pandas knows, or text and numbers: 2015-03-01, 2015/3/1, 2015年3月1日, 2015年3月, 2015,
        20150301, or the days since 1899-12-30 of a spreadsheet.

    Returns
    -------
    Parsed
        NaT for what is missing or not understood.

    Examples
    --------
    >>> parse_date(pd.Series(["2015年3月", "42064", "soon"])).data.dt.date.tolist()
    [datetime.date(2015, 3, 1), datetime.date(2015, 3, 1), NaT]
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        nothing_bad = np.zeros(len(values), dtype=bool)
        return Parsed(values.dt.normalize().astype("datetime64[s]"), nothing_bad, coarse=nothing_bad.copy())
    codes, distinct = pd.factorize(as_text(values))
    days = np.full(len(distinct), np.datetime64("NaT"), dtype="datetime64[s]")
    wrong, coarse = np.zeros(len(distinct), dtype=bool), np.zeros(len(distinct), dtype=bool)
    for at, written in enumerate(distinct):
        word = unicodedata.normalize("NFKC", written).strip()
        if word.casefold() in _MISSING:
            continue
        day, coarse[at] = _day(word)
        wrong[at] = day is None
        if day is not None:
            days[at] = np.datetime64(day)
    return Parsed(pd.Series(days[codes], index=values.index), wrong[codes], coarse=coarse[codes])


def _day(word: str) -> tuple[date | None, bool]:
    """Day that a text means, and whether the text names no day but a month or year."""
    if word.isdigit() and _FIRST_SERIAL <= int(word) <= _LAST_SERIAL:
        return date.fromordinal(_EXCEL_DAY_0 + int(word)), False
    match = _DATE.fullmatch(re.sub(r"\s*([-/.年月日号])\s*", r"\1", word)) or _PACKED_DATE.fullmatch(word)
    if match is None or not _FIRST_YEAR <= int(match["y"]) <= _LAST_YEAR:
        return None, False
    try:
        day = date(int(match["y"]), int(match["m"] or 1), int(match["d"] or 1))
    except ValueError:
        return None, False
    return day, match["d"] is None


def parse_attribute(values: pd.Series, attribute: Attribute, header: str) -> Parsed:
    """A column in the canonical form of an attribute.

    Parameters
    ----------
    values : Series
        As the file has them.
    attribute : Attribute
        What they mean.
    header : str
        The file's header, whose brackets may hold the unit.

    Returns
    -------
    Parsed
        float64, datetime64, nullable boolean, or text (missing ``""``).
    """
    if attribute.type == "number":
        parsed = parse_number(values, attribute, split_unit(header)[1])
        numbers = parsed.data.to_numpy()
        with np.errstate(invalid="ignore"):
            impossible = np.zeros(len(numbers), dtype=bool)
            if attribute.minimum is not None:
                impossible |= numbers < attribute.minimum
            if attribute.maximum is not None:
                impossible |= numbers > attribute.maximum
        if impossible.any():
            return Parsed(parsed.data.mask(impossible), parsed.bad | impossible, parsed.problem)
        return parsed
    if attribute.type == "date":
        return parse_date(values)
    text = as_text(values)
    if attribute.type == "bool":
        return _booleans(text)
    if attribute.vocabulary is not None:
        return _words(text, attribute.vocabulary)
    return Parsed(text.where(~text.str.casefold().isin(_MISSING), ""), np.zeros(len(text), dtype=bool))


def _booleans(text: pd.Series) -> Parsed:
    codes, distinct = pd.factorize(text)
    keys = [header_key(word) for word in distinct]
    known = [True if key in _TRUE else False if key in _FALSE else pd.NA for key in keys]
    wrong = np.asarray(
        [value is pd.NA and key not in _MISSING for value, key in zip(known, keys, strict=True)], dtype=bool
    )
    values = pd.array(known, dtype="boolean").take(codes)
    return Parsed(pd.Series(values, index=text.index), wrong[codes])


def _words(text: pd.Series, vocabulary: Vocabulary) -> Parsed:
    codes, distinct = pd.factorize(text)
    mapped: list[str] = []
    wrong = np.zeros(len(distinct), dtype=bool)
    for at, word in enumerate(distinct):
        if word.casefold() in _MISSING:
            mapped.append("")
            continue
        found = _canonical_word(word, vocabulary)
        wrong[at] = found is None and vocabulary.unknown != "keep"
        mapped.append(found if found is not None else word if vocabulary.unknown == "keep" else vocabulary.unknown)
    values = np.asarray(mapped, dtype=object)[codes]
    return Parsed(pd.Series(values, index=text.index, dtype="str"), wrong[codes])


def _canonical_word(word: str, vocabulary: Vocabulary) -> str | None:
    key = header_key(word)
    for canonical, forms in vocabulary.words.items():
        if any(key == header_key(form) for form in forms):
            return canonical
    for canonical, forms in vocabulary.words.items():
        if any(_long_enough(part) and part in key for part in map(header_key, forms)):
            return canonical
    return None


def _long_enough(part: str) -> bool:
    return len(part) >= (_LEAST_PART_LATIN if part.isascii() else _LEAST_PART_HAN)
