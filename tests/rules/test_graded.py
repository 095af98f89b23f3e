"""Grades by the worst of several indices, on values worked by hand from the page of standards."""

import datetime
import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from sxrisk.findings import measurement, measurements_frame
from sxrisk.rules import RuleOutcome, apply_rules, load_catalogue

DAY = datetime.date(2026, 6, 30)
UNITS = {"horizontal_strain": "mm/m", "curvature": "1e-3/m", "tilt": "mm/m", "subsidence_rate": "mm/d",
         "half_year_subsidence": "mm"}  # fmt: skip


def layer(kind: str, ids: list[str], size: float = 1e-4, **columns: object) -> gpd.GeoDataFrame:
    shapes = [shapely.box(112 + k * 0.01, 37, 112 + k * 0.01 + size, 37 + size) for k in range(len(ids))]
    base = {"id": ids, "name": ids, "kind": kind, "position_sigma_m": 0.0, "crs_source": "cgcs2000", **columns}
    return gpd.GeoDataFrame(base, geometry=shapes, crs=4490)


def told(goaf: str, values: dict[str, float], sigma: float = 0.0, **end: str) -> list[dict]:
    return [
        measurement("goaf", goaf, name, value, UNITS[name], sigma=sigma, method="movement_final", **end)
        for name, value in values.items()
    ]


def applied(rule: str, layers: list[gpd.GeoDataFrame], rows: list[dict]) -> RuleOutcome:
    named = {str(number): frame for number, frame in enumerate(layers)}
    return apply_rules(load_catalogue(), named, measurements_frame(rows), as_of=DAY, only={rule})


def on(rule: str, values: dict[str, float], sigma: float = 0.0, **columns: object) -> pd.Series | None:
    """The finding on one building, or none."""
    end = {"object_kind": "building", "object_id": "B"}
    layers = [layer("goaf", ["G"]), layer("building", ["B"], **{"structure": "砖混", **columns})]
    found = applied(rule, layers, told("G", values, sigma, **end)).findings
    return found.iloc[0] if len(found) else None


# Strain, curvature, tilt, and the grade that the table gives; each bound itself belongs to the milder grade.
CASES = [
    (0.0, 0.0, 0.0, "I"), (2.0, 0.2, 3.0, "I"), (2.01, 0.0, 0.0, "II"), (0.0, 0.21, 0.0, "II"), (0.0, 0.0, 3.1, "II"),
    (4.0, 0.4, 6.0, "II"), (4.1, 0.1, 1.0, "III"), (1.0, 0.41, 1.0, "III"), (1.0, 0.1, 6.1, "III"),
    (6.0, 0.6, 10.0, "III"), (6.1, 0.0, 0.0, "IV"), (0.0, 0.61, 0.0, "IV"), (0.0, 0.0, 10.1, "IV"),
]  # fmt: skip
COLOURS = {"I": "blue", "II": "yellow", "III": "orange", "IV": "red"}


@pytest.mark.parametrize(("strain", "curvature", "tilt", "grade"), CASES)
def test_the_worst_of_three_gives_the_damage_grade(strain: float, curvature: float, tilt: float, grade: str) -> None:
    row = on("BD-GRADE", {"horizontal_strain": strain, "curvature": curvature, "tilt": tilt})
    assert (row["result"], row["colour"], row["status"]) == (grade, COLOURS[grade], "classified")


def test_the_finding_is_about_the_index_that_governs() -> None:
    row = on("BD-GRADE", {"horizontal_strain": 1.0, "curvature": 0.5, "tilt": 4.0})
    assert (row["metric"], row["measured"], row["required"], row["unit"]) == ("curvature", 0.5, 0.4, "1e-3/m")
    figures = json.loads(row["details"])
    assert figures["by_index"] == ["horizontal_strain.I", "curvature.III", "tilt.II"]
    assert row["reasons"].split() == ["movement_final"]


def test_what_is_not_known_well_enough_is_too_close_to_call() -> None:
    near = on("BD-GRADE", {"horizontal_strain": 2.1, "curvature": 0.0, "tilt": 0.0}, sigma=0.1)
    assert near["status"] == "too_close_to_call"
    assert near["probability"] == pytest.approx(0.8413, abs=1e-3)
    assert near["uncertainty"] == pytest.approx(0.1)
    sure = on("BD-GRADE", {"horizontal_strain": 2.5, "curvature": 0.0, "tilt": 0.0}, sigma=0.1)
    assert sure["status"] == "classified"


def test_the_table_is_for_short_brick_buildings() -> None:
    values = {"horizontal_strain": 3.0, "curvature": 0.0, "tilt": 0.0}
    assert "structure_untold" in on("BD-GRADE", values, structure="")["reasons"]
    assert "other_structure" in on("BD-GRADE", values, structure="钢结构")["reasons"]
    assert "longer_than_table" not in on("BD-GRADE", values)["reasons"]
    assert "longer_than_table" in on("BD-GRADE", values, size=3e-4)["reasons"]
    # A cave dwelling has a rule of its own, which only advises.
    assert on("BD-GRADE", values, structure="土窑洞") is None
    earth = on("BD-EARTH", values, structure="土窑洞")
    assert (earth["result"], earth["status"], earth["evidence"]) == ("beyond_grade_I", "advisory", "G")
    assert on("BD-EARTH", values) is None
    assert on("BD-EARTH", {"horizontal_strain": 2.0}, building_use="adobe", structure="")["result"] == "within_grade_I"


@pytest.mark.parametrize(
    ("values", "grade"),
    [
        ({"horizontal_strain": 1.9, "curvature": 0.19, "tilt": 2.9}, "felt"),
        ({"horizontal_strain": 2.0, "curvature": 0.0, "tilt": 0.0}, "dangerous"),
        ({"horizontal_strain": 0.0, "curvature": 0.2, "tilt": 0.0}, "dangerous"),
        ({"horizontal_strain": 0.0, "curvature": 0.0, "tilt": 3.0}, "dangerous"),
    ],
)
def test_lines_are_in_dangerous_movement_by_the_outermost_of_three(values: dict[str, float], grade: str) -> None:
    for kind in ("road", "pipeline", "river", "power_line"):
        end = {"object_kind": kind, "object_id": "L"}
        found = applied("GOAF-MOVE", [layer("goaf", ["G"]), layer(kind, ["L"])], told("G", values, **end)).findings
        assert found[["result", "status"]].values.tolist() == [[grade, "suspected"]]


@pytest.mark.parametrize(
    ("values", "depth", "grade"),
    [
        ({"tilt": 2.9, "curvature": 0.1, "horizontal_strain": 1.9}, 120.0, "not_excluded"),
        ({"tilt": 3.0}, 120.0, "to_be_evaluated"), ({"tilt": 10.0}, 120.0, "to_be_evaluated"),
        ({"tilt": 10.1}, 120.0, "unsuitable"), ({"curvature": 0.61}, 120.0, "unsuitable"),
        ({"horizontal_strain": 6.1}, 120.0, "unsuitable"), ({}, 89.0, "to_be_evaluated"), ({}, 90.0, "not_excluded"),
    ],
)  # fmt: skip
def test_suitability_of_a_site(values: dict[str, float], depth: float, grade: str) -> None:
    goaf = layer("goaf", ["G"], depth_m=depth, thickness_m=3.0)
    found = applied("GS-SITE", [goaf], told("G", values)).findings
    assert found[["result", "status", "evidence"]].values.tolist() == [[grade, "classified", "V"]]


@pytest.mark.parametrize(
    ("values", "ratio", "roof", "stopped", "depth", "grade"),
    [
        # 400 m deep: movement lasts 1000 days.
        ({"subsidence_rate": 0.9}, 130.0, "soft", 1500, 400.0, "stable"),
        ({"subsidence_rate": 1.0}, 130.0, "soft", 1500, 400.0, "unstable"),
        ({"half_year_subsidence": 29.0}, 130.0, "soft", 1500, 400.0, "stable"),
        ({"half_year_subsidence": 60.0}, 130.0, "soft", 1500, 400.0, "basically_stable"),
        ({"half_year_subsidence": 60.1}, 130.0, "soft", 1500, 400.0, "unstable"),
        ({"tilt": 3.0}, 130.0, "soft", 1500, 400.0, "basically_stable"),
        ({}, 79.0, "hard", 2000, 400.0, "basically_stable"), ({}, 81.0, "hard", 2000, 400.0, "stable"),
        ({}, 59.0, "hard", 2000, 400.0, "unstable"), ({}, 99.0, "medium", 2000, 400.0, "basically_stable"),
        ({}, 119.0, "soft", 2000, 400.0, "basically_stable"), ({}, 99.0, "soft", 2000, 400.0, "unstable"),
        ({}, 130.0, "soft", 1199, 400.0, "basically_stable"), ({}, 130.0, "soft", 799, 400.0, "unstable"),
        # 100 m deep: 250 days; the roof's own times are longer.
        ({}, 130.0, "hard", 731, 100.0, "basically_stable"), ({}, 130.0, "hard", 730, 100.0, "unstable"),
        ({}, 130.0, "medium", 1096, 100.0, "stable"), ({}, 130.0, "soft", 365, 100.0, "unstable"),
    ],
)  # fmt: skip
def test_stability_class_of_a_site_is_the_lowest_of_its_criteria(
    values: dict[str, float], ratio: float, roof: str, stopped: int, depth: float, grade: str
) -> None:
    day = pd.Timestamp(DAY) - pd.Timedelta(days=stopped)
    goaf = layer("goaf", ["G"], depth_m=depth, thickness_m=depth / ratio, roof=roof, stopped_on=day)
    found = applied("GO-SITE", [goaf], told("G", values)).findings
    assert found[["result", "status", "evidence"]].values.tolist() == [[grade, "advisory", "G"]]
    assert "conflict:16" in found["reasons"].iloc[0]


def test_a_goaf_without_a_basin_says_why() -> None:
    rows = [measurement("goaf", "G", "horizontal_strain", float("nan"), "mm/m", method="value_not_given:q")]
    layers = [layer("goaf", ["G"]), layer("building", ["B"])]
    outcome = applied("BD-GRADE", layers, rows)
    assert outcome.findings.empty
    gaps = outcome.not_applied
    assert gaps.loc[gaps["subject_id"] == "G", "reason"].tolist() == ["value_not_given:q"]
    bare = applied("GO-SITE", layers[:1], [])
    assert bare.not_applied["reason"].tolist() == ["measurement_missing:subsidence_rate"]


def test_what_stands_on_the_ground_is_no_measure_of_the_goaf() -> None:
    rows = told("G", {"tilt": 12.0}, object_kind="building", object_id="B") + told("G", {"tilt": 2.0})
    found = applied("GS-TILT", [layer("goaf", ["G"]), layer("building", ["B"])], rows).findings
    assert found.empty
