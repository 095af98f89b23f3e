"""Point files without a georeference: PLY, PCD and text tables (XYZ, CSV, PTS)."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sxrisk.errors import FileFormatError, UnverifiedInputWarning
from sxrisk.scans._checks import inside_box
from sxrisk.scans.scan import Bounds

__all__ = ["PlainSource", "read_pcd", "read_ply", "read_text"]

Columns = dict[str, npt.NDArray[Any]]

HEADER_LINES = 1000
PLY_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
PCD_TYPES = {"F": "f", "I": "i", "U": "u"}
# Names under which offices and instruments write the three coordinates.
AXES = (
    {"x", "e", "east", "easting", "东坐标", "东"},
    {"y", "n", "north", "northing", "北坐标", "北"},
    {"z", "h", "elev", "elevation", "height", "高程"},
)


class PlainSource:
    """A file that has to be read whole; its parser runs when the points are first asked for.

    Parameters
    ----------
    path : Path
        The file.
    parser : callable
        One of this module's readers.
    box : sequence of float, optional
        Only points inside it, 4 or 6 numbers in the file's coordinates.

    Raises
    ------
    ParameterError
        If the box has another number of sides, or is turned round.
    """

    def __init__(self, path: Path, parser: Callable[[Path], Columns], box: Sequence[float] | None = None) -> None:
        self.path, self.name, self._parser, self._box = path, path.name, parser, box
        if box is not None:
            # A box that is none is told at once, not when the points are asked for.
            inside_box(np.empty((0, 3)), box)
        self.n_points: int | None = None
        self.bounds: Bounds | None = None
        self._columns: Columns | None = None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Columns beside x, y and z."""
        return tuple(name for name in self._parsed() if name not in ("x", "y", "z"))

    def load(self) -> tuple[npt.NDArray[np.float64], Columns]:
        """All points (n, 3) and their attributes."""
        columns = self._parsed()
        xyz = np.column_stack([columns[axis].astype(np.float64) for axis in "xyz"])
        attributes = {name: values for name, values in columns.items() if name not in ("x", "y", "z")}
        if self._box is None:
            return xyz, attributes
        # Rows that are not finite stay: they are counted and told of where the scan is loaded.
        keep = inside_box(xyz, self._box) | ~np.isfinite(xyz).all(axis=1)
        return xyz[keep], {name: values[keep] for name, values in attributes.items()}

    def chunks(self, size: int) -> Iterator[tuple[npt.NDArray[np.float64], Columns]]:
        """The same in pieces."""
        xyz, attributes = self.load()
        for start in range(0, len(xyz), size):
            part = slice(start, start + size)
            yield xyz[part], {name: values[part] for name, values in attributes.items()}

    def _parsed(self) -> Columns:
        if self._columns is None:
            columns = self._parser(self.path)
            missing = [axis for axis in "xyz" if axis not in columns]
            if missing:
                raise FileFormatError(
                    f"there is no column {', '.join(missing)} among {', '.join(columns) or 'none'}",
                    where=self.path,
                    expected="coordinates named x, y and z",
                )
            self._columns = columns
        return self._columns


def read_ply(path: Path) -> Columns:
    """Vertices of a PLY file (ASCII or binary), a column per property.

    Raises
    ------
    FileFormatError
        If the header is not that of a PLY file, or the vertices end before the number it states.
    """
    with path.open("rb") as file:
        lines = _header(file, path, b"end_header", "a PLY file")
        if not lines or lines[0] != ["ply"]:
            raise FileFormatError("the file does not begin with 'ply'", where=path, expected="a PLY file")
        encoding = ""
        elements: list[tuple[str, int, list[tuple[str, ...]]]] = []
        for line in lines[1:]:
            if line[:1] == ["format"] and len(line) > 1:
                encoding = line[1]
            elif line[:1] == ["element"] and len(line) == 3 and line[2].isdigit():
                elements.append((line[1], int(line[2]), []))
            elif line[:1] == ["property"] and elements:
                elements[-1][2].append(tuple(line[1:]))
        if not elements or elements[0][0] != "vertex" or any(len(p) != 2 for p in elements[0][2]):
            raise FileFormatError(
                "its first element is not a plain list of vertices",
                where=path,
                expected="'element vertex' first, without list properties",
            )
        _, count, properties = elements[0]
        unknown = [kind for kind, _ in properties if kind not in PLY_TYPES]
        if unknown or encoding not in ("ascii", "binary_little_endian", "binary_big_endian"):
            raise FileFormatError(
                f"type {(unknown or [encoding])[0]!r} is not known", where=path, expected="PLY 1.0 types and encodings"
            )
        if encoding == "ascii":
            return _ascii_rows(file, path, [name for _, name in properties], count)
        order = "<" if encoding == "binary_little_endian" else ">"
        return _binary_rows(file, path, np.dtype([(name, order + PLY_TYPES[kind]) for kind, name in properties]), count)


def read_pcd(path: Path) -> Columns:
    """Points of a PCD file (ASCII or uncompressed binary), a column per field.

    Raises
    ------
    FileFormatError
        If the header is incomplete, the data are compressed, or the points end before the number it states.
    """
    with path.open("rb") as file:
        lines = _header(file, path, b"DATA", "a PCD file")
        header = {line[0]: line[1:] for line in lines if line}
        missing = [key for key in ("FIELDS", "SIZE", "TYPE", "POINTS", "DATA") if not header.get(key)]
        if missing:
            raise FileFormatError(f"the header lacks {', '.join(missing)}", where=path, expected="a PCD 0.7 header")
        names, counts = header["FIELDS"], [int(c) for c in header.get("COUNT", ["1"] * len(header["FIELDS"]))]
        count, encoding = int(header["POINTS"][0]), header["DATA"][0]
        if encoding == "ascii":
            wide = [f"{n}_{i}" if c > 1 else n for n, c in zip(names, counts, strict=True) for i in range(c)]
            return _ascii_rows(file, path, wide, count)
        if encoding != "binary":
            raise FileFormatError(
                f"PCD data of encoding {encoding!r}",
                where=path,
                expected="ascii or binary",
                remedy="Save it again as binary (pcl_convert_pcd_ascii_binary IN OUT 1)",
            )
        kinds = [PCD_TYPES[t] + s for t, s in zip(header["TYPE"], header["SIZE"], strict=True)]
        fields: list[Any] = [
            (n, "<" + k, (c,)) if c > 1 else (n, "<" + k) for n, k, c in zip(names, kinds, counts, strict=True)
        ]
        columns = _binary_rows(file, path, np.dtype(fields), count)
        columns.pop("_", None)  # padding
        return columns


def read_text(path: Path) -> Columns:
    """Points of a text table: any of comma, semicolon, tab or blanks between values, a header or none.

    The coordinates are the columns named x, y and z (or easting, northing, elevation), without a header the first
    three. A first line that holds only the number of points (PTS) is skipped.

    Raises
    ------
    FileFormatError
        If the first rows are not numbers in at least three columns.

    Warns
    -----
    UnverifiedInputWarning
        If there is no header: the first three columns then are easting, northing and height by assumption.
    """
    with path.open("rb") as file:
        head = file.read(65536).decode("utf-8-sig", errors="replace").splitlines()
    skip = 0
    while skip < len(head) and (not head[skip].strip() or re.fullmatch(r"\s*\d+\s*", head[skip])):
        skip += 1
    if skip == len(head):
        raise FileFormatError("the file holds no rows of coordinates", where=path, expected="x, y and z in each row")
    first = head[skip].strip().lstrip("#/ ")
    separator = next((s for s in (",", ";", "\t") if s in first), r"\s+")
    cells = [cell.strip().strip('"') for cell in re.split(separator, first)]
    has_header = not all(_is_number(cell) for cell in cells if cell)
    names = _axis_names(cells) if has_header else [*"xyz", *(f"column_{i + 1}" for i in range(3, len(cells)))]
    if len(cells) < 3:
        raise FileFormatError(
            f"row {skip + 1} has {len(cells)} columns: {first[:60]!r}", where=path, expected="at least x, y and z"
        )
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            skiprows=skip + has_header,
            header=None,
            names=names,
            index_col=False,
            comment="#",
            skipinitialspace=True,
            encoding="utf-8-sig",
            encoding_errors="replace",
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(
            f"the table cannot be read ({error})", where=path, expected="rows with the same number of columns"
        ) from error
    columns = {}
    for name in names:
        values = pd.to_numeric(table[name], errors="coerce") if name in "xyz" else table[name]
        broken = values.isna() & table[name].notna()
        if name in "xyz" and broken.any():
            row = int(np.flatnonzero(broken)[0])
            raise FileFormatError(
                f"{str(table[name].iloc[row])[:40]!r} in column {name} is no number",
                where=f"{path}, row {row + 1 + skip + has_header}",
                expected="numbers",
            )
        columns[name] = values.to_numpy()
    if not has_header:
        warnings.warn(
            f"{path.name}: no header; the first three columns are read as easting, northing and height",
            UnverifiedInputWarning,
            stacklevel=6,
        )
    return columns


def _axis_names(cells: list[str]) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for cell in cells:
        bare = re.sub(r"[\[(].*", "", cell.lower()).strip().strip("/_ ")
        axis = next((a for a, words in zip("xyz", AXES, strict=True) if bare in words and a not in taken), None)
        name = axis or cell or f"column_{len(names) + 1}"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return names


def _header(file: Any, path: Path, last: bytes, what: str) -> list[list[str]]:
    lines = []
    for _ in range(HEADER_LINES):
        line = file.readline(4096)
        if not line:
            break
        lines.append(line.decode("ascii", errors="replace").split())
        if line.startswith(last):
            return lines
    raise FileFormatError(f"the header has no line {last.decode()!r}", where=path, expected=what)


def _ascii_rows(file: Any, path: Path, names: list[str], count: int) -> Columns:
    try:
        table = pd.read_csv(
            file, sep=r"\s+", header=None, names=names, nrows=count, index_col=False, na_values=["nan", "-nan"]
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(f"its points cannot be read ({error})", where=path, expected=f"{count} rows") from error
    _check_count(path, len(table), count, None)
    if count and table.iloc[-1].isna().any() and len(_last_line(path).split()) < len(names):
        _check_count(path, count - 1, count, None)
    try:
        return {name: table[name].to_numpy(dtype=np.float64) for name in names}
    except ValueError as error:
        raise FileFormatError(f"a value is no number ({error})", where=path, expected="numbers") from error


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4096, 0))
        lines = file.read().decode("ascii", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _binary_rows(file: Any, path: Path, dtype: np.dtype[Any], count: int) -> Columns:
    start, size = file.tell(), path.stat().st_size
    _check_count(path, (size - start) // dtype.itemsize, count, size)
    rows = np.frombuffer(file.read(count * dtype.itemsize), dtype=dtype, count=count)
    return {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}


def _check_count(path: Path, found: int, count: int, size: int | None) -> None:
    if found < count:
        raise FileFormatError(
            f"the file breaks off: its header counts {count} points, {found} can be read",
            where=path if size is None else f"{path}, byte {size}",
            expected=f"{count} points",
            remedy="Copy or export the file again; what it holds so far is not used",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
