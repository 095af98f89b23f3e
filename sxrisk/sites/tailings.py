"""Tailings ponds: crest, outer slope, beach and water."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.ndimage import binary_dilation, binary_erosion, label
from shapely import LineString, Point

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.sites._common import along_outline, sample_grid
from sxrisk.sites._terrain_site import TerrainSite, open_terrain_site
from sxrisk.sites.result import SiteResult
from sxrisk.surfaces import grid_elevation
from sxrisk.surfaces.grids import fill_gaps, grid_points, inside_outline

__all__ = ["measure_tailings"]

Floats = npt.NDArray[np.float64]

MIN_BODY_M2 = 15.0
OFFSETS_M = np.arange(-40.0, 40.1, 5.0)
# Behind its crest a dam falls towards the beach; less than this is a berm.
FALL_BEHIND_M = 0.5
WATER_CELL_M = 2.0
WATER_GAP_M = 16.0
WATER_MIN_M2 = 400.0


@dataclass(frozen=True)
class _Crest:
    level_m: float
    sigma_m: float
    inner: Floats
    outer: Floats
    upstream: Floats


def measure_tailings(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "tailings_pond",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
) -> SiteResult:
    """Measure a tailings pond.

    From the lowest place of the outline (the dam's foot) profiles run upstream; the dam's crest is where they first
    fall again. *crest_level*, *dam_height* (crest less foot), *outer_slope*. Water gives no return: the largest hole
    inside the outline behind the crest is *water_area*; the ground at its rim gives *water_level*, from which follow
    *freeboard* (at this water level, not at the design flood) and *beach_length* (least distance from crest to water).

    Parameters
    ----------
    epochs, site_id, name, kind, outline_crs, parameters, change_parameters, crs, vertical_crs
        As for :func:`measure_pit`.
    outline : shapely polygon
        Dam, beach and water.

    Returns
    -------
    SiteResult

    Raises
    ------
    ParameterError
        If there is no outline.
    GeometryError
        If the scan does not show a dam.
    """
    if outline is None:
        raise ParameterError(
            "a tailings pond without an outline",
            where=site_id,
            expected="the polygon of dam and pond",
            remedy="Name its layer and feature in the project file",
        )
    site = open_terrain_site(
        kind, epochs, site_id=site_id, name=name, outline=outline, outline_crs=outline_crs, parameters=parameters or {},
        change_parameters=change_parameters, crs=crs, vertical_crs=vertical_crs, min_body_m2=MIN_BODY_M2,
    )  # fmt: skip
    toe, toe_level = _foot(site)
    crest = _find_crest(site, toe, toe_level)
    epoch = site.last.scan.epoch
    line = LineString(crest.inner) if len(crest.inner) > 1 else Point(crest.inner[0])
    site.rows.add("crest_level", crest.level_m, "m", sigma=crest.sigma_m, epoch=epoch, method="profiles", geometry=line)
    site.rows.add(
        "dam_height",
        crest.level_m - toe_level,
        "m",
        sigma=float(np.hypot(crest.sigma_m, 0.3)),
        epoch=epoch,
        method="crest_to_lowest_outline",
        geometry=Point(toe),
    )
    run = np.linalg.norm(crest.outer - toe, axis=1)
    nearest = int(np.argmin(run))
    slope = float(np.degrees(np.arctan2(crest.level_m - toe_level, max(float(run[nearest]), site.cell_m))))
    site.rows.add(
        "outer_slope",
        slope,
        "deg",
        sigma=1.0,
        epoch=epoch,
        method="foot_to_crest",
        geometry=LineString([toe, crest.outer[nearest]]),
    )
    _measure_water(site, crest)
    return site.finish()


def _foot(site: TerrainSite) -> tuple[Floats, float]:
    """The lowest place along the outline and its height."""
    ring = along_outline(site.outline, 2.0)
    heights = sample_grid(site.grids[-1], ring)
    if np.isfinite(heights).sum() < 8:
        raise GeometryError(
            "the scan does not cover the outline",
            where=site.site_id,
            expected="a scan that shows the dam's foot and the rim of the pond",
        )
    lowest = int(np.nanargmin(heights))
    return ring[lowest], float(heights[lowest])


def _find_crest(site: TerrainSite, toe: Floats, toe_level: float) -> _Crest:
    """Crest from profiles beside each other, from the foot towards the middle of the outline."""
    upstream = np.asarray(site.outline.centroid.coords[0]) - toe
    reach = 1.2 * float(np.linalg.norm(upstream))
    upstream = upstream / max(float(np.linalg.norm(upstream)), 1e-9)
    across = np.array([-upstream[1], upstream[0]])
    step = site.cell_m / 2.0
    along = np.arange(0.0, reach, step)
    levels, inner, outer = [], [], []
    for offset in OFFSETS_M:
        places = toe + offset * across + along[:, None] * upstream
        found = _crest_on_profile(along, sample_grid(site.grids[-1], places), step, toe_level)
        if found is not None:
            levels.append(found[0])
            outer.append(places[found[1]])
            inner.append(places[found[2]])
    if len(levels) < 3:
        raise GeometryError(
            f"a crest shows on {len(levels)} of {len(OFFSETS_M)} profiles up from the lowest place of the outline",
            where=site.site_id,
            expected="a dam whose crest stands above the beach behind it",
            remedy="Check the outline, and that the scan shows crest and beach",
        )
    level = float(np.median(levels))
    scatter = 1.4826 * float(np.median(np.abs(np.array(levels) - level)))
    near = np.abs(np.array(levels) - level) < max(3.0 * scatter, 0.3)
    return _Crest(
        level, max(scatter / np.sqrt(near.sum()), 0.02), np.array(inner)[near], np.array(outer)[near], upstream
    )


def _crest_on_profile(along: Floats, heights: Floats, step: float, toe_level: float) -> tuple[float, int, int] | None:
    """Crest height and the indices of its outer and inner edge on a profile going upstream, or None."""
    behind = int(30.0 / step)
    window = max(int(1.5 / step), 1)
    known = np.isfinite(heights)
    if not known.any():
        return None
    filled = np.interp(along, along[known], heights[known])
    smooth = np.convolve(np.pad(filled, window, mode="edge"), np.ones(2 * window + 1) / (2 * window + 1), mode="valid")
    highest = np.maximum.accumulate(smooth)
    for i in range(1, len(smooth) - behind):
        if smooth[i] < highest[i] or smooth[i] < toe_level + 3.0:
            continue
        after = smooth[i : i + behind]
        if after.max() <= smooth[i] + 1e-9 and smooth[i] - after[-1] > FALL_BEHIND_M:
            on_top = np.flatnonzero(np.abs(smooth - smooth[i]) < 0.25)
            on_top = on_top[np.abs(on_top - i) < int(15.0 / step)]
            return float(np.median(filled[on_top])), int(on_top[0]), int(on_top[-1])
    return None


def _measure_water(site: TerrainSite, crest: _Crest) -> None:
    grid = grid_elevation(site.last.scan, WATER_CELL_M)
    x, y = grid_points(grid)
    places = np.column_stack([x.ravel(), y.ravel()])
    middle = crest.inner.mean(axis=0)
    upstream = ((places - middle) @ crest.upstream).reshape(grid.shape)
    # Far from the scanner a flat beach shows in lines some metres apart: only what is wider than a gap between them
    # can be water.
    spanned, _ = fill_gaps(grid, WATER_GAP_M)
    silent = np.isnan(spanned.values) & inside_outline(grid, site.outline) & (upstream > 2 * WATER_CELL_M)
    bodies, n_bodies = label(binary_dilation(binary_erosion(silent)) & silent)
    if not n_bodies:
        return
    size = np.bincount(bodies.ravel())[1:]
    water = bodies == int(np.argmax(size)) + 1
    area = float(water.sum() * WATER_CELL_M**2)
    rim = binary_dilation(water, np.ones((3, 3), dtype=bool), iterations=2) & np.isfinite(grid.values)
    if area < WATER_MIN_M2 or not rim.any():
        return
    epoch = site.last.scan.epoch
    level = float(np.percentile(_lowest_in(site, grid, rim), 10.0))
    _, distance = _nearest(crest.inner, places[water.ravel()])
    edge = float(np.percentile(distance, 1.0)) - WATER_CELL_M / 2.0
    place = Point(places[water.ravel()].mean(axis=0))
    site.rows.add(
        "water_area",
        area,
        "m2",
        sigma=WATER_GAP_M / 4.0 * 2.0 * np.sqrt(area),
        epoch=epoch,
        method="no_return",
        geometry=place,
    )
    site.rows.add("water_level", level, "m", sigma=0.1, epoch=epoch, method="rim_of_no_return", geometry=place)
    site.rows.add(
        "freeboard",
        crest.level_m - level,
        "m",
        sigma=float(np.hypot(crest.sigma_m, 0.1)),
        epoch=epoch,
        method="crest_to_present_water",
        geometry=place,
    )
    site.rows.add(
        "beach_length", edge, "m", sigma=WATER_GAP_M / 4.0, epoch=epoch, method="crest_to_no_return", geometry=place
    )


def _lowest_in(site: TerrainSite, grid: xr.DataArray, cells: npt.NDArray[np.bool_]) -> Floats:
    return grid_elevation(site.last.scan, WATER_CELL_M, method="min").values[cells]


def _nearest(line: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Nearest point of the crest's line, carried on beyond its ends, and the distance from it."""
    if len(line) < 2:
        foot = np.repeat(line[:1], len(places), axis=0)
        return foot, np.linalg.norm(places - foot, axis=1)
    middle = line.mean(axis=0)
    direction = np.linalg.svd(line - middle)[2][0]
    foot = middle + ((places - middle) @ direction)[:, None] * direction
    return foot, np.linalg.norm(places - foot, axis=1)
