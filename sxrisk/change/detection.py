"""Level of detection: how large a distance between two epochs must be to be more than noise."""

from functools import cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from sxrisk.change._median_errors import median_error
from sxrisk.errors import ParameterError
from sxrisk.statistics import Z_95

__all__ = ["LodMethod", "Noise", "Statistic", "difference_noise", "false_discoveries", "level_of_detection", "p_values"]

LodMethod = Literal["t", "lague"]
Statistic = Literal["mean", "median"]
Floats = NDArray[np.float64]

# Lague and others print 1.96, and so do their programs: kept for comparison to the last digit.
_Z_95_PUBLISHED = 1.96
#: Interquartile range of the normal distribution in standard deviations.
IQR_TO_SIGMA = 1.0 / 1.3489795003921634
# No cloud knows its surface better than a micrometre: coordinates themselves are rounded.
_RESOLUTION_M = 1e-6
_TABLE_SIZE = 8192
_TABLE_FREEDOM = 2.0


class Noise(NamedTuple):
    """Standard error (m,) of a difference between two epochs, metres, and its degrees of freedom (inf: known)."""

    spread: Floats
    freedom: Floats


def difference_noise(
    variance_reference: npt.ArrayLike,
    n_reference: npt.ArrayLike,
    variance_compared: npt.ArrayLike,
    n_compared: npt.ArrayLike,
    *,
    statistic: Statistic = "mean",
) -> Noise:
    """Standard error of the difference of two means or medians, with Welch and Satterthwaite's degrees of freedom.

    Parameters
    ----------
    variance_reference, variance_compared : (m,) float
        Variances of the points along the normal, square metres; of medians the square of IQR / 1.349.
    n_reference, n_compared : (m,) int
        Numbers of points behind them.
    statistic : {"mean", "median"}
    """
    floor = _RESOLUTION_M**2
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for variance, n in ((variance_reference, n_reference), (variance_compared, n_compared)):
            n = np.asarray(n)
            square = np.maximum(np.asarray(variance, dtype=np.float64), floor) / n
            if statistic == "median":
                factor, freedom = median_error(n)
                square = square * factor
            else:
                freedom = n - 1.0
            parts.append((square, freedom))
        (a, f), (b, g) = parts
        return Noise(np.sqrt(a + b), (a + b) * (a + b) / (a * a / f + b * b / g))


def level_of_detection(
    variance_reference: npt.ArrayLike,
    n_reference: npt.ArrayLike,
    variance_compared: npt.ArrayLike,
    n_compared: npt.ArrayLike,
    *,
    registration_sigma_m: float | Floats = 0.0,
    method: LodMethod = "t",
    statistic: Statistic = "mean",
) -> Floats:
    """
    Distance that noise alone exceeds in 5 % of the places, in metres.

    With ``"t"`` the difference of the two means is judged by Welch's test: Student's quantile at the
    degrees of freedom of Welch and Satterthwaite, which holds 5 % at any number of points from two up if the noise is
    independent and Gaussian. ``"lague"`` takes 1.96 at any number of points, as published: with 5 points an epoch it
    raises a false alarm in 9 to 12 % of the places.

    Medians are judged in the same way by ``"t"``, with the standard error of a median estimated from the interquartile
    range and the degrees of freedom that this estimate is worth (about a third of those of a variance);
    ``"lague"`` puts the interquartile range where the standard deviation stands, as CloudCompare and py4dgeo do.
    Quartiles of 5 to 9 points are coarse: false alarms of medians lie between 2 and 7 % there, between 3.5 and 6 % from
    10 points up.

    Noise that neighbouring points share (a wobbling scanner, refraction, a bent strip) does not average out and is not
    in the scatter: where it is as long as the cylinder is wide, a third of the places may exceed the level.
    ``benchmarks/false_alarms.py`` prints how far the promise holds.

    The registration error shifts whole regions at once and does not average out, so its 95 % bound
    is added to that of the noise, not squared in (as Lague and others do).

    Parameters
    ----------
    variance_reference, variance_compared : (m,) float
        Sample variances along the normal, square metres, divisor n - 1; for medians the square of IQR / 1.349.
    n_reference, n_compared : (m,) int
        Numbers of points behind them.
    registration_sigma_m : float or (m,) float
        1 sigma of the registration between the epochs along the normal, metres.
    method : {"t", "lague"}
        See above.
    statistic : {"mean", "median"}
        What the distance is the difference of.

    Returns
    -------
    (m,) float64
        NaN where a variance is NaN.

    Raises
    ------
    ParameterError
        If `method` or `statistic` is unknown.

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
    check_choices(method, statistic)
    if method == "lague":
        wide = 1.0 if statistic == "mean" else 1.0 / IQR_TO_SIGMA**2
        floor = _RESOLUTION_M**2
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (
                wide * np.maximum(np.asarray(variance, dtype=np.float64), floor) / np.asarray(n)
                for variance, n in ((variance_reference, n_reference), (variance_compared, n_compared))
            )
            published: Floats = _Z_95_PUBLISHED * (np.sqrt(a + b) + registration_sigma_m)
        return published
    noise = difference_noise(variance_reference, n_reference, variance_compared, n_compared, statistic=statistic)
    return lod_of_noise(noise, registration_sigma_m)


def check_choices(method: str, statistic: str) -> None:
    """Refuse what is neither a level of detection nor a statistic."""
    if method not in get_args(LodMethod):
        raise ParameterError(f"lod is {method!r}", expected="'t' or 'lague'")
    if statistic not in get_args(Statistic):
        raise ParameterError(f"method is {statistic!r}", expected="'mean' or 'median'")


def lod_of_noise(noise: Noise, registration_sigma_m: float | Floats) -> Floats:
    """Level of detection (m,) of a known standard error: Student's quantile of it, and the registration's bound."""
    result: Floats = _student_quantile(noise.freedom) * noise.spread + Z_95 * registration_sigma_m
    return result


def p_values(distance: npt.ArrayLike, noise: Noise, *, registration_sigma_m: float | Floats = 0.0) -> Floats:
    """Probability that noise alone gives a distance at least this large, below 0.05 beyond the level of detection.

    Parameters
    ----------
    distance : (m,) float
        Metres; what the registration's 95 % bound covers is taken off first.
    noise : Noise
        From :func:`difference_noise`.
    registration_sigma_m : float or (m,) float
        1 sigma of the registration, metres.

    Returns
    -------
    (m,) float64
        NaN where the distance is.
    """
    beyond = np.abs(np.asarray(distance, dtype=np.float64)) - Z_95 * np.asarray(registration_sigma_m)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = 2.0 * stdtr(noise.freedom, -np.maximum(beyond, 0.0) / noise.spread)
    return result


def false_discoveries(
    p: npt.ArrayLike, rate: float, *, dependence: str = "positive", tests: int | None = None
) -> NDArray[np.bool_]:
    """
    Which of many places changed, so that of those called changed at most a share `rate` did not.

    With 5 % false alarms a place, a hundred thousand places that did not move show five thousand changes. This
    bounds the expected share of false ones among all that are called changed; where nothing moved at all, it is the
    probability of calling anything.

    Parameters
    ----------
    p : (m,) float
        Probabilities from :func:`p_values`; NaN is no test.
    rate : float
        Share of false discoveries, above 0 and below 1.
    dependence : {"positive", "any"}
        "positive" is Benjamini and Hochberg's rule, right for independent places and for neighbours that share points
        or noise; "any" is that of Benjamini and Yekutieli, right under any dependence, and weaker by ln(m).
    tests : int, optional
        Number of tests that were made, where `p` holds only those not above `rate`; default the values of `p`.

    Returns
    -------
    (m,) bool

    Raises
    ------
    ParameterError
        If `rate` or `dependence` is out of range.

    References
    ----------
    Benjamini, Hochberg (1995), J. R. Stat. Soc. B 57, 289-300. Benjamini, Yekutieli (2001), Ann. Stat. 29, 1165-1188.

    Examples
    --------
    >>> false_discoveries([0.001, 0.04, 0.03, 0.8], 0.05)
    array([ True, False, False, False])
    """
    if not 0.0 < rate < 1.0:
        raise ParameterError(f"fdr is {rate!r}", expected="a share above 0 and below 1, such as 0.05")
    if dependence not in ("positive", "any"):
        raise ParameterError(f"dependence is {dependence!r}", expected="'positive' or 'any'")
    values = np.asarray(p, dtype=np.float64)
    tested = np.sort(values[~np.isnan(values)])
    if not len(tested):
        return np.zeros(values.shape, dtype=bool)
    count = len(tested) if tests is None else tests
    strictness = float((1.0 / np.arange(1, count + 1)).sum()) if dependence == "any" else 1.0
    passed = np.flatnonzero(tested <= np.arange(1, len(tested) + 1) * (rate / count / strictness))
    if not len(passed):
        return np.zeros(values.shape, dtype=bool)
    result: NDArray[np.bool_] = values <= tested[passed[-1]]
    return result


def _student_quantile(freedom: NDArray[Any]) -> Floats:
    """Two-sided 95 % quantile of Student's t, to 1e-7, each from its own number alone."""
    table = _student_table()
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.minimum(1.0 / freedom, 1.0 / _TABLE_FREEDOM) * (_TABLE_FREEDOM * (_TABLE_SIZE - 1))
    known = np.isfinite(step)
    step = np.where(known, step, 0.0)
    k = np.minimum(step.astype(np.int64), _TABLE_SIZE - 2)
    result = table[k] + (table[k + 1] - table[k]) * (step - k)
    few = freedom < _TABLE_FREEDOM
    result[few] = stdtrit(freedom[few], 0.975)
    result[~known] = np.nan
    return result


@cache
def _student_table() -> Floats:
    """Quantiles at equal steps of 1 / freedom, in which the curve is nearly straight."""
    inverse = np.linspace(0.0, 1.0 / _TABLE_FREEDOM, _TABLE_SIZE)
    quantile = np.empty(_TABLE_SIZE)
    quantile[0] = Z_95
    quantile[1:] = stdtrit(1.0 / inverse[1:], 0.975)
    return quantile
