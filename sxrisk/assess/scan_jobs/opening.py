"""How the jobs open clouds: in memory where they are small, else cut into a store on the disk."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from sxrisk.assess.scan_batch import ScanTask
from sxrisk.crs import plan_transform
from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.scans import Scan, TiledScan, read_scan, tile_scan
from sxrisk.scans.write import POINT_ENDINGS
from sxrisk.surfaces._mesh_files import WRITERS

__all__ = [
    "AS_STATED",
    "MESH_ENDINGS",
    "POINT_ENDINGS",
    "FileJob",
    "Reading",
    "is_mesh",
    "planned_outputs",
    "polygons_of",
]

IN_MEMORY_POINTS = 5_000_000
MESH_ENDINGS = tuple(WRITERS)
_READ_MESHES = (".obj", ".off", ".stl", ".dxf", ".glb")


@dataclass(frozen=True)
class FileJob:
    """A job on files as :func:`sxrisk.assess.scan_batch.run_batch` runs it.

    Parameters
    ----------
    function : callable
        ``function(inputs, output, **parameters) -> figures``, module-level.
    extra : mapping
        Keywords that decide how it runs and not what comes out, such as ``executor``: they do not make a finished
        output out of date.
    """

    function: Callable[..., dict[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.__name__

    def __call__(self, task: ScanTask) -> dict[str, Any]:
        """Run it on a task."""
        return self.function(task.inputs, task.output, **task.parameters, **self.extra)


@dataclass(frozen=True)
class Reading:
    """How point files are opened, and how many points may be held in memory.

    Parameters
    ----------
    crs, vertical_crs, epoch, stations, range_sigma_m, registration_sigma_m, bounds, resolution_m
        As of :func:`sxrisk.read_scan`.
    in_memory_points : int
        A cloud of more points is cut into a :class:`sxrisk.TiledScan`, and worked through tile by tile.
    store : str, optional
        Folder that keeps these stores for the next command; by default they stand beside the output and go with the
        end of the job.

    Examples
    --------
    >>> Reading(crs="EPSG:4547").stated()
    {'crs': 'EPSG:4547'}
    """

    crs: str | None = None
    vertical_crs: str | None = None
    epoch: str | None = None
    stations: tuple[tuple[float, ...], ...] | None = None
    range_sigma_m: float | None = None
    registration_sigma_m: float | None = None
    bounds: tuple[float, ...] | None = None
    resolution_m: float | None = None
    in_memory_points: int = IN_MEMORY_POINTS
    store: str | None = None

    def stated(self) -> dict[str, Any]:
        """Keywords of :func:`sxrisk.read_scan` that were given."""
        own = ("in_memory_points", "store")
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in own}
        return {name: value for name, value in values.items() if value is not None}

    def scan(self, path: Path) -> Scan:
        """The lazy scan of a file."""
        return read_scan(path, **self.stated())

    def scans(self, paths: Sequence[Path]) -> list[Scan]:
        """The lazy scans of an epoch's files: as many stations as files are one for each, in their order."""
        if self.stations is None or len(paths) == 1 or len(self.stations) != len(paths):
            return [self.scan(path) for path in paths]
        return [replace(self, stations=(place,)).scan(path) for path, place in zip(paths, self.stations, strict=True)]

    @contextmanager
    def open(self, paths: Path | Sequence[Path], beside: Path) -> Iterator[Scan | TiledScan]:
        """A cloud, in memory or tiled by its size; several files are the stations of one epoch.

        Parameters
        ----------
        paths : Path or sequence of Path
            Point files, or the folder of a store.
        beside : Path
            The output: a store for the time of the job stands next to it.

        Yields
        ------
        Scan or TiledScan

        Raises
        ------
        InputError
            As :func:`sxrisk.read_scan`.
        ParameterError
            If something is stated about a store, which says it itself.
        """
        files = [paths] if isinstance(paths, Path) else list(paths)
        if len(files) == 1 and files[0].is_dir():
            yield self._store(files[0])
            return
        scans = self.scans(files)
        if sum(scan.n_points for scan in scans) <= self.in_memory_points:
            yield scans[0] if len(scans) == 1 else Scan.merge(scans)
        elif self.store is not None:
            folder = Path(self.store)
            folder.mkdir(parents=True, exist_ok=True)
            yield tile_scan(scans, folder / f"{'+'.join(path.name for path in files)}.tiles")
        else:
            with tempfile.TemporaryDirectory(prefix=".tiles-", dir=beside.parent) as temporary:
                yield tile_scan(scans, Path(temporary) / "tiles")

    def epoch_of(self, path: Path) -> Scan | TiledScan:
        """A file as one epoch of a comparison, which cuts its own stores."""
        return self._store(path) if path.is_dir() else self.scan(path)

    def _store(self, folder: Path) -> TiledScan:
        if stated := self.stated():
            raise ParameterError(
                f"{', '.join(stated)} cannot be stated of a store",
                where=folder,
                expected="what it was made with",
                remedy="Make the store anew from the file",
            )
        return TiledScan.open(folder)


AS_STATED = Reading()
"""As the files say it themselves."""


def is_mesh(path: Path) -> bool:
    """Whether a file is opened by :func:`sxrisk.surfaces.read_mesh`; a PLY is one if it has faces."""
    if path.suffix.lower() != ".ply":
        return path.suffix.lower() in _READ_MESHES
    try:
        with path.open("rb") as file:
            head = file.read(65536).partition(b"end_header")[0]
    except OSError:
        return False
    words = head.split()
    return any(
        words[i : i + 2] == [b"element", b"face"] and words[i + 2] != b"0" for i in range(max(0, len(words) - 2))
    )


def planned_outputs(inputs: Sequence[Path], out: Path, ending: str, *, known: Sequence[str] = ()) -> list[Path]:
    """Where the result of each input goes: `out` itself for one input if it is a file's name, else a file in it.

    Parameters
    ----------
    inputs : sequence of Path
        One or more.
    out : Path
        A file's name, or a folder, which is made.
    ending : str
        Of files in a folder, with its dot; empty for folders.
    known : sequence of str
        Endings that can be written, if outputs are files.

    Returns
    -------
    list of Path

    Raises
    ------
    ParameterError
        If two inputs would be written to one file, or one over itself, or as what cannot be written.

    Examples
    --------
    >>> [path.name for path in planned_outputs([Path("a.copc.laz"), Path("b.e57")], Path(tempfile.mkdtemp()), ".ply")]
    ['a.ply', 'b.ply']
    """
    is_file = bool(out.suffix) and bool(ending) and not out.is_dir()
    if is_file and len(inputs) > 1 and out.name.lower().endswith(tuple(known)):
        raise ParameterError(
            f"{len(inputs)} inputs for the one file {out.name}", where="--out", expected="a folder's name"
        )
    is_file = is_file and len(inputs) == 1
    if known and not (out.name if is_file else ending).lower().endswith(tuple(known)):
        raise ParameterError(
            f"{out.name if is_file else ending} cannot be written",
            where="--out" if is_file else "--to",
            expected=f"one of {', '.join(known)}",
        )
    if is_file:
        outputs = [out]
        out.parent.mkdir(parents=True, exist_ok=True)
    else:
        out.mkdir(parents=True, exist_ok=True)
        outputs = [out / f"{stem(path)}{ending}" for path in inputs]
    for path, output in zip(inputs, outputs, strict=True):
        if output.resolve() == path.resolve():
            raise ParameterError(
                f"{path} would be written over itself", where="--out", expected="another file or folder"
            )
    doubled = next((path for i, path in enumerate(outputs) if path in outputs[:i]), None)
    if doubled is not None:
        raise ParameterError(
            f"two inputs would be written to {doubled}",
            where="--out",
            expected="inputs of different names",
            remedy="Give them one after the other, each with an --out of its own",
        )
    return outputs


def stem(path: Path) -> str:
    """Name of a file without its ending, ``.copc.laz`` being one."""
    return path.name[: -len(".copc.laz")] if path.name.lower().endswith(".copc.laz") else path.stem


def beside(output: Path, word: str) -> Path:
    """A second file of a job: ``a.laz`` and ``removed`` give ``a_removed.laz``, ``map.gpkg`` gives ``a_map.gpkg``."""
    name, dot, ending = word.partition(".")
    return output.with_name(f"{stem(output)}_{name}{dot}{ending}" if dot else _suffixed(output, name))


def _suffixed(output: Path, name: str) -> str:
    return f"{stem(output)}_{name}{output.name[len(stem(output)) :]}"


def polygons_of(path: str | Path, crs: Any) -> Any:
    """Polygons of a vector file in the coordinate system of the scans.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or DXF with areas.
    crs : pyproj.CRS or None
        System of the scans; with None the numbers are taken as they are.

    Returns
    -------
    geopandas.GeoDataFrame

    Raises
    ------
    FileFormatError
        If it cannot be read or holds no polygon.
    """
    import geopandas as gpd
    from pyogrio.errors import DataSourceError

    try:
        frame = gpd.read_file(path)
    except (DataSourceError, OSError, ValueError) as error:
        raise FileFormatError("the polygons cannot be read", where=path, remedy=str(error)) from error
    kinds = frame.geom_type.isin(["Polygon", "MultiPolygon"]) if len(frame) else []
    frame = frame[kinds].reset_index(drop=True) if len(frame) else frame
    if frame.empty:
        raise FileFormatError("there is no polygon", where=path, expected="areas")
    if crs is None or frame.crs is None:
        return frame
    target = CRS.from_user_input(crs)
    transform = plan_transform(frame.crs, target)
    places = shapely.transform(frame.geometry.array, lambda xy: np.column_stack(transform(xy[:, 0], xy[:, 1])))
    return gpd.GeoDataFrame(frame.drop(columns=frame.geometry.name), geometry=places, crs=target)


def union_of(path: str | Path | None, crs: Any) -> Any:
    """All polygons of a file as one shapely geometry; None where there is no file."""
    return None if path is None else polygons_of(path, crs).union_all()
