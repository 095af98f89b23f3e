"""Elevation grids from clouds, with holes that stay holes until they are filled on purpose."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans.cloud import Cloud

__all__ = [
    "Lattice",
    "cell_size_m",
    "cell_statistics",
    "fill_gaps",
    "grid_elevation",
    "grid_points",
    "grid_statistics",
    "inside_outline",
    "lattice_of",
]

Floats = npt.NDArray[np.float64]

# A grid is held in memory; beyond this the cell is too small for the extent (a typing error, or a stray point).
MAX_CELLS = 200_000_000
STATISTICS = ("mean", "min", "max", "count", "std", "percentile", "median")
INTERPOLATIONS = ("idw", "natural_neighbour", "tin")


class Lattice(NamedTuple):
    """Cells of a grid by their whole numbers: cell k reaches from ``k * cell_m`` to ``(k + 1) * cell_m``."""

    cell_m: float
    first_column: int
    first_row: int
    n_rows: int
    n_columns: int

    def window(self, cells: tuple[int, int, int, int]) -> "Lattice":
        """The part that a tile's cells (first column and row, and the ones behind the last) have in common with it."""
        left, bottom = max(cells[0], self.first_column), max(cells[1], self.first_row)
        right = min(cells[2], self.first_column + self.n_columns)
        top = min(cells[3], self.first_row + self.n_rows)
        return Lattice(self.cell_m, left, bottom, max(top - bottom, 0), max(right - left, 0))

    def place(self, window: "Lattice") -> tuple[slice, slice]:
        """Where a window lies in arrays of this lattice, rows from the south."""
        row, column = window.first_row - self.first_row, window.first_column - self.first_column
        return slice(row, row + window.n_rows), slice(column, column + window.n_columns)

    def array(self, values: npt.NDArray[Any], cloud: Cloud) -> xr.DataArray:
        """Values of shape (n_rows, n_columns), rows from the south, as a grid with the cloud's systems."""
        # Whole multiples of the cell, plus a half: equal in both epochs to the last bit, so that alignment is exact.
        y = (self.first_row + np.arange(self.n_rows) + 0.5) * self.cell_m
        x = (self.first_column + np.arange(self.n_columns) + 0.5) * self.cell_m
        grid = xr.DataArray(values[::-1], coords={"y": y[::-1], "x": x}, dims=("y", "x"))
        if cloud.crs is not None:
            import rioxarray  # noqa: F401  registers the accessor

            grid = grid.rio.write_crs(cloud.crs)
        return grid


def grid_elevation(
    cloud: Cloud,
    cell_m: float,
    *,
    method: str = "mean",
    percentile: float | None = None,
    bounds: Sequence[float] | None = None,
    min_points: int = 1,
    max_gap_m: float | None = None,
    power: float = 2.0,
) -> xr.DataArray:
    """Elevation of a cloud on a square grid; cells that nobody has seen are NaN.

    Cell edges lie at whole multiples of `cell_m`, so grids of two epochs fit on each other. A cloud on disk is worked
    through tile by tile with the same result, to the last bit, as one in memory.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    cell_m : float
        Edge of a cell, metres.
    method : str
        What becomes of the points. Of the points in a cell: ``mean`` (unbiased on a slope, a minimum is not), ``min``,
        ``max``, ``count``, ``std``, ``percentile``, ``median``. At the middle of a cell, also where no point fell into
        it: ``idw`` (inverse distance), ``natural_neighbour`` (Sibson) or ``tin`` (linear in the Delaunay triangle).
    percentile : float, optional
        0 to 100, with ``method="percentile"``.
    bounds : sequence of 4 floats, optional
        (xmin, ymin, xmax, ymax) that the grid has to cover; default the cloud's.
    min_points : int
        Cells with fewer points are NaN, with the first kind of method.
    max_gap_m : float, optional
        With the second kind, and needed there: the widest gap to interpolate across, metres. A cell is NaN if an empty
        disk of that diameter fits around its middle (idw: centred on it; tin: around its triangle).
    power : float
        Exponent of the distance, with ``method="idw"``.

    Returns
    -------
    xarray.DataArray
        Dims (y, x) with y falling, cell centres as coordinates, the cloud's CRS, attrs ``units``, ``vertical_crs`` and
        ``method``. Interpolated ones carry the coordinate ``support`` (y, x): 0 unknown, 1 measured (a point lies in
        the cell), 2 interpolated.

    Raises
    ------
    ParameterError
        If a parameter is outside its range, or the grid would be larger than memory allows.
    GeometryError
        If the cloud is empty.
    CRSError
        If its coordinates are not metres.

    References
    ----------
    Sibson, R. (1981). A brief description of natural neighbour interpolation. In: Interpreting Multivariate Data.
    Shepard, D. (1968). A two-dimensional interpolation function for irregularly-spaced data. Proc. 23rd ACM Nat. Conf.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> scan = Scan([[0.2, 0.2, 1.0], [0.8, 0.4, 3.0], [2.5, 0.5, 9.0]])
    >>> grid_elevation(scan, 1.0).values
    array([[ 2., nan,  9.]])
    """
    if method not in STATISTICS + INTERPOLATIONS:
        expected = ", ".join(STATISTICS + INTERPOLATIONS)
        raise ParameterError(f"method {method!r}", where="grid_elevation", expected=expected)
    if (method == "percentile") != (percentile is not None) or not 0 <= (percentile or 0) <= 100:
        raise ParameterError(
            f"percentile {percentile} with method {method!r}",
            where="grid_elevation",
            expected="0 to 100 with method='percentile', none otherwise",
        )
    lattice = lattice_of(cloud, cell_m, bounds)
    if method in INTERPOLATIONS:
        from sxrisk.surfaces.interpolation import interpolate

        if max_gap_m is None or not 0 < max_gap_m < np.inf or not power > 0:
            raise ParameterError(
                f"max_gap_m {max_gap_m} and power {power} with method {method!r}",
                where="grid_elevation",
                expected="both more than 0: how far to interpolate has to be stated",
            )
        values, support = interpolate(cloud, lattice, method, max_gap_m, power)
        grid = lattice.array(values, cloud).assign_coords(support=(("y", "x"), support[::-1]))
    else:
        if max_gap_m is not None:
            raise ParameterError(
                f"max_gap_m {max_gap_m} with method {method!r}",
                where="grid_elevation",
                expected="none: a statistic is of the points in the cell",
                remedy="Fill gaps afterwards with fill_gaps, or use method='tin'",
            )
        layers = _layers(cloud, lattice, () if method == "count" else (method,), percentile)
        if method == "count":
            return lattice.array(layers["count"], cloud)
        if min_points > 1:
            layers[method][layers["count"] < min_points] = np.nan
        grid = lattice.array(layers[method], cloud)
    named = method if percentile is None else f"percentile {percentile:g}"
    grid.attrs.update(_units(cloud), method=named)
    return grid


def grid_statistics(cloud: Cloud, cell_m: float, *, bounds: Sequence[float] | None = None) -> xr.Dataset:
    """Count, mean, standard deviation, minimum and maximum of the heights in each cell, in one pass.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    cell_m : float
        Edge of a cell, metres.
    bounds : sequence of 4 floats, optional
        (xmin, ymin, xmax, ymax) to cover.

    Returns
    -------
    xarray.Dataset
        Variables ``count``, ``mean``, ``std`` (NaN below two points), ``min``, ``max`` on dims (y, x).

    Raises
    ------
    ParameterError, GeometryError, CRSError
        As :func:`grid_elevation`.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> scan = Scan([[0.2, 0.2, 1.0], [0.8, 0.4, 3.0], [2.5, 0.5, 9.0]])
    >>> grid_statistics(scan, 1.0)["max"].values
    array([[ 3., nan,  9.]])
    """
    lattice = lattice_of(cloud, cell_m, bounds)
    layers = _layers(cloud, lattice, ("mean", "std", "min", "max"), None)
    grids = {name: lattice.array(layers[name], cloud) for name in ("count", "mean", "std", "min", "max")}
    for name, grid in grids.items():
        grid.attrs.update({} if name == "count" else _units(cloud))
    return xr.Dataset(grids)


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


def lattice_of(cloud: Cloud, cell_m: float, bounds: Sequence[float] | None = None) -> Lattice:
    """The cells that cover a cloud, or the bounds given.

    Raises
    ------
    ParameterError, GeometryError, CRSError
        As :func:`grid_elevation`.
    """
    if not np.isfinite(cell_m) or cell_m <= 0:
        raise ParameterError(f"cells of {cell_m} m", where="cell_m", expected="more than 0")
    cloud.require_metres()
    if not cloud.n_points:
        raise GeometryError("a scan without points gives no grid", where=cloud.source or None)
    box = cloud.bounds()
    xmin, ymin, xmax, ymax = (box.xmin, box.ymin, box.xmax, box.ymax) if bounds is None else map(float, bounds)
    if not (xmin <= xmax and ymin <= ymax):
        raise ParameterError(f"bounds {bounds} are turned round", where="bounds", expected="xmin, ymin, xmax, ymax")
    left, bottom, right, top = (_cell_of(v, cell_m) for v in (xmin, ymin, xmax, ymax))
    n_columns, n_rows = right - left + 1, top - bottom + 1
    if n_columns * n_rows > MAX_CELLS:
        raise ParameterError(
            f"{n_columns} x {n_rows} cells of {cell_m:g} m",
            where=cloud.source or "cell_m",
            expected=f"at most {MAX_CELLS:,} cells",
            remedy="Use larger cells, or cut the scan: a stray point far away may widen it",
        )
    return Lattice(float(cell_m), left, bottom, n_rows, n_columns)


def _cell_of(value: float, cell_m: float) -> int:
    k = int(np.floor(value / cell_m))
    return k - 1 if value < k * cell_m else k + 1 if value >= (k + 1) * cell_m else k


def _units(cloud: Cloud) -> dict[str, str]:
    return {"units": "m", "vertical_crs": "" if cloud.vertical_crs is None else cloud.vertical_crs.to_string()}


def _layers(
    cloud: Cloud, lattice: Lattice, names: Sequence[str], percentile: float | None
) -> dict[str, npt.NDArray[Any]]:
    """Statistics by name, each (n_rows, n_columns) with rows from the south; ``count`` is always among them."""
    out: dict[str, npt.NDArray[Any]] = {}
    shape = (lattice.n_rows, lattice.n_columns)
    for tile in cloud.tiles(attributes=(), align_m=lattice.cell_m):
        window = lattice.window(tile.cells(lattice.cell_m))
        if not window.n_rows or not window.n_columns:
            continue
        layers = cell_statistics(tile.scan.xyz, window, names, percentile)
        if window == lattice:
            return layers
        for name, values in layers.items():
            if name not in out:
                out[name] = np.zeros(shape, np.int64) if name == "count" else np.full(shape, np.nan)
            out[name][lattice.place(window)] = values
    return out


def cell_statistics(
    xyz: Floats, window: Lattice, names: Sequence[str], percentile: float | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Statistics of the heights in the cells of a window, of the points that lie in it.

    Parameters
    ----------
    xyz : ndarray of shape (n, 3)
        Points, metres.
    window : Lattice
        The cells.
    names : sequence of str
        Of ``mean``, ``std``, ``min``, ``max``, ``percentile`` and ``median``.
    percentile : float, optional
        0 to 100, for the one of that name.

    Returns
    -------
    dict of str to ndarray of shape (n_rows, n_columns)
        Rows from the south; ``count`` (int64), and those asked for: NaN in a cell without points.
    """
    from sxrisk.surfaces._grid_kernels import part, quantiles, summarise

    shape = (window.n_rows, window.n_columns)
    layers: dict[str, npt.NDArray[Any]] = {name: np.empty(shape) for name in names}
    layers["count"] = np.empty(shape, np.int64)
    cells, home = np.empty((2, len(xyz)), np.int32)
    z = np.empty(len(xyz) if names else 0)
    parted = (*part(np.ascontiguousarray(xyz), *window, cells, home, z), home, z)
    simple = (layers[name].ravel() if name in layers else np.empty(0) for name in ("mean", "std", "min", "max"))
    summarise(*parted, layers["count"].ravel(), *simple)
    for name in {"percentile", "median"} & layers.keys():
        quantiles(*parted, 0.5 if percentile is None else percentile / 100.0, layers[name].ravel())
    return layers
