"""Where weight gathers: kernel density of points on equal-area ground, and its GeoTIFF."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from sxrisk.crs import GEOGRAPHIC_EPSG, plan_transform, to_geographic
from sxrisk.errors import CRSError, GeometryError, MissingFieldError, OutputError, ParameterError
from sxrisk.risk._ground import equal_area_crs, geographic_points, to_ground
from sxrisk.risk._kernel import CUT, Grid, gaussian_sum, mass_inside
from sxrisk.rules.places import refuse_rows, without_finite_place, without_place_in_china

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["heatmap", "write_heatmap"]

Array = NDArray[np.float64]

_MAX_CELLS = 200_000_000


def heatmap(
    points: gpd.GeoDataFrame,
    *,
    weight: str | ArrayLike | None = None,
    bandwidth_m: float,
    cell_m: float,
    bounds: tuple[float, float, float, float] | None = None,
    boundary: gpd.GeoDataFrame | None = None,
) -> "xr.DataArray":
    """Weighted Gaussian kernel density at cell centres.

    Points count where they lie, none is moved to a cell. The bandwidth is the kernel's standard deviation. A density
    says where weight gathers, not how dangerous a single place is: with a wide bandwidth one big source and many small
    ones look alike.

    Parameters
    ----------
    points : GeoDataFrame
        Any known CRS; lines and areas count at a point on them. Rows without a place or weight are left out and
        counted.
    weight : str or array_like of shape (n,), optional
        Column of `points`, or the weights; 0 or more. Default 1 each.
    bandwidth_m : float
        Standard deviation of the kernel, m.
    cell_m : float
        Side of the cells, m; at most half the bandwidth.
    bounds : tuple of float, optional
        West, south, east, north in degrees (EPSG:4490) of the ground to draw; points beyond it count where their kernel
        reaches in. Default: the whole support, 8 bandwidths beyond the outermost points.
    boundary : GeoDataFrame, optional
        Areas outside of which nothing is drawn (NaN). Points outside are left out and counted; each weight is divided
        by its kernel's mass inside, so that the total is kept. With `bounds` too, this is a window of the whole map:
        the mass is that inside the whole boundary.

    Returns
    -------
    xarray.DataArray of shape (n_y, n_x)
        Weight per square kilometre, dims y (descending) and x in metres, equal-area CRS attached. Over its whole
        support, or inside the whole boundary, values times cell area sum to the total weight to 1e-6. Attributes:
        units, crs_name, bandwidth_m, cell_m, total_weight, rows_left_out, sources_outside.

    Raises
    ------
    ParameterError
        If a cell is larger than half the bandwidth, a weight is text or negative, or a parameter is out of range.
    CRSError
        If the CRS of `points` or `boundary` is unknown.
    GeometryError
        If a point or the boundary lies outside China, as with swapped coordinates; or if no row can be used and neither
        bounds nor boundary say what to draw; with them the map is empty.
    MissingFieldError
        If the column `weight` does not exist.

    References
    ----------
    Silverman, B. W. (1986), Density estimation for statistics and data analysis, Chapman and Hall.

    Examples
    --------
    >>> import geopandas as gpd
    >>> sites = gpd.GeoDataFrame({"tons": [3.0]}, geometry=gpd.points_from_xy([112.5], [37.8]), crs=4490)
    >>> density = heatmap(sites, weight="tons", bandwidth_m=1000.0, cell_m=250.0)
    >>> round(float(density.sum()) * 0.25**2, 6)
    3.0
    """
    import rioxarray  # noqa: F401  (registers .rio)
    import xarray as xr

    _check(bandwidth_m, cell_m)
    lon, lat, weights = _sources(points, weight)
    usable = np.isfinite(lon) & np.isfinite(lat) & np.isfinite(weights)
    left_out = int((~usable).sum())
    lon, lat, weights = lon[usable], lat[usable], weights[usable]
    areas = None if boundary is None else _areas(boundary)
    outside = 0
    if areas is not None:
        within = shapely.intersects_xy(areas, lon, lat)
        outside = int((~within).sum())
        lon, lat, weights = lon[within], lat[within], weights[within]
    if len(lon) == 0 and areas is None and bounds is None:
        raise GeometryError(
            "no row has a place and a weight", where="points", remedy="Give bounds or a boundary to draw"
        )
    if bounds is not None:
        _check_bounds(bounds)
    if areas is not None:
        around = shapely.bounds(areas)
    else:
        around = bounds if bounds is not None else (lon.min(), lat.min(), lon.max(), lat.max())
    crs = equal_area_crs(around)
    x, y = plan_transform(GEOGRAPHIC_EPSG, crs)(lon, lat)
    whole = bounds is None and areas is None
    grid = _grid(_support(x, y, bandwidth_m) if whole else _extent(around if bounds is None else bounds, crs), cell_m)
    inside, total = None, float(weights.sum())
    if areas is not None:
        ground = to_ground(np.array([shapely.segmentize(areas, 0.01)], dtype=object), crs)[0]
        inside = _cells_inside(ground, grid)
        if bounds is None:
            mass = mass_inside(x, y, bandwidth_m, grid, inside)
        else:
            all_of_it = _grid(_extent(around, crs), cell_m)
            mass = mass_inside(x, y, bandwidth_m, all_of_it, _cells_inside(ground, all_of_it))
        total = float(weights[mass > 0].sum())
        weights = np.divide(weights, mass, out=np.zeros_like(weights), where=mass > 0)
    density = gaussian_sum(x, y, weights, bandwidth_m, grid) * 1e6
    if inside is not None:
        density[~inside] = np.nan
    result = xr.DataArray(
        density,
        dims=("y", "x"),
        coords={"y": grid.y, "x": grid.x},
        name="density",
        attrs={
            "units": "1/km2" if weight is None else "weight/km2",
            "long_name": "kernel density",
            "crs_name": crs.name,
            "bandwidth_m": float(bandwidth_m),
            "cell_m": float(cell_m),
            "total_weight": total,
            "rows_left_out": left_out,
            "sources_outside": outside,
        },
    )
    return result.rio.write_crs(crs.to_wkt()).rio.write_nodata(np.nan)


def write_heatmap(path: Path, density: "xr.DataArray") -> Path:
    """Write a raster as cloud-optimised GeoTIFF (float32, deflate, with overviews).

    Parameters
    ----------
    path : Path
        File to write; an older one is replaced when the new one is whole.
    density : xarray.DataArray
        Result of :func:`heatmap`, or any raster with a CRS.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from rasterio.io import MemoryFile

    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    # Made in memory first: a disk that is full is then the system's own error, not one of GDAL's.
    with MemoryFile(ext=".tif") as memory:
        density.astype("float32").rio.to_raster(
            memory.name, driver="COG", compress="deflate", predictor=3, overviews="AUTO"
        )
        content = memory.read()
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"the raster cannot be written: {error.strerror}", where=path, remedy="Check space and rights"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _check(bandwidth_m: float, cell_m: float) -> None:
    for name, value in (("bandwidth_m", bandwidth_m), ("cell_m", cell_m)):
        if not 0 < value < np.inf:
            raise ParameterError(f"is {value}", where=name, expected="metres above 0")
    if cell_m > bandwidth_m / 2:
        raise ParameterError(
            f"a cell of {cell_m:g} m is larger than half the bandwidth of {bandwidth_m:g} m",
            where="cell_m",
            expected=f"at most {bandwidth_m / 2:g} m",
            remedy="Use smaller cells or a wider bandwidth",
        )


def _sources(points: gpd.GeoDataFrame, weight: str | ArrayLike | None) -> tuple[Array, Array, Array]:
    if points.crs is None:
        raise CRSError("the coordinate system is unknown", where="points", expected="any known CRS")
    lon, lat = geographic_points(points)
    refuse_rows(points, without_place_in_china(shapely.points(lon, lat)) & np.isfinite(lon), "points")
    if weight is None:
        return lon, lat, np.ones(len(points))
    if isinstance(weight, str):
        if weight not in points.columns:
            raise MissingFieldError(
                f"there is no column {weight!r}",
                where="weight",
                expected=f"one of {', '.join(map(str, points.columns))}",
            )
        weight = points[weight]
    try:
        given = weight.to_numpy(dtype=np.float64, na_value=np.nan) if isinstance(weight, pd.Series) else weight
        weights = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"a weight is no number: {error}", where="weight", expected="numbers, 0 or more"
        ) from error
    if weights.shape != (len(points),):
        raise ParameterError(f"has shape {weights.shape}", where="weight", expected=f"({len(points)},)")
    if (weights < 0).any() or np.isinf(weights).any():
        raise ParameterError("a weight is negative or infinite", where="weight", expected="0 or more")
    return lon, lat, weights


def _areas(boundary: gpd.GeoDataFrame) -> shapely.Geometry:
    placed = to_geographic(boundary)
    shapes = np.asarray(placed.geometry.array, dtype=object)
    refuse_rows(placed, without_finite_place(shapes) | without_place_in_china(shapes), "boundary")
    return shapely.union_all(shapes)


def _check_bounds(bounds: Sequence[float]) -> None:
    west, south, east, north = map(float, bounds)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ParameterError(
            f"{(west, south, east, north)} holds no ground",
            where="bounds",
            expected="west, south, east, north in degrees",
        )


def _support(x: Array, y: Array, bandwidth_m: float) -> tuple[float, float, float, float]:
    rim = CUT * bandwidth_m
    return float(x.min() - rim), float(y.min() - rim), float(x.max() + rim), float(y.max() + rim)


def _extent(lonlat: Sequence[float], crs: CRS) -> tuple[float, float, float, float]:
    west, south, east, north = lonlat
    rim = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 100)
    low_x, low_y, high_x, high_y = shapely.bounds(to_ground(np.array([rim], dtype=object), crs)[0])
    return float(low_x), float(low_y), float(high_x), float(high_y)


def _grid(extent: tuple[float, float, float, float], cell: float) -> Grid:
    """Cells on whole multiples of their size, so that grids of neighbouring regions fit together."""
    west, south = np.floor(extent[0] / cell), np.floor(extent[1] / cell)
    east, north = np.ceil(extent[2] / cell), np.ceil(extent[3] / cell)
    rows, columns = int(north - south), int(east - west)
    if rows * columns > _MAX_CELLS:
        raise ParameterError(
            f"the grid would have {rows} x {columns} cells",
            where="cell_m",
            expected=f"at most {_MAX_CELLS:,} cells",
            remedy="Use larger cells or a smaller region",
        )
    return Grid(float(west * cell), float(north * cell), cell, rows, columns)


def _cells_inside(area: shapely.Geometry, grid: Grid) -> NDArray[np.bool_]:
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    transform = from_origin(grid.west, grid.north, grid.cell, grid.cell)
    mask = rasterize([(area, 1)], out_shape=(grid.rows, grid.columns), transform=transform, dtype="uint8")
    return np.asarray(mask, dtype=bool)
