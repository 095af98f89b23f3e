"""Whether geometries have a place at all, and one that can be meant: a swapped pair of coordinates has none."""

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.crs import CHINA_BOX
from sxrisk.errors import GeometryError

__all__ = ["refuse_rows", "without_finite_place", "without_place_in_china"]

Mask = NDArray[np.bool_]
Geometries = NDArray[np.object_]


def without_finite_place(geometries: Geometries) -> Mask:
    """Which geometries are missing, empty, or have a coordinate that is not finite.

    Parameters
    ----------
    geometries : ndarray of shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    # Missing and empty ones alike have no coordinate.
    nothing = shapely.get_num_coordinates(geometries) == 0
    return np.asarray(nothing | _any_vertex(geometries, shapely.get_coordinates(geometries), _not_finite), dtype=bool)


def without_place_in_china(geometries: Geometries, coordinates: NDArray[np.float64] | None = None) -> Mask:
    """Which geometries have a vertex outside the box around China; missing and empty ones have none.

    Parameters
    ----------
    geometries : ndarray of shape (n,)
        Longitude and latitude in degrees.
    coordinates : ndarray of shape (v, 2), optional
        Their vertices, where these have been read already.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    if coordinates is None:
        coordinates = shapely.get_coordinates(geometries)
    west, south, east, north = CHINA_BOX
    if len(coordinates):
        x, y = coordinates.T
        # One look at the extent is enough as a rule; NaN is not within it.
        if x.min() >= west and x.max() <= east and y.min() >= south and y.max() <= north:
            return np.zeros(len(geometries), dtype=bool)
    return _any_vertex(geometries, coordinates, _out_of_box)


def refuse_rows(frame: gpd.GeoDataFrame, bad: Mask, what: str) -> None:
    """Raise if any row is bad, naming how many and the first.

    Parameters
    ----------
    frame : GeoDataFrame of n rows
    bad : ndarray of bool, shape (n,)
    what : str
        The argument's name.

    Raises
    ------
    GeometryError
        If a row is bad.
    """
    if not bad.any():
        return
    first = int(np.argmax(bad))
    shape = frame.geometry.iloc[first]
    shown = "None" if shape is None else shapely.to_wkt(shape, rounding_precision=6)[:60]
    west, south, east, north = CHINA_BOX
    raise GeometryError(
        f"{int(bad.sum())} of {len(frame)} rows have no finite place in China, the first at index "
        f"{frame.index[first]}: {shown}",
        where=what,
        expected=f"longitude {west:g} to {east:g}, latitude {south:g} to {north:g} once in EPSG:4490",
        remedy="Check that the coordinates are not swapped and the CRS is right, and leave out rows without a place",
    )


def _any_vertex(
    geometries: Geometries, coordinates: NDArray[np.float64], test: Callable[[NDArray[np.float64]], Mask]
) -> Mask:
    bad = np.zeros(len(geometries), dtype=bool)
    bad_vertex = test(coordinates)
    if bad_vertex.any():
        bad[shapely.get_coordinates(geometries, return_index=True)[1][bad_vertex]] = True
    return bad


def _not_finite(coordinates: NDArray[np.float64]) -> Mask:
    return np.asarray(~np.isfinite(coordinates).all(axis=1), dtype=bool)


def _out_of_box(coordinates: NDArray[np.float64]) -> Mask:
    west, south, east, north = CHINA_BOX
    inside = (coordinates >= (west, south)) & (coordinates <= (east, north))
    return np.asarray(~inside.all(axis=1), dtype=bool)
