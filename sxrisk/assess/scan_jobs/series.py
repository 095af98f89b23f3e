"""Change over many epochs, from files to a series in Zarr or NetCDF and a table of its events."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside
from sxrisk.change import change_events, m3c2_series, smooth_series
from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.run_folder import output_errors
from sxrisk.scans import whole_file

__all__ = ["SERIES_ENDINGS", "series_file"]

SERIES_ENDINGS = (".zarr", ".nc")


def series_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    append: bool = False,
    smooth_days: float | None = None,
    smoothing: Literal["regression", "median"] = "regression",
    events: bool = True,
    false_events: float = 0.05,
    **choices: Any,
) -> dict[str, Any]:
    """Measure change over the epochs of one place: :func:`sxrisk.change.m3c2_series` from files.

    Parameters
    ----------
    inputs : sequence of Path
        A file or store an epoch, in any order; each states its epoch.
    output : Path
        ``.zarr`` (a folder, to which further epochs can be added) or ``.nc``. The events stand beside it in
        ``_events.gpkg``.
    reading : Reading
        How they are opened.
    append : bool
        Add the epochs to the Zarr store that stands at `output`; sizes and core points are those of the store.
    smooth_days, smoothing
        Window and method of :func:`sxrisk.change.smooth_series`; default no smoothing.
    events : bool
        Whether to look for events.
    false_events : float
        As of :func:`sxrisk.change.change_events`.
    **choices
        Sizes and choices of :func:`sxrisk.change.m3c2_series`.

    Returns
    -------
    dict
        Epochs, core points, significant ones at the last epoch, events.
    """
    ending = output.suffix.lower()
    if ending not in SERIES_ENDINGS:
        raise ParameterError(
            f"a series is not written as {output.name}", where="--out", expected="a name that ends in .zarr or .nc"
        )
    if append and (ending != ".zarr" or not output.is_dir() or smooth_days is not None):
        raise ParameterError(
            f"epochs cannot be added to {output.name}",
            where="--append",
            expected="a .zarr store that stands there, and no --smooth-days",
            remedy="Make the series anew from all epochs",
        )
    if append:
        choices = {}
    with ExitStack() as opened:
        clouds = [opened.enter_context(reading.open(path, output)) for path in inputs]
        for path, cloud in zip(inputs, clouds, strict=True):
            if cloud.epoch is None:
                raise ParameterError(
                    f"{path.name} does not say when it was scanned",
                    where=path,
                    expected="an epoch in each file",
                    remedy="Write it into the file: sxrisk scan convert FILE --epoch TIME --out dated.laz",
                )
        clouds.sort(key=lambda cloud: cloud.epoch.timestamp() if cloud.epoch is not None else 0.0)
        series = m3c2_series(clouds, append=output if append else None, **choices)
    if smooth_days is not None:
        series = smooth_series(series, smooth_days, method=smoothing)
    found = change_events(series, false_events=false_events) if events else None
    if not append:
        _write(series, output)
    figures: dict[str, Any] = {
        "epochs": series.sizes["time"],
        "core_points": series.sizes["point"],
        "significant": int(series["significant"][-1].sum()),
    }
    if found is not None:
        # A table of none would be taken for one of last time.
        beside(output, "events.gpkg").unlink(missing_ok=True)
        if len(found):
            write_frame(found, beside(output, "events.gpkg"))
        figures["events"] = len(found)
    return figures


def _write(series: Any, output: Path) -> None:
    """Write the series whole or not at all; another series makes room for it, nothing else does."""
    if output.suffix.lower() == ".nc":
        with whole_file(output) as partial:
            series.to_netcdf(partial, engine="scipy")
        return
    if output.exists() and not any((output / name).is_file() for name in ("zarr.json", ".zgroup")):
        raise FileFormatError("what stands there is no Zarr store", where=output, remedy="Give another --out")
    with output_errors(output), tempfile.TemporaryDirectory(prefix=".series-", dir=output.parent) as folder:
        series.to_zarr(Path(folder) / output.name, consolidated=True, zarr_format=3)
        if output.exists():
            shutil.move(output, Path(folder) / "old")
        (Path(folder) / output.name).rename(output)
