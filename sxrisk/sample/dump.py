"""The waste dump: a terraced heap on a hillside that grows at one side between two epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sxrisk.sample.frame import random_stream
from sxrisk.sample.pit import outline_of_change, scatter_bushes
from sxrisk.sample.scanner import Scene, StationScan, misregister, scan_ground
from sxrisk.sample.surface import HeightGrid, natural_ground, volume_between
from sxrisk.sample.terrain import Terrain, fractal_noise

__all__ = ["Dump", "make_dump", "scan_dump"]

Array = NDArray[np.float64]

CELL_M = 0.5
SLOPE_DEG = 37.0
TERRACE_M = 8.0
STACK_HEIGHT_M = 52.0
GROWTH_M = 12.0
STEP_RAD = 0.0029
# Tripods: metres down the hillside and across it from the middle of the platform, half width of the view, lowest and
# highest elevation in degrees, and how much wider than usual the beams are set.
TRIPODS = (
    (200.0, 80.0, 62.0, -22.0, 34.0, 1.0),  # below the front
    (60.0, -160.0, 85.0, -22.0, 34.0, 1.0),  # below the lowest toe, looking into its hollow
    (-45.0, 160.0, 85.0, -22.0, 34.0, 1.0),  # beside the face that grows
    (-150.0, 0.0, 80.0, -30.0, 20.0, 1.3),  # on the hill behind, looking down on the platform
    (-6.0, 0.0, 180.0, -40.0, 8.0, 1.9),  # on the platform
)


@dataclass(frozen=True)
class Dump:
    """The dump's ground at its epochs and what is known about it; `downslope` is a unit vector."""

    centre: Array
    downslope: Array
    natural: HeightGrid
    before: HeightGrid
    after: HeightGrid
    outline: Array
    truth: dict[str, Any]


def make_dump(terrain: Terrain, seed: int, centre: Array, downslope: Array) -> Dump:
    """Heap the dump on the county's ground.

    Parameters
    ----------
    terrain : Terrain
        The county.
    seed : int
        Seed of the sample.
    centre : (2,) float64
        Middle of the platform, EPSG:4547.
    downslope : (2,) float64
        Unit vector down the hillside.

    Returns
    -------
    Dump
    """
    rng = random_stream(seed, "dump")
    natural = natural_ground(terrain, rng, centre, 230.0, 230.0, CELL_M)
    east, north = natural.nodes
    down = (east - centre[0]) * downslope[0] + (north - centre[1]) * downslope[1]
    side = -(east - centre[0]) * downslope[1] + (north - centre[1]) * downslope[0]
    wobble = 1.6 * fractal_noise(rng, natural.z.shape, 40.0 / CELL_M, octaves=2)
    rough = 0.08 * fractal_noise(rng, natural.z.shape, 6.0 / CELL_M, octaves=3, gain=0.6)

    def heaped(crest: float, extra: float) -> HeightGrid:
        heap = crest - _outer_profile(_outside(down, side, extra) + wobble)
        cover = ndimage.gaussian_filter((heap > natural.z).astype(float), 0.8 / CELL_M)
        return natural.with_heights(np.maximum(natural.z, heap) + rough * cover)

    low = float(natural.at(centre[:1], centre[1:])[0])
    high = low + 110.0
    for _ in range(16):
        crest = 0.5 * (low + high)
        height = crest - _lowest_toe(natural, heaped(crest, 0.0))[2]
        low, high = (crest, high) if height < STACK_HEIGHT_M else (low, crest)
    crest = round(crest, 2)
    before, after = heaped(crest, 0.0), heaped(crest, GROWTH_M)
    volume, _ = volume_between(natural, before)
    grown, _ = volume_between(before, after)
    toes = [_lowest_toe(natural, ground) for ground in (before, after)]
    truth = {
        "crest_height_m": crest,
        "stack_height_m": [crest - toe[2] for toe in toes],
        "stack_height_definition": "platform less the lowest point of the toe line, by epoch; roughness 0.08 m",
        "toe_point": [list(toe) for toe in toes],
        "slope_deg": SLOPE_DEG,
        "volume_above_natural_ground_m3": [volume, volume + grown],
        "growth_m3": grown,
        "growth_area": "the side of the dump to the left when looking downslope",
    }
    return Dump(centre, downslope, natural, before, after, outline_of_change(natural, before, 0.6), truth)


def _outside(down: Array, side: Array, extra: float) -> Array:
    """Distance outside the platform, a rounded rectangle that may be longer by `extra` at one side."""
    corner = 24.0
    # the platform runs far back, so that it ends against the hill and not in a moat
    q_down = np.abs(down + 60.0) - (106.0 - corner)
    q_side = np.abs(side - extra / 2) - (62.0 + extra / 2 - corner)
    return np.hypot(np.maximum(q_down, 0), np.maximum(q_side, 0)) + np.minimum(np.maximum(q_down, q_side), 0) - corner


def _outer_profile(distance: Array) -> Array:
    """Fall below the crest at a distance outside it: two slopes with a terrace between."""
    fall = np.tan(np.radians(SLOPE_DEG))
    upper = 0.5 * STACK_HEIGHT_M / fall
    d = np.maximum(distance, 0.0)
    return fall * (np.minimum(d, upper) + np.maximum(d - upper - TERRACE_M, 0.0))


def _lowest_toe(natural: HeightGrid, ground: HeightGrid) -> tuple[float, float, float]:
    covered = ndimage.binary_opening(ground.z - natural.z > 0.15, iterations=2)
    edge = covered & ~ndimage.binary_erosion(covered)
    row, col = np.unravel_index(np.argmin(np.where(edge, natural.z, np.inf)), edge.shape)
    east, north = natural.east + col * natural.cell_m, natural.north + row * natural.cell_m
    return float(east), float(north), float(natural.z[row, col])


def scan_dump(dump: Dump, seed: int, density: float) -> tuple[list[list[StationScan]], dict[str, Any]]:
    """Scan both epochs from stations around the dump and one on its platform.

    Parameters
    ----------
    dump : Dump
        The dump.
    seed : int
        Seed of the sample.
    density : float
        Share of the usual number of points.

    Returns
    -------
    epochs : list of list of StationScan
    truth : dict
    """
    across = np.array([-dump.downslope[1], dump.downslope[0]])
    stations = []
    for down, side, *_ in TRIPODS:
        place = dump.centre + down * dump.downslope + side * across
        ground = float(dump.before.at(place[:1], place[1:])[0])
        stations.append(np.round(np.array([*place, ground + 1.8]), 3))
    record, move = misregister(np.array([*dump.centre, dump.truth["crest_height_m"] - 20.0]))
    bare = dump.after.z - dump.natural.z < 0.1
    epochs = []
    for number, grid in enumerate((dump.before, dump.after)):
        bushes = scatter_bushes(random_stream(seed, "dump-bushes"), grid, bare, 160, 1.0 + 0.12 * number)
        scene = Scene(grid, np.zeros(grid.z.shape, dtype=np.bool_), np.zeros((0, 8)), bushes)
        scans = []
        for index, (station, tripod) in enumerate(zip(stations, TRIPODS, strict=True), start=1):
            toward = float(np.degrees(np.arctan2(dump.centre[0] - station[0], dump.centre[1] - station[1])))
            _, _, half, lowest, highest, wider = tripod
            scan = scan_ground(
                scene,
                random_stream(seed, f"dump-noise-{number}-{index}"),
                station,
                index,
                azimuth_deg=(toward - half, toward + half),
                elevation_deg=(lowest, highest),
                step_rad=STEP_RAD * wider / np.sqrt(density),
                reach_m=300.0,
            )
            if number == 1:
                scan = StationScan(index, move(station[None])[0], move(scan.xyz), scan.intensity, scan.kind)
            scans.append(scan)
        epochs.append(scans)
    truth = {**dump.truth, "misregistration": record, "stations": [s.tolist() for s in stations]}
    return epochs, truth
