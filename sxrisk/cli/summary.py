"""The tables that close a command."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from sxrisk.assess import InputCheck, RunResult
from sxrisk.cli.tables import frame_table
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
    table.add_row(say("quality"), say("quality.values", count=len(manifest["quality"])))
    colours = "  ".join(
        f"[{_STYLES[name]}]{say(f'colour.{name}')} {count}[/]"
        for name, count in manifest["findings"]["by_colour"].items()
    )
    table.add_row(say("findings"), f"{manifest['findings']['total']}:  {colours}")
    gaps = {row["rule_id"] for row in manifest["not_applied"]}
    table.add_row(say("not_applied"), say("not_applied.values", count=len(gaps)))
    changes = manifest["changes"]
    table.add_row(say("changes"), say("first_run") if changes is None else say("changes.values", **changes))
    register = manifest["register"]
    if register is not None:
        table.add_row(say("register.read"), say("register.read.values", **register))
    return table


def _rows(reports: dict[str, Any]) -> str:
    used = sum(report["rows_used"] for report in reports.values())
    rejected = sum(report["rows_rejected"] for report in reports.values())
    return say("rows", used=used, rejected=rejected, layers=len(reports))


def check_tables(check: InputCheck) -> list[Table]:
    """Layers, what is to be told about them, and scans as tables."""
    named = {"layers": check.layers, "notices": check.notices, "scans": check.scans}
    return [frame_table(say(f"table.{name}"), frame) for name, frame in named.items() if len(frame)]
