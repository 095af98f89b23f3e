"""Tables of a property: CSV with headers, and the XYZ text of Res2DInv and Oasis montaj."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError, MissingFieldError, ParameterError
from sxrisk.layers.kinds import header_key, split_unit
from sxrisk.layers.tables.text import open_text

__all__ = ["PropertyTable", "read_property_table"]

Floats = npt.NDArray[np.float64]

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "x": ("x", "easting", "east", "e", "xutm", "utmx", "xcoord", "x坐标", "东坐标", "东", "横坐标"),
    "y": ("y", "northing", "north", "n", "yutm", "utmy", "ycoord", "y坐标", "北坐标", "北", "纵坐标"),
    "z": ("z", "elevation", "elev", "height", "altitude", "rl", "z坐标", "高程", "标高"),
    "depth": ("depth", "深度", "埋深"),
    "distance": ("distance", "dist", "chainage", "station", "距离", "里程", "测线距离"),
    "line": ("line", "profile", "section", "测线", "测线号", "线号", "剖面"),
    "resistivity": ("resistivity", "rho", "res", "电阻率", "视电阻率"),
    "conductivity": ("conductivity", "cond", "sigma", "电导率"),
    "velocity": ("velocity", "vp", "vs", "波速", "速度", "横波速度", "纵波速度"),
    "value": ("value", "val", "值", "数值"),
}
_PLACES = ("x", "y", "z", "depth", "distance", "line")
_PROPERTIES = ("resistivity", "conductivity", "velocity", "value")
_NOT_MEASURED = ("*", "", "nan", "-99999", "-9999", "1e32")
_SPLIT = re.compile(r"[,;\t ]+")
_NEW_LINE = re.compile(r"(?i)^(?:line|tie|测线)(?:\s+|\s*:\s*)(\S+)$")


@dataclass
class PropertyTable:
    """What a table says: columns of numbers by role, and which line each row belongs to."""

    columns: dict[str, Floats]
    property_name: str
    unit: str
    line: npt.NDArray[np.int32]
    line_names: list[str]
    left_out: int


@dataclass
class _Block:
    """Rows under one header; a file of Res2DInv has several."""

    header: list[str]
    start: int
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_property_table(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    property_name: str | None = None,
    encoding: str | None = None,
) -> PropertyTable:
    """Columns of a text file by what they mean.

    Parameters
    ----------
    path : Path
        Text with a header, separated by commas, semicolons, tabs or blanks. Lines that begin with ``/`` are remarks,
        the last of which may be the header; ``Line 10`` begins a line; ``*`` stands for no value.
    columns : mapping, optional
        From roles (``x``, ``y``, ``z``, ``depth``, ``distance``, ``line``, ``value``) to the file's headers.
    property_name : str, optional
        Header, or kind, of the property where there are several.
    encoding : str, optional
        Detected if left out.

    Raises
    ------
    FileFormatError
        If a row has not as many numbers as the header.
    MissingFieldError
        If a column that is needed is not there.
    ParameterError
        If several columns could be the property.
    """
    names: list[str] = []
    blocks = _blocks(path, encoding, names)
    wanted = {role: header_key(name) for role, name in (columns or {}).items()}
    unknown = sorted(set(wanted) - {*_PLACES, "value"})
    if unknown:
        raise ParameterError(f"columns for {', '.join(unknown)}", expected=", ".join((*_PLACES, "value")))
    best: tuple[int, _Block, dict[str, int], str] | None = None
    for block in blocks:
        roles = _roles(block.header, wanted)
        if not block.rows or not ("x" in roles or "distance" in roles) or not ("z" in roles or "depth" in roles):
            continue
        prop = _property(block.header, roles, wanted, property_name, path)
        if prop is None:
            continue
        # Heights say more than depths: of the blocks of an inversion the one with topography is taken.
        rank = 2 * ("z" in roles) + ("depth" in roles)
        if best is None or rank > best[0]:
            best = (rank, block, roles, prop)
    if best is None:
        heads = "; ".join(" ".join(block.header) for block in blocks[:3])[:200] or "none"
        raise MissingFieldError(
            f"no table with places and a property was found; headers seen: {heads}",
            where=path,
            expected="columns x (or distance), z (or depth) and one value",
            remedy='Name them: columns={"x": "...", "y": "...", "z": "...", "value": "..."}',
        )
    _, block, roles, prop = best
    return _numbers(path, block, roles, prop, names)


def _blocks(path: Path, encoding: str | None, names: list[str]) -> list[_Block]:
    blocks: list[_Block] = []
    remark: list[str] = []
    line = 0
    for number, text in enumerate(_lines(path, encoding), start=1):
        stripped = text.strip()
        if not stripped:
            continue
        if stripped.startswith(("/", "#", "!")):
            remark = _words(stripped.lstrip("/#! \t"))
            continue
        new_line = _NEW_LINE.match(stripped)
        if new_line:
            names.append(new_line[1].strip())
            line = len(names) - 1
            continue
        words = _words(stripped)
        if not _is_row(words):
            remark = words
            continue
        if remark or not blocks:
            if not blocks or remark != blocks[-1].header:
                blocks.append(_Block(remark if len(remark) == len(words) else [], number))
            remark = []
        block = blocks[-1]
        if block.header and len(words) != len(block.header):
            raise FileFormatError(
                f"{len(words)} fields under a header of {len(block.header)}",
                where=f"{path}, line {number}",
                expected=" ".join(block.header)[:120],
            )
        block.rows.append(words)
        block.lines.append(line)
    return blocks


def _lines(path: Path, encoding: str | None) -> Iterator[str]:
    rest = ""
    for piece in open_text(path, encoding).blocks():
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    yield rest


def _words(text: str) -> list[str]:
    if any(mark in text for mark in ",;\t"):
        separator = next(mark for mark in ("\t", ";", ",") if mark in text)
        return [word.strip() for word in text.split(separator)]
    return [word for word in _SPLIT.split(text) if word]


def _is_row(words: Sequence[str]) -> bool:
    good = sum(_number(word) is not None for word in words)
    return good >= 2 and good >= len(words) - 2


def _number(word: str) -> float | None:
    if word.casefold() in _NOT_MEASURED:
        return float("nan")
    try:
        return float(word)
    except ValueError:
        return None


def _roles(header: Sequence[str], wanted: Mapping[str, str]) -> dict[str, int]:
    keys = [header_key(split_unit(name)[0]) for name in header]
    whole = [header_key(name) for name in header]
    roles: dict[str, int] = {}
    for role in _PLACES:
        if role in wanted:
            found = [at for at, key in enumerate(keys) if wanted[role] in (key, whole[at])]
        else:
            found = [at for at, key in enumerate(keys) if key in map(header_key, _HEADERS[role])]
        if found:
            roles[role] = found[0]
    return roles


def _property(
    header: Sequence[str], roles: Mapping[str, int], wanted: Mapping[str, str], asked: str | None, path: Path
) -> str | None:
    keys = {header_key(split_unit(name)[0]): name for at, name in enumerate(header) if at not in roles.values()}
    if "value" in wanted or asked is not None:
        key = wanted.get("value") or header_key(asked)
        words = [key, *map(header_key, _HEADERS.get(asked or "", ()))]
        return next((name for found, name in keys.items() if found in words or header_key(name) in words), None)
    known = [name for role in _PROPERTIES for key, name in keys.items() if key in map(header_key, _HEADERS[role])]
    # An inversion writes conductivity beside resistivity: the same thing, so the first is taken.
    if known and _kind(known[0]) == "resistivity" and all(_kind(name) != "velocity" for name in known):
        return known[0]
    candidates = known or list(keys.values())
    if len(candidates) > 1:
        raise ParameterError(
            f"several columns could be the property: {', '.join(candidates)[:200]}",
            where=path,
            expected="property_name= one of them",
        )
    return candidates[0] if candidates else None


def _kind(header: str) -> str:
    key = header_key(split_unit(header)[0])
    return next((role for role in _PROPERTIES if key in map(header_key, _HEADERS[role])), header)


def _numbers(path: Path, block: _Block, roles: Mapping[str, int], prop: str, names: list[str]) -> PropertyTable:
    at = block.header.index(prop)
    places = {role: column for role, column in roles.items() if role != "line"}
    columns: dict[str, list[float]] = {role: [] for role in (*places, "property")}
    for number, row in enumerate(block.rows):
        for role, column in (*places.items(), ("property", at)):
            value = _number(row[column])
            if value is None:
                raise FileFormatError(
                    f"{row[column]!r} is not a number",
                    where=f"{path}, row {number + 1} below the header in line {block.start - 1}",
                    expected="a number, or * for none",
                )
            columns[role].append(value)
    lines = np.asarray(block.lines, dtype=np.int32)
    if "line" in roles:
        words = [row[roles["line"]] for row in block.rows]
        names = list(dict.fromkeys(words))
        lines = np.asarray([names.index(word) for word in words], dtype=np.int32)
    arrays = {role: np.asarray(values, dtype=np.float64) for role, values in columns.items()}
    good = np.logical_and.reduce([np.isfinite(values) for values in arrays.values()])
    if not good.any():
        raise FileFormatError("no row has a place and a value", where=path)
    return PropertyTable(
        columns={role: values[good] for role, values in arrays.items()},
        property_name=_kind(prop),
        unit=split_unit(prop)[1],
        line=lines[good],
        line_names=names or [""],
        left_out=int(len(good) - good.sum()),
    )
