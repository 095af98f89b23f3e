"""Which geometries lie within a distance of which, and how far apart they are on the ellipsoid.

A compiled uniform grid over points and short runs of edges finds the candidates; the geodesic between the nearest
points of a pair is its distance. No buffer and no projection takes part.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sxrisk.crs import GEOD
from sxrisk.rules._line_wkb import line_geometries, lines_as_wkb
from sxrisk.rules._pieces import Pieces

__all__ = ["NearPairs", "Pieces", "pairs_within"]

Index = NDArray[np.integer[Any]]
Array = NDArray[np.float64]
Geometries = NDArray[np.object_]

_EARTH_RADIUS_M = 6371008.8
_BLOCKS_PER_THREAD = 4
# A block smaller than this is not worth a thread.
_LEAST_BLOCK = 256


@dataclass(frozen=True)
class NearPairs:
    """Pairs that lie within their limit, sorted by left then right.

    Parameters
    ----------
    left, right : ndarray of shape (n,)
        Positions in the two inputs.
    distance_m : ndarray of shape (n,)
        Geodesic distance, 0 where the two meet.
    between : ndarray of shape (n, 4), or tuple
        See `ends`; for points longitudes and latitudes of all left ones, then those of all right ones.
    """

    left: Index
    right: Index
    distance_m: Array
    between: Array | tuple[Array, Array, Array, Array]

    @cached_property
    def ends(self) -> Array:
        """Longitude and latitude of the nearest point on the left, then on the right geometry, degrees: (n, 4)."""
        if not isinstance(self.between, tuple):
            return self.between
        lon, lat, lon2, lat2 = self.between
        return np.column_stack([lon[self.left], lat[self.left], lon2[self.right], lat2[self.right]])

    def lines(self) -> Geometries:
        """Shortest lines as LineStrings; a Point where the two meet."""
        return line_geometries(self.ends, self.distance_m > 0)

    def lines_as_wkb(self, positions: Index) -> pa.LargeBinaryArray:
        """What :meth:`lines` gives for the pairs at some positions, as WKB."""
        apart = self.distance_m > 0
        apart = np.ones(len(positions), dtype=bool) if apart.all() else apart[positions]
        if isinstance(self.between, tuple):
            return lines_as_wkb(*self.between, self.left[positions], self.right[positions], apart)
        lon, lat, lon2, lat2 = self.between.T
        return lines_as_wkb(lon, lat, lon2, lat2, positions, positions, apart)

    def take(self, keep: NDArray[np.bool_] | Index) -> "NearPairs":
        """The pairs where `keep` is true, or at the positions that it holds."""
        between = self.between if isinstance(self.between, tuple) else self.between[keep]
        return NearPairs(self.left[keep], self.right[keep], self.distance_m[keep], between)


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
        Distances to 1 mm + 1 ppm: 1 um up to 5 km, 0.2 mm to 100 km; beyond, the geodesic between points that the
        ellipsoid's curvature may leave a little off the nearest ones.
    """
    from sxrisk.rules._grid_metric import SHORT_M

    # A copy: arrays that may not be written to would be compiled for once more.
    limit_m = np.array(limit_m, dtype=np.float64)
    if left.points is not None and right.points is not None and not (limit_m > SHORT_M).any():
        return _near_points(left.points, right.points, right.point_grid, limit_m)
    if not (len(left.whole.owner) and len(right.whole.owner)):
        nothing = np.empty(0, dtype=np.int32)
        return NearPairs(nothing, nothing, np.empty(0), np.empty((0, 4)))
    near = _near(left, right, limit_m)
    return _with_contained(near, right.count, *_contained(left, right, limit_m))


def _near_points(points: tuple[Array, Array], others: tuple[Array, Array], grid: Any, limit_m: Array) -> NearPairs:
    """Pairs of points; `grid` is that of the others."""
    from sxrisk.rules._grid_points import points_within, put_rows

    lon, lat = points
    blocks = _blocks(_along_rows(lon, lat))
    found = _in_threads(lambda block: points_within(block, lon, lat, limit_m, *grid), blocks)
    i, first = _rows(len(lon), blocks, [part[0] for part in found])
    j, distance = np.empty(len(i), np.int32), np.empty(len(i))
    for block, (count, others_of, distance_of) in zip(blocks, found, strict=True):
        put_rows(first[block], count, others_of, distance_of, j, distance)
    return NearPairs(i, j, distance, (*points, *others))


def _rows(count: int, blocks: list[NDArray[np.int64]], found: list[NDArray[np.int64]]) -> tuple[Index, Index]:
    """Left geometry of each pair, and the first pair of each."""
    pairs = np.zeros(count, np.int64)
    for block, part in zip(blocks, found, strict=True):
        pairs[block] = part
    return np.repeat(np.arange(count, dtype=np.int32), pairs), np.concatenate([[0], np.cumsum(pairs)])


def _near(left: Pieces, right: Pieces, limit_m: Array) -> NearPairs:
    """Pairs whose points or edges lie near each other."""
    from sxrisk.rules._grid_metric import SHORT_M
    from sxrisk.rules._grid_search import put_in_place, search

    runs, others, grid = left.runs, right.runs, right.grid
    owner, seen = right.grid_owner
    far = limit_m > SHORT_M
    widened = np.where(far, limit_m * (1.0 + (limit_m / _EARTH_RADIUS_M) ** 4), limit_m) if far.any() else limit_m
    # Neighbours are searched for one after the other, so that what one has read still lies near for the next.
    present = np.flatnonzero(np.diff(runs.first))
    order = present[_along_rows(runs.x[runs.first[present]], runs.y[runs.first[present]])]

    def work(block: NDArray[np.int64]) -> Any:
        return search(block, widened, runs, others, grid, owner, seen, np.empty(len(owner), np.int32))

    blocks = _blocks(order)
    found = _in_threads(work, blocks)
    i, first = _rows(left.count, blocks, [part[0] for part in found])
    j, distance, ends = np.empty(len(i), np.int32), np.empty(len(i)), np.empty((len(i), 4))
    for block, (counted, others_of, distance_of, ends_of) in zip(blocks, found, strict=True):
        put_in_place(first[block], counted, others_of, distance_of, ends_of, j, distance, ends)
    pairs = NearPairs(i, j, distance, ends)
    if not far.any():
        return pairs
    long = distance > SHORT_M
    distance[long] = GEOD.inv(*ends[long].T)[2]
    return pairs.take(distance <= limit_m[i])


def _contained(left: Pieces, right: Pieces, limit_m: Array) -> tuple[Index, Index, Array]:
    """Pairs of which a part of one lies inside a polygon of the other: left, right, and a place inside."""
    asked = limit_m >= 0
    i, j, places = [], [], []
    for areas, points, flipped in ((right, left, False), (left, right, True)):
        area, place = _inside(areas, points)
        a, b = areas.areas.owner[area], points.whole.place_owner[place]
        one, other = (a, b) if flipped else (b, a)
        kept = asked[one]
        i.append(one[kept])
        j.append(other[kept])
        places.append(points.whole.place[place[kept]])
    return np.concatenate(i).astype(np.int64), np.concatenate(j).astype(np.int64), np.concatenate(places)


def _inside(areas: Pieces, points: Pieces) -> tuple[Index, Index]:
    if not (areas.whole.area >= 0).any():
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    from sxrisk.rules._grid_areas import places_inside

    polygons, runs, grid = areas.areas, areas.runs, points.place_grid

    def work(block: NDArray[np.int64]) -> Any:
        return places_inside(int(block[0]), int(block[-1]) + 1, runs, polygons, grid)

    found = _in_threads(work, _blocks(np.arange(len(polygons.owner))))
    return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])


def _with_contained(near: NearPairs, count: int, i: Index, j: Index, place: Array) -> NearPairs:
    """The near pairs, with distance 0 for those of which one lies inside the other."""
    if not len(i):
        return near
    key = i * count + j
    # Of several places of one pair the first by longitude and latitude, however they were found.
    order = np.lexsort((place[:, 1], place[:, 0], key))
    order = order[np.diff(key[order], prepend=-1) != 0]
    i, j, key, ends = i[order], j[order], key[order], np.tile(place[order], 2)
    near_key = near.left.astype(np.int64) * count + near.right
    at = np.minimum(np.searchsorted(near_key, key), max(len(near_key) - 1, 0))
    there = near_key[at] == key if len(near_key) else np.zeros(len(key), dtype=bool)
    # Where edges cross as well, the crossing is the better place to show.
    met = there & (near.distance_m[at] > 0 if len(near_key) else False)
    near.distance_m[at[met]] = 0.0
    near.ends[at[met]] = ends[met]
    new = ~there
    if not new.any():
        return near
    whole = NearPairs(
        np.concatenate([near.left, i[new].astype(np.int32)]),
        np.concatenate([near.right, j[new].astype(np.int32)]),
        np.concatenate([near.distance_m, np.zeros(int(new.sum()))]),
        np.concatenate([near.ends, ends[new]]),
    )
    return whole.take(np.argsort(np.concatenate([near_key, key[new]]), kind="stable"))


def _along_rows(x: Array, y: Array) -> NDArray[np.int64]:
    """Places in the order of a coarse grid's cells, there and back along its rows."""
    side = max(1.0, np.sqrt(len(x)) / 4.0)
    column, row = (
        ((values - values.min()) / max(float(np.ptp(values)), 1e-12) * side).astype(np.int32) for values in (x, y)
    )
    column = np.where(row % 2 == 0, column, int(side) + 1 - column)
    return np.argsort(row * np.int32(side + 2) + column, kind="stable")


def _blocks(order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    import numba

    most = numba.get_num_threads() * _BLOCKS_PER_THREAD
    return [block for block in np.array_split(order, max(1, min(most, len(order) // _LEAST_BLOCK))) if len(block)]


def _in_threads(work: Callable[[NDArray[np.int64]], Any], blocks: list[NDArray[np.int64]]) -> list[Any]:
    """Results of the compiled `work`, which lets go of the interpreter, in the order of the blocks."""
    import numba

    threads = min(numba.get_num_threads(), len(blocks))
    if threads <= 1:
        return [work(block) for block in blocks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, blocks))
