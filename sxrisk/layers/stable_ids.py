"""Ids that a feature keeps when rows move: made of its name and place, never of its row."""

import hashlib
import unicodedata
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

__all__ = ["made_ids", "told_apart"]

# Decimals of a degree: a name and a place to 100 m tell most features apart and survive a better survey; a feature
# without a name needs its place to 1 m, and what is still alike is told apart to 1 cm.
_NAMED, _UNNAMED, _FINE = 3, 5, 7
_DIGITS = 8


def made_ids(kind: str, names: pd.Series, geometry: NDArray[Any]) -> list[str]:
    """Ids for features whose file gives none: the kind and a digest of name and rounded place.

    Parameters
    ----------
    kind : str
        Stands in front.
    names : Series of n str
        ``""`` for none.
    geometry : ndarray of n shapely geometries
        EPSG:4490; their bounding boxes' middles count.

    Returns
    -------
    list of str
        In the order given, and each the same in whatever order they are given. Features that are alike in name and
        place to 1 cm share one.

    Examples
    --------
    >>> import pandas as pd, shapely
    >>> points = shapely.points([[112.5, 37.5], [112.6, 37.5]])
    >>> one, two = made_ids("school", pd.Series(["一小", "二小"]), points)
    >>> made_ids("school", pd.Series(["二小", "一小"]), points[::-1]) == [two, one]
    True
    """
    words = [_plain(name) for name in names]
    middle = _middles(geometry)
    decimals = np.where([bool(word) for word in words], _NAMED, _UNNAMED)
    coarse = _digests(words, middle, decimals)
    again = Counter(coarse)
    crowded = np.array([again[digest] > 1 for digest in coarse], dtype=bool)
    if crowded.any():
        fine = _digests(words, middle, np.full(len(words), _FINE))
        coarse = [fine[at] if crowded[at] else coarse[at] for at in range(len(words))]
    return [f"{kind}-{digest}" for digest in coarse]


def told_apart(ids: pd.Series, names: pd.Series, geometry: NDArray[Any]) -> pd.Series:
    """Ids without repetition: features that share one get ``#`` and a digest of their own name and place.

    Every one of them gets it, so that no row's place in the file decides who keeps the bare id. Rows alike in name and
    place as well are one feature told twice: the second gets ``#2``, the third ``#3``.

    Parameters
    ----------
    ids : Series of n str
    names : Series of n str
    geometry : ndarray of n shapely geometries
        EPSG:4490.
    """
    again = ids.duplicated(keep=False).to_numpy()
    if not again.any():
        return ids
    positions = np.flatnonzero(again)
    digests = made_ids("", names.iloc[positions].reset_index(drop=True), geometry[positions])
    given = ids.tolist()
    contents: dict[str, set[str]] = {}
    for at, digest in zip(positions, digests, strict=True):
        contents.setdefault(given[at], set()).add(digest)
    taken = {name for at, name in enumerate(given) if not again[at]}
    for at, digest in zip(positions, digests, strict=True):
        name = given[at]
        own = name if len(contents[name]) == 1 else f"{name}#{digest[1:]}"
        number, free = 1, own
        while free in taken:
            number += 1
            free = f"{own}#{number}"
        given[at] = free
        taken.add(free)
    return pd.Series(given, index=ids.index, dtype="str")


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", str(name)).casefold().split())


def _middles(geometry: NDArray[Any]) -> NDArray[np.float64]:
    box = shapely.bounds(geometry)
    return (box[:, :2] + box[:, 2:]) / 2


def _digests(words: list[str], middle: NDArray[np.float64], decimals: NDArray[np.int64]) -> list[str]:
    return [
        hashlib.sha256(f"{word}\x1f{x:.{places}f}\x1f{y:.{places}f}".encode()).hexdigest()[:_DIGITS]
        for word, (x, y), places in zip(words, middle, decimals.tolist(), strict=True)
    ]
