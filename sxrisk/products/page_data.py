"""Layers, findings and tables as the data that the page reads."""

import base64
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sxrisk.crs import to_geographic
from sxrisk.errors import CRSError
from sxrisk.findings import Colour, check_findings
from sxrisk.products.kinds import kind_style
from sxrisk.products.quality_words import gaps_by_reason, quality_words
from sxrisk.products.text import cited, original_pairs, page_number, reason_words, rule_title

__all__ = [
    "TILE_FEATURES",
    "bounds_of",
    "colour_counts",
    "contents",
    "findings_payload",
    "grid_geojson",
    "layer_payload",
    "not_checked_payload",
    "quality_payload",
    "reasons_payload",
    "representative_points",
    "rules_payload",
    "strings_in",
    "table_payload",
]

# From here on a layer becomes vector tiles: GeoJSON of that size would stall a phone.
TILE_FEATURES = 4000
TILE_VERTICES = 60_000
TABLE_ROWS = 5000
_COORDINATE_STEP = 1e-6
_MAX_ATTRIBUTES = 12
_LONGEST_TEXT = 400
# MapLibre clips the left half of full-width signs that it draws itself, brackets above all.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HOUSEKEEPING = ("id", "name", "kind", "geometry", "source_file", "source_row", "crs_source")
_TEXT_COLUMNS = (
    "rule_id",
    "evidence",
    "effect",
    "status",
    "hazard_grade",
    "colour",
    "subject_kind",
    "object_kind",
    "metric",
    "unit",
    "county",
    "standard",
    "clause",
    "reasons",
    "result",
    "change",
    "treatment",
)
_FREE_COLUMNS = ("finding_id", "subject_id", "subject_name", "object_id", "object_name")
_NUMBER_COLUMNS = ("measured", "required", "deficit", "uncertainty")


def findings_payload(findings: gpd.GeoDataFrame) -> dict[str, Any]:
    """The findings by column: repeated words once, a point for each, and the lines and outlines of those that have one.

    Parameters
    ----------
    findings : GeoDataFrame
        In the findings schema, EPSG:4490.

    Returns
    -------
    dict
        ``n``, ``words`` and ``codes`` by column, ``free``, ``numbers``, ``x``, ``y`` and ``shapes`` (index, GeoJSON).
    """
    frame = check_findings(findings)
    words: dict[str, list[str]] = {}
    codes: dict[str, list[int]] = {}
    for column in _TEXT_COLUMNS:
        code, word = pd.factorize(frame[column].astype(str), sort=True)
        codes[column], words[column] = code.tolist(), [_short(text) for text in word]
    points = representative_points(frame.geometry)
    shapes = shapely.set_precision(frame.geometry.to_numpy(), _COORDINATE_STEP, mode="pointwise")
    drawn = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)) & (shapely.get_type_id(shapes) != 0)
    where = np.flatnonzero(drawn)
    return {
        "n": len(frame),
        "words": words,
        "codes": codes,
        # Further figures are JSON: cut short they could not be read.
        "free": {column: [_short(text) for text in frame[column].astype(str)] for column in _FREE_COLUMNS}
        | {"details": frame["details"].astype(str).tolist()},
        "numbers": {column: _numbers(frame[column], frame["unit"]) for column in _NUMBER_COLUMNS}
        | {"probability": frame["probability"].round(4).tolist()},
        "x": np.round(points[:, 0], 6).tolist(),
        "y": np.round(points[:, 1], 6).tolist(),
        "shapes": {
            "index": where.tolist(),
            "geometry": [shapely.geometry.mapping(shape) for shape in shapes[where]],
        },
    }


def _numbers(values: pd.Series, unit: pd.Series) -> list[float]:
    return [page_number(value, word) for value, word in zip(values, unit, strict=True)]


def layer_payload(layer_id: str, frame: gpd.GeoDataFrame, *, tiles: bool = True) -> dict[str, Any]:
    """One layer as GeoJSON, or as vector tiles when it is large.

    Parameters
    ----------
    layer_id : str
    frame : GeoDataFrame
        A canonical layer frame, EPSG:4490.
    tiles : bool
        Whether large layers become tiles.

    Returns
    -------
    dict
        ``id``, ``kind``, ``group``, ``colour``, ``visible``, ``count``, ``shape``, and ``geojson`` or ``pmtiles``
        (base64).

    Raises
    ------
    CRSError
        If the frame has no coordinate system, or one that cannot be placed on the earth.
    """
    if frame.crs is None:
        raise CRSError("the layer has no coordinate system", where=layer_id, expected="EPSG:4490")
    frame = to_geographic(frame)
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    kinds = frame["kind"].astype(str) if "kind" in frame else pd.Series(dtype=str)
    kind = str(kinds.mode().iloc[0]) if len(kinds) else layer_id
    style = kind_style(kind)
    payload: dict[str, Any] = {
        "id": layer_id,
        "kind": kind,
        "group": style.group,
        "colour": style.colour,
        "visible": style.visible,
        "count": len(frame),
        "shape": _shape_of(frame.geometry),
        "labels": kind == "boundary",
    }
    if tiles and (
        len(frame) > TILE_FEATURES or shapely.get_num_coordinates(frame.geometry.array).sum() > TILE_VERTICES
    ):
        payload["pmtiles"] = _pmtiles(frame)
        if payload["labels"]:
            payload["label_points"] = _label_points(frame)
        return payload
    payload["geojson"] = _geojson(frame)
    if payload["labels"]:
        payload["label_points"] = _label_points(frame)
    return payload


def rules_payload(catalogue: Any, rule_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Titles and clause texts, in both languages, of the rules that a page cites."""
    rules: Mapping[str, Any] = getattr(catalogue, "rules", None) or {}
    fields = ("title", "text", "standard", "clause")
    found = {}
    for rule_id in rule_ids:
        rule = rules.get(rule_id)
        if rule is not None:
            found[rule_id] = {
                f"{field}_{language}": str(getattr(rule, f"{field}_{language}", "") or "")
                for field in fields
                for language in ("zh", "en")
            }
            own = {"standard": rule.standard, "clause": rule.clause_zh}
            found[rule_id] |= {"cited_zh": cited(rule, own, "zh"), "cited_en": cited(rule, own, "en")}
        elif rule_title(None, rule_id, "en") != rule_id:
            titles = {language: rule_title(None, rule_id, language) for language in ("zh", "en")}
            found[rule_id] = {
                f"{field}_{code}": title for code, title in titles.items() for field in ("title", "cited")
            }
    return found


def reasons_payload(catalogue: Any, codes: Iterable[str]) -> dict[str, dict[str, str]]:
    """Sentences of reason codes in both languages."""
    return {
        code: {"zh": reason_words(catalogue, code, "zh"), "en": reason_words(catalogue, code, "en")}
        for code in sorted(codes)
    }


def not_checked_payload(not_applied: pd.DataFrame | None) -> dict[str, Any]:
    """What was not checked for the page, one row a reason; kinds and criteria as lists of their codes."""
    if not_applied is None:
        return table_payload(None)
    gaps = gaps_by_reason(not_applied)
    rows = [
        [reason, list(kinds), list(rules), count] for _, reason, kinds, rules, count in gaps.itertuples(index=False)
    ]
    return {"columns": ["reason", "kinds", "rules", "count"], "rows": rows, "total": len(rows)}


def quality_payload(quality: pd.DataFrame | None, titles: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What is odd in the data, with its sentences in both languages.

    The gaps that keep criteria silent are the other list's.
    """
    if quality is None:
        return table_payload(None)
    own = quality[quality["layer"].astype(str) != ""]
    told = {"zh": quality_words(own, "zh", titles), "en": quality_words(own, "en", titles)}
    table = told["zh"].drop(columns="sentence")
    for place, (language, words) in enumerate(told.items(), start=1):
        table.insert(place, f"sentence_{language}", words["sentence"])
    return table_payload(table)


def table_payload(table: pd.DataFrame | None) -> dict[str, Any]:
    """A plain table for the page: column names, rows as text, and how many there were."""
    if table is None:
        return {"columns": [], "rows": [], "total": 0}
    plain = table.drop(columns=[name for name in table.columns if name == "geometry"])
    rows = [
        # A rejected row's own values travel as pairs, so that the page needs not read JSON that was cut.
        [
            [[_short(key), _short(text)] for key, text in original_pairs(str(value))]
            if name == "original"
            else _cell(value)
            for name, value in zip(plain.columns, row, strict=True)
        ]
        for row in plain.head(TABLE_ROWS).itertuples(index=False, name=None)
    ]
    return {"columns": [str(name) for name in plain.columns], "rows": rows, "total": len(plain)}


def bounds_of(frames: Sequence[gpd.GeoDataFrame]) -> list[float] | None:
    """West, south, east, north of some frames in degrees; None when nothing has a place."""
    boxes = [frame.total_bounds for frame in frames if len(frame)]
    known = np.array([box for box in boxes if np.isfinite(box).all()])
    if not len(known):
        return None
    west, south = known[:, :2].min(axis=0)
    east, north = known[:, 2:].max(axis=0)
    return [round(float(value), 6) for value in (west, south, east, north)]


def strings_in(value: Any) -> Iterator[str]:
    """Every text inside nested data, for the font's coverage; long encoded data are passed over."""
    if isinstance(value, str):
        if not value.startswith("data:") and (len(value) < 10_000 or not value.isascii()):
            yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from strings_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings_in(item)


def colour_counts(findings: gpd.GeoDataFrame) -> dict[str, int]:
    """Number of findings by colour, all four always there."""
    counted = findings["colour"].value_counts()
    return {colour.value: int(counted.get(colour.value, 0)) for colour in Colour}


def grid_geojson(grid: gpd.GeoDataFrame) -> dict[str, Any]:
    """Cells of the four-colour grid that have a colour, as GeoJSON.

    Parameters
    ----------
    grid : GeoDataFrame
        EPSG:4490, columns ``colour``, ``score``, ``n_findings``.
    """
    coloured = grid[grid["colour"].isin([colour.value for colour in Colour])]
    shapes = shapely.set_precision(coloured.geometry.to_numpy(), _COORDINATE_STEP, mode="pointwise")
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": shapely.geometry.mapping(shape), "properties": {"colour": str(colour)}}
            for shape, colour in zip(shapes, coloured["colour"], strict=True)
        ],
    }


def contents(layers: Mapping[str, gpd.GeoDataFrame], findings: gpd.GeoDataFrame | None) -> str:
    """What a map holds, in a few words for a console.

    Examples
    --------
    >>> contents({"mines": gpd.GeoDataFrame(geometry=[shapely.Point(112.9, 37.9)])}, None)
    '1 layer (mines: 1)'
    """
    shown = [f"{name}: {len(frame):,}" for name, frame in layers.items()]
    listed = ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")
    words = f"{len(shown)} layer{'' if len(shown) == 1 else 's'} ({listed})"
    if findings is None:
        return words
    return f"{words}, {len(findings):,} finding{'' if len(findings) == 1 else 's'}"


def representative_points(geometry: gpd.GeoSeries) -> np.ndarray:
    """Points (n, 2) on the geometries, of lines their middle; NaN where there is none."""
    shapes = geometry.to_numpy()
    lines = np.isin(shapely.get_type_id(shapes), (1, 2, 5))
    points = shapely.point_on_surface(shapes)
    points[lines] = shapely.line_interpolate_point(shapely.line_merge(shapes[lines]), 0.5, normalized=True)
    # Lines that stay in several pieces have no middle; a point on them will do.
    failed = shapely.is_missing(points)
    points[failed] = shapely.point_on_surface(shapes[failed])
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def _geojson(frame: gpd.GeoDataFrame) -> dict[str, Any]:
    shapes = shapely.set_precision(shapely.force_2d(frame.geometry.to_numpy()), _COORDINATE_STEP, mode="pointwise")
    properties = _properties(frame)
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": shapely.geometry.mapping(shape), "properties": values}
            for shape, values in zip(shapes, properties, strict=True)
        ],
    }


def _properties(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    columns = [name for name in frame.columns if name not in _HOUSEKEEPING][:_MAX_ATTRIBUTES]
    named = [name for name in ("id", "name", "kind") if name in frame.columns]
    out = []
    for row in frame[named + columns].itertuples(index=False, name=None):
        values: dict[str, Any] = dict(zip(named, (_short(str(cell)) for cell in row), strict=False))
        # MapLibre flattens nested properties to text: the attributes travel as pairs under one key.
        pairs = [[name, _cell(cell)] for name, cell in zip(columns, row[len(named) :], strict=True) if not _blank(cell)]
        out.append({**values, "attributes": pairs})
    return out


def _pmtiles(frame: gpd.GeoDataFrame) -> str:
    slim = frame[[name for name in ("id", "name", "kind", "geometry") if name in frame.columns]].copy()
    slim = slim.set_crs(4326, allow_override=True)
    slim.geometry = shapely.force_2d(slim.geometry.to_numpy())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.pmtiles"
        slim.to_file(
            path, driver="PMTiles", engine="pyogrio", layer="layer", dataset_options={"MINZOOM": "4", "MAXZOOM": "12"}
        )
        return base64.b64encode(path.read_bytes()).decode()


def _label_points(frame: gpd.GeoDataFrame) -> list[list[Any]]:
    points = frame.geometry.representative_point()
    level = frame["level"].astype(str) if "level" in frame else [""] * len(frame)
    return [
        [round(point.x, 5), round(point.y, 5), _short(str(name)).translate(_HALF_WIDTH), str(rank)]
        for point, name, rank in zip(points, frame["name"], level, strict=True)
    ]


def _shape_of(geometry: gpd.GeoSeries) -> str:
    dimensions = set(shapely.get_dimensions(geometry.to_numpy()).tolist())
    return {0: "point", 1: "line", 2: "polygon"}[dimensions.pop()] if len(dimensions) == 1 else "mixed"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _blank(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, str) and not value):
        return True
    return isinstance(value, (float, np.floating)) and not np.isfinite(value)


def _cell(value: Any) -> Any:
    if _blank(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value):.6g}")
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return value.date().isoformat()
    return _short(str(value))
