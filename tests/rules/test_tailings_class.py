"""Class of a tailings pond: the table, the combination rule, and what the register says otherwise."""

import datetime
import json

import geopandas as gpd
import pytest
import shapely

from sxrisk.findings import measurements_frame
from sxrisk.reach import pond_runout, tailings_runout
from sxrisk.rules import apply_rules, load_catalogue
from sxrisk.rules.engines.tailings_class import combined_class

CATALOGUE = load_catalogue()


def ponds(*sizes, **columns):
    count = len(sizes)
    base = {"id": [f"W{k}" for k in range(count)], "name": "", "kind": "tailings_pond", "county": "", "crs_source": ""}
    volume, height = [size[0] for size in sizes], [size[1] for size in sizes]
    return gpd.GeoDataFrame(
        {**base, "storage_volume_m3": volume, "dam_height_m": height, **columns},
        geometry=[shapely.Point(112.0 + 0.01 * k, 37.0) for k in range(count)],
        crs=4490,
    )


def run(frame):
    day = datetime.date(2026, 6, 30)
    return apply_rules(CATALOGUE, {"ponds": frame}, measurements_frame(()), as_of=day)


def results(outcome):
    found = outcome.findings[outcome.findings["rule_id"] == "TP-CLASS"]
    return dict(zip(found["subject_id"], found["result"], strict=True))


@pytest.mark.parametrize(
    ("volume_m3", "height_m", "expected"),
    [
        (0.99e6, 29.9, "5"),
        (1.00e6, 29.9, "4"),  # 4 and 5 differ by one: the higher
        (0.99e6, 30.0, "4"),
        (10e6, 60.0, "3"),
        (9.99e6, 59.9, "4"),
        (100e6, 60.0, "2"),
        (100e6, 59.9, "3"),  # 2 and 4 differ by two: 2 lowered by one
        (0.5e6, 100.0, "3"),  # 5 and 2
        (500e6, 200.0, "1"),
        (500e6, 20.0, "2"),  # 1 and 5
        (0.5e6, 60.0, "4"),  # 5 and 3
    ],
)
def test_table_and_combination(volume_m3, height_m, expected):
    assert results(run(ponds((volume_m3, height_m)))) == {"W0": expected}


def test_combination_does_not_mind_the_order():
    for a in range(1, 6):
        for b in range(1, 6):
            assert combined_class(a, b) == combined_class(b, a)
            assert min(a, b) <= combined_class(a, b) <= max(a, b)


def test_registered_class_is_compared():
    frame = ponds((20e6, 70.0), (20e6, 70.0), (20e6, 70.0), class_of_dam=[3, 4, 2])
    found = run(frame).findings.query("rule_id == 'TP-CLASS'").set_index("subject_id")
    assert "registered_class_differs" not in found.loc["W0", "reasons"]
    assert "registered_class_lower" in found.loc["W1", "reasons"]
    assert "registered_class_differs" in found.loc["W2", "reasons"]
    assert "registered_class_lower" not in found.loc["W2", "reasons"]
    assert json.loads(found.loc["W1", "details"]) == {
        "class_by_volume": 3,
        "class_by_height": 3,
        "storage_volume_m3": 20e6,
        "dam_height_m": 70.0,
        "registered_class": 4,
    }
    assert (found.loc["W1", "status"], found.loc["W1", "evidence"]) == ("classified", "V2")


def test_limits_of_class_one_were_not_read():
    found = run(ponds((600e6, 50.0), (20e6, 70.0))).findings.query("rule_id == 'TP-CLASS'").set_index("subject_id")
    assert "class_one_limit_unread" in found.loc["W0", "reasons"]
    assert "class_one_limit_unread" not in found.loc["W1", "reasons"]


def test_what_is_missing_is_told():
    outcome = run(ponds((None, 30.0), (1e6, None), (1e6, 0.0)))
    assert results(outcome) == {}
    gaps = outcome.not_applied.query("rule_id == 'TP-CLASS'")
    assert dict(zip(gaps["subject_id"], gaps["reason"], strict=True)) == {
        "W0": "attribute_missing:storage_volume_m3",
        "W1": "attribute_missing:dam_height_m",
        "W2": "pond_without_dam",
    }


def test_how_far_past_failures_ran_stands_beside_the_class() -> None:
    frame = ponds((20e6, 60.0), (1e6, 30.0))
    outcome = apply_rules(CATALOGUE, {"p": frame}, pond_runout(frame.head(1)), as_of=datetime.date(2026, 6, 30))
    found = outcome.findings.query("rule_id == 'TP-CLASS'").set_index("subject_id")
    low, median, high = (float(f"{reach[0]:.2g}") for reach in tailings_runout([20e6], [60.0]))
    told = json.loads(found.loc["W0", "details"])
    assert (told["runout_low_m"], told["runout_median_m"], told["runout_high_m"]) == (low, median, high)
    assert low < median < high
    assert "runout_median_m" not in json.loads(found.loc["W1", "details"])


def test_a_runout_beyond_the_records_is_told_as_extrapolated() -> None:
    # The records end at 66 m.
    frame = ponds((20e6, 66.0), (20e6, 67.0))
    outcome = apply_rules(CATALOGUE, {"p": frame}, pond_runout(frame), as_of=datetime.date(2026, 6, 30))
    found = outcome.findings.query("rule_id == 'TP-CLASS'").set_index("subject_id")["reasons"]
    assert {key: "runout_extrapolated" in told for key, told in found.items()} == {"W0": False, "W1": True}
