"""Goafs from files: the closed mesh of scans, and every measurement in a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, is_mesh
from sxrisk.crs import PlanTransform, plan_transform
from sxrisk.errors import FileFormatError, GeometryError, InputError, ParameterError
from sxrisk.layers import read_dem
from sxrisk.scans import Scan, whole_file
from sxrisk.sites.goafs import Neighbour, measure_goaf_mesh, measure_goaf_scans
from sxrisk.surfaces import Mesh, mesh_cavity, read_mesh, surface_mesh

__all__ = ["measure_goaf_folder", "mesh_goaf_file", "read_closed_mesh", "read_neighbours"]


_NO_DEPTH = {
    "height_systems_unknown_or_unequal": "its height system, or the goaf's, is unknown, or they differ",
    "dem_does_not_cover": "the elevation model does not cover the goaf",
}


def mesh_goaf_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    max_directions: int = 40_000,
    towards: tuple[float, ...] | None = None,
    spacing_m: float | None = None,
) -> dict[str, Any]:
    """Write the closed mesh of a goaf.

    Of scans with their stations by :func:`sxrisk.surfaces.mesh_cavity`: with a volume interval and what was seen. Of
    bare points by Poisson, for which `towards` says where the void is: the volume then has no interval. A mesh from
    mine software is checked and turned outward.

    Parameters
    ----------
    inputs : sequence of Path
        The stations of one epoch, or one mesh.
    output : Path
        The ending says as what: .ply, .obj, .glb, .stl, .dxf, .vtp, .vtu.
    reading : Reading
        How the inputs are opened.
    max_directions : int
        As of :func:`sxrisk.surfaces.mesh_cavity`.
    towards : three floats, optional
        A place inside the void, for points without stations.
    spacing_m : float, optional
        Detail of the mesh of points without stations.

    Returns
    -------
    dict
        ``way`` (stations, poisson, mesh), volumes, area, what was seen.

    Raises
    ------
    GeometryError
        If the mesh does not close, with the place where it is open.
    ParameterError
        If points have no stations and nothing says where the void is.
    """
    if len(inputs) == 1 and is_mesh(inputs[0]):
        mesh = read_closed_mesh(inputs[0], crs=reading.crs)
        figures: dict[str, Any] = {"way": "mesh", "volume_m3": mesh.volume_m3}
    else:
        scans = [scan.read() for scan in reading.scans(inputs)]
        if all(scan.stations is not None for scan in scans):
            cavity = mesh_cavity(scans, max_directions=max_directions)
            mesh = cavity.mesh
            figures = {
                "way": "stations",
                "stations": len(cavity.stations),
                "volume_m3": float(cavity.volume_m3),
                "volume_low_m3": float(cavity.volume_low_m3),
                "volume_high_m3": float(cavity.volume_high_m3),
                "seen_share": float(cavity.seen_share),
                "station_misfit_m": float(cavity.station_misfit_m),
            }
        else:
            mesh = _without_stations(scans, towards, spacing_m)
            seen = np.asarray(mesh.vertex_fields["seen"])
            figures = {"way": "poisson", "volume_m3": mesh.volume_m3, "seen_share": float(seen.mean())}
    mesh.write(output)
    return {**figures, "area_m2": mesh.area_m2, "faces": len(mesh.faces), "watertight": mesh.is_watertight}


def measure_goaf_folder(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    n_before: int = 0,
    site_id: str | None = None,
    name: str = "",
    dem: str | None = None,
    neighbours: Sequence[str] = (),
    levels: Sequence[str] = (),
    parameters: dict[str, Any] | None = None,
    change_parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure a goaf into a folder: :func:`sxrisk.sites.goafs.measure_goaf_scans` or its sister for meshes, from files.

    Parameters
    ----------
    inputs : sequence of Path
        The stations of one epoch, behind those of an earlier one where there is one; or one closed mesh.
    output : Path
        Folder to make: ``mesh.ply``, ``mesh.glb``, maps (``height.tif``, ``roof_level.tif``, ``floor_level.tif``,
        ``crown.tif``), ``sections.dxf``, ``summary.json``, ``measurements.csv``, ``faces.csv``, ``pillars.gpkg``; of
        two epochs also ``change.laz``, ``bodies.gpkg``, a closed mesh for each fall, ``convergence.csv``,
        ``overhangs.gpkg``.
    reading : Reading
        How scans are opened; its systems also hold for meshes that state none.
    n_before : int
        How many of the inputs are the earlier epoch.
    site_id, name : str
        Default for the id: the first file's name.
    dem : str, optional
        Elevation model of the ground above.
    neighbours : sequence of str
        As of :func:`read_neighbours`.
    levels : sequence of str
        Closed meshes of levels above or below.
    parameters, change_parameters : dict
        As of :func:`sxrisk.sites.measure_goaf`.

    Returns
    -------
    dict
        The leading figures.
    """
    around = [item for text in neighbours for item in read_neighbours(text, crs=reading.crs)]
    above = {Path(path).stem: read_closed_mesh(Path(path), crs=reading.crs) for path in levels}
    ground = None if dem is None else read_dem(dem)
    first = inputs[n_before]
    common: dict[str, Any] = {
        "site_id": site_id or first.stem,
        "name": name,
        "parameters": parameters,
        "crs": reading.crs,
        "vertical_crs": reading.vertical_crs,
        "dem": ground,
        "neighbours": around,
        "levels": above,
    }
    if len(inputs) == 1 and is_mesh(first):
        found = measure_goaf_mesh(read_closed_mesh(first, crs=reading.crs), **common)
    elif any(is_mesh(path) for path in inputs):
        raise ParameterError(
            "meshes and further files", where="goaf measure", expected="one closed mesh, or scans with their stations"
        )
    else:
        scans = [scan.read() for scan in reading.scans(inputs)]
        epochs = [part for part in (scans[:n_before], scans[n_before:]) if part]
        found = measure_goaf_scans(epochs, change_parameters=change_parameters, **common)
    if dem is not None and (state := found.result.summary["depth"]) != "measured":
        # Who names an elevation model wants the rock above: a result without it would look like one with it.
        raise InputError(
            _NO_DEPTH[state], where=dem, expected="an elevation model over the goaf, in its height system",
            remedy="Name the goaf's system with --vertical-crs, or the step between both with --height-offset",
        )  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    found.result.write_artefacts(output)
    _write_table(found.result.measurements.drop(columns="geometry"), output / "measurements.csv")
    _write_table(found.shape.faces_table(), output / "faces.csv")
    if len(found.shape.pillars):
        write_frame(found.shape.pillars, output / "pillars.gpkg")
    if found.change is not None:
        _write_table(found.change.convergence, output / "convergence.csv")
        for frame, stem in ((found.change.bodies, "bodies"), (found.change.overhangs, "overhangs")):
            if len(frame):
                write_frame(frame, output / f"{stem}.gpkg")
    shape = found.shape
    figures: dict[str, Any] = {
        "volume_m3": shape.volume.best_m3,
        "volume_low_m3": shape.volume.low_m3,
        "volume_high_m3": shape.volume.high_m3,
        "plan_area_m2": float(shape.outline.area),
        "roof_span_m": shape.span_m,
        "pillars": len(shape.pillars),
    }
    if shape.roofs:
        figures |= {"hydraulic_radius_m": shape.roofs[0].hydraulic_radius_m, "roof_dip_deg": shape.roofs[0].dip_deg}
    for above_name, crown in found.crowns.items():
        figures |= {"crown_thickness_m" if above_name == "terrain" else f"crown_{above_name}_m": crown.minimum_m}
    if found.result.summary["water"] is not None:
        figures["water_m3"] = found.result.summary["water"]["volume_m3"]
    if found.change is not None:
        fallen = found.change.falls["volume_m3"]
        figures |= {"falls": len(fallen), "fallen_m3": -float(fallen.sum())}
    return figures


def read_closed_mesh(path: Path, *, crs: Any = None) -> Mesh:
    """A mesh file as a closed solid whose faces look outward.

    Parameters
    ----------
    path : Path
        As of :func:`sxrisk.surfaces.read_mesh`.
    crs : optional
        System of a mesh that states none.

    Returns
    -------
    Mesh

    Raises
    ------
    GeometryError
        If it does not enclose a volume.
    """
    mesh: Mesh = read_mesh(path)
    if mesh.crs is None and crs is not None:
        mesh = read_mesh(path, crs=crs)
    if mesh.is_watertight and mesh.volume_m3 < 0:
        mesh = replace(mesh, faces=mesh.faces[:, ::-1])
    if not mesh.is_watertight or not mesh.volume_m3 > 0:
        raise _open(mesh, path)
    return mesh


def read_neighbours(text: str, *, crs: Any = None) -> list[Neighbour]:
    """What is around a goaf, from ``KIND:FILE`` or ``KIND:FILE:NUMBER``.

    Parameters
    ----------
    text : str
        KIND is goaf, tunnel, shaft, line or water. FILE is a closed mesh, or a vector file whose points and lines have
        heights: each feature is a neighbour, named by its column ``id``. NUMBER is the water level of ``water``, the
        radius of the others, metres.
    crs : optional
        System of meshes that state none, and that vector files are brought to.

    Returns
    -------
    list of Neighbour

    Raises
    ------
    ParameterError
        If the text is none of these.
    FileFormatError
        If the file cannot be read.
    """
    kind, _, rest = text.partition(":")
    name, _, last = rest.rpartition(":")
    try:
        number = float(last) if name else None
    except ValueError:
        number = None
    path = Path(rest if number is None else name)
    if not rest:
        raise ParameterError(f"{text!r}", where="--neighbour", expected="KIND:FILE or KIND:FILE:NUMBER")
    own = {} if number is None else {"water_level_m" if kind == "water" else "radius_m": number}
    if is_mesh(path):
        return [Neighbour(path.stem, kind, read_closed_mesh(path, crs=crs), **own)]
    import geopandas as gpd
    from pyogrio.errors import DataSourceError

    try:
        frame = gpd.read_file(path)
    except (DataSourceError, OSError, ValueError) as error:
        raise FileFormatError("the neighbours cannot be read", where=path, remedy=str(error)) from error
    if crs is not None and frame.crs is not None:
        frame = frame.set_geometry(_moved(frame.geometry.to_numpy(), plan_transform(frame.crs, crs)))
    names = frame["id"].astype(str) if "id" in frame else [f"{path.stem}-{i}" for i in range(1, len(frame) + 1)]
    return [Neighbour(str(key), kind, place, **own) for key, place in zip(names, frame.geometry, strict=True)]


def _moved(places: Any, transform: PlanTransform) -> Any:
    """Geometries in another plan, heights as they are."""

    def at(corners: Any) -> Any:
        return np.column_stack([*transform(corners[:, 0], corners[:, 1]), corners[:, 2:]])

    deep = shapely.has_z(places)
    return np.where(deep, shapely.transform(places, at, include_z=True), shapely.transform(places, at))


def _without_stations(scans: Sequence[Scan], towards: tuple[float, ...] | None, spacing_m: float | None) -> Mesh:
    if towards is None:
        raise ParameterError(
            "the points do not say where the scanner stood",
            where=scans[0].source or "goaf mesh",
            expected="--station for each file, or --towards, a place inside the void",
            remedy="With stations the volume gets an interval; without them it is Poisson's guess",
        )
    scan = scans[0] if len(scans) == 1 else Scan.merge(list(scans))
    facing: Mesh = surface_mesh(scan, method="poisson", spacing_m=spacing_m, max_gap_m=np.inf, towards=towards)
    mesh: Mesh = replace(facing, faces=facing.faces[:, ::-1])
    if not mesh.is_watertight or not mesh.volume_m3 > 0:
        raise _open(mesh, scan.source or "goaf mesh")
    return mesh


def _open(mesh: Mesh, where: Any) -> GeometryError:
    holes = mesh.check().holes
    place = ""
    if holes:
        x, y, z = max(holes, key=lambda hole: hole.perimeter_m).centre
        place = f": it is open at {x:.2f}, {y:.2f}, {z:.2f}"
    return GeometryError(
        f"the mesh encloses no volume{place}",
        where=where,
        expected="a watertight mesh",
        remedy="Close it in the program that made it, or mesh the scan with its stations",
    )


def _write_table(frame: Any, path: Path) -> None:
    with whole_file(path) as partial:
        frame.to_csv(partial, index=False, encoding="utf-8-sig", float_format="%.9g")
