"""The door for elevation models."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.crs import China, parse_crs
from sxrisk.errors import CRSError, FileFormatError, InputError
from sxrisk.layers._source import check_file, wrap_read_errors

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_dem"]

# Only these may open a file: a VRT may name any other file on the machine or the network.
_DRIVERS = ("GTiff", "AAIGrid", "USGSDEM", "HFA", "SRTMHGT", "EHdr", "GPKG")
# Below the Turpan basin and above Everest nothing is ground: such cells are fillers that the file does not declare.
_LOWEST_M, _HIGHEST_M = -500.0, 9000.0


def read_dem(
    path: str | Path, *, crs: str | int | CRS | None = None, vertical_crs: str | None = None
) -> "xr.DataArray":
    """An elevation model, north up, in metres.

    Parameters
    ----------
    path : str or Path
        GeoTIFF, ESRI ASCII grid, USGS DEM, HGT, ...
    crs : str, int or pyproj.CRS, optional
        Horizontal CRS, needed where the file does not say.
    vertical_crs : str, optional
        Height system, e.g. ``"EPSG:5737"`` (1985 height); default what the file says.

    Returns
    -------
    xarray.DataArray
        Dims (y, x), float64, NaN where there is no height, y falling, x rising, coordinates of cell centres in the CRS
        of ``.rio.crs``; attrs ``units`` ("m"), ``vertical_crs`` ("" if unknown), ``source_file``,
        ``cells_without_height``.

    Raises
    ------
    FileFormatError
        Missing, cut short, not a raster.
    CRSError
        No horizontal CRS; an offset system such as GCJ-02; a height system that is none.
    InputError
        More than one band, a rotated grid, no height at all.
    """
    import rasterio
    import rioxarray
    from rasterio.io import DatasetReader

    path = check_file(path)
    expected = "an elevation raster such as a GeoTIFF"
    errors = (rasterio.errors.RasterioError, rasterio.errors.RasterioIOError, OSError, ValueError)
    with (
        wrap_read_errors(path, expected, *errors),
        rasterio.Env(),
        # rasterio.open takes one driver only.
        DatasetReader(str(path), driver=list(_DRIVERS)) as dataset,
    ):
        opened = rioxarray.open_rasterio(dataset, masked=True)
        if isinstance(opened, list) or "band" not in opened.dims:
            raise FileFormatError("the file holds several rasters", where=path, expected=expected)
        raster = opened.load()
    if raster.sizes["band"] != 1:
        raise InputError(f"the raster has {raster.sizes['band']} bands", where=path, expected="one band of heights")
    transform = raster.rio.transform()
    if transform.b or transform.d:
        raise InputError("the grid is rotated", where=path, expected="a north-up grid", remedy="Warp it with gdalwarp")
    own = raster.rio.crs
    if crs is None and own is None:
        raise CRSError(
            "the coordinate system of the elevation model is unknown",
            where=path,
            expected='crs = "EPSG:4547" or similar',
        )
    try:
        parsed = parse_crs(CRS.from_wkt(own.to_wkt()) if crs is None else crs)
    except CRSError as error:
        raise CRSError(
            error.problem.what, where=path, expected=error.problem.expected, remedy=error.problem.remedy
        ) from error
    if isinstance(parsed, China):
        raise CRSError(
            f"an elevation model in {parsed} cannot be placed exactly", where=path,
            remedy="Give one in CGCS2000 or WGS 84",
        )  # fmt: skip
    horizontal, own_vertical = _split(parsed)
    heights = raster.squeeze("band", drop=True).astype("float64")
    heights = heights.where((heights > _LOWEST_M) & (heights < _HIGHEST_M))
    if not bool(np.isfinite(heights).any()):
        raise InputError("the elevation model has no height at all", where=path, expected="heights in metres")
    heights = heights.sortby("y", ascending=False).sortby("x")
    heights = heights.rio.write_crs(horizontal).rio.write_nodata(np.nan, encoded=False)
    heights.name = "elevation"
    heights.attrs = {
        "units": "m",
        "vertical_crs": _vertical(vertical_crs, own_vertical, path),
        "source_file": path.name,
        "cells_without_height": int(np.isnan(heights).sum()),
    }
    return heights


def _split(crs: CRS) -> tuple[CRS, str]:
    if not crs.is_compound:
        return crs, ""
    horizontal, vertical = crs.sub_crs_list[:2]
    return horizontal, vertical.to_string() if vertical.to_epsg() else vertical.name


def _vertical(declared: str | None, own: str, path: Path) -> str:
    if declared is None:
        return own
    try:
        parsed = CRS.from_user_input(declared)
    except ProjCRSError as error:
        raise CRSError(
            f"{declared!r} is no height system", where=path, expected='e.g. "EPSG:5737" (1985 height)'
        ) from error
    if not parsed.is_vertical:
        raise CRSError(
            f"{declared} ({parsed.name}) is no height system", where=path, expected='e.g. "EPSG:5737" (1985 height)'
        )
    return parsed.to_string()
