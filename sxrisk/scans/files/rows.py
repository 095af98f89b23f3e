"""Rows of numbers in text, a block at a time."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import broken_off

__all__ = ["ascii_blocks", "number_lines"]

# Lines of text held at once: as Python strings they take some ten times the bytes of their numbers.
MOST_LINES = 200_000


def ascii_blocks(
    file: Any, path: Path, names: list[str], count: int, size: int
) -> Iterator[dict[str, npt.NDArray[np.float64]]]:
    """Blank-separated rows from where the binary `file` stands, as columns of float64.

    Raises
    ------
    FileFormatError
        If a value is no number, or the rows end before `count`.
    """
    if not count:
        return
    done = 0
    try:
        table = pd.read_csv(
            file, sep=r"\s+", header=None, names=names, nrows=count, chunksize=size, index_col=False,
            na_values=["nan", "-nan"], keep_default_na=True, encoding_errors="replace", dtype=np.float64,
        )  # fmt: skip
        for block in table:
            columns = {name: block[name].to_numpy(dtype=np.float64) for name in names}
            done += len(block)
            short = done >= count and len(names) > 1 and bool(np.isnan(columns[names[-1]][-1]))
            if short and len(_last_line(path).split()) < len(names):
                raise broken_off(path, done - 1, count)
            yield columns
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"a value behind point {done} is no number ({str(error)[:120]})", where=path, expected=f"{count} rows"
        ) from error
    if done < count:
        raise broken_off(path, done, count)


def number_lines(file: Any, path: Path, count: int, done: int) -> npt.NDArray[np.float64]:
    """The next `count` lines of a text file as numbers (count, columns); `done` rows came before, for messages."""
    parts: list[npt.NDArray[np.float64]] = []
    left = count
    while left:
        lines = list(islice(file, min(left, MOST_LINES)))
        if not lines:
            raise broken_off(path, done + count - left, done + count)
        try:
            parts.append(np.loadtxt(lines, ndmin=2, comments=None))
        except ValueError as error:
            raise FileFormatError(
                f"a line behind point {done + count - left} is no row of numbers ({error})",
                where=path,
                expected="the same number of numbers in each row",
            ) from error
        if len(parts[-1]) != len(lines) or parts[-1].shape[1] != parts[0].shape[1]:
            raise FileFormatError(
                f"lines behind point {done + count - left} differ in length", where=path, expected="one point a line"
            )
        left -= len(lines)
    return np.concatenate(parts) if parts else np.empty((0, 4))


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4096, 0))
        lines = file.read().decode("ascii", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
