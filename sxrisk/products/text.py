"""The words of the products, Chinese and English, and the sentences that describe a finding."""

import json
import math
import tomllib
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sxrisk.errors import ParameterError

__all__ = [
    "Language",
    "check_language",
    "cited",
    "finding_sentence",
    "format_value",
    "label",
    "original_pairs",
    "reason_words",
    "rule_title",
    "text_catalogue",
]

Language = Literal["zh", "en"]

_TEXT_FILE = Path(__file__).with_name("text.toml")
# Metrics that are a distance between two things: zero means that they meet.
_DISTANCES = ("distance", "straight_distance", "flow_path_distance")
# Metrics between two things that have a phrase of their own.
_PAIRS = (*_DISTANCES, "influence_zone", "crossing")
# What stands behind the colon of a reason code, by code: a kind of layer, an attribute, a metric.
_DETAILS = {"layer_missing": "kind", "attribute_missing": "attribute", "measurement_missing": "metric"}
# Id and standard of findings against a number that the user gave without a criterion.
USER_LIMIT = "user"


@cache
def text_catalogue() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """All texts by group, key and language.

    Examples
    --------
    >>> text_catalogue()["kind"]["goaf"]["zh"]
    '采空区'
    """
    with _TEXT_FILE.open("rb") as file:
        return tomllib.load(file)


def check_language(language: str) -> Language:
    """The language code itself.

    Raises
    ------
    ParameterError
        If it is neither ``zh`` nor ``en``.
    """
    if language == "zh":
        return "zh"
    if language == "en":
        return "en"
    raise ParameterError(f"language is {language!r}", expected="'zh' or 'en'")


def label(group: str, key: str, language: Language, **values: object) -> str:
    """One text; a key that the catalogue lacks is shown as it is, so that new codes stay readable.

    Parameters
    ----------
    group, key : str
        E.g. ``"status"``, ``"violation"``.
    language : {"zh", "en"}
    **values
        What to put for ``{name}`` in the text.

    Examples
    --------
    >>> label("ui", "shown_of", "en", shown=3, total=10)
    '3 of 10 shown'
    """
    entry = text_catalogue()[group].get(str(key))
    template = str(key) if entry is None else entry[language]
    return _fill(template, {name: str(value) for name, value in values.items()})


def format_value(value: float, unit: str, language: Language = "zh", *, sigma: float = math.nan) -> str:
    """A number with its unit, as people write it; the page rounds in the same way.

    Parameters
    ----------
    value : float
        NaN becomes a dash.
    unit : str
        A unit of the findings table.
    language : {"zh", "en"}
    sigma : float
        Where given and above 0, the decimals are those that give it two digits.

    Examples
    --------
    >>> format_value(1268.594, "m", sigma=0.02)
    '1,268.594 m'
    >>> format_value(3.204, "m"), format_value(1204.6, "m"), format_value(float("nan"), "m")
    ('3.20 m', '1,205 m', '–')
    """
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    places = 2 if size < 10 else 1 if size < 1000 else 0
    if sigma > 0:
        places = min(3, max(0, 1 - math.floor(math.log10(sigma))))
    # Decimal of the exact binary value, halves away from zero: what toFixed() does in the page.
    number = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    word = label("unit", unit, language)
    return f"{number:,}" if not word else f"{number:,}°" if unit == "deg" else f"{number:,} {word}"


def rule_title(rule: Any, rule_id: str, language: Language) -> str:
    """Title of a catalogue rule in a language, else its id."""
    if rule is None and rule_id == USER_LIMIT:
        return label("ui", "user_limit", language)
    title = getattr(rule, f"title_{language}", "") if rule is not None else ""
    return title or rule_id


def cited(rule: Any, finding: Mapping[str, Any], language: Language) -> str:
    """The law or standard, its number or edition, and the clause, as a report cites them.

    Parameters
    ----------
    rule : Rule or None
        Of the catalogue; without one the finding's own words stand.
    finding : mapping
        With ``standard`` and ``clause``.
    language : {"zh", "en"}

    Examples
    --------
    >>> cited(None, {"standard": "GB 50021-2001", "clause": "5.5.5"}, "en")
    'GB 50021-2001 5.5.5'
    """
    if rule is None and str(finding["standard"]) == USER_LIMIT:
        return label("ui", "user_limit", language)
    title = getattr(rule, f"standard_{language}", "") or ""
    clause = getattr(rule, f"clause_{language}", "") or str(finding["clause"])
    number, edition = str(finding["standard"]), str(getattr(rule, "edition", "") or "")
    # A number such as GB 50251-2015 stands beside the title; a short name in Latin letters would only repeat it.
    if title and any("a" <= char <= "z" for char in number):
        number = f"（{edition}）" if language == "zh" else f"({edition})"
        number = number if edition and edition not in title else ""
    return " ".join(part for part in (title, number, clause) if part)


def reason_words(catalogue: Any, code: str, language: Language) -> str:
    """Sentence of a reason code by the catalogue, its detail in words; without a catalogue, the code itself."""
    if catalogue is None:
        return code
    name, _, detail = code.partition(":")
    sentence = str(catalogue.reason_text(name, language))
    if not detail:
        return sentence
    words = label(_DETAILS[name], detail, language) if name in _DETAILS else detail
    return f"{sentence}：{words}" if language == "zh" else f"{sentence}: {words}"


def original_pairs(text: str) -> list[tuple[str, str]]:
    """Column and value of a rejected row that is kept as JSON text; blank values are left out.

    Examples
    --------
    >>> original_pairs('{"名称": "北线", "经度": ""}'), original_pairs("no JSON")
    ([('名称', '北线')], [('', 'no JSON')])
    """
    try:
        values = json.loads(text)
    except ValueError:
        values = text
    if not isinstance(values, dict):
        return [("", str(text))] if text else []
    return [(str(key), str(value)) for key, value in values.items() if value is not None and str(value).strip()]


def finding_sentence(finding: Mapping[str, Any], language: Language) -> str:
    """What was found, as one sentence.

    Parameters
    ----------
    finding : mapping
        One row of the findings table.
    language : {"zh", "en"}

    Examples
    --------
    >>> finding_sentence({"subject_name": "北线", "object_name": "小学", "metric": "distance", "measured": 3.2,
    ...     "required": 5.0, "unit": "m", "deficit": 1.8, "status": "violation"}, "zh")
    '北线 与 小学 相距 3.20 m，小于要求的 5.00 m。'
    """
    subject = _name(finding, "subject", language)
    has_object = bool(finding.get("object_name") or finding.get("object_id"))
    # Millimetres, as the page has them, so that both round alike.
    measured, required = round(float(finding["measured"]), 3), round(float(finding["required"]), 3)
    unit = str(finding["unit"])
    values = {
        "subject": subject,
        "object": _name(finding, "object", language) if has_object else "",
        "metric": label("metric", str(finding["metric"]), language),
        "measured": format_value(measured, unit, language),
        "required": format_value(required, unit, language),
    }
    texts = text_catalogue()
    phrase = texts["phrase"][_phrase_key(str(finding["metric"]), measured, has_object)][language]
    limit = texts["limit"][_limit_key(finding, measured, required)][language]
    return _fill(phrase + limit + texts["limit"]["end"][language], values)


def _phrase_key(metric: str, measured: float, has_object: bool) -> str:
    if not math.isfinite(measured):
        return "place_pair" if has_object else "place"
    if metric in _PAIRS and has_object:
        return "touching" if measured == 0 and metric in _DISTANCES else metric
    return "value_pair" if has_object else "value"


def _limit_key(finding: Mapping[str, Any], measured: float, required: float) -> str:
    if not (math.isfinite(measured) and math.isfinite(required)) or finding["metric"] == "crossing":
        return "none"
    if finding["status"] == "too_close_to_call":
        return "unclear"
    if finding["metric"] == "influence_zone":
        return "zone"
    if measured == 0 and finding["metric"] in _DISTANCES:
        return "apart"
    if finding["status"] == "classified":
        return "class"
    if float(finding["deficit"]) > 0:
        return "below" if measured < required else "above"
    return "kept"


def _name(finding: Mapping[str, Any], end: str, language: Language) -> str:
    """Its name, else its kind and id."""
    if finding.get(f"{end}_name"):
        return str(finding[f"{end}_name"])
    kind = label("kind", str(finding.get(f"{end}_kind") or ""), language)
    return f"{kind} {finding.get(f'{end}_id') or ''}".strip()


def _fill(template: str, values: Mapping[str, str]) -> str:
    # One pass over the template's own braces: a name that holds "{required}" is not filled in turn.
    parts = template.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        key, brace, rest = part.partition("}")
        out.append(values[key] + rest if brace and key in values else "{" + part)
    return "".join(out)
