"""How fast opposite walls, and roof and floor, of a cavity close."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.change import M3C2Result
from sxrisk.errors import ParameterError

__all__ = ["COLUMNS", "convergence"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Columns of the table.
COLUMNS = (
    "pair", "station_m", "x_m", "y_m", "z_m", "opening_m", "convergence_mm", "sigma_mm", "significance", "strain_mm_m",
    "rate_mm_per_day", "rate_sigma_mm_per_day", "n_first", "n_second",
)  # fmt: skip

# A wall counts where it faces its opposite within 45 degrees.
_FACING = float(np.cos(np.radians(45.0)))


def convergence(
    change: M3C2Result,
    *,
    axis_deg: float,
    days: float = float("nan"),
    cell_m: float = 2.0,
    left_out: Mask | None = None,
    min_points: int = 4,
) -> pd.DataFrame:
    """Closing of opposite faces between two epochs, by M3C2 distances towards the stations.

    Roof and floor are paired in square cells in plan, walls in bands across the axis and along it; of the faces met one
    behind the other along a band only those that look at each other are pairs, so that a pillar stands between two.
    What counts of a distance is its part along the line that joins the pair, by the median over a
    face. A shift of one epoch against the other
    moves both faces alike and cancels in the sum, so that registration enters by as much as the two are not parallel.

    Parameters
    ----------
    change : M3C2Result
        With normals towards the stations: a positive distance comes into the cavity.
    axis_deg : float
        Bearing of the long axis, degrees from grid north.
    days : float
        Between the epochs; NaN gives no rates.
    cell_m : float
        Side of the cells and width of the bands.
    left_out : (m,) bool, optional
        Core points where rock fell or came to rest: they do not close.
    min_points : int
        Least core points of each face of a pair.

    Returns
    -------
    DataFrame
        A row a pair: ``pair`` (``roof_floor``, ``walls_across``, ``walls_along``), ``station_m`` (of a band along the
        axis, or across it; NaN for cells), middle ``x_m, y_m, z_m``, ``opening_m`` before, ``convergence_mm`` (positive
        closes) with ``sigma_mm`` and their ratio ``significance``, ``strain_mm_m`` (by the opening),
        ``rate_mm_per_day`` with ``rate_sigma_mm_per_day``, core points ``n_first, n_second``.

    Raises
    ------
    ParameterError
        If the cell is not above 0.
    """
    if not cell_m > 0:
        raise ParameterError(f"cell_m is {cell_m!r}", where="convergence", expected="more than 0")
    known = (change.reason == 0) & (np.ones(len(change), bool) if left_out is None else ~left_out)
    origin = np.round(change.core_points.mean(axis=0), 1) if len(change) else np.zeros(3)
    angle = np.radians(axis_deg)
    along = np.array([np.sin(angle), np.cos(angle), 0.0])
    across = np.array([along[1], -along[0], 0.0])
    up = np.array([0.0, 0.0, 1.0])
    points = change.core_points[known] - origin
    data = _Faces(points, change.normals[known], change.distance[known], _sigma(change)[known],
                  _independent(change), change.registration_sigma_m)  # fmt: skip
    rows: list[dict[str, Any]] = []
    cells = np.floor(np.column_stack([points @ along, points @ across]) / cell_m).astype(np.int64)
    for cell in np.unique(cells, axis=0):
        members = np.flatnonzero((cells == cell).all(axis=1))
        rows += data.pairs(members, up, "roof_floor", np.nan, min_points)
    for name, line, bands in (("walls_across", across, cells[:, 0]), ("walls_along", along, cells[:, 1])):
        level = np.abs(data.normals[:, 2]) < _FACING
        for band in np.unique(bands):
            members = np.flatnonzero((bands == band) & level)
            rows += data.pairs(members, line, name, (float(band) + 0.5) * cell_m, min_points)
    for row in rows:
        row["x_m"], row["y_m"], row["z_m"] = (float(v) for v in row.pop("middle") + origin)
        row["significance"] = row["convergence_mm"] / row["sigma_mm"] if row["sigma_mm"] > 0 else np.nan
        row["strain_mm_m"] = row["convergence_mm"] / row["opening_m"]
        row["rate_mm_per_day"] = row["convergence_mm"] / days if days > 0 else np.nan
        row["rate_sigma_mm_per_day"] = row["sigma_mm"] / days if days > 0 else np.nan
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Faces:
    """Core points of a cavity, and the pairs of faces among them."""

    def __init__(
        self, points: Floats, normals: Floats, distance: Floats, sigma: Floats, independent: float, registration: float
    ) -> None:
        self.points, self.normals, self.distance, self.sigma = points, normals, distance, sigma
        self.independent, self.registration = independent, registration

    def pairs(
        self, members: NDArray[np.int64], line: Floats, name: str, station: float, least: int
    ) -> list[dict[str, Any]]:
        """Faces that look at each other along a line, nearest first."""
        facing = self.normals[members] @ line
        members, facing = members[np.abs(facing) > _FACING], facing[np.abs(facing) > _FACING]
        place = self.points[members] @ line
        order = np.argsort(place, kind="stable")
        members, sense = members[order], np.sign(facing[order])
        turns = np.flatnonzero(np.diff(sense)) + 1
        runs = np.split(np.arange(len(members)), turns) if len(members) else []
        out = []
        for low, high in pairwise(runs):
            # The lower face looks forward, the upper one back: void between them, not a pillar.
            if sense[low[0]] > 0 > sense[high[0]] and min(len(low), len(high)) >= least:
                out.append(self._pair(members[low], members[high], line, name, station))
        return out

    def _pair(
        self, low: NDArray[np.int64], high: NDArray[np.int64], line: Floats, name: str, station: float
    ) -> dict[str, Any]:
        closing, variance = 0.0, 0.0
        for side in (low, high):
            share = np.abs(self.normals[side] @ line)
            moved = self.distance[side] * share
            middle = float(np.median(moved))
            closing += middle
            n = max(len(side) * self.independent, 1.0)
            noise = float(np.mean((self.sigma[side] * share) ** 2))
            spread = 1.4826 * float(np.median(np.abs(moved - middle)))
            # A median, that an edge or a bolt does not move, varies by half a pi more than a mean.
            variance += np.pi / 2.0 * max(noise, spread**2) / n
        lean = float(np.linalg.norm(self.normals[low].mean(axis=0) + self.normals[high].mean(axis=0)))
        middles = self.points[low].mean(axis=0), self.points[high].mean(axis=0)
        return {
            "pair": name,
            "station_m": station,
            "middle": (middles[0] + middles[1]) / 2.0,
            "opening_m": float((middles[1] - middles[0]) @ line),
            "convergence_mm": 1e3 * closing,
            "sigma_mm": 1e3 * float(np.sqrt(variance + (self.registration * lean) ** 2)),
            "n_first": len(low),
            "n_second": len(high),
        }


def _sigma(change: M3C2Result) -> Floats:
    """1 sigma of each distance without registration."""
    parts = (
        np.square(std) / np.maximum(n, 1)
        for std, n in ((change.std_reference, change.n_reference), (change.std_compared, change.n_compared))
    )
    return np.sqrt(np.sum(list(parts), axis=0))


def _independent(change: M3C2Result) -> float:
    """How many independent distances a core point is worth: cylinders that overlap share their points."""
    spacing = float(change.parameters["core_spacing_m"])
    radius = float(change.parameters["cylinder_radius_m"])
    return min(spacing**2 / (np.pi * radius**2), 1.0)
