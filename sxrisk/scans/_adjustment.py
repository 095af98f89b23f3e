"""Least squares of similarity transforms between two sets of points, with the statistics of their residuals."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError

__all__ = ["Adjustment", "adjust_plan", "adjust_space", "design_of"]

Floats = npt.NDArray[np.float64]

LEAST_SPREAD = 0.01  # of the widest extent: flatter patterns leave a rotation open


class Adjustment(NamedTuple):
    """A fitted transform ``target = matrix @ (local - local_centre) + target_centre``.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3)
        Rotation times scale.
    local_centre, target_centre : ndarray, shape (3,)
        Weighted centres.
    scale : float
        Of lengths.
    residuals : ndarray, shape (n, 3)
        Given minus transformed.
    standardised : ndarray, shape (n, 3)
        Absolute residuals by their own sigma; NaN where the fit follows a coordinate wholly.
    sigma0 : float
        1 sigma of unit weight; NaN without redundancy.
    redundancy : int
        Observations minus parameters.
    covariance : ndarray, shape (u, u)
        Of the parameters as :func:`design_of` orders them; NaN without redundancy.
    """

    matrix: Floats
    local_centre: Floats
    target_centre: Floats
    scale: float
    residuals: Floats
    standardised: Floats
    sigma0: float
    redundancy: int
    covariance: Floats


def adjust_space(local: Floats, target: Floats, sigma: Floats, scale: bool, where: str | Path) -> Adjustment:
    """3D Helmert transform, closed form of the weighted least squares; shapes (n, 3), (n, 3), (n,).

    Raises
    ------
    GeometryError
        If there are fewer than three points, or they stand in one line or place.
    """
    if len(local) < 3:
        raise GeometryError(f"{len(local)} control points", where=where, expected="at least 3, not in one line")
    for points, name in ((local, "local"), (target, "target")):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[0] < 1e-6 or spread[1] < LEAST_SPREAD * spread[0]:
            raise GeometryError(
                f"the {name} points stand in one line or place (extents {spread[0]:.3g} and {spread[1]:.3g} m)",
                where=where,
                expected="points spread in two directions at least",
                remedy="Measure a point aside, or use method='plan' where the instrument was levelled",
            )
    weight = 1.0 / sigma**2
    a, b, local_centre, target_centre = _centred(local, target, weight)
    u, values, vt = np.linalg.svd(b.T @ (a * weight[:, None]))
    flip = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    turn = u @ flip @ vt
    factor = float((values * np.diag(flip)).sum() / (weight * (a**2).sum(axis=1)).sum()) if scale else 1.0
    turned = factor * (a @ turn.T)
    design = design_of(turned, "space", scale)
    return _judged(factor * turn, local_centre, target_centre, factor, b - turned, design, sigma)


def adjust_plan(local: Floats, target: Floats, sigma: Floats, scale: bool, where: str | Path) -> Adjustment:
    """Plane similarity and a shift in height, weighted least squares; shapes (n, 3), (n, 3), (n,).

    Raises
    ------
    GeometryError
        If there are fewer than two points, or they stand above each other.
    """
    if len(local) < 2:
        raise GeometryError(f"{len(local)} control points", where=where, expected="at least 2")
    weight = 1.0 / sigma**2
    a, b, local_centre, target_centre = _centred(local, target, weight)
    spread = float((weight * (a[:, :2] ** 2).sum(axis=1)).sum())
    reach = float(np.linalg.norm(a[:, :2], axis=1).max())
    if reach < 0.01 or float(np.linalg.norm(b[:, :2], axis=1).max()) < 0.01:
        raise GeometryError(
            f"the control points stand in one place in plan (within {reach:.3g} m)",
            where=where,
            expected="points spread across the site",
        )
    p = float((weight * (a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])).sum()) / spread
    q = float((weight * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum()) / spread
    length = float(np.hypot(p, q))
    factor = length if scale else 1.0
    cos, sin = p / length * factor, q / length * factor
    # Heights keep their scale: one shift is all that a levelled instrument needs.
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    turned = a @ matrix.T
    design = design_of(turned, "plan", scale)
    return _judged(matrix, local_centre, target_centre, factor, b - turned, design, sigma)


def design_of(turned: Floats, method: str, scale: bool) -> Floats:
    """Derivatives (n, 3, u) of transformed coordinates by shift, rotations (radians) and, if asked for, scale.

    Parameters
    ----------
    turned : ndarray, shape (n, 3)
        Transformed points, counted from the target centre.
    method : str
        ``space`` (three rotations, scale of all axes) or ``plan`` (one rotation, scale in plan).
    scale : bool
        Whether there is a scale.
    """
    axes = (0, 1, 2) if method == "space" else (2,)
    design = np.zeros((len(turned), 3, 3 + len(axes) + scale))
    design[:, :, :3] = np.eye(3)
    for at, axis in enumerate(axes):
        design[:, :, 3 + at] = np.cross(np.eye(3)[axis], turned)
    if scale:
        design[:, :, -1] = turned if method == "space" else turned * [1.0, 1.0, 0.0]
    return design


def _centred(local: Floats, target: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    share = (weight / weight.sum())[:, None]
    # The mean of offsets keeps the digits that a mean of raw northings would lose.
    local_centre = local[0] + ((local - local[0]) * share).sum(axis=0)
    target_centre = target[0] + ((target - target[0]) * share).sum(axis=0)
    return local - local_centre, target - target_centre, local_centre, target_centre


def _judged(
    matrix: Floats,
    local_centre: Floats,
    target_centre: Floats,
    scale: float,
    residuals: Floats,
    design: Floats,
    sigma: Floats,
) -> Adjustment:
    """Redundancy numbers from the linearised design: how much of an error shows in its own residual."""
    unknowns = design.shape[2]
    weighted = (design / sigma[:, None, None]).reshape(-1, unknowns)
    size = np.linalg.norm(weighted, axis=0)
    q, r = np.linalg.qr(weighted / size)
    inverse = np.linalg.inv(r) / size[:, None]
    share = np.clip(1.0 - (q**2).sum(axis=1), 0.0, 1.0).reshape(-1, 3)
    redundancy = residuals.size - unknowns
    squares = float(((residuals / sigma[:, None]) ** 2).sum())
    sigma0 = float(np.sqrt(squares / redundancy)) if redundancy > 0 else float("nan")
    standardised = np.full(residuals.shape, np.nan)
    own = sigma0 * sigma[:, None] * np.sqrt(share)
    # Residuals of rounding only say nothing: the coordinates themselves have no more digits.
    floor = 1e-9 * max(1.0, float(np.abs(target_centre).max()))
    np.divide(np.abs(residuals), own, out=standardised, where=(share > 1e-6) & (own > floor))
    covariance = sigma0**2 * (inverse @ inverse.T)
    return Adjustment(
        matrix, local_centre, target_centre, scale, residuals, standardised, sigma0, redundancy, covariance
    )
