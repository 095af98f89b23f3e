"""Stretches within reach: cases worked by hand, and against shapely on thousands of random ones."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.crs import local_metric
from sxrisk.reach import Outlines, PipelineRuns, covered_outlines, near_stretches
from sxrisk.reach.pipeline_kernels import capsule_cut, foot_range, nearest

LON, LAT = 112.6, 37.6


def placed(shape):
    """A shape of the local plane, in longitude and latitude, its long edges straight in the plane."""
    shape = shapely.segmentize(shape, 50.0)
    return shapely.transform(
        shape, lambda xy: np.column_stack(local_metric(LON, LAT).transform(xy[:, 0], xy[:, 1], direction="INVERSE"))
    )


def runs_of(*corners: tuple[float, float]) -> PipelineRuns:
    return PipelineRuns.of(np.array([placed(shapely.LineString(corners))], dtype=object))


def outlines(*shapes, sigma: float = 0.0) -> Outlines:
    return Outlines(np.array([placed(shape) for shape in shapes], dtype=object), np.full(len(shapes), sigma))


STRAIGHT = runs_of((0, 0), (3000, 0))


def test_a_point_beside_a_straight_line():
    # 120 m aside: within 200 m for sqrt(200^2 - 120^2) = 160 m to each side of its foot.
    found = near_stretches(STRAIGHT, outlines(shapely.Point(1000, 120)), 200.0, 0.0)
    row = found.iloc[0]
    assert [row.from_m, row.to_m, row.foot_from_m, row.foot_to_m] == pytest.approx([840, 1160, 1000, 1000], abs=2e-3)
    assert [row.distance_m, row.nearest_m] == pytest.approx([120, 1000], abs=2e-3)


def test_a_house_is_as_near_as_its_outer_edge():
    # A 20 m house whose near wall is 160 m aside: sqrt(200^2 - 160^2) = 120 m before and beyond its two corners.
    found = near_stretches(STRAIGHT, outlines(shapely.box(990, 160, 1010, 180)), 200.0, 0.0)
    assert found[["from_m", "to_m", "foot_from_m", "foot_to_m"]].iloc[0].tolist() == pytest.approx(
        [870, 1130, 990, 1010], abs=2e-3
    )


def test_a_centimetre_decides_at_the_limit():
    near, far = shapely.Point(1000, 199.99), shapely.Point(1000, 200.01)
    assert near_stretches(STRAIGHT, outlines(near, far), 200.0, 0.0)["object"].tolist() == [0]


def test_the_end_of_the_line_is_an_end_cap():
    # 100 m beyond the end and 100 m aside: sqrt(2) * 100 = 141.4 m from the end itself, which is its only foot.
    found = near_stretches(STRAIGHT, outlines(shapely.Point(3100, 100)), 200.0, 0.0).iloc[0]
    # sqrt(200^2 - 100^2) = 173.2 m before its foot at 3100 m is 2926.8 m.
    assert [found.from_m, found.to_m, found.foot_from_m] == pytest.approx([2926.795, 3000, 3000], abs=2e-3)
    assert found.distance_m == pytest.approx(141.4214, abs=2e-3)


def test_outside_a_bend_the_corner_is_the_foot():
    bend = runs_of((0, 0), (1000, 0), (1000, -1000))
    found = near_stretches(bend, outlines(shapely.Point(1050, 50)), 200.0, 0.0)
    assert found[["foot_from_m", "foot_to_m"]].iloc[0].tolist() == pytest.approx([1000, 1000], abs=2e-3)


def test_a_hairpin_has_two_stretches():
    # Legs 300 m apart, a house between them 150 m from each: 132.3 m to each side on both legs.
    hairpin = runs_of((0, 0), (2000, 0), (2000, 300), (0, 300))
    found = near_stretches(hairpin, outlines(shapely.Point(1000, 150)), 200.0, 0.0)
    half = np.sqrt(200**2 - 150**2)
    assert found["from_m"].tolist() == pytest.approx([1000 - half, 3300 - half], abs=2e-3)


def test_deep_inside_a_wide_area_the_line_is_near_it():
    # 2 km of the line lie inside, 500 m from its outline and more; a hole of 600 m in it is wider than the reach.
    wide = shapely.Polygon(
        [(500, -700), (2500, -700), (2500, 700), (500, 700)], [[(1000, -300), (1600, -300), (1600, 300), (1000, 300)]]
    )
    found = near_stretches(STRAIGHT, outlines(wide), 200.0, 0.0)
    assert found[["from_m", "to_m"]].to_numpy() == pytest.approx(np.array([[300, 1200], [1400, 2700]]), abs=5e-3)
    whole = near_stretches(STRAIGHT, outlines(shapely.box(-5000, -5000, 8000, 5000)), 200.0, 0.0)
    assert whole[["from_m", "to_m"]].iloc[0].tolist() == pytest.approx([0.0, STRAIGHT.length_m[0]])


def test_sigma_widens_and_narrows():
    house = outlines(shapely.Point(1000, 0), sigma=3.0)
    wide, narrow = (near_stretches(STRAIGHT, house, 200.0, np.array([4.0]), z=z).iloc[0] for z in (2.0, -2.0))
    # hypot(3, 4) = 5 m, twice: 10 m more and 10 m less.
    assert [wide.from_m, narrow.from_m] == pytest.approx([790, 810], abs=2e-3)


def test_only_an_outline_within_reach_all_round_is_covered():
    shapes = [
        shapely.box(500, -190, 900, 190),
        shapely.box(1200, -190, 1600, 210),
        shapely.box(2700, -100, 3150, 100),
        shapely.box(2900, -100, 3210, 100),
    ]
    assert covered_outlines(STRAIGHT, outlines(*shapes), 200.0, 0.0) == {(0, 0), (0, 2)}
    assert covered_outlines(STRAIGHT, outlines(*shapes), 0.5, 0.0) == set()


coordinate = st.floats(-400, 400, allow_nan=False).map(lambda v: round(v, 2))


@settings(max_examples=300, deadline=None)
@given(coordinate, coordinate, coordinate, coordinate, st.floats(1, 300))
def test_kernel_against_shapely(s0, t0, s1, t1, h):
    axis = shapely.LineString([(0, 0), (150, 0)])
    edge = shapely.LineString([(s0, t0), (s1, t1)]) if (s0, t0) != (s1, t1) else shapely.Point(s0, t0)
    low, high = capsule_cut(s0, t0, s1, t1, h)
    for s in np.linspace(-900, 900, 61):
        away = shapely.distance(shapely.Point(s, 0), edge)
        if abs(away - h) > 1e-6:
            assert (low <= s <= high) == (away < h)
    away, at = nearest(s0, t0, s1, t1, 150.0)
    assert away == pytest.approx(shapely.distance(axis, edge), abs=1e-9)
    assert shapely.distance(shapely.Point(at, 0), edge) == pytest.approx(away, abs=1e-6)
    first, last = foot_range(s0, t0, s1, t1, 150.0, h)
    beside = shapely.intersection(edge, shapely.box(0, -h, 150, h))
    if first <= last:
        assert shapely.distance(beside, edge) <= 1e-9
        ends = shapely.bounds(beside)
        if np.isfinite(ends).all():
            assert [first, last] == pytest.approx([ends[0], ends[2]], abs=1e-6)
    else:
        assert beside.is_empty or beside.length < 1e-6


def test_interpreted_kernels_give_the_same():
    rng = np.random.default_rng(3)
    for s0, t0, s1, t1, h in rng.uniform(-300, 300, (50, 5)):
        for kernel, last in ((capsule_cut, (abs(h),)), (foot_range, (150.0, abs(h))), (nearest, (150.0,))):
            arguments = (s0, t0, s1, t1, *last)
            assert kernel(*arguments) == pytest.approx(getattr(kernel, "py_func", kernel)(*arguments), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_stretches_against_dense_places(seed):
    rng = np.random.default_rng(seed)
    flat = np.cumsum(rng.normal(0, 250, (9, 2)), axis=0)
    line = shapely.LineString(flat)
    houses = [shapely.box(x, y, x + w, y + w) for x, y, w in rng.uniform([-900, -900, 0], [900, 900, 400], (12, 3))]
    runs = PipelineRuns.of(np.array([placed(line)], dtype=object))
    found = near_stretches(runs, outlines(*houses), 200.0, 0.0)
    scale = runs.length_m[0] / line.length
    at = np.linspace(0, line.length, 700)
    for item, house in enumerate(houses):
        away = shapely.distance(shapely.line_interpolate_point(line, at), house)
        mine = found[found["object"] == item]
        held = (
            (mine["from_m"].to_numpy() <= at[:, None] * scale) & (at[:, None] * scale <= mine["to_m"].to_numpy())
        ).any(axis=1)
        sure = np.abs(away - 200.0) > 5e-3
        assert (held[sure] == (away < 200.0)[sure]).all()
