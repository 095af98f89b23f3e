"""The two ends of a cavity's volume: what rays prove, and what could hide behind what they saw."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree

from sxrisk.surfaces._star import StarSolid, triangulate

__all__ = ["fill_shadows", "puncture"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]
Solid = tuple[Floats, Faces, NDArray[np.bool_]]

_PIT_RANGE_M = 1e-3
_GRID_DEG = 1.0


def puncture(solid: StarSolid) -> Solid:
    """The solid without its unproven cones: each unseen triangle is pushed in to the scanner.

    Returns
    -------
    vertices : (n, 3) float64
    faces : (m, 3) int64
    seen : (m,) bool
    """
    unseen = np.flatnonzero(~solid.seen)
    corners = solid.faces[unseen]
    middle = solid.directions[corners].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    tip = len(solid.ranges) + np.arange(len(unseen))
    walls = [np.column_stack([corners[:, i], corners[:, (i + 1) % 3], tip]) for i in range(3)]
    vertices = np.concatenate([solid.vertices, solid.station + _PIT_RANGE_M * middle])
    faces = np.concatenate([solid.faces[solid.seen], *walls])
    seen = np.arange(len(faces)) < int(solid.seen.sum())
    return vertices, faces, seen


def fill_shadows(solid: StarSolid) -> Solid:
    """The solid with every shadow void up to the chord behind it and every gap void as far as its rim.

    The directions are laid on a grid of one degree. In each ring of equal elevation, seen in plan, and in each upright
    plane through the station, the outline of the void is compared with its convex hull: a pocket between outline and
    hull that holds the side of a shadow is filled; a pocket that is measured wall all along is rock and stays.

    Returns
    -------
    vertices, faces, seen
        As :func:`puncture`; no face counts as measured.
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
    return _raised(solid, grid, ranges, filled, gap)


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


def _raised(solid: StarSolid, grid: Floats, ranges: Floats, filled: Floats, gap: NDArray[np.bool_]) -> Solid:
    """Ranges raised to the filled pockets; directions added in the gaps, as far as the farthest wall on their rim."""
    raised = np.maximum(solid.ranges, filled[_cell(solid.directions, ranges.shape)])
    # Labelled on two turns of the grid, so that a gap across azimuth 0 is whole in one of them.
    n_azimuth = gap.shape[1]
    twice, n_gaps = ndimage.label(np.concatenate([gap, gap], axis=1), structure=np.ones((3, 3)))
    rim = np.zeros(gap.shape)
    for label, window in enumerate(ndimage.find_objects(twice, max_label=n_gaps), start=1):
        rows, columns = np.nonzero(twice[window] == label)
        rows, columns = rows + window[0].start, (columns + window[1].start) % n_azimuth
        rim[rows, columns] = np.maximum(rim[rows, columns], ranges[rows, columns].max())
    directions = np.concatenate([solid.directions, grid[gap]])
    reach = np.concatenate([raised, rim[gap]])
    faces, used = triangulate(directions, "filled shadows")
    outer = replace(solid, directions=directions[used], ranges=reach[used])
    return outer.vertices, faces, np.zeros(len(faces), bool)
