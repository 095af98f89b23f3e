"""A value that a user knows exactly, as a range, or as a distribution."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.methods import PARAMETERS, Parameter

__all__ = [
    "Value",
    "as_value",
    "lognormal",
    "normal",
    "parameter_value",
    "parameter_values",
    "possible",
    "triangular",
    "uniform",
]

Array = NDArray[np.float64]

# A distribution that loses more than this at a physical limit was meant otherwise.
_MOST_CUT_OFF = 0.01
_KEYS = {
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "normal": ("mean", "sigma"),
    "lognormal": ("median", "sigma_ln"),
}
_FORMS = "a number, a range [low, high], or a table such as {distribution = 'normal', mean = 80, sigma = 10}"


@dataclass(frozen=True)
class Value:
    """A number with what is known of its spread. Made by :func:`as_value` and the functions beside it.

    Parameters
    ----------
    kind : str
        ``exact``, ``uniform``, ``triangular``, ``normal`` or ``lognormal``. A range is uniform: every value in it
        counts alike.
    numbers : tuple of float
        The number; low and high; low, mode and high; mean and sigma; median and sigma of the natural logarithm.
    low, high : float
        Where the distribution is cut off.
    """

    kind: str
    numbers: tuple[float, ...]
    low: float = -math.inf
    high: float = math.inf

    @property
    def is_exact(self) -> bool:
        """Whether the value has no spread."""
        return self.kind == "exact"

    @property
    def middle(self) -> float:
        """The median."""
        return float(self.quantile(0.5))

    @property
    def support(self) -> tuple[float, float]:
        """Least and greatest value that can be drawn."""
        if self.kind == "exact":
            return self.numbers[0], self.numbers[0]
        if self.kind in ("uniform", "triangular"):
            return max(self.numbers[0], self.low), min(self.numbers[-1], self.high)
        return max(self.low, 0.0 if self.kind == "lognormal" else -math.inf), self.high

    def quantile(self, share: Any) -> Array:
        """The value that a share of all draws stays below.

        Parameters
        ----------
        share : array_like of float
            0 to 1.

        Returns
        -------
        (...) float64 array
            In the value's unit, of the shape of `share`.

        Examples
        --------
        >>> float(uniform(10.0, 20.0).quantile(0.25))
        12.5
        """
        below, above = self._share_below(self.low), self._share_below(self.high)
        u = below + np.asarray(share, dtype=np.float64) * (above - below)
        if self.kind == "exact":
            return np.full_like(u, self.numbers[0])
        if self.kind == "uniform":
            low, high = self.numbers
            return low + u * (high - low)
        if self.kind == "triangular":
            low, mode, high = self.numbers
            at_mode = (mode - low) / (high - low)
            rising = low + np.sqrt(u * (high - low) * (mode - low))
            return np.where(u < at_mode, rising, high - np.sqrt((1.0 - u) * (high - low) * (high - mode)))
        centre, sigma = self.numbers
        if self.kind == "normal":
            return _held(centre + sigma * ndtri(u), self.low, self.high)
        return _held(centre * np.exp(sigma * ndtri(u)), self.low, self.high)

    def sample(self, rng: np.random.Generator, draws: int) -> Array:
        """Independent draws.

        Parameters
        ----------
        rng : numpy Generator
        draws : int

        Returns
        -------
        (draws,) float64 array; () of an exact value, which spreads over any shape for free

        Examples
        --------
        >>> as_value([1, 2]).sample(np.random.default_rng(1), 3).round(3)
        array([1.512, 1.95 , 1.144])
        """
        if self.is_exact:
            return np.asarray(self.numbers[0])
        share = rng.random(draws)
        # The tails of a normal distribution are endless; 1 is never drawn.
        return self.quantile(np.maximum(share, 2.0**-54, out=share))

    def _share_below(self, x: float) -> float:
        if math.isinf(x):
            return float(x > 0)
        if self.kind == "exact":
            return float(x >= self.numbers[0])
        if self.kind == "uniform":
            low, high = self.numbers
            return min(max((x - low) / (high - low), 0.0), 1.0)
        if self.kind == "triangular":
            low, mode, high = self.numbers
            if not low < x < high:
                return float(x >= high)
            rising = (x - low) ** 2 / ((high - low) * (mode - low)) if x < mode else 0.0
            return rising if x < mode else 1.0 - (high - x) ** 2 / ((high - low) * (high - mode))
        centre, sigma = self.numbers
        if self.kind == "normal":
            return float(ndtr((x - centre) / sigma))
        return float(ndtr((math.log(x) - math.log(centre)) / sigma)) if x > 0 else 0.0


def uniform(low: float, high: float) -> Value:
    """A range in which every value counts alike."""
    return as_value({"distribution": "uniform", "low": low, "high": high})


def triangular(low: float, mode: float, high: float) -> Value:
    """A range with a most likely value."""
    return as_value({"distribution": "triangular", "low": low, "mode": mode, "high": high})


def normal(mean: float, sigma: float, *, low: float = -math.inf, high: float = math.inf) -> Value:
    """A normal distribution, cut off at low and high where they are given."""
    return as_value({"distribution": "normal", "mean": mean, "sigma": sigma, "min": low, "max": high})


def lognormal(median: float, sigma_ln: float, *, low: float = 0.0, high: float = math.inf) -> Value:
    """A lognormal distribution by its median and the standard deviation of the natural logarithm."""
    return as_value({"distribution": "lognormal", "median": median, "sigma_ln": sigma_ln, "min": low, "max": high})


def as_value(given: Any, *, where: str | None = None) -> Value:
    """Read a value as a project file or a caller gives it.

    Parameters
    ----------
    given : float, sequence of two floats, mapping or Value
        A number; a range ``[low, high]``; or ``{"distribution": "uniform" | "triangular" | "normal" | "lognormal"}``
        with ``low, high`` / ``low, mode, high`` / ``mean, sigma`` / ``median, sigma_ln`` and, for the last two,
        ``min`` and ``max`` where the distribution is cut off.
    where : str, optional
        Name of the parameter, for messages.

    Returns
    -------
    Value

    Raises
    ------
    ParameterError
        If the form or the order of the numbers is wrong.

    Examples
    --------
    >>> as_value([18, 22]).middle, as_value(25.5).is_exact
    (20.0, True)
    """
    if isinstance(given, Value):
        return given
    if isinstance(given, Real) and not isinstance(given, bool):
        return Value("exact", (_number(given, where),))
    if isinstance(given, Mapping):
        return _distribution(given, where)
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        return _distribution({"distribution": "uniform", "low": given[0], "high": given[1]}, where)
    raise ParameterError(f"{given!r} is no value", where=where, expected=_FORMS)


def parameter_value(name: str, given: Any) -> Value:
    """Read a parameter of the methods and hold it to what it can be at all.

    A normal or lognormal distribution is cut off at the parameter's own limit (a strength is above 0).

    Parameters
    ----------
    name : str
        One of :data:`sxrisk.sites.stability.PARAMETERS`.
    given
        As for :func:`as_value`.

    Returns
    -------
    Value

    Raises
    ------
    ParameterError
        If the name is unknown, the value impossible, or more than 1 % of a distribution lies beyond the limit.

    Examples
    --------
    >>> parameter_value("ucs_mpa", [80, 120]).support
    (80.0, 120.0)
    """
    if name not in PARAMETERS:
        raise ParameterError(
            f"{name} is no parameter of the methods", expected=f"one of {', '.join(sorted(PARAMETERS))}"
        )
    parameter = PARAMETERS[name]
    value = as_value(given, where=name)
    if value.kind in ("normal", "lognormal"):
        return _cut(value, parameter)
    for x in value.support:
        if not _possible(x, parameter):
            raise ParameterError(f"the value is {x:g}", where=name, expected=parameter.expected)
    return value


def parameter_values(given: Mapping[str, Any]) -> dict[str, Value]:
    """Read several parameters; what is None or NaN was not given and is left out.

    Examples
    --------
    >>> list(parameter_values({"ucs_mpa": 90, "factor_b": None}))
    ['ucs_mpa']
    """
    return {
        name: parameter_value(name, value)
        for name, value in given.items()
        if value is not None and not (isinstance(value, Real) and math.isnan(value))
    }


def possible(name: str, values: Any) -> Array:
    """Values of a parameter as an array, each of them possible; NaN means unknown and passes.

    Parameters
    ----------
    name : str
        One of :data:`sxrisk.sites.stability.PARAMETERS`.
    values : array_like of float

    Returns
    -------
    (...) float64 array

    Raises
    ------
    ParameterError
        Naming the first impossible value.

    Examples
    --------
    >>> possible("span_m", [12.0, 8.5])
    array([12. ,  8.5])
    """
    array, parameter = np.asarray(values, dtype=np.float64), PARAMETERS[name]
    bad = ~(_possible(array, parameter) | np.isnan(array))
    if bad.any():
        raise ParameterError(f"the value is {array[bad].flat[0]:g}", where=name, expected=parameter.expected)
    return array


def _held(x: Array, low: float, high: float) -> Array:
    """Rounding at a limit, where there is one, stays inside it."""
    x = np.maximum(x, low) if math.isfinite(low) else x
    return np.minimum(x, high) if math.isfinite(high) else x


def _possible(x: Any, parameter: Parameter) -> Any:
    above = x > parameter.low if parameter.low_open else x >= parameter.low
    return above & (x < parameter.high if parameter.high_open else x <= parameter.high) & np.isfinite(x)


def _cut(value: Value, parameter: Parameter) -> Value:
    beyond = value._share_below(max(parameter.low, value.low)) - value._share_below(value.low)
    beyond += value._share_below(value.high) - value._share_below(min(parameter.high, value.high))
    whole = value._share_below(value.high) - value._share_below(value.low)
    if beyond > _MOST_CUT_OFF * whole:
        raise ParameterError(
            f"{beyond / whole:.1%} of the {value.kind} distribution cannot be",
            where=parameter.name,
            expected=parameter.expected,
            remedy="Give min and max, or another distribution",
        )
    low, high = max(value.low, parameter.low), min(value.high, parameter.high)
    # An open limit is never drawn, not even by rounding.
    low = math.nextafter(low, math.inf) if parameter.low_open and low == parameter.low else low
    high = math.nextafter(high, -math.inf) if parameter.high_open and high == parameter.high else high
    return replace(value, low=low, high=high)


def _number(given: Any, where: str | None) -> float:
    if not isinstance(given, Real) or isinstance(given, bool) or not math.isfinite(given):
        raise ParameterError(f"{given!r} is no finite number", where=where, expected=_FORMS)
    return float(given)


def _distribution(given: Mapping[str, Any], where: str | None) -> Value:
    kind = given.get("distribution")
    if kind not in _KEYS:
        raise ParameterError(f"the distribution is {kind!r}", where=where, expected=f"one of {', '.join(_KEYS)}")
    keys = _KEYS[kind]
    ends = ("min", "max") if kind in ("normal", "lognormal") else ()
    if not set(keys) <= set(given) <= {"distribution", *keys, *ends}:
        found = ", ".join(str(key) for key in given if key != "distribution") or "nothing"
        raise ParameterError(f"a {kind} distribution was given by {found}", where=where, expected=", ".join(keys))
    numbers = tuple(_number(given[key], where) for key in keys)
    if not ends:
        if not (numbers[0] < numbers[-1] and list(numbers) == sorted(numbers)):
            told = ", ".join(f"{x:g}" for x in numbers)
            raise ParameterError(f"the range is {told}", where=where, expected="low below high, in rising order")
        return Value(kind, numbers)
    if numbers[1] <= 0 or (kind == "lognormal" and numbers[0] <= 0):
        told = ", ".join(f"{key} {x:g}" for key, x in zip(keys, numbers, strict=True))
        raise ParameterError(f"the {kind} distribution has {told}", where=where, expected="a spread above 0")
    low, high = float(given.get("min", -math.inf)), float(given.get("max", math.inf))
    value = Value(kind, numbers, low, high)
    if not value._share_below(high) > value._share_below(low):
        raise ParameterError(f"nothing lies between {low:g} and {high:g}", where=where, expected="min below max")
    return value
