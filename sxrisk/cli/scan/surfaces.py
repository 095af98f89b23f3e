"""``sxrisk scan grid``, ``mesh`` and ``volume``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sxrisk.cli.scan.batch import each
from sxrisk.cli.scan.options import Batch, Files, OutFile, numbers, option, shared
from sxrisk.cli.text import say

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["grid", "mesh", "volume"]

Cell = Annotated[float, option("--cell", "M", "cell")]
GridMethod = Annotated[str, option("--method", "METHOD", "grid_method", show_default=True)]
Percentile = Annotated[float | None, option("--percentile", "P", "percentile")]
MaxGap = Annotated[float | None, option("--max-gap", "M", "max_gap")]
MinPoints = Annotated[int, option("--min-points", "N", "min_points", show_default=True)]
Power = Annotated[float, option("--power", "X", "power", show_default=True)]
Hillshade = Annotated[bool, option("--hillshade", None, "hillshade")]
Slope = Annotated[bool, option("--slope", None, "slope")]
Contours = Annotated[float | None, option("--contours", "M", "contours")]
GridTo = Annotated[Literal["tif", "vti"], option("--to", None, "to_grid", show_default=True)]
MeshMethod = Annotated[
    Literal["terrain", "poisson", "ball_pivoting", "cavity"], option("--method", None, "mesh_method", show_default=True)
]
MeshCell = Annotated[float | None, option("--cell", "M", "mesh_cell")]
Spacing = Annotated[float | None, option("--spacing", "M", "spacing")]
MaxError = Annotated[float | None, option("--max-error", "M", "max_error")]
MaxFaces = Annotated[int | None, option("--max-faces", "N", "max_faces")]
Towards = Annotated[str | None, option("--towards", "X,Y,Z", "towards")]
Textured = Annotated[bool, option("--texture", None, "texture")]
Texel = Annotated[float | None, option("--texel", "M", "texel")]
Colour = Annotated[bool, option("--colour", None, "colour")]
MeshTo = Annotated[str, option("--to", "FORMAT", "to_mesh", show_default=True)]
Merge = Annotated[bool, option("--merge", None, "merge")]
Surfaces = Annotated[
    list[Path], typer.Argument(metavar="[BEFORE] AFTER", help=say("scan.o.surfaces"), show_default=False)
]
OutTable = Annotated[Path, option("--out", "FILE|DIR", "out_table")]
VolumeCell = Annotated[float | None, option("--cell", "M", "cell")]
Level = Annotated[float | None, option("--level", "M", "level")]
Plane = Annotated[bool, option("--plane", None, "plane")]
Base = Annotated[Path | None, option("--base", "POLYGONS", "base")]
Polygons = Annotated[Path | None, option("--polygons", "POLYGONS", "polygons")]
Benches = Annotated[str | None, option("--benches", "Z,Z,...", "benches")]
VolumeGap = Annotated[float, option("--max-gap", "M", "max_gap", show_default=True)]
Threshold = Annotated[float, option("--threshold", "M", "threshold", show_default=True)]
CommonSigma = Annotated[float | None, option("--common-sigma", "M", "common_sigma")]
Stable = Annotated[Path | None, option("--stable", "POLYGONS", "volume_stable")]
Align = Annotated[bool, option("--align", None, "align")]


@shared
def grid(
    files: Files,
    out: OutFile,
    cell: Cell,
    reading: "Reading",
    batch: Batch,
    to: GridTo = "tif",
    method: GridMethod = "mean",
    percentile: Percentile = None,
    max_gap: MaxGap = None,
    min_points: MinPoints = 1,
    power: Power = 2.0,
    hillshade: Hillshade = False,
    slope: Slope = False,
    contours: Contours = None,
) -> None:
    """Make an elevation grid."""
    from sxrisk.assess.scan_jobs import grid_file

    parameters = {
        "reading": reading,
        "cell_m": cell,
        "method": method,
        "percentile": percentile,
        "max_gap_m": max_gap,
        "min_points": min_points,
        "power": power,
        "shade": hillshade,
        "slopes": slope,
        "contour_m": contours,
    }
    each(grid_file, files, out, f".{to}", batch, parameters, known=(".tif", ".vti"))


@shared
def mesh(
    files: Files,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    to: MeshTo = "ply",
    merge: Merge = False,
    method: MeshMethod = "terrain",
    cell: MeshCell = None,
    spacing: Spacing = None,
    max_gap: MaxGap = None,
    max_error: MaxError = None,
    max_faces: MaxFaces = None,
    towards: Towards = None,
    colour: Colour = False,
    texture: Textured = False,
    texel: Texel = None,
) -> None:
    """Make a mesh and check it."""
    from sxrisk.assess.scan_jobs import MESH_ENDINGS, mesh_file

    parameters = {
        "reading": reading,
        "method": method,
        "cell_m": cell,
        "spacing_m": spacing,
        "max_gap_m": max_gap,
        "max_error_m": max_error,
        "max_faces": max_faces,
        "towards": numbers(towards, "--towards", 3),
        "colour": colour,
        "texture": texture,
        "texel_m": texel,
    }
    others = files[1:] if merge else []
    each(mesh_file, files[:1] if merge else files, out, f".{to.removeprefix('.')}", batch, parameters,
         beside=others, first=False, known=MESH_ENDINGS)  # fmt: skip


@shared
def volume(
    files: Surfaces,
    out: OutTable,
    reading: "Reading",
    batch: Batch,
    cell: VolumeCell = None,
    level: Level = None,
    plane: Plane = False,
    base: Base = None,
    polygons: Polygons = None,
    benches: Benches = None,
    max_gap: VolumeGap = 5.0,
    threshold: Threshold = 0.0,
    common_sigma: CommonSigma = None,
    stable: Stable = None,
    align: Align = False,
) -> None:
    """Measure cut, fill and net volume."""
    from sxrisk.assess.scan_jobs import volume_file

    parameters = {
        "reading": reading,
        "cell_m": cell,
        "level_m": level,
        "plane": plane,
        "base": _text(base),
        "polygons": _text(polygons),
        "benches_m": numbers(benches, "--benches"),
        "max_gap_m": max_gap,
        "threshold_m": threshold,
        "common_sigma_m": common_sigma,
        "stable": _text(stable),
        "align": align,
    }
    alone = level is not None or plane or base is not None or len(files) == 1
    each(volume_file, files if alone else files[1:], out, ".csv" if polygons is None and base is None else ".gpkg",
         batch, parameters, beside=[] if alone else files[:1], known=(".csv", ".gpkg"))  # fmt: skip


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
