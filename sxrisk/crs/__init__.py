"""Where a coordinate really is: CGCS2000 zones, GCJ-02 and BD-09, legacy datums, metres on the ground.

Everything inside sxrisk is geographic CGCS2000 (EPSG:4490), longitude before latitude. WGS 84 and CGCS2000 are taken as
identical: they differ by the plate motion since 2000.0, some decimetres in Shanxi, less than screening can use.
"""

from sxrisk.crs._datums import Datum, Helmert4Fit, fit_helmert4
from sxrisk.crs._detect import OffsetGuess, detect_offset
from sxrisk.crs._metric import (
    DEGREE_M,
    GEOD,
    LEAST_DEGREE_M,
    geodesic_distance_m,
    local_metric,
    point_scale_factor,
    zone_epsg,
)
from sxrisk.crs._names import (
    CHINA_BOX,
    GEOGRAPHIC_EPSG,
    China,
    Placeable,
    PlanTransform,
    crs_source,
    geographic_transform,
    is_gauss_kruger,
    parse_crs,
    plan_transform,
    refuse_unusable,
)
from sxrisk.crs._offsets import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from sxrisk.crs._reproject import move_geometries, reproject_geometries, to_geographic

__all__ = [
    "CHINA_BOX",
    "DEGREE_M",
    "GEOD",
    "GEOGRAPHIC_EPSG",
    "LEAST_DEGREE_M",
    "China",
    "Datum",
    "Helmert4Fit",
    "OffsetGuess",
    "Placeable",
    "PlanTransform",
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "crs_source",
    "detect_offset",
    "fit_helmert4",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "geodesic_distance_m",
    "geographic_transform",
    "is_gauss_kruger",
    "local_metric",
    "move_geometries",
    "parse_crs",
    "plan_transform",
    "point_scale_factor",
    "refuse_unusable",
    "reproject_geometries",
    "to_geographic",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
    "zone_epsg",
]
