"""The features of all layers in one table, and the selection of those that a rule is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from sxrisk.errors import CRSError
from sxrisk.findings import GEOGRAPHIC_CRS
from sxrisk.rules._pairs import Pieces
from sxrisk.rules.criterion import Condition, Selector
from sxrisk.rules.vocabulary import words_kept_beside

__all__ = ["FeatureTable", "NotApplied", "Selection", "feature_rows", "unique_keys"]

_AREA_KINDS = frozenset(
    {
        "settlement",
        "open_pit",
        "quarry",
        "tailings_pond",
        "waste_dump",
        "goaf",
        "enterprise",
        "school",
        "hospital",
        "crowd_place",
        "underground_mine",
        "chemical_unit",
        "flammable_site",
        "airport",
        "nature_reserve",
        "reservoir",
        "river_bank_zone",
        "gas_storage_zone",
    }
)


@dataclass(frozen=True)
class NotApplied:
    """Why a rule could not be applied to something."""

    rule_id: str
    subject_kind: str
    subject_id: str
    reason: str
    count: int


@dataclass(frozen=True)
class Selection:
    """Features that a rule's selectors chose.

    Parameters
    ----------
    positions : ndarray of shape (n,)
        Rows in the feature table, ascending.
    gaps : tuple of (kind, reason, count)
        Kinds without a layer, and features that lack an attribute or have a word for it that no vocabulary has.
    """

    positions: NDArray[np.intp]
    gaps: tuple[tuple[str, str, int], ...] = ()


def feature_rows(frame: gpd.GeoDataFrame, kind: str | None = None) -> pd.DataFrame:
    """What the engines need to know of each feature.

    Parameters
    ----------
    frame : GeoDataFrame of n rows in EPSG:4490
        A canonical layer, or any frame; ids come from the column `id`, else from the index.
    kind : str, optional
        Kind of all features where the frame has no column `kind`.

    Returns
    -------
    DataFrame
        Columns kind, id, name, county, sigma (m, NaN unknown), crs_unknown, built_on, coarse, geometry (object).
    """
    geometry = np.asarray(frame.geometry.array, dtype=object)
    kinds = _text_column(frame, "kind", kind or "")
    point = np.isin(shapely.get_type_id(geometry), (0, 4))
    return pd.DataFrame(
        {
            "kind": kinds,
            "id": _text_column(frame, "id", "") if "id" in frame.columns else _labels(frame.index),
            "name": _text_column(frame, "name", ""),
            "county": _text_column(frame, "county", ""),
            "sigma": _numbers(frame, "position_sigma_m"),
            "crs_unknown": (_text_column(frame, "crs_source", "") == "unknown").to_numpy(dtype=bool),
            "built_on": _dates(frame, "built_on"),
            "coarse": point & kinds.isin(_AREA_KINDS).to_numpy(),
            "geometry": geometry,
        }
    )


def unique_keys(rows: pd.DataFrame, *, distinct_numbers: bool = False) -> pd.Series:
    """``kind/id`` of each row; a second row of the same key gets ``#2``, and so on.

    Ids that are `distinct_numbers` need no look at a million keys.
    """
    key = rows["kind"] + "/" + rows["id"]
    if distinct_numbers or pc.count_distinct(pa.array(key)).as_py() == len(key):
        return key
    again = key.groupby(key).cumcount() + 1
    return key + again.map(lambda n: "" if n == 1 else f"#{n}")


@dataclass(frozen=True)
class FeatureTable:
    """All features of some layers.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame
        Canonical layers by id.
    rows : DataFrame of n rows
        See :func:`feature_rows`, with the column `key` added.
    layer_of : ndarray of shape (n,)
        Position of each row's layer.
    """

    layers: Mapping[str, gpd.GeoDataFrame]
    rows: pd.DataFrame
    layer_of: NDArray[np.intp]
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, layers: Mapping[str, gpd.GeoDataFrame]) -> "FeatureTable":
        """Table of canonical layers.

        Raises
        ------
        CRSError
            If a layer is not in EPSG:4490.
        """
        for name, frame in layers.items():
            if frame.crs is None or frame.crs.to_epsg() != 4490:
                shown = "no CRS" if frame.crs is None else f"the CRS {frame.crs.to_string()[:60]}"
                raise CRSError(
                    f"the layer has {shown}",
                    where=name,
                    expected=GEOGRAPHIC_CRS,
                    remedy="Read it with sxrisk.read_layer",
                )
        parts = [feature_rows(frame) for frame in layers.values()]
        rows = pd.concat(parts, ignore_index=True) if parts else feature_rows(gpd.GeoDataFrame(geometry=[], crs=4490))
        rows["key"] = unique_keys(rows)
        layer_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts]).astype(np.intp)
        return cls(layers, rows, layer_of)

    @cached_property
    def pieces(self) -> Pieces:
        """Pieces of all features."""
        return Pieces(self.rows["geometry"].to_numpy(dtype=object))

    @cached_property
    def positions_by_key(self) -> dict[str, int]:
        """Row of each ``kind/id``."""
        return {key: position for position, key in enumerate(self.rows["key"])}

    def layers_of_shared(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """Those of some ``kind/id`` that stand in several rows, with the layers of these rows."""
        names = list(self.layers)
        named = self.rows["kind"] + "/" + self.rows["id"]
        shared = named[named.duplicated(keep=False) & named.isin(set(keys))]
        return {
            str(key): [names[self.layer_of[k]] for k in rows] for key, rows in shared.groupby(shared).groups.items()
        }

    def pieces_of(self, selection: Selection) -> Pieces:
        """Pieces of a selection; kept, because rules share selections."""
        key = ("pieces", selection.positions.tobytes())
        if key not in self._cache:
            self._cache[key] = self.pieces.take(selection.positions)
        pieces: Pieces = self._cache[key]
        return pieces

    @property
    def kept(self) -> dict[Any, Any]:
        """What engines work out once for several rules, by a key of their own."""
        return self._cache

    def select(self, selectors: Sequence[Selector]) -> Selection:
        """Features that any of the selectors chooses."""
        key = tuple(selectors)
        if key not in self._cache:
            self._cache[key] = self._select(key)
        selection: Selection = self._cache[key]
        return selection

    def column(self, name: str) -> NDArray[np.float64]:
        """A numeric attribute of every feature, NaN where its layer lacks it."""
        parts = [_numbers(frame, name) for frame in self.layers.values()]
        return np.concatenate(parts) if parts else np.empty(0)

    def days(self, name: str) -> NDArray[np.datetime64]:
        """A date of every feature, NaT where its layer lacks it."""
        parts = [_dates(frame, name) for frame in self.layers.values()]
        return np.concatenate(parts) if parts else np.empty(0, dtype="datetime64[s]")

    def text(self, name: str) -> NDArray[np.object_]:
        """A text attribute of every feature, empty where its layer lacks it."""
        parts = [_text(frame, name, "") for frame in self.layers.values()]
        return np.concatenate(parts) if parts else np.empty(0, dtype=object)

    def _select(self, selectors: tuple[Selector, ...]) -> Selection:
        chosen = np.zeros(len(self.rows), dtype=bool)
        kinds = self.rows["kind"].to_numpy(dtype=object)
        present = set(kinds)
        gaps: list[tuple[str, str, int]] = []
        for selector in selectors:
            for kind in selector.kinds:
                if kind not in present:
                    gaps.append((kind, f"layer_missing:{kind}", 1))
                    continue
                of_kind = kinds == kind
                met = of_kind.copy()
                for condition in selector.where:
                    true, unknown = self._masks(condition)
                    strange = met & self._strange(condition, kind)
                    # "keep" takes what is not known to be excepted; a word that says something else is no such thing.
                    if strange.any() and not (condition.missing == "keep" and condition.none_of is not None):
                        gaps.append((kind, f"word_not_known:{condition.column}", int(strange.sum())))
                        met &= ~strange
                    doubtful = met & self._doubtful(condition)
                    if doubtful.any():
                        gaps.append((kind, f"effective_day_unknown:{condition.column}", int(doubtful.sum())))
                        met &= ~doubtful
                    asked = met & unknown
                    if condition.missing == "report" and asked.any():
                        gaps.append((kind, f"attribute_missing:{condition.column}", int(asked.sum())))
                    met &= true | (unknown if condition.missing == "keep" else False)
                chosen |= met
        return Selection(np.flatnonzero(chosen), tuple(gaps))

    def _masks(self, condition: Condition) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        parts = [condition.masks(frame) for frame in self.layers.values()]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _doubtful(self, condition: Condition) -> NDArray[np.bool_]:
        return np.concatenate([condition.doubtful(frame) for frame in self.layers.values()])

    def _strange(self, condition: Condition, kind: str) -> NDArray[np.bool_]:
        words = words_kept_beside(kind, condition.column)
        if words is None:
            return np.zeros(len(self.rows), dtype=bool)
        return np.concatenate([condition.strange(frame, words) for frame in self.layers.values()])


def _labels(index: pd.Index) -> pd.Series:
    if pd.api.types.is_integer_dtype(index.dtype):
        return pd.Series(pd.array(pa.array(index.to_numpy()).cast(pa.large_string()), dtype="str"))
    return pd.Series([str(label) for label in index], dtype="str")


def _text_column(frame: pd.DataFrame, column: str, default: str) -> pd.Series:
    if column not in frame.columns:
        return pd.Series(pd.array(pa.repeat(pa.scalar(default, pa.large_string()), len(frame)), dtype="str"))
    values = frame[column]
    return values.where(values.notna(), default).astype("str").reset_index(drop=True)


def _text(frame: pd.DataFrame, column: str, default: str) -> NDArray[np.object_]:
    return _text_column(frame, column, default).to_numpy(dtype=object)


def _numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _dates(frame: pd.DataFrame, column: str) -> NDArray[np.datetime64]:
    if column not in frame.columns:
        return np.full(len(frame), np.datetime64("NaT"), dtype="datetime64[s]")
    return pd.to_datetime(frame[column], errors="coerce").to_numpy(dtype="datetime64[s]")
