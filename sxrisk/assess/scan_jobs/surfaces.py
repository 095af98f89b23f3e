"""Elevation grids and meshes of clouds, from file to file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside
from sxrisk.errors import ParameterError
from sxrisk.surfaces import (
    Mesh,
    bake_texture,
    colour_mesh,
    contours,
    fill_gaps,
    grid_elevation,
    hillshade,
    mesh_cavity,
    mesh_deviation,
    simplify,
    slope,
    surface_mesh,
    terrain_mesh,
    write_raster,
    write_vti,
)

__all__ = ["elevation_of", "grid_file", "mesh_file"]

TEXTURED = (".glb", ".obj")
INTERPOLATED = ("idw", "natural_neighbour", "tin")


def elevation_of(
    cloud: Any,
    cell_m: float,
    *,
    method: str = "mean",
    percentile: float | None = None,
    max_gap_m: float | None = None,
    min_points: int = 1,
    power: float = 2.0,
) -> Any:
    """Elevation grid of a cloud, gaps filled up to a stated width: by the method itself, or from their rims.

    Parameters
    ----------
    cloud, cell_m, method, percentile, max_gap_m, min_points, power
        As of :func:`sxrisk.surfaces.grid_elevation`; with a statistic of each cell `max_gap_m` is that of
        :func:`sxrisk.surfaces.fill_gaps`.

    Returns
    -------
    xarray.DataArray
    """
    if method in INTERPOLATED:
        return grid_elevation(cloud, cell_m, method=method, max_gap_m=max_gap_m, power=power)
    grid = grid_elevation(cloud, cell_m, method=method, percentile=percentile, min_points=min_points)
    return grid if not max_gap_m else fill_gaps(grid, max_gap_m)[0]


def grid_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    cell_m: float,
    reading: Reading = AS_STATED,
    method: str = "mean",
    percentile: float | None = None,
    max_gap_m: float | None = None,
    min_points: int = 1,
    power: float = 2.0,
    shade: bool = False,
    slopes: bool = False,
    contour_m: float | None = None,
) -> dict[str, Any]:
    """Write the elevation grid of a cloud, and what is drawn of it.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch.
    output : Path
        ``.tif`` (cloud-optimised GeoTIFF) or ``.vti`` (ParaView).
    cell_m, method, percentile, max_gap_m, min_points, power
        As of :func:`elevation_of`.
    reading : Reading
        How the inputs are opened.
    shade, slopes : bool
        Also ``_hillshade.tif`` and ``_slope.tif`` beside the output.
    contour_m : float, optional
        Also ``_contours.gpkg``, lines so far apart in height, metres.

    Returns
    -------
    dict
        Size, share of cells with a height, least and greatest height.
    """
    if output.suffix.lower() not in (".tif", ".vti"):
        raise ParameterError(f"{output.name} is no raster", where="--out", expected="a name that ends in .tif or .vti")
    with reading.open(inputs, output) as cloud:
        grid = elevation_of(
            cloud, cell_m, method=method, percentile=percentile, max_gap_m=max_gap_m, min_points=min_points, power=power
        )
    # The aids first: where the output stands, all of it stands.
    if shade:
        write_raster(hillshade(grid), beside(output, "hillshade.tif"))
    if slopes:
        write_raster(slope(grid), beside(output, "slope.tif"))
    if contour_m is not None:
        write_frame(contours(grid, contour_m), beside(output, "contours.gpkg"))
    if output.suffix.lower() == ".vti":
        write_vti(grid, output)
    else:
        write_raster(grid, output)
    known = np.isfinite(grid.values)
    figures: dict[str, Any] = {
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "cells_known_share": float(known.mean()),
    }
    if known.any() and method not in ("count", "std"):
        figures |= {"lowest_m": float(grid.min()), "highest_m": float(grid.max())}
    return figures


def mesh_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    method: str = "terrain",
    cell_m: float | None = None,
    spacing_m: float | None = None,
    max_gap_m: float | None = None,
    max_error_m: float | None = None,
    max_faces: int | None = None,
    towards: tuple[float, ...] | None = None,
    colour: bool = False,
    texture: bool = False,
    texel_m: float | None = None,
) -> dict[str, Any]:
    """Write the mesh of a cloud and check it.

    Parameters
    ----------
    inputs : sequence of Path
        One file, or the stations of one epoch.
    output : Path
        The ending says as what: .ply, .obj, .glb, .stl, .dxf, .vtp, .vtu.
    reading : Reading
        How the inputs are opened.
    method : {"terrain", "poisson", "ball_pivoting", "cavity"}
        :func:`sxrisk.surfaces.terrain_mesh`, :func:`sxrisk.surfaces.surface_mesh`, :func:`sxrisk.surfaces.mesh_cavity`.
    cell_m : float, optional
        Of a terrain, metres; needed there.
    spacing_m, towards
        Of poisson and ball_pivoting.
    max_gap_m : float, optional
        Widest gap to close, metres; not with "cavity", which closes all and tells what was seen.
    max_error_m : float, optional
        Of a terrain: leave out cells as long as none is farther from the mesh in height.
    max_faces : int, optional
        Simplify to so many faces; how far that moved the surface is measured.
    colour : bool
        Vertices get the colours of the points around them.
    texture : bool
        A picture of the colours, finer than the vertices: in a .glb, or beside an .obj; as
        :func:`sxrisk.surfaces.bake_texture`.
    texel_m : float, optional
        Of the picture; asks for it.

    Returns
    -------
    dict
        What :meth:`sxrisk.surfaces.Mesh.check` says, and volumes of a cavity.

    Raises
    ------
    ParameterError
        If the method is unknown, or an option belongs to another one.
    """
    _check_mesh_options(method, cell_m, spacing_m, max_error_m, max_gap_m)
    texture = texture or texel_m is not None
    if texture and output.suffix.lower() not in TEXTURED:
        raise ParameterError(
            f"{output.name} holds no texture", where="--texture", expected=f"--to {' or '.join(TEXTURED)}"
        )
    figures: dict[str, Any] = {}
    with reading.open(inputs, output) as cloud:
        if method == "terrain":
            mesh = terrain_mesh(cloud, cell_m, max_gap_m=max_gap_m or 0.0, max_error_m=max_error_m, max_faces=max_faces)
        elif method == "cavity":
            cavity = mesh_cavity(cloud.read())
            mesh = cavity.mesh
            figures = {
                "volume_m3": cavity.volume_m3,
                "volume_low_m3": cavity.volume_low_m3,
                "volume_high_m3": cavity.volume_high_m3,
                "seen_share": cavity.seen_share,
            }
        else:
            mesh = surface_mesh(cloud, method=method, spacing_m=spacing_m, max_gap_m=max_gap_m, towards=towards)
        if method != "terrain" and max_faces is not None:
            whole, mesh = mesh, simplify(mesh, max_faces)
            figures["simplified_by_m"] = mesh_deviation(mesh, whole).max_m
        if colour:
            mesh = colour_mesh(mesh, cloud)
        if texture:
            mesh = bake_texture(mesh, cloud, texel_m=texel_m)
    mesh.write(output)
    if mesh.texture is not None:
        figures |= {"texel_m": mesh.texture.texel_m, "texture_known_share": mesh.texture.known_share}
    return {**_checked(mesh), **figures}


def _checked(mesh: Mesh) -> dict[str, Any]:
    report = mesh.check()
    holes = [hole for hole in report.holes if not hole.outline]
    return {
        "vertices": report.n_vertices,
        "faces": report.n_faces,
        "parts": report.n_components,
        "area_m2": mesh.area_m2,
        "manifold": report.is_manifold,
        "watertight": report.watertight,
        "holes": len(holes),
        "longest_hole_m": max((hole.perimeter_m for hole in holes), default=0.0),
    }


def _check_mesh_options(
    method: str, cell_m: float | None, spacing_m: float | None, max_error_m: float | None, max_gap_m: float | None
) -> None:
    known = ("terrain", "poisson", "ball_pivoting", "cavity")
    if method not in known:
        raise ParameterError(f"{method!r} is no method", where="--method", expected=f"one of {', '.join(known)}")
    if method == "terrain" and cell_m is None:
        raise ParameterError("a terrain needs the size of its cells", where="--cell", expected="metres, e.g. 0.5")
    wrong = {
        "--cell": cell_m is not None and method != "terrain",
        "--max-error": max_error_m is not None and method != "terrain",
        "--spacing": spacing_m is not None and method not in ("poisson", "ball_pivoting"),
        "--max-gap": max_gap_m is not None and method == "cavity",
    }
    for option, is_wrong in wrong.items():
        if is_wrong:
            raise ParameterError(f"--method {method} has no {option}", where=option, expected="another method")
