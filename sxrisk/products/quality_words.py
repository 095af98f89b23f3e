"""The report on the data, and what was not checked, in the words of one language."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sxrisk.products.text import Language, label

__all__ = ["gaps_by_reason", "quality_words"]

# How the reader's own remarks and its counts of rejected rows stand in `detail`, by code of the quality report.
_GROUPS = {
    "layer_missing": "layer", "attribute_missing": "attribute", "measurement_missing": "measurement",
    "value_not_given": "value",
}  # fmt: skip
_ORDER = ("layer", "attribute", "measurement", "value", "other")
_SHOWN = ("severity", "layer", "kind", "count", "ids")
_TOLD, _REJECTED = "told_by_reader", "rows_rejected"


def quality_words(
    quality: pd.DataFrame, language: Language, titles: Mapping[str, Mapping[str, str]] | None = None
) -> pd.DataFrame:
    """What is odd in the data, its codes in words.

    Parameters
    ----------
    quality : DataFrame
        Columns ``severity``, ``layer``, ``kind``, ``sentence_zh``, ``sentence_en``, ``count``, ``ids``; where ``code``
        and ``detail`` are there, codes inside the sentences become words too.
    language : {"zh", "en"}
    titles : mapping, optional
        ``zh`` and ``en`` by layer id; a layer without one is named by its kind and id.

    Returns
    -------
    DataFrame
        ``severity``, ``layer``, ``kind``, ``sentence``, ``count``, ``ids``; severity still a code.

    Examples
    --------
    >>> one = {"severity": "error", "layer": "mines", "kind": "enterprise", "code": "rows_rejected", "count": 2,
    ...        "detail": "empty_geometry 2", "sentence_zh": "图层“mines”有 2 行未能使用（empty_geometry 2）。"}
    >>> quality_words(pd.DataFrame([one]), "zh")["sentence"].item()
    '图层“企业（mines）”有 2 行未能使用（几何为空 2）。'
    """
    table = quality.reindex(columns=[*_SHOWN, f"sentence_{language}", "code", "detail"])
    sentences = [_sentence(row, language, titles or {}) for row in table.to_dict("records")]
    shown: pd.DataFrame = table[list(_SHOWN)].copy()
    shown.insert(3, "sentence", sentences)
    return shown


def _sentence(row: Mapping[Any, Any], language: Language, titles: Mapping[str, Mapping[str, str]]) -> str:
    sentence, detail, layer = str(row[f"sentence_{language}"]), str(row["detail"]), str(row["layer"])
    if row["code"] == _TOLD:
        code, _, rest = detail.partition(": ")
        words = label("issue", code, language)
        sentence = sentence.replace(detail, f"{words}（{rest}）" if language == "zh" else f"{words} ({rest})")
    elif row["code"] == _REJECTED:
        sentence = sentence.replace(detail, _counted(detail, language))
    named = titles.get(layer, {}).get("zh") or f"{label('kind', str(row['kind']), 'zh')}（{layer}）"
    return sentence.replace(f"“{layer}”", f"“{named}”") if language == "zh" and layer else sentence


def _counted(detail: str, language: Language) -> str:
    """``reason 2, other_reason 1`` with the reasons in words."""
    parts = []
    for part in detail.split(", "):
        code, _, count = part.rpartition(" ")
        parts.append(f"{label('reject_reason', code, language)} {count}")
    return ("、" if language == "zh" else ", ").join(parts)


def gaps_by_reason(not_applied: pd.DataFrame) -> pd.DataFrame:
    """What was not checked, one row a reason: which kinds it concerns, how often, and the criteria that it silences.

    Parameters
    ----------
    not_applied : DataFrame
        Columns ``rule_id``, ``subject_kind``, ``reason`` and ``count``.

    Returns
    -------
    DataFrame
        ``group`` (layer, attribute, measurement, value, other), ``reason``, ``kinds`` and ``rules`` (tuples), ``count``
        (the most features that one criterion could not be applied to), in the order of the groups, the reason that
        silences most criteria first.

    Examples
    --------
    >>> rows = [("A", "goaf", "layer_missing:road", 3), ("B", "goaf", "layer_missing:road", 2)]
    >>> gaps = gaps_by_reason(pd.DataFrame(rows, columns=["rule_id", "subject_kind", "reason", "count"]))
    >>> gaps[["group", "rules", "count"]].to_numpy().tolist()
    [['layer', ('A', 'B'), 3]]
    """
    rows: list[dict[str, Any]] = []
    for reason, part in not_applied.groupby("reason", sort=True):
        name = str(reason).partition(":")[0]
        of_rule = part.groupby("rule_id", sort=False)["count"].sum()
        rows.append(
            {
                "group": _GROUPS.get(name, "other"),
                "reason": str(reason),
                "kinds": tuple(dict.fromkeys(kind for kind in part["subject_kind"].astype(str) if kind)),
                "rules": tuple(sorted(str(rule) for rule in of_rule.index)),
                "count": int(of_rule.max()),
            }
        )
    rows.sort(key=lambda row: (_ORDER.index(row["group"]), -len(row["rules"]), row["reason"]))
    return pd.DataFrame(rows, columns=["group", "reason", "kinds", "rules", "count"])
