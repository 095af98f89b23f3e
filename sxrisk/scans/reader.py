"""The door for scans: one function that opens any point file that sxrisk knows."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt

from sxrisk.errors import CRSError, FileFormatError, InputError
from sxrisk.scans._crs import split_crs
from sxrisk.scans._las_crs import las_crs
from sxrisk.scans._plain import PlainSource, read_pcd, read_ply, read_text
from sxrisk.scans.scan import PointSource, Scan

__all__ = ["read_scan"]

LAS = {".las", ".laz"}
PLAIN = {
    ".ply": read_ply,
    ".pcd": read_pcd,
    ".xyz": read_text,
    ".csv": read_text,
    ".txt": read_text,
    ".asc": read_text,
    ".pts": read_text,
}


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
) -> Scan:
    r"""Open a point file; the points are read when they are asked for.

    LAS 1.0 to 1.4, LAZ and COPC, PLY and PCD (ASCII or binary), and text tables (XYZ, CSV, PTS; any separator, header
    or none).

    Parameters
    ----------
    path : str or Path
        The file; its ending says what it is.
    crs, vertical_crs : pyproj.CRS, int or str, optional
        What the file does not say about its coordinates. What it does say may not be contradicted.
    epoch : datetime or str, optional
        When it was scanned; a naive one is read as Asia/Shanghai, with a warning.
    stations : array-like of shape (k, 3), optional
        Scanner stations, in the file's coordinates.
    range_sigma_m, registration_sigma_m : float, optional
        1 sigma of a range and of the registration, metres.
    bounds : sequence of 4 or 6 floats, optional
        Only points inside (xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax), in the file's coordinates.

    Returns
    -------
    Scan
        Lazy: the header is read, the points are not.

    Raises
    ------
    InputError
        If the file is missing or empty.
    FileFormatError
        If it is truncated, or of a kind that cannot be read.
    CRSError
        If `crs` contradicts the file, or one of the two is a legacy datum or geocentric.
    ParameterError
        If `bounds` are no box.

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
    if not path.is_file():
        raise InputError(
            "there is no such file",
            where=path,
            expected="a point cloud",
            remedy="Check the path; it is relative to the project file, or to where you are",
        )
    if path.stat().st_size == 0:
        raise FileFormatError("the file is empty (0 bytes)", where=path, expected="a point cloud")
    suffix = path.suffix.lower()
    if suffix in LAS:
        # laspy takes a tenth of a second to import: only when a LAS is really read.
        from sxrisk.scans._las import LasSource

        opened = LasSource(path, bounds)
        crs, vertical_crs = _agreed(path, las_crs(opened.vlrs, path.name), crs, vertical_crs)
        source: PointSource = opened
    elif suffix in PLAIN:
        source = PlainSource(path, PLAIN[suffix], bounds)
    else:
        raise FileFormatError(
            f"files of type {suffix or 'without ending'} cannot be read as a scan",
            where=path,
            expected="LAS, LAZ, COPC, PLY, PCD, XYZ, CSV, TXT, ASC or PTS",
            remedy="Export it as LAZ from the scanner's program or CloudCompare" if suffix == ".e57" else None,
        )
    return Scan.from_source(
        source,
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
