"""Vertical sections through grids and meshes, and their drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces.grids import cell_size_m
from sxrisk.surfaces.mesh import Mesh

__all__ = ["Section", "section", "write_sections_dxf"]

Floats = npt.NDArray[np.float64]

TEXT_HEIGHT_M = 2.0
# AutoCAD colour numbers, one per label in a section: blue for the first, red for the second, then green, magenta, cyan.
COLOURS = (5, 1, 3, 6, 4)


@dataclass(frozen=True)
class Section:
    """A vertical section along a straight line.

    Parameters
    ----------
    name : str
        Name of the section, ``A``.
    start, end : tuple of float
        Ends of the line in plan, in the surface's coordinates.
    profiles : tuple of (str, ndarray of shape (k, 2))
        Polylines of chainage from `start` and elevation, metres, each with the label of its surface (an epoch). A
        surface may have several: holes part it, and a cavity is a closed loop.
    """

    name: str
    start: tuple[float, float]
    end: tuple[float, float]
    profiles: tuple[tuple[str, Floats], ...]

    @property
    def length_m(self) -> float:
        """Length of the line."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))


def section(surfaces: Mesh | xr.DataArray | dict[str, Mesh | xr.DataArray], line: Any, *, name: str = "A") -> Section:
    """Cut one or several surfaces along a line.

    Parameters
    ----------
    surfaces : Mesh, xarray.DataArray, or dict of them by label
        Meshes are cut exactly, grids are sampled at half their cell, bilinearly.
    line : shapely LineString or sequence of two (x, y)
        Its first and last point count.
    name : str
        Name of the section.

    Returns
    -------
    Section

    Raises
    ------
    GeometryError
        If the line has no length.
    """
    points = [tuple(p[:2]) for p in (line.coords if hasattr(line, "coords") else line)]
    start, end = (np.asarray(points[i], dtype=np.float64) for i in (0, -1))
    length = float(np.hypot(*(end - start)))
    if not length > 0:
        raise GeometryError("the section line has no length", where=name, expected="two different points")
    labelled = surfaces if isinstance(surfaces, dict) else {"": surfaces}
    profiles = []
    for label, surface in labelled.items():
        if isinstance(surface, Mesh):
            cuts = _cut_mesh(surface, start, end, length)
        else:
            cuts = _cut_grid(surface, start, end, length)
        profiles += [(label, profile) for profile in cuts]
    return Section(name, (float(start[0]), float(start[1])), (float(end[0]), float(end[1])), tuple(profiles))


def write_sections_dxf(sections: Sequence[Section], path: str | Path) -> Path:
    """Draw sections one below the other: chainage to the right, elevation up, metres, true scale.

    Each surface has its layer and colour; each section its ground line, levels at the left and its name with the ends
    of its line. The same sections give the same bytes.

    Parameters
    ----------
    sections : sequence of Section
        What to draw; at least one.
    path : str or Path
        The ``.dxf`` file.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If there is no section.
    OutputError
        If the file cannot be written.
    """
    from importlib import import_module

    from ezdxf import units

    from sxrisk.scans import whole_file

    if not sections:
        raise ParameterError("no sections to draw", where=path, expected="at least one")
    ezdxf: Any = import_module("ezdxf")
    # ezdxf stamps time and random keys into a drawing unless told not to; the switch is global, so it is put back.
    stamped = ezdxf.options.write_fixed_meta_data_for_testing
    ezdxf.options.write_fixed_meta_data_for_testing = True
    try:
        drawing = ezdxf.new("R2010", units=units.M)
        space = drawing.modelspace()
        drawing.layers.add("FRAME", color=8)
        labels = list(dict.fromkeys(label for cut in sections for label, _ in cut.profiles))
        for number, label in enumerate(labels):
            drawing.layers.add(_layer(label), color=COLOURS[number % len(COLOURS)])
        top = 0.0
        for cut in sections:
            top -= _draw(space, cut, top) + 10.0 * TEXT_HEIGHT_M
        # ezdxf would list the classes in the order of a set, which changes from process to process.
        for name in sorted(drawing.entitydb.dxf_types_in_use()):
            drawing.classes.add_class(name)
        with whole_file(path) as partial:
            drawing.saveas(partial)
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = stamped
    return Path(path)


def _draw(space: Any, cut: Section, top: float) -> float:
    """Draw a section below `top` and give the height it took."""
    heights = np.concatenate([profile[:, 1] for _, profile in cut.profiles]) if cut.profiles else np.zeros(1)
    low, high = float(np.floor(heights.min() / 10.0) * 10.0), float(np.ceil(heights.max() / 10.0) * 10.0)
    shift = top - high
    frame = {"layer": "FRAME"}
    step = 10.0 if high - low <= 200.0 else 50.0
    for level in np.arange(low, high + step / 2.0, step):
        space.add_line((0.0, level + shift), (cut.length_m, level + shift), dxfattribs=frame)
        text = space.add_text(f"{level:.0f}", height=TEXT_HEIGHT_M, dxfattribs=frame)
        text.dxf.insert = (-6.0 * TEXT_HEIGHT_M, level + shift)
    title = "{}  ({:.2f}, {:.2f}) - ({:.2f}, {:.2f})".format(cut.name, *cut.start, *cut.end)
    text = space.add_text(title, height=TEXT_HEIGHT_M, dxfattribs=frame)
    text.dxf.insert = (0.0, high + shift + 2.0 * TEXT_HEIGHT_M)
    for label, profile in cut.profiles:
        closed = len(profile) > 3 and bool(np.allclose(profile[0], profile[-1], atol=1e-6))
        points = (profile[:-1] if closed else profile) + np.array([0.0, shift])
        space.add_lwpolyline(np.round(points, 4).tolist(), close=closed, dxfattribs={"layer": _layer(label)})
    return high - low


def _layer(label: str) -> str:
    # DXF forbids these in layer names; a label comes from a file name or an epoch.
    return "SECTION_" + "".join("-" if c in '<>/\\":;?*|=,`' or ord(c) < 32 else c for c in label)[:200]


def _cut_grid(grid: xr.DataArray, start: Floats, end: Floats, length: float) -> list[Floats]:
    from scipy.ndimage import map_coordinates

    cell = cell_size_m(grid)
    chainage = np.linspace(0.0, length, max(int(np.ceil(2.0 * length / cell)), 1) + 1)
    places = start + chainage[:, None] / length * (end - start)
    rows = (float(grid.y[0]) - places[:, 1]) / cell
    columns = (places[:, 0] - float(grid.x[0])) / cell
    heights = map_coordinates(grid.values, [rows, columns], order=1, cval=np.nan)
    return [np.column_stack([chainage[a:b], heights[a:b]]) for a, b in _runs(np.isfinite(heights))]


def _cut_mesh(mesh: Mesh, start: Floats, end: Floats, length: float) -> list[Floats]:
    """Exact cut of the faces by the vertical plane, joined to polylines."""
    direction = (end - start) / length
    offsets = mesh.vertices[:, :2] - start
    side = offsets @ np.array([-direction[1], direction[0]])
    # A vertex exactly in the plane is put a hair to one side: each face then has two crossed edges or none.
    side = np.where(side == 0.0, 1e-12, side)
    chainage = offsets @ direction
    corner = mesh.faces
    crossed = (side[corner] > 0).any(axis=1) & (side[corner] < 0).any(axis=1)
    segments: dict[tuple[int, int], list[tuple[int, int]]] = {}
    places: dict[tuple[int, int], tuple[float, float]] = {}
    for face in corner[crossed].tolist():
        ends = []
        for a, b in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
            if (side[a] > 0) != (side[b] > 0):
                edge = (min(a, b), max(a, b))
                part = side[edge[0]] / (side[edge[0]] - side[edge[1]])
                places[edge] = (
                    float(chainage[edge[0]] + part * (chainage[edge[1]] - chainage[edge[0]])),
                    float(mesh.vertices[edge[0], 2] + part * (mesh.vertices[edge[1], 2] - mesh.vertices[edge[0], 2])),
                )
                ends.append(edge)
        segments.setdefault(ends[0], []).append(ends[1])
        segments.setdefault(ends[1], []).append(ends[0])
    profiles = [np.array([places[edge] for edge in chain]) for chain in _chains(segments)]
    return [part for profile in profiles for part in _within(profile, length)]


def _within(profile: Floats, length: float) -> list[Floats]:
    """The pieces of a polyline between chainage 0 and `length`."""
    inside = (profile[:, 0] >= -1e-9) & (profile[:, 0] <= length + 1e-9)
    return [profile[a:b] for a, b in _runs(inside)]


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of the runs of at least two true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]


def _chains(links: dict[tuple[int, int], list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Paths through the crossed edges; open ones start at an end, closed ones return to their start."""
    chains, seen = [], set()
    starts = sorted(links, key=lambda edge: (len(links[edge]) != 1, edge))
    for first in starts:
        if first in seen:
            continue
        chain, current = [first], first
        seen.add(first)
        while True:
            onward = next((edge for edge in links[current] if edge not in seen), None)
            if onward is None:
                break
            chain.append(onward)
            seen.add(onward)
            current = onward
        if len(chain) > 2 and first in links[current] and len(links[first]) > 1:
            chain.append(first)
        chains.append(chain)
    return chains
