"""Change between epochs and the bodies that moved, from files to folders and tables."""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, union_of
from sxrisk.assess.scan_jobs.streaming import moved
from sxrisk.change import ComparisonResult, ScannerErrors, compare_scans, label_bodies, m3c2
from sxrisk.errors import ParameterError
from sxrisk.scans import Cloud, Registration, whole_file

__all__ = ["bodies_file", "change_folder"]


def change_folder(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    register: bool = False,
    registration: str | None = None,
    stable: str | None = None,
    outline: str | None = None,
    scanner: tuple[float | None, float, float, float] | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Any = None,
    **choices: Any,
) -> dict[str, Any]:
    """Compare two epochs into a folder: :func:`sxrisk.change.compare_scans` from files.

    Parameters
    ----------
    inputs : (Path, Path)
        The earlier epoch and the later one: point files or stores.
    output : Path
        Folder to make.
    reading : Reading
        How they are opened.
    register : bool
        First fit the later epoch onto the earlier one.
    registration : str, optional
        A ``registration.json`` to apply instead.
    stable, outline : str, optional
        Files of polygons: ground that did not move; where volumes are counted.
    scanner : tuple of 4 floats, optional
        1 sigma of range (None: that of the files), horizontal and vertical angle, and beam, of
        :class:`sxrisk.change.ScannerErrors`; for ``lod="ep"``.
    resume, executor, progress
        As of :func:`sxrisk.change.compare_scans`.
    **choices
        Radii and the other sizes of :func:`sxrisk.change.compare_scans`.

    Returns
    -------
    dict
        Core points, significant ones, volumes.
    """
    before, after = (reading.epoch_of(path) for path in inputs)
    motion: bool | Registration = register if registration is None else Registration.read(registration)
    result = compare_scans(
        before,
        after,
        output,
        register=motion,
        stable=union_of(stable, before.crs),
        outline=union_of(outline, before.crs),
        scanner=None if scanner is None else ScannerErrors(*scanner),
        resume=resume,
        executor=executor,
        progress=progress,
        **choices,
    )
    change, volume = result.summary["change"], result.summary["volume"]
    known = result.summary["registration"]
    return {
        "core_points": change["core_points"],
        "significant": change["significant"],
        **{name: change[name] for name in ("significant_fdr",) if name in change},
        "registration_sigma_m": "unknown" if known["unknown"] else known["sigma_m"],
        **{name: volume[name] for name in ("cut_m3", "fill_m3", "net_m3", "sigma_m3") if name in volume},
    }


def bodies_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    change: str | None = None,
    core_spacing_m: float = 0.5,
    normal_radius_m: float | tuple[float, ...] | None = None,
    cylinder_radius_m: float | None = None,
    max_depth_m: float | None = None,
    meshes: str | None = None,
    **choices: Any,
) -> dict[str, Any]:
    """List the bodies that moved between two epochs: :func:`sxrisk.change.moving_bodies` from files.

    Parameters
    ----------
    inputs : (Path, Path)
        The earlier epoch and the later one.
    output : Path
        ``.gpkg`` or ``.csv``.
    reading : Reading
        How they are opened.
    change : str, optional
        Folder that :func:`change_folder` made of the two; else M3C2 is computed with the sizes given.
    core_spacing_m, normal_radius_m, cylinder_radius_m, max_depth_m
        As of :func:`sxrisk.m3c2`; needed without `change`.
    meshes : str, optional
        Folder for a closed mesh of each body, ``B1.ply`` and so on.
    **choices
        Keywords of :func:`sxrisk.change.moving_bodies`.

    Returns
    -------
    dict
        Bodies, how many of each class, their volume.
    """
    if output.suffix.lower() not in (".gpkg", ".csv"):
        raise ParameterError(f"{output.name} is no table", where="--out", expected="a name that ends in .gpkg or .csv")
    with reading.open(inputs[0], output) as before, reading.open(inputs[1], output) as opened:
        after: Cloud = opened
        if change is not None:
            compared = ComparisonResult.open(change)
            result = compared.m3c2()
            if compared.file("registration.json").is_file():
                after = moved(opened, Registration.read(compared.file("registration.json")).apply)
        elif normal_radius_m is None or cylinder_radius_m is None or max_depth_m is None:
            raise ParameterError(
                "the sizes of M3C2 are missing",
                where="bodies",
                expected="--change DIR, or --normal-radius, --cylinder-radius and --depth",
            )
        else:
            result = m3c2(
                before,
                after,
                core_spacing_m=core_spacing_m,
                normal_radius_m=normal_radius_m,
                cylinder_radius_m=cylinder_radius_m,
                max_depth_m=max_depth_m,
            )
        found = label_bodies(result, before, after, **choices)
    bodies = found.table
    if meshes is not None:
        found.write_meshes(meshes)
    if output.suffix.lower() == ".gpkg":
        write_frame(bodies, output)
    else:
        with whole_file(output) as partial:
            bodies.drop(columns="geometry").to_csv(partial, index=False, encoding="utf-8-sig")
    named = {f"bodies_{kind}": int(n) for kind, n in bodies["class"].value_counts().items()}
    return {"bodies": len(bodies), **named}
