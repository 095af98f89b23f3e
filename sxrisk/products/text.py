"""The words of the products, Chinese and English, and the sentences that describe a finding."""

import json
import math
import re
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
    "detail_pairs",
    "finding_sentence",
    "format_value",
    "label",
    "original_pairs",
    "page_number",
    "reason_words",
    "result_words",
    "rule_title",
    "text_catalogue",
]

Language = Literal["zh", "en"]

_TEXT_FILE = Path(__file__).with_name("text.toml")
# Metrics that are a distance between two things: zero means that they meet.
_DISTANCES = ("distance", "straight_distance", "flow_path_distance")
# Metrics whose value is the class itself.
_CLASSES = ("tailings_class",)
# Metrics between two things that have a phrase of their own.
_ZONES = ("influence_zone", "collapse_zone")
_PAIRS = (*_DISTANCES, *_ZONES, "crossing")
# What stands behind the colon of a reason code, by code: a kind of layer, an attribute, a metric.
_DETAILS = {
    "layer_missing": "kind", "attribute_missing": "attribute", "measurement_missing": "metric",
    "unit_mismatch": "metric", "edge_unknown": "kind", "site_polygon_missing": "attribute", "value_not_given": "asked",
}  # fmt: skip
# Between two classes of which either may hold.
_EITHER = re.compile("[/–]")
# Units of numbers so small that they are written with a power of ten.
_POWERS = ("1/a",)
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
    >>> format_value(107.0, "1"), format_value(3e-6, "1/a", "en")
    ('107', '3.0×10^-6 per year')
    """
    if not math.isfinite(value):
        return "–"
    if unit in _POWERS:
        return f"{_power(value)} {label('unit', unit, language)}"
    size = abs(value)
    # A number without a unit that is whole was counted.
    places = 0 if unit == "1" and value == int(value) else 2 if size < 10 else 1 if size < 1000 else 0
    if sigma > 0:
        places = min(3, max(0, 1 - math.floor(math.log10(sigma))))
    # Decimal of the exact binary value, halves away from zero: what toFixed() does in the page.
    number = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    word = label("unit", unit, language)
    return f"{number:,}" if not word else f"{number:,}°" if unit == "deg" else f"{number:,} {word}"


def page_number(value: float, unit: str) -> float:
    """A finding's number as products keep it: to a thousandth, and small frequencies to three digits.

    Examples
    --------
    >>> page_number(12.34567, "m"), page_number(3.14159e-6, "1/a")
    (12.346, 3.14e-06)
    """
    value = float(value)
    return float(f"{value:.3g}") if unit in _POWERS else round(value, 3)


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
    # What stands behind these is a part of the catalogue's own sentence.
    if not detail or name == "conflict":
        return str(catalogue.reason_text(code, language))
    sentence = str(catalogue.reason_text(name, language))
    words = _reason_detail(name, detail, language)
    return f"{sentence}：{words}" if language == "zh" else f"{sentence}: {words}"


def _reason_detail(name: str, detail: str, language: Language) -> str:
    group = _DETAILS.get(name)
    if group is None:
        return detail
    joint = "、" if language == "zh" else ", "
    return joint.join(label(group, part.strip(), language) for part in detail.split("/"))


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


def detail_pairs(text: str, language: Language) -> list[tuple[str, str]]:
    """Label and value of each of a finding's further figures; text that is no JSON gives none.

    Examples
    --------
    >>> detail_pairs('{"households": 132.0, "note": "", "objects": ["school/XX-06"]}', "en")
    [('Households', '132'), ('Objects', 'School XX-06')]
    """
    groups = text_catalogue()
    group = {**groups["attribute"], **groups["detail"]}
    return [
        (group[key][language] if key in group else key, _detail_value(key, value, language))
        for key, value in _figures(text).items()
        if value is not None and value != "" and value != []
    ]


def _figures(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _detail_value(key: str, value: Any, language: Language) -> str:
    if isinstance(value, list):
        return ("、" if language == "zh" else ", ").join(_detail_value(key, item, language) for item in value)
    if isinstance(value, bool):
        return label("value", str(value).lower(), language)
    if isinstance(value, (int, float)):
        return _plain_number(value)
    groups, text = text_catalogue(), str(value)
    if f"{key}.{text}" in groups["value"]:
        return groups["value"][f"{key}.{text}"][language]
    # The key of a feature: its kind and its id.
    kind, slash, rest = text.partition("/")
    return f"{groups['kind'][kind][language]} {rest}" if slash and kind in groups["kind"] else text


def _plain_number(value: float) -> str:
    """At most four decimals, and no zeros at the end; the page does the same."""
    if not math.isfinite(value):
        return "–"
    if 0 < abs(value) < 0.001:
        return _power(value)
    text = f"{Decimal(value).quantize(Decimal('0.0001'), rounding=ROUND_HALF_UP):,}"
    return text.rstrip("0").rstrip(".")


def _power(value: float) -> str:
    """A number with a power of ten, one decimal: 3.0×10^-6."""
    if value == 0:
        return "0"
    number = Decimal(value)
    exponent = number.adjusted()
    digits = number.scaleb(-exponent).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    if abs(digits) >= 10:
        digits, exponent = digits.scaleb(-1).quantize(Decimal("0.1")), exponent + 1
    return f"{digits}×10^{exponent}"


def result_words(metric: str, result: str, language: Language) -> str:
    """Class or grade of a finding in words; of two that are possible, both.

    Examples
    --------
    >>> result_words("tailings_class", "3", "zh"), result_words("distance", "II", "en")
    ('三等', 'grade II')
    >>> result_words("households", "1-2/3", "zh")
    '一级二类地区或三级地区'
    """
    group = text_catalogue()["result"]
    told = []
    for part in _EITHER.split(result):
        key = next((key for key in (f"{metric}.{part}", part, metric) if key in group), None)
        told.append(part if key is None or not part else label("result", key, language, result=part))
    return group["or"][language].join(told)


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
    unit = str(finding["unit"])
    # Millimetres, as the page has them, so that both round alike.
    measured, required = (page_number(finding[name], unit) for name in ("measured", "required"))
    stake = _figures(str(finding.get("details") or "")).get("stake", "")
    values = {
        "subject": f"{subject} {stake}".strip(),
        "object": _name(finding, "object", language) if has_object else "",
        "metric": label("metric", str(finding["metric"]), language),
        "measured": format_value(measured, unit, language),
        "required": format_value(required, unit, language),
        "result": result_words(str(finding["metric"]), str(finding.get("result") or ""), language),
    }
    texts = text_catalogue()
    phrase = texts["phrase"][_phrase_key(str(finding["metric"]), measured, has_object)][language]
    limit = texts["limit"][_limit_key(finding, measured, required)][language]
    return _fill(phrase + limit + texts["limit"]["end"][language], values)


def _phrase_key(metric: str, measured: float, has_object: bool) -> str:
    if not math.isfinite(measured) or metric in _CLASSES:
        return "place_pair" if has_object else "place"
    if has_object and metric in _PAIRS:
        return "touching" if measured == 0 and metric in _DISTANCES else metric
    if metric in _DISTANCES:
        return "nearest"
    return "value_pair" if has_object else "value"


def _limit_key(finding: Mapping[str, Any], measured: float, required: float) -> str:
    # A grade that only advises is a grade still.
    graded = bool(finding.get("result")) and finding.get("effect") == "classification"
    is_class = finding["status"] == "classified" or graded
    has_result = bool(finding.get("result"))
    if finding["metric"] in _CLASSES or not (math.isfinite(measured) and math.isfinite(required)):
        return "only_result" if is_class and has_result else "none"
    if finding["metric"] == "crossing":
        return "none"
    if finding["status"] == "too_close_to_call":
        return "unclear_result" if has_result else "unclear"
    if finding["metric"] in _ZONES:
        return "zone"
    if is_class:
        return "result" if has_result else "class"
    if measured == 0 and finding["metric"] in _DISTANCES:
        return "apart"
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
