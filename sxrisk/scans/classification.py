"""Classes by height above ground, in the codes of LAS."""

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import check_mask, cores
from sxrisk.scans.cloud import Cloud

__all__ = ["classify_vegetation", "height_above_ground"]

_SURFACE_CELL_M = 1.0


def height_above_ground(
    cloud: Cloud, bare: NDArray[np.bool_], *, cell_m: float = _SURFACE_CELL_M
) -> NDArray[np.float64]:
    """Height of every point above the surface through the ground points, metres (n,).

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    bare : ndarray of bool, shape (n,)
        Ground points, from :func:`sxrisk.scans.ground` or a file's own classes.
    cell_m : float
        Cell of the surface, metres, above 0; under what stands on the ground it is bridged smoothly.

    Raises
    ------
    ParameterError
        If `bare` has another length or holds no ground, or `cell_m` is not positive.
    """
    if not cell_m > 0:
        raise ParameterError(f"cell_m {cell_m}", where="height_above_ground", expected="more than 0, in metres")
    from sxrisk.scans._ground_surfaces import smooth_surface

    surface = smooth_surface(cloud.require_metres(), check_mask(cloud, bare), cell_m)
    height = np.empty(cloud.n_points)
    for core in cores(cloud):
        height[core.rows] = surface.above(core.xyz)
    return height


def classify_vegetation(
    cloud: Cloud, bare: NDArray[np.bool_], *, limits_m: tuple[float, float] = (0.5, 2.0)
) -> NDArray[np.uint8]:
    """LAS classes by height above ground: 2 ground, 3 low, 4 medium, 5 high vegetation, 1 below the ground.

    Height alone tells no plant from a building or a machine: take those out first (:func:`sxrisk.scans.find_objects`).

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    bare : ndarray of bool, shape (n,)
        Ground points, as for :func:`height_above_ground`.
    limits_m : (float, float)
        Heights where medium and high vegetation begin, metres; offices differ.

    Returns
    -------
    ndarray of uint8, shape (n,)

    Raises
    ------
    ParameterError
        If the limits do not rise, or `bare` has another length or holds no ground.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> flat = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0), [0.0]), axis=-1).reshape(-1, 3)
    >>> tree = sx.Scan(np.vstack([flat, [[4.2, 4.2, 0.3], [4.2, 4.2, 1.0], [4.2, 4.2, 6.0]]]))
    >>> classify_vegetation(tree, tree.xyz[:, 2] == 0)[-3:]
    array([3, 4, 5], dtype=uint8)

    References
    ----------
    ASPRS LAS 1.4 R15, table 17.
    """
    if not 0 < limits_m[0] < limits_m[1]:
        raise ParameterError(f"limits_m {limits_m}", where="classify_vegetation", expected="two rising heights above 0")
    height = height_above_ground(cloud, bare)
    classes = np.where(height < 0, 1, 3 + np.searchsorted(limits_m, height, side="right")).astype(np.uint8)
    classes[bare] = 2
    return classes
