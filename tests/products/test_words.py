"""No code of the engines, the readers or the catalogue reaches a person raw."""

import ast
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import sxrisk
from sxrisk.findings import Effect, Evidence, HazardGrade, Status, Treatment
from sxrisk.layers import KINDS, kind
from sxrisk.products.quality_words import gaps_by_reason, quality_words
from sxrisk.products.text import (
    detail_pairs,
    finding_sentence,
    format_value,
    page_number,
    reason_words,
    result_words,
    text_catalogue,
)
from sxrisk.rules import load_catalogue

PACKAGE = Path(sxrisk.__file__).parent
# What an f-string in an engine builds: the counted things of the location classes, low and high.
COUNTED = ("households", "buildings")
# Files of the room in which pairs of texts are something else.
NO_READERS = ("values.py", "report.py", "base.py", "postgis_write.py")
CODE = re.compile(r"[a-z]+\d*(_[a-z0-9]+)+")


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue()


def trees(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def texts(node: ast.AST | None) -> list[str]:
    if node is None:
        return []
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def called(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".", 1)[-1] in names:
            yield node


def reject_codes() -> set[str]:
    """First texts of pairs, constants named reason, and second arguments of ``rejects.add``."""
    found = set()
    for name, tree in trees("layers"):
        for call in called(tree, "add"):
            if ast.unparse(call.func).endswith("rejects.add") and len(call.args) > 1:
                found.update(texts(call.args[1]))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "reason" in ast.unparse(node.targets[0]).split(", "):
                first = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
                found.update(texts(first))
            # `broken` and the rows that are no data map a row to (reason, detail).
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
                found.update(texts(node.elts[0]) if name not in NO_READERS else ())
    return {code for code in found if CODE.fullmatch(code)}


def issue_codes() -> set[str]:
    found = set()
    for _, tree in trees("layers"):
        for call in [*called(tree, "Issue"), *called(tree, "of_rows")]:
            found.update(text for text in texts(call.args[0] if call.args else None) if CODE.fullmatch(text))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.For)):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if "code" in ast.unparse(target).strip("()").split(", "):
                    source = node.value if isinstance(node, ast.Assign) else node.iter
                    found.update(text for text in texts(source) if CODE.fullmatch(text))
    return found


def detail_keys() -> set[str]:
    """Keys of the dictionaries that become a finding's further figures."""
    found: set[str] = set()
    for _, tree in trees("rules"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict) and node.keys and all(key is None or texts(key) for key in node.keys):
                around = {text for key in node.keys for text in texts(key)}
                if around & {"from_chainage_m", "within_m", "class_by_volume", "alpha_low", "charge_kg", "distance_m",
                             "registered_class", "design_factor"}:  # fmt: skip
                    found |= {text for text in around if not text.startswith("_")}
    return found | {f"{name}_{end}" for name in COUNTED for end in ("low", "high")}


def test_every_reason_of_a_rejected_row_has_words() -> None:
    codes = reject_codes()
    assert {"total_row", "corners_not_usable", "zone_ambiguous", "other_crs", "time_not_understood"} <= codes
    assert codes - set(text_catalogue()["reject_reason"]) == set()


def test_every_remark_of_a_reader_has_words() -> None:
    codes = issue_codes()
    assert {"encoding_guessed", "axes_exchanged", "contours_contradicted", "word_not_known"} <= codes
    assert codes - set(text_catalogue()["issue"]) == set()


def test_metrics_units_and_asked_values_of_the_catalogue_have_words(catalogue) -> None:
    words = text_catalogue()
    for rule in catalogue.rules.values():
        assert rule.metric in words["metric"], rule.id
        assert rule.unit in words["unit"], rule.id
        assert not rule.value_from or rule.value_from in words["asked"], rule.id
    for group, values in (("status", Status), ("effect", Effect), ("evidence", Evidence), ("treatment", Treatment),
                          ("hazard_grade", HazardGrade)):  # fmt: skip
        assert set(words[group]) == {value.value for value in values}


def test_kinds_attributes_and_vocabularies_have_words() -> None:
    words = text_catalogue()
    for name in KINDS:
        assert name in words["kind"]
        for attribute in kind(name).attributes:
            assert attribute.name in words["attribute"], attribute.name
            # Categories of GB 18218 are signs, not words.
            for word in (
                attribute.vocabulary.words if attribute.vocabulary and attribute.name != "hazard_category" else ()
            ):
                assert f"{attribute.name}.{word}" in words["value"], f"{attribute.name}.{word}"


def test_columns_that_readers_add_have_words() -> None:
    added = set()
    for name, tree in trees("layers"):
        if name in ("plan_areas.py", "dxf.py", "seam.py", "mine_plan.py"):
            added |= {
                text for text in texts(tree) if re.fullmatch(r"cad_\w+|(depth|dip|floor|thickness)_\w+_(m|deg)", text)
            }
    settings = {"floor_search_m"}
    assert {"depth_min_m", "dip_sigma_deg", "cad_layer"} <= added
    assert added - settings - set(text_catalogue()["attribute"]) == set()


def test_further_figures_have_labels() -> None:
    keys = detail_keys()
    assert {"stake", "n_objects", "hazard_index_high", "velocity_cm_per_s", "scenarios", "dam_height_m"} <= keys
    assert keys - set(text_catalogue()["detail"]) - set(text_catalogue()["attribute"]) == set()


def test_results_of_engines_have_words(catalogue) -> None:
    words = text_catalogue()["result"]
    for rule in catalogue.rules.values():
        settings = dict(rule.settings or {})
        if "result" in settings:
            assert settings["result"] in words, rule.id
        if rule.engine == "blast_vibration":
            assert set(settings["classes"]) <= set(words)
        for engine, results in (
            ("tailings_class", "12345"),
            ("hazard_installation", "1234"),
            ("location_class", "234"),
        ):
            if rule.engine == engine and rule.metric != "quantity_ratio":
                assert all(f"{rule.metric}.{result}" in words for result in results), rule.id


def test_lists_and_keys_of_features_read_well() -> None:
    told = json.dumps({"objects": ["school/XX-06", "building/B/7", "a/b"], "n_objects": 3, "stake": "K1+000-K2+000"})
    assert detail_pairs(told, "zh") == [
        ("对象", "学校 XX-06、建筑物 B/7、a/b"),
        ("对象数", "3"),
        ("桩号", "K1+000-K2+000"),
    ]
    assert detail_pairs('{"storage_volume_m3": 629000.0, "share_of_scenario": 0.00001234}', "en") == [
        ("Storage volume (m³)", "629,000"), ("Share of the greatest scenario", "1.2×10^-5"),
    ]  # fmt: skip
    for nothing in ("", "no JSON", "[1]", "3", '{"objects": [], "stake": null}'):
        assert detail_pairs(nothing, "zh") == []


@pytest.mark.parametrize(
    ("value", "expected"), [(3e-6, "3.0×10^-6 per year"), (9.96e-7, "1.0×10^-6 per year"), (0.0, "0 per year")]
)
def test_small_frequencies_keep_their_digits(value: float, expected: str) -> None:
    assert format_value(page_number(value, "1/a"), "1/a", "en") == expected


def test_sentences_of_classes_name_the_class_and_the_stretch() -> None:
    area = {"subject_name": "干线", "metric": "distance", "measured": 245.6, "required": 254.5, "unit": "m",
            "deficit": 8.9, "status": "classified", "result": "II",
            "details": '{"stake": "K1+000-K2+000"}'}  # fmt: skip
    assert (
        finding_sentence(area, "zh") == "干线 K1+000-K2+000 距最近的对象 245.6 m（判定界限 254.5 m），定级结果：Ⅱ级。"
    )
    pond = {"subject_name": "库", "metric": "tailings_class", "measured": 4.0, "required": 5.0, "unit": "1",
            "deficit": 1.0, "status": "classified", "result": "4"}  # fmt: skip
    assert finding_sentence(pond, "en") == "库, graded: class 4."
    line = pond | {"metric": "households", "measured": 107.0, "required": 100.0, "status": "too_close_to_call"}
    assert finding_sentence(line | {"result": "1-2/3"}, "zh") == (
        "库 的户数为 107，资料或精度不足以定级，可能为：一级二类地区或三级地区（判定界限 100）。"
    )
    assert result_words("hazard_index", "1–2", "en") == "grade 1 or grade 2"
    assert result_words("distance", "", "zh") == "" and result_words("distance", "made up", "zh") == "made up"


def test_reason_codes_with_a_detail_are_sentences(catalogue) -> None:
    for number in (1, 7, 16):
        told = reason_words(catalogue, f"conflict:{number}", "zh")
        conflict = next(entry for entry in catalogue.conflicts if entry.number == number)
        assert told == conflict.sentence("zh")
    assert reason_words(catalogue, "attribute_missing:depth_m / thickness_m", "zh") == "缺少属性：深度 (m)、厚度 (m)"
    assert reason_words(catalogue, "measurement_missing:curvature", "en").endswith(": curvature of the ground")
    assert reason_words(catalogue, "value_not_given:share_of_height", "zh").endswith("差异沉降与边坡高度之比")
    assert reason_words(catalogue, "edge_unknown:road", "zh").endswith("：公路")


def test_gaps_are_grouped_by_what_is_missing() -> None:
    rows = [
        ("A", "goaf", "layer_missing:road", 3), ("A", "pipeline", "layer_missing:road", 2),
        ("B", "", "switched_off", 1), ("C", "goaf", "attribute_missing:roof", 6),
        ("B", "goaf", "layer_missing:road", 1), ("D", "goaf", "layer_missing:well", 1),
    ]  # fmt: skip
    gaps = gaps_by_reason(pd.DataFrame(rows, columns=["rule_id", "subject_kind", "reason", "count"]))
    assert gaps["reason"].tolist() == [
        "layer_missing:road",
        "layer_missing:well",
        "attribute_missing:roof",
        "switched_off",
    ]
    assert gaps["group"].tolist() == ["layer", "layer", "attribute", "other"]
    first = gaps.iloc[0]
    assert (first["kinds"], first["rules"], first["count"]) == (("goaf", "pipeline"), ("A", "B"), 5)
    assert gaps_by_reason(pd.DataFrame(columns=["rule_id", "subject_kind", "reason", "count"])).empty


def test_codes_inside_the_report_on_the_data_become_words() -> None:
    row = {"severity": "warning", "layer": "pipes", "kind": "pipeline", "code": "told_by_reader", "count": 0, "ids": "",
           "detail": "encoding_guessed: read as GBK",
           "sentence_zh": "读取图层“pipes”时发现：encoding_guessed: read as GBK",
           "sentence_en": "Noted while layer pipes was read: encoding_guessed: read as GBK"}  # fmt: skip
    gap = dict.fromkeys(row, "") | {
        "severity": "not_checked",
        "sentence_zh": "没有图层",
        "sentence_en": "no layer",
        "code": math.nan,
    }
    table = pd.DataFrame([row, gap])
    assert quality_words(table, "zh")["sentence"].tolist() == [
        "读取图层“油气管道（pipes）”时发现：字符编码为推断（read as GBK）", "没有图层",
    ]  # fmt: skip
    assert quality_words(table, "zh", {"pipes": {"zh": "干线"}})["sentence"].iloc[0].startswith("读取图层“干线”")
    assert quality_words(table, "en")["sentence"].iloc[0] == (
        "Noted while layer pipes was read: the encoding was inferred (read as GBK)"
    )


def test_grades_that_only_advise_and_zones_of_collapse_read_as_such() -> None:
    site = {"subject_name": "采空区", "metric": "tilt", "measured": 20.1, "required": 10.0, "unit": "mm/m",
            "deficit": 10.1, "status": "advisory", "effect": "classification", "result": "unstable"}  # fmt: skip
    assert finding_sentence(site, "zh") == "采空区 的倾斜为 20.1 mm/m（判定界限 10.0 mm/m），定级结果：不稳定。"
    zone = {"subject_name": "采空区", "object_name": "楼", "metric": "collapse_zone", "measured": 3.0, "required": 49.0,
            "unit": "m", "deficit": 46.0, "status": "advisory"}  # fmt: skip
    assert finding_sentence(zone, "zh") == "楼 距 采空区 边界 3.00 m，在其影响距离 49.0 m 之内。"
