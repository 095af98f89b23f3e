"""Which geometries lie within a distance of which, and how far apart they are on the ellipsoid.

Check, find, measure: an index in a conformal plane finds candidate pairs of short pieces; the pair's own transverse
Mercator finds the nearest points; the geodesic between them is the distance. No buffer takes part.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.crs import GEOD
from sxrisk.rules._plane import EARTH_RADIUS_M, from_local_tm, mercator, mercator_scale, to_local_tm

__all__ = ["NearPairs", "Pieces", "pairs_within"]

# 0.00135 degrees are at most 150 m: the chord of so much of a parallel leaves it by less than 0.4 mm at 41 north.
_MAX_EDGE_DEG = 0.00135
_EDGES_PER_PIECE = 16
Index = NDArray[np.intp]
Array = NDArray[np.float64]
Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class NearPairs:
    """Pairs that lie within their limit, sorted by left then right.

    Parameters
    ----------
    left, right : ndarray of shape (n,)
        Positions in the two inputs.
    distance_m : ndarray of shape (n,)
        Geodesic distance, 0 where the two meet.
    lon, lat : ndarray of shape (n, 2)
        Nearest points on the left and on the right geometry, degrees.
    """

    left: Index
    right: Index
    distance_m: Array
    lon: Array
    lat: Array

    def lines(self) -> Geometries:
        """Shortest lines as LineStrings; a Point where the two meet."""
        found: Geometries = np.empty(len(self.left), dtype=object)
        apart = self.distance_m > 0
        ends = np.stack([self.lon, self.lat], axis=-1)
        found[apart] = shapely.linestrings(ends[apart])
        found[~apart] = shapely.points(ends[~apart, 0])
        return found

    def take(self, keep: NDArray[np.bool_]) -> "NearPairs":
        """The pairs where `keep` is true."""
        return NearPairs(self.left[keep], self.right[keep], self.distance_m[keep], self.lon[keep], self.lat[keep])


class Pieces:
    """Geometries cut into points and short line pieces, ready for :func:`pairs_within`.

    Parameters
    ----------
    geometries : ndarray of shape (n,)
        Shapely geometries of any type in longitude and latitude (degrees); None and empty ones have no piece.
        An edge is straight in longitude and latitude.
    """

    def __init__(self, geometries: Geometries) -> None:
        self.geometries: Geometries = np.asarray(geometries, dtype=object)
        simple, owner = _explode(self.geometries)
        kind = shapely.get_type_id(simple)
        is_point, is_area = kind == 0, kind == 3
        # Containment is settled on the whole geometries, so an area is its rings here.
        rings, of_area = shapely.get_rings(simple[is_area], return_index=True)
        lines = np.concatenate([simple[(kind == 1) | (kind == 2)], rings])
        line_owner = np.concatenate([owner[(kind == 1) | (kind == 2)], owner[is_area][of_area]])
        chunks, of_line = _chunks(shapely.segmentize(lines, _MAX_EDGE_DEG))
        self.lonlat: Geometries = np.concatenate([simple[is_point], chunks])
        self.owner: Index = np.concatenate([owner[is_point], line_owner[of_line]]).astype(np.intp)

    def take(self, positions: Index) -> "Pieces":
        """Pieces of some of the geometries, which are numbered anew in the order of `positions` (ascending)."""
        new = np.full(len(self.geometries), -1, dtype=np.intp)
        new[positions] = np.arange(len(positions))
        kept = new[self.owner] >= 0
        part = Pieces.__new__(Pieces)
        part.geometries = self.geometries[positions]
        part.lonlat, part.owner, part.plane = self.lonlat[kept], new[self.owner[kept]], self.plane[kept]
        return part

    @cached_property
    def plane(self) -> Geometries:
        """The pieces in Mercator metres."""
        lonlat = shapely.get_coordinates(self.lonlat)
        return shapely.set_coordinates(self.lonlat.copy(), np.column_stack(mercator(lonlat[:, 0], lonlat[:, 1])))

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Index over the pieces in the Mercator plane."""
        return shapely.STRtree(self.plane)

    @cached_property
    def whole_tree(self) -> shapely.STRtree:
        """Index over the whole geometries in longitude and latitude."""
        return shapely.STRtree(self.geometries)


def pairs_within(left: Pieces, right: Pieces, limit_m: Array) -> NearPairs:
    """All pairs whose geodesic distance is at most the left geometry's limit.

    Parameters
    ----------
    left, right : Pieces
        Two sets of geometries; the larger one is best given as `right`, which is indexed.
    limit_m : ndarray of shape (n_left,)
        Limit of each left geometry; a negative or NaN one takes part in no pair.

    Returns
    -------
    NearPairs
        Distances to 1 mm + 1 ppm up to 30 km.
    """
    met = _meeting(left, right, limit_m)
    near = _apart(left, right, limit_m, met.left * len(right.geometries) + met.right)
    order = np.lexsort((np.concatenate([met.right, near.right]), np.concatenate([met.left, near.left])))
    return NearPairs(
        np.concatenate([met.left, near.left])[order],
        np.concatenate([met.right, near.right])[order],
        np.concatenate([met.distance_m, near.distance_m])[order],
        np.concatenate([met.lon, near.lon])[order],
        np.concatenate([met.lat, near.lat])[order],
    )


def _meeting(left: Pieces, right: Pieces, limit_m: Array) -> NearPairs:
    asked = np.flatnonzero(limit_m >= 0)
    i, j = right.whole_tree.query(left.geometries[asked], predicate="intersects")
    i = asked[i]
    ends = shapely.get_coordinates(shapely.shortest_line(left.geometries[i], right.geometries[j])).reshape(-1, 2, 2)
    return NearPairs(i, j, np.zeros(len(i)), ends[:, :, 0], ends[:, :, 1])


def _apart(left: Pieces, right: Pieces, limit_m: Array, skip: Index) -> NearPairs:
    asked = np.flatnonzero(limit_m[left.owner] >= 0)
    limit = limit_m[left.owner[asked]]
    south, north = shapely.bounds(left.lonlat[asked])[:, [1, 3]].T
    steepest = np.maximum(np.abs(south), np.abs(north))
    # The plane's scale grows away from the equator by tan(latitude) per radian; 1 cm and 2 ppm keep rounding out.
    slack = 1.0 + 2e-6 + 2.0 * limit / EARTH_RADIUS_M * np.tan(np.radians(np.minimum(steepest + 0.5, 85.0)))
    radius = (limit * slack + 0.01) * mercator_scale(steepest)
    i, j = right.tree.query(left.plane[asked], predicate="dwithin", distance=radius)
    i = asked[i]
    key = left.owner[i] * len(right.geometries) + right.owner[j]
    fresh = ~np.isin(key, skip)
    i, j, key = i[fresh], j[fresh], key[fresh]

    ends = shapely.get_coordinates(shapely.shortest_line(left.plane[i], right.plane[j])).reshape(-1, 2, 2)
    lonlat = _from_mercator(ends)
    middle = lonlat.mean(axis=1)
    rough = np.hypot(*(ends[:, 1] - ends[:, 0]).T) / mercator_scale(middle[:, 1])
    # With the scale at the middle the plane is wrong by the square of distance over radius: only near ties go on.
    best = _smallest(key, rough)
    tie = rough <= best * (1.0 + 1e-7 + 4.0 * (best / EARTH_RADIUS_M) ** 2) + 1e-3
    i, j, key, middle = i[tie], j[tie], key[tie], middle[tie]

    a, b = _about(left.lonlat[i], middle), _about(right.lonlat[j], middle)
    ends = shapely.get_coordinates(shapely.shortest_line(a, b)).reshape(-1, 2, 2)
    centre = np.repeat(middle, 2, axis=0)
    lon, lat = from_local_tm(ends[:, :, 0].ravel(), ends[:, :, 1].ravel(), centre[:, 0], centre[:, 1])
    lon, lat = lon.reshape(-1, 2), lat.reshape(-1, 2)
    distance = np.asarray(GEOD.inv(lon[:, 0], lat[:, 0], lon[:, 1], lat[:, 1])[2], dtype=np.float64)
    order = np.lexsort((distance, key))
    first = order[np.unique(key[order], return_index=True)[1]]
    first = first[distance[first] <= limit_m[left.owner[i[first]]]]
    return NearPairs(left.owner[i[first]], right.owner[j[first]], distance[first], lon[first], lat[first])


def _explode(geometries: Geometries) -> tuple[Geometries, Index]:
    """Simple, non-empty parts (points, lines, polygons) and the position of the geometry each comes from."""
    parts = geometries
    owner: Index = np.arange(len(geometries))
    while (shapely.get_type_id(parts) > 3).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
    filled = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    parts = parts[filled]
    return shapely.force_2d(parts) if shapely.has_z(parts).any() else parts, owner[filled]


def _chunks(lines: Geometries) -> tuple[Geometries, Index]:
    """Lines cut into runs of at most 16 edges, and the line each run comes from."""
    coordinates = shapely.get_coordinates(lines)
    vertices = shapely.get_num_coordinates(lines)
    start = np.cumsum(vertices) - vertices
    runs = np.maximum(-(-(vertices - 1) // _EDGES_PER_PIECE), 1)
    of_line = np.repeat(np.arange(len(lines)), runs)
    run = np.arange(len(of_line)) - np.repeat(np.cumsum(runs) - runs, runs)
    first = start[of_line] + run * _EDGES_PER_PIECE
    last = np.minimum(first + _EDGES_PER_PIECE, start[of_line] + vertices[of_line] - 1)
    count = last - first + 1
    of_run = np.repeat(np.arange(len(of_line)), count)
    position = np.arange(len(of_run)) - np.repeat(np.cumsum(count) - count, count) + first[of_run]
    return shapely.linestrings(coordinates[position], indices=of_run), of_line


def _about(pieces: Geometries, origin: Array) -> Geometries:
    lonlat, index = shapely.get_coordinates(pieces, return_index=True)
    x, y = to_local_tm(lonlat[:, 0], lonlat[:, 1], origin[index, 0], origin[index, 1])
    return shapely.set_coordinates(pieces.copy(), np.column_stack([x, y]))


def _smallest(key: Index, value: Array) -> Array:
    _, inverse = np.unique(key, return_inverse=True)
    lowest = np.full(inverse.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, inverse, value)
    return lowest[inverse]


def _from_mercator(ends: Array) -> Array:
    """Longitude and latitude of Mercator points: inverse of the isometric latitude by fixed point."""
    a = 6378137.0
    e = float(np.sqrt(GEOD.es))
    isometric = ends[..., 1] / a
    sine = np.tanh(isometric)
    for _ in range(6):
        sine = np.tanh(isometric + e * np.arctanh(e * sine))
    return np.stack([np.degrees(ends[..., 0] / a), np.degrees(np.arcsin(sine))], axis=-1)
