"""Runout of tailings: the shipped coefficients, their score on records left out, and the shape of the distribution."""

import importlib.util
import tomllib

import numpy as np
import pytest

import sxrisk
from sxrisk.errors import ParameterError
from sxrisk.reach import RunoutModel, pond_runout, runout_model, tailings_runout
from sxrisk.reach.runout import Regression


@pytest.fixture(scope="module")
def benchmark(repository):
    script = repository / "benchmarks" / "runout.py"
    if not script.is_file():
        pytest.skip("benchmarks/runout.py is absent")
    spec = importlib.util.spec_from_file_location("runout_benchmark", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def failures(benchmark, shared_data):
    return benchmark.read_failures(shared_data / "tailings" / "dam_failures_part.csv")[0]


def test_shipped_coefficients_are_those_of_the_records(benchmark, failures):
    fitted, shipped = benchmark.fit(failures), runout_model()
    for mine, theirs in ((fitted.released, shipped.released), (fitted.runout, shipped.runout)):
        np.testing.assert_allclose(mine.coefficients, theirs.coefficients, rtol=1e-9)
        np.testing.assert_allclose(mine.covariance, theirs.covariance, rtol=1e-7)
        assert mine.spread == pytest.approx(theirs.spread, rel=1e-9)
    assert (shipped.released_records, shipped.runout_records) == (38, 34)


def test_records_left_out_lie_in_the_interval_as_often_as_it_says(benchmark, failures):
    scores = benchmark.leave_one_out(failures)
    assert len(scores) == 29
    assert 0.65 <= scores["model_inside"].mean() <= 0.95
    for better in ("width_log10", "width_km"):
        assert scores[f"model_{better}"].median() < scores[f"constant_{better}"].median()
    for better in ("crps_log10", "crps_km"):
        assert scores[f"model_{better}"].mean() < scores[f"constant_{better}"].mean()


def test_a_slope_that_records_leave_uncertain_is_drawn_towards_none():
    rng = np.random.default_rng(3)
    x = rng.normal(0.0, 1.0, 40)
    design, certain = np.column_stack([np.ones(40), x]), 2.0 * x + rng.normal(0.0, 0.01, 40)
    assert Regression.fit(design, certain, shrink=True).coefficients == pytest.approx(
        Regression.fit(design, certain).coefficients, rel=1e-3
    )
    # Residuals that stand at right angles to x, and a slope as large as its own error: t2 = 1, nothing is left of it.
    noise = rng.normal(0.0, 1.0, 40)
    noise -= design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    error = np.sqrt(noise @ noise / 38 / ((x - x.mean()) ** 2).sum())
    flat = Regression.fit(design, 5.0 + error * x + noise, shrink=True)
    assert flat.coefficients == pytest.approx((5.0 + error * x.mean(), 0.0), abs=1e-9)
    twice = Regression.fit(design, 5.0 + 2.0 * error * x + noise, shrink=True)
    assert twice.coefficients[1] == pytest.approx(1.5 * error)


def test_cleaning_reads_messy_numbers_and_drops_what_is_none(benchmark, tmp_path):
    head = 'DAM HEIGHT (meters),"STORAGE VOLUME\n(cu. meters)","RELEASE\n(cu. meters)",RUNOUT (km)\n'
    rows = '20,"1,200,000",100000,2\n20,"1,200,000",100100,2\n--,"1,200,000 tonnes",none,0\n'
    rows += "30,1000,2000,1\n10,1000000,100,5\n"
    path = tmp_path / "failures.csv"
    path.write_text(head + rows, encoding="utf-8-sig")
    frame, steps = benchmark.read_failures(path)
    # The second row is the first again; the fourth released more than it held; the fifth only leaked.
    assert frame["volume_m3"].tolist() == pytest.approx([1.2e6, np.nan, 1000.0, 1e6], nan_ok=True)
    assert frame["released_m3"].tolist() == pytest.approx([1e5, np.nan, np.nan, 100.0], nan_ok=True)
    assert frame["leak"].tolist() == [False, False, False, True]
    assert "3 entries" in steps[0]
    assert "1 events entered twice" in steps[1]


@pytest.mark.parametrize("interval", [0.5, 0.8, 0.95])
def test_grows_with_volume_and_height_from_tiny_to_huge(interval):
    volume, height = np.geomspace(1e2, 2e9, 60)[:, None], np.geomspace(1.0, 300.0, 40)
    for bound in tailings_runout(volume, height, interval=interval):
        assert bound.shape == (60, 40)
        assert np.isfinite(bound).all()
        assert (np.diff(bound, axis=0) > 0).all()
        assert (np.diff(bound, axis=1) > 0).all()


def test_wider_intervals_hold_narrower_ones():
    narrow, wide = (tailings_runout(1e6, 30.0, interval=share) for share in (0.5, 0.9))
    assert wide[0] < narrow[0] < narrow[1] < narrow[2] < wide[2]
    assert narrow[1] == pytest.approx(wide[1])


def test_quantiles_agree_with_drawing_the_two_regressions():
    model, rng = runout_model(), np.random.default_rng(5)
    volume, height, count = 5e6, 40.0, 400_000
    design = np.array([1.0, np.log10(volume), np.log10(height)])
    middle, scale = model.released.predict(design)
    drawn = np.minimum(middle + scale * rng.standard_t(model.released.freedom, count), np.log10(volume))
    middle, scale = model.runout.predict(np.column_stack([np.ones(count), drawn]))
    runout_m = 1000 * 10 ** (middle + scale * rng.standard_t(model.runout.freedom, count))
    for got, share in zip(tailings_runout(volume, height), (0.1, 0.5, 0.9), strict=True):
        assert got == pytest.approx(np.quantile(runout_m, share), rel=0.02)


def test_the_release_is_capped_at_what_is_stored():
    model = runout_model()
    volume = np.geomspace(1e3, 1e9, 20)
    assert (model.released_m3(volume, 200.0, 0.999) == volume).all()
    assert (model.released_m3(volume[volume > 1e4], 20.0, 0.5) < volume[volume > 1e4]).all()


def test_a_line_without_error_is_found_again():
    x = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
    line = Regression.fit(np.column_stack([np.ones(5), x]), 2.0 - 0.5 * x)
    np.testing.assert_allclose(line.coefficients, [2.0, -0.5], atol=1e-12)
    assert line.spread < 1e-12
    # At the mean of x the leverage is one fifth.
    assert Regression((0.0, 0.0), line.covariance, 1.0, 3).predict(np.array([1.0, 3.2]))[1] == pytest.approx(1.2**0.5)


def test_model_survives_toml(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "MODEL", tmp_path / "runout.toml")
    benchmark.write(runout_model())
    assert RunoutModel.of(tomllib.loads((tmp_path / "runout.toml").read_text(encoding="utf-8"))) == runout_model()


def test_unknown_stays_unknown_and_scalars_work():
    low, median, high = sxrisk.tailings_runout([1e6, np.nan, 1e6], [30.0, 30.0, np.nan])
    assert np.isnan(np.array([low, median, high])[:, 1:]).all()
    assert low[0] < median[0] < high[0]
    assert float(tailings_runout(1e6, 30.0)[1]) == pytest.approx(float(median[0]))
    assert all(bound.shape == (0,) for bound in tailings_runout([], []))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (((-1.0), 30.0), "storage_volume_m3: holds -1"),
        ((1e6, 0.0), "dam_height_m: holds 0"),
        ((1e6, np.inf), "dam_height_m: holds inf"),
        (("much", 30.0), "not numeric"),
        (([1e6, 1e6], [1.0, 2.0, 3.0]), "do not fit"),
    ],
)
def test_bad_sizes(arguments, told):
    with pytest.raises(ParameterError, match=told):
        tailings_runout(*arguments)


def test_bad_interval_and_too_few_records():
    with pytest.raises(ParameterError, match="interval is 80"):
        tailings_runout(1e6, 30.0, interval=80)
    with pytest.raises(ParameterError, match="do not carry a regression"):
        RunoutModel.fit(*(np.array([1e6, 2e6]),) * 4)


def test_measurements_of_ponds():
    import geopandas as gpd

    ponds = gpd.GeoDataFrame(
        {"id": ["W1", "W2"], "storage_volume_m3": [1e6, 2e6], "dam_height_m": [30.0, np.nan]},
        geometry=gpd.points_from_xy([112.0, 112.1], [37.0, 37.0]),
        crs=4490,
    )
    found = pond_runout(ponds).set_index(["subject_id", "metric"])
    assert found.loc[("W1", "runout_high"), "value"] == pytest.approx(float(tailings_runout(1e6, 30.0)[2]))
    assert found.loc[("W1", "released_volume_median"), "unit"] == "m3"
    assert found.loc[("W2", "runout_median"), "method"] == "attribute_missing:dam_height_m"


@pytest.mark.parametrize(
    ("volume_m3", "height_m", "is_outside"),
    # The records span 25 000 to 74 000 000 m3 and 4 to 66 m, ends included.
    [(25_000.0, 4.0, False), (74e6, 66.0, False), (24_000.0, 30.0, True), (8e7, 30.0, True), (1e6, 70.0, True)],
)
def test_ponds_outside_the_records_say_so(volume_m3, height_m, is_outside):
    import geopandas as gpd

    pond = gpd.GeoDataFrame(
        {"id": ["W1"], "storage_volume_m3": [volume_m3], "dam_height_m": [height_m]},
        geometry=gpd.points_from_xy([112.0], [37.0]),
        crs=4490,
    )
    told = "past_failures,interval_80_percent" + (",extrapolated" if is_outside else "")
    assert set(pond_runout(pond)["method"]) == {told}
