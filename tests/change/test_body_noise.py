"""False bodies, counted: where nothing moved, twenty pairs of independent scans show none."""

from collections.abc import Callable

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.change import label_bodies

SEEDS = range(20)
POINTS = 6_500


def smooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.05 * x + 0.3 * np.sin(y / 5.0)


def rough(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    waves = np.random.default_rng(5)
    k, phase = waves.normal(0.0, 1.5, (25, 2)), waves.uniform(0.0, 6.28, 25)
    return 0.03 * np.cos(x[:, None] * k[:, 0] + y[:, None] * k[:, 1] + phase).sum(axis=1)


def benches(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Steps of 4 m with faces of 70 degrees."""
    step, along = np.divmod(x, 8.0)
    return 4.0 * step + np.clip(2.75 * (along - 6.5), 0.0, 4.0) + 0.1 * np.sin(y)


def scan(surface: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int) -> sx.Scan:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 20.0, POINTS), rng.uniform(0.0, 16.0, POINTS)
    points = np.column_stack([x, y, surface(x, y)]) + rng.normal(0.0, 0.01, (POINTS, 3))
    return sx.Scan(points, registration_sigma_m=0.0)


@pytest.mark.parametrize(("surface", "along"), [(smooth, False), (benches, False), (rough, True)])
def test_no_body_on_independent_noise(surface: Callable[[np.ndarray, np.ndarray], np.ndarray], along: bool) -> None:
    """Without an allowance for registration, along the normal, and along the surface where relief could tell it."""
    share, bodies = [], 0
    for seed in SEEDS:
        before, after = scan(surface, 2 * seed), scan(surface, 2 * seed + 1)
        change = sx.m3c2(before, after, core_spacing_m=0.8, normal_radius_m=1.2, cylinder_radius_m=0.6, max_depth_m=1.5)
        share.append(float(change.significant[change.reason == 0].mean()))
        bodies += len(label_bodies(change, before, after, min_area_m2=2.0, along_surface=along).table)
    # Single core points do exceed their level of detection, as they should.
    assert 0.02 < np.mean(share) < 0.15
    assert bodies == 0
