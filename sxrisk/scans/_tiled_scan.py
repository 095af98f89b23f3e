"""A cloud of any size, cut once into a folder of tiles and worked on tile by tile."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.scans._cutting import tile_path
from sxrisk.scans._described import Described
from sxrisk.scans._tile_files import Columns, Layout, read_part, tile_bytes
from sxrisk.scans._tile_tree import Leaf, Root
from sxrisk.scans.cloud import Box, Tile, in_half_open
from sxrisk.scans.scan import Scan
from sxrisk.scans.source import Bounds, Quantum, known_attributes

__all__ = ["MANIFEST", "VERSION", "TiledScan", "read_manifest"]

MANIFEST = "tiles.json"
"""Written last, and only into a store that is whole."""
VERSION = 1


class TiledScan(Described):
    """A cloud in a folder of tiles: every read takes from the disk what was asked for, and nothing stays in memory.

    Made by :func:`sxrisk.tile_scan`, opened again by :meth:`open`. Knows of itself what a :class:`~sxrisk.Scan` knows,
    and gives the same points in the same order. It can be sent to other processes and machines that see the folder.

    Parameters
    ----------
    folder : str or Path
        The store.

    Raises
    ------
    FileFormatError
        If the folder is no store, one of another version, or a tile of it is missing or cut short.

    Examples
    --------
    >>> import tempfile, sxrisk as sx, sxrisk.scans
    >>> scan = sx.Scan([[0.5, 0.5, 1.0], [9.5, 0.5, 2.0], [0.5, 9.5, 3.0]])
    >>> store = sx.scans.tile_scan(scan, tempfile.mkdtemp() + "/tiles", tile_points=1)
    >>> store.n_points, [tile.scan.n_points for tile in store.tiles()]
    (3, [1, 1, 1])
    >>> store.read((0.0, 0.0, 5.0, 10.0)).xyz
    array([[0.5, 0.5, 1. ],
           [0.5, 9.5, 3. ]])
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        manifest = read_manifest(self.folder)
        about = manifest["about"]
        super().__init__(
            crs=about["crs"],
            vertical_crs=about["vertical_crs"],
            epoch=None if about["epoch"] is None else datetime.fromisoformat(about["epoch"]),
            stations=about["stations"],
            range_sigma_m=about["range_sigma_m"],
            registration_sigma_m=about["registration_sigma_m"],
            source=about["source"],
        )
        self.n_points = int(manifest["n_points"])
        self.n_rejected = int(manifest["n_rejected"])
        self.attribute_names = tuple(manifest["values"])
        self._bounds, self._origin = Bounds(*manifest["bounds"]), np.array(manifest["origin"])
        self._root, self._leaves = Root(*manifest["root"]), [Leaf(*leaf) for leaf in manifest["leaves"]]
        self._cores = [self._root.core(leaf, self._bounds) for leaf in self._leaves]
        quantum = manifest["quantum"]
        self.quantum = None if quantum is None else Quantum(*(tuple(part) for part in quantum))
        values = {name: np.dtype((kind, tuple(shape))) for name, (kind, shape) in manifest["values"].items()}
        self._layout = Layout(None, None, values)
        if self.quantum is not None:
            self._layout = Layout(np.array(self.quantum.scale), np.array(self.quantum.offset), values)
        self._check_files()
        self._shell = Scan(np.empty((0, 3)), **self._description())
        self._shell.quantum = self.quantum

    @classmethod
    def open(cls, folder: str | Path) -> "TiledScan":
        """The store in a folder; an error tells where it is not whole."""
        return cls(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return TiledScan, (self.folder,)

    def __len__(self) -> int:
        return self.n_points

    def __repr__(self) -> str:
        epoch = self.epoch.isoformat() if self.epoch is not None else "no epoch"
        name = self.source or self.folder.name
        return f"<TiledScan {name}: {self.n_points:,} points in {self.n_tiles} tiles, {self.crs_text}, {epoch}>"

    @property
    def n_tiles(self) -> int:
        """Number of tiles, empty ones included."""
        return len(self._leaves)

    @property
    def identity(self) -> list[Any]:
        """Folder of the store and when it was made: tells it from another, and from itself made anew."""
        return [str(self.folder.resolve()), (self.folder / MANIFEST).stat().st_mtime_ns]

    @property
    def origin(self) -> npt.NDArray[np.float64]:
        """Local origin (3,), that of the scan that was cut: the same for all tiles."""
        return self._origin.copy()

    def bounds(self) -> Bounds:
        """Smallest box around the points."""
        return self._bounds

    def read(self, box: Sequence[float] | None = None, *, attributes: Sequence[str] | None = None) -> Scan:
        """The points of a half-open box, or all, in the order of the file.

        Parameters
        ----------
        box : sequence of 4 or 6 floats, optional
            (xmin, ymin, xmax, ymax) or (xmin, ymin, zmin, xmax, ymax, zmax): minimum <= coordinate < maximum.
        attributes : sequence of str, optional
            Only these; default all.

        Returns
        -------
        Scan
            In memory.

        Raises
        ------
        ParameterError
            If the box is none, or an attribute is unknown.
        FileFormatError
            If a tile was damaged since the store was opened.
        """
        return self._gather(box, attributes)[0]

    def tiles(
        self, halo_m: float = 0.0, *, attributes: Sequence[str] | None = None, align_m: float | None = None
    ) -> Iterator[Tile]:
        """The cloud in pieces, each with the points up to `halo_m` around it.

        Parameters
        ----------
        halo_m : float
            How far around its core a tile sees, in the units of the coordinates.
        attributes : sequence of str, optional
            Only these; default all.
        align_m : float, optional
            The cores' edges are whole multiples of it, so that no cell of such a lattice is cut.

        Yields
        ------
        Tile
            In Morton order; tiles without a point in core and halo are left out.
        """
        for index in range(self.n_tiles):
            tile = self.tile(index, halo_m, attributes=attributes, align_m=align_m)
            if tile is not None:
                yield tile

    def tile(
        self,
        index: int,
        halo_m: float = 0.0,
        *,
        attributes: Sequence[str] | None = None,
        align_m: float | None = None,
    ) -> Tile | None:
        """One of the pieces of :meth:`tiles`: what a task in another process asks for.

        Parameters
        ----------
        index : int
            0 to ``n_tiles - 1``.
        halo_m, attributes, align_m
            See :meth:`tiles`.

        Returns
        -------
        Tile or None
            None where there is no point in core and halo.
        """
        if not halo_m >= 0:
            raise ParameterError(f"a halo of {halo_m} m", where="halo_m", expected="0 or more")
        core = self.core(index, align_m)
        if core is None or (align_m is None and halo_m == 0 and not self._leaves[index].n_points):
            return None
        wide = (core[0] - halo_m, core[1] - halo_m, core[2] + halo_m, core[3] + halo_m)
        scan, rows = self._gather(wide, attributes)
        return Tile(index, core, scan, rows) if scan.n_points else None

    def core(self, index: int, align_m: float | None = None) -> Box | None:
        """What a tile answers for, without reading it; None where alignment leaves nothing of it."""
        return self._cores[index] if align_m is None else self._root.core(self._leaves[index], self._bounds, align_m)

    def count(self, index: int) -> int:
        """Points stored in a tile."""
        return self._leaves[index].n_points

    # ---------------------------------------------------------------- internals
    def _gather(
        self, box: Sequence[float] | None, attributes: Sequence[str] | None
    ) -> tuple[Scan, npt.NDArray[np.uint32]]:
        """The points of a half-open box, or all, and their rows in the cloud."""
        names = known_attributes(self.attribute_names, attributes)
        plan = None
        if box is not None:
            in_half_open(np.empty((0, 3)), box)
            half = len(box) // 2
            plan = (float(box[0]), float(box[1]), float(box[half]), float(box[half + 1]))
        parts = [self._part(i, plan, names) for i in range(self.n_tiles) if self._meets(i, plan)]
        if not parts:
            empty = {name: np.empty(0, self._layout.values[name]) for name in names}
            return self._shell._with(np.empty((0, 3)), empty), np.empty(0, np.uint32)
        rows = np.concatenate([part.rows for part in parts])
        order = np.argsort(rows, kind="stable")  # runs that are sorted: merging them is cheap
        xyz = self._layout.decode(np.concatenate([part.places for part in parts])[order])
        if box is not None:
            inside = in_half_open(xyz, box)
            if not inside.all():
                order, xyz = order[inside], xyz[inside]
        values = {name: np.concatenate([part.values[name] for part in parts])[order] for name in names}
        return self._shell._with(xyz, values), rows[order]

    def _meets(self, index: int, plan: Box | None) -> bool:
        core = self._cores[index]
        if core is None or not self._leaves[index].n_points:
            return False
        return plan is None or (plan[0] < core[2] and core[0] < plan[2] and plan[1] < core[3] and core[1] < plan[3])

    def _part(self, index: int, plan: Box | None, names: Sequence[str]) -> Columns:
        leaf, core = self._leaves[index], self._cores[index]
        path, square = tile_path(self.folder, leaf), self._root.square(*leaf[:3])
        inside = plan is not None and core is not None and _holds(plan, core)
        try:
            return read_part(path, leaf.n_points, self._layout, square, None if inside else plan, names)
        except (OSError, EOFError) as error:
            raise _damaged(path, str(error)) from error

    def _check_files(self) -> None:
        for leaf in self._leaves:
            if not leaf.n_points:
                continue
            path, wanted = tile_path(self.folder, leaf), tile_bytes(leaf.n_points, self._layout)
            size = path.stat().st_size if path.is_file() else -1
            if size != wanted:
                raise _damaged(path, "the file is missing" if size < 0 else f"it has {size} bytes instead of {wanted}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a store says of itself, as :func:`sxrisk.tile_scan` wrote it.

    Raises
    ------
    FileFormatError
        If the folder is no store, or one of another version.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileFormatError(
            "the folder is no store of tiles",
            where=folder,
            expected=f"a folder with {MANIFEST}, made by tile_scan",
            remedy="Cut the scan again: tile_scan(scan, folder)",
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise FileFormatError(
            "the store was made by another version of sxrisk",
            where=path,
            expected=f"version {VERSION}",
            remedy="Cut the scan again: tile_scan(scan, folder)",
        )
    return manifest


def _damaged(path: Path, what: str) -> FileFormatError:
    return FileFormatError(
        f"the store of tiles is damaged: {what}",
        where=path,
        expected="all files as tile_scan wrote them",
        remedy="Cut the scan again: tile_scan(scan, folder)",
    )


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
