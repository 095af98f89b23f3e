"""Mesh files that number their vertices: PLY, OBJ and OFF."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.ply import PlyElement, PlyHeader, read_ply_header
from sxrisk.surfaces._mesh_parts import MeshParts, triangles_of

__all__ = ["read_obj", "read_off", "read_ply"]

INDICES = ("vertex_indices", "vertex_index")
Rows = dict[str, Any]


def read_ply(path: Path) -> MeshParts:
    """Vertices, faces and vertex properties of a PLY file.

    Raises
    ------
    FileFormatError
        If it has no vertices, or breaks off.
    """
    header = read_ply_header(path)
    with path.open("rb") as file:
        file.seek(header.start)
        data = file.read()
    tables = _ascii_tables(header, data, path) if header.encoding == "ascii" else _binary_tables(header, data, path)
    vertices, faces = tables.get("vertex"), tables.get("face", {})
    if vertices is None or not {"x", "y", "z"} <= set(vertices):
        raise FileFormatError("there are no vertices with x, y and z", where=path, expected="a mesh")
    polygons: Any = next((faces[name] for name in INDICES if name in faces), [])
    triangles = (
        polygons.astype(np.int64)
        if isinstance(polygons, np.ndarray) and polygons.ndim == 2 and polygons.shape[1] == 3
        else triangles_of([[int(v) for v in polygon] for polygon in polygons])
    )
    xyz = np.column_stack([np.asarray(vertices[axis], dtype=np.float64) for axis in "xyz"])
    fields = {name: values for name, values in vertices.items() if name not in ("x", "y", "z")}
    said = next((c.removeprefix("crs ") for c in header.comments if c.startswith("crs ")), "")
    return MeshParts(xyz, triangles, {n: v for n, v in fields.items() if isinstance(v, np.ndarray)}, said)


def read_obj(path: Path) -> MeshParts:
    """Vertices (with colours behind them) and faces of a Wavefront OBJ; textures and normals are passed over."""
    vertices: list[list[float]] = []
    polygons: list[list[int]] = []
    said = ""
    with path.open("r", encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words:
                continue
            try:
                if words[0] == "v":
                    vertices.append([float(word) for word in words[1:7]])
                elif words[0] == "f":
                    corners = [int(word.split("/", 1)[0]) for word in words[1:]]
                    # Counted from 1, or backwards from the last vertex so far.
                    polygons.append([at - 1 if at > 0 else len(vertices) + at if at < 0 else -1 for at in corners])
                elif words[:2] == ["#", "crs"]:
                    said = " ".join(words[2:])
            except ValueError as error:
                raise FileFormatError(
                    f"{line.strip()[:60]!r} is no vertex or face", where=f"{path}, line {number}", expected="numbers"
                ) from error
    if vertices and min(map(len, vertices)) < 3:
        raise FileFormatError("a vertex has fewer than three coordinates", where=path, expected="v x y z")
    coloured = bool(vertices) and all(len(vertex) == 6 for vertex in vertices)
    table = np.array([vertex[: 6 if coloured else 3] for vertex in vertices]).reshape(-1, 6 if coloured else 3)
    fields = {}
    if coloured and np.isfinite(table).all() and table[:, 3:].min() >= 0 and table[:, 3:].max() <= 1:
        fields = {
            name: np.round(table[:, 3 + i] * 255).astype(np.uint8) for i, name in enumerate(("red", "green", "blue"))
        }
    return MeshParts(table[:, :3], triangles_of(polygons), fields, said)


def read_off(path: Path) -> MeshParts:
    """Vertices and faces of an OFF file.

    Raises
    ------
    FileFormatError
        If it is no OFF file, or breaks off.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    words = [word for line in text.splitlines() for word in line.split("#", 1)[0].split()]
    if not words or words[0] != "OFF":
        raise FileFormatError("the file does not begin with 'OFF'", where=path, expected="an OFF file")
    n_vertices, n_faces = int(words[1]), int(words[2])
    start = 4 + 3 * n_vertices
    if n_vertices < 0 or n_faces < 0 or len(words) < start + 4 * n_faces:
        raise _broken(path, "vertices or faces")
    # Colours may follow the corners of a face, so that faces are told apart by lines where there are any.
    xyz = np.array(words[4:start], dtype=np.float64).reshape(-1, 3)
    polygons, at = [], start
    lengths = _lengths_by_line(text, n_vertices, n_faces)
    for face in range(n_faces):
        count = int(words[at])
        polygons.append([int(word) for word in words[at + 1 : at + 1 + count]])
        if count < 0 or len(polygons[-1]) < count:
            raise _broken(path, "a face")
        at += lengths[face] if lengths else 1 + count
    return MeshParts(xyz, triangles_of(polygons), {})


def _lengths_by_line(text: str, n_vertices: int, n_faces: int) -> list[int]:
    """Words in the line of each face; empty where lines do not hold a face each."""
    lines = [line.split("#", 1)[0].split() for line in text.splitlines()]
    rows = [line for line in lines if line]
    body = rows[2:] if rows and rows[0] == ["OFF"] else rows[1:]
    faces = body[n_vertices:]
    return [len(face) for face in faces] if len(faces) == n_faces else []


def _binary_tables(header: PlyHeader, data: bytes, path: Path) -> dict[str, Rows]:
    tables, at = {}, 0
    for element in header.elements:
        if not element.has_lists:
            at = _need(path, element, data, at, element.count * element.dtype.itemsize)
            rows = np.frombuffer(data, element.dtype, element.count, at - element.count * element.dtype.itemsize)
            tables[element.name] = {name: _native(rows[name]) for name, _ in element.fields}
            continue
        found = _even_lists(element, data, at)
        tables[element.name], at = found if found is not None else _uneven_lists(element, data, at, path)
    return tables


def _even_lists(element: PlyElement, data: bytes, at: int) -> tuple[Rows, int] | None:
    """Rows whose lists all have the length of the first row's: one type for all of them, read at once."""
    fields: list[Any] = []
    here = at
    for name, kind in element.fields:
        count_kind, _, item = kind.rpartition("*")
        length = 1
        if count_kind:
            size = np.dtype(count_kind).itemsize
            if here + size > len(data):
                return None
            length = int(np.frombuffer(data, count_kind, 1, here)[0])
            if not 0 <= length < 256:
                return None
            fields.append((f"{name} count", count_kind))
            here += size
        fields.append((name, item, (length,)) if count_kind else (name, item))
        here += length * np.dtype(item).itemsize
    dtype = np.dtype(fields)
    if at + element.count * dtype.itemsize > len(data):
        return None
    rows = np.frombuffer(data, dtype, element.count, at)
    counts = [name for name in dtype.names or () if name.endswith(" count")]
    if any((rows[name] != rows[name][0]).any() for name in counts if len(rows)):
        return None
    return {name: _native(rows[name]) for name, _ in element.fields}, at + element.count * dtype.itemsize


def _uneven_lists(element: PlyElement, data: bytes, at: int, path: Path) -> tuple[Rows, int]:
    rows: Rows = {name: [] for name, _ in element.fields}
    for _ in range(element.count):
        for name, kind in element.fields:
            count_kind, _, item = kind.rpartition("*")
            length = 1
            if count_kind:
                end = _need(path, element, data, at, np.dtype(count_kind).itemsize)
                length, at = int(np.frombuffer(data, count_kind, 1, at)[0]), end
            if length < 0:
                raise _broken(path, f"a list of {element.name}")
            end = _need(path, element, data, at, length * np.dtype(item).itemsize)
            rows[name].append(np.frombuffer(data, item, length, at))
            at = end
    return rows, at


def _ascii_tables(header: PlyHeader, data: bytes, path: Path) -> dict[str, Rows]:
    lines = [line for line in data.decode("ascii", "replace").splitlines() if line.strip()]
    tables: dict[str, Rows] = {}
    at = 0
    for element in header.elements:
        block = lines[at : at + element.count]
        if len(block) < element.count:
            raise _broken(path, f"its {element.count} rows of {element.name}")
        at += element.count
        if element.has_lists:
            rows: Rows = {name: [] for name, _ in element.fields}
            for line in block:
                words = line.split()
                for name, kind in element.fields:
                    length = int(words.pop(0)) if "*" in kind else 1
                    if length < 0 or length > len(words):
                        raise _broken(path, f"a row of {element.name}")
                    rows[name].append([float(word) for word in words[:length]])
                    del words[:length]
            tables[element.name] = rows
        else:
            table = np.array([line.split()[: len(element.fields)] for line in block], dtype=np.float64)
            table = table.reshape(-1, len(element.fields))
            tables[element.name] = {
                name: table[:, i] if np.dtype(kind).kind == "f" else table[:, i].astype(np.dtype(kind))
                for i, (name, kind) in enumerate(element.fields)
            }
    return tables


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))


def _need(path: Path, element: PlyElement, data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise _broken(path, f"its {element.count} rows of {element.name}")
    return at + size


def _broken(path: Path, what: str) -> FileFormatError:
    return FileFormatError(
        f"the file breaks off in {what}", where=path, expected="a whole file", remedy="Copy or export the file again"
    )
