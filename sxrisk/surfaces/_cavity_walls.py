"""The wall that all stations saw: smooth patches that bring their solids, and the joined mesh, to one place."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sxrisk.surfaces._star import StarSolid

__all__ = ["Walls", "fit_walls", "lift", "on_walls", "settle", "station_misfit"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]

_NEIGHBOURS = 28
_FARTHEST_SIGMAS = 4.0
_FARTHEST_SHARE = 0.1  # of a patch' radius: a vertex farther from its patch than noise explains is no part of it
_SET_BACK = 0.1  # of the distance between neighbours on the wall
_CANDIDATES = 4
_SAME_SIDE = 0.5
_MOST_LIFTED = 0.15  # of the edges around: an edge of the wall is not a curve
_LEAST_FACING = 0.1
_MIN_RANGE_M = 1e-3
_OTHER_WALL_M = 0.5


@dataclass(frozen=True)
class Walls:
    """Measured wall points of all stations and the quadratic patch around each.

    Parameters
    ----------
    points, normals : (n, 3) float64
        Means of cells, normals into the rock.
    station : (n,) int64
        Which station's.
    vertex : (n,) int64
        Row in its solid.
    axes, shape, sigma, reach
        As of :func:`sxrisk.surfaces._cavity_kernels.fit_patches`.
    owned : (n,) bool
        Whether no other station sees the wall there more densely.
    tree : cKDTree
        Of `points`.
    """

    points: Floats
    normals: Floats
    station: NDArray[np.int64]
    vertex: NDArray[np.int64]
    axes: Floats
    shape: Floats
    sigma: Floats
    reach: Floats
    owned: NDArray[np.bool_]
    tree: cKDTree


def fit_walls(solids: list[StarSolid]) -> Walls:
    """Patches through what all stations measured."""
    from sxrisk.surfaces._cavity_kernels import fit_patches

    parts = []
    for number, solid in enumerate(solids):
        normals = _vertex_normals(solid.directions * solid.ranges[:, None], solid.faces[solid.seen])
        rows = np.flatnonzero((normals != 0).any(axis=1))
        parts.append(
            (
                solid.vertices[rows],
                normals[rows],
                solid.spread[rows],
                solid.count[rows],
                np.full(len(rows), number),
                rows,
            )
        )
    points, normals, spread, count, station, vertex = (np.concatenate(column) for column in zip(*parts, strict=True))
    tree = cKDTree(points)
    distance, neighbours = tree.query(points, k=min(_NEIGHBOURS, len(points)), workers=-1)
    axes, shape, sigma, reach = fit_patches(points, normals, spread, count, neighbours.astype(np.int64), distance)
    votes = np.zeros((len(points), len(solids)), np.int64)
    same = np.einsum("ij,ikj->ik", normals, normals[neighbours]) > _SAME_SIDE
    for number in range(len(solids)):
        votes[:, number] = (same & (station[neighbours] == number)).sum(axis=1)
    owned = votes.argmax(axis=1) == station
    return Walls(points, normals, station, vertex, axes, shape, sigma, reach, owned, tree)


def on_walls(solids: list[StarSolid], walls: Walls) -> list[StarSolid]:
    """The solids with their measured vertices moved along their rays onto the patches.

    Where another station saw the wall more densely, a vertex is then set back a little: the union of the solids takes
    the better surface, and two nearly equal ones do not cross each other everywhere.
    """
    from sxrisk.surfaces._cavity_kernels import patch_offsets

    moved = []
    for number, solid in enumerate(solids):
        rows = np.flatnonzero((walls.station == number) & np.isfinite(walls.sigma))
        vertex = walls.vertex[rows]
        ways = np.ascontiguousarray(solid.directions[vertex])
        along, normals = patch_offsets(walls.points[rows], ways, walls.points, walls.axes, walls.shape, rows)
        facing = np.maximum(np.einsum("ij,ij->i", normals, ways), _LEAST_FACING)
        good = np.isfinite(along) & (np.abs(along) * facing <= _farthest(walls, rows))
        ranges = solid.ranges.copy()
        ranges[vertex] += np.where(good, along, 0.0)
        back = np.where(walls.owned[rows], 0.0, _SET_BACK * solid.step_rad * ranges[vertex] / facing)
        ranges[vertex] = np.maximum(ranges[vertex] - np.minimum(back, 0.3 * ranges[vertex]), _MIN_RANGE_M)
        moved.append(replace(solid, ranges=ranges))
    return moved


def settle(xyz: Floats, faces: Faces, measured: NDArray[np.bool_], walls: Walls) -> tuple[Floats, Floats]:
    """Vertices of the joined mesh moved onto the wall, along its normal.

    Parameters
    ----------
    xyz : (n, 3) float64
    faces : (m, 3) int64
    measured : (m,) bool
        Faces that are wall; vertices of no such face stay.
    walls : Walls

    Returns
    -------
    xyz : (n, 3) float64
    normals : (n, 3) float64
        Of the wall at each vertex; zero where it stayed.
    """
    from sxrisk.surfaces._cavity_kernels import patch_offsets

    own = _vertex_normals(xyz, faces[measured])
    rows = np.flatnonzero((own != 0).any(axis=1))
    patched = np.flatnonzero(np.isfinite(walls.sigma))
    tree = cKDTree(walls.points[patched])
    distance, nearest = tree.query(xyz[rows], k=min(_CANDIDATES, len(patched)), workers=-1)
    nearest = patched[nearest]
    fits = np.einsum("ij,ikj->ik", own[rows], walls.axes[nearest, :3]) > _SAME_SIDE
    best = fits.argmax(axis=1)
    pick = np.arange(len(rows)), best
    patch, near = nearest[pick], distance[pick] <= walls.reach[nearest[pick]]
    usable = fits[pick] & near
    rows, patch = rows[usable], patch[usable]
    ways = np.ascontiguousarray(walls.axes[patch, :3])
    along, normals = patch_offsets(xyz[rows], ways, walls.points, walls.axes, walls.shape, patch)
    good = np.isfinite(along) & (np.abs(along) <= _farthest(walls, patch))
    moved, found = xyz.copy(), np.zeros_like(xyz)
    moved[rows[good]] += along[good, None] * ways[good]
    found[rows[good]] = normals[good]
    return moved, found


def lift(xyz: Floats, faces: Faces, measured: NDArray[np.bool_], normals: Floats) -> Floats:
    """Vertices moved outward by what flat triangles cut off a curved wall.

    A quadratic surface lies, on average over a triangle, a 24th of the sum of f''(e, e) over its edges e off the plane
    through its corners, and f''(e, e) is e times the change of the normal along e. Each vertex takes the mean over the
    triangles around it, weighted by area: then the volume is that below the curved wall, and the surface lies to both
    sides of the wall.
    """
    corner = faces[measured & (normals[faces] != 0).any(axis=2).all(axis=1)]
    edges = np.roll(xyz[corner], -1, axis=1) - xyz[corner]
    turns = np.roll(normals[corner], -1, axis=1) - normals[corner]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2.0
    cut_off = np.einsum("ijk,ijk->i", edges, turns) / 24.0
    longest = np.linalg.norm(edges, axis=2).max(axis=1)
    cut_off = np.clip(cut_off, -_MOST_LIFTED * longest, _MOST_LIFTED * longest)
    total = np.bincount(corner.ravel(), np.repeat(area, 3), len(xyz))
    lifted = np.bincount(corner.ravel(), np.repeat(area * cut_off, 3), len(xyz)) / np.maximum(total, 1e-300)
    return xyz + lifted[:, None] * normals


def station_misfit(solids: list[StarSolid]) -> float:
    """Robust standard deviation of the distances between the stations' walls where two saw them; NaN for none."""
    ways = [_way_to_wall(solid, other) for number, solid in enumerate(solids) for other in solids[number + 1 :]]
    across = np.concatenate([way[np.abs(way) < _OTHER_WALL_M] for way in ways]) if ways else np.zeros(0)
    return 1.4826 * float(np.median(np.abs(across))) if len(across) else math.nan


def _farthest(walls: Walls, rows: NDArray[np.int64]) -> Floats:
    return _FARTHEST_SIGMAS * walls.sigma[rows] + _FARTHEST_SHARE * walls.reach[rows]


def _vertex_normals(xyz: Floats, faces: Faces) -> Floats:
    """Unit normals (n, 3), weighted by the area of the faces around; zero at a vertex without faces."""
    a, b, c = (xyz[faces[:, i]] for i in range(3))
    vectors = np.cross(b - a, c - a)
    normals = np.column_stack(
        [np.bincount(faces.ravel(), np.repeat(vectors[:, axis], 3), len(xyz)) for axis in range(3)]
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Floats = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    return unit


def _way_to_wall(solid: StarSolid, other: StarSolid) -> Floats:
    """Distance of each vertex of a solid (n,) across the wall that another station saw; infinite where it saw none."""
    normals, _ = other.face_normals()
    corner = other.vertices[other.faces[:, 0]]
    middle = other.directions[other.faces].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    rows = np.flatnonzero(other.seen)
    across = np.full(len(solid.ranges), np.inf)
    if not len(rows):
        return across
    from_other = solid.vertices - other.station
    from_other /= np.maximum(np.linalg.norm(from_other, axis=1), _MIN_RANGE_M)[:, None]
    distance, nearest = cKDTree(middle[rows]).query(from_other, workers=-1)
    face = rows[nearest]
    towards = np.einsum("ij,ij->i", normals[face], solid.directions)
    off = np.einsum("ij,ij->i", normals[face], corner[face] - solid.vertices)
    # Seen from behind or along the wall, the ray of the one says nothing about the wall of the other.
    good = (towards > _LEAST_FACING) & (distance < 2.0 * other.step_rad)
    across[good] = off[good]
    return across
