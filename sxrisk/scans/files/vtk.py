"""Legacy VTK files: the points of a data set with their scalars and normals."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile, broken_off, whole_number
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["VtkSource"]

TYPES = {
    "char": ">i1", "unsigned_char": ">u1", "short": ">i2", "unsigned_short": ">u2", "int": ">i4",
    "unsigned_int": ">u4", "long": ">i8", "unsigned_long": ">u8", "float": ">f4", "double": ">f8",
    "vtktypeint64": ">i8", "vtkidtype": ">i8",
}  # fmt: skip
SETS = ("POLYDATA", "UNSTRUCTURED_GRID", "STRUCTURED_GRID")
CELLS = ("VERTICES", "LINES", "CELLS")


class VtkSource(PlainFile):
    """The points of a legacy VTK file, ASCII or binary, read whole when they are asked for.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If it is no legacy VTK file of points.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open("rb") as file:
            head = [file.readline(512) for _ in range(4)]
            if not head[0].startswith(b"# vtk DataFile"):
                raise FileFormatError(
                    "the file does not begin with '# vtk DataFile'", where=path, expected="a legacy VTK file"
                )
            words = head[3].decode("ascii", "replace").split()
            if words[:1] != ["DATASET"] or words[1:2] == [] or words[1] not in SETS:
                raise FileFormatError(
                    f"a data set of {' '.join(words)[:40]!r}", where=path, expected=f"DATASET {', '.join(SETS)}"
                )
            self.is_ascii = head[2].strip().upper() == b"ASCII"
            line = file.readline(512).decode("ascii", "replace").split()
            while line and line[0] == "DIMENSIONS":
                line = file.readline(512).decode("ascii", "replace").split()
            if len(line) != 3 or line[0] != "POINTS" or line[2].lower() not in TYPES:
                raise FileFormatError(
                    f"{' '.join(line)[:40]!r} instead of points", where=path, expected="POINTS, a number and a type"
                )
            self._start = file.tell() - 0
            self.n_points: int = whole_number(line[1], path, "POINTS")
            self._kind = TYPES[line[2].lower()]
        self._held: tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]] | None = None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Scalars and normals of the points."""
        return tuple(self._parsed()[1])

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        xyz, columns = self._parsed()
        for start in range(0, len(xyz), size):
            part = slice(start, start + size)
            yield Piece(xyz[part].copy(), {name: columns[name][part].copy() for name in names})

    def _parsed(self) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
        if self._held is None:
            data = self.path.read_bytes()[self._start :]
            text = _Tokens(data, self.path, self.is_ascii, self.n_points)
            xyz = text.numbers(3 * self.n_points, self._kind).astype(np.float64).reshape(-1, 3)
            self._held = xyz, _point_data(text, self.n_points)
        return self._held


class _Tokens:
    """Words and blocks of numbers of a VTK file, one after another."""

    def __init__(self, data: bytes, path: Path, is_ascii: bool, count: int) -> None:
        self.data, self.path, self.is_ascii, self.at, self.count = data, path, is_ascii, 0, count

    def line(self) -> list[str] | None:
        """Words of the next line that has some."""
        while self.at < len(self.data):
            end = self.data.find(b"\n", self.at)
            end = len(self.data) if end < 0 else end
            words = self.data[self.at : end].decode("ascii", "replace").split()
            self.at = end + 1
            if words:
                return words
        return None

    def numbers(self, count: int, kind: str) -> npt.NDArray[Any]:
        """The next `count` numbers."""
        if not self.is_ascii:
            dtype = np.dtype(kind)
            if self.at + count * dtype.itemsize > len(self.data):
                found = (len(self.data) - self.at) // (3 * dtype.itemsize)
                raise broken_off(self.path, max(found, 0), self.count)
            values = np.frombuffer(self.data, dtype, count, self.at)
            self.at += count * dtype.itemsize
            return values.astype(dtype.newbyteorder("="))
        parts, left = [], count
        while left > 0:
            # A number and its blanks seldom take more than 16 bytes; what is left over is given back.
            end = self.data.find(b"\n", min(self.at + 16 * left, len(self.data)))
            end = len(self.data) if end < 0 else end
            words = self.data[self.at : end].split(None, left)
            if not words:
                raise broken_off(self.path, (count - left) // 3, self.count)
            rest = words[left:]
            try:
                parts.append(np.array(words[:left], dtype=np.float64))
            except ValueError as error:
                raise FileFormatError(f"a value is no number ({error})", where=self.path, expected="numbers") from error
            left -= len(parts[-1])
            self.at = end - len(rest[0]) if rest else end
        return np.concatenate(parts) if parts else np.empty(0)


def _point_data(text: _Tokens, count: int) -> dict[str, npt.NDArray[Any]]:
    """Attributes of the points behind their coordinates; cells are passed over."""
    columns: dict[str, npt.NDArray[Any]] = {}
    active = False
    while (words := text.line()) is not None:
        key = words[0].upper()
        if key == "POINT_DATA":
            active = words[1:] == [str(count)]
        elif key == "CELL_DATA":
            break
        elif key in CELLS and len(words) == 3:
            text.numbers(whole_number(words[2], text.path, key), ">i4")
        elif key == "CELL_TYPES" and len(words) == 2:
            text.numbers(whole_number(words[1], text.path, key), ">i4")
        elif key == "POLYGONS":
            raise FileFormatError(
                "the file is a mesh",
                where=text.path,
                expected="points",
                remedy="Save it as PLY and open it with read_mesh",
            )
        elif active and key in ("SCALARS", "NORMALS", "VECTORS", "COLOR_SCALARS") and len(words) >= 3:
            _add(columns, text, key, words, count)
        elif active and key == "FIELD" and len(words) == 3:
            for _ in range(min(whole_number(words[2], text.path, key), 1000)):
                field = text.line()
                if field is None or len(field) != 4 or field[3].lower() not in TYPES:
                    break
                width, rows = (whole_number(word, text.path, field[0]) for word in field[1:3])
                values = text.numbers(width * rows, TYPES[field[3].lower()])
                if rows == count and width:
                    columns[field[0]] = values if width == 1 else values.reshape(rows, width)
        elif key not in ("METADATA", "LOOKUP_TABLE", "INFORMATION"):
            break
    return columns


def _add(columns: dict[str, npt.NDArray[Any]], text: _Tokens, key: str, words: list[str], count: int) -> None:
    name, width = words[1], 3
    if key == "COLOR_SCALARS":
        width, kind = whole_number(words[2], text.path, key), ">u1"
    else:
        if words[2].lower() not in TYPES:
            raise FileFormatError(f"type {words[2]!r} is not known", where=text.path, expected="a VTK type")
        kind = TYPES[words[2].lower()]
    if key == "SCALARS":
        width = whole_number(words[3], text.path, key) if len(words) > 3 else 1
        text.line()  # LOOKUP_TABLE
    values = text.numbers(width * count, kind)
    columns[name] = values if width == 1 else values.reshape(count, width) if width else np.empty((count, 0))
