"""Other formats, other coordinate systems, fewer points."""

import json
from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path
from typing import Any, Literal

from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside
from sxrisk.assess.scan_jobs.streaming import moved
from sxrisk.scans import place, thin, whole_file, write_scan

__all__ = ["convert_file", "thin_file"]


def convert_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    voxel_m: float | None = None,
    control: str | None = None,
    control_method: Literal["space", "plan"] = "space",
    control_scale: bool = False,
    to_crs: str | None = None,
    to_vertical_crs: str | None = None,
    coordinate_step_m: float | None = None,
) -> dict[str, Any]:
    """Write a cloud as another format, placed by control points or in another system.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch, which are joined.
    output : Path
        The ending says what is written, see :func:`sxrisk.write_scan`.
    reading : Reading
        How the inputs are opened, bounds included.
    voxel_m : float, optional
        Keep one point a voxel of this edge, metres, before anything else is done.
    control : str, optional
        CSV of control points, see :func:`sxrisk.scans.place`: local coordinates are moved into `to_crs`.
    control_method, control_scale
        As `method` and `scale` there.
    to_crs, to_vertical_crs : str, optional
        System of the output; with `control` the one that the targets are in.
    coordinate_step_m : float, optional
        Step of LAS and COPC coordinates; default as of :func:`sxrisk.write_scan`.

    Returns
    -------
    dict
        ``points``, ``written`` and what the control points say.
    """
    figures: dict[str, Any] = {}
    with reading.open(inputs, output) as opened:
        figures["points"] = opened.n_points
        cloud: Any = opened if voxel_m is None else thin(opened, voxel_m)
        placement = None
        if control is not None:
            placement = place(
                cloud, control, method=control_method, scale=control_scale, crs=to_crs, vertical_crs=to_vertical_crs
            )
            cloud = moved(cloud, placement.apply)
        elif to_crs is not None:
            cloud = moved(cloud, methodcaller("to_crs", to_crs))
        write_scan(cloud, output, resolution_m=coordinate_step_m)
        figures["written"] = cloud.n_points
    if placement is not None:
        with whole_file(beside(output, "placement.json")) as partial:
            partial.write_text(json.dumps(placement.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8")
        figures |= {"control_rms_m": placement.rms_m, "control_outliers": ", ".join(placement.outliers)}
    return figures


def thin_file(inputs: Sequence[Path], output: Path, *, voxel_m: float, reading: Reading = AS_STATED) -> dict[str, Any]:
    """Keep one measured point a voxel: :func:`sxrisk.scans.thin` from file to file.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch.
    output : Path
        File to write.
    voxel_m : float
        Edge of the voxels, metres.
    reading : Reading
        How the inputs are opened.

    Returns
    -------
    dict
        ``points`` and ``kept``.
    """
    with reading.open(inputs, output) as cloud:
        kept = thin(cloud, voxel_m)
        write_scan(kept, output)
        return {"points": cloud.n_points, "kept": kept.n_points}
