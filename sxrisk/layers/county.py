"""The county of every feature, from a boundary layer."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sxrisk.errors import CRSError, GeometryError

__all__ = ["assign_county"]

_LEVELS = ("county", "township")


def assign_county(frame: gpd.GeoDataFrame, boundary: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame with ``county`` set to the name of the boundary polygon that holds each feature.

    A line belongs to the polygon that holds its middle, an area to the one that holds a point of it; features outside
    every polygon keep what they had.

    Parameters
    ----------
    frame : GeoDataFrame
        Canonical layer, EPSG:4490.
    boundary : GeoDataFrame
        Layer of the kind ``boundary``, EPSG:4490. Of several levels, counties count, else townships, else all.

    Returns
    -------
    GeoDataFrame
        A copy; attrs are kept.

    Raises
    ------
    CRSError
        If the two are in different coordinate systems.
    GeometryError
        If the boundary has no polygon.

    Examples
    --------
    >>> square = gpd.GeoDataFrame({"name": ["合山县"]}, geometry=[shapely.box(112, 37, 113, 38)], crs=4490)
    >>> places = gpd.points_from_xy([112.5, 115.0], [37.5, 37.5])
    >>> villages = gpd.GeoDataFrame({"county": ["", ""]}, geometry=places, crs=4490)
    >>> assign_county(villages, square)["county"].tolist()
    ['合山县', '']
    """
    if frame.crs != boundary.crs:
        raise CRSError("the layer and the boundary are in different coordinate systems", expected="both in EPSG:4490")
    areas = boundary
    if "level" in boundary.columns:
        for level in _LEVELS:
            if (boundary["level"] == level).any():
                areas = boundary[boundary["level"] == level]
                break
    polygons = areas.geometry.to_numpy()
    if not (shapely.get_dimensions(polygons) == 2).any():
        raise GeometryError("the boundary has no polygon", expected="a layer of the kind boundary")
    places = shapely.point_on_surface(frame.geometry.to_numpy())
    lines = np.flatnonzero(shapely.get_type_id(frame.geometry.to_numpy()) == shapely.GeometryType.LINESTRING)
    places[lines] = shapely.line_interpolate_point(frame.geometry.to_numpy()[lines], 0.5, normalized=True)
    feature, area = shapely.STRtree(polygons).query(places, predicate="intersects")
    # On a shared border the first polygon of the layer takes the feature.
    order = np.lexsort((area, feature))
    feature, first = np.unique(feature[order], return_index=True)
    names = areas["name"].astype("str").to_numpy(dtype=object)[area[order][first]]
    result = frame.copy()
    known = result["county"].to_numpy(dtype=object).copy() if "county" in result.columns else np.full(len(result), "")
    known = np.asarray(known, dtype=object)
    known[feature] = names
    result["county"] = pd.Series(known, index=result.index, dtype="str")
    return result
