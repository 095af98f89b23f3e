"""The sliding window: cases worked by hand, all placements against a dense sample, and what must not matter."""

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.ops import substring

from sxrisk.crs import local_metric
from sxrisk.reach import (
    Outlines,
    PipelineRuns,
    WindowSweep,
    held_from_to,
    near_stretches,
    sweep_windows,
    wholly_held_from_to,
)

LON, LAT, UNIT, HALF = 112.6, 37.6, 2000.0, 200.0


def placed(shape):
    shape = shapely.segmentize(shape, 50.0)
    return shapely.transform(
        shape, lambda xy: np.column_stack(local_metric(LON, LAT).transform(xy[:, 0], xy[:, 1], direction="INVERSE"))
    )


def swept(lines: list, houses: list, households: list[float] | None = None) -> tuple[PipelineRuns, WindowSweep]:
    runs = PipelineRuns.of(np.array([placed(line) for line in lines], dtype=object))
    outlines = Outlines(np.array([placed(house) for house in houses], dtype=object), np.zeros(len(houses)))
    held = held_from_to(near_stretches(runs, outlines, HALF, 0.0), runs.length_m, UNIT)
    weight = np.ones(len(houses)) if households is None else np.asarray(households)
    return runs, sweep_windows(held, weight[held["object"]][:, None])


def greatest(sweep: WindowSweep) -> float:
    return float(sweep.held[sweep.real].max(initial=0.0))


def test_two_houses_on_the_line_2400_m_apart_are_just_held_together():
    # Each is within 200 m for 200 m to its sides: the window [1200, 3200] touches both ends, 1200 and 3200.
    line = shapely.LineString([(0, 0), (6000, 0)])
    for apart, count in ((2399.99, 2), (2400.01, 1)):
        _, sweep = swept([line], [shapely.Point(1000, 0), shapely.Point(1000 + apart, 0)])
        assert greatest(sweep) == count


def test_the_distance_is_to_the_window_not_to_the_line():
    # Both houses are 100 m from the line; the strips' round ends hold each for sqrt(200^2 - 100^2) = 173.2 m.
    line = shapely.LineString([(0, 0), (6000, 0)])
    reach = 2 * np.sqrt(HALF**2 - 100**2)
    for apart, count in ((UNIT + reach - 0.01, 2), (UNIT + reach + 0.01, 1)):
        _, sweep = swept([line], [shapely.Point(1000, 100), shapely.Point(1000 + apart, 100)])
        assert greatest(sweep) == count


def test_a_line_shorter_than_the_window_is_one_window():
    _, sweep = swept([shapely.LineString([(0, 0), (900, 0)])], [shapely.Point(0, 10), shapely.Point(900, 10)])
    assert greatest(sweep) == 2
    assert sweep.placements(sweep.held[:, 0] >= 2)[["from_m", "to_m"]].values.tolist() == [[0.0, 0.0]]


def test_placements_of_a_number():
    # Stretches [800, 1200], [2300, 2700] and [5800, 6200]: the first two for c in [300, 1200], the last two never.
    line = shapely.LineString([(0, 0), (9000, 0)])
    _, sweep = swept([line], [shapely.Point(x, 0) for x in (1000, 2500, 6000)])
    found = sweep.placements(sweep.held[:, 0] >= 2)
    assert found[["from_m", "to_m"]].to_numpy() == pytest.approx(np.array([[300.0, 1200.0]]), abs=5e-3)
    one = sweep.placements(sweep.held[:, 0] >= 1)
    assert one[["from_m", "to_m"]].to_numpy() == pytest.approx(np.array([[0.0, 2700.0], [3800.0, 6200.0]]), abs=5e-3)
    assert sweep.greatest(0, 1300.0, 9000.0, 0) == 1
    assert sweep.greatest(0, 0.0, 9000.0, 0, sweep.held[:, 0] < 2) == 1


def test_wholly_held_needs_the_whole_stretch():
    near = pd.DataFrame({"run": [0, 0], "object": [0, 1], "from_m": [1000.0, 2000.0], "to_m": [1500.0, 4500.0]})
    found = wholly_held_from_to(near, np.array([9000.0]), UNIT)
    assert found[["object", "from_m", "to_m"]].values.tolist() == [[0, 0.0, 1000.0]]


def test_runs_do_not_add_up():
    far = [shapely.LineString([(0, y), (3000, y)]) for y in (0, 5000)]
    _, sweep = swept(far, [shapely.Point(500, 0), shapely.Point(500, 5000)])
    assert greatest(sweep) == 1


def _scene(seed: int) -> tuple[shapely.LineString, list, np.ndarray]:
    rng = np.random.default_rng(seed)
    turn = np.cumsum(rng.normal(0, 0.7, 14))
    line = shapely.LineString(np.cumsum(400 * np.column_stack([np.cos(turn), np.sin(turn)]), axis=0))
    along = rng.uniform(0, line.length, 40)
    spot = shapely.get_coordinates(shapely.line_interpolate_point(line, along)) + rng.normal(0, 150, (40, 2))
    side = np.where(rng.random(40) < 0.5, 0.0, rng.uniform(5, 60, 40))
    houses = [
        shapely.box(x, y, x + w, y + w) if w else shapely.Point(x, y) for (x, y), w in zip(spot, side, strict=True)
    ]
    return line, houses, rng.integers(1, 5, 40).astype(float)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100_000))
def test_no_sampled_window_holds_more_and_one_holds_as_much(seed):
    line, houses, households = _scene(seed)
    runs, sweep = swept([line], houses, households.tolist())
    most = greatest(sweep)
    scale = line.length / runs.length_m[0]
    shapes = np.array(houses, dtype=object)

    def held(start: float, slack: float) -> float:
        window = substring(line, start * scale, (start + UNIT) * scale)
        return float(households[shapely.distance(window, shapes) <= HALF + slack].sum())

    starts = np.arange(0.0, runs.length_m[0] - UNIT, 7.0)
    assert max(held(start, 0.0) for start in starts) <= most
    best = sweep.start_m[sweep.real & (sweep.held[:, 0] == most)][0]
    assert held(best, 5e-3) >= most
    for start in starts[::10]:
        state = sweep.greatest(0, start, start, 0)
        assert held(start, -5e-3) <= state <= held(start, 5e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 12))
def test_turning_and_splitting_the_line_change_nothing(seed, cut):
    line, houses, households = _scene(seed)
    whole = swept([line], houses, households.tolist())[1]
    points = list(line.coords)
    turned = swept([shapely.LineString(points[::-1])], houses, households.tolist())[1]
    split = swept(
        [shapely.LineString(points[cut:]), shapely.LineString(points[: cut + 1])], houses, households.tolist()
    )[1]
    parts = shapely.MultiLineString([points[: cut + 1], points[cut:]])
    multi = swept([parts], houses, households.tolist())[1]
    for other in (turned, split, multi):
        assert greatest(other) == greatest(whole)
        many = [len(sweep.placements(sweep.held[:, 0] >= 20)) for sweep in (whole, other)]
        assert many[0] == many[1]


@settings(max_examples=25, deadline=None)
@given(st.floats(100, 5900), st.sampled_from([-1.0, 1.0]), st.booleans())
def test_a_centimetre_at_200_m_anywhere_along_the_line(at, side, inside):
    line = shapely.LineString([(0, 0), (6000, 0)])
    house = shapely.Point(at, side * (HALF + (-0.01 if inside else 0.01)))
    assert greatest(swept([line], [house])[1]) == (1 if inside else 0)
