"""Events and smoothing on series whose motion is known: a step, a ramp, and nothing at all."""

import numpy as np
import pytest
import xarray as xr

from sxrisk.change import change_events, smooth_series
from sxrisk.change._areas import point_areas
from sxrisk.errors import ParameterError
from sxrisk.scans import thin_rows

NOISE, POINTS = 0.01, 12


def synthetic(motion, *, epochs=20, size=20.0, seed=1, n=POINTS, wall=False, registration=0.0):
    """A series as m3c2_series gives it: real core points, n points of Gaussian noise in each cylinder.

    `motion(x, y, day)` is the true position.
    """
    rng = np.random.default_rng(seed)
    dense = rng.uniform(0.0, [size, size, 0.02], (int(60 * size * size), 3))
    core = dense[thin_rows(dense, 0.5)]
    days = np.arange(epochs)
    truth = np.stack([motion(core[:, 0], core[:, 1], day) for day in days])
    shape = (epochs, len(core))
    position = truth + rng.normal(0.0, NOISE / np.sqrt(n), shape) + rng.normal(0.0, registration, (epochs, 1))
    std = NOISE * np.sqrt(rng.chisquare(n - 1, shape) / (n - 1))
    normal = np.tile([0.0, 0.0, 1.0], (len(core), 1))
    if wall:
        core, normal = core[:, [0, 2, 1]], normal[:, [0, 2, 1]]
    return xr.Dataset(
        {
            "position_m": (("time", "point"), position),
            "std_m": (("time", "point"), std),
            "n": (("time", "point"), np.full(shape, n)),
        },
        coords={
            "time": np.datetime64("2026-03-01", "ns") + days * np.timedelta64(1, "D"),
            "registration_sigma_m": ("time", np.full(epochs, registration)),
            **{a: ("point", core[:, k]) for k, a in enumerate("xyz")},
            **{f"normal_{a}": ("point", normal[:, k]) for k, a in enumerate("xyz")},
        },
        attrs={"min_points": 5, "method": "mean", "registration_sigma_m": -1.0, "crs": ""},
    )


def bowl(x, y, radius=4.0):
    return np.clip(1.0 - np.hypot(x - 10.0, y - 10.0) / radius, 0.0, None)


@pytest.mark.parametrize("wall", [False, True])
def test_a_step_has_its_date_and_its_volume(wall):
    inside = lambda x, y: np.hypot(x - 10.0, y - 10.0) < 4.0  # noqa: E731
    series = synthetic(lambda x, y, day: -0.5 * inside(x, y) * (day >= 9), wall=wall)
    events = change_events(series)
    assert len(events) == 1
    event = events.iloc[0]
    assert str(event.begin)[:10] == "2026-03-09"
    assert str(event.end)[:10] == "2026-03-10"
    assert event.begin.tzinfo is not None
    assert event.magnitude_m == pytest.approx(-0.5, abs=0.003)
    assert event.rate_m_per_day == pytest.approx(-0.5, abs=0.003)
    assert event.area_m2 == pytest.approx(np.pi * 16.0, rel=0.03)
    assert event.volume_m3 == pytest.approx(-0.5 * np.pi * 16.0, rel=0.03)
    assert event.geometry.has_z


def test_a_cone_of_debris_has_its_volume_although_its_rim_is_thin():
    series = synthetic(lambda x, y, day: 0.6 * bowl(x, y) * (day >= 5), epochs=10)
    (event,) = change_events(series).itertuples()
    assert event.volume_m3 == pytest.approx(0.6 * np.pi * 16.0 / 3.0, rel=0.03)
    assert event.largest_m == pytest.approx(0.6, abs=0.1)


def test_a_ramp_has_its_rate_although_no_step_of_it_shows():
    rate = 0.004  # a day; the noise of a mean is 0.003
    series = synthetic(lambda x, y, day: rate * np.clip(day - 10, 0, 20) * (x < 8.0), epochs=45)
    events = change_events(series)
    assert len(events) == 1
    event = events.iloc[0]
    assert event.rate_m_per_day == pytest.approx(rate, rel=0.05)
    assert event.magnitude_m == pytest.approx(20 * rate, rel=0.05)
    assert abs((event.begin.tz_localize(None) - series.time.values[10]).days) <= 1
    assert abs((event.end.tz_localize(None) - series.time.values[30]).days) <= 1
    assert event.area_m2 == pytest.approx(8.0 * 20.0, rel=0.08)


def test_two_events_apart_in_space_or_time_are_two():
    def motion(x, y, day):
        return 0.2 * (x < 5.0) * (day >= 4) - 0.3 * (x > 15.0) * (day >= 4) + 0.2 * (x < 5.0) * (day >= 15)

    events = change_events(synthetic(motion))
    assert [str(b)[:10] for b in events.begin] == ["2026-03-04", "2026-03-04", "2026-03-15"]
    assert sorted(events.magnitude_m.round(1)) == [-0.3, 0.2, 0.2]


def test_where_nothing_moves_there_is_no_event():
    found = [
        len(change_events(synthetic(lambda x, y, day: 0.0 * x, epochs=12, size=8.0, seed=seed, n=6), min_points=1))
        for seed in range(80)
    ]
    # at most 5 % of 80 series, plus three standard errors of such a count
    assert np.count_nonzero(found) <= 4 + 3 * np.sqrt(80 * 0.05 * 0.95)


def test_a_registration_that_jumps_is_no_event():
    assert not len(change_events(synthetic(lambda x, y, day: 0.0 * x, registration=0.01, epochs=8, seed=4)))


def test_areas_add_up_to_the_surface():
    rng = np.random.default_rng(5)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    flat = rng.uniform(0.0, [30.0, 30.0, 0.0], (40_000, 3))
    core = flat[thin_rows(flat, 0.5)]
    areas = point_areas(core @ turn.T, np.tile(turn[:, 2], (len(core), 1)))
    inner = (np.abs(core[:, :2] - 15.0) < 12.0).all(axis=1)
    assert areas[inner].sum() == pytest.approx(24.0**2, rel=0.01)
    assert areas.sum() == pytest.approx(900.0, rel=0.05)


@pytest.mark.parametrize("method", ["regression", "median"])
def test_smoothing_keeps_five_percent_of_false_alarms(method):
    series = synthetic(lambda x, y, day: 0.0 * x, seed=6)
    smooth = smooth_series(series, 5.5, method=method)
    raised = smooth.smoothed_significant.values[[5, 10, 14]]
    assert 0.03 < raised.mean() < 0.065
    one_epoch = 1.96 * np.sqrt(2.0 / POINTS) * NOISE
    assert np.median(smooth.smoothed_lod95_m[10]) < 0.85 * one_epoch


def test_smoothing_follows_a_ramp_past_a_wild_epoch():
    series = synthetic(lambda x, y, day: 0.01 * day + 0.0 * x, seed=7)
    wild = series.copy(deep=True)
    wild["position_m"][10] += 0.5
    for method, slack in (("regression", 0.004), ("median", 0.011)):
        smooth = smooth_series(wild, 4.5, method=method).smoothed_m
        assert float(np.abs(smooth[9:12].median("point") - [0.09, 0.10, 0.11]).max()) < slack
    series["n"][3, :5] = 2  # too few to count
    gap = smooth_series(series, 4.5).smoothed_m[3, :5]
    np.testing.assert_allclose(gap, 0.03, atol=0.02)


def test_bad_input_is_refused():
    series = synthetic(lambda x, y, day: 0.0 * x, epochs=2, size=3.0)
    with pytest.raises(ParameterError, match="window_days is 0"):
        smooth_series(series, 0)
    with pytest.raises(ParameterError, match="expected 'regression' or 'median'"):
        smooth_series(series, 1.0, method="kalman")
    with pytest.raises(ParameterError, match="false_events is 2"):
        change_events(series, false_events=2)
    with pytest.raises(ParameterError, match="min_points 0"):
        change_events(series, min_points=0)
