"""Zones that reach a measured way beyond the outline of their subject, such as ground movement beside a goaf."""

import numpy as np

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.distance import near_rows
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.measurements import gap_reason, unit_gaps

__all__ = ["apply_influence"]


def apply_influence(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `influence`: objects nearer to the subject's outline than the zone reaches (plus the rule's value).

    The metric's value is the reach beyond the outline in metres, the same all round; its polygon serves the maps. A NaN
    carries the reason why there is none in `method`.
    """
    left, right = context.table.rows.iloc[subjects.positions], context.table.rows.iloc[objects.positions]
    shown = context.measured.of(rule.metric).drop_duplicates("subject").set_index("subject").reindex(left["key"])
    reach = np.where(shown["unit"] == "m", shown["value"], np.nan).astype(np.float64)
    known = np.isfinite(reach)
    sigma = shown["sigma"].to_numpy(dtype=np.float64)
    found = near_rows(
        context.catalogue,
        rule,
        left,
        context.table.pieces_of(subjects),
        right,
        context.table.pieces_of(objects),
        reach + rule.value,
        np.where(known & np.isfinite(sigma), sigma, 0.0),
        reasons=[("measurement_sigma_unknown", known & ~np.isfinite(sigma))],
    )
    method = shown["method"].fillna("").to_numpy(dtype=object)
    misfit = shown["value"].notna().to_numpy() & (shown["unit"] != "m").to_numpy()
    otherwise = gap_reason(context.catalogue, rule, f"measurement_missing:{rule.metric}")
    gaps = [
        NotApplied(rule.id, str(row.kind), str(row.id), str(why) or otherwise, 1)
        for row, is_known, misfits, why in zip(left.itertuples(), known, misfit, method, strict=True)
        if not is_known and not misfits
    ]
    return found, gaps + unit_gaps(rule, rule.metric, left[misfit])
