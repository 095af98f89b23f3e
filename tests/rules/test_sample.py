"""The shipped sample end to end: every planted pair found with its status, and nothing beside them."""

import json
import tomllib
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from sxrisk.findings import measurement, measurements_frame
from sxrisk.layers import load_layer, read_dem
from sxrisk.reach import goaf_influence, tailings_reach
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue

BY_PAIR = {"P-30c", "P-33", "P-35b", "P-35c", "OP-1", "OP-2", "DUMP-2H", "DUMP-2H-R", "GOAF-ZONE"}


@pytest.fixture(scope="module")
def layers(sample: Path) -> dict[str, gpd.GeoDataFrame]:
    project = tomllib.loads((sample / "county.toml").read_text("utf-8"))
    return {
        key: load_layer(
            sample / source["path"],
            kind=source["kind"],
            crs=source.get("crs"),
            position_sigma_m=source.get("position_sigma_m"),
            columns=source.get("columns"),
        ).frame
        for key, source in project["layers"].items()
    }


@pytest.fixture(scope="module")
def outcome(sample: Path, layers) -> RuleOutcome:
    project = tomllib.loads((sample / "county.toml").read_text("utf-8"))
    values = project["rules"]["values"]
    catalogue = load_catalogue(values=values)
    rule = catalogue.rules["T-OH"]
    kinds = [frame[frame["kind"].isin(rule.object_kinds)] for frame in layers.values()]
    reached = tailings_reach(
        layers["tailings"],
        pd.concat([frame for frame in kinds if len(frame)], ignore_index=True),
        read_dem(sample / project["dem"]["path"], vertical_crs=project["dem"]["vertical_crs"]),
        corridor_half_width_m=values["T-OH"]["corridor_half_width_m"],
        length_m=rule.value,
    )
    zones = goaf_influence(layers["goafs"], values["GOAF-ZONE"]["movement_angle_deg"])
    pairs = json.loads((sample / "sample_data/truth/pairs.json").read_text("utf-8"))["pairs"]
    # The truth's height of the scanned dump stands in for the scan, which has tests of its own.
    heights = {p["id_a"]: p["limit_m"] / 2 for p in pairs if p["rule"].startswith("DUMP") and p["id_a"] == "PTC-01"}
    scanned = measurements_frame(
        [measurement("waste_dump", key, "stack_height", height, "m", sigma=0.0) for key, height in heights.items()]
    )
    measured = measurements_frame(pd.concat([reached, zones, scanned], ignore_index=True))
    return apply_rules(catalogue, layers, measured, as_of=project["project"]["as_of"])


def test_every_pair_of_the_truth_and_no_other(sample, outcome):
    truth = json.loads((sample / "sample_data/truth/pairs.json").read_text("utf-8"))["pairs"]
    expected = {(p["rule"], *sorted((p["id_a"], p["id_b"]))): p for p in truth}
    rows = outcome.findings[outcome.findings["rule_id"].isin({p["rule"] for p in truth} | BY_PAIR)]
    got = {(r.rule_id, *sorted((r.subject_id, r.object_id))): r for r in rows.itertuples()}
    assert {key: row.status for key, row in got.items()} == {key: p["expected"] for key, p in expected.items()}
    for key, row in got.items():
        assert row.measured == pytest.approx(expected[key]["distance_m"], abs=2e-3), key
        assert row.required == pytest.approx(expected[key]["limit_m"], abs=1e-6), key
        assert row.uncertainty == pytest.approx(expected[key]["sigma_m"], abs=1e-3), key


def test_overhead_ponds(sample, outcome):
    cases = json.loads((sample / "sample_data/truth/overhead_ponds.json").read_text("utf-8"))["cases"]
    path = outcome.findings[outcome.findings["rule_id"] == "T-OH"]
    straight = outcome.findings[outcome.findings["rule_id"] == "T-OH'"]
    for case in cases:
        found = path[(path["subject_id"] == case["pond"]) & (path["object_id"] == case["village"])]
        assert found["status"].tolist() == (["classified"] if case["expected"] == "classified" else []), case["note"]
        if len(found):
            assert found["measured"].iloc[0] == pytest.approx(case["path_to_corridor_m"], rel=0.1, abs=30.0)
        if case["straight_distance_m"] <= 1000.0:
            line = straight[(straight["subject_id"] == case["pond"]) & (straight["object_id"] == case["village"])]
            assert line["measured"].iloc[0] == pytest.approx(case["straight_distance_m"], abs=0.01)


def test_deep_mines(sample, outcome):
    mines = json.loads((sample / "sample_data/truth/enterprises.json").read_text("utf-8"))["deep_mines"]
    found = outcome.findings[outcome.findings["rule_id"] == "PLAN-800"]
    assert set(found["subject_id"]) == {mine["id"] for mine in mines if mine["expected"] == "advisory"}
    assert set(found["status"]) == {"advisory"}
    gaps = outcome.not_applied.query(
        "rule_id == 'PLAN-800' and reason == 'attribute_missing:ground_pressure_monitoring'"
    )
    assert gaps["count"].sum() >= 1
