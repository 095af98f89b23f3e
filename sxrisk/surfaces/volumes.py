"""Volumes between two surfaces, with what was filled and how sure the figure is."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces.correlated_error import SpatialError
from sxrisk.surfaces.grids import cell_size_m, fill_gaps, grid_points, inside_outline

__all__ = [
    "CellErrors",
    "Pair",
    "VolumeChange",
    "aligned",
    "base_surface",
    "fitted_plane",
    "hole_variance",
    "matched_pair",
    "summed",
    "volume_between",
]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class VolumeChange:
    """Material gone and come between two surfaces.

    Parameters
    ----------
    cut_m3, fill_m3 : float
        Volume where the later surface is lower, where it is higher; both positive.
    net_m3 : float
        Fill less cut.
    sigma_m3 : float
        1 sigma of `net_m3`: errors of the cells (independent, or correlated as stated), common error of the
        registration, filled cells.
    filled_share : float
        Part of the area where one of the surfaces was filled from the rims of its gaps, 0 to 1.
    unknown_m2 : float
        Area inside the outline that stays without a difference and counts for nothing.
    area_m2 : float
        Area that counts.
    difference : xarray.DataArray
        Later less earlier elevation (y, x), metres, filled cells included.
    """

    cut_m3: float
    fill_m3: float
    net_m3: float
    sigma_m3: float
    filled_share: float
    unknown_m2: float
    area_m2: float
    difference: xr.DataArray


def volume_between(
    before: xr.DataArray | float,
    after: xr.DataArray,
    *,
    outline: Any = None,
    max_gap_m: float = 5.0,
    cell_sigma_m: float = 0.0,
    common_sigma_m: float = 0.0,
    threshold_m: float = 0.0,
    error: SpatialError | None = None,
    slope_deg: xr.DataArray | None = None,
) -> VolumeChange:
    """Volume between two elevation grids, or between a level and a grid.

    Empty cells are neither zero nor the mean: gaps of each surface are filled linearly from their rims, and the share
    of the area that rests on filled cells is told.

    Parameters
    ----------
    before, after : xarray.DataArray
        Elevations (y, x) on grids of the same cell, edges at whole multiples of it; `before` may be a level in metres.
    outline : shapely geometry, optional
        Only inside it, in the grids' coordinates.
    max_gap_m : float
        Width of the widest gap to fill, metres.
    cell_sigma_m : float
        1 sigma of a cell's difference, independent from cell to cell, metres.
    common_sigma_m : float
        1 sigma of an error that all cells share (registration, height datum), metres.
    threshold_m : float
        Differences below it count neither as cut nor as fill (noise alone would give both); the net counts all.
    error : SpatialError, optional
        Size and correlation of the cells' errors, from :func:`spatial_error`; instead of `cell_sigma_m`.
    slope_deg : xarray.DataArray, optional
        Slope of the ground (y, x), for an error that depends on it.

    Returns
    -------
    VolumeChange

    Raises
    ------
    GeometryError
        If the grids do not fit on each other, or have no cell in common.
    ParameterError
        If a length is negative, or both `error` and `cell_sigma_m` are given.

    Examples
    --------
    >>> centres = {"y": [2.5, 1.5, 0.5], "x": [0.5, 1.5, 2.5, 3.5]}
    >>> ground = xr.DataArray(np.zeros((3, 4)), coords=centres, dims=("y", "x"))
    >>> change = volume_between(ground, ground + 0.5, common_sigma_m=0.01)
    >>> change.net_m3, round(change.sigma_m3, 3)
    (6.0, 0.12)
    """
    pair = matched_pair(before, after, outline=outline, max_gap_m=max_gap_m)
    errors = CellErrors(cell_sigma_m, common_sigma_m, error, slope_deg)
    return summed(pair, pair.difference, np.isfinite(pair.difference.values), errors, threshold_m)


class CellErrors(NamedTuple):
    """What is known of the errors of a difference; see :func:`volume_between`."""

    cell_sigma_m: float = 0.0
    common_sigma_m: float = 0.0
    error: SpatialError | None = None
    slope_deg: xr.DataArray | None = None

    def check(self) -> None:
        """Raise where a sigma is negative or two models are given."""
        for name in ("cell_sigma_m", "common_sigma_m"):
            if not getattr(self, name) >= 0:
                raise ParameterError(f"{getattr(self, name)} m", where=name, expected="zero or more")
        if self.error is not None and self.cell_sigma_m > 0:
            raise ParameterError(
                f"cell_sigma_m={self.cell_sigma_m} beside an error model", where="volume", expected="one of the two"
            )

    def variance_m6(self, measured: Mask, filled: Mask, grid: xr.DataArray, unevenness_m: Floats) -> float:
        """Variance of the volume over the cells of two masks."""
        cell = cell_size_m(grid)
        area, n = cell**2, int(measured.sum()) + int(filled.sum())
        if self.error is None:
            of_cells = (area * self.cell_sigma_m) ** 2 * int(measured.sum())
        else:
            slope = self.slope_deg
            if slope is not None:
                slope = slope.reindex_like(grid, method="nearest", tolerance=1e-3 * cell)
            # Filled cells lean on measured ones and inherit their errors.
            of_cells = (area * self.error.sum_sigma_m(measured | filled, cell, slope_deg=slope)) ** 2
        return of_cells + (area * self.common_sigma_m * n) ** 2 + hole_variance(filled, area * unevenness_m)


class Pair(NamedTuple):
    """Two surfaces on the same cells with their gaps filled, and where both were measured."""

    before: xr.DataArray | float
    after: xr.DataArray
    difference: xr.DataArray
    measured: Mask
    inside: Mask
    has_outline: bool


def matched_pair(before: xr.DataArray | float, after: xr.DataArray, *, outline: Any, max_gap_m: float) -> Pair:
    """Lay two surfaces on each other and fill their gaps.

    Raises
    ------
    ParameterError, GeometryError
        As :func:`volume_between`.
    """
    if not max_gap_m >= 0:
        raise ParameterError(f"{max_gap_m} m", where="max_gap_m", expected="zero or more")
    if isinstance(before, xr.DataArray):
        before, after = aligned(before, after)
    measured = np.isfinite((after - before).values)
    whole_after, _ = fill_gaps(after, max_gap_m)
    whole_before = fill_gaps(before, max_gap_m)[0] if isinstance(before, xr.DataArray) else before
    difference = whole_after - whole_before
    difference.attrs.update(units="m", vertical_crs=after.attrs.get("vertical_crs", ""))
    inside = inside_outline(difference, outline)
    measured &= inside
    if not measured.any():
        raise GeometryError(
            "the two surfaces have no cell in common inside the outline", expected="two epochs of the same place"
        )
    difference = difference.copy(data=np.where(inside, difference.values, np.nan))
    return Pair(whole_before, whole_after, difference, measured, inside, outline is not None)


def summed(
    pair: Pair, difference: xr.DataArray, counted: Mask, errors: CellErrors, threshold_m: float = 0.0
) -> VolumeChange:
    """Volumes of a difference over the cells that count.

    Raises
    ------
    ParameterError
        As :func:`volume_between`.
    """
    errors.check()
    if not threshold_m >= 0:
        raise ParameterError(f"{threshold_m} m", where="threshold_m", expected="zero or more")
    cell_area = cell_size_m(difference) ** 2
    known = difference.values[counted]
    large = known[np.abs(known) >= threshold_m]
    filled = counted & ~pair.measured
    unevenness = _unevenness(pair.difference.values, np.isfinite(pair.difference.values) & ~pair.measured)
    unknown = pair.inside & ~np.isfinite(pair.difference.values)
    return VolumeChange(
        cut_m3=float(-large[large < 0].sum() * cell_area),
        fill_m3=float(large[large > 0].sum() * cell_area),
        net_m3=float(known.sum() * cell_area),
        sigma_m3=float(np.sqrt(errors.variance_m6(counted & pair.measured, filled, difference, unevenness))),
        filled_share=int(filled.sum()) / max(known.size, 1),
        unknown_m2=float(unknown.sum() * cell_area) if pair.has_outline else 0.0,
        area_m2=float(known.size * cell_area),
        difference=difference,
    )


def base_surface(grid: xr.DataArray, outline: Any, *, ring_m: float | None = None) -> xr.DataArray:
    """Ground below a heap: heights in a ring around its outline, carried in linearly and smoothly.

    Parameters
    ----------
    grid : xarray.DataArray
        Elevation (y, x) that shows the heap and a rim of ground around it.
    outline : shapely polygon
        Toe of the heap, in the grid's coordinates.
    ring_m : float, optional
        Width of the ring outside the outline; default three cells.

    Returns
    -------
    xarray.DataArray
        On the grid's cells: the base inside the outline, the measured ground outside.

    Raises
    ------
    GeometryError
        If the ring holds fewer than 8 cells with a height.
    """
    from sxrisk.surfaces.tin import triangulated_heights

    cell = cell_size_m(grid)
    width = 3.0 * cell if ring_m is None else ring_m
    inside = inside_outline(grid, outline)
    ring = inside_outline(grid, outline.buffer(width)) & ~inside & np.isfinite(grid.values)
    if ring.sum() < 8:
        raise GeometryError(
            f"only {int(ring.sum())} cells of ground are measured around the outline",
            expected="a rim of ground around the toe",
            remedy="Scan the ground around the heap as well, or give its base surface",
        )
    x, y = grid_points(grid)
    middle = np.array([float(x.mean()), float(y.mean())])
    places = np.column_stack([x.ravel(), y.ravel()]) - middle
    heights = grid.values.ravel()
    at_ring = ring.ravel()
    # A plane first: the triangulation then only carries what deviates from it, and extrapolates to zero.
    design = np.column_stack([places[at_ring], np.ones(int(at_ring.sum()))])
    plane, *_ = np.linalg.lstsq(design, heights[at_ring], rcond=None)
    trend = places @ plane[:2] + plane[2]
    corner = (float(x.min() - middle[0]) - cell / 2.0, float(y.min() - middle[1]) - cell / 2.0)
    carried = triangulated_heights(
        places[at_ring], (heights - trend)[at_ring], corner, cell, (grid.shape[0], grid.shape[1])
    )[::-1]
    base = grid.values.copy()
    base[inside] = trend[inside.ravel()] + np.nan_to_num(carried[inside])
    return grid.copy(data=base)


def fitted_plane(grid: xr.DataArray, outline: Any = None) -> xr.DataArray:
    """The plane through a grid's heights by least absolute deviations, on its cells: a base that a few bumps leave be.

    Parameters
    ----------
    grid : xarray.DataArray
        Elevation (y, x).
    outline : shapely geometry, optional
        Fit only to the cells inside it.

    Returns
    -------
    xarray.DataArray
        Heights of the plane on every cell.

    Raises
    ------
    GeometryError
        If fewer than three cells have a height, or they lie on one line.

    Examples
    --------
    >>> x = np.arange(5.0)
    >>> ground = xr.DataArray(np.tile(0.1 * x, (5, 1)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> ground[2, 2] = 9.0
    >>> float(fitted_plane(ground)[2, 2].round(6))
    0.2
    """
    x, y = grid_points(grid)
    use = inside_outline(grid, outline) & np.isfinite(grid.values)
    centre = np.array([float(x.mean()), float(y.mean())])
    design = np.column_stack([x[use] - centre[0], y[use] - centre[1], np.ones(int(use.sum()))])
    if len(design) < 3 or np.linalg.matrix_rank(design) < 3:
        raise GeometryError(
            f"{len(design)} cells with a height give no plane", where="fitted_plane", expected="three, not on one line"
        )
    heights = grid.values[use]
    weight = np.ones(len(heights))
    for _ in range(60):
        plane, *_ = np.linalg.lstsq(design * weight[:, None], heights * weight, rcond=None)
        weight = 1.0 / np.sqrt(np.maximum(np.abs(heights - design @ plane), 1e-9))
    return grid.copy(data=plane[0] * (x - centre[0]) + plane[1] * (y - centre[1]) + plane[2])


def aligned(before: xr.DataArray, after: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Two grids on the cells of both together, NaN where one has none.

    Raises
    ------
    GeometryError
        If the cells do not lie on each other.
    """
    size_before, size_after = cell_size_m(before), cell_size_m(after)
    shifts = [
        abs((float(a[0]) - float(b[0])) / size_after % 1.0) for a, b in ((before.x, after.x), (before.y, after.y))
    ]
    if abs(size_before / size_after - 1.0) > 1e-9 or any(min(s, 1.0 - s) > 1e-6 for s in shifts):
        raise GeometryError(
            f"cells of {size_before:g} m and {size_after:g} m do not lie on each other",
            expected="two grids of the same cell, edges at whole multiples of it",
            remedy="Make both with grid_elevation and the same cell_m",
        )
    return _on_union(before, after), _on_union(after, before)


def _on_union(grid: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    cell = cell_size_m(grid)
    axes = {}
    for axis in ("x", "y"):
        low = min(float(grid[axis].min()), float(other[axis].min()))
        n = round((max(float(grid[axis].max()), float(other[axis].max())) - low) / cell) + 1
        values = (np.round(low / cell - 0.5) + 0.5 + np.arange(n)) * cell
        axes[axis] = values[::-1] if axis == "y" else values
    return grid.reindex(axes, method="nearest", tolerance=cell * 1e-3)


def _unevenness(difference: Floats, filled: Mask) -> Floats:
    """1 sigma of each filled cell (ny, nx), metres: as uneven as the rim of its hole, and at least as the whole."""
    from scipy.ndimage import label, maximum_filter

    known = difference[np.isfinite(difference)]
    overall = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    holes, n_holes = label(filled)
    rim = np.where(np.isfinite(difference) & ~filled, maximum_filter(holes, size=3), 0)
    own, heights = rim[rim > 0], difference[rim > 0]
    n = np.maximum(np.bincount(own, minlength=n_holes + 1), 1)
    mean = np.bincount(own, heights, n_holes + 1) / n
    spread = np.sqrt(np.bincount(own, (heights - mean[own]) ** 2, n_holes + 1) / n)
    return np.maximum(spread, overall)[holes]


def hole_variance(filled: npt.NDArray[np.bool_], sigma_m3: float | Floats) -> float:
    """Variance of a volume from its filled cells: one error in each hole, so it adds linearly there.

    Parameters
    ----------
    filled : ndarray of bool, shape (ny, nx)
        Cells whose value was carried in from around.
    sigma_m3 : float or ndarray of shape (ny, nx)
        1 sigma of one such cell.

    Returns
    -------
    float
        In m6.
    """
    from scipy.ndimage import label

    holes, n_holes = label(filled)
    share = np.bincount(holes.ravel(), np.broadcast_to(sigma_m3, holes.shape).ravel(), n_holes + 1)[1:]
    return float((share**2).sum())
