"""Distances that grow with a measure of the subject: so many times a dump's height."""

import numpy as np

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.distance import near_rows
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.measurements import gap_reason, method_reasons, unit_gaps

__all__ = ["apply_multiple"]


def apply_multiple(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `multiple`: limit = value times H, with H from a scan, else from an attribute of the layer.

    The uncertainty of H enters multiplied by the same factor.
    """
    left, right = context.table.rows.iloc[subjects.positions], context.table.rows.iloc[objects.positions]
    taken = context.measured.one_each(rule.per, greatest=True).reindex(left["key"])
    scanned = np.where(taken["unit"] == "m", taken["value"], np.nan).astype(np.float64)
    from_scan = np.isfinite(scanned)
    height = np.where(from_scan, scanned, context.table.column(rule.height_attribute)[subjects.positions])
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    known = np.isfinite(height) & (height > 0)
    unknown_sigma = from_scan & ~np.isfinite(sigma)
    sigma = np.where(from_scan & np.isfinite(sigma), sigma, 0.0)
    found = near_rows(
        context.catalogue,
        rule,
        left,
        context.table.pieces_of(subjects),
        right,
        context.table.pieces_of(objects),
        np.where(known, rule.value * height, np.nan),
        rule.value * sigma,
        reasons=[
            ("height_from_scan", from_scan),
            ("height_from_layer", known & ~from_scan),
            *method_reasons(rule.per, taken["method"].where(from_scan)),
            ("measurement_sigma_unknown", unknown_sigma),
        ],
    )
    reason = gap_reason(context.catalogue, rule, f"attribute_missing:{rule.height_attribute}")
    misfit = taken["unit"].notna().to_numpy() & (taken["unit"] != "m").to_numpy()
    lost = left[~known & ~misfit]
    gaps = [NotApplied(rule.id, str(row.kind), str(row.id), reason, 1) for row in lost.itertuples()]
    return found, gaps + unit_gaps(rule, rule.per, left[misfit])
