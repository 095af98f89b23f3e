"""What a survey says of a goaf, as the methods ask for it: spans, thickness, pillars, faces, each with its 1 sigma."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from sxrisk.errors import GeometryError
from sxrisk.sites.stability.methods import PARAMETERS
from sxrisk.sites.stability.parameters import StabilityParameters
from sxrisk.sites.stability.ranges import Value
from sxrisk.sites.stability.tributary import tributary_areas

if TYPE_CHECKING:
    from sxrisk.sites.goafs.shape import CrownPillar, GoafFace, GoafShape

__all__ = ["WITHOUT_PILLARS", "measured_faces", "measured_pillars", "measured_roofs", "measured_value", "measured_void"]

#: Behind the id of a roof: the same roof if its pillars held nothing.
WITHOUT_PILLARS = "/without-pillars"
# Two walls stand at the ends of a span.
_ENDS = math.sqrt(2.0)


def measured_value(name: str, value: float, sigma: float = math.nan) -> Value | None:
    """A measured number as the methods take it: normal inside what the quantity can be, exact where sigma is unknown.

    Parameters
    ----------
    name : str
        One of :data:`sxrisk.sites.stability.PARAMETERS`.
    value, sigma : float
        In its unit; NaN where unknown.

    Returns
    -------
    Value or None
        None where nothing was measured.

    Examples
    --------
    >>> measured_value("span_m", 12.0, 0.1).middle, measured_value("span_m", float("nan"))
    (12.0, None)
    """
    if not math.isfinite(value):
        return None
    if not sigma > 0:
        return Value("exact", (float(value),))
    limits = PARAMETERS[name]
    low = math.nextafter(limits.low, math.inf) if limits.low_open else limits.low
    high = math.nextafter(limits.high, -math.inf) if limits.high_open else limits.high
    return Value("normal", (float(value), float(sigma)), low, high)


def measured_void(shape: "GoafShape", crowns: "Sequence[CrownPillar]") -> dict[str, Value]:
    """Measures of the goaf as a whole, by the names that the methods have for them.

    The mined thickness is the volume over the plan area: an upright height, so that the dip of the seam adds nothing.

    Parameters
    ----------
    shape : GoafShape
    crowns : sequence of CrownPillar
        Where one goes to the ground, the rock above is known.

    Returns
    -------
    dict of str to Value
    """
    area = float(shape.outline.area)
    volume = shape.volume
    found = {
        "goaf_height_m": measured_value("goaf_height_m", _greatest(shape.height_m), _ENDS * shape.sigma_m),
        "strike_length_m": measured_value("strike_length_m", shape.length_m, _ENDS * shape.sigma_m),
        "thickness_m": measured_value("thickness_m", volume.best_m3 / area, volume.sigma_m3 / area),
        "seam_dip_deg": Value("exact", (0.0,)),
    }
    ground = _to_ground(crowns)
    if ground is not None:
        found["overburden_m"] = measured_value("overburden_m", ground.minimum_m, ground.sigma_m)
    return {name: value for name, value in found.items() if value is not None}


def measured_roofs(shape: "GoafShape", crowns: "Sequence[CrownPillar]") -> list[tuple["GoafFace", dict[str, Value]]]:
    """Each roof with its span and the least thickness of the crown pillar over it."""
    roofs = []
    for face in shape.roofs:
        found = {"span_m": measured_value("span_m", face.span_m, _ENDS * shape.sigma_m)}
        above = [
            (float(_within(crown.thickness_m, face.outline).min(initial=math.inf)), crown.sigma_m) for crown in crowns
        ]
        if above:
            found["available_m"] = measured_value("available_m", *min(above))
        roofs.append((face, {name: value for name, value in found.items() if value is not None}))
    return roofs


def measured_pillars(shape: "GoafShape", crowns: "Sequence[CrownPillar]") -> pd.DataFrame:
    """The pillars as :func:`sxrisk.sites.stability.pillar_safety` asks for them.

    The width is that of the largest circle inside the pillar, the tributary area that of the plan as measured, the
    depth the mean of the rock over the ground that the pillar carries.

    Parameters
    ----------
    shape : GoafShape
    crowns : sequence of CrownPillar
        Where one goes to the ground, the depth is known.

    Returns
    -------
    DataFrame
        ``id, width_m, length_m, height_m, plan_area_m2``, and where known ``tributary_area_m2, depth_m``.
    """
    pillars = shape.pillars
    carried = _carried_m2(shape)
    ground = _to_ground(crowns)
    rows = []
    for number, pillar in enumerate(pillars.to_dict("records")):
        sigma = float(pillar["width_sigma_m"])
        found = {
            "width_m": measured_value("width_m", pillar["least_width_m"], sigma),
            "length_m": measured_value("length_m", pillar["length_m"], sigma),
            "height_m": measured_value("height_m", pillar["height_m"], _ENDS * shape.sigma_m),
            "plan_area_m2": measured_value("plan_area_m2", pillar["plan_area_m2"]),
            "tributary_area_m2": measured_value("tributary_area_m2", carried[number]),
        }
        if ground is not None and math.isfinite(carried[number]):
            around = pillar["geometry"].centroid.buffer(math.sqrt(carried[number] / math.pi))
            above = _within(ground.thickness_m, around)
            depth = float(above.mean()) if above.size else math.nan
            found["depth_m"] = measured_value("depth_m", depth, ground.sigma_m)
        rows.append({"id": str(pillar["id"]), **{name: value for name, value in found.items() if value is not None}})
    return pd.DataFrame(rows, columns=None if rows else ["id"])


def measured_faces(shape: "GoafShape", parameters: StabilityParameters) -> pd.DataFrame:
    """Roofs and walls of the rock around as :func:`sxrisk.sites.stability.graph_faces` asks for them.

    A roof that stands on pillars comes twice, the second time as if they held nothing; walls of pillars are the
    pillars' own matter.

    Parameters
    ----------
    shape : GoafShape
    parameters : StabilityParameters
        What differs from face to face.

    Returns
    -------
    DataFrame
        ``face, hydraulic_radius_m, dip_deg, failure`` and what the user said of it.
    """
    rows: list[dict[str, Any]] = []
    for face in (*shape.roofs, *(wall for wall in shape.walls if not wall.pillar_id)):
        share = face.area_sigma_m2 / face.area_m2
        radii = {face.id: face.hydraulic_radius_m}
        if face.outer_perimeter_m < face.perimeter_m:
            radii[face.id + WITHOUT_PILLARS] = face.hydraulic_radius_outer_m
        for name, radius in radii.items():
            rows.append(
                {
                    "face": name,
                    "hydraulic_radius_m": measured_value("hydraulic_radius_m", radius, radius * share),
                    "dip_deg": measured_value("dip_deg", face.dip_deg, face.dip_sigma_deg),
                    **parameters.of_face(face.id, face.kind),
                }
            )
    return pd.DataFrame(rows, columns=None if rows else ["face"], dtype=object)


def _to_ground(crowns: "Sequence[CrownPillar]") -> "CrownPillar | None":
    return next((crown for crown in crowns if crown.above == "terrain"), None)


def _carried_m2(shape: "GoafShape") -> NDArray[np.float64]:
    """Tributary area of each pillar; NaN where its room cannot be told."""
    outlines = shape.pillars.geometry.to_numpy()
    carried = np.full(len(outlines), np.nan)
    for room in getattr(shape.outline, "geoms", [shape.outline]):
        whole = shapely.Polygon(room.exterior)
        mine = np.flatnonzero([whole.contains_properly(pillar) for pillar in outlines])
        if len(mine):
            carried[mine] = _shared_out(outlines[mine], whole)
    return carried


def _shared_out(pillars: Sequence[Any], room: Any) -> Any:
    try:
        return tributary_areas(list(pillars), room)["tributary_area_m2"].to_numpy()
    except GeometryError:
        # Pillars that touch each other have no bord between them to share.
        return math.nan


def _greatest(grid: xr.DataArray) -> float:
    values = np.asarray(grid.to_numpy(), dtype=np.float64)
    return float(np.nanmax(values)) if np.isfinite(values).any() else math.nan


def _within(grid: xr.DataArray, area: Any) -> NDArray[np.float64]:
    """Known values of a raster whose cells' centres lie in an area."""
    x, y = grid.x.to_numpy(), grid.y.to_numpy()
    left, bottom, right, top = area.bounds
    columns, rows = np.flatnonzero((x >= left) & (x <= right)), np.flatnonzero((y >= bottom) & (y <= top))
    if not len(columns) or not len(rows):
        return np.empty(0)
    shapely.prepare(area)
    inside = shapely.contains_xy(area, *np.meshgrid(x[columns], y[rows]))
    values = np.asarray(grid.to_numpy(), dtype=np.float64)[np.ix_(rows, columns)][inside]
    return values[np.isfinite(values)]
