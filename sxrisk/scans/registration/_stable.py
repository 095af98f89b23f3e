"""Which ground did not move: blocks that agree on one motion, then the patches one by one with their neighbours."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sxrisk.errors import GeometryError
from sxrisk.scans.registration._equations import rows
from sxrisk.scans.registration._fit import TUKEY, Fit, robust_sigma, tukey

__all__ = ["block_numbers", "unmoved"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# The finest blocks whose patches are worth this many independent ones each.
_BLOCKS_ACROSS = (12, 8, 6, 4)
_INDEPENDENT = 25
_LEAST_IN_BLOCK = 20
_LEAST_BLOCKS = 8
_DRAWS = 400
_DRAWN = 5
# 99.9 % of a squared error of six unknowns, and its median.
_GROSS, _MEDIAN = 22.46, 5.35
# Neighbouring patches may tell more than their overlap lets expect, but not without end.
_LEAST_SCALE = 0.05
_AROUND, _MOST_AROUND = 24, 200
_SMOOTH_CUT = 4.0
_LEAST_STABLE = 0.4


def unmoved(fit: Fit) -> Mask:
    """Patches (n,) on ground that did not move between the scans.

    The ground is cut into blocks. Each block's patches give equations of its own motion; the motion that most blocks
    agree on is searched for by drawing few of them at a time, so that a third of the ground that slid as a whole cannot
    bend the fit towards itself. Then each patch is judged by the median residual of its neighbourhood, which sees
    a region that moved by less than the noise of a single patch.
    """
    usable = fit.usable
    independent = fit.independent
    shared = float(usable.sum()) / max(independent, 1e-9)
    for across in _BLOCKS_ACROSS:
        block = block_numbers(fit.places, fit.places[usable], across)
        if independent >= _INDEPENDENT * len(np.unique(block[usable])):
            break
    try:
        motion, gross = _consensus(fit, block)
    except np.linalg.LinAlgError as error:
        raise GeometryError(
            "the blocks of the ground determine no motion: their equations are singular",
            expected="surfaces that face in several directions",
            remedy="Give control targets, or the unmoved ground as stable=",
        ) from error
    stable = usable & ~np.isin(block, gross)
    # The residuals as they would be after the motion that most blocks agree on.
    residuals = (fit.residuals + rows(fit.places, fit.planes.normal) @ motion) / fit.scale
    around = int(min(_AROUND * shared, _MOST_AROUND, usable.sum() / 2))
    tree = cKDTree(fit.places[usable])
    near = tree.query(fit.places[usable], k=around, workers=-1)[1]
    smooth = np.median(residuals[usable][near], axis=1)
    seen = smooth[stable[usable]]
    if not len(seen):
        return usable
    noise = 1.25 * fit.sigma / np.sqrt(max(around / shared, 1.0))
    quiet = np.abs(smooth) <= _SMOOTH_CUT * max(noise, robust_sigma(seen))
    # A patch goes with most of its neighbours: single ones in a moved region are chance.
    stable[usable] &= quiet[near].mean(axis=1) >= 0.5
    # Where most of the ground contradicts the rest, the scans are bent, not the ground: all of it decides.
    return stable if stable.sum() >= _LEAST_STABLE * usable.sum() else usable


def block_numbers(places: Floats, measured: Floats, across: int) -> npt.NDArray[np.int64]:
    """Number of the block (n,) that each place lies in, `across` blocks along the longest side of `measured`."""
    low = measured.min(axis=0)
    edge = max(float(np.ptp(measured, axis=0).max()) / across, 1e-6)
    cell = np.clip(np.floor((places - low) / edge).astype(np.int64), 0, across - 1)
    return (cell[:, 0] * across + cell[:, 1]) * across + cell[:, 2]


def _consensus(fit: Fit, block: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The small motion that most blocks agree on and the numbers of the blocks that do not."""
    numbers, information, right, rest = _block_equations(fit, block)
    if len(numbers) < _LEAST_BLOCKS:
        return np.zeros(6), np.empty(0, dtype=np.int64)
    rng = np.random.default_rng(0)
    drawn = np.argsort(rng.random((_DRAWS, len(numbers))), axis=1)[:, :_DRAWN]
    ridge = 1e-6 * np.diag(np.diag(information.sum(axis=0))) / len(numbers)
    motions = [np.zeros((1, 6)), _solved(information.sum(axis=0)[None] + ridge, right.sum(axis=0)[None])]
    motions.append(_solved(information[drawn].sum(axis=1) + ridge, right[drawn].sum(axis=1)))
    candidates = np.concatenate(motions)
    error = _disagreement(candidates, information, right, rest)
    scale = max(_LEAST_SCALE, float(np.median(error, axis=1).min()) / _MEDIAN)
    best = int(np.argmin(np.minimum(error / scale, _GROSS).sum(axis=1)))
    motion, bad = candidates[best], error[best] > _GROSS * scale
    for _ in range(5):
        if bad.sum() > 0.6 * len(numbers):
            return np.zeros(6), np.empty(0, dtype=np.int64)  # no agreement: nothing is known of the blocks
        motion = _solved((information[~bad].sum(axis=0) + ridge)[None], right[~bad].sum(axis=0)[None])[0]
        error = _disagreement(motion[None], information, right, rest)[0]
        scale = max(_LEAST_SCALE, float(np.median(error[~bad])) / _MEDIAN)
        again = error > _GROSS * scale
        if (again == bad).all():
            break
        bad = again
    return motion, numbers[bad]


def _block_equations(fit: Fit, block: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """Numbers of the blocks, their information (b, 6, 6), right sides (b, 6) and squared residuals explained (b,)."""
    chosen = np.flatnonzero(fit.usable)
    chosen = chosen[np.argsort(block[chosen], kind="stable")]
    numbers, start, count = np.unique(block[chosen], return_index=True, return_counts=True)
    scale = fit.scale[chosen]
    design = rows(fit.places[chosen], fit.planes.normal[chosen]) / scale[:, None]
    residuals = fit.residuals[chosen] / scale
    found, information, right, rest = [], [], [], []
    for number, first, n in zip(numbers, start, count, strict=True):
        if n < _LEAST_IN_BLOCK:
            continue
        part = slice(first, first + n)
        residual = residuals[part]
        sigma = max(robust_sigma(residual), fit.sigma)
        weight = tukey((residual - np.median(residual)) / (TUKEY * sigma)) / (sigma**2 * fit.alike[chosen[part]])
        matrix = design[part].T @ (design[part] * weight[:, None])
        side = -design[part].T @ (weight * residual)
        found.append(number)
        information.append(matrix)
        right.append(side)
        rest.append(float(side @ np.linalg.pinv(matrix, rcond=1e-9, hermitian=True) @ side))
    return np.array(found, dtype=np.int64), np.array(information), np.array(right), np.array(rest)


def _disagreement(motions: Floats, information: Floats, right: Floats, rest: Floats) -> Floats:
    """Squared error (m, b) of every motion against every block's own best one, about chi-square."""
    squared = np.einsum("mi,bij,mj->mb", motions, information, motions, optimize=True)
    return np.maximum(squared - 2.0 * motions @ right.T + rest, 0.0)


def _solved(matrices: Floats, sides: Floats) -> Floats:
    return np.linalg.solve(matrices, sides[:, :, None])[:, :, 0].astype(np.float64)
