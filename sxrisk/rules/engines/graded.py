"""Grades by the worst of several indices: damage of buildings above a goaf, stability and suitability of a site."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.graded_settings import GradedSettings, GradeIndex
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import broken, probability_above
from sxrisk.rules.measurements import gap_reason
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_graded"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Graded:
    """Values of one index, its grades (0 mildest, -1 unknown), the bound of each, probability, place."""

    index: GradeIndex
    value: Array
    sigma: Array
    grade: NDArray[np.int64]
    bound: Array
    chance: Array
    place: NDArray[np.object_]
    method: NDArray[np.object_]


def apply_graded(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `graded`: the worst of several indices gives the grade, of a subject alone or of a subject on an object.

    The finding is about the index that governs: its value, the bound that its grade begins at (that it ends at, for the
    mildest), and all other values as figures. Where an index was not measured the others decide; where none was, the
    reason that the measurement carries is told.
    """
    settings = GradedSettings.model_validate(rule.settings)
    pairs = bool(rule.objects)
    left, right, gaps = _ends(context, rule, subjects, objects, settings)
    if pairs and right is None:
        return pd.DataFrame(), gaps
    graded = [_index(context, index, left, right) for index in settings.indices]
    grades = np.column_stack([part.grade for part in graded])
    known = grades.max(axis=1, initial=-1) >= 0
    if not pairs:
        gaps += _untold(context, rule, left[~known])
    # Of indices of one grade the one that is farthest beyond its bound, so that the choice is not an accident.
    beyond = np.column_stack([np.abs(part.value / np.where(part.bound > 0, part.bound, 1.0) - 1.0) for part in graded])
    rank = grades + 0.5 * np.nan_to_num(beyond / (1.0 + beyond))
    governs = np.argmax(np.where(grades >= 0, rank, -1.0), axis=1)
    found = []
    for k, part in enumerate(graded):
        for grade, (name, colour) in enumerate(zip(settings.grades, settings.colours, strict=True)):
            rows = np.flatnonzero(known & (governs == k) & (grades[:, k] == grade))
            if not len(rows):
                continue
            own = replace(rule, metric=part.index.metric, unit=part.index.unit, colour=colour,
                          op=part.index.ops[max(grade - 1, 0)], engine="measured", settings={})  # fmt: skip
            object_rows = None if right is None else right.iloc[rows]
            found.append(
                finding_rows(
                    context.catalogue,
                    own,
                    left.iloc[rows],
                    object_rows,
                    measured=part.value[rows],
                    required=part.bound[rows],
                    sigma=np.nan_to_num(part.sigma[rows]),
                    is_broken=np.ones(len(rows), dtype=bool),
                    probability=part.chance[rows],
                    geometry=part.place[rows],
                    results=[name] * len(rows),
                    details=_details(settings, graded, rows),
                    reasons=[
                        *_reasons(context, settings, part, rows, left if right is None else right, pairs),
                        ("indices_unknown", np.asarray((grades[rows] < 0).any(axis=1))),
                    ],
                )
            )
    return (pd.concat(found, ignore_index=True) if found else pd.DataFrame()), gaps


def _ends(
    context: RuleContext, rule: Rule, subjects: Selection, objects: Selection, settings: GradedSettings
) -> tuple[pd.DataFrame, pd.DataFrame | None, list[NotApplied]]:
    """Feature rows of subjects, and of objects where there are any; what was not measured at all."""
    table = context.table
    rows = table.rows.iloc[subjects.positions]
    if not rule.objects:
        return rows, None, []
    metrics = [index.metric for index in settings.indices]
    told = pd.concat([context.measured.of(metric) for metric in metrics])
    pairs = told[(told["object"] != "/") & told["value"].notna()][["subject", "object"]].drop_duplicates()
    kept = _of_structure(context, settings, objects)
    protected = table.rows["key"].iloc[objects.positions[kept]]
    pairs = pairs[pairs["subject"].isin(rows["key"]) & pairs["object"].isin(protected)].sort_values(
        ["subject", "object"]
    )
    place = table.positions_by_key
    looked = set(told.loc[told["value"].notna(), "subject"])
    gaps = _untold(context, rule, rows[~rows["key"].isin(looked)])
    left = table.rows.iloc[[place[key] for key in pairs["subject"]]]
    return left, table.rows.iloc[[place[key] for key in pairs["object"]]], gaps


def _untold(context: RuleContext, rule: Rule, rows: pd.DataFrame) -> list[NotApplied]:
    """Subjects of which nothing was measured, with the reason that the measurement carries."""
    settings = GradedSettings.model_validate(rule.settings)
    gaps = []
    told = pd.concat([context.measured.of(index.metric) for index in settings.indices])
    why = told[told["value"].isna() & (told["method"] != "")].drop_duplicates("subject").set_index("subject")["method"]
    otherwise = gap_reason(context.catalogue, rule, f"measurement_missing:{settings.indices[0].metric}")
    for row in rows.itertuples():
        gaps.append(NotApplied(rule.id, str(row.kind), str(row.id), str(why.get(row.key, otherwise)), 1))
    return gaps


def _index(context: RuleContext, index: GradeIndex, left: pd.DataFrame, right: pd.DataFrame | None) -> _Graded:
    """Values and grades of one index for pairs, or for subjects alone."""
    taken = context.measured.of(index.metric).dropna(subset="value")
    taken = taken[taken["unit"] == index.unit]
    if right is None:
        taken = (
            taken[taken["object"] == "/"].sort_values("value", kind="stable").drop_duplicates("subject", keep="last")
        )
        taken = taken.set_index("subject").reindex(left["key"])
    else:
        taken = taken[taken["object"] != "/"].drop_duplicates(["subject", "object"])
        keys = pd.MultiIndex.from_arrays([left["key"], right["key"]])
        taken = taken.set_index(["subject", "object"]).reindex(keys)
    value = taken["value"].to_numpy(dtype=np.float64)
    sigma = taken["sigma"].to_numpy(dtype=np.float64)
    told = _told(context, index, left)
    value = np.where(np.isfinite(value), value, told)
    bounds = _bounds(context, index, left)
    with np.errstate(invalid="ignore"):
        worse = np.column_stack([broken(value, bounds[:, k], op) for k, op in enumerate(index.ops)])
    grade = np.where(np.isfinite(value) & np.isfinite(bounds).all(axis=1), worse.sum(axis=1), -1).astype(np.int64)
    bound = bounds[np.arange(len(value)), np.clip(grade - 1, 0, len(index.ops) - 1)]
    falling = index.ops[0] in ("<", "<=")
    spread = np.nan_to_num(sigma)
    above = probability_above(value, bound, spread)
    chance = np.where(grade > 0, 1.0 - above if falling else above, 1.0)
    chance = np.where(spread > 0, chance, 1.0)
    place = taken["geometry"].to_numpy(dtype=object)
    own = (left if right is None else right)["geometry"].to_numpy(dtype=object)
    place = np.where(shapely.is_missing(place), shapely.point_on_surface(own), place)
    return _Graded(index, value, sigma, grade, bound, chance, place, taken["method"].fillna("").to_numpy(dtype=object))


def _told(context: RuleContext, index: GradeIndex, left: pd.DataFrame) -> Array:
    """What attributes of the subjects say in place of a measurement."""
    at = left.index.to_numpy()
    if index.days_since:
        start = context.table.days(index.days_since)[at]
        days = (np.datetime64(context.as_of, "s") - start) / np.timedelta64(1, "D")
        days = np.where(np.isnat(start), np.nan, days).astype(np.float64)
        return _over_duration(context, index, days, at) if index.over_duration_of else days
    if not index.attribute:
        return np.full(len(left), np.nan)
    value = context.table.column(index.attribute)[at]
    if not index.divide_by:
        return value
    divisor = context.table.column(index.divide_by)[at]
    share: Array = np.divide(value, divisor, out=np.full(len(value), np.nan), where=divisor > 0)
    return share


def _over_duration(context: RuleContext, index: GradeIndex, days: Array, at: NDArray[np.intp]) -> Array:
    from sxrisk.reach.subsidence.time import movement_duration_days

    depth = context.table.column(index.over_duration_of)[at]
    known = depth > 0
    share = np.full(len(days), np.nan)
    share[known] = days[known] / movement_duration_days(depth[known])
    return share


def _bounds(context: RuleContext, index: GradeIndex, left: pd.DataFrame) -> Array:
    if index.bounds:
        return np.tile(np.array(index.bounds), (len(left), 1))
    words = context.table.text(index.column)[left.index.to_numpy()]
    nothing = (np.nan,) * len(index.ops)
    return np.array([index.bounds_by.get(str(word), nothing) for word in words], dtype=np.float64).reshape(
        len(left), len(index.ops)
    )


def _spoken(context: RuleContext, positions: NDArray[np.intp]) -> NDArray[np.str_]:
    uses, structures = (context.table.text(name)[positions] for name in ("building_use", "structure"))
    if not len(positions):
        return np.empty(0, dtype="U1")
    return np.char.add(np.char.add(uses.astype("U"), " "), structures.astype("U"))


def _says(spoken: NDArray[np.str_], words: tuple[str, ...]) -> Mask:
    found = np.zeros(len(spoken), dtype=bool)
    for word in words:
        found |= np.char.find(spoken, word) >= 0
    return found


def _of_structure(context: RuleContext, settings: GradedSettings, objects: Selection) -> Mask:
    """Objects whose structure is one that the table is for."""
    spoken = _spoken(context, objects.positions)
    keep = ~_says(spoken, settings.other_structures)
    return keep & _says(spoken, settings.structure_words) if settings.structure_only else keep


def _details(settings: GradedSettings, graded: list[_Graded], rows: NDArray[np.intp]) -> list[Mapping[str, Any]]:
    told: list[Mapping[str, Any]] = []
    for row in rows:
        shown: dict[str, Any] = {
            part.index.metric: float(f"{part.value[row]:.4g}") for part in graded if np.isfinite(part.value[row])
        }
        shown["by_index"] = [
            f"{part.index.metric}.{settings.grades[part.grade[row]]}" for part in graded if part.grade[row] >= 0
        ]
        shown["indices_unknown"] = [f"{part.index.metric}" for part in graded if part.grade[row] < 0]
        told.append(shown)
    return told


def _reasons(
    context: RuleContext,
    settings: GradedSettings,
    part: _Graded,
    rows: NDArray[np.intp],
    features: pd.DataFrame,
    pairs: bool,
) -> list[tuple[str, Mask]]:
    things = features.iloc[rows]
    methods = part.method[rows]
    reasons = [(str(code), methods == code) for code in dict.fromkeys(methods) if str(code).startswith("movement_")]
    predicted = np.array([str(code).startswith("movement_") for code in methods], dtype=bool)
    reasons.append(("measurement_sigma_unknown", predicted & ~np.isfinite(part.sigma[rows])))
    if not pairs:
        return reasons
    if settings.structure_words and not settings.structure_only:
        spoken = _spoken(context, things.index.to_numpy())
        named = context.table.text("structure")[things.index.to_numpy()] != ""
        fits = _says(spoken, settings.structure_words)
        reasons += [("structure_untold", ~named & ~fits), ("other_structure", named & ~fits)]
    if settings.most_length_m is not None:
        reasons.append(("longer_than_table", _lengths_m(things) > settings.most_length_m))
    reasons.append(("coarse_geometry", things["coarse"].to_numpy(dtype=bool)))
    return reasons


def _lengths_m(things: pd.DataFrame) -> Array:
    """Longer side of the smallest rectangle around each thing, metres."""
    from sxrisk.crs import local_metric

    lengths = []
    for shape in things["geometry"]:
        centre = shapely.centroid(shape)
        to_metric = local_metric(round(centre.x, 1), round(centre.y, 1))
        plan = shapely.transform(
            shapely.force_2d(shape), lambda c, t=to_metric: np.column_stack(t.transform(c[:, 0], c[:, 1]))
        )
        around = shapely.get_coordinates(shapely.minimum_rotated_rectangle(plan))
        lengths.append(float(np.linalg.norm(np.diff(around, axis=0), axis=1).max(initial=0.0)))
    return np.array(lengths)
