"""The quadtree of a tiled cloud: which squares there are, and which box each of them answers for."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.scans._tile_files import Square
from sxrisk.scans.cloud import Box, core_box
from sxrisk.scans.scan import Bounds

__all__ = ["Leaf", "Root", "merge_leaves"]

MAX_LEVEL = 24  # below, points lie in one place and no square tells them apart
_STEPS = 1024


class Leaf(NamedTuple):
    """A square of the tree: ``side = root side / 2**level``, counted from the lower left; and its points."""

    level: int
    column: int
    row: int
    n_points: int


class Root(NamedTuple):
    """The square that holds the cloud. Corner and side are sums of powers of two, so that all edges are exact."""

    x: float
    y: float
    side: float

    @classmethod
    def around(cls, bounds: Bounds) -> "Root":
        """Smallest suitable square around a box."""
        extent = max(bounds.xmax - bounds.xmin, bounds.ymax - bounds.ymin)
        side = 2.0 ** math.ceil(math.log2(extent * (1.0 + 2.0 / _STEPS))) if extent > 0 else 1.0
        step = side / _STEPS
        return cls(math.floor(bounds.xmin / step) * step, math.floor(bounds.ymin / step) * step, side)

    def square(self, level: int, column: int, row: int) -> Square:
        """Corner and side of a square of the tree."""
        side = self.side / 2**level
        return Square(self.x + column * side, self.y + row * side, side)

    def locate(self, xy: NDArray[np.float64], level: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Column and row (n,) of points at a level; points outside count to the outermost squares."""
        side = self.side / 2**level
        found = []
        for values, corner in ((xy[:, 0], self.x), (xy[:, 1], self.y)):
            place = np.floor((values - corner) / side)
            # The quotient may be rounded across an edge; the edge itself decides.
            place -= values < corner + place * side
            place += values >= corner + (place + 1.0) * side
            found.append(np.clip(place, 0, 2**level - 1).astype(np.int32))
        return found[0], found[1]

    def core(self, leaf: Leaf, bounds: Bounds, align_m: float | None = None) -> Box | None:
        """What a leaf answers for inside the bounds, edges snapped to whole multiples; None where nothing is left."""
        square, last = self.square(leaf.level, leaf.column, leaf.row), 2**leaf.level - 1
        outer = core_box((bounds.xmin, bounds.ymin), (bounds.xmax, bounds.ymax), align_m)
        edges = []
        for axis, (low, place) in enumerate(((square.x, leaf.column), (square.y, leaf.row))):
            first, behind = outer[axis], outer[axis + 2]
            # Points outside the root stand in its outermost squares: these reach to the bounds.
            pair = (first if place == 0 else low, behind if place == last else low + square.side)
            edges.append([min(max(_snapped(edge, align_m), first), behind) for edge in pair])
        (xmin, xmax), (ymin, ymax) = edges
        return (xmin, ymin, xmax, ymax) if xmin < xmax and ymin < ymax else None


def _snapped(edge: float, align_m: float | None) -> float:
    return edge if align_m is None else round(edge / align_m) * align_m


def merge_leaves(counts: NDArray[np.int64], most: int) -> Iterator[tuple[Leaf, list[tuple[int, int]]]]:
    """Leaves of at most `most` points out of the counts of the finest squares, in Morton order.

    Parameters
    ----------
    counts : (2**k, 2**k) int64
        Points by column and row.
    most : int
        Points in a leaf, unless one of the finest squares alone holds more.

    Yields
    ------
    tuple of Leaf and list
        The leaf, and the columns and rows of the finest squares in it that hold points.
    """
    finest = int(counts.shape[0]).bit_length() - 1
    stack = [(0, 0, 0)]
    while stack:
        level, column, row = stack.pop()
        width = 2 ** (finest - level)
        part = counts[column * width : (column + 1) * width, row * width : (row + 1) * width]
        total = int(part.sum())
        if total <= most or level == finest:
            full = [(column * width + int(i), row * width + int(j)) for i, j in np.argwhere(part)]
            yield Leaf(level, column, row, total), full
            continue
        for i, j in ((1, 1), (0, 1), (1, 0), (0, 0)):
            stack.append((level + 1, 2 * column + i, 2 * row + j))
