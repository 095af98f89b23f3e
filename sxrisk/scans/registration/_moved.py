"""A cloud on disk after a motion, read tile by tile."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from sxrisk.scans.cloud import Cloud
from sxrisk.scans.scan import Bounds
from sxrisk.scans.source import Piece, Quantum

__all__ = ["MovedSource"]

Floats = npt.NDArray[np.float64]


class MovedSource:
    """Points of a cloud after a motion, as a source that is read in pieces.

    Parameters
    ----------
    cloud : TiledScan
    move : callable
        Makes of points (n, 3) the moved ones.
    sigma_m : float
        1 sigma of the motion, metres.
    """

    def __init__(self, cloud: Cloud, move: Callable[[Floats], Floats], sigma_m: float) -> None:
        self._cloud, self._move = cloud, move
        self.name, self.n_points = cloud.source, cloud.n_points
        self.attribute_names = cloud.attribute_names
        self.stations = None if cloud.stations is None else move(cloud.stations)
        self.epoch: datetime | None = cloud.epoch
        self.range_sigma_m = cloud.range_sigma_m
        self.registration_sigma_m: float | None = sigma_m
        # A turned box is no box of the points, and turned coordinates lie on no lattice.
        self.bounds: Bounds | None = None
        self.quantum: Quantum | None = None

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The moved points, a tile or `size` of them at a time."""
        names = self.attribute_names if attributes is None else attributes
        for tile in self._cloud.tiles(attributes=names):
            inside = np.flatnonzero(tile.in_core())
            for start in range(0, len(inside), size):
                rows = inside[start : start + size]
                values = {name: tile.scan.attributes[name][rows] for name in names}
                yield Piece(self._move(tile.scan.xyz[rows]), values)
