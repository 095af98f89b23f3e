"""Whether the points around a core point span a surface: what lies along one line of the scan defines no normal."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from sxrisk.change._column_grid import affordable_cell, build_column_grid, cloud_bounds
from sxrisk.change._kernels import _covariance
from sxrisk.change.result import M3C2Result
from sxrisk.scans.cloud import Cloud

__all__ = ["spans_surface"]

# Breadth by length of a neighbourhood. On a surface it is near 1, on its rim half; below this it is a line: the plane
# that fits it best is that of the scanner's sweep, in which the beam itself lies, and no surface.
_BREADTH = 0.3


def spans_surface(result: M3C2Result, chosen: NDArray[np.int64], before: Cloud) -> NDArray[np.bool_]:
    """Whether the reference is broad enough around core points `chosen` (k,) for their normals to be the surface's.

    Far from the scanner, or where the ground nearly hides, one line of the scan may be all that a sphere holds. It lies
    in the plane of the sweep: the fit is as thin as on a surface, the normal stands across the line of sight, and the
    distance along it tells from one surface to another one.
    """
    core = result.core_points[chosen]
    if result.normal_radius_m is not None:
        radius = result.normal_radius_m[chosen]
    else:
        radius = np.full(len(chosen), float(np.max(result.parameters["normal_radius_m"])))
    reach = float(np.nanmax(radius)) + 1e-3
    box = (*(core.min(axis=0) - reach), *(core.max(axis=0) + reach))
    points = np.ascontiguousarray(before.read(box, attributes=()).xyz)
    if not len(points):
        return np.zeros(len(chosen), dtype=bool)
    origin = np.floor(core.min(axis=0))
    low, high = (corner - origin for corner in cloud_bounds(core, "the core points"))
    grid = build_column_grid(points, origin, affordable_cell(reach, low - reach, high + reach, len(points)),
                             low - reach, high + reach)  # fmt: skip
    breadth = np.empty(len(chosen))
    _breadths(grid, core - origin, radius, breadth)
    return np.asarray(breadth >= _BREADTH)


@njit(parallel=True, cache=True)
def _breadths(grid, core, radius, breadth):
    """Second by first standard deviation (k,) of the points in a sphere around each core point (k, 3)."""
    for i in prange(len(core)):
        n, xx, yy, zz, xy, xz, yz = _covariance(grid, core[i, 0], core[i, 1], core[i, 2], radius[i])
        values = np.linalg.eigvalsh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
        wide = n >= 3.0 and values[2] > 0.0
        breadth[i] = math.sqrt(max(values[1], 0.0) / values[2]) if wide else 0.0
