"""COPC: LAZ files whose chunks are the nodes of an octree, asked for a box and a level of detail."""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import laspy
import lazrs
import numpy as np

from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.scans.files.las import BROKEN, LasSource, columns_of, selection_for
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["CopcSource", "Node", "Octree", "read_octree"]

INFO = struct.Struct("<5d2Q2d")  # centre, half size, spacing, root page, GPS times
ENTRY = np.dtype([("key", "<i4", 4), ("offset", "<u8"), ("size", "<i4"), ("count", "<i4")])
SUBPAGE = -1
FIRST_RECORD = 375 + 54  # behind the header of LAS 1.4 and of its first record


class Node(NamedTuple):
    """A node of the octree: its key (level, x, y, z) and where its points are."""

    key: tuple[int, int, int, int]
    offset: int
    size: int
    points: int


@dataclass(frozen=True)
class Octree:
    """The nodes of a COPC file, without their points.

    Attributes
    ----------
    centre : tuple of 3 floats
        Middle of the cube.
    half : float
        Half its side, in units of the coordinates.
    spacing : float
        Distance between points of the root; half of it a level further down.
    gps_time : tuple of 2 floats
        Least and greatest.
    nodes : tuple of Node
        Those with points, in the order of the file.
    """

    centre: tuple[float, float, float]
    half: float
    spacing: float
    gps_time: tuple[float, float]
    nodes: tuple[Node, ...]

    def levels(self) -> dict[int, int]:
        """Points of each level."""
        counts: dict[int, int] = {}
        for node in self.nodes:
            counts[node.key[0]] = counts.get(node.key[0], 0) + node.points
        return dict(sorted(counts.items()))

    def deepest_for(self, resolution: float) -> int:
        """The level down to which nodes are needed for points at most `resolution` apart."""
        return max(math.ceil(math.log2(self.spacing / resolution) - 1e-9), 0)

    def touching(self, box: Sequence[float] | None, deepest: int | None) -> list[Node]:
        """Nodes that may hold points of a box of 4 or 6 numbers, edges included, down to a level."""
        if box is None:
            return [node for node in self.nodes if deepest is None or node.key[0] <= deepest]
        half = len(box) // 2
        low, high = np.asarray(box[:half]), np.asarray(box[half:])
        corner = (np.asarray(self.centre) - self.half)[:half]
        found = []
        for node in self.nodes:
            side = 2.0 * self.half / 2 ** node.key[0]
            start = corner + np.asarray(node.key[1 : 1 + half]) * side
            # Points on a node's face may lie beside it by the rounding of the writer.
            slack = 1e-6 * self.half
            if (start - slack <= high).all() and (start + side + slack >= low).all():
                found.append(node)
        return found if deepest is None else [node for node in found if node.key[0] <= deepest]


def read_octree(path: Path, header: Any) -> Octree:
    """The octree of a COPC file: its info record and all pages of its hierarchy.

    Parameters
    ----------
    path : Path
        The file.
    header : laspy.LasHeader
        Its header.

    Raises
    ------
    FileFormatError
        If the pages lead out of the file or in a circle, or hold other than the points that the header counts.

    References
    ----------
    COPC specification 1.0, https://copc.io
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(FIRST_RECORD)
        raw = file.read(INFO.size)
        if len(raw) < INFO.size:
            raise _broken(path, "its info record is cut short")
        x, y, z, half, spacing, root, root_size, first, last = INFO.unpack(raw)
        if not (np.isfinite([x, y, z, half, spacing]).all() and half > 0 and spacing > 0):
            raise _broken(path, "its info record names no cube")
        pages, seen, nodes = [(root, root_size)], set(), []
        while pages:
            offset, length = pages.pop()
            if offset in seen or length <= 0 or length % ENTRY.itemsize or offset + length > size:
                raise _broken(path, f"a page of its hierarchy at byte {offset} leads nowhere")
            seen.add(offset)
            file.seek(offset)
            for entry in np.frombuffer(file.read(length), dtype=ENTRY):
                key = tuple(int(k) for k in entry["key"])
                if entry["count"] == SUBPAGE:
                    pages.append((int(entry["offset"]), int(entry["size"])))
                elif entry["count"] > 0:
                    nodes.append(Node(key, int(entry["offset"]), int(entry["size"]), int(entry["count"])))  # type: ignore[arg-type]
    bad = [n for n in nodes if n.size <= 0 or n.offset + n.size > size or not 0 <= n.key[0] < 32]
    if bad or sum(node.points for node in nodes) != int(header.point_count):
        raise _broken(path, "the nodes of its hierarchy do not hold the points that its header counts")
    return Octree((x, y, z), half, spacing, (first, last), tuple(sorted(nodes, key=lambda node: node.offset)))


class CopcSource(LasSource):
    """A COPC file.

    Parameters
    ----------
    path : Path
        The file.
    resolution : float, optional
        Wanted distance between points, in units of the coordinates: only the levels down to it are read.

    Raises
    ------
    FileFormatError
        If the header, or the octree, is not that of a COPC file.
    ParameterError
        If `resolution` is not positive.
    """

    def __init__(self, path: Path, resolution: float | None = None) -> None:
        super().__init__(path)
        if resolution is not None and not (math.isfinite(resolution) and resolution > 0):
            raise ParameterError(f"a resolution of {resolution}", where="resolution_m", expected="more than 0")
        self.octree = read_octree(path, self.header)
        self._deepest = None if resolution is None else self.octree.deepest_for(resolution)
        if self._deepest is not None:
            self.n_points = sum(node.points for node in self.octree.touching(None, self._deepest))
            self.bounds = None  # those of all levels may be wider

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; of the nodes that touch `box` (edges included), all."""
        names = known_attributes(self.attribute_names, attributes)
        laszip = next((v for v in self.header.vlrs if v.record_id == 22204), None)
        if laszip is None:
            raise _broken(self.path, "it has no record on its compression")
        selection = selection_for(names, self.attribute_names).to_lazrs()
        with self.path.open("rb") as file:
            for batch in _batches(self.octree.touching(box, self._deepest), size):
                try:
                    record = self._unpacked(file, batch, laszip.record_data, selection)
                except BROKEN as error:
                    raise _broken(self.path, f"a node at byte {batch[0].offset} cannot be unpacked: {error}") from error
                for start in range(0, len(record), size):
                    yield columns_of(record[start : start + size], names)

    def _unpacked(self, file: Any, batch: list[Node], laszip: bytes, selection: Any) -> Any:
        packed = bytearray()
        for node in batch:
            file.seek(node.offset)
            packed += file.read(node.size)
        kind = self.header.point_format
        rows = np.zeros(sum(node.points for node in batch) * kind.size, dtype=np.uint8)
        table = [(node.points, node.size) for node in batch]
        lazrs.decompress_points_with_chunk_table(packed, laszip, rows, table, selection)
        array = laspy.PackedPointRecord.from_buffer(rows, kind).array
        return laspy.ScaleAwarePointRecord(array, kind, self.header.scales, self.header.offsets)


def _batches(nodes: list[Node], size: int) -> Iterator[list[Node]]:
    batch: list[Node] = []
    held = 0
    for node in nodes:
        if batch and held + node.points > size:
            yield batch
            batch, held = [], 0
        batch.append(node)
        held += node.points
    if batch:
        yield batch


def _broken(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"the COPC file is damaged: {why}",
        where=path,
        expected="a COPC 1.0 file",
        remedy="Copy or export the file again",
    )
