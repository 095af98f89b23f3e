"""Surfaces: clouds become meshes and elevation models; volumes and sections of them."""

from typing import Any

from sxrisk.surfaces.mesh import Mesh

__all__ = [
    "CavityMesh",
    "Mesh",
    "Section",
    "VolumeChange",
    "grid_elevation",
    "mesh_cavity",
    "section",
    "simplify",
    "terrain_mesh",
    "volume_between",
    "write_raster",
    "write_sections_dxf",
]

_LAZY = {
    "CavityMesh": "cavity",
    "mesh_cavity": "cavity",
    "Section": "sections",
    "section": "sections",
    "write_sections_dxf": "sections",
    "VolumeChange": "volumes",
    "volume_between": "volumes",
    "grid_elevation": "grids",
    "write_raster": "raster_files",
    "simplify": "terrain",
    "terrain_mesh": "terrain",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.surfaces.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
