"""Which coordinate system a layer is in: what is declared, what the file says, and whether the two agree."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import (
    GEOGRAPHIC_EPSG,
    China,
    Datum,
    OffsetGuess,
    Placeable,
    crs_source,
    detect_offset,
    geographic_transform,
    parse_crs,
)
from sxrisk.errors import CRSError
from sxrisk.layers._source import Source
from sxrisk.layers.report import Issue, LayerReport

__all__ = ["DETECT", "decide_crs", "detect_crs"]

#: What a layer is declared in if a reference is to tell.
DETECT = "detect"

# A millimetre on the ground.
_SAME_PLACE_DEG = 1e-8


def decide_crs(crs: str | int | CRS | Datum | None, source: Source, path: Path, report: LayerReport) -> Placeable:
    """The system that a layer is read in: the declared one, else the file's own; written into the report.

    Parameters
    ----------
    crs : str, int, pyproj.CRS or Datum, optional
        As declared; for ``"detect"`` the coordinates count as true until :func:`detect_crs` knows better.
    source : Source
        The file.
    path : Path
        For messages.
    report : LayerReport
        Gets the system's name, its source, and an issue where one was assumed or overridden.

    Raises
    ------
    CRSError
        If neither says anything, if the declared one contradicts the file's own, or if it cannot be placed.
    """
    if crs == DETECT:
        if source.crs is not None and not source.crs.is_geographic:
            raise CRSError(
                f"the file says {_named(source.crs)}, which is no system of degrees", where=path,
                expected="longitude and latitude, to tell true ones from those of a web map",
                remedy="Leave crs out, or declare what the coordinates are in",
            )  # fmt: skip
        report.crs, report.crs_source = "detect", "unknown"
        return CRS.from_epsg(GEOGRAPHIC_EPSG)
    if crs is None and source.crs is None:
        raise CRSError(
            "the coordinate system is unknown: the file does not say and none is declared",
            where=path,
            expected='crs = "EPSG:4490", "EPSG:4546", "EPSG:4547", "GCJ-02" or "BD-09"',
            remedy="Ask whoever made the file; do not guess: GCJ-02 is 0.6 km off",
        )
    try:
        parsed = parse_crs(source.crs if crs is None and source.crs is not None else crs if crs is not None else "")
    except CRSError as error:
        problem = error.problem
        raise CRSError(problem.what, where=path, expected=problem.expected, remedy=problem.remedy) from error
    report.crs = str(parsed) if isinstance(parsed, China) else parsed.name
    report.crs_source = crs_source(parsed)
    if crs is None and source.crs_by_format:
        report.issues.append(
            Issue(
                "crs_assumed_wgs84",
                "the file states no coordinate system: GeoJSON says WGS 84 by its format; "
                "if it was drawn on a Chinese web map declare crs = 'GCJ-02'",
            )
        )
    if isinstance(parsed, Datum):
        _check_datum(parsed, source, path, report)
        return parsed
    if crs is not None and source.crs is not None and not _same_place(parsed, source.crs, source.geometry):
        if not (isinstance(parsed, China) or source.crs_by_format or source.crs.is_engineering):
            raise CRSError(
                f"the file says {_named(source.crs)}, but {_named(parsed)} is declared",
                where=path,
                expected="the same system twice, or one of them",
                remedy="Leave crs out; if the file is wrong, assign the right CRS in a GIS program and save it again",
            )
        report.issues.append(
            Issue("crs_overridden", f"the file says {source.crs.name}, declared and used is {report.crs}")
        )
    return parsed


def _check_datum(datum: Datum, source: Source, path: Path, report: LayerReport) -> None:
    """A file may say that it is in the datum's own legacy system, or in none; anything else contradicts it."""
    report.issues.append(
        Issue(
            "datum_applied",
            f"brought from {datum.name} ({datum.source or 'local grid'}) to {datum.leads_to} by {datum.method}, "
            f"which is good to {datum.sigma_m:g} m (1 sigma)",
        )
    )
    own = source.crs
    if own is None or own.is_engineering:
        return
    same = bool(datum.source) and CRS.from_user_input(datum.source).equals(own, ignore_axis_order=True)
    if same or source.crs_by_format:
        return
    try:
        parse_crs(own)
    except CRSError:
        # A system that nothing can be computed in: the parameters are what it lacked.
        report.issues.append(Issue("crs_overridden", f"the file says {own.name}, declared and used is {datum.name}"))
        return
    raise CRSError(
        f"the file says {_named(own)}, but the datum {datum.name} is declared", where=path,
        expected="the same system twice, or one of them",
        remedy="Leave crs out; if the file is wrong, assign the right CRS in a GIS program and save it again",
    )  # fmt: skip


def detect_crs(
    geometry: NDArray[Any], names: pd.Series | None, assumed: Placeable, reference: gpd.GeoDataFrame | None, path: Path,
    report: LayerReport,
) -> Placeable:  # fmt: skip
    """The system that a layer of degrees fits its reference in; written into the report with its confidence.

    Parameters
    ----------
    geometry : ndarray of shapely geometries, shape (n,)
        As the file has them.
    names : Series of n str or None
        Names of the features.
    assumed : pyproj.CRS
        What the coordinates count as if nothing fits; the layer's origin then stays unknown.
    reference : GeoDataFrame or None
        EPSG:4490, true.
    path : Path
        For messages.
    report : LayerReport
        Gets the system, its source, an issue with the figures, and them as ``detected``.

    Raises
    ------
    CRSError
        If there is no reference, or one that is itself of unknown origin.
    """
    if reference is None:
        raise CRSError(
            "the coordinate system is to be detected, but there is no reference", where=path,
            expected="reference = a layer that is true: roads, a boundary, places of the same names",
        )  # fmt: skip
    if "crs_source" in reference.columns and (reference["crs_source"] == "unknown").any():
        raise CRSError(
            "the reference is itself of unknown origin", where=path, expected="a reference in a declared system"
        )
    live = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    layer = gpd.GeoDataFrame(
        {"name": [""] * int(live.sum()) if names is None else names.to_numpy(dtype=object)[live]},
        geometry=shapely.force_2d(geometry[live]), crs=GEOGRAPHIC_EPSG,
    )  # fmt: skip
    guess: OffsetGuess = detect_offset(layer, reference)
    report.detected = guess.to_dict()
    found: Placeable = China(guess.system) if guess.system in tuple(China) else assumed
    if guess.system == "unknown":
        report.issues.append(
            Issue(
                "crs_not_detected",
                f"the layer fits its reference in no system ({guess.told()}): it is read as it stands, and every "
                "distance from it is unreliable; ask whoever made the file",
            )
        )
        return found
    report.crs = str(found) if isinstance(found, China) else "CGCS2000 / WGS 84"
    report.crs_source = str(guess.system)
    report.issues.append(Issue("crs_detected", f"found by its reference: {guess.told()}"))
    return found


def _named(crs: CRS) -> str:
    code = crs.to_authority()
    return f"{':'.join(code)} ({crs.name})" if code else crs.name


def _same_place(parsed: CRS | China, own: CRS, geometry: NDArray[Any] | None) -> bool:
    """Whether two systems are one in other words: by definition, else by where they put the layer's corners."""
    if isinstance(parsed, China):
        return False
    try:
        first, second = geographic_transform(parsed), geographic_transform(parse_crs(own))
    except CRSError:
        return False
    if parsed.equals(own, ignore_axis_order=True) or (first is second and parsed.is_geographic):
        return True
    west, south, east, north = shapely.total_bounds(geometry) if geometry is not None else [np.nan] * 4
    x, y = np.asarray([west, west, east, east]), np.asarray([south, north, south, north])
    if not np.isfinite([x, y]).all() or parsed.is_geographic != own.is_geographic:
        return False
    places = np.abs(np.asarray(first(x, y)) - np.asarray(second(x, y)))
    return bool((places < _SAME_PLACE_DEG).all())
