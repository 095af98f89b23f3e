"""A font that can draw Chinese, on every machine.

The page, the pictures and the report ask for a system font first; a fresh machine has none for Chinese, so the package
ships a cut of Noto Sans SC (GB 2312 and the characters of Shanxi's place names). A character that neither has is named
in a warning, never drawn as an empty box in silence.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

from sxrisk.errors import SxriskWarning

__all__ = ["FONT_FAMILY", "FONT_FILE", "MissingGlyphWarning", "chinese_figures", "covered", "subset_woff", "uncovered"]

FONT_FAMILY = "SXRisk Sans SC"
FONT_FILE = Path(__file__).parent / "vendor" / "sxrisk-sans-sc.ttf"


class MissingGlyphWarning(SxriskWarning):
    """Some characters of the data are not in the shipped font; a machine without a larger one shows boxes."""


@cache
def covered() -> frozenset[str]:
    """Characters that the shipped font draws.

    Examples
    --------
    >>> "采空区圪峁" in "".join(sorted(covered())), set("采空区圪峁") <= covered()
    (False, True)
    """
    from fontTools.ttLib import TTFont

    with TTFont(FONT_FILE, lazy=True) as font:
        return frozenset(chr(code) for code in font.getBestCmap())


def uncovered(texts: Iterable[str]) -> str:
    """Visible characters of some texts that the shipped font lacks, sorted; Latin and controls are left to the system.

    Examples
    --------
    >>> uncovered(["合山县 Heshan", "𠀀村"])
    '𠀀'
    """
    used = set().union(*map(set, texts))
    return "".join(sorted(char for char in used - covered() if char > "\u02ff" and char.isprintable()))


def subset_woff(texts: Iterable[str]) -> bytes:
    """The shipped font cut down to the characters of some texts, as WOFF.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    bytes
        The same bytes for the same characters.

    Warns
    -----
    MissingGlyphWarning
        Naming the characters that the shipped font lacks.
    """
    from fontTools import subset
    from fontTools.ttLib import TTFont

    used = set().union(*map(set, texts)) | {chr(code) for code in range(0x20, 0x7F)}
    missing = uncovered(["".join(used)])
    if missing:
        warnings.warn(
            f"the shipped font has no glyph for {missing[:40]}: they show only where the system's own font has them",
            MissingGlyphWarning,
            stacklevel=2,
        )
    options = subset.Options()
    options.notdef_outline = True
    options.layout_features = []
    font = TTFont(FONT_FILE, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes={ord(char) for char in used & covered()})
    subsetter.subset(font)
    font.flavor = "woff"
    out = BytesIO()
    font.save(out)
    return out.getvalue()


@contextmanager
def chinese_figures() -> Iterator[None]:
    """Matplotlib set so that Chinese and minus signs are drawn, with the same font on every machine.

    Examples
    --------
    >>> with chinese_figures():
    ...     pass
    """
    import matplotlib as mpl
    from matplotlib import font_manager

    if FONT_FAMILY not in {entry.name for entry in font_manager.fontManager.ttflist}:
        font_manager.fontManager.addfont(FONT_FILE)
    with mpl.rc_context(
        {"font.family": [FONT_FAMILY, "DejaVu Sans"], "axes.unicode_minus": False, "svg.hashsalt": "sx"}
    ):
        yield
