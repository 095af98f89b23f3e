"""The tailings pond: a dam across a side valley, a beach behind it, water behind the beach."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.sample.frame import random_stream
from sxrisk.sample.pit import outline_of_change, scatter_bushes
from sxrisk.sample.scanner import Scene, StationScan, scan_ground
from sxrisk.sample.sites import PondValley
from sxrisk.sample.surface import HeightGrid, natural_ground
from sxrisk.sample.terrain import Terrain, fractal_noise

__all__ = ["Pond", "make_pond", "scan_pond"]

Array = NDArray[np.float64]

CELL_M = 0.5
CREST_WIDTH_M = 6.0
OUTER_RATIO = 3.0
BERM_EVERY_M = 8.0
BERM_M = 4.0
BEACH_LENGTH_M = 130.0
BEACH_SLOPE = 0.014
FREEBOARD_DROP_M = 1.2
STEP_RAD = 0.0036


@dataclass(frozen=True)
class Pond:
    """A pond's ground, its water, its outline and toe, and what is known about it."""

    valley: PondValley
    natural: HeightGrid
    ground: HeightGrid
    wet: NDArray[np.bool_]
    outline: Array
    toe: Array
    truth: dict[str, Any]


def make_pond(terrain: Terrain, seed: int, valley: PondValley, name: str, cell_m: float = CELL_M) -> Pond:
    """Dam a valley.

    Parameters
    ----------
    terrain : Terrain
        The county.
    seed : int
        Seed of the sample.
    valley : PondValley
        Where.
    name : str
        Name of the random stream.
    cell_m : float
        Node spacing, m.

    Returns
    -------
    Pond
    """
    rng = random_stream(seed, name)
    middle = valley.point - 60.0 * valley.downstream
    natural = natural_ground(terrain, rng, middle, 330.0, 330.0, cell_m)
    east, north = natural.nodes
    along = (east - valley.point[0]) * valley.downstream[0] + (north - valley.point[1]) * valley.downstream[1]
    outer = valley.crest_m - _outer_profile(along)
    rough = 0.03 * fractal_noise(rng, natural.z.shape, 6.0 / cell_m, octaves=3)
    behind = -along - CREST_WIDTH_M / 2
    beach = valley.crest_m - FREEBOARD_DROP_M - BEACH_SLOPE * np.minimum(behind, BEACH_LENGTH_M + 1e4)
    water = valley.crest_m - FREEBOARD_DROP_M - BEACH_SLOPE * BEACH_LENGTH_M
    # the step from the crest down to the beach is 1:2
    inner = np.maximum(np.maximum(beach, water), valley.crest_m - np.maximum(behind, 0.0) / 2.0)
    fill = np.where(along > -CREST_WIDTH_M / 2, outer, inner)
    filled = fill > natural.z
    wet = filled & (behind > BEACH_LENGTH_M)
    z = np.where(filled, fill + np.where(wet, 0.0, rough), natural.z)
    ground = natural.with_heights(z)
    dam = filled & (along > CREST_WIDTH_M / 2)
    row, col = np.unravel_index(np.argmin(np.where(dam, natural.z, np.inf)), dam.shape)
    toe = np.array([east[row, col], north[row, col], natural.z[row, col]])
    truth = {
        "crest_height_m": valley.crest_m,
        "water_height_m": water,
        "beach_length_m": BEACH_LENGTH_M,
        "beach_slope": BEACH_SLOPE,
        "freeboard_m": valley.crest_m - water,
        "outer_slope_ratio": OUTER_RATIO,
        "dam_height_m": valley.crest_m - float(toe[2]),
        "starter_dam_toe": toe.tolist(),
        "water_area_m2": float(wet.sum() * cell_m**2),
        "crest_line": [
            (valley.point + side * 400.0 * np.array([-valley.downstream[1], valley.downstream[0]])).tolist()
            for side in (-1.0, 1.0)
        ],
        "crest_line_note": "axis of the crest; the dam is where the crest stands above the ground",
    }
    return Pond(valley, natural, ground, wet, outline_of_change(natural, ground, 0.3), toe, truth)


def _outer_profile(along: Array) -> Array:
    """Fall below the crest at a distance downstream of its middle: 1:3 with a berm every 8 m of height."""
    d = np.maximum(along - CREST_WIDTH_M / 2, 0.0)
    face = BERM_EVERY_M * OUTER_RATIO
    bench = np.floor(d / (face + BERM_M))
    rest = d - bench * (face + BERM_M)
    return bench * BERM_EVERY_M + np.minimum(rest / face, 1.0) * BERM_EVERY_M


def scan_pond(pond: Pond, seed: int, density: float) -> tuple[list[StationScan], dict[str, Any]]:
    """Scan the pond once: from the valley below, from the crest, and from a hillside above the beach.

    Parameters
    ----------
    pond : Pond
        The pond.
    seed : int
        Seed of the sample.
    density : float
        Share of the usual number of points.

    Returns
    -------
    scans : list of StationScan
    truth : dict
    """
    down = pond.valley.downstream
    across = np.array([-down[1], down[0]])
    toe = pond.toe[:2]
    bank = _bank(pond, across)
    places = [toe + 70.0 * down, pond.valley.point - 1.0 * down, bank]
    heights = [2.5, 1.8, 1.8]
    stations = []
    for place, height in zip(places, heights, strict=True):
        ground = float(pond.ground.at(place[:1], place[1:])[0])
        stations.append(np.round(np.array([*place, ground + height]), 3))
    bare = ~pond.wet & (np.abs(pond.ground.z - pond.natural.z) < 0.01)
    bushes = scatter_bushes(random_stream(seed, "pond-bushes"), pond.ground, bare, 200, 1.1)
    scene = Scene(pond.ground, pond.wet, np.zeros((0, 8)), bushes)
    scans = []
    for index, station in enumerate(stations, start=1):
        downhill = index == 1
        look = pond.valley.point - 90.0 * down - station[:2]
        toward = float(np.degrees(np.arctan2(look[0], look[1])))
        half = 70.0 if downhill else 180.0 if index == 2 else 100.0
        scans.append(
            scan_ground(
                scene,
                random_stream(seed, f"pond-noise-{index}"),
                station,
                index,
                azimuth_deg=(toward - half, toward + half),
                elevation_deg=(-18.0, 28.0) if downhill else (-32.0, 12.0),
                step_rad=STEP_RAD * (1.0 if downhill else 1.25) / np.sqrt(density),
                reach_m=400.0,
            )
        )
    return scans, {**pond.truth, "stations": [s.tolist() for s in stations]}


def _bank(pond: Pond, across: Array) -> Array:
    """A place on the hillside beside the beach, 14 m above the crest."""
    start = pond.valley.point - 75.0 * pond.valley.downstream
    reach = np.arange(0.0, 240.0, 2.0)
    line = start + reach[:, None] * across
    high = np.flatnonzero(pond.ground.at(line[:, 0], line[:, 1]) > pond.valley.crest_m + 14.0)
    return line[high[0] if len(high) else len(line) // 2]
