"""E57 files: all stations with their poses, in the coordinates that they share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pye57
from pye57 import libe57

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["E57Source", "E57Station", "file_software", "open_e57", "stations_of"]

Floats = npt.NDArray[np.float64]

BROKEN = (libe57.E57Exception, ValueError, KeyError, TypeError, IndexError, RuntimeError, MemoryError, OverflowError)
CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
INVALID = ("cartesianInvalidState", "sphericalInvalidState")
COLOURS = {"red": "colorRed", "green": "colorGreen", "blue": "colorBlue"}
RETURN = "returnIndex"
NAMES = {
    "intensity": "intensity", **COLOURS, "row_index": "rowIndex", "column_index": "columnIndex",
    "return_number": RETURN, "number_of_returns": "returnCount",
}  # fmt: skip
NORMALS = {"nor:normalX": "nx", "nor:normalY": "ny", "nor:normalZ": "nz"}
GPS_START, GPS_LEAP_SECONDS = datetime(1980, 1, 6, tzinfo=UTC), 18
# A scanner does not see this far: a pose farther from the points than that is a placeholder, not a place.
FARTHEST_M = 10_000.0
MOST_BUFFER = 500_000


@dataclass(frozen=True)
class E57Station:
    """What the header of one scan of an E57 file says.

    Attributes
    ----------
    name : str
        As the operator called it.
    n_points : int
        Records, non-returns among them.
    fields : tuple of str
        Per point, as the standard names them.
    rotation : ndarray, shape (3, 3)
        From the scanner's to the shared coordinates.
    translation : ndarray, shape (3,)
        The scanner's place.
    has_pose : bool
        Whether the file states the two; else they are nought.
    bounds : tuple of 6 floats or None
        Least and greatest x, y, z in the scanner's coordinates.
    start : datetime or None
        Of the acquisition.
    sensor : str
        Vendor, model and serial number.
    limits : dict of str to (float, float) or None
        Least and greatest value that a field of whole numbers can have; None for fractions. Fields of text are left
        out.
    """

    name: str
    n_points: int
    fields: tuple[str, ...]
    rotation: Floats
    translation: Floats
    has_pose: bool
    bounds: tuple[float, ...] | None
    start: datetime | None
    sensor: str
    limits: dict[str, tuple[float, float] | None]

    @property
    def is_place(self) -> bool:
        """Whether the pose can be where the scanner stood."""
        if not self.has_pose or self.bounds is None:
            return self.has_pose
        # In the scanner's own coordinates it stands at the origin; some writers state bounds in the shared ones.
        return any(
            np.linalg.norm(np.clip(place, self.bounds[:3], self.bounds[3:]) - place) <= FARTHEST_M
            for place in (np.zeros(3), self.translation)
        )

    def shared_bounds(self) -> tuple[Floats, ...]:
        """Bounds (2, 3) in the shared coordinates: as the standard has them, and as some writers do."""
        if self.bounds is None or not np.isfinite(self.bounds).all():
            return ()
        box = np.array(self.bounds).reshape(2, 3)
        own = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        turned = own @ self.rotation.T + self.translation
        return np.array([turned.min(axis=0), turned.max(axis=0)]), box


def open_e57(path: Path) -> Any:
    """The opened file; the caller closes it.

    Raises
    ------
    FileFormatError
        If it is no E57 file, or is damaged.
    """
    with path.open("rb") as file:
        if file.read(8) != b"ASTM-E57":
            raise FileFormatError("the file does not begin with 'ASTM-E57'", where=path, expected="an E57 file")
    try:
        return pye57.E57(str(path))
    except BROKEN as error:
        raise _damaged(path, error) from error


def stations_of(opened: Any, path: Path) -> tuple[E57Station, ...]:
    """The scans of an opened E57 file, by their headers.

    Raises
    ------
    FileFormatError
        If a header is damaged.
    """
    try:
        return tuple(_station(opened.get_header(index)) for index in range(opened.scan_count))
    except BROKEN as error:
        raise _damaged(path, error) from error


def file_software(path: Path) -> tuple[str, str, str]:
    """Version of the format, the program that wrote the file, and the date of its creation.

    Raises
    ------
    FileFormatError
        If the file is damaged.
    """
    opened = open_e57(path)
    try:
        root = opened.root
        version = ".".join(_text(root, f"version{part}") for part in ("Major", "Minor"))
        created = _time(root, "creationDateTime")
        return version, _text(root, "e57LibraryVersion"), "" if created is None else created.isoformat()
    except BROKEN as error:
        raise _damaged(path, error) from error
    finally:
        opened.close()


class E57Source(PlainFile):
    """All scans of an E57 file as points in the shared coordinates.

    Records whose state says that they are no measurement have no coordinates. Attributes are those that all scans
    have, and ``station_index``.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If it is no E57 file, is damaged, or a scan has no coordinates.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        opened = open_e57(path)
        try:
            self.scans = stations_of(opened, path)
            self.metadata = _text(opened.root, "coordinateMetadata")
        finally:
            opened.close()
        for scan in self.scans:
            if not any(set(names) <= set(scan.fields) for names in (CARTESIAN, SPHERICAL)):
                raise FileFormatError(
                    f"scan {scan.name!r} has the fields {', '.join(scan.fields)}", where=path, expected="coordinates"
                )
        self.n_points: int = sum(scan.n_points for scan in self.scans)
        self._rows = [at for at, scan in enumerate(self.scans) if scan.is_place]
        if self._rows:
            self.stations = np.array([self.scans[at].translation for at in self._rows])
        self.epoch = min((scan.start for scan in self.scans if scan.start is not None), default=None)
        self._fields = _attributes(self.scans)
        self.types = {name: np.dtype(_kind(field, self.scans)) for name, field in self._fields.items()}
        self.attribute_names = (*self._fields, "station_index")

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points station by station; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        opened = open_e57(self.path)
        try:
            for index, scan in enumerate(self.scans):
                if not scan.n_points:
                    continue
                row = self._rows.index(index) if index in self._rows else -1
                for columns in self._blocks(opened, index, scan, min(size, MOST_BUFFER), names):
                    yield _piece(columns, scan, row, {name: self._fields.get(name) for name in names})
        except BROKEN as error:
            if isinstance(error, FileFormatError):
                raise
            raise _damaged(self.path, error) from error
        finally:
            opened.close()

    def _blocks(
        self, opened: Any, index: int, scan: E57Station, size: int, names: Sequence[str]
    ) -> Iterator[dict[str, npt.NDArray[Any]]]:
        axes = CARTESIAN if set(CARTESIAN) <= set(scan.fields) else SPHERICAL
        state = INVALID[0] if axes is CARTESIAN else INVALID[1]
        kinds = {**dict.fromkeys(axes, "f8"), **({state: "i1"} if state in scan.fields else {})}
        kinds |= {self._fields[name]: _kind(self._fields[name], self.scans) for name in names if name in self._fields}
        capacity = min(size, scan.n_points)
        arrays = {field: np.empty(capacity, kind) for field, kind in kinds.items()}
        buffers = libe57.VectorSourceDestBuffer()
        for field, array in arrays.items():
            buffers.append(libe57.SourceDestBuffer(opened.image_file, field, array, capacity, True, True))
        reader = opened.get_header(index).points.reader(buffers)
        done = 0
        try:
            while count := reader.read():
                done += count
                yield {field: values[:count].copy() for field, values in arrays.items()}
        finally:
            reader.close()
        if done != scan.n_points:
            raise FileFormatError(
                f"scan {scan.name!r} breaks off: its header counts {scan.n_points} points, {done} can be read",
                where=self.path,
                expected=f"{scan.n_points} points",
            )


def _attributes(scans: Sequence[E57Station]) -> dict[str, str]:
    """Attributes that all scans have, and their fields; extensions without their prefix."""
    if not scans:
        return {}
    shared = [field for field in scans[0].fields if all(field in scan.limits for scan in scans)]
    known = {field: name for name, field in NAMES.items()} | NORMALS
    found: dict[str, str] = {}
    for field in shared:
        name = known.get(field, field.rpartition(":")[2])
        if field not in (*CARTESIAN, *SPHERICAL, *INVALID) and name not in ("station_index", *found):
            found[name] = field
    first = [name for name in NAMES if name in found]
    return {name: found[name] for name in (*first, *(name for name in found if name not in first))}


def _kind(field: str, scans: Sequence[E57Station]) -> str:
    """The narrowest type that holds a field of all scans."""
    limits = [scan.limits[field] for scan in scans]
    if any(limit is None for limit in limits):
        return "f4" if field == NAMES["intensity"] else "f8"
    low, high = min(limit[0] for limit in limits if limit), max(limit[1] for limit in limits if limit)
    for kind in ("u1", "u2", "i1", "i2", "i4"):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return kind
    # The library's buffers take whole numbers of 32 bits; doubles hold 53.
    return "f8"


def _piece(columns: dict[str, npt.NDArray[Any]], scan: E57Station, row: int, fields: dict[str, str | None]) -> Piece:
    if CARTESIAN[0] in columns:
        own = np.column_stack([columns[name] for name in CARTESIAN])
    else:
        reach, azimuth, elevation = (columns[name] for name in SPHERICAL)
        level = reach * np.cos(elevation)
        own = np.column_stack([level * np.cos(azimuth), level * np.sin(azimuth), reach * np.sin(elevation)])
    xyz = own @ scan.rotation.T + scan.translation
    for state in INVALID:
        if state in columns:
            xyz[columns[state] != 0] = np.nan
    saw = np.full(len(xyz), row, dtype=np.int32)
    values = {name: saw if field is None else columns[field] for name, field in fields.items()}
    if "return_number" in values and fields["return_number"] == RETURN:
        # The standard counts returns from 0, LAS and everybody else from 1.
        values["return_number"] = (values["return_number"] + 1).astype(np.uint8)
    return Piece(xyz, values)


def _station(header: Any) -> E57Station:
    node = header.node
    has_pose = node.isDefined("pose")
    rotation, translation = np.eye(3), np.zeros(3)
    if has_pose:
        pose = node["pose"]
        if pose.isDefined("rotation"):
            rotation = _matrix([float(pose["rotation"][axis].value()) for axis in "wxyz"])
        if pose.isDefined("translation"):
            translation = np.array([float(pose["translation"][axis].value()) for axis in "xyz"])
    bounds = None
    if node.isDefined("cartesianBounds"):
        box = node["cartesianBounds"]
        names = [f"{axis}{end}" for end in ("Minimum", "Maximum") for axis in "xyz"]
        if all(box.isDefined(name) for name in names):
            bounds = tuple(float(box[name].value()) for name in names)
    sensor = " ".join(filter(None, (_text(node, f"sensor{part}") for part in ("Vendor", "Model", "SerialNumber"))))
    return E57Station(
        _text(node, "name"), int(header.point_count), tuple(header.point_fields), rotation, translation, has_pose,
        bounds, _time(node, "acquisitionStart"), sensor, _limits(header),
    )  # fmt: skip


def _limits(header: Any) -> dict[str, tuple[float, float] | None]:
    prototype = libe57.StructureNode(header.points.prototype())
    limits: dict[str, tuple[float, float] | None] = {}
    for at in range(prototype.childCount()):
        node = prototype.get(at)
        kind = node.type()
        if kind == libe57.NodeType.E57_INTEGER:
            whole = libe57.IntegerNode(node)
            limits[node.elementName()] = float(whole.minimum()), float(whole.maximum())
        elif kind in (libe57.NodeType.E57_FLOAT, libe57.NodeType.E57_SCALED_INTEGER):
            limits[node.elementName()] = None
    return limits


def _matrix(quaternion: list[float]) -> Floats:
    length = float(np.linalg.norm(quaternion))
    if not 0.5 < length < 2.0:  # some writers leave it all zero
        return np.eye(3)
    w, x, y, z = np.array(quaternion) / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _time(node: Any, name: str) -> datetime | None:
    if not node.isDefined(name) or not node[name].isDefined("dateTimeValue"):
        return None
    seconds = float(node[name]["dateTimeValue"].value())
    # Writers put 0 where they do not know; before 2002 nobody wrote E57.
    return GPS_START + timedelta(seconds=seconds - GPS_LEAP_SECONDS) if 7e8 < seconds < 4e9 else None


def _text(node: Any, name: str) -> str:
    return str(node[name].value()).strip() if node.isDefined(name) else ""


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"the E57 file is damaged ({str(error).strip()[:200]})",
        where=path,
        expected="an E57 file",
        remedy="Copy or export the file again",
    )
