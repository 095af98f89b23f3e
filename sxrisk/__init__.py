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
    from sxrisk.assess import Project
    from sxrisk.change import M3C2Result, m3c2
    from sxrisk.layers import read_dem, read_layer
    from sxrisk.products import quick_map, web_map
    from sxrisk.risk import heatmap, risk_grid
    from sxrisk.rules import check_distances, load_catalogue
    from sxrisk.scans import Scan, read_scan, register
    from sxrisk.surfaces import Mesh, mesh_cavity

__version__ = "0.1.0"

_ROOMS = {
    "assess": ("Project",),
    "change": ("M3C2Result", "m3c2"),
    "layers": ("read_dem", "read_layer"),
    "products": ("quick_map", "web_map"),
    "risk": ("heatmap", "risk_grid"),
    "rules": ("check_distances", "load_catalogue"),
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
    "heatmap",
    "load_catalogue",
    "m3c2",
    "mesh_cavity",
    "quick_map",
    "read_dem",
    "read_layer",
    "read_scan",
    "register",
    "risk_grid",
    "web_map",
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
