"""Draws of uncertain values and what a formula makes of them."""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.ranges import Value

__all__ = ["Spread", "draw_values", "spread_of"]

Array = NDArray[np.float64]


class Spread(NamedTuple):
    """What many draws of a quantity say, in its own unit."""

    p05: float
    p50: float
    p95: float


def draw_values(values: Mapping[str, Value], *, draws: int, seed: int, scope: str = "") -> dict[str, Array]:
    """Draw every value independently of the others.

    Each has a stream of its own, from the seed, the scope and its name: one more parameter, or one more pillar, leaves
    the draws of the others as they were.

    Parameters
    ----------
    values : mapping of str to Value
    draws : int
        At least 1.
    seed : int
        0 or more.
    scope : str
        E.g. the pillar's id, where its width is another than its neighbour's.

    Returns
    -------
    dict of str to (draws,) float64 arrays
        An exact value as a () array.

    Raises
    ------
    ParameterError
        If `draws` or `seed` is out of range.

    Examples
    --------
    >>> from sxrisk.sites.stability.ranges import as_value
    >>> drawn = draw_values({"w": as_value([4, 6]), "h": as_value(3)}, draws=4, seed=1)
    >>> drawn["w"].shape, float(drawn["h"])
    ((4,), 3.0)
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ParameterError(f"the number of draws is {draws!r}", where="draws", expected="a whole number above 0")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ParameterError(f"the seed is {seed!r}", where="seed", expected="a whole number, 0 or more")
    return {
        name: value.sample(np.random.default_rng([seed, zlib.crc32(f"{scope}\n{name}".encode())]), draws)
        for name, value in values.items()
    }


def spread_of(drawn: Any) -> Spread:
    """The 5, 50 and 95 % points of draws; NaN draws are left out, a single value is its own spread.

    Examples
    --------
    >>> spread_of(np.arange(101.0))
    Spread(p05=5.0, p50=50.0, p95=95.0)
    """
    drawn = np.asarray(drawn, dtype=np.float64)
    unknown = np.isnan(drawn)
    good = drawn[~unknown] if unknown.any() else drawn
    if not good.size:
        return Spread(np.nan, np.nan, np.nan)
    return Spread(*(float(x) for x in np.quantile(good, (0.05, 0.5, 0.95))))
