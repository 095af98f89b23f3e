"""Change: deformation between epochs, with a level of detection."""

from typing import Any

_LAZY = {
    "compare_scans": "comparison",
    "ComparisonResult": "comparison",
    "m3c2": "deformation",
    "plan_m3c2": "_plan",
    "m3c2_tile": "tiles",
    "M3C2Plan": "tiles",
    "M3C2Task": "tiles",
    "M3C2Result": "result",
    "REASONS": "result",
    "level_of_detection": "detection",
    "false_discoveries": "detection",
    "ScannerErrors": "scanner",
    "m3c2_series": "series",
    "smooth_series": "smoothing",
    "change_events": "events",
    "cloud_to_mesh": "cloud_distances",
    "cloud_to_cloud": "cloud_distances",
    "Bodies": "bodies",
    "label_bodies": "bodies",
    "moving_bodies": "bodies",
    "surface_motion": "motion",
}

__all__ = [
    "REASONS",
    "Bodies",
    "ComparisonResult",
    "M3C2Plan",
    "M3C2Result",
    "M3C2Task",
    "ScannerErrors",
    "change_events",
    "cloud_to_cloud",
    "cloud_to_mesh",
    "compare_scans",
    "false_discoveries",
    "label_bodies",
    "level_of_detection",
    "m3c2",
    "m3c2_series",
    "m3c2_tile",
    "moving_bodies",
    "plan_m3c2",
    "smooth_series",
    "surface_motion",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.change.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
