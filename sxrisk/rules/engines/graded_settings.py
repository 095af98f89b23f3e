"""Tables of grades by several indices: damage of buildings, stability and suitability of a site."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sxrisk.findings import Colour, Evidence
from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["GradeIndex", "GradedSettings"]

Comparison = Literal["<=", "<", ">=", ">"]
Bounds = tuple[Annotated[float, Field(ge=0)], ...]


class GradeIndex(EngineSettings):
    """One index and the bounds of its grades.

    Parameters
    ----------
    metric, unit : str
        What is compared: a measurement, or what the attributes say in its place.
    ops : tuple of {"<=", "<", ">=", ">"}
        For each bound: ``value op bound`` is the worse side.
    bounds : tuple of float, optional
        Between the grades, mildest first.
    bounds_by : mapping of str to tuple of float
        The same by the value of `column`, where they differ.
    column : str
        Attribute that chooses among `bounds_by`.
    evidence : Evidence
        How far the bounds are verified.
    attribute, divide_by : str
        Attribute that stands in for the metric, and one to divide it by.
    days_since : str
        Date; the days from it to the day of the assessment are compared.
    over_duration_of : str
        Depth in metres whose duration of movement divides these days.
    """

    metric: str
    unit: str
    ops: tuple[Comparison, ...]
    bounds: Bounds = ()
    bounds_by: Mapping[str, Bounds] = Field(default_factory=dict)
    column: str = ""
    evidence: Evidence
    attribute: str = ""
    divide_by: str = ""
    days_since: str = ""
    over_duration_of: str = ""

    @model_validator(mode="after")
    def _one_table(self) -> "GradeIndex":
        if bool(self.bounds) == bool(self.bounds_by) or bool(self.bounds_by) != bool(self.column):
            raise ValueError(f"{self.metric}: give bounds, or bounds_by with column")
        if any(len(bounds) != len(self.ops) for bounds in (self.bounds, *self.bounds_by.values()) if bounds):
            raise ValueError(f"{self.metric}: as many bounds as ops")
        return self


class GradedSettings(EngineSettings):
    """Grades and what they hang on; the worst of all indices holds.

    Parameters
    ----------
    grades : tuple of str
        Mildest first.
    colours : tuple of Colour
        Of the findings of each grade.
    indices : tuple of GradeIndex
    most_length_m : float, optional
        The table holds for things up to this length, metres; a longer one is told so.
    structure_words : tuple of str
        Words in `structure` or values of `building_use` of what the table is for.
    structure_only : bool
        Only what says one of these words; else what says nothing is graded too, and told so.
    other_structures : tuple of str
        Words of what another rule is for.
    """

    grades: Annotated[tuple[str, ...], Field(min_length=2)]
    colours: tuple[Colour, ...]
    indices: Annotated[tuple[GradeIndex, ...], Field(min_length=1)]
    most_length_m: Annotated[float, Field(gt=0)] | None = None
    structure_words: tuple[str, ...] = ()
    structure_only: bool = False
    other_structures: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "GradedSettings":
        if len(self.colours) != len(self.grades):
            raise ValueError("as many colours as grades")
        if any(len(index.ops) != len(self.grades) - 1 for index in self.indices):
            raise ValueError("one bound less than grades in every index")
        return self
