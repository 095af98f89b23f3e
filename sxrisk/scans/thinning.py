"""Thinning to even density."""

import numpy as np

from sxrisk.errors import ParameterError
from sxrisk.scans.scan import Scan

__all__ = ["thin"]


def thin(scan: Scan, voxel_m: float) -> Scan:
    """One point per voxel: the one nearest to the voxel's middle, so that points stay measured points.

    Parameters
    ----------
    scan : Scan
        In metres.
    voxel_m : float
        Edge of the voxels, metres, larger than 0.

    Returns
    -------
    Scan
        In file order, attributes kept.

    Raises
    ------
    ParameterError
        If `voxel_m` is not positive.

    Examples
    --------
    >>> thin(Scan([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [1.5, 0.5, 0.5]]), 1.0).xyz
    array([[0.5, 0.5, 0.5],
           [1.5, 0.5, 0.5]])
    """
    if not voxel_m > 0:
        raise ParameterError(f"voxels of {voxel_m} m", where="voxel_m", expected="more than 0")
    if not scan.n_points:
        return scan
    bounds = scan.bounds()
    corner = np.floor(np.array(bounds[:3]) / voxel_m) * voxel_m
    steps = (scan.xyz - corner) / voxel_m
    cells = np.floor(steps).astype(np.int64)
    size = cells.max(axis=0) + 1
    key = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    off_centre = ((steps - cells - 0.5) ** 2).sum(axis=1)
    order = np.lexsort((off_centre, key))
    first = np.ones(len(order), dtype=bool)
    first[1:] = key[order][1:] != key[order][:-1]
    return scan.select(np.sort(order[first]))
