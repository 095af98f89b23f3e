"""One protocol for clouds in memory and on disk, and the tiles that every step works through."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError

if TYPE_CHECKING:
    from sxrisk.scans.scan import Bounds, Scan

__all__ = ["Box", "Cloud", "Tile", "core_box", "extent", "in_half_open"]

Box = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax; half-open: xmin <= x < xmax and ymin <= y < ymax."""


class Tile(NamedTuple):
    """One piece of work: what lies in a box, with the points around it that the work has to see.

    Parameters
    ----------
    index : int
        Number of the tile in its cloud.
    core : Box
        What this tile answers for; the cores of a cloud touch and do not overlap.
    scan : Scan
        Points of the core and of the halo around it, in file order.
    rows : ndarray of shape (n,), optional
        Their rows in the cloud, rising: where a value per point belongs. None where the tile is the whole cloud.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks a tile for
    core: Box
    scan: "Scan"
    rows: NDArray[np.uint32] | None = None

    def in_core(self) -> NDArray[np.bool_]:
        """Mask (n,) of the points that belong to the core; every point of a cloud is in exactly one core."""
        return in_half_open(self.scan.xyz, self.core)

    def cells(self, cell_m: float) -> tuple[int, int, int, int]:
        """The core in steps of a lattice: first column and row, and the ones behind the last.

        A point belongs to column ``floor(x / cell_m)``. In floating point that quotient and the comparison with the
        core's edge can disagree in the last digit; who works on a lattice decides by these whole numbers, and reads
        with a halo of one cell, so that no cell is cut.

        Parameters
        ----------
        cell_m : float
            Step of the lattice, metres: the ``align_m`` that the tiles were asked for.
        """
        xmin, ymin, xmax, ymax = (round(edge / cell_m) for edge in self.core)
        return xmin, ymin, xmax, ymax


@runtime_checkable
class Cloud(Protocol):
    """What a step asks of a cloud, be it a :class:`~sxrisk.Scan` in memory or a :class:`~sxrisk.TiledScan` on disk."""

    source: str
    crs: Any
    vertical_crs: Any
    epoch: datetime | None
    range_sigma_m: float | None
    registration_sigma_m: float | None

    @property
    def stations(self) -> NDArray[np.float64] | None:
        """Scanner stations (k, 3), or None where unknown."""
        ...

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the per-point values."""
        ...

    @property
    def n_points(self) -> int:
        """Number of points."""
        ...

    @property
    def origin(self) -> NDArray[np.float64]:
        """Local origin (3,), the same for every tile."""
        ...

    def bounds(self) -> "Bounds":
        """Smallest box around the points."""
        ...

    def require_metres(self) -> Self:
        """The cloud itself if its coordinates are metres, an error otherwise."""
        ...

    def read(self, box: Sequence[float] | None = None, *, attributes: Sequence[str] | None = None) -> "Scan":
        """The points inside a half-open box of 4 (plan) or 6 numbers, in file order."""
        ...

    def tiles(
        self, halo_m: float = 0.0, *, attributes: Sequence[str] | None = None, align_m: float | None = None
    ) -> Iterator[Tile]:
        """The cloud in pieces, each with the points up to `halo_m` around it."""
        ...


def in_half_open(xyz: NDArray[np.float64], box: Sequence[float]) -> NDArray[np.bool_]:
    """Mask (n,) of the points inside a box of 4 (plan) or 6 numbers, upper edges excluded.

    Raises
    ------
    ParameterError
        If the box has another number of numbers, or is turned round.
    """
    if len(box) not in (4, 6):
        raise ParameterError(
            f"a box of {len(box)} numbers",
            where="box",
            expected="(xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax)",
        )
    half = len(box) // 2
    inside = np.ones(len(xyz), dtype=bool)
    for axis, (low, high) in enumerate(zip(box[:half], box[half:], strict=True)):
        if not low <= high:
            raise ParameterError(f"box {tuple(box)} is turned round", where="box", expected="minimum before maximum")
        inside &= (xyz[:, axis] >= low) & (xyz[:, axis] < high)
    return inside


def extent(xyz: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest of each column of points (n, k), n at least 1.

    Examples
    --------
    >>> extent(np.array([[1.0, 5.0], [2.0, 3.0]]))
    (array([1., 3.]), array([2., 5.]))
    """
    # A column at a time is ten times as fast as numpy's reduction over rows of three.
    columns = xyz.T
    return np.array([column.min() for column in columns]), np.array([column.max() for column in columns])


def core_box(low: Sequence[float], high: Sequence[float], align_m: float | None = None) -> Box:
    """Half-open box that holds all points between two corners (plan), edges at whole multiples where asked for.

    Parameters
    ----------
    low, high : sequence of float
        Least and greatest x, y (more numbers are ignored).
    align_m : float, optional
        Step that the edges shall be whole multiples of, metres.

    Raises
    ------
    ParameterError
        If `align_m` is not positive.

    Examples
    --------
    >>> core_box((0.2, 1.0), (3.9, 4.0), align_m=2.0)
    (0.0, 0.0, 4.0, 6.0)
    """
    if align_m is None:
        xmin, ymin = float(low[0]), float(low[1])
        return xmin, ymin, math.nextafter(float(high[0]), math.inf), math.nextafter(float(high[1]), math.inf)
    if not (math.isfinite(align_m) and align_m > 0):
        raise ParameterError(f"tiles at multiples of {align_m} m", where="align_m", expected="more than 0")
    # A quotient may round up to the next whole number: then the edge itself decides.
    first = [math.floor(v / align_m) for v in (low[0], low[1])]
    last = [math.floor(v / align_m) + 1 for v in (high[0], high[1])]
    first = [k - (k * align_m > v) for k, v in zip(first, low, strict=False)]
    last = [k + (k * align_m <= v) for k, v in zip(last, high, strict=False)]
    return first[0] * align_m, first[1] * align_m, last[0] * align_m, last[1] * align_m
