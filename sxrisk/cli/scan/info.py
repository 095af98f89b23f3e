"""``sxrisk scan info``."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from sxrisk.cli.scan.options import option
from sxrisk.cli.scan.tables import plain_table
from sxrisk.cli.text import say
from sxrisk.errors import SxriskError

__all__ = ["info"]

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help=say("scan.o.info_files"), show_default=False)]
AsJson = Annotated[bool, option("--json", None, "json")]


def info(files: Files, as_json: AsJson = False) -> None:
    """Tell what scan files say of themselves."""
    from sxrisk.scans import scan_info

    known, errors = [], []
    for path in files:
        try:
            known.append((path, scan_info(path)))
        except SxriskError as error:
            errors.append(str(error))
    console = Console()
    if as_json:
        typer.echo(json.dumps([item.to_dict() for _, item in known], indent=1, ensure_ascii=False, default=str))
    elif len(files) == 1:
        for _, item in known:
            console.print(escape(repr(item)), highlight=False, soft_wrap=True)
    else:
        if known:
            console.print(plain_table([(path.name, _row(item)) for path, item in known]))
        for path, item in known:
            for notice in item.notices:
                console.print(escape(f"{path.name}: {notice}"), style="yellow", highlight=False, soft_wrap=True)
    for text in errors:
        typer.echo(f"{say('error')}: {text}", err=True)
    if errors:
        raise typer.Exit(2)


def _row(item: Any) -> dict[str, Any]:
    b = item.bounds
    size = "" if b is None else f"{b.xmax - b.xmin:,.0f} x {b.ymax - b.ymin:,.0f} x {b.zmax - b.zmin:,.0f}"
    return {
        "format": item.format.partition(",")[0],
        "points": item.n_points,
        "size": f"{size} {'/'.join(dict.fromkeys(item.units))}".strip(),
        "crs": _short(item.crs),
        "stations": len(item.stations),
    }


def _short(crs: str | None) -> str:
    """The code of a system where its description begins with one, else its name."""
    first = (crs or "").partition(" ")[0]
    return first if first.startswith("EPSG:") else crs or ""
