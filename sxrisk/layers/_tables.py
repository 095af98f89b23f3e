"""Tables: CSV in whatever encoding and separator an office used, and simple XLSX sheets."""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, unique_headers, wrap_read_errors
from sxrisk.layers.kinds import header_key, split_unit
from sxrisk.layers.report import Issue

__all__ = ["decode_text", "read_csv", "read_xlsx"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_SEPARATORS = (",", "\t", ";", "|", "，")
_HEADER_SEARCH = 10
# A field with more line breaks than this is a swallowed rest of the file, not an address.
_MAX_BREAKS = 50
_XLSX_LIMIT_BYTES = 2 * 1024**3
_SNIFF_LINES = 20


def decode_text(data: bytes, path: Path, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file and the name of its encoding: as declared, by BOM, UTF-16 by its zeros, UTF-8, else GB18030.

    Raises
    ------
    FileFormatError
        If the bytes are no text, or not in the declared encoding; names the byte.
    """
    if encoding is not None:
        try:
            return data.decode(encoding), encoding
        except LookupError as error:
            raise FileFormatError(
                f"{encoding!r} is no known encoding", where=path, expected="e.g. utf-8, gb18030, utf-16"
            ) from error
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"byte {error.start} is not {encoding}", where=path, remedy="Leave the encoding out to have it detected"
            ) from error
    guess = next((name for bom, name in _BOMS if data.startswith(bom)), None) or _utf16_by_zeros(data)
    candidates = (guess,) if guess else ("utf-8", "gb18030")
    failure: UnicodeDecodeError | None = None
    for candidate in candidates:
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError as error:
            # The first encoding's byte is the useful one: GB18030 fails early on anything.
            failure = failure or error
            continue
        if "\x00" in text:
            break
        return text, "utf-8" if candidate == "utf-8-sig" else candidate
    at = f" (byte {failure.start})" if failure else " (it holds NUL bytes)"
    raise FileFormatError(
        f"the file is no text that can be decoded{at}",
        where=path,
        expected="UTF-8, GB18030 (GBK) or UTF-16 text",
        remedy="Give its encoding, or save it again as CSV UTF-8",
    )


def _utf16_by_zeros(data: bytes) -> str | None:
    head = np.frombuffer(data[:2000], dtype=np.uint8)
    if len(head) < 4 or not (head == 0).any():
        return None
    even, odd = float((head[0::2] == 0).mean()), float((head[1::2] == 0).mean())
    if odd > 0.3 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 and odd < 0.05 else None


def read_csv(path: Path, *, encoding: str | None, known: frozenset[str]) -> Source:
    """Rows of a delimited text file; every value is text.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str or None
        None to detect it.
    known : frozenset of str
        Keys of headers that mean something, by which a header below title lines is found.

    Raises
    ------
    FileFormatError
        If it is no text, or no table.
    """
    text, found = decode_text(path.read_bytes(), path, encoding)
    if not text.strip():
        raise InputError("the table is empty", where=path, expected="a header and at least one row")
    separator = _sniff_separator(text)
    top, offsets = _top_records(text, separator)
    filled = [at for at, record in enumerate(top) if any(map(str.strip, record))]
    if not filled:
        raise InputError("the table is empty", where=path, expected="a header and at least one row")
    header_at = _header_position(top, filled, known)
    header = _trim(top[header_at])
    table, rows, broken = _split_body(
        text[offsets[header_at] :], separator, unique_headers(header), header_at + 1, path
    )
    source = Source(table, rows, broken=broken, encoding=found, separator=separator)
    if encoding is None and found == "gb18030":
        source.issues.append(Issue("encoding_guessed", "not UTF-8, read as GB18030 (GBK)"))
    if header_at > 0:
        source.issues.append(Issue("header_below_title", f"the header was found in row {header_at + 1}"))
    return source


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
            if found >= _HEADER_SEARCH:
                break
    except csv.Error:
        # A monstrous field: the records before it are enough for the header, or the body's reader names it.
        if not found:
            first = text.lstrip().splitlines()[0]
            return [first.split(separator)], [text.index(first) + len(first) + 1]
    return records, ends


def _trim(header: Sequence[str]) -> list[str]:
    trimmed = list(header)
    while trimmed and not trimmed[-1].strip():
        trimmed.pop()
    return trimmed


def _split_body(
    body: str, separator: str, names: list[str], above: int, path: Path
) -> tuple[pd.DataFrame, NDArray[np.int64], dict[int, tuple[str, str]]]:
    """Rows below the header as text, their numbers, and those with too many fields; blank rows are none."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if not body.strip():
        raise InputError("the table has a header but no rows", where=path, expected="at least one row")
    odd: list[tuple[int, str]] = []

    def keep_odd(row: Any) -> str:
        odd.append((row.number, row.text))
        return "skip"

    data = body.encode()
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
    numbers = np.setdiff1d(np.arange(1, len(table) + len(odd) + 1), odd_numbers, assume_unique=True)
    broken_numbers: dict[int, tuple[str, str]] = {}
    if odd:
        extra, broken_numbers = _odd_rows(odd, separator, len(names))
        table = pd.concat([table, pd.DataFrame(extra, columns=table.columns, dtype="str")], ignore_index=True)
        numbers = np.concatenate([numbers, odd_numbers])
        order = np.argsort(numbers, kind="stable")
        table, numbers = table.iloc[order].reset_index(drop=True), numbers[order]
    table.columns = pd.Index(names)
    _check_quotes(body, table, numbers + above, path)
    blank = _blank_rows(table)
    if blank.any():
        table, numbers = table.loc[~blank].reset_index(drop=True), numbers[~blank]
    if not len(table):
        raise InputError("the table has a header but no rows", where=path, expected="at least one row")
    position = {int(number): at for at, number in enumerate(numbers)} if broken_numbers else {}
    broken = {position[number]: why for number, why in broken_numbers.items() if number in position}
    return table, numbers + above, broken


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
    lines = [line for line in text[:200_000].splitlines()[: _SNIFF_LINES * 2] if line.strip()][:_SNIFF_LINES]

    def score(separator: str) -> tuple[float, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        most = max(set(counts), key=counts.count) if counts else 1
        return (counts.count(most) / len(counts) if most > 1 else 0.0), most

    try:
        return max(_SEPARATORS, key=score)
    except csv.Error:
        return ","


def _from_cells(records: Sequence[Sequence[str]], path: Path, known: frozenset[str]) -> Source:
    """Rows of a sheet, whose cells are split already."""
    filled = [at for at, record in enumerate(records) if any(map(str.strip, record))]
    header_at = _header_position(records, filled, known)
    header = _trim(records[header_at])
    body = [at for at in filled if at > header_at]
    if not body:
        raise InputError("the table has a header but no rows", where=path, expected="at least one row")
    width = len(header)
    broken: dict[int, tuple[str, str]] = {}
    for position, at in enumerate(body):
        if any(map(str.strip, records[at][width:])):
            broken[position] = ("wrong_number_of_fields", f"cells beyond the header's {width} columns")
    cells = [[*records[at][:width], *[""] * (width - len(records[at]))] for at in body]
    table = pd.DataFrame(cells, columns=pd.Index(unique_headers(header)), dtype="str")
    source = Source(table, np.asarray(body, dtype=np.int64) + 1, broken=broken)
    if header_at > 0:
        source.issues.append(Issue("header_below_title", f"the header was found in row {header_at + 1}"))
    return source


def _header_position(records: Sequence[Sequence[str]], filled: Sequence[int], known: frozenset[str]) -> int:
    """The first of the top rows with two headers that are known, else the first row that is not blank."""
    for position in filled[:_HEADER_SEARCH]:
        keys = {header_key(split_unit(field)[0]) for field in records[position] if field.strip()}
        if len(keys & known) >= 2:
            return position
    return filled[0]


def read_xlsx(path: Path, *, sheet: str | None, known: frozenset[str]) -> Source:
    """Rows of one sheet of an Excel workbook; every value as text, formulas by their stored result.

    Raises
    ------
    FileFormatError
        If it is no workbook or lacks the sheet.
    """
    import openpyxl

    expected = "an Excel workbook (.xlsx)"
    errors = (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, AttributeError, SyntaxError, EOFError)
    with wrap_read_errors(path, expected, *errors):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _XLSX_LIMIT_BYTES:
                raise FileFormatError("the workbook unpacks to more than 2 GB", where=path, remedy="Save it as CSV")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            if sheet is not None and sheet not in book.sheetnames:
                raise FileFormatError(
                    f"the workbook has no sheet {sheet!r}", where=path, expected=f"one of {', '.join(book.sheetnames)}"
                )
            names = [sheet] if sheet is not None else book.sheetnames
            sheets = {}
            for name in names:
                worksheet = book[name]
                # A stored range that lies ("A1") would hide the rows below it.
                worksheet.reset_dimensions()
                sheets[name] = [[_cell_text(cell) for cell in row] for row in worksheet.iter_rows(values_only=True)]
        finally:
            book.close()
    filled = {name: records for name, records in sheets.items() if any(any(f.strip() for f in r) for r in records)}
    if not filled:
        raise InputError("the workbook is empty", where=path, expected="a header and at least one row")
    chosen = next(iter(filled))
    source = _from_cells(filled[chosen], path, known)
    if len(filled) > 1:
        others = ", ".join(name for name in filled if name != chosen)
        source.issues.append(Issue("other_sheets", f"sheet {chosen!r} was read; not read: {others}"))
    return source


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)
