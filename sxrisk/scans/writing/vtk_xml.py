"""VTK's XML files with raw appended data, as ParaView reads them: clouds, meshes and grids go through here."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from sxrisk.scans.writing.outgoing import COLOURS, Outgoing, remarks_of

__all__ = ["VtkArray", "whole_array", "write_vtk", "write_vtp_points"]

TYPES: Mapping[str, str] = MappingProxyType(
    {"i1": "Int8", "u1": "UInt8", "i2": "Int16", "u2": "UInt16", "i4": "Int32", "u4": "UInt32", "i8": "Int64",
     "u8": "UInt64", "f4": "Float32", "f8": "Float64"}
)  # fmt: skip
SIZE = struct.Struct("<Q")


class VtkArray(NamedTuple):
    """An array of a VTK file: what it is called, its type and length, and a way to go through its values."""

    name: str
    kind: np.dtype[Any]
    components: int
    length: int
    parts: Callable[[], Iterator[npt.NDArray[Any]]]

    @property
    def n_bytes(self) -> int:
        """Bytes of the values."""
        return self.length * self.components * self.kind.itemsize


def whole_array(name: str, values: npt.NDArray[Any]) -> VtkArray:
    """An array in memory: shape (n,) or (n, c)."""
    kind = values.dtype
    plain = kind if kind.str[1:] in TYPES else np.dtype("u1") if kind.kind == "b" else np.dtype("f8")
    stored = np.ascontiguousarray(values, dtype=plain.newbyteorder("<"))
    return VtkArray(name, stored.dtype, 1 if stored.ndim == 1 else stored.shape[1], len(stored), lambda: iter([stored]))


def write_vtk(
    file: BinaryIO,
    kind: str,
    attributes: Mapping[str, str],
    sections: Sequence[tuple[str, Sequence[VtkArray]]],
    *,
    whole: Mapping[str, str] = MappingProxyType({}),
    facts: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a ``VTKFile`` with one piece.

    Parameters
    ----------
    file : binary file
        Where to.
    kind : str
        ``PolyData``, ``UnstructuredGrid`` or ``ImageData``.
    attributes : mapping of str to str
        Of the piece: its counts or its extent.
    sections : sequence of (str, sequence of VtkArray)
        ``PointData``, ``Points``, ``Polys`` and so on, in this order.
    whole : mapping of str to str
        Attributes of the data set itself.
    facts : mapping of str to str
        Texts for the field data, for example the coordinate system.

    References
    ----------
    VTK File Formats, XML, Kitware.
    """
    lines = [
        '<?xml version="1.0"?>',
        f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        f"<{kind}{_attributes(whole)}>",
    ]
    if facts:
        lines.append("<FieldData>")
        for name, text in facts.items():
            codes = " ".join(str(byte) for byte in [*text.encode(), 0])
            lines.append(
                f'<Array type="String" Name={quoteattr(name)} NumberOfTuples="1" format="ascii">{codes}</Array>'
            )
        lines.append("</FieldData>")
    lines.append(f"<Piece{_attributes(attributes)}>")
    offset = 0
    for section, arrays in sections:
        lines.append(f"<{section}>")
        for array in arrays:
            lines.append(
                f'<DataArray type="{TYPES[array.kind.str[1:]]}" Name={quoteattr(array.name)} '
                f'NumberOfComponents="{array.components}" format="appended" offset="{offset}"/>'
            )
            offset += SIZE.size + array.n_bytes
        lines.append(f"</{section}>")
    lines += ["</Piece>", f"</{kind}>", '<AppendedData encoding="raw">', "_"]
    file.write("\n".join(lines).encode())
    for _, arrays in sections:
        for array in arrays:
            file.write(SIZE.pack(array.n_bytes))
            for part in array.parts():
                file.write(np.ascontiguousarray(part, dtype=array.kind).tobytes())
    file.write(b"\n</AppendedData>\n</VTKFile>\n")


def write_vtp_points(out: Outgoing, file: BinaryIO) -> None:
    """Write a cloud as VTK poly data: a vertex for each point, colours as ``RGB``, every other column by its name.

    Parameters
    ----------
    out : Outgoing
        The cloud; gone through once for each column.
    file : binary file
        Where to.
    """
    count = sum(len(piece.xyz) for piece in out.pieces())
    divisor = out.byte_colours()

    def column(name: str) -> VtkArray:
        kind = out.kinds[name]
        stored = kind.newbyteorder("<") if kind.str[1:] in TYPES else np.dtype("<f8")
        return VtkArray(name, stored, 1, count, lambda: (piece.columns[name] for piece in out.pieces()))

    def colours() -> Iterator[npt.NDArray[Any]]:
        for piece in out.pieces():
            yield np.column_stack([piece.columns[name] // divisor for name in COLOURS])

    def rows(first: int) -> Iterator[npt.NDArray[Any]]:
        for start in range(0, count, 1_000_000):
            yield np.arange(start, min(start + 1_000_000, count)) + first

    fields = [column(name) for name in out.kinds if not (out.has_colour and name in COLOURS)]
    if out.has_colour:
        fields.append(VtkArray("RGB", np.dtype("u1"), 3, count, colours))
    whole = np.dtype("<i8")
    write_vtk(
        file,
        "PolyData",
        {"NumberOfPoints": str(count), "NumberOfVerts": str(count)},
        [
            ("PointData", fields),
            ("Points", [VtkArray("Points", np.dtype("<f8"), 3, count, lambda: (p.xyz for p in out.pieces()))]),
            (
                "Verts",
                [
                    VtkArray("connectivity", whole, 1, count, lambda: rows(0)),
                    VtkArray("offsets", whole, 1, count, lambda: rows(1)),
                ],
            ),
        ],
        facts=_facts(out),
    )


def _facts(out: Outgoing) -> dict[str, str]:
    """The remarks on a cloud as texts by their first word; several of one kind are lines of one text."""
    facts: dict[str, str] = {}
    for remark in remarks_of(out.cloud):
        key, _, text = remark.partition(" ")
        facts[key] = f"{facts[key]}\n{text}" if key in facts else text
    return facts


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {name}="{value}"' for name, value in values.items())
