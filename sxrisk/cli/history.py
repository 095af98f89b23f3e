"""``sxrisk compare`` and ``sxrisk register``: what changed from run to run, and what people do about it."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from sxrisk.cli.text import language, language_asked_for, say

__all__ = ["compare", "register"]

Language = Literal["zh", "en"]
RunA = Annotated[Path, typer.Argument(metavar="RUN_A", help=say("compare.run_a"), show_default=False)]
RunB = Annotated[Path, typer.Argument(metavar="RUN_B", help=say("compare.run_b"), show_default=False)]
Run = Annotated[Path, typer.Argument(metavar="RUN", help=say("register.run"), show_default=False)]
CompareOut = Annotated[Path | None, typer.Option("--out", metavar="FILE", help=say("compare.out"), show_default=False)]
Book = Annotated[Path, typer.Option("--book", metavar="BOOK.xlsx", help=say("register.book"))]
Tongue = Annotated[Language | None, typer.Option("--language", help=say("register.language"), show_default=False)]
All = Annotated[bool, typer.Option("--all", help=say("compare.all"))]

_MOST_CONFLICTS = 30


def compare(run_a: RunA, run_b: RunB, out: CompareOut = None, everything: All = False) -> None:
    """Show what is new, worse, unchanged, better and gone."""
    from sxrisk.assess import change_counts, compare_runs, day_of_run
    from sxrisk.cli.tables import changes_table
    from sxrisk.products import write_changes
    from sxrisk.rules import load_catalogue

    catalogue = load_catalogue()
    changes = compare_runs(run_a, run_b, catalogue=catalogue)
    if out is not None:
        write_changes(out, changes, as_of=day_of_run(run_b), language=language(), catalogue=catalogue)
    console = Console()
    shown = changes if everything else changes[changes["change"] != "unchanged"]
    for table in changes_table(shown, catalogue):
        console.print(table)
    console.print(say("changes.values", **change_counts(changes)))
    moved = int((changes["matched_by"] == "name_and_place").sum())
    if moved:
        console.print(say("compare.matched", count=moved))
    if out is not None:
        typer.echo(f"{say('written')}: {out}")


def register(run: Run, book: Book = Path("register.xlsx"), tongue: Tongue = None) -> None:
    """Make the rectification register, or bring it up to a run."""
    from sxrisk.assess import update_register
    from sxrisk.cli.tables import register_table

    update = update_register(run, book, language=tongue or language_asked_for())
    console = Console()
    console.print(register_table(update))
    console.print(say("register.day", day=update.day))
    if update.conflicts:
        console.print(say("register.conflicts", count=len(update.conflicts)), style="bold")
        for line in update.conflict_lines(language())[:_MOST_CONFLICTS]:
            typer.echo(f"  - {line}")
        if len(update.conflicts) > _MOST_CONFLICTS:
            typer.echo(say("register.more", count=len(update.conflicts) - _MOST_CONFLICTS))
    typer.echo(f"{say('written' if update.written else 'register.untouched')}: {update.path}")
