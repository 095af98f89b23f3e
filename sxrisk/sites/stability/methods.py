"""The published methods: what each asks for, and how far it is verified."""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pandas as pd

from sxrisk.findings import Evidence

__all__ = [
    "METHODS",
    "PARAMETERS",
    "REASONS",
    "WORDS",
    "Method",
    "Parameter",
    "method_row",
    "methods_table",
    "parameter_title",
]

_PUBLISHED: Mapping[str, Any] = tomllib.loads(
    files("sxrisk.sites.stability").joinpath("published.toml").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Parameter:
    """A quantity that a method asks for, and what it can be at all.

    Parameters
    ----------
    name : str
        With its unit.
    zh, en, unit : str
    low, high : float
        Its physical limits.
    low_open, high_open : bool
        Whether the limit itself is impossible.
    """

    name: str
    zh: str
    en: str
    unit: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = True
    high_open: bool = True

    @property
    def expected(self) -> str:
        """The limits in words.

        Examples
        --------
        >>> PARAMETERS["rqd"].expected
        'above 0, up to 100 %'
        """
        words = []
        if math.isfinite(self.low):
            words.append(f"above {self.low:g}" if self.low_open else f"{self.low:g} or more")
        if math.isfinite(self.high):
            words.append(f"below {self.high:g}" if self.high_open else f"up to {self.high:g}")
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{', '.join(words)}{unit}"


@dataclass(frozen=True)
class Method:
    """A published method.

    Parameters
    ----------
    id, zh, en : str
    topic : str
        ``roof``, ``pillar``, ``graph`` or ``caving``.
    evidence : Evidence
        How far formula and constants are verified.
    formula : str
    needs : tuple of str
        Parameters it asks for.
    stated : mapping of str to two floats
        The range of a parameter that was published with this method; it binds no other.
    not_applied : str
        Why it is never computed, as a code of :data:`REASONS`; empty where it is.
    width_to_height : two floats
        Open limits of a pillar's width over height for which the method holds.
    mineral : str
        The only mineral it was made for, if any.
    """

    id: str
    topic: str
    zh: str
    en: str
    evidence: Evidence
    formula: str
    needs: tuple[str, ...]
    stated: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    not_applied: str = ""
    width_to_height: tuple[float, float] = (0.0, math.inf)
    mineral: str = ""


def _parameter(name: str, row: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name,
        row["zh"],
        row["en"],
        row["unit"],
        float(row.get("min", row.get("above", -math.inf))),
        float(row.get("max", row.get("below", math.inf))),
        "min" not in row,
        "max" not in row,
    )


def _method(topic: str, name: str, row: Mapping[str, Any]) -> Method:
    return Method(
        name,
        topic,
        row["zh"],
        row["en"],
        Evidence(row["evidence"]),
        row["formula"],
        tuple(row["needs"]),
        {key: (float(low), float(high)) for key, (low, high) in row.get("stated", {}).items()},
        row.get("not_applied", ""),
        (float(row.get("width_to_height_above", 0.0)), float(row.get("width_to_height_below", math.inf))),
        row.get("mineral", ""),
    )


#: What the methods ask for, by name.
PARAMETERS: Mapping[str, Parameter] = {name: _parameter(name, row) for name, row in _PUBLISHED["parameters"].items()}
#: Why a method was not applied, by code, in Chinese and English.
REASONS: Mapping[str, Mapping[str, str]] = _PUBLISHED["reasons"]
#: What is asked for in words: ``zh``, ``en`` and the ``values`` that there are.
WORDS: Mapping[str, Mapping[str, Any]] = _PUBLISHED["words"]
#: Every method, by topic and name.
METHODS: Mapping[str, Mapping[str, Method]] = {
    topic: {name: _method(topic, name, row) for name, row in _PUBLISHED[topic].items()}
    for topic in ("roof", "pillar", "graph", "caving")
}


def method_row(method: Method, missing: Iterable[str] = (), reason: str = "") -> dict[str, Any]:
    """What every table of results says first of a method: ``method, title_zh, title_en, evidence, applied, reason``
    and ``missing``, its parameters that nobody gave.

    Examples
    --------
    >>> row = method_row(METHODS["pillar"]["bieniawski"], ["in_situ_strength_mpa"])
    >>> row["applied"], row["reason"], row["missing"]
    (False, 'parameter_missing', 'in_situ_strength_mpa')
    """
    lacking = [] if reason else list(dict.fromkeys(missing))
    why = reason or ("parameter_missing" if lacking else "")
    return {
        "method": method.id,
        "title_zh": method.zh,
        "title_en": method.en,
        "evidence": str(method.evidence),
        "applied": not why,
        "reason": why,
        "missing": ", ".join(lacking),
    }


def parameter_title(name: str, language: str) -> str:
    """A parameter's name as people read it, in ``zh`` or ``en``.

    Examples
    --------
    >>> parameter_title("ucs_mpa", "en"), parameter_title("failure", "en")
    ('Uniaxial compressive strength', 'Way of failure: gravity or sliding')
    """
    if name in WORDS:
        return str(WORDS[name][language])
    return str(getattr(PARAMETERS[name], language))


def methods_table() -> pd.DataFrame:
    """All methods as a table: ``topic, method, title_zh, title_en, evidence, formula, needs, not_applied``.

    Examples
    --------
    >>> table = methods_table().set_index("method")
    >>> table.loc["lunder_pakalnis", "needs"], str(table.loc["rupeneit", "evidence"])
    ('ucs_mpa', 'X')
    """
    return pd.DataFrame(
        [
            {
                "topic": method.topic,
                "method": method.id,
                "title_zh": method.zh,
                "title_en": method.en,
                "evidence": str(method.evidence),
                "formula": method.formula,
                "needs": ", ".join(method.needs),
                "not_applied": method.not_applied,
            }
            for group in METHODS.values()
            for method in group.values()
        ]
    )
