"""CAD drawings: entities of DXF model space as features with their CAD layer."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, wrap_read_errors
from sxrisk.layers.report import Issue

if TYPE_CHECKING:
    from ezdxf.entities.dxfentity import DXFEntity

__all__ = ["read_dxf"]

# Arcs and splines become chords that leave the curve by at most this, in drawing units (metres).
_SAGITTA = 0.01
_CURVES = frozenset(("LINE", "LWPOLYLINE", "POLYLINE", "ARC", "CIRCLE", "ELLIPSE", "SPLINE", "HELIX"))
_POINTS = frozenset(("POINT", "INSERT"))
_MAX_VERTICES = 2_000_000


def read_dxf(path: Path) -> Source:
    """Entities of a drawing's model space, in drawing coordinates.

    Parameters
    ----------
    path : Path
        An ASCII or binary DXF. Columns: ``cad_handle``, ``cad_layer``, ``cad_type``, ``cad_block``, ``cad_text``.

    Returns
    -------
    Source
        Texts, dimensions, hatches and whatever is no place are broken rows with the reason ``unsupported_entity``.

    Raises
    ------
    FileFormatError
        If it is no DXF; a DWG gets told what to do.
    InputError
        If its model space is empty.
    """
    from ezdxf import recover
    from ezdxf.lldxf.const import DXFError

    with path.open("rb") as stream:
        if stream.read(4) == b"AC10":
            raise FileFormatError(
                "this is a DWG drawing", where=path, expected="DXF", remedy="Save it as DXF in the CAD program"
            )
    errors = (DXFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, UnicodeError)
    with wrap_read_errors(path, "a DXF drawing", *errors):
        document, auditor = recover.readfile(path)
        entities = list(document.modelspace())
    if not entities:
        raise InputError("the drawing's model space is empty", where=path, expected="at least one entity")
    source = _as_source(entities)
    if auditor.has_errors or auditor.has_fixes:
        count = len(auditor.errors) + len(auditor.fixes)
        source.issues.append(Issue("drawing_repaired", f"{count} structural faults were repaired on reading"))
    return source


def _as_source(entities: Sequence["DXFEntity"]) -> Source:
    records: list[dict[str, str]] = []
    geometries: list[Any] = []
    broken: dict[int, tuple[str, str]] = {}
    for at, entity in enumerate(entities):
        dxf = entity.dxf
        records.append(
            {
                "cad_handle": str(dxf.get("handle", "") or ""),
                "cad_layer": str(dxf.get("layer", "0")),
                "cad_type": entity.dxftype(),
                "cad_block": str(dxf.get("name", "")) if entity.dxftype() == "INSERT" else "",
                "cad_text": _attached_text(entity),
            }
        )
        geometry, problem = _geometry(entity)
        geometries.append(geometry)
        if problem:
            broken[at] = ("unsupported_entity", problem)
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return Source(pd.DataFrame(records), np.arange(1, len(records) + 1, dtype=np.int64), array, broken=broken)


def _attached_text(entity: "DXFEntity") -> str:
    if entity.dxftype() == "INSERT":
        return " ".join(str(attribute.dxf.get("text", "")) for attribute in getattr(entity, "attribs", [])).strip()
    if entity.dxftype() in ("TEXT", "MTEXT"):
        plain = getattr(entity, "plain_text", None)
        return str(plain()) if callable(plain) else ""
    return ""


def _geometry(entity: "DXFEntity") -> tuple[Any, str]:
    """Shapely geometry of an entity, or why there is none."""
    name = entity.dxftype()
    if name in _POINTS:
        place = entity.dxf.location if name == "POINT" else entity.dxf.insert
        return shapely.Point(place.x, place.y, place.z), ""
    if name not in _CURVES:
        return None, f"a {name} is no place"
    if name == "POLYLINE" and (
        getattr(entity, "is_polygon_mesh", False) or getattr(entity, "is_poly_face_mesh", False)
    ):
        return None, "a POLYLINE mesh is no place"
    try:
        vertices = [vertex for vertex, _ in groupby(_limited(_trace(entity)))]
    except (ValueError, TypeError, ZeroDivisionError, OverflowError, ArithmeticError) as error:
        return None, f"the {name} cannot be traced: {error}"
    if len(vertices) < 2:
        return None, f"the {name} has fewer than two vertices"
    # A closed line stays a line here: what it means depends on the kind of the layer.
    closed = bool(getattr(entity, "is_closed", False) or getattr(entity, "closed", False)) or name == "CIRCLE"
    if closed and vertices[0] != vertices[-1]:
        vertices.append(vertices[0])
    return shapely.LineString(vertices), ""


def _trace(entity: Any) -> Iterator[Any]:
    """Vertices along a curve. Arcs are traced as arcs: as Bezier curves they would be off by 14 cm at 500 m radius."""
    from ezdxf import path as cad_path

    name = entity.dxftype()
    if name in ("ARC", "CIRCLE"):
        yield from entity.flattening(_SAGITTA)
    elif name in ("LWPOLYLINE", "POLYLINE") and entity.has_arc:
        last = None
        for piece in entity.virtual_entities():
            vertices = (
                list(piece.flattening(_SAGITTA)) if piece.dxftype() == "ARC" else [piece.dxf.start, piece.dxf.end]
            )
            # An arc runs anticlockwise whatever the direction of the line it is part of.
            if last is None:
                first = entity.points_in_wcs() if name == "POLYLINE" else entity.vertices_in_wcs()
                last = next(iter(first))
            if vertices[-1].distance(last) < vertices[0].distance(last):
                vertices.reverse()
            yield from vertices
            last = vertices[-1]
    else:
        yield from cad_path.make_path(entity).flattening(_SAGITTA)


def _limited(vertices: Any) -> Iterator[tuple[float, float, float]]:
    for count, vertex in enumerate(vertices):
        if count >= _MAX_VERTICES:
            raise ValueError(f"more than {_MAX_VERTICES} vertices")
        # Rounded to a nanometre: flattening leaves 1e-12 dust that would keep a closed ring open.
        yield tuple(round(part, 9) if math.isfinite(part) else part for part in (vertex.x, vertex.y, vertex.z))
