"""A scan in memory that shows itself in tiles of any size, as a tiled cloud on disk does."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sxrisk.scans import Scan
from sxrisk.scans.cloud import Tile, core_box


class CutScan:
    """The tiles of a scan: `columns` x `rows` boxes, cut at even steps or at whole multiples of ``align_m``."""

    def __init__(self, scan: Scan, columns: int, rows: int) -> None:
        self._scan = scan
        self._shape = columns, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scan, name)

    def require_metres(self) -> "CutScan":
        self._scan.require_metres()
        return self

    def tiles(
        self, halo_m: float = 0.0, *, attributes: Sequence[str] | None = None, align_m: float | None = None
    ) -> Iterator[Tile]:
        numbered = self._scan.with_attributes(row=np.arange(self._scan.n_points))
        names = None if attributes is None else [*attributes, "row"]
        b = self._scan.bounds()
        box = core_box((b.xmin, b.ymin), (b.xmax, b.ymax), align_m)
        edges = []
        for axis, pieces in enumerate(self._shape):
            cuts = np.linspace(box[axis], box[axis + 2], pieces + 1)
            if align_m is not None:
                cuts = np.unique(np.round(cuts / align_m)) * align_m
            cuts[0], cuts[-1] = box[axis], box[axis + 2]
            edges.append(cuts)
        index = 0
        for x0, x1 in zip(edges[0][:-1], edges[0][1:], strict=True):
            for y0, y1 in zip(edges[1][:-1], edges[1][1:], strict=True):
                around = (x0 - halo_m, y0 - halo_m, x1 + halo_m, y1 + halo_m)
                seen = numbered.read(around, attributes=names)
                rows = seen.attributes["row"].astype(np.uint32)
                yield Tile(index, (x0, y0, x1, y1), seen, rows)
                index += 1


def pieces(n_points: int, tile_points: int) -> tuple[int, int]:
    """Columns and rows of tiles that hold about `tile_points` each."""
    side = max(1, round(math.sqrt(n_points / tile_points)))
    return side, side
