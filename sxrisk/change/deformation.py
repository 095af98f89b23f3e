"""M3C2: signed change between two clouds along the normals of the surface."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.change._column_grid import ColumnGrid, build_column_grid, cloud_bounds
from sxrisk.change._kernels import cylinder_statistics, sphere_normals
from sxrisk.change._orientation import orient, station_of_points
from sxrisk.change.detection import LodMethod, level_of_detection
from sxrisk.change.result import M3C2Result
from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.scans import Scan, thin_rows

__all__ = ["m3c2"]

Floats = npt.NDArray[np.float64]

_POINTS_A_COLUMN = 32.0  # enough to fill vectors, few enough to waste little
_MARGIN_M = 1e-6


class _Cloud(NamedTuple):
    xyz: Floats
    low: Floats
    high: Floats
    scan: Scan | None


def m3c2(
    reference: Scan | npt.ArrayLike,
    compared: Scan | npt.ArrayLike,
    *,
    core_points: npt.ArrayLike | None = None,
    core_spacing_m: float = 0.5,
    normal_radius_m: float,
    cylinder_radius_m: float,
    max_depth_m: float,
    registration_sigma_m: float | None = None,
    lod: LodMethod = "t",
    min_points: int = 5,
    normals: npt.ArrayLike | None = None,
    orientation: str | npt.ArrayLike | None = None,
) -> M3C2Result:
    """
    Change between two epochs along the local normals of the reference, with a level of detection.

    At every core point the normal of the reference surface is estimated; the points of both epochs in a cylinder
    along it are averaged; the distance is the mean of the compared epoch minus that of the reference, **positive
    along the normal**: with normals up or towards the scanner, material gained is positive and material lost is
    negative. Motion along the surface is not seen.

    All sizes are **radii and one-sided lengths** (CloudCompare asks for diameters). A point on the surface of sphere or
    cylinder belongs to it.

    Parameters
    ----------
    reference, compared : Scan or array-like of shape (n, 3)
        The two epochs in the same coordinates, in metres.
    core_points : array-like of shape (m, 3), optional
        Where to measure. By default the reference thinned to one real point a voxel.
    core_spacing_m : float
        Side of these voxels.
    normal_radius_m : float
        Radius of the sphere whose reference points define the normal: 20 to 25 times the roughness is the usual advice.
        Three points that are not in a line are enough.
    cylinder_radius_m : float
        Radius of the cylinder in which points are averaged.
    max_depth_m : float
        One-sided half-length of the cylinder: change beyond it is not seen.
    registration_sigma_m : float, optional
        1 sigma of the registration between the epochs. None takes it from the scans: the root of the sum of squares of
        their own ``registration_sigma_m``. If one of them does not state its own (0.0 for the epoch that is the frame
        of the others), the result says ``registration_unknown`` and its level of detection is a lower bound.
    lod : {"t", "lague"}
        See :func:`sxrisk.change.level_of_detection`.
    min_points : int
        Fewer points than this in either cylinder give NaN and a reason; at least 2.
    normals : array-like of shape (m, 3), optional
        Normals at given `core_points`, used as they are (scaled to length 1). NaN rows give no distance.
    orientation : "up", "stations" or array-like, optional
        Which way normals face. None: towards the station that saw the place where the reference knows its stations,
        else up. A vector of shape (3,) is a direction that they follow; points of shape (k, 3) are viewpoints that
        they face, each core point the nearest.

    Returns
    -------
    M3C2Result
        The same on any number of threads.

    Raises
    ------
    ParameterError
        If a size is not positive, `min_points` is below 2, or orientation or normals do not fit.
    CRSError
        If the scans' coordinate systems differ or are not in metres.
    GeometryError
        If a cloud is empty, not finite, or the two have no place in common.

    References
    ----------
    Lague, Brodu, Leroux (2013), "Accurate 3D comparison of complex topography with terrestrial laser scanner",
    ISPRS Journal of Photogrammetry and Remote Sensing 82, 10-26.

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
    for name, value in (
        ("core_spacing_m", core_spacing_m),
        ("normal_radius_m", normal_radius_m),
        ("cylinder_radius_m", cylinder_radius_m),
        ("max_depth_m", max_depth_m),
    ):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{name} is {value!r}", expected="a length above 0 in metres")
    if min_points < 2:
        raise ParameterError(f"min_points is {min_points!r}", expected="at least 2: one point has no spread")
    first, second = _cloud(reference, "the reference"), _cloud(compared, "the compared cloud")
    crs, vertical_crs = _common_crs(first.scan, second.scan)
    sigma, unknown = _registration(first.scan, second.scan, registration_sigma_m)
    core, source = _core_points(first, core_points, core_spacing_m)
    core_low, core_high = cloud_bounds(core, "the core points")

    origin = np.floor(core_low)
    reach = max(normal_radius_m, math.hypot(cylinder_radius_m, max_depth_m)) + _MARGIN_M
    low, high = core_low - reach, core_high + reach
    for cloud, what in ((first, "reference"), (second, "compared cloud")):
        if (cloud.low > high).any() or (cloud.high < low).any():
            raise GeometryError(
                f"the {what} ({_box(cloud.low, cloud.high)}) and the core points ({_box(core_low, core_high)}) "
                "have no place in common",
                expected="clouds of one place in the same coordinates",
                remedy="Check the coordinate systems and the order of easting and northing",
            )
    core_grid = build_column_grid(core, origin, cylinder_radius_m, core_low - origin, core_high - origin)
    reference_grid = _grid(first, origin, low, high, cylinder_radius_m)
    directions = (
        orient(
            _estimate_normals(reference_grid, core_grid, normal_radius_m),
            core,
            *_towards(first, core, source, orientation),
        )
        if normals is None
        else _given_normals(normals, len(core), core_points is None)
    )
    statistics = (core_grid, directions, cylinder_radius_m, max_depth_m)
    n_reference, mean_reference, variance_reference = _cylinders(reference_grid, *statistics)
    del reference_grid
    n_compared, mean_compared, variance_compared = _cylinders(
        _grid(second, origin, low, high, cylinder_radius_m), *statistics
    )

    reason = (n_reference < min_points).astype(np.uint8) + 2 * (n_compared < min_points).astype(np.uint8)
    reason[np.isnan(directions).any(axis=1)] = 4
    distance = np.where(reason == 0, mean_compared - mean_reference, np.nan)
    lod95 = level_of_detection(
        variance_reference, n_reference, variance_compared, n_compared, registration_sigma_m=sigma, method=lod
    )
    lod95[reason != 0] = np.nan
    return M3C2Result(
        core_points=core,
        normals=directions,
        distance=distance,
        lod95=lod95,
        n_reference=n_reference,
        n_compared=n_compared,
        std_reference=np.sqrt(variance_reference),
        std_compared=np.sqrt(variance_compared),
        significant=np.abs(distance) > lod95,
        reason=reason,
        registration_sigma_m=sigma,
        registration_unknown=unknown,
        crs=crs,
        vertical_crs=vertical_crs,
        parameters={
            "core_spacing_m": core_spacing_m,
            "normal_radius_m": normal_radius_m,
            "cylinder_radius_m": cylinder_radius_m,
            "max_depth_m": max_depth_m,
            "lod": lod,
            "min_points": min_points,
        },
    )


def _cloud(points: Scan | npt.ArrayLike, what: str) -> _Cloud:
    scan = points.require_metres() if isinstance(points, Scan) else None
    xyz = scan.xyz if scan is not None else _points(points, what)
    xyz = np.ascontiguousarray(xyz)
    return _Cloud(xyz, *cloud_bounds(xyz, what), scan)


def _points(values: Any, what: str) -> Floats:
    xyz = np.ascontiguousarray(values, dtype=np.float64)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise GeometryError(f"{what} has shape {xyz.shape}", expected="shape (n, 3): easting, northing, height")
    return xyz


def _box(low: Floats, high: Floats) -> str:
    return " x ".join(f"{a:.1f}..{b:.1f}" for a, b in zip(low, high, strict=True))


def _common_crs(first: Scan | None, second: Scan | None) -> tuple[Any, Any]:
    """The coordinate systems of the result; bare arrays are taken to be in those of the other epoch."""
    if first is None or second is None:
        known = first or second
        return (known.crs, known.vertical_crs) if known is not None else (None, None)
    for what, a, b in (
        ("coordinate system", first.crs, second.crs),
        ("height system", first.vertical_crs, second.vertical_crs),
    ):
        if a != b:
            names = [getattr(system, "name", "unknown") for system in (a, b)]
            raise CRSError(
                f"the epochs differ in their {what}: {names[0]} and {names[1]}",
                expected="the same, because millimetres are compared",
                remedy="Transform one scan with Scan.to_crs, or declare the system of the one that does not know it",
            )
    return first.crs, first.vertical_crs


def _registration(first: Scan | None, second: Scan | None, given: float | None) -> tuple[float, bool]:
    if given is not None:
        if not (math.isfinite(given) and given >= 0):
            raise ParameterError(f"registration_sigma_m is {given!r}", expected="a length of 0 or more in metres")
        return float(given), False
    known = [s.registration_sigma_m for s in (first, second) if s is not None and s.registration_sigma_m is not None]
    return math.hypot(*known), len(known) < 2


def _core_points(
    first: _Cloud, given: npt.ArrayLike | None, spacing: float
) -> tuple[Floats, npt.NDArray[np.int64] | None]:
    """Core points and, where they were taken from the reference, their rows in it."""
    if given is not None:
        return _points(given, "core_points"), None
    rows = thin_rows(first.xyz, spacing)
    return first.xyz[rows], rows


def _grid(cloud: _Cloud, origin: Floats, low: Floats, high: Floats, radius: float) -> ColumnGrid:
    low, high = np.maximum(low, cloud.low) - origin, np.minimum(high, cloud.high) - origin
    area = float(np.prod((cloud.high - cloud.low)[:2]))
    cell = math.sqrt(_POINTS_A_COLUMN * area / len(cloud.xyz))
    return build_column_grid(cloud.xyz, origin, min(max(cell, 0.25 * radius), 2.0 * radius), low, high)


def _estimate_normals(grid: ColumnGrid, core: ColumnGrid, radius: float) -> Floats:
    normals = np.empty((len(core.source), 3))
    sphere_normals(grid, core, radius, normals)
    return normals


def _given_normals(normals: npt.ArrayLike, n_core: int, core_points_missing: bool) -> Floats:
    given = np.array(normals, dtype=np.float64)
    if core_points_missing or given.shape != (n_core, 3):
        raise ParameterError(
            f"normals of shape {given.shape} for {n_core} core points",
            expected="one normal for each of the core_points that are given with them",
        )
    length = np.linalg.norm(given, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(length > 0, given / length, np.nan)


def _towards(
    first: _Cloud, core: Floats, source: npt.NDArray[np.int64] | None, orientation: str | npt.ArrayLike | None
) -> tuple[Floats, bool]:
    """What normals face: one direction (3,) or a viewpoint for each core point (m, 3), and whether it is viewpoints."""
    stations = first.scan.stations if first.scan is not None else None
    if orientation is None:
        orientation = "up" if stations is None else "stations"
    if isinstance(orientation, str):
        if orientation == "up":
            return np.array([0.0, 0.0, 1.0]), False
        if orientation != "stations":
            raise ParameterError(
                f"orientation is {orientation!r}", expected="'up', 'stations', a direction or viewpoints"
            )
        if stations is None or first.scan is None:
            raise ParameterError(
                "orientation is 'stations', but the reference does not know its stations",
                remedy="Give stations= to the scan, or viewpoints of shape (k, 3) as orientation",
            )
        return station_of_points(stations, first.scan.station_index, first.xyz, core, source), True
    towards = np.asarray(orientation, dtype=np.float64)
    if not np.isfinite(towards).all():
        raise ParameterError("orientation is not finite", expected="a direction (3,) or viewpoints (k, 3)")
    if towards.shape == (3,) and towards.any():
        return towards, False
    if towards.ndim == 2 and towards.shape[1] == 3 and len(towards):
        return station_of_points(towards, None, first.xyz, core, source), True
    raise ParameterError(
        f"orientation has shape {towards.shape}", expected="a direction of shape (3,), not zero, or viewpoints (k, 3)"
    )


def _cylinders(
    grid: ColumnGrid, core: ColumnGrid, normals: Floats, radius: float, half_length: float
) -> tuple[npt.NDArray[np.int32], Floats, Floats]:
    m = len(core.source)
    count, mean, variance = np.empty(m, np.int32), np.empty(m), np.empty(m)
    cylinder_statistics(grid, core, normals, radius, half_length, count, mean, variance)
    return count, mean, variance
