"""What one station sees of a cavity: a solid that is star-shaped about the scanner.

Every ray proves that the way to its point is void. Directions are triangulated by the convex hull of the unit sphere's
points, and each direction gets its range: the solid is watertight and cannot cross itself, whatever the noise.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from sxrisk.errors import GeometryError

__all__ = ["BRIDGED", "FILLED", "SEEN", "SHADOW", "StarSolid", "sphere_cells", "star_solid", "triangulate"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]

SEEN, BRIDGED, SHADOW, FILLED = 0, 1, 2, 3
"""Kinds of faces: measured wall, across directions that gave no point, side of a shadow, filled by a scenario."""

_MIN_POINTS = 100
_MIN_RANGE_M = 1e-3
_STEP_SAMPLE = 4000
_STEP_POINTS = 200_000
_STEP_PATCH_RAD = 0.15
# Rays in one cell average only where their ranges have no gap wider than this part of their spread ...
_JUMP_SHARE = 0.5
# ... or where the spread itself is small: this many times the length of the cell at the point.
_JUMP_SLOPE = 3.0
_FINER = 3.0  # cells that look past an edge are cut into cells so many times smaller


@dataclass(frozen=True)
class StarSolid:
    """Void seen from one station.

    Parameters
    ----------
    station : (3,) float64
        Place of the scanner.
    directions : (n, 3) float64
        Unit vectors.
    ranges : (n,) float64
        Distance to the wall along them, metres.
    faces : (m, 3) int64
        Triangles of directions, counter-clockwise from outside.
    bridged : (m,) bool
        Triangles across directions that gave no point: non-returns and the tripod.
    shadow : (m,) bool
        Triangles across a jump in range: the side of a shadow, not a wall.
    spread : (n, 6) float64
        Covariance of the points that each direction stands for, xx, yy, zz, xy, xz, yz, square metres.
    count : (n,) float64
        How many they are.
    step_rad, gap_rad : float
        Angle between neighbouring directions, and the angle from which there is a gap between them.
    """

    station: Floats
    directions: Floats
    ranges: Floats
    faces: Faces
    bridged: NDArray[np.bool_]
    shadow: NDArray[np.bool_]
    spread: Floats
    count: Floats
    step_rad: float
    gap_rad: float

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which faces are measured wall (m,)."""
        return ~(self.bridged | self.shadow)

    @property
    def kind(self) -> NDArray[np.uint8]:
        """Kind of each face (m,)."""
        return np.where(self.bridged, BRIDGED, np.where(self.shadow, SHADOW, SEEN)).astype(np.uint8)

    @property
    def vertices(self) -> Floats:
        """Points of the wall (n, 3)."""
        return self.station + self.directions * self.ranges[:, None]

    @property
    def volume_m3(self) -> float:
        """Volume of the solid."""
        a, b, c = (self.directions[self.faces[:, i]] * self.ranges[self.faces[:, i], None] for i in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)

    def face_normals(self) -> tuple[Floats, Floats]:
        """Unit normals outward (m, 3) and areas (m,)."""
        a, b, c = (self.directions[self.faces[:, i]] * self.ranges[self.faces[:, i], None] for i in range(3))
        cross = np.cross(b - a, c - a)
        twice = np.linalg.norm(cross, axis=1)
        return cross / np.maximum(twice, 1e-300)[:, None], twice / 2.0


def star_solid(
    xyz: Floats, station: Floats, *, max_directions: int, max_gap_steps: float, max_incidence_deg: float, where: str
) -> StarSolid:
    """The solid that a station's points prove to be void.

    Points in one angular cell are averaged (their centroid stays on a flat wall, however slanting), except where the
    cell looks past an edge: there cells are smaller, and near and far points apart.

    Parameters
    ----------
    xyz : (n, 3) float64
        Points, metres.
    station : (3,) float64
        Where they were seen from.
    max_directions : int
        About how many directions to keep.
    max_gap_steps : float
        A triangle with a side longer than this many steps is bridged.
    max_incidence_deg : float
        A triangle seen at a more grazing angle than this (from its normal) is the side of a shadow.
    where : str
        Name of the station for messages.

    Raises
    ------
    GeometryError
        If there are too few points, or they leave half of the sphere unseen.
    """
    offset = xyz - station
    ranges = np.linalg.norm(offset, axis=1)
    offset, ranges = offset[ranges > _MIN_RANGE_M], ranges[ranges > _MIN_RANGE_M]
    if len(ranges) < _MIN_POINTS:
        raise GeometryError(
            f"{len(ranges)} points seen from the station", where=where, expected=f"at least {_MIN_POINTS}"
        )
    step = max(_ray_step(offset), math.sqrt(4.0 * math.pi / max_directions))
    offset, spread, count = _average(offset, ranges, step)
    ranges = np.linalg.norm(offset, axis=1)
    directions = offset / ranges[:, None]
    faces, used = triangulate(directions, where)
    nothing = np.zeros(len(faces), bool)
    gap = max_gap_steps * step
    solid = StarSolid(
        station, directions[used], ranges[used], faces, nothing, nothing, spread[used], count[used], step, gap
    )
    a, b, c = (solid.directions[faces[:, i]] for i in range(3))
    longest = np.max([np.linalg.norm(p - q, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    normals, _ = solid.face_normals()
    middle = a + b + c
    facing = np.einsum("ij,ij->i", normals, middle / np.linalg.norm(middle, axis=1)[:, None])
    bridged = longest > gap
    shadow = ~bridged & (facing < math.cos(math.radians(max_incidence_deg)))
    return replace(solid, bridged=bridged, shadow=shadow)


def _ray_step(offset: Floats) -> float:
    """Angle between neighbouring rays where they are sparse: the 90th percentile of the way to the fourth neighbour."""
    if len(offset) > _STEP_POINTS:
        # Whole patches of the sphere, so that neighbours stay together.
        patch = cell_of(offset, _STEP_PATCH_RAD)
        n_patches = int(patch.max()) + 1
        every = -(-len(offset) // _STEP_POINTS)
        offset = offset[(patch * 7919) % n_patches % every == 0]
    directions = offset / np.linalg.norm(offset, axis=1)[:, None]
    stride = max(1, len(directions) // _STEP_SAMPLE)
    distance = cKDTree(directions).query(directions[::stride], k=5)[0][:, 4]
    return float(np.percentile(distance, 90.0))


def sphere_cells(step: float) -> NDArray[np.int64]:
    """Pieces of each ring of one step from nadir to zenith, so that cells are nearly square."""
    n_rings = max(2, round(math.pi / step))
    elevation = (np.arange(n_rings) + 0.5) / n_rings * math.pi - math.pi / 2
    return np.maximum(1, np.round(2.0 * math.pi * np.cos(elevation) / step)).astype(np.int64)


def cell_of(offset: Floats, step: float) -> NDArray[np.int64]:
    """Number of the cell of :func:`sphere_cells` that each offset (n, 3) from the station lies in."""
    from sxrisk.surfaces._cavity_kernels import cell_numbers

    pieces = sphere_cells(step)
    return cell_numbers(np.ascontiguousarray(offset), pieces, np.concatenate([[0], np.cumsum(pieces[:-1])]))


def _average(offset: Floats, ranges: Floats, step: float) -> tuple[Floats, Floats, Floats]:
    """Means of the points in each angular cell, their covariances and counts.

    Where a cell looks past an edge, it is cut into smaller ones; where one of these does too, its near and its far
    points are averaged apart.
    """
    cell = cell_of(offset, step)
    first, past = _means(offset, ranges, cell, step)
    rows = np.flatnonzero(past[cell])
    if not len(rows):
        return first
    offset, ranges = offset[rows], ranges[rows]
    cell = cell_of(offset, step / _FINER)
    second, past = _means(offset, ranges, cell, step / _FINER)
    rows = np.flatnonzero(past[cell])
    parts = [first, second]
    if len(rows):
        offset, ranges, cell = offset[rows], ranges[rows], cell[rows]
        n_cells = int(cell.max()) + 1
        near, far = np.full(n_cells, np.inf), np.zeros(n_cells)
        np.minimum.at(near, cell, ranges)
        np.maximum.at(far, cell, ranges)
        beyond = ranges > 0.5 * (near + far)[cell]
        parts.append(_means(offset, ranges, 2 * cell + beyond, math.inf)[0])
    mean, spread, count = (np.concatenate(column) for column in zip(*parts, strict=True))
    return mean, spread, count


def _means(
    offset: Floats, ranges: Floats, cell: NDArray[np.int64], step: float
) -> tuple[tuple[Floats, Floats, Floats], NDArray[np.bool_]]:
    """Mean, covariance and count of the cells that do not look past an edge; which cells do, by number."""
    from sxrisk.surfaces._cavity_kernels import average_cells

    order = np.argsort(cell, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(cell))])
    mean, spread, count, past = average_cells(offset, ranges, order, start, step, _JUMP_SLOPE, _JUMP_SHARE)
    whole = (count > 0) & ~past
    return (mean[whole], spread[whole], count[whole]), past


def triangulate(directions: Floats, where: str) -> tuple[Faces, NDArray[np.int64]]:
    """Triangles over unit vectors (n, 3), outward, and the rows of the vectors that have one.

    Raises
    ------
    GeometryError
        If the directions leave half of the sphere empty, so that they do not surround the station.
    """
    try:
        hull = ConvexHull(directions)
    except QhullError as error:
        raise GeometryError(
            "the directions to the points lie in a plane", where=where, remedy="Use a scan of the whole cavity"
        ) from error
    if hull.equations[:, 3].max() > -1e-3:
        raise GeometryError(
            "the points leave half of the sphere around the station unseen",
            where=where,
            expected="a station inside the cavity",
            remedy="Check the station's coordinates; an open pit is a terrain, not a cavity",
        )
    faces = hull.simplices.astype(np.int64)
    a, b, c = (directions[faces[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", a, np.cross(b, c)) < 0
    faces[inward] = faces[inward][:, ::-1]
    used, renumbered = np.unique(faces, return_inverse=True)
    return renumbered.reshape(-1, 3), used
