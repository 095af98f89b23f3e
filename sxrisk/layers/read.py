"""The door for vector layers: any file an office has becomes a checked frame in EPSG:4490 and a table of rejects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import GEOGRAPHIC_EPSG, Datum, Placeable
from sxrisk.errors import InputError, MissingFieldError, ParameterError
from sxrisk.layers._checks import fit_geometry, unique_ids
from sxrisk.layers._columns import Matched, canonical_attributes, match_columns
from sxrisk.layers._crs import DETECT, decide_crs, detect_crs
from sxrisk.layers._formats import ReadOptions, read_file
from sxrisk.layers._source import Source, check_file
from sxrisk.layers.databases.postgis import is_database_url, read_table
from sxrisk.layers.kinds import Kind, with_synonyms
from sxrisk.layers.kinds import kind as kind_of
from sxrisk.layers.report import Issue, LayerReport, LoadedLayer, Rejects
from sxrisk.layers.tables.corner_rows import join_corner_rows
from sxrisk.layers.tables.geometry_columns import raw_geometry
from sxrisk.layers.tables.places import place, place_toes
from sxrisk.layers.tables.values import as_text, parse_number

__all__ = ["COMMON_COLUMNS", "load_layer", "read_layer", "understand"]

#: Columns that stand first in every canonical frame.
COMMON_COLUMNS = ("id", "name", "kind", "county", "position_sigma_m", "crs_source", "source_file", "source_row")
_REGION_MARGIN_M = 50_000.0


def read_layer(
    path: str | Path,
    *,
    kind: str,
    crs: str | int | CRS | Datum | None = None,
    name: str | None = None,
    position_sigma_m: float | None = None,
    columns: Mapping[str, str] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    reference: gpd.GeoDataFrame | None = None,
    region: Any = None,
    region_margin_m: float = _REGION_MARGIN_M,
    strict: bool = False,
) -> gpd.GeoDataFrame:
    """A layer file as a canonical frame; parameters and errors as in :func:`load_layer`.

    Returns
    -------
    GeoDataFrame
        EPSG:4490. ``frame.attrs`` says how many rows were used and rejected, and what was guessed.
    """
    return load_layer(
        path, kind=kind, crs=crs, name=name, position_sigma_m=position_sigma_m, columns=columns, synonyms=synonyms,
        layer=layer, encoding=encoding, x=x, y=y, where=where, values=values, reference=reference, region=region,
        region_margin_m=region_margin_m, strict=strict,
    ).frame  # fmt: skip


def load_layer(
    path: str | Path,
    *,
    kind: str,
    crs: str | int | CRS | Datum | None = None,
    name: str | None = None,
    position_sigma_m: float | None = None,
    columns: Mapping[str, str] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    reference: gpd.GeoDataFrame | None = None,
    region: Any = None,
    region_margin_m: float = _REGION_MARGIN_M,
    strict: bool = False,
) -> LoadedLayer:
    r"""A layer file as a canonical frame, with the rows that could not be used and a report.

    Parameters
    ----------
    path : str or Path
        CSV, XLSX, Shapefile, GeoPackage, GeoJSON, GeoParquet, FlatGeobuf, KML, KMZ, GML, MapInfo (TAB, MIF) or DXF; a
        zip of one of them; or the address of a PostGIS database, ``postgresql://user@host/database``.
    kind : str
        One of ``sxrisk.layers.KINDS``.
    crs : str, int, pyproj.CRS or Datum, optional
        What the coordinates are in, e.g. ``"EPSG:4547"``, ``"CGCS2000"``, ``"GCJ-02"``; needed where the file does not
        say. ``"GCJ-02"`` and ``"BD-09"``, which no file can say, are stronger than what the file says, and any system
        is stronger than the default of GeoJSON; else a declaration that contradicts the file is refused. ``"detect"``
        finds out by `reference` whether degrees are true or those of a web map. A :class:`sxrisk.crs.Datum` holds the
        parameters of a legacy datum or a mine grid; its sigma is added to that of the positions.
    name : str, optional
        Name of the layer; default the file's name without suffix.
    position_sigma_m : float, optional
        1 sigma of the positions in metres, for rows whose own column does not say.
    columns : mapping of str to str, optional
        Canonical column to the file's header, where the synonyms do not know it.
    synonyms : mapping of str to sequence of str, optional
        Canonical column to further headers that mean it, tried before those that are built in; unlike `columns` they
        need not be in the file. See :func:`sxrisk.layers.describe_kind` for those that are known.
    layer : str, optional
        Layer of a GeoPackage or GML, folder of a KML, sheet of a workbook, CAD layer of a drawing, file in a zip,
        ``schema.table`` of a database.
    encoding : str, optional
        Of a CSV, Shapefile or GeoJSON; detected if left out.
    x, y : str, optional
        Headers of longitude (easting) and latitude (northing) of a table.
    where : mapping, optional
        Keep only rows whose column (the file's header) has this value, or one of these values.
    values : mapping, optional
        Canonical attribute to the value that every row has, where the file has no such column.
    reference : GeoDataFrame, optional
        EPSG:4490, true: roads, boundaries or places of the same names, with ``crs="detect"``.
    region : shapely geometry, optional
        EPSG:4490. Rows farther than `region_margin_m` metres outside it are rejected, nearer ones are reported.
    region_margin_m : float
        Metres.
    strict : bool
        Refuse the file if any row would be rejected.

    Returns
    -------
    LoadedLayer
        ``frame`` (EPSG:4490; common columns, the kind's attributes, the file's other columns, geometry), ``rejects``
        (source_file, source_row, reason, detail, original) and ``report``.

    Raises
    ------
    FileFormatError
        Missing, cut short, of an unknown format or encoding.
    CRSError
        No CRS in the file and none declared; a legacy datum; a declared one that is not the file's own; coordinates
        that contradict it.
    MissingFieldError
        No coordinate columns; a named column that is not there.
    InputError
        An empty layer, no usable row, swapped axes throughout; with `strict` any rejected row.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "mines.csv")
    ...     _ = file.write_text("名称,经度,纬度,采深(m)\n合山煤矿,112.5,37.8,650\n", encoding="gb18030")
    ...     frame = read_layer(file, kind="underground_mine", crs="CGCS2000")
    >>> frame.loc[0, "name"], float(frame.loc[0, "mining_depth_m"]), int(frame.loc[0, "source_row"])
    ('合山煤矿', 650.0, 2)
    """
    definition = with_synonyms(kind_of(kind), synonyms or {})
    if is_database_url(path):
        source, path = read_table(str(path), layer)
        name = name or path.name.partition(".")[2]
    else:
        path = check_file(path)
        source = read_file(path, definition, ReadOptions(layer, encoding))
    return understand(
        source, path, kind=kind, crs=crs, name=name, position_sigma_m=position_sigma_m, columns=columns,
        synonyms=synonyms, x=x, y=y, where=where, values=values, reference=reference, region=region,
        region_margin_m=region_margin_m, strict=strict,
    )  # fmt: skip


def understand(
    source: Source,
    path: Path,
    *,
    kind: str,
    crs: str | int | CRS | Datum | None = None,
    name: str | None = None,
    position_sigma_m: float | None = None,
    columns: Mapping[str, str] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    reference: gpd.GeoDataFrame | None = None,
    region: Any = None,
    region_margin_m: float = _REGION_MARGIN_M,
    strict: bool = False,
) -> LoadedLayer:
    """Rows as a reader found them as a canonical frame; parameters and errors as in :func:`load_layer`.

    Parameters
    ----------
    source : Source
        Rows of a file, a drawing or a database table.
    path : Path
        What it was read from, for messages and reports.

    Raises
    ------
    ParameterError
        If the kind, a column, a value or the accuracy is none that there is.
    """
    definition = with_synonyms(kind_of(kind), synonyms or {})
    if position_sigma_m is not None and not (np.isfinite(position_sigma_m) and position_sigma_m >= 0):
        raise ParameterError(f"position_sigma_m is {position_sigma_m}", expected="a number of metres, 0 or more")
    source = join_corner_rows(source, definition, dict(columns or {}), path, x=x, y=y)
    report = LayerReport(path.name, kind, name or path.stem, encoding=source.encoding, separator=source.separator)
    report.rows_read = len(source.table) + source.set_aside
    report.issues += source.issues
    source = _filter(source, where or {}, path)
    report.rows_filtered = report.rows_read - len(source.table)

    matched = match_columns(source, definition, dict(columns or {}), path, x=x, y=y)
    report.issues += matched.issues
    rejects = Rejects(len(source.table))
    for reason, detail in sorted(set(source.broken.values())):
        rejects.add(np.asarray([at for at, why in source.broken.items() if why == (reason, detail)]), reason, detail)
    parsed = decide_crs(crs, source, path, report)
    raw, issues = raw_geometry(source, matched, definition, parsed, path, rejects)
    report.issues += issues
    if crs == DETECT:
        parsed = detect_crs(raw, _names(source, matched), parsed, reference, path, report)
    placement = place(raw, parsed, path, source.rows, rejects, region=region, margin_m=region_margin_m)
    report.issues += placement.issues
    geometry, issues = fit_geometry(placement.geometry, definition, source.rows, rejects)
    report.issues += issues

    rejected = rejects.table(path.name, source.rows, source.table)
    report.rows_rejected = len(rejected)
    report.rejected_by_reason = {str(key): int(n) for key, n in rejected["reason"].value_counts().sort_index().items()}
    _refuse(rejected, report, path, strict)
    kept = np.flatnonzero(rejects.kept)
    kept_source = Source(source.table.iloc[kept].reset_index(drop=True), source.rows[kept])
    frame = _frame(kept_source, matched, definition, geometry[kept], raw[kept], parsed, placement.zone[kept], report,
                   position_sigma_m, dict(values or {}))  # fmt: skip
    report.rows_used = len(frame)
    report.check_rows()
    frame.attrs = {
        "layer": report.name, "kind": kind, "source_file": report.source_file, "crs_source": report.crs_source,
        "rows_read": report.rows_read, "rows_filtered": report.rows_filtered, "rows_used": report.rows_used,
        "rows_rejected": report.rows_rejected, "issues": [f"{issue.code}: {issue.detail}" for issue in report.issues],
    }  # fmt: skip
    return LoadedLayer(frame, rejected, report)


def _names(source: Source, matched: Matched) -> pd.Series | None:
    header = matched.common.get("name")
    return None if header is None else as_text(source.table[header])


def _filter(source: Source, where: Mapping[str, object], path: Path) -> Source:
    if not where:
        return source
    keep = np.ones(len(source.table), dtype=bool)
    for column, wanted in where.items():
        if column not in source.table.columns:
            raise MissingFieldError(
                f"there is no column {column!r} to select rows by", where=path,
                expected=f"one of {', '.join(map(str, source.table.columns))}",
            )  # fmt: skip
        listed = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted]
        keep &= as_text(source.table[column]).isin([str(value) for value in listed]).to_numpy()
    if not keep.any():
        shown = ", ".join(f"{column} = {value}" for column, value in where.items())
        raise InputError(f"no row has {shown}", where=path, remedy="Check the selection against the file's values")
    at = np.flatnonzero(keep)
    new = {int(old): position for position, old in enumerate(at)}
    return replace(
        source,
        table=source.table.iloc[at].reset_index(drop=True),
        rows=source.rows[at],
        geometry=None if source.geometry is None else source.geometry[at],
        broken={new[old]: why for old, why in source.broken.items() if old in new},
    )


def _refuse(rejected: pd.DataFrame, report: LayerReport, path: Path, strict: bool) -> None:
    left = report.rows_read - report.rows_filtered - report.rows_rejected
    if left > 0 and not (strict and len(rejected)):
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.rejected_by_reason.items())
    first = rejected.iloc[0]
    what = f"no row is usable: {reasons}" if left == 0 else f"{len(rejected)} rows are rejected: {reasons}"
    away = sum(count for reason, count in report.rejected_by_reason.items() if reason.startswith("outside_"))
    remedy = "Correct the rows" if left == 0 else "Correct the rows, or allow rejects by leaving strict out"
    if left == 0 and 2 * away > len(rejected):
        remedy = (
            f"So many rows are hardly wrong at once: check the coordinate system, here {report.crs} "
            "(a wrong zone is hundreds of kilometres off), then whether the boundary is the right one"
        )
    raise InputError(f"{what}; the first is row {first['source_row']}: {first['detail']}", where=path, remedy=remedy)


def _frame(
    source: Source, matched: Matched, definition: Kind, geometry: NDArray[Any], raw: NDArray[Any], crs: Placeable,
    zone: NDArray[np.int64], report: LayerReport, sigma_m: float | None, values: Mapping[str, object],
) -> gpd.GeoDataFrame:  # fmt: skip
    table, count = source.table, len(source.table)

    def text(role: str) -> pd.Series:
        header = matched.common.get(role)
        return as_text(table[header]) if header is not None else pd.Series([""] * count, dtype="str")

    written_ids = text("id")
    ids, issues = unique_ids(written_ids, definition.name, source.rows, text("name"), geometry)
    if definition.id_also:
        # Rows of one unit share its number on purpose.
        issues = [issue for issue in issues if issue.code != "duplicate_id"]
    report.issues += issues
    front: dict[str, Any] = {"id": ids, "name": text("name"), "kind": definition.name, "county": text("county")}
    front["position_sigma_m"] = _sigma(table, matched, sigma_m, count, report, source.rows)
    if isinstance(crs, Datum):
        front["position_sigma_m"] = np.hypot(front["position_sigma_m"], crs.sigma_m)
    front["crs_source"] = report.crs_source
    front["source_file"] = report.source_file
    front["source_row"] = source.rows
    attributes, issues = canonical_attributes(table, matched, definition, source.rows, values)
    report.issues += issues
    if definition.id_also and definition.id_also not in matched.attributes:
        attributes[definition.id_also] = written_ids.where(written_ids != "", ids)
    place_toes(attributes, crs, zone)
    report.columns = matched.as_dict()
    shape = pd.Series(raw)
    if len(shape) and shapely.has_z(raw).any() and (shapely.get_dimensions(raw) == 0).all():
        attributes.setdefault("z_m", pd.Series(shapely.get_z(raw)))
    taken = {key.casefold() for key in (*front, *attributes, "geometry")}
    others: dict[str, pd.Series] = {}
    for column in table.columns:
        if column in matched.used:
            continue
        label = str(column)
        while label.casefold() in taken:
            label = f"{label}_in_file"
        taken.add(label.casefold())
        others[label] = table[column]
    frame = pd.DataFrame({**front, **attributes, **others}, index=pd.RangeIndex(count))
    for column in ("kind", "crs_source", "source_file"):
        frame[column] = frame[column].astype("str")
    return gpd.GeoDataFrame(frame, geometry=gpd.array.from_shapely(geometry), crs=GEOGRAPHIC_EPSG)


def _sigma(
    table: pd.DataFrame,
    matched: Matched,
    sigma_m: float | None,
    count: int,
    report: LayerReport,
    rows: NDArray[np.int64],
) -> pd.Series:
    header = matched.common.get("position_sigma_m")
    constant = np.nan if sigma_m is None else float(sigma_m)
    if header is None:
        return pd.Series(np.full(count, constant))
    parsed = parse_number(table[header])
    wrong = parsed.bad | (parsed.data < 0).to_numpy()
    if wrong.any():
        report.issues.append(
            Issue.of_rows("number_not_parsed", f"{header} is no accuracy in metres", rows[wrong], "position_sigma_m")
        )
    return parsed.data.mask(wrong).fillna(constant)
