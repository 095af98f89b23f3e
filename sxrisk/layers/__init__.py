"""One of the two doors: vector, raster and table files become checked GeoDataFrames and elevation models."""

from sxrisk.layers.county import assign_county
from sxrisk.layers.dem import read_dem
from sxrisk.layers.geopackage import write_layers_gpkg
from sxrisk.layers.kinds import KINDS, Attribute, Kind, kind, kinds_called
from sxrisk.layers.read import COMMON_COLUMNS, load_layer, read_layer
from sxrisk.layers.report import REJECT_COLUMNS, Issue, LayerReport, LoadedLayer

__all__ = [
    "COMMON_COLUMNS",
    "KINDS",
    "REJECT_COLUMNS",
    "Attribute",
    "Issue",
    "Kind",
    "LayerReport",
    "LoadedLayer",
    "assign_county",
    "kind",
    "kinds_called",
    "load_layer",
    "read_dem",
    "read_layer",
    "write_layers_gpkg",
]
