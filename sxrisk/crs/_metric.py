"""Metres on the CGCS2000 ellipsoid: distances, zones, local projections, scale factors."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod, Proj, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import TransverseMercatorConversion

from sxrisk.errors import CRSError, ParameterError

__all__ = [
    "DEGREE_M",
    "GEOD",
    "LEAST_DEGREE_M",
    "geodesic_distance_m",
    "local_metric",
    "point_scale_factor",
    "zone_epsg",
]

#: The CGCS2000 ellipsoid, on which every deciding distance is measured.
GEOD = Geod(a=6378137.0, rf=298.257222101)
#: A degree of latitude to half a percent, for what need not be exact.
DEGREE_M = 111_000.0
#: Nowhere on earth is a degree of latitude shorter: what is searched within a distance divided by it misses nothing.
LEAST_DEGREE_M = 110_500.0

_FIRST_CM_DEG, _LAST_CM_DEG, _FIRST_CM_EPSG = 75, 135, 4534


def geodesic_distance_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> NDArray[np.float64]:
    """Length of the geodesic between places on the CGCS2000 ellipsoid.

    Parameters
    ----------
    lon1, lat1, lon2, lat2 : array_like
        Degrees, shapes that broadcast together.

    Returns
    -------
    ndarray
        Metres, of the broadcast shape; NaN where a coordinate is not finite. Accurate to nanometres (Karney 2013).

    References
    ----------
    C. F. F. Karney, Algorithms for geodesics, J. Geodesy 87 (2013), 43-55.

    Examples
    --------
    >>> round(float(geodesic_distance_m(112.0, 37.0, 112.0, 38.0)), 3)
    110987.044
    """
    parts = np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in (lon1, lat1, lon2, lat2)))
    shape = parts[0].shape
    flat = [np.ascontiguousarray(part).ravel() for part in parts]
    finite = np.logical_and.reduce([np.isfinite(part) for part in flat])
    distance = np.full(finite.shape, np.nan)
    if finite.any():
        distance[finite] = GEOD.inv(flat[0][finite], flat[1][finite], flat[2][finite], flat[3][finite])[2]
    return distance.reshape(shape)


def zone_epsg(lon: float) -> int:
    """EPSG code of the CGCS2000 3-degree Gauss-Kruger zone (central-meridian form) that a longitude lies in.

    Parameters
    ----------
    lon : float
        Degrees; China's zones, 73.5 to 136.5.

    Returns
    -------
    int
        4546 for 109.5 to 112.5 (CM 111), 4547 for 112.5 to 115.5 (CM 114), and so on; a border belongs to the east.

    Raises
    ------
    ParameterError
        Outside China's zones.

    Examples
    --------
    >>> zone_epsg(111.2), zone_epsg(112.5)
    (4546, 4547)
    """
    central = 3 * int(np.floor((lon + 1.5) / 3.0)) if np.isfinite(lon) else -1
    if not _FIRST_CM_DEG <= central <= _LAST_CM_DEG:
        raise ParameterError(
            f"longitude {lon} lies in no CGCS2000 3-degree zone",
            expected="73.5 to 136.5 degrees",
            remedy="Check that longitude and latitude are not swapped",
        )
    return _FIRST_CM_EPSG + (central - _FIRST_CM_DEG) // 3


def local_metric(lon: float, lat: float) -> Transformer:
    """Transformer from EPSG:4490 to metres around a place: transverse Mercator centred there, scale 1, origin 0, 0.

    Parameters
    ----------
    lon, lat : float
        Centre, degrees.

    Returns
    -------
    pyproj.Transformer
        ``transform(lon, lat)`` gives easting, northing in metres; ``direction="INVERSE"`` goes back; ``target_crs`` is
        the projected CRS. Within 10 km of the centre's meridian the scale is exact to 1.3 ppm.

    Raises
    ------
    ParameterError
        If the centre is not finite or its latitude beyond 85 degrees.

    Examples
    --------
    >>> east, north = local_metric(112.0, 37.0).transform(112.0, 37.01)
    >>> round(east, 6) + 0.0, round(north, 3)
    (0.0, 1109.777)
    """
    if not (np.isfinite(lon) and np.isfinite(lat) and abs(lat) <= 85.0 and abs(lon) <= 180.0):
        raise ParameterError(f"({lon}, {lat}) cannot be the centre of a local projection", expected="degrees, lon lat")
    return _local_metric(float(lon), float(lat))


@lru_cache(maxsize=256)
def _local_metric(lon: float, lat: float) -> Transformer:
    geographic = CRS.from_epsg(4490)
    local = ProjectedCRS(
        TransverseMercatorConversion(latitude_natural_origin=lat, longitude_natural_origin=lon),
        name=f"CGCS2000 / local transverse Mercator {lon:.6f} {lat:.6f}",
        geodetic_crs=geographic,
    )
    return Transformer.from_crs(geographic, local, always_xy=True)


def point_scale_factor(crs: CRS, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Grid length divided by ellipsoidal length at places, for a conformal projection.

    Parameters
    ----------
    crs : pyproj.CRS
        Projected and conformal (Gauss-Kruger, UTM, any transverse Mercator).
    lon, lat : array_like
        Degrees, of one shape.

    Returns
    -------
    ndarray
        Dimensionless; planar distance / factor is the distance on the ellipsoid near the place.

    Raises
    ------
    CRSError
        If the CRS is not projected.

    Examples
    --------
    >>> round(float(point_scale_factor(CRS(4547), 114.0, 37.5)), 9)
    1.0
    """
    if not crs.is_projected:
        raise CRSError(f"{crs.name} has no scale factor", expected="a projected CRS", remedy="Use zone_epsg(lon)")
    return np.asarray(_projection(crs).get_factors(lon, lat).meridional_scale, dtype=np.float64)


@lru_cache(maxsize=64)
def _projection(crs: CRS) -> Proj:
    return Proj(crs)
