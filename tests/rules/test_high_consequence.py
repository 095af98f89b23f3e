"""High-consequence areas on cases worked by hand: each item inside, outside, too close to call, and not applied."""

import datetime
import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.crs import local_metric
from sxrisk.errors import InputError
from sxrisk.findings import measurements_frame
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue

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
    base = {
        "id": [f"{kind}-{k}" for k in range(len(shapes))],
        "name": "",
        "kind": kind,
        "county": "合山县",
        "position_sigma_m": sigma,
        "crs_source": "cgcs2000",
    }
    return gpd.GeoDataFrame({**base, **columns}, geometry=[placed(shape) for shape in shapes], crs=4490)


def run(*layers: gpd.GeoDataFrame, **changes) -> RuleOutcome:
    catalogue = load_catalogue(**changes) if changes else SHIPPED
    medium = layers[0]["medium"].iloc[0]
    asked = ("HCA-O", "HCA-G-b", "HCA-OWN") if medium == "crude_oil" else ("HCA-G", "LC-TRANS")
    rules = {name: rule for name, rule in catalogue.rules.items() if name.startswith(asked)}
    named = {f"layer-{k}": frame for k, frame in enumerate(layers)}
    return apply_rules(replace(catalogue, rules=rules), named, measurements_frame([]), as_of=DAY)


def told(outcome: RuleOutcome, rule_id: str) -> pd.DataFrame:
    rows = outcome.findings[outcome.findings["rule_id"] == rule_id].reset_index(drop=True)
    details = pd.DataFrame([json.loads(text) for text in rows["details"]])
    both = pd.concat([rows, details], axis=1)
    return both.sort_values(["subject_id", "from_chainage_m"], ignore_index=True) if len(both) else both


def segments(frame: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    columns = ("result", "status", "from_chainage_m", "to_chainage_m")
    if not len(frame):
        return []
    return [(r, s, round(a), round(b)) for r, s, a, b in zip(*(frame[name] for name in columns), strict=True)]


def gaps(outcome: RuleOutcome, rule_id: str) -> set[tuple[str, int]]:
    rows = outcome.not_applied[outcome.not_applied["rule_id"] == rule_id]
    return set(zip(rows["reason"], rows["count"], strict=True))


def pipe(medium: str, **columns) -> gpd.GeoDataFrame:
    return layer("pipeline", shapely.LineString([(0, 0), (9000, 0)]), medium=medium, **columns)


def points(*places: tuple[float, float]) -> list:
    return [shapely.Point(*place) for place in places]


OIL = pipe("crude_oil", diameter_mm=529.0, pressure_mpa=6.3)


def gas(diameter_mm: float | None, pressure_mpa: float | None, medium: str = "natural_gas") -> gpd.GeoDataFrame:
    return pipe(medium, diameter_mm=diameter_mm, pressure_mpa=pressure_mpa)


def test_grades_of_the_tables():
    # Typed from the page of standards, Tables 1 and 2.
    typed = {"a": "III", "b": "II", "c": "II", "d": "I", "e": "II", "f": "III"}
    assert {key: SHIPPED.rules[f"HCA-O-{key}"].settings["result"] for key in typed} == typed
    typed = {"a": "III", "b": "II", "c": "II", "d": "I", "e": "I", "f": "II"}
    assert {key: SHIPPED.rules[f"HCA-G-{key}"].settings["result"] for key in typed} == typed


@pytest.mark.parametrize(("number", "expected"), [(99, []), (100, [("II", "classified", 3800, 4200)])])
def test_oil_b_100_households_in_2_km(number, expected):
    houses = layer("building", *points((4000, 0)), households=[number])
    assert segments(told(run(OIL, houses), "HCA-O-b")) == expected


def test_oil_b_too_close_and_merged():
    # A village of 100 partly in the strip: 0 to 100 households.
    village = layer("settlement", shapely.box(4000, 100, 4200, 300), households=[100])
    assert told(run(OIL, village), "HCA-O-b")["status"].tolist() == ["too_close_to_call"]
    # 100 at 2000 m and at 4800 m: no window holds both, the areas end at 2200 and begin at 4600 m.
    far = layer("building", *points((2000, 0), (4800, 0)), households=[100, 100])
    assert segments(told(run(OIL, far), "HCA-O-b")) == [
        ("II", "classified", 1800, 2200),
        ("II", "classified", 4600, 5000),
    ]


def test_oil_a_prevailing_high_buildings_are_a_lead_until_confirmed():
    blocks = layer(
        "building", *points(*[(4000 + 20 * k, 0) for k in range(10)]), households=[20] * 10, storeys=[6] * 10
    )
    open_ = told(run(OIL, blocks), "HCA-O-a")
    assert open_[["result", "status"]].values.tolist() == [["III", "too_close_to_call"]]
    assert "class_4_possible" in open_.loc[0, "reasons"]
    firm = run(OIL, blocks, values={"HCA-O-a": {"class_4_confirmed": 1.0}})
    assert segments(told(firm, "HCA-O-a")) == [("III", "classified", 3800, 4380)]
    low = blocks.assign(storeys=3)
    assert told(run(OIL, low), "HCA-O-a").empty


def test_oil_c_village_of_50_households_within_200_m():
    # The boundary lies 200 m beyond the outer edges at 4000 and 4300 m.
    inside = shapely.box(4000, 190, 4300, 400)
    for number, expected in ((50, [("II", "classified", 3800, 4500)]), (49, [])):
        assert segments(told(run(OIL, layer("settlement", inside, households=[number])), "HCA-O-c")) == expected
    outside = layer("settlement", shapely.box(4000, 200.01, 4300, 400), households=[80])
    assert told(run(OIL, outside), "HCA-O-c").empty
    # 203 m with 1 sigma of 3 m: 1 sigma beyond the limit, 16 %.
    close = told(
        run(OIL, layer("settlement", shapely.box(4000, 203, 4300, 400), households=[80], sigma=3.0)), "HCA-O-c"
    )
    assert close["status"].tolist() == ["too_close_to_call"]
    assert close.loc[0, ["measured", "probability"]].tolist() == pytest.approx([203, 0.1587], abs=2e-3)
    unknown = run(OIL, layer("settlement", inside, households=[None]))
    assert ("attribute_missing:households", 1) in gaps(unknown, "HCA-O-c")


def test_oil_d_main_roads_railways_and_flammable_sites_within_50_m():
    # A road across the line at right angles is within 50 m of it for 50 m to both sides; one beside it at 30 m from
    # 5000 to 6000 m for sqrt(50^2 - 30^2) = 40 m more at each end.
    across, beside = shapely.LineString([(2000, -500), (2000, 500)]), shapely.LineString([(5000, 30), (6000, 30)])
    roads = layer("road", across, beside, road_class=["national", "expressway"])
    rows = told(run(OIL, roads), "HCA-O-d")
    assert segments(rows) == [("I", "classified", 1950, 2050), ("I", "classified", 4960, 6040)]
    assert "centreline_for_edge" in rows.loc[1, "reasons"]
    assert told(run(OIL, roads.assign(road_class="county")), "HCA-O-d").empty
    sites = layer("flammable_site", *points((3000, 49.99), (7000, 50.01)))
    assert told(run(OIL, sites), "HCA-O-d")["objects"].tolist() == [["flammable_site/flammable_site-0"]]
    rail = layer("railway", shapely.LineString([(5000, 52), (6000, 52)]), sigma=2.0)
    assert told(run(OIL, rail), "HCA-O-d")["status"].tolist() == ["too_close_to_call"]
    # Two crossings 130 m apart: areas [1950, 2050] and [2080, 2180] lie 30 m apart and are one.
    twice = layer("road", across, shapely.LineString([(2130, -500), (2130, 500)]), road_class="national")
    assert segments(told(run(OIL, twice), "HCA-O-d")) == [("I", "classified", 1950, 2180)]


def test_oil_e_and_f_reserves_and_waters_within_200_m():
    reserve = shapely.box(3000, -1000, 5000, 1000)
    rows = told(run(OIL, layer("nature_reserve", reserve)), "HCA-O-e")
    # 2 km inside and 200 m before and beyond; the sources do not agree on the grade.
    # Whether it is a national one of wetland, forest or estuary no layer tells.
    assert segments(rows) == [("II", "classified", 2800, 5200)]
    assert {"conflict:1", "condition_unchecked"} <= set(rows.loc[0, "reasons"].split())
    river = layer("river", shapely.LineString([(2000, 160), (2500, 160)]))
    assert segments(told(run(OIL, river), "HCA-O-f")) == [("III", "classified", 1880, 2620)]
    assert told(run(OIL, layer("river", shapely.LineString([(2000, 201), (2500, 201)]))), "HCA-O-f").empty
    lake = told(run(OIL, layer("reservoir", shapely.box(2000, 160, 2500, 900))), "HCA-O-f-R")
    assert "condition_unchecked" in lake.loc[0, "reasons"]
    well = layer("water_source", *points((2000, 199)), sigma=5.0)
    assert told(run(OIL, well), "HCA-O-f")["status"].tolist() == ["too_close_to_call"]


def test_gas_a_and_b_are_the_location_classes():
    blocks = layer("building", *points((3000, 0), (5300, 0)), households=[60, 60], storeys=[6, 6])
    outcome = run(gas(508, 6.3), blocks)
    assert segments(told(outcome, "HCA-G-b")) == [("II", "classified", 2800, 5500)]
    assert segments(told(outcome, "HCA-G-a")) == [("III", "too_close_to_call", 2800, 5500)]
    firm = run(gas(508, 6.3), blocks, values={"LC-TRANS": {"class_4_confirmed": 1.0}})
    assert segments(told(firm, "HCA-G-a")) == [("III", "classified", 2800, 5500)]
    assert told(firm, "HCA-G-b").empty
    assert told(run(gas(508, 6.3), blocks.assign(households=49)), "HCA-G-b").empty
    assert told(run(OIL, blocks), "HCA-G-b").empty


def test_houses_without_a_number_may_make_class_3():
    # One household at least in each of 20 blocks; nobody says how many more.
    blocks = layer("building", *points(*[(4000 + 10 * k, 0) for k in range(20)]), storeys=3)
    for line, rule in ((gas(508, 6.3), "HCA-G-b"), (OIL, "HCA-O-b")):
        outcome = run(line, blocks)
        rows = told(outcome, rule)
        assert segments(rows) == [("II", "too_close_to_call", 3800, 4390)]
        assert rows.loc[0, ["households_low", "buildings_without_households", "probability"]].tolist() == [20, 20, 0.5]
        assert ("attribute_missing:households", 20) in gaps(outcome, rule)
        assert told(run(line, blocks.assign(storeys=1)), rule).empty


def test_gas_c_specific_place_inside_the_impact_radius_of_a_large_line():
    # 0.099 * 813 * sqrt(10) = 254.5 m. A school 254 m aside is inside: sqrt(254.52^2 - 254^2) = 16 m to each side, less
    # than the 200 m beyond the outer edge that bound the area.
    big = gas(813, 10.0)
    rows = told(run(big, layer("school", *points((4000, 254), (7000, 255)))), "HCA-G-c")
    assert segments(rows) == [("II", "classified", 3800, 4200)]
    assert rows.loc[0, ["measured", "required"]].tolist() == pytest.approx([254.0, 254.52], abs=0.01)
    close = run(big, layer("school", *points((4000, 256)), sigma=2.0))
    assert told(close, "HCA-G-c")["status"].tolist() == ["too_close_to_call"]
    assert told(close, "HCA-G-e").empty
    # 762 mm is not above 762 mm: item e, with max(200, 0.099 * 762 * sqrt(10) = 238.6 m).
    edge = run(gas(762, 10.0), layer("school", *points((4000, 238), (7000, 239))))
    assert told(edge, "HCA-G-c").empty
    assert segments(told(edge, "HCA-G-e")) == [("I", "classified", 3800, 4200)]


def test_gas_d_specific_place_inside_the_impact_radius_of_a_small_line():
    # 0.099 * 219 * sqrt(1.0) = 21.7 m.
    small = gas(219, 1.0)
    outcome = run(small, layer("hospital", *points((4000, 21.6), (7000, 21.8))))
    assert segments(told(outcome, "HCA-G-d")) == [("I", "classified", 3800, 4200)]
    assert told(outcome, "HCA-G-e").empty
    close = run(small, layer("hospital", *points((4000, 22.5)), sigma=1.0))
    assert told(close, "HCA-G-d")["status"].tolist() == ["too_close_to_call"]
    # 273 mm is not below 273 mm: item e, 200 m.
    assert segments(told(run(gas(273, 1.0), layer("hospital", *points((4000, 199)))), "HCA-G-e"))


def test_gas_e_other_lines():
    market = layer("crowd_place", *points((2000, 150), (4000, 150), (6000, 150)))
    market["population"], market["days_per_year"] = [30, 29, None], [50, 365, None]
    rows = told(run(gas(508, 6.3), market), "HCA-G-e")
    # 30 persons on 50 days are a specific place, and what is not known counts; 29 are one if it is a nursing home, say.
    assert segments(rows) == [
        ("I", "classified", 1800, 2200),
        ("I", "too_close_to_call", 3800, 4200),
        ("I", "classified", 5800, 6200),
    ]
    assert rows["reasons"].str.contains("kind_of_place_unknown").tolist() == [False, True, False]
    home = layer("crowd_place", *points((4000, 10)), population=20, days_per_year=365)
    for line, rule in ((gas(813, 10.0), "HCA-G-c"), (gas(219, 1.0), "HCA-G-d")):
        assert told(run(line, home), rule)["status"].tolist() == ["too_close_to_call"]
    # A school beside it makes the area sure.
    both = told(run(gas(508, 6.3), home, layer("school", *points((4000, 150)))), "HCA-G-e")
    assert both["status"].tolist() == ["classified"]
    assert "conflict:1" in rows.loc[0, "reasons"]
    assert told(run(gas(508, 6.3), layer("school", *points((4000, 201)))), "HCA-G-e").empty
    close = run(gas(508, 6.3), layer("school", *points((4000, 201)), sigma=2.0))
    assert told(close, "HCA-G-e")["status"].tolist() == ["too_close_to_call"]


def test_gas_f_flammable_sites_outside_class_3():
    # Within 200 m of the line from 3000 - 160 to 3000 + 160 m; class 3 covers 3000 to 3400 m of the line.
    station = layer("flammable_site", *points((3000, 120)))
    assert segments(told(run(gas(508, 6.3), station), "HCA-G-f")) == [("II", "classified", 2840, 3160)]
    houses = layer("building", *points((3200, 0)), households=[100])
    assert segments(told(run(gas(508, 6.3), station, houses), "HCA-G-f")) == [("II", "classified", 2840, 3000)]
    assert told(run(gas(508, 6.3), layer("flammable_site", *points((3000, 201)))), "HCA-G-f").empty
    close = run(gas(508, 6.3), layer("flammable_site", *points((3000, 201)), sigma=2.0))
    assert told(close, "HCA-G-f")["status"].tolist() == ["too_close_to_call"]


def test_missing_size_silences_the_items_and_is_told():
    school = layer("school", *points((4000, 10)))
    outcome = run(gas(None, 6.3), school)
    assert outcome.findings["rule_id"].str.match("HCA-G-[cde]").sum() == 0
    for name in ("HCA-G-c", "HCA-G-e"):
        assert ("attribute_missing:diameter_mm", 1) in gaps(outcome, name)
    outcome = run(gas(508, None), school)
    assert ("attribute_missing:pressure_mpa", 1) in gaps(outcome, "HCA-G-e")
    # 508 mm is neither above 762 mm nor below 273 mm: whatever the pressure is, items c and d are not for this line.
    for name in ("HCA-G-c", "HCA-G-d"):
        assert ("attribute_missing:pressure_mpa", 1) not in gaps(outcome, name)


def test_the_coefficient_is_for_natural_gas():
    school = layer("school", *points((4000, 150)))
    outcome = run(gas(813, 10.0, "coal_gas"), school)
    assert told(outcome, "HCA-G-c").empty
    assert ("impact_radius_unknown", 1) in gaps(outcome, "HCA-G-c")
    rows = told(run(gas(762, 10.0, "coalbed_methane"), school), "HCA-G-e")
    assert rows["within_m"].tolist() == [200.0]
    assert "impact_radius_unknown" in rows.loc[0, "reasons"]


def test_findings_are_segments_of_the_line_with_stakes():
    rows = run(OIL, layer("nature_reserve", shapely.box(3000, -1000, 5000, 1000))).findings
    row = rows[rows["rule_id"] == "HCA-O-e"].iloc[0]
    assert row["geometry"].geom_type == "LineString"
    assert json.loads(row["details"])["stake"] == "K2+800.0-K5+200.0"
    assert (row["subject_id"], row["object_id"], row["evidence"]) == ("pipeline-0", "", "V2")
    assert "secondary_source" in row["reasons"]


def test_two_lines_with_their_own_sizes():
    # Each line has its own radius: 254.5 m for the first, 21.7 m for the second; the school is 100 m from both.
    lines = layer(
        "pipeline",
        shapely.LineString([(0, 0), (9000, 0)]),
        shapely.LineString([(0, 200), (9000, 200)]),
        medium="natural_gas",
        diameter_mm=[813.0, 219.0],
        pressure_mpa=[10.0, 1.0],
    )
    outcome = run(lines, layer("school", *points((4000, 100))))
    assert told(outcome, "HCA-G-c")["subject_id"].tolist() == ["pipeline-0"]
    assert told(outcome, "HCA-G-d").empty


def test_a_catalogue_that_names_no_location_class_is_refused(tmp_path):
    text = """
[standard]
standard = "own"
standard_zh = "自编"
standard_en = "own"
edition = ""
source = "us"

[[rules]]
id = "HCA-OWN"
title_zh = "一"
title_en = "one"
text_zh = "一"
text_en = "one"
clause_zh = ""
clause_en = ""
evidence = "user"
effect = "classification"
engine = "high_consequence"
subjects = [{ kinds = ["pipeline"] }]
objects = [{ kinds = ["building"] }]
metric = "households"
op = ">="
value = 1.0
unit = "1"

[rules.settings]
result = "I"
location_class = "3"
"""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="need windows or classes_of"):
        load_catalogue([path])
    path.write_text(text + 'classes_of = "P-33"\n', encoding="utf-8")
    houses = layer("building", *points((4000, 0)))
    with pytest.raises(InputError, match=r"settings\.classes_of names 'P-33'"):
        run(OIL, houses, extra=[path])
