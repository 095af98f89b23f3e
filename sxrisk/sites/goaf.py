"""Goafs: volume as an interval, levels, plan, depth below the surface."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyproj
import xarray as xr
from scipy.ndimage import binary_closing, binary_fill_holes

from sxrisk.crs import plan_transform
from sxrisk.findings import measurements_frame
from sxrisk.scans import Scan
from sxrisk.sites._common import SCENE_FACES, Rows, change_between, change_fields, cross_sections
from sxrisk.sites._epochs import Epoch, as_epochs, prepare
from sxrisk.sites._terrain_site import CHANGE_DEFAULTS
from sxrisk.sites.result import SiteResult
from sxrisk.surfaces import Mesh, mesh_cavity, simplify

__all__ = ["measure_goaf"]

PLAN_CELL_M = 0.5
MIN_BODY_M2 = 2.0
CAVITY_CHANGE = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.4, "max_depth_m": 2.0, "core_spacing_m": 0.4}


def measure_goaf(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "goaf",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
    dem: xr.DataArray | None = None,
) -> SiteResult:
    """Measure a goaf that was scanned from inside.

    *volume*, *volume_low* and *volume_high* (what was certainly seen to be void; with shadows filled), *roof_level*,
    *floor_level*, *height*, *plan_area* with the outline in plan, and with a DEM of the same height system *depth*
    (least rock between roof and surface) and *depth_to_thickness*.

    Parameters
    ----------
    epochs, site_id, name, kind, parameters, change_parameters, crs, vertical_crs
        As for :func:`measure_pit`; every station's scan apart, so that each sees its own star-shaped part. Of several
        epochs the last is measured, and compared with the first.
    outline, outline_crs
        Not used: a cavity shows its own outline.
    dem : xarray.DataArray, optional
        Surface above, metres, with a CRS and ``attrs["vertical_crs"]``.

    Returns
    -------
    SiteResult
    """
    settings = dict(parameters or {})
    merged = as_epochs(epochs, crs, vertical_crs)
    prepared = prepare(merged, terrain=False, parameters=settings)
    last = prepared[-1]
    cavity = mesh_cavity(_station_scans(last.scan))
    rows = Rows(kind, site_id, last.scan.crs)
    epoch = last.scan.epoch
    mesh = simplify(cavity.mesh, SCENE_FACES) if len(cavity.mesh.faces) > SCENE_FACES else cavity.mesh
    mesh = mesh if "elevation_m" in mesh.vertex_fields else mesh.with_fields(elevation_m=mesh.vertices[:, 2].copy())
    low, high = float(cavity.volume_low_m3), float(cavity.volume_high_m3)
    # The interval is meant to hold the truth in 95 of 100 voids: four sigmas wide.
    plan, plan_area = _plan(cavity.mesh)
    rows.add(
        "volume", cavity.volume_m3, "m3", sigma=(high - low) / 4.0, epoch=epoch, method="star_solids", geometry=plan
    )
    rows.add("volume_low", low, "m3", epoch=epoch, method="star_solids")
    rows.add("volume_high", high, "m3", epoch=epoch, method="star_solids")
    roof, floor = (float(np.percentile(last.scan.xyz[:, 2], p)) for p in (99.9, 0.1))
    rows.add("roof_level", roof, "m", sigma=0.05, epoch=epoch, method="highest_thousandth", geometry=plan)
    rows.add("floor_level", floor, "m", sigma=0.05, epoch=epoch, method="lowest_thousandth", geometry=plan)
    rows.add("height", roof - floor, "m", sigma=0.07, epoch=epoch, method="roof_to_floor", geometry=plan)
    rows.add(
        "plan_area",
        plan_area,
        "m2",
        sigma=PLAN_CELL_M * float(plan.length) / 2.0,
        epoch=epoch,
        method="shadow",
        geometry=plan,
    )
    summary: dict[str, Any] = {
        "site_id": site_id,
        "kind": kind,
        "name": name,
        "crs": None if last.scan.crs is None else last.scan.crs.to_string(),
        "vertical_crs": None if last.scan.vertical_crs is None else last.scan.vertical_crs.to_string(),
        "epochs": [item.report() for item in prepared],
        "volume_m3": {"low": low, "best": float(cavity.volume_m3), "high": high},
        "watertight": cavity.mesh.is_watertight,
        "depth": _measure_depth(rows, last.scan, plan, roof, roof - floor, dem, settings),
    }
    change = None
    if len(prepared) > 1:
        change, _, summary["change"] = _change(prepared, change_parameters, rows)
        mesh = change_fields(mesh, change)
    return SiteResult(
        site_id=site_id,
        kind=kind,
        name=name,
        crs=last.scan.crs,
        mesh=mesh,
        measurements=measurements_frame(rows.rows),
        summary=summary,
        change=change,
        sections=cross_sections({last.label or "goaf": mesh}, plan),
    )


def _change(prepared: list[Epoch], change_parameters: Mapping[str, Any] | None, rows: Rows) -> Any:
    settings = {**CHANGE_DEFAULTS, **CAVITY_CHANGE, **(change_parameters or {})}
    return change_between(prepared[0], prepared[-1], settings, rows, min_area_m2=MIN_BODY_M2)


def _station_scans(scan: Scan) -> list[Scan]:
    """The merged scan taken apart by station again."""
    if scan.stations is None or len(scan.stations) < 2:
        return [scan]
    index = scan.station_index
    parts = []
    for number, station in enumerate(scan.stations):
        part = scan.select(index == number)
        if part.n_points:
            attributes = {k: v for k, v in part.attributes.items() if k != "station_index"}
            parts.append(part.replace(stations=station[None], attributes=attributes))
    return parts


def _plan(mesh: Mesh) -> tuple[Any, float]:
    """Outline in plan (holes filled: pillars are told by the mesh) and the area inside it."""
    from rasterio.features import shapes
    from rasterio.transform import from_origin
    from shapely.geometry import shape

    # Vertices, face centres and edge middles: dense enough that a face larger than a cell leaves no gap after closing.
    corners = mesh.vertices[mesh.faces][:, :, :2]
    places = np.concatenate(
        [mesh.vertices[:, :2], corners.mean(axis=1), (corners + np.roll(corners, 1, 1)).reshape(-1, 2) / 2]
    )
    low = np.floor(places.min(axis=0) / PLAN_CELL_M - 3.0) * PLAN_CELL_M
    cells = ((places - low) / PLAN_CELL_M).astype(np.int64)
    covered = np.zeros(tuple(cells.max(axis=0)[::-1] + 4), dtype=bool)
    covered[cells[:, 1], cells[:, 0]] = True
    covered = binary_fill_holes(binary_closing(covered, np.ones((3, 3), dtype=bool)))[::-1]
    place = from_origin(low[0], low[1] + covered.shape[0] * PLAN_CELL_M, PLAN_CELL_M, PLAN_CELL_M)
    found = [shape(s) for s, value in shapes(covered.astype(np.uint8), mask=covered, transform=place) if value]
    outline = max(found, key=lambda part: part.area)
    # Cells that are touched at all count whole: half a cell too far all round.
    outline = outline.buffer(-PLAN_CELL_M / 2.0).simplify(PLAN_CELL_M / 4.0)
    outline = max(getattr(outline, "geoms", [outline]), key=lambda part: part.area)
    return outline, float(outline.area)


def _measure_depth(
    rows: Rows, scan: Scan, plan: Any, roof: float, height: float, dem: xr.DataArray | None, settings: Mapping[str, Any]
) -> str:
    """Add the depth below the surface; gives why there is none, or ``measured``."""
    if dem is None:
        return "no_dem"
    offset = settings.get("dem_height_offset_m")
    if offset is None and not _same_heights(scan, dem):
        return "height_systems_unknown_or_unequal"
    surface = _surface_above(dem, scan, plan)
    if surface is None:
        return "dem_does_not_cover"
    depth = surface + float(offset or 0.0) - roof
    sigma = float(settings.get("dem_sigma_m", np.nan))
    epoch = scan.epoch
    rows.add("depth", depth, "m", sigma=sigma, epoch=epoch, method="dem_to_roof", geometry=plan)
    rows.add(
        "depth_to_thickness",
        depth / height,
        "1",
        sigma=sigma / height,
        epoch=epoch,
        method="dem_to_roof",
        geometry=plan,
    )
    return "measured"


def _same_heights(scan: Scan, dem: xr.DataArray) -> bool:
    stated = dem.attrs.get("vertical_crs")
    if not stated or scan.vertical_crs is None:
        return False
    return pyproj.CRS.from_user_input(stated).equals(scan.vertical_crs, ignore_axis_order=True)


def _surface_above(dem: xr.DataArray, scan: Scan, plan: Any) -> float | None:
    """Lowest surface above the plan outline, by the DEM, bilinear at points in it."""
    import rioxarray  # noqa: F401  registers the accessor
    from shapely import contains_xy

    if dem.rio.crs is None or scan.crs is None:
        return None
    xmin, ymin, xmax, ymax = plan.bounds
    x, y = np.meshgrid(np.linspace(xmin, xmax, 25), np.linspace(ymin, ymax, 25))
    inside = contains_xy(plan, x, y)
    to_dem = plan_transform(scan.crs, pyproj.CRS.from_user_input(dem.rio.crs))
    dem_x, dem_y = to_dem(x[inside], y[inside])
    heights = dem.interp(x=xr.DataArray(dem_x, dims="p"), y=xr.DataArray(dem_y, dims="p")).values
    return float(np.nanmin(heights)) if np.isfinite(heights).any() else None
