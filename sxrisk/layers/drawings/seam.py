"""A coal seam from its floor contours and thickness figures: plane, dip, depth, thickness of a worked area."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Ground", "SeamFloor", "SeamPlane", "SpotFigures", "area_cells", "fit_floor", "mean_over", "stray_lines"]

Array = NDArray[np.float64]
#: Elevation of the ground in metres at plan coordinates, NaN where unknown.
Ground = Callable[[Array, Array], Array]

# Contours are looked for inside the area first, then ever farther out, in multiples of the root of its area.
_SEARCH = (0.0, 0.25, 0.5, 1.0, 2.0)
_SMALLEST_SIDE_M = 50.0
_LEVEL_M = 0.05
# Ratio of the narrow to the wide extent of the points, below which a plane would hang on a single line.
_MIN_SPREAD = 0.05
_CELLS = 20
_MIN_COVER = 0.5
_LEAVE_OUT = 200
# Lines that a robust plane needs to tell one of them from the others.
_LEAST_LINES = 5
_MOST_LINES = 0.6
_ROBUST_STEPS = 50
_ROBUST_FLOOR = 1e-4


@dataclass(frozen=True)
class SeamFloor:
    """Points on floor contours: plan coordinates, elevation in metres, number of the line each lies on."""

    x: Array
    y: Array
    z: Array
    line: NDArray[np.int64]


@dataclass(frozen=True)
class SeamPlane:
    """Least-squares plane ``z = level + east * (x - x0) + north * (y - y0)`` of a seam's floor about a worked area.

    Parameters
    ----------
    x0, y0 : float
        Centroid of the area, plan coordinates.
    level : float
        Elevation of the floor there, metres: the mean over the area.
    east, north : float
        Slopes.
    level_sigma : float
        1 sigma of `level`, metres, from the contours' misfit to the plane.
    dip_sigma : float
        1 sigma of the dip, degrees.
    lines : int
        Contour lines that bear on it.
    search_m : float
        How far outside the area they were looked for.
    """

    x0: float
    y0: float
    level: float
    east: float
    north: float
    level_sigma: float
    dip_sigma: float
    lines: int
    search_m: float

    @property
    def dip_deg(self) -> float:
        """Angle of the floor against the horizontal."""
        return math.degrees(math.atan(math.hypot(self.east, self.north)))

    @property
    def dip_direction_deg(self) -> float:
        """Azimuth of the steepest descent, clockwise from the grid's north; NaN where the floor is level."""
        if math.hypot(self.east, self.north) < 1e-6:
            return math.nan
        return math.degrees(math.atan2(-self.east, -self.north)) % 360.0

    def at(self, x: Array, y: Array) -> Array:
        """Elevation of the floor at plan coordinates."""
        return self.level + self.east * (x - self.x0) + self.north * (y - self.y0)


def fit_floor(floor: SeamFloor, area: shapely.Geometry) -> SeamPlane | None:
    """Plane of the floor contours in and, as far as needed, around an area; None where they define none.

    The nearest search that finds three levels counts, else the nearest with two. Every contour counts as two
    observations, its place and its direction, however many vertices it has: that is what the sigmas rest on.

    Parameters
    ----------
    floor : SeamFloor
        Of the drawing.
    area : shapely geometry
        Worked area in plan coordinates, metres.

    References
    ----------
    Ordinary least squares with the residual variance SSR / n * k / (k - 3) for k = 2 x lines observations.
    """
    side = max(math.sqrt(area.area), _SMALLEST_SIDE_M)
    second: SeamPlane | None = None
    for factor in _SEARCH:
        reach = factor * side
        found = _within(floor, area, reach)
        levels = np.unique(np.round(floor.z[found] / _LEVEL_M))
        if len(levels) < 2:
            continue
        plane = _plane(floor, found, area, reach)
        if plane is not None and len(levels) >= 3:
            return plane
        second = second or plane
    return second


def stray_lines(floor: SeamFloor, area: shapely.Geometry) -> list[int]:
    """Lines near an area that are off the plane of the others there by half a contour interval and more.

    Only where the plane fits most lines within a quarter of the interval: a fold or a fault makes no line a stray.

    Parameters
    ----------
    floor : SeamFloor
        Of the drawing.
    area : shapely geometry
        Worked area in plan coordinates, metres.

    Returns
    -------
    list of int
        Numbers of lines.

    References
    ----------
    Plane of least absolute misfit by iteratively reweighted least squares, every line with the same weight.
    """
    side = max(math.sqrt(area.area), _SMALLEST_SIDE_M)
    found = np.empty(0, dtype=np.intp)
    for factor in _SEARCH:
        found = _within(floor, area, factor * side)
        if len(np.unique(floor.line[found])) >= _LEAST_LINES:
            break
    lines, of, counts = np.unique(floor.line[found], return_inverse=True, return_counts=True)
    if len(lines) < _LEAST_LINES:
        return []
    x, y, z = floor.x[found], floor.y[found], floor.z[found]
    x, y = (x - x.mean()) / side, (y - y.mean()) / side
    design = np.column_stack([np.ones(len(x)), x, y])
    levels = np.unique(np.round(z / _LEVEL_M)) * _LEVEL_M
    if len(levels) < 3:
        return []
    interval = float(np.median(np.diff(levels)))
    each = 1.0 / counts[of]
    weight = each.copy()
    for _ in range(_ROBUST_STEPS):
        root = np.sqrt(weight)
        solution, *_ = np.linalg.lstsq(design * root[:, None], z * root, rcond=None)
        misfit = np.abs(z - design @ solution)
        weight = each / np.maximum(misfit, interval * _ROBUST_FLOOR)
    of_line = np.bincount(of, misfit) / counts
    if np.mean(of_line < interval / 4) <= _MOST_LINES:
        return []
    return [int(line) for line in lines[of_line >= interval / 2]]


def _within(floor: SeamFloor, area: shapely.Geometry, reach: float) -> NDArray[np.intp]:
    west, south, east, north = area.bounds
    near = np.flatnonzero(
        (floor.x >= west - reach) & (floor.x <= east + reach) & (floor.y >= south - reach) & (floor.y <= north + reach)
    )
    wide = area.buffer(reach) if reach else area
    shapely.prepare(wide)
    return near[shapely.intersects_xy(wide, floor.x[near], floor.y[near])]


def _plane(floor: SeamFloor, found: NDArray[np.intp], area: shapely.Geometry, reach: float) -> SeamPlane | None:
    centre = area.centroid
    x, y, z = floor.x[found] - centre.x, floor.y[found] - centre.y, floor.z[found]
    spread = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]), compute_uv=False)
    if len(found) < 3 or spread[1] < _MIN_SPREAD * spread[0]:
        return None
    scale = float(spread[0]) / math.sqrt(len(found)) or 1.0
    design = np.column_stack([np.ones(len(found)), x / scale, y / scale])
    solution, *_ = np.linalg.lstsq(design, z, rcond=None)
    level, east, north = float(solution[0]), float(solution[1]) / scale, float(solution[2]) / scale
    lines = len(np.unique(floor.line[found]))
    observed = 2 * lines
    variance = float(((z - design @ solution) ** 2).mean()) * observed / max(observed - 3, 1)
    covariance = np.linalg.inv(design.T @ design) * variance * len(found) / observed
    slope = math.hypot(east, north)
    along = np.asarray([0.0, east, north]) / slope if slope > 0 else np.asarray([0.0, 1.0, 0.0])
    slope_sigma = math.sqrt(max(0.0, float(along @ covariance @ along))) / scale
    return SeamPlane(
        float(centre.x), float(centre.y), level, east, north, math.sqrt(max(0.0, float(covariance[0, 0]))),
        math.degrees(slope_sigma / (1 + slope**2)), lines, reach,
    )  # fmt: skip


def area_cells(area: shapely.Geometry) -> tuple[Array, Array, Array]:
    """Places and weights that stand for an area: centroids of grid cells cut by its outline; exact for planes.

    Returns
    -------
    x, y, weight : ndarray, shape (n,)
        Weights sum to one; a point stands for itself.
    """
    if area.area <= 0:
        centre = area.centroid
        return np.asarray([centre.x]), np.asarray([centre.y]), np.ones(1)
    west, south, east, north = area.bounds
    xs, ys = np.linspace(west, east, _CELLS + 1), np.linspace(south, north, _CELLS + 1)
    left, low = (grid.ravel() for grid in np.meshgrid(xs[:-1], ys[:-1]))
    right, high = (grid.ravel() for grid in np.meshgrid(xs[1:], ys[1:]))
    parts = shapely.intersection(shapely.box(left, low, right, high), area)
    size = shapely.area(parts)
    parts, size = parts[size > 0], size[size > 0]
    centres = shapely.centroid(parts)
    return shapely.get_x(centres), shapely.get_y(centres), size / size.sum()


class SpotFigures:
    """Figures that stand at places of a plan (thickness, ground elevation), interpolated linearly between them.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Plan coordinates, metres.
    values : ndarray, shape (n,)
        Figures.
    """

    def __init__(self, x: Array, y: Array, values: Array) -> None:
        self._xy = np.column_stack([x, y])
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def at(self, x: Array, y: Array, *, beyond: bool) -> Array:
        """Figures at places; outside the hull of the figures NaN, or with `beyond` the nearest figure."""
        return _interpolated(self._xy, self._values, np.column_stack([x, y]), beyond)

    def sigma(self) -> float:
        """Root mean square of what every figure differs from the interpolation of the others; NaN below five."""
        count = len(self)
        if count < 5:
            return math.nan
        # Evenly over the drawing: a plan with thousands of figures is not triangulated thousands of times.
        chosen = np.unique(np.linspace(0, count - 1, min(count, _LEAVE_OUT)).astype(np.int64))
        misses = []
        for at in chosen:
            others = np.arange(count) != at
            guess = _interpolated(self._xy[others], self._values[others], self._xy[at : at + 1], False)
            misses.append(float(guess[0] - self._values[at]))
        inside = np.asarray([miss for miss in misses if math.isfinite(miss)])
        return float(np.sqrt((inside**2).mean())) if inside.size else math.nan


def _interpolated(xy: Array, values: Array, wanted: Array, beyond: bool) -> Array:
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import QhullError, cKDTree

    middle = xy.mean(axis=0)
    result = np.full(len(wanted), np.nan)
    if len(xy) >= 3:
        try:
            result = np.asarray(LinearNDInterpolator(xy - middle, values)(wanted - middle), dtype=np.float64)
        except QhullError:
            # All figures stand on one line: no triangles.
            result = np.full(len(wanted), np.nan)
    gaps = ~np.isfinite(result)
    if beyond and gaps.any():
        result[gaps] = values[cKDTree(xy).query(wanted[gaps])[1]]
    return result


def mean_over(values: Array, weight: Array) -> float:
    """Weighted mean of the places with a value; NaN where they cover less than half of the area."""
    there = np.isfinite(values)
    cover = float(weight[there].sum())
    return float((values[there] * weight[there]).sum() / cover) if cover >= _MIN_COVER else math.nan
