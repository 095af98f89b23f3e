"""A group of goafs in the order of what to look at first, with the reasons and how firm the order is."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import ParameterError

__all__ = ["RANKING_CRITERIA", "goaf_criteria", "rank_goafs"]

Array = NDArray[np.float64]

#: Criteria of the ranking; the greater, the worse. Unit, and what they are in Chinese and English.
RANKING_CRITERIA: Mapping[str, tuple[str, str, str]] = {
    "damaged_buildings": ("", "Ⅱ级及以上损坏建筑物数", "buildings of damage grade II and worse"),
    "worst_damage": ("", "最重损坏等级", "worst damage grade"),
    "endangered_lines": (
        "",
        "危险移动区内道路、管线、河流、村庄数",
        "roads, lines, rivers, villages in dangerous movement",
    ),
    "things_in_zone": ("", "移动角或塌陷影响范围内对象数", "things in the movement-angle or collapse zone"),
    "tilt_mm_per_m": ("mm/m", "最大倾斜", "greatest tilt"),
    "strain_mm_per_m": ("mm/m", "最大水平变形", "greatest strain"),
    "thickness_to_depth": ("", "采厚与采深之比", "thickness over depth"),
}
_DRAWS, _SEED = 2000, 20260630
_LIMITS = (5.0, 95.0)
_TOLD = 3
_GRADES = ("I", "II", "III", "IV")


def goaf_criteria(goafs: gpd.GeoDataFrame, measurements: gpd.GeoDataFrame, findings: gpd.GeoDataFrame) -> pd.DataFrame:
    """The criteria of every goaf, from what was measured and found.

    Parameters
    ----------
    goafs : GeoDataFrame
        Canonical layer of kind goaf.
    measurements : GeoDataFrame
        Measurements schema; `tilt` and `horizontal_strain` of goafs alone count.
    findings : GeoDataFrame
        Findings schema; those of damage grades, dangerous movement and zones count.

    Returns
    -------
    DataFrame
        Index: id of the goaf. Columns ``name`` and :data:`RANKING_CRITERIA`; NaN where nothing is known.
    """
    ids = goafs["id"].astype("str")
    table = pd.DataFrame({"name": goafs["name"].astype("str").to_numpy()}, index=pd.Index(ids, name="goaf"))
    own = measurements[(measurements["subject_kind"] == "goaf") & (measurements["object_id"] == "")]
    of = findings[findings["subject_kind"] == "goaf"]
    looked = set(own.loc[own["metric"].eq("tilt") & own["value"].notna(), "subject_id"])
    damage = of[of["rule_id"] == "BD-GRADE"]
    grade = damage["result"].map({name: k + 1 for k, name in enumerate(_GRADES)})
    counts = {
        "damaged_buildings": damage[grade >= 2].groupby("subject_id").size(),
        "worst_damage": grade.groupby(damage["subject_id"]).max(),
        "endangered_lines": of[(of["rule_id"] == "GOAF-MOVE") & (of["result"] == "dangerous")]
        .groupby("subject_id")
        .size(),
    }
    for name, counted in counts.items():
        # None found is known only where a basin was computed.
        table[name] = counted.reindex(table.index).fillna(0.0).where(table.index.isin(looked)).astype("float64")
    zones = of[of["rule_id"].isin(["GOAF-ZONE", "GOAF-COLLAPSE"])]
    zoned = own[own["metric"].isin(["influence_zone", "collapse_zone"]) & own["value"].notna()]["subject_id"]
    in_zone = zones.drop_duplicates(["subject_id", "object_kind", "object_id"]).groupby("subject_id").size()
    table["things_in_zone"] = in_zone.reindex(table.index).fillna(0.0).where(table.index.isin(zoned)).astype("float64")
    for column, metric in (("tilt_mm_per_m", "tilt"), ("strain_mm_per_m", "horizontal_strain")):
        table[column] = own[own["metric"] == metric].groupby("subject_id")["value"].max().reindex(table.index)
    depth, thickness = (
        pd.to_numeric(goafs[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if name in goafs.columns
        else np.full(len(goafs), np.nan)
        for name in ("depth_m", "thickness_m")
    )
    table["thickness_to_depth"] = np.divide(thickness, depth, out=np.full(len(goafs), np.nan), where=depth > 0)
    return table


def rank_goafs(
    criteria: pd.DataFrame, weights: Mapping[str, float] | None = None, *, perturbation: float = 0.3
) -> pd.DataFrame:
    """Goafs in the order of a weighted sum, the reason of each rank, and how firm it is.

    Parameters
    ----------
    criteria : DataFrame
        A row a goaf, index its id; numeric columns, the greater the worse; a column `name` is kept.
    weights : mapping of str to float, optional
        By criterion, declared by the user; default equal weights. Criteria that it does not name have weight 0.
    perturbation : float
        Spread of the weights for the sensitivity: each is multiplied by ``exp(N(0, perturbation))``, 2000 times with a
        fixed seed.

    Returns
    -------
    DataFrame
        Sorted by rank: ``goaf``, ``name``, ``rank``, ``score`` (0 to 1), ``dominated_by`` and ``dominates`` (how many
        goafs are worse, or better, in no criterion less and in one more: this holds for all weights), ``rank_low`` and
        ``rank_high`` (5 % and 95 % of the perturbed ranks), ``share_kept`` (how often the rank stays), ``reason_zh``,
        ``reason_en``, ``unknown`` (criteria of which nothing is known; they count 0), and the criteria.

    Raises
    ------
    ParameterError
        If a weight is negative, names no criterion, or all are 0.

    Notes
    -----
    Each criterion is divided by its greatest value in the group, so that 0 stays none; the score is the weighted mean.
    A ranking says which to look at first, not which is safe.

    Examples
    --------
    >>> table = pd.DataFrame({"damaged_buildings": [0.0, 12.0, 3.0], "tilt_mm_per_m": [1.0, 9.0, 12.0]}, list("ABC"))
    >>> ranked = rank_goafs(table)
    >>> ranked[["goaf", "rank", "dominated_by"]].values.tolist()
    [['B', 1, 0], ['C', 2, 0], ['A', 3, 2]]
    """
    names = [name for name in criteria.columns if name != "name"]
    weight = _weights(names, weights)
    values = criteria[names].to_numpy(dtype=np.float64)
    filled = np.nan_to_num(values)
    greatest = filled.max(axis=0, initial=0.0)
    share = np.divide(filled, greatest, out=np.zeros_like(filled), where=greatest > 0)
    score = share @ weight
    rank = _ranks(score[:, None])[:, 0]
    rng = np.random.default_rng(_SEED)
    drawn = weight[:, None] * np.exp(rng.normal(0.0, perturbation, (len(names), _DRAWS)))
    ranks = _ranks(share @ (drawn / drawn.sum(axis=0)))
    used = share[:, weight > 0]
    worse = (used[:, None] >= used[None]).all(axis=2) & (used[:, None] > used[None]).any(axis=2)
    low, high = np.percentile(ranks, _LIMITS, axis=1, method="inverted_cdf") if len(values) else np.empty((2, 0))
    table = pd.DataFrame(
        {
            "goaf": criteria.index.astype("str"),
            "name": criteria["name"].to_numpy() if "name" in criteria.columns else "",
            "rank": rank,
            "score": score.round(6),
            "dominated_by": worse.sum(axis=0),
            "dominates": worse.sum(axis=1),
            "rank_low": low.astype(np.int64),
            "rank_high": high.astype(np.int64),
            "share_kept": (ranks == rank[:, None]).mean(axis=1) if len(values) else np.empty(0),
            **{f"reason_{language}": _reasons(names, values, share * weight, language) for language in ("zh", "en")},
            "unknown": [" ".join(np.array(names)[np.isnan(row)]) for row in values],
            **{name: criteria[name].to_numpy() for name in names},
        }
    )
    return table.sort_values(["rank", "goaf"], kind="stable", ignore_index=True)


def _weights(names: list[str], weights: Mapping[str, float] | None) -> Array:
    if unknown := sorted(set(weights or {}) - set(names)):
        raise ParameterError(f"{unknown[0]!r} is no criterion", where="weights", expected=", ".join(names))
    given = np.array([1.0 if weights is None else float(weights.get(name, 0.0)) for name in names])
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise ParameterError(
            f"the weights are {dict(weights or {})}", where="weights", expected="0 or more, one above 0"
        )
    share: Array = given / given.sum()
    return share


def _ranks(scores: Array) -> NDArray[np.int64]:
    """Rank of each row in each column, 1 the greatest score; equal ones share the better rank."""
    ordered = np.sort(np.round(scores, 12), axis=0)
    return np.column_stack(
        [
            len(scores) + 1 - np.searchsorted(ordered[:, k], np.round(scores[:, k], 12), side="right")
            for k in range(scores.shape[1])
        ]
    ).reshape(scores.shape)


def _reasons(names: list[str], values: Array, parts: Array, language: str) -> list[str]:
    """What contributes most to each score, with its value and its part of the score."""
    told = []
    for row, part in zip(values, parts, strict=True):
        order = [k for k in np.argsort(-part, kind="stable") if part[k] > 0][:_TOLD]
        texts = [_told(names[k], row[k], part[k] / part.sum(), language) for k in order]
        nothing = "无已知不利因素" if language == "zh" else "nothing known against it"
        told.append(("；" if language == "zh" else "; ").join(texts) or nothing)
    return told


def _told(name: str, value: Any, share: float, language: str) -> str:
    unit, zh, en = RANKING_CRITERIA.get(name, ("", name, name))
    shown = _GRADES[int(value) - 1] if name == "worst_damage" else f"{value:.3g}"
    amount = f"{shown} {unit}".strip()
    return f"{zh} {amount}（占 {share:.0%}）" if language == "zh" else f"{en}: {amount} ({share:.0%} of the score)"
