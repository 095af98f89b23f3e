"""Moving bodies: where the ground changed as one, how far, how much of it, and what it is."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sxrisk.change._body_classes import class_of, ends_of_slides, pair_bodies
from sxrisk.change._body_matching import match_relief
from sxrisk.change._body_parts import changed_parts, outline_of, sliding_parts
from sxrisk.change._body_surfaces import Frame, Lattice, frame_of, heights, near_points
from sxrisk.change._body_volumes import FINE_CELL_M, MASS_THICKNESS_M, Solid, solid_between
from sxrisk.change.motion import matching_cell, vector_columns
from sxrisk.change.result import M3C2Result
from sxrisk.errors import ParameterError
from sxrisk.scans.cloud import Cloud

__all__ = ["COLUMNS", "label_bodies", "moving_bodies"]

Floats = NDArray[np.float64]

#: Columns of the table of bodies, before its geometry.
COLUMNS: tuple[str, ...] = (
    "body_id", "class", "class_reason", "motion", "n_core_points", "area_m2", "area_plan_m2", "volume_m3",
    "volume_sigma_m3", "x_m", "y_m", "z_m", "mean_distance_m", "median_distance_m", "distance_sigma_m",
    "max_distance_m", "significance", "east_m", "north_m", "up_m", "sigma_east_m", "sigma_north_m", "sigma_up_m",
    "covariance_en_m2", "covariance_eu_m2", "covariance_nu_m2", "along_m", "sigma_along_m", "displacement_reason",
    "slope_deg", "normal_x", "normal_y", "normal_z", "unseen_share", "paired_with", "bulking_ratio",
)  # fmt: skip

# A thick body whose volume is less than this share of its area times its thickness is none: a cylinder that reaches
# over an edge meets another face, while the surface itself stands where it stood.
_CONFIRMED_SHARE = 0.25
_TURNED_SHARE = 0.5  # of the core points around a part that face the other way: its normals were turned wrongly
_SAME_SHARE = 0.3  # of a smaller part inside a body that was followed over it: no body of its own
_SWALLOWED = 0.5  # of a part of significant change inside a slide: its own relief moved
_REACH_SHARE = 0.25


def moving_bodies(
    result: M3C2Result,
    before: Cloud,
    after: Cloud,
    *,
    min_area_m2: float = 4.0,
    along_surface: bool = True,
    window_m: float | None = None,
    max_motion_m: float | None = None,
) -> gpd.GeoDataFrame:
    """
    Bodies that moved between two epochs, largest volume first, each with its size, its motion and what it is.

    Neighbouring core points whose change is significant, in the greater part of their neighbourhood and with one sign,
    make a body. Ground that slid along itself shows no change along its normal: it is found by windows of relief that
    moved alike (:func:`sxrisk.change.surface_motion`). The volume is the integral between both triangulated
    surfaces along the body's mean normal, so that a scar on a wall or below an overhang is measured as one in a floor.

    Parameters
    ----------
    result : M3C2Result
        After against before.
    before, after : Cloud
        The two epochs, registered, in metres.
    min_area_m2 : float
        Smaller bodies are left out, area of the surface.
    along_surface : bool
        Whether motion along the surface is looked for where nothing changed along the normal.
    window_m, max_motion_m : float, optional
        Of that search; by default a window of ten core spacings, or more where points are few, and a quarter of it.

    Returns
    -------
    GeoDataFrame
        A row a body, geometry its outline in plan. ``body_id`` (B1 is the largest), ``class`` (rockfall, deposit,
        slide, settlement, heave) and ``class_reason``; ``motion``: movement of a surface, or loss or gain of material
        thicker than 0.3 m; ``n_core_points``; ``area_m2`` (of the surface), ``area_plan_m2``; ``volume_m3`` (signed:
        what came less what went) and ``volume_sigma_m3``; centroid ``x_m``, ``y_m``, ``z_m``; ``mean_distance_m``,
        ``median_distance_m``, ``max_distance_m`` along the normal, ``distance_sigma_m`` of the mean (registration
        included), ``significance`` (mean by sigma); displacement ``east_m``, ``north_m``, ``up_m`` of surfaces that
        moved, with sigmas and covariances, ``along_m`` of it along the surface: NaN with ``displacement_reason`` where
        the relief does not determine it or the material itself is gone; ``slope_deg`` and normal; ``unseen_share``:
        of its footprint spanned between points; ``paired_with``: the deposit of a rockfall (and back), the slide whose
        head or toe it is; ``bulking_ratio``: volume of a deposit by that of its sources.

    Raises
    ------
    ParameterError
        If a size is not positive.
    CRSError
        If the clouds are not in metres.

    References
    ----------
    Lague, Brodu, Leroux (2013), ISPRS J. 82, 10-26. Tonini, Abellan (2014), J. Spatial Inf. Sci. 8, 95-110, on rockfall
    by clusters of change. Corominas (1996), Can. Geotech. J. 33, 260-271, on the angle of reach.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> rng = np.random.default_rng(1)
    >>> def cloud(sunk):
    ...     x, y = rng.uniform(0.0, 30.0, (2, 30_000))
    ...     z = rng.normal(0.0, 0.005, x.shape) - sunk * (np.hypot(x - 15.0, y - 15.0) < 6.0)
    ...     return sx.Scan(np.column_stack([x, y, z]))
    >>> first, second = cloud(0.0), cloud(0.1)
    >>> change = sx.m3c2(first, second, core_spacing_m=1.0, normal_radius_m=1.5, cylinder_radius_m=0.5, max_depth_m=1.0,
    ...                  registration_sigma_m=0.001)
    >>> bodies = moving_bodies(change, first, second)
    >>> bodies["class"].tolist(), round(float(bodies["mean_distance_m"][0]), 1)
    (['settlement'], -0.1)
    """
    return label_bodies(result, before, after, min_area_m2=min_area_m2, along_surface=along_surface,
                        window_m=window_m, max_motion_m=max_motion_m)[0]  # fmt: skip


def label_bodies(
    result: M3C2Result,
    before: Cloud,
    after: Cloud,
    *,
    min_area_m2: float = 4.0,
    along_surface: bool = True,
    window_m: float | None = None,
    max_motion_m: float | None = None,
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """
    The table of :func:`moving_bodies`, and the body of each core point.

    Parameters
    ----------
    result, before, after, min_area_m2, along_surface, window_m, max_motion_m
        As there.

    Returns
    -------
    bodies : GeoDataFrame
    label : (m,) int64
        Number of the body (1 for B1), 0 for none.

    Raises
    ------
    ParameterError, CRSError
        As there.
    """
    sizes = {"min_area_m2": min_area_m2, "window_m": window_m, "max_motion_m": max_motion_m}
    for name, value in sizes.items():
        if value is not None and not value > 0:
            raise ParameterError(f"{name} is {value!r}", where="moving_bodies", expected="more than 0")
    before, after = before.require_metres(), after.require_metres()
    part = changed_parts(result, before.origin)
    if along_surface:
        part = _merged(part, sliding_parts(result, before, after, window_m, max_motion_m))
    spacing = float(result.parameters["core_spacing_m"])
    least = max(4, 0.25 * min_area_m2 / spacing**2)
    label = np.zeros(len(result), dtype=np.int64)
    rows: list[dict[str, Any]] = []
    # The largest first: followed beyond its core points it may take in smaller ones, which are no bodies of their own.
    size = np.bincount(part)
    numbers = np.flatnonzero(size >= least)
    numbers = numbers[numbers > 0]
    for number in numbers[np.argsort(-size[numbers], kind="stable")]:
        chosen = np.flatnonzero(part == number)
        if _turned(result, chosen, 3.0 * spacing):
            continue
        outline = outline_of(result.core_points[chosen], spacing)
        same = (row for row in rows if row["motion"] != "movement"
                and row["median_distance_m"] * float(np.median(result.distance[chosen])) > 0)  # fmt: skip
        if any(outline.intersection(row["geometry"]).area > _SAME_SHARE * outline.area for row in same):
            continue
        row = _body(result, chosen, np.flatnonzero((part > 0) & (part != number)), before, after, max_motion_m)
        real = row["motion"] == "movement" or (
            abs(row["volume_m3"])
            > _CONFIRMED_SHARE * row["area_m2"] * max(MASS_THICKNESS_M, abs(row["median_distance_m"]))
        )
        if row["area_m2"] >= min_area_m2 and real:
            rows.append({**row, "part": int(number)})
    rows.sort(key=lambda row: -abs(row["volume_m3"]))
    cores = {}
    for i, row in enumerate(rows, start=1):
        row["body_id"] = f"B{i}"
        member = part == row.pop("part")
        label[member] = i
        cores[row["body_id"]] = result.core_points[member]
        row["class"], row["class_reason"] = class_of(row)
    pair_bodies(rows)
    ends_of_slides(rows, cores, 3.0 * spacing)
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "geometry"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=result.crs), label


def _turned(result: M3C2Result, chosen: NDArray[np.int64], reach_m: float) -> bool:
    """Whether the normals of a part oppose those of the surface around it: the sign of its change is turned as well."""
    normals = result.normals[chosen].mean(axis=0)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(result.normals).all(axis=1))
    known[chosen] = False
    around = np.flatnonzero(known)
    place = result.core_points[chosen].mean(axis=0)
    tree = cKDTree(result.core_points[around] - place)
    near = {i for found in tree.query_ball_point(result.core_points[chosen] - place, reach_m) for i in found}
    # A scar in a roof lies in a roof; only points that face away from their own surface are left out.
    return bool(near) and float(np.mean(result.normals[around[sorted(near)]] @ normals < 0.0)) > _TURNED_SHARE


def _merged(part: NDArray[np.int64], slide: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parts of significant change and slides as one numbering; specks of change inside a slide are its relief."""
    if not slide.any():
        return part
    share = np.bincount(part, slide > 0) / np.maximum(np.bincount(part), 1)
    kept = np.where(share[part] > _SWALLOWED, 0, part)
    return np.where(kept > 0, kept, np.where(slide > 0, slide + int(part.max()), 0))


def _body(
    result: M3C2Result, chosen: NDArray[np.int64], others: NDArray[np.int64], before: Cloud, after: Cloud,
    max_motion_m: float | None,
) -> dict[str, Any]:  # fmt: skip
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
        **_displacement(core, frame, before, after, thick, spacing, registration, max_motion_m),
        "slope_deg": float(np.degrees(np.arccos(np.clip(abs(normal[2]), 0.0, 1.0)))),
        **dict(zip(("normal_x", "normal_y", "normal_z"), normal.tolist(), strict=True)),
        "unseen_share": min(solid.unseen_m2 / max(solid.area_m2, 1e-9), 1.0),
        "geometry": solid.outline,
    }


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


def _displacement(
    core: Floats, frame: Frame, before: Cloud, after: Cloud, thick: bool, spacing: float, registration: float,
    max_motion_m: float | None,
) -> Mapping[str, Any]:  # fmt: skip
    """The vector of a surface that moved, by its relief; none where the material is gone or came."""
    from shapely import contains_xy

    local = frame.local(core)
    outline = outline_of(local, spacing).buffer(-0.5 * spacing)
    empty = vector_columns(frame, match_relief(np.empty((0, 0)), np.empty((0, 0)), np.empty((0, 0), bool), 1.0, 1.0),
                           registration)  # fmt: skip
    if thick:
        return {**empty, "displacement_reason": "material went or came: nothing to follow"}
    if outline.is_empty:
        return {**empty, "displacement_reason": "too few points"}
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
    mask = np.asarray(contains_xy(outline, u, v))
    first, second = (heights(p, lattice, 6.0 * cell) for p in points)
    match = match_relief(first, second, mask, cell, reach)
    return {**vector_columns(frame, match, registration), "displacement_reason": match.reason}
