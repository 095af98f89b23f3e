"""Tables of GB 50863: class of a tailings pond by volume and by height."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from sxrisk.rules.engines.settings_base import EngineSettings

__all__ = ["TailingsClassSettings"]

Bounds = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]


class TailingsClassSettings(EngineSettings):
    """Lower bounds of the classes from class 1 on; what lies below the last is of the class after it.

    Parameters
    ----------
    volume_m3, height_m : tuple of float
    """

    volume_m3: Bounds
    height_m: Bounds

    @model_validator(mode="after")
    def _falling(self) -> "TailingsClassSettings":
        for name in ("volume_m3", "height_m"):
            if any(a <= b for a, b in pairwise(getattr(self, name))):
                raise ValueError(f"{name} must fall from class 1 on")
        if len(self.volume_m3) != len(self.height_m):
            raise ValueError("volume_m3 and height_m give different numbers of classes")
        return self
