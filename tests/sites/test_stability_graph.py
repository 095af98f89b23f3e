"""The stability graph: factors by hand, the logistic probability and its inverse, faces with their spread."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.sites.stability import (
    graph_faces,
    gravity_factor_c,
    hydraulic_radius_at_m,
    hydraulic_radius_m,
    joint_factor_b,
    lognormal,
    modified_quality,
    potvin_transition_m,
    sliding_factor_c,
    stability_number,
    stability_probability,
    stress_factor_a,
)


def faces(**more: object) -> pd.DataFrame:
    one = {"face": "roof", "area_m2": 600.0, "perimeter_m": 100.0, "dip_deg": 0.0, "failure": "gravity"} | more
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in one.items()})


ROCK = {"q_prime": 10.0, "factor_a": 0.5, "factor_b": 0.2}


def test_factors_by_hand() -> None:
    # (75/9) x (1.5/2)
    assert modified_quality(75, 9, 1.5, 2) == pytest.approx(6.25)
    # 0.1125 x 5 - 0.125
    np.testing.assert_allclose(stress_factor_a([0.5, 2.0, 5.0, 10.0, 40.0]), [0.1, 0.1, 0.4375, 1.0, 1.0])
    np.testing.assert_allclose(joint_factor_b([0, 10, 30, 90]), [0.2, 0.2, 0.2, 1.0])
    np.testing.assert_allclose(gravity_factor_c([0, 60, 90]), [2, 5, 8])
    np.testing.assert_allclose(gravity_factor_c([0, 60, 90], form="mathews"), [1, 4.5, 8])
    np.testing.assert_allclose(sliding_factor_c([0, 30, 90]), [8, 8, 2])
    assert stability_number(6.25, 0.4375, 0.2, 2) == pytest.approx(1.09375)


def test_hydraulic_radius_by_hand() -> None:
    # w h / (2 (w + h)) = 600 / 100
    assert hydraulic_radius_m(600, 100) == pytest.approx(6.0)
    assert hydraulic_radius_m(math.pi * 25, 2 * math.pi * 5) == pytest.approx(2.5)
    with pytest.raises(ParameterError, match="larger than a circle of that perimeter; expected the face's whole edge"):
        hydraulic_radius_m(600, 50)


def test_the_probability_by_hand() -> None:
    # z = 2.9603 - 1.4427 x 1.7917595 + 0.7982 x 1.0986123 = 1.2522409; p = 0.7776836
    assert stability_probability(6.0, 3.0) == pytest.approx(0.777684, rel=1e-5)


@given(st.floats(0.5, 50), st.floats(0.05, 500), st.floats(1.001, 5))
def test_stronger_rock_is_safer_and_wider_faces_are_not(hr: float, n: float, more: float) -> None:
    p = stability_probability(hr, n)
    assert stability_probability(hr, n * more) > p > stability_probability(hr * more, n)


@given(st.floats(0.01, 0.99), st.floats(0.01, 1000))
def test_lines_of_equal_probability_are_where_they_say(probability: float, n: float) -> None:
    assert stability_probability(hydraulic_radius_at_m(probability, n), n) == pytest.approx(probability)


def test_the_number_alone_does_not_decide() -> None:
    # N' above 4 is no verdict: the same number is stable or not with the size of the face.
    assert stability_probability(2.0, 5.0) > 0.9
    assert stability_probability(40.0, 5.0) < 0.3


def test_potvins_transition_is_told_only_where_it_was_published() -> None:
    low, high = potvin_transition_m([0.05, math.sqrt(10), 100.0, 200.0])
    # Middle of the log-log line: root of 2.5 x 10 and of 2.5 x 15.
    np.testing.assert_allclose(low, [np.nan, 5.0, 10.0, np.nan])
    np.testing.assert_allclose(high, [np.nan, math.sqrt(37.5), 15.0, np.nan])


def test_a_face_on_the_graph() -> None:
    row = graph_faces(faces(), ROCK).loc[0]
    assert row["applied"] and row["evidence"] == "G"
    # 10 x 0.5 x 0.2 x 2
    assert row["n_prime"] == row["n_prime_p05"] == pytest.approx(2.0)
    assert row["hr_m"] == pytest.approx(6.0)
    assert row["probability_stable"] == pytest.approx(float(stability_probability(6.0, 2.0)))
    assert row["probability_stable_mean"] == pytest.approx(row["probability_stable"])


def test_the_spread_of_a_lognormal_number_has_its_closed_form() -> None:
    row = graph_faces(faces(), ROCK | {"q_prime": lognormal(10.0, 0.5)}, draws=40_000).loc[0]
    assert row["n_prime"] == pytest.approx(2.0)
    for column, factor in (("n_prime_p05", -1.644854), ("n_prime_p95", 1.644854)):
        assert row[column] == pytest.approx(2.0 * math.exp(0.5 * factor), rel=0.015)
        share = column[-3:]
        expected = stability_probability(6.0, 2.0 * math.exp(0.5 * factor))
        assert row[f"probability_stable_{share}"] == pytest.approx(float(expected), rel=0.01)


def test_factors_from_what_was_measured() -> None:
    rock = {
        "rqd": 75.0, "joint_sets_jn": 9.0, "joint_roughness_jr": 1.5, "joint_alteration_ja": 2.0,
        "ucs_mpa": 100.0, "induced_stress_mpa": 20.0, "joint_angle_deg": 20.0,
    }  # fmt: skip
    row = graph_faces(faces(), rock).loc[0]
    assert row["n_prime"] == pytest.approx(1.09375)
    sliding = graph_faces(faces(failure="sliding", joint_dip_deg=60.0), rock).loc[0]
    assert sliding["factor_c"] == pytest.approx(5.0)
    mathews = graph_faces(faces(), rock, form="mathews").loc[0]
    assert mathews["factor_c"] == pytest.approx(1.0)


def test_a_faces_own_value_wins() -> None:
    rock = ROCK | {"ucs_mpa": 100.0}
    assert graph_faces(faces(q_prime=20.0), rock).loc[0, "n_prime"] == pytest.approx(4.0)
    # Its own stress against the factor that all share.
    assert graph_faces(faces(induced_stress_mpa=20.0), rock).loc[0, "factor_a"] == pytest.approx(0.4375)


def test_what_is_missing_is_named() -> None:
    bare = graph_faces(faces(failure=None), {"rqd": 80.0, "factor_a": 1.0}).loc[0]
    assert not bare["applied"]
    assert bare["missing"] == "joint_sets_jn, joint_roughness_jr, joint_alteration_ja, factor_b, failure"
    assert math.isnan(bare["probability_stable"]) and math.isnan(bare["n_prime_p05"])
    assert graph_faces(faces(dip_deg=None), ROCK).loc[0, "missing"] == "dip_deg"
    assert graph_faces(faces(area_m2=None), ROCK).loc[0, "missing"] == "area_m2"


def test_a_nearly_round_face_may_be_uncertain() -> None:
    round_face = faces(area_m2=[74.0, 83.0], perimeter_m=[31.0, 32.5])
    row = graph_faces(round_face, ROCK, draws=2_000).loc[0]
    assert row["hr_m_p05"] < row["hr_m"] < row["hr_m_p95"]
    with pytest.raises(ParameterError, match="larger than a circle of that perimeter"):
        graph_faces(faces(area_m2=[90.0, 99.0], perimeter_m=[31.0, 32.5]), ROCK, draws=10)


def test_bad_input_is_refused() -> None:
    with pytest.raises(MissingFieldError, match="no names; expected a column face"):
        graph_faces(faces().drop(columns="face"), ROCK)
    with pytest.raises(ParameterError, match="roof: the failure is 'toppling'; expected gravity or sliding"):
        graph_faces(faces(failure="toppling"), ROCK)
    with pytest.raises(ParameterError, match=r"factor_a: the value is 1.2; expected above 0, up to 1"):
        graph_faces(faces(), ROCK | {"factor_a": 1.2})
    with pytest.raises(ParameterError, match="the form is 'laubscher'; expected potvin or mathews"):
        gravity_factor_c(30, form="laubscher")
    with pytest.raises(ParameterError, match="probability: the value is 1; expected above 0, below 1"):
        hydraulic_radius_at_m(1, 5.0)
