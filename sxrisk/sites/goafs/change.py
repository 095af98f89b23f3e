"""What happened in a cavity between two epochs: falls, closing, new overhangs."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from sxrisk.change import M3C2Result, label_bodies, m3c2
from sxrisk.errors import ParameterError
from sxrisk.scans import Scan
from sxrisk.sites.goafs._closed_bodies import ClosedBody, closed_bodies
from sxrisk.sites.goafs._extents import rectangle
from sxrisk.sites.goafs.closing import convergence
from sxrisk.sites.goafs.overhangs import new_overhangs
from sxrisk.surfaces import Mesh, mesh_cavity

__all__ = ["GoafChange", "goaf_change"]

_STEEP = float(np.cos(np.radians(45.0)))


@dataclass(frozen=True, eq=False)
class GoafChange:
    """Change of a cavity between two epochs.

    Parameters
    ----------
    change : M3C2Result
        Normals towards the stations: what fell has a negative distance.
    bodies : GeoDataFrame
        As of :func:`sxrisk.change.moving_bodies`, the volume of falls and deposits that of their closed bodies, and:
        ``surface`` (roof, wall or floor), ``event`` (``roof_fall``, ``wall_fall``, ``floor_loss``, ``deposit``,
        ``movement``), ``block_length_m``, ``block_width_m``,
        ``block_thickness_m`` (sides of the box around the closed body, in the plane of its surface and along its
        normal) and ``block_edge_m`` (edge of the cube of equal volume); NaN for movements.
    meshes : dict of str to Mesh
        The closed body of each fall and deposit, by ``body_id``.
    convergence : DataFrame
        As of :func:`sxrisk.sites.goafs.convergence`.
    overhangs : GeoDataFrame
        As of :func:`sxrisk.sites.goafs.new_overhangs`.
    """

    change: M3C2Result
    bodies: gpd.GeoDataFrame
    meshes: dict[str, Mesh]
    convergence: pd.DataFrame
    overhangs: gpd.GeoDataFrame

    @property
    def falls(self) -> gpd.GeoDataFrame:
        """The bodies that fell from roof and walls, largest first."""
        return self.bodies[self.bodies["event"].isin(["roof_fall", "wall_fall"])]

    def __repr__(self) -> str:
        volume = -float(self.falls["volume_m3"].sum())
        return (
            f"<GoafChange: {len(self.falls)} falls of {volume:.2f} m3, {len(self.convergence)} pairs of faces, "
            f"{len(self.overhangs)} new overhangs>"
        )


def goaf_change(
    before: Scan,
    after: Scan,
    *,
    change: M3C2Result | None = None,
    before_mesh: Mesh | None = None,
    after_mesh: Mesh | None = None,
    axis_deg: float | None = None,
    min_area_m2: float = 1.0,
    section_cell_m: float = 2.0,
    **m3c2_choices: Any,
) -> GoafChange:
    """Falls as closed bodies, closing of opposite faces and new overhangs between two epochs of a cavity.

    Parameters
    ----------
    before, after : Scan
        Registered, with their stations: normals face the station that saw the place.
    change : M3C2Result, optional
        Of the two, where it stands already.
    before_mesh, after_mesh : Mesh, optional
        The closed cavity at both epochs; by default :func:`sxrisk.surfaces.mesh_cavity` of the scans.
    axis_deg : float, optional
        Bearing of the long axis, for the sections of convergence; by default that of the scan in plan.
    min_area_m2 : float
        Smaller bodies and overhangs are left out.
    section_cell_m : float
        Width of the sections and side of the cells in which opposite faces are compared.
    **m3c2_choices
        Sizes of :func:`sxrisk.m3c2` where `change` is not given: ``normal_radius_m``, ``cylinder_radius_m``,
        ``max_depth_m`` and others.

    Returns
    -------
    GoafChange

    Raises
    ------
    ParameterError
        If the earlier scan has no stations, or neither `change` nor sizes are given.
    """
    if before.stations is None:
        raise ParameterError(
            "the earlier scan does not say where the scanner stood",
            where=before.source or "goaf_change",
            expected="stations: normals face them",
            remedy="Give stations=[[x, y, z]] to the scan",
        )
    if change is None:
        change = m3c2(before, after, **m3c2_choices)
    elif m3c2_choices:
        raise ParameterError(
            f"{', '.join(m3c2_choices)} beside a finished change", where="goaf_change", expected="one of the two"
        )
    if before_mesh is None or after_mesh is None:
        before_mesh, after_mesh = (mesh_cavity(scan).mesh for scan in (before, after))
    found = label_bodies(change, before, after, min_area_m2=min_area_m2, along_surface=False)
    closed = closed_bodies(found.table, found.label, change, before_mesh, after_mesh)
    bodies = _described(found.table, closed)
    fallen = np.concatenate([[False], (found.table["motion"] != "movement").to_numpy(bool)])
    days = float("nan")
    if before.epoch is not None and after.epoch is not None:
        days = (after.epoch - before.epoch).total_seconds() / 86_400.0
    if axis_deg is None:
        from shapely import MultiPoint

        axis_deg = rectangle(MultiPoint(before.xyz[:: max(before.n_points // 20_000, 1), :2]).convex_hull)[2]
    closing = convergence(change, axis_deg=axis_deg, days=days, cell_m=section_cell_m, left_out=fallen[found.label])
    # Each surface has its own noise and is bridged between rays: less than two levels of detection says nothing.
    known = change.lod95[change.reason == 0]
    least = 2.0 * float(np.median(known)) if len(known) else np.inf
    overhangs = new_overhangs(before_mesh, after_mesh, least_motion_m=least, min_area_m2=min_area_m2)
    return GoafChange(change, bodies, {name: body.mesh for name, body in closed.items()}, closing, overhangs)


def _described(table: gpd.GeoDataFrame, closed: dict[str, ClosedBody]) -> gpd.GeoDataFrame:
    """The table with what each body is in a cavity; volumes of falls and deposits by their closed bodies."""
    out = table.copy()
    out[["surface", "event"]] = ""
    out[["block_length_m", "block_width_m", "block_thickness_m", "block_edge_m"]] = np.nan
    for index, row in zip(table.index, table.itertuples(), strict=True):
        # Normals look into the void: a roof's look down.
        surface = "roof" if row.normal_z < -_STEEP else "floor" if row.normal_z > _STEEP else "wall"
        event = "movement"
        if row.motion == "gain":
            event = "deposit"
        elif row.motion == "loss":
            event = "floor_loss" if surface == "floor" else f"{surface}_fall"
        out.loc[index, ["surface", "event"]] = surface, event
        body = closed.get(str(row.body_id))
        if body is not None:
            names = ["volume_m3", "volume_sigma_m3", "block_edge_m", "block_length_m", "block_width_m",
                     "block_thickness_m"]  # fmt: skip
            sign = 1.0 if row.motion == "gain" else -1.0
            out.loc[index, names] = [sign * body.volume_m3, body.sigma_m3, body.volume_m3 ** (1.0 / 3.0), *body.sides_m]
    return out
