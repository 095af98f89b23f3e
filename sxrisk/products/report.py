"""The report for the meeting: a Word document with figures, tables, clauses and a place to sign."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.errors import OutputError
from sxrisk.findings import Colour, Status, check_findings
from sxrisk.products.archive import settle_archive
from sxrisk.products.kinds import COLOURS, ink_on
from sxrisk.products.quality_words import gaps_by_reason, quality_words
from sxrisk.products.site_rows import measurement_rows, object_words
from sxrisk.products.text import (
    Language,
    cited,
    finding_sentence,
    format_value,
    label,
    reason_words,
    result_words,
    rule_title,
    text_catalogue,
)

__all__ = ["write_report"]

_TOP = 40
_RULES_SHOWN = 12
_QUALITY = 40
_MEASUREMENTS = 24
_CELL_LIMIT, _LONGEST_LIST = 240, 900
_CJK_FONT = "Microsoft YaHei"
_LATIN_FONT = "Calibri"


def write_report(
    path: Path,
    findings: gpd.GeoDataFrame,
    *,
    title: str,
    as_of: date,
    language: Language = "zh",
    synthetic: bool = False,
    catalogue: Any = None,
    not_applied: pd.DataFrame | None = None,
    figures: Sequence[Path] = (),
    sites: Sequence[tuple[Any, Path | None]] = (),
    quality: pd.DataFrame | None = None,
    layer_titles: Mapping[str, Mapping[str, str]] | None = None,
    sources: Sequence[str] = (),
) -> Path:
    """Write the meeting's report.

    Parameters
    ----------
    path : Path
    findings : GeoDataFrame
        In the findings schema.
    title : str
        Of the assessment.
    as_of : date
    language : {"zh", "en"}
    synthetic : bool
        Whether to mark it as made from synthetic data.
    catalogue : Catalogue, optional
    not_applied : DataFrame, optional
        What was not checked.
    figures : sequence of Path
        Pictures of the region.
    sites : sequence of (SiteResult, Path or None)
        Scanned sites, each with its picture.
    quality : DataFrame, optional
        What is odd in the data.
    layer_titles : mapping, optional
        ``zh`` and ``en`` by layer id.
    sources : sequence of str
        Lines on where the data come from.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from docx import Document
    from docx.shared import Cm

    frame = check_findings(findings)
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    _set_fonts(document)
    document.core_properties.author, document.core_properties.title = "sxrisk", _clean(title)

    def say(key: str, **values: object) -> str:
        return label("report", key, language, **values)

    _title(document, title, as_of, language, synthetic)
    document.add_heading(say("summary"), 1)
    _colour_table(document, frame, language)
    _rule_table(document, frame, catalogue, language)
    _county_table(document, frame, language)
    _classes(document, frame, catalogue, language)
    document.add_heading(say("top"), 1)
    _top_findings(document, frame, catalogue, language)
    if figures:
        document.add_heading(say("region"), 1)
        for figure in figures:
            document.add_picture(str(figure), width=Cm(15.5))
    document.add_heading(say("sites"), 1)
    for site, picture in sites:
        _site_page(document, site, picture, language)
    if not sites:
        document.add_paragraph(say("nothing"))
    document.add_heading(say("not_checked"), 1)
    _unchecked(document, not_applied, catalogue, language)
    _quality(document, quality, layer_titles, language)
    document.add_heading(say("method"), 1)
    _method(document, sources, language)
    _signatures(document, language)
    try:
        document.save(str(path))
        settle_archive(path, as_of)
    except OSError as error:
        raise OutputError(
            "the report cannot be written", where=path, remedy="Close it where it is open, or free some space"
        ) from error
    return path


def _title(document: Any, title: str, as_of: date, language: Language, synthetic: bool) -> None:
    from docx.shared import Pt, RGBColor

    document.add_heading(_clean(title), 0)
    head = document.add_paragraph()
    head.add_run(
        f"{label('report', 'title', language)}　{label('ui', 'as_of', language)} {as_of.isoformat()}"
    ).font.size = Pt(12)
    if synthetic:
        mark = document.add_paragraph().add_run(f"合成数据 / synthetic. {label('ui', 'synthetic_note', language)}")
        mark.bold, mark.font.color.rgb = True, RGBColor(0x9A, 0x5B, 0x00)
    document.add_paragraph().add_run(label("ui", "screening", language)).bold = True


def _colour_table(document: Any, frame: gpd.GeoDataFrame, language: Language) -> None:
    heads = [label("colour", colour.value, language) for colour in Colour] + [label("ui", "total", language)]
    table = _table(document, heads, ratios=(1, 1, 1, 1, 1))
    counts = [int((frame["colour"] == colour.value).sum()) for colour in Colour]
    _row(table, [str(count) for count in (*counts, len(frame))])
    for cell, colour in zip(table.rows[0].cells, COLOURS.values(), strict=False):
        _shade(cell, colour[1:])


def _rule_table(document: Any, frame: gpd.GeoDataFrame, catalogue: Any, language: Language) -> None:
    document.add_heading(label("ui", "by_rule", language), 2)
    rules = getattr(catalogue, "rules", {})
    table = _counts_table(document, label("column", "rule", language), language)
    for rule_id, part in frame.groupby("rule_id"):
        rule = rules.get(rule_id)
        words = cited(rule, part.iloc[0].to_dict(), language)
        _row(table, [f"{rule_title(rule, str(rule_id), language)}\n{words}", *_counted(part)])


def _county_table(document: Any, frame: gpd.GeoDataFrame, language: Language) -> None:
    document.add_heading(label("ui", "by_county", language), 2)
    table = _counts_table(document, label("column", "county", language), language)
    for county, part in frame.groupby("county"):
        _row(table, [str(county) or label("ui", "county_unknown", language), *_counted(part)])


def _counts_table(document: Any, first: str, language: Language) -> Any:
    heads = [
        first,
        *(label("colour_short", colour.value, language) for colour in Colour),
        label("ui", "total", language),
    ]
    return _table(document, heads, ratios=(6, 1, 1, 1, 1, 1))


def _counted(part: pd.DataFrame) -> list[str]:
    return [str(int((part["colour"] == colour.value).sum())) for colour in Colour] + [str(len(part))]


def _top_findings(document: Any, frame: gpd.GeoDataFrame, catalogue: Any, language: Language) -> None:
    rules = getattr(catalogue, "rules", {})
    rank = frame["colour"].map({colour.value: i for i, colour in enumerate(Colour)}).fillna(len(Colour))
    order = frame.assign(rank=rank).sort_values(["rank", "probability", "finding_id"], ascending=[True, False, True])
    note = label("report", "top_note", language, shown=min(_TOP, len(frame)), total=len(frame))
    document.add_paragraph(note if len(frame) else label("ui", "no_findings", language))
    heads = [label("column", name, language) for name in ("colour", "sentence", "clause", "status")]
    table = _table(document, heads, ratios=(1, 7, 4, 2)) if len(frame) else None
    for row in order.head(_TOP).drop(columns="geometry").to_dict("records"):
        rule = rules.get(row["rule_id"])
        clause = f"{cited(rule, row, language)} ({row['evidence']})"
        reasons = "; ".join(reason_words(catalogue, code, language) for code in row["reasons"].split())
        sentence = finding_sentence(row, language) + (f"\n{reasons}" if reasons else "")
        words = [
            label("colour_short", row["colour"], language),
            sentence,
            clause,
            label("status", row["status"], language),
        ]
        cells = _row(table, words)
        _shade(cells[0], COLOURS.get(row["colour"], "#ffffff")[1:])


def _site_page(document: Any, site: Any, picture: Path | None, language: Language) -> None:
    from docx.shared import Cm

    document.add_heading(_clean(f"{site.name or site.site_id}（{label('kind', site.kind, language)}）"), 2)
    if picture is not None:
        document.add_picture(str(picture), width=Cm(15.5))
    heads = [label("column", name, language) for name in ("metric", "value", "sigma", "epoch")]
    table = _table(document, heads, ratios=(4, 3, 3, 3))
    for row in measurement_rows(site)[:_MEASUREMENTS]:
        metric = label("metric", row["metric"], language)
        if row["object"]:
            metric += f" · {object_words(row, language)}"
        sigma = math.nan if row["sigma"] is None else row["sigma"]
        values = [format_value(value, row["unit"], language, sigma=sigma) for value in (row["value"], sigma)]
        _row(table, [metric, *values, row["epoch"][:10]])


def _classes(document: Any, frame: gpd.GeoDataFrame, catalogue: Any, language: Language) -> None:
    """How many of which class or grade, by criterion."""
    graded = frame[(frame["result"] != "") & (frame["status"] == Status.CLASSIFIED.value)]
    if graded.empty:
        return
    rules = getattr(catalogue, "rules", {})
    document.add_heading(label("report", "classified", language), 2)
    document.add_paragraph(label("report", "classified_note", language))
    heads = [label("column", name, language) for name in ("rule", "result", "count", "subject_name")]
    table = _table(document, heads, ratios=(6, 3, 1.3, 6))
    joint = "、" if language == "zh" else ", "
    for (rule_id, metric, result), part in graded.groupby(["rule_id", "metric", "result"], sort=True):
        names = dict.fromkeys(part["subject_name"].where(part["subject_name"] != "", part["subject_id"]))
        words = [
            rule_title(rules.get(rule_id), str(rule_id), language),
            result_words(str(metric), str(result), language),
        ]
        _row(table, [*words, str(len(part)), joint.join(map(str, names))])


def _unchecked(document: Any, not_applied: pd.DataFrame | None, catalogue: Any, language: Language) -> None:
    """What is missing, group by group, and which criteria that silences."""
    if not_applied is None or not_applied.empty:
        document.add_paragraph(label("report", "nothing", language))
        return
    rules = getattr(catalogue, "rules", {})
    document.add_paragraph(label("report", "not_checked_note", language))
    joint = "；" if language == "zh" else "; "
    for group, gaps in gaps_by_reason(not_applied).groupby("group", sort=False):
        document.add_heading(label("report", f"gap_{group}", language), 2)
        heads = [
            label("report", "what", language),
            label("column", "kinds", language),
            label("column", "count", language),
        ]
        table = _table(document, [*heads, label("column", "rules", language)], ratios=(4, 3, 1.4, 8))
        for _, reason, kinds, silent, count in gaps.itertuples(index=False):
            titles = [rule_title(rules.get(rule), rule, language) for rule in silent[:_RULES_SHOWN]]
            if len(silent) > _RULES_SHOWN:
                titles.append(label("report", "more_rules", language, n=len(silent)))
            named = "、".join(label("kind", kind, language) for kind in kinds)
            words = [reason_words(catalogue, reason, language), named, str(count)]
            _row(table, [*words, joint.join(titles)], limit=_LONGEST_LIST)


def _quality(
    document: Any, quality: pd.DataFrame | None, titles: Mapping[str, Mapping[str, str]] | None, language: Language
) -> None:
    """Errors and warnings about the data; notes are counted only, gaps stand in the list before."""
    if quality is None:
        return
    own = quality[quality["layer"].astype(str) != ""]
    counts = {name: int((own["severity"] == name).sum()) for name in ("error", "warning", "info")}
    told = quality_words(own[own["severity"].isin(["error", "warning"])], language, titles)
    document.add_heading(label("report", "quality", language), 2)
    document.add_paragraph(label("report", "quality_note", language, **counts))
    if told.empty:
        return
    heads = [label("column", name, language) for name in ("severity", "sentence")]
    table = _table(document, heads, ratios=(1, 9))
    for row in told.head(_QUALITY).to_dict("records"):
        _row(table, [label("severity", str(row["severity"]), language), str(row["sentence"])])
    if len(told) > _QUALITY:
        document.add_paragraph(label("ui", "rows_left_out", language, shown=_QUALITY, total=len(told)))


def _method(document: Any, sources: Sequence[str], language: Language) -> None:
    for key in ("method_screening", "method_distance", "method_evidence"):
        document.add_paragraph(label("report", key, language))
    for mark in text_catalogue()["evidence"]:
        document.add_paragraph(label("evidence", mark, language), style="List Bullet")
    if sources:
        document.add_heading(label("ui", "sources", language), 2)
        for line in sources:
            document.add_paragraph(_clean(line), style="List Bullet")


def _signatures(document: Any, language: Language) -> None:
    document.add_heading(label("report", "signatures", language), 1)
    roles = [label("report", role, language) for role in ("prepared", "checked", "approved")]
    table = _table(document, [*roles, label("report", "date", language)], ratios=(1, 1, 1, 1))
    _row(table, ["\n\n"] * 4)


def _set_fonts(document: Any) -> None:
    """Latin and Chinese fonts of every style; Word falls back to its own where one is missing."""
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    for name, size in (("Normal", 10), ("Title", 22), ("Heading 1", 14), ("Heading 2", 11.5), ("List Bullet", 10)):
        style = document.styles[name]
        style.font.name, style.font.size = _LATIN_FONT, Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for attribute in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(attribute), None)
        fonts.set(qn("w:eastAsia"), _CJK_FONT)
        if name != "Normal":
            style.font.color.rgb = RGBColor(0x15, 0x21, 0x2E)


def _table(document: Any, heads: Sequence[str], *, ratios: Sequence[float]) -> Any:
    from docx.shared import Cm

    table = document.add_table(rows=1, cols=len(heads))
    table.style = "Table Grid"
    table.autofit = False
    unit = 16.6 / sum(ratios)
    for column, ratio in zip(table.columns, ratios, strict=True):
        column.width = Cm(unit * ratio)
    for cell, word, ratio in zip(table.rows[0].cells, heads, ratios, strict=True):
        cell.width = Cm(unit * ratio)
        _space(cell)
        cell.paragraphs[0].add_run(_clean(word)).bold = True
        _shade(cell, "E4E9EE")
    _repeat_header(table)
    return table


def _row(table: Any, words: Sequence[str], *, limit: int = _CELL_LIMIT) -> Any:
    row = table.add_row()
    _keep_together(row)
    cells = row.cells
    for cell, head, word in zip(cells, table.rows[0].cells, words, strict=True):
        cell.width = head.width
        _space(cell)
        cell.paragraphs[0].add_run(_clean(word, limit))
    return cells


def _space(cell: Any) -> None:
    from docx.shared import Pt

    layout = cell.paragraphs[0].paragraph_format
    layout.space_before = layout.space_after = Pt(2)


def _repeat_header(table: Any) -> None:
    from docx.oxml import OxmlElement

    row = table.rows[0]._tr.get_or_add_trPr()
    row.append(OxmlElement("w:tblHeader"))


def _keep_together(row: Any) -> None:
    """A row is not cut at the foot of a page."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _shade(cell: Any, colour: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    for run in (run for paragraph in cell.paragraphs for run in paragraph.runs):
        run.font.color.rgb = RGBColor.from_string(ink_on(f"#{colour}")[1:].upper())
    properties = cell._tc.get_or_add_tcPr()
    for old in properties.findall(qn("w:shd")):
        properties.remove(old)
    shade = OxmlElement("w:shd")
    shade.set(qn("w:val"), "clear")
    shade.set(qn("w:fill"), colour.upper())
    properties.append(shade)


def _clean(text: str, limit: int = 600) -> str:
    """Text without the control characters that XML forbids, cut to a length that a page bears."""
    plain = "".join(char for char in text if char in "\n\t" or char.isprintable() or char == "\u3000")
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
