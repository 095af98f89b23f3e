"""One of the two doors: vector, raster and table files become checked GeoDataFrames and elevation models."""

from sxrisk.layers._crs import DETECT
from sxrisk.layers.county import assign_county
from sxrisk.layers.databases.postgis import read_postgis, write_postgis
from sxrisk.layers.dem import read_dem
from sxrisk.layers.drawings.mine_plan import goafs_from_mine_plan
from sxrisk.layers.geopackage import write_layers_gpkg
from sxrisk.layers.kinds import KINDS, Attribute, Kind, describe_kind, kind, kinds_called, with_synonyms
from sxrisk.layers.quality.report import QUALITY_COLUMNS, check_quality
from sxrisk.layers.read import COMMON_COLUMNS, load_layer, read_layer
from sxrisk.layers.readings.series import LoadedSeries, load_series, read_series
from sxrisk.layers.report import REJECT_COLUMNS, Issue, LayerReport, LoadedLayer

__all__ = [
    "COMMON_COLUMNS",
    "DETECT",
    "KINDS",
    "QUALITY_COLUMNS",
    "REJECT_COLUMNS",
    "Attribute",
    "Issue",
    "Kind",
    "LayerReport",
    "LoadedLayer",
    "LoadedSeries",
    "assign_county",
    "check_quality",
    "describe_kind",
    "goafs_from_mine_plan",
    "kind",
    "kinds_called",
    "load_layer",
    "load_series",
    "read_dem",
    "read_layer",
    "read_postgis",
    "read_series",
    "with_synonyms",
    "write_layers_gpkg",
    "write_postgis",
]
