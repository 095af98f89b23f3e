"""What a caller asks of a distance check, checked: the two sides, the limits, the rule."""

from functools import cache
from numbers import Real

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.crs import to_geographic
from sxrisk.errors import CRSError, MissingFieldError, ParameterError
from sxrisk.findings import Effect, Evidence
from sxrisk.rules._pairs import Pieces
from sxrisk.rules.criterion import Rule, Selector
from sxrisk.rules.features import feature_rows, unique_keys
from sxrisk.rules.load import Catalogue, load_catalogue
from sxrisk.rules.places import refuse_rows, without_finite_place, without_place_in_china

__all__ = ["limits_of", "rule_of", "shipped_catalogue", "side_rows"]

Array = NDArray[np.float64]

# An edge this long, straight in a projected CRS, stays within 0.4 mm of straight in longitude and latitude.
_MAX_EDGE_M = 150.0


@cache
def shipped_catalogue() -> Catalogue:
    """The catalogue that comes with the package."""
    return load_catalogue()


@cache
def _user_rule() -> Rule:
    anything = (Selector(kinds=("*",)),)
    return Rule(
        id="user",
        title_zh="用户给定距离",
        title_en="Distance given by the user",
        text_zh="与对象的距离不小于用户给定值。",
        text_en="The distance is not less than the number given by the user.",
        standard="user",
        standard_zh="用户给定",
        standard_en="given by the user",
        edition="",
        clause_zh="",
        clause_en="",
        evidence=Evidence.USER,
        effect=Effect.MUST_COMPLY,
        engine="distance",
        subjects=anything,
        objects=anything,
        metric="distance",
        op="<",
        value=0.0,
        unit="m",
        source="user",
        measured_from="centreline",
    )


def rule_of(rule: Rule | str | None) -> Rule:
    """The rule itself, that of an id in the shipped catalogue, or the rule of a bare number of the user's.

    Raises
    ------
    ParameterError
        If there is no rule of that id.
    """
    if rule is None:
        return _user_rule()
    if isinstance(rule, Rule):
        return rule
    rules = shipped_catalogue().rules
    if rule not in rules:
        raise ParameterError(f"there is no rule {rule!r}", where="rule", expected=f"one of {', '.join(rules)}")
    return rules[rule]


def side_rows(frame: gpd.GeoDataFrame, what: str, sigma_m: float | None) -> tuple[pd.DataFrame, Pieces]:
    """Feature rows with keys of a frame in any known CRS, and their pieces.

    `what` names the argument, `sigma_m` fills unknown sigmas.

    Raises
    ------
    CRSError
        If the CRS is unknown or cannot be tied to the earth.
    GeometryError
        If a row has no finite place in China.
    ParameterError
        If it is no frame, or a sigma is text, negative or infinite.
    """
    if not isinstance(frame, gpd.GeoDataFrame):
        raise ParameterError(f"is a {type(frame).__name__}", where=what, expected="a GeoDataFrame")
    if frame.crs is None:
        remedy = "Set it with frame.set_crs(...), or read the layer with sxrisk.read_layer(path, crs=...)"
        raise CRSError("the coordinate system is unknown", where=what, expected="any known CRS", remedy=remedy)
    if sigma_m is not None and not (isinstance(sigma_m, Real) and 0 <= sigma_m < np.inf):
        raise ParameterError(f"the position sigma is {sigma_m} m", where=what, expected="a finite number, 0 or more")
    if "position_sigma_m" in frame.columns:
        _metres(frame["position_sigma_m"], f"{what}, position_sigma_m")
    # In longitude and latitude one look is enough: what is not finite is not in China.
    if not frame.crs.is_geographic:
        refuse_rows(frame, without_finite_place(np.asarray(frame.geometry.array, dtype=object)), what)
    if frame.crs.is_projected:
        edge = _MAX_EDGE_M / frame.crs.axis_info[0].unit_conversion_factor
        frame = frame.set_geometry(shapely.segmentize(frame.geometry.array, edge), crs=frame.crs)
    placed = to_geographic(frame)
    places = np.asarray(placed.geometry.array, dtype=object)
    # A million geometries are read once: their vertices serve the check and the search.
    coordinates, vertices = shapely.get_coordinates(places), shapely.get_num_coordinates(places)
    refuse_rows(placed, (vertices == 0) | without_place_in_china(places, coordinates), what)
    rows = feature_rows(placed)
    if sigma_m is not None:
        rows["sigma"] = rows["sigma"].fillna(sigma_m)
    numbered = "id" not in frame.columns and isinstance(frame.index, pd.RangeIndex)
    rows["key"] = unique_keys(rows, distinct_numbers=numbered)
    return rows, Pieces(places, coordinates, vertices)


def limits_of(subjects: gpd.GeoDataFrame, required_m: float | str | ArrayLike) -> Array:
    """Required distance of each subject in metres, NaN where it has none, from what the caller gave.

    Raises
    ------
    MissingFieldError
        If it names a column that does not exist.
    ParameterError
        If a distance is text, negative or infinite, or there are not as many as subjects.
    """
    if isinstance(required_m, str):
        if required_m not in subjects.columns:
            raise MissingFieldError(
                f"there is no column {required_m!r}",
                where="required_m",
                expected=f"one of {', '.join(map(str, subjects.columns))}",
            )
        return _metres(subjects[required_m], f"required_m, column {required_m!r}")
    if isinstance(required_m, Real):
        metres = float(required_m)
        if not 0 <= metres < np.inf:
            shown = "NaN" if np.isnan(metres) else f"{metres:g} m"
            raise ParameterError(f"the required distance is {shown}", where="required_m", expected="metres, 0 or more")
        return np.full(len(subjects), metres)
    if np.shape(required_m) != (len(subjects),):
        shown = f"has shape {np.shape(required_m)}" if np.ndim(required_m) else f"is {required_m!r}"
        raise ParameterError(
            shown, where="required_m", expected=f"metres, a column's name, or {len(subjects)} values, one a subject"
        )
    if isinstance(required_m, pd.Series) and not required_m.index.equals(subjects.index):
        raise ParameterError(
            "has another index than subjects",
            where="required_m",
            expected="one value for each subject, with its index",
            remedy="Use required_m.reindex(subjects.index), or .to_numpy() if the order is the same",
        )
    return _metres(pd.Series(required_m, index=subjects.index), "required_m")


def _metres(values: pd.Series, where: str) -> Array:
    """Numbers of a column, NaN where it has none; text that is no number, negative and infinite ones are refused."""
    metres = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    filled = values.notna().to_numpy()
    if not pd.api.types.is_numeric_dtype(values.dtype):
        filled = filled & (values.astype("str").str.strip() != "").to_numpy()
    bad = (np.isnan(metres) & filled) | (metres < 0) | np.isinf(metres)
    if bad.any():
        first = int(np.argmax(bad))
        value = values.iloc[first]
        shown = f"{value:g} m" if isinstance(value, Real) else f"{str(value)[:40]!r}"
        many = f", and so are {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
        raise ParameterError(
            f"the distance at index {values.index[first]} is {shown}{many}", where=where, expected="metres, 0 or more"
        )
    return metres
