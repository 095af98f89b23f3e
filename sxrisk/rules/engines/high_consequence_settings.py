"""What a standard says of high-consequence areas: what makes one, its grade, its boundary, what is taken together."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["HighConsequenceSettings", "PipelineSize", "PlaceUse"]

Metres = Annotated[float, Field(ge=0)]
LocationClass = Literal["1-1", "1-2", "2", "3", "4"]


class PipelineSize(EngineSettings):
    """A diameter in mm and a pressure in MPa that both are exceeded, or both are not reached."""

    diameter_mm: Annotated[float, Field(gt=0)]
    pressure_mpa: Annotated[float, Field(gt=0)]


class PlaceUse(EngineSettings):
    """How many people are at a place, and on how many days of the year."""

    population: Annotated[float, Field(gt=0)]
    days_per_year: Annotated[float, Field(gt=0)]


class HighConsequenceSettings(EngineSettings):
    """Settings of the engine `high_consequence`.

    Parameters
    ----------
    result : str
        Grade, or whatever else the segment is given.
    location_class : str, optional
        The area is where the line is in this class; else it is where the line is near an object.
    windows : LocationClassSettings, optional
        Numbers of that class, where the standard has its own.
    classes_of : str
        Rule of the engine `location_class` whose numbers are meant, where it has not.
    outside_class : str, optional
        Where the line is in this class or a higher one there is no such area.
    near_kinds : tuple of str
        Kinds of the objects that are meant by near; the others are only counted for the classes. Empty for all.
    reach : {"value", "impact_radius", "greater"}
        How near an object must be: the rule's value, the potential impact radius, or the greater of the two.
    impact_radius_media : tuple of str
        Media whose potential impact radius has the coefficient of the standard.
    unless_above, unless_below : PipelineSize, optional
        Lines that exceed both, or reach neither, come under another item.
    surely_from : PlaceUse, optional
        A crowd place that states less than either is meant only if it is of some kind, which no layer tells.
    boundary_m : float
        How far the area goes on beyond the outermost place beside a building.
    merge_m : float
        Areas no farther apart than this are one.
    """

    result: Annotated[str, Field(min_length=1)]
    location_class: LocationClass | None = None
    windows: LocationClassSettings | None = None
    classes_of: str = ""
    outside_class: LocationClass | None = None
    near_kinds: tuple[str, ...] = ()
    reach: Literal["value", "impact_radius", "greater"] = "value"
    impact_radius_media: tuple[str, ...] = ()
    unless_above: PipelineSize | None = None
    unless_below: PipelineSize | None = None
    surely_from: PlaceUse | None = None
    boundary_m: Metres = 0.0
    merge_m: Metres = 0.0

    @model_validator(mode="after")
    def _whole(self) -> "HighConsequenceSettings":
        if (self.location_class or self.outside_class) and not (self.windows or self.classes_of):
            raise ValueError("location_class and outside_class need windows or classes_of")
        return self
