"""Geometry that stands in a table's columns: WKT, corners in one cell, or two columns of coordinates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.crs import Placeable
from sxrisk.errors import MissingFieldError
from sxrisk.layers._columns import Matched
from sxrisk.layers._source import Source
from sxrisk.layers.kinds import Kind
from sxrisk.layers.report import Issue, Rejects
from sxrisk.layers.tables.corners import corner_column, corner_shapes, packed_header
from sxrisk.layers.tables.places import points_from_columns
from sxrisk.layers.tables.values import as_text

__all__ = ["raw_geometry"]


def raw_geometry(
    source: Source, matched: Matched, kind: Kind, crs: Placeable, path: Path, rejects: Rejects
) -> tuple[NDArray[Any], list[Issue]]:
    """Geometries in the file's own coordinates; rows that have none are rejected.

    A column of corners comes before columns of coordinates if the kind can be an area or a line, for these are then a
    point inside it; rows without corners fall back on them.

    Parameters
    ----------
    source : Source
        The file.
    matched : Matched
        Headers by meaning.
    kind : Kind
        Whose geometry counts.
    crs : pyproj.CRS, China or Datum
        What numbers in columns are in.
    path : Path
        For messages.
    rejects : Rejects
        Filled here.

    Raises
    ------
    MissingFieldError
        If no column holds coordinates.
    """
    if source.geometry is not None:
        return source.geometry, []
    if matched.wkt is not None:
        return _from_text(source, matched.wkt, kind.geometry, rejects)
    has_points = matched.x is not None and matched.y is not None
    corners = corner_column(source.table) if not has_points or set(kind.geometry) & {"polygon", "line"} else None
    if corners is not None:
        return _from_corners(source, matched, corners, kind, crs, rejects)
    if matched.x is None or matched.y is None:
        raise MissingFieldError(
            "no columns of coordinates were found",
            where=path,
            expected="headers such as 经度 and 纬度, lon and lat, X and Y, 拐点坐标, or wkt",
            remedy=f"Name them with x= and y=; the file has {', '.join(map(str, source.table.columns))}"[:400],
        )
    return points_from_columns(source.table, matched.x, matched.y, "sure" if matched.axes_sure else "xy", crs, rejects)


def _from_text(source: Source, column: str, wants: Sequence[str], rejects: Rejects) -> tuple[NDArray[Any], list[Issue]]:
    """Geometries of cells that hold WKT, or corners where they hold none."""
    text = as_text(source.table[column])
    geometry = np.asarray(shapely.from_wkt(text.to_numpy(dtype=object), on_invalid="ignore"), dtype=object)
    left = np.flatnonzero(shapely.is_missing(geometry) & (text != "").to_numpy())
    shapes, problems, packed = corner_shapes(text.iloc[left], wants, packed=packed_header(column))
    # A broken WKT holds numbers too: they are no corners.
    wkt = text.iloc[left].str.contains(r"^\s*[A-Za-z]{5,}", regex=True).to_numpy(dtype=bool)
    shapes[wkt] = None
    geometry[left] = shapes
    bad = left[shapely.is_missing(shapes)]
    told = {int(at): problem for at, problem, is_wkt in zip(left, problems, wkt, strict=True) if problem and not is_wkt}
    rejects.add(
        bad, "geometry_not_understood",
        (f"{column} = {text.iloc[at][:60]!r}" + (f": {told[int(at)]}" if int(at) in told else "") for at in bad),
    )  # fmt: skip
    return geometry, _may_be_packed(column, source.rows[left[packed & ~wkt]])


def _may_be_packed(column: str, rows: NDArray[np.int64]) -> list[Issue]:
    if not rows.size:
        return []
    told = (
        f"numbers in {column!r} were read as decimal degrees, but all could be degrees.minutes seconds "
        "(112.3610 = 112°36′10″), up to 40 km away; if they are, name the column 拐点坐标(度.分秒)"
    )
    return [Issue.of_rows("packed_degrees_possible", told, rows)]


def _from_corners(
    source: Source, matched: Matched, column: str, kind: Kind, crs: Placeable, rejects: Rejects
) -> tuple[NDArray[Any], list[Issue]]:
    text = as_text(source.table[column])
    declared = packed_header(column)
    geometry, problems, packed = corner_shapes(text, kind.geometry, packed=declared)
    bad = np.flatnonzero([bool(problem) for problem in problems])
    rejects.add(bad, "corners_not_usable", [f"{column}: {problems[int(at)]}" for at in bad])
    counts = shapely.get_num_coordinates(geometry)
    told = f"places were read from the corners in {column!r}" + (", as degrees.minutes seconds" if declared else "")
    issues = [Issue("corners_read", told, int((counts > 0).sum())), *_may_be_packed(column, source.rows[packed])]
    empty = np.flatnonzero((text == "").to_numpy())
    if not empty.size:
        return geometry, issues
    if matched.x is None or matched.y is None:
        rejects.add(empty, "coordinates_missing", f"{column} is empty")
        return geometry, issues
    points, more = points_from_columns(
        source.table, matched.x, matched.y, "sure" if matched.axes_sure else "xy", crs, rejects, empty
    )
    geometry[empty] = points[empty]
    told = f"{column!r} is empty: the point in {matched.x!r}, {matched.y!r} was taken"
    issues.append(Issue.of_rows("corners_missing", told, source.rows[empty]))
    return geometry, [*issues, *more]
