"""Waste dumps: stack height from toe to crest, volume, growth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.ndimage import binary_dilation, binary_opening, label, median_filter
from shapely import Point

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.sites._common import along_outline, sample_grid
from sxrisk.sites._terrain_site import TerrainSite, open_terrain_site
from sxrisk.sites.result import SiteResult
from sxrisk.surfaces.grids import fill_gaps, inside_outline
from sxrisk.surfaces.volumes import base_surface, hole_variance, volume_between

__all__ = ["measure_dump"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_BODY_M2 = 25.0
TOE_STEP_M = 2.0
TOE_REACH_M = 20.0
# A profile shows a toe if its inner leg falls this much more steeply than its outer one (tangents).
TOE_BREAK = 0.2
FLAT_TANGENT = 0.14
CHANGED_M = 0.15
CHANGED_MIN_M2 = 100.0
GAP_M = 25.0
# With more than this of the dump unseen in an epoch, its growth is only that of the part that was seen.
UNSEEN_SHARE = 0.03
# A toe in a shadow may lie in a hollow of the ground that nobody sees.
HIDDEN_TOE_SIGMA_M = 1.0
# Growth is looked for up to this far outside the outline, which usually is the older one.
GROWTH_REACH_M = 40.0
# By how many cells gaps are moved onto known ground to see how wrong filling is.
SHIFT = 15


@dataclass(frozen=True)
class _Toe:
    level_m: float
    sigma_m: float
    place: Floats
    method: str


def measure_dump(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "waste_dump",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
) -> SiteResult:
    """Measure a waste dump.

    *stack_height*: level of the topmost platform less the lowest place of the toe line. The toe is found on profiles
    across the outline as the break between the slope of the dump and that of the ground, so the outline needs to be
    right only to some 15 m; where the lowest toe lies in a shadow, the method code says so and the height is a lower
    bound with a wide sigma. *volume*: above a base carried in from the ground around the toe. With two epochs
    *volume_growth* (net of what was added and taken, where the surface changed), and the moving bodies as for a pit.

    Parameters
    ----------
    epochs, site_id, name, kind, outline_crs, parameters, change_parameters, crs, vertical_crs
        As for :func:`measure_pit`.
    outline : shapely polygon
        Toe of the dump.

    Returns
    -------
    SiteResult

    Raises
    ------
    ParameterError
        If there is no outline.
    GeometryError
        If the scan does not show platform or toe.
    """
    if outline is None:
        raise ParameterError(
            "a waste dump without an outline",
            where=site_id,
            expected="the polygon of its toe",
            remedy="Name its layer and feature in the project file",
        )
    site = open_terrain_site(
        kind, epochs, site_id=site_id, name=name, outline=outline, outline_crs=outline_crs, parameters=parameters or {},
        change_parameters=change_parameters, crs=crs, vertical_crs=vertical_crs, min_body_m2=MIN_BODY_M2,
        margin_m=GROWTH_REACH_M,
    )  # fmt: skip
    for grid, epoch in zip(site.grids, site.epochs, strict=True):
        _measure_height(site, grid, epoch.scan.epoch)
    growth = None if site.change is None else _measure_growth(site)
    _measure_volume(site, growth)
    return site.finish({} if growth is None else {"growth": growth})


def _measure_height(site: TerrainSite, grid: xr.DataArray, epoch: Any) -> None:
    crest, crest_sigma = _platform(grid, site)
    toe = _lowest_toe(grid, site)
    shared = float(site.last.scan.registration_sigma_m or 0.0)
    site.rows.add(
        "stack_height",
        crest - toe.level_m,
        "m",
        sigma=float(np.sqrt(crest_sigma**2 + toe.sigma_m**2 + shared**2)),
        epoch=epoch,
        method=toe.method,
        geometry=site.outline,
    )
    site.rows.add(
        "toe_level", toe.level_m, "m", sigma=toe.sigma_m, epoch=epoch, method=toe.method, geometry=Point(toe.place)
    )
    site.rows.add("crest_level", crest, "m", sigma=crest_sigma, epoch=epoch, method="platform_median")


def _platform(grid: xr.DataArray, site: TerrainSite) -> tuple[float, float]:
    """Level of the topmost platform and its 1 sigma: flat cells within the top tenth of the dump's height."""
    z = grid.values
    inside = inside_outline(grid, site.outline) & np.isfinite(z)
    if not inside.any():
        raise GeometryError(
            "no point of the scan lies inside the outline",
            where=site.site_id,
            expected="a scan of this dump, outline and scan in the same place",
        )
    low, high = np.percentile(z[inside], [1.0, 99.5])
    with np.errstate(invalid="ignore"):
        tangent = np.hypot(*np.gradient(median_filter(z, 3), site.cell_m))
        top = inside & (z > high - 0.1 * (high - low)) & (tangent < FLAT_TANGENT)
    if top.sum() < 20:
        return float(high), 0.3
    level = float(np.median(z[top]))
    return level, max(1.4826 * float(np.median(np.abs(z[top] - level))) / np.sqrt(top.sum() / 50.0), 0.02)


def _lowest_toe(grid: xr.DataArray, site: TerrainSite) -> _Toe:
    """The lowest place of the toe line."""
    ring = along_outline(site.outline, TOE_STEP_M)
    tangent = np.roll(ring, -3, axis=0) - np.roll(ring, 3, axis=0)
    normal = np.column_stack([tangent[:, 1], -tangent[:, 0]])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    middle = np.asarray(site.outline.centroid.coords[0])
    if float(np.einsum("ij,ij->i", ring - middle, normal).sum()) < 0:
        normal = -normal
    along = np.arange(-TOE_REACH_M, TOE_REACH_M + 1e-9, site.cell_m / 2.0)
    places = ring[:, None, :] + along[None, :, None] * normal[:, None, :]
    # Single empty cells are no shadow.
    whole, _ = fill_gaps(grid, 3.0 * site.cell_m)
    heights = sample_grid(whole, places.reshape(-1, 2)).reshape(len(ring), len(along))
    found = [_slope_break(along, profile) for profile in heights]
    toe = np.array([np.nan if hit is None else hit[1] for hit in found])
    known = np.flatnonzero(np.isfinite(toe))
    if len(known) < 5:
        raise GeometryError(
            f"a toe shows on {len(known)} of {len(ring)} profiles across the outline",
            where=site.site_id,
            expected="the slope's foot and some ground before it, within 15 m of the outline",
            remedy="Check the outline against the scan",
        )
    smooth = median_filter(toe[known], size=5, mode="nearest")
    lowest = int(np.argmin(smooth))
    scatter = 1.4826 * float(np.median(np.abs(toe[known] - smooth)))
    hit = found[known[lowest]]
    place = ring[known[lowest]] + (hit[0] if hit is not None else 0.0) * normal[known[lowest]]
    level = float(smooth[lowest])
    ends = np.array([_end_of_slope(along, profile) for profile in heights])
    ends[known] = np.nan
    if np.isfinite(ends).sum() >= 3 and np.nanmin(ends) < level - 0.1:
        # The toe is hidden where the slope is still seen below every toe that shows: the stack is at least so high.
        at = int(np.nanargmin(ends))
        return _Toe(float(ends[at]), HIDDEN_TOE_SIGMA_M, ring[at], "platform_to_lowest_seen_slope")
    return _Toe(level, max(scatter, 0.05), place, "platform_to_lowest_toe")


def _end_of_slope(along: Floats, heights: Floats) -> float:
    """Lowest height seen of a slope that runs into a shadow near the outline; NaN where none does."""
    known = np.flatnonzero(np.isfinite(heights) & (along <= 0.5 * TOE_REACH_M))
    if len(known) < 8 or along[known[-1]] < -0.75 * TOE_REACH_M or along[known[-1]] > 0.45 * TOE_REACH_M:
        return float("nan")
    last = known[-8:]
    fall = float(np.polyfit(along[last], heights[last], 1)[0])
    return float(heights[last[-1]]) if fall < -2.0 * TOE_BREAK else float("nan")


def _slope_break(along: Floats, heights: Floats) -> tuple[float, float] | None:
    """Place and height where two straight legs meet that fit the profile best, or None where there is no toe."""
    known = np.isfinite(heights)
    if known.sum() < 0.6 * len(along):
        return None
    s, z = along[known], heights[known]
    best: tuple[float, float, Floats] | None = None
    for bend in np.arange(-0.75 * TOE_REACH_M, 0.75 * TOE_REACH_M + 1e-9, 0.5):
        # Height at the bend, slope before, slope after.
        design = np.column_stack([np.ones_like(s), np.minimum(s - bend, 0.0), np.maximum(s - bend, 0.0)])
        solution, *_ = np.linalg.lstsq(design, z, rcond=None)
        misfit = float(np.abs(z - design @ solution).mean())
        if best is None or misfit < best[0]:
            best = (misfit, float(bend), solution)
    if best is None:
        return None
    _, bend, (height, before, after) = best
    return (bend, float(height)) if after - before > TOE_BREAK and before < -TOE_BREAK else None


def _measure_growth(site: TerrainSite) -> xr.DataArray:
    """Volume added and taken where the surface changed; gives the difference there."""
    known = np.isfinite((site.grids[-1] - site.grids[0]).values)
    spanned = volume_between(site.grids[0], site.grids[-1], max_gap_m=GAP_M, common_sigma_m=site.common_sigma_m)
    difference = spanned.difference
    near = inside_outline(difference, site.outline.buffer(GROWTH_REACH_M))
    with np.errstate(invalid="ignore"):
        changed = near & (np.abs(difference.values) > CHANGED_M)
    patches, n_patches = label(binary_opening(changed, np.ones((3, 3), dtype=bool)))
    size = np.bincount(patches.ravel(), minlength=n_patches + 1)
    size[0] = 0
    large = (size * site.cell_m**2 >= CHANGED_MIN_M2)[patches]
    # The rims fade below the threshold, and the opening took their outermost cells.
    within = binary_dilation(large, iterations=max(int(np.ceil(2.0 / site.cell_m)), 2))
    values = np.where(within, difference.values, np.nan)
    counted = np.isfinite(values)
    volume = float(np.nansum(values) * site.cell_m**2)
    filled = int((counted & ~known).sum())
    cell_m2 = site.cell_m**2
    gap_error_m = _gap_error_m(site.grids[-1] - site.grids[0], counted & ~known, counted & known)
    sigma = np.sqrt(
        (site.common_sigma_m * counted.sum() * cell_m2) ** 2 + hole_variance(counted & ~known, gap_error_m * cell_m2)
    )
    domain = inside_outline(difference, site.outline) | large
    unseen = float((domain & ~np.isfinite(difference.values)).sum() / max(int(domain.sum()), 1))
    site.rows.add(
        "volume_growth",
        volume,
        "m3",
        sigma=float(sigma),
        epoch=site.last.scan.epoch,
        method="grid_difference" if unseen < UNSEEN_SHARE else "grid_difference_seen_part",
        geometry=site.outline,
    )
    added = values[counted & (np.nan_to_num(values) > 0)].sum() * site.cell_m**2
    taken = -values[counted & (np.nan_to_num(values) < 0)].sum() * site.cell_m**2
    site.summary["growth"] = {
        "added_m3": round(float(added), 2),
        "taken_m3": round(float(taken), 2),
        "filled_share": round(filled / max(int(counted.sum()), 1), 4),
        "area_m2": round(float(counted.sum() * site.cell_m**2), 1),
        "unseen_share": round(unseen, 4),
    }
    return difference.copy(data=values)


def _gap_error_m(difference: xr.DataArray, gaps: Mask, known: Mask) -> float:
    """How wrong filling is: gaps of the same shape are cut where the surface is known, filled, and compared; rms, m."""
    errors = []
    for rows, columns in ((SHIFT, 0), (-SHIFT, 0), (0, SHIFT), (0, -SHIFT)):
        cut = np.roll(gaps, (rows, columns), axis=(0, 1)) & known
        if cut.any():
            refilled, _ = fill_gaps(difference.where(~cut), GAP_M)
            errors.append((refilled.values - difference.values)[cut])
    told = np.concatenate(errors) if errors else np.zeros(0)
    told = told[np.isfinite(told)]
    return float(np.sqrt(np.mean(told**2))) if len(told) else 0.0


def _measure_volume(site: TerrainSite, growth: xr.DataArray | None) -> None:
    """Volume above the ground around the toe, for all epochs above the same: fresh fill on the ring is no ground."""
    lowest = site.grids[0].copy(data=np.fmin.reduce([grid.values for grid in site.grids]))
    try:
        base = base_surface(lowest, site.outline, ring_m=8.0 * site.cell_m)
    except GeometryError:
        # The ground around the toe was not scanned: there is no volume, and the summary says so by its absence.
        return
    for grid, epoch in zip(site.grids, site.epochs, strict=True):
        heap = volume_between(base, grid, outline=site.outline, max_gap_m=GAP_M, common_sigma_m=site.common_sigma_m)
        # The base was never seen: a tenth of the volume stands for what lies between guess and ground. What was not
        # seen of the heap counts for nothing, and may be as thick as the rest.
        unseen = heap.unknown_m2 * abs(heap.net_m3) / heap.area_m2
        volume = heap.net_m3
        if growth is not None and epoch is site.last:
            # What was heaped up outside the older outline stands on ground that the first epoch saw.
            outside = ~inside_outline(growth, site.outline)
            volume += float(np.nansum(growth.values[outside]) * site.cell_m**2)
        site.rows.add(
            "volume",
            volume,
            "m3",
            sigma=float(np.linalg.norm([heap.sigma_m3, 0.1 * volume, unseen])),
            epoch=epoch.scan.epoch,
            method="base_from_toe" if unseen < UNSEEN_SHARE * abs(heap.net_m3) else "base_from_toe_seen_part",
            geometry=site.outline,
        )
