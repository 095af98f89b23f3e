"""The door for scans: one function that opens any point file that sxrisk knows."""

import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt

from sxrisk.errors import CRSError, UnverifiedInputWarning
from sxrisk.scans._crs import split_crs
from sxrisk.scans.files import open_source
from sxrisk.scans.files.stated import stated_crs
from sxrisk.scans.scan import Scan
from sxrisk.scans.source import BoxedSource, PointSource

__all__ = ["read_scan"]


def read_scan(
    path: str | Path,
    *,
    crs: Any = None,
    vertical_crs: Any = None,
    epoch: datetime | str | None = None,
    stations: npt.ArrayLike | None = None,
    range_sigma_m: float | None = None,
    registration_sigma_m: float | None = None,
    bounds: Sequence[float] | None = None,
    resolution_m: float | None = None,
) -> Scan:
    r"""Open a point file; the points are read when they are asked for.

    LAS 1.0 to 1.4, LAZ, COPC, E57 (all stations), PTX (all stations), PLY, PCD (also compressed), legacy VTK, and text
    tables (XYZ, CSV, TXT, ASC, PTS): any separator, decimal comma where it is certain, header or none.

    Coordinates come from the file as they are. Their system is that of the file (WKT or GeoTIFF keys of a LAS, the
    metadata of an E57, a ``.prj`` beside any other) or the caller's. Poses of an E57 or PTX become stations, and
    ``station_index`` says which saw each point; records that are no returns are left out and counted.

    Parameters
    ----------
    path : str or Path
        The file; its ending says what it is.
    crs, vertical_crs : pyproj.CRS, int or str, optional
        What the file does not say about its coordinates. What it does say may not be contradicted.
    epoch : datetime or str, optional
        When it was scanned; a naive one is read as Asia/Shanghai, with a warning. Default: the start of the
        acquisition where an E57 states it.
    stations : array-like of shape (k, 3), optional
        Scanner stations, in the file's coordinates. Default: those of the file.
    range_sigma_m, registration_sigma_m : float, optional
        1 sigma of a range and of the registration, metres. Default: what :func:`write_scan` left in a LAS.
    bounds : sequence of 4 or 6 floats, optional
        Only points inside (xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax), edges included, in the
        file's coordinates. Of a COPC file only what touches the box is read.
    resolution_m : float, optional
        Distance between points that is enough, in units of the file's coordinates; only the levels of a COPC file
        down to it are read.

    Returns
    -------
    Scan
        Lazy: the header is read, the points are not.

    Raises
    ------
    InputError
        If the file is missing or empty.
    FileFormatError
        If it is truncated, a mesh, or of a kind that cannot be read.
    CRSError
        If `crs` contradicts the file, or one of the two is a legacy datum or geocentric.
    ParameterError
        If `bounds` are no box, or a resolution is asked of a file without levels of detail.

    Warns
    -----
    UnverifiedInputWarning
        If a table does not name its columns, so that the first three numbers count as easting, northing and height.

    Examples
    --------
    >>> import tempfile, pathlib, sxrisk as sx
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "points.csv"
    >>> _ = path.write_text("x,y,z\n1,2,3\n4,5,6\n", encoding="utf-8")
    >>> sx.read_scan(path, epoch="2026-03-15T10:00:00+08:00").xyz
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    path = Path(path)
    source: PointSource = open_source(path, resolution_m)
    crs, vertical_crs = _agreed(path, stated_crs(source, path), crs, vertical_crs)
    layout = getattr(source, "layout", None)
    if layout is not None and not layout.by_rule:
        warnings.warn(
            f"{path.name}: no header; the first three columns of numbers are read as easting, northing and height"
            + (", the next as " + ", ".join(layout.names[3:]) if len(layout.names) > 3 else ""),
            UnverifiedInputWarning,
            stacklevel=2,
        )
    return Scan.from_source(
        source if bounds is None else BoxedSource(source, bounds),
        crs=crs,
        vertical_crs=vertical_crs,
        epoch=epoch,
        stations=stations,
        range_sigma_m=range_sigma_m,
        registration_sigma_m=registration_sigma_m,
    )


def _agreed(path: Path, stated: tuple[Any, Any], crs: Any, vertical_crs: Any) -> tuple[Any, Any]:
    """The systems of the file, completed by what the caller says; a contradiction is the caller's to solve."""
    of_file = split_crs(*stated, where=path)
    of_user = split_crs(crs, vertical_crs, where=path)
    agreed = []
    for name, file_crs, user_crs in zip(("crs", "vertical_crs"), of_file, of_user, strict=True):
        if file_crs is not None and user_crs is not None and not file_crs.equals(user_crs, ignore_axis_order=True):
            raise CRSError(
                f"the file says {file_crs.name!r}, {name} says {user_crs.name!r}",
                where=path,
                expected="one coordinate system",
                remedy=f"Leave {name} out, or, where the file is wrong, read_scan(path).replace({name}=...)",
            )
        agreed.append(file_crs if user_crs is None else user_crs)
    return agreed[0], agreed[1]
