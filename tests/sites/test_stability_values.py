"""Values with a spread: quantiles against closed forms, limits, draws that can be repeated, and messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sxrisk.errors import ParameterError
from sxrisk.sites.stability import (
    METHODS,
    PARAMETERS,
    REASONS,
    as_value,
    lognormal,
    methods_table,
    normal,
    parameter_value,
    triangular,
    uniform,
)
from sxrisk.sites.stability.monte_carlo import draw_values, spread_of
from sxrisk.sites.stability.ranges import possible

SHARES = np.linspace(0.01, 0.99, 25)


@pytest.mark.parametrize(
    ("value", "peer"),
    [
        (uniform(2, 5), stats.uniform(2, 3)),
        (triangular(2, 3, 6), stats.triang(0.25, 2, 4)),
        (triangular(2, 2, 6), stats.triang(0.0, 2, 4)),
        (triangular(2, 6, 6), stats.triang(1.0, 2, 4)),
        (normal(5, 2), stats.norm(5, 2)),
        (normal(5, 2, low=4, high=9), stats.truncnorm(-0.5, 2, 5, 2)),
        (lognormal(5, 0.4), stats.lognorm(0.4, scale=5)),
    ],
    ids=str,
)
def test_quantiles_are_those_of_scipy(value, peer) -> None:
    np.testing.assert_allclose(value.quantile(SHARES), peer.ppf(SHARES), rtol=1e-12)
    assert value.middle == pytest.approx(peer.median())


def test_draws_follow_their_distribution() -> None:
    drawn = lognormal(80.0, 0.3).sample(np.random.default_rng(5), 20_000)
    assert stats.kstest(drawn, stats.lognorm(0.3, scale=80.0).cdf).pvalue > 0.01


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 2**32))
def test_draws_of_a_range_stay_inside(low: float, width: float, seed: int) -> None:
    value = as_value([low, low + width])
    drawn = value.sample(np.random.default_rng(seed), 50)
    assert np.all((drawn >= low) & (drawn <= low + width))
    assert value.support == (low, low + width)


def test_the_same_seed_gives_the_same_draws_whatever_stands_beside() -> None:
    alone = draw_values({"ucs_mpa": uniform(50, 90)}, draws=100, seed=3)
    beside = draw_values({"depth_m": normal(80, 5), "ucs_mpa": uniform(50, 90)}, draws=100, seed=3)
    np.testing.assert_array_equal(alone["ucs_mpa"], beside["ucs_mpa"])
    other = draw_values({"ucs_mpa": uniform(50, 90)}, draws=100, seed=4)
    scoped = draw_values({"ucs_mpa": uniform(50, 90)}, draws=100, seed=3, scope="P2")
    assert not np.array_equal(alone["ucs_mpa"], other["ucs_mpa"])
    assert abs(np.corrcoef(alone["ucs_mpa"], scoped["ucs_mpa"])[0, 1]) < 0.3


def test_parameters_are_drawn_independently() -> None:
    drawn = draw_values({name: uniform(1, 2) for name in ("width_m", "height_m")}, draws=20_000, seed=0)
    assert abs(np.corrcoef(drawn["width_m"], drawn["height_m"])[0, 1]) < 0.03


def test_the_spread_leaves_unknown_draws_out() -> None:
    assert spread_of([np.nan, 3.0]) == (3.0, 3.0, 3.0)
    assert np.isnan(spread_of([np.nan])).all()


@pytest.mark.parametrize(
    ("given_value", "message"),
    [
        ([5, 3], "ucs_mpa: the range is 5, 3; expected low below high"),
        ("80", "ucs_mpa: '80' is no value; expected a number, a range"),
        (True, "True is no value"),
        (float("inf"), "inf is no finite number"),
        ([1, 2, 3], r"\[1, 2, 3\] is no value"),
        ({"distribution": "beta", "a": 1}, "the distribution is 'beta'; expected one of uniform"),
        ({"distribution": "normal", "mean": 80}, "a normal distribution was given by mean; expected mean, sigma"),
        ({"distribution": "normal", "mean": 80, "sigma": 0}, "mean 80, sigma 0; expected a spread above 0"),
        ({"distribution": "normal", "mean": 8, "sigma": 1, "min": 9, "max": 7}, "nothing lies between 9 and 7"),
        ({"distribution": "normal", "mean": 10, "sigma": 8}, "10.6% of the normal distribution cannot be"),
        ([-1, 5], "ucs_mpa: the value is -1; expected above 0 MPa"),
        (0, "ucs_mpa: the value is 0; expected above 0 MPa"),
    ],
)
def test_what_cannot_be_is_refused(given_value, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parameter_value("ucs_mpa", given_value)


def test_a_distribution_is_cut_at_the_parameters_limit() -> None:
    value = parameter_value("ucs_mpa", normal(80, 33))
    assert value.quantile(1e-12) > 0
    assert parameter_value("rqd", normal(80, 8)).quantile(1.0) == pytest.approx(100.0)


def test_unknown_names_and_bad_draws_are_refused() -> None:
    with pytest.raises(ParameterError, match="ucs is no parameter of the methods; expected one of"):
        parameter_value("ucs", 80)
    with pytest.raises(ParameterError, match="draws: the number of draws is 0"):
        draw_values({}, draws=0, seed=1)
    with pytest.raises(ParameterError, match="seed: the seed is -1"):
        draw_values({}, draws=1, seed=-1)


def test_arrays_are_held_to_the_limits_and_unknown_passes() -> None:
    assert np.isnan(possible("span_m", [np.nan, 3.0])[0])
    for bad in (-3.0, 0.0, np.inf):
        with pytest.raises(ParameterError, match=f"span_m: the value is {bad:g}; expected above 0 m"):
            possible("span_m", [5.0, bad])


def test_every_method_says_what_it_needs_and_how_sure_it_is() -> None:
    for topic, methods in METHODS.items():
        for method in methods.values():
            assert method.topic == topic
            assert method.zh and method.en
            assert all(name in PARAMETERS or name == "mineral" for name in method.needs)
            assert set(method.stated) <= set(method.needs)
            assert bool(method.not_applied) == (method.evidence == "X")
            assert not method.not_applied or method.not_applied in REASONS
    assert methods_table()["method"].is_unique
