"""The coordinate systems that a point file states, wherever its format puts them."""

import warnings
from pathlib import Path
from typing import Any

import pyproj
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.errors import FileFormatError, UnverifiedInputWarning

__all__ = ["prj_beside", "stated_crs"]

MOST_BYTES = 65_536


def stated_crs(source: Any, path: Path) -> tuple[Any, Any]:
    """Horizontal (or compound) and vertical system of an opened file, None where it says nothing.

    Parameters
    ----------
    source : PointSource
        The opened file: records of a LAS, metadata of an E57.
    path : Path
        The file; a ``.prj`` beside it counts where the format itself cannot say it, or does not.

    Raises
    ------
    FileFormatError
        If a ``.prj`` beside it is no coordinate system.

    Warns
    -----
    UnverifiedInputWarning
        If the file states a system that cannot be that of its coordinates; it then counts as unknown.
    """
    if hasattr(source, "vlrs"):
        from sxrisk.scans.files.las_crs import las_crs

        found = las_crs(source.vlrs, path.name)
    else:
        found = _metadata(getattr(source, "metadata", ""), path), None
    if found == (None, None):
        # A LAS header has no place for heights without a plan.
        found = None, _metadata(getattr(source, "heights", ""), path)
    if found[0] is not None and found[0].is_vertical and not found[0].is_compound:
        found = None, found[0]
    return found if found != (None, None) else (prj_beside(path), None)


def prj_beside(path: Path) -> pyproj.CRS | None:
    """The system of the ``.prj`` beside a file.

    Raises
    ------
    FileFormatError
        If it is no coordinate system.
    """
    beside = next((path.with_suffix(end) for end in (".prj", ".PRJ") if path.with_suffix(end).is_file()), None)
    if beside is None:
        return None
    with beside.open("rb") as file:
        text = file.read(MOST_BYTES).decode("utf-8-sig", errors="replace").strip()
    try:
        return pyproj.CRS.from_user_input(text)
    except ProjCRSError as error:
        raise FileFormatError(
            f"{text[:60]!r} is no coordinate system",
            where=beside,
            expected="WKT, or a code such as EPSG:4547",
            remedy="Correct it, or move it away",
        ) from error


def _metadata(text: str, path: Path) -> pyproj.CRS | None:
    if not text:
        return None
    try:
        crs = pyproj.CRS.from_user_input(text)
    except ProjCRSError:
        # Scanner programs put names of their own here; that is no system, and no fault of the file.
        return None
    if crs.is_geocentric:
        warnings.warn(
            f"{path.name}: the metadata state the geocentric {crs.name!r}; the coordinates count as local metres",
            UnverifiedInputWarning,
            stacklevel=3,
        )
        return None
    return crs
