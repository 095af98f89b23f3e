"""Outliers, floating clusters, bushes and machines."""

import numpy as np
import pytest

from sxrisk.errors import ParameterError
from sxrisk.scans import Scan, clean, ground

Array = np.ndarray
ORIGIN = np.array([512000.0, 4123000.0, 1200.0])


def benches(x: Array, y: Array) -> Array:
    """A pit of 15 m benches with 60 degree faces."""
    # Rather square than round: a round pit looks the same after a turn, and no fit could tell.
    depth = np.clip((90 - np.maximum(np.abs(x), np.abs(1.2 * y))) * 0.8, 0, 40) / 15.0
    step = np.floor(depth)
    return -(step + np.clip((depth - step - 0.5) / 0.5, 0, 1)) * 15.0 + 0.3 * np.sin(x / 7) * np.cos(y / 9) + 0.02 * x


def cloud(seed: int, n: int = 120_000) -> Array:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-110, 110, n), rng.uniform(-95, 95, n)
    return np.column_stack([x, y, benches(x, y)]) + rng.normal(0, 0.006, (n, 3))


def test_clean_takes_strays_and_clusters_but_keeps_far_ground() -> None:
    rng = np.random.default_rng(3)
    # Density falls with the square of the range, as from a tripod.
    radius = rng.uniform(3, 100, 30_000)
    angle = rng.uniform(0, 2 * np.pi, 30_000)
    plane = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), rng.normal(0, 0.01, 30_000)])
    strays = np.column_stack([rng.uniform(-60, 60, (40, 2)), rng.uniform(15, 40, 40)])
    bird = rng.normal([10, 10, 30], 0.05, (20, 3))
    result = clean(Scan(np.concatenate([plane, strays, bird])))
    assert not result.keep[30_000:].any()
    assert result.keep[:30_000].mean() > 0.999
    assert result.n_outliers + result.n_isolated == (~result.keep).sum()


def test_ground_keeps_benches_and_takes_what_stands_on_them() -> None:
    rng = np.random.default_rng(4)
    terrain = cloud(1)
    machine = rng.uniform([-2.5, -1.5, 0.4], [2.5, 1.5, 3.0], (800, 3))
    machine[:, 2] += benches(np.zeros(1), np.zeros(1))
    bushes = []
    for x, y in rng.uniform(-85, 85, (20, 2)):
        crown = rng.normal(0, 0.35, (60, 3))
        crown[:, 2] = np.abs(crown[:, 2]) + 0.3
        bushes.append(crown + np.array([x, y, benches(np.array([x]), np.array([y]))[0]]))
    things = np.concatenate([machine, *bushes])
    bare = ground(Scan(np.concatenate([terrain, things]) + ORIGIN))
    assert bare[: len(terrain)].mean() > 0.985
    assert bare[len(terrain) : len(terrain) + 800].mean() < 0.02
    assert bare[len(terrain) + 800 :].mean() < 0.35  # a bush on a bench face is hidden in what the slope allows
    with pytest.raises(ParameterError, match="object_m at least two cells"):
        ground(Scan(terrain), cell_m=1.0, object_m=1.0)
