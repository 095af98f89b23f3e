"""Gauss-Kruger zones in eastings: which zone a row is in, where one file holds rows of several.

An easting of eight digits begins with its zone: 25 to 45 are the 3-degree zones (Shanxi: 37, 38), 13 to 23 the
6-degree ones (19, 20). Zones 37 and 19 share the central meridian 111 and therefore every coordinate; only the meridian
counts. An easting of six digits is in the zone that the layer is declared in, unless other rows name another one.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import Placeable, geographic_transform, is_gauss_kruger
from sxrisk.layers.report import Issue, Rejects

__all__ = ["ZonedRows", "contradicts_declared", "find_zones", "zone_codes"]

# First and last prefix, EPSG code of the first, degrees from one meridian to the next.
_SERIES = ((25, 45, 4513, 3), (13, 23, 4491, 6))
_FIRST_MERIDIAN = 75
_PREFIX_UNIT = 1_000_000.0
_FALSE_EASTING_M = 500_000.0
# Farther from its meridian a row is in another zone, or the prefix is no prefix: 3-degree zones end at 167 km in the
# south of China, 6-degree ones at 334 km, and surveys run over the edge.
_REACH_M = {3: 250_000.0, 6: 420_000.0}
_SHOWN_ZONES = 4


@dataclass
class ZonedRows:
    """Zone of every row (EPSG code, 0 for the layer's own system), and geometries with their zone in the easting."""

    geometry: NDArray[Any]
    zone: NDArray[np.int64]
    issues: list[Issue] = field(default_factory=list)


def zone_codes(easting: NDArray[np.float64], crs: Placeable) -> NDArray[np.int64]:
    """EPSG code of the zone that an eight-digit easting names, 0 where there is none or the CRS cannot have one."""
    codes = _named_codes(easting, crs)
    # The CRS's own zone needs no second name.
    if isinstance(crs, CRS):
        codes[codes == (crs.to_epsg() or -1)] = 0
    return codes


def contradicts_declared(code: int, crs: Placeable) -> bool:
    """Whether the declared CRS itself names a zone in its eastings, and one of another meridian than the rows do."""
    declared = crs.to_epsg() if isinstance(crs, CRS) and crs.is_projected else None
    named = declared is not None and any(0 <= declared - first <= high - low for low, high, first, _ in _SERIES)
    return named and isinstance(crs, CRS) and _meridian_of(crs) != _meridian(code)


def find_zones(
    geometry: NDArray[Any], crs: Placeable, rows: NDArray[np.int64], live: NDArray[np.intp], rejects: Rejects, home: Any
) -> ZonedRows:
    """Zones of rows by the prefix of their eastings; what no prefix and no region can tell is rejected.

    Parameters
    ----------
    geometry : ndarray of shapely geometries, shape (n,)
        Two-dimensional, in `crs`.
    crs : pyproj.CRS, China or Datum
        What the layer is declared in.
    rows : ndarray, shape (n,)
        Source rows, for the issues.
    live : ndarray of int
        Positions that are not rejected yet.
    rejects : Rejects
        Filled here: ``mixed_zones`` within one geometry, ``zone_prefix_implausible``, ``zone_ambiguous``.
    home : tuple of west, south, east, north, or None
        Degrees; where the rows must lie, if that is known.
    """
    zone = np.zeros(len(geometry), dtype=np.int64)
    result = ZonedRows(geometry, zone)
    bounds = shapely.bounds(geometry[live])
    named = [_named_codes(bounds[:, at], crs) for at in (0, 2)]
    if not any(codes.any() for codes in named):
        return result
    mixed = named[0] != named[1]
    rejects.add(live[mixed], "mixed_zones", "one geometry has eastings of two zones")
    zone[live] = np.where(mixed, 0, zone_codes(bounds[:, 0], crs))
    offsets = np.abs(bounds[:, [0, 2]] % _PREFIX_UNIT - _FALSE_EASTING_M).max(axis=1)
    reach = np.select([named[0] >= _SERIES[0][2], named[0] > 0], [_REACH_M[3], _REACH_M[6]], np.inf)
    far = ~mixed & (offsets > reach)
    rejects.add(
        live[far], "zone_prefix_implausible",
        (f"the easting {bounds[at, 0]:.10g} is {offsets[at] / 1000:.0f} km from the meridian of the zone that it names"
         for at in np.flatnonzero(far)),
    )  # fmt: skip
    bare = live[(named[0] == 0) & (named[1] == 0) & (np.abs(bounds[:, 0]) > 1000)]
    _settle_bare(result, bare, np.unique(named[0][~mixed & (named[0] > 0)]), crs, rows, rejects, home)
    return result


def _settle_bare(
    result: ZonedRows, bare: NDArray[np.intp], named: NDArray[np.int64], crs: Placeable, rows: NDArray[np.int64],
    rejects: Rejects, home: Any,
) -> None:  # fmt: skip
    """Rows without a zone in a file whose other rows name zones that are not the layer's own."""
    own = _meridian_of(crs) if isinstance(crs, CRS) and crs.is_projected else None
    by_meridian = {_meridian(int(code)): int(code) for code in named[::-1]}
    if not bare.size or not set(by_meridian) - {own}:
        return
    candidates = [code for meridian, code in sorted(by_meridian.items()) if meridian != own]
    moved = {code: _with_prefix(result.geometry[bare], code) for code in candidates}
    tries: list[tuple[int, NDArray[Any], CRS]] = [(code, moved[code], CRS.from_epsg(code)) for code in candidates]
    if own is not None and isinstance(crs, CRS):
        tries.insert(0, (0, result.geometry[bare], crs))
    possible = np.column_stack([_lies_in(shapes, system, home) for _, shapes, system in tries])
    certain = (possible.sum(axis=1) == 1) & (home is not None)
    choice = np.argmax(possible, axis=1)
    for at, (code, shapes, system) in enumerate(tries):
        chosen = certain & (choice == at)
        if chosen.any():
            result.geometry[bare[chosen]] = shapes[chosen]
            result.zone[bare[chosen]] = code
            told = f"eastings without a zone lie in the region only in {system.name}"
            result.issues.append(Issue.of_rows("zone_by_region", told, rows[bare[chosen]]))
    shown = ", ".join(str(code) for code in named[:_SHOWN_ZONES])
    rejects.add(
        bare[~certain], "zone_ambiguous",
        f"the easting names no zone, and other rows of the file are in EPSG:{shown}"
        + ("" if own is None else ", not only in the declared one"),
    )  # fmt: skip


def _lies_in(shapes: NDArray[Any], system: Any, home: Any) -> NDArray[np.bool_]:
    """Whether the middles of geometries lie in a box of degrees; without a box nothing is known of any."""
    if home is None:
        return np.ones(len(shapes), dtype=bool)
    bounds = shapely.bounds(shapes)
    lon, lat = geographic_transform(system)(bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1))
    west, south, east, north = home
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north), dtype=bool)


def _with_prefix(shapes: NDArray[Any], code: int) -> NDArray[Any]:
    shift = _prefix(code) * _PREFIX_UNIT
    return shapely.transform(shapes, lambda xy: xy + np.asarray([shift, 0.0]))


def _named_codes(easting: NDArray[np.float64], crs: Placeable) -> NDArray[np.int64]:
    codes = np.zeros(easting.shape, dtype=np.int64)
    if not isinstance(crs, CRS) or not (is_gauss_kruger(crs) or (crs.is_geographic and crs.to_epsg() == 4490)):
        return codes
    with np.errstate(invalid="ignore"):
        prefix = np.where(np.isfinite(easting) & (np.abs(easting) < 1e8), easting, 0.0) // _PREFIX_UNIT
    for low, high, first, _ in _SERIES:
        named = (prefix >= low) & (prefix <= high)
        codes[named] = first + (prefix[named].astype(np.int64) - low)
    return codes


def _prefix(code: int) -> int:
    low, first = next((low, first) for low, high, first, _ in _SERIES if 0 <= code - first <= high - low)
    return low + code - first


def _meridian(code: int) -> float:
    first, step = next((first, step) for low, high, first, step in _SERIES if 0 <= code - first <= high - low)
    return float(_FIRST_MERIDIAN + step * (code - first))


@lru_cache(maxsize=32)
def _meridian_of(crs: CRS) -> float | None:
    operation = crs.coordinate_operation
    values = [] if operation is None else [
        float(entry.value) for entry in operation.params if entry.name == "Longitude of natural origin"
    ]  # fmt: skip
    return values[0] if values else None
