"""What the quality checks share: the thing found, its sentence, places in metres, names that can be compared."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import GEOD
from sxrisk.layers.kinds import KINDS, Attribute
from sxrisk.layers.kinds import kind as kind_of

__all__ = ["Found", "Layer", "name_keys", "quality_table", "representative_xy", "scaled"]

_COMPANY = re.compile(r"(有限责任公司|股份有限公司|有限公司|集团|公司|责任|co\.?,? ?ltd\.?)")
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Found:
    """One thing that a check found in a layer: code of quality.toml, positions of the features, figures in words."""

    layer: str
    code: str
    rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    detail: str = ""
    attribute: str = ""
    count: int | None = None


@dataclass(frozen=True)
class Layer:
    """A layer as the checks see it: its frame, kind, and places in metres."""

    name: str
    kind: str
    frame: gpd.GeoDataFrame
    geometry: NDArray[Any]
    xy: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, frame: gpd.GeoDataFrame) -> "Layer":
        """A canonical frame with its places."""
        kinds = frame["kind"] if "kind" in frame.columns else pd.Series([], dtype="str")
        geometry = np.asarray(frame.geometry.array, dtype=object)
        return cls(name, str(kinds.iloc[0]) if len(kinds) else "", frame, geometry, representative_xy(geometry))

    def text(self, column: str) -> NDArray[Any]:
        """A column as text, ``""`` where there is none."""
        if column not in self.frame.columns:
            return np.full(len(self.frame), "", dtype=object)
        values = self.frame[column]
        return values.where(values.notna(), "").astype("str").to_numpy(dtype=object)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column as numbers, NaN where there is none."""
        if column not in self.frame.columns:
            return np.full(len(self.frame), np.nan)
        return pd.to_numeric(self.frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Attributes of the kind by name; none of a kind that is not known."""
        return {entry.name: entry for entry in kind_of(self.kind).attributes} if self.kind in KINDS else {}

    @property
    def is_network(self) -> bool:
        """Whether the kind is of lines: parts of one road or river share its name by right."""
        return self.kind in KINDS and "line" in kind_of(self.kind).geometry

    @property
    def points(self) -> NDArray[np.bool_]:
        """Which features are points."""
        return np.asarray(shapely.get_type_id(self.geometry) == shapely.GeometryType.POINT, dtype=bool)

    @property
    def areas(self) -> NDArray[np.bool_]:
        """Which features are polygons."""
        return np.asarray(shapely.get_dimensions(self.geometry) == 2, dtype=bool)

    @cached_property
    def keys(self) -> NDArray[Any]:
        """Names as they are compared."""
        return name_keys(self.text("name"))

    @cached_property
    def area_m2(self) -> NDArray[np.float64]:
        """Areas of the polygons in square metres, NaN for others; to 0.5 %, on the sphere of its latitude."""
        return np.where(self.areas, shapely.area(scaled(self.geometry)), np.nan)


def representative_xy(geometry: NDArray[Any]) -> NDArray[np.float64]:
    """Middles of geometries in EPSG:4490 as metres from the equator and Greenwich, shape (n, 2); good for nearness."""
    middle = shapely.centroid(geometry)
    lon, lat = shapely.get_x(middle), shapely.get_y(middle)
    radius = np.radians(GEOD.a)
    return np.column_stack([lon * radius * np.cos(np.radians(lat)), lat * radius])


def scaled(geometry: NDArray[Any]) -> NDArray[Any]:
    """Geometries in metres, each true to scale around its own middle latitude."""
    bounds = shapely.bounds(geometry)
    middle = np.radians((bounds[:, 1] + bounds[:, 3]) / 2)
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    radius = np.radians(GEOD.a)
    moved = np.column_stack([xy[:, 0] * radius * np.cos(middle[owner]), xy[:, 1] * radius])
    return shapely.set_coordinates(np.array(geometry, dtype=object), moved)


def name_keys(names: NDArray[Any]) -> NDArray[Any]:
    """Names as they are compared: full-width folded, no case, no signs, without the words for a company."""
    codes, distinct = pd.factorize(names)
    keys = []
    for name in distinct:
        text = unicodedata.normalize("NFKC", str(name)).casefold()
        keys.append(_NOT_LETTERS.sub("", _COMPANY.sub("", text)) or _NOT_LETTERS.sub("", text))
    return np.asarray(keys, dtype=object)[codes] if len(keys) else np.asarray([], dtype=object)


@lru_cache(maxsize=1)
def quality_table() -> Mapping[str, Any]:
    """The content of quality.toml."""
    return tomllib.loads(resources.files("sxrisk.layers.quality").joinpath("quality.toml").read_text(encoding="utf-8"))
