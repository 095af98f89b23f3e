"""Rock between a goaf and what lies near it: other goafs, tunnels, shafts, lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.sites.goafs._columns import vertical_hits
from sxrisk.surfaces import Mesh

__all__ = ["Gap", "Neighbour", "gap_between", "gaps_to_neighbours"]

Floats = NDArray[np.float64]

KINDS = ("goaf", "tunnel", "shaft", "line", "water")


@dataclass(frozen=True, eq=False)
class Neighbour:
    """Something near a goaf.

    Parameters
    ----------
    id : str
    kind : str
        ``goaf``, ``tunnel``, ``shaft``, ``line`` or ``water`` (a flooded goaf).
    body : Mesh or shapely geometry
        A closed mesh; or points, lines or polygons **with heights**: the axis of a tunnel, an upright line for a
        shaft. In the coordinates of the goaf, metres.
    radius_m : float
        Half the width of a tunnel, shaft or line around its axis.
    sigma_m : float
        1 sigma of its place; NaN where unknown.
    water_level_m : float
        Of ``water``: what lies above this level is dry. NaN: all of it is full.
    """

    id: str
    kind: str
    body: Any
    radius_m: float = 0.0
    sigma_m: float = float("nan")
    water_level_m: float = float("nan")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"the kind is {self.kind!r}", where=self.id, expected=", ".join(KINDS))
        if not self.radius_m >= 0:
            raise ParameterError(f"the radius is {self.radius_m} m", where=self.id, expected="0 or more")


@dataclass(frozen=True, eq=False)
class Gap:
    """Least distance of two bodies.

    Parameters
    ----------
    distance_m : float
        0 where they meet or one lies in the other.
    places : (2, 3) float64
        Where, on the first and on the second body.
    """

    distance_m: float
    places: Floats


def gap_between(one: Any, two: Any) -> Gap:
    """Least distance of two bodies, exact for their triangles and lines.

    Two trees of boxes are searched together; at their leaves triangle is measured against triangle by all their edges
    and corners, so that no sampling enters.

    Parameters
    ----------
    one, two : Mesh or shapely geometry with heights
        In the same coordinates, metres. A closed mesh is solid: what lies inside has no distance.

    Returns
    -------
    Gap

    Raises
    ------
    GeometryError
        If a body is empty, or a geometry has no heights.
    CRSError
        If two meshes state different systems.

    References
    ----------
    Ericson, C. (2005). Real-Time Collision Detection, 5.1: closest points.

    Examples
    --------
    >>> from shapely import LineString
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> tetrahedron = Mesh(corners, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    >>> gap_between(tetrahedron, LineString([(-5, 0.2, 3), (5, 0.2, 3)])).distance_m
    2.009...
    """
    from sxrisk.sites.goafs._gap_kernels import nearest_pair

    systems = [body.crs for body in (one, two) if isinstance(body, Mesh) and body.crs is not None]
    if len(systems) == 2 and not pyproj.CRS(systems[0]).equals(pyproj.CRS(systems[1]), ignore_axis_order=True):
        raise CRSError("the two meshes have different coordinate systems", remedy="Bring both into one system")
    first, second = _triangles(one), _triangles(two)
    origin = np.round(first.reshape(-1, 3).mean(axis=0), 1)
    first, second = first - origin, second - origin
    inside = _inside(one, second[0, 0] + origin) or _inside(two, first[0, 0] + origin)
    if inside:
        place = (second if inside is one else first)[0, 0] + origin
        return Gap(0.0, np.array([place, place]))
    trees = [_tree(triangles) for triangles in (first, second)]
    squared, places = nearest_pair(*trees[0], *trees[1], np.inf)
    return Gap(float(np.sqrt(squared)), places + origin)


def gaps_to_neighbours(mesh: Mesh, neighbours: Sequence[Neighbour], *, sigma_m: float = float("nan")) -> pd.DataFrame:
    """Width of the rock between a goaf and each of its neighbours.

    Parameters
    ----------
    mesh : Mesh
        The goaf, closed.
    neighbours : sequence of Neighbour
    sigma_m : float
        1 sigma of the goaf's wall.

    Returns
    -------
    DataFrame
        A row a neighbour: ``id, kind, distance_m, sigma_m`` (both ends; NaN where one is unknown), ``x_m, y_m, z_m``
        on the goaf and ``other_x_m, other_y_m, other_z_m`` on the neighbour's axis or surface.

    Raises
    ------
    GeometryError, CRSError
        As :func:`gap_between`; or where water stands nowhere in a flooded goaf.
    """
    from sxrisk.sites.goafs.water import flooded_part

    rows = []
    for other in neighbours:
        body = other.body
        if other.kind == "water" and np.isfinite(other.water_level_m):
            body = flooded_part(body, other.water_level_m, where=other.id)
        try:
            gap = gap_between(mesh, body)
        except GeometryError as error:
            told = error.problem
            raise GeometryError(told.what, where=other.id, expected=told.expected, remedy=told.remedy) from error
        rows.append(
            {
                "id": other.id,
                "kind": other.kind,
                "distance_m": max(gap.distance_m - other.radius_m, 0.0),
                "sigma_m": float(np.hypot(sigma_m, other.sigma_m)),
                **dict(zip(("x_m", "y_m", "z_m"), gap.places[0].tolist(), strict=True)),
                **dict(zip(("other_x_m", "other_y_m", "other_z_m"), gap.places[1].tolist(), strict=True)),
            }
        )
    columns = ["id", "kind", "distance_m", "sigma_m", "x_m", "y_m", "z_m", "other_x_m", "other_y_m", "other_z_m"]
    return pd.DataFrame(rows, columns=columns)


def _triangles(body: Any) -> Floats:
    """The body as triangles (n, 3, 3); pieces of lines and points have corners that coincide."""
    if isinstance(body, Mesh):
        if not len(body.faces):
            raise GeometryError("a mesh without faces has no distance", expected="at least one face")
        return np.asarray(body.vertices[body.faces])
    if body is None or body.is_empty:
        raise GeometryError("an empty geometry has no distance", expected="points or lines with heights")
    if not shapely.has_z(body):
        raise GeometryError(
            f"the {body.geom_type} has no heights",
            expected="coordinates with a height each",
            remedy="Give heights: an upright line for a shaft, heights of the ground for a line on it",
        )
    parts = []
    for part in shapely.get_parts(shapely.get_parts(body)):
        if part.geom_type == "Polygon":
            pieces = shapely.get_parts(shapely.constrained_delaunay_triangles(part))
            parts += [shapely.get_coordinates(piece, include_z=True)[:3] for piece in pieces]
        else:
            xyz = shapely.get_coordinates(part, include_z=True)
            ends = [(xyz[0], xyz[0])] if len(xyz) == 1 else pairwise(xyz)
            parts += [np.array([a, b, b]) for a, b in ends]
    return np.asarray(parts)


def _inside(body: Any, place: Floats) -> Any:
    """The body, if it is a closed mesh and the place lies in it."""
    if not isinstance(body, Mesh) or not body.is_watertight:
        return None
    hits = vertical_hits(body, place[None, :2])
    return body if int((hits.height_m > place[2]).sum()) % 2 else None


def _tree(triangles: Floats) -> tuple[Floats, Floats, int]:
    """Triangles in the order of a space-filling curve, the boxes over them, and the depth of the tree."""
    from sxrisk.sites.goafs._gap_kernels import LEAF, box_tree

    middle = triangles.mean(axis=1)
    low, extent = middle.min(axis=0), max(float(np.ptp(middle, axis=0).max()), 1e-9)
    steps = ((middle - low) / extent * 1023.0).astype(np.int64)
    key = np.zeros(len(steps), np.int64)
    for bit in range(10):
        for axis in range(3):
            key |= ((steps[:, axis] >> bit) & 1) << (3 * bit + axis)
    ordered = np.ascontiguousarray(triangles[np.argsort(key, kind="stable")])
    depth = max(int(np.ceil(np.log2(max(len(ordered) / LEAF, 1.0)))), 0)
    return ordered, box_tree(ordered, depth), depth
