"""Thresholds on what was measured, or on what a layer's attribute says, of one thing."""

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import broken, probability_above
from sxrisk.rules.load import Catalogue
from sxrisk.rules.measurements import gap_reason, method_reasons, unit_gaps
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_measured"]


def apply_measured(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `measured`: the metric, else the attribute that stands in for it, against a limit.

    With `per` the limit is a multiple of a measure of the subject, whose uncertainty enters multiplied by the factor.
    """
    rows = context.table.rows.iloc[subjects.positions]
    taken = context.measured.one_each(rule.metric, greatest=rule.op in (">", ">=")).reindex(rows["key"])
    fits = (taken["unit"] == rule.unit).to_numpy()
    value = taken["value"].where(fits).to_numpy(dtype=np.float64)
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    from_scan = np.isfinite(value)
    value = np.where(from_scan, value, _told(context, rule, subjects))
    limit, limit_sigma = _limit(context, rule, subjects, rows)
    known = np.isfinite(value) & np.isfinite(limit)
    place = taken["geometry"].to_numpy(dtype=object)
    own = shapely.point_on_surface(rows["geometry"].to_numpy(dtype=object))
    place = np.where(shapely.is_missing(place), own, place)
    unknown_sigma = from_scan & ~np.isfinite(sigma)
    sigma = np.hypot(np.where(from_scan & np.isfinite(sigma), sigma, 0.0), limit_sigma)
    chance = probability_above(value, limit, sigma)
    if rule.op in ("<", "<="):
        chance = 1.0 - chance
    is_broken = broken(value, limit, rule.op)
    chance = np.where(sigma > 0, chance, is_broken.astype(np.float64))
    found = finding_rows(
        context.catalogue,
        rule,
        rows[known],
        None,
        measured=value[known],
        required=limit[known],
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
    wrong_unit = taken["unit"].notna().to_numpy() & ~fits & ~np.isfinite(value)
    return found, _gaps(context.catalogue, rule, rows, known, np.isfinite(value), wrong_unit)


def _told(context: RuleContext, rule: Rule, subjects: Selection) -> NDArray[np.float64]:
    """What the layer's attributes say in place of the metric, NaN where they say nothing."""
    if rule.days_since:
        start = context.table.days(rule.days_since)[subjects.positions]
        days = (np.datetime64(context.as_of, "s") - start) / np.timedelta64(1, "D")
        return np.asarray(np.where(np.isnat(start), np.nan, days), dtype=np.float64)
    if not rule.attribute:
        return np.full(len(subjects.positions), np.nan)
    told = context.table.column(rule.attribute)[subjects.positions]
    if not rule.divide_by:
        return told
    divisor = context.table.column(rule.divide_by)[subjects.positions]
    share: NDArray[np.float64] = np.divide(told, divisor, out=np.full(len(told), np.nan), where=divisor > 0)
    return share


def _limit(
    context: RuleContext, rule: Rule, subjects: Selection, rows: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limit of each subject and its 1 sigma; NaN where the measure that multiplies is unknown."""
    if not rule.per:
        return np.full(len(rows), rule.value), np.zeros(len(rows))
    taken = context.measured.one_each(rule.per, greatest=rule.op in ("<", "<=")).reindex(rows["key"])
    scanned = taken["value"].to_numpy(dtype=np.float64)
    from_scan = np.isfinite(scanned)
    height = np.where(from_scan, scanned, context.table.column(rule.height_attribute)[subjects.positions])
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    return rule.value * height, rule.value * np.where(from_scan & np.isfinite(sigma), sigma, 0.0)


def _gaps(
    catalogue: Catalogue,
    rule: Rule,
    rows: pd.DataFrame,
    known: NDArray[np.bool_],
    has_value: NDArray[np.bool_],
    wrong_unit: NDArray[np.bool_],
) -> list[NotApplied]:
    attributes = " / ".join(name for name in (rule.attribute, rule.divide_by, rule.days_since) if name)
    otherwise = f"attribute_missing:{attributes}" if attributes else f"measurement_missing:{rule.metric}"
    gaps: list[NotApplied] = []
    for lacking, reason in (
        (~has_value & ~wrong_unit, gap_reason(catalogue, rule, otherwise)),
        (has_value & ~known, f"attribute_missing:{rule.height_attribute}"),
    ):
        for kind, group in rows[lacking].groupby("kind"):
            gaps.append(NotApplied(rule.id, str(kind), "", reason, len(group)))
    return gaps + unit_gaps(rule, rule.metric, rows[wrong_unit])
