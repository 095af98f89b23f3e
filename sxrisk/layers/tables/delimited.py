"""Delimited text: CSV in whatever encoding and separator an office used, read in pieces."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, check_width, unique_headers
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.header_rows import HEADER_SEARCH, Header, find_header
from sxrisk.layers.tables.notes import note_rows
from sxrisk.layers.tables.text import open_text

__all__ = ["header_issues", "read_csv"]

_SEPARATORS = (",", "\t", ";", "|", "，")
# A field with more line breaks than this is a swallowed rest of the file, not an address.
_MAX_BREAKS = 50
_SNIFF_LINES = 20
_HEAD_CHARACTERS = 200_000
# Text is split into fields so many characters at a time: what this needs is not held for the whole file.
_PIECE_CHARACTERS = 32_000_000
# A quote inside a field that is not quoted (5" pipe): line breaks cannot be told from those inside fields by counting.
_STRAY_QUOTE = re.compile(r'(?<![\r\n\t,;|，"])"(?![\r\n\t,;|，"])')
_NO_ROWS = "the table has a header but no rows"


@dataclass
class _Piece:
    table: pd.DataFrame
    numbers: NDArray[np.int64]
    records: int
    broken: dict[int, tuple[str, str]]


def read_csv(path: Path, *, encoding: str | None, known: frozenset[str], days: bool = False) -> Source:
    """Rows of a delimited text file; every value is text.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str or None
        None to detect it.
    known : frozenset of str
        Keys of headers that mean something, by which a header below title lines is found.
    days : bool
        Headers that are days count as known.

    Raises
    ------
    FileFormatError
        If it is no text, or no table.
    InputError
        If the table is empty.
    """
    text = open_text(path, encoding)
    pieces = _whole_records(text.blocks(), _PIECE_CHARACTERS)
    head = next(pieces, "")
    if not head.strip():
        # A first piece of blank lines cannot be that long, unless it is no table at all.
        raise InputError("the table is empty", where=path, expected="a header and at least one row")
    separator = _sniff_separator(head)
    top, ends = _top_records(head, separator)
    if not any(any(map(str.strip, record)) for record in top):
        raise InputError("the table is empty", where=path, expected="a header and at least one row")
    header = find_header(top, known, days=days)
    check_width(len(header.names), path)
    names = unique_headers(header.names)
    table, rows, broken = _split_body(
        _chain(head[ends[header.last] :], pieces), separator, names, header.last + 1, path
    )
    for at, why in note_rows(table, header.names).items():
        broken.setdefault(at, why)
    source = Source(table, rows, broken=broken, encoding=text.encoding, separator=separator)
    if encoding is None and text.encoding == "gb18030":
        source.issues.append(Issue("encoding_guessed", "not UTF-8, read as GB18030 (GBK)"))
    source.issues += header_issues(header)
    return source


def header_issues(header: Header) -> list[Issue]:
    """What a person should know of where the header stands."""
    issues = []
    if header.first > 0:
        issues.append(Issue("header_below_title", f"the header was found in row {header.first + 1}"))
    if header.last > header.first:
        shown = ", ".join(name for name in header.names if name)[:300]
        issues.append(
            Issue("header_rows_joined", f"rows {header.first + 1} to {header.last + 1} are one header: {shown}")
        )
    return issues


def _chain(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _whole_records(blocks: Iterable[str], least: int) -> Iterator[str]:
    """Pieces of a text that end with a record, each of at least so many characters, but the last."""
    waiting: list[str] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        if length < least:
            continue
        piece = "".join(waiting)
        cut = _end_of_record(piece)
        if cut:
            yield piece[:cut]
        waiting = [piece[cut:]]
        # A piece that cannot be cut is not tried again before it has doubled.
        length = len(piece) - cut if cut else -len(piece)
    rest = "".join(waiting)
    if rest:
        yield rest


def _end_of_record(piece: str) -> int:
    """Position behind the last line break that stands in no quotes, 0 if that cannot be known."""
    cut = piece.rfind("\n") + 1
    if '"' not in piece or not cut:
        return cut
    if _STRAY_QUOTE.search(piece):
        return 0
    quotes = piece.count('"', 0, cut)
    while cut:
        earlier = piece.rfind("\n", 0, cut - 1) + 1
        own = piece.count('"', earlier, cut)
        if not quotes % 2 and not own % 2:
            break
        quotes -= own
        cut = earlier
    return cut


def _top_records(text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    """Records at the head of a text, and where in the text each of them ends."""
    consumed = 0

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in io.StringIO(text, newline=""):
            consumed += len(line)
            yield line

    records: list[list[str]] = []
    ends: list[int] = []
    found = 0
    try:
        for record in csv.reader(lines(), delimiter=separator):
            records.append(record)
            ends.append(consumed)
            found += any(map(str.strip, record))
            # Two more than are searched, for a header of three rows may begin in the last of them.
            if found >= HEADER_SEARCH + 2:
                break
    except csv.Error:
        # A monstrous field: the records before it are enough for the header, or the body's reader names it.
        if not found:
            first = text.lstrip().splitlines()[0]
            return [first.split(separator)], [text.index(first) + len(first) + 1]
    return records, ends


def _split_body(
    pieces: Iterable[str], separator: str, names: list[str], above: int, path: Path
) -> tuple[pd.DataFrame, NDArray[np.int64], dict[int, tuple[str, str]]]:
    """Rows below the header as text, their numbers, and those with too many fields; blank rows are none."""
    parts: list[_Piece] = []
    position = 0
    broken: dict[int, tuple[str, str]] = {}
    for text in pieces:
        if not text.strip():
            above += text.count("\n")
            continue
        part = _split_piece(text, separator, names, above, path)
        above += part.records
        broken.update({at + position: why for at, why in part.broken.items()})
        position += len(part.table)
        parts.append(part)
    if not position:
        raise InputError(_NO_ROWS, where=path, expected="at least one row")
    table = parts[0].table if len(parts) == 1 else pd.concat([part.table for part in parts], ignore_index=True)
    return table, np.concatenate([part.numbers for part in parts]), broken


def _split_piece(text: str, separator: str, names: list[str], above: int, path: Path) -> _Piece:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    odd: list[tuple[int, str]] = []

    def keep_odd(row: Any) -> str:
        odd.append((row.number, row.text))
        return "skip"

    data = text.encode()
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            # One block, one thread: only so are rows numbered, and quoted line breaks never cut.
            read_options=arrow_csv.ReadOptions(
                column_names=[str(at) for at in range(len(names))], block_size=len(data) + 1, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=keep_odd
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={str(at): pa.string() for at in range(len(names))}, strings_can_be_null=False
            ),
        ).to_pandas()
    except pa.ArrowException as error:
        raise FileFormatError(f"the table cannot be split into fields: {error}", where=path) from error
    odd_numbers = np.asarray([number for number, _ in odd], dtype=np.int64)
    records = len(table) + len(odd)
    numbers = np.setdiff1d(np.arange(1, records + 1), odd_numbers, assume_unique=True)
    broken_numbers: dict[int, tuple[str, str]] = {}
    if odd:
        extra, broken_numbers = _odd_rows(odd, separator, len(names))
        table = pd.concat([table, pd.DataFrame(extra, columns=table.columns, dtype="str")], ignore_index=True)
        numbers = np.concatenate([numbers, odd_numbers])
        order = np.argsort(numbers, kind="stable")
        table, numbers = table.iloc[order].reset_index(drop=True), numbers[order]
    table.columns = pd.Index(names)
    _check_quotes(text, table, numbers + above, path)
    blank = _blank_rows(table)
    if blank.any():
        table, numbers = table.loc[~blank].reset_index(drop=True), numbers[~blank]
    position = {int(number): at for at, number in enumerate(numbers)} if broken_numbers else {}
    broken = {position[number]: why for number, why in broken_numbers.items() if number in position}
    return _Piece(table, numbers + above, records, broken)


def _odd_rows(
    odd: Sequence[tuple[int, str]], separator: str, width: int
) -> tuple[list[list[str]], dict[int, tuple[str, str]]]:
    """Rows of another length than the header: short ones are filled up, long ones broken unless the rest is blank."""
    filled: list[list[str]] = []
    broken: dict[int, tuple[str, str]] = {}
    for number, text in odd:
        try:
            record = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
        except csv.Error:
            record = [text]
        if any(map(str.strip, record[width:])):
            broken[number] = ("wrong_number_of_fields", f"{len(record)} fields, the header has {width}")
            # What is too much stays visible in the last field of the rejected row.
            record = [*record[: width - 1], separator.join(record[width - 1 :])]
        filled.append([*record[:width], *[""] * (width - len(record))])
    return filled, broken


def _check_quotes(body: str, table: pd.DataFrame, rows: NDArray[np.int64], path: Path) -> None:
    """Refuse a file of which a quote that is never closed swallowed rows."""
    if '"' not in body:
        return
    for column in table.columns:
        breaks = table[column].str.count("\n").to_numpy(dtype=np.int64)
        swallowed = np.flatnonzero(breaks > _MAX_BREAKS)
        if not swallowed.size and body.count('"') % 2:
            swallowed = np.flatnonzero(breaks[-1:] > 0) + len(table) - 1
        if swallowed.size:
            raise FileFormatError(
                f"a quote in row {rows[swallowed[0]]}, column {column!r}, is never closed",
                where=path,
                remedy='Close it, or write a quote inside a field as ""',
            )


def _blank_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    blank = (table.iloc[:, 0].str.strip() == "").to_numpy(dtype=bool, copy=True)
    suspects = np.flatnonzero(blank)
    if suspects.size:
        rest = table.iloc[suspects]
        filled = np.zeros(suspects.size, dtype=bool)
        for column in rest.columns[1:]:
            filled |= (rest[column].str.strip() != "").to_numpy(dtype=bool)
        blank[suspects] = ~filled
    return blank


def _sniff_separator(text: str) -> str:
    lines = [line for line in text[:_HEAD_CHARACTERS].splitlines()[: _SNIFF_LINES * 2] if line.strip()][:_SNIFF_LINES]

    def score(separator: str) -> tuple[float, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        most = max(set(counts), key=counts.count) if counts else 1
        return (counts.count(most) / len(counts) if most > 1 else 0.0), most

    try:
        return max(_SEPARATORS, key=score)
    except csv.Error:
        return ","
