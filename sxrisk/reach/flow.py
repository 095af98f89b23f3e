"""Where water and tailings run: the path down from a place on an elevation model."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import GEOD, GEOGRAPHIC_EPSG, PlanTransform, plan_transform
from sxrisk.errors import CRSError, GeometryError, ParameterError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FlowField", "FlowPath", "path_sigma_m"]

Array = NDArray[np.float64]

# A running mean over five cells, or 100 m where that is more, takes the zigzag out of a path: the raw one is up to 8 %
# too long on planes, and more on rough ground.
_SMOOTH_CELLS = 2
_SMOOTH_M = 50.0
# What is left of it on planes in all directions, on winding valleys and on rough ground: tests/reach/test_flow.py.
_LENGTH_SIGMA = 0.01
_ZIGZAG = 1.25
_WINDOW_LENGTHS = 3.0


def path_sigma_m(cell_m: float, distance_m: float) -> float:
    """1 sigma of a distance along a path, m: half a cell for its ends, 1 % for what the grid does to its length.

    Examples
    --------
    >>> round(path_sigma_m(10.0, 1000.0), 2)
    11.18
    """
    return float(np.hypot(cell_m / 2.0, _LENGTH_SIGMA * distance_m))


@dataclass(frozen=True)
class FlowPath:
    """A path down the terrain.

    Parameters
    ----------
    lon, lat : ndarray of shape (n,)
        Vertices from the start down, degrees EPSG:4490.
    distance_m : ndarray of shape (n,)
        Length from the start along the path, geodesic, m.
    cell_m : float
        Longer side of a cell of the elevation model, m: what the path's place is known to.
    left_dem : bool
        The path ends at the edge of the elevation model.
    """

    lon: Array
    lat: Array
    distance_m: Array
    cell_m: float
    left_dem: bool

    @property
    def length_m(self) -> float:
        """Length of the whole path, m."""
        return float(self.distance_m[-1])

    def at(self, distance_m: float) -> tuple[float, float]:
        """Longitude and latitude at a distance along the path."""
        lon = np.interp(distance_m, self.distance_m, self.lon)
        return float(lon), float(np.interp(distance_m, self.distance_m, self.lat))

    def part(self, end_m: float) -> shapely.Geometry:
        """The path from its start to a distance: a LineString, or a Point where that is 0."""
        inside = self.distance_m < end_m
        lon, lat = self.at(end_m)
        line = np.column_stack([np.append(self.lon[inside], lon), np.append(self.lat[inside], lat)])
        return shapely.LineString(line) if len(line) > 1 else shapely.Point(line[0])


class FlowField:
    """Drainage over an elevation model, worked out window by window.

    Depressions are filled (priority flood), the path takes grid steps to one of eight neighbours with least deviation
    from the steepest descent, and a running mean over 100 m (at least five cells) removes the zigzag from its line and
    length: what remains of the grid's bias is within 1 % on planes in every direction and on winding valleys. Bends
    shorter than 100 m go with it. On ground that is flat for many cells, or behind a dam that the model does not show,
    the path misleads: look at it.

    Parameters
    ----------
    dem : xarray.DataArray of shape (n_y, n_x)
        Heights in metres, dims (y, x), CRS by rioxarray: projected in metres, or geographic; not rotated.

    Raises
    ------
    CRSError
        If the model has no CRS, or one whose place on the earth is not known (legacy datum, local grid).
    GeometryError
        If its grid is rotated or too small.

    References
    ----------
    Barnes et al. (2014), Computers & Geosciences 62, 117-127; Tarboton (1997), Water Resources Research 33, 309-319;
    Orlandini et al. (2003), Water Resources Research 39, 1144.
    """

    def __init__(self, dem: "xr.DataArray") -> None:
        import rioxarray  # noqa: F401  (registers .rio)

        if dem.rio.crs is None:
            raise CRSError("the elevation model has no CRS", where="dem", expected="any known CRS")
        if dem.ndim != 2 or min(dem.shape) < 3:
            raise GeometryError(
                f"the elevation model has shape {dem.shape}", where="dem", expected="(y, x), 3 x 3 or more"
            )
        transform = dem.rio.transform(recalc=True)
        if transform.b or transform.d:
            raise GeometryError(
                "the elevation model's grid is rotated", where="dem", remedy="Warp it to north up first"
            )
        self.crs = CRS.from_user_input(dem.rio.crs)
        self._dem = dem
        self._x0, self._y0, self._sx, self._sy = transform.c, transform.f, transform.a, transform.e
        self._from_lonlat: PlanTransform = plan_transform(GEOGRAPHIC_EPSG, self.crs)
        self._to_lonlat: PlanTransform = plan_transform(self.crs, GEOGRAPHIC_EPSG)
        self._unit = 1.0 if self.crs.is_geographic else self.crs.axis_info[0].unit_conversion_factor

    def cell_size_m(self, lat: float) -> tuple[float, float]:
        """Width and height of a cell in metres at a latitude (degrees)."""
        if not self.crs.is_geographic:
            return abs(self._sx) * self._unit, abs(self._sy) * self._unit
        width = GEOD.inv(0.0, lat, abs(self._sx), lat)[2]
        return float(width), float(GEOD.inv(0.0, lat - abs(self._sy) / 2, 0.0, lat + abs(self._sy) / 2)[2])

    def height(self, lon: Array, lat: Array) -> Array:
        """Heights at places by the cell they lie in, m; NaN outside the model."""
        row, column = self._cells(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        inside = (row >= 0) & (column >= 0) & (row < self._dem.shape[0]) & (column < self._dem.shape[1])
        heights = np.full(row.shape, np.nan)
        heights[inside] = self._values[row[inside], column[inside]]
        return heights

    def trace_downstream(self, lon: float, lat: float, length_m: float) -> FlowPath:
        """Path down from a place.

        Parameters
        ----------
        lon, lat : float
            Start, degrees EPSG:4490.
        length_m : float
            Length to trace, m; the path ends earlier where it leaves the elevation model.

        Returns
        -------
        FlowPath

        Raises
        ------
        ParameterError
            If `length_m` is not above 0.
        GeometryError
            If the start lies outside the model.
        """
        from sxrisk.reach._drainage import flood, follow

        if not 0 < length_m < np.inf:
            raise ParameterError(f"the length is {length_m} m", where="length_m", expected="metres above 0")
        row, column = (int(v[0]) for v in self._cells(np.array([lon]), np.array([lat])))
        if not np.isfinite(self.height(np.array([lon]), np.array([lat]))[0]):
            raise GeometryError(f"{lon:.6f} E {lat:.6f} N lies outside the elevation model", where="dem")
        dx, dy = self.cell_size_m(lat)
        # Far edges act as outlets: they stand so far off that they do not draw the traced part to them.
        span_x, span_y = (int(np.ceil(_WINDOW_LENGTHS * length_m / d)) + 2 for d in (dx, dy))
        top, left = max(row - span_y, 0), max(column - span_x, 0)
        window = self._values[top : row + span_y + 1, left : column + span_x + 1]
        filled, out, order = flood(np.ascontiguousarray(window))
        width = window.shape[1]
        start = (row - top) * width + column - left
        half = max(_SMOOTH_CELLS, round(_SMOOTH_M / max(dx, dy)))
        wanted = length_m * _ZIGZAG + (half + 1) * max(dx, dy)
        cells = follow(filled, out, order, start, dx, dy, wanted)
        x = self._x0 + (cells % width + left + 0.5) * self._sx
        y = self._y0 + (cells // width + top + 0.5) * self._sy
        lon_path, lat_path = self._to_lonlat(_running_mean(x, half), _running_mean(y, half))
        lon_path[0], lat_path[0] = lon, lat
        steps = GEOD.inv(lon_path[:-1], lat_path[:-1], lon_path[1:], lat_path[1:])[2]
        distance = np.concatenate([[0.0], np.cumsum(steps)])
        whole = FlowPath(lon_path, lat_path, distance, max(dx, dy), left_dem=bool(distance[-1] < length_m))
        return whole if whole.left_dem else _cut(whole, length_m)

    @cached_property
    def _values(self) -> Array:
        values = np.asarray(self._dem.values, dtype=np.float64)
        nodata = self._dem.rio.nodata
        return values if nodata is None else np.where(values == nodata, np.nan, values)

    def _cells(self, lon: Array, lat: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        x, y = self._from_lonlat(lon, lat)
        column, row = np.floor((x - self._x0) / self._sx), np.floor((y - self._y0) / self._sy)
        bad = ~(np.isfinite(row) & np.isfinite(column))
        return np.where(bad, -1, row).astype(np.int64), np.where(bad, -1, column).astype(np.int64)


def _running_mean(values: Array, half: int) -> Array:
    half = min(half, len(values) - 1)
    if half == 0:
        return values.copy()
    padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    return np.convolve(padded, np.full(2 * half + 1, 1.0 / (2 * half + 1)), mode="valid")


def _cut(path: FlowPath, length_m: float) -> FlowPath:
    inside = path.distance_m < length_m
    lon, lat = path.at(length_m)
    return FlowPath(
        np.append(path.lon[inside], lon),
        np.append(path.lat[inside], lat),
        np.append(path.distance_m[inside], length_m),
        path.cell_m,
        left_dem=False,
    )
