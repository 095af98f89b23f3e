"""Tables beside the findings as files: what changed between two runs, and a folder for two layers alone."""

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.errors import OutputError, ParameterError
from sxrisk.products.archive import settle_archive
from sxrisk.products.atomic import replaced_whole
from sxrisk.products.findings_files import write_findings
from sxrisk.products.text import Language, check_language, label
from sxrisk.products.workbook import close_sheets, plain_cell, table_sheet, table_word

__all__ = ["write_changes", "write_violations_folder"]


def write_changes(
    path: str | Path, changes: pd.DataFrame, *, as_of: date, language: str = "zh", catalogue: Any = None
) -> Path:
    """Write a comparison of two runs as ``.xlsx`` or ``.csv``, in words.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists.
    changes : DataFrame
        From :func:`sxrisk.assess.compare_findings`.
    as_of : date
        The only date in the file.
    language : {"zh", "en"}
    catalogue : Catalogue, optional
        Titles of the rules.

    Raises
    ------
    ParameterError
        If the format is another one.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    code = check_language(language)
    if path.suffix.casefold() == ".xlsx":
        _workbook(path, {"changes": changes}, as_of, code, catalogue)
    elif path.suffix.casefold() == ".csv":
        _csv(path, "changes", changes, code, catalogue)
    else:
        raise ParameterError(
            f"a comparison cannot be written as {path.suffix or 'a file without suffix'}",
            where=path,
            expected=".xlsx or .csv",
        )
    return path


def write_violations_folder(
    folder: str | Path,
    findings: gpd.GeoDataFrame,
    *,
    as_of: date,
    language: str = "zh",
    catalogue: Any = None,
    not_applied: pd.DataFrame,
    rejects: pd.DataFrame,
) -> list[Path]:
    """Write findings as workbook, GeoPackage and GeoJSON into a folder, and rejected rows as CSV if there are any.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; other files in it stay.
    findings, as_of, language, catalogue, not_applied, rejects
        See :func:`sxrisk.products.write_findings`.

    Returns
    -------
    list of Path

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError("a file stands where a folder is needed", where=folder, remedy="Give another --out")
    more: dict[str, Any] = {"as_of": as_of, "language": language, "catalogue": catalogue, "not_applied": not_applied}
    written = [
        write_findings(folder / f"violations{suffix}", findings, rejects=rejects, **more)
        for suffix in (".xlsx", ".gpkg", ".geojson")
    ]
    if len(rejects):
        _csv(folder / "rejects.csv", "rejects", rejects, check_language(language), catalogue)
        written.append(folder / "rejects.csv")
    return written


def _workbook(path: Path, tables: dict[str, pd.DataFrame], as_of: date, language: Language, catalogue: Any) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    book.properties.creator = "sxrisk"
    try:
        for name, table in tables.items():
            table_sheet(book, name, table, catalogue, language)
        with replaced_whole(path) as part:
            book.save(part)
            settle_archive(part, as_of)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError("the workbook cannot be written", where=path, remedy=str(error)) from error
    finally:
        close_sheets(book)


def _csv(path: Path, name: str, table: pd.DataFrame, language: Language, catalogue: Any) -> None:
    words = pd.DataFrame(
        {
            label("column", column, language): [
                plain_cell(table_word(name, column, value, catalogue, language)) for value in table[column]
            ]
            for column in map(str, table.columns)
        }
    )
    try:
        with replaced_whole(path) as part:
            # The mark in front tells Excel that this is UTF-8.
            words.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError("the table cannot be written", where=path, remedy=str(error)) from error
