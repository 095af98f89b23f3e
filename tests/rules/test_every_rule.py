"""Every criterion on three cases that are made from its own selectors: one inside, one outside, one too close to call.

Places come from the direct geodesic problem, values from plain arithmetic; the status is looked up in a table that is
written here by hand from the design: nothing of what is tested makes its own expectation.
"""

import datetime
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from sxrisk.findings import measurement, measurements_frame
from sxrisk.layers.kinds import kind as kind_of
from sxrisk.layers.tables.values import parse_attribute
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue
from sxrisk.rules.criterion import Condition, Rule, Selector

LON, LAT = 112.6, 37.6
DAY = datetime.date(2026, 6, 30)
# CGCS2000's own ellipsoid.
GEOD = Geod(a=6378137.0, rf=298.257222101)
# What the user would give for the values that the law leaves open.
GIVEN = 100.0
# Measure of the subject that a limit multiplies: as great as an angle may be too.
BASE = 50.0

PLAIN = load_catalogue()
VALUES = {rule.id: {ask.name: GIVEN for ask in rule.asks} for rule in PLAIN.rules.values() if rule.asks}
CATALOGUE = load_catalogue(values=VALUES)

# Engines with tables of their own: each of their ids is tested on cases worked by hand in another file of this folder.
ELSEWHERE = {
    "airblast",
    "blast_vibration",
    "graded",
    "hazard_installation",
    "high_consequence",
    "individual_risk",
    "location_class",
    "tailings_class",
}
HERE = [rule for rule in CATALOGUE.rules.values() if rule.engine not in ELSEWHERE]
NEAR = [rule.id for rule in HERE if rule.engine in ("distance", "multiple", "influence")]
# Files that name every id without trying it.
_TABLES = {"test_catalogue.py", "test_every_rule.py"}
MEASURED = [rule.id for rule in HERE if rule.engine == "measured"]

# Evidence, effect: status of what breaks the limit for certain. The design: violation needs V, V2 or C and an effect
# that binds; G+ and a user's number are suspected; G and X advise.
FIRM = {
    "forbidden": "violation",
    "must_comply": "violation",
    "needs_permit": "permit_to_be_shown",
    "classification": "classified",
    "advisory": "advisory",
}


def expected_status(rule: Rule) -> str:
    if str(rule.evidence) in ("G", "X"):
        return "advisory"
    if str(rule.evidence) in ("G+", "user"):
        return "advisory" if str(rule.effect) == "advisory" else "suspected"
    firm = FIRM[str(rule.effect)]
    return "suspected" if firm == "violation" and rule.unchecked_condition else firm


def meeting(condition: Condition, kind: str) -> object:
    """A value that meets a condition."""
    if condition.any_of is not None:
        return condition.any_of[0]
    if condition.none_of is not None:
        attribute = next(item for item in kind_of(kind).attributes if item.name == condition.column)
        words = list(attribute.vocabulary.words) if attribute.vocabulary else ["other"]
        return next(word for word in words if word not in condition.none_of)
    if condition.equals is not None:
        return condition.equals
    if condition.since is not None:
        return pd.Timestamp(condition.sure_since or condition.since)
    if condition.at_least is not None:
        return condition.at_least
    if condition.at_most is not None:
        return condition.at_most
    return condition.above * 1.5 if condition.above is not None else condition.below * 0.5


def attributes(selector: Selector, kind: str) -> dict[str, object]:
    """Values that meet all conditions; of a range its lower end."""
    given: dict[str, object] = {}
    for condition in selector.where:
        if condition.column not in given or condition.at_least is not None:
            given[condition.column] = meeting(condition, kind)
    return given


def written(value: object) -> str:
    """As a file has it."""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is pd.NaT else str(value)


def east(distance_m: float) -> tuple[float, float]:
    lon, lat, _ = GEOD.fwd(LON, LAT, 90.0, distance_m)
    return lon, lat


def shape(kind: str, distance_m: float) -> shapely.Geometry:
    """A thing whose nearest place to the origin is `distance_m` east of it; lines run along the meridian."""
    lon, lat = east(distance_m)
    allowed = kind_of(kind).geometry
    if "point" in allowed:
        return shapely.Point(lon, lat)
    step = 1e-4
    if "line" in allowed:
        return shapely.LineString([(lon, lat - step), (lon, lat + step)])
    return shapely.box(lon, lat - step, lon + step, lat + step)


def layer(
    kind: str, name: str, geometry: shapely.Geometry, sigma: float, columns: dict[str, object]
) -> gpd.GeoDataFrame:
    """A layer whose attributes went through the reader's own parser: types are those that a file gives."""
    known = {attribute.name: attribute for attribute in kind_of(kind).attributes}
    parsed = {
        key: parse_attribute(pd.Series([written(value)], dtype="str"), known[key], key)
        for key, value in columns.items()
        if key in known
    }
    assert not any(one.bad.any() for one in parsed.values())
    series = {key: parsed[key].data if key in parsed else pd.Series([value]) for key, value in columns.items()}
    base = {"id": [name], "name": "", "kind": kind, "county": "", "position_sigma_m": sigma, "crs_source": "cgcs2000"}
    return gpd.GeoDataFrame(pd.DataFrame(base).assign(**series), geometry=[geometry], crs=4490)


def applied(rule: Rule, layers: list[gpd.GeoDataFrame], rows: list[dict] = ()) -> RuleOutcome:
    alone = replace(CATALOGUE, rules={rule.id: rule})
    named = {f"{number}": frame for number, frame in enumerate(layers)}
    return apply_rules(alone, named, measurements_frame(rows), as_of=DAY)


def ends(selectors: tuple[Selector, ...]) -> list[tuple[Selector, str]]:
    return [(selector, kind) for selector in selectors for kind in selector.kinds]


def test_every_engine_and_every_id_is_covered() -> None:
    others = [path for path in Path(__file__).parent.glob("test_*.py") if path.name not in _TABLES]
    texts = {path.name: path.read_text("utf-8") for path in others}
    for rule in CATALOGUE.rules.values():
        if rule.engine in ELSEWHERE:
            where = [name for name, text in texts.items() if f'"{rule.id}"' in text]
            assert where, f"no test names {rule.id}"
    tested = {*NEAR, *MEASURED, *(rule.id for rule in HERE if rule.engine in ("crossing", "pair"))}
    assert tested == {rule.id for rule in HERE}


def told(found: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Findings between two things, whichever of them is called the subject."""
    forward = (found["subject_id"] == one) & (found["object_id"] == other)
    return found[forward | ((found["subject_id"] == other) & (found["object_id"] == one))]


@pytest.mark.parametrize("rule_id", NEAR)
def test_distance_inside_outside_and_too_close_for_every_kind(rule_id: str) -> None:
    """All subjects at the origin; objects at 0.9 limits, and of the last kind at 1.1, 1.01 and 0.99 limits."""
    rule = CATALOGUE.rules[rule_id]
    layers, rows, limit = [], [], rule.value
    for number, (selector, kind) in enumerate(ends(rule.subjects)):
        columns = attributes(selector, kind)
        if rule.engine == "multiple":
            columns.setdefault(rule.height_attribute, 40.0)
            limit = rule.value * float(columns[rule.height_attribute])
        if rule.engine == "influence":
            limit = 40.0 + rule.value
            rows.append(measurement(kind, f"S{number}", rule.metric, 40.0, "m", sigma=0.0))
        if rule.order_matters:
            columns["built_on"] = pd.Timestamp(2024, 1, 1)
        layers.append(layer(kind, f"S{number}", shape(kind, 0.0), 0.0, columns))
    objects = [(f"O{number}", end, 0.9, 0.0) for number, end in enumerate(ends(rule.objects))]
    last = ends(rule.objects)[-1]
    objects += [("outside", last, 1.1, 0.0), ("beyond", last, 1.01, 0.02), ("within", last, 0.99, 0.02)]
    for name, (selector, kind), share, sigma in objects:
        columns = attributes(selector, kind) | ({"built_on": pd.Timestamp(1999, 1, 1)} if rule.order_matters else {})
        layers.append(layer(kind, name, shape(kind, share * limit), sigma * limit, columns))
    found = applied(rule, layers, rows).findings
    for number in range(len(ends(rule.subjects))):
        for name, end, _, _ in objects[:-3]:
            inside = told(found, f"S{number}", name)
            assert inside["status"].tolist() == [expected_status(rule)], (number, end[1])
            row = inside.iloc[0]
            assert row.measured == pytest.approx(0.9 * limit, abs=2e-3)
            assert row.required == pytest.approx(limit)
            assert row.probability == 1.0
    assert told(found, "S0", "outside").empty
    for name, least, greatest in (("beyond", 0.025, 0.5), ("within", 0.5, 0.975)):
        close = told(found, "S0", name)
        assert close["status"].tolist() == ["too_close_to_call"]
        assert least < close["probability"].iloc[0] < greatest


# Where the day on which the subject was built is a condition of its own, it is never unknown.
ORDERED = [
    name for name in NEAR if CATALOGUE.rules[name].order_matters and "built_on" not in CATALOGUE.rules[name].condition
]


@pytest.mark.parametrize("rule_id", ORDERED)
def test_order_of_construction(rule_id: str) -> None:
    """Older than the object: no finding; order unknown: a violation is no more than suspected."""
    rule = CATALOGUE.rules[rule_id]
    (selector, kind), (where, other) = ends(rule.subjects)[-1], ends(rule.objects)[0]
    for built, expected in ((pd.Timestamp(1990, 1, 1), []), (pd.NaT, [unknown_order(rule)])):
        layers = [
            layer(kind, "S", shape(kind, 0.0), 0.0, attributes(selector, kind) | {"built_on": built}),
            layer(
                other,
                "O",
                shape(other, 0.9 * rule.value),
                0.0,
                attributes(where, other) | {"built_on": pd.Timestamp(1999, 1, 1)},
            ),
        ]
        assert applied(rule, layers).findings["status"].tolist() == expected


def unknown_order(rule: Rule) -> str:
    status = expected_status(rule)
    return "suspected" if status == "violation" else status


@pytest.mark.parametrize("rule_id", [rule.id for rule in HERE if rule.engine == "crossing"])
def test_crossing_meets_or_not_and_accuracy_does_not_undo_it(rule_id: str) -> None:
    rule = CATALOGUE.rules[rule_id]
    layers = [
        layer(kind, f"S{number}", shape(kind, 0.0), 20.0, attributes(selector, kind))
        for number, (selector, kind) in enumerate(ends(rule.subjects))
    ]
    for number, (selector, kind) in enumerate(ends(rule.objects)):
        columns = attributes(selector, kind)
        layers.append(layer(kind, f"meets{number}", shape(kind, 0.0), 20.0, columns))
        layers.append(layer(kind, f"apart{number}", shape(kind, 5.0), 20.0, columns))
    found = applied(rule, layers).findings
    for one in range(len(ends(rule.subjects))):
        for other in range(len(ends(rule.objects))):
            assert told(found, f"S{one}", f"meets{other}")["status"].tolist() == [expected_status(rule)]
            assert told(found, f"S{one}", f"apart{other}").empty


@pytest.mark.parametrize("rule_id", [rule.id for rule in HERE if rule.engine == "pair"])
def test_pair_inside_outside_and_too_close(rule_id: str) -> None:
    rule = CATALOGUE.rules[rule_id]
    ((selector, pond),) = ends(rule.subjects)
    cases = {"in": (0.9, 0.0), "out": (1.1, 0.0), "beyond": (1.01, 0.02), "within": (0.99, 0.02)}
    layers = [layer(pond, "S", shape(pond, 0.0), 0.0, attributes(selector, pond))]
    rows = [measurement(pond, "S", rule.checked_by, 2 * rule.value, "m")]
    for where, kind in ends(rule.objects):
        for name, (share, sigma) in cases.items():
            key = f"{kind}-{name}"
            layers.append(layer(kind, key, shape(kind, 900.0), 0.0, attributes(where, kind)))
            end = {"object_kind": kind, "object_id": key, "geometry": shapely.Point(LON, LAT)}
            value, spread = share * rule.value, sigma * rule.value
            rows.append(measurement(pond, "S", rule.metric, value, "m", sigma=spread, **end))
    status = applied(rule, layers, rows).findings.set_index("object_id")["status"].to_dict()
    for _, kind in ends(rule.objects):
        assert status[f"{kind}-in"] == expected_status(rule)
        assert f"{kind}-out" not in status
        assert status[f"{kind}-beyond"] == status[f"{kind}-within"] == "too_close_to_call"


@pytest.mark.parametrize("rule_id", MEASURED)
def test_measured_inside_outside_and_too_close_for_every_kind(rule_id: str) -> None:
    """Values so many limits high; where the limit is 0, so many of its units."""
    rule = CATALOGUE.rules[rule_id]
    above = rule.op in (">", ">=")
    limit = rule.value * (BASE if rule.per else 1.0)
    scale = limit or 1.0
    cases = {"in": (1.1 if above else 0.9, 0.0), "out": (0.9 if above else 1.1, 0.0), "edge": (1.0, 0.0)}
    if not limit:
        cases = {"in": (5.0, 0.0), "out": (0.0, 0.0)}
    middle = limit / scale
    cases |= {"beyond": (middle + 0.01, 0.02), "within": (middle - 0.01, 0.02)}
    for number, (selector, kind) in enumerate(ends(rule.subjects)):
        layers, rows = [], []
        for name, (value, sigma) in cases.items():
            columns = attributes(selector, kind)
            if rule.per:
                columns[rule.height_attribute] = BASE
            if rule.days_since:
                columns[rule.days_since] = pd.Timestamp(DAY) - pd.Timedelta(days=value * limit)
            else:
                rows.append(measurement(kind, name, rule.metric, value * scale, rule.unit, sigma=sigma * scale))
            layers.append(layer(kind, name, shape(kind, 0.0), 0.0, columns))
        found = applied(rule, layers, rows).findings.set_index("subject_id")
        assert found["status"].get("in") == expected_status(rule), (number, kind)
        assert "out" not in found.index
        if "edge" in cases:
            # On the limit itself: a comparison that includes it is broken.
            assert ("edge" in found.index) == (rule.op in ("<=", ">="))
        if rule.days_since:
            # Dates are exact.
            continue
        for name in ("beyond", "within"):
            assert found.loc[name, "status"] == "too_close_to_call"
            assert 0.025 < found.loc[name, "probability"] < 0.975


@pytest.mark.parametrize("rule_id", [name for name in MEASURED if CATALOGUE.rules[name].attribute])
def test_attribute_stands_in_where_nothing_was_measured(rule_id: str) -> None:
    rule = CATALOGUE.rules[rule_id]
    selector, kind = ends(rule.subjects)[0]
    columns = attributes(selector, kind)
    limit = rule.value * (BASE if rule.per else 1.0)
    if rule.per:
        columns[rule.height_attribute] = BASE
    divisor = 3.0 if rule.divide_by else 1.0
    if rule.divide_by:
        columns[rule.divide_by] = divisor
    share = 1.1 if rule.op in (">", ">=") else 0.9
    columns[rule.attribute] = (share * limit if limit else 5.0) * divisor
    found = applied(rule, [layer(kind, "S", shape(kind, 0.0), 0.0, columns)]).findings
    assert found["status"].tolist() == [expected_status(rule)]
    assert "attribute_stands_in" in found["reasons"].iloc[0].split()


@pytest.mark.parametrize("rule_id", [rule.id for rule in HERE if rule.value_from])
def test_a_number_that_the_law_leaves_open_is_asked_for(rule_id: str) -> None:
    rule = PLAIN.rules[rule_id]
    selector, kind = ends(rule.subjects)[0]
    layers = [layer(kind, "S", shape(kind, 0.0), 0.0, attributes(selector, kind))]
    if rule.objects:
        layers.append(layer(ends(rule.objects)[0][1], "O", shape(ends(rule.objects)[0][1], 1.0), 0.0, {}))
    bare = apply_rules(
        replace(PLAIN, rules={rule_id: rule}), dict(zip("ab", layers, strict=False)), measurements_frame(), as_of=DAY
    )
    assert bare.findings.empty
    assert bare.not_applied["reason"].tolist() == [f"value_not_given:{rule.value_from}"]
    assert CATALOGUE.rules[rule_id].value == GIVEN
    assert str(CATALOGUE.rules[rule_id].evidence) in ("user", "G", "X")


def test_conflicts_are_told_in_the_findings() -> None:
    rule = CATALOGUE.rules["HC-6-I"]
    (plant, _), (home, _) = ends(rule.subjects)[0], ends(rule.objects)[0]
    layers = [
        layer("chemical_unit", "S", shape("chemical_unit", 0.0), 0.0, attributes(plant, "chemical_unit")),
        layer("building", "O", shape("building", 20.0), 0.0, attributes(home, "building")),
    ]
    found = applied(rule, layers).findings
    assert "conflict:15" in found["reasons"].iloc[0].split()
    assert "GB 55037" in CATALOGUE.reason_text("conflict:15", "zh")
    assert "people-dense" in CATALOGUE.reason_text("conflict:15", "en")
    for rule in HERE:
        codes = CATALOGUE.conflict_codes.get(rule.id, ())
        assert all(CATALOGUE.reason_text(code, "en") != code for code in codes)
