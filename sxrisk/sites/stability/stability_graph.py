"""The Mathews/Potvin stability graph: stability number, hydraulic radius, and the probability of a stable face."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.formula import formula
from sxrisk.sites.stability.ranges import possible

__all__ = [
    "gravity_factor_c",
    "hydraulic_radius_at_m",
    "hydraulic_radius_m",
    "joint_factor_b",
    "modified_quality",
    "potvin_transition_m",
    "sliding_factor_c",
    "stability_number",
    "stability_probability",
    "stress_factor_a",
]

Array = NDArray[np.float64]

# Mawdesley et al. (2001): constant, of ln HR, of ln N.
_LOGIT = (2.9603, -1.4427, 0.7982)
# Potvin's unsupported transition as it is told: N', low HR and high HR in metres, at both ends.
_TRANSITION = np.array([[0.1, 2.5, 2.5], [100.0, 10.0, 15.0]])
Form = Literal["potvin", "mathews"]
_FORMS: Mapping[Form, float] = {"potvin": 6.0, "mathews": 7.0}


@formula("Q'.")
def modified_quality(rqd: Any, joint_sets_jn: Any, joint_roughness_jr: Any, joint_alteration_ja: Any) -> Any:
    """``Q' = (RQD/Jn)(Jr/Ja)``: Barton's Q for dry rock without the stress factor; evidence V.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> float(modified_quality(80, 4, 3, 2))
    30.0
    """
    return rqd / joint_sets_jn * joint_roughness_jr / joint_alteration_ja


@formula("A.")
def stress_factor_a(strength_to_stress: Any) -> Any:
    """Potvin's factor A: 0.1 below a ratio of 2, ``0.1125 ratio - 0.125`` up to 10, then 1; evidence G+.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> stress_factor_a([1, 6, 20])
    array([0.1 , 0.55, 1.  ])
    """
    return np.clip(0.1125 * strength_to_stress - 0.125, 0.1, 1.0)


@formula("B.")
def joint_factor_b(joint_angle_deg: Any) -> Any:
    """Factor B: 0.2 up to an angle of 30 degrees between face and critical joint, 1.0 at 90; evidence G+.

    The chart between both points is not in the source: a straight line stands for it, and 0.2 holds below 10 degrees.
    Whoever has read B from the chart gives it as ``factor_b``.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> joint_factor_b([20, 60, 90])
    array([0.2, 0.6, 1. ])
    """
    return np.interp(joint_angle_deg, [30.0, 90.0], [0.2, 1.0])


@formula("C.")
def gravity_factor_c(dip_deg: Any, *, form: Form = "potvin") -> Any:
    """Factor C of a face that falls or slabs: ``8 - 6 cos(dip)``, in Mathews's own form ``8 - 7 cos(dip)``.

    Evidence G+.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada; Mathews, K. E. et al. (1981).

    Examples
    --------
    >>> gravity_factor_c([0, 60, 90])
    array([2., 5., 8.])
    """
    return 8.0 - _FORMS[form] * np.cos(np.radians(dip_deg))


@formula("C.")
def sliding_factor_c(joint_dip_deg: Any) -> Any:
    """Factor C of a face that slides on a joint: 8 up to a joint dip of 30 degrees, down to 2 at 90; evidence G+.

    Between both points a straight line stands for the chart.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> sliding_factor_c([20, 60, 90])
    array([8., 5., 2.])
    """
    return np.interp(joint_dip_deg, [30.0, 90.0], [8.0, 2.0])


@formula("N'.")
def stability_number(q_prime: Any, factor_a: Any, factor_b: Any, factor_c: Any) -> Any:
    """``N' = Q' A B C``; evidence V. Alone it says nothing: it is read against the hydraulic radius.

    References
    ----------
    Mathews, K. E. et al. (1981); Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> float(stability_number(10, 0.5, 0.2, 4))
    4.0
    """
    return q_prime * factor_a * factor_b * factor_c


@formula("Metres.")
def hydraulic_radius_m(area_m2: Any, perimeter_m: Any) -> Any:
    """Area over perimeter of a face, metres.

    Examples
    --------
    >>> float(hydraulic_radius_m(20 * 30, 2 * (20 + 30)))
    6.0
    """
    # Rounded tables may lie a thousandth beyond the circle.
    if np.any(area_m2 > 1.001 * perimeter_m**2 / (4.0 * np.pi)):
        raise ParameterError(
            "the area is larger than a circle of that perimeter", where="perimeter_m", expected="the face's whole edge"
        )
    return area_m2 / perimeter_m


@formula("0 to 1.")
def stability_probability(hydraulic_radius_m: Any, stability_number: Any) -> Any:
    """Probability that a face is stable, by the extended Mathews graph.

    ``z = 2.9603 - 1.4427 ln(HR) + 0.7982 ln(N)``, ``p = 1 / (1 + exp(-z))``; more than 400 cases (V), coefficients G.
    With which form of factor C the cases were computed is not in the source.

    References
    ----------
    Mawdesley, C., Trueman, R. and Whiten, W. (2001), Extending the Mathews stability graph for open-stope design.

    Examples
    --------
    >>> float(stability_probability(1.0, 1.0).round(4))
    0.9507
    """
    constant, of_radius, of_number = _LOGIT
    z = constant + of_radius * np.log(hydraulic_radius_m) + of_number * np.log(stability_number)
    return 1.0 / (1.0 + np.exp(-z))


@formula("Metres.")
def hydraulic_radius_at_m(probability: Any, stability_number: Any) -> Any:
    """Hydraulic radius at which a face of stability number N is stable with a given probability.

    Examples
    --------
    >>> float(stability_probability(hydraulic_radius_at_m(0.8, 5.0), 5.0).round(9))
    0.8
    """
    constant, of_radius, of_number = _LOGIT
    z = np.log(probability / (1.0 - probability))
    return np.exp((z - constant - of_number * np.log(stability_number)) / of_radius)


def potvin_transition_m(n: Any) -> tuple[Array, Array]:
    """Potvin's transition of unsupported faces: hydraulic radii at its stable and at its caving side.

    Evidence G: only its ends are told, 2.5 m at N' 0.1 and 10 to 15 m at N' 100; straight between on the log-log chart.

    Parameters
    ----------
    n : array_like
        Stability number N'.

    Returns
    -------
    low, high : (...) float64 arrays
        Metres; NaN outside 0.1 to 100.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> low, high = potvin_transition_m([0.1, 100.0])
    >>> low.round(9), high.round(9)
    (array([ 2.5, 10. ]), array([ 2.5, 15. ]))
    """
    ends = np.log(_TRANSITION)
    at = np.log(possible("stability_number", n))
    low, high = (np.exp(np.interp(at, ends[:, 0], ends[:, column], left=np.nan, right=np.nan)) for column in (1, 2))
    return np.asarray(low), np.asarray(high)
