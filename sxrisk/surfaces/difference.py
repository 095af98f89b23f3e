"""Elevation difference of two epochs cell by cell, each with its own level of detection."""

import numpy as np
import xarray as xr

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.surfaces.volumes import aligned

__all__ = ["elevation_difference"]

LAYERS = ("count", "mean", "std")


def elevation_difference(
    before: xr.Dataset,
    after: xr.Dataset,
    *,
    registration_sigma_m: float = 0.0,
    min_points: int = 5,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Difference of the mean heights of two epochs, and how large it has to be to be more than noise.

    The level of detection of a cell is Welch's: Student's quantile of the standard error of the two means, from the
    spread of their own points, plus the bound of the registration, which shifts all cells at once. The spread of a
    steep cell holds the slope in it, so that its level is on the safe side.

    Parameters
    ----------
    before, after : xarray.Dataset
        From :func:`grid_statistics`, same cells: ``count``, ``mean`` and ``std`` on (y, x).
    registration_sigma_m : float
        1 sigma of the registration between the epochs in height, metres.
    min_points : int
        Cells with fewer points in one of the epochs have a difference but no level of detection; at least 2.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    xarray.Dataset
        ``difference_m`` (after less before, NaN where one is unknown), ``lod_m`` and ``significant`` (1 yes, 0 no, NaN
        cannot be told), on the cells of both.

    Raises
    ------
    MissingFieldError
        If a layer is missing.
    GeometryError
        If the cells do not lie on each other.
    ParameterError
        If a parameter is outside its range.

    References
    ----------
    Welch, B.L. (1947). The generalization of Student's problem when several different population variances are
    involved. Biometrika 34(1/2), 28-35.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> from sxrisk.surfaces import grid_statistics
    >>> places = np.random.default_rng(0).uniform(0, 10, (4000, 3)) * [1, 1, 0.01]
    >>> epochs = [grid_statistics(Scan(places + [0, 0, rise]), 2.0, bounds=(0, 0, 9.9, 9.9)) for rise in (0.0, 0.05)]
    >>> float(elevation_difference(*epochs)["significant"].mean())
    1.0
    """
    from scipy.special import ndtri, stdtrit

    for name, epoch in (("before", before), ("after", after)):
        missing = [layer for layer in LAYERS if layer not in epoch]
        if missing:
            raise MissingFieldError(
                f"no layer {', '.join(missing)}", where=name, expected=", ".join(LAYERS), remedy="Use grid_statistics"
            )
    if not registration_sigma_m >= 0 or min_points < 2 or not 0 < confidence < 1:
        raise ParameterError(
            f"registration_sigma_m={registration_sigma_m}, min_points={min_points}, confidence={confidence}",
            where="elevation_difference",
            expected="a sigma of zero or more, at least 2 points, a confidence between 0 and 1",
        )
    layers = {name: aligned(before[name], after[name]) for name in LAYERS}
    difference = layers["mean"][1] - layers["mean"][0]
    tail = 0.5 + confidence / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        squares, degrees, enough = [], [], np.ones(difference.shape, dtype=bool)
        for own in (0, 1):
            n = layers["count"][own].values
            squares.append(layers["std"][own].values ** 2 / n)
            degrees.append(n - 1.0)
            enough &= n >= min_points
        whole = squares[0] + squares[1]
        # Two cells of equal heights have no spread to divide by; any number of degrees then gives a level of zero.
        freedom = np.where(whole > 0, whole**2 / (squares[0] ** 2 / degrees[0] + squares[1] ** 2 / degrees[1]), 1.0)
        lod = stdtrit(freedom, tail) * np.sqrt(whole) + ndtri(tail) * registration_sigma_m
        lod = np.where(enough, lod, np.nan)
        significant = np.where(np.isfinite(lod), np.abs(difference.values) > lod, np.nan)
    out = xr.Dataset({"difference_m": difference, "lod_m": difference.copy(data=lod)})
    out["significant"] = difference.copy(data=significant)
    for name, units in (("difference_m", "m"), ("lod_m", "m"), ("significant", "1")):
        out[name].attrs = {"units": units}
    out.attrs.update(confidence=confidence, registration_sigma_m=registration_sigma_m)
    return out
