"""Safety distances against more objects than memory holds: partitioned GeoParquet in and out."""

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from sxrisk.errors import CRSError, InputError, ParameterError
from sxrisk.findings import FINDING_COLUMNS, GEOGRAPHIC_CRS
from sxrisk.parallel import ordered_map
from sxrisk.rules._pairs import Pieces
from sxrisk.rules._text_columns import fixed
from sxrisk.rules.asked import limits_of, rule_of, shipped_catalogue, side_rows
from sxrisk.rules.criterion import Rule
from sxrisk.rules.distance import near_table

__all__ = ["check_distances_partitioned"]

_ROWS_AT_ONCE = 250_000
_USED = ("id", "name", "kind", "county", "position_sigma_m", "crs_source", "built_on")
_SUBJECTS = "subjects.parquet"
_LIMIT = "required_distance_m"


@dataclass(frozen=True)
class _Task:
    """Objects of one stretch of row groups of one file."""

    number: int
    path: Path
    groups: tuple[int, ...]
    first_row: int
    subjects: Path
    out: Path
    rule: Rule | None
    subject_sigma_m: float | None
    object_sigma_m: float | None


def check_distances_partitioned(
    subjects: gpd.GeoDataFrame,
    objects: str | Path | Sequence[str | Path],
    required_m: float | str | ArrayLike,
    *,
    out: str | Path,
    rule: Rule | str | None = None,
    subject_sigma_m: float | None = None,
    object_sigma_m: float | None = None,
    executor: Executor | None = None,
) -> Path:
    """What :func:`sxrisk.rules.check_distances` gives, for objects in files of any size; memory stays flat.

    The same rows come out however the objects are split into files and row groups, and wherever the work runs.

    Parameters
    ----------
    subjects : GeoDataFrame
        As in :func:`sxrisk.rules.check_distances`; they are held in memory.
    objects : path, or sequence of paths
        GeoParquet files, or a folder of them (``*.parquet``, in the order of their names). Columns as in
        :func:`sxrisk.rules.check_distances`; without a column `id` the row's number in all files, from 0, is its id.
        They are other things than the subjects: no pair is left out as a thing with itself.
    required_m, rule, subject_sigma_m, object_sigma_m
        As in :func:`sxrisk.rules.check_distances`.
    out : path
        Folder to write; it must not exist. It appears when it is whole.
    executor : concurrent.futures.Executor, optional
        From :func:`sxrisk.parallel.open_executor`: local processes or a Dask cluster, which must see the same files.

    Returns
    -------
    Path
        `out`: GeoParquet files of findings, ``part-00000-000.parquet`` and so on. ``geopandas.read_parquet(out)`` reads
        them all; only within a file are they sorted.

    Raises
    ------
    InputError
        If `out` exists, there are no objects, a file is no GeoParquet in WKB, or two objects share a key (`kind/id`).
    ParameterError
        As :func:`sxrisk.rules.check_distances`, which also raises the errors of unknown CRSs and bad places.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> pits = gpd.GeoDataFrame({"id": ["K1"]}, geometry=gpd.points_from_xy([112.5], [37.5]), crs=4490)
    >>> homes = gpd.GeoDataFrame({"id": ["A"]}, geometry=gpd.points_from_xy([112.501], [37.5]), crs=4490)
    >>> homes.to_parquet(folder / "homes.parquet")
    >>> found = check_distances_partitioned(pits, folder / "homes.parquet", 200.0, out=folder / "found")
    >>> gpd.read_parquet(found)[["subject_id", "object_id", "measured"]].values.tolist()
    [['K1', 'A', 88.43]]
    """
    target = Path(out).absolute()
    if target.exists():
        raise InputError("the folder exists already", where=str(out), expected="a folder that does not exist")
    judged = None if rule is None else rule_of(rule)
    side_rows(subjects, "subjects", subject_sigma_m)
    limits = limits_of(subjects, required_m)
    if object_sigma_m is not None and not 0 <= object_sigma_m < np.inf:
        raise ParameterError(f"the position sigma is {object_sigma_m} m", where="objects", expected="0 or more")
    files = _files(objects)
    _refuse_shared_keys(files)
    partial = target.with_name(f"{target.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    (partial / "found").mkdir(parents=True)
    _store(subjects, limits, partial / _SUBJECTS)
    tasks = [
        _Task(n, path, groups, row, partial / _SUBJECTS, partial / "found", judged, subject_sigma_m, object_sigma_m)
        for n, (path, groups, row) in enumerate(_stretches(files))
    ]
    for _ in ordered_map(_work, tasks, executor=executor):
        pass
    (partial / "found").rename(target)
    shutil.rmtree(partial)
    return Path(out)


def _files(objects: str | Path | Sequence[str | Path]) -> list[Path]:
    given = [objects] if isinstance(objects, str | Path) else list(objects)
    files: list[Path] = []
    for path in map(Path, given):
        files += sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    missing = [path for path in files if not path.is_file()]
    if missing or not files:
        shown = str(missing[0]) if missing else ", ".join(map(str, given))
        raise InputError("there are no objects", where=shown, expected="GeoParquet files, or a folder with *.parquet")
    for path in files:
        _geometry_column(path)
    return [path.absolute() for path in files]


def _geometry_column(path: Path) -> tuple[str, CRS | None]:
    """Name and CRS of a file's geometry column; files without a CRS are in longitude and latitude by the standard."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError) as error:
        raise InputError("the file is no Parquet", where=str(path), expected="GeoParquet") from error
    if b"geo" not in metadata:
        raise InputError("the file has no geometry", where=str(path), expected="GeoParquet, e.g. by frame.to_parquet")
    geo = json.loads(metadata[b"geo"])
    name = geo["primary_column"]
    column = geo["columns"][name]
    if column.get("encoding") != "WKB":
        raise InputError(f"geometry is coded as {column.get('encoding')}", where=str(path), expected="WKB")
    if "crs" in column and column["crs"] is None:
        raise CRSError("the coordinate system is unknown", where=str(path), expected="any known CRS")
    return name, CRS.from_json_dict(column["crs"]) if "crs" in column else CRS("OGC:CRS84")


def _refuse_shared_keys(files: list[Path]) -> None:
    """Objects are looked at part by part, so that a double cannot be told from its twin: hashes of all keys can."""
    hashes: list[NDArray[np.uint64]] = []
    for path in files:
        columns = [name for name in ("kind", "id") if name in pq.read_schema(path).names]
        if "id" not in columns:
            continue
        for batch in pq.ParquetFile(path).iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
            table = batch.to_pandas().fillna("").astype("str")
            kind = table["kind"] if "kind" in columns else ""
            hashes.append(pd.util.hash_array((kind + "/" + table["id"]).to_numpy(dtype=object), categorize=False))
    if not hashes:
        return
    every = np.sort(np.concatenate(hashes))
    shared = int((every[1:] == every[:-1]).sum())
    if shared:
        raise InputError(
            f"{shared} of {len(every)} objects have the kind and id of another",
            where="objects",
            expected="ids that are unique over all files",
            remedy="Give each object its own id, or leave the column out to use row numbers",
        )


def _stretches(files: list[Path]) -> Iterator[tuple[Path, tuple[int, ...], int]]:
    """Row groups of about so many rows, with the number of their first row in all files."""
    row = 0
    for path in files:
        metadata = pq.read_metadata(path)
        groups: list[int] = []
        first = rows = 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= _ROWS_AT_ONCE or group + 1 == metadata.num_row_groups:
                yield path, tuple(groups), row + first
                first, rows, groups = first + rows, 0, []
        row += metadata.num_rows


def _store(subjects: gpd.GeoDataFrame, limits: NDArray[np.float64], path: Path) -> None:
    kept = subjects[[name for name in _USED if name in subjects.columns]].copy()
    if "id" not in kept.columns:
        kept["id"] = [str(label) for label in subjects.index]
    kept[_LIMIT] = limits
    frame = gpd.GeoDataFrame(kept, geometry=subjects.geometry.array, crs=subjects.crs)
    frame.reset_index(drop=True).to_parquet(path)


@lru_cache(maxsize=2)
def _subject_side(
    path: Path, sigma_m: float | None, _written: float
) -> tuple[pd.DataFrame, Pieces, NDArray[np.float64]]:
    frame = gpd.read_parquet(path)
    return *side_rows(frame, "subjects", sigma_m), frame[_LIMIT].to_numpy(dtype=np.float64)


def _batches(task: _Task) -> Iterator[gpd.GeoDataFrame]:
    geometry, crs = _geometry_column(task.path)
    file = pq.ParquetFile(task.path)
    columns = [name for name in (*_USED, geometry) if name in file.schema_arrow.names]
    row = task.first_row
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, row_groups=list(task.groups), columns=columns):
        table = batch.to_pandas()
        places = shapely.from_wkb(table.pop(geometry).to_numpy(dtype=object))
        table.index = pd.RangeIndex(row, row + len(table))
        row += len(table)
        yield gpd.GeoDataFrame(table, geometry=places, crs=crs)


def _work(task: _Task) -> int:
    """Findings of one task, written batch by batch; returns their number."""
    left, pieces, limits = _subject_side(task.subjects, task.subject_sigma_m, task.subjects.stat().st_mtime)
    judged = rule_of(task.rule)
    changed = np.zeros(len(left), dtype=bool) if task.rule is None else limits != judged.value
    count = 0
    for number, frame in enumerate(_batches(task)):
        right, right_pieces = side_rows(frame, f"objects, {task.path.name}", task.object_sigma_m)
        right.index = right.index + len(left)
        found = near_table(
            shipped_catalogue(),
            judged,
            left,
            pieces,
            right,
            right_pieces,
            limits,
            np.zeros(len(left)),
            changed=changed,
        )
        _write(found, task.out / f"part-{task.number:05d}-{number:03d}.parquet")
        count += len(found)
    return count


def _write(found: pa.Table, path: Path) -> None:
    """GeoParquet of all columns of the findings schema, whose text is plain text to every reader."""
    nothing = fixed("", pa.array(np.zeros(len(found), np.int32)))
    columns = {name: found[name] if name in found.column_names else nothing for name in FINDING_COLUMNS}
    for name, column in columns.items():
        if pa.types.is_dictionary(column.type):
            columns[name] = column.cast(pa.large_string())
    geometry = {
        "encoding": "WKB",
        "geometry_types": [],
        "crs": json.loads(CRS(GEOGRAPHIC_CRS).to_json()),
        "edges": "planar",
    }
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    table = pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
