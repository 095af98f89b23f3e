"""How much a failing tailings dam releases and how far it runs: distributions from past failures, never a distance."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.findings import measurement, measurements_frame

__all__ = ["Regression", "RunoutModel", "pond_runout", "runout_model", "tailings_runout"]

Array = NDArray[np.float64]

_METRES_PER_KM = 1000.0
_NODES = 20
_ITERATIONS = 30
_CHUNK = 4096
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Regression:
    """A straight line fitted by least squares to logarithms, with all that a prediction from it needs.

    Parameters
    ----------
    coefficients : tuple of p floats
        The constant first.
    covariance : tuple of p tuples of p floats
        Inverse of the normal matrix: times `spread` squared it is the coefficients' covariance.
    spread : float
        Standard deviation of the residuals, log10.
    freedom : int
        Records less coefficients.
    """

    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    spread: float
    freedom: int

    @classmethod
    def fit(cls, design: Array, observed: Array, *, shrink: bool = False) -> "Regression":
        """Least squares, or its slope drawn towards none as far as the records leave it uncertain.

        Parameters
        ----------
        design : ndarray of shape (n, p)
            Ones in the first column.
        observed : ndarray of shape (n,)
        shrink : bool
            Whether slopes are multiplied by ``1 - 1 / t2``, at least 0, where t2 is the mean square of the slopes in
            units of their own errors: the factor with the least expected error of prediction (Copas 1983).

        Raises
        ------
        ParameterError
            If there are not at least three records more than coefficients, or columns that depend on each other.
        """
        count, wanted = design.shape
        if count < wanted + 3 or np.linalg.matrix_rank(design) < wanted:
            raise ParameterError(
                f"{count} records do not carry a regression with {wanted} coefficients",
                expected=f"{wanted + 3} or more records, whose volumes and heights differ",
            )
        inverse = np.linalg.inv(design.T @ design)
        coefficients = inverse @ design.T @ observed
        residual = observed - design @ coefficients
        freedom = count - wanted
        if shrink:
            middle = design[:, 1:].mean(axis=0)
            explained = ((design[:, 1:] - middle) @ coefficients[1:]) ** 2
            t2 = explained.sum() / (wanted - 1) / (residual @ residual / freedom)
            coefficients[1:] *= max(0.0, 1.0 - 1.0 / t2)
            coefficients[0] = observed.mean() - middle @ coefficients[1:]
            residual = observed - design @ coefficients
        return cls(
            tuple(coefficients.tolist()),
            tuple(tuple(row) for row in inverse.tolist()),
            float(np.sqrt(residual @ residual / freedom)),
            freedom,
        )

    def predict(self, design: Array) -> tuple[Array, Array]:
        """Middle and scale of Student's t (of `freedom`) for new records, parameter uncertainty included.

        Parameters
        ----------
        design : ndarray of shape (..., p)

        Returns
        -------
        middle, scale : ndarray of shape (...)
        """
        leverage = np.einsum("...i,ij,...j->...", design, np.asarray(self.covariance), design)
        return design @ np.asarray(self.coefficients), self.spread * np.sqrt(1.0 + leverage)


@dataclass(frozen=True)
class RunoutModel:
    """Two regressions in a row: stored volume and dam height give the release, the release gives the runout.

    ``log10 VF = a + b log10 V + c log10 H + e1``, VF capped at V, and ``log10 L = d + f log10 VF + e2``: volumes in m3,
    H in m, L in km. Both residuals are normal with the spread seen in the records; predictions are Student's t, so that
    the coefficients' own uncertainty is in them. The slope of the runout, which 34 records leave uncertain, is shrunk.

    Parameters
    ----------
    released, runout : Regression
    released_records, runout_records : int
        Records that each was fitted to.
    volume_range_m3, height_range_m : tuple of two floats
        What the records span: beyond it the model extrapolates, and its intervals widen.
    """

    released: Regression
    runout: Regression
    released_records: int
    runout_records: int
    volume_range_m3: tuple[float, float]
    height_range_m: tuple[float, float]

    @classmethod
    def fit(cls, volume_m3: Array, height_m: Array, released_m3: Array, runout_km: Array) -> "RunoutModel":
        """Fit to records of failures; NaN where a record lacks a figure.

        The release is fitted to records with volume, height and release, the runout to those with height, release and
        runout.

        Parameters
        ----------
        volume_m3, height_m, released_m3, runout_km : ndarray of shape (n,)
            NaN or above 0.

        Raises
        ------
        ParameterError
            If there are too few records.
        """
        volume, height, released, runout = (np.log10(v) for v in (volume_m3, height_m, released_m3, runout_km))
        known = np.isfinite(height) & np.isfinite(released)
        first, second = known & np.isfinite(volume), known & np.isfinite(runout)
        lines = (
            Regression.fit(_design(volume[first], height[first]), released[first]),
            Regression.fit(_design(released[second]), runout[second], shrink=True),
        )
        spans = ((float(v[first].min()), float(v[first].max())) for v in (volume_m3, height_m))
        return cls(*lines, int(first.sum()), int(second.sum()), *spans)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "RunoutModel":
        """Model from the mapping that :meth:`as_dict` makes."""
        lines = {
            name: Regression(
                tuple(content[name]["coefficients"]),
                tuple(tuple(row) for row in content[name]["covariance"]),
                content[name]["spread"],
                content[name]["freedom"],
            )
            for name in ("released", "runout")
        }
        return cls(
            **lines,
            released_records=content["released_records"],
            runout_records=content["runout_records"],
            volume_range_m3=tuple(content["volume_range_m3"]),
            height_range_m=tuple(content["height_range_m"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return asdict(self)

    def released_m3(self, volume_m3: ArrayLike, height_m: ArrayLike, probability: ArrayLike) -> Array:
        """Quantiles of the released volume, never above the stored one.

        Parameters
        ----------
        volume_m3, height_m, probability : array_like
            Shapes that broadcast together.

        Returns
        -------
        ndarray
            m3.
        """
        from scipy.special import stdtrit

        volume, height, p = np.broadcast_arrays(
            *(np.asarray(v, dtype=np.float64) for v in (volume_m3, height_m, probability))
        )
        middle, scale = self.released.predict(_design(np.log10(volume), np.log10(height)))
        return np.asarray(np.minimum(10 ** (middle + scale * stdtrit(self.released.freedom, p)), volume))

    def runout_m(self, volume_m3: Array, height_m: Array, probability: Array) -> Array:
        """Quantiles of the runout distance.

        The release is integrated over its distribution by a fixed rule of 20 nodes, which keeps quantiles between 1 and
        99 % within 0.2 % of the distance.

        Parameters
        ----------
        volume_m3, height_m : ndarray of shape (n,)
            Above 0.
        probability : ndarray of shape (k,)

        Returns
        -------
        ndarray of shape (k, n)
            Metres.
        """
        found = np.empty((len(probability), len(volume_m3)))
        for start in range(0, len(volume_m3), _CHUNK):
            part = slice(start, start + _CHUNK)
            found[:, part] = self._quantiles(volume_m3[part], height_m[part], probability)
        return np.asarray(_METRES_PER_KM * 10**found)

    def _quantiles(self, volume_m3: Array, height_m: Array, probability: Array) -> Array:
        from scipy.special import stdtr, stdtrit

        nodes, weight = np.polynomial.legendre.leggauss(_NODES)
        p, weight = (nodes + 1.0) / 2.0, weight / 2.0
        released = np.log10(self.released_m3(volume_m3[:, None], height_m[:, None], p))
        middle, scale = self.runout.predict(_design(released))
        freedom = self.runout.freedom
        found = np.empty((len(probability), len(volume_m3)))
        for k, wanted in enumerate(probability):
            # The quantile of a mixture lies between those of its parts.
            ends = middle + scale * stdtrit(freedom, wanted)
            low, high = ends.min(axis=1), ends.max(axis=1)
            at = (ends * weight).sum(axis=1)
            for _ in range(_ITERATIONS):
                z = (at[:, None] - middle) / scale
                excess = (stdtr(freedom, z) * weight).sum(axis=1) - wanted
                low, high = np.where(excess < 0, at, low), np.where(excess < 0, high, at)
                slope = (_t_density(z, freedom) / scale * weight).sum(axis=1)
                newton = at - excess / slope
                before, at = at, np.where((newton > low) & (newton < high), newton, (low + high) / 2.0)
                if np.abs(at - before).max(initial=0.0) < _TOLERANCE:
                    break
            found[k] = at
        return found


@cache
def runout_model() -> RunoutModel:
    """The shipped model, fitted to the failures of the CSP2 database; ``benchmarks/runout.py`` fits and scores it."""
    text = files("sxrisk.reach").joinpath("runout.toml").read_text(encoding="utf-8")
    return RunoutModel.of(tomllib.loads(text))


def tailings_runout(
    storage_volume_m3: ArrayLike, dam_height_m: ArrayLike, *, interval: float = 0.8
) -> tuple[Array, Array, Array]:
    """How far tailings may run if a dam fails: interval and median of a distribution.

    Past failures of ponds of one size ran from some hundred metres to some hundred kilometres: the interval is wide
    because the world is. It says nothing of how likely a failure is, and no figure of it is a safe distance: of ten
    failures one runs farther than the upper end of the 80 % interval. Terrain, water on the pond and the tailings
    themselves, which decide a single case, do not enter; nor does a river that carries the slurry on.

    Parameters
    ----------
    storage_volume_m3 : array_like
        Stored volume, m3, above 0.
    dam_height_m : array_like
        Dam height, m, above 0; broadcast against the volume.
    interval : float
        Probability that the interval holds, between 0 and 1; as much is left out below as above.

    Returns
    -------
    low, median, high : ndarray
        Metres, of the broadcast shape; NaN where an input is NaN. All three grow with volume and with height.

    Raises
    ------
    ParameterError
        If a volume or height is infinite, 0 or below, if shapes do not fit, or if `interval` is not between 0 and 1.

    References
    ----------
    The form follows Rico, M. et al. (2008), J. Hazard. Mater. 154, 79-87, and Concha Larrauri, P., Lall, U. (2018),
    Environments 5(2), 28; the coefficients are fitted to the records named in ``runout.toml``. The slope of the runout
    is shrunk after Copas, J. B. (1983), J. R. Stat. Soc. B 45, 311-354.

    Examples
    --------
    >>> low, median, high = tailings_runout([500_000.0, 20_000_000.0], [25.0, 60.0])
    >>> (low / 1000).round(2).tolist(), (median / 1000).round(1).tolist(), (high / 1000).round().tolist()
    ([0.24, 0.46], [2.8, 5.5], [31.0, 66.0])
    """
    if not 0.0 < interval < 1.0:
        raise ParameterError(f"the interval is {interval}", where="interval", expected="a probability between 0 and 1")
    volume, height = _sizes(storage_volume_m3, dam_height_m)
    known = ~(np.isnan(volume) | np.isnan(height))
    found = np.full((3, *volume.shape), np.nan)
    tail = (1.0 - interval) / 2.0
    found[:, known] = runout_model().runout_m(volume[known], height[known], np.array([tail, 0.5, 1.0 - tail]))
    return found[0], found[1], found[2]


def pond_runout(ponds: gpd.GeoDataFrame, *, interval: float = 0.8) -> gpd.GeoDataFrame:
    """Runout of each pond of a layer, as measurements.

    Parameters
    ----------
    ponds : GeoDataFrame
        Canonical layer of kind tailings_pond.
    interval : float
        See :func:`tailings_runout`.

    Returns
    -------
    GeoDataFrame
        Measurements `runout_low`, `runout_median`, `runout_high` (m) and `released_volume_median` (m3), with the method
        ``past_failures,interval_80_percent``, followed by ``,extrapolated`` where volume or height lie outside the
        records. A pond without a volume or height above 0 has one row `runout_median` of NaN, whose method is
        ``attribute_missing:storage_volume_m3`` or ``attribute_missing:dam_height_m``.

    Raises
    ------
    MissingFieldError
        If the layer has no column `id`.
    ParameterError
        If `interval` is not between 0 and 1.
    """
    if "id" not in ponds.columns:
        raise MissingFieldError("the ponds lack the column 'id'", expected="a canonical layer")
    volume, height = (_attribute(ponds, name) for name in ("storage_volume_m3", "dam_height_m"))
    sizes = {"storage_volume_m3": volume, "dam_height_m": height}
    reaches = tailings_runout(volume, height, interval=interval)
    method = f"past_failures,interval_{100 * interval:g}_percent"
    model = runout_model()
    released = model.released_m3(volume, height, 0.5)
    outside = _outside(volume, model.volume_range_m3) | _outside(height, model.height_range_m)
    rows = []
    for k, key in enumerate(ponds["id"].astype("str")):
        lacking = [name for name, size in sizes.items() if np.isnan(size[k])]
        if lacking:
            gap = f"attribute_missing:{lacking[0]}"
            rows.append(measurement("tailings_pond", key, "runout_median", np.nan, "m", method=gap))
            continue
        how = f"{method},extrapolated" if outside[k] else method
        for metric, value in zip(("runout_low", "runout_median", "runout_high"), reaches, strict=True):
            rows.append(measurement("tailings_pond", key, metric, float(value[k]), "m", method=how))
        release = float(released[k])
        rows.append(measurement("tailings_pond", key, "released_volume_median", release, "m3", method=how))
    return measurements_frame(rows)


def _attribute(ponds: gpd.GeoDataFrame, name: str) -> Array:
    """A size of each pond, NaN where it is missing or not above 0."""
    if name not in ponds.columns:
        return np.full(len(ponds), np.nan)
    size = pd.to_numeric(ponds[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where((size > 0) & (size < np.inf), size, np.nan)


def _outside(size: Array, span: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((size < span[0]) | (size > span[1]), dtype=bool)


def _design(*columns: Array) -> Array:
    return np.stack([np.ones_like(columns[0]), *columns], axis=-1)


def _t_density(z: Array, freedom: int) -> Array:
    from scipy.special import gammaln

    half = (freedom + 1) / 2.0
    constant = np.exp(gammaln(half) - gammaln(freedom / 2.0)) / np.sqrt(freedom * np.pi)
    return np.asarray(constant * (1.0 + z * z / freedom) ** -half)


def _sizes(storage_volume_m3: ArrayLike, dam_height_m: ArrayLike) -> tuple[Array, Array]:
    sizes = []
    for name, values in (("storage_volume_m3", storage_volume_m3), ("dam_height_m", dam_height_m)):
        try:
            size = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{values!r:.60} is not numeric", where=name, expected="numbers above 0") from error
        bad = (size <= 0) | np.isinf(size)
        if bad.any():
            shown = size[bad].flat[0]
            raise ParameterError(f"holds {shown:g}", where=name, expected="finite numbers above 0, NaN where unknown")
        sizes.append(size)
    try:
        volume, height = np.broadcast_arrays(*sizes)
    except ValueError as error:
        shapes = " and ".join(str(size.shape) for size in sizes)
        raise ParameterError(
            f"the shapes {shapes} do not fit", where="dam_height_m", expected="one height for each volume"
        ) from error
    return volume, height
