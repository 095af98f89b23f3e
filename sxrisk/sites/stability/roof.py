"""Thickness that a goaf's roof needs: every published method beside the others, the governing one named."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.methods import METHODS, Method
from sxrisk.sites.stability.monte_carlo import draw_values, spread_of
from sxrisk.sites.stability.ranges import Value, as_value, parameter_value, parameter_values, possible
from sxrisk.sites.stability.scaled_span import scaled_span_thickness_m

__all__ = [
    "fixed_beam_thickness_m",
    "load_transfer_thickness_m",
    "protodyakonov_thickness_m",
    "roof_thickness",
    "thickness_span_thickness_m",
]

Array = NDArray[np.float64]


def thickness_span_thickness_m(span_m: Any, *, safety_factor: Any) -> Array:
    """Thickness-span ratio (厚跨比法), ``h = 0.5 K B``.

    Evidence G+; K 1.1 to 1.5 was published with this method and with no other.

    Parameters
    ----------
    span_m : array_like
        Span B, metres.
    safety_factor : array_like
        K, 1 or more.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Practice of Chinese metal mines.

    Examples
    --------
    >>> float(thickness_span_thickness_m(20, safety_factor=1.2))
    12.0
    """
    return np.asarray(0.5 * possible("safety_factor", safety_factor) * possible("span_m", span_m))


def load_transfer_thickness_m(span_m: Any, *, safety_factor: Any, transfer_angle_deg: Any) -> Array:
    """Intersection of the load transfer lines (荷载传递线交汇法), ``h = K B / (2 tan beta)``.

    Evidence G+; beta 30 to 35 degrees from the vertical was published with it.

    Parameters
    ----------
    span_m, safety_factor
        As for :func:`thickness_span_thickness_m`.
    transfer_angle_deg : array_like
        beta, degrees from the vertical.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Practice of Chinese metal mines.

    Examples
    --------
    >>> float(load_transfer_thickness_m(20, safety_factor=1.0, transfer_angle_deg=45).round(9))
    10.0
    """
    tangent = np.tan(np.radians(possible("transfer_angle_deg", transfer_angle_deg)))
    return np.asarray(possible("safety_factor", safety_factor) * possible("span_m", span_m) / (2.0 * tangent))


def fixed_beam_thickness_m(
    span_m: Any, *, safety_factor: Any, unit_weight_kn_m3: Any, surface_load_kpa: Any, allowed_tension_kpa: Any
) -> Array:
    """Beam with fixed ends (结构力学梁), ``h = K 0.25 B (gamma B + sqrt((gamma B)^2 + 8 q sigma_t)) / sigma_t``.

    Evidence G; per metre of the beam's width. It is what bending gives: a moment of ``(gamma h + q) B^2 / 12`` at the
    ends over a section modulus of ``h^2 / 6`` equals the allowed tension.

    Parameters
    ----------
    span_m, safety_factor
        As for :func:`thickness_span_thickness_m`.
    unit_weight_kn_m3 : array_like
        gamma.
    surface_load_kpa : array_like
        q on top of the roof.
    allowed_tension_kpa : array_like
        sigma_t, the tension allowed in the rock mass.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Practice of Chinese metal mines; mechanics of beams.

    Examples
    --------
    >>> float(fixed_beam_thickness_m(20, safety_factor=1, unit_weight_kn_m3=25, surface_load_kpa=0,
    ...     allowed_tension_kpa=1000))
    5.0
    """
    span, tension = possible("span_m", span_m), possible("allowed_tension_kpa", allowed_tension_kpa)
    weight = possible("unit_weight_kn_m3", unit_weight_kn_m3) * span
    root = np.sqrt(weight**2 + 8.0 * possible("surface_load_kpa", surface_load_kpa) * tension)
    return np.asarray(possible("safety_factor", safety_factor) * 0.25 * span * (weight + root) / tension)


def protodyakonov_thickness_m(
    span_m: Any, *, safety_factor: Any, goaf_height_m: Any, friction_angle_deg: Any, strength_coefficient: Any
) -> Array:
    """Protodyakonov's arch (普氏拱), ``h = K (B/2 + h0 tan(45 deg - phi/2)) / f``.

    Evidence G+.

    Parameters
    ----------
    span_m, safety_factor
        As for :func:`thickness_span_thickness_m`.
    goaf_height_m : array_like
        h0, metres.
    friction_angle_deg : array_like
        phi of the walls' rock.
    strength_coefficient : array_like
        Protodyakonov's f.

    Returns
    -------
    (...) float64 array
        Metres.

    Raises
    ------
    ParameterError
        If a value is impossible.

    References
    ----------
    Practice of Chinese metal mines, after Protodyakonov.

    Examples
    --------
    >>> float(protodyakonov_thickness_m(20, safety_factor=1, goaf_height_m=6, friction_angle_deg=0,
    ...     strength_coefficient=4).round(9))
    4.0
    """
    wedge = np.tan(np.radians(45.0 - possible("friction_angle_deg", friction_angle_deg) / 2.0))
    half_width = possible("span_m", span_m) / 2.0 + possible("goaf_height_m", goaf_height_m) * wedge
    return np.asarray(
        possible("safety_factor", safety_factor) * half_width / possible("strength_coefficient", strength_coefficient)
    )


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
        ``required_p05_m, required_p95_m, available_m, ratio`` (available over required), ``probability_short`` (that
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
    factors = common.pop("safety_factor", None)
    known = parameter_values({k: v for k, v in common.items() if k in _asked()})
    known["span_m"] = parameter_value("span_m", span_m)
    given = None if available_m is None or _is_nan(available_m) else parameter_value("available_m", available_m)
    rows = []
    for method in METHODS["roof"].values():
        values = {name: known[name] for name in method.needs if name in known}
        factor = _factor(factors, method)
        if factor is not None:
            values["safety_factor"] = factor
        rows.append(_row(method, known["span_m"], values, given, draws, seed))
    table = pd.DataFrame(rows)
    table["governing"] = table["required_m"].eq(table["required_m"].max()) & table["applied"]
    return table


def _asked() -> set[str]:
    return {name for method in METHODS["roof"].values() for name in method.needs}


def _is_nan(given: Any) -> bool:
    return isinstance(given, float) and math.isnan(given)


def _factor(factors: Any, method: Method) -> Value | None:
    """The method's own factor, or the one given for all."""
    if "safety_factor" not in method.needs or factors is None:
        return None
    if isinstance(factors, Mapping) and "distribution" not in factors:
        unknown = set(factors) - {name for name, other in METHODS["roof"].items() if "safety_factor" in other.needs}
        if unknown:
            raise ParameterError(
                f"there is no roof method with a factor called {', '.join(sorted(map(str, unknown)))}",
                where="safety_factor",
                expected=", ".join(name for name, other in METHODS["roof"].items() if "safety_factor" in other.needs),
            )
        factors = factors.get(method.id)
    return None if factors is None else parameter_value("safety_factor", as_value(factors, where="safety_factor"))


def _row(
    method: Method, span: Value, values: Mapping[str, Value], available: Value | None, draws: int, seed: int
) -> dict[str, Any]:
    missing = [name for name in method.needs if name not in values]
    reason = method.not_applied or ("parameter_missing" if missing else "")
    row: dict[str, Any] = {
        "method": method.id,
        "title_zh": method.zh,
        "title_en": method.en,
        "evidence": str(method.evidence),
        "applied": not reason,
        "required_m": np.nan,
        "required_p05_m": np.nan,
        "required_p95_m": np.nan,
        "available_m": np.nan if available is None else available.middle,
        "ratio": np.nan,
        "probability_short": np.nan,
        "governing": False,
        "reason": reason,
        "missing": ", ".join(missing),
        "outside_stated": "",
    }
    if reason:
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
    if available is not None and not all(value.is_exact for value in inputs.values()):
        row["probability_short"] = float(np.mean(there < required))
    return row
