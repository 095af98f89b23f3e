"""Bringing one scan onto another by the ground that did not move."""

import dataclasses
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from sxrisk.errors import CRSError, GeometryError, ParameterError, UnverifiedInputWarning
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.registration._covariance import quality, surface_weight
from sxrisk.scans.registration._equations import moved
from sxrisk.scans.registration._fit import LEAST_POINTS, Fit, fit
from sxrisk.scans.registration._patches import means_of
from sxrisk.scans.registration._stable import unmoved
from sxrisk.scans.registration._start import AGREES, CLOSE, FAIR_OVERLAP, Clouds, Start, descend, nearby, refuse, search
from sxrisk.scans.registration._targets import Targets, adjust, read_targets
from sxrisk.scans.registration._working import core_rows, working_points
from sxrisk.scans.registration.result import Registration

__all__ = ["register"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ROUNDS = 4


def register(
    moving: Cloud,
    fixed: Cloud,
    *,
    stable: Any = None,
    targets: Any = None,
    surface: bool = True,
    coarse: bool | Literal["auto"] = "auto",
    max_distance_m: float = 1.0,
    neighbours: int = 20,
    max_points: int = 40_000,
) -> Registration:
    """Fit `moving` onto `fixed` by robust point-to-plane steps on the ground that did not move.

    At core points of the moving scan, the mean of its nearest neighbours is compared with the plane through the nearest
    neighbours in the fixed scan, at wide voxels first, at the full density last. Tukey's loss gives moved ground no
    weight; where a whole region moved together, blocks of ground vote on the motion that most of them share, and the
    median residual of each neighbourhood decides whether it is one of them. A plain fit would take a part of the very
    movement one wants to measure.

    Clouds of any size are used: beyond three million points a part is drawn, evenly in space, tile by tile.

    Parameters
    ----------
    moving, fixed : Scan or TiledScan
        Same coordinate systems, metres.
    stable : shapely geometry, or GeoSeries or sequence of them, optional
        Area in plan that did not move, in the fixed scan's coordinates; without it the fit finds it.
    targets : DataFrame, optional
        Control targets seen in both scans: ``name, moving_x, moving_y, moving_z, fixed_x, fixed_y, fixed_z, sigma_m``
        (1 sigma of a coordinate difference). They give the start and decide with the surface, each by its sigma; a
        target that misses by more than chance is flagged and left out.
    surface : bool
        False lets the targets decide alone.
    coarse : bool or "auto"
        True finds the start by the features of both scans, wherever they are. "auto", the default, keeps to the
        given position where the scans lie on each other there or somewhat further away, and searches only where they
        do not; it warns, as two scans in one coordinate system shall not be moved far in silence. False never
        searches.
    max_distance_m : float
        Pairs further apart than this never count, metres. Starts up to about this far away converge.
    neighbours : int
        Points of the local planes and means.
    max_points : int
        Core points at most.

    Returns
    -------
    Registration
        Not ``converged`` where the geometry leaves a direction open: ``weakest`` names it.

    Warns
    -----
    UnverifiedInputWarning
        If the given position did not fit and the motion was found by features.

    Raises
    ------
    ParameterError
        If an argument is outside its range.
    CRSError
        If the scans' coordinate systems differ or are not in metres.
    GeometryError
        If a scan has fewer than 100 points, fewer than 100 core points find a partner, the search finds no motion or
        several equally good ones, or one scan is mirrored.
    MissingFieldError
        If a column of `targets` is missing.

    References
    ----------
    Chen, Y., Medioni, G. (1992): Object modelling by registration of multiple range images. Image and Vision
    Computing 10(3), 145-155.
    Rousseeuw, P. J. (1984): Least median of squares regression. Journal of the American Statistical Association
    79(388), 871-880.
    Cameron, A. C., Miller, D. L. (2015): A practitioner's guide to cluster-robust inference. Journal of Human Resources
    50(2), 317-372.

    Examples
    --------
    >>> import sxrisk as sx
    >>> rng = np.random.default_rng(1)
    >>> xy = rng.uniform(0, 20, (2, 6000, 2))
    >>> z = 2 * np.sin(xy[..., 0] / 3) * np.cos(xy[..., 1] / 4) + rng.normal(0, 0.005, (2, 6000))
    >>> before, after = (np.column_stack([a, b]) for a, b in zip(xy, z))
    >>> motion = register(sx.Scan(after + [0.03, -0.02, 0.01]), sx.Scan(before))
    >>> motion.converged, bool(np.abs(motion.translation_m - [-0.03, 0.02, -0.01]).max() < 1e-3)
    (True, True)
    """
    _check(moving, fixed, max_distance_m, neighbours, max_points, coarse)
    origin = fixed.origin
    control = None if targets is None else read_targets(targets, origin)
    if not surface:
        if control is None:
            raise ParameterError("surface=False without targets", where="register", expected="targets")
        return _by_targets(control, origin, fixed)
    clouds = _clouds(moving, fixed, neighbours, origin)
    area = None if stable is None else _area(stable, fixed)

    def settled(start: Start, found: dict[str, Any]) -> Registration:
        cores = _cores(clouds, start.matrix, area, origin, max_points)
        result, agreement, used = _settle(cores, clouds, start.matrix, max_distance_m, control, find=area is None)
        return _registration(result, agreement, used, origin, fixed, found)

    known = None if control is None else control.start()
    if known is not None:
        return settled(descend(clouds, known, max_distance_m), {"method": "targets"})
    if coarse is True:
        return settled(*search(clouds))
    if coarse is False:
        return settled(descend(clouds, np.eye(4), max_distance_m), {"method": "given"})
    return _near_or_far(clouds, settled, max_distance_m)


def _near_or_far(
    clouds: Clouds, settled: Callable[[Start, dict[str, Any]], Registration], max_distance_m: float
) -> Registration:
    """From the given position; by features where that does not fit.

    Raises
    ------
    GeometryError
        If neither gives a motion that lays the scans on each other.
    """
    given: Registration | None = None
    try:
        start = nearby(clouds, max_distance_m)
        given = settled(start, {"method": "given"})
    except GeometryError:
        pass
    else:
        # What the geometry leaves open, no search can find.
        if given.converged or (start.found and not given.determined):
            return given
    try:
        found = settled(*search(clouds))
    except GeometryError:
        if given is None:
            raise
        return given
    if not found.converged:
        if given is None:
            # Nothing fits here, and what features found elsewhere does not fit either.
            refuse(clouds, f"the best one, by features, leaves {100 * (1 - found.overlap):.0f} % without a partner")
        return given
    middle = clouds.moving.points.mean(axis=0)
    away = float(np.linalg.norm(moved(found.matrix, middle[None])[0] - middle))
    warnings.warn(
        f"{clouds.names[0]}: does not fit {clouds.names[1]} in the given position; its features place it {away:.2f} m "
        "away",
        UnverifiedInputWarning,
        stacklevel=3,
    )
    return found


def _check(
    moving: Cloud, fixed: Cloud, max_distance_m: float, neighbours: int, max_points: int, coarse: bool | str
) -> None:
    if not max_distance_m > 0 or neighbours < 5 or max_points < LEAST_POINTS:
        raise ParameterError(
            f"max_distance_m {max_distance_m}, neighbours {neighbours}, max_points {max_points}",
            where="register",
            expected=f"a distance above 0, at least 5 neighbours and {LEAST_POINTS} core points",
        )
    if coarse not in (True, False, "auto"):
        raise ParameterError(f"coarse is {coarse!r}", where="register", expected='True, False or "auto"')
    if moving.crs != fixed.crs or moving.vertical_crs != fixed.vertical_crs:
        raise CRSError(
            f"the moving scan is in {_name(moving)}, the fixed one in {_name(fixed)}",
            where=moving.source or None,
            expected="scans in one coordinate and height system",
            remedy="Bring one into the other's with Scan.to_crs, or declare the system of the one that has none",
        )
    moving.require_metres()
    fixed.require_metres()


def _name(cloud: Cloud) -> str:
    names = [crs.name for crs in (cloud.crs, cloud.vertical_crs) if crs is not None]
    return " + ".join(names) or "unknown coordinates"


def _clouds(moving: Cloud, fixed: Cloud, neighbours: int, origin: Floats) -> Clouds:
    points = []
    for cloud in (moving, fixed):
        points.append(working_points(cloud) - origin)
        if len(points[-1]) < LEAST_POINTS:
            raise GeometryError(
                f"the scan has {len(points[-1])} points",
                where=cloud.source or None,
                expected=f"at least {LEAST_POINTS}",
            )
    eyes = tuple(None if c.stations is None else c.stations - origin for c in (moving, fixed))
    names = (moving.source or "moving scan", fixed.source or "fixed scan")
    return Clouds.of(points[0], points[1], neighbours, (eyes[0], eyes[1]), names)


def _area(stable: Any, fixed: Cloud) -> BaseGeometry:
    """One geometry in plan of whatever form the stable area was given in."""
    crs = getattr(stable, "crs", None)
    if crs is not None and fixed.crs is not None and crs != fixed.crs:
        raise CRSError(
            f"the stable area is in {crs.name}, the scans in {fixed.crs.name}",
            where="stable",
            expected="the scans' coordinate system",
            remedy="Reproject it: stable.to_crs(scan.crs)",
        )
    parts = getattr(stable, "geometry", stable)
    if isinstance(stable, BaseGeometry):
        return stable
    if not isinstance(parts, Iterable):
        raise ParameterError(f"{type(stable).__name__}", where="stable", expected="polygons")
    return shapely.union_all(list(parts))


def _cores(clouds: Clouds, matrix: Floats, area: BaseGeometry | None, origin: Floats, max_points: int) -> Floats:
    pool = clouds.moving.points
    if area is not None:
        places = moved(matrix, pool) + origin
        pool = pool[shapely.contains_xy(area, places[:, 0], places[:, 1])]
        if not len(pool):
            raise GeometryError(
                "no point lies in the stable area", where="stable", expected="a polygon in the scan's coordinates"
            )
    return pool[core_rows(pool, max_points)]


def _settle(
    cores: Floats, clouds: Clouds, matrix: Floats, max_distance_m: float, control: Targets | None, *, find: bool
) -> tuple[Fit, float, Targets | None]:
    """The final fit: by the robust loss, then on the ground that is found stable, with the targets that agree."""
    means = means_of(clouds.moving, clouds.surface, cores, matrix)

    def again(start: Floats, keep: Mask | None, trust: float) -> Fit:
        return fit(
            means,
            clouds.surface,
            start,
            max_distance_m=max_distance_m,
            keep=keep,
            targets=control,
            trust=trust,
            where=clouds.names[0],
        )

    trust = 1.0
    if control is not None:
        # Before anything is known of the surface, only gross errors stand out.
        control = control.without_gross(matrix, allowed_m=10.0 * clouds.spacing_m)
    result = again(matrix, None, trust)
    # The widths of the patches belong to the places where they lie in the end.
    means = means_of(clouds.moving, clouds.surface, cores, result.matrix)
    keep: Mask | None = None
    for _ in range(_ROUNDS):
        if control is not None:
            trust = surface_weight(result)
            control = control.without_gross(result.matrix, allowed_m=result.sigma / np.sqrt(max(trust, 1e-6) * 100.0))
        before, keep = keep, unmoved(result) if find else np.ones(len(cores), dtype=bool)
        if before is not None and (before != keep).mean() < 1e-3:
            break
        result = again(result.matrix, keep, trust)
    return result, result.agreement(means), control


def _registration(
    result: Fit,
    agreement: float,
    control: Targets | None,
    origin: Floats,
    fixed: Cloud,
    found: dict[str, Any],
) -> Registration:
    known = quality(result, control)
    kept = np.flatnonzero(result.usable)
    determined = result.open.shape[1] == 0
    overlap = float(result.usable.mean())
    stable = result.weights[kept] > 0
    points = result.places[kept] + origin
    return Registration(
        matrix=result.matrix,
        origin=origin,
        sigma_m=known.sigma_m,
        n=int(stable.sum()),
        points=points,
        residuals_m=result.residuals[kept],
        stable=stable,
        converged=result.converged and determined and _lies_on(overlap, agreement),
        normals=result.planes.normal[kept],
        covariance=known.covariance,
        scatter_m=known.scatter_m,
        determined=determined,
        overlap=overlap,
        agreement=agreement,
        coarse=found,
        stable_area=_stable_area(points, stable),
        targets=None if control is None else control.report(result.matrix),
        crs=fixed.crs,
    )


def _lies_on(overlap: float, agreement: float) -> bool:
    """Whether enough of the scan lies on the other: a small common part can rest on the wrong walls."""
    return agreement >= (AGREES if overlap >= FAIR_OVERLAP else CLOSE)


def _stable_area(points: Floats, stable: Mask) -> BaseGeometry:
    """Cells in plan, a few core points wide, most of whose core points are stable."""
    size = np.ptp(points[:, :2], axis=0)
    cell = 3.0 * float(np.sqrt(max(size[0] * size[1], 1e-6) / len(points)))
    place, inverse = np.unique(np.floor(points[:, :2] / cell).astype(np.int64), axis=0, return_inverse=True)
    share = np.bincount(inverse.ravel(), stable) / np.bincount(inverse.ravel())
    low = place[share > 0.5] * cell
    return shapely.union_all(shapely.box(low[:, 0], low[:, 1], low[:, 0] + cell, low[:, 1] + cell))


def _by_targets(control: Targets, origin: Floats, fixed: Cloud) -> Registration:
    matrix, covariance, control = adjust(control)
    places, left = moved(matrix, control.moving), control.residuals(matrix)
    miss = np.linalg.norm(left, axis=1)
    bare = Registration(
        matrix=matrix,
        origin=origin,
        sigma_m=0.0,
        n=int(control.used.sum()),
        points=places + origin,
        residuals_m=miss,
        stable=control.used,
        converged=True,
        normals=left / np.maximum(miss, 1e-12)[:, None],
        covariance=covariance,
        scatter_m=0.0,
        determined=True,
        overlap=1.0,
        agreement=float(control.used.mean()),
        coarse={"method": "targets"},
        stable_area=shapely.convex_hull(shapely.multipoints((places + origin)[control.used, :2])),
        targets=control.report(matrix),
        crs=fixed.crs,
    )
    # Along any one direction, as for surfaces.
    return dataclasses.replace(bare, sigma_m=float(np.sqrt((bare.sigma_at(bare.points) ** 2).mean() / 3.0)))
