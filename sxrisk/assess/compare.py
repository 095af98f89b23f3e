"""What changed between two runs, finding by finding: new, worse, unchanged, better, gone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from sxrisk.assess.matching import finding_places, match_findings, renamed_rules
from sxrisk.errors import FileFormatError, InputError
from sxrisk.findings import Colour, Status, findings_frame

__all__ = [
    "CHANGES",
    "CHANGE_COLUMNS",
    "change_counts",
    "compare_findings",
    "compare_runs",
    "read_run_findings",
    "with_changes",
]

Array = NDArray[np.float64]

CHANGES = ("new", "worse", "unchanged", "better", "gone")

CHANGE_COLUMNS: Mapping[str, str] = {
    "finding_id": "id in the later run; of what is gone, in the earlier one",
    "change": "new, worse, unchanged, better, gone",
    "why": "what made it worse or better: colour, status, deficit, result; and limit where the required value changed",
    "matched_by": "id, rule_renamed or name_and_place; empty where it stands in one run only",
    "previous_id": "id in the earlier run, empty where it is new",
    "moved_m": "how far the finding's place moved, metres",
    "rule_id": "rule, of the later run where it stands in both, like the following",
    "subject_kind": "kind of the subject",
    "subject_id": "its key",
    "subject_name": "its name",
    "object_kind": "kind of the object",
    "object_id": "its key",
    "object_name": "its name",
    "county": "county",
    "colour_before": "colour in the earlier run",
    "colour_now": "colour in the later run",
    "status_before": "status in the earlier run",
    "status_now": "status in the later run",
    "result_before": "class or grade in the earlier run",
    "result_now": "class or grade in the later run",
    "measured_before": "value in the earlier run, in `unit`",
    "measured_now": "value in the later run",
    "required_before": "limit in the earlier run",
    "required_now": "limit in the later run",
    "deficit_before": "how far the limit was broken",
    "deficit_now": "how far it is broken",
    "uncertainty": "1 sigma of the difference of the two values: both added in squares",
    "unit": "unit of the numbers",
    "longitude": "where, degrees CGCS2000",
    "latitude": "where, degrees CGCS2000",
}

_SIDES = ("colour", "status", "result", "measured", "required", "deficit")
_TEXTS = ("rule_id", "subject_kind", "subject_id", "subject_name", "object_kind", "object_id", "object_name", "county")
# A value moved if it moved by more than this many sigmas of the difference; without sigmas, by more than a millimetre.
_SIGMAS, _LEAST = 2.0, 1e-3
# Of two states the earlier in the list is the worse. A person's confirmation says nothing of how the place changed.
_STATUS_ORDER = {
    status.value: rank
    for rank, status in enumerate(
        (Status.VIOLATION, Status.SUSPECTED, Status.PERMIT, Status.TOO_CLOSE, Status.CLASSIFIED, Status.ADVISORY)
    )
}
_COLOUR_ORDER = {colour.value: rank for rank, colour in enumerate(Colour)}


def compare_findings(
    before: pd.DataFrame, now: pd.DataFrame, *, renamed: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Findings of two runs side by side.

    A pair is *worse* or *better* by its colour; at the same colour by its status; else by its deficit where that moved
    by more than two sigmas of the difference; else, where no number tells, a changed class or grade counts as worse, so
    that a person looks at it.

    Parameters
    ----------
    before, now : GeoDataFrame in the findings schema
    renamed : mapping of str to str, optional
        Old to new ids of rules.

    Returns
    -------
    DataFrame
        Columns :data:`CHANGE_COLUMNS`; what is worst first: new, worse, gone, better, unchanged.

    Examples
    --------
    >>> from sxrisk.findings import findings_frame
    >>> now = findings_frame([{"finding_id": "F-1", "deficit": 2.0}])
    >>> compare_findings(findings_frame(), now)["change"].tolist()
    ['new']
    """
    pairs = match_findings(before, now, renamed=renamed)
    table = _both(before, now, pairs)
    alone = [table["_before"].to_numpy() < 0, table["_now"].to_numpy() < 0]
    verdict, why = _verdicts(table)
    table["change"] = np.select(alone, ["new", "gone"], verdict)
    table["why"] = np.where(alone[0] | alone[1], "", why)
    order = {name: rank for rank, name in enumerate(("new", "worse", "gone", "better", "unchanged"))}
    table["_rank"] = table["change"].map(order)
    table["_colour"] = table["colour_now"].where(table["colour_now"] != "", table["colour_before"]).map(_COLOUR_ORDER)
    table = table.sort_values(["_rank", "_colour", "finding_id"], kind="stable", ignore_index=True)
    return table[list(CHANGE_COLUMNS)]


def change_counts(changes: pd.DataFrame) -> dict[str, int]:
    """How many findings are new, worse, unchanged, better and gone."""
    counted = changes["change"].value_counts()
    return {name: int(counted.get(name, 0)) for name in CHANGES}


def with_changes(findings: gpd.GeoDataFrame, changes: pd.DataFrame | None) -> gpd.GeoDataFrame:
    """The findings with the column ``change`` filled from a comparison; without one it stays empty."""
    if changes is None:
        return findings.assign(change="")
    told = changes.loc[changes["change"] != "gone"].drop_duplicates("finding_id").set_index("finding_id")["change"]
    return findings.assign(change=findings["finding_id"].map(told).fillna("").astype("str"))


def read_run_findings(run: str | Path) -> gpd.GeoDataFrame:
    """Findings of a finished run.

    Parameters
    ----------
    run : str or Path
        A run folder, or a ``findings.gpkg``.

    Returns
    -------
    GeoDataFrame
        Findings schema; columns that an older version did not know are empty.

    Raises
    ------
    FileFormatError
        If there is no such file, or it holds no findings.
    """
    place = Path(run)
    path = place / "findings.gpkg" if place.is_dir() else place
    if not path.is_file():
        raise FileFormatError(
            "there are no findings here",
            where=path,
            expected="the folder of a finished run, or its findings.gpkg",
            remedy="Give the folder that sxrisk run wrote",
        )
    try:
        table = pyogrio.read_dataframe(path, layer="findings")
    except (DataSourceError, DataLayerError) as error:
        raise FileFormatError(
            "the findings cannot be read", where=path, expected="a findings.gpkg of a run", remedy=str(error)
        ) from error
    needed = {"finding_id", "rule_id", "colour", "status", "subject_id", "deficit", "uncertainty"}
    if missing := sorted(needed - set(table.columns)):
        raise FileFormatError(
            f"the table findings lacks {', '.join(missing)}", where=path, expected="a findings.gpkg of a run"
        )
    return findings_frame(table)


def compare_runs(run_a: str | Path, run_b: str | Path, *, catalogue: Any = None) -> pd.DataFrame:
    """What changed from one finished run to another.

    Parameters
    ----------
    run_a, run_b : str or Path
        The earlier and the later run folder, or their ``findings.gpkg``.
    catalogue : Catalogue, optional
        Says which rules replace which; default the one that sxrisk ships.

    Returns
    -------
    DataFrame
        See :func:`compare_findings`.

    Raises
    ------
    FileFormatError
        If one of them has no findings.
    InputError
        If both are the same.
    """
    if Path(run_a).resolve() == Path(run_b).resolve():
        raise InputError("both runs are the same", where=run_a, expected="an earlier and a later run")
    if catalogue is None:
        from sxrisk.rules import load_catalogue

        catalogue = load_catalogue()
    before, now = read_run_findings(run_a), read_run_findings(run_b)
    return compare_findings(before, now, renamed=renamed_rules(catalogue))


def _both(before: pd.DataFrame, now: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per finding of either run, the values of both beside each other."""
    gone = np.setdiff1d(np.arange(len(before)), pairs["before"])
    new = np.setdiff1d(np.arange(len(now)), pairs["now"])
    b = np.concatenate([pairs["before"], np.full(len(new), -1), gone]).astype(np.intp)
    n = np.concatenate([pairs["now"], new, np.full(len(gone), -1)]).astype(np.intp)
    blank = [""] * (len(new) + len(gone))
    table = pd.DataFrame({"_before": b, "_now": n, "matched_by": [*pairs["matched_by"], *blank]})
    table["moved_m"] = np.concatenate([pairs["distance_m"], np.full(len(blank), np.nan)])
    table["previous_id"] = _taken(before["finding_id"], b)
    table["finding_id"] = np.where(n >= 0, _taken(now["finding_id"], n), table["previous_id"])
    for name in (*_TEXTS, "unit"):
        table[name] = np.where(n >= 0, _taken(now[name], n), _taken(before[name], b))
    for name in _SIDES:
        table[f"{name}_before"], table[f"{name}_now"] = _taken(before[name], b), _taken(now[name], n)
    sigmas = [np.nan_to_num(_taken(frame["uncertainty"], at)) for frame, at in ((before, b), (now, n))]
    table["uncertainty"] = np.hypot(*sigmas)
    places = [np.vstack([finding_places(frame), [[np.nan, np.nan]]]) for frame in (before, now)]
    here = np.where((n >= 0)[:, None], places[1][n], places[0][b])
    table["longitude"], table["latitude"] = np.round(here.T, 7)
    return table


def _taken(values: pd.Series, at: NDArray[np.intp]) -> Any:
    """Values at positions, -1 where there is none: NaN or empty."""
    if pd.api.types.is_numeric_dtype(values):
        return np.append(values.to_numpy(dtype=np.float64), np.nan)[at]
    return np.append(values.fillna("").astype(str).to_numpy(dtype=object), "")[at]


def _verdicts(table: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Worse, better or unchanged, and why, for rows that stand in both runs."""
    colour = _step(table["colour_before"], table["colour_now"], _COLOUR_ORDER)
    status = _step(table["status_before"], table["status_now"], _STATUS_ORDER)
    moved = (table["deficit_now"] - table["deficit_before"]).to_numpy()
    beyond = np.abs(moved) > np.maximum(_SIGMAS * table["uncertainty"].to_numpy(), _LEAST)
    deficit = np.where(beyond, np.sign(np.nan_to_num(moved)), 0.0)
    limit = np.abs(np.nan_to_num(table["required_now"] - table["required_before"])) > 1e-9
    other = (table["result_before"] != table["result_now"]).to_numpy()
    # Another class has another limit: deficits against the two cannot be compared, the value itself can.
    deficit[other & limit] = 0.0
    way = np.where(limit, _way_of_value(table), np.nan_to_num(np.sign(moved)))
    result = np.where(other, np.where(way == 0, 1.0, way), 0.0)
    steps = {"colour": colour, "status": status, "deficit": deficit, "result": result}
    total = np.select([step != 0 for step in steps.values()], list(steps.values()), 0.0)
    why = np.array(
        [
            " ".join([*(name for name in steps if steps[name][row] != 0), *(["limit"] if limit[row] else [])])
            for row in range(len(table))
        ],
        dtype=object,
    )
    return np.select([total > 0, total < 0], ["worse", "better"], "unchanged"), why


def _way_of_value(table: pd.DataFrame) -> Array:
    """1 where the measured value went the way that breaks its limit, -1 the other way, 0 where nothing tells."""
    # A deficit has the sign of measured minus required where more is worse, else the other.
    now, before = (
        np.nan_to_num(
            np.sign(((table[f"measured_{side}"] - table[f"required_{side}"]) * table[f"deficit_{side}"]).to_numpy())
        )
        for side in ("now", "before")
    )
    moved = (table["measured_now"] - table["measured_before"]).fillna(0.0).to_numpy()
    return np.where(now != 0, now, before) * np.sign(moved)


def _step(before: pd.Series, now: pd.Series, order: Mapping[str, int]) -> Array:
    """1 where the later one is worse, -1 where it is better, 0 where they are equal or one is not in the order."""
    moved = before.map(order).to_numpy(dtype=np.float64) - now.map(order).to_numpy(dtype=np.float64)
    return np.sign(np.nan_to_num(moved))
