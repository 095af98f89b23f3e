"""How far the ground moves beside a goaf: the zone drawn by the movement angle."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from sxrisk.crs import local_metric
from sxrisk.errors import ParameterError
from sxrisk.findings import measurement, measurements_frame

__all__ = ["goaf_influence", "influence_offset_m"]

# Sides of a quarter circle: the polygon stays within 0.1 permille of the offset.
_QUAD_SEGS = 64


def influence_offset_m(
    depth_m: float, movement_angle_deg: float, *, loose_layer_m: float = 0.0, loose_angle_deg: float | None = None
) -> float:
    """How far the zone of movement reaches beyond the goaf's outline.

    ``B = h cot(phi) + (H - h) cot(delta)`` with H the depth, h the loose layer's thickness, delta the movement angle of
    the rock and phi that of the loose layer.

    Parameters
    ----------
    depth_m : float
        Depth H of the goaf below ground, m.
    movement_angle_deg : float
        Movement angle delta of the rock, degrees from the horizontal.
    loose_layer_m : float
        Thickness h of the loose layer on top, m.
    loose_angle_deg : float, optional
        Movement angle phi of the loose layer, degrees; needed where there is one.

    Returns
    -------
    float
        Metres.

    Raises
    ------
    ParameterError
        If a value is out of range.

    Examples
    --------
    >>> influence_offset_m(100.0, 45.0)
    100.0
    """
    if not 0 < depth_m < np.inf:
        raise ParameterError(f"the depth is {depth_m} m", where="depth_m", expected="metres above 0")
    if not 0 <= loose_layer_m <= depth_m:
        raise ParameterError(
            f"the loose layer is {loose_layer_m} m thick",
            where="loose_layer_m",
            expected=f"0 to the depth, {depth_m:g} m",
        )
    if loose_layer_m > 0 and loose_angle_deg is None:
        raise ParameterError("the angle of the loose layer is missing", where="loose_angle_deg", expected="degrees")
    angles = {
        "movement_angle_deg": movement_angle_deg,
        "loose_angle_deg": 90.0 if loose_angle_deg is None else loose_angle_deg,
    }
    for name, angle in angles.items():
        if not 0 < angle <= 90:
            raise ParameterError(f"the angle is {angle} degrees", where=name, expected="above 0, up to 90")
    loose = loose_layer_m / np.tan(np.radians(angles["loose_angle_deg"]))
    return float(round(loose + (depth_m - loose_layer_m) / np.tan(np.radians(movement_angle_deg)), 9))


def goaf_influence(
    goafs: gpd.GeoDataFrame,
    movement_angle_deg: float | Mapping[str, float],
    *,
    loose_layer_m: float = 0.0,
    loose_angle_deg: float | None = None,
) -> gpd.GeoDataFrame:
    """Zones of surface movement of goafs.

    The zone reaches equally far on all sides: for a flat seam. A dipping seam reaches farther on its low side.

    Parameters
    ----------
    goafs : GeoDataFrame
        Canonical layer of kind goaf, EPSG:4490, with `depth_m`; `depth_sigma_m` (1 sigma) where known.
    movement_angle_deg : float or mapping of str to float
        Movement angle for all goafs, or by id; asked of the user, never invented.
    loose_layer_m, loose_angle_deg
        See :func:`influence_offset_m`.

    Returns
    -------
    GeoDataFrame
        Measurements `influence_zone`, one a goaf: the reach beyond the outline in m, with the zone as geometry. Where
        the depth or the angle is missing the value is NaN and `method` says so: `depth_missing`,
        `movement_angle_not_given`.

    Raises
    ------
    ParameterError
        If a depth or angle is out of range.
    """
    rows: list[dict[str, Any]] = []
    for goaf in goafs.itertuples():
        name = str(goaf.id)
        angle = movement_angle_deg.get(name) if isinstance(movement_angle_deg, Mapping) else movement_angle_deg
        depth = float(getattr(goaf, "depth_m", np.nan))
        if angle is None or not np.isfinite(depth):
            why = "movement_angle_not_given" if angle is None else "depth_missing"
            rows.append(measurement("goaf", name, "influence_zone", np.nan, "m", method=why))
            continue
        reach = influence_offset_m(depth, angle, loose_layer_m=loose_layer_m, loose_angle_deg=loose_angle_deg)
        depth_sigma = float(getattr(goaf, "depth_sigma_m", np.nan))
        sigma = depth_sigma / float(np.tan(np.radians(angle)))
        rows.append(
            measurement(
                "goaf",
                name,
                "influence_zone",
                reach,
                "m",
                sigma=sigma,
                method="movement_angle",
                geometry=_zone(goaf.geometry, reach),
            )
        )
    return measurements_frame(rows)


def _zone(outline: shapely.Geometry, reach_m: float) -> shapely.Geometry:
    centre = shapely.centroid(outline)
    to_metric = local_metric(centre.x, centre.y)

    def forth(lonlat: Any) -> Any:
        return np.column_stack(to_metric.transform(lonlat[:, 0], lonlat[:, 1]))

    def back(xy: Any) -> Any:
        return np.column_stack(to_metric.transform(xy[:, 0], xy[:, 1], direction="INVERSE"))

    planar = shapely.transform(shapely.force_2d(outline), forth)
    return shapely.transform(shapely.buffer(planar, reach_m, quad_segs=_QUAD_SEGS), back)
