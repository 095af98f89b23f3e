"""LAS, LAZ and COPC files, read lazily through laspy."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import laspy
import lazrs
import numpy as np
import numpy.typing as npt
from laspy.errors import LaspyException

from sxrisk.errors import FileFormatError
from sxrisk.scans._checks import inside_box
from sxrisk.scans.scan import Bounds

__all__ = ["LasSource"]

# What laspy and its decompressor raise on bytes that are not what the header promised.
BROKEN = (LaspyException, lazrs.LazrsError, ValueError, EOFError, struct.error, OSError, IndexError)
VARIABLE_CHUNKS = 0xFFFFFFFF
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


class LasSource:
    """A LAS, LAZ or COPC file whose header has been read and checked against the file's size.

    Parameters
    ----------
    path : Path
        The file.
    box : sequence of float, optional
        Only points inside it, 4 or 6 numbers in the file's coordinates; a COPC file is asked by its octree.

    Raises
    ------
    FileFormatError
        If the file is no LAS, or ends before the points that its header counts.
    """

    def __init__(self, path: Path, box: Sequence[float] | None = None) -> None:
        self.path = path
        self.name = path.name
        self.box = box
        try:
            with laspy.open(path) as reader:
                header = reader.header
        except BROKEN as error:
            raise FileFormatError(
                f"the LAS header cannot be read ({error})",
                where=path,
                expected="a LAS 1.0 to 1.4, LAZ or COPC file",
                remedy="Export or copy the file again",
            ) from error
        self._count = int(header.point_count)
        self.vlrs: list[Any] = [*header.vlrs, *(header.evlrs or [])]
        _check_size(path, header)
        self.attribute_names = tuple(name for name in header.point_format.dimension_names if name not in NOT_KEPT)
        self.n_points = self._count if box is None else None
        self.bounds = Bounds(*map(float, (*header.mins, *header.maxs))) if box is None and self._count else None
        self._is_copc = any(v.user_id.strip("\0") == "copc" for v in header.vlrs)

    def load(self) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
        """All points (n, 3) and their attributes."""
        if self.box is not None:
            parts = [self._columns(self._copc_box())] if self._is_copc else list(self.chunks(2_000_000))
            if not parts:
                return np.empty((0, 3)), {}
            xyz = np.concatenate([part[0] for part in parts])
            return xyz, {name: np.concatenate([part[1][name] for part in parts]) for name in self.attribute_names}
        try:
            record = laspy.read(self.path)
        except BROKEN as error:
            raise self._truncated(error) from error
        if len(record.points) != self._count:
            raise self._truncated(None, len(record.points))
        return self._columns(record)

    def chunks(self, size: int) -> Iterator[tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]]:
        """The same in pieces, in file order; pieces may be smaller than `size` where a box is asked for."""
        done = 0
        try:
            with laspy.open(self.path) as reader:
                for record in reader.chunk_iterator(size):
                    done += len(record)
                    xyz, attributes = self._columns(record)
                    if self.box is not None:
                        keep = inside_box(xyz, self.box)
                        xyz, attributes = xyz[keep], {name: values[keep] for name, values in attributes.items()}
                    yield xyz, attributes
        except BROKEN as error:
            raise self._truncated(error, done) from error
        if done != self._count:
            raise self._truncated(None, done)

    def _copc_box(self) -> Any:
        box = np.asarray(self.box, dtype=float)
        half = len(box) // 2
        with laspy.CopcReader.open(self.path) as reader:
            low, high = np.array(reader.header.mins, float), np.array(reader.header.maxs, float)
            low[:half], high[:half] = box[:half], box[half:]
            return reader.query(laspy.copc.Bounds(mins=low, maxs=high))

    def _columns(self, record: Any) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
        xyz = np.column_stack([np.asarray(record.x), np.asarray(record.y), np.asarray(record.z)]).astype(np.float64)
        return xyz, {name: np.asarray(record[name]) for name in self.attribute_names}

    def _truncated(self, error: Exception | None, done: int | None = None) -> FileFormatError:
        readable = self._readable() if done is None else done
        return FileFormatError(
            f"the file breaks off: its header counts {self._count} points, about {readable} can be read"
            + (f" ({error})" if error is not None else ""),
            where=f"{self.path}, byte {self.path.stat().st_size}",
            expected=f"{self._count} points",
            remedy="Copy or export the file again; what it holds so far is not used",
        )

    def _readable(self) -> int:
        """Points that can be read before the damage, found by reading in small pieces."""
        done = 0
        try:
            with laspy.open(self.path, laz_backend=laspy.LazBackend.Lazrs) as reader:
                for record in reader.chunk_iterator(10_000):
                    done += len(record)
        except BROKEN:
            return done
        return done


def _check_size(path: Path, header: Any) -> None:
    """Compare what the header counts with the bytes that are there, before any memory is asked for."""
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
    if points != VARIABLE_CHUNKS and count > chunks * points:
        raise _short(path, count, f"its {chunks} chunks hold at most {chunks * points}", size, size)


def _short(path: Path, count: int, found: str, size: int, needed: int) -> FileFormatError:
    return FileFormatError(
        f"the file breaks off: its header counts {count} points, but {found}",
        where=f"{path}, byte {size}",
        expected=f"at least {needed} bytes" if needed > size else f"{count} points",
        remedy="Copy or export the file again; what it holds so far is not used",
    )
