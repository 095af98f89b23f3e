"""Heights between scattered points by triangulation, read on the cells of a grid."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["triangulated_heights"]

Floats = npt.NDArray[np.float64]


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
    from scipy.spatial import Delaunay, QhullError

    from sxrisk.surfaces._tin_kernels import draw_triangles

    out = np.full(shape, np.nan)
    if len(points) < 3:
        return out
    local = (points - np.asarray(corner)) / cell_m
    # A hair of shear: points of a lattice lie on common circles, which Qhull takes long to untangle.
    joggled = local + 1e-6 * np.sin(local[:, ::-1] * [12.9898, 78.233])
    try:
        triangles = Delaunay(joggled).simplices
    except QhullError:
        return out
    draw_triangles(local, np.asarray(heights, dtype=np.float64), triangles, max_edge_m / cell_m, out)
    return out
