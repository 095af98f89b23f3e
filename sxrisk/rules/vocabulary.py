"""Whether a criterion speaks of kinds, attributes and words that layers really have."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from sxrisk.rules.criterion import Condition, Rule

__all__ = ["near_words", "unknown_words", "words_kept_beside"]

_LIMITS = ("above", "below", "at_least", "at_most")
_WORDS = ("any_of", "none_of")
_COMPARISONS = {
    "vocabulary": ("a word", _WORDS),
    "text": ("text", _WORDS),
    "rank": ("a rank", (*_WORDS, *_LIMITS)),
    "number": ("a number", _LIMITS),
    "bool": ("yes or no", ("equals",)),
    "date": ("a date", ("since",)),
}
_ALL_COMPARISONS = (*_WORDS, *_LIMITS, "equals", "since")
_COMMON = ("id", "name", "county", "position_sigma_m", "crs_source")


def near_words(word: str, words: Iterable[str]) -> str:
    """A question that names the nearest of some words, empty where none is near."""
    near = get_close_matches(word, list(words), n=3, cutoff=0.6)
    return f"Did you mean {', '.join(near)}?" if near else ""


def unknown_words(rule: Rule) -> list[tuple[str, str, str]]:
    """Kinds, attributes and values of a rule that no layer can have.

    Parameters
    ----------
    rule : Rule

    Returns
    -------
    list of (word, what is wrong, what to do)
        The word as the file has it, to find its line.

    Examples
    --------
    >>> from sxrisk.rules import load_catalogue
    >>> unknown_words(load_catalogue().rules["OP-2"])
    []
    """
    from sxrisk.layers.kinds import KINDS

    told: list[tuple[str, str, str]] = []
    for selector in (*rule.subjects, *rule.objects):
        for kind in selector.kinds:
            if kind not in KINDS:
                fix = near_words(kind, KINDS) or f"The kinds are {', '.join(KINDS)}"
                told.append((kind, f"there is no kind of layer {kind!r}", fix))
                continue
            for condition in selector.where:
                told += _condition(kind, condition)
    per = rule.height_attribute
    for kind in rule.subject_kinds:
        for name in (rule.attribute, rule.divide_by, rule.days_since, per):
            if name and kind in KINDS:
                told += _attribute(kind, name)
    return list(dict.fromkeys(told))


@lru_cache(maxsize=512)
def words_kept_beside(kind: str, column: str) -> tuple[str, ...] | None:
    """Words of a vocabulary that lets other words stand in a layer; None where a layer has no other words.

    Parameters
    ----------
    kind : str
        Kind of layer; of one that is unknown nothing can be said.
    column : str
        Canonical attribute.

    Returns
    -------
    tuple of str, or None

    Examples
    --------
    >>> words_kept_beside("railway", "railway_class")
    ('high_speed', 'mine', 'ordinary')
    >>> words_kept_beside("road", "road_class") is None
    True
    """
    from sxrisk.layers.kinds import KINDS

    attribute = _attributes(kind).get(column) if kind in KINDS else None
    if attribute is None or attribute.vocabulary is None or attribute.vocabulary.unknown != "keep":
        return None
    return tuple(attribute.vocabulary.words)


def _attributes(kind: str) -> dict[str, Any]:
    from sxrisk.layers.kinds import kind as definition

    return {attribute.name: attribute for attribute in definition(kind).attributes}


def _attribute(kind: str, name: str) -> list[tuple[str, str, str]]:
    known = [*_attributes(kind), *_COMMON]
    if name in known:
        return []
    fix = near_words(name, known) or f"Its attributes are {', '.join(_attributes(kind))}"
    return [(name, f"a layer of kind {kind!r} has no attribute {name!r}", fix)]


def _condition(kind: str, condition: Condition) -> list[tuple[str, str, str]]:
    wrong = _attribute(kind, condition.column)
    attribute = _attributes(kind).get(condition.column)
    if attribute is None:
        return wrong
    fitting, comparisons = _COMPARISONS[attribute.type]
    given = next(name for name in _ALL_COMPARISONS if getattr(condition, name) is not None)
    if given not in comparisons:
        return [
            *wrong,
            (
                given,
                f"{condition.column!r} is {fitting}, {given} cannot be asked of it",
                "Use " + " or ".join(comparisons),
            ),
        ]
    if attribute.vocabulary is None:
        return wrong
    words = attribute.vocabulary.words
    for word in (*(condition.any_of or ()), *(condition.none_of or ())):
        near = near_words(word, words)
        # A vocabulary that keeps other words may have more than are listed, but a near miss is a slip of the pen.
        if word not in words and (near or attribute.vocabulary.unknown != "keep"):
            expected = near or f"Its words are {', '.join(words)}"
            wrong.append((word, f"{word!r} is no value of {condition.column!r}", expected))
    return wrong
