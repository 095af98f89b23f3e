"""Rock that was left standing inside a goaf: found in plan, measured."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from sxrisk.sites.goafs._columns import cell_places
from sxrisk.sites.goafs._extents import inscribed_circle, rectangle
from sxrisk.sites.goafs._facing import Surface
from sxrisk.surfaces import Mesh

__all__ = ["COLUMNS", "pillar_bands", "pillar_holes", "pillar_table"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = (
    "id", "width_m", "length_m", "least_width_m", "height_m", "width_to_height", "width_sigma_m", "plan_area_m2",
    "perimeter_m", "bearing_deg", "measured_share", "roof_level_m",
)  # fmt: skip


def pillar_holes(outline: Any, min_area_m2: float) -> list[Any]:
    """Holes of an outline that are large enough for a pillar, largest first."""
    rings = [ring for part in shapely.get_parts(outline) for ring in part.interiors]
    holes = [shapely.Polygon(ring) for ring in rings]
    return sorted((hole for hole in holes if hole.area >= min_area_m2), key=lambda hole: -hole.area)


def pillar_bands(surface: Surface, origin: Floats, bands: Ints, holes: list[Any], smooth_m: float) -> dict[int, str]:
    """The pillar that each band of walls stands around, by band."""
    out: dict[int, str] = {}
    for number in np.unique(bands[bands >= 0]):
        middles = surface.middles[bands == number][:, :2] + origin[:2]
        for k, hole in enumerate(holes, start=1):
            # All of the band lies at the pillar, which an outer wall never does.
            west, south, east, north = hole.bounds
            reach = smooth_m + 0.5 * max(east - west, north - south)
            places = shapely.points(middles)
            near = float(np.percentile(shapely.distance(hole.exterior, places), 90))
            far = float(shapely.distance(hole.centroid, places).max())
            if near < reach and far < 2.0 * float(np.hypot(east - west, north - south)):
                out[int(number)] = f"P{k}"
                break
    return out


def pillar_table(
    holes: list[Any],
    maps: dict[str, xr.DataArray],
    mesh: Mesh,
    surface: Surface,
    bands: Ints,
    band_pillar: dict[int, str],
    *,
    smooth_m: float,
    sigma_m: float,
) -> gpd.GeoDataFrame:
    """Table of pillars as of :class:`sxrisk.sites.goafs.GoafShape`."""
    places = cell_places(maps["height_m"])
    height, roof = maps["height_m"].values.ravel(), maps["roof_level_m"].values.ravel()
    cell = float(abs(maps["height_m"].x[1] - maps["height_m"].x[0])) if maps["height_m"].sizes["x"] > 1 else smooth_m
    seen = mesh.vertex_fields.get("seen")
    measured = None if seen is None else (np.asarray(seen)[mesh.faces] > 0).all(axis=1)
    rows = []
    for k, hole in enumerate(holes, start=1):
        length, width, bearing = rectangle(hole)
        collar = hole.buffer(max(2.0 * cell, smooth_m)).difference(hole)
        beside = shapely.contains_xy(collar, *places.T) & np.isfinite(height)
        tall = float(height[beside].mean()) if beside.any() else np.nan
        share = np.nan
        mine = np.isin(bands, [band for band, name in band_pillar.items() if name == f"P{k}"])
        if measured is not None and mine.any():
            share = float(surface.area_m2[mine & measured].sum() / surface.area_m2[mine].sum())
        rows.append(
            {
                "id": f"P{k}",
                "width_m": width,
                "length_m": length,
                "least_width_m": 2.0 * inscribed_circle(hole, min(width / 500.0, 0.01))[1],
                "height_m": tall,
                "width_to_height": width / tall if tall > 0 else np.nan,
                # Both sides of a pillar move by a wall's sigma, in opposite senses.
                "width_sigma_m": 2.0 * sigma_m,
                "plan_area_m2": float(hole.area),
                "perimeter_m": float(hole.exterior.length),
                "bearing_deg": bearing,
                "measured_share": share,
                "roof_level_m": float(roof[beside].max()) if beside.any() else np.nan,
                "geometry": hole,
            }
        )
    return gpd.GeoDataFrame(rows, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=mesh.crs)
