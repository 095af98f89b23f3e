"""How far a hazard reaches: tailings, ground movement beside goafs, blasts, releases, what lies along pipelines."""

from sxrisk.reach.blasting import airblast_distance_m, peak_velocity_cm_per_s, vibration_distance_m
from sxrisk.reach.exposure import population_within
from sxrisk.reach.flow import FlowField, FlowPath
from sxrisk.reach.individual_risk import LethalityCurve, individual_risk_contours
from sxrisk.reach.influence import goaf_influence, influence_offset_m
from sxrisk.reach.pipeline_chainage import PipelineRuns, stake_text
from sxrisk.reach.pipeline_impact import potential_impact_radius_m
from sxrisk.reach.pipeline_near import Outlines, covered_outlines, near_stretches
from sxrisk.reach.pipeline_windows import WindowSweep, held_from_to, sweep_windows, wholly_held_from_to
from sxrisk.reach.risk_zones import RISK_ZONE, individual_risk_zones
from sxrisk.reach.runout import RunoutModel, pond_runout, runout_model, tailings_runout
from sxrisk.reach.tailings import tailings_reach

__all__ = [
    "RISK_ZONE",
    "FlowField",
    "FlowPath",
    "LethalityCurve",
    "Outlines",
    "PipelineRuns",
    "RunoutModel",
    "WindowSweep",
    "airblast_distance_m",
    "covered_outlines",
    "goaf_influence",
    "held_from_to",
    "individual_risk_contours",
    "individual_risk_zones",
    "influence_offset_m",
    "near_stretches",
    "peak_velocity_cm_per_s",
    "pond_runout",
    "population_within",
    "potential_impact_radius_m",
    "runout_model",
    "stake_text",
    "sweep_windows",
    "tailings_reach",
    "tailings_runout",
    "vibration_distance_m",
    "wholly_held_from_to",
]
