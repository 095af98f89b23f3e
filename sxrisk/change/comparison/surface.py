"""From the heights of both epochs to rasters, volumes and the grid of the mesh, block by block."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.change.comparison.parts import EPOCHS, Parts
from sxrisk.change.comparison.tally import STEPS_A_METRE, Tally, exact_sums, rounded
from sxrisk.errors import GeometryError
from sxrisk.scans import whole_file
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.correlated_error import spatial_error
from sxrisk.surfaces.grids import Lattice, fill_gaps, inside_outline
from sxrisk.surfaces.volumes import hole_variance

__all__ = ["RASTERS", "CoarseGrid", "SurfaceChoices", "VolumeTally", "correlated_sigma_m3", "make_surfaces"]

Floats = NDArray[np.float64]

RASTERS = {"difference": "difference.tif", "before": "elevation_before.tif", "after": "elevation_after.tif"}
BLOCK = 1024  # cells along a block's side; a power of two, so that the mesh's cells never lie across two
_CACHE_MB = 64
_LARGEST_DIFFERENCE_M = 100.0  # for the median of all; sums know no limit


@dataclass(frozen=True)
class SurfaceChoices:
    """What is to be made of the heights; see :func:`sxrisk.compare_scans`."""

    max_gap_m: float
    threshold_m: float
    registration_sigma_m: float
    max_vertices: int
    outline: Any = None


class Block(NamedTuple):
    """A window of the raster: its cells, and the same with the cells around that gaps are filled from."""

    core: Lattice
    wide: Lattice


class CoarseGrid:
    """Elevation and change on cells of ``2**k`` raster cells: what the mesh is made of, small enough for memory.

    Parameters
    ----------
    lattice : Lattice
        Of the raster.
    max_vertices : int
        Most cells.
    """

    def __init__(self, lattice: Lattice, max_vertices: int) -> None:
        factor = 1
        while (-(-lattice.n_rows // factor)) * (-(-lattice.n_columns // factor)) > max_vertices and factor < BLOCK:
            factor *= 2
        self.factor, self.cell_m = factor, lattice.cell_m * factor
        first_column, first_row = lattice.first_column // factor, lattice.first_row // factor
        last_column = (lattice.first_column + lattice.n_columns - 1) // factor
        last_row = (lattice.first_row + lattice.n_rows - 1) // factor
        self.lattice = Lattice(
            self.cell_m, first_column, first_row, last_row - first_row + 1, last_column - first_column + 1
        )
        size = self.lattice.n_rows * self.lattice.n_columns
        self._height, self._cells = np.zeros(size), np.zeros(size)
        self._difference, self._known = np.zeros(size), np.zeros(size)
        self._distance, self._lod, self._points = np.zeros(size), np.zeros(size), np.zeros(size)

    def add_heights(self, core: Lattice, heights: Floats, difference: Floats) -> None:
        """Take in the later heights of a block, and their difference from the earlier ones."""
        rows = (core.first_row + np.arange(core.n_rows)) // self.factor - self.lattice.first_row
        columns = (core.first_column + np.arange(core.n_columns)) // self.factor - self.lattice.first_column
        cell = (rows[:, None] * self.lattice.n_columns + columns[None, :]).ravel()
        size = len(self._height)
        for values, sums, counts in (
            (heights.ravel(), self._height, self._cells),
            (difference.ravel(), self._difference, self._known),
        ):
            known = np.isfinite(values)
            sums += exact_sums(cell[known], values[known], size)
            counts += np.bincount(cell[known], minlength=size)

    def add_change(self, xyz: Floats, distance: Floats, lod95: Floats) -> None:
        """Take in core points with a distance."""
        known = np.isfinite(distance) & np.isfinite(lod95)
        column = np.floor(xyz[known, 0] / self.cell_m).astype(np.int64) - self.lattice.first_column
        row = np.floor(xyz[known, 1] / self.cell_m).astype(np.int64) - self.lattice.first_row
        inside = (column >= 0) & (row >= 0) & (column < self.lattice.n_columns) & (row < self.lattice.n_rows)
        cell = (row * self.lattice.n_columns + column)[inside]
        size = len(self._height)
        self._distance += exact_sums(cell, distance[known][inside], size)
        self._lod += exact_sums(cell, lod95[known][inside], size)
        self._points += np.bincount(cell, minlength=size)

    def layers(self) -> dict[str, Floats]:
        """Height, distance and level of detection (n_rows, n_columns), rows from the south, NaN where unknown."""
        shape = (self.lattice.n_rows, self.lattice.n_columns)
        with np.errstate(invalid="ignore", divide="ignore"):
            height = np.where(self._cells > 0, self._height / self._cells / STEPS_A_METRE, np.nan)
            difference = np.where(self._known > 0, self._difference / self._known / STEPS_A_METRE, np.nan)
            points = np.where(self._points > 0, self._points * STEPS_A_METRE, np.nan)
            layers = {
                "elevation_m": height,
                "difference_m": difference,
                "change_m": self._distance / points,
                "lod95_m": self._lod / points,
            }
        return {name: values.reshape(shape) for name, values in layers.items()}


def correlated_sigma_m3(layers: dict[str, Floats], lattice: Lattice, cloud: Cloud, outline: Any) -> float | None:
    """1 sigma of the balance from the errors that unmoved ground shows, near and far; None where there is too little.

    Unmoved is where the change stays below its level of detection. A variogram of the coarse difference there tells
    the size of the errors and how far they reach; every pair of cells counts.
    """
    still = np.abs(layers["change_m"]) <= layers["lod95_m"]
    difference = lattice.array(layers["difference_m"], cloud)
    counted = np.isfinite(difference.values) & inside_outline(difference, outline)
    try:
        error = spatial_error(difference, stable=still[::-1])
    except GeometryError:
        return None
    return lattice.cell_m**2 * error.sum_sigma_m(counted, lattice.cell_m)


class VolumeTally:
    """Cut and fill that add up block by block.

    A cell's own uncertainty is that of its two means, unless the difference of unmoved ground shows more; that of the
    registration is one for all; within a filled hole the error is one, as uneven as the difference is (see
    :func:`sxrisk.surfaces.volume_between`).
    """

    def __init__(self, cell_m: float, threshold_m: float) -> None:
        self._area, self._threshold = cell_m**2, threshold_m
        self._cut = self._fill = self._net = 0.0
        self._measured = self._filled = self._unknown = 0
        self._variance = self._holes = 0.0
        self.differences = Tally(_LARGEST_DIFFERENCE_M)

    def add(self, difference: Floats, measured: NDArray[np.bool_], inside: NDArray[np.bool_], variance: Floats) -> None:
        """Take in the cells of a block."""
        known = np.isfinite(difference) & inside
        values = difference[known]
        large = values[np.abs(values) >= self._threshold]
        self._cut += math.fsum(-large[large < 0])
        self._fill += math.fsum(large[large > 0])
        self._net += math.fsum(values)
        filled = known & ~measured
        self._measured += int((known & measured).sum())
        self._filled += int(filled.sum())
        self._unknown += int((inside & ~known).sum())
        self._variance += math.fsum(variance[known & measured & np.isfinite(variance)])
        self._holes += hole_variance(filled, 1.0)
        self.differences.add(values)

    def summary(self, registration_sigma_m: float, correlated_m3: float | None, *, outlined: bool) -> dict[str, Any]:
        """Volumes in cubic metres with the 1 sigma of their balance, and what they rest on.

        `correlated_m3` is what the errors that neighbouring cells share make of the balance, nugget included; it
        stands in for the cells' own errors where it is known.
        """
        area = self._area
        cells = self._measured + self._filled
        if not cells:
            raise GeometryError(
                "the two surfaces have no cell in common", expected="two epochs of one place, and an outline inside it"
            )
        parts = {
            "cells": area * math.sqrt(self._variance) if correlated_m3 is None else correlated_m3,
            "registration": area * cells * registration_sigma_m,
            "filled": area * self.differences.spread() * math.sqrt(self._holes),
        }
        return {
            "cut_m3": rounded(self._cut * area, 4),
            "fill_m3": rounded(self._fill * area, 4),
            "net_m3": rounded(self._net * area, 4),
            "sigma_m3": rounded(math.sqrt(sum(part**2 for part in parts.values())), 4),
            "cells_correlated": correlated_m3 is not None,
            "sigma_parts_m3": {name: rounded(part, 4) for name, part in parts.items()},
            "area_m2": rounded(cells * area, 4),
            "filled_share": rounded(self._filled / cells),
            "unknown_m2": rounded(self._unknown * area, 4) if outlined else None,
            "threshold_m": self._threshold,
        }


def make_surfaces(
    parts: Parts,
    lattice: Lattice,
    folder: Path,
    choices: SurfaceChoices,
    step: Callable[[int, int], None],
) -> tuple[VolumeTally, CoarseGrid]:
    """Write the rasters into a folder, and gather volumes and the coarse grid on the way."""
    import rasterio
    import rasterio.shutil
    from rasterio.transform import from_origin

    volumes, coarse = VolumeTally(lattice.cell_m, choices.threshold_m), CoarseGrid(lattice, choices.max_vertices)
    blocks = list(_blocks(lattice, choices.max_gap_m))
    cell = lattice.cell_m
    west, north = lattice.first_column * cell, (lattice.first_row + lattice.n_rows) * cell
    profile = {
        "driver": "GTiff", "height": lattice.n_rows, "width": lattice.n_columns, "count": 1, "dtype": "float32",
        "nodata": np.nan, "crs": parts.before.crs, "transform": from_origin(west, north, cell, cell),
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "DEFLATE", "predictor": 3, "sparse_ok": True,
        "bigtiff": "IF_SAFER",
    }  # fmt: skip
    plain = {name: folder / f"plain-{name}.tif" for name in RASTERS}
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB):
        files = {name: rasterio.open(path, "w", **profile) for name, path in plain.items()}
        try:
            for done, block in enumerate(blocks, start=1):
                heights = _work_on_block(parts, block, choices, volumes, coarse)
                top = lattice.first_row + lattice.n_rows - block.core.first_row - block.core.n_rows
                left = block.core.first_column - lattice.first_column
                window = rasterio.windows.Window(left, top, block.core.n_columns, block.core.n_rows)
                for name, values in heights.items():
                    files[name].write(values[::-1].astype(np.float32), 1, window=window)
                step(done, len(blocks))
            for file in files.values():
                file.set_band_unit(1, "m")
        finally:
            for file in files.values():
                file.close()
        for name, file_name in RASTERS.items():
            with whole_file(folder.parent / file_name) as partial:
                rasterio.shutil.copy(
                    plain[name],
                    partial,
                    driver="COG",
                    compress="DEFLATE",
                    predictor="YES",
                    overview_resampling="average",
                )
            plain[name].unlink()
    return volumes, coarse


def _blocks(lattice: Lattice, max_gap_m: float) -> Iterator[Block]:
    """Blocks at whole multiples of :data:`BLOCK` cells from the lattice's origin: the same for any tiling."""
    around = math.ceil(max_gap_m / lattice.cell_m) + 2
    behind_row, behind_column = lattice.first_row + lattice.n_rows, lattice.first_column + lattice.n_columns
    for row in range(lattice.first_row // BLOCK * BLOCK, behind_row, BLOCK):
        for column in range(lattice.first_column // BLOCK * BLOCK, behind_column, BLOCK):
            core = lattice.window((column, row, column + BLOCK, row + BLOCK))
            wide = lattice.window((column - around, row - around, column + BLOCK + around, row + BLOCK + around))
            yield Block(core, wide)


def _work_on_block(
    parts: Parts, block: Block, choices: SurfaceChoices, volumes: VolumeTally, coarse: CoarseGrid
) -> dict[str, Floats]:
    """Heights of both epochs and their difference in a block's core, gaps filled, rows from the south."""
    own = block.wide.place(block.core)
    measured = np.ones((block.core.n_rows, block.core.n_columns), dtype=bool)
    variance = np.zeros(measured.shape)
    heights: dict[str, Floats] = {}
    for epoch in EPOCHS:
        layers = parts.heights(block.wide, epoch)
        grid = block.wide.array(layers["mean"], parts.before)
        filled, _ = fill_gaps(grid, choices.max_gap_m) if min(grid.shape) > 1 else (grid, None)
        heights[epoch] = filled.values[::-1][own]
        measured &= np.isfinite(layers["mean"][own])
        with np.errstate(invalid="ignore", divide="ignore"):
            variance += (layers["std"] ** 2 / layers["count"])[own]
    heights["difference"] = heights["after"] - heights["before"]
    grid = block.core.array(heights["difference"], parts.before)
    inside = inside_outline(grid, choices.outline)[::-1]
    volumes.add(heights["difference"], measured, inside, variance)
    coarse.add_heights(block.core, heights["after"], heights["difference"])
    return heights
