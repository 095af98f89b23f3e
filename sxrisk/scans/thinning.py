"""Thinning to even density."""

import math

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans.cloud import Cloud, Tile, extent
from sxrisk.scans.scan import Scan

__all__ = ["thin", "thin_rows", "thin_tile"]

_MAX_STEPS = 2.0**53  # beyond, neighbouring whole numbers are no longer told apart


def thin(cloud: Cloud, voxel_m: float) -> Scan:
    """One point per voxel: the one nearest to the voxel's middle, so that points stay measured points.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres. A tiled one is worked on tile by tile; only what is kept stays in memory.
    voxel_m : float
        Edge of the voxels, metres, larger than 0.

    Returns
    -------
    Scan
        In file order, attributes kept; the same points however the cloud is tiled.

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
    _check(voxel_m)
    if isinstance(cloud, Scan):
        return cloud.select(np.sort(thin_rows(cloud.xyz, voxel_m)))
    kept, rows = [], []
    for tile in cloud.tiles(voxel_m, align_m=voxel_m):
        chosen = np.sort(thin_tile(tile, voxel_m))
        kept.append(tile.scan.select(chosen))
        rows.append(chosen if tile.rows is None else tile.rows[chosen])
    if not kept:
        return cloud.read()
    order = np.argsort(np.concatenate(rows))
    first = kept[0]
    attributes = {n: np.concatenate([part.attributes[n] for part in kept])[order] for n in first.attribute_names}
    return first.replace(xyz=np.concatenate([part.xyz for part in kept])[order], attributes=attributes)


def thin_tile(tile: Tile, voxel_m: float) -> npt.NDArray[np.int64]:
    """Rows of a tile's points that thinning keeps, of the voxels of its core only.

    Parameters
    ----------
    tile : Tile
        Of ``cloud.tiles(voxel_m, align_m=voxel_m)``, or with a wider halo.
    voxel_m : float
        Edge of the voxels, metres.

    Returns
    -------
    ndarray of shape (m,)
        Rows of ``tile.scan``, those of neighbouring voxels beside each other.
    """
    rows = thin_rows(tile.scan.xyz, voxel_m)
    first_x, first_y, behind_x, behind_y = tile.cells(voxel_m)
    x, y = np.floor(tile.scan.xyz[rows, 0] / voxel_m), np.floor(tile.scan.xyz[rows, 1] / voxel_m)
    return rows[(x >= first_x) & (x < behind_x) & (y >= first_y) & (y < behind_y)]


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
    _check(voxel_m)
    if not len(xyz):
        return np.empty(0, dtype=np.int64)
    least, greatest = extent(xyz)
    if not max(np.abs(least).max(), np.abs(greatest).max()) / voxel_m < _MAX_STEPS:
        raise ParameterError(
            f"voxels of {voxel_m} m with coordinates up to {np.abs(xyz).max():g} m",
            where="voxel_m",
            expected="a voxel that double precision can count",
        )
    low = np.floor(least / voxel_m)
    span = (np.floor(greatest / voxel_m) - low).astype(np.int64) + 1
    if math.prod(span.tolist()) < np.iinfo(np.int64).max:
        from sxrisk.scans._voxel_kernels import best_in_voxels

        return np.asarray(best_in_voxels(np.ascontiguousarray(xyz), voxel_m, low, span), dtype=np.int64)
    return _thin_far_apart(xyz / voxel_m)


def _thin_far_apart(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The same where a stray point makes the box too large for one number a voxel."""
    floors = np.floor(steps)
    off = steps - floors - 0.5
    off_centre = off[:, 0] * off[:, 0] + off[:, 1] * off[:, 1] + off[:, 2] * off[:, 2]
    # The last key of lexsort is the first to sort by; rows stay in order where all else is equal.
    order = np.lexsort((off_centre, floors[:, 2], floors[:, 1], floors[:, 0]))
    changes = np.any(np.diff(floors[order], axis=0) != 0, axis=1)
    return np.asarray(order[np.concatenate([[True], changes])], dtype=np.int64)


def _check(voxel_m: float) -> None:
    if not voxel_m > 0:
        raise ParameterError(f"voxels of {voxel_m} m", where="voxel_m", expected="more than 0")
