"""Double walls: one surface shown twice, because two stations were not well registered."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans.cloud import Cloud, Tile

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["DoubleWalls", "double_walls"]

Floats = NDArray[np.float64]

_FLATNESS = 0.1  # thickness against width (variances): more is no sheet
_APART = 2.0  # sheets are apart where their distance is this many times their own spread
_SURE = 4.0  # and this many standard errors
_MOST_INDEPENDENT = 25  # roughness repeats itself: more points in a cell do not make its mean any surer
_ALONG_FACE = 0.9  # cosine between normal and axis: more runs along a face of the cell
_CLEAR = 4.0  # a sheet must stay this many times its spread away from such a face
_OVERLAP = 1.0  # in-plane distance of the middles against the sheets' own extent (1 sigma)


@dataclass(frozen=True)
class DoubleWalls:
    """Where two stations show one surface twice.

    Parameters
    ----------
    places : GeoDataFrame
        One row per cell and pair of stations that shows two sheets: ``station_a``, ``station_b``, ``offset_m``
        (distance of the sheets), ``spread_m`` (1 sigma within a sheet), ``normal_east``, ``normal_north``,
        ``normal_up`` (from the sheet of a to that of b), ``n_a``, ``n_b``; the geometry is the middle (x, y, z).
    pairs : DataFrame
        One row per pair with common surface: ``station_a``, ``station_b``, ``shared_cells``, ``double_cells``,
        ``share``, ``median_offset_m`` (of double cells, NaN without), ``shift_east_m``, ``shift_north_m``,
        ``shift_up_m`` (how b lies against a, over all common cells; what no surface shows is 0), ``shift_m``.
    """

    places: "gpd.GeoDataFrame"
    pairs: pd.DataFrame

    @property
    def share(self) -> float:
        """Share of the surface seen by two stations that is double, 0 to 1; NaN without such surface."""
        shared = int(self.pairs["shared_cells"].sum())
        return float(self.pairs["double_cells"].sum() / shared) if shared else float("nan")


def double_walls(
    cloud: Cloud, *, cell_m: float = 0.5, min_points: int = 15, min_offset_m: float = 0.005
) -> DoubleWalls:
    """Find surfaces that two stations show a few centimetres apart, and by how much the stations differ.

    In every cubic cell, of two lattices half a cell apart, the sheets of two stations share a normal; they are double
    where they are farther apart than twice their own spread (noise and roughness), so that a rough sheet alone is no
    alarm. A thin wall seen by one station from each side is not counted where the stations' places are known. What
    moved between the stations' scans looks the same as a bad registration.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres, with the attribute ``station_index``.
    cell_m : float
        Side of the cells, metres: small against the curvature of the surface, large against the offset.
    min_points : int
        Points that each station must have in a cell, at least 6.
    min_offset_m : float
        Smaller offsets are no double wall, metres.

    Returns
    -------
    DoubleWalls

    Raises
    ------
    ParameterError
        If a number is outside its range, or the cloud does not say which station saw a point.
    CRSError
        If the cloud is not in metres.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> u, v = np.meshgrid(np.arange(0.05, 4.0, 0.1), np.arange(0.05, 4.0, 0.1))
    >>> wall = np.column_stack([np.full(u.size, 0.1), u.ravel(), v.ravel()])
    >>> both = np.vstack([wall, wall + [0.03, 0.0, 0.0]])
    >>> seen_by = {"station_index": np.repeat([0, 1], len(wall))}
    >>> scan = sx.Scan(both, stations=[[9, 1, 2], [9, 3, 2]], attributes=seen_by)
    >>> found = double_walls(scan)
    >>> found.share, round(found.pairs["shift_east_m"][0], 3)
    (1.0, np.float64(0.03))
    """
    if not cell_m > 0 or min_points < 6 or not 0 <= min_offset_m < cell_m:
        raise ParameterError(
            f"cell_m {cell_m}, min_points {min_points}, min_offset_m {min_offset_m}",
            where="double_walls",
            expected="cell_m > 0, min_points >= 6, min_offset_m from 0 to cell_m",
        )
    cloud.require_metres()
    if "station_index" not in cloud.attribute_names:
        raise ParameterError(
            "it is not known which station saw which point",
            where=cloud.source or "double_walls",
            expected="the attribute station_index",
            remedy="Read each station's file with stations=[(x, y, z)] and merge them: Scan.merge",
        )
    compared = [
        _compared(tile, cell_m, half, min_points, cloud.stations)
        for tile in cloud.tiles(2.0 * cell_m, attributes=["station_index"], align_m=cell_m)
        for half in (0.0, 0.5)
    ]
    columns = [*_COLUMNS]
    cells = pd.DataFrame(np.concatenate([np.empty((0, len(columns))), *compared]), columns=columns)
    cells = cells.sort_values(columns[:5], ignore_index=True)
    apart = cells["offset_m"].abs()
    double = (apart > min_offset_m) & (apart > _APART * cells["spread_m"]) & (apart > _SURE * cells["sigma_m"])
    return DoubleWalls(_places(cells[double], cloud), _pairs(cells, double))


_COLUMNS = (
    "i", "j", "k", "station_a", "station_b", "n_a", "n_b", "offset_m", "spread_m", "sigma_m",
    "normal_east", "normal_north", "normal_up", "x", "y", "z",
)  # fmt: skip


def _compared(tile: Tile, cell: float, half: float, min_points: int, stations: Floats | None) -> Floats:
    """A row per cell of the tile's core and pair of stations that share a sheet there (m, 16).

    `half` moves the lattice by that part of a cell: a wall that runs along the faces of one lattice is in the middle
    of the other's cells.
    """
    scan = tile.scan
    steps = np.floor(scan.xyz / cell - half).astype(np.int64)
    x0, y0, x1, y1 = tile.cells(cell)
    station = scan.station_index
    mine = (steps[:, 0] >= x0) & (steps[:, 0] < x1) & (steps[:, 1] >= y0) & (steps[:, 1] < y1) & (station >= 0)
    steps, station, xyz = steps[mine], station[mine], scan.xyz[mine]
    if not len(xyz):
        return np.empty((0, len(_COLUMNS)))
    wide = np.column_stack([steps, station])
    least = wide.min(axis=0)
    size = wide.max(axis=0) - least + 1
    number = np.ravel_multi_index(tuple((wide - least).T), tuple(size))
    found, group, count = np.unique(number, return_inverse=True, return_counts=True)
    key = np.column_stack(np.unravel_index(found, tuple(size))) + least
    off = xyz - (steps + 0.5 + half) * cell
    mean = np.column_stack([np.bincount(group, off[:, d]) for d in range(3)]) / count[:, None]
    left = off - mean[group]
    scatter = np.empty((len(key), 3, 3))
    for a in range(3):
        for b in range(a, 3):
            scatter[:, a, b] = scatter[:, b, a] = np.bincount(group, left[:, a] * left[:, b])
    enough = np.flatnonzero(count >= min_points)
    rows = []
    # Sorted by cell, then station: the partners of a group are the next few.
    for ahead in range(1, len(enough)):
        first, second = enough[:-ahead], enough[ahead:]
        same = (key[first, :3] == key[second, :3]).all(axis=1)
        if not same.any():
            break
        first, second = first[same], second[same]
        rows.append(_pair_rows(key, count, mean, scatter, first, second, cell, half, stations))
    return np.concatenate(rows) if rows else np.empty((0, len(_COLUMNS)))


def _pair_rows(
    key: NDArray[np.int64],
    count: NDArray[np.int64],
    mean: Floats,
    scatter: Floats,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    cell: float,
    half: float,
    stations: Floats | None,
) -> Floats:
    n_a, n_b = count[first].astype(np.float64), count[second].astype(np.float64)
    pooled = (scatter[first] + scatter[second]) / (n_a + n_b - 2.0)[:, None, None]
    value, vector = np.linalg.eigh(pooled)
    normal = vector[:, :, 0]
    between = mean[second] - mean[first]
    offset = np.einsum("ni,ni->n", normal, between)
    normal = np.where(offset[:, None] < 0, -normal, normal)
    offset = np.abs(offset)
    along = np.linalg.norm(between - offset[:, None] * normal, axis=1)
    sheet = (value[:, 0] < _FLATNESS * value[:, 1]) & (along < _OVERLAP * np.sqrt(value[:, 1]))
    inside = 0.5 * (mean[first] + mean[second])
    # A sheet that runs along a face of the cell may be cut by it, and one of the two more than the other.
    spread = np.sqrt(np.maximum(value[:, 0], 0.0))
    axis = np.argmax(np.abs(normal), axis=1)
    room = 0.5 * cell - np.abs(inside[np.arange(len(axis)), axis])
    sheet &= (np.abs(normal).max(axis=1) < _ALONG_FACE) | (room > _CLEAR * spread + offset)
    middle = (key[first, :3] + 0.5 + half) * cell + inside
    if stations is not None:
        side = [np.einsum("ni,ni->n", normal, stations[key[rows, 3]] - middle) for rows in (first, second)]
        sheet &= side[0] * side[1] > 0
    sure = np.minimum(n_a, _MOST_INDEPENDENT), np.minimum(n_b, _MOST_INDEPENDENT)
    sigma = spread * np.sqrt(1.0 / sure[0] + 1.0 / sure[1])
    table = np.column_stack([key[first], key[second, 3], n_a, n_b, offset, spread, sigma, normal, middle])
    return np.asarray(table[sheet], dtype=np.float64)


def _places(cells: pd.DataFrame, cloud: Cloud) -> "gpd.GeoDataFrame":
    import geopandas as gpd

    whole = dict.fromkeys(("station_a", "station_b", "n_a", "n_b"), np.int64)
    kept = cells.drop(columns=["i", "j", "k", "sigma_m", "x", "y", "z"]).astype(whole)
    place = gpd.points_from_xy(cells["x"], cells["y"], cells["z"])
    return gpd.GeoDataFrame(kept.reset_index(drop=True), geometry=place, crs=cloud.crs)


def _pairs(cells: pd.DataFrame, double: "pd.Series[bool]") -> pd.DataFrame:
    rows = []
    for _, part in cells.groupby(["station_a", "station_b"]):
        is_double = double.loc[part.index].to_numpy()
        normal = part[["normal_east", "normal_north", "normal_up"]].to_numpy()
        offset = part["offset_m"].to_numpy()
        shift = _shift(normal, offset, np.maximum(part["sigma_m"].to_numpy(), 1e-4))
        rows.append(
            {
                "station_a": int(part["station_a"].iloc[0]),
                "station_b": int(part["station_b"].iloc[0]),
                "shared_cells": len(part),
                "double_cells": int(is_double.sum()),
                "share": float(is_double.mean()),
                "median_offset_m": float(np.median(offset[is_double])) if is_double.any() else float("nan"),
                "shift_east_m": shift[0],
                "shift_north_m": shift[1],
                "shift_up_m": shift[2],
                "shift_m": float(np.linalg.norm(shift)),
            }
        )
    columns = [
        "station_a", "station_b", "shared_cells", "double_cells", "share", "median_offset_m",
        "shift_east_m", "shift_north_m", "shift_up_m", "shift_m",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _shift(normal: Floats, offset: Floats, sigma: Floats) -> Floats:
    """The shift (3,) that explains offsets along normals best; cells that contradict it count less."""
    weight = 1.0 / sigma
    shift: Floats = np.zeros(3)
    for _ in range(10):
        shift = np.asarray(np.linalg.lstsq(normal * weight[:, None], offset * weight, rcond=0.05)[0], np.float64)
        left = (offset - normal @ shift) / sigma
        scale = max(1.0, 1.4826 * float(np.median(np.abs(left))))
        weight = np.sqrt(1.0 / (1.0 + (left / (3.0 * scale)) ** 2)) / sigma
    return shift
