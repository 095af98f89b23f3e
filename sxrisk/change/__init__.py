"""Change: deformation between epochs, with a level of detection."""

from typing import Any

__all__ = ["REASONS", "M3C2Result", "level_of_detection", "m3c2"]

_LAZY = {
    "m3c2": "deformation",
    "M3C2Result": "result",
    "REASONS": "result",
    "level_of_detection": "detection",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.change.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
