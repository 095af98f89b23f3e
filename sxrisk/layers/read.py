"""The door for vector layers: any file an office has becomes a checked frame in EPSG:4490 and a table of rejects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import GEOGRAPHIC_EPSG, China
from sxrisk.errors import FileFormatError, InputError, MissingFieldError, ParameterError
from sxrisk.layers._checks import fit_geometry, unique_ids
from sxrisk.layers._columns import Matched, canonical_attributes, known_headers, match_columns
from sxrisk.layers._crs import decide_crs
from sxrisk.layers._places import place, place_toes, points_from_columns
from sxrisk.layers._source import Source, check_file
from sxrisk.layers._values import as_text, parse_number
from sxrisk.layers.kinds import Kind
from sxrisk.layers.kinds import kind as kind_of
from sxrisk.layers.report import Issue, LayerReport, LoadedLayer, Rejects

__all__ = ["COMMON_COLUMNS", "load_layer", "read_layer"]

#: Columns that stand first in every canonical frame.
COMMON_COLUMNS = ("id", "name", "kind", "county", "position_sigma_m", "crs_source", "source_file", "source_row")
_REGION_MARGIN_M = 50_000.0
_SUFFIXES = ".csv .txt .tsv .xlsx .shp .gpkg .geojson .json .kml .dxf .parquet"


@dataclass(frozen=True)
class _Options:
    layer: str | None
    encoding: str | None
    columns: Mapping[str, str]
    x: str | None
    y: str | None


def read_layer(
    path: str | Path,
    *,
    kind: str,
    crs: str | int | CRS | None = None,
    name: str | None = None,
    position_sigma_m: float | None = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
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
        path, kind=kind, crs=crs, name=name, position_sigma_m=position_sigma_m, columns=columns, layer=layer,
        encoding=encoding, x=x, y=y, where=where, values=values, region=region, region_margin_m=region_margin_m,
        strict=strict,
    ).frame  # fmt: skip


def load_layer(
    path: str | Path,
    *,
    kind: str,
    crs: str | int | CRS | None = None,
    name: str | None = None,
    position_sigma_m: float | None = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    region: Any = None,
    region_margin_m: float = _REGION_MARGIN_M,
    strict: bool = False,
) -> LoadedLayer:
    r"""A layer file as a canonical frame, with the rows that could not be used and a report.

    Parameters
    ----------
    path : str or Path
        CSV, XLSX, Shapefile, GeoPackage, GeoJSON, KML, DXF or GeoParquet.
    kind : str
        One of ``sxrisk.layers.KINDS``.
    crs : str, int or pyproj.CRS, optional
        What the coordinates are in, e.g. ``"EPSG:4547"``, ``"CGCS2000"``, ``"GCJ-02"``; needed where the file does not
        say. ``"GCJ-02"`` and ``"BD-09"``, which no file can say, are stronger than what the file says, and any system
        is stronger than the default of GeoJSON; else a declaration that contradicts the file is refused.
    name : str, optional
        Name of the layer; default the file's name without suffix.
    position_sigma_m : float, optional
        1 sigma of the positions in metres, for rows whose own column does not say.
    columns : mapping of str to str, optional
        Canonical column to the file's header, where the synonyms do not know it.
    layer : str, optional
        Layer of a GeoPackage, folder of a KML, sheet of a workbook.
    encoding : str, optional
        Of a CSV, Shapefile or GeoJSON; detected if left out.
    x, y : str, optional
        Headers of longitude (easting) and latitude (northing) of a table.
    where : mapping, optional
        Keep only rows whose column (the file's header) has this value, or one of these values.
    values : mapping, optional
        Canonical attribute to the value that every row has, where the file has no such column.
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
    definition = kind_of(kind)
    path = check_file(path)
    if position_sigma_m is not None and not (np.isfinite(position_sigma_m) and position_sigma_m >= 0):
        raise ParameterError(f"position_sigma_m is {position_sigma_m}", expected="a number of metres, 0 or more")
    options = _Options(layer, encoding, dict(columns or {}), x, y)
    source = _read(path, definition, options)
    report = LayerReport(path.name, kind, name or path.stem, encoding=source.encoding, separator=source.separator)
    report.rows_read = len(source.table)
    report.issues += source.issues
    source = _filter(source, where or {}, path)
    report.rows_filtered = report.rows_read - len(source.table)

    matched = match_columns(source, definition, options.columns, path, x=x, y=y)
    report.issues += matched.issues
    rejects = Rejects(len(source.table))
    for reason, detail in sorted(set(source.broken.values())):
        rejects.add(np.asarray([at for at, why in source.broken.items() if why == (reason, detail)]), reason, detail)
    parsed = decide_crs(crs, source, path, report)
    raw = _raw_geometry(source, matched, parsed, path, rejects, report)
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
    frame.attrs = {
        "layer": report.name, "kind": kind, "source_file": report.source_file, "crs_source": report.crs_source,
        "rows_read": report.rows_read, "rows_filtered": report.rows_filtered, "rows_used": report.rows_used,
        "rows_rejected": report.rows_rejected, "issues": [f"{issue.code}: {issue.detail}" for issue in report.issues],
    }  # fmt: skip
    return LoadedLayer(frame, rejected, report)


def _read(path: Path, definition: Kind, options: _Options) -> Source:
    from sxrisk.layers import _dxf, _tables, _vectors

    known = known_headers(definition)
    match path.suffix.casefold():
        case ".csv" | ".txt" | ".tsv":
            return _tables.read_csv(path, encoding=options.encoding, known=known)
        case ".xlsx":
            return _tables.read_xlsx(path, sheet=options.layer, known=known)
        case ".shp":
            return _vectors.read_shapefile(path, encoding=options.encoding)
        case ".gpkg":
            return _vectors.read_geopackage(path, layer=options.layer)
        case ".geojson" | ".json":
            return _vectors.read_geojson(path, encoding=options.encoding)
        case ".kml":
            return _vectors.read_kml(path, layer=options.layer)
        case ".dxf":
            return _dxf.read_dxf(path)
        case ".parquet" | ".geoparquet":
            return _vectors.read_geoparquet(path)
    remedies = {
        ".xls": "Save it as .xlsx", ".dwg": "Save it as DXF in the CAD program", ".zip": "Unpack it first",
        ".kmz": "Unpack it and give the doc.kml", ".dbf": "Give the .shp", ".shx": "Give the .shp",
    }  # fmt: skip
    raise FileFormatError(
        f"the format {path.suffix or '(no suffix)'} is not read here", where=path, expected=f"one of {_SUFFIXES}",
        remedy=remedies.get(path.suffix.casefold()),
    )  # fmt: skip


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


def _raw_geometry(
    source: Source, matched: Matched, crs: CRS | China, path: Path, rejects: Rejects, report: LayerReport
) -> NDArray[Any]:
    if source.geometry is not None:
        return source.geometry
    if matched.wkt is not None:
        text = as_text(source.table[matched.wkt])
        geometry = np.asarray(shapely.from_wkt(text.to_numpy(dtype=object), on_invalid="ignore"), dtype=object)
        bad = np.flatnonzero(shapely.is_missing(geometry) & (text != "").to_numpy())
        rejects.add(bad, "geometry_not_understood", (f"{matched.wkt} = {text.iloc[at][:60]!r}" for at in bad))
        return geometry
    if matched.x is None or matched.y is None:
        raise MissingFieldError(
            "no columns of coordinates were found",
            where=path,
            expected="headers such as 经度 and 纬度, lon and lat, X and Y, or wkt",
            remedy=f"Name them with x= and y=; the file has {', '.join(map(str, source.table.columns))}"[:400],
        )
    geometry, issues = points_from_columns(
        source.table, matched.x, matched.y, "sure" if matched.axes_sure else "xy", crs, rejects
    )
    report.issues += issues
    return geometry


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
    source: Source, matched: Matched, definition: Kind, geometry: NDArray[Any], raw: NDArray[Any], crs: CRS | China,
    zone: NDArray[np.int64], report: LayerReport, sigma_m: float | None, values: Mapping[str, object],
) -> gpd.GeoDataFrame:  # fmt: skip
    table, count = source.table, len(source.table)

    def text(role: str) -> pd.Series:
        header = matched.common.get(role)
        return as_text(table[header]) if header is not None else pd.Series([""] * count, dtype="str")

    ids, issues = unique_ids(text("id"), definition.name, source.rows)
    report.issues += issues
    front: dict[str, Any] = {"id": ids, "name": text("name"), "kind": definition.name, "county": text("county")}
    front["position_sigma_m"] = _sigma(table, matched, sigma_m, count, report, source.rows)
    front["crs_source"] = report.crs_source
    front["source_file"] = report.source_file
    front["source_row"] = source.rows
    attributes, issues = canonical_attributes(table, matched, definition, source.rows, values)
    report.issues += issues
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
