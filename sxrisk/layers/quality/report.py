"""The data quality report: what an office should mend in its layers, and what could not be checked."""

from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from sxrisk.errors import CRSError
from sxrisk.layers.quality.base import Found, Layer, quality_table
from sxrisk.layers.quality.places import between_layers, places_of
from sxrisk.layers.quality.values import values_of
from sxrisk.layers.report import LoadedLayer

__all__ = ["QUALITY_COLUMNS", "check_quality"]

QUALITY_COLUMNS: Mapping[str, str] = {
    "layer": "id of the layer",
    "kind": "kind of the layer",
    "code": "what it is, e.g. same_place, outside_county, impossible, required_missing, not_checked",
    "severity": "error, warning, info, not_checked",
    "count": "features concerned; 0 where it concerns the layer",
    "ids": "the first of their ids, separated by a comma",
    "attribute": "the attribute, where there is one",
    "detail": "figures",
    "sentence_zh": "in Chinese",
    "sentence_en": "in English",
}
_SEVERITIES = ("error", "warning", "info", "not_checked")
_IDS_SHOWN = 20
# What the reader tells under its own code here; the rest of what it tells is one line each.
_OWN_CODES = ("polygon_repaired", "duplicate_id")
# Said again by a check of its own, or by design.
_SAID_ELSEWHERE = ("crs_detected", "datum_applied", "zone_prefix_recognised", "axes_by_magnitude", "crs_not_detected")


def check_quality(
    layers: Mapping[str, gpd.GeoDataFrame | LoadedLayer], *, boundary: gpd.GeoDataFrame | None = None
) -> pd.DataFrame:
    """What is wrong with layers, or worth a look: places, names, attributes, gaps; and what was not checked.

    Nothing is changed. Every check is a table operation or an index query: a hundred thousand buildings with names take
    some seconds.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or LoadedLayer
        Canonical layers in EPSG:4490 by id, best as :func:`sxrisk.layers.load_layer` gives them: then repaired polygons
        and rejected rows are told too. The column ``county`` counts as what the file states: check before counties are
        assigned from the boundary.
    boundary : GeoDataFrame, optional
        Layer of the kind ``boundary``.

    Returns
    -------
    DataFrame
        Columns :data:`QUALITY_COLUMNS`, errors first, then by layer.

    Raises
    ------
    CRSError
        If a layer is not in EPSG:4490.

    Examples
    --------
    >>> ponds = gpd.GeoDataFrame(
    ...     {"id": ["W1"], "name": ["甲库"], "kind": ["tailings_pond"], "dam_height_m": [120.0],
    ...      "storage_volume_m3": [900.0]}, geometry=gpd.points_from_xy([112.512345], [37.512345]), crs=4490)
    >>> report = check_quality({"ponds": ponds})
    >>> print(report.loc[report["code"] == "impossible", "detail"].item())
    the dam is too high for the volume: dam_height_m = 120, storage_volume_m3 = 900
    >>> report.loc[report["code"] == "not_checked", "detail"].tolist()
    ['whether features lie in their county: none is stated']
    """
    frames = {key: entry.frame if isinstance(entry, LoadedLayer) else entry for key, entry in layers.items()}
    for key, frame in [*frames.items(), *([("boundary", boundary)] if boundary is not None else [])]:
        if frame.crs is None or frame.crs.to_epsg() != 4490:
            raise CRSError(f"the layer is in {frame.crs}", where=key, expected="EPSG:4490",
                           remedy="Read it with sxrisk.read_layer")  # fmt: skip
    known = {key: Layer.of(key, frame) for key, frame in frames.items()}
    found: list[Found] = []
    for key, layer in known.items():
        entry = layers[key]
        if isinstance(entry, LoadedLayer):
            found += _of_reader(key, entry)
        if not len(layer.frame):
            found.append(Found(key, "not_checked", detail="the layer has no feature"))
            continue
        found += [*places_of(layer, boundary), *values_of(layer)]
    found += between_layers({key: layer for key, layer in known.items() if len(layer.frame)})
    rows = [_row(entry, known[entry.layer]) for entry in found]
    table = pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))
    order = pd.Categorical(table["severity"], categories=_SEVERITIES, ordered=True)
    return table.iloc[np.lexsort((np.arange(len(table)), order.codes))].reset_index(drop=True)


def _of_reader(key: str, loaded: LoadedLayer) -> Iterator[Found]:
    report = loaded.report
    if report.rows_rejected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in report.rejected_by_reason.items())
        yield Found(key, "rows_rejected", detail=reasons, count=report.rows_rejected)
    row_of = pd.Series(np.arange(len(loaded.frame)), index=loaded.frame["source_row"])
    for issue in report.issues:
        if issue.code in _SAID_ELSEWHERE:
            continue
        rows = row_of.reindex(list(issue.rows)).dropna().to_numpy(dtype=np.intp)
        if issue.code in _OWN_CODES:
            yield Found(key, issue.code, rows, issue.detail, issue.column, count=issue.count)
        else:
            yield Found(key, "told_by_reader", rows, f"{issue.code}: {issue.detail}", issue.column, count=issue.count)


def _row(entry: Found, layer: Layer) -> dict[str, object]:
    words = quality_table()["codes"][entry.code]
    count = len(entry.rows) if entry.count is None else entry.count
    shown = [str(name) for name in layer.text("id")[entry.rows[:_IDS_SHOWN]]]
    titles = _titles(entry.attribute, layer)
    ids = ", ".join(shown) + (", ..." if count > len(shown) > 0 else "")
    texts = {
        language: words[language].format(
            layer=entry.layer, n=count, of=len(layer.frame), ids=", ".join(shown[:5]) + (", …" if count > 5 else ""),
            attribute=titles[language], detail=entry.detail,
        )
        for language in ("zh", "en")
    }  # fmt: skip
    return {
        "layer": entry.layer, "kind": layer.kind, "code": entry.code, "severity": words["severity"], "count": count,
        "ids": ids, "attribute": entry.attribute, "detail": entry.detail, "sentence_zh": texts["zh"],
        "sentence_en": texts["en"],
    }  # fmt: skip


def _titles(name: str, layer: Layer) -> dict[str, str]:
    entry = layer.attributes.get(name)
    return (
        {"zh": name, "en": name}
        if entry is None
        else {"zh": entry.title_zh, "en": entry.title_en[:1].lower() + entry.title_en[1:]}
    )
