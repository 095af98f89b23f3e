"""Rows of measurements of a goaf, and the figures of its summary."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely
import xarray as xr

from sxrisk.crs import move_geometries
from sxrisk.errors import CRSError, GeometryError
from sxrisk.findings import GEOGRAPHIC_CRS, measurement
from sxrisk.sites._common import Rows
from sxrisk.sites.goafs.change import GoafChange
from sxrisk.sites.goafs.crown import crown_pillar, plan_overlap
from sxrisk.sites.goafs.gaps import Neighbour, gaps_to_neighbours
from sxrisk.sites.goafs.shape import CrownPillar, GoafShape
from sxrisk.sites.goafs.shaping import goaf_shape
from sxrisk.sites.goafs.water import volume_below
from sxrisk.surfaces import Mesh

__all__ = ["change_rows", "crown_rows", "neighbour_rows", "shape_rows", "water_rows"]

# Of the cells of a map: single cells at a rim or a stray spike say nothing of a level.
_PERCENTILE = 99.9


def _object_row(
    rows: Rows, object_kind: str, object_id: str, metric: str, value: float, unit: str, *,
    sigma: float = float("nan"), epoch: datetime | None, method: str, geometry: Any = None,
) -> None:  # fmt: skip
    placed = None
    if geometry is not None and rows.crs is not None:
        placed = move_geometries(shapely.force_2d(geometry), rows.crs, GEOGRAPHIC_CRS)
    rows.rows.append(
        measurement(
            rows.kind,
            rows.site_id,
            metric,
            float(value),
            unit,
            sigma=float(sigma),
            epoch=epoch,
            method=method,
            geometry=placed,
            object_kind=object_kind,
            object_id=object_id,
        )
    )


def _figures(table: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table for JSON: no NaN, figures as long as they mean something."""
    return [{name: _plain(row[name]) for name in names} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), 5) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def shape_rows(rows: Rows, shape: GoafShape, *, epoch: datetime | None) -> dict[str, Any]:
    """Volume, areas, levels, faces and pillars."""
    plan, sigma = shape.outline, shape.sigma_m
    roof = float(np.nanpercentile(shape.roof_level_m.values, _PERCENTILE))
    floor = float(np.nanpercentile(shape.floor_level_m.values, 100.0 - _PERCENTILE))
    common = {"epoch": epoch, "geometry": plan}
    volume = shape.volume
    rows.add("volume", volume.best_m3, "m3", sigma=volume.sigma_m3, method="closed_mesh", **common)
    if np.isfinite(volume.sigma_m3):
        rows.add("volume_low", volume.low_m3, "m3", epoch=epoch, method="closed_mesh")
        rows.add("volume_high", volume.high_m3, "m3", epoch=epoch, method="closed_mesh")
    rows.add("plan_area", plan.area, "m2", sigma=sigma * plan.length, method="shadow", **common)
    rows.add("roof_level", roof, "m", sigma=sigma, method="highest_thousandth", **common)
    rows.add("floor_level", floor, "m", sigma=sigma, method="lowest_thousandth", **common)
    rows.add("height", roof - floor, "m", sigma=2.0 * sigma, method="roof_to_floor", **common)
    rows.add("length", shape.length_m, "m", sigma=2.0 * sigma, method="smallest_rectangle", **common)
    rows.add("width", shape.width_m, "m", sigma=2.0 * sigma, method="smallest_rectangle", **common)
    for name, faces in (("roof_area", shape.roofs), ("floor_area", shape.floors)):
        error = float(np.linalg.norm([face.area_sigma_m2 for face in faces])) if faces else np.nan
        rows.add(name, sum(face.area_m2 for face in faces), "m2", sigma=error, epoch=epoch, method="faces")
    if shape.roofs:
        top = shape.roofs[0]
        at = {"epoch": epoch, "geometry": shapely.Point(*top.inscribed_centre[:2]), "method": "faces"}
        wide = max(shape.roofs, key=lambda face: face.span_m)
        rows.add("roof_span", wide.span_m, "m", sigma=2.0 * sigma,
                 **{**at, "geometry": shapely.Point(*wide.inscribed_centre[:2])})  # fmt: skip
        rows.add("roof_inscribed_radius", top.inscribed_radius_m, "m", sigma=sigma, **at)
        rows.add("roof_hydraulic_radius", top.hydraulic_radius_m, "m", sigma=_radius_sigma(top, sigma), **at)
        rows.add("roof_dip", top.dip_deg, "deg", sigma=top.dip_sigma_deg, **at)
    for face in shape.faces:
        at = {"epoch": epoch, "method": "faces", "geometry": shapely.Point(*face.inscribed_centre[:2])}
        _object_row(rows, "goaf_face", face.id, "face_area", face.area_m2, "m2", sigma=face.area_sigma_m2, **at)
        _object_row(rows, "goaf_face", face.id, "face_hydraulic_radius", face.hydraulic_radius_m, "m",
                    sigma=_radius_sigma(face, sigma), **at)  # fmt: skip
    pillar: Any
    for pillar in shape.pillars.itertuples():
        at = {"epoch": epoch, "method": "plan", "geometry": pillar.geometry}
        for metric, value, unit, error in (
            ("pillar_width", pillar.width_m, "m", pillar.width_sigma_m),
            ("pillar_length", pillar.length_m, "m", pillar.width_sigma_m),
            ("pillar_height", pillar.height_m, "m", 2.0 * sigma),
            (
                "pillar_width_to_height",
                pillar.width_to_height,
                "1",
                pillar.width_to_height * np.hypot(2.0 * sigma / pillar.width_m, 2.0 * sigma / pillar.height_m),
            ),
        ):
            _object_row(rows, "pillar", pillar.id, metric, value, unit, sigma=error, **at)
    table = shape.faces_table()
    return {
        "length_m": _plain(shape.length_m),
        "width_m": _plain(shape.width_m),
        "axis_deg": _plain(shape.axis_deg),
        "span_m": _plain(shape.span_m),
        "wall_sigma_m": _plain(shape.sigma_m),
        "faces": _figures(table, list(table.columns)),
        "pillars": _figures(shape.pillars, [name for name in shape.pillars.columns if name != "geometry"]),
    }


def _radius_sigma(face: Any, sigma_m: float) -> float:
    """Of area by perimeter: area grows by sigma times the perimeter, the perimeter hardly."""
    return sigma_m if face.perimeter_m > 0 else float("nan")


def crown_rows(
    rows: Rows, shape: GoafShape, dem: xr.DataArray | None, levels: Mapping[str, Mesh], settings: Mapping[str, Any], *,
    epoch: datetime | None,
) -> tuple[str, dict[str, CrownPillar]]:  # fmt: skip
    """Crown pillars below the ground and below other levels; why there is none to the ground, or ``measured``."""
    crowns: dict[str, CrownPillar] = {}
    state = "no_dem"
    if dem is not None:
        try:
            crowns["terrain"] = crown_pillar(
                shape, dem, above_sigma_m=float(settings.get("dem_sigma_m", np.nan)),
                height_offset_m=settings.get("dem_height_offset_m"),
            )  # fmt: skip
            state = "measured"
        except CRSError:
            state = "height_systems_unknown_or_unequal"
        except GeometryError:
            state = "dem_does_not_cover"
    for level, mesh in levels.items():
        try:
            crowns[level] = crown_pillar(shape, mesh, name=level)
        except GeometryError:
            continue  # it lies below, or beside
    for above, crown in crowns.items():
        at = {"epoch": epoch, "method": "rays", "geometry": shapely.Point(*crown.place[:2])}
        if above == "terrain":
            height = next(row["value"] for row in rows.rows if row["metric"] == "height")
            rows.add("depth", crown.minimum_m, "m", sigma=crown.sigma_m, **{**at, "geometry": shape.outline})
            rows.add("depth_to_thickness", crown.minimum_m / height, "1", sigma=crown.sigma_m / height,
                     **{**at, "geometry": shape.outline})  # fmt: skip
        kind, name = ("", "") if above == "terrain" else ("goaf", above)
        _object_row(rows, kind, name, "crown_thickness", crown.minimum_m, "m", sigma=crown.sigma_m, **at)
        _object_row(rows, kind, name, "crown_thickness_to_span", crown.ratio, "1", sigma=crown.ratio_sigma, **at)
    return state, crowns


def neighbour_rows(
    rows: Rows, shape: GoafShape, neighbours: Sequence[Neighbour], levels: Mapping[str, Mesh],
    settings: Mapping[str, Any], *, epoch: datetime | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Distances to what is around, and overlap in plan with other levels."""
    table = gaps_to_neighbours(shape.mesh, neighbours, sigma_m=shape.sigma_m)
    required = settings.get("required_barrier_m")
    told = _figures(table, list(table.columns))
    rock: Any
    for rock, figures in zip(table.itertuples(), told, strict=True):
        wet = rock.kind == "water"
        line = shapely.LineString([(rock.x_m, rock.y_m), (rock.other_x_m, rock.other_y_m)])
        _object_row(
            rows, "goaf" if wet else rock.kind, rock.id, "barrier_pillar_width" if wet else "rock_distance",
            rock.distance_m, "m", sigma=rock.sigma_m, epoch=epoch, method="mesh_to_mesh", geometry=line,
        )  # fmt: skip
        if wet and required is not None:
            figures |= {"required_m": float(required), "margin_m": _plain(rock.distance_m - float(required))}
    for level, mesh in levels.items():
        area, sigma = plan_overlap(shape, goaf_shape(mesh, sigma_m=shape.sigma_m))
        _object_row(rows, "goaf", level, "plan_overlap", area, "m2", sigma=sigma, epoch=epoch, method="plan",
                    geometry=shape.outline)  # fmt: skip
        told.append({"id": level, "kind": "level", "plan_overlap_m2": _plain(area)})
    return told


def water_rows(
    rows: Rows, shape: GoafShape, settings: Mapping[str, Any], *, epoch: datetime | None
) -> dict[str, Any] | None:
    """Volume below the water level that the user gives."""
    level = settings.get("water_level_m")
    if level is None:
        return None
    found = volume_below(
        shape.mesh, float(level), level_sigma_m=float(settings.get("water_level_sigma_m", np.nan)),
        wall_sigma_m=shape.sigma_m,
    )  # fmt: skip
    rows.add("volume_below_water", found.volume_m3, "m3", sigma=found.sigma_m3, epoch=epoch, method="cut_by_level",
             geometry=shape.outline)  # fmt: skip
    names = ("level_m", "volume_m3", "sigma_m3", "surface_m2", "depth_m")
    return {name: _plain(getattr(found, name)) for name in names}


def change_rows(rows: Rows, change: GoafChange, *, epoch: datetime | None) -> dict[str, Any]:
    """Falls, closing and new overhangs."""
    body: Any
    for body in change.falls.itertuples():
        at = {"epoch": epoch, "method": "m3c2", "geometry": body.geometry}
        _object_row(rows, "moving_body", body.body_id, "fall_volume", -body.volume_m3, "m3",
                    sigma=body.volume_sigma_m3, **at)  # fmt: skip
        _object_row(rows, "moving_body", body.body_id, "block_edge", body.block_edge_m, "m",
                    sigma=body.volume_sigma_m3 / (3.0 * body.block_edge_m**2), **at)  # fmt: skip
    for kind, pairs in change.convergence.groupby("pair", sort=True):
        worst: Any = pairs.iloc[int(np.argmax(pairs["convergence_mm"].to_numpy()))]
        at = {"epoch": epoch, "method": f"m3c2_{kind}", "geometry": shapely.Point(worst["x_m"], worst["y_m"])}
        rows.add("convergence", worst["convergence_mm"], "mm", sigma=worst["sigma_mm"], **at)
        if np.isfinite(worst["rate_mm_per_day"]):
            rows.add("convergence_rate", worst["rate_mm_per_day"], "mm/d", sigma=worst["rate_sigma_mm_per_day"], **at)
    if len(change.overhangs):
        rows.add("new_overhang_area", float(change.overhangs["area_m2"].sum()), "m2", epoch=epoch, method="meshes",
                 geometry=shapely.union_all(change.overhangs.geometry.to_list()))  # fmt: skip
    bodies = [name for name in change.bodies.columns if name in (
        "body_id", "event", "surface", "volume_m3", "volume_sigma_m3", "area_m2", "block_length_m", "block_width_m",
        "block_thickness_m", "block_edge_m", "x_m", "y_m", "z_m")]  # fmt: skip
    return {
        "bodies": _figures(change.bodies, bodies),
        "convergence": _figures(change.convergence, list(change.convergence.columns)),
        "overhangs": _figures(change.overhangs, [name for name in change.overhangs.columns if name != "geometry"]),
    }
