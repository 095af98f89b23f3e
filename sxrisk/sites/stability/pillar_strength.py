"""Strength of a pillar by every published formula, each with its constants' evidence."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.ranges import possible

__all__ = [
    "bieniawski_mpa",
    "hedley_grant_mpa",
    "lunder_pakalnis_mpa",
    "mark_bieniawski_mpa",
    "obert_duvall_mpa",
    "pillar_strength_mpa",
    "salamon_munro_mpa",
]

Array = NDArray[np.float64]


def obert_duvall_mpa(width_m: Any, height_m: Any, *, cube_strength_mpa: Any) -> Array:
    """Obert and Duvall, ``S = sigma_1 (0.778 + 0.222 w/h)``; evidence V2.

    Parameters
    ----------
    width_m, height_m : array_like
        Least width and height, metres.
    cube_strength_mpa : array_like
        sigma_1, strength of a cube of the pillar's rock.

    Returns
    -------
    (...) float64 array
        MPa.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Obert, L. and Duvall, W. I. (1967), Rock mechanics and the design of structures in rock.

    Examples
    --------
    >>> float(obert_duvall_mpa(6, 3, cube_strength_mpa=10).round(9))
    12.22
    """
    return np.asarray(possible("cube_strength_mpa", cube_strength_mpa) * (0.778 + 0.222 * _slender(width_m, height_m)))


def bieniawski_mpa(width_m: Any, height_m: Any, *, in_situ_strength_mpa: Any) -> Array:
    """Bieniawski, ``S = sigma_m (0.64 + 0.36 w/h)``; evidence V2, for w/h below 5.

    Parameters
    ----------
    width_m, height_m : array_like
        Least width and height, metres.
    in_situ_strength_mpa : array_like
        sigma_m, strength of a large cube in the mine; not the laboratory's.

    Returns
    -------
    (...) float64 array
        MPa; also beyond w/h 5, where :func:`pillar_safety` leaves the formula out.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Bieniawski, Z. T. (1968), In situ strength and deformation characteristics of coal.

    Examples
    --------
    >>> float(bieniawski_mpa(6, 3, in_situ_strength_mpa=10).round(9))
    13.6
    """
    strength = possible("in_situ_strength_mpa", in_situ_strength_mpa)
    return np.asarray(strength * (0.64 + 0.36 * _slender(width_m, height_m)))


def mark_bieniawski_mpa(width_m: Any, height_m: Any, length_m: Any, *, in_situ_strength_mpa: Any) -> Array:
    """Mark and Bieniawski, ``S = sigma_m (0.64 + 0.54 w/h - 0.18 w^2/(h L))``.

    Evidence V2 for 0.64 and 0.54, C for 0.18: the only value that gives Bieniawski's formula for a square pillar.

    Parameters
    ----------
    width_m, height_m, length_m : array_like
        Least width, height and length, metres; the length is at least the width.
    in_situ_strength_mpa : array_like
        sigma_m as for :func:`bieniawski_mpa`.

    Returns
    -------
    (...) float64 array
        MPa.

    Raises
    ------
    ParameterError
        If a value is impossible or a length is less than its width.

    References
    ----------
    Mark, C. and Chase, F. E. (1997), Analysis of retreat mining pillar stability.

    Examples
    --------
    >>> float(mark_bieniawski_mpa(6, 3, 12, in_situ_strength_mpa=10).round(9))
    15.4
    """
    width, length = possible("width_m", width_m), possible("length_m", length_m)
    if np.any(length < width):
        raise ParameterError(
            "a pillar's length is less than its width", where="length_m", expected="the longer of its two sides"
        )
    slender = _slender(width, height_m)
    strength = possible("in_situ_strength_mpa", in_situ_strength_mpa)
    return np.asarray(strength * (0.64 + slender * (0.54 - 0.18 * width / length)))


def salamon_munro_mpa(width_m: Any, height_m: Any) -> Array:
    """Salamon and Munro, ``S = 7.176 w^0.46 / h^0.66`` for coal pillars.

    Evidence V2 for the exponents and for 1320 psi with feet; C for 7.176 MPa with metres
    (1320 psi are 9.101 MPa, times 0.3048^0.2).

    Parameters
    ----------
    width_m, height_m : array_like
        Metres.

    Returns
    -------
    (...) float64 array
        MPa.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Salamon, M. D. G. and Munro, A. H. (1967), A study of the strength of coal pillars.

    Examples
    --------
    >>> float(salamon_munro_mpa(1, 1))
    7.176
    """
    return np.asarray(7.176 * possible("width_m", width_m) ** 0.46 / possible("height_m", height_m) ** 0.66)


def hedley_grant_mpa(width_m: Any, height_m: Any, *, hedley_grant_strength_mpa: Any) -> Array:
    """Hedley and Grant, ``S = K w^0.5 / h^0.75`` (metres); evidence G+.

    Parameters
    ----------
    width_m, height_m : array_like
        Metres.
    hedley_grant_strength_mpa : array_like
        K of this rock: 133 MPa at Elliot Lake (strength 230 MPa), about 0.58 to 0.7 of the uniaxial strength elsewhere.

    Returns
    -------
    (...) float64 array
        MPa.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Hedley, D. G. F. and Grant, F. (1972), Stope-and-pillar design for the Elliot Lake uranium mines.

    Examples
    --------
    >>> float(hedley_grant_mpa(4, 16, hedley_grant_strength_mpa=100))
    25.0
    """
    strength = possible("hedley_grant_strength_mpa", hedley_grant_strength_mpa)
    return np.asarray(strength * np.sqrt(possible("width_m", width_m)) / possible("height_m", height_m) ** 0.75)


def lunder_pakalnis_mpa(width_m: Any, height_m: Any, *, ucs_mpa: Any) -> Array:
    """Lunder and Pakalnis's confinement formula, ``S = 0.44 UCS (0.68 + 0.52 kappa)``.

    Evidence V2 for 0.68 and 0.52, G+ for 0.44 and for the mean confinement
    ``C = 0.46 log10(w/h + 0.75)^(1.4/(w/h))``; ``kappa = tan(acos((1 - C)/(1 + C)))``, which is ``2 sqrt(C)/(1 - C)``.
    Code is about that leaves out 0.44 and is 2.3 times too strong.

    Parameters
    ----------
    width_m, height_m : array_like
        Metres.
    ucs_mpa : array_like
        Uniaxial compressive strength of the intact rock.

    Returns
    -------
    (...) float64 array
        MPa; NaN where w/h is 0.25 or less.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Lunder, P. J. and Pakalnis, R. C. (1997), Determination of the strength of hard-rock mine pillars.

    Examples
    --------
    >>> float(lunder_pakalnis_mpa(4, 4, ucs_mpa=100).round(2))
    42.23
    """
    slender = _slender(width_m, height_m)
    slender = np.where(slender > 0.25, slender, np.nan)
    confinement = 0.46 * np.log10(slender + 0.75) ** (1.4 / slender)
    kappa = 2.0 * np.sqrt(confinement) / (1.0 - confinement)
    return np.asarray(0.44 * possible("ucs_mpa", ucs_mpa) * (0.68 + 0.52 * kappa))


def _slender(width_m: Any, height_m: Any) -> Array:
    return np.asarray(possible("width_m", width_m) / possible("height_m", height_m))


_FORMULAS: Mapping[str, tuple[Callable[..., Array], tuple[str, ...]]] = {
    "obert_duvall": (obert_duvall_mpa, ("cube_strength_mpa",)),
    "bieniawski": (bieniawski_mpa, ("in_situ_strength_mpa",)),
    "mark_bieniawski": (mark_bieniawski_mpa, ("length_m", "in_situ_strength_mpa")),
    "salamon_munro": (salamon_munro_mpa, ()),
    "hedley_grant": (hedley_grant_mpa, ("hedley_grant_strength_mpa",)),
    "lunder_pakalnis": (lunder_pakalnis_mpa, ("ucs_mpa",)),
}


def pillar_strength_mpa(method: str, width_m: Any, height_m: Any, **given: Any) -> Array:
    """Strength of a pillar by one of the methods, from what it needs among the values given.

    Parameters
    ----------
    method : str
        A key of ``METHODS["pillar"]``.
    width_m, height_m : array_like
        Metres.
    **given : array_like
        Parameters by name; those that the method does not need are not looked at.

    Returns
    -------
    (...) float64 array
        MPa.

    Raises
    ------
    ParameterError
        If the method is unknown, a parameter is missing, or a value is impossible.

    Examples
    --------
    >>> float(pillar_strength_mpa("bieniawski", 6, 3, in_situ_strength_mpa=10, ucs_mpa=90).round(9))
    13.6
    """
    if method not in _FORMULAS:
        raise ParameterError(f"{method!r} is no pillar formula", expected=f"one of {', '.join(_FORMULAS)}")
    formula, needs = _FORMULAS[method]
    missing = [name for name in needs if name not in given]
    if missing:
        raise ParameterError(f"{', '.join(missing)} is missing", where=method, expected="a value the method needs")
    return formula(width_m, height_m, **{name: given[name] for name in needs})
