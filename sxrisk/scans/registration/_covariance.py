"""How well a motion is known: a sandwich over blocks, which lets neighbouring residuals go together."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from sxrisk.scans.registration._equations import add, rows, solve
from sxrisk.scans.registration._fit import MAD_TO_SIGMA, TUKEY, Fit, lever_of
from sxrisk.scans.registration._stable import block_numbers
from sxrisk.scans.registration._targets import Targets

__all__ = ["Quality", "quality", "surface_weight"]

Floats = npt.NDArray[np.float64]

_BLOCKS_ACROSS = 8
_LEAST_BLOCKS = 30


class Quality(NamedTuple):
    """Covariance (6, 6) of turn and shift, what is left beside it, and both as one sigma; metres and radians."""

    covariance: Floats
    scatter_m: float
    sigma_m: float


def quality(fit: Fit, targets: Targets | None) -> Quality:
    """Covariance of a fit's motion and the scatter of what it leaves.

    The plain least-squares covariance counts every residual as new information. Neighbouring patches share points, and
    the ground has errors of its own (roughness, growth, incidence), so the sums of the equations over blocks of
    ground stand for the independent observations. The result is never less than the plain one.
    """
    bread, meat = _sandwich(fit)
    weight = 1.0 / _inflation(fit, bread, meat)
    control = None if targets is None else targets.equations(fit.matrix)
    information = bread * weight + (0.0 if control is None else control.information)
    noise = meat * weight**2 + (0.0 if control is None else control.information)
    basis = solve(add(fit.equations, control), lever_of(fit.places[fit.usable]))[1]
    inverse = basis @ np.linalg.inv(basis.T @ information @ basis) @ basis.T
    span = 2.0 * float(np.ptp(fit.places[fit.usable], axis=0).max())
    known = inverse @ noise @ inverse.T
    scatter, sigma = _remaining(fit, known)
    return Quality(known + span**2 * fit.open @ fit.open.T, scatter, sigma)


def surface_weight(fit: Fit) -> float:
    """By how much the surface's equations must be multiplied so that they tell no more than they know."""
    return 1.0 / _inflation(fit, *_sandwich(fit))


def _sandwich(fit: Fit) -> tuple[Floats, Floats]:
    used = fit.weights > 0
    places, normals = fit.places[used], fit.planes.normal[used]
    scaled = fit.residuals[used] / (TUKEY * fit.sigma)
    influence = fit.weights[used] * fit.residuals[used] / fit.sigma**2
    # The slope of Tukey's influence instead of its weights.
    slope = float(((1.0 - scaled**2) * (1.0 - 5.0 * scaled**2)).mean() / fit.weights[used].mean())
    bread = (fit.equations.information - fit.equations.feigned) * slope
    plain = float((influence**2).mean() / (fit.weights[used].mean() / fit.sigma**2)) * fit.planes.shared
    least = plain * fit.equations.information
    design = rows(places, normals) * influence[:, None]
    across = _BLOCKS_ACROSS
    block = block_numbers(places, places, across)
    while len(np.unique(block)) < _LEAST_BLOCKS and across < 8 * _BLOCKS_ACROSS:
        across *= 2
        block = block_numbers(places, places, across)
    _, number = np.unique(block, return_inverse=True)
    n_blocks = int(number.max()) + 1
    sums = np.stack([np.bincount(number, design[:, i], n_blocks) for i in range(6)], axis=1)
    meat = sums.T @ sums * n_blocks / max(n_blocks - 6, 1)
    # Not less than the plain form in any direction.
    values, vectors = eigh(meat, least + 1e-12 * np.trace(least) * np.eye(6))
    inverse = np.linalg.inv(vectors)
    return bread, inverse.T @ np.diag(np.maximum(values, 1.0)) @ inverse


def _inflation(fit: Fit, bread: Floats, meat: Floats) -> float:
    """How many times the plain variance the blocks show, over the directions that the surface knows."""
    basis = solve(fit.equations, lever_of(fit.places[fit.usable]))[1]
    if not basis.shape[1]:
        return 1.0
    ratio = np.linalg.solve(basis.T @ bread @ basis, basis.T @ meat @ basis)
    return max(1.0, float(np.trace(ratio)) / basis.shape[1])


def _remaining(fit: Fit, covariance: Floats) -> tuple[float, float]:
    """Scatter of the block means of the residuals, and with the formal error along the normals on top.

    An open direction moves no patch along its normal, so only the known part of the covariance counts here.
    """
    used = fit.weights > 0
    places, residuals = fit.places[used], fit.residuals[used]
    design = rows(places, fit.planes.normal[used])
    formal = float(np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design).mean()))
    low = places[:, :2].min(axis=0)
    cell = max(float(np.ptp(places[:, :2], axis=0).max()) / _BLOCKS_ACROSS, 1e-6)
    column = np.minimum((places[:, :2] - low) / cell, _BLOCKS_ACROSS - 1).astype(np.int64)
    block = column[:, 0] * _BLOCKS_ACROSS + column[:, 1]
    count = np.bincount(block, minlength=_BLOCKS_ACROSS**2)
    mean = np.bincount(block, residuals, _BLOCKS_ACROSS**2) / np.maximum(count, 1)
    full = count >= max(20, len(residuals) // (20 * _BLOCKS_ACROSS**2))
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(mean[full]))) if full.sum() >= 3 else 0.0
    return scatter, float(np.hypot(formal, scatter))
