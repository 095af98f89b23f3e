"""From the options of M3C2 to the plan that holds for all tiles: checks, common frame, sizes of the columns."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sxrisk.change._column_grid import cloud_bounds
from sxrisk.change.detection import LodMethod, Statistic, check_choices
from sxrisk.change.scanner import RegistrationError, ScannerErrors
from sxrisk.change.tiles import M3C2Plan, Orientation, Points, column_cell
from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.scans import Scan

__all__ = ["plan_m3c2", "points_array"]

Floats = npt.NDArray[np.float64]


def plan_m3c2(
    reference: Points,
    compared: Points,
    *,
    core_points: Floats | None = None,
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
    orientation: str | npt.ArrayLike | None = None,
    fdr: float | None = None,
) -> M3C2Plan:
    """What :func:`sxrisk.change.m3c2_tile` needs to know of the whole: see :func:`sxrisk.m3c2` for the options.

    Parameters
    ----------
    reference, compared : Cloud or (n, 3) float64
        In metres.
    core_points : (m, 3) float64, optional
        Where to measure, if not at the thinned reference.

    Raises
    ------
    ParameterError, CRSError, GeometryError
        As :func:`sxrisk.m3c2`.
    """
    radii = tuple(float(r) for r in np.atleast_1d(np.asarray(normal_radius_m, dtype=np.float64)))
    for name, value in (
        ("core_spacing_m", core_spacing_m),
        *(("normal_radius_m", radius) for radius in radii or (math.nan,)),
        ("cylinder_radius_m", cylinder_radius_m),
        ("max_depth_m", max_depth_m),
    ):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{name} is {value!r}", expected="a length above 0 in metres")
    if min_points < 2:
        raise ParameterError(f"min_points is {min_points!r}", expected="at least 2: one point has no spread")
    if fdr is not None and not 0.0 < fdr < 1.0:
        raise ParameterError(f"fdr is {fdr!r}", expected="a share above 0 and below 1, such as 0.05")
    if lod != "ep":
        check_choices(lod, method)
    low, high = _bounds(reference, "the reference")
    other_low, other_high = _bounds(compared, "the compared cloud")
    crs, vertical_crs = _common_crs(_described(reference), _described(compared))
    sigma, unknown = _registration(reference, compared, registration_sigma_m, registration)
    core_low, core_high = (low, high) if core_points is None else cloud_bounds(core_points, "the core points")
    origin = np.floor(core_low)
    plan = M3C2Plan(
        origin=origin,
        reference_cell=1.0,
        compared_cell=1.0,
        reference_box=(low, high),
        compared_box=(other_low, other_high),
        normal_radii=radii,
        core_spacing_m=core_spacing_m,
        cylinder_radius_m=cylinder_radius_m,
        max_depth_m=max_depth_m,
        min_points=min_points,
        lod=lod,
        method=method,
        orientation=_orientation(reference, orientation),
        registration_sigma_m=sigma,
        registration_unknown=unknown,
        registration=registration,
        scanners=_scanners(reference, compared, lod, method, scanner),
        with_p_values=fdr is not None,
        crs=crs,
        vertical_crs=vertical_crs,
        parameters={
            "core_spacing_m": core_spacing_m,
            "normal_radius_m": radii[0] if len(radii) == 1 else list(radii),
            "cylinder_radius_m": cylinder_radius_m,
            "max_depth_m": max_depth_m,
            "lod": lod,
            "method": method,
            "min_points": min_points,
        },
    )
    near_low, near_high = core_low - plan.reach_m, core_high + plan.reach_m
    for what, a, b in (("reference", low, high), ("compared cloud", other_low, other_high)):
        if (a > near_high).any() or (b < near_low).any():
            raise GeometryError(
                f"the {what} ({_box(a, b)}) and the core points ({_box(core_low, core_high)}) have no place in common",
                expected="clouds of one place in the same coordinates",
                remedy="Check the coordinate systems and the order of easting and northing",
            )
    cells = [
        column_cell(_size(cloud), a - origin, b - origin, cylinder_radius_m, near_low - origin, near_high - origin)
        for cloud, a, b in ((reference, low, high), (compared, other_low, other_high))
    ]
    return replace(plan, reference_cell=cells[0], compared_cell=cells[1])


def points_array(values: Any, what: str) -> Floats:
    """Points (n, 3) as a contiguous float64 array, or an error that says what is wrong with `what`."""
    xyz = np.ascontiguousarray(values, dtype=np.float64)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise GeometryError(f"{what} has shape {xyz.shape}", expected="shape (n, 3): easting, northing, height")
    return xyz


def _bounds(cloud: Points, what: str) -> tuple[Floats, Floats]:
    if isinstance(cloud, np.ndarray):
        return cloud_bounds(cloud, what)
    if isinstance(cloud, Scan):
        return cloud_bounds(np.ascontiguousarray(cloud.xyz), what)
    if cloud.n_points == 0:
        raise GeometryError(f"{what} holds no points", where=cloud.source or None, expected="at least one point")
    box = np.array(cloud.bounds())
    return box[:3], box[3:]


def _size(cloud: Points) -> int:
    return len(cloud) if isinstance(cloud, np.ndarray) else cloud.n_points


def _described(cloud: Points) -> Any:
    return None if isinstance(cloud, np.ndarray) else cloud


def _box(low: Floats, high: Floats) -> str:
    return " x ".join(f"{a:.1f}..{b:.1f}" for a, b in zip(low, high, strict=True))


def _common_crs(first: Any, second: Any) -> tuple[Any, Any]:
    """The coordinate systems of the result; bare arrays are taken to be in those of the other epoch."""
    if first is None or second is None:
        known = first if first is not None else second
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


def _registration(
    reference: Points, compared: Points, given: float | None, registration: RegistrationError | None
) -> tuple[float, bool]:
    if given is not None and registration is not None:
        raise ParameterError("registration_sigma_m and registration are both given", expected="one of them")
    if registration is not None:
        return 0.0, False
    if given is not None:
        if not (math.isfinite(given) and given >= 0):
            raise ParameterError(f"registration_sigma_m is {given!r}", expected="a length of 0 or more in metres")
        return float(given), False
    stated = [getattr(cloud, "registration_sigma_m", None) for cloud in (reference, compared)]
    known = [sigma for sigma in stated if sigma is not None]
    return math.hypot(*known), len(known) < 2


def _orientation(reference: Points, orientation: str | npt.ArrayLike | None) -> Orientation:
    stations = None if isinstance(reference, np.ndarray) else reference.stations
    if orientation is None:
        return "up" if stations is None else "stations"
    if isinstance(orientation, str):
        if orientation == "stations" and stations is None:
            raise ParameterError(
                "orientation is 'stations', but the reference does not know its stations",
                remedy="Give stations= to the scan, or viewpoints of shape (k, 3) as orientation",
            )
        if orientation == "up":
            return "up"
        if orientation == "stations":
            return "stations"
        raise ParameterError(f"orientation is {orientation!r}", expected="'up', 'stations', a direction or viewpoints")
    towards = np.asarray(orientation, dtype=np.float64)
    if not np.isfinite(towards).all():
        raise ParameterError("orientation is not finite", expected="a direction (3,) or viewpoints (k, 3)")
    if (towards.shape == (3,) and towards.any()) or (towards.ndim == 2 and towards.shape[1] == 3 and len(towards)):
        return towards
    raise ParameterError(
        f"orientation has shape {towards.shape}", expected="a direction of shape (3,), not zero, or viewpoints (k, 3)"
    )


def _scanners(
    reference: Points, compared: Points, lod: str, method: str, scanner: Any
) -> tuple[ScannerErrors, ScannerErrors] | None:
    if lod != "ep":
        if scanner is not None:
            raise ParameterError(f"scanner is given, but lod is {lod!r}", expected="lod='ep'")
        return None
    if method != "mean":
        raise ParameterError(f"lod is 'ep' and method {method!r}", expected="method='mean': errors of means propagate")
    pair = scanner if isinstance(scanner, tuple) else (scanner or ScannerErrors(),) * 2
    if len(pair) != 2:
        raise ParameterError(f"{len(pair)} scanners", expected="one, or one for each epoch")
    both = []
    for cloud, own in zip((reference, compared), pair, strict=True):
        values = own.values(getattr(cloud, "range_sigma_m", None))
        both.append(ScannerErrors(*(float(v) for v in values)))
    return both[0], both[1]
