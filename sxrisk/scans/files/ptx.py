"""PTX files of Leica scanners: stations one after another, each with its pose and a grid of returns."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile
from sxrisk.scans.files.rows import number_lines
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["PtxSource", "PtxStation", "read_station"]

Floats = npt.NDArray[np.float64]

HEADER = 10
MOST_CELLS = 10**9
BLOCK = 1 << 22
COLOURS = ("red", "green", "blue")


class PtxStation(NamedTuple):
    """One station of a PTX file.

    Attributes
    ----------
    columns, rows : int
        Of its grid; a line each.
    place : ndarray, shape (3,)
        Where the scanner stood, in the coordinates of the merged cloud.
    matrix : ndarray, shape (4, 4)
        From the scanner's coordinates to those of the merged cloud, for row vectors: the shift is the last row.
    """

    columns: int
    rows: int
    place: Floats
    matrix: Floats


class PtxSource(PlainFile):
    """All stations of a PTX file as points in the coordinates of the merged cloud.

    Returns at (0, 0, 0) in the scanner's own coordinates are non-returns: their rows have no coordinates.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If a header is not that of a PTX station, or points end before the grid is full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        places, layouts, cells = [], set(), 0
        # One pass over the line ends: only the headers say where the next station begins.
        with path.open("rb") as file:
            while (station := read_station(file, path)) is not None:
                places.append(station.place)
                count = station.columns * station.rows
                if count:
                    here = file.tell()
                    layouts.add(len(file.readline(4096).split()))
                    file.seek(here)
                    _skip_lines(file, count)
                cells += count
        if not places:
            raise FileFormatError("the file holds no station", where=path, expected="a PTX file")
        if not layouts <= {3, 4, 6, 7}:
            raise FileFormatError(
                f"rows of {sorted(layouts)} numbers", where=path, expected="x y z, intensity, and red green blue"
            )
        width = min(layouts, default=4)
        self._coloured, self._intense = width >= 6, width in (4, 7)
        self.stations = np.array(places)
        self.n_points: int = cells

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Intensity and colours where every station has them, and who saw the point."""
        return (
            *(("intensity",) if self._intense else ()),
            *(COLOURS if self._coloured else ()),
            "station_index",
        )

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        with self.path.open("r", encoding="ascii", errors="replace") as file:
            index = done = 0
            while (station := read_station(file, self.path)) is not None:
                left = station.columns * station.rows
                while left:
                    values = number_lines(file, self.path, min(left, size), done)
                    left, done = left - len(values), done + len(values)
                    yield self._piece(values, station, index, names)
                index += 1

    def _piece(self, values: Floats, station: PtxStation, index: int, names: Sequence[str]) -> Piece:
        if values.shape[1] not in (3, 4, 6, 7):
            raise FileFormatError(
                f"rows of {values.shape[1]} numbers", where=self.path, expected="x y z, intensity, and red green blue"
            )
        own = values[:, :3]
        xyz = own @ station.matrix[:3, :3] + station.matrix[3, :3]
        xyz[~own.any(axis=1)] = np.nan
        columns: dict[str, Any] = {}
        for name in names:
            if name == "station_index":
                columns[name] = np.full(len(values), index, dtype=np.int32)
            elif name == "intensity":
                columns[name] = values[:, 3].copy()
            else:
                colour = values[:, values.shape[1] - 3 + COLOURS.index(name)]
                if not ((colour >= 0) & (colour <= 255)).all():
                    raise FileFormatError(f"a {name} is not a colour", where=self.path, expected="0 to 255")
                columns[name] = colour.astype(np.uint8)
        return Piece(xyz, columns)


def read_station(file: Any, path: Path) -> PtxStation | None:
    """The next station's header from an open PTX file, None at its end.

    Raises
    ------
    FileFormatError
        If the ten lines are not those of a station.
    """
    read = [file.readline(4096) for _ in range(HEADER)]
    lines = [line.decode("ascii", "replace") if isinstance(line, bytes) else line for line in read]
    if not "".join(lines).strip():
        return None
    try:
        columns, rows = int(lines[0]), int(lines[1])
        numbers = [np.array(line.split(), dtype=np.float64) for line in lines[2:]]
    except ValueError as error:
        raise _no_station(path, str(error)) from error
    if [len(n) for n in numbers] != [3, 3, 3, 3, 4, 4, 4, 4]:
        raise _no_station(path, "lines of other lengths")
    matrix = np.array(numbers[4:])
    if not (columns >= 0 and rows >= 0 and columns * rows <= MOST_CELLS and np.isfinite(matrix).all()):
        raise _no_station(path, f"a grid of {columns} x {rows}")
    if abs(abs(np.linalg.det(matrix[:3, :3])) - 1.0) > 0.01 or not np.allclose(matrix[:, 3], [0, 0, 0, 1]):
        raise _no_station(path, "a matrix that is no rotation and shift")
    return PtxStation(columns, rows, matrix[3, :3].copy(), matrix)


def _skip_lines(file: Any, count: int) -> None:
    while count and (block := file.read(BLOCK)):
        ends = block.count(b"\n")
        if ends >= count:
            at = int(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))[count - 1])
            file.seek(at + 1 - len(block), 1)
            return
        count -= ends


def _no_station(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"a station's header cannot be read ({why})",
        where=path,
        expected="columns, rows, position, three axes and a matrix of four rows",
    )
