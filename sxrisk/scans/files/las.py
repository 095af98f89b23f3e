"""LAS 1.0 to 1.4 and LAZ files, read piece by piece through laspy."""

import json
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import laspy
import lazrs
import numpy as np
from laspy.errors import LaspyException

from sxrisk.errors import FileFormatError
from sxrisk.scans.source import Bounds, Piece, Quantum, known_attributes

__all__ = ["BROKEN", "LasSource", "columns_of", "open_header", "selection_for"]

# What laspy and its decompressor raise on bytes that are not what the header promised.
BROKEN = (
    LaspyException, lazrs.LazrsError, ValueError, EOFError, struct.error, OSError, IndexError, KeyError, TypeError,
    AttributeError, ArithmeticError, MemoryError, AssertionError,
)  # fmt: skip
OWN_RECORD = "sxrisk"
VARIABLE_CHUNKS = 0xFFFFFFFF
VLR_BYTES, EVLR_BYTES, LEAST_HEADER = 54, 60, 227
# Coordinates, and flags nobody measures with; everything else of the point record is kept.
NOT_KEPT = frozenset(
    {
        "X",
        "Y",
        "Z",
        "synthetic",
        "key_point",
        "withheld",
        "overlap",
        "scanner_channel",
        "scan_direction_flag",
        "edge_of_flight_line",
    }
)
# Parts of a compressed point record that can be left packed, by the attributes that need them.
LAYERS = {
    "CLASSIFICATION": {"classification"},
    "INTENSITY": {"intensity"},
    "SCAN_ANGLE": {"scan_angle", "scan_angle_rank"},
    "USER_DATA": {"user_data"},
    "POINT_SOURCE_ID": {"point_source_id"},
    "GPS_TIME": {"gps_time"},
    "RGB": {"red", "green", "blue"},
    "NIR": {"nir"},
}


class LasSource:
    """A LAS or LAZ file whose header has been read and checked against the file's size.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If the file is no LAS, or ends before the points that its header counts.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.header = header = open_header(path)
        self.n_points = int(header.point_count)
        self.vlrs: list[Any] = [*header.vlrs, *(header.evlrs or [])]
        self.attribute_names = tuple(name for name in header.point_format.dimension_names if name not in NOT_KEPT)
        self.bounds = Bounds(*map(float, (*header.mins, *header.maxs))) if self.n_points else None
        if self.bounds is not None and not np.isfinite(self.bounds).all():
            self.bounds = None  # the points will tell
        said = _description(self.vlrs)
        self.stations = said.get("stations")
        self.epoch = said.get("epoch")
        self.range_sigma_m = said.get("range_sigma_m")
        self.registration_sigma_m = said.get("registration_sigma_m")
        self.heights = str(said.get("vertical_crs", ""))
        self.quantum = Quantum(tuple(map(float, header.scales)), tuple(map(float, header.offsets)))  # type: ignore[arg-type]

    @property
    def is_copc(self) -> bool:
        """Whether the points are ordered as an octree that can be asked for a box and a level of detail."""
        return any(str(record.user_id).strip("\0") == "copc" for record in self.header.vlrs)

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; plain LAS has no index, so `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        done = 0
        try:
            with laspy.open(self.path, decompression_selection=selection_for(names, self.attribute_names)) as reader:
                for record in reader.chunk_iterator(size):
                    done += len(record)
                    yield columns_of(record, names)
        except BROKEN as error:
            raise self._truncated(error, done) from error
        if done != self.n_points:
            raise self._truncated(None, done)

    def _truncated(self, error: Exception | None, done: int) -> FileFormatError:
        return FileFormatError(
            f"the file breaks off: its header counts {self.n_points} points, {done} or few more can be read"
            + (f" ({error})" if error is not None else ""),
            where=f"{self.path}, byte {self.path.stat().st_size}",
            expected=f"{self.n_points} points",
            remedy="Copy or export the file again; what it holds so far is not used",
        )


def _description(records: Sequence[Any]) -> dict[str, Any]:
    """What :func:`sxrisk.write_scan` adds in a record of its own: epoch, stations, uncertainties."""
    for record in records:
        if str(record.user_id).strip("\0") == OWN_RECORD:
            try:
                said = json.loads(bytes(record.record_data))
                stations = np.array(said["stations"], dtype=np.float64) if "stations" in said else None
                epoch = datetime.fromisoformat(said["epoch"]) if "epoch" in said else None
                heights = {"vertical_crs": said["vertical_crs"]} if "vertical_crs" in said else {}
                sigmas = {name: float(said[name]) for name in ("range_sigma_m", "registration_sigma_m") if name in said}
            except (ValueError, TypeError, AttributeError):
                return {}  # not ours after all
            return {"stations": stations, "epoch": epoch, **heights, **sigmas}
    return {}


def columns_of(record: Any, names: Sequence[str]) -> Piece:
    """Coordinates and the named attributes of a laspy point record."""
    xyz = np.empty((len(record), 3))
    for axis, values in enumerate((record.x, record.y, record.z)):
        xyz[:, axis] = np.asarray(values)
    return Piece(xyz, {name: np.array(record[name]) for name in names})


def selection_for(names: Sequence[str], known: Sequence[str]) -> laspy.DecompressionSelection:
    """Which layers of a compressed record have to be unpacked for the named attributes."""
    chosen = laspy.DecompressionSelection.all()
    for layer, needed_by in LAYERS.items():
        if not needed_by & set(names):
            chosen &= ~laspy.DecompressionSelection[layer]
    standard = set().union(*LAYERS.values()) | {"return_number", "number_of_returns"}
    if not (set(names) & set(known)) - standard:
        chosen &= ~laspy.DecompressionSelection.ALL_EXTRA_BYTES
    return chosen


def open_header(path: Path) -> Any:
    """The laspy header of a file, checked against the file's size before any memory is asked for.

    Raises
    ------
    FileFormatError
        If the file is no LAS, or ends before the points that its header counts.
    """
    _check_records(path)
    try:
        with laspy.open(path) as reader:
            header = reader.header
        _check_size(path, header)
    except FileFormatError:
        raise
    except BROKEN as error:
        raise _no_las(path, str(error) or type(error).__name__) from error
    return header


def _no_las(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"the LAS header cannot be read ({why})",
        where=path,
        expected="a LAS 1.0 to 1.4, LAZ or COPC file",
        remedy="Export or copy the file again",
    )


def _check_records(path: Path) -> None:
    """Refuse headers whose records cannot be in the file: they would be read for hours."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(375)
    if len(head) < LEAST_HEADER:
        raise _no_las(path, f"{len(head)} bytes")
    if head[:4] != b"LASF":
        raise _no_las(path, f"it begins with {head[:4]!r}, not with LASF")
    header_size, start, records = struct.unpack_from("<HII", head, 94)
    if records * VLR_BYTES > max(start - header_size, 0) or start > size:
        raise _no_las(path, f"it promises {records} records and points from byte {start}, the file has {size} bytes")
    scales = struct.unpack_from("<3d", head, 131)
    if not all(np.isfinite(scale) and scale != 0 for scale in scales):
        raise _no_las(path, f"it states coordinate steps of {scales}")
    if head[25] >= 4 and len(head) == 375:
        first, more = struct.unpack_from("<QI", head, 235)
        if more and (first > size or more * EVLR_BYTES > size - first):
            raise _no_las(path, f"it promises {more} records from byte {first}, the file has {size} bytes")


def _check_size(path: Path, header: Any) -> None:
    size, count, start = path.stat().st_size, int(header.point_count), int(header.offset_to_point_data)
    if not header.are_points_compressed:
        readable = max(size - start, 0) // max(header.point_format.size, 1)
        if readable < count:
            raise _short(path, count, f"{readable} fit into its bytes", size, start + count * header.point_format.size)
        return
    if count == 0:
        return
    with path.open("rb") as file:
        file.seek(start)
        table = file.read(8)
        offset = struct.unpack("<q", table)[0] if len(table) == 8 else size + 1
        if offset == -1:  # a writer that cannot seek puts the offset at the very end
            file.seek(-8, 2)
            offset = struct.unpack("<q", file.read(8))[0]
        file.seek(min(max(offset, 0), size))
        entry = file.read(8)
    if len(entry) < 8 or offset < start:
        share = min(max(size - start, 0) / max(offset - start, 1), 1.0)
        found = f"{share:.0%} of their bytes are there and the index of the compressed chunks is missing"
        raise _short(path, count, found, size, max(offset + 8, 0))
    chunks = struct.unpack("<II", entry)[1]
    laszip = next((v for v in header.vlrs if v.record_id == 22204 and "laszip" in v.user_id), None)
    points = struct.unpack_from("<I", laszip.record_data, 12)[0] if laszip is not None else VARIABLE_CHUNKS
    # Each chunk begins with an unpacked point, so that more chunks than that cannot be in the bytes.
    if chunks * header.point_format.size > max(offset - start, 0):
        raise _short(path, count, f"its {chunks} chunks cannot be in {offset - start} bytes", size, size)
    if points != VARIABLE_CHUNKS and count > chunks * points:
        raise _short(path, count, f"its {chunks} chunks hold at most {chunks * points}", size, size)


def _short(path: Path, count: int, found: str, size: int, needed: int) -> FileFormatError:
    return FileFormatError(
        f"the file breaks off: its header counts {count} points, but {found}",
        where=f"{path}, byte {size}",
        expected=f"at least {needed} bytes" if needed > size else f"{count} points",
        remedy="Copy or export the file again; what it holds so far is not used",
    )
