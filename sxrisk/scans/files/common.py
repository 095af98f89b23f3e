"""What the readers of plain files share: checks of counts, and colours that are packed into one number."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.source import Bounds, Piece, Quantum

__all__ = ["PlainFile", "broken_off", "check_axes", "colours_of", "header_lines", "piece_of", "whole_number"]

Columns = dict[str, npt.NDArray[Any]]

HEADER_LINES = 1000
MOST_POINTS = 2**40
OWN_REMARKS = ("crs", "crs_wkt", "epoch", "station")


class PlainFile:
    """A file without georeference, of which only a header or the first rows have been read."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.n_points: int | None = None
        self.bounds: Bounds | None = None
        self.stations: npt.NDArray[np.float64] | None = None
        self.epoch: datetime | None = None
        self.quantum: Quantum | None = None
        self.range_sigma_m: float | None = None
        self.registration_sigma_m: float | None = None
        self.metadata = ""

    @staticmethod
    def foreign_remarks(remarks: Sequence[str]) -> list[str]:
        """Remarks that are not of :func:`sxrisk.write_scan`."""
        return [remark for remark in remarks if remark.split(" ")[0] not in OWN_REMARKS and remark.strip("-")]

    def take_remarks(self, remarks: Sequence[str]) -> None:
        """Take over what :func:`sxrisk.write_scan` writes into comments: system, epoch, stations."""
        places, system = [], ""
        for remark in remarks:
            key, _, text = remark.partition(" ")
            try:
                if key == "crs":
                    self.metadata = text
                elif key == "crs_wkt":
                    system += text
                elif key == "epoch":
                    self.epoch = datetime.fromisoformat(text)
                elif key == "station" and len(text.split()) == 3:
                    places.append([float(word) for word in text.split()])
            except ValueError:
                continue  # a remark of somebody else
        if system:
            self.metadata = unquote(system)
        if places and np.isfinite(places).all():
            self.stations = np.array(places)


def header_lines(file: Any, path: Path, last: str, what: str) -> list[list[str]]:
    """Words of the header's lines up to the one that begins with `last`."""
    lines = []
    for _ in range(HEADER_LINES):
        line = file.readline(4096)
        if not line:
            break
        lines.append(line.decode("utf-8", errors="replace").split())
        if lines[-1][:1] == [last]:
            return lines
    raise FileFormatError(f"the header has no line {last!r}", where=path, expected=what)


def whole_number(text: str, path: Path, what: str) -> int:
    """A count of a header.

    Raises
    ------
    FileFormatError
        If it is no whole number, or none that a file can hold.
    """
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MOST_POINTS:
        raise FileFormatError(f"{what} is {text[:40]!r}", where=path, expected="a whole number, zero or more")
    return number


def broken_off(path: Path, found: int, count: int, size: int | None = None) -> FileFormatError:
    """The error of a file that ends before the points that its header counts."""
    return FileFormatError(
        f"the file breaks off: its header counts {count} points, {found} can be read",
        where=path if size is None else f"{path}, byte {size}",
        expected=f"{count} points",
        remedy="Copy or export the file again; what it holds so far is not used",
    )


def check_axes(path: Path, names: Sequence[str]) -> None:
    """Refuse a file without x, y and z.

    Raises
    ------
    FileFormatError
        If one is missing.
    """
    missing = [axis for axis in "xyz" if axis not in names]
    if missing:
        raise FileFormatError(
            f"there is no column {', '.join(missing)} among {', '.join(names) or 'none'}",
            where=path,
            expected="coordinates named x, y and z",
        )


def piece_of(columns: Columns, attributes: Sequence[str]) -> Piece:
    """Columns x, y, z and the named others as a piece; values that are not finite make the row no measurement."""
    rows = len(columns["x"])
    xyz = np.empty((rows, 3))
    for axis, name in enumerate("xyz"):
        xyz[:, axis] = columns[name]
    return Piece(xyz, {name: columns[name] for name in attributes})


def colours_of(packed: npt.NDArray[Any]) -> Columns:
    """Red, green and blue (uint8) of colours packed into 32 bits, be they stored as float or as integer."""
    bits = np.ascontiguousarray(packed)
    bits = bits.view("<u4") if bits.dtype.itemsize == 4 else bits.astype("<u4")
    return {name: ((bits >> shift) & 255).astype(np.uint8) for name, shift in (("red", 16), ("green", 8), ("blue", 0))}
