"""Compact things that stand on the ground: people, vehicles, machines."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import check_mask, cores
from sxrisk.scans.cleaning._clusters import local_labels
from sxrisk.scans.cloud import Cloud

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["KINDS", "FoundObjects", "find_objects"]

KINDS = {"person": 64, "vehicle": 65, "machine": 66, "berm": 67, "unknown": 1}
"""Kinds of things and their LAS class; 64 and above are free for the user."""

_CELL_M = 0.3
_LINK_CELLS = 2
_LONGEST_M = 18.0  # no machine of a pit's benches is longer, a bund is
_LOWEST_M = 0.25


@dataclass(frozen=True)
class FoundObjects:
    """What stands on the ground.

    Parameters
    ----------
    table : GeoDataFrame
        One row a thing: ``kind``, ``n_points``, ``length_m``, ``width_m``, ``height_m`` (above the ground),
        ``footprint_m2`` (convex hull), ``base_z_m`` (ground under it), ``top_z_m``, ``slope_deg`` (of that ground); the
        geometry is the smallest box in plan.
    label : ndarray of int32, shape (n,)
        Row of `table` that each point belongs to, -1 for none.
    """

    table: "gpd.GeoDataFrame"
    label: NDArray[np.int32]

    @property
    def classes(self) -> NDArray[np.uint8]:
        """LAS class of each point (n,) by :data:`KINDS`; 0 where nothing stands."""
        codes = np.array([*(KINDS[kind] for kind in self.table["kind"]), 0], np.uint8)
        return codes[self.label]


def find_objects(
    cloud: Cloud,
    bare: NDArray[np.bool_],
    *,
    min_points: int = 20,
    max_height_m: float = 12.0,
    max_slope_deg: float = 35.0,
) -> FoundObjects:
    """Find compact things on the ground and say what they may be by their size.

    Points above the ground are joined where less than 0.6 m of nothing lies between them in plan. *person*: up to
    1.3 m wide and 1.2 to 2.3 m high; *vehicle*: 2.8 to 7.5 m long, 1.3 to 3 m wide, 1.1 to 3.6 m high; *machine*:
    larger, up to 18 m long and `max_height_m` high; *berm*: longer than 6 times its width, or than 18 m; the rest is
    *unknown*.

    Size is all that is looked at. A boulder or a bush of a car's size is called a vehicle, a post a person; people who
    stand close together or lean on a machine are one thing; what is parked against a bund is a part of the bund.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    bare : ndarray of bool, shape (n,)
        Ground points, from :func:`sxrisk.scans.ground`.
    min_points : int
        Things of fewer points are left out, at least 3.
    max_height_m : float
        Higher things are left out: trees, masts, buildings; metres.
    max_slope_deg : float
        Things on steeper ground are left out: on a bench face they are rock.

    Returns
    -------
    FoundObjects

    Raises
    ------
    ParameterError
        If a number is outside its range, or `bare` has another length or holds no ground.
    """
    import geopandas as gpd

    from sxrisk.scans._ground_surfaces import smooth_surface

    if min_points < 3 or not max_height_m > _LOWEST_M or not 0 < max_slope_deg <= 90:
        raise ParameterError(
            f"min_points {min_points}, max_height_m {max_height_m}, max_slope_deg {max_slope_deg}",
            where="find_objects",
            expected=f"min_points >= 3, max_height_m > {_LOWEST_M}, max_slope_deg from 0 to 90",
        )
    surface = smooth_surface(cloud.require_metres(), check_mask(cloud, bare), 1.0)
    high, points, heights = [], [], []
    for core in cores(cloud):
        off = np.flatnonzero(~bare[core.rows])
        place = core.xyz[off]
        over = surface.above(place)
        chosen = over > _LOWEST_M
        high.append(core.rows[off[chosen]])
        points.append(place[chosen])
        heights.append(over[chosen])
    rows, xyz, above = np.concatenate(high), np.concatenate(points), np.concatenate(heights)
    cluster = _clusters(xyz[:, :2])
    d_row, d_column = np.gradient(surface.z, surface.lattice.cell)
    steep = np.hypot(*(surface.sample(np.asarray(part), xyz) for part in (d_row, d_column)))
    label = np.full(cloud.n_points, -1, np.int32)
    records: list[dict[str, object]] = []
    boxes = []
    order = np.argsort(cluster, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
        slope = math.degrees(math.atan(float(np.median(steep[members])))) if len(members) else 0.0
        if len(members) < min_points or slope > max_slope_deg or above[members].max() > max_height_m:
            continue
        record, box = _measured(xyz[members], above[members], slope)
        label[rows[members]] = len(records)
        records.append(record)
        boxes.append(box)
    columns = [
        "kind", "n_points", "length_m", "width_m", "height_m", "footprint_m2", "base_z_m", "top_z_m", "slope_deg",
    ]  # fmt: skip
    return FoundObjects(gpd.GeoDataFrame(records, columns=columns, geometry=boxes, crs=cloud.crs), label)


def _clusters(xy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cluster of each point (n,), numbered from west to east; points join through cells that are close in plan."""
    from scipy.spatial import cKDTree

    if not len(xy):
        return np.empty(0, np.int64)
    cells, of_point = np.unique(np.floor(xy / _CELL_M).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(_LINK_CELLS + 0.5, p=np.inf, output_type="ndarray")
    _, label = local_labels(len(cells), pairs)
    # Numbered by their first cell, not by how the search went.
    _, first = np.unique(label, return_index=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[label][of_point.ravel()]


def _measured(
    xyz: NDArray[np.float64], above: NDArray[np.float64], slope_deg: float
) -> tuple[dict[str, object], object]:
    hull = shapely.convex_hull(shapely.MultiPoint(np.unique(xyz[:, :2], axis=0)))
    box = shapely.minimum_rotated_rectangle(hull)
    if isinstance(box, shapely.Polygon):
        corners = shapely.get_coordinates(box)
        sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
        length, width = float(sides.max()), float(sides.min())
    else:
        length, width = float(box.length), 0.0
    height = float(above.max())
    record: dict[str, object] = {
        "kind": _kind(length, width, height),
        "n_points": len(xyz),
        "length_m": length,
        "width_m": width,
        "height_m": height,
        "footprint_m2": float(hull.area),
        "base_z_m": float(np.median(xyz[:, 2] - above)),
        "top_z_m": float(xyz[:, 2].max()),
        "slope_deg": slope_deg,
    }
    return record, box


def _kind(length: float, width: float, height: float) -> str:
    if length > _LONGEST_M or (length > 3.0 and length > 6.0 * width):
        return "berm"
    if length <= 1.3 and 1.2 <= height <= 2.3:
        return "person"
    if 2.8 <= length <= 7.5 and 1.3 <= width <= 3.0 and 1.1 <= height <= 3.6:
        return "vehicle"
    if length >= 3.5 and width >= 1.8 and height >= 2.0:
        return "machine"
    return "unknown"
