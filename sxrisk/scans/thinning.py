"""Thinning to even density."""

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans.scan import Scan

__all__ = ["thin", "thin_rows"]

_MAX_STEPS = 2.0**53  # beyond, neighbouring whole numbers are no longer told apart


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
        If `voxel_m` is not positive, or finer than coordinates can tell apart.

    Examples
    --------
    >>> thin(Scan([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [1.5, 0.5, 0.5]]), 1.0).xyz
    array([[0.5, 0.5, 0.5],
           [1.5, 0.5, 0.5]])
    """
    return scan.select(np.sort(thin_rows(scan.xyz, voxel_m)))


def thin_rows(xyz: npt.NDArray[np.float64], voxel_m: float) -> npt.NDArray[np.int64]:
    """Rows of the points that lie nearest to the middle of their voxel, one a voxel.

    Voxels are counted from the origin of the coordinates and not from the cloud's corner, so that a part of a cloud
    gives the same points as the whole. Between equally near points the first of the cloud wins.

    Parameters
    ----------
    xyz : ndarray of shape (n, 3)
        Finite points, metres.
    voxel_m : float
        Edge of the voxels, metres, larger than 0.

    Returns
    -------
    ndarray of shape (m,)
        Rows of `xyz`, those of neighbouring voxels beside each other.

    Raises
    ------
    ParameterError
        If `voxel_m` is not positive, or finer than coordinates can tell apart.
    """
    if not voxel_m > 0:
        raise ParameterError(f"voxels of {voxel_m} m", where="voxel_m", expected="more than 0")
    if not len(xyz):
        return np.empty(0, dtype=np.int64)
    steps = xyz / voxel_m
    if not np.abs(steps).max() < _MAX_STEPS:
        raise ParameterError(
            f"voxels of {voxel_m} m with coordinates up to {np.abs(xyz).max():g} m",
            where="voxel_m",
            expected="a voxel that double precision can count",
        )
    floors = np.floor(steps)
    off_centre = ((steps - floors - 0.5) ** 2).sum(axis=1)
    key = _voxel_keys((floors - floors.min(axis=0)).astype(np.int64))
    order = np.argsort(key)
    start = np.flatnonzero(np.concatenate([[True], np.diff(key[order]) != 0]))
    off_centre = off_centre[order]
    nearest = np.repeat(np.minimum.reduceat(off_centre, start), np.diff(start, append=len(order)))
    rows: npt.NDArray[np.int64] = np.minimum.reduceat(np.where(off_centre == nearest, order, len(order)), start)
    return rows


def _voxel_keys(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One number a voxel (n,), sorted by x, then y, then z."""
    key = cells[:, 0]
    for cell in (cells[:, 1], cells[:, 2]):
        if (int(key.max()) + 1) * (int(cell.max()) + 1) > np.iinfo(np.int64).max:
            # A stray point makes the box huge: numbered without gaps both are smaller than the number of points.
            key, cell = (np.unique(values, return_inverse=True)[1] for values in (key, cell))
        key = key * (int(cell.max()) + 1) + cell
    return key
