"""Bytes of mesh files for CAD (DXF) and ParaView (VTP, VTU), the same for the same mesh."""

import io
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from sxrisk.scans.writing.vtk_xml import VtkArray, whole_array, write_vtk
from sxrisk.surfaces._mesh_colours import COLOURS, vertex_colours
from sxrisk.surfaces._mesh_text import crs_text

if TYPE_CHECKING:
    from sxrisk.surfaces.mesh import Mesh

__all__ = ["dxf_bytes", "vtp_bytes", "vtu_bytes"]

LAYER = "MESH"
TRIANGLE = 5
FIRST_HANDLE = 0x10000
FACE = (
    "  0\n3DFACE\n  5\n{:X}\n330\n{}\n100\nAcDbEntity\n  8\n" + LAYER + "\n100\nAcDbFace\n"
    " 10\n{:.4f}\n 20\n{:.4f}\n 30\n{:.4f}\n 11\n{:.4f}\n 21\n{:.4f}\n 31\n{:.4f}\n"
    " 12\n{:.4f}\n 22\n{:.4f}\n 32\n{:.4f}\n 13\n{:.4f}\n 23\n{:.4f}\n 33\n{:.4f}\n"
)  # fmt: skip


def dxf_bytes(mesh: "Mesh") -> bytes:
    """DXF of 2010 with a 3DFACE for each face, real coordinates in metres, on the layer ``MESH``."""
    from ezdxf import units

    ezdxf: Any = import_module("ezdxf")
    # ezdxf stamps time and random keys into a drawing unless told not to; the switch is global, so it is put back.
    stamped = ezdxf.options.write_fixed_meta_data_for_testing
    ezdxf.options.write_fixed_meta_data_for_testing = True
    try:
        drawing = ezdxf.new("R2010", units=units.M)
        drawing.layers.add(LAYER)
        drawing.header.custom_vars.append("CRS", crs_text(mesh))
        low, high = (mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)) if len(mesh.vertices) else (np.zeros(3),) * 2
        # The model space's own extents are written to the file, the header's are made from them.
        drawing.modelspace().reset_extents(low.tolist(), high.tolist())
        owner = drawing.modelspace().layout_key
        text = io.StringIO()
        drawing.write(text)
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = stamped
    # ezdxf builds an object for each face; a large mesh is put into the empty drawing as text.
    corners = mesh.vertices[mesh.faces][:, [0, 1, 2, 2]].reshape(-1, 12).tolist()
    faces = "".join(FACE.format(handle, owner, *row) for handle, row in enumerate(corners, FIRST_HANDLE))
    whole = re.sub(r"(\$HANDSEED\n *5\n)[0-9A-F]+", rf"\g<1>{FIRST_HANDLE + len(corners):X}", text.getvalue(), count=1)
    head, section, rest = whole.partition("  2\nENTITIES\n")
    return (head + section + faces + rest).encode("utf-8")


def vtp_bytes(mesh: "Mesh") -> bytes:
    """VTK poly data with float64 points and every vertex field."""
    return _vtk_bytes(mesh, "PolyData", "NumberOfPolys", "Polys", [])


def vtu_bytes(mesh: "Mesh") -> bytes:
    """VTK unstructured grid of triangles with float64 points and every vertex field."""
    types = whole_array("types", np.full(len(mesh.faces), TRIANGLE, dtype="u1"))
    return _vtk_bytes(mesh, "UnstructuredGrid", "NumberOfCells", "Cells", [types])


def _vtk_bytes(mesh: "Mesh", kind: str, counted: str, section: str, more: list[VtkArray]) -> bytes:
    corners = mesh.faces.astype("<i8").ravel()
    offsets = np.arange(3, len(corners) + 1, 3, dtype="<i8")
    file = io.BytesIO()
    write_vtk(
        file,
        kind,
        {"NumberOfPoints": str(len(mesh.vertices)), counted: str(len(mesh.faces))},
        [
            ("PointData", _fields(mesh)),
            ("Points", [whole_array("Points", mesh.vertices)]),
            (section, [whole_array("connectivity", corners), whole_array("offsets", offsets), *more]),
        ],
        facts={"crs": crs_text(mesh)},
    )
    return file.getvalue()


def _fields(mesh: "Mesh") -> list[VtkArray]:
    colours = vertex_colours(mesh)
    hidden = () if colours is None else COLOURS
    fields = [whole_array(name, values) for name, values in mesh.vertex_fields.items() if name not in hidden]
    return fields if colours is None else [*fields, whole_array("RGB", colours)]
