"""What is computed tile by tile: change at the core points, and the heights of both epochs on the lattice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.change.tiles import M3C2Plan, M3C2Task, m3c2_tile
from sxrisk.scans import Scan, TiledScan, whole_file
from sxrisk.scans.source import Bounds, Piece, Quantum
from sxrisk.surfaces.grids import Lattice, grid_statistics

__all__ = ["PartTask", "Parts", "PartsSource", "work_on_part"]

Floats = NDArray[np.float64]

EPOCHS = ("before", "after")
_GRIDS = ("count", "mean", "std")
_HELD = 24  # parts whose heights are kept while blocks of the raster go over them


@dataclass(frozen=True)
class PartTask:
    """One tile of a comparison; it carries folders and numbers, not points."""

    plan: M3C2Plan
    before: TiledScan
    after: TiledScan
    index: int
    cell_m: float
    folder: Path


def part_path(folder: Path, index: int) -> Path:
    """File of a part."""
    return folder / f"{index:06d}.npz"


def work_on_part(task: PartTask) -> int:
    """Measure one tile and write its part; nothing to do where it stands already.

    Returns
    -------
    int
        Index of the tile.
    """
    path = part_path(task.folder, task.index)
    if path.is_file():
        return task.index
    halo = max(task.plan.halo_m, 3.0 * task.cell_m)
    names = [name for name in task.before.attribute_names if name == "station_index"]
    tile = task.before.tile(task.index, halo, attributes=names)
    core = task.before.core(task.index, task.cell_m)
    values: dict[str, NDArray[Any]] = {}
    if tile is not None:
        xmin, ymin, xmax, ymax = tile.core
        box = (xmin - halo, ymin - halo, xmax + halo, ymax + halo)
        compared = task.after.read(box, attributes=[n for n in task.after.attribute_names if n == "station_index"])
        change = m3c2_tile(M3C2Task(task.plan, tile.scan, compared, tile.core)).to_scan()
        values["xyz"] = change.xyz
        values |= {f"change_{name}": column for name, column in change.attributes.items()}
        if core is not None:
            for epoch, scan in zip(EPOCHS, (tile.scan, compared), strict=True):
                values |= _heights(scan, core, task.cell_m, epoch)
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, **values)  # type: ignore[arg-type]
    return task.index


def _heights(scan: Scan, core: Sequence[float], cell_m: float, epoch: str) -> dict[str, NDArray[Any]]:
    """Count, mean and deviation in the cells of a core, rows from the south; nothing where no point lies."""
    if not scan.n_points:
        return {}
    # Middles of the outermost cells: a bound that lies on an edge could be counted to either side.
    half = 0.5 * cell_m
    grids = grid_statistics(scan, cell_m, bounds=(core[0] + half, core[1] + half, core[2] - half, core[3] - half))
    return {f"{epoch}_{name}": grids[name].values[::-1] for name in _GRIDS}


class Parts:
    """The finished parts of a comparison.

    Parameters
    ----------
    folder : Path
        Where they stand.
    before : TiledScan
        Whose tiles they are.
    cell_m : float
        Cell of the lattice of heights.
    """

    def __init__(self, folder: Path, before: TiledScan, cell_m: float) -> None:
        self.folder, self.before, self.cell_m = folder, before, cell_m
        self.windows: dict[int, tuple[int, int, int, int]] = {}
        for index in range(before.n_tiles):
            core = before.core(index, cell_m)
            if core is not None:
                xmin, ymin, xmax, ymax = (round(edge / cell_m) for edge in core)
                self.windows[index] = (xmin, ymin, xmax, ymax)
        self._read_heights = lru_cache(_HELD)(self._heights_of)

    def heights(self, window: Lattice, epoch: str) -> dict[str, Floats]:
        """Count, mean and deviation (n_rows, n_columns) in a window of the lattice, rows from the south."""
        shape = (window.n_rows, window.n_columns)
        layers = {name: np.zeros(shape) if name == "count" else np.full(shape, np.nan) for name in _GRIDS}
        for index, cells in self.windows.items():
            common = window.window(cells)
            if not common.n_rows or not common.n_columns:
                continue
            held = self._read_heights(index, epoch)
            if f"{epoch}_count" not in held:
                continue
            own = Lattice(self.cell_m, cells[0], cells[1], cells[3] - cells[1], cells[2] - cells[0])
            for name, values in layers.items():
                values[window.place(common)] = held[f"{epoch}_{name}"][own.place(common)]
        return layers

    def change(self) -> Iterator[tuple[Floats, dict[str, NDArray[Any]]]]:
        """Core points (m, 3) and columns of every part that has core points."""
        for index in range(self.before.n_tiles):
            with np.load(part_path(self.folder, index)) as part:
                if "xyz" in part and len(part["xyz"]):
                    columns = {n.removeprefix("change_"): part[n] for n in part.files if n.startswith("change_")}
                    yield part["xyz"], columns

    def p_values(self) -> Floats:
        """Probability (m,) that noise alone gives the distance of each core point, in the order of the parts."""
        return np.concatenate([np.empty(0), *(columns["p_value"] for _, columns in self.change())])

    def _heights_of(self, index: int, epoch: str) -> dict[str, Floats]:
        with np.load(part_path(self.folder, index)) as part:
            return {name: part[name] for name in part.files if name.startswith(epoch)}


class PartsSource:
    """The core points of all parts as a file that is read in pieces: what a writer streams from.

    Parameters
    ----------
    parts : Parts
        Finished, with at least one core point.
    count : int
        Core points in them.
    bounds : Bounds
        Around them.
    more : dict of str to ndarray, shape (count,)
        Further columns, in the order of the parts.
    """

    stations: Floats | None = None
    epoch: datetime | None = None
    range_sigma_m: float | None = None
    registration_sigma_m: float | None = None
    quantum: Quantum | None = None

    def __init__(self, parts: Parts, count: int, bounds: Bounds, more: dict[str, NDArray[Any]]) -> None:
        self.name = parts.before.source
        self.n_points: int | None = count
        self.bounds: Bounds | None = bounds
        self._parts, self._more = parts, more
        self.attribute_names = (*next(parts.change())[1], *more)

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The core points, part by part, at most `size` at a time."""
        names = self.attribute_names if attributes is None else attributes
        done = 0
        for xyz, columns in self._parts.change():
            columns |= {name: values[done : done + len(xyz)] for name, values in self._more.items()}
            done += len(xyz)
            for start in range(0, len(xyz), size):
                rows = slice(start, start + size)
                yield Piece(xyz[rows], {name: columns[name][rows] for name in names})
