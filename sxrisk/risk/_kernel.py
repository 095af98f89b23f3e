"""Sums of Gaussians on a grid, without a kernel matrix.

A Gaussian is a product of one factor in x and one in y. The points of a tile share the cells around the tile, so the
sum over them is one product of two small matrices. Nothing is binned: points count where they lie. Beyond eight
bandwidths along either axis a kernel is cut: what is left out is below 2e-14 of its peak.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

__all__ = ["CUT", "Grid", "gaussian_sum", "mass_inside"]

Array = NDArray[np.float64]

CUT = 8.0
_TILE_BANDWIDTHS = 4.0
_MAX_BATCH = 4096


@dataclass(frozen=True)
class Grid:
    """Square cells; the first centre is the north-western one.

    Parameters
    ----------
    west, north : float
        Outer corner, m.
    cell : float
        Side of a cell, m.
    rows, columns : int
        Size.
    """

    west: float
    north: float
    cell: float
    rows: int
    columns: int

    @property
    def x(self) -> Array:
        """Eastings of the cell centres, ascending, m."""
        return self.west + (np.arange(self.columns, dtype=np.float64) + 0.5) * self.cell

    @property
    def y(self) -> Array:
        """Northings of the cell centres, descending, m."""
        return self.north - (np.arange(self.rows, dtype=np.float64) + 0.5) * self.cell


@dataclass(frozen=True)
class _Batch:
    points: NDArray[np.intp]
    rows: slice
    columns: slice
    across: Array
    along: Array


def gaussian_sum(x: Array, y: Array, weight: Array, bandwidth: float, grid: Grid) -> Array:
    """Weighted sum of unit-mass Gaussians at cell centres.

    Parameters
    ----------
    x, y, weight : ndarray of shape (n,)
        Points in the grid's CRS, m, and their weights.
    bandwidth : float
        Standard deviation, m.
    grid : Grid

    Returns
    -------
    ndarray of shape (rows, columns)
        Weight per square metre.
    """
    total = np.zeros((grid.rows, grid.columns))
    with _one_thread():
        for batch in _batches(x, y, bandwidth, grid):
            total[batch.rows, batch.columns] += (batch.along * weight[batch.points, None]).T @ batch.across
    return total / (2.0 * np.pi * bandwidth**2)


def mass_inside(x: Array, y: Array, bandwidth: float, grid: Grid, inside: NDArray[np.bool_]) -> Array:
    """Share of each point's Gaussian that falls on the cells of a mask: the adjoint of :func:`gaussian_sum`.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    bandwidth : float
    grid : Grid
    inside : ndarray of bool, shape (rows, columns)

    Returns
    -------
    ndarray of shape (n,)
    """
    mass = np.zeros(len(x))
    mask = inside.astype(np.float64)
    with _one_thread():
        for batch in _batches(x, y, bandwidth, grid):
            mass[batch.points] = ((batch.along @ mask[batch.rows, batch.columns]) * batch.across).sum(axis=1)
    return mass * grid.cell**2 / (2.0 * np.pi * bandwidth**2)


def _one_thread() -> threadpool_limits:
    """BLAS on one thread: the matrices are small, waiting threads cost more, and the sum has one order."""
    return threadpool_limits(limits=1, user_api="blas")


def _batches(x: Array, y: Array, bandwidth: float, grid: Grid) -> Iterator[_Batch]:
    if len(x) == 0:
        return
    side = _TILE_BANDWIDTHS * bandwidth
    tile_x, tile_y = np.floor((x - grid.west) / side), np.floor((grid.north - y) / side)
    order = np.lexsort((tile_x, tile_y))
    changes = np.flatnonzero((np.diff(tile_x[order]) != 0) | (np.diff(tile_y[order]) != 0)) + 1
    centre_x, centre_y = grid.x, grid.y
    for group in np.split(order, changes):
        columns = _span(grid.west, x[group].min(), x[group].max(), bandwidth, grid.cell, grid.columns)
        rows = _span(-grid.north, -y[group].max(), -y[group].min(), bandwidth, grid.cell, grid.rows)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            continue
        for first in range(0, len(group), _MAX_BATCH):
            points = group[first : first + _MAX_BATCH]
            across = np.exp(-0.5 * ((centre_x[None, columns] - x[points, None]) / bandwidth) ** 2)
            along = np.exp(-0.5 * ((centre_y[None, rows] - y[points, None]) / bandwidth) ** 2)
            yield _Batch(points, rows, columns, across, along)


def _span(origin: float, low: float, high: float, bandwidth: float, cell: float, count: int) -> slice:
    first = int(np.floor((low - CUT * bandwidth - origin) / cell))
    last = int(np.ceil((high + CUT * bandwidth - origin) / cell))
    return slice(min(max(first, 0), count), min(max(last, 0), count))
