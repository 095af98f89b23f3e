"""The engines by the name that a catalogue entry gives."""

from collections.abc import Mapping

from sxrisk.rules.context import Engine
from sxrisk.rules.distance import apply_crossing, apply_distance
from sxrisk.rules.influence import apply_influence
from sxrisk.rules.measured import apply_measured
from sxrisk.rules.multiple import apply_multiple
from sxrisk.rules.pair import apply_pair

__all__ = ["ENGINES"]

ENGINES: Mapping[str, Engine] = {
    "crossing": apply_crossing,
    "distance": apply_distance,
    "influence": apply_influence,
    "measured": apply_measured,
    "multiple": apply_multiple,
    "pair": apply_pair,
}
