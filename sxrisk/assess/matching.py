"""Which finding of one run is which of another: by id, else by what it is about and where it lies."""

import difflib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.crs import DEGREE_M, geodesic_distance_m

__all__ = ["MATCH_COLUMNS", "SAME_PLACE_M", "finding_places", "match_findings", "names_alike", "renamed_rules"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]

MATCH_COLUMNS: Mapping[str, str] = {
    "before": "position of the finding in the earlier table",
    "now": "position in the later table",
    "matched_by": "id; rule_renamed: same ends under the rule that replaces it; name_and_place",
    "distance_m": "how far the two places are apart (middles of their boxes), NaN where one has none",
}

SAME_PLACE_M = {"same_ends": 2000.0, "alike": 200.0, "nameless": 25.0, "redrawn": 25.0}
"""How far a finding may have moved to be taken for the same, by how well its two ends are known, in metres.

Lines no farther aside than `redrawn` are the same line where they run beside each other.
"""

_ENDS = ("subject", "object")
_NEIGHBOURS = 8
_DENSE = 400
_ALIKE = 0.6
# What tells "No. 1 mine" from "No. 2 mine", and the eastern from the western one.
_TELLING = re.compile(r"[0-9]+|[一二三四五六七八九十百东南西北上下中前后左右内外新老甲乙丙丁]")
# Words that the same firm's name has or lacks from table to table.
_FILLING = re.compile(r"山西省?|有限责任公司|有限公司|股份|集团")


def renamed_rules(catalogue: Any) -> dict[str, str]:
    """Old id to new id of rules that the catalogue says it replaces, as a new edition of a standard may."""
    return {old: rule.id for rule in catalogue.rules.values() for old in rule.replaces}


def finding_places(findings: pd.DataFrame) -> Array:
    """Longitude and latitude of each finding, shape (n, 2): the middle of its geometry's box, else its two columns.

    NaN where it has no place.
    """
    if isinstance(findings, gpd.GeoDataFrame):
        box = shapely.bounds(findings.geometry.to_numpy())
        return (box[:, :2] + box[:, 2:]) / 2
    return findings[["longitude", "latitude"]].to_numpy(dtype=np.float64)


def match_findings(
    before: pd.DataFrame, now: pd.DataFrame, *, renamed: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Pairs of findings that are one and the same, each used once.

    Where several findings of a rule are about the same two ends, or a finding is about a place on one thing, such as a
    segment of a pipeline, the place comes first: those that share the greatest part of their length, or whose middles
    are nearest. Then come ids; for such findings an id does not hold beyond the distance `same_ends` of
    :data:`SAME_PLACE_M`. What is left is matched under the same rule by the ids of both ends, then by their names, then
    by names that are alike and a place that is near; each time so that as many as possible find a partner, and the
    distances are smallest.

    Parameters
    ----------
    before, now : DataFrame of n and m rows
        Findings schema, or columns `longitude` and `latitude` instead of the geometry (degrees, CGCS2000).
    renamed : mapping of str to str, optional
        Old to new ids of rules: see :func:`renamed_rules`.

    Returns
    -------
    DataFrame
        Columns :data:`MATCH_COLUMNS`, in the order of `now`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from sxrisk.findings import findings_frame
    >>> place = gpd.points_from_xy([112.5], [37.5])[0]
    >>> row = {"rule_id": "P-33", "subject_kind": "quarry", "subject_name": "柳沟采石场", "geometry": place}
    >>> old, new = (findings_frame([{**row, "finding_id": name}]) for name in ("F-1", "F-2"))
    >>> match_findings(old, new)[["matched_by", "distance_m"]].values.tolist()
    [['name_and_place', 0.0]]
    """
    left, right = _prepared(before, renamed or {}), _prepared(now, {})
    several = set(left["by_id"][left["by_id"].duplicated()]) | set(right["by_id"][right["by_id"].duplicated()])
    for table in (left, right):
        table["by_place"] = table["by_id"].isin(several) | (table["object_kind"] == "") & (table["object_id"] == "")
        table["by_place"] &= ~table["anonymous"] & table["lon"].notna()
    pairs = [_by_place(left, right, _lines(before), _lines(now))]
    for step in (_by_id, _by_ends("id"), _by_ends("name"), _by_likeness):
        free = [
            np.setdiff1d(np.arange(len(table)), np.concatenate([pair[side] for pair in pairs]))
            for table, side in ((left, 0), (right, 1))
        ]
        if not (len(free[0]) and len(free[1])):
            break
        pairs.append(step(left, right, free[0], free[1]))
    b, n = (np.concatenate([pair[side] for pair in pairs]).astype(np.intp) for side in (0, 1))
    by_id = (left["finding"].to_numpy(dtype=object)[b] == right["finding"].to_numpy(dtype=object)[n]).astype(bool)
    other_rule = (before["rule_id"].to_numpy(dtype=object)[b] != now["rule_id"].to_numpy(dtype=object)[n]).astype(bool)
    same_ends = left["by_id"].to_numpy(dtype=object)[b] == right["by_id"].to_numpy(dtype=object)[n]
    how = np.select([by_id, other_rule & same_ends.astype(bool)], ["id", "rule_renamed"], "name_and_place")
    matched = pd.DataFrame({"before": b, "now": n, "matched_by": how, "distance_m": _apart(left, right, b, n)})
    return matched.sort_values("now", kind="stable", ignore_index=True)


def names_alike(one: str, other: str) -> bool:
    """Whether two names are likely to mean the same thing.

    Numbers and directions in them must agree; of the rest one holds the other, or most characters are shared.

    Examples
    --------
    >>> names_alike("合山煤矿", "山西合山煤矿有限公司"), names_alike("一号采空区", "二号采空区")
    (True, False)
    """
    a, b = (_FILLING.sub("", _plain(name)) or _plain(name) for name in (one, other))
    if not a or not b:
        return False
    if a == b:
        return True
    if sorted(_TELLING.findall(a)) != sorted(_TELLING.findall(b)):
        return False
    return a in b or b in a or difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in text if char.isalnum())


def _prepared(findings: pd.DataFrame, renamed: Mapping[str, str]) -> pd.DataFrame:
    table = pd.DataFrame({"rule": findings["rule_id"].map(lambda rule: renamed.get(rule, rule)).to_numpy(dtype=object)})
    for end in _ENDS:
        for part in ("kind", "id", "name"):
            table[f"{end}_{part}"] = findings[f"{end}_{part}"].fillna("").astype(str).to_numpy(dtype=object)
        table[f"{end}_word"] = [_plain(name) for name in table[f"{end}_name"]]
    table["lon"], table["lat"] = finding_places(findings).T
    ids = findings["finding_id"].reset_index(drop=True)
    # A table that holds an id twice: the first goes with the first.
    table["finding"] = ids.astype(str) + "\x1f" + ids.groupby(ids).cumcount().astype(str)
    table["block"] = table["rule"] + "\x1f" + table["subject_kind"] + "\x1f" + table["object_kind"]
    table["by_id"] = table["block"] + "\x1f" + table["subject_id"] + "\x1f" + table["object_id"]
    table["anonymous"] = (table["subject_id"] == "") & (table["subject_word"] == "")
    # A thing without a name is known by its id alone.
    words = [table[f"{end}_word"].where(table[f"{end}_word"] != "", "\x1e" + table[f"{end}_id"]) for end in _ENDS]
    table["by_name"] = table["block"] + "\x1f" + words[0] + "\x1f" + words[1]
    return table


def _by_id(left: pd.DataFrame, right: pd.DataFrame, b: Positions, n: Positions) -> tuple[Positions, Positions]:
    at = pd.Index(left["finding"].iloc[b]).get_indexer(pd.Index(right["finding"].iloc[n]))
    found = np.flatnonzero(at >= 0)
    i, j = b[at[found]], n[found]
    # The nearest place of two long things may jump along them; what is itself a place does not.
    is_place = left["by_place"].to_numpy(dtype=bool)[i] & right["by_place"].to_numpy(dtype=bool)[j]
    kept = ~(is_place & (_apart(left, right, i, j) > SAME_PLACE_M["same_ends"]))
    return i[kept], j[kept]


def _lines(findings: pd.DataFrame) -> NDArray[np.object_]:
    """The geometry of each finding where it is a line, else None."""
    if not isinstance(findings, gpd.GeoDataFrame):
        return np.full(len(findings), None, dtype=object)
    shapes = findings.geometry.to_numpy(dtype=object).copy()
    shapes[shapely.get_dimensions(shapes) != 1] = None
    return shapes


def _by_place(
    left: pd.DataFrame, right: pd.DataFrame, before: NDArray[np.object_], now: NDArray[np.object_]
) -> tuple[Positions, Positions]:
    """Findings on the same ends that share a length, most of it first; where one is no line, by the nearest middles."""
    b, n = (np.flatnonzero(table["by_place"]) for table in (left, right))
    keys = pd.DataFrame({"key": left["by_id"].iloc[b], "b": b}).merge(
        pd.DataFrame({"key": right["by_id"].iloc[n], "n": n}), on="key"
    )
    i, j = keys["b"].to_numpy(dtype=np.intp), keys["n"].to_numpy(dtype=np.intp)
    apart = _apart(left, right, i, j)
    # From the same place, 1, down to 0 at the distance up to which two places are alike.
    closeness = 1.0 - apart / SAME_PLACE_M["alike"]
    both = np.flatnonzero(~(shapely.is_missing(before[i]) | shapely.is_missing(now[j])))
    closeness[both] = _shared(before, now, i[both], j[both])
    met = closeness > 0
    i, j = i[met], j[met]
    kept = _greedy(i, j, -closeness[met])
    return i[kept], j[kept]


def _shared(before: NDArray[np.object_], now: NDArray[np.object_], i: Positions, j: Positions) -> Array:
    """How much of the longer one of two lines the other one runs beside, 0 to 1."""
    if not len(i):
        return np.empty(0)
    places = shapely.bounds(before[i])
    scale = np.array([np.cos(np.radians(places[:, [1, 3]].mean())), 1.0]) * DEGREE_M
    rows, at = np.unique(i, return_inverse=True)
    columns, to = np.unique(j, return_inverse=True)
    old, new = (shapely.transform(shapes, lambda xy: xy * scale) for shapes in (before[rows], now[columns]))
    beside = shapely.buffer(old, SAME_PLACE_M["redrawn"], cap_style="flat")
    shapely.prepare(beside)
    met = shapely.intersects(beside[at], new[to])
    share = np.zeros(len(i))
    length = shapely.length(shapely.intersection(beside[at[met]], new[to[met]]))
    share[met] = length / np.maximum(shapely.length(old)[at[met]], shapely.length(new)[to[met]])
    return share


def _by_ends(what: str) -> Any:
    """A step that pairs findings whose ends both agree in `what`."""

    def step(left: pd.DataFrame, right: pd.DataFrame, b: Positions, n: Positions) -> tuple[Positions, Positions]:
        column = f"by_{what}"
        # What has neither id nor name is nothing that ends could tell apart.
        b, n = (at[~table["anonymous"].to_numpy()[at]] for table, at in ((left, b), (right, n)))
        keys = pd.DataFrame({column: left[column].iloc[b], "b": b}).merge(
            pd.DataFrame({column: right[column].iloc[n], "n": n}), on=column
        )
        i, j = keys["b"].to_numpy(dtype=np.intp), keys["n"].to_numpy(dtype=np.intp)
        apart = _apart(left, right, i, j)
        # Without a place on either side the ends alone must do.
        near = ~(apart > SAME_PLACE_M["same_ends"])
        return _assigned(i[near], j[near], np.nan_to_num(apart[near]))

    return step


def _by_likeness(left: pd.DataFrame, right: pd.DataFrame, b: Positions, n: Positions) -> tuple[Positions, Positions]:
    """Pairs under one rule that lie near each other and whose ends have like names."""
    found: list[tuple[int, int, float]] = []
    mine, theirs = left.iloc[b], right.iloc[n]
    mine, theirs = mine[mine["lon"].notna()], theirs[theirs["lon"].notna()]
    blocks = dict(theirs.groupby("block").groups)
    for block, rows in mine.groupby("block").groups.items():
        if block not in blocks:
            continue
        i, j = rows.to_numpy(dtype=np.intp), blocks[block].to_numpy(dtype=np.intp)
        for a, c, metres in _neighbours(left, right, i, j):
            if metres <= _limit_of_likeness(left.iloc[a], right.iloc[c]):
                found.append((a, c, metres))
    pairs = np.array([(a, c) for a, c, _ in found], dtype=np.intp).reshape(-1, 2)
    return _assigned(pairs[:, 0], pairs[:, 1], np.array([metres for *_, metres in found], dtype=np.float64))


def _neighbours(left: pd.DataFrame, right: pd.DataFrame, i: Positions, j: Positions) -> list[tuple[int, int, float]]:
    scale = np.array([np.cos(np.radians(left["lat"].iloc[i].mean())), 1.0]) * DEGREE_M
    here, there = left[["lon", "lat"]].to_numpy()[i] * scale, right[["lon", "lat"]].to_numpy()[j] * scale
    metres, at = cKDTree(there).query(here, k=min(_NEIGHBOURS, len(j)), distance_upper_bound=SAME_PLACE_M["alike"])
    metres, at = metres.reshape(len(i), -1), at.reshape(len(i), -1)
    rows, columns = np.nonzero(np.isfinite(metres))
    return [
        (int(i[row]), int(j[at[row, column]]), float(metres[row, column]))
        for row, column in zip(rows, columns, strict=True)
    ]


def _limit_of_likeness(one: pd.Series, other: pd.Series) -> float:
    limit = SAME_PLACE_M["alike"]
    for end in _ENDS:
        names = one[f"{end}_name"], other[f"{end}_name"]
        if one[f"{end}_id"] == other[f"{end}_id"] or names_alike(*names):
            continue
        if names[0] or names[1]:
            return -1.0
        limit = SAME_PLACE_M["nameless"]
    return limit


def _apart(left: pd.DataFrame, right: pd.DataFrame, b: Positions, n: Positions) -> Array:
    here, there = left.iloc[b], right.iloc[n]
    ends = [rows[axis].to_numpy(dtype=np.float64) for rows in (here, there) for axis in ("lon", "lat")]
    metres: Array = geodesic_distance_m(*ends)
    return metres.round(3)


def _assigned(i: Positions, j: Positions, cost: Array) -> tuple[Positions, Positions]:
    """Of candidate pairs those that use each end once: as many as can be, then at the smallest total cost."""
    if not len(i):
        return i, j
    rows, a = np.unique(i, return_inverse=True)
    columns, c = np.unique(j, return_inverse=True)
    size = len(rows) + len(columns)
    graph = coo_array((np.ones(len(a)), (a, c + len(rows))), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    chosen: list[NDArray[np.intp]] = []
    order = np.argsort(group[a], kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[a][order])) + 1):
        chosen.append(members[_best(a[members], c[members], cost[members])])
    kept = np.concatenate(chosen)
    return i[kept], j[kept]


def _best(a: Positions, c: Positions, cost: Array) -> Positions:
    rows, r = np.unique(a, return_inverse=True)
    columns, k = np.unique(c, return_inverse=True)
    if len(rows) > _DENSE or len(columns) > _DENSE:
        return _greedy(a, c, cost)
    # Dearer than all candidates together, so that none is left out for the sake of a shorter sum.
    table = np.full((len(rows), len(columns)), cost.sum() + 1.0)
    position = np.full(table.shape, -1)
    table[r, k], position[r, k] = cost, np.arange(len(a))
    found = position[linear_sum_assignment(table)]
    return found[found >= 0].astype(np.intp)


def _greedy(a: Positions, c: Positions, cost: Array) -> Positions:
    used: tuple[set[int], set[int]] = (set(), set())
    kept = []
    for at in np.argsort(cost, kind="stable"):
        if int(a[at]) not in used[0] and int(c[at]) not in used[1]:
            used[0].add(int(a[at]))
            used[1].add(int(c[at]))
            kept.append(at)
    return np.array(kept, dtype=np.intp)
