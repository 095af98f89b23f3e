"""Sites: what a pit, a dump, a tailings pond or a goaf is measured for."""

from typing import Any

__all__ = [
    "SITE_KINDS",
    "SiteResult",
    "caving_heights",
    "check_parameters",
    "goaf_stability",
    "graph_faces",
    "measure_dump",
    "measure_goaf",
    "measure_pit",
    "measure_site",
    "measure_tailings",
    "pillar_safety",
    "roof_thickness",
    "tributary_areas",
]

_LAZY = {
    "SITE_KINDS": "measure",
    "SiteResult": "result",
    "caving_heights": "stability",
    "check_parameters": "measure",
    "goaf_stability": "stability",
    "graph_faces": "stability",
    "measure_dump": "dump",
    "measure_goaf": "goafs",
    "measure_pit": "pit",
    "measure_site": "measure",
    "measure_tailings": "tailings",
    "pillar_safety": "stability",
    "roof_thickness": "stability",
    "tributary_areas": "stability",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.sites.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
