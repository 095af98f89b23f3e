"""Seeded voids of known volume, scanned from inside: what cavity meshing is tested and measured on."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from sxrisk.scans import Scan

__all__ = ["Void", "make_void"]

Array = NDArray[np.float64]

BLIND_BELOW_DEG = -60.0
_TALLEST_M = 60.0
_CLEARANCE_M = 1.2


@dataclass(frozen=True)
class Void:
    """A rough superellipsoid about the origin with elliptical columns from floor to roof and, if open, a flat mouth.

    Parameters
    ----------
    half_axes_m : (3,) float64
        Half axes without relief.
    exponent : float
        2 is an ellipsoid; larger is nearer to a box.
    waves : (n, 5) float64
        Relief of the wall: direction (3), wave number and amplitude (share of the radius).
    pillars : (k, 4) float64
        Middle x, y and half axes of each column, metres.
    mouth_m : float
        The void ends at this x, where rays leave and do not return; infinite for a closed void.
    stations : (s, 3) float64
        Places of the scanner.
    noise_m : float
        1 sigma of a range.
    registration_m : float
        1 sigma of each coordinate of a station's place.
    volume_m3 : float
        Truth.
    """

    half_axes_m: Array
    exponent: float
    waves: Array
    pillars: Array
    mouth_m: float
    stations: Array
    noise_m: float
    registration_m: float
    volume_m3: float

    def inside(self, points: Array) -> NDArray[np.bool_]:
        """Whether points (n, 3) lie in the void."""
        return _inside_many(np.ascontiguousarray(points), *self._shape)

    def scans(self, n_rays: int, seed: int) -> list[Scan]:
        """One scan from each station: noise along the ray, one ray in a hundred lost, no floor below the tripod.

        Parameters
        ----------
        n_rays : int
            About how many rays a station sends out over its whole field of view.
        seed : int
            Of noise, loss and registration.

        Returns
        -------
        list of Scan
        """
        rng = np.random.default_rng([seed, 1])
        step = math.sqrt(2.0 * math.pi * (1.0 - math.sin(math.radians(BLIND_BELOW_DEG))) / n_rays)
        up = np.arange(math.radians(BLIND_BELOW_DEG), math.pi / 2.0, step)
        # As a tripod scanner turns: equal steps of both angles, dense towards the zenith, thinned there to even rays.
        around = [np.arange(max(4, round(2.0 * math.pi * math.cos(e) / step))) for e in up]
        elevation = np.concatenate([np.full(len(a), e) for a, e in zip(around, up, strict=True)])
        azimuth = np.concatenate([2.0 * math.pi * (a + rng.random()) / len(a) for a in around])
        rays = np.column_stack(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        found = []
        for station in self.stations:
            kept = rays[rng.random(len(rays)) > 0.01]
            reach = _cast(station, kept, *self._shape)
            kept, reach = kept[np.isfinite(reach)], reach[np.isfinite(reach)]
            place = station + rng.normal(0.0, 1.0, 3) * self.registration_m
            reach = reach + rng.normal(0.0, self.noise_m, len(reach))
            found.append(
                Scan(
                    place + kept * reach[:, None],
                    stations=[place],
                    range_sigma_m=self.noise_m,
                    registration_sigma_m=self.registration_m,
                )
            )
        return found

    @property
    def _shape(self) -> tuple[Array, float, Array, Array, float]:
        return self.half_axes_m, self.exponent, self.waves, self.pillars, self.mouth_m


def make_void(
    seed: int, *, n_stations: int | None = None, n_pillars: int | None = None, open_: bool | None = None
) -> Void:
    """Hollow out a void.

    Parameters
    ----------
    seed : int
        Same seed, same void.
    n_stations, n_pillars, open_ : optional
        Instead of what the seed draws: 1 to 4 stations, 0 to 3 pillars, one void in four open.

    Returns
    -------
    Void

    Examples
    --------
    >>> void = make_void(3, n_stations=2, n_pillars=1, open_=False)
    >>> len(void.stations), len(void.pillars), bool(void.inside(void.stations).all())
    (2, 1, True)
    """
    rng = np.random.default_rng([seed, 0])
    half = rng.uniform([12.0, 8.0, 3.5], [24.0, 16.0, 7.0])
    exponent = float(rng.uniform(2.0, 4.0))
    direction = rng.normal(size=(20, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    number = rng.uniform(2.0, 20.0, 20)
    waves = np.column_stack([direction, number, 0.05 / number**0.75 * rng.uniform(0.5, 1.5, 20)])
    drawn = int(rng.integers(1, 5)), int(rng.integers(0, 4)), bool(rng.random() < 0.25)
    stations_wanted = drawn[0] if n_stations is None else n_stations
    pillars_wanted = drawn[1] if n_pillars is None else n_pillars
    is_open = drawn[2] if open_ is None else open_
    mouth = 0.7 * half[0] if is_open else np.inf
    noise, registration = float(rng.uniform(0.002, 0.012)), float(rng.choice([0.0, 0.002, 0.005]))
    pillars: list[Array] = []
    while len(pillars) < pillars_wanted:
        x, y = rng.uniform(-0.55, 0.55, 2) * half[:2]
        radii = rng.uniform(0.8, 0.16 * half[1] + 0.4, 2)
        apart = all(math.hypot(x - p[0], y - p[1]) > radii.max() + p[2:].max() + 1.0 for p in pillars)
        if apart and x + radii[0] < mouth - 1.0:
            pillars.append(np.array([x, y, *radii]))
    columns = np.array(pillars).reshape(-1, 4)
    shape = (half, exponent, waves, columns, mouth)
    # Surveyors walk around pillars: stations stand in sectors, in turn on opposite sides.
    turn = rng.uniform(0.0, 2.0 * math.pi)
    places: list[Array] = []
    while len(places) < stations_wanted:
        k = len(places)
        angle = turn + math.pi * (k % 2) + math.pi / 2.0 * (k // 2) + rng.uniform(-0.4, 0.4)
        share = rng.uniform(0.35, 0.55) if stations_wanted > 1 else rng.uniform(0.0, 0.4)
        place = np.array([share * half[0] * math.cos(angle), share * half[1] * math.sin(angle), 0.0])
        clear = all(math.hypot(*(place[:2] - p[:2])) > p[2:].max() + _CLEARANCE_M for p in columns)
        if clear and place[0] < mouth - 1.0:
            place[2] = -_column(place[0], place[1], -1.0, half, exponent, waves) + 1.7
            places.append(place)
        else:
            turn += 0.1
    volume = float(_room_volume(half, exponent, waves, mouth)) - _pillar_volume(columns, half, exponent, waves)
    return Void(*shape, np.array(places), noise, registration, volume)


@njit(cache=True)
def _radius(dx: float, dy: float, dz: float, half: Array, exponent: float, waves: Array) -> float:
    """Distance from the middle to the wall in a unit direction, m."""
    inverse = abs(dx / half[0]) ** exponent + abs(dy / half[1]) ** exponent + abs(dz / half[2]) ** exponent
    relief = 1.0
    for k in range(waves.shape[0]):
        phase = dx * waves[k, 0] + dy * waves[k, 1] + dz * waves[k, 2]
        relief += waves[k, 4] * math.sin(waves[k, 3] * phase + k)
    return float(relief * inverse ** (-1.0 / exponent))


@njit(cache=True)
def _room(x: float, y: float, z: float, half: Array, exponent: float, waves: Array) -> float:
    """Positive in the room without pillars and mouth."""
    r = math.sqrt(x * x + y * y + z * z)
    return 1.0 if r < 1e-9 else _radius(x / r, y / r, z / r, half, exponent, waves) - r


@njit(cache=True)
def _gap(x: float, y: float, z: float, half: Array, exponent: float, waves: Array, pillars: Array) -> float:
    """Positive in the void, roughly in metres; the mouth is not there."""
    found = _room(x, y, z, half, exponent, waves)
    for k in range(pillars.shape[0]):
        away = math.hypot((x - pillars[k, 0]) / pillars[k, 2], (y - pillars[k, 1]) / pillars[k, 3]) - 1.0
        found = min(found, min(pillars[k, 2], pillars[k, 3]) * away)
    return found


@njit(cache=True)
def _inside_many(
    points: Array, half: Array, exponent: float, waves: Array, pillars: Array, mouth: float
) -> NDArray[np.bool_]:
    found = np.empty(len(points), np.bool_)
    for i in range(len(points)):
        x, y, z = points[i]
        found[i] = x < mouth and _gap(x, y, z, half, exponent, waves, pillars) > 0.0
    return found


@njit(cache=True, parallel=True)
def _cast(
    origin: Array, rays: Array, half: Array, exponent: float, waves: Array, pillars: Array, mouth: float
) -> Array:
    """Range of each ray (n,); infinite where it leaves by the mouth."""
    found = np.full(len(rays), np.inf)
    for k in prange(len(rays)):
        dx, dy, dz = rays[k]
        t, gap = 0.0, 1.0
        while t < _TALLEST_M:
            before = t
            # A quarter of the gap is a safe step for this relief; at least five centimetres keep grazing rays moving.
            t += max(0.05, 0.25 * gap)
            gap = _gap(origin[0] + t * dx, origin[1] + t * dy, origin[2] + t * dz, half, exponent, waves, pillars)
            if gap < 0.0:
                low, high = before, t
                for _ in range(40):
                    middle = 0.5 * (low + high)
                    x, y, z = origin[0] + middle * dx, origin[1] + middle * dy, origin[2] + middle * dz
                    if _gap(x, y, z, half, exponent, waves, pillars) > 0.0:
                        low = middle
                    else:
                        high = middle
                if origin[0] + low * dx < mouth:
                    found[k] = low
                break
    return found


@njit(cache=True)
def _column(x: float, y: float, way: float, half: Array, exponent: float, waves: Array) -> float:
    """From mid-height to the roof (way 1) or the floor (way -1) over a place in plan, m."""
    t = 0.0
    while _room(x, y, way * t, half, exponent, waves) > 0.0:
        t += 0.05
    low, high = t - 0.05, t
    for _ in range(40):
        middle = 0.5 * (low + high)
        if _room(x, y, way * middle, half, exponent, waves) > 0.0:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, parallel=True)
def _room_volume(half: Array, exponent: float, waves: Array, mouth: float) -> float:
    """A third of the integral of the cubed radius: even turns, midpoints in the height of each half (2 M rays)."""
    n_up, n_around = 1000, 2000
    total = 0.0
    for i in prange(n_up):
        # Midpoints in the angle; the weight is the exact area of the ring.
        low, high = -1.0 + 2.0 * i / n_up, -1.0 + 2.0 * (i + 1) / n_up
        dz = 0.5 * (low + high)
        flat = math.sqrt(1.0 - dz * dz)
        ring = 0.0
        for j in range(n_around):
            turn = 2.0 * math.pi * (j + 0.5) / n_around
            dx, dy = flat * math.cos(turn), flat * math.sin(turn)
            r = _radius(dx, dy, dz, half, exponent, waves)
            if dx > 0.0:
                r = min(r, mouth / dx)
            ring += r * r * r
        total += ring * (high - low) * 2.0 * math.pi / n_around
    return total / 3.0


def _pillar_volume(pillars: Array, half: Array, exponent: float, waves: Array) -> float:
    """Open height integrated over each pillar's footprint: Gauss-Legendre in the radius, even in the angle."""
    node, weight = np.polynomial.legendre.leggauss(16)
    radius, ring = 0.5 * (node + 1.0), (np.arange(64) + 0.5) * 2.0 * math.pi / 64
    total = 0.0
    for x, y, a, b in pillars:
        for r, w in zip(radius, weight, strict=True):
            heights = [
                _column(x + a * r * math.cos(t), y + b * r * math.sin(t), 1.0, half, exponent, waves)
                + _column(x + a * r * math.cos(t), y + b * r * math.sin(t), -1.0, half, exponent, waves)
                for t in ring
            ]
            total += a * b * 0.5 * w * r * float(np.mean(heights)) * 2.0 * math.pi
    return total
