"""The commands. They check what was typed, call the public functions and show the result; nothing is computed here."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sxrisk import __version__
from sxrisk.cli.files import layers_app, violations
from sxrisk.cli.goaf import goaf_app
from sxrisk.cli.history import compare, register
from sxrisk.cli.rules import rules_app
from sxrisk.cli.scan import scan_app
from sxrisk.cli.text import say

__all__ = ["app"]

app = typer.Typer(
    name="sxrisk",
    help=say("app"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

ProjectArgument = Annotated[Path, typer.Argument(metavar="PROJECT.toml", help=say("project"), show_default=False)]
AllowOption = Annotated[
    list[Path] | None, typer.Option("--allow", metavar="DIR", envvar="SXRISK_ALLOW", help=say("allow"))
]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help=say("out"), show_default=False)]
ResumeOption = Annotated[bool, typer.Option("--resume", help=say("resume"))]
OnlyOption = Annotated[str | None, typer.Option("--only", metavar="STAGE", help=say("only"))]
StrictOption = Annotated[bool, typer.Option("--strict", help=say("strict"))]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help=say("workers"))]
RegisterOption = Annotated[
    Path | None, typer.Option("--register", metavar="BOOK.xlsx", help=say("register.option"), show_default=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", help=say("quiet"))]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sxrisk {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help=say("version"), callback=_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="SXRISK_DEBUG", help=say("debug"))] = False,
) -> None:
    """Options of every command; ``--debug`` is read where errors are shown."""


@app.command(help=say("run"))
def run(
    project: ProjectArgument,
    out: OutOption = None,
    resume: ResumeOption = False,
    only: OnlyOption = None,
    strict: StrictOption = False,
    allow: AllowOption = None,
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
    register_book: RegisterOption = None,
) -> None:
    """Do the main job on a project file."""
    folder = out or Path("out") / project.stem
    _run(project, folder, resume, only, strict, allow or [], workers, quiet, register_book)


@app.command(help=say("demo"))
def demo(
    out: OutOption = None,
    resume: ResumeOption = False,
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Do the main job on the sample county."""
    from sxrisk.sample import sample_project

    folder = out or Path("out") / "demo"
    project = sample_project(
        folder.with_name("sample"), announce=lambda place: typer.echo(say("sample.making", folder=place), err=True)
    )
    _run(project, folder, resume, None, False, [], workers, quiet)


@app.command(help=say("check"))
def check(project: ProjectArgument, allow: AllowOption = None) -> None:
    """Validate a project and everything it names."""
    from sxrisk.assess import Project
    from sxrisk.cli.summary import check_tables

    result = Project.open(project, allow=allow or []).check()
    console = Console()
    for table in check_tables(result):
        console.print(table)
    console.print(say("valid", rules=result.rules))


app.command(name="compare", help=say("compare"))(compare)
app.command(name="register", help=say("register"))(register)
app.command(name="violations", help=say("violations"))(violations)
app.add_typer(layers_app, name="layers")
app.add_typer(scan_app, name="scan")
app.add_typer(goaf_app, name="goaf")
app.add_typer(rules_app, name="rules")


def _run(
    project: Path,
    out: Path,
    resume: bool,
    only: str | None,
    strict: bool,
    allow: list[Path],
    workers: int,
    quiet: bool,
    register_book: Path | None = None,
) -> None:
    from sxrisk.assess import Project, StageFolder
    from sxrisk.cli.progress import ConsoleReporter
    from sxrisk.cli.summary import run_table

    with ConsoleReporter(Console(stderr=True), quiet=quiet) as reporter:
        result = Project.open(project, allow=allow, register=register_book).run(
            out, resume=resume, only=only, strict=strict, workers=workers, reporter=reporter
        )
    if isinstance(result, StageFolder):
        typer.echo(f"{say('stopped', stage=result.stage)} {result.folder}")
    else:
        Console().print(run_table(result))
        # Outside the table, so that a long path can be copied in one piece.
        typer.echo(f"{say('pack')}:\n{result.index}")
