"""Measurements as the engines look them up: by metric, the latest epoch, and what their method or lack means."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied
from sxrisk.rules.load import Catalogue

__all__ = ["MeasurementTable", "gap_reason", "method_reasons", "unit_gaps"]

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
        """One row a subject by itself, indexed by ``kind/id``: the greatest, or the least, of several values."""
        rows = self.of(metric).dropna(subset="value")
        rows = rows[rows["object"] == "/"].sort_values("value", ascending=not greatest, kind="stable")
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
