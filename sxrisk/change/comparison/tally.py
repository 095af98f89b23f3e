"""Figures of a field that goes by in parts: the same whatever the parts and their order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally", "exact_sums"]

_STEP_M = 1e-7  # sums are kept in whole steps: whole numbers add up to the same in any order
_BIN_M = 1e-4
_WIDEST_BINS = 4_000_000


def exact_sums(cell: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sum of the values of each cell (size,), in steps of 0.1 micrometre and therefore exact in any order.

    Divide by :data:`STEPS_A_METRE` for metres.
    """
    sums: NDArray[np.float64] = np.bincount(cell, np.rint(values / _STEP_M), minlength=size).astype(np.float64)
    return sums


STEPS_A_METRE = 1.0 / _STEP_M


class Tally:
    """Count, mean and quantiles of values within a limit, kept to a tenth of a millimetre.

    Parameters
    ----------
    limit_m : float
        Largest size of a value; larger ones count to the last bin.
    """

    def __init__(self, limit_m: float) -> None:
        self._bin = max(_BIN_M, 2.0 * limit_m / _WIDEST_BINS)
        self._half = int(np.ceil(limit_m / self._bin)) + 1
        self._bins = np.zeros(2 * self._half + 1, np.int64)
        self._sum, self.count = 0, 0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take in values, NaN left out."""
        known = values[np.isfinite(values)]
        place = np.clip(np.rint(known / self._bin), -self._half, self._half).astype(np.int64) + self._half
        self._bins += np.bincount(place, minlength=len(self._bins))
        self._sum += int(np.rint(known / _STEP_M).sum())
        self.count += len(known)

    @property
    def mean(self) -> float:
        """Mean, NaN where there is no value."""
        return self._sum * _STEP_M / self.count if self.count else float("nan")

    def quantile(self, share: float) -> float:
        """Value that a share of the values does not exceed, NaN where there is none."""
        if not self.count:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self._bins), max(share * self.count, 1)))
        return float((place - self._half) * self._bin)

    def spread(self) -> float:
        """Median distance from the median, scaled to the sigma of a Gaussian."""
        if not self.count:
            return float("nan")
        middle = int(np.searchsorted(np.cumsum(self._bins), max(0.5 * self.count, 1)))
        away = np.abs(np.arange(len(self._bins)) - middle)
        by_distance = np.bincount(away, self._bins)
        return float(1.4826 * self._bin * np.searchsorted(np.cumsum(by_distance), 0.5 * self.count))

    def summary(self) -> dict[str, Any]:
        """Count, mean, median and outer quantiles, rounded to what they are worth."""
        names = {"p05_m": 0.05, "median_m": 0.5, "p95_m": 0.95}
        return {
            "count": self.count,
            "mean_m": rounded(self.mean),
            **{name: rounded(self.quantile(share)) for name, share in names.items()},
        }


def rounded(value: float, digits: int = 6) -> float | None:
    """A figure for JSON, which knows no NaN."""
    return round(float(value), digits) if np.isfinite(value) else None
