"""The open pit: benches, a planar footwall with a moving patch, a rockfall, two epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sxrisk.sample.frame import random_stream
from sxrisk.sample.scanner import Scene, StationScan, misregister, scan_ground
from sxrisk.sample.surface import HeightGrid, natural_ground, volume_between
from sxrisk.sample.terrain import Terrain, fractal_noise

__all__ = ["Pit", "excavator", "make_pit", "outline_of_change", "scan_pit", "scatter_bushes"]

Array = NDArray[np.float64]

CELL_M = 0.25
BENCH_M = 12.0
FACE_DEG = 68.0
BERM_M = 7.0
FOOTWALL_DEG = 40.0
DEPTH_M = 48.0
PATCH_SHIFT_M = 0.040
PATCH_STRIKE_M = 40.0
PATCH_DIP_M = 30.0
PATCH_FADE_M = 1.5
YAW_RAD = np.radians(18.0)
STEP_RAD = 0.0031
# Where on the rim the tripods stand, degrees in the pit's own frame: the second and third look into the rockfall's
# scar, and together they see the foot of every face.
TRIPODS_DEG = (-15.0, 60.0, 180.0, 240.0, 285.0)
# Wider than a half circle, so that each sees the rim beside it.
VIEW_DEG = 115.0


@dataclass(frozen=True)
class Pit:
    """The pit's ground at its epochs and what is known about it.

    Parameters
    ----------
    centre : (2,) float64
        Middle, EPSG:4547.
    floor_m : float
        Height of the floor.
    natural, before, after : HeightGrid
        Ground without the pit, at the first and at the second epoch.
    outline : (n, 2) float64
        Rim, EPSG:4547.
    truth : dict
        What is known exactly.
    """

    centre: Array
    floor_m: float
    natural: HeightGrid
    before: HeightGrid
    after: HeightGrid
    outline: Array
    truth: dict[str, Any]

    def local(self, east: Array, north: Array) -> tuple[Array, Array]:
        """Coordinates along (u) and across (v) the pit, m from its middle."""
        return _turn(east - self.centre[0], north - self.centre[1], -YAW_RAD)

    def world(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Easting and northing of local coordinates."""
        east, north = _turn(np.asarray(u, float), np.asarray(v, float), YAW_RAD)
        return east + self.centre[0], north + self.centre[1]


def make_pit(terrain: Terrain, seed: int, centre: Array) -> Pit:
    """Dig the pit into the county's ground.

    Parameters
    ----------
    terrain : Terrain
        The county.
    seed : int
        Seed of the sample.
    centre : (2,) float64
        Middle of the pit, EPSG:4547.

    Returns
    -------
    Pit
    """
    rng = random_stream(seed, "pit")
    natural = natural_ground(terrain, rng, centre, 210.0, 190.0, CELL_M)
    east, north = natural.nodes
    u, v = _turn(east - centre[0], north - centre[1], -YAW_RAD)
    rim = float(np.median(natural.z[(np.abs(u) < 130) & (np.abs(v) < 105)]))
    floor = round(rim - DEPTH_M, 1)
    footwall = floor + np.tan(np.radians(FOOTWALL_DEG)) * (-68.0 - u)
    # the floor reaches under the footwall, so that the western side is the bedding plane alone
    box_u, box_v, corner = 90.0 + 40.0, 60.0, 26.0
    q_u = np.abs(u + 40.0) - (box_u - corner)
    q_v = np.abs(v) - (box_v - corner)
    outside = np.hypot(np.maximum(q_u, 0), np.maximum(q_v, 0)) + np.minimum(np.maximum(q_u, q_v), 0) - corner
    wobble = 2.2 * fractal_noise(rng, natural.z.shape, 45.0 / CELL_M, octaves=2)
    benches = floor + _bench_profile(outside + wobble)
    design = np.maximum(benches, footwall)
    rough = 0.045 * fractal_noise(rng, natural.z.shape, 5.0 / CELL_M, octaves=3, gain=0.55)
    dug = np.minimum(natural.z, design)
    inside = ndimage.gaussian_filter((design < natural.z).astype(float), 0.6 / CELL_M)
    before = natural.with_heights(ndimage.gaussian_filter(dug, 0.12 / CELL_M) + rough * inside)
    pit = Pit(centre, floor, natural, before, before, outline_of_change(natural, before, 0.5), {})
    moved, patch = _move_patch(pit, u, v)
    fallen, rockfall = _drop_rocks(pit, moved, u, v)
    pit = Pit(centre, floor, natural, before, fallen, pit.outline, {})
    _, excavated = volume_between(natural, before)
    truth = {
        "floor_height_m": floor,
        "bench_height_m": BENCH_M,
        "bench_face_deg": FACE_DEG,
        "berm_width_m": BERM_M,
        "footwall_deg": FOOTWALL_DEG,
        "volume_below_natural_ground_m3": excavated,
        "moving_patch": patch,
        "rockfall": rockfall,
        "vegetation_and_machine": "bushes on rim and berms (a little larger at the second epoch); one excavator on the "
        "floor, moved between epochs",
    }
    return Pit(centre, floor, natural, before, fallen, pit.outline, truth)


def _turn(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    c, s = np.cos(angle), np.sin(angle)
    return c * x - s * y, s * x + c * y


def _bench_profile(distance: Array) -> Array:
    """Height above the floor at a distance outside its edge: a face, a berm, a face, and so on."""
    face = BENCH_M / np.tan(np.radians(FACE_DEG))
    d = np.maximum(distance, 0.0)
    bench = np.floor(d / (face + BERM_M))
    rest = d - bench * (face + BERM_M)
    return bench * BENCH_M + np.minimum(rest / face, 1.0) * BENCH_M


def _move_patch(pit: Pit, u: Array, v: Array) -> tuple[HeightGrid, dict[str, Any]]:
    """Push a part of the footwall out along its normal: by the full shift inside, fading to nothing over its edge."""
    dip = np.radians(FOOTWALL_DEG)
    middle_u = -68.0 - 0.5 * DEPTH_M / np.tan(dip)
    half_u, half_v = 0.5 * PATCH_DIP_M * np.cos(dip), 0.5 * PATCH_STRIKE_M
    inward = np.minimum(half_u - np.abs(u - middle_u), half_v - np.abs(v))
    weight = np.clip(inward / PATCH_FADE_M, 0.0, 1.0)
    weight = weight * weight * (3.0 - 2.0 * weight)
    shift_u, shift_up = PATCH_SHIFT_M * np.sin(dip), PATCH_SHIFT_M * np.cos(dip)
    shift_east, shift_north = _turn(np.array(shift_u), np.array(0.0), YAW_RAD)
    east, north = pit.before.nodes
    z = pit.before.z.copy()
    part = weight > 0
    z[part] = (
        pit.before.at(east[part] - weight[part] * shift_east, north[part] - weight[part] * shift_north, order=3)
        + weight[part] * shift_up
    )

    def ring(shrink: float) -> list[list[float]]:
        a, b = half_u - shrink, half_v - shrink
        e, n = pit.world(np.array([-a, a, a, -a]) + middle_u, np.array([-b, -b, b, b]))
        return np.column_stack([e, n]).tolist()

    return pit.before.with_heights(z), {
        "vector_m": [float(shift_east), float(shift_north), float(shift_up)],
        "length_m": PATCH_SHIFT_M,
        "normal": [float(shift_east / PATCH_SHIFT_M), float(shift_north / PATCH_SHIFT_M), float(np.cos(dip))],
        "outer_polygon": ring(0.0),
        "full_movement_polygon": ring(PATCH_FADE_M),
        "note": "plan view; between the two polygons the movement fades smoothly from 40 mm to 0",
        "size_on_slope_m": [PATCH_STRIKE_M, PATCH_DIP_M],
    }


def _drop_rocks(pit: Pit, ground: HeightGrid, u: Array, v: Array) -> tuple[HeightGrid, dict[str, Any]]:
    """Take an ellipsoidal bite out of the lowest eastern face and pile 1.25 times its volume at the toe."""
    v0 = 14.0
    face = BENCH_M / np.tan(np.radians(FACE_DEG))
    line = (np.abs(v - v0) < 0.3) & (u > 60)
    near_toe = line & (ground.z > pit.floor_m + 1.0)
    u_toe = float(u[near_toe].min())
    u_c, z_c = u_toe + face - 0.5, pit.floor_m + BENCH_M + 0.6
    inside = 1.0 - ((u - u_c) / 2.5) ** 2 - ((v - v0) / 5.6) ** 2
    bowl = np.where(inside > 0, z_c - 5.8 * np.sqrt(np.maximum(inside, 0.0)), np.inf)
    scarred = ground.with_heights(np.minimum(ground.z, bowl))
    _, scar_m3 = volume_between(ground, scarred)
    spread = np.hypot(u - (u_toe + 0.8), (v - v0) / 1.5)
    low, high = pit.floor_m, pit.floor_m + 9.0
    for _ in range(30):
        apex = 0.5 * (low + high)
        pile = scarred.with_heights(np.maximum(scarred.z, apex - np.tan(np.radians(36.0)) * spread))
        deposit_m3, _ = volume_between(scarred, pile)
        low, high = (apex, high) if deposit_m3 < 1.25 * scar_m3 else (low, apex)
    added, removed = volume_between(ground, pile)
    return pile, {
        "scar_m3": scar_m3,
        "deposit_m3": deposit_m3,
        "net_added_m3": added,
        "net_removed_m3": removed,
        "bulking": 1.25,
        "note": "net volumes are between the epochs' surfaces; where the pile covers the scar's foot the two cancel",
        "scar_middle": [*(float(k) for k in pit.world(np.array(u_c), np.array(v0))), z_c],
        "polygon": _ring(ground, pile, pit, u, v, v0),
    }


def _ring(before: HeightGrid, after: HeightGrid, pit: Pit, u: Array, v: Array, v0: float) -> list[list[float]]:
    changed = np.abs(after.z - before.z) > 0.02
    a, b = u[changed], v[changed]
    e, n = pit.world(np.array([a.min(), a.max(), a.max(), a.min()]), np.array([b.min(), b.min(), b.max(), b.max()]))
    return np.column_stack([e, n]).tolist()


def outline_of_change(before: HeightGrid, after: HeightGrid, step_m: float) -> Array:
    """Outline of where two surfaces differ by more than `step_m`: the largest such place, as a ring (n, 2)."""
    from rasterio import features
    from rasterio.transform import Affine
    from shapely.geometry import shape

    skip = max(int(4.0 / before.cell_m), 1)
    changed = (np.abs(after.z - before.z) > step_m)[::skip, ::skip]
    cell = before.cell_m * skip
    transform = Affine(cell, 0, before.east - cell / 2, 0, cell, before.north - cell / 2)
    polygons = [
        shape(geometry)
        for geometry, value in features.shapes(changed.astype(np.uint8), mask=changed, transform=transform)
        if value == 1
    ]
    largest = max(polygons, key=lambda polygon: polygon.area)
    smooth = largest.buffer(6.0).buffer(-12.0).buffer(6.0)
    if smooth.geom_type != "Polygon":
        smooth = max(smooth.geoms, key=lambda polygon: polygon.area)
    return np.asarray(smooth.simplify(0.8).exterior.coords)


def excavator(east: float, north: float, ground_m: float, yaw: float) -> Array:
    """An excavator of six boxes: tracks, body, cab, counterweight, boom and stick; shape (6, 8)."""
    parts = np.array(
        [
            # ahead, left, up, half length, half width, half height, pitch
            [0.0, 1.25, 0.5, 2.2, 0.35, 0.5, 0.0],
            [0.0, -1.25, 0.5, 2.2, 0.35, 0.5, 0.0],
            [-0.4, 0.0, 1.7, 2.3, 1.4, 0.65, 0.0],
            [1.2, 0.85, 2.6, 0.8, 0.55, 0.8, 0.0],
            [3.6, -0.2, 3.6, 2.8, 0.3, 0.4, 0.55],
            [6.4, -0.2, 3.5, 1.7, 0.25, 0.3, -1.0],
        ]
    )
    c, s = np.cos(yaw), np.sin(yaw)
    boxes = np.zeros((len(parts), 8))
    boxes[:, 0] = east + c * parts[:, 0] - s * parts[:, 1]
    boxes[:, 1] = north + s * parts[:, 0] + c * parts[:, 1]
    boxes[:, 2] = ground_m + parts[:, 2]
    boxes[:, 3:6] = parts[:, 3:6]
    boxes[:, 6] = yaw
    boxes[:, 7] = parts[:, 6]
    return boxes


def scatter_bushes(
    rng: np.random.Generator, ground: HeightGrid, candidates: NDArray[np.bool_], count: int, growth: float
) -> Array:
    """Bushes on the ground where `candidates` allows, (count, 4): centre and radius, m."""
    spots = np.flatnonzero(candidates)
    rows, cols = np.unravel_index(rng.choice(spots, size=count, replace=False), candidates.shape)
    radius = rng.uniform(0.35, 1.3, count) * growth
    return np.column_stack(
        [
            ground.east + cols * ground.cell_m,
            ground.north + rows * ground.cell_m,
            ground.z[rows, cols] + 0.5 * radius,
            radius,
        ]
    )


def scan_pit(pit: Pit, seed: int, density: float) -> tuple[list[list[StationScan]], dict[str, Any]]:
    """Scan both epochs from stations on the rim.

    Parameters
    ----------
    pit : Pit
        The pit.
    seed : int
        Seed of the sample.
    density : float
        Share of the usual number of points.

    Returns
    -------
    epochs : list of list of StationScan
        By epoch, by station.
    truth : dict
        The pit's truth, with stations, misregistration and places of machine and water.
    """
    east, north = pit.before.nodes
    u, v = pit.local(east, north)
    depth = pit.natural.z - pit.before.z
    puddle = ((u - 48.0) / 7.0) ** 2 + ((v + 32.0) / 4.5) ** 2 < 1.0
    wall = (depth > 0.5) & (pit.before.z > pit.floor_m + 3.0) & (u > -60.0)
    rim = (depth < 0.1) & (np.hypot(u / 1.25, v) < 150.0)
    stations = [_on_rim(pit, angle) for angle in TRIPODS_DEG]
    record, move = misregister(np.array([*pit.centre, pit.floor_m + 24.0]))
    epochs = []
    spots = (20.0, -8.0), (-22.0, 30.0)
    for number, (ground, spot) in enumerate(zip((pit.before, pit.after), spots, strict=True)):
        rng = random_stream(seed, "pit-bushes")
        growth = 1.0 + 0.12 * number
        bushes = np.vstack(
            [scatter_bushes(rng, ground, rim, 110, growth), scatter_bushes(rng, ground, wall, 45, growth)]
        )
        e, n = (float(k) for k in pit.world(np.array(spot[0]), np.array(spot[1])))
        machine = excavator(e, n, float(ground.at(np.array([e]), np.array([n]))[0]), 0.6 + 1.9 * number)
        scene = Scene(ground, puddle, machine, bushes)
        scans = []
        for index, station in enumerate(stations, start=1):
            toward = float(np.degrees(np.arctan2(pit.centre[0] - station[0], pit.centre[1] - station[1])))
            scan = scan_ground(
                scene,
                random_stream(seed, f"pit-noise-{number}-{index}"),
                station,
                index,
                azimuth_deg=(toward - VIEW_DEG, toward + VIEW_DEG),
                elevation_deg=(-48.0, 14.0),
                step_rad=STEP_RAD / np.sqrt(density),
                reach_m=330.0,
            )
            if number == 1:
                scan = StationScan(index, move(station[None])[0], move(scan.xyz), scan.intensity, scan.kind)
            scans.append(scan)
        epochs.append(scans)
    truth = {**pit.truth, "misregistration": record, "stations": [s.tolist() for s in stations]}
    return epochs, truth


def _on_rim(pit: Pit, angle_deg: float) -> Array:
    """An instrument 1.8 m over the ground, 1.5 m behind the rim, in a direction of the pit's own frame."""
    direction = np.radians(angle_deg)
    reach = np.arange(40.0, 185.0, 0.25)
    east, north = pit.world(reach * np.cos(direction), reach * np.sin(direction))
    dug = pit.natural.at(east, north) - pit.before.at(east, north) > 0.3
    at = min(int(np.flatnonzero(dug)[-1]) + 6, len(reach) - 1)
    ground = float(pit.before.at(east[at : at + 1], north[at : at + 1])[0])
    return np.round(np.array([east[at], north[at], ground + 1.8]), 3)
