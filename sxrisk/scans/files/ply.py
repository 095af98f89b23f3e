"""PLY files: their header, and their vertices as points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile, broken_off, check_axes, header_lines, piece_of, whole_number
from sxrisk.scans.files.rows import ascii_blocks
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["PlyElement", "PlyHeader", "PlySource", "read_ply_header"]

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
# CloudCompare and Open3D write coordinates and colours under these names.
RENAMED = {"scalar_intensity": "intensity", "scalar_Intensity": "intensity", "r": "red", "g": "green", "b": "blue"}


@dataclass(frozen=True)
class PlyElement:
    """One block of a PLY file.

    Attributes
    ----------
    name : str
        ``vertex``, ``face`` or another.
    count : int
        Rows.
    fields : tuple of (str, str)
        Name and numpy type of each property; of a list, the types of its count and of its items, joined by ``*``.
    """

    name: str
    count: int
    fields: tuple[tuple[str, str], ...]

    @property
    def has_lists(self) -> bool:
        """Whether rows differ in length."""
        return any("*" in kind for _, kind in self.fields)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a row without lists."""
        return np.dtype(list(self.fields))


@dataclass(frozen=True)
class PlyHeader:
    """Header of a PLY file.

    Attributes
    ----------
    encoding : str
        ``ascii``, ``binary_little_endian`` or ``binary_big_endian``.
    elements : tuple of PlyElement
        In the order of the file.
    comments : tuple of str
        What writers add: the program, an offset, a coordinate system.
    start : int
        Byte of the first row.
    """

    encoding: str
    elements: tuple[PlyElement, ...]
    comments: tuple[str, ...]
    start: int

    def element(self, name: str) -> PlyElement | None:
        """The block of that name."""
        return next((element for element in self.elements if element.name == name), None)


def read_ply_header(path: Path) -> PlyHeader:
    """Header of a PLY file.

    Raises
    ------
    FileFormatError
        If it is not that of a PLY file.
    """
    with path.open("rb") as file:
        if file.read(3) != b"ply":
            raise FileFormatError("the file does not begin with 'ply'", where=path, expected="a PLY file")
        file.seek(0)
        lines = header_lines(file, path, "end_header", "a PLY file")
        start = file.tell()
    encoding, comments = "", []
    elements: list[tuple[str, int, list[tuple[str, str]]]] = []
    for line in lines[1:]:
        if line[:1] == ["format"] and len(line) > 1:
            encoding = line[1]
        elif line[:1] in (["comment"], ["obj_info"]):
            comments.append(" ".join(line[1:]))
        elif line[:1] == ["element"] and len(line) == 3:
            elements.append((line[1], whole_number(line[2], path, f"the number of {line[1]}"), []))
        elif line[:1] == ["property"] and elements:
            elements[-1][2].append(_property(line, encoding, path))
    if encoding not in ORDERS:
        raise FileFormatError(f"encoding {encoding!r} is not known", where=path, expected=", ".join(ORDERS))
    for name, _, fields in elements:
        names = [field for field, _ in fields]
        if len(set(names)) < len(names):
            raise FileFormatError(f"element {name!r} names a property twice", where=path, expected="PLY 1.0")
    return PlyHeader(
        encoding, tuple(PlyElement(n, c, tuple(fields)) for n, c, fields in elements), tuple(comments), start
    )


def _property(line: list[str], encoding: str, path: Path) -> tuple[str, str]:
    order = ORDERS.get(encoding, "=")
    kinds = line[2:4] if line[1:2] == ["list"] else line[1:2]
    unknown = [kind for kind in kinds if kind not in TYPES]
    if unknown or len(line) != 2 + len(kinds) + (line[1:2] == ["list"]):
        raise FileFormatError(
            f"property {' '.join(line[1:])[:60]!r} is not known", where=path, expected="PLY 1.0 types and encodings"
        )
    return line[-1], "*".join(order + TYPES[kind] for kind in kinds)


class PlySource(PlainFile):
    """The vertices of a PLY file as points, read by slices.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If it is no PLY file of points, or its vertices end before the number that its header states.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header = read_ply_header(path)
        self.take_remarks(self.header.comments)
        faces = self.header.element("face")
        if faces is not None and faces.count:
            raise FileFormatError(
                f"the file is a mesh of {faces.count} faces",
                where=path,
                expected="points",
                remedy="Open it with read_mesh(path); its corners are read_mesh(path).vertices",
            )
        vertices, before = self.header.element("vertex"), 0
        if vertices is None:
            raise FileFormatError("there is no element 'vertex'", where=path, expected="a PLY file of points")
        for element in self.header.elements:
            if element is vertices:
                break
            if element.has_lists or self.header.encoding == "ascii":
                if element.count:
                    raise FileFormatError(
                        f"element {element.name!r} stands before the vertices",
                        where=path,
                        expected="'element vertex' first",
                    )
            else:
                before += element.count * element.dtype.itemsize
        if vertices.has_lists:
            raise FileFormatError("vertices have list properties", where=path, expected="one number per property")
        self.vertices, self._start = vertices, self.header.start + before
        self.names = [RENAMED.get(name, name.removeprefix("scalar_")) for name, _ in vertices.fields]
        check_axes(path, self.names)
        self.n_points: int = vertices.count
        if self.header.encoding != "ascii":
            size = path.stat().st_size
            fit = max(size - self._start, 0) // vertices.dtype.itemsize
            if fit < vertices.count:
                raise broken_off(path, fit, vertices.count, size)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Properties beside x, y and z."""
        return tuple(name for name in self.names if name not in ("x", "y", "z"))

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        for columns in self._blocks(size):
            yield piece_of(columns, names)

    def _blocks(self, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        count, dtype = self.vertices.count, self.vertices.dtype
        with self.path.open("rb") as file:
            file.seek(self._start)
            if self.header.encoding == "ascii":
                kinds = {name: kind for name, (_, kind) in zip(self.names, self.vertices.fields, strict=True)}
                for block in ascii_blocks(file, self.path, self.names, count, size):
                    yield {n: _narrow(values, n, kinds[n], self.path) for n, values in block.items()}
                return
            for start in range(0, count, size):
                rows = np.fromfile(file, dtype=dtype, count=min(size, count - start))
                if len(rows) < min(size, count - start):
                    raise broken_off(self.path, start + len(rows), count, self.path.stat().st_size)
                yield {
                    name: rows[field].astype(rows[field].dtype.newbyteorder("="))
                    for name, (field, _) in zip(self.names, self.vertices.fields, strict=True)
                }


def _narrow(values: npt.NDArray[np.float64], name: str, kind: str, path: Path) -> npt.NDArray[Any]:
    # Whole numbers get the type that the header states; coordinates and other fractions keep all written digits.
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return values
    info = np.iinfo(dtype)
    if not ((values >= info.min) & (values <= info.max)).all():
        raise FileFormatError(
            f"a {name} is no number of the type that the header states",
            where=path,
            expected=f"{info.min} to {info.max}",
        )
    return values.astype(dtype)
