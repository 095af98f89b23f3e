"""Shape of the ground from an elevation grid: slope, aspect, curvature, hillshade, contours."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces.grids import cell_size_m

__all__ = ["aspect", "contours", "curvature", "hillshade", "slope"]

Floats = npt.NDArray[np.float64]

MAX_LEVELS = 10_000


def slope(dem: xr.DataArray) -> xr.DataArray:
    """Steepest slope of the ground, degrees, after Horn.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x), metres, square cells in metres.

    Returns
    -------
    xarray.DataArray
        0 to 90 degrees; NaN where one of the nine cells around is unknown, and so along the edge.

    Raises
    ------
    GeometryError
        If the grid has other dimensions, cells that are not square, or fewer than three rows or columns.

    References
    ----------
    Horn, B.K.P. (1981). Hill shading and the reflectance map. Proceedings of the IEEE 69(1), 14-47.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> plane = xr.DataArray(np.tile(x, (4, 1)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> float(slope(plane).values[1, 1])
    45.0
    """
    east, north = _gradient(dem)
    return _like(dem, np.degrees(np.arctan(np.hypot(east, north))), "degree")


def aspect(dem: xr.DataArray) -> xr.DataArray:
    """Direction in which the ground falls steepest, degrees clockwise from grid north, after Horn.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x), metres, square cells in metres.

    Returns
    -------
    xarray.DataArray
        0 to 360 degrees; NaN on level ground and where :func:`slope` is.

    Raises
    ------
    GeometryError
        As :func:`slope`.

    References
    ----------
    Horn (1981), see :func:`slope`.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> rising_east = xr.DataArray(np.tile(x, (4, 1)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> float(aspect(rising_east).values[1, 1])
    270.0
    """
    east, north = _gradient(dem)
    level = (east == 0) & (north == 0)
    return _like(dem, np.where(level, np.nan, np.degrees(np.arctan2(-east, -north)) % 360.0), "degree")


def curvature(dem: xr.DataArray) -> xr.Dataset:
    """Profile, plan and total curvature, 1/m, after Zevenbergen and Thorne.

    All three are positive where the ground bulges: profile along the fall line (the slope steepens downhill), plan
    across it (water spreads), total is less the Laplacian.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x), metres, square cells in metres.

    Returns
    -------
    xarray.Dataset
        ``profile``, ``plan`` (NaN on level ground) and ``total``; NaN where :func:`slope` is.

    Raises
    ------
    GeometryError
        As :func:`slope`.

    References
    ----------
    Zevenbergen, L.W., Thorne, C.R. (1987). Quantitative analysis of land surface topography. Earth Surface Processes
    and Landforms 12(1), 47-56.

    Examples
    --------
    >>> x = np.arange(5.0)
    >>> trough = xr.DataArray(np.tile((x - 2) ** 2, (5, 1)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> float(curvature(trough)["total"].values[2, 2])
    -2.0
    """
    cell, around, known = _around(dem)
    nw, n, ne, w, z, e, sw, s, se = around
    d = ((w + e) / 2.0 - z) / cell**2
    f = ((n + s) / 2.0 - z) / cell**2
    mixed = (ne - nw + sw - se) / (4.0 * cell**2)
    g, h = (e - w) / (2.0 * cell), (n - s) / (2.0 * cell)
    steep = g**2 + h**2
    with np.errstate(invalid="ignore", divide="ignore"):
        # The second derivative along the fall line and across it, of the quadric through the nine heights.
        profile = -2.0 * (d * g**2 + f * h**2 + mixed * g * h) / steep
        plan = -2.0 * (d * h**2 + f * g**2 - mixed * g * h) / steep
    layers = {"profile": profile, "plan": plan, "total": -2.0 * (d + f)}
    level = steep == 0
    return xr.Dataset(
        {
            name: _like(dem, np.where(known & ~(level & (name != "total")), values, np.nan), "1/m")
            for name, values in layers.items()
        }
    )


def hillshade(dem: xr.DataArray, azimuth_deg: float = 315.0, altitude_deg: float = 45.0) -> xr.DataArray:
    """Light that each cell gets from a distant lamp, 0 (dark) to 1 (facing it); no cast shadows.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x), metres, square cells in metres.
    azimuth_deg : float
        Where the light comes from, clockwise from grid north.
    altitude_deg : float
        Its height above the horizon, 0 to 90.

    Returns
    -------
    xarray.DataArray
        Cosine of the angle between the ground's normal and the light, not below 0; NaN where :func:`slope` is.

    Raises
    ------
    ParameterError
        If the altitude is outside 0 to 90.
    GeometryError
        As :func:`slope`.

    References
    ----------
    Horn (1981), see :func:`slope`.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> level = xr.DataArray(np.zeros((4, 4)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> round(float(hillshade(level, altitude_deg=30.0)[1, 1]), 3)
    0.5
    """
    if not 0 <= altitude_deg <= 90 or not np.isfinite(azimuth_deg):
        raise ParameterError(
            f"light from {azimuth_deg} degrees, {altitude_deg} degrees high",
            where="hillshade",
            expected="an altitude of 0 to 90 degrees",
        )
    east, north = _gradient(dem)
    azimuth, altitude = np.radians(azimuth_deg), np.radians(altitude_deg)
    to_light = np.array([np.sin(azimuth), np.cos(azimuth)]) * np.cos(altitude)
    shade = (np.sin(altitude) - east * to_light[0] - north * to_light[1]) / np.sqrt(1.0 + east**2 + north**2)
    return _like(dem, np.maximum(shade, 0.0), "1")


def contours(dem: xr.DataArray, interval_m: float, *, base_m: float = 0.0, min_length_m: float = 0.0) -> Any:
    """Contour lines of an elevation grid; they end at holes and never cross them.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x), metres, with CRS.
    interval_m : float
        Between lines, metres.
    base_m : float
        A height that has a line.
    min_length_m : float
        Shorter lines are left out.

    Returns
    -------
    geopandas.GeoDataFrame
        LineString Z in the grid's CRS, with ``elevation_m``, ``index_line`` (every fifth) and ``length_m``; rising
        ground lies to the left of each line's direction.

    Raises
    ------
    ParameterError
        If the interval is not positive, or would give more than 10 000 levels.
    GeometryError
        If no cell has a height.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> plane = xr.DataArray(np.tile(x, (4, 1)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> contours(plane, 1.0, base_m=0.5)["elevation_m"].tolist()
    [0.5, 1.5, 2.5]
    """
    import contourpy
    import geopandas as gpd
    import rioxarray  # noqa: F401  registers the accessor
    from shapely import LineString

    heights = dem.values
    if not np.isfinite(heights).any():
        raise GeometryError("no cell of the grid has a height", where="contours")
    if not (np.isfinite(interval_m) and interval_m > 0):
        raise ParameterError(f"an interval of {interval_m} m", where="interval_m", expected="more than 0")
    first = int(np.ceil((np.nanmin(heights) - base_m) / interval_m))
    last = int(np.floor((np.nanmax(heights) - base_m) / interval_m))
    if last - first >= MAX_LEVELS:
        raise ParameterError(
            f"an interval of {interval_m} m gives {last - first + 1} levels",
            where="interval_m",
            expected=f"at most {MAX_LEVELS}",
        )
    # Offsets from the first cell: contourpy interpolates in float64, yet differences of eastings lose digits.
    x0, y0 = float(dem.x[0]), float(dem.y[-1])
    upright = dem.values[::-1] if float(dem.y[0]) > float(dem.y[-1]) else dem.values
    y = np.sort(dem.y.values) - y0 if float(dem.y[0]) > float(dem.y[-1]) else dem.y.values - y0
    lines = contourpy.contour_generator(dem.x.values - x0, y, np.ma.masked_invalid(upright), name="serial")
    rows: list[dict[str, Any]] = []
    for k in range(first, last + 1):
        level = base_m + k * interval_m
        for found in lines.lines(level):
            points = np.asarray(found)
            line = LineString(np.column_stack([points[:, 0] + x0, points[:, 1] + y0, np.full(len(points), level)]))
            if line.length > min_length_m:
                rows.append({"elevation_m": level, "index_line": k % 5 == 0, "length_m": line.length, "geometry": line})
    columns = ["elevation_m", "index_line", "length_m", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=dem.rio.crs)


def _around(dem: xr.DataArray) -> tuple[float, list[Floats], npt.NDArray[np.bool_]]:
    """Cell, the nine heights around each cell from the north-west on, and where all are known."""
    if dem.dims != ("y", "x") or min(dem.shape) < 3:
        raise GeometryError(f"a grid of {dem.sizes}", expected="dims (y, x) with at least three cells each way")
    cell = cell_size_m(dem)
    step = abs(float(dem.y[-1] - dem.y[0])) / (dem.sizes["y"] - 1)
    if abs(step / cell - 1.0) > 1e-6:
        raise GeometryError(f"cells of {cell:g} by {step:g}", expected="square cells, in metres")
    values = np.pad(dem.values.astype(np.float64), 1, constant_values=np.nan)
    if float(dem.y[0]) < float(dem.y[-1]):
        values = values[::-1]
    ny, nx = dem.shape
    around: list[Floats] = [values[r : r + ny, c : c + nx] for r in range(3) for c in range(3)]
    if float(dem.y[0]) < float(dem.y[-1]):
        around = [part[::-1] for part in around]
    return cell, around, np.isfinite(np.sum(around, axis=0))


def _gradient(dem: xr.DataArray) -> tuple[Floats, Floats]:
    """Rise towards the east and towards the north after Horn, NaN where one of the nine heights is unknown."""
    cell, (nw, n, ne, w, _, e, sw, s, se), known = _around(dem)
    east = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) / (8.0 * cell)
    north = ((nw + 2.0 * n + ne) - (sw + 2.0 * s + se)) / (8.0 * cell)
    return np.where(known, east, np.nan), np.where(known, north, np.nan)


def _like(dem: xr.DataArray, values: Floats, units: str) -> xr.DataArray:
    grid = dem.copy(data=values)
    grid.attrs = {"units": units}
    return grid
