"""Surfaces: clouds become meshes and elevation models; volumes and sections of them."""

from typing import Any

from sxrisk.surfaces.mesh import Mesh

__all__ = [
    "CavityMesh",
    "Coregistration",
    "Hole",
    "Mesh",
    "MeshDeviation",
    "MeshReport",
    "MeshVolume",
    "Section",
    "SpatialError",
    "VolumeChange",
    "aspect",
    "base_surface",
    "colour_mesh",
    "contours",
    "coregister",
    "curvature",
    "distances_to_mesh",
    "elevation_difference",
    "fill_gaps",
    "fitted_plane",
    "grid_elevation",
    "grid_statistics",
    "hillshade",
    "mesh_cavity",
    "mesh_deviation",
    "read_mesh",
    "section",
    "simplify",
    "slope",
    "solid_difference",
    "spatial_error",
    "surface_mesh",
    "terrain_mesh",
    "volume_between",
    "volume_between_meshes",
    "volumes_by_bench",
    "volumes_by_polygon",
    "write_raster",
    "write_sections_dxf",
    "write_vti",
]

_LAZY = {
    "read_mesh": "mesh_reading",
    "CavityMesh": "cavity",
    "mesh_cavity": "cavity",
    "Section": "sections",
    "section": "sections",
    "write_sections_dxf": "sections",
    "VolumeChange": "volumes",
    "volume_between": "volumes",
    "grid_elevation": "grids",
    "write_raster": "raster_files",
    "write_vti": "raster_files",
    "Hole": "mesh_check",
    "MeshReport": "mesh_check",
    "colour_mesh": "mesh_colour",
    "simplify": "terrain",
    "terrain_mesh": "terrain",
    "grid_statistics": "grids",
    "fill_gaps": "grids",
    "slope": "relief",
    "aspect": "relief",
    "curvature": "relief",
    "hillshade": "relief",
    "contours": "relief",
    "surface_mesh": "reconstruction",
    "MeshDeviation": "deviation",
    "mesh_deviation": "deviation",
    "distances_to_mesh": "deviation",
    "Coregistration": "coregistration",
    "coregister": "coregistration",
    "SpatialError": "correlated_error",
    "spatial_error": "correlated_error",
    "MeshVolume": "mesh_volumes",
    "solid_difference": "mesh_volumes",
    "volume_between_meshes": "mesh_volumes",
    "volumes_by_bench": "zonal_volumes",
    "volumes_by_polygon": "zonal_volumes",
    "elevation_difference": "difference",
    "base_surface": "volumes",
    "fitted_plane": "volumes",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.surfaces.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
