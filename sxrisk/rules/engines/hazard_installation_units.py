"""What lies in each production and storage unit: substances read, rows put together, shares of critical quantities."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sxrisk.rules.context import RuleContext
from sxrisk.rules.engines.hazard_installation_settings import HazardInstallationSettings, Substance
from sxrisk.rules.engines.hazard_installation_sites import Site
from sxrisk.rules.features import Selection

__all__ = ["Book", "Part", "Unit", "reaches", "units_of"]

_NAME_NOISE = re.compile(r"[\s'’\"()\[\]]+")
_ENTRIES = re.compile(r"\s*[;\n]+\s*")
# A comma ends an entry only behind a quantity: names such as 1,3-butadiene have commas of their own.
_COMMA = re.compile(r"\s*[,、]\s*")
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:t|吨)?\s*")
# Without a colon: 汽油 150t, 硝酸铵(50t); a bare number only behind a name that the tables know: 氨25.
_BESIDE = re.compile(
    r"\s*(?P<name>[^:]*?[^\s\d.,(:])[\s(]*(?<![\d.,])(?P<tonnes>\d+(?:\.\d+)?)\s*(?:t|吨)\s*\)?(?:\s*[,、]|$)"
)
_BARE = re.compile(r"(?P<name>.*[^\s\d.,])\s*(?P<tonnes>\d+(?:\.\d+)?)")
_THOUSANDS = re.compile(r"^\d+\s*,\s*")
# A sum of shares that comes to the limit by decimal figures may miss it by the last bit of binary ones.
_TOLERANCE = 1e-9

_GroupKey = tuple[object, ...]


@dataclass(frozen=True)
class _Held:
    """What lies in a unit: name, CAS, class, quantity in t."""

    name: str
    cas: str
    category: str
    tonnes: float


@dataclass(frozen=True)
class Part:
    """One substance's share of a unit: q / Q, its factor at least and at most, and whether the factor was guessed."""

    share: float
    beta_low: float
    beta_high: float
    usual_class: bool


@dataclass(frozen=True)
class Unit:
    """A unit.

    Parameters
    ----------
    row : int
        The row of the feature table that stands for it.
    rows : tuple of int
        All of its rows.
    site : Site
        What it stands in.
    parts : tuple of Part
        Shares of the substances that are known.
    unknown : tuple of str
        Reason codes of what is not known of the others.
    whole_ratio : float
        Sum of the shares of all rows that may belong to the same unit, because a unit or site id is missing.
    missing_id : str
        The column whose absence leaves that open; empty where nothing is open.
    """

    row: int
    rows: tuple[int, ...]
    site: Site
    parts: tuple[Part, ...]
    unknown: tuple[str, ...]
    whole_ratio: float
    missing_id: str

    @property
    def ratio(self) -> float:
        """Sum of the known shares."""
        return math.fsum(part.share for part in self.parts)

    @property
    def may_be_larger(self) -> bool:
        """Whether other rows may belong to it, because an id is missing."""
        return bool(self.missing_id) and not math.isclose(self.whole_ratio, self.ratio, rel_tol=_TOLERANCE)


def reaches(value: float, bound: float) -> bool:
    """Whether a sum reaches a bound, rounding of binary figures aside.

    Examples
    --------
    >>> 3.5 / 5 + 1 / 5 + 1 / 10 >= 1.0, reaches(3.5 / 5 + 1 / 5 + 1 / 10, 1.0)
    (False, True)
    """
    return value >= bound or math.isclose(value, bound, rel_tol=_TOLERANCE)


class Book:
    """Substances by CAS number and by every name they go by.

    Parameters
    ----------
    tables : HazardInstallationSettings
        Those of identification.
    """

    def __init__(self, tables: HazardInstallationSettings) -> None:
        self.categories = tables.categories
        self._cas = {cas: entry for entry in tables.substances for cas in entry.cas}
        self._name: Mapping[str, Substance] = {
            _plain(name): entry for entry in tables.substances for name in (entry.zh, entry.en, *entry.also)
        }
        betas = [category.beta for category in tables.categories.values()]
        self._any_beta = (min(betas), max(betas))

    def names(self, name: str) -> bool:
        """Whether a name stands in the tables."""
        return _plain(name) in self._name

    def part(self, held: _Held) -> Part | str:
        """The share of a substance, or the reason why it cannot be told."""
        shown = held.name or held.cas
        if not shown:
            return "attribute_missing:substance"
        entry = self._cas.get(held.cas) or self._name.get(_plain(held.name))
        category = self.categories.get(held.category)
        if not held.tonnes >= 0 or np.isinf(held.tonnes):
            return f"quantity_missing:{shown}"
        if entry is None:
            if category is None:
                return f"substance_unknown:{shown}"
            return Part(held.tonnes / category.critical_t, category.beta, category.beta, usual_class=False)
        share = held.tonnes / entry.critical_t
        if entry.beta is not None:
            return Part(share, entry.beta, entry.beta, usual_class=False)
        if category is not None:
            return Part(share, category.beta, category.beta, usual_class=False)
        if entry.category:
            beta = self.categories[entry.category].beta
            return Part(share, beta, beta, usual_class=True)
        return Part(share, *self._any_beta, usual_class=True)


def units_of(context: RuleContext, subjects: Selection, sites: Sequence[Site], book: Book) -> list[Unit]:
    """Units that the rows of the chemical units make up.

    Rows with one site, unit id and type are one unit. A row without a unit id is a unit by itself, which may be part of
    any other of its site; rows without a site are one unit only where they stand in one place, and may be one
    elsewhere.

    Parameters
    ----------
    context : RuleContext
    subjects : Selection
        Rows of chemical units.
    sites : sequence of Site
        That of each of them.
    book : Book

    Returns
    -------
    list of Unit
        In the order of their first rows.
    """
    table = context.table
    unit_ids, types = table.text("unit_id"), table.text("unit_type")
    ids = table.rows["id"].to_numpy(dtype=object)
    held = _held(context, subjects, book)
    parts = {row: [book.part(one) for one in held[row]] for row in held}
    groups: dict[_GroupKey, list[int]] = {}
    wholes: dict[_GroupKey, float] = {}
    whole_of: dict[int, tuple[str, _GroupKey]] = {}
    site_of: dict[int, Site] = {}
    for row, site in zip(subjects.positions.tolist(), sites, strict=True):
        unit, type_ = str(unit_ids[row]), str(types[row])
        share = math.fsum(part.share for part in parts[row] if isinstance(part, Part))
        site_of[row] = site
        # A row without a unit id is told from its neighbours by its own number alone.
        groups.setdefault((site.key, type_, unit or row), []).append(row)
        of_site: _GroupKey = ("unit_id", site.key, type_)
        wholes[of_site] = wholes.get(of_site, 0.0) + share
        of_unit: _GroupKey = ("site_id", int(table.layer_of[row]), type_, unit)
        wholes[of_unit] = wholes.get(of_unit, 0.0) + share
        if not unit:
            whole_of[row] = "unit_id", of_site
        elif not site.told:
            whole_of[row] = "site_id", of_unit
    found = []
    for group in groups.values():
        # The row with the plainest id stands for the unit, whatever the order of the rows.
        rows = tuple(sorted(group, key=lambda row: str(ids[row])))
        everything = [part for row in rows for part in parts[row]]
        # One substance in several tanks of a unit is added up.
        kept = tuple(part for part in everything if isinstance(part, Part))
        unknown = tuple(dict.fromkeys(part for part in everything if isinstance(part, str)))
        if not everything:
            unknown = ("attribute_missing:substances",)
        missing, whole = whole_of.get(rows[0], ("", ()))
        own = math.fsum(part.share for part in kept)
        found.append(Unit(rows[0], rows, site_of[rows[0]], kept, unknown, max(own, wholes.get(whole, own)), missing))
    return found


def _plain(name: str) -> str:
    return _NAME_NOISE.sub("", unicodedata.normalize("NFKC", name)).casefold()


def _held(context: RuleContext, subjects: Selection, book: Book) -> dict[int, list[_Held]]:
    """What each row says lies there."""
    table = context.table
    text = {name: table.text(name) for name in ("substance", "cas", "hazard_category")}
    cell, tonnes = table.text("substances"), table.column("quantity_t")
    found = {}
    for row in subjects.positions.tolist():
        if cell[row].strip():
            found[row] = _cell(str(cell[row]), book)
        else:
            name, cas, category = (str(text[key][row]).strip() for key in ("substance", "cas", "hazard_category"))
            found[row] = [_Held(name, cas, category, float(tonnes[row]))]
    return found


def _cell(text: str, book: Book) -> list[_Held]:
    """What a cell such as ``液氨:25;氯:3`` holds; a quantity that is no number becomes NaN."""
    held: list[_Held] = []
    for entry in _ENTRIES.split(unicodedata.normalize("NFKC", text).strip()):
        if beside := _beside(entry, book):
            held += beside
            continue
        rest = entry
        while rest.strip():
            name, _, behind = rest.partition(":")
            name = name.strip()
            # What looks like the first comma of a list may be that of a number such as 1,200.
            if held and rest is not entry and not book.names(name) and _THOUSANDS.match(name):
                held[-1] = _Held(held[-1].name, "", held[-1].category, math.nan)
                name = _THOUSANDS.sub("", name)
            comma = _COMMA.search(behind)
            # Without a further colon the comma begins no entry: then this quantity is no number.
            ends = comma is not None and ":" in behind[comma.end() :]
            mine, rest = (behind[: comma.start()], behind[comma.end() :]) if comma and ends else (behind, "")
            amount, _, category = mine.partition(":")
            number = _QUANTITY.fullmatch(amount)
            held.append(_Held(name, "", category.strip(), float(number[1]) if number else math.nan))
    return held


def _beside(entry: str, book: Book) -> list[_Held]:
    """What an entry without a colon holds, its quantities standing right behind the names; none where it is not so."""
    found, at = [], 0
    while at < len(entry) and (match := _BESIDE.match(entry, at)):
        found.append(_Held(match["name"].strip(), "", "", float(match["tonnes"])))
        at = match.end()
    if found and at == len(entry):
        return found
    bare = _BARE.fullmatch(entry.strip())
    return [_Held(bare["name"], "", "", float(bare["tonnes"]))] if bare and book.names(bare["name"]) else []
