"""Options that the commands on scans share, and how a command gets them."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sxrisk.cli.text import say
from sxrisk.errors import ParameterError

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["Batch", "Files", "OutFile", "numbers", "option", "shared"]

READING, BATCH = say("scan.panel.reading"), say("scan.panel.batch")


def option(name: str, unit: str | None, key: str, **more: Any) -> Any:
    """An option whose words stand under ``scan.o.<key>``."""
    return typer.Option(name, metavar=unit, help=say(f"scan.o.{key}"), **{"show_default": False, **more})


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help=say("scan.o.files"), show_default=False)]
OutFile = Annotated[Path, option("--out", "FILE|DIR", "out")]

_Shared = dict[str, tuple[Any, Any]]

_READING: _Shared = {
    "crs": (Annotated[str | None, option("--crs", "CRS", "crs", rich_help_panel=READING)], None),
    "vertical_crs": (
        Annotated[str | None, option("--vertical-crs", "CRS", "vertical_crs", rich_help_panel=READING)],
        None,
    ),
    "epoch": (Annotated[str | None, option("--epoch", "TIME", "epoch", rich_help_panel=READING)], None),
    "station": (
        Annotated[list[str] | None, option("--station", "X,Y,Z", "station", rich_help_panel=READING)],
        None,
    ),
    "range_sigma": (
        Annotated[float | None, option("--range-sigma", "M", "range_sigma", min=0.0, rich_help_panel=READING)],
        None,
    ),
    "registration_sigma": (
        Annotated[
            float | None,
            option("--registration-sigma", "M", "registration_sigma", min=0.0, rich_help_panel=READING),
        ],
        None,
    ),
    "bounds": (
        Annotated[str | None, option("--bounds", "XMIN,YMIN,XMAX,YMAX", "bounds", rich_help_panel=READING)],
        None,
    ),
    "resolution": (
        Annotated[float | None, option("--resolution", "M", "resolution", rich_help_panel=READING)],
        None,
    ),
}
_BATCH: _Shared = {
    "in_memory": (
        Annotated[int, option("--in-memory", "N", "in_memory", min=0, show_default=True, rich_help_panel=BATCH)],
        5_000_000,
    ),
    "store": (Annotated[Path | None, option("--store", "DIR", "store", rich_help_panel=BATCH)], None),
    "workers": (
        Annotated[int, option("--workers", "N", "workers", min=1, show_default=True, rich_help_panel=BATCH)],
        1,
    ),
    "dask": (Annotated[str | None, option("--dask", "ADDRESS", "dask", rich_help_panel=BATCH)], None),
    "resume": (Annotated[bool, option("--resume", None, "resume", rich_help_panel=BATCH)], False),
    "report": (
        Annotated[Path | None, option("--report", "FILE.csv|json", "report", rich_help_panel=BATCH)],
        None,
    ),
    "as_json": (Annotated[bool, option("--json", None, "json", rich_help_panel=BATCH)], False),
    "quiet": (
        Annotated[bool, typer.Option("--quiet", help=say("quiet"), rich_help_panel=BATCH, show_default=False)],
        False,
    ),
}


@dataclass(frozen=True)
class Batch:
    """How a batch runs and what is shown of it.

    Parameters
    ----------
    workers, dask
        As of :func:`sxrisk.parallel.open_executor`.
    resume : bool
        Keep what stands.
    report : Path or None
        Table of figures to write.
    as_json, quiet : bool
        JSON on standard output; no progress.
    """

    workers: int
    dask: str | None
    resume: bool
    report: Path | None
    as_json: bool
    quiet: bool


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options on reading and on batches; it gets them as ``reading`` and ``batch``."""
    common = {**_READING, **_BATCH}
    own = [item for name, item in signature(command).parameters.items() if name not in ("reading", "batch")]

    def run(**typed: Any) -> None:
        values = {name: typed.pop(name) for name in common}
        batch = Batch(**{name: values[name] for name in ("workers", "dask", "resume", "report", "as_json", "quiet")})
        command(**typed, reading=_reading(values), batch=batch)

    parameters = [item.replace(kind=Parameter.KEYWORD_ONLY) for item in own]
    parameters += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in common.items()
    ]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # typer reads the options off it
    run.__annotations__ = {item.name: item.annotation for item in parameters}
    return run


def numbers(text: str | None, where: str, *counts: int) -> tuple[float, ...] | None:
    """Numbers with commas between them, as many as one of `counts` where some are given.

    Raises
    ------
    ParameterError
        If they are none, or another number of them.

    Examples
    --------
    >>> numbers("1180,1195.5", "--benches")
    (1180.0, 1195.5)
    """
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or (counts and len(values) not in counts):
        wanted = " or ".join(map(str, counts)) or "some"
        raise ParameterError(f"{text!r}", where=where, expected=f"{wanted} numbers with commas and no spaces")
    return values


def _reading(values: dict[str, Any]) -> "Reading":
    from sxrisk.assess.scan_jobs import Reading

    stations = [numbers(text, "--station", 3) for text in values["station"] or ()]
    return Reading(
        crs=values["crs"],
        vertical_crs=values["vertical_crs"],
        epoch=values["epoch"],
        stations=tuple(place for place in stations if place is not None) or None,
        range_sigma_m=values["range_sigma"],
        registration_sigma_m=values["registration_sigma"],
        bounds=numbers(values["bounds"], "--bounds", 4, 6),
        resolution_m=values["resolution"],
        in_memory_points=values["in_memory"],
        store=None if values["store"] is None else str(values["store"]),
    )
