"""How far a surface moved, along itself too: its relief before and after, laid onto each other."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

__all__ = ["CERTAIN", "INDEPENDENT", "LEFT_OVER", "NOT_AS_ONE", "Match", "apart", "match_relief", "scatter", "smoothed"]

Floats = NDArray[np.float64]

_ITERATIONS = 12
_BLOCK = 6  # cells; beyond, the errors of smoothed heights are independent
_FEWEST_BLOCKS = 6
INDEPENDENT = 12.0  # cells of smoothed heights to one independent value
CERTAIN = 6.0  # information of a direction by what noise feigns, at least
_ALIKE = 0.5  # correlation of the two reliefs, at least
# What is left over is noise from block to block. Where blocks differ by more than this share of its variance, part of
# the place moved otherwise: a step within it looks like a slope that was pushed along.
LEFT_OVER = 0.5
NOT_AS_ONE = "it did not move as one"
_AMBIGUOUS = 1.3  # variance at another place by that at the best, at least


class Match(NamedTuple):
    """A shift (3,) in the frame of the lattice, its covariance (3, 3), and what is known of it.

    ``rank`` is how many directions along the surface the relief determines (0, 1 or 2), ``reason`` is empty where both
    are; ``alike`` is how much of the relief both epochs share, 1 where all of it; ``start_m`` is the lag along the
    frame's two axes that fits best as a whole.
    """

    shift: Floats
    covariance: Floats
    rank: int
    reason: str
    alike: float
    start_m: tuple[float, float] = (0.0, 0.0)


def match_relief(before: Floats, after: Floats, mask: NDArray[np.bool_], cell_m: float, reach_m: float) -> Match:
    """
    The shift that takes the relief `before` to that `after`: after(x + d) = before(x) + height.

    The start is the lag with the least variance of the difference, the rest least squares with the gradient of one
    epoch as the instrument of the other's: the noise of the two is independent, so it neither feigns relief nor
    shortens the shift.

    Parameters
    ----------
    before, after : (rows, columns) float64
        Heights over the same lattice, metres; NaN where unknown.
    mask : (rows, columns) bool
        Cells that are followed.
    cell_m, reach_m : float
        Edge of a cell; the longest shift looked for, metres.
    """
    known = np.isfinite(before) & np.isfinite(after)
    mask = mask & known
    n = int(mask.sum())
    if n < 4 * _BLOCK**2:
        return _nothing("too few points")
    a, b = smoothed(after), smoothed(before)
    rows, columns = np.nonzero(mask)
    lag, reason = _search(a, b, mask, int(np.ceil(reach_m / cell_m)))
    slopes_a, slopes_b = np.gradient(a), np.gradient(b)
    instrument = np.column_stack([slopes_b[0][mask], slopes_b[1][mask], -np.ones(n)])
    height = b[mask]
    shift = np.array([*lag, 0.0], dtype=np.float64)
    design, residual, kept = instrument, height, np.ones(n, dtype=bool)
    for _ in range(_ITERATIONS):
        place = np.array([rows + shift[0], columns + shift[1]])
        residual = map_coordinates(a, place, order=1, mode="nearest") - height - shift[2]
        design = np.column_stack([*(map_coordinates(s, place, order=1, mode="nearest") for s in slopes_a), -np.ones(n)])
        middle = float(np.median(residual))
        spread = 1.4826 * float(np.median(np.abs(residual - middle)))
        kept = np.abs(residual - middle) <= 4.0 * spread + 1e-12
        matrix = instrument[kept].T @ design[kept]
        if abs(np.linalg.det(matrix)) < 1e-300:
            break
        step = -np.linalg.solve(matrix, instrument[kept].T @ residual[kept])
        step[:2] = np.clip(step[:2], -1.0, 1.0)
        shift = shift + step
        if np.abs(step[:2]).max() < 1e-4 and abs(step[2]) < 1e-7:
            break
    match = _judged(shift, instrument[kept], design[kept], residual[kept], height[kept],
                    (rows[kept], columns[kept]), np.asarray(lag, dtype=np.float64), cell_m, reason)  # fmt: skip
    return match._replace(start_m=(cell_m * lag[1], cell_m * lag[0]))


def _judged(
    shift: Floats, instrument: Floats, design: Floats, residual: Floats, height: Floats,
    place: tuple[NDArray[np.int64], NDArray[np.int64]], lag: Floats, cell_m: float, reason: str,
) -> Match:  # fmt: skip
    """What the relief says about its own shift."""
    n = len(residual)
    centred_z = instrument[:, :2] - instrument[:, :2].mean(axis=0)
    centred_j = design[:, :2] - design[:, :2].mean(axis=0)
    cross = centred_z.T @ centred_j
    information = 0.5 * (cross + cross.T)
    feigned = 0.5 * (centred_z.T @ centred_z + centred_j.T @ centred_j) - information
    floor = CERTAIN * max(0.5 * float(np.trace(feigned)), 0.0) / np.sqrt(max(n / INDEPENDENT, 1.0)) + 1e-12 * n
    values = np.linalg.eigvalsh(information)
    rank = int((values > floor).sum())
    detail = height - height.mean()
    alike = 1.0 - float(residual.var()) / max(2.0 * float(detail.var()), 1e-300)
    if rank < 2:
        reason = ("no relief to hold on to", "relief in one direction only")[rank]
    elif not reason and alike < _ALIKE:
        reason, rank = "the reliefs differ", 0
    elif not reason and apart(residual, place) > LEFT_OVER:
        reason, rank = NOT_AS_ONE, 0
    elif not reason and np.abs(shift[:2] - lag).max() > 3.0:
        reason, rank = "the fit left its start", 0
    elif reason:
        rank = 0
    if rank < 2:
        # The height alone, the place taken as it stands.
        variance = float(residual.var()) / max(n / INDEPENDENT, 1.0)
        covariance = np.full((3, 3), np.nan)
        covariance[2, 2] = variance
        return Match(np.array([np.nan, np.nan, np.nan]), covariance, rank, reason, alike)
    bread = np.linalg.inv(instrument.T @ design)
    covariance = bread @ scatter(instrument, residual, place) @ bread.T
    # Rows run along the frame's second axis, columns along its first.
    turn = np.array([[0.0, cell_m, 0.0], [cell_m, 0.0, 0.0], [0.0, 0.0, 1.0]])
    covariance = turn @ covariance @ turn.T
    if np.sqrt(np.trace(covariance[:2, :2])) > cell_m:
        return Match(np.full(3, np.nan), np.full((3, 3), np.nan), 0, "too uncertain", alike)
    return Match(turn @ shift, covariance, 2, "", alike)


def scatter(instrument: Floats, residual: Floats, place: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Floats:
    """Covariance (k, k) of the sums of instrument (n, k) by residual (n,), from blocks that err independently."""
    number = _blocks(place)
    count, k = int(number.max()) + 1, instrument.shape[1]
    sums = np.column_stack([np.bincount(number, instrument[:, i] * residual, count) for i in range(k)])
    result: Floats = (sums.T @ sums) * count / max(count - k, 1)
    return result


def apart(residual: Floats, place: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
    """Variance of a residual from block to block by all of its variance; 0 where there are too few blocks to tell."""
    number = _blocks(place)
    size = np.bincount(number)
    full = 2 * size >= _BLOCK**2
    if full.sum() < _FEWEST_BLOCKS:
        return 0.0
    means = np.bincount(number, residual)[full] / size[full]
    return float(np.average(np.square(means - residual.mean()), weights=size[full]) / max(residual.var(), 1e-300))


def _blocks(place: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.int64]:
    block = (place[0] // _BLOCK) * (1 << 20) + place[1] // _BLOCK
    return np.asarray(np.unique(block, return_inverse=True)[1], dtype=np.int64).ravel()


def _search(a: Floats, b: Floats, mask: NDArray[np.bool_], reach: int) -> tuple[tuple[int, int], str]:
    """The lag of least variance of the difference over the mask, and what speaks against it."""
    from scipy.signal import correlate

    rows, columns = np.nonzero(mask)
    room = min(rows.min(), columns.min(), a.shape[0] - 1 - rows.max(), a.shape[1] - 1 - columns.max())
    reach = int(min(reach, room))
    if reach < 1:
        return (0, 0), "no ground around it to look on"
    part = (slice(rows.min() - reach, rows.max() + reach + 1), slice(columns.min() - reach, columns.max() + reach + 1))
    inner = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    level = float(b[mask].mean())
    wide, weight = a[part] - level, mask[inner].astype(np.float64)
    own = (b[inner] - level) * weight
    n = float(weight.sum())
    mean = (correlate(wide, weight, "valid", method="fft") - own.sum()) / n
    square = correlate(wide**2, weight, "valid", method="fft") - 2.0 * correlate(wide, own, "valid", method="fft")
    score = np.maximum((square + float((own**2).sum())) / n - mean**2, 1e-12)
    lags = np.arange(-reach, reach + 1)
    i, j = np.unravel_index(int(np.argmin(score)), score.shape)
    best = (int(lags[i]), int(lags[j]))
    if reach > 1 and max(abs(best[0]), abs(best[1])) == reach:
        return best, "motion beyond the reach"
    far = np.hypot(lags[:, None] - best[0], lags[None, :] - best[1]) > 4.0
    if far.any() and float(score[far].min()) < _AMBIGUOUS * float(score[i, j]):
        return best, "several places fit"
    return best, ""


def smoothed(values: Floats) -> Floats:
    """Heights without gaps, smoothed by one cell."""
    unknown = ~np.isfinite(values)
    if unknown.any():
        nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        values = values[tuple(nearest)]
    result: Floats = gaussian_filter(values, 1.0)
    return result


def _nothing(reason: str) -> Match:
    return Match(np.full(3, np.nan), np.full((3, 3), np.nan), 0, reason, float("nan"))
