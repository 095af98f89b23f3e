"""Tables of GB 36894: which limit holds for whom."""

from typing import Annotated, Literal

from pydantic import Field

from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["IndividualRiskSettings"]

Count = Annotated[int, Field(gt=0)]


class IndividualRiskSettings(EngineSettings):
    """Which targets and which installations a limit is for.

    Parameters
    ----------
    target_class : {1, 2, 3}
        1 stands for highly sensitive, important and general class 1 targets, 2 and 3 for the general classes.
    installations : {"new", "in_service"}
        `new`: only where a unit that is planned, being built, or built since `new_since` takes part in the risk.
    first_class_kinds, first_class_uses : tuple of str
        Kinds, and values of `building_use`, that are of class 1 whatever their number of people.
    households, persons : pair of int
        From the first number on class 1, from the second class 2, below class 3; the stricter of the two holds.
    """

    target_class: Literal[1, 2, 3]
    installations: Literal["new", "in_service"]
    first_class_kinds: tuple[str, ...]
    first_class_uses: tuple[str, ...]
    households: tuple[Count, Count]
    persons: tuple[Count, Count]
