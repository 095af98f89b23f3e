"""Goafs inferred from geophysics: bodies that are likely void, with a shell of doubt, corrected by drill holes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import ndimage
from scipy.special import logit, ndtr

from sxrisk.errors import InputError, ParameterError
from sxrisk.scans.geophysics import PropertyModel
from sxrisk.sites.goafs._void_probability import fit_classifier
from sxrisk.surfaces import Mesh
from sxrisk.surfaces.level_set import level_surface

__all__ = ["Calibration", "InferredGoaf", "VoidModel", "infer_goafs", "void_probability"]

Floats = npt.NDArray[np.float64]

_MOST_CELLS = 8_000_000
_MOST_SAMPLES = 1500
_LEAST_CELLS = 8  # of a body: smaller ones are below what the lattice can show
_CERTAIN = 12.0  # log-odds
_NORMAL_90 = 1.6448536269514722  # two-sided 90 % of a normal


@dataclass(frozen=True)
class Calibration:
    """How a property was made into a probability of void.

    Parameters
    ----------
    by : str
        ``drill_holes`` or ``threshold``.
    threshold : float
        Value of the property at which void and rock are equally likely far from any hole; NaN where the property does
        not tell.
    void_is : str
        ``low`` or ``high``: on which side of it void lies.
    slope, slope_sigma : float
        Log-odds per standard deviation of the property, and its 1 sigma; NaN for a given threshold.
    discriminates : bool
        Whether the slope differs from zero beyond 90 %: if not, only the holes speak.
    brier_left_out, brier_constant : float
        Mean squared error of the probability when each hole in turn is predicted from the others, and of saying the
        share of void everywhere; NaN without holes.
    n_holes, n_samples, n_void : int
        Holes, samples along them, and how many of these are void.
    reach_m : float
        How far a hole's own evidence reaches.
    """

    by: Literal["drill_holes", "threshold"]
    threshold: float
    void_is: Literal["low", "high"]
    slope: float = float("nan")
    slope_sigma: float = float("nan")
    discriminates: bool = True
    brier_left_out: float = float("nan")
    brier_constant: float = float("nan")
    n_holes: int = 0
    n_samples: int = 0
    n_void: int = 0
    reach_m: float = float("nan")


@dataclass(frozen=True, eq=False)
class VoidModel:
    """Probability of void on a lattice, and how it came about.

    Parameters
    ----------
    probability : xarray.DataArray
        Dimensions (x, y, z), cubic cells; NaN where the survey says nothing. Attribute ``cell_m``.
    calibration : Calibration
        How.
    crs, vertical_crs : pyproj.CRS or None
        Systems of the lattice.
    holes : DataFrame
        The drill holes that were used.
    """

    probability: xr.DataArray
    calibration: Calibration
    crs: Any
    vertical_crs: Any
    holes: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def cell_m(self) -> float:
        """Edge of a cell, metres."""
        return float(self.probability.attrs["cell_m"])


@dataclass(frozen=True, eq=False)
class InferredGoaf:
    """
    A body that is likely void.

    Parameters
    ----------
    goaf_id : str
        ``I1`` is the largest.
    mesh : Mesh
        Where void is likelier than not; watertight.
    inner, outer : Mesh
        Shell of doubt: void almost surely inside `inner`, almost surely none outside `outer`. `inner` may be without
        faces.
    volume_low_m3, volume_m3, volume_high_m3 : float
        Volumes of `inner`, `mesh` and `outer`.
    place : (3,) float64
        Middle, weighted by probability.
    holes : tuple of str
        Drill holes that met a void in it.
    open_to_edge : bool
        Whether it reaches the edge of what the survey covers: it may go on.
    """

    goaf_id: str
    mesh: Mesh
    inner: Mesh
    outer: Mesh
    volume_low_m3: float
    volume_m3: float
    volume_high_m3: float
    place: Floats
    holes: tuple[str, ...]
    open_to_edge: bool


def void_probability(
    model: PropertyModel,
    holes: pd.DataFrame | None = None,
    *,
    cell_m: float,
    threshold_range: Sequence[float] | None = None,
    void_is: Literal["low", "high"] | None = None,
    max_gap_m: float | None = None,
    half_width_m: float | None = None,
) -> VoidModel:
    """
    Probability of void everywhere in a geophysical model.

    With drill holes that met both void and rock the relation is learned from them: a logistic in the property with a
    residual that is correlated in space, so that what a hole met also holds around it. Without them the user states
    the range in which the threshold lies; the shell of doubt then shows that range alone.

    Parameters
    ----------
    model : PropertyModel
        Volume or sections.
    holes : DataFrame, optional
        As :func:`sxrisk.layers.read_drill_holes` gives it, in the model's system.
    cell_m : float
        Edge of the cells; not finer than the model itself resolves.
    threshold_range : (low, high), optional
        Values of the property between which the threshold lies with 90 %; needed without holes.
    void_is : {"low", "high"}, optional
        Side of the threshold; needed with `threshold_range` (a flooded goaf is conductive, a dry one resistive).
    max_gap_m, half_width_m : float, optional
        As for :meth:`PropertyModel.interpolator`.

    Returns
    -------
    VoidModel

    Raises
    ------
    InputError
        If holes cannot calibrate: none met void, none met rock, or none lies in the model.
    ParameterError
        If neither holes nor a range are given, or the lattice would be too large.

    References
    ----------
    Rasmussen, C. E. and Williams, C. K. I. (2006): Gaussian Processes for Machine Learning, chapter 3.

    Examples
    --------
    >>> axis = np.arange(-20.0, 21.0, 4.0)
    >>> xyz = np.array(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1).T
    >>> rho = np.where(np.linalg.norm(xyz, axis=1) < 10, 10.0, 300.0)
    >>> model = PropertyModel(xyz, rho, name="resistivity", unit="ohm.m", axes=(axis, axis, axis))
    >>> found = void_probability(model, cell_m=2.0, threshold_range=(30.0, 80.0), void_is="low")
    >>> round(float(found.probability.sel(x=0, y=0, z=0, method="nearest")), 2)
    1.0
    """
    if not cell_m > 0:
        raise ParameterError(f"cell_m {cell_m}", expected="metres above zero")
    axes = _lattice(model, cell_m, half_width_m)
    at = model.interpolator(max_gap_m=max_gap_m, half_width_m=half_width_m)
    places = np.array(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).T
    level = at(places)
    known = np.isfinite(level)
    probability = np.full(len(places), np.nan)
    if holes is not None and len(holes):
        samples, sampled, void, hole = _samples(holes, at, cell_m)
        probability[known], calibration = _by_holes(model, samples, sampled, void, hole, places[known], level[known])
    else:
        probability[known], calibration = _by_threshold(model, threshold_range, void_is, level[known])
    shape = tuple(map(len, axes))
    array = xr.DataArray(
        probability.reshape(shape), coords=dict(zip("xyz", axes, strict=True)), dims=tuple("xyz"),
        name="void_probability", attrs={"cell_m": float(cell_m), "units": "1"},
    )  # fmt: skip
    return VoidModel(array, calibration, model.crs, model.vertical_crs, pd.DataFrame() if holes is None else holes)


def infer_goafs(
    void: VoidModel,
    *,
    confidence: float = 0.9,
    resolution_m: float | None = None,
    min_volume_m3: float | None = None,
) -> list[InferredGoaf]:
    """
    Candidate goaf bodies of a probability of void, largest first.

    What is joined by places that may be void is one candidate: noise must not cut a goaf into many.

    Parameters
    ----------
    void : VoidModel
        From :func:`void_probability`.
    confidence : float
        Of the shell: inner body above it, outer body above one minus it, each moved by `resolution_m` besides.
    resolution_m : float, optional
        How sharply the survey shows an edge at that depth, which only its inversion knows; default one cell.
    min_volume_m3 : float, optional
        Smaller bodies (by the part that is likelier void than not) are left out; default eight cells.

    Returns
    -------
    list of InferredGoaf

    Raises
    ------
    ParameterError
        If the confidence is not between 0.5 and 1, or the resolution is negative.
    """
    if not 0.5 < confidence < 1.0:
        raise ParameterError(f"confidence {confidence}", expected="above 0.5 and below 1")
    cell = void.cell_m
    resolution = cell if resolution_m is None else resolution_m
    if not resolution >= 0:
        raise ParameterError(f"resolution_m {resolution_m}", expected="metres, zero or more")
    values = void.probability.to_numpy()
    filled = np.nan_to_num(values, nan=0.0)
    ball = _ball(resolution / cell)
    widest = ndimage.grey_dilation(filled, footprint=ball)
    owner, _ = ndimage.label(widest > 1.0 - confidence)
    least = (_LEAST_CELLS * cell**3) if min_volume_m3 is None else min_volume_m3
    axes = [void.probability[name].to_numpy() for name in "xyz"]
    outside = ndimage.binary_dilation(~np.isfinite(values), border_value=1)
    found = []
    for number, inner in enumerate(ndimage.find_objects(owner), start=1):
        # One cell around: the surface lies between a cell of the body and one outside.
        box = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in inner)
        own = owner[box] == number
        likely = own & (filled[box] > 0.5)
        if likely.sum() * cell**3 < least:
            continue
        corner = np.array([axis[part.start] for axis, part in zip(axes, box, strict=True)])
        meshes = [
            level_surface(_odds(field, own | (owner[box] == 0)), corner, cell, float(logit(level)), crs=void.crs)
            for field, level in (
                (filled[box], 0.5),
                (ndimage.grey_erosion(filled[box], footprint=ball), confidence),
                (widest[box], 1.0 - confidence),
            )
        ]
        weight = (filled[box] * likely).ravel() / filled[box][likely].sum()
        middle = np.array(np.meshgrid(*[a[p] for a, p in zip(axes, box, strict=True)], indexing="ij")).reshape(3, -1)
        found.append(
            InferredGoaf(
                goaf_id="", mesh=meshes[0], inner=meshes[1], outer=meshes[2],
                volume_low_m3=meshes[1].volume_m3, volume_m3=meshes[0].volume_m3, volume_high_m3=meshes[2].volume_m3,
                place=middle @ weight, holes=_hits(void, box, own, axes),
                open_to_edge=bool((outside[box] & likely).any()),
            )
        )  # fmt: skip
    found.sort(key=lambda goaf: (-goaf.volume_m3, *goaf.place))
    return [replace(goaf, goaf_id=f"I{at}") for at, goaf in enumerate(found, start=1)]


def _ball(radius: float) -> npt.NDArray[np.bool_]:
    reach = np.arange(-int(radius), int(radius) + 1)
    x, y, z = np.meshgrid(reach, reach, reach, indexing="ij")
    return np.asarray(x**2 + y**2 + z**2 <= radius**2 + 1e-9)


def _odds(probability: Floats, own: npt.NDArray[np.bool_]) -> Floats:
    """Log-odds, other bodies left out: between nodes they are closer to a straight line than the probability."""
    return np.clip(logit(np.where(own, probability, 0.0)), -_CERTAIN, _CERTAIN)


def _lattice(model: PropertyModel, cell_m: float, half_width_m: float | None) -> tuple[Floats, Floats, Floats]:
    low, high = model.xyz.min(axis=0), model.xyz.max(axis=0)
    if model.is_section and half_width_m is not None:
        around = np.array([half_width_m, half_width_m, 0.0])
        low, high = low - around, high + around
    first, last = np.floor(low / cell_m), np.ceil(high / cell_m)
    counts = last - first + 1
    if np.prod(counts) > _MOST_CELLS:
        raise ParameterError(
            f"{np.prod(counts):,.0f} cells of {cell_m} m",
            expected=f"at most {_MOST_CELLS:,}",
            remedy="Take larger cells, or a part of the model",
        )
    # At whole multiples of the cell, so that two models of one place share their lattice.
    x, y, z = (np.arange(a, b + 1) * cell_m for a, b in zip(first, last, strict=True))
    return x, y, z


def _samples(holes: pd.DataFrame, at: Any, cell_m: float) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Any]:
    """Places along the holes one cell apart, with the property there; those outside the model are left out."""
    top = holes[["top_easting_m", "top_northing_m", "top_z_m"]].to_numpy(dtype=np.float64)
    bottom = holes[["bottom_easting_m", "bottom_northing_m", "bottom_z_m"]].to_numpy(dtype=np.float64)
    length = np.linalg.norm(bottom - top, axis=1)
    counts = np.maximum(1, np.round(length / cell_m)).astype(np.int64)
    step = max(1.0, counts.sum() / _MOST_SAMPLES)
    counts = np.maximum(1, np.round(counts / step)).astype(np.int64)
    row = np.repeat(np.arange(len(holes)), counts)
    inside = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (inside + 0.5) / counts[row]
    places = top[row] + (bottom - top)[row] * share[:, None]
    level = at(places)
    good = np.isfinite(level)
    void = holes["void"].to_numpy(dtype=bool)[row]
    names = holes["hole_id"].to_numpy()[row]
    return places[good], level[good], void[good], names[good]


def _by_holes(
    model: PropertyModel, xyz: Floats, level: Floats, void: npt.NDArray[np.bool_], hole: Any, places: Floats,
    levels: Floats,
) -> tuple[Floats, Calibration]:  # fmt: skip
    if not len(void) or void.all() or not void.any():
        seen = "no drill hole lies in the model" if not len(void) else (
            "every sample of the drill holes is void" if void.all() else "no drill hole met a void"
        )  # fmt: skip
        raise InputError(
            seen,
            where=model.source or None,
            expected="holes in the model that met void and holes that met rock",
            remedy="Leave the holes out and give threshold_range and void_is",
        )
    origin = model.origin
    local = xyz - origin
    fitted = fit_classifier(local, level, void)
    base, left_out = float(void.mean()), np.empty(len(void))
    names = pd.unique(hole)
    for name in names:
        own = hole == name
        rest = ~own
        if void[rest].all() or not void[rest].any():
            left_out[own] = void[rest].mean()
            continue
        others = fit_classifier(local[rest], level[rest], void[rest], residual=(fitted.residual_sigma, fitted.reach_m))
        left_out[own] = others.at(local[own], level[own]).probability
    far = local.mean(axis=0) + 1e6
    ends = np.array([level.min() - 3 * fitted.spread, level.max() + 3 * fitted.spread])
    low, high = fitted.at(np.tile(far, (2, 1)), ends).mean
    tells = abs(fitted.slope) > _NORMAL_90 * fitted.slope_sigma
    # The mean of the log-odds is a straight line in the property away from all holes.
    crossing = ends[0] - low * (ends[1] - ends[0]) / (high - low) if tells else np.nan
    return fitted.at(places - origin, levels).probability, Calibration(
        by="drill_holes",
        threshold=float(10**crossing) if model.scale == "log" else float(crossing),
        void_is="high" if fitted.slope > 0 else "low",
        slope=fitted.slope, slope_sigma=fitted.slope_sigma, discriminates=bool(tells),
        brier_left_out=float(np.mean((left_out - void) ** 2)), brier_constant=base * (1.0 - base),
        n_holes=len(names), n_samples=len(void), n_void=int(void.sum()), reach_m=fitted.reach_m,
    )  # fmt: skip


def _by_threshold(
    model: PropertyModel, threshold_range: Sequence[float] | None, void_is: str | None, level: Floats
) -> tuple[Floats, Calibration]:
    if threshold_range is None or void_is not in ("low", "high") or len(threshold_range) != 2:
        raise ParameterError(
            "nothing calibrates the model",
            where=model.source or None,
            expected="drill holes that met void and rock, or threshold_range=(low, high) with void_is='low' or 'high'",
        )
    low, high = (float(model.to_level(value)) for value in threshold_range)
    if not low < high:
        raise ParameterError(f"threshold_range {tuple(threshold_range)}", expected="low below high")
    middle, sigma = (low + high) / 2.0, (high - low) / (2.0 * _NORMAL_90)
    side: Literal["low", "high"] = "high" if void_is == "high" else "low"
    probability = ndtr((level - middle) / sigma * (1.0 if side == "high" else -1.0))
    value = float(10**middle) if model.scale == "log" else middle
    return np.asarray(probability), Calibration(by="threshold", threshold=value, void_is=side)


def _hits(void: VoidModel, box: Any, own: npt.NDArray[np.bool_], axes: list[Floats]) -> tuple[str, ...]:
    """Names of the holes whose void intervals touch a body."""
    holes = void.holes
    if not len(holes):
        return ()
    places, _, hit, names = _samples(holes, lambda p: np.zeros(len(p)), void.cell_m)
    first = np.array([axis[part.start] for axis, part in zip(axes, box, strict=True)])
    cells = np.round((places - first) / void.cell_m).astype(np.int64)
    inside = hit & ((cells >= 0) & (cells < own.shape)).all(axis=1)
    inside[inside] = own[tuple(cells[inside].T)]
    return tuple(sorted(set(map(str, names[inside]))))
