"""Blasting beside people and buildings: ground vibration and air wave by GB 6722."""

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.distance import near_rows
from sxrisk.rules.engines.blasting_settings import AirblastSettings, BlastVibrationSettings
from sxrisk.rules.features import NotApplied, Selection

__all__ = ["apply_airblast", "apply_blast_vibration"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


def apply_blast_vibration(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `blast_vibration`: objects nearer than the distance at which the ground moves as fast as they may bear.

    The limit is the rule's value times Sadovsky's distance, for each class of objects its own. K and alpha are those of
    a site test (`site_k`, `site_alpha`), else the worst corner of the range of the rock, of all rocks where it is
    unknown. The frequency is `dominant_frequency_hz`, else the lowest that the way of blasting has.
    """
    from sxrisk.reach.blasting import vibration_distance_m

    settings = BlastVibrationSettings.model_validate(rule.settings)
    charge, from_total, gaps = _charges(context, rule, subjects)
    band, frequency_told = _bands(context, settings, subjects)
    k_low, k_high, alpha_low, alpha_high, tested, rock_told = _ground(context, settings, subjects)
    classes, class_told = _classes(context, settings, objects)
    parts = []
    for name, entry in settings.classes.items():
        chosen = classes == name
        if not chosen.any():
            continue
        allowed = np.asarray(entry.velocity_cm_per_s)[band]
        reach, k, alpha = vibration_distance_m(allowed, charge, (k_low, k_high), (alpha_low, alpha_high))
        near = Selection(objects.positions[chosen])
        reasons = [
            ("total_charge_taken", from_total),
            ("frequency_from_blast_method", ~frequency_told),
            ("ground_constants_assumed", ~tested),
            ("rock_unknown", ~tested & ~rock_told),
        ]
        found, blast, thing = _near(context, rule, subjects, near, rule.value * reach, reasons)
        found["result"] = name
        found["details"] = [
            json.dumps(
                {
                    "charge_kg": round(float(charge[i]), 3),
                    "allowed_velocity_cm_per_s": float(allowed[i]),
                    "velocity_cm_per_s": _velocity(distance, charge[i], k[i], alpha[i]),
                    "k": float(k[i]),
                    "alpha": float(alpha[i]),
                }
            )
            for i, distance in zip(blast, found["measured"], strict=True)
        ]
        found["reasons"] = [
            told if is_told else f"{told} structure_unknown".strip()
            for told, is_told in zip(found["reasons"], class_told[chosen][thing], strict=True)
        ]
        parts.append(found)
    full = [part for part in parts if len(part)]
    return (pd.concat(full, ignore_index=True) if full else pd.DataFrame()), gaps


def apply_airblast(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `airblast`: objects nearer than where the air wave of a charge falls to what people may bear.

    Delays of milliseconds add up in the air: the whole charge counts. Where only that of one delay is known, it is
    taken as the least that there is, which the finding and the list of what was not checked say.
    """
    from sxrisk.reach.blasting import airblast_distance_m

    settings = AirblastSettings.model_validate(rule.settings)
    charge, from_delay, gaps = _whole_charges(context, rule, subjects)
    reach = airblast_distance_m(charge, settings.overpressure_1e5_pa, settings.coefficients)
    found, blast, _ = _near(context, rule, subjects, objects, rule.value * reach, [("charge_of_one_delay", from_delay)])
    found["details"] = [json.dumps({"charge_kg": round(float(charge[i]), 3)}) for i in blast]
    return found, gaps


def _near(
    context: RuleContext,
    rule: Rule,
    subjects: Selection,
    objects: Selection,
    required: Array,
    reasons: list[tuple[str, Mask]],
) -> tuple[pd.DataFrame, Positions, Positions]:
    """Findings of pairs nearer than required, with the place of each one's two ends in the selections."""
    table = context.table
    ends = [table.rows.iloc[selection.positions] for selection in (subjects, objects)]
    # Ids may stand in several layers: for the while of the search each row's own number stands for its id.
    numbered = [rows.assign(id=np.arange(len(rows)).astype("U")) for rows in ends]
    found = near_rows(
        context.catalogue,
        rule,
        numbered[0],
        table.pieces_of(subjects),
        numbered[1],
        table.pieces_of(objects),
        required,
        np.zeros(len(required)),
        reasons=reasons,
    )
    places: list[Positions] = [np.asarray(found[f"{end}_id"].astype("int64"), np.intp) for end in ("subject", "object")]
    for end, rows, place in zip(("subject", "object"), ends, places, strict=True):
        found[f"{end}_id"] = rows["id"].array[place]
    return found, places[0], places[1]


def _charges(context: RuleContext, rule: Rule, subjects: Selection) -> tuple[Array, Mask, list[NotApplied]]:
    """The charge that counts, kg (NaN where unknown), where it is the whole one, and what is lost for want of it."""
    delay, total = (
        context.table.column(name)[subjects.positions] for name in ("charge_per_delay_kg", "total_charge_kg")
    )
    from_total = ~(delay > 0) & (total > 0)
    charge = np.where(delay > 0, delay, np.where(from_total, total, np.nan))
    charge = np.where(np.isfinite(charge), charge, np.nan)
    rows = context.table.rows.iloc[subjects.positions]
    gaps = [
        NotApplied(rule.id, str(row.kind), str(row.id), "attribute_missing:charge_per_delay_kg", 1)
        for row in rows[np.isnan(charge)].itertuples()
    ]
    return charge, from_total, gaps


def _whole_charges(context: RuleContext, rule: Rule, subjects: Selection) -> tuple[Array, Mask, list[NotApplied]]:
    """The whole charge, kg, else that of one delay, where it is the latter, and what is lost for want of the whole."""
    delay, total = (
        context.table.column(name)[subjects.positions] for name in ("charge_per_delay_kg", "total_charge_kg")
    )
    from_delay = ~(total > 0) & (delay > 0)
    charge = np.where(total > 0, total, np.where(from_delay, delay, np.nan))
    rows = context.table.rows.iloc[subjects.positions]
    gaps = [
        NotApplied(rule.id, str(row.kind), str(row.id), "attribute_missing:total_charge_kg", 1)
        for row in rows[~(total > 0)].itertuples()
    ]
    return charge, from_delay, gaps


def _bands(
    context: RuleContext, settings: BlastVibrationSettings, subjects: Selection
) -> tuple[NDArray[np.intp], Mask]:
    """Band of frequency of each blast, and whether its frequency was given."""
    given = context.table.column("dominant_frequency_hz")[subjects.positions]
    methods = context.table.text("blast_method")[subjects.positions]
    lowest = np.array([settings.lowest_frequency_hz.get(str(method), 0.0) for method in methods], dtype=np.float64)
    told = given > 0
    frequency = np.where(told, given, lowest)
    return np.searchsorted(np.asarray(settings.frequency_up_to_hz), frequency, side="left"), told


def _ground(
    context: RuleContext, settings: BlastVibrationSettings, subjects: Selection
) -> tuple[Array, Array, Array, Array, Mask, Mask]:
    """Ranges of K and alpha, whether a site test gave both, and whether the rock is known."""
    rocks = context.table.text("rock")[subjects.positions]
    told = np.array([rock in settings.grounds for rock in rocks], dtype=bool)
    grounds = list(settings.grounds.values())
    span = {
        "k": (min(g.k[0] for g in grounds), max(g.k[1] for g in grounds)),
        "alpha": (min(g.alpha[0] for g in grounds), max(g.alpha[1] for g in grounds)),
    }
    ranges = {
        name: np.array(
            [
                getattr(settings.grounds[rock], name) if known else span[name]
                for rock, known in zip(rocks, told, strict=True)
            ],
            dtype=np.float64,
        ).reshape(-1, 2)
        for name in ("k", "alpha")
    }
    k, alpha = (context.table.column(name)[subjects.positions] for name in ("site_k", "site_alpha"))
    tested_k, tested_alpha = (np.isfinite(v) & (v > 0) for v in (k, alpha))
    return (
        np.where(tested_k, k, ranges["k"][:, 0]),
        np.where(tested_k, k, ranges["k"][:, 1]),
        np.where(tested_alpha, alpha, ranges["alpha"][:, 0]),
        np.where(tested_alpha, alpha, ranges["alpha"][:, 1]),
        tested_k & tested_alpha,
        told,
    )


def _classes(
    context: RuleContext, settings: BlastVibrationSettings, objects: Selection
) -> tuple[NDArray[np.object_], Mask]:
    """Class of each object, and whether something told it."""
    kinds = context.table.rows["kind"].to_numpy(dtype=object)[objects.positions]
    uses, structures = (context.table.text(name)[objects.positions] for name in ("building_use", "structure"))
    found = np.full(len(kinds), settings.otherwise, dtype=object)
    told = np.zeros(len(kinds), dtype=bool)
    spoken = np.char.add(uses.astype("U"), structures.astype("U")) if len(kinds) else np.empty(0, dtype="U1")
    # The classes stand from the least to the most delicate: the most delicate that something speaks for holds.
    for name, entry in settings.classes.items():
        hit = np.isin(kinds.astype("U"), entry.kinds) | np.isin(uses.astype("U"), entry.uses)
        for word in entry.structure_words:
            hit |= np.char.find(spoken, word) >= 0
        found[hit] = name
        told |= hit
    return found, told


def _velocity(distance_m: float, charge_kg: float, k: float, alpha: float) -> float | None:
    """Expected velocity at the object, cm/s; none where blast and object meet."""
    from sxrisk.reach.blasting import peak_velocity_cm_per_s

    if distance_m <= 0:
        return None
    return round(float(peak_velocity_cm_per_s(distance_m, charge_kg, k, alpha)), 3)
