"""Mesh files that repeat each corner: STL, and the faces of a DXF drawing."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.surfaces._mesh_parts import MeshParts, triangles_of, welded

__all__ = ["read_dxf", "read_stl"]

Floats = npt.NDArray[np.float64]

STL_HEADER, STL_ROW = 80, np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
OFFSETS = re.compile(rb"sxrisk, offsets from (\S+) (\S+) (\S+)")
# What the DXF library raises, beside its own errors, on tags that are no drawing.
BROKEN = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    StopIteration,
    RuntimeError,
)
DEEPEST = 16  # blocks within blocks


def read_stl(path: Path) -> MeshParts:
    """Triangles of an STL file, binary or ASCII, with the offset that :meth:`Mesh.write` left in its header.

    Raises
    ------
    FileFormatError
        If it is neither, or breaks off.
    """
    data = path.read_bytes()
    count = int.from_bytes(data[STL_HEADER : STL_HEADER + 4], "little") if len(data) >= STL_HEADER + 4 else -1
    needed = STL_HEADER + 4 + count * STL_ROW.itemsize
    if count >= 0 and len(data) >= needed and not (data[:5] == b"solid" and len(data) != needed):
        corners = np.frombuffer(data, STL_ROW, count, STL_HEADER + 4)["corners"].astype(np.float64)
    elif data.lstrip()[:5].lower() == b"solid":
        corners = _ascii_corners(data, path)
    else:
        raise FileFormatError(
            f"the file breaks off: its header counts {max(count, 0)} triangles, "
            f"{max(len(data) - STL_HEADER - 4, 0) // STL_ROW.itemsize} are there",
            where=path,
            expected="an STL file",
            remedy="Export or copy the file again",
        )
    parts = welded(corners)
    offsets = OFFSETS.match(data[:STL_HEADER])
    if offsets is None:
        return parts
    return parts._replace(vertices=parts.vertices + np.array([float(word) for word in offsets.groups()]))


def _ascii_corners(data: bytes, path: Path) -> Floats:
    numbers: list[list[float]] = []
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        words = line.split()
        if words[:1] == ["vertex"]:
            try:
                x, y, z = (float(word) for word in words[1:])
            except ValueError as error:
                raise FileFormatError(
                    f"{line.strip()[:60]!r} is no vertex", where=f"{path}, line {number}", expected="three numbers"
                ) from error
            numbers.append([x, y, z])
    if len(numbers) % 3 or b"endsolid" not in data[-4096:].lower():
        raise FileFormatError(
            f"the file breaks off behind {len(numbers) // 3} triangles", where=path, expected="endsolid at the end"
        )
    return np.array(numbers).reshape(-1, 3, 3)


def read_dxf(path: Path, layers: Sequence[str] | None = None) -> MeshParts:
    """Faces of a DXF drawing: 3DFACE, MESH, polyface and polygon meshes, also inside inserted blocks.

    Parameters
    ----------
    path : Path
        The drawing, of any encoding that it names.
    layers : sequence of str, optional
        Only faces on these.

    Raises
    ------
    FileFormatError
        If it is no DXF drawing.
    ParameterError
        If a layer holds no face.
    """
    from ezdxf import recover
    from ezdxf.filemanagement import readfile
    from ezdxf.lldxf.const import DXFError

    try:
        document = readfile(path)
    except (DXFError, *BROKEN):
        # Drawings of old and foreign programs break rules that do not matter here.
        try:
            document, _ = recover.readfile(path)
        except (DXFError, *BROKEN) as error:
            raise FileFormatError(
                f"the drawing cannot be read ({str(error)[:120]})", where=path, expected="a DXF drawing"
            ) from error
    corners: list[Floats] = []
    found: set[str] = set()
    for layer, triangles in _faces(document.modelspace(), 0):
        found.add(layer)
        if layers is None or layer in layers:
            corners.append(triangles)
    missing = [] if layers is None else [layer for layer in layers if layer not in found]
    if missing:
        raise ParameterError(
            f"layer {missing[0]!r} holds no faces",
            where=f"layers, {path}",
            expected=f"some of {', '.join(sorted(found)) or 'none'}",
        )
    return welded(np.concatenate(corners) if corners else np.empty((0, 3, 3)))


def _faces(entities: Any, depth: int) -> Iterator[tuple[str, Floats]]:
    """Layer and triangles (m, 3, 3) of each entity that has faces."""
    for entity in entities:
        kind, layer = entity.dxftype(), str(entity.dxf.get("layer", "0"))
        if kind == "3DFACE":
            yield layer, _fan([[*map(tuple, entity.wcs_vertices())]])
        elif kind == "MESH":
            vertices = np.array([tuple(v) for v in entity.vertices]).reshape(-1, 3)
            yield layer, vertices[triangles_of([list(face) for face in entity.faces])]
        elif kind == "POLYLINE" and entity.is_poly_face_mesh:
            yield layer, _fan([[tuple(v.dxf.location) for v in face[:-1]] for face in entity.faces()])
        elif kind == "POLYLINE" and entity.is_polygon_mesh:
            yield layer, _grid(entity)
        elif kind == "INSERT" and depth < DEEPEST:
            # What lies on layer 0 of a block takes the layer of the insert.
            for inner, triangles in _faces(entity.virtual_entities(), depth + 1):
                yield (layer if inner == "0" else inner), triangles


def _fan(polygons: Sequence[Sequence[Sequence[float]]]) -> Floats:
    rows = [(p[0], p[at], p[at + 1]) for p in polygons for at in range(1, len(p) - 1)]
    return np.array(rows, dtype=np.float64).reshape(-1, 3, 3)


def _grid(entity: Any) -> Floats:
    m, n = int(entity.dxf.m_count), int(entity.dxf.n_count)
    places = np.array([tuple(v.dxf.location) for v in entity.vertices])[: m * n].reshape(m, n, 3)
    if entity.is_m_closed:
        places = np.concatenate([places, places[:1]])
    if entity.is_n_closed:
        places = np.concatenate([places, places[:, :1]], axis=1)
    a, b, c, d = places[:-1, :-1], places[1:, :-1], places[1:, 1:], places[:-1, 1:]
    return np.concatenate([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 3)
