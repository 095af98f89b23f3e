"""What lies between the two triangulated surfaces over a body, integrated along the body's own normal."""

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, label, uniform_filter
from scipy.spatial import cKDTree

from sxrisk.change._body_meshes import closed_mesh
from sxrisk.change._body_parts import outline_of
from sxrisk.change._body_surfaces import RIM_M, Frame, Lattice, heights, near_points
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.mesh import Mesh

__all__ = ["MASS_THICKNESS_M", "Solid", "solid_between"]

Floats = NDArray[np.float64]

# A change thicker than this is material gone or come, not a surface that creeps: it has no displacement rate.
MASS_THICKNESS_M = 0.3
FINE_CELL_M = 0.2
MAX_FINE_CELLS = 1_000_000
# How far beyond its core points a thick body is followed at first, and at most.
GROW_M = 5.0
GROW_MOST_M = 80.0
# How far its rim may taper from there to the level of detection.
TAPER_M = 2.0
# Places hidden from the scanner are spanned if they are no wider; beyond, nobody knows whether anything moved.
SHADOW_M = 8.0
UNSEEN_M = 0.8


class Solid(NamedTuple):
    """Signed volume, area across the normal, outline in plan, what was spanned between points, and the two reliefs."""

    volume_m3: float
    area_m2: float
    outline: Any
    rim_m: float
    unseen_m2: float
    n_points: tuple[int, int]
    before: Floats
    after: Floats
    cells: NDArray[np.bool_]
    lattice: Lattice
    frame: Frame

    def mesh(self, crs: Any) -> Mesh:
        """The solid as a closed mesh, which encloses the volume without its sign; no faces where there are no cells."""
        upper, lower = (self.after, self.before) if self.volume_m3 > 0 else (self.before, self.after)
        return closed_mesh(upper, lower, self.cells, self.lattice, self.frame, crs)


def solid_between(
    core: Floats, others: Floats, frame: Frame, before: Cloud, after: Cloud, *, sign: float, thick: bool,
    spacing: float, depth_m: float, seen_m: float,
) -> Solid:  # fmt: skip
    """The solid between two triangulated clouds over the footprint of core points.

    A triangulation reads the surface between its points without the bias of cell means on steep ground with uneven
    sampling, and spans what was hidden from the scanner. A thick body is followed beyond the core points, for M3C2 ends
    where the change is deeper than its cylinder, and its rim averages changed and unchanged ground; a thin one is
    summed with the ground around it, where noise cancels, so that what lies below the level of detection is in it.

    Parameters
    ----------
    core, others : (n, 3) and (k, 3) float64
        Core points of the body and those of other bodies, which keep their own ground.
    frame : Frame
        Of the body.
    before, after : Cloud
        The epochs.
    sign : float
        Of the body's change.
    thick : bool
        Whether material went or came.
    spacing, depth_m : float
        Of the core points; how far along the normal the surfaces are looked for beyond them.
    seen_m : float
        Level of detection of the body's core points.
    """
    local = frame.local(core)
    outline = outline_of(local, spacing)
    rim = (2.0 * spacing) if not thick else GROW_M
    while True:
        u0, v0, u1, v1 = outline.buffer(rim).bounds
        cell = max(FINE_CELL_M if thick else min(FINE_CELL_M, 0.5 * spacing),
                   float(np.sqrt((u1 - u0) * (v1 - v0) / MAX_FINE_CELLS)))  # fmt: skip
        lattice = Lattice((u0, v0), cell, (max(int((v1 - v0) / cell), 1), max(int((u1 - u0) / cell), 1)))
        deep = depth_m + rim
        low = np.array([u0 - RIM_M, v0 - RIM_M, float(local[:, 2].min()) - deep])
        high = np.array([u1 + RIM_M, v1 + RIM_M, float(local[:, 2].max()) + deep])
        points = [near_points(cloud, frame, low, high) for cloud in (before, after)]
        first, second = (heights(p, lattice, SHADOW_M) for p in points)
        u, v = lattice.centres()
        inside = np.asarray(shapely.contains_xy(outline, u, v))
        change = second - first
        known = np.isfinite(change)
        if not thick:
            wide = np.asarray(shapely.contains_xy(outline.buffer(rim), u, v))
            counted = wide & known & _own(u, v, local, frame.local(others), spacing)
            break
        with np.errstate(invalid="ignore"):
            places, _ = label(binary_opening(sign * change > MASS_THICKNESS_M, np.ones((3, 3), dtype=bool)))
        joined = np.isin(places, np.setdiff1d(places[inside], 0))
        at_edge = joined[0].any() or joined[-1].any() or joined[:, 0].any() or joined[:, -1].any()
        if joined.any() and at_edge and 2.0 * rim <= GROW_MOST_M:
            rim *= 2.0
            continue
        if joined.any():
            # The opening took the rim's outermost cells, and the threshold what is thinner: back to where the change
            # sinks into the noise, and two cells more.
            thinner = sign * uniform_filter(np.where(known, change, 0.0), 3) > seen_m
            inside = binary_dilation(joined, iterations=2)
            inside = binary_dilation(inside, iterations=int(TAPER_M / cell), mask=thinner | inside)
        with np.errstate(invalid="ignore"):
            counted = inside & known & (sign * change > 0)
        break
    volume = float(change[counted].sum() * cell**2)
    far = np.zeros(int(counted.sum()), dtype=bool)
    for p in points:
        if len(p) and len(far):
            far |= cKDTree(p[:, :2]).query(np.column_stack([u[counted], v[counted]]), workers=-1)[0] > UNSEEN_M
    drawn = inside & known
    plan = _plan(frame, (u, v), (first, second), drawn, cell) if thick and drawn.any() else outline_of(core, spacing)
    footprint = [p[_on(p, lattice, counted)] for p in points]
    around = float(outline.length) if not thick else float(_edge_cells(inside) * cell)
    area = float(inside.sum() * cell**2)
    return Solid(volume, area, plan, around, float(far.sum() * cell**2), (len(footprint[0]), len(footprint[1])),
                 first, second, counted, lattice, frame)  # fmt: skip


def _own(u: Floats, v: Floats, local: Floats, others: Floats, spacing: float) -> NDArray[np.bool_]:
    """Cells nearer to the body's core points than to those of other bodies."""
    near = others[np.abs(others[:, 2]) <= np.abs(local[:, 2]).max() + 4.0 * spacing]
    if not len(near):
        return np.ones(u.shape, dtype=bool)
    cells = np.column_stack([u.ravel(), v.ravel()])
    mine, theirs = (cKDTree(p[:, :2]).query(cells, workers=-1)[0] for p in (local, near))
    nearer: NDArray[np.bool_] = (mine <= theirs).reshape(u.shape)
    return nearer


def _on(points: Floats, lattice: Lattice, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    place = np.floor((points[:, 1::-1] - lattice.corner[::-1]) / lattice.cell_m).astype(np.int64)
    inside: NDArray[np.bool_] = np.asarray(((place >= 0) & (place < lattice.shape)).all(axis=1))
    row, column = np.where(inside[:, None], place, 0).T
    return inside & cells[row, column]


def _edge_cells(cells: NDArray[np.bool_]) -> int:
    return int((np.diff(np.pad(cells, 1).astype(np.int8), axis=0) != 0).sum()
               + (np.diff(np.pad(cells, 1).astype(np.int8), axis=1) != 0).sum())  # fmt: skip


def _plan(
    frame: Frame, cells: tuple[Floats, Floats], surfaces: tuple[Floats, Floats], inside: NDArray[np.bool_], cell: float
) -> Any:
    """Outline in plan of the solid between both surfaces over cells of its own plane."""
    from rasterio.features import shapes
    from rasterio.transform import Affine

    w = frame.axes[2]
    # On a steep face the solid is its own width in plan, be the face itself a line.
    layers = 1 if abs(w[2]) > 0.999 else 9
    parts = []
    for t in np.linspace(0.0, 1.0, layers):
        height = surfaces[0][inside] + t * (surfaces[1][inside] - surfaces[0][inside])
        parts.append(frame.world(np.column_stack([cells[0][inside], cells[1][inside], height]))[:, :2])
    plan = np.concatenate(parts)
    low = plan.min(axis=0) - 2.0 * cell
    column, row = np.floor((plan - low) / cell).astype(np.int64).T
    drawn = np.zeros((int(row.max()) + 3, int(column.max()) + 3), dtype=bool)
    drawn[row, column] = True
    grown = binary_dilation(drawn, np.ones((3, 3), dtype=bool))
    outside: NDArray[np.bool_] = np.logical_not(grown)
    closed = np.logical_not(binary_dilation(outside, np.ones((3, 3), dtype=bool))) | drawn
    place = Affine(cell, 0.0, float(low[0]), 0.0, cell, float(low[1]))
    found = [shapely.geometry.shape(s) for s, _ in shapes(closed.astype(np.uint8), mask=closed, transform=place)]
    return shapely.union_all(found).simplify(cell)
