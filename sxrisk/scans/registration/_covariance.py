"""How well a motion is known: by leaving out one block of ground after the other, which lets neighbours go together."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.scans.registration._equations import add, rows, solve
from sxrisk.scans.registration._fit import MAD_TO_SIGMA, TUKEY, Fit, lever_of
from sxrisk.scans.registration._stable import block_numbers
from sxrisk.scans.registration._targets import Targets

__all__ = ["Quality", "quality", "surface_weight"]

Floats = npt.NDArray[np.float64]

# Blocks along the longest side, for the motion's covariance: three sizes, the first that make enough of them.
_SIZES, _USED_SIZES = (6, 8, 12, 16, 24, 32, 48), 3
_LEAST_BLOCKS = 20
_BLOCKS_ACROSS = 8


class Quality(NamedTuple):
    """Covariance (6, 6) of turn and shift, what is left beside it, and both as one sigma; metres and radians."""

    covariance: Floats
    scatter_m: float
    sigma_m: float


def quality(fit: Fit, targets: Targets | None) -> Quality:
    """Covariance of a fit's motion and the scatter of what it leaves.

    The inverse of the normal equations takes every residual for news. How many times their variance the motion really
    has is seen from how it moves when blocks of ground are left out in turn: growth, refraction, a bent scan and shared
    points make neighbouring residuals go together.
    """
    equations = fit.equations
    weight = surface_weight(fit)
    known = equations.information - equations.feigned
    control = None if targets is None else targets.equations(fit.matrix)
    information = known * weight + (0.0 if control is None else control.information)
    basis = solve(add(equations, control), lever_of(fit.places[fit.usable]))[1]
    covariance = basis @ np.linalg.inv(basis.T @ information @ basis) @ basis.T
    span = 2.0 * float(np.ptp(fit.places[fit.usable], axis=0).max())
    scatter, sigma = _remaining(fit, covariance)
    return Quality(covariance + span**2 * fit.open @ fit.open.T, scatter, sigma)


def surface_weight(fit: Fit) -> float:
    """By how much the surface's equations must be multiplied so that they tell no more than they know.

    Blocks miss what goes together across their edges, the more the smaller they are. The variance at three sizes is
    carried on to blocks without end, in proportion to the edges' length.
    """
    basis = solve(fit.equations, lever_of(fit.places[fit.usable]))[1]
    if not basis.shape[1]:
        return 1.0
    used = fit.weights > 0
    places, weights = fit.places[used], fit.weights[used] / fit.sigma**2
    design = rows(places, fit.planes.normal[used]) @ basis
    scores = design * (weights * fit.residuals[used])[:, None]
    products = (design[:, :, None] * design[:, None, :] * weights[:, None, None]).reshape(len(design), -1)
    known = basis.T @ (fit.equations.information - fit.equations.feigned) @ basis
    scaled = fit.residuals[used] / (TUKEY * fit.sigma * fit.scale[used])
    # The slope of Tukey's influence instead of its weights.
    curvature = (1.0 - scaled**2) * (1.0 - 5.0 * scaled**2) / (fit.scale[used] ** 2 * fit.alike[used])
    slope = max(float(curvature.sum() / fit.weights[used].sum()), 0.1)
    across, factors = [], []
    for size in _SIZES:
        number = np.unique(block_numbers(places, places, size), return_inverse=True)[1].ravel()
        if number.max() + 1 >= _LEAST_BLOCKS:
            across.append(float(size))
            factors.append(_left_out(number, scores, products, known, slope))
        if len(across) == _USED_SIZES:
            break
    if not across:
        return 1.0
    at_end = np.polyfit(across, factors, 1)[1] if len(across) == _USED_SIZES else 0.0
    return 1.0 / max(float(at_end), *factors)


def _left_out(number: npt.NDArray[np.int64], scores: Floats, products: Floats, known: Floats, slope: float) -> float:
    """Variance of the motion by leaving out one block at a time, in terms of what the equations state."""
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(number.max() + 1))
    side = np.add.reduceat(scores[order], starts)
    blocks = np.add.reduceat(products[order], starts).reshape(-1, *known.shape)
    whole = blocks.sum(axis=0)
    # The noise of the normals feigns as large a part of each block's information as of the whole.
    share = float(np.trace(np.linalg.solve(whole, known))) / len(known)
    rest = slope * (known - share * blocks)
    motions = np.linalg.solve(rest, side[:, :, None])[:, :, 0]
    motions = motions - motions.mean(axis=0)
    n = len(motions)
    return float(np.einsum("bi,ij,bj->", motions, known, motions)) * (n - 1) / n / len(known)


def _remaining(fit: Fit, covariance: Floats) -> tuple[float, float]:
    """Scatter of the block means of the residuals, and with the formal error along the normals on top.

    An open direction moves no patch along its normal, so only the known part of the covariance counts here.
    """
    used = fit.weights > 0
    places, residuals, weights = fit.places[used], fit.residuals[used], fit.weights[used]
    design = rows(places, fit.planes.normal[used])
    formal = float(np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design).mean()))
    low = places[:, :2].min(axis=0)
    cell = max(float(np.ptp(places[:, :2], axis=0).max()) / _BLOCKS_ACROSS, 1e-6)
    column = np.minimum((places[:, :2] - low) / cell, _BLOCKS_ACROSS - 1).astype(np.int64)
    block = column[:, 0] * _BLOCKS_ACROSS + column[:, 1]
    count = np.bincount(block, minlength=_BLOCKS_ACROSS**2)
    total = np.bincount(block, weights, _BLOCKS_ACROSS**2)
    mean = np.bincount(block, weights * residuals, _BLOCKS_ACROSS**2) / np.maximum(total, 1e-300)
    full = count >= max(20, len(residuals) // (20 * _BLOCKS_ACROSS**2))
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(mean[full]))) if full.sum() >= 3 else 0.0
    return scatter, float(np.hypot(formal, scatter))
