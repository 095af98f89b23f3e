"""Finding rows from arrays: ids, status, colour, reasons."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sxrisk.findings import Evidence, finding_id
from sxrisk.rules.criterion import Rule
from sxrisk.rules.judge import statuses
from sxrisk.rules.load import Catalogue

__all__ = ["finding_rows"]

Mask = NDArray[np.bool_]
T = TypeVar("T")


def finding_rows(
    catalogue: Catalogue,
    rule: Rule,
    subjects: pd.DataFrame,
    objects: pd.DataFrame | None,
    *,
    measured: ArrayLike,
    required: ArrayLike,
    sigma: NDArray[np.float64],
    is_broken: Mask,
    probability: NDArray[np.float64],
    geometry: NDArray[np.object_],
    reasons: Iterable[tuple[str, Mask]] = (),
    results: Sequence[str] | None = None,
    details: Sequence[Mapping[str, Any]] | None = None,
    parts: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Rows in the findings schema for what is broken or too close to call.

    Parameters
    ----------
    catalogue, rule
        What is judged by.
    subjects, objects : DataFrame of n rows
        Feature rows of the two ends, with the column `key`; objects None where the rule has none.
    measured, required, sigma : array_like of shape (n,) or scalar
        In the rule's unit.
    is_broken, probability : ndarray of shape (n,)
        See :func:`sxrisk.rules.judge.statuses`.
    geometry : ndarray of shape (n,)
        Shapely geometries in EPSG:4490.
    reasons : iterable of (code, mask)
        More reason codes and the rows they hold for, in the order in which they are told.
    results : sequence of n str, optional
        Class or grade of each row.
    details : sequence of n mappings, optional
        Further figures of each row, units in their names.
    parts : sequence of n str, optional
        What tells several findings on the same two ends apart; enters their ids.

    Returns
    -------
    DataFrame
    """
    unchecked = np.full(len(subjects), rule.unchecked_condition)
    kept, status = statuses(rule, is_broken, probability, unchecked)
    count = int(kept.sum())
    measured, required = (
        np.broadcast_to(np.asarray(v, dtype=np.float64), kept.shape)[kept] for v in (measured, required)
    )
    too_short = rule.op in ("<", "<=")
    subject = subjects[kept].reset_index(drop=True)
    object_ = objects[kept].reset_index(drop=True) if objects is not None else None
    object_keys = object_["key"] if object_ is not None else [""] * count
    part = _kept(parts, kept, "")
    return pd.DataFrame(
        {
            "finding_id": [
                finding_id(rule.id, s, o, p) for s, o, p in zip(subject["key"], object_keys, part, strict=True)
            ],
            "rule_id": rule.id,
            "standard": rule.standard,
            "clause": rule.clause_en,
            "evidence": str(rule.evidence),
            "effect": str(rule.effect),
            "status": status.map(str),
            "hazard_grade": str(rule.hazard_grade),
            "colour": [
                str(catalogue.colour_of(rule, value, lead_only=bool(vague)))
                for value, vague in zip(status, sigma[kept] > np.abs(required), strict=True)
            ],
            "subject_kind": subject["kind"],
            "subject_id": subject["id"],
            "subject_name": subject["name"],
            "object_kind": object_["kind"] if object_ is not None else "",
            "object_id": object_["id"] if object_ is not None else "",
            "object_name": object_["name"] if object_ is not None else "",
            "metric": rule.metric,
            "measured": measured,
            "required": required,
            "unit": rule.unit,
            "deficit": required - measured if too_short else measured - required,
            "uncertainty": sigma[kept],
            "probability": probability[kept],
            "result": _kept(results, kept, ""),
            "details": [json.dumps(shown, ensure_ascii=False) if shown else "" for shown in _kept(details, kept, {})],
            "county": subject["county"],
            "reasons": _codes(rule, subject, object_, [(code, mask[kept]) for code, mask in reasons]),
            "geometry": geometry[kept],
        }
    )


def _kept(values: Sequence[T] | None, kept: Mask, missing: T) -> list[T]:
    if values is None:
        return [missing] * int(kept.sum())
    return [values[int(row)] for row in np.flatnonzero(kept)]


def _codes(rule: Rule, subject: pd.DataFrame, object_: pd.DataFrame | None, more: list[tuple[str, Mask]]) -> list[str]:
    count = len(subject)
    everywhere = np.ones(count, dtype=bool)
    held: list[tuple[str, Mask]] = [(code, everywhere) for code in rule.adds_reasons]
    held.append(("subject_crs_unknown", subject["crs_unknown"].to_numpy(dtype=bool)))
    if object_ is not None:
        held.append(("object_crs_unknown", object_["crs_unknown"].to_numpy(dtype=bool)))
    held += more
    held += [
        (code, everywhere)
        for code, holds in (
            ("condition_unchecked", rule.unchecked_condition),
            ("overridden_by_user", rule.overridden),
            ("secondary_source", rule.evidence is Evidence.V2),
        )
        if holds
    ]
    told: list[list[str]] = [[] for _ in range(count)]
    for code, mask in held:
        for row in np.flatnonzero(mask):
            told[row].append(code)
    return [" ".join(codes) for codes in told]
