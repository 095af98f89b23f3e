"""The coordinate system that a LAS header states: WKT first, else GeoTIFF keys with their units."""

import warnings
from collections.abc import Iterable
from typing import Any

import pyproj
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.errors import UnverifiedInputWarning
from sxrisk.scans._crs import with_unit

__all__ = ["las_crs"]

PROJECTED_KEY, GEOGRAPHIC_KEY, LINEAR_UNIT_KEY, VERTICAL_KEY, VERTICAL_UNIT_KEY = 3072, 2048, 3076, 4096, 4099
USER_DEFINED = 32767
# EPSG codes of units of length that occur in LAS headers, in metres.
UNITS = {9001: ("metre", 1.0), 9002: ("foot", 0.3048), 9003: ("US survey foot", 12 / 39.37)}


def las_crs(records: Iterable[Any], name: str) -> tuple[pyproj.CRS | None, pyproj.CRS | None]:
    """Horizontal (or compound) and vertical system of the variable length records of a LAS header.

    Parameters
    ----------
    records : iterable of laspy VLR
        VLRs and EVLRs.
    name : str
        File name, for warnings.

    Returns
    -------
    tuple of pyproj.CRS or None
        System in plan (perhaps compound), and height system where the keys state it apart.

    Warns
    -----
    UnverifiedInputWarning
        If the file states a system that cannot be that of its coordinates; it then counts as unknown.
    """
    wkt, keys = None, {}
    for record in records:
        if record.record_id == 2112 and "LASF" in record.user_id:
            wkt = getattr(record, "string", "").strip("\0 '\"")
        elif record.record_id == 34735:
            keys = {key.id: key.value_offset for key in getattr(record, "geo_keys", ()) if key.tiff_tag_location == 0}
    crs = _parsed(wkt) if wkt else None
    if crs is None and keys:
        crs = _from_keys(keys)
    if wkt and crs is None:
        warnings.warn(
            f"{name}: the header's system {wkt[:50]!r} cannot be used; the coordinates count as local metres",
            UnverifiedInputWarning,
            stacklevel=4,
        )
    if crs is not None and crs.is_geocentric:
        # Some writers put the geocentric base of a projected system here while the points are eastings and northings.
        warnings.warn(
            f"{name}: the header states the geocentric system {crs.name!r}; the coordinates count as local metres",
            UnverifiedInputWarning,
            stacklevel=4,
        )
        return None, None
    if crs is not None and crs.is_compound:
        return crs, None
    return crs, _vertical_from_keys(keys)


def _parsed(text: str) -> pyproj.CRS | None:
    try:
        crs = pyproj.CRS.from_user_input(text)
    except ProjCRSError:
        return None
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        first = crs.sub_crs_list[0]
        return None if first.is_geocentric else crs
    return crs


def _from_keys(keys: dict[int, int]) -> pyproj.CRS | None:
    code = keys.get(PROJECTED_KEY, 0) or keys.get(GEOGRAPHIC_KEY, 0)
    if code in (0, USER_DEFINED):
        return None
    crs = _parsed(f"EPSG:{code}")
    unit = UNITS.get(keys.get(LINEAR_UNIT_KEY, 0))
    if crs is not None and crs.is_projected and unit is not None:
        stated = crs.axis_info[0].unit_conversion_factor
        if abs(stated / unit[1] - 1.0) > 1e-9:
            crs = with_unit(crs, *unit)
    return crs


def _vertical_from_keys(keys: dict[int, int]) -> pyproj.CRS | None:
    crs = _parsed(f"EPSG:{keys[VERTICAL_KEY]}") if keys.get(VERTICAL_KEY, 0) not in (0, USER_DEFINED) else None
    if crs is not None and not crs.is_vertical:
        crs = None
    unit = UNITS.get(keys.get(VERTICAL_UNIT_KEY, 0))
    if unit is None:
        return crs
    if crs is None:
        return pyproj.CRS.from_wkt(
            f'VERTCRS["height of unknown datum ({unit[0]})",VDATUM["unknown"],CS[vertical,1],'
            f'AXIS["gravity-related height (H)",up,LENGTHUNIT["{unit[0]}",{unit[1]!r}]]]'
        )
    return crs if abs(crs.axis_info[0].unit_conversion_factor / unit[1] - 1.0) < 1e-9 else with_unit(crs, *unit)
