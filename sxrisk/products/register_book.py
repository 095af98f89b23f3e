"""The rectification register as a workbook: read with every edit of its people, written without touching them."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sxrisk.errors import FileFormatError, OutputError
from sxrisk.products.atomic import replaced_whole
from sxrisk.products.register_sheets import (
    MEMORY,
    REGISTER_COLUMNS,
    cell_of,
    fill_guide,
    header_names,
    lay_out_register,
    put,
    restyle,
)
from sxrisk.products.text import Language, check_language, label

__all__ = ["BookRow", "RegisterBook", "RegisterEdits", "backup_of", "read_register_book", "write_register_book"]

_HEADER_ROWS = 10
_PARTS_SHOWN = 5
_DRAWING = re.compile(r"xl/drawings/drawing\d+\.xml$")
# Structure, texts, styles, the order of calculation, a printer's own settings, comments (under other names), previews.
_MADE_ANEW = re.compile(
    r"_rels/|^\[Content_Types\]|^docProps/|^customXml/|^xl/(?:workbook|styles|sharedStrings|calcChain|metadata)\.xml$"
    r"|^xl/(?:worksheets/sheet|theme/|printerSettings/|comments|persons/|threadedComments/)|vmlDrawing"
)
_MEMORY_HEAD = ("id", "memory")
CONFLICT_COLUMNS = ("finding_id", "line", "cell", "conflict", "in_book", "in_run", "remedy")


@dataclass(frozen=True)
class BookRow:
    """One row of the register sheet: its line, its id as it stands, its cells by column."""

    line: int
    finding_id: str
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class RegisterBook:
    """What a register workbook says.

    Attributes
    ----------
    path : Path
    language : {"zh", "en"}
        Of its headers.
    rows : tuple of BookRow
        In their order.
    memory : mapping of str to mapping
        By finding id, what the program wrote and read the last time; empty where its sheet was removed.
    missing : tuple of str
        Columns that somebody removed.
    conflicts : tuple of tuple of str
        What stands on the sheet of conflicts.
    digest : str
        SHA-256 of the file that was read.
    """

    path: Path
    language: Language
    rows: tuple[BookRow, ...] = ()
    memory: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    conflicts: tuple[tuple[str, ...], ...] = ()
    digest: str = ""

    @property
    def exists(self) -> bool:
        """Whether there is a file yet."""
        return bool(self.digest)


@dataclass(frozen=True)
class RegisterEdits:
    """What to change in a register.

    Attributes
    ----------
    cells : mapping of (line, column) to value
    rows : sequence of mapping
        To be added at the end, values by column.
    memory : mapping of str to mapping
        Takes the place of the old one.
    conflicts : sequence of sequence
        Rows of the sheet of conflicts, which is made anew.
    events : sequence of sequence
        Rows to add to the history.
    """

    cells: Mapping[tuple[int, str], Any]
    rows: Sequence[Mapping[str, Any]]
    memory: Mapping[str, Any]
    conflicts: Sequence[Sequence[Any]]
    events: Sequence[Sequence[Any]]


def backup_of(path: Path) -> Path:
    """Where the register is kept as it was before the last update."""
    return path.with_name(f"{path.stem}.backup{path.suffix}")


def read_register_book(path: str | Path, *, language: str = "zh") -> RegisterBook:
    """Read a register with all that people wrote in it.

    Parameters
    ----------
    path : str or Path
        An ``.xlsx``; where none stands, an empty register is given.
    language : {"zh", "en"}
        Of a register that is still to be made.

    Raises
    ------
    FileFormatError
        If the file is no workbook, or no register of sxrisk.
    ParameterError
        If the language is neither ``zh`` nor ``en``.
    """
    path = Path(path)
    if path.suffix.casefold() != ".xlsx":
        raise FileFormatError("a register is a workbook", where=path, expected="a name that ends in .xlsx")
    if not path.exists():
        return RegisterBook(path, check_language(language))
    book = _opened(path)
    sheet, first, found, own_language = _register_sheet(book, path)
    names = {index: name for index, name in enumerate(found) if name}
    rows = []
    for line, values in enumerate(sheet.iter_rows(min_row=first + 1, values_only=True), start=first + 1):
        cells = {name: values[index] for index, name in names.items() if index < len(values)}
        if any(value not in (None, "") for value in cells.values()):
            rows.append(BookRow(line, str(cells.get("finding_id") or "").strip(), cells))
    missing = tuple(name for name, *_ in REGISTER_COLUMNS if name not in found)
    return RegisterBook(path, own_language, tuple(rows), _memory(book), missing, _told(book), _digest(path))


def write_register_book(book: RegisterBook, edits: RegisterEdits) -> None:
    """Write the changes into the workbook; everything else in it stays as people left it.

    The file is replaced in one step, the one before is kept beside it (:func:`backup_of`).

    Raises
    ------
    OutputError
        If another program has the register open, or changed it since it was read, or it cannot be written; or if it
        holds what saving would lose, such as the pictures that WPS and Excel put into cells.
    """
    from openpyxl import Workbook

    path = book.path
    _refuse_if_open(path)
    if book.exists:
        workbook = _opened(path)
        sheet, first, found, language = _register_sheet(workbook, path)
    else:
        language = book.language
        workbook = Workbook()
        workbook.properties.creator = "sxrisk"
        sheet, first = workbook.active, 1
        found = lay_out_register(sheet, language)
        fill_guide(workbook, language)
    columns = {name: index + 1 for index, name in enumerate(found) if name}
    for (line, name), value in edits.cells.items():
        if name in columns:
            put(sheet, line, columns[name], value)
    last = max((row.line for row in book.rows), default=first)
    for line, values in enumerate(edits.rows, start=last + 1):
        for name, column in columns.items():
            put(sheet, line, column, values.get(name))
    restyle(sheet, first, last + len(edits.rows), columns, language)
    _fill_conflicts(workbook, edits.conflicts, language)
    _fill_history(workbook, edits.events, language)
    _fill_memory(workbook, edits.memory)
    with replaced_whole(path) as part:
        workbook.save(part)
        if book.exists:
            _refuse_to_lose(path, part)
            if _digest(path) != book.digest:
                raise OutputError(
                    "the register was changed by someone else in the meantime", where=path, remedy="Run it again"
                )
            with replaced_whole(backup_of(path)) as copy:
                shutil.copyfile(path, copy)


def _refuse_to_lose(before: Path, after: Path) -> None:
    """A workbook holds things that are unknown here and would not be written again: better no update than a loss."""
    had, has = _parts(before), _parts(after)
    lost = {kind: names for kind, names in had.items() if len(has.get(kind, ())) < len(names)}
    if lost:
        shown = ", ".join(sorted(name for names in lost.values() for name in names)[:_PARTS_SHOWN])
        raise OutputError(
            f"the register holds what an update would lose: {shown}",
            where=before,
            expected="a workbook without pictures inside cells, form controls or macros",
            remedy="Turn pictures in cells into floating ones, take the rest out and run it again. Nothing was changed",
        )


def _parts(path: Path) -> dict[str, list[str]]:
    """Parts of a workbook file by what they are, without those that every program makes anew."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not _MADE_ANEW.search(name)]
        # WPS gives every sheet a drawing, also one that holds nothing.
        names = [name for name in names if not _DRAWING.match(name) or b"Anchor" in archive.read(name)]
    parts: dict[str, list[str]] = {}
    for name in names:
        # A picture may be written in another format, a part under another number.
        kind = "xl/media" if name.startswith("xl/media/") else re.sub(r"\d+", "", name)
        parts.setdefault(kind, []).append(name)
    return parts


def _opened(path: Path) -> Any:
    import zipfile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return load_workbook(path)
    except PermissionError as error:
        raise _held(path, str(error)) from error
    except (OSError, KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile, InvalidFileException) as error:
        raise FileFormatError(
            f"the register cannot be read ({type(error).__name__})",
            where=path,
            expected="an .xlsx workbook",
            remedy=f"Open and save it again, or go back to {backup_of(path).name}",
        ) from error


def _register_sheet(book: Any, path: Path) -> tuple[Any, int, list[str], Language]:
    """The sheet of the register, the row of its header, the column names in order, and its language."""
    for sheet in book.worksheets:
        for line, values in enumerate(sheet.iter_rows(max_row=_HEADER_ROWS, values_only=True), start=1):
            for language in ("zh", "en"):
                found = header_names(values, check_language(language))
                if "finding_id" in found and "state" in found:
                    return sheet, line, found, check_language(language)
    wanted = " / ".join(label("column", "finding_id", check_language(code)) for code in ("zh", "en"))
    states = " / ".join(label("column", "state", check_language(code)) for code in ("zh", "en"))
    raise FileFormatError(
        "this workbook is no register",
        where=path,
        expected=f"a sheet with the columns {wanted} and {states}",
        remedy="Give the register that sxrisk register made, or a new name",
    )


def _told(book: Any) -> tuple[tuple[str, ...], ...]:
    """Rows of the sheet of conflicts as the last update left them."""
    sheet = next((book[title] for title in _titles("conflicts") if title in book.sheetnames), None)
    rows = () if sheet is None else sheet.iter_rows(min_row=2, max_col=len(CONFLICT_COLUMNS), values_only=True)
    return tuple(tuple("" if value is None else str(value) for value in row) for row in rows)


def _memory(book: Any) -> dict[str, Any]:
    if MEMORY not in book.sheetnames:
        return {}
    memory: dict[str, Any] = {}
    for values in book[MEMORY].iter_rows(min_row=2, max_col=2, values_only=True):
        try:
            entry = json.loads(str(values[1]))
        except (ValueError, IndexError):
            # Somebody wrote into the program's own sheet: that row is forgotten, as if it were not there.
            continue
        if isinstance(entry, dict) and {"facts", "own", "ends"} <= entry.keys():
            memory[str(values[0])] = entry
    return memory


def _fill_memory(book: Any, memory: Mapping[str, Any]) -> None:
    if MEMORY in book.sheetnames:
        del book[MEMORY]
    sheet = book.create_sheet(MEMORY)
    sheet.sheet_state = "veryHidden"
    sheet.append(_MEMORY_HEAD)
    for finding_id, entry in memory.items():
        sheet.append([finding_id, json.dumps(entry, ensure_ascii=False, separators=(",", ":"))])


def _fill_conflicts(book: Any, conflicts: Iterable[Sequence[Any]], language: Language) -> None:
    title = _title("conflicts", language)
    _forget(book, "conflicts")
    sheet = book.create_sheet(title, 1)
    _head(sheet, CONFLICT_COLUMNS, language)
    for row in conflicts:
        sheet.append([cell_of(sheet, value) for value in row])


def _fill_history(book: Any, events: Iterable[Sequence[Any]], language: Language) -> None:
    title = next((name for name in _titles("history") if name in book.sheetnames), None)
    if title is None:
        sheet = book.create_sheet(_title("history", language))
        _head(sheet, ("on", "as_of", "finding_id", "event", "cell", "from", "to"), language)
    else:
        sheet = book[title]
    for row in events:
        sheet.append([cell_of(sheet, value) for value in row])


def _head(sheet: Any, names: Sequence[str], language: Language) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.append([label("column", name, language) for name in names])
    for index, name in enumerate(names, start=1):
        sheet.cell(1, index).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(index)].width = 40 if name in ("conflict", "remedy") else 18
    sheet.freeze_panes = "A2"


def _titles(name: str) -> list[str]:
    return [_title(name, check_language(code)) for code in ("zh", "en")]


def _title(name: str, language: Language) -> str:
    # Both languages stand on the sheet of conflicts, so that nobody overlooks it.
    zh, en = label("sheet", name, "zh"), label("sheet", name, "en")
    return f"{zh} {en.lower()}" if name == "conflicts" else zh if language == "zh" else en


def _forget(book: Any, name: str) -> None:
    for title in _titles(name):
        if title in book.sheetnames:
            del book[title]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refuse_if_open(path: Path) -> None:
    """Excel and LibreOffice leave a mark beside a file that they have open."""
    for mark in (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#")):
        if mark.exists():
            raise _held(path, f"If no program has it open, delete {mark.name}")


def _held(path: Path, more: str) -> OutputError:
    return OutputError("the register is open in another program", where=path, remedy=f"Close it and try again. {more}")
