"""The catalogue: every number against a table typed from the standards page, and users' files."""

import datetime
from pathlib import Path

import pytest

from sxrisk.errors import FileFormatError, InputError, ParameterError
from sxrisk.findings import Colour, Effect, Status
from sxrisk.rules import load_catalogue

# id: (value, evidence, effect), typed by hand from the page of standards; the plan's 800 m from the commission.
TYPED = {
    "P-30b": (5.0, "V", "forbidden"),
    "P-30c": (5.0, "V", "forbidden"),
    "P-33": (1000.0, "V", "forbidden"),
    "P-35a": (0.0, "V", "needs_permit"),
    "P-35b": (50.0, "V", "needs_permit"),
    "P-35b-F": (100.0, "V", "needs_permit"),
    "P-35c": (200.0, "V", "needs_permit"),
    "P-35c-F": (500.0, "V", "needs_permit"),
    "OP-1": (100.0, "V", "forbidden"),
    "OP-2": (50.0, "V", "forbidden"),
    "OP-5": (1000.0, "V", "needs_permit"),
    "OP-7": (300.0, "V", "must_comply"),
    "T-OH": (1000.0, "V", "classification"),
    "T-OH'": (1000.0, "V", "advisory"),
    "DUMP-2H": (2.0, "G+", "must_comply"),
    "DUMP-2H-R": (2.0, "G", "must_comply"),
    "GOAF-ZONE": (0.0, "G+", "must_comply"),
    "GS-HM": (30.0, "V", "classification"),
    "GS-TILT": (10.0, "V", "classification"),
    "PIT-RATE": (10.0, "V", "advisory"),
    "PLAN-800": (800.0, "G", "advisory"),
}

OWN = """
[standard]
standard = "DB14/T 1"
standard_zh = "地方标准"
standard_en = "Local standard"
edition = "2020"
source = "our office"

[[rules]]
id = "LOCAL-1"
title_zh = "学校距采石场"
title_en = "School near a quarry"
text_zh = "学校距采石场不小于600米。"
text_en = "Schools lie 600 m or more from quarries."
clause_zh = "3.1"
clause_en = "3.1"
evidence = "user"
effect = "must_comply"
engine = "distance"
subjects = [{ kinds = ["quarry"] }]
objects = [{ kinds = ["school"] }]
metric = "distance"
op = "<"
value = 600.0
unit = "m"
"""


def own(tmp_path: Path, text: str = OWN) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_marks_and_effects_are_those_typed_from_the_page():
    rules = load_catalogue().rules
    assert {key: (rule.value, str(rule.evidence), str(rule.effect)) for key, rule in rules.items()} == TYPED


def test_every_rule_can_be_traced():
    for rule in load_catalogue().rules.values():
        assert rule.source
        assert rule.standard_zh
        assert rule.standard_en
        assert rule.clause_zh
        assert rule.clause_en
        assert rule.text_zh != rule.text_en


def test_every_status_and_effect_has_a_colour():
    colours = load_catalogue().colours
    for status in Status:
        for effect in Effect:
            assert colours[status][effect] in set(Colour)


def test_reason_texts_exist_in_both_languages():
    catalogue = load_catalogue()
    for code, texts in catalogue.reason_texts.items():
        assert set(texts) == {"zh", "en"}, code
    assert catalogue.reason_text("attribute_missing:road_class", "en") == "the attribute is missing (road_class)"
    assert catalogue.reason_text("never_heard_of", "zh") == "never_heard_of"


def test_conditions_are_told():
    rules = load_catalogue().rules
    assert rules["OP-2"].condition == "object: road_class in (township)"
    assert "ground_pressure_monitoring is false" in rules["PLAN-800"].condition
    assert rules["P-30c"].condition == ""


def test_own_file_adds_a_rule_and_colours(tmp_path):
    text = OWN + '\n[colours.violation]\nmust_comply = "red"\n'
    catalogue = load_catalogue([own(tmp_path, text)])
    rule = catalogue.rules["LOCAL-1"]
    assert catalogue.colour_of(rule, Status.VIOLATION) is Colour.RED
    assert catalogue.colours[Status.VIOLATION][Effect.FORBIDDEN] is Colour.RED
    assert rule.subject_kinds == ("quarry",)


@pytest.mark.parametrize(
    ("rule_id", "value", "evidence"), [("P-33", 900.0, "user"), ("DUMP-2H", 2.5, "user"), ("DUMP-2H-R", 2.5, "G")]
)
def test_override_keeps_the_weaker_evidence(rule_id, value, evidence):
    rule = load_catalogue(overrides={rule_id: {"value": value}}).rules[rule_id]
    assert (rule.value, str(rule.evidence), rule.overridden) == (value, evidence, True)


def test_override_by_the_same_value_is_none():
    plain = load_catalogue().rules
    same = load_catalogue(overrides={"DUMP-2H-R": {"value": 2}, "P-33": {"effect": "forbidden"}}).rules
    assert (same["DUMP-2H-R"], same["P-33"]) == (plain["DUMP-2H-R"], plain["P-33"])
    assert load_catalogue(overrides={"P-33": {"colour": "orange"}}).rules["P-33"].overridden is False
    assert load_catalogue(overrides={"P-33": {"enabled": False}}).switched_off == ("P-33",)


def test_all_problems_of_a_file_at_once(tmp_path):
    text = OWN.replace('"must_comply"', '"frowned_upon"').replace("value = 600.0", "value = -1.0") + "\nsubjectt = 3\n"
    with pytest.raises(InputError) as caught:
        load_catalogue([own(tmp_path, text)])
    told = str(caught.value)
    assert "3 problems" in told
    assert "own.toml, rule LOCAL-1" in told
    assert "effect" in told
    assert "value" in told
    assert "subjectt" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OWN.replace('id = "LOCAL-1"', 'id = "P-33"'), "the id is taken"),
        (OWN.replace('engine = "distance"', 'engine = "multiple"'), "needs per"),
        (OWN.replace('op = "<"', 'op = ">"'), "too short"),
        (OWN.replace('objects = [{ kinds = ["school"] }]', ""), "needs objects"),
        (OWN.replace('evidence = "user"', 'evidence = "X"'), "never hard-coded"),
        (OWN.replace("value = 600.0", "value = 600.0\nmin_value = 700.0"), "min_value"),
        (OWN.replace('kinds = ["quarry"] }', 'kinds = ["quarry"], where = [{ column = "a" }] }'), "exactly one"),
        (OWN.replace("[standard]", "[standardd]"), "unknown key 'standardd'"),
        (OWN + '\n[colours.violation]\nmust_comply = "green"\n', "colours"),
    ],
)
def test_bad_files(tmp_path, text, told):
    with pytest.raises(InputError, match=told):
        load_catalogue([own(tmp_path, text)])


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileFormatError, match="nowhere"):
        load_catalogue([tmp_path / "nowhere.toml"])
    with pytest.raises(FileFormatError, match="not TOML"):
        load_catalogue([own(tmp_path, "[[rules")])
    path = tmp_path / "gbk.toml"
    path.write_bytes(OWN.encode("gbk"))
    with pytest.raises(FileFormatError, match="not UTF-8"):
        load_catalogue([path])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"values": {"T-0H": {"corridor_half_width_m": 60.0}}}, "Did you mean T-OH"),
        ({"values": {"T-OH": {"width": 60.0}}}, "asks for no such value"),
        ({"values": {"T-OH": {"corridor_half_width_m": -1}}}, "above 0"),
        ({"overrides": {"P-33": {"clause_en": "art. 1"}}}, "cannot be overridden"),
        ({"overrides": {"P-33": {"value": "far"}}}, "value"),
        ({"overrides": {"P-33": {"enabled": "no"}}}, "true or false"),
    ],
)
def test_bad_values_and_overrides(arguments, told):
    with pytest.raises(ParameterError, match=told):
        load_catalogue(**arguments)


# id: first day, typed from the page of standards; only the pipeline law has more than a year there.
FROM = {
    "P-35c": datetime.date(2010, 10, 1),
    "OP-1": datetime.date(2011, 1, 1),
    "OP-5": datetime.date(2013, 1, 1),
    "OP-7": datetime.date(2011, 1, 1),
    "T-OH": datetime.date(2020, 1, 1),
    "T-OH'": datetime.date(2016, 1, 1),
    "DUMP-2H": datetime.date(2022, 1, 1),
    "DUMP-2H-R": datetime.date(2007, 1, 1),
    "GOAF-ZONE": datetime.date(2017, 1, 1),
    "GS-HM": datetime.date(2001, 1, 1),
    "PIT-RATE": datetime.date(2017, 1, 1),
    "PLAN-800": datetime.date(2016, 1, 1),
}


def test_every_rule_has_a_first_day():
    rules = load_catalogue().rules
    assert {key: rules[key].effective_from for key in FROM} == FROM
    assert all(rule.effective_from is not None for rule in rules.values())


def test_in_force():
    rule = load_catalogue().rules["P-33"]
    assert not rule.in_force(datetime.date(2010, 9, 30))
    assert rule.in_force(datetime.date(2010, 10, 1))
