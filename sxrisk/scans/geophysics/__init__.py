"""Geophysical models: resistivity or velocity volumes and sections, from the files that inversion programs write."""

from sxrisk.scans.geophysics.model import PropertyModel
from sxrisk.scans.geophysics.reader import read_property_model

__all__ = ["PropertyModel", "read_property_model"]
