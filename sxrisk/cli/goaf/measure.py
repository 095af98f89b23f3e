"""``sxrisk goaf mesh`` and ``measure``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sxrisk.cli.scan.batch import work_through
from sxrisk.cli.scan.options import Batch, numbers, shared
from sxrisk.cli.text import say

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["measure", "mesh"]


def _option(name: str, unit: str | None, key: str, **more: Any) -> Any:
    return typer.Option(name, metavar=unit, help=say(f"goaf.o.{key}"), **{"show_default": False, **more})


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help=say("goaf.o.files"), show_default=False)]
OutFile = Annotated[Path, _option("--out", "FILE", "out_file")]
OutFolder = Annotated[Path, _option("--out", "DIR", "out_folder")]
Directions = Annotated[int, _option("--directions", "N", "directions", min=500, show_default=True)]
Towards = Annotated[str | None, _option("--towards", "X,Y,Z", "towards")]
Spacing = Annotated[float | None, _option("--spacing", "M", "spacing")]
Before = Annotated[list[Path] | None, _option("--before", "FILE", "before")]
SiteId = Annotated[str | None, _option("--id", "TEXT", "id")]
Name = Annotated[str, _option("--name", "TEXT", "name")]
Dem = Annotated[Path | None, _option("--dem", "FILE.tif", "dem")]
HeightOffset = Annotated[float | None, _option("--height-offset", "M", "height_offset")]
DemSigma = Annotated[float | None, _option("--dem-sigma", "M", "dem_sigma", min=0.0)]
Neighbours = Annotated[list[str] | None, _option("--neighbour", "KIND:FILE[:NUMBER]", "neighbour")]
Levels = Annotated[list[Path] | None, _option("--level", "MESH", "level")]
Water = Annotated[float | None, _option("--water-level", "M", "water_level")]
WaterSigma = Annotated[float | None, _option("--water-level-sigma", "M", "water_level_sigma", min=0.0)]
Barrier = Annotated[float | None, _option("--required-barrier", "M", "required_barrier", min=0.0)]
Cell = Annotated[float, _option("--cell", "M", "cell", show_default=True)]
Smooth = Annotated[float, _option("--smooth", "M", "smooth", show_default=True)]
MinPillar = Annotated[float, _option("--min-pillar", "M2", "min_pillar", show_default=True)]
Registered = Annotated[bool, _option("--registered", None, "registered")]
NormalRadius = Annotated[float | None, _option("--normal-radius", "M", "normal_radius")]
CylinderRadius = Annotated[float | None, _option("--cylinder-radius", "M", "cylinder_radius")]
Depth = Annotated[float | None, _option("--depth", "M", "depth")]
CoreSpacing = Annotated[float | None, _option("--core-spacing", "M", "core_spacing")]


@shared
def mesh(
    files: Files,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    directions: Directions = 40_000,
    towards: Towards = None,
    spacing: Spacing = None,
) -> None:
    """Make the closed mesh of a goaf."""
    from sxrisk.assess.goaf_jobs.measuring import mesh_goaf_file
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import MESH_ENDINGS, planned_outputs

    parameters = {
        "reading": reading,
        "max_directions": directions,
        "towards": numbers(towards, "--towards", 3),
        "spacing_m": spacing,
    }
    output = planned_outputs(files[:1], out, ".ply", known=MESH_ENDINGS)[0]
    work_through(mesh_goaf_file, [ScanTask(tuple(files), output, parameters)], batch)


@shared
def measure(
    files: Files,
    out: OutFolder,
    reading: "Reading",
    batch: Batch,
    before: Before = None,
    site_id: SiteId = None,
    name: Name = "",
    dem: Dem = None,
    height_offset: HeightOffset = None,
    dem_sigma: DemSigma = None,
    neighbour: Neighbours = None,
    level: Levels = None,
    water_level: Water = None,
    water_level_sigma: WaterSigma = None,
    required_barrier: Barrier = None,
    cell: Cell = 0.5,
    smooth: Smooth = 1.0,
    min_pillar: MinPillar = 1.0,
    registered: Registered = False,
    normal_radius: NormalRadius = None,
    cylinder_radius: CylinderRadius = None,
    depth: Depth = None,
    core_spacing: CoreSpacing = None,
) -> None:
    """Measure a goaf."""
    from sxrisk.assess.goaf_jobs.measuring import measure_goaf_folder
    from sxrisk.assess.scan_batch import ScanTask

    settings = {
        "map_cell_m": cell,
        "smooth_m": smooth,
        "min_pillar_m2": min_pillar,
        "registered": registered,
        "dem_height_offset_m": height_offset,
        "dem_sigma_m": dem_sigma,
        "water_level_m": water_level,
        "water_level_sigma_m": water_level_sigma,
        "required_barrier_m": required_barrier,
    }
    sizes = {
        "normal_radius_m": normal_radius,
        "cylinder_radius_m": cylinder_radius,
        "max_depth_m": depth,
        "core_spacing_m": core_spacing,
    }
    earlier = before or []
    parameters = {
        "reading": reading,
        "n_before": len(earlier),
        "site_id": site_id,
        "name": name,
        "dem": None if dem is None else str(dem),
        "neighbours": list(neighbour or []),
        "levels": [str(path) for path in level or []],
        "parameters": {key: value for key, value in settings.items() if value is not None},
        "change_parameters": {key: value for key, value in sizes.items() if value is not None},
    }
    task = ScanTask((*earlier, *files), out, parameters)
    work_through(measure_goaf_folder, [task], batch, named=[files[0].name])
