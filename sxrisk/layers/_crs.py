"""Which coordinate system a layer is in: what is declared, what the file says, and whether the two agree."""

from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import China, crs_source, geographic_transform, parse_crs
from sxrisk.errors import CRSError
from sxrisk.layers._source import Source
from sxrisk.layers.report import Issue, LayerReport

__all__ = ["decide_crs"]

# A millimetre on the ground.
_SAME_PLACE_DEG = 1e-8


def decide_crs(crs: str | int | CRS | None, source: Source, path: Path, report: LayerReport) -> CRS | China:
    """The system that a layer is read in: the declared one, else the file's own; written into the report.

    Parameters
    ----------
    crs : str, int or pyproj.CRS, optional
        As declared.
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
