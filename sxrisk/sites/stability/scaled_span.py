"""Carter's scaled span of a crown pillar, and the span that a rock mass just carries."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.sites.stability.ranges import possible

__all__ = ["STANDARD_GRAVITY", "critical_span_m", "scaled_span_m", "scaled_span_thickness_m"]

Array = NDArray[np.float64]

#: Metres per second squared: from a unit weight in kN/m3 to the density in t/m3 that Carter's formula has.
STANDARD_GRAVITY = 9.80665


def scaled_span_m(
    span_m: Any, thickness_m: Any, *, unit_weight_kn_m3: Any, strike_length_m: Any, foliation_dip_deg: Any
) -> Array:
    """Carter's scaled crown span ``C_s = S (gamma / (T (1 + S_R) (1 - 0.4 cos theta)))^0.5``.

    Evidence G+. S is the span, T the thickness of the crown, S_R the span over the length along strike, theta the dip
    of foliation or ore, gamma the density in t/m3. The formula is for steep stopes; Carter's own form for flat ones is
    not among the texts that sxrisk's criteria were compiled from.

    Parameters
    ----------
    span_m, thickness_m : array_like
        Metres.
    unit_weight_kn_m3 : array_like
        Of the rock; over the standard acceleration it is the density in t/m3.
    strike_length_m : array_like
        Length of the opening along strike, metres.
    foliation_dip_deg : array_like
        0 to 90 degrees.

    Returns
    -------
    (...) float64 array
        Metres; the crown counts as stable where it is below :func:`critical_span_m`.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Carter, T. G. (1992), A new approach to surface crown pillar design.

    Examples
    --------
    >>> float(scaled_span_m(10, 9, unit_weight_kn_m3=26.48, strike_length_m=30, foliation_dip_deg=90).round(2))
    4.74
    """
    span = possible("span_m", span_m)
    density = possible("unit_weight_kn_m3", unit_weight_kn_m3) / STANDARD_GRAVITY
    shape = 1.0 + span / possible("strike_length_m", strike_length_m)
    lean = 1.0 - 0.4 * np.cos(np.radians(possible("foliation_dip_deg", foliation_dip_deg)))
    return np.asarray(span * np.sqrt(density / (possible("available_m", thickness_m) * shape * lean)))


def critical_span_m(rock_quality_q: Any) -> Array:
    """Scaled span that a rock mass just carries, ``S_c = 3.3 Q^0.43 sinh(Q)^0.0016``.

    Evidence G+. The probability that goes with a ratio of both is not in the source, so none is given.

    Parameters
    ----------
    rock_quality_q : array_like
        Barton's Q, with stress and water.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Carter, T. G. (1992), A new approach to surface crown pillar design.

    Examples
    --------
    >>> float(critical_span_m(1.0).round(4))
    3.3009
    """
    q = possible("rock_quality_q", rock_quality_q)
    # ln sinh Q without overflow: Q goes to 1000.
    log_sinh = q + np.log(-np.expm1(-2.0 * q)) - np.log(2.0)
    return np.asarray(3.3 * q**0.43 * np.exp(0.0016 * log_sinh))


def scaled_span_thickness_m(
    span_m: Any, *, rock_quality_q: Any, unit_weight_kn_m3: Any, strike_length_m: Any, foliation_dip_deg: Any
) -> Array:
    """Thickness at which the scaled span equals the critical one, by solving both formulas for T.

    Parameters
    ----------
    span_m, rock_quality_q, unit_weight_kn_m3, strike_length_m, foliation_dip_deg
        As for :func:`scaled_span_m` and :func:`critical_span_m`.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

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
    return np.asarray((at_one_metre / critical_span_m(rock_quality_q)) ** 2)
