"""Tables of GB 18218: critical quantities, correction factors and grades of major hazard installations."""

from typing import Annotated

from pydantic import Field, model_validator

from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["Band", "Category", "HazardInstallationSettings", "Substance"]

Positive = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]


class Substance(EngineSettings):
    """One named substance.

    Parameters
    ----------
    zh, en : str
        Its name.
    also : tuple of str
        Other names.
    cas : tuple of str
        CAS numbers.
    critical_t : float
        Critical quantity Q, t.
    beta : float, optional
        Correction factor where the standard names the substance.
    category : str
        Class that its factor is taken from otherwise; empty where it is not settled.
    """

    zh: Text
    en: Text
    also: tuple[str, ...] = ()
    cas: tuple[str, ...] = ()
    critical_t: Positive
    beta: Positive | None = None
    category: str = ""


class Category(EngineSettings):
    """A class of hazards: critical quantity (t) of what is not named, and correction factor."""

    critical_t: Positive
    beta: Positive


class Band(EngineSettings):
    """From a lower bound on, a factor or grade holds."""

    at_least: Annotated[float, Field(ge=0)]
    gives: Positive


class HazardInstallationSettings(EngineSettings):
    """Either the tables of identification, or those of grading.

    Parameters
    ----------
    substances : tuple of Substance
    categories : mapping of str to Category
    identified_by : str
        Id of the rule that holds the two tables above.
    population_distance_m : float
        How far from the boundary people are counted.
    uses_without_residents : tuple of str
        Values of `building_use` of buildings in which nobody lives: without a number they hold nobody.
    population_factors, grades : tuple of Band
        By the number of people, and by R.
    """

    substances: tuple[Substance, ...] = ()
    categories: dict[str, Category] = Field(default_factory=dict)
    identified_by: str = ""
    population_distance_m: Positive | None = None
    uses_without_residents: tuple[str, ...] = ()
    population_factors: tuple[Band, ...] = ()
    grades: tuple[Band, ...] = ()

    @model_validator(mode="after")
    def _one_half(self) -> "HazardInstallationSettings":
        identifies = bool(self.substances and self.categories)
        grading = self.identified_by and self.population_distance_m and self.population_factors and self.grades
        if identifies == bool(grading):
            raise ValueError(
                "give either substances and categories, or identified_by, population_distance_m, population_factors "
                "and grades"
            )
        unknown = {entry.category for entry in self.substances if entry.category} - set(self.categories)
        if unknown:
            raise ValueError(f"no such category: {', '.join(sorted(unknown))}")
        for name, bands in (("population_factors", self.population_factors), ("grades", self.grades)):
            bounds = [band.at_least for band in bands]
            if bands and (bounds != sorted(bounds, reverse=True) or bounds[-1] != 0):
                raise ValueError(f"{name} go from the highest bound down to 0")
        return self
