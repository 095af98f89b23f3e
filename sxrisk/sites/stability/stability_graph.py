"""The Mathews/Potvin stability graph: stability number, hydraulic radius, and the probability of a stable face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
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
_FORMS = {"potvin": 6.0, "mathews": 7.0}


def modified_quality(rqd: Any, joint_sets_jn: Any, joint_roughness_jr: Any, joint_alteration_ja: Any) -> Array:
    """``Q' = (RQD/Jn)(Jr/Ja)``: Barton's Q for dry rock without the stress factor; evidence V.

    Parameters
    ----------
    rqd : array_like
        Percent.
    joint_sets_jn, joint_roughness_jr, joint_alteration_ja : array_like

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> float(modified_quality(80, 4, 3, 2))
    30.0
    """
    blocks = possible("rqd", rqd) / possible("joint_sets_jn", joint_sets_jn)
    friction = possible("joint_roughness_jr", joint_roughness_jr) / possible("joint_alteration_ja", joint_alteration_ja)
    return np.asarray(blocks * friction)


def stress_factor_a(strength_to_stress: Any) -> Array:
    """Potvin's factor A: 0.1 below a ratio of 2, ``0.1125 ratio - 0.125`` up to 10, then 1; evidence G+.

    Parameters
    ----------
    strength_to_stress : array_like
        Uniaxial compressive strength over the induced stress along the face.

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> stress_factor_a([1, 6, 20])
    array([0.1 , 0.55, 1.  ])
    """
    return np.asarray(np.clip(0.1125 * possible("strength_to_stress", strength_to_stress) - 0.125, 0.1, 1.0))


def joint_factor_b(joint_angle_deg: Any) -> Array:
    """Factor B: 0.2 up to an angle of 30 degrees between face and critical joint, 1.0 at 90; evidence G+.

    The chart between both points is not in the source: a straight line stands for it, and 0.2 holds below 10 degrees.
    Whoever has read B from the chart gives it as ``factor_b``.

    Parameters
    ----------
    joint_angle_deg : array_like
        0 to 90.

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> joint_factor_b([20, 60, 90])
    array([0.2, 0.6, 1. ])
    """
    return np.asarray(np.interp(possible("joint_angle_deg", joint_angle_deg), [30.0, 90.0], [0.2, 1.0]))


def gravity_factor_c(dip_deg: Any, *, form: str = "potvin") -> Array:
    """Factor C of a face that falls or slabs: ``8 - 6 cos(dip)``, in Mathews's own form ``8 - 7 cos(dip)``.

    Evidence G+.

    Parameters
    ----------
    dip_deg : array_like
        Dip of the face: 0 for a flat roof, 90 for an upright wall.
    form : {"potvin", "mathews"}

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible or the form is unknown.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada; Mathews, K. E. et al. (1981).

    Examples
    --------
    >>> gravity_factor_c([0, 60, 90])
    array([2., 5., 8.])
    """
    if form not in _FORMS:
        raise ParameterError(f"the form is {form!r}", where="form", expected=" or ".join(_FORMS))
    return np.asarray(8.0 - _FORMS[form] * np.cos(np.radians(possible("dip_deg", dip_deg))))


def sliding_factor_c(joint_dip_deg: Any) -> Array:
    """Factor C of a face that slides on a joint: 8 up to a joint dip of 30 degrees, down to 2 at 90; evidence G+.

    Between both points a straight line stands for the chart.

    Parameters
    ----------
    joint_dip_deg : array_like
        0 to 90.

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> sliding_factor_c([20, 60, 90])
    array([8., 5., 2.])
    """
    return np.asarray(np.interp(possible("joint_dip_deg", joint_dip_deg), [30.0, 90.0], [8.0, 2.0]))


def stability_number(q_prime: Any, a: Any, b: Any, c: Any) -> Array:
    """``N' = Q' A B C``; evidence V. Alone it says nothing: it is read against the hydraulic radius.

    Parameters
    ----------
    q_prime, a, b, c : array_like

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Mathews, K. E. et al. (1981); Potvin, Y. (1988), Empirical open stope design in Canada.

    Examples
    --------
    >>> float(stability_number(10, 0.5, 0.2, 4))
    4.0
    """
    return np.asarray(
        possible("q_prime", q_prime) * possible("factor_a", a) * possible("factor_b", b) * possible("factor_c", c)
    )


def hydraulic_radius_m(area_m2: Any, perimeter_m: Any) -> Array:
    """Area over perimeter of a face, metres.

    Parameters
    ----------
    area_m2, perimeter_m : array_like

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        If a value is impossible, or an area is larger than a circle of that perimeter.

    Examples
    --------
    >>> float(hydraulic_radius_m(20 * 30, 2 * (20 + 30)))
    6.0
    """
    area, perimeter = possible("area_m2", area_m2), possible("perimeter_m", perimeter_m)
    # Rounded tables may lie a thousandth beyond the circle.
    if np.any(area > 1.001 * perimeter**2 / (4.0 * np.pi)):
        raise ParameterError(
            "the area is larger than a circle of that perimeter", where="perimeter_m", expected="the face's whole edge"
        )
    return np.asarray(area / perimeter)


def stability_probability(hr_m: Any, n: Any) -> Array:
    """Probability that a face is stable, by the extended Mathews graph.

    ``z = 2.9603 - 1.4427 ln(HR) + 0.7982 ln(N)``, ``p = 1 / (1 + exp(-z))``; more than 400 cases (V), coefficients G.
    With which form of factor C the cases were computed is not in the source.

    Parameters
    ----------
    hr_m : array_like
        Hydraulic radius, metres.
    n : array_like
        Stability number.

    Returns
    -------
    (...) float64 array
        0 to 1.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Mawdesley, C., Trueman, R. and Whiten, W. (2001), Extending the Mathews stability graph for open-stope design.

    Examples
    --------
    >>> float(stability_probability(1.0, 1.0).round(4))
    0.9507
    """
    constant, of_radius, of_number = _LOGIT
    z = constant + of_radius * np.log(possible("hydraulic_radius_m", hr_m))
    z = z + of_number * np.log(possible("stability_number", n))
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def hydraulic_radius_at_m(probability: Any, n: Any) -> Array:
    """Hydraulic radius at which a face of stability number N is stable with a given probability.

    Parameters
    ----------
    probability : array_like
        Between 0 and 1.
    n : array_like
        Stability number.

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
    >>> float(stability_probability(hydraulic_radius_at_m(0.8, 5.0), 5.0).round(9))
    0.8
    """
    share = np.asarray(probability, dtype=np.float64)
    if not np.all((share > 0) & (share < 1)):
        raise ParameterError(f"the probability is {probability}", where="probability", expected="between 0 and 1")
    constant, of_radius, of_number = _LOGIT
    z = np.log(share / (1.0 - share))
    return np.asarray(np.exp((z - constant - of_number * np.log(possible("stability_number", n))) / of_radius))


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
