"""Whether degrees are true or those of a Chinese web map: by how well a layer lies on a reference that is true."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.crs._metric import local_metric
from sxrisk.crs._offsets import bd09_to_wgs84, gcj02_to_wgs84
from sxrisk.errors import CRSError

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["OffsetGuess", "detect_offset"]

Coordinates: TypeAlias = NDArray[np.float64]
_Distance: TypeAlias = Callable[[Coordinates, float], Coordinates]

_SYSTEMS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "cgcs2000": lambda lon, lat: (lon, lat),
    "gcj02": gcj02_to_wgs84,
    "bd09": bd09_to_wgs84,
}
# A place farther than this from its counterpart has none: it weighs the same under every hypothesis. Below the 0.5 km
# that tell GCJ-02 from the truth.
_CAP_M = 400.0
# How far a misfit is measured for the report.
_FAR_M = 3_000.0
# A system is found only if it also beats itself moved this far, or many a layer would fit one of three by chance; and
# if no smaller shift than these would fit better: what lies 250 m beside all three is in some other system.
_RIVAL_RADII_M, _RIVAL_DIRECTIONS = (400.0, 700.0), 8
_SUREST_SHIFT_M = 150.0
_MOST_PLACES, _LEAST_PLACES = 3_000, 20
_CELLS, _LEAST_CELL_M = 8, 500.0
_DRAWS, _SURE = 500, 0.95
_LEAST_NAMES = 5


@dataclass(frozen=True)
class OffsetGuess:
    """Which system a layer's degrees are in, and how sure that is.

    Attributes
    ----------
    system : str
        ``cgcs2000`` (or WGS 84), ``gcj02``, ``bd09``, or ``unknown``.
    probability : float
        That of the best system: share of resamples of the regions in which it fits better than the other two, and
        than itself moved by 400 or 700 m in any direction; at most ``1 - 2**-regions``. Below 0.95: unknown.
    misfit_m : dict of str to float
        Median distance in metres from the reference, for each system.
    n : int
        Places compared: vertices within reach of the reference, or pairs of one name.
    regions : int
        Groups of neighbouring places that count as independent.
    left_m : tuple of float
        East and north shift in metres that would improve the best system's fit most: what the web maps do not explain.
    basis : str
        ``lines`` (vertices against lines and outlines), ``names`` (places of one name), or ``""``.
    reason : str
        Why the answer is unknown; else empty.
    """

    system: str
    probability: float
    misfit_m: dict[str, float]
    n: int
    regions: int
    left_m: tuple[float, float] = (0.0, 0.0)
    basis: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self) | {"left_m": list(self.left_m)}

    def told(self) -> str:
        """One line with the figures."""
        misfit = ", ".join(f"{system} {value:.0f} m" for system, value in self.misfit_m.items())
        best = f"{self.system}, probability {self.probability:.3f}" if not self.reason else self.reason
        return f"{best}; median misfit {misfit or 'not measured'}; {self.n} places in {self.regions} regions"


def detect_offset(layer: "gpd.GeoDataFrame", reference: "gpd.GeoDataFrame") -> OffsetGuess:
    """Whether a layer's degrees are CGCS2000 (WGS 84), GCJ-02 or BD-09, by its misfit against a true reference.

    Vertices of lines and outlines are compared with the lines and outlines of the reference; points with points of the
    same name (a column ``name``), else with its lines. Each of the three systems is undone in turn. The fit is the mean
    distance, capped at 400 m so that what has no counterpart does not count; the regions of the layer are resampled for
    the probability. What fits in no system clearly is ``unknown``: a layer of something else, too few places, a datum
    shift of 150 m and more. A smaller shift, such as a legacy datum's, is not seen by this test but told in ``left_m``.

    Parameters
    ----------
    layer : GeoDataFrame
        EPSG:4490, its coordinates as the file has them.
    reference : GeoDataFrame
        EPSG:4490, true, in the same part of the country: roads, boundaries, places.

    Returns
    -------
    OffsetGuess

    Raises
    ------
    CRSError
        If one of them is not in degrees.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np
    >>> from sxrisk.crs import wgs84_to_gcj02
    >>> lon, lat = np.random.default_rng(1).uniform([112, 37], [113, 38], (60, 2)).T
    >>> names = [f"village {at}" for at in range(60)]
    >>> true = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(lon, lat), crs=4490)
    >>> web = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(*wgs84_to_gcj02(lon, lat)), crs=4490)
    >>> guess = detect_offset(web, true)
    >>> guess.system, guess.n, round(guess.misfit_m["gcj02"]), round(guess.misfit_m["cgcs2000"], -2)
    ('gcj02', 60, 0, 600.0)
    """
    for frame, role in ((layer, "layer"), (reference, "reference")):
        if frame.crs is None or not frame.crs.is_geographic:
            raise CRSError(f"the {role} is not in degrees", expected="EPSG:4490, longitude and latitude")
    basis, degrees, distance = _compared(layer, reference)
    if len(degrees) < (_LEAST_NAMES if basis == "names" else _LEAST_PLACES):
        return OffsetGuess("unknown", 0.0, {}, len(degrees), 0, basis=basis, reason="too few places to compare")
    metric = local_metric(*degrees.mean(axis=0))

    def undone(system: str) -> Coordinates:
        lon, lat = _SYSTEMS[system](degrees[:, 0], degrees[:, 1])
        return np.column_stack(metric.transform(lon, lat))

    places = {system: undone(system) for system in _SYSTEMS}
    measure = distance(metric)
    far = {system: measure(xy, _FAR_M) for system, xy in places.items()}
    best = min(far, key=lambda system: float(np.minimum(far[system], _CAP_M).mean()))
    rivals = [
        measure(places[best] + [radius * np.cos(turn), radius * np.sin(turn)], _CAP_M)
        for radius in _RIVAL_RADII_M
        for turn in np.arange(_RIVAL_DIRECTIONS) * 2 * np.pi / _RIVAL_DIRECTIONS
    ]
    others = [system for system in far if system != best]
    cost = np.column_stack([*(np.minimum(far[system], _CAP_M) for system in (best, *others)), *rivals])
    telling = np.asarray((cost < _CAP_M).any(axis=1), dtype=bool)
    misfit = {system: float(np.median(values[telling])) if telling.any() else _FAR_M for system, values in far.items()}
    regions = _regions(places["cgcs2000"][telling])
    count = int(regions.max()) + 1 if regions.size else 0
    if telling.sum() < min(_LEAST_PLACES, _LEAST_NAMES if basis == "names" else _LEAST_PLACES):
        return OffsetGuess("unknown", 0.0, misfit, int(telling.sum()), count, basis=basis,
                           reason="too few places lie near the reference")  # fmt: skip
    probability = _resampled(cost[telling], regions, count)
    left = _left(places[best], telling, measure)
    reason = ""
    if probability < _SURE:
        reason = f"no system fits clearly, {best} best with probability {probability:.2f}"
    elif np.hypot(*left) > _SUREST_SHIFT_M:
        reason = f"fits {np.hypot(*left):.0f} m beside {best}, as no web map does"
    return OffsetGuess(
        "unknown" if reason else best, probability, misfit, int(telling.sum()), count, left, basis, reason
    )


def _compared(
    layer: "gpd.GeoDataFrame", reference: "gpd.GeoDataFrame"
) -> tuple[str, Coordinates, Callable[[Any], _Distance]]:
    """What is compared: the basis, the layer's places in degrees, and how they are measured once there is a metric."""
    shapes, others = layer.geometry.to_numpy(), reference.geometry.to_numpy()
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    if points.all() and "name" in layer.columns and "name" in reference.columns:
        first, second = _pairs(layer, reference)
        if len(first) >= _LEAST_NAMES:
            there = shapely.get_coordinates(shapely.centroid(others[second]))
            return "names", shapely.get_coordinates(shapes[first]), lambda metric: _to_places(metric, there)
    dimension = shapely.get_dimensions(others)
    lines = np.where(dimension == 2, shapely.boundary(others), others)[dimension >= 1]
    degrees = np.unique(shapely.get_coordinates(shapes), axis=0)
    degrees = degrees[np.isfinite(degrees).all(axis=1)]
    degrees = degrees[np.linspace(0, len(degrees) - 1, min(len(degrees), _MOST_PLACES)).astype(int)]
    if not len(lines) or not len(degrees):
        return "", np.empty((0, 2)), lambda metric: _to_places(metric, np.empty((0, 2)))
    return "lines", degrees, lambda metric: _to_lines(metric, _edges_near(lines, degrees))


def _pairs(layer: "gpd.GeoDataFrame", reference: "gpd.GeoDataFrame") -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the names that stand once in each."""
    names = [frame["name"].astype("str").str.strip().str.casefold() for frame in (layer, reference)]
    first, second = (
        {name: at for at, (name, again) in enumerate(zip(column, column.duplicated(keep=False), strict=True))
         if name and not again}
        for column in names
    )  # fmt: skip
    both = [name for name in first if name in second]
    return np.asarray([first[name] for name in both], np.intp), np.asarray([second[name] for name in both], np.intp)


def _edges_near(lines: NDArray[Any], degrees: Coordinates) -> Coordinates:
    """Edges, shape (m, 2, 2), of the lines within some kilometres of the places' box."""
    xy, part = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    joined = np.flatnonzero(part[1:] == part[:-1])
    edges = np.stack([xy[joined], xy[joined + 1]], axis=1)
    margin = 0.05
    low, high = degrees.min(axis=0) - margin, degrees.max(axis=0) + margin
    near = (edges.max(axis=1) >= low).all(axis=1) & (edges.min(axis=1) <= high).all(axis=1)
    return edges[near]


def _to_places(metric: Any, degrees: Coordinates) -> _Distance:
    there = np.column_stack(metric.transform(degrees[:, 0], degrees[:, 1]))
    return lambda xy, most: np.minimum(np.hypot(*(xy - there).T), most)


def _to_lines(metric: Any, edges: Coordinates) -> _Distance:
    flat = edges.reshape(-1, 2)
    xy = np.column_stack(metric.transform(flat[:, 0], flat[:, 1])).reshape(-1, 2, 2)
    tree = shapely.STRtree(shapely.linestrings(xy))

    def measure(places: Coordinates, most: float) -> Coordinates:
        result = np.full(len(places), most)
        (row, _), found = tree.query_nearest(
            shapely.points(places), max_distance=most, return_distance=True, all_matches=False
        )
        result[row] = found
        return result

    return measure


def _regions(xy: Coordinates) -> NDArray[np.intp]:
    """Number of each place's square, of some eight across the layer."""
    if not len(xy):
        return np.empty(0, dtype=np.intp)
    side = max(float(np.ptp(xy, axis=0).max()) / _CELLS, _LEAST_CELL_M)
    cells = np.floor((xy - xy.min(axis=0)) / side).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)


def _resampled(cost: Coordinates, regions: NDArray[np.intp], count: int) -> float:
    """Share of resamples of the regions in which the first column beats all others."""
    totals = np.zeros((count, cost.shape[1]))
    np.add.at(totals, regions, cost)
    drawn = np.random.default_rng(20).multinomial(count, np.full(count, 1.0 / count), size=_DRAWS)
    sums = drawn @ totals
    wins = int((sums[:, 0] < sums[:, 1:].min(axis=1)).sum())
    return min((wins + 0.5) / (_DRAWS + 1.0), 1.0 - 0.5**count)


def _left(xy: Coordinates, telling: NDArray[np.bool_], measure: _Distance) -> tuple[float, float]:
    """The shift that improves the fit of the telling places most, by a pattern search down to 12.5 m steps."""

    def cost(shift: Coordinates) -> float:
        return float(measure(xy + shift, _CAP_M)[telling].mean())

    turns = np.arange(_RIVAL_DIRECTIONS) * 2 * np.pi / _RIVAL_DIRECTIONS
    ring = np.column_stack([np.cos(turns), np.sin(turns)])
    here, step = np.zeros(2), 100.0
    value = cost(here)
    while step >= 12.5:
        tries = here + step * ring
        values = [cost(shift) for shift in tries]
        at = int(np.argmin(values))
        # A step must pay by more than the grain of the figures, or a perfect fit would wander.
        if values[at] < value - 1e-6 and np.hypot(*tries[at]) <= _RIVAL_RADII_M[-1]:
            here, value = tries[at], values[at]
        else:
            step /= 2
    return float(here[0]), float(here[1])
