"""Scans: point-cloud files in; clean, thinned and registered clouds out."""

from typing import Any

from sxrisk.scans._output import whole_file
from sxrisk.scans.reader import read_scan
from sxrisk.scans.scan import Bounds, Scan
from sxrisk.scans.write import write_laz

__all__ = [
    "Bounds",
    "Registration",
    "Scan",
    "clean",
    "ground",
    "read_scan",
    "register",
    "thin",
    "thin_rows",
    "whole_file",
    "write_laz",
]

_LAZY = {
    "Registration": "registration",
    "register": "registration",
    "clean": "cleaning",
    "ground": "ground_filter",
    "thin": "thinning",
    "thin_rows": "thinning",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.scans.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
