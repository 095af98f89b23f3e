"""Change between epochs and the bodies that moved, from files to folders and tables."""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, union_of
from sxrisk.assess.scan_jobs.streaming import moved
from sxrisk.change import ComparisonResult, M3C2Result, compare_scans, m3c2, moving_bodies
from sxrisk.errors import ParameterError
from sxrisk.scans import Cloud, Registration, Scan, whole_file

__all__ = ["bodies_file", "change_folder", "result_of"]


def change_folder(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    register: bool = False,
    registration: str | None = None,
    stable: str | None = None,
    outline: str | None = None,
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
            result = result_of(compared)
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
        bodies = moving_bodies(result, before, after, **choices)
    if output.suffix.lower() == ".gpkg":
        write_frame(bodies, output)
    else:
        with whole_file(output) as partial:
            bodies.drop(columns="geometry").to_csv(partial, index=False, encoding="utf-8-sig")
    named = {f"bodies_{kind}": int(n) for kind, n in bodies["class"].value_counts().items()}
    return {"bodies": len(bodies), **named}


def result_of(compared: ComparisonResult) -> M3C2Result:
    """The change at the core points of a comparison's folder, as :func:`sxrisk.m3c2` returns it.

    Parameters
    ----------
    compared : ComparisonResult
        Of a finished folder.
    """
    points: Scan = compared.change()
    values = points.attributes
    known = compared.summary["registration"]
    return M3C2Result(
        core_points=np.asarray(points.xyz),
        normals=np.column_stack([values[f"normal_{axis}"] for axis in "xyz"]).astype(np.float64),
        distance=values["distance_m"].astype(np.float64),
        lod95=values["lod95_m"].astype(np.float64),
        n_reference=values["n_reference"].astype(np.int32),
        n_compared=values["n_compared"].astype(np.int32),
        std_reference=values["std_reference_m"].astype(np.float64),
        std_compared=values["std_compared_m"].astype(np.float64),
        significant=values["significant"].astype(bool),
        reason=values["reason"].astype(np.uint8),
        registration_sigma_m=float(known["sigma_m"]),
        registration_unknown=bool(known["unknown"]),
        crs=points.crs,
        vertical_crs=points.vertical_crs,
        parameters=dict(compared.summary["parameters"]),
    )
