"""PLY, PCD and text tables of points."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans.writing.outgoing import COLOURS, Outgoing, Piece, remarks_of, stations_of

__all__ = ["write_pcd", "write_ply", "write_text"]

PLY_TYPES: Mapping[str, str] = MappingProxyType(
    {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float",
     "f8": "double"}
)  # fmt: skip
PLY_NAMES = frozenset({*COLOURS, "intensity", "nx", "ny", "nz"})
COUNT_DIGITS = 12
DELIMITERS: Mapping[str, str] = MappingProxyType({".csv": ",", ".txt": " ", ".xyz": " ", ".asc": " "})
DEGREE_DECIMALS, METRE_DECIMALS = 9, 4


def write_ply(out: Outgoing, path: Path) -> None:
    """Write a binary PLY: float64 coordinates, a property for each column, colours as bytes.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        Where to.
    """
    divisor = out.byte_colours()
    kinds = _stored(out)
    remarks = remarks_of(out.cloud)

    def header(count: int) -> str:
        lines = ["ply", "format binary_little_endian 1.0", *(f"comment {remark}" for remark in remarks)]
        lines += [f"comment {_padding(count)}", f"element vertex {count}"]
        lines += [f"property double {axis}" for axis in "xyz"]
        lines += [f"property {PLY_TYPES[kind.str[1:]]} {_property(name)}" for name, kind in kinds.items()]
        return "\n".join([*lines, "end_header", ""])

    row = np.dtype([*((axis, "<f8") for axis in "xyz"), *((name, kind) for name, kind in kinds.items())])
    _write_rows(out, path, header, lambda piece: _rows(piece, row, divisor))


def write_pcd(out: Outgoing, path: Path) -> None:
    """Write a binary PCD: float64 coordinates (``TYPE F``, ``SIZE 8``), colours packed as ``rgb``.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        Where to.
    """
    divisor = out.byte_colours()
    colour = out.has_colour
    kinds = {name: kind for name, kind in _stored(out).items() if not (colour and name in COLOURS)}
    if colour:
        kinds["rgb"] = np.dtype("<u4")
    fields = {**{axis: np.dtype("<f8") for axis in "xyz"}, **kinds}
    remarks = remarks_of(out.cloud)

    def header(count: int) -> str:
        lines = [
            "# .PCD v0.7 - Point Cloud Data file format",
            *(f"# {remark}" for remark in remarks),
            f"# {_padding(count)}{_padding(count)}",
            "VERSION 0.7",
            "FIELDS " + " ".join(_word(name) for name in fields),
            "SIZE " + " ".join(str(kind.itemsize) for kind in fields.values()),
            "TYPE " + " ".join(kind.kind.upper() for kind in fields.values()),
            "COUNT " + " ".join("1" for _ in fields),
            f"WIDTH {count}",
            "HEIGHT 1",
            "VIEWPOINT 0 0 0 1 0 0 0",
            f"POINTS {count}",
            "DATA binary",
            "",
        ]
        return "\n".join(lines)

    row = np.dtype(list(fields.items()))

    def rows(piece: Piece) -> npt.NDArray[Any]:
        if colour:
            red, green, blue = (_byte(piece.columns[name], divisor).astype("u4") for name in COLOURS)
            piece = Piece(piece.xyz, {**piece.columns, "rgb": (red << 16) | (green << 8) | blue})
        return _rows(piece, row, divisor)

    _write_rows(out, path, header, rows)


def write_text(out: Outgoing, path: Path) -> None:
    """Write a table with a header: coordinates to a tenth of a millimetre, values with all their digits.

    Where ``station_index`` says which station saw a point, the stations stand in comments before the header.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        ``.csv`` gets commas, other endings blanks.
    """
    import pyarrow as pa
    from pyarrow import csv

    delimiter = DELIMITERS[path.suffix.lower()]
    geographic = out.cloud.crs is not None and out.cloud.crs.is_geographic
    decimals = [DEGREE_DECIMALS if geographic else METRE_DECIMALS] * 2 + [METRE_DECIMALS]
    options = csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style="none")
    headings = [*"xyz", *(_word(name, ascii_only=False) for name in out.kinds)]
    with path.open("wb") as file:
        if "station_index" in out.kinds:
            file.writelines(f"# {remark}\n".encode() for remark in stations_of(out.cloud))
        file.write(delimiter.join(headings).encode() + b"\n")
        for piece in out.pieces():
            # The shortest text of a rounded number has no more decimals than it was rounded to.
            columns = {axis: np.round(piece.xyz[:, i], decimals[i]) for i, axis in enumerate("xyz")}
            columns |= {f"value {name}": values for name, values in piece.columns.items()}
            csv.write_csv(pa.table(columns), file, options)


def _property(name: str) -> str:
    """A PLY property; CloudCompare takes as scalar field, without asking, what it has called so itself."""
    return _word(name) if name in PLY_NAMES else _word(f"scalar_{name}")


def _write_rows(
    out: Outgoing, path: Path, header: Callable[[int], str], rows: Callable[[Piece], npt.NDArray[Any]]
) -> None:
    written = 0
    with path.open("wb") as file:
        file.write(header(out.cloud.n_points).encode())
        for piece in out.pieces():
            file.write(rows(piece).tobytes())
            written += len(piece.xyz)
        _correct(file, header, written)


def _correct(file: BinaryIO, header: Callable[[int], str], written: int) -> None:
    # A header of another file may have counted points that are left out as not finite.
    file.seek(0)
    file.write(header(written).encode())


def _padding(count: int) -> str:
    """Dashes that keep a header's length whatever the number of points in it."""
    return "-" * (COUNT_DIGITS - len(str(count)))


def _stored(out: Outgoing) -> dict[str, np.dtype[Any]]:
    """Little-endian types of the columns, colours as bytes, whole numbers of 64 bits as float64."""
    kinds: dict[str, np.dtype[Any]] = {}
    for name, kind in out.kinds.items():
        if out.has_colour and name in COLOURS:
            kinds[name] = np.dtype("u1")
        elif (kind.kind in "iu" and kind.itemsize == 8) or kind.itemsize > 8 or kind == np.dtype("f2"):
            kinds[name] = np.dtype("<f8")
        else:
            kinds[name] = kind.newbyteorder("<")
    return kinds


def _rows(piece: Piece, row: np.dtype[Any], divisor: int) -> npt.NDArray[Any]:
    rows = np.empty(len(piece.xyz), dtype=row)
    for i, axis in enumerate("xyz"):
        rows[axis] = piece.xyz[:, i]
    for name in row.names[3:] if row.names else ():
        values = piece.columns[name]
        rows[name] = _byte(values, divisor) if name in COLOURS and row[name] == np.dtype("u1") else values
    return rows


def _byte(values: npt.NDArray[Any], divisor: int) -> npt.NDArray[np.uint8]:
    return (values // divisor).astype("u1")


def _word(name: str, *, ascii_only: bool = True) -> str:
    """A column's name, if it is one word as these headers ask for.

    Raises
    ------
    ParameterError
        If it holds a blank, a separator or other characters.
    """
    if (
        not name
        or (ascii_only and not name.isascii())
        or any(c.isspace() or c in ',;"' or not c.isprintable() for c in name)
    ):
        raise ParameterError(
            "a name that the file's header cannot hold", where=f"attribute {name!r}", expected="one word of ASCII"
        )
    return name
