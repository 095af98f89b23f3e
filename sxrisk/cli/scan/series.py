"""``sxrisk scan series``: many epochs of one place."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sxrisk.cli.scan.batch import work_through
from sxrisk.cli.scan.epochs import (
    CoreSpacing,
    MinPoints,
    Orientation,
    OwnCylinderRadius,
    OwnDepth,
    OwnNormalRadius,
    PairSigma,
    Statistic,
    direction,
    sizes,
)
from sxrisk.cli.scan.options import Batch, option, shared
from sxrisk.cli.text import say
from sxrisk.errors import ParameterError

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["series"]

Epochs = Annotated[list[Path], typer.Argument(metavar="EPOCH", help=say("scan.o.epochs"), show_default=False)]
OutSeries = Annotated[Path, option("--out", "FILE.zarr|nc", "out_series")]
Against = Annotated[Literal["first", "previous", "both"], option("--against", None, "against", show_default=True)]
SeriesLod = Annotated[Literal["t", "lague"], option("--lod", None, "series_lod", show_default=True)]
Append = Annotated[bool, option("--append", None, "append")]
SmoothDays = Annotated[float | None, option("--smooth-days", "DAYS", "smooth_days")]
Smoothing = Annotated[Literal["regression", "median"], option("--smoothing", None, "smoothing", show_default=True)]
Events = Annotated[bool, option("--events/--no-events", None, "events", show_default=True)]
FalseEvents = Annotated[float, option("--false-events", "P", "false_events", show_default=True)]


@shared
def series(
    files: Epochs,
    out: OutSeries,
    reading: "Reading",
    batch: Batch,
    normal_radius: OwnNormalRadius = None,
    cylinder_radius: OwnCylinderRadius = None,
    depth: OwnDepth = None,
    core_spacing: CoreSpacing = 0.5,
    against: Against = "first",
    lod: SeriesLod = "t",
    statistic: Statistic = "mean",
    min_points: MinPoints = 5,
    orientation: Orientation = None,
    pair_sigma: PairSigma = None,
    append: Append = False,
    smooth_days: SmoothDays = None,
    smoothing: Smoothing = "regression",
    events: Events = True,
    false_events: FalseEvents = 0.05,
) -> None:
    """Measure change over many epochs."""
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import series_file

    if not append and None in (sizes(normal_radius), cylinder_radius, depth):
        raise ParameterError(
            "the sizes of M3C2 are missing",
            where="series",
            expected="--normal-radius, --cylinder-radius and --depth, or --append",
        )
    parameters: dict[str, Any] = {
        "reading": reading,
        "normal_radius_m": sizes(normal_radius),
        "cylinder_radius_m": cylinder_radius,
        "max_depth_m": depth,
        "core_spacing_m": core_spacing,
        "against": against,
        "lod": lod,
        "method": statistic,
        "min_points": min_points,
        "orientation": direction(orientation),
        "registration_sigma_m": pair_sigma,
        "append": append,
        "smooth_days": smooth_days,
        "smoothing": smoothing,
        "events": events,
        "false_events": false_events,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    work_through(series_file, [ScanTask(tuple(files), out, parameters)], batch, named=[out.name])
