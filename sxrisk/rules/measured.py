"""Thresholds on what was measured, or on what a layer's attribute says, of one thing."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import FeatureTable, NotApplied, Selection
from sxrisk.rules.judge import broken, probability_above
from sxrisk.rules.load import Catalogue
from sxrisk.rules.rows import finding_rows

__all__ = ["MeasurementTable", "apply_measured", "gap_reason", "method_reasons", "unit_gaps"]

# What a way of measuring means for a finding: the clause speaks of something else, or the value is a bound.
_METHOD_REASONS: Mapping[tuple[str, str], str] = {
    ("displacement_rate", "m3c2"): "along_normal_not_horizontal",
    ("stack_height", "platform_to_lowest_seen_slope"): "height_is_lower_bound",
}


class MeasurementTable:
    """Measurements by metric, the latest epoch of each.

    Parameters
    ----------
    frame : GeoDataFrame
        Measurements schema.
    """

    def __init__(self, frame: gpd.GeoDataFrame) -> None:
        rows = pd.DataFrame(frame)
        rows["subject"] = rows["subject_kind"] + "/" + rows["subject_id"]
        rows["object"] = rows["object_kind"] + "/" + rows["object_id"]
        when = pd.to_datetime(rows["epoch"].replace("", None), utc=True, format="ISO8601")
        latest = when.groupby([rows["subject"], rows["metric"]]).transform("max")
        self._rows = rows[when.isna() | (when == latest)]

    @property
    def keys(self) -> set[str]:
        """Every ``kind/id`` that was measured, or measured to."""
        return set(self._rows["subject"]) | set(self._rows["object"])

    def of(self, metric: str) -> pd.DataFrame:
        """All rows of a metric, of each subject the latest epoch; `subject` and `object` hold ``kind/id``."""
        return self._rows[self._rows["metric"] == metric]

    def one_each(self, metric: str, *, greatest: bool) -> pd.DataFrame:
        """One row a subject, indexed by ``kind/id``: the greatest, or the least, of several values."""
        rows = self.of(metric).dropna(subset="value").sort_values("value", ascending=not greatest, kind="stable")
        return rows.drop_duplicates("subject").set_index("subject")


def gap_reason(catalogue: Catalogue, rule: Rule, otherwise: str) -> str:
    """Why a measurement is not there: a value that the user has not given, else `otherwise`."""
    lacks = rule.lacks(catalogue.given(rule.id))
    return f"value_not_given:{lacks[0]}" if lacks else otherwise


def method_reasons(metric: str, method: pd.Series) -> list[tuple[str, NDArray[np.bool_]]]:
    """Reason codes that the ways of measuring bring with them, each with the rows it holds for.

    Parameters
    ----------
    metric : str
    method : Series of n method codes
        Missing where nothing was measured.

    Returns
    -------
    list of (code, ndarray of bool of shape (n,))
    """
    return [
        (reason, (method == code).fillna(False).to_numpy(dtype=bool))
        for (of, code), reason in _METHOD_REASONS.items()
        if of == metric
    ]


def unit_gaps(rule: Rule, metric: str, rows: pd.DataFrame) -> list[NotApplied]:
    """Subjects (feature rows) whose measurement of a metric is in a unit that the rule cannot use."""
    return [NotApplied(rule.id, str(row.kind), str(row.id), f"unit_mismatch:{metric}", 1) for row in rows.itertuples()]


def apply_measured(
    catalogue: Catalogue, rule: Rule, table: FeatureTable, measured: MeasurementTable, subjects: Selection
) -> tuple[pd.DataFrame, list[NotApplied]]:
    """Engine `measured`: the metric, else the attribute that stands in for it, against a limit."""
    rows = table.rows.iloc[subjects.positions]
    taken = measured.one_each(rule.metric, greatest=rule.op in (">", ">=")).reindex(rows["key"])
    fits = (taken["unit"] == rule.unit).to_numpy()
    value = taken["value"].where(fits).to_numpy(dtype=np.float64)
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    from_scan = np.isfinite(value)
    if rule.attribute:
        told = table.column(rule.attribute)[subjects.positions]
        if rule.divide_by:
            divisor = table.column(rule.divide_by)[subjects.positions]
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
        catalogue,
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
    return found, _gaps(catalogue, rule, rows, known, taken["unit"].notna().to_numpy() & ~fits)


def _gaps(
    catalogue: Catalogue, rule: Rule, rows: pd.DataFrame, known: np.ndarray, wrong_unit: np.ndarray
) -> list[NotApplied]:
    lost = rows[~known & ~wrong_unit]
    missing = " / ".join(name for name in (rule.attribute, rule.divide_by) if name)
    otherwise = f"attribute_missing:{missing}" if missing else f"measurement_missing:{rule.metric}"
    reason = gap_reason(catalogue, rule, otherwise)
    gaps = [NotApplied(rule.id, str(kind), "", reason, len(group)) for kind, group in lost.groupby("kind")]
    return gaps + unit_gaps(rule, rule.metric, rows[~known & wrong_unit])
