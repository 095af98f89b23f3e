"""Open pits and quarries: depth, slope, volume dug, what moves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from shapely import Point

from sxrisk.errors import GeometryError
from sxrisk.scans import Scan
from sxrisk.sites._common import along_outline, sample_grid
from sxrisk.sites._terrain_site import TerrainSite, open_terrain_site
from sxrisk.sites.result import SiteResult
from sxrisk.surfaces.grids import grid_points, inside_outline
from sxrisk.surfaces.volumes import base_surface, volume_between

__all__ = ["measure_pit"]

MIN_BODY_M2 = 8.0
FLOOR_BAND_M = 2.0
RIM_STEP_M = 2.0
# Relative 1 sigma of a volume under a lid whose rim nobody saw: natural ground wanders over the width of a pit.
LID_GUESS = 0.15


def measure_pit(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "open_pit",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
) -> SiteResult:
    """Measure an open pit.

    *depth*: median height of the ground along the outline less the floor (the lowest hundredth inside it).
    *overall_slope*: from points of the outline to the nearest floor, the steepest twentieth of the directions.
    *volume*: below a lid carried across from the ground around the outline.
    With two epochs: *moved_area*, and per moving body *body_area*, *body_volume*, *mean_displacement* and, where a
    surface moved rather than material went, *displacement_rate*.

    Parameters
    ----------
    epochs : sequence of Scan or of sequences of Scan
        One per epoch; several scans of one epoch are its stations.
    site_id, name, kind : str
        The site.
    outline : shapely polygon, optional
        Rim; without it the hull of the scan.
    outline_crs : optional
        System of the outline where it is not the scans'.
    parameters : mapping, optional
        ``cell_m``, ``object_m`` (widest machine or plant, metres), ``registered`` (True: leave positions alone),
        ``margin_m`` (ground around the outline that grids and scenes show, metres; they end there, while registration
        and change see the whole scans).
    change_parameters : mapping, optional
        Keywords of :func:`sxrisk.m3c2`.
    crs, vertical_crs : optional
        Systems of scans whose files name none.

    Returns
    -------
    SiteResult

    Raises
    ------
    ParameterError, CRSError, GeometryError
        If scans are missing, not in metres, or do not cover the outline.
    """
    site = open_terrain_site(
        kind, epochs, site_id=site_id, name=name, outline=outline, outline_crs=outline_crs, parameters=parameters or {},
        change_parameters=change_parameters, crs=crs, vertical_crs=vertical_crs, min_body_m2=MIN_BODY_M2,
    )  # fmt: skip
    _measure_shape(site)
    return site.finish()


def _measure_shape(site: TerrainSite) -> None:
    grid, epoch = site.grids[-1], site.last.scan.epoch
    inside = inside_outline(grid, site.outline) & np.isfinite(grid.values)
    if not inside.any():
        raise GeometryError(
            "no point of the scan lies inside the outline",
            where=site.site_id,
            expected="a scan of this pit, outline and scan in the same place",
        )
    # The rim itself is broken ground; a few metres behind it stands what the pit was dug into.
    ring = along_outline(site.outline.buffer(2.0 * site.cell_m), RIM_STEP_M)
    rim = sample_grid(grid, ring)
    seen = np.isfinite(rim)
    floor = float(np.percentile(grid.values[inside], 1.0))
    if seen.sum() >= 8:
        level = float(np.median(rim[seen]))
        spread = 1.4826 * float(np.median(np.abs(rim[seen] - level)))
        sigma = float(np.hypot(spread / np.sqrt(seen.sum() / 10.0), 0.05))
        site.rows.add(
            "depth", level - floor, "m", sigma=sigma, epoch=epoch, method="median_rim_to_floor", geometry=site.outline
        )
        site.summary["rim_level_m"] = round(level, 3)
        site.summary["rim_seen_share"] = round(float(seen.mean()), 3)
    site.rows.add("floor_level", floor, "m", sigma=0.05, epoch=epoch, method="lowest_hundredth", geometry=site.outline)
    _measure_slope(site, ring[seen], rim[seen], floor)
    _measure_volume(site)


def _measure_slope(site: TerrainSite, ring: Any, rim: Any, floor: float) -> None:
    grid = site.grids[-1]
    x, y = grid_points(grid)
    low = inside_outline(grid, site.outline) & (grid.values < floor + FLOOR_BAND_M)
    if not low.any() or not len(ring):
        return
    distance, _ = cKDTree(np.column_stack([x[low], y[low]])).query(ring)
    angle = np.degrees(np.arctan2(rim - floor, np.maximum(distance, site.cell_m)))
    steep = float(np.percentile(angle, 95.0))
    at = int(np.argmin(np.abs(angle - steep)))
    sigma = float(np.degrees(site.cell_m / max(float(distance[at]), site.cell_m)))
    site.rows.add(
        "overall_slope",
        steep,
        "deg",
        sigma=sigma,
        epoch=site.last.scan.epoch,
        method="rim_to_floor_p95",
        geometry=Point(ring[at]),
    )
    site.summary["overall_slope_median_deg"] = round(float(np.median(angle)), 2)


def _measure_volume(site: TerrainSite) -> None:
    grid = site.grids[-1]
    try:
        lid = base_surface(grid, site.outline, ring_m=6.0 * site.cell_m)
    except GeometryError:
        # The rim was not scanned: there is no volume, and the summary says so by its absence.
        return
    dug = volume_between(grid, lid, outline=site.outline, max_gap_m=30.0)
    # How far a lid carried across may be off: the more, the less of the rim was seen.
    unseen = 1.0 - float(site.summary.get("rim_seen_share", 0.0))
    site.rows.add(
        "volume",
        dug.net_m3,
        "m3",
        sigma=max(dug.sigma_m3, (0.03 + LID_GUESS * unseen) * abs(dug.net_m3)),
        epoch=site.last.scan.epoch,
        method="lid_from_rim",
        geometry=site.outline,
    )
    site.summary["volume_filled_share"] = round(dug.filled_share, 4)
