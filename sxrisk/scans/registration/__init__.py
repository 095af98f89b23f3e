"""Registration: stations onto each other and epochs onto each other, by the ground that did not move."""

from sxrisk.scans.registration.fine import register
from sxrisk.scans.registration.result import Registration
from sxrisk.scans.registration.stations import StationNetwork, register_stations

__all__ = ["Registration", "StationNetwork", "register", "register_stations"]
