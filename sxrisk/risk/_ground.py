"""The equal-area ground that region maps are drawn on."""

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import AlbersEqualAreaConversion, LambertAzimuthalEqualAreaConversion

from sxrisk.crs import GEOGRAPHIC_EPSG, move_geometries, to_geographic

__all__ = ["equal_area_crs", "from_ground", "geographic_points", "to_ground"]

Array = NDArray[np.float64]

# Shanxi with a rim, degrees west, south, east, north.
_SHANXI = (109.0, 33.5, 116.0, 42.0)


def equal_area_crs(bounds: Sequence[float]) -> CRS:
    """Equal-area CRS for a region.

    Parameters
    ----------
    bounds : sequence of 4 float
        West, south, east, north in degrees.

    Returns
    -------
    pyproj.CRS
        Within Shanxi always the same Albers projection (standard parallels 35.6 and 39.7, a sixth of the province's
        height inside its ends; central meridian 112.4), so that grids of counties fit together; elsewhere Lambert
        azimuthal about the middle. Datum CGCS2000.
    """
    west, south, east, north = bounds
    if _SHANXI[0] <= west and _SHANXI[1] <= south and east <= _SHANXI[2] and north <= _SHANXI[3]:
        return ProjectedCRS(
            AlbersEqualAreaConversion(35.6, 39.7, 37.6, 112.4, 500000.0, 4000000.0),
            name="CGCS2000 / Shanxi Albers",
            geodetic_crs=CRS.from_epsg(GEOGRAPHIC_EPSG),
        )
    lon, lat = round((west + east) / 2, 1), round((south + north) / 2, 1)
    return ProjectedCRS(
        LambertAzimuthalEqualAreaConversion(lat, lon),
        name=f"CGCS2000 / equal area {lon:g} {lat:g}",
        geodetic_crs=CRS.from_epsg(GEOGRAPHIC_EPSG),
    )


def geographic_points(frame: gpd.GeoDataFrame) -> tuple[Array, Array]:
    """Longitude and latitude of each row: of the point itself, else of a point on it; NaN where there is none."""
    shapes = np.asarray(to_geographic(frame).geometry.array, dtype=object)
    points = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.point_on_surface(shapes))
    return shapely.get_x(points), shapely.get_y(points)


def to_ground(geometries: NDArray[Any], crs: CRS) -> NDArray[Any]:
    """Geometries from EPSG:4490 to `crs`."""
    return np.asarray(move_geometries(geometries, GEOGRAPHIC_EPSG, crs), dtype=object)


def from_ground(geometries: NDArray[Any], crs: CRS) -> NDArray[Any]:
    """Geometries from `crs` to EPSG:4490."""
    return np.asarray(move_geometries(geometries, crs, GEOGRAPHIC_EPSG), dtype=object)
