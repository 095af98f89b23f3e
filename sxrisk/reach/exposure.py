"""How many people live within a distance of a site's outline: least and greatest count."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import LEAST_DEGREE_M, local_metric
from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.statistics import Z_95

__all__ = ["population_within"]

Array = NDArray[np.float64]

# A circle of so many corners stays within 0.01 % of its radius.
_QUADRANT = 64
# Planes stand a tenth of a degree apart.
_PLANE_DECIMALS = 1


def population_within(sites: gpd.GeoDataFrame, places: gpd.GeoDataFrame, distance_m: float) -> pd.DataFrame:
    """People within a distance outside each site's outline, as a low and a high count.

    A place wholly within the distance counts in both; one that is only partly within, or perhaps within at the 95 %
    accuracy of the two positions, counts in the high one alone; one that lies wholly inside the outline in neither. A
    place drawn as a point counts as a whole. Kinds may overlap, as houses and their village do: the low count takes
    the kind with most people, the high one adds all kinds. A place that has only a number of households counts as one
    person in each, and as uncounted.

    Parameters
    ----------
    sites : GeoDataFrame of n polygons
        EPSG:4490; column `position_sigma_m` (m) where known.
    places : GeoDataFrame
        EPSG:4490; columns `population`, and where present `households`, `kind` and `position_sigma_m`.
    distance_m : float
        Metres.

    Returns
    -------
    DataFrame of n rows
        Index of `sites`; `population_low`, `population_high`, and `uncounted`: places perhaps within the distance
        whose population is unknown.

    Raises
    ------
    MissingFieldError
        If `places` has no column `population`.
    ParameterError
        If the distance is not above 0.

    Notes
    -----
    Distances are taken in a transverse Mercator plane about a place within 8 km of the site, true to 1 ppm; a round
    corner of the strip is right to 0.01 % of the distance.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> plant = gpd.GeoDataFrame(geometry=[shapely.box(112.5, 37.5, 112.502, 37.502)], crs=4490)
    >>> village = shapely.box(112.505, 37.5, 112.51, 37.502)
    >>> homes = gpd.GeoDataFrame(
    ...     {"population": [40, 300]}, geometry=[shapely.Point(112.504, 37.501), village], crs=4490
    ... )
    >>> population_within(plant, homes, 500.0).values.tolist()
    [[40.0, 340.0, 0.0]]
    """
    if not 0 < distance_m < np.inf:
        raise ParameterError(f"the distance is {distance_m} m", where="distance_m", expected="metres above 0")
    if "population" not in places.columns:
        raise MissingFieldError("the places lack the column 'population'", expected="people in each place")
    shapes = np.asarray(places.geometry.array, dtype=object)
    people = pd.to_numeric(places["population"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unknown = np.isnan(people)
    people = np.where(unknown, _households(places), people)
    kinds = (
        places["kind"].to_numpy(dtype=object) if "kind" in places.columns else np.full(len(places), "", dtype=object)
    )
    sigma, own = _sigma(places), _sigma(sites)
    tree = shapely.STRtree(shapes)
    rows = []
    for site, site_sigma in zip(sites.geometry, own, strict=True):
        reach = distance_m + Z_95 * np.hypot(site_sigma, sigma.max(initial=0.0))
        near = _around(tree, site, float(reach))
        surely, perhaps = _within(site, shapes[near], distance_m, Z_95 * np.hypot(site_sigma, sigma[near]))
        low, high = ({} if len(near) == 0 else _by_kind(people[near], kinds[near], mask) for mask in (surely, perhaps))
        lost = int((perhaps & unknown[near]).sum())
        rows.append((max(low.values(), default=0.0), sum(high.values()), lost))
    return pd.DataFrame(rows, columns=["population_low", "population_high", "uncounted"], index=sites.index)


def _around(tree: shapely.STRtree, site: shapely.Geometry, reach_m: float) -> NDArray[np.intp]:
    west, south, east, north = shapely.bounds(site)
    pad_y = reach_m / LEAST_DEGREE_M
    pad_x = pad_y / np.cos(np.radians(max(abs(south), abs(north)) + pad_y))
    return np.sort(tree.query(shapely.box(west - pad_x, south - pad_y, east + pad_x, north + pad_y)))


def _within(
    site: shapely.Geometry, places: NDArray[np.object_], distance_m: float, margin_m: Array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which places surely lie within the distance of the site, and which perhaps."""
    middle = shapely.centroid(site)
    # Neighbouring sites share a plane: setting one up takes longer than all the rest.
    to_metric = local_metric(round(middle.x, _PLANE_DECIMALS), round(middle.y, _PLANE_DECIMALS))

    def project(lonlat: Array) -> Array:
        return np.column_stack(to_metric.transform(lonlat[:, 0], lonlat[:, 1]))

    planar_site = shapely.transform(shapely.force_2d(site), project)
    planar = shapely.transform(shapely.force_2d(places), project)
    shapely.prepare(planar_site)
    outside = ~shapely.covers(planar_site, planar)
    gap = shapely.distance(planar_site, planar)
    inner = distance_m - margin_m
    surely = gap <= inner
    # A point is within as a whole; of anything else the far side must be too.
    wide = np.flatnonzero(surely & (shapely.get_type_id(planar) != 0))
    for inside in np.unique(inner[wide]):
        these = wide[inner[wide] == inside]
        surely[these] = shapely.covers(shapely.buffer(planar_site, inside, quad_segs=_QUADRANT), planar[these])
    return surely & outside, (gap <= distance_m + margin_m) & outside


def _by_kind(people: Array, kinds: NDArray[np.object_], mask: NDArray[np.bool_]) -> dict[str, float]:
    return {kind: float(people[mask & (kinds == kind)].sum()) for kind in set(kinds)}


def _households(places: gpd.GeoDataFrame) -> Array:
    if "households" not in places.columns:
        return np.zeros(len(places))
    return pd.to_numeric(places["households"], errors="coerce").fillna(0.0).to_numpy(dtype=np.float64)


def _sigma(frame: gpd.GeoDataFrame) -> Array:
    if "position_sigma_m" not in frame.columns:
        return np.zeros(len(frame))
    return np.asarray(frame["position_sigma_m"].astype("float64").fillna(0.0), dtype=np.float64)
