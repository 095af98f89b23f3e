"""Goafs: from scans or a closed mesh to every measurement, with maps, sections and change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import xarray as xr

from sxrisk.findings import measurements_frame
from sxrisk.scans import Scan
from sxrisk.sites._common import SCENE_FACES, Rows, change_between, change_fields
from sxrisk.sites._epochs import Epoch, as_epochs, prepare
from sxrisk.sites._terrain_site import CHANGE_DEFAULTS
from sxrisk.sites.goafs._rows import change_rows, crown_rows, neighbour_rows, shape_rows, water_rows
from sxrisk.sites.goafs.change import GoafChange, goaf_change
from sxrisk.sites.goafs.gaps import Neighbour
from sxrisk.sites.goafs.profiles import goaf_sections
from sxrisk.sites.goafs.shape import CrownPillar, GoafShape, VolumeInterval
from sxrisk.sites.goafs.shaping import goaf_shape
from sxrisk.sites.result import SiteResult
from sxrisk.sites.stability import goaf_stability
from sxrisk.surfaces import Mesh, mesh_cavity, simplify

__all__ = ["GoafMeasurement", "measure_goaf", "measure_goaf_mesh", "measure_goaf_scans"]

MIN_BODY_M2 = 2.0
CAVITY_CHANGE = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.4, "max_depth_m": 2.0, "core_spacing_m": 0.4}
_SHAPE_SETTINGS = {"map_cell_m": "cell_m", "smooth_m": "smooth_m", "min_pillar_m2": "min_pillar_m2",
                   "min_face_m2": "min_face_m2"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class GoafMeasurement:
    """A measured goaf with the objects behind its numbers.

    Parameters
    ----------
    result : SiteResult
        Measurements, meshes, maps, sections and summary.
    shape : GoafShape
    crowns : dict of str to CrownPillar
        By what is above: ``terrain`` or the id of a level.
    change : GoafChange, optional
        Of the last epoch against the first.
    """

    result: SiteResult
    shape: GoafShape
    crowns: dict[str, CrownPillar] = field(default_factory=dict)
    change: GoafChange | None = None


def measure_goaf(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "goaf",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
    dem: xr.DataArray | None = None,
    neighbours: Sequence[Neighbour] = (),
    levels: Mapping[str, Mesh] | None = None,
    stability: Mapping[str, Any] | None = None,
) -> SiteResult:
    """Measure a goaf that was scanned from inside.

    *volume*, *volume_low* and *volume_high* (what was certainly seen to be void; with shadows filled); *plan_area* with
    the outline, *roof_area*, *floor_area*, *roof_level*, *floor_level*, *height*, *length*, *width*; of the largest
    roof *roof_span*, *roof_inscribed_radius*, *roof_hydraulic_radius* and *roof_dip*; *face_area* and
    *face_hydraulic_radius* of each face; *pillar_width*, *pillar_length*, *pillar_height* and *pillar_width_to_height*
    of each pillar. With a DEM of the same height system *depth* (least rock between roof and surface),
    *depth_to_thickness* and *crown_thickness_to_span*; with a water level *volume_below_water*; with neighbours
    *rock_distance* (*barrier_pillar_width* to water), *plan_overlap* and *crown_thickness* to levels. With several
    epochs *fall_volume* and *block_edge* of each fall, *convergence*, *convergence_rate* and *new_overhang_area*.

    Parameters
    ----------
    epochs, site_id, name, kind, change_parameters, crs, vertical_crs
        As for :func:`measure_pit`; every station's scan apart, so that each sees its own star-shaped part. Of several
        epochs the last is measured, and compared with the first.
    parameters : mapping, optional
        ``registered``; ``map_cell_m``, ``smooth_m``, ``min_pillar_m2``, ``min_face_m2`` of
        :func:`sxrisk.sites.goafs.goaf_shape`; ``dem_height_offset_m``, ``dem_sigma_m``; ``water_level_m``,
        ``water_level_sigma_m`` and ``required_barrier_m`` (asked of the user, never invented).
    outline, outline_crs
        Not used: a cavity shows its own outline.
    dem : xarray.DataArray, optional
        Surface above, metres, with a CRS and ``attrs["vertical_crs"]``.
    neighbours : sequence of Neighbour
        Goafs, tunnels, shafts, lines and flooded goafs around.
    levels : mapping of str to Mesh, optional
        Closed meshes of goafs above or below, by id.
    stability : mapping, optional
        Parameters of the rock, as for :meth:`sxrisk.sites.stability.StabilityParameters.read`; what no one gives is
        listed in ``summary["stability"]["asked"]``. Measurements as
        :meth:`sxrisk.sites.stability.GoafStability.measurements` gives them.

    Returns
    -------
    SiteResult
    """
    return measure_goaf_scans(
        epochs, site_id=site_id, name=name, kind=kind, parameters=parameters, change_parameters=change_parameters,
        crs=crs, vertical_crs=vertical_crs, dem=dem, neighbours=neighbours, levels=levels,
        stability=stability,
    ).result  # fmt: skip


def measure_goaf_scans(
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    kind: str = "goaf",
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
    dem: xr.DataArray | None = None,
    neighbours: Sequence[Neighbour] = (),
    levels: Mapping[str, Mesh] | None = None,
    stability: Mapping[str, Any] | None = None,
) -> GoafMeasurement:
    """As :func:`measure_goaf`, with the shape, the crown pillars and the change behind the measurements.

    Parameters
    ----------
    epochs, site_id, name, kind, parameters, change_parameters, crs, vertical_crs, dem, neighbours, levels, stability
        As there.

    Returns
    -------
    GoafMeasurement
    """
    settings = dict(parameters or {})
    prepared = prepare(as_epochs(epochs, crs, vertical_crs), terrain=False, parameters=settings)
    last = prepared[-1]
    cavity = mesh_cavity(_station_scans(last.scan))
    volume = VolumeInterval(float(cavity.volume_low_m3), float(cavity.volume_m3), float(cavity.volume_high_m3))
    found = measure_goaf_mesh(
        cavity.mesh, site_id=site_id, name=name, kind=kind, volume=volume, parameters=settings, epoch=last.scan.epoch,
        crs=last.scan.crs, vertical_crs=last.scan.vertical_crs, dem=dem, neighbours=neighbours, levels=levels,
        label=last.label, stability=stability,
    )  # fmt: skip
    summary = {**found.result.summary, "epochs": [item.report() for item in prepared]}
    if len(prepared) == 1:
        return replace(found, result=replace(found.result, summary=summary))
    rows = Rows(kind, site_id, last.scan.crs)
    choices = {**CHANGE_DEFAULTS, **CAVITY_CHANGE, **(change_parameters or {})}
    moved, summary["change"] = change_between(prepared[0], last, choices, rows, min_area_m2=MIN_BODY_M2)
    inside = _inside_change(prepared, moved, cavity.mesh, found.shape)
    summary["cavity_change"] = change_rows(rows, inside, epoch=last.scan.epoch)
    result = replace(
        found.result,
        mesh=change_fields(found.result.mesh, moved),
        change=moved,
        summary=summary,
        extra_meshes={**found.result.extra_meshes, **inside.meshes},
        measurements=measurements_frame([*found.result.measurements.to_dict("records"), *rows.rows]),
    )
    return replace(found, result=result, change=inside)


def measure_goaf_mesh(
    mesh: Mesh,
    *,
    site_id: str,
    name: str = "",
    kind: str = "goaf",
    volume: VolumeInterval | None = None,
    parameters: Mapping[str, Any] | None = None,
    epoch: datetime | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
    dem: xr.DataArray | None = None,
    neighbours: Sequence[Neighbour] = (),
    levels: Mapping[str, Mesh] | None = None,
    stability: Mapping[str, Any] | None = None,
    label: str = "",
) -> GoafMeasurement:
    """Measure a goaf whose closed mesh stands already: of mine software, or of an earlier step.

    Parameters
    ----------
    mesh : Mesh
        Watertight, faces outward, metres.
    site_id, name, kind, parameters, dem, neighbours, levels, stability
        As for :func:`measure_goaf`.
    volume : VolumeInterval, optional
        By default the mesh's own, with unknown ends.
    epoch : datetime, optional
        When it was scanned.
    crs, vertical_crs : optional
        Systems of a mesh that states none.
    label : str
        Of the mesh in the sections.

    Returns
    -------
    GoafMeasurement

    Raises
    ------
    GeometryError
        If the mesh encloses no volume, with the place where it is open.
    """
    import pyproj

    settings = dict(parameters or {})
    if mesh.crs is None and crs is not None:
        mesh = replace(mesh, crs=pyproj.CRS.from_user_input(crs))
    sizes = {key: settings[name_] for name_, key in _SHAPE_SETTINGS.items() if name_ in settings}
    shape = goaf_shape(mesh, volume=volume, vertical_crs=vertical_crs, **sizes)
    rows = Rows(kind, site_id, shape.crs)
    summary: dict[str, Any] = {
        "site_id": site_id,
        "kind": kind,
        "name": name,
        "crs": None if shape.crs is None else pyproj.CRS(shape.crs).to_string(),
        "vertical_crs": None if shape.vertical_crs is None else shape.vertical_crs.to_string(),
        "epochs": [],
        "volume_m3": {"low": shape.volume.low_m3, "best": shape.volume.best_m3, "high": shape.volume.high_m3},
        "watertight": mesh.is_watertight,
    }
    summary["shape"] = shape_rows(rows, shape, epoch=epoch)
    summary["depth"], crowns = crown_rows(rows, shape, dem, levels or {}, settings, epoch=epoch)
    summary["neighbours"] = neighbour_rows(rows, shape, neighbours, levels or {}, settings, epoch=epoch)
    summary["water"] = water_rows(rows, shape, settings, epoch=epoch)
    stable = goaf_stability(shape, stability or {}, crowns=crowns.values())
    summary["stability"] = stable.summary()
    rows.rows += stable.measurements(kind, site_id, epoch=epoch)
    scene = simplify(mesh, SCENE_FACES) if len(mesh.faces) > SCENE_FACES else mesh
    if "elevation_m" not in scene.vertex_fields:
        scene = scene.with_fields(elevation_m=scene.vertices[:, 2].copy())
    maps = {"height": shape.height_m, "roof_level": shape.roof_level_m, "floor_level": shape.floor_level_m}
    maps |= {f"crown_{i}" if i else "crown": crown.thickness_m for i, crown in enumerate(crowns.values())}
    result = SiteResult(
        site_id=site_id,
        kind=kind,
        name=name,
        crs=shape.crs,
        mesh=scene,
        measurements=measurements_frame(rows.rows),
        summary=summary,
        rasters=maps,
        sections=goaf_sections(
            shape,
            beside=dict(levels or {}),
            places=[crown.place for crown in crowns.values()],
            label=label or "goaf",
        ),
    )
    return GoafMeasurement(result, shape, crowns)


def _inside_change(prepared: Sequence[Epoch], moved: Any, mesh: Mesh, shape: GoafShape) -> GoafChange:
    first = mesh_cavity(_station_scans(prepared[0].scan)).mesh
    return goaf_change(
        prepared[0].scan, prepared[-1].scan, change=moved, before_mesh=first, after_mesh=mesh, axis_deg=shape.axis_deg,
        min_area_m2=MIN_BODY_M2,
    )  # fmt: skip


def _station_scans(scan: Scan) -> list[Scan]:
    """The merged scan taken apart by station again."""
    if scan.stations is None or len(scan.stations) < 2:
        return [scan]
    index = scan.station_index
    parts = []
    for number, station in enumerate(scan.stations):
        part = scan.select(index == number)
        if part.n_points:
            attributes = {k: v for k, v in part.attributes.items() if k != "station_index"}
            parts.append(part.replace(stations=station[None], attributes=attributes))
    return parts
