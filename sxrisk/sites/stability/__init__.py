"""Stability of a goaf's roof, walls and pillars by the published methods, side by side, with their spread."""

from sxrisk.sites.stability.caving import caving_height_m, caving_heights
from sxrisk.sites.stability.faces import graph_faces
from sxrisk.sites.stability.goaf import goaf_stability
from sxrisk.sites.stability.measured import WITHOUT_PILLARS
from sxrisk.sites.stability.methods import (
    METHODS,
    PARAMETERS,
    REASONS,
    WORDS,
    Method,
    Parameter,
    methods_table,
    parameter_title,
)
from sxrisk.sites.stability.parameters import StabilityParameters, stability_problems
from sxrisk.sites.stability.pillar_strength import (
    bieniawski_mpa,
    hedley_grant_mpa,
    lunder_pakalnis_mpa,
    mark_bieniawski_mpa,
    obert_duvall_mpa,
    pillar_strength_mpa,
    salamon_munro_mpa,
)
from sxrisk.sites.stability.pillars import pillar_safety, pillar_stress_mpa
from sxrisk.sites.stability.ranges import Value, as_value, lognormal, normal, parameter_value, triangular, uniform
from sxrisk.sites.stability.result import STABILITY_COLUMNS, GoafStability
from sxrisk.sites.stability.roof import (
    fixed_beam_thickness_m,
    load_transfer_thickness_m,
    protodyakonov_thickness_m,
    roof_thickness,
    thickness_span_thickness_m,
)
from sxrisk.sites.stability.scaled_span import critical_span_m, scaled_span_m, scaled_span_thickness_m
from sxrisk.sites.stability.stability_graph import (
    gravity_factor_c,
    hydraulic_radius_at_m,
    hydraulic_radius_m,
    joint_factor_b,
    modified_quality,
    potvin_transition_m,
    sliding_factor_c,
    stability_number,
    stability_probability,
    stress_factor_a,
)
from sxrisk.sites.stability.tributary import tributary_areas

__all__ = [
    "METHODS",
    "PARAMETERS",
    "REASONS",
    "STABILITY_COLUMNS",
    "WITHOUT_PILLARS",
    "WORDS",
    "GoafStability",
    "Method",
    "Parameter",
    "StabilityParameters",
    "Value",
    "as_value",
    "bieniawski_mpa",
    "caving_height_m",
    "caving_heights",
    "critical_span_m",
    "fixed_beam_thickness_m",
    "goaf_stability",
    "graph_faces",
    "gravity_factor_c",
    "hedley_grant_mpa",
    "hydraulic_radius_at_m",
    "hydraulic_radius_m",
    "joint_factor_b",
    "load_transfer_thickness_m",
    "lognormal",
    "lunder_pakalnis_mpa",
    "mark_bieniawski_mpa",
    "methods_table",
    "modified_quality",
    "normal",
    "obert_duvall_mpa",
    "parameter_title",
    "parameter_value",
    "pillar_safety",
    "pillar_strength_mpa",
    "pillar_stress_mpa",
    "potvin_transition_m",
    "protodyakonov_thickness_m",
    "roof_thickness",
    "salamon_munro_mpa",
    "scaled_span_m",
    "scaled_span_thickness_m",
    "sliding_factor_c",
    "stability_number",
    "stability_probability",
    "stability_problems",
    "stress_factor_a",
    "thickness_span_thickness_m",
    "triangular",
    "tributary_areas",
    "uniform",
]
