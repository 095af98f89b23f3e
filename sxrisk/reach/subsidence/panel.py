"""A caved panel as the probability integral method takes it: outline, depth, dip, thickness, and the rock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.reach.subsidence._kernels import REACH

__all__ = ["LEAST_DEPTH_TO_THICKNESS", "Panel", "RockParameters", "Slices", "slices_of"]

Array = NDArray[np.float64]

#: Below this ratio of depth to thickness the ground breaks instead of bending (GB 50021-2001, 5.5.5).
LEAST_DEPTH_TO_THICKNESS = 30.0
_SQUARE_M = 1e-7


@dataclass(frozen=True, kw_only=True)
class RockParameters:
    """Parameters of the probability integral method; measured, or ranges by overburden, never invented here.

    Parameters
    ----------
    q : float
        Subsidence factor, above 0 to 1.1.
    tan_beta : float
        Tangent of the major influence angle: the radius of influence is depth over it.
    b : float
        Horizontal displacement factor.
    inflection_offset_m : float
        How far the points of inflection lie inside the panel's edges, metres; the outline is shrunk by it.
    propagation_angle_deg : float
        Angle theta0 from the horizontal along which influence rises on the dip side; 90 for a flat seam.

    Raises
    ------
    ParameterError
        If one is outside what it can be.
    """

    q: float
    tan_beta: float
    b: float = 0.0
    inflection_offset_m: float = 0.0
    propagation_angle_deg: float = 90.0

    def __post_init__(self) -> None:
        bounds = {
            "q": (self.q, 0.0, 1.1), "tan_beta": (self.tan_beta, 0.0, 10.0), "b": (self.b, -1e-12, 1.0),
            "inflection_offset_m": (self.inflection_offset_m, -1e-12, np.inf),
            "propagation_angle_deg": (self.propagation_angle_deg, 30.0, 90.0),
        }  # fmt: skip
        for name, (value, low, high) in bounds.items():
            if not low < value <= high:
                raise ParameterError(f"{name} is {value}", expected=f"above {max(low, 0.0):g}, up to {high:g}")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A caved panel, or a void under the declared scenario that its roof caves.

    Parameters
    ----------
    outline : shapely Polygon or MultiPolygon
        In plan, projected coordinates in metres; the mined area, not shrunk.
    depth_m : float
        Depth H below the surface at `depth_at`, metres.
    thickness_m : float
        Mined thickness m, normal to the seam, metres.
    rock : RockParameters
    dip_deg : float
        Dip alpha of the seam, degrees, below 75.
    dip_azimuth_deg : float
        Direction in which the seam goes down, degrees clockwise from north (grid).
    depth_at : tuple of two floats, optional
        Where `depth_m` holds; default the outline's centroid.
    fraction : float
        Part of the final subsidence that counts, e.g. by :func:`sxrisk.reach.subsidence.knothe_fraction`.
    name : str
        For messages.

    Raises
    ------
    ParameterError
        If a value is outside its range, or depth over thickness is below 30, where the ground breaks and no basin
        forms: use :func:`sxrisk.reach.subsidence.collapse_zone`.
    GeometryError
        If the outline is no valid area, or nothing is left of it inside the points of inflection.

    Notes
    -----
    The method holds for full caving. An open void that stands carries its roof: it has no basin until it caves.
    """

    outline: Any
    depth_m: float
    thickness_m: float
    rock: RockParameters
    dip_deg: float = 0.0
    dip_azimuth_deg: float = 0.0
    depth_at: tuple[float, float] | None = None
    fraction: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        where = self.name or "panel"
        for name, (value, low, high) in {
            "depth_m": (self.depth_m, 0.0, np.inf), "thickness_m": (self.thickness_m, 0.0, np.inf),
            "dip_deg": (self.dip_deg, -1e-12, 75.0), "fraction": (self.fraction, -1e-12, 1.0),
        }.items():  # fmt: skip
            if not low < value <= high or np.isinf(value):
                expected = f"above {max(low, 0.0):g}, up to {high:g}"
                raise ParameterError(f"{name} is {value}", where=where, expected=expected)
        if not (isinstance(self.outline, (shapely.Polygon, shapely.MultiPolygon)) and self.outline.is_valid):
            raise GeometryError("the outline is no valid polygon", where=where, expected="a polygon in metres, in plan")
        if self.outline.is_empty:
            raise GeometryError("the outline is empty", where=where)
        if self.depth_m / self.thickness_m < LEAST_DEPTH_TO_THICKNESS:
            raise ParameterError(
                f"depth over thickness is {self.depth_m / self.thickness_m:.1f}",
                where=where,
                expected=f"{LEAST_DEPTH_TO_THICKNESS:g} or more: the ground above a shallower goaf breaks",
                remedy="Use collapse_zone with a caving angle",
            )

    @property
    def full_subsidence_m(self) -> float:
        """W0 = m q cos(alpha), metres, of what counts of it."""
        return self.fraction * self.thickness_m * self.rock.q * float(np.cos(np.radians(self.dip_deg)))


@dataclass(frozen=True)
class Slices:
    """Panels cut into slices of one depth, as the kernels take them; fields as in ``_kernels.fill_points``."""

    edges: Array
    start: NDArray[np.int64]
    slices: Array
    boxes: Array
    rectangles: Array

    def rectangles_from(self, origin: Array) -> Array:
        """The rectangles, their corners as offsets from an origin."""
        moved = self.rectangles.copy()
        moved[:, :2] -= origin
        return moved


def slices_of(panels: Sequence[Panel], *, slice_share: float) -> Slices:
    """Cut panels into slices along the dip, each with its own radius, shift and full subsidence.

    Parameters
    ----------
    panels : sequence of Panel
    slice_share : float
        How much the depth may differ inside a slice, as part of the depth.

    Returns
    -------
    Slices
    """
    edges: list[Array] = []
    start, rows, boxes, rectangles = [0], [], [], []
    for panel in panels:
        inner = panel.outline.buffer(-panel.rock.inflection_offset_m, join_style="mitre")
        if inner.is_empty:
            raise GeometryError(
                f"nothing is left of the panel inside an inflection offset of {panel.rock.inflection_offset_m:g} m",
                where=panel.name or "panel",
                expected="a panel wider than twice the offset",
            )
        azimuth = np.radians(panel.dip_azimuth_deg)
        down = np.array([np.sin(azimuth), np.cos(azimuth)])
        flat = panel.rock.propagation_angle_deg == 90.0
        cot = 0.0 if flat else 1.0 / float(np.tan(np.radians(panel.rock.propagation_angle_deg)))
        for piece, depth in _by_depth(panel, inner, down, slice_share):
            radius = depth / panel.rock.tan_beta
            lines = _edges(shapely.transform(piece, _risen(panel, down, cot)))
            edges.append(lines)
            start.append(start[-1] + len(lines))
            # Displacement along the seam's normal pulls the ground towards the rise.
            rows.append([radius, panel.full_subsidence_m, panel.rock.b * radius, -cot * down[0], -cot * down[1]])
            low, high = lines[:, :2].min(axis=0), lines[:, :2].max(axis=0)
            boxes.append([*(low - REACH * radius), *(high + REACH * radius)])
            rectangles.append(_rectangle(lines))
    return Slices(
        np.concatenate(edges) if edges else np.empty((0, 4)),
        np.array(start, dtype=np.int64),
        np.array(rows).reshape(-1, 5),
        np.array(boxes).reshape(-1, 4),
        np.array(rectangles).reshape(-1, 6),
    )


def _rectangle(edges: Array) -> Array:
    """Corner, unit vector along the first side, length and width of four edges at right angles; else zeros."""
    none = np.zeros(6)
    if len(edges) != 4:
        return none
    sides = edges[:, 2:] - edges[:, :2]
    length, width = np.linalg.norm(sides[:2], axis=1)
    if not min(length, width) > 0.0:
        return none
    along = sides[0] / length
    # Right angles and parallel sides to a part of a micrometre.
    if abs(along @ sides[1]) > _SQUARE_M or np.abs(sides[0] + sides[2]).max() > _SQUARE_M:
        return none
    along = np.where(np.abs(along) < _SQUARE_M / max(length, width), 0.0, along)
    return np.array([*edges[0, :2], *(along / np.linalg.norm(along)), length, width])


def _risen(panel: Panel, down: Array, cot: float) -> Callable[[Array], Array]:
    """Where influence reaches the surface: every place moves to the dip side by its own depth times cot(theta0).

    So the panel is stretched along the dip, by sin(theta0 + alpha) / sin(theta0) of its length in the seam.
    """
    slope, reference = _plane(panel)

    def moved(xy: Array) -> Array:
        depth = panel.depth_m + slope * ((xy - reference) @ down)
        return xy + cot * depth[:, None] * down

    return moved


def _plane(panel: Panel) -> tuple[float, Array]:
    """Slope of the seam, and where its depth is that of the panel."""
    at = panel.depth_at if panel.depth_at is not None else panel.outline.centroid.coords[0]
    return float(np.tan(np.radians(panel.dip_deg))), np.asarray(at, dtype=np.float64)[:2]


def _by_depth(panel: Panel, inner: Any, down: Array, share: float) -> list[tuple[Any, float]]:
    """Pieces of the outline and the depth at the middle of each."""
    slope, reference = _plane(panel)
    if slope == 0.0:
        return [(inner, panel.depth_m)]
    across = np.array([-down[1], down[0]])
    corners = shapely.get_coordinates(inner)
    along, aside = (corners - reference) @ down, (corners - reference) @ across
    first, last = along.min(), along.max()
    shallow = panel.depth_m + slope * first
    if not shallow > 0:
        raise ParameterError(
            f"the seam would crop out: its depth is {shallow:.1f} m at the panel's upper edge",
            where=panel.name or "panel",
            expected="a depth above 0 all over the panel",
            remedy="Check depth, dip and its direction",
        )
    # Equal ratios of depth: every slice is equally good.
    count = max(1, int(np.ceil(np.log((panel.depth_m + slope * last) / shallow) / share)))
    depths = shallow * ((panel.depth_m + slope * last) / shallow) ** (np.arange(count + 1) / count)
    cuts = (depths - panel.depth_m) / slope
    left, right = aside.min() - 1.0, aside.max() + 1.0
    pieces = []
    for low, high in pairwise(cuts):
        strip = [reference + a * down + b * across for a, b in ((low, left), (high, left), (high, right), (low, right))]
        piece = shapely.Polygon(strip).intersection(inner)
        if piece.area > 0:
            centre = (np.array(piece.centroid.coords[0]) - reference) @ down
            pieces.append((piece, panel.depth_m + slope * float(centre)))
    return pieces


def _edges(area: Any) -> Array:
    """All edges (m, 4) of an area, shells counter-clockwise, holes clockwise."""
    parts = []
    for polygon in getattr(area, "geoms", [area]):
        if not isinstance(polygon, shapely.Polygon):
            continue
        right = shapely.geometry.polygon.orient(polygon)
        for ring in (right.exterior, *right.interiors):
            xy = np.asarray(ring.coords)[:, :2]
            parts.append(np.hstack([xy[:-1], xy[1:]]))
    return np.concatenate(parts)
