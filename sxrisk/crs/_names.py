"""From what a person or a file calls a coordinate system to one whose place on the earth is known."""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjCRSError
from pyproj.exceptions import ProjError

from sxrisk.crs._datums import Datum
from sxrisk.crs._offsets import bd09_to_wgs84, gcj02_to_wgs84
from sxrisk.errors import CRSError

__all__ = [
    "CHINA_BOX",
    "GEOGRAPHIC_EPSG",
    "China",
    "Placeable",
    "PlanTransform",
    "crs_source",
    "geographic_transform",
    "is_gauss_kruger",
    "is_linear",
    "parse_crs",
    "plan_transform",
    "refuse_unusable",
]

GEOGRAPHIC_EPSG = 4490
#: West, south, east, north of China, roughly; degrees.
CHINA_BOX = (73.0, 3.0, 136.0, 54.0)

Coordinates: TypeAlias = NDArray[np.float64]
PlanTransform: TypeAlias = Callable[[Coordinates, Coordinates], tuple[Coordinates, Coordinates]]


class China(StrEnum):
    """The offset systems of Chinese web maps, which no CRS library knows."""

    GCJ02 = "gcj02"
    BD09 = "bd09"


#: What coordinates can be brought to EPSG:4490 from.
Placeable: TypeAlias = CRS | China | Datum

_GCJ02_NAMES = ("gcj02", "gcj", "火星坐标", "火星坐标系", "国测局坐标", "高德", "高德坐标", "腾讯坐标", "amap")
_BD09_NAMES = ("bd09", "bd09ll", "bd", "百度", "百度坐标", "百度坐标系", "baidu")
_CGCS2000_NAMES = (
    "cgcs2000", "2000", "2000坐标系", "国家2000", "国家2000坐标系", "2000国家大地坐标系", "国家大地2000",
)  # fmt: skip
_WGS84_NAMES = ("wgs84", "wgs1984", "wgs84坐标系", "gps", "crs84")
_OFFSET_NAMES = dict.fromkeys(_GCJ02_NAMES, China.GCJ02) | dict.fromkeys(_BD09_NAMES, China.BD09)
_DATUM_NAMES = dict.fromkeys(_CGCS2000_NAMES, 4490) | dict.fromkeys(_WGS84_NAMES, 4326)
_LEGACY = re.compile(r"beijing|pekin|(?<![a-z])xi'?an|北京|西安|bj54|xa80|pulkovo|krass?ovsk[yi]", re.IGNORECASE)
_LEGACY_REMEDY = (
    "Give the layer's coordinates in CGCS2000, or ask the surveying office for the shift of some 100 m: it needs local "
    "parameters, and a guess is refused. With 3, 4 or 7 of them: [datums.NAME] in the project file and "
    'crs = "datum:NAME", or sxrisk.crs.Datum'
)
_DATUM_PREFIX = "datum:"
_EXAMPLES = 'e.g. "EPSG:4490", "EPSG:4547", "CGCS2000", "WGS84", "GCJ-02" or "BD-09"'


def parse_crs(text: str | int | CRS | Datum) -> Placeable:
    """A coordinate system that can be placed on the earth, from what a person or a file calls it.

    Parameters
    ----------
    text : str, int, pyproj.CRS or Datum
        EPSG code, ``"EPSG:4547"``, WKT, a PROJ string, or a name: CGCS2000, WGS84, GCJ-02, BD-09, 国家2000, ...

    Returns
    -------
    pyproj.CRS, China or Datum
        A datum passes as it is. ``China.GCJ02`` and ``China.BD09`` equal the strings ``"gcj02"`` and ``"bd09"``.

    Raises
    ------
    CRSError
        If the text names no CRS, if it is a legacy datum (Beijing 1954, Xian 1980, ...), geocentric, or a local grid
        whose place on the earth needs parameters, or if only a ballpark transform to CGCS2000 exists.

    Examples
    --------
    >>> parse_crs("GCJ-02") == "gcj02"
    True
    >>> parse_crs("CGCS2000").to_epsg(), parse_crs("EPSG:4547").to_epsg()
    (4490, 4547)
    >>> parse_crs("EPSG:4214")
    Traceback (most recent call last):
    sxrisk.errors.CRSError: EPSG:4214 (Beijing 1954) is a legacy datum ...
    """
    if isinstance(text, Datum):
        return text
    if isinstance(text, CRS):
        return _checked(text, text.to_string() if len(text.to_string()) < 60 else text.name)
    if isinstance(text, int):
        return _parse(f"EPSG:{text}")
    if not isinstance(text, str) or not text.strip():
        raise CRSError(f"the coordinate system is {text!r}", expected=_EXAMPLES)
    return _parse(text.strip())


@lru_cache(maxsize=256)
def _parse(text: str) -> CRS | China:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    key = re.sub(r"[\s_\-]", "", unicodedata.normalize("NFKC", text)).casefold()
    if key.startswith(_DATUM_PREFIX):
        raise CRSError(
            f"{shown!r} names a datum of a project file", expected="sxrisk.crs.Datum with its parameters",
            remedy="Only layers of a project file can name one",
        )  # fmt: skip
    if key in _OFFSET_NAMES:
        return _OFFSET_NAMES[key]
    if key in _DATUM_NAMES:
        return CRS.from_epsg(_DATUM_NAMES[key])
    try:
        crs = CRS.from_user_input(int(text) if re.fullmatch(r"\d{4,6}", text) else text)
    except ProjCRSError as error:
        if _LEGACY.search(unicodedata.normalize("NFKC", text)):
            raise CRSError(f"{shown} is a legacy datum", expected=_EXAMPLES, remedy=_LEGACY_REMEDY) from error
        raise CRSError(f"{shown!r} is no coordinate system that is known here", expected=_EXAMPLES) from error
    return _checked(crs, shown)


def _checked(crs: CRS, shown: str) -> CRS:
    label = shown if crs.name == shown else f"{shown} ({crs.name})"
    if crs.is_compound:
        # The height part is read by those who need heights; here only the ground plan counts.
        _checked(crs.sub_crs_list[0], shown)
        return crs
    if crs.is_vertical:
        raise CRSError(f"{label} is a height system", expected=f"a horizontal CRS, {_EXAMPLES}")
    if crs.is_engineering:
        raise CRSError(
            f"{label} is a local grid",
            expected=_EXAMPLES,
            remedy='Its place on the earth needs parameters: [datums.NAME] in the project file and crs = "datum:NAME"',
        )
    refuse_unusable(crs, shown)
    geographic_transform(crs)
    return crs


def refuse_unusable(crs: CRS, shown: str | None = None) -> None:
    """Refuse what nothing may be computed in: legacy datums, and geocentric systems, which have no ground plan.

    Parameters
    ----------
    crs : pyproj.CRS
        Not compound. Local grids pass: they have a plan, though no place on the earth.
    shown : str, optional
        What the user called it; default its name.

    Raises
    ------
    CRSError
        If it is one of these.

    Examples
    --------
    >>> refuse_unusable(CRS(4479))
    Traceback (most recent call last):
    sxrisk.errors.CRSError: China Geodetic Coordinate System 2000 is geocentric ...
    """
    label = crs.name if shown is None or shown == crs.name else f"{shown} ({crs.name})"
    if _datum_family(crs) == "legacy":
        raise CRSError(f"{label} is a legacy datum", expected=_EXAMPLES, remedy=_LEGACY_REMEDY)
    if crs.is_geocentric:
        raise CRSError(
            f"{label} is geocentric: its X, Y, Z count from the middle of the earth and are no ground plan",
            expected=f"longitude and latitude or a projection, {_EXAMPLES}",
            remedy="Have the coordinates converted to longitude, latitude and height",
        )


def _datum_family(crs: CRS) -> Literal["cgcs2000", "wgs84", "legacy", "other"]:
    names = " ".join(part.name for part in (crs.datum, crs.geodetic_crs, crs.ellipsoid) if part is not None)
    # PROJ's own fallback says "Unknown based on Krassovsky": with towgs84 the user gave the parameters himself.
    if _LEGACY.search(names) and not (crs.is_bound and "unknown" in names.casefold()):
        return "legacy"
    flat = re.sub(r"[\s_\-]", "", names).casefold()
    if "china2000" in flat or "cgcs2000" in flat or "chinageodeticcoordinatesystem2000" in flat:
        return "cgcs2000"
    if not crs.is_bound and ("worldgeodeticsystem1984" in flat or "wgs84" in flat or "wgs1984" in flat):
        return "wgs84"
    return "other"


def crs_source(crs: Placeable) -> str:
    """What the ``crs_source`` column of a layer says of a parsed CRS: cgcs2000, wgs84, gcj02, bd09 or local.

    Parameters
    ----------
    crs : pyproj.CRS or China
        Result of :func:`parse_crs`.

    Returns
    -------
    str
        Other datums are transformed to WGS 84, so they are ``"wgs84"``.

    Examples
    --------
    >>> crs_source(parse_crs("EPSG:4547")), crs_source(parse_crs("BD-09"))
    ('cgcs2000', 'bd09')
    """
    if isinstance(crs, China):
        return str(crs)
    if isinstance(crs, Datum):
        return "local"
    return "cgcs2000" if _datum_family(crs) == "cgcs2000" else "wgs84"


def is_gauss_kruger(crs: Placeable) -> bool:
    """Whether a CRS is a CGCS2000 transverse Mercator zone in metres, for which 8-digit eastings name a zone."""
    if not isinstance(crs, CRS) or not crs.is_projected or _datum_family(crs) != "cgcs2000":
        return False
    operation = crs.coordinate_operation
    return operation is not None and operation.method_name in ("Transverse Mercator", "Gauss Kruger")


def geographic_transform(crs: Placeable) -> PlanTransform:
    """Vectorised function from a CRS to longitude and latitude in EPSG:4490.

    Parameters
    ----------
    crs : pyproj.CRS or China
        Result of :func:`parse_crs`.

    Returns
    -------
    callable
        ``(x, y) -> (lon, lat)``, arrays in and out, easting (longitude) first. What cannot be transformed becomes inf.

    Raises
    ------
    CRSError
        If PROJ knows no transform but a ballpark one.
    """
    if isinstance(crs, China):
        return gcj02_to_wgs84 if crs is China.GCJ02 else bd09_to_wgs84
    if isinstance(crs, Datum):
        onward = geographic_transform(parse_crs(crs.leads_to))
        return lambda x, y: onward(*crs.to_target(x, y))
    return _geographic_transform(crs)


def plan_transform(source: str | int | CRS | China | Datum, target: str | int | CRS) -> PlanTransform:
    """Vectorised function between the ground plans of two systems, the only way from one to the other in sxrisk.

    WGS 84 and CGCS2000 count as identical, in projections of either too. Heights are not touched.

    Parameters
    ----------
    source, target : str, int or pyproj.CRS
        What :func:`parse_crs` accepts; the target cannot be an offset system.

    Returns
    -------
    callable
        ``(x, y) -> (x, y)``, arrays in and out, easting (longitude) first. What cannot be transformed becomes inf.

    Raises
    ------
    CRSError
        If a system cannot be placed on the earth (legacy datum, local grid, geocentric), if the target is GCJ-02 or
        BD-09, or if PROJ knows no transform but a ballpark one.

    Examples
    --------
    >>> x, y = plan_transform("EPSG:32649", "EPSG:4546")(500000.0, 4100000.0)
    >>> round(float(x)), round(float(y))
    (500000, 4101641)
    """
    first, last = parse_crs(source), parse_crs(target)
    if not isinstance(last, CRS):
        raise CRSError(f"nothing is transformed to {last}", expected=_EXAMPLES.rsplit(", ", 1)[0])
    if isinstance(first, CRS):
        if first == last:
            return _identity
        if _datum_family(_plan(first)) == _datum_family(_plan(last)) == "other":
            # By way of WGS 84 two datums of one country would gather the errors of both shifts.
            return _transform(_checked_transformer(_plan(first), _plan(last)))
    to_lonlat, operation = geographic_transform(first), _to_lonlat(last)
    from_lonlat = _identity if operation is None else _transform(operation, "INVERSE")
    return lambda x, y: from_lonlat(*to_lonlat(x, y))


def _geographic_transform(crs: CRS) -> PlanTransform:
    operation = _to_lonlat(crs)
    return _identity if operation is None else _transform(operation)


@lru_cache(maxsize=64)
def _to_lonlat(crs: CRS) -> Transformer | None:
    """PROJ's operation from a system to longitude and latitude; None where its coordinates are these already."""
    plan = _plan(crs)
    family = _datum_family(plan)
    if family in ("cgcs2000", "wgs84") and plan.geodetic_crs is not None and plan.prime_meridian is not None:
        if plan.is_geographic and _is_plain_degrees(plan):
            return None
        # Only the projection is undone: between these datums nothing is shifted (see the package's docstring).
        target = CRS.from_epsg(4490 if family == "cgcs2000" else 4326) if plan.is_bound else plan.geodetic_crs
    else:
        target = CRS.from_epsg(4326)
    return _checked_transformer(plan, target)


def _plan(crs: CRS) -> CRS:
    if crs.is_compound:
        return crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def _checked_transformer(source: CRS, target: CRS) -> Transformer:
    try:
        return Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise CRSError(
            f"the datum of {source.name!r} is unknown: only a ballpark transform to {target.name!r} exists",
            expected=_EXAMPLES,
            remedy="Declare the CRS of the data if you know it, or have the data transformed to CGCS2000",
        ) from error


def _transform(operation: Transformer, direction: Literal["FORWARD", "INVERSE"] = "FORWARD") -> PlanTransform:
    def transform(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        moved_x, moved_y = operation.transform(x, y, direction=direction)
        return np.asarray(moved_x, dtype=np.float64), np.asarray(moved_y, dtype=np.float64)

    return transform


def _is_plain_degrees(crs: CRS) -> bool:
    greenwich = crs.prime_meridian is not None and abs(crs.prime_meridian.longitude) < 1e-12
    return greenwich and all(axis.unit_name.casefold() == "degree" for axis in crs.axis_info)


def _identity(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def is_linear(crs: Any) -> bool:
    """Whether edges that are straight in the CRS are straight in EPSG:4490 too (so that none needs densifying)."""
    return not isinstance(crs, China) and geographic_transform(crs) is _identity
