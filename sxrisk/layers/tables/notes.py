"""Rows of a table that are no features: totals, signatures, remarks, titles of groups, the header once more."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["note_rows"]

_TOTAL = re.compile(
    r"\s*(?:合\s*计|总\s*计|小\s*计|共\s*计|累\s*计|总\s*和|平\s*均|grand total|sub-?total|totals?|sum)\s*[:：]?\s*",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"\s*(?:填\s*[表报]\s*人|制\s*表\s*人?|编\s*制\s*人?|审\s*[核定批]\s*人?|校\s*核\s*人?|复\s*核\s*人?|负\s*责\s*人|"
    r"(?:单位|主要|分管)(?:负责人|领导)|[填编]\s*[表报制]\s*单\s*位(?:\(.*?\)|（.*?）)?|[填制]\s*[表报]\s*[日时]\s*[期间]|"
    r"联\s*系\s*(?:人|电\s*话)|备\s*注|附\s*注|注|说\s*明|填\s*[表报]\s*说\s*明|数据来源|资料来源|"
    r"notes?|remarks?|sources?|(?:prepared|checked|approved) by)\s*\d{0,2}\s*(?:[:：].*)?",
    re.IGNORECASE | re.DOTALL,
)
_GROUP_TITLE = re.compile(r"\s*(?:[一二三四五六七八九十]+\s*[、.．]|[(（][一二三四五六七八九十]+[)）]).+", re.DOTALL)
_LEADING_COLUMNS = 5
_LONGEST_WORD = 300
# What a note can begin with; of most rows nothing else needs to be looked at.
_BEGINNINGS = frozenset("合总小共累平填制编审校复负单主分联备附注说数资一二三四五六七八九十(（")
_WORDS = ("total", "sub", "grand", "sum", "note", "remark", "source", "prepared", "checked", "approved")


def note_rows(table: pd.DataFrame, header: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Position -> (reason, detail) of the rows that a person would not count as features.

    Parameters
    ----------
    table : DataFrame of str
        Rows below the header, none of them blank.
    header : sequence of str
        Names of the columns, to know the header where it is printed again.

    Examples
    --------
    >>> note_rows(pd.DataFrame({"名称": ["甲", "合计", "填表人：张"], "人口": ["10", "10", ""]}), ["名称", "人口"])
    {1: ('total_row', '合计'), 2: ('note_row', '填表人：张')}
    """
    first = _first_filled(table)
    result: dict[int, tuple[str, str]] = {}
    width = table.shape[1]
    suspects = np.flatnonzero(_suspects(first))
    for at, text in zip(suspects, first.iloc[suspects], strict=True):
        word = str(text).strip()
        forms = [form for form in (_TOTAL, _NOTE, _GROUP_TITLE) if form.fullmatch(word)]
        if not forms:
            continue
        filled = sum(bool(str(value).strip()) for value in table.iloc[at])
        if forms[0] is _TOTAL:
            result[int(at)] = ("total_row", word)
        elif forms[0] is _NOTE and filled <= max(2, width // 2):
            result[int(at)] = ("note_row", word[:80])
        elif _GROUP_TITLE in forms and filled == 1 and width > 1:
            result[int(at)] = ("group_title_row", word[:80])
    for at in np.flatnonzero(_header_again(table, header)):
        result[int(at)] = ("repeated_header", "the header is printed again")
    return result


def _suspects(first: pd.Series) -> NDArray[np.bool_]:
    begins = first.str.slice(0, 1).isin(_BEGINNINGS) | first.str.lower().str.startswith(_WORDS)
    return (begins & (first.str.len() <= _LONGEST_WORD)).to_numpy(dtype=bool)


def _first_filled(table: pd.DataFrame) -> pd.Series:
    first = table.iloc[:, 0].str.strip()
    for column in range(1, min(_LEADING_COLUMNS, table.shape[1])):
        blank = (first == "").to_numpy(dtype=bool)
        if not blank.any():
            break
        first = first.where(~blank, table.iloc[:, column].str.strip())
    return first


def _header_again(table: pd.DataFrame, header: Sequence[str]) -> NDArray[np.bool_]:
    names = [str(name).strip() for name in header]
    if len(names) < 2:
        return np.zeros(len(table), dtype=bool)
    same = (table.iloc[:, 0].str.strip() == names[0]).to_numpy(dtype=bool, copy=True)
    for column in range(1, len(names)):
        if not same.any():
            break
        same &= (table.iloc[:, column].str.strip() == names[column]).to_numpy(dtype=bool)
    return same
