"""Industrial-safety risk mapping for Shanxi: layers, laser scans, findings and review packs.

Everything public is importable from here and is loaded when it is first used, so that ``import sxrisk`` stays fast.

Examples
--------
>>> import sxrisk as sx
>>> "m3c2" in dir(sx)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sxrisk.assess import Project, ScanTask, compare_runs, find_violations, run_batch, update_register
    from sxrisk.change import (
        ComparisonResult,
        M3C2Result,
        ScannerErrors,
        change_events,
        cloud_to_cloud,
        cloud_to_mesh,
        compare_scans,
        m3c2,
        m3c2_series,
        moving_bodies,
        smooth_series,
    )
    from sxrisk.layers import goafs_from_mine_plan, read_dem, read_layer, read_series, write_postgis
    from sxrisk.products import quick_map, view_html, web_map
    from sxrisk.reach import individual_risk_contours, potential_impact_radius_m, tailings_runout
    from sxrisk.risk import heatmap, risk_grid
    from sxrisk.rules import check_distances, check_distances_partitioned, load_catalogue, location_classes
    from sxrisk.scans import (
        Placement,
        Registration,
        Scan,
        ScanInfo,
        TiledScan,
        classify_vegetation,
        clean,
        clean_dust,
        clean_rays,
        double_walls,
        find_objects,
        ground,
        height_above_ground,
        place,
        read_scan,
        register,
        register_stations,
        scan_info,
        thin,
        tile_scan,
        write_scan,
    )
    from sxrisk.surfaces import (
        Mesh,
        base_surface,
        colour_mesh,
        contours,
        coregister,
        fill_gaps,
        fitted_plane,
        grid_elevation,
        hillshade,
        mesh_cavity,
        read_mesh,
        simplify,
        slope,
        spatial_error,
        surface_mesh,
        terrain_mesh,
        volume_between,
        volume_between_meshes,
        volumes_by_bench,
        volumes_by_polygon,
        write_raster,
        write_vti,
    )

__version__ = "0.1.0"

_ROOMS = {
    "assess": ("Project", "ScanTask", "compare_runs", "find_violations", "run_batch", "update_register"),
    "change": (
        "ComparisonResult",
        "M3C2Result",
        "ScannerErrors",
        "change_events",
        "cloud_to_cloud",
        "cloud_to_mesh",
        "compare_scans",
        "m3c2",
        "m3c2_series",
        "moving_bodies",
        "smooth_series",
    ),
    "layers": ("goafs_from_mine_plan", "read_dem", "read_layer", "read_series", "write_postgis"),
    "products": ("quick_map", "view_html", "web_map"),
    "reach": ("individual_risk_contours", "potential_impact_radius_m", "tailings_runout"),
    "risk": ("heatmap", "risk_grid"),
    "rules": ("check_distances", "check_distances_partitioned", "load_catalogue", "location_classes"),
    "scans": (
        "Placement",
        "Registration",
        "Scan",
        "ScanInfo",
        "TiledScan",
        "classify_vegetation",
        "clean",
        "clean_dust",
        "clean_rays",
        "double_walls",
        "find_objects",
        "ground",
        "height_above_ground",
        "place",
        "read_scan",
        "register",
        "register_stations",
        "scan_info",
        "thin",
        "tile_scan",
        "write_scan",
    ),
    "surfaces": (
        "Mesh",
        "base_surface",
        "colour_mesh",
        "contours",
        "coregister",
        "fill_gaps",
        "fitted_plane",
        "grid_elevation",
        "hillshade",
        "mesh_cavity",
        "read_mesh",
        "simplify",
        "slope",
        "spatial_error",
        "surface_mesh",
        "terrain_mesh",
        "volume_between",
        "volume_between_meshes",
        "volumes_by_bench",
        "volumes_by_polygon",
        "write_raster",
        "write_vti",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "ComparisonResult",
    "M3C2Result",
    "Mesh",
    "Placement",
    "Project",
    "Registration",
    "Scan",
    "ScanInfo",
    "ScanTask",
    "ScannerErrors",
    "TiledScan",
    "base_surface",
    "change_events",
    "check_distances",
    "check_distances_partitioned",
    "classify_vegetation",
    "clean",
    "clean_dust",
    "clean_rays",
    "cloud_to_cloud",
    "cloud_to_mesh",
    "colour_mesh",
    "compare_runs",
    "compare_scans",
    "contours",
    "coregister",
    "double_walls",
    "fill_gaps",
    "find_objects",
    "find_violations",
    "fitted_plane",
    "goafs_from_mine_plan",
    "grid_elevation",
    "ground",
    "heatmap",
    "height_above_ground",
    "hillshade",
    "individual_risk_contours",
    "load_catalogue",
    "location_classes",
    "m3c2",
    "m3c2_series",
    "mesh_cavity",
    "moving_bodies",
    "place",
    "potential_impact_radius_m",
    "quick_map",
    "read_dem",
    "read_layer",
    "read_mesh",
    "read_scan",
    "read_series",
    "register",
    "register_stations",
    "risk_grid",
    "run_batch",
    "scan_info",
    "simplify",
    "slope",
    "smooth_series",
    "spatial_error",
    "surface_mesh",
    "tailings_runout",
    "terrain_mesh",
    "thin",
    "tile_scan",
    "update_register",
    "view_html",
    "volume_between",
    "volume_between_meshes",
    "volumes_by_bench",
    "volumes_by_polygon",
    "web_map",
    "write_postgis",
    "write_raster",
    "write_scan",
    "write_vti",
]


def __getattr__(name: str) -> Any:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
