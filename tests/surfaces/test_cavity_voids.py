"""Seeded voids of known volume: the interval holds the truth, and curved walls lose nothing."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.sample.voids import make_void


def test_truth_of_a_void_is_its_volume():
    void = make_void(5, n_stations=2, n_pillars=2, open_=True)
    rng = np.random.default_rng(0)
    box = 2.5 * void.half_axes_m
    inside = void.inside((rng.random((200_000, 3)) - 0.5) * box).mean()
    sigma = np.sqrt((1.0 - inside) / inside / 200_000)
    assert inside * box.prod() == pytest.approx(void.volume_m3, rel=4.0 * sigma)


@pytest.mark.parametrize("seed", range(3))
def test_closed_void_without_pillars_is_exact_to_a_few_parts_in_ten_thousand(seed):
    void = make_void(seed, n_stations=2, n_pillars=0, open_=False)
    cavity = sx.mesh_cavity(void.scans(20_000, seed), max_directions=8000)
    assert cavity.volume_m3 == pytest.approx(void.volume_m3, rel=1e-3)
    assert cavity.volume_low_m3 <= void.volume_m3 <= cavity.volume_high_m3
    report = cavity.mesh.check()
    assert report.watertight
    assert report.vertex_manifold
    assert report.oriented


@pytest.mark.parametrize(
    ("seed", "more"),
    [
        (11, {"n_stations": 1, "n_pillars": 0, "open_": True}),
        (13, {"n_stations": 3, "n_pillars": 2, "open_": False}),
        (14, {"n_stations": 4, "n_pillars": 1, "open_": True}),
    ],
)
def test_truth_lies_in_the_interval(seed, more):
    void = make_void(seed, **more)
    cavity = sx.mesh_cavity(void.scans(12_000, seed), max_directions=5000)
    assert cavity.volume_low_m3 <= void.volume_m3 <= cavity.volume_high_m3
    assert cavity.volume_low_m3 <= cavity.volume_m3 <= cavity.volume_high_m3
    assert cavity.mesh.is_watertight
    if more["open_"]:
        assert (cavity.face_kind == 1).any()
