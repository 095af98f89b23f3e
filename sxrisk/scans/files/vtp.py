"""VTK's XML poly data (``.vtp``) as ParaView writes it: the points with their values."""

import base64
import binascii
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile, broken_off, whole_number
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["VtpSource"]

TYPES = {
    "Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4", "Int64": "i8",
    "UInt64": "u8", "Float32": "f4", "Float64": "f8",
}  # fmt: skip
UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "vtkZLibDataCompressor": zlib.decompress,
    "vtkLZMADataCompressor": lzma.decompress,
}
BROKEN = (zlib.error, lzma.LZMAError, binascii.Error, ElementTree.ParseError, ValueError, OverflowError, MemoryError)
MARK, BLOCK, MOST_HEAD = b"<AppendedData", 1 << 20, 1 << 30
COLOURS = ("red", "green", "blue")
MOST_COMPONENTS = 4096


class _Array(NamedTuple):
    """A ``DataArray`` of a piece and what its element says."""

    element: ElementTree.Element
    name: str
    kind: np.dtype[Any]
    components: int
    rows: int


class VtpSource(PlainFile):
    """The points of VTK XML poly data; what is appended raw is read by slices, what is packed when it is asked for.

    Colours ``RGB`` become ``red``, ``green`` and ``blue``.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If it is no poly data, a mesh, damaged, or packed by a compressor that is not known.

    References
    ----------
    VTK File Formats, XML, Kitware.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            root, self._appended = _head(path)
        except BROKEN as error:
            raise _damaged(path, error) from error
        data = root.find("PolyData")
        if root.tag != "VTKFile" or data is None:
            raise FileFormatError("there is no element PolyData", where=path, expected="VTK XML poly data")
        self._order = ">" if root.get("byte_order") == "BigEndian" else "<"
        self._size = np.dtype(self._order + ("u8" if root.get("header_type") == "UInt64" else "u4"))
        compressor = root.get("compressor", "")
        if compressor and compressor not in UNPACK:
            raise FileFormatError(
                f"it is packed by {compressor}",
                where=path,
                expected=f"no compressor, {' or '.join(UNPACK)}",
                remedy="Save it with compression off, or ZLib",
            )
        self._unpack = UNPACK.get(compressor)
        self._raw = root.find("AppendedData[@encoding='raw']") is not None
        pieces, faces = data.findall("Piece"), ("NumberOfPolys", "NumberOfStrips")
        if any(whole_number(piece.get(kind, "0"), path, kind) for piece in pieces for kind in faces):
            raise FileFormatError(
                "the file is a mesh",
                where=path,
                expected="points",
                remedy="Save it as PLY and open it with read_mesh",
            )
        self._pieces = [self._arrays(piece) for piece in pieces]
        self.n_points: int = sum(arrays["Points"].rows for arrays in self._pieces if arrays)
        self._pieces = [arrays for arrays in self._pieces if arrays]
        shared = [name for name in (self._pieces[0] if self._pieces else ()) if all(name in p for p in self._pieces)]
        self._names = [name for name in shared if name != "Points"]
        self._held: dict[int, npt.NDArray[Any]] = {}
        self._take_fields(data)
        if self._unpack is None:
            self._check_sizes()

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Values of the points."""
        return tuple(n for name in self._names for n in (COLOURS if name == "RGB" else (name,)))

    def types(self) -> dict[str, np.dtype[Any]]:
        """Type of each attribute."""
        kinds = {name: self._pieces[0][name].kind.newbyteorder("=") for name in self._names}
        return {n: kind for name, kind in kinds.items() for n in (COLOURS if name == "RGB" else (name,))}

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        try:
            for arrays in self._pieces:
                for start in range(0, arrays["Points"].rows, size):
                    yield self._piece(arrays, start, min(start + size, arrays["Points"].rows), names)
        except BROKEN as error:
            if isinstance(error, FileFormatError):
                raise
            raise _damaged(self.path, error) from error

    def _piece(self, arrays: dict[str, _Array], start: int, stop: int, names: Sequence[str]) -> Piece:
        columns: dict[str, npt.NDArray[Any]] = {}
        if set(names) & set(COLOURS) and "RGB" in self._names:
            columns = dict(zip(COLOURS, self._values(arrays["RGB"], start, stop).T.copy(), strict=True))
        columns |= {name: self._values(arrays[name], start, stop) for name in names if name not in columns}
        xyz = self._values(arrays["Points"], start, stop).astype(np.float64)
        return Piece(xyz, {name: columns[name] for name in names})

    def _arrays(self, piece: ElementTree.Element) -> dict[str, _Array]:
        """Coordinates and values of a piece; an empty one has none."""
        count = whole_number(piece.get("NumberOfPoints", ""), self.path, "NumberOfPoints")
        if not count:
            return {}
        places = piece.findall("Points/DataArray")
        if len(places) != 1:
            raise FileFormatError("a piece has no coordinates", where=self.path, expected="Points with a DataArray")
        found = {"Points": self._array(places[0], "Points", count)}
        if found["Points"].components != 3:
            raise FileFormatError("coordinates are not three numbers", where=self.path, expected="x, y and z")
        for at, element in enumerate(piece.findall("PointData/DataArray")):
            if element.get("type") in TYPES:
                name = element.get("Name") or f"array_{at + 1}"
                array = self._array(element, name, count)
                # Colours of another shape are values like others.
                found[name if name != "Points" else "Points_"] = array
        if "RGB" in found and (found["RGB"].components != 3 or set(COLOURS) & set(found)):
            found["RGB_"] = found.pop("RGB")
        return found

    def _array(self, element: ElementTree.Element, name: str, count: int) -> _Array:
        kind = TYPES.get(element.get("type", ""))
        components = whole_number(element.get("NumberOfComponents", "1"), self.path, "NumberOfComponents")
        if kind is None or not 0 < components <= MOST_COMPONENTS:
            raise FileFormatError(
                f"array {name[:40]!r} is of type {element.get('type')!r} with {components} components",
                where=self.path,
                expected=", ".join(TYPES),
            )
        return _Array(element, name, np.dtype(self._order + kind), components, count)

    def _values(self, array: _Array, start: int, stop: int) -> npt.NDArray[Any]:
        width = array.components
        if array.element.get("format") == "appended" and self._raw and self._unpack is None:
            with self.path.open("rb") as file:
                file.seek(self._place(array) + self._size.itemsize + start * width * array.kind.itemsize)
                values = np.fromfile(file, array.kind, (stop - start) * width)
            if len(values) < (stop - start) * width:
                raise broken_off(self.path, start + len(values) // width, array.rows)
        else:
            whole = self._held.get(id(array.element))
            if whole is None:
                whole = self._held[id(array.element)] = self._whole(array)
            values = whole[start * width : stop * width]
        values = values.astype(array.kind.newbyteorder("="))
        return values if width == 1 else values.reshape(-1, width)

    def _whole(self, array: _Array) -> npt.NDArray[Any]:
        """All values of an array that is text, base64 or packed."""
        way, count = array.element.get("format", "ascii"), array.rows * array.components
        if way == "ascii":
            words = (array.element.text or "").split()
            values = np.array(words if array.kind.kind == "f" else [int(word) for word in words], dtype=array.kind)
        elif way == "appended" and self._raw:
            with self.path.open("rb") as file:
                file.seek(self._place(array))
                values = np.frombuffer(self._unpacked(file.read()), array.kind)
        else:
            text = array.element.text or "" if way == "binary" else self._appended_text(array)
            values = np.frombuffer(self._of_base64("".join(text.split())), array.kind)
        if len(values) < count:
            raise broken_off(self.path, len(values) // array.components, array.rows)
        return values[:count]

    def _appended_text(self, array: _Array) -> str:
        with self.path.open("rb") as file:
            file.seek(self._place(array))
            return file.read().split(b"</AppendedData", 1)[0].decode("ascii")

    def _of_base64(self, text: str) -> bytes:
        if self._unpack is None:
            length = self._size.itemsize + int(self._numbers(_decoded(text, self._size.itemsize), 1)[0])
            return _decoded(text, length)[self._size.itemsize :]
        head = 3 * self._size.itemsize
        blocks = int(self._numbers(_decoded(text, head), 1)[0])
        # The table of sizes is encoded by itself, and padded.
        table = (3 + blocks) * self._size.itemsize
        sizes = self._numbers(_decoded(text, table), 3 + blocks)[3:]
        at = 4 * -(-table // 3)
        return self._blocks(_decoded(text[at:], int(sizes.sum())), sizes)

    def _unpacked(self, data: bytes) -> bytes:
        blocks = int(self._numbers(data, 1)[0])
        sizes = self._numbers(data, 3 + blocks)[3:]
        return self._blocks(data[(3 + blocks) * self._size.itemsize :], sizes)

    def _blocks(self, data: bytes, sizes: npt.NDArray[Any]) -> bytes:
        ends = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        unpack = self._unpack or bytes
        return b"".join(unpack(data[a:b]) for a, b in pairwise(ends))

    def _numbers(self, data: bytes, count: int) -> npt.NDArray[Any]:
        if count < 0 or len(data) < count * self._size.itemsize:
            raise ValueError("an array ends before its sizes")
        return np.frombuffer(data, self._size, count).astype(np.int64)

    def _place(self, array: _Array) -> int:
        return self._appended + whole_number(array.element.get("offset", ""), self.path, f"the offset of {array.name}")

    def _check_sizes(self) -> None:
        """Refuse a file that is shorter than the raw arrays that its header counts."""
        size = self.path.stat().st_size
        for arrays in self._pieces if self._raw else ():
            for array in arrays.values():
                if array.element.get("format") == "appended":
                    row = array.components * array.kind.itemsize
                    fit = (size - self._place(array) - self._size.itemsize) // row
                    if fit < array.rows:
                        raise broken_off(self.path, max(fit, 0), array.rows, size)

    def _take_fields(self, data: ElementTree.Element) -> None:
        """Take over what :func:`sxrisk.write_scan` writes into the field data."""
        remarks = []
        for element in data.findall("FieldData/Array"):
            try:
                codes = bytes(int(word) for word in (element.text or "").split())
            except ValueError:
                continue  # of somebody else
            for line in codes.rstrip(b"\0").decode("utf-8", "replace").split("\n"):
                remarks.append(f"{element.get('Name')} {line}")
        self.take_remarks(remarks)


def _decoded(text: str, n_bytes: int) -> bytes:
    """The first bytes of base64."""
    return base64.b64decode(text[: 4 * -(-n_bytes // 3)], validate=True)[:n_bytes]


def _head(path: Path) -> tuple[ElementTree.Element, int]:
    """The elements of a file without what is appended, and where that begins."""
    data = b""
    with path.open("rb") as file:
        if not file.read(64).lstrip().startswith((b"<?xml", b"<VTKFile")):
            raise FileFormatError("the file is no XML", where=path, expected="VTK XML poly data")
        file.seek(0)
        while block := file.read(BLOCK):
            data += block
            at = data.find(MARK, max(len(data) - len(block) - len(MARK), 0))
            if at >= 0:
                # The tag itself may lie across two blocks.
                data += file.read(BLOCK)
                begin = data.index(b"_", data.index(b">", at)) + 1
                text = data[:at] + data[at : data.index(b">", at)] + b"/></VTKFile>"
                return ElementTree.fromstring(text), begin
            if len(data) > MOST_HEAD:
                raise ValueError("its head is longer than 1 GB")
    return ElementTree.fromstring(data), 0


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"the file is damaged ({str(error)[:120]})",
        where=path,
        expected="VTK XML poly data",
        remedy="Copy or export the file again",
    )
