"""Which coordinate system and which units a scan is in."""

import re
from functools import lru_cache
from typing import Any

import pyproj
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.crs import refuse_unusable
from sxrisk.errors import CRSError

__all__ = ["canonical", "in_metres", "split_crs", "unit_factor", "with_unit"]


def split_crs(crs: Any, vertical_crs: Any, *, where: Any = None) -> tuple[pyproj.CRS | None, pyproj.CRS | None]:
    """Horizontal and vertical system, a compound one taken apart.

    Parameters
    ----------
    crs : pyproj.CRS, int, str or None
        Horizontal or compound system.
    vertical_crs : pyproj.CRS, int, str or None
        Vertical system; wins over the vertical part of a compound `crs` only if they are equal.
    where : str or Path, optional
        What an error names as the place.

    Returns
    -------
    tuple of pyproj.CRS or None
        Horizontal, vertical.

    Raises
    ------
    CRSError
        If a text is no coordinate system, it names a legacy datum or a geocentric system, or the two vertical systems
        differ.
    """
    horizontal = _parse(crs, where)
    vertical = _parse(vertical_crs, where)
    if vertical is not None and not vertical.is_vertical:
        raise CRSError(
            f"{vertical.name!r} is no vertical coordinate system",
            where=where,
            expected="a height system such as EPSG:5737 (1985 national height datum)",
        )
    if horizontal is not None and horizontal.is_compound:
        horizontal, stated = (canonical(part.to_wkt()) for part in horizontal.sub_crs_list[:2])
        if vertical is None:
            vertical = stated
        elif not vertical.equals(stated, ignore_axis_order=True):
            raise CRSError(
                f"heights are stated as {stated.name!r} in crs and as {vertical.name!r} in vertical_crs",
                where=where,
                expected="one height system",
                remedy="Give the horizontal part alone as crs, or leave vertical_crs out",
            )
    if horizontal is not None:
        try:
            refuse_unusable(horizontal)
        except CRSError as error:
            problem = error.problem
            raise CRSError(problem.what, where=where, expected=problem.expected, remedy=problem.remedy) from error
    return horizontal, vertical


def in_metres(vertical: pyproj.CRS) -> pyproj.CRS:
    """The same height datum counted in metres, under its registered name where it has one."""
    if unit_factor(vertical) == 1.0:
        return vertical
    metric = with_unit(vertical, "metre", 1.0)
    return pyproj.CRS.from_json_dict({**metric.to_json_dict(), "name": re.sub(r"( \([^()]*\))+$", "", metric.name)})


def unit_factor(crs: pyproj.CRS | None) -> float:
    """Metres in one unit of the system's first axis; NaN for degrees, 1 where the system is unknown."""
    if crs is None or not crs.axis_info:
        return 1.0
    if crs.is_geographic:
        return float("nan")
    return float(crs.axis_info[0].unit_conversion_factor)


def with_unit(crs: pyproj.CRS, name: str, metres: float) -> pyproj.CRS:
    """The same system with its axes counted in another unit of length.

    GeoTIFF keys may name an EPSG code in metres and beside it a unit in feet; the coordinates then are in feet.
    """
    document = crs.to_json_dict()
    for axis in document["coordinate_system"]["axis"]:
        axis["unit"] = {"type": "LinearUnit", "name": name, "conversion_factor": metres}
    document.pop("id", None)
    document["name"] = f"{document['name']} ({name})"
    return pyproj.CRS.from_json_dict(document)


@lru_cache(maxsize=64)
def canonical(wkt: str) -> pyproj.CRS:
    """The EPSG registry's own definition of a system, where the text describes one; else the system as it stands.

    Files state the same system as WKT of several kinds, with other names of axes and datum: PROJ then calls it
    different from EPSG's. Here it counts as the same if kind, unit, ellipsoid and all projection parameters agree.
    """
    crs = pyproj.CRS.from_wkt(wkt)
    stated = crs.to_json_dict().get("id", {})
    codes = [str(stated["code"])] if stated.get("authority") == "EPSG" else []
    codes += [found.code for found in crs.list_authority(auth_name="EPSG", min_confidence=20)]
    for code in dict.fromkeys(codes):
        try:
            known = pyproj.CRS.from_epsg(int(code))
        except (ProjCRSError, ValueError):
            continue
        if _fingerprint(known) == _fingerprint(crs) and (not crs.is_vertical or known.name == crs.name):
            return known
    return crs


def _fingerprint(crs: pyproj.CRS) -> tuple[Any, ...]:
    ellipsoid = crs.ellipsoid
    shape = None if ellipsoid is None else (ellipsoid.semi_major_metre, round(ellipsoid.inverse_flattening, 6))
    operation = crs.coordinate_operation
    # Values in metres and degrees, so that a false easting in feet equals the same in metres.
    values = () if operation is None else tuple(
        sorted((p.name.lower().replace("_", " "), round(float(p.value) * _si(p.unit_conversion_factor), 7))
               for p in operation.params)
    )  # fmt: skip
    return crs.type_name, round(unit_factor(crs), 12) if not crs.is_geographic else "degree", shape, values


def _si(factor: float) -> float:
    # Angles come with radians in a degree; they stay degrees.
    return 1.0 if abs(factor - 0.017453292519943295) < 1e-9 else factor


def _parse(crs: Any, where: Any) -> pyproj.CRS | None:
    if crs is None or crs == "":
        return None
    try:
        found = pyproj.CRS.from_user_input(crs)
        return found if found.is_compound or found.is_bound else canonical(found.to_wkt())
    except ProjCRSError as error:
        raise CRSError(
            f"{str(crs)[:120]!r} is no coordinate system that PROJ knows",
            where=where,
            expected="an EPSG code such as 'EPSG:4547', or WKT",
        ) from error
