"""Upright lines through a closed mesh: levels of roof and floor at any place in plan."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from sxrisk.surfaces import Mesh

__all__ = ["Hits", "cell_places", "column_maps", "lattice_of", "vertical_hits"]

Floats = NDArray[np.float64]

# Lines through corners and along edges have a choice which face they meet: a hair aside there is none.
_ASIDE_M = np.array([1.31e-7, 0.73e-7])


@dataclass(frozen=True)
class Hits:
    """Where upright lines cross a mesh.

    Parameters
    ----------
    first : (n + 1,) int64
        Rows of the hits of line i: ``first[i]`` to ``first[i + 1]``, lowest first.
    height_m : (h,) float64
    upward : (h,) bool
        Whether the face looks up there: out of a cavity, through its roof.
    """

    first: NDArray[np.int64]
    height_m: Floats
    upward: NDArray[np.bool_]

    @property
    def line(self) -> NDArray[np.int64]:
        """Which line each hit is on."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def lowest_above(self, level_m: Floats, *, upward: bool) -> Floats:
        """Lowest hit (n,) of one sense above a level (n,) at each line; NaN where none is."""
        line = self.line
        out = np.full(len(self.first) - 1, np.inf)
        fits = (self.upward == upward) & (self.height_m >= level_m[line])
        np.minimum.at(out, line[fits], self.height_m[fits])
        return np.where(np.isfinite(out), out, np.nan)


def vertical_hits(mesh: Mesh, places: Floats) -> Hits:
    """Where the upright lines at `places` (n, 2), in the mesh's coordinates, cross the mesh."""
    from sxrisk.sites.goafs._column_kernels import count_hits, list_hits

    corner = mesh.vertices[:, :2].min(axis=0)
    origin = np.append(corner, mesh.origin[2])
    triangles = np.ascontiguousarray((mesh.vertices - origin)[mesh.faces])
    extent = triangles[..., :2].max(axis=(0, 1))
    cell = max(2.0 * float(np.sqrt(np.prod(extent) / len(triangles))), float(extent.max()) / 4000.0)
    columns, rows = (int(side // cell) + 1 for side in extent)
    low = (triangles[..., :2].min(axis=1) // cell).astype(np.int64)
    high = (triangles[..., :2].max(axis=1) // cell).astype(np.int64)
    spans = high - low + 1
    count = spans[:, 0] * spans[:, 1]
    which = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    bucket = (low[which, 1] + step // spans[which, 0]) * columns + low[which, 0] + step % spans[which, 0]
    order = np.argsort(bucket, kind="stable")
    start = np.searchsorted(bucket[order], np.arange(columns * rows + 1)).astype(np.int64)
    listed = which[order]
    local = np.ascontiguousarray(np.asarray(places, dtype=np.float64)[:, :2] - corner + _ASIDE_M)
    number = count_hits(triangles, start, listed, cell, columns, rows, local)
    first = np.concatenate([[0], np.cumsum(number)])
    height, upward = list_hits(triangles, start, listed, cell, columns, local, first)
    return Hits(first, height + origin[2], upward)


def lattice_of(bounds: tuple[float, float, float, float], cell_m: float, crs: Any, vertical_crs: Any) -> xr.DataArray:
    """An empty grid whose cell edges lie at whole multiples of the cell, rows from the north."""
    import rioxarray  # noqa: F401  registers the accessor

    west, south = (np.floor(value / cell_m) for value in bounds[:2])
    east, north = (np.ceil(value / cell_m) for value in bounds[2:])
    grid = xr.DataArray(
        np.full((int(north - south), int(east - west)), np.nan),
        {"y": (np.arange(north, south, -1.0) - 0.5) * cell_m, "x": (np.arange(west, east) + 0.5) * cell_m},
        ("y", "x"),
        attrs={"units": "m", **({} if vertical_crs is None else {"vertical_crs": vertical_crs.to_string()})},
    )
    return grid if crs is None else grid.rio.write_crs(crs)


def cell_places(grid: xr.DataArray) -> Floats:
    """Middles (n, 2) of the cells of a grid, row by row."""
    x, y = np.meshgrid(grid.x.values, grid.y.values)
    return np.column_stack([x.ravel(), y.ravel()])


def column_maps(mesh: Mesh, lattice: xr.DataArray) -> dict[str, xr.DataArray]:
    """Maps of ``height_m`` (open height), ``roof_level_m`` and ``floor_level_m`` of a closed mesh."""
    hits = vertical_hits(mesh, cell_places(lattice))
    n = lattice.size
    line = hits.line
    signed = np.where(hits.upward, hits.height_m, -hits.height_m)
    balance = np.bincount(line, np.where(hits.upward, 1, -1), n)
    known = (np.diff(hits.first) > 0) & (balance == 0)
    roof, floor = np.full(n, -np.inf), np.full(n, np.inf)
    np.maximum.at(roof, line, hits.height_m)
    np.minimum.at(floor, line, hits.height_m)
    values = {"height_m": np.bincount(line, signed, n), "roof_level_m": roof, "floor_level_m": floor}
    return {
        name: lattice.copy(data=np.where(known, found, np.nan).reshape(lattice.shape)).rename(name)
        for name, found in values.items()
    }
