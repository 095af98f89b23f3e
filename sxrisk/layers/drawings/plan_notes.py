"""What a note inside a worked area of a mine plan says: thickness mined, when mining stopped, its name."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from sxrisk.layers.drawings.dxf_text import plan_words

__all__ = ["notes_of_area"]

_MONTH = r"(?:1[0-2]|0?[1-9])"
_DAY = rf"(?:19|20)\d\d\s*(?:[.\-/]\s*{_MONTH}(?:\s*[.\-/]\s*\d{{1,2}})?|年(?:\s*{_MONTH}\s*月(?:\s*\d{{1,2}}\s*日)?)?)"
# A figure with a sign, a unit or more digits is an elevation or a length.
_DATE = re.compile(rf"(?<![\d.+\-±A-Za-z])(?:{_DAY}\s*(?:[-~—至到]+)\s*)?(?P<day>{_DAY})(?![\d.]|\s*(?:m|米))")
_PARTS = re.compile(r"\d+")
_SEAM = re.compile(r"\d+(?:[-+]\d+)?\s*(?:#|号)\s*煤层?")


def notes_of_area(texts: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """Name of a worked area, and ``thickness_m`` and ``stopped_on`` where the notes in it say so.

    Parameters
    ----------
    texts : sequence of str
        Nearest to its middle first, none that is nothing but a figure. Understood are a thickness after its label
        (采厚, 采高, 煤厚, 煤层厚度, 厚度; then 3.2, 3.2m or 3.2米; several are averaged), and a month or year of 1900
        to 2099: 2018.5, 2018-05, 2018/5, 2018.5.20, 2018年5月, 2018年; of two with a dash between them, and of
        several, the last.
        A seam (3#煤, 3号煤层) is no name. What is left of the first text with letters left is the name.

    Returns
    -------
    name : str
    columns : mapping of str to str
        Empty where nothing is said.

    Examples
    --------
    >>> notes_of_area(["2018.5  采厚3.2m  3#煤"])
    ('', {'thickness_m': '3.2', 'stopped_on': '2018-05'})
    >>> notes_of_area(["3101工作面 2015.3-2016.11"])
    ('3101工作面', {'stopped_on': '2016-11'})
    """
    name = ""
    thickness: list[float] = []
    days: list[str] = []
    for text in texts:
        plain = unicodedata.normalize("NFKC", text)
        thick = [float(match["figure"]) for match in _thickness().finditer(plain) if match["to"] is None]
        days += [_iso(match["day"]) for match in _DATE.finditer(_thickness().sub(" ", plain))]
        thickness += [figure for figure in thick if figure > 0]
        left = text
        if thick or _DATE.search(plain) or _SEAM.search(plain):
            left = _SEAM.sub(" ", _DATE.sub(" ", _thickness().sub(" ", plain)))
            left = " ".join(left.split()).strip(" ,;:，；：、()（）")
        if not name and any(letter.isalpha() for letter in left):
            name = left
    columns = {}
    if thickness:
        columns["thickness_m"] = f"{sum(thickness) / len(thickness):.6g}"
    if days:
        columns["stopped_on"] = max(days)
    return name, columns


@lru_cache(maxsize=1)
def _thickness() -> re.Pattern[str]:
    labels = sorted({*plan_words()["figures"]["thickness"], "厚度"}, key=len, reverse=True)
    figure = r"\d+(?:\.\d+)?"
    return re.compile(
        rf"(?:{'|'.join(labels)})\s*[=:≈约]?\s*(?P<figure>{figure})(?:\s*[-~]\s*(?P<to>{figure}))?"
        r"\s*(?:m|米|(?![a-z\d]))",
        re.IGNORECASE,
    )


def _iso(day: str) -> str:
    year, *rest = _PARTS.findall(day)
    return "-".join([year, *(part.zfill(2) for part in rest)])
