"""From the closed mesh of a goaf to its measured shape."""

from typing import Any

import numpy as np
import pyproj
import shapely

from sxrisk.errors import ParameterError
from sxrisk.sites.goafs._columns import column_maps, lattice_of
from sxrisk.sites.goafs._extents import rectangle, smoothed
from sxrisk.sites.goafs._faces import faces_of
from sxrisk.sites.goafs._facing import face_parts, surface_of, within_parts
from sxrisk.sites.goafs._pillars import pillar_bands, pillar_holes, pillar_table
from sxrisk.sites.goafs._solids import plan_of
from sxrisk.sites.goafs.shape import GoafShape, VolumeInterval
from sxrisk.surfaces import Mesh

__all__ = ["goaf_shape"]


def goaf_shape(
    mesh: Mesh,
    *,
    volume: VolumeInterval | tuple[float, float, float] | None = None,
    vertical_crs: Any = None,
    cell_m: float = 0.5,
    smooth_m: float = 1.0,
    min_pillar_m2: float = 1.0,
    min_face_m2: float = 4.0,
    sigma_m: float | None = None,
) -> GoafShape:
    """Measure the shape of a goaf from its closed mesh.

    Outline (to a millimetre) and maps are those of the mesh. Faces are told apart by directions that are smoothed over
    `smooth_m`: less steep than 45 degrees is roof or floor, and walls are parted where they turn by 90 degrees or do
    not hang together; steps inside a roof belong to it. A pillar is rock that stands from floor to roof, so that
    its size is that of its narrowest place.

    Parameters
    ----------
    mesh : Mesh
        Watertight, faces outward (into the rock), metres.
    volume : VolumeInterval or three floats, optional
        Low, best and high volume, as :func:`sxrisk.surfaces.mesh_cavity` gives them; by default the mesh's own with
        unknown ends.
    vertical_crs : optional
        Height system.
    cell_m : float
        Cell of the maps.
    smooth_m : float
        Length over which directions and edges are smoothed.
    min_pillar_m2 : float
        Smaller holes in plan are no pillars, and are closed.
    min_face_m2 : float
        Smaller faces belong to their neighbour.
    sigma_m : float, optional
        1 sigma that all walls share; by default that of the volume by the area of the mesh.

    Returns
    -------
    GoafShape

    Raises
    ------
    GeometryError
        If the mesh encloses no volume, with the place where it is open.
    ParameterError
        If a size is not above 0.

    Examples
    --------
    >>> corners = [[x, y, z] for x in (0, 20) for y in (0, 10) for z in (0, 5)]
    >>> faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
    ...          [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    >>> shape = goaf_shape(Mesh(corners, faces))
    >>> round(shape.roofs[0].hydraulic_radius_m, 3), len(shape.walls), round(shape.span_m, 3)
    (3.333, 4, 10.0)
    """
    for name, value in {"cell_m": cell_m, "smooth_m": smooth_m, "min_pillar_m2": min_pillar_m2,
                        "min_face_m2": min_face_m2}.items():  # fmt: skip
        if not value > 0:
            raise ParameterError(f"{name} is {value!r}", where="goaf_shape", expected="more than 0")
    if volume is None:
        volume = VolumeInterval(float("nan"), mesh.volume_m3, float("nan"))
    elif not isinstance(volume, VolumeInterval):
        volume = VolumeInterval(*map(float, volume))
    sigma = volume.sigma_m3 / mesh.area_m2 if sigma_m is None else float(sigma_m)
    vertical = None if vertical_crs is None else pyproj.CRS.from_user_input(vertical_crs)
    shadow = plan_of(mesh)
    holes = pillar_holes(shadow, min_pillar_m2)
    filled = shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(shadow)])
    outline = shapely.difference(filled, shapely.union_all(holes)) if holes else filled
    surface = surface_of(mesh, smooth_m)
    part, kinds, bands = face_parts(surface, min_area_m2=min_face_m2)
    surface = within_parts(surface, part)
    band = np.where(part >= 0, bands[part], -1)
    around = pillar_bands(surface, mesh.origin, band, holes, smooth_m)
    maps = column_maps(mesh, lattice_of(shadow.bounds, cell_m, mesh.crs, vertical))
    rock = shapely.union_all(holes)
    faces = faces_of(mesh, surface, part, kinds, bands, around, rock, smooth_m=smooth_m, sigma_m=sigma)
    pillars = pillar_table(holes, maps, mesh, surface, band, around, smooth_m=smooth_m, sigma_m=sigma)
    length, width, bearing = rectangle(smoothed(filled, smooth_m))
    return GoafShape(
        mesh=mesh,
        crs=mesh.crs,
        vertical_crs=vertical,
        volume=volume,
        sigma_m=sigma,
        outline=outline,
        faces=faces,
        pillars=pillars,
        height_m=maps["height_m"],
        roof_level_m=maps["roof_level_m"],
        floor_level_m=maps["floor_level_m"],
        length_m=length,
        width_m=width,
        axis_deg=bearing,
    )
