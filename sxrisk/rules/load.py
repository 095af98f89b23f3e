"""The catalogue of criteria: shipped files, the user's own files, overrides and values."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sxrisk.errors import FileFormatError, InputError, ParameterError, Problem
from sxrisk.findings import Colour, Effect, Evidence, Status
from sxrisk.rules.conflicts import Conflict, NotDecidable, conflict_codes, conflicts_from, not_decidable_from
from sxrisk.rules.criterion import Ask, Condition, Rule, Selector
from sxrisk.rules.vocabulary import near_words, unknown_words

__all__ = ["Catalogue", "check_catalogue_file", "load_catalogue"]

_STANDARD_KEYS = {"standard", "standard_zh", "standard_en", "edition", "source", "effective_from", "effective_to"}
_OVERRIDABLE = ("value", "min_value", "effect", "colour", "enabled")
# Files of the shipped folder that hold no criteria.
_COMMON = ("colours.toml", "reasons.toml", "conflicts.toml", "not_decidable.toml", "words.toml")
# Weakest first: an override may go down this list, never up.
_EFFECTS = (Effect.ADVISORY, Effect.CLASSIFICATION, Effect.NEEDS_PERMIT, Effect.MUST_COMPLY, Effect.FORBIDDEN)
_ENTRY = re.compile(r"^\s*\[\[\s*rules\s*\]\]")
_RULE = TypeAdapter(Rule)
_KEYS = tuple(item.name for model in (Rule, Selector, Condition, Ask) for item in fields(model))
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
    conflicts : tuple of Conflict
        Sources that contradict each other, by number.
    not_decidable : tuple of NotDecidable
        Criteria that are deliberately not checked.
    """

    rules: Mapping[str, Rule]
    colours: Mapping[Status, Mapping[Effect, Colour]]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reason_texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    not_decidable: tuple[NotDecidable, ...] = ()

    @cached_property
    def conflict_codes(self) -> Mapping[str, tuple[str, ...]]:
        """Reason codes ``conflict:<number>`` that the findings of each rule carry, by its id."""
        return conflict_codes(self.conflicts, self.rules.values())

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
        """Sentence of a reason code; ``code:detail`` puts the detail behind it. Unknown codes are shown as they are.

        ``conflict:<number>`` gives the conflict's own text.
        """
        name, _, detail = code.partition(":")
        if name == "conflict" and detail:
            for conflict in self.conflicts:
                if str(conflict.number) == detail:
                    return conflict.sentence(language)
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
        same as before changes nothing. An effect can only be weakened.

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
        If values or overrides name a rule or key that does not exist, or an effect would be strengthened.

    Examples
    --------
    >>> catalogue = load_catalogue(overrides={"P-35c": {"value": 300.0}})
    >>> catalogue.rules["P-35c"].value, str(catalogue.rules["P-35c"].evidence)
    (300.0, 'user')
    """
    values, overrides = values or {}, overrides or {}
    folder = _folder()
    colours = dict(_COLOURS.validate_python(_read(folder / "colours.toml")["colours"]))
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    for path in _shipped_files():
        _add_file(path, rules, colours, problems, own=False)
    for path in map(Path, extra):
        _add_file(path, rules, colours, problems, own=True)
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
    for rule_id, numbers in values.items():
        rules[rule_id] = rules[rule_id].with_value_of_user(numbers)
    return Catalogue(
        rules,
        colours,
        values,
        _read(folder / "reasons.toml"),
        off,
        conflicts_from(_read(folder / "conflicts.toml")),
        not_decidable_from(_read(folder / "not_decidable.toml")),
    )


def check_catalogue_file(path: Path) -> list[Problem]:
    r"""Everything that is wrong with a user's catalogue file, each with its line.

    Parameters
    ----------
    path : Path
        A file as :func:`load_catalogue` takes it in `extra`.

    Returns
    -------
    list of Problem
        Empty where the file can be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "own.toml"
    ...     _ = path.write_text("[standardd]\n")
    ...     [str(problem) for problem in check_catalogue_file(path)]
    ["own.toml, line 1: unknown key 'standardd'; expected standard, rules, colours. Did you mean standard?"]
    """
    path = Path(path)
    rules: dict[str, Rule] = {}
    colours = dict(_COLOURS.validate_python(_read(_folder() / "colours.toml")["colours"]))
    problems: list[Problem] = []
    for shipped in _shipped_files():
        if shipped != path.resolve():
            _add_file(shipped, rules, colours, problems, own=False)
    try:
        _add_file(path, rules, colours, problems, own=True)
    except FileFormatError as error:
        problems.append(error.problem)
    return problems


def _folder() -> Path:
    return Path(str(files("sxrisk.rules") / "catalogue"))


def _shipped_files() -> list[Path]:
    return [path for path in sorted(_folder().glob("*.toml")) if path.name not in _COMMON]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path, remedy="Check the path") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"byte {error.start} is not UTF-8", where=path, expected="TOML in UTF-8") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(f"is not TOML: {error}", where=path) from error


def _read(path: Path) -> dict[str, Any]:
    return _parsed(_text(path), path)


class _Lines:
    """Where the keys of a catalogue file stand, because the parser does not tell."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()
        self._starts = [k for k, line in enumerate(self._lines) if _ENTRY.match(line)]

    def table(self, key: str) -> str:
        """Place of a key or table of the top level."""
        return self._told(self._find(0, len(self._lines), key))

    def entry(self, number: int, name: str, *words: str) -> str:
        """Place of the number-th rule, or of the last of some words that can be found in it one after the other."""
        if number > len(self._starts):
            return f"{self._name}, rule {name}"
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self._lines)
        place = start
        for word in words:
            found = self._find(place, end, word)
            place = place if found is None else found
        return f"{self._told(place)}, rule {name}"

    def _find(self, start: int, end: int, word: str) -> int | None:
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        code = ((k, self._lines[k].split("#", 1)[0]) for k in range(start, end))
        return next((k for k, line in code if pattern.search(line)), None)

    def _told(self, line: int | None) -> str:
        return self._name if line is None else f"{self._name}, line {line + 1}"


def _add_file(
    path: Path,
    rules: dict[str, Rule],
    colours: dict[Status, dict[Effect, Colour]],
    problems: list[Problem],
    *,
    own: bool,
) -> None:
    text = _text(path)
    content = _parsed(text, path)
    lines = _Lines(path.name, text)
    known = ("standard", "rules", "colours")
    for key in content.keys() - set(known):
        problems.append(_unknown_key(key, lines.table(key), known))
    standard = content.get("standard", {})
    if not isinstance(standard, dict) or not isinstance(content.get("rules", []), list):
        problems.append(Problem("standard is not a table, or rules is not a list of tables", path.name))
        return
    for key in standard.keys() - _STANDARD_KEYS:
        problems.append(_unknown_key(key, lines.table(key), sorted(_STANDARD_KEYS)))
    try:
        for status, row in _COLOURS.validate_python(content.get("colours", {})).items():
            colours[status] = {**colours[status], **row}
    except ValidationError as error:
        problems += _problems(error, f"{path.name}, [colours]")
    for number, entry in enumerate(content.get("rules", []), 1):
        name = str(entry.get("id", number)) if isinstance(entry, dict) else str(number)
        try:
            rule = _RULE.validate_python({**standard, **entry} if isinstance(entry, dict) else entry)
        except ValidationError as error:
            problems += [
                replace(problem, where=lines.entry(number, name, *words))
                for problem, words in zip(_problems(error, ""), _places(error), strict=True)
            ]
            continue
        if rule.id in rules:
            remedy = "Choose another id, or change the shipped rule by an override in the project file"
            problems.append(Problem("the id is taken", lines.entry(number, name, "id"), "an id of its own", remedy))
            continue
        if own:
            for word, what, fix in unknown_words(rule):
                problems.append(Problem(what, lines.entry(number, name, word), remedy=fix))
        rules[rule.id] = rule


def _unknown_key(key: str, where: str, known: Sequence[str]) -> Problem:
    return Problem(f"unknown key {key!r}", where, ", ".join(known), near_words(key, known) or None)


def _places(error: ValidationError) -> list[tuple[str, ...]]:
    return [tuple(part for part in item["loc"] if isinstance(part, str)) for item in error.errors(include_url=False)]


def _problems(error: ValidationError, place: str) -> list[Problem]:
    told = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        shown = "" if item["type"] == "missing" or isinstance(item["input"], dict) else f", got {item['input']!r:.60}"
        message = item["msg"].removeprefix("Value error, ")
        fix = None
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            message, shown = f"unknown key {key!r}", ""
            fix = near_words(str(item["loc"][-1]), _KEYS)
            key = ""
        told.append(Problem(f"{key}: {message}{shown}" if key else f"{message}{shown}", place, remedy=fix or None))
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
    if rule.value_from and "value" in changes:
        remedy = f"Give it as {rule.value_from} under [rules.values.{rule.id}]"
        raise ParameterError("the source leaves the value open", where=where, remedy=remedy)
    if not isinstance(changes.get("enabled", True), bool):
        raise ParameterError(f"enabled is {changes['enabled']!r}", where=where, expected="true or false")
    try:
        new = _RULE.validate_python({**kept, **changed})
    except ValidationError as error:
        raise ParameterError("; ".join(str(item.what) for item in _problems(error, where)), where=where) from error
    if _EFFECTS.index(new.effect) > _EFFECTS.index(rule.effect):
        raise ParameterError(
            f"the effect {new.effect} is stronger than the clause's own, {rule.effect}",
            where=where,
            expected=" or ".join(_EFFECTS[: _EFFECTS.index(rule.effect) + 1]),
            remedy="Write a criterion of your own in a catalogue file",
        )
    told = ("value", "min_value", "effect")
    return new if all(getattr(new, key) == getattr(rule, key) for key in told) else new.changed_by_user()
