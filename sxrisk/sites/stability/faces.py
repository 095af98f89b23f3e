"""Places the faces of a goaf on the stability graph, with the spread of what is known of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.sites.stability.methods import METHODS
from sxrisk.sites.stability.monte_carlo import Spread, draw_values, spread_of
from sxrisk.sites.stability.ranges import Value, parameter_values
from sxrisk.sites.stability.stability_graph import (
    Form,
    gravity_factor_c,
    hydraulic_radius_m,
    joint_factor_b,
    modified_quality,
    potvin_transition_m,
    sliding_factor_c,
    stability_number,
    stability_probability,
    stress_factor_a,
)

__all__ = ["FACE_WAYS", "graph_faces"]

Array = NDArray[np.float64]

_FIGURES = {"n_prime": "n_prime", "hr_m": "hydraulic_radius_m", "probability_stable": "probability_stable"}
_FACTORS = ("q_prime", "factor_a", "factor_b", "factor_c")
_TRANSITION = ("potvin_low_m", "potvin_high_m")
_COLUMNS = (
    "face", "evidence", "applied", "reason", "missing", *_FACTORS,
    *(f"{name}{point}" for name in _FIGURES for point in ("", "_p05", "_p95")), "probability_stable_mean", *_TRANSITION,
)  # fmt: skip

#: What each quantity of the graph can be made of, the direct way first.
FACE_WAYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "q_prime": (("q_prime",), ("rqd", "joint_sets_jn", "joint_roughness_jr", "joint_alteration_ja")),
    "factor_a": (("factor_a",), ("ucs_mpa", "induced_stress_mpa")),
    "factor_b": (("factor_b",), ("joint_angle_deg",)),
    "hydraulic_radius_m": (("hydraulic_radius_m",), ("area_m2", "perimeter_m")),
}


def graph_faces(
    faces: pd.DataFrame,
    parameters: Mapping[str, Any],
    *,
    form: Form = "potvin",
    draws: int = 100_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Place the faces of a goaf on the stability graph.

    Parameters
    ----------
    faces : DataFrame
        One row a face (roof, each wall): ``face`` (its name), ``area_m2`` and ``perimeter_m`` or
        ``hydraulic_radius_m`` (better where area and perimeter are ranges: they vary together, and their draws do
        not), ``failure`` (``gravity`` with ``dip_deg`` of the face, or ``sliding`` with
        ``joint_dip_deg``) or ``factor_c``; and any parameter that differs from face to face. Numbers, ranges or
        distributions as for :func:`sxrisk.sites.stability.as_value`.
    parameters : mapping of str to value
        What all faces share: ``q_prime`` or ``rqd, joint_sets_jn, joint_roughness_jr, joint_alteration_ja``;
        ``factor_a`` or ``ucs_mpa, induced_stress_mpa``; ``factor_b`` or ``joint_angle_deg``. A face's own value wins.
        Other names are not looked at.
    form : {"potvin", "mathews"}
        Of factor C under gravity.
    draws, seed : int
        Of the Monte Carlo draws; what the faces share is drawn once for all of them.

    Returns
    -------
    DataFrame
        One row a face: ``face, evidence, applied, q_prime, factor_a, factor_b, factor_c``; ``n_prime, hr_m,
        probability_stable`` (inputs at their medians), each with ``_p05`` and ``_p95``; ``probability_stable_mean``
        (over all draws); ``potvin_low_m, potvin_high_m`` (hydraulic radii of Potvin's transition at this N');
        ``reason, missing``.

    Raises
    ------
    MissingFieldError
        If there is no column ``face``.
    ParameterError
        If a value is impossible or not readable.

    Examples
    --------
    >>> faces = pd.DataFrame({"face": ["roof"], "area_m2": [600.0], "perimeter_m": [100.0], "dip_deg": [0.0],
    ...     "failure": ["gravity"]})
    >>> table = graph_faces(faces, {"q_prime": [8, 12], "factor_a": 1.0, "factor_b": 0.2})
    >>> table.loc[0, ["n_prime", "hr_m", "probability_stable"]].astype(float).round(3).tolist()
    [4.0, 6.0, 0.815]
    """
    if "face" not in faces.columns:
        raise MissingFieldError("the faces have no names", where="faces", expected="a column face")
    names = {name for ways in FACE_WAYS.values() for way in ways for name in way} | {
        "factor_c",
        "dip_deg",
        "joint_dip_deg",
    }
    shared = parameter_values({name: value for name, value in parameters.items() if name in names})
    shared_draws = draw_values(shared, draws=draws, seed=seed)
    rows = []
    for face in faces.to_dict("records"):
        own = parameter_values({name: face[name] for name in names if name in face})
        drawn = shared_draws | draw_values(own, draws=draws, seed=seed, scope=str(face["face"]))
        rows.append(_face_row(face, {**shared, **own}, set(own), drawn, form))
    return pd.DataFrame(rows, columns=None if rows else list(_COLUMNS))


def _failure(face: Mapping[Any, Any]) -> str:
    failure = face.get("failure")
    if failure is None or failure != failure or failure == "":
        return ""
    if failure not in ("gravity", "sliding"):
        raise ParameterError(f"the failure is {failure!r}", where=str(face["face"]), expected="gravity or sliding")
    return str(failure)


def _face_row(
    face: Mapping[Any, Any], values: Mapping[str, Value], own: set[str], drawn: Mapping[str, Array], form: Form
) -> dict[str, Any]:
    ways = {quantity: _way(choices, values, own) for quantity, choices in FACE_WAYS.items()}
    by_failure = {"": "failure", "gravity": "dip_deg", "sliding": "joint_dip_deg"}[_failure(face)]
    ways["factor_c"] = ("factor_c",) if "factor_c" in values else (by_failure,)
    missing = [need for way in ways.values() for need in way if need not in values]
    row: dict[str, Any] = {
        "face": str(face["face"]),
        "evidence": str(METHODS["graph"]["extended"].evidence),
        "applied": not missing,
        "reason": "parameter_missing" if missing else "",
        "missing": ", ".join(missing),
    }
    middle = spread = dict.fromkeys((*ways, "n_prime", "probability_stable", *_TRANSITION), np.nan)
    if not missing:
        if "area_m2" in ways["hydraulic_radius_m"]:
            hydraulic_radius_m(values["area_m2"].middle, values["perimeter_m"].middle)  # refuses what no face can have
        middle = _place(ways, {key: np.asarray(value.middle) for key, value in values.items()}, form)
        spread = _place(ways, drawn, form)
    row |= {key: float(middle[key]) for key in _FACTORS}
    for column, key in _FIGURES.items():
        points = Spread(np.nan, np.nan, np.nan) if missing else spread_of(spread[key])
        row |= {column: float(middle[key]), f"{column}_p05": points.p05, f"{column}_p95": points.p95}
    row["probability_stable_mean"] = float(np.mean(spread["probability_stable"]))
    row |= {key: float(middle[key]) for key in _TRANSITION}
    return row


def _way(choices: tuple[tuple[str, ...], ...], values: Mapping[str, Value], own: set[str]) -> tuple[str, ...]:
    """The way that is given whole, first by the face's own values; else the one of which most is given."""

    def rank(way: tuple[str, ...]) -> tuple[bool, bool, int]:
        return all(name in values for name in way), not own.isdisjoint(way), len(values.keys() & {*way})

    # Of equal ranks max() takes the first, which is the direct one.
    return max(choices, key=rank)


def _place(ways: Mapping[str, tuple[str, ...]], given: Mapping[str, Array], form: Form) -> dict[str, Any]:
    def made(quantity: str, make: Any) -> Array:
        names = ways[quantity]
        return given[quantity] if names == (quantity,) else make(*(given[name] for name in names))

    out: dict[str, Any] = {
        "q_prime": made("q_prime", modified_quality),
        "factor_a": made("factor_a", lambda strength, stress: stress_factor_a(strength / stress)),
        "factor_b": made("factor_b", joint_factor_b),
        "hydraulic_radius_m": made("hydraulic_radius_m", np.divide),
    }
    if ways["factor_c"] == ("joint_dip_deg",):
        out["factor_c"] = sliding_factor_c(given["joint_dip_deg"])
    else:
        out["factor_c"] = made("factor_c", lambda dip: gravity_factor_c(dip, form=form))
    out["n_prime"] = stability_number(out["q_prime"], out["factor_a"], out["factor_b"], out["factor_c"])
    out["probability_stable"] = stability_probability(out["hydraulic_radius_m"], out["n_prime"])
    out["potvin_low_m"], out["potvin_high_m"] = potvin_transition_m(out["n_prime"])
    return out
