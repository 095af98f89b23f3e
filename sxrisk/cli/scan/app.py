"""The group of commands on scans."""

import typer

from sxrisk.cli.scan.epochs import bodies, change, register
from sxrisk.cli.scan.info import info
from sxrisk.cli.scan.points import clean, convert, ground, thin
from sxrisk.cli.scan.series import series
from sxrisk.cli.scan.surfaces import grid, mesh, volume
from sxrisk.cli.scan.view import view
from sxrisk.cli.text import say

__all__ = ["scan_app"]

scan_app = typer.Typer(help=say("scan"), epilog=say("scan.after"), no_args_is_help=True, rich_markup_mode="rich")

for command in (info, convert, thin, clean, ground, register, grid, mesh, volume, change, bodies, series, view):
    key = f"scan.{command.__name__}"
    scan_app.command(name=command.__name__, help=say(key), epilog=say(f"{key}.example"), no_args_is_help=True)(command)
