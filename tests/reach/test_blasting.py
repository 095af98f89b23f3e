"""Blast distances against formulas worked by hand."""

import numpy as np
import pytest

from sxrisk.errors import ParameterError
from sxrisk.reach import airblast_distance_m, peak_velocity_cm_per_s, vibration_distance_m


def test_sadovsky_with_a_site_test():
    # K = 200, alpha = 2, V = 2: (200/2)^(1/2) = 10, and 1000 kg have the cube root 10: 100 m.
    distance, k, alpha = vibration_distance_m(2.0, 1000.0, (200.0, 200.0), (2.0, 2.0))
    assert (float(distance), float(k), float(alpha)) == (pytest.approx(100.0), 200.0, 2.0)
    assert peak_velocity_cm_per_s(100.0, 1000.0, 200.0, 2.0) == pytest.approx(2.0)


def test_the_worst_corner_of_the_ranges():
    corners = [(k / 1.5) ** (1 / a) * 5.0 for k in (150.0, 250.0) for a in (1.5, 1.8)]
    assert float(vibration_distance_m(1.5, 125.0, (150.0, 250.0), (1.5, 1.8))[0]) == pytest.approx(max(corners))
    # Where V exceeds K the greatest alpha is the worst.
    corners = [(k / 400.0) ** (1 / a) * 5.0 for k in (150.0, 250.0) for a in (1.5, 1.8)]
    assert float(vibration_distance_m(400.0, 125.0, (150.0, 250.0), (1.5, 1.8))[0]) == pytest.approx(max(corners))


def test_airblast_meets_its_formula():
    charge = np.array([1.0, 25.0, 300.0])
    r = airblast_distance_m(charge, 0.02, (14.0, 4.3, 1.1))
    pressure = 14 * charge / r**3 + 4.3 * charge ** (2 / 3) / r**2 + 1.1 * charge ** (1 / 3) / r
    np.testing.assert_allclose(pressure, 0.02, rtol=1e-9)
    assert np.isnan(airblast_distance_m(np.nan, 0.02, (14.0, 4.3, 1.1)))


def test_bad_input():
    with pytest.raises(ParameterError, match="charge_kg"):
        vibration_distance_m(2.0, 0.0, (200.0, 200.0), (2.0, 2.0))
    with pytest.raises(ParameterError, match="backwards"):
        vibration_distance_m(2.0, 1.0, (300.0, 200.0), (2.0, 2.0))
    with pytest.raises(ParameterError, match="not above 0"):
        airblast_distance_m(-1.0, 0.02, (14.0, 4.3, 1.1))
