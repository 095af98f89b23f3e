"""Subsidence above caved panels: basins by the probability integral method, their time, fit and boundaries."""

from sxrisk.reach.subsidence.basin import LAYERS, subsidence_at, subsidence_basin
from sxrisk.reach.subsidence.boundary import collapse_zone, movement_boundary, terrain_boundary
from sxrisk.reach.subsidence.declared import DECLARED, Declaration, GroundField, Movement, declared_panels
from sxrisk.reach.subsidence.fit import RockFit, fit_rock, surface_points
from sxrisk.reach.subsidence.panel import Panel, RockParameters
from sxrisk.reach.subsidence.time import knothe_fraction, movement_duration_days, residual_factor

__all__ = [
    "DECLARED",
    "LAYERS",
    "Declaration",
    "GroundField",
    "Movement",
    "Panel",
    "RockFit",
    "RockParameters",
    "collapse_zone",
    "declared_panels",
    "fit_rock",
    "knothe_fraction",
    "movement_boundary",
    "movement_duration_days",
    "residual_factor",
    "subsidence_at",
    "subsidence_basin",
    "surface_points",
    "terrain_boundary",
]
