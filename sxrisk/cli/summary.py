"""The tables that close a command."""

from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from sxrisk.assess import InputCheck, RunResult
from sxrisk.cli.text import say

__all__ = ["check_tables", "run_table"]

_STYLES = {"red": "bold red", "orange": "dark_orange", "yellow": "yellow", "blue": "blue"}


def run_table(result: RunResult) -> Table:
    """Inputs, findings by colour, what changed and where the products are."""
    manifest = result.manifest
    table = Table(title=f"{say('summary')}: {escape(manifest['project'])}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row(say("inputs"), _rows(manifest["layers"]))
    table.add_row(say("sites"), str(len(manifest["parameters"]["sites"])))
    colours = "  ".join(
        f"[{_STYLES[name]}]{say(f'colour.{name}')} {count}[/]"
        for name, count in manifest["findings"]["by_colour"].items()
    )
    table.add_row(say("findings"), f"{manifest['findings']['total']}:  {colours}")
    gaps = {row["rule_id"] for row in manifest["not_applied"]}
    table.add_row(say("not_applied"), say("not_applied.values", count=len(gaps)))
    changes = manifest["changes"]
    table.add_row(say("changes"), say("first_run") if changes is None else say("changes.values", **changes))
    return table


def _rows(reports: dict[str, Any]) -> str:
    used = sum(report["rows_used"] for report in reports.values())
    rejected = sum(report["rows_rejected"] for report in reports.values())
    return say("rows", used=used, rejected=rejected, layers=len(reports))


def check_tables(check: InputCheck) -> list[Table]:
    """Layers, what is to be told about them, and scans as tables."""
    named = {"layers": check.layers, "notices": check.notices, "scans": check.scans}
    return [_table(say(f"table.{name}"), frame) for name, frame in named.items() if len(frame)]


def _table(title: str, frame: pd.DataFrame) -> Table:
    table = Table(title=title, title_justify="left")
    for name, dtype in frame.dtypes.items():
        number = pd.api.types.is_numeric_dtype(dtype)
        table.add_column(say(f"column.{name}"), justify="right" if number else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:,}" if isinstance(value, int) else escape(str(value)) for value in row))
    return table
