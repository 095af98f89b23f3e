"""GB 6722 on blasts worked by hand: inside, outside, too close to call, and not applied."""

import datetime
import json

import geopandas as gpd
import pytest
import shapely

from sxrisk.crs import local_metric
from sxrisk.findings import measurements_frame
from sxrisk.rules import apply_rules, load_catalogue

TM = local_metric(112.6, 37.6)
CATALOGUE = load_catalogue()


def point(x, y=0.0):
    return shapely.Point(TM.transform(x, y, direction="INVERSE"))


def layer(kind, *shapes, sigma=0.0, **columns):
    base = {"id": [f"{kind}-{k}" for k in range(len(shapes))], "name": "", "kind": kind, "county": "", "crs_source": ""}
    return gpd.GeoDataFrame({**base, "position_sigma_m": sigma, **columns}, geometry=list(shapes), crs=4490)


def blast(**columns):
    values = {"blast_method": ["deep_hole"], "charge_per_delay_kg": [1000.0], "rock": ["medium"]}
    return layer("blasting_site", point(0), **{**values, **columns})


def houses(*distances, sigma=0.0, **columns):
    return layer("building", *map(point, distances), sigma=sigma, **{"building_use": "residential", **columns})


def run(*layers):
    named = {frame["kind"].iloc[0]: frame for frame in layers}
    day = datetime.date(2026, 6, 30)
    return apply_rules(CATALOGUE, named, measurements_frame(()), as_of=day)


def rows(outcome, rule_id):
    found = outcome.findings[outcome.findings["rule_id"] == rule_id]
    return {row.object_id: row for row in found.itertuples()}


def status(outcome, rule_id):
    return {key: row.status for key, row in rows(outcome, rule_id).items()}


SITE = {"site_k": [150.0], "site_alpha": [2.0], "dominant_frequency_hz": [8.0]}


def test_vibration_by_a_site_test():
    # (150 / 1.5)^(1/2) x 10 = 100 m.
    found = rows(run(blast(**SITE), houses(99.0, 101.0)), "BL-VIB")
    assert list(found) == ["building-0"]
    row = found["building-0"]
    assert (row.required, row.measured) == (pytest.approx(100.0), pytest.approx(99.0, abs=2e-3))
    assert (row.status, row.evidence, row.result) == ("suspected", "G+", "general_civil")
    told = json.loads(row.details)
    assert told["velocity_cm_per_s"] == pytest.approx(150.0 * (10 / 99.0) ** 2, abs=2e-3)
    assert "ground_constants_assumed" not in row.reasons


def test_vibration_too_close_to_call():
    assert status(run(blast(**SITE), houses(80.0, 98.0, 103.0, 115.0, sigma=3.0)), "BL-VIB") == {
        "building-0": "suspected",
        "building-1": "too_close_to_call",
        "building-2": "too_close_to_call",
    }


@pytest.mark.parametrize(
    ("use", "structure", "hertz", "velocity", "told"),
    [
        ("residential", "", 8.0, 1.5, "general_civil"),
        ("residential", "", 10.0, 1.5, "general_civil"),
        ("residential", "", 10.1, 2.0, "general_civil"),
        ("residential", "", 50.1, 2.5, "general_civil"),
        ("industrial", "", 8.0, 2.5, "industrial_commercial"),
        ("cave_dwelling", "", 8.0, 0.15, "earth_and_rubble"),
        ("residential", "土坯房", 8.0, 0.15, "earth_and_rubble"),
        ("historic", "土木", 8.0, 0.1, "historic"),
    ],
)
def test_class_of_object_and_frequency(use, structure, hertz, velocity, told):
    outcome = run(
        blast(**{**SITE, "dominant_frequency_hz": [hertz]}), houses(20.0, building_use=use, structure=structure)
    )
    row = rows(outcome, "BL-VIB")["building-0"]
    assert row.result == told
    assert row.required == pytest.approx((150.0 / velocity) ** 0.5 * 10.0)
    assert "structure_unknown" not in row.reasons


def test_without_a_test_the_worst_corner_and_the_lowest_frequency_hold():
    # Medium rock: K 250, alpha 1.5; deep holes from 10 Hz: V 1.5. (250 / 1.5)^(1/1.5) x 10 = 302.9 m.
    row = rows(run(blast(), houses(250.0)), "BL-VIB")["building-0"]
    assert row.required == pytest.approx((250.0 / 1.5) ** (1 / 1.5) * 10.0)
    assert {"frequency_from_blast_method", "ground_constants_assumed"} <= set(row.reasons.split())
    # Unknown rock: K 350 and alpha 1.3 of different rows are the corner of the whole range.
    row = rows(run(blast(rock=[None]), houses(250.0)), "BL-VIB")["building-0"]
    assert row.required == pytest.approx((350.0 / 1.5) ** (1 / 1.3) * 10.0)
    assert "rock_unknown" in row.reasons
    # Shallow holes from 40 Hz: V 2.0.
    row = rows(run(blast(blast_method=["shallow_bench"]), houses(200.0)), "BL-VIB")["building-0"]
    assert row.required == pytest.approx((250.0 / 2.0) ** (1 / 1.5) * 10.0)


def test_villages_are_general_buildings_until_told_otherwise():
    village = layer("settlement", point(90.0), population=50)
    row = rows(run(blast(**SITE), village), "BL-VIB")["settlement-0"]
    assert row.result == "general_civil"
    assert {"structure_unknown", "coarse_geometry"} <= set(row.reasons.split())


def test_tunnels_only_of_roads():
    roads = layer("road", point(25.0), point(26.0), point(27.0), road_structure=["tunnel", "bridge", None])
    found = rows(run(blast(**SITE), roads), "BL-VIB")
    # (150 / 10)^(1/2) x 10 = 38.7 m.
    assert list(found) == ["road-0"]
    assert found["road-0"].required == pytest.approx(15**0.5 * 10.0)


def test_total_charge_stands_in_and_no_charge_is_not_applied():
    total = blast(**SITE, charge_per_delay_kg=[None], total_charge_kg=[8000.0])
    row = rows(run(total, houses(150.0)), "BL-VIB")["building-0"]
    assert row.required == pytest.approx(200.0)
    assert "total_charge_taken" in row.reasons
    outcome = run(blast(charge_per_delay_kg=[None]), houses(50.0))
    for rule_id, attribute in (("BL-VIB", "charge_per_delay_kg"), ("BL-AIR-H", "total_charge_kg")):
        assert rows(outcome, rule_id) == {}
        gaps = outcome.not_applied.query("rule_id == @rule_id")
        assert f"attribute_missing:{attribute}" in set(gaps["reason"])
    # Flyrock needs no charge.
    assert status(outcome, "BL-FLY-DH") == {"building-0": "violation"}


@pytest.mark.parametrize(
    ("method", "rule_id", "limit_m", "firm"),
    [
        ("deep_hole", "BL-FLY-DH", 200.0, "violation"),
        ("shallow_bench", "BL-FLY-SH", 200.0, "suspected"),
        ("shallow_boulder", "BL-FLY-BO", 300.0, "suspected"),
        ("chamber", "BL-FLY-CH", 300.0, "suspected"),
    ],
)
def test_flyrock_by_way_of_blasting(method, rule_id, limit_m, firm):
    outcome = run(
        blast(blast_method=[method]), houses(limit_m - 20.0, limit_m - 1.0, limit_m + 1.0, limit_m + 20.0, sigma=2.0)
    )
    assert status(outcome, rule_id) == {
        "building-0": firm,
        "building-1": "too_close_to_call",
        "building-2": "too_close_to_call",
    }
    others = {"BL-FLY-DH", "BL-FLY-SH", "BL-FLY-BO", "BL-FLY-CH"} - {rule_id}
    assert not others & set(outcome.findings["rule_id"])
    assert f"{rule_id}-S" not in set(outcome.findings["rule_id"])


def test_flyrock_down_a_hillside_half_as_far_again():
    outcome = run(blast(on_hillside=[True]), houses(199.0, 299.0, 301.0))
    assert status(outcome, "BL-FLY-DH") == {"building-0": "violation"}
    assert status(outcome, "BL-FLY-DH-S") == {"building-0": "suspected", "building-1": "suspected"}
    assert "downslope_direction_unknown" in rows(outcome, "BL-FLY-DH-S")["building-1"].reasons


def test_the_air_wave_comes_from_the_whole_charge():
    # 58.855 x 5000^(1/3) = 1006.4 m of the whole, 58.855 x 500^(1/3) = 467.1 m of one delay.
    sizes = {"blast_method": ["shallow_boulder"], "charge_per_delay_kg": [500.0]}
    whole = run(blast(**sizes, total_charge_kg=[5000.0]), houses(1000.0))
    assert rows(whole, "BL-AIR")["building-0"].required == pytest.approx(1006.4, abs=0.2)
    one = run(blast(**sizes), houses(460.0, 480.0))
    row = rows(one, "BL-AIR")["building-0"]
    assert row.required == pytest.approx(467.1, abs=0.2)
    assert "charge_of_one_delay" in row.reasons
    assert "attribute_missing:total_charge_kg" in set(one.not_applied.query("rule_id == 'BL-AIR'")["reason"])


def test_airblast():
    # Scaled distance z of 0.02: 14/z^3 + 4.3/z^2 + 1.1/z = 0.02, z = 58.855; 1000 kg: 588.6 m.
    z = 58.855
    assert 14 / z**3 + 4.3 / z**2 + 1.1 / z == pytest.approx(0.02, rel=1e-4)
    outcome = run(blast(blast_method=["shallow_boulder"]), houses(587.0, 590.0))
    assert status(outcome, "BL-AIR") == {"building-0": "suspected"}
    assert rows(outcome, "BL-AIR")["building-0"].required == pytest.approx(588.55, abs=0.1)
    outcome = run(blast(), houses(587.0, 590.0))
    assert status(outcome, "BL-AIR-H") == {"building-0": "advisory"}
    assert "charge_in_holes" in rows(outcome, "BL-AIR-H")["building-0"].reasons
    assert status(outcome, "BL-AIR") == {}


def test_figures_of_sites_that_share_an_id_are_their_own():
    # 1000 kg: 100 m; 8000 kg of the same number in the other layer: 200 m. Each meets the houses near it.
    one, other = blast(**SITE), blast(**SITE, charge_per_delay_kg=[8000.0]).set_geometry([point(5000.0)], crs=4490)
    told, untold = houses(90.0), houses(5190.0, building_use=None)
    layers = {"a": one, "b": other, "c": told, "d": untold}
    outcome = apply_rules(CATALOGUE, layers, measurements_frame(()), as_of=datetime.date(2026, 6, 30))
    found = outcome.findings[outcome.findings["rule_id"] == "BL-VIB"].sort_values("measured")
    assert set(found["subject_id"]) == {"blasting_site-0"}
    assert set(found["object_id"]) == {"building-0"}
    assert [json.loads(text)["charge_kg"] for text in found["details"]] == [1000.0, 8000.0]
    assert ["structure_unknown" in text for text in found["reasons"]] == [False, True]
    assert found["finding_id"].is_unique
