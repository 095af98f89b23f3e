"""Headers that stand in no list of synonyms: a noun of the kind and an ending, or an ending alone."""

from collections.abc import Iterable

from sxrisk.layers.kinds import Attribute, Kind, header_key, kind, split_unit, synonyms_of

__all__ = ["find_named", "find_only", "row_numbers", "spelt_out"]

_LEAST_ENDING = 3


def row_numbers() -> tuple[str, ...]:
    """Headers that only count rows."""
    return synonyms_of("row_numbers")


def spelt_out(role: str, of: Kind) -> list[tuple[str, tuple[str, ...]]]:
    """Each noun of a kind, and the headers that it makes for the id or the name.

    Parameters
    ----------
    role : str
        ``"id"`` or ``"name"``.
    of : Kind
        Whose nouns.

    Examples
    --------
    >>> spelt_out("name", kind("accident"))[0]
    ('事故', ('事故名称', '事故名', '事故name'))
    """
    return [(noun, tuple(noun + ending for ending in synonyms_of(f"{role}_endings"))) for noun in of.nouns]


def find_named(role: str, of: Kind, headers: list[str], free: set[str], cut: frozenset[str]) -> list[str]:
    """Headers of the id or the name that begin with a noun of the kind; of several nouns the first one listed.

    Parameters
    ----------
    role : str
        ``"id"`` or ``"name"``.
    of : Kind
        Whose nouns.
    headers : list of str
        All headers, in the file's order.
    free : set of str
        Those that serve no purpose yet.
    cut : frozenset of str
        Those that the format may have cut short.

    Returns
    -------
    list of str
        One: found. Several: ambiguous. None: no such header.
    """
    keys = {header: _key(header) for header in headers if header in free}
    for noun, forms in spelt_out(role, of):
        whole = {header_key(form) for form in forms}
        least = len(header_key(noun)) + 1
        found = [
            header
            for header, key in keys.items()
            # Something of the ending must be left of a header that was cut.
            if key in whole or (header in cut and len(key) >= least and any(form.startswith(key) for form in whole))
        ]
        if found:
            return found
    usable = _by_ending(role, keys)
    return [header for header in usable if keys[header].startswith(tuple(map(header_key, of.nouns)))]


def find_only(wanted: str | Attribute, of: Kind, headers: list[str], free: set[str]) -> list[str]:
    """Headers that could be meant by their ending alone.

    Parameters
    ----------
    wanted : str or Attribute
        ``"id"``, ``"name"``, or an attribute with a vocabulary, whose longer synonyms are the endings.
    of : Kind
        Kind of the layer; codes and names of administrative areas are no ids and names of other things.
    headers : list of str
        All headers, in the file's order.
    free : set of str
        Those that serve no purpose yet.

    Returns
    -------
    list of str
        One: found. Several: ambiguous. None: no such header.
    """
    keys = {header: _key(header) for header in headers if header in free}
    if isinstance(wanted, Attribute):
        words = [word for word in map(header_key, wanted.synonyms) if len(word) >= _LEAST_ENDING and not word.isascii()]
        return [header for header, key in keys.items() if key.endswith(tuple(words))]
    areas: set[str] = set()
    if of.name != "boundary":
        areas = {header_key(form) for _, forms in spelt_out(wanted, kind("boundary")) for form in forms}
    return [header for header in _by_ending(wanted, keys) if keys[header] not in areas]


def _by_ending(role: str, keys: dict[str, str]) -> Iterable[str]:
    endings, others = synonyms_of(f"{role}_endings"), tuple(map(header_key, synonyms_of(f"not_{role}")))
    return [
        header
        for header, key in keys.items()
        if any(_ends(split_unit(header)[0].strip(), key, ending) for ending in endings)
        and not any(part in key for part in others)
    ]


def _ends(header: str, key: str, ending: str) -> bool:
    if not key.endswith(ending):
        return False
    # A Latin ending is a word of its own: village_id, 采场ID; but not "valid".
    before = header[-len(ending) - 1 : -len(ending)]
    return not ending.isascii() or before in ("_", "-", " ") or not before.isascii()


def _key(header: str) -> str:
    return header_key(split_unit(header)[0])
