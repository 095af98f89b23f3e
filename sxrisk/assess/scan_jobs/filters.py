"""Points that do not belong to the surface, and points that are ground."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside
from sxrisk.assess.scan_jobs.streaming import chosen
from sxrisk.scans import (
    Cleaned,
    classify_vegetation,
    clean,
    clean_dust,
    clean_rays,
    double_walls,
    find_objects,
    ground,
    whole_file,
    write_scan,
)

__all__ = ["clean_file", "ground_file"]

UNCLASSIFIED, GROUND = 1, 2


def clean_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    method: Literal["local", "statistical", "radius", "none"] = "local",
    neighbours: int = 8,
    factor: float | None = None,
    radius_m: float | None = None,
    min_cluster: int = 50,
    dust: bool = False,
    rays: bool = False,
    walls: bool = False,
    removed: bool = False,
) -> dict[str, Any]:
    """Take out what is no surface, from file to file.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch.
    output : Path
        File to write.
    reading : Reading
        How the inputs are opened.
    method, neighbours, factor, radius_m, min_cluster
        As of :func:`sxrisk.scans.clean`; "none" leaves that step out.
    dust, rays : bool
        Also :func:`sxrisk.scans.clean_dust`, :func:`sxrisk.scans.clean_rays`.
    walls : bool
        Also look for double walls among what is left, write them beside the output and tell of them.
    removed : bool
        Also write what was taken out, with its ``reason``, beside the output.

    Returns
    -------
    dict
        ``points``, ``kept``, and how many were taken out for each reason.
    """
    with reading.open(inputs, output) as cloud:
        reason = np.zeros(cloud.n_points, np.uint8)
        if method != "none":
            first = clean(
                cloud, method=method, neighbours=neighbours, factor=factor, radius_m=radius_m, min_cluster=min_cluster
            )
            reason = first.reason
        for wanted, step in ((dust, clean_dust), (rays, clean_rays)):
            if wanted:
                reason = np.where(reason == 0, step(cloud).reason, reason).astype(np.uint8)
        cleaned = Cleaned(cloud, reason)
        kept = chosen(cloud, cleaned.keep)
        counts = cleaned.counts.drop("kept", errors="ignore").to_dict()
        figures: dict[str, Any] = {"points": cloud.n_points, "kept": kept.n_points, **counts}
        if walls:
            found = double_walls(kept)
            figures |= {"double_wall_share": found.share, "double_wall_places": len(found.places)}
            write_frame(found.places, beside(output, "double_walls.gpkg"))
        if removed and not cleaned.keep.all():
            write_scan(chosen(cloud, ~cleaned.keep, reason=reason), beside(output, "removed"))
        write_scan(kept, output)
    return figures


def ground_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    method: Literal["opening", "multiscale"] = "opening",
    cell_m: float | None = None,
    object_m: float = 12.0,
    height_m: float = 0.15,
    only_ground: bool = False,
    vegetation: bool = False,
    objects: bool = False,
) -> dict[str, Any]:
    """Classify ground, plants and things by LAS classes, from file to file.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch.
    output : Path
        File to write, with ``classification``.
    reading : Reading
        How the inputs are opened.
    method, cell_m, object_m, height_m
        As of :func:`sxrisk.scans.ground`.
    only_ground : bool
        Write the ground alone.
    vegetation : bool
        Classes 3 to 5 by height above the ground.
    objects : bool
        Machines, vehicles, people and berms: listed beside the output.

    Returns
    -------
    dict
        ``points``, ``ground``, and how many of the rest.
    """
    with reading.open(inputs, output) as cloud:
        bare = ground(cloud, method=method, cell_m=cell_m, object_m=object_m, height_m=height_m)
        classes = np.where(bare, GROUND, UNCLASSIFIED).astype(np.uint8)
        figures: dict[str, Any] = {"points": cloud.n_points, "ground": int(bare.sum())}
        if vegetation:
            classes = classify_vegetation(cloud, bare)
            figures["vegetation"] = int(((classes >= 3) & (classes <= 5)).sum())
        if objects:
            found = find_objects(cloud, bare)
            classes = np.where(found.label >= 0, found.classes, classes).astype(np.uint8)
            figures |= {f"objects_{kind}": int(n) for kind, n in found.table["kind"].value_counts().items()}
            figures["objects"] = len(found.table)
            if len(found.table):
                write_frame(found.table, beside(output, "objects.gpkg"))
        keep = bare if only_ground else np.ones(len(bare), dtype=bool)
        write_scan(chosen(cloud, keep, classification=classes), output)
    return figures


def write_frame(frame: Any, path: Path) -> Path:
    """Write a GeoDataFrame as a GeoPackage, whole or not at all."""
    with whole_file(path) as partial:
        frame.to_file(partial, driver="GPKG", layer=path.stem)
    return path
