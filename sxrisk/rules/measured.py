"""Thresholds on what was measured, or on what a layer's attribute says, of one thing."""

import numpy as np
import pandas as pd
import shapely

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import broken, probability_above
from sxrisk.rules.load import Catalogue
from sxrisk.rules.measurements import gap_reason, method_reasons, unit_gaps
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_measured"]


def apply_measured(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `measured`: the metric, else the attribute that stands in for it, against a limit."""
    rows = context.table.rows.iloc[subjects.positions]
    taken = context.measured.one_each(rule.metric, greatest=rule.op in (">", ">=")).reindex(rows["key"])
    fits = (taken["unit"] == rule.unit).to_numpy()
    value = taken["value"].where(fits).to_numpy(dtype=np.float64)
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    from_scan = np.isfinite(value)
    if rule.attribute:
        told = context.table.column(rule.attribute)[subjects.positions]
        if rule.divide_by:
            divisor = context.table.column(rule.divide_by)[subjects.positions]
            told = np.divide(told, divisor, out=np.full(len(told), np.nan), where=divisor > 0)
        value = np.where(from_scan, value, told)
    known = np.isfinite(value)
    place = taken["geometry"].to_numpy(dtype=object)
    own = shapely.point_on_surface(rows["geometry"].to_numpy(dtype=object))
    place = np.where(shapely.is_missing(place), own, place)
    unknown_sigma = from_scan & ~np.isfinite(sigma)
    sigma = np.where(from_scan & np.isfinite(sigma), sigma, 0.0)
    chance = probability_above(value, rule.value, sigma)
    if rule.op in ("<", "<="):
        chance = 1.0 - chance
    is_broken = broken(value, rule.value, rule.op)
    chance = np.where(sigma > 0, chance, is_broken.astype(np.float64))
    found = finding_rows(
        context.catalogue,
        rule,
        rows[known],
        None,
        measured=value[known],
        required=rule.value,
        sigma=sigma[known],
        is_broken=is_broken[known],
        probability=chance[known],
        geometry=place[known],
        reasons=[
            *((code, mask[known]) for code, mask in method_reasons(rule.metric, taken["method"].where(from_scan))),
            ("measurement_sigma_unknown", unknown_sigma[known]),
            ("attribute_stands_in", ~from_scan[known]),
        ],
    )
    return found, _gaps(context.catalogue, rule, rows, known, taken["unit"].notna().to_numpy() & ~fits)


def _gaps(
    catalogue: Catalogue, rule: Rule, rows: pd.DataFrame, known: np.ndarray, wrong_unit: np.ndarray
) -> list[NotApplied]:
    lost = rows[~known & ~wrong_unit]
    missing = " / ".join(name for name in (rule.attribute, rule.divide_by) if name)
    otherwise = f"attribute_missing:{missing}" if missing else f"measurement_missing:{rule.metric}"
    reason = gap_reason(catalogue, rule, otherwise)
    gaps = [NotApplied(rule.id, str(kind), "", reason, len(group)) for kind, group in lost.groupby("kind")]
    return gaps + unit_gaps(rule, rule.metric, rows[~known & wrong_unit])
