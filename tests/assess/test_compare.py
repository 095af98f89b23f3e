"""What changed between two runs, and how findings are recognised when their ids are not what they were."""

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely import LineString

from sxrisk.assess import compare_findings, compare_runs
from sxrisk.assess.compare import change_counts, read_run_findings, with_changes
from sxrisk.assess.matching import match_findings, names_alike, renamed_rules
from sxrisk.errors import FileFormatError, InputError
from sxrisk.findings import findings_frame, measurements_frame
from sxrisk.layers import read_layer
from sxrisk.rules import apply_rules, check_distances, load_catalogue
from sxrisk.rules.load import Catalogue


def frame(**deficits: float) -> gpd.GeoDataFrame:
    return findings_frame(
        [{"finding_id": key, "deficit": value, "uncertainty": 0.5} for key, value in deficits.items()]
    )


def row(finding_id: str, name: str, at_m: float = 0.0, **more: Any) -> dict[str, Any]:
    """A finding about a quarry; `at_m` metres east of a place at 37.5 N (88 420 m to the degree there)."""
    lon = 112.5 + at_m / 88_420
    return {
        "finding_id": finding_id, "rule_id": "P-33", "subject_kind": "quarry", "subject_id": finding_id,
        "subject_name": name, "object_kind": "pipeline", "object_id": "GD", "object_name": "北线", "deficit": 10.0,
        "uncertainty": 1.0, "colour": "red", "status": "violation", "measured": 90.0, "required": 100.0,
        "geometry": LineString([(lon, 37.5), (lon, 37.501)]), **more,
    }  # fmt: skip


def verdict(before: dict[str, Any], now: dict[str, Any]) -> tuple[str, str]:
    (one,) = compare_findings(findings_frame([before]), findings_frame([now])).to_dict("records")
    return one["change"], one["why"]


def test_new_gone_worse_better_unchanged() -> None:
    before = frame(gone=1.0, worse=1.0, better=9.0, same=4.0)
    now = frame(new=1.0, worse=9.0, better=1.0, same=4.5)
    changes = compare_findings(before, now).set_index("finding_id")["change"].to_dict()
    assert changes == {"gone": "gone", "worse": "worse", "better": "better", "same": "unchanged", "new": "new"}


def test_a_move_within_the_noise_is_no_change() -> None:
    # Two sigmas of the difference of two values of 0.5 m each: 1.41 m.
    assert change_counts(compare_findings(frame(a=1.0), frame(a=2.3)))["unchanged"] == 1
    assert change_counts(compare_findings(frame(a=1.0), frame(a=2.5)))["worse"] == 1


def test_colour_then_status_then_deficit_then_class_decide() -> None:
    old = row("F-1", "甲")
    assert verdict(old, {**old, "colour": "orange", "deficit": 40.0}) == ("better", "colour deficit")
    assert verdict(old, {**old, "status": "too_close_to_call"}) == ("better", "status")
    assert verdict(old, {**old, "deficit": 14.0}) == ("worse", "deficit")
    assert verdict(old, {**old, "deficit": 12.5}) == ("unchanged", "")
    graded = {**old, "deficit": float("nan"), "result": "3"}
    assert verdict(graded, {**graded, "result": "2"}) == ("worse", "result")
    assert verdict(old, {**old, "required": 120.0, "deficit": 30.0}) == ("worse", "deficit limit")


def test_another_class_is_judged_by_the_value_not_by_deficits_against_two_limits() -> None:
    # A pond that grows from class 4 into class 3: its distance to the next limit fell and rose again.
    old = row("F-1", "甲", measured=9.0e6, required=1.0e7, deficit=-1.0e6, result="4", uncertainty=0.0)
    grown = {**old, "measured": 1.1e7, "required": 1.0e8, "deficit": -8.9e7, "result": "3"}
    assert verdict(old, grown) == ("worse", "result limit")
    assert verdict(grown, old) == ("better", "result limit")


def test_a_persons_confirmation_is_no_change_of_the_place() -> None:
    old = row("F-1", "甲", status="suspected")
    assert verdict(old, {**old, "status": "confirmed"}) == ("unchanged", "")
    assert verdict({**old, "status": "confirmed"}, old) == ("unchanged", "")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("合山煤矿", "山西合山煤矿有限公司", True),
        ("柳沟采石场", "柳沟采石厂", True),
        ("一号采空区", "二号采空区", False),
        ("东沟村", "西沟村", False),
        ("K12 坑", "K13 坑", False),
        ("", "", False),
        ("甲", "完全不同的名字", False),
    ],
)
def test_names(one: str, other: str, alike: bool) -> None:
    assert names_alike(one, other) is alike and names_alike(other, one) is alike


def test_changed_ids_are_matched_by_name_and_place_and_it_is_shown() -> None:
    before = findings_frame([row("F-1", "柳沟采石场"), row("F-2", "石崖底采石场", 5000), row("F-3", "东沟", 9000)])
    now = findings_frame([row("F-8", "柳沟采石场", 120), row("F-9", "石崖底采石厂", 5030), row("F-7", "西沟", 9000)])
    changes = compare_findings(before, now).set_index("finding_id")
    assert changes["change"].to_dict() == {"F-8": "unchanged", "F-9": "unchanged", "F-7": "new", "F-3": "gone"}
    assert changes.loc["F-8", ["previous_id", "matched_by"]].tolist() == ["F-1", "name_and_place"]
    assert changes.loc["F-8", "moved_m"] == pytest.approx(120, abs=0.5)


def test_the_same_name_far_away_is_another_thing() -> None:
    before, now = findings_frame([row("F-1", "一号矿")]), findings_frame([row("F-2", "一号矿", 2500)])
    assert sorted(compare_findings(before, now)["change"]) == ["gone", "new"]


def test_nameless_things_need_the_same_place() -> None:
    before = findings_frame([row("F-1", ""), row("F-2", "", 1000)])
    now = findings_frame([row("F-8", "", 15), row("F-9", "", 1100)])
    matched = match_findings(before, now)
    assert matched[["before", "now"]].to_numpy().tolist() == [[0, 0]]


def test_each_finding_is_used_once_and_as_many_as_can_be_are_matched() -> None:
    # The nearest pair is (B, b) at 10 m; taking it would leave A alone, which only b can be.
    before = findings_frame([row("F-A", "甲", 0), row("F-B", "甲", 1900)])
    now = findings_frame([row("F-b", "甲", 1910), row("F-c", "甲", 3800)])
    matched = match_findings(before, now)
    pairs = {
        (before["finding_id"][b], now["finding_id"][n]) for b, n in zip(matched["before"], matched["now"], strict=True)
    }
    assert pairs == {("F-A", "F-b"), ("F-B", "F-c")}


def test_a_rule_that_replaces_another_goes_on_with_its_findings(tmp_path: Path) -> None:
    extra = tmp_path / "own.toml"
    extra.write_text(OWN_RULE, encoding="utf-8")
    renamed = renamed_rules(load_catalogue([extra]))
    assert renamed == {"OWN-2015": "OWN-2026"}
    before = findings_frame([row("F-1", "甲", rule_id="OWN-2015", subject_id="K1")])
    now = findings_frame([row("F-2", "甲", rule_id="OWN-2026", subject_id="K1")])
    assert compare_findings(before, now, renamed=renamed)["matched_by"].tolist() == ["rule_renamed"]
    assert sorted(compare_findings(before, now)["change"]) == ["gone", "new"]


OWN_RULE = """
[standard]
standard = "DB14/T 1-2026"
standard_zh = "示例标准"
standard_en = "Example"
edition = "2026"
source = "example"
[[rules]]
id = "OWN-2026"
replaces = ["OWN-2015"]
title_zh = "示例"
title_en = "Example"
text_zh = "示例。"
text_en = "Example."
clause_zh = "3.1"
clause_en = "3.1"
evidence = "V"
effect = "must_comply"
engine = "distance"
metric = "distance"
op = "<"
value = 300.0
unit = "m"
measured_from = "centreline"
subjects = [{ kinds = ["quarry"] }]
objects = [{ kinds = ["settlement"] }]
"""


def judged(folder: Path, edition: str) -> gpd.GeoDataFrame:
    path = folder / f"{edition}.toml"
    path.write_text(OWN_RULE.replace("2026", edition).replace(f'"OWN-{edition}"', '"OWN"', 1), encoding="utf-8")
    catalogue = load_catalogue([path])
    alone = Catalogue(rules={"OWN": catalogue.rules["OWN"]}, colours=catalogue.colours)
    places = gpd.points_from_xy([112.5, 112.501], [37.5, 37.5])
    layers = {
        kind: gpd.GeoDataFrame({"id": [kind], "kind": [kind]}, geometry=[place], crs=4490)
        for kind, place in zip(("quarry", "settlement"), places, strict=True)
    }
    return apply_rules(alone, layers, measurements_frame(), as_of=date(2026, 6, 30)).findings


def test_a_new_edition_of_a_standard_keeps_the_ids(tmp_path: Path) -> None:
    old, new = judged(tmp_path, "2015"), judged(tmp_path, "2026")
    assert old["standard"].item() != new["standard"].item()
    assert compare_findings(old, new)[["change", "matched_by"]].to_numpy().tolist() == [["unchanged", "id"]]


def villages(path: Path, *rows: str) -> gpd.GeoDataFrame:
    path.write_text("\n".join(["村名,经度,纬度", *rows]) + "\n", encoding="utf-8")
    return read_layer(path, kind="settlement", crs="CGCS2000")


QUARRY = gpd.GeoDataFrame({"id": ["K1"], "kind": "quarry"}, geometry=gpd.points_from_xy([112.5], [37.5]), crs=4490)
ROWS = ("柳沟村,112.501,37.5", "东崞村,112.5,37.501", ",112.502,37.501", "柳沟村,112.5,37.4985")


def test_renumbered_rows_keep_their_ids(tmp_path: Path) -> None:
    before = check_distances(QUARRY, villages(tmp_path / "a.csv", *ROWS), 500.0)
    now = check_distances(QUARRY, villages(tmp_path / "b.csv", "新村,112.503,37.5", *ROWS[::-1]), 500.0)
    changes = compare_findings(before, now)
    assert change_counts(changes) == {"new": 1, "worse": 0, "unchanged": 4, "better": 0, "gone": 0}
    assert changes.loc[changes["change"] == "unchanged", "matched_by"].eq("id").all()


def test_duplicate_ids_do_not_swap_their_findings_when_rows_move(tmp_path: Path) -> None:
    def read(name: str, *rows: str) -> gpd.GeoDataFrame:
        path = tmp_path / name
        path.write_text("\n".join(["村代码,村名,经度,纬度", *rows]) + "\n", encoding="utf-8")
        return read_layer(path, kind="settlement", crs="CGCS2000")

    near, far, third = "A,柳沟村,112.501,37.5", "A,东崞村,112.5,37.503", "A,西社村,112.504,37.5"
    before = check_distances(QUARRY, read("a.csv", near, far, third), 500.0)
    now = check_distances(QUARRY, read("b.csv", third, far, near), 500.0)
    assert len(before) == 3 and before["object_id"].nunique() == 3
    changes = compare_findings(before, now)
    assert changes["change"].eq("unchanged").all() and changes["matched_by"].eq("id").all()
    # One of them deleted: the others keep their ids, whatever stood first.
    fewer = compare_findings(before, check_distances(QUARRY, read("c.csv", far, third), 500.0))
    assert change_counts(fewer) == {"new": 0, "worse": 0, "unchanged": 2, "better": 0, "gone": 1}
    # Only one left: it has the bare id again, and is recognised by its name and place.
    last = compare_findings(before, check_distances(QUARRY, read("d.csv", third), 500.0))
    assert last.loc[last["change"] == "unchanged", "object_name"].tolist() == ["西社村"]


def test_the_findings_carry_what_changed() -> None:
    before, now = frame(a=1.0), frame(a=9.0, b=1.0)
    changed = with_changes(now, compare_findings(before, now)).set_index("finding_id")["change"]
    assert changed.to_dict() == {"a": "worse", "b": "new"}
    assert with_changes(now, None)["change"].tolist() == ["", ""]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"there are no findings here; expected the folder of a finished run"):
        compare_runs(tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match="both runs are the same"):
        compare_runs(tmp_path, tmp_path)
    other = tmp_path / "findings.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=gpd.points_from_xy([1], [1]), crs=4490).to_file(other, layer="x")
    with pytest.raises(FileFormatError, match="the findings cannot be read"):
        read_run_findings(other)
    other.write_bytes(b"no database")
    with pytest.raises(FileFormatError, match="the findings cannot be read"):
        read_run_findings(other)


def segment(finding_id: str, from_m: float, to_m: float, result: str = "2", aside_m: float = 0.0) -> dict[str, Any]:
    """A segment of one pipeline that runs north along 112.5 E: 111 000 m to the degree."""
    lon = 112.5 + aside_m / 88_420
    return {
        "finding_id": finding_id, "rule_id": "LC-TRANS", "subject_kind": "pipeline", "subject_id": "GD-1",
        "subject_name": "北线", "result": result, "deficit": 5.0, "uncertainty": 0.0, "colour": "blue",
        "status": "classified", "measured": 20.0, "required": 15.0,
        "geometry": LineString([(lon, 37.5 + at / 111_000) for at in (from_m, to_m)]),
    }  # fmt: skip


def test_a_new_segment_does_not_take_the_id_of_the_old_one() -> None:
    # The old one at K14+800; the new one at K2+800 comes with the old one's id, and the old one with another.
    before = findings_frame([segment("F-1", 14_600, 15_000)])
    now = findings_frame([segment("F-1", 2_600, 3_000), segment("F-2", 14_620, 15_020)])
    changes = compare_findings(before, now).set_index("finding_id")
    assert changes["change"].to_dict() == {"F-1": "new", "F-2": "unchanged"}
    assert changes.loc["F-2", ["previous_id", "matched_by"]].tolist() == ["F-1", "name_and_place"]
    # The register remembers only the middle of each.
    known = before.drop(columns="geometry").assign(longitude=112.5, latitude=37.5 + 14_800 / 111_000)
    matched = match_findings(known, now)
    assert now["finding_id"].iloc[matched["now"]].tolist() == ["F-2"]
    # Alone at the other place it is none of both, whatever its id is.
    assert sorted(compare_findings(before, now[now["finding_id"] == "F-1"])["change"]) == ["gone", "new"]


def test_segments_are_matched_by_what_they_share_and_do_not_shift_along_the_line() -> None:
    # Of three segments the first is gone, a fourth comes, the second is redrawn 5 m aside and the third has grown from
    # 2 km to 8 km, so that its middle moved by 3 km.
    before = findings_frame([segment("F-1", 0, 400), segment("F-2", 1_000, 1_400), segment("F-3", 10_000, 12_000, "2")])
    now = findings_frame(
        [segment("F-7", 1_000, 1_420, aside_m=5), segment("F-8", 10_000, 18_000, "3"), segment("F-9", 2_300, 2_700)]
    )
    matched = match_findings(before, now)
    pairs = {
        (before["finding_id"][b], now["finding_id"][n]) for b, n in zip(matched["before"], matched["now"], strict=True)
    }
    assert {("F-2", "F-7"), ("F-3", "F-8")} <= pairs
    # Pieces that only touch share no length: the nearer end of a split goes to the piece that holds more of it.
    split = findings_frame([segment("F-4", 10_000, 10_500, "3"), segment("F-5", 10_500, 12_000)])
    taken = compare_findings(findings_frame([segment("F-3", 10_000, 12_000)]), split).set_index("finding_id")
    assert taken["previous_id"].to_dict() == {"F-5": "F-3", "F-4": ""}


def test_the_nearest_place_of_two_things_may_jump_along_them() -> None:
    before = findings_frame([row("F-1", "甲", subject_id="K1")])
    now = findings_frame([row("F-1", "甲", 5000, subject_id="K1")])
    assert compare_findings(before, now)[["change", "matched_by"]].to_numpy().tolist() == [["unchanged", "id"]]
