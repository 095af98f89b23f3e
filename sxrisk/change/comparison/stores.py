"""The epochs of a comparison as tiled stores, moved by a registration where there is one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sxrisk.errors import FileFormatError, GeometryError, ParameterError
from sxrisk.scans import Registration, Scan, TiledScan, tile_scan
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.source import CHUNK_POINTS, Bounds, Piece, Quantum
from sxrisk.scans.tiled import file_identity

__all__ = ["Epoch", "epoch_of", "identity", "moved_store", "registered", "store_of"]

Epoch: TypeAlias = Scan | Sequence[Scan] | TiledScan


def epoch_of(given: Epoch, name: str) -> list[Scan] | TiledScan:
    """What was given as an epoch: a store, or its scans; metres are demanded.

    Raises
    ------
    ParameterError
        If it is neither.
    CRSError
        If it is not in metres.
    """
    if isinstance(given, TiledScan):
        return given.require_metres()
    scans = [given] if isinstance(given, Scan) else list(given)
    if not scans or not all(isinstance(scan, Scan) for scan in scans):
        raise ParameterError("no scan to compare", where=name, expected="a Scan, a TiledScan, or a sequence of Scan")
    return [scan.require_metres() for scan in scans]


def identity(epoch: Sequence[Scan] | TiledScan) -> Any:
    """What tells an epoch from another one, as JSON; None where a scan is in memory."""
    if isinstance(epoch, TiledScan):
        return epoch.identity
    files = [file_identity(scan) for scan in epoch]
    return None if any(file is None for file in files) else files


def store_of(epoch: list[Scan] | TiledScan, folder: Path, tile_points: int) -> TiledScan:
    """The store of an epoch: itself, the one that an interrupted run has finished, or a new one."""
    if isinstance(epoch, TiledScan):
        return epoch
    names = [n for n in ("station_index",) if all(n in scan.attribute_names for scan in epoch)]
    return _standing(folder) or tile_scan(epoch, folder, tile_points=tile_points, attributes=names)


def registered(moving: Cloud, fixed: Cloud, stable: Any, path: Path) -> Registration:
    """The registration of an interrupted run, or a new one.

    Raises
    ------
    GeometryError, ParameterError
        As :func:`sxrisk.register`.
    """
    from sxrisk.scans import register

    if path.is_file():
        return Registration.read(path)
    motion = register(moving, fixed, stable=stable)
    if not motion.converged:
        raise GeometryError(
            f"the later epoch could not be fitted onto the earlier one; known least: {motion.weakest}",
            where=moving.source or None,
            expected="enough unmoved ground that faces all directions",
            remedy="Name the stable ground, or register with targets and give the result",
        )
    return motion


def moved_store(epoch: list[Scan] | TiledScan, motion: Registration, folder: Path, tile_points: int) -> TiledScan:
    """An epoch after a motion, cut anew: its points, in their order, and its stations."""
    standing = _standing(folder)
    if standing is not None:
        return standing
    clouds: list[Any] = [epoch] if isinstance(epoch, TiledScan) else epoch
    scans = []
    for cloud in clouds:
        stations = None if cloud.stations is None else motion.move(cloud.stations)
        scans.append(
            Scan.from_source(
                _Moved(cloud, motion),
                crs=cloud.crs,
                vertical_crs=cloud.vertical_crs,
                epoch=cloud.epoch,
                stations=stations,
                range_sigma_m=cloud.range_sigma_m,
                registration_sigma_m=motion.sigma_m,
            )
        )
    names = [n for n in ("station_index",) if all(n in scan.attribute_names for scan in scans)]
    return tile_scan(scans, folder, tile_points=tile_points, attributes=names)


class _Moved:
    """A cloud's points after a motion, as a source that is read in pieces."""

    stations: Any = None
    epoch: Any = None
    range_sigma_m: float | None = None
    registration_sigma_m: float | None = None
    quantum: Quantum | None = None

    def __init__(self, cloud: Scan | TiledScan, motion: Registration) -> None:
        self._cloud, self._motion = cloud, motion
        self.name, self.n_points = cloud.source, cloud.n_points
        b = cloud.bounds()
        corners = np.array([[x, y, z] for x in (b.xmin, b.xmax) for y in (b.ymin, b.ymax) for z in (b.zmin, b.zmax)])
        moved = motion.move(corners)
        self.bounds: Bounds | None = Bounds(*moved.min(axis=0).tolist(), *moved.max(axis=0).tolist())

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the per-point values that are kept."""
        return tuple(name for name in self._cloud.attribute_names if name == "station_index")

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The moved points."""
        names = self.attribute_names if attributes is None else attributes
        for scan in self._scans(size):
            yield Piece(self._motion.move(scan.xyz), {name: scan.attributes[name] for name in names})

    def _scans(self, size: int) -> Iterator[Scan]:
        if isinstance(self._cloud, Scan):
            yield from self._cloud.chunks(min(size, CHUNK_POINTS))
            return
        for tile in self._cloud.tiles():
            yield from tile.scan.select(tile.in_core()).chunks(size)


def _standing(folder: Path) -> TiledScan | None:
    try:
        return TiledScan.open(folder)
    except FileFormatError:
        return None
