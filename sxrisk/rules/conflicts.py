"""What the catalogue does not hide: sources that contradict each other, and criteria that no layer can decide."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from sxrisk.findings import Evidence
from sxrisk.rules.criterion import Engine, Rule

__all__ = ["Conflict", "NotDecidable", "conflict_codes", "conflicts_from", "not_decidable_from"]

Text = Annotated[str, Field(min_length=1)]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Conflict:
    """Sources, editions or readings that say different things, and which one is applied.

    Parameters
    ----------
    number : int
        Number under which findings name it.
    text_zh, text_en : str
        What contradicts what.
    applied_zh, applied_en : str
        Which reading is applied, and why.
    rules : tuple of str
        Ids of the criteria concerned; empty where the catalogue has none.
    engines : tuple of str
        Engines whose criteria are all concerned.
    """

    number: Annotated[int, Field(ge=1)]
    text_zh: Text
    text_en: Text
    applied_zh: Text
    applied_en: Text
    rules: tuple[Text, ...] = ()
    engines: tuple[Engine, ...] = ()

    def concerns(self, rule: Rule) -> bool:
        """Whether a criterion is one of those that the conflict is about."""
        return rule.id in self.rules or rule.engine in self.engines

    def sentence(self, language: str) -> str:
        """What contradicts what and which reading is applied, in one text."""
        if language == "zh":
            return f"{self.text_zh}；{self.applied_zh}"
        return f"{self.text_en}; {self.applied_en}"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class NotDecidable:
    """A criterion that is deliberately not checked, because neither a layer nor a scan can decide it.

    Parameters
    ----------
    id, title_zh, title_en : str
        Short key and name.
    clause : str
        Standard and clause.
    evidence : Evidence
        How far the criterion is verified.
    why_zh, why_en : str
        What is lacking, and which criteria come nearest.
    """

    id: Text
    title_zh: Text
    title_en: Text
    clause: Text
    evidence: Evidence
    why_zh: Text
    why_en: Text


_CONFLICTS = TypeAdapter(tuple[Conflict, ...])
_NOT_DECIDABLE = TypeAdapter(tuple[NotDecidable, ...])


def conflicts_from(content: Mapping[str, Any]) -> tuple[Conflict, ...]:
    """Conflicts of a parsed file ``conflicts.toml``, by number."""
    return tuple(sorted(_CONFLICTS.validate_python(content["conflicts"]), key=lambda conflict: conflict.number))


def not_decidable_from(content: Mapping[str, Any]) -> tuple[NotDecidable, ...]:
    """Entries of a parsed file ``not_decidable.toml``, in their order."""
    return _NOT_DECIDABLE.validate_python(content["entries"])


def conflict_codes(conflicts: Iterable[Conflict], rules: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    """Reason codes that the findings of each rule carry, by its id.

    Examples
    --------
    >>> from sxrisk.rules import load_catalogue
    >>> load_catalogue().conflict_codes["T-OH"]
    ('conflict:4',)
    """
    told = list(conflicts)
    codes = {rule.id: tuple(f"conflict:{entry.number}" for entry in told if entry.concerns(rule)) for rule in rules}
    return {rule_id: found for rule_id, found in codes.items() if found}
