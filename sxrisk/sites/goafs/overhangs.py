"""Overhangs that a cavity did not have before."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.errors import ParameterError
from sxrisk.sites.goafs._facing import surface_of
from sxrisk.surfaces import Mesh

__all__ = ["new_overhangs"]

COLUMNS = ("id", "area_m2", "angle_deg", "reach_m", "moved_m", "x_m", "y_m", "z_m")


def new_overhangs(
    before: Mesh,
    after: Mesh,
    *,
    least_motion_m: float,
    min_area_m2: float = 1.0,
    min_angle_deg: float = 10.0,
    smooth_m: float = 0.5,
) -> gpd.GeoDataFrame:
    """Places where rock now hangs over the void and did not before.

    A place of the later surface that looks down by more than `min_angle_deg` counts if the earlier surface nearest to
    it did not, and the two lie apart there by what can be told from noise. The scar of a roof fall is no new overhang:
    there was roof before.

    Parameters
    ----------
    before, after : Mesh
        The cavity at both epochs, closed, registered.
    least_motion_m : float
        Least distance of both surfaces, metres: the level of detection.
    min_area_m2 : float
        Smaller overhangs are left out.
    min_angle_deg : float
        From upright.
    smooth_m : float
        Length over which directions are smoothed.

    Returns
    -------
    GeoDataFrame
        Largest first: ``id`` (O1), ``area_m2``, ``angle_deg`` (mean, from upright; 90 is a level roof), ``reach_m``
        (how far it reaches over the void), ``moved_m`` (greatest distance of both surfaces), middle ``x_m, y_m, z_m``;
        outline in plan.

    Raises
    ------
    ParameterError
        If a size is out of range.
    """
    if not (least_motion_m > 0 and min_area_m2 > 0 and 0 <= min_angle_deg < 90):
        raise ParameterError(
            f"least_motion_m {least_motion_m!r}, min_area_m2 {min_area_m2!r}, min_angle_deg {min_angle_deg!r}",
            where="new_overhangs",
            expected="a motion and an area above 0, an angle of 0 to below 90 degrees",
        )
    old, new = surface_of(before, smooth_m), surface_of(after, smooth_m)
    shift = after.origin - before.origin
    apart, nearest = cKDTree(old.middles).query(new.middles + shift, workers=-1)
    # Nearest middles lie apart by up to a triangle along the surface; what counts is how far out of it.
    away = np.abs(np.einsum("ij,ij->i", new.middles + shift - old.middles[nearest], old.normals[nearest]))
    limit = float(np.sin(np.radians(min_angle_deg)))
    moved = np.minimum(away, apart) > least_motion_m
    hangs = (new.normals[:, 2] > limit) & (old.normals[nearest, 2] <= limit) & moved
    same = new.links[hangs[new.links].all(axis=1)]
    n = len(hangs)
    _, piece = connected_components(coo_array((np.ones(len(same), np.int8), (same[:, 0], same[:, 1])), (n, n)), False)
    area = np.bincount(piece[hangs], new.area_m2[hangs], int(piece.max()) + 1)
    rows: list[dict[str, object]] = []
    for number in sorted(np.flatnonzero(area >= min_area_m2), key=lambda k: -area[k]):
        members = np.flatnonzero(hangs & (piece == number))
        rows.append(_row(len(rows) + 1, after, members, new.normals, new.area_m2, new.middles, away))
    return gpd.GeoDataFrame(rows, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=after.crs)


def _row(
    number: int, mesh: Mesh, members: NDArray[np.int64], normals: NDArray[np.float64], areas: NDArray[np.float64],
    middles: NDArray[np.float64], away: NDArray[np.float64],
) -> dict[str, object]:  # fmt: skip
    weight = areas[members]
    up = float(weight @ normals[members, 2] / weight.sum())
    middle = weight @ middles[members] / weight.sum() + mesh.origin
    corners = mesh.vertices[np.unique(mesh.faces[members])]
    outline = shapely.MultiPoint(corners[:, :2]).convex_hull
    sides = shapely.get_coordinates(shapely.minimum_rotated_rectangle(outline))
    reach = float(np.hypot(*np.diff(sides[:3], axis=0).T).min()) if len(sides) > 3 else 0.0
    return {
        "id": f"O{number}",
        "area_m2": float(weight.sum()),
        "angle_deg": float(np.degrees(np.arcsin(min(up, 1.0)))),
        "reach_m": reach,
        "moved_m": float(away[members].max()),
        **dict(zip(("x_m", "y_m", "z_m"), middle.tolist(), strict=True)),
        "geometry": outline,
    }
