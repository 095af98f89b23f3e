"""The promise of the level of detection: 5 % false alarms on independent Gaussian noise."""

import numpy as np
import pytest
from scipy.special import stdtrit

from sxrisk.change import level_of_detection


def false_alarms(n1, n2, sigma1=0.01, sigma2=0.01, method="t", trials=40_000):
    rng = np.random.default_rng(n1 * 1000 + n2)
    a, b = rng.normal(0.0, sigma1, (trials, n1)), rng.normal(0.0, sigma2, (trials, n2))
    lod = level_of_detection(
        a.var(axis=1, ddof=1), np.full(trials, n1), b.var(axis=1, ddof=1), np.full(trials, n2), method=method
    )
    return np.mean(np.abs(a.mean(axis=1) - b.mean(axis=1)) > lod)


@pytest.mark.parametrize(("n1", "n2"), [(5, 5), (5, 20), (10, 10), (30, 30), (100, 100), (5, 100)])
def test_four_to_six_percent_of_false_alarms(n1, n2):
    assert 0.04 < false_alarms(n1, n2) < 0.06


def test_unequal_noise_keeps_the_promise():
    assert 0.04 < false_alarms(8, 30, 0.02, 0.005) < 0.06


def test_the_published_form_cries_wolf_when_points_are_few():
    assert false_alarms(5, 5, method="lague") > 0.08


def test_registration_is_added_to_the_noise():
    one, n = np.array([4e-4]), np.array([16])
    noise = np.sqrt(2 * 4e-4 / 16)
    lague = level_of_detection(one, n, one, n, registration_sigma_m=0.01, method="lague")
    assert lague == pytest.approx(1.96 * (noise + 0.01))
    student = level_of_detection(one, n, one, n, registration_sigma_m=0.01)
    assert student == pytest.approx(stdtrit(30, 0.975) * noise + 1.959964 * 0.01)


def test_many_places_give_what_one_gives():
    rng = np.random.default_rng(1)
    v1, v2 = rng.uniform(1e-6, 1e-3, (2, 10_000))
    n1, n2 = rng.integers(2, 200, (2, 10_000))
    v1[0] = np.nan
    whole = level_of_detection(v1, n1, v2, n2)
    blocks = [slice(i, i + 100) for i in range(0, 10_000, 100)]
    parts = np.concatenate([level_of_detection(v1[b], n1[b], v2[b], n2[b]) for b in blocks])
    np.testing.assert_allclose(whole, parts, rtol=1e-6)


def test_no_spread_is_not_infinite_certainty():
    zero, n = np.zeros(1), np.array([50])
    assert 0 < level_of_detection(zero, n, zero, n)[0] < 1e-5
