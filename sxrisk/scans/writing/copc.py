"""COPC: a LAZ file whose chunks are the nodes of an octree."""

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import laspy
import lazrs
import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError
from sxrisk.scans.writing.las import LasLayout, compression
from sxrisk.scans.writing.octree import BITS, NodeKey, bucket_cells, key_of, morton, sample_nodes
from sxrisk.scans.writing.outgoing import Outgoing

__all__ = ["write_copc"]

# What is sorted in memory at once; more points than this go through temporary files, a cell of the octree each.
BUCKET_POINTS = 2_000_000
# The finest level at which the points are dealt to such files.
BUCKET_LEVEL = 8
# What is held in memory while dealing.
FLUSH_BYTES = 64_000_000
ROOT_LATTICE = 128
INFO_BYTES, HIERARCHY_RECORD, INFO_RECORD = 160, 1000, 1
EVLR_HEADER = struct.Struct("<H16sHQ32s")

Records = npt.NDArray[Any]


def write_copc(out: Outgoing, path: Path, resolution_m: float | None) -> None:
    """Write a cloud as COPC 1.0.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        Where to; temporary files stand beside it.
    resolution_m : float, optional
        Step in which coordinates are stored; default the lattice that they came on, else a millimetre.

    Raises
    ------
    GeometryError
        If a point lies outside the bounds that the cloud states.

    References
    ----------
    COPC Specification 1.0, copc.io.
    """
    layout = LasLayout(out, resolution_m)
    cube = _Cube(out, layout)
    nodes = _Nodes(layout)
    with (
        path.open("w+b") as file,
        compression(path),
        tempfile.TemporaryDirectory(prefix=".copc-", dir=path.parent) as folder,
    ):
        nodes.begin(file)
        upper: dict[NodeKey, list[Records]] = {}
        for level, cell, records in _buckets(out, layout, cube, Path(folder)):
            # Cells come in Morton order: a node above them is whole once they have left it.
            above = {key_of(at, cell >> 3 * (level - at)) for at in range(level)}
            nodes.add([(key, np.concatenate(upper.pop(key))) for key in sorted(upper.keys() - above)])
            whole: list[tuple[NodeKey, Records]] = []
            for key, rows in sample_nodes(cube.codes(records), level):
                if key.level < level:
                    upper.setdefault(key, []).append(records[rows])
                else:
                    whole.append((key, records[rows]))
            nodes.add(whole)
        nodes.add([(key, np.concatenate(parts)) for key, parts in sorted(upper.items())])
        nodes.end(cube)


class _Cube:
    """The octree's root in whole steps of the file's coordinates."""

    def __init__(self, out: Outgoing, layout: LasLayout) -> None:
        b = out.cloud.bounds()
        corners = layout.steps(np.array([[b.xmin, b.ymin, b.zmin], [b.xmax, b.ymax, b.zmax]]))
        # One step of room: bounds in a file's header are rounded.
        self.low = corners[0] - 1
        self.source = out.cloud.source
        self.header = layout.header
        # The cube is one in coordinates: with unequal steps (degrees and metres) the longest side counts.
        lengths = (corners[1] - corners[0] + 3) * layout.header.scales
        self.sides = np.ceil(lengths.max() / layout.header.scales).astype(np.int64)

    @property
    def centre(self) -> npt.NDArray[np.float64]:
        return self.header.offsets + (self.low + self.sides / 2.0) * self.header.scales

    @property
    def halfsize(self) -> float:
        return float((self.sides * self.header.scales).max() / 2.0)

    def codes(self, records: Records) -> npt.NDArray[np.uint64]:
        steps = np.column_stack([records[axis].astype(np.int64) for axis in "XYZ"]) - self.low
        if ((steps < 0) | (steps >= self.sides)).any():
            raise GeometryError(
                "points lie outside the bounds that the file's header states",
                where=self.source or None,
                remedy="Read the cloud into memory or a tiled store first: its bounds are then computed",
            )
        return morton(steps, self.sides)


def _buckets(out: Outgoing, layout: LasLayout, cube: _Cube, folder: Path) -> Iterator[tuple[int, int, Records]]:
    """Cells of the octree that fit into memory, in Morton order: level, cut Morton code and records."""
    if out.cloud.n_points <= BUCKET_POINTS:
        yield 0, 0, np.concatenate([layout.records(piece).array for piece in out.pieces()])
        return
    shift = np.uint64(3 * (BITS - BUCKET_LEVEL))
    counts: dict[int, int] = {}
    for piece in out.pieces():
        cells, numbers = np.unique(cube.codes(layout.records(piece).array) >> shift, return_counts=True)
        for cell, number in zip(cells.tolist(), numbers.tolist(), strict=True):
            counts[cell] = counts.get(cell, 0) + number
    buckets = bucket_cells(counts, BUCKET_LEVEL, BUCKET_POINTS)
    firsts = np.array([cell << 3 * (BUCKET_LEVEL - level) for level, cell in buckets], dtype=np.uint64)
    waiting: list[list[bytes]] = [[] for _ in buckets]
    held = 0
    for piece in out.pieces():
        records = layout.records(piece).array
        owner = np.searchsorted(firsts, cube.codes(records) >> shift, side="right") - 1
        for bucket in np.unique(owner).tolist():
            waiting[bucket].append(records[owner == bucket].tobytes())
        held += records.nbytes
        if held > FLUSH_BYTES:
            for bucket, parts in enumerate(waiting):
                _append(folder / str(bucket), parts)
            held = 0
    for bucket, (level, cell) in enumerate(buckets):
        file = folder / str(bucket)
        _append(file, waiting[bucket])
        yield level, cell, np.fromfile(file, dtype=layout.header.point_format.dtype())
        file.unlink()


def _append(path: Path, parts: list[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(parts)
    parts.clear()


class _Nodes:
    """The file: header, a compressed chunk for each node, and the page that says where they are."""

    def __init__(self, layout: LasLayout) -> None:
        self.header = layout.header
        self.keys: list[NodeKey] = []
        self.counts: list[int] = []
        self.low = np.full(3, np.iinfo(np.int64).max)
        self.high = np.full(3, np.iinfo(np.int64).min)
        self.returns = np.zeros(15, dtype=np.int64)
        self.times = (np.inf, -np.inf)
        points = self.header.point_format
        extra_bytes = points.size - points.num_standard_bytes
        self.laz = lazrs.LazVlr.new_for_compression(points.id, extra_bytes, use_variable_size_chunks=True)

    def begin(self, file: BinaryIO) -> None:
        """Write a header of the right length, for now without numbers."""
        # The specification wants the info record first, right behind the header.
        self.header.vlrs.insert(0, laspy.VLR("copc", INFO_RECORD, "COPC info", bytes(INFO_BYTES)))
        self.header.vlrs.append(laspy.vlrs.known.LasZipVlr(self.laz.record_data()))
        self.header.are_points_compressed = True
        self.file = file
        self.header.write_to(self.file)
        self.start = self.file.tell()
        self.compressor = lazrs.ParLasZipCompressor(self.file, self.laz)
        self.compressor.reserve_offset_to_chunk_table()

    def add(self, nodes: list[tuple[NodeKey, Records]]) -> None:
        """Compress nodes, each into a chunk of its own."""
        if not nodes:
            return
        self.compressor.compress_chunks([np.frombuffer(records.tobytes(), dtype="u1") for _, records in nodes])
        for key, records in nodes:
            self.keys.append(key)
            self.counts.append(len(records))
            steps = np.array([[records[axis].min(), records[axis].max()] for axis in "XYZ"], dtype=np.int64)
            self.low, self.high = np.minimum(self.low, steps[:, 0]), np.maximum(self.high, steps[:, 1])
            number = laspy.point.record.PackedPointRecord(records, self.header.point_format)["return_number"]
            self.returns += np.bincount(np.asarray(number), minlength=16)[1:16]
            times = records["gps_time"]
            self.times = min(self.times[0], float(times.min())), max(self.times[1], float(times.max()))

    def end(self, cube: _Cube) -> None:
        """Write chunk table and hierarchy, and the header with what is known now."""
        self.compressor.done()
        end = self.file.seek(0, 2)
        self.file.seek(self.start)
        table = lazrs.read_chunk_table(self.file, self.laz)
        entries, offset = [], self.start + 8
        for key, count, (_, size) in zip(self.keys, self.counts, table, strict=True):
            entries.append(struct.pack("<iiiiQii", *key, offset, size, count))
            offset += size
        page = b"".join(entries)
        self.file.seek(end)
        self.file.write(EVLR_HEADER.pack(0, b"copc", HIERARCHY_RECORD, len(page), b"COPC hierarchy"))
        self.file.write(page)
        header = self.header
        header.vlrs[0].record_data = struct.pack(
            "<5d2Q2d88x", *cube.centre, cube.halfsize, 2.0 * cube.halfsize / ROOT_LATTICE,
            end + EVLR_HEADER.size, len(page), *self.times,
        )  # fmt: skip
        header.start_of_first_evlr, header.number_of_evlrs = end, 1
        header.point_count = sum(self.counts)
        header.number_of_points_by_return = self.returns
        header.mins = self.low * header.scales + header.offsets
        header.maxs = self.high * header.scales + header.offsets
        self.file.seek(0)
        header.write_to(self.file, ensure_same_size=True)
