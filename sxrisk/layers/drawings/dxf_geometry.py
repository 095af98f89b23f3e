"""Shapes of CAD entities: curves as chords within a stated distance, hatches as areas, blocks as what they draw."""

import itertools
import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import shapely

__all__ = ["POINTS", "SAGITTA_M", "close_ring", "entity_geometry"]

# Arcs and splines become chords that leave the curve by at most this, in drawing units (metres).
SAGITTA_M = 0.01
POINTS = frozenset(("POINT", "INSERT"))
# An outline is drawn closed if what is open is below either, and little of its length.
_GAP_M, _GAP_SHARE, _GAP_MOST = 0.5, 1e-3, 0.01
_CURVES = frozenset(("LINE", "LWPOLYLINE", "POLYLINE", "ARC", "CIRCLE", "ELLIPSE", "SPLINE", "HELIX"))
_FACES = frozenset(("SOLID", "TRACE", "3DFACE"))
_HATCHES = frozenset(("HATCH", "MPOLYGON"))
_MAX_VERTICES = 2_000_000
# What one block may draw: nested arrays of blocks multiply without end.
_MAX_BLOCK_PARTS = 20_000
_MAX_BLOCK_DEPTH = 8
_TRACE_ERRORS = (ValueError, TypeError, ZeroDivisionError, ArithmeticError, AttributeError, KeyError, IndexError,
                 shapely.GEOSException)  # fmt: skip


def entity_geometry(entity: Any, wants: Sequence[str]) -> tuple[Any, str]:
    """Shapely geometry of an entity, or why there is none.

    Parameters
    ----------
    entity : ezdxf entity
        Of the model space.
    wants : sequence of str
        Families that the layer can use (point, line, polygon), the preferred one first. A block is a point at its
        insertion where points are preferred, or where it draws nothing else that is wanted; else it is what it draws.
        A closed line stays a line: what it means depends on the kind of the layer.

    Returns
    -------
    geometry : shapely geometry or None
    problem : str
        Empty where there is a geometry.
    """
    name = entity.dxftype()
    try:
        if name == "POINT":
            return shapely.Point(*_place(entity.dxf.location)), ""
        if name == "INSERT":
            return _block(entity, wants)
        if name in _HATCHES:
            return _area(_hatch_rings(entity), name)
        if name in _FACES:
            return _area([_face(entity)], name)
        if name not in _CURVES:
            return None, f"a {name} is no place"
        if name == "POLYLINE" and (entity.is_polygon_mesh or entity.is_poly_face_mesh):
            return None, "a POLYLINE mesh is no place"
        return _line(entity, name)
    except _TRACE_ERRORS as error:
        return None, f"the {name} cannot be traced: {error}"[:200]


def close_ring(shape: Any) -> tuple[Any, float]:
    """A line of three and more edges whose ends nearly meet as a closed one, and how far they are apart.

    The ends are joined if they are at most 0.5 m or a thousandth of the length apart, and a hundredth of it.

    Parameters
    ----------
    shape : shapely geometry or None
        As :func:`entity_geometry` gives it.

    Returns
    -------
    shape : shapely geometry or None
        As it was, if it is closed, no line, or open.
    gap_m : float
        0 if it was closed, NaN if it can be no outline.

    Examples
    --------
    >>> ring, gap = close_ring(shapely.LineString([(0, 0), (9, 0), (9, 9), (0, 9), (0.03, 0.04)]))
    >>> ring.is_closed, round(gap, 3)
    (True, 0.05)
    """
    if shape is None or shape.geom_type != "LineString" or len(shape.coords) < 3:
        return shape, math.nan
    if shape.is_closed:
        return shape, 0.0
    vertices = list(shape.coords)
    gap = math.dist(vertices[0][:2], vertices[-1][:2])
    if len(vertices) < 4 or gap > min(max(_GAP_M, _GAP_SHARE * shape.length), _GAP_MOST * shape.length):
        return shape, gap
    ring = shapely.LineString([*vertices, vertices[0]])
    # An end drawn past the first edge is put back on it.
    return (ring if ring.is_simple else shapely.LineString([*vertices[:-1], vertices[0]])), gap


def _line(entity: Any, name: str) -> tuple[Any, str]:
    vertices = [vertex for vertex, _ in groupby(_limited(_trace(entity)))]
    if not all(map(math.isfinite, itertools.chain.from_iterable(vertices))):
        return None, f"the {name} has a coordinate that is no number"
    if len(vertices) < 2:
        return None, f"the {name} has fewer than two vertices"
    closed = bool(getattr(entity, "is_closed", False) or getattr(entity, "closed", False)) or name == "CIRCLE"
    if closed and vertices[0] != vertices[-1]:
        vertices.append(vertices[0])
    return shapely.LineString(vertices), ""


def _trace(entity: Any) -> Iterator[Any]:
    """Vertices along a curve. Arcs are traced as arcs: as Bezier curves they would be off by 14 cm at 500 m radius."""
    from ezdxf import path as cad_path

    name = entity.dxftype()
    if name in ("ARC", "CIRCLE"):
        yield from entity.flattening(SAGITTA_M)
    elif name in ("LWPOLYLINE", "POLYLINE") and entity.has_arc:
        last = None
        for piece in entity.virtual_entities():
            vertices = (
                list(piece.flattening(SAGITTA_M)) if piece.dxftype() == "ARC" else [piece.dxf.start, piece.dxf.end]
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
        yield from cad_path.make_path(entity).flattening(SAGITTA_M)


def _limited(vertices: Any) -> Iterator[tuple[float, float, float]]:
    for count, vertex in enumerate(vertices):
        if count >= _MAX_VERTICES:
            raise ValueError(f"more than {_MAX_VERTICES} vertices")
        yield _place(vertex)


def _place(vertex: Any) -> tuple[float, float, float]:
    # Rounded to a nanometre: flattening leaves 1e-12 dust that would keep a closed ring open.
    x, y, z = (round(part, 9) if math.isfinite(part) else part for part in (vertex.x, vertex.y, vertex.z))
    return x, y, z


def _face(entity: Any) -> list[Any]:
    corners = list(entity.wcs_vertices())
    return [(corner.x, corner.y) for corner in corners]


def _area(rings: list[list[Any]], name: str) -> tuple[Any, str]:
    """Rings as one area: what lies inside an odd number of them (islands, and islands in islands)."""
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) >= 3]
    areas = sorted((area for area in areas if area.area > 0), key=lambda area: -area.area)
    if not areas:
        return None, f"the {name} bounds no area"
    result = areas[0]
    for area in areas[1:]:
        result = shapely.symmetric_difference(result, area)
    polygons = [part for part in shapely.get_parts(result) if part.geom_type == "Polygon" and part.area > 0]
    if not polygons:
        return None, f"the {name} bounds no area"
    return (polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)), ""


def _hatch_rings(entity: Any) -> list[list[Any]]:
    ocs = entity.ocs()
    height = entity.dxf.elevation.z
    rings = []
    for boundary in entity.paths.paths:
        points = list(_polyline_ring(boundary) if hasattr(boundary, "vertices") else _edge_ring(boundary))
        if len(points) > _MAX_VERTICES:
            raise ValueError(f"more than {_MAX_VERTICES} vertices")
        turned = [ocs.to_wcs((x, y, height)) for x, y in points]
        rings.append([(round(point.x, 9), round(point.y, 9)) for point in turned])
    return rings


def _polyline_ring(boundary: Any) -> Iterator[tuple[float, float]]:
    from ezdxf.math import bulge_to_arc

    vertices = list(boundary.vertices)
    for (x, y, bulge), following in zip(vertices, [*vertices[1:], *vertices[:1]], strict=True):
        yield x, y
        if bulge and (x, y) != tuple(following[:2]):
            centre, start, end, radius = bulge_to_arc((x, y), following[:2], bulge)
            arc = list(_arc(centre.x, centre.y, radius, start, end))
            yield from arc if bulge > 0 else arc[::-1]


def _edge_ring(boundary: Any) -> Iterator[tuple[float, float]]:
    for edge in boundary.edges:
        kind = type(edge).__name__
        if kind == "LineEdge":
            yield edge.start.x, edge.start.y
            yield edge.end.x, edge.end.y
        elif kind == "ArcEdge":
            start, end = math.radians(edge.start_angle), math.radians(edge.end_angle)
            points = list(_arc(edge.center.x, edge.center.y, edge.radius, start, end))
            yield from points if edge.ccw else points[::-1]
        else:
            points = [(point.x, point.y) for point in edge.construction_tool().flattening(SAGITTA_M)]
            yield from points if getattr(edge, "ccw", True) else points[::-1]


def _arc(x: float, y: float, radius: float, start: float, end: float) -> Iterator[tuple[float, float]]:
    """Anticlockwise from `start` to `end` (radians), chords within the tolerance."""
    sweep = (end - start) % (2 * math.pi) or 2 * math.pi
    half = math.acos(max(-1.0, 1 - SAGITTA_M / radius)) if radius > SAGITTA_M else math.pi / 4
    for turn in np.linspace(start, start + sweep, max(2, math.ceil(sweep / (2 * half)) + 1)):
        yield x + radius * math.cos(turn), y + radius * math.sin(turn)


def _block(entity: Any, wants: Sequence[str]) -> tuple[Any, str]:
    # The insertion of a block that is drawn mirrored stands in turned coordinates.
    place = shapely.Point(*_place(entity.ocs().to_wcs(entity.dxf.insert)))
    if wants[0] == "point":
        return place, ""
    parts = [part for part, _ in (entity_geometry(inner, wants) for inner in _drawn(entity)) if part is not None]
    flat = [inner for part in parts for inner in shapely.get_parts(part)]
    areas = [part for part in flat if part.geom_type == "Polygon"]
    lines = [part for part in flat if part.geom_type == "LineString"]
    if "polygon" in wants and "line" not in wants:
        areas += [shapely.Polygon(line.coords) for line in lines if line.is_closed and len(line.coords) >= 4]
        lines = []
    if areas and "polygon" in wants:
        return (areas[0] if len(areas) == 1 else shapely.union_all([shapely.make_valid(area) for area in areas])), ""
    if lines and "line" in wants:
        return (lines[0] if len(lines) == 1 else shapely.multilinestrings(lines)), ""
    if "point" in wants:
        return place, ""
    return None, f"the block {entity.dxf.get('name', '')!r} draws no {' or '.join(sorted(wants))}"


def _drawn(entity: Any) -> Iterator[Any]:
    """Everything a block draws, blocks inside it and arrays of it included, up to a limit."""
    waiting = [(entity, 0)]
    count = 0
    while waiting:
        insert, depth = waiting.pop()
        if depth > _MAX_BLOCK_DEPTH:
            raise ValueError(f"blocks are nested deeper than {_MAX_BLOCK_DEPTH}")
        for single in insert.multi_insert() if insert.mcount > 1 else (insert,):
            count += 1
            for inner in single.virtual_entities():
                count += 1
                if count > _MAX_BLOCK_PARTS:
                    raise ValueError(f"the block draws more than {_MAX_BLOCK_PARTS} parts")
                if inner.dxftype() == "INSERT":
                    waiting.append((inner, depth + 1))
                else:
                    yield inner
