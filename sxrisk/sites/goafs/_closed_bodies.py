"""What fell or came to rest in a cavity, as closed bodies: the difference of its two closed meshes."""

from dataclasses import dataclass
from typing import TypeAlias

import geopandas as gpd
import manifold3d
import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.change import M3C2Result
from sxrisk.sites.goafs._extents import rectangle
from sxrisk.sites.goafs._solids import mesh_of, solid_of
from sxrisk.surfaces import Mesh

__all__ = ["ClosedBody", "closed_bodies"]

Floats = NDArray[np.float64]
Solid: TypeAlias = manifold3d.Manifold

# How far behind the surface a fall may reach, by the depth that distances are measured to.
_DEPTHS = 5.0
_MIN_VOLUME_M3 = 1e-6


@dataclass(frozen=True, eq=False)
class ClosedBody:
    """A body between the surface before and after.

    Parameters
    ----------
    mesh : Mesh
        Closed, faces outward.
    volume_m3, sigma_m3 : float
        Without sign; what the other epoch has more of at the same place, which is noise, is taken off.
    sides_m : three floats
        Length and width in the plane of the surface, thickness along its normal.
    unseen_share : float
        Part of its later surface that was bridged, not measured; NaN where the mesh does not say.
    """

    mesh: Mesh
    volume_m3: float
    sigma_m3: float
    sides_m: tuple[float, float, float]
    unseen_share: float


def closed_bodies(
    table: gpd.GeoDataFrame, label: NDArray[np.int64], change: M3C2Result, before: Mesh, after: Mesh
) -> dict[str, ClosedBody]:
    """The closed body of each loss and gain of a table of moving bodies, by ``body_id``.

    The differences of both solids are cut to a box around the core points of each body, in the plane of its surface.
    Their piece that holds most is the body: sheets of noise beside it hold next to nothing.
    """
    solids = solid_of(before, where="the earlier epoch"), solid_of(after, where="the later epoch")
    old, new = solids[0], solids[1].translate(tuple(after.origin - before.origin))
    spacing = float(change.parameters["core_spacing_m"])
    reach = float(change.parameters["max_depth_m"])
    least = float(np.nanmedian(change.lod95))
    out: dict[str, ClosedBody] = {}
    for number, row in enumerate(table.itertuples(), start=1):
        if row.motion == "movement":
            continue
        chosen = label == number
        axes = _axes(np.array([row.normal_x, row.normal_y, row.normal_z]))
        moved = change.core_points[chosen] + change.normals[chosen] * change.distance[chosen, None]
        local = (np.concatenate([change.core_points[chosen], moved]) - before.origin) @ axes.T
        low, high = local.min(axis=0) - 2.0 * spacing, local.max(axis=0) + 2.0 * spacing
        # A fall may reach deeper than distances were measured to; behind a heap lies its shadow.
        low[2] -= reach * (_DEPTHS if row.motion == "loss" else 0.0)
        box = manifold3d.Manifold.cube(tuple(high - low)).translate(tuple(low))
        box = box.transform(np.column_stack([axes.T, np.zeros(3)]))
        here, there = (solid ^ box for solid in ((new, old) if row.motion == "loss" else (old, new)))
        body = _largest(here - there)
        if body is None:
            continue
        thick = _largest(here - there.translate(tuple(-least * axes[2] * (1.0 if row.motion == "loss" else -1.0))))
        volume = max(float(body.volume()) - float((there - here).volume()), 0.0)
        mesh = mesh_of(body, before)
        unseen = _unseen(mesh, before, after)
        area = float(row.area_m2)
        sigma = np.hypot(area * change.registration_sigma_m, 0.5 * volume * (0.0 if np.isnan(unseen) else unseen))
        out[str(row.body_id)] = ClosedBody(mesh, volume, float(sigma), _sides(thick or body, axes), unseen)
    return out


def _axes(normal: Floats) -> Floats:
    """Rows: level, across, and along the normal."""
    w = normal / np.linalg.norm(normal)
    u = np.array([1.0, 0.0, 0.0]) if np.hypot(w[0], w[1]) < 1e-3 else np.array([-w[1], w[0], 0.0])
    u = u - (u @ w) * w
    u /= np.linalg.norm(u)
    return np.array([u, np.cross(w, u), w])


def _largest(solid: Solid) -> Solid | None:
    pieces = [piece for piece in solid.decompose() if piece.volume() > _MIN_VOLUME_M3]
    return max(pieces, key=lambda piece: piece.volume(), default=None)


def _sides(solid: Solid, axes: Floats) -> tuple[float, float, float]:
    local = np.asarray(solid.to_mesh64().vert_properties)[:, :3] @ axes.T
    length, width, _ = rectangle(shapely.MultiPoint(local[:, :2]).convex_hull)
    return length, width, float(np.ptp(local[:, 2]))


def _unseen(mesh: Mesh, before: Mesh, after: Mesh) -> float:
    """Part of the later surface of a body that was bridged, not measured."""
    from scipy.spatial import cKDTree

    if "seen" not in after.vertex_fields:
        return float("nan")
    corners = (mesh.vertices - before.origin)[mesh.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    middles = corners.mean(axis=1)
    old = cKDTree(before.vertices - before.origin).query(middles, workers=-1)[0]
    new, nearest = cKDTree(after.vertices - before.origin).query(middles, workers=-1)
    later = new < old
    bridged = np.asarray(after.vertex_fields["seen"])[nearest] == 0
    return float(area[later & bridged].sum() / max(float(area[later].sum()), 1e-12))
