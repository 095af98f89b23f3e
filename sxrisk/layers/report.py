"""What reading a layer found: the frame, the rejected rows, and a report of everything that was decided on the way."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import SxriskError

__all__ = ["REJECT_COLUMNS", "Issue", "LayerReport", "LoadedLayer", "Rejects"]

REJECT_COLUMNS: Mapping[str, str] = {
    "source_file": "name of the file",
    "source_row": "row as a person counts (tables: with the header; others: number of the feature)",
    "reason": "code of the reason",
    "detail": "what exactly was wrong",
    "original": "the row's own values as JSON text",
}
_ROWS_SHOWN = 20


@dataclass(frozen=True)
class Issue:
    """Something about rows that were kept, or about the file, that a person should know.

    Parameters
    ----------
    code : str
        What it is, e.g. ``duplicate_id``, ``number_not_parsed``, ``polygon_repaired``, ``encoding_guessed``.
    detail : str
        In words, with the value.
    count : int
        Rows concerned; 0 where it concerns the file.
    rows : tuple of int
        The first of them, as ``source_row``.
    column : str
        The canonical attribute, where there is one.
    """

    code: str
    detail: str
    count: int = 0
    rows: tuple[int, ...] = ()
    column: str = ""

    @classmethod
    def of_rows(cls, code: str, detail: str, rows: NDArray[np.int64], column: str = "") -> "Issue":
        """Issue that concerns the given source rows, of which the first are kept."""
        return cls(code, detail, len(rows), tuple(int(row) for row in rows[:_ROWS_SHOWN]), column)


@dataclass
class LayerReport:
    """How a file was understood. ``rows_read == rows_filtered + rows_used + rows_rejected`` always."""

    source_file: str
    kind: str
    name: str
    crs: str = ""
    crs_source: str = "unknown"
    encoding: str = ""
    separator: str = ""
    rows_read: int = 0
    rows_filtered: int = 0
    rows_used: int = 0
    rows_rejected: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    detected: dict[str, Any] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def check_rows(self) -> None:
        """Make sure that every row of the file is accounted for.

        Raises
        ------
        SxriskError
            If a row was lost or counted twice: a fault of sxrisk, not of the file.
        """
        known = self.rows_filtered + self.rows_used + self.rows_rejected
        if known != self.rows_read:
            raise SxriskError(
                f"{self.source_file}: {self.rows_read} rows were read, but {self.rows_filtered} left out, "
                f"{self.rows_used} used and {self.rows_rejected} rejected: this is a fault of sxrisk, please report it"
            )

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LoadedLayer:
    """A layer as understood: canonical frame (EPSG:4490), rejected rows, report."""

    frame: gpd.GeoDataFrame
    rejects: pd.DataFrame
    report: LayerReport


class Rejects:
    """Reason and detail by row position; the first reason of a row stands."""

    def __init__(self, count: int) -> None:
        self._reason = np.full(count, "", dtype=object)
        self._detail = np.full(count, "", dtype=object)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Mask of the rows without a reason."""
        return np.asarray(self._reason == "", dtype=bool)

    def add(self, where: NDArray[Any], reason: str, detail: str | Iterable[str]) -> None:
        """Reject the rows of a mask or of positions; `detail` is one text or one a row."""
        positions = np.flatnonzero(where) if np.asarray(where).dtype == bool else np.asarray(where, dtype=np.intp)
        texts = [detail] * len(positions) if isinstance(detail, str) else list(detail)
        for position, text in zip(positions, texts, strict=True):
            if not self._reason[position]:
                self._reason[position] = reason
                self._detail[position] = text

    def table(self, source_file: str, rows: NDArray[np.int64], originals: pd.DataFrame) -> pd.DataFrame:
        """The rejects table; `originals` are the file's columns, row by row."""
        out = np.flatnonzero(~self.kept)
        texts = [_as_json(record) for record in originals.iloc[out].to_dict("records")] if len(out) else []
        return pd.DataFrame(
            {
                "source_file": [source_file] * len(out),
                "source_row": rows[out],
                "reason": self._reason[out],
                "detail": self._detail[out],
                "original": texts,
            },
            columns=list(REJECT_COLUMNS),
        )


def _as_json(record: Mapping[Any, Any]) -> str:
    values = {str(key): None if _is_missing(value) else value for key, value in record.items()}
    return json.dumps(values, ensure_ascii=False, default=str)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value))
