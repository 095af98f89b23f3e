"""Every criterion of the catalogue applied to layers and measurements."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date

import geopandas as gpd
import pandas as pd

from sxrisk.errors import InputError
from sxrisk.findings import findings_frame
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.beside import crossed_and_parallel
from sxrisk.rules.engines.registry import ENGINES
from sxrisk.rules.features import FeatureTable, NotApplied
from sxrisk.rules.load import Catalogue
from sxrisk.rules.measurements import MeasurementTable

__all__ = ["NOT_APPLIED_COLUMNS", "RuleOutcome", "apply_rules"]

NOT_APPLIED_COLUMNS: Mapping[str, str] = {
    "rule_id": "id in the catalogue",
    "subject_kind": "kind of the subjects that were not checked; empty where they are of several kinds",
    "subject_id": "the subject, empty where several are counted together",
    "reason": "code, or code:detail; Catalogue.reason_text makes the sentence",
    "count": "how many: subjects where a layer or measurement is missing, else the features that lack it",
}

_SHOWN = 5


@dataclass(frozen=True)
class RuleOutcome:
    """What the rules found, and what they could not be applied to.

    Parameters
    ----------
    findings : GeoDataFrame
        Findings schema, EPSG:4490.
    not_applied : DataFrame
        Columns :data:`NOT_APPLIED_COLUMNS`.
    """

    findings: gpd.GeoDataFrame
    not_applied: pd.DataFrame


def apply_rules(
    catalogue: Catalogue,
    layers: Mapping[str, gpd.GeoDataFrame],
    measurements: gpd.GeoDataFrame,
    *,
    as_of: date,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> RuleOutcome:
    """Findings of all rules in force on a day.

    Parameters
    ----------
    catalogue : Catalogue
        From :func:`load_catalogue`.
    layers : mapping of str to GeoDataFrame
        Canonical layers by id, EPSG:4490; several of one kind are taken together. Ids that are shared by layers of one
        kind are refused where a measurement is keyed on them.
    measurements : GeoDataFrame
        Measurements schema (:data:`sxrisk.findings.MEASUREMENT_COLUMNS`).
    as_of : date
        Day of the assessment.
    only : collection of str, optional
        Ids of the rules to apply; the others stay in the catalogue, because some rules ask what another one found.
    progress : callable, optional
        Called with each rule's id before it is applied.

    Returns
    -------
    RuleOutcome
        Findings sorted by colour and id; and a row for everything that a rule could not be applied to: no layer of a
        kind, an attribute or measurement missing, a value that the user must give.

    Raises
    ------
    CRSError
        If a layer is not in EPSG:4490.
    InputError
        If a measurement belongs to an id that several features of its kind have: it cannot be told to which.
    """
    kinds = {kind for rule in catalogue.rules.values() for kind in (*rule.subject_kinds, *rule.object_kinds)}
    table = FeatureTable.of({name: frame for name, frame in layers.items() if kinds & set(frame.get("kind", ()))})
    measured = MeasurementTable(measurements)
    _refuse_shared_ids(table, measured)
    context = RuleContext(catalogue, table, measured, as_of)
    found: list[pd.DataFrame] = []
    gaps: list[NotApplied] = []
    for rule in catalogue.rules.values():
        if only is not None and rule.id not in only:
            continue
        if progress is not None:
            progress(rule.id)
        rows, missing = _apply(context, rule)
        if len(rows):
            found.append(rows)
        gaps += missing
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame({"geometry": []})
    findings = findings_frame(gpd.GeoDataFrame(frame, geometry="geometry", crs=4490))
    not_applied = pd.DataFrame([asdict(gap) for gap in gaps], columns=list(NOT_APPLIED_COLUMNS))
    return RuleOutcome(findings, not_applied.astype({"count": "int64"}))


def _refuse_shared_ids(table: FeatureTable, measured: MeasurementTable) -> None:
    shared = table.layers_of_shared(measured.keys)
    if not shared:
        return
    shown = [
        f"{key} in {' and '.join(dict.fromkeys(names)) if len(set(names)) > 1 else f'{names[0]}, several times'}"
        for key, names in list(shared.items())[:_SHOWN]
    ]
    more = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
    raise InputError(
        f"measurements belong to ids that several features of one kind have: {'; '.join(shown)}{more}",
        where="layers",
        expected="ids that are distinct over all layers of one kind",
        remedy="Give these features distinct ids before they are measured",
    )


def _apply(context: RuleContext, rule: Rule) -> Parts:
    nothing = pd.DataFrame()
    if rule.id in context.catalogue.switched_off:
        return nothing, [NotApplied(rule.id, "", "", "switched_off", 1)]
    if not rule.in_force(context.as_of):
        return nothing, [NotApplied(rule.id, "", "", f"not_in_force:{context.as_of.isoformat()}", 1)]
    if rule.value_from and rule.lacks(context.catalogue.given(rule.id)):
        return nothing, [NotApplied(rule.id, "", "", f"value_not_given:{rule.value_from}", 1)]
    if rule.period_end is not None and context.as_of > rule.period_end:
        rule = replace(rule, adds_reasons=(*rule.adds_reasons, "plan_period_over"))
    subjects, objects = context.table.select(rule.subjects), context.table.select(rule.objects)
    gaps = [NotApplied(rule.id, kind, "", reason, count) for kind, reason, count in subjects.gaps]
    if len(subjects.positions) == 0:
        return nothing, gaps
    count = len(subjects.positions)
    about = rule.subject_kinds[0] if len(rule.subject_kinds) == 1 else ""
    for _, reason, features in objects.gaps:
        concerned = count if reason.startswith("layer_missing") else features
        gaps.append(NotApplied(rule.id, about, "", reason, concerned))
    rows, more = ENGINES[rule.engine](context, rule, subjects, objects)
    if rule.engine == "distance" and rule.min_value == 0:
        more = [*more, *crossed_and_parallel(context, rule, subjects, objects)]
    return rows, gaps + more
