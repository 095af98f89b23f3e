"""Water in goafs: how much lies below a level, and the rock that holds it."""

from dataclasses import dataclass

import numpy as np

from sxrisk.errors import GeometryError
from sxrisk.sites.goafs._solids import mesh_of, slice_of, solid_of
from sxrisk.surfaces import Mesh

__all__ = ["WaterBelow", "flooded_part", "volume_below"]


@dataclass(frozen=True)
class WaterBelow:
    """A goaf filled up to a level.

    Parameters
    ----------
    level_m : float
    volume_m3, sigma_m3 : float
        Volume below it, and its 1 sigma from that of the level and that of the walls; NaN where either is unknown.
    surface_m2 : float
        Area of the water's surface.
    depth_m : float
        Greatest depth of water.
    """

    level_m: float
    volume_m3: float
    sigma_m3: float
    surface_m2: float
    depth_m: float


def volume_below(
    mesh: Mesh, level_m: float, *, level_sigma_m: float = float("nan"), wall_sigma_m: float = float("nan")
) -> WaterBelow:
    """Volume of a goaf below a level, exact for its mesh.

    Parameters
    ----------
    mesh : Mesh
        Closed.
    level_m, level_sigma_m : float
        Of the water, in the heights of the mesh, and its 1 sigma.
    wall_sigma_m : float
        1 sigma that all walls share.

    Returns
    -------
    WaterBelow

    Raises
    ------
    GeometryError
        If the mesh does not enclose a volume.

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> tetrahedron = Mesh(corners, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    >>> round(volume_below(tetrahedron, 0.5).volume_m3, 6), 1 / 6 - 1 / 48
    (0.145833, 0.1458333...)
    """
    solid = solid_of(mesh)
    level = level_m - mesh.origin[2]
    below = solid.trim_by_plane((0.0, 0.0, -1.0), -level)
    surface = slice_of(solid, level).area
    lowest = float(mesh.vertices[:, 2].min())
    depth = min(max(level_m - lowest, 0.0), float(np.ptp(mesh.vertices[:, 2])))
    wetted = max(float(below.surface_area()) - surface, 0.0)
    return WaterBelow(
        level_m=float(level_m),
        volume_m3=float(below.volume()),
        sigma_m3=float(np.hypot(surface * level_sigma_m, wetted * wall_sigma_m)),
        surface_m2=float(surface),
        depth_m=depth,
    )


def flooded_part(mesh: Mesh, level_m: float, *, where: str = "") -> Mesh:
    """The part of a closed mesh below a level, closed by the water's surface.

    Raises
    ------
    GeometryError
        If the mesh encloses no volume, or the water stands below it.
    """
    part = solid_of(mesh, where=where).trim_by_plane((0.0, 0.0, -1.0), mesh.origin[2] - level_m)
    if part.is_empty():
        raise GeometryError(
            f"the water level is {level_m:g} m, the lowest place of the goaf {mesh.vertices[:, 2].min():g} m",
            where=where or "water_level_m",
            expected="a level inside the flooded goaf",
        )
    return mesh_of(part, mesh)
