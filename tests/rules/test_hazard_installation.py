"""GB 18218 on units worked by hand: identification, grading, and what keeps them from being judged."""

import datetime
import json

import geopandas as gpd
import pytest
import shapely

from sxrisk.crs import local_metric
from sxrisk.errors import InputError
from sxrisk.findings import measurements_frame
from sxrisk.rules import apply_rules, load_catalogue

TM = local_metric(112.6, 37.6)
CATALOGUE = load_catalogue()
DAY = datetime.date(2026, 6, 30)


def point(x, y):
    return shapely.Point(TM.transform(x, y, direction="INVERSE"))


def box(west, south, east, north):
    ring = [(west, south), (east, south), (east, north), (west, north)]
    return shapely.Polygon([TM.transform(*corner, direction="INVERSE") for corner in ring])


def layer(kind, *shapes, **columns):
    base = {"id": [f"{kind}-{k}" for k in range(len(shapes))], "name": "", "kind": kind, "county": "", "crs_source": ""}
    base |= {"position_sigma_m": 0.0}
    return gpd.GeoDataFrame({**base, **columns}, geometry=list(shapes), crs=4490)


FENCE = layer("enterprise", box(0, 0, 300, 200), id=["HG-01"], industry="chemical")


def units(*rows):
    """Rows of unit, type, substance, tonnes, and perhaps class or CAS, in the plant HG-01."""
    return layer(
        "chemical_unit",
        *(point(100, 100) for _ in rows),
        site_id="HG-01",
        unit_id=[row[0] for row in rows],
        unit_type=[row[1] for row in rows],
        substance=[row[2] for row in rows],
        quantity_t=[row[3] for row in rows],
        hazard_category=[row[4] if len(row) > 4 else None for row in rows],
        cas=[row[5] if len(row) > 5 else None for row in rows],
    )


def homes(*people, x=400.0):
    return layer("settlement", *(point(x, 10.0 * k) for k in range(len(people))), population=list(people))


def run(*layers, **catalogue):
    named = {f"{frame['kind'].iloc[0]}-{k}": frame for k, frame in enumerate(layers)}
    return apply_rules(
        load_catalogue(**catalogue) if catalogue else CATALOGUE, named, measurements_frame(()), as_of=DAY
    )


def rows(outcome, rule_id):
    found = outcome.findings[outcome.findings["rule_id"] == rule_id]
    return {row.subject_id: row for row in found.itertuples()}


def gaps(outcome, rule_id):
    rows = outcome.not_applied[outcome.not_applied["rule_id"] == rule_id]
    return set(zip(rows["subject_id"], rows["reason"], strict=True))


def test_sum_of_shares_production_and_storage_apart():
    # Storage: 6/10 + 2/5 = 1.0, reached. Production of the same unit: 9/10 = 0.9, not reached.
    outcome = run(
        FENCE,
        units(("U1", "storage", "液氨", 6.0), ("U1", "storage", "氯气", 2.0), ("U1", "production", "ammonia", 9.0)),
        homes(60),
    )
    found = rows(outcome, "HI-ID")
    assert list(found) == ["chemical_unit-0"]
    assert found["chemical_unit-0"].measured == pytest.approx(1.0)
    assert (found["chemical_unit-0"].status, found["chemical_unit-0"].evidence) == ("classified", "V2")
    assert "secondary_source" in found["chemical_unit-0"].reasons


def test_just_below_the_critical_quantity_is_none():
    assert rows(run(FENCE, units(("U1", "storage", "氨", 9.99)), homes(60)), "HI-ID") == {}


def test_grade_by_hand():
    # Chlorine 25 t: q/Q = 5, beta 4. 60 people: alpha 1.5. R = 30: grade 3.
    outcome = run(FENCE, units(("U1", "storage", "液氯", 25.0)), homes(60))
    found = rows(outcome, "HI-GRADE")["chemical_unit-0"]
    assert (found.result, found.status, found.required) == ("3", "classified", 10.0)
    assert found.measured == pytest.approx(30.0)
    told = json.loads(found.details)
    assert (told["population_low"], told["alpha_low"], told["alpha_high"]) == (60, 1.5, 1.5)


@pytest.mark.parametrize(
    ("people", "alpha"), [(0, 0.5), (1, 1.0), (29, 1.0), (30, 1.2), (49, 1.2), (50, 1.5), (100, 2.0)]
)
def test_alpha_by_people_within_500_m(people, alpha):
    outcome = run(FENCE, units(("U1", "storage", "氨", 10.0)), homes(people))
    assert rows(outcome, "HI-GRADE")["chemical_unit-0"].measured == pytest.approx(2.0 * alpha)


def test_people_beyond_500_m_do_not_count():
    # The fence ends at 300 m east: 799 m lies within, 801 m beyond.
    for x, alpha in ((799.0, 2.0), (801.0, 0.5)):
        outcome = run(FENCE, units(("U1", "storage", "氨", 10.0)), homes(200, x=x))
        assert rows(outcome, "HI-GRADE")["chemical_unit-0"].measured == pytest.approx(2.0 * alpha)


def test_a_village_cut_by_the_line_gives_both_grades():
    # Chlorine 45 t: 9 x 4 = 36. Without the village's 120 people alpha 0.5, with them 2: R 18 to 72, grades 3 and 2.
    village = layer("settlement", box(700, 0, 900, 100), population=[120])
    found = rows(run(FENCE, units(("U1", "storage", "氯", 45.0)), village), "HI-GRADE")["chemical_unit-0"]
    assert (found.result, found.status) == ("2–3", "too_close_to_call")
    assert "population_low_high" in found.reasons
    told = json.loads(found.details)
    assert (told["population_low"], told["population_high"]) == (0, 120)
    assert (told["hazard_index_low"], told["hazard_index_high"]) == (pytest.approx(18.0), pytest.approx(72.0))


def test_a_low_and_high_count_of_one_grade_is_one_grade():
    village = layer("settlement", box(700, 0, 900, 100), population=[120])
    found = rows(run(FENCE, units(("U1", "storage", "氨", 10.0)), village), "HI-GRADE")["chemical_unit-0"]
    assert (found.result, found.status) == ("4", "classified")


def test_a_village_without_a_number_leaves_the_upper_end_open():
    found = rows(run(FENCE, units(("U1", "storage", "氯", 45.0)), homes(None)), "HI-GRADE")["chemical_unit-0"]
    assert found.result == "2–3"
    assert "population_unknown_nearby" in found.reasons


def test_without_a_boundary_polygon_there_is_no_grade():
    outcome = run(units(("U1", "storage", "氨", 20.0)), homes(60))
    assert set(rows(outcome, "HI-ID")) == {"chemical_unit-0"}
    assert rows(outcome, "HI-GRADE") == {}
    assert ("chemical_unit-0", "site_polygon_missing:HG-01") in gaps(outcome, "HI-GRADE")
    # A plant that is only a point is none either.
    dot = layer("enterprise", point(0, 0), id=["HG-01"])
    assert rows(run(dot, units(("U1", "storage", "氨", 20.0)), homes(60)), "HI-GRADE") == {}


def test_the_units_own_polygon_stands_in():
    unit = units(("U1", "storage", "氨", 10.0)).set_geometry([box(0, 0, 300, 200)], crs=4490)
    found = rows(run(unit, homes(60)), "HI-GRADE")["chemical_unit-0"]
    assert found.measured == pytest.approx(3.0)
    assert "unit_outline_for_site" in found.reasons


def test_unlisted_substances_by_class_and_unknown_ones_not_at_all():
    # Class W5.4: Q 5000 t, beta 1. With 100 people alpha 2.
    outcome = run(
        FENCE,
        units(
            ("U1", "storage", "柴油", 10000.0, "W5.4"),
            ("U2", "storage", "柴油", 10000.0),
            ("U3", "storage", "氨", None),
        ),
        homes(100),
    )
    assert rows(outcome, "HI-ID")["chemical_unit-0"].measured == pytest.approx(2.0)
    assert rows(outcome, "HI-GRADE")["chemical_unit-0"].measured == pytest.approx(4.0)
    told = {("chemical_unit-1", "substance_unknown:柴油"), ("chemical_unit-2", "quantity_missing:氨")}
    assert told <= gaps(outcome, "HI-ID")
    assert told <= gaps(outcome, "HI-GRADE")


def test_factor_of_a_substance_whose_class_is_not_settled_is_a_range():
    # Bromine 40 t: q/Q = 2; alpha 2; beta 1 to 4: R 4 to 16, grades 4 and 3. With the class J2 beta is 1.
    open_, told = units(("U1", "storage", "溴", 40.0)), units(("U1", "storage", "溴", 40.0, "J2"))
    found = rows(run(FENCE, open_, homes(100)), "HI-GRADE")["chemical_unit-0"]
    assert (found.result, found.status) == ("3–4", "too_close_to_call")
    assert "usual_hazard_class" in found.reasons
    found = rows(run(FENCE, told, homes(100)), "HI-GRADE")["chemical_unit-0"]
    assert (found.result, found.measured) == ("4", pytest.approx(4.0))


def test_substances_in_one_cell_and_by_cas():
    cell = layer(
        "chemical_unit",
        point(100, 100),
        site_id="HG-01",
        unit_id="U1",
        unit_type="storage",
        substances=["液氨：5t； 氯:1；柴油:2500:W5.4"],
    )
    # 5/10 + 1/5 + 2500/5000 = 1.2.
    assert rows(run(FENCE, cell), "HI-ID")["chemical_unit-0"].measured == pytest.approx(1.2)
    assert ("chemical_unit-0", "attribute_missing:substance") in gaps(run(FENCE, cell.assign(substances="")), "HI-ID")
    strange = cell.assign(substances=["液氨:many"])
    assert ("chemical_unit-0", "quantity_missing:液氨") in gaps(run(FENCE, strange), "HI-ID")
    by_cas = units(("U1", "storage", "product 7", 5.0, None, "7782-50-5"))
    assert rows(run(FENCE, by_cas), "HI-ID")["chemical_unit-0"].measured == pytest.approx(1.0)


def test_finding_keeps_its_id_when_rows_are_reordered():
    table = units(("U1", "storage", "氨", 6.0), ("U1", "storage", "氯", 6.0))
    ids = [set(run(FENCE, frame, homes(9)).findings["finding_id"]) for frame in (table, table.iloc[::-1])]
    assert ids[0] == ids[1]


def test_a_catalogue_entry_that_names_no_tables_is_refused(tmp_path, repository):
    text = (repository / "sxrisk" / "rules" / "catalogue" / "gb18218.toml").read_text(encoding="utf-8")
    head, _, grade = text.partition('[[rules]]\nid = "HI-GRADE"')
    own = head.partition("[[rules]]")[0] + '[[rules]]\nid = "OWN-GRADE"' + grade
    path = tmp_path / "own.toml"
    path.write_text(own.replace('identified_by = "HI-ID"', 'identified_by = "HI-NONE"'), encoding="utf-8")
    with pytest.raises(InputError, match="HI-NONE"):
        run(FENCE, units(("U1", "storage", "氨", 60.0)), homes(9), extra=[path])
    path.write_text(own.replace("at_least = 0, gives = 0.5", "at_least = 200, gives = 0.5"), encoding="utf-8")
    with pytest.raises(InputError, match="from the highest bound down to 0"):
        load_catalogue(extra=[path])


def test_a_proven_installation_is_found_beside_what_is_unknown():
    # Chlorine 100 t: q/Q = 20, beta 4; 60 people: alpha 1.5: R at least 120, grade 1 whatever the brine is.
    both = units(("U1", "storage", "氯", 100.0), ("U1", "storage", "工业盐水", 5.0))
    outcome = run(FENCE, both, homes(60))
    row = rows(outcome, "HI-ID")["chemical_unit-0"]
    assert row.measured == pytest.approx(20.0)
    assert (row.status, "substances_unknown" in row.reasons) == ("classified", True)
    grade = rows(outcome, "HI-GRADE")["chemical_unit-0"]
    assert (grade.result, grade.status, grade.measured) == ("1", "classified", pytest.approx(120.0))
    assert "hazard_index_high" not in json.loads(grade.details)
    assert not any(reason.startswith("substance_unknown") for _, reason in gaps(outcome, "HI-ID"))
    # Chlorine 25 t: R at least 30, grade 3 or worse.
    both["quantity_t"] = [25.0, 5.0]
    grade = rows(run(FENCE, both, homes(60)), "HI-GRADE")["chemical_unit-0"]
    assert (grade.result, grade.status) == ("1–3", "too_close_to_call")
    # Below the limit all that is unknown is told, each by itself.
    lost = units(("U1", "storage", "氯", 1.0), ("U1", "storage", "工业盐水", 5.0), ("U1", "storage", "氨", None))
    outcome = run(FENCE, lost, homes(60))
    assert rows(outcome, "HI-ID") == {}
    told = {("chemical_unit-0", "substance_unknown:工业盐水"), ("chemical_unit-0", "quantity_missing:氨")}
    assert told <= gaps(outcome, "HI-ID")


def test_houses_that_nobody_counted_leave_the_upper_end_open():
    # Chlorine 45 t: sum of beta q/Q = 36. 50 households 100 m from the fence are 50 people or more: alpha 1.5 to 2.
    chlorine = units(("U1", "storage", "氯", 45.0))
    block = layer("building", point(400, 100), households=[50], building_use="residential")
    row = rows(run(FENCE, chlorine, block), "HI-GRADE")["chemical_unit-0"]
    told = json.loads(row.details)
    assert (told["population_low"], told["places_without_population"]) == (50, 1)
    assert (told["hazard_index_low"], told["hazard_index_high"]) == (pytest.approx(54.0), pytest.approx(72.0))
    assert (row.result, row.status) == ("2", "classified")
    assert "population_unknown_nearby" in row.reasons
    # Without households nothing is known below: alpha 0.5 to 2.
    row = rows(run(FENCE, chlorine, block.assign(households=None)), "HI-GRADE")["chemical_unit-0"]
    assert (row.result, row.status) == ("2–3", "too_close_to_call")
    # Nobody lives in a workshop, and a village counts its own houses.
    shed = block.assign(households=None, building_use="industrial")
    assert rows(run(FENCE, chlorine, shed), "HI-GRADE")["chemical_unit-0"].result == "3"
    village = layer("settlement", box(350, 50, 450, 150), population=[20])
    row = rows(run(FENCE, chlorine, block.assign(households=None), village), "HI-GRADE")["chemical_unit-0"]
    assert json.loads(row.details)["places_without_population"] == 0
    assert (row.result, row.measured) == ("3", pytest.approx(36.0))


def test_without_any_layer_of_homes_the_factor_is_open():
    row = rows(run(FENCE, units(("U1", "storage", "氯", 45.0))), "HI-GRADE")["chemical_unit-0"]
    assert (row.result, row.status) == ("2–3", "too_close_to_call")
    assert "no_layer_of_homes" in row.reasons


def test_units_without_a_site_are_told_apart_by_their_place():
    # U1 of two plants 30 km apart: 0.6 + 0.6 is no installation, and no all-clear either.
    apart = layer(
        "chemical_unit",
        point(0, 0),
        point(30_000, 0),
        unit_id="U1",
        unit_type="storage",
        substance="氨",
        quantity_t=6.0,
    )
    outcome = run(apart)
    assert rows(outcome, "HI-ID") == {}
    missing = {(f"chemical_unit-{k}", "attribute_missing:site_id") for k in (0, 1)}
    assert missing <= gaps(outcome, "HI-ID")
    # In one place they are one unit; within a fence they need not be.
    together = apart.set_geometry([point(0, 0), point(0, 0)], crs=4490)
    assert rows(run(together), "HI-ID")["chemical_unit-0"].measured == pytest.approx(1.2)
    fenced = apart.set_geometry([point(20, 20), point(250, 150)], crs=4490)
    outcome = run(FENCE, fenced, homes(60))
    assert rows(outcome, "HI-ID")["chemical_unit-0"].measured == pytest.approx(1.2)
    # 1.2 x 2 x 1.5.
    grade = rows(outcome, "HI-GRADE")["chemical_unit-0"]
    assert grade.measured == pytest.approx(3.6)
    assert "site_by_place" in grade.reasons
    # One row has the site's id, the other only its place: still one unit.
    half = run(FENCE, fenced.assign(site_id=["HG-01", None]), homes(60))
    assert rows(half, "HI-ID")["chemical_unit-0"].measured == pytest.approx(1.2)
    # 30 km outside the fence the second may belong to it: 0.6 is told as no all-clear.
    away = run(FENCE, apart.assign(site_id=["HG-01", None]), homes(60))
    assert rows(away, "HI-ID") == {}
    assert ("chemical_unit-1", "attribute_missing:site_id") in gaps(away, "HI-ID")
    # 0.3 + 0.3 is none however the rows belong together.
    assert not any("site_id" in reason for _, reason in gaps(run(apart.assign(quantity_t=3.0)), "HI-ID"))


def test_rows_without_a_unit_id_may_be_one_unit():
    nameless = units((None, "storage", "氨", 6.0), (None, "storage", "氨", 6.0))
    outcome = run(FENCE, nameless, homes(60))
    assert rows(outcome, "HI-ID") == {}
    missing = {(f"chemical_unit-{k}", "attribute_missing:unit_id") for k in (0, 1)}
    assert missing <= gaps(outcome, "HI-ID")
    # One that is enough alone is found; with the other it may be more: R 2 x 2 x 1.5 = 6 or above.
    nameless["quantity_t"] = [20.0, 6.0]
    outcome = run(FENCE, nameless, homes(60))
    assert rows(outcome, "HI-ID")["chemical_unit-0"].measured == pytest.approx(2.0)
    grade = rows(outcome, "HI-GRADE")["chemical_unit-0"]
    assert (grade.result, grade.status) == ("1–4", "too_close_to_call")
    assert "unit_may_be_larger" in grade.reasons
    # A single row needs no id.
    assert not any("unit_id" in told for _, told in gaps(run(FENCE, nameless.head(1), homes(60)), "HI-ID"))


def test_the_limit_is_reached_by_decimal_figures():
    # 3.5/5 + 1/5 + 1/10 is 1, and 0.9999999999999999 in binary.
    exact = units(("U1", "storage", "氯", 3.5), ("U1", "storage", "氯", 1.0), ("U1", "storage", "氨", 1.0))
    assert set(rows(run(FENCE, exact, homes(60)), "HI-ID")) == {"chemical_unit-0"}
    # Grade 3 from R = 10: chlorine 3.5/5 x 4 + ... alpha 1: (0.7 + 0.2 + 1.6) x 4 = 10.
    ten = units(("U1", "storage", "氯", 3.5), ("U1", "storage", "氯", 1.0), ("U1", "storage", "氯", 8.0))
    assert rows(run(FENCE, ten, homes(9)), "HI-GRADE")["chemical_unit-0"].result == "3"


@pytest.mark.parametrize(
    ("cell", "ratio"),
    [
        ("1,3-丁二烯:6;液氨:9", 2.1),
        ("1,3-丁二烯:6,液氨:9", 2.1),
        ("液氨:9，1,3-丁二烯:6", 2.1),
        ("液氨：9、氯：3\n柴油:2500:W5.4", 2.0),
        ("1,3-丁二烯 6t；液氨 9吨", 2.1),
        ("液氨(9t)、1,3-丁二烯（6 t）", 2.1),
        ("氨12", 1.2),
        ("氯 3.5t\n柴油:2500:W5.4", 1.2),
        ("氯:5,4", None),
        ("氯:1,200", None),
        ("氯:6;氨:1,200,氢:1", 1.4),
    ],
)
def test_a_cell_splits_where_names_allow(cell, ratio):
    frame = layer("chemical_unit", point(9, 9), site_id="HG-01", unit_id="U1", unit_type="storage", substances=[cell])
    outcome = run(FENCE, frame)
    found = rows(outcome, "HI-ID")
    if ratio is None:
        assert (found, ("chemical_unit-0", "quantity_missing:氯") in gaps(outcome, "HI-ID")) == ({}, True)
    else:
        assert found["chemical_unit-0"].measured == pytest.approx(ratio)


def test_thousands_behind_a_name_are_not_guessed():
    cell = ["氯 1,200t"]
    frame = layer("chemical_unit", point(9, 9), site_id="HG-01", unit_id="U1", unit_type="storage", substances=cell)
    outcome = run(FENCE, frame)
    assert not rows(outcome, "HI-ID")
    assert ("chemical_unit-0", "quantity_missing:氯 1,200t") in gaps(outcome, "HI-ID")


def test_an_id_of_two_plants_is_settled_by_the_place():
    def world(unit):
        plants = {
            "x": layer("enterprise", box(0, 0, 300, 200), id=["x/7"]),
            "y": layer("enterprise", box(9000, 0, 9300, 200), id=["y/7"]),
        }
        chlorine = layer(
            "chemical_unit", unit, site_id="7", unit_id="U1", unit_type="storage", substance="氯", quantity_t=25.0
        )
        layers = {**plants, "u": chlorine, "h": homes(60, x=9400.0)}
        return apply_rules(CATALOGUE, layers, measurements_frame(()), as_of=DAY)

    # q/Q x beta = 20; nobody near x: 0.5; 60 people near y: 1.5.
    for place, index in ((point(100, 100), 10.0), (point(9100, 100), 30.0)):
        assert rows(world(place), "HI-GRADE")["chemical_unit-0"].measured == pytest.approx(index)
    outside = world(point(5000, 0))
    assert rows(outside, "HI-GRADE") == {}
    assert ("chemical_unit-0", "site_ambiguous:7") in gaps(outside, "HI-GRADE")


def test_a_register_and_a_fence_of_one_plant_are_one():
    dot = layer("enterprise", point(150, 100), id=["a/7"])
    far = dot.set_geometry([point(5000, 100)], crs=4490)
    fence = layer("enterprise", box(0, 0, 300, 200), id=["b/7"])
    unit = layer(
        "chemical_unit",
        point(320, 100),
        site_id="7",
        unit_id="U1",
        unit_type="storage",
        substance="氯",
        quantity_t=25.0,
    )
    for register, has_grade in ((dot, True), (far, False)):
        layers = {"a": register, "b": fence, "u": unit, "h": homes(60)}
        outcome = apply_rules(CATALOGUE, layers, measurements_frame(()), as_of=DAY)
        assert bool(rows(outcome, "HI-GRADE")) is has_grade
