"""Where features stand: twice, elsewhere than they say, outside their own polygon, with too few decimals."""

import re
from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import DEGREE_M
from sxrisk.layers.quality.base import Found, Layer, quality_table, scaled

__all__ = ["between_layers", "places_of"]

# The same place to some centimetres; and how near two of one name must be to be one, by how crowded the layer may be.
_SAME_M = 0.05
_NEAR_M = ((20_000, 1_000.0), (200_000, 200.0), (np.inf, 30.0))
# One letter in five may be a slip of the pen, two at most.
_LETTERS_PER_SLIP, _MOST_SLIPS, _SLIP_WITHIN_M = 5, 2, 100.0
_COMMONPLACE = 5
_APART_M, _FAR_M = 1_000.0, 5_000.0
_COUNTY_MARGIN_M = 100.0
_PROVINCE_MARGIN_DEG = 0.3
_MOST_DECIMALS = 7
# What tells two places of nearly one name apart: a number, a letter, a direction, old and new.
_TELLING = re.compile(r"[0-9a-z一二三四五六七八九十百东西南北中上下前后左右新老旧大小甲乙丙丁]+")


def places_of(layer: Layer, boundary: gpd.GeoDataFrame | None) -> Iterator[Found]:
    """What is wrong with the places of one layer.

    Parameters
    ----------
    layer : Layer
    boundary : GeoDataFrame or None
        Counties, EPSG:4490.
    """
    invalid = np.flatnonzero(layer.areas & ~shapely.is_valid(layer.geometry))
    if invalid.size:
        yield Found(layer.name, "polygon_invalid", invalid, str(shapely.is_valid_reason(layer.geometry[invalid[0]])))
    unknown = np.flatnonzero(layer.text("crs_source") == "unknown")
    if unknown.size:
        yield Found(layer.name, "origin_unknown", unknown)
    yield from _same_place(layer)
    if layer.kind != "boundary":
        yield from _same_names(layer)
        yield from _other_province(layer)
        yield from _county(layer, boundary)
    yield from _decimals(layer)


def _same_place(layer: Layer) -> Iterator[Found]:
    # Rows of one unit, and events of one mine, share a place on purpose.
    if layer.kind in ("chemical_unit", "release_scenario", "accident"):
        return
    area = np.nan_to_num(layer.area_m2)
    keys = pd.DataFrame(np.column_stack([np.round(layer.xy / _SAME_M), np.round(area), shapely.length(layer.geometry)]))
    again = np.flatnonzero(keys.duplicated(keep=False).to_numpy() & np.isfinite(layer.xy).all(axis=1))
    if again.size:
        yield Found(layer.name, "same_place", again)


def _same_names(layer: Layer) -> Iterator[Found]:
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    keys = layer.keys
    common = pd.Series(keys).map(pd.Series(keys).value_counts()).to_numpy()
    named = np.flatnonzero((keys != "") & (common <= _COMMONPLACE) & np.isfinite(layer.xy).all(axis=1))
    if len(named) < 2:
        return
    radius = next(metres for most, metres in _NEAR_M if len(named) <= most)
    points = shapely.points(layer.xy[named])
    first, second = shapely.STRtree(points).query(points, predicate="dwithin", distance=radius)
    pairs = first < second
    first, second = named[first[pairs]], named[second[pairs]]
    if first.size and not layer.is_network:
        one, other = keys[first], keys[second]
        length = np.minimum(np.char.str_len(one.astype(str)), np.char.str_len(other.astype(str)))
        edits = np.asarray(process.cpdist(one, other, scorer=Levenshtein.distance))
        # Firms of one town differ in a letter or two: nearly one name counts on nearly one spot only.
        close = np.hypot(*(layer.xy[first] - layer.xy[second]).T) <= _SLIP_WITHIN_M
        slips = np.where(close, np.minimum(length // _LETTERS_PER_SLIP, _MOST_SLIPS), 0)
        dates = layer.text("date")
        alike = np.flatnonzero((edits <= slips) & (dates[first] == dates[second]))
        same = [at for at in alike if not _told_apart(one[at], other[at])]
        if same:
            rows = np.unique(np.concatenate([first[same], second[same]]))
            yield Found(layer.name, "same_name_near", rows, f"{radius:.0f}")
    yield from _namesakes(layer, keys)


def _told_apart(one: str, other: str) -> bool:
    """Whether two names differ in nothing but a number, a letter or a direction, as those of neighbours do."""
    return one != other and _TELLING.sub("", one) == _TELLING.sub("", other)


def _namesakes(layer: Layer, keys: NDArray[np.object_]) -> Iterator[Found]:
    """Two places of one name, far apart, that both carry a figure among the greatest: one of them is the other's."""
    values = layer.numbers("population")
    great = np.flatnonzero((values >= quality_table()["limits"]["city_population"]) & (keys != ""))
    found = []
    for _, group in pd.Series(great).groupby(keys[great]):
        at = group.to_numpy()
        if len(at) > 1 and np.hypot(*np.ptp(layer.xy[at], axis=0)) > _FAR_M:
            found.append(at)
    if found:
        rows = np.concatenate(found)
        detail = ", ".join(f"{layer.frame['name'].iloc[at]} {values[at]:.0f}" for at in rows[:6])
        yield Found(layer.name, "namesake_value", rows, detail, "population")


def _other_province(layer: Layer) -> Iterator[Found]:
    boxes = quality_table()["provinces"]
    han = {name: name for name in boxes} | {entry[0]: name for name, entry in boxes.items()}
    pattern = re.compile(rf"^({'|'.join(boxes)})|\b({'|'.join(entry[0] for entry in boxes.values())})\b")
    codes, distinct = pd.factorize(layer.text("name"))
    matches = [pattern.search(str(name).casefold()) for name in distinct]
    stated = np.asarray([han[match[0]] if match else "" for match in matches], dtype=object)
    rows = np.flatnonzero((stated != "")[codes]) if len(distinct) else np.empty(0, dtype=np.intp)
    if not rows.size:
        return
    words = stated[codes[rows]]
    centre = shapely.centroid(layer.geometry[rows])
    lon, lat = shapely.get_x(centre), shapely.get_y(centre)
    west, south, east, north = np.asarray([boxes[word][1:] for word in words], dtype=np.float64).T
    margin = _PROVINCE_MARGIN_DEG
    away = (lon < west - margin) | (lon > east + margin) | (lat < south - margin) | (lat > north + margin)
    if away.any():
        yield Found(layer.name, "name_of_other_province", rows[away], ", ".join(sorted(set(words[away]))))


def _county(layer: Layer, boundary: gpd.GeoDataFrame | None) -> Iterator[Found]:
    stated = layer.text("county")
    if not (stated != "").any():
        yield Found(layer.name, "not_checked", detail="whether features lie in their county: none is stated")
        return
    if boundary is None:
        yield Found(layer.name, "not_checked", detail="whether features lie in their county: no boundary is given")
        return
    level = boundary["level"] if "level" in boundary.columns else pd.Series("", index=boundary.index)
    areas = boundary[level == "county"] if (level == "county").any() else boundary
    # A province may have two counties of one name: either may be meant.
    grouped = areas.groupby(areas["name"].astype("str").map(_county_key), sort=True).geometry.agg(shapely.union_all)
    polygons = np.asarray(grouped.to_numpy(), dtype=object)
    of_name = {str(name): at for at, name in enumerate(grouped.index)}
    codes, distinct = pd.factorize(stated)
    known = np.asarray([of_name.get(_county_key(name), -1) for name in distinct], dtype=np.intp)[codes]
    lost = np.flatnonzero((known < 0) & (stated != ""))
    if lost.size:
        yield Found(layer.name, "county_unknown", lost, ", ".join(sorted(set(stated[lost]))[:6]))
    rows = np.flatnonzero(known >= 0)
    rows = rows[~shapely.intersects(polygons[known[rows]], layer.geometry[rows])]
    if not rows.size:
        return
    ends = shapely.get_coordinates(shapely.shortest_line(polygons[known[rows]], layer.geometry[rows])).reshape(-1, 2, 2)
    away = shapely.length(scaled(shapely.linestrings(ends)))
    limit = np.maximum(_COUNTY_MARGIN_M, 3 * np.nan_to_num(layer.numbers("position_sigma_m")[rows]))
    far = away > limit
    if far.any():
        most = int(np.argmax(np.where(far, away, -1)))
        detail = f"{layer.text('id')[rows[most]]}: {away[most] / 1000:.1f} km, {stated[rows[most]]}"
        yield Found(layer.name, "outside_county", rows[far], detail)


def _county_key(name: object) -> str:
    text = str(name).strip()
    return text[:-1] if len(text) > 2 and text[-1] in "县区市旗" else text


def _decimals(layer: Layer) -> Iterator[Found]:
    """Points whose degrees are rounded more coarsely than their stated accuracy allows."""
    rows = np.flatnonzero(layer.points)
    if not rows.size:
        return
    sigma = layer.numbers("position_sigma_m")[rows]
    unknown = rows[np.isnan(sigma)]
    if unknown.size:
        yield Found(layer.name, "accuracy_unknown", unknown)
    xy = shapely.get_coordinates(layer.geometry[rows])
    decimals = np.full(len(rows), _MOST_DECIMALS)
    for count in range(_MOST_DECIMALS - 1, -1, -1):
        decimals[(np.abs(xy - np.round(xy, count)) < 1e-9).all(axis=1)] = count
    # Rounding spreads a place evenly over one step: its standard deviation is the step over the root of 12.
    rounding = DEGREE_M * 10.0 ** (-decimals.astype(float)) / np.sqrt(12)
    # A place that ends in zeros by chance is no rounded one: the layer's own decimals must be few, or two fewer here.
    usual = int(np.quantile(decimals, 0.9))
    coarse = (rounding > np.where(np.isnan(sigma), 10.0, sigma)) & ((decimals >= usual) | (decimals <= usual - 2))
    if coarse.any():
        worst = int(decimals[coarse].min())
        yield Found(
            layer.name, "coarse_coordinates", rows[coarse], f"{10.0**-worst:g}°, ±{rounding[coarse].max():.0f} m"
        )


def between_layers(layers: Mapping[str, Layer]) -> Iterator[Found]:
    """Features of one name in two layers: a point outside its own polygon, or two points far apart."""
    usable = [layer for layer in layers.values() if layer.kind != "boundary" and not layer.is_network]
    keys = {layer.name: layer.keys for layer in usable}
    for one in usable:
        for other in usable:
            if one.name == other.name:
                continue
            yield from _own_polygon(one, other, keys)
            if one.name < other.name:
                yield from _elsewhere(one, other, keys)


def _pairs(first: NDArray[np.object_], second: NDArray[np.object_]) -> pd.DataFrame:
    left = pd.DataFrame({"key": first, "one": np.arange(len(first))})
    right = pd.DataFrame({"key": second, "other": np.arange(len(second))})
    left, right = left[left["key"] != ""], right[right["key"] != ""]
    return left[~left["key"].duplicated(keep=False)].merge(right, on="key")


def _own_polygon(points: Layer, areas: Layer, keys: Mapping[str, NDArray[np.object_]]) -> Iterator[Found]:
    pairs = _pairs(np.where(points.points, keys[points.name], ""), np.where(areas.areas, keys[areas.name], ""))
    if pairs.empty:
        return
    # A mine of several zones: its point may stand in any of them.
    shape = pairs.groupby("one")["other"].agg(list)
    at = shape.index.to_numpy()
    own = [shapely.union_all(areas.geometry[rows]) for rows in shape]
    ends = shapely.get_coordinates(shapely.shortest_line(own, points.geometry[at])).reshape(-1, 2, 2)
    away = shapely.length(scaled(shapely.linestrings(ends)))
    out = away > np.maximum(1.0, 3 * np.nan_to_num(points.numbers("position_sigma_m")[at]))
    if out.any():
        detail = f"{areas.name}: {int(out.sum())} of {len(at)}, {away.max() / 1000:.1f} km"
        yield Found(points.name, "outside_own_polygon", at[out], detail)


def _elsewhere(one: Layer, other: Layer, keys: Mapping[str, NDArray[np.object_]]) -> Iterator[Found]:
    first, second = (
        np.where(layer.points & (np.char.str_len(keys[layer.name].astype(str)) > 3), keys[layer.name], "")
        for layer in (one, other)
    )
    pairs = _pairs(first, second)
    pairs = pairs[~pairs["key"].duplicated(keep=False)]
    if pairs.empty:
        return
    apart = np.hypot(*(one.xy[pairs["one"]] - other.xy[pairs["other"]]).T)
    sigma = np.nan_to_num(np.hypot(one.numbers("position_sigma_m")[pairs["one"]],
                                   other.numbers("position_sigma_m")[pairs["other"]]))  # fmt: skip
    far = apart > np.maximum(_APART_M, 3 * sigma)
    if far.any():
        yield Found(one.name, "same_name_elsewhere", pairs["one"].to_numpy()[far],
                    f"{other.name}: {apart[far].max() / 1000:.1f} km")  # fmt: skip
