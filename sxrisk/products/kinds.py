"""How each kind of layer is shown: its group in the layer list and its colour on the map.

The colours keep away from red, orange, yellow and blue, which mean risk.
"""

from dataclasses import dataclass

__all__ = ["COLOURS", "GROUPS", "KIND_STYLES", "KindStyle", "ink_on", "kind_style"]

COLOURS = {"red": "#d4262c", "orange": "#f08019", "yellow": "#f3c911", "blue": "#2a66c8"}
GROUPS = ("hazard", "protected", "infrastructure", "base")


@dataclass(frozen=True)
class KindStyle:
    """Group, colour, and whether the layer is shown at first."""

    group: str
    colour: str
    visible: bool = True


KIND_STYLES = {
    "enterprise": KindStyle("hazard", "#5b4b8a"),
    "chemical_unit": KindStyle("hazard", "#6e4a74"),
    "release_scenario": KindStyle("hazard", "#7d6a86", visible=False),
    "individual_risk_zone": KindStyle("hazard", "#a83b78"),
    "subsidence_zone": KindStyle("hazard", "#7c5fa3"),
    "underground_mine": KindStyle("hazard", "#3d3a50"),
    "pipeline": KindStyle("hazard", "#8e2f7a"),
    "pipeline_facility": KindStyle("hazard", "#a8549a"),
    "gas_pipe": KindStyle("hazard", "#b0679f"),
    "water_pipe": KindStyle("infrastructure", "#6f9fb5", visible=False),
    "heat_pipe": KindStyle("infrastructure", "#b08a7a", visible=False),
    "tailings_pond": KindStyle("hazard", "#6d7f3a"),
    "open_pit": KindStyle("hazard", "#7a5a3c"),
    "quarry": KindStyle("hazard", "#94744f"),
    "blasting_site": KindStyle("hazard", "#4a3f35"),
    "waste_dump": KindStyle("hazard", "#8a8172"),
    "goaf": KindStyle("hazard", "#4f5d6b"),
    "well": KindStyle("hazard", "#59604f"),
    "gas_storage_zone": KindStyle("hazard", "#8d7b99"),
    "flammable_site": KindStyle("hazard", "#75483f"),
    "settlement": KindStyle("protected", "#2f7d6b"),
    "building": KindStyle("protected", "#5a8f82"),
    "school": KindStyle("protected", "#0f8a5f"),
    "hospital": KindStyle("protected", "#1c9c8c"),
    "crowd_place": KindStyle("protected", "#4d9e6a"),
    "nature_reserve": KindStyle("protected", "#4f7a3f"),
    "water_source": KindStyle("protected", "#3a8f9a"),
    "reservoir": KindStyle("protected", "#5b93a8"),
    "river_bank_zone": KindStyle("protected", "#8fb3b0"),
    "road": KindStyle("infrastructure", "#9a9184"),
    "railway": KindStyle("infrastructure", "#5d6066"),
    "river": KindStyle("infrastructure", "#7fb2cf"),
    "power_line": KindStyle("infrastructure", "#a99a3c", visible=False),
    "substation": KindStyle("infrastructure", "#8f8348"),
    "airport": KindStyle("infrastructure", "#7d7f86"),
    "rescue_base": KindStyle("infrastructure", "#2f6b4a"),
    "boundary": KindStyle("base", "#6b7480"),
    "accident": KindStyle("hazard", "#2b2b2b", visible=False),
}


def ink_on(colour: str) -> str:
    """Black or white, whichever is read better on a colour.

    Examples
    --------
    >>> ink_on("#d4262c"), ink_on("#f3c911")
    ('#ffffff', '#000000')
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 128 else "#000000"


def kind_style(kind: str) -> KindStyle:
    """Style of a kind; an unknown kind counts as a hazard source in grey.

    Examples
    --------
    >>> kind_style("school").group
    'protected'
    """
    return KIND_STYLES.get(kind, KindStyle("hazard", "#6b6b6b"))
