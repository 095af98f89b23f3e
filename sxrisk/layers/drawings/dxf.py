"""CAD drawings: entities of DXF model space as features with their CAD layer, their block's attributes, their texts."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, unique_headers, wrap_read_errors
from sxrisk.layers.drawings.dxf_geometry import close_ring, entity_geometry
from sxrisk.layers.drawings.dxf_text import TEXT_REACH, Text, clean, text_of, texts_of_features
from sxrisk.layers.kinds import Kind, header_key, synonyms_of
from sxrisk.layers.report import Issue

__all__ = ["Drawing", "drawing_source", "open_drawing", "read_dxf"]

_OWN_COLUMNS = ("cad_handle", "cad_layer", "cad_type", "cad_block", "cad_text", "name")
_BINARY_DXF = b"AutoCAD Binary DXF"
_DWG = re.compile(rb"AC10\d\d|AC1\.\d|AC2\.\d")
_CODE_PAGE = re.compile(rb"(\$DWGCODEPAGE\s*\r?\n\s*3\r?\n)([^\r\n]*)")
_VERSION = re.compile(rb"\$ACADVER\s*\r?\n\s*1\r?\n\s*AC(\d+)")
# What ezdxf warns of is told as an issue; without a handler Python would write it to the terminal.
logging.getLogger("ezdxf").addHandler(logging.NullHandler())
# From R2007 on a drawing is UTF-8.
_UNICODE_VERSION = 1021


@dataclass
class Drawing:
    """Entities of a model space in file order, its texts, and what was noticed."""

    entities: list[Any]
    texts: list[Text] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def layer(self, at: int) -> str:
        """CAD layer of an entity."""
        return clean(self.entities[at].dxf.get("layer", "0"))


def open_drawing(path: Path) -> Drawing:
    """A DXF, ASCII or binary, structural faults repaired.

    Raises
    ------
    FileFormatError
        If it is no DXF; a DWG gets told what to do.
    InputError
        If its model space is empty.
    """
    from ezdxf import recover
    from ezdxf.lldxf.const import DXFError

    data = path.read_bytes()
    if _DWG.match(data):
        raise FileFormatError(
            "this is a DWG drawing, whose format is not public", where=path, expected="DXF",
            remedy="Save it as DXF (R2000 or later) in the CAD program",
        )  # fmt: skip
    issues: list[Issue] = []
    errors = (DXFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, UnicodeError,
              RecursionError, OverflowError, StopIteration, AssertionError)  # fmt: skip
    with wrap_read_errors(path, "a DXF drawing", *errors):
        document, auditor = recover.read(BytesIO(_with_code_page(data, issues)))
        entities = list(document.modelspace())
        hidden = {clean(layer.dxf.name) for layer in document.layers if layer.is_off() or layer.is_frozen()}
    if not entities:
        raise InputError("the drawing's model space is empty", where=path, expected="at least one entity")
    if auditor.has_errors or auditor.has_fixes:
        count = len(auditor.errors) + len(auditor.fixes)
        issues.append(Issue("drawing_repaired", f"{count} structural faults were repaired on reading"))
    drawing = Drawing(entities, issues=issues)
    on_hidden = Counter(drawing.layer(at) for at in range(len(entities)) if drawing.layer(at) in hidden)
    if on_hidden:
        told = ", ".join(f"{name} ({count})" for name, count in on_hidden.most_common(5))
        issues.append(Issue("hidden_layers_read", f"entities on layers that are switched off were read: {told}"))
    drawing.texts = [text for at, entity in enumerate(entities) if (text := text_of(entity, at)) is not None]
    return drawing


def _with_code_page(data: bytes, issues: list[Issue]) -> bytes:
    """The drawing with the code page its bytes are in: Chinese programs often state none, or a Western one."""
    if data.startswith(_BINARY_DXF) or data.isascii():
        return data
    version = _VERSION.search(data[:20_000])
    stated = _CODE_PAGE.search(data[:200_000])
    if version is not None and int(version[1]) >= _UNICODE_VERSION:
        return data
    name = stated[2].strip().lower() if stated else b""
    if name not in (b"", b"ansi_1252", b"dos850", b"dos437", b"ascii"):
        return data
    page = b"ANSI_936"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return data
    issues.append(Issue("encoding_guessed", "the drawing states no Chinese code page, its texts were read as GBK"))
    if stated:
        return data[: stated.start(2)] + page + data[stated.end(2) :]
    begin = re.search(rb"\s*2\r?\nHEADER\r?\n", data[:20_000])
    entry = b"  9\n$DWGCODEPAGE\n  3\n" + page + b"\n"
    if begin is None:
        return b"  0\nSECTION\n  2\nHEADER\n" + entry + b"  0\nENDSEC\n" + data
    return data[: begin.end()] + entry + data[begin.end() :]


def read_dxf(path: Path, kind: Kind, *, layer: str | None) -> Source:
    """Entities of a drawing's model space, in drawing coordinates.

    Parameters
    ----------
    path : Path
        An ASCII or binary DXF.
    kind : Kind
        Whose geometry says what a block or a closed line is, and which features a text may name.
    layer : str, optional
        A CAD layer: entities on others are set aside, though their texts still name features.

    Returns
    -------
    Source
        Columns ``cad_handle``, ``cad_layer``, ``cad_type``, ``cad_block``, ``cad_text``, ``name``, then one for each
        tag of a block's attributes. Texts that name a feature are set aside; other texts, dimensions and whatever is no
        place are broken rows with the reason ``unsupported_entity``.

    Raises
    ------
    FileFormatError
        If it is no DXF, or has no CAD layer `layer`.
    InputError
        If its model space is empty.
    """
    drawing = open_drawing(path)
    chosen = list(range(len(drawing.entities)))
    if layer is not None:
        known = sorted({drawing.layer(at) for at in chosen})
        if layer not in known:
            raise FileFormatError(
                f"there is no CAD layer {layer!r}", where=path, expected=f"one of {', '.join(known)}"[:600]
            )
        chosen = [at for at in chosen if drawing.layer(at) == layer]
    return drawing_source(drawing, chosen, kind.geometry)


def drawing_source(
    drawing: Drawing, chosen: Sequence[int], wants: Sequence[str], serves: frozenset[int] = frozenset(), *,
    notes: "Callable[[Sequence[str]], tuple[str, Mapping[str, str]]] | None" = None,
) -> Source:  # fmt: skip
    """Some entities of a drawing as rows, named by the texts in and beside them.

    Parameters
    ----------
    drawing : Drawing
        The whole drawing.
    chosen : sequence of int
        Positions of the entities that are rows.
    wants : frozenset of str
        Families of geometry (point, line, polygon) that the kind can use, the preferred one first.
    serves : frozenset of int
        Positions of entities that the caller makes use of: they name nothing, and nothing is said of them here.
    notes : callable, optional
        Name and further columns that the texts of a feature tell, nearest first; default the first of them as the name.

    Returns
    -------
    Source
        Entities that are no rows (on other layers, texts that name a feature, `serves`) do not count as rows of the
        layer; issues tell how many they are. Where only areas are wanted, outlines whose ends nearly meet are closed
        (``ring_closed``), other open lines are broken rows (``ring_not_closed``).
    """
    shapes = np.full(len(drawing.entities), None, dtype=object)
    problems: dict[int, tuple[str, str]] = {}
    closed: dict[int, float] = {}
    for at in chosen:
        shapes[at], problem = entity_geometry(drawing.entities[at], wants)
        if problem:
            problems[at] = ("unsupported_entity", problem)
        elif "polygon" in wants and "line" not in wants:
            shapes[at], gap = close_ring(shapes[at])
            if gap > 0 and shapes[at].is_closed:
                closed[at] = gap
            elif gap > 0:
                told = f"the {drawing.entities[at].dxftype()} is not closed, gap {gap:.3g} m"
                problems[at] = ("ring_not_closed", told)
    free = [text for text in drawing.texts if text.position not in serves]
    nameable = shapes.copy()
    nameable[~_nameable(shapes, wants)] = None
    own = texts_of_features(free, nameable, [drawing.layer(at) for at in range(len(nameable))])
    used = {text.position for texts in own.values() for text in texts}
    rows = [at for at in chosen if at not in used]
    records = [_record(drawing.entities[at], own.get(at, []), notes) for at in rows]
    headers = list(dict.fromkeys((*_OWN_COLUMNS, *(key for record in records for key in record))))
    table = pd.DataFrame([[record.get(key, "") for key in headers] for record in records], columns=headers, dtype="str")
    table.columns = pd.Index(unique_headers([str(name) for name in table.columns]))
    geometry = np.empty(len(rows), dtype=object)
    geometry[:] = [shapes[at] for at in rows]
    source = Source(table, np.asarray(rows, dtype=np.int64) + 1, geometry)
    source.broken = {position: problems[at] for position, at in enumerate(rows) if at in problems}
    source.issues = [*drawing.issues, *_aside(drawing, {*rows, *serves}, used)]
    if closed:
        told = f"outlines whose ends were up to {max(closed.values()):.3g} m apart were closed"
        source.issues.append(Issue.of_rows("ring_closed", told, np.asarray(sorted(closed), dtype=np.int64) + 1))
    return source


def _aside(drawing: Drawing, known: set[int], used: set[int]) -> list[Issue]:
    issues = []
    if used:
        detail = f"texts name the area they stand in, or the feature within {TEXT_REACH:g} text heights"
        issues.append(Issue("texts_as_names", detail, len(used), tuple(sorted(at + 1 for at in used)[:20])))
    read = known | used
    others = Counter(drawing.layer(at) for at in range(len(drawing.entities)) if at not in read)
    if others:
        told = ", ".join(f"{name} ({count})" for name, count in others.most_common(8))
        issues.append(Issue("other_cad_layers", f"entities on other layers: {told}", sum(others.values())))
    return issues


def _nameable(shapes: Any, wants: Sequence[str]) -> Any:
    """Features that the kind can use: a text in an area is not the name of a line that is none."""

    def fits(shape: Any) -> bool:
        if shape is None:
            return False
        family = shape.geom_type.removeprefix("Multi")
        if family == "LineString":
            return "line" in wants or ("polygon" in wants and shape.geom_type == "LineString" and shape.is_closed)
        return family.casefold() in wants

    return np.asarray([fits(shape) for shape in shapes], dtype=bool)


def _record(
    entity: Any, texts: Sequence[Text], notes: Callable[[Sequence[str]], tuple[str, Mapping[str, str]]] | None
) -> dict[str, str]:
    """One row: a block's attributes are columns under their tags; what is nothing but a number is no name."""
    tags = {}
    if entity.dxftype() == "INSERT":
        tags = {clean(item.dxf.get("tag", "")).strip(): _plain(item) for item in getattr(entity, "attribs", [])}
    named = next((value for tag, value in tags.items() if value and header_key(tag) in _name_headers()), "")
    words = [text.value for text in texts if text.figure is None]
    noted, further = notes(words) if notes is not None else (next(iter(words), ""), {})
    named = named or noted
    own = text_of(entity, 0)
    told = [*tags.values(), *(text.value for text in texts), *([own.value] if own is not None else [])]
    fixed = {
        "cad_handle": clean(entity.dxf.get("handle", "") or ""),
        "cad_layer": clean(entity.dxf.get("layer", "0")),
        "cad_type": entity.dxftype(),
        "cad_block": clean(entity.dxf.get("name", "")) if entity.dxftype() == "INSERT" else "",
        "cad_text": "; ".join(filter(None, told)),
        "name": named,
    }
    return fixed | dict(further) | {key: value for key, value in tags.items() if key and key not in fixed}


@lru_cache(maxsize=1)
def _name_headers() -> frozenset[str]:
    return frozenset(map(header_key, synonyms_of("name")))


def _plain(attribute: Any) -> str:
    try:
        return clean(attribute.plain_text()).strip()
    except (ValueError, TypeError, AttributeError):
        return clean(attribute.dxf.get("text", "")).strip()
