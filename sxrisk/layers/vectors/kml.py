"""KML and KMZ: placemarks of every folder, with their extended data as columns."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._source import Source, unique_headers, wrap_read_errors
from sxrisk.layers.report import Issue
from sxrisk.layers.vectors.archives import Archive
from sxrisk.layers.vectors.xml import checked_xml, local_name

__all__ = ["read_kml", "read_kmz"]

_CONTAINERS = frozenset(("Folder", "Document"))
_GEOMETRIES = frozenset(("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry", "Track", "MultiTrack"))
_MAX_DEPTH = 64
_SPACES = re.compile(r"\s*,\s*")


def read_kml(path: Path, *, layer: str | None) -> Source:
    """Placemarks of a KML file, of all folders unless one is named; KML is WGS 84 by definition.

    Parameters
    ----------
    path : Path
        The file.
    layer : str, optional
        A folder: its name, or its path with ``/`` where names repeat. Its subfolders belong to it.

    Returns
    -------
    Source
        Columns ``name``, ``description``, ``folder`` (path with ``/``), then one for each name of extended data. A
        placemark without a usable geometry is a broken row.

    Raises
    ------
    FileFormatError
        If the root element is not ``kml``, entities are declared, the file is damaged, or there is no folder `layer`.
    InputError
        If it holds no placemark.
    """
    return _parse(path.read_bytes(), path, layer)


def read_kmz(path: Path, *, layer: str | None) -> Source:
    """Placemarks of the ``doc.kml`` of a KMZ, else of its only KML; the archive's other members are named in an issue.

    Raises
    ------
    FileFormatError
        If the archive is damaged or unsafe, holds no KML or several and no ``doc.kml``; else as :func:`read_kml`.
    InputError
        If it holds no placemark.
    """
    with Archive(path) as archive:
        documents = [name for name in archive.names if name.casefold().endswith(".kml")]
        main = [name for name in documents if name.casefold() == "doc.kml"] or documents
        if len(main) != 1:
            what = f"the KMZ holds {len(main)} KML files and no doc.kml" if main else "the KMZ holds no KML"
            raise FileFormatError(what, where=path, expected="a doc.kml", remedy="Unpack it and give the .kml you mean")
        source = _parse(archive.read(main[0]), path, layer)
        others = [name for name in archive.names if name != main[0]]
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        source.issues.append(Issue("archive_members_not_read", f"read {main[0]}; not read: {shown}", len(others)))
    return source


@dataclass
class _Placemark:
    folder: tuple[str, ...]
    data: dict[str, str]
    geometry: Any = None
    problem: str = ""


@dataclass
class _Document:
    placemarks: list[_Placemark] = field(default_factory=list)
    folders: list[tuple[str, ...]] = field(default_factory=list)
    not_followed: dict[str, int] = field(default_factory=dict)


def _parse(data: bytes, path: Path, layer: str | None) -> Source:
    text, encoding = checked_xml(data, path, "kml")
    with wrap_read_errors(path, "a KML document", ElementTree.ParseError, ValueError, RecursionError):
        document = _collect(text)
    chosen = _in_folder(document, path, layer)
    if not chosen:
        raise InputError("the layer is empty", where=path, expected="at least one placemark")
    headers = list(dict.fromkeys(key for mark in chosen for key in mark.data))
    records = [[mark.data.get(key, "") for key in headers] for mark in chosen]
    table = pd.DataFrame(records, columns=headers, dtype="str").assign(
        folder=["/".join(mark.folder) for mark in chosen]
    )
    table.columns = pd.Index(unique_headers([str(name) for name in table.columns]))
    geometry = np.empty(len(chosen), dtype=object)
    geometry[:] = [mark.geometry for mark in chosen]
    source = Source(table, np.arange(1, len(chosen) + 1, dtype=np.int64), geometry, CRS.from_epsg(4326))
    source.encoding = encoding
    source.broken = {
        at: ("geometry_not_understood", mark.problem) for at, mark in enumerate(chosen) if mark.problem
    }  # fmt: skip
    if document.not_followed:
        told = ", ".join(f"{count} {name}" for name, count in document.not_followed.items())
        source.issues.append(Issue("kml_parts_not_read", f"pictures and links are not opened: {told}"))
    return source


def _in_folder(document: _Document, path: Path, layer: str | None) -> list[_Placemark]:
    if layer is None:
        return document.placemarks
    wanted = [folder for folder in document.folders if folder and layer in (folder[-1], "/".join(folder))]
    if not wanted:
        known = ", ".join(dict.fromkeys("/".join(folder) for folder in document.folders if folder))
        raise FileFormatError(f"there is no folder {layer!r}", where=path, expected=f"one of {known}")
    return [mark for mark in document.placemarks if any(mark.folder[: len(own)] == own for own in wanted)]


def _collect(text: str) -> _Document:
    """All placemarks with the path of folders they stand in; no recursion, however deep the folders are nested."""
    document = _Document()
    # One entry for every open container; its name stands in a child that has ended by the time placemarks follow.
    names: list[str] = []
    inside = 0
    for event, element in ElementTree.iterparse(io.StringIO(text), events=("start", "end")):
        tag = local_name(element.tag)
        if event == "start":
            if tag == "Placemark":
                inside += 1
            elif tag in _CONTAINERS:
                names.append("")
            continue
        if tag == "Placemark":
            inside -= 1
            document.placemarks.append(_placemark(element, tuple(name for name in names if name)))
            element.clear()
        elif tag == "name" and not inside and names and not names[-1]:
            names[-1] = (element.text or "").strip()
            document.folders.append(tuple(name for name in names if name))
        elif tag in _CONTAINERS:
            names.pop()
            element.clear()
        elif tag in ("NetworkLink", "GroundOverlay", "ScreenOverlay", "PhotoOverlay"):
            document.not_followed[tag] = document.not_followed.get(tag, 0) + 1
            element.clear()
    # The document's own name is a title, not a folder.
    _drop_title(document)
    return document


def _drop_title(document: _Document) -> None:
    first = {folder[:1] for folder in document.folders}
    titled = len(first) == 1 and all(mark.folder[:1] in first for mark in document.placemarks)
    if titled and any(len(folder) > 1 for folder in document.folders):
        document.folders = [folder[1:] for folder in document.folders]
        for mark in document.placemarks:
            mark.folder = mark.folder[1:]


def _placemark(element: Any, folder: tuple[str, ...]) -> _Placemark:
    mark = _Placemark(folder, {"name": "", "description": ""})
    for child in element:
        tag = local_name(child.tag)
        if tag in ("name", "description", "address", "phoneNumber"):
            mark.data[tag] = "".join(child.itertext()).strip()
        elif tag == "ExtendedData":
            mark.data |= dict(_extended(child))
        elif tag in _GEOMETRIES:
            try:
                mark.geometry = _geometry(child, 0)
            except (ValueError, shapely.GEOSException) as error:
                mark.problem = f"the {tag} cannot be read: {error}"[:200]
    return mark


def _extended(element: Any) -> Iterator[tuple[str, str]]:
    for item in element.iter():
        tag = local_name(item.tag)
        if tag == "SimpleData":
            yield item.get("name", ""), (item.text or "").strip()
        elif tag == "Data":
            value = next((child for child in item if local_name(child.tag) == "value"), None)
            yield item.get("name", ""), "" if value is None else (value.text or "").strip()


def _geometry(element: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    tag = local_name(element.tag)
    if tag == "Point":
        vertices = _vertices(element)
        if len(vertices) > 1:
            raise ValueError(f"a point with {len(vertices)} places")
        return shapely.points(vertices[0]) if len(vertices) else shapely.Point()
    if tag == "LineString":
        return shapely.linestrings(_vertices(element))
    if tag == "LinearRing":
        return shapely.linearrings(_vertices(element))
    if tag == "Polygon":
        return _polygon(element)
    if tag == "Track":
        places = [_numbers((child.text or "").split()) for child in element if local_name(child.tag) == "coord"]
        return shapely.linestrings(np.asarray(places, dtype=np.float64))
    parts = [_geometry(child, depth + 1) for child in element if local_name(child.tag) in _GEOMETRIES]
    return _joined([part for part in parts if not part.is_empty])


def _joined(parts: list[Any]) -> Any:
    """Parts of one family as its multi-geometry, mixed ones as a collection."""
    parts = [inner for part in parts for inner in shapely.get_parts(part)]
    families = {part.geom_type for part in parts}
    if families == {"Polygon"}:
        return shapely.multipolygons(parts)
    if families == {"Point"}:
        return shapely.multipoints(parts)
    if families and families <= {"LineString", "LinearRing"}:
        return shapely.multilinestrings([shapely.linestrings(shapely.get_coordinates(part)) for part in parts])
    return shapely.geometrycollections(parts)


def _polygon(element: Any) -> Any:
    rings: dict[str, list[Any]] = {"outerBoundaryIs": [], "innerBoundaryIs": []}
    for side in element:
        name = local_name(side.tag)
        if name in rings:
            rings[name] += [_vertices(ring) for ring in side if local_name(ring.tag) == "LinearRing"]
    if len(rings["outerBoundaryIs"]) != 1:
        raise ValueError(f"{len(rings['outerBoundaryIs'])} outer boundaries, expected one")
    return shapely.Polygon(rings["outerBoundaryIs"][0], rings["innerBoundaryIs"])


def _vertices(element: Any) -> Any:
    """Places of a geometry, shape (n, 2 or 3); missing heights are zero."""
    text = next((child.text or "" for child in element if local_name(child.tag) == "coordinates"), "")
    # Hand-written files put blanks round the commas.
    return np.asarray(_equal([_numbers(item.split(",")) for item in _SPACES.sub(",", text).split()]), dtype=np.float64)


def _numbers(parts: list[str]) -> list[float]:
    if not 2 <= len(parts) <= 3:
        raise ValueError(f"{','.join(parts)[:40]!r} is no longitude,latitude[,height]")
    return [float(part) for part in parts]


def _equal(places: list[list[float]]) -> list[list[float]]:
    width = max(map(len, places), default=2)
    return [place if len(place) == width else [*place, 0.0] for place in places]
