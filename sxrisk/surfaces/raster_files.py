"""Grids as cloud-optimised GeoTIFF, the same bytes for the same grid."""

from pathlib import Path

import numpy as np
import xarray as xr

from sxrisk.errors import GeometryError
from sxrisk.scans import whole_file
from sxrisk.surfaces.grids import cell_size_m

__all__ = ["write_raster"]


def write_raster(grid: xr.DataArray, path: str | Path) -> Path:
    """Write a grid as cloud-optimised GeoTIFF: float32, deflated, NaN as nodata, with overviews.

    Parameters
    ----------
    grid : xarray.DataArray
        Dims (y, x), y falling, square cells, CRS by rioxarray.
    path : str or Path
        The ``.tif`` file.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If the grid has other dimensions, or its rows run from south to north.
    OutputError
        If the file cannot be written.
    """
    import rioxarray  # noqa: F401  registers the accessor
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    if grid.dims != ("y", "x"):
        raise GeometryError(f"a grid with dims {grid.dims}", where=path, expected="('y', 'x')")
    if grid.sizes["y"] > 1 and float(grid.y[0]) < float(grid.y[-1]):
        raise GeometryError(
            "the grid's rows run from south to north",
            where=path,
            expected="y falling",
            remedy="grid.sortby('y', ascending=False)",
        )
    cell = cell_size_m(grid)
    transform = from_origin(float(grid.x[0]) - cell / 2.0, float(grid.y[0]) + cell / 2.0, cell, cell)
    height, width = grid.shape
    # In memory first: what then can fail on the disk fails as an ordinary OSError.
    with MemoryFile() as memory:
        with memory.open(
            driver="COG", height=height, width=width, count=1, dtype="float32", nodata=np.nan, crs=grid.rio.crs,
            transform=transform, compress="DEFLATE", predictor="YES", overview_resampling="average",
        ) as file:  # fmt: skip
            file.write(grid.values.astype(np.float32), 1)
            file.set_band_unit(1, str(grid.attrs.get("units", "")))
        with whole_file(path) as partial:
            partial.write_bytes(memory.read())
    return Path(path)
