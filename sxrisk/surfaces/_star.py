"""What one station sees of a cavity: a solid that is star-shaped about the scanner.

Every ray proves that the way to its point is void. Directions are triangulated by the convex hull of the unit sphere's
points, and each direction gets its range: the solid is watertight and cannot cross itself, whatever the noise.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import ConvexHull, QhullError, cKDTree

from sxrisk.errors import GeometryError

__all__ = ["StarSolid", "fuse_shared_walls", "sphere_cells", "star_solid", "triangulate"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]

_MIN_POINTS = 100
_MIN_RANGE_M = 1e-3
_STEP_SAMPLE = 4000
# Rays in one cell average only where their ranges have no gap wider than this part of their spread ...
_JUMP_SHARE = 0.5
# ... or where the spread itself is small: this many times the length of the cell at the point.
_JUMP_SLOPE = 3.0
_CUT_OFF = 0.4  # see _give_back_curvature
_LEAST_FACING = 0.2
_MOST_GIVEN_BACK = 0.1  # of a step: an edge of the wall is not a curve
_SAME_WALL_M = 0.02  # two stations' surfaces nearer than this are one wall, whatever their noise
_SAME_WALL_SIGMAS = 4.0
_OTHER_WALL_M = 0.5  # and farther than this they are not


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
    step_rad, gap_rad : float
        Angle between neighbouring directions, and the angle from which there is a gap between them.
    """

    station: Floats
    directions: Floats
    ranges: Floats
    faces: Faces
    bridged: NDArray[np.bool_]
    shadow: NDArray[np.bool_]
    step_rad: float
    gap_rad: float

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which faces are measured wall (m,)."""
        return ~(self.bridged | self.shadow)

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
    cell looks past an edge: there every point is kept.

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
    directions = offset / ranges[:, None]
    step = max(_ray_step(directions), math.sqrt(4.0 * math.pi / max_directions))
    offset = _average_cells(offset, directions, ranges, step)
    ranges = np.linalg.norm(offset, axis=1)
    directions = offset / ranges[:, None]
    faces, used = triangulate(directions, where)
    nothing = np.zeros(len(faces), bool)
    gap = max_gap_steps * step
    solid = StarSolid(station, directions[used], ranges[used], faces, nothing, nothing, step, gap)
    a, b, c = (solid.directions[faces[:, i]] for i in range(3))
    longest = np.max([np.linalg.norm(p - q, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    normals, _ = solid.face_normals()
    middle = a + b + c
    facing = np.einsum("ij,ij->i", normals, middle / np.linalg.norm(middle, axis=1)[:, None])
    bridged = longest > gap
    shadow = ~bridged & (facing < math.cos(math.radians(max_incidence_deg)))
    return _give_back_curvature(replace(solid, bridged=bridged, shadow=shadow))


def _ray_step(directions: Floats) -> float:
    """Angle between neighbouring rays where they are sparse: the 90th percentile of the way to the fourth neighbour."""
    stride = max(1, len(directions) // _STEP_SAMPLE)
    distance = cKDTree(directions).query(directions[::stride], k=5)[0][:, 4]
    return float(np.percentile(distance, 90.0))


def sphere_cells(directions: Floats, step: float) -> NDArray[np.int64]:
    """Number of the cell that each direction (n, 3) lies in: rings of one step, cut into nearly square pieces."""
    n_rings = max(2, round(math.pi / step))
    elevation = np.arcsin(np.clip(directions[:, 2], -1.0, 1.0))
    ring = np.clip(((elevation / math.pi + 0.5) * n_rings).astype(np.int64), 0, n_rings - 1)
    pieces = np.maximum(
        1, np.round(2.0 * math.pi * np.cos((np.arange(n_rings) + 0.5) / n_rings * math.pi - math.pi / 2) / step)
    )
    pieces = pieces.astype(np.int64)
    azimuth = np.arctan2(directions[:, 1], directions[:, 0]) / (2.0 * math.pi) % 1.0
    piece = np.minimum((azimuth * pieces[ring]).astype(np.int64), pieces[ring] - 1)
    return np.concatenate([[0], np.cumsum(pieces)])[ring] + piece


def _average_cells(offset: Floats, directions: Floats, ranges: Floats, step: float) -> Floats:
    """Centroids of the points in each angular cell; the points themselves where a cell looks past an edge."""
    cell = sphere_cells(directions, step)
    order = np.lexsort((ranges, cell))
    cell, offset, ranges = cell[order], offset[order], ranges[order]
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    count = np.diff(first, append=len(cell))
    spread = ranges[first + count - 1] - ranges[first]
    gaps = np.diff(ranges, prepend=ranges[0])
    gaps[first] = 0.0
    widest = np.maximum.reduceat(gaps, first)
    jump = (spread > _JUMP_SLOPE * step * ranges[first]) & (widest > _JUMP_SHARE * spread)
    mean = np.add.reduceat(offset, first) / count[:, None]
    return np.concatenate([mean[~jump], offset[np.repeat(jump, count)]])


def _give_back_curvature(solid: StarSolid) -> StarSolid:
    """Move vertices outward by what averaging and flat triangles cut off a curved wall.

    On a sphere of radius R, centroids of square cells of side h lie h^2 / 12 R too deep and the triangles between them
    another s^2 / 8 R, s = 1.07 h; the mean of a vertex' neighbours lies s^2 / 2 R below it. Two fifths of the latter
    are the two former. The neighbours' mean is smoothed once, so that noise is not given back as well.
    """
    i, j = solid.faces.ravel(), np.roll(solid.faces, -1, axis=1).ravel()
    n = len(solid.ranges)
    around = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(n, n))
    around = sparse.diags_array(1.0 / np.maximum(around.sum(axis=1), 1.0)) @ around
    wall = np.ones(n, bool)
    wall[solid.faces[~solid.seen]] = False
    offset = solid.directions * solid.ranges[:, None]
    below = (around @ offset) - offset
    below[~wall] = 0.0
    below = 0.5 * (below + around @ below)
    normals, area = solid.face_normals()
    normal = np.zeros((n, 3))
    for corner in range(3):
        np.add.at(normal, solid.faces[:, corner], normals * area[:, None])
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-300)[:, None]
    facing = np.einsum("ij,ij->i", normal, solid.directions)
    move = -_CUT_OFF * np.einsum("ij,ij->i", below, normal) / np.maximum(facing, _LEAST_FACING)
    limit = _MOST_GIVEN_BACK * solid.step_rad * solid.ranges
    return replace(solid, ranges=solid.ranges + np.where(wall, np.clip(move, -limit, limit), 0.0))


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


def fuse_shared_walls(solids: list[StarSolid], *, rounds: int = 2) -> tuple[list[StarSolid], float]:
    """Move walls that several stations saw to their mean place, along each station's rays.

    The union of two noisy or slightly misplaced surfaces keeps the outer of both, so a room seen twice would grow.
    After this the surfaces lie together. Walls are the same where they lie within four robust standard deviations of
    each other.

    Returns
    -------
    solids : list of StarSolid
    misfit_m : float
        Robust standard deviation of the distances between the stations' walls before they were moved; NaN where they
        share none.
    """
    misfit = math.nan
    for turn in range(rounds if len(solids) > 1 else 0):
        offsets = [[_way_to_wall(solid, other) for other in solids if other is not solid] for solid in solids]
        normal_way = np.concatenate([way[1] for ways in offsets for way in ways])
        normal_way = normal_way[np.abs(normal_way) < _OTHER_WALL_M]
        if not len(normal_way):
            break
        sigma = 1.4826 * float(np.median(np.abs(normal_way)))
        misfit = sigma if turn == 0 else misfit
        same = max(_SAME_WALL_M, _SAME_WALL_SIGMAS * sigma)
        moved = []
        for solid, ways in zip(solids, offsets, strict=True):
            total, n = np.zeros(len(solid.ranges)), np.ones(len(solid.ranges))
            for along, across in ways:
                use = np.abs(across) < same
                total[use] += along[use]
                n += use
            moved.append(replace(solid, ranges=np.maximum(solid.ranges + total / n, _MIN_RANGE_M)))
        solids = moved
    return solids, misfit


def _way_to_wall(solid: StarSolid, other: StarSolid) -> tuple[Floats, Floats]:
    """How far each vertex of a solid is from the wall that another station saw: along the own ray and across the wall.

    Infinite where the other station saw no wall there.
    """
    normals, _ = other.face_normals()
    corner = other.vertices[other.faces[:, 0]]
    middle = other.directions[other.faces].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    rows = np.flatnonzero(other.seen)
    along, across = np.full(len(solid.ranges), np.inf), np.full(len(solid.ranges), np.inf)
    if not len(rows):
        return along, across
    from_other = solid.vertices - other.station
    from_other /= np.maximum(np.linalg.norm(from_other, axis=1), _MIN_RANGE_M)[:, None]
    distance, nearest = cKDTree(middle[rows]).query(from_other)
    face = rows[nearest]
    towards = np.einsum("ij,ij->i", normals[face], solid.directions)
    off = np.einsum("ij,ij->i", normals[face], corner[face] - solid.vertices)
    # Seen from behind or along the wall, the ray of the one says nothing about the wall of the other.
    good = (towards > 0.1) & (distance < 2.0 * other.step_rad)
    along[good] = off[good] / towards[good]
    across[good] = off[good]
    return along, across
