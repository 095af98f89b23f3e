"""What lies below a tailings pond: along the flow path from its toe, and in a straight line from it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import LEAST_DEGREE_M, geodesic_distance_m, local_metric
from sxrisk.errors import GeometryError, MissingFieldError, ParameterError
from sxrisk.findings import measurement, measurements_frame
from sxrisk.reach.flow import FlowField, FlowPath, path_sigma_m

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["tailings_reach"]

Array = NDArray[np.float64]

# "30 m" models have cells of up to 30.9 m in latitude.
_CELL_TOLERANCE = 1.05
_STEP_M = 1.0


@dataclass(frozen=True)
class _Toe:
    lon: float
    lat: float
    method: str
    sigma_m: float


def tailings_reach(
    ponds: gpd.GeoDataFrame,
    objects: gpd.GeoDataFrame,
    dem: "xr.DataArray",
    *,
    corridor_half_width_m: float | None,
    length_m: float,
    max_cell_m: float = 30.0,
) -> gpd.GeoDataFrame:
    """Distances from tailings ponds to what lies below them.

    The path starts at the starter-dam toe (columns `starter_dam_toe_lon` and `starter_dam_toe_lat`, or
    `starter_dam_toe` as WKT point), else at the lowest point of the outline on the elevation model. An object is
    reached where the path first comes within the corridor's half-width of it.

    Parameters
    ----------
    ponds : GeoDataFrame
        Canonical layer of kind tailings_pond, EPSG:4490.
    objects : GeoDataFrame
        What may be hit, any kinds, EPSG:4490, with columns `id` and `kind`.
    dem : xarray.DataArray
        See :class:`sxrisk.reach.FlowField`.
    corridor_half_width_m : float or None
        Half-width of the corridor, m. No standard gives it: it is asked of the user; without it only straight distances
        are measured.
    length_m : float
        How far to look, m; a margin for the uncertainty is added.
    max_cell_m : float
        No path is traced on cells larger than this by more than 5 %.

    Returns
    -------
    GeoDataFrame
        Measurements: `flow_path_distance` (pond to object, the path down to there) and `straight_distance` (the line
        from the toe), in m with 1 sigma; and for each pond `flow_path_length` (the whole path) and `toe_elevation` (the
        toe). Where a pond's path cannot be traced, `flow_path_length` is NaN and `method` is the reason:
        `cell_too_coarse` or `outside_dem`.

    Raises
    ------
    ParameterError
        If a length is not above 0.
    MissingFieldError
        If `objects` lacks `id` or `kind`.
    CRSError
        If the CRS of `dem` is unknown or cannot be placed on the earth.
    GeometryError
        If a `starter_dam_toe` is no WKT, or the grid of `dem` is rotated or too small.
    """
    for name, value in (
        ("corridor_half_width_m", corridor_half_width_m),
        ("length_m", length_m),
        ("max_cell_m", max_cell_m),
    ):
        if value is not None and not 0 < value < np.inf:
            raise ParameterError(f"is {value}", where=name, expected="metres above 0")
    for column in ("id", "kind"):
        if column not in objects.columns:
            raise MissingFieldError(f"the objects lack the column {column!r}", expected="a canonical layer")
    field = FlowField(dem)
    here = _Objects(objects)
    rows: list[dict[str, Any]] = []
    for pond in ponds.itertuples():
        toe = _toe(pond, field)
        if toe is None:
            rows += [
                measurement("tailings_pond", str(pond.id), metric, np.nan, "m", method="outside_dem")
                for metric in ("toe_elevation", "flow_path_length")
            ]
            continue
        rows += _straight(str(pond.id), toe, field, here, length_m)
        if corridor_half_width_m is not None:
            rows += _along(str(pond.id), toe, field, here, corridor_half_width_m, length_m, max_cell_m)
    return measurements_frame(rows)


class _Objects:
    """Objects with their boxes, to take the near ones quickly."""

    def __init__(self, frame: gpd.GeoDataFrame) -> None:
        self.geometry = np.asarray(frame.geometry.array, dtype=object)
        self.tree = shapely.STRtree(self.geometry)
        self.id = frame["id"].astype("str").to_numpy(dtype=object)
        self.kind = frame["kind"].astype("str").to_numpy(dtype=object)
        sigma = frame["position_sigma_m"] if "position_sigma_m" in frame.columns else pd.Series(0.0, index=frame.index)
        self.sigma = np.asarray(sigma.astype("float64").fillna(0.0), dtype=np.float64)

    def near(self, place: shapely.Geometry, radius_m: float) -> NDArray[np.intp]:
        west, south, east, north = shapely.bounds(place)
        pad_y = radius_m / LEAST_DEGREE_M
        pad_x = pad_y / np.cos(np.radians(max(abs(south), abs(north)) + pad_y))
        return np.sort(self.tree.query(shapely.box(west - pad_x, south - pad_y, east + pad_x, north + pad_y)))


def _toe(pond: Any, field: FlowField) -> _Toe | None:
    own = getattr(pond, "position_sigma_m", np.nan)
    sigma = float(own) if np.isfinite(own) else 0.0
    lon, lat = getattr(pond, "starter_dam_toe_lon", np.nan), getattr(pond, "starter_dam_toe_lat", np.nan)
    text = getattr(pond, "starter_dam_toe", None)
    if not (pd.notna(lon) and pd.notna(lat)) and isinstance(text, str) and text.strip():
        try:
            point = shapely.from_wkt(text)
        except shapely.errors.GEOSException as error:
            where = f"tailings pond {pond.id}, starter_dam_toe"
            raise GeometryError(
                f"{text[:60]!r} is no WKT", where=where, expected="POINT (longitude latitude)"
            ) from error
        lon, lat = point.x, point.y
    method = "toe_given"
    if not (pd.notna(lon) and pd.notna(lat)):
        if shapely.is_missing(pond.geometry) or pond.geometry.is_empty:
            return None
        method = "toe_point" if pond.geometry.geom_type == "Point" else "toe_lowest_outline"
        outline = shapely.get_coordinates(shapely.segmentize(pond.geometry, 10.0 / LEAST_DEGREE_M))
        heights = field.height(outline[:, 0], outline[:, 1])
        if not np.isfinite(heights).any():
            return None
        lon, lat = outline[int(np.nanargmin(heights))]
        # The lowest cell of an outline is known to a cell, and stands for the toe only so far.
        sigma = float(np.hypot(sigma, max(field.cell_size_m(float(lat)))))
    toe = _Toe(float(lon), float(lat), method, sigma)
    return toe if np.isfinite(field.height(np.array([toe.lon]), np.array([toe.lat]))[0]) else None


def _straight(pond_id: str, toe: _Toe, field: FlowField, objects: _Objects, length_m: float) -> list[dict[str, Any]]:
    start = shapely.Point(toe.lon, toe.lat)
    height = float(field.height(np.array([toe.lon]), np.array([toe.lat]))[0])
    rows = [measurement("tailings_pond", pond_id, "toe_elevation", height, "m", method=toe.method, geometry=start)]
    reach = _lengths(length_m, toe.sigma_m, objects.sigma)
    near = objects.near(start, float(reach.max(initial=0.0)))
    if len(near) == 0:
        return rows
    to_metric = local_metric(toe.lon, toe.lat)
    planar = _planar(objects.geometry[near], to_metric)
    ends = shapely.get_coordinates(shapely.shortest_line(shapely.Point(0.0, 0.0), planar)).reshape(-1, 2, 2)[:, 1]
    lon, lat = to_metric.transform(ends[:, 0], ends[:, 1], direction="INVERSE")
    distance = geodesic_distance_m(toe.lon, toe.lat, lon, lat)
    for k in np.flatnonzero(distance <= reach[near]):
        line = shapely.LineString([(toe.lon, toe.lat), (lon[k], lat[k])]) if distance[k] > 0 else start
        rows.append(
            measurement(
                "tailings_pond",
                pond_id,
                "straight_distance",
                float(distance[k]),
                "m",
                sigma=toe.sigma_m,
                method=toe.method,
                geometry=line,
                object_kind=objects.kind[near[k]],
                object_id=objects.id[near[k]],
            )
        )
    return rows


def _along(
    pond_id: str,
    toe: _Toe,
    field: FlowField,
    objects: _Objects,
    half_width_m: float,
    length_m: float,
    max_cell_m: float,
) -> list[dict[str, Any]]:
    cell = max(field.cell_size_m(toe.lat))
    if cell > max_cell_m * _CELL_TOLERANCE:
        return [measurement("tailings_pond", pond_id, "flow_path_length", np.nan, "m", method="cell_too_coarse")]
    sigma = float(np.hypot(toe.sigma_m, path_sigma_m(cell, length_m)))
    to_metric = local_metric(toe.lon, toe.lat)
    reach = _lengths(length_m, sigma, objects.sigma)
    # No path to an object is shorter than the straight line, but for the corridor: farther ones need no longer path.
    around = objects.near(shapely.Point(toe.lon, toe.lat), float(reach.max(initial=0.0)) + half_width_m)
    straight = shapely.distance(shapely.Point(0.0, 0.0), _planar(objects.geometry[around], to_metric))
    around = around[straight <= reach[around] + half_width_m]
    longest = reach[around].max(initial=float(_lengths(length_m, sigma, np.zeros(1))[0]))
    path = field.trace_downstream(toe.lon, toe.lat, float(longest))
    whole = path.part(path.length_m)
    method = f"least_deviation,{toe.method}" + (",left_dem" if path.left_dem else "")
    rows = [
        measurement("tailings_pond", pond_id, "flow_path_length", path.length_m, "m", method=method, geometry=whole)
    ]
    near = objects.near(whole, half_width_m)
    planar = _planar(objects.geometry[near], to_metric)
    for k, shape in zip(near, planar, strict=True):
        arrival = _arrival(path, shape, half_width_m, to_metric)
        if arrival is not None and arrival <= reach[k]:
            rows.append(
                measurement(
                    "tailings_pond",
                    pond_id,
                    "flow_path_distance",
                    arrival,
                    "m",
                    sigma=float(np.hypot(toe.sigma_m, path_sigma_m(path.cell_m, arrival))),
                    method=method,
                    geometry=path.part(arrival),
                    object_kind=objects.kind[k],
                    object_id=objects.id[k],
                )
            )
    return rows


def _arrival(path: FlowPath, shape: shapely.Geometry, half_width_m: float, to_metric: Any) -> float | None:
    """Distance along the path at which it first comes within the half-width of a planar shape."""

    def gap(distance: Array) -> Array:
        lon = np.interp(distance, path.distance_m, path.lon)
        x, y = to_metric.transform(lon, np.interp(distance, path.distance_m, path.lat))
        return np.asarray(shapely.distance(shapely.points(x, y), shape), dtype=np.float64)

    along = np.linspace(0.0, path.length_m, int(np.ceil(path.length_m / _STEP_M)) + 1)
    inside = np.flatnonzero(gap(along) <= half_width_m)
    if len(inside) == 0:
        return None
    if inside[0] == 0:
        return 0.0
    fine = np.linspace(along[inside[0] - 1], along[inside[0]], 101)
    return float(fine[int(np.argmax(gap(fine) <= half_width_m))])


def _lengths(length_m: float, sigma_m: float, object_sigma_m: Array) -> Array:
    """Beyond the asked length two sigmas of each object are looked at, so that what is too close to call is seen."""
    return np.asarray(length_m + 2.0 * np.hypot(sigma_m, object_sigma_m), dtype=np.float64)


def _planar(geometries: NDArray[Any], to_metric: Any) -> NDArray[Any]:
    def project(lonlat: Array) -> Array:
        return np.column_stack(to_metric.transform(lonlat[:, 0], lonlat[:, 1]))

    return np.asarray(shapely.transform(shapely.force_2d(geometries), project), dtype=object)
