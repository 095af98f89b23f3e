"""Parameters of the rock from what was levelled above a panel, and what the data cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.reach.subsidence.basin import subsidence_at
from sxrisk.reach.subsidence.panel import Panel, RockParameters

__all__ = ["RockFit", "fit_rock", "surface_points"]

Array = NDArray[np.float64]

_NAMES = ("q", "tan_beta", "b", "inflection_offset_m", "propagation_angle_deg")
_BOUNDS = {
    "q": (0.001, 1.1), "tan_beta": (0.3, 6.0), "b": (0.0, 1.0), "inflection_offset_m": (0.0, np.inf),
    "propagation_angle_deg": (45.0, 90.0),
}  # fmt: skip
# A parameter whose error is a fifth of itself says little; of two that go together by this much one is free.
_LOOSE_SHARE, _TIED = 0.2, 0.98
_FLATTEST_DEG = 1e-6


@dataclass(frozen=True)
class RockFit:
    """Parameters fitted to movements, and how far they are known.

    Parameters
    ----------
    rock : RockParameters
    names : tuple of str
        Parameters that were fitted.
    covariance : ndarray of shape (p, p)
        In the order of `names`; scaled by the residuals where no sigma was given.
    undetermined : tuple of str
        Parameters that the data do not fix, with the reason.
    residuals_mm : ndarray of shape (n,) or (n, 3)
        Measured minus computed.
    rms_mm : float
    """

    rock: RockParameters
    names: tuple[str, ...]
    covariance: Array
    undetermined: tuple[str, ...]
    residuals_mm: Array
    rms_mm: float

    @property
    def table(self) -> pd.DataFrame:
        """A row per fitted parameter: value and 1 sigma."""
        values = [getattr(self.rock, name) for name in self.names]
        sigma = np.sqrt(np.diag(self.covariance))
        return pd.DataFrame({"parameter": self.names, "value": values, "sigma": sigma})


def fit_rock(
    panels: Sequence[Panel],
    xy: ArrayLike,
    subsidence_mm: ArrayLike,
    *,
    displacement_mm: ArrayLike | None = None,
    sigma_mm: float | None = None,
    fixed: Sequence[str] = (),
) -> RockFit:
    """Fit the rock's parameters to levelling points, or to the nodes of a measured difference surface.

    Parameters
    ----------
    panels : sequence of Panel
        Their rock parameters are the start; all get the same ones.
    xy : array-like of shape (n, 2)
        Easting, northing of the points, metres.
    subsidence_mm : array-like of shape (n,)
        Positive downwards.
    displacement_mm : array-like of shape (n, 2), optional
        Horizontal displacement east and north; without it `b` cannot be told and stays.
    sigma_mm : float, optional
        1 sigma of a measurement; default: what the residuals say.
    fixed : sequence of str
        Parameters that stay as the panels have them.

    Returns
    -------
    RockFit

    Raises
    ------
    ParameterError
        If shapes do not fit, or a name in `fixed` is none.
    GeometryError
        If there are fewer values than parameters, or no point lies within reach.

    Notes
    -----
    Nonlinear least squares within physical bounds. A parameter counts as undetermined where its error exceeds a fifth
    of its value, where it stands at its bound, or where it goes together with another by more than 98 %.
    """
    from scipy.optimize import least_squares

    if unknown := sorted(set(fixed) - set(_NAMES)):
        raise ParameterError(f"{unknown[0]!r} is no parameter", where="fixed", expected=", ".join(_NAMES))
    places, measured = _measurements(xy, subsidence_mm, displacement_mm)
    start = panels[0].rock
    flat = all(panel.dip_deg <= _FLATTEST_DEG for panel in panels)
    free = [
        name for name in _NAMES
        if name not in fixed
        and not (name == "b" and displacement_mm is None)
        and not (name == "propagation_angle_deg" and flat)
    ]  # fmt: skip
    if measured.size <= len(free):
        raise GeometryError(
            f"{measured.size} measured values for {len(free)} parameters", expected="more values than parameters",
            remedy="Hold some with fixed=(...)",
        )  # fmt: skip

    def computed(values: Array) -> Array:
        rock = replace(start, **dict(zip(free, values.tolist(), strict=True)))
        table = subsidence_at([replace(panel, rock=rock) for panel in panels], places)
        columns = ["subsidence_mm"] + ["displacement_x_mm", "displacement_y_mm"] * (displacement_mm is not None)
        return table[columns].to_numpy()

    first = np.array([getattr(start, name) for name in free])
    if not computed(first).any():
        raise GeometryError("no point lies within reach of the panels", where="xy", expected="points above the panels")
    low, high = (np.array([_BOUNDS[name][side] for name in free]) for side in (0, 1))
    # No panel may vanish between its points of inflection.
    widest = min(_half_width(panel.outline) for panel in panels) * 0.98
    high = np.where(np.isinf(high), widest, high)
    scale = np.array(
        [{"q": 0.1, "tan_beta": 0.2, "b": 0.1, "inflection_offset_m": 10.0}.get(name, 5.0) for name in free]
    )
    found = least_squares(
        lambda values: (computed(values) - measured).ravel(), np.clip(first, low + 1e-9, high - 1e-9),
        bounds=(low, high), x_scale=scale, method="trf", xtol=1e-12, ftol=1e-12, gtol=1e-12,
    )  # fmt: skip
    residuals = measured - computed(found.x)
    freedom = measured.size - len(free)
    variance = float((residuals**2).sum() / freedom) if sigma_mm is None else sigma_mm**2
    covariance = variance * np.linalg.pinv(found.jac.T @ found.jac, rcond=1e-14)
    return RockFit(
        rock=replace(start, **dict(zip(free, found.x.tolist(), strict=True))),
        names=tuple(free),
        covariance=covariance,
        undetermined=tuple(_loose(free, found.x, covariance, low, high)),
        residuals_mm=residuals.squeeze(),
        rms_mm=float(np.sqrt((residuals**2).mean())),
    )


def surface_points(difference: xr.DataArray, spacing_m: float, *, outside: Any = None) -> tuple[Array, Array]:
    """Places and subsidence of a measured difference surface, as :func:`fit_rock` takes them.

    Neighbouring cells of a difference of two surfaces share their errors. Taken all, they would make the errors of the
    parameters look far too small: one mean value is taken for every square of `spacing_m`, which should be no shorter
    than the errors are alike.

    Parameters
    ----------
    difference : xarray.DataArray
        Later minus earlier heights on dims (y, x), metres, projected like the panels; NaN where unknown.
    spacing_m : float
        Side of the squares, metres.
    outside : shapely geometry, optional
        Ground that moved for other reasons, such as dumps and cuttings, and is left out.

    Returns
    -------
    xy : ndarray of shape (n, 2)
        Middle of the known cells of each square, metres.
    subsidence_mm : ndarray of shape (n,)
        Positive downwards.

    Raises
    ------
    ParameterError
        If the spacing is not above 0.
    GeometryError
        If no cell is known.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> x = np.arange(4) * 5.0
    >>> lower = xr.DataArray(np.full((4, 4), -0.2), dims=("y", "x"), coords={"y": x[::-1], "x": x})
    >>> xy, down = surface_points(lower, 10.0)
    >>> len(xy), down.round(6).tolist()
    (4, [200.0, 200.0, 200.0, 200.0])
    """
    if not spacing_m > 0:
        raise ParameterError(f"the spacing is {spacing_m} m", where="spacing_m", expected="above 0")
    x, y = np.meshgrid(difference["x"].values, difference["y"].values)
    known = np.isfinite(difference.values)
    if outside is not None:
        known &= ~shapely.contains_xy(outside, x, y)
    if not known.any():
        raise GeometryError(
            "the difference surface has no known cell", where="difference", expected="heights in metres"
        )
    xy, down = np.column_stack([x[known], y[known]]), -1000.0 * difference.to_numpy()[known]
    _, square = np.unique(np.floor((xy - xy.min(axis=0)) / spacing_m).astype(np.int64), axis=0, return_inverse=True)
    square = square.ravel()
    count = np.bincount(square)
    means = [np.bincount(square, weights=values) / count for values in (xy[:, 0], xy[:, 1], down)]
    return np.column_stack(means[:2]), means[2]


def _measurements(xy: ArrayLike, subsidence_mm: ArrayLike, displacement_mm: ArrayLike | None) -> tuple[Array, Array]:
    places = np.asarray(xy, dtype=np.float64)
    down = np.asarray(subsidence_mm, dtype=np.float64)
    columns = [down[:, None] if down.ndim == 1 else down]
    if displacement_mm is not None:
        columns.append(np.asarray(displacement_mm, dtype=np.float64))
    if places.ndim != 2 or any(len(part) != len(places) for part in columns) or down.ndim != 1:
        shapes = ", ".join(str(part.shape) for part in (places, *columns))
        raise ParameterError(f"shapes {shapes} do not fit", where="fit_rock", expected="a row for each point")
    measured = np.hstack(columns)
    good = np.isfinite(measured).all(axis=1) & np.isfinite(places).all(axis=1)
    return places[good], measured[good]


def _half_width(outline: Any) -> float:
    from shapely import maximum_inscribed_circle

    return float(maximum_inscribed_circle(outline, tolerance=0.5).length)


def _loose(names: Sequence[str], values: Array, covariance: Array, low: Array, high: Array) -> list[str]:
    """What the data do not fix, and why."""
    sigma = np.sqrt(np.diag(covariance))
    told = []
    for k, name in enumerate(names):
        reach = max(abs(values[k]), 1e-12)
        others = [
            other for j, other in enumerate(names)
            if j != k and sigma[j] * sigma[k] > 0 and abs(covariance[j, k]) > _TIED * sigma[j] * sigma[k]
        ]  # fmt: skip
        if min(values[k] - low[k], high[k] - values[k]) < 1e-6 * (high[k] - low[k]):
            told.append(f"{name}: at its bound")
        elif sigma[k] > _LOOSE_SHARE * reach and not (name == "inflection_offset_m" and sigma[k] < 1.0):
            told.append(f"{name}: error {sigma[k] / reach:.0%}")
        elif others:
            told.append(f"{name}: only together with {', '.join(others)}")
    return told
