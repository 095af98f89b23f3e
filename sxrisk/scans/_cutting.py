"""Cutting a cloud into tiles: one pass over the points, whatever their number, and one over the tiles."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans._tile_files import Layout, write_tile
from sxrisk.scans._tile_tree import MAX_LEVEL, Leaf, Root, merge_leaves
from sxrisk.scans.cloud import extent
from sxrisk.scans.scan import Scan
from sxrisk.scans.source import CHUNK_POINTS, Bounds

__all__ = ["Cut", "NotOnLatticeError", "cut", "layout_of", "tile_path"]

_MOST_POINTS = 2**32 - 1  # rows are kept as uint32
_SPLIT = 3  # levels that an over-full square is split by at once
_FINE = 4  # finest squares a tile, on average: enough to join them into tiles of even size


class NotOnLatticeError(Exception):
    """Coordinates are not on the lattice that their source names: they are kept as float64 instead."""


class Cut(NamedTuple):
    """What cutting found out.

    Parameters
    ----------
    leaves : list of Leaf
        In Morton order, empty ones included.
    root : Root
        Their square.
    bounds : Bounds
        Of the points themselves.
    n_points : int
        How many there are.
    n_rejected : int
        Rows of the files that were left out because a coordinate is not finite.
    """

    leaves: list[Leaf]
    root: Root
    bounds: Bounds
    n_points: int
    n_rejected: int


def tile_path(folder: Path, leaf: Leaf) -> Path:
    """File of a tile."""
    return folder / f"{leaf.level:02d}-{leaf.column:07d}-{leaf.row:07d}.tile"


def layout_of(scans: Sequence[Scan], names: Sequence[str], *, lattice: bool = True) -> Layout:
    """How the points of several scans are stored together: without loss, and as small as their sources allow."""
    kinds: dict[str, list[np.dtype[Any]]] = {name: [] for name in names}
    for scan in scans:
        own = [name for name in names if name in scan.attribute_names]
        sample = next((piece for piece in scan.chunks(1_000, attributes=own) if piece.n_points), None)
        if sample is None:
            continue
        for name, found in kinds.items():
            values = sample.station_index if name == "station_index" else sample.attributes[name]
            found.append(np.dtype((values.dtype, values.shape[1:])))
    dtypes = {name: _common_dtype(name, found) for name, found in kinds.items() if found}
    quanta = {scan.quantum for scan in scans}
    quantum = quanta.pop() if len(quanta) == 1 and lattice else None
    if quantum is None:
        return Layout(None, None, dtypes)
    return Layout(np.array(quantum.scale, dtype=np.float64), np.array(quantum.offset, dtype=np.float64), dtypes)


def _common_dtype(name: str, found: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    if any(kind.shape != found[0].shape for kind in found) or any(kind.base.kind not in "iufb" for kind in found):
        raise ParameterError(
            f"values of type {', '.join(sorted({str(kind) for kind in found}))} cannot be kept in tiles",
            where=f"attribute {name!r}",
            expected="numbers, of one shape in all scans",
            remedy="Name the attributes to keep: attributes=[...]",
        )
    return np.dtype((np.result_type(*(kind.base for kind in found)), found[0].shape))


def cut(scans: Sequence[Scan], folder: Path, layout: Layout, tile_points: int) -> Cut:
    """Write the tiles of the scans' points into an empty folder.

    Points wait in one file for each of the finest squares; these are then joined or split into tiles. Never more than
    a chunk or a tile is in memory.

    Raises
    ------
    GeometryError
        If there is no point.
    NotOnLatticeError
        If a coordinate is not on the layout's lattice.
    """
    stated = [scan.bounds() for scan in scans if scan.n_points]
    if not stated:
        raise GeometryError(
            "the scan has no points", where=", ".join(s.source for s in scans) or None, expected="at least one point"
        )
    root = Root.around(Bounds(*np.min(stated, axis=0)[:3], *np.max(stated, axis=0)[3:]))
    level = _level_for(sum(scan.n_points for scan in scans), tile_points)
    waiting = folder / "waiting"
    waiting.mkdir()
    counts = np.zeros((2**level, 2**level), np.int64)
    low, high, n_points = np.full(3, np.inf), np.full(3, -np.inf), 0
    offset = n_rejected = 0
    for scan in scans:
        before = n_points
        own = [name for name in layout.values if name in scan.attribute_names]
        for piece in scan.chunks(CHUNK_POINTS, attributes=own):
            if not piece.n_points:
                continue
            xyz = piece.xyz
            if n_points + len(xyz) > _MOST_POINTS:
                raise ParameterError(f"more than {_MOST_POINTS:,} points", where=scan.source or None)
            least, greatest = extent(xyz)
            low, high = np.minimum(low, least), np.maximum(high, greatest)
            records = _records(piece, layout, n_points, offset)
            _append(waiting, records, root.locate(xyz[:, :2], level), level, (0, 0), counts)
            n_points += len(xyz)
        n_rejected += scan._settle_rejected(n_points - before)
        offset += 0 if scan.stations is None else len(scan.stations)
    if not n_points:
        raise GeometryError("no point of the scan is finite", expected="at least one point")
    leaves: list[Leaf] = []
    for leaf, full in merge_leaves(counts, tile_points):
        leaves.extend(_settle(folder, waiting, layout, root, leaf, full, level, tile_points))
    shutil.rmtree(waiting)
    return Cut(leaves, root, Bounds(*low.tolist(), *high.tolist()), n_points, n_rejected)


def _level_for(n_points: int, tile_points: int) -> int:
    level = 0
    while 4**level * tile_points < _FINE * n_points and level < 6:
        level += 1
    return level


def _records(piece: Scan, layout: Layout, first_row: int, station_offset: int) -> NDArray[Any]:
    records = np.empty(piece.n_points, layout.record())
    places = layout.encode(piece.xyz)
    if places is None:
        raise NotOnLatticeError
    records["places"] = places
    records["rows"] = np.arange(first_row, first_row + len(records), dtype=np.uint32)
    for name in layout.values:
        if name == "station_index":
            index = piece.station_index
            records[name] = np.where(index >= 0, index + station_offset, -1)
        else:
            records[name] = piece.attributes[name]
    return records


def _append(
    waiting: Path,
    records: NDArray[Any],
    places: tuple[NDArray[np.int32], NDArray[np.int32]],
    level: int,
    corner: tuple[int, int],
    counts: NDArray[np.int64],
) -> None:
    """Add records to the files of their squares, in their order; counts are those of the squares from a corner on."""
    width = len(counts)
    home = ((places[0] - corner[0]) * width + (places[1] - corner[1])).astype(np.uint16)
    order = np.argsort(home, kind="stable")
    sizes = np.bincount(home, minlength=width * width)
    ends = np.cumsum(sizes)
    records = records[order]
    for square in np.flatnonzero(sizes):
        i, j = divmod(int(square), width)
        with _waiting(waiting, level, corner[0] + i, corner[1] + j).open("ab") as file:
            file.write(records[ends[square] - sizes[square] : ends[square]].data)
    counts += sizes.reshape(width, width)


def _waiting(folder: Path, level: int, column: int, row: int) -> Path:
    return folder / f"{level}-{column}-{row}"


def _settle(
    folder: Path,
    waiting: Path,
    layout: Layout,
    root: Root,
    leaf: Leaf,
    full: Sequence[tuple[int, int]],
    level: int,
    tile_points: int,
) -> Iterator[Leaf]:
    """Make the tile of a leaf out of the squares that wait for it, or several where it holds too much."""
    record = layout.record()
    if leaf.n_points <= tile_points or leaf.level >= MAX_LEVEL:
        if leaf.n_points:
            files = [_waiting(waiting, level, *place) for place in full]
            records = np.concatenate([np.fromfile(file, record) for file in files])
            if len(files) > 1:
                records = records[np.argsort(records["rows"], kind="stable")]  # joined runs that are sorted
            write_tile(tile_path(folder, leaf), records, layout, root.square(*leaf[:3]))
            for file in files:
                file.unlink()
        yield leaf
        return
    (column, row), finer = full[0], min(level + _SPLIT, MAX_LEVEL)
    width = 2 ** (finer - level)
    counts = np.zeros((width, width), np.int64)
    source = _waiting(waiting, level, column, row)
    with source.open("rb") as stream:
        while len(records := np.fromfile(stream, record, CHUNK_POINTS)):
            places = root.locate(layout.decode(records["places"])[:, :2], finer)
            _append(waiting, records, places, finer, (column * width, row * width), counts)
    source.unlink()
    for part, inside in merge_leaves(counts, tile_points):
        depth = 2**part.level
        deeper = Leaf(leaf.level + part.level, column * depth + part.column, row * depth + part.row, part.n_points)
        squares = [(column * width + i, row * width + j) for i, j in inside]
        yield from _settle(folder, waiting, layout, root, deeper, squares, finer, tile_points)
