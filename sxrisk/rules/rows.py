"""Finding rows from arrays: ids, status, colour, reasons.

Whole columns at a time: a province has millions of pairs, and their text repeats itself.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from sxrisk.findings import Colour, Evidence
from sxrisk.rules._line_wkb import wkb_as_lines
from sxrisk.rules._text_columns import chosen, fixed, from_bytes, taken, text_bytes, text_frame
from sxrisk.rules.criterion import Rule
from sxrisk.rules.judge import statuses
from sxrisk.rules.load import Catalogue

__all__ = ["End", "at_positions", "finding_rows", "pair_table", "table_rows"]

Mask = NDArray[np.bool_]
Positions = NDArray[np.integer[Any]]
_ROWS_PER_THREAD = 50_000


@dataclass(frozen=True)
class End:
    """One end of many pairs.

    Parameters
    ----------
    rows : DataFrame
        Feature rows with the column `key`.
    positions : ndarray of shape (n,)
        Row of each pair.
    """

    rows: pd.DataFrame
    positions: Positions

    def values(self, column: str) -> NDArray[Any]:
        """A column's value of each pair."""
        return at_positions(self.rows[column].to_numpy(), self.positions)

    def at(self, keep: Mask | Positions | slice) -> "End":
        """The end of some of the pairs."""
        return End(self.rows, self.positions[keep])


def at_positions(values: NDArray[Any], positions: Positions) -> NDArray[Any]:
    """``values[positions]``, without looking each one up where they are all the same."""
    if len(values) and (values == values[0]).all():
        return np.full(len(positions), values[0])
    return values[positions]


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
    own = np.arange(len(subjects))
    columns, kept = _columns(
        catalogue,
        rule,
        End(subjects, own),
        End(objects, own) if objects is not None else None,
        measured=measured,
        required=required,
        sigma=sigma,
        is_broken=is_broken,
        probability=probability,
        reasons=reasons,
        results=results,
        details=details,
        parts=parts,
    )
    return text_frame(columns).assign(geometry=geometry[kept])


def pair_table(
    catalogue: Catalogue,
    rule: Rule,
    subject: End,
    object_: End,
    *,
    measured: NDArray[np.float64],
    required: NDArray[np.float64],
    sigma: NDArray[np.float64],
    is_broken: Mask,
    probability: NDArray[np.float64],
    lines: Callable[[Positions], pa.Array],
    reasons: Iterable[tuple[str, Mask]] = (),
) -> pa.Table:
    """What :func:`finding_rows` gives, for many pairs of few things, as Arrow's table in the order of findings.

    Parameters
    ----------
    subject, object_ : End
        The two ends of n pairs.
    lines : callable
        WKB of the shortest lines of the pairs at some positions; only those of findings are made.
    catalogue, rule, measured, required, sigma, is_broken, probability, reasons
        See :func:`finding_rows`.

    Returns
    -------
    pyarrow.Table
        Columns of the findings schema; text is dictionary-encoded, `geometry` is WKB in EPSG:4490.
    """
    columns, kept = _columns(
        catalogue,
        rule,
        subject,
        object_,
        measured=measured,
        required=required,
        sigma=sigma,
        is_broken=is_broken,
        probability=probability,
        reasons=reasons,
        in_order=True,
    )
    return pa.table({**columns, "geometry": lines(kept)})


def table_rows(table: pa.Table) -> pd.DataFrame:
    """A table of :func:`pair_table` as :func:`finding_rows` would give it."""
    whole = table.combine_chunks()
    columns = {
        name: whole[name].chunk(0) if len(whole) else pa.array([], whole[name].type) for name in whole.column_names
    }
    shapes = wkb_as_lines(columns.pop("geometry"))
    frame = text_frame(columns)
    frame["geometry"] = shapes
    return frame


def _columns(
    catalogue: Catalogue,
    rule: Rule,
    subject: End,
    object_: End | None,
    *,
    measured: ArrayLike,
    required: ArrayLike,
    sigma: NDArray[np.float64],
    is_broken: Mask,
    probability: NDArray[np.float64],
    reasons: Iterable[tuple[str, Mask]],
    results: Sequence[str] | None = None,
    details: Sequence[Mapping[str, Any]] | None = None,
    parts: Sequence[str] | None = None,
    in_order: bool = False,
) -> tuple[dict[str, pa.Array], Positions]:
    """Columns of the findings schema but the geometry, and the rows that they are of."""
    from sxrisk.rules._ids import id_letters, id_order

    reasons = list(reasons)
    # Which of two was there first is a condition of the clause too: unknown, it leaves no more than a suspicion.
    unknown_order = [mask for code, mask in reasons if code == "construction_order_unknown"]
    unchecked = np.logical_or.reduce([np.full(len(subject.positions), rule.unchecked_condition), *unknown_order])
    is_kept, status = statuses(rule, is_broken, probability, unchecked)
    status_code, status_texts = np.asarray(status.cat.codes), [str(value) for value in status.cat.categories]
    required = np.broadcast_to(np.asarray(required, dtype=np.float64), is_kept.shape)
    measured = np.broadcast_to(np.asarray(measured, dtype=np.float64), is_kept.shape)
    is_vague = sigma > np.abs(required)
    kept = np.flatnonzero(is_kept)
    if len(kept) < len(is_kept):
        subject, object_, is_vague = subject.at(kept), object_.at(kept) if object_ is not None else None, is_vague[kept]
    colour = _colours(catalogue, rule, status, is_vague)
    numbers = _numbers(rule, subject, object_, None if parts is None else [parts[int(row)] for row in kept])
    if in_order:
        order, numbers = id_order(colour, len(Colour), numbers)
        kept = kept[order] if len(kept) < len(is_kept) else order
        status_code, colour = at_positions(status_code, order), at_positions(colour, order)
        subject, object_ = subject.at(order), object_.at(order) if object_ is not None else None
    count = len(kept)
    measured, required = measured[kept], at_positions(required, kept)
    told = [(code, at_positions(mask, kept)) for code, mask in reasons]
    too_short = rule.op in ("<", "<=")
    zeros = pa.array(np.zeros(count, np.int32))

    def same(text: str) -> pa.Array:
        return fixed(text, zeros)

    columns = {
        "finding_id": from_bytes(id_letters(numbers)),
        "rule_id": same(rule.id),
        "standard": same(rule.standard),
        "clause": same(rule.clause_en),
        "evidence": same(str(rule.evidence)),
        "effect": same(str(rule.effect)),
        "status": chosen(status_code, status_texts),
        "hazard_grade": same(str(rule.hazard_grade)),
        "colour": chosen(colour, [str(value) for value in Colour]),
        **_names("subject", subject, zeros),
        **_names("object", object_, zeros),
        "metric": same(rule.metric),
        "measured": pa.array(measured),
        "required": pa.array(required),
        "unit": same(rule.unit),
        "deficit": pa.array(required - measured if too_short else measured - required),
        "uncertainty": pa.array(at_positions(sigma, kept)),
        "probability": pa.array(at_positions(probability, kept)),
        "result": same("") if results is None else _own([results[int(row)] for row in kept]),
        "details": same("") if details is None else _own([_as_json(details[int(row)]) for row in kept]),
        "county": taken(subject.rows["county"], _int32(subject.positions), zeros),
        "reasons": _codes(catalogue, rule, subject, object_, told),
    }
    return columns, kept


def _own(texts: list[str]) -> pa.Array:
    return pa.array(texts, type=pa.large_string())


def _int32(positions: Positions) -> pa.Array:
    return pa.array(np.ascontiguousarray(positions, dtype=np.int32))


def _as_json(details: Mapping[str, Any]) -> str:
    return json.dumps(details, ensure_ascii=False) if details else ""


def _names(end: str, things: End | None, zeros: pa.Array) -> dict[str, pa.Array]:
    names = ("kind", "id", "name")
    if things is None:
        return {f"{end}_{name}": fixed("", zeros) for name in names}
    positions = _int32(things.positions)
    return {f"{end}_{name}": taken(things.rows[name], positions, zeros) for name in names}


def _colours(catalogue: Catalogue, rule: Rule, status: pd.Series, is_vague: Mask) -> NDArray[np.int8]:
    """Rank of each row's colour, worst first."""
    rank = {colour: k for k, colour in enumerate(Colour)}
    table = [
        [rank[catalogue.colour_of(rule, value, lead_only=vague)] for vague in (False, True)]
        for value in status.cat.categories
    ]
    return np.array(table, dtype=np.int8)[np.asarray(status.cat.codes), is_vague.astype(np.intp)]


def _numbers(rule: Rule, subject: End, object_: End | None, parts: list[str] | None) -> NDArray[np.int64]:
    """Digits of the finding ids, as numbers."""
    from sxrisk.rules._ids import id_numbers

    count = len(subject.positions)
    numbers = np.empty(count, np.int64)
    name, _ = text_bytes([rule.id])
    keys = text_bytes(subject.rows["key"])
    other_keys = text_bytes([""] if object_ is None else object_.rows["key"])
    others = np.zeros(count, np.int32) if object_ is None else object_.positions.astype(np.int32)
    told = (np.zeros(0, np.uint8), np.zeros(0, np.int64)) if parts is None else text_bytes(parts)
    own = subject.positions.astype(np.int32)

    def work(low: int) -> None:
        high = min(low + _ROWS_PER_THREAD, count)
        id_numbers(name, *keys, own, *other_keys, others, *told, low, high, numbers)

    starts = range(0, count, _ROWS_PER_THREAD)
    if len(starts) < 2:
        work(0)
    else:
        import numba

        with ThreadPoolExecutor(numba.get_num_threads()) as pool:
            list(pool.map(work, starts))
    return numbers


def _codes(
    catalogue: Catalogue, rule: Rule, subject: End, object_: End | None, more: list[tuple[str, Mask]]
) -> pa.Array:
    count = len(subject.positions)
    everywhere = np.ones(count, dtype=bool)
    held: list[tuple[str, Mask]] = [(code, everywhere) for code in rule.adds_reasons]
    held.append(("subject_crs_unknown", subject.values("crs_unknown").astype(bool)))
    if object_ is not None:
        held.append(("object_crs_unknown", object_.values("crs_unknown").astype(bool)))
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
    held += [(code, everywhere) for code in catalogue.conflict_codes.get(rule.id, ())]
    # Rows that are told the same share a number: that of their set of codes.
    texts, number = [""], np.zeros(count, np.int32)
    for code, mask in held:
        if not mask.any():
            continue
        longer = [f"{text} {code}" if text else code for text in texts]
        if mask.all():
            texts = longer
            continue
        number = number + np.int32(len(texts)) * mask
        used, number = _renumbered(number, 2 * len(texts))
        texts = [(texts + longer)[k] for k in used]
    return chosen(number, texts)


def _renumbered(number: NDArray[np.int32], size: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Which numbers below `size` occur, and each row's place among them."""
    occurs = np.bincount(number, minlength=size) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs, dtype=np.int32) - np.int32(1))[number]
