"""Individual risk at protected targets by GB 36894, from the frequencies and lethal radii of a consequence study."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.rules._pairs import NearPairs, pairs_within
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.individual_risk_settings import IndividualRiskSettings
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import Z_95, broken
from sxrisk.rules.rows import finding_rows

if TYPE_CHECKING:
    from sxrisk.reach.individual_risk import LethalityCurve

__all__ = ["apply_individual_risk"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NEW_STATUSES = ("proposed", "under_construction")
# Places of a standard normal error, evenly probable: what the accuracy of position makes of the risk.
_DRAWS = 41
# Whether a target of unknown class is of class 1 is as likely as not.
_EVEN = 0.5


@dataclass(frozen=True)
class _Scenarios:
    """Usable scenarios: rows of the feature table, frequency per year, lethality curves, whether their unit is new."""

    rows: NDArray[np.intp]
    frequency: Array
    curves: "list[LethalityCurve]"
    is_new: Mask
    age_told: Mask


def apply_individual_risk(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `individual_risk`: the sum over all scenarios of frequency times lethality at a target against a limit.

    A finding stands between the scenario that contributes most and the target. The accuracy of position shifts all
    scenarios alike. A target without a number of people is held to the mildest class, and its finding says so; where it
    bears less than that, it is held to class 1 too, as one that is too close to call.
    """
    settings = IndividualRiskSettings.model_validate(rule.settings)
    scenarios, gaps = _scenarios(context, rule, subjects)
    classes, class_told = _classes(context, settings, objects)
    held = (classes == settings.target_class) | (~class_told if settings.target_class == 1 else False)
    targets, told = Selection(objects.positions[held]), class_told[held]
    if len(scenarios.rows) == 0 or len(targets.positions) == 0:
        return pd.DataFrame(), gaps
    rows = context.table.rows
    sigma = [rows["sigma"].fillna(0.0).to_numpy()[at] for at in (scenarios.rows, targets.positions)]
    reach = np.array([curve.reach_m for curve in scenarios.curves])
    around = reach + Z_95 * np.hypot(sigma[0], sigma[1].max(initial=0.0))
    pieces = context.table.pieces
    order = np.argsort(scenarios.rows)
    pairs = pairs_within(pieces.take(scenarios.rows[order]), pieces.take(targets.positions), around[order])
    left = order[pairs.left]
    at = _Pairs(pairs, left, np.hypot(sigma[0][left], sigma[1][pairs.right]))
    found = _judged(context, rule, settings, scenarios, targets, told, at)
    return found, gaps


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a scenario (`left`) and a target (`near.right`), with the sigma of their distance, m."""

    near: NearPairs
    left: NDArray[np.intp]
    sigma: Array


def _judged(
    context: RuleContext,
    rule: Rule,
    settings: IndividualRiskSettings,
    scenarios: _Scenarios,
    targets: Selection,
    told: Mask,
    at: _Pairs,
) -> pd.DataFrame:
    from scipy.special import ndtri

    count, right = len(targets.positions), at.near.right
    z = ndtri((np.arange(_DRAWS) + 0.5) / _DRAWS)
    # The pairs of one scenario stand together.
    ends = [0, *(np.flatnonzero(np.diff(at.left)) + 1).tolist(), len(at.left)] if len(at.left) else []

    def contribution(shift: float) -> Array:
        distance = np.maximum(at.near.distance_m + shift * at.sigma, 0.0)
        each = np.zeros(len(distance))
        for start, end in pairwise(ends):
            k = at.left[start]
            each[start:end] = scenarios.frequency[k] * scenarios.curves[k].lethality(distance[start:end])
        return each

    def summed(each: Array) -> Array:
        return np.bincount(right, weights=each, minlength=count).astype(np.float64)

    each = contribution(0.0)
    risk = summed(each)
    chance = np.mean([broken(summed(contribution(shift)), rule.value, rule.op) for shift in z], axis=0)
    is_broken = broken(risk, rule.value, rule.op)
    exact = np.bincount(right, weights=at.sigma, minlength=count) == 0
    chance = np.where(exact, is_broken.astype(np.float64), chance)
    spread = np.abs(summed(contribution(-1.0)) - summed(contribution(1.0))) / 2.0
    of_target = np.bincount(right, minlength=count)
    fresh = np.bincount(right, weights=scenarios.is_new[at.left].astype(np.float64), minlength=count) > 0
    keep = (of_target > 0) & (fresh if settings.installations == "new" else True)
    is_open = ~told & (settings.target_class == 1)
    # What even the mildest class may not bear is a finding of that class.
    keep &= ~(is_open & broken(risk, _mildest(context, rule, settings), rule.op))
    chance = np.where(is_open, np.minimum(chance, _EVEN), chance)
    # The scenario that contributes most at each target; of equal ones the first.
    ranked = np.lexsort((at.left, -each, right))
    first = np.full(count, -1, dtype=np.intp)
    seen, start = np.unique(right[ranked], return_index=True)
    first[seen] = ranked[start]
    main = first[keep]
    rows = context.table.rows
    subject, object_ = rows.iloc[scenarios.rows[at.left[main]]], rows.iloc[targets.positions[keep]]
    age_untold = ~scenarios.age_told[at.left[main]]
    return finding_rows(
        context.catalogue,
        rule,
        subject,
        object_,
        measured=risk[keep],
        required=rule.value,
        sigma=spread[keep],
        is_broken=is_broken[keep],
        probability=chance[keep],
        geometry=at.near.take(main).lines() if len(main) else np.empty(0, dtype=object),
        results=[str(settings.target_class)] * int(keep.sum()),
        details=[
            {
                "distance_m": round(float(at.near.distance_m[pair]), 2),
                "share_of_scenario": round(float(each[pair] / risk[right[pair]]), 3) if risk[right[pair]] > 0 else 0.0,
                "scenarios": int(of_target[right[pair]]),
            }
            for pair in main
        ],
        reasons=[
            ("target_class_unknown", ~(told | is_open)[keep]),
            ("target_class_open", is_open[keep]),
            ("new_or_in_service_unknown", age_untold & (settings.installations == "in_service")),
            ("position_sigma_unknown", subject["sigma"].isna().to_numpy() | object_["sigma"].isna().to_numpy()),
        ],
    )


def _mildest(context: RuleContext, rule: Rule, settings: IndividualRiskSettings) -> float:
    """Greatest limit that the same installations have for any class."""
    return max(
        other.value
        for other in context.catalogue.rules.values()
        if other.engine == rule.engine
        and IndividualRiskSettings.model_validate(other.settings).installations == settings.installations
    )


def _scenarios(context: RuleContext, rule: Rule, subjects: Selection) -> tuple[_Scenarios, list[NotApplied]]:
    from sxrisk.reach.individual_risk import LETHALITY_COLUMNS, LethalityCurve

    table = context.table
    frequency = table.column("frequency_per_year")[subjects.positions]
    radii = np.column_stack([table.column(name)[subjects.positions] for name in LETHALITY_COLUMNS])
    curves = [LethalityCurve.of(*(float(radius) for radius in row)) for row in radii]
    often = np.isfinite(frequency) & (frequency > 0)
    usable = often & np.array([curve is not None for curve in curves], dtype=bool)
    gaps = []
    for row, has_frequency, is_usable in zip(
        table.rows.iloc[subjects.positions].itertuples(), often, usable, strict=True
    ):
        if not is_usable:
            reason = "lethal_radii_unusable" if has_frequency else "attribute_missing:frequency_per_year"
            gaps.append(NotApplied(rule.id, str(row.kind), str(row.id), reason, 1))
    rows = subjects.positions[usable]
    ages = _ages(context, rule.effective_from)
    unit = table.text("unit_id")[rows]
    age = [ages.get(str(key)) for key in unit]
    kept = [curve for curve, has_frequency in zip(curves, often, strict=True) if curve is not None and has_frequency]
    return (
        _Scenarios(
            rows,
            frequency[usable],
            kept,
            np.array([bool(value) for value in age], dtype=bool),
            np.array([value is not None for value in age], dtype=bool),
        ),
        gaps,
    )


def _ages(context: RuleContext, since: date | None) -> Mapping[str, bool]:
    """Whether a chemical unit is new, by its id; units of which nothing is known are left out."""
    table = context.table
    rows = np.flatnonzero((table.rows["kind"] == "chemical_unit").to_numpy())
    units, status = table.text("unit_id"), table.text("status")
    ids, built = table.rows["id"].to_numpy(dtype=object), table.rows["built_on"].to_numpy(dtype="datetime64[ns]")
    found: dict[str, bool] = {}
    for row in rows:
        key = str(units[row] or ids[row])
        if status[row] in _NEW_STATUSES:
            found[key] = True
        elif since is not None and not np.isnat(built[row]):
            found[key] = found.get(key, False) or bool(built[row] >= np.datetime64(since))
        elif status[row]:
            found.setdefault(key, False)
    return found


def _classes(
    context: RuleContext, settings: IndividualRiskSettings, objects: Selection
) -> tuple[NDArray[np.int64], Mask]:
    """Class of each target, and whether something told it; the mildest where nothing does."""
    table = context.table
    kinds = table.rows["kind"].to_numpy(dtype=object)[objects.positions].astype("U")
    uses = table.text("building_use")[objects.positions].astype("U")
    first = np.isin(kinds, settings.first_class_kinds) | np.isin(uses, settings.first_class_uses)
    households, persons = (table.column(name)[objects.positions] for name in ("households", "population"))
    by_count = [
        np.where(counts >= bounds[0], 1, np.where(counts >= bounds[1], 2, 3))
        for counts, bounds in ((households, settings.households), (persons, settings.persons))
    ]
    found = np.where(first, 1, np.minimum(*by_count)).astype(np.int64)
    return found, first | np.isfinite(households) | np.isfinite(persons)
