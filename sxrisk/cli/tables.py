"""Findings, changes and the register as tables on a terminal."""

import math
from typing import Any

import geopandas as gpd
import pandas as pd
from rich.markup import escape
from rich.table import Table

from sxrisk.cli.text import language, say
from sxrisk.products.text import check_language, finding_sentence, format_value, label, reason_words, rule_title

__all__ = ["changes_table", "finding_tables", "frame_table", "register_table"]

_ROWS = 40
_STYLES = {"red": "bold red", "orange": "dark_orange", "yellow": "yellow", "blue": "blue"}


def frame_table(title: str, frame: pd.DataFrame) -> Table:
    """Any small table, numbers on the right."""
    table = Table(title=title, title_justify="left")
    for name, dtype in frame.dtypes.items():
        number = pd.api.types.is_numeric_dtype(dtype)
        table.add_column(say(f"column.{name}"), justify="right" if number else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:,}" if isinstance(value, int) else escape(str(value)) for value in row))
    return table


def finding_tables(
    findings: gpd.GeoDataFrame, not_applied: pd.DataFrame, rejects: pd.DataFrame, catalogue: Any
) -> list[Table]:
    """The first findings, what was not checked, and rows that were set aside."""
    code = check_language(language())
    tables = []
    if len(findings):
        table = _headed("findings", ("colour", "status", "sentence", "uncertainty", "probability"))
        for row in findings.head(_ROWS).drop(columns="geometry").to_dict("records"):
            unknown = "position_sigma_unknown" in row["reasons"].split()
            sigma = format_value(math.nan if unknown else row["uncertainty"], row["unit"], code)
            table.add_row(
                _coloured(row["colour"]), label("status", row["status"], code),
                escape(finding_sentence(row, code)), sigma, f"{row['probability']:.3f}",
            )  # fmt: skip
        tables.append(_cut(table, len(findings)))
    if len(not_applied):
        table = _headed("not_checked", ("rule", "subject_kind", "subject_id", "reason", "count"))
        for gap in not_applied.head(_ROWS).to_dict("records"):
            rule = rule_title(catalogue.rules.get(gap["rule_id"]), gap["rule_id"], code)
            kind = label("kind", gap["subject_kind"], code) if gap["subject_kind"] else ""
            words = reason_words(catalogue, gap["reason"], code)
            table.add_row(*map(escape, (rule, kind, str(gap["subject_id"]), words, str(gap["count"]))))
        tables.append(_cut(table, len(not_applied)))
    if len(rejects):
        table = _headed("rejects", ("layer", "source_file", "source_row", "reason", "detail"))
        for row in rejects.head(_ROWS).to_dict("records"):
            words = label("reject_reason", row["reason"], code)
            cells = (row["layer"], row["source_file"], row["source_row"], words, row["detail"])
            table.add_row(*(escape(str(cell)) for cell in cells))
        tables.append(_cut(table, len(rejects)))
    return tables


def changes_table(changes: pd.DataFrame, catalogue: Any) -> list[Table]:
    """What changed, worst first; nothing where nothing did."""
    if changes.empty:
        return []
    code = check_language(language())
    table = _headed(
        "changes", ("change", "colour", "rule", "subject_name", "object_name", "measured", "why", "matched_by")
    )
    for row in changes.head(_ROWS).to_dict("records"):
        rule = rule_title(catalogue.rules.get(row["rule_id"]), row["rule_id"], code)
        colours = dict.fromkeys(filter(None, (row["colour_before"], row["colour_now"])))
        values = [format_value(row[f"measured_{when}"], row["unit"], code) for when in ("before", "now")]
        why = ", ".join(label("change_why", part, code) for part in row["why"].split())
        matched = label("matched_by", row["matched_by"], code) if row["matched_by"] else ""
        if row["matched_by"] == "name_and_place":
            matched += f" ({row['moved_m']:.1f} m)"
        names = [row[f"{end}_name"] or row[f"{end}_id"] for end in ("subject", "object")]
        table.add_row(
            label("change", row["change"], code), " → ".join(_coloured(colour) for colour in colours),
            *map(escape, (rule, *names, " → ".join(values), why, matched)),
        )  # fmt: skip
    return [_cut(table, len(changes))]


def register_table(update: Any) -> Table:
    """States and events of a register's update."""
    code = check_language(language())
    table = Table(title=f"{label('register', 'title', code)}: {update.rows}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    states = [f"{label('treatment', name, code)} {count}" for name, count in update.states.items() if count]
    table.add_row(say("register.states"), "  ".join(states))
    events = [f"{label('register_event', name, code)} {count}" for name, count in update.events.items()]
    table.add_row(say("register.events"), "  ".join(events) or say("register.nothing"))
    table.add_row(say("register.overdue"), str(update.overdue))
    return table


def _headed(title: str, columns: tuple[str, ...]) -> Table:
    code = check_language(language())
    table = Table(title=label("sheet", title, code), title_justify="left")
    for name in columns:
        table.add_column(label("column", name, code), overflow="fold")
    return table


def _cut(table: Table, total: int) -> Table:
    if total > _ROWS:
        table.caption = say("shown_of", shown=_ROWS, total=total)
    return table


def _coloured(colour: str) -> str:
    return f"[{_STYLES[colour]}]{label('colour_short', colour, check_language(language()))}[/]" if colour else ""
