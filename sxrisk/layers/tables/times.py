"""Moments as instruments and people write them, in the time of China unless they say otherwise."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.layers.tables.values import as_text, parse_date

__all__ = ["Times", "day_of", "parse_times"]

_DAY = r"(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*[日号]?"
_CLOCK = (
    r"(?P<half>上午|下午|am|pm)?\s*(?P<h>\d{1,2})\s*[:时点]\s*(?:(?P<min>\d{1,2})\s*(?:[:分]\s*(?P<s>\d{1,2})"
    r"(?:\.(?P<part>\d{1,9}))?\s*秒?|分)?)?\s*(?P<half2>am|pm)?\s*(?P<zone>z|[+-]\d{2}:?\d{2})?"
)
_WRITTEN = re.compile(rf"{_DAY}(?:[\st]*{_CLOCK})?", re.IGNORECASE)
_PACKED = re.compile(
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})[\st]?(?P<h>\d{2})(?P<min>\d{2})(?P<s>\d{2})?", re.IGNORECASE
)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?")
_EXCEL_DAY_0 = datetime(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 7306, 73050
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_HEADER_DAY = re.compile(rf"(?:第?\s*\d*\s*[期次])?[\s(（:：]*{_DAY}[\s)）]*(?:观测|测量|监测)?", re.IGNORECASE)


@dataclass(frozen=True)
class Times:
    """Moments with their time zone, a mask of what was not understood, and one of days without a time of day."""

    data: pd.Series
    bad: NDArray[np.bool_]
    day_only: NDArray[np.bool_]


def parse_times(values: pd.Series, zone: str) -> Times:
    """Moments of a column.

    Parameters
    ----------
    values : Series
        2026-03-15 10:00, 2026/3/15 上午10:05, 2026年3月15日10时, 20260315100000, 2026-03-15T02:00:00Z, a spreadsheet's
        days since 1899-12-30 with their fraction, or the seconds or milliseconds since 1970 of a logger.
    zone : str
        IANA name of the zone of what names none.

    Returns
    -------
    Times
        A day alone is its midnight.

    Examples
    --------
    >>> times = parse_times(pd.Series(["2026-03-15 10:00", "2026-03-15T02:00:00Z", "46096.5"]), "Asia/Shanghai")
    >>> times.data.dt.strftime("%m-%d %H:%M").tolist()
    ['03-15 10:00', '03-15 10:00', '03-15 12:00']
    """
    here = ZoneInfo(zone)
    codes, distinct = pd.factorize(as_text(values))
    moments: list[datetime | None] = []
    days = np.zeros(len(distinct), dtype=bool)
    for at, written in enumerate(distinct):
        moment, days[at] = _moment(unicodedata.normalize("NFKC", str(written)).strip(), here)
        moments.append(moment)
    utc = pd.to_datetime(pd.Series(moments, dtype="object"), utc=True, errors="coerce").dt.as_unit("ns")
    data = utc.dt.tz_convert(zone)
    taken = data.take(codes) if len(distinct) else data
    taken.index = values.index
    empty = np.asarray([str(word) == "" for word in distinct], dtype=bool)
    nothing = np.zeros(len(values), dtype=bool)
    bad = taken.isna().to_numpy() & ~(empty[codes] if len(distinct) else nothing)
    return Times(taken, bad, days[codes] if len(distinct) else nothing)


def day_of(header: str) -> pd.Timestamp | None:
    """Day that a header names, None if it names none: 2025-03-01, 2025年3月1日, 第3期(2025.3.1)."""
    match = _HEADER_DAY.fullmatch(unicodedata.normalize("NFKC", header).strip())
    parsed = parse_date(pd.Series([f"{match['y']}-{match['m']}-{match['d']}"])) if match else None
    return None if parsed is None or parsed.bad.any() else parsed.data.iloc[0]


def _moment(word: str, here: ZoneInfo) -> tuple[datetime | None, bool]:
    match = _WRITTEN.fullmatch(word) or _PACKED.fullmatch(word)
    try:
        if match is not None:
            return _from_parts(match.groupdict(), here)
        if _SERIAL.fullmatch(word) and _FIRST_SERIAL <= float(word) <= _LAST_SERIAL:
            # To the second: a spreadsheet's fraction of a day is no more exact.
            seconds = round(float(word) * 86_400)
            return (_EXCEL_DAY_0 + timedelta(seconds=seconds)).replace(tzinfo=here), "." not in word
        if _EPOCH.fullmatch(word):
            seconds_since = int(word) / (1000 if len(word) == 13 else 1)
            return datetime.fromtimestamp(seconds_since, tz=UTC), False
        day = parse_date(pd.Series([word]))
        if word.isdigit() and len(word) == 8 and not day.bad.any():
            return day.data.iloc[0].to_pydatetime().replace(tzinfo=here), True
    except (ValueError, OverflowError):
        return None, False
    return None, False


def _from_parts(parts: dict[str, str | None], here: ZoneInfo) -> tuple[datetime | None, bool]:
    year = int(parts["y"] or 0)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None, False
    hour = int(parts["h"] or 0)
    half = (parts.get("half") or parts.get("half2") or "").casefold()
    if half and not 1 <= hour <= 12:
        return None, False
    if half in ("下午", "pm"):
        hour = hour % 12 + 12
    elif half:
        hour %= 12
    micro = int(((parts.get("part") or "") + "000000")[:6])
    moment = datetime(
        year, int(parts["m"] or 1), int(parts["d"] or 1), hour, int(parts["min"] or 0), int(parts["s"] or 0), micro
    )
    zone = parts.get("zone")
    if zone is None:
        return moment.replace(tzinfo=here), parts["h"] is None
    if zone.casefold() == "z":
        return moment.replace(tzinfo=UTC), False
    sign = -1 if zone[0] == "-" else 1
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment.replace(tzinfo=timezone(sign * offset)), False
