"""Scans: point-cloud files in; clean, thinned and registered clouds out."""

from typing import Any

from sxrisk.scans._output import whole_file
from sxrisk.scans.cloud import Box, Cloud, Tile
from sxrisk.scans.reader import read_scan
from sxrisk.scans.scan import Bounds, Scan
from sxrisk.scans.write import write_scan

__all__ = [
    "Bounds",
    "Box",
    "Cleaned",
    "Cloud",
    "DoubleWalls",
    "FoundObjects",
    "Placement",
    "Reason",
    "Registration",
    "Scan",
    "ScanInfo",
    "StationNetwork",
    "Tile",
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
    "thin_rows",
    "tile_scan",
    "whole_file",
    "write_scan",
]

_LAZY = {
    "Placement": "placement",
    "place": "placement",
    "ScanInfo": "info",
    "scan_info": "info",
    "Registration": "registration",
    "register": "registration",
    "StationNetwork": "registration",
    "register_stations": "registration",
    "clean": "cleaning",
    "ground": "ground_filter",
    "Cleaned": "cleaning",
    "DoubleWalls": "cleaning",
    "Reason": "cleaning",
    "clean_dust": "cleaning",
    "clean_rays": "cleaning",
    "double_walls": "cleaning",
    "classify_vegetation": "classification",
    "height_above_ground": "classification",
    "FoundObjects": "objects",
    "find_objects": "objects",
    "thin": "thinning",
    "thin_rows": "thinning",
    "TiledScan": "tiled",
    "tile_scan": "tiled",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.scans.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
