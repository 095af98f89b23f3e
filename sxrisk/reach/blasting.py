"""How far a blast reaches: ground vibration by Sadovsky's formula, and the overpressure of an air wave."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import ParameterError

__all__ = ["airblast_distance_m", "peak_velocity_cm_per_s", "vibration_distance_m"]

Array = NDArray[np.float64]

_ITERATIONS = 60


def vibration_distance_m(
    velocity_cm_per_s: ArrayLike,
    charge_kg: ArrayLike,
    k_range: tuple[ArrayLike, ArrayLike],
    alpha_range: tuple[ArrayLike, ArrayLike],
) -> tuple[Array, Array, Array]:
    """Distance within which the ground moves faster than allowed: ``R = (K/V)^(1/alpha) Q^(1/3)``.

    Without a site test K and alpha lie in ranges: of their corners the one with the greatest distance is taken. That is
    the greatest K, and the least alpha where K exceeds V.

    Parameters
    ----------
    velocity_cm_per_s : array_like
        Allowed peak particle velocity V, cm/s.
    charge_kg : array_like
        Q, kg: all that goes off at once, or the greatest charge of one delay.
    k_range, alpha_range : pair of array_like
        Least and greatest K and alpha; the same value twice where a test gave them.

    Returns
    -------
    distance_m, k, alpha : ndarray
        The distance and the two constants it comes from; NaN where an input is NaN.

    Raises
    ------
    ParameterError
        If a value is 0 or below, or a range runs backwards.

    References
    ----------
    GB 6722, clause 13.2.4, after Sadovsky.

    Examples
    --------
    >>> distance, k, alpha = vibration_distance_m(1.5, 125.0, (150.0, 250.0), (1.5, 1.8))
    >>> round(float(distance), 1), float(k), float(alpha)
    (151.4, 250.0, 1.5)
    """
    parts = np.broadcast_arrays(
        *(np.asarray(v, dtype=np.float64) for v in (velocity_cm_per_s, charge_kg, *k_range, *alpha_range))
    )
    velocity, charge, k_low, k_high, alpha_low, alpha_high = parts
    for name, values in zip(
        ("velocity_cm_per_s", "charge_kg", "k_range", "alpha_range"), parts[:3] + parts[4:5], strict=True
    ):
        if (values <= 0).any() or np.isinf(values).any():
            raise ParameterError("holds a value that is not above 0", where=name, expected="finite numbers above 0")
    if (k_low > k_high).any() or (alpha_low > alpha_high).any():
        raise ParameterError("a range runs backwards", where="k_range, alpha_range", expected="(least, greatest)")
    alpha = np.where(k_high > velocity, alpha_low, alpha_high)
    distance = (k_high / velocity) ** (1.0 / alpha) * np.cbrt(charge)
    return np.asarray(distance), np.asarray(k_high), np.asarray(alpha)


def peak_velocity_cm_per_s(distance_m: ArrayLike, charge_kg: ArrayLike, k: ArrayLike, alpha: ArrayLike) -> Array:
    """Peak particle velocity at a distance: ``V = K (Q^(1/3) / R)^alpha``.

    Parameters
    ----------
    distance_m, charge_kg, k, alpha : array_like
        m, kg, and the two constants.

    Returns
    -------
    ndarray
        cm/s; infinite at distance 0.

    Examples
    --------
    >>> round(float(peak_velocity_cm_per_s(151.4, 125.0, 250.0, 1.5)), 2)
    1.5
    """
    distance, charge, k, alpha = np.broadcast_arrays(
        *(np.asarray(v, dtype=np.float64) for v in (distance_m, charge_kg, k, alpha))
    )
    apart = distance > 0
    ratio = np.divide(np.cbrt(charge), distance, out=np.full(distance.shape, np.inf), where=apart)
    return np.asarray(k * ratio**alpha)


def airblast_distance_m(
    charge_kg: ArrayLike, overpressure_1e5_pa: float, coefficients: tuple[float, float, float]
) -> Array:
    """Distance at which the air wave of a charge in the open falls to an overpressure.

    Solves ``dP = a Q/R^3 + b Q^(2/3)/R^2 + c Q^(1/3)/R`` for R, in the scaled distance ``R / Q^(1/3)``.

    Parameters
    ----------
    charge_kg : array_like
        TNT equivalent Q, kg.
    overpressure_1e5_pa : float
        dP in 100 000 Pa.
    coefficients : tuple of three floats
        a, b, c.

    Returns
    -------
    ndarray
        Metres; NaN where the charge is NaN.

    Raises
    ------
    ParameterError
        If a charge, the overpressure or a coefficient is not above 0.

    References
    ----------
    GB 6722, clause 13.3.

    Examples
    --------
    >>> airblast_distance_m([8.0, 64.0], 0.02, (14.0, 4.3, 1.1)).round(1).tolist()
    [117.7, 235.4]
    """
    charge = np.asarray(charge_kg, dtype=np.float64)
    numbers = (overpressure_1e5_pa, *coefficients)
    if (charge <= 0).any() or np.isinf(charge).any() or not all(0 < v < np.inf for v in numbers):
        raise ParameterError(
            "a charge, pressure or coefficient is not above 0", where="charge_kg", expected="finite numbers above 0"
        )
    a, b, c = coefficients
    low, high = 0.0, sum(coefficients) / overpressure_1e5_pa + 1.0
    for _ in range(_ITERATIONS):
        middle = (low + high) / 2.0
        above = a / middle**3 + b / middle**2 + c / middle > overpressure_1e5_pa
        low, high = (middle, high) if above else (low, middle)
    return np.asarray(high * np.cbrt(charge))
