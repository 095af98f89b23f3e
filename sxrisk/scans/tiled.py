"""From scans to a tiled store: what is kept, when a store can be used again, and that it is whole or not there."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.errors import CRSError, FileFormatError, InputError, OutputError, ParameterError
from sxrisk.scans._checks import largest
from sxrisk.scans._cutting import NotOnLatticeError, cut, layout_of
from sxrisk.scans._tiled_scan import MANIFEST, VERSION, TiledScan, read_manifest
from sxrisk.scans.scan import Scan
from sxrisk.scans.source import BoxedSource, known_attributes

__all__ = ["TiledScan", "file_identity", "tile_scan"]


def tile_scan(
    source: Scan | Sequence[Scan],
    folder: str | Path,
    *,
    tile_points: int = 1_000_000,
    attributes: Sequence[str] | None = None,
) -> TiledScan:
    """Cut a scan, or the scans of several stations, once into a folder of tiles.

    The points are read once, in pieces: memory does not grow with their number. A tile holds at most `tile_points`
    points (unless so many lie in one place); dense places get small tiles. Coordinates of LAS files are kept as their
    whole numbers, others as float64: nothing is rounded. A store that was made from the same files with the same
    choices is opened and not made again.

    Parameters
    ----------
    source : Scan or sequence of Scan
        Several are joined as :meth:`sxrisk.Scan.merge` does, ``station_index`` included.
    folder : str or Path
        Where the store shall be; replaced as a whole when the new one is finished.
    tile_points : int
        Most points in a tile, at least 1.
    attributes : sequence of str, optional
        Which to keep; default all that all scans have.

    Returns
    -------
    TiledScan

    Raises
    ------
    GeometryError
        If there is no point.
    ParameterError
        If `tile_points` is below 1, or an attribute is unknown or no number.
    CRSError
        If the scans' coordinate systems differ.
    InputError
        If the folder holds something else.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile, sxrisk as sx
    >>> scan = sx.Scan([[0.5, 0.5, 1.0], [9.5, 0.5, 2.0], [0.5, 9.5, 3.0]], crs="EPSG:4547")
    >>> tile_scan(scan, tempfile.mkdtemp() + "/tiles", tile_points=2)
    <TiledScan tiles: 3 points in 4 tiles, EPSG:4547, no epoch>
    """
    scans = [source] if isinstance(source, Scan) else list(source)
    target = Path(folder)
    if tile_points < 1:
        raise ParameterError(f"tiles of {tile_points} points", where="tile_points", expected="at least 1")
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / MANIFEST).is_file())):
        raise InputError(
            "the folder holds files that are no tiles",
            where=target,
            expected="a new folder, or one that tile_scan made",
            remedy="Give another folder",
        )
    about = _about(scans)
    names = _names(scans, attributes)
    key = _key(scans, about, names, tile_points)
    if key is not None:
        standing = _standing(target, key)
        if standing is not None:
            return standing
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            manifest = _cut(scans, partial, names, tile_points, lattice=True)
        except NotOnLatticeError:
            manifest = _cut(scans, partial, names, tile_points, lattice=False)
        text = json.dumps({"version": VERSION, "key": key, "about": about, **manifest}, ensure_ascii=False)
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"the tiles cannot be written ({error.strerror or error})",
            where=target,
            expected="a writable disk with free space",
            remedy="Free space, or choose another folder",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return TiledScan(target)


def _cut(scans: Sequence[Scan], partial: Path, names: Sequence[str], most: int, *, lattice: bool) -> dict[str, Any]:
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    layout = layout_of(scans, names, lattice=lattice)
    done = cut(scans, partial, layout, most)
    bounds = [scan.bounds() for scan in scans if scan.n_points]
    whole = (*np.min(bounds, axis=0)[:3], *np.max(bounds, axis=0)[3:])
    # Of what the scans say, as in memory: a header may state a box that is a little larger than its points'.
    origin = np.round((np.array(whole[:3]) + np.array(whole[3:])) / 2.0, 1)
    quantum = None
    if layout.scales is not None and layout.offsets is not None:
        quantum = [layout.scales.tolist(), layout.offsets.tolist()]
    return {
        "n_points": done.n_points,
        "n_rejected": done.n_rejected,
        "bounds": list(done.bounds),
        "origin": origin.tolist(),
        "quantum": quantum,
        "values": {name: [kind.base.str, list(kind.shape)] for name, kind in layout.values.items()},
        "root": list(done.root),
        "leaves": [list(leaf) for leaf in done.leaves],
    }


def _about(scans: Sequence[Scan]) -> dict[str, Any]:
    """What the store says of itself: what the merged scans would say."""
    if not scans:
        raise ParameterError("no scans to cut", where="source", expected="at least one")
    first = scans[0]
    for other in scans[1:]:
        if first.crs != other.crs or first.vertical_crs != other.vertical_crs:
            raise CRSError(
                f"{other.crs_text} differs from {first.crs_text}",
                where=other.source or None,
                expected="scans in one coordinate and height system",
                remedy="Bring them together with Scan.to_crs first",
            )
    epochs = [scan.epoch for scan in scans if scan.epoch is not None]
    stations = [scan.stations for scan in scans if scan.stations is not None]
    return {
        "source": ", ".join(dict.fromkeys(scan.source for scan in scans if scan.source)),
        "crs": None if first.crs is None else first.crs.to_wkt(),
        "vertical_crs": None if first.vertical_crs is None else first.vertical_crs.to_wkt(),
        "epoch": min(epochs).isoformat() if epochs else None,
        "stations": np.concatenate(stations).tolist() if stations else None,
        "range_sigma_m": largest([scan.range_sigma_m for scan in scans]),
        "registration_sigma_m": largest([scan.registration_sigma_m for scan in scans]),
    }


def _names(scans: Sequence[Scan], asked: Sequence[str] | None) -> tuple[str, ...]:
    shared = [name for name in scans[0].attribute_names if all(name in scan.attribute_names for scan in scans)]
    if len(scans) > 1 and "station_index" not in shared:
        shared.append("station_index")
    names = list(known_attributes(shared, asked))
    if len(scans) > 1 and "station_index" not in names:
        names.append("station_index")  # without it nobody knows any more who saw what
    return tuple(names)


def _key(scans: Sequence[Scan], about: dict[str, Any], names: Sequence[str], tile_points: int) -> str | None:
    """What tells this store from another one; None where a scan is in memory and nothing can tell."""
    files = [file_identity(scan) for scan in scans]
    if any(identity is None for identity in files):
        return None
    text = json.dumps([files, about, list(names), tile_points], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_identity(scan: Scan) -> list[Any] | None:
    """File of a scan with its size, time and the part that is read of it; None where its points are in memory."""
    source, boxes = scan._lazy, []
    while isinstance(source, BoxedSource):
        boxes.append(list(source._box))
        source = source._whole
    path = getattr(source, "path", None)
    if path is None:
        return None
    stat = Path(path).stat()
    choices = {name: value for name, value in vars(source).items() if isinstance(value, str | int | float | bool)}
    return [str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns, boxes, choices]


def _standing(folder: Path, key: str) -> TiledScan | None:
    """The store in the folder if it is whole and made from the same."""
    try:
        return TiledScan(folder) if read_manifest(folder).get("key") == key else None
    except FileFormatError:
        return None
