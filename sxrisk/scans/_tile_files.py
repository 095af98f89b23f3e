"""One file a tile: points sorted by a fine lattice of squares, each column of values in one piece.

A part of a tile is read by plain reads of the runs that its squares occupy: nothing is mapped into memory, so that
what a step holds is what it asked for.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "Layout", "Square", "read_part", "tile_bytes", "write_tile"]

_MAX_SQUARES = 32  # squares along a tile's side: a halo is read to within a thirty-second of the tile
_POINTS_A_SQUARE = 500
_SLACK = 1e-6  # of a square: more than the rounding of a quotient


class Square(NamedTuple):
    """A node of the quadtree: its lower left corner and side, in the cloud's units."""

    x: float
    y: float
    side: float


class Columns(NamedTuple):
    """Points as they are stored: coordinates (n, 3) encoded, rows (n,) in the cloud, values by name."""

    places: NDArray[Any]
    rows: NDArray[np.uint32]
    values: dict[str, NDArray[Any]]


class Layout(NamedTuple):
    """What every tile of a store holds.

    Parameters
    ----------
    scales, offsets : (3,) float64 or None
        Coordinates are ``int32 * scale + offset``, as in LAS; None where they are kept as float64.
    values : dict of str to dtype
        Per-point values; a dtype with a shape for more than one number a point.
    """

    scales: NDArray[np.float64] | None
    offsets: NDArray[np.float64] | None
    values: dict[str, np.dtype[Any]]

    @property
    def places(self) -> np.dtype[Any]:
        """Type of an encoded coordinate."""
        return np.dtype("<i4" if self.scales is not None else "<f8")

    def record(self) -> np.dtype[Any]:
        """One point as a packed record, as it waits for its tile."""
        return np.dtype([("places", self.places, (3,)), ("rows", "<u4"), *self.values.items()])

    def encode(self, xyz: NDArray[np.float64]) -> NDArray[Any] | None:
        """Coordinates as stored, or None where they are not exactly what would be read back."""
        if self.scales is None or self.offsets is None:
            return xyz
        steps = np.rint((xyz - self.offsets) / self.scales)
        if len(steps) and not np.abs(steps).max() < 2.0**31:
            return None
        places = steps.astype(self.places)
        return places if np.array_equal(self.decode(places), xyz) else None

    def decode(self, places: NDArray[Any]) -> NDArray[np.float64]:
        """Coordinates (n, 3) of encoded ones."""
        if self.scales is None or self.offsets is None:
            return np.asarray(places, dtype=np.float64)
        return np.asarray(places * self.scales + self.offsets)


def squares_along(n_points: int) -> int:
    """Number of squares along a tile's side: a power of two."""
    wanted = math.sqrt(n_points / _POINTS_A_SQUARE)
    return min(_MAX_SQUARES, 2 ** max(0, math.floor(math.log2(wanted)))) if wanted >= 1.0 else 1


def tile_bytes(n_points: int, layout: Layout) -> int:
    """Size of a tile's file."""
    return 4 * (squares_along(n_points) ** 2 + 1) + n_points * layout.record().itemsize


def write_tile(path: Path, records: NDArray[Any], layout: Layout, square: Square) -> None:
    """Sort the records of a tile into its squares, in row order inside each, and write them."""
    k = squares_along(len(records))
    xy = layout.decode(records["places"])[:, :2]
    step = k / square.side
    column = np.clip(np.floor((xy[:, 0] - square.x) * step), 0, k - 1).astype(np.uint16)
    row = np.clip(np.floor((xy[:, 1] - square.y) * step), 0, k - 1).astype(np.uint16)
    home = column * np.uint16(k) + row
    order = np.argsort(home, kind="stable")
    start = np.zeros(k * k + 1, "<u4")
    np.cumsum(np.bincount(home, minlength=k * k), out=start[1:])
    with path.open("wb") as file:
        file.write(start.tobytes())
        for name in records.dtype.names or ():
            file.write(np.ascontiguousarray(records[name][order]).tobytes())


def read_part(
    path: Path,
    n_points: int,
    layout: Layout,
    square: Square,
    box: Sequence[float] | None,
    names: Sequence[str],
) -> Columns:
    """What lies in the squares that a box (xmin, ymin, xmax, ymax) touches; everything where it is None."""
    k = squares_along(n_points)
    with path.open("rb") as file:
        start = np.frombuffer(file.read(4 * (k * k + 1)), "<u4").astype(np.int64)
        runs = [(0, n_points)] if box is None else _runs(start, k, square, box)
        record = layout.record()
        at, columns = 4 * (k * k + 1), {}
        for name in record.names or ():
            kind = record[name]
            if name in ("places", "rows") or name in names:
                columns[name] = _read_runs(file, at, kind, runs)
            at += n_points * kind.itemsize
    return Columns(columns.pop("places"), columns.pop("rows"), columns)


def _runs(start: NDArray[np.int64], k: int, square: Square, box: Sequence[float]) -> list[tuple[int, int]]:
    """First and last entry of the runs of points that a box touches, joined where they follow on each other."""
    span = []
    for low, high, corner in ((box[0], box[2], square.x), (box[1], box[3], square.y)):
        steps = ((low - corner) * k / square.side - _SLACK, (high - corner) * k / square.side + _SLACK)
        # Points outside the square (of a header that lies) stand in its outermost squares.
        first, last = (min(max(step, 0.0), k - 1.0) for step in steps)
        span.append((math.floor(first), math.floor(last)))
    (i0, i1), (j0, j1) = span
    runs: list[tuple[int, int]] = []
    for i in range(i0, i1 + 1):
        first, last = int(start[i * k + j0]), int(start[i * k + j1 + 1])
        if runs and runs[-1][1] == first:
            runs[-1] = (runs[-1][0], last)
        elif last > first:
            runs.append((first, last))
    return runs


def _read_runs(file: BinaryIO, at: int, kind: np.dtype[Any], runs: list[tuple[int, int]]) -> NDArray[Any]:
    total = sum(last - first for first, last in runs)
    values = np.empty((total, *kind.shape), kind.base)
    raw = values.reshape(-1).view(np.uint8).data
    done = 0
    for first, last in runs:
        size = (last - first) * kind.itemsize
        file.seek(at + first * kind.itemsize)
        if file.readinto(raw[done : done + size]) != size:  # type: ignore[attr-defined]
            raise EOFError(f"{size} bytes wanted at {at}")
        done += size
    return values
