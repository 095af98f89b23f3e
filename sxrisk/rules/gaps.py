"""What the inventory's gaps silence: which criteria could not be applied, to how many features, for want of what."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.layers import KINDS, Attribute, kind
from sxrisk.rules.load import Catalogue
from sxrisk.rules.vocabulary import words_kept_beside

__all__ = ["GAP_COLUMNS", "gaps_that_silence"]

GAP_COLUMNS: Mapping[str, str] = {
    "missing": "attribute, word (one that the vocabulary does not have), layer, value, measurement, other",
    "kind": "kind of the features that lack it; empty where it is no matter of features",
    "what": "canonical attribute, kind of layer, name of the value or metric, or the reason's code",
    "count": "features that lack it or have such a word, or times that a rule met the gap",
    "of": "features of the kind; 0 where unknown",
    "rules": "ids of the rules that are silent for them, separated by a comma",
    "n_rules": "their number",
    "sentence_zh": "in Chinese",
    "sentence_en": "in English",
}
_MISSING = {
    "attribute_missing": "attribute", "layer_missing": "layer", "value_not_given": "value",
    "measurement_missing": "measurement", "word_not_known": "word",
}  # fmt: skip
# A rule that the user switched off, or that is not in force, is silent by design.
_BY_DESIGN = ("switched_off", "not_in_force")
_ORDER = ("attribute", "word", "measurement", "value", "layer", "other")
_RULES_SHOWN = 12


def gaps_that_silence(
    not_applied: pd.DataFrame, catalogue: Catalogue, layers: Mapping[str, gpd.GeoDataFrame]
) -> pd.DataFrame:
    """One row a gap: what is missing, of how many features, and the rules that it keeps from being applied.

    Parameters
    ----------
    not_applied : DataFrame
        Of :func:`sxrisk.rules.apply_rules`: rule_id, subject_kind, subject_id, reason, count.
    catalogue : Catalogue
        Whose rules they are: an attribute may be missing of a rule's subjects or of its objects.
    layers : mapping of str to GeoDataFrame
        Canonical layers, in which the features without the attribute are counted.

    Returns
    -------
    DataFrame
        Columns :data:`GAP_COLUMNS`; attributes first, the gap that silences most rules first.

    Examples
    --------
    >>> import shapely
    >>> from sxrisk.rules import load_catalogue
    >>> pipes = gpd.GeoDataFrame({"kind": ["pipeline"] * 3, "diameter_mm": [508.0, None, None]},
    ...                          geometry=[shapely.LineString([(112, 37), (112, 38)])] * 3, crs=4490)
    >>> silent = pd.DataFrame({"rule_id": ["P-33"], "subject_kind": ["pipeline"], "subject_id": [""],
    ...                        "reason": ["attribute_missing:diameter_mm"], "count": [2]})
    >>> gaps_that_silence(silent, load_catalogue(), {"pipes": pipes})["sentence_en"].item()
    '2 of 3 pipelines have no diameter: rule P-33 could not be applied to them.'
    """
    kept = not_applied[~not_applied["reason"].str.split(":").str[0].isin(_BY_DESIGN)]
    features = _Features(layers)
    met: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in kept.to_dict("records"):
        for key in _keys(row, catalogue, features):
            rules = met.setdefault(key, {})
            name = str(row["rule_id"])
            rules[name] = rules.get(name, 0) + int(row["count"])
    rows = [_row(key, rules, catalogue, features) for key, rules in met.items()]
    table = pd.DataFrame(rows, columns=list(GAP_COLUMNS))
    order = pd.Categorical(table["missing"], categories=_ORDER, ordered=True)
    return (
        table.assign(order=order.codes)
        .sort_values(["order", "n_rules", "count", "kind", "what"], ascending=[True, False, False, True, True])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def _keys(row: Mapping[Any, Any], catalogue: Catalogue, features: "_Features") -> Iterator[tuple[str, str, str]]:
    """What is missing, of which kind, by what name. A kind counts only if features of it really lack the attribute."""
    code, _, detail = str(row["reason"]).partition(":")
    missing = _MISSING.get(code, "other")
    if missing not in ("attribute", "word"):
        yield missing, str(row["subject_kind"]) if missing == "measurement" else "", detail or code
        return
    rule = catalogue.rules.get(str(row["rule_id"]))
    kinds = [str(row["subject_kind"])] if rule is None else [*rule.subject_kinds, *rule.object_kinds]
    asked = [name for name in dict.fromkeys(kinds) if _has(name, detail)]
    lacking = [name for name in asked if features.lacking(missing, name, detail)[0]]
    for name in lacking or [str(row["subject_kind"])]:
        yield missing, name, detail


def _has(name: str, attribute: str) -> bool:
    return name in KINDS and any(entry.name == attribute for entry in kind(name).attributes)


def _entry(name: str, attribute: str) -> Attribute:
    return next(entry for entry in kind(name).attributes if entry.name == attribute)


class _Features:
    """The features by kind, and what of them lacks an attribute; each is counted once, for many rules ask."""

    def __init__(self, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
        self._parts: dict[str, list[pd.DataFrame]] = {}
        for frame in layers.values():
            if "kind" in frame.columns:
                for name, rows in pd.DataFrame(frame).groupby("kind", sort=False):
                    self._parts.setdefault(str(name), []).append(rows)
        self._counted: dict[tuple[str, str, str], tuple[int, int]] = {}

    def lacking(self, missing: str, name: str, attribute: str) -> tuple[int, int]:
        """Features of a kind without an attribute, or with a word that it cannot read, and all features of the kind."""
        key = (missing, name, attribute)
        if key not in self._counted:
            parts = self._parts.get(name, [])
            count = _without if missing == "attribute" else _unread
            self._counted[key] = sum(count(rows, name, attribute) for rows in parts), sum(map(len, parts))
        return self._counted[key]


def _without(rows: pd.DataFrame, name: str, attribute: str) -> int:
    if attribute not in rows.columns:
        return len(rows)
    values = rows[attribute]
    return int((values.isna() | (values.astype("str") == "")).sum())


def _unread(rows: pd.DataFrame, name: str, attribute: str) -> int:
    words = words_kept_beside(name, attribute)
    if words is None or attribute not in rows.columns:
        return 0
    values = rows[attribute]
    return int((~values.where(values.notna(), "").astype("str").isin([*words, ""])).sum())


def _row(
    key: tuple[str, str, str], rules: Mapping[str, int], catalogue: Catalogue, features: "_Features"
) -> dict[str, object]:
    missing, name, what = key
    count, total = max(rules.values()), 0
    if missing in ("attribute", "word") and name:
        lacking, total = features.lacking(missing, name, what)
        count = lacking or count
    listed = list(rules)
    flag = missing == "attribute" and _has(name, what) and _entry(name, what).type == "bool"
    sentences = {}
    for language in ("zh", "en"):
        title = _what_title(missing, name, what, language, catalogue, listed)
        sentences[language] = _sentence(language, "flag" if flag else missing, name, title, count, total, listed)
    return {
        "missing": missing, "kind": name, "what": what, "count": count, "of": total, "rules": ", ".join(listed),
        "n_rules": len(listed), "sentence_zh": sentences["zh"], "sentence_en": sentences["en"],
    }  # fmt: skip


def _sentence(
    language: str, text: str, name: str, what: str, count: int, total: int, rules: list[str]
) -> str:  # fmt: skip
    texts = _texts()
    shown = ("、" if language == "zh" else ", ").join(rules[:_RULES_SHOWN]) + (
        " …" if len(rules) > _RULES_SHOWN else ""
    )
    word = texts["rules"][language] + ("s" if language == "en" and len(rules) > 1 else "")
    title = _kind_title(name, language)
    one = count == 1
    return texts[text][language].format(
        n=count, of=total or count, kind=title, kinds=title if (total or count) == 1 else _plural(title), what=what,
        rules=f"{word} {shown}", have="has" if one else "have", do="does" if one else "do",
        them="it" if one else "them", times="once" if one else f"{count} times",
    )  # fmt: skip


def _kind_title(name: str, language: str) -> str:
    if name not in KINDS:
        return name
    return kind(name).title_zh if language == "zh" else kind(name).title_en.lower()


def _what_title(
    missing: str, name: str, what: str, language: str, catalogue: Catalogue, rules: Iterable[str]
) -> str:  # fmt: skip
    if missing == "layer":
        title = _kind_title(what, language)
        return title if language == "zh" else _plural(title)
    if missing in ("attribute", "word") and _has(name, what):
        entry = _entry(name, what)
        return entry.title_zh if language == "zh" else entry.title_en[:1].lower() + entry.title_en[1:]
    if missing == "measurement":
        return _metrics().get(what, {}).get(language, what.replace("_", " "))
    if missing == "value":
        asks = [ask for rule in rules if rule in catalogue.rules for ask in catalogue.rules[rule].asks]
        texts = [ask.text_zh if language == "zh" else ask.text_en for ask in asks if ask.name == what]
        # Rules may ask for different things by the same name, such as the rate of each alarm.
        return ("”、“" if language == "zh" else "”, “").join(dict.fromkeys(texts)) or what
    return what


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


@lru_cache(maxsize=1)
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(resources.files("sxrisk.rules").joinpath("gaps.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _metrics() -> Mapping[str, Mapping[str, str]]:
    path = resources.files("sxrisk.rules").joinpath("catalogue", "words.toml")
    words: Mapping[str, Mapping[str, str]] = tomllib.loads(path.read_text(encoding="utf-8"))["metric"]
    return words
