"""From a measured and a required value to one of three answers, and to a status and a colour."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sxrisk.findings import Effect, Evidence, Status
from sxrisk.rules.criterion import Rule
from sxrisk.statistics import Z_95

__all__ = ["SURE", "Z_95", "broken", "margin_m", "probability_above", "probability_near", "statuses"]

Array = NDArray[np.float64]

# Two-sided 95 %: between these probabilities a pair is too close to call.
SURE = 0.975

_BY_EFFECT = {
    Effect.FORBIDDEN: Status.VIOLATION,
    Effect.MUST_COMPLY: Status.VIOLATION,
    Effect.NEEDS_PERMIT: Status.PERMIT,
    Effect.CLASSIFICATION: Status.CLASSIFIED,
    Effect.ADVISORY: Status.ADVISORY,
}


def broken(measured: Array, required: ArrayLike, op: str) -> NDArray[np.bool_]:
    """Whether ``measured op required`` holds: the broken state of a rule.

    Examples
    --------
    >>> broken(np.array([4.0, 5.0]), 5.0, "<=").tolist(), broken(np.array([4.0, 5.0]), 5.0, "<").tolist()
    ([True, True], [True, False])
    """
    compare = {"<=": np.less_equal, "<": np.less, ">=": np.greater_equal, ">": np.greater}[op]
    return np.asarray(compare(measured, required), dtype=bool)


def probability_near(distance: Array, required: ArrayLike, sigma: Array) -> Array:
    """Probability that two things lie nearer than `required`, when their distance is known to `sigma`.

    The true offset across the line between them is taken as normal about the measured distance; it may come out on
    either side, so that an accuracy much worse than the limit makes nearness improbable instead of even.

    Parameters
    ----------
    distance, required, sigma : ndarray
        Same unit; where sigma is 0 the result is 1 or 0 (1 at the limit itself).

    Returns
    -------
    ndarray

    Examples
    --------
    >>> probability_near(np.array([4.0, 4.0, 0.0]), 5.0, np.array([0.0, 1.0, 500.0])).round(3).tolist()
    [1.0, 0.841, 0.008]
    """
    from scipy.special import ndtr

    required = np.asarray(required, dtype=np.float64)
    known = np.where(sigma > 0, sigma, 1.0)
    spread = ndtr((required - distance) / known) - ndtr((-required - distance) / known)
    return np.where(sigma > 0, spread, (distance <= required).astype(np.float64))


def probability_above(value: Array, required: ArrayLike, sigma: Array) -> Array:
    """Probability that a normal quantity exceeds `required`; 1 or 0 where sigma is 0.

    Examples
    --------
    >>> probability_above(np.array([12.0, 12.0]), 10.0, np.array([0.0, 2.0])).round(3).tolist()
    [1.0, 0.841]
    """
    from scipy.special import ndtr

    required = np.asarray(required, dtype=np.float64)
    known = np.where(sigma > 0, sigma, 1.0)
    return np.where(sigma > 0, ndtr((value - required) / known), (value > required).astype(np.float64))


def margin_m(required: Array, sigma_low: Array, sigma_high: Array) -> Array:
    """How far beyond a required distance a pair may lie and still be too close to call.

    Parameters
    ----------
    required : ndarray
        Required distance, m.
    sigma_low, sigma_high : ndarray
        Least and greatest 1 sigma that the pairs of each subject may have, m.

    Returns
    -------
    ndarray
        Metres; 0 where even at distance 0 the probability of nearness is below 2.5 %.
    """
    nowhere = probability_near(np.zeros_like(required), required, sigma_low) < 1.0 - SURE
    return np.where(nowhere, 0.0, Z_95 * sigma_high)


def statuses(
    rule: Rule, is_broken: NDArray[np.bool_], probability: Array, unchecked: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], pd.Series]:
    """Which rows are findings, and with which status.

    Parameters
    ----------
    rule : Rule
    is_broken : ndarray of bool, shape (n,)
        Whether the measured value breaks the limit.
    probability : ndarray of shape (n,)
        Probability that the true value breaks it.
    unchecked : ndarray of bool, shape (n,)
        Rows whose clause has a condition that could not be checked: a violation is then only suspected.

    Returns
    -------
    kept : ndarray of bool, shape (n,)
        Broken ones, and those that may be broken: probability above 2.5 %.
    status : categorical Series of Status, one for each kept row
        Too close to call where the probability is below 97.5 %, or the limit is not broken as measured. That holds for
        a broken one of any probability: where the accuracy is far worse than the limit, it lies even below 2.5 %.
    """
    kept = is_broken | (probability > 1.0 - SURE)
    sure = is_broken & (probability >= SURE)
    if rule.evidence in (Evidence.G, Evidence.X):
        firm = Status.ADVISORY
    elif rule.evidence in (Evidence.G_PLUS, Evidence.USER) and rule.effect is not Effect.ADVISORY:
        firm = Status.SUSPECTED
    else:
        firm = _BY_EFFECT[rule.effect]
    names = [Status.TOO_CLOSE, firm, *([Status.SUSPECTED] if firm is Status.VIOLATION else [])]
    code = sure[kept].astype(np.int8)
    if firm is Status.VIOLATION:
        code += sure[kept] & unchecked[kept]
    return kept, pd.Series(pd.Categorical.from_codes(code, categories=pd.Index(names, dtype=object)))
