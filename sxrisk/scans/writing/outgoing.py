"""What a writer gets: a cloud in pieces, with plain columns and a local origin."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.scan import Scan

__all__ = [
    "COLOURS",
    "STANDARD",
    "Outgoing",
    "Piece",
    "crs_line",
    "description_of",
    "remarks_of",
    "stations_of",
    "system_of",
]

PIECE_POINTS = 500_000
# Characters in a comment: some readers of PLY give up at 256.
LINE = 200
COLOURS = ("red", "green", "blue")
# Attributes that every program knows: their type and largest value, those of LAS 1.4 (formats 6 to 8) and the angle
# of older formats.
STANDARD: Mapping[str, tuple[str, int]] = MappingProxyType({
    "intensity": ("u2", 65535),
    "return_number": ("u1", 15),
    "number_of_returns": ("u1", 15),
    "classification": ("u1", 255),
    "user_data": ("u1", 255),
    "scan_angle": ("i2", 30_000),
    "scan_angle_rank": ("i1", 127),
    "point_source_id": ("u2", 65535),
    "gps_time": ("f8", 0),
    "red": ("u2", 65535),
    "green": ("u2", 65535),
    "blue": ("u2", 65535),
    "nir": ("u2", 65535),
})  # fmt: skip


class Piece(NamedTuple):
    """Some of the points: coordinates (n, 3) and columns (n,)."""

    xyz: npt.NDArray[np.float64]
    columns: dict[str, npt.NDArray[Any]]


class Outgoing:
    """A cloud as writers see it: piece by piece, attributes as columns of plain numbers.

    An attribute of several columns becomes ``name_0``, ``name_1`` and so on; truth values become 0 and 1.

    Parameters
    ----------
    cloud : Scan or TiledScan
        What is written. A tiled one is read tile by tile, one in memory or in a file in its own order.
    extra : mapping of str to array of shape (n,)
        More columns, in the order of the pieces.

    Raises
    ------
    GeometryError
        If there is no point.
    ParameterError
        If an extra column has another length than there are points, or is not made of numbers.
    """

    def __init__(self, cloud: Cloud, extra: Mapping[str, npt.ArrayLike] | None = None) -> None:
        self.cloud = cloud
        self.extra = {name: np.asarray(values) for name, values in (extra or {}).items()}
        self.kinds: dict[str, np.dtype[Any]] = {}
        if not cloud.n_points:
            raise GeometryError("a scan without points is not written", where=cloud.source or None)
        for name, values in self.extra.items():
            if values.shape != (cloud.n_points,):
                raise ParameterError(
                    f"values of shape {values.shape} for {cloud.n_points} points",
                    where=f"extra {name!r}",
                    expected=f"shape ({cloud.n_points},)",
                )
        first = next(self.pieces(), None)
        if first is None:
            raise GeometryError("a scan without points is not written", where=cloud.source or None)
        self.kinds = {name: values.dtype for name, values in first.columns.items()}
        for name, kind in self.kinds.items():
            if kind.kind not in "iuf":
                raise ParameterError(f"values of type {kind}", where=f"attribute {name!r}", expected="numbers")
        self.kinds |= self._whole_numbers()

    @property
    def has_colour(self) -> bool:
        """Whether there are red, green and blue of one integer type."""
        kinds = {self.kinds.get(name) for name in COLOURS}
        return len(kinds) == 1 and kinds <= {np.dtype("u1"), np.dtype("u2")}

    def pieces(self) -> Iterator[Piece]:
        """The points in pieces that fit into memory, none of them empty."""
        start = 0
        for part in self._scans():
            n = part.n_points
            if n:
                columns = _columns(part.attributes)
                columns |= _columns({name: values[start : start + n] for name, values in self.extra.items()})
                yield Piece(
                    part.xyz, {name: v.astype(self.kinds.get(name, v.dtype), copy=False) for name, v in columns.items()}
                )
                start += n

    def _whole_numbers(self) -> dict[str, np.dtype[Any]]:
        """Types of attributes that everybody knows as small whole numbers and that came as larger ones.

        Text tables and some programs hold intensities, classes and colours as floating-point numbers.
        """
        fits = {
            name: np.dtype(STANDARD[name][0])
            for name, kind in self.kinds.items()
            if name in STANDARD and STANDARD[name][1] and not np.can_cast(kind, STANDARD[name][0])
        }
        for piece in self.pieces() if fits else ():
            for name in list(fits):
                values, largest = piece.columns[name], STANDARD[name][1]
                least = -largest if fits[name].kind == "i" else 0
                if not ((values >= least) & (values <= largest) & (values == np.floor(values))).all():
                    del fits[name]
        return fits

    def _scans(self) -> Iterator[Scan]:
        if isinstance(self.cloud, Scan):
            yield from self.cloud.chunks(PIECE_POINTS)
            return
        for tile in self.cloud.tiles():
            core = tile.in_core()
            yield tile.scan if core.all() else tile.scan.select(core)

    def byte_colours(self) -> int:
        """Steps by which a colour is divided to fit into a byte: 256, or 1 where no colour is above 255.

        Files hold colours of eight bits also in fields of sixteen; one pass over the colours tells.
        """
        if not self.has_colour or self.kinds["red"] == np.dtype("u1"):
            return 1
        largest = max(int(piece.columns[name].max()) for piece in self.pieces() for name in COLOURS)
        return 256 if largest > 255 else 1


def _columns(attributes: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, values in attributes.items():
        plain = values.astype("u1") if values.dtype == bool else values
        if plain.ndim == 1:
            columns[name] = plain
        else:
            columns |= {f"{name}_{i}": plain[:, i] for i in range(plain.shape[1])}
    return columns


# What the fields of this package mean, for files that have room for a word on it (LAS: 32 bytes).
DESCRIPTIONS = {
    "distance_m": "M3C2 distance, m",
    "lod95_m": "level of detection 95 %, m",
    "significant": "1: |distance| > lod95",
    "reason": "why no distance (0: ok)",
    "spread_reference_m": "spread of reference, m",
    "spread_compared_m": "spread of compared, m",
    "station_index": "row of the scanner station",
}
UNITS = {"_m": "m", "_mm": "mm", "_m2": "m2", "_m3": "m3", "_deg": "degrees", "_s": "s"}


def description_of(name: str) -> str:
    """What a field is, in at most 31 bytes, empty where only its name tells.

    Examples
    --------
    >>> description_of("lod95_m"), description_of("slope_deg"), description_of("roughness")
    ('level of detection 95 %, m', 'degrees', '')
    """
    known = DESCRIPTIONS.get(name)
    if known is not None:
        return known
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def system_of(cloud: Cloud) -> Any:
    """Plan and height as one coordinate system, a compound one if both are known; None if neither is."""
    import pyproj

    plan, height = cloud.crs, cloud.vertical_crs
    if plan is None or height is None:
        return height if plan is None else plan
    return pyproj.crs.CompoundCRS(name=f"{plan.name} + {height.name}", components=[plan, height])


def remarks_of(cloud: Cloud) -> list[str]:
    """What formats with nothing but comments say of a cloud: coordinate systems, epoch and stations, a line each.

    Systems without a code of their own are given as WKT, cut into lines that every reader holds and without the
    blanks and other letters that some of them change.

    Examples
    --------
    >>> remarks_of(Scan([[0.0, 0.0, 0.0]], crs="EPSG:4547", stations=[[1.0, 2.0, 3.0]]))
    ['crs EPSG:4547', 'station 1.0 2.0 3.0']
    """
    system, line = system_of(cloud), crs_line(cloud)
    remarks = [f"crs {line}"]
    if system is not None and not _says_all(line, system):
        text = quote(system.to_wkt(), safe='[],"().:;/+-_=')
        remarks += [f"crs_wkt {text[at : at + LINE]}" for at in range(0, len(text), LINE)]
    if cloud.epoch is not None:
        remarks.append(f"epoch {cloud.epoch.isoformat()}")
    return remarks + stations_of(cloud)


def stations_of(cloud: Cloud) -> list[str]:
    """The stations of a cloud as remarks."""
    stations = [] if cloud.stations is None else cloud.stations.tolist()
    return ["station {!r} {!r} {!r}".format(*row) for row in stations]


def crs_line(cloud: Cloud) -> str:
    """The coordinate systems in a line of ASCII: codes where there are some, else names.

    Examples
    --------
    >>> crs_line(Scan([[0.0, 0.0, 0.0]], crs="EPSG:4547", vertical_crs="EPSG:5737"))
    'EPSG:4547+5737'
    """
    plan, height = (_code(system) for system in (cloud.crs, cloud.vertical_crs))
    if not plan:
        return height or "unknown"
    if not height:
        return plan
    return f"{plan}+{height.removeprefix('EPSG:') if plan.startswith('EPSG:') else height}"


def _says_all(line: str, system: Any) -> bool:
    """Whether a line of codes stands for exactly that system."""
    import pyproj
    from pyproj.exceptions import CRSError

    try:
        found = pyproj.CRS.from_user_input(line)
    except CRSError:
        return False
    parts = [crs.sub_crs_list if crs.is_compound else [crs] for crs in (found, system)]
    return parts[0] == parts[1]


def _code(system: Any) -> str:
    if system is None:
        return ""
    authority = system.to_authority()
    text = ":".join(authority) if authority else str(system.name)
    return " ".join(text.encode("ascii", "replace").decode().split())
