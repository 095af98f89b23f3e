"""What is odd about numbers under a stated coordinate system, told in sentences."""

import math
from collections.abc import Sequence

import pyproj
from pyproj.exceptions import ProjError

from sxrisk.crs import CHINA_BOX
from sxrisk.scans._crs import unit_factor

__all__ = ["suspicions", "unit_name"]

# Gauss-Kruger coordinates of China, as they stand without a zone number.
EASTINGS, NORTHINGS = (100_000.0, 900_000.0), (1_500_000.0, 6_500_000.0)
SIX_DEGREES, THREE_DEGREES = range(13, 24), range(25, 46)
FIRST_SIX, FIRST_THREE = 4491, 4513  # EPSG codes of CGCS2000 zones 13 and 25
FAR_DEG = 5.0
LOCAL_M = 10_000.0  # a survey's own grid begins near nought


def suspicions(
    bounds: Sequence[float], crs: pyproj.CRS | None, vertical_crs: pyproj.CRS | None = None
) -> tuple[str, ...]:
    """Sentences on what is odd, none where all is well.

    Parameters
    ----------
    bounds : sequence of 6 floats
        Least x, y, z, greatest x, y, z.
    crs, vertical_crs : pyproj.CRS, optional
        What is stated.

    Examples
    --------
    >>> suspicions((37512000.0, 4123000.0, 900.0, 37513000.0, 4124000.0, 950.0), None)[0][:62]
    'the eastings begin with a zone number (37): CGCS2000 with zone'
    """
    found = [*_units(crs, vertical_crs)]
    place = _plan(bounds, crs)
    return (*found, place) if place else tuple(found)


def unit_name(crs: pyproj.CRS | None) -> str:
    """Name of the unit of the first axis, ``metre`` where the system is unknown."""
    return "metre" if crs is None or not crs.axis_info else str(crs.axis_info[0].unit_name)


def _units(crs: pyproj.CRS | None, vertical: pyproj.CRS | None) -> list[str]:
    if crs is None:
        return []
    plan = unit_factor(crs)
    if vertical is None:
        if math.isnan(plan):
            return ["plan in degrees and heights without a stated system: they count as metres"]
        return [] if plan == 1.0 else [f"plan in {unit_name(crs)}; heights without a stated system count as the same"]
    height = unit_factor(vertical)
    if math.isnan(plan) or math.isclose(plan, height, rel_tol=1e-9):
        return []
    return [f"mixed units: plan in {unit_name(crs)} ({plan:.9g} m), heights in {unit_name(vertical)} ({height:.9g} m)"]


def _plan(bounds: Sequence[float], crs: pyproj.CRS | None) -> str:
    x, y = (bounds[0] + bounds[3]) / 2.0, (bounds[1] + bounds[4]) / 2.0
    if crs is not None and crs.is_geographic:
        if abs(x) > 360.0 or abs(y) > 360.0:
            return f"{crs.name} is in degrees, but the numbers ({x:.0f}, {y:.0f}) look like metres"
        if _in_china(y, x) and not _in_china(x, y):
            return f"latitude seems to stand before longitude ({x:.4f}, {y:.4f})"
        return "" if abs(y) <= 90.0 else f"a latitude of {y:.4f} degrees does not exist"
    if _in_china(x, y) or _in_china(y, x):
        degrees = f"the numbers ({x:.4f}, {y:.4f}) look like degrees"
        if crs is not None:
            return f"{degrees}, but {crs.name} is in {unit_name(crs)}"
        return degrees if max(bounds[3] - bounds[0], bounds[4] - bounds[1]) < 2.0 else ""
    stated_wide = crs is not None and abs(_false_easting(crs)) > 1e6
    for easting, northing, turned in ((x, y, False), (y, x, True)):
        zone = int(easting // 1e6)
        is_zone = zone in (*SIX_DEGREES, *THREE_DEGREES) and _between(easting % 1e6, EASTINGS)
        if is_zone and _between(northing, NORTHINGS) and (turned or not stated_wide):
            return _zone_sentence(zone, turned)
    if _between(x, NORTHINGS) and _between(y, EASTINGS):
        return f"northing seems to stand before easting ({x:.0f}, {y:.0f}): swap the two columns"
    return _outside(x, y, crs) if crs is not None and crs.is_projected else ""


def _zone_sentence(zone: int, turned: bool) -> str:
    code = FIRST_SIX + zone - SIX_DEGREES[0] if zone in SIX_DEGREES else FIRST_THREE + zone - THREE_DEGREES[0]
    order = ", and northing seems to stand before easting" if turned else ""
    return f"the eastings begin with a zone number ({zone}): CGCS2000 with zone numbers is EPSG:{code}{order}"


def _outside(x: float, y: float, crs: pyproj.CRS) -> str:
    if max(abs(x), abs(y)) < LOCAL_M and abs(_false_easting(crs)) > LOCAL_M:
        return f"the numbers ({x:.1f}, {y:.1f}) look like local coordinates, not like {crs.name}"
    area = crs.area_of_use
    if area is None:
        return ""
    try:
        lon, lat = pyproj.Proj(crs)(x, y, inverse=True, errcheck=True)
    except ProjError:
        lon = lat = math.inf
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return f"the numbers ({x:.0f}, {y:.0f}) are no place in {crs.name}"
    wide = area.west <= area.east  # areas across the date line are not judged in longitude
    off = max(area.south - lat, lat - area.north, *((area.west - lon, lon - area.east) if wide else ()))
    if off <= FAR_DEG:
        return ""
    return f"in {crs.name} the points lie at {lon:.2f}, {lat:.2f} degrees, far outside its area ({area.name[:60]})"


def _false_easting(crs: pyproj.CRS) -> float:
    operation = crs.coordinate_operation
    if operation is None:
        return 0.0
    return next((float(p.value) for p in operation.params if p.name.lower().replace("_", " ") == "false easting"), 0.0)


def _in_china(lon: float, lat: float) -> bool:
    west, south, east, north = CHINA_BOX
    return west <= lon <= east and south <= lat <= north


def _between(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
