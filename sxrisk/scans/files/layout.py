"""How a text table of points is laid out: separator, decimal sign, header, columns; told by its first rows."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sxrisk.errors import FileFormatError

__all__ = ["COLOURS", "TextLayout", "cells_of", "find_layout"]

HEAD_BYTES, SAMPLE_ROWS, LONGEST_LINE, ENOUGH = 65_536, 200, 16_384, 0.5
SEPARATORS = (",", ";", "\t", "|", r"\s+")
COLOURS = ("red", "green", "blue")
# Names under which offices and instruments write coordinates and what goes with them. The Chinese survey's own words
# are unambiguous: the cross coordinate is the easting.
ROLES = {
    "x": {"x", "e", "east", "easting", "lon", "lng", "longitude", "东坐标", "东", "横坐标", "经度"},
    "y": {"y", "n", "north", "northing", "lat", "latitude", "北坐标", "北", "纵坐标", "纬度"},
    "z": {"z", "h", "elev", "elevation", "height", "alt", "altitude", "高程", "标高"},
    "intensity": {"intensity", "i", "reflectance", "scalar_intensity", "强度", "反射强度", "反射率"},
    "red": {"red", "r", "红"},
    "green": {"green", "g", "绿"},
    "blue": {"blue", "b", "蓝"},
    "classification": {"classification", "class", "分类", "类别"},
}
# Columns of a PTS file, and of a table without header whose last three are colours, by their number.
PTS = {
    3: ("x", "y", "z"),
    4: ("x", "y", "z", "intensity"),
    6: ("x", "y", "z", *COLOURS),
    7: ("x", "y", "z", "intensity", *COLOURS),
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")


@dataclass(frozen=True)
class TextLayout:
    """Layout of a text table.

    Attributes
    ----------
    encoding : str
        Of the text.
    separator : str
        One character, or the pattern of blanks.
    decimal : str
        ``.`` or ``,``.
    skip : int
        Lines before the first row.
    names : tuple of str
        Of the columns; x, y and z among them.
    words : frozenset of str
        Columns that hold text.
    has_header : bool
        Whether the file names its columns.
    by_rule : bool
        Whether the columns are those of a PTS file, or named; else the first three numbers are taken as coordinates.
    count : int or None
        Points of the first scan, where a line before it counts them.
    eight_bit : bool
        Whether colours are whole numbers up to 255.
    hashes : bool
        Whether lines with ``#`` are comments.
    remarks : tuple of str
        What comments before the first row say.
    """

    encoding: str
    separator: str
    decimal: str
    skip: int
    names: tuple[str, ...]
    words: frozenset[str]
    has_header: bool
    by_rule: bool
    count: int | None
    eight_bit: bool
    hashes: bool
    remarks: tuple[str, ...]


def find_layout(path: Path) -> TextLayout:
    """The layout of a text table, from its first 64 kB.

    Raises
    ------
    FileFormatError
        If they are no rows of at least three numbers, or do not tell a decimal comma from thousands.
    """
    encoding, lines = _head(path)
    count, remarks, first = None, [""], 0
    while first < len(lines):
        text = lines[first].strip()
        if text.startswith(("#", "//")):
            remarks.append(text.lstrip("#/ "))
        elif re.fullmatch(r"\d{1,12}", text) and count is None:
            count = int(text)
        elif text:
            break
        first += 1
    rows = [(at, line) for at, line in enumerate(lines[first:], first) if _is_row(line)][: SAMPLE_ROWS + 1]
    if not rows:
        raise FileFormatError("the file holds no rows of coordinates", where=path, expected="x, y and z in each row")
    split = _split_of([line for _, line in rows[1:]] or [rows[0][1]])
    top_is_header = split is not None and len(rows) > 1 and not _is_data(rows[0][1], *split)
    sample_lines = [line for _, line in (rows[1:] if top_is_header else rows)]
    if split is None and len(rows) == 1 and _named(cells_of(rows[0][1], _guessed(rows[0][1]))) is not None:
        split, top_is_header, sample_lines = (_guessed(rows[0][1]), "."), True, []  # a header, and no points
    if split is None:
        raise FileFormatError(
            f"row {rows[-1][0] + 1} is no row of coordinates: {rows[-1][1].strip()[:60]!r}",
            where=path,
            expected="at least x, y and z, with one separator in all rows",
        )
    separator, decimal = split
    cells = [cells_of(line, separator) for line in sample_lines]
    width = _usual_width(cells) if cells else len(cells_of(rows[0][1], separator))
    cells = [row for row in cells if len(row) == width]
    if decimal == "," and all(_THOUSANDS.fullmatch(c) for row in cells for c in row if "," in c):
        raise FileFormatError(
            f"commas in {sample_lines[0].strip()[:60]!r} may be decimal commas or thousands",
            where=path,
            expected="a decimal point",
        )
    shares = [_numbers_share([row[at] for row in cells], decimal) for at in range(width)]
    numeric = [share >= ENOUGH for share in shares]
    header = _header(rows[0][1] if top_is_header else remarks[-1], separator, width, must=top_is_header, path=path)
    colours = width in (6, 7) and all(_eight_bit([row[at] for row in cells]) for at in range(width - 3, width))
    if header is not None:
        names, by_rule = header, True
    elif (count is not None or path.suffix.lower() == ".pts") and width in PTS and all(numeric):
        names, by_rule = PTS[width], True
    elif colours and all(numeric):
        names, by_rule = PTS[width], False
    else:
        names, by_rule = _unnamed(numeric), False
    painted = [at for at, name in enumerate(names) if name in COLOURS]
    return TextLayout(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        skip=first + top_is_header,
        names=names,
        words=frozenset(n for n, share in zip(names, shares, strict=True) if share < 1 and n not in ("x", "y", "z")),
        has_header=header is not None,
        by_rule=by_rule,
        count=count,
        eight_bit=bool(painted) and all(_eight_bit([row[at] for row in cells]) for at in painted),
        hashes=any("#" in line for line in lines),
        remarks=tuple(remarks),
    )


def _head(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        raw = file.read(HEAD_BYTES)
    whole = len(raw) < HEAD_BYTES
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in raw:
        raise FileFormatError("the file holds zero bytes", where=path, expected="a text table of points")
    else:
        encoding = "utf-8-sig"
        try:
            raw[: len(raw) if whole else -4].decode("utf-8")
        except UnicodeDecodeError:
            encoding = "gb18030"
    lines = raw.decode(encoding, errors="replace").splitlines()
    lines = lines if whole or len(lines) < 2 else lines[:-1]
    if lines and max(map(len, lines)) > LONGEST_LINE:
        raise FileFormatError("a line is longer than 16 kB", where=path, expected="a point a line")
    return encoding, lines


def _is_row(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", "//")) and re.fullmatch(r"\d{1,12}", text) is None


def cells_of(line: str, separator: str) -> list[str]:
    """Cells of a line, without blanks and quotes around them."""
    text = line.strip().split("#")[0].strip() if separator == r"\s+" else line.strip("\r\n").split("#")[0]
    return [
        cell.strip().strip('"').strip()
        for cell in re.split(re.escape(separator) if len(separator) == 1 else separator, text)
    ]


def _split_of(lines: list[str]) -> tuple[str, str] | None:
    """Separator and decimal sign under which lines have as many cells, three or more of them numbers.

    Half the lines are enough: a broken row in between is to be named when it is read.
    """
    best: tuple[float, str, str] | None = None
    for decimal in (".", ","):
        for separator in SEPARATORS:
            if separator == decimal:
                continue
            rows = [cells_of(line, separator) for line in lines]
            width = _usual_width(rows)
            usual = [row for row in rows if len(row) == width]
            if width < 3 or len(usual) < ENOUGH * len(rows):
                continue
            shares = [_numbers_share([row[at] for row in usual], decimal) for at in range(width)]
            score = sum(shares) * len(usual) / len(rows)
            if sum(share >= ENOUGH for share in shares) >= 3 and (best is None or score > best[0] + 1e-9):
                best = score, separator, decimal
    return None if best is None else best[1:]


def _usual_width(rows: list[list[str]]) -> int:
    return Counter(len(row) for row in rows).most_common(1)[0][0]


def _is_data(line: str, separator: str, decimal: str) -> bool:
    numbers = sum(_numbers_share([cell], decimal) for cell in cells_of(line, separator))
    return numbers >= 3


def _guessed(line: str) -> str:
    return max(SEPARATORS, key=lambda separator: len(cells_of(line, separator)))


def _numbers_share(cells: list[str], decimal: str) -> float:
    """Share of the filled cells that are numbers; 0 where none is filled."""
    pattern = _NUMBER if decimal == "." else _COMMA_NUMBER
    filled = [cell for cell in cells if cell]
    return sum(pattern.fullmatch(cell) is not None for cell in filled) / len(filled) if filled else 0.0


def _eight_bit(cells: list[str]) -> bool:
    return bool(cells) and all(re.fullmatch(r"\d{1,3}", cell) and int(cell) <= 255 for cell in cells)


def _header(line: str, separator: str, width: int, *, must: bool, path: Path) -> tuple[str, ...] | None:
    """Names in a line before the rows, whatever separates them; None where it is only a remark."""
    text = line.lstrip("#/ ")
    for candidate in (separator, *SEPARATORS):
        cells = cells_of(text, candidate)
        if len(cells) == width and (must or _named(cells) is not None):
            return _names(cells)
    if must:
        raise FileFormatError(
            f"the header {text[:60]!r} does not name the {width} columns of the rows",
            where=path,
            expected="a name for each column",
        )
    return None


def _named(cells: list[str]) -> tuple[str, ...] | None:
    names = _names(cells)
    return names if {"x", "y", "z"} <= set(names) else None


def _names(cells: list[str]) -> tuple[str, ...]:
    names: list[str] = []
    taken: set[str] = set()
    for cell in cells:
        bare = re.sub(r"[\[(（].*", "", cell.lower()).strip().strip("/_ ").removesuffix("_m")
        role = next((role for role, words in ROLES.items() if bare in words and role not in taken), None)
        name = role or cell or f"column_{len(names) + 1}"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _unnamed(numeric: list[bool]) -> tuple[str, ...]:
    axes = iter("xyz")
    return tuple(next(axes, f"column_{at + 1}") if number else f"column_{at + 1}" for at, number in enumerate(numeric))
