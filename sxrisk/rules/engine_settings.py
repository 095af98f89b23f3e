"""What an engine needs beyond the common fields of a criterion: the tables of its standard, by engine name."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

__all__ = ["SETTINGS", "EngineSettings"]


class EngineSettings(BaseModel):
    """Base of the settings of an engine: the table ``[rules.settings]`` of a catalogue entry."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


#: Engines that have settings. An entry of any other engine may have none.
SETTINGS: Mapping[str, type[EngineSettings]] = {}
