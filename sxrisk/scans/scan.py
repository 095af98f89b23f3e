"""The laser scan: points with their coordinate system, epoch, stations and uncertainty."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sxrisk.crs import PlanTransform, plan_transform
from sxrisk.errors import CRSError, GeometryError, ParameterError, SxriskWarning
from sxrisk.scans._checks import (
    aware_epoch,
    check_attributes,
    check_points,
    check_sigma,
    check_stations,
    finite_rows,
    inside_box,
    largest,
)
from sxrisk.scans._crs import in_metres, split_crs, unit_factor

__all__ = ["Bounds", "PointSource", "Scan"]

Floats = npt.NDArray[np.float64]
Attributes = Mapping[str, npt.NDArray[Any]]

CHUNK_POINTS = 1_000_000


class Bounds(NamedTuple):
    """Smallest box around the points, in the scan's coordinates and units."""

    xmin: float
    ymin: float
    zmin: float
    xmax: float
    ymax: float
    zmax: float


class PointSource(Protocol):
    """Where a lazy scan gets its points from: a file whose header has been read."""

    name: str
    n_points: int | None
    bounds: Bounds | None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the per-point values, without the coordinates."""
        ...

    def load(self) -> tuple[Floats, dict[str, npt.NDArray[Any]]]:
        """All points (n, 3) and their attributes."""
        ...

    def chunks(self, size: int) -> Iterator[tuple[Floats, dict[str, npt.NDArray[Any]]]]:
        """The same in pieces of at most `size` points, in file order."""
        ...


class Scan:
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
        self._describe(crs, vertical_crs, epoch, stations, range_sigma_m, registration_sigma_m, source)
        self._lazy: PointSource | None = None
        self._xyz: Floats | None = points
        self._attributes = check_attributes(attributes or {}, len(points), len(self._stations))
        self._n_points: int | None = len(points)
        self._bounds: Bounds | None = None
        self._n_rejected = 0

    @classmethod
    def from_source(
        cls,
        source: PointSource,
        *,
        crs: Any = None,
        vertical_crs: Any = None,
        epoch: datetime | str | None = None,
        stations: npt.ArrayLike | None = None,
        range_sigma_m: float | None = None,
        registration_sigma_m: float | None = None,
    ) -> "Scan":
        """A lazy scan over an opened file; :func:`sxrisk.read_scan` is the door for users."""
        scan = cls.__new__(cls)
        scan._describe(crs, vertical_crs, epoch, stations, range_sigma_m, registration_sigma_m, source.name)
        scan._lazy = source
        scan._xyz = None
        scan._attributes = {}
        scan._n_points = source.n_points
        scan._bounds = source.bounds
        scan._n_rejected = 0
        return scan

    def _describe(
        self,
        crs: Any,
        vertical_crs: Any,
        epoch: datetime | str | None,
        stations: npt.ArrayLike | None,
        range_sigma_m: float | None,
        registration_sigma_m: float | None,
        source: str,
    ) -> None:
        self.source = source
        self.crs, self.vertical_crs = split_crs(crs, vertical_crs, where=source or None)
        self.epoch = aware_epoch(epoch, source)
        self._stations = check_stations(stations, source)
        self.range_sigma_m = check_sigma("range_sigma_m", range_sigma_m)
        self.registration_sigma_m = check_sigma("registration_sigma_m", registration_sigma_m)

    # ------------------------------------------------------------------ points
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
    def stations(self) -> Floats | None:
        """Scanner stations (k, 3), or None where unknown."""
        return self._stations if len(self._stations) else None

    @property
    def station_index(self) -> npt.NDArray[np.int32]:
        """Row of :attr:`stations` that saw each point (n,); -1 where unknown."""
        attributes = self._load()[1]
        if "station_index" in attributes:
            return attributes["station_index"]
        return np.full(self.n_points, 0 if len(self._stations) == 1 else -1, dtype=np.int32)

    @property
    def n_points(self) -> int:
        """Number of points; from the header where the file has one."""
        if self._n_points is None:
            self._load()
        return int(self._n_points or 0)

    @property
    def n_rejected(self) -> int:
        """Points of the file that were left out because a coordinate is not finite."""
        self._load()
        return self._n_rejected

    def __len__(self) -> int:
        return self.n_points

    def bounds(self) -> Bounds:
        """Smallest box around the points; from the header where the file has one.

        Raises
        ------
        GeometryError
            If the scan is empty.
        """
        if self._bounds is None:
            xyz = self.xyz
            if not len(xyz):
                raise GeometryError("the scan has no points", where=self.source or None, expected="at least one point")
            self._bounds = Bounds(*(float(v) for v in (*xyz.min(axis=0), *xyz.max(axis=0))))
        return self._bounds

    @property
    def origin(self) -> Floats:
        """Local origin (3,): the middle of the bounds, rounded so that it can be typed."""
        b = self.bounds()
        middle = np.array([b.xmin + b.xmax, b.ymin + b.ymax, b.zmin + b.zmax]) / 2.0
        return np.round(middle, 1)

    def local(self, origin: npt.ArrayLike | None = None) -> Floats:
        """Offsets (n, 3) from `origin`, float64: what kernels work on, never raw eastings.

        Parameters
        ----------
        origin : array-like of shape (3,), optional
            Same coordinates as the points; default :attr:`origin`.
        """
        return self.xyz - (self.origin if origin is None else np.asarray(origin, dtype=np.float64))

    def chunks(self, size: int = CHUNK_POINTS) -> Iterator["Scan"]:
        """The scan in pieces of at most `size` points, in order, without holding the whole in memory.

        Parameters
        ----------
        size : int
            Points in a piece, at least 1.
        """
        if size < 1:
            raise ParameterError(f"chunks of {size} points", where="size", expected="at least 1")
        if self._lazy is not None:
            for xyz, attributes in self._lazy.chunks(size):
                xyz, attributes, _ = finite_rows(xyz, attributes)
                yield self._with(xyz, attributes)
            return
        xyz, attributes = self._load()
        for start in range(0, len(xyz), size):
            part = slice(start, start + size)
            yield self._with(xyz[part], {name: values[part] for name, values in attributes.items()})

    # ----------------------------------------------------------------- subsets
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
        return self._with(self.xyz, {**self.attributes, **attributes})

    def replace(self, **changes: Any) -> "Scan":
        """The same points with other keywords of the constructor, for example ``crs`` or ``epoch``."""
        return Scan(
            changes.pop("xyz", self.xyz),
            **{
                "crs": self.crs,
                "vertical_crs": self.vertical_crs,
                "epoch": self.epoch,
                "stations": self.stations,
                "range_sigma_m": self.range_sigma_m,
                "attributes": self.attributes,
                "registration_sigma_m": self.registration_sigma_m,
                "source": self.source,
                **changes,
            },
        )

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
        if not scans:
            raise ParameterError("no scans to merge", expected="at least one")
        first = scans[0]
        for other in scans[1:]:
            if first.crs != other.crs or first.vertical_crs != other.vertical_crs:
                raise CRSError(
                    f"{_crs_text(other)} differs from {_crs_text(first)}",
                    where=other.source or None,
                    expected="scans in one coordinate and height system",
                    remedy="Bring them together with Scan.to_crs before merging",
                )
        if len(scans) == 1:
            return first
        shared = set.intersection(*(set(scan.attribute_names) for scan in scans)) - {"station_index"}
        names = [name for name in first.attribute_names if name in shared]
        attributes = {name: np.concatenate([s.attributes[name] for s in scans]) for name in names}
        offset, indices = 0, []
        for scan in scans:
            index = scan.station_index
            indices.append(np.where(index >= 0, index + offset, -1).astype(np.int32))
            offset += len(scan._stations)
        attributes["station_index"] = np.concatenate(indices)
        epochs = [scan.epoch for scan in scans if scan.epoch is not None]
        return Scan(
            np.concatenate([scan.xyz for scan in scans]),
            crs=first.crs,
            vertical_crs=first.vertical_crs,
            epoch=min(epochs) if epochs else None,
            stations=np.concatenate([scan._stations for scan in scans]) if offset else None,
            range_sigma_m=largest([scan.range_sigma_m for scan in scans]),
            attributes=attributes,
            registration_sigma_m=largest([scan.registration_sigma_m for scan in scans]),
            source=", ".join(dict.fromkeys(scan.source for scan in scans if scan.source)),
        )

    # ------------------------------------------------------------------- units
    @property
    def units_m(self) -> tuple[float, float]:
        """Metres in one horizontal and one vertical unit; NaN for degrees.

        A height without a stated system has the horizontal unit.
        """
        horizontal = unit_factor(self.crs)
        return horizontal, unit_factor(self.vertical_crs) if self.vertical_crs is not None else horizontal

    def require_metres(self) -> "Scan":
        """The scan itself if its coordinates are metres.

        Raises
        ------
        CRSError
            If they are degrees or feet: no length, volume or change can be measured in them.
        """
        if self.units_m == (1.0, 1.0):
            return self
        raise CRSError(
            f"the scan is in {_crs_text(self)} with units of {self.units_m[0]:g} m and {self.units_m[1]:g} m in height",
            where=self.source or None,
            expected="metres in plan and height",
            remedy="Reproject it: scan.to_crs('EPSG:4547')",
        )

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
        target, vertical = split_crs(crs, None)
        if self.crs is None or target is None:
            raise CRSError(
                "a scan without a coordinate system cannot be reprojected",
                where=self.source or None,
                remedy="State it: read_scan(path, crs=...)",
            )
        if vertical is not None:
            raise CRSError(f"{crs} has a height part", expected="a horizontal system; the height datum is kept")
        transform = plan_transform(self.crs, target)
        factor = self.units_m[1]
        moved = [_transformed(points, transform, factor, target.name, self) for points in (self.xyz, self._stations)]
        vertical_crs = None if self.vertical_crs is None else in_metres(self.vertical_crs)
        return self.replace(
            xyz=moved[0], stations=moved[1] if len(moved[1]) else None, crs=target, vertical_crs=vertical_crs
        )

    # ---------------------------------------------------------------- internals
    def _load(self) -> tuple[Floats, dict[str, npt.NDArray[Any]]]:
        if self._xyz is None and self._lazy is not None:
            xyz, attributes = self._lazy.load()
            xyz, attributes, self._n_rejected = finite_rows(xyz, attributes)
            if self._n_rejected:
                warnings.warn(
                    f"{self.source}: {self._n_rejected} of {self._n_rejected + len(xyz)} points have coordinates that "
                    "are not finite and are left out (non-returns, or a broken export)",
                    SxriskWarning,
                    stacklevel=3,
                )
            self._attributes = check_attributes(attributes, len(xyz), len(self._stations))
            xyz.flags.writeable = False
            self._xyz, self._n_points, self._lazy = xyz, len(xyz), None
        if self._xyz is None:
            raise GeometryError("the scan holds no points", where=self.source or None)
        return self._xyz, self._attributes

    def _with(self, xyz: Floats, attributes: Mapping[str, npt.ArrayLike]) -> "Scan":
        return self.replace(xyz=xyz, attributes=attributes)

    def __repr__(self) -> str:
        count = "? points" if self._n_points is None else f"{self._n_points:,} points"
        epoch = self.epoch.isoformat() if self.epoch is not None else "no epoch"
        name, stations = self.source or "in memory", len(self._stations)
        return f"<Scan {name}: {count}, {_crs_text(self)}, {epoch}, {stations} stations>"


def _transformed(points: Floats, transform: PlanTransform, z_factor: float, target: str, scan: Scan) -> Floats:
    x, y = transform(points[:, 0], points[:, 1])
    moved = np.column_stack([x, y, points[:, 2] * (1.0 if np.isnan(z_factor) else z_factor)])
    if not np.isfinite(moved).all():
        raise CRSError(
            f"some points lie outside what {target!r} can show",
            where=scan.source or None,
            expected="a projection made for this place",
        )
    return moved


def _crs_text(scan: Scan) -> str:
    # to_string falls back to a page of JSON where the system has no code.
    code = scan.crs.to_string() if scan.crs is not None else "unknown coordinates"
    plan = code if scan.crs is None or code.startswith("EPSG:") else scan.crs.name
    return plan if scan.vertical_crs is None else f"{plan} + {scan.vertical_crs.name}"
