"""What a scanner's own errors do to a point, and what an uncertain registration does to a place."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError

__all__ = ["RegistrationError", "ScannerErrors", "sigma_along"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScannerErrors:
    """
    1 sigma of what a scanner measures, from its data sheet.

    Parameters
    ----------
    range_sigma_m : float, optional
        Of a single range, metres; None takes the scan's own ``range_sigma_m``.
    horizontal_sigma_rad, vertical_sigma_rad : float
        Of the two angles, radians.
    beam_spread_rad : float
        1 sigma half-width of the beam, radians: at oblique incidence the range inside the footprint is spread by range
        x spread x tangent of the angle of incidence. 0 leaves incidence out.

    Raises
    ------
    ParameterError
        If a value is negative or not finite.
    """

    range_sigma_m: float | None = None
    horizontal_sigma_rad: float = 0.0
    vertical_sigma_rad: float = 0.0
    beam_spread_rad: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"{name} is {value!r}", expected="0 or more")

    def values(self, scan_sigma: float | None) -> Floats:
        """Range, horizontal, vertical and beam sigma (4,), the range from the scan where nothing else is known.

        Raises
        ------
        ParameterError
            If nobody states the range's.
        """
        own = self.range_sigma_m if self.range_sigma_m is not None else scan_sigma
        if own is None:
            raise ParameterError(
                "nobody states how well a range is measured",
                expected="range_sigma_m of the scan or of ScannerErrors, metres",
            )
        return np.array([own, self.horizontal_sigma_rad, self.vertical_sigma_rad, self.beam_spread_rad])


class RegistrationError(Protocol):
    """How well one epoch is brought onto the other: :class:`sxrisk.Registration` says it."""

    def sigma_at(self, points: Any, along: Any = None) -> Floats:
        """1 sigma (m,) at places (m, 3) along directions (m, 3), metres."""
        ...


def sigma_along(registration: RegistrationError, places: Floats, normals: Floats) -> Floats:
    """1 sigma (m,) of a registration along the normals (m, 3) at places (m, 3), metres; NaN without a normal."""
    known = ~np.isnan(normals).any(axis=1)
    result = np.full(len(places), np.nan)
    if known.any():
        result[known] = registration.sigma_at(places[known], along=normals[known])
    return result
