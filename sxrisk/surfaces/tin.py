"""Triangulations in plan, and heights read from them on the cells of a grid."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["joggled", "triangulate", "triangulated_heights"]

Floats = npt.NDArray[np.float64]


def joggled(xy: npt.NDArray[Any], step: float) -> Floats:
    """Places moved by a hair, the same hair at the same place.

    Points of a lattice lie on common circles, where a Delaunay triangulation has a choice; a millionth of `step` takes
    it away, so that the same points have the same triangles whatever else is triangulated with them.
    """
    scaled = np.asarray(xy, dtype=np.float64) / step
    return np.ascontiguousarray(step * (scaled + 1e-6 * np.sin(scaled[:, ::-1] * [12.9898, 78.233])))


def triangulate(xy: Floats) -> npt.NDArray[np.int64]:
    """Delaunay triangles (m, 3) of points in plan, counter-clockwise, in an order that only the points decide.

    Each row begins with its least index and the rows are sorted. Of points at one place only one is a corner. None
    where fewer than three points, or points on one line, make no triangle.

    Parameters
    ----------
    xy : ndarray of shape (n, 2)
        Offsets from a local origin, finite.

    Returns
    -------
    ndarray of int64, shape (m, 3)

    References
    ----------
    Ledoux, H. (2024). startinpy: a Python library for modelling and processing 2.5D triangulated terrains. Journal of
    Open Source Software 9(103), 7123.

    Examples
    --------
    >>> triangulate(np.array([[0.0, 0.0], [1.0, 0.0], [0.1, 1.0]]))
    array([[0, 1, 2]])
    """
    import startinpy

    if len(xy) < 3:
        return np.empty((0, 3), np.int64)
    # Neighbours one after the other: the walk to the next point's triangle is then short.
    low, high = xy.min(axis=0), xy.max(axis=0)
    strip = max(float(np.sqrt(np.prod(np.maximum(high - low, 1e-9)) / len(xy))) * 2.0, 1e-9)
    row = np.floor((xy[:, 1] - low[1]) / strip).astype(np.int64)
    order = np.lexsort((np.where(row % 2 == 0, xy[:, 0], -xy[:, 0]), row))
    mesh = startinpy.DT()
    mesh.snap_tolerance = 1e-12
    mesh.duplicates_handling = "First"
    # The third coordinate carries the index through.
    mesh.insert(np.column_stack([xy[order], order.astype(np.float64)]))
    faces = np.asarray(mesh.triangles, dtype=np.int64)
    if not len(faces):
        return np.empty((0, 3), np.int64)
    third = mesh.points[:, 2]
    index = np.where(np.isfinite(third), third, 0.0).astype(np.int64)
    faces = index[faces]
    turn = np.argmin(faces, axis=1)
    faces = np.take_along_axis(faces, (turn[:, None] + np.arange(3)) % 3, axis=1)
    return faces[np.lexsort((faces[:, 2], faces[:, 1], faces[:, 0]))]


def triangulated_heights(
    points: npt.NDArray[Any],
    heights: npt.NDArray[Any],
    corner: tuple[float, float],
    cell_m: float,
    shape: tuple[int, int],
    *,
    max_edge_m: float = np.inf,
) -> Floats:
    """Heights of the Delaunay triangulation at the centres of grid cells, NaN outside its hull.

    Triangles are drawn onto the grid one after the other; looking up a triangle for each cell would search all of them
    for every cell outside the hull.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Places in plan.
    heights : ndarray of shape (n,)
        Their heights, metres.
    corner : (float, float)
        Lower left corner of the grid, same coordinates.
    cell_m : float
        Edge of its square cells.
    shape : (int, int)
        Rows, from the south, and columns.
    max_edge_m : float
        Triangles with a longer edge in plan are left out: they span what nobody has seen.

    Returns
    -------
    ndarray of shape `shape`
        All NaN where fewer than three points, or points on one line, make no triangle.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    >>> triangulated_heights(corners, corners[:, 0], (0.0, 0.0), 2.0, (2, 2))
    array([[1., 3.],
           [1., 3.]])
    """
    from sxrisk.surfaces._tin_kernels import draw_triangles

    out = np.full(shape, np.nan)
    local = (points - np.asarray(corner)) / cell_m
    triangles = triangulate(joggled(local, 1.0)) if len(points) else np.empty((0, 3), np.int64)
    draw_triangles(local, np.asarray(heights, dtype=np.float64), triangles, max_edge_m / cell_m, out)
    return out
