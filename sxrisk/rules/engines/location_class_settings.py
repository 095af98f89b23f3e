"""What a standard says of location classes: the window, the numbers that divide the classes, the design factors."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["LocationClassSettings"]

Positive = Annotated[float, Field(gt=0)]


class LocationClassSettings(EngineSettings):
    """Settings of the engine `location_class`; the rule's value is the number above which class 2 begins.

    Parameters
    ----------
    unit_length_m, half_width_m : float
        Length of the window, and its reach to each side of the centreline.
    boundary_m : float
        Least distance of a class boundary from the outer edge of the nearest building.
    counts : {"households", "buildings"}
        What is counted.
    class_3_from : float
        Number from which class 3 begins.
    class_4_storeys : int
        Storeys of the buildings that prevail in class 4.
    prevailing_share : float
        Share of the buildings with known storeys from which they are taken to prevail.
    not_dwelling : tuple of str
        Values of `building_use` that are no dwelling, unless the building states households.
    gathering_place_m : float, optional
        A line nearer than this to an outdoor gathering place is in class 3.
    design_factors : mapping of str to float
        Strength design factor of each class.
    """

    unit_length_m: Positive
    half_width_m: Positive
    boundary_m: Annotated[float, Field(ge=0)]
    counts: Literal["households", "buildings"]
    class_3_from: Positive
    class_4_storeys: Annotated[int, Field(gt=0)]
    prevailing_share: Annotated[float, Field(gt=0, le=1)]
    not_dwelling: tuple[str, ...] = ()
    gathering_place_m: Positive | None = None
    design_factors: Mapping[str, Positive] = Field(default_factory=dict)
