"""Area that each pillar of a mined room carries, from its outline as measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely

from sxrisk.errors import GeometryError, ParameterError

__all__ = ["tributary_areas"]

_SPACING_M = 0.25


def tributary_areas(pillars: Sequence[Any], outline: Any, *, spacing_m: float | None = None) -> pd.DataFrame:
    """Share the roof of a mined room out: every place goes to the nearest pillar, or to the solid rock around.

    Parameters
    ----------
    pillars : sequence of shapely Polygons
        Outlines in plan, metres, of any shape, inside the room and apart from each other.
    outline : shapely Polygon
        Outer edge of the mined room; its holes are not looked at.
    spacing_m : float, optional
        Distance of the points that stand for an outline, metres; the border between neighbours is known to about
        ``spacing^2 / (4 bord)``. By default 0.25 m, or half the narrowest bord where that is less.

    Returns
    -------
    DataFrame
        One row a pillar, in their order: ``plan_area_m2, tributary_area_m2`` (itself included).

    Raises
    ------
    GeometryError
        If a pillar is no valid polygon, leaves the room or touches another.
    ParameterError
        If the spacing is not above 0, or wider than a bord.

    Examples
    --------
    >>> from shapely import box
    >>> room = tributary_areas([box(10, 10, 15, 15)], box(5, 5, 20, 20))
    >>> float(room.loc[0, "plan_area_m2"]), round(float(room.loc[0, "tributary_area_m2"]))
    (25.0, 97)
    """
    if spacing_m is not None and not 0 < spacing_m < np.inf:
        raise ParameterError(f"the spacing is {spacing_m}", where="spacing_m", expected="metres above 0")
    _check(pillars, outline)
    room = shapely.Polygon(outline.exterior)
    bord = _narrowest_bord_m(pillars, room)
    if spacing_m is None:
        spacing_m = min(_SPACING_M, bord / 2.0)
    elif spacing_m > bord:
        raise ParameterError(
            f"the spacing is {spacing_m:g} m and the narrowest bord {bord:.3g} m",
            where="spacing_m",
            expected="a spacing below the narrowest bord",
        )
    origin = np.asarray(room.bounds[:2])
    local = shapely.transform(np.asarray([*pillars, room], dtype=object), lambda xy: xy - origin)
    rings = shapely.segmentize(shapely.get_exterior_ring(local), spacing_m)
    # A ring's last point repeats its first.
    points = [shapely.get_coordinates(ring)[:-1] for ring in rings]
    owner = np.repeat(np.arange(len(points)), [len(part) for part in points])
    everywhere = local[-1].buffer(spacing_m)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(shapely.MultiPoint(np.concatenate(points)), extend_to=everywhere, ordered=True)
    )
    mine = owner < len(pillars)
    # With points closer than the bords are wide no cell of a pillar reaches beyond the room.
    areas = shapely.area(cells[mine])
    return pd.DataFrame(
        {
            "plan_area_m2": shapely.area(local[:-1]),
            "tributary_area_m2": np.bincount(owner[mine], weights=areas, minlength=len(pillars)),
        }
    )


def _narrowest_bord_m(pillars: Sequence[Any], room: shapely.Polygon) -> float:
    gaps = [float(shapely.distance(pillar, room.exterior)) for pillar in pillars]
    if len(pillars) > 1:
        _, apart = shapely.STRtree(pillars).query_nearest(pillars, exclusive=True, return_distance=True)
        gaps.append(float(apart.min()))
    return min(gaps, default=np.inf)


def _check(pillars: Sequence[Any], outline: Any) -> None:
    for number, shape in enumerate([*pillars, outline]):
        where = "the room" if number == len(pillars) else f"pillar {number + 1}"
        if not isinstance(shape, shapely.Polygon) or shape.is_empty or not shape.is_valid:
            raise GeometryError("the outline is no valid polygon", where=where, expected="one polygon in metres")
    room = shapely.Polygon(outline.exterior)
    for number, pillar in enumerate(pillars):
        if not room.contains_properly(pillar):
            raise GeometryError("the pillar is not inside the room", where=f"pillar {number + 1}")
    first, second = shapely.STRtree(pillars).query(pillars, predicate="intersects")
    touching = first < second
    if touching.any():
        one, other = first[touching][0] + 1, second[touching][0] + 1
        raise GeometryError(f"it touches pillar {other}", where=f"pillar {one}", expected="pillars apart")
