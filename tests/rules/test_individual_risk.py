"""GB 36894 on one release worked by hand: which class, which limit, inside, outside, too close, not applied."""

import datetime
import json

import geopandas as gpd
import pandas as pd
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


def release(count=1, **columns):
    """1e-4 a year; 90, 50 and 10 % die at 50, 100 and 200 m: 9e-5, 5e-5 and 1e-5 a year there."""
    values = {"frequency_per_year": 1e-4, "unit_id": "U1"}
    values |= {"radius_lethality_90_m": 50.0, "radius_lethality_50_m": 100.0, "radius_lethality_10_m": 200.0}
    return layer("release_scenario", *(point(0.0) for _ in range(count)), **{**values, **columns})


def run(*layers):
    named = {frame["kind"].iloc[0]: frame for frame in layers}
    day = datetime.date(2026, 6, 30)
    return apply_rules(CATALOGUE, named, measurements_frame(()), as_of=day)


def rows(outcome, rule_id):
    found = outcome.findings[outcome.findings["rule_id"] == rule_id]
    return {row.object_id: row for row in found.itertuples()}


def test_risk_at_the_radii_against_the_limit_of_the_class():
    # Class 3 in service bears 3e-5: broken at 100 m (5e-5), kept at 200 m (1e-5).
    homes = layer("settlement", point(100.0), point(200.0), households=[3, 3])
    found = rows(run(release(), homes), "IR-S3")
    assert list(found) == ["settlement-0"]
    row = found["settlement-0"]
    assert row.measured == pytest.approx(5e-5, rel=1e-4)
    assert (row.required, row.unit, row.status, row.evidence) == (3e-5, "1/a", "suspected", "G+")
    assert json.loads(row.details)["distance_m"] == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(
    ("target", "rule_id"),
    [
        (layer("settlement", point(150.0), households=30), "IR-S1"),
        (layer("settlement", point(150.0), population=100), "IR-S1"),
        (layer("settlement", point(150.0), households=29, population=99), "IR-S2"),
        (layer("settlement", point(150.0), households=5, population=30), "IR-S2"),
        (layer("settlement", point(120.0), households=9, population=29), "IR-S3"),
        (layer("school", point(150.0), population=5), "IR-S1"),
        (layer("building", point(150.0), building_use="historic"), "IR-S1"),
    ],
)
def test_class_of_the_target(target, rule_id):
    found = run(release(), target).findings
    assert set(found.loc[found["metric"] == "individual_risk", "rule_id"]) == {rule_id}


@pytest.mark.parametrize(
    ("rule_id", "limit", "target"),
    [
        # 3e-7 a year for a school, 1e-5 for three households.
        ("IR-N1", 3e-7, {"kind": "school", "population": 5}),
        ("IR-N3", 1e-5, {"kind": "settlement", "households": 3}),
    ],
)
def test_what_is_new_has_a_limit_for_each_class(rule_id, limit, target):
    new = layer("chemical_unit", point(0.0), unit_id="U1", status="under_construction")
    # Half die at 100 m: frequencies that put the risk there above and below the limit.
    above, below = (release(frequency_per_year=2.0 * limit * factor) for factor in (1.5, 0.7))
    protected = {name: value for name, value in target.items() if name != "kind"}
    place = layer(target["kind"], point(100.0), **protected)
    row = rows(run(above, place, new), rule_id)[f"{target['kind']}-0"]
    assert (row.required, row.status) == (limit, "suspected")
    assert rows(run(below, place, new), rule_id) == {}


def test_scenarios_add_up():
    # Each gives 1e-5 at 200 m; four give 4e-5, above 3e-5.
    homes = layer("settlement", point(200.0), households=3)
    assert rows(run(release(1), homes), "IR-S3") == {}
    row = rows(run(release(4), homes), "IR-S3")["settlement-0"]
    assert row.measured == pytest.approx(4e-5, rel=1e-3)
    assert json.loads(row.details)["scenarios"] == 4


def test_too_close_to_call_at_the_accuracy_of_position():
    # 3e-5 a year is met where 30 % die: probit -0.524, at 100 m x 2^(0.524/1.2816) = 132.8 m.
    homes = layer("settlement", *(point(x) for x in (110.0, 130.0, 136.0, 155.0)), households=3, sigma=5.0)
    found = rows(run(release(), homes), "IR-S3")
    assert {key: row.status for key, row in found.items()} == {
        "settlement-0": "suspected",
        "settlement-1": "too_close_to_call",
        "settlement-2": "too_close_to_call",
    }
    assert found["settlement-1"].probability > 0.5 > found["settlement-2"].probability


def test_the_stricter_limit_is_for_new_units_only():
    homes = layer("settlement", point(201.0), households=15)
    # Class 2: at 201 m the risk is a little below 1e-5: kept in service, above 3e-6 for what is new.
    unit = layer("chemical_unit", point(0.0), unit_id="U1", status="operating")
    assert rows(run(release(), homes, unit), "IR-N2") == {}
    assert rows(run(release(), homes, unit), "IR-S2") == {}
    for new in (unit.assign(status="under_construction"), unit.assign(built_on=pd.Timestamp("2020-05-01"))):
        assert set(rows(run(release(), homes, new), "IR-N2")) == {"settlement-0"}
    old = unit.assign(built_on=pd.Timestamp("2015-05-01"))
    assert rows(run(release(), homes, old), "IR-N2") == {}


def test_what_is_not_known_is_told():
    outcome = run(release(), layer("building", point(90.0)))
    row = rows(outcome, "IR-S3")["building-0"]
    assert {"target_class_unknown", "new_or_in_service_unknown"} <= set(row.reasons.split())
    bad = release(2, frequency_per_year=[None, 1e-4], radius_lethality_50_m=[100.0, 20.0])
    outcome = run(bad, layer("settlement", point(60.0), households=3))
    gaps = outcome.not_applied.query("rule_id == 'IR-S3' and subject_id != ''")
    assert dict(zip(gaps["subject_id"], gaps["reason"], strict=True)) == {
        "release_scenario-0": "attribute_missing:frequency_per_year",
        "release_scenario-1": "lethal_radii_unusable",
    }


def test_beyond_one_percent_nobody_is_counted():
    homes = layer("school", point(340.0), point(360.0))
    # 1 % die at 200 x 2^((2.326 - 1.2816) / 1.2816) = 351.9 m: 1e-6 a year there, below 3e-6 in service.
    assert rows(run(release(), homes), "IR-S1") == {}
    assert set(rows(run(release(frequency_per_year=1e-3), homes), "IR-S1")) == {"school-0"}


def test_a_target_of_unknown_class_may_be_of_class_1():
    # 1e-5 a year at 200 m: class 3 in service bears 3e-5, class 1 only 3e-6.
    square = layer("crowd_place", point(200.0))
    outcome = run(release(), square)
    assert set(outcome.findings["rule_id"]) == {"IR-S1"}
    row = rows(outcome, "IR-S1")["crowd_place-0"]
    assert (row.status, row.required, row.measured) == ("too_close_to_call", 3e-6, pytest.approx(1e-5, rel=1e-3))
    assert {"target_class_open"} <= set(row.reasons.split())
    # At 100 m it bears 5e-5: too much for any class, told once.
    near = run(release(), layer("crowd_place", point(100.0)))
    assert [(r.rule_id, r.status) for r in near.findings.itertuples()] == [("IR-S3", "suspected")]
    # With few people it is of class 3, and bears it.
    assert run(release(), layer("crowd_place", point(200.0), population=9)).findings.empty
