"""Roof thickness: each method by hand, what governs, what is left out, and what physics asks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.errors import ParameterError
from sxrisk.sites.stability import (
    caving_height_m,
    caving_heights,
    critical_span_m,
    fixed_beam_thickness_m,
    load_transfer_thickness_m,
    lognormal,
    protodyakonov_thickness_m,
    roof_thickness,
    scaled_span_m,
    scaled_span_thickness_m,
    thickness_span_thickness_m,
    uniform,
)

ROCK = {
    "safety_factor": 1.2,
    "transfer_angle_deg": 32.0,
    "unit_weight_kn_m3": 26.0,
    "surface_load_kpa": 50.0,
    "allowed_tension_kpa": 1200.0,
    "strength_coefficient": 6.0,
    "goaf_height_m": 8.0,
    "friction_angle_deg": 38.0,
    "rock_quality_q": 4.0,
    "strike_length_m": 40.0,
    "foliation_dip_deg": 60.0,
}


def test_each_method_by_hand() -> None:
    # 0.5 x 1.2 x 18 = 10.8
    assert thickness_span_thickness_m(18, safety_factor=1.2) == pytest.approx(10.8)
    # tan 32 = 0.624869; 1.2 x 18 / 1.249739 = 17.28361
    assert load_transfer_thickness_m(18, safety_factor=1.2, transfer_angle_deg=32) == pytest.approx(17.28361, rel=1e-6)
    # gamma B = 468; 468^2 = 219 024; 8 x 50 x 1200 = 480 000; root of 699 024 = 836.0766;
    # 1.2 x 0.25 x 18 x (468 + 836.0766) / 1200 = 5.868345
    beam = fixed_beam_thickness_m(
        18, safety_factor=1.2, unit_weight_kn_m3=26, surface_load_kpa=50, allowed_tension_kpa=1200
    )
    assert beam == pytest.approx(5.868345, rel=1e-6)
    # tan(45 - 19) = 0.4877326; 1.2 x (9 + 3.901861) / 6 = 2.580372
    arch = protodyakonov_thickness_m(
        18, safety_factor=1.2, goaf_height_m=8, friction_angle_deg=38, strength_coefficient=6
    )
    assert arch == pytest.approx(2.580372, rel=1e-6)


def test_scaled_span_by_hand() -> None:
    # 26.47796 kN/m3 = 2.7 t/m3; S_R = 12/36 = 1/3; 1 - 0.4 cos 60 = 0.8; 2.7/(8 x 4/3 x 0.8) = 0.3164063;
    # 12 x 0.5625 = 6.75
    scaled = scaled_span_m(12, 8, unit_weight_kn_m3=2.7 * 9.80665, strike_length_m=36, foliation_dip_deg=60)
    assert scaled == pytest.approx(6.75)
    # Q 10: 10^0.43 = 2.691535; sinh 10 = 11 013.23, ^0.0016 = exp(0.0016 x 9.306853) = 1.015002; 3.3 x ... = 9.015312
    assert critical_span_m(10.0) == pytest.approx(9.015312, rel=1e-6)
    assert np.isfinite(critical_span_m(1000.0))


def test_the_beam_carries_its_load_with_the_allowed_tension_at_its_ends() -> None:
    span, weight, load, tension = 14.0, 25.0, 80.0, 900.0
    h = fixed_beam_thickness_m(
        span, safety_factor=1, unit_weight_kn_m3=weight, surface_load_kpa=load, allowed_tension_kpa=tension
    )
    moment = (weight * h + load) * span**2 / 12.0
    assert moment / (h**2 / 6.0) == pytest.approx(tension)


def test_the_greatest_thickness_governs() -> None:
    table = roof_thickness(18.0, available_m=9.0, parameters=ROCK).set_index("method")
    assert table.index[table["governing"]].tolist() == ["scaled_span"]
    # S_c: 4^0.43 = 1.815039, sinh 4 = 27.28992, ^0.0016 = 1.005304, x 3.3 = 6.021401;
    # 26/9.80665 = 2.651262 t/m3, / (1.45 x 0.8) = 2.285571; 18^2 x 2.285571 / 6.021401^2 = 20.4242
    assert table.loc["scaled_span", "required_m"] == pytest.approx(20.4242, rel=1e-5)
    assert table["required_m"].max() == table.loc["scaled_span", "required_m"]
    assert table.loc["thickness_span", "ratio"] == pytest.approx(9.0 / 10.8)
    # Nothing is known of the spread of exact values.
    assert table["probability_short"].isna().all()
    applied = table[table["applied"]]
    np.testing.assert_allclose(applied["required_p05_m"], applied["required_m"])


def test_rupeneit_is_told_and_never_computed() -> None:
    row = roof_thickness(18.0, parameters=ROCK).set_index("method").loc["rupeneit"]
    assert (row["applied"], row["evidence"], row["reason"]) == (False, "X", "units_unresolved")
    assert math.isnan(row["required_m"])


def test_a_missing_parameter_leaves_its_methods_out_and_is_named() -> None:
    rock = {name: value for name, value in ROCK.items() if name != "unit_weight_kn_m3"}
    table = roof_thickness(18.0, parameters=rock | {"surface_load_kpa": None}).set_index("method")
    assert table.loc["fixed_beam", "missing"] == "unit_weight_kn_m3, surface_load_kpa"
    assert table.loc["scaled_span", "missing"] == "unit_weight_kn_m3"
    assert table.loc["fixed_beam", "reason"] == "parameter_missing"
    assert table.loc["protodyakonov", "applied"]
    bare = roof_thickness(18.0, parameters={})
    assert not bare["applied"].any() and not bare["governing"].any()


def test_a_factor_is_held_only_to_the_range_of_its_own_method() -> None:
    table = roof_thickness(18.0, parameters=ROCK | {"safety_factor": 2.0, "transfer_angle_deg": 40.0})
    told = table.set_index("method")["outside_stated"]
    assert told["thickness_span"] == "safety_factor"
    assert told["load_transfer"] == "transfer_angle_deg"
    assert told["protodyakonov"] == told["fixed_beam"] == ""


def test_a_factor_may_belong_to_one_method() -> None:
    table = roof_thickness(18.0, parameters=ROCK | {"safety_factor": {"thickness_span": 1.5}}).set_index("method")
    assert table.loc["thickness_span", "required_m"] == pytest.approx(13.5)
    assert table.loc["protodyakonov", "missing"] == "safety_factor"
    with pytest.raises(
        ParameterError, match=r"safety_factor\.carter: no roof method with a factor is called so; expected thick"
    ):
        roof_thickness(18.0, parameters={"safety_factor": {"carter": 1.5}})


def test_the_probability_of_a_thin_roof_has_its_closed_form() -> None:
    # Required 0.6 B with ln B ~ N(ln 20, 0.2), there 12: P(0.6 B > 12) = 1/2.
    table = roof_thickness(lognormal(20, 0.2), available_m=12.0, parameters={"safety_factor": 1.2}, draws=40_000)
    row = table.set_index("method").loc["thickness_span"]
    assert row["required_m"] == pytest.approx(12.0)
    assert row["probability_short"] == pytest.approx(0.5, abs=0.01)
    assert row["required_p95_m"] == pytest.approx(12.0 * math.exp(0.2 * 1.644854), rel=0.01)
    # Both uniform, 10 to 12 required and 9 to 13 there: P = 1/4 + 1/2 x 1/2 = 1/2, and by shift to 10 to 14: 1/4.
    for low, expected in ((9.0, 0.5), (10.0, 0.25)):
        both = roof_thickness(
            uniform(10 / 0.6, 12 / 0.6),
            available_m=[low, low + 4],
            parameters={"safety_factor": 1.2},
            draws=40_000,
        )
        assert both.set_index("method").loc["thickness_span", "probability_short"] == pytest.approx(expected, abs=0.01)


METHODS = ["thickness_span", "load_transfer", "fixed_beam", "protodyakonov", "scaled_span"]


@settings(max_examples=30, deadline=None)
@given(span=st.floats(2, 60), wider=st.floats(1.001, 3.0))
def test_a_wider_span_never_needs_less(span: float, wider: float) -> None:
    narrow, wide = (
        roof_thickness(width, parameters=ROCK, draws=1).set_index("method").loc[METHODS, "required_m"]
        for width in (span, span * wider)
    )
    assert (wide > narrow).all()


@settings(max_examples=30, deadline=None)
@given(
    stronger=st.floats(1.001, 10.0),
    name=st.sampled_from(["allowed_tension_kpa", "strength_coefficient", "rock_quality_q"]),
)
def test_stronger_rock_never_needs_more(stronger: float, name: str) -> None:
    weak, strong = (
        roof_thickness(15.0, parameters=ROCK | {name: value}, draws=1).set_index("method").loc[METHODS, "required_m"]
        for value in (ROCK[name], ROCK[name] * stronger)
    )
    assert (strong <= weak).all() and (strong < weak).any()


@given(st.floats(2, 50), st.floats(0.1, 100), st.floats(0, 90), st.floats(5, 200))
def test_at_the_required_thickness_the_scaled_span_is_critical(q_span, quality, dip, length) -> None:
    rock = {"unit_weight_kn_m3": 26.0, "strike_length_m": length, "foliation_dip_deg": dip}
    thickness = scaled_span_thickness_m(q_span, rock_quality_q=quality, **rock)
    assert scaled_span_m(q_span, thickness, **rock) == pytest.approx(float(critical_span_m(quality)))


def test_many_spans_in_one_call() -> None:
    spans = np.array([[5.0, 10.0], [20.0, np.nan]])
    out = thickness_span_thickness_m(spans, safety_factor=1.2)
    assert out.shape == (2, 2)
    assert np.isnan(out[1, 1])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"safety_factor": 0.8}, "safety_factor: the value is 0.8; expected 1 or more"),
        ({"transfer_angle_deg": 90}, "transfer_angle_deg: the value is 90; expected above 0, below 90 deg"),
        ({"rock_quality_q": [0, 4]}, "rock_quality_q: the value is 0; expected above 0"),
    ],
)
def test_impossible_values_are_refused(more, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        roof_thickness(18.0, parameters=ROCK | more)


def test_an_impossible_span_is_refused() -> None:
    with pytest.raises(ParameterError, match="span_m: the value is -2; expected above 0 m"):
        roof_thickness(-2.0, parameters=ROCK)


@pytest.mark.parametrize(("shape", "part"), [("column", 1.0), ("paraboloid", 0.5), ("cone", 1 / 3)])
def test_rubble_fills_void_and_cave(shape: str, part: float) -> None:
    m, k, dip, area = 4.0, 1.3, 25.0, 50.0
    height = float(caving_height_m(m, k, seam_dip_deg=dip, shape=shape))
    caved = part * area * height
    assert k * caved == pytest.approx(caved + area * m / math.cos(math.radians(dip)))


def test_caving_reaches_the_surface_with_its_closed_form() -> None:
    # Column: 3 / (k - 1) >= 15 where k <= 1.2: half of k uniform in 1.1 to 1.3. Cone: 9 / (k - 1) >= 15 always.
    parameters = {"thickness_m": 3.0, "bulking_factor": [1.1, 1.3], "seam_dip_deg": 0.0, "overburden_m": 15.0}
    table = caving_heights(parameters, draws=40_000).set_index("method")
    assert table.loc["column", "height_m"] == pytest.approx(15.0)
    assert table.loc["column", "probability_surface"] == pytest.approx(0.5, abs=0.01)
    assert table.loc["cone", "probability_surface"] == 1.0
    assert table.loc["column", "ratio"] == pytest.approx(1.0)


def test_caving_asks_for_what_it_needs() -> None:
    table = caving_heights({"thickness_m": 3.0})
    assert set(table["missing"]) == {"bulking_factor, seam_dip_deg"}
    with pytest.raises(ParameterError, match="bulking_factor: the value is 1; expected above 1"):
        caving_height_m(3.0, 1.0)
    with pytest.raises(ParameterError, match="the shape is 'dome'; expected column or paraboloid or cone"):
        caving_height_m(3.0, 1.3, shape="dome")
