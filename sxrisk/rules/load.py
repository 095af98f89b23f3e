"""The catalogue of criteria: shipped files, the user's own files, overrides and values."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sxrisk.errors import FileFormatError, InputError, ParameterError, Problem
from sxrisk.findings import Colour, Effect, Evidence, Status
from sxrisk.rules.criterion import Rule

__all__ = ["Catalogue", "load_catalogue"]

_STANDARD_KEYS = {"standard", "standard_zh", "standard_en", "edition", "source", "effective_from", "effective_to"}
_OVERRIDABLE = ("value", "min_value", "effect", "colour", "enabled")
_RULE = TypeAdapter(Rule)
_COLOURS = TypeAdapter(dict[Status, dict[Effect, Colour]])


@dataclass(frozen=True)
class Catalogue:
    """Criteria, colours and texts that a run judges by.

    Parameters
    ----------
    rules : mapping of str to Rule
        By id, in the order of the files.
    colours : mapping of Status to mapping of Effect to Colour
        Colour of a finding by its status and its rule's effect.
    values : mapping of str to mapping of str to float
        Values that the user gave for what the law leaves open, by rule id and name.
    reason_texts : mapping of str to mapping of str to str
        Sentence of each reason code by language (zh, en).
    switched_off : tuple of str
        Ids of rules that the user switched off.
    """

    rules: Mapping[str, Rule]
    colours: Mapping[Status, Mapping[Effect, Colour]]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reason_texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()

    def given(self, rule_id: str) -> Mapping[str, float]:
        """Values that the user gave for a rule, by name."""
        return dict(self.values).get(rule_id, {})

    def colour_of(self, rule: Rule, status: Status, *, lead_only: bool = False) -> Colour:
        """Colour of a finding of `rule` with `status`.

        A rule whose evidence is G (or X) never colours as if its effect were certain: it is looked up as advisory. So
        is a finding that is a lead only, because its accuracy is worse than the limit itself.
        """
        if rule.colour is not None and status is not Status.TOO_CLOSE:
            return rule.colour
        weak = lead_only or rule.evidence in (Evidence.G, Evidence.X)
        return self.colours[status][Effect.ADVISORY if weak else rule.effect]

    def reason_text(self, code: str, language: str) -> str:
        """Sentence of a reason code; ``code:detail`` puts the detail behind it. Unknown codes are shown as they are."""
        name, _, detail = code.partition(":")
        text = self.reason_texts.get(name, {}).get(language, name)
        return f"{text} ({detail})" if detail else text


def load_catalogue(
    extra: Sequence[Path] = (),
    *,
    values: Mapping[str, Mapping[str, float]] | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Catalogue:
    """Read the shipped catalogue and what the user adds to it.

    Parameters
    ----------
    extra : sequence of Path
        More catalogue files of the same form: a table ``[standard]``, tables ``[[rules]]``, and ``[colours.<status>]``
        to change colours.
    values : mapping of str to mapping of str to float, optional
        ``{"T-OH": {"corridor_half_width_m": 60.0}}``: what the law leaves open.
    overrides : mapping of str to mapping, optional
        ``{"P-35c": {"value": 300.0}}``: keys value, min_value, effect, colour, enabled. A changed value or effect
        lowers the evidence to `user` where it was better, and is told in every finding it touches; one that is the
        same as before changes nothing.

    Returns
    -------
    Catalogue

    Raises
    ------
    FileFormatError
        If a file is missing, not UTF-8 or not TOML.
    InputError
        If entries are invalid; all problems of all files are named at once.
    ParameterError
        If values or overrides name a rule or key that does not exist.

    Examples
    --------
    >>> catalogue = load_catalogue(overrides={"P-35c": {"value": 300.0}})
    >>> catalogue.rules["P-35c"].value, str(catalogue.rules["P-35c"].evidence)
    (300.0, 'user')
    """
    values, overrides = values or {}, overrides or {}
    shipped = files("sxrisk.rules") / "catalogue"
    folder = Path(str(shipped))
    common = {"colours.toml", "reasons.toml"}
    paths = [path for path in sorted(folder.glob("*.toml")) if path.name not in common]
    colours = dict(_COLOURS.validate_python(_read(folder / "colours.toml")["colours"]))
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    for path in [*paths, *map(Path, extra)]:
        _add_file(path, rules, colours, problems)
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise InputError(f"{len(problems)} problem{'s' * (len(problems) != 1)} in the catalogue of criteria:\n{lines}")
    for section, given in (("values", values), ("overrides", overrides)):
        for rule_id in given:
            _known(rule_id, rules, section)
    _check_values(rules, values)
    off = tuple(rule_id for rule_id, changes in overrides.items() if changes.get("enabled", True) is False)
    for rule_id, changes in overrides.items():
        rules[rule_id] = _overridden(rules[rule_id], changes)
    return Catalogue(rules, colours, values, _read(folder / "reasons.toml"), off)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path, remedy="Check the path") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"byte {error.start} is not UTF-8", where=path, expected="TOML in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(f"is not TOML: {error}", where=path) from error


def _add_file(
    path: Path, rules: dict[str, Rule], colours: dict[Status, dict[Effect, Colour]], problems: list[Problem]
) -> None:
    content = _read(path)
    standard = content.get("standard", {})
    where = str(path.name)
    for key in content.keys() - {"standard", "rules", "colours"}:
        problems.append(Problem(f"unknown key {key!r}", where, "standard, rules, colours"))
    if not isinstance(standard, dict) or not isinstance(content.get("rules", []), list):
        problems.append(Problem("standard is not a table, or rules is not a list of tables", where))
        return
    for key in standard.keys() - _STANDARD_KEYS:
        problems.append(Problem(f"unknown key {key!r}", f"{where}, [standard]", ", ".join(sorted(_STANDARD_KEYS))))
    try:
        for status, row in _COLOURS.validate_python(content.get("colours", {})).items():
            colours[status] = {**colours[status], **row}
    except ValidationError as error:
        problems += _problems(error, f"{where}, [colours]")
    for number, entry in enumerate(content.get("rules", []), 1):
        place = f"{where}, rule {entry.get('id', number) if isinstance(entry, dict) else number}"
        try:
            rule = _RULE.validate_python({**standard, **entry} if isinstance(entry, dict) else entry)
        except ValidationError as error:
            problems += _problems(error, place)
            continue
        if rule.id in rules:
            remedy = "Choose another id, or change the shipped rule by an override in the project file"
            problems.append(Problem("the id is taken", place, "an id of its own", remedy))
            continue
        rules[rule.id] = rule


def _problems(error: ValidationError, place: str) -> list[Problem]:
    told = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        shown = "" if item["type"] == "missing" or isinstance(item["input"], dict) else f", got {item['input']!r:.60}"
        message = item["msg"].removeprefix("Value error, ")
        told.append(Problem(f"{key}: {message}{shown}" if key else f"{message}{shown}", place))
    return told


def _known(rule_id: str, rules: Mapping[str, Rule], section: str) -> None:
    if rule_id not in rules:
        near = get_close_matches(rule_id, rules, n=3, cutoff=0.4)
        remedy = f"Did you mean {', '.join(near)}?" if near else "List the ids with: sxrisk rules list"
        raise ParameterError(f"there is no rule {rule_id!r}", where=f"rules.{section}", remedy=remedy)


def _check_values(rules: Mapping[str, Rule], values: Mapping[str, Mapping[str, float]]) -> None:
    for rule_id, given in values.items():
        asked = [ask.name for ask in rules[rule_id].asks]
        for name, value in given.items():
            where = f"rules.values.{rule_id}.{name}"
            if name not in asked:
                raise ParameterError(
                    "the rule asks for no such value", where=where, expected=" or ".join(asked) or "none"
                )
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ParameterError(f"{value!r} cannot be used", where=where, expected="a finite number above 0")


def _overridden(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    where = f"rules.overrides.{rule.id}"
    for key in changes:
        if key not in _OVERRIDABLE:
            raise ParameterError(f"{key!r} cannot be overridden", where=where, expected=", ".join(_OVERRIDABLE))
    kept = {item.name: getattr(rule, item.name) for item in fields(rule)}
    changed = {key: value for key, value in changes.items() if key != "enabled"}
    if not isinstance(changes.get("enabled", True), bool):
        raise ParameterError(f"enabled is {changes['enabled']!r}", where=where, expected="true or false")
    try:
        new = _RULE.validate_python({**kept, **changed})
    except ValidationError as error:
        raise ParameterError("; ".join(str(item.what) for item in _problems(error, where)), where=where) from error
    told = ("value", "min_value", "effect")
    return new if all(getattr(new, key) == getattr(rule, key) for key in told) else new.changed_by_user()
