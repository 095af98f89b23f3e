"""Motion along a surface: found where there is relief, said to be unknown where there is none."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.change import surface_motion
from sxrisk.errors import GeometryError, ParameterError

PLACES = [[4.0, 4.0, 0.0], [4.0, 8.0, 0.0], [8.0, 4.0, 0.0], [8.0, 8.0, 0.0]]


def surface(seed: int, shift: float = 0.0, *, rough: float = 1.0, across: float = 1.0) -> sx.Scan:
    """Waves in all directions, or with `across` 0 in one, that move along x."""
    waves = np.random.default_rng(5)
    k = waves.normal(0.0, 2.5, (30, 2)) * [1.0, across]
    phase, size = waves.uniform(0.0, 6.28, 30), waves.uniform(0.01, 0.05, 30)
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 12.0, (2, 34_000))
    z = rough * (size * np.cos(k[:, 0] * (x[:, None] - shift) + k[:, 1] * y[:, None] + phase)).sum(axis=1)
    return sx.Scan(np.column_stack([x, y, z + rng.normal(0.0, 0.008, x.shape)]))


def test_rough_ground_shows_its_motion() -> None:
    motion = surface_motion(surface(1), surface(2, 0.3), PLACES, window_m=4.0, max_motion_m=0.8)
    assert motion["determined"].all()
    error = motion[["east_m", "north_m", "up_m"]].to_numpy() - [0.3, 0.0, 0.0]
    sigma = motion[["sigma_east_m", "sigma_north_m", "sigma_up_m"]].to_numpy()
    assert np.abs(error).max() < 0.005
    assert np.abs(error / sigma).max() < 4.0


@pytest.mark.parametrize(
    ("form", "rank", "reason"),
    [({"rough": 0.0}, 0, "no relief to hold on to"), ({"across": 0.0}, 1, "relief in one direction only")],
)
def test_what_leaves_no_trace_is_not_determined(form: dict[str, float], rank: int, reason: str) -> None:
    motion = surface_motion(surface(3, **form), surface(4, 0.3, **form), PLACES, window_m=4.0, max_motion_m=0.8)
    assert not motion["determined"].any()
    assert (motion["rank"] == rank).all()
    assert (motion["reason"] == reason).all()
    assert motion[["east_m", "north_m", "up_m", "sigma_east_m"]].isna().to_numpy().all()


def test_options_are_checked() -> None:
    scan = surface(1)
    with pytest.raises(ParameterError, match="at most a third of the window"):
        surface_motion(scan, scan, PLACES, window_m=1.0, max_motion_m=0.5)
    with pytest.raises(GeometryError, match=r"shape \(m, 3\)"):
        surface_motion(scan, scan, [[1.0, 2.0]], window_m=3.0, max_motion_m=0.5)
