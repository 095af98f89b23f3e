"""Thickness that a goaf's roof needs: every published method beside the others, the governing one named."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.sites.stability.formula import formula
from sxrisk.sites.stability.methods import METHODS, Method, method_row
from sxrisk.sites.stability.monte_carlo import draw_values, spread_of
from sxrisk.sites.stability.parameters import factors_by_method
from sxrisk.sites.stability.ranges import Value, parameter_value, parameter_values
from sxrisk.sites.stability.scaled_span import scaled_span_thickness_m

__all__ = [
    "fixed_beam_thickness_m",
    "load_transfer_thickness_m",
    "protodyakonov_thickness_m",
    "roof_thickness",
    "thickness_span_thickness_m",
]

Array = NDArray[np.float64]


@formula("Metres.")
def thickness_span_thickness_m(span_m: Any, *, safety_factor: Any) -> Any:
    """Thickness-span ratio (厚跨比法), ``h = 0.5 K B``.

    Evidence G+; K 1.1 to 1.5 was published with this method and with no other.

    References
    ----------
    Practice of Chinese metal mines.

    Examples
    --------
    >>> float(thickness_span_thickness_m(20, safety_factor=1.2))
    12.0
    """
    return 0.5 * safety_factor * span_m


@formula("Metres.")
def load_transfer_thickness_m(span_m: Any, *, safety_factor: Any, transfer_angle_deg: Any) -> Any:
    """Intersection of the load transfer lines (荷载传递线交汇法), ``h = K B / (2 tan beta)``.

    Evidence G+; beta 30 to 35 degrees from the vertical was published with it.

    References
    ----------
    Practice of Chinese metal mines.

    Examples
    --------
    >>> float(load_transfer_thickness_m(20, safety_factor=1.0, transfer_angle_deg=45).round(9))
    10.0
    """
    tangent = np.tan(np.radians(transfer_angle_deg))
    return safety_factor * span_m / (2.0 * tangent)


@formula("Metres.")
def fixed_beam_thickness_m(
    span_m: Any, *, safety_factor: Any, unit_weight_kn_m3: Any, surface_load_kpa: Any, allowed_tension_kpa: Any
) -> Any:
    """Beam with fixed ends (结构力学梁), ``h = K 0.25 B (gamma B + sqrt((gamma B)^2 + 8 q sigma_t)) / sigma_t``.

    Evidence G; per metre of the beam's width. It is what bending gives: a moment of ``(gamma h + q) B^2 / 12`` at the
    ends over a section modulus of ``h^2 / 6`` equals the allowed tension.

    References
    ----------
    Practice of Chinese metal mines; mechanics of beams.

    Examples
    --------
    >>> float(fixed_beam_thickness_m(20, safety_factor=1, unit_weight_kn_m3=25, surface_load_kpa=0,
    ...     allowed_tension_kpa=1000))
    5.0
    """
    weight = unit_weight_kn_m3 * span_m
    root = np.sqrt(weight**2 + 8.0 * surface_load_kpa * allowed_tension_kpa)
    return safety_factor * 0.25 * span_m * (weight + root) / allowed_tension_kpa


@formula("Metres.")
def protodyakonov_thickness_m(
    span_m: Any, *, safety_factor: Any, goaf_height_m: Any, friction_angle_deg: Any, strength_coefficient: Any
) -> Any:
    """Protodyakonov's arch (普氏拱), ``h = K (B/2 + h0 tan(45 deg - phi/2)) / f``.

    Evidence G+.

    References
    ----------
    Practice of Chinese metal mines, after Protodyakonov.

    Examples
    --------
    >>> float(protodyakonov_thickness_m(20, safety_factor=1, goaf_height_m=6, friction_angle_deg=0,
    ...     strength_coefficient=4).round(9))
    4.0
    """
    wedge = np.tan(np.radians(45.0 - friction_angle_deg / 2.0))
    half_width = span_m / 2.0 + goaf_height_m * wedge
    return safety_factor * half_width / strength_coefficient


_FORMULAS: Mapping[str, Callable[..., Array]] = {
    "thickness_span": thickness_span_thickness_m,
    "load_transfer": load_transfer_thickness_m,
    "fixed_beam": fixed_beam_thickness_m,
    "protodyakonov": protodyakonov_thickness_m,
    "scaled_span": scaled_span_thickness_m,
}


def roof_thickness(
    span_m: Any,
    *,
    available_m: Any = None,
    parameters: Mapping[str, Any],
    draws: int = 100_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Thickness that each method asks of a roof, against what is there.

    Parameters
    ----------
    span_m : float, range or distribution
        Measured span of the roof, metres; forms as for :func:`sxrisk.sites.stability.as_value`.
    available_m : float, range or distribution, optional
        Measured thickness of the crown pillar, metres.
    parameters : mapping of str to value
        What the user knows, by the names in :data:`sxrisk.sites.stability.PARAMETERS`; what is missing leaves out the
        methods that need it. ``safety_factor`` may be a mapping of method to factor: a factor belongs to its method.
        Names that no roof method needs are not looked at.
    draws, seed : int
        Of the Monte Carlo draws where a value is a range.

    Returns
    -------
    DataFrame
        One row a method: ``method, title_zh, title_en, evidence, applied, required_m`` (all inputs at their medians),
        ``required_p05_m, required_p95_m, available_m, ratio`` (available over required; also ``_p05`` and
        ``_p95``), ``probability_short`` (that
        the roof is thinner than required; NaN where every value is exact), ``governing`` (the greatest required
        thickness), ``reason`` and ``missing`` of methods that were left out, ``outside_stated`` (parameters beyond the
        range that was published with this very method).

    Raises
    ------
    ParameterError
        If a value is impossible or not readable.

    Examples
    --------
    >>> table = roof_thickness(20.0, available_m=15.0, parameters={"safety_factor": 1.2, "transfer_angle_deg": 30})
    >>> table.loc[table["governing"], ["method", "required_m", "ratio"]].round(2).to_numpy().tolist()
    [['load_transfer', 20.78, 0.72]]
    >>> table.set_index("method").loc["protodyakonov", "missing"]
    'goaf_height_m, friction_angle_deg, strength_coefficient'
    """
    common = dict(parameters)
    factors = factors_by_method(common.pop("safety_factor", None))
    known = parameter_values({k: v for k, v in common.items() if k in _asked()})
    known["span_m"] = parameter_value("span_m", span_m)
    given = None if available_m is None or _is_nan(available_m) else parameter_value("available_m", available_m)
    rows = []
    for method in METHODS["roof"].values():
        values = {name: known[name] for name in method.needs if name in known}
        if method.id in factors:
            values["safety_factor"] = factors[method.id]
        rows.append(_row(method, known["span_m"], values, given, draws, seed))
    table = pd.DataFrame(rows)
    table["governing"] = table["required_m"].eq(table["required_m"].max()) & table["applied"]
    return table


def _asked() -> set[str]:
    return {name for method in METHODS["roof"].values() for name in method.needs}


def _is_nan(given: Any) -> bool:
    return isinstance(given, float) and math.isnan(given)


def _row(
    method: Method, span: Value, values: Mapping[str, Value], available: Value | None, draws: int, seed: int
) -> dict[str, Any]:
    missing = [name for name in method.needs if name not in values]
    row: dict[str, Any] = {
        **method_row(method, missing, method.not_applied),
        "required_m": np.nan,
        "required_p05_m": np.nan,
        "required_p95_m": np.nan,
        "available_m": np.nan if available is None else available.middle,
        **dict.fromkeys(("ratio", "ratio_p05", "ratio_p95"), np.nan),
        "probability_short": np.nan,
        "governing": False,
        "outside_stated": "",
    }
    if not row["applied"]:
        return row
    formula = _FORMULAS[method.id]
    row["required_m"] = float(formula(span.middle, **{name: value.middle for name, value in values.items()}))
    row["ratio"] = row["available_m"] / row["required_m"]
    row["outside_stated"] = ", ".join(
        name
        for name, (low, high) in method.stated.items()
        if values[name].support[0] < low or values[name].support[1] > high
    )
    inputs = {"span_m": span, **values} | ({} if available is None else {"available_m": available})
    drawn = draw_values(inputs, draws=draws, seed=seed)
    there = drawn.pop("available_m", np.asarray(np.nan))
    required = formula(drawn.pop("span_m"), **drawn)
    row["required_p05_m"], _, row["required_p95_m"] = spread_of(required)
    if available is not None:
        row["ratio_p05"], _, row["ratio_p95"] = spread_of(there / required)
        if not all(value.is_exact for value in inputs.values()):
            row["probability_short"] = float(np.mean(there < required))
    return row
