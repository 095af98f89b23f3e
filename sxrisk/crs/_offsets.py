"""GCJ-02 and BD-09: the offsets of Chinese web maps, both ways.

The forward formulas are the public approximation that every open implementation shares; nobody outside has the official
one, so a converted layer is as good as the approximation (some metres at worst), never better. The inverses are exact:
they solve the forward formula, so a round trip returns to within a micrometre.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
]

Degrees: TypeAlias = NDArray[np.float64]

# Krassovsky 1940, which the public algorithm scales its metre offsets with.
_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY2 = 0.00669342162296594323
# Outside this rectangle the public algorithm leaves a coordinate alone.
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_FACTOR = np.pi * 3000.0 / 180.0
# 1e-13 degree is 1e-8 m; the step shrinks by a factor of 100 and more each time.
_TOLERANCE_DEG = 1e-13
_MAX_STEPS = 30


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """GCJ-02 coordinates of WGS 84 (CGCS2000) places.

    Parameters
    ----------
    lon, lat : array_like
        Degrees, any shape; outside China's rectangle they come back unchanged.

    Returns
    -------
    lon, lat : ndarray
        Degrees in GCJ-02.

    Examples
    --------
    >>> lon, lat = wgs84_to_gcj02(112.55, 37.87)  # Taiyuan
    >>> round(float(lon), 4), round(float(lat), 4)
    (112.5563, 37.8705)
    """
    lon, lat = _pair(lon, lat)
    inside = _in_rectangle(lon, lat)
    moved_lon, moved_lat = _gcj_forward(lon, lat)
    return np.where(inside, moved_lon, lon), np.where(inside, moved_lat, lat)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """WGS 84 (CGCS2000) coordinates of GCJ-02 places; inverse of :func:`wgs84_to_gcj02` to under 1 um.

    Parameters
    ----------
    lon, lat : array_like
        Degrees in GCJ-02, any shape. Within 1 km of the algorithm's rectangle, far from Shanxi, it is ambiguous.

    Returns
    -------
    lon, lat : ndarray
        Degrees.

    Examples
    --------
    >>> lon, lat = gcj02_to_wgs84(*wgs84_to_gcj02(112.55, 37.87))
    >>> round(float(lon), 9), round(float(lat), 9)
    (112.55, 37.87)
    """
    lon, lat = _pair(lon, lat)
    true_lon, true_lat = _invert(_gcj_forward, lon, lat)
    inside = _in_rectangle(true_lon, true_lat)
    return np.where(inside, true_lon, lon), np.where(inside, true_lat, lat)


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """BD-09 coordinates (Baidu) of GCJ-02 places.

    Parameters
    ----------
    lon, lat : array_like
        Degrees in GCJ-02, any shape.

    Returns
    -------
    lon, lat : ndarray
        Degrees in BD-09.
    """
    return _bd_forward(*_pair(lon, lat))


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """GCJ-02 coordinates of BD-09 places; inverse of :func:`gcj02_to_bd09` to under 1 um.

    Parameters
    ----------
    lon, lat : array_like
        Degrees in BD-09, any shape.

    Returns
    -------
    lon, lat : ndarray
        Degrees in GCJ-02.
    """
    return _invert(_bd_forward, *_pair(lon, lat))


def bd09_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """WGS 84 (CGCS2000) coordinates of BD-09 places; parameters as in :func:`bd09_to_gcj02`."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))


def wgs84_to_bd09(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    """BD-09 coordinates of WGS 84 (CGCS2000) places; parameters as in :func:`gcj02_to_bd09`."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def _pair(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    return lon, lat


def _in_rectangle(lon: Degrees, lat: Degrees) -> NDArray[np.bool_]:
    return (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)


def _gcj_forward(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    x, y = lon - 105.0, lat - 35.0
    with np.errstate(invalid="ignore"):
        root = np.sqrt(np.abs(x))
        ripple = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
        north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple * (2.0 / 3.0)
        north += (20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0)) * (2.0 / 3.0)
        north += (160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0)) * (2.0 / 3.0)
        east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple * (2.0 / 3.0)
        east += (20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0)) * (2.0 / 3.0)
        east += (150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0)) * (2.0 / 3.0)
        phi = np.radians(lat)
        w2 = 1.0 - _ECCENTRICITY2 * np.sin(phi) ** 2
        meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY2) / (w2 * np.sqrt(w2))
        parallel = _SEMI_MAJOR_M / np.sqrt(w2) * np.cos(phi)
        return lon + np.degrees(east / parallel), lat + np.degrees(north / meridian)


def _bd_forward(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    with np.errstate(invalid="ignore"):
        radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_FACTOR)
        angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_FACTOR)
        return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _invert(
    forward: Callable[[Degrees, Degrees], tuple[Degrees, Degrees]], lon: Degrees, lat: Degrees
) -> tuple[Degrees, Degrees]:
    """Solve ``forward(p) == (lon, lat)`` by fixed-point iteration; it contracts, for the offset's slope is small."""
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(_MAX_STEPS):
        there_lon, there_lat = forward(guess_lon, guess_lat)
        step_lon, step_lat = there_lon - lon, there_lat - lat
        guess_lon, guess_lat = guess_lon - step_lon, guess_lat - step_lat
        # Not finite means hopeless (a NaN, a pole): it must not keep the others iterating.
        step = np.maximum(np.abs(step_lon), np.abs(step_lat))
        if not np.any(step[np.isfinite(step)] > _TOLERANCE_DEG):
            break
    return guess_lon, guess_lat
