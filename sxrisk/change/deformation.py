"""M3C2: signed change between two clouds along the normals of the surface."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sxrisk.change._plan import plan_m3c2, points_array
from sxrisk.change.detection import LodMethod, Statistic, false_discoveries
from sxrisk.change.result import M3C2Result
from sxrisk.change.scanner import RegistrationError, ScannerErrors
from sxrisk.change.tiles import M3C2Plan, M3C2Task, Points, m3c2_tile
from sxrisk.errors import ParameterError
from sxrisk.parallel import ordered_map
from sxrisk.scans import Scan, thin_rows
from sxrisk.scans.cloud import Cloud

__all__ = ["m3c2"]

Floats = npt.NDArray[np.float64]

_BLOCK_POINTS = 1_000_000  # of the larger cloud, about, in a block of given core points


def m3c2(
    reference: Cloud | npt.ArrayLike,
    compared: Cloud | npt.ArrayLike,
    *,
    core_points: npt.ArrayLike | None = None,
    core_spacing_m: float = 0.5,
    normal_radius_m: float | Sequence[float],
    cylinder_radius_m: float,
    max_depth_m: float,
    registration_sigma_m: float | None = None,
    registration: RegistrationError | None = None,
    lod: LodMethod | Literal["ep"] = "t",
    method: Statistic = "mean",
    scanner: ScannerErrors | tuple[ScannerErrors, ScannerErrors] | None = None,
    min_points: int = 5,
    normals: npt.ArrayLike | None = None,
    orientation: str | npt.ArrayLike | None = None,
    fdr: float | None = None,
    fdr_dependence: Literal["positive", "any"] = "positive",
    executor: Executor | None = None,
) -> M3C2Result:
    """
    Change between two epochs along the local normals of the reference, with a level of detection.

    At every core point the normal of the reference surface is estimated; the points of both epochs in a cylinder
    along it are averaged; the distance is the mean of the compared epoch minus that of the reference, **positive
    along the normal**: with normals up or towards the scanner, material gained is positive and material lost is
    negative. Motion along the surface is not seen.

    All sizes are **radii and one-sided lengths** (CloudCompare asks for diameters). A point on the surface of sphere or
    cylinder belongs to it.

    Clouds in memory are compared in one piece, a :class:`sxrisk.TiledScan` tile by tile, so that memory is bounded by
    the tile and the core points; the result is the same to the last bit.

    Parameters
    ----------
    reference, compared : Scan, TiledScan or array-like of shape (n, 3)
        The two epochs in the same coordinates, in metres.
    core_points : array-like of shape (m, 3), optional
        Where to measure. By default the reference thinned to one real point a voxel.
    core_spacing_m : float
        Side of these voxels.
    normal_radius_m : float or sequence of float
        Radius of the sphere whose reference points define the normal: 20 to 25 times the roughness is the usual advice.
        Three points that are not in a line are enough. Of several radii each core point takes the one at which its
        neighbours, at least 10, are most planar: (middle - smallest) / largest eigenvalue of their covariance.
    cylinder_radius_m : float
        Radius of the cylinder in which points are averaged.
    max_depth_m : float
        One-sided half-length of the cylinder: change beyond it is not seen.
    registration_sigma_m : float, optional
        1 sigma of the registration between the epochs. None takes it from the scans: the root of the sum of squares of
        their own ``registration_sigma_m``. If one of them does not state its own (0.0 for the epoch that is the frame
        of the others), the result says ``registration_unknown`` and its level of detection is a lower bound.
    registration : Registration, optional
        Instead of one number: its covariance along the normal of each core point, or its ``sigma_at``.
    lod : {"t", "lague", "ep"}
        "t" and "lague": see :func:`sxrisk.change.level_of_detection`. "ep": M3C2-EP, 1.96 times what the errors of the
        `scanner` make of the means by propagation, with the registration's variance. It knows the scanner and not the
        surface: where other points of a rough surface are seen in the other epoch, their scatter is not in it.
    method : {"mean", "median"}
        What is compared: mean and standard deviation, or median and interquartile range, which stray points (dust,
        plants) do not move.
    scanner : ScannerErrors or a pair of them, optional
        For ``lod="ep"``: of both, or of reference and compared. The scans must know their stations.
    min_points : int
        Fewer points than this in either cylinder give NaN and a reason; at least 2.
    normals : array-like of shape (m, 3), optional
        Normals at given `core_points`, used as they are (scaled to length 1). NaN rows give no distance.
    orientation : "up", "stations" or array-like, optional
        Which way normals face. None: towards the station that saw the place where the reference knows its stations,
        else up. A vector of shape (3,) is a direction that they follow; points of shape (k, 3) are viewpoints that
        they face, each core point the nearest.
    fdr : float, optional
        Also say which places changed if at most this share of them may be false (0.05): the result has
        ``p_value`` (by Student's t also under "lague", by the propagated errors under "ep") and ``significant_fdr``.
    fdr_dependence : {"positive", "any"}
        See :func:`sxrisk.change.false_discoveries`.
    executor : concurrent.futures.Executor, optional
        Where tiles are worked on, see :func:`sxrisk.parallel.open_executor`; without tiled clouds there is one tile.

    Returns
    -------
    M3C2Result
        The same on any number of threads and for any tiling.

    Raises
    ------
    ParameterError
        If a size is not positive, `min_points` is below 2, or options do not fit each other.
    CRSError
        If the scans' coordinate systems differ or are not in metres.
    GeometryError
        If a cloud is empty, not finite, or the two have no place in common.

    References
    ----------
    Lague, Brodu, Leroux (2013), "Accurate 3D comparison of complex topography with terrestrial laser scanner",
    ISPRS Journal of Photogrammetry and Remote Sensing 82, 10-26. Brodu, Lague (2012), ISPRS Journal 68, 121-134, on
    scales. Winiwarter, Anders, Hoefle (2021), "M3C2-EP", ISPRS Journal 178, 240-258.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.meshgrid(np.arange(0.0, 10.0, 0.2), np.arange(0.0, 10.0, 0.2))
    >>> before = np.column_stack([x.ravel(), y.ravel(), 0.001 * np.sin(37.0 * x.ravel() * y.ravel())])
    >>> after = before + [0.0, 0.0, 0.05]
    >>> change = m3c2(before, after, normal_radius_m=1.0, cylinder_radius_m=0.5, max_depth_m=2.0,
    ...               registration_sigma_m=0.005)
    >>> round(float(np.median(change.distance)), 3), bool(change.significant.all())
    (0.05, True)
    """
    first, second = (
        _points(cloud, what) for cloud, what in ((reference, "the reference"), (compared, "the compared cloud"))
    )
    core = None if core_points is None else points_array(core_points, "core_points")
    plan = plan_m3c2(
        first,
        second,
        core_points=core,
        core_spacing_m=core_spacing_m,
        normal_radius_m=normal_radius_m,
        cylinder_radius_m=cylinder_radius_m,
        max_depth_m=max_depth_m,
        registration_sigma_m=registration_sigma_m,
        registration=registration,
        lod=lod,
        method=method,
        scanner=scanner,
        min_points=min_points,
        orientation=orientation,
        fdr=fdr,
    )
    given = None if normals is None else _given_normals(normals, core)
    rows: list[npt.NDArray[np.int64]] = []
    parts = list(ordered_map(m3c2_tile, _tasks(plan, first, second, core, given, rows), executor=executor))
    result = parts[0] if len(parts) == 1 else M3C2Result.join(parts, _order(parts, rows, core_spacing_m))
    if fdr is None or result.p_value is None:
        return result
    return replace(result, significant_fdr=false_discoveries(result.p_value, fdr, dependence=fdr_dependence))


def _points(cloud: Any, what: str) -> Points:
    if hasattr(cloud, "require_metres"):
        metric: Cloud = cloud.require_metres()
        return metric
    return points_array(cloud, what)


def _given_normals(normals: npt.ArrayLike, core: Floats | None) -> Floats:
    given = np.array(normals, dtype=np.float64)
    if core is None or given.shape != core.shape:
        raise ParameterError(
            f"normals of shape {given.shape} for {'no' if core is None else len(core)} core points",
            expected="one normal for each of the core_points that are given with them",
        )
    length = np.sqrt((given[:, :1] ** 2 + given[:, 1:2] ** 2) + given[:, 2:] ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(length > 0, given / length, np.nan)


def _tasks(
    plan: M3C2Plan,
    reference: Points,
    compared: Points,
    core: Floats | None,
    normals: Floats | None,
    rows: list[npt.NDArray[np.int64]],
) -> Iterator[M3C2Task]:
    """The pieces of work; where core points are split into blocks, `rows` receives those of each."""
    tiled = [not isinstance(cloud, (np.ndarray, Scan)) for cloud in (reference, compared)]
    if not any(tiled):
        yield M3C2Task(plan, reference, compared, None, core, normals)
    elif core is None and not isinstance(reference, np.ndarray) and tiled[0]:
        for tile in reference.tiles(plan.halo_m, attributes=_station_names(reference)):
            yield M3C2Task(plan, tile.scan, compared, tile.core)
    else:
        if core is None:
            xyz = reference if isinstance(reference, np.ndarray) else reference.read().xyz
            core = xyz[thin_rows(xyz, plan.core_spacing_m)]
        larger = max(len(cloud) if isinstance(cloud, np.ndarray) else cloud.n_points for cloud in (reference, compared))
        for block in core_blocks(core, larger):
            rows.append(block)
            yield M3C2Task(plan, reference, compared, None, core[block], None if normals is None else normals[block])


def _station_names(cloud: Cloud) -> list[str]:
    return [name for name in cloud.attribute_names if name == "station_index"]


def core_blocks(core: Floats, n_points: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of the core points in compact blocks, each with about a million points of a cloud of `n_points`."""
    size = max(1, math.ceil(len(core) * min(1.0, _BLOCK_POINTS / n_points)))
    return _blocks(core, np.arange(len(core)), size)


def _blocks(points: Floats, rows: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of the points in compact blocks of at most `size`, halved across their longer side."""
    if len(rows) <= size:
        yield rows
        return
    place = points[rows, :2]
    axis = int(np.argmax(place.max(axis=0) - place.min(axis=0)))
    order = np.argsort(place[:, axis], kind="stable")
    middle = len(rows) // 2
    for half in (order[:middle], order[middle:]):
        yield from _blocks(points, rows[np.sort(half)], size)


def _order(parts: Sequence[M3C2Result], rows: Sequence[npt.NDArray[np.int64]], spacing: float) -> npt.NDArray[np.int64]:
    """Where the core points of one piece stand in the joined parts: in the order given, or by voxel."""
    if rows:
        return np.argsort(np.concatenate(rows), kind="stable")
    voxel = np.floor(np.concatenate([part.core_points for part in parts]) / spacing)
    return np.lexsort((voxel[:, 2], voxel[:, 1], voxel[:, 0]))
