"""Two plane pictures of the ellipsoid: one to find neighbours in, one to measure in.

Mercator on the ellipsoid is conformal, so a search radius in metres is a radius in the plane times one factor; it
serves the index. A transverse Mercator through the middle of a pair is true to 1e-7 over ten kilometres; it serves to
find the nearest points of the pair. Neither decides a distance: that is left to the geodesic.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["EARTH_RADIUS_M", "from_local_tm", "mercator", "mercator_scale", "to_local_tm"]

Array = NDArray[np.float64]

# GRS 80, the ellipsoid of CGCS2000.
_A = 6378137.0
_F = 1.0 / 298.257222101
_E2 = _F * (2.0 - _F)
_EP2 = _E2 / (1.0 - _E2)
_E = float(np.sqrt(_E2))
EARTH_RADIUS_M = 6371008.8

# Coefficients of the meridian arc in the third flattening.
_N = _F / (2.0 - _F)
_ARC = (
    1.0 + _N**2 / 4.0 + _N**4 / 64.0,
    -1.5 * (_N - _N**3 / 8.0),
    15.0 / 16.0 * (_N**2 - _N**4 / 4.0),
    -35.0 / 48.0 * _N**3,
    315.0 / 512.0 * _N**4,
)


def mercator(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Ellipsoidal Mercator coordinates, m at the equator.

    Parameters
    ----------
    lon, lat : ndarray
        Degrees, GRS 80.

    Returns
    -------
    x, y : ndarray
    """
    sine = np.sin(np.radians(lat))
    return _A * np.radians(lon), _A * (np.arctanh(sine) - _E * np.arctanh(_E * sine))


def mercator_scale(lat: Array) -> Array:
    """Mercator metres per metre on the ellipsoid at latitude `lat` (degrees)."""
    phi = np.radians(lat)
    return np.sqrt(1.0 - _E2 * np.sin(phi) ** 2) / np.cos(phi)


def to_local_tm(lon: Array, lat: Array, lon0: Array, lat0: Array) -> tuple[Array, Array]:
    """Transverse Mercator of each point about its own origin.

    Parameters
    ----------
    lon, lat : ndarray of shape (n,)
        Points, degrees.
    lon0, lat0 : ndarray of shape (n,)
        Origin and central meridian of each point's plane, degrees.

    Returns
    -------
    x, y : ndarray of shape (n,)
        Metres east and north of the origin; series to the fifth order, better than 1 um within 50 km.

    References
    ----------
    Snyder, J. P. (1987), Map projections: a working manual, USGS Professional Paper 1395, eq. 8-9, 8-10.
    """
    phi = np.radians(lat)
    sine, cosine = np.sin(phi), np.cos(phi)
    T = (sine / cosine) ** 2
    C = _EP2 * cosine**2
    A = np.radians(lon - lon0) * cosine
    nu = _A / np.sqrt(1.0 - _E2 * sine**2)
    A2 = A * A
    x = nu * A * (1.0 + A2 * ((1.0 - T + C) / 6.0 + A2 * (5.0 - 18.0 * T + T**2 + 72.0 * C - 58.0 * _EP2) / 120.0))
    rise = A2 * (0.5 + A2 * (5.0 - T + 9.0 * C + 4.0 * C**2) / 24.0)
    y = _meridian_arc(phi) - _meridian_arc(np.radians(lat0)) + nu * (sine / cosine) * rise
    return x, y


def from_local_tm(x: Array, y: Array, lon0: Array, lat0: Array) -> tuple[Array, Array]:
    """Inverse of :func:`to_local_tm` by iteration on it, so that the two agree to 1 um.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Metres.
    lon0, lat0 : ndarray of shape (n,)
        Origins, degrees.

    Returns
    -------
    lon, lat : ndarray of shape (n,)
        Degrees.
    """
    lon, lat = lon0.copy(), lat0.copy()
    dx, dy = x, y
    for _ in range(6):
        phi = np.radians(lat)
        w2 = 1.0 - _E2 * np.sin(phi) ** 2
        nu = _A / np.sqrt(w2)
        lat = lat + np.degrees(dy * w2 / (nu * (1.0 - _E2)))
        lon = lon + np.degrees(dx / (nu * np.cos(phi)))
        got_x, got_y = to_local_tm(lon, lat, lon0, lat0)
        dx, dy = x - got_x, y - got_y
    return lon, lat


def _meridian_arc(phi: Array) -> Array:
    a0, a2, a4, a6, a8 = _ARC
    series = a0 * phi + a2 * np.sin(2 * phi) + a4 * np.sin(4 * phi) + a6 * np.sin(6 * phi) + a8 * np.sin(8 * phi)
    return _A / (1.0 + _N) * series
