"""Distances behind the sample, by a way of their own: nearest points found densely, measured on the ellipsoid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from sxrisk.sample.frame import to_lonlat

__all__ = ["Layer", "expected_status", "geodesic_m", "pairs_within"]

Array = NDArray[np.float64]

_GEOD = Geod(ellps="GRS80")
# the flattening of CGCS2000 is that of GRS80
_STEP_M = 0.05
_WINDOW_M = 4.0


@dataclass(frozen=True)
class Layer:
    """A layer for the truth: name, keys, geometries (EPSG:4547), 1 sigma of position (m)."""

    name: str
    keys: Sequence[str]
    shapes: Sequence[BaseGeometry]
    sigma_m: float


def geodesic_m(first: BaseGeometry, second: BaseGeometry) -> float:
    """Shortest distance on the ellipsoid between two geometries, m; 0 where they touch.

    Both are cut to a window about their nearest points in the plane, densified to 5 cm, and every pair of vertices is
    measured as a geodesic. The plane only says where to look.

    Parameters
    ----------
    first, second : geometry
        EPSG:4547.

    Returns
    -------
    float

    Examples
    --------
    >>> from shapely.geometry import Point
    >>> round(geodesic_m(Point(400000, 4196000), Point(400100, 4196000)), 3)
    99.988
    """
    if first.intersects(second):
        return 0.0
    near = shapely.shortest_line(first, second)
    ends = [_dense_near(shape, np.asarray(near.coords[k])) for k, shape in enumerate((first, second))]
    a, b = (to_lonlat(points) for points in ends)
    i, j = (k.ravel() for k in np.meshgrid(np.arange(len(a)), np.arange(len(b)), indexing="ij"))
    _, _, metres = _GEOD.inv(a[i, 0], a[i, 1], b[j, 0], b[j, 1])
    return float(np.min(metres))


def _dense_near(shape: BaseGeometry, middle: Array) -> Array:
    """Points of a geometry's edge within a few metres of a place, 5 cm apart, and the place itself."""
    window = shapely.box(*(middle - _WINDOW_M), *(middle + _WINDOW_M))
    edge = shape.boundary if shape.geom_type.endswith("Polygon") else shape
    part = shapely.segmentize(edge.intersection(window), _STEP_M)
    points = shapely.get_coordinates(part)
    return np.vstack([middle[None, :2], points]) if len(points) else middle[None, :2]


def expected_status(distance_m: float, limit_m: float, sigma_m: float, broken: str) -> str:
    """What a screening should say at 95 %: `broken` inside the limit, ``too_close_to_call`` near it, else ``none``."""
    if abs(distance_m - limit_m) < 1.96 * sigma_m:
        return "too_close_to_call"
    return broken if distance_m < limit_m else "none"


def pairs_within(
    rule_id: str, first: Layer, second: Layer, limit_m: float, broken: str, *, least_m: float = 0.0
) -> list[dict[str, Any]]:
    """Every pair within the limit, or so near it that the positions leave it open, sorted by keys.

    Parameters
    ----------
    rule_id : str
        Rule.
    first, second : Layer
        The two ends.
    limit_m : float
        Limit of the rule, m.
    broken : str
        Status of a pair inside it.
    least_m : float
        Pairs nearer than this are another rule's.

    Returns
    -------
    list of dict
    """
    sigma = float(np.hypot(first.sigma_m, second.sigma_m))
    reach = limit_m + 4.0 * sigma + 1.0
    tree = STRtree(list(second.shapes))
    rows = []
    for key, shape in zip(first.keys, first.shapes, strict=True):
        for k in sorted(tree.query(shape, predicate="dwithin", distance=reach * 1.001).tolist()):
            distance = geodesic_m(shape, second.shapes[k])
            status = expected_status(distance, limit_m, sigma, broken)
            if least_m and distance < least_m:
                status = "none"
                if least_m - distance < 1.96 * sigma:
                    status = "too_close_to_call"
            if status == "none":
                continue
            rows.append(
                {
                    "rule": rule_id,
                    "layer_a": first.name,
                    "id_a": key,
                    "layer_b": second.name,
                    "id_b": second.keys[k],
                    "distance_m": round(distance, 4),
                    "limit_m": limit_m,
                    "sigma_m": round(sigma, 4),
                    "expected": status,
                }
            )
    return rows


def count_by(rows: Iterable[dict[str, Any]], *keys: str) -> dict[str, int]:
    """How many rows there are of each combination of values, keys joined by a blank."""
    counts: dict[str, int] = {}
    for row in rows:
        name = " ".join(str(row[key]) for key in keys)
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
