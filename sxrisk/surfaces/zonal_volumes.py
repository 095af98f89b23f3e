"""Volumes by polygon and by bench: one row each, with the same honesty as the whole."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.surfaces.volumes import CellErrors, VolumeChange, matched_pair, summed, volume_between

__all__ = ["volumes_by_bench", "volumes_by_polygon"]


def volumes_by_polygon(before: xr.DataArray | float, after: xr.DataArray, polygons: Any, **options: Any) -> Any:
    """Cut, fill and net volume inside each polygon.

    Parameters
    ----------
    before, after : xarray.DataArray
        As :func:`volume_between`; `before` may be a level.
    polygons : geopandas.GeoDataFrame
        Polygons in the grids' coordinate system. A cell belongs to the polygon that holds its middle.
    **options
        Keywords of :func:`volume_between` without ``outline``: gaps, sigmas, error model.

    Returns
    -------
    geopandas.GeoDataFrame
        The polygons with ``cut_m3``, ``fill_m3``, ``net_m3``, ``sigma_m3``, ``area_m2``, ``filled_share`` and
        ``unknown_m2`` added; NaN volumes where no cell of a polygon was measured in both.

    Raises
    ------
    CRSError
        If the polygons are in another coordinate system.
    GeometryError, ParameterError
        As :func:`volume_between`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> x = np.arange(6) + 0.5
    >>> ground = xr.DataArray(np.zeros((6, 6)), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> zones = gpd.GeoDataFrame({"name": ["west", "east"]}, geometry=[box(0, 0, 2, 6), box(2, 0, 6, 6)])
    >>> volumes_by_polygon(ground, ground + 0.5, zones)["net_m3"].tolist()
    [6.0, 12.0]
    """
    import rioxarray  # noqa: F401  registers the accessor

    if polygons.crs != after.rio.crs and not (polygons.crs is None and after.rio.crs is None):
        raise CRSError(
            f"the polygons are in {polygons.crs}, the grid in {after.rio.crs}",
            where="volumes_by_polygon",
            expected="one coordinate system",
            remedy="polygons.to_crs(grid.rio.crs)",
        )
    # Once for all: what does not fit raises here, and an empty polygon alone gives a row without volume.
    volume_between(before, after, **options)
    rows = [_row_inside(before, after, shape, options) for shape in polygons.geometry]
    return polygons.assign(**{name: [row[name] for row in rows] for name in _COLUMNS})


def volumes_by_bench(
    before: xr.DataArray | float,
    after: xr.DataArray,
    levels_m: Sequence[float],
    *,
    outline: Any = None,
    max_gap_m: float = 5.0,
    **errors: Any,
) -> Any:
    """Cut, fill and net volume between one level and the next: what was taken from each bench.

    Both surfaces are cut off at the levels; the volumes of the bands add up to that of the whole between the lowest and
    the highest level.

    Parameters
    ----------
    before, after : xarray.DataArray
        As :func:`volume_between`; `before` may be a level.
    levels_m : sequence of float
        Rising heights, at least two: floor of the lowest bench to crest of the highest.
    outline : shapely geometry, optional
        Only inside it, in the grids' coordinates.
    max_gap_m : float
        Width of the widest gap to fill, metres.
    **errors
        ``cell_sigma_m``, ``common_sigma_m``, ``error`` and ``slope_deg`` of :func:`volume_between`.

    Returns
    -------
    pandas.DataFrame
        A row per band: ``floor_m``, ``crest_m``, ``cut_m3``, ``fill_m3``, ``net_m3``, ``sigma_m3``, ``area_m2`` (where
        the band has a difference), ``filled_share``, ``unknown_m2``.

    Raises
    ------
    ParameterError
        If the levels do not rise.
    GeometryError
        As :func:`volume_between`.

    Notes
    -----
    A cell that crosses a level between its middle and its edge is counted with its middle's height; with cells that are
    small against the benches this evens out.

    Examples
    --------
    >>> x = np.arange(6) + 0.5
    >>> ground = xr.DataArray(np.full((6, 6), 10.0), coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> volumes_by_bench(ground, ground - 4.0, [0.0, 7.0, 20.0])["cut_m3"].tolist()
    [36.0, 108.0]
    """
    import pandas as pd

    levels = [float(level) for level in levels_m]
    if len(levels) < 2 or not all(low < high for low, high in pairwise(levels)):
        raise ParameterError(f"levels {levels}", where="levels_m", expected="at least two heights, rising")
    pair = matched_pair(before, after, outline=outline, max_gap_m=max_gap_m)
    rows = []
    for floor, crest in pairwise(levels):
        low = (
            pair.before.clip(floor, crest)
            if isinstance(pair.before, xr.DataArray)
            else np.clip(pair.before, floor, crest)
        )
        band = (pair.after.clip(floor, crest) - low).where(pair.inside)
        # Where both surfaces pass a band by, above or below it, nothing can be wrong with it.
        touched = np.nan_to_num(band.values) != 0.0
        rows.append({"floor_m": floor, "crest_m": crest, **_row(summed(pair, band, touched, CellErrors(**errors)))})
    return pd.DataFrame(rows, columns=["floor_m", "crest_m", *_COLUMNS])


_COLUMNS = ["cut_m3", "fill_m3", "net_m3", "sigma_m3", "area_m2", "filled_share", "unknown_m2"]


def _row(change: VolumeChange) -> dict[str, float]:
    return {name: float(getattr(change, name)) for name in _COLUMNS}


def _row_inside(
    before: xr.DataArray | float, after: xr.DataArray, shape: Any, options: dict[str, Any]
) -> dict[str, float]:
    try:
        return _row(volume_between(before, after, outline=shape, **options))
    except GeometryError:
        empty = dict.fromkeys(_COLUMNS, float("nan"))
        return {**empty, "area_m2": 0.0, "filled_share": 0.0, "unknown_m2": float(shape.area)}
