"""Chinese text in lines: it breaks between any two characters, not only at blanks."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["chinese_lines", "line_starts"]

WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60"
# No line begins with the one, none ends with the other.
CLOSING, OPENING = "，。；：、！？）》】〉”’…％", "（《【〈“‘"
_PIECE = re.compile(rf"[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}{OPENING}{CLOSING}]+)?[{CLOSING}]*\s*")
_WIDE = re.compile(f"[{WIDE}]")


def line_starts(text: str, width: int, cells: Callable[[str], int]) -> list[int]:
    """Where lines of a width begin, but for the first.

    Parameters
    ----------
    text : str
        One paragraph.
    width : int
        Cells of a line.
    cells : callable
        Cells that a text takes.

    Examples
    --------
    >>> text = "用 M3C2 计算变形，米。"
    >>> starts = [0, *line_starts(text, 12, lambda part: sum(1 + (ord(c) > 255) for c in part)), len(text)]
    >>> [text[a:b] for a, b in zip(starts, starts[1:])]
    ['用 M3C2 计算', '变形，米。']
    """
    starts, used = [], 0
    for match in _PIECE.finditer(text):
        piece = match.group()
        # With its blank: rich counts letters, not cells, when it takes blanks off the end of a line.
        if used and used + cells(piece) > width:
            starts.append(match.start())
            used = 0
        used += cells(piece)
    return starts


@contextmanager
def chinese_lines() -> Iterator[None]:
    """Let rich break lines of Chinese; it cuts them off as if they were one long word."""
    from rich import text
    from rich.cells import cell_len

    # The one place at which rich decides it; the name is imported there from a private module.
    rich_text: Any = text
    usual = rich_text.divide_line

    def divided(text: str, width: int, fold: bool = True) -> list[int]:
        starts: list[int] = line_starts(text, width, cell_len) if _WIDE.search(text) else usual(text, width, fold)
        return starts

    rich_text.divide_line = divided
    try:
        yield
    finally:
        rich_text.divide_line = usual
