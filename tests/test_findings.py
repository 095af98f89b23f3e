"""The two tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString

from sxrisk.errors import MissingFieldError
from sxrisk.findings import (
    FINDING_COLUMNS,
    MEASUREMENT_COLUMNS,
    check_findings,
    finding_id,
    findings_frame,
    measurement,
    measurements_frame,
)


def test_empty_tables_have_their_columns_and_crs() -> None:
    assert list(findings_frame().columns) == list(FINDING_COLUMNS)
    assert list(measurements_frame().columns) == list(MEASUREMENT_COLUMNS)
    assert findings_frame().crs.to_epsg() == 4490


def test_missing_text_is_empty_and_missing_numbers_are_nan() -> None:
    (row,) = findings_frame([{"finding_id": "F-1", "geometry": LineString([(112, 37), (112, 38)])}]).to_dict("records")
    assert row["county"] == ""
    assert row["measured"] != row["measured"]


def test_worst_colour_comes_first() -> None:
    frame = findings_frame([{"finding_id": c, "colour": c} for c in ("blue", "red", "yellow", "orange")])
    assert frame["colour"].tolist() == ["red", "orange", "yellow", "blue"]


@given(st.text(), st.text(), st.text(), st.text())
def test_ids_differ_wherever_the_ends_differ(rule: str, one: str, two: str, other: str) -> None:
    if "\x1f" not in rule + one + two + other and two != other:
        assert finding_id(rule, one, two) != finding_id(rule, one, other)


def test_moving_the_border_between_keys_changes_the_id() -> None:
    assert finding_id("R", "ab", "c") != finding_id("R", "a", "bc")


def test_incomplete_table_is_refused_by_name() -> None:
    with pytest.raises(MissingFieldError, match="lacks clause"):
        check_findings(findings_frame().drop(columns="clause"))


def test_measurement_row_has_the_schema() -> None:
    row = measurement("waste_dump", "P-1", "stack_height", 41.2, "m", sigma=0.1)
    frame = measurements_frame([row])
    assert frame["value"].tolist() == [41.2]
    assert frame["object_id"].tolist() == [""]
