"""Scans brought onto each other: an epoch onto another, the stations of one epoch together."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside, union_of
from sxrisk.assess.scan_jobs.streaming import moved
from sxrisk.errors import FileFormatError, GeometryError
from sxrisk.scans import Scan, register, register_stations, whole_file, write_scan

__all__ = ["register_file", "register_stations_file"]


def register_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    stable: str | None = None,
    targets: str | None = None,
    targets_only: bool = False,
    coarse: bool = False,
    max_distance_m: float = 1.0,
    map_cell_m: float = 5.0,
) -> dict[str, Any]:
    """Fit a scan onto another one on the ground that did not move, and write it moved.

    Parameters
    ----------
    inputs : (Path, Path)
        The moving and the fixed scan.
    output : Path
        The moved scan; beside it ``_registration.json`` and the map of residuals ``_residuals.gpkg``.
    reading : Reading
        How both are opened.
    stable : str, optional
        File of polygons that did not move.
    targets : str, optional
        CSV of targets, see :func:`sxrisk.register`.
    targets_only : bool
        The targets alone decide.
    coarse : bool
        Search for the start by features at once, not only where the stated position does not fit.
    max_distance_m : float
        Pairs farther apart never count, metres.
    map_cell_m : float
        Cell of the map of residuals, metres.

    Returns
    -------
    dict
        Shift, turn, uncertainty and overlap.

    Raises
    ------
    GeometryError
        If the fit did not converge: a scan in a wrong place is not written.
    """
    with reading.open(inputs[0], output) as moving, reading.open(inputs[1], output) as fixed:
        motion = register(
            moving,
            fixed,
            stable=union_of(stable, fixed.crs),
            targets=None if targets is None else read_table(targets),
            surface=not targets_only,
            coarse=True if coarse else "auto",
            max_distance_m=max_distance_m,
        )
        if not motion.converged:
            raise GeometryError(
                f"the fit onto {inputs[1].name} did not converge (overlap {motion.overlap:.0%}); "
                f"known least: {motion.weakest}",
                where=inputs[0],
                expected="common ground that faces all directions, at most max_distance_m apart",
                remedy="Try --coarse, name the stable ground with --stable, or give --targets",
            )
        write_frame(motion.residual_map(map_cell_m), beside(output, "residuals.gpkg"))
        motion.write(beside(output, "registration.json"))
        write_scan(moved(moving, motion.apply), output)
        return {
            "points": moving.n_points,
            "shift_m": float(np.linalg.norm(motion.translation_m)),
            "turn_mrad": motion.rotation_mrad,
            "sigma_m": motion.sigma_m,
            "overlap": motion.overlap,
            "weakest": motion.weakest,
        }


def register_stations_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    targets: str | None = None,
    coarse: bool = False,
    max_distance_m: float = 4.0,
) -> dict[str, Any]:
    """Bring the stations of one epoch together and write them as one scan; the first one stays.

    Parameters
    ----------
    inputs : sequence of Path
        A file a station.
    output : Path
        All stations; beside it ``_network.json`` with the motion of each, pairs and loops.
    reading : Reading
        How they are opened.
    targets : str, optional
        CSV of targets, see :func:`sxrisk.scans.register_stations`.
    coarse : bool
        Search every pair by its features.
    max_distance_m : float
        How far apart the same surface may be at the start, metres.

    Returns
    -------
    dict
        Worst uncertainty, pairs and loop.
    """
    scans = reading.scans(inputs)
    network = register_stations(
        scans,
        targets=None if targets is None else read_table(targets),
        coarse=True if coarse else "auto",
        max_distance_m=max_distance_m,
    )
    joined = Scan.merge(network.apply(scans))
    document = {
        "stations": [
            {"file": path.name, "matrix": matrix.tolist(), "sigma_m": float(sigma)}
            for path, matrix, sigma in zip(inputs, network.matrices, network.sigma_m, strict=True)
        ],
        "origin": network.origin.tolist(),
        "pairs": network.edges.to_dict("records"),
        "loops": network.loops.to_dict("records"),
    }
    with whole_file(beside(output, "network.json")) as partial:
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False, default=_plain), encoding="utf-8")
    write_scan(joined, output)
    worst = network.loops["shift_m"].max() if len(network.loops) else None
    return {
        "stations": len(scans),
        "points": joined.n_points,
        "pairs": int(network.edges["used"].sum()),
        "sigma_m": float(network.sigma_m.max()),
        **({} if worst is None else {"worst_loop_m": float(worst)}),
    }


def read_table(path: str | Path) -> Any:
    """A CSV as a DataFrame.

    Raises
    ------
    FileFormatError
        If it cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise FileFormatError("the table cannot be read", where=path, remedy=str(error)) from error


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
