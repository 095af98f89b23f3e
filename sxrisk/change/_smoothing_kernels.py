"""Compiled smoothing of series in time, with the weights' effect on the uncertainty."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

__all__ = ["local_lines", "running_medians"]

_ROUNDS = 3  # the first is plain, the others robust
_BIWEIGHT = 4.685  # 95 % efficiency on Gaussian errors
_MAD_TO_SIGMA = 1.4826


@njit(cache=True)
def _window(days, position, window, t, p, rows):
    """Epochs with a value within the window of epoch t; their number."""
    found = 0
    for k in range(len(days)):
        if abs(days[k] - days[t]) <= window and not math.isnan(position[k, p]):
            rows[found] = k
            found += 1
    return found


@njit(cache=True)
def _spread(rows, found, weight, variance, freedom, registration2, p):
    """Variance of a weighted sum less the first epoch, its degrees of freedom, and the variance by registration."""
    total = inverse = moved = 0.0
    has_first = False
    for q in range(found):
        k = rows[q]
        w = weight[q]
        if k == 0:
            w -= 1.0
            has_first = True
        part = w * w * variance[k, p]
        total += part
        inverse += part * part / freedom[k, p]
        moved += w * w * registration2[k]
    if not has_first:
        total += variance[0, p]
        inverse += variance[0, p] ** 2 / freedom[0, p]
        moved += registration2[0]
    return total, total * total / inverse if inverse > 0.0 else np.inf, moved


@njit(parallel=True, cache=True)
def local_lines(days, position, variance, freedom, registration2, window, smooth, spread2, worth, moved):
    """Robust local lines through the series of every point.

    Parameters
    ----------
    days : (t,) float64
        Times.
    position, variance, freedom : (t, m) float64
        Values, their variances and the degrees of freedom of these; NaN where there is none.
    registration2 : (t,) float64
        Variance of each epoch's registration.
    window : float
        Half-width, days.
    smooth, spread2, worth, moved : (t, m) float64
        Output: smoothed value; variance, degrees of freedom and registration variance of its difference from the first.
    """
    for p in prange(position.shape[1]):
        rows = np.empty(len(days), np.int64)
        near, robust, weight = np.empty(len(days)), np.empty(len(days)), np.empty(len(days))
        for t in range(len(days)):
            found = _window(days, position, window, t, p, rows)
            if found == 0:
                smooth[t, p] = spread2[t, p] = worth[t, p] = moved[t, p] = np.nan
                continue
            for q in range(found):
                k = rows[q]
                near[q] = (1.0 - (abs(days[k] - days[t]) / (1.000001 * window)) ** 3) ** 3 / variance[k, p]
                robust[q] = 1.0
            value = slope = 0.0
            for turn in range(_ROUNDS):
                value, slope = _line(days, position, rows, found, t, p, near, robust, weight)
                if turn < _ROUNDS - 1:
                    _reweigh(days, position, variance, rows, found, t, p, value, slope, robust)
            smooth[t, p] = value
            spread2[t, p], worth[t, p], moved[t, p] = _spread(rows, found, weight, variance, freedom, registration2, p)


@njit(cache=True)
def _line(days, position, rows, found, t, p, near, robust, weight):
    """Weighted line through the window at epoch t: value, slope, and the weight of each epoch in the value."""
    s0 = s1 = s2 = 0.0
    for q in range(found):
        w, d = near[q] * robust[q], days[rows[q]] - days[t]
        s0 += w
        s1 += w * d
        s2 += w * d * d
    determinant = s0 * s2 - s1 * s1
    level = determinant <= 1e-9 * s0 * s2
    value = slope = 0.0
    for q in range(found):
        w, d = near[q] * robust[q], days[rows[q]] - days[t]
        weight[q] = w / s0 if level else w * (s2 - s1 * d) / determinant
        value += weight[q] * position[rows[q], p]
        if not level:
            slope += w * (s0 * d - s1) / determinant * position[rows[q], p]
    return value, slope


@njit(cache=True)
def _reweigh(days, position, variance, rows, found, t, p, value, slope, robust):
    """Tukey's weights of the residuals, in units of their own scatter or of the noise, whichever is larger."""
    off = np.empty(found)
    for q in range(found):
        k = rows[q]
        off[q] = abs(position[k, p] - value - slope * (days[k] - days[t])) / math.sqrt(variance[k, p])
    scale = _BIWEIGHT * max(1.0, _MAD_TO_SIGMA * np.median(off))
    for q in range(found):
        u = off[q] / scale
        robust[q] = (1.0 - u * u) ** 2 if u < 1.0 else 0.0


@njit(parallel=True, cache=True)
def running_medians(days, position, variance, freedom, registration2, window, smooth, spread2, worth, moved):
    """Running medians of the series of every point; parameters as of :func:`local_lines`.

    A median of m Gaussian values has pi / 2 times the variance of their mean, times m / (m + pi / 2 - 1) when few.
    """
    for p in prange(position.shape[1]):
        rows = np.empty(len(days), np.int64)
        weight = np.empty(len(days))
        values = np.empty(len(days))
        for t in range(len(days)):
            found = _window(days, position, window, t, p, rows)
            if found == 0:
                smooth[t, p] = spread2[t, p] = worth[t, p] = moved[t, p] = np.nan
                continue
            factor = math.sqrt(0.5 * math.pi * found / (found + 0.5 * math.pi - 1.0))
            for q in range(found):
                values[q] = position[rows[q], p]
                weight[q] = factor / found
            smooth[t, p] = np.median(values[:found])
            spread2[t, p], worth[t, p], moved[t, p] = _spread(rows, found, weight, variance, freedom, registration2, p)
