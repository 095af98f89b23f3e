"""What changed since the last run: finding by finding, by their stable ids."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio

from sxrisk.findings import FINDING_COLUMNS

__all__ = ["compare_findings", "read_previous_findings"]


def compare_findings(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Findings of two runs side by side.

    Parameters
    ----------
    before, now : DataFrame in the findings schema

    Returns
    -------
    DataFrame
        One row per finding id of either run: ``finding_id``, ``change`` (``new``, ``gone``, ``worse``, ``better``,
        ``unchanged``), ``deficit_before``, ``deficit_now`` in the finding's unit. A deficit that moved by less than
        two of its own sigmas, and less than a millimetre where no sigma is known, counts as unchanged.

    Examples
    --------
    >>> from sxrisk.findings import findings_frame
    >>> now = findings_frame([{"finding_id": "F-1", "deficit": 2.0}])
    >>> compare_findings(findings_frame(), now)["change"].tolist()
    ['new']
    """
    columns = ["finding_id", "deficit", "uncertainty"]
    both = before[columns].merge(
        now[columns], on="finding_id", how="outer", suffixes=("_before", "_now"), indicator=True
    )
    moved = both["deficit_now"] - both["deficit_before"]
    noise = 2 * np.hypot(both["uncertainty_before"].fillna(0.0), both["uncertainty_now"].fillna(0.0))
    threshold = np.maximum(noise, 1e-3)
    both["change"] = np.select(
        [both["_merge"] == "left_only", both["_merge"] == "right_only", moved > threshold, moved < -threshold],
        ["gone", "new", "worse", "better"],
        "unchanged",
    )
    return both[["finding_id", "change", "deficit_before", "deficit_now"]]


def read_previous_findings(run: Path) -> pd.DataFrame | None:
    """Findings of a finished run folder, without geometry; None where there is none."""
    path = run / "findings.gpkg"
    if not path.is_file():
        return None
    table: pd.DataFrame = pyogrio.read_dataframe(path, layer="findings", read_geometry=False)
    return table if set(FINDING_COLUMNS) - {"geometry"} <= set(table.columns) else None


def change_counts(changes: pd.DataFrame) -> Mapping[str, int]:
    """How many findings are new, gone, worse, better and unchanged."""
    counted = changes["change"].value_counts()
    return {name: int(counted.get(name, 0)) for name in ("new", "worse", "unchanged", "better", "gone")}
