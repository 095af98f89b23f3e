"""The commands ``sxrisk rules``: the criteria as a list, one by one, and a user's own file checked."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sxrisk.cli.text import language as users_language
from sxrisk.cli.text import say

__all__ = ["rules_app"]

rules_app = typer.Typer(help=say("rules"), no_args_is_help=True, rich_markup_mode="rich")


class Form(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class Language(StrEnum):
    """Language of titles and texts."""

    ZH = "zh"
    EN = "en"


FileOption = Annotated[list[Path] | None, typer.Option("--file", metavar="FILE.toml", help=say("rules.file"))]
LanguageOption = Annotated[Language | None, typer.Option("--language", help=say("rules.language"))]
_SHOWN = ("id", "title", "standard", "evidence", "limit")


@rules_app.command("list", help=say("rules.list"))
def list_rules(
    topic: Annotated[str | None, typer.Option("--topic", help=say("rules.topic"))] = None,
    kind: Annotated[str | None, typer.Option("--kind", help=say("rules.kind"))] = None,
    evidence: Annotated[str | None, typer.Option("--evidence", help=say("rules.evidence"))] = None,
    language: LanguageOption = None,
    file: FileOption = None,
    form: Annotated[Form, typer.Option("--format", help=say("rules.format"))] = Form.TABLE,
) -> None:
    """List the criteria, what they contradict, and what is deliberately not checked."""
    from sxrisk.rules import load_catalogue
    from sxrisk.rules.describe import catalogue_page, rule_table

    catalogue = load_catalogue(file or ())
    spoken = str(language or users_language())
    rules = rule_table(catalogue, topic=topic, kind=kind, evidence=evidence, language=spoken)
    whole = topic is None and kind is None and evidence is None
    if form is Form.MARKDOWN:
        typer.echo(catalogue_page(catalogue), nl=False)
        return
    if form is Form.JSON:
        entries = {"rules": rules.to_dict("records")}
        if whole:
            entries["conflicts"] = [
                {"number": entry.number, "text": entry.sentence(spoken)} for entry in catalogue.conflicts
            ]
            entries["not_decidable"] = [
                {"id": gap.id, "title": getattr(gap, f"title_{spoken}"), "why": getattr(gap, f"why_{spoken}")}
                for gap in catalogue.not_decidable
            ]
        typer.echo(json.dumps(entries, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(_table(say("rules.title", count=len(rules)), rules[list(_SHOWN)].values.tolist(), _SHOWN))
    if whole:
        conflicts = [[str(entry.number), entry.sentence(spoken)] for entry in catalogue.conflicts]
        console.print(_table(say("rules.conflicts"), conflicts, ("", "")))
        gaps = [
            [gap.id, getattr(gap, f"title_{spoken}"), getattr(gap, f"why_{spoken}")] for gap in catalogue.not_decidable
        ]
        console.print(_table(say("rules.not_decidable"), gaps, ("id", "title", "why")))


@rules_app.command("show", help=say("rules.show"))
def show_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help=say("rules.id"), show_default=False)],
    language: LanguageOption = None,
    file: FileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("rules.json"))] = False,
) -> None:
    """Show everything about one criterion."""
    from sxrisk.rules import load_catalogue
    from sxrisk.rules.describe import known_rule, rule_card

    catalogue = load_catalogue(file or ())
    card = rule_card(known_rule(catalogue, rule_id), str(language or users_language()), catalogue)
    if as_json:
        typer.echo(json.dumps([{"label": label, "text": text} for label, text in card], ensure_ascii=False, indent=1))
        return
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, text in card:
        table.add_row(escape(label), escape(text))
    Console().print(table)


@rules_app.command("check", help=say("rules.check"))
def check_file(
    path: Annotated[Path, typer.Argument(metavar="FILE.toml", help=say("rules.path"), show_default=False)],
) -> None:
    """Check a catalogue file of the user's own."""
    from sxrisk.rules.describe import check_catalogue_file

    problems = check_catalogue_file(path)
    for problem in problems:
        typer.echo(str(problem), err=True)
    if problems:
        typer.echo(say("rules.bad", count=len(problems)), err=True)
        raise typer.Exit(2)
    typer.echo(say("rules.good", path=path.name))


def _table(title: str, rows: Sequence[Sequence[object]], names: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=any(names))
    for name in names:
        # An id that is broken over two lines cannot be copied.
        table.add_column(say(f"rules.column.{name}") if name else "", overflow="fold", no_wrap=name == "id")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    return table
