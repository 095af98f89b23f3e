"""From written values to numbers with a unit, dates, words of a vocabulary, and yes or no. All by column."""

import re
import unicodedata
from dataclasses import dataclass, replace
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
# How a pipe's size is written: DN1016, Φ1016×17.5, D=813. The figure behind the cross is the wall's.
_SIZE_MARK = re.compile(r"(?:dn|[φø∅⌀]|d)[=:]?(?=\d)")
_WALL = re.compile(r"(?<=[\dm])[x×*]\d+(?:\.\d+)?(?:mm)?$")
# Applied after full-width folding, which makes two primes of a double one.
_SECONDS_MARKS = str.maketrans({"′": "'", "’": "'", "”": '"', "分": "'", "秒": '"', "度": "°"})
_DEGREES = re.compile(
    r"(?P<hemi1>[NSEW东西南北]?)[经纬]?(?P<sign>[+-]?)(?P<d>\d{1,3})[°:D](?:(?P<m>\d{1,2}(?:\.\d+)?)(?:[':M]|$))?"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)(?:\"|''|S|$))?(?P<hemi2>[NSEW东西南北]?)"
)
# 112-30-15.2, 112 30 15.2, 112.30.15.2: the same mark twice.
_SEPARATED = re.compile(
    r"(?P<hemi1>[NSEW东西南北]?)[经纬]?\s*(?P<d>\d{1,3})(?P<mark>\s*[-./:、]\s*|\s+)(?P<m>\d{1,2})(?P=mark)"
    r"(?P<s>\d{1,2}(?:\.\d+)?)\s*(?P<hemi2>[NSEW东西南北]?)"
)
_HEMISPHERE = re.compile(r"(?:东经|北纬|经度|纬度|[en东北])[:=]?|[en东北]$")
_THOUSANDS = re.compile(r"(?<=\d)[,\s](?=\d{3}(?:[,\s]\d{3})*(?:\.\d*)?\s*(?:m|米)?$)", re.IGNORECASE)
# Thousands in any number: groups of three to its end or its decimal point.
_GROUPS = re.compile(r"(?<=\d)[,\s](?=\d{3}(?:[,\s]\d{3})*(?![\d,]|\s+\d))")
_APART = re.compile(r"\d[\s,]+[\d.]")
# Degrees, minutes and seconds packed into one number are told only by the header: 经度(度.分秒), lon(DMS).
_PACKED_UNIT = re.compile(r"d+\.?m+\.?s+|度\.?分\.?秒")
_PACKED = re.compile(r"(?P<d>\d{1,3})\.(?P<m>\d{2})(?P<s>\d{2})?(?P<rest>\d*)|(?P<whole>\d{6,7})(?:\.(?P<part>\d*))?")
_TRUE = frozenset(("是", "有", "已", "已安装", "已建", "安装", "y", "yes", "true", "t", "1", "√", "✓", "在线"))
_FALSE = frozenset(("否", "没有", "未", "未安装", "未建", "n", "no", "false", "f", "0", "×", "x", "无"))
# A word that begins by denying, what turns the form behind it into another, and a fire class that no form names.
_DENIED = re.compile(r"[非不未]|non|not")
_ALTERED = re.compile(r"(?:[非不未无较半次亚准中]|[乙丙丁戊]类?|non|not|(?:^|[^a-z])(?:in|un))$")
_OTHER_CLASS = re.compile(r"[丙丁戊]类")
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

    ``coarse`` marks dates that were given as a month or a year only. ``kept`` are words that no vocabulary has and that
    stand in the data as they were written; ``guessed`` marks words that were recognised by a part of them.
    """

    data: pd.Series
    bad: NDArray[np.bool_]
    problem: str = ""
    coarse: NDArray[np.bool_] | None = None
    kept: NDArray[np.bool_] | None = None
    guessed: NDArray[np.bool_] | None = None


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
    text = values.iloc[left].astype("str").str.normalize("NFKC").str.strip().str.casefold()
    # Categories: a column of a million rows has few distinct leftovers.
    codes, distinct = pd.factorize(text)
    parsed = np.full(len(distinct), np.nan)
    wrong = np.zeros(len(distinct), dtype=bool)
    for at, word in enumerate(distinct):
        if word in _MISSING:
            continue
        joined = _joined(word)
        if attribute is not None and attribute.dimension == "diameter":
            joined = _WALL.sub("", _SIZE_MARK.sub("", joined, count=1))
        match = _NUMBER.fullmatch(joined)
        unit = unit_key(match["unit"] or "") if match else ""
        if match is None or (unit and (attribute is None or unit not in attribute.units)):
            wrong[at] = True
            continue
        scale = attribute.units[unit].factor if unit and attribute else factor
        parsed[at] = float(match["number"]) * scale
        wrong[at] = not np.isfinite(parsed[at])
    numbers[left], bad[left] = parsed[codes], wrong[codes]
    return numbers, bad


def _joined(word: str) -> str:
    """The word without blanks and marks of thousands; as it is where they may part two numbers: 12,5 or 10 20."""
    joined = _GROUPS.sub("", word)
    return word if _APART.search(joined) else re.sub(r"\s", "", joined)


def parse_coordinate(values: pd.Series) -> Parsed:
    """Coordinates in the file's unit: numbers, or degrees, minutes and seconds.

    Understood are 112°30′15.2″, with or without E, N, 东经, 北纬, 112°30.25′, 112:30:15, 112-30-15, 112 30 15,
    112.30.15, 112度30分15秒. A number such as 112.3015 is decimal, unless the header says otherwise: 经度(度.分秒),
    lon(DDD.MMSS).

    Parameters
    ----------
    values : Series
        As the file has them; its name is the header.

    Returns
    -------
    Parsed
        float64; infinities stay (they are rejected as not finite), `bad` marks text that is no coordinate.

    Examples
    --------
    >>> parse_coordinate(pd.Series(["112°30′36″E", "112-30-36", "112.51"])).data.tolist()
    [112.51, 112.51, 112.51]
    >>> parse_coordinate(pd.Series(["112.3036"], name="经度(度.分秒)")).data.tolist()
    [112.51]
    """
    packed = _PACKED_UNIT.fullmatch(split_unit(values.name or "")[1]) is not None
    if pd.api.types.is_numeric_dtype(values.dtype) and not packed:
        return Parsed(values.astype("float64"), np.zeros(len(values), dtype=bool))
    numbers = np.full(len(values), np.nan)
    if not packed:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    bad = np.zeros(len(values), dtype=bool)
    left = np.flatnonzero(np.isnan(numbers) & values.notna().to_numpy())
    for at in left:
        # A leading apostrophe is how a spreadsheet marks text.
        word = unicodedata.normalize("NFKC", str(values.iloc[at])).strip().lstrip("'`").strip()
        if word.casefold() in _MISSING:
            continue
        value = _packed(word) if packed else None
        value = _coordinate(word) if value is None else value
        bad[at] = value is None
        numbers[at] = np.nan if value is None else value
    return Parsed(pd.Series(numbers, index=values.index), bad)


def _coordinate(word: str) -> float | None:
    marked = word.translate(_SECONDS_MARKS).upper()
    value = _sexagesimal(_DEGREES.fullmatch(re.sub(r"\s", "", marked)))
    if value is None:
        value = _sexagesimal(_SEPARATED.fullmatch(marked))
    if value is not None:
        return value
    joined = _THOUSANDS.sub("", word)
    match = (
        None if _APART.search(joined) else _NUMBER.fullmatch(_HEMISPHERE.sub("", re.sub(r"\s", "", joined.casefold())))
    )
    if match is None or unit_key(match["unit"] or "") not in ("", "°", "度", "m", "米"):
        return None
    return float(match["number"])


def _sexagesimal(match: re.Match[str] | None) -> float | None:
    if match is None:
        return None
    parts = match.groupdict()
    minutes, seconds = float(parts["m"] or 0), float(parts["s"] or 0)
    # 60 itself is what rounding makes of 59.999: 45′60.00″ is 46′.
    if minutes > 60 or seconds > 60 or (minutes == 60 and seconds > 0):
        return None
    value = (float(parts["d"]) * 3600 + minutes * 60 + seconds) / 3600
    negative = parts.get("sign") == "-" or (parts["hemi1"] or parts["hemi2"]) in ("S", "W", "南", "西")
    return -value if negative else value


def _packed(word: str) -> float | None:
    """Degrees of 112.3015 or 1123015 as 112 degrees, 30 minutes, 15 seconds."""
    match = _PACKED.fullmatch(word)
    if match is None:
        return None
    if match["whole"]:
        whole = match["whole"]
        degree, minute, second = whole[:-4], whole[-4:-2], f"{whole[-2:]}.{match['part'] or '0'}"
    else:
        degree, minute, second = match["d"], match["m"], f"{match['s'] or '00'}.{match['rest'] or '0'}"
    if int(minute) >= 60 or float(second) >= 60:
        return None
    return (int(degree) * 3600 + int(minute) * 60 + float(second)) / 3600


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
        parsed = _words(text, attribute.vocabulary)
        # A rank is a number that people write in words: 三等, Ⅲ.
        return (
            replace(parsed, data=pd.to_numeric(parsed.data).astype("float64")) if attribute.type == "rank" else parsed
        )
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
    strange, guessed = np.zeros(len(distinct), dtype=bool), np.zeros(len(distinct), dtype=bool)
    keep = vocabulary.unknown == "keep"
    for at, word in enumerate(distinct):
        if word.casefold() in _MISSING:
            mapped.append("")
            continue
        found, guessed[at] = _canonical_word(word, vocabulary)
        strange[at] = found is None
        mapped.append(found if found is not None else word if keep else vocabulary.unknown)
    values = np.asarray(mapped, dtype=object)[codes]
    nothing = np.zeros(len(text), dtype=bool)
    return Parsed(
        pd.Series(values, index=text.index, dtype="str"),
        nothing if keep else strange[codes],
        kept=strange[codes] if keep else nothing,
        guessed=guessed[codes],
    )


def _canonical_word(word: str, vocabulary: Vocabulary) -> tuple[str | None, bool]:
    """What a word means, and whether that was told by a part of it only.

    The longest form that the word holds decides. It says nothing where it is denied (非甲类仓库), where what stands
    before it makes another grade of it (较坚硬, 丙类工艺装置), or where another meaning has a form as long.
    """
    key = header_key(word)
    forms = _forms(vocabulary)
    if key in forms:
        return forms[key], False
    if _DENIED.match(key) and not any(key.startswith(form) for form in forms if _long_enough(form)):
        return None, False
    held = [form for form in forms if _long_enough(form) and form in key and not _is_altered(key, form)]
    longest = max(map(len, held), default=0)
    meant = {forms[form] for form in held if len(form) == longest}
    return (meant.pop(), True) if len(meant) == 1 else (None, False)


def _forms(vocabulary: Vocabulary) -> dict[str, str]:
    forms: dict[str, str] = {}
    for canonical, written in vocabulary.words.items():
        for form in written:
            forms.setdefault(header_key(form), canonical)
    return forms


def _is_altered(key: str, form: str) -> bool:
    """Whether a form stands in a word behind something that makes another thing of it."""
    before, after = key.split(form, 1)
    return _ALTERED.search(before) is not None or _OTHER_CLASS.search(before + " " + after) is not None


def _long_enough(part: str) -> bool:
    return len(part) >= (_LEAST_PART_LATIN if part.isascii() else _LEAST_PART_HAN)
