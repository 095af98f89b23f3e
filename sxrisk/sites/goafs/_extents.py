"""Widths of areas: largest circle inside, largest clear span, sides of the smallest rectangle around."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["clear_span", "inscribed_circle", "rectangle", "smoothed"]

Floats = NDArray[np.float64]

# Steps of a half turn: a chord askew by half a step is longer by less than a ten thousandth.
_DIRECTIONS = 180


def smoothed(area: Any, width_m: float) -> Any:
    """An area without notches and tips narrower than `width_m`, its straight corners kept."""
    half = width_m / 2.0
    out = shapely.make_valid(area)
    for step in (half, -2.0 * half, half):
        out = shapely.buffer(out, step, join_style="mitre", mitre_limit=2.0)
    out = shapely.simplify(out, width_m / 4.0)
    return area if out.is_empty else out


def inscribed_circle(area: Any, tolerance_m: float) -> tuple[Floats, float]:
    """Middle (2,) and radius of the largest circle inside an area."""
    line = shapely.maximum_inscribed_circle(area, tolerance=tolerance_m)
    xy = shapely.get_coordinates(line)
    return xy[0], float(shapely.length(line))


def clear_span(area: Any, centre: Floats, radius_m: float, cell_m: float) -> float:
    """Largest clear span: over all places the largest of the shortest chords through a place.

    No place has a shorter chord than the circle around it is wide, so that only places near the middle line count.
    """
    from sxrisk.sites.goafs._chord_kernels import shortest_chords

    shapely.prepare(area)
    west, south, east, north = area.bounds
    step = max(cell_m, float(np.sqrt((east - west) * (north - south) / 40_000.0)))
    x, y = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
    inside = shapely.contains_xy(area, x, y)
    places = np.column_stack([x[inside], y[inside]])
    depth = shapely.distance(shapely.points(places), area.boundary) if len(places) else np.empty(0)
    order = np.argsort(-depth, kind="stable")[:400]
    places = np.concatenate([centre[None], places[order[depth[order] > 0.6 * radius_m]]])
    xy, ring = shapely.get_coordinates(shapely.get_parts(area.boundary), return_index=True)
    joined = ring[:-1] == ring[1:]
    starts, ends = xy[:-1][joined] - centre, xy[1:][joined] - centre
    return float(shortest_chords(starts, ends, places - centre, _DIRECTIONS).max())


def rectangle(area: Any) -> tuple[float, float, float]:
    """Length, width and bearing (0 to below 180 degrees) of the smallest rectangle around an area."""
    xy = shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))
    sides = np.diff(xy[:3], axis=0)
    lengths = np.hypot(*sides.T)
    long = int(np.argmax(lengths))
    bearing = float(np.degrees(np.arctan2(sides[long, 0], sides[long, 1])) % 180.0)
    return float(lengths[long]), float(lengths[1 - long]), 0.0 if bearing > 180.0 - 1e-9 else bearing
