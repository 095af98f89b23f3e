"""Checks of placed geometries: the type that a kind can use, closed lines, self-crossing polygons; and unique ids."""

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.layers.kinds import Kind
from sxrisk.layers.report import Issue, Rejects
from sxrisk.layers.stable_ids import made_ids, told_apart

__all__ = ["fit_geometry", "repair_areas", "unique_ids"]

_FAMILY = np.array(["point", "line", "line", "polygon", "point", "line", "polygon", "collection"])


def fit_geometry(
    geometry: NDArray[Any], kind: Kind, rows: NDArray[np.int64], rejects: Rejects
) -> tuple[NDArray[Any], list[Issue]]:
    """Geometries of the types that the kind can use, polygons valid.

    Closed lines become polygons where the kind wants areas and no lines; single parts lose their wrapper; invalid
    polygons are repaired by ``make_valid``. What still does not fit is rejected as ``unexpected_geometry_type``.

    Parameters
    ----------
    geometry : ndarray of shapely geometries, shape (n,)
        EPSG:4490; None for rejected rows.
    kind : Kind
        Whose types count.
    rows : ndarray, shape (n,)
        Source rows, for the issues.
    rejects : Rejects
        Filled here.
    """
    geometry = geometry.copy()
    issues: list[Issue] = []
    live = np.flatnonzero(rejects.kept)
    geometry[live] = _unwrap(geometry[live])
    wants = set(kind.geometry)
    if "polygon" in wants and "line" not in wants:
        lines = live[_family(geometry[live]) == "line"]
        closed = lines[shapely.is_closed(geometry[lines]) & (shapely.get_num_coordinates(geometry[lines]) >= 4)]
        closed = closed[shapely.get_type_id(geometry[closed]) == shapely.GeometryType.LINESTRING]
        if closed.size:
            xy, ring = shapely.get_coordinates(geometry[closed], return_index=True)
            geometry[closed] = shapely.polygons(shapely.linearrings(xy, indices=ring))
            issues.append(Issue.of_rows("closed_line_to_polygon", "closed lines were read as areas", rows[closed]))
    issues += repair_areas(geometry, live, rows)
    family = _family(geometry[live])
    wrong = live[~np.isin(family, list(wants))]
    names = [
        f"a {geometry[at].geom_type} cannot be a {kind.name}, which needs {' or '.join(kind.geometry)}" for at in wrong
    ]
    rejects.add(wrong, "unexpected_geometry_type", names)
    return geometry, issues


def _family(geometry: NDArray[Any]) -> NDArray[np.str_]:
    return _FAMILY[shapely.get_type_id(geometry)]


def _unwrap(geometry: NDArray[Any]) -> NDArray[Any]:
    """Multi-geometries of one part as that part; a collection of one family as its multi-geometry."""
    multi = (shapely.get_type_id(geometry) >= shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(geometry) == 1
    )
    geometry = geometry.copy()
    geometry[multi] = shapely.get_geometry(geometry[multi], 0)
    return geometry


def repair_areas(geometry: NDArray[Any], live: NDArray[np.intp], rows: NDArray[np.int64]) -> list[Issue]:
    """Replace invalid polygons among the `live` positions by what ``make_valid`` makes of them, in place.

    Parameters
    ----------
    geometry : ndarray of shapely geometries, shape (n,)
    live : ndarray of int
        Positions to look at.
    rows : ndarray, shape (n,)
        Source rows, for the issue.
    """
    areas = live[_family(geometry[live]) == "polygon"]
    invalid = areas[~shapely.is_valid(geometry[areas])]
    if not invalid.size:
        return []
    reason = str(shapely.is_valid_reason(geometry[invalid[0]]))
    repaired = shapely.make_valid(geometry[invalid], method="structure", keep_collapsed=False)
    # A ring without area has no valid polygon: it stays empty and is no place.
    usable = ~shapely.is_empty(repaired)
    geometry[invalid[usable]] = _unwrap(repaired[usable])
    lines = shapely.boundary(geometry[invalid[~usable]])
    geometry[invalid[~usable]] = lines
    fixed = invalid[usable]
    return (
        [Issue.of_rows("polygon_repaired", f"invalid areas were repaired, e.g. {reason}", rows[fixed])]
        if fixed.size
        else []
    )


def unique_ids(
    ids: pd.Series, kind: str, rows: NDArray[np.int64], names: pd.Series, geometry: NDArray[Any]
) -> tuple[pd.Series, list[Issue]]:
    """Ids without repetition that hold when rows move: see :mod:`sxrisk.layers.stable_ids`.

    Parameters
    ----------
    ids : Series of str
        As the file has them, ``""`` for none.
    kind : str
        Kind of the layer.
    rows : ndarray, shape (n,)
        Source rows.
    names : Series of str
        ``""`` for none.
    geometry : ndarray of shapely geometries, shape (n,)
        EPSG:4490.
    """
    issues: list[Issue] = []
    ids = ids.astype("str")
    missing = (ids == "").to_numpy()
    if missing.any():
        made = pd.Series(made_ids(kind, names[missing], geometry[missing]), index=ids.index[missing], dtype="str")
        ids = ids.mask(missing, made)
        if not missing.all():
            issues.append(
                Issue.of_rows("missing_id", "rows without an id got one from their name and place", rows[missing], "id")
            )
    again = (ids.duplicated(keep="first")).to_numpy()
    if not again.any():
        return ids, issues
    issues.append(
        Issue.of_rows(
            "duplicate_id",
            f"ids that occur again, e.g. {ids[again].iloc[0]!r}, got # and a mark of their name and place",
            rows[again],
            "id",
        )
    )
    return told_apart(ids, names, geometry), issues
