"""Hills that drain: a small landscape evolution around one main river.

A county in the loess hills is a basin of branching gullies. Noise does not drain; a few dozen steps of uplift against
stream-power erosion do, and they make the branching by themselves.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from shapely.geometry import LineString

from sxrisk.sample import _flow
from sxrisk.sample.frame import CELL_M, DEM_SHAPE, EAST_MIN, NORTH_MAX, NORTH_MIN, random_stream

__all__ = ["Terrain", "fractal_noise", "make_terrain"]


@dataclass(frozen=True)
class Terrain:
    """Elevations of the county on square cells.

    Parameters
    ----------
    z : (n_north, n_east) float64
        Elevation at cell centres, m; row 0 in the north.
    river : LineString
        The main river, upstream to downstream, EPSG:4547.
    cell_m : float
        Cell size, m.
    """

    z: NDArray[np.float64]
    river: LineString
    cell_m: float = CELL_M

    def index(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the cells that hold points of shape (n, 2)."""
        row = np.floor((NORTH_MAX - xy[:, 1]) / self.cell_m).astype(np.int64)
        col = np.floor((xy[:, 0] - EAST_MIN) / self.cell_m).astype(np.int64)
        return np.clip(row, 0, self.z.shape[0] - 1), np.clip(col, 0, self.z.shape[1] - 1)

    def centre(self, row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.float64]:
        """Easting and northing of cell centres, shape (n, 2)."""
        return np.column_stack([EAST_MIN + (col + 0.5) * self.cell_m, NORTH_MAX - (row + 0.5) * self.cell_m])

    def at(self, xy: NDArray[np.float64], order: int = 1) -> NDArray[np.float64]:
        """Elevation at points (n, 2), m, by splines of the given order between cell centres."""
        row = (NORTH_MAX - xy[:, 1]) / self.cell_m - 0.5
        col = (xy[:, 0] - EAST_MIN) / self.cell_m - 0.5
        return ndimage.map_coordinates(self.z, [row, col], order=order, mode="nearest")

    @cached_property
    def slope(self) -> NDArray[np.float64]:
        """Slope (rise over run) of each cell over a window of 3 cells, (n_north, n_east)."""
        north, east = np.gradient(ndimage.uniform_filter(self.z, 3), self.cell_m)
        return np.hypot(north, east)

    def outlets(self) -> NDArray[np.bool_]:
        """Cells where water leaves the grid: where the river meets its edge downstream."""
        mask = np.zeros(self.z.shape, dtype=np.bool_)
        row, col = self.index(np.array([self.river.coords[-1][:2]]))
        mask[row[0], col[0]] = True
        return mask

    @cached_property
    def drainage(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Receiver (flat index) and upstream area (m2) of each cell, both of shape (n,)."""
        _, receiver, order = _flow.drainage(self.z, self.outlets())
        return receiver, _flow.accumulate(receiver, order) * self.cell_m**2

    def flow_path(self, start: NDArray[np.float64], length_m: float) -> LineString:
        """Way of water from a point down the steepest cells, at most `length_m` long."""
        receiver, _ = self.drainage
        row, col = self.index(start[None])
        cell = int(row[0] * self.z.shape[1] + col[0])
        path = [start]
        walked = 0.0
        while walked < length_m and receiver[cell] != cell:
            cell = int(receiver[cell])
            point = self.centre(np.array([cell // self.z.shape[1]]), np.array([cell % self.z.shape[1]]))[0]
            walked += float(np.hypot(*(point - path[-1])))
            path.append(point)
        return LineString(np.array(path))


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], longest_cells: float, octaves: int = 4, gain: float = 0.5
) -> NDArray[np.float64]:
    """Smooth noise with unit standard deviation, its longest waves `longest_cells` cells long.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the values.
    shape : (int, int)
        Rows and columns.
    longest_cells : float
        Distance between the knots of the first octave, cells.
    octaves : int
        Number of octaves; each halves the wave.
    gain : float
        Amplitude of an octave against the one before.

    Returns
    -------
    (n_north, n_east) float64
    """
    total = np.zeros(shape)
    for octave in range(octaves):
        step = longest_cells / 2**octave
        if step < 1.0:
            break
        rows, cols = (_spline_basis(n, step) for n in shape)
        knots = rng.standard_normal((rows.shape[1], cols.shape[1]))
        total += gain**octave * (cols @ (rows @ knots).T).T
    return (total - total.mean()) / total.std()


def _spline_basis(count: int, step: float) -> sparse.csr_array:
    """Weights of evenly spaced knots at each cell, uniform cubic B-spline; (count, knots)."""
    place = np.arange(count) / step
    first = np.floor(place).astype(np.int64)
    t = place - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1)
    columns = first[:, None] + np.arange(4)
    row = np.repeat(np.arange(count), 4)
    return sparse.csr_array((weights.ravel() / 6.0, (row, columns.ravel())), shape=(count, int(columns.max()) + 1))


@lru_cache(maxsize=4)
def make_terrain(seed: int) -> Terrain:
    """The county's natural ground, before mines and dams.

    Parameters
    ----------
    seed : int
        Seed of the sample.

    Returns
    -------
    Terrain
        30 m cells.
    """
    rng = random_stream(seed, "terrain")
    river = _river(rng)
    coarse = _evolve(rng, river, cell=2.0 * CELL_M, shape=(DEM_SHAPE[0] // 2, DEM_SHAPE[1] // 2), steps=130)
    z = ndimage.zoom(coarse, 2, order=3, grid_mode=True, mode="nearest")
    z += 0.8 * fractal_noise(rng, DEM_SHAPE, 24.0, octaves=4)
    z = _evolve(rng, river, cell=CELL_M, shape=DEM_SHAPE, steps=8, start=z)
    return Terrain(_widen_valleys(Terrain(z, river)), river)


def _river(rng: np.random.Generator) -> LineString:
    """A meandering river from the north-east edge to the south-west edge."""
    east_max = EAST_MIN + CELL_M * DEM_SHAPE[1]
    t = np.linspace(0.0, 1.0, 240)
    start = np.array([east_max - 1.0, NORTH_MIN + 15_300.0])
    end = np.array([EAST_MIN + 1.0, NORTH_MIN + 6_600.0])
    along = end - start
    across = np.array([-along[1], along[0]]) / np.hypot(*along)
    swing = np.sin(np.pi * t) ** 0.4 * (
        1_500.0 * np.sin(2 * np.pi * 1.1 * t + rng.uniform(-0.3, 0.3))
        + 520.0 * np.sin(2 * np.pi * 3.7 * t + rng.uniform(0, 6.28))
        + 190.0 * np.sin(2 * np.pi * 9.3 * t + rng.uniform(0, 6.28))
    )
    return LineString(start + t[:, None] * along + swing[:, None] * across)


def _widen_valleys(terrain: Terrain) -> NDArray[np.float64]:
    """Ground with valley floors beside the larger streams, where people can live and roads can run."""
    _, area = terrain.drainage
    area = area.reshape(terrain.z.shape)
    channel = area > 1.2e6
    distance, (row, col) = ndimage.distance_transform_edt(~channel, sampling=terrain.cell_m, return_indices=True)
    width = np.clip(36.0 * (area[row, col] / 1e6) ** 0.4, 40.0, 140.0)
    floor = terrain.z[row, col] + 0.045 * distance + np.maximum(distance - width, 0.0) * 0.5
    return np.minimum(terrain.z, floor)


def _evolve(
    rng: np.random.Generator,
    river: LineString,
    *,
    cell: float,
    shape: tuple[int, int],
    steps: int,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Uplift against stream power, with the river's flood plain as the base level."""
    bed, distance, along = _base_level(river, shape, cell)
    width = 190.0 + 70.0 * np.sin(along / 900.0) + 45.0 * np.sin(along / 310.0)
    base = distance < width
    plain = bed + 1.5 + 0.011 * distance
    if start is None:
        z = plain + 0.008 * distance + 9.0 * fractal_noise(rng, shape, 24.0, octaves=5, gain=0.6)
    else:
        z = start.copy()
    z[base] = plain[base]
    hardness = np.exp(0.28 * fractal_noise(rng, shape, 4200.0 / cell, octaves=3))
    uplift, strength = (5.0, 0.25) if start is None else (1.0, 0.05)
    for _ in range(steps):
        _, receiver, order = _flow.drainage(z, base)
        area = _flow.accumulate(receiver, order)
        _flow.erode_once(z, receiver, order, area, hardness * strength, uplift, 0.45, cell)
        # soil creep rounds the ridges, as loess does
        smooth = ndimage.gaussian_filter(z, 60.0 / cell, mode="nearest")
        z = np.where(base, plain, 0.86 * z + 0.14 * smooth)
    return z


def _base_level(
    river: LineString, shape: tuple[int, int], cell: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Level of the river (m), distance to it (m) and chainage along it (m), at each cell."""
    rows, cols = shape
    chainage = np.arange(0.0, river.length, cell / 2)
    points = np.array([river.interpolate(s).coords[0] for s in chainage])
    index = np.full(shape, -1)
    row = np.clip(((NORTH_MAX - points[:, 1]) / cell).astype(int), 0, rows - 1)
    col = np.clip(((points[:, 0] - EAST_MIN) / cell).astype(int), 0, cols - 1)
    index[row, col] = np.arange(len(points))
    distance, (near_row, near_col) = ndimage.distance_transform_edt(index < 0, sampling=cell, return_indices=True)
    along = chainage[index[near_row, near_col]]
    bed = 985.0 - 0.0042 * along
    return ndimage.gaussian_filter(bed, 3.0), distance, along
