"""Figures of each exposed face: area, edges, dip, span, largest circle."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.sites.goafs._extents import clear_span, inscribed_circle, smoothed
from sxrisk.sites.goafs._facing import ROOF, WALL, Surface
from sxrisk.sites.goafs.shape import GoafFace
from sxrisk.surfaces import Mesh

__all__ = ["faces_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NAMES = {0: "floor", WALL: "wall", ROOF: "roof"}


def faces_of(
    mesh: Mesh,
    surface: Surface,
    part: Ints,
    kinds: Ints,
    bands: Ints,
    pillar_of: dict[int, str],
    rock: Any,
    *,
    smooth_m: float,
    sigma_m: float,
) -> tuple[GoafFace, ...]:
    """Each part of the surface as a face: roofs, walls, floors, each kind from the largest down.

    `rock` are the pillars in plan: other holes of a roof are steps in it, which hold nothing.
    """
    part = _steps_joined(mesh, part, kinds)
    rock = shapely.transform(rock, lambda xy: xy - mesh.origin[:2])
    seen = mesh.vertex_fields.get("seen")
    measured = None if seen is None else (np.asarray(seen)[mesh.faces] > 0).all(axis=1)
    area = np.bincount(part[part >= 0], surface.area_m2[part >= 0], len(kinds))
    order = sorted(np.flatnonzero(area > 0).tolist(), key=lambda k: (-kinds[k] if kinds[k] else 1, -area[k]))
    order.sort(key=lambda k: {ROOF: 0, WALL: 1}.get(int(kinds[k]), 2))
    count = dict.fromkeys(_NAMES, 0)
    faces = []
    for number in order:
        kind = int(kinds[number])
        count[kind] += 1
        faces.append(
            _face(
                mesh,
                surface,
                np.flatnonzero(part == number),
                f"{_NAMES[kind]}-{count[kind]}",
                kind,
                pillar_of.get(int(bands[number]), ""),
                measured,
                rock,
                smooth_m,
                sigma_m,
            )
        )
    return tuple(faces)


def _face(
    mesh: Mesh, surface: Surface, members: Ints, name: str, kind: int, pillar_id: str, measured: Any,
    rock: Any, smooth_m: float, sigma_m: float,
) -> GoafFace:  # fmt: skip
    weight = surface.area_m2[members]
    area = float(weight.sum())
    normal, sigma_dip = _plane(surface, members, smooth_m)
    dip = float(np.degrees(np.arccos(min(abs(float(normal[2])), 1.0))))
    falling = normal if normal[2] >= 0 else -normal
    direction = float(np.degrees(np.arctan2(falling[0], falling[1])) % 360.0) if dip > 2.0 * sigma_dip else np.nan
    axes = np.eye(3) if kind != WALL else _wall_axes(normal)
    own = _spread_out(mesh, members, axes, smooth_m)
    if kind != WALL:
        own = _largest(shapely.difference(shapely.Polygon(own.exterior), rock))
    circle, radius = inscribed_circle(own, smooth_m / 50.0)
    edges, outer = float(shapely.length(own)), float(own.exterior.length)
    if kind != WALL and dip > 1.0:
        # Edges are lengths in the face's own plane: of a dipping roof they are longer than in plan.
        level = _wall_axes(normal)[:2, :2]
        steep = np.array([1.0, 1.0 / abs(float(normal[2]))])
        tilted = shapely.transform(own, lambda xy: (xy @ _turned(level)) * steep)
        edges, outer = float(shapely.length(tilted)), float(tilted.exterior.length)
    z = mesh.vertices[np.unique(mesh.faces[members]), 2]
    at = surface.middles[members] @ axes.T
    nearest = members[int(np.argmin(((at[:, :2] - circle) ** 2).sum(axis=1)))]
    centre = axes[:2].T @ circle + axes[2] * float(surface.middles[nearest] @ axes[2])
    outline = own if kind != WALL else _spread_out(mesh, members, np.eye(3), 0.0)
    return GoafFace(
        id=name,
        kind=_NAMES[kind],
        pillar_id=pillar_id,
        area_m2=area,
        # Walls that all stand a sigma farther out make a face longer by as much at each of its edges.
        area_sigma_m2=sigma_m * edges,
        perimeter_m=edges,
        outer_perimeter_m=outer,
        hydraulic_radius_m=area / edges,
        hydraulic_radius_outer_m=area / outer,
        dip_deg=dip,
        dip_sigma_deg=sigma_dip,
        dip_direction_deg=direction,
        overhanging=bool(normal[2] > 1e-6),
        span_m=clear_span(own, circle, radius, smooth_m / 2.0),
        inscribed_centre=centre + mesh.origin,
        inscribed_radius_m=radius,
        height_m=float(z.max() - z.min()),
        measured_share=float("nan") if measured is None else float(weight[measured[members]].sum() / area),
        outline=shapely.transform(outline, lambda xy: xy + mesh.origin[:2]),
        triangles=members,
    )


def _turned(level: Floats) -> Floats:
    """Columns: the level direction of a face, and that of its dip in plan."""
    along = level[0] / np.linalg.norm(level[0])
    return np.array([[along[0], -along[1]], [along[1], along[0]]])


def _steps_joined(mesh: Mesh, part: Ints, kinds: Ints) -> Ints:
    """Parts of a roof or floor that lie in plan inside a larger one of the same kind belong to it."""
    out = part.copy()
    for kind in (0, ROOF):
        numbers = [k for k in np.flatnonzero(kinds == kind) if (part == k).any()]
        plans = {k: shapely.Polygon(_spread_out(mesh, np.flatnonzero(part == k), np.eye(3), 0.0).exterior)
                 for k in numbers}  # fmt: skip
        numbers.sort(key=lambda k: -plans[k].area)
        for i, small in enumerate(numbers):
            inside = next((big for big in numbers[:i] if plans[big].contains(plans[small].centroid)), None)
            if inside is not None:
                out[out == small] = inside
    return out


def _largest(area: Any) -> Any:
    return max(shapely.get_parts(area), key=lambda piece: piece.area)


def _plane(surface: Surface, members: Ints, smooth_m: float) -> tuple[Floats, float]:
    """Mean direction of a face, and 1 sigma of its dip by how much parts of it differ, degrees."""
    weight = surface.area_m2[members]
    normals = surface.normals[members]
    mean = weight @ normals
    mean /= np.linalg.norm(mean)
    scatter = np.degrees(np.arccos(np.clip(normals @ mean, -1.0, 1.0)))
    # Directions were smoothed: one independent value for each square of twice that length.
    independent = max(float(weight.sum()) / (2.0 * smooth_m) ** 2, 1.0)
    return mean, float(np.sqrt((weight @ scatter**2) / weight.sum() / 2.0 / independent))


def _wall_axes(normal: Floats) -> Floats:
    """Level, up the face, and out of it: rows of a right-handed frame."""
    level = np.array([-normal[1], normal[0], 0.0])
    size = np.linalg.norm(level)
    level = level / size if size > 1e-9 else np.array([1.0, 0.0, 0.0])
    return np.array([level, np.cross(normal, level), normal])


def _spread_out(mesh: Mesh, members: Ints, axes: Floats, smooth_m: float) -> Any:
    """Area of a face on the plane of `axes`, about the mesh's local origin, from its edges."""
    faces = mesh.faces[members].astype(np.int64)
    n = np.int64(len(mesh.vertices))
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    free = ~np.isin(start * n + end, end * n + start)
    used = np.unique(faces)
    flat = np.zeros((len(mesh.vertices), 2))
    flat[used] = (mesh.vertices[used] - mesh.origin) @ axes[:2].T
    rings = _rings(start[free], end[free], flat)
    area: Any = shapely.Polygon()
    rings.sort(key=lambda ring: -abs(_signed(ring)))
    # Edges turn one way around the face and the other around its holes; which is which the outer edge says.
    outer = np.sign(_signed(rings[0])) if rings else 1.0
    for ring in rings:
        piece = shapely.buffer(shapely.Polygon(ring), 0.0)
        area = area.union(piece) if _signed(ring) * outer > 0 else area.difference(piece)
    if area.is_empty or area.area < 1e-9:
        area = shapely.MultiPoint(flat[used]).convex_hull
    if area.geom_type not in ("Polygon", "MultiPolygon"):
        area = area.buffer(1e-3)
    area = smoothed(area, smooth_m) if smooth_m > 0 else area
    return _largest(area)


def _signed(ring: Floats) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)


def _rings(start: Ints, end: Ints, flat: Floats) -> list[Floats]:
    """Closed runs of the free edges."""
    onward: dict[int, list[int]] = {}
    for a, b in zip(start.tolist(), end.tolist(), strict=True):
        onward.setdefault(a, []).append(b)
    rings = []
    while onward:
        first = next(iter(onward))
        run, current = [first], first
        while current in onward:
            following = onward[current].pop()
            if not onward[current]:
                del onward[current]
            run.append(following)
            current = following
        if len(run) > 3:
            rings.append(flat[run])
    return rings
