"""Starts found by features: far away, where the given position does not fit, mirrored scans, other places."""

import numpy as np
import pytest

from sxrisk.errors import GeometryError, UnverifiedInputWarning
from sxrisk.scans import register
from tests.scans.registration_scenes import displaced, error_of, hill, motion, pit, quarry_station, scan

FINE = {"max_points": 4000}


def test_given_position_that_does_not_fit_is_searched_for() -> None:
    made = motion(np.radians([2.0, -3.0, 50.0]), np.array([80.0, -40.0, 6.0]))
    with pytest.warns(UnverifiedInputWarning, match=r"does not fit fixed scan in the given position; .* m away"):
        result = register(scan(displaced(pit(2), made)), scan(pit(1)), **FINE)
    assert result.coarse["method"] == "features"
    assert error_of(result, made)[0] < 2e-3
    near = register(scan(hill(2)), scan(hill(1)), **FINE)
    assert near.coarse["method"] == "given"


def test_clouds_without_overlap_are_refused() -> None:
    apart = scan(quarry_station(3, np.array([0.0, 0.0, 40.0]), 3000) + np.array([500.0, 0, 0]))
    with pytest.raises(GeometryError, match=r"no motion lays the scans on each other.*share a good part"):
        register(apart, scan(hill(1, 6000)), **FINE)


def test_mirrored_scan_is_named() -> None:
    with pytest.raises(GeometryError, match=r"one of the scans is mirrored.*swapped or negated axes"):
        register(scan(pit(2, 15_000) * [-1, 1, 1]), scan(pit(1, 15_000)), coarse=True, **FINE)
