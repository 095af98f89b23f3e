"""The table of findings and the table of measurements.

Every analysis fills one of the two and every product reads them. Rooms that look at the world (scans, change, surfaces,
sites, reach) return *measurements*; only ``rules`` compares a measurement with a criterion and makes a *finding*.
Both tables are GeoDataFrames in geographic CGCS2000 (EPSG:4490, longitude then latitude).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sxrisk.errors import MissingFieldError

__all__ = [
    "FINDING_COLUMNS",
    "GEOGRAPHIC_CRS",
    "MEASUREMENT_COLUMNS",
    "Colour",
    "Effect",
    "Evidence",
    "FindingsFrame",
    "HazardGrade",
    "Status",
    "Treatment",
    "check_findings",
    "finding_id",
    "findings_frame",
    "measurement",
    "measurements_frame",
]

GEOGRAPHIC_CRS = "EPSG:4490"


class Evidence(StrEnum):
    """How far a criterion itself is verified; USER marks a number that the user gave."""

    V = "V"
    V2 = "V2"
    C = "C"
    G_PLUS = "G+"
    G = "G"
    X = "X"
    USER = "user"


class Effect(StrEnum):
    """What the clause asks for."""

    FORBIDDEN = "forbidden"
    NEEDS_PERMIT = "needs_permit"
    MUST_COMPLY = "must_comply"
    CLASSIFICATION = "classification"
    ADVISORY = "advisory"


class Status(StrEnum):
    """What the screening says; only a person's entry in the register makes it *confirmed*."""

    CONFIRMED = "confirmed"
    VIOLATION = "violation"
    TOO_CLOSE = "too_close_to_call"
    SUSPECTED = "suspected"
    PERMIT = "permit_to_be_shown"
    CLASSIFIED = "classified"
    ADVISORY = "advisory"


class Treatment(StrEnum):
    """State of a finding in the rectification register; people set it, the program only opens and reopens."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    RECTIFIED = "rectified"
    CLOSED = "closed"
    REOPENED = "reopened"
    NOT_A_HAZARD = "not_a_hazard"


class HazardGrade(StrEnum):
    """Grade of the hidden danger by the lists of major hidden dangers."""

    MAJOR = "major"
    GENERAL = "general"
    NONE = "none"


class Colour(StrEnum):
    """The four colours of risk, worst first."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    BLUE = "blue"


FINDING_COLUMNS: Mapping[str, str] = {
    "finding_id": "stable between runs: from the rule and the keys of subject and object",
    "rule_id": "id in the catalogue, or 'user' for a bare number",
    "standard": "number of the law or standard",
    "clause": "article or clause",
    "evidence": "how far the criterion is verified (V, V2, C, G+, G, X, user)",
    "effect": "forbidden, needs_permit, must_comply, classification, advisory",
    "status": "confirmed, violation, too_close_to_call, suspected, permit_to_be_shown, classified, advisory",
    "hazard_grade": "major, general, none",
    "colour": "red, orange, yellow, blue",
    "subject_kind": "kind of the place that the criterion is about",
    "subject_id": "key of the subject in its layer",
    "subject_name": "its name as the file has it",
    "object_kind": "kind of what is protected; empty where the criterion has no object",
    "object_id": "key of the object in its layer",
    "object_name": "its name as the file has it",
    "metric": "what was measured, e.g. distance, flow_path_distance, depth",
    "measured": "value, in `unit`",
    "required": "limit, in `unit`",
    "unit": "unit of measured, required, deficit and uncertainty",
    "deficit": "how far the limit is broken, positive where broken, in `unit`",
    "uncertainty": "1 sigma of measured, in `unit`",
    "probability": "probability that the limit is broken, 0 to 1",
    "result": "class or grade that a classification gives, e.g. 3, II; empty where there is none",
    "details": "further figures as JSON text, units in the names, e.g. from_chainage_m, population_low; or empty",
    "county": "county where the finding lies (its middle), or of the subject where no boundary is given",
    "reasons": "codes, separated by a space, of what weakens or explains the finding",
    "change": "since the last run: new, worse, unchanged, better; empty where there was none",
    "treatment": "state in the rectification register, e.g. open, rectified; empty where it is in none",
    "geometry": "shortest line between the two, or the place; EPSG:4490",
}

_NUMBERS = ("measured", "required", "deficit", "uncertainty", "probability")

MEASUREMENT_COLUMNS: Mapping[str, str] = {
    "subject_id": "key of what was measured",
    "subject_kind": "its kind",
    "object_id": "key of the other end where the measure is between two things, else empty",
    "object_kind": "its kind, else empty",
    "metric": "what was measured, e.g. stack_height, volume, flow_path_distance",
    "value": "in `unit`",
    "unit": "m, m2, m3, deg, mm, 1",
    "sigma": "1 sigma in `unit`; NaN where unknown",
    "epoch": "ISO 8601 with offset, empty where it does not apply",
    "method": "short code of how",
    "geometry": "where; EPSG:4490; may be None",
}


def finding_id(rule_id: str, subject_key: str, object_key: str = "", part: str = "") -> str:
    """Key of a finding that stays the same from run to run.

    Parameters
    ----------
    rule_id : str
        Id of the criterion, without the edition of its standard.
    subject_key, object_key : str
        ``kind/id`` of the two ends, ids as declared in their files.
    part : str
        Which of several findings on the same two ends, such as a segment of a pipeline.

    Returns
    -------
    str
        ``F-`` and 12 hexadecimal digits.

    Examples
    --------
    >>> ids = {finding_id("P-30c", "pipeline/GD-01", "settlement/C-07") for _ in range(3)}
    >>> len(ids)
    1
    """
    text = "\x1f".join((rule_id, subject_key, object_key, part) if part else (rule_id, subject_key, object_key))
    return "F-" + hashlib.sha256(text.encode()).hexdigest()[:12]


class FindingsFrame(gpd.GeoDataFrame):
    """A GeoDataFrame of findings that shows itself in a notebook: counts, then the first rows.

    Everything that a GeoDataFrame can do gives one again; a selection of columns without colour or status shows itself
    as pandas does.
    """

    @property
    def _constructor(self) -> Callable[..., Any]:
        parts = super()._constructor

        def made(*args: Any, **kwargs: Any) -> Any:
            frame = parts(*args, **kwargs)
            # Without any geometry left it is a plain table.
            return FindingsFrame(frame) if isinstance(frame, gpd.GeoDataFrame) else frame

        return made

    def _repr_html_(self) -> str | None:
        if not {*_SUMMED, "geometry"} <= set(self.columns):
            return super()._repr_html_()
        counts = "".join(f"<p><b>{name}</b>: {_counted(self[name])}</p>" for name in (*_SUMMED, "rule_id"))
        shown = [name for name in _SHOWN_COLUMNS if name in self.columns]
        first = self[shown].head(_SHOWN_ROWS)
        head = "".join(f"<th>{name}</th>" for name in shown)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell_text(value))}</td>" for value in row) + "</tr>"
            for row in first.itertuples(index=False, name=None)
        )
        more = f"<p>{len(self) - len(first)} more</p>" if len(self) > len(first) else ""
        return f"<p>{len(self)} findings</p>{counts}<table><tr>{head}</tr>{body}</table>{more}"


_SUMMED = ("colour", "status")
_SHOWN_COLUMNS = (
    "finding_id", "colour", "status", "rule_id", "subject_name", "object_name", "measured", "required", "unit",
    "uncertainty", "county", "change",
)  # fmt: skip
_SHOWN_ROWS, _SHOWN_CHARACTERS, _SHOWN_COUNTS = 10, 40, 12


def _counted(values: pd.Series) -> str:
    counts = values.value_counts()
    told = ", ".join(f"{escape(_cell_text(name))} {n}" for name, n in counts.head(_SHOWN_COUNTS).items())
    rest = len(counts) - _SHOWN_COUNTS
    return f"{told} and {rest} others" if rest > 0 else told or "none"


def _cell_text(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def findings_frame(rows: Iterable[Mapping[str, Any]] | gpd.GeoDataFrame = ()) -> FindingsFrame:
    """Rows in the findings schema, with its column order and types, sorted by id.

    Parameters
    ----------
    rows : iterable of mapping, or GeoDataFrame
        Values by column; `geometry` in EPSG:4490. Missing text becomes ``""``, missing numbers NaN.

    Returns
    -------
    FindingsFrame
        A GeoDataFrame: columns :data:`FINDING_COLUMNS` in order, CRS EPSG:4490, index 0..n-1.

    Examples
    --------
    >>> frame = findings_frame([{"finding_id": "F-1", "colour": "red", "status": "violation"}])
    >>> "<b>colour</b>: red 1" in frame._repr_html_()
    True
    """
    return FindingsFrame(_typed_frame(rows, FINDING_COLUMNS, _NUMBERS, ["colour_order", "finding_id"]))


def measurements_frame(rows: Iterable[Mapping[str, Any]] | gpd.GeoDataFrame = ()) -> gpd.GeoDataFrame:
    """Rows in the measurements schema, with its column order and types.

    Parameters
    ----------
    rows : iterable of mapping, or GeoDataFrame
        Values by column; `geometry` in EPSG:4490 or None.

    Returns
    -------
    GeoDataFrame
        Columns :data:`MEASUREMENT_COLUMNS` in order, CRS EPSG:4490, index 0..n-1.
    """
    return _typed_frame(
        rows, MEASUREMENT_COLUMNS, ("value", "sigma"), ["subject_kind", "subject_id", "metric", "object_id"]
    )


def measurement(
    subject_kind: str,
    subject_id: str,
    metric: str,
    value: float,
    unit: str,
    *,
    sigma: float = float("nan"),
    epoch: datetime | None = None,
    method: str = "",
    geometry: Any = None,
    object_kind: str = "",
    object_id: str = "",
) -> dict[str, Any]:
    """One row for :func:`measurements_frame`.

    Parameters
    ----------
    subject_kind, subject_id : str
        What was measured.
    metric : str
        What about it, e.g. ``"stack_height"``.
    value, sigma : float
        The value and its 1 sigma, in `unit`.
    unit : str
        ``"m"``, ``"m2"``, ``"m3"``, ``"deg"``, ``"mm"`` or ``"1"``.
    epoch : datetime, optional
        When, timezone-aware.
    method : str
        Short code of how.
    geometry : shapely geometry, optional
        Where, in EPSG:4490.
    object_kind, object_id : str
        The other end of a measure between two things.

    Returns
    -------
    dict
    """
    return {
        "subject_id": subject_id,
        "subject_kind": subject_kind,
        "object_id": object_id,
        "object_kind": object_kind,
        "metric": metric,
        "value": value,
        "unit": unit,
        "sigma": sigma,
        "epoch": epoch.isoformat() if epoch is not None else "",
        "method": method,
        "geometry": geometry,
    }


def check_findings(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame itself if it has every column of the findings schema.

    Raises
    ------
    MissingFieldError
        Naming the columns that are missing.
    """
    missing = [name for name in FINDING_COLUMNS if name not in frame.columns]
    if missing:
        raise MissingFieldError(
            f"the findings table lacks {', '.join(missing)}",
            expected="all columns of sxrisk.findings.FINDING_COLUMNS",
            remedy="Make the table with check_distances, or by a run",
        )
    return frame


def _typed_frame(
    rows: Iterable[Mapping[str, Any]] | gpd.GeoDataFrame,
    columns: Mapping[str, str],
    numbers: tuple[str, ...],
    order: list[str],
) -> gpd.GeoDataFrame:
    table = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows)).reindex(columns=list(columns))
    for name in columns:
        if name in numbers:
            table[name] = pd.to_numeric(table[name]).astype("float64")
        elif name != "geometry":
            table[name] = _filled_text(table[name])
    if "colour_order" in order:
        rank = pc.fill_null(pc.index_in(pa.array(table["colour"]), pa.array(list(map(str, Colour)))), len(Colour))
        if _ascending(np.asarray(rank), table["finding_id"]):
            return gpd.GeoDataFrame(table.reset_index(drop=True), geometry="geometry", crs=GEOGRAPHIC_CRS)
        table["colour_order"] = np.asarray(rank)
    table = table.sort_values(order, kind="stable", ignore_index=True)[list(columns)]
    return gpd.GeoDataFrame(table, geometry="geometry", crs=GEOGRAPHIC_CRS)


def _filled_text(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.StringDtype) and not values.hasnans:
        return values
    return values.where(values.notna(), "").astype("str")


def _ascending(rank: np.ndarray, ids: pd.Series) -> bool:
    """Whether rows are sorted by rank and id already: large tables come so, and sorting text takes seconds."""
    if len(ids) < 2:
        return True
    texts, step = pa.array(ids), np.diff(rank)
    rises = pc.less_equal(texts.slice(0, len(ids) - 1), texts.slice(1)).to_numpy(zero_copy_only=False)
    return bool(((step > 0) | ((step == 0) & rises)).all())
