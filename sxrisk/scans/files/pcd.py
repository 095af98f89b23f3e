"""PCD files of the Point Cloud Library: ASCII, binary and compressed."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import (
    PlainFile,
    broken_off,
    check_axes,
    colours_of,
    header_lines,
    piece_of,
    whole_number,
)
from sxrisk.scans.files.rows import ascii_blocks
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["PcdSource"]

KINDS = {"F": "f", "I": "i", "U": "u"}
SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}
PACKED = ("rgb", "rgba")
MOST_VALUES = 4096  # of one field in a point: descriptors have some hundreds


class PcdSource(PlainFile):
    """The points of a PCD file, read by slices; compressed ones are unpacked at once, as their layout asks.

    Colours packed in a field ``rgb`` become ``red``, ``green`` and ``blue``; a viewpoint other than the origin becomes
    the scanner's station.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If the header is incomplete, or the points end before the number that it states.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open("rb") as file:
            lines = header_lines(file, path, "DATA", "a PCD file")
            self._start = file.tell()
        header = {line[0]: line[1:] for line in lines if line}
        missing = [key for key in ("FIELDS", "SIZE", "TYPE", "POINTS", "DATA") if not header.get(key)]
        if missing:
            raise FileFormatError(f"the header lacks {', '.join(missing)}", where=path, expected="a PCD 0.7 header")
        self.encoding = header["DATA"][0]
        if self.encoding not in ("ascii", "binary", "binary_compressed"):
            raise FileFormatError(
                f"data of encoding {self.encoding!r}", where=path, expected="ascii, binary or binary_compressed"
            )
        self._fields = _fields(header, path)
        self.n_points: int = whole_number(header["POINTS"][0], path, "POINTS")
        check_axes(path, [name for name, _, _ in self._fields])
        self._dtype = np.dtype([(f"{at}", kind, (width,)) for at, (_, kind, width) in enumerate(self._fields)])
        self.attribute_names = tuple(self._named(np.zeros(0, self._dtype)))[3:]
        self.stations = _viewpoint(header.get("VIEWPOINT", []))
        self.take_remarks([" ".join(line[1:]) for line in lines if line[:1] == ["#"]])
        size = path.stat().st_size
        if self.encoding == "binary":
            fit = (size - self._start) // self._dtype.itemsize
            if fit < self.n_points:
                raise broken_off(path, fit, self.n_points, size)

    @property
    def is_single(self) -> bool:
        """Whether a coordinate is kept in 32 bits."""
        return any(kind == "<f4" for name, kind, _ in self._fields if name in "xyz")

    def types(self) -> dict[str, np.dtype[Any]]:
        """Type of each attribute."""
        empty = self._named(np.zeros(0, self._dtype))
        return {name: empty[name].dtype for name in self.attribute_names}

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        for rows in self._rows(size):
            yield piece_of(self._named(rows), names)

    def _rows(self, size: int) -> Iterator[npt.NDArray[Any]]:
        count, path = self.n_points, self.path
        with path.open("rb") as file:
            file.seek(self._start)
            if self.encoding == "ascii":
                yield from self._ascii_rows(file, size)
            elif self.encoding == "binary":
                for start in range(0, count, size):
                    rows = np.fromfile(file, dtype=self._dtype, count=min(size, count - start))
                    if len(rows) < min(size, count - start):
                        raise broken_off(path, start + len(rows), count, path.stat().st_size)
                    yield rows
            else:
                rows = self._unpacked(file.read())
                for start in range(0, count, size):
                    yield rows[start : start + size]

    def _ascii_rows(self, file: Any, size: int) -> Iterator[npt.NDArray[Any]]:
        wide = [f"{at}_{i}" for at, (_, _, width) in enumerate(self._fields) for i in range(width)]
        for block in ascii_blocks(file, self.path, wide, self.n_points, size):
            rows = np.empty(len(block[wide[0]]), dtype=self._wide_dtype())
            for at, (_, _, width) in enumerate(self._fields):
                rows[f"{at}"] = np.column_stack([block[f"{at}_{i}"] for i in range(width)])
            yield rows

    def _wide_dtype(self) -> np.dtype[Any]:
        # Written digits beyond float32 are kept; packed colours need their own bits.
        return np.dtype(
            [
                (f"{at}", kind if name in PACKED and kind[1] == "f" else "<f8", (width,))
                for at, (name, kind, width) in enumerate(self._fields)
            ]
        )

    def _unpacked(self, data: bytes) -> npt.NDArray[Any]:
        from sxrisk.scans.files.lzf import decompress

        packed, whole = struct.unpack_from("<II", data) if len(data) >= 8 else (0, 0)
        needed = self.n_points * self._dtype.itemsize
        if len(data) - 8 < packed or whole != needed:
            raise FileFormatError(
                f"{max(len(data) - 8, 0)} of {packed} compressed bytes are there, for {whole} of {needed} bytes of "
                f"{self.n_points} points",
                where=self.path,
                expected="a whole file",
                remedy="Copy or export the file again",
            )
        flat = decompress(np.frombuffer(data, np.uint8, packed, 8), whole)
        if flat is None:
            raise FileFormatError("its compressed data are damaged", where=self.path, expected="LZF data")
        rows, at = np.empty(self.n_points, dtype=self._dtype), 0
        # Compressed files keep field after field, not point after point.
        for field in self._dtype.names or ():
            kind = self._dtype[field]
            length = self.n_points * kind.itemsize
            rows[field] = flat[at : at + length].view(kind.base).reshape(self.n_points, *kind.shape)
            at += length
        return rows

    def _named(self, rows: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Columns by name, coordinates first, without padding and with colours taken apart."""
        columns: dict[str, npt.NDArray[Any]] = {}
        for at, (name, _, width) in enumerate(self._fields):
            values = rows[f"{at}"]
            if name in PACKED and width == 1:
                columns.update(colours_of(values[:, 0]))
            elif name != "_":
                columns[name] = np.ascontiguousarray(values[:, 0] if width == 1 else values)
        return {axis: columns.pop(axis) for axis in "xyz"} | columns


def _fields(header: dict[str, list[str]], path: Path) -> list[tuple[str, str, int]]:
    """Name, numpy type and width of each field."""
    names, kinds, sizes = header["FIELDS"], header["TYPE"], header["SIZE"]
    widths = header.get("COUNT") or ["1"] * len(names)
    if not len(names) == len(kinds) == len(sizes) == len(widths):
        raise FileFormatError(
            f"{len(names)} fields with {len(sizes)} sizes, {len(kinds)} types and {len(widths)} counts",
            where=path,
            expected="as many of each",
        )
    fields = []
    for name, kind, size, width in zip(names, kinds, sizes, widths, strict=True):
        length, items = whole_number(size, path, "SIZE"), whole_number(width, path, "COUNT")
        if kind not in KINDS or length not in SIZES[kind] or not 0 < items <= MOST_VALUES:
            raise FileFormatError(
                f"field {name!r} is of type {kind}, size {size}, count {width}", where=path, expected="PCD 0.7 types"
            )
        if name in "xyz" and items != 1:
            raise FileFormatError(f"field {name!r} has {items} values", where=path, expected="one")
        fields.append((name, f"<{KINDS[kind]}{length}", items))
    named = [name for name, _, _ in fields if name != "_"]
    if len(set(named)) < len(named):
        raise FileFormatError("a field is named twice", where=path, expected="PCD 0.7")
    return fields


def _viewpoint(words: list[str]) -> npt.NDArray[np.float64] | None:
    try:
        place = np.array([float(word) for word in words[:3]])
    except ValueError:
        return None
    return place[None] if len(place) == 3 and np.isfinite(place).all() and place.any() else None
