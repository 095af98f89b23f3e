"""What a point file offers once its header has been read, and how its pieces become arrays."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans._checks import finite_rows, inside_box
from sxrisk.scans.cloud import extent, in_half_open

__all__ = [
    "CHUNK_POINTS",
    "Bounds",
    "BoxedSource",
    "Piece",
    "PointSource",
    "Quantum",
    "gather",
    "known_attributes",
    "survey",
    "trusted_bounds",
]

Floats = npt.NDArray[np.float64]

CHUNK_POINTS = 1_000_000


class Bounds(NamedTuple):
    """Smallest box around the points, in the scan's coordinates and units."""

    xmin: float
    ymin: float
    zmin: float
    xmax: float
    ymax: float
    zmax: float


class Quantum(NamedTuple):
    """The lattice on which a file keeps its coordinates: whole multiples of `scale` from `offset`.

    Attributes
    ----------
    scale, offset : tuple of 3 floats
        Per axis, in the units of the coordinates.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


class Piece(NamedTuple):
    """Some consecutive points of a file; a row that is no measurement has NaN coordinates.

    Attributes
    ----------
    xyz : ndarray, shape (n, 3)
        Coordinates.
    attributes : dict of str to ndarray, shape (n,) or (n, c)
        Values per point.
    """

    xyz: Floats
    attributes: dict[str, npt.NDArray[Any]]

    def select(self, keep: npt.NDArray[np.bool_]) -> "Piece":
        """The rows of a mask (n,)."""
        if keep.all():
            return self
        return Piece(self.xyz[keep], {name: values[keep] for name, values in self.attributes.items()})


class PointSource(Protocol):
    """A point file whose header has been read and checked; its points come in pieces."""

    @property
    def name(self) -> str:
        """File name."""
        ...

    @property
    def n_points(self) -> int | None:
        """Rows as the header counts them; None where only reading tells."""
        ...

    @property
    def bounds(self) -> Bounds | None:
        """As the header states them."""
        ...

    @property
    def stations(self) -> Floats | None:
        """Scanner stations (k, 3) of the file."""
        ...

    @property
    def epoch(self) -> datetime | None:
        """When the file says it was scanned."""
        ...

    @property
    def range_sigma_m(self) -> float | None:
        """1 sigma of a range, as the file says."""
        ...

    @property
    def registration_sigma_m(self) -> float | None:
        """1 sigma of the registration, as the file says."""
        ...

    @property
    def quantum(self) -> Quantum | None:
        """Lattice of the coordinates."""
        ...

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the per-point values, without the coordinates."""
        ...

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order, at most `size` at a time.

        A source with an index may leave out what lies outside `box` (4 or 6 numbers, edges included); nobody else
        needs to look at it. Only the named `attributes` are given, all of them where None.
        """
        ...


class BoxedSource:
    """The part of a source inside a box, edges included; rows without coordinates stay, for they are counted.

    Parameters
    ----------
    source : PointSource
        The whole.
    box : sequence of 4 or 6 floats
        In the file's coordinates.

    Raises
    ------
    ParameterError
        If the box has another number of sides, or is turned round.
    """

    def __init__(self, source: PointSource, box: Sequence[float]) -> None:
        # A box that is none is told at once, not when the points are asked for.
        inside_box(np.empty((0, 3)), box)
        self._whole, self._box = source, tuple(float(side) for side in box)
        self.name, self.quantum = source.name, source.quantum
        self.stations, self.epoch = source.stations, source.epoch
        self.range_sigma_m, self.registration_sigma_m = source.range_sigma_m, source.registration_sigma_m
        self.n_points: int | None = None
        self.bounds: Bounds | None = None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the per-point values, without the coordinates."""
        return self._whole.attribute_names

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points inside the box, in file order."""
        narrow = self._box if box is None else _common(self._box, box)
        if narrow is None:
            return
        for piece in self._whole.pieces(size, box=narrow, attributes=attributes):
            yield piece.select(inside_box(piece.xyz, self._box) | ~np.isfinite(piece.xyz).all(axis=1))


def gather(
    source: PointSource,
    *,
    box: Sequence[float] | None = None,
    attributes: Sequence[str] | None = None,
) -> tuple[Floats, dict[str, npt.NDArray[Any]], int]:
    """Points and attributes of a source as arrays, only what lies in a half-open `box`, and the rows left out.

    Parameters
    ----------
    source : PointSource
        Where from.
    box : sequence of 4 or 6 floats, optional
        minimum <= coordinate < maximum.
    attributes : sequence of str, optional
        Which; default all.

    Returns
    -------
    tuple
        xyz (n, 3), attributes, and how many rows had no finite coordinates.
    """
    names = known_attributes(source.attribute_names, attributes)
    total = source.n_points if box is None else None
    if total is not None:
        return _filled(source, total, names)
    parts: list[Piece] = []
    rejected = 0
    for piece in source.pieces(CHUNK_POINTS, box=box, attributes=names):
        xyz, values, bad = finite_rows(*piece)
        rejected += bad
        kept = Piece(xyz, values)
        parts.append(kept if box is None else kept.select(in_half_open(xyz, box)))
    if not parts:
        return np.empty((0, 3)), {name: np.empty(0) for name in names}, 0
    columns = {name: np.concatenate([part.attributes[name] for part in parts]) for name in names}
    return np.concatenate([part.xyz for part in parts]), columns, rejected


def survey(pieces: Iterable[Floats]) -> tuple[int, Bounds | None, int]:
    """Number of finite rows, their bounds (None where there are none) and the rows that are not finite."""
    low, high, count, rejected = np.full(3, np.inf), np.full(3, -np.inf), 0, 0
    for xyz in pieces:
        good, _, bad = finite_rows(xyz, {})
        rejected, count = rejected + bad, count + len(good)
        if len(good):
            least, greatest = extent(good)
            low, high = np.minimum(low, least), np.maximum(high, greatest)
    return count, Bounds(*low.tolist(), *high.tolist()) if count else None, rejected


def trusted_bounds(stated: Bounds | None, xyz: Floats, quantum: Quantum | None) -> Bounds | None:
    """The bounds of a header where they are those of the points to within rounding, else those of the points."""
    if stated is None:
        return None
    own = survey([xyz])[1]
    slack = 1e-6 + (0.0 if quantum is None else max(map(abs, quantum.scale)))
    close = own is not None and np.abs(np.subtract(own, stated)).max() <= slack
    return stated if close else own


def known_attributes(known: Sequence[str], asked: Sequence[str] | None) -> tuple[str, ...]:
    """The attributes asked for, all that are known where None; an error names one that is not there.

    Raises
    ------
    ParameterError
        If a name is unknown.
    """
    if asked is None:
        return tuple(known)
    missing = [name for name in asked if name not in known]
    if missing:
        raise ParameterError(
            f"there is no attribute {missing[0]!r}",
            where="attributes",
            expected=f"some of {', '.join(known) or 'none'}",
        )
    return tuple(asked)


def _filled(source: PointSource, total: int, names: Sequence[str]) -> tuple[Floats, dict[str, npt.NDArray[Any]], int]:
    # The count is known: the arrays are made once, and no piece is held beside them.
    xyz, columns = np.empty((total, 3)), {}
    done = rejected = 0
    for piece in source.pieces(CHUNK_POINTS, attributes=names):
        points, values, bad = finite_rows(*piece)
        rows = slice(done, done + len(points))
        xyz[rows] = points
        for name in names:
            if name not in columns:
                columns[name] = np.empty((total, *values[name].shape[1:]), dtype=values[name].dtype)
            columns[name][rows] = values[name]
        done, rejected = rows.stop, rejected + bad
    columns = {name: columns.get(name, np.empty(0)) for name in names}
    if done < total:
        xyz, columns = xyz[:done].copy(), {name: values[:done].copy() for name, values in columns.items()}
    return xyz, columns, rejected


def _common(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...] | None:
    """Box inside both, 6 numbers if one of them has 6; None where they do not meet."""
    full = [
        (*box[:2], -np.inf, *box[2:], np.inf) if len(box) == 4 else tuple(box)  # plan only: any height
        for box in (one, other)
    ]
    low = [max(full[0][axis], full[1][axis]) for axis in range(3)]
    high = [min(full[0][axis + 3], full[1][axis + 3]) for axis in range(3)]
    if any(a > b for a, b in zip(low, high, strict=True)):
        return None
    return (*low, *high) if max(len(one), len(other)) == 6 else (*low[:2], *high[:2])
