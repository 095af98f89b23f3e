"""Rows of a frame into a PostGIS table, in one transaction."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sxrisk.errors import CRSError, OutputError, ParameterError

__all__ = ["write_rows"]

_KEYS = ("finding_id", "id")
_MAX_NAME_BYTES = 63


def write_rows(connection: Any, frame: gpd.GeoDataFrame, schema: str | None, name: str, if_exists: str) -> int:
    """Create the table if needed and copy all rows into it; the caller's connection commits or takes it all back.

    Parameters
    ----------
    connection : psycopg.Connection
        Open, in no transaction.
    frame : GeoDataFrame
        With an EPSG code.
    schema, name : str
        Of the table; default the first schema of the search path.
    if_exists : str
        ``fail``, ``replace`` or ``append``.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ParameterError
        If a column's name would be cut short, or two are the same.
    CRSError
        If the database does not know the frame's EPSG code.
    OutputError
        If the table exists and must not, or does not fit.
    """
    from psycopg import sql

    srid = int(frame.crs.to_epsg())
    if connection.execute("select 1 from spatial_ref_sys where srid = %s", (srid,)).fetchone() is None:
        raise CRSError(f"the database does not know EPSG:{srid}", where=name, expected="a row in spatial_ref_sys")
    if schema is None:
        (schema,) = connection.execute("select current_schema()").fetchone()
    target = sql.Identifier(schema, name) if schema else sql.Identifier(name)
    there = connection.execute(
        """select c.relkind::text from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s""",
        (schema, name),
    ).fetchone()
    if there is not None and (if_exists == "fail" or there[0] not in ("r", "p")):
        raise OutputError(
            f"there is a table or view {name!r} already", where=f"{schema}.{name}",
            remedy="Write under another name, or say if_exists='replace' or 'append'",
        )  # fmt: skip
    columns = _columns(frame)
    if there is not None and if_exists == "replace":
        connection.execute(sql.SQL("drop table {}").format(target))
    if there is None or if_exists == "replace":
        _create(connection, frame, target, columns, srid)
    names = [sql.Identifier(column) for column in (*columns, _shape_name(frame))]
    statement = sql.SQL("copy {} ({}) from stdin").format(target, sql.SQL(", ").join(names))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in _rows(frame, columns, srid):
            copy.write_row(row)
    return len(frame)


def _shape_name(frame: gpd.GeoDataFrame) -> str:
    return str(frame.geometry.name)


def _columns(frame: gpd.GeoDataFrame) -> dict[str, str]:
    """PostgreSQL type by column, without the geometry."""
    others = [str(column) for column in frame.columns if column != frame.geometry.name]
    for column in (*others, _shape_name(frame)):
        if not column or "\x00" in column or len(column.encode()) > _MAX_NAME_BYTES:
            raise ParameterError(
                f"the column name {column!r} would be cut short by PostgreSQL",
                expected=f"1 to {_MAX_NAME_BYTES} bytes, 21 Chinese characters", remedy="Rename the column",
            )  # fmt: skip
    if len(set(others)) != len(others):
        raise ParameterError("two columns have the same name", expected="unique names", remedy="Rename one")
    return {column: _type(frame[column]) for column in others}


def _type(values: pd.Series) -> str:
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "boolean"
    if str(kind).casefold() == "uint64":
        return "numeric"
    if pd.api.types.is_integer_dtype(kind):
        return "bigint"
    if pd.api.types.is_float_dtype(kind):
        return "double precision"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "timestamptz" if getattr(kind, "tz", None) is not None else "timestamp"
    if pd.api.types.is_object_dtype(kind):
        known = [value for value in values if not _missing(value)]
        if known and all(isinstance(value, (bool, np.bool_)) for value in known):
            return "boolean"
        if known and all(type(value) is date for value in known):
            return "date"
    return "text"


def _create(connection: Any, frame: gpd.GeoDataFrame, target: Any, columns: dict[str, str], srid: int) -> None:
    from psycopg import sql

    shape = sql.Identifier(_shape_name(frame))
    solid = shapely.has_z(frame.geometry.to_numpy())
    # Rows with and without heights in one column: no dimension can be promised.
    mixed = bool(solid.any() and not solid[~frame.geometry.isna().to_numpy()].all())
    kind = sql.SQL("geometry" if mixed else f"geometry(Geometry{'Z' * bool(solid.any())}, {srid})")
    parts = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind_of)) for name, kind_of in columns.items()]
    parts.append(sql.SQL("{} {}").format(shape, kind))
    for key in _KEYS:
        if key in columns and not frame[key].map(_missing).any() and frame[key].is_unique:
            parts.append(sql.SQL("primary key ({})").format(sql.Identifier(key)))
            break
    if mixed:
        parts.append(sql.SQL("check (ST_SRID({}) = {})").format(shape, sql.Literal(srid)))
    connection.execute(sql.SQL("create table {} ({})").format(target, sql.SQL(", ").join(parts)))
    connection.execute(sql.SQL("create index on {} using gist ({})").format(target, shape))


def _rows(frame: gpd.GeoDataFrame, columns: dict[str, str], srid: int) -> Iterator[list[object]]:
    geometry = frame.geometry.to_numpy()
    wkb = shapely.to_wkb(shapely.set_srid(geometry, srid), hex=True, include_srid=True)
    cells = [_cells(frame[name], kind) for name, kind in columns.items()]
    for at in range(len(frame)):
        yield [*(column[at] for column in cells), wkb[at]]


def _cells(values: pd.Series, kind: str) -> list[object]:
    if kind == "text":
        return [None if _missing(value) else str(value).replace("\x00", "") for value in values]
    if kind == "double precision":
        return [None if value is pd.NA else float(value) for value in values]
    plain = {"bigint": int, "boolean": bool, "numeric": int}.get(kind)
    if plain is not None:
        return [None if _missing(value) else plain(value) for value in values]
    return [
        None if _missing(value) else getattr(value, "to_pydatetime", lambda value=value: value)() for value in values
    ]


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
