"""Errors of elevation differences that neighbours share: their size, their reach, and what a sum inherits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces.grids import cell_size_m, inside_outline

__all__ = ["SpatialError", "spatial_error"]

Floats = npt.NDArray[np.float64]

Fit = tuple[tuple[int, ...], float, Floats]

MIN_CELLS = 500
MIN_PAIRS = 100
MIN_IN_CLASS = 100
WINSOR = 5.0


@dataclass(frozen=True)
class SpatialError:
    """Error of an elevation difference: its size by slope, and its correlation by distance.

    The correlation is a nugget (independent from cell to cell) and nested spherical models; shares and nugget add to 1.

    Parameters
    ----------
    sigma_m : float
        1 sigma of a cell over all slopes.
    ranges_m : tuple of float
        Distances at which each nested model has faded.
    shares : tuple of float
        Their shares of the variance.
    nugget : float
        Share that neighbours do not have in common.
    slope_deg, slope_sigma_m : ndarray of shape (k,)
        Middles of the slope classes and 1 sigma in each; empty where the error was not sought by slope.
    lag_m, semivariance, n_pairs : ndarray of shape (m,)
        The empirical variogram of the standardised differences, 1 being the variance.
    cell_m : float
        Edge of the cells it was estimated on.
    n_cells : int
        Cells of stable ground.
    """

    sigma_m: float
    ranges_m: tuple[float, ...]
    shares: tuple[float, ...]
    nugget: float
    slope_deg: Floats
    slope_sigma_m: Floats
    lag_m: Floats
    semivariance: Floats
    n_pairs: Floats
    cell_m: float
    n_cells: int

    def correlation(self, distance_m: npt.ArrayLike) -> Floats:
        """Correlation of the errors of two cells at a distance."""
        distance = np.asarray(distance_m, dtype=np.float64)
        total = np.where(distance == 0, self.nugget, 0.0)
        for share, reach in zip(self.shares, self.ranges_m, strict=True):
            total = total + share * _spherical(distance, reach)
        return total

    def sigma_at(self, slope_deg: npt.ArrayLike) -> Floats:
        """1 sigma of a cell on a slope, metres; the overall one where slopes were not told apart or are unknown."""
        slope = np.asarray(slope_deg, dtype=np.float64)
        if not len(self.slope_deg):
            return np.full(slope.shape, self.sigma_m)
        return np.where(np.isnan(slope), self.sigma_m, np.interp(slope, self.slope_deg, self.slope_sigma_m))

    def sum_sigma_m(self, weights: npt.ArrayLike, cell_m: float, *, slope_deg: npt.ArrayLike | None = None) -> float:
        """1 sigma of a weighted sum of cells, exact for the fitted model: every pair of cells counts.

        The nugget is what neighbours do not share on the cells it was estimated on; on other cells it shrinks with
        their area.

        Parameters
        ----------
        weights : array-like of shape (ny, nx)
            Weight of each cell (a mask gives the plain sum).
        cell_m : float
            Edge of the cells, metres.
        slope_deg : array-like of shape (ny, nx), optional
            Slope of each cell.

        Returns
        -------
        float
            Metres; times the area of a cell it is a volume.

        References
        ----------
        Rolstad, C., Haug, T., Denby, B. (2009). Spatially integrated geodetic glacier mass balance and its uncertainty
        based on geostatistical analysis. Journal of Glaciology 55(192), 666-680.
        """
        from scipy import fft

        weight = np.asarray(weights, dtype=np.float64)
        scale = self.sigma_m if slope_deg is None else self.sigma_at(slope_deg)
        field = _trim(weight * scale)
        if not field.size:
            return 0.0
        shape = [fft.next_fast_len(2 * n - 1, real=True) for n in field.shape]
        # Sum over all pairs = sum over all lags of (how often the lag occurs, weighted) x (correlation at the lag).
        pairs = fft.irfft2(np.abs(fft.rfft2(field, shape)) ** 2, shape)
        rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) * cell_m for n in shape)
        rho = self.correlation(np.hypot(rows[:, None], columns[None, :]))
        rho[0, 0] += self.nugget * ((self.cell_m / cell_m) ** 2 - 1.0)
        return float(np.sqrt(max((pairs * rho).sum(), 0.0)))

    def mean_sigma_m(self, mask: npt.ArrayLike, cell_m: float, *, slope_deg: npt.ArrayLike | None = None) -> float:
        """1 sigma of the mean over the cells of a mask, metres; see :meth:`sum_sigma_m`."""
        n = int(np.count_nonzero(mask))
        if n == 0:
            raise GeometryError("a mask without cells has no mean", where="mean_sigma_m")
        return self.sum_sigma_m(np.asarray(mask, dtype=bool), cell_m, slope_deg=slope_deg) / n

    def n_effective(self, mask: npt.ArrayLike, cell_m: float) -> float:
        """Number of independent cells that would give the mean of the mask's cells the same uncertainty."""
        return (self.sigma_m / self.mean_sigma_m(mask, cell_m)) ** 2


def spatial_error(
    difference: xr.DataArray,
    *,
    stable: Any = None,
    slope_deg: xr.DataArray | npt.ArrayLike | None = None,
    slope_classes: Sequence[float] = (0, 5, 10, 15, 20, 30, 40, 50, 60, 90),
    max_models: int = 2,
    max_lag_m: float | None = None,
) -> SpatialError:
    """Size and reach of the errors of an elevation difference, from ground that has not moved.

    The differences are divided by their spread (normalised median absolute deviation, by class of slope if slopes are
    given), outliers are drawn in to 5 sigma, the variogram is taken over all pairs of cells at once, and a nugget with
    one or two spherical models is fitted, the second only if it halves the misfit.

    Parameters
    ----------
    difference : xarray.DataArray
        Later less earlier elevation (y, x), metres, NaN where unknown.
    stable : shapely geometry or array of bool, optional
        Ground that has not moved; default all.
    slope_deg : array-like of shape (ny, nx), optional
        Slope of the ground; errors are then sought by class of slope.
    slope_classes : sequence of float
        Edges of the classes, degrees; those with fewer than 100 cells are joined with the next.
    max_models : {1, 2}
        Nested models at most.
    max_lag_m : float, optional
        Greatest distance of the variogram; default half the shorter side of the stable ground.

    Returns
    -------
    SpatialError

    Raises
    ------
    GeometryError
        If fewer than 500 cells of stable ground have a difference.
    ParameterError
        If `max_models` is not 1 or 2, or a shape is wrong.

    Notes
    -----
    A variogram of a small area cannot show errors that reach beyond it: give the error of the registration itself to
    the volume separately (``common_sigma_m``).

    References
    ----------
    Hugonnet, R. et al. (2022). Uncertainty analysis of digital elevation models by spatial inference from stable
    terrain. IEEE Journal of Selected Topics in Applied Earth Observations and Remote Sensing 15, 6456-6472.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0.0, 0.02, (60, 60))
    >>> x = np.arange(60.0)
    >>> error = spatial_error(xr.DataArray(noise, coords={"y": x[::-1], "x": x}, dims=("y", "x")))
    >>> round(error.sigma_m, 3), round(error.mean_sigma_m(np.ones((10, 10)), 1.0), 3)
    (0.02, 0.002)
    """
    if max_models not in (1, 2):
        raise ParameterError(f"{max_models} nested models", where="max_models", expected="1 or 2")
    values = difference.values.astype(np.float64)
    use = np.isfinite(values) & _stable(difference, stable)
    if int(use.sum()) < MIN_CELLS:
        raise GeometryError(
            f"{int(use.sum())} cells of stable ground have a difference",
            where="spatial_error",
            expected=f"at least {MIN_CELLS}",
            remedy="Widen the stable ground, or use smaller cells",
        )
    cell = cell_size_m(difference)
    middle = float(np.median(values[use]))
    sigma = _nmad(values[use])
    if not sigma > 0:
        raise GeometryError("the differences on stable ground are all equal", expected="measured surfaces")
    centres, spread = np.empty(0), np.empty(0)
    scale: Any = sigma
    if slope_deg is not None:
        slope = np.asarray(slope_deg, dtype=np.float64)
        if slope.shape != values.shape:
            raise ParameterError(f"slopes of shape {slope.shape}", where="slope_deg", expected=f"{values.shape}")
        centres, spread = _by_slope(values - middle, slope, use & np.isfinite(slope), slope_classes)
        scale = np.where(np.isfinite(slope), np.interp(slope, centres, spread), sigma) if len(centres) else sigma
    standard = np.where(use, np.clip((values - middle) / scale, -WINSOR, WINSOR), np.nan)
    factor = float(np.nanstd(standard))
    lag, gamma, pairs = _variogram(standard / factor, cell, max_lag_m)
    nugget, shares, ranges = _fit(lag, gamma, pairs, cell, max_models)
    return SpatialError(
        sigma_m=sigma * factor, ranges_m=ranges, shares=shares, nugget=nugget,
        slope_deg=centres, slope_sigma_m=spread * factor, lag_m=lag, semivariance=gamma, n_pairs=pairs,
        cell_m=cell, n_cells=int(use.sum()),
    )  # fmt: skip


def _stable(difference: xr.DataArray, stable: Any) -> npt.NDArray[np.bool_]:
    if stable is None or hasattr(stable, "geom_type"):
        return inside_outline(difference, stable)
    mask = np.asarray(stable, dtype=bool)
    if mask.shape != difference.shape:
        raise ParameterError(f"a mask of shape {mask.shape}", where="stable", expected=f"{difference.shape}")
    return mask


def _by_slope(
    values: Floats, slope: Floats, use: npt.NDArray[np.bool_], edges: Sequence[float]
) -> tuple[Floats, Floats]:
    """Middle slope and spread of each class that has enough cells."""
    centres, spread = [], []
    held = np.empty(0, dtype=np.int64)
    order = np.flatnonzero(use.ravel())
    flat_slope, flat = slope.ravel()[order], values.ravel()[order]
    for low, high in pairwise(edges):
        held = np.concatenate([held, np.flatnonzero((flat_slope >= low) & (flat_slope < high))])
        if len(held) >= MIN_IN_CLASS:
            centres.append(float(np.median(flat_slope[held])))
            spread.append(_nmad(flat[held], about=0.0))
            held = np.empty(0, dtype=np.int64)
    return np.array(centres), np.array(spread)


def _variogram(field: Floats, cell: float, max_lag_m: float | None) -> tuple[Floats, Floats, Floats]:
    """Matheron's semivariance of all pairs, in rings of distance that widen with it."""
    from scipy import fft

    rows, columns = np.nonzero(np.isfinite(field))
    field = field[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    known = np.isfinite(field)
    z = np.where(known, field, 0.0)
    shape = [fft.next_fast_len(2 * n - 1, real=True) for n in z.shape]
    f_known, f_z, f_square = (fft.rfft2(part, shape) for part in (known.astype(np.float64), z, z * z))
    n = fft.irfft2(np.abs(f_known) ** 2, shape)
    # Both orders of every pair are in the correlations, and so in the count.
    total = fft.irfft2(2.0 * (f_known.conj() * f_square).real - 2.0 * np.abs(f_z) ** 2, shape)
    lag_rows, lag_columns = (np.minimum(np.arange(m), m - np.arange(m)) * cell for m in shape)
    distance = np.hypot(lag_rows[:, None], lag_columns[None, :])
    limit = max_lag_m if max_lag_m is not None else 0.5 * cell * min(z.shape)
    edges = [0.5 * cell]
    while edges[-1] < limit:
        edges.append(edges[-1] + max(cell, 0.15 * edges[-1]))
    ring = np.digitize(distance, edges) - 1
    good = (ring >= 0) & (ring < len(edges) - 1) & (n > 0.5)
    size = np.bincount(ring[good], n[good], len(edges) - 1)
    gamma = np.bincount(ring[good], total[good], len(edges) - 1)
    middle = np.bincount(ring[good], (n * distance)[good], len(edges) - 1)
    enough = size >= MIN_PAIRS
    return middle[enough] / size[enough], gamma[enough] / size[enough] / 2.0, size[enough] / 2.0


def _fit(
    lag: Floats, gamma: Floats, pairs: Floats, cell: float, max_models: int
) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Nugget, shares and ranges of the nested model that fits the variogram, normalised to 1 together."""
    from scipy.optimize import nnls

    # Ranges by search, variances by non-negative least squares: no start values, no local minimum.
    reaches = np.geomspace(1.2 * cell, max(lag.max(), 2.4 * cell), 40)
    weight = 1.0 / np.sqrt(lag)
    ones = np.ones_like(lag)
    rises = [1.0 - _spherical(lag, reach) for reach in reaches]

    def solve(chosen: tuple[int, ...]) -> tuple[float, Floats]:
        design = np.column_stack([ones, *(rises[i] for i in chosen)])
        found, misfit = nnls(design * weight[:, None], gamma * weight)
        return float(misfit) ** 2, found

    singles: list[Fit] = [((i,), *solve((i,))) for i in range(len(reaches))]
    best = min(singles, key=lambda item: item[1])
    if max_models == 2 and len(lag) > 6:
        n = len(reaches)
        doubles: list[Fit] = [((i, j), *solve((i, j))) for i in range(n) for j in range(i + 4, n)]
        two = min(doubles, key=lambda item: item[1])
        best = two if two[1] < 0.5 * best[1] else best
    chosen, _, found = best
    whole = float(found.sum())
    kept = [(float(part) / whole, float(reaches[i])) for i, part in zip(chosen, found[1:], strict=True) if part > 0]
    return float(found[0]) / whole, tuple(share for share, _ in kept), tuple(reach for _, reach in kept)


def _spherical(distance: npt.ArrayLike, reach: float) -> Floats:
    share = np.minimum(np.asarray(distance, dtype=np.float64) / reach, 1.0)
    return 1.0 - 1.5 * share + 0.5 * share**3


def _trim(field: Floats) -> Floats:
    rows, columns = np.nonzero(field)
    if not len(rows):
        return np.empty((0, 0))
    return field[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _nmad(values: Floats, about: float | None = None) -> float:
    middle = np.median(values) if about is None else about
    return float(1.4826 * np.median(np.abs(values - middle)))
