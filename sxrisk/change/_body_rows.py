"""What is measured of one moving body: its solid, its distances, how it moved and turned."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.change._body_matching import NOT_AS_ONE, Match, match_relief
from sxrisk.change._body_parts import outline_of
from sxrisk.change._body_surfaces import Frame, Lattice, frame_of, heights, near_points
from sxrisk.change._body_turning import Turn, match_turning
from sxrisk.change._body_volumes import FINE_CELL_M, MASS_THICKNESS_M, Solid, solid_between
from sxrisk.change.motion import matching_cell, vector_columns
from sxrisk.change.result import M3C2Result
from sxrisk.scans.cloud import Cloud

__all__ = ["body_row"]

Floats = NDArray[np.float64]

_REACH_SHARE = 0.25
# Turned beyond this many sigmas: then a shift alone is not the motion, and there is an axis to tell.
_SIGMAS = 4.0
_NO_MATCH = Match(np.full(3, np.nan), np.full((3, 3), np.nan), 0, "", float("nan"))


def body_row(
    result: M3C2Result, chosen: NDArray[np.int64], others: NDArray[np.int64], before: Cloud, after: Cloud,
    max_motion_m: float | None, windows: Floats,
) -> tuple[dict[str, Any], Solid]:  # fmt: skip
    """The columns of a body and its solid.

    Parameters
    ----------
    result, before, after, max_motion_m
        As of :func:`sxrisk.change.moving_bodies`.
    chosen, others : (k,), (j,) int64
        Core points of the body and those of other ones.
    windows : (k, 3) float64
        Vectors of the windows around its core points, NaN where none moved.
    """
    spacing = float(result.parameters["core_spacing_m"])
    registration = float(result.registration_sigma_m)
    core, distance = result.core_points[chosen], result.distance[chosen]
    middle = float(np.median(distance))
    # A relief that slid changes sign from place to place; what went or came has one.
    one_signed = float(np.mean(np.sign(distance) == np.sign(middle))) > 0.8
    thick = one_signed and float(np.percentile(np.abs(distance), 90)) > MASS_THICKNESS_M
    frame = frame_of(core, result.normals[chosen])
    solid = solid_between(
        core, result.core_points[others], frame, before, after, sign=float(np.sign(middle)), thick=thick,
        spacing=spacing, depth_m=float(result.parameters["max_depth_m"]),
        seen_m=2.0 * float(np.median(result.lod95[chosen])),
    )  # fmt: skip
    tilt = max(float(np.abs(result.normals[chosen] @ frame.axes[2]).mean()), 0.2)
    area = solid.area_m2 / tilt
    # The scatter of the points, thinned to those whose cylinders do not overlap, and the registration on top.
    independent = max(len(distance) / 4.0, 1.0)
    spread = 1.4826 * float(np.median(np.abs(distance - middle)))
    sigma = float(np.hypot(spread / np.sqrt(independent), registration))
    normal = frame.axes[2]
    if thick:
        turn, match = _no_turn("material went or came: nothing to follow"), _NO_MATCH
        match = match._replace(reason=turn.reason)
    else:
        match, turn = _motion(core, frame, before, after, spacing, max_motion_m)
    return {
        "motion": ("gain" if middle > 0 else "loss") if thick else "movement",
        "n_core_points": len(chosen),
        "area_m2": area,
        "area_plan_m2": float(solid.outline.area),
        "volume_m3": solid.volume_m3,
        "volume_sigma_m3": _volume_sigma(result, chosen, solid, area, thick, spacing, abs(middle)),
        **dict(zip(("x_m", "y_m", "z_m"), core.mean(axis=0).tolist(), strict=True)),
        "mean_distance_m": float(distance.mean()),
        "median_distance_m": middle,
        "distance_sigma_m": sigma,
        "max_distance_m": float(distance[np.argmax(np.abs(distance))]),
        "max_distance_abs_m": float(np.abs(distance).max()),
        "significance": abs(float(distance.mean())) / sigma if sigma > 0 else float("inf"),
        **_displacement(match, turn, frame, registration, windows),
        **_rotation(turn, frame),
        "slope_deg": float(np.degrees(np.arccos(np.clip(abs(normal[2]), 0.0, 1.0)))),
        **dict(zip(("normal_x", "normal_y", "normal_z"), normal.tolist(), strict=True)),
        "unseen_share": min(solid.unseen_m2 / max(solid.area_m2, 1e-9), 1.0),
        "geometry": solid.outline,
    }, solid


def _volume_sigma(
    result: M3C2Result, chosen: NDArray[np.int64], solid: Solid, area: float, thick: bool, spacing: float,
    middle: float,
) -> float:  # fmt: skip
    # A shift along the normal acts on the whole surface; the rim is uncertain by a quarter of a core spacing where the
    # body is thin, by a cell where its edge was followed. What was spanned may be half as thick again.
    rim = FINE_CELL_M * MASS_THICKNESS_M if thick else 0.25 * spacing * middle
    noise = [
        float(np.sqrt(np.nanmean(np.square(std[chosen])) / max(count, 1)))
        for std, count in zip((result.std_reference, result.std_compared), solid.n_points, strict=True)
    ]
    registration = area * float(result.registration_sigma_m)
    unseen = 0.5 * solid.unseen_m2 * abs(solid.volume_m3) / max(solid.area_m2, 1e-9)
    return float(np.linalg.norm([registration, rim * solid.rim_m, unseen, *(solid.area_m2 * s for s in noise)]))


def _motion(
    core: Floats, frame: Frame, before: Cloud, after: Cloud, spacing: float, max_motion_m: float | None
) -> tuple[Match, Turn]:
    """How a surface that stayed whole was shifted, and how it moved and turned as a rigid piece."""
    local = frame.local(core)
    outline = outline_of(local, spacing).buffer(-0.5 * spacing)
    few = "too few points"
    if outline.is_empty:
        return _NO_MATCH._replace(reason=few), _no_turn(few)
    u0, v0, u1, v1 = outline.bounds
    reach = max_motion_m or _REACH_SHARE * min(u1 - u0, v1 - v0)
    low = np.array([u0 - 1.5 * reach, v0 - 1.5 * reach, float(local[:, 2].min()) - reach])
    high = np.array([u1 + 1.5 * reach, v1 + 1.5 * reach, float(local[:, 2].max()) + reach])
    points = [near_points(cloud, frame, low, high) for cloud in (before, after)]
    size = high - low
    cell = matching_cell(min(map(len, points)), float(size[0] * size[1]), float(max(size[:2])))
    lattice = Lattice(
        (float(low[0]), float(low[1])), cell, (int(np.ceil(size[1] / cell)), int(np.ceil(size[0] / cell)))
    )
    u, v = lattice.centres()
    mask = np.asarray(shapely.contains_xy(outline, u, v))
    first, second = (heights(p, lattice, 6.0 * cell) for p in points)
    match = match_relief(first, second, mask, cell, reach)
    if match.rank < 2 and match.reason != NOT_AS_ONE:
        return match, _no_turn(match.reason)
    start = match.start_m if match.rank < 2 else (float(match.shift[0]), float(match.shift[1]))
    # The frame's origin is the mean of the core points.
    middle = -np.array([lattice.corner[0] + 0.5 * cell, lattice.corner[1] + 0.5 * cell, 0.0])
    return match, match_turning(first, second, mask, cell, start).about(middle)


def _displacement(match: Match, turn: Turn, frame: Frame, registration: float, windows: Floats) -> Mapping[str, Any]:
    """The vector of the body's middle: of the rigid motion where it turned, else of the shift, else of its windows."""
    rigid = np.isfinite(turn.shift).all()
    if rigid and (match.rank < 2 or _significant(turn)):
        match = Match(turn.shift, turn.covariance[:3, :3], 2, "", match.alike)
    moved = np.unique(windows[np.isfinite(windows).all(axis=1)], axis=0)
    if match.rank == 2 or len(moved) < 2:
        return {**vector_columns(frame, match, registration), "displacement_reason": match.reason}
    # The windows moved alike, not the same: their mean, and how it scatters.
    local = moved @ frame.axes.T
    mean = Match(local.mean(axis=0), np.cov(local.T) / len(moved), 2, "", float("nan"))
    return {**vector_columns(frame, mean, registration), "displacement_reason": f"mean of {len(moved)} windows"}


def _significant(turn: Turn) -> bool:
    angle = float(np.linalg.norm(turn.rotation))
    return angle > _SIGMAS * _sigma_of_angle(turn, angle)


def _sigma_of_angle(turn: Turn, angle: float) -> float:
    axis = turn.rotation / max(angle, 1e-12)
    return float(np.sqrt(axis @ turn.covariance[3:, 3:] @ axis))


def _rotation(turn: Turn, frame: Frame) -> Mapping[str, Any]:
    """Angle and axis of the turn with their errors; the axis only where the turn stands out from its error."""
    names = ("rotation_deg", "sigma_rotation_deg", "axis_east", "axis_north", "axis_up", "sigma_axis_deg")
    columns: dict[str, Any] = dict.fromkeys(names, float("nan"))
    columns["rotation_reason"] = turn.reason
    if turn.reason:
        return columns
    angle = float(np.linalg.norm(turn.rotation))
    columns["rotation_deg"] = float(np.degrees(angle))
    columns["sigma_rotation_deg"] = float(np.degrees(_sigma_of_angle(turn, angle)))
    if not _significant(turn):
        return {**columns, "rotation_reason": "no more than its error: no axis"}
    axis = turn.rotation / angle
    covariance = turn.covariance[3:, 3:]
    columns.update(zip(names[2:5], (axis @ frame.axes).tolist(), strict=True))
    columns["sigma_axis_deg"] = float(np.degrees(np.sqrt(np.trace(covariance) - axis @ covariance @ axis) / angle))
    return columns


def _no_turn(reason: str) -> Turn:
    nothing = np.full(3, np.nan)
    return Turn(nothing, nothing, np.full((6, 6), np.nan), nothing, reason)
