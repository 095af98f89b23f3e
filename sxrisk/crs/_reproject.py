"""Geometries to EPSG:4490 without bending what was straight."""

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs._datums import Datum
from sxrisk.crs._metric import GEOD
from sxrisk.crs._names import (
    GEOGRAPHIC_EPSG,
    China,
    Placeable,
    PlanTransform,
    geographic_transform,
    is_linear,
    parse_crs,
    plan_transform,
)
from sxrisk.errors import CRSError, GeometryError

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["move_geometries", "reproject_geometries", "to_geographic"]

# Edges bent by more than the first are cut so that the pieces keep the second: both under the promised millimetre, for
# three probes can miss the very maximum, and apart, or every cut would be followed by another.
_ACCEPTED_M = 0.0009
_AIMED_M = 0.0006
# The most strongly bent case (Gauss-Kruger at 54 N, GCJ-02's 60 km ripple) stays under 0.1 mm on an edge this long.
_SURELY_STRAIGHT_M = 20.0
# Edges are first cut to this length, so that three probes see every ripple of GCJ-02 (30 km) and BD-09 (13 km).
_PROBE_LENGTH_M = 2_000.0
_PROBES = (0.25, 0.5, 0.75)
_MAX_EDGE_M = 3_000_000.0
_MAX_ROUNDS = 12


def to_geographic(frame: "gpd.GeoDataFrame", crs: str | int | CRS | China | Datum | None = None) -> "gpd.GeoDataFrame":
    """The frame in EPSG:4490 (longitude, latitude), long edges densified.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS that :func:`parse_crs` accepts.
    crs : str, int, pyproj.CRS, China or Datum, optional
        What the coordinates are in; needed for GCJ-02 and BD-09, which a frame cannot carry. Default: the frame's CRS.

    Returns
    -------
    GeoDataFrame
        A copy, two-dimensional. An edge that was straight in its source deviates by less than 1 mm from the edges that
        stand for it.

    Raises
    ------
    CRSError
        If the frame has no CRS and none is given, or one that cannot be placed on the earth.

    Examples
    --------
    >>> import geopandas as gpd
    >>> frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy([500000.0], [4100000.0]), crs="EPSG:4547")
    >>> [round(value, 6) for value in to_geographic(frame).geometry.iloc[0].coords[0]]
    [114.0, 37.031439]
    """
    if crs is None and frame.crs is None:
        raise CRSError(
            "the coordinate system of the layer is unknown",
            expected="a GeoDataFrame with a CRS",
            remedy='Set it with frame.set_crs("EPSG:4490") if you know it',
        )
    parsed = crs if isinstance(crs, China) else parse_crs(frame.crs if crs is None else crs)
    geometries = reproject_geometries(frame.geometry.to_numpy(), parsed)
    return frame.set_geometry(geometries).set_crs(GEOGRAPHIC_EPSG, allow_override=True)


def move_geometries(geometries: Any, source: str | int | CRS, target: str | int | CRS) -> Any:
    """One geometry or an array of them, vertex by vertex, by :func:`plan_transform`; two-dimensional.

    Edges are not densified: for drawing, and for sites, whose extent bends no edge by a millimetre.

    Parameters
    ----------
    geometries : shapely geometry or array of them
    source, target : str, int or pyproj.CRS

    Returns
    -------
    shapely geometry or array of them

    Raises
    ------
    CRSError
        As :func:`plan_transform`.
    """
    transform = plan_transform(source, target)
    return shapely.transform(shapely.force_2d(geometries), lambda xy: np.column_stack(transform(xy[:, 0], xy[:, 1])))


def reproject_geometries(geometries: NDArray[Any], crs: Placeable) -> NDArray[Any]:
    """Shapely geometries from `crs` to EPSG:4490, two-dimensional, long edges densified.

    Parameters
    ----------
    geometries : ndarray of shapely geometries, shape (n,)
        None and empty ones pass through.
    crs : pyproj.CRS, China or Datum
        Result of :func:`parse_crs`.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)

    Raises
    ------
    GeometryError
        If an edge is longer than 3000 km, which no place in China can have.
    """
    flat = np.array(geometries, dtype=object)
    if shapely.has_z(flat).any():
        flat = shapely.force_2d(flat)
    if is_linear(crs):
        return flat
    transform = geographic_transform(crs)
    bent = np.flatnonzero(shapely.get_dimensions(flat) >= 1)
    if bent.size:
        flat[bent] = _densify(flat[bent], transform)
    return shapely.transform(flat, lambda xy: np.column_stack(transform(xy[:, 0], xy[:, 1])))


def _densify(geometries: NDArray[Any], transform: PlanTransform) -> NDArray[Any]:
    """Cut edges in source coordinates until the transform bends none of the pieces by more than the tolerance."""
    geometries = geometries.copy()
    pending = np.arange(len(geometries))
    for _ in range(_MAX_ROUNDS):
        pieces, wanted = _needed_lengths(geometries[pending], transform)
        if not pieces.size:
            return geometries
        pending = pending[pieces]
        geometries[pending] = _segmentize(geometries[pending], wanted)
    return geometries


def _segmentize(geometries: NDArray[Any], length: NDArray[np.float64]) -> NDArray[Any]:
    """Cut edges to a length, and nothing else.

    GEOS mends a polygon that crosses itself while it cuts, and may drop a part of it: such a one is cut ring by ring.
    """
    cut = shapely.segmentize(geometries, length)
    for at in np.flatnonzero(~shapely.is_valid(geometries)):
        cut[at] = _segmentize_rings(geometries[at], float(length[at]))
    return cut


def _segmentize_rings(geometry: Any, length: float) -> Any:
    if geometry.geom_type == "Polygon":
        rings = (shapely.linearrings(ring.coords) for ring in (geometry.exterior, *geometry.interiors))
        outer, *holes = (shapely.segmentize(ring, length) for ring in rings)
        return shapely.Polygon(outer, holes)
    if geometry.geom_type in ("MultiPolygon", "GeometryCollection"):
        return type(geometry)([_segmentize_rings(part, length) for part in geometry.geoms])
    return shapely.segmentize(geometry, length)


def _needed_lengths(geometries: NDArray[Any], transform: PlanTransform) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which geometries still have bent edges, and the edge length (source units) that should cure each."""
    owner, start, end = _edges(geometries)
    lon, lat = transform(np.concatenate([start[:, 0], end[:, 0]]), np.concatenate([start[:, 1], end[:, 1]]))
    count = len(start)
    east, north = _local_metres(lon[count:] - lon[:count], lat[count:] - lat[:count], lat[:count])
    length_m = np.hypot(east, north)
    # Edges that cannot be placed are left to the caller's checks: they have no length to cut by.
    long = np.flatnonzero(np.isfinite(length_m) & (length_m > _SURELY_STRAIGHT_M))
    if not long.size:
        return np.empty(0, dtype=np.intp), np.empty(0)
    if length_m[long].max() > _MAX_EDGE_M:
        raise GeometryError(
            f"an edge is {length_m[long].max() / 1000:.0f} km long",
            expected="edges within China, at most 3000 km",
            remedy="Check the coordinate system and look for stray vertices",
        )
    owner, start, end, length_m = owner[long], start[long], end[long], length_m[long]
    source_length = np.hypot(*(end - start).T)
    deviation = np.zeros(len(long))
    lon0, lat0 = lon[:count][long], lat[:count][long]
    chord = np.column_stack([east[long], north[long]]) / length_m[:, None]
    for share in _PROBES:
        probe = start + share * (end - start)
        probe_lon, probe_lat = transform(probe[:, 0], probe[:, 1])
        # Degrees are compared with degrees: the metre scale belongs to one latitude for the whole edge.
        off_east, off_north = _local_metres(probe_lon - lon0, probe_lat - lat0, lat0)
        deviation = np.maximum(deviation, np.abs(chord[:, 0] * off_north - chord[:, 1] * off_east))
    # A bow's height goes with the square of its length.
    parts = np.maximum(np.ceil(np.sqrt(deviation / _AIMED_M)), np.ceil(length_m / _PROBE_LENGTH_M))
    cut = (deviation > _ACCEPTED_M) | (length_m > _PROBE_LENGTH_M * 1.01)
    if not cut.any():
        return np.empty(0, dtype=np.intp), np.empty(0)
    wanted = np.full(len(geometries), np.inf)
    # A hair longer than the exact share, or rounding would cut one piece more.
    np.minimum.at(wanted, owner[cut], source_length[cut] / parts[cut] * (1 + 1e-9))
    pieces = np.flatnonzero(np.isfinite(wanted))
    return pieces, wanted[pieces]


def _edges(geometries: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Owner index, start and end of every edge of lines and polygon rings."""
    parts, part_owner = shapely.get_parts(geometries, return_index=True)
    polygonal = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, ring_owner = shapely.get_rings(parts[polygonal], return_index=True)
    lines = np.concatenate([parts[~polygonal], rings])
    line_owner = np.concatenate([part_owner[~polygonal], part_owner[polygonal][ring_owner]])
    xy, line_index = shapely.get_coordinates(lines, return_index=True)
    joined = np.flatnonzero(line_index[1:] == line_index[:-1])
    return line_owner[line_index[joined]], xy[joined], xy[joined + 1]


def _local_metres(
    dlon: NDArray[np.float64], dlat: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale = np.radians(GEOD.a)
    return dlon * scale * np.cos(np.radians(lat)), dlat * scale
