"""Vector files by GDAL: GeoPackage, GeoJSON, GML, MapInfo, FlatGeobuf; and GeoParquet."""

import re
import sqlite3
import warnings
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pandas as pd

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, wrap_read_errors
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.text import decode_text
from sxrisk.layers.vectors.gdal import as_source, gdal_errors, read_gdal
from sxrisk.layers.vectors.shapefile import codec_name, decode_columns, deleted_records, likely_encoding, sidecar
from sxrisk.layers.vectors.xml import checked_xml

__all__ = ["read_flatgeobuf", "read_geojson", "read_geopackage", "read_geoparquet", "read_gml", "read_mapinfo"]

_SQLITE_MAGIC = b"SQLite format 3\x00"
_FGB_MAGIC = b"fgb"
_JSON_DRIVERS = ("GeoJSON", "GeoJSONSeq", "JSONFG", "ESRIJSON", "TopoJSON")
_CRS_MEMBER = re.compile(r'"crs"\s*:\s*\{')
# GDAL goes by content: this makes it run a pipeline over other files.
_NAMES_OTHER_SOURCES = "gdal_streamed_alg"
_GML_ROOTS = "FeatureCollection SpatialDataSet Dataset"
# GDAL would fetch a schema from the address that the file names.
_SCHEMA_LOCATION = re.compile(r"""\s[\w.-]*:?(?:schemaLocation|noNamespaceSchemaLocation)\s*=\s*(?:"[^"]*"|'[^']*')""")
_TAB_TYPE = re.compile(r"^\s*Type\s+(\w+)(?:\s+Charset\s+\"(\w+)\")?", re.IGNORECASE | re.MULTILINE)
_SEAMLESS = re.compile(r"IsSeamless\"?\s*=\s*\"TRUE", re.IGNORECASE)
_MIF_CHARSET = re.compile(r"^\s*Charset\s+\"(\w+)\"", re.IGNORECASE | re.MULTILINE)


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
    if _NAMES_OTHER_SOURCES in text:
        raise FileFormatError(
            f"the file names other sources ({_NAMES_OTHER_SOURCES}), which are not opened",
            where=path,
            expected="a file that holds its features itself",
        )
    content = BytesIO(text.lstrip().encode())
    source = read_gdal(content, path, "a GeoJSON FeatureCollection", drivers=_JSON_DRIVERS)
    source.encoding = found
    source.crs_by_format = _CRS_MEMBER.search(text) is None and source.crs == "EPSG:4326"
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
    chosen = _choose_layer(path, path, "a GeoPackage", layer)
    source = read_gdal(path, path, "a GeoPackage", layer=chosen, drivers=("GPKG",))
    # GDAL trusts the file's own note of how many there are, which other programs do not always keep.
    quoted = chosen.replace('"', '""')
    with (
        wrap_read_errors(path, "a whole GeoPackage", sqlite3.Error, UnicodeError),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        (count,) = database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()
    if count != len(source.rows):
        raise FileFormatError(
            f"the layer has {count} rows, of which {len(source.rows)} can be read", where=path,
            expected="a GeoPackage whose feature count is right", remedy="Save the layer again in a GIS program",
        )  # fmt: skip
    return source


def _check_pages(path: Path) -> None:
    """Refuse a damaged database: GDAL reads round broken pages and says nothing."""
    with (
        wrap_read_errors(path, "a whole GeoPackage", sqlite3.Error, UnicodeError),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise FileFormatError(
            f"the database is damaged: {answer.splitlines()[-1]}", where=path, expected="a whole GeoPackage",
            remedy="Export or copy it again",
        )  # fmt: skip


def read_gml(path: Path, *, layer: str | None) -> Source:
    """Features of one feature type of a GML file; neither schemas nor references to other documents are fetched.

    Raises
    ------
    FileFormatError
        If the root element is no feature collection, entities are declared, the file is damaged, or `layer` is not in
        it or needed and not named.
    InputError
        If it holds no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    text, found = checked_xml(path.read_bytes(), path, _GML_ROOTS)
    data = _SCHEMA_LOCATION.sub("", text).encode()
    chosen = _choose_layer(BytesIO(data), path, "a GML document", layer)
    source = read_gdal(BytesIO(data), path, "a GML document", layer=chosen, drivers=("GML",))
    source.encoding = found
    return source


def read_mapinfo(path: Path, *, encoding: str | None) -> Source:
    """Features of a MapInfo table (.tab with .dat, .map, .id) or of an interchange file (.mif with .mid).

    Raises
    ------
    FileFormatError
        If a part is missing or damaged, or the table is a view of other tables.
    InputError
        If it holds no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    if path.suffix.casefold() == ".mif":
        with path.open("rb") as stream:
            head = stream.read(4096).decode("latin-1")
        text_part, charset = sidecar(path, ".mid"), _MIF_CHARSET.search(head)
        parts: tuple[str, ...] = (".mid",)
        if not head.lstrip().casefold().startswith("version"):
            raise FileFormatError("the file is no MIF", where=path, expected="a text that begins with Version")
        stated = charset[1] if charset else ""
    else:
        head = path.read_bytes()[:1_000_000].decode("latin-1")
        kind = _TAB_TYPE.search(head)
        if not head.lstrip().casefold().startswith("!table") or kind is None:
            raise FileFormatError("the file is no MapInfo table", where=path, expected="a text that begins with !table")
        if kind[1].casefold() != "native" or _SEAMLESS.search(head):
            raise FileFormatError(
                "the table is a view of other files, which are not opened", where=path,
                expected="a table of the type NATIVE", remedy="Save a copy of the table in MapInfo",
            )  # fmt: skip
        text_part, parts, stated = sidecar(path, ".dat"), (".dat", ".map", ".id"), kind[2] or ""
    for part in parts:
        if sidecar(path, part) is None:
            raise FileFormatError(
                f"the table's {part} is missing", where=path, expected=f"{path.stem}{part} beside it",
                remedy="Copy all parts of the table: .tab, .dat, .map, .id, or .mif, .mid",
            )  # fmt: skip
    source = _read_mapinfo(path, encoding, stated, text_part)
    if path.suffix.casefold() == ".mif" and text_part is not None:
        # One line for each object: GDAL reads what there is of either file and says nothing.
        lines = sum(1 for line in text_part.read_bytes().splitlines() if line.strip())
        if lines and lines != len(source.rows):
            raise FileFormatError(
                f"the file is cut short: {len(source.rows)} objects, but {lines} lines in {text_part.name}",
                where=path, expected="one line for each object", remedy="Export it again",
            )  # fmt: skip
    return source


def _read_mapinfo(path: Path, encoding: str | None, stated: str, text_part: Path | None) -> Source:
    expected = "a MapInfo table (.tab with .dat, .map, .id) or a .mif with its .mid"
    is_table = text_part is not None and text_part.suffix.casefold() == ".dat"
    deleted = deleted_records(text_part) if is_table and text_part is not None else None
    if encoding is None and stated and stated.casefold() != "neutral":
        return read_gdal(path, path, expected, drivers=("MapInfo File",), deleted=deleted)
    # "Neutral" is what MapInfo writes when it does not know: GDAL hands on the bytes.
    chosen = encoding or ("UTF-8" if text_part is None else likely_encoding(text_part))
    source = read_gdal(path, path, expected, encoding="ISO-8859-1", drivers=("MapInfo File",), deleted=deleted)
    decode_columns(source, codec_name(chosen, path))
    source.encoding = chosen
    if encoding is None:
        source.issues.append(Issue("encoding_guessed", f"the table names no character set, read as {chosen}"))
    return source


def read_flatgeobuf(path: Path) -> Source:
    """Features of a FlatGeobuf file.

    Raises
    ------
    FileFormatError
        If the file is no FlatGeobuf or damaged.
    InputError
        If it holds no feature.
    CRSError
        If its coordinate system cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(3) != _FGB_MAGIC:
            raise FileFormatError("the file is no FlatGeobuf", where=path, expected="the bytes 'fgb' at its start")
    return read_gdal(path, path, "a FlatGeobuf", drivers=("FlatGeobuf",))


def _choose_layer(what: Path | BytesIO, path: Path, expected: str, layer: str | None) -> str:
    import pyogrio

    with wrap_read_errors(path, expected, *gdal_errors()), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        listed = pyogrio.list_layers(what)
    names = [str(name) for name, geometry in listed if geometry is not None]
    if not names:
        raise InputError("the file holds no layer with geometries", where=path, expected="at least one vector layer")
    if layer is None and len(names) == 1:
        return names[0]
    if layer not in names:
        told = f"there is no layer {layer!r}" if layer is not None else f"the file holds {len(names)} layers"
        raise FileFormatError(told, where=path, expected=f"layer = one of {', '.join(names)}")
    return str(layer)


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
        # Arrow takes bytes for text without looking at them.
        for name in frame.columns:
            if pd.api.types.is_string_dtype(frame[name].dtype):
                pa.array(frame[name]).validate(full=True)
    return as_source(frame, path)
