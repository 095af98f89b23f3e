"""Corners in one cell (拐点坐标): the texts in which mining licences and land papers write an area, line or point.

A number, then northing and easting (the surveyor's X and Y) or latitude and longitude, in any punctuation. In China the
two of a pair cannot be mistaken for each other: a northing has seven digits and an easting six or eight; a latitude is
below 54 and a longitude above 73 degrees. So every pair is told by its magnitude, whatever stands first.

Several areas stand in one cell between ``|``, ``//`` or blank lines, begin with a number that falls back, or follow a
corner that repeats the first. Nothing else tells them apart, and nothing is guessed: a ring that crosses itself, or two
groups of corners that only two very long edges join, is no area.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.layers.tables.corner_rings import ring_polygon, split_rings

__all__ = [
    "Corners", "corner_column", "corner_shapes", "is_northing", "oriented", "packed_degrees", "packed_header",
    "parse_corners",
]  # fmt: skip

_COLUMN = re.compile(
    r"拐点|角点坐标|界址点坐标|范围坐标|坐标串|坐标范围|边界坐标|矿区范围|"
    r"^(?:坐标|坐标点|经纬度|位置坐标|地理坐标|中心坐标|坐标经纬度|所在位置坐标|起止坐标|"
    r"coordinates?|corners?|cornercoordinates?|vertices|lonlat|latlon|lnglat)$"
)
_CIRCLED = re.compile("[①-⑳㉑-㉟㊱-㊿❶-❿⓫-⓴]")
_MARKS = str.maketrans({"′": "'", "’": "'", "‘": "'", "″": '"', "”": '"', "“": '"', "分": "'", "秒": '"', "度": "°",
                        "º": "°", "˚": "°", "−": "-"})  # fmt: skip
# X1: and Y1= before a number say nothing that its magnitude does not.
_LABEL = re.compile(r"(?:北纬|东经|纬度|经度|[xyne北东横纵])\s*(?:坐标)?\s*\d{0,4}\s*[:=]", re.IGNORECASE)
# Between areas, if what they part is more than single corners.
_BETWEEN = (re.compile(r"\|"), re.compile(r"//+"), re.compile(r"\n[^\S\n]*\n\s*"))
# No blank, for blanks go with the numbers before them.
_BREAK = "\ue000"
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?(?!\d)")
_PACKED_HEADER = re.compile(r"度[.．]分秒|d{1,3}\.mm\.?ss", re.IGNORECASE)
_TOKEN = re.compile(
    rf"(?P<part>{_BREAK})|"
    # A minus is a sign where nothing stands before it that it could part from the number.
    r"(?P<star>\*)|(?P<sign>(?<![^\s,;:(])-)?(?:"
    r"(?P<d>\d{1,3})\s*°\s*(?P<m>\d{1,2}(?:\.\d+)?)\s*'\s*(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:\"|''))?"
    r"|(?<![\d.])(?P<dd>\d{2,3})-(?P<dm>\d{1,2})-(?P<ds>\d{1,2}(?:\.\d+)?)(?![\d-])"
    r"|(?P<n>\d+(?:\.(?P<decimals>\d+))?)\s*(?P<degree>°)?)"
)
_LEAST_METRES = 100_000.0
_NORTHING = (1_000_000.0, 6_000_000.0)
_EASTINGS = ((100_000.0, 1_000_000.0), (13_000_000.0, 46_000_000.0))
_LATITUDE, _LONGITUDE = (3.0, 54.0), (73.0, 136.0)
_MAX_CHARACTERS = 5_000_000
_LEAST_SHARE = 0.5
# By chance six numbers look like packed degrees once in 450 times.
_LEAST_PACKED = 6
_SAMPLE = 200


@dataclass
class Corners:
    """What a text says: rings of (easting or longitude, northing or latitude), each of shape (k, 2), or the problem."""

    rings: list[NDArray[np.float64]] = field(default_factory=list)
    problem: str = ""
    packed: tuple[int, int] = (0, 0)
    """Numbers that could be degrees with minutes and seconds as decimals, and how many could not."""


@dataclass
class _Token:
    kind: str
    """star, part, metres, degrees or small."""
    value: float = 0.0
    whole: bool = True
    decimals: str | None = None
    """Those of a plain number of degrees."""


@dataclass
class _Pair:
    index: int | None
    first: float
    second: float
    apart: bool


def parse_corners(text: str, *, packed: bool = False) -> Corners:
    """Rings of corners in a text.

    Parameters
    ----------
    text : str
        E.g. ``1,4123456.12,37512345.67 2,...``, ``X1:4123456.12 Y1:512345.67; X2:...``, ``112°15′32″,37°20′11″;...``,
        or the export of the mining-right register, ``1,3,1,x,y,2,x,y,3,x,y,*,1250,800,,...``: rings, corners of the
        first, then number, X, Y of each, and after ``*`` the heights between which the right holds. A corner that has
        the first one's place closes its ring; a number that does not rise begins another, as do ``|``, ``//`` and a
        blank line where they part more than single corners.
    packed : bool
        Degrees are written with minutes and seconds as decimals: 112.361055 is 112°36′10.55″.

    Returns
    -------
    Corners
        Rings are not closed. No ring and no problem where the text holds no coordinate.

    Examples
    --------
    >>> parse_corners("(1)4123456.12, 512345.67;(2)4123400, 512400;(3)4123300,512300").rings[0][0].tolist()
    [512345.67, 4123456.12]
    >>> parse_corners("1,4123456.12,512345.67 2,4123400").problem
    'there are 3 coordinates, which make no pairs: the text may be cut short'
    >>> parse_corners("112.361800,37.480000", packed=True).rings[0].round(6).tolist()
    [[112.605, 37.8]]
    """
    if len(text) > _MAX_CHARACTERS:
        return Corners(problem=f"the text has {len(text)} characters")
    spaced = _CIRCLED.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])} ", text.translate(_MARKS))
    plain = _LABEL.sub(" ", unicodedata.normalize("NFKC", spaced).translate(_MARKS))
    for between in _BETWEEN:
        plain = _parted(plain, between)
    tokens = list(_tokens(plain))
    told = _unreadable(plain, tokens)
    if told:
        return Corners(problem=told)
    looks = [packed_degrees(token.value, token.decimals) for token in tokens if token.decimals is not None]
    if packed:
        for token in tokens:
            if token.decimals is not None:
                value = packed_degrees(token.value, token.decimals)
                if value is None:
                    shown = f"{int(token.value)}.{token.decimals}"
                    return Corners(problem=f"{shown} is said to be degrees.minutes seconds, but has 60 or more of them")
                token.value = value
    pairs, leading, problem = _pairs(tokens)
    if problem or not pairs:
        return Corners(problem=problem)
    xy, wrong = oriented(np.asarray([pair.first for pair in pairs]), np.asarray([pair.second for pair in pairs]))
    if wrong.any():
        pair = pairs[int(np.flatnonzero(wrong)[0])]
        shown = f"({pair.first:.10g}, {pair.second:.10g})"
        return Corners(problem=f"{shown} is no pair of northing and easting, or of latitude and longitude, in China")
    if (xy[:, 0] > _EASTINGS[1][0]).any() and (xy[:, 0] < _EASTINGS[0][1]).any():
        return Corners(problem="some eastings name their zone and others do not: a number may be cut short")
    indices = [pair.index for pair in pairs]
    rings, counts = split_rings(xy, indices, [pair.apart for pair in pairs])
    if len(leading) == 3 and leading[0] >= 1:
        stated_rings, stated_corners = int(leading[0]), int(leading[1])
        if stated_corners not in (len(rings[0]), counts[0]) or stated_rings != len(rings):
            return Corners(
                problem=f"the text says {stated_rings} rings, the first of {stated_corners} corners; there are "
                f"{len(rings)} rings, the first of {len(rings[0])} corners: it may be cut short"
            )
    if packed or _wanted(tokens) == "metres":
        return Corners(rings)
    written = [token.decimals or "" for token in tokens if token.kind == "degrees"]
    long = sum(len(decimals) >= 4 for decimals in written)
    could = sum(value is not None for value in looks) if 2 * long >= len(written) else 0
    return Corners(rings, packed=(could, len(written) - could))


def packed_header(header: object) -> bool:
    """Whether a header declares packed degrees, e.g. 拐点坐标(度.分秒) or DD.MMSS.

    Examples
    --------
    >>> packed_header("拐点坐标(度.分秒)"), packed_header("拐点坐标(度)")
    (True, False)
    """
    return _PACKED_HEADER.search(unicodedata.normalize("NFKC", str(header))) is not None


def packed_degrees(value: float, decimals: str) -> float | None:
    """Degrees of a number whose decimals are minutes and seconds, None if these are 60 and more.

    Examples
    --------
    >>> packed_degrees(112.3618, "3618"), packed_degrees(112.75, "75")
    (112.605, None)
    """
    digits = decimals.ljust(4, "0")
    minute, second = int(digits[:2]), float(f"{digits[2:4]}.{digits[4:] or 0}")
    return int(value) + minute / 60 + second / 3600 if minute < 60 and second < 60 else None


def _parted(text: str, between: re.Pattern[str]) -> str:
    """The text with marks between areas where `between` parts more than single corners, else as it is."""
    pieces = between.split(text)
    if len(pieces) == 1:
        return text
    counts = [sum(token.kind in ("metres", "degrees") for token in _tokens(piece)) for piece in pieces]
    return f" {_BREAK} ".join(pieces) if max(counts) >= 4 else text


def _unreadable(text: str, tokens: Sequence[_Token]) -> str:
    """What numbers in a text have that no coordinate has."""
    grouped = None if _wanted(tokens) == "metres" else _THOUSANDS.search(text)
    if grouped is not None:
        return f"{grouped[0]} is written with thousands separators, which cannot be told from those between numbers"
    return ""


def oriented(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pairs with the easting (longitude) first, told by magnitude, and a mask of those that are no pair in China."""
    xy = np.column_stack([first, second]).astype(np.float64)
    turned = (is_northing(first) & _is_easting(second)) | (_within(first, _LATITUDE) & _within(second, _LONGITUDE))
    straight = (_is_easting(first) & is_northing(second)) | (_within(first, _LONGITUDE) & _within(second, _LATITUDE))
    xy[turned] = xy[turned][:, ::-1]
    return xy, ~(turned | straight)


def corner_column(table: pd.DataFrame) -> str | None:
    """The column of text whose header speaks of corners or coordinates and whose cells mostly hold some."""
    from sxrisk.layers.kinds import header_key, split_unit

    best: tuple[float, str] | None = None
    for column in table.columns:
        if not pd.api.types.is_string_dtype(table[column].dtype):
            continue
        if not _COLUMN.search(header_key(split_unit(column)[0])):
            continue
        filled = table[column].fillna("").str.strip()
        sample = filled[filled != ""].iloc[:_SAMPLE]
        if not len(sample):
            continue
        share = float(np.mean([_has_pair(text) for text in sample]))
        if share >= _LEAST_SHARE and (best is None or share > best[0]):
            best = (share, str(column))
    return best[1] if best else None


def _has_pair(text: str) -> bool:
    parsed = parse_corners(text)
    return bool(parsed.rings or parsed.problem)


def corner_shapes(
    texts: Iterable[str], wants: Sequence[str], *, packed: bool = False
) -> tuple[NDArray[Any], list[str], NDArray[np.bool_]]:
    """Geometries of cells, None where there is none; the problem of each cell or ``""``; which may be packed degrees.

    Parameters
    ----------
    texts : iterable of str
        The cells.
    wants : sequence of str
        Types that the kind can use, of point, line and polygon: several corners are an area if it can be one.
    packed : bool
        As for :func:`parse_corners`.
    """
    shapes: list[Any] = []
    problems: list[str] = []
    looks: list[tuple[int, int]] = []
    for text in texts:
        parsed = parse_corners(text, packed=packed) if text.strip() else Corners()
        shape, problem = (None, parsed.problem) if not parsed.rings else _shape(parsed.rings, wants)
        if not parsed.rings and not problem and text.strip():
            problem = f"no coordinates in {text.strip()[:60]!r}"
        shapes.append(shape)
        problems.append(problem)
        looks.append(parsed.packed)
    geometry = np.full(len(shapes), None, dtype=object)
    geometry[:] = shapes
    could, could_not = np.asarray(looks, dtype=np.int64).reshape(-1, 2).T
    alike = (could > 0) & (could_not == 0)
    # Few numbers prove nothing by themselves, a whole column of them does.
    column = not could_not.any() and could.sum() >= _LEAST_PACKED
    return geometry, problems, alike & (column | (could >= _LEAST_PACKED))


def _shape(rings: list[NDArray[np.float64]], wants: Sequence[str]) -> tuple[Any, str]:
    corners = sum(map(len, rings))
    if corners == 1:
        return shapely.Point(rings[0][0]), ""
    if "polygon" in wants:
        return ring_polygon(rings)
    if "line" in wants:
        lines = [shapely.LineString(ring) for ring in rings if len(ring) > 1]
        return (lines[0], "") if len(lines) == 1 else (shapely.MultiLineString(lines), "")
    return None, f"{corners} corners where one place was expected"


def _tokens(text: str) -> Iterable[_Token]:
    """Numbers of a text and the marks between areas, in order."""
    for match in _TOKEN.finditer(text):
        if match["star"] or match["part"]:
            yield _Token("star" if match["star"] else "part")
            continue
        decimals = None
        if match["d"] or match["dd"]:
            degree, minute, second = (
                float(match[one] or match[other] or 0) for one, other in (("d", "dd"), ("m", "dm"), ("s", "ds"))
            )
            kind, value = "degrees", degree + minute / 60 + second / 3600
        else:
            value, decimals = float(match["n"]), match["decimals"]
            if value >= _LEAST_METRES:
                kind = "metres"
            elif match["degree"] or (decimals and _LATITUDE[0] <= value <= _LONGITUDE[1]):
                kind = "degrees"
            else:
                yield _Token("small", value, not decimals)
                continue
        value = -value if match["sign"] else value
        yield _Token(kind, value, False, decimals if kind == "degrees" and not match["degree"] else None)


def _wanted(tokens: Sequence[_Token]) -> str:
    """Kind of the coordinates: beside metres, what looks like degrees is a height."""
    return "metres" if any(token.kind == "metres" for token in tokens) else "degrees"


def _pairs(tokens: Sequence[_Token]) -> tuple[list[_Pair], list[float], str]:
    """Pairs of coordinates with their numbers, the small numbers before the first, and the problem."""
    wanted = _wanted(tokens)
    count = sum(token.kind == wanted for token in tokens)
    if count % 2:
        return [], [], f"there are {count} coordinates, which make no pairs: the text may be cut short"
    pairs: list[_Pair] = []
    small: list[_Token] = []
    leading: list[float] = []
    pending: float | None = None
    apart = False
    numbered = False
    for token in tokens:
        if token.kind in ("star", "part"):
            if token.kind == "part" and pending is not None:
                return [], [], f"an area ends after {pending:.10g}, half a pair: the text may be cut short"
            apart = bool(pairs)
        elif token.kind == wanted and pending is None:
            pending = token.value
            if not pairs:
                numbered = bool(small) and small[-1].whole
                leading = [number.value for number in small if number.whole]
        elif token.kind == wanted and pending is not None:
            index = int(small[-1].value) if numbered and small and small[-1].whole else None
            pairs.append(_Pair(index, pending, token.value, apart))
            pending, apart, small = None, False, []
        elif token.kind == "small" and pending is None:
            small.append(token)
    return pairs, leading, ""


def _within(values: NDArray[np.float64], bounds: tuple[float, float]) -> NDArray[np.bool_]:
    return (values >= bounds[0]) & (values <= bounds[1])


def is_northing(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers can be northings in metres in China."""
    return _within(values, _NORTHING)


def _is_easting(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ((values >= _EASTINGS[0][0]) & (values < _EASTINGS[0][1])) | _within(values, _EASTINGS[1])
