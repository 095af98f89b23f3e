"""Layers as understood, in one GeoPackage whose bytes depend on its content only."""

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from sxrisk.errors import OutputError

__all__ = ["write_layers_gpkg"]

# Primary key and geometry, which GDAL adds under these names.
_OWN_COLUMNS = ("fid", "geom")
_FIXED_DATE = "2000-01-01T00:00:00.000Z"


def write_layers_gpkg(path: str | Path, layers: Mapping[str, gpd.GeoDataFrame], *, date: str = _FIXED_DATE) -> Path:
    """Write layers to a new GeoPackage; the same layers give the same bytes.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists, and only when the new file is whole.
    layers : mapping of str to GeoDataFrame
        By layer name, in this order. Frames without rows are written too.
    date : str
        ISO 8601 time that stands as time of last change.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    path = Path(path)
    partial = path.with_name(f"{path.stem}.partial.gpkg")
    failures = (OSError, DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, RuntimeError)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": date})
    try:
        partial.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            for at, (name, frame) in enumerate(layers.items()):
                pyogrio.write_dataframe(_writable(frame), partial, layer=name, driver="GPKG", append=at > 0)
        partial.replace(path)
    except failures as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        # GDAL tells a full disk and a locked file as a data source that cannot be opened or a feature not written.
        of_content = isinstance(error, (FieldError, GeometryError))
        remedy = None if of_content else "Free disk space, or close the program that holds the file open"
        raise OutputError(f"the GeoPackage cannot be written: {error}", where=path, remedy=remedy) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
    return path


def _writable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Columns of types that a GeoPackage has, under names that differ in more than case."""
    result = frame.copy()
    taken: set[str] = set()
    names: dict[str, str] = {}
    for column in result.columns:
        label = str(column)
        while label.casefold() in taken or label.casefold() in _OWN_COLUMNS:
            label = f"{label}_"
        taken.add(label.casefold())
        names[column] = label
        if column != result.geometry.name and result[column].dtype == object:
            result[column] = result[column].map(lambda value: None if value is None or value is pd.NA else str(value))
    return result.rename(columns=names) if any(old != new for old, new in names.items()) else result
