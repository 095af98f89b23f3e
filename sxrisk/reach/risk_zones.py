"""Individual risk of an inventory's release scenarios as a layer that maps can show."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from sxrisk.reach.individual_risk import LETHALITY_COLUMNS, LethalityCurve, individual_risk_contours

__all__ = ["RISK_ZONE", "individual_risk_zones"]

#: Kind of the features that :func:`individual_risk_zones` returns.
RISK_ZONE = "individual_risk_zone"


def individual_risk_zones(scenarios: gpd.GeoDataFrame, levels_per_year: Sequence[float]) -> gpd.GeoDataFrame:
    """Zones of individual risk as a layer; scenarios without a usable frequency or radii are left out.

    Parameters
    ----------
    scenarios : GeoDataFrame
        Features of kind ``release_scenario``.
    levels_per_year : sequence of float
        Levels, per year.

    Returns
    -------
    GeoDataFrame
        ``id``, ``name`` (the level), ``kind``, ``level_per_year``, ``area_m2``, ``scenarios`` (how many were added up),
        geometry in EPSG:4490; highest level first, without rows where no level is reached.

    See Also
    --------
    sxrisk.reach.individual_risk_contours : The method; it refuses what this function leaves out.
        The criteria tell which scenarios those are.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> values = {"frequency_per_year": [1e-4, float("nan")]}
    >>> radii = {f"radius_lethality_{p}_m": [r, r] for p, r in ((90, 50.0), (50, 100.0), (10, 200.0))}
    >>> places = [shapely.Point(112.5, 37.5), shapely.Point(112.6, 37.5)]
    >>> zones = individual_risk_zones(gpd.GeoDataFrame({**values, **radii}, geometry=places, crs=4490), [1e-5])
    >>> zones["name"].tolist(), zones["scenarios"].tolist()
    (['1e-05 /a'], [1])
    """
    usable = scenarios[_usable(scenarios)]
    levels = list(levels_per_year)
    if not len(usable) or not levels:
        columns = ("id", "name", "kind", "level_per_year", "area_m2", "scenarios")
        return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=4490)
    found = individual_risk_contours(usable, levels)
    names = [f"{level:g} /a" for level in found["level_per_year"]]
    table = pd.DataFrame(
        {
            "id": [f"IR-{level:g}" for level in found["level_per_year"]],
            "name": names,
            "kind": RISK_ZONE,
            "level_per_year": found["level_per_year"],
            "area_m2": found["area_m2"].round(1),
            "scenarios": len(usable),
        }
    )
    return gpd.GeoDataFrame(table, geometry=found.geometry.array, crs=found.crs)


def _usable(scenarios: gpd.GeoDataFrame) -> np.ndarray:
    columns = ["frequency_per_year", *LETHALITY_COLUMNS]
    values = scenarios.reindex(columns=columns).apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    curves = [LethalityCurve.of(*(float(radius) for radius in row[1:])) for row in values]
    told = np.isfinite(values[:, 0]) & (values[:, 0] > 0) if len(values) else np.empty(0, dtype=bool)
    return told & np.array([curve is not None for curve in curves], dtype=bool)
