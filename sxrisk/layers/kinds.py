"""What each kind of layer is: its geometry, its attributes with units and vocabularies, and the headers offices use."""

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Any

import pandas as pd

from sxrisk.errors import ParameterError

__all__ = [
    "KINDS",
    "Attribute",
    "Kind",
    "Unit",
    "Vocabulary",
    "describe_kind",
    "header_key",
    "kind",
    "kinds_called",
    "split_unit",
    "synonyms_of",
    "with_synonyms",
]

# Brackets as offices write them; the unit is what stands in the last pair.
_BRACKETS = re.compile(r"^(?P<base>.*?)[(（\[【]\s*(?P<unit>[^()（）\[\]【】]*)\s*[)）\]】]\s*$", re.DOTALL)
_ROLES = (
    "id", "name", "county", "position_sigma_m",
    "longitude", "latitude", "easting", "northing", "x", "y", "wkt",
)  # fmt: skip
_DESCRIBED = [
    "column", "title_zh", "title_en", "type", "unit", "minimum", "maximum", "values", "units", "required", "headers",
]  # fmt: skip
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
    dimension: str = ""
    units: Mapping[str, Unit] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    vocabulary: Vocabulary | None = None
    title_zh: str = ""
    title_en: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of layer: accepted geometry (point, line, polygon), its attributes in column order, and its nouns.

    A noun and an ending make a header that names or numbers its features: 采场 and 编号. What is `required`, most
    criteria on the kind ask for: a file without it is read, and the gap is told. `id_also` is an attribute that several
    features may share and that the id stands in for where the file has no column of its own. `extra` are the user's own
    headers of common columns and coordinates (see :func:`with_synonyms`).
    """

    name: str
    title_zh: str
    geometry: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    nouns: tuple[str, ...]
    title_en: str = ""
    required: tuple[str, ...] = ()
    id_also: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def words(self, role: str) -> tuple[str, ...]:
        """Headers that mean a common column or a coordinate in this kind, the user's own first."""
        return (*self.extra.get(role, ()), *synonyms_of(role))


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


def with_synonyms(of: Kind, synonyms: Mapping[str, Sequence[str]]) -> Kind:
    """A kind that knows more headers; the user's own are tried before those of the package.

    Parameters
    ----------
    of : Kind
    synonyms : mapping of str to sequence of str
        Canonical column (an attribute of any kind, id, name, county, position_sigma_m, or a coordinate such as
        longitude) to the headers that mean it. What is no column of this kind is left out: one table serves all layers.

    Returns
    -------
    Kind

    Raises
    ------
    ParameterError
        If a name is no column of any kind, or one header is given two meanings.

    Examples
    --------
    >>> with_synonyms(kind("goaf"), {"depth_m": ["采空区埋深"]}).attributes[0].synonyms[:2]
    ('采空区埋深', 'depth_m')
    """
    if not synonyms:
        return of
    kinds, roles = _definitions()
    known = {*(column for column in roles if column in _ROLES)}
    known |= {attribute.name for entry in kinds.values() for attribute in entry.attributes}
    meant: dict[str, str] = {}
    for column, headers in synonyms.items():
        if column not in known:
            close = difflib.get_close_matches(column, sorted(known), n=1)
            raise ParameterError(
                f"{column!r} is no column of any kind", where="headers",
                expected=f"an attribute of a kind, or one of {', '.join(_ROLES)}",
                remedy=f"Did you mean {close[0]!r}?" if close else None,
            )  # fmt: skip
        for header in headers:
            other = meant.setdefault(header_key(header), column)
            if other != column:
                raise ParameterError(
                    f"{header!r} is to mean both {other} and {column}", where="headers", expected="one"
                )
    attributes = tuple(
        replace(entry, synonyms=(*synonyms[entry.name], *entry.synonyms)) if entry.name in synonyms else entry
        for entry in of.attributes
    )
    extra = {column: tuple(headers) for column, headers in synonyms.items() if column in _ROLES}
    return replace(of, attributes=attributes, extra=extra)


def describe_kind(name: str) -> pd.DataFrame:
    """What a layer of a kind may hold, one row a column, as people read it.

    Parameters
    ----------
    name : str
        One of :data:`KINDS`.

    Returns
    -------
    DataFrame
        Columns ``column``, ``title_zh``, ``title_en``, ``type`` (text, number, date, bool, vocabulary, rank), ``unit``,
        ``minimum``, ``maximum``, ``values`` (of a vocabulary), ``units`` (that a header may name), ``required``
        (criteria on the kind ask for it; without it they are not applied), ``headers``. ``attrs`` has ``title_zh``,
        ``title_en`` and ``geometry``.

    Raises
    ------
    ParameterError
        If there is no such kind.

    Examples
    --------
    >>> table = describe_kind("goaf").set_index("column")
    >>> print(*table.loc["depth_m", ["title_en", "unit", "maximum", "required"]])
    Depth m 5000.0 True
    >>> table.loc["roof", "values"]
    'medium, hard, soft'
    """
    definition = kind(name)
    rows = [
        {
            "column": entry.name, "title_zh": entry.title_zh, "title_en": entry.title_en, "type": entry.type,
            "unit": entry.canonical_unit, "minimum": entry.minimum, "maximum": entry.maximum,
            "values": ", ".join(entry.vocabulary.words) if entry.vocabulary else "",
            "units": ", ".join(dict.fromkeys(unit for unit in entry.units)),
            "required": entry.name in definition.required, "headers": ", ".join(entry.synonyms),
        }
        for entry in definition.attributes
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=_DESCRIBED).astype({"minimum": "float64", "maximum": "float64"})
    table.attrs = {
        "title_zh": definition.title_zh, "title_en": definition.title_en, "geometry": " or ".join(definition.geometry),
    }  # fmt: skip
    return table


def kinds_called(word: str) -> list[str]:
    """Kinds that a common word means, for a hint: by their title, else by one of their nouns.

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
    titled = [name for name, entry in kinds.items() if forms & {header_key(entry.title_zh), header_key(entry.title_en)}]
    return titled or [name for name, entry in kinds.items() if forms & set(map(header_key, entry.nouns))][:3]


def synonyms_of(role: str) -> tuple[str, ...]:
    """Headers that mean a common column (id, name, ...) or a coordinate (longitude, x, wkt, ...); parts of headers."""
    return _definitions()[1][role]


@lru_cache(maxsize=1)
def _definitions() -> tuple[dict[str, Kind], dict[str, tuple[str, ...]]]:
    table, entries = _table("kinds.toml"), _table("attributes.toml")
    attributes = {name: _attribute(name, entry, entries) for name, entry in entries["attributes"].items()}
    kinds = {
        name: Kind(
            name, entry["zh"], tuple(entry["geometry"]),
            tuple(attributes.get(f"{name}.{key}") or attributes[key] for key in entry["attributes"]),
            tuple(entry["nouns"]), entry["en"], tuple(entry.get("required", ())), entry.get("id_also", ""),
        )
        for name, entry in table["kinds"].items()
    }  # fmt: skip
    sections = [table[section] for section in ("common", "headers", "coordinates")]
    roles = {role: tuple(words) for section in sections for role, words in section.items()}
    return kinds, roles


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("sxrisk.layers").joinpath(name).read_text(encoding="utf-8"))


def _attribute(key: str, entry: Mapping[str, Any], table: Mapping[str, Any]) -> Attribute:
    name = key.rpartition(".")[2]
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
    if entry["type"] in ("vocabulary", "rank"):
        listed = table["vocabularies"][key if entry["type"] == "vocabulary" else "rank"]
        vocabulary = Vocabulary({word: tuple(forms) for word, forms in listed["words"].items()}, listed["unknown"])
    return Attribute(
        name, entry["type"], (name, *_without(entry["synonyms"], name)), canonical, dimension or "", units,
        entry.get("minimum"), entry.get("maximum"), vocabulary, entry["zh"], entry["en"],
    )  # fmt: skip


def _without(words: Iterable[str], name: str) -> tuple[str, ...]:
    return tuple(word for word in words if word != name)


#: Names of all kinds of layer.
KINDS: tuple[str, ...] = tuple(_definitions()[0])
