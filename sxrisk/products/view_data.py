"""Clouds and meshes cut down to what one page can hold, with the true numbers of all their data."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.products.scene import encoded
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.writing.octree import BITS, morton
from sxrisk.scans.writing.outgoing import COLOURS, Outgoing

__all__ = ["Shown", "field_facts", "mesh_shown", "thinned"]

# Whole numbers with at most so many different values are classes, not measurements.
MOST_CLASSES = 24
CLASSES = ("classification", "significant", "reason", "station_index", "return_number", "number_of_returns")


class Shown:
    """What a page shows of a cloud or a mesh.

    Parameters
    ----------
    places : numpy.ndarray of shape (n, 3)
        Points or vertices.
    fields : mapping of str to numpy.ndarray of shape (n,)
        Values at them.
    rgb : numpy.ndarray of shape (n, 3), optional
        Colours, bytes.
    faces : numpy.ndarray of shape (m, 3), optional
        Of a mesh.
    total : int
        Points or triangles that there are.
    limits : mapping of str to (float, float)
        Least and greatest value of each field over all data.
    box : tuple of two numpy.ndarray of shape (3,)
        Least and greatest coordinates of all data.
    """

    def __init__(
        self,
        places: npt.NDArray[np.float64],
        fields: Mapping[str, npt.NDArray[Any]],
        rgb: npt.NDArray[np.uint8] | None,
        faces: npt.NDArray[np.int32] | None,
        total: int,
        limits: Mapping[str, tuple[float, float]],
        box: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    ) -> None:
        self.places, self.fields, self.rgb, self.faces = places, dict(fields), rgb, faces
        self.total, self.limits, self.box = total, dict(limits), box

    @property
    def count(self) -> int:
        """Points or triangles that are shown."""
        return len(self.places) if self.faces is None else len(self.faces)

    def payload(self, origin: npt.NDArray[np.float64]) -> dict[str, Any]:
        """The data for the page's script."""
        return {
            "n": len(self.places),
            "count": self.count,
            "total": self.total,
            "positions": encoded(self.places - origin, "<f4"),
            "indices": None if self.faces is None else encoded(self.faces, "<u4"),
            "rgb": None if self.rgb is None else encoded(self.rgb, "u1"),
            "fields": {name: _field_payload(values) for name, values in self.fields.items()},
        }


def thinned(cloud: Cloud, most: int) -> Shown:
    """A cloud of at most `most` points, one of each voxel; gone through piece by piece.

    The voxels grow until few enough are left, then an even draw takes what is still too much.

    Parameters
    ----------
    cloud : Scan or TiledScan
        Any size.
    most : int
        Points to show.

    Returns
    -------
    Shown
        Fields that are the same everywhere are left out, apart from classes.
    """
    out = Outgoing(cloud)
    divisor = out.byte_colours()
    b = cloud.bounds()
    low = np.array([b.xmin, b.ymin, b.zmin])
    side = max(b.xmax - b.xmin, b.ymax - b.ymin, b.zmax - b.zmin, 1e-3) * (1.0 + 1e-9)
    hidden = COLOURS if out.has_colour else ()
    names = [name for name in out.kinds if name not in hidden]
    limits: dict[str, tuple[float, float]] = {}
    level, total = BITS, 0
    least, greatest = np.full(3, np.inf), np.full(3, -np.inf)
    places, codes = np.empty((0, 3)), np.empty(0, dtype=np.uint64)
    columns: dict[str, npt.NDArray[Any]] = {name: np.empty(0, dtype=kind) for name, kind in out.kinds.items()}
    for piece in out.pieces():
        total += len(piece.xyz)
        least, greatest = np.minimum(least, piece.xyz.min(axis=0)), np.maximum(greatest, piece.xyz.max(axis=0))
        _grow(limits, {name: piece.columns[name] for name in names})
        # Offsets within bounds that a header rounded stay inside the cube.
        cells = np.clip((piece.xyz - low) / side * 2.0**BITS, 0.0, 2.0**BITS - 1.0).astype(np.int64)
        places = np.concatenate([places, piece.xyz])
        codes = np.concatenate([codes, morton(cells, 1 << BITS)])
        columns = {name: np.concatenate([values, piece.columns[name]]) for name, values in columns.items()}
        if len(places) > 4 * most:
            level, rows = _one_a_voxel(codes, level, 2 * most)
            places, codes = places[rows], codes[rows]
            columns = {name: values[rows] for name, values in columns.items()}
    rows = np.arange(len(places))
    if total > most:
        level, rows = _one_a_voxel(codes, level, 4 * most)
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    rgb = np.column_stack([columns[name][rows] // divisor for name in COLOURS]) if out.has_colour else None
    fields = {name: columns[name][rows] for name in names if name in CLASSES or limits[name][0] < limits[name][1]}
    colours = None if rgb is None else rgb.astype(np.uint8)
    return Shown(places[rows], fields, colours, None, total, limits, (least, greatest))


def _one_a_voxel(codes: npt.NDArray[np.uint64], level: int, most: int) -> tuple[int, npt.NDArray[np.int64]]:
    """Rows of the first point in each voxel, of voxels that grow until at most `most` are left."""
    rows = np.unique(codes >> np.uint64(3 * (BITS - level)), return_index=True)[1]
    while len(rows) > most and level:
        level -= 1
        rows = np.unique(codes >> np.uint64(3 * (BITS - level)), return_index=True)[1]
    return level, np.sort(rows)


def mesh_shown(mesh: Any, most: int) -> Shown:
    """A mesh of at most `most` triangles with its fields; `mesh` is a :class:`~sxrisk.Mesh`."""
    from sxrisk.surfaces import simplify
    from sxrisk.surfaces._mesh_colours import vertex_colours

    small = simplify(mesh, most)
    limits: dict[str, tuple[float, float]] = {}
    _grow(limits, mesh.vertex_fields)
    rgb = vertex_colours(small)
    fields = {
        name: values
        for name, values in small.vertex_fields.items()
        if not (rgb is not None and name in COLOURS) and values.dtype.kind in "iufb"
    }
    box = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    return Shown(small.vertices, fields, rgb, small.faces, len(mesh.faces), limits, box)


def field_facts(shown: list[Shown]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the legend says of each field: range of the ramp, least and greatest value, classes."""
    for name in dict.fromkeys(name for item in shown for name in item.fields):
        values = np.concatenate([item.fields[name] for item in shown if name in item.fields])
        limits = [item.limits[name] for item in shown if name in item.fields]
        finite = values[np.isfinite(values)]
        if not len(finite):
            continue
        facts: dict[str, Any] = {
            "unit": unit_of(name),
            "least": min(low for low, _ in limits),
            "greatest": max(high for _, high in limits),
        }
        classes, counts = np.unique(finite, return_counts=True)
        if name in CLASSES or (values.dtype.kind in "iub" and len(classes) <= MOST_CLASSES):
            order = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
            facts["classes"] = sorted([float(classes[i]), int(counts[i])] for i in order)
        low, high = (float(v) for v in np.percentile(finite, [1.0, 99.0]))
        if signed(name):
            size = max(abs(low), abs(high)) or 1.0
            facts["range"], facts["signed"] = [-size, size], True
        else:
            facts["range"] = [low, high] if high > low else [facts["least"], facts["greatest"]]
        yield name, facts


def unit_of(name: str) -> str:
    """Unit by the ending of a field's name, empty where it tells none.

    Examples
    --------
    >>> unit_of("lod95_m"), unit_of("slope_deg"), unit_of("intensity")
    ('m', 'deg', '')
    """
    ending = name.rpartition("_")[2]
    return ending if ending in ("m", "mm", "m2", "m3", "deg") and "_" in name else ""


def signed(name: str) -> bool:
    """Whether a field means more or less than nothing: it gets a ramp with white in the middle."""
    return name.startswith(("distance", "change", "difference")) and unit_of(name) in ("m", "mm")


def _grow(limits: dict[str, tuple[float, float]], columns: Mapping[str, npt.NDArray[Any]]) -> None:
    for name, values in columns.items():
        finite = values[np.isfinite(values)]
        low, high = limits.get(name, (np.inf, -np.inf))
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        limits[name] = low, high


def _field_payload(values: npt.NDArray[Any]) -> dict[str, str]:
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        kind = "u1"
    elif values.dtype == np.uint16:
        kind = "u2"
    else:
        finite = values[np.isfinite(values)]
        # Where float32 would blur the values (times, say), eight bytes are kept.
        spread = float(np.ptp(finite)) if len(finite) else 0.0
        largest = float(np.abs(finite).max()) if len(finite) else 0.0
        kind = "f8" if spread < 1e-4 * largest else "f4"
    return {"type": kind, "data": encoded(values, kind if kind == "u1" else f"<{kind}")}
