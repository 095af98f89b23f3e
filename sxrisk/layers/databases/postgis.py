"""PostGIS: tables and views as layers, and frames written back; names stay names, values stay values."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from sxrisk.errors import CRSError, FileFormatError, InputError, OutputError, ParameterError
from sxrisk.layers._source import Source, unique_headers
from sxrisk.layers.report import Issue

if TYPE_CHECKING:
    import psycopg

__all__ = ["is_database_url", "public_url", "read_postgis", "read_table", "write_postgis"]

_SCHEMES = ("postgresql", "postgres")
_URL_PASSWORD = re.compile(r"^([a-z]+://[^:@/?#]*):[^@/]*@", re.IGNORECASE)
_QUERY_PASSWORD = re.compile(r"((?:^|[?&])(?:password|sslpassword)=)[^&]*", re.IGNORECASE)
_TIMEOUT_S = 15
_STATEMENT_MS = 600_000
_CHUNK = 20_000
# Chords leave an arc by at most this; of degrees the same on the ground.
_SAGITTA = {False: 0.001, True: 1e-8}
_GEOMETRY = ("geometry", "geography")


def is_database_url(text: object) -> bool:
    """Whether a layer's path is the address of a PostgreSQL database.

    Raises
    ------
    ParameterError
        If an address was made a ``Path``, which loses slashes; the message does not repeat it, for it may hold a
        password.

    Examples
    --------
    >>> is_database_url("postgresql://reader@localhost/county"), is_database_url("roads.gpkg")
    (True, False)
    """
    if isinstance(text, Path) and {f"{scheme}:" for scheme in _SCHEMES} & set(text.parts):
        raise ParameterError("the address of a database is given as a path", expected="text, such as postgresql://...")
    return isinstance(text, str) and text.partition("://")[0].casefold() in _SCHEMES and "://" in text


def public_url(url: str) -> str:
    """An address without its password: this form alone may stand in reports and messages.

    Examples
    --------
    >>> public_url("postgresql://reader:secret@localhost/county?sslmode=require")
    'postgresql://reader@localhost/county?sslmode=require'
    """
    return _QUERY_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1@", url))


@dataclass(frozen=True)
class _Column:
    name: str
    type: str


def read_table(url: str, table: str | None) -> tuple[Source, Path]:
    """Rows of a table or view, and ``schema.table`` as the name that stands for a file in reports.

    The transaction is read-only. Rows come in the order of the primary key, else as they are stored. Arcs become chords
    within a millimetre. Rows in another coordinate system than most, and geometries that are no simple features, are
    broken rows.

    Parameters
    ----------
    url : str
        ``postgresql://user@host/database``; libpq finds the password in ``PGPASSWORD`` or ``~/.pgpass`` as well.
    table : str or None
        ``table`` or ``schema.table``, each part as it is spelt in the database; default schema: the search path's.

    Returns
    -------
    source : Source
    label : Path

    Raises
    ------
    ParameterError
        If no table is named.
    FileFormatError
        If the database cannot be reached, or the table is not there, has no geometry or more than one.
    InputError
        If the table is empty.
    CRSError
        If its coordinate system is not a known one.
    """
    if not table:
        raise ParameterError("no table is named", where=public_url(url), expected="layer = 'table' or 'schema.table'")
    with _connected(url) as connection:
        connection.read_only = True
        schema, name = _find(connection, url, table)
        where = f"{public_url(url)}, table {schema}.{name}"
        columns = _columns(connection, schema, name)
        shapes = [column for column in columns if column.type in _GEOMETRY]
        if len(shapes) != 1:
            raise FileFormatError(
                f"the table has {len(shapes)} geometry columns", where=where, expected="exactly one",
                remedy="Make a view with the one that is meant",
            )  # fmt: skip
        others = [column for column in columns if column is not shapes[0]]
        order, ordered = _order(connection, schema, name)
        rows = _fetch(connection, schema, name, others, shapes[0], order)
        if not rows:
            raise InputError("the table is empty", where=where, expected="at least one row")
        srids = np.asarray([row[-2] or 0 for row in rows], dtype=np.int64)
        there = np.asarray([row[-1] is not None for row in rows])
        found, counts = np.unique(srids[there], return_counts=True)
        srid = int(found[counts.argmax()]) if there.any() else 0
        crs = _crs(connection, srid, where)
    table_frame = _table([row[:-2] for row in rows], others)
    geometry = np.asarray(shapely.from_wkb([row[-1] for row in rows], on_invalid="ignore"), dtype=object)
    source = Source(table_frame, np.arange(1, len(rows) + 1, dtype=np.int64), geometry, crs)
    lost = np.flatnonzero(shapely.is_missing(geometry) & there)
    source.broken = {int(at): ("geometry_not_understood", "the geometry is no simple feature") for at in lost}
    foreign = np.flatnonzero((srids != srid) & there)
    source.broken |= {int(at): ("other_crs", f"SRID {srids[at]}, most rows have {srid}") for at in foreign}
    if not ordered:
        source.issues.append(
            Issue("row_order_not_fixed", "views and parted tables have no row order: give them a column of ids")
        )
    return source, Path(f"{schema}.{name}".replace("/", "∕"))


def read_postgis(url: str, table: str) -> gpd.GeoDataFrame:
    """A table as it is, without the checks of a kind: what :func:`write_postgis` wrote comes back.

    Parameters
    ----------
    url, table : str
        As in :func:`read_table`.

    Returns
    -------
    GeoDataFrame
        Columns under their own names, ``geometry`` last, in the table's CRS, in the order of its primary key.

    Raises
    ------
    FileFormatError, InputError, CRSError
        As :func:`read_table`; also for rows that it calls broken.

    Examples
    --------
    >>> read_postgis("postgresql://reader@db.local/county", "public.findings")  # doctest: +SKIP
    """
    source, label = read_table(url, table)
    if source.broken:
        at, (_, detail) = next(iter(sorted(source.broken.items())))
        raise InputError(
            f"{len(source.broken)} rows cannot be used; the first is row {at + 1}: {detail}", where=str(label),
            remedy="Read it with load_layer, which lists them as rejects",
        )  # fmt: skip
    return gpd.GeoDataFrame(source.table, geometry=gpd.array.from_shapely(source.geometry), crs=source.crs)


def write_postgis(
    frame: gpd.GeoDataFrame, url: str, table: str, *, if_exists: Literal["fail", "replace", "append"] = "fail"
) -> int:
    """Write a layer or findings to PostGIS, all rows or none.

    Parameters
    ----------
    frame : GeoDataFrame
        With a CRS that has an EPSG code. Its index is not written. A column ``id`` or ``finding_id`` without gaps and
        repetitions becomes the primary key; the geometry gets a spatial index.
    url : str
        As in :func:`read_table`.
    table : str
        ``table`` or ``schema.table``; the schema must exist.
    if_exists : {"fail", "replace", "append"}
        What to do about a table of this name.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ParameterError
        An unknown `if_exists`; an empty name or one that PostgreSQL would cut short.
    CRSError
        No CRS, or one without an EPSG code that the database knows.
    OutputError
        The database cannot be reached, refuses the table, or it exists.

    Examples
    --------
    >>> frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=gpd.points_from_xy([112.5], [37.5]), crs=4490)
    >>> write_postgis(frame, "postgresql://writer@db.local/county", "villages")  # doctest: +SKIP
    1
    """
    from sxrisk.layers.databases.postgis_write import write_rows

    if if_exists not in ("fail", "replace", "append"):
        raise ParameterError(f"if_exists is {if_exists!r}", expected="fail, replace or append")
    if frame.crs is None or frame.crs.to_epsg() is None:
        raise CRSError(
            "the frame has no CRS with an EPSG code", where=table, expected="e.g. EPSG:4490",
            remedy='Bring it there with sxrisk.crs.to_geographic, or set it with frame.set_crs("EPSG:4490")',
        )  # fmt: skip
    schema, name = _split(table)
    try:
        with _connected(url) as connection:
            return write_rows(connection, frame, schema, name, if_exists)
    except FileFormatError as error:
        raise OutputError(error.problem.what, where=error.problem.where, remedy=error.problem.remedy) from error


@contextmanager
def _connected(url: str) -> "Iterator[psycopg.Connection[Any]]":
    """A connection whose transaction is committed at the end; its errors never carry the password."""
    try:
        import psycopg
    except ImportError as error:
        raise FileFormatError(
            "PostGIS needs the optional package psycopg", where=public_url(url),
            remedy="Install it with: pip install 'sxrisk[postgis]'",
        ) from error  # fmt: skip
    try:
        with psycopg.connect(
            url, connect_timeout=_TIMEOUT_S, application_name="sxrisk",
            options=f"-c statement_timeout={_STATEMENT_MS}",
        ) as connection:  # fmt: skip
            yield connection
    except (psycopg.Error, UnicodeError) as error:
        # Without the chain: a driver's message or its local variables may hold the address with the password.
        told = _without_password(str(error), url)
        raise FileFormatError(
            f"the database says: {told}", where=public_url(url),
            remedy="Check address, user, rights and that PostGIS is installed in the database",
        ) from None  # fmt: skip


def _without_password(message: str, url: str) -> str:
    first = " ".join(message.strip().split())[:400]
    try:
        secret = urlsplit(url).password
    except ValueError:
        secret = None
    for word in filter(None, (url, secret, unquote(secret) if secret else None)):
        first = first.replace(word, "***")
    return first.rstrip(".")


def _split(table: str) -> tuple[str | None, str]:
    schema, dot, name = table.partition(".")
    schema, name = (schema, name) if dot else ("", table)
    for part in (schema, name):
        if len(part.encode()) > 63 or "\x00" in part:
            raise ParameterError(
                f"the name {part!r} is too long for PostgreSQL", expected="63 bytes at most, 21 Chinese characters"
            )
    if not name or (dot and not schema):
        raise ParameterError(f"{table!r} is no name of a table", expected="table or schema.table")
    return schema or None, name


def _find(connection: Any, url: str, table: str) -> tuple[str, str]:
    """Schema and name of a table or view; names are compared as values, never written into a statement."""
    schema, name = _split(table)
    found = connection.execute(
        """select n.nspname, c.relname from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'v', 'm', 'p', 'f') and c.relname = %s
             and (n.nspname = %s or (%s::text is null and pg_catalog.pg_table_is_visible(c.oid)))""",
        (name, schema, schema),
    ).fetchone()
    if found is None:
        known = connection.execute(
            """select distinct n.nspname || '.' || c.relname from pg_catalog.pg_attribute a
               join pg_catalog.pg_class c on c.oid = a.attrelid
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               join pg_catalog.pg_type t on t.oid = a.atttypid
               where c.relkind in ('r', 'v', 'm', 'p', 'f') and t.typname = any(%s) order by 1 limit 20""",
            (list(_GEOMETRY),),
        ).fetchall()
        raise FileFormatError(
            f"there is no table {table!r}", where=public_url(url),
            expected=f"one of {', '.join(row[0] for row in known)}" if known else "a table with a geometry column",
        )  # fmt: skip
    return str(found[0]), str(found[1])


def _columns(connection: Any, schema: str, name: str) -> list[_Column]:
    rows = connection.execute(
        """select a.attname, t.typname from pg_catalog.pg_attribute a
           join pg_catalog.pg_class c on c.oid = a.attrelid
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           join pg_catalog.pg_type t on t.oid = a.atttypid
           where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped order by a.attnum""",
        (schema, name),
    ).fetchall()
    return [_Column(str(row[0]), str(row[1])) for row in rows]


def _order(connection: Any, schema: str, name: str) -> tuple[list[str], bool]:
    """Columns of the primary key, else the place in the file; and whether there is an order at all."""
    rows = connection.execute(
        """select a.attname from pg_catalog.pg_index i
           join pg_catalog.pg_class c on c.oid = i.indrelid
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
           where n.nspname = %s and c.relname = %s and i.indisprimary
           order by pg_catalog.array_position(i.indkey::int2[], a.attnum)""",
        (schema, name),
    ).fetchall()
    if rows:
        return [str(row[0]) for row in rows], True
    (kind,) = connection.execute(
        """select c.relkind::text from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s""",
        (schema, name),
    ).fetchone()
    return (["ctid"], True) if kind in ("r", "m") else ([], False)


def _fetch(
    connection: Any, schema: str, name: str, others: list[_Column], shape: _Column, order: list[str]
) -> list[tuple[Any, ...]]:
    from psycopg import sql

    geom = sql.SQL("{}::geometry").format(sql.Identifier(shape.name))
    # Text carries what has no counterpart in a table: JSON, arrays, enumerations, ranges.
    plain = {"int2", "int4", "int8", "float4", "float8", "numeric", "bool", "date", "timestamp", "timestamptz"}
    picked = [
        sql.Identifier(column.name) if column.type in plain else sql.SQL("{}::text").format(sql.Identifier(column.name))
        for column in others
    ]
    linear = sql.SQL(
        "case when ST_HasArc({g}) then ST_CurveToLine({g}, case when ST_SRID({g}) in (select srid from"
        " spatial_ref_sys where srtext like 'GEOGCS%') then {d} else {m} end::float8, 1, 1) else {g} end"
    ).format(g=geom, d=sql.Literal(_SAGITTA[True]), m=sql.Literal(_SAGITTA[False]))
    query = sql.SQL("select {}, ST_SRID({}), ST_AsBinary({}, 'NDR') from {}").format(
        sql.SQL(", ").join(picked), geom, linear, sql.Identifier(schema, name)
    ) if picked else sql.SQL("select ST_SRID({}), ST_AsBinary({}, 'NDR') from {}").format(
        geom, linear, sql.Identifier(schema, name)
    )  # fmt: skip
    if order:
        query += sql.SQL(" order by {}").format(sql.SQL(", ").join(map(sql.Identifier, order)))
    rows: list[tuple[Any, ...]] = []
    # Without parameters: psycopg would take a % in a column's name for a placeholder.
    with connection.cursor(name="sxrisk_layer", binary=True) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(query)
        while part := cursor.fetchmany(_CHUNK):
            rows += part
    return rows


def _crs(connection: Any, srid: int, where: str) -> CRS | None:
    if srid == 0:
        return None
    row = connection.execute(
        "select auth_name, auth_srid, srtext from spatial_ref_sys where srid = %s", (srid,)
    ).fetchone()
    try:
        if row is None:
            raise ValueError("not in spatial_ref_sys")
        return CRS.from_authority(row[0], row[1]) if row[0] else CRS.from_wkt(row[2])
    except ValueError as error:
        raise CRSError(
            f"SRID {srid} is no known coordinate system", where=where, remedy="Declare it with crs="
        ) from error


def _table(rows: list[tuple[Any, ...]], columns: list[_Column]) -> pd.DataFrame:
    data: dict[str, Any] = {}
    headers = unique_headers([column.name for column in columns])
    for at, (header, column) in enumerate(zip(headers, columns, strict=True)):
        cells = [row[at] for row in rows]
        missing = any(cell is None for cell in cells)
        match column.type:
            case "int2" | "int4" | "int8":
                data[header] = pd.Series(cells, dtype="Int64" if missing else "int64")
            case "float4" | "float8" | "numeric":
                data[header] = pd.Series([np.nan if cell is None else float(cell) for cell in cells], dtype="float64")
            case "bool":
                data[header] = pd.Series(cells, dtype="boolean" if missing else "bool")
            case "timestamp" | "timestamptz":
                data[header] = pd.to_datetime(pd.Series(cells), errors="coerce", utc=column.type == "timestamptz")
            case "date":
                data[header] = pd.Series(cells, dtype="object")
            case _:
                data[header] = pd.Series(cells, dtype="str")
    return pd.DataFrame(data, index=pd.RangeIndex(len(rows)))
