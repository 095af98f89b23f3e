"""Ranking of goafs: the order, what holds for all weights, and how firm it is."""

import numpy as np
import pandas as pd
import pytest

from sxrisk.errors import ParameterError
from sxrisk.findings import findings_frame, measurement, measurements_frame
from sxrisk.risk import goaf_criteria, rank_goafs

TABLE = pd.DataFrame(
    {"name": ["甲", "乙", "丙"], "damaged_buildings": [10.0, 0.0, 5.0], "tilt_mm_per_m": [20.0, 40.0, 10.0]},
    index=list("ABC"),
)


def test_equal_weights_are_the_mean_of_shares_of_the_greatest() -> None:
    ranked = rank_goafs(TABLE).set_index("goaf")
    assert ranked["score"].to_dict() == pytest.approx({"A": 0.75, "B": 0.5, "C": 0.375})
    assert ranked["rank"].to_dict() == {"A": 1, "B": 2, "C": 3}
    assert ranked.loc["C", "dominated_by"] == 1 and ranked.loc["A", "dominates"] == 1
    assert ranked.loc["B", "dominated_by"] == 0
    assert ranked.loc["A", "reason_en"] == (
        "buildings of damage grade II and worse: 10 (67% of the score); greatest tilt: 20 mm/m (33% of the score)"
    )
    assert ranked.loc["A", "reason_zh"].startswith("Ⅱ级及以上损坏建筑物数 10（占 67%）")


def test_declared_weights_decide_and_a_dominated_goaf_never_overtakes() -> None:
    assert rank_goafs(TABLE, {"tilt_mm_per_m": 3.0, "damaged_buildings": 1.0})["goaf"].tolist() == ["B", "A", "C"]
    loose = rank_goafs(TABLE, perturbation=1.5).set_index("goaf")
    # B against A is a matter of weights; C is worse than A in all and may only pass B.
    assert loose.loc["A", "rank_high"] == 2 and loose.loc["C", "rank_low"] == 2
    assert loose.loc["B", "share_kept"] < 0.8
    firm = rank_goafs(TABLE, perturbation=0.01)
    assert (firm["share_kept"] == 1.0).all() and (firm["rank_low"] == firm["rank_high"]).all()


def test_what_is_unknown_counts_nothing_and_is_told_and_equal_goafs_share_a_rank() -> None:
    table = pd.DataFrame({"damaged_buildings": [np.nan, 2.0, 2.0]}, index=list("ABC"))
    ranked = rank_goafs(table).set_index("goaf")
    assert ranked["rank"].to_dict() == {"B": 1, "C": 1, "A": 3}
    assert ranked.loc["A", "unknown"] == "damaged_buildings"
    assert ranked.loc["A", "reason_en"] == "nothing known against it"


def test_weights_that_cannot_be_used_are_named() -> None:
    with pytest.raises(ParameterError, match="'beauty' is no criterion"):
        rank_goafs(TABLE, {"beauty": 1.0})
    with pytest.raises(ParameterError, match="the weights are"):
        rank_goafs(TABLE, {"tilt_mm_per_m": 0.0})


def test_criteria_come_from_findings_and_measurements() -> None:
    import geopandas as gpd
    import shapely

    goafs = gpd.GeoDataFrame(
        {"id": ["A", "B"], "name": ["甲", "乙"], "depth_m": [100.0, 200.0], "thickness_m": [4.0, 4.0]},
        geometry=[shapely.Point(112, 37)] * 2, crs=4490,
    )  # fmt: skip
    rows = [measurement("goaf", "A", "tilt", 12.0, "mm/m"), measurement("goaf", "B", "tilt", np.nan, "mm/m"),
            measurement("goaf", "A", "tilt", 9.0, "mm/m", object_kind="building", object_id="X")]  # fmt: skip
    found = [
        {"finding_id": f"F-{k}", "rule_id": rule, "subject_kind": "goaf", "subject_id": "A", "result": result,
         "object_kind": "building", "object_id": str(k), "colour": "red"}
        for k, (rule, result) in enumerate(
            [("BD-GRADE", "I"), ("BD-GRADE", "II"), ("BD-GRADE", "IV"),
             ("GOAF-MOVE", "felt"), ("GOAF-MOVE", "dangerous")]
        )
    ]  # fmt: skip
    table = goaf_criteria(goafs, measurements_frame(rows), findings_frame(found))
    assert table.loc["A", ["damaged_buildings", "worst_damage", "endangered_lines", "tilt_mm_per_m"]].tolist() == [
        2.0, 4.0, 1.0, 12.0,
    ]  # fmt: skip
    assert table["thickness_to_depth"].tolist() == [0.04, 0.02]
    # Of B no basin was computed: that no house is damaged is not known.
    assert table.loc["B", ["damaged_buildings", "tilt_mm_per_m"]].isna().all()
