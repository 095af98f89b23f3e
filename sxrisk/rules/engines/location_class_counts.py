"""How many households stand where: buildings and settlements of the layers, each dwelling counted once."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sxrisk.crs import DEGREE_M
from sxrisk.rules.engines.location_class_settings import LocationClassSettings

__all__ = ["Dwellings", "count_dwellings"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Dwellings:
    """What is counted along a pipeline.

    Parameters
    ----------
    rows : DataFrame of n rows
        number (how many it counts for), least (how many it surely adds to the others), unbounded (a building without a
        number that may hold any number of households), partial (an area whose dwellings may stand in any part of it),
        storeys (NaN unknown), sigma (m, NaN unknown), assumed (a building without a number, counted as one), coarse (a
        settlement as a point), geometry. The index is that of the features.
    lost : DataFrame
        Features, as they came, that cannot be counted: settlements without a number.
    """

    rows: pd.DataFrame
    lost: pd.DataFrame


def count_dwellings(
    features: pd.DataFrame, households: Array, storeys: Array, use: NDArray[np.object_], settings: LocationClassSettings
) -> Dwellings:
    """Numbers of dwellings of features.

    A building counts for its households. Where it states none it counts for one at least, and for just one if it has a
    single storey; no layer says how many an apartment house has, so that any other is without an upper bound, unless
    the village that it stands in bounds it. A settlement counts for its households less those of the buildings of the
    layers that stand in it: where a village is mapped house by house, the houses say where the dwellings are, and only
    the rest may be anywhere in it. A village drawn as a point has no such bounds: where dwellings stand no farther from
    it than the strip is wide they may be its own, so that it surely adds nothing to them. Where buildings are counted
    instead of households, each one is one, and the rest of a settlement is an upper bound.

    Parameters
    ----------
    features : DataFrame of n rows
        Feature rows of kinds building and settlement; others are left out.
    households, storeys : ndarray of shape (n,)
        Attributes, NaN where missing.
    use : ndarray of shape (n,)
        `building_use`, empty where missing.
    settings : LocationClassSettings

    Returns
    -------
    Dwellings
    """
    kind = features["kind"].to_numpy(dtype=object)
    geometry = features["geometry"].to_numpy(dtype=object)
    stated = np.where(households >= 0, households, np.nan)
    is_building = kind == "building"
    is_dwelling = ~np.isin(use, list(settings.not_dwelling)) | (stated > 0)
    each = np.where(np.isnan(stated) | (settings.counts == "buildings"), 1.0, stated)
    number = np.where(is_building, np.where(is_dwelling, each, 0.0), stated)
    village = np.flatnonzero(kind == "settlement")
    area = village[shapely.get_dimensions(geometry[village]) == 2]
    inside, holds = _buildings_in(geometry, np.flatnonzero(is_building), area, number)
    number[area] = np.maximum(number[area] - inside, 0.0)
    lost = np.zeros(len(features), dtype=bool)
    lost[village] = np.isnan(stated[village])
    # A village whose houses are mapped is counted by them.
    lost[area[holds & np.isnan(stated[area])]] = False
    assumed = is_building & is_dwelling & np.isnan(stated) & (settings.counts == "households")
    unbounded = assumed & (storeys != 1)
    bounded = village[(shapely.get_dimensions(geometry[village]) == 2) & (stated[village] > 0)]
    unbounded[_inside(geometry, np.flatnonzero(unbounded), bounded)] = False
    least = number.copy()
    point = village[shapely.get_dimensions(geometry[village]) < 2]
    dwelling = np.flatnonzero(is_building & (number > 0))
    least[point[_beside(geometry, point, dwelling, 2.0 * settings.half_width_m)]] = 0.0
    if settings.counts == "buildings":
        least[village] = 0.0
    counted = (number > 0) & np.isin(kind, ("building", "settlement"))
    partial = np.zeros(len(features), dtype=bool)
    partial[area] = True
    rows = pd.DataFrame(
        {
            "number": number,
            "least": least,
            "unbounded": unbounded,
            "partial": partial,
            "storeys": np.where(is_building, storeys, np.nan),
            "sigma": features["sigma"].to_numpy(dtype=np.float64),
            "assumed": assumed,
            "coarse": features["coarse"].to_numpy(dtype=bool),
            "geometry": geometry,
        },
        index=features.index,
    )
    return Dwellings(rows[counted], features[lost])


def _buildings_in(
    geometry: NDArray[np.object_], buildings: NDArray[np.intp], areas: NDArray[np.intp], number: Array
) -> tuple[Array, Mask]:
    """Numbers of the buildings in each area added up, and whether there is any; a building is in the first only."""
    total, holds = np.zeros(len(areas)), np.zeros(len(areas), dtype=bool)
    if len(areas) and len(buildings):
        place = shapely.point_on_surface(geometry[buildings])
        building, area = shapely.STRtree(geometry[areas]).query(place, predicate="intersects")
        order = np.lexsort((area, building))
        building, area = building[order], area[order]
        first = np.concatenate([[True], np.diff(building) != 0])[: len(building)]
        np.add.at(total, area[first], number[buildings[building[first]]])
        holds[area[first]] = True
    return total, holds


def _inside(geometry: NDArray[np.object_], buildings: NDArray[np.intp], areas: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of some buildings that stand in any of some areas."""
    if not (len(areas) and len(buildings)):
        return buildings[:0]
    place = shapely.point_on_surface(geometry[buildings])
    return buildings[np.unique(shapely.STRtree(geometry[areas]).query(place, predicate="intersects")[0])]


def _beside(
    geometry: NDArray[np.object_], places: NDArray[np.intp], buildings: NDArray[np.intp], reach_m: float
) -> Mask:
    """Which of some places have a building within reach, to some per cent: whose house it is no distance decides."""
    found = np.zeros(len(places), dtype=bool)
    if len(places) and len(buildings):
        centre, house = (shapely.get_coordinates(shapely.centroid(geometry[at])) for at in (places, buildings))
        scale = np.array([np.cos(np.radians(centre[:, 1].mean())), 1.0]) * DEGREE_M
        found = cKDTree(house * scale).query(centre * scale, distance_upper_bound=reach_m)[0] <= reach_m
    return np.asarray(found, dtype=bool)
