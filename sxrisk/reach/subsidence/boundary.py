"""Where ground movement ends: by 10 mm of subsidence, by tilt, curvature and strain, by angles on the real terrain."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.reach.subsidence.basin import LAYERS

__all__ = ["collapse_zone", "movement_boundary", "terrain_boundary"]

Array = NDArray[np.float64]


def movement_boundary(basin: xr.Dataset, limits: Mapping[str, float]) -> gpd.GeoDataFrame:
    """Outlines inside which a movement exceeds its limit.

    Parameters
    ----------
    basin : xarray.Dataset
        From :func:`subsidence_basin`.
    limits : mapping of str to float
        Limit by layer, in the layer's unit; on ``curvature`` or ``strain`` it holds for the larger of the principal
        values, pulled or pressed. The criteria's numbers come from the catalogue.

    Returns
    -------
    GeoDataFrame
        One row a limit: ``layer``, ``limit``, ``unit``, ``area_m2``, geometry (empty where nothing exceeds it); in the
        basin's system.

    Raises
    ------
    ParameterError
        If a layer is unknown or a limit not above 0.

    Examples
    --------
    >>> import shapely
    >>> from sxrisk.reach.subsidence import Panel, RockParameters, movement_boundary, subsidence_basin
    >>> rock = RockParameters(q=0.7, tan_beta=2.0)
    >>> panel = Panel(outline=shapely.box(0, 0, 600, 600), depth_m=200.0, thickness_m=3.0, rock=rock)
    >>> zone = movement_boundary(subsidence_basin([panel], 5.0), {"subsidence_mm": 10.0})
    >>> round(zone.total_bounds[2] - 600)
    104
    """
    rows = []
    for name, limit in limits.items():
        if not limit > 0:
            raise ParameterError(f"the limit of {name} is {limit}", where="limits", expected="above 0")
        field = _field(basin, name)
        zone = shapely.union_all(_areas_above(field.sortby("y"), limit))
        rows.append(
            {
                "layer": name,
                "limit": limit,
                "unit": LAYERS.get(name, LAYERS.get(f"{name}_max")),
                "area_m2": zone.area,
                "geometry": zone,
            }
        )
    crs = basin.rio.crs if "spatial_ref" in basin.coords else None
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=crs)


def terrain_boundary(
    outline: Any,
    seam_level_m: float,
    angle_deg: float,
    terrain: xr.DataArray,
    *,
    dip_deg: float = 0.0,
    dip_azimuth_deg: float = 0.0,
    max_reach_m: float = 3000.0,
) -> shapely.Polygon:
    """Where lines that rise from the edge of a goaf under an angle come out of the terrain.

    Parameters
    ----------
    outline : shapely Polygon
        The goaf in plan, in the terrain's system, metres.
    seam_level_m : float
        Level of the goaf at the centroid of its outline, in the terrain's height system, metres.
    angle_deg : float
        Boundary, movement or caving angle from the horizontal, degrees; asked of the user.
    terrain : xarray.DataArray
        Heights on dims (y, x), metres.
    dip_deg, dip_azimuth_deg : float
        Dip of the seam and the direction in which it goes down, degrees from north (grid): lines start lower there.
    max_reach_m : float
        How far a line is followed, metres in plan.

    Returns
    -------
    shapely.Polygon
        The zone on the terrain, in plan.

    Raises
    ------
    ParameterError
        If the angle is not above 0 and up to 90 degrees.
    GeometryError
        If the goaf stands above the terrain, or a line leaves the terrain or its reach before it comes out.

    Notes
    -----
    From a place at horizontal distance d from the goaf the line has risen by d tan(angle): a place belongs to the zone
    where the terrain stands higher than the line. Lines start at the nearest edge of the goaf, as in drawings by hand.
    """
    if not 0 < angle_deg <= 90:
        raise ParameterError(f"the angle is {angle_deg} degrees", where="angle_deg", expected="above 0, up to 90")
    heights = terrain.sortby("y").sortby("x")
    if angle_deg == 90:
        return shapely.Polygon(outline.exterior)
    rise = float(np.tan(np.radians(angle_deg)))
    hull = outline.buffer(max_reach_m)
    part = heights.sel(x=slice(hull.bounds[0], hull.bounds[2]), y=slice(hull.bounds[1], hull.bounds[3]))
    if not part.size:
        raise GeometryError("the terrain does not cover the goaf", where="terrain", expected="heights around it")
    x, y = np.meshgrid(part["x"].values, part["y"].values)
    places, area = shapely.points(x, y), shapely.Polygon(outline.exterior)
    distance = shapely.distance(places, area)
    level = seam_level_m + _fall(places, area, dip_deg, dip_azimuth_deg)
    # Above 0 where the terrain hides the line: the line comes out where it is 0.
    above = part.values - (level + distance * rise)
    if not (above[distance == 0] > 0).all():
        raise GeometryError(
            "the goaf stands above the terrain", where="seam_level_m", expected="a level below the terrain"
        )
    zone = _connected_to(_areas_above(part.copy(data=above), 0.0), outline)
    window = shapely.box(float(part.x[0]), float(part.y[0]), float(part.x[-1]), float(part.y[-1]))
    if zone.exterior.intersects(window.exterior) or zone.exterior.hausdorff_distance(outline) >= max_reach_m:
        raise GeometryError(
            "a line does not come out inside the terrain", where="terrain",
            expected=f"heights all around the goaf, {max_reach_m:g} m far", remedy="Use a larger elevation model",
        )  # fmt: skip
    return zone


def collapse_zone(outline: Any, depth_m: float, caving_angle_deg: float) -> Any:
    """Zone over a shallow goaf in which the ground may break, drawn by the caving angle; advisory.

    Parameters
    ----------
    outline : shapely geometry
        The goaf in plan, metres.
    depth_m : float
        Depth below the surface, metres.
    caving_angle_deg : float
        Angle from the horizontal, degrees; asked of the user.

    Returns
    -------
    shapely geometry

    Raises
    ------
    ParameterError
        If depth or angle is outside its range.

    Examples
    --------
    >>> import shapely
    >>> collapse_zone(shapely.box(0, 0, 10, 10), 20.0, 45.0).bounds
    (-20.0, -20.0, 30.0, 30.0)
    """
    if not 0 < depth_m < np.inf or not 0 < caving_angle_deg <= 90:
        raise ParameterError(
            f"depth {depth_m} m, caving angle {caving_angle_deg} degrees", where="collapse_zone",
            expected="a depth above 0, an angle above 0 and up to 90",
        )  # fmt: skip
    reach = 0.0 if caving_angle_deg == 90 else depth_m / float(np.tan(np.radians(caving_angle_deg)))
    return outline.buffer(round(reach, 9), quad_segs=64)


def _fall(places: Any, area: shapely.Polygon, dip_deg: float, dip_azimuth_deg: float) -> Array:
    """Height of the seam against its middle at the nearest place of the goaf."""
    if dip_deg == 0:
        return np.zeros(places.shape)
    starts = shapely.get_point(shapely.shortest_line(area, places), 0)
    azimuth = np.radians(dip_azimuth_deg)
    middle = area.centroid
    along = (shapely.get_x(starts) - middle.x) * np.sin(azimuth) + (shapely.get_y(starts) - middle.y) * np.cos(azimuth)
    return np.asarray(-along * np.tan(np.radians(dip_deg)))


def _field(basin: xr.Dataset, name: str) -> xr.DataArray:
    if name in ("strain", "curvature"):
        high, low = basin[f"{name}_max"], basin[f"{name}_min"]
        return high.copy(data=np.maximum(np.abs(high.values), np.abs(low.values)))
    if name not in LAYERS:
        raise ParameterError(
            f"{name!r} is no layer", where="limits", expected=f"strain, curvature, {', '.join(LAYERS)}"
        )
    return basin[name]


def _areas_above(field: xr.DataArray, limit: float) -> list[shapely.Polygon]:
    """Areas where a field on rising x and y exceeds a limit, holes left out."""
    from contourpy import FillType, contour_generator

    generator = contour_generator(field["x"].values, field["y"].values, field.values, fill_type=FillType.OuterOffset)
    areas = []
    for points, offsets in zip(*generator.filled(limit, np.inf), strict=True):
        rings = [points[a:b] for a, b in pairwise(offsets)]
        areas.append(shapely.Polygon(rings[0], rings[1:]))
    return areas


def _connected_to(polygons: list[shapely.Polygon], outline: Any) -> shapely.Polygon:
    """The piece that the goaf lies in: a hill far off may be higher than the line too, but no line reaches it."""
    return next(shapely.Polygon(polygon.exterior) for polygon in polygons if polygon.intersects(outline))
