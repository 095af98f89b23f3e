"""``sxrisk goaf subsidence``."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sxrisk.cli.text import language, say
from sxrisk.errors import ParameterError

__all__ = ["subsidence"]

_SHOWN = 40
_YES_NO = {"yes": True, "true": True, "no": False, "false": False, "是": True, "否": False}


def _option(name: str, unit: str | None, key: str, **more: Any) -> Any:
    return typer.Option(name, metavar=unit, help=say(f"goaf.subsidence.{key}"), **{"show_default": False, **more})


Panels = Annotated[Path, typer.Argument(metavar="PANELS", help=say("goaf.subsidence.panels"), show_default=False)]
Rock = Annotated[str, _option("--rock", "NAME=VALUE,...", "rock")]
OfGoaf = Annotated[list[str] | None, _option("--goaf", "ID:NAME=VALUE,...", "of_goaf")]
Objects = Annotated[list[str] | None, _option("--objects", "KIND:FILE", "objects")]
Out = Annotated[Path, _option("--out", "DIR", "out")]
AsOf = Annotated[str | None, _option("--as-of", "YYYY-MM-DD", "as_of")]
Part = Annotated[
    Literal["final", "to_date", "to_come", "residual"], _option("--movement", None, "movement", show_default=True)
]
Cell = Annotated[float, _option("--cell", "M", "cell", show_default=True)]
Crs = Annotated[str | None, _option("--crs", "CRS", "crs")]


def subsidence(
    panels: Panels,
    rock: Rock,
    out: Out,
    objects: Objects = None,
    goaf: OfGoaf = None,
    as_of: AsOf = None,
    movement: Part = "final",
    cell: Cell = 10.0,
    crs: Crs = None,
) -> None:
    """Compute basins, boundaries and what they do to the things in them."""
    from sxrisk.assess.goaf_jobs.subsidence_file import subsidence_file
    from sxrisk.products.text import check_language

    done = subsidence_file(
        panels,
        out,
        rock=_values(rock, "--rock"),
        by_goaf=dict(_of_goaf(text) for text in goaf or ()),
        objects=[_layer(text) for text in objects or ()],
        as_of=_day(as_of),
        movement=movement,
        cell_m=cell,
        crs=crs,
        language=check_language(language()),
    )
    console = Console()
    console.print(_basins(done))
    if len(done.ground.things):
        console.print(_things(done))
    if len(done.ranking):
        console.print(_ranking(done))
    typer.echo(say("goaf.subsidence.written"))
    for path in done.written:
        typer.echo(str(path))


def _values(text: str, where: str) -> dict[str, float | bool]:
    """``q=0.7,tan_beta=2`` as a mapping; whether the names are known is the job's matter."""
    told: dict[str, float | bool] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        if value.strip().lower() in _YES_NO:
            told[name.strip()] = _YES_NO[value.strip().lower()]
            continue
        try:
            told[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise ParameterError(f"{part!r} is no declared value", where=where, expected="q=0.7,tan_beta=2.0")
    return told


def _of_goaf(text: str) -> tuple[str, dict[str, float | bool]]:
    name, colon, values = text.rpartition(":")
    if not colon or not name:
        raise ParameterError(f"{text!r} names no goaf", where="--goaf", expected="CK-01:roof_caves=yes,q=0.5")
    return name, _values(values, "--goaf")


def _layer(text: str) -> tuple[str, Path]:
    from sxrisk.layers import KINDS

    kind, colon, path = text.partition(":")
    if not colon or kind not in KINDS:
        raise ParameterError(f"{text!r} names no kind", where="--objects", expected="building:houses.gpkg")
    return kind, Path(path)


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError as error:
        raise ParameterError(f"{text!r} is no day", where="--as-of", expected="2026-06-30") from error


def _basins(done: Any) -> Table:
    """A row a goaf: its greatest movements, or why it has no basin."""
    from sxrisk.products.text import check_language, reason_words

    code = check_language(language())

    own = done.ground.measurements
    own = own[(own["object_id"] == "") & own["value"].notna()]
    table = Table(title=say("goaf.subsidence.basins"), title_justify="left")
    for name in ("goaf", "subsidence", "tilt", "curvature", "strain", "note"):
        left = name in ("goaf", "note")
        table.add_column(say(f"goaf.subsidence.column.{name}"), justify="left" if left else "right", overflow="fold")
    for goaf, rows in own[own["metric"] != "collapse_zone"].groupby("subject_id", sort=True):
        values = rows.set_index("metric")["value"]
        shown = [
            f"{values[name]:.{digits}f}"
            for name, digits in (("subsidence", 0), ("tilt", 1), ("curvature", 2), ("horizontal_strain", 1))
        ]
        table.add_row(escape(str(goaf)), *shown, "")
    for gap in done.gaps.itertuples():
        table.add_row(escape(str(gap.goaf)), "", "", "", "", escape(reason_words(done.catalogue, gap.reason, code)))
    return table


def _things(done: Any) -> Table:
    """What stands in the basins, the worst first."""
    from sxrisk.products.text import check_language, label, result_words

    code = check_language(language())

    things = done.ground.things
    graded = done.findings[done.findings["rule_id"].isin(["BD-GRADE", "BD-EARTH", "GOAF-MOVE"])]
    grade = {(row.object_kind, row.object_id): row for row in graded.itertuples()}
    table = Table(title=say("goaf.subsidence.things", count=len(things)), title_justify="left")
    for name in ("goaf", "thing", "subsidence", "tilt", "curvature", "strain", "grade"):
        left = name in ("goaf", "thing", "grade")
        table.add_column(say(f"goaf.subsidence.column.{name}"), justify="left" if left else "right", overflow="fold")
    worst = things.reindex(things["strain_mm_per_m"].abs().sort_values(ascending=False, kind="stable").index)
    for row in worst.head(_SHOWN).itertuples():
        found = grade.get((row.kind, row.id))
        table.add_row(
            escape(str(row.goaf)),
            escape(f"{label('kind', row.kind, code)} {row.name or row.id}"),
            f"{row.subsidence_mm:.0f}",
            f"{row.tilt_mm_per_m:.1f}",
            f"{row.curvature_per_km:.2f}",
            f"{row.strain_mm_per_m:.1f}",
            "" if found is None else escape(result_words(found.metric, found.result, code)),
        )
    return table


def _ranking(done: Any) -> Table:
    table = Table(title=say("goaf.subsidence.ranking"), title_justify="left")
    for name in ("rank", "goaf", "spread", "reason"):
        table.add_column(say(f"goaf.subsidence.column.{name}"), overflow="fold")
    for row in done.ranking.to_dict("records"):
        table.add_row(str(row["rank"]), escape(row["goaf"]), f"{row['rank_low']}–{row['rank_high']}",
                      escape(row[f"reason_{language()}"]))  # fmt: skip
    return table
