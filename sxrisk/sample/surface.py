"""Ground of one site as a bilinear surface over a fine grid, exact to integrate and quick to cast rays on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sxrisk.sample.frame import EAST_MIN, NORTH_MAX
from sxrisk.sample.terrain import Terrain, fractal_noise

__all__ = ["HeightGrid", "burn", "natural_ground", "volume_between"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeightGrid:
    """Heights at the nodes of a square grid; bilinear between them.

    Parameters
    ----------
    east, north : float
        South-western node, EPSG:4547, m.
    cell_m : float
        Node spacing, m.
    z : (n_north, n_east) float64
        Height at the nodes, m; row 0 in the south.
    """

    east: float
    north: float
    cell_m: float
    z: Array

    @property
    def nodes(self) -> tuple[Array, Array]:
        """Easting and northing of the nodes, each (n_north, n_east)."""
        rows, cols = self.z.shape
        east, north = np.meshgrid(self.east + np.arange(cols) * self.cell_m, self.north + np.arange(rows) * self.cell_m)
        return east, north

    def with_heights(self, z: Array) -> "HeightGrid":
        """The same grid with other heights."""
        return HeightGrid(self.east, self.north, self.cell_m, z)

    def at(self, east: Array, north: Array, order: int = 1) -> Array:
        """Height at points, m."""
        row = (np.asarray(north) - self.north) / self.cell_m
        col = (np.asarray(east) - self.east) / self.cell_m
        return ndimage.map_coordinates(self.z, [row, col], order=order, mode="nearest")


def natural_ground(
    terrain: Terrain,
    rng: np.random.Generator,
    centre: Array,
    half_east_m: float,
    half_north_m: float,
    cell_m: float,
) -> HeightGrid:
    """The county's ground around a site, with the small relief that 30 m cells do not show.

    Parameters
    ----------
    terrain : Terrain
        The county.
    rng : numpy.random.Generator
        Source of the small relief.
    centre : (2,) array
        Middle of the site, EPSG:4547.
    half_east_m, half_north_m : float
        Half the sides of the grid, m.
    cell_m : float
        Node spacing, m.

    Returns
    -------
    HeightGrid
    """
    cols = int(2 * half_east_m / cell_m) + 1
    rows = int(2 * half_north_m / cell_m) + 1
    grid = HeightGrid(
        round(float(centre[0]) - half_east_m), round(float(centre[1]) - half_north_m), cell_m, np.zeros((rows, cols))
    )
    east, north = grid.nodes
    z = terrain.at(np.column_stack([east.ravel(), north.ravel()]), order=3).reshape(rows, cols)
    inward = np.minimum.reduce([east - east.min(), east.max() - east, north - north.min(), north.max() - north])
    fade = np.clip(inward / 40.0, 0.0, 1.0)
    relief = 0.25 * fractal_noise(rng, (rows, cols), 24.0 / cell_m, octaves=4, gain=0.4)
    return grid.with_heights(z + fade * relief)


def volume_between(lower: HeightGrid, upper: HeightGrid) -> tuple[float, float]:
    """Volume that was added and that was taken away between two surfaces on one grid, m3.

    The mean of the corner heights of a cell is the exact integral of its bilinear surface; cells that change sign
    inside are counted by the sign of their mean.

    Parameters
    ----------
    lower, upper : HeightGrid
        The surface before and after.

    Returns
    -------
    added_m3, removed_m3 : float
    """
    difference = upper.z - lower.z
    mean = 0.25 * (difference[:-1, :-1] + difference[1:, :-1] + difference[:-1, 1:] + difference[1:, 1:])
    area = lower.cell_m**2
    return float(mean[mean > 0].sum() * area), float(-mean[mean < 0].sum() * area)


def burn(terrain: Terrain, grids: list[HeightGrid]) -> Terrain:
    """The county's ground with the sites in it: each cell that lies wholly in a site's grid takes its mean height."""
    z = terrain.z.copy()
    cell = terrain.cell_m
    for grid in grids:
        east, north = grid.nodes
        row = np.floor((NORTH_MAX - north) / cell).astype(int)
        col = np.floor((east - EAST_MIN) / cell).astype(int)
        inner = (slice(row.min() + 1, row.max()), slice(col.min() + 1, col.max()))
        shape = z.shape
        index = (row * shape[1] + col).ravel()
        total = np.bincount(index, weights=grid.z.ravel(), minlength=z.size).reshape(shape)
        count = np.bincount(index, minlength=z.size).reshape(shape)
        z[inner] = total[inner] / count[inner]
    return Terrain(z, terrain.river, cell)
