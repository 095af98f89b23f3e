"""Safety distances: which pairs lie nearer than a limit, on the ellipsoid and with their uncertainty."""

from collections.abc import Iterable
from functools import cache
from numbers import Real

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.crs import to_geographic
from sxrisk.errors import CRSError, MissingFieldError, ParameterError
from sxrisk.findings import Effect, Evidence, findings_frame
from sxrisk.rules._pairs import NearPairs, Pieces, pairs_within
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule, Selector
from sxrisk.rules.features import NotApplied, Selection, feature_rows, unique_keys
from sxrisk.rules.judge import Z_95, broken, margin_m, probability_near
from sxrisk.rules.load import Catalogue, load_catalogue
from sxrisk.rules.places import refuse_rows, without_finite_place, without_place_in_china
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_crossing", "apply_distance", "check_distances", "near_rows"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# An edge this long, straight in a projected CRS, stays within 0.4 mm of straight in longitude and latitude.
_MAX_EDGE_M = 150.0


def check_distances(
    subjects: gpd.GeoDataFrame,
    objects: gpd.GeoDataFrame,
    required_m: float | str | ArrayLike,
    *,
    rule: Rule | str | None = None,
    subject_sigma_m: float | None = None,
    object_sigma_m: float | None = None,
) -> gpd.GeoDataFrame:
    """Pairs that stand nearer to each other than a required distance.

    The distance is the geodesic on the CGCS2000 ellipsoid between the nearest edges, 0 where the two meet or one holds
    the other, right to 1 mm + 1 ppm. A geometry that is coarser than its stated accuracy misleads this function: a
    village drawn as a point is as far as that point.

    Parameters
    ----------
    subjects, objects : GeoDataFrame
        In any known CRS, also two different ones; any geometry types. Columns used where present: `id` (else the
        index), `name`, `kind`, `county`, `position_sigma_m` (1 sigma, m), `crs_source`. The same frame may be given
        twice, also as a copy with the same ids and geometries: then each pair is told once and nothing is compared with
        itself.
    required_m : float, str or array_like of shape (n,)
        Required distance in metres; or each subject's own, as the column of `subjects` that holds it, a Series with the
        index of `subjects`, or an array in its order. Rows where it is missing are not checked.
    rule : Rule or str, optional
        Criterion, or its id in the shipped catalogue, that gives clause, evidence, effect and colour. Without one the
        number is the user's: evidence `user`, effect `must_comply`. Where `required_m` is not the rule's own value the
        number is the user's too: the evidence is then no better than `user`, and `reasons` says
        `overridden_by_user`. A number of the user's is never more than *suspected*.
    subject_sigma_m, object_sigma_m : float, optional
        1 sigma of position in metres for rows without a value in `position_sigma_m`.

    Returns
    -------
    GeoDataFrame
        Findings (:data:`sxrisk.findings.FINDING_COLUMNS`) in EPSG:4490: all pairs below the limit, and those that may
        be: the probability of standing nearer is above 2.5 %. *Too close to call* are those with a probability below
        97.5 %, and those measured beyond the limit; a pair measured below a limit that is far smaller than the accuracy
        stays in with a probability even below 2.5 %. `uncertainty` is the two positions' sigmas added in squares; an
        unknown sigma counts as 0 and is told in `reasons`. `geometry` is the shortest line, a point where the two meet.

    Raises
    ------
    CRSError
        If a frame's CRS is unknown or cannot be tied to the earth.
    MissingFieldError
        If the column `required_m` does not exist.
    GeometryError
        If a row has no geometry, or coordinates that are not finite or not in China, as swapped ones are.
    ParameterError
        If a distance or sigma is text, negative or not finite, if there are not as many distances as subjects, or if
        the rule does not exist.

    References
    ----------
    Karney, C. F. F. (2013), Algorithms for geodesics, J. Geodesy 87, 43-55, doi:10.1007/s00190-012-0578-z.

    Examples
    --------
    >>> import geopandas as gpd
    >>> pits = gpd.GeoDataFrame({"id": ["K1"]}, geometry=gpd.points_from_xy([112.5], [37.5]), crs=4490)
    >>> places = gpd.points_from_xy([112.501, 112.52], [37.5, 37.5])
    >>> homes = gpd.GeoDataFrame({"id": ["A", "B"]}, geometry=places, crs=4490)
    >>> check_distances(pits, homes, 200.0)[["subject_id", "object_id", "measured", "status"]].values.tolist()
    [['K1', 'A', 88.43, 'suspected']]
    """
    judged = _rule_of(rule)
    same = subjects is objects
    left = _rows(subjects, "subjects", subject_sigma_m)
    right = left if same else _rows(objects, "objects", object_sigma_m)
    if not same:
        right.index = _labels_beside(left, right)
    required = _required(subjects, required_m)
    found = near_rows(
        _shipped(),
        judged,
        left,
        Pieces(left["geometry"].to_numpy(dtype=object)),
        right,
        Pieces(right["geometry"].to_numpy(dtype=object)),
        required,
        np.zeros(len(left)),
        changed=np.zeros(len(left), dtype=bool) if rule is None else required != judged.value,
    )
    return findings_frame(gpd.GeoDataFrame(found, geometry="geometry", crs=4490))


def near_rows(
    catalogue: Catalogue,
    rule: Rule,
    left: pd.DataFrame,
    left_pieces: Pieces,
    right: pd.DataFrame,
    right_pieces: Pieces,
    required: Array,
    required_sigma: Array,
    *,
    reasons: Iterable[tuple[str, Mask]] = (),
    changed: Mask | None = None,
) -> pd.DataFrame:
    """Finding rows of all pairs nearer than each subject's own limit, or too close to call.

    Parameters
    ----------
    catalogue, rule
        What is judged by.
    left, right : DataFrame of n and m rows
        Feature rows with the column `key`; an index label that stands in both means the same thing.
    left_pieces, right_pieces : Pieces
        Their geometries, in the same order.
    required, required_sigma : ndarray of shape (n,)
        Limit of each subject and its 1 sigma, m; NaN limits are not checked.
    reasons : iterable of (code, mask of shape (n,))
        Reason codes by subject.
    changed : ndarray of bool, shape (n,), optional
        Subjects whose limit is the user's instead of the rule's.

    Returns
    -------
    DataFrame
    """
    sigma_left, sigma_right = (rows["sigma"].fillna(0.0).to_numpy() for rows in (left, right))
    own = np.hypot(sigma_left, required_sigma)
    ends = (sigma_right.min(initial=np.inf), sigma_right.max(initial=0.0))
    reach = required + margin_m(required, np.hypot(own, ends[0] if len(right) else 0.0), np.hypot(own, ends[1]))
    pairs = _pairs_once(left, right, pairs_within(left_pieces, right_pieces, reach))
    i, j = pairs.left, pairs.right
    limit, sigma = required[i], np.hypot(own[i], sigma_right[j])
    subject, object_ = left.iloc[i], right.iloc[j]
    keep = np.ones(len(i), dtype=bool)
    told: list[tuple[str, Mask]] = [(code, mask[i]) for code, mask in reasons]
    if rule.min_value is not None:
        keep = pairs.distance_m > 0
        inside = pairs.distance_m <= rule.min_value
        told.append(("inside_inner_limit", inside))
        told.append(("perhaps_inside_inner_limit", ~inside & (pairs.distance_m - rule.min_value < Z_95 * sigma)))
    if rule.order_matters:
        subject_built, object_built = subject["built_on"].to_numpy(), object_["built_on"].to_numpy()
        unknown = np.isnat(subject_built) | np.isnat(object_built)
        keep &= unknown | (subject_built >= object_built)
        told.append(("construction_order_unknown", unknown))
    lost = subject["sigma"].isna().to_numpy() | object_["sigma"].isna().to_numpy()
    coarse = subject["coarse"].to_numpy() | object_["coarse"].to_numpy() | (sigma > limit)
    told += [("position_sigma_unknown", lost), ("coarse_geometry", coarse)]
    if rule.measured_from == "edge":
        told.append(("centreline_for_edge", _without_edge(object_)))
    lines = pairs.lines()

    def rows_of(judged: Rule, chosen: Mask) -> pd.DataFrame:
        return finding_rows(
            catalogue,
            judged,
            subject[chosen],
            object_[chosen],
            measured=pairs.distance_m[chosen],
            required=limit[chosen],
            sigma=sigma[chosen],
            is_broken=broken(pairs.distance_m[chosen], limit[chosen], judged.op),
            probability=_probability(judged, pairs.distance_m[chosen], limit[chosen], sigma[chosen]),
            geometry=lines[chosen],
            reasons=[(code, mask[chosen]) for code, mask in told],
        )

    theirs = np.zeros(len(i), dtype=bool) if changed is None else changed[i]
    if not theirs.any():
        return rows_of(rule, keep)
    parts = [rows_of(rule, keep & ~theirs), rows_of(rule.changed_by_user(), keep & theirs)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def apply_distance(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `distance`: a fixed distance between two geometries.

    Roads and railways that a layer has only as a line are measured to that line; where the clause asks for the edge
    they are reported as well, because what lies just beyond the limit from the line may lie within it from the edge.
    """
    left, right = context.table.rows.iloc[subjects.positions], context.table.rows.iloc[objects.positions]
    required = np.full(len(left), rule.value)
    pieces = context.table.pieces_of(subjects), context.table.pieces_of(objects)
    found = near_rows(context.catalogue, rule, left, pieces[0], right, pieces[1], required, np.zeros(len(left)))
    if rule.measured_from != "edge":
        return found, []
    about = rule.subject_kinds[0] if len(rule.subject_kinds) == 1 else ""
    edgeless = right["kind"][_without_edge(right)].value_counts().sort_index()
    return found, [NotApplied(rule.id, about, "", f"edge_unknown:{kind}", int(n)) for kind, n in edgeless.items()]


def apply_crossing(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `crossing`: two geometries meet; the accuracy of position does not undo a crossing."""
    left, right = context.table.rows.iloc[subjects.positions], context.table.rows.iloc[objects.positions]
    found = pairs_within(context.table.pieces_of(subjects), context.table.pieces_of(objects), np.zeros(len(left)))
    pairs = _pairs_once(left, right, found.take(found.distance_m == 0))
    subject, object_ = left.iloc[pairs.left], right.iloc[pairs.right]
    subject_built, object_built = subject["built_on"].to_numpy(), object_["built_on"].to_numpy()
    unknown = np.isnat(subject_built) | np.isnat(object_built)
    keep = unknown | (subject_built >= object_built) if rule.order_matters else np.ones(len(unknown), dtype=bool)
    count = int(keep.sum())
    rows = finding_rows(
        context.catalogue,
        rule,
        subject[keep],
        object_[keep],
        measured=0.0,
        required=0.0,
        sigma=np.zeros(count),
        is_broken=np.ones(count, dtype=bool),
        probability=np.ones(count),
        geometry=pairs.lines()[keep],
        reasons=[("construction_order_unknown", unknown[keep] & rule.order_matters)],
    )
    return rows, []


def _without_edge(rows: pd.DataFrame) -> Mask:
    """Roads and railways that are lines: where their land ends is not known."""
    is_line = np.isin(shapely.get_type_id(rows["geometry"].to_numpy(dtype=object)), (1, 5))
    return np.asarray(is_line & rows["kind"].isin(["road", "railway"]).to_numpy(), dtype=bool)


def _labels_beside(left: pd.DataFrame, right: pd.DataFrame) -> "pd.Index[int]":
    """Index of `right`: that of `left` where both hold the same things (ids and geometries), else one of its own."""
    apart = right.index + len(left)
    if len(left) != len(right):
        return apart
    place = pd.Index(left["key"]).get_indexer(pd.Index(right["key"]))
    if (place < 0).any():
        return apart
    ours = left["geometry"].to_numpy(dtype=object)[place]
    equal = shapely.equals_exact(ours, right["geometry"].to_numpy(dtype=object), tolerance=0.0).all()
    return left.index[place] if equal else apart


def _pairs_once(left: pd.DataFrame, right: pd.DataFrame, pairs: NearPairs) -> NearPairs:
    """Leave out a thing paired with itself, and the mirror image of a pair that is there already.

    The index of the rows tells which of them are the same thing.
    """
    if not left.index.isin(right.index).any():
        return pairs
    a, b = left.index.to_numpy()[pairs.left], right.index.to_numpy()[pairs.right]
    mirrored = set(zip(b, a, strict=True))
    names = left["key"].to_numpy(dtype=object)[pairs.left], right["key"].to_numpy(dtype=object)[pairs.right]
    keep = [i != j and not (s > o and (i, j) in mirrored) for i, j, s, o in zip(a, b, *names, strict=True)]
    return pairs.take(np.asarray(keep, dtype=bool))


def _probability(rule: Rule, distance: Array, limit: Array, sigma: Array) -> Array:
    certain = broken(distance, limit, rule.op).astype(np.float64)
    return np.where(sigma > 0, probability_near(distance, limit, sigma), certain)


@cache
def _shipped() -> Catalogue:
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


def _rule_of(rule: Rule | str | None) -> Rule:
    if rule is None:
        return _user_rule()
    if isinstance(rule, Rule):
        return rule
    rules = _shipped().rules
    if rule not in rules:
        raise ParameterError(f"there is no rule {rule!r}", where="rule", expected=f"one of {', '.join(rules)}")
    return rules[rule]


def _rows(frame: gpd.GeoDataFrame, what: str, sigma_m: float | None) -> pd.DataFrame:
    if not isinstance(frame, gpd.GeoDataFrame):
        raise ParameterError(f"is a {type(frame).__name__}", where=what, expected="a GeoDataFrame")
    if frame.crs is None:
        remedy = "Set it with frame.set_crs(...), or read the layer with sxrisk.read_layer(path, crs=...)"
        raise CRSError("the coordinate system is unknown", where=what, expected="any known CRS", remedy=remedy)
    if sigma_m is not None and not (isinstance(sigma_m, Real) and 0 <= sigma_m < np.inf):
        raise ParameterError(f"the position sigma is {sigma_m} m", where=what, expected="a finite number, 0 or more")
    if "position_sigma_m" in frame.columns:
        _metres(frame["position_sigma_m"], f"{what}, position_sigma_m")
    refuse_rows(frame, without_finite_place(np.asarray(frame.geometry.array, dtype=object)), what)
    if frame.crs.is_projected:
        edge = _MAX_EDGE_M / frame.crs.axis_info[0].unit_conversion_factor
        frame = frame.set_geometry(shapely.segmentize(frame.geometry.array, edge), crs=frame.crs)
    placed = to_geographic(frame)
    refuse_rows(placed, without_place_in_china(np.asarray(placed.geometry.array, dtype=object)), what)
    rows = feature_rows(placed)
    if sigma_m is not None:
        rows["sigma"] = rows["sigma"].fillna(sigma_m)
    rows["key"] = unique_keys(rows)
    return rows


def _required(subjects: gpd.GeoDataFrame, required_m: float | str | ArrayLike) -> Array:
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
    filled = values.notna().to_numpy() & (values.astype("str").str.strip() != "").to_numpy()
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
