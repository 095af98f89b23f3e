"""Ground, heights above it and things on it: pits by known truth, forest by the surveyor's classes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import LinearNDInterpolator

from sxrisk.errors import ParameterError
from sxrisk.scans import Scan, classify_vegetation, find_objects, ground, height_above_ground
from tests.scans.cleaning_scenes import ORIGIN, benches, box, pit
from tests.scans.cut_scan import CutScan

FLAT = np.array([[100.0, 80.0], [-100.0, 80.0], [100.0, -80.0], [0.0, 0.0], [-100.0, -80.0], [20.0, 10.0]])


def kappa(truth: np.ndarray, found: np.ndarray) -> float:
    agree = (truth == found).mean()
    chance = truth.mean() * found.mean() + (1 - truth.mean()) * (1 - found.mean())
    return float((agree - chance) / (1 - chance))


def test_faces_of_70_degrees_stay_ground() -> None:
    points, steep = pit(1)
    bare = ground(Scan(points + ORIGIN))
    assert 1 - bare.mean() < 0.015  # type I error
    assert 1 - bare[steep].mean() < 0.04
    forest = ground(Scan(points + ORIGIN), method="multiscale", height_m=0.3)
    assert 1 - forest.mean() > 1 - bare.mean()  # why it is not the default


@settings(max_examples=5, deadline=None)
@given(columns=st.integers(1, 7), rows=st.integers(1, 7), method=st.sampled_from(["opening", "multiscale"]))
def test_any_tiling_same_ground(columns: int, rows: int, method: str) -> None:
    scan = Scan(pit(2, 20_000)[0] + ORIGIN)
    bare, cut = ground(scan, method=method), CutScan(scan, columns, rows)  # type: ignore[arg-type]
    assert np.array_equal(ground(cut, method=method), bare)  # type: ignore[arg-type]
    assert np.array_equal(height_above_ground(cut, bare), height_above_ground(scan, bare))
    found, again = find_objects(scan, bare), find_objects(cut, bare)
    assert np.array_equal(found.label, again.label)
    assert found.table.equals(again.table)


def test_dense_forest_against_the_surveyors_classes(shared_data: Path) -> None:
    import laspy

    with laspy.open(shared_data / "clouds" / "coromandel_nz" / "points.laz") as file:
        las = file.read()
    points, given_class = np.asarray(las.xyz), np.asarray(las.classification)
    offset = points.min(axis=0)
    surveyed = points[given_class == 2] - offset
    terrain = LinearNDInterpolator(surveyed[:, :2], surveyed[:, 2])
    some = np.arange(0, len(points), 8)
    height = points[some, 2] - offset[2] - terrain(points[some, :2] - offset[:2])
    seen = np.isfinite(height)
    bare = ground(Scan(points), method="multiscale")
    assert kappa(np.abs(height[seen]) < 0.15, bare[some][seen]) > 0.55
    assert bare[some][seen & (height > 0.5)].mean() < 0.01  # type II error
    by_opening = ground(Scan(points))
    assert kappa(np.abs(height[seen]) < 0.15, by_opening[some][seen]) < 0.2  # why there are two methods
    ours = height_above_ground(Scan(points), bare)[some]
    assert np.median(np.abs(ours[seen] - height[seen])) < 0.4
    classes = classify_vegetation(Scan(points), bare, limits_m=(2.0, 8.0))
    plants = (given_class >= 3) & (given_class <= 5) & ~bare
    assert kappa(given_class[plants] == 5, classes[plants] == 5) > 0.7


def test_town_against_the_surveyors_classes(shared_data: Path) -> None:
    import laspy

    with laspy.open(shared_data / "clouds" / "pdal" / "4_6_crop.las") as file:
        las = file.read()
    points = np.asarray(las.xyz) * 0.3048006096  # US survey feet
    bare = ground(Scan(points), method="multiscale")
    assert kappa(np.asarray(las.classification) == 2, bare) > 0.93


def test_machines_and_people_on_benches_are_found() -> None:
    rng = np.random.default_rng(5)
    terrain, _ = pit(1, 300_000)
    sizes = {"person": ((0.5, 0.45, 1.75), 150), "vehicle": ((4.6, 1.9, 1.8), 900), "machine": ((9, 3.4, 3.6), 2_500)}
    kinds = ["person", "vehicle", "machine"] * 2
    things = [box(rng, at, *sizes[kind]) for at, kind in zip(FLAT, kinds, strict=True)]
    bund = np.column_stack([rng.uniform(-15, 15, 4_000), rng.uniform(-1, 1, 4_000), np.zeros(4_000)])
    bund[:, 2] = 1.5 * (1 - np.abs(bund[:, 1]))
    bund += [60.0, -85.0, 0.0]
    bund[:, 2] += benches(bund[:, 0], bund[:, 1])
    scan = Scan(np.vstack([terrain, *things, bund]) + ORIGIN, crs="EPSG:4547")
    bare = ground(scan)
    found = find_objects(scan, bare)
    start = len(terrain)
    for thing, kind, at in zip(things, kinds, FLAT, strict=True):
        label = found.label[start : start + len(thing)]
        (row,) = np.unique(label[label >= 0])
        start += len(thing)
        assert (label == row).mean() > 0.8
        record = found.table.loc[row]
        assert record["kind"] == kind
        size = sizes[kind][0]
        assert record["length_m"] == pytest.approx(max(size[:2]), abs=0.15)
        assert record["width_m"] == pytest.approx(min(size[:2]), abs=0.15)
        assert record["height_m"] == pytest.approx(size[2], abs=0.25)
        middle = record.geometry.centroid
        assert np.hypot(middle.x - ORIGIN[0] - at[0], middle.y - ORIGIN[1] - at[1]) < 0.3
    of_bund = found.label[start:]
    assert set(found.table["kind"].iloc[np.unique(of_bund[of_bund >= 0])]) <= {"berm", "unknown"}
    named = found.table["kind"].isin(["person", "vehicle", "machine"])
    assert named.sum() == len(things)  # nothing of the terrain is taken for one
    assert set(np.unique(found.classes)) <= {0, 1, 64, 65, 66, 67}


def test_heights_become_las_classes() -> None:
    flat = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0), [0.0]), axis=-1).reshape(-1, 3)
    flat[:, 2] = 0.3 * flat[:, 0]
    stand = np.array([0.3, 1.0, 3.0, -0.4])
    on = np.column_stack([np.full((4, 2), 12.3), 0.3 * 12.3 + stand])
    scan = Scan(np.vstack([flat, on]))
    bare = np.arange(len(flat) + 4) < len(flat)
    assert height_above_ground(scan, bare)[-4:] == pytest.approx(stand, abs=0.02)
    assert classify_vegetation(scan, bare)[-4:].tolist() == [3, 4, 5, 1]
    assert (classify_vegetation(scan, bare)[:-4] == 2).all()


def test_bad_arguments_have_clear_errors() -> None:
    scan = Scan(np.zeros((3, 3)))
    with pytest.raises(ParameterError, match="method 'cloth'; expected opening or multiscale"):
        ground(scan, method="cloth")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"expected a mask of shape \(3,\)"):
        find_objects(scan, np.ones(2, bool))
    with pytest.raises(ParameterError, match="no point is ground"):
        height_above_ground(scan, np.zeros(3, bool))
    with pytest.raises(ParameterError, match="expected two rising heights above 0"):
        classify_vegetation(scan, np.ones(3, bool), limits_m=(2.0, 1.0))
    with pytest.raises(ParameterError, match="min_points 1"):
        find_objects(scan, np.ones(3, bool), min_points=1)
