"""One tile of M3C2: everything that is decided once for the whole clouds, and the work on a part of them.

Whatever the parts are, the results are the same to the last bit: the lattice of the columns, its cell and the local
origin come from the whole clouds, a tile sees every column that a sphere or cylinder of its core points can touch, and
points keep the order of the file.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.change._column_grid import ColumnGrid, affordable_cell, build_column_grid, cloud_bounds
from sxrisk.change._cylinder_kernels import cylinder_medians, cylinder_statistics, propagated_statistics
from sxrisk.change._kernels import most_planar_normals, nearest_rows, sphere_normals
from sxrisk.change._orientation import orient, station_of_points
from sxrisk.change.detection import (
    IQR_TO_SIGMA,
    LodMethod,
    Noise,
    Statistic,
    difference_noise,
    level_of_detection,
    lod_of_noise,
    p_values,
)
from sxrisk.change.result import M3C2Result, root_mean_square
from sxrisk.change.scanner import RegistrationError, ScannerErrors, sigma_along
from sxrisk.errors import ParameterError
from sxrisk.scans import Scan, thin_rows
from sxrisk.scans.cloud import Box, Cloud, in_half_open

__all__ = ["M3C2Plan", "M3C2Task", "Orientation", "m3c2_tile"]

Floats = NDArray[np.float64]
Orientation = Literal["up", "stations"] | Floats
Points = Cloud | Floats

_MARGIN_M = 1e-6
_POINTS_A_COLUMN = 32.0  # enough to fill vectors, few enough to waste little
#: A neighbourhood of fewer points does not compete in a choice of scales.
_SCALE_POINTS = 10


@dataclass(frozen=True)
class M3C2Plan:
    """What holds for every tile of a comparison; made by :func:`sxrisk.change.plan_m3c2`.

    Parameters
    ----------
    origin : (3,) float64
        Local origin that is subtracted from all coordinates, and where the lattices of the columns start.
    reference_cell, compared_cell : float
        Side of the columns, metres.
    reference_box, compared_box : pair of (3,) float64
        Lowest and highest coordinates of the whole clouds.
    normal_radii : tuple of float
        Radius or radii of the neighbourhood of the normals, metres.
    core_spacing_m, cylinder_radius_m, max_depth_m, min_points, lod, method, orientation
        See :func:`sxrisk.m3c2`.
    registration_sigma_m, registration_unknown, registration
        What is known of the registration.
    scanners : pair of ScannerErrors, optional
        Of reference and compared, for ``lod="ep"``.
    with_p_values : bool
        Whether probabilities are asked for.
    crs, vertical_crs, parameters
        For the result.
    """

    origin: Floats
    reference_cell: float
    compared_cell: float
    reference_box: tuple[Floats, Floats]
    compared_box: tuple[Floats, Floats]
    normal_radii: tuple[float, ...]
    core_spacing_m: float
    cylinder_radius_m: float
    max_depth_m: float
    min_points: int
    lod: LodMethod | Literal["ep"]
    method: Statistic
    orientation: Orientation
    registration_sigma_m: float
    registration_unknown: bool
    registration: RegistrationError | None
    scanners: tuple[ScannerErrors, ScannerErrors] | None
    with_p_values: bool
    crs: Any
    vertical_crs: Any
    parameters: dict[str, Any]

    @property
    def reach_m(self) -> float:
        """How far from a core point a point can matter, metres."""
        return max(*self.normal_radii, math.hypot(self.cylinder_radius_m, self.max_depth_m)) + _MARGIN_M

    @property
    def halo_m(self) -> float:
        """How much a tile must see around its core: the reach, and whole columns and voxels."""
        return max(self.reach_m + max(self.reference_cell, self.compared_cell), self.core_spacing_m) + _MARGIN_M


class M3C2Task(NamedTuple):
    """One call of :func:`m3c2_tile`; can be sent to another process where its clouds can.

    Parameters
    ----------
    plan : M3C2Plan
    reference, compared : Cloud or (n, 3) float64
        A :class:`~sxrisk.Scan` or an array is taken as it is and must hold everything within ``plan.halo_m`` of the
        core points (more does not matter); of any other cloud that box is read.
    core : Box, optional
        Which of the reference's thinned points are this tile's core points; None: all.
    core_points, normals : (m, 3) float64, optional
        Core points, and normals at them, where they are given and not taken from the reference.
    """

    plan: M3C2Plan
    reference: Points
    compared: Points
    core: Box | None = None
    core_points: Floats | None = None
    normals: Floats | None = None


class _Piece(NamedTuple):
    xyz: Floats
    stations: Floats | None
    seen_by: NDArray[np.int32] | None


def m3c2_tile(task: M3C2Task) -> M3C2Result:
    """Change at the core points of one tile, the same as in one piece.

    Parameters
    ----------
    task : M3C2Task

    Returns
    -------
    M3C2Result
        Given core points in their order, others by voxel; join tiles with :meth:`M3C2Result.join`.
    """
    plan = task.plan
    reference = _piece(task.reference, _corners(task), plan, _needs_stations(plan))
    core, rows = _core_points(reference, task)
    if not len(core):
        return _empty(plan)
    compared = _piece(task.compared, _corners(task), plan, plan.scanners is not None)
    core_grid, low, high = _core_grid(plan, core)
    grid = _grid(reference, plan, plan.reference_cell, plan.reference_box, low, high)
    if task.normals is None:
        directions, scale = _estimated_normals(grid, core_grid, plan.normal_radii)
        towards, viewpoints = _towards(reference, plan, grid, core_grid, core, rows)
        directions = orient(directions, core, towards, viewpoints)
    else:
        directions, scale = task.normals, None
    first = _statistics(grid, reference, core_grid, directions, plan, 0)
    del grid
    second = _statistics(
        _grid(compared, plan, plan.compared_cell, plan.compared_box, low, high),
        compared,
        core_grid,
        directions,
        plan,
        1,
    )
    return _assemble(plan, core, directions, scale, first, second)


class Statistics(NamedTuple):
    """Number, mean (or median), variance and propagated variance of the points of one epoch, each (m,)."""

    n: NDArray[np.int32]
    middle: Floats
    variance: Floats
    propagated: Floats | None


def _assemble(
    plan: M3C2Plan, core: Floats, normals: Floats, scale: Floats | None, first: Statistics, second: Statistics
) -> M3C2Result:
    reason = (first.n < plan.min_points).astype(np.uint8) + 2 * (second.n < plan.min_points).astype(np.uint8)
    reason[np.isnan(normals).any(axis=1)] = 4
    distance = np.where(reason == 0, second.middle - first.middle, np.nan)
    at = None if plan.registration is None else sigma_along(plan.registration, core, normals)
    sigma: float | Floats = plan.registration_sigma_m if at is None else at
    statistics = (first.variance, first.n, second.variance, second.n)
    if first.propagated is not None and second.propagated is not None:
        # As published: the registration's variance stands beside the scanner's.
        known = Noise(np.sqrt(first.propagated + second.propagated + sigma**2), np.full(len(core), np.inf))
        lod95 = lod_of_noise(known, 0.0)
        p = p_values(distance, known) if plan.with_p_values else None
    else:
        lod95 = level_of_detection(
            *statistics,
            registration_sigma_m=sigma,
            method="lague" if plan.lod == "lague" else "t",
            statistic=plan.method,
        )
        p = (
            p_values(distance, difference_noise(*statistics, statistic=plan.method), registration_sigma_m=sigma)
            if plan.with_p_values
            else None
        )
    lod95[reason != 0] = np.nan
    return M3C2Result(
        core_points=core,
        normals=normals,
        distance=distance,
        lod95=lod95,
        n_reference=first.n,
        n_compared=second.n,
        std_reference=np.sqrt(first.variance),
        std_compared=np.sqrt(second.variance),
        significant=np.abs(distance) > lod95,
        reason=reason,
        registration_sigma_m=plan.registration_sigma_m if at is None else root_mean_square(at),
        registration_unknown=plan.registration_unknown,
        crs=plan.crs,
        vertical_crs=plan.vertical_crs,
        parameters=plan.parameters,
        normal_radius_m=scale,
        registration_sigma_at_m=at,
        p_value=p,
    )


def _empty(plan: M3C2Plan) -> M3C2Result:
    nothing = np.empty((0, 3))
    none = Statistics(np.empty(0, np.int32), np.empty(0), np.empty(0), None if plan.scanners is None else np.empty(0))
    return _assemble(plan, nothing, nothing, np.empty(0) if len(plan.normal_radii) > 1 else None, none, none)


def epoch_statistics(plan: M3C2Plan, cloud: Points, core: Floats, normals: Floats) -> Statistics:
    """What stands in the cylinders of core points in one epoch: that which `plan` calls the compared one."""
    core_grid, low, high = _core_grid(plan, core)
    piece = _piece(cloud, core, plan, plan.scanners is not None)
    return _statistics(
        _grid(piece, plan, plan.compared_cell, plan.compared_box, low, high), piece, core_grid, normals, plan, 1
    )


def _core_grid(plan: M3C2Plan, core: Floats) -> tuple[ColumnGrid, Floats, Floats]:
    low, high = (corner - plan.origin for corner in cloud_bounds(core, "the core points"))
    cell = affordable_cell(plan.cylinder_radius_m, low, high, len(core))
    return build_column_grid(core, plan.origin, cell, low, high), low, high


def _corners(task: M3C2Task) -> Floats | None:
    """Points (k, 2) or (k, 3) around which the tile must see; None where that is everywhere."""
    if task.core_points is not None:
        return task.core_points if len(task.core_points) else None
    return None if task.core is None else np.array(task.core).reshape(2, 2)


def _around(points: Floats, halo: float) -> Box:
    low, high = points[:, :2].min(axis=0) - halo, points[:, :2].max(axis=0) + halo
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _needs_stations(plan: M3C2Plan) -> bool:
    return plan.scanners is not None or (isinstance(plan.orientation, str) and plan.orientation == "stations")


def _piece(cloud: Points, corners: Floats | None, plan: M3C2Plan, stations: bool) -> _Piece:
    """The points of a cloud around some corners: what is in memory as it is, of anything else the box."""
    if isinstance(cloud, np.ndarray):
        xyz, own, seen_by = cloud, None, None
    else:
        if isinstance(cloud, Scan):
            scan = cloud
        else:
            names = [name for name in cloud.attribute_names if stations and name == "station_index"]
            scan = cloud.read(None if corners is None else _around(corners, plan.halo_m), attributes=names)
        xyz, own = np.ascontiguousarray(scan.xyz), scan.stations if stations else None
        seen_by = scan.station_index if own is not None else None
    return _Piece(xyz, own, seen_by)


def _core_points(reference: _Piece, task: M3C2Task) -> tuple[Floats, NDArray[np.int64] | None]:
    """Core points and, where they were taken from the reference, their rows in it."""
    if task.core_points is not None:
        return task.core_points, None
    rows = thin_rows(reference.xyz, task.plan.core_spacing_m)
    if task.core is not None:
        rows = rows[in_half_open(reference.xyz[rows], task.core)]
    return reference.xyz[rows], rows


def column_cell(n: int, low: Floats, high: Floats, radius: float, core_low: Floats, core_high: Floats) -> float:
    """Side of the columns for a cloud of `n` points between two corners, searched from core points between two others.

    The steps are powers of the root of two, so that a corner that is off by a rounding gives the same lattice.
    """
    area = float(np.prod((high - low)[:2]))
    step = math.log2(max(math.sqrt(_POINTS_A_COLUMN * area / n), 1e-9) / radius)
    cell = radius * 2.0 ** (min(max(round(8.0 * step), -16), 8) / 8.0)
    return affordable_cell(cell, np.maximum(low, core_low), np.minimum(high, core_high), n)


def _grid(
    piece: _Piece, plan: M3C2Plan, cell: float, box: tuple[Floats, Floats], low: Floats, high: Floats
) -> ColumnGrid:
    """The columns of a cloud that core points between two corners can reach, inside the box of the whole cloud."""
    return build_column_grid(
        piece.xyz,
        plan.origin,
        cell,
        np.maximum(low - plan.reach_m, box[0] - plan.origin),
        np.minimum(high + plan.reach_m, box[1] - plan.origin),
    )


def _estimated_normals(grid: ColumnGrid, core: ColumnGrid, radii: tuple[float, ...]) -> tuple[Floats, Floats | None]:
    normals = np.empty((len(core.source), 3))
    if len(radii) == 1:
        sphere_normals(grid, core, radii[0], normals)
        return normals, None
    chosen = np.empty(len(normals))
    most_planar_normals(grid, core, np.array(radii), _SCALE_POINTS, normals, chosen)
    return normals, chosen


def _towards(
    reference: _Piece,
    plan: M3C2Plan,
    grid: ColumnGrid,
    core_grid: ColumnGrid,
    core: Floats,
    rows: NDArray[np.int64] | None,
) -> tuple[Floats, bool]:
    """What normals face: one direction (3,) or a viewpoint for each core point (m, 3), and whether it is viewpoints."""
    if isinstance(plan.orientation, str):
        if plan.orientation == "up" or reference.stations is None or reference.seen_by is None:
            return np.array([0.0, 0.0, 1.0]), False
        seen_by: NDArray[np.int32] | None = None
        if rows is not None:
            seen_by = reference.seen_by[rows]
        elif len(reference.stations) > 1 and len(reference.xyz):
            # Without a point this near there is no normal to turn.
            near = np.empty(len(core), np.int64)
            nearest_rows(grid, core_grid, max(plan.normal_radii), near)
            seen_by = np.where(near < 0, -1, reference.seen_by[near])
        return station_of_points(reference.stations, seen_by, core), True
    if plan.orientation.ndim == 1:
        return plan.orientation, False
    return station_of_points(plan.orientation, None, core), True


def _statistics(
    grid: ColumnGrid, piece: _Piece, core: ColumnGrid, normals: Floats, plan: M3C2Plan, epoch: int
) -> Statistics:
    m = len(core.source)
    n, middle, variance = np.empty(m, np.int32), np.empty(m), np.empty(m)
    cylinder = (grid, core, normals, plan.cylinder_radius_m, plan.max_depth_m)
    if plan.scanners is not None:
        propagated = np.empty(m)
        stations, seen_by = _known_stations(piece)
        errors = plan.scanners[epoch].values(None)
        propagated_statistics(*cylinder, stations - plan.origin, seen_by, errors, n, middle, variance, propagated)
        return Statistics(n, middle, variance, propagated)
    if plan.method == "median":
        cylinder_medians(*cylinder, n, middle, variance)
        variance = (variance * IQR_TO_SIGMA) ** 2
    else:
        cylinder_statistics(*cylinder, n, middle, variance)
    return Statistics(n, middle, variance, None)


def _known_stations(piece: _Piece) -> tuple[Floats, NDArray[np.int32]]:
    if piece.stations is None or piece.seen_by is None or (piece.seen_by < 0).any():
        raise ParameterError(
            "error propagation needs the scanner of every point",
            expected="scans with stations, and station_index where there are several",
            remedy="Give stations= to the scan, or take lod='t'",
        )
    return piece.stations, piece.seen_by
