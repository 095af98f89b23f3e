"""Which node of an octree each point belongs to: voxel sampling from the root down, by Morton order."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["BITS", "NodeKey", "bucket_cells", "key_of", "morton", "sample_nodes"]

# Bits of an axis in a Morton code: the finest cells of the cube are 2**-21 of its side.
BITS = 21
# A node's points lie in a lattice of 2**7 voxels a side: 128 is what readers of COPC expect of the root's spacing.
LATTICE_BITS = 7
# With so few points left in it, a node takes them all.
LEAF_POINTS = 20_000

Codes = npt.NDArray[np.uint64]


class NodeKey(NamedTuple):
    """Level and place of a node."""

    level: int
    x: int
    y: int
    z: int


def morton(steps: npt.NDArray[np.int64], sides: npt.ArrayLike) -> Codes:
    """Morton codes (n,) of whole steps (n, 3) from the corner of a cube of `sides` steps; x is the lowest bit.

    Examples
    --------
    >>> morton(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]]), sides=2) >> np.uint64(60)
    array([0, 1, 2, 7], dtype=uint64)
    """
    cells = (steps.astype(np.uint64) << np.uint64(BITS)) // np.asarray(sides, dtype=np.uint64)
    x, y, z = (_spread(cells[:, axis]) for axis in range(3))
    return x | (y << np.uint64(1)) | (z << np.uint64(2))


def _spread(value: Codes) -> Codes:
    """The 21 bits of each value, two zero bits between them."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        value = (value | (value << np.uint64(shift))) & np.uint64(mask)
    return value


def _gather(value: int) -> int:
    """Every third bit of a Morton code: the place along one axis."""
    return sum(((value >> (3 * bit)) & 1) << bit for bit in range(BITS))


def key_of(level: int, cell: int) -> NodeKey:
    """Key of the node whose Morton code, cut to its level, is `cell`."""
    return NodeKey(level, _gather(cell), _gather(cell >> 1), _gather(cell >> 2))


def bucket_cells(counts: dict[int, int], level: int, most: int) -> list[tuple[int, int]]:
    """Cells that together hold all points, each with at most `most` of them where `level` allows it.

    Parameters
    ----------
    counts : dict of int to int
        Points by Morton code cut to `level`.
    level : int
        The finest level to go to.
    most : int
        Points in a cell.

    Returns
    -------
    list of (int, int)
        Level and cut Morton code, in Morton order.
    """
    pyramid = [counts]
    for _ in range(level):
        coarser: dict[int, int] = {}
        for cell, count in pyramid[0].items():
            coarser[cell >> 3] = coarser.get(cell >> 3, 0) + count
        pyramid.insert(0, coarser)
    found, waiting = [], [(0, 0)]
    while waiting:
        at, cell = waiting.pop()
        if pyramid[at][cell] <= most or at == level:
            found.append((at, cell))
        else:
            waiting += [(at + 1, child) for child in range(8 * cell + 7, 8 * cell - 1, -1) if child in pyramid[at + 1]]
    return found


def sample_nodes(codes: Codes, bucket_level: int) -> Iterator[tuple[NodeKey, npt.NDArray[np.int64]]]:
    """The points of a cell spread over the nodes of the octree, from the root down.

    At every level a node takes one point of each voxel of its lattice, the middle one in Morton order, and leaves the
    others to its children; with few points left it takes all.

    Parameters
    ----------
    codes : numpy.ndarray of shape (n,)
        Morton codes of points that all lie in one cell of `bucket_level`.
    bucket_level : int
        Level of that cell. Nodes above it get points of several cells: they come out more than once.

    Yields
    ------
    tuple of NodeKey and numpy.ndarray
        A node, and the rows of its points in Morton order.
    """
    left = np.argsort(codes, kind="stable")
    sorted_codes: Codes = codes[left]
    for level in range(BITS + 1):
        if not len(left):
            return
        cells = sorted_codes >> np.uint64(3 * (BITS - level))
        starts, lengths = _runs(cells)
        if level == BITS:
            taken = np.ones(len(left), dtype=bool)
        else:
            taken = _middle_of_runs(sorted_codes >> np.uint64(3 * max(BITS - level - LATTICE_BITS, 0)))
            if level >= bucket_level:
                taken |= np.repeat(lengths <= LEAF_POINTS, lengths)
        rows = left[taken]
        ends = np.add.reduceat(taken, starts, dtype=np.int64).cumsum()
        begin = 0
        for start, end in zip(starts, ends.tolist(), strict=True):
            if end > begin:
                yield key_of(level, int(cells[start])), rows[begin:end]
            begin = end
        left, sorted_codes = left[~taken], sorted_codes[~taken]


def _runs(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return starts, np.diff(np.append(starts, len(values)))


def _middle_of_runs(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    starts, lengths = _runs(values)
    taken = np.zeros(len(values), dtype=bool)
    taken[starts + lengths // 2] = True
    return taken
