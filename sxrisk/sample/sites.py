"""Where the scanned sites lie: places that the ground itself offers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sxrisk.sample.terrain import Terrain

__all__ = ["PondValley", "choose_dump", "choose_pit", "choose_pond_valleys"]

Array = NDArray[np.float64]
_MARGIN_M = 2_600.0


@dataclass(frozen=True)
class PondValley:
    """A side valley that a dam can close.

    Parameters
    ----------
    point : (2,) float64
        Where the dam's crest crosses the stream, EPSG:4547.
    downstream : (2,) float64
        Unit vector down the valley.
    crest_m : float
        Height of the dam's crest.
    """

    point: Array
    downstream: Array
    crest_m: float


def _inside(terrain: Terrain) -> NDArray[np.bool_]:
    mask = np.zeros(terrain.z.shape, dtype=np.bool_)
    edge = int(_MARGIN_M / terrain.cell_m)
    mask[edge:-edge, edge:-edge] = True
    return mask


def _river_distance(terrain: Terrain) -> Array:
    mask = np.ones(terrain.z.shape, dtype=np.bool_)
    points = np.array([terrain.river.interpolate(s).coords[0] for s in np.arange(0, terrain.river.length, 15.0)])
    mask[terrain.index(points)] = False
    return ndimage.distance_transform_edt(mask, sampling=terrain.cell_m)


def choose_pit(terrain: Terrain) -> Array:
    """The flattest hill shoulder 1 to 2.6 km off the river, shape (2,)."""
    size = int(360 / terrain.cell_m)
    spread = ndimage.maximum_filter(terrain.z, size) - ndimage.minimum_filter(terrain.z, size)
    river = _river_distance(terrain)
    low = ndimage.minimum_filter(terrain.z, int(1500 / terrain.cell_m))
    fit = _inside(terrain) & (river > 1_000) & (river < 2_600) & (terrain.z - low > 40)
    best = np.argmin(np.where(fit, spread, np.inf))
    return terrain.centre(*(np.array([k]) for k in np.unravel_index(best, terrain.z.shape)))[0]


def choose_dump(terrain: Terrain, pit: Array) -> tuple[Array, Array]:
    """A hillside 0.6 to 1.8 km from the pit with an even slope near 1:4; its place and downslope unit vector."""
    smooth = ndimage.gaussian_filter(terrain.z, 4)
    north, east = np.gradient(smooth, terrain.cell_m)
    slope = np.hypot(north, east)
    plane_misfit = ndimage.gaussian_filter(np.abs(ndimage.laplace(smooth)), 5)
    rows, cols = np.indices(terrain.z.shape)
    centres = terrain.centre(rows.ravel(), cols.ravel()).reshape(*terrain.z.shape, 2)
    away = np.hypot(*np.moveaxis(centres - pit, -1, 0))
    fit = _inside(terrain) & (away > 650) & (away < 1_900) & (slope > 0.15) & (slope < 0.30)
    best = np.unravel_index(np.argmin(np.where(fit, plane_misfit, np.inf)), terrain.z.shape)
    down = np.array([-east[best], north[best]])
    return centres[best], down / np.hypot(*down)


def choose_pond_valleys(terrain: Terrain, taken: list[Array], count: int, dam_m: float = 28.0) -> list[PondValley]:
    """Side valleys for tailings ponds, well apart from each other and from what is taken.

    A valley fits when its stream drains 0.35 to 3 km2 and falls gently, lies more than 1.3 km off the river, and when
    both abutments rise above the crest within 200 m.

    Parameters
    ----------
    terrain : Terrain
        The county.
    taken : list of (2,) array
        Places to stay 1.6 km away from.
    count : int
        How many.
    dam_m : float
        Height of the dam over the stream, m.

    Returns
    -------
    list of PondValley
        Best first: the tightest valley per height.
    """
    receiver, area = terrain.drainage
    area_km2 = (area / 1e6).reshape(terrain.z.shape)
    river = _river_distance(terrain)
    fit = _inside(terrain) & (area_km2 > 0.35) & (area_km2 < 3.0) & (river > 1_300)
    found: list[tuple[float, PondValley]] = []
    for row, col in np.argwhere(fit)[::2]:
        start = terrain.centre(np.array([row]), np.array([col]))[0]
        path = _walk(terrain, receiver, int(row * terrain.z.shape[1] + col), 12)
        down = path[-1] - start
        down /= np.hypot(*down)
        floor = float(terrain.z[row, col])
        across = np.array([-down[1], down[0]])
        widths = []
        for side in (1.0, -1.0):
            reach = np.arange(15.0, 200.0, 10.0)
            profile = terrain.at(start + side * reach[:, None] * across)
            above = np.flatnonzero(profile > floor + dam_m + 6.0)
            widths.append(reach[above[0]] if len(above) else np.inf)
        width = sum(widths)
        fall = floor - float(terrain.at((start + 130.0 * down)[None])[0])
        up = float(terrain.at((start - 260.0 * down)[None])[0])
        # ponding room: the valley behind must stay below the crest for 200 m and more
        if np.isfinite(width) and width > 150 and up < floor + dam_m - 2.0 and fall < 11.0:
            found.append((width + 3.0 * abs(up - floor - 22.0), PondValley(start, down, floor + dam_m)))
    found.sort(key=lambda item: item[0])
    chosen: list[PondValley] = []
    for _, valley in found:
        near = [*taken, *(other.point for other in chosen)]
        if all(np.hypot(*(valley.point - place)) > 1_600 for place in near):
            chosen.append(valley)
        if len(chosen) == count:
            break
    return chosen


def _walk(terrain: Terrain, receiver: NDArray[np.int64], cell: int, steps: int) -> Array:
    path = []
    for _ in range(steps):
        cell = int(receiver[cell])
        path.append(cell)
    cells = np.array(path)
    return terrain.centre(cells // terrain.z.shape[1], cells % terrain.z.shape[1])
