"""The promise of the level of detection: 5 % false alarms on independent Gaussian noise."""

import numpy as np
import pytest
from scipy.special import stdtrit
from scipy.stats import ttest_ind_from_stats

from sxrisk.change import false_discoveries, level_of_detection
from sxrisk.change.detection import IQR_TO_SIGMA, difference_noise, p_values
from sxrisk.errors import ParameterError


def false_alarms(n1, n2, sigma1=0.01, sigma2=0.01, method="t", trials=40_000, statistic="mean"):
    rng = np.random.default_rng(n1 * 1000 + n2)
    middle, variance = [], []
    for n, sigma in ((n1, sigma1), (n2, sigma2)):
        if statistic == "mean":  # mean and variance of n Gaussian values are independent, of known distributions
            middle.append(rng.normal(0.0, sigma / np.sqrt(n), trials))
            variance.append(sigma**2 * rng.chisquare(n - 1, trials) / (n - 1))
        else:
            values = rng.normal(0.0, sigma, (trials, n))
            low, mid, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1, method="averaged_inverted_cdf")
            middle.append(mid)
            variance.append(((high - low) * IQR_TO_SIGMA) ** 2)
    counts = [np.full(trials, n) for n in (n1, n2)]
    lod = level_of_detection(variance[0], counts[0], variance[1], counts[1], method=method, statistic=statistic)
    return np.mean(np.abs(middle[1] - middle[0]) > lod)


# Three standard errors of a share of 5 % among 40 000 trials.
CHANCE = 3.0 * np.sqrt(0.05 * 0.95 / 40_000)


@pytest.mark.parametrize("n1", [5, 10, 20, 50, 100, 1000])
@pytest.mark.parametrize("n2", [5, 10, 20, 50, 100, 1000])
def test_four_to_six_percent_of_false_alarms(n1, n2):
    assert 0.04 - CHANCE < false_alarms(n1, n2) < 0.06 + CHANCE


@pytest.mark.parametrize(("n1", "n2"), [(10, 10), (11, 13), (10, 40), (20, 20), (33, 50), (100, 100)])
def test_medians_raise_few_false_alarms_too(n1, n2):
    assert 0.035 - CHANCE < false_alarms(n1, n2, statistic="median", trials=20_000) < 0.06 + CHANCE


@pytest.mark.parametrize(("n1", "n2"), [(5, 5), (6, 7), (5, 50), (8, 100)])
def test_medians_of_few_points_stay_below_seven_percent(n1, n2):
    assert 0.02 < false_alarms(n1, n2, statistic="median", trials=20_000) < 0.07 + CHANCE


def test_medians_as_published_take_the_quartiles_for_a_deviation():
    v, n = np.array([4e-4]), np.array([25])
    iqr = np.sqrt(v) / IQR_TO_SIGMA
    published = level_of_detection(v, n, v, n, method="lague", statistic="median", registration_sigma_m=0.002)
    assert published == pytest.approx(1.96 * (np.sqrt(2.0) * iqr / 5.0 + 0.002))


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
    np.testing.assert_array_equal(whole, parts)


def test_no_spread_is_not_infinite_certainty():
    zero, n = np.zeros(1), np.array([50])
    assert 0 < level_of_detection(zero, n, zero, n)[0] < 1e-5


def test_probabilities_are_those_of_welch():
    rng = np.random.default_rng(2)
    n1, n2 = rng.integers(2, 60, (2, 200))
    s1, s2 = rng.uniform(0.001, 0.05, (2, 200))
    distance = rng.normal(0.0, 0.01, 200)
    ours = p_values(distance, difference_noise(s1**2, n1, s2**2, n2))
    theirs = ttest_ind_from_stats(distance, s2, n2, 0.0, s1, n1, equal_var=False).pvalue
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    lod = level_of_detection(s1**2, n1, s2**2, n2, registration_sigma_m=0.003)
    with_registration = p_values(distance, difference_noise(s1**2, n1, s2**2, n2), registration_sigma_m=0.003)
    np.testing.assert_array_equal(with_registration < 0.05, np.abs(distance) > lod)


def null_p(rng, m, n):
    variance = [1e-4 * rng.chisquare(n - 1, m) / (n - 1) for _ in range(2)]
    middle = [rng.normal(0.0, 0.01 / np.sqrt(n), m) for _ in range(2)]
    count = np.full(m, n)
    return middle[1] - middle[0], difference_noise(variance[0], count, variance[1], count)


@pytest.mark.parametrize("n", [5, 20])
def test_where_nothing_moved_control_calls_nothing_in_95_of_100_runs(n):
    runs, m = 60, 100_000
    called = 0
    for seed in range(runs):
        distance, noise = null_p(np.random.default_rng(seed), m, n)
        called += false_discoveries(p_values(distance, noise), 0.05).any()
    assert called <= runs * 0.05 + 3.0 * np.sqrt(runs * 0.05 * 0.95)


def test_control_finds_what_moved_and_little_else():
    distance, noise = null_p(np.random.default_rng(1), 100_000, 10)
    moved = np.arange(100_000) < 2_000
    p = p_values(distance + 0.04 * moved, noise)
    called = false_discoveries(p, 0.05)
    assert called[moved].mean() > 0.99
    assert (called & ~moved).sum() / called.sum() < 0.06
    strict = false_discoveries(p, 0.05, dependence="any")
    assert strict[moved].mean() > 0.95
    assert not (strict & ~called).any()
    np.testing.assert_array_equal(false_discoveries(p[p < 0.05], 0.05, tests=len(p)), called[p < 0.05])


def test_control_counts_only_what_was_tested():
    assert not false_discoveries([np.nan, np.nan], 0.05).any()
    np.testing.assert_array_equal(false_discoveries([0.04, np.nan], 0.05), [True, False])
    with pytest.raises(ParameterError, match=r"fdr is 1\.5"):
        false_discoveries([0.1], 1.5)
    with pytest.raises(ParameterError, match="dependence is 'none'"):
        false_discoveries([0.1], 0.05, dependence="none")
