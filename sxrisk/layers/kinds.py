"""What each kind of layer is: its geometry, its attributes with units and vocabularies, and the headers offices use."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from sxrisk.errors import ParameterError

__all__ = [
    "KINDS",
    "Attribute",
    "Kind",
    "Unit",
    "Vocabulary",
    "header_key",
    "kind",
    "kinds_called",
    "split_unit",
    "synonyms_of",
]

# Brackets as offices write them; the unit is what stands in the last pair.
_BRACKETS = re.compile(r"^(?P<base>.*?)[(（\[【]\s*(?P<unit>[^()（）\[\]【】]*)\s*[)）\]】]\s*$", re.DOTALL)
_SEPARATORS = re.compile(r"[\s_\-/]")


@dataclass(frozen=True)
class Unit:
    """One way to write a unit, and the factor to the attribute's canonical unit."""

    name: str
    factor: float


@dataclass(frozen=True)
class Vocabulary:
    """Canonical words and what is written for them; ``unknown`` is what another word becomes, ``keep`` leaves it."""

    words: Mapping[str, tuple[str, ...]]
    unknown: str


@dataclass(frozen=True)
class Attribute:
    """A canonical column: type, unit, bounds, vocabulary, and the headers that mean it."""

    name: str
    type: str
    synonyms: tuple[str, ...]
    canonical_unit: str = ""
    units: Mapping[str, Unit] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    vocabulary: Vocabulary | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of layer: accepted geometry (point, line, polygon), its attributes in column order, and its nouns.

    A noun and an ending make a header that names or numbers its features: 采场 and 编号.
    """

    name: str
    title_zh: str
    geometry: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    nouns: tuple[str, ...]


def header_key(text: object) -> str:
    """Form of a header in which spellings are compared: full-width folded, no case, blanks, ``_``, ``-``, ``/``.

    Parameters
    ----------
    text : object
        Header as the file has it.

    Returns
    -------
    str

    Examples
    --------
    >>> header_key(" Mine_Depth ")
    'minedepth'
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", str(text))).casefold()


def split_unit(header: object) -> tuple[str, str]:
    """A header without the unit in its last brackets, and that unit.

    Parameters
    ----------
    header : object
        Header as the file has it.

    Returns
    -------
    base, unit : str
        The unit is ``""`` where there is none.

    Examples
    --------
    >>> split_unit("库容（万m³）")
    ('库容', '万m3')
    """
    text = unicodedata.normalize("NFKC", str(header))
    match = _BRACKETS.match(text)
    return (match["base"], unit_key(match["unit"])) if match and match["base"].strip() else (text, "")


def unit_key(text: str) -> str:
    """Form of a unit in which spellings are compared."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).casefold()


def kind(name: str) -> Kind:
    """Definition of a kind of layer.

    Parameters
    ----------
    name : str
        One of :data:`KINDS`.

    Returns
    -------
    Kind

    Raises
    ------
    ParameterError
        If there is no such kind; the message lists them.

    Examples
    --------
    >>> kind("road").geometry
    ('line',)
    """
    kinds = _definitions()[0]
    if name not in kinds:
        raise ParameterError(f"{name!r} is no kind of layer", expected=f"one of {', '.join(kinds)}")
    return kinds[name]


def kinds_called(word: str) -> list[str]:
    """Kinds that a common word means, for a hint: by their Chinese title, else by one of their nouns.

    Parameters
    ----------
    word : str
        As a person wrote it, e.g. 村庄, village, roads.

    Returns
    -------
    list of str
        Three at most, empty if the word is none of theirs.

    Examples
    --------
    >>> kinds_called("村庄"), kinds_called("Villages"), kinds_called("采空区")
    (['settlement'], ['settlement'], ['goaf'])
    """
    key = header_key(word)
    kinds = _definitions()[0]
    forms = {key, key.removesuffix("s")}
    titled = [name for name, entry in kinds.items() if header_key(entry.title_zh) == key]
    return titled or [name for name, entry in kinds.items() if forms & set(map(header_key, entry.nouns))][:3]


def synonyms_of(role: str) -> tuple[str, ...]:
    """Headers that mean a common column (id, name, ...) or a coordinate (longitude, x, wkt, ...); parts of headers."""
    return _definitions()[1][role]


@lru_cache(maxsize=1)
def _definitions() -> tuple[dict[str, Kind], dict[str, tuple[str, ...]]]:
    text = resources.files("sxrisk.layers").joinpath("kinds.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    attributes = {name: _attribute(name, entry, table) for name, entry in table["attributes"].items()}
    kinds = {
        name: Kind(
            name, entry["zh"], tuple(entry["geometry"]), tuple(attributes[key] for key in entry["attributes"]),
            tuple(entry["nouns"]),
        )
        for name, entry in table["kinds"].items()
    }  # fmt: skip
    sections = [table[section] for section in ("common", "headers", "coordinates")]
    roles = {role: tuple(words) for section in sections for role, words in section.items()}
    return kinds, roles


def _attribute(name: str, entry: Mapping[str, Any], table: Mapping[str, Any]) -> Attribute:
    dimension = entry.get("dimension")
    units: dict[str, Unit] = {}
    canonical = ""
    if dimension:
        spellings = table["units"][dimension]
        canonical = spellings["canonical"]
        factors = table["factors"][dimension]
        for unit, factor in factors.items():
            units |= {unit_key(spelling): Unit(unit, factor) for spelling in spellings[unit]}
    vocabulary = None
    if entry["type"] == "vocabulary":
        listed = table["vocabularies"][name]
        vocabulary = Vocabulary({word: tuple(forms) for word, forms in listed["words"].items()}, listed["unknown"])
    return Attribute(
        name, entry["type"], (name, *_without(entry["synonyms"], name)), canonical, units,
        entry.get("minimum"), entry.get("maximum"), vocabulary,
    )  # fmt: skip


def _without(words: Iterable[str], name: str) -> tuple[str, ...]:
    return tuple(word for word in words if word != name)


#: Names of all kinds of layer.
KINDS: tuple[str, ...] = tuple(_definitions()[0])
