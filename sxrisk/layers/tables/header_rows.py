"""Which of a table's top rows are its header: below titles, over two or three rows, with a row of units."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sxrisk.layers.kinds import KINDS, header_key, kind, split_unit, synonyms_of, unit_key
from sxrisk.layers.tables.times import day_of

__all__ = ["HEADER_SEARCH", "Header", "coordinate_keys", "find_header"]

#: So many rows that are not blank are searched for the header.
HEADER_SEARCH = 12
_MAX_LEVELS = 3
_LEAST_KNOWN = 2
# Of the cells of a second header row, at most this share may stand below a header that groups nothing.
_MAX_MISFIT = 0.25
_NUMBER_LIKE = re.compile(r"[-+]?[\d.,:/°′″'\"\-年月日%\s]*\d[\d.,:/°′″'\"\-年月日%\s]*[nesw]?", re.IGNORECASE)
# What is left of a group's name without these words tells it from others: 坝脚坐标 is of the toe, 地理坐标 of nothing.
_NEUTRAL = re.compile(
    r"地理|位置|坐标|经纬度|信息|情况|基本|概况|参数|所在|中心|主要|数据|指标|点位|平面|"
    r"locations?|positions?|coordinates?|information|info|general|basic|data|geographic(?:al)?|centre|center|[\s/()_\-]"
)
# What stands above a table and is no group: 填报单位：..., 2026年.
_TITLE = re.compile(r"[:：]|\d{2}")
_LONGEST_GROUP = 16
# 主要技术指标 is a heading; 初期坝参数 and 下游情况 speak of another thing than the feature.
_CATEGORY = re.compile(r"参数|指标|情况|信息|数据|概况|特征|属性|要素|parameters?|characteristics", re.IGNORECASE)
_OTHER_THING = re.compile(
    r"初期|副坝|坝脚|坝顶|上游|下游|周边|周围|邻|设计|规划|原|历史|联系|主管|上级|起|终|最[大小高低]"
)
# 坝体 above 坝高 says no more than 坝高.
_EMPTY_WORDS = frozenset("体区身部内本项类的")
_BRACKETS = "()（）[]【】〔〕"


@dataclass(frozen=True)
class Header:
    """Positions of the header's first and last row among the records, a name a column, and how many are known."""

    first: int
    last: int
    names: list[str]
    known: int

    def is_usable(self) -> bool:
        """Whether at least two of the names mean something for the kind."""
        return self.known >= _LEAST_KNOWN


def find_header(records: Sequence[Sequence[str]], known: frozenset[str], *, days: bool = False) -> Header:
    """The rows among the top ones that read best as a header, else the first row that is not blank.

    Parameters
    ----------
    records : sequence of sequences of str
        Top rows of the table; at least one is not blank. Merged cells stand in every cell that they cover.
    known : frozenset of str
        Keys of headers that mean something.
    days : bool
        Headers that are days, as in tables of readings, count as known.

    Examples
    --------
    >>> rows = [["一览表", "", ""], ["编号", "位置", ""], ["", "经度", "纬度"], ["A", "112.5", "37.5"]]
    >>> header = find_header(rows, frozenset(["编号", "经度", "纬度"]))
    >>> header.first, header.last, header.names
    (1, 2, ['编号', '经度', '纬度'])
    """
    written = {cell for record in records for cell in record if cell.strip()} if days else set()
    day_keys = frozenset(header_key(cell) for cell in written if day_of(cell) is not None)
    filled = [at for at, record in enumerate(records) if any(map(str.strip, record))][:HEADER_SEARCH]
    best: tuple[int, int, int] = (_LEAST_KNOWN - 1, 0, 0)
    chosen = (filled[0], filled[0])
    for at in filled:
        for levels in range(1, _MAX_LEVELS + 1):
            rows = [list(map(str.strip, record)) for record in records[at : at + levels]]
            if len(rows) < levels or (levels > 1 and not _belong_together(rows)):
                break
            # Of equal readings the one with more rows keeps the names of groups.
            score = (_count_leaves(rows, known, day_keys), levels, -at)
            if score > best:
                best, chosen = score, (at, at + levels - 1)
    first, last = chosen
    rows = [list(map(str.strip, record)) for record in records[first : last + 1]]
    if last + 1 < len(records) and _is_unit_row(records[last + 1]):
        last += 1
        rows.append(list(map(str.strip, records[last])))
    names = _names(rows)
    while names and not names[-1].strip():
        names.pop()
    return Header(first, last, names, _count_known(names, known | day_keys))


@lru_cache(maxsize=1)
def coordinate_keys() -> frozenset[str]:
    """Keys of headers that are coordinates."""
    roles = ("longitude", "latitude", "easting", "northing", "x", "y")
    return frozenset(header_key(word) for role in roles for word in synonyms_of(role))


@lru_cache(maxsize=1)
def _unit_words() -> frozenset[str]:
    units = {unit for name in KINDS for attribute in kind(name).attributes for unit in attribute.units}
    return frozenset(units) | {"°", "t", "吨", "万吨", "户", "人", "年", "m2", "km2", "亩", "公顷", "元", "万元"}


def _count_known(names: Sequence[str], known: frozenset[str]) -> int:
    keys = {header_key(split_unit(name)[0]) for name in names if name}
    return len(keys & known)


def _count_leaves(rows: Sequence[Sequence[str]], known: frozenset[str], day_keys: frozenset[str]) -> int:
    """How many columns are known by their own name, whatever their group is called, and how many days are named."""
    width = max(map(len, rows))
    keys: set[str] = set()
    for column in range(width):
        parts = [row[column] for row in rows if column < len(row) and row[column]]
        keys |= {header_key(split_unit(part)[0]) for part in parts[-1:]} & known
        keys |= {header_key(part) for part in parts} & day_keys
    return len(keys)


def _belong_together(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the last of the rows can continue the header above it: its cells stand below groups or below nothing."""
    upper, lower = rows[-2], rows[-1]
    cells = [(at, text) for at, text in enumerate(lower) if text]
    above = {text for text in rows[-2] if text}
    if len(above) < 2 or not cells or any(_is_title(text) for text in above):
        return False
    if any(_NUMBER_LIKE.fullmatch(unicodedata.normalize("NFKC", text)) for _, text in cells):
        return False
    misfits = sum(1 for at, text in cells if not _may_stand_below(upper, lower, at, text))
    return misfits <= _MAX_MISFIT * len(cells)


def _is_title(text: str) -> bool:
    return len(text) > _LONGEST_GROUP or (_TITLE.search(text) is not None and day_of(text) is None)


def _may_stand_below(upper: Sequence[str], lower: Sequence[str], at: int, text: str) -> bool:
    above = upper[at] if at < len(upper) else ""
    if not above or above == text:
        return True
    right = upper[at + 1] if at + 1 < len(upper) else ""
    left = upper[at - 1] if at else ""
    spans = not right and at + 1 < len(lower) and bool(lower[at + 1])
    return spans or above in (right, left)


def _is_unit_row(record: Sequence[str]) -> bool:
    cells = [unit_key(text.strip(_BRACKETS + " ")) for text in record if text.strip()]
    return bool(cells) and all(cell in _unit_words() for cell in cells)


def _names(rows: Sequence[Sequence[str]]) -> list[str]:
    """One name a column of one to four header rows."""
    width = max(map(len, rows))
    levels = [[*row, *[""] * (width - len(row))] for row in rows]
    units = levels.pop() if len(levels) > 1 and _is_unit_row(levels[-1]) else [""] * width
    for lower, upper in pairwise(levels[::-1]):
        _spread(upper, lower)
    columns = [_distinct(parts) for parts in zip(*levels, strict=True)]
    names = [_join(parts) for parts in columns]
    if len(levels) > 1:
        _free_columns(names, columns)
    return [_with_unit(name, unit) for name, unit in zip(names, units, strict=True)]


def _spread(upper: list[str], lower: Sequence[str]) -> None:
    """Write a group's name over the blank cells to its right, as far as columns stand below it."""
    group = ""
    for at, text in enumerate(upper):
        if text:
            group = text if lower[at] else ""
        elif group and lower[at]:
            upper[at] = group
        else:
            group = ""


def _distinct(parts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(part for part in parts if part))


def _join(parts: list[str]) -> str:
    if len(parts) < 2:
        return parts[0] if parts else ""
    groups = [_NEUTRAL.sub("", unicodedata.normalize("NFKC", part).casefold()) for part in parts[:-1]]
    if all(_says_nothing(group, part, parts[-1]) for group, part in zip(groups, parts, strict=False)):
        return parts[-1]
    short = "".join(groups) + parts[-1]
    return short if _is_attribute(short) else "/".join(parts)


def _says_nothing(group: str, part: str, column: str) -> bool:
    """Whether a group's name only sorts the columns (坝体参数) and tells no other thing (初期坝)."""
    return set(group) <= _EMPTY_WORDS | set(column) or bool(_CATEGORY.search(part) and not _OTHER_THING.search(part))


def _is_attribute(name: str) -> bool:
    return header_key(split_unit(name)[0]) in _attribute_keys()


@lru_cache(maxsize=1)
def _attribute_keys() -> frozenset[str]:
    words = (word for name in KINDS for attribute in kind(name).attributes for word in attribute.synonyms)
    return frozenset(map(header_key, words))


def _free_columns(names: list[str], columns: Sequence[list[str]]) -> None:
    """A column that alone has a known name goes by it, whatever its group; but a group may speak of another thing.

    危险化学品 above 物质名称 only sorts; 初期坝 above 坝高 tells another dam. A coordinate means one thing anywhere.
    """
    keys = coordinate_keys()
    taken = {header_key(split_unit(name)[0]) for name in names}
    last = [header_key(split_unit(parts[-1])[0]) if parts else "" for parts in columns]
    for at, key in enumerate(last):
        other = any(_OTHER_THING.search(part) for part in columns[at][:-1])
        known = key in keys or (key in _attribute_keys() and not other)
        if known and key not in taken and last.count(key) == 1 and not _is_attribute(names[at]):
            names[at] = columns[at][-1]


def _with_unit(name: str, unit: str) -> str:
    bare = unit.strip(_BRACKETS + " ")
    return f"{name}({bare})" if name and bare and not split_unit(name)[1] else name
