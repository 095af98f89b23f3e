"""Criteria as people read them: the list, the card of one, and the page of all."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from sxrisk.errors import ParameterError
from sxrisk.findings import Evidence
from sxrisk.rules.criterion import Rule
from sxrisk.rules.load import Catalogue, check_catalogue_file
from sxrisk.rules.vocabulary import near_words

__all__ = [
    "RULE_COLUMNS",
    "TOPICS",
    "catalogue_page",
    "check_catalogue_file",
    "known_rule",
    "limit_text",
    "rule_card",
    "rule_table",
    "topic_of",
]

RULE_COLUMNS: Mapping[str, str] = {
    "id": "id in the catalogue",
    "title": "short name",
    "topic": "one of TOPICS",
    "standard": "number or short name of the law or standard",
    "clause": "article or clause",
    "evidence": "how far the criterion is verified",
    "effect": "what it asks for",
    "subject": "kinds that it is about",
    "object": "kinds that it protects; empty where it has none",
    "limit": "what breaks it",
    "asks": "names of the values that the user must give, separated by a comma",
    "conflicts": "numbers of the conflicts that it stands in, separated by a comma",
}

TOPICS = ("pipelines", "tailings", "chemicals", "mining", "goafs", "monitoring")

_PIPES = {"pipeline", "pipeline_facility", "gas_pipe", "gas_storage_zone", "well"}
_CHEMICALS = {"chemical_unit", "flammable_site", "release_scenario"}
_MOTION = {
    "displacement_rate", "subsidence_rate", "ground_subsidence", "horizontal_displacement", "differential_subsidence",
}  # fmt: skip
_SIGNS = {"<=": "≤", "<": "<", ">=": "≥", ">": ">"}


def rule_table(
    catalogue: Catalogue,
    *,
    topic: str | None = None,
    kind: str | None = None,
    evidence: str | None = None,
    language: str = "zh",
) -> pd.DataFrame:
    """The criteria of a catalogue, one a row, in its order.

    Parameters
    ----------
    catalogue : Catalogue
    topic : str, optional
        Only those of one of :data:`TOPICS`.
    kind : str, optional
        Only those that have this kind of layer as subject or object.
    evidence : str, optional
        Only those with this mark (V, V2, C, G+, G, X, user).
    language : {"zh", "en"}

    Returns
    -------
    DataFrame
        Columns :data:`RULE_COLUMNS`.

    Raises
    ------
    ParameterError
        If there is no such topic, kind, evidence or language.

    Examples
    --------
    >>> from sxrisk.rules import load_catalogue
    >>> table = rule_table(load_catalogue(), kind="gas_storage_zone", language="en")
    >>> table[["id", "effect", "limit"]].values.tolist()
    [['P-29-S', 'forbidden', 'they meet']]
    """
    from sxrisk.layers.kinds import KINDS

    _one_of(language, ("zh", "en"), "language")
    for value, known, name in (
        (topic, TOPICS, "topic"),
        (kind, KINDS, "kind"),
        (evidence, [str(mark) for mark in Evidence], "evidence"),
    ):
        if value is not None:
            _one_of(value, known, name)
    rows = [
        _row(catalogue, rule, language)
        for rule in catalogue.rules.values()
        if (topic is None or topic_of(rule) == topic)
        and (kind is None or kind in (*rule.subject_kinds, *rule.object_kinds))
        and (evidence is None or str(rule.evidence) == evidence)
    ]
    return pd.DataFrame(rows, columns=list(RULE_COLUMNS))


def rule_card(rule: Rule, language: str = "zh", catalogue: Catalogue | None = None) -> list[tuple[str, str]]:
    """Everything about one criterion, as labels and texts.

    Parameters
    ----------
    rule : Rule
    language : {"zh", "en"}
    catalogue : Catalogue, optional
        Where given, the conflicts that the criterion stands in are told too.

    Returns
    -------
    list of (label, text)
        Without what does not apply to the rule.

    Examples
    --------
    >>> from sxrisk.rules import load_catalogue
    >>> dict(rule_card(load_catalogue().rules["P-35b"], "en"))["Broken where"]
    'distance 5–50 m'
    """
    _one_of(language, ("zh", "en"), "language")
    conflicts = [entry for entry in catalogue.conflicts if entry.concerns(rule)] if catalogue is not None else []
    title = _of(rule, "standard", language)
    number = rule.standard if rule.standard in title else f"{title} {rule.standard}"
    told = [
        ("id", rule.id),
        ("title", _of(rule, "title", language)),
        ("text", _of(rule, "text", language)),
        ("standard", f"{number} ({rule.edition})" if rule.edition and rule.edition not in number else number),
        ("clause", _of(rule, "clause", language)),
        ("topic", _say("topic", topic_of(rule), language)),
        ("evidence", f"{rule.evidence}: {_say('evidence', str(rule.evidence), language)}"),
        ("effect", _say("effect", str(rule.effect), language)),
        ("subject", _kinds(rule.subject_kinds, language)),
        ("object", _kinds(rule.object_kinds, language)),
        ("limit", limit_text(rule, language)),
        ("condition", rule.condition),
        ("measured_from", _say("word", rule.measured_from, language) if rule.objects else ""),
        ("hazard_grade", _say("word", "major", language) if str(rule.hazard_grade) == "major" else ""),
        ("asks", "; ".join(f"{ask.name} [{ask.unit}]: {_of(ask, 'text', language)}" for ask in rule.asks)),
        ("in_force", _in_force(rule)),
        ("unchecked", _say("word", "unchecked", language) if rule.unchecked_condition else ""),
        *(("conflict", f"{entry.number}. {entry.sentence(language)}") for entry in conflicts),
        ("overridden", _say("word", "overridden", language) if rule.overridden else ""),
        ("source", rule.source),
    ]
    return [(_say("field", field, language), text) for field, text in told if text]


def known_rule(catalogue: Catalogue, rule_id: str) -> Rule:
    """The criterion with an id.

    Raises
    ------
    ParameterError
        If there is none; the message names those with a similar id.
    """
    if rule_id not in catalogue.rules:
        fix = near_words(rule_id, catalogue.rules) or "List the ids with: sxrisk rules list"
        raise ParameterError(f"there is no rule {rule_id!r}", remedy=fix)
    return catalogue.rules[rule_id]


def limit_text(rule: Rule, language: str = "zh") -> str:
    """What breaks a rule: the metric, the comparison and the number with its unit.

    Examples
    --------
    >>> from sxrisk.rules import load_catalogue
    >>> rules = load_catalogue().rules
    >>> [limit_text(rules[name], "en") for name in ("DUMP-2H", "T-OH", "HS-RATE")][:2]
    ['distance ≤ 2 × stack height', 'distance along the flow path ≤ 1000 m']
    """
    sign, metric, per = _SIGNS[rule.op], _metric(rule.metric, language), _metric(rule.per, language)
    if rule.value_from and not rule.value:
        given = _say("word", "by_user", language).format(name=rule.value_from)
        return f"{metric} {sign} {given}" + (f" × {per}" if per else "")
    if rule.engine == "crossing":
        return _say("word", "meets", language)
    if rule.engine == "influence" and not rule.value:
        return _say("word", "zone", language)
    if rule.per:
        return f"{metric} {sign} {rule.value:g} × {per}"
    if rule.settings:
        return f"{metric}: {_say('word', 'by_table', language)}"
    unit = "" if rule.unit == "1" else f" {rule.unit}"
    if rule.min_value is not None:
        return f"{metric} {rule.min_value:g}–{rule.value:g}{unit}"
    return f"{metric} {sign} {rule.value:g}{unit}"


def _metric(name: str, language: str) -> str:
    """Word for a metric; one that has none here, such as a user's own, is shown as it is."""
    return _words()["metric"].get(name, {}).get(language, name.replace("_", " "))


def topic_of(rule: Rule) -> str:
    """Topic under which a criterion is listed, one of :data:`TOPICS`, from what it measures and is about."""
    kinds = {*rule.subject_kinds, *rule.object_kinds}
    if rule.metric in _MOTION:
        return "monitoring"
    if kinds & _PIPES:
        return "pipelines"
    if "tailings_pond" in kinds:
        return "tailings"
    if kinds & _CHEMICALS:
        return "chemicals"
    return "goafs" if "goaf" in kinds else "mining"


def catalogue_page(catalogue: Catalogue) -> str:
    """The page ``docs/standards.md``: all criteria by topic, the conflicts, and what is not checked, in Markdown.

    Parameters
    ----------
    catalogue : Catalogue

    Returns
    -------
    str
    """
    rows = [_row(catalogue, rule, "en") for rule in catalogue.rules.values()]
    parts = [
        "# Criteria\n",
        "Written by `sxrisk rules list --format markdown`; do not edit. Every number stands in a TOML file of "
        "`sxrisk/rules/catalogue/`; the evidence marks are:\n",
        *(f"- **{mark}**: {_say('evidence', str(mark), 'en')}" for mark in Evidence),
        f"\n{len(rows)} criteria. A finding is a screening result until a person confirms it.",
    ]
    for topic in TOPICS:
        parts.append(f"\n## {_say('topic', topic, 'en')}\n")
        parts.append(_markdown(["Id", "Criterion", "判据", "Standard, clause", "Evidence", "Effect", "Broken where"]))
        for row in rows:
            if row["topic"] == topic:
                id_, place = row["id"], f"{row['standard']}, {row['clause']}"
                title = catalogue.rules[id_].title_zh
                parts.append(
                    _line([f"`{id_}`", row["title"], title, place, row["evidence"], row["effect"], row["limit"]])
                )
    parts.append(f"\n## {_say('word', 'asked', 'en')}\n")
    parts.append(_markdown(["Criterion", "Key under `[rules.values.<id>]`", "Unit", "What it is"]))
    for rule in catalogue.rules.values():
        parts += [
            _line([f"`{rule.id}`", f"`{ask.name}`", ask.unit, f"{ask.text_en}; {ask.text_zh}"]) for ask in rule.asks
        ]
    parts.append(f"\n## {_say('word', 'conflicts', 'en')}\n")
    parts.append(_markdown(["No.", "What contradicts what", "What is applied", "矛盾", "Criteria"]))
    for entry in catalogue.conflicts:
        named = ", ".join(f"`{rule.id}`" for rule in catalogue.rules.values() if entry.concerns(rule))
        parts.append(_line([str(entry.number), entry.text_en, entry.applied_en, entry.sentence("zh"), named]))
    parts.append(f"\n## {_say('word', 'not_decidable', 'en')}\n")
    parts.append(_markdown(["Key", "Criterion", "条款", "Standard, clause", "Evidence", "Why not", "原因"]))
    for gap in catalogue.not_decidable:
        parts.append(_line([gap.id, gap.title_en, gap.title_zh, gap.clause, gap.evidence, gap.why_en, gap.why_zh]))
    return "\n".join(parts) + "\n"


def _row(catalogue: Catalogue, rule: Rule, language: str) -> dict[str, str]:
    return {
        "id": rule.id,
        "title": _of(rule, "title", language),
        "topic": topic_of(rule),
        "standard": rule.standard,
        "clause": _of(rule, "clause", language),
        "evidence": str(rule.evidence),
        "effect": _say("effect", str(rule.effect), language),
        "subject": _kinds(rule.subject_kinds, language),
        "object": _kinds(rule.object_kinds, language),
        "limit": limit_text(rule, language),
        "asks": ", ".join(ask.name for ask in rule.asks),
        "conflicts": ", ".join(code.partition(":")[2] for code in catalogue.conflict_codes.get(rule.id, ())),
    }


def _in_force(rule: Rule) -> str:
    start = rule.effective_from.isoformat() if rule.effective_from else ""
    return f"{start} – {rule.effective_to.isoformat()}" if rule.effective_to else start


def _kinds(kinds: Iterable[str], language: str) -> str:
    from sxrisk.layers.kinds import KINDS, kind

    named = [getattr(kind(name), f"title_{language}") if name in KINDS else name for name in kinds]
    return ("、" if language == "zh" else ", ").join(named)


def _of(thing: Any, field: str, language: str) -> str:
    return str(getattr(thing, f"{field}_{language}"))


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    path = files("sxrisk.rules") / "catalogue" / "words.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _say(group: str, key: str, language: str) -> str:
    return _words()[group][key][language]


def _one_of(value: str, known: Iterable[str], where: str) -> None:
    words = list(known)
    if value not in words:
        fix = near_words(value, words)
        raise ParameterError(f"{value!r} is unknown", where=where, expected=", ".join(words), remedy=fix or None)


def _markdown(head: list[str]) -> str:
    return f"{_line(head)}\n{_line(['---'] * len(head))}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
