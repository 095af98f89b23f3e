"""The findings as a workbook that can be filtered, printed and signed."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from sxrisk.errors import OutputError
from sxrisk.findings import Colour, check_findings
from sxrisk.products.archive import settle_archive
from sxrisk.products.atomic import replaced_whole
from sxrisk.products.kinds import COLOURS, ink_on
from sxrisk.products.quality_words import quality_words
from sxrisk.products.text import (
    Language,
    detail_pairs,
    finding_sentence,
    label,
    original_pairs,
    page_number,
    reason_words,
    result_words,
    rule_title,
    text_catalogue,
)

__all__ = ["close_sheets", "plain_cell", "table_sheet", "table_word", "write_workbook"]

_CODED = (
    "colour", "status", "effect", "hazard_grade", "subject_kind", "object_kind", "metric", "change", "treatment",
)  # fmt: skip
_COLUMNS = (
    ("finding_id", 16), ("colour", 8), ("status", 12), ("rule", 30), ("sentence", 56), ("change", 8),
    ("treatment", 12), ("result", 12), ("subject_kind", 12),
    ("subject_id", 14), ("subject_name", 24), ("object_kind", 12), ("object_id", 14), ("object_name", 24),
    ("metric", 14),
    ("measured", 11), ("required", 11), ("deficit", 11), ("uncertainty", 13), ("unit", 7), ("probability", 10),
    ("hazard_grade", 14), ("standard", 22), ("clause", 16), ("evidence", 9), ("effect", 10), ("county", 12),
    ("reasons", 24), ("details", 40), ("longitude", 12), ("latitude", 12), ("rule_id", 10), ("confirmed", 14),
)  # fmt: skip
# Fills that ask for white letters.
_DARK = frozenset(colour[1:].upper() for colour in COLOURS.values() if ink_on(colour) == "#ffffff")
_NUMBERS = ("measured", "required", "deficit", "uncertainty", "probability")
_WIDTHS = {"rule_id": 40, "reason": 40, "detail": 44, "original": 100, "sentence": 80, "source_row": 8, "count": 8}
_MAX_CELL = 32_000
# A sheet ends at row 1 048 576.
_SHEET_ROWS = 1_048_575
_LONGEST_TITLE, _FORBIDDEN_IN_TITLE = 31, str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_GROUPS = {"subject_kind": "kind", "object_kind": "kind"}
# Columns of the comparison that hold a code, by the group of its words.
_CHANGE_WORDS = {
    "change": "change", "matched_by": "matched_by", "status_before": "status", "status_now": "status", "unit": "unit",
    "colour_before": "colour_short", "colour_now": "colour_short",
}  # fmt: skip


def plain_cell(value: Any) -> Any:
    r"""A value that a spreadsheet shows as it is and never runs.

    Parameters
    ----------
    value : object
        Text that a program might take for a formula gets an apostrophe in front; control characters, which the format
        forbids, go.

    Examples
    --------
    >>> plain_cell("=1+1"), plain_cell("\t@SUM(A1)"), plain_cell(float("nan")), plain_cell(2.5)
    ("'=1+1", "' @SUM(A1)", None, 2.5)
    """
    if value is None or value is pd.NA:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, float, np.number)):
        number = value.item() if isinstance(value, np.number) else value
        return number if math.isfinite(number) else None
    text = _printable(str(value))[:_MAX_CELL]
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\u3000" else " " for char in text)


def write_workbook(
    path: Path,
    findings: gpd.GeoDataFrame,
    *,
    as_of: date,
    language: Language = "zh",
    title: str = "",
    synthetic: bool = False,
    catalogue: Any = None,
    not_applied: pd.DataFrame | None = None,
    rejects: pd.DataFrame | None = None,
    counties: pd.DataFrame | None = None,
    changes: pd.DataFrame | None = None,
    quality: pd.DataFrame | None = None,
    layer_titles: Mapping[str, Mapping[str, str]] | None = None,
    sheet_rows: int = _SHEET_ROWS,
) -> Path:
    """Write the findings workbook: findings, counts by rule, changes, what was not checked, data quality, legend.

    Findings that overflow a sheet stand in one sheet per county.

    Parameters
    ----------
    path : Path
    findings : GeoDataFrame
        In the findings schema.
    as_of : date
    language : {"zh", "en"}
        Of headers and words.
    title : str
        Of the assessment.
    synthetic : bool
        Whether to say that the data are synthetic.
    catalogue : Catalogue, optional
    not_applied, rejects, counties, changes, quality : DataFrame, optional
        A sheet each: rules that could not be applied, rows that could not be read, counts by county, the comparison
        with the last run, and what is odd in the data.
    layer_titles : mapping, optional
        ``zh`` and ``en`` by layer id, for the sheet on the data.
    sheet_rows : int
        Most rows of findings in one sheet.

    Raises
    ------
    OutputError
        If the file cannot be written, for example because Excel holds it open.
    """
    from openpyxl import Workbook

    frame = check_findings(findings)
    book = Workbook(write_only=True)
    book.properties.creator = "sxrisk"
    book.properties.title = _printable(title)
    try:
        for name, part in _sheets_of(frame, sheet_rows, language):
            _findings_sheet(book, name, part, catalogue, language)
        _rule_sheet(book, frame, getattr(catalogue, "rules", {}), language)
        told = None if quality is None else quality_words(quality, language, layer_titles)
        optional = {"by_county": counties, "changes": changes, "quality": told}
        for name, table in optional.items():
            if table is not None:
                table_sheet(book, name, table, catalogue, language)
        table_sheet(book, "not_checked", not_applied, catalogue, language)
        table_sheet(book, "rejects", rejects, catalogue, language)
        _legend_sheet(book, language, title, as_of, synthetic)
        with replaced_whole(path) as part_path:
            book.save(part_path)
            settle_archive(part_path, as_of)
    except OSError as error:
        raise OutputError(
            "the workbook cannot be written", where=path, remedy="Close it where it is open, or free some space"
        ) from error
    finally:
        close_sheets(book)
    return path


def close_sheets(book: Any) -> None:
    """End sheets that an error left half written, which their library else complains of at some later moment."""
    for sheet in book.worksheets:
        if not sheet.closed:
            with suppress(OSError):
                sheet.close()


def _sheets_of(frame: gpd.GeoDataFrame, limit: int, language: Language) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Titles and rows of the sheets of findings: one where all fit, else one or more per county."""
    title = label("sheet", "findings", language)
    if len(frame) <= limit:
        yield title, frame
        return
    taken: set[str] = set()
    for county, rows in frame.groupby("county", sort=True):
        words = str(county).translate(_FORBIDDEN_IN_TITLE).strip() or label("ui", "county_unknown", language)
        for start in range(0, len(rows), limit):
            name, number = _sheet_title(title, words, 1), 1
            while name.casefold() in taken:
                number += 1
                name = _sheet_title(title, words, number)
            taken.add(name.casefold())
            yield name, rows.iloc[start : start + limit]


def _sheet_title(title: str, county: str, number: int) -> str:
    end = f" ({number})" if number > 1 else ""
    return f"{title} {_printable(county)}"[: _LONGEST_TITLE - len(end)] + end


def _findings_sheet(book: Any, title: str, frame: gpd.GeoDataFrame, catalogue: Any, language: Language) -> None:
    from openpyxl.styles import Alignment, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    for number, (_, width) in enumerate(_COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "E2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(_COLUMNS))}{len(frame) + 1}"
    sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = "landscape", 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    sheet.append(_header(sheet, [label("column", name, language) for name, _ in _COLUMNS]))
    fills = {name: PatternFill("solid", fgColor=f"FF{colour[1:].upper()}") for name, colour in COLOURS.items()}
    points = frame.geometry.representative_point()
    top = Alignment(vertical="top", wrap_text=True)
    for row, x, y in zip(frame.drop(columns="geometry").to_dict("records"), points.x, points.y, strict=True):
        values = _finding_row(row, catalogue, language) | {"longitude": round(x, 6), "latitude": round(y, 6)}
        cells = [_cell(sheet, values[name]) for name, _ in _COLUMNS]
        cells[1] = _cell(sheet, values["colour"], fill=fills.get(row["colour"]))
        cells[4].alignment = top
        sheet.append(cells)


def _finding_row(row: Mapping[str, Any], catalogue: Any, language: Language) -> dict[str, Any]:
    rule = getattr(catalogue, "rules", {}).get(row["rule_id"])
    standard = getattr(rule, f"standard_{language}", "") or ""
    values: dict[str, Any] = {
        name: label(_GROUPS.get(name, name), row[name], language) if row[name] else "" for name in _CODED
    }
    for name in (
        "finding_id",
        "subject_id",
        "subject_name",
        "object_id",
        "object_name",
        "county",
        "evidence",
        "rule_id",
    ):
        values[name] = row[name]
    values |= {name: page_number(row[name], row["unit"]) for name in _NUMBERS if name != "probability"}
    values["probability"] = round(row["probability"], 4)
    values["result"] = result_words(row["metric"], row["result"], language)
    values["rule"] = rule_title(rule, row["rule_id"], language)
    values["sentence"] = finding_sentence(row, language)
    values["standard"] = f"{standard} {row['standard']}".strip()
    values["clause"] = getattr(rule, f"clause_{language}", "") or row["clause"]
    values["unit"] = label("unit", row["unit"], language)
    values["reasons"] = "; ".join(reason_words(catalogue, code, language) for code in row["reasons"].split())
    values["details"] = "; ".join(f"{name}: {text}" for name, text in detail_pairs(row["details"], language))
    values["confirmed"] = ""
    return values


def _rule_sheet(book: Any, frame: gpd.GeoDataFrame, rules: Mapping[str, Any], language: Language) -> None:
    sheet = book.create_sheet(label("sheet", "by_rule", language))
    for letter, width in zip("ABCDEFGHI", (11, 42, 30, 20, 8, 8, 8, 8, 8), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    colours = [colour.value for colour in Colour]
    heads = [label("column", name, language) for name in ("rule_id", "rule", "standard", "clause")]
    heads += [label("colour_short", colour, language) for colour in colours] + [label("ui", "total", language)]
    sheet.append(_header(sheet, heads))
    counted = pd.crosstab(frame["rule_id"], frame["colour"]).reindex(columns=colours, fill_value=0)
    for rule_id, counts in counted.iterrows():
        rule = rules.get(str(rule_id))
        first = frame[frame["rule_id"] == rule_id].iloc[0]
        words = [rule_id, rule_title(rule, str(rule_id), language)]
        words += [getattr(rule, f"standard_{language}", "") or first["standard"]]
        words += [getattr(rule, f"clause_{language}", "") or first["clause"]]
        sheet.append([_cell(sheet, value) for value in (*words, *counts.tolist(), int(counts.sum()))])


def table_sheet(book: Any, name: str, table: pd.DataFrame | None, catalogue: Any, language: Language) -> None:
    """Add a plain table as a sheet, its codes in words."""
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(label("sheet", name, language))
    if table is None or table.empty:
        sheet.append([_cell(sheet, label("report", "nothing", language))])
        return
    plain = table.drop(columns=[column for column in table.columns if column == "geometry"])
    for number, column in enumerate(plain.columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(str(column), 24)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(plain.columns))}{min(len(plain), _SHEET_ROWS) + 1}"
    sheet.append(
        _header(
            sheet,
            [label("column", "rule" if column == "rule_id" else str(column), language) for column in plain.columns],
        )
    )
    for row in plain.head(_SHEET_ROWS).itertuples(index=False, name=None):
        cells = []
        for column, value in zip(plain.columns, row, strict=True):
            cells.append(_cell(sheet, table_word(name, str(column), value, catalogue, language)))
        sheet.append(cells)


def table_word(table: str, column: str, value: Any, catalogue: Any, language: Language) -> Any:
    """A cell of the tables ``not_checked`` and ``rejects`` in words: kinds, reasons and rules by name."""
    if column.endswith("kind") and value:
        return label("kind", str(value), language)
    if table == "changes":
        return _change_word(column, value, catalogue, language)
    if column == "colour" and value:
        return label("colour_short", str(value), language)
    if column == "severity":
        return label("severity", str(value), language)
    if column == "rule_id":
        return rule_title(getattr(catalogue, "rules", {}).get(value), str(value), language)
    if column == "reason":
        if table == "rejects":
            return label("reject_reason", str(value), language)
        return reason_words(catalogue, str(value), language)
    if column == "original":
        return "; ".join(f"{key}: {text}" if key else text for key, text in original_pairs(str(value)))
    return value


def _change_word(column: str, value: Any, catalogue: Any, language: Language) -> Any:
    if column == "why":
        return ", ".join(label("change_why", code, language) for code in str(value).split())
    if column == "rule_id":
        return rule_title(getattr(catalogue, "rules", {}).get(value), str(value), language)
    if column in _CHANGE_WORDS and value:
        return label(_CHANGE_WORDS[column], str(value), language)
    return float(f"{value:.7g}") if isinstance(value, float) and math.isfinite(value) else value


def _legend_sheet(book: Any, language: Language, title: str, as_of: date, synthetic: bool) -> None:
    from openpyxl.styles import PatternFill

    sheet = book.create_sheet(label("sheet", "legend", language))
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 90
    lines: list[Sequence[Any]] = [(title, ""), (label("ui", "as_of", language), as_of.isoformat())]
    if synthetic:
        lines.append((label("ui", "synthetic", language), label("ui", "synthetic_note", language)))
    lines.append((label("ui", "screening", language), label("report", "method_screening", language)))
    for line in lines:
        sheet.append([_cell(sheet, value) for value in line])
    for name, colour in COLOURS.items():
        fill = PatternFill("solid", fgColor=f"FF{colour[1:].upper()}")
        words = label("colour_short", name, language), label("colour", name, language)
        sheet.append([_cell(sheet, words[0], fill=fill), _cell(sheet, words[1])])
    for status in text_catalogue()["status"]:
        sheet.append(
            [_cell(sheet, label("status", status, language)), _cell(sheet, label("status_note", status, language))]
        )
    for mark in text_catalogue()["evidence"]:
        sheet.append([_cell(sheet, mark), _cell(sheet, label("evidence", mark, language))])


def _header(sheet: Any, words: Iterable[str]) -> list[Any]:
    from openpyxl.styles import Alignment, Font, PatternFill

    fill = PatternFill("solid", fgColor="FFE4E9EE")
    cells = []
    for word in words:
        cell = _cell(sheet, word, fill=fill)
        cell.font, cell.alignment = Font(bold=True), Alignment(vertical="center", wrap_text=True)
        cells.append(cell)
    return cells


def _cell(sheet: Any, value: Any, *, fill: Any = None) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    plain = plain_cell(value)
    cell = WriteOnlyCell(sheet, value=plain)
    if isinstance(plain, str):
        cell.data_type = "s"
    if fill is not None:
        cell.fill = fill
        if fill.fgColor.rgb[2:] in _DARK:
            cell.font = Font(color="FFFFFFFF")
    return cell
