"""Sites: what a pit, a dump, a tailings pond or a goaf is measured for."""

from typing import Any

__all__ = [
    "SITE_KINDS",
    "SiteResult",
    "check_parameters",
    "measure_dump",
    "measure_goaf",
    "measure_pit",
    "measure_site",
    "measure_tailings",
]

_LAZY = {
    "SITE_KINDS": "measure",
    "SiteResult": "result",
    "check_parameters": "measure",
    "measure_dump": "dump",
    "measure_goaf": "goaf",
    "measure_pit": "pit",
    "measure_site": "measure",
    "measure_tailings": "tailings",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.sites.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
