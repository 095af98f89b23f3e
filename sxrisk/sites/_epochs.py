"""From the scans of several epochs to clean clouds in one position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from sxrisk.errors import ParameterError
from sxrisk.scans import Registration, Scan, clean, ground, register
from sxrisk.surfaces import grid_elevation

__all__ = ["Epoch", "as_epochs", "prepare", "shared_grids"]


@dataclass(frozen=True)
class Epoch:
    """One epoch, clean and in the position of the first.

    Parameters
    ----------
    scan : Scan
        What is left: ground on terrain, everything but outliers in a cavity.
    registration : Registration, optional
        How it was brought onto the first epoch; None for the first.
    taken_out : dict of str to int
        Points taken out, by reason, and ``read``, the points there were.
    """

    scan: Scan
    registration: Registration | None
    taken_out: dict[str, int]

    @property
    def label(self) -> str:
        """Date of the epoch for layers and legends; empty where unknown."""
        return "" if self.scan.epoch is None else self.scan.epoch.date().isoformat()

    def report(self) -> dict[str, Any]:
        """The epoch for the summary."""
        found: dict[str, Any] = {
            "epoch": None if self.scan.epoch is None else self.scan.epoch.isoformat(),
            "source": self.scan.source,
            "points": dict(self.taken_out),
            "stations": 0 if self.scan.stations is None else len(self.scan.stations),
        }
        if self.registration is not None:
            moved = self.registration
            found["registration"] = {
                "translation_m": [round(float(v), 6) for v in moved.translation_m],
                "rotation_mrad": round(moved.rotation_mrad, 6),
                "origin": [float(v) for v in moved.origin],
                "sigma_m": round(moved.sigma_m, 6),
                "points": moved.n,
                "stable_share": round(float(moved.stable.mean()), 4),
                "converged": moved.converged,
            }
        return found


def as_epochs(epochs: Sequence[Scan | Sequence[Scan]], crs: Any = None, vertical_crs: Any = None) -> list[Scan]:
    """One merged scan per epoch, oldest first, in known coordinates and metres.

    Raises
    ------
    ParameterError
        If there is no epoch, or only some have a date.
    """
    if not epochs:
        raise ParameterError("a site without scans", where="epochs", expected="at least one epoch")
    merged = []
    for epoch in epochs:
        scan = epoch if isinstance(epoch, Scan) else Scan.merge(list(epoch))
        if scan.crs is None and crs is not None:
            scan = scan.replace(crs=crs)
        if scan.vertical_crs is None and vertical_crs is not None:
            scan = scan.replace(vertical_crs=vertical_crs)
        merged.append(scan.require_metres())
    dated = [scan.epoch for scan in merged if scan.epoch is not None]
    if dated and len(dated) < len(merged):
        raise ParameterError("some epochs have a date and some have none", where="epochs", expected="a date for each")
    return sorted(merged, key=lambda scan: scan.epoch.timestamp()) if dated else merged  # type: ignore[union-attr]


def prepare(scans: Sequence[Scan], *, terrain: bool, parameters: Mapping[str, Any]) -> list[Epoch]:
    """Clean every epoch, take plants and machines off terrain, and register the later ones onto the first.

    Parameters
    ----------
    scans : sequence of Scan
        One per epoch, oldest first.
    terrain : bool
        Whether what stands on the ground is to be taken out.
    parameters : mapping
        ``object_m`` (width of the widest thing standing on the ground), ``registered`` (True: the scans are in
        position already).

    Returns
    -------
    list of Epoch
    """
    prepared: list[Epoch] = []
    for scan in scans:
        cleaned = clean(scan)
        left, taken = cleaned.scan, {"read": scan.n_points, "outliers": cleaned.n_outliers,
                                     "isolated": cleaned.n_isolated}  # fmt: skip
        if terrain:
            bare = ground(left, object_m=float(parameters.get("object_m", 12.0)))
            taken["on_ground"] = int((~bare).sum())
            left = left.select(bare)
        taken["used"] = left.n_points
        registration = None
        if not prepared and left.registration_sigma_m is None:
            # The first epoch is the frame that the others are compared in.
            left = left.replace(registration_sigma_m=0.0)
        if prepared and not parameters.get("registered", False):
            registration = register(left, prepared[0].scan)
            left = registration.apply(left)
        prepared.append(Epoch(left, registration, taken))
    return prepared


def shared_grids(epochs: Sequence[Epoch], cell_m: float) -> list[xr.DataArray]:
    """Mean elevation of each epoch on one grid that covers all."""
    boxes = np.array([epoch.scan.bounds() for epoch in epochs])
    bounds = (*boxes[:, :2].min(axis=0), *boxes[:, 3:5].max(axis=0))
    return [grid_elevation(epoch.scan, cell_m, bounds=bounds) for epoch in epochs]
