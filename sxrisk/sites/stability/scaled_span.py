"""Carter's scaled span of a crown pillar, and the span that a rock mass just carries."""

from typing import Any

import numpy as np

from sxrisk.sites.stability.formula import formula

__all__ = ["STANDARD_GRAVITY", "critical_span_m", "scaled_span_m", "scaled_span_thickness_m"]

#: Metres per second squared: from a unit weight in kN/m3 to the density in t/m3 that Carter's formula has.
STANDARD_GRAVITY = 9.80665


@formula("Metres; the crown counts as stable where it is below :func:`critical_span_m`.")
def scaled_span_m(
    span_m: Any, available_m: Any, *, unit_weight_kn_m3: Any, strike_length_m: Any, foliation_dip_deg: Any
) -> Any:
    """Carter's scaled crown span ``C_s = S (gamma / (T (1 + S_R) (1 - 0.4 cos theta)))^0.5``.

    Evidence G+. S is the span, T the thickness of the crown, S_R the span over the length along strike, theta the dip
    of foliation or ore, gamma the density in t/m3. The formula is for steep stopes; Carter's own form for flat ones is
    not among the texts that sxrisk's criteria were compiled from.

    References
    ----------
    Carter, T. G. (1992), A new approach to surface crown pillar design.

    Examples
    --------
    >>> float(scaled_span_m(10, 9, unit_weight_kn_m3=26.48, strike_length_m=30, foliation_dip_deg=90).round(2))
    4.74
    """
    density = unit_weight_kn_m3 / STANDARD_GRAVITY
    shape = 1.0 + span_m / strike_length_m
    lean = 1.0 - 0.4 * np.cos(np.radians(foliation_dip_deg))
    return span_m * np.sqrt(density / (available_m * shape * lean))


@formula("Metres.")
def critical_span_m(rock_quality_q: Any) -> Any:
    """Scaled span that a rock mass just carries, ``S_c = 3.3 Q^0.43 sinh(Q)^0.0016``.

    Evidence G+. Q is Barton's, with stress and water. The probability that goes with a ratio of both is not in the
    source, so none is given.

    References
    ----------
    Carter, T. G. (1992), A new approach to surface crown pillar design.

    Examples
    --------
    >>> float(critical_span_m(1.0).round(4))
    3.3009
    """
    q = rock_quality_q
    # ln sinh Q without overflow: Q goes to 1000.
    log_sinh = q + np.log(-np.expm1(-2.0 * q)) - np.log(2.0)
    return 3.3 * q**0.43 * np.exp(0.0016 * log_sinh)


@formula("Metres.")
def scaled_span_thickness_m(
    span_m: Any, *, rock_quality_q: Any, unit_weight_kn_m3: Any, strike_length_m: Any, foliation_dip_deg: Any
) -> Any:
    """Thickness at which the scaled span equals the critical one, by solving both formulas for T.

    Examples
    --------
    >>> rock = {"unit_weight_kn_m3": 26.5, "strike_length_m": 30, "foliation_dip_deg": 70}
    >>> thickness = scaled_span_thickness_m(10, rock_quality_q=4, **rock)
    >>> bool(np.isclose(scaled_span_m(10, thickness, **rock), critical_span_m(4)))
    True
    """
    at_one_metre = scaled_span_m(
        span_m,
        1.0,
        unit_weight_kn_m3=unit_weight_kn_m3,
        strike_length_m=strike_length_m,
        foliation_dip_deg=foliation_dip_deg,
    )
    return (at_one_metre / critical_span_m(rock_quality_q)) ** 2
