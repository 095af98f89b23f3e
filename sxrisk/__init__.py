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
    from sxrisk.assess import Project, compare_runs, find_violations, update_register
    from sxrisk.change import M3C2Result, m3c2
    from sxrisk.layers import goafs_from_mine_plan, read_dem, read_layer, read_series, write_postgis
    from sxrisk.products import quick_map, web_map
    from sxrisk.reach import individual_risk_contours, potential_impact_radius_m, tailings_runout
    from sxrisk.risk import heatmap, risk_grid
    from sxrisk.rules import check_distances, check_distances_partitioned, load_catalogue, location_classes
    from sxrisk.scans import Scan, read_scan, register
    from sxrisk.surfaces import Mesh, mesh_cavity

__version__ = "0.1.0"

_ROOMS = {
    "assess": ("Project", "compare_runs", "find_violations", "update_register"),
    "change": ("M3C2Result", "m3c2"),
    "layers": ("goafs_from_mine_plan", "read_dem", "read_layer", "read_series", "write_postgis"),
    "products": ("quick_map", "web_map"),
    "reach": ("individual_risk_contours", "potential_impact_radius_m", "tailings_runout"),
    "risk": ("heatmap", "risk_grid"),
    "rules": ("check_distances", "check_distances_partitioned", "load_catalogue", "location_classes"),
    "scans": ("Scan", "read_scan", "register"),
    "surfaces": ("Mesh", "mesh_cavity"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "M3C2Result",
    "Mesh",
    "Project",
    "Scan",
    "check_distances",
    "check_distances_partitioned",
    "compare_runs",
    "find_violations",
    "goafs_from_mine_plan",
    "heatmap",
    "individual_risk_contours",
    "load_catalogue",
    "location_classes",
    "m3c2",
    "mesh_cavity",
    "potential_impact_radius_m",
    "quick_map",
    "read_dem",
    "read_layer",
    "read_scan",
    "read_series",
    "register",
    "risk_grid",
    "tailings_runout",
    "update_register",
    "web_map",
    "write_postgis",
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
