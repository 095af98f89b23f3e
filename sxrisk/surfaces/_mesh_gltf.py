"""GLB: binary glTF 2.0 scenes as one mesh."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.surfaces._mesh_parts import MeshParts

__all__ = ["read_glb"]

Floats = npt.NDArray[np.float64]

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
# glTF is y-up: x stays, up becomes z, and what comes towards the viewer is south.
Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
KNOWN = "_KNOWN"
DEEPEST = 64
TRIANGLES, STRIP, FAN = 4, 5, 6


def read_glb(path: Path) -> MeshParts:
    """Triangles of all meshes of a GLB, z-up, with the origin and fields that :meth:`Mesh.write` left in it.

    Raises
    ------
    FileFormatError
        If it is no GLB, breaks off, or is compressed by an extension.
    """
    document, binary = _chunks(path)
    if set(document.get("extensionsRequired", ())) - {"KHR_materials_unlit", "KHR_mesh_quantization"}:
        raise FileFormatError(
            f"it needs {', '.join(document['extensionsRequired'])}",
            where=path,
            expected="a GLB without compression",
            remedy="Export it without Draco or meshopt compression",
        )
    vertices, faces, fields, done = [], [], [], 0
    for matrix, mesh in _placed(document):
        for primitive in document["meshes"][mesh]["primitives"]:
            mode = primitive.get("mode", TRIANGLES)
            if mode not in (TRIANGLES, STRIP, FAN):
                continue  # points and lines have no faces
            attributes = primitive["attributes"]
            points = _accessor(document, binary, attributes["POSITION"], path).astype(np.float64)
            corners = (
                _accessor(document, binary, primitive["indices"], path).ravel().astype(np.int64)
                if "indices" in primitive
                else np.arange(len(points))
            )
            vertices.append((points @ matrix[:3, :3].T + matrix[:3, 3]) @ Y_UP_TO_Z_UP.T)
            faces.append(_triangles(corners, mode) + done)
            fields.append(_fields(document, binary, attributes, path))
            done += len(points)
    if not vertices:
        return MeshParts(np.empty((0, 3)), np.empty((0, 3), np.int64), {})
    said = document.get("asset", {}).get("extras") or {}
    origin = np.array(said.get("origin", (0.0, 0.0, 0.0)), dtype=np.float64)
    shared = [name for name in fields[0] if all(name in part for part in fields)]
    return MeshParts(
        np.concatenate(vertices) + origin,
        np.concatenate(faces),
        {name: np.concatenate([part[name] for part in fields]) for name in shared},
        str(said.get("crs", "")),
    )


def _chunks(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    if len(data) < 12 or struct.unpack_from("<II", data) != (MAGIC, 2):
        raise FileFormatError("the file does not begin as a GLB 2.0", where=path, expected="a GLB file")
    length = struct.unpack_from("<I", data, 8)[0]
    if length > len(data):
        raise FileFormatError(
            f"the file breaks off: {len(data)} of {length} bytes are there", where=path, expected=f"{length} bytes"
        )
    document: dict[str, Any] | None = None
    binary, at = b"", 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<II", data, at)
        chunk = data[at + 8 : at + 8 + size]
        if kind == JSON_CHUNK and document is None:
            document = json.loads(chunk)
        elif kind == BINARY_CHUNK:
            binary = chunk
        at += 8 + size
    if not isinstance(document, dict):
        raise FileFormatError("the file has no JSON part", where=path, expected="a GLB file")
    return document, binary


def _placed(document: dict[str, Any]) -> Iterator[tuple[Floats, int]]:
    """World matrix (4, 4) and mesh of each node of the scene that has one."""
    nodes = document.get("nodes", [])
    scenes = document.get("scenes")
    roots = scenes[document.get("scene", 0)].get("nodes", []) if scenes else range(len(nodes))
    pending = [(np.eye(4), node, 0) for node in roots]
    while pending:
        above, index, depth = pending.pop(0)
        node = nodes[index]
        matrix = above @ _matrix(node)
        if "mesh" in node:
            yield matrix, node["mesh"]
        if depth < DEEPEST:
            pending += [(matrix, child, depth + 1) for child in node.get("children", [])]


def _matrix(node: dict[str, Any]) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", (0.0, 0.0, 0.0, 1.0)), dtype=np.float64)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    matrix[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return matrix


def _accessor(document: dict[str, Any], binary: bytes, index: int, path: Path) -> npt.NDArray[Any]:
    accessor = document["accessors"][index]
    if "sparse" in accessor or "bufferView" not in accessor:
        raise FileFormatError("an accessor is sparse", where=path, expected="plain accessors")
    view = document["bufferViews"][accessor["bufferView"]]
    kind, width, count = np.dtype(COMPONENTS[accessor["componentType"]]), WIDTHS[accessor["type"]], accessor["count"]
    step = view.get("byteStride", kind.itemsize * width)
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    if min(start, count, step - kind.itemsize * width) < 0 or start + max(
        count - 1, 0
    ) * step + kind.itemsize * width > len(binary):
        raise FileFormatError("the file breaks off in its binary part", where=path, expected="a whole file")
    rows = np.ndarray((count, width), kind, binary, start, (step, kind.itemsize))
    if accessor.get("normalized") and kind.kind in "iu":
        return np.maximum(rows.astype(np.float64) / np.iinfo(kind).max, -1.0)
    return rows


def _triangles(corners: npt.NDArray[np.int64], mode: int) -> npt.NDArray[np.int64]:
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.empty((0, 3), dtype=np.int64)
    if mode == FAN:
        return np.column_stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]])
    rows = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
    rows[1::2] = rows[1::2, [1, 0, 2]]  # every second triangle of a strip runs the other way round
    return rows


def _fields(
    document: dict[str, Any], binary: bytes, attributes: dict[str, int], path: Path
) -> dict[str, npt.NDArray[Any]]:
    """Own values at vertices (attributes ``_CHANGE_M`` become ``change_m``), colours as bytes."""
    fields: dict[str, npt.NDArray[Any]] = {}
    for name, index in attributes.items():
        if name == "COLOR_0":
            linear = np.clip(_accessor(document, binary, index, path)[:, :3].astype(np.float64), 0.0, 1.0)
            # Colours are linear light there, and bytes of sRGB here.
            light = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
            fields |= dict(zip(("red", "green", "blue"), np.round(light * 255).astype(np.uint8).T, strict=True))
        elif name.startswith("_") and not name.endswith(KNOWN):
            values = _accessor(document, binary, index, path)
            if values.shape[1] == 1:
                column = values[:, 0].astype(np.float64)
                if f"{name}{KNOWN}" in attributes:
                    known = _accessor(document, binary, attributes[f"{name}{KNOWN}"], path)[:, 0]
                    column[known == 0] = np.nan
                fields[name[1:].lower()] = column
    return fields
