"""Vector files by GDAL: Shapefile, GeoPackage, GeoJSON, KML; and GeoParquet."""

import codecs
import re
import sqlite3
import struct
import warnings
from contextlib import closing
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from pyproj import CRS

from sxrisk.errors import CRSError, FileFormatError, InputError
from sxrisk.layers._source import Source, unique_headers, wrap_read_errors
from sxrisk.layers._tables import decode_text
from sxrisk.layers.report import Issue

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["read_geojson", "read_geopackage", "read_geoparquet", "read_kml", "read_shapefile"]

_SHP_MAGIC = 9994
_SQLITE_MAGIC = b"SQLite format 3\x00"
_DBF_SAMPLE_BYTES = 20_000_000
_DBF_NAME_BYTES = 10
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
# GDAL goes by content: these make it open other files, databases or addresses that the text names.
_NAMES_OTHER_SOURCES = re.compile(r"<OGR\w*DataSource|gdal_streamed_alg")
_CRS_MEMBER = re.compile(r'"crs"\s*:\s*\{')


def read_geojson(path: Path, *, encoding: str | None) -> Source:
    """Features of a GeoJSON file; without a ``crs`` member the format means WGS 84.

    Raises
    ------
    FileFormatError
        If the text is no JSON object, names other sources, cannot be decoded or is cut short.
    InputError
        If it holds no feature.
    CRSError
        If its ``crs`` member cannot be read.
    """
    text, found = decode_text(path.read_bytes(), path, encoding)
    if not text.lstrip().startswith("{"):
        raise FileFormatError("the file is no GeoJSON", where=path, expected="a JSON object of type FeatureCollection")
    _refuse_other_sources(text, path)
    source = _read_gdal(BytesIO(text.lstrip().encode()), path, "a GeoJSON FeatureCollection")
    source.encoding = found
    source.crs_by_format = _CRS_MEMBER.search(text) is None
    return source


def read_geopackage(path: Path, *, layer: str | None) -> Source:
    """Features of one layer of a GeoPackage.

    Raises
    ------
    FileFormatError
        If the file is no GeoPackage or damaged, or `layer` is not in it or needed and not named.
    InputError
        If it holds no layer with geometries, or no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(16) != _SQLITE_MAGIC:
            raise FileFormatError("the file is no GeoPackage", where=path, expected="an SQLite database (.gpkg)")
    _check_pages(path)
    return _read_gdal(path, path, "a GeoPackage", layer=_choose_layer(path, layer), drivers=("GPKG",))


def _check_pages(path: Path) -> None:
    """Refuse a damaged database: GDAL reads round broken pages and says nothing."""
    with (
        wrap_read_errors(path, "a whole GeoPackage", sqlite3.Error),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise FileFormatError(
            f"the database is damaged: {answer.splitlines()[-1]}", where=path, expected="a whole GeoPackage",
            remedy="Export or copy it again",
        )  # fmt: skip


def read_kml(path: Path, *, layer: str | None) -> Source:
    """Features of a KML file, all folders unless one is named; KML is WGS 84 by definition.

    Raises
    ------
    FileFormatError
        If the root element is not ``kml``, entities are declared, other sources are named, the file is damaged, or
        there is no folder `layer`.
    InputError
        If it holds no feature.
    """
    text, found = decode_text(path.read_bytes(), path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FileFormatError("the KML declares entities, which are not expanded", where=path, remedy="Export it again")
    if _root_element(text) != "kml":
        raise FileFormatError("the file is no KML", where=path, expected="an XML document with the root element kml")
    _refuse_other_sources(text, path)
    import pyogrio

    expected = "a KML document"
    # GDAL gets the very text that was checked.
    data = _XML_DECLARATION.sub("", text).encode()
    with wrap_read_errors(path, expected, *_gdal_errors()):
        folders = [str(name) for name, _ in pyogrio.list_layers(data)]
    chosen = [layer] if layer is not None else folders
    if not chosen or not set(chosen) <= set(folders):
        raise FileFormatError(f"there is no folder {layer!r}", where=path, expected=f"one of {', '.join(folders)}")
    parts = [
        _read_gdal(BytesIO(data), path, expected, layer=folder, allow_empty=True, drivers=("LIBKML", "KML"))
        for folder in chosen
    ]
    table = pd.concat(
        [part.table.assign(folder=folder) for part, folder in zip(parts, chosen, strict=True)], ignore_index=True
    )
    if table.empty:
        raise InputError("the layer is empty", where=path, expected="at least one feature")
    geometry = np.concatenate([part.geometry for part in parts if part.geometry is not None])
    source = Source(table, np.arange(1, len(table) + 1), geometry, parts[0].crs, encoding=found)
    source.issues = [issue for part in parts for issue in part.issues]
    return source


def read_shapefile(path: Path, *, encoding: str | None) -> Source:
    """Features of a Shapefile; its encoding by ``.cpg``, else by what the ``.dbf`` holds.

    Raises
    ------
    FileFormatError
        If the file is no Shapefile, a part is missing or cut short, or the encoding is unknown.
    InputError
        If it holds no feature.
    CRSError
        If its ``.prj`` cannot be read.
    """
    _check_shapefile(path)
    chosen = encoding or _cpg_encoding(path)
    issues: list[Issue] = []
    if chosen is None:
        chosen = _dbf_encoding(path)
        if chosen == "GB18030":
            issues.append(Issue("encoding_guessed", "no .cpg, attributes read as GB18030 (GBK)"))
    try:
        codec = codecs.lookup(chosen).name
    except LookupError as error:
        raise FileFormatError(f"{chosen!r} is no known encoding", where=path, expected="e.g. utf-8, gb18030") from error
    # Latin-1 keeps every byte: decoded by GDAL, a name that is cut inside a character would end the reading.
    source = _read_gdal(
        path, path, "a Shapefile (.shp with .shx and .dbf)", encoding="ISO-8859-1", drivers=("ESRI Shapefile",)
    )
    cut = {at for at, name in enumerate(source.table.columns) if len(name) >= _DBF_NAME_BYTES - 1}
    _decode(source, codec)
    source.cut_headers = frozenset(source.table.columns[at] for at in cut)
    source.encoding = chosen
    source.issues += issues
    return source


def read_geoparquet(path: Path) -> Source:
    """Features of a GeoParquet file.

    Raises
    ------
    FileFormatError
        If the file is no GeoParquet or damaged.
    InputError
        If it holds no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    import geopandas as gpd
    import pyarrow as pa

    with wrap_read_errors(path, "a GeoParquet file", pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        frame = gpd.read_parquet(path)
    return _as_source(frame, path)


def _root_element(text: str) -> str:
    """Local name of an XML document's root element; empty where there is none."""
    try:
        _, root = next(ElementTree.iterparse(StringIO(text.lstrip()), events=("start",)))
    except (ElementTree.ParseError, StopIteration):
        return ""
    return str(root.tag).rpartition("}")[2]


def _refuse_other_sources(text: str, path: Path) -> None:
    named = _NAMES_OTHER_SOURCES.search(text)
    if named is not None:
        raise FileFormatError(
            f"the file names other sources ({named[0]}), which are not opened",
            where=path,
            expected="a file that holds its features itself",
        )


def _check_shapefile(path: Path) -> None:
    """Refuse a file that is cut short: GDAL reads what is left of it and says nothing."""
    with path.open("rb") as stream:
        head = stream.read(100)
    if len(head) < 100 or struct.unpack(">i", head[:4])[0] != _SHP_MAGIC:
        raise FileFormatError("the file is no Shapefile", where=path, expected="a .shp with a 100-byte header")
    stated, real = 2 * struct.unpack(">i", head[24:28])[0], path.stat().st_size
    if real < stated:
        raise FileFormatError(
            f"the file is cut short: {real} of {stated} bytes",
            where=path,
            remedy="Copy the Shapefile again, all its parts",
        )
    for suffix in (".shx", ".dbf"):
        if _sidecar(path, suffix) is None:
            raise FileFormatError(
                f"the Shapefile's {suffix} is missing", where=path, expected=f"{path.stem}{suffix} beside it",
                remedy="Copy all parts of the Shapefile: .shp, .shx, .dbf, .prj, .cpg",
            )  # fmt: skip
    dbf = _sidecar(path, ".dbf")
    if dbf is not None:
        with dbf.open("rb") as stream:
            head = stream.read(32)
        size = dbf.stat().st_size
        wanted = 0
        if len(head) == 32:
            count, start, width = struct.unpack("<IHH", head[4:12])
            wanted = start + count * width
        if len(head) < 32 or size < wanted:
            raise FileFormatError(f"the file is cut short: {size} of {max(wanted, 32)} bytes", where=dbf)


def _decode(source: Source, codec: str) -> None:
    """Text of a table that was read as Latin-1, in its real encoding; characters cut at a field's end are dropped."""

    def decoded(text: str) -> str:
        return text.encode("latin-1").decode(codec, errors="ignore")

    table = source.table
    for column in table.columns:
        if pd.api.types.is_string_dtype(table[column].dtype):
            table[column] = table[column].map(decoded, na_action="ignore")
    table.columns = pd.Index(unique_headers([decoded(str(name)) for name in table.columns]))


def _sidecar(path: Path, suffix: str) -> Path | None:
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    return None


def _cpg_encoding(path: Path) -> str | None:
    cpg = _sidecar(path, ".cpg")
    if cpg is None:
        return None
    name = cpg.read_text(encoding="ascii", errors="replace").strip()
    known = {
        "gbk": "GB18030",
        "gb2312": "GB18030",
        "936": "GB18030",
        "cp936": "GB18030",
        "utf8": "UTF-8",
        "65001": "UTF-8",
    }
    return known.get(name.casefold(), name) or None


def _dbf_encoding(path: Path) -> str:
    dbf = _sidecar(path, ".dbf")
    if dbf is None:
        return "UTF-8"
    with dbf.open("rb") as stream:
        data = stream.read(_DBF_SAMPLE_BYTES)[32:]
    # Fields of fixed width cut characters in two, so a few errors are no proof: the fewer decide.
    errors = {name: data.decode(name, errors="replace").count("\ufffd") for name in ("utf-8", "gb18030")}
    return "UTF-8" if errors["utf-8"] <= errors["gb18030"] else "GB18030"


def _gdal_errors() -> tuple[type[Exception], ...]:
    from pyogrio.errors import CRSError as GdalCRSError
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    return (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, GdalCRSError, RuntimeError,
            UnicodeDecodeError, OSError, ValueError, OverflowError)  # fmt: skip


def _choose_layer(path: Path, layer: str | None) -> str:
    import pyogrio

    with wrap_read_errors(path, "a GeoPackage", *_gdal_errors()), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        listed = pyogrio.list_layers(path)
    names = [str(name) for name, geometry in listed if geometry is not None]
    if not names:
        raise InputError("the file holds no layer with geometries", where=path, expected="at least one vector layer")
    if layer is None and len(names) == 1:
        return names[0]
    if layer not in names:
        what = f"there is no layer {layer!r}" if layer is not None else f"the file holds {len(names)} layers"
        raise FileFormatError(what, where=path, expected=f"layer = one of {', '.join(names)}")
    return str(layer)


def _read_gdal(
    what: Path | BytesIO, path: Path, expected: str, *, layer: str | None = None, encoding: str | None = None,
    allow_empty: bool = False, drivers: tuple[str, ...] = (),
) -> Source:  # fmt: skip
    """Read with GDAL, which chooses its driver by content; `drivers` are those that may have been chosen."""
    import pyogrio

    with wrap_read_errors(path, expected, *_gdal_errors()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if drivers:
            driver = pyogrio.read_info(what, layer=layer, encoding=encoding)["driver"]
            if driver not in drivers:
                raise FileFormatError(f"the content is of the format {driver}", where=path, expected=expected)
        frame = pyogrio.read_dataframe(what, layer=layer, encoding=encoding)
    source = _as_source(frame, path, allow_empty=allow_empty)
    texts = dict.fromkeys(str(item.message)[:300] for item in caught if issubclass(item.category, RuntimeWarning))
    source.issues += [Issue("reader_warning", text) for text in texts if "Measured (M)" not in text]
    return source


def _as_source(frame: "gpd.GeoDataFrame | pd.DataFrame", path: Path, *, allow_empty: bool = False) -> Source:
    if not len(frame) and not allow_empty:
        raise InputError("the layer is empty", where=path, expected="at least one feature")
    geometry: Any = None
    crs: CRS | None = None
    table = pd.DataFrame(frame)
    if hasattr(frame, "geometry") and getattr(frame, "_geometry_column_name", None) in frame.columns:
        geometry = frame.geometry.to_numpy()
        crs = _own_crs(frame.crs, path)
        table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    table.columns = pd.Index(unique_headers([str(name) for name in table.columns]))
    return Source(table.reset_index(drop=True), np.arange(1, len(table) + 1, dtype=np.int64), geometry, crs)


def _own_crs(crs: Any, path: Path) -> CRS | None:
    """The file's CRS; what only says "undefined" counts as none."""
    if crs is None:
        return None
    try:
        parsed = CRS.from_user_input(crs)
    except ValueError as error:
        raise CRSError(
            "the coordinate system in the file cannot be read", where=path, remedy="Declare it with crs="
        ) from error
    undefined = parsed.name.casefold().startswith("undefined") or "unknown engineering" in parsed.name.casefold()
    return None if undefined else parsed
