"""Location classes on cases worked by hand: inside, outside, too close to call, and what could not be counted."""

import datetime
import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.ops import substring

import sxrisk
from sxrisk.crs import local_metric
from sxrisk.errors import GeometryError, ParameterError
from sxrisk.findings import measurements_frame
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue
from sxrisk.rules.engines.location_class_segments import class_of_number

LON, LAT = 112.6, 37.6
DAY = datetime.date(2026, 6, 30)
SHIPPED = load_catalogue()


def placed(shape):
    """A shape of the local plane in longitude and latitude."""
    return shapely.transform(
        shapely.segmentize(shape, 50.0),
        lambda xy: np.column_stack(local_metric(LON, LAT).transform(xy[:, 0], xy[:, 1], direction="INVERSE")),
    )


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
    return gpd.GeoDataFrame({**base, **columns}, geometry=[placed(shape) for shape in shapes], crs=4490)


def run(*layers: gpd.GeoDataFrame, **changes) -> RuleOutcome:
    catalogue = load_catalogue(**changes) if changes else SHIPPED
    rules = {name: rule for name, rule in catalogue.rules.items() if name.startswith("LC-")}
    named = {f"layer-{k}": frame for k, frame in enumerate(layers)}
    return apply_rules(replace(catalogue, rules=rules), named, measurements_frame([]), as_of=DAY)


def told(outcome: RuleOutcome, rule_id: str) -> pd.DataFrame:
    """Findings of a rule with their details as columns, by line and chainage."""
    rows = outcome.findings[outcome.findings["rule_id"] == rule_id].reset_index(drop=True)
    details = pd.DataFrame([json.loads(text) for text in rows["details"]])
    both = pd.concat([rows, details], axis=1)
    return both.sort_values(["subject_id", "from_chainage_m"], ignore_index=True) if len(both) else both


def points(*places: float, aside: float = 0.0) -> list:
    return [shapely.Point(x, aside) for x in places]


def pipe(*corners, **columns) -> gpd.GeoDataFrame:
    line = shapely.LineString(corners or [(0, 0), (9000, 0)])
    return layer("pipeline", line, **{"medium": "natural_gas", **columns})


def segments(frame: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    columns = ("result", "status", "from_chainage_m", "to_chainage_m")
    return [(r, s, round(a), round(b)) for r, s, a, b in zip(*(frame[name] for name in columns), strict=True)]


def test_the_numbers_that_divide_the_classes():
    found = []
    for number in (15, 16, 99, 100):
        rows = told(run(pipe(), layer("building", *points(4000), households=[number])), "LC-TRANS")
        found.append(rows["result"].tolist())
    assert found == [[], ["2"], ["2"], ["3"]]
    assert [class_of_number(n, 12, 80) for n in (12, 13, 79, 80)] == ["1-2", "2", "2", "3"]


def test_two_hamlets_in_one_window_make_class_3():
    # 60 households at 3000 m and at 5300 m, both on the line: within 200 m on [2800, 3200] and [5100, 5500]. A window
    # of 2 km that begins between 3100 and 3200 m meets both: 120 >= 100. The boundaries lie 200 m beyond the outermost.
    rows = told(run(pipe(), layer("building", *points(3000, 5300), households=[60, 60])), "LC-TRANS")
    assert segments(rows) == [("3", "classified", 2800, 5500)]
    assert rows.loc[0, ["measured", "required", "unit", "stake"]].tolist() == [120, 100, "1", "K2+800.0-K5+500.0"]
    assert rows.loc[0, ["households_low", "households_high", "design_factor"]].tolist() == [120, 120, 0.5]
    assert rows.loc[0, "geometry"].geom_type == "LineString"
    # 200 m farther on the second one's stretch begins at 5300 m = 3300 + 2000, and no window meets both.
    rows = told(run(pipe(), layer("building", *points(3000, 5500), households=[60, 60])), "LC-TRANS")
    assert segments(rows) == [("2", "classified", 2800, 3200), ("2", "classified", 5300, 5700)]


def test_class_2_goes_on_where_class_3_ends():
    # 100 at 4000 m; 20 at 5000 m are held by windows of class 3 too, so class 3 goes to 200 m beyond them; 20 at 7500 m
    # stand more than 2.4 km from the first: class 2 from 7300 to 7700 m. With the second hamlet a window beginning in
    # [5300, 5200] would meet both: none does.
    rows = told(run(pipe(), layer("building", *points(4000, 5000, 7500), households=[100, 20, 20])), "LC-TRANS")
    assert segments(rows) == [("3", "classified", 3800, 5200), ("2", "classified", 7300, 7700)]
    assert rows["measured"].tolist() == [120, 20]


def test_a_centimetre_at_200_m():
    for aside, count in ((199.99, 1), (200.01, 0)):
        rows = told(run(pipe(), layer("building", *points(4000, aside=aside), households=[100])), "LC-TRANS")
        assert len(rows) == count


def test_the_boundary_is_200_m_from_the_outer_edge():
    # A house from 4000 to 4030 m, its near wall 150 m aside: 200 m along the line from its corners, and so farther than
    # 200 m from its edge in a straight line.
    house = shapely.box(4000, 150, 4030, 170)
    rows = told(run(pipe(), layer("building", house, households=[100])), "LC-TRANS")
    assert segments(rows) == [("3", "classified", 3800, 4230)]


def test_position_accuracy_leaves_it_open():
    # 198 m aside with 1 sigma of 3 m: 198 - 200 is within 1.96 sigma, so between 0 and 100 households.
    houses = layer("building", *points(4000, aside=198), households=[100], sigma=3.0)
    rows = told(run(pipe(), houses), "LC-TRANS")
    assert rows[["result", "status"]].values.tolist() == [["1-1/3", "too_close_to_call"]]
    assert rows.loc[0, ["households_low", "households_high"]].tolist() == [0, 100]
    assert 0.025 < rows.loc[0, "probability"] < 0.975
    # 193 m aside is farther inside than 5.88 m.
    houses = layer("building", *points(4000, aside=193), households=[100], sigma=3.0)
    assert told(run(pipe(), houses), "LC-TRANS")["status"].tolist() == ["classified"]


def test_a_village_partly_inside_counts_for_none_to_all():
    inside, across = shapely.box(4000, 50, 4300, 190), shapely.box(4000, 50, 4300, 400)
    village = layer("settlement", inside, households=[120])
    assert segments(told(run(pipe(), village), "LC-TRANS")) == [("3", "classified", 3800, 4500)]
    village = layer("settlement", across, households=[120])
    rows = told(run(pipe(), village), "LC-TRANS")
    assert rows[["result", "status"]].values.tolist() == [["1-1/3", "too_close_to_call"]]
    # 120 of 0 to 120 households, evenly: 1 / sqrt(12) of the range.
    assert rows.loc[0, "uncertainty"] == pytest.approx(120 / np.sqrt(12))


def test_a_village_that_is_mapped_house_by_house():
    # 120 households, 50 of them in mapped houses inside the strip and 60 in mapped houses outside it: between 50 and
    # 50 + (120 - 110) = 60 are in the strip, class 2 in any case.
    village = layer("settlement", shapely.box(4000, 50, 4300, 400), households=[120])
    houses = layer("building", shapely.Point(4100, 100), shapely.Point(4200, 350), households=[50, 60])
    rows = told(run(pipe(), village, houses), "LC-TRANS")
    assert rows.loc[0, ["result", "status", "households_low", "households_high"]].tolist() == [
        "2",
        "classified",
        50,
        60,
    ]


def test_what_states_no_number():
    # 16 houses of one storey make class 2; a village without a number is told as not counted, unless its houses are.
    houses = layer("building", *[shapely.Point(4000 + 10 * k, 50) for k in range(16)], storeys=1)
    villages = layer("settlement", shapely.box(3990, 0, 4200, 90), shapely.box(7000, 0, 7100, 90))
    outcome = run(pipe(), houses, villages)
    rows = told(outcome, "LC-TRANS")
    assert rows[["result", "status"]].values.tolist() == [["2", "classified"]]
    assert "households_assumed" in rows.loc[0, "reasons"]
    gaps = outcome.not_applied.query("rule_id == 'LC-TRANS' and reason == 'attribute_missing:households'")
    assert gaps[["subject_kind", "subject_id"]].values.tolist() == [["settlement", "settlement-1"]]


@pytest.mark.parametrize(("count", "result", "limit"), [(15, "1-2/3", 15), (20, "2/3", 100)])
def test_apartment_houses_without_a_number_leave_the_class_open(count, result, limit):
    # Each holds one household at least: 15 are class 1, 20 are class 2; how many more nobody says. One finding, from
    # 200 m before the first to 200 m beyond the last; two more stand 1500 m on, in the same windows of 2 km.
    places = [4000 + 10 * k for k in range(count - 2)] + [5500, 5510]
    blocks = layer("building", *points(*places), storeys=[6] * (count - 1) + [None])
    far = layer("building", *points(4000, aside=5000), storeys=6)
    outcome = run(pipe(), blocks, far)
    rows = told(outcome, "LC-TRANS")
    assert segments(rows) == [(result, "too_close_to_call", 3800, 5710)]
    assert rows.loc[0, ["measured", "required", "probability"]].tolist() == [count, limit, 0.5]
    shown = ["households_low", "buildings_without_households", "design_factor"]
    assert rows.loc[0, shown].tolist() == [count, count, 0.5]
    assert "households_high" not in rows.columns
    assert {"households_assumed", "class_4_possible"} <= set(rows.loc[0, "reasons"].split())
    gaps = outcome.not_applied.query("rule_id == 'LC-TRANS' and reason == 'attribute_missing:households'")
    assert gaps[["subject_kind", "subject_id", "count"]].values.tolist() == [["building", "", count]]
    # Of one storey they are one household each, and urban rules count the buildings themselves.
    flat = run(pipe(), blocks.assign(storeys=1))
    assert told(flat, "LC-TRANS")["result"].tolist() == ([] if count == 15 else ["2"])
    assert flat.not_applied.query("rule_id == 'LC-TRANS' and reason == 'attribute_missing:households'").empty
    assert told(run(pipe(network="urban"), blocks), "LC-URBAN")["status"].tolist() == ["classified"]


def test_the_public_function_tells_where_numbers_are_missing():
    found = sxrisk.location_classes(pipe(), layer("building", *points(4000), storeys=2))
    assert found["location_class"].tolist() == ["1-1", "1-2", "1-1"]
    assert found["class_3_possible"].tolist() == [False, True, False]


def test_a_village_bounds_the_houses_that_stand_in_it():
    # 60 households, and five blocks without a number among them: 60 in any case, all of them in the strip.
    village = layer("settlement", shapely.box(4000, 0, 4300, 150), households=[60])
    blocks = layer("building", *[shapely.Point(4050 + 20 * k, 50) for k in range(5)], storeys=6)
    outcome = run(pipe(), village, blocks)
    rows = told(outcome, "LC-TRANS")
    assert rows[["result", "status", "households_low", "households_high"]].values.tolist() == [
        ["2", "classified", 60, 60]
    ]
    assert outcome.not_applied.query("rule_id == 'LC-TRANS' and reason == 'attribute_missing:households'").empty


def test_a_village_as_a_point_may_be_the_houses_around_it():
    # 60 households at a point and 60 houses of one each from 30 m to 325 m off it: 60 to 120. A kilometre off they are
    # others, and the same windows hold both.
    village = layer("settlement", shapely.Point(4000, 0), households=[60])
    near = layer("building", *points(*[4030 + 5 * k for k in range(60)]), households=[1] * 60)
    rows = told(run(pipe(), village, near), "LC-TRANS")
    assert segments(rows) == [("2/3", "too_close_to_call", 3800, 4525)]
    assert rows.loc[0, ["households_low", "households_high"]].tolist() == [60, 120]
    far = layer("building", *points(*[5000 + 5 * k for k in range(60)]), households=[1] * 60)
    assert segments(told(run(pipe(), village, far), "LC-TRANS")) == [("3", "classified", 3800, 5495)]


def test_what_is_no_dwelling_is_not_counted():
    uses = ["residential", "industrial", "commercial", "adobe"]
    houses = layer("building", *points(4000, 4010, 4020, 4030), building_use=uses, households=[8, None, 8, 8])
    # 8 + 0 + 8 + 8: a shop with households is one, a works without is none.
    assert told(run(pipe(), houses), "LC-TRANS")["measured"].tolist() == [24]


def test_lines_that_touch_are_one_line():
    # The hamlets of the first case, with the line cut at 4000 m into two features, the second drawn backwards.
    both = layer(
        "pipeline",
        shapely.LineString([(0, 0), (4000, 0)]),
        shapely.LineString([(9000, 0), (4000, 0)]),
        medium="natural_gas",
    )
    houses = layer("building", *points(3000, 5300), households=[60, 60])
    rows = told(run(both, houses), "LC-TRANS")
    # The second one's chainage runs from its own start at 9000 m: 9000 - 5500 = 3500.
    assert segments(rows) == [("3", "classified", 2800, 4000), ("3", "classified", 3500, 5000)]
    assert rows["subject_id"].tolist() == ["pipeline-0", "pipeline-1"]
    both["medium"] = ["natural_gas", "coalbed_methane"]
    assert told(run(both, houses), "LC-TRANS")["result"].tolist() == ["2", "2"]


def test_a_side_branch_does_not_cut_the_window():
    # 60 households on either side of a joint at 4000 m make class 3, from 200 m before the first to 200 m beyond the
    # last, whether a branch begins at the joint or not.
    parts = [[(0, 0), (4000, 0)], [(4000, 0), (9000, 0)], [(4000, 0), (4000, 5000)]]
    lines = layer("pipeline", *map(shapely.LineString, parts), medium="natural_gas")
    houses = layer("building", *points(3500, 4500), households=[60, 60])
    for chosen in (lines.iloc[:2], lines):
        rows = told(run(chosen, houses), "LC-TRANS")
        assert segments(rows) == [("3", "classified", 3300, 4000), ("3", "classified", 0, 700)]
        assert not rows["reasons"].str.contains("run_ends_at_junction").any()
    # A hamlet beside the branch is counted in windows that end at the joint, and the finding says so.
    aside = layer("building", shapely.Point(4000, 1500), households=[60])
    rows = told(run(lines, aside), "LC-TRANS")
    assert segments(rows) == [("2", "classified", 1300, 1700)]
    assert "run_ends_at_junction" in rows.loc[0, "reasons"]
    beyond = layer("building", shapely.Point(4000, 4000), households=[60])
    assert "run_ends_at_junction" not in told(run(lines, beyond), "LC-TRANS").loc[0, "reasons"]


def test_class_4_is_possible_and_never_decided_by_a_layer():
    # 30 of 50 houses with known storeys have four or more: 60 %.
    houses = layer(
        "building",
        *[shapely.Point(4000 + 10 * k, 50) for k in range(50)],
        households=[4] * 50,
        storeys=[5] * 30 + [1] * 20,
    )
    rows = told(run(pipe(), houses), "LC-TRANS")
    assert rows["result"].tolist() == ["3"]
    assert "class_4_possible" in rows.loc[0, "reasons"]
    confirmed = run(pipe(), houses, values={"LC-TRANS": {"class_4_confirmed": 1.0}})
    rows = told(confirmed, "LC-TRANS")
    assert rows[["result", "status", "design_factor"]].values.tolist() == [["4", "classified", 0.4]]
    # Two of five, mixed: no window holds a majority of them.
    houses["storeys"] = [1, 5, 1, 5, 1] * 10
    assert "class_4_possible" not in told(run(pipe(), houses), "LC-TRANS").loc[0, "reasons"]


def test_a_pipeline_without_medium_or_without_a_line_is_told():
    outcome = run(pipe(medium=None), layer("building", *points(4000), households=[100]))
    gaps = outcome.not_applied.query("rule_id == 'LC-TRANS'")
    assert ("attribute_missing:medium", 1) in set(zip(gaps["reason"], gaps["count"], strict=True))
    wrong = layer("pipeline", shapely.Point(0, 0), medium="natural_gas")
    outcome = run(wrong, layer("building", *points(4000), households=[100]))
    gaps = outcome.not_applied.query("rule_id == 'LC-TRANS'")
    assert ("not_a_line", "pipeline-0") in set(zip(gaps["reason"], gaps["subject_id"], strict=True))


def test_urban_lines_count_buildings_in_1600_m():
    # 13 buildings of 100 households each: 13 > 12 is class 2. Two groups of 40: on [3800, 4390 + 200] and so on.
    urban = pipe(network="urban")
    near = layer("building", *[shapely.Point(4000 + 10 * k, 50) for k in range(13)], households=[100] * 13)
    outcome = run(urban, near)
    assert told(outcome, "LC-URBAN")["result"].tolist() == ["2"]
    assert told(outcome, "LC-TRANS").empty
    assert told(run(urban, near.iloc[:12]), "LC-URBAN").empty
    # 80 buildings in two rows on the line. The last of the first ends its stretch at 1000 + 200 = 1200 m; a window of
    # 1600 m from there ends at 2800 m, where the stretch of the other row begins if it stands at 3000 m.
    for start, results in ((2999.9, ["3"]), (3000.1, ["2", "2"])):
        houses = layer("building", *points(*[1000.0] * 40, *[start] * 40))
        rows = told(run(urban, houses), "LC-URBAN")
        assert rows["result"].tolist() == results
    assert "conflict:2" in rows.loc[0, "reasons"]


def test_a_gathering_place_within_90_m_of_an_urban_line():
    square = layer("crowd_place", shapely.box(4000, 60, 4100, 160), shapely.box(7000, 91, 7100, 160))
    rows = told(run(pipe(network="urban"), square, layer("building", *points(100))), "LC-URBAN")
    # 60 m aside: sqrt(90^2 - 60^2) = 67.1 m before and beyond.
    assert segments(rows) == [("3", "classified", 3933, 4167)]
    assert "near_gathering_place" in rows.loc[0, "reasons"]


def test_a_school_in_class_1_or_2_takes_the_design_factor_of_class_3():
    schools = layer("school", shapely.Point(1000, 120), shapely.Point(4000, 0), shapely.Point(8000, 201))
    houses = layer("building", *points(4000), households=[100])
    rows = told(run(pipe(), schools, houses), "LC-TRANS-F")
    # 120 m aside: 160 m to each side. The second stands in class 3 from 3800 to 4200 m, the third too far.
    assert segments(rows) == [("F 0.50", "classified", 840, 1160)]
    assert rows.loc[0, "objects"] == ["school/school-0"]


def test_a_user_may_move_the_number():
    houses = layer("building", *points(4000), households=[12])
    rows = told(run(pipe(), houses, overrides={"LC-TRANS": {"value": 10.0}}), "LC-TRANS")
    assert rows[["result", "status", "evidence"]].values.tolist() == [["2", "suspected", "user"]]


def test_ids_stay_when_the_line_is_redrawn_by_centimetres():
    houses = layer("building", *points(3000, 5500), households=[60, 60])
    ids = [
        told(run(pipe((0, shift), (9000, shift)), houses), "LC-TRANS")["finding_id"].tolist() for shift in (0.0, 0.03)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_segment_keeps_its_id_when_another_comes_before_it():
    line = pipe((0, 0), (20_000, 0))
    before = told(run(line, layer("building", *points(14_800), households=[60])), "LC-TRANS")
    now = told(run(line, layer("building", *points(2800, 14_800), households=[60, 60])), "LC-TRANS")
    assert now["from_chainage_m"].round().tolist() == [2600, 14_600]
    assert now["finding_id"].tolist()[1] == before["finding_id"].item()
    assert now["finding_id"].nunique() == 2


def test_public_function_tells_the_whole_length():
    pipes = pipe()
    houses = layer("building", *points(3000, 5300), households=[60, 60])
    found = sxrisk.location_classes(pipes, houses)
    assert found["location_class"].tolist() == ["1-1", "3", "1-1"]
    assert found["from_chainage_m"].tolist()[1:] == pytest.approx(found["to_chainage_m"].tolist()[:-1])
    assert found.crs.to_epsg() == 4490
    # In windows of 1 km the two are apart, and 100 m aside is not within 50 m.
    assert set(sxrisk.location_classes(pipes, houses, unit_length_m=1000.0)["location_class"]) == {"1-1", "2"}
    far = layer("building", *points(4000, aside=100), households=[100])
    assert sxrisk.location_classes(pipes, far, half_width_m=50.0)["location_class"].tolist() == ["1-1"]
    assert sxrisk.location_classes(pipes.to_crs(4547), houses.to_crs(4546))["high"].max() == 120


def test_public_function_refuses_what_it_cannot_use():
    pipes, houses = pipe(), layer("building", *points(3000))
    with pytest.raises(ParameterError, match="network: there is no network 'rural'"):
        sxrisk.location_classes(pipes, houses, network="rural")
    with pytest.raises(ParameterError, match="unit_length_m: it is -1 m"):
        sxrisk.location_classes(pipes, houses, unit_length_m=-1.0)
    with pytest.raises(GeometryError, match="no pipeline is a line"):
        sxrisk.location_classes(houses, houses)
    with pytest.raises(GeometryError, match="pipelines: 1 of 1 rows have no finite place"):
        sxrisk.location_classes(pipes.set_geometry([None], crs=4490), houses)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100_000))
def test_the_partition_is_whole_and_no_boundary_is_too_near(seed):
    rng = np.random.default_rng(seed)
    turn = np.cumsum(rng.normal(0, 0.5, 20))
    line = shapely.LineString(np.cumsum(500 * np.column_stack([np.cos(turn), np.sin(turn)]), axis=0))
    along = rng.uniform(0, line.length, 25)
    spots = shapely.get_coordinates(shapely.line_interpolate_point(line, along)) + rng.normal(0, 120, (25, 2))
    houses = layer(
        "building", *[shapely.box(x, y, x + 12, y + 9) for x, y in spots], households=rng.integers(5, 40, 25)
    )
    turned = layer("pipeline", line.reverse())
    found = sxrisk.location_classes(layer("pipeline", line), houses)
    length = found["to_chainage_m"].iloc[-1]
    assert found["from_chainage_m"].iloc[0] == 0
    assert found["from_chainage_m"].to_numpy()[1:] == pytest.approx(found["to_chainage_m"].to_numpy()[:-1])
    assert length == pytest.approx(line.length, rel=1e-6)
    dense = found[found["location_class"] == "3"]
    boxes = np.array([shapely.box(x, y, x + 12, y + 9) for x, y in spots], dtype=object)
    number = houses["households"].to_numpy()
    for start in np.arange(0.0, length - 2000.0, 90.0):
        window = substring(line, start, start + 2000.0)
        held = shapely.distance(window, boxes) < 199.99
        if number[held].sum() < 100:
            continue
        # Every dwelling of a window of class 3 lies in a segment of class 3 with its 200 m to both sides.
        beside = shapely.line_locate_point(
            window, shapely.points(shapely.get_coordinates(shapely.shortest_line(window, boxes[held]))[::2])
        )
        for at in start + beside[(beside > 0.01) & (beside < 1999.99)]:
            begin, end = max(at - 199.99, 0.01), min(at + 199.99, length - 0.01)
            assert ((dense["from_chainage_m"] <= begin) & (dense["to_chainage_m"] >= end)).any()
    # The line drawn the other way round: the same segments in reverse order.
    other = sxrisk.location_classes(turned, houses).iloc[::-1].reset_index(drop=True)
    assert other["location_class"].tolist() == found["location_class"].tolist()
    assert (length - other["to_chainage_m"]).to_numpy() == pytest.approx(found["from_chainage_m"].to_numpy(), abs=1e-3)
    assert other["high"].tolist() == found["high"].tolist()
