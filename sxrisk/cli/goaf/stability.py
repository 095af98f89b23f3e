"""``sxrisk goaf stability``."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sxrisk.cli.text import language, say

if TYPE_CHECKING:
    from sxrisk.sites.stability import GoafStability

__all__ = ["stability"]

_COLUMNS = ("method", "place", "there", "required", "ratio", "probability", "evidence", "note")
# Of a face nothing is required: the graph gives its probability.
_TOPICS: Mapping[str, tuple[str, ...]] = {
    "roof": _COLUMNS,
    "pillar": _COLUMNS,
    "graph": tuple(name for name in _COLUMNS if name not in ("required", "ratio")),
    "caving": _COLUMNS,
}


def _option(name: str, unit: str | None, key: str, **more: Any) -> Any:
    return typer.Option(name, metavar=unit, help=say(f"goaf.stability.{key}"), **{"show_default": False, **more})


Source = Annotated[Path, typer.Argument(metavar="MESH|SITE.json", help=say("goaf.stability.source"))]
Parameters = Annotated[Path | None, _option("--parameters", "FILE.toml", "parameters")]
Out = Annotated[Path | None, _option("--out", "DIR", "out")]
Dem = Annotated[Path | None, _option("--dem", "FILE.tif", "dem")]
HeightOffset = Annotated[float | None, _option("--height-offset", "M", "height_offset")]
Crs = Annotated[str | None, _option("--crs", "CRS", "crs")]
VerticalCrs = Annotated[str | None, _option("--vertical-crs", "CRS", "vertical_crs")]
Draws = Annotated[int, _option("--draws", "N", "draws", min=1, show_default=True)]
Seed = Annotated[int, _option("--seed", "N", "seed", min=0, show_default=True)]
Chart = Annotated[Literal["png", "svg"], _option("--chart", None, "chart", show_default=True)]
Title = Annotated[str, _option("--title", "TEXT", "title")]
AsJson = Annotated[bool, _option("--json", None, "json")]


def stability(
    source: Source,
    parameters: Parameters = None,
    out: Out = None,
    dem: Dem = None,
    height_offset: HeightOffset = None,
    crs: Crs = None,
    vertical_crs: VerticalCrs = None,
    draws: Draws = 100_000,
    seed: Seed = 0,
    chart: Chart = "png",
    title: Title = "",
    as_json: AsJson = False,
) -> None:
    """Show what every method says of a goaf, and what it lacks."""
    from sxrisk.assess.goaf_jobs.stability import stability_file
    from sxrisk.products.text import check_language

    folder = out or source.parent / f"{source.stem}_stability"
    found = stability_file(
        source,
        folder,
        parameters=parameters,
        dem=dem,
        height_offset_m=height_offset,
        crs=crs,
        vertical_crs=vertical_crs,
        draws=draws,
        seed=seed,
        chart=chart,
        language=check_language(language()),
        title=title,
    )
    if as_json:
        typer.echo(json.dumps(found.summary(), ensure_ascii=False, indent=1, allow_nan=False))
        return
    console = Console()
    for topic in _TOPICS:
        rows = found.table[found.table["topic"] == topic].to_dict("records")
        if rows:
            console.print(_table(topic, rows))
    for line in _asked(found):
        console.print(escape(line), highlight=False, soft_wrap=True)
    typer.echo(f"{say('goaf.stability.written')}: {folder}")


def _table(topic: str, rows: list[dict[Any, Any]]) -> Table:
    from sxrisk.products.stability_chart import face_title
    from sxrisk.products.text import check_language

    code = check_language(language())
    table = Table(title=say(f"goaf.stability.topic.{topic}"), title_justify="left")
    for name in _TOPICS[topic]:
        right = name in ("there", "required", "ratio", "probability")
        key = f"{name}.{topic}" if name in ("there", "required", "probability") else name
        table.add_column(say(f"goaf.stability.column.{key}"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        cells = {
            "method": row[f"title_{code}"],
            "place": face_title(str(row["subject"]), code),
            "there": _number(row["value"]),
            "required": _number(row["required"]),
            "ratio": _ratio(row),
            "probability": _percent(row["probability"]),
            "evidence": row["evidence"],
            "note": _note(row),
        }
        table.add_row(
            *(escape(cells[name]) for name in _TOPICS[topic]),
            style="bold" if row["governing"] and row["applied"] else None,
        )
    return table


def _note(row: Mapping[Any, Any]) -> str:
    from sxrisk.sites.stability import REASONS

    if row["missing"]:
        return say("goaf.stability.missing", names=row["missing"])
    if row["reason"]:
        return str(REASONS[row["reason"]][language()])
    return say("goaf.stability.governing") if row["governing"] else ""


def _ratio(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["ratio"]):
        return ""
    spread = row["ratio_p95"] - row["ratio_p05"]
    ends = f" ({row['ratio_p05']:.2f}–{row['ratio_p95']:.2f})" if spread > 0.005 else ""
    return f"{row['ratio']:.2f}{ends}"


def _percent(share: float) -> str:
    """A share of draws is never told as certain."""
    if math.isnan(share):
        return ""
    return "<0.1%" if share < 0.001 else ">99.9%" if share > 0.999 else f"{share:.1%}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _asked(found: "GoafStability") -> list[str]:
    """Everything that nobody measured or gave, a line each."""
    lines = []
    for name, facts in found.summary()["asked"].items():
        unit = f" [{facts['unit']}]" if facts["unit"] not in ("", "1") else ""
        line = f"  {name}{unit}: {facts[language()]}"
        if facts["instead"]:
            line += say("goaf.stability.instead", names=", ".join(facts["instead"]))
        lines.append(line)
    if lines:
        lines.insert(0, say("goaf.stability.asked"))
    if found.overruled:
        lines.append(say("goaf.stability.overruled", names=", ".join(found.overruled)))
    return lines
