"""What every cloud says about itself: coordinate systems, epoch, stations, uncertainties, units."""

from datetime import datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sxrisk.errors import CRSError
from sxrisk.scans._checks import aware_epoch, check_sigma, check_stations
from sxrisk.scans._crs import split_crs, unit_factor

__all__ = ["Described"]

Floats = npt.NDArray[np.float64]


class Described:
    """Coordinate systems, epoch, stations and uncertainties of a cloud, checked.

    Parameters
    ----------
    crs, vertical_crs, epoch, stations, range_sigma_m, registration_sigma_m, source
        See :class:`Scan`.
    """

    def __init__(
        self,
        *,
        crs: Any = None,
        vertical_crs: Any = None,
        epoch: datetime | str | None = None,
        stations: npt.ArrayLike | None = None,
        range_sigma_m: float | None = None,
        registration_sigma_m: float | None = None,
        source: str = "",
    ) -> None:
        self.source = source
        self.crs, self.vertical_crs = split_crs(crs, vertical_crs, where=source or None)
        self.epoch = aware_epoch(epoch, source)
        self._stations = check_stations(stations, source)
        self.range_sigma_m = check_sigma("range_sigma_m", range_sigma_m)
        self.registration_sigma_m = check_sigma("registration_sigma_m", registration_sigma_m)

    @property
    def stations(self) -> Floats | None:
        """Scanner stations (k, 3), or None where unknown."""
        return self._stations if len(self._stations) else None

    @property
    def units_m(self) -> tuple[float, float]:
        """Metres in one horizontal and one vertical unit; NaN for degrees.

        A height without a stated system has the horizontal unit.
        """
        horizontal = unit_factor(self.crs)
        return horizontal, unit_factor(self.vertical_crs) if self.vertical_crs is not None else horizontal

    def require_metres(self) -> Self:
        """The cloud itself if its coordinates are metres.

        Raises
        ------
        CRSError
            If they are degrees or feet: no length, volume or change can be measured in them.
        """
        if self.units_m == (1.0, 1.0):
            return self
        raise CRSError(
            f"the scan is in {self.crs_text} with units of {self.units_m[0]:g} m and {self.units_m[1]:g} m in height",
            where=self.source or None,
            expected="metres in plan and height",
            remedy="Reproject it: scan.to_crs('EPSG:4547')",
        )

    @property
    def crs_text(self) -> str:
        """The coordinate systems in a few words."""
        # to_string falls back to a page of JSON where the system has no code.
        code = self.crs.to_string() if self.crs is not None else "unknown coordinates"
        plan = code if self.crs is None or code.startswith("EPSG:") else self.crs.name
        return plan if self.vertical_crs is None else f"{plan} + {self.vertical_crs.name}"

    def _description(self) -> dict[str, Any]:
        return {
            "crs": self.crs,
            "vertical_crs": self.vertical_crs,
            "epoch": self.epoch,
            "stations": self.stations,
            "range_sigma_m": self.range_sigma_m,
            "registration_sigma_m": self.registration_sigma_m,
            "source": self.source,
        }
