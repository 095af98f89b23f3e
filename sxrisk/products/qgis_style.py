"""How QGIS and other programs draw the findings: styles that travel inside the GeoPackage."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from sxrisk.errors import OutputError
from sxrisk.findings import Colour
from sxrisk.products.kinds import COLOURS
from sxrisk.products.text import Language, label

__all__ = ["add_style", "findings_qml", "findings_sld"]

# Points, lines and areas stand in one table; QGIS makes a layer of each and gives all of them the table's one style.
# So each rule asks for the kind of geometry as well, and has the symbol that draws it.
_SHAPES = (("Point", "marker"), ("Line", "line"), ("Polygon", "fill"))
_PROPERTIES = {
    "marker": {"name": "circle", "size": "3.2", "size_unit": "MM", "outline_color": "60,60,60,255"},
    "line": {"line_width": "0.9", "line_width_unit": "MM", "line_style": "solid", "capstyle": "round"},
    "fill": {"style": "solid", "outline_style": "solid", "outline_width": "0.6", "outline_width_unit": "MM"},
}  # fmt: skip
_LAYER_CLASS = {"marker": "SimpleMarker", "line": "SimpleLine", "fill": "SimpleFill"}
_COLOUR_OF = {"marker": ("color",), "line": ("line_color",), "fill": ("color", "outline_color")}
_FILL_ALPHA = 90
_TABLE = """CREATE TABLE IF NOT EXISTS layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)"""
_INSERT = """INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,
    styleQML, styleSLD, useAsDefault, description, owner, update_time) VALUES ('', '', ?, ?, ?, ?, ?, 1, ?, '', ?)"""
_REGISTER = """INSERT OR REPLACE INTO gpkg_contents
    (table_name, data_type, identifier, description, last_change, srs_id)
    VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)"""


def findings_qml(fields: list[str], language: Language) -> str:
    """The style in QGIS's own language: a rule by colour, worst first, and the fields' names in words.

    Parameters
    ----------
    fields : list of str
        Columns of the table, in order.
    language : {"zh", "en"}
        Of labels and field names.

    Returns
    -------
    str
        QML.
    """
    root = Element("qgis", version="3.28.0", styleCategories="Symbology|Fields|MapTips|AttributeTable")
    # "Any geometry": without it QGIS would refuse the style for two of the three layers.
    renderer = SubElement(
        root, "renderer-v2", type="RuleRenderer", symbollevels="0", forceraster="0", enableorderby="0"
    )
    rules = SubElement(renderer, "rules", key="{findings}")
    symbols = SubElement(renderer, "symbols")
    for colour in Colour:
        for shape, symbol in _SHAPES:
            name = str(len(symbols))
            words = label("colour", colour.value, language)
            chosen = f"\"colour\" = '{colour.value}' AND geometry_type($geometry) = '{shape}'"
            SubElement(rules, "rule", key=f"{{{colour.value}-{symbol}}}", symbol=name, label=words, filter=chosen)
            _symbol(symbols, name, symbol, COLOURS[colour.value])
    aliases = SubElement(root, "aliases")
    for index, field in enumerate(fields):
        SubElement(aliases, "alias", index=str(index), field=field, name=label("column", field, language))
    title = "sentence" if "sentence" in fields else "finding_id"
    SubElement(root, "previewExpression").text = f'"{title}"'
    SubElement(root, "mapTip").text = f'[% "{title}" %]'
    return _text(root, "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n")


def findings_sld(language: Language) -> str:
    """The same in OGC's language, for programs that do not read QGIS's.

    Returns
    -------
    str
        SLD 1.0.
    """
    root = Element("StyledLayerDescriptor", version="1.0.0", xmlns="http://www.opengis.net/sld")
    root.set("xmlns:ogc", "http://www.opengis.net/ogc")
    layer = SubElement(root, "NamedLayer")
    SubElement(layer, "Name").text = "findings"
    style = SubElement(SubElement(layer, "UserStyle"), "FeatureTypeStyle")
    for colour in Colour:
        rule = SubElement(style, "Rule")
        SubElement(rule, "Title").text = label("colour", colour.value, language)
        equal = SubElement(SubElement(rule, "ogc:Filter"), "ogc:PropertyIsEqualTo")
        SubElement(equal, "ogc:PropertyName").text = "colour"
        SubElement(equal, "ogc:Literal").text = colour.value
        ink = COLOURS[colour.value]
        # A point symbolizer also draws the middle of lines and areas: what is small stays visible.
        mark = SubElement(SubElement(SubElement(rule, "PointSymbolizer"), "Graphic"), "Mark")
        SubElement(mark, "WellKnownName").text = "circle"
        SubElement(SubElement(mark, "Fill"), "CssParameter", name="fill").text = ink
        stroke = SubElement(SubElement(rule, "LineSymbolizer"), "Stroke")
        SubElement(stroke, "CssParameter", name="stroke").text = ink
        SubElement(stroke, "CssParameter", name="stroke-width").text = "2"
    return _text(root, '<?xml version="1.0" encoding="UTF-8"?>\n')


def add_style(path: Path, table: str, *, as_of: date, language: Language) -> None:
    """Put the style into a GeoPackage as the default of one of its tables.

    Parameters
    ----------
    path : Path
        A GeoPackage that holds `table`.
    table : str
    as_of : date
        Stands in it as the time of the style.
    language : {"zh", "en"}

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    stamp = f"{as_of.isoformat()}T00:00:00.000Z"
    try:
        with closing(sqlite3.connect(path)) as book, book:
            (column,) = book.execute(
                "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (table,)
            ).fetchone()
            named = [row[1] for row in book.execute("SELECT * FROM pragma_table_info(?)", (table,))]
            # QGIS counts the fields without the geometry; the row number counts as the first.
            fields = [name for name in named if name != column]
            book.execute(_TABLE)
            book.execute(_REGISTER, (stamp,))
            words = label("sheet", "findings", language)
            style = (table, column, words, findings_qml(fields, language), findings_sld(language), words, stamp)
            book.execute(_INSERT, style)
    except sqlite3.Error as error:
        raise OutputError("the style of the findings cannot be written", where=path, remedy=str(error)) from error


def _symbol(parent: Element, name: str, kind: str, colour: str) -> None:
    symbol = SubElement(parent, "symbol", name=name, type=kind, alpha="1", clip_to_extent="1", force_rhr="0")
    layer = SubElement(symbol, "layer", {"class": _LAYER_CLASS[kind], "enabled": "1", "locked": "0", "pass": "0"})
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    inks = dict.fromkeys(_COLOUR_OF[kind], f"{red},{green},{blue},255")
    if kind == "fill":
        inks["color"] = f"{red},{green},{blue},{_FILL_ALPHA}"
    options = SubElement(layer, "Option", type="Map")
    for key, value in {**_PROPERTIES[kind], **inks}.items():
        SubElement(options, "Option", name=key, type="QString", value=value)


def _text(root: Element, head: str) -> str:
    return head + tostring(root, encoding="unicode")
