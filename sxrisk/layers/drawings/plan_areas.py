"""Worked areas of a mine plan, with depth, dip and thickness from what the plan shows around them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError
from sxrisk.layers._source import Source
from sxrisk.layers.drawings.dxf import Drawing, drawing_source, open_drawing
from sxrisk.layers.drawings.dxf_geometry import close_ring, entity_geometry
from sxrisk.layers.drawings.dxf_text import TEXT_REACH, Text, plan_words
from sxrisk.layers.drawings.plan_notes import notes_of_area
from sxrisk.layers.drawings.seam import Ground, SeamFloor, SpotFigures, area_cells, fit_floor, mean_over, stray_lines
from sxrisk.layers.kinds import Kind
from sxrisk.layers.report import Issue

__all__ = ["PlanLayers", "mine_plan_source", "read_mine_plan"]

_LINES = ("line",)
_AREAS = ("polygon", "point")
_STEP_M = 5.0
_MAX_POINTS = 400_000
# A label and its contour's own elevation that differ by more contradict each other.
_SAME_LEVEL_M = 0.5
# A hatch and an outline that differ by less than this share of their area are the same worked area.
_SAME_AREA = 0.01


@dataclass(frozen=True)
class PlanLayers:
    """CAD layers of a mine plan by what stands on them."""

    goaf: frozenset[str]
    contours: frozenset[str]
    thickness: frozenset[str]
    ground: frozenset[str]

    @classmethod
    def recognised(cls, names: Sequence[str]) -> "PlanLayers":
        """Layers by the words in their names; a name counts for the first use that has one of its words."""
        words = plan_words()["layers"]
        found: dict[str, set[str]] = {use: set() for use in words}
        for name in names:
            use = next((use for use in words if any(word in name.casefold() for word in words[use])), None)
            # 采空区注记 and the like are notes on the areas; on the other layers the notes are the figures.
            if use is not None:
                found[use].add(name)
        return cls(*(frozenset(found[use]) for use in ("goaf", "contours", "thickness", "ground")))


@dataclass
class _Evidence:
    """What the plan shows besides the areas, in plan coordinates."""

    floor: SeamFloor
    thickness: SpotFigures | None
    ground: SpotFigures | None
    labelled: NDArray[np.int64]
    """Row of each contour whose elevation is a label's, else 0."""
    used: set[int] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


def read_mine_plan(path: Path, kind: Kind) -> Source:
    """Worked areas of a drawing whose layers are recognised by their names; any drawing else is read as it is.

    Raises
    ------
    FileFormatError
        If it is no DXF.
    InputError
        If its model space is empty.
    """
    drawing = open_drawing(path)
    layers = PlanLayers.recognised(sorted({drawing.layer(at) for at in range(len(drawing.entities))}))
    if not layers.goaf:
        return drawing_source(drawing, range(len(drawing.entities)), kind.geometry)
    return mine_plan_source(drawing, layers, path)


def mine_plan_source(
    drawing: Drawing, layers: PlanLayers, path: Path, *, ground: Ground | None = None, ground_sigma_m: float = 0.0
) -> Source:
    """Entities on the layers of worked areas as rows, with the figures of the seam as columns.

    Parameters
    ----------
    drawing : Drawing
        The plan.
    layers : PlanLayers
        Which CAD layer shows what.
    path : Path
        For messages.
    ground : callable, optional
        Elevation of the ground at plan coordinates; default what the plan's own ground layers show.
    ground_sigma_m : float
        1 sigma of those elevations.

    Raises
    ------
    FileFormatError
        If nothing stands on the layers of worked areas.
    """
    chosen = [at for at in range(len(drawing.entities)) if drawing.layer(at) in layers.goaf]
    if not chosen:
        known = ", ".join(sorted({drawing.layer(at) for at in range(len(drawing.entities))}))
        raise FileFormatError(
            f"nothing stands on the layers {', '.join(sorted(layers.goaf)) or '(none named)'}", where=path,
            expected=f"some of {known}"[:600], remedy="Name the CAD layers of the worked areas with goaf_layers=",
        )  # fmt: skip
    evidence = _evidence(drawing, layers)
    fills = _fills_of_outlines(drawing, chosen)
    chosen = [at for at in chosen if at not in fills]
    if fills:
        rows = np.asarray(sorted(fills), dtype=np.int64) + 1
        evidence.issues.append(Issue.of_rows("hatch_of_outline", "hatches that fill an outline drawn as well", rows))
    source = drawing_source(drawing, chosen, _AREAS, frozenset(evidence.used | fills), notes=notes_of_area)
    if ground is None and evidence.ground is not None:
        spots = evidence.ground
        ground = lambda x, y: spots.at(x, y, beyond=False)  # noqa: E731
    areas = [_area_of(shape) for at, shape in enumerate(_shapes(source)) if at not in source.broken]
    evidence.floor = _without_strays(evidence.floor, evidence.labelled, areas, evidence.issues)
    figures = pd.DataFrame([
        {} if at in source.broken else _figures(shape, evidence, ground, ground_sigma_m)
        for at, shape in enumerate(_shapes(source))
    ])  # fmt: skip
    _take_written_thickness(source.table, figures)
    # Columns that no area has a figure for would only hide the drawing's own.
    figures = figures.dropna(axis="columns", how="all")
    own = source.table.drop(columns=[name for name in source.table.columns if name in figures.columns])
    source.table = pd.concat([own, figures], axis="columns")
    source.issues += evidence.issues
    source.issues += _told(source, figures, evidence, ground is not None)
    return source


def _take_written_thickness(table: pd.DataFrame, figures: pd.DataFrame) -> None:
    """What a note in an area says of its thickness is nearer the truth than figures around it."""
    if "thickness_m" not in table:
        return
    written = pd.to_numeric(table["thickness_m"], errors="coerce")
    if "thickness_m" not in figures:
        figures["thickness_m"] = np.nan
        figures["thickness_sigma_m"] = np.nan
    figures["thickness_m"] = written.fillna(figures["thickness_m"])
    figures["thickness_sigma_m"] = figures["thickness_sigma_m"].mask(written.notna())


def _fills_of_outlines(drawing: Drawing, chosen: Sequence[int]) -> set[int]:
    """Hatches whose area is that of a closed line: one worked area, drawn twice."""
    shapes = {at: close_ring(entity_geometry(drawing.entities[at], _AREAS)[0])[0] for at in chosen}
    outlines = [
        shapely.make_valid(shapely.Polygon(shape.coords)) for shape in shapes.values()
        if shape is not None and shape.geom_type == "LineString" and shape.is_closed and len(shape.coords) >= 4
    ]  # fmt: skip
    hatches = {at: shape for at, shape in shapes.items() if shape is not None and "Polygon" in shape.geom_type}
    if not outlines or not hatches:
        return set()
    tree = shapely.STRtree(outlines)
    return {
        at for at, area in hatches.items()
        if any(
            shapely.symmetric_difference(area, outlines[near]).area < _SAME_AREA * area.area
            for near in tree.query(area, predicate="intersects")
        )
    }  # fmt: skip


def _evidence(drawing: Drawing, layers: PlanLayers) -> _Evidence:
    used = {
        at for at in range(len(drawing.entities))
        if drawing.layer(at) in layers.contours | layers.thickness | layers.ground
    }  # fmt: skip
    labels = [label.casefold() for label in plan_words()["figures"]["thickness"]]

    def of_seam(text: Text) -> bool:
        return text.layer in layers.thickness or any(label in text.value.casefold() for label in labels)

    thick = [text for text in drawing.texts if text.figure is not None and of_seam(text)]
    used |= {text.position for text in thick}
    issues: list[Issue] = []
    lines, spots, labelled = _levels(drawing, layers.contours, issues)
    floor = _sampled(lines, spots)
    ground_lines, ground_spots, _ = _levels(drawing, layers.ground, issues)
    above = _sampled(ground_lines, ground_spots)
    middles = shapely.get_coordinates([text.baseline.centroid for text in thick])
    values = np.asarray([text.figure for text in thick], dtype=np.float64)
    return _Evidence(
        floor,
        SpotFigures(middles[:, 0], middles[:, 1], values) if len(thick) else None,
        SpotFigures(above.x, above.y, above.z) if len(above.x) else None,
        labelled,
        used,
        issues,
    )


def _levels(
    drawing: Drawing, names: frozenset[str], issues: list[Issue]
) -> tuple[list[Any], list[tuple[float, float, float]], NDArray[np.int64]]:
    """Lines of some layers with their elevations, and single points; labels stand for lines without an elevation.

    The last are the rows of the lines whose elevation is a label's, 0 for those that have their own.
    """
    texts = [text for text in drawing.texts if text.layer in names and text.figure is not None]
    lines: list[tuple[int, Any]] = []
    spots: list[tuple[float, float, float]] = []
    for at, entity in enumerate(drawing.entities):
        if drawing.layer(at) not in names:
            continue
        if entity.dxftype() in ("POINT", "INSERT"):
            shape, _ = entity_geometry(entity, ("point",))
            if shape is not None and shape.z:
                spots.append((shape.x, shape.y, shape.z))
            continue
        shape, _ = entity_geometry(entity, _LINES)
        is_line = shape is not None and "LineString" in shape.geom_type
        if is_line and np.isfinite(shapely.get_coordinates(shape, include_z=True)).all():
            lines += [(at, part) for part in shapely.get_parts(shape)]
    own, free = _labels(texts, [line for _, line in lines], issues)
    # A figure that labels no line is a spot height.
    spots += [(*shapely.get_coordinates(text.baseline.centroid)[0], float(text.figure or 0.0)) for text in free]
    levelled, unknown, contradicted = [], [], []
    labelled: list[int] = []
    for number, (at, line) in enumerate(lines):
        heights = shapely.get_coordinates(line, include_z=True)[:, 2]
        figures = own.get(number, [])
        if (heights != 0).any():
            if figures and np.ptp(heights) == 0 and max(abs(value - heights[0]) for value in figures) > _SAME_LEVEL_M:
                contradicted.append(at + 1)
                continue
            levelled.append(line)
            labelled.append(0)
        elif figures:
            if max(figures) - min(figures) > _SAME_LEVEL_M:
                contradicted.append(at + 1)
                continue
            levelled.append(shapely.force_3d(shapely.force_2d(line), figures[0]))
            labelled.append(at + 1)
        else:
            unknown.append(at + 1)
    for code, rows, detail in (
        ("contours_without_elevation", unknown, "lines have neither an elevation nor a figure beside them"),
        ("contours_contradicted", contradicted, "lines whose figures disagree with each other or with their elevation"),
    ):
        if rows:
            told = f"{detail}; not used ({', '.join(sorted(names))})"
            issues.append(Issue.of_rows(code, told, np.asarray(rows, dtype=np.int64)))
    return levelled, spots, np.asarray(labelled, dtype=np.int64)


def _without_strays(
    floor: SeamFloor, labelled: NDArray[np.int64], areas: Sequence[Any], issues: list[Issue]
) -> SeamFloor:
    """The floor without labelled lines that contradict the contours beside them near a worked area.

    A label may stand nearer to a neighbouring contour than to its own; a line with its own elevation stays as it is.
    """
    strays: set[int] = set()
    for area in filter(None, areas):
        strays |= {line for line in stray_lines(floor, area) if line < len(labelled) and labelled[line]}
    if not strays:
        return floor
    told = (
        "labelled lines half a contour interval and more off the plane of the contours beside them: their labels may "
        "belong to neighbouring lines; not used"
    )
    rows = np.unique(labelled[sorted(strays)])
    issues.append(Issue.of_rows("contours_contradicted", told, rows))
    keep = ~np.isin(floor.line, sorted(strays))
    return SeamFloor(floor.x[keep], floor.y[keep], floor.z[keep], floor.line[keep])


def _labels(texts: list[Text], lines: list[Any], issues: list[Issue]) -> tuple[dict[int, list[float]], list[Text]]:
    """Figures by the line that they stand nearest to, within reach; and those that stand by none."""
    if not texts or not lines:
        return {}, texts
    baselines = np.asarray([text.baseline for text in texts], dtype=object)
    middles = shapely.line_interpolate_point(baselines, 0.5, normalized=True)
    reach = np.asarray([TEXT_REACH * text.height for text in texts])
    flat = shapely.force_2d(np.asarray(lines, dtype=object))
    found, near = shapely.STRtree(flat).query(baselines, predicate="dwithin", distance=reach)
    away = shapely.distance(baselines[found], flat[near])
    from_middle = shapely.distance(middles[found], flat[near])
    # Of the lines that a text is written across, the one through its middle.
    order = np.lexsort((near, from_middle, away, found))
    found, near, away, from_middle = found[order], near[order], away[order], from_middle[order]
    own: dict[int, list[float]] = {}
    doubtful: list[int] = []
    begins = np.flatnonzero(np.diff(found, prepend=-1))
    for at, line in zip(found[begins], near[begins], strict=True):
        own.setdefault(int(line), []).append(float(texts[at].figure or 0.0))
    for here in (begin for begin in begins if begin + 1 < len(found) and found[begin + 1] == found[begin]):
        text = texts[found[here]]
        if max(away[here + 1] - away[here], abs(from_middle[here + 1] - from_middle[here])) < text.height:
            doubtful.append(text.position + 1)
    if doubtful:
        told = "figures stand between two lines, nearly as near to the second: their elevations may belong to that one"
        issues.append(Issue.of_rows("contour_labels_doubtful", told, np.asarray(sorted(doubtful), dtype=np.int64)))
    free = set(range(len(texts))) - set(map(int, found))
    return own, [texts[at] for at in sorted(free)]


def _sampled(lines: list[Any], spots: list[tuple[float, float, float]]) -> SeamFloor:
    """Points along lines, evenly, so that a line counts by its length and not by its vertices."""
    total = sum(line.length for line in lines)
    step = max(_STEP_M, total / _MAX_POINTS)
    places: list[np.ndarray] = []
    owner: list[np.ndarray] = []
    for number, line in enumerate(lines):
        count = max(2, math.ceil(line.length / step) + 1)
        points = shapely.line_interpolate_point(line, np.linspace(0.0, 1.0, count), normalized=True)
        places.append(shapely.get_coordinates(points, include_z=True))
        owner.append(np.full(count, number, dtype=np.int64))
    single = np.asarray([spot for spot in spots if all(map(math.isfinite, spot))], dtype=np.float64).reshape(-1, 3)
    xyz = np.vstack([*places, single])
    line_of = np.concatenate([*owner, len(lines) + np.arange(len(single), dtype=np.int64)])
    return SeamFloor(xyz[:, 0], xyz[:, 1], xyz[:, 2], line_of)


def _shapes(source: Source) -> list[Any]:
    return list(source.geometry) if source.geometry is not None else []


def _area_of(shape: Any) -> Any:
    """A worked area in two dimensions, closed lines as areas; None where a coordinate is no number."""
    area = shapely.force_2d(shape)
    if area.geom_type == "LineString" and area.is_closed and len(area.coords) >= 4:
        area = shapely.Polygon(area.coords)
    if not np.isfinite(shapely.get_coordinates(area)).all() or area.is_empty:
        return None
    return area if area.is_valid else shapely.make_valid(area)


def _figures(shape: Any, evidence: _Evidence, ground: Ground | None, ground_sigma_m: float) -> dict[str, float]:
    """Figures of one worked area; those that the plan does not show are left out."""
    area = _area_of(shape)
    if area is None:
        return {}
    x, y, weight = area_cells(area)
    result: dict[str, float] = {}
    plane = fit_floor(evidence.floor, area)
    if plane is not None:
        result |= {
            "dip_deg": plane.dip_deg, "dip_direction_deg": plane.dip_direction_deg, "dip_sigma_deg": plane.dip_sigma,
            "floor_elevation_m": plane.level, "floor_sigma_m": plane.level_sigma,
            "floor_contours": float(plane.lines), "floor_search_m": plane.search_m,
        }  # fmt: skip
    if ground is not None:
        above = np.asarray(ground(x, y), dtype=np.float64)
        result["ground_elevation_m"] = mean_over(above, weight)
        if plane is not None:
            depth = above - plane.at(x, y)
            mean = mean_over(depth, weight)
            # A floor above the ground is a contradiction, not a depth.
            if mean > 0:
                known = depth[np.isfinite(depth)]
                result |= {
                    "depth_m": mean, "depth_min_m": float(known.min()), "depth_max_m": float(known.max()),
                    "depth_sigma_m": math.hypot(plane.level_sigma, ground_sigma_m),
                }  # fmt: skip
    if evidence.thickness is not None:
        result["thickness_m"] = mean_over(evidence.thickness.at(x, y, beyond=True), weight)
        result["thickness_sigma_m"] = evidence.thickness.sigma()
    return result


def _told(source: Source, figures: pd.DataFrame, evidence: _Evidence, has_ground: bool) -> list[Issue]:
    def missing(name: str) -> Any:
        without = figures[name].isna() if name in figures else np.ones(len(source.rows), dtype=bool)
        live = np.asarray([at not in source.broken for at in range(len(source.rows))])
        return source.rows[np.asarray(without) & live]

    spots = 0 if evidence.thickness is None else len(evidence.thickness)
    detail = (
        f"dip and floor by least squares from the floor contours in and around each area, thickness from {spots} "
        "figures; depth is from the ground to the seam's floor, the mean over the area"
    )
    issues = [Issue("figures_from_mine_plan", detail, len(evidence.used))]
    floorless, depthless = missing("floor_elevation_m"), missing("depth_m")
    if len(floorless):
        issues.append(Issue.of_rows("floor_not_determined", "too few floor contours near them", floorless, "dip_deg"))
    if len(depthless):
        why = "the floor or the ground is not known there" if has_ground else "the ground's elevation is not known"
        told = f"{why}: only the floor's elevation is given"
        issues.append(Issue.of_rows("depth_not_determined", told, depthless, "depth_m"))
    return issues
