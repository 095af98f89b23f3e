"""Which reader a file gets: one table from suffix to reader, and what to say of the formats that have none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sxrisk.errors import FileFormatError
from sxrisk.layers._columns import known_headers
from sxrisk.layers._source import Source
from sxrisk.layers.kinds import Kind

__all__ = ["ReadOptions", "read_file", "suffixes"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user said of a file that its reader must know."""

    layer: str | None = None
    encoding: str | None = None


_Reader = Callable[[Path, Kind, ReadOptions], Source]


def _csv(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.tables.delimited import read_csv

    return read_csv(path, encoding=options.encoding, known=known_headers(kind))


def _xlsx(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.tables.workbook import read_xlsx

    return read_xlsx(path, sheet=options.layer, known=known_headers(kind))


def _cass(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.tables.cass import read_cass

    return read_cass(path, encoding=options.encoding)


def _shapefile(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.shapefile import read_shapefile

    return read_shapefile(path, encoding=options.encoding)


def _geopackage(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_geopackage

    return read_geopackage(path, layer=options.layer)


def _geojson(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_geojson

    return read_geojson(path, encoding=options.encoding)


def _kml(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.kml import read_kml

    return read_kml(path, layer=options.layer)


def _kmz(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.kml import read_kmz

    return read_kmz(path, layer=options.layer)


def _gml(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_gml

    return read_gml(path, layer=options.layer)


def _mapinfo(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_mapinfo

    return read_mapinfo(path, encoding=options.encoding)


def _flatgeobuf(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_flatgeobuf

    return read_flatgeobuf(path)


def _zip(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.archives import read_zip

    return read_zip(path, kind, options)


def _geoparquet(path: Path, kind: Kind, options: ReadOptions) -> Source:
    from sxrisk.layers.vectors.geo_files import read_geoparquet

    return read_geoparquet(path)


def _dxf(path: Path, kind: Kind, options: ReadOptions) -> Source:
    if kind.name == "goaf" and options.layer is None:
        from sxrisk.layers.drawings.plan_areas import read_mine_plan

        return read_mine_plan(path, kind)
    from sxrisk.layers.drawings.dxf import read_dxf

    return read_dxf(path, kind, layer=options.layer)


_READERS: Mapping[str, _Reader] = {
    ".csv": _csv, ".txt": _csv, ".tsv": _csv, ".xlsx": _xlsx, ".xlsm": _xlsx, ".dat": _cass,
    ".shp": _shapefile, ".gpkg": _geopackage, ".geojson": _geojson, ".json": _geojson, ".kml": _kml,
    ".kmz": _kmz, ".gml": _gml, ".tab": _mapinfo, ".mif": _mapinfo, ".fgb": _flatgeobuf, ".zip": _zip,
    ".parquet": _geoparquet, ".geoparquet": _geoparquet, ".dxf": _dxf,
}  # fmt: skip
_REMEDIES = {
    ".xls": "Save it as .xlsx", ".et": "Save it as .xlsx", ".xlsb": "Save it as .xlsx", ".ods": "Save it as .xlsx",
    ".dwg": "Save it as DXF (R2000 or later) in the CAD program",
    ".dbf": "Give the .shp", ".shx": "Give the .shp", ".prj": "Give the .shp", ".rar": "Unpack it, or pack it as .zip",
    ".7z": "Unpack it, or pack it as .zip",
}  # fmt: skip


def suffixes() -> tuple[str, ...]:
    """Suffixes that have a reader, with the dot."""
    return tuple(_READERS)


def read_file(path: Path, kind: Kind, options: ReadOptions) -> Source:
    """Rows of a file, by the reader of its suffix.

    Raises
    ------
    FileFormatError
        If no reader knows the suffix, or the reader cannot use the file.
    """
    suffix = path.suffix.casefold()
    reader = _READERS.get(suffix)
    if reader is None:
        raise FileFormatError(
            f"the format {path.suffix or '(no suffix)'} is not read here", where=path,
            expected=f"one of {' '.join(_READERS)}", remedy=_REMEDIES.get(suffix),
        )  # fmt: skip
    return reader(path, kind, options)
