"""The robust point-to-plane fit at one scale."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError
from sxrisk.scans.registration._equations import (
    Equations,
    add,
    moved,
    small_motion,
    solve,
    surface_equations,
)
from sxrisk.scans.registration._patches import Means, Planes, Surface, local_planes
from sxrisk.scans.registration._targets import Targets

__all__ = ["LEAST_POINTS", "TUKEY", "Fit", "fit", "lever_of", "robust_sigma", "tukey"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TUKEY = 4.685  # 95 % efficiency on normal errors
MAD_TO_SIGMA = 1.4826
LEAST_POINTS = 100
_WIDE_STEPS = 5
_SMALL_STEP_M = 1e-5


class Fit(NamedTuple):
    """Where a fit stands: the motion about the local origin, and what it saw there.

    ``places`` (n, 3), ``residuals`` (n,), ``usable`` (n,) and ``weights`` (n,) are those of the moving cloud's patches
    after the motion, ``alike`` (n,) as in :class:`Means`; ``scale`` (n,) is what is expected of each residual in terms
    of the usual one; ``sigma`` is the scatter of a usual residual; ``open`` (6, k) are the directions nobody knows.
    """

    matrix: Floats
    places: Floats
    planes: Planes
    alike: Floats
    scale: Floats
    residuals: Floats
    usable: Mask
    weights: Floats
    sigma: float
    equations: Equations
    open: Floats
    converged: bool

    @property
    def independent(self) -> float:
        """Number of usable patches that tell something of their own."""
        return float((1.0 / self.alike[self.usable]).sum())

    def agreement(self, means: Means) -> float:
        """Share of the usable patches that lie within three times the surfaces' own roughness of each other."""
        rough = np.hypot(means.rough, self.planes.rough)[self.usable]
        near = np.abs(self.residuals[self.usable]) <= 3.0 * rough + 1e-4
        return float(near.mean()) if len(near) else 0.0


def fit(
    means: Means,
    surface: Surface,
    matrix: Floats,
    *,
    max_distance_m: float,
    iterations: int = 60,
    keep: Mask | None = None,
    targets: Targets | None = None,
    trust: float = 1.0,
    where: str = "",
) -> Fit:
    """Fit `means` to the planes of `surface`, starting from `matrix` (4, 4).

    Tukey's loss, whose scale comes down with the residuals, gives moved ground no weight at all. The planes are laid
    anew whenever the places have left the middle of their patches.

    Parameters
    ----------
    means : Means
    surface : Surface
    matrix : ndarray of shape (4, 4)
    max_distance_m : float
        Pairs further apart never count.
    iterations : int
        Steps at most.
    keep : ndarray of bool, shape (n,), optional
        Patches that may decide; the others are only looked at. A first guess of `keep` also ends the wide start.
    targets : Targets, optional
        Control targets that decide with the surface.
    trust : float
        What the surface's equations are multiplied by beside those of the targets.
    where : str
        Name for messages.
    """
    laid_at = moved(matrix, means.places)
    planes = local_planes(surface, laid_at, means)
    fresh, converged = True, False
    for iteration in range(iterations):
        places = moved(matrix, means.places)
        drift = float(np.quantile(np.linalg.norm(places - laid_at, axis=1), 0.9))
        if iteration and (fresh or drift > 0.05 * float(np.median(planes.radius))):
            planes, laid_at, fresh = local_planes(surface, places, means), places, True
        residuals, usable = planes.distances(places, max_distance_m)
        deciding = usable if keep is None else usable & keep
        if deciding.sum() < LEAST_POINTS:
            raise GeometryError(
                f"only {int(deciding.sum())} of {len(places)} points lie within {max_distance_m:g} m of the other scan",
                where=where or None,
                expected=f"at least {LEAST_POINTS}: scans of the same place, roughly in position",
                remedy="Check that both are in the same coordinate system, raise max_distance_m, or search the whole "
                "scan with coarse=True",
            )
        scale = _scale(planes.expected, residuals, deciding)
        leveled = residuals / scale
        middle = float(np.median(leveled[deciding]))
        sigma = robust_sigma(leveled[deciding])
        if keep is None and iteration < _WIDE_STEPS:
            # A wide scale at first, so that a whole shifted scan is not taken for a moved one.
            sigma = max(sigma, 0.5 * abs(middle))
        weights = np.where(deciding, tukey(leveled / (TUKEY * sigma)) / (scale**2 * means.alike), 0.0)
        equations = surface_equations(places, planes.normal, planes.tilt, residuals, weights, sigma)
        known = equations
        if targets is not None:
            known = add(Equations(*(trust * part for part in equations)), targets.equations(matrix))
        lever = lever_of(places[deciding])
        motion, basis, unknown = solve(known, lever)
        matrix = small_motion(motion) @ matrix
        step = float(np.linalg.norm(motion[3:]) + np.linalg.norm(motion[:3]) * float(np.abs(places).max()))
        # A step well below the fit's own error only follows neighbours that come and go.
        formal = float(np.sqrt(np.trace(basis @ np.linalg.pinv(basis.T @ known.information @ basis) @ basis.T)))
        if step < max(_SMALL_STEP_M, 0.1 * formal) and (keep is not None or iteration >= _WIDE_STEPS):
            if fresh:
                converged = True
                break
            fresh = True
        else:
            fresh = False
    return Fit(
        matrix, places, planes, means.alike, scale, residuals, usable, weights, sigma, equations, unknown, converged
    )


def _scale(expected: Floats, residuals: Floats, deciding: Mask) -> Floats:
    """What is expected of each residual (n,) in terms of the usual one.

    Its own roughness, and whatever error the smooth ground shows beyond its roughness, which all patches share. The
    roughness alone would let the smoothest ground outvote the walls that hold a direction; none of it would let the
    walls pass for outliers.
    """
    square = expected**2
    usual = float(np.median(square[deciding]))
    common = max(robust_sigma(residuals[deciding]) ** 2 - usual, 0.0)
    # Few points may lie on a plane by chance: none is taken for much better than the usual one.
    return np.sqrt((np.maximum(square, 0.25 * usual) + common) / (usual + common + 1e-18))


def tukey(u: Floats) -> Floats:
    """Tukey's weights of residuals in units of the cut."""
    return np.where(np.abs(u) < 1.0, (1.0 - u**2) ** 2, 0.0)


def robust_sigma(values: Floats) -> float:
    """Standard deviation about the median, by the median of the absolute deviations; at least 0.01 mm."""
    return max(MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values)))), 1e-5)


def lever_of(places: Floats) -> float:
    """Root mean square distance from the middle, metres: what turns are weighed with."""
    return max(float(np.sqrt(((places - places.mean(axis=0)) ** 2).sum(axis=1).mean())), 1e-3)
