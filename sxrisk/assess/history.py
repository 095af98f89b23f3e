"""What a run takes from before: the last run's findings to compare with, and the register's states."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.compare import compare_findings, read_run_findings, with_changes
from sxrisk.assess.matching import renamed_rules
from sxrisk.assess.project import ProjectFile
from sxrisk.assess.register import apply_register
from sxrisk.assess.run_folder import MANIFEST
from sxrisk.errors import FileFormatError

__all__ = ["compare_with_last", "day_of_run", "describe_last", "read_register"]


def compare_with_last(
    findings: gpd.GeoDataFrame, last: Path | None, catalogue: Any
) -> tuple[gpd.GeoDataFrame, pd.DataFrame | None]:
    """The findings with their column ``change``, and the comparison itself; None where there is no earlier run.

    Parameters
    ----------
    findings : GeoDataFrame
        Findings schema.
    last : Path, optional
        Folder of the last run.
    catalogue : Catalogue
        Says which rules replace which.
    """
    try:
        before = None if last is None else read_run_findings(last)
    except FileFormatError:
        # No run stands there yet, or one of an older kind: nothing to compare with is no reason to stop.
        before = None
    if before is None:
        return with_changes(findings, None), None
    changes = compare_findings(before, findings, renamed=renamed_rules(catalogue))
    return with_changes(findings, changes), changes


def read_register(
    findings: gpd.GeoDataFrame, project: ProjectFile, catalogue: Any
) -> tuple[gpd.GeoDataFrame, dict[str, Any] | None]:
    """The findings with their state in the project's register, and what it says; None where the project has none."""
    if project.rectification is None:
        return findings, None
    path = project.rectification.path
    told, summary = apply_register(findings, path, catalogue)
    return told, {"file": path.name, "exists": path.is_file(), **summary}


def describe_last(last: Path | None) -> dict[str, Any] | None:
    """Day and number of findings of the run that was compared with, from its manifest."""
    if last is None:
        return None
    try:
        manifest = json.loads((last / MANIFEST).read_text(encoding="utf-8"))
        return {"as_of": manifest["as_of"], "findings": manifest["findings"]["total"]}
    except (OSError, ValueError, KeyError, TypeError):
        # A manifest that is missing or was edited only costs this line.
        return None


def day_of_run(run: Path) -> date:
    """The day that a run speaks for; today where its manifest does not tell."""
    told = describe_last(run if run.is_dir() else run.parent)
    try:
        return date.today() if told is None else date.fromisoformat(told["as_of"])
    except ValueError:
        return date.today()
