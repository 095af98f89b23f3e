"""The door for elevation models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.crs import China, Datum, parse_crs, plan_transform
from sxrisk.errors import CRSError, FileFormatError, InputError
from sxrisk.layers._source import check_file, wrap_read_errors

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_dem"]

# Only these may open a file: a VRT may name any other file on the machine or the network.
_DRIVERS = ("GTiff", "AAIGrid", "USGSDEM", "HFA", "SRTMHGT", "EHdr", "GPKG")
# Below the Turpan basin and above Everest nothing is ground: such cells are fillers that the file does not declare.
_LOWEST_M, _HIGHEST_M = -500.0, 9000.0
# A millimetre, in metres and in degrees.
_SAME_PLACE_M, _SAME_PLACE_DEG = 1e-3, 1e-8


def read_dem(
    path: str | Path,
    *,
    crs: str | int | CRS | None = None,
    vertical_crs: str | None = None,
    require_crs: bool = True,
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
    require_crs : bool
        False takes a raster without a horizontal CRS as one in local metres; ``.rio.crs`` is then None.

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
        No horizontal CRS; an offset system such as GCJ-02; a height system that is none or not in metres; a declared
        one, horizontal or of heights, that is not the file's own.
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
    if crs is None and own is None and require_crs:
        raise CRSError(
            "the coordinate system of the elevation model is unknown",
            where=path,
            expected='crs = "EPSG:4547" or similar',
        )
    horizontal, own_vertical = (None, "") if crs is None and own is None else _split(_parsed(crs, own, path))
    if horizontal is not None and own is not None and crs is not None:
        own_horizontal, stated = _split(CRS.from_wkt(own.to_wkt()))
        _refuse_contradiction(own_horizontal, horizontal, raster.rio.bounds(), path)
        own_vertical = own_vertical or stated
    vertical = _vertical(vertical_crs, own_vertical, path)
    if vertical:
        _refuse_other_units(vertical, path)
    heights = raster.squeeze("band", drop=True).astype("float64")
    heights = heights.where((heights > _LOWEST_M) & (heights < _HIGHEST_M))
    if not bool(np.isfinite(heights).any()):
        raise InputError("the elevation model has no height at all", where=path, expected="heights in metres")
    heights = heights.sortby("y", ascending=False).sortby("x")
    if horizontal is not None:
        heights = heights.rio.write_crs(horizontal)
    heights = heights.rio.write_nodata(np.nan, encoded=False)
    heights.name = "elevation"
    heights.attrs = {
        "units": "m",
        "vertical_crs": vertical,
        "source_file": path.name,
        "cells_without_height": int(np.isnan(heights).sum()),
    }
    return heights


def _parsed(crs: str | int | CRS | None, own: Any, path: Path) -> CRS:
    """The declared system, else the file's own; an error names the file."""
    try:
        parsed = parse_crs(CRS.from_wkt(own.to_wkt()) if crs is None else crs)
    except CRSError as error:
        raise CRSError(
            error.problem.what, where=path, expected=error.problem.expected, remedy=error.problem.remedy
        ) from error
    if isinstance(parsed, (China, Datum)):
        raise CRSError(
            f"an elevation model in {parsed} cannot be placed exactly", where=path,
            remedy="Give one in CGCS2000 or WGS 84",
        )  # fmt: skip
    return parsed


def _split(crs: CRS) -> tuple[CRS, str]:
    """The ground plan, and the height system: of a compound CRS its second part, of a 3D one itself (ellipsoidal)."""
    if crs.is_compound:
        horizontal, vertical = crs.sub_crs_list[:2]
        return horizontal, vertical.to_string() if vertical.to_epsg() else vertical.to_wkt()
    if len(crs.axis_info) == 3 and not crs.is_geocentric:
        return crs.to_2d(), crs.to_string()
    return crs, ""


def _refuse_contradiction(own: CRS, declared: CRS, bounds: tuple[float, float, float, float], path: Path) -> None:
    """A declared system must put the raster where the file's own does; an unusable own system says nothing."""
    try:
        transform = plan_transform(own, declared)
    except CRSError:
        return
    west, south, east, north = bounds
    corners = np.asarray([west, west, east, east]), np.asarray([south, north, south, north])
    moved = np.asarray(transform(*corners)) - np.asarray(corners)
    least = _SAME_PLACE_DEG if declared.is_geographic else _SAME_PLACE_M
    if own.is_geographic == declared.is_geographic and bool((np.abs(moved) < least).all()):
        return
    raise CRSError(
        f"the file says {own.name}, but {declared.name} is declared", where=path,
        expected="the same system twice, or one of them",
        remedy="Leave crs out; if the file is wrong, assign the right CRS in a GIS program and save it again",
    )  # fmt: skip


def _vertical(declared: str | None, own: str, path: Path) -> str:
    """The height system as text; a declared one that is not the file's own would shift every height unseen."""
    if declared is None:
        return own
    expected = 'e.g. "EPSG:5737" (1985 height)'
    try:
        parsed = CRS.from_user_input(declared)
    except ProjCRSError as error:
        raise CRSError(f"{declared!r} is no height system", where=path, expected=expected) from error
    if not parsed.is_vertical:
        raise CRSError(f"{declared} ({parsed.name}) is no height system", where=path, expected=expected)
    if own and not CRS.from_user_input(own).equals(parsed, ignore_axis_order=True):
        raise CRSError(
            f"the file's heights are in {CRS.from_user_input(own).name}, but {parsed.name} is declared", where=path,
            expected="the same height system twice, or one of them",
            remedy="Leave vertical_crs out; for other heights transform the file with gdalwarp",
        )  # fmt: skip
    return parsed.to_string()


def _refuse_other_units(vertical: str, path: Path) -> None:
    unit = CRS.from_user_input(vertical).axis_info[-1]
    if abs(unit.unit_conversion_factor - 1.0) > 1e-9:
        raise CRSError(
            f"the heights are in {unit.unit_name}", where=path, expected="metres",
            remedy="Transform the file with gdalwarp -t_srs to a height system in metres",
        )  # fmt: skip
