"""Columns, colours and lists of the register's sheets."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sxrisk.findings import Treatment
from sxrisk.products.kinds import COLOURS
from sxrisk.products.text import Language, check_language, label, text_catalogue
from sxrisk.products.workbook import plain_cell

__all__ = [
    "FACT_COLUMNS",
    "MEMORY",
    "OWN_COLUMNS",
    "REGISTER_COLUMNS",
    "cell_of",
    "fill_guide",
    "header_names",
    "lay_out_register",
    "put",
    "restyle",
]

MEMORY = "_sxrisk"
"""Sheet in which the program keeps what it wrote and read the last time."""

#: Name, width, whose it is. People's columns stand beside what they are about.
REGISTER_COLUMNS = (
    ("finding_id", 16, "program"), ("present", 9, "program"), ("change", 8, "program"), ("colour", 7, "program"),
    ("status", 12, "program"), ("sentence", 56, "program"),
    ("state", 16, "person"), ("owner_unit", 20, "person"), ("owner", 12, "person"), ("deadline", 13, "person"),
    ("measures", 28, "person"), ("confirmed_by", 12, "person"), ("confirmed_on", 13, "person"),
    ("remark", 28, "person"),
    ("rule", 28, "program"), ("cited", 30, "program"), ("subject_kind", 12, "program"),
    ("subject_name", 22, "program"), ("object_kind", 12, "program"), ("object_name", 22, "program"),
    ("measured", 11, "program"), ("required", 11, "program"), ("deficit", 11, "program"),
    ("uncertainty", 12, "program"), ("unit", 7, "program"), ("result", 12, "program"),
    ("hazard_grade", 14, "program"), ("county", 12, "program"), ("longitude", 12, "program"),
    ("latitude", 12, "program"), ("first_seen", 12, "program"), ("last_seen", 12, "program"),
)  # fmt: skip
OWN_COLUMNS = tuple(name for name, _, whose in REGISTER_COLUMNS if whose == "person")
FACT_COLUMNS = tuple(name for name, _, whose in REGISTER_COLUMNS if whose == "program" and name != "finding_id")

_DATES = ("deadline", "confirmed_on")
_GREY, _HEAD = "FFF1F3F5", "FFD9E2EC"
_SPARE_ROWS = 200
_DONE = (Treatment.CLOSED, Treatment.NOT_A_HAZARD)


def header_names(values: Sequence[Any], language: Language) -> list[str]:
    """Column names of a header row, ``""`` for columns that people added."""
    known = {label("column", name, language): name for name, *_ in REGISTER_COLUMNS}
    return [known.pop(str(value).strip(), "") if value is not None else "" for value in values]


def lay_out_register(sheet: Any, language: Language) -> list[str]:
    """Header, widths, filter and lists of an empty register; the names of its columns."""
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet.title = label("sheet", "register", language)
    for index, (name, width, whose) in enumerate(REGISTER_COLUMNS, start=1):
        cell = sheet.cell(1, index, label("column", name, language))
        cell.font, cell.alignment = Font(bold=True), Alignment(vertical="center", wrap_text=True)
        cell.fill = PatternFill("solid", fgColor=_HEAD if whose == "program" else "FFFFF3C4")
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.row_dimensions[1].height = 32
    sheet.freeze_panes = "B2"
    sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = "landscape", 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    return [name for name, *_ in REGISTER_COLUMNS]


def restyle(sheet: Any, header: int, last: int, columns: Mapping[str, int], language: Language) -> None:
    """Filter, lists of states, colours and overdue marks over all rows; fonts and fills of people's cells stay."""
    from openpyxl.formatting.formatting import ConditionalFormattingList
    from openpyxl.styles import Alignment, PatternFill
    from openpyxl.utils import get_column_letter

    grey, wrapped = PatternFill("solid", fgColor=_GREY), Alignment(vertical="top", wrap_text=True)

    width = max(columns.values())
    sheet.auto_filter.ref = f"A{header}:{get_column_letter(width)}{max(last, header)}"
    for line in range(header + 1, last + 1):
        _style_row(sheet, line, columns, grey, wrapped)
    _offer_states(sheet, header + 1, last + _SPARE_ROWS, columns["state"], language)
    sheet.conditional_formatting = ConditionalFormattingList()
    _mark_rows(sheet, header + 1, last + _SPARE_ROWS, columns, language)


def _style_row(sheet: Any, line: int, columns: Mapping[str, int], grey: Any, wrapped: Any) -> None:
    for name, column in columns.items():
        cell = sheet.cell(line, column)
        if name in OWN_COLUMNS:
            if name in _DATES:
                cell.number_format = "yyyy-mm-dd"
        elif not cell.has_style:
            cell.fill = grey
            if name in ("sentence", "cited"):
                cell.alignment = wrapped


def _offer_states(sheet: Any, first: int, last: int, column: int, language: Language) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letter = get_column_letter(column)
    area = f"{letter}{first}:{letter}{last}"
    others = [
        item for item in sheet.data_validations.dataValidation if not str(item.sqref).startswith(f"{letter}{first}")
    ]
    words = ",".join(label("treatment", state.value, language) for state in Treatment)
    # A warning only: a person may write what the list lacks, and is asked about it on the sheet of conflicts.
    offered = DataValidation(type="list", formula1=f'"{words}"', allow_blank=True, errorStyle="warning")
    offered.add(area)
    sheet.data_validations.dataValidation = [*others, offered]


def _mark_rows(sheet: Any, first: int, last: int, columns: Mapping[str, int], language: Language) -> None:
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    letters = {name: get_column_letter(column) for name, column in columns.items()}
    if "colour" in letters:
        for name, colour in COLOURS.items():
            word = label("colour_short", name, language)
            fill = PatternFill("solid", bgColor=f"FF{colour[1:].upper()}")
            area = f"{letters['colour']}{first}:{letters['colour']}{last}"
            sheet.conditional_formatting.add(area, FormulaRule([f'${letters["colour"]}{first}="{word}"'], fill=fill))
    if "deadline" in letters:
        place, state = f"${letters['deadline']}{first}", f"${letters['state']}{first}"
        done = " , ".join(f'{state}="{label("treatment", name.value, language)}"' for name in _DONE)
        overdue = f"AND(ISNUMBER({place}),{place}<TODAY(),NOT(OR({done})))"
        area = f"{letters['deadline']}{first}:{letters['deadline']}{last}"
        red = Font(color="FFB00020", bold=True)
        sheet.conditional_formatting.add(area, FormulaRule([overdue], font=red))


def fill_guide(book: Any, language: Language) -> None:
    """The sheet that explains the register and its states in both languages."""
    sheet = book.create_sheet(label("sheet", "legend", language))
    sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = 26
    sheet.column_dimensions["C"].width = 90
    texts = text_catalogue()
    for code in ("zh", "en"):
        for key in texts["register"]:
            sheet.append([label("register", key, check_language(code))])
    for state in Treatment:
        note = "  ".join(label("treatment_note", state.value, check_language(code)) for code in ("zh", "en"))
        sheet.append([*(label("treatment", state.value, check_language(code)) for code in ("zh", "en")), note])


def put(sheet: Any, line: int, column: int, value: Any) -> None:
    """Write one value, inert whatever it holds."""
    cell = sheet.cell(line, column)
    if isinstance(value, date | datetime):
        cell.value = value
        return
    plain = plain_cell(value)
    cell.value = plain
    if isinstance(plain, str):
        cell.data_type = "s"


def cell_of(sheet: Any, value: Any) -> Any:
    """A new cell with one value, inert whatever it holds."""
    from openpyxl.cell import Cell

    plain = value.date().isoformat() if isinstance(value, datetime) else value
    plain = plain_cell(plain.isoformat() if isinstance(plain, date) else plain)
    made = Cell(sheet, value=plain)
    if isinstance(plain, str):
        made.data_type = "s"
    return made
