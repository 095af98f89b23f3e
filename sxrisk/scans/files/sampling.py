"""Rows at both ends of a text table, and how many rows its size is worth."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.scans.files.layout import TextLayout, cells_of

__all__ = ["EndRows", "rows_at_both_ends"]

END_BYTES = 65_536


class EndRows(NamedTuple):
    """What both ends of a table tell.

    Attributes
    ----------
    xyz : ndarray, shape (k, 3)
        Coordinates of the rows at the ends.
    n_rows : int
        Rows of the file, counted if it `is_whole`, else by its size.
    is_whole : bool
        Whether the two ends are the whole file.
    """

    xyz: npt.NDArray[np.float64]
    n_rows: int
    is_whole: bool


def rows_at_both_ends(path: Path, layout: TextLayout) -> EndRows:
    """Coordinates of the first and last rows of a table (64 kB each), and the number of all rows.

    Parameters
    ----------
    path : Path
        The file.
    layout : TextLayout
        Its layout.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        ends = [file.read(2 * END_BYTES)]
        whole = size <= len(ends[0])
        if not whole:
            file.seek(size - END_BYTES)
            # The cut goes through a line, which is left out.
            ends = [ends[0][: ends[0].rfind(b"\n") + 1], file.read().partition(b"\n")[2]]
    first, last = (end.decode(layout.encoding, "replace").splitlines() for end in (*ends, b"")[:2])
    lines = [*first[layout.skip :], *last]
    rows = [row for row in (_coordinates(line, layout) for line in lines) if row is not None]
    xyz = np.array(rows).reshape(-1, 3)
    if whole:
        return EndRows(xyz[np.isfinite(xyz).all(axis=1)], len(rows), True)
    head = sum(len(line.encode(layout.encoding, "replace")) + 1 for line in first[: layout.skip])
    read = sum(map(len, ends)) - head
    return EndRows(xyz[np.isfinite(xyz).all(axis=1)], round((size - head) * len(rows) / max(read, 1)), False)


def _coordinates(line: str, layout: TextLayout) -> list[float] | None:
    if not line.strip() or line.lstrip().startswith(("#", "//")):
        return None
    cells = cells_of(line, layout.separator)
    places = [layout.names.index(axis) for axis in "xyz"]
    if len(cells) <= max(places):
        return None
    try:
        return [float(cells[at].replace(layout.decimal, ".")) for at in places]
    except ValueError:
        return [float("nan")] * 3
