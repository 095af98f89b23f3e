"""Geometries taken apart into the arrays that the compiled search works on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Pieces"]

Index = NDArray[np.intp]
Array = NDArray[np.float64]
Geometries = NDArray[np.object_]


class Pieces:
    """Geometries as points and short runs of edges, ready for :func:`sxrisk.rules._pairs.pairs_within`.

    Parameters
    ----------
    geometries : ndarray of shape (n,)
        Shapely geometries of any type in longitude and latitude (degrees); None and empty ones have no piece.
        An edge is straight in longitude and latitude.
    coordinates, vertices : ndarray of shape (v, 2) and (n,), optional
        All vertices and their number by geometry, where they have been read already.

    Attributes
    ----------
    count : int
        Geometries.
    points : (lon, lat) or None
        Coordinates of shape (n,), degrees, where every geometry is a point; else None.
    """

    def __init__(
        self,
        geometries: Geometries,
        coordinates: Array | None = None,
        vertices: NDArray[np.integer[Any]] | None = None,
    ) -> None:
        geometries = np.asarray(geometries, dtype=object)
        self.count = len(geometries)
        self.points = _as_points(geometries, coordinates)
        if self.points is not None:
            return
        if coordinates is None or vertices is None:
            coordinates, vertices = shapely.get_coordinates(geometries), shapely.get_num_coordinates(geometries)
        self.whole = _Part.of(geometries, coordinates, vertices)

    @cached_property
    def whole(self) -> "_Part":
        """All runs; points that meet only points never need them."""
        if self.points is None:
            raise AttributeError("pieces of lines and polygons are cut when they are made")
        return _Part.of_points(*self.points, np.arange(self.count, dtype=np.int32))

    def take(self, positions: Index) -> "Pieces":
        """Pieces of some of the geometries, which are numbered anew in the order of `positions` (ascending)."""
        part = Pieces.__new__(Pieces)
        part.count = len(positions)
        part.points = None if self.points is None else (self.points[0][positions], self.points[1][positions])
        if self.points is None:
            part.whole = self.whole.take(positions, self.count)
        return part

    @cached_property
    def runs(self) -> Any:
        """The pieces as :class:`sxrisk.rules._grid_index.Runs`."""
        from sxrisk.rules._grid_index import Runs

        whole = self.whole
        first = np.zeros(self.count + 1, np.int64)
        np.cumsum(np.bincount(whole.owner, minlength=self.count), out=first[1:])
        return Runs(first, whole.start, whole.owner, whole.lon, whole.lat, *whole.box)

    @cached_property
    def grid(self) -> Any:
        """Index over the runs (:class:`sxrisk.rules._grid_index.Grid`)."""
        from sxrisk.rules._grid_index import build_grid

        return build_grid(self.runs.x, self.runs.y, self.runs.hx, self.runs.hy)

    @cached_property
    def point_grid(self) -> Any:
        """Points sorted by cell, as :func:`sxrisk.rules._grid_points.sort_points` gives them; else None."""
        from sxrisk.rules._grid_points import sort_points

        return None if self.points is None else sort_points(*self.points)

    @cached_property
    def grid_owner(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Geometry of each entry of the grid, and the first entry of that geometry."""
        owner = self.whole.owner[self.grid.run]
        entry = np.arange(len(owner), dtype=np.int32)
        if not (np.diff(self.runs.first) > 1).any():
            return owner, entry
        first = np.empty(self.count, np.int32)
        # Of several values for one geometry the last written stays.
        first[owner[::-1]] = entry[::-1]
        return owner, first[owner]

    @cached_property
    def areas(self) -> Any:
        """The polygons (:class:`sxrisk.rules._grid_areas.Areas`)."""
        from sxrisk.rules._grid_areas import Areas

        area = self.whole.area
        inside = np.flatnonzero(area >= 0)
        begins = np.diff(area[inside], prepend=-1) != 0
        first = inside[begins]
        end = np.append(inside[np.flatnonzero(begins)[1:] - 1], inside[-1:]) + 1
        return Areas(self.whole.owner[first], first.astype(np.int64), end.astype(np.int64))

    @cached_property
    def place_grid(self) -> Any:
        """Index over one vertex of each part (:class:`sxrisk.rules._grid_index.Grid`)."""
        from sxrisk.rules._grid_index import build_grid

        lon, lat = np.ascontiguousarray(self.whole.place.T)
        return build_grid(lon, lat, np.zeros(len(lon)), np.zeros(len(lon)))


@dataclass(frozen=True)
class _Part:
    """Runs of geometries.

    Parameters
    ----------
    lon, lat : ndarray of shape (v,)
        Vertices, run after run, degrees.
    start : ndarray of shape (r + 1,)
        Run `p` has the vertices ``start[p]`` to ``start[p + 1]``.
    box : ndarray of shape (4, r)
        Middle and half extents of each run: x, y, hx, hy.
    owner, area : ndarray of shape (r,)
        Geometry of each run, ascending, and its polygon (-1 for none; a number shared by the runs of one polygon).
    place, place_owner : ndarray of shape (p, 2) and (p,)
        One vertex of each simple part, and its geometry, ascending.
    """

    lon: Array
    lat: Array
    start: NDArray[np.int64]
    box: Array
    owner: NDArray[np.int32]
    area: NDArray[np.int32]
    place: Array
    place_owner: NDArray[np.int32]

    @classmethod
    def of(cls, geometries: Geometries, lonlat: Array, vertices: NDArray[np.integer[Any]]) -> "_Part":
        """Runs of geometries of any type, of which the vertices and their number are known."""
        simple, owner, kind = _explode(geometries, vertices)
        if simple is not geometries:
            lonlat, vertices = shapely.get_coordinates(simple), shapely.get_num_coordinates(simple)
        groups = (
            (kind == 0, cls._of_point_geometries),
            ((kind == 1) | (kind == 2), cls.of_lines),
            (kind == 3, cls.of_polygons),
        )
        for chosen, make in groups:
            if chosen.all():
                return make(simple, owner, lonlat, vertices)
        return cls.joined(
            [
                make(simple[chosen], owner[chosen], lonlat[np.repeat(chosen, vertices)], vertices[chosen])
                for chosen, make in groups
                if chosen.any()
            ]
        )

    def take(self, positions: Index, count: int) -> "_Part":
        """Runs of some of `count` geometries, numbered anew in the order of `positions` (ascending)."""
        new = np.full(count, -1, dtype=np.int32)
        new[positions] = np.arange(len(positions), dtype=np.int32)
        kept = np.flatnonzero(new[self.owner] >= 0)
        vertices, start = _stretches(self.start, kept)
        placed = new[self.place_owner] >= 0
        return _Part(
            self.lon[vertices],
            self.lat[vertices],
            start,
            self.box[:, kept],
            new[self.owner[kept]],
            self.area[kept],
            self.place[placed],
            new[self.place_owner[placed]],
        )

    @classmethod
    def of_points(cls, lon: Array, lat: Array, owner: NDArray[np.int32]) -> "_Part":
        box = np.stack([lon, lat, np.zeros(len(lon)), np.zeros(len(lon))])
        nowhere = np.full(len(owner), -1, np.int32)
        start = np.arange(len(lon) + 1, dtype=np.int64)
        return cls(lon, lat, start, box, owner, nowhere, np.column_stack([lon, lat]), owner)

    @classmethod
    def _of_point_geometries(
        cls, points: Geometries, owner: NDArray[np.int32], lonlat: Array, vertices: NDArray[np.integer[Any]]
    ) -> "_Part":
        lon, lat = np.ascontiguousarray(lonlat.T)
        return cls.of_points(lon, lat, owner)

    @classmethod
    def of_lines(
        cls, lines: Geometries, owner: NDArray[np.int32], lonlat: Array, vertices: NDArray[np.integer[Any]]
    ) -> "_Part":
        from sxrisk.rules._grid_runs import cut_into_runs

        place = lonlat[np.cumsum(vertices) - vertices]
        lon, lat, start, of_line, box = cut_into_runs(lonlat, vertices.astype(np.int64))
        nowhere = np.full(len(of_line), -1, np.int32)
        return cls(lon, lat, start, box, owner[of_line], nowhere, place, owner)

    @classmethod
    def of_polygons(
        cls, polygons: Geometries, owner: NDArray[np.int32], lonlat: Array, vertices: NDArray[np.integer[Any]]
    ) -> "_Part":
        from sxrisk.rules._grid_runs import cut_into_runs

        place = lonlat[np.cumsum(vertices) - vertices]
        holed = shapely.get_num_interior_rings(polygons).any()
        if holed:
            rings, of_polygon = shapely.get_rings(polygons, return_index=True)
            lonlat, vertices = shapely.get_coordinates(rings), shapely.get_num_coordinates(rings).astype(np.int64)
        lon, lat, start, of_ring, box = cut_into_runs(lonlat, vertices.astype(np.int64))
        area = (of_polygon[of_ring] if holed else of_ring).astype(np.int32)
        return cls(lon, lat, start, box, owner[area], area, place, owner)

    @classmethod
    def joined(cls, parts: "list[_Part]") -> "_Part":
        """All runs, in the order of their owners."""
        owner = np.concatenate([part.owner for part in parts])
        order = np.argsort(owner, kind="stable")
        lon, lat = np.concatenate([part.lon for part in parts]), np.concatenate([part.lat for part in parts])
        box = np.concatenate([part.box for part in parts], axis=1)[:, order]
        length = np.concatenate([np.diff(part.start) for part in parts])
        start = np.concatenate([[0], np.cumsum(length)])
        area = np.concatenate([part.area for part in parts])
        vertices, start = _stretches(start, order)
        place = np.concatenate([part.place for part in parts])
        place_owner = np.concatenate([part.place_owner for part in parts])
        by_owner = np.argsort(place_owner, kind="stable")
        return cls(
            lon[vertices], lat[vertices], start, box, owner[order], area[order], place[by_owner], place_owner[by_owner]
        )


def _as_points(geometries: Geometries, lonlat: Array | None) -> tuple[Array, Array] | None:
    """Longitudes and latitudes if every geometry is a point with coordinates, which may be known."""
    if not len(geometries) or shapely.get_type_id(geometries[0]) != 0:
        return None
    if lonlat is None:
        # Anything but a point has no x; an empty one raises.
        try:
            lon, lat = shapely.get_x(geometries), shapely.get_y(geometries)
        except shapely.errors.GEOSException:
            return None
    elif len(lonlat) != len(geometries) or (shapely.get_type_id(geometries) != 0).any():
        return None
    else:
        lon, lat = np.ascontiguousarray(lonlat.T)
    return None if np.isnan(lon).any() else (lon, lat)


def _explode(
    geometries: Geometries, vertices: NDArray[np.integer[Any]]
) -> tuple[Geometries, NDArray[np.int32], NDArray[np.int32]]:
    """Simple, non-empty parts (points, lines, polygons), the geometry each comes from, and its type."""
    kind = shapely.get_type_id(geometries)
    parts, owner = geometries, np.arange(len(geometries), dtype=np.int32)
    while (kind > 3).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner, kind = owner[index], shapely.get_type_id(parts)
        vertices = shapely.get_num_coordinates(parts)
    # Missing ones have the type -1, and neither they nor empty ones have a coordinate.
    filled = vertices > 0
    return (parts, owner, kind) if filled.all() else (parts[filled], owner[filled], kind[filled])


def _stretches(start: Index, chosen: Index) -> tuple[Index, NDArray[np.int64]]:
    """Positions within some stretches of an array, one after the other, and where each stretch then begins."""
    length = start[chosen + 1] - start[chosen]
    begin = np.concatenate([[0], np.cumsum(length)])
    return np.arange(begin[-1]) - np.repeat(begin[:-1] - start[chosen], length), begin.astype(np.int64)
