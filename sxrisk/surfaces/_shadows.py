"""The two ends of a cavity's volume: what rays prove, and what could hide behind what they saw."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError, cKDTree

from sxrisk.surfaces._star import BRIDGED, FILLED, StarSolid, triangulate

__all__ = ["fill_shadows", "puncture", "shadow_sides"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]
Solid = tuple[Floats, Faces, NDArray[np.uint8]]

_PIT_RANGE_M = 1e-3
_GRID_DEG = 1.5
_INSIDE = 0.98


def puncture(solid: StarSolid) -> Solid:
    """The solid without its unproven cones: each bridged patch is pushed in to the scanner.

    Returns
    -------
    vertices : (n, 3) float64
    faces : (m, 3) int64
    kind : (m,) uint8
    """
    patch = solid.faces[solid.bridged]
    start, end = patch.ravel(), np.roll(patch, -1, axis=1).ravel()
    n = len(solid.ranges)
    _, part = connected_components(coo_array((np.ones(len(start)), (start, end)), shape=(n, n)), directed=False)
    border = ~np.isin(start * n + end, end * n + start)
    start, end = start[border], end[border]
    parts, tip = np.unique(part[start], return_inverse=True)
    middle = np.zeros((len(parts), 3))
    np.add.at(middle, tip, solid.directions[start])
    middle /= np.maximum(np.linalg.norm(middle, axis=1), 1e-9)[:, None]
    vertices = np.concatenate([solid.vertices, solid.station + _PIT_RANGE_M * middle])
    faces = np.concatenate([solid.faces[~solid.bridged], np.column_stack([start, end, n + tip])])
    kind = np.concatenate([solid.kind[~solid.bridged], np.full(len(start), BRIDGED, np.uint8)])
    used, faces = np.unique(faces, return_inverse=True)
    return vertices[used], faces.reshape(-1, 3), kind


def shadow_sides(solid: StarSolid, others: Sequence[StarSolid]) -> float:
    """Volume of the cones across jumps in range beyond their nearest ray, m3: where in them the edge is, nobody saw.

    Cones whose middle lies within what another station saw are left out.
    """
    corners = solid.faces[solid.shadow]
    a, b, c = (solid.directions[corners[:, i]] for i in range(3))
    cone = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c))) / 6.0
    ranges = solid.ranges[corners]
    doubtful = cone * (ranges.prod(axis=1) - ranges.min(axis=1) ** 3)
    middle = a + b + c
    middle *= ((ranges.min(axis=1) + ranges.max(axis=1)) / 2.0 / np.linalg.norm(middle, axis=1))[:, None]
    for other in others:
        way = solid.station + middle - other.station
        length = np.linalg.norm(way, axis=1)
        _, nearest = cKDTree(other.directions).query(way / np.maximum(length, 1e-9)[:, None], workers=-1)
        doubtful[length < _INSIDE * other.ranges[nearest]] = 0.0
    return float(doubtful.sum())


def fill_shadows(solid: StarSolid) -> Solid:
    """The solid with every shadow void up to the chord behind it and every gap void as far as
    the farthest wall on its rim within twice the way to it.

    The directions are laid on a grid of 1.5 degrees. In each ring of equal elevation, seen in plan, and in each upright
    plane through the station, the outline of the void is compared with its convex hull: a pocket between outline and
    hull that holds the side of a shadow is filled; a pocket that is measured wall all along is rock and stays.

    Returns
    -------
    vertices, faces, kind
        As :func:`puncture`; all faces are *filled*.
    """
    n_elevation, n_azimuth = round(180.0 / _GRID_DEG), round(360.0 / _GRID_DEG)
    elevation = np.radians((np.arange(n_elevation) + 0.5) * _GRID_DEG - 90.0)
    azimuth = np.radians((np.arange(n_azimuth) + 0.5) * _GRID_DEG)
    grid = np.stack(
        [
            np.outer(np.cos(elevation), np.cos(azimuth)),
            np.outer(np.cos(elevation), np.sin(azimuth)),
            np.repeat(np.sin(elevation)[:, None], n_azimuth, axis=1),
        ],
        axis=-1,
    )
    distance, nearest = cKDTree(solid.directions).query(grid.reshape(-1, 3))
    ranges = solid.ranges[nearest].reshape(n_elevation, n_azimuth)
    shadow = _shadow_cells(solid, ranges.shape)
    gap = (distance > 0.5 * solid.gap_rad).reshape(ranges.shape)
    filled = np.zeros_like(ranges)
    for i in range(n_elevation):
        plan = _fill_pockets(azimuth, ranges[i] * math.cos(elevation[i]), shadow[i])
        filled[i] = plan / math.cos(elevation[i])
    turn = np.concatenate([elevation, elevation + math.pi])
    for j in range(n_azimuth // 2):
        opposite = j + n_azimuth // 2
        profile = np.concatenate([ranges[:, j], ranges[::-1, opposite]])
        marks = np.concatenate([shadow[:, j], shadow[::-1, opposite]])
        upright = _fill_pockets(turn, profile, marks)
        filled[:, j] = np.maximum(filled[:, j], upright[:n_elevation])
        filled[:, opposite] = np.maximum(filled[:, opposite], upright[: n_elevation - 1 : -1])
    ranges = _beyond_rims(grid, ranges, gap)
    # Where nothing is filled the outer solid stays well inside the known one.
    return _outer(solid, grid, np.where(gap | (filled > ranges), np.maximum(ranges, filled), _INSIDE * ranges))


def _shadow_cells(solid: StarSolid, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Grid cells that the sides of shadows touch: at their corners, the middles of their edges and their own middle."""
    corners = solid.directions[solid.faces[solid.shadow]]
    weights = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float64)
    directions = np.einsum("wc,fcx->fwx", weights, corners).reshape(-1, 3)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    cells = np.zeros(shape, bool)
    cells[_cell(directions, shape)] = True
    return cells


def _cell(directions: Floats, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    up = (np.arcsin(np.clip(directions[:, 2], -1.0, 1.0)) / math.pi + 0.5) * shape[0]
    around = np.arctan2(directions[:, 1], directions[:, 0]) / (2.0 * math.pi) % 1.0 * shape[1]
    return np.minimum(up.astype(np.int64), shape[0] - 1), np.minimum(around.astype(np.int64), shape[1] - 1)


def _fill_pockets(angle: Floats, radius: Floats, shadow: NDArray[np.bool_]) -> Floats:
    """Radius of the chord where a pocket with a shadow is filled, else 0; angles rise once around."""
    filled = np.zeros_like(radius)
    if not shadow.any():
        return filled
    xy = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    try:
        corners = np.sort(ConvexHull(xy).vertices)
    except QhullError:
        return filled
    n = len(angle)
    # The pocket of a cell lies between the hull corners before and after it; a shadow on a corner touches both pockets.
    rows = np.flatnonzero(shadow)
    before = np.searchsorted(corners, rows, side="right") - 1
    touched = np.concatenate([before, np.searchsorted(corners, rows, side="left") - 1])
    for pocket in np.unique(touched % len(corners)):
        start, end = corners[pocket], corners[(pocket + 1) % len(corners)]
        inside = (start + np.arange((end - start) % n + 1)) % n
        chord = xy[end] - xy[start]
        normal = np.array([chord[1], -chord[0]])
        facing = normal[0] * np.cos(angle[inside]) + normal[1] * np.sin(angle[inside])
        good = facing > 0.0
        filled[inside[good]] = normal @ xy[start] / facing[good]
    return filled


def _beyond_rims(grid: Floats, ranges: Floats, gap: NDArray[np.bool_]) -> Floats:
    """Ranges in gaps: of the farthest wall on the rim within twice the way to it."""
    wide = np.concatenate([gap[:, -1:], gap, gap[:, :1]], axis=1)
    rim = ndimage.binary_dilation(wide, np.ones((3, 3)))[:, 1:-1] & ~gap
    if not rim.any():
        return ranges
    towards, far, found = grid[rim], ranges[rim], ranges.copy()
    reach = np.empty(int(gap.sum()))
    for rows in np.array_split(np.arange(len(reach)), max(1, len(reach) // 1000)):
        angle = np.arccos(np.clip(grid[gap][rows] @ towards.T, -1.0, 1.0))
        near = angle <= 2.0 * angle.min(axis=1, keepdims=True) + math.radians(_GRID_DEG)
        reach[rows] = np.where(near, far, 0.0).max(axis=1)
    found[gap] = np.maximum(reach, ranges[gap])
    return found


def _outer(solid: StarSolid, grid: Floats, reach: Floats) -> Solid:
    """The solid over the grid's directions."""
    directions = grid.reshape(-1, 3)
    faces, used = triangulate(directions, "filled shadows")
    outer = replace(solid, directions=directions[used], ranges=reach.ravel()[used])
    return outer.vertices, faces, np.full(len(faces), FILLED, np.uint8)
