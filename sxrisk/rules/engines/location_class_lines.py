"""Pipelines of the layers as runs in location classes, worked out once for all rules that speak of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.reach import Outlines, PipelineRuns, near_stretches
from sxrisk.rules.context import RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.location_class_counts import Dwellings, count_dwellings
from sxrisk.rules.engines.location_class_segments import classify_runs
from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.features import FeatureTable, NotApplied, Selection

__all__ = ["ClassifiedLines", "classified_lines", "dwellings_of", "line_runs", "not_lines", "uncounted"]

_CONFIRMED = "class_4_confirmed"
#: Lines that touch end to end are one run where they agree in these attributes.
ALIKE = ("medium", "network")


@dataclass(frozen=True)
class ClassifiedLines:
    """Pipelines, what is counted beside them, and their whole length in classes.

    Parameters
    ----------
    runs : PipelineRuns
        Owners are positions in the selection of the lines.
    dwellings : Dwellings
    pieces : DataFrame
        See :func:`sxrisk.rules.engines.location_class_segments.classify_runs`.
    n_unbounded : int
        Buildings beside the lines that may hold any number of households.
    """

    runs: PipelineRuns
    dwellings: Dwellings
    pieces: pd.DataFrame
    n_unbounded: int


def classified_lines(
    context: RuleContext, rule: Rule, settings: LocationClassSettings, subjects: Selection, objects: Selection
) -> ClassifiedLines:
    """The chosen pipelines by the numbers of a rule, with the user's word on class 4.

    Several rules ask for the same: it is kept with the table of features.

    Parameters
    ----------
    context : RuleContext
    rule : Rule
        Whose value is the number above which class 2 begins.
    settings : LocationClassSettings
    subjects, objects : Selection
        Pipelines; buildings and settlements that are counted, and crowd places that are gathering places. Objects of
        other kinds are left out.

    Returns
    -------
    ClassifiedLines
    """
    confirmed = _CONFIRMED in context.catalogue.given(rule.id)
    kind = context.table.rows["kind"].to_numpy(dtype=object)[objects.positions]
    counted = objects.positions[np.isin(kind, ("building", "settlement"))]
    crowds = (
        objects.positions[kind == "crowd_place"] if settings.gathering_place_m is not None else objects.positions[:0]
    )
    places = (subjects.positions.tobytes(), counted.tobytes(), crowds.tobytes())
    key = ("location_class", *places, settings.model_dump_json(), rule.value, confirmed)
    kept: dict[Any, Any] = context.table.kept
    if key not in kept:
        lines = context.table.rows.iloc[subjects.positions]
        runs = line_runs(context.table, subjects)
        dwellings = dwellings_of(context.table, Selection(counted), settings)
        rows = context.table.rows.iloc[crowds]
        gathering = Outlines(rows["geometry"].to_numpy(dtype=object), rows["sigma"].fillna(0.0).to_numpy())
        pieces = classify_runs(
            runs,
            dwellings.rows,
            lines["sigma"].fillna(0.0).to_numpy(dtype=np.float64),
            settings,
            rule.value,
            gathering=gathering if len(rows) else None,
            class_4_confirmed=confirmed,
        )
        open_ = dwellings.rows[dwellings.rows["unbounded"]]
        houses = Outlines(open_["geometry"].to_numpy(dtype=object), np.zeros(len(open_)))
        beside = near_stretches(runs, houses, settings.half_width_m, 0.0)["object"].nunique() if len(open_) else 0
        kept[key] = ClassifiedLines(runs, dwellings, pieces, int(beside))
    found: ClassifiedLines = kept[key]
    return found


def line_runs(table: FeatureTable, subjects: Selection, alike: tuple[str, ...] = ALIKE) -> PipelineRuns:
    """Runs of the chosen pipelines; those of one kind that agree in some attributes are joined where they touch."""
    kept: dict[Any, Any] = table.kept
    key = ("line_runs", subjects.positions.tobytes(), alike)
    if key not in kept:
        kept[key] = _runs(table, subjects, alike)
    runs: PipelineRuns = kept[key]
    return runs


def _runs(table: FeatureTable, subjects: Selection, alike: tuple[str, ...]) -> PipelineRuns:
    rows = table.rows.iloc[subjects.positions]
    attributes = [rows["kind"].to_numpy(dtype=object), *(table.text(name)[subjects.positions] for name in alike)]
    groups: NDArray[np.object_] = np.empty(len(rows), dtype=object)
    groups[:] = list(zip(*attributes, strict=True))
    return PipelineRuns.of(rows["geometry"].to_numpy(dtype=object), groups)


def not_lines(context: RuleContext, rule: Rule, subjects: Selection, runs: PipelineRuns) -> list[NotApplied]:
    """Chosen pipelines that have no run, because their geometry is not a line."""
    without = np.setdiff1d(np.arange(len(subjects.positions)), runs.spans["owner"])
    rows = context.table.rows.iloc[subjects.positions[without]]
    return [NotApplied(rule.id, str(row.kind), str(row.id), "not_a_line", 1) for row in rows.itertuples()]


def dwellings_of(table: FeatureTable, objects: Selection, settings: LocationClassSettings) -> Dwellings:
    """What is counted of the chosen objects."""
    chosen = objects.positions
    return count_dwellings(
        table.rows.iloc[chosen],
        table.column("households")[chosen],
        table.column("storeys")[chosen],
        table.text("building_use")[chosen],
        settings,
    )


def uncounted(rule: Rule, lines: ClassifiedLines) -> list[NotApplied]:
    """Whose number nobody stated: settlements, which are not counted, and buildings, which count for one or more."""
    gaps = [
        NotApplied(rule.id, str(row.kind), str(row.id), "attribute_missing:households", 1)
        for row in lines.dwellings.lost.itertuples()
    ]
    if lines.n_unbounded:
        gaps.append(NotApplied(rule.id, "building", "", "attribute_missing:households", lines.n_unbounded))
    return gaps
