"""The goaf: an underground room with a pillar, star-shaped from its middle, scanned from two stations."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from sxrisk.sample.frame import random_stream
from sxrisk.sample.scanner import StationScan, beams, observe

__all__ = ["Goaf", "make_goaf", "scan_goaf", "solid_volume_m3"]

Array = NDArray[np.float64]

HALF_AXES_M = (23.0, 15.0, 6.5)
EXPONENT = 3.0
PILLAR_UV_M = (3.0, 1.5)
PILLAR_RADII_M = (2.6, 2.0)
YAW_RAD = np.radians(-25.0)
STEP_RAD = 0.0092
BLIND_BELOW_DEG = -60.0


@dataclass(frozen=True)
class Goaf:
    """The room.

    Parameters
    ----------
    centre : (3,) float64
        Middle, EPSG:4547 and 1985 height.
    waves : (n, 5) float64
        Relief of the wall: direction (3), wave number and amplitude (share of the radius).
    truth : dict
        What is known exactly.
    """

    centre: Array
    waves: Array
    truth: dict[str, Any]


@njit(cache=True)
def _radius(dx: float, dy: float, dz: float, waves: Array) -> float:
    """Distance from the middle to the wall in a unit direction, m, without the pillar."""
    inverse = abs(dx / HALF_AXES_M[0]) ** EXPONENT + abs(dy / HALF_AXES_M[1]) ** EXPONENT
    inverse += abs(dz / HALF_AXES_M[2]) ** EXPONENT
    relief = 1.0
    for k in range(waves.shape[0]):
        phase = dx * waves[k, 0] + dy * waves[k, 1] + dz * waves[k, 2]
        relief += waves[k, 4] * math.sin(waves[k, 3] * phase + k)
    return relief * inverse ** (-1.0 / EXPONENT)


@njit(cache=True)
def _inside(x: float, y: float, z: float, waves: Array) -> float:
    """Positive in the open room (roughly in metres), negative in rock."""
    r = math.sqrt(x * x + y * y + z * z)
    wall = 1.0 if r < 1e-9 else _radius(x / r, y / r, z / r, waves) - r
    pillar = math.hypot((x - PILLAR_UV_M[0]) / PILLAR_RADII_M[0], (y - PILLAR_UV_M[1]) / PILLAR_RADII_M[1]) - 1.0
    return min(wall, 2.0 * pillar)


@njit(cache=True, parallel=True)
def _cast(origin: Array, directions: Array, waves: Array, reach: float) -> tuple:
    n = directions.shape[0]
    distance = np.full(n, np.inf)
    cosine = np.ones(n)
    for k in prange(n):
        dx, dy, dz = directions[k, 0], directions[k, 1], directions[k, 2]
        t = 0.0
        gap = _inside(origin[0], origin[1], origin[2], waves)
        while t < reach:
            # a quarter of the gap is a safe step for this shape; a tenth of a metre keeps grazing rays moving
            before = t
            t += max(0.1, 0.25 * gap)
            gap = _inside(origin[0] + t * dx, origin[1] + t * dy, origin[2] + t * dz, waves)
            if gap < 0.0:
                low, high = before, t
                for _ in range(28):
                    middle = 0.5 * (low + high)
                    if _inside(origin[0] + middle * dx, origin[1] + middle * dy, origin[2] + middle * dz, waves) > 0.0:
                        low = middle
                    else:
                        high = middle
                distance[k] = 0.5 * (low + high)
                x = origin[0] + distance[k] * dx
                y = origin[1] + distance[k] * dy
                z = origin[2] + distance[k] * dz
                e = 1e-3
                gx = _inside(x + e, y, z, waves) - _inside(x - e, y, z, waves)
                gy = _inside(x, y + e, z, waves) - _inside(x, y - e, z, waves)
                gz = _inside(x, y, z + e, waves) - _inside(x, y, z - e, waves)
                norm = math.sqrt(gx * gx + gy * gy + gz * gz) + 1e-30
                cosine[k] = abs(gx * dx + gy * dy + gz * dz) / norm
                break
    return distance, cosine


@njit(cache=True, parallel=True)
def _columns(x: Array, y: Array, waves: Array, half_z: float, steps: int) -> Array:
    """Open height over each plan position, m: the room without the pillar, by marching and bisection."""
    out = np.zeros(x.size)
    for k in prange(x.size):
        step = 2.0 * half_z / steps
        was = -1.0
        enter = 0.0
        for s in range(steps + 1):
            z = -half_z + s * step
            r = math.sqrt(x[k] ** 2 + y[k] ** 2 + z * z)
            now = 1.0 if r < 1e-9 else _radius(x[k] / r, y[k] / r, z / r, waves) - r
            if (now > 0.0) != (was > 0.0):
                low, high = z - step, z
                for _ in range(40):
                    middle = 0.5 * (low + high)
                    q = math.sqrt(x[k] ** 2 + y[k] ** 2 + middle * middle)
                    value = 1.0 if q < 1e-9 else _radius(x[k] / q, y[k] / q, middle / q, waves) - q
                    if (value > 0.0) == (was > 0.0):
                        low = middle
                    else:
                        high = middle
                if now > 0.0:
                    enter = 0.5 * (low + high)
                else:
                    out[k] += 0.5 * (low + high) - enter
            was = now
    return out


def solid_volume_m3(waves: Array, nodes: int = 160) -> float:
    """Volume of the room without the pillar: a third of the integral of the cubed radius over the sphere.

    Parameters
    ----------
    waves : (n, 5) float64
        Relief of the wall.
    nodes : int
        Gauss-Legendre nodes over each half of the height; nine times as many even ones around.

    Returns
    -------
    float
        m3.
    """
    node, weight = np.polynomial.legendre.leggauss(nodes)
    # the wall's third derivative jumps at mid-height: each half has its own nodes
    height = np.concatenate([0.5 * (node - 1.0), 0.5 * (node + 1.0)])
    around = 9 * nodes
    turn = (np.arange(around) + 0.5) * 2.0 * np.pi / around
    total = 0.0
    for z, w in zip(height, np.tile(0.5 * weight, 2), strict=True):
        flat = math.sqrt(1.0 - z * z)
        radius = _radii(flat * np.cos(turn), flat * np.sin(turn), float(z), waves)
        total += w * float(np.sum(radius**3)) * 2.0 * np.pi / around
    return float(total / 3.0)


@njit(cache=True)
def _radii(dx: Array, dy: Array, dz: float, waves: Array) -> Array:
    out = np.empty(dx.size)
    for k in range(dx.size):
        out[k] = _radius(dx[k], dy[k], dz, waves)
    return out


def make_goaf(seed: int, centre: Array) -> Goaf:
    """Hollow out the room.

    Parameters
    ----------
    seed : int
        Seed of the sample.
    centre : (3,) float64
        Middle, EPSG:4547 and height.

    Returns
    -------
    Goaf
    """
    waves, room, pillar = _room(seed)
    ring = np.linspace(0, 2 * np.pi, 73)
    radius = _radii(np.cos(ring), np.sin(ring), 0.0, waves)
    east, north = _to_world(centre, radius * np.cos(ring), radius * np.sin(ring))
    pillar_east, pillar_north = _to_world(centre, np.array([PILLAR_UV_M[0]]), np.array([PILLAR_UV_M[1]]))
    truth = {
        "volume_m3": float(room - pillar),
        "room_without_pillar_m3": room,
        "pillar_m3": pillar,
        "pillar": {
            "middle": [float(pillar_east[0]), float(pillar_north[0])],
            "radii_m": list(PILLAR_RADII_M),
            "shape": "upright elliptical column from floor to roof",
        },
        "centre": centre.tolist(),
        "half_axes_m": list(HALF_AXES_M),
        "roof_height_m": float(centre[2] + _radii(np.zeros(1), np.zeros(1), 1.0, waves)[0]),
        "floor_height_m": float(centre[2] - _radii(np.zeros(1), np.zeros(1), -1.0, waves)[0]),
        "outline": np.column_stack([east, north]).tolist(),
    }
    return Goaf(centre, waves, truth)


@lru_cache(maxsize=4)
def _room(seed: int) -> tuple[Array, float, float]:
    """Relief of the wall, volume without the pillar, volume of the pillar; the same wherever the room lies."""
    rng = random_stream(seed, "goaf")
    count = 26
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    number = rng.uniform(2.0, 22.0, count)
    waves = np.column_stack([direction, number, 0.055 / number**0.75 * rng.uniform(0.5, 1.5, count)])
    return waves, solid_volume_m3(waves), _pillar_volume(waves)


def _pillar_volume(waves: Array) -> float:
    """Open height integrated over the pillar's elliptical footprint (Gauss-Legendre in radius, even in angle)."""
    node, weight = np.polynomial.legendre.leggauss(24)
    radius, ring = 0.5 * (node + 1.0), (np.arange(96) + 0.5) * 2 * np.pi / 96
    r, a = np.meshgrid(radius, ring, indexing="ij")
    x = PILLAR_UV_M[0] + PILLAR_RADII_M[0] * r * np.cos(a)
    y = PILLAR_UV_M[1] + PILLAR_RADII_M[1] * r * np.sin(a)
    height = _columns(x.ravel(), y.ravel(), waves, 10.0, 400).reshape(r.shape)
    inner = (height * r).sum(axis=1) * 2 * np.pi / 96
    return float(PILLAR_RADII_M[0] * PILLAR_RADII_M[1] * 0.5 * np.sum(weight * inner))


def _to_world(centre: Array, x: Array, y: Array) -> tuple[Array, Array]:
    c, s = np.cos(YAW_RAD), np.sin(YAW_RAD)
    return centre[0] + c * x - s * y, centre[1] + s * x + c * y


def scan_goaf(goaf: Goaf, seed: int, density: float) -> tuple[list[StationScan], dict[str, Any]]:
    """Scan the room from two tripods, one on each side of the pillar.

    Parameters
    ----------
    goaf : Goaf
        The room.
    seed : int
        Seed of the sample.
    density : float
        Share of the usual number of points.

    Returns
    -------
    scans : list of StationScan
    truth : dict
        With the stations and the cone below the tripod that no beam reaches.
    """
    scans = []
    stations = []
    floor = goaf.truth["floor_height_m"] - goaf.centre[2]
    for index, (x, y) in enumerate(((-8.5, -2.0), (11.5, 2.5)), start=1):
        # the floor under the tripod, found from the room itself
        z = floor + 3.0
        while _inside(x, y, z - 0.02, goaf.waves) > 0.0:
            z -= 0.02
        local = np.array([x, y, z + 1.7])
        east, north = _to_world(goaf.centre, np.array([x]), np.array([y]))
        station = np.round(np.array([east[0], north[0], goaf.centre[2] + local[2]]), 3)
        c, s = np.cos(-YAW_RAD), np.sin(-YAW_RAD)
        off = station - goaf.centre
        origin = np.array([c * off[0] - s * off[1], s * off[0] + c * off[1], off[2]])
        directions = beams((0.0, 360.0), (BLIND_BELOW_DEG, 89.5), STEP_RAD / np.sqrt(density))
        turned = np.column_stack(
            [
                c * directions[:, 0] - s * directions[:, 1],
                s * directions[:, 0] + c * directions[:, 1],
                directions[:, 2],
            ]
        )
        distance, cosine = _cast(origin, turned, goaf.waves, 70.0)
        kind = np.where(np.isfinite(distance), 1, 0).astype(np.uint8)
        rng = random_stream(seed, f"goaf-noise-{index}")
        scans.append(observe(rng, station, directions, distance, kind, cosine, index))
        stations.append(station.tolist())
    return scans, {**goaf.truth, "stations": stations, "blind_below_deg": BLIND_BELOW_DEG}
