"""Clouds whose points are changed on their way to the writer, so that none has to fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.scans import Bounds, Cloud, Scan
from sxrisk.scans.source import Piece, Quantum

__all__ = ["Change", "chosen", "moved", "streamed"]

Change = Callable[[Scan, NDArray[np.int64]], Scan]
"""What becomes of a part of a cloud, and the rows (n,) that its points have in the cloud."""


def parts_of(cloud: Cloud, size: int) -> Iterator[tuple[Scan, NDArray[np.int64]]]:
    """A cloud in pieces with their rows; every point once."""
    if isinstance(cloud, Scan):
        start = 0
        for part in cloud.chunks(size):
            yield part, np.arange(start, start + part.n_points)
            start += part.n_points
        return
    for tile in cloud.tiles():
        inside = np.flatnonzero(tile.in_core())
        rows = inside if tile.rows is None else tile.rows[inside].astype(np.int64)
        yield tile.scan.select(inside), rows


class _Changed:
    """A cloud's points after a change, as a source that is read in pieces."""

    def __init__(
        self, cloud: Cloud, change: Change, n_points: int, names: Sequence[str], quantum: Quantum | None
    ) -> None:
        self._cloud, self._change = cloud, change
        self.name, self.n_points = cloud.source, n_points
        self.attribute_names = tuple(names)
        self.stations: NDArray[np.float64] | None = None
        self.epoch: datetime | None = None
        self.range_sigma_m: float | None = None
        self.registration_sigma_m: float | None = None
        self.bounds: Bounds | None = None
        self.quantum = quantum

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The changed points."""
        names = self.attribute_names if attributes is None else attributes
        for part, rows in parts_of(self._cloud, size):
            changed = self._change(part, rows)
            yield Piece(changed.xyz, {name: changed.attributes[name] for name in names})


def streamed(
    cloud: Cloud,
    change: Change,
    *,
    n_points: int | None = None,
    added: Sequence[str] = (),
    like: Cloud | None = None,
    quantum: Quantum | None = None,
) -> Scan:
    """A lazy scan of what a change makes of a cloud.

    Parameters
    ----------
    cloud : Scan or TiledScan
        Where the points come from.
    change : callable
        Makes of a part of it, and its rows, another scan.
    n_points : int, optional
        Points that are left; default all.
    added : sequence of str
        Attributes that the change adds.
    like : Scan or TiledScan, optional
        Whose systems, stations and uncertainties the result has; default the cloud's.
    quantum : Quantum, optional
        Lattice that the changed coordinates still are on.
    """
    names = [*cloud.attribute_names, *(name for name in added if name not in cloud.attribute_names)]
    source = _Changed(cloud, change, cloud.n_points if n_points is None else n_points, names, quantum)
    return Scan.from_source(source, **_described(like or cloud))


def chosen(cloud: Cloud, keep: NDArray[np.bool_], **columns: NDArray[Any]) -> Scan:
    """The points of a mask (n,), with more values (n,) for each point."""

    def change(part: Scan, rows: NDArray[np.int64]) -> Scan:
        mask = keep[rows]
        return part.select(mask).with_attributes(**{name: values[rows[mask]] for name, values in columns.items()})

    lattice = getattr(cloud, "quantum", None)
    return streamed(cloud, change, n_points=int(keep.sum()), added=tuple(columns), quantum=lattice)


def moved(cloud: Cloud, apply: Callable[[Scan], Scan]) -> Scan:
    """A cloud after a motion or in another system; what it says of itself is what its corners have then."""
    b = cloud.bounds()
    corners = [[x, y, z] for x in (b.xmin, b.xmax) for y in (b.ymin, b.ymax) for z in (b.zmin, b.zmax)]
    like = apply(Scan(corners, **_described(cloud), source=cloud.source))
    return streamed(cloud, lambda part, _: apply(part), like=like)


def _described(cloud: Cloud) -> dict[str, Any]:
    names = ("crs", "vertical_crs", "epoch", "stations", "range_sigma_m", "registration_sigma_m")
    return {name: getattr(cloud, name) for name in names}
