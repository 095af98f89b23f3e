"""Made-up ground and rooms whose true motions are known, for the registration tests."""

import numpy as np
from scipy.spatial.transform import Rotation

from sxrisk.scans import Registration, Scan

Array = np.ndarray
ORIGIN = np.array([512000.0, 4123000.0, 1200.0])


def benches(x: Array, y: Array) -> Array:
    """A pit of 15 m benches with 60 degree faces, without any symmetry."""
    out = np.maximum(np.abs(x + 0.1 * y), np.abs(1.2 * y - 0.003 * x**2))
    depth = np.clip((90 - out) * 0.8, 0, 40) / 15.0
    step = np.floor(depth)
    return -(step + np.clip((depth - step - 0.5) / 0.5, 0, 1)) * 15.0 + 0.3 * np.sin(x / 7) * np.cos(y / 9) + 0.02 * x


def pit(seed: int, n: int = 60_000, noise: float = 0.006) -> Array:
    """Points (n, 3) of the pit, drawn anew with every seed."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-110, 110, n), rng.uniform(-95, 95, n)
    return np.column_stack([x, y, benches(x, y)]) + rng.normal(0, noise, (n, 3))


def hill(seed: int, n: int = 20_000, noise: float = 0.006) -> Array:
    """Points (n, 3) of rolling ground with one steep slope."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-40, 40, n), rng.uniform(-35, 35, n)
    z = 3 * np.sin(x / 9) * np.cos(y / 11) + 0.05 * x + 1.5 * np.tanh((x - 5) / 4)
    return np.column_stack([x, y, z]) + rng.normal(0, noise, (n, 3))


def bent(points: Array, height_m: float, seed: int) -> Array:
    """Points (n, 3) with an error in height that neighbours share over about two metres."""
    if height_m == 0.0:
        return points
    rng = np.random.default_rng(90_000 + seed)
    wave = rng.normal(0, 0.6, (60, 2))
    phase = points[:, :2] @ wave.T + rng.uniform(0, 2 * np.pi, 60)
    raised = points.copy()
    raised[:, 2] += height_m * np.sqrt(2 / 60) * np.cos(phase).sum(axis=1)
    return raised


def plane(seed: int, n: int = 20_000) -> Array:
    """A level floor."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0, 60, n), rng.uniform(0, 50, n), rng.normal(0, 0.006, n)])


def tunnel(seed: int, n: int = 30_000) -> Array:
    """A round tunnel along x."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, n), 4 + rng.normal(0, 0.006, n)
    return np.column_stack([rng.uniform(0, 40, n), radius * np.cos(angle), radius * np.sin(angle)])


def motion(turn_rad: Array, shift_m: Array) -> Array:
    """A motion (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(turn_rad).as_matrix()
    matrix[:3, 3] = shift_m
    return matrix


def displaced(points: Array, matrix: Array) -> Array:
    """Points (n, 3) after a motion about the scene's middle."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def scan(points: Array, **options: object) -> Scan:
    """Points of a scene as a scan with large coordinates."""
    return Scan(points + ORIGIN, **options)


def error_of(found: Registration, made: Array) -> tuple[float, float, float]:
    """What is left of the made motion: shift (m), turn (mrad), and both squared in units of the stated covariance."""
    here = found.about(ORIGIN)
    left = here.matrix @ made
    turn = Rotation.from_matrix(left[:3, :3]).as_rotvec()
    vector = np.concatenate([turn, left[:3, 3]])
    squared = float(vector @ np.linalg.solve(here.covariance, vector))
    return float(np.linalg.norm(left[:3, 3])), float(np.linalg.norm(turn) * 1e3), squared


QUARRY = 0.3
"""Size of the quarry that stations are set up in, in terms of the pit."""


def quarry_floor(x: Array, y: Array) -> Array:
    """The pit on a smaller scale, with loose rock."""
    rock = 0.06 * np.sin(2.1 * x + 0.3 * y) * np.sin(1.7 * y)
    return QUARRY * benches(x / QUARRY, y / QUARRY) + rock


def quarry_station(seed: int, eye: Array, n: int = 40_000) -> Array:
    """What a scanner at `eye` sees of the quarry: thinner with the range, and nothing behind a crest."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-33, 33, 6 * n), rng.uniform(-28, 28, 6 * n)
    points = np.column_stack([x, y, quarry_floor(x, y)])
    distance = np.linalg.norm(points - eye, axis=1)
    points = points[rng.random(len(points)) < np.clip(15.0 / distance, 0.0, 1.0) ** 2]
    away = points - eye
    seen = np.ones(len(points), dtype=bool)
    for share in np.linspace(0.05, 0.98, 40):
        between = eye + share * away
        seen &= between[:, 2] > quarry_floor(between[:, 0], between[:, 1]) - 0.05
    points, away = points[seen][:n], away[seen][:n]
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    return points + away / distance * rng.normal(0, 0.005, (len(points), 1)) + rng.normal(0, 0.001, points.shape)


def room_station(seed: int, eye: Array, n: int = 60_000) -> Array:
    """What a scanner at `eye` sees of a closed, uneven room of 40 x 24 x 14 m."""
    rng = np.random.default_rng(seed)
    way = rng.normal(0, 1, (8 * n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    bumps = 1 + 0.08 * np.sin(5 * way[:, 0] + 1) * np.cos(4 * way[:, 1]) + 0.05 * np.sin(7 * way[:, 2] + 3 * way[:, 1])
    points = way * [20.0, 12.0, 7.0] * bumps[:, None]
    away = points - eye
    distance = np.linalg.norm(away, axis=1)
    keep = rng.random(len(points)) < np.clip(6.0 / distance, 0, 1) ** 2
    points, away, distance = points[keep][:n], away[keep][:n], distance[keep][:n, None]
    return points + away / distance * rng.normal(0, 0.005, (len(points), 1)) + rng.normal(0, 0.001, points.shape)
