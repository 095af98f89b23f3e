"""A file as it is: its columns, rows and geometries before anything is understood."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers.report import Issue

__all__ = ["Source", "check_file", "check_width", "unique_headers", "wrap_read_errors"]

# More columns than any form has; each costs a pass over the table.
_MAX_COLUMNS = 4096


@dataclass
class Source:
    """Rows of a file.

    Parameters
    ----------
    table : DataFrame
        The file's columns under their own names, index 0..n-1.
    rows : ndarray, shape (n,)
        Source row of each, as a person counts.
    geometry : ndarray of shapely geometries or None, shape (n,)
        In the file's own coordinates; None where the geometry stands in columns.
    crs : pyproj.CRS or None
        What the file says.
    crs_by_format : bool
        The file itself says nothing of it: its format has a default.
    cut_headers : frozenset of str
        Headers that the format may have cut short (ten bytes in a Shapefile).
    broken : dict
        Position -> (reason, detail) of rows that the reader itself could not use.
    set_aside : int
        Rows of the file that are no rows of the table because they were left out on request or serve another row, such
        as a text that names the area it stands in; an issue says which.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    geometry: NDArray[Any] | None = None
    crs: CRS | None = None
    crs_by_format: bool = False
    broken: dict[int, tuple[str, str]] = field(default_factory=dict)
    set_aside: int = 0
    encoding: str = ""
    separator: str = ""
    cut_headers: frozenset[str] = frozenset()
    issues: list[Issue] = field(default_factory=list)


def check_file(path: str | Path) -> Path:
    """The path if it is a readable, non-empty file.

    Raises
    ------
    FileFormatError
        Missing, a directory, empty, not readable.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise FileFormatError("there is no such file", where=path, remedy="Check the path and its spelling")
        if path.is_dir():
            raise FileFormatError("this is a folder", where=path, expected="a file", remedy="Name the file inside it")
        if not path.is_file():
            # A pipe or a device would be read for ever.
            raise FileFormatError("this is no regular file", where=path, expected="a file on a disk")
        if path.stat().st_size == 0:
            raise FileFormatError("the file is empty (0 bytes)", where=path, remedy="Export or copy it again")
        with path.open("rb") as stream:
            stream.read(1)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"the file cannot be read: {error}", where=path, remedy="Check its permissions"
        ) from error
    return path


def check_width(columns: int, path: Path, where: str = "") -> None:
    """Refuse a table that is too wide to be one.

    Raises
    ------
    FileFormatError
        If there are more than 4096 columns.
    """
    if columns > _MAX_COLUMNS:
        raise FileFormatError(
            f"{where}the header has {columns} columns", where=path, expected=f"at most {_MAX_COLUMNS}",
            remedy="Check the separator, and delete the columns that are not needed",
        )  # fmt: skip


def unique_headers(headers: list[str]) -> list[str]:
    """Headers without line breaks at their ends, blank ones named, repeated ones numbered."""
    seen: dict[str, int] = {}
    result = []
    for position, header in enumerate(headers, start=1):
        name = header.strip().replace("\x00", "") or f"column_{position}"
        key = name.casefold()
        seen[key] = seen.get(key, 0) + 1
        while seen[key] > 1 and f"{name}.{seen[key]}".casefold() in seen:
            seen[key] += 1
        if seen[key] > 1:
            name = f"{name}.{seen[key]}"
            seen[name.casefold()] = 1
        result.append(name)
    return result


@contextmanager
def wrap_read_errors(path: Path, expected: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn a library's errors on a damaged file into a FileFormatError that names the file."""
    try:
        yield
    except InputError:
        raise
    except errors as error:
        raise FileFormatError(
            f"the file cannot be read: {_told(error)}",
            where=path,
            expected=expected,
            remedy="It may be cut short or damaged: export or copy it again",
        ) from error


def _told(error: BaseException) -> str:
    """First line of what a library says, without advice on its own use."""
    # Rasterio tells the reason in the error that caused the one it raises.
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    first = lines[0].split("; It might help")[0].rstrip(".") if lines else type(error).__name__
    return re.sub(r"'/vsimem/[^']*'", "the content is", first)[:300]
