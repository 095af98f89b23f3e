"""What an engine needs beyond the common fields of a criterion: the tables of its standard, by engine name."""

from collections.abc import Mapping

from sxrisk.rules.engines.blasting_settings import AirblastSettings, BlastVibrationSettings
from sxrisk.rules.engines.graded_settings import GradedSettings
from sxrisk.rules.engines.hazard_installation_settings import HazardInstallationSettings
from sxrisk.rules.engines.high_consequence_settings import HighConsequenceSettings
from sxrisk.rules.engines.individual_risk_settings import IndividualRiskSettings
from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.engines.settings_base import EngineSettings
from sxrisk.rules.engines.tailings_class_settings import TailingsClassSettings

__all__ = ["SETTINGS", "EngineSettings"]

#: Engines that have settings. An entry of any other engine may have none.
SETTINGS: Mapping[str, type[EngineSettings]] = {
    "airblast": AirblastSettings,
    "blast_vibration": BlastVibrationSettings,
    "graded": GradedSettings,
    "hazard_installation": HazardInstallationSettings,
    "high_consequence": HighConsequenceSettings,
    "individual_risk": IndividualRiskSettings,
    "location_class": LocationClassSettings,
    "tailings_class": TailingsClassSettings,
}
