"""Scenes with planted errors: a terrestrial plain, a room with a pillar, a pit with things on its benches."""

import numpy as np

Array = np.ndarray
ORIGIN = np.array([512000.0, 4123000.0, 1200.0])


def plain(n: int = 8_000, seed: int = 0) -> Array:
    """A plain seen from a tripod (density falls with the range) with strays, a bird and a swarm above it."""
    rng = np.random.default_rng(seed)
    radius, angle = rng.uniform(3, 100, n), rng.uniform(0, 2 * np.pi, n)
    ground = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), rng.normal(0, 0.01, n)])
    strays = np.column_stack([rng.uniform(-60, 60, (20, 2)), rng.uniform(15, 40, 20)])
    return np.vstack([ground, strays, rng.normal([10, 10, 30], 0.05, (20, 3)), rng.normal([0, 20, 5], 0.05, (30, 3))])


def room(station: Array, seed: int, ghosts: int = 0, mixed: bool = False, step: float = 0.008) -> tuple[Array, Array]:
    """A room of 12 x 8 x 5 m with a round pillar from one station: points, and 0 true, 1 mixed pixel, 2 ghost."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = np.meshgrid(np.arange(0.0013, 2 * np.pi, step), np.arange(-1.2, 1.5, step), indexing="ij")
    d = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    half = np.array([6.0, 4.0, 2.5])
    wall = np.where(d > 0, (half - station) / d, (-half - station) / d).min(-1)
    to_axis = np.array([2.0, 1.0]) - station[:2]
    a, b = (d[..., :2] ** 2).sum(-1), d[..., :2] @ to_axis
    under = b * b - a * (to_axis @ to_axis - 0.16)
    pillar = np.where(under > 0, (b - np.sqrt(np.maximum(under, 0))) / a, np.inf)
    hit = (pillar > 0) & (pillar < wall)
    distance, kind = np.where(hit, pillar, wall), np.zeros(wall.shape, int)
    if mixed:
        edge = hit & (hit != np.roll(hit, 1, axis=0)) & (wall - distance > 1.0)
        distance = np.where(edge, distance + rng.uniform(0.3, 0.7, wall.shape) * (wall - distance), distance)
        kind[edge] = 1
    distance, kind, d = distance.ravel(), kind.ravel(), d.reshape(-1, 3)
    chosen = rng.choice(np.flatnonzero(kind == 0), ghosts, replace=False)
    distance[chosen] *= rng.uniform(1.2, 1.6, ghosts)
    kind[chosen] = 2
    return station + d * (distance + rng.normal(0, 0.004, len(d)))[:, None], kind


def benches(x: Array, y: Array, face_deg: float = 70.0) -> Array:
    """A pit of 15 m benches, 25 m apart in plan."""
    depth = np.clip((90 - np.maximum(np.abs(x), np.abs(1.2 * y))) * 0.6, 0, 40) / 15.0
    step = np.floor(depth)
    face = 15.0 / np.tan(np.radians(face_deg)) * 0.6 / 15.0
    return -(step + np.clip((depth - step - 1 + face) / face, 0, 1)) * 15.0 + 0.3 * np.sin(x / 7) * np.cos(y / 9)


def pit(seed: int, n: int = 150_000) -> tuple[Array, Array]:
    """Points of that pit, and which lie on a face."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-110, 110, n), rng.uniform(-95, 95, n)
    steep = np.hypot(benches(x + 1e-3, y) - benches(x, y), benches(x, y + 1e-3) - benches(x, y)) > 1e-3
    return np.column_stack([x, y, benches(x, y)]) + rng.normal(0, 0.006, (n, 3)), steep


def box(rng: np.random.Generator, at: Array, size: tuple[float, float, float], n: int) -> Array:
    """Points on the sides and the top of a box turned at random that stands on a pit's bench."""
    points = rng.uniform([-0.5, -0.5, 0.0], [0.5, 0.5, 1.0], (n, 3))
    side = rng.integers(0, 5, n)
    for axis, value, number in ((0, -0.5, 0), (0, 0.5, 1), (1, -0.5, 2), (1, 0.5, 3), (2, 1.0, 4)):
        points[side == number, axis] = value
    points *= size
    turn = rng.uniform(0, np.pi)
    points[:, :2] = points[:, :2] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return points + np.array([*at, benches(at[:1], at[1:])[0]])
