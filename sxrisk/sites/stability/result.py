"""What the methods say of a goaf: one table, what is asked for, and the measurements that the criteria look at."""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sxrisk.crs import move_geometries
from sxrisk.findings import GEOGRAPHIC_CRS, measurement
from sxrisk.sites.stability.faces import FACE_WAYS
from sxrisk.sites.stability.measured import WITHOUT_PILLARS
from sxrisk.sites.stability.methods import PARAMETERS, parameter_title

__all__ = ["STABILITY_COLUMNS", "GoafStability"]

#: Columns of the table of all methods, with the type of each.
STABILITY_COLUMNS: Mapping[str, str] = {
    "topic": "str",
    "subject": "str",
    "method": "str",
    "title_zh": "str",
    "title_en": "str",
    "value": "float",
    "required": "float",
    "unit": "str",
    "ratio": "float",
    "ratio_p05": "float",
    "ratio_p95": "float",
    "probability": "float",
    "governing": "bool",
    "evidence": "str",
    "applied": "bool",
    "reason": "str",
    "missing": "str",
}

# From the 5 to the 95 % point of a normal distribution there are so many sigmas.
_SIGMAS = 2.0 * 1.6448536269514722


_HELD_AGAINST: Mapping[str, str] = {"roof": "available_m", "caving": "overburden_m"}
_WORST_IS_GREATEST = ("caving_height", "pillar_failure_probability")
# Metrics that every part has for itself, with the kind that the part is called.
_OF_EACH_PART: Mapping[str, str] = {
    "pillar_factor_of_safety": "goaf_pillar",
    "pillar_failure_probability": "goaf_pillar",
    "face_stable_probability": "goaf_face",
}


class _Told(NamedTuple):
    metric: str
    part: str
    method: str
    value: float
    sigma: float
    unit: str


@dataclass(frozen=True, eq=False)
class GoafStability:
    """What the methods say of a goaf. Nothing here is a verdict: criteria stand in the catalogue.

    Parameters
    ----------
    table : DataFrame
        One row a method and place, columns :data:`sxrisk.sites.stability.STABILITY_COLUMNS`: ``topic`` (roof, pillar,
        graph, caving), ``subject`` (id of roof, pillar or face), ``method, title_zh, title_en``; ``value`` (what is
        there: thickness of the crown pillar in m, strength of the pillar in MPa, hydraulic radius of the face in m,
        rock above in m) and ``required`` (what the method asks: thickness, stress, none, caving height) in ``unit``;
        ``ratio`` of both with ``ratio_p05, ratio_p95``; ``probability`` of the bad end (thinner than required, strength
        below stress, face not stable, caving to the surface); ``governing`` (of a roof the method that asks most, of
        a pillar that with the least factor, of all faces the least stable, of the cavings the highest); ``evidence,
        applied, reason, missing``.
    roof, pillars, faces, caving : DataFrame
        The full tables of :func:`roof_thickness` (with ``roof``), :func:`pillar_safety`, :func:`graph_faces` and
        :func:`caving_heights`.
    overruled : tuple of str
        Parameters that were measured and given: the user's counted.
    places : mapping of str to shapely geometry
        In plan, by the id of roof, face or pillar.
    crs : pyproj.CRS or None
        Of the places.
    mineral : str
        ``coal``, ``non_coal`` or empty.
    draws, seed : int
        Of the Monte Carlo draws.
    """

    table: pd.DataFrame
    roof: pd.DataFrame
    pillars: pd.DataFrame
    faces: pd.DataFrame
    caving: pd.DataFrame
    overruled: tuple[str, ...]
    places: Mapping[str, Any]
    crs: Any
    mineral: str
    draws: int
    seed: int

    def asked(self) -> dict[str, list[str]]:
        """Parameters that nobody measured or gave, each with the methods that wait for it.

        A method that is applied waits for what its result would be held against: the roof's thickness, the rock above.
        """
        waiting: dict[str, list[str]] = {}
        for row in self.table.to_dict("records"):
            names = str(row["missing"]).split(", ") if row["missing"] else []
            if row["applied"] and math.isnan(row["value"]) and row["topic"] in _HELD_AGAINST:
                names.append(_HELD_AGAINST[row["topic"]])
            for name in names:
                methods = waiting.setdefault(name, [])
                if row["method"] not in methods:
                    methods.append(row["method"])
        return waiting

    def summary(self) -> dict[str, Any]:
        """The table and what is asked for, ready for JSON: unknown numbers are None.

        Returns
        -------
        dict
            ``rows`` (of the table), ``governing`` (by topic the row that governs), ``asked`` (parameter to ``zh, en,
            unit``, ``instead``, the parameters that it can be made of, and ``methods``), ``faces`` (what
            :func:`sxrisk.products.stability_chart.draw_stability_chart` draws), ``overruled, mineral, draws, seed``.
        """
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.table.to_dict("records")]
        asked = {
            name: {
                "zh": parameter_title(name, "zh"),
                "en": parameter_title(name, "en"),
                "unit": PARAMETERS[name].unit if name in PARAMETERS else "",
                "instead": list(FACE_WAYS[name][1]) if name in FACE_WAYS else [],
                "methods": methods,
            }
            for name, methods in self.asked().items()
        }
        return {
            "rows": rows,
            "governing": self._governing(rows),
            "asked": asked,
            "faces": [{name: _plain(value) for name, value in row.items()} for row in self.faces.to_dict("records")],
            "overruled": list(self.overruled),
            "mineral": self.mineral,
            "draws": self.draws,
            "seed": self.seed,
        }

    def _governing(self, rows: list[dict[Hashable, Any]]) -> dict[str, dict[Hashable, Any]]:
        worst: dict[str, dict[Hashable, Any]] = {}
        for row in rows:
            if row["governing"] and (row["topic"] not in worst or _badness(row) > _badness(worst[row["topic"]])):
                worst[row["topic"]] = row
        return worst

    def measurements(self, kind: str, site_id: str, *, epoch: datetime | None = None) -> list[dict[str, Any]]:
        """Rows for :func:`sxrisk.findings.measurements_frame`.

        Of the goaf, by its worst roof, pillar or face: *roof_ratio_<method>* (thickness of the crown pillar over that
        required), *pillar_factor_of_safety* by the method that governs and *pillar_factor_of_safety_<method>*, for coal
        also *coal_pillar_factor_of_safety*, *pillar_failure_probability*, *face_stable_probability*, *caving_height*
        and *caving_height_ratio* (rock above over that height) of the highest caving. Of each pillar and face:
        *pillar_factor_of_safety*, *pillar_failure_probability*, *face_stable_probability*.

        Parameters
        ----------
        kind, site_id : str
            The goaf.
        epoch : datetime, optional
            Of the survey.

        Returns
        -------
        list of dict
            Places in EPSG:4490; sigma from the 5 and 95 % points, NaN without a spread.
        """
        told = sorted(self._told(), key=lambda one: one.metric)
        rows = []
        for metric, group in groupby(told, key=lambda one: one.metric):
            parts = list(group)
            worst = (max if metric in _WORST_IS_GREATEST else min)(parts, key=lambda one: one.value)
            ends = [(worst, "", "")]
            if metric in _OF_EACH_PART:
                ends += [(one, _OF_EACH_PART[metric], one.part) for one in parts]
            for one, object_kind, object_id in ends:
                place = self.places.get(one.part.removesuffix(WITHOUT_PILLARS))
                known = self.crs is not None and place is not None and not place.is_empty
                place = move_geometries(place, self.crs, GEOGRAPHIC_CRS) if known else None
                rows.append(
                    measurement(
                        kind, site_id, metric, one.value, one.unit, sigma=one.sigma, epoch=epoch, method=one.method,
                        geometry=place, object_kind=object_kind, object_id=object_id,
                    )
                )  # fmt: skip
        return rows

    def _told(self) -> Iterator[_Told]:
        """Every figure; `part` is the roof, pillar or face."""
        with_ratio = self.table[self.table["applied"] & self.table["ratio"].notna()]
        for row in with_ratio.to_dict("records"):
            figure = (row["subject"], row["method"], row["ratio"], _sigma(row, "ratio"), "1")
            if row["topic"] == "roof":
                yield _Told(f"roof_ratio_{row['method']}", *figure)
            elif row["topic"] == "caving":
                yield _Told("caving_height_ratio", *figure)
            elif row["topic"] == "pillar":
                yield _Told(f"pillar_factor_of_safety_{row['method']}", *figure)
                if row["governing"]:
                    yield _Told("pillar_factor_of_safety", *figure)
                    if self.mineral == "coal":
                        yield _Told("coal_pillar_factor_of_safety", *figure)
                    if math.isfinite(row["probability"]):
                        yield _Told("pillar_failure_probability", *figure[:2], row["probability"], math.nan, "1")
        for row in self.faces[self.faces["applied"].astype(bool)].to_dict("records"):
            figure = (row["face"], "extended", row["probability_stable"], _sigma(row, "probability_stable"), "1")
            yield _Told("face_stable_probability", *figure)
        for row in self.caving[self.caving["applied"]].to_dict("records"):
            yield _Told("caving_height", "", row["method"], row["height_m"], _sigma(row, "height", "_m"), "m")


def _badness(row: Mapping[Hashable, Any]) -> tuple[float, float]:
    """By the ratio where there is one, else by what is required."""
    ratio, required = row["ratio"], row["required"]
    return -ratio if ratio is not None else -math.inf, required if required is not None else 0.0


def _sigma(row: Mapping[Any, Any], name: str, unit: str = "") -> float:
    """1 sigma that a normal distribution with these 5 and 95 % points has; NaN without any spread."""
    width = float(row[f"{name}_p95{unit}"]) - float(row[f"{name}_p05{unit}"])
    return width / _SIGMAS if width > 0 else math.nan


def _plain(value: Any) -> Any:
    """A value as JSON knows it; what is unknown is None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
