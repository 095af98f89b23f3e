"""Core points: a cloud thinned to one real point a voxel."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from sxrisk.change._column_grid import build_column_grid

__all__ = ["thin_to_voxels"]


def thin_to_voxels(
    xyz: NDArray[np.float64], spacing: float, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Rows of the points that lie nearest to the middle of their voxel, one a voxel.

    Voxels are counted from the origin of the coordinates and not from the cloud's corner, so that a part of a cloud
    gives the same points as the whole. Between equally near points the first of the cloud wins.

    Parameters
    ----------
    xyz : (n, 3) float64
        Points in metres.
    spacing : float
        Side of a voxel in metres.
    low, high : (3,) float64
        Corners of the cloud.

    Returns
    -------
    (m,) int64
        Rows of `xyz`, neighbours beside each other.
    """
    origin = np.floor(low / spacing) * spacing
    grid = build_column_grid(xyz, origin, spacing, np.minimum(low - origin, 0.0), high - origin, corner=(0.0, 0.0))
    keep = np.zeros(len(grid.source), np.bool_)
    _mark_nearest(grid, spacing, keep)
    return grid.source[keep].astype(np.int64)


@njit(parallel=True, cache=True)
def _mark_nearest(grid, spacing, keep):
    n_columns = len(grid.start) - 1
    block = 256
    inverse = 1.0 / spacing
    for t in prange((n_columns + block - 1) // block):
        for column in range(t * block, min(n_columns, (t + 1) * block)):
            s, e = grid.start[column], grid.start[column + 1]
            if s == e:
                continue
            # A column may be several voxels wide (few points on a large area), so x and y count as well.
            x_low, y_low = grid.x[s], grid.y[s]
            for k in range(s, e):
                x_low, y_low = min(x_low, grid.x[k]), min(y_low, grid.y[k])
            z_low = grid.low[column]
            voxel = np.empty((e - s, 3), np.int64)
            off = np.empty(e - s)
            for k in range(s, e):
                square = 0.0
                for axis, (value, lowest) in enumerate(((grid.x[k], x_low), (grid.y[k], y_low), (grid.z[k], z_low))):
                    index = math.floor(value * inverse)
                    voxel[k - s, axis] = index - math.floor(lowest * inverse)
                    square += (value * inverse - index - 0.5) ** 2
                off[k - s] = square
            width = voxel[:, 1].max() + 1
            height = voxel[:, 2].max() + 1
            key = (voxel[:, 0] * width + voxel[:, 1]) * height + voxel[:, 2]
            order = np.argsort(key)
            best = order[0]
            for i in range(1, e - s):
                k = order[i]
                if key[k] != key[best]:
                    keep[s + best] = True
                    best = k
                elif off[k] < off[best] or (off[k] == off[best] and grid.source[s + k] < grid.source[s + best]):
                    best = k
            keep[s + best] = True
