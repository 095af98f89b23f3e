"""Texts of a drawing, and which feature each of them speaks of."""

import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["TEXT_REACH", "Text", "clean", "figure_in", "plan_words", "text_of", "texts_of_features"]

#: A text belongs to the nearest feature if it stands within so many of its own heights.
TEXT_REACH = 4.0
_TEXTS = frozenset(("TEXT", "MTEXT", "ATTDEF", "ATTRIB"))
# MTEXT attachment points 1 to 9: left, centre, right in each of three rows.
_ALIGN = {0: 0.0, 1: 0.5, 2: 1.0}


@dataclass(frozen=True)
class Text:
    """A text as it stands in the drawing: its baseline as a segment, its height in drawing units."""

    position: int
    value: str
    layer: str
    height: float
    baseline: Any

    @property
    def figure(self) -> float | None:
        """The number if the text is nothing but one, perhaps with a label and a unit."""
        return figure_in(self.value)


def figure_in(text: str) -> float | None:
    """The one number that a short text states, None if there is none or more than one.

    Examples
    --------
    >>> figure_in("煤厚 2.35m"), figure_in("+820"), figure_in("3101工作面"), figure_in("2015.3-2016.8")
    (2.35, 820.0, None, None)
    """
    match = _figure_pattern().fullmatch(unicodedata.normalize("NFKC", text).strip())
    return float(re.sub(r"[±\s]", "", match["number"])) if match is not None else None


@lru_cache(maxsize=1)
def _figure_pattern() -> re.Pattern[str]:
    """A number, perhaps between the name of its quantity and its unit."""
    labels = sorted(plan_words()["figures"]["labels"], key=len, reverse=True)
    label = f"(?:{'|'.join(map(re.escape, labels))})?"
    return re.compile(rf"{label}[\s=:,(]*(?P<number>[-+±]?\s*\d+(?:\.\d+)?)[\s)]*{label}[\s)]*", re.IGNORECASE)


@lru_cache(maxsize=1)
def plan_words() -> Mapping[str, Mapping[str, list[str]]]:
    """Words of mine plans: parts of the names of CAD layers, and labels of figures."""
    text = resources.files("sxrisk.layers.drawings").joinpath("mine_plan.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def text_of(entity: Any, position: int) -> Text | None:
    """A TEXT or MTEXT without formatting codes; None for other entities and blank texts."""
    name = entity.dxftype()
    if name not in _TEXTS:
        return None
    try:
        value = " ".join(clean(entity.plain_text()).split())
        height = float(entity.dxf.get("char_height" if name == "MTEXT" else "height", 1.0)) or 1.0
        lines = str(entity.plain_text()).splitlines() or [""]
        width = height * max(sum(_advance(letter) for letter in line) for line in lines)
        if name == "MTEXT":
            place, across = entity.dxf.insert, _ALIGN[(int(entity.dxf.get("attachment_point", 1)) - 1) % 3]
            angle = math.radians(entity.get_rotation())
        else:
            width *= float(entity.dxf.get("width", 1.0))
            aligned = entity.dxf.get("halign", 0) or entity.dxf.get("valign", 0)
            place = entity.dxf.get("align_point") if aligned else None
            place = entity.dxf.insert if place is None else place
            across = {0: 0.0, 2: 1.0}.get(int(entity.dxf.get("halign", 0)), 0.5)
            angle = math.radians(float(entity.dxf.get("rotation", 0.0)))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        return None
    if not value or not all(map(math.isfinite, (place.x, place.y, height, width, angle))):
        return None
    along = np.asarray([math.cos(angle), math.sin(angle)]) * width
    start = np.asarray([place.x, place.y]) - along * across
    return Text(
        position, value, clean(entity.dxf.get("layer", "0")), height, shapely.LineString([start, start + along])
    )


def clean(text: object) -> str:
    """Text without the lone surrogates that stand for bytes which could not be decoded."""
    return str(text).encode("utf-8", "replace").decode()


def _advance(letter: str) -> float:
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.6


def texts_of_features(
    texts: Sequence[Text], geometry: NDArray[Any], layers: Sequence[str], *, reach: float = TEXT_REACH
) -> dict[int, list[Text]]:
    """Texts by the feature they speak of; no text speaks of two.

    A text whose middle lies in an area belongs to the smallest such area; else to the nearest feature within `reach`
    of its own heights, before all to one of its own CAD layer.

    Parameters
    ----------
    texts : sequence of Text
        Of the drawing.
    geometry : ndarray of shapely geometries, shape (n,)
        Of the features that may be named, in drawing units; None for those that may not. Closed lines count as areas.
    layers : sequence of str, length n
        CAD layers of the features.
    reach : float
        Heights.

    Returns
    -------
    dict
        Position of the feature to its texts, nearest to its middle first.
    """
    may = np.flatnonzero(~shapely.is_missing(geometry) & ~shapely.is_empty(geometry))
    if not may.size or not len(texts):
        return {}
    shapes = shapely.force_2d(geometry[may])
    ring = shapely.is_closed(shapes) & (shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING)
    ring &= shapely.get_num_coordinates(shapes) >= 4
    shapes[ring] = [shapely.Polygon(line.coords) for line in shapes[ring]]
    usable = shapely.is_valid(shapes)
    shapes[~usable] = shapely.make_valid(shapes[~usable])
    lines = np.asarray([text.baseline for text in texts], dtype=object)
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    tree = shapely.STRtree(shapes)
    owner = np.full(len(texts), -1, dtype=np.int64)
    areas = shapely.area(shapes)
    inside_text, inside_shape = tree.query(middles, predicate="intersects")
    inside_text, inside_shape = inside_text[areas[inside_shape] > 0], inside_shape[areas[inside_shape] > 0]
    # Largest first: the smallest is written last.
    for at in np.argsort(-areas[inside_shape], kind="stable"):
        owner[inside_text[at]] = inside_shape[at]
    free = np.flatnonzero(owner < 0)
    within = reach * np.asarray([texts[int(at)].height for at in free])
    if free.size:
        found, near = tree.query(lines[free], predicate="dwithin", distance=within)
        away = shapely.distance(lines[free[found]], shapes[near])
        other = np.asarray(
            [texts[int(at)].layer != layers[int(may[shape])] for at, shape in zip(free[found], near, strict=True)],
            dtype=bool,
        )
        # The best of each text is written last: of its own CAD layer, then nearest, then first in the file.
        for at in np.lexsort((-near, -away, ~other)):
            owner[free[found[at]]] = near[at]
    result: dict[int, list[Text]] = {}
    for at in np.flatnonzero(owner >= 0):
        result.setdefault(int(may[owner[at]]), []).append(texts[int(at)])
    for position, own in result.items():
        centre = shapely.centroid(geometry[position])
        own.sort(key=lambda text: (shapely.distance(text.baseline, centre), text.position))
    return result
