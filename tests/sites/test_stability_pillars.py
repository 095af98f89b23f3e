"""Pillars: stress and every strength formula by hand, spread against closed forms, shares of the roof."""

import math

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPoint, box
from shapely.affinity import rotate, translate

from sxrisk.errors import GeometryError, MissingFieldError, ParameterError
from sxrisk.sites.stability import (
    bieniawski_mpa,
    hedley_grant_mpa,
    lognormal,
    lunder_pakalnis_mpa,
    mark_bieniawski_mpa,
    obert_duvall_mpa,
    pillar_safety,
    pillar_strength_mpa,
    pillar_stress_mpa,
    salamon_munro_mpa,
    tributary_areas,
    uniform,
)

ROCK = {
    "depth_m": 120.0,
    "unit_weight_kn_m3": 25.0,
    "cube_strength_mpa": 30.0,
    "in_situ_strength_mpa": 9.0,
    "hedley_grant_strength_mpa": 60.0,
    "ucs_mpa": 90.0,
}
ALL = ["obert_duvall", "bieniawski", "mark_bieniawski", "salamon_munro", "hedley_grant", "lunder_pakalnis"]


def pillars(**more: object) -> pd.DataFrame:
    one = {"id": "P1", "width_m": 6.0, "height_m": 3.0, "length_m": 9.0, "bord_m": 6.0} | more
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in one.items()})


def test_stress_by_hand() -> None:
    # Square, w 6, B 6: (12/6)^2 = 4; 0.025 x 120 x 4 = 12 MPa; and by extraction 1 - 36/144 = 0.75: 3 / 0.25.
    stress = pillar_stress_mpa(120, unit_weight_kn_m3=25, plan_area_m2=36, tributary_area_m2=144)
    assert stress == pytest.approx(12.0)
    assert stress == pytest.approx(0.025 * 120 / (1 - 0.75))
    with pytest.raises(ParameterError, match=r"the tributary area is 0.5 of the pillar's own; expected at least"):
        pillar_stress_mpa(120, unit_weight_kn_m3=25, plan_area_m2=36, tributary_area_m2=[40, 18])


def test_published_examples() -> None:
    # An entrance examination for mining engineers: widening galleries takes the extraction from 0.15 to 0.25, and the
    # stress on pillars grows by 13.33 %.
    before, after = (
        pillar_stress_mpa(100, unit_weight_kn_m3=25, plan_area_m2=1 - taken, tributary_area_m2=1.0)
        for taken in (0.15, 0.25)
    )
    assert 100 * (after / before - 1) == pytest.approx(13.33, abs=0.005)
    # The case that a public package of mining formulas is tested with: w 10 m, h 5 m, 100 MPa give 136 MPa.
    assert bieniawski_mpa(10, 5, in_situ_strength_mpa=100) == pytest.approx(136.0)


def test_each_strength_by_hand() -> None:
    # 30 x (0.778 + 0.222 x 2) = 30 x 1.222
    assert obert_duvall_mpa(6, 3, cube_strength_mpa=30) == pytest.approx(36.66)
    # 9 x (0.64 + 0.72)
    assert bieniawski_mpa(6, 3, in_situ_strength_mpa=9) == pytest.approx(12.24)
    # 9 x (0.64 + 1.08 - 0.18 x 36/27) = 9 x (1.72 - 0.24)
    assert mark_bieniawski_mpa(6, 3, 9, in_situ_strength_mpa=9) == pytest.approx(13.32)
    # 6^0.46 = exp(0.46 x 1.7917595) = 2.280025; 3^0.66 = exp(0.66 x 1.0986123) = 2.064902; 7.176 x 1.104181
    assert salamon_munro_mpa(6, 3) == pytest.approx(7.9236, rel=1e-4)
    # 60 x 2.449490 / 2.279507
    assert hedley_grant_mpa(6, 3, hedley_grant_strength_mpa=60) == pytest.approx(64.4742, rel=1e-5)


def test_lunder_pakalnis_by_hand_and_with_its_factor() -> None:
    # w/h 1: log10 1.75 = 0.2430380; ^1.4 = exp(1.4 x -1.4145373) = 0.1380253; C = 0.0634916
    # cos = 0.9365084/1.0634916 = 0.8805979; tan acos = 0.5381196; 0.44 x 90 x (0.68 + 0.2798222) = 38.00896
    assert lunder_pakalnis_mpa(4, 4, ucs_mpa=90) == pytest.approx(38.009, rel=1e-4)
    for slender in (0.3, 0.8, 2.0, 6.0):
        mean = 0.46 * math.log10(slender + 0.75) ** (1.4 / slender)
        kappa = math.tan(math.acos((1 - mean) / (1 + mean)))
        assert lunder_pakalnis_mpa(slender, 1.0, ucs_mpa=1.0) == pytest.approx(0.44 * (0.68 + 0.52 * kappa))
    assert np.isnan(lunder_pakalnis_mpa([0.25, 0.1], 1.0, ucs_mpa=90.0)).all()


@given(st.floats(1, 30), st.floats(0.5, 10), st.floats(1, 50))
def test_a_square_pillar_by_mark_is_bieniawskis(width: float, height: float, strength: float) -> None:
    by_mark = mark_bieniawski_mpa(width, height, width, in_situ_strength_mpa=strength)
    assert by_mark == pytest.approx(float(bieniawski_mpa(width, height, in_situ_strength_mpa=strength)))
    assert mark_bieniawski_mpa(width, height, 2 * width, in_situ_strength_mpa=strength) > by_mark


def test_salamon_and_munro_agrees_with_its_form_in_feet() -> None:
    feet = 1320 * (6 / 0.3048) ** 0.46 / (3 / 0.3048) ** 0.66 * 0.006894757
    assert salamon_munro_mpa(6, 3) == pytest.approx(feet, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    stronger=st.floats(1.001, 5),
    name=st.sampled_from(["cube_strength_mpa", "in_situ_strength_mpa", "hedley_grant_strength_mpa", "ucs_mpa"]),
)
def test_stronger_rock_is_never_less_safe(stronger: float, name: str) -> None:
    weak, strong = (
        pillar_safety(pillars(), ROCK | {name: value}, mineral="coal", draws=1)["fos"]
        for value in (ROCK[name], ROCK[name] * stronger)
    )
    assert (strong >= weak).all() and (strong > weak).any()


@settings(max_examples=25, deadline=None)
@given(bord=st.floats(1, 20), wider=st.floats(1.001, 3), deeper=st.floats(1, 3))
def test_wider_bords_and_more_depth_are_never_safer(bord: float, wider: float, deeper: float) -> None:
    before = pillar_safety(pillars(bord_m=bord), ROCK, mineral="coal", draws=1)["fos"]
    after = pillar_safety(pillars(bord_m=bord * wider), ROCK | {"depth_m": 120.0 * deeper}, mineral="coal", draws=1)[
        "fos"
    ]
    assert (after < before).all()


@settings(max_examples=25, deadline=None)
@given(width=st.floats(2, 10), wider=st.floats(1.001, 1.4), height=st.floats(2.9, 5))
def test_wider_pillars_are_stronger_and_higher_ones_weaker(width: float, wider: float, height: float) -> None:
    given_values = {name: value for name, value in ROCK.items() if name not in ("depth_m", "unit_weight_kn_m3")}
    for method in ALL:
        strengths = [
            float(pillar_strength_mpa(method, w, h, length_m=20.0, **given_values))
            for w, h in ((width, height), (width * wider, height), (width, height * wider))
        ]
        assert strengths[1] > strengths[0] > strengths[2]


def test_safety_of_an_exact_pillar() -> None:
    table = pillar_safety(pillars(), ROCK, mineral="coal").set_index("method")
    assert list(table.index) == ALL
    assert table["applied"].all()
    # (12 x 15)/(6 x 9) = 3.3333; x 3 MPa = 10 MPa
    np.testing.assert_allclose(table["stress_mpa"], 10.0)
    assert table.loc["bieniawski", "fos"] == pytest.approx(1.224)
    np.testing.assert_allclose(table["fos_p05"], table["fos"])
    assert table["probability_below_1"].isna().all()
    assert table.index[table["governing"]].tolist() == ["salamon_munro"]


def test_a_pillar_that_is_measured_as_it_is() -> None:
    own = {"plan_area_m2": 40.0, "tributary_area_m2": 160.0, "length_m": None, "bord_m": None}
    table = pillar_safety(pillars(**own), ROCK).set_index("method")
    np.testing.assert_allclose(table["stress_mpa"], 12.0)
    assert table.loc["mark_bieniawski", "missing"] == "length_m"
    assert table.loc["salamon_munro", "missing"] == "mineral"
    assert table.loc["lunder_pakalnis", "applied"]


def test_what_is_missing_is_named() -> None:
    table = pillar_safety(pillars(), {"ucs_mpa": 90.0, "depth_m": 100.0}).set_index("method")
    assert not table["applied"].any()
    assert table.loc["lunder_pakalnis", "missing"] == "unit_weight_kn_m3"
    assert table.loc["hedley_grant", "missing"] == "unit_weight_kn_m3, hedley_grant_strength_mpa"
    assert not table["governing"].any()


def test_formulas_keep_to_their_range_and_mineral() -> None:
    flat = pillar_safety(pillars(width_m=18.0, length_m=20.0), ROCK, mineral="non_coal").set_index("method")
    assert flat.loc["bieniawski", "reason"] == "outside_stated_range"
    assert flat.loc["salamon_munro", "reason"] == "made_for_coal"
    assert flat.loc["mark_bieniawski", "applied"]
    thin = pillar_safety(pillars(width_m=0.7), ROCK).set_index("method")
    assert thin.loc["lunder_pakalnis", "reason"] == "outside_stated_range"
    # Half of the draws of w/h lie above 5, the median below.
    edge = pillar_safety(pillars(width_m=[12.0, 17.9], length_m=20.0), ROCK, draws=20_000).set_index("method")
    assert edge.loc["bieniawski", "share_outside"] == pytest.approx(2.9 / 5.9, abs=0.015)
    assert edge.loc["mark_bieniawski", "share_outside"] == 0.0


def test_the_ratio_of_two_lognormals_has_its_closed_form() -> None:
    rock = ROCK | {"in_situ_strength_mpa": lognormal(9.0, 0.3), "depth_m": lognormal(120.0, 0.2)}
    row = pillar_safety(pillars(), rock, draws=100_000, seed=7).set_index("method").loc["bieniawski"]
    sigma = math.hypot(0.3, 0.2)
    assert row["fos"] == pytest.approx(1.224)
    assert row["fos_p50"] == pytest.approx(1.224, rel=0.005)
    assert row["fos_p05"] == pytest.approx(1.224 * math.exp(-1.644854 * sigma), rel=0.01)
    assert row["fos_p95"] == pytest.approx(1.224 * math.exp(1.644854 * sigma), rel=0.01)
    below = 0.5 * math.erfc(math.log(1.224) / sigma / math.sqrt(2))
    assert row["probability_below_1"] == pytest.approx(below, abs=0.006)


def test_the_seed_repeats_and_neighbours_do_not_disturb() -> None:
    rock = ROCK | {"ucs_mpa": uniform(70, 110)}
    one = pillar_safety(pillars(width_m=[5.5, 6.5]), rock, draws=2_000, seed=3)
    pair = pd.concat([pillars(id="P0", width_m=[4.0, 5.0]), pillars(width_m=[5.5, 6.5])], ignore_index=True)
    two = pillar_safety(pair, rock, draws=2_000, seed=3)
    pd.testing.assert_frame_equal(one, two[two["id"] == "P1"].reset_index(drop=True))
    other = pillar_safety(pillars(width_m=[5.5, 6.5]), rock, draws=2_000, seed=4)
    assert not one["fos_p05"].equals(other["fos_p05"])


def test_two_nearly_equal_sides_may_swap() -> None:
    table = pillar_safety(pillars(width_m=[5.8, 6.2], length_m=[5.8, 6.2]), ROCK, draws=2_000).set_index("method")
    assert table.loc["mark_bieniawski", "applied"]
    assert table.loc["mark_bieniawski", "fos"] == pytest.approx(table.loc["bieniawski", "fos"])


def test_bad_tables_are_refused() -> None:
    with pytest.raises(MissingFieldError, match="no unique ids; expected a column id"):
        pillar_safety(pd.concat([pillars(), pillars()]), ROCK)
    with pytest.raises(ParameterError, match="the mineral is 'gold'; expected coal or non_coal"):
        pillar_safety(pillars(), ROCK, mineral="gold")
    with pytest.raises(ParameterError, match="height_m: the value is 0; expected above 0 m"):
        pillar_safety(pillars(height_m=0.0), ROCK)
    with pytest.raises(ParameterError, match="a pillar's length is less than its width"):
        mark_bieniawski_mpa(6, 3, 5, in_situ_strength_mpa=9)
    with pytest.raises(ParameterError, match="'wilson' is no pillar formula; expected one of obert_duvall"):
        pillar_strength_mpa("wilson", 6, 3)
    with pytest.raises(ParameterError, match="bieniawski: in_situ_strength_mpa is missing"):
        pillar_strength_mpa("bieniawski", 6, 3)


@settings(max_examples=8, deadline=None)
@given(angle=st.floats(0, 90), bord=st.floats(3, 8))
def test_inner_pillars_of_a_regular_room_carry_half_of_each_bord(angle: float, bord: float) -> None:
    step, width = 5.0 + bord, 5.0
    grid = [box(i * step, j * step, i * step + width, j * step + width) for i in range(3) for j in range(3)]
    room = box(-bord, -bord, 2 * step + width + bord, 2 * step + width + bord)
    place = (512345.6, 4123456.7)
    turned = [translate(rotate(part, angle, origin=(0, 0)), *place) for part in (*grid, room)]
    shares = tributary_areas(turned[:-1], turned[-1])
    np.testing.assert_allclose(shares["plan_area_m2"], 25.0, rtol=1e-8)
    assert shares["tributary_area_m2"][4] == pytest.approx(step**2, rel=2e-3)
    # The rock around carries its own half.
    assert (shares["tributary_area_m2"].drop(4) < step**2 * 1.001).all()


def test_a_pillar_in_the_middle_of_a_square_room() -> None:
    # Four strips of 5 x 2.5, and four corners of 12.5 (t + t^3/3) x 2 with t = tan 22.5 deg: bounded by parabolas.
    t = math.tan(math.pi / 8)
    expected = 25 + 50 + 8 * 12.5 * 0.5 * (t + t**3 / 3)
    shares = tributary_areas([box(10, 10, 15, 15)], box(5, 5, 20, 20), spacing_m=0.05)
    assert shares["tributary_area_m2"][0] == pytest.approx(expected, rel=1e-3)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_pillars_of_any_shape_carry_what_is_nearest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = np.array([(12.0, 12.0), (28.0, 10.0), (14.0, 30.0), (31.0, 29.0)]) + rng.uniform(-1.5, 1.5, (4, 2))
    shapes = [MultiPoint(place + rng.uniform(-4, 4, (9, 2))).convex_hull for place in places]
    room = box(0, 0, 42, 40)
    shares = tributary_areas(shapes, room, spacing_m=0.1)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(0.1, 42, 0.2), np.arange(0.1, 40, 0.2)))
    spots = shapely.points(x, y)
    away = np.array([shapely.distance(shape, spots) for shape in (*shapes, room.exterior)])
    nearest = np.bincount(away.argmin(axis=0), minlength=5)[:4] * 0.04
    np.testing.assert_allclose(shares["tributary_area_m2"], nearest, rtol=0.01)


def test_pillars_outside_or_touching_are_refused() -> None:
    with pytest.raises(GeometryError, match="pillar 2: the pillar is not inside the room"):
        tributary_areas([box(1, 1, 2, 2), box(9, 9, 12, 12)], box(0, 0, 10, 10))
    with pytest.raises(GeometryError, match="pillar 1: it touches pillar 2; expected pillars apart"):
        tributary_areas([box(1, 1, 2, 2), box(2, 1, 3, 2)], box(0, 0, 10, 10))
    with pytest.raises(ParameterError, match=r"the spacing is 0.25 m and the narrowest bord 0.2 m; expected a spacing"):
        tributary_areas([box(1, 1, 2, 2), box(2.2, 1, 3, 2)], box(0, 0, 10, 10), spacing_m=0.25)
    # Left to itself the spacing follows the bord.
    close = tributary_areas([box(1, 1, 2, 2), box(2.2, 1, 3.2, 2)], box(0, 0, 4.2, 3))["tributary_area_m2"]
    assert close[0] == pytest.approx(close[1], rel=0.01)
    with pytest.raises(ParameterError, match="the spacing is 0"):
        tributary_areas([], box(0, 0, 1, 1), spacing_m=0)
