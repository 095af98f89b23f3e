"""A terrestrial laser scanner: its grid of beams, its noise, what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sxrisk.sample import raycast
from sxrisk.sample.surface import HeightGrid

__all__ = ["NOISE", "Scene", "StationScan", "beams", "misregister", "observe", "rotation", "scan_ground"]

Array = NDArray[np.float64]

NOISE = {
    "range_sigma_m": "0.005 + 0.005 * (1 - cos(incidence))",
    "angular_sigma_rad": 2e-5,
    "missing_share": "0.01 + 0.5 * max(0, (incidence_deg - 80) / 10); water returns nothing",
}
_ANGULAR_SIGMA_RAD = 2e-5


@dataclass(frozen=True)
class StationScan:
    """What one station measured.

    Parameters
    ----------
    number : int
        Station number, from 1.
    station : (3,) float64
        Instrument, EPSG:4547 and 1985 height, m.
    xyz : (n, 3) float64
        Points in the order of the beams.
    intensity : (n,) uint16
        Strength of the return.
    kind : (n,) uint8
        What each point lies on (truth; never written into the scan files).
    """

    number: int
    station: Array
    xyz: Array
    intensity: NDArray[np.uint16]
    kind: NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Everything that can stand in a beam's way at one epoch.

    Parameters
    ----------
    ground : HeightGrid
        The ground.
    wet : (n_north, n_east) bool
        Where the ground is under water.
    boxes : (n, 8) float64
        Machine parts: centre (EPSG:4547, height), half sides, yaw, pitch.
    bushes : (n, 4) float64
        Centres (EPSG:4547, height) and radii.
    """

    ground: HeightGrid
    wet: NDArray[np.bool_]
    boxes: Array
    bushes: Array


def beams(azimuth_deg: tuple[float, float], elevation_deg: tuple[float, float], step_rad: float) -> Array:
    """Unit vectors of an angular grid, one column of beams after the other, as a scanner turns.

    Parameters
    ----------
    azimuth_deg : (float, float)
        From and to, clockwise from north.
    elevation_deg : (float, float)
        From and to, above the horizon.
    step_rad : float
        Between beams, both ways.

    Returns
    -------
    (n, 3) float64

    Examples
    --------
    >>> beams((0.0, 90.0), (0.0, 0.1), 0.1).shape
    (16, 3)
    """
    azimuth = np.arange(np.radians(azimuth_deg[0]), np.radians(azimuth_deg[1]), step_rad)
    elevation = np.arange(np.radians(elevation_deg[0]), np.radians(elevation_deg[1]), step_rad)
    a, e = np.meshgrid(azimuth, elevation, indexing="ij")
    return np.column_stack([(np.sin(a) * np.cos(e)).ravel(), (np.cos(a) * np.cos(e)).ravel(), np.sin(e).ravel()])


def observe(
    rng: np.random.Generator,
    station: Array,
    directions: Array,
    distance: Array,
    kind: NDArray[np.uint8],
    cosine: Array,
    number: int,
) -> StationScan:
    """Points with noise, from ranges without: noise grows with incidence, some beams come back empty.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of noise.
    station : (3,) float64
        Instrument.
    directions : (n, 3) float64
        Unit vectors.
    distance : (n,) float64
        True range, inf for nothing, m.
    kind : (n,) uint8
        What was met.
    cosine : (n,) float64
        Cosine of incidence.
    number : int
        Station number.

    Returns
    -------
    StationScan
    """
    n = len(distance)
    incidence = np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0)))
    missing = rng.random(n) < 0.01 + 0.5 * np.clip((incidence - 80.0) / 10.0, 0.0, None)
    noise = (0.005 + 0.005 * (1.0 - cosine)) * rng.standard_normal(n)
    turn = _ANGULAR_SIGMA_RAD * rng.standard_normal((n, 3))
    shine = rng.standard_normal(n)
    keep = np.isfinite(distance) & (kind != raycast.WATER) & ~missing
    ranged = (np.where(keep, distance, 0.0) + noise)[:, None]
    xyz = station + ranged * (directions + turn)
    albedo = np.choose(kind, [0.0, 0.42, 0.62, 0.30, 0.0])
    falloff = 1.0 / (1.0 + np.where(keep, distance, 0.0) / 150.0)
    strength = 65535 * albedo * falloff * (0.35 + 0.65 * cosine) * (1.0 + 0.06 * shine)
    # real instruments give some 8 usable bits; the low bits would be noise that only makes files larger
    intensity = np.clip(strength, 0, 65535).astype(np.uint16) // 512 * 512
    return StationScan(number, station, xyz[keep], intensity[keep], kind[keep])


def scan_ground(
    scene: Scene,
    rng: np.random.Generator,
    station: Array,
    number: int,
    *,
    azimuth_deg: tuple[float, float],
    elevation_deg: tuple[float, float],
    step_rad: float,
    reach_m: float,
) -> StationScan:
    """Scan a scene from one station.

    Parameters
    ----------
    scene : Scene
        What is there.
    rng : numpy.random.Generator
        Source of noise.
    station : (3,) float64
        Instrument, EPSG:4547 and height.
    number : int
        Station number.
    azimuth_deg, elevation_deg : (float, float)
        Field of view.
    step_rad : float
        Between beams.
    reach_m : float
        Longest range.

    Returns
    -------
    StationScan
    """
    grid = scene.ground
    origin = np.array([grid.east, grid.north, 0.0])
    directions = beams(azimuth_deg, elevation_deg, step_rad)
    # a bush is no wall: rays stop in it after an exponentially spread depth of leaves
    leaf_depth = rng.exponential(0.6, len(directions))
    boxes = scene.boxes.copy()
    boxes[:, :3] -= origin
    bushes = scene.bushes.copy()
    bushes[:, :3] -= origin
    distance, kind, cosine = raycast.cast_on_ground(
        grid.z,
        raycast.coarse_maximum(grid.z, grid.cell_m),
        grid.cell_m,
        scene.wet,
        boxes,
        bushes,
        station - origin,
        directions,
        leaf_depth,
        reach_m,
    )
    return observe(rng, station, directions, distance, kind, cosine, number)


def rotation(axis: Array, angle_rad: float) -> Array:
    """Rotation matrix about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1.0 - np.cos(angle_rad)) * cross @ cross


def misregister(centre: Array) -> tuple[dict[str, object], Callable[[Array], Array]]:
    """The registration error of a second epoch: 0.2 mrad about `centre` and 15 mm, as a record and as a function.

    Parameters
    ----------
    centre : (3,) float64
        Point that the rotation leaves in place, EPSG:4547 and height.

    Returns
    -------
    record : dict
        Axis, angle, centre, translation and the 4 x 4 matrix for coordinates taken from `centre`.
    move : callable
        Takes true coordinates (n, 3) to those in the files.
    """
    axis = np.array([0.6, 0.64, 0.48])
    shift = np.array([0.010, -0.010, 0.005])
    turn = rotation(axis, 2e-4)
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = shift
    record: dict[str, object] = {
        "applies_to": "second epoch, all stations: file = centre + R (true - centre) + t",
        "centre": centre.tolist(),
        "axis": axis.tolist(),
        "angle_rad": 2e-4,
        "translation_m": shift.tolist(),
        "matrix_about_centre": matrix.tolist(),
    }
    return record, lambda xyz: centre + (xyz - centre) @ turn.T + shift
