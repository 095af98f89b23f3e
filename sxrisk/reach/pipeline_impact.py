"""How far a burst natural-gas pipeline burns: the potential impact radius."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import ParameterError

__all__ = ["potential_impact_radius_m"]

# Of the heat flux from a jet fire of lean natural gas, with d in millimetres and p in megapascals; no limit of law.
_NATURAL_GAS = 0.099


def potential_impact_radius_m(diameter_mm: ArrayLike, pressure_mpa: ArrayLike) -> NDArray[np.float64]:
    r"""Potential impact radius (潜在影响半径) of a natural-gas pipeline.

    .. math:: r = 0.099 \sqrt{d^2 p}

    Parameters
    ----------
    diameter_mm : array_like
        Outside diameter d, mm.
    pressure_mpa : array_like
        Maximum allowable operating pressure p, MPa; shapes broadcast together.

    Returns
    -------
    ndarray
        Metres; NaN where an argument is NaN. For natural gas only: other gases have another coefficient.

    Raises
    ------
    ParameterError
        If a diameter or pressure is negative or infinite.

    References
    ----------
    GB 32167-2015, eq. (1); the same as ASME B31.8S for natural gas.

    Examples
    --------
    >>> potential_impact_radius_m([273, 508, 1219], [4.0, 6.3, 12.0]).round(1).tolist()
    [54.1, 126.2, 418.1]
    """
    diameter, pressure = (np.asarray(value, dtype=np.float64) for value in (diameter_mm, pressure_mpa))
    for name, values in (("diameter_mm", diameter), ("pressure_mpa", pressure)):
        bad = (values < 0) | np.isinf(values)
        if bad.any():
            raise ParameterError(
                f"{values[bad].flat[0]:g} cannot be used", where=name, expected="finite numbers, 0 or more"
            )
    return np.asarray(_NATURAL_GAS * diameter * np.sqrt(pressure), dtype=np.float64)
