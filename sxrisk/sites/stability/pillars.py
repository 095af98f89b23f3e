"""Stress on a pillar, and its factor of safety by every published formula, with the spread."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.sites.stability.formula import formula
from sxrisk.sites.stability.methods import METHODS, WORDS, Method, method_row
from sxrisk.sites.stability.monte_carlo import draw_values, spread_of
from sxrisk.sites.stability.pillar_strength import pillar_strength_mpa
from sxrisk.sites.stability.ranges import Value, parameter_values

__all__ = ["pillar_safety", "pillar_stress_mpa"]

Array = NDArray[np.float64]

_GEOMETRY = ("width_m", "height_m", "length_m", "bord_m", "plan_area_m2", "tributary_area_m2", "depth_m")
_ROCK = ("unit_weight_kn_m3", "cube_strength_mpa", "in_situ_strength_mpa", "hedley_grant_strength_mpa", "ucs_mpa")


@formula("MPa.")
def pillar_stress_mpa(depth_m: Any, *, unit_weight_kn_m3: Any, plan_area_m2: Any, tributary_area_m2: Any) -> Any:
    """Mean stress on a pillar by the tributary area, ``gamma H A_t / A_p = gamma H / (1 - e)``.

    Evidence V2. For a square pillar of width w between bords of width B, ``A_t / A_p = (w + B)^2 / w^2``.

    References
    ----------
    Mechanics: weight of the overburden over the pillar's area.

    Examples
    --------
    >>> float(pillar_stress_mpa(100, unit_weight_kn_m3=25, plan_area_m2=25, tributary_area_m2=100))
    10.0
    """
    short = tributary_area_m2 < plan_area_m2
    if np.any(short):
        ratio = np.broadcast_to(tributary_area_m2 / plan_area_m2, short.shape)[short]
        raise ParameterError(
            f"the tributary area is {ratio.flat[0]:.3g} of the pillar's own",
            where="tributary_area_m2",
            expected="at least the pillar's plan area",
        )
    return unit_weight_kn_m3 * depth_m * (tributary_area_m2 / plan_area_m2) / 1000.0


def pillar_safety(
    pillars: pd.DataFrame,
    parameters: Mapping[str, Any],
    *,
    mineral: str | None = None,
    draws: int = 100_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Factor of safety of each pillar by each formula, with its spread.

    Parameters
    ----------
    pillars : DataFrame
        One row a pillar: ``id, width_m, height_m``; ``plan_area_m2`` or ``length_m``; ``tributary_area_m2`` or
        ``bord_m`` (one width of bord all round, with ``length_m``); ``depth_m`` where pillars differ. Each a number, or
        a range or distribution as for :func:`sxrisk.sites.stability.as_value`. Other columns are not looked at.
    parameters : mapping of str to value
        ``unit_weight_kn_m3``, ``depth_m`` and the strengths that are known. One rock: all pillars share its draws.
    mineral : {"coal", "non_coal"}, optional
        Salamon and Munro's constant holds for coal alone.
    draws, seed : int
        Of the Monte Carlo draws; the same seed gives the same figures, whatever other pillars there are.

    Returns
    -------
    DataFrame
        One row a pillar and formula: ``id, method, title_zh, title_en, evidence, applied, width_to_height, stress_mpa,
        strength_mpa, fos`` (inputs at their medians), ``fos_p05, fos_p50, fos_p95, probability_below_1`` (NaN where
        every value is exact), ``share_outside`` (draws beyond the formula's range of w/h, left out of the spread),
        ``governing`` (the least `fos` of the pillar), ``reason, missing``.

    Raises
    ------
    MissingFieldError
        If `pillars` has no column ``id``, or an id stands twice.
    ParameterError
        If a value is impossible or not readable, or a pillar carries less than its own area.

    Examples
    --------
    >>> pillars = pd.DataFrame({"id": ["P1"], "width_m": [5.0], "height_m": [2.5], "length_m": [5.0], "bord_m": [5.0]})
    >>> rock = {"depth_m": 100, "unit_weight_kn_m3": 25, "in_situ_strength_mpa": {"distribution": "lognormal",
    ...     "median": 10, "sigma_ln": 0.2}}
    >>> table = pillar_safety(pillars, rock).set_index("method")
    >>> [round(float(x), 2) for x in table.loc["bieniawski", ["stress_mpa", "fos", "fos_p05", "probability_below_1"]]]
    [10.0, 1.36, 0.98, 0.06]
    >>> table.loc["hedley_grant", "missing"]
    'hedley_grant_strength_mpa'
    """
    if mineral is not None and mineral not in WORDS["mineral"]["values"]:
        expected = " or ".join(WORDS["mineral"]["values"])
        raise ParameterError(f"the mineral is {mineral!r}", where="mineral", expected=expected)
    if "id" not in pillars.columns or pillars["id"].duplicated().any():
        raise MissingFieldError("the pillars have no unique ids", where="pillars", expected="a column id")
    rock = parameter_values({name: parameters[name] for name in (*_ROCK, "depth_m") if name in parameters})
    rock_draws = draw_values(rock, draws=draws, seed=seed)
    rows: list[dict[str, Any]] = []
    for pillar in pillars.to_dict("records"):
        name = str(pillar["id"])
        own = parameter_values({key: pillar[key] for key in _GEOMETRY if key in pillar})
        drawn = rock_draws | draw_values(own, draws=draws, seed=seed, scope=name)
        rows += _pillar_rows(name, rock | own, drawn, mineral)
    return pd.DataFrame(rows)


def _pillar_rows(
    name: str, values: Mapping[str, Value], drawn: Mapping[str, Array], mineral: str | None
) -> list[dict[str, Any]]:
    needed, missing_for_stress = _stress_needs(values)
    middles = {key: np.asarray(value.middle) for key, value in values.items()}
    stress = None if missing_for_stress else (_stress(middles), _stress(drawn))
    rows: list[dict[str, Any]] = []
    for method in METHODS["pillar"].values():
        missing = [*missing_for_stress, *(need for need in method.needs if need not in values and need != "mineral")]
        if "mineral" in method.needs and mineral is None:
            missing.append("mineral")
        reason = ""
        if mineral is not None and method.mineral not in ("", mineral):
            reason, missing = "made_for_coal", []
        low, high = method.width_to_height
        slender = float(middles["width_m"] / middles["height_m"]) if {"width_m", "height_m"} <= set(values) else np.nan
        if not reason and not missing and not low < slender < high:
            reason = "outside_stated_range"
        row: dict[str, Any] = {
            "id": name,
            **method_row(method, missing, reason),
            "width_to_height": slender,
            "stress_mpa": float(stress[0]) if stress else np.nan,
            **dict.fromkeys(("strength_mpa", "fos", "fos_p05", "fos_p50", "fos_p95"), np.nan),
            "probability_below_1": np.nan,
            "share_outside": np.nan,
            "governing": False,
        }
        if stress and row["applied"]:
            used = {*needed, *method.needs}
            exact = all(value.is_exact for key, value in values.items() if key in used)
            row |= _safety(method, middles, drawn, stress, exact=exact)
        rows.append(row)
    applied = [row for row in rows if row["applied"]]
    if applied:
        min(applied, key=lambda row: float(row["fos"]))["governing"] = True
    return rows


def _safety(
    method: Method,
    middles: Mapping[str, Array],
    drawn: Mapping[str, Array],
    stress: tuple[Array, Array],
    *,
    exact: bool,
) -> dict[str, Any]:
    strength = float(_strength(method, middles))
    slender = drawn["width_m"] / drawn["height_m"]
    low, high = method.width_to_height
    inside = (slender > low) & (slender < high)
    fos = np.asarray(_strength(method, drawn) / stress[1])
    share_outside = 1.0 - float(np.mean(inside))
    if share_outside:
        fos = np.broadcast_to(fos, np.broadcast_shapes(fos.shape, inside.shape))[np.broadcast_to(inside, fos.shape)]
    p05, p50, p95 = spread_of(fos)
    return {
        "strength_mpa": strength,
        "fos": strength / float(stress[0]),
        "fos_p05": p05,
        "fos_p50": p50,
        "fos_p95": p95,
        "probability_below_1": np.nan if exact or not fos.size else float(np.mean(fos < 1.0)),
        "share_outside": share_outside,
    }


def _strength(method: Method, given: Mapping[str, Array]) -> Array:
    values = dict(given)
    if "length_m" in values:
        # Of two nearly equal sides either may come out as the longer one.
        sides = values["width_m"], values["length_m"]
        values["width_m"], values["length_m"] = np.minimum(*sides), np.maximum(*sides)
    return pillar_strength_mpa(method.id, values.pop("width_m"), values.pop("height_m"), **values)


def _stress_needs(values: Mapping[str, Value]) -> tuple[set[str], list[str]]:
    """Values that stress and slenderness are made of, and those of them that are missing."""
    area = "plan_area_m2" if "plan_area_m2" in values else "length_m"
    carried = ["tributary_area_m2"] if "tributary_area_m2" in values else ["bord_m", "length_m"]
    names = list(dict.fromkeys(["width_m", "height_m", "depth_m", "unit_weight_kn_m3", area, *carried]))
    return set(names), [name for name in names if name not in values]


def _stress(given: Mapping[str, Array]) -> Array:
    plan = given["plan_area_m2"] if "plan_area_m2" in given else given["width_m"] * given["length_m"]
    if "tributary_area_m2" in given:
        tributary = given["tributary_area_m2"]
    else:
        tributary = (given["width_m"] + given["bord_m"]) * (given["length_m"] + given["bord_m"])
    return pillar_stress_mpa(
        given["depth_m"],
        unit_weight_kn_m3=given["unit_weight_kn_m3"],
        plan_area_m2=plan,
        tributary_area_m2=tributary,
    )
