"""Surfaces under everything that stands on the ground, on a lattice of the whole site."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sxrisk.scans._cores import cores
from sxrisk.scans._ground_kernels import lowest, lowest_points, reconstruct
from sxrisk.scans.cloud import Cloud

__all__ = ["Lattice", "SmoothSurface", "Surface", "filled", "multiscale_surface", "opened_surface", "smooth_surface"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

_STEPS = 4  # how often cells that stick out are bridged and their neighbours looked at again
_TOLERANCE_M = 0.1
_TOLERANCE_PER_CELL = 0.15  # how much ground bends away within a cell
_LOW_M = 1.0  # deeper than this under its neighbours, a single cell is an error of measurement
_SMOOTHING_CELLS = (1.0, 2.0, 4.0)
_NOISE_CELL_M = 8.0  # a lone low point is told from a valley in cells smaller than this


@dataclass(frozen=True)
class Lattice:
    """Square cells at whole multiples of `cell` metres, a margin of one around the cloud; heights above ``origin``."""

    cell: float
    column0: int
    row0: int
    shape: tuple[int, int]
    origin: Floats

    @classmethod
    def over(cls, cloud: Cloud, cell: float) -> "Lattice":
        """The lattice that a cloud lies on."""
        b = cloud.bounds()
        column0, row0 = math.floor(b.xmin / cell) - 1, math.floor(b.ymin / cell) - 1
        shape = math.floor(b.ymax / cell) + 2 - row0, math.floor(b.xmax / cell) + 2 - column0
        return cls(cell, column0, row0, shape, np.asarray(cloud.origin))

    def place(self, xyz: Floats) -> tuple[Ints, Ints]:
        """Row and column of points (n, 3)."""
        row = np.floor(xyz[:, 1] / self.cell).astype(np.int64) - self.row0
        column = np.floor(xyz[:, 0] / self.cell).astype(np.int64) - self.column0
        return row.astype(np.int32), column.astype(np.int32)


class Surface(Protocol):
    """A surface that points lie on or above."""

    def holds(self, xyz: Floats, height_m: float) -> npt.NDArray[np.bool_]:
        """Which points (n, 3) belong to it."""
        ...


@dataclass(frozen=True)
class OpenedSurface:
    """One height a cell, and how much the ground climbs within it."""

    lattice: Lattice
    z: Floats
    climb: Floats

    def holds(self, xyz: Floats, height_m: float) -> npt.NDArray[np.bool_]:
        """Which points lie less than `height_m`, plus what the slope climbs in a cell, above it."""
        row, column = self.lattice.place(xyz)
        above = xyz[:, 2] - self.lattice.origin[2] - self.z[row, column]
        return np.asarray(above <= height_m + self.climb[row, column])


@dataclass(frozen=True)
class SmoothSurface:
    """Heights at the middle of cells, linear between."""

    lattice: Lattice
    z: Floats

    def sample(self, values: Floats, xyz: Floats) -> Floats:
        """Values of the lattice at points (n, 3)."""
        row = xyz[:, 1] / self.lattice.cell - self.lattice.row0 - 0.5
        column = xyz[:, 0] / self.lattice.cell - self.lattice.column0 - 0.5
        return np.asarray(ndimage.map_coordinates(values, [row, column], order=1, mode="nearest"))

    def above(self, xyz: Floats) -> Floats:
        """Heights (n,) of points above it, metres."""
        return np.asarray(xyz[:, 2] - self.lattice.origin[2] - self.sample(self.z, xyz))

    def holds(self, xyz: Floats, height_m: float) -> npt.NDArray[np.bool_]:
        """Which points lie less than `height_m` from it, square to the slope."""
        d_row, d_column = np.gradient(self.z, self.lattice.cell)
        slope = np.hypot(*(self.sample(np.asarray(part), xyz) for part in (d_row, d_column)))
        return np.asarray(np.abs(self.above(xyz)) <= height_m * np.hypot(1.0, slope))


def filled(z: Floats) -> Floats:
    """Empty cells (NaN) from a smooth mean of what is around; far from everything, from the nearest cell."""
    empty = np.isnan(z)
    if not empty.any():
        return z
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    out = z[tuple(nearest)]
    weight, known = (~empty).astype(np.float64), np.where(empty, 0.0, z)
    for sigma in _SMOOTHING_CELLS:
        share = ndimage.gaussian_filter(weight, sigma, mode="nearest")
        mean = ndimage.gaussian_filter(known, sigma, mode="nearest") / np.maximum(share, 1e-12)
        near = empty & (share > 0.02)
        out[near] = mean[near]
        empty = empty & ~near
    return np.asarray(out)


def opened_surface(cloud: Cloud, lattice: Lattice, object_m: float) -> OpenedSurface:
    """The surface of lowest points without what is narrower than `object_m` and joined to nothing at its height."""
    surface = np.full(lattice.shape, np.nan)
    for core in cores(cloud):
        xyz = core.xyz
        lowest(*lattice.place(xyz), xyz[:, 2] - lattice.origin[2], surface)
    # Holes take the height of the nearest seen cell, so that erosion does not bleed into them.
    nearest = ndimage.distance_transform_edt(np.isnan(surface), return_distances=False, return_indices=True)
    whole = surface[tuple(nearest)]
    half = math.ceil(object_m / lattice.cell / 2.0)
    span = np.arange(-half, half + 1)
    disk = span[:, None] ** 2 + span[None, :] ** 2 <= half**2
    opened = reconstruct(ndimage.grey_erosion(whole, footprint=disk, mode="nearest"), whole)
    d_row, d_column = np.gradient(opened, lattice.cell)
    return OpenedSurface(lattice, opened, lattice.cell * np.hypot(d_row, d_column))


def multiscale_surface(cloud: Cloud, lattice: Lattice, object_m: float) -> SmoothSurface:
    """The surface through the points that are lowest relative to a coarser one, from `object_m` to the lattice's cell.

    On a slope the lowest point of a cell lies at its lower edge. Measured from the surface of the scale before, the
    lowest point is the one nearest to the ground wherever in the cell it lies, so that steep forest is no harder than
    flat forest.
    """
    points = np.full((*lattice.shape, 3), np.nan)
    for core in cores(cloud):
        xyz = core.xyz
        lowest_points(*lattice.place(xyz), xyz, points)
    xyz = points[~np.isnan(points[..., 2])]
    levels = max(1, math.ceil(math.log2(object_m / lattice.cell)))
    surface = SmoothSurface(lattice, np.zeros(lattice.shape))
    for level in range(levels, -1, -1):
        cell = lattice.cell * 2**level
        here = _coarser(lattice, cell)
        least = np.full(here.shape, np.nan)
        lowest(*here.place(xyz), surface.above(xyz), least)
        base = surface.sample(surface.z, _middles(here)).reshape(here.shape)
        if level < levels:
            least = _without_bumps(least, base, cell, finest=level == 0)
        surface = SmoothSurface(here, base + filled(least))
    return surface


def _coarser(lattice: Lattice, cell: float) -> Lattice:
    """The lattice of larger cells over the same ground; cells stay at whole multiples."""
    times = round(cell / lattice.cell)
    column0, row0 = lattice.column0 // times, lattice.row0 // times
    shape = (
        (lattice.row0 + lattice.shape[0] - 1) // times - row0 + 1,
        (lattice.column0 + lattice.shape[1] - 1) // times - column0 + 1,
    )
    return Lattice(cell, column0, row0, shape, lattice.origin)


def _middles(lattice: Lattice) -> Floats:
    column, row = np.meshgrid(np.arange(lattice.shape[1]), np.arange(lattice.shape[0]))
    x, y = (column + lattice.column0 + 0.5) * lattice.cell, (row + lattice.row0 + 0.5) * lattice.cell
    return np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])


def _opened(z: Floats) -> Floats:
    return np.asarray(ndimage.grey_dilation(ndimage.grey_erosion(z, 3, mode="nearest"), 3, mode="nearest"))


def _without_bumps(least: Floats, base: Floats, cell: float, *, finest: bool) -> Floats:
    """Cells that stick out of their neighbours as NaN: upwards by more than ground bends, downwards by a lone error."""
    tolerance = _TOLERANCE_M + _TOLERANCE_PER_CELL * cell
    for _ in range(_STEPS):
        whole = filled(least)
        high = whole - _opened(whole) > tolerance
        if not finest:
            # Above the coarser surface a crest looks like a tree; in the terrain itself it joins the ground behind.
            high &= whole + base - _opened(whole + base) > tolerance
        low = np.zeros_like(high)
        if cell < _NOISE_CELL_M:
            depth = _LOW_M + 2.0 * tolerance
            low = (-_opened(-whole) - whole > depth) & (-_opened(-(whole + base)) - (whole + base) > depth)
        if not ((high | low) & ~np.isnan(least)).any():
            break
        least = np.where(high | low, np.nan, least)
    return least


def smooth_surface(cloud: Cloud, bare: npt.NDArray[np.bool_], cell_m: float) -> SmoothSurface:
    """The surface through the lowest ground point of every cell, gaps filled smoothly.

    Parameters
    ----------
    cloud : Cloud
    bare : ndarray of bool, shape (n,)
        Ground points; at least one.
    cell_m : float
        Metres.
    """
    lattice = Lattice.over(cloud, cell_m)
    points = np.full((*lattice.shape, 3), np.nan)
    for core in cores(cloud):
        xyz = core.xyz
        mine = xyz[bare[core.rows]]
        lowest_points(*lattice.place(mine), mine, points)
    known = points[~np.isnan(points[..., 2])]
    first = SmoothSurface(lattice, filled(points[..., 2] - lattice.origin[2]))
    # The lowest point lies at the lower edge of its cell: once more from the slope found, now at the middle.
    off = np.full(lattice.shape, np.nan)
    lowest(*lattice.place(known), first.above(known), off)
    return SmoothSurface(lattice, first.z + filled(off))
