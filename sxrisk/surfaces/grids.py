"""Elevation grids from clouds, with holes that stay holes until they are filled on purpose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan

__all__ = ["cell_size_m", "fill_gaps", "grid_elevation", "grid_points", "grid_statistics", "inside_outline"]

Floats = npt.NDArray[np.float64]

# A grid is held in memory; beyond this the cell is too small for the extent (a typing error, or a stray point).
MAX_CELLS = 200_000_000
METHODS = ("mean", "min", "max", "count", "std", "percentile")


def grid_elevation(
    scan: Scan,
    cell_m: float,
    *,
    method: str = "mean",
    percentile: float | None = None,
    bounds: Sequence[float] | None = None,
    min_points: int = 1,
) -> xr.DataArray:
    """Elevation of a scan on a square grid; cells without points are NaN.

    Cell edges lie at whole multiples of `cell_m`, so grids of two epochs fit on each other.

    Parameters
    ----------
    scan : Scan
        In metres.
    cell_m : float
        Edge of a cell, metres.
    method : {"mean", "min", "max", "count", "std", "percentile"}
        What becomes of the points of a cell. The mean is unbiased on a slope, a minimum is not.
    percentile : float, optional
        0 to 100, with ``method="percentile"``.
    bounds : sequence of 4 floats, optional
        (xmin, ymin, xmax, ymax) that the grid has to cover; default the scan's.
    min_points : int
        Cells with fewer points are NaN.

    Returns
    -------
    xarray.DataArray
        Dims (y, x) with y falling, cell centres as coordinates, the scan's CRS, attrs ``units`` and ``vertical_crs``.

    Raises
    ------
    ParameterError
        If a parameter is outside its range, or the grid would be larger than memory allows.
    GeometryError
        If the scan is empty.
    CRSError
        If its coordinates are not metres.

    Examples
    --------
    >>> scan = Scan([[0.2, 0.2, 1.0], [0.8, 0.4, 3.0], [2.5, 0.5, 9.0]])
    >>> grid_elevation(scan, 1.0).values
    array([[ 2., nan,  9.]])
    """
    if method not in METHODS:
        raise ParameterError(f"method {method!r}", where="grid_elevation", expected=", ".join(METHODS))
    if (method == "percentile") != (percentile is not None) or not 0 <= (percentile or 0) <= 100:
        raise ParameterError(
            f"percentile {percentile} with method {method!r}",
            where="grid_elevation",
            expected="0 to 100 with method='percentile', none otherwise",
        )
    statistics = grid_statistics(scan, cell_m, bounds=bounds)
    enough = statistics["count"].values >= max(min_points, 1)
    if method == "percentile":
        values = _percentile(scan, cell_m, statistics, float(percentile or 0.0))
    else:
        values = statistics[method].values
    if method == "count":
        return statistics["count"]
    grid = statistics["mean"].copy(data=np.where(enough, values, np.nan))
    grid.attrs["method"] = method if percentile is None else f"percentile {percentile:g}"
    return grid


def grid_statistics(scan: Scan, cell_m: float, *, bounds: Sequence[float] | None = None) -> xr.Dataset:
    """Count, mean, standard deviation, minimum and maximum of the heights in each cell.

    Parameters
    ----------
    scan : Scan
        In metres.
    cell_m : float
        Edge of a cell, metres.
    bounds : sequence of 4 floats, optional
        (xmin, ymin, xmax, ymax) to cover.

    Returns
    -------
    xarray.Dataset
        Variables ``count``, ``mean``, ``std`` (NaN below two points), ``min``, ``max`` on dims (y, x).
    """
    from sxrisk.surfaces._grid_kernels import accumulate

    scan.require_metres()
    if not scan.n_points:
        raise GeometryError("a scan without points gives no grid", where=scan.source or None)
    left, bottom, n_rows, n_columns = _frame(scan, cell_m, bounds)
    xyz, z0 = scan.xyz, scan.origin[2]
    count, mean, squares, least, greatest = accumulate(
        xyz[:, 0] - left, xyz[:, 1] - bottom, xyz[:, 2] - z0, cell_m, n_rows, n_columns
    )
    seen = count > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        std = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
    layers = {
        "count": count,
        "mean": np.where(seen, mean + z0, np.nan),
        "std": std,
        "min": np.where(seen, least + z0, np.nan),
        "max": np.where(seen, greatest + z0, np.nan),
    }
    # Whole multiples of the cell, plus a half: equal in both epochs to the last bit, so that alignment is exact.
    y = (np.round(bottom / cell_m) + np.arange(n_rows) + 0.5) * cell_m
    x = (np.round(left / cell_m) + np.arange(n_columns) + 0.5) * cell_m
    attrs = {"units": "m", "vertical_crs": "" if scan.vertical_crs is None else scan.vertical_crs.to_string()}
    dataset = xr.Dataset(
        {name: (("y", "x"), values[::-1], {} if name == "count" else attrs) for name, values in layers.items()},
        coords={"y": y[::-1], "x": x},
    )
    if scan.crs is not None:
        import rioxarray  # noqa: F401  registers the accessor

        dataset = dataset.rio.write_crs(scan.crs)
    return dataset


def cell_size_m(grid: xr.DataArray) -> float:
    """Edge of the square cells of a grid, metres."""
    if grid.sizes["x"] > 1:
        return float(abs(grid.x[-1] - grid.x[0]) / (grid.sizes["x"] - 1))
    if grid.sizes["y"] > 1:
        return float(abs(grid.y[-1] - grid.y[0]) / (grid.sizes["y"] - 1))
    raise GeometryError("a grid of one cell has no spacing", expected="at least two cells")


def grid_points(grid: xr.DataArray) -> tuple[Floats, Floats]:
    """Coordinates of the cell centres, each of the grid's shape."""
    x, y = np.meshgrid(grid.x.values, grid.y.values)
    return x, y


def inside_outline(grid: xr.DataArray, outline: Any) -> npt.NDArray[np.bool_]:
    """Mask of the cells whose centre lies in a shapely polygon, in the grid's coordinates; all where None."""
    if outline is None:
        return np.ones(grid.shape, dtype=bool)
    from shapely import contains_xy

    x, y = grid_points(grid)
    return np.asarray(contains_xy(outline, x, y))


def fill_gaps(grid: xr.DataArray, max_gap_m: float) -> tuple[xr.DataArray, npt.NDArray[np.bool_]]:
    """Fill gaps that are at most `max_gap_m` wide, linearly from their rims; wider ones stay NaN.

    A cell is filled if no disk of that diameter fits into the gap around it (a morphological closing), whether the gap
    is a hole or the space between two scan lines that runs out of the scan.

    Parameters
    ----------
    grid : xarray.DataArray
        Dims (y, x), NaN where unknown.
    max_gap_m : float
        Width of the widest gap to fill, metres; 0 fills none.

    Returns
    -------
    tuple of xarray.DataArray and ndarray of bool
        The filled grid, and which cells were filled.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    from sxrisk.surfaces.tin import triangulated_heights

    empty = np.isnan(grid.values)
    none = np.zeros(grid.shape, dtype=bool)
    if max_gap_m <= 0 or not empty.any() or empty.all():
        return grid, none
    radius = max_gap_m / cell_size_m(grid) / 2.0
    width = int(np.ceil(radius)) + 1
    apart = np.pad(empty, width, constant_values=True)
    near = distance_transform_edt(apart) <= radius
    closed = near if near.all() else distance_transform_edt(near) > radius
    filled = empty & closed[width:-width, width:-width]
    rim = binary_dilation(filled, np.ones((3, 3), dtype=bool)) & ~empty
    if not filled.any() or rim.sum() < 3:
        return grid, none
    rows, columns = np.nonzero(rim)
    values = grid.values.copy()
    # The triangulation is drawn in cells; its rows may run as the grid's do.
    spanned = triangulated_heights(
        np.column_stack([columns, rows]) + 0.5, values[rim], (0.0, 0.0), 1.0, (grid.shape[0], grid.shape[1])
    )
    values[filled] = spanned[filled]
    return grid.copy(data=values), filled & np.isfinite(values)


def _frame(scan: Scan, cell_m: float, bounds: Sequence[float] | None) -> tuple[float, float, int, int]:
    """Left and bottom edge, rows and columns of the grid."""
    if not np.isfinite(cell_m) or cell_m <= 0:
        raise ParameterError(f"cells of {cell_m} m", where="cell_m", expected="more than 0")
    box = scan.bounds()
    xmin, ymin, xmax, ymax = (box.xmin, box.ymin, box.xmax, box.ymax) if bounds is None else map(float, bounds)
    if not (xmin <= xmax and ymin <= ymax):
        raise ParameterError(f"bounds {bounds} are turned round", where="bounds", expected="xmin, ymin, xmax, ymax")
    first_column, first_row = np.floor(xmin / cell_m), np.floor(ymin / cell_m)
    n_columns = int(np.floor(xmax / cell_m) - first_column) + 1
    n_rows = int(np.floor(ymax / cell_m) - first_row) + 1
    if n_columns * n_rows > MAX_CELLS:
        raise ParameterError(
            f"{n_columns} x {n_rows} cells of {cell_m:g} m",
            where=scan.source or "cell_m",
            expected=f"at most {MAX_CELLS:,} cells",
            remedy="Use larger cells, or cut the scan: a stray point far away may widen it",
        )
    return float(first_column * cell_m), float(first_row * cell_m), n_rows, n_columns


def _percentile(scan: Scan, cell_m: float, statistics: xr.Dataset, percentile: float) -> Floats:
    from sxrisk.surfaces._grid_kernels import order_by_cell

    n_rows, n_columns = statistics["count"].shape
    left = float(statistics.x[0]) - cell_m / 2.0
    bottom = float(statistics.y[-1]) - cell_m / 2.0
    start, order = order_by_cell(scan.xyz[:, 0] - left, scan.xyz[:, 1] - bottom, cell_m, n_rows, n_columns)
    z = scan.xyz[order, 2]
    home = np.repeat(np.arange(len(start) - 1), np.diff(start))
    z = z[np.lexsort((z, home))]
    count = np.diff(start)
    place = start[:-1] + percentile / 100.0 * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, start[1:] - 1)
    values = np.full(len(count), np.nan)
    seen = count > 0
    part = (place - low)[seen]
    values[seen] = z[low[seen]] * (1.0 - part) + z[np.maximum(high, low)[seen]] * part
    return values.reshape(n_rows, n_columns)[::-1]
