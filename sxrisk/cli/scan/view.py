"""``sxrisk scan view``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sxrisk.cli.scan.batch import work_through
from sxrisk.cli.scan.options import Batch, option, shared
from sxrisk.cli.text import language, say

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["view"]

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help=say("scan.o.view_files"), show_default=False)]
Out = Annotated[Path, option("--out", "FILE.html", "out_html")]
Title = Annotated[str | None, option("--title", "TEXT", "title")]
MaxPoints = Annotated[int | None, option("--max-points", "N", "max_points", min=1)]


@shared
def view(
    files: Files, out: Out, reading: "Reading", batch: Batch, title: Title = None, max_points: MaxPoints = None
) -> None:
    """Write scans and meshes as one page."""
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import view_file

    out.parent.mkdir(parents=True, exist_ok=True)
    parameters = {"reading": reading, "language": language(), "title": title, "max_points": max_points}
    work_through(view_file, [ScanTask(tuple(files), out, parameters)], batch, named=[out.name])
