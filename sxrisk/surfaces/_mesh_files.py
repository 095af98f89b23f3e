"""Bytes of mesh files, the same for the same mesh."""

import io
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sxrisk.surfaces._mesh_colours import COLOURS, linear_light, vertex_colours
from sxrisk.surfaces._mesh_exchange import dxf_bytes, vtp_bytes, vtu_bytes
from sxrisk.surfaces._mesh_text import crs_text

if TYPE_CHECKING:
    from sxrisk.surfaces.mesh import Mesh

__all__ = ["WRITERS", "textured_obj"]

GLB_MAGIC, GLB_VERSION, GLB_JSON, GLB_BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
LINEAR, CLAMP = 9729, 33071
FLOAT, UNSIGNED_INT, UNSIGNED_SHORT, ARRAY_BUFFER, ELEMENT_BUFFER = 5126, 5125, 5123, 34962, 34963
# glTF is y-up: a quarter turn about x puts east right, up up and north away from the viewer.
Z_UP_TO_Y_UP = (-0.7071067811865475, 0.0, 0.0, 0.7071067811865476)
PLY_TYPES = {"f": "double", "i": "int", "u": "int", "b": "uchar"}
NUMPY_TYPES = {"double": "<f8", "int": "<i4", "uchar": "u1"}


def ply_bytes(mesh: "Mesh") -> bytes:
    """Binary PLY with float64 coordinates and every vertex field as a property, colours as bytes."""
    colours = vertex_colours(mesh)
    fields = dict(mesh.vertex_fields)
    if colours is not None:
        fields |= dict(zip(COLOURS, colours.T, strict=True))
    kinds = {
        name: "uchar" if values.dtype == np.uint8 else PLY_TYPES[values.dtype.kind] for name, values in fields.items()
    }
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment crs {crs_text(mesh)}",
        f"element vertex {len(mesh.vertices)}",
    ]
    lines += [f"property double {axis}" for axis in "xyz"]
    lines += [f"property {kind} {name}" for name, kind in kinds.items()]
    lines += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header", ""]
    row = [(axis, "<f8") for axis in "xyz"] + [(name, NUMPY_TYPES[kind]) for name, kind in kinds.items()]
    rows = np.empty(len(mesh.vertices), dtype=row)
    for i, axis in enumerate("xyz"):
        rows[axis] = mesh.vertices[:, i]
    for name, values in fields.items():
        rows[name] = values
    faces = np.empty(len(mesh.faces), dtype=[("n", "u1"), ("v", "<i4", (3,))])
    faces["n"], faces["v"] = 3, mesh.faces
    return "\n".join(lines).encode("ascii") + rows.tobytes() + faces.tobytes()


def obj_bytes(mesh: "Mesh") -> bytes:
    """Wavefront OBJ with coordinates to a tenth of a millimetre and colours behind them where there are any."""
    colours = vertex_colours(mesh)
    if colours is None:
        vertices = "".join(f"v {x:.4f} {y:.4f} {z:.4f}\n" for x, y, z in mesh.vertices.tolist())
    else:
        # Rounded up: programs that cut shares of 255 down to a byte get the same byte.
        shares = np.ceil(colours / 255.0 * 1e4 - 1e-6) / 1e4
        rows = np.column_stack([mesh.vertices, shares]).tolist()
        vertices = "".join(f"v {x:.4f} {y:.4f} {z:.4f} {r:.4f} {g:.4f} {b:.4f}\n" for x, y, z, r, g, b in rows)
    faces = "".join(f"f {a} {b} {c}\n" for a, b, c in (mesh.faces + 1).tolist())
    return f"# crs {crs_text(mesh)}\n{vertices}{faces}".encode("ascii")


def textured_obj(mesh: "Mesh", path: Path) -> dict[Path, bytes]:
    """The three files of a textured OBJ by their paths, itself the last: picture, material, and the faces on it."""
    picture, material = path.with_suffix(".png"), path.with_suffix(".mtl")
    if mesh.texture is None:
        return {path: obj_bytes(mesh)}
    corners = mesh.texture.corners.reshape(-1, 2)
    # OBJ counts the height of a picture from below.
    places = "".join(f"vt {u:.7f} {1.0 - v:.7f}\n" for u, v in corners.tolist())
    vertices = "".join(f"v {x:.4f} {y:.4f} {z:.4f}\n" for x, y, z in mesh.vertices.tolist())
    rows = np.column_stack([mesh.faces + 1, np.arange(1, len(corners) + 1).reshape(-1, 3)]).tolist()
    faces = "".join(f"f {a}/{i} {b}/{j} {c}/{k}\n" for a, b, c, i, j, k in rows)
    head = f"# crs {crs_text(mesh)}\nmtllib {material.name}\n"
    return {
        picture: png_bytes(mesh.texture.image),
        material: f"newmtl surface\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nmap_Kd {picture.name}\n".encode(),
        path: (head + vertices + places + "usemtl surface\n" + faces).encode(),
    }


def png_bytes(image: npt.NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def stl_bytes(mesh: "Mesh") -> bytes:
    """Binary STL of float32 offsets from the mesh's origin, which stands in the header."""
    header = "sxrisk, offsets from {:.1f} {:.1f} {:.1f}".format(*mesh.origin).encode("ascii").ljust(80, b" ")
    corners = (mesh.vertices - mesh.origin)[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros(len(mesh.faces), dtype=[("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["normal"] = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    rows["corners"] = corners
    return header[:80] + struct.pack("<I", len(mesh.faces)) + rows.tobytes()


def glb_bytes(mesh: "Mesh") -> bytes:
    """Binary glTF 2.0: positions as float32 offsets, normals, colours or a picture, vertex fields as attributes.

    glTF forbids NaN: an unknown value is 0 there and has 0 in the companion attribute ``<FIELD>_KNOWN``.
    """
    document: dict[str, Any] = {
        "asset": {
            "version": "2.0",
            "generator": "sxrisk",
            "extras": {"origin": [float(v) for v in mesh.origin], "crs": crs_text(mesh), "unit": "m", "up": "z"},
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": list(Z_UP_TO_Y_UP)}],
        "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}}],
        "bufferViews": [],
        "accessors": [],
    }
    parts: list[bytes] = []

    def accessor(
        values: npt.NDArray[Any],
        kind: str,
        component: int,
        target: int,
        *,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        data = np.ascontiguousarray(values).tobytes()
        offset = sum(len(part) for part in parts)
        parts.append(data + b"\0" * (-len(data) % 4))
        document["bufferViews"].append({"buffer": 0, "byteOffset": offset, "byteLength": len(data), "target": target})
        entry: dict[str, Any] = {
            "bufferView": len(document["bufferViews"]) - 1,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if normalized:
            entry["normalized"] = True
        if bounds:
            entry["min"], entry["max"] = values.min(axis=0).tolist(), values.max(axis=0).tolist()
        document["accessors"].append(entry)
        return len(document["accessors"]) - 1

    if len(mesh.faces):
        rows, faces, places = _gltf_vertices(mesh)
        positions = (mesh.vertices - mesh.origin).astype("<f4")[rows]
        attributes = {
            "POSITION": accessor(positions, "VEC3", FLOAT, ARRAY_BUFFER, bounds=True),
            "NORMAL": accessor(_unit_normals(mesh).astype("<f4")[rows], "VEC3", FLOAT, ARRAY_BUFFER),
        }
        colours = vertex_colours(mesh)
        if places is not None and mesh.texture is not None:
            attributes["TEXCOORD_0"] = accessor(places.astype("<f4"), "VEC2", FLOAT, ARRAY_BUFFER)
            picture = png_bytes(mesh.texture.image)
            offset = sum(len(part) for part in parts)
            document["bufferViews"].append({"buffer": 0, "byteOffset": offset, "byteLength": len(picture)})
            parts.append(picture + b"\0" * (-len(picture) % 4))
            document["images"] = [{"bufferView": len(document["bufferViews"]) - 1, "mimeType": "image/png"}]
            document["samplers"] = [{"magFilter": LINEAR, "minFilter": LINEAR, "wrapS": CLAMP, "wrapT": CLAMP}]
            document["textures"] = [{"sampler": 0, "source": 0}]
            document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
        elif colours is not None:
            # glTF's vertex colours are linear light; in bytes the dark ones would fall together.
            light = np.rint(linear_light(colours[rows]) * 65535.0).astype("<u2")
            opaque = np.column_stack([light, np.full(len(light), 65535, dtype="<u2")])
            attributes["COLOR_0"] = accessor(opaque, "VEC4", UNSIGNED_SHORT, ARRAY_BUFFER, normalized=True)
        for name, values in mesh.vertex_fields.items():
            if colours is not None and name in COLOURS:
                continue
            known = np.isfinite(values[rows])
            filled = np.where(known, values[rows], 0).astype("<f4")
            attributes[f"_{name.upper()}"] = accessor(filled, "SCALAR", FLOAT, ARRAY_BUFFER)
            if not known.all():
                attributes[f"_{name.upper()}_KNOWN"] = accessor(known.astype("<f4"), "SCALAR", FLOAT, ARRAY_BUFFER)
        indices = accessor(faces.astype("<u4").ravel(), "SCALAR", UNSIGNED_INT, ELEMENT_BUFFER)
        document["meshes"] = [
            {"primitives": [{"attributes": attributes, "indices": indices, "material": 0, "mode": 4}]}
        ]
        document["buffers"] = [{"byteLength": sum(len(part) for part in parts)}]
    else:
        document["nodes"] = [{}]  # an empty glTF has neither mesh nor buffer
        for name in ("bufferViews", "accessors"):
            del document[name]
    text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode("ascii")
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), GLB_JSON) + text
    if parts:
        binary = b"".join(parts)
        chunks += struct.pack("<II", len(binary), GLB_BINARY) + binary
    return struct.pack("<III", GLB_MAGIC, GLB_VERSION, 12 + len(chunks)) + chunks


def _gltf_vertices(mesh: "Mesh") -> tuple[Any, npt.NDArray[Any], npt.NDArray[np.float64] | None]:
    """Rows of the mesh's vertices, faces on them, and places in the picture: one of each for every glTF vertex."""
    if mesh.texture is None:
        return slice(None), mesh.faces, None
    # A vertex on the rim of several charts has a place in each.
    keys = np.column_stack([mesh.faces.ravel(), mesh.texture.corners.reshape(-1, 2)])
    unique, faces = np.unique(keys, axis=0, return_inverse=True)
    return unique[:, 0].astype(np.int64), faces.reshape(-1, 3), unique[:, 1:]


def _unit_normals(mesh: "Mesh") -> npt.NDArray[np.float64]:
    # glTF wants unit length everywhere, also at vertices that no face uses.
    normals = mesh.vertex_normals.copy()
    normals[~normals.any(axis=1)] = (0.0, 0.0, 1.0)
    return normals


WRITERS: Mapping[str, Callable[["Mesh"], bytes]] = MappingProxyType(
    {
        ".ply": ply_bytes,
        ".glb": glb_bytes,
        ".obj": obj_bytes,
        ".stl": stl_bytes,
        ".dxf": dxf_bytes,
        ".vtp": vtp_bytes,
        ".vtu": vtu_bytes,
    }
)
