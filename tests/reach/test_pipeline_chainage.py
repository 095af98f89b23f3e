"""Chainage against the geodesic, joints of features, and pieces of runs."""

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.crs import GEOD, local_metric
from sxrisk.errors import ParameterError
from sxrisk.reach import PipelineRuns, potential_impact_radius_m, stake_text


def lines(*shapes: list[tuple[float, float]]) -> np.ndarray:
    return np.array([shapely.LineString(shape) for shape in shapes], dtype=object)


def test_a_meridian_is_as_long_as_the_geodesic_to_a_millionth():
    # A meridian is straight in longitude and latitude and a geodesic at once: 200 km of it.
    runs = PipelineRuns.of(lines([(112.0, 36.0), (112.0, 37.8)]))
    exact = GEOD.inv(112.0, 36.0, 112.0, 37.8)[2]
    assert runs.length_m[0] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("azimuth", [17.0, 90.0, 222.0])
def test_a_geodesic_drawn_with_vertices_every_100_m_keeps_its_length(azimuth):
    steps = GEOD.fwd_intermediate(
        113.0, 38.0, azimuth, npts=3001, del_s=100.0, initial_idx=0, terminus_idx=0, return_back_azimuth=False
    )
    runs = PipelineRuns.of(lines(list(zip(steps.lons, steps.lats, strict=True))))
    assert runs.length_m[0] == pytest.approx(300_000.0, rel=1e-6)


def test_features_that_touch_are_one_run_with_chainage_of_their_own():
    # The middle one is drawn against the others; a fourth stands apart.
    shapes = lines(
        [(112.0, 37.0), (112.0, 37.01)],
        [(112.0, 37.02), (112.0, 37.01)],
        [(112.0, 37.02), (112.0, 37.03)],
        [(112.5, 37.02), (112.5, 37.03)],
    )
    runs = PipelineRuns.of(shapes)
    assert len(runs) == 2
    assert runs.spans["owner"].tolist() == [0, 1, 2, 3]
    assert runs.spans["direction"].tolist() == [1, -1, 1, 1]
    unit = 1109.8
    cut = runs.by_owner(pd.DataFrame({"run": [0], "from_m": [unit - 100.0], "to_m": [unit + 300.0]}))
    ends = cut[["owner", "from_chainage_m", "to_chainage_m"]].to_numpy()
    assert runs.owner_at(np.array([0, 0, 1]), np.array([unit - 1.0, unit + 1.0, 5.0])).tolist() == [0, 1, 3]
    # Of the turned one the last 300 m before its end, which is where it meets the first.
    assert ends == pytest.approx(np.array([[0, unit - 100, unit], [1, unit - 300, unit]]), abs=0.1)
    assert cut["geometry"].iloc[1].coords[-1] == pytest.approx((112.0, 37.01), abs=1e-9)


def test_at_a_junction_the_straightest_way_goes_on():
    # A line to the north, a branch to the east at its middle, whichever way and in whatever order they are drawn.
    south, north = [(112.0, 37.0), (112.0, 37.01)], [(112.0, 37.01), (112.0, 37.02)]
    branch = [(112.0, 37.01), (112.01, 37.01)]
    for shapes in ([south, north, branch], [branch, north[::-1], south], [south[::-1], branch[::-1], north]):
        runs = PipelineRuns.of(lines(*shapes))
        k = shapes.index(branch if branch in shapes else branch[::-1])
        together = sorted(runs.spans.groupby("run")["owner"].agg(lambda owners: tuple(sorted(owners))))
        assert together == sorted([tuple(sorted({0, 1, 2} - {k})), (k,)])
        # The branch ends at the junction, the main line at neither of its ends.
        run = runs.spans.set_index("owner")["run"]
        assert runs.at_junction[run[k]].sum() == 1
        assert not runs.at_junction[run[(k + 1) % 3]].any()
    # A crossing of two is two runs; a line beside the way one came is no way on.
    crossing = lines(south, north, branch, [(111.99, 37.01), (112.0, 37.01)])
    assert len(PipelineRuns.of(crossing)) == 2
    back = lines(south, [(112.0, 37.01), (112.001, 37.0)], [(112.0, 37.01), (111.999, 37.0)])
    assert len(PipelineRuns.of(back)) == 3


@pytest.mark.parametrize(("gap_m", "joined"), [(0.0055, 400), (0.0099, 400), (0.0101, 0)])
def test_ends_within_a_centimetre_are_one_joint(gap_m, joined):
    # 400 pairs of lines at any azimuth all over the province, each with a gap between its two ends.
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(110.3, 114.5, 400), rng.uniform(34.6, 40.7, 400)
    shapes = []
    for x, y, azimuth in zip(lon, lat, rng.uniform(0, 360, 400), strict=True):
        x0, y0, _ = GEOD.fwd(x, y, azimuth + 180, 100.0)
        x1, y1, _ = GEOD.fwd(x, y, azimuth, gap_m)
        x2, y2, _ = GEOD.fwd(x, y, azimuth, 100.0)
        shapes += [[(x0, y0), (x, y)], [(x1, y1), (x2, y2)]]
    runs = PipelineRuns.of(lines(*shapes))
    assert 800 - len(runs) == joined
    assert not runs.at_junction.any()


def test_groups_are_not_joined():
    shapes = lines([(112.0, 37.0), (112.0, 37.01)], [(112.0, 37.01), (112.0, 37.02)])
    assert len(PipelineRuns.of(shapes, np.array(["gas", "oil"], dtype=object))) == 2


def test_parts_of_one_line_in_any_order_and_direction():
    parts = [[(112.0, 37.02), (112.0, 37.01)], [(112.0, 37.02), (112.0, 37.03)], [(112.0, 37.01), (112.0, 37.0)]]
    runs = PipelineRuns.of(np.array([shapely.MultiLineString(parts)], dtype=object))
    assert len(runs) == 1
    assert len(runs.spans) == 1
    assert runs.length_m[0] == pytest.approx(GEOD.inv(112, 37, 112, 37.03)[2], abs=1e-6)


def test_a_ring_of_two_lines_is_one_run():
    shapes = lines([(112.0, 37.0), (112.01, 37.0), (112.01, 37.01)], [(112.01, 37.01), (112.0, 37.0)])
    runs = PipelineRuns.of(shapes)
    assert len(runs) == 1
    assert runs.spans["owner"].tolist() == [0, 1]


def test_gaps_count_for_nothing_and_what_is_no_line_has_no_run():
    shapes = np.array(
        [
            shapely.Point(112, 37),
            None,
            shapely.MultiLineString([[(112.0, 37.0), (112.0, 37.01)], [(112.0, 37.5), (112.0, 37.51)]]),
            shapely.LineString([(112, 37), (112, 37)]),
        ],
        dtype=object,
    )
    runs = PipelineRuns.of(shapes)
    assert runs.spans["owner"].tolist() == [2, 2]
    assert runs.spans["chainage_m"].tolist() == pytest.approx([0.0, GEOD.inv(112, 37, 112, 37.01)[2]])
    assert len(PipelineRuns.of(shapes[:2])) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_splitting_a_line_changes_no_position(seed, cuts):
    rng = np.random.default_rng(seed)
    xy = np.cumsum(rng.normal(0, 400, (12, 2)), axis=0)
    lon, lat = local_metric(112.3, 37.2).transform(xy[:, 0], xy[:, 1], direction="INVERSE")
    points = np.column_stack([lon, lat])
    at = np.sort(rng.choice(np.arange(1, 11), min(cuts, 10), replace=False))
    pieces = [points[a : b + 1] for a, b in zip([0, *at], [*at, 11], strict=True)]
    turned = [piece[::-1] if rng.random() < 0.5 and k else piece for k, piece in enumerate(pieces)]
    whole = PipelineRuns.of(lines(points.tolist()))
    split = PipelineRuns.of(lines(*[piece.tolist() for piece in turned]))
    assert len(split) == 1
    assert split.position_m == pytest.approx(whole.position_m, abs=1e-6)


def test_stakes_carry_over_when_rounded():
    assert stake_text(0) == "K0+000.0"
    assert stake_text(12999.96) == "K13+000.0"
    with pytest.raises(ParameterError, match="the chainage is -1 m"):
        stake_text(-1)


def test_potential_impact_radius_against_the_check_values():
    diameter = [273, 508, 660, 813, 1016, 1219]
    pressure = [4.0, 6.3, 6.3, 10.0, 10.0, 12.0]
    assert potential_impact_radius_m(diameter, pressure) == pytest.approx(
        [54.1, 126.2, 164.0, 254.5, 318.1, 418.1], abs=0.05
    )
    assert np.isnan(potential_impact_radius_m(np.nan, 4.0))
    with pytest.raises(ParameterError, match="pressure_mpa: -4 cannot be used"):
        potential_impact_radius_m(273, -4.0)
