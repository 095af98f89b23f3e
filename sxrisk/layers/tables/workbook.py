"""Excel workbooks as offices fill them in: titles, joined headers, merged cells, several sheets, notes at the foot."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
import pandas as pd

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, check_width, unique_headers, wrap_read_errors
from sxrisk.layers.kinds import KINDS, header_key, kind, split_unit
from sxrisk.layers.report import Issue
from sxrisk.layers.tables.delimited import header_issues
from sxrisk.layers.tables.header_rows import HEADER_SEARCH, Header, find_header
from sxrisk.layers.tables.notes import note_rows
from sxrisk.layers.tables.sheet_scan import SheetFacts, scan_sheets

__all__ = ["Sheet", "read_sheets", "read_xlsx"]

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP_MAGIC = b"PK"
_HEADER_ROWS = HEADER_SEARCH + 8
_SHEET_COLUMN = "sheet"


@dataclass
class Sheet:
    """One sheet that holds something: its cells as text, row by row, and what the file says beside them."""

    name: str
    records: list[list[str]]
    facts: SheetFacts
    is_hidden: bool


@dataclass
class _Table:
    sheet: Sheet
    header: Header
    source: Source
    known: frozenset[str]


def read_xlsx(path: Path, *, sheet: str | None, known: frozenset[str], days: bool = False) -> Source:
    """Rows of a workbook; every value as text, formulas by their stored result.

    Sheets with the same header as the first usable one are taken together; the column ``sheet`` then says where a row
    stands. The others are named in an issue, also a copy of a sheet that was read.

    Parameters
    ----------
    path : Path
        The file.
    sheet : str or None
        Only this sheet, hidden or not.
    known : frozenset of str
        Keys of headers that mean something.
    days : bool
        Headers that are days count as known.

    Raises
    ------
    FileFormatError
        If it is no workbook, damaged, made to fill the memory, or lacks the sheet.
    InputError
        If it holds no table.
    """
    sheets = read_sheets(path, sheet)
    if not sheets:
        raise InputError("the workbook is empty", where=path, expected="a header and at least one row")
    seen = [entry for entry in sheets if sheet is not None or not entry.is_hidden]
    unread = {entry.name: "hidden" for entry in sheets if entry not in seen}
    tables: list[_Table] = []
    failure: InputError | None = None
    for entry in seen:
        try:
            tables.append(_table(entry, known, days, path))
        except InputError as error:
            failure = failure or error
            unread[entry.name] = error.problem.what
    if not tables:
        raise failure or InputError("all sheets are hidden", where=path, remedy="Name the sheet with layer =")
    first = next((table for table in tables if table.header.is_usable()), tables[0])
    taken = [first]
    for table in tables:
        if table is first:
            continue
        copy = next((other for other in taken if _same_rows(table.source, other.source)), None)
        if copy is not None:
            unread[table.sheet.name] = f"a copy of {copy.sheet.name!r}"
        elif table.header.is_usable() and table.known == first.known:
            taken.append(table)
        else:
            unread[table.sheet.name] = "another header"
    source = _joined(taken)
    if unread:
        told = "; ".join(f"{name} ({why})" for name, why in unread.items())
        read = ", ".join(repr(table.sheet.name) for table in taken)
        source.issues.append(
            Issue("other_sheets", f"read: {read}; not read: {told}; name one with layer =", len(unread))
        )
    return source


def read_sheets(path: Path, sheet: str | None = None) -> list[Sheet]:
    """The worksheets of a workbook that hold something, or the one that is named.

    Raises
    ------
    FileFormatError
        If it is no workbook, damaged, made to fill the memory, or lacks the sheet.
    """
    import openpyxl

    from sxrisk.layers.vectors.archives import Archive

    with path.open("rb") as stream:
        magic = stream.read(len(_OLE_MAGIC))
    if magic == _OLE_MAGIC:
        raise FileFormatError(
            "this is an old workbook (.xls) or one with a password", where=path, expected="an Excel workbook (.xlsx)",
            remedy="Save it as .xlsx without a password",
        )  # fmt: skip
    if not magic.startswith(_ZIP_MAGIC):
        raise FileFormatError(
            "the content is no workbook, perhaps a web page or text under this name", where=path,
            expected="an Excel workbook (.xlsx)", remedy="Open it in Excel and save it as .xlsx",
        )  # fmt: skip
    errors = (
        zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, AttributeError, SyntaxError, EOFError, ExpatError,
        NotImplementedError, IndexError, OverflowError, RuntimeError, MemoryError, zlib.error,
    )  # fmt: skip
    with wrap_read_errors(path, "an Excel workbook (.xlsx)", *errors):
        try:
            with Archive(path):
                facts = scan_sheets(path)
        except FileFormatError as error:
            problem = error.problem
            raise FileFormatError(
                problem.what.replace("the archive", "the workbook"),
                where=path,
                expected=problem.expected if "sheet" in problem.what else "an Excel workbook (.xlsx)",
                remedy=problem.remedy,
            ) from error
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            listed = {worksheet.title: worksheet for worksheet in book.worksheets}
            if sheet is not None and sheet not in listed:
                raise FileFormatError(
                    f"the workbook has no sheet {sheet!r}", where=path, expected=f"one of {', '.join(listed)}"
                )
            sheets = []
            for name, worksheet in listed.items():
                if sheet is None or name == sheet:
                    # A stored range that lies ("A1") would hide the rows below it.
                    worksheet.reset_dimensions()
                    records = [_record(row) for row in worksheet.iter_rows(values_only=True)]
                    hidden = worksheet.sheet_state != "visible"
                    sheets.append(Sheet(name, records, facts.get(name, SheetFacts()), hidden))
        finally:
            book.close()
    return [entry for entry in sheets if any(entry.records) or entry.facts.unvalued]


def _record(row: Sequence[Any]) -> list[str]:
    cells = [_cell_text(value) for value in row]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value).replace("\x00", "")


def _table(sheet: Sheet, known: frozenset[str], days: bool, path: Path) -> _Table:
    """Rows of one sheet below its header."""
    records = sheet.records
    top = _with_merged_headers(records[:_HEADER_ROWS], sheet.facts)
    if not any(top):
        raise InputError("the table is empty", where=path, expected="a header and at least one row")
    header = find_header(top, known, days=days)
    check_width(len(header.names), path, f"sheet {sheet.name!r}: ")
    names = unique_headers(header.names)
    width = len(names)
    body = [at for at in range(header.last + 1, len(records)) if records[at] or at + 1 in sheet.facts.unvalued]
    if not body:
        raise InputError("the table has a header but no rows", where=path, expected="at least one row")
    rows = np.asarray(body, dtype=np.int64) + 1
    position = {int(row): at for at, row in enumerate(rows)}
    cells = [[*records[at][:width], *[""] * (width - len(records[at]))] for at in body]
    broken: dict[int, tuple[str, str]] = {}
    for row, cell in sheet.facts.unvalued.items():
        if row in position:
            broken[position[row]] = (
                "formula_without_value", f"{cell} has no stored result; open the file in Excel and save it"
            )  # fmt: skip
    for at, source_at in enumerate(body):
        if any(map(str.strip, records[source_at][width:])):
            broken.setdefault(at, ("wrong_number_of_fields", f"cells beyond the header's {width} columns"))
    issues = header_issues(header)
    issues += _fill_merged(cells, position, names, sheet.facts, broken)
    table = pd.DataFrame(cells, columns=pd.Index(names), dtype="str")
    for at, why in note_rows(table, header.names).items():
        broken.setdefault(at, why)
    if sheet.facts.hidden:
        issues.append(
            Issue("hidden_rows", f"rows that Excel hides were read, sheet {sheet.name!r}", sheet.facts.hidden)
        )
    meant = frozenset(header_key(split_unit(name)[0]) for name in header.names if name) & known
    return _Table(sheet, header, Source(table, rows, broken=broken, issues=issues), meant)


def _with_merged_headers(top: Sequence[Sequence[str]], facts: SheetFacts) -> list[list[str]]:
    """The top rows with the text of a merged cell in every cell that it covers."""
    width = max((len(record) for record in top), default=0)
    filled = [[*record, *[""] * (width - len(record))] for record in top]
    for first_row, first_column, last_row, last_column in facts.merged:
        if first_row > len(filled) or first_column > width:
            continue
        text = filled[first_row - 1][first_column - 1]
        for row in range(first_row - 1, min(last_row, len(filled))):
            for column in range(first_column - 1, min(last_column, width)):
                filled[row][column] = text
    return filled


@lru_cache(maxsize=1)
def _quantities() -> frozenset[str]:
    """Keys of headers whose numbers belong to one feature and are not shared by several rows."""
    attributes = (attribute for name in KINDS for attribute in kind(name).attributes)
    return frozenset(header_key(word) for entry in attributes if entry.type == "number" for word in entry.synonyms)


def _fill_merged(
    cells: list[list[str]], position: dict[int, int], names: Sequence[str], facts: SheetFacts,
    broken: dict[int, tuple[str, str]],
) -> list[Issue]:  # fmt: skip
    """Write a label that is merged over rows into each of them; a quantity belongs to the rows together and is not."""
    labels: dict[int, int] = {}
    quantities: dict[int, list[int]] = {}
    width = len(names)
    for first_row, first_column, last_row, last_column in facts.merged:
        at = position.get(first_row)
        if at is None or first_column > width:
            continue
        text = cells[at][first_column - 1].strip()
        if first_row == last_row:
            if text and last_column - first_column + 1 >= max(3, width // 2) and sum(map(bool, cells[at])) == 1:
                broken.setdefault(at, ("group_title_row", text[:80]))
            continue
        below = [
            position[row] for row in range(first_row + 1, min(last_row, first_row + len(cells)) + 1) if row in position
        ]
        if not text or not below:
            continue
        if header_key(split_unit(names[first_column - 1])[0]) in _quantities():
            quantities.setdefault(first_column - 1, []).append(first_row)
            continue
        for row in below:
            cells[row][first_column - 1] = text
        labels[first_column - 1] = labels.get(first_column - 1, 0) + len(below)
    issues = [
        Issue("merged_cells_filled", f"{names[column]!r} is merged over rows: each got its text", count)
        for column, count in labels.items()
    ]
    issues += [
        Issue.of_rows(
            "merged_quantity", f"{names[column]!r} is merged over rows: only the first has its number", np.asarray(rows)
        )
        for column, rows in quantities.items()
    ]
    return issues


def _same_rows(one: Source, other: Source) -> bool:
    return one.table.shape == other.table.shape and one.table.equals(other.table)


def _joined(tables: Sequence[_Table]) -> Source:
    """One source of one or several sheets; of several, the issues tell which sheet they are of."""
    if len(tables) == 1:
        return tables[0].source
    parts = []
    broken: dict[int, tuple[str, str]] = {}
    issues: list[Issue] = []
    count = 0
    first = tables[0].source.table
    for table in tables:
        source = table.source
        keys = {header_key(name): name for name in first.columns}
        # The same header may be spelt differently: 经度 and 经 度.
        renamed = source.table.rename(columns={name: keys.get(header_key(name), name) for name in source.table})
        parts.append(renamed.assign(**{_SHEET_COLUMN: table.sheet.name}))
        broken |= {at + count: why for at, why in source.broken.items()}
        issues += [
            Issue(issue.code, f"sheet {table.sheet.name!r}: {issue.detail}", issue.count, issue.rows, issue.column)
            for issue in source.issues
        ]
        count += len(renamed)
    joined = pd.concat(parts, ignore_index=True).fillna("")
    rows = np.concatenate([table.source.rows for table in tables])
    told = ", ".join(f"{table.sheet.name} ({len(table.source.table)} rows)" for table in tables)
    issues.append(Issue("sheets_joined", f"sheets with the same header were taken together: {told}", count))
    return Source(joined, rows, broken=broken, issues=issues)
