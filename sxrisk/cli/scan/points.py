"""``sxrisk scan convert``, ``thin``, ``clean`` and ``ground``: clouds in, clouds out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sxrisk.cli.scan.batch import each, work_through
from sxrisk.cli.scan.options import Batch, Files, OutFile, option, shared

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["clean", "convert", "ground", "thin"]

To = Annotated[str, option("--to", "FORMAT", "to", show_default=True)]
Merge = Annotated[bool, option("--merge", None, "merge")]
Voxel = Annotated[float, option("--voxel", "M", "voxel")]
ConvertVoxel = Annotated[float | None, option("--voxel", "M", "convert_voxel")]
Control = Annotated[Path | None, option("--control", "FILE.csv", "control")]
ControlMethod = Annotated[
    Literal["space", "plan"], option("--control-method", None, "control_method", show_default=True)
]
ControlScale = Annotated[bool, option("--control-scale", None, "control_scale")]
ToCrs = Annotated[str | None, option("--to-crs", "CRS", "to_crs")]
ToVerticalCrs = Annotated[str | None, option("--to-vertical-crs", "CRS", "to_vertical_crs")]
Step = Annotated[float | None, option("--step", "M", "step")]
CleanMethod = Annotated[
    Literal["local", "statistical", "radius", "none"], option("--method", None, "clean_method", show_default=True)
]
Neighbours = Annotated[int, option("--neighbours", "N", "neighbours", show_default=True)]
Factor = Annotated[float | None, option("--factor", "X", "factor")]
Radius = Annotated[float | None, option("--radius", "M", "radius")]
MinCluster = Annotated[int, option("--min-cluster", "N", "min_cluster", show_default=True)]
Dust = Annotated[bool, option("--dust", None, "dust")]
Rays = Annotated[bool, option("--rays", None, "rays")]
Walls = Annotated[bool, option("--double-walls", None, "walls")]
Removed = Annotated[bool, option("--removed", None, "removed")]
GroundMethod = Annotated[Literal["opening", "multiscale"], option("--method", None, "ground_method", show_default=True)]
GroundCell = Annotated[float | None, option("--cell", "M", "ground_cell")]
ObjectWidth = Annotated[float, option("--object-width", "M", "object", show_default=True)]
Height = Annotated[float, option("--height", "M", "height", show_default=True)]
OnlyGround = Annotated[bool, option("--only-ground", None, "only_ground")]
Vegetation = Annotated[bool, option("--vegetation", None, "vegetation")]
Objects = Annotated[bool, option("--objects", None, "objects")]


@shared
def convert(
    files: Files,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    to: To = "laz",
    merge: Merge = False,
    voxel: ConvertVoxel = None,
    control: Control = None,
    control_method: ControlMethod = "space",
    control_scale: ControlScale = False,
    to_crs: ToCrs = None,
    to_vertical_crs: ToVerticalCrs = None,
    step: Step = None,
) -> None:
    """Write scans as another format."""
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import POINT_ENDINGS, convert_file, planned_outputs

    parameters = {
        "reading": reading,
        "voxel_m": voxel,
        "control": None if control is None else str(control),
        "control_method": control_method,
        "control_scale": control_scale,
        "to_crs": to_crs,
        "to_vertical_crs": to_vertical_crs,
        "coordinate_step_m": step,
    }
    if merge:
        (output,) = planned_outputs(files[:1], out, _ending(to), known=POINT_ENDINGS)
        work_through(convert_file, [ScanTask(tuple(files), output, parameters)], batch, named=[output.name])
    else:
        _clouds(convert_file, files, out, to, batch, parameters)


@shared
def thin(files: Files, out: OutFile, voxel: Voxel, reading: "Reading", batch: Batch, to: To = "laz") -> None:
    """Keep one point in every voxel."""
    from sxrisk.assess.scan_jobs import thin_file

    _clouds(thin_file, files, out, to, batch, {"reading": reading, "voxel_m": voxel})


@shared
def clean(
    files: Files,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    to: To = "laz",
    method: CleanMethod = "local",
    neighbours: Neighbours = 8,
    factor: Factor = None,
    radius: Radius = None,
    min_cluster: MinCluster = 50,
    dust: Dust = False,
    rays: Rays = False,
    walls: Walls = False,
    removed: Removed = False,
) -> None:
    """Take out what is no surface."""
    from sxrisk.assess.scan_jobs import clean_file

    parameters = {
        "reading": reading,
        "method": method,
        "neighbours": neighbours,
        "factor": factor,
        "radius_m": radius,
        "min_cluster": min_cluster,
        "dust": dust,
        "rays": rays,
        "walls": walls,
        "removed": removed,
    }
    _clouds(clean_file, files, out, to, batch, parameters)


@shared
def ground(
    files: Files,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    to: To = "laz",
    method: GroundMethod = "opening",
    cell: GroundCell = None,
    object_width: ObjectWidth = 12.0,
    height: Height = 0.15,
    only_ground: OnlyGround = False,
    vegetation: Vegetation = False,
    objects: Objects = False,
) -> None:
    """Classify ground, plants and things."""
    from sxrisk.assess.scan_jobs import ground_file

    parameters = {
        "reading": reading,
        "method": method,
        "cell_m": cell,
        "object_m": object_width,
        "height_m": height,
        "only_ground": only_ground,
        "vegetation": vegetation,
        "objects": objects,
    }
    _clouds(ground_file, files, out, to, batch, parameters)


def _ending(to: str) -> str:
    return f".{to.removeprefix('.')}"


def _clouds(
    job: Callable[..., dict[str, Any]], files: list[Path], out: Path, to: str, batch: Batch, parameters: dict[str, Any]
) -> None:
    """Run a job that writes a cloud on each of the files."""
    from sxrisk.assess.scan_jobs import POINT_ENDINGS

    each(job, files, out, _ending(to), batch, parameters, known=POINT_ENDINGS)
