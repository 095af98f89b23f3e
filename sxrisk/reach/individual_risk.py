"""Individual risk around release scenarios: lethality by distance, times frequency, added up; and its contours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.crs import LEAST_DEGREE_M, local_metric, to_geographic
from sxrisk.errors import CRSError, MissingFieldError, ParameterError

__all__ = ["LETHALITY_COLUMNS", "LethalityCurve", "individual_risk_contours"]

Array = NDArray[np.float64]

#: Probability of death at each of the radii that a scenario states.
LETHALITY_COLUMNS = {"radius_lethality_90_m": 0.9, "radius_lethality_50_m": 0.5, "radius_lethality_10_m": 0.1}
# Beyond the radius of 1 % lethality nobody is counted, as is usual in quantitative risk analysis.
_LEAST_LETHALITY = 0.01
# Cells across the reach of a scenario at a point, and lines of a raster at most in each direction.
_CELLS = 300
_MOST_LINES = 2000
_CHUNK = 250_000


@dataclass(frozen=True)
class LethalityCurve:
    """Probability of death against distance through two or three stated radii.

    Between them the probit of the probability is linear in the logarithm of the distance; inwards and outwards the
    nearest two radii go on, outwards down to 1 % and nothing beyond.

    Parameters
    ----------
    log_radius : tuple of float
        Natural logarithm of the radii (m), rising.
    probit : tuple of float
        Standard normal quantile of the probability at each, falling.
    """

    log_radius: tuple[float, ...]
    probit: tuple[float, ...]

    @classmethod
    def of(cls, radius_90_m: float, radius_50_m: float, radius_10_m: float) -> "LethalityCurve | None":
        """Curve through the radii that are above 0; None unless there are two or more and they grow outwards.

        Parameters
        ----------
        radius_90_m, radius_50_m, radius_10_m : float
            Distance at which 90, 50 and 10 % die, m; NaN or 0 where the study gives none.

        Examples
        --------
        >>> curve = LethalityCurve.of(50.0, 100.0, 200.0)
        >>> curve.lethality([50.0, 100.0, 200.0, 1000.0]).round(3).tolist(), round(curve.reach_m)
        ([0.9, 0.5, 0.1, 0.0], 352)
        """
        from scipy.special import ndtri

        given = [
            (radius, share)
            for radius, share in zip((radius_90_m, radius_50_m, radius_10_m), LETHALITY_COLUMNS.values(), strict=True)
            if 0 < radius < np.inf
        ]
        radii = [radius for radius, _ in given]
        if len(radii) < 2 or any(b <= a for a, b in pairwise(radii)):
            return None
        return cls(tuple(np.log(radii).tolist()), tuple(float(ndtri(share)) for _, share in given))

    @property
    def reach_m(self) -> float:
        """Distance of 1 % lethality, m."""
        from scipy.special import ndtri

        slope = (self.probit[-1] - self.probit[-2]) / (self.log_radius[-1] - self.log_radius[-2])
        return float(np.exp(self.log_radius[-1] + (ndtri(_LEAST_LETHALITY) - self.probit[-1]) / slope))

    def lethality(self, distance_m: ArrayLike) -> Array:
        """Probability of death at distances (m); it never grows with distance."""
        from scipy.special import ndtr

        distance = np.asarray(distance_m, dtype=np.float64)
        x = np.log(np.maximum(distance, 1e-9))
        knots, values = np.asarray(self.log_radius), np.asarray(self.probit)
        part = np.clip(np.searchsorted(knots, x) - 1, 0, len(knots) - 2)
        slope = np.diff(values) / np.diff(knots)
        probit = values[part] + slope[part] * (x - knots[part])
        return np.where(distance <= self.reach_m, ndtr(probit), 0.0)


def individual_risk_contours(scenarios: gpd.GeoDataFrame, levels_per_year: Sequence[float]) -> gpd.GeoDataFrame:
    """Where the risk of death of a person who is always there and unprotected exceeds some levels.

    Parameters
    ----------
    scenarios : GeoDataFrame
        Any known CRS; those whose reaches touch one another within some 10 km. Columns `frequency_per_year`,
        `radius_lethality_90_m`, `radius_lethality_50_m`, `radius_lethality_10_m`. A release acts from the nearest point
        of its geometry.
    levels_per_year : sequence of float
        Levels, e.g. those of the rules IR-N1 to IR-S3 of the catalogue.

    Returns
    -------
    GeoDataFrame
        One row for each level that is reached somewhere, highest level first: `level_per_year`, `area_m2`, geometry in
        EPSG:4490. Lines are right to a cell of the raster they are drawn on: a three-hundredth of the diameter
        of the smallest reach there, more only where scenarios that touch one another would need above 2000 lines.

    Raises
    ------
    CRSError
        If the CRS is unknown.
    MissingFieldError
        If a column is missing.
    ParameterError
        If a level is not above 0, there are no scenarios, or one has no usable frequency or radii.

    Notes
    -----
    Risk = sum over the scenarios of frequency times lethality; wind and shelter are in the given radii or not at all.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> values = {"frequency_per_year": [1e-4]}
    >>> radii = {f"radius_lethality_{share}_m": [metres] for share, metres in ((90, 50.0), (50, 100.0), (10, 200.0))}
    >>> scenario = gpd.GeoDataFrame({**values, **radii}, geometry=[shapely.Point(112.5, 37.5)], crs=4490)
    >>> found = individual_risk_contours(scenario, [5e-5, 1e-5])
    >>> ((found["area_m2"] / 3.14159) ** 0.5).round().tolist()
    [100.0, 200.0]
    """
    levels = sorted({float(level) for level in levels_per_year}, reverse=True)
    if not levels or not all(0 < level < np.inf for level in levels):
        raise ParameterError(f"{levels_per_year}", where="levels_per_year", expected="levels above 0")
    missing = [name for name in ("frequency_per_year", *LETHALITY_COLUMNS) if name not in scenarios.columns]
    if missing:
        raise MissingFieldError(f"the scenarios lack {', '.join(missing)}", expected="a layer of kind release_scenario")
    if scenarios.crs is None:
        raise CRSError("the scenarios have no CRS", where="scenarios", expected="any known CRS")
    if scenarios.empty:
        raise ParameterError("there are no scenarios", where="scenarios", expected="one release scenario or more")
    curves = [LethalityCurve.of(*(float(row[name]) for name in LETHALITY_COLUMNS)) for _, row in scenarios.iterrows()]
    frequency = scenarios["frequency_per_year"].to_numpy(dtype=np.float64)
    bad = [k for k, curve in enumerate(curves) if curve is None or not 0 < frequency[k] < np.inf]
    if bad:
        raise ParameterError(
            f"{len(bad)} scenarios have no usable frequency or radii, the first at index {scenarios.index[bad[0]]}",
            where="scenarios",
            expected="a frequency above 0 and two or three radii that grow from 90 to 10 %",
        )
    places = shapely.force_2d(to_geographic(scenarios).geometry.to_numpy())
    usable = [curve for curve in curves if curve is not None]
    reach = np.array([curve.reach_m for curve in usable])
    found: dict[float, list[tuple[float, shapely.Geometry]]] = {level: [] for level in levels}
    for cluster in _clusters(places, reach):
        for level, area_m2, area in _cluster_contours(
            places[cluster], [usable[k] for k in cluster], frequency[cluster], levels
        ):
            found[level].append((area_m2, area))
    reached = [level for level in levels if found[level]]
    return gpd.GeoDataFrame(
        {"level_per_year": reached, "area_m2": [sum(area for area, _ in found[level]) for level in reached]},
        geometry=[shapely.union_all([area for _, area in found[level]]) for level in reached],
        crs=4490,
    )


def _clusters(places: NDArray[np.object_], reach: Array) -> list[NDArray[np.intp]]:
    """Scenarios whose reaches touch one another, directly or by others between them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bounds = shapely.bounds(places)
    pad_y = reach / LEAST_DEGREE_M
    pad_x = pad_y / np.cos(np.radians(np.minimum(np.abs(bounds[:, [1, 3]]).max(axis=1) + pad_y, 89.0)))
    boxes = shapely.box(bounds[:, 0] - pad_x, bounds[:, 1] - pad_y, bounds[:, 2] + pad_x, bounds[:, 3] + pad_y)
    left, right = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    touching = coo_array((np.ones(len(left)), (left, right)), shape=(len(boxes), len(boxes)))
    count, of = connected_components(touching, directed=False)
    return [np.flatnonzero(of == k) for k in range(count)]


def _cluster_contours(
    places: NDArray[np.object_], curves: Sequence[LethalityCurve], frequency: Array, levels: Sequence[float]
) -> list[tuple[float, float, shapely.Geometry]]:
    """Level, area (m2) and outline in EPSG:4490 of each level that a cluster reaches."""
    west, south, east, north = shapely.total_bounds(places)
    to_metric = local_metric((west + east) / 2.0, (south + north) / 2.0)
    shapes = shapely.transform(places, lambda xy: np.column_stack(to_metric.transform(xy[:, 0], xy[:, 1])))
    x, y, risk = _raster(shapes, curves, frequency)

    def to_lonlat(xy: Array) -> Array:
        return np.column_stack(to_metric.transform(xy[:, 0], xy[:, 1], direction="INVERSE"))

    return _contours(x, y, risk, levels, to_lonlat)


def _raster(
    shapes: NDArray[np.object_], curves: Sequence[LethalityCurve], frequency: Array
) -> tuple[Array, Array, Array]:
    """Lines in both directions, denser where a small scenario needs it, and the risk where they cross."""
    bounds = shapely.bounds(shapes)
    reach = np.array([curve.reach_m for curve in curves])[:, None]
    low, high = bounds[:, :2] - reach, bounds[:, 2:] + reach
    cell = 2.0 * reach[:, 0] / _CELLS
    x, y = (_lines(low[:, axis] - 2 * cell, high[:, axis] + 2 * cell, cell) for axis in (0, 1))
    risk = np.zeros((len(y), len(x)))
    for k, (shape, curve) in enumerate(zip(shapes, curves, strict=True)):
        # Beyond its reach a scenario adds nothing.
        (left, bottom), (right, top) = ((np.searchsorted(x, e[0]), np.searchsorted(y, e[1])) for e in (low[k], high[k]))
        step = max(1, _CHUNK // max(1, right - left))
        for start in range(bottom, top, step):
            rows = slice(start, min(start + step, top))
            distance = _distance(x[left:right], y[rows], shape)
            risk[rows, left:right] += frequency[k] * curve.lethality(distance)
    return x, y, risk


def _distance(x: Array, y: Array, shape: shapely.Geometry) -> Array:
    columns, rows = np.meshgrid(x, y)
    # Most scenarios are points, and theirs is the sum that need not make a geometry of every crossing.
    if shape.geom_type == "Point":
        return np.asarray(np.hypot(columns - shape.x, rows - shape.y))
    return np.asarray(shapely.distance(shapely.points(columns, rows), shape))


def _lines(low: Array, high: Array, cell: Array) -> Array:
    """Places of raster lines that nowhere stand farther apart than the smallest cell of the spans there."""
    ends = np.unique(np.concatenate([low, high]))
    middle = (ends[:-1] + ends[1:]) / 2.0
    covering = (low[:, None] <= middle) & (middle <= high[:, None])
    finest = np.where(covering, cell[:, None], np.inf).min(axis=0)
    counts = np.diff(ends) / finest
    counts = np.ceil(counts * min(1.0, _MOST_LINES / counts.sum())).astype(np.intp)
    parts = [
        np.linspace(a, b, count, endpoint=False)
        for (a, b), count in zip(pairwise(ends), np.maximum(counts, 1), strict=True)
    ]
    return np.unique(np.concatenate([*parts, ends[-1:]]))


def _contours(
    x: Array, y: Array, risk: Array, levels: Sequence[float], to_lonlat: Callable[[Array], Array]
) -> list[tuple[float, float, shapely.Geometry]]:
    from contourpy import ZInterp, contour_generator

    # Between cells the logarithm is followed, which falls more evenly.
    floor = min(levels) / 1e3
    generator = contour_generator(x, y, np.maximum(risk, floor), z_interp=ZInterp.Log, fill_type="OuterOffset")

    rows = []
    for level in levels:
        rings, cuts = generator.filled(level, np.inf)[:2]
        parts = [
            shapely.Polygon(ring[cut[0] : cut[1]], [ring[a:b] for a, b in pairwise(cut[1:])])
            for ring, cut in zip(rings, cuts, strict=True)
            if ring is not None and cut is not None
        ]
        if not parts:
            continue
        area = shapely.make_valid(shapely.multipolygons(parts))
        rows.append((level, float(area.area), shapely.transform(area, to_lonlat)))
    return rows
