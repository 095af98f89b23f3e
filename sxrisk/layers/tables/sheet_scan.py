"""What a workbook's sheets hold beside values: merged cells, formulas without a result, hidden rows; their bounds."""

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat
from zipfile import ZipFile

from sxrisk.errors import FileFormatError

__all__ = ["SheetFacts", "scan_sheets"]

_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
# Cells between the first column and the last filled one of each row: what reading the sheet costs.
_MAX_CELLS = 100_000_000
_MAX_MERGED = 200_000
_CHUNK = 1 << 18
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_FORMULA_SHOWN = 60


@dataclass
class SheetFacts:
    """Facts of one sheet; rows and columns count from 1.

    Parameters
    ----------
    merged : list of (first row, first column, last row, last column)
        Merged ranges.
    unvalued : dict
        Row -> first cell of it that holds a formula whose result is not stored.
    hidden : int
        Rows that Excel does not show.
    """

    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    unvalued: dict[int, str] = field(default_factory=dict)
    hidden: int = 0


def scan_sheets(path: Path) -> dict[str, SheetFacts]:
    """Facts of every worksheet of a workbook, by its name.

    Raises
    ------
    FileFormatError
        If a part declares entities, rows stand out of order or beyond Excel's limits, or a sheet is too large to read.
    xml.parsers.expat.ExpatError, KeyError, zipfile.BadZipFile
        If the file is damaged or no workbook.
    """
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                with archive.open(name) as stream:
                    _refuse_document_type(stream, path, name)
        return {
            name: _scan(archive, part, path, name) if part in archive.namelist() else SheetFacts()
            for name, part in _sheet_parts(archive).items()
        }


def _refuse_document_type(stream: IO[bytes], path: Path, name: str) -> None:
    """Entities can unfold to gigabytes: no part of a workbook has a reason to declare any."""
    seen: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: seen.append("type")
    parser.StartElementHandler = lambda *_: seen.append("root")
    while not seen and (data := stream.read(_CHUNK)):
        parser.Parse(data[:4096] if not seen else b"", False)
        if not seen and len(data) > 4096:
            parser.Parse(data[4096:], False)
    if seen and seen[0] == "type":
        raise FileFormatError(
            f"the part {name} declares a document type", where=path, expected="an Excel workbook (.xlsx)",
            remedy="Save it again in Excel",
        )  # fmt: skip


def _sheet_parts(archive: ZipFile) -> dict[str, str]:
    """Part of the archive for every sheet's name."""
    main = next(
        (target for kind, _, target in _relations(archive, "_rels/.rels", "") if kind.endswith("/officeDocument")),
        "xl/workbook.xml",
    )
    folder, file = posixpath.split(main)
    targets = {
        key: target for _, key, target in _relations(archive, posixpath.join(folder, "_rels", f"{file}.rels"), folder)
    }
    result: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "sheet":
            key = next((value for name, value in attributes.items() if name.endswith(":id")), "")
            result[attributes.get("name", "")] = targets.get(key, "")

    _parse(archive, main, start)
    return result


def _relations(archive: ZipFile, part: str, folder: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "Relationship":
            target = attributes.get("Target", "")
            whole = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found.append((attributes.get("Type", ""), attributes.get("Id", ""), whole))

    _parse(archive, part, start)
    return found


def _parse(archive: ZipFile, part: str, start: Any, end: Any = None, text: Any = None) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler, parser.CharacterDataHandler = end, text
        parser.buffer_text = True
    with archive.open(part) as stream:
        while data := stream.read(_CHUNK):
            parser.Parse(data, False)
        parser.Parse(b"", True)


class _Scanner:
    """Handlers of a sheet's elements."""

    def __init__(self, path: Path, sheet: str) -> None:
        self.facts = SheetFacts()
        self.cells = 0
        self._path, self._sheet = path, sheet
        self._row, self._column = 0, 0
        self._formula: list[str] | None = None
        self._in_formula = self._in_value = self._has_value = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            self._start_cell(attributes.get("r", ""))
            # An empty text is a result; an empty number is none.
            self._has_value = attributes.get("t") == "str"
        elif name in ("v", "is"):
            self._in_value = True
        elif name == "f":
            self._formula, self._in_formula = [], True
        elif name == "row":
            row = int(attributes.get("r", self._row + 1))
            if not self._row < row <= _MAX_ROW:
                raise self._broken(f"row {row} follows row {self._row}", f"rows in order, up to {_MAX_ROW}")
            self.cells += self._column
            self._row, self._column = row, 0
            self.facts.hidden += attributes.get("hidden") in ("1", "true")
        elif name == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "f":
            self._in_formula = False
        elif name in ("v", "is"):
            self._in_value = False
        elif name == "c":
            if self._formula is not None and not self._has_value and self._row not in self.facts.unvalued:
                formula = "".join(self._formula)[:_FORMULA_SHOWN]
                self.facts.unvalued[self._row] = f"{_letters(self._column)}{self._row}: ={formula}"
            self._formula = None

    def text(self, data: str) -> None:
        if self._in_formula and self._formula is not None:
            self._formula.append(data)
        self._has_value |= self._in_value

    def _start_cell(self, reference: str) -> None:
        match = _CELL.fullmatch(reference)
        column = _number(match[1]) if match else self._column + 1
        if (reference and not match) or column > _MAX_COLUMN or (match and int(match[2]) != self._row):
            raise self._broken(f"{reference!r} is no cell of row {self._row}", "cells inside their row")
        self._column = column
        if self.cells + column > _MAX_CELLS:
            raise self._broken(f"the cells are more than {_MAX_CELLS}", "a table", "Save it as CSV")

    def _merge(self, reference: str) -> None:
        ends = [_CELL.fullmatch(end) for end in reference.split(":")]
        if len(ends) != 2 or ends[0] is None or ends[1] is None or len(self.facts.merged) >= _MAX_MERGED:
            raise self._broken(f"{reference[:40]!r} is no range of merged cells", "e.g. B2:C2")
        first, last = (
            (int(ends[0][2]), _number(ends[0][1])),
            (int(ends[1][2]), _number(ends[1][1])),
        )
        self.facts.merged.append((*first, *last))

    def _broken(self, what: str, expected: str, remedy: str = "Save it again in Excel") -> FileFormatError:
        return FileFormatError(f"sheet {self._sheet!r}: {what}", where=self._path, expected=expected, remedy=remedy)


def _scan(archive: ZipFile, part: str, path: Path, sheet: str) -> SheetFacts:
    scanner = _Scanner(path, sheet)
    _parse(archive, part, scanner.start, scanner.end, scanner.text)
    return scanner.facts


def _number(letters: str) -> int:
    value = 0
    for letter in letters:
        value = value * 26 + ord(letter) - 64
    return value


def _letters(column: int) -> str:
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
