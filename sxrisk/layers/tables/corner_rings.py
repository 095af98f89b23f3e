"""Rings of corners: where one ends and the next begins, and the area they bound, if that is beyond doubt."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["ring_polygon", "split_rings"]

# Two edges of a ring so many times longer than any other may join two areas.
_FAR = 3.0


def split_rings(
    xy: NDArray[np.float64], indices: Sequence[int | None], breaks: Sequence[bool]
) -> tuple[list[NDArray[np.float64]], list[int]]:
    """Rings of a sequence of corners, and how many corners of each were written, the closing one with them.

    A new ring begins after a closing corner, at a break, or where the number falls back.
    """
    rings: list[list[NDArray[np.float64]]] = [[]]
    written = [0]
    closed = False
    last: int | None = None
    for corner, index, broken in zip(xy, indices, breaks, strict=True):
        ring = rings[-1]
        if len(ring) >= 3 and not closed and not broken and np.array_equal(corner, ring[0]):
            closed = True
            last = None
            written[-1] += 1
            continue
        falls = last is not None and index is not None and index <= last
        if ring and (closed or broken or falls):
            rings.append([])
            written.append(0)
            closed = False
        rings[-1].append(corner)
        written[-1] += 1
        last = index
    return [np.asarray(ring) for ring in rings], written


def ring_polygon(rings: Sequence[NDArray[np.float64]]) -> tuple[Any, str]:
    """Area of one or several rings, and the problem if there is none: a ring inside another is a hole in it."""
    polygons = []
    for number, ring in enumerate(rings, start=1):
        distinct = np.unique(ring, axis=0)
        if len(distinct) < 3:
            return None, f"a ring has {len(distinct)} corners, an area needs 3"
        doubt = _doubt(ring)
        if doubt:
            return None, doubt if len(rings) == 1 else f"ring {number}: {doubt}"
        polygons.append(shapely.Polygon(ring))
    if len(polygons) == 1:
        return polygons[0], ""
    area: Any = None
    for polygon in sorted(polygons, key=lambda entry: -float(entry.area)):
        if area is None:
            area = polygon
        elif area.covers(polygon):
            area = shapely.difference(area, polygon)
        else:
            area = shapely.union(area, polygon)
    if area is None or shapely.is_empty(area):
        return None, "the rings leave no area"
    return area, ""


def _doubt(ring: NDArray[np.float64]) -> str:
    """Why a ring may not be the one that is meant, or ``""``."""
    apart = "if these are several areas, write | or a blank line between them"
    count = len(ring)
    reason = str(shapely.is_valid_reason(shapely.Polygon(ring)))
    # A ring that touches itself in a corner crosses nothing.
    if reason.startswith("Self-intersection"):
        return f"the line through the {count} corners crosses itself: check the corners' order; {apart}"
    lengths = np.hypot(*(np.roll(ring, -1, axis=0) - ring).T)
    order = np.argsort(-lengths)
    if count < 6 or lengths[order[1]] <= _FAR * lengths[order[2]]:
        return ""
    first, second = sorted((int(order[0]), int(order[1])))
    # The long edges leave a group of corners on either side: two areas rather than the two ends of a long one.
    if min(second - first, count - second + first) < 3:
        return ""
    return (
        f"the edges after corners {first + 1} and {second + 1} of {count} are over {_FAR:g} times longer than all "
        f"others, as between two areas; {apart}"
    )
