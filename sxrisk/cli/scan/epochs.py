"""``sxrisk scan register``, ``change`` and ``bodies``: several scans of one place."""

from math import radians
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sxrisk.cli.scan.batch import each, work_through
from sxrisk.cli.scan.options import Batch, OutFile, numbers, option, shared
from sxrisk.cli.text import say
from sxrisk.errors import ParameterError

if TYPE_CHECKING:
    from sxrisk.assess.scan_jobs import Reading

__all__ = ["bodies", "change", "direction", "register", "sizes"]

Moving = Annotated[list[Path], typer.Argument(metavar="MOVING FIXED", help=say("scan.o.moving"), show_default=False)]
To = Annotated[str, option("--to", "FORMAT", "to", show_default=True)]
Stations = Annotated[bool, option("--stations", None, "stations")]
Stable = Annotated[Path | None, option("--stable", "POLYGONS", "stable")]
Targets = Annotated[Path | None, option("--targets", "FILE.csv", "targets")]
TargetsOnly = Annotated[bool, option("--targets-only", None, "targets_only")]
Coarse = Annotated[bool, option("--coarse", None, "coarse")]
MaxDistance = Annotated[float | None, option("--max-distance", "M", "max_distance")]
MapCell = Annotated[float, option("--map-cell", "M", "map_cell", show_default=True)]
Before = Annotated[Path, typer.Argument(metavar="BEFORE", help=say("scan.o.before"), show_default=False)]
After = Annotated[list[Path], typer.Argument(metavar="AFTER", help=say("scan.o.after"), show_default=False)]
AfterOne = Annotated[Path, typer.Argument(metavar="AFTER", help=say("scan.o.after_one"), show_default=False)]
OutFolder = Annotated[Path, option("--out", "DIR", "out_folder")]
OutBodies = Annotated[Path, option("--out", "FILE", "out_bodies")]
NormalRadius = Annotated[list[float], option("--normal-radius", "M", "normal_radius")]
CylinderRadius = Annotated[float, option("--cylinder-radius", "M", "cylinder_radius")]
Depth = Annotated[float, option("--depth", "M", "depth")]
CoreSpacing = Annotated[float, option("--core-spacing", "M", "core_spacing", show_default=True)]
ChangeCell = Annotated[float, option("--cell", "M", "change_cell", show_default=True)]
Lod = Annotated[Literal["t", "lague", "ep"], option("--lod", None, "lod", show_default=True)]
ScannerSigmas = Annotated[str | None, option("--scanner", "H,V[,BEAM]", "scanner")]
Fdr = Annotated[float | None, option("--fdr", "SHARE", "fdr")]
FdrDependence = Annotated[
    Literal["positive", "any"], option("--fdr-dependence", None, "fdr_dependence", show_default=True)
]
Statistic = Annotated[Literal["mean", "median"], option("--statistic", None, "statistic", show_default=True)]
MinPoints = Annotated[int, option("--min-points", "N", "change_points", show_default=True)]
Orientation = Annotated[str | None, option("--orientation", "WAY", "orientation")]
PairSigma = Annotated[float | None, option("--pair-sigma", "M", "pair_sigma", min=0.0)]
Register = Annotated[bool, option("--register", None, "register")]
Given = Annotated[Path | None, option("--registration", "FILE.json", "registration")]
MaxGap = Annotated[float, option("--max-gap", "M", "max_gap", show_default=True)]
Threshold = Annotated[float, option("--threshold", "M", "threshold", show_default=True)]
Outline = Annotated[Path | None, option("--outline", "POLYGONS", "outline")]
Change = Annotated[Path | None, option("--change", "DIR", "change")]
OwnNormalRadius = Annotated[list[float] | None, option("--normal-radius", "M", "normal_radius")]
OwnCylinderRadius = Annotated[float | None, option("--cylinder-radius", "M", "cylinder_radius")]
OwnDepth = Annotated[float | None, option("--depth", "M", "depth")]
AlongSurface = Annotated[bool, option("--along-surface/--no-along-surface", None, "along_surface", show_default=True)]
Window = Annotated[float | None, option("--window", "M", "window")]
MaxMotion = Annotated[float | None, option("--max-motion", "M", "max_motion")]
Meshes = Annotated[Path | None, option("--meshes", "DIR", "meshes")]
MinArea = Annotated[float | None, option("--min-area", "M2", "min_area")]


@shared
def register(
    files: Moving,
    out: OutFile,
    reading: "Reading",
    batch: Batch,
    to: To = "laz",
    stations: Stations = False,
    stable: Stable = None,
    targets: Targets = None,
    targets_only: TargetsOnly = False,
    coarse: Coarse = False,
    max_distance: MaxDistance = None,
    map_cell: MapCell = 5.0,
) -> None:
    """Fit scans onto a fixed one, or stations together."""
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import POINT_ENDINGS, planned_outputs, register_file, register_stations_file

    if len(files) < 2:
        raise ParameterError("there is one file", where="register", expected="a scan to move and a fixed one")
    ending = f".{to.removeprefix('.')}"
    parameters: dict[str, Any] = {"reading": reading, "targets": _text(targets), "coarse": coarse}
    if max_distance is not None:
        parameters["max_distance_m"] = max_distance
    if stations:
        if stable is not None or targets_only:
            raise ParameterError(
                "stations are fitted on all they share", where="--stations", expected="no --stable, no --targets-only"
            )
        (output,) = planned_outputs(files[:1], out, ending, known=POINT_ENDINGS)
        work_through(register_stations_file, [ScanTask(tuple(files), output, parameters)], batch, named=[output.name])
        return
    parameters |= {"stable": _text(stable), "targets_only": targets_only, "map_cell_m": map_cell}
    each(register_file, files[:-1], out, ending, batch, parameters, beside=files[-1:], first=False, known=POINT_ENDINGS)


@shared
def change(
    before: Before,
    after: After,
    out: OutFolder,
    normal_radius: NormalRadius,
    cylinder_radius: CylinderRadius,
    depth: Depth,
    reading: "Reading",
    batch: Batch,
    core_spacing: CoreSpacing = 0.5,
    cell: ChangeCell = 0.5,
    lod: Lod = "t",
    scanner: ScannerSigmas = None,
    statistic: Statistic = "mean",
    min_points: MinPoints = 5,
    orientation: Orientation = None,
    fdr: Fdr = None,
    fdr_dependence: FdrDependence = "positive",
    pair_sigma: PairSigma = None,
    register: Register = False,
    registration: Given = None,
    stable: Stable = None,
    max_gap: MaxGap = 5.0,
    threshold: Threshold = 0.0,
    outline: Outline = None,
) -> None:
    """Measure deformation."""
    from sxrisk.assess.scan_batch import ScanTask
    from sxrisk.assess.scan_jobs import change_folder

    parameters = {
        "reading": reading,
        "normal_radius_m": sizes(normal_radius),
        "cylinder_radius_m": cylinder_radius,
        "max_depth_m": depth,
        "core_spacing_m": core_spacing,
        "cell_m": cell,
        "lod": lod,
        "method": statistic,
        "min_points": min_points,
        "scanner": _scanner(scanner),
        "fdr": fdr,
        "fdr_dependence": fdr_dependence,
        "orientation": direction(orientation),
        "registration_sigma_m": pair_sigma,
        "register": register,
        "registration": _text(registration),
        "stable": _text(stable),
        "max_gap_m": max_gap,
        "threshold_m": threshold,
        "outline": _text(outline),
    }
    if len(after) == 1:
        out.parent.mkdir(parents=True, exist_ok=True)
        task = ScanTask((before, after[0]), out, parameters)
        work_through(change_folder, [task], batch, inner=True, named=[after[0].name])
    else:
        each(change_folder, after, out, "", batch, parameters, beside=[before])


@shared
def bodies(
    before: Before,
    after: AfterOne,
    out: OutBodies,
    reading: "Reading",
    batch: Batch,
    change: Change = None,
    normal_radius: OwnNormalRadius = None,
    cylinder_radius: OwnCylinderRadius = None,
    depth: OwnDepth = None,
    core_spacing: CoreSpacing = 0.5,
    min_area: MinArea = None,
    along_surface: AlongSurface = True,
    window: Window = None,
    max_motion: MaxMotion = None,
    meshes: Meshes = None,
) -> None:
    """List the bodies that moved."""
    from sxrisk.assess.scan_jobs import bodies_file

    parameters: dict[str, Any] = {
        "reading": reading,
        "change": _text(change),
        "normal_radius_m": sizes(normal_radius),
        "cylinder_radius_m": cylinder_radius,
        "max_depth_m": depth,
        "core_spacing_m": core_spacing,
        "along_surface": along_surface,
        "window_m": window,
        "max_motion_m": max_motion,
        "meshes": _text(meshes),
    }
    if min_area is not None:
        parameters["min_area_m2"] = min_area
    each(bodies_file, [after], out, ".gpkg", batch, parameters, beside=[before], known=(".gpkg", ".csv"))


def _scanner(angles: str | None) -> tuple[float | None, ...] | None:
    """Errors of a scanner whose range the files state, in radians where degrees were typed."""
    typed = numbers(angles, "--scanner", 2, 3)
    return None if typed is None else (None, *(radians(angle) for angle in (*typed, 0.0)[:3]))


def direction(orientation: str | None) -> Any:
    """A way by its name, or three numbers."""
    named = orientation in (None, "up", "stations")
    return orientation if named else numbers(orientation, "--orientation", 3)


def sizes(radii: list[float] | None) -> float | tuple[float, ...] | None:
    """One radius, several, or None where none was typed."""
    return None if not radii else radii[0] if len(radii) == 1 else tuple(radii)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
