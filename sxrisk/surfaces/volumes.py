"""Volumes between two surfaces, with what was filled and how sure the figure is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces.grids import cell_size_m, fill_gaps, grid_points, inside_outline

__all__ = ["VolumeChange", "base_surface", "volume_between"]

Floats = npt.NDArray[np.float64]


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
        1 sigma of `net_m3`: independent errors of the cells, common error of the registration, filled cells.
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

    Returns
    -------
    VolumeChange

    Raises
    ------
    GeometryError
        If the grids do not fit on each other, or have no cell in common.
    ParameterError
        If a length is negative.

    Examples
    --------
    >>> centres = {"y": [2.5, 1.5, 0.5], "x": [0.5, 1.5, 2.5, 3.5]}
    >>> ground = xr.DataArray(np.zeros((3, 4)), coords=centres, dims=("y", "x"))
    >>> change = volume_between(ground, ground + 0.5, common_sigma_m=0.01)
    >>> change.net_m3, round(change.sigma_m3, 3)
    (6.0, 0.12)
    """
    for name, value in (("max_gap_m", max_gap_m), ("cell_sigma_m", cell_sigma_m), ("common_sigma_m", common_sigma_m),
                        ("threshold_m", threshold_m)):  # fmt: skip
        if not value >= 0:
            raise ParameterError(f"{value} m", where=name, expected="zero or more")
    if isinstance(before, xr.DataArray):
        before, after = _aligned(before, after)
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
    values = np.where(inside, difference.values, np.nan)
    filled = np.isfinite(values) & ~measured
    cell_area = cell_size_m(difference) ** 2
    known = values[np.isfinite(values)]
    large = known[np.abs(known) >= threshold_m]
    n_filled = int(filled.sum())
    # A filled cell is as uncertain as the ground is uneven; within one hole the error is one, so it adds linearly.
    unevenness = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    sigma = np.sqrt(
        (cell_area * cell_sigma_m) ** 2 * int(measured.sum())
        + (cell_area * common_sigma_m * known.size) ** 2
        + hole_variance(filled, cell_area * unevenness)
    )
    return VolumeChange(
        cut_m3=float(-large[large < 0].sum() * cell_area),
        fill_m3=float(large[large > 0].sum() * cell_area),
        net_m3=float(known.sum() * cell_area),
        sigma_m3=float(sigma),
        filled_share=n_filled / known.size,
        unknown_m2=float((inside & ~np.isfinite(values)).sum() * cell_area) if outline is not None else 0.0,
        area_m2=float(known.size * cell_area),
        difference=difference.copy(data=values),
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


def _aligned(before: xr.DataArray, after: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
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


def hole_variance(filled: npt.NDArray[np.bool_], sigma_m3: float) -> float:
    """Variance of a volume from its filled cells: one error in each hole, so it adds linearly there.

    Parameters
    ----------
    filled : ndarray of bool, shape (ny, nx)
        Cells whose value was carried in from around.
    sigma_m3 : float
        1 sigma of one such cell.

    Returns
    -------
    float
        In m6.
    """
    from scipy.ndimage import label

    holes, n_holes = label(filled)
    size = np.bincount(holes.ravel(), minlength=n_holes + 1)[1:]
    return float(((size * sigma_m3) ** 2).sum())
