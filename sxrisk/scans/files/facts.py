"""Facts that the header and a few rows of a point file tell, format by format."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from sxrisk.errors import InputError, UnverifiedInputWarning
from sxrisk.scans._crs import split_crs
from sxrisk.scans.files import open_source
from sxrisk.scans.files.stated import stated_crs
from sxrisk.scans.source import Bounds, PointSource

__all__ = ["Facts", "gather_facts"]

SAMPLE_POINTS = 1000
WHOLE_BYTES = 32_000_000  # files that have to be read whole are looked into up to this size
TAIL_BYTES = 65_536
UTM_SIZE = 100_000.0
ROOM = 1.5
FIRST_YEAR = 2003  # of the LAS standard


@dataclass
class Facts:
    """What is known of a file; see :class:`~sxrisk.scans.info.ScanInfo` for the fields."""

    format: str
    n_points: int | None
    is_estimate: bool = False
    bounds: Bounds | None = None
    bounds_from: str = "header"
    crs: pyproj.CRS | None = None
    vertical_crs: pyproj.CRS | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    extra_dimensions: tuple[str, ...] = ()
    stations: list[dict[str, Any]] = field(default_factory=list)
    scale: tuple[float, float, float] | None = None
    offset: tuple[float, float, float] | None = None
    compression: str = "none"
    levels: dict[int, int] = field(default_factory=dict)
    gps_time: tuple[float, float] | None = None
    created: str = ""
    software: str = ""
    notices: list[str] = field(default_factory=list)


def gather_facts(path: Path) -> Facts:
    """Facts on a file, none of which needs all its points.

    Raises
    ------
    InputError
        If the file cannot be read as points.
    """
    suffix = path.suffix.lower()
    if suffix == ".ptx" and path.stat().st_size > WHOLE_BYTES:
        return _long_ptx(path)
    source = open_source(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UnverifiedInputWarning)
        crs, vertical = split_crs(*stated_crs(source, path), where=path)
    facts = _FACTS[suffix](source, path)
    facts.crs, facts.vertical_crs = crs, vertical
    said = getattr(source, "metadata", "")
    if crs is None and said not in ("", "unknown"):
        facts.notices.append(f"the file names a coordinate system that PROJ does not know: {said[:120]!r}")
    facts.notices += [str(warning.message).removeprefix(f"{path.name}: ") for warning in told]
    return facts


def _las(source: Any, path: Path) -> Facts:
    header = source.header
    packed = bool(header.are_points_compressed)
    kind = f"{'LAZ' if packed else 'LAS'} {header.version}, point format {header.point_format.id}"
    facts = Facts(f"{kind}, COPC" if source.is_copc else kind, source.n_points, bounds=source.bounds)
    facts.compression = "LAZ" if packed else "none"
    facts.scale, facts.offset = source.quantum.scale, source.quantum.offset
    facts.stations = _plain_stations(source)
    types = header.point_format.dtype()
    extra = {dimension.name: dimension for dimension in header.point_format.extra_dimensions}
    for name in source.attribute_names:
        facts.attributes[name] = str(extra[name].dtype) if name in extra else _las_type(types, name)
    facts.extra_dimensions = tuple(extra)
    if header.creation_date is not None and header.creation_date.year >= FIRST_YEAR:
        facts.created = header.creation_date.isoformat()
    system = _clean(header.system_identifier)
    facts.software = ", ".join(filter(None, (_clean(header.generating_software), f"system {system}" if system else "")))
    if source.is_copc:
        facts.levels = source.octree.levels()
        facts.gps_time = source.octree.gps_time
    if not packed:
        room = (path.stat().st_size - header.offset_to_point_data) // header.point_format.size
        if header.point_count and room > ROOM * header.point_count:
            facts.notices.append(f"the header counts {header.point_count} points, but the bytes hold {room}")
    _check_las_bounds(facts, source)
    return facts


def _las_type(types: Any, name: str) -> str:
    return str(types[name]) if name in (types.names or ()) else "uint8"  # parts of a byte


def _check_las_bounds(facts: Facts, source: Any) -> None:
    if not source.n_points:
        facts.notices.append("the file holds no points")
        return
    b = source.bounds
    if b is None or not (b.xmin <= b.xmax and b.ymin <= b.ymax and b.zmin <= b.zmax):
        facts.notices.append("the bounds in the header are no box")
        facts.bounds = None
        return
    scale, offset = np.array(source.quantum.scale), np.array(source.quantum.offset)
    reach = np.abs(scale) * 2**31
    if (np.array(b[:3]) < offset - reach).any() or (np.array(b[3:]) > offset + reach).any():
        facts.notices.append("the bounds in the header are farther away than its coordinates can reach")
    sample = _sample(source)
    if sample is None:
        facts.notices.append("the first points cannot be read: the file is damaged")
        return
    slack = np.abs(scale) + 1e-6
    outside = ((sample < np.array(b[:3]) - slack) | (sample > np.array(b[3:]) + slack)).any(axis=1)
    if outside.any():
        place = sample[outside][0]
        facts.notices.append(
            f"the bounds in the header do not hold the points: one of the first is at {place[0]:.3f}, {place[1]:.3f}, "
            f"{place[2]:.3f}"
        )


def _e57(source: Any, path: Path) -> Facts:
    from sxrisk.scans.files.e57 import file_software

    version, software, created = file_software(path)
    facts = Facts(f"E57 {version}", source.n_points, software=software, created=created)
    facts.attributes = {name: source.types[name].name for name in source.types} | {"station_index": "int32"}
    for scan in source.scans:
        facts.stations.append(
            {
                "name": scan.name,
                "position": tuple(scan.translation.tolist()) if scan.is_place else None,
                "n_points": scan.n_points,
                "start": scan.start,
                "sensor": scan.sensor,
            }
        )
        if scan.has_pose and not scan.is_place:
            facts.notices.append(
                f"scan {scan.name!r}: its pose is no place of a scanner, the points lie too far from it"
            )
        if not scan.has_pose:
            facts.notices.append(f"scan {scan.name!r} states no pose: where the scanner stood is unknown")
    facts.bounds = _e57_bounds(source)
    if facts.bounds is None and source.n_points:
        facts.notices.append("no bounds are stated for all scans")
    return facts


def _e57_bounds(source: Any) -> Bounds | None:
    boxes = [scan.shared_bounds() for scan in source.scans if scan.n_points]
    if not boxes or not all(boxes):
        return None
    sample = _sample(source)
    # Which of the two frames the writer meant, the first points tell.
    way = 0
    if sample is not None and len(sample):
        within = [((sample >= box[0] - 1e-3) & (sample <= box[1] + 1e-3)).all() for box in boxes[0]]
        way = 1 if within == [False, True] else 0
    every = np.concatenate([box[way] for box in boxes])
    return Bounds(*every.min(axis=0).tolist(), *every.max(axis=0).tolist())


def _ply(source: Any, path: Path) -> Facts:
    facts = Facts(f"PLY, {source.header.encoding}", source.n_points)
    facts.attributes = {
        name: np.dtype(kind).name
        for name, (_, kind) in zip(source.names, source.vertices.fields, strict=True)
        if name not in ("x", "y", "z")
    }
    facts.software = "; ".join(source.foreign_remarks(source.header.comments)[:3])
    facts.stations = _plain_stations(source)
    kinds = [
        kind for name, (_, kind) in zip(source.names, source.vertices.fields, strict=True) if name in ("x", "y", "z")
    ]
    _from_sample(facts, source, single=source.header.encoding != "ascii" and any(k.endswith("f4") for k in kinds))
    return facts


def _pcd(source: Any, path: Path) -> Facts:
    facts = Facts(f"PCD, {source.encoding}", source.n_points)
    facts.compression = "LZF" if source.encoding == "binary_compressed" else "none"
    facts.attributes = {name: str(kind) for name, kind in source.types().items()}
    facts.stations = _plain_stations(source)
    if source.encoding != "binary_compressed" or path.stat().st_size <= WHOLE_BYTES:
        _from_sample(facts, source, single=source.encoding != "ascii" and source.is_single)
    return facts


def _text(source: Any, path: Path) -> Facts:
    from sxrisk.scans.files.sampling import rows_at_both_ends

    layout = source.layout
    separators = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    columns = separators.get(layout.separator, "blanks")
    words = f"text, {columns} between values, {'decimal comma, ' if layout.decimal == ',' else ''}"
    facts = Facts(words + ("with a header" if layout.has_header else "no header"), None, bounds_from="sample")
    sample = rows_at_both_ends(path, layout)
    facts.n_points, facts.is_estimate = sample.n_rows, not sample.is_whole
    facts.attributes = {name: _text_type(layout, name) for name in source.attribute_names}
    if len(sample.xyz):
        facts.bounds = Bounds(*sample.xyz.min(axis=0).tolist(), *sample.xyz.max(axis=0).tolist())
    else:
        facts.notices.append("no row of coordinates was found at either end of the file")
    if sample.is_whole:
        facts.bounds_from = "header" if facts.bounds is not None else ""
    if not layout.by_rule:
        facts.notices.append("no header: the first three columns of numbers count as easting, northing and height")
    if layout.count is not None:
        if sample.n_rows < 0.9 * layout.count:
            facts.notices.append(
                f"the first line counts {layout.count} points, the size is that of about {sample.n_rows}"
            )
        elif sample.n_rows <= 1.1 * layout.count:
            facts.n_points, facts.is_estimate = layout.count, False
    return facts


def _text_type(layout: Any, name: str) -> str:
    if name in layout.words:
        return "text"
    return "uint8" if layout.eight_bit and name in ("red", "green", "blue") else "float64"


def _ptx(source: Any, path: Path) -> Facts:
    facts = Facts("PTX", source.n_points)
    types = {"intensity": "float64", "station_index": "int32"}
    facts.attributes = {name: types.get(name, "uint8") for name in source.attribute_names}
    facts.stations = _plain_stations(source)
    _from_sample(facts, source)
    return facts


def _long_ptx(path: Path) -> Facts:
    """Of a long file only its first station: the headers of the others stand somewhere among the points."""
    from sxrisk.scans.files.ptx import read_station

    with path.open("rb") as file:
        station = read_station(file, path)
        start = file.tell()
        rows = file.read(TAIL_BYTES).count(b"\n")
    cells = station.columns * station.rows if station is not None else 0
    facts = Facts("PTX", int((path.stat().st_size - start) / (TAIL_BYTES / max(rows, 1))), is_estimate=True)
    if station is not None:
        facts.stations = [{"name": "", "position": tuple(station.place.tolist()), "n_points": cells}]
    if facts.n_points is not None and facts.n_points > ROOM * cells:
        facts.notices.append("more stations follow; where they stood is known when the file is read")
    return facts


def _vtk(source: Any, path: Path) -> Facts:
    facts = Facts(f"legacy VTK, {'ascii' if source.is_ascii else 'binary'}", source.n_points)
    if path.stat().st_size <= WHOLE_BYTES:
        facts.attributes = dict.fromkeys(source.attribute_names, "float64")
        _from_sample(facts, source)
    return facts


def _vtp(source: Any, path: Path) -> Facts:
    facts = Facts("VTK XML poly data", source.n_points)
    facts.attributes = {name: str(kind) for name, kind in source.types().items()}
    facts.stations = _plain_stations(source)
    _from_sample(facts, source)
    return facts


def _plain_stations(source: PointSource) -> list[dict[str, Any]]:
    places = [] if source.stations is None else source.stations.tolist()
    return [{"name": "", "position": tuple(place)} for place in places]


def _from_sample(facts: Facts, source: Any, *, single: bool = False) -> None:
    """Bounds that the first points reach, and whether 32 bits are enough for them."""
    sample = _sample(source)
    if sample is None:
        facts.notices.append("the first points cannot be read: the file is damaged")
        return
    if not len(sample):
        if not source.n_points:
            facts.notices.append("the file holds no points")
        return
    facts.bounds = Bounds(*sample.min(axis=0).tolist(), *sample.max(axis=0).tolist())
    facts.bounds_from = "header" if len(sample) == source.n_points else "sample"
    largest = float(np.abs(sample).max())
    if single and largest > UTM_SIZE:
        step = float(np.spacing(np.float32(largest)))
        facts.notices.append(
            f"coordinates of {largest:.0f} are kept in 32 bits, in steps of {step:g}: precision is lost"
        )


def _sample(source: Any) -> npt.NDArray[np.float64] | None:
    """The first points that have coordinates, None if they cannot be read."""
    try:
        piece = next(iter(source.pieces(SAMPLE_POINTS, attributes=())), None)
    except InputError:
        return None
    xyz = np.empty((0, 3)) if piece is None else piece.xyz
    return xyz[np.isfinite(xyz).all(axis=1)]


def _clean(text: Any) -> str:
    return str(text or "").replace("\0", " ").strip()


_FACTS = {
    ".las": _las, ".laz": _las, ".e57": _e57, ".ply": _ply, ".pcd": _pcd, ".ptx": _ptx, ".vtk": _vtk,
    ".vtp": _vtp,
    ".xyz": _text, ".csv": _text, ".txt": _text, ".asc": _text, ".pts": _text,
}  # fmt: skip
