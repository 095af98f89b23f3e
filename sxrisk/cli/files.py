"""``sxrisk violations`` and ``sxrisk layers info``: single files, without a project."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sxrisk.cli.text import language, say
from sxrisk.errors import ParameterError

__all__ = ["layers_app", "violations"]

layers_app = typer.Typer(help=say("layers"), no_args_is_help=True, rich_markup_mode="rich")

Subjects = Annotated[Path, typer.Argument(metavar="SUBJECTS", help=say("violations.subjects"), show_default=False)]
Objects = Annotated[
    Path | None, typer.Argument(metavar="[OBJECTS]", help=say("violations.objects"), show_default=False)
]
Distance = Annotated[float | None, typer.Option("--distance", metavar="M", help=say("violations.distance"))]
RuleId = Annotated[str | None, typer.Option("--rule", metavar="ID", help=say("violations.rule"))]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help=say("violations.kind"))]
SubjectKind = Annotated[str, typer.Option("--subject-kind", metavar="KIND", help=say("violations.kind"))]
ObjectKind = Annotated[str, typer.Option("--object-kind", metavar="KIND", help=say("violations.kind"))]
Crs = Annotated[str, typer.Option("--crs", metavar="CRS", help=say("violations.crs"))]
SubjectCrs = Annotated[str, typer.Option("--subject-crs", metavar="CRS", help=say("violations.crs"))]
ObjectCrs = Annotated[str, typer.Option("--object-crs", metavar="CRS", help=say("violations.crs"))]
SubjectSigma = Annotated[
    float | None, typer.Option("--subject-sigma", metavar="M", min=0.0, help=say("violations.sigma"))
]
ObjectSigma = Annotated[
    float | None, typer.Option("--object-sigma", metavar="M", min=0.0, help=say("violations.sigma"))
]
SubjectLayer = Annotated[str, typer.Option("--subject-layer", metavar="NAME", help=say("violations.layer"))]
ObjectLayer = Annotated[str, typer.Option("--object-layer", metavar="NAME", help=say("violations.layer"))]
Layer = Annotated[str, typer.Option("--layer", metavar="NAME", help=say("violations.layer"))]
Values = Annotated[list[str] | None, typer.Option("--value", metavar="NAME=NUMBER", help=say("violations.value"))]
Rules = Annotated[list[Path] | None, typer.Option("--rules", metavar="FILE.toml", help=say("violations.rules"))]
AsOf = Annotated[
    datetime | None, typer.Option("--as-of", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help=say("violations.as_of"))
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR|FILE", help=say("violations.out"), show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", help=say("layers.file"), show_default=False)]


def violations(
    subjects: Subjects,
    objects: Objects = None,
    distance: Distance = None,
    rule: RuleId = None,
    subject_kind: SubjectKind = "",
    object_kind: ObjectKind = "",
    subject_crs: SubjectCrs = "",
    object_crs: ObjectCrs = "",
    subject_sigma: SubjectSigma = None,
    object_sigma: ObjectSigma = None,
    subject_layer: SubjectLayer = "",
    object_layer: ObjectLayer = "",
    value: Values = None,
    rules: Rules = None,
    as_of: AsOf = None,
    out: Out = None,
) -> None:
    """Check the features of one file against those of another."""
    from sxrisk.assess import LayerFile, find_violations
    from sxrisk.cli.tables import finding_tables, frame_table
    from sxrisk.products import write_findings, write_violations_folder

    day = (as_of or datetime.now().astimezone()).date()
    found = find_violations(
        LayerFile(subjects, subject_kind, subject_crs, subject_sigma, subject_layer),
        None if objects is None else LayerFile(objects, object_kind, object_crs, object_sigma, object_layer),
        distance_m=distance,
        rule=rule,
        as_of=day,
        rule_files=rules or (),
        values=dict(_number(text) for text in value or ()),
    )
    written = []
    if out is not None:
        options = {
            "as_of": day, "language": language(), "catalogue": found.catalogue, "not_applied": found.not_applied,
            "rejects": found.rejects,
        }  # fmt: skip
        if out.suffix:
            written = [write_findings(out, found.findings, **options)]
        else:
            written = write_violations_folder(out, found.findings, **options)
    console = Console()
    console.print(frame_table(say("table.layers"), found.layers))
    if len(found.notices):
        console.print(frame_table(say("table.notices"), found.notices))
    for table in finding_tables(found.findings, found.not_applied, found.rejects, found.catalogue):
        console.print(table)
    console.print(say("violations.found", count=len(found.findings)))
    for path in written:
        typer.echo(f"{say('written')}: {path}")


@layers_app.command(name="info", help=say("layers.info"))
def info(file: File, kind: Kind = "", crs: Crs = "", layer: Layer = "") -> None:
    """Show how a file is understood."""
    from sxrisk.assess import LayerFile, describe_layer
    from sxrisk.cli.tables import frame_table

    console = Console()
    for name, table in describe_layer(LayerFile(file, kind, crs, None, layer)).items():
        if len(table):
            console.print(frame_table(say(f"table.{name}"), table))


def _number(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError as error:
        shown = text if equals else f"{text} (no '=')"
        raise ParameterError(
            f"{shown} is no value", where="--value", expected="NAME=NUMBER, e.g. corridor_half_width_m=60"
        ) from error
