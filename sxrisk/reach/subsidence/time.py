"""How far movement has come with time: Knothe's function, the duration of movement, what an old goaf has left."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import ParameterError

__all__ = ["knothe_fraction", "movement_duration_days", "residual_factor"]

Array = NDArray[np.float64]

_SHALLOW_M = 400.0


def knothe_fraction(years: ArrayLike, rate_per_year: float) -> Array:
    """Part of the final subsidence that is reached: ``1 - exp(-c t)``, 0 before mining.

    Parameters
    ----------
    years : array-like
        Time t since the panel was mined, years.
    rate_per_year : float
        Knothe's c, 1/year, measured or given by the user.

    Returns
    -------
    ndarray
        0 to below 1.

    Raises
    ------
    ParameterError
        If the rate is not above 0.

    References
    ----------
    Knothe, S. (1953), Archiwum Gornictwa i Hutnictwa 1; ``docs/standards.md``, probability integral method.

    Examples
    --------
    >>> knothe_fraction([-1.0, 0.0, 1.0], 2.0).round(3).tolist()
    [0.0, 0.0, 0.865]
    """
    if not 0 < rate_per_year < np.inf:
        raise ParameterError(f"the rate is {rate_per_year}", where="rate_per_year", expected="above 0, per year")
    return np.asarray(-np.expm1(-rate_per_year * np.maximum(np.asarray(years, dtype=np.float64), 0.0)))


def movement_duration_days(depth_m: ArrayLike) -> Array:
    """Duration T of surface movement above a panel: ``2.5 H`` days to 400 m, ``1000 exp(1 - 400 / H)`` below (G+).

    Parameters
    ----------
    depth_m : array-like
        Mean depth H, metres, above 0.

    Returns
    -------
    ndarray
        Days.

    Raises
    ------
    ParameterError
        If a depth is not above 0.

    References
    ----------
    Guide on mining under buildings, water bodies and railways (2017), appendix; not read in the original.

    Examples
    --------
    >>> movement_duration_days([200.0, 400.0, 800.0]).round(1).tolist()
    [500.0, 1000.0, 1648.7]
    """
    depth = np.asarray(depth_m, dtype=np.float64)
    if not (depth > 0).all():
        raise ParameterError("a depth is not above 0", where="depth_m", expected="metres above 0")
    return np.where(depth <= _SHALLOW_M, 2.5 * depth, 1000.0 * np.exp(1.0 - _SHALLOW_M / np.maximum(depth, _SHALLOW_M)))


def residual_factor(q: float, years: ArrayLike, k: float) -> Array:
    """Subsidence factor of what an old goaf has still to come: ``(1 - q) k (1 - exp(-(50 - t) / 50))`` (G, advisory).

    Many variants are in use; a measured residual factor is better.

    Parameters
    ----------
    q : float
        Subsidence factor of the mining, 0 to 1.
    years : array-like
        Years t since mining ended; from 50 on nothing is left.
    k : float
        Adjustment given by the user.

    Returns
    -------
    ndarray

    Raises
    ------
    ParameterError
        If `q` is not between 0 and 1 or `k` is negative.

    Examples
    --------
    >>> residual_factor(0.7, [0.0, 50.0, 80.0], 1.0).round(4).tolist()
    [0.1896, 0.0, 0.0]
    """
    if not 0 <= q <= 1 or not k >= 0:
        raise ParameterError(f"q is {q}, k is {k}", where="residual_factor", expected="q from 0 to 1, k from 0")
    left = np.clip(50.0 - np.maximum(np.asarray(years, dtype=np.float64), 0.0), 0.0, None)
    return np.asarray((1.0 - q) * k * -np.expm1(-left / 50.0))
