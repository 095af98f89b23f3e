"""XML that is safe to parse: no entities, no document types, the root element that the format has."""

import re
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from sxrisk.errors import FileFormatError
from sxrisk.layers.tables.text import decode_text

__all__ = ["checked_xml", "local_name"]

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITIES = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST)", re.IGNORECASE)
# GDAL goes by content: these make it open other files, databases or addresses that the text names.
_NAMES_OTHER_SOURCES = re.compile(r"<OGR\w*DataSource|gdal_streamed_alg")


def checked_xml(data: bytes, path: Path, root: str, encoding: str | None = None) -> tuple[str, str]:
    """Text of an XML document without its declaration, and its encoding; a parser then gets the very text checked here.

    Parameters
    ----------
    data : bytes
        The document.
    path : Path
        For messages.
    root : str
        Local names that the root element may have, separated by blanks.
    encoding : str, optional
        Detected if left out.

    Raises
    ------
    FileFormatError
        If it cannot be decoded, declares a document type or entities, names other sources, or has another root.
    """
    text, found = decode_text(data, path, encoding)
    text = _XML_DECLARATION.sub("", text.removeprefix("\ufeff")).lstrip()
    if _ENTITIES.search(text):
        raise FileFormatError(
            "the XML declares entities, which are not expanded", where=path,
            expected="a document without a DOCTYPE", remedy="Export it again",
        )  # fmt: skip
    own = _root_element(text)
    if own not in root.split():
        name = path.suffix.lstrip(".").upper()
        raise FileFormatError(
            f"the file is no {name}", where=path, expected=f"an XML document with the root element {root.split()[0]}"
        )
    named = _NAMES_OTHER_SOURCES.search(text)
    if named is not None:
        raise FileFormatError(
            f"the file names other sources ({named[0]}), which are not opened", where=path,
            expected="a file that holds its features itself",
        )  # fmt: skip
    return text, found


def local_name(tag: object) -> str:
    """An element's name without its namespace; empty for comments."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _root_element(text: str) -> str:
    try:
        _, root = next(ElementTree.iterparse(StringIO(text), events=("start",)))
    except (ElementTree.ParseError, StopIteration, ValueError):
        return ""
    return local_name(root.tag)
