"""Level of detection: how large a distance between two epochs must be to be more than noise."""

from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sxrisk.errors import ParameterError

__all__ = ["LodMethod", "level_of_detection"]

LodMethod = Literal["t", "lague"]

Z_95 = 1.959963984540054
# Lague and others print 1.96, and so do their programs: kept for comparison to the last digit.
_Z_95_PUBLISHED = 1.96
# No cloud knows its surface better than a micrometre: coordinates themselves are rounded.
_RESOLUTION_M = 1e-6
_TABLE_SIZE = 8192
_TABLE_FREEDOM = 2.0


def level_of_detection(
    variance_reference: NDArray[np.float64],
    n_reference: NDArray[Any],
    variance_compared: NDArray[np.float64],
    n_compared: NDArray[Any],
    *,
    registration_sigma_m: float = 0.0,
    method: LodMethod = "t",
) -> NDArray[np.float64]:
    """
    Distance that noise alone exceeds in 5 % of the places, in metres.

    With ``"t"`` the difference of the two means is judged by Welch's test: Student's quantile at the
    degrees of freedom of Welch and Satterthwaite, which holds 5 % at any number of points from two up if the noise is
    independent and Gaussian. ``"lague"`` takes 1.96 at any number of points, as published: with 5 points an epoch it
    raises a false alarm in 9 to 12 % of the places.

    The registration error shifts whole regions at once and does not average out, so its 95 % bound
    is added to that of the noise, not squared in (as Lague and others do).

    Parameters
    ----------
    variance_reference, variance_compared : (m,) float64
        Sample variances along the normal, square metres, divisor n - 1.
    n_reference, n_compared : (m,) int
        Numbers of points behind them.
    registration_sigma_m : float
        1 sigma of the registration between the epochs along any direction, metres.
    method : {"t", "lague"}
        See above.

    Returns
    -------
    (m,) float64
        NaN where a variance is NaN.

    Raises
    ------
    ParameterError
        If `method` is unknown.

    References
    ----------
    Lague, Brodu, Leroux (2013), ISPRS Journal 82, 10-26, eq. 1. Welch (1947), Biometrika 34, 28-35.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.array([1e-4])
    >>> level_of_detection(one, np.array([5]), one, np.array([5])).round(4)
    array([0.0146])
    >>> level_of_detection(one, np.array([5]), one, np.array([5]), method="lague").round(4)
    array([0.0124])
    """
    if method not in get_args(LodMethod):
        raise ParameterError(f"lod is {method!r}", expected="'t' or 'lague'")
    floor = _RESOLUTION_M**2
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.maximum(variance_reference, floor) / n_reference
        b = np.maximum(variance_compared, floor) / n_compared
        spread = np.sqrt(a + b)
        if method == "lague":
            return _Z_95_PUBLISHED * (spread + registration_sigma_m)
        freedom = (a + b) ** 2 / (a**2 / (n_reference - 1) + b**2 / (n_compared - 1))
    return _student_quantile(freedom) * spread + Z_95 * registration_sigma_m


def _student_quantile(freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided 95 % quantile of Student's t, to 1e-7: from a table where there are thousands of them."""
    if len(freedom) < _TABLE_SIZE:
        return stdtrit(freedom, 0.975)
    inverse, quantile = _student_table()
    result = np.interp(1.0 / freedom, inverse, quantile)
    few = freedom < _TABLE_FREEDOM
    result[few] = stdtrit(freedom[few], 0.975)
    result[np.isnan(freedom)] = np.nan
    return result


@cache
def _student_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quantiles at equal steps of 1 / freedom, in which the curve is nearly straight."""
    inverse = np.linspace(0.0, 1.0 / _TABLE_FREEDOM, _TABLE_SIZE)
    quantile = np.empty(_TABLE_SIZE)
    quantile[0] = Z_95
    quantile[1:] = stdtrit(1.0 / inverse[1:], 0.975)
    return inverse, quantile
