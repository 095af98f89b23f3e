"""Each criterion on cases worked by hand: inside, outside, too close, and not applied."""

import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.crs import local_metric
from sxrisk.errors import InputError
from sxrisk.findings import measurement, measurements_frame
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue

LON, LAT = 112.6, 37.6
DAY = datetime.date(2026, 6, 30)
EPOCH = datetime.datetime(2026, 6, 1, 10, tzinfo=datetime.UTC)


def place(east_m: float, north_m: float) -> tuple[float, float]:
    return local_metric(LON, LAT).transform(east_m, north_m, direction="INVERSE")


def point(east_m: float, north_m: float = 0.0) -> shapely.Point:
    return shapely.Point(place(east_m, north_m))


def line(*corners: tuple[float, float]) -> shapely.LineString:
    """Straight in the local plane, not in longitude and latitude."""
    return shapely.LineString([place(*corner) for corner in shapely.LineString(corners).segmentize(50.0).coords])


def square(east_m: float, north_m: float, side_m: float) -> shapely.Polygon:
    """Square whose south-western corner is given."""
    corners = [(0, 0), (side_m, 0), (side_m, side_m), (0, side_m)]
    return shapely.Polygon([place(east_m + a, north_m + b) for a, b in corners])


def layer(kind: str, *shapes, sigma: float = 0.0, **columns) -> gpd.GeoDataFrame:
    count = len(shapes)
    base = {
        "id": [f"{kind}-{k}" for k in range(count)],
        "name": "",
        "kind": kind,
        "county": "合山县",
        "position_sigma_m": sigma,
        "crs_source": "cgcs2000",
    }
    return gpd.GeoDataFrame({**base, **columns}, geometry=list(shapes), crs=4490)


def run(*layers: gpd.GeoDataFrame, measurements=(), **catalogue) -> RuleOutcome:
    named = {f"{frame['kind'].iloc[0]}s": frame for frame in layers}
    return apply_rules(load_catalogue(**catalogue), named, measurements_frame(measurements), as_of=DAY)


def told(outcome: RuleOutcome, rule_id: str) -> dict[tuple[str, str], str]:
    rows = outcome.findings[outcome.findings["rule_id"] == rule_id]
    return {(s, o): status for s, o, status in zip(rows["subject_id"], rows["object_id"], rows["status"], strict=True)}


PIPE = layer("pipeline", line((-3000, 0), (3000, 0)), is_tunnel=[False])


def test_p30c_house_on_the_strip():
    houses = layer("building", square(0, 4.5, 10), square(100, 5.5, 10), square(200, -5, 10), point(300, 4.9))
    outcome = run(PIPE, houses)
    assert told(outcome, "P-30c") == {
        ("pipeline-0", "building-0"): "violation",
        ("pipeline-0", "building-2"): "violation",
        ("pipeline-0", "building-3"): "violation",
    }
    row = outcome.findings.set_index("object_id").loc["building-0"]
    assert (row.colour, row.standard, row.clause, row.evidence) == (
        "red",
        "Pipeline Protection Law 2010",
        "art. 30(3)",
        "V",
    )
    assert row.measured == pytest.approx(4.5, abs=2e-3)
    assert outcome.findings.set_index("object_id").loc["building-2"].measured == 0.0
    assert outcome.findings.set_index("object_id").loc["building-2"].geometry.geom_type == "Point"


def test_p30c_too_close_at_the_accuracy_of_the_pipe():
    pipe = layer("pipeline", line((-3000, 0), (3000, 0)), sigma=1.0, is_tunnel=[False])
    houses = layer("building", point(0, 1.0), point(100, 4.0), point(200, 6.5), point(300, 7.5))
    found = told(run(pipe, houses), "P-30c")
    assert [found.get(("pipeline-0", f"building-{k}")) for k in range(4)] == [
        "violation",
        "too_close_to_call",
        "too_close_to_call",
        None,
    ]


def test_p35c_p33_p30b_pit_beside_pipe_and_tunnel():
    pipes = layer("pipeline", line((-3000, 0), (3000, 0)), line((-3000, 5000), (3000, 5000)), is_tunnel=[False, True])
    pits = layer("open_pit", square(0, 199, 50), square(500, 201, 50), square(1000, 3, 50), square(1500, 4100, 50))
    outcome = run(pipes, pits)
    assert told(outcome, "P-35c") == {
        ("open_pit-0", "pipeline-0"): "permit_to_be_shown",
        ("open_pit-2", "pipeline-0"): "permit_to_be_shown",
    }
    assert told(outcome, "P-30b") == {("open_pit-2", "pipeline-0"): "violation"}
    assert told(outcome, "P-33") == {("open_pit-3", "pipeline-1"): "violation"}


def test_p33_reports_pipes_whose_tunnel_attribute_is_unknown():
    pipes = layer("pipeline", line((-3000, 0), (3000, 0)), is_tunnel=[None])
    outcome = run(pipes, layer("open_pit", square(0, 500, 50)))
    assert told(outcome, "P-33") == {}
    gaps = outcome.not_applied.query("rule_id == 'P-33'")
    assert ("attribute_missing:is_tunnel", 1) in set(zip(gaps["reason"], gaps["count"], strict=True))


def test_p35b_strip_and_crossing_and_order_of_construction():
    roads = layer(
        "road",
        line((-500, 30), (500, 30)),
        line((-500, 60), (500, 60)),
        line((0, -500), (0, 500)),
        line((-500, -30), (500, -30)),
        line((-500, -40), (500, -40)),
        road_class="county",
        built_on=pd.to_datetime([None, None, None, "1999-01-01", "2020-01-01"]),
    )
    pipe = layer("pipeline", line((-3000, 0), (3000, 0)), is_tunnel=[False], built_on=pd.to_datetime(["2012-05-01"]))
    outcome = run(pipe, roads)
    assert told(outcome, "P-35b") == {
        ("road-0", "pipeline-0"): "permit_to_be_shown",
        ("road-4", "pipeline-0"): "permit_to_be_shown",
    }
    assert told(outcome, "P-35a") == {("road-2", "pipeline-0"): "permit_to_be_shown"}
    reasons = outcome.findings.query("rule_id == 'P-35b'").set_index("subject_id")["reasons"]
    assert "construction_order_unknown" in reasons["road-0"]
    assert "construction_order_unknown" not in reasons["road-4"]


def test_facilities():
    stations = layer("pipeline_facility", square(0, 0, 20))
    outcome = run(stations, layer("quarry", square(0, 519, 50), square(300, 521, 50)))
    assert told(outcome, "P-35c-F") == {("quarry-0", "pipeline_facility-0"): "permit_to_be_shown"}
    outcome = run(stations, layer("power_line", line((-500, 119), (500, 119)), line((-500, 121), (500, 121))))
    assert told(outcome, "P-35b-F") == {("power_line-0", "pipeline_facility-0"): "permit_to_be_shown"}


def test_roads_by_class():
    roads = layer(
        "road",
        line((-500, 0), (500, 0)),
        line((-500, 2000), (500, 2000)),
        line((-500, 4000), (500, 4000)),
        road_class=["county", "township", None],
    )
    pits = layer("open_pit", *(square(0, north, 50) for north in (99, 101, 2049, 2051, 4010)))
    outcome = run(roads, pits)
    assert told(outcome, "OP-1") == {("open_pit-0", "road-0"): "violation"}
    assert told(outcome, "OP-2") == {("open_pit-2", "road-1"): "violation"}
    assert "centreline_for_edge" in outcome.findings["reasons"].iloc[0]
    gaps = outcome.not_applied.query("rule_id == 'OP-1'").set_index("reason")["count"]
    assert gaps["attribute_missing:road_class"] == 1
    # One county road, and it is only a centreline: the pit at 101 m may be within 100 m of its land edge.
    assert gaps["edge_unknown:road"] == 1
    area = layer("road", shapely.box(*place(-500, -5), *place(500, 5)), road_class="county")
    assert not run(area, pits).not_applied["reason"].str.contains("edge_unknown").any()


def test_railway_permit():
    outcome = run(layer("railway", line((-500, 0), (500, 0))), layer("blasting_site", point(0, 999), point(100, 1001)))
    assert told(outcome, "OP-5") == {("blasting_site-0", "railway-0"): "permit_to_be_shown"}


def test_quarries_once_and_only_suspected():
    outcome = run(layer("quarry", square(0, 0, 50), square(349, 0, 50), square(1000, 0, 50)))
    assert told(outcome, "OP-7") == {("quarry-0", "quarry-1"): "suspected"}
    row = outcome.findings.iloc[0]
    assert "condition_unchecked" in row.reasons
    assert row.measured == pytest.approx(299.0, abs=0.01)


def test_dump_height_from_scan_before_layer():
    dumps = layer(
        "waste_dump", square(0, 0, 200), square(3000, 0, 200), square(6000, 0, 200), stack_height_m=[30, 30, None]
    )
    scan = [measurement("waste_dump", "waste_dump-0", "stack_height", 60.0, "m", sigma=0.5, epoch=EPOCH)]
    old = [measurement("waste_dump", "waste_dump-0", "stack_height", 90.0, "m", epoch=EPOCH.replace(year=2025))]
    schools = layer("school", square(310, 0, 20), square(325, 100, 20), square(3259, 0, 20), square(3270, 100, 20))
    villages = layer("settlement", square(250, 180, 20))
    outcome = run(dumps, schools, villages, measurements=scan + old)
    found = outcome.findings.set_index(["rule_id", "object_id"])
    assert told(outcome, "DUMP-2H") == {
        ("waste_dump-0", "school-0"): "suspected",
        ("waste_dump-1", "school-2"): "suspected",
    }
    row = found.loc[("DUMP-2H", "school-0")]
    assert (row.required, row.uncertainty, row.hazard_grade, row.colour) == (120.0, 1.0, "major", "orange")
    assert row.measured == pytest.approx(110.0, abs=0.01)
    assert "height_from_scan" in row.reasons
    assert "height_from_layer" in found.loc[("DUMP-2H", "school-2")].reasons
    village = found.loc[("DUMP-2H-R", "settlement-0")]
    assert (village.status, village.colour) == ("advisory", "blue")
    gaps = outcome.not_applied.query("rule_id == 'DUMP-2H' and subject_id == 'waste_dump-2'")
    assert gaps["reason"].tolist() == ["attribute_missing:stack_height_m"]


def test_overhead_pond_by_path_and_by_straight_line():
    pond = layer("tailings_pond", square(0, 0, 100), square(9000, 0, 100), square(18000, 0, 100))
    homes = layer("settlement", point(500), point(800), point(1010), point(1100))
    rows = [
        measurement("tailings_pond", f"tailings_pond-{k}", metric, value, "m", method=method)
        for k, metric, value, method in (
            (0, "flow_path_length", 1100.0, ""),
            (0, "toe_elevation", 900.0, ""),
            (1, "flow_path_length", np.nan, "cell_too_coarse"),
            (1, "toe_elevation", 900.0, ""),
        )
    ]
    for k, path, straight in ((0, 620.0, 500.0), (1, np.nan, 800.0), (2, 1010.0, 990.0), (3, 1090.0, 1050.0)):
        ends = {
            "object_kind": "settlement",
            "object_id": f"settlement-{k}",
            "sigma": 10.0,
            "geometry": line((0, 0), (500, 0)),
        }
        if np.isfinite(path):
            rows.append(measurement("tailings_pond", "tailings_pond-0", "flow_path_distance", path, "m", **ends))
        rows.append(measurement("tailings_pond", "tailings_pond-0", "straight_distance", straight, "m", **ends))
    outcome = run(pond, homes, measurements=rows, values={"T-OH": {"corridor_half_width_m": 50.0}})
    assert told(outcome, "T-OH") == {
        ("tailings_pond-0", "settlement-0"): "classified",
        ("tailings_pond-0", "settlement-2"): "too_close_to_call",
    }
    straight = outcome.findings.query('rule_id == "T-OH\'"').set_index("object_id")
    assert straight["status"].to_dict() == {
        "settlement-0": "advisory",
        "settlement-1": "advisory",
        "settlement-2": "too_close_to_call",
    }
    assert "also_on_flow_path" in straight.loc["settlement-0", "reasons"]
    assert "also_on_flow_path" not in straight.loc["settlement-1", "reasons"]
    gaps = outcome.not_applied.query("rule_id == 'T-OH' and subject_id != ''").set_index("subject_id")["reason"]
    assert gaps.to_dict() == {
        "tailings_pond-1": "cell_too_coarse",
        "tailings_pond-2": "measurement_missing:flow_path_distance",
    }


def test_values_not_given_are_asked_for():
    outcome = run(
        layer("tailings_pond", square(0, 0, 100)),
        layer("settlement", point(500)),
        layer("goaf", square(0, 500, 100), depth_m=[80.0], thickness_m=[4.0]),
    )
    reasons = outcome.not_applied.set_index("rule_id")["reason"]
    assert "value_not_given:corridor_half_width_m" in set(reasons["T-OH"])
    assert "value_not_given:movement_angle_deg" in set(reasons["GOAF-ZONE"])


def test_goaf_zone_and_depth_to_thickness():
    goafs = layer("goaf", square(0, 0, 100), square(2000, 0, 100), depth_m=[100.0, 400.0], thickness_m=[4.0, 5.0])
    zone = [measurement("goaf", "goaf-0", "influence_zone", 40.0, "m", sigma=1.0)]
    homes = layer("building", point(50, 50), point(50, 130), point(50, 141), point(50, 145))
    outcome = run(goafs, homes, measurements=zone, values={"GOAF-ZONE": {"movement_angle_deg": 68.2}})
    assert told(outcome, "GOAF-ZONE") == {
        ("goaf-0", "building-0"): "suspected",
        ("goaf-0", "building-1"): "suspected",
        ("goaf-0", "building-2"): "too_close_to_call",
    }
    assert told(outcome, "GS-HM") == {("goaf-0", ""): "classified"}
    row = outcome.findings.query("rule_id == 'GS-HM'").iloc[0]
    assert (row.measured, row.reasons) == (25.0, "attribute_stands_in")


def test_pit_rate_is_advisory_and_uncertain():
    pits = layer("open_pit", *(square(1000 * k, 0, 100) for k in range(5)))
    rates = [
        measurement("open_pit", f"open_pit-{k}", "displacement_rate", rate, unit, sigma=1.0, geometry=point(1000 * k))
        for k, rate, unit in ((0, 14.0, "mm/d"), (1, 10.5, "mm/d"), (2, 7.0, "mm/d"), (3, 14.0, "m/d"))
    ]
    outcome = run(pits, measurements=rates)
    assert told(outcome, "PIT-RATE") == {("open_pit-0", ""): "advisory", ("open_pit-1", ""): "too_close_to_call"}
    gaps = outcome.not_applied.query("rule_id == 'PIT-RATE'").set_index("subject_id")["reason"]
    assert gaps.to_dict() == {
        "open_pit-3": "unit_mismatch:displacement_rate",
        "": "measurement_missing:displacement_rate",
    }


def test_plan_800():
    mines = layer(
        "underground_mine",
        *(point(1000 * k) for k in range(5)),
        mineral=["non_coal", "non_coal", "non_coal", "coal", "non_coal"],
        mining_depth_m=[850.0, 800.0, 900.0, 900.0, 950.0],
        ground_pressure_monitoring=pd.array([False, False, True, False, None], dtype="boolean"),
    )
    works = layer(
        "enterprise",
        point(0, 5000),
        point(0, 6000),
        industry=["non_coal_mine", "chemical"],
        mining_method=["underground", None],
        mining_depth_m=[1000.0, np.nan],
        ground_pressure_monitoring=[False, None],
    )
    outcome = run(mines, works)
    assert told(outcome, "PLAN-800") == {("underground_mine-0", ""): "advisory", ("enterprise-0", ""): "advisory"}
    row = outcome.findings.set_index("subject_id").loc["underground_mine-0"]
    assert (row.deficit, row.unit) == (50.0, "m")
    assert row.evidence == "G"
    assert row.reasons.split() == ["plan_period_over", "attribute_stands_in"]
    gaps = outcome.not_applied.query("rule_id == 'PLAN-800'")
    assert gaps["reason"].tolist() == ["attribute_missing:ground_pressure_monitoring"]


def test_override_switch_off_and_not_in_force():
    pits = layer("open_pit", square(0, 250, 50))
    row = run(PIPE, pits, overrides={"P-35c": {"value": 300.0}}).findings.iloc[0]
    assert (row.rule_id, row.evidence, row.required, row.status) == ("P-35c", "user", 300.0, "suspected")
    assert "overridden_by_user" in row.reasons
    off = run(PIPE, pits, overrides={"P-35c": {"enabled": False}})
    assert off.not_applied.query("rule_id == 'P-35c'")["reason"].tolist() == ["switched_off"]
    early = apply_rules(load_catalogue(), {"p": PIPE, "o": pits}, measurements_frame(), as_of=datetime.date(2009, 1, 1))
    assert "not_in_force:2009-01-01" in set(early.not_applied.query("rule_id == 'P-35c'")["reason"])


def test_nothing_is_held_to_a_law_that_was_not_there():
    road, pit = layer("road", line((-500, 0), (500, 0)), road_class="county"), layer("open_pit", square(0, 50, 50))
    mine = layer(
        "underground_mine", point(5000), mineral="non_coal", mining_depth_m=900.0, ground_pressure_monitoring=False
    )
    layers = {"r": road, "p": pit, "m": mine}

    def found(year: int) -> dict[str, str]:
        day = datetime.date(year, 6, 30)
        rows = apply_rules(load_catalogue(), layers, measurements_frame(), as_of=day).findings
        return dict(zip(rows["rule_id"], rows["reasons"], strict=True))

    assert found(1990) == {}
    assert set(found(2012)) == {"OP-1"}
    assert "plan_period_over" not in found(2018)["PLAN-800"]
    assert "plan_period_over" in found(2021)["PLAN-800"]


def test_own_rule_of_a_g_clause_with_its_own_value_stays_advisory():
    dump, home = layer("waste_dump", square(0, 0, 200), stack_height_m=[30.0]), layer("settlement", square(210, 0, 20))
    for value in (2.0, 2.5):
        outcome = run(dump, home, overrides={"DUMP-2H-R": {"value": value}})
        assert set(told(outcome, "DUMP-2H-R").values()) == {"advisory"}


def test_path_that_leaves_the_dem_before_the_limit_is_a_gap():
    ponds = layer("tailings_pond", *(square(9000 * k, 0, 100) for k in range(3)))
    cut = "least_deviation,toe_given,left_dem"
    lengths = ((0, 303.4, cut), (1, 1005.0, cut), (2, 1010.0, "least_deviation,toe_given"))
    rows = [
        measurement("tailings_pond", f"tailings_pond-{k}", "flow_path_length", value, "m", method=method)
        for k, value, method in lengths
    ]
    outcome = run(
        ponds,
        layer("settlement", point(500)),
        measurements=rows,
        values={"T-OH": {"corridor_half_width_m": 50.0}},
    )
    gaps = outcome.not_applied.query("rule_id == 'T-OH' and subject_id != ''").set_index("subject_id")["reason"]
    assert gaps.to_dict() == {"tailings_pond-0": "path_left_dem:303 m"}


def test_measurements_in_another_unit_are_gaps():
    pond, goaf = layer("tailings_pond", square(0, 0, 100)), layer("goaf", square(0, 500, 100))
    dump, homes = layer("waste_dump", square(3000, 0, 100)), layer("settlement", point(500))
    end = {"object_kind": "settlement", "object_id": "settlement-0"}
    rows = [
        measurement("tailings_pond", "tailings_pond-0", "flow_path_length", 1010.0, "m"),
        measurement("tailings_pond", "tailings_pond-0", "flow_path_distance", 0.6, "km", **end),
        measurement("goaf", "goaf-0", "influence_zone", 0.04, "km", method="movement_angle"),
        measurement("waste_dump", "waste_dump-0", "stack_height", 6000.0, "cm"),
    ]
    values = {"T-OH": {"corridor_half_width_m": 50.0}, "GOAF-ZONE": {"movement_angle_deg": 70.0}}
    gaps = run(pond, goaf, dump, homes, measurements=rows, values=values).not_applied.query("subject_id != ''")
    told_of = {(row.rule_id, row.reason) for row in gaps.itertuples()}
    assert told_of >= {
        ("T-OH", "unit_mismatch:flow_path_distance"),
        ("GOAF-ZONE", "unit_mismatch:influence_zone"),
        ("DUMP-2H-R", "unit_mismatch:stack_height"),
    }


def test_ways_of_measuring_are_told():
    pit, dump = layer("open_pit", square(0, 0, 100)), layer("waste_dump", square(3000, 0, 100))
    school = layer("school", square(3150, 0, 20))
    rows = [
        measurement("open_pit", "open_pit-0", "displacement_rate", 20.0, "mm/d", sigma=1.0, method="m3c2"),
        measurement(
            "waste_dump",
            "waste_dump-0",
            "stack_height",
            60.0,
            "m",
            sigma=1.0,
            method="platform_to_lowest_seen_slope",
        ),
    ]
    reasons = run(pit, dump, school, measurements=rows).findings.set_index("rule_id")["reasons"]
    assert "along_normal_not_horizontal" in reasons["PIT-RATE"].split()
    assert "height_is_lower_bound" in reasons["DUMP-2H"].split()
    seen = [{**row, "method": "platform_to_lowest_toe"} for row in rows]
    reasons = run(pit, dump, school, measurements=seen).findings.set_index("rule_id")["reasons"]
    assert not reasons.str.contains("height_is_lower_bound|along_normal").any()


def test_measurements_of_ids_that_two_layers_share_are_refused():
    near, far = layer("waste_dump", square(0, 0, 100)), layer("waste_dump", square(9000, 0, 100))
    school = layer("school", square(150, 0, 20))
    layers = {"east": near, "west": far, "schools": school}
    height = measurement("waste_dump", "waste_dump-0", "stack_height", 60.0, "m")
    with pytest.raises(InputError, match=r"waste_dump/waste_dump-0 in east and west.*distinct ids"):
        apply_rules(load_catalogue(), layers, measurements_frame([height]), as_of=DAY)
    layers["west"] = far.assign(id="waste_dump-1")
    found = apply_rules(load_catalogue(), layers, measurements_frame([height]), as_of=DAY).findings
    assert found["subject_id"].tolist() == ["waste_dump-0"]


def test_all_reason_codes_have_texts():
    texts = load_catalogue().reason_texts
    new = {
        "edge_unknown",
        "path_left_dem",
        "plan_period_over",
        "along_normal_not_horizontal",
        "height_is_lower_bound",
        "attribute_stands_in",
        "inside_inner_limit",
        "perhaps_inside_inner_limit",
    }
    assert new <= set(texts)


def test_missing_layers_are_told_and_nothing_at_all_works():
    outcome = run(PIPE)
    gaps = outcome.not_applied.query("rule_id == 'P-30c'")
    assert set(gaps["reason"]) >= {"layer_missing:building", "layer_missing:school"}
    empty = apply_rules(load_catalogue(), {}, measurements_frame(), as_of=DAY)
    assert len(empty.findings) == 0
    assert set(empty.not_applied["rule_id"]) == set(load_catalogue().rules)


def test_ids_do_not_depend_on_the_order_of_rows():
    houses = layer("building", *(point(100.0 * k, 3.0) for k in range(5)))
    quarries = layer("quarry", square(0, 0, 50), square(100, 0, 50))
    first = run(PIPE, houses, quarries).findings
    again = run(PIPE, houses.iloc[::-1].reset_index(drop=True), quarries.iloc[::-1].reset_index(drop=True)).findings
    assert first["finding_id"].tolist() == again["finding_id"].tolist()


def test_two_layers_of_one_kind_are_taken_together():
    a, b = layer("building", point(0, 3.0)), layer("building", point(100, 3.0))
    outcome = apply_rules(load_catalogue(), {"a": a, "b": b, "p": PIPE}, measurements_frame(), as_of=DAY)
    rows = outcome.findings.query("rule_id == 'P-30c'")
    assert len(rows) == 2
    assert rows["finding_id"].is_unique


def test_position_worse_than_the_limit_gives_a_lead_not_a_colour():
    coarse = layer("building", point(0, 2), sigma=500.0)
    row = run(PIPE, coarse).findings.query("rule_id == 'P-30c'").iloc[0]
    assert (row.status, row.colour) == ("too_close_to_call", "blue")
    assert row.probability < 0.05


def gaps_of(outcome: RuleOutcome, rule_id: str) -> dict[str, int]:
    rows = outcome.not_applied[outcome.not_applied["rule_id"] == rule_id]
    return dict(zip(rows["reason"], rows["count"], strict=True))


def test_a_rank_is_a_number_when_it_was_read():
    station = layer("pipeline_facility", square(0, 0, 10), station_class=[3.0], medium="natural_gas")
    village = layer("settlement", square(30, 0, 100), population=500.0)
    assert set(told(run(station, village), "ST-1-3")) == {("pipeline_facility-0", "settlement-0")}
    assert told(run(station, village), "ST-1-2") == {}


def test_a_word_that_no_vocabulary_has_is_a_gap_and_no_silence():
    warehouse = layer("chemical_unit", square(0, 0, 10), facility_type=["class_a_warehouse"])
    railways = layer(
        "railway", line((20, -500), (20, 500)), line((25, -500), (25, 500)), railway_class=["地方铁路", ""]
    )
    outcome = run(warehouse, railways)
    assert told(outcome, "HC-8-R") == {}
    assert gaps_of(outcome, "HC-8-R") == {"word_not_known:railway_class": 1, "attribute_missing:railway_class": 1}
    catalogue = load_catalogue()
    assert "词表" in catalogue.reason_text("word_not_known:railway_class", "zh")
    assert "vocabulary" in catalogue.reason_text("word_not_known:railway_class", "en")


def test_a_word_not_known_is_no_mineral_but_coal_either():
    pits = layer("open_pit", square(0, 0, 400), mineral=["神秘矿石"], depth_m=[250.0], slope_height_m=[250.0])
    outcome = run(pits)
    assert told(outcome, "MH-PIT-200") == {}
    assert gaps_of(outcome, "MH-PIT-200") == {"word_not_known:mineral": 1}


def test_class_a_buildings_look_at_schools_hospitals_and_villages():
    units = layer(
        "chemical_unit",
        square(0, 0, 10),
        square(2000, 0, 10),
        facility_type=["class_a_warehouse", "class_a_plant"],
        quantity_t=[1.0, 1.0],
    )
    people = [layer(kind, square(20, 0, 10), square(2020, 0, 10)) for kind in ("school", "hospital", "settlement")]
    outcome = run(units, *people)
    for number, rules in ((0, ("HC-8-C", "HC-8-H-S")), (1, ("HC-6-C", "HC-6-I-S"))):
        strict, doubtful = (told(outcome, rule) for rule in rules)
        for kind in ("school", "hospital", "settlement"):
            assert strict[f"chemical_unit-{number}", f"{kind}-{number}"] == "violation"
        for kind in ("school", "hospital"):
            assert doubtful[f"chemical_unit-{number}", f"{kind}-{number}"] == "suspected"


def test_facilities_of_town_gas_and_chemicals_are_not_under_the_pipeline_law():
    facilities = layer(
        "pipeline_facility",
        *(square(200 * k, 0, 10) for k in range(4)),
        medium=["natural_gas", "hazardous_chemical", "natural_gas", ""],
        network=["", "", "urban", ""],
    )
    power = layer("power_line", line((-100, 5), (900, 5)), built_on=pd.Timestamp(2024, 1, 1))
    found = told(run(facilities, power), "P-29")
    assert set(found) == {("power_line-0", "pipeline_facility-0"), ("power_line-0", "pipeline_facility-3")}


def test_what_was_built_in_the_year_whose_day_is_unknown_is_no_violation():
    ponds = layer(
        "tailings_pond",
        *(square(500 * k, 0, 50) for k in range(3)),
        built_on=[pd.Timestamp(2019, 6, 1), pd.Timestamp(2020, 6, 1), pd.Timestamp(2021, 1, 1)],
    )
    river = layer("river", line((-100, 300), (2000, 300)), river_class="yellow_river")
    outcome = run(ponds, river)
    assert set(told(outcome, "T-RIV")) == {("tailings_pond-2", "river-0")}
    assert gaps_of(outcome, "T-RIV")["effective_day_unknown:built_on"] == 1


def test_the_yellow_river_law_holds_from_its_own_day():
    """In force on 2023-04-01: a pond of 2022-06 is older, though the law was adopted in that year."""
    days = [pd.Timestamp(2022, 6, 1), pd.Timestamp(2023, 3, 31), pd.Timestamp(2023, 4, 1)]
    ponds = layer("tailings_pond", *(square(100 * k, 0, 50) for k in range(3)), built_on=days)
    zone = layer("river_bank_zone", square(-10, -10, 500), river_class="yellow_river")
    assert set(told(run(ponds, zone), "T-RIV'")) == {("tailings_pond-2", "river_bank_zone-0")}


def test_a_line_that_crosses_and_then_runs_alongside_is_told():
    """The first pipe crosses the road and follows it at 2 m, the second only crosses it at a right angle."""
    pipes = layer(
        "pipeline",
        line((0, -300), (0, -1), (2, 0), (2, 2000)),
        line((-300, 500), (300, 500)),
        medium="natural_gas",
        network="transmission",
    )
    road = layer("road", line((1, -100), (1, 100), (0, 110), (0, 2500)), road_class="national")
    outcome = run(pipes, road)
    rows = outcome.not_applied[outcome.not_applied["reason"] == "crosses_and_parallel"]
    assert set(rows["subject_id"]) == {"pipeline-0"}
    assert "GP-3-W" in set(rows["rule_id"]) and (rows["count"] == 1).all()
    for language, word in (("zh", "并行"), ("en", "side by side")):
        assert word in load_catalogue().reason_text("crosses_and_parallel", language)
