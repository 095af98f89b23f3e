"""Text tables of points: XYZ, CSV, TXT, ASC and PTS, whatever separates the values."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sxrisk.errors import FileFormatError
from sxrisk.scans.files.common import PlainFile, broken_off, check_axes, piece_of
from sxrisk.scans.files.layout import COLOURS, TextLayout, find_layout
from sxrisk.scans.source import Piece, known_attributes

__all__ = ["TextSource"]

# How programs write that there is no value: such a row is a non-return, not a broken file.
NO_VALUE = frozenset({"", "nan", "-nan", "inf", "-inf", "+inf", "1.#qnan", "-1.#ind", "-1.#qnan", "null", "none"})


class TextSource(PlainFile):
    """The rows of a text table as points, read by blocks.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileFormatError
        If its first rows are no coordinates.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.layout: TextLayout = find_layout(path)
        check_axes(path, self.layout.names)
        self.take_remarks(self.layout.remarks)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Columns beside x, y and z."""
        return tuple(name for name in self.layout.names if name not in ("x", "y", "z"))

    def pieces(
        self, size: int, *, box: Sequence[float] | None = None, attributes: Sequence[str] | None = None
    ) -> Iterator[Piece]:
        """The points in file order; `box` is not looked at."""
        names = known_attributes(self.attribute_names, attributes)
        layout, done = self.layout, 0
        wanted = {"x", "y", "z", *names}
        if layout.count is not None and len(layout.names) > 3:
            wanted.add(layout.names[3])  # shows which rows are the count of a further scan
        try:
            with pd.read_csv(
                self.path,
                sep=layout.separator,
                decimal=layout.decimal,
                skiprows=layout.skip,
                header=None,
                names=list(layout.names),
                usecols=[name for name in layout.names if name in wanted],
                index_col=False,
                comment="#" if layout.hashes else None,
                skipinitialspace=True,
                encoding=layout.encoding,
                encoding_errors="replace",
                chunksize=size,
                dtype={name: "str" for name in layout.words if name in wanted},
                low_memory=False,
            ) as blocks:
                for block in blocks:
                    first = int(block.index[0]) if len(block) else 0
                    table = block[~_count_rows(block)] if layout.count is not None else block
                    columns = {name: self._column(table[name], name, first) for name in ("x", "y", "z", *names)}
                    done += len(table)
                    yield piece_of(columns, names)
        except (ValueError, OverflowError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(
                f"the table cannot be read ({str(error)[:200]})",
                where=self.path,
                expected="rows with the same number of columns",
            ) from error
        if layout.count is not None and done < layout.count:
            raise broken_off(self.path, done, layout.count)

    def _column(self, values: Any, name: str, first: int) -> npt.NDArray[Any]:
        if name in self.layout.words:
            return values.fillna("").to_numpy(dtype=object)
        if values.dtype.kind in "iuf":
            numbers, broken = values, values.isna() & False
        else:
            text = values.astype("str").str.strip()
            numbers = pd.to_numeric(text.str.replace(self.layout.decimal, ".", regex=False), errors="coerce")
            broken = numbers.isna() & values.notna() & ~text.str.lower().isin(NO_VALUE)
        whole = self.layout.eight_bit if name in COLOURS else False
        if not broken.any() and whole:
            broken = ~numbers.between(0, 255)
        if broken.any():
            at = int(np.flatnonzero(broken)[0])
            raise FileFormatError(
                f"{str(values.iloc[at])[:40]!r} in column {name} is no {'colour' if whole else 'number'}",
                where=f"{self.path}, row {int(values.index[at]) + 1 + self.layout.skip}",
                expected="0 to 255" if whole else "numbers",
            )
        return numbers.to_numpy(dtype=np.uint8 if whole else np.float64)


def _count_rows(block: pd.DataFrame) -> Any:
    """Rows of a PTS file that hold only the number of points of its next scan."""
    return block["y"].isna() & block["z"].isna() & block["x"].notna()
