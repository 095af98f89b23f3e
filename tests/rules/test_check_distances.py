"""The public distance check: rows, statuses, uncertainty, CRS and bad input."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from sxrisk.errors import CRSError, GeometryError, InputError, MissingFieldError, ParameterError
from sxrisk.findings import FINDING_COLUMNS
from sxrisk.rules import check_distances

GEOD = pyproj.Geod(ellps="GRS80")
HERE = (112.5, 37.5)


def at(*offsets_m: float, **columns) -> gpd.GeoDataFrame:
    """Points so many metres east of a place."""
    points = [shapely.Point(GEOD.fwd(*HERE, 90.0, d)[:2]) for d in offsets_m]
    return gpd.GeoDataFrame({"id": [f"o{k}" for k in range(len(points))], **columns}, geometry=points, crs=4490)


def test_schema_line_and_numbers():
    found = check_distances(at(0.0), at(80.0, 120.0), 100.0)
    assert list(found.columns) == list(FINDING_COLUMNS)
    assert found.crs.to_epsg() == 4490
    assert len(found) == 1
    row = found.iloc[0]
    assert (row.rule_id, row.evidence, row.effect, row.status) == ("user", "user", "must_comply", "suspected")
    assert row.measured == pytest.approx(80.0, abs=1e-6)
    assert row.deficit == pytest.approx(20.0, abs=1e-6)
    assert row.probability == 1.0
    assert row.reasons == "position_sigma_unknown"
    assert GEOD.geometry_length(row.geometry) == pytest.approx(80.0, abs=1e-6)


def test_three_answers_at_the_stated_accuracy():
    objects = at(80.0, 99.0, 101.0, 104.5, 120.0)
    found = check_distances(at(0.0), objects, 100.0, subject_sigma_m=1.5, object_sigma_m=2.0).set_index("object_id")
    assert found["status"].to_dict() == {
        "o0": "suspected",
        "o1": "too_close_to_call",
        "o2": "too_close_to_call",
        "o3": "too_close_to_call",
    }
    assert found["uncertainty"].tolist() == [2.5] * 4
    # One sigma of 2.5 m: 99 m lies 0.4 sigma inside, 101 m 0.4 sigma outside.
    assert found.loc["o1", "probability"] == pytest.approx(0.6554, abs=1e-4)
    assert found.loc["o2", "probability"] == pytest.approx(0.3446, abs=1e-4)
    assert (found["reasons"] == "").all()


def test_accuracy_far_worse_than_the_limit_says_little():
    found = check_distances(at(0.0), at(3.0, 40.0), 5.0, object_sigma_m=1000.0)
    assert found["object_id"].tolist() == ["o0"]
    assert found["status"][0] == "too_close_to_call"
    assert "coarse_geometry" in found["reasons"][0]
    assert found["probability"][0] < 0.01


def test_columns_give_limits_and_sigmas_and_unknown_crs():
    subjects = at(0.0, 1000.0, 2000.0, own=[50.0, 200.0, np.nan], position_sigma_m=[0.0, 1.0, 1.0], kind="open_pit")
    subjects["crs_source"] = ["unknown", "cgcs2000", "cgcs2000"]
    objects = at(40.0, 1100.0, 2010.0, name=["甲", "乙", "丙"], kind="road", position_sigma_m=2.0)
    found = check_distances(subjects, objects, "own").sort_values("subject_id")
    assert found[["subject_id", "object_id", "object_name"]].to_numpy().tolist() == [
        ["o0", "o0", "甲"],
        ["o1", "o1", "乙"],
    ]
    assert found["uncertainty"].to_numpy() == pytest.approx([2.0, 5**0.5])
    assert found["reasons"].tolist() == ["subject_crs_unknown", ""] or "subject_crs_unknown" in found["reasons"].iloc[0]


def test_two_crs_are_reconciled():
    objects = at(80.0)
    for code in (4547, 4546, 32649, 4326, 3857):
        found = check_distances(at(0.0).to_crs(code), objects, 100.0)
        assert found["measured"].to_numpy() == pytest.approx([80.0], abs=1e-3)


def test_one_frame_with_itself_tells_each_pair_once():
    frame = at(0.0, 100.0, 500.0)
    found = check_distances(frame, frame, 200.0)
    assert found[["subject_id", "object_id"]].to_numpy().tolist() == [["o0", "o1"]]


def test_a_copy_in_another_order_is_the_same_frame_and_other_ids_are_not():
    frame = at(0.0, 100.0, 500.0)
    for twin in (frame.copy(), frame.iloc[::-1]):
        found = check_distances(frame, twin, 200.0)
        assert found[["subject_id", "object_id"]].to_numpy().tolist() == [["o0", "o1"]]
    assert len(check_distances(frame, frame.assign(id=["a", "b", "c"]), 200.0)) == 5
    moved = frame.set_geometry(at(0.0, 100.0, 500.001).geometry)
    assert len(check_distances(frame, moved, 200.0)) == 5


def test_rows_without_id_use_the_index_and_doubles_keep_their_own_finding():
    frame = at(0.0, 10.0, 20.0).drop(columns="id")
    frame.index = [7, 7, 9]
    found = check_distances(at(5.0), frame, 100.0)
    assert sorted(found["object_id"]) == ["7", "7", "9"]
    assert found["finding_id"].is_unique


def test_rule_gives_clause_and_colour():
    found = check_distances(at(0.0, kind="open_pit"), at(150.0, kind="pipeline"), 200.0, rule="P-35c")
    row = found.iloc[0]
    assert (row.rule_id, row.clause, row.evidence, row.status, row.colour) == (
        "P-35c",
        "art. 35(3)",
        "V",
        "permit_to_be_shown",
        "yellow",
    )


def test_a_number_that_is_not_the_rules_own_is_the_users():
    houses = at(4.0, 88.0, kind="building")
    law = check_distances(at(0.0, kind="pipeline"), houses, 5.0, rule="P-30c")
    assert law[["object_id", "status", "evidence"]].to_numpy().tolist() == [["o0", "violation", "V"]]
    wide = check_distances(at(0.0, kind="pipeline"), houses, 500.0, rule="P-30c")
    assert set(wide["status"]) == {"suspected"}
    assert set(wide["evidence"]) == {"user"}
    assert wide["reasons"].str.contains("overridden_by_user").all()
    pipes = at(0.0, 1000.0, kind="pipeline", own=[5.0, 50.0])
    both = check_distances(pipes, at(4.0, 1004.0, kind="building"), "own", rule="P-30c").set_index("subject_id")
    assert both["status"].to_dict() == {"o0": "violation", "o1": "suspected"}


def test_limits_by_array_series_and_column_agree():
    subjects, objects = at(0.0, 1000.0), at(40.0, 1100.0)
    limits = [50.0, 200.0]
    expected = check_distances(subjects.assign(own=limits), objects, "own")
    assert len(expected) == 2
    for given in (limits, np.array(limits), pd.Series(limits), pd.Series(limits, dtype="Float64")):
        assert check_distances(subjects, objects, given).equals(expected)


@pytest.mark.parametrize("which", ["subjects", "objects"])
@pytest.mark.parametrize(
    "place",
    [shapely.Point(37.5, 112.5), shapely.Point(np.nan, 37.5), shapely.Point(np.inf, 37.5), shapely.Point(), None],
)
def test_places_that_cannot_be_meant_are_counted_and_refused(which, place):
    frames = {"subjects": at(0.0, 10.0, 20.0), "objects": at(5.0, 15.0, 25.0)}
    bad = frames[which].copy()
    bad.index = [7, 8, 9]
    bad["geometry"] = gpd.GeoSeries([bad.geometry.iloc[0], place, place], index=bad.index, crs=4490)
    with pytest.raises(GeometryError, match=rf"{which}: 2 of 3 rows .* first at index 8"):
        check_distances(**{**frames, which: bad}, required_m=100.0)


def test_geocentric_and_swapped_projected_coordinates_are_refused():
    here = at(0.0)
    plane = here.to_crs(4546)
    swapped = plane.set_geometry(shapely.transform(plane.geometry.array, lambda xy: xy[:, ::-1]), crs=4546)
    for bad in (here.set_crs(4479, allow_override=True), swapped):
        with pytest.raises(InputError):
            check_distances(here, bad, 100.0)


def test_strip_with_an_inner_edge_keeps_what_lies_nearer():
    roads = at(0.0, 3.0, 6.0, 20.0, kind="road", position_sigma_m=1.0)
    found = check_distances(roads, at(0.0, kind="pipeline", position_sigma_m=0.0), 50.0, rule="P-35b")
    reasons = found.set_index("subject_id")["reasons"].str.split().map(set)
    assert set(reasons.index) == {"o1", "o2", "o3"}
    assert set(found["status"]) == {"permit_to_be_shown"}
    inner = {"inside_inner_limit", "perhaps_inside_inner_limit"}
    assert {key: codes & inner for key, codes in reasons.items()} == {
        "o1": {"inside_inner_limit"},
        "o2": {"perhaps_inside_inner_limit"},
        "o3": set(),
    }


def test_the_limit_itself_is_kept():
    objects = at(100.0)
    exact = check_distances(at(0.0), objects, 1000.0)["measured"][0]
    assert len(check_distances(at(0.0), objects, exact)) == 0
    assert len(check_distances(at(0.0), objects, exact, rule="P-35c")) == 1


def test_empty_frames():
    assert len(check_distances(at(), at(1.0), 10.0)) == 0
    assert len(check_distances(at(1.0), at(), 10.0)) == 0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"required_m": -1.0}, ParameterError, "required distance is -1 m"),
        ({"required_m": float("nan")}, ParameterError, "NaN"),
        ({"required_m": "limit"}, MissingFieldError, "no column 'limit'"),
        ({"object_sigma_m": -2.0}, ParameterError, "sigma is -2.0 m"),
        ({"required_m": "text", "subjects": at(0.0, text=["200米"])}, ParameterError, "index 0 is '200米'"),
        ({"required_m": [10.0, 20.0]}, ParameterError, r"shape \(2,\)"),
        ({"required_m": None}, ParameterError, "is None"),
        ({"required_m": pd.Series([10.0], index=[5])}, ParameterError, "another index"),
        ({"objects": at(1.0, position_sigma_m=["5m"])}, ParameterError, "position_sigma_m: .* '5m'"),
        ({"objects": at(1.0, position_sigma_m=[-1.0])}, ParameterError, "is -1 m"),
        ({"subject_sigma_m": "5"}, ParameterError, "sigma is 5 m"),
        ({"rule": "P-99"}, ParameterError, "no rule 'P-99'"),
        ({"objects": at(1.0).set_crs(None, allow_override=True)}, CRSError, "unknown"),
        ({"subjects": at(1.0).set_crs(None, allow_override=True)}, CRSError, "subjects"),
        ({"objects": at(1.0).set_crs(4214, allow_override=True)}, CRSError, "legacy"),
        ({"objects": "roads.shp"}, ParameterError, "GeoDataFrame"),
    ],
)
def test_bad_input(change, error, text):
    arguments = {"subjects": at(0.0), "objects": at(1.0), "required_m": 10.0, **change}
    with pytest.raises(error, match=text):
        check_distances(**arguments)
