"""The engines by the name that a catalogue entry gives."""

from collections.abc import Mapping

from sxrisk.rules.context import Engine
from sxrisk.rules.distance import apply_crossing, apply_distance
from sxrisk.rules.engines.blasting import apply_airblast, apply_blast_vibration
from sxrisk.rules.engines.graded import apply_graded
from sxrisk.rules.engines.hazard_installation import apply_hazard_installation
from sxrisk.rules.engines.high_consequence import apply_high_consequence
from sxrisk.rules.engines.individual_risk import apply_individual_risk
from sxrisk.rules.engines.influence import apply_influence
from sxrisk.rules.engines.location_class import apply_location_class
from sxrisk.rules.engines.measured import apply_measured
from sxrisk.rules.engines.multiple import apply_multiple
from sxrisk.rules.engines.pair import apply_pair
from sxrisk.rules.engines.tailings_class import apply_tailings_class

__all__ = ["ENGINES"]

ENGINES: Mapping[str, Engine] = {
    "airblast": apply_airblast,
    "blast_vibration": apply_blast_vibration,
    "crossing": apply_crossing,
    "distance": apply_distance,
    "graded": apply_graded,
    "hazard_installation": apply_hazard_installation,
    "high_consequence": apply_high_consequence,
    "individual_risk": apply_individual_risk,
    "influence": apply_influence,
    "location_class": apply_location_class,
    "measured": apply_measured,
    "multiple": apply_multiple,
    "pair": apply_pair,
    "tailings_class": apply_tailings_class,
}
