"""Grids as cloud-optimised GeoTIFF and as VTK image data, the same bytes for the same grid."""

from pathlib import Path

import numpy as np
import xarray as xr

from sxrisk.errors import GeometryError
from sxrisk.scans import whole_file
from sxrisk.surfaces.grids import cell_size_m

__all__ = ["write_raster", "write_vti"]


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

    _check(grid, path)
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


def write_vti(grid: xr.DataArray, path: str | Path) -> Path:
    """Write a grid as VTK image data for ParaView: a value for each cell, in the grid's coordinates.

    Parameters
    ----------
    grid : xarray.DataArray
        Dims (y, x), y falling, square cells; NaN is kept.
    path : str or Path
        The ``.vti`` file.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If the grid has other dimensions, or its rows run from south to north.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> grid = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("y", "x"), coords={"y": [1.5, 0.5], "x": [0.5, 1.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_vti(grid, f"{folder}/grid.vti").name
    'grid.vti'
    """
    import rioxarray  # noqa: F401  registers the accessor

    from sxrisk.scans.writing.vtk_xml import whole_array, write_vtk

    _check(grid, path)
    cell = cell_size_m(grid)
    height, width = grid.shape
    extent = f"0 {width} 0 {height} 0 0"
    corner = float(grid.x[0]) - cell / 2.0, float(grid.y[-1]) - cell / 2.0
    name = str(grid.name or "elevation_m")
    # VTK counts rows from the south.
    values = whole_array(name, np.asarray(grid.values[::-1], dtype=np.float32).ravel())
    crs = "unknown" if grid.rio.crs is None else str(grid.rio.crs.to_string())
    with whole_file(path) as partial, partial.open("wb") as file:
        write_vtk(
            file,
            "ImageData",
            {"Extent": extent},
            [("CellData", [values])],
            whole={
                "WholeExtent": extent,
                "Origin": f"{corner[0]!r} {corner[1]!r} 0.0",
                "Spacing": f"{cell!r} {cell!r} 1.0",
            },
            facts={"crs": crs, "unit": str(grid.attrs.get("units", ""))},
        )
    return Path(path)


def _check(grid: xr.DataArray, path: str | Path) -> None:
    if grid.dims != ("y", "x"):
        raise GeometryError(f"a grid with dims {grid.dims}", where=path, expected="('y', 'x')")
    if grid.sizes["y"] > 1 and float(grid.y[0]) < float(grid.y[-1]):
        raise GeometryError(
            "the grid's rows run from south to north",
            where=path,
            expected="y falling",
            remedy="grid.sortby('y', ascending=False)",
        )
