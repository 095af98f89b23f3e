"""GDAL, held on a short lead: which driver may open a file, that nothing is lost on the way, curves as fine chords."""

import glob
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.errors import CRSError, FileFormatError, InputError
from sxrisk.layers._source import Source, unique_headers, wrap_read_errors
from sxrisk.layers.report import Issue

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["as_source", "gdal_errors", "read_gdal"]

# Degrees between the vertices of an arc: chords that leave a curve of 500 m radius by 1 mm (GDAL's 4 degrees: 30 cm).
_ARC_STEP_DEG = "0.25"
_CUT_SHORT = re.compile(r"truncat|unexpected end|premature|cut short|corrupt", re.IGNORECASE)


def gdal_errors() -> tuple[type[Exception], ...]:
    """What GDAL and pyogrio raise on a file that they cannot use; NameError is pyogrio's on an unreadable CRS."""
    from pyogrio.errors import CRSError as GdalCRSError
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    return (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, GdalCRSError, RuntimeError,
            UnicodeDecodeError, OSError, ValueError, OverflowError, IndexError, NameError)  # fmt: skip


def read_gdal(
    what: Path | BytesIO, path: Path, expected: str, *, drivers: tuple[str, ...], layer: str | None = None,
    encoding: str | None = None, deleted: NDArray[np.bool_] | None = None,
) -> Source:  # fmt: skip
    """Rows of one layer; GDAL chooses its driver by content.

    Parameters
    ----------
    what : Path or BytesIO
        The file or its checked content.
    path : Path
        For messages.
    expected : str
        What the file should have been, for messages.
    drivers : tuple of str
        Those that may have been chosen; with any other the file is refused.
    layer, encoding : str, optional
        Handed on.
    deleted : ndarray of bool, optional
        Records that the format keeps but marks as deleted, in file order: they are set aside and reported.

    Raises
    ------
    FileFormatError
        If GDAL cannot read it, another driver takes it, or fewer features come than the file says it has.
    InputError
        If it holds no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE")
    pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": _ARC_STEP_DEG})
    try:
        with wrap_read_errors(path, expected, *gdal_errors()), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            info = pyogrio.read_info(what, layer=layer, encoding=encoding)
            if info["driver"] not in drivers:
                raise FileFormatError(f"the content is of the format {info['driver']}", where=path, expected=expected)
            # A damaged count would have memory set aside for features that cannot be there.
            if int(info["features"]) > _bytes_of(what):
                raise FileFormatError(
                    f"the file states {info['features']} features, more than it has bytes", where=path,
                    expected=expected, remedy="Export or copy it again",
                )  # fmt: skip
            frame = pyogrio.read_dataframe(what, layer=layer, encoding=encoding)
    finally:
        pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": before})
    texts = dict.fromkeys(str(item.message)[:300] for item in caught if issubclass(item.category, RuntimeWarning))
    gone = np.zeros(0, dtype=bool) if deleted is None else deleted
    stated = int(info["features"]) - int(gone.sum())
    cut = next((text for text in texts if _CUT_SHORT.search(text)), "")
    if stated > len(frame) or (cut and stated != len(frame)):
        told = f"{len(frame)} of {stated} features can be read" if stated > len(frame) else cut
        raise FileFormatError(
            f"the file is cut short or damaged: {told}", where=path, expected=expected, remedy="Export or copy it again"
        )
    source = as_source(frame, path)
    if gone.any():
        source.set_aside = int(gone.sum())
        source.issues.append(Issue("deleted_records", "records that the file marks as deleted", source.set_aside))
        if len(gone) == len(source.rows) + source.set_aside:
            source.rows = np.flatnonzero(~gone).astype(np.int64) + 1
    source.issues += [Issue("reader_warning", text) for text in texts if "Measured (M)" not in text]
    return source


def _bytes_of(what: Path | BytesIO) -> int:
    """Size of a file with all its parts."""
    if isinstance(what, BytesIO):
        return len(what.getbuffer())
    return sum(part.stat().st_size for part in what.parent.glob(f"{glob.escape(what.stem)}.*") if part.is_file())


def as_source(frame: "gpd.GeoDataFrame | pd.DataFrame", path: Path) -> Source:
    """A frame that a library read, as rows of a file.

    Raises
    ------
    InputError
        If it is empty.
    CRSError
        If its coordinate system cannot be read.
    """
    if not len(frame):
        raise InputError("the layer is empty", where=path, expected="at least one feature")
    geometry: Any = None
    crs: CRS | None = None
    table = pd.DataFrame(frame)
    if hasattr(frame, "geometry") and getattr(frame, "_geometry_column_name", None) in frame.columns:
        geometry = frame.geometry.to_numpy()
        crs = _own_crs(frame.crs, path)
        table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    table.columns = pd.Index(unique_headers([str(name) for name in table.columns]))
    return Source(table.reset_index(drop=True), np.arange(1, len(table) + 1, dtype=np.int64), geometry, crs)


def _own_crs(crs: Any, path: Path) -> CRS | None:
    """The file's CRS; what only says "undefined" counts as none."""
    if crs is None:
        return None
    try:
        parsed = CRS.from_user_input(crs)
    except ValueError as error:
        raise CRSError(
            "the coordinate system in the file cannot be read", where=path, remedy="Declare it with crs="
        ) from error
    undefined = parsed.name.casefold().startswith("undefined") or "unknown engineering" in parsed.name.casefold()
    return None if undefined else parsed
