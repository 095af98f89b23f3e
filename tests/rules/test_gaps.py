"""What gaps silence: counted in the layers, told with the rules that stay silent."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from sxrisk.rules import load_catalogue
from sxrisk.rules.gaps import GAP_COLUMNS, gaps_that_silence

LINE = shapely.LineString([(112, 37), (112, 38)])


def catalogue(**kinds: tuple[tuple[str, ...], tuple[str, ...]]) -> Any:
    """Rules by id with the kinds of their subjects and objects: all that gaps ask of a catalogue."""
    rules = {
        name.replace("_", "-"): SimpleNamespace(subject_kinds=subject, object_kinds=others, asks=())
        for name, (subject, others) in kinds.items()
    }
    return SimpleNamespace(rules=rules)


RULES = catalogue(
    P_33=(("pipeline",), ("building",)), P_30b=(("pipeline",), ()), B_1=(("quarry",), ("building", "settlement"))
)


@pytest.fixture
def layers() -> Mapping[str, gpd.GeoDataFrame]:
    pipes = gpd.GeoDataFrame(
        {"kind": "pipeline", "diameter_mm": [508.0] * 28 + [None] * 12}, geometry=[LINE] * 40, crs=4490
    )
    houses = gpd.GeoDataFrame(
        {"kind": "building", "storeys": [2.0, None, None]}, geometry=[LINE.centroid] * 3, crs=4490
    )
    quarries = gpd.GeoDataFrame({"kind": ["quarry"]}, geometry=[LINE.centroid], crs=4490)
    return {"pipes": pipes, "houses": houses, "quarries": quarries}


def missed(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["rule_id", "subject_kind", "reason", "count"])
    return table.assign(subject_id="")


def test_the_sentence_of_the_issue(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    rows = missed(("P-33", "pipeline", "attribute_missing:diameter_mm", 12),
                  ("P-30b", "pipeline", "attribute_missing:diameter_mm", 12))  # fmt: skip
    table = gaps_that_silence(rows, RULES, layers)
    assert list(table.columns) == list(GAP_COLUMNS)
    assert table[["missing", "kind", "what", "count", "of", "rules", "n_rules"]].to_numpy().tolist() == [
        ["attribute", "pipeline", "diameter_mm", 12, 40, "P-33, P-30b", 2]
    ]
    assert table.loc[0, "sentence_en"] == (
        "12 of 40 pipelines have no diameter: rules P-33, P-30b could not be applied to them."
    )
    assert table.loc[0, "sentence_zh"] == "“油气管道”有 12/40 个未填“管径”：条款 P-33、P-30b 无法对其适用。"


def test_the_kind_that_lacks_the_attribute_may_be_the_object(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    table = gaps_that_silence(missed(("B-1", "quarry", "attribute_missing:storeys", 2)), RULES, layers)
    # Settlements have storeys too, but there is none; of the buildings two have no figure.
    assert table[["kind", "count", "of"]].to_numpy().tolist() == [["building", 2, 3]]


def test_other_gaps_come_after_and_chosen_silence_not_at_all(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    rows = missed(
        ("P-33", "pipeline", "layer_missing:school", 40), ("P-30b", "pipeline", "layer_missing:school", 40),
        ("P-33", "", "switched_off", 1), ("P-33", "", "not_in_force:2026-06-30", 1),
        ("B-1", "", "value_not_given:distance_m", 1), ("B-1", "quarry", "measurement_missing:depth", 1),
        ("P-33", "pipeline", "attribute_missing:diameter_mm", 12), ("B-1", "quarry", "dem_too_coarse", 1),
    )  # fmt: skip
    table = gaps_that_silence(rows, RULES, layers)
    assert table["missing"].tolist() == ["attribute", "measurement", "value", "layer", "other"]
    assert table["sentence_en"].tolist()[1:] == [
        "1 quarry has no measured depth: rule B-1 could not be applied to it.",
        "The user must give “distance_m”: rule B-1 could not be checked.",
        "There is no layer of schools: rules P-33, P-30b could not be checked.",
        "rule B-1 could not be applied (dem_too_coarse, once).",
    ]


def test_a_yes_or_no_that_is_missing_is_asked_as_such() -> None:
    roads = gpd.GeoDataFrame({"kind": ["pipeline"] * 2, "is_tunnel": pd.array([True, pd.NA], dtype="boolean")},
                             geometry=[LINE] * 2, crs=4490)  # fmt: skip
    table = gaps_that_silence(missed(("P-33", "pipeline", "attribute_missing:is_tunnel", 1)), RULES, {"r": roads})
    assert table.loc[0, "sentence_en"].startswith("1 of 2 pipelines does not say yes or no to “in a tunnel”: rule P-33")


def test_values_and_measurements_are_called_by_their_words() -> None:
    rows = missed(
        ("T-DISP-B", "", "value_not_given:rate_mm_per_day", 1), ("P-31a", "", "value_not_given:distance_m", 1),
        ("T-DISP-Y", "", "value_not_given:rate_mm_per_day", 1), ("OWN", "building", "measurement_missing:curvature", 3),
    )  # fmt: skip
    table = gaps_that_silence(rows, load_catalogue(), {})
    assert table["what"].tolist() == ["curvature", "rate_mm_per_day", "distance_m"]
    assert table["sentence_zh"].tolist() == [
        "“建筑物”有 3 个缺少测量值“地表曲率”：条款 OWN 无法对其适用。",
        "需要用户给出“设计单位给定的蓝色预警位移速率”、“设计单位给定的黄色预警位移速率”："
        "条款 T-DISP-B、T-DISP-Y 未能检查。",
        "需要用户给出“国家技术规范要求的最小距离”：条款 P-31a 未能检查。",
    ]
    assert table["sentence_en"].tolist() == [
        "3 buildings have no measured curvature: rule OWN could not be applied to them.",
        "The user must give “displacement rate of the blue alarm, by the design institute”, “displacement rate of the "
        "yellow alarm, by the design institute”: rules T-DISP-B, T-DISP-Y could not be checked.",
        "The user must give “least distance by the mandatory national code”: rule P-31a could not be checked.",
    ]


def test_nothing_missed_is_an_empty_table(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    assert gaps_that_silence(missed(), RULES, layers).empty
