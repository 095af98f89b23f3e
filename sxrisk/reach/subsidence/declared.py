"""Panels from a layer of goafs, under what the user declares: rock, stage of the movement, whether roofs cave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import local_metric
from sxrisk.errors import ParameterError
from sxrisk.reach.subsidence._kernels import REACH
from sxrisk.reach.subsidence.boundary import collapse_zone
from sxrisk.reach.subsidence.panel import LEAST_DEPTH_TO_THICKNESS, Panel, RockParameters
from sxrisk.reach.subsidence.time import knothe_fraction, residual_factor

__all__ = ["DECLARED", "Declaration", "GroundField", "Movement", "declared_panels"]

Array = NDArray[np.float64]
Movement = Literal["final", "to_date", "to_come", "residual"]

#: What may be declared for all goafs or for one, and its unit. The first three are asked for of every caved goaf.
DECLARED: Mapping[str, str] = {
    "q": "1", "tan_beta": "1", "b": "1", "s_ratio": "1", "theta0_deg": "deg", "roof_caves": "yes or no",
    "caving_angle_deg": "deg", "knothe_rate_per_year": "1/a", "residual_k": "1",
    "q_sigma": "1", "tan_beta_sigma": "1", "b_sigma": "1",
}  # fmt: skip
_ASKED = ("q", "tan_beta", "b", "s_ratio")
_SPREAD = ("q", "tan_beta", "b")
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class GroundField:
    """Goafs whose movements can overlap, in one local projection.

    Parameters
    ----------
    panels : mapping of str to Panel
        By id of the goaf; `name` of each is that id.
    to_metric : pyproj.Transformer
        From EPSG:4490 to the panels' transverse Mercator, scale 1 at their middle.
    sigma : mapping of str to float
        1 sigma of q, tan_beta and b, as far as declared.
    movement : {"final", "to_date", "to_come", "residual"}
        Which part of the movement the panels stand for.
    """

    panels: Mapping[str, Panel]
    to_metric: Any
    sigma: Mapping[str, float]
    movement: Movement = "final"

    @property
    def crs(self) -> CRS:
        """The local projection, metres."""
        return CRS.from_user_input(self.to_metric.target_crs)

    @property
    def reach(self) -> Any:
        """Where the panels can be felt, in the local projection: a union of boxes."""
        return shapely.union_all([shapely.box(*_box(panel)) for panel in self.panels.values()])

    def forward(self, geometry: Any) -> Any:
        """Geometries in EPSG:4490 moved into the local projection."""
        return shapely.transform(
            shapely.force_2d(geometry), lambda c: np.column_stack(self.to_metric.transform(c[:, 0], c[:, 1]))
        )

    def back(self, geometry: Any) -> Any:
        """Geometries in the local projection moved to EPSG:4490."""
        return shapely.transform(
            geometry, lambda c: np.column_stack(self.to_metric.transform(c[:, 0], c[:, 1], direction="INVERSE"))
        )

    def varied(self) -> list[tuple[list[Panel], list[Panel]]]:
        """Panels with a parameter one sigma lower and higher, a pair for each parameter that has a sigma."""
        pairs = []
        for name in _SPREAD:
            sigma = self.sigma.get(name, 0.0)
            if sigma > 0:
                ends = []
                for sign in (-1.0, 1.0):
                    ends.append(
                        [
                            replace(panel, rock=replace(panel.rock, **{name: getattr(panel.rock, name) + sign * sigma}))
                            for panel in self.panels.values()
                        ]
                    )
                pairs.append((ends[0], ends[1]))
        return pairs


@dataclass(frozen=True)
class Declaration:
    """What :func:`declared_panels` makes of a layer.

    Parameters
    ----------
    fields : tuple of GroundField
        Groups of goafs that cannot be felt in each other's ground.
    zones : GeoDataFrame
        Collapse zones of goafs too shallow for a basin: ``id``, ``reach_m``, geometry in EPSG:4490.
    gaps : DataFrame
        Goafs without a basin: ``id``, ``reason`` as a code of the catalogue.
    """

    fields: tuple[GroundField, ...]
    zones: gpd.GeoDataFrame
    gaps: pd.DataFrame


def declared_panels(
    goafs: gpd.GeoDataFrame,
    values: Mapping[str, float | bool],
    by_goaf: Mapping[str, Mapping[str, float | bool]] | None = None,
    *,
    as_of: date,
    movement: Movement = "final",
) -> Declaration:
    """Caved panels of a layer of goafs with the parameters that the user declares.

    A goaf is a caved panel where its attribute `goaf_state` says `caved`. An open void carries its roof: it becomes a
    panel only where `roof_caves` is declared for it, with the q that holds for that scenario. Where the depth is less
    than 30 times the thickness no basin forms; with a declared `caving_angle_deg` a collapse zone is drawn instead.

    Parameters
    ----------
    goafs : GeoDataFrame
        Canonical layer of kind goaf, EPSG:4490: `id`, `depth_m` (at the middle of the outline), `thickness_m`, and
        `dip_deg`, `dip_direction_deg` (degrees from north), `goaf_state`, `stopped_on` where known.
    values : mapping of str to float or bool
        Declared for all goafs, keys of :data:`DECLARED`; `s_ratio` is the inflection offset over the depth.
    by_goaf : mapping of str to mapping, optional
        Declared for one goaf, by its id; goes before `values`.
    as_of : date
        Day of the assessment.
    movement : {"final", "to_date", "to_come", "residual"}
        All movement; what has come since `stopped_on` by Knothe's function, or what has not; or the residual
        subsidence of an old goaf (advisory: see :func:`residual_factor`).

    Returns
    -------
    Declaration

    Raises
    ------
    ParameterError
        If a key is unknown, an id in `by_goaf` is none of a goaf, or a value outside its range.

    Examples
    --------
    >>> goafs = gpd.GeoDataFrame(
    ...     {"id": ["G1", "G2"], "depth_m": 200.0, "thickness_m": 3.0, "dip_deg": 0.0, "goaf_state": ["caved", "open"]},
    ...     geometry=[shapely.box(112.0, 37.0, 112.005, 37.004), shapely.box(112.1, 37.0, 112.105, 37.004)], crs=4490)
    >>> made = declared_panels(goafs, {"q": 0.7, "tan_beta": 2.0, "b": 0.3, "s_ratio": 0.1}, as_of=date(2026, 6, 30))
    >>> [list(field.panels) for field in made.fields], made.gaps.values.tolist()
    ([['G1']], [['G2', 'open_void_stands']])
    """
    by_goaf = by_goaf or {}
    _check_declared(goafs, values, by_goaf)
    ready: list[tuple[str, Panel, Any, Mapping[str, float]]] = []
    zones: list[dict[str, Any]] = []
    gaps: list[dict[str, str]] = []
    for row in goafs.to_dict("records"):
        goaf = str(row["id"])
        told = {**values, **by_goaf.get(goaf, {})}
        reason = _reason(row, told, movement)
        if reason == "too_shallow_for_basin":
            zones += _zone(goaf, row, told)
            if "caving_angle_deg" not in told:
                reason = "value_not_given:caving_angle_deg"
        if not reason:
            centre = shapely.centroid(row["geometry"])
            to_metric = local_metric(round(centre.x, 6), round(centre.y, 6))
            panel = _panel(goaf, row, told, movement, as_of, to_metric)
            if panel is None:
                reason = "movement_over"
            elif panel.outline.buffer(-panel.rock.inflection_offset_m, join_style="mitre").is_empty:
                reason = "panel_narrower_than_offset"
            else:
                sigma = {name: float(told.get(f"{name}_sigma", 0.0)) for name in _SPREAD}
                ready.append((goaf, panel, to_metric, sigma))
        if reason:
            gaps.append({"id": goaf, "reason": reason})
    shapes = gpd.GeoDataFrame(zones, columns=["id", "reach_m", "geometry"], geometry="geometry", crs=4490)
    return Declaration(_grouped(ready, movement), shapes, pd.DataFrame(gaps, columns=["id", "reason"]))


def _check_declared(
    goafs: gpd.GeoDataFrame,
    values: Mapping[str, float | bool],
    by_goaf: Mapping[str, Mapping[str, float | bool]],
) -> None:
    for where, told in (("subsidence.values", values), *((f"subsidence.goafs.{k}", v) for k, v in by_goaf.items())):
        if unknown := sorted(set(told) - set(DECLARED)):
            raise ParameterError(f"{unknown[0]!r} cannot be declared", where=where, expected=", ".join(DECLARED))
        for name, value in told.items():
            if (name == "roof_caves") != isinstance(value, bool) or not np.isfinite(value) or value < 0:
                kind = "true or false" if name == "roof_caves" else "a number from 0"
                raise ParameterError(f"{name} is {value!r}", where=where, expected=kind)
    if unknown := sorted(set(by_goaf) - set(goafs["id"].astype("str"))):
        raise ParameterError(f"there is no goaf {unknown[0]!r}", where="subsidence.goafs", expected="ids of goafs")


def _number(row: Mapping[str, Any], name: str) -> float:
    value: Any = row.get(name)
    return float("nan") if value is None or value is pd.NA else float(value)


def _reason(row: Mapping[str, Any], told: Mapping[str, float | bool], movement: Movement) -> str:
    """Why a goaf has no basin; empty where it has one."""
    state = row.get("goaf_state")
    state = "" if state is None or pd.isna(state) else str(state)
    caves = told.get("roof_caves")
    if caves is None:
        if not state:
            return "attribute_missing:goaf_state"
        if state == "backfilled":
            return "backfilled_goaf"
        if state != "caved":
            return "open_void_stands"
    elif not caves:
        return "open_void_stands"
    depth, thickness = _number(row, "depth_m"), _number(row, "thickness_m")
    for name, value in (("depth_m", depth), ("thickness_m", thickness)):
        if not value > 0:
            return f"attribute_missing:{name}"
    if row["geometry"] is None or row["geometry"].geom_type not in ("Polygon", "MultiPolygon"):
        return "goaf_without_outline"
    if depth / thickness < LEAST_DEPTH_TO_THICKNESS:
        return "too_shallow_for_basin"
    dip = _number(row, "dip_deg")
    if np.isnan(dip):
        return "attribute_missing:dip_deg"
    asked: Sequence[str] = _ASKED
    if dip > 0:
        if np.isnan(_number(row, "dip_direction_deg")):
            return "attribute_missing:dip_direction_deg"
        asked = (*asked, "theta0_deg")
    if movement != "final":
        if pd.isna(row.get("stopped_on")):
            return "attribute_missing:stopped_on"
        asked = (*asked, "residual_k" if movement == "residual" else "knothe_rate_per_year")
    return next((f"value_not_given:{name}" for name in asked if name not in told), "")


def _panel(
    goaf: str,
    row: Mapping[str, Any],
    told: Mapping[str, float | bool],
    movement: Movement,
    as_of: date,
    to_metric: Any,
) -> Panel | None:
    """The panel of a goaf, None where nothing of its movement is left."""
    depth, dip = _number(row, "depth_m"), _number(row, "dip_deg")
    q, fraction = float(told["q"]), 1.0
    if movement != "final":
        years = (pd.Timestamp(as_of) - pd.Timestamp(row["stopped_on"])).days / _DAYS_PER_YEAR
        if movement == "residual":
            q = float(residual_factor(q, years, float(told["residual_k"])))
        else:
            come = float(knothe_fraction(years, float(told["knothe_rate_per_year"])))
            fraction = come if movement == "to_date" else 1.0 - come
    if q <= 0 or fraction <= 0:
        return None
    rock = RockParameters(
        q=q,
        tan_beta=float(told["tan_beta"]),
        b=float(told["b"]),
        inflection_offset_m=float(told["s_ratio"]) * depth,
        propagation_angle_deg=float(told["theta0_deg"]) if dip > 0 else 90.0,
    )
    outline = shapely.transform(
        shapely.force_2d(row["geometry"]), lambda c: np.column_stack(to_metric.transform(c[:, 0], c[:, 1]))
    )
    return Panel(
        outline=shapely.make_valid(outline) if not outline.is_valid else outline,
        depth_m=depth,
        thickness_m=_number(row, "thickness_m"),
        rock=rock,
        dip_deg=dip,
        dip_azimuth_deg=_number(row, "dip_direction_deg") if dip > 0 else 0.0,
        fraction=fraction,
        name=goaf,
    )


def _zone(goaf: str, row: Mapping[str, Any], told: Mapping[str, float | bool]) -> list[dict[str, Any]]:
    if "caving_angle_deg" not in told:
        return []
    centre = shapely.centroid(row["geometry"])
    to_metric = local_metric(round(centre.x, 6), round(centre.y, 6))
    field = GroundField({}, to_metric, {})
    plan = field.forward(row["geometry"])
    angle = float(told["caving_angle_deg"])
    zone = collapse_zone(plan, _number(row, "depth_m"), angle)
    reach = 0.0 if angle == 90 else _number(row, "depth_m") / float(np.tan(np.radians(angle)))
    return [{"id": goaf, "reach_m": reach, "geometry": field.back(zone)}]


def _box(panel: Panel) -> tuple[float, float, float, float]:
    """What a panel can reach, generously: its deepest edge, risen to the dip side."""
    xmin, ymin, xmax, ymax = panel.outline.bounds
    across = float(np.hypot(xmax - xmin, ymax - ymin))
    deepest = panel.depth_m + across * float(np.tan(np.radians(panel.dip_deg)))
    rise = 0.0
    if panel.rock.propagation_angle_deg < 90:
        rise = deepest / float(np.tan(np.radians(panel.rock.propagation_angle_deg)))
    reach = REACH * deepest / panel.rock.tan_beta + rise
    return xmin - reach, ymin - reach, xmax + reach, ymax + reach


def _grouped(
    ready: Sequence[tuple[str, Panel, Any, Mapping[str, float]]], movement: Movement
) -> tuple[GroundField, ...]:
    """Panels that can be felt in each other's ground together, each group in the projection of its middle."""
    if not ready:
        return ()
    boxes = [GroundField({}, to_metric, {}).back(shapely.box(*_box(panel))) for _, panel, to_metric, _ in ready]
    groups: list[list[int]] = []
    for k, box in enumerate(boxes):
        touching = [group for group in groups if any(boxes[other].intersects(box) for other in group)]
        groups = [group for group in groups if group not in touching] + [[k] + [i for g in touching for i in g]]
    fields = []
    for group in sorted(sorted(group) for group in groups):
        centre = shapely.centroid(shapely.union_all([boxes[k] for k in group]))
        to_metric = local_metric(round(centre.x, 6), round(centre.y, 6))
        middle = GroundField({}, to_metric, {})
        panels = {}
        for k in group:
            goaf, panel, own, _ = ready[k]
            outline = middle.forward(GroundField({}, own, {}).back(panel.outline))
            panels[goaf] = replace(panel, outline=outline)
        sigma = {name: max(ready[k][3][name] for k in group) for name in _SPREAD}
        fields.append(GroundField(panels, to_metric, sigma, movement))
    return tuple(fields)
