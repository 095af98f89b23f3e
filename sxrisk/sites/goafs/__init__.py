"""Goafs that were scanned from inside: their shape, what is around them, and how they change."""

from typing import Any

_LAZY = {
    "CrownPillar": "shape",
    "GoafFace": "shape",
    "GoafShape": "shape",
    "VolumeInterval": "shape",
    "Gap": "gaps",
    "Neighbour": "gaps",
    "WaterBelow": "water",
    "crown_pillar": "crown",
    "flooded_part": "water",
    "gap_between": "gaps",
    "gaps_to_neighbours": "gaps",
    "goaf_sections": "profiles",
    "goaf_shape": "shaping",
    "GoafMeasurement": "measure",
    "convergence": "closing",
    "measure_goaf": "measure",
    "measure_goaf_mesh": "measure",
    "measure_goaf_scans": "measure",
    "new_overhangs": "overhangs",
    "plan_overlap": "crown",
    "volume_below": "water",
    "GoafChange": "change",
    "goaf_change": "change",
    "InferredGoaf": "inferred",
    "VoidModel": "inferred",
    "infer_goafs": "inferred",
    "void_probability": "inferred",
}

__all__ = [
    "CrownPillar",
    "Gap",
    "GoafChange",
    "GoafFace",
    "GoafMeasurement",
    "GoafShape",
    "InferredGoaf",
    "Neighbour",
    "VoidModel",
    "VolumeInterval",
    "WaterBelow",
    "convergence",
    "crown_pillar",
    "flooded_part",
    "gap_between",
    "gaps_to_neighbours",
    "goaf_change",
    "goaf_sections",
    "goaf_shape",
    "infer_goafs",
    "measure_goaf",
    "measure_goaf_mesh",
    "measure_goaf_scans",
    "new_overhangs",
    "plan_overlap",
    "void_probability",
    "volume_below",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"sxrisk.sites.goafs.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
