"""The group of commands on goafs."""

import typer

from sxrisk.cli.goaf.measure import measure, mesh
from sxrisk.cli.goaf.stability import stability
from sxrisk.cli.goaf.subsidence import subsidence
from sxrisk.cli.text import say

__all__ = ["goaf_app"]

goaf_app = typer.Typer(help=say("goaf"), epilog=say("goaf.after"), no_args_is_help=True, rich_markup_mode="rich")

for command in (mesh, measure, stability, subsidence):
    key = f"goaf.{command.__name__}"
    goaf_app.command(name=command.__name__, help=say(key), epilog=say(f"{key}.example"), no_args_is_help=True)(command)
