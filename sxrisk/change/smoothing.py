"""Series of change smoothed in time, with the level of detection that the smoothing earns."""

from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from sxrisk.change._smoothing_kernels import local_lines, running_medians
from sxrisk.change.detection import Noise, difference_noise, lod_of_noise
from sxrisk.change.series import pair_sigma
from sxrisk.errors import ParameterError

__all__ = ["Smoothing", "smooth_series"]

Floats = NDArray[np.float64]
Smoothing = Literal["regression", "median"]


def smooth_series(series: xr.Dataset, window_days: float, *, method: Smoothing = "regression") -> xr.Dataset:
    """
    Change since the first epoch, smoothed in time point by point.

    Parameters
    ----------
    series : Dataset
        From :func:`m3c2_series`.
    window_days : float
        Half-width of the window: epochs up to this many days before and after count.
    method : {"regression", "median"}
        "regression": a straight line through the window, near epochs and well-known ones weighing more (tricube in
        time, one over the variance), far-off values losing their weight in two rounds (Tukey's biweight). "median": the
        median of the window, which keeps a step sharp, and bends a ramp only at its ends.

    Returns
    -------
    Dataset
        `series` with ``smoothed_m``, ``smoothed_lod95_m`` and ``smoothed_significant``, each (time, point). The level
        of detection follows from the weights with which epochs entered, the first epoch among them; neighbouring rows
        share epochs, so that they are not independent. NaN where the window holds no value or the first epoch has none.

    Raises
    ------
    ParameterError
        If the window is not positive or the method is unknown.

    References
    ----------
    Cleveland (1979), "Robust locally weighted regression and smoothing scatterplots", JASA 74, 829-836.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> from sxrisk.change import m3c2_series
    >>> rng = np.random.default_rng(1)
    >>> cloud = lambda day: sx.Scan(rng.uniform(0.0, [6.0, 6.0, 0.02], (2000, 3)), epoch=f"2026-03-{day:02d}T00:00:00Z")
    >>> series = m3c2_series([cloud(day) for day in range(1, 10)], core_spacing_m=2.0, normal_radius_m=1.0,
    ...                      cylinder_radius_m=0.5, max_depth_m=1.0)
    >>> smooth = smooth_series(series, 4.0)
    >>> bool((smooth.smoothed_lod95_m[4] < smooth.lod95_m[4]).all())
    True
    """
    if not window_days > 0:
        raise ParameterError(f"window_days is {window_days!r}", expected="more than 0 days")
    if method not in get_args(Smoothing):
        raise ParameterError(f"method is {method!r}", expected="'regression' or 'median'")
    days = (series["time"].values - series["time"].values[0]) / np.timedelta64(1, "D")
    position = np.where(
        series["n"].values >= series.attrs["min_points"], series["position_m"].values.astype(np.float64), np.nan
    )
    noise = epoch_noise(series)
    variance = np.where(np.isnan(position), np.nan, noise.spread**2)
    shape = position.shape
    smooth, spread2, freedom, moved = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    kernel = local_lines if method == "regression" else running_medians
    registration2 = _own_registration(series) ** 2
    kernel(days, position, variance, noise.freedom, registration2, window_days, smooth, spread2, freedom, moved)
    distance = smooth - position[0]
    lod95 = lod_of_noise(Noise(np.sqrt(spread2), freedom), np.sqrt(moved))
    lod95[np.isnan(distance)] = np.nan
    dims = ("time", "point")
    return series.assign(
        smoothed_m=(dims, distance, {"units": "m"}),
        smoothed_lod95_m=(dims, lod95, {"units": "m"}),
        smoothed_significant=(dims, np.abs(distance) > lod95),
    )


def epoch_noise(series: xr.Dataset) -> Noise:
    """Standard error (time, point) of every position of a series, metres, and its degrees of freedom."""
    n, std = series["n"].values, series["std_m"].values
    half = difference_noise(std**2, n, std**2, n, statistic=series.attrs["method"])
    # The difference of two alike has twice the variance and twice the freedom of one.
    return Noise(half.spread / np.sqrt(2.0), half.freedom / 2.0)


def _own_registration(series: xr.Dataset) -> Floats:
    """1 sigma (time,) of each epoch's own registration: of two alike where only that of a pair is given."""
    own = np.asarray(series["registration_sigma_m"].values, dtype=np.float64)
    if series.attrs["registration_sigma_m"] >= 0:
        result: Floats = pair_sigma(own, own, series.attrs) / np.sqrt(2.0)
        return result
    return np.nan_to_num(own)
