"""What a subsidence basin does to buildings, roads, pipelines, rivers and power lines, each at its place and extent."""

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.errors import CRSError, ParameterError
from sxrisk.findings import GEOGRAPHIC_CRS, measurement, measurements_frame
from sxrisk.reach.subsidence.basin import LAYERS, subsidence_at, subsidence_basin
from sxrisk.reach.subsidence.declared import Declaration, GroundField
from sxrisk.reach.subsidence.panel import Panel

__all__ = ["GROUND_METRICS", "ground_consequence", "ground_measurements"]

Array = NDArray[np.float64]

#: What is told of each thing in a basin: the metric of its measurement, and its unit.
GROUND_METRICS: Mapping[str, str] = {
    "subsidence": "mm", "tilt": "mm/m", "curvature": "1e-3/m", "horizontal_strain": "mm/m",
}  # fmt: skip
_ALONG = ("tilt_along", "curvature_along", "strain_along")
# Samples lie this part of the smallest radius apart: between two of them a movement is missed by 0.2 % of its greatest.
_SPACING = 1 / 20
_MOST_SAMPLES = 5_000_000
_MOST_NODES_A_SIDE = 600
_HALF = 0.5


def ground_consequence(
    field: GroundField, objects: gpd.GeoDataFrame, *, least_mm: float, spacing_m: float | None = None
) -> gpd.GeoDataFrame:
    """Greatest movements of the ground under each thing, over its whole extent.

    Parameters
    ----------
    field : GroundField
        Panels, from :func:`sxrisk.reach.subsidence.declared_panels`.
    objects : GeoDataFrame
        Canonical layers, EPSG:4490: points, lines or polygons with `kind` and `id`.
    least_mm : float
        Things that subside by less nowhere in their extent are outside the basin and left out, mm.
    spacing_m : float, optional
        Distance of the samples along lines, along edges and inside areas, metres; default a twentieth of the smallest
        radius of influence, so that a greatest value is missed by 0.2 % of the basin's at most.

    Returns
    -------
    GeoDataFrame
        A row for each thing in the basin: ``goaf`` (id of the panel that contributes most where it subsides most),
        ``kind``, ``id``, ``name``, ``subsidence_mm``, ``tilt_mm_per_m``, ``curvature_per_km`` (1e-3/m) and
        ``strain_mm_per_m`` (of the principal values the larger, with its sign: positive where the ground is convex or
        pulled), ``strain_azimuth_deg``; for lines ``tilt_along_mm_per_m``, ``curvature_along_per_km`` and
        ``strain_along_mm_per_m``, in the direction of the line; 1 sigma of the first four as ``<column>_sigma`` (NaN
        where no sigma of a parameter was declared); ``place_<metric>`` where each is greatest; geometry the thing
        itself, EPSG:4490.

    Raises
    ------
    CRSError
        If the objects are not in EPSG:4490.
    ParameterError
        If `least_mm` or `spacing_m` is not above 0, or the extent would need more than 5 million samples.

    Notes
    -----
    Values are those of the exact integral at the samples, not read from a raster: a house of 8 m gets the movement at
    its own corners, whatever the cells of the map.
    """
    if objects.crs is None or objects.crs.to_epsg() != 4490:
        raise CRSError("the objects are not in geographic CGCS2000", where="objects", expected=GEOGRAPHIC_CRS)
    spacing = _spacing(field) if spacing_m is None else spacing_m
    if not (least_mm > 0 and spacing > 0):
        raise ParameterError(f"least_mm is {least_mm}, spacing_m is {spacing}", expected="above 0")
    reach = field.reach
    shapes = field.forward(objects.geometry.to_numpy())
    near = np.flatnonzero(shapely.intersects(shapely.box(*reach.bounds), shapes))
    # What a river does beyond the basin is not sampled.
    parts = shapely.intersection(shapes[near], reach)
    owner, xy, direction = _samples(parts, spacing)
    moved = subsidence_at(list(field.panels.values()), xy)
    taken = _greatest(moved, owner, direction, xy, len(near))
    inside = np.flatnonzero(taken["subsidence"][0] >= least_mm)
    rows = near[inside]
    table: dict[str, Any] = {"goaf": _main_panel(field, taken["subsidence"][1][inside])}
    for name in ("kind", "id", "name"):
        table[name] = objects[name].to_numpy()[rows] if name in objects.columns else np.full(len(rows), "")
    columns = {"subsidence": "subsidence_mm", "tilt": "tilt_mm_per_m", "curvature": "curvature_per_km",
               "horizontal_strain": "strain_mm_per_m"}  # fmt: skip
    for metric, column in columns.items():
        value, place = (part[inside] for part in taken[metric])
        table[column] = value
        table[f"{column}_sigma"] = _sigma(field, metric, place)
        table[f"place_{metric}"] = field.back(shapely.points(place))
    azimuth = subsidence_at(list(field.panels.values()), taken["horizontal_strain"][1][inside])
    table["strain_azimuth_deg"] = azimuth["strain_azimuth_deg"].to_numpy()
    pressed = table["strain_mm_per_m"] < 0
    # The smaller principal value acts across the larger one.
    table["strain_azimuth_deg"] = np.where(
        pressed, (table["strain_azimuth_deg"] + 90.0) % 180.0, table["strain_azimuth_deg"]
    )
    for name, column in zip(
        _ALONG, ("tilt_along_mm_per_m", "curvature_along_per_km", "strain_along_mm_per_m"), strict=True
    ):
        table[column] = taken[name][0][inside]
    found = gpd.GeoDataFrame(pd.DataFrame(table), geometry=objects.geometry.to_numpy()[rows], crs=4490)
    return found.sort_values(["goaf", "kind", "id"], kind="stable", ignore_index=True)


def ground_measurements(
    declared: Declaration, objects: gpd.GeoDataFrame, *, least_mm: float
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Measurements that rules judge: of each goaf, and of each goaf on each thing in its basin.

    Parameters
    ----------
    declared : Declaration
        From :func:`sxrisk.reach.subsidence.declared_panels`.
    objects : GeoDataFrame
        Things that may lie in a basin, canonical, EPSG:4490.
    least_mm : float
        As for :func:`ground_consequence`.

    Returns
    -------
    measurements : GeoDataFrame
        Metrics :data:`GROUND_METRICS`, of a goaf alone over its own part of the basin, and of goaf and thing; and
        `collapse_zone`, the reach beyond the outline in m, of goafs too shallow for a basin. A goaf without a basin has
        NaN and the reason in `method`.
    table : GeoDataFrame
        All things in all basins, as :func:`ground_consequence` gives them.
    """
    rows: list[dict[str, Any]] = []
    for gap in declared.gaps.itertuples():
        rows += [
            measurement("goaf", str(gap.id), metric, np.nan, unit, method=str(gap.reason))
            for metric, unit in GROUND_METRICS.items()
        ]
    drawn = set(declared.zones["id"].astype("str"))
    why = {str(gap.id): str(gap.reason) for gap in declared.gaps.itertuples() if str(gap.id) not in drawn}
    why |= dict.fromkeys((goaf for field in declared.fields for goaf in field.panels), "deep_enough")
    rows += [measurement("goaf", goaf, "collapse_zone", np.nan, "m", method=reason) for goaf, reason in why.items()]
    for zone in declared.zones.itertuples():
        rows.append(
            measurement(
                "goaf", str(zone.id), "collapse_zone", zone.reach_m, "m", sigma=0.0, method="caving_angle",
                geometry=zone.geometry,
            )
        )  # fmt: skip
    tables = []
    for field in declared.fields:
        rows += _goaf_rows(field)
        tables.append(ground_consequence(field, objects, least_mm=least_mm))
        rows += _object_rows(field, tables[-1])
    full = [table for table in tables if len(table)]
    table = pd.concat(full, ignore_index=True) if full else tables[0] if tables else gpd.GeoDataFrame(
        {"goaf": [], "kind": [], "id": []}, geometry=[], crs=4490
    )  # fmt: skip
    return measurements_frame(rows), table


def _spacing(field: GroundField) -> float:
    """A part of the smallest radius: that of the upper edge of a dipping panel."""
    radii = []
    for panel in field.panels.values():
        xmin, ymin, xmax, ymax = panel.outline.bounds
        half = 0.5 * float(np.hypot(xmax - xmin, ymax - ymin)) * float(np.tan(np.radians(panel.dip_deg)))
        radii.append(max(panel.depth_m - half, panel.depth_m / 2) / panel.rock.tan_beta)
    return _SPACING * min(radii)


def _samples(parts: NDArray[Any], spacing: float) -> tuple[NDArray[np.intp], Array, Array]:
    """Object, place and direction (NaN where it is no line) of every sample."""
    pieces, owner = shapely.get_parts(parts, return_index=True)
    # An intersection of collections may hold several kinds: take each piece as what it is.
    pieces, again = shapely.get_parts(pieces, return_index=True)
    owner = owner[again]
    count = np.sum(shapely.length(pieces) / spacing + np.where(_areas(pieces), shapely.area(pieces) / spacing**2, 0.0))
    if count > _MOST_SAMPLES:
        raise ParameterError(
            f"about {count:,.0f} samples at {spacing:g} m", where="objects", expected=f"up to {_MOST_SAMPLES:,}",
            remedy="Leave out layers, or give a larger spacing_m",
        )  # fmt: skip
    dense = shapely.segmentize(pieces, spacing)
    xy, piece = shapely.get_coordinates(dense, return_index=True)
    direction = np.full(xy.shape, np.nan)
    lines = shapely.get_type_id(pieces) == 1
    step = np.diff(xy, axis=0)
    forward = np.flatnonzero((np.diff(piece) == 0) & lines[piece[1:]] & (step != 0).any(axis=1))
    unit = step[forward] / np.linalg.norm(step[forward], axis=1)[:, None]
    # A vertex belongs to the segment behind it; the first one to that before it.
    direction[forward] = unit
    direction[forward + 1] = unit
    inner, of_piece = _inside(pieces, spacing)
    return (
        owner[np.concatenate([piece, of_piece])],
        np.concatenate([xy, inner]),
        np.concatenate([direction, np.full(inner.shape, np.nan)]),
    )


def _areas(pieces: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(shapely.get_type_id(pieces) == 3)


def _inside(pieces: NDArray[Any], spacing: float) -> tuple[Array, NDArray[np.intp]]:
    """Nodes of a grid inside the areas that are larger than its cells."""
    found, owner = [np.empty((0, 2))], [np.empty(0, dtype=np.intp)]
    bounds = shapely.bounds(pieces)
    large = _areas(pieces) & (np.minimum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]) > spacing)
    for k in np.flatnonzero(large):
        x, y = np.meshgrid(
            np.arange(bounds[k, 0] + spacing / 2, bounds[k, 2], spacing),
            np.arange(bounds[k, 1] + spacing / 2, bounds[k, 3], spacing),
        )
        held = shapely.contains_xy(pieces[k], x.ravel(), y.ravel())
        found.append(np.column_stack([x.ravel()[held], y.ravel()[held]]))
        owner.append(np.full(int(held.sum()), k, dtype=np.intp))
    return np.concatenate(found), np.concatenate(owner)


def _metrics(moved: pd.DataFrame) -> dict[str, Array]:
    """Value of each metric at places; curvature and strain the larger of the principal values, with its sign."""
    values = {"subsidence": moved["subsidence_mm"].to_numpy(), "tilt": moved["tilt"].to_numpy()}
    for metric, layer in (("curvature", "curvature"), ("horizontal_strain", "strain")):
        high, low = moved[f"{layer}_max"].to_numpy(), moved[f"{layer}_min"].to_numpy()
        values[metric] = np.where(np.abs(high) >= np.abs(low), high, low)
    return values


def _along(moved: pd.DataFrame, direction: Array) -> dict[str, Array]:
    """Tilt, curvature and strain in the direction of lines; NaN elsewhere."""
    tx, ty = direction.T

    def tensor(name: str) -> Array:
        xx, yy, xy = (moved[f"{name}_{axes}"].to_numpy() for axes in ("xx", "yy", "xy"))
        return xx * tx * tx + yy * ty * ty + 2.0 * xy * tx * ty

    tilt = moved["tilt_x"].to_numpy() * tx + moved["tilt_y"].to_numpy() * ty
    return dict(zip(_ALONG, (tilt, tensor("curvature"), tensor("strain")), strict=True))


def _greatest(
    moved: pd.DataFrame, owner: NDArray[np.intp], direction: Array, xy: Array, count: int
) -> dict[str, tuple[Array, Array]]:
    """By metric: the value of greatest size of each object, and where; 0 and NaN for an object without samples."""
    taken = {}
    for name, values in {**_metrics(moved), **_along(moved, direction)}.items():
        order = np.lexsort((-np.nan_to_num(np.abs(values), nan=-1.0), owner))
        objects, first = np.unique(owner[order], return_index=True)
        best, place = np.zeros(count), np.full((count, 2), np.nan)
        best[objects], place[objects] = values[order[first]], xy[order[first]]
        taken[name] = best, place
    return taken


def _main_panel(field: GroundField, places: Array) -> NDArray[np.object_]:
    """Id of the panel that contributes most at places."""
    names = np.array(list(field.panels), dtype=object)
    if len(names) == 1 or not len(places):
        return np.full(len(places), names[0], dtype=object)
    parts = [subsidence_at([panel], places)["subsidence_mm"].to_numpy() for panel in field.panels.values()]
    return np.asarray(names[np.argmax(parts, axis=0)], dtype=object)


def _sigma(field: GroundField, metric: str, places: Array) -> Array:
    """1 sigma at places from those of the parameters, by central differences; NaN where none was declared."""
    pairs = field.varied()
    if not pairs or not len(places):
        return np.full(len(places), np.nan)
    variance = np.zeros(len(places))
    for low, high in pairs:
        ends = [_metrics(subsidence_at(panels, places))[metric] for panels in (low, high)]
        variance += ((ends[1] - ends[0]) / 2.0) ** 2
    return np.sqrt(variance)


def _goaf_rows(field: GroundField) -> list[dict[str, Any]]:
    """Greatest movements of each goaf's own part of the basin: where it contributes half and more."""
    panels = list(field.panels.values())
    spacing = _spacing(field)
    rows: list[dict[str, Any]] = []
    for goaf, panel in field.panels.items():
        own_reach = _felt(panel)
        side = max(own_reach[2] - own_reach[0], own_reach[3] - own_reach[1])
        cell = max(spacing, side / _MOST_NODES_A_SIDE)
        ground = subsidence_basin(panels, cell, bounds=own_reach)
        share = np.ones(ground["tilt"].shape)
        if len(panels) > 1:
            alone = subsidence_basin([panel], cell, bounds=own_reach)["subsidence_mm"].to_numpy()
            whole = ground["subsidence_mm"].to_numpy()
            share = np.divide(alone, whole, out=np.zeros_like(whole), where=whole > 0)
        y, x = np.nonzero(share >= _HALF)
        flat = pd.DataFrame({name: ground[name].to_numpy()[y, x] for name in LAYERS})
        xy = np.column_stack([ground["x"].to_numpy()[x], ground["y"].to_numpy()[y]])
        taken = _greatest(flat, np.zeros(len(xy), dtype=np.intp), np.full(xy.shape, np.nan), xy, 1)
        for metric, unit in GROUND_METRICS.items():
            value, place = taken[metric]
            rows.append(
                measurement(
                    "goaf", goaf, metric, float(abs(value[0])), unit, sigma=float(_sigma(field, metric, place)[0]),
                    method=f"movement_{field.movement}", geometry=field.back(shapely.Point(place[0])),
                )
            )  # fmt: skip
    return rows


def _felt(panel: Panel) -> Sequence[float]:
    """Bounds of what a panel moves by a thousandth and more of its greatest."""
    from sxrisk.reach.subsidence.panel import slices_of

    boxes = slices_of([panel], slice_share=0.05).boxes
    return *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)


def _object_rows(field: GroundField, table: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    columns = ("subsidence_mm", "tilt_mm_per_m", "curvature_per_km", "strain_mm_per_m")
    rows = []
    for metric, column in zip(GROUND_METRICS, columns, strict=True):
        for goaf, kind, name, value, sigma, place in zip(
            table["goaf"], table["kind"], table["id"], table[column], table[f"{column}_sigma"],
            table[f"place_{metric}"], strict=True,
        ):  # fmt: skip
            rows.append(
                measurement(
                    "goaf", str(goaf), metric, abs(float(value)), GROUND_METRICS[metric], sigma=float(sigma),
                    method=f"movement_{field.movement}", geometry=place, object_kind=str(kind), object_id=str(name),
                )
            )  # fmt: skip
    return rows
