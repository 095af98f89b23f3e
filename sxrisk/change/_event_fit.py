"""The motion that fits an event: level, ramp, level."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_motion"]

Floats = NDArray[np.float64]


def fit_motion(days: Floats, position: Floats, first: int, last: int) -> tuple[int, int, Floats, Floats]:
    """Begin and end of a motion that points share, and how far each of them moved.

    Parameters
    ----------
    days : (t,) float64
        Times.
    position : (t, k) float64
        Positions of the points, metres; NaN where unknown.
    first, last : int
        Epochs between which the motion was seen; it may have begun a little later and ended a little earlier, or the
        other way round by one epoch.

    Returns
    -------
    begin, end : int
        Rows of `days`.
    amount, sigma : (k,) float64
        Change of each point by the motion, metres, and its standard error from the scatter about the fit.
    """
    centred = position - np.nanmedian(position, axis=0)
    mean = np.nanmean(np.where(np.isnan(centred).all(axis=1, keepdims=True), 0.0, centred), axis=1)
    best, begin, end = np.inf, first, last
    for i in range(max(0, first - 1), last):
        ends = np.arange(i + 1, min(len(days), last + 2))
        shapes = np.clip((days[:, None] - days[i]) / (days[ends] - days[i]), 0.0, 1.0)
        errors = _misfit(mean, shapes)
        k = int(np.argmin(errors))
        # A longer motion must earn its freedom: equal misfits are those of the shorter one.
        if errors[k] < best * (1.0 - 1e-9):
            best, begin, end = float(errors[k]), i, int(ends[k])
    shape = np.clip((days - days[begin]) / (days[end] - days[begin]), 0.0, 1.0)
    return begin, end, *_amounts(position, shape)


def _misfit(mean: Floats, shapes: Floats) -> Floats:
    """Sum of squares (s,) that a level and a multiple of each shape (t, s) leave."""
    centred = shapes - shapes.mean(axis=0)
    square = (centred**2).sum(axis=0)
    about = mean - mean.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(square > 0, (centred.T @ about) ** 2 / square, 0.0)
    result: Floats = (about @ about) - explained
    return np.maximum(result, 0.0)


def _amounts(position: Floats, shape: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(position)
    n = known.sum(axis=0)
    weight = known.astype(np.float64)
    level = (shape[:, None] * weight).sum(axis=0) / np.maximum(n, 1)
    centred = (shape[:, None] - level) * weight
    square = (centred**2).sum(axis=0)
    values = np.where(known, position, 0.0)
    middle = values.sum(axis=0) / np.maximum(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        amount = np.where(square > 0, (centred * values).sum(axis=0) / square, 0.0)
        left = (((values - middle - amount * (shape[:, None] - level)) * weight) ** 2).sum(axis=0)
        sigma = np.sqrt(left / np.maximum(n - 2, 1) / square)
    return amount, np.where(np.isfinite(sigma), sigma, 0.0)
