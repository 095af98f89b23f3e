"""How a body moved and turned as one rigid piece: local ICP, point to plane, between its two reliefs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from sxrisk.change._body_matching import CERTAIN, INDEPENDENT, LEFT_OVER, NOT_AS_ONE, apart, scatter, smoothed

__all__ = ["Turn", "match_turning"]

Floats = NDArray[np.float64]

_ITERATIONS = 20
_FEWEST = 150  # cells
_UNCERTAIN_RAD = 0.05


class Turn(NamedTuple):
    """Rigid motion in the frame of the lattice: displacement (3,) of the pivot, rotation vector (3,) in radians.

    ``covariance`` (6, 6) holds both, displacement first; ``pivot`` (3,) is the middle of the relief before, from the
    middle of the lattice's first cell. Where the relief does not determine all six, they are NaN and ``reason`` says
    why.
    """

    shift: Floats
    rotation: Floats
    covariance: Floats
    pivot: Floats
    reason: str

    def about(self, place: Floats) -> "Turn":
        """The same motion with another pivot (3,)."""
        if self.reason:
            return self
        arm = place - self.pivot
        shift = self.shift + Rotation.from_rotvec(self.rotation).apply(arm) - arm
        # A small turn more moves the arm's end by its cross product with the arm.
        lever = np.eye(6)
        lever[:3, 3:] = -np.cross(arm, np.eye(3)).T
        return Turn(shift, self.rotation, lever @ self.covariance @ lever.T, place, self.reason)


def match_turning(
    before: Floats, after: Floats, mask: NDArray[np.bool_], cell_m: float, start_m: tuple[float, float]
) -> Turn:
    """
    The rigid motion that takes the relief `before` to that `after`, from a start nearby.

    Tilts show in the heights of any surface; a turn about the normal and a shift along the surface only in relief. As
    in :func:`sxrisk.change._body_matching.match_relief`, the slopes of one epoch are the instrument of the other's,
    and what noise alone would feign is known from their difference.

    Parameters
    ----------
    before, after : (rows, columns) float64
        Heights over the same lattice, metres; NaN where unknown.
    mask : (rows, columns) bool
        Cells that are followed.
    cell_m : float
        Edge of a cell.
    start_m : (float, float)
        Shift to start from along columns and along rows, metres.

    References
    ----------
    Chen, Medioni (1992), Image Vision Comput. 10, 145-155.
    """
    mask = mask & np.isfinite(before) & np.isfinite(after)
    n = int(mask.sum())
    if n < _FEWEST:
        return _nothing("too few points")
    a, b = smoothed(after), smoothed(before)
    rows, columns = np.nonzero(mask)
    points = np.column_stack([cell_m * columns, cell_m * rows, b[mask]])
    pivot = points.mean(axis=0)
    points = points - pivot
    # Turns as lengths at the body's own radius: all six unknowns of one kind.
    radius = float(np.sqrt(np.mean(np.square(points[:, :2]).sum(axis=1))))
    slopes_a, slopes_b = np.gradient(a, cell_m), np.gradient(b, cell_m)
    instrument = _rows(points, np.column_stack([slopes_b[1][mask], slopes_b[0][mask]]), radius)
    shift, rotation = np.array([*start_m, 0.0]), Rotation.identity()
    design, residual, kept = instrument, np.zeros(n), np.ones(n, dtype=bool)
    for i in range(_ITERATIONS):
        turned = rotation.apply(points)
        moved = turned + shift + pivot
        place = np.array([moved[:, 1], moved[:, 0]]) / cell_m
        slope = np.column_stack([map_coordinates(s, place, order=1, mode="nearest") for s in slopes_a[::-1]])
        residual = map_coordinates(a, place, order=1, mode="nearest") - moved[:, 2]
        if i == 0:
            shift[2] = float(np.median(residual))
            continue
        design = _rows(turned, slope, radius)
        middle = float(np.median(residual))
        spread = 1.4826 * float(np.median(np.abs(residual - middle)))
        kept = np.abs(residual - middle) <= 4.0 * spread + 1e-12
        matrix = instrument[kept].T @ design[kept]
        if np.linalg.cond(matrix) > 1e12:
            return _nothing("no relief to hold on to")
        step = -np.linalg.solve(matrix, instrument[kept].T @ residual[kept])
        shift = shift + step[:3]
        rotation = Rotation.from_rotvec(step[3:] / radius) * rotation
        if np.abs(step).max() < 1e-4 * cell_m:
            break
    left = bool(np.abs(shift[:2] - start_m).max() > 3.0 * cell_m)
    return _judged(shift, rotation.as_rotvec(), instrument[kept], design[kept], residual[kept],
                   (rows[kept], columns[kept]), radius, pivot, left)  # fmt: skip


def _rows(points: Floats, slope: Floats, radius: float) -> Floats:
    """Change of the residual (n, 6) with the displacement and with the turn times the radius."""
    normal = np.column_stack([slope, -np.ones(len(slope))])
    return np.column_stack([normal, np.cross(points, normal) / radius])


def _judged(
    shift: Floats, rotation: Floats, instrument: Floats, design: Floats, residual: Floats,
    place: tuple[NDArray[np.int64], NDArray[np.int64]], radius: float, pivot: Floats, left: bool,
) -> Turn:  # fmt: skip
    n = len(residual)
    # What is left of shifts along the surface and of the turn about the normal when height and tilts are free.
    free, told = [2, 3, 4], [0, 1, 5]
    z, j = (x[:, told] - x[:, free] @ np.linalg.lstsq(x[:, free], x[:, told], rcond=None)[0]
            for x in (instrument, design))  # fmt: skip
    information = 0.5 * (z.T @ j + j.T @ z)
    feigned = 0.5 * (z.T @ z + j.T @ j) - information
    floor = CERTAIN * max(0.5 * float(np.trace(feigned)), 0.0) / np.sqrt(max(n / INDEPENDENT, 1.0)) + 1e-12 * n
    if int((np.linalg.eigvalsh(information) > floor).sum()) < 3:
        return _nothing("the relief does not tell a turn about the normal")
    if apart(residual, place) > LEFT_OVER:
        return _nothing(NOT_AS_ONE)
    if left:
        return _nothing("the fit left its start")
    bread = np.linalg.inv(instrument.T @ design)
    scale = np.array([1.0, 1.0, 1.0, 1.0 / radius, 1.0 / radius, 1.0 / radius])
    covariance = np.outer(scale, scale) * (bread @ scatter(instrument, residual, place) @ bread.T)
    if np.sqrt(np.trace(covariance[3:, 3:])) > _UNCERTAIN_RAD:
        return _nothing("too uncertain")
    return Turn(shift, rotation, covariance, pivot, "")


def _nothing(reason: str) -> Turn:
    return Turn(np.full(3, np.nan), np.full(3, np.nan), np.full((6, 6), np.nan), np.full(3, np.nan), reason)
