"""From coordinates in a file to places in EPSG:4490, with the traps of Chinese data seen on the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import CHINA_BOX, GEOD, LEAST_DEGREE_M, China, Placeable, geographic_transform, reproject_geometries
from sxrisk.errors import CRSError, GeometryError, InputError
from sxrisk.layers._checks import repair_areas
from sxrisk.layers.report import Issue, Rejects
from sxrisk.layers.tables.values import parse_coordinate
from sxrisk.layers.tables.zones import contradicts_declared, find_zones, zone_codes

__all__ = ["Placement", "place", "place_toes", "points_from_columns"]

_HALF = 0.5
_NOT_FINITE = frozenset(["nan", "inf", "-inf", "+inf", "infinity", "-infinity"])
# Beyond this no number is a degree.
_MOST_DEGREES = 400.0
_MOST_METRES = 1e8


@dataclass
class Placement:
    """Geometries in EPSG:4490, and what was noticed; `zone` is the EPSG code that a zone prefix gave, 0 for none."""

    geometry: NDArray[Any]
    zone: NDArray[np.int64]
    issues: list[Issue] = field(default_factory=list)


def points_from_columns(
    table: pd.DataFrame, first: str, second: str, role: str, crs: Placeable, rejects: Rejects,
    only: NDArray[np.intp] | None = None,
) -> tuple[NDArray[Any], list[Issue]]:  # fmt: skip
    """Points (easting or longitude first) from two columns; rows without numbers are rejected.

    Columns that hold each other's values throughout are exchanged: in China no longitude can be a latitude, and no
    northing an easting.

    Parameters
    ----------
    table : DataFrame
        The file's columns.
    first, second : str
        Columns of longitude or easting, and of latitude or northing.
    role : str
        ``"sure"`` if the headers say which is which, ``"xy"`` if they only say x and y, which surveyors in China use
        for north and east.
    crs : pyproj.CRS, China or Datum
        What the numbers are in.
    rejects : Rejects
        Filled here.
    only : ndarray of int, optional
        Positions of the rows to look at; default all.
    """
    at = np.arange(len(table)) if only is None else only
    east, north = parse_coordinate(table[first].iloc[at]), parse_coordinate(table[second].iloc[at])
    for column, parsed in ((first, east), (second, north)):
        values = table[column]
        bad = at[parsed.bad]
        rejects.add(bad, "coordinates_not_numbers", (f"{column} = {str(values.iloc[row])[:60]!r}" for row in bad))
        missing = at[parsed.data.isna().to_numpy() & ~parsed.bad]
        said_nan = [row for row in missing if str(values.iloc[row]).strip().casefold() in _NOT_FINITE]
        rejects.add(np.asarray(said_nan, dtype=np.intp), "coordinates_not_finite", f"{column} is not finite")
        rejects.add(missing, "coordinates_missing", f"{column} is empty")
    x, y = east.data.to_numpy(dtype=np.float64), north.data.to_numpy(dtype=np.float64)
    rejects.add(at[np.isinf(x) | np.isinf(y)], "coordinates_not_finite", "a coordinate is infinite")
    issues: list[Issue] = []
    good = np.isfinite(x) & np.isfinite(y)
    if good.any() and _north_first(x[good], y[good], crs):
        x, y = y, x
        code = "axes_by_magnitude" if role == "xy" else "axes_exchanged"
        told = f"{first!r} holds the northing (latitude), {second!r} the easting (longitude)"
        issues.append(Issue(code, told, int(good.sum()) if role == "sure" else 0))
    points = np.full(len(table), None, dtype=object)
    points[at[good]] = shapely.points(x[good], y[good])
    return points, issues


def _north_first(x: NDArray[np.float64], y: NDArray[np.float64], crs: Placeable) -> bool:
    forward = _in_china(*_corners(x, y, crs)).mean()
    swapped = _in_china(*_corners(y, x, crs)).mean()
    return bool(swapped > _HALF and forward < _HALF)


def _corners(
    x: NDArray[np.float64], y: NDArray[np.float64], crs: Placeable
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude, zone prefixes undone."""
    zone = zone_codes(x, crs)
    lon, lat = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for code in np.unique(zone):
        rows = zone == code
        lon[rows], lat[rows] = geographic_transform(CRS.from_epsg(int(code)) if code else crs)(x[rows], y[rows])
    return lon, lat


def _in_china(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    return _in_box(lon, lat, np.asarray(CHINA_BOX), 0.0)


def _in_box(
    lon: NDArray[np.float64], lat: NDArray[np.float64], box: NDArray[np.float64], margin_deg: float = 1.0
) -> NDArray[np.bool_]:
    west, south, east, north = box
    across = (lon >= west - margin_deg) & (lon <= east + margin_deg)
    return across & (lat >= south - margin_deg) & (lat <= north + margin_deg)


def _extent(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Box of the places, China's where there is none."""
    if not lon.size:
        return np.asarray(CHINA_BOX)
    return np.asarray([lon.min(), lat.min(), lon.max(), lat.max()])


def place(
    geometry: NDArray[Any], crs: Placeable, path: Path, rows: NDArray[np.int64], rejects: Rejects, *,
    region: Any = None, margin_m: float = 0.0,
) -> Placement:  # fmt: skip
    """Geometries in EPSG:4490; rows that are nowhere, or not in China, or far outside the region are rejected.

    Parameters
    ----------
    geometry : ndarray of shapely geometries, shape (n,)
        In `crs`; None for rows that are rejected already.
    crs : pyproj.CRS or China
        Result of ``parse_crs``.
    path : Path
        For messages.
    rows : ndarray, shape (n,)
        Source rows, for the issues.
    rejects : Rejects
        Filled here.
    region : shapely geometry, optional
        EPSG:4490; rows farther from it than `margin_m` metres are rejected.

    Raises
    ------
    CRSError
        If the coordinates contradict the CRS (degrees against metres).
    InputError
        If the whole file has its axes swapped, or no row lies in China.
    GeometryError
        If places cannot be brought to EPSG:4490.
    """
    count = len(geometry)
    flat = shapely.force_2d(geometry) if shapely.has_z(geometry).any() else geometry.copy()
    rejects.add(shapely.is_missing(flat) | shapely.is_empty(flat), "empty_geometry", "the geometry is empty")
    xy, owner = shapely.get_coordinates(flat, return_index=True)
    wrong = np.unique(owner[~np.isfinite(xy).all(axis=1)])
    rejects.add(wrong, "coordinates_not_finite", "a coordinate is not finite")
    live = np.flatnonzero(rejects.kept)
    placed = np.full(count, None, dtype=object)
    zone = np.zeros(count, dtype=np.int64)
    result = Placement(placed, zone)
    if not live.size:
        return result
    zoned = find_zones(flat, crs, rows, live, rejects, _home(region, margin_m))
    flat, result.zone, result.issues = zoned.geometry, zoned.zone, zoned.issues
    zone = result.zone
    live = np.flatnonzero(rejects.kept)
    if not live.size:
        return result
    bounds = shapely.bounds(flat[live])
    corners = [_corners(bounds[:, at], bounds[:, at + 1], crs) for at in (0, 2)]
    lon = np.column_stack([corner[0] for corner in corners])
    lat = np.column_stack([corner[1] for corner in corners])
    inside = np.asarray(_in_china(lon, lat).all(axis=1), dtype=bool)
    _check_outside(bounds, inside, crs, live, path, rejects, lon, lat, region)
    keep = np.flatnonzero(rejects.kept)
    # Before the edges are densified: GEOS drops a part of a polygon that crosses itself.
    result.issues += repair_areas(flat, keep, rows)
    for code in np.unique(zone[keep]):
        at = keep[zone[keep] == code]
        source = CRS.from_epsg(int(code)) if code else crs
        try:
            placed[at] = reproject_geometries(flat[at], source)
        except GeometryError as error:
            raise GeometryError(error.problem.what, where=path, expected=error.problem.expected) from error
        if code:
            result.issues.append(
                Issue.of_rows("zone_prefix_recognised", f"eastings name their zone: read as EPSG:{code}", rows[at])
            )
            if contradicts_declared(int(code), crs):
                told = f"the layer is declared in {crs}, its eastings name the zone of EPSG:{code}, which was taken"
                result.issues.append(Issue.of_rows("zone_contradicts_declared", told, rows[at]))
    if region is not None and keep.size:
        result.issues += _check_region(placed, keep, rows, region, margin_m, rejects)
    return result


def _home(region: Any, margin_m: float) -> tuple[float, float, float, float] | None:
    """Box of degrees in which the rows must lie, None where that is not known."""
    if region is None:
        return None
    west, south, east, north = shapely.bounds(region)
    wider = margin_m / LEAST_DEGREE_M
    return west - 2 * wider, south - wider, east + 2 * wider, north + wider


def _check_outside(
    bounds: NDArray[np.float64], inside: NDArray[np.bool_], crs: Placeable, live: NDArray[np.intp], path: Path,
    rejects: Rejects, lon: NDArray[np.float64], lat: NDArray[np.float64], region: Any,
) -> None:  # fmt: skip
    geographic = isinstance(crs, China) or crs.is_geographic
    swapped = np.zeros(len(live), dtype=bool)
    out = np.flatnonzero(~inside)
    if out.size:
        # A row is "swapped" only if it then lies where the data lie: half the world, swapped, is in China's box.
        home = shapely.bounds(region) if region is not None else _extent(lon[inside], lat[inside])
        other = [_corners(bounds[out, at + 1], bounds[out, at], crs) for at in (0, 2)]
        swapped[out] = _in_box(*other[0], home) & _in_box(*other[1], home)
    if swapped.mean() > _HALF:
        axes = "latitude and longitude are" if geographic else "northing and easting are"
        raise InputError(
            f"{axes} swapped in {int(swapped.sum())} of {len(live)} rows, e.g. {_show(bounds[swapped][0])}",
            where=path,
            expected="longitude (easting) first, latitude (northing) second",
            remedy="Name the columns with x= and y=, or correct the headers",
        )
    if (~inside).mean() > _HALF:
        _explain_crs(bounds[out], crs, geographic, path)
    reason = "swapped_latitude_longitude" if geographic else "swapped_northing_easting"
    at = np.flatnonzero(swapped)
    rejects.add(live[at], reason, (f"{_show(bounds[row])} lies in the data's region only when swapped" for row in at))
    _tell_other_unit(bounds, ~inside & ~swapped, geographic, live, rejects)
    rest = np.flatnonzero(~inside & ~swapped)
    rejects.add(
        live[rest],
        "outside_china",
        (f"{_show(bounds[row])} is at {lon[row, 0]:.5g} E, {lat[row, 0]:.5g} N" for row in rest),
    )
    if rest.size == len(live):
        raise InputError(
            f"none of {len(live)} rows lies in China, e.g. {_show(bounds[0])}",
            where=path,
            expected="73 to 136 degrees east, 3 to 54 degrees north",
            remedy="Check the coordinate system that the layer is declared in",
        )


def _tell_other_unit(
    bounds: NDArray[np.float64], outside: NDArray[np.bool_], geographic: bool, live: NDArray[np.intp], rejects: Rejects
) -> None:
    """Reject the rows of a file that are in metres among degrees, or in degrees among metres, by that name."""
    if geographic:
        size = np.abs(bounds)
        other = outside & (size.min(axis=1) > _MOST_DEGREES) & (size.max(axis=1) < _MOST_METRES)
        reason, told = "metres_among_degrees", "is in metres, the layer is in degrees"
    else:
        other = outside & _in_china(bounds[:, 0], bounds[:, 1]) & _in_china(bounds[:, 2], bounds[:, 3])
        reason, told = "degrees_among_metres", "is in degrees, the layer is in metres"
    at = np.flatnonzero(other)
    rejects.add(live[at], reason, (f"{_show(bounds[row])} {told}" for row in at))


def _explain_crs(bounds: NDArray[np.float64], crs: Placeable, geographic: bool, path: Path) -> None:
    """Say it when the numbers contradict the CRS as a whole."""
    x, y = np.median(np.abs(bounds[:, 0])), np.median(np.abs(bounds[:, 1]))
    name = str(crs) if isinstance(crs, China) else crs.name
    if geographic and max(x, y) > _MOST_DEGREES:
        raise CRSError(
            f"the coordinates are metres, e.g. {_show(bounds[0])}, but the layer is in degrees ({name})",
            where=path,
            expected="a projected CRS such as EPSG:4547 (central meridian 114) or EPSG:4546 (111)",
            remedy="Declare the CRS that the coordinates are in",
        )
    if not geographic and x <= 180 and y <= 180:
        raise CRSError(
            f"the coordinates are degrees, e.g. {_show(bounds[0])}, but the layer is in metres ({name})",
            where=path,
            expected='a geographic CRS such as "EPSG:4490", "GCJ-02" or "BD-09"',
            remedy="Declare the CRS that the coordinates are in",
        )


def _check_region(
    placed: NDArray[Any],
    keep: NDArray[np.intp],
    rows: NDArray[np.int64],
    region: Any,
    margin_m: float,
    rejects: Rejects,
) -> list[Issue]:
    shapely.prepare(region)
    away = keep[~shapely.intersects(region, placed[keep])]
    if not away.size:
        return []
    ends = shapely.get_coordinates(shapely.shortest_line(region, placed[away])).reshape(-1, 4)
    distance = GEOD.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])[2]
    far = np.flatnonzero(distance > margin_m)
    rejects.add(away[far], "outside_region", (f"{distance[at] / 1000:.1f} km outside the region" for at in far))
    near = away[distance <= margin_m]
    return (
        [Issue.of_rows("outside_region", "outside the region, but near enough to be kept", rows[near])]
        if near.size
        else []
    )


def _show(bounds: NDArray[np.float64]) -> str:
    return f"({bounds[0]:.10g}, {bounds[1]:.10g})"


def place_toes(attributes: dict[str, pd.Series], crs: Placeable, zone: NDArray[np.int64]) -> None:
    """Starter-dam toes stand in the layer's own CRS, or in degrees beside a projected one: bring them to EPSG:4490."""
    if "starter_dam_toe_lon" not in attributes:
        return
    lon = attributes["starter_dam_toe_lon"].to_numpy(dtype=np.float64)
    lat = attributes["starter_dam_toe_lat"].to_numpy(dtype=np.float64)
    texts = attributes["starter_dam_toe"].to_numpy(dtype=object)
    points = np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), dtype=object)
    is_point = (shapely.get_type_id(points) == shapely.GeometryType.POINT) & ~shapely.is_empty(points)
    lon, lat = np.where(is_point, shapely.get_x(points), lon), np.where(is_point, shapely.get_y(points), lat)
    projected = not isinstance(crs, China) and not crs.is_geographic
    with np.errstate(invalid="ignore"):
        foreign = (np.abs(lon) > 180) | (np.abs(lat) > 90) if projected or zone.any() else np.isfinite(lon)
    for code in np.unique(zone):
        rows = np.flatnonzero(foreign & (zone == code))
        if rows.size:
            lon[rows], lat[rows] = geographic_transform(CRS.from_epsg(int(code)) if code else crs)(lon[rows], lat[rows])
    attributes["starter_dam_toe_lon"], attributes["starter_dam_toe_lat"] = pd.Series(lon), pd.Series(lat)
    del attributes["starter_dam_toe"]
