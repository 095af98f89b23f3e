"""Tables of GB 6722: ground constants, allowed vibration, and the air wave."""

from typing import Annotated

from pydantic import Field, model_validator

from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["AirblastSettings", "BlastVibrationSettings", "Ground", "ObjectClass"]

Positive = Annotated[float, Field(gt=0)]


class Ground(EngineSettings):
    """Least and greatest K and alpha of a rock."""

    k: tuple[Positive, Positive]
    alpha: tuple[Positive, Positive]


class ObjectClass(EngineSettings):
    """A row of the table of allowed velocities.

    Parameters
    ----------
    velocity_cm_per_s : tuple of float
        Lower end of the allowed range in each band of frequency.
    uses : tuple of str
        Values of `building_use` that belong to it.
    kinds : tuple of str
        Kinds all of which belong to it.
    structure_words : tuple of str
        Words in `structure` or `building_use` that tell it.
    """

    velocity_cm_per_s: Annotated[tuple[Positive, ...], Field(min_length=1)]
    uses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    structure_words: tuple[str, ...] = ()


class BlastVibrationSettings(EngineSettings):
    """Constants and allowed velocities.

    Parameters
    ----------
    grounds : mapping of str to Ground
        By the attribute `rock`.
    frequency_up_to_hz : tuple of float
        Upper ends of all bands of frequency but the last.
    lowest_frequency_hz : mapping of str to float
        By `blast_method`: what a blast has at least, where no frequency is given.
    classes : mapping of str to ObjectClass
        Rows of the table, from the least to the most delicate: the last one that speaks for an object holds.
    otherwise : str
        Class of what no row names.
    """

    grounds: Annotated[dict[str, Ground], Field(min_length=1)]
    frequency_up_to_hz: tuple[Positive, ...]
    lowest_frequency_hz: dict[str, Annotated[float, Field(ge=0)]]
    classes: Annotated[dict[str, ObjectClass], Field(min_length=1)]
    otherwise: str

    @model_validator(mode="after")
    def _fits(self) -> "BlastVibrationSettings":
        bands = len(self.frequency_up_to_hz) + 1
        if any(len(entry.velocity_cm_per_s) != bands for entry in self.classes.values()):
            raise ValueError(f"every class needs {bands} velocities, one for each band of frequency")
        if list(self.frequency_up_to_hz) != sorted(self.frequency_up_to_hz):
            raise ValueError("frequency_up_to_hz must rise")
        if self.otherwise not in self.classes:
            raise ValueError(f"otherwise names {self.otherwise!r}, which is no class")
        return self


class AirblastSettings(EngineSettings):
    """Allowed overpressure (10^5 Pa) and the three coefficients of the formula."""

    overpressure_1e5_pa: Positive
    coefficients: tuple[Positive, Positive, Positive]
