"""The laser scan: points with their coordinate system, epoch, stations and uncertainty."""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, ParameterError, SxriskWarning
from sxrisk.scans._checks import check_attributes, check_points, finite_rows, inside_box
from sxrisk.scans._described import Described
from sxrisk.scans.cloud import Tile, core_box, extent, in_half_open
from sxrisk.scans.source import (
    CHUNK_POINTS,
    Bounds,
    PointSource,
    Quantum,
    gather,
    known_attributes,
    survey,
    trusted_bounds,
)  # fmt: skip

__all__ = ["Bounds", "PointSource", "Scan"]

Floats = npt.NDArray[np.float64]
Attributes = Mapping[str, npt.NDArray[Any]]


class Scan(Described):
    """A laser scan: points that know where and when they are, who saw them and how well.

    A scan made by :func:`sxrisk.read_scan` is lazy: the header is read at once, the points when :attr:`xyz` or
    an attribute is asked for.

    Parameters
    ----------
    xyz : array-like of shape (n, 3)
        Easting, northing, height in the units of the coordinate systems. Kept as float64.
    crs : pyproj.CRS, int or str, optional
        Horizontal system; a compound one also gives the height system. None means local coordinates in metres.
    vertical_crs : pyproj.CRS, int or str, optional
        Height system.
    epoch : datetime or str, optional
        When it was scanned, timezone-aware (or ISO 8601 with an offset). A naive one is read as Asia/Shanghai, with
        a warning.
    stations : array-like of shape (k, 3), optional
        Places of the scanner, same coordinates as the points. They orient normals.
    range_sigma_m : float, optional
        1 sigma of a single range, metres.
    attributes : mapping of str to array of shape (n,) or (n, c), optional
        Per-point values; ``station_index`` (int, row of `stations`, -1 unknown) says which station saw the point.
    registration_sigma_m : float, optional
        1 sigma of the scan's registration against its reference, metres.
    source : str
        Name of the file it came from, for messages.

    Raises
    ------
    GeometryError
        If the shape is wrong or a coordinate is not finite.
    ParameterError
        If an attribute has another length, or an uncertainty is negative.
    CRSError
        If a coordinate system is unknown to PROJ.

    Warns
    -----
    UnverifiedInputWarning
        If `epoch` has no time zone.

    Examples
    --------
    >>> import sxrisk as sx
    >>> scan = sx.Scan([[500000.0, 4000000.0, 900.0], [500002.0, 4000001.0, 902.0]], crs="EPSG:4546")
    >>> scan.n_points
    2
    >>> scan.bounds().zmax
    902.0
    >>> scan.local()
    array([[-1. , -0.5, -1. ],
           [ 1. ,  0.5,  1. ]])
    """

    def __init__(
        self,
        xyz: npt.ArrayLike,
        *,
        crs: Any = None,
        vertical_crs: Any = None,
        epoch: datetime | str | None = None,
        stations: npt.ArrayLike | None = None,
        range_sigma_m: float | None = None,
        attributes: Mapping[str, npt.ArrayLike] | None = None,
        registration_sigma_m: float | None = None,
        source: str = "",
    ) -> None:
        points = check_points(xyz, source or "xyz")
        super().__init__(
            crs=crs,
            vertical_crs=vertical_crs,
            epoch=epoch,
            stations=stations,
            range_sigma_m=range_sigma_m,
            registration_sigma_m=registration_sigma_m,
            source=source,
        )
        self._lazy: PointSource | None = None
        self._xyz: Floats | None = points
        self._attributes = check_attributes(attributes or {}, len(points), len(self._stations))
        self._n_points: int | None = len(points)
        self._bounds: Bounds | None = None
        self._n_rejected: int | None = 0
        self.quantum: Quantum | None = None

    @classmethod
    def from_source(cls, source: PointSource, **described: Any) -> "Scan":
        """A lazy scan over an opened file; :func:`sxrisk.read_scan` is the door for users.

        `described` are keywords of the constructor; but for the systems, what is not given is what the file says.
        """
        scan = cls.__new__(cls)
        for name in ("epoch", "stations", "range_sigma_m", "registration_sigma_m"):
            if described.get(name) is None:
                described[name] = getattr(source, name)
        Described.__init__(scan, **described, source=source.name)
        scan._lazy, scan._xyz, scan._attributes = source, None, {}
        scan._n_points, scan._bounds, scan.quantum = source.n_points, source.bounds, source.quantum
        scan._n_rejected = None
        return scan

    @property
    def xyz(self) -> Floats:
        """Points (n, 3), float64; read from the file when first asked for. Read-only."""
        return self._load()[0]

    @property
    def attributes(self) -> Attributes:
        """Per-point values by name, read with the points."""
        return MappingProxyType(self._load()[1])

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the attributes, without reading the points."""
        return self._lazy.attribute_names if self._lazy is not None else tuple(self._attributes)

    @property
    def station_index(self) -> npt.NDArray[np.int32]:
        """Row of :attr:`stations` that saw each point (n,); -1 where unknown."""
        attributes = self._load()[1]
        if "station_index" in attributes:
            return attributes["station_index"]
        return np.full(self.n_points, 0 if len(self._stations) == 1 else -1, dtype=np.int32)

    @property
    def n_points(self) -> int:
        """Number of points; from the header where the file has one, else by one pass through the file."""
        if self._n_points is None:
            self._survey()
        return int(self._n_points or 0)

    @property
    def n_rejected(self) -> int:
        """Points of the file that were left out because a coordinate is not finite."""
        if self._n_rejected is None:
            self._survey()
        return int(self._n_rejected or 0)

    def __len__(self) -> int:
        return self.n_points

    def bounds(self) -> Bounds:
        """Smallest box around the points; from the header where the file has one, else by one pass through the file.

        Raises
        ------
        GeometryError
            If the scan is empty.
        """
        if self._bounds is None:
            self._survey()
        if self._bounds is None:
            raise GeometryError("the scan has no points", where=self.source or None, expected="at least one point")
        return self._bounds

    @property
    def origin(self) -> Floats:
        """Local origin (3,): the middle of the bounds, rounded so that it can be typed."""
        b = self.bounds()
        return np.round(np.array([b.xmin + b.xmax, b.ymin + b.ymax, b.zmin + b.zmax]) / 2.0, 1)

    def local(self, origin: npt.ArrayLike | None = None) -> Floats:
        """Offsets (n, 3) from `origin`, float64: what kernels work on, never raw eastings.

        Parameters
        ----------
        origin : array-like of shape (3,), optional
            Same coordinates as the points; default :attr:`origin`.
        """
        return self.xyz - (self.origin if origin is None else np.asarray(origin, dtype=np.float64))

    def chunks(self, size: int = CHUNK_POINTS, *, attributes: Sequence[str] | None = None) -> Iterator["Scan"]:
        """The scan in pieces of at most `size` points, in order, without holding the whole in memory.

        Parameters
        ----------
        size : int
            Points in a piece, at least 1.
        attributes : sequence of str, optional
            Only these; default all. What a LAZ file packs by itself and nobody asks for is not unpacked.
        """
        if size < 1:
            raise ParameterError(f"chunks of {size} points", where="size", expected="at least 1")
        if self._lazy is not None:
            for piece in self._lazy.pieces(size, attributes=known_attributes(self._lazy.attribute_names, attributes)):
                xyz, values, _ = finite_rows(*piece)
                yield self._with(xyz, check_attributes(values, len(xyz), len(self._stations)))
            return
        xyz, held = self._load()
        names = known_attributes(tuple(held), attributes)
        for start in range(0, len(xyz), size):
            part = slice(start, start + size)
            yield self._with(xyz[part], {name: held[name][part] for name in names})

    def read(self, box: Sequence[float] | None = None, *, attributes: Sequence[str] | None = None) -> "Scan":
        """The points of a box in file order; of a lazy scan only they are kept in memory.

        Parameters
        ----------
        box : sequence of 4 or 6 floats, optional
            (xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax), half-open: minimum <= coordinate <
            maximum, so that boxes side by side share no point. Default: all points.
        attributes : sequence of str, optional
            Only these attributes; default all.

        Returns
        -------
        Scan
            In memory. A file without an index (all but COPC) is read through for every call; cut it once with
            :func:`sxrisk.tile_scan` where many boxes are asked for.

        Raises
        ------
        ParameterError
            If the box is none, or an attribute is unknown.
        """
        if box is not None:
            in_half_open(np.empty((0, 3)), box)
        if self._lazy is not None and (box is not None or attributes is not None):
            xyz, values, _ = gather(self._lazy, box=box, attributes=attributes)
            return self._with(xyz, check_attributes(values, len(xyz), len(self._stations)))
        xyz, held = self._load()
        values = {name: held[name] for name in known_attributes(tuple(held), attributes)}
        if box is None:
            return self._with(xyz, values)
        keep = in_half_open(xyz, box)
        return self._with(xyz[keep], {name: column[keep] for name, column in values.items()})

    def tiles(
        self, halo_m: float = 0.0, *, attributes: Sequence[str] | None = None, align_m: float | None = None
    ) -> Iterator[Tile]:
        """The scan as one tile: what a step that works tile by tile sees of a cloud in memory.

        Parameters
        ----------
        halo_m : float
            Points wanted around the core, metres; a single tile has them all.
        attributes : sequence of str, optional
            Only these attributes; default all.
        align_m : float, optional
            The core's edges are whole multiples of it.

        Yields
        ------
        Tile
            None where the scan is empty.
        """
        if not halo_m >= 0:
            raise ParameterError(f"a halo of {halo_m} m", where="halo_m", expected="0 or more")
        whole = self.read(attributes=attributes)
        if whole.n_points:
            low, high = extent(whole.xyz[:, :2])
            yield Tile(0, core_box(low.tolist(), high.tolist(), align_m), whole)

    def select(self, keep: npt.ArrayLike) -> "Scan":
        """The points of a mask (n,) or of an index array, with everything else kept."""
        chosen = np.asarray(keep)
        xyz, attributes = self._load()
        if chosen.dtype == bool and chosen.shape != (len(xyz),):
            raise ParameterError(
                f"a mask of shape {chosen.shape} for {len(xyz)} points", where="keep", expected=f"shape ({len(xyz)},)"
            )
        return self._with(xyz[chosen], {name: values[chosen] for name, values in attributes.items()})

    def crop(self, bounds: Sequence[float]) -> "Scan":
        """The points inside a box (xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax), edges included."""
        return self.select(inside_box(self.xyz, bounds))

    def with_attributes(self, **attributes: npt.ArrayLike) -> "Scan":
        """The same points with attributes added or replaced, each (n,) or (n, c)."""
        values = check_attributes({**self.attributes, **attributes}, self.n_points, len(self._stations))
        return self._with(self.xyz, values)

    def replace(self, **changes: Any) -> "Scan":
        """The same points with other keywords of the constructor, for example ``crs`` or ``epoch``."""
        return Scan(changes.pop("xyz", self.xyz), **{**self._description(), "attributes": self.attributes, **changes})

    @staticmethod
    def merge(scans: Sequence["Scan"]) -> "Scan":
        """Several scans of one epoch as one; ``station_index`` keeps which station saw each point.

        Parameters
        ----------
        scans : sequence of Scan
            Same coordinate systems. The uncertainties of the result are the largest of the parts', the epoch is the
            earliest; only attributes that all have are kept.

        Raises
        ------
        ParameterError
            If there is no scan.
        CRSError
            If coordinate systems differ, or some are known and others not.
        """
        from sxrisk.scans._merging import merged

        return merged(scans)

    def to_crs(self, crs: Any) -> "Scan":
        """The scan in another projected system, heights turned to metres; the height datum stays.

        WGS 84 and CGCS2000 count as identical.

        Parameters
        ----------
        crs : pyproj.CRS, int or str
            Horizontal system to go to.

        Raises
        ------
        CRSError
            If one of the systems is unknown, cannot be placed on the earth, or PROJ knows only a guess between the two.
        """
        from sxrisk.scans._reprojection import reprojected

        return reprojected(self, crs)

    def _load(self) -> tuple[Floats, dict[str, npt.NDArray[Any]]]:
        if self._xyz is None and self._lazy is not None:
            xyz, attributes, rejected = gather(self._lazy)
            self._attributes = check_attributes(attributes, len(xyz), len(self._stations))
            self._tell_rejected(rejected, len(xyz))
            xyz.flags.writeable = False
            self._xyz, self._n_points, self._lazy = xyz, len(xyz), None
            self._bounds = trusted_bounds(self._bounds, xyz, self.quantum)
        if self._xyz is None:
            raise GeometryError("the scan holds no points", where=self.source or None)
        return self._xyz, self._attributes

    def _survey(self) -> None:
        """Count, bounds and rejected rows by one pass, without keeping the points."""
        if self._lazy is None:
            self._n_points, self._bounds, _ = survey([self._load()[0]])
            return
        pieces = (piece.xyz for piece in self._lazy.pieces(CHUNK_POINTS, attributes=()))
        self._n_points, self._bounds, rejected = survey(pieces)
        self._tell_rejected(rejected, self._n_points)

    def _settle_rejected(self, kept: int) -> int:
        """Rows left out, known without another pass by whoever has been through all chunks and kept `kept` points."""
        if self._n_rejected is None:
            self._tell_rejected(max(int(self._n_points or 0) - kept, 0), kept)
        return int(self._n_rejected or 0)

    def _tell_rejected(self, rejected: int, kept: int) -> None:
        if rejected and self._n_rejected is None:
            warnings.warn(
                f"{self.source}: {rejected} of {rejected + kept} points have coordinates that are not finite and are "
                "left out (non-returns, or a broken export)",
                SxriskWarning,
                stacklevel=4,
            )
        self._n_rejected = rejected

    def _with(self, xyz: Floats, attributes: dict[str, npt.NDArray[Any]]) -> "Scan":
        # Points that have been checked already are not copied and checked again.
        scan = copy.copy(self)
        xyz.flags.writeable = False
        scan._xyz, scan._attributes, scan._lazy = xyz, attributes, None
        scan._n_points, scan._bounds, scan._n_rejected = len(xyz), None, 0
        return scan

    def __repr__(self) -> str:
        count = "? points" if self._n_points is None else f"{self._n_points:,} points"
        epoch = self.epoch.isoformat() if self.epoch is not None else "no epoch"
        return f"<Scan {self.source or 'in memory'}: {count}, {self.crs_text}, {epoch}, {len(self._stations)} stations>"
