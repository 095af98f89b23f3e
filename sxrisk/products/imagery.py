"""Rasters as pictures that a web map can lay on the ground."""

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import xarray as xr

from sxrisk.crs import GEOGRAPHIC_EPSG, parse_crs, plan_transform

__all__ = ["HEAT_RAMP", "MapImage", "heat_colours", "heatmap_image", "hillshade", "hillshade_image"]

# Light to dark violet-red: read as "more", and none of the four risk colours.
HEAT_RAMP = ("#fdf1e6", "#f9cdb8", "#ee9c9c", "#d0658c", "#9a3b82", "#54226b")
_MERCATOR = "EPSG:3857"


@dataclass(frozen=True)
class MapImage:
    """A picture and its four corners.

    Parameters
    ----------
    data_uri : str
        ``data:image/webp`` or ``data:image/png``.
    corners : tuple
        Longitude and latitude of the upper left, upper right, lower right and lower left corner.
    legend : tuple of float
        Values at the ends of the colour ramp; empty where the picture has none.
    """

    data_uri: str
    corners: tuple[tuple[float, float], ...]
    legend: tuple[float, ...] = ()


def hillshade(
    elevation_m: np.ndarray, cell_m: float, *, azimuth_deg: float = 315.0, altitude_deg: float = 45.0
) -> np.ndarray:
    """Illumination of a terrain by a distant light (Horn's slope).

    Parameters
    ----------
    elevation_m : (n_north, n_east) array
        Rows from north to south, metres.
    cell_m : float
        Cell size in metres.
    azimuth_deg, altitude_deg : float
        Where the light comes from, clockwise from north, and its height above the horizon.

    Returns
    -------
    (n_north, n_east) array
        0 (dark) to 1 (facing the light).

    References
    ----------
    Horn, B. K. P. (1981), Hill shading and the reflectance map, Proc. IEEE 69(1).

    Examples
    --------
    >>> bool(np.allclose(hillshade(np.zeros((3, 3)), 30.0), np.sin(np.radians(45.0))))
    True
    """
    z = np.pad(elevation_m.astype(float), 1, mode="edge")
    east = (z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]) - (z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2])
    north = (z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]) - (z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:])
    dz_east, dz_north = east / (8 * cell_m), north / (8 * cell_m)
    azimuth, altitude = np.radians(azimuth_deg), np.radians(altitude_deg)
    light = np.array([np.sin(azimuth) * np.cos(altitude), np.cos(azimuth) * np.cos(altitude), np.sin(altitude)])
    shade = (light[2] - light[0] * dz_east - light[1] * dz_north) / np.sqrt(1 + dz_east**2 + dz_north**2)
    return np.clip(shade, 0, 1)


def hillshade_image(dem: xr.DataArray, *, longest_side_px: int = 1600) -> MapImage:
    """Shaded, lightly tinted terrain as a base picture.

    Parameters
    ----------
    dem : DataArray, dims (y, x)
        Metres, with a CRS.
    longest_side_px : int
        Size of the picture.
    """
    elevation, corners, cell_m = _to_mercator(dem, longest_side_px, "bilinear")
    known = np.isfinite(elevation)
    filled = np.where(known, elevation, np.nanmedian(elevation) if known.any() else 0.0)
    # Slopes are steepened on coarse grids, or a province would look flat.
    gain = float(np.clip(cell_m / 60.0, 1.0, 8.0))
    shade = hillshade(filled * gain, cell_m)
    low, high = np.nanpercentile(filled, [2, 98])
    height = np.clip((filled - low) / max(high - low, 1e-9), 0, 1)[..., None]
    tint = (1 - height) * np.array([226, 232, 220]) + height * np.array([240, 234, 222])
    rgb = tint * (0.63 + 0.5 * shade[..., None])
    rgba = np.dstack([np.clip(rgb, 0, 255), np.where(known, 255, 0)]).astype(np.uint8)
    return MapImage(_encode(rgba, lossless=False), corners)


def heatmap_image(heatmap: xr.DataArray, *, longest_side_px: int = 1200) -> MapImage:
    """A density as a picture: clear where there is nothing, dark where there is most.

    Parameters
    ----------
    heatmap : DataArray, dims (y, x)
        Weight per square kilometre, with a CRS.
    longest_side_px : int
        Size of the picture.
    """
    density, corners, _ = _to_mercator(heatmap, longest_side_px, "bilinear")
    top = float(np.nanmax(density)) if np.isfinite(density).any() else 0.0
    share = np.nan_to_num(density / top if top > 0 else density * 0.0)
    # The square root spreads the low values, where most of a region lies; the legend gives true numbers.
    rgb = heat_colours(np.sqrt(np.clip(share, 0, 1)))
    alpha = np.clip(share / 0.08, 0, 1) * 205
    return MapImage(_encode(np.dstack([rgb, alpha]).astype(np.uint8), lossless=True), corners, (0.0, top))


def heat_colours(share: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of the density ramp, 0 to 255, for shares from 0 to 1."""
    stops = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in HEAT_RAMP], dtype=float)
    position = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(share, position, stops[:, band]) for band in range(3)], axis=-1)


def _to_mercator(
    raster: xr.DataArray, longest_side_px: int, resampling: str
) -> tuple[np.ndarray, tuple[Any, ...], float]:
    """The raster in web Mercator, north up, NaN outside; its corners; ground size of a cell in metres."""
    import rioxarray  # noqa: F401  (registers .rio)
    from affine import Affine
    from pyproj import CRS
    from rasterio.enums import Resampling
    from rasterio.warp import calculate_default_transform, reproject

    source = raster.squeeze(drop=True).transpose("y", "x")
    # The picture is warped by GDAL, which would guess where a datum is unknown.
    parse_crs(CRS.from_user_input(source.rio.crs))
    transform, width, height = calculate_default_transform(
        source.rio.crs, _MERCATOR, source.rio.width, source.rio.height, *source.rio.bounds()
    )
    shrink = max(width, height) / longest_side_px
    if shrink > 1:
        columns, rows = int(width / shrink), int(height / shrink)
        stretched = (transform.a * width / columns, 0.0, transform.c, 0.0, transform.e * height / rows, transform.f)
        transform, width, height = Affine(*stretched), columns, rows
    values = source.to_numpy().astype("float32")
    if source.rio.nodata is not None and np.isfinite(source.rio.nodata):
        values = np.where(values == source.rio.nodata, np.nan, values)
    out = np.full((height, width), np.nan, dtype="float32")
    reproject(
        values,
        out,
        src_transform=source.rio.transform(),
        src_crs=source.rio.crs,
        dst_transform=transform,
        dst_crs=_MERCATOR,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling[resampling] if shrink <= 1 else Resampling.average,
    )
    west, north = transform.c, transform.f
    east, south = west + transform.a * width, north + transform.e * height
    lon, lat = plan_transform(_MERCATOR, GEOGRAPHIC_EPSG)(
        np.array([west, east, east, west]), np.array([north, north, south, south])
    )
    corners = tuple((round(x, 7), round(y, 7)) for x, y in zip(lon.tolist(), lat.tolist(), strict=True))
    ground_m = abs(transform.a) * float(np.cos(np.radians(np.mean(lat))))
    return out, corners, ground_m


def _encode(rgba: np.ndarray, *, lossless: bool) -> str:
    from PIL import Image

    out = BytesIO()
    Image.fromarray(rgba, "RGBA").save(out, "WEBP", quality=78, lossless=lossless, method=4)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
