"""Safety distances: which pairs lie nearer than a limit, on the ellipsoid and with their uncertainty."""

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.findings import Colour, findings_frame
from sxrisk.rules._pairs import NearPairs, Pieces, pairs_within
from sxrisk.rules.asked import limits_of, rule_of, shipped_catalogue, side_rows
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.judge import Z_95, broken, margin_m, probability_near
from sxrisk.rules.load import Catalogue
from sxrisk.rules.rows import End, at_positions, finding_rows, pair_table, table_rows

__all__ = ["apply_crossing", "apply_distance", "check_distances", "distance_table", "near_rows", "near_table"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Lines on the map that have a width on the ground: land, bank, outer conductor.
_MEASURED_FROM_EDGE = ("road", "railway", "river", "power_line")


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
    table = distance_table(
        subjects,
        objects,
        required_m,
        rule=rule,
        subject_sigma_m=subject_sigma_m,
        object_sigma_m=object_sigma_m,
    )
    return findings_frame(gpd.GeoDataFrame(table_rows(table), geometry="geometry", crs=4490))


def distance_table(
    subjects: gpd.GeoDataFrame,
    objects: gpd.GeoDataFrame,
    required_m: float | str | ArrayLike,
    *,
    rule: Rule | str | None = None,
    subject_sigma_m: float | None = None,
    object_sigma_m: float | None = None,
) -> pa.Table:
    """What :func:`check_distances` gives, with the same parameters, as :func:`sxrisk.rules.rows.pair_table` has it."""
    judged = rule_of(rule)
    same = subjects is objects
    left, left_pieces = side_rows(subjects, "subjects", subject_sigma_m)
    right, right_pieces = (left, left_pieces) if same else side_rows(objects, "objects", object_sigma_m)
    if not same:
        right.index = _labels_beside(left, right)
    required = limits_of(subjects, required_m)
    return near_table(
        shipped_catalogue(),
        judged,
        left,
        left_pieces,
        right,
        right_pieces,
        required,
        np.zeros(len(left)),
        changed=np.zeros(len(left), dtype=bool) if rule is None else required != judged.value,
    )


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
) -> pd.DataFrame:
    """The findings of :func:`near_table`, which has the same parameters, as :func:`finding_rows` gives them."""
    return table_rows(
        near_table(catalogue, rule, left, left_pieces, right, right_pieces, required, required_sigma, reasons=reasons)
    )


def near_table(
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
) -> pa.Table:
    """Findings of all pairs nearer than each subject's own limit, or too close to call.

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
    pyarrow.Table
        See :func:`sxrisk.rules.rows.pair_table`.
    """
    sigma_left, sigma_right = (rows["sigma"].fillna(0.0).to_numpy() for rows in (left, right))
    own = np.hypot(sigma_left, required_sigma)
    ends = (sigma_right.min(initial=np.inf), sigma_right.max(initial=0.0))
    reach = required + margin_m(required, np.hypot(own, ends[0] if len(right) else 0.0), np.hypot(own, ends[1]))
    pairs = _pairs_once(left, right, pairs_within(left_pieces, right_pieces, reach))
    i, j = pairs.left, pairs.right
    limit, sigma = required[i], np.hypot(at_positions(own, i), at_positions(sigma_right, j))
    subject, object_ = End(left, i), End(right, j)
    keep = np.ones(len(i), dtype=bool)
    told: list[tuple[str, Mask]] = [(code, at_positions(mask, i)) for code, mask in reasons]
    if rule.min_value is not None:
        keep = pairs.distance_m > 0
        inside = pairs.distance_m <= rule.min_value
        told.append(("inside_inner_limit", inside))
        told.append(("perhaps_inside_inner_limit", ~inside & (pairs.distance_m - rule.min_value < Z_95 * sigma)))
    if rule.order_matters:
        subject_built, object_built = subject.values("built_on"), object_.values("built_on")
        unknown = np.isnat(subject_built) | np.isnat(object_built)
        keep &= unknown | (subject_built >= object_built)
        told.append(("construction_order_unknown", unknown))
    lost = at_positions(left["sigma"].isna().to_numpy(), i) | at_positions(right["sigma"].isna().to_numpy(), j)
    coarse = subject.values("coarse") | object_.values("coarse") | (sigma > limit)
    told += [("position_sigma_unknown", lost), ("coarse_geometry", coarse)]
    if rule.measured_from == "edge":
        told.append(("centreline_for_edge", at_positions(_without_edge(right), j)))

    def table_of(judged: Rule, chosen: Mask) -> pa.Table:
        # A slice copies nothing.
        at = slice(None) if chosen.all() else np.flatnonzero(chosen)
        measured, limits, sigmas = pairs.distance_m[at], limit[at], sigma[at]
        return pair_table(
            catalogue,
            judged,
            subject.at(at),
            object_.at(at),
            measured=measured,
            required=limits,
            sigma=sigmas,
            is_broken=broken(measured, limits, judged.op),
            probability=_probability(judged, measured, limits, sigmas),
            lines=lambda kept: pairs.lines_as_wkb(kept if isinstance(at, slice) else at[kept]),
            reasons=[(code, mask[at]) for code, mask in told],
        )

    theirs = np.zeros(len(i), dtype=bool) if changed is None else changed[i]
    if not theirs.any():
        return table_of(rule, keep)
    parts = [table_of(rule, keep & ~theirs), table_of(rule.changed_by_user(), keep & theirs)]
    both = pa.concat_tables(parts).unify_dictionaries()
    rank = pc.index_in(both["colour"].cast(pa.large_string()), pa.array(map(str, Colour), pa.large_string()))
    keys = pa.table({"rank": rank, "id": both["finding_id"]})
    return both.take(pc.sort_indices(keys, [("rank", "ascending"), ("id", "ascending")]))


def apply_distance(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `distance`: a fixed distance between two geometries.

    Roads, railways, rivers and power lines that a layer has only as a line are measured to that line; where the clause
    asks for the edge they are reported as well, because what lies just beyond the limit from the line may lie within it
    from the edge (of the road's land, the bank, the outer conductor).
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
    """What is drawn as a line and measured from its edge: land, bank or outer conductor are not known."""
    is_line = np.isin(shapely.get_type_id(rows["geometry"].to_numpy(dtype=object)), (1, 5))
    return np.asarray(is_line & rows["kind"].isin(_MEASURED_FROM_EDGE).to_numpy(), dtype=bool)


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
    if not len(left.index.intersection(right.index)):
        return pairs
    a, b = left.index.to_numpy()[pairs.left], right.index.to_numpy()[pairs.right]
    mirrored = set(zip(b, a, strict=True))
    names = left["key"].to_numpy(dtype=object)[pairs.left], right["key"].to_numpy(dtype=object)[pairs.right]
    keep = [i != j and not (s > o and (i, j) in mirrored) for i, j, s, o in zip(a, b, *names, strict=True)]
    return pairs.take(np.asarray(keep, dtype=bool))


def _probability(rule: Rule, distance: Array, limit: Array, sigma: Array) -> Array:
    certain = broken(distance, limit, rule.op).astype(np.float64)
    if not (sigma > 0).any():
        return certain
    return np.where(sigma > 0, probability_near(distance, limit, sigma), certain)
