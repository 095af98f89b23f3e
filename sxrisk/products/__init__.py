"""What people look at: the review pack, maps for notebooks, workbook, GeoPackage, report and pictures."""

from typing import Any

__all__ = [
    "OfflineMap",
    "PackInput",
    "WebMap",
    "draw_grid",
    "draw_heatmap",
    "draw_site",
    "draw_stability_chart",
    "quick_map",
    "view_html",
    "web_map",
    "write_changes",
    "write_findings",
    "write_findings_geopackage",
    "write_pack",
    "write_report",
    "write_violations_folder",
    "write_workbook",
]

_LAZY = {
    "OfflineMap": "quickmap",
    "PackInput": "pack",
    "WebMap": "webmap",
    "draw_grid": "figures",
    "draw_heatmap": "figures",
    "draw_site": "figures",
    "draw_stability_chart": "stability_chart",
    "quick_map": "quickmap",
    "view_html": "scan_view",
    "web_map": "webmap",
    "write_changes": "tables_files",
    "write_findings": "findings_files",
    "write_violations_folder": "tables_files",
    "write_findings_geopackage": "geopackage",
    "write_pack": "pack",
    "write_report": "report",
    "write_workbook": "workbook",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.products.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
