"""The base of the tables that an engine takes from its standard."""

from pydantic import BaseModel, ConfigDict

__all__ = ["EngineSettings"]


class EngineSettings(BaseModel):
    """Base of the settings of an engine: the table ``[rules.settings]`` of a catalogue entry."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
