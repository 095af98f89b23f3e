"""Figures of scans as tables: one file as lines, many as columns or, where these are too many, as lines each."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from sxrisk.cli.text import say

__all__ = ["figures_tables", "plain_table"]

_WIDE = 8

Row = tuple[str, str, Mapping[str, Any]]


def figures_tables(rows: Sequence[Row]) -> list[Table]:
    """Tables of name, state and figures of files."""
    names = list(dict.fromkeys(name for _, _, figures in rows for name in figures))
    if len(rows) > 1 and len(names) <= _WIDE:
        return [_side_by_side(rows, names)]
    return [_lines(*row) for row in rows]


def plain_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Files and what is known of each, one below the other."""
    names = list(dict.fromkeys(name for _, figures in rows for name in figures))
    return _side_by_side([(name, "", figures) for name, figures in rows], names)


def _lines(name: str, state: str, figures: Mapping[str, Any]) -> Table:
    title = name if state == "done" else f"{name} ({say(f'scan.state.{state}')})"
    table = Table(title=escape(title), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", overflow="fold")
    for key, value in figures.items():
        if (shown := _shown(key, value)) != "":
            table.add_row(_word(key), escape(shown))
    return table


def _side_by_side(rows: Sequence[Row], names: Sequence[str]) -> Table:
    table = Table()
    stated = any(state for _, state, _ in rows)
    table.add_column(say("figure.file"), overflow="fold")
    if stated:
        table.add_column(say("figure.state"), no_wrap=True)
    for name in names:
        values = [figures.get(name) for _, _, figures in rows]
        number = not any(isinstance(value, str) for value in values)
        table.add_column(_word(name), justify="right" if number else "left", overflow="fold")
    for file, state, figures in rows:
        cells = [_shown(name, figures[name]) if name in figures else "" for name in names]
        table.add_row(escape(file), *([say(f"scan.state.{state}")] if stated else []), *map(escape, cells))
    return table


def _word(key: str) -> str:
    try:
        return say(f"figure.{key}")
    except KeyError:
        # The classes of a table, which grow without this page.
        return key.replace("_", " ")


def _shown(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return say("scan.yes" if value else "scan.no")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value != value:
            return say("scan.unknown")
        if key.endswith("share") or key == "overlap":
            return f"{value:.1%}"
        digits = 1 if key.endswith(("_m3", "_m2")) else 4 if abs(value) < 0.1 else 3
        return f"{value:,.{digits}f}"
    return say("scan.unknown") if value == "unknown" else "" if value is None else str(value)
