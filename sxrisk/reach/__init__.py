"""How far a hazard reaches: tailings flow paths and ground movement beside goafs."""

from sxrisk.reach.flow import FlowField, FlowPath
from sxrisk.reach.influence import goaf_influence, influence_offset_m
from sxrisk.reach.tailings import tailings_reach

__all__ = ["FlowField", "FlowPath", "goaf_influence", "influence_offset_m", "tailings_reach"]
