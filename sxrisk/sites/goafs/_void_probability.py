"""How likely a place is void: logistic in the measured property, corrected by drill holes around it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, solve_triangular
from scipy.spatial.distance import cdist

__all__ = ["LatentField", "VoidClassifier", "fit_classifier"]

Floats = npt.NDArray[np.float64]

# Standard deviations of the prior of level and slope (the property is scaled to unit spread): wide, so that they only
# keep the fit finite where drill holes separate void and rock without overlap.
_LEVEL_PRIOR, _SLOPE_PRIOR = 10.0, 10.0
_RESIDUAL_SIGMAS = (0.0, 0.5, 1.0, 2.0, 4.0)  # with a prior that falls by e for each unit
_REACH_SHARES = (0.03, 0.06, 0.12, 0.25)  # of the extent of the holes, for the reach of what a hole tells
_ITERATIONS, _TOLERANCE = 60, 1e-6
_CHUNK = 20_000
_LOGISTIC_TO_NORMAL = np.pi / 8.0


@dataclass(frozen=True)
class LatentField:
    """Log-odds of void at places: mean (k,) and standard deviation (k,)."""

    mean: Floats
    sigma: Floats

    @property
    def probability(self) -> Floats:
        """Probability (k,) of void, the spread of the log-odds averaged over."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.mean / np.sqrt(1.0 + _LOGISTIC_TO_NORMAL * self.sigma**2))))


@dataclass(frozen=True, eq=False)
class VoidClassifier:
    """A Gaussian process for the log-odds of void, fitted to drill holes by Laplace's method.

    The log-odds are a level, a slope times the scaled property, and a residual that is correlated over `reach_m`: what
    a hole met beyond what the property says holds around it, and fades away.
    """

    middle: float
    spread: float
    residual_sigma: float
    reach_m: float
    log_evidence: float
    slope: float
    slope_sigma: float
    _xyz: Floats
    _level: Floats
    _gradient: Floats
    _root: Floats
    _factor: Floats

    def at(self, xyz: Floats, level: Floats) -> LatentField:
        """Log-odds at places (k, 3) with levels (k,) of the property."""
        scaled = (level - self.middle) / self.spread
        mean, variance = np.empty(len(xyz)), np.empty(len(xyz))
        for start in range(0, len(xyz), _CHUNK):
            part = slice(start, start + _CHUNK)
            distance = cdist(xyz[part], self._xyz)
            cross = _kernel(distance, scaled[part], self._level, self.residual_sigma, self.reach_m)
            mean[part] = cross @ self._gradient
            solved = solve_triangular(self._factor, (cross * self._root).T, lower=True, check_finite=False)
            own = _LEVEL_PRIOR**2 + (_SLOPE_PRIOR * scaled[part]) ** 2 + self.residual_sigma**2
            variance[part] = own - np.einsum("ij,ij->j", solved, solved)
        return LatentField(mean, np.sqrt(np.maximum(variance, 0.0)))


def fit_classifier(
    xyz: Floats, level: Floats, void: npt.NDArray[np.bool_], *, residual: tuple[float, float] | None = None
) -> VoidClassifier:
    """
    Fit the log-odds of void to samples of drill holes.

    Spread and reach of the residual are the likeliest of a grid: with some tens of holes a finer search finds nothing
    more.

    Parameters
    ----------
    xyz : array of shape (n, 3)
        Places of the samples, metres.
    level : array of shape (n,)
        The property there, on its scale.
    void : array of bool, shape (n,)
        What the hole met.
    residual : (sigma, reach_m), optional
        Where they are known already.

    Returns
    -------
    VoidClassifier

    References
    ----------
    Rasmussen, C. E. and Williams, C. K. I. (2006): Gaussian Processes for Machine Learning, chapter 3, algorithms 3.1
    and 3.2. MacKay, D. J. C. (1992): The evidence framework applied to classification networks (the average of the
    logistic over a normal).
    """
    middle, spread = float(level.mean()), float(level.std()) or 1.0
    scaled = (level - middle) / spread
    extent = float(np.linalg.norm(np.ptp(xyz, axis=0))) or 1.0
    signs = np.where(void, 1.0, -1.0)
    distance = cdist(xyz, xyz)
    grid = [(sigma, share * extent) for sigma in _RESIDUAL_SIGMAS for share in _REACH_SHARES]
    fits = [
        (_laplace(_kernel(distance, scaled, scaled, sigma, reach), signs), sigma, reach)
        for sigma, reach in (grid if residual is None else [residual])
    ]
    (evidence, gradient, root, factor), sigma, reach = max(fits, key=lambda fit: fit[0][0] - fit[1])
    # The slope itself: its posterior mean and spread under the same approximation.
    cross = _SLOPE_PRIOR**2 * scaled
    solved = solve_triangular(factor, cross * root, lower=True)
    return VoidClassifier(
        middle, spread, sigma, reach, evidence, float(cross @ gradient),
        float(np.sqrt(max(_SLOPE_PRIOR**2 - float(solved @ solved), 0.0))), xyz, scaled, gradient, root, factor,
    )  # fmt: skip


def _kernel(distance: Floats, level_a: Floats, level_b: Floats, sigma: float, reach_m: float) -> Floats:
    residual = sigma**2 * np.exp(distance / -reach_m)
    return np.asarray(_LEVEL_PRIOR**2 + _SLOPE_PRIOR**2 * np.outer(level_a, level_b) + residual)


def _laplace(kernel: Floats, signs: Floats) -> tuple[float, Floats, Any, Any]:
    """Log evidence, gradient of the log likelihood, root of its curvature, and the Cholesky factor at the mode."""
    n = len(signs)
    f = np.zeros(n)
    a = np.zeros(n)
    objective = -np.inf
    factor: Any
    for _ in range(_ITERATIONS):
        p = 1.0 / (1.0 + np.exp(-f))
        gradient, curvature = (signs + 1.0) / 2.0 - p, p * (1.0 - p)
        root = np.sqrt(curvature)
        factor = np.linalg.cholesky(np.eye(n) + root[:, None] * kernel * root)
        b = curvature * f + gradient
        a = b - root * cho_solve((factor, True), root * (kernel @ b), check_finite=False)
        f = kernel @ a
        found = float(-0.5 * a @ f - np.logaddexp(0.0, -signs * f).sum())
        if abs(found - objective) < _TOLERANCE * n:
            objective = found
            break
        objective = found
    p = 1.0 / (1.0 + np.exp(-f))
    gradient, root = (signs + 1.0) / 2.0 - p, np.sqrt(p * (1.0 - p))
    factor = np.linalg.cholesky(np.eye(n) + root[:, None] * kernel * root)
    return objective - float(np.log(np.diag(factor)).sum()), gradient, root, factor
