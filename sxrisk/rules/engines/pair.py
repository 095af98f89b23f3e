"""Measurements between two things, such as the distance along a tailings flow path."""

import numpy as np
import pandas as pd

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import broken, probability_near
from sxrisk.rules.load import Catalogue
from sxrisk.rules.measurements import MeasurementTable, gap_reason, unit_gaps
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_pair"]


def apply_pair(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `pair`: a measurement between a subject and an object against a limit.

    A subject was looked at when it has a value of the metric ``checked_by``; a NaN there carries the reason in
    `method`. One whose path leaves the elevation model (``left_dem`` in `method`) before the limit was looked at only
    so far, which is reported.
    """
    subject_rows = context.table.rows.iloc[subjects.positions]
    keys = subject_rows["key"]
    pairs = context.measured.of(rule.metric).dropna(subset="value")
    protected = context.table.rows.iloc[objects.positions]["key"]
    pairs = pairs[pairs["subject"].isin(keys) & pairs["object"].isin(protected)]
    misfit = subject_rows[keys.isin(pairs.loc[pairs["unit"] != rule.unit, "subject"])]
    pairs = pairs[pairs["unit"] == rule.unit].reset_index(drop=True)
    place = context.table.positions_by_key
    left = context.table.rows.iloc[[place[key] for key in pairs["subject"]]]
    right = context.table.rows.iloc[[place[key] for key in pairs["object"]]]

    value = pairs["value"].to_numpy(dtype=np.float64)
    sigma = pairs["sigma"].to_numpy(dtype=np.float64)
    unknown = ~np.isfinite(sigma)
    sigma = np.hypot(np.where(unknown, 0.0, sigma), right["sigma"].fillna(0.0).to_numpy())
    is_broken = broken(value, rule.value, rule.op)
    chance = np.where(sigma > 0, probability_near(value, rule.value, sigma), is_broken.astype(np.float64))
    found = finding_rows(
        context.catalogue,
        rule,
        left,
        right,
        measured=value,
        required=rule.value,
        sigma=sigma,
        is_broken=is_broken,
        probability=chance,
        geometry=pairs["geometry"].to_numpy(dtype=object),
        reasons=[
            ("also_on_flow_path", _also_on_flow_path(rule, context.measured, pairs)),
            ("measurement_sigma_unknown", unknown),
            ("position_sigma_unknown", right["sigma"].isna().to_numpy()),
            ("coarse_geometry", right["coarse"].to_numpy(dtype=bool)),
        ],
    )
    return found, _gaps(context.catalogue, rule, subject_rows, context.measured) + unit_gaps(rule, rule.metric, misfit)


def _also_on_flow_path(rule: Rule, measured: MeasurementTable, pairs: pd.DataFrame) -> np.ndarray:
    if "straight_line_superset" not in rule.adds_reasons:
        return np.zeros(len(pairs), dtype=bool)
    path = measured.of("flow_path_distance").dropna(subset="value")
    path = path[path["value"] <= rule.value]
    on_path = set(zip(path["subject"], path["object"], strict=True))
    return np.array([pair in on_path for pair in zip(pairs["subject"], pairs["object"], strict=True)], dtype=bool)


def _gaps(catalogue: Catalogue, rule: Rule, subjects: pd.DataFrame, measured: MeasurementTable) -> list[NotApplied]:
    shown = measured.of(rule.checked_by).drop_duplicates("subject").set_index("subject").reindex(subjects["key"])
    value, method = shown["value"].to_numpy(dtype=np.float64), shown["method"].fillna("").to_numpy(dtype=object)
    otherwise = gap_reason(catalogue, rule, f"measurement_missing:{rule.metric}")
    gaps: list[NotApplied] = []
    for row, reached, how in zip(subjects.itertuples(), value, method, strict=True):
        if not np.isfinite(reached):
            gaps.append(NotApplied(rule.id, str(row.kind), str(row.id), str(how) or otherwise, 1))
        elif "left_dem" in str(how).split(",") and reached < rule.value:
            cut = f"path_left_dem:{np.floor(reached):.0f} {rule.unit}"
            gaps.append(NotApplied(rule.id, str(row.kind), str(row.id), cut, 1))
    return gaps
