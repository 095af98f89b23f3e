"""High-consequence areas of oil and gas pipelines, each as a segment of the line with its chainage and grade."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.errors import InputError
from sxrisk.reach import Outlines, PipelineRuns, near_stretches, potential_impact_radius_m
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.high_consequence_settings import HighConsequenceSettings, PipelineSize
from sxrisk.rules.engines.location_class import place_parts, stake_range
from sxrisk.rules.engines.location_class_lines import (
    ALIKE,
    ClassifiedLines,
    classified_lines,
    line_runs,
    not_lines,
    uncounted,
)
from sxrisk.rules.engines.location_class_segments import CLASSES, merge_segments
from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import Z_95, probability_near
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_high_consequence"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SHOWN = 5
# Ends of stretches are right to about a millimetre: what is shorter is nothing.
_HAIR_M = 1e-3
_SIZE = ("diameter_mm", "pressure_mpa")


@dataclass(frozen=True)
class _Areas:
    """Segments of runs (run, from_m, to_m) with what is told of them."""

    runs: PipelineRuns
    segments: pd.DataFrame
    gaps: list[NotApplied]


def apply_high_consequence(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `high_consequence`: segments in a location class, or near objects of some kinds.

    Lines whose attributes leave open which item they come under are reported, not judged.
    """
    settings = HighConsequenceSettings.model_validate(rule.settings)
    lines = context.table.rows.iloc[subjects.positions].reset_index(drop=True)
    if settings.location_class:
        found = _in_class(context, rule, settings, subjects, objects)
    else:
        found = _near_objects(context, rule, settings, lines, subjects, objects)
    areas = found.runs.by_owner(found.segments)
    owner = lines.iloc[areas["owner"]]
    unplaced = owner["sigma"].isna().to_numpy() | areas["position_sigma_unknown"].to_numpy(dtype=bool)
    rows = finding_rows(
        context.catalogue,
        rule,
        owner,
        None,
        measured=areas["measured"].to_numpy(dtype=np.float64),
        required=areas["required"].to_numpy(dtype=np.float64),
        sigma=areas["sigma"].to_numpy(dtype=np.float64),
        is_broken=areas["sure"].to_numpy(dtype=bool),
        probability=areas["probability"].to_numpy(dtype=np.float64),
        geometry=areas["geometry"].to_numpy(dtype=object),
        reasons=[
            *((code, areas[code].to_numpy(dtype=bool)) for code in found.segments.columns if code in _REASONS),
            ("position_sigma_unknown", unplaced),
        ],
        results=[settings.result] * len(areas),
        details=[_details(area) for area in areas.to_dict("records")],
        parts=place_parts(areas),
    )
    return rows, not_lines(context, rule, subjects, found.runs) + found.gaps


_REASONS = (
    "class_4_possible",
    "households_assumed",
    "coarse_geometry",
    "run_ends_at_junction",
    "centreline_for_edge",
    "impact_radius_unknown",
    "kind_of_place_unknown",
)


def _details(area: Mapping[Any, Any]) -> dict[str, Any]:
    begin, end = float(area["from_chainage_m"]), float(area["to_chainage_m"])
    ends = {"from_chainage_m": round(begin, 2), "to_chainage_m": round(end, 2), "stake": stake_range(begin, end)}
    return {**ends, **area["more"]}


def _class_rule(
    context: RuleContext, rule: Rule, settings: HighConsequenceSettings
) -> tuple[Rule, LocationClassSettings]:
    """Whose numbers make the classes: the rule's own windows, or those of another rule."""
    if settings.windows is not None:
        # Only class 3 and higher are asked for: everything above none may be class 2.
        return replace(rule, value=0.0), settings.windows
    other = context.catalogue.rules.get(settings.classes_of)
    if other is None or other.engine != "location_class":
        raise InputError(
            f"settings.classes_of names {settings.classes_of!r}",
            where=f"catalogue, rule {rule.id}",
            expected="a rule of the engine location_class",
        )
    return other, LocationClassSettings.model_validate(other.settings)


def _classified(
    context: RuleContext, rule: Rule, settings: HighConsequenceSettings, subjects: Selection, objects: Selection
) -> tuple[ClassifiedLines, LocationClassSettings]:
    base, numbers = _class_rule(context, rule, settings)
    return classified_lines(context, base, numbers, subjects, objects), numbers


def _in_class(
    context: RuleContext, rule: Rule, settings: HighConsequenceSettings, subjects: Selection, objects: Selection
) -> _Areas:
    lines, numbers = _classified(context, rule, settings, subjects, objects)
    pieces = lines.pieces
    wanted = pieces["location_class"] == settings.location_class
    certain = (pieces["class_low"] == "3") | pieces["near_gathering"]
    sure, open_ = pieces[wanted & certain], pieces[wanted & ~certain]
    if settings.location_class in ("3", "4"):
        open_ = pieces[(wanted & ~certain) | pieces[f"class_{settings.location_class}_possible"]]
    parts = []
    for chosen, is_sure in ((sure, True), (open_, False)):
        merged = merge_segments(chosen, settings.merge_m)
        member = _member(merged, chosen)
        low, high = (_greatest(chosen[name], member, len(merged)) for name in ("low", "high"))
        first = numbers.class_3_from
        chance = np.clip((high - first + 1.0) / (high - low + 1.0), 0.05, 0.95)
        flags = {
            code: _greatest(chosen[column].astype(float), member, len(merged)) > 0
            for code, column in (
                ("class_4_possible", "class_4_possible"),
                ("households_assumed", "assumed"),
                ("coarse_geometry", "coarse"),
                ("run_ends_at_junction", "junction"),
                ("position_sigma_unknown", "unplaced"),
            )
        }
        unnumbered = _greatest(chosen["unnumbered"], member, len(merged))
        chance[unnumbered > 0] = 0.5
        told: list[dict[str, Any]] = []
        for least, most, n in zip(low, high, unnumbered, strict=True):
            bound = {"buildings_without_households": int(n)} if n else {f"{numbers.counts}_high": most}
            told.append({f"{numbers.counts}_low": least, **bound})
        parts.append(
            merged.assign(
                measured=high,
                required=first,
                sigma=np.where(unnumbered > 0, np.nan, (high - low) / np.sqrt(12.0)),
                sure=is_sure,
                probability=1.0 if is_sure else chance,
                more=pd.Series(told, dtype=object),
                **flags,
            )
        )
    return _Areas(lines.runs, pd.concat(parts, ignore_index=True), uncounted(rule, lines))


def _near_objects(
    context: RuleContext,
    rule: Rule,
    settings: HighConsequenceSettings,
    lines: pd.DataFrame,
    subjects: Selection,
    objects: Selection,
) -> _Areas:
    reach, without_radius, gaps = _reach(context, rule, settings, lines, subjects)
    # Lines with radii of their own are joined to their like only.
    runs = line_runs(context.table, subjects, ALIKE if settings.reach == "value" else (*ALIKE, *_SIZE))
    places = context.table.rows.iloc[objects.positions]
    by_kind = _by_kind_only(context, settings, objects)
    if settings.near_kinds:
        meant = places["kind"].isin(settings.near_kinds).to_numpy(dtype=bool)
        places, by_kind = places[meant], by_kind[meant]
    sigma = lines["sigma"].fillna(0.0).to_numpy(dtype=np.float64)
    noise = places["sigma"].fillna(0.0).to_numpy(dtype=np.float64)
    outlines = Outlines(places["geometry"].to_numpy(dtype=object), noise)
    near = near_stretches(runs, outlines, reach, sigma).assign(sure=True)
    if sigma.any() or noise.any():
        wide = near_stretches(runs, outlines, reach, sigma, z=Z_95)
        line = _owner_at(runs, wide)
        beyond = wide[wide["distance_m"].to_numpy() > reach[line]].assign(sure=False)
        near = pd.concat([near, beyond], ignore_index=True)
    line, item = _owner_at(runs, near), near["object"].to_numpy(dtype=np.intp)
    limit, spread = reach[line], np.hypot(sigma[line], noise[item])
    distance = near["distance_m"].to_numpy()
    near = near.assign(
        limit=limit,
        spread=spread,
        # Nothing says whether the kind of such a place is one of those that are meant.
        chance=np.where(by_kind[item], 0.5, 1.0)
        * np.where(spread > 0, probability_near(distance, limit, spread), (distance <= limit).astype(float)),
        sure=near["sure"].to_numpy(dtype=bool) & ~by_kind[item],
        kind_of_place_unknown=by_kind[item],
        impact_radius_unknown=without_radius[line],
    )
    near["from_m"] = np.maximum(np.minimum(near["from_m"], near["foot_from_m"] - settings.boundary_m), 0.0)
    near["to_m"] = np.maximum(near["to_m"], near["foot_to_m"] + settings.boundary_m)
    near["to_m"] = np.minimum(near["to_m"], runs.length_m[near["run"]])
    sure = _told(near[near["sure"]], settings, places)
    open_ = _told(near[~near["sure"]], settings, places)
    if settings.outside_class:
        inner = _surely_classed(context, rule, settings, subjects, objects)
        sure, open_ = _without(sure, inner), _without(open_, inner)
    return _Areas(runs, pd.concat([sure, _without(open_, sure)], ignore_index=True), gaps)


def _by_kind_only(context: RuleContext, settings: HighConsequenceSettings, objects: Selection) -> Mask:
    """Which objects are crowd places that state fewer people or days than count by themselves."""
    if settings.surely_from is None:
        return np.zeros(len(objects.positions), dtype=bool)
    crowd = context.table.rows["kind"].to_numpy(dtype=object)[objects.positions] == "crowd_place"
    people, days = (context.table.column(name)[objects.positions] for name in ("population", "days_per_year"))
    few = (people < settings.surely_from.population) | (days < settings.surely_from.days_per_year)
    return np.asarray(crowd & few, dtype=bool)


def _reach(
    context: RuleContext, rule: Rule, settings: HighConsequenceSettings, lines: pd.DataFrame, subjects: Selection
) -> tuple[Array, Mask, list[NotApplied]]:
    """How near counts for each line (NaN: the rule is not for it), and where the impact radius is not known."""
    diameter, pressure = (context.table.column(name)[subjects.positions] for name in _SIZE)
    reach = np.full(len(lines), rule.value)
    gaps: list[NotApplied] = []
    if settings.reach == "value" and settings.unless_above is None and settings.unless_below is None:
        return reach, np.zeros(len(lines), dtype=bool), gaps
    kind = lines["kind"].to_numpy(dtype=object)
    for name, values in zip(_SIZE, (diameter, pressure), strict=True):
        for of in np.unique(kind[~(values > 0)]):
            count = int(((kind == of) & ~(values > 0)).sum())
            gaps.append(NotApplied(rule.id, str(of), "", f"attribute_missing:{name}", count))
    known = (diameter > 0) & (pressure > 0)
    reach[
        ~known
        | _both(settings.unless_above, diameter, pressure, 1)
        | _both(settings.unless_below, diameter, pressure, -1)
    ] = np.nan
    natural = np.isin(context.table.text("medium")[subjects.positions], settings.impact_radius_media)
    radius = np.full(len(lines), np.nan)
    radius[known & natural] = potential_impact_radius_m(diameter[known & natural], pressure[known & natural])
    without = np.isfinite(reach) & ~natural
    if settings.reach == "greater":
        return np.fmax(reach, np.where(np.isfinite(reach), radius, np.nan)), without, gaps
    if settings.reach == "impact_radius":
        gaps += [
            NotApplied(rule.id, str(row.kind), str(row.id), "impact_radius_unknown", 1)
            for row in lines[without].itertuples()
        ]
        reach = np.where(np.isfinite(reach), radius, np.nan)
    return reach, np.zeros(len(lines), dtype=bool), gaps


def _both(size: PipelineSize | None, diameter: Array, pressure: Array, side: int) -> Mask:
    if size is None:
        return np.zeros(len(diameter), dtype=bool)
    return (side * diameter > side * size.diameter_mm) & (side * pressure > side * size.pressure_mpa)


def _owner_at(runs: PipelineRuns, near: pd.DataFrame) -> NDArray[np.intp]:
    """The line at the nearest place of each stretch."""
    return runs.owner_at(near["run"].to_numpy(dtype=np.intp), near["nearest_m"].to_numpy(dtype=np.float64))


def _told(near: pd.DataFrame, settings: HighConsequenceSettings, places: pd.DataFrame) -> pd.DataFrame:
    """Stretches merged to areas, each with its nearest object and the list of all."""
    merged = merge_segments(near, settings.merge_m)
    near = near.assign(area=_member(merged, near)).sort_values(["area", "distance_m"], kind="stable")
    nearest = near.drop_duplicates("area")
    keys = places["key"].to_numpy(dtype=object)[near["object"].to_numpy(dtype=np.intp)]
    named = pd.Series(keys, dtype=object).groupby(near["area"].to_numpy()).agg(lambda key: list(dict.fromkeys(key)))
    edgeless = shapely.get_dimensions(places["geometry"].to_numpy(dtype=object)) < 2
    is_line = edgeless & places["kind"].isin(["road", "railway"]).to_numpy()
    more: list[dict[str, Any]] = []
    for names, limit in zip(named, nearest["limit"], strict=True):
        more.append({"within_m": round(float(limit), 1), "n_objects": len(names), "objects": names[:_SHOWN]})
    item = nearest["object"].to_numpy(dtype=np.intp)
    return merged.assign(
        measured=nearest["distance_m"].to_numpy(),
        required=nearest["limit"].to_numpy(),
        sigma=nearest["spread"].to_numpy(),
        sure=nearest["sure"].to_numpy(dtype=bool),
        probability=near.groupby("area")["chance"].max().to_numpy(),
        more=pd.Series(more, dtype=object),
        position_sigma_unknown=places["sigma"].isna().to_numpy()[item],
        impact_radius_unknown=nearest["impact_radius_unknown"].to_numpy(dtype=bool),
        kind_of_place_unknown=near.groupby("area")["kind_of_place_unknown"].any().to_numpy(dtype=bool),
        centreline_for_edge=is_line[item],
        coarse_geometry=places["coarse"].to_numpy(dtype=bool)[item],
    )


def _surely_classed(
    context: RuleContext, rule: Rule, settings: HighConsequenceSettings, subjects: Selection, objects: Selection
) -> pd.DataFrame:
    """Segments that surely are in the class, or a higher one, outside of which the item counts."""
    pieces = _classified(context, rule, settings, subjects, objects)[0].pieces
    rank = {name: place for place, name in enumerate(CLASSES)}
    least = rank[str(settings.outside_class)]
    surely = (pieces["class_low"].map(rank) >= min(least, rank["3"])) | pieces["near_gathering"]
    return merge_segments(pieces[(pieces["location_class"].map(rank) >= least) & surely])


def _without(segments: pd.DataFrame, holes: pd.DataFrame) -> pd.DataFrame:
    """Segments less what others cover."""
    kept: list[pd.Series] = []
    for _, segment in segments.iterrows():
        mine = holes[(holes["run"] == segment["run"]) & (holes["from_m"] < segment["to_m"])]
        mine = mine[mine["to_m"] > segment["from_m"]].sort_values("from_m")
        at = segment["from_m"]
        for begin, end in zip([*mine["from_m"], segment["to_m"]], [*mine["to_m"], segment["to_m"]], strict=True):
            if begin > at + _HAIR_M:
                piece = segment.copy()
                piece["from_m"], piece["to_m"] = at, begin
                kept.append(piece)
            at = max(at, end)
    return pd.DataFrame(kept, columns=segments.columns).reset_index(drop=True).astype(segments.dtypes)


def _member(merged: pd.DataFrame, parts: pd.DataFrame) -> NDArray[np.intp]:
    """Which merged segment each part went into."""
    span = 1.0 + max(merged["to_m"].max(), 0.0) if len(merged) else 1.0
    starts = merged["from_m"].to_numpy() + merged["run"].to_numpy() * span
    at = np.searchsorted(starts, parts["from_m"].to_numpy() + parts["run"].to_numpy() * span, side="right") - 1
    return np.asarray(at, dtype=np.intp)


def _greatest(values: pd.Series, member: NDArray[np.intp], count: int) -> Array:
    found = np.zeros(count)
    np.maximum.at(found, member, values.to_numpy(dtype=np.float64))
    return found
