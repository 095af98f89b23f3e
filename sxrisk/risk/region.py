"""The region in four colours: a grid by the highest level found in each cell, and a table by county."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import to_geographic
from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.findings import Colour, Status, check_findings
from sxrisk.risk._ground import equal_area_crs, from_ground, geographic_points, to_ground

__all__ = ["county_table", "risk_grid"]

# Levels from low to high; a score is the sum of levels and only serves to order cells of one colour.
_LEVEL = {Colour.BLUE: 1, Colour.YELLOW: 2, Colour.ORANGE: 3, Colour.RED: 4}
_NAME = {level: str(colour) for colour, level in _LEVEL.items()}


def risk_grid(
    findings: gpd.GeoDataFrame, *, cell_m: float, boundary: gpd.GeoDataFrame | None = None
) -> gpd.GeoDataFrame:
    """Square cells coloured by the worst finding that touches them.

    A cell without a finding is not in the grid: nothing found is not the same as low risk.

    Parameters
    ----------
    findings : GeoDataFrame
        Findings schema.
    cell_m : float
        Side of the cells on equal-area ground, m.
    boundary : GeoDataFrame, optional
        Cells that touch none of these areas are left out.

    Returns
    -------
    GeoDataFrame
        Columns colour, score (sum of levels, blue 1 to red 4), n_findings, geometry (EPSG:4490), sorted by row and
        column of the grid; ``attrs["crs_name"]`` names the ground they are square on.

    Raises
    ------
    ParameterError
        If `cell_m` is not above 0.
    MissingFieldError
        If the findings lack a column.
    """
    check_findings(findings)
    if not 0 < cell_m < np.inf:
        raise ParameterError(f"is {cell_m}", where="cell_m", expected="metres above 0")
    placed = to_geographic(findings) if len(findings) else findings
    shapes = np.asarray(placed.geometry.array, dtype=object)
    usable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not usable.any():
        empty = {
            "colour": pd.Series(dtype="str"),
            "score": pd.Series(dtype="int64"),
            "n_findings": pd.Series(dtype="int64"),
        }
        return gpd.GeoDataFrame(empty, geometry=[], crs=4490)
    crs = equal_area_crs(shapely.total_bounds(shapes[usable]))
    ground = to_ground(shapes[usable], crs)
    of_finding, column, row = _cells_touched(ground, cell_m)
    level = placed["colour"][usable].map(_LEVEL).fillna(0).to_numpy(dtype=np.int64)[of_finding]
    touched = pd.DataFrame({"row": row, "column": column, "level": level})
    cells = touched.groupby(["row", "column"], sort=True)["level"].agg(["max", "sum", "size"]).reset_index()
    west, south = cells["column"].to_numpy() * cell_m, cells["row"].to_numpy() * cell_m
    squares = shapely.box(west, south, west + cell_m, south + cell_m)
    grid = gpd.GeoDataFrame(
        {"colour": cells["max"].map(_NAME), "score": cells["sum"], "n_findings": cells["size"]},
        geometry=from_ground(squares, crs),
        crs=4490,
    )
    if boundary is not None:
        area = shapely.union_all(np.asarray(to_geographic(boundary).geometry.array, dtype=object))
        shapely.prepare(area)
        grid = grid[shapely.intersects(area, np.asarray(grid.geometry.array, dtype=object))].reset_index(drop=True)
    grid.attrs["crs_name"] = crs.name
    return grid


def county_table(findings: gpd.GeoDataFrame, boundary: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Findings counted by county or township.

    Parameters
    ----------
    findings : GeoDataFrame
        Findings schema; each counts where a point of its geometry lies.
    boundary : GeoDataFrame or None
        Areas with the column `name`. Without them the findings are counted by their column `county`.

    Returns
    -------
    DataFrame
        One row an area in the order given, those without findings too, then ``""`` for findings outside all: name,
        colour (the worst, empty where none), n_findings, red, orange, yellow, blue, and a column for each status.

    Raises
    ------
    MissingFieldError
        If `boundary` lacks `name`, or the findings a column.
    """
    check_findings(findings)
    if boundary is None:
        names, place = _by_county(findings)
    else:
        names, place = _by_area(findings, boundary)
    level = findings["colour"].map(_LEVEL).fillna(0).to_numpy(dtype=np.int64)
    worst = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(worst, place, level)
    table = pd.DataFrame({"name": names, "colour": [_NAME.get(int(value), "") for value in worst]})
    table["n_findings"] = np.bincount(place, minlength=len(names))
    for column, members in (("colour", Colour), ("status", Status)):
        values = findings[column].to_numpy(dtype=object)
        for member in members:
            table[str(member)] = np.bincount(place[values == str(member)], minlength=len(names))
    return table if table["n_findings"].iloc[-1] else table.iloc[:-1]


def _by_county(findings: gpd.GeoDataFrame) -> tuple[list[str], NDArray[np.int64]]:
    """Names, the empty one last, and the position of each finding's name."""
    county = findings["county"].astype("str").to_numpy(dtype=object)
    names = [*sorted(set(county) - {""}), ""]
    position = {name: k for k, name in enumerate(names)}
    return names, np.array([position[name] for name in county], dtype=np.int64)


def _by_area(findings: gpd.GeoDataFrame, boundary: gpd.GeoDataFrame) -> tuple[list[str], NDArray[np.int64]]:
    if "name" not in boundary.columns:
        raise MissingFieldError("the boundary lacks the column 'name'", expected="a canonical layer of kind boundary")
    areas = np.asarray(to_geographic(boundary).geometry.array, dtype=object)
    lon, lat = geographic_points(findings) if len(findings) else (np.empty(0), np.empty(0))
    found, area = shapely.STRtree(areas).query(shapely.points(lon, lat), predicate="intersects")
    place = np.full(len(findings), len(areas), dtype=np.int64)
    # On a shared border the first area counts.
    np.minimum.at(place, found, area)
    return [*boundary["name"].astype("str"), ""], place


def _cells_touched(
    shapes: NDArray[np.object_], cell: float
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Finding, column and row of every cell that a shape touches."""
    low = np.floor(shapely.bounds(shapes)[:, :2] / cell).astype(np.int64)
    high = np.floor(shapely.bounds(shapes)[:, 2:] / cell).astype(np.int64)
    span = high - low + 1
    count = span.prod(axis=1)
    of = np.repeat(np.arange(len(shapes)), count)
    rank = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    column, row = low[of, 0] + rank % span[of, 0], low[of, 1] + rank // span[of, 0]
    several = count[of] > 1
    hit = np.ones(len(of), dtype=bool)
    west, south = column[several] * cell, row[several] * cell
    hit[several] = shapely.intersects(shapes[of[several]], shapely.box(west, south, west + cell, south + cell))
    return of[hit], column[hit], row[hit]
