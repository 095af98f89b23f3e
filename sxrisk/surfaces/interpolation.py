"""Heights between scattered points on the cells of a grid: inverse distance, natural neighbours, triangles."""

import numpy as np
import numpy.typing as npt

from sxrisk.scans import Scan
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.grids import Lattice, cell_statistics

__all__ = ["INTERPOLATED", "MEASURED", "UNKNOWN", "interpolate"]

Floats = npt.NDArray[np.float64]

UNKNOWN, MEASURED, INTERPOLATED = 0, 1, 2


def interpolate(
    cloud: Cloud, lattice: Lattice, method: str, max_gap_m: float, power: float
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Heights at the middles of a lattice's cells, and what supports them.

    Tiles carry a halo as wide as the gap: an empty disk that decides about a cell lies wholly inside it, so that the
    triangles a tile keeps are those of the whole cloud.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    lattice : Lattice
        The cells.
    method : {"idw", "natural_neighbour", "tin"}
        How.
    max_gap_m : float
        Diameter of the widest empty disk to interpolate across, metres.
    power : float
        Exponent of the distance for ``idw``.

    Returns
    -------
    heights : ndarray of shape (n_rows, n_columns)
        Rows from the south, NaN where the gap is wider.
    support : ndarray of uint8, same shape
        0 unknown, 1 measured (a point lies in the cell), 2 interpolated.
    """
    shape = (lattice.n_rows, lattice.n_columns)
    heights, support = np.full(shape, np.nan), np.zeros(shape, np.uint8)
    margin = int(np.ceil(max_gap_m / lattice.cell_m)) + 1
    for tile in cloud.tiles(margin * lattice.cell_m, attributes=(), align_m=lattice.cell_m):
        window = lattice.window(tile.cells(lattice.cell_m))
        if not window.n_rows or not window.n_columns:
            continue
        place = lattice.place(window)
        xyz = np.ascontiguousarray(tile.scan.xyz)
        if method == "idw":
            heights[place] = _inverse_distance(xyz, cloud.origin, window, max_gap_m / 2.0, power)
        else:
            heights[place] = _triangulated(tile.scan, cloud.origin, window, method, max_gap_m)
        count = cell_statistics(xyz, window, ())["count"]
        known = np.isfinite(heights[place])
        support[place] = np.where(known, np.where(count > 0, MEASURED, INTERPOLATED), UNKNOWN)
    return heights, support


def _middles(window: Lattice, origin: Floats) -> tuple[Floats, Floats]:
    """Middles of columns and rows as offsets from the cloud's origin: the same numbers in every tile."""
    x = (window.first_column + np.arange(window.n_columns) + 0.5) * window.cell_m - origin[0]
    y = (window.first_row + np.arange(window.n_rows) + 0.5) * window.cell_m - origin[1]
    return x, y


def _inverse_distance(xyz: Floats, origin: Floats, window: Lattice, radius: float, power: float) -> Floats:
    from sxrisk.surfaces._grid_kernels import order_by_cell
    from sxrisk.surfaces._interpolation_kernels import inverse_distance

    cell, column, row, n_rows, n_columns = window
    margin = int(np.ceil(radius / cell + 0.5))
    start, order = order_by_cell(xyz, cell, column - margin, row - margin, n_rows + 2 * margin, n_columns + 2 * margin)
    local = xyz - origin
    x, y = _middles(window, origin)
    values = inverse_distance(
        x, y, start, order, np.ascontiguousarray(local[:, :2]), np.ascontiguousarray(local[:, 2]), cell, radius, power
    )
    return values + origin[2]


def _triangulated(scan: Scan, origin: Floats, window: Lattice, method: str, max_gap_m: float) -> Floats:
    from sxrisk.surfaces._interpolation_kernels import circumdiameters, draw_numbers, natural_neighbours, neighbours_of
    from sxrisk.surfaces.tin import joggled, triangulate

    local = scan.local(origin)
    xy, z = joggled(local[:, :2], window.cell_m), np.ascontiguousarray(local[:, 2])
    triangles = triangulate(xy)
    x, y = _middles(window, origin)
    if not len(triangles):
        return np.full((len(y), len(x)), np.nan)
    if method == "natural_neighbour":
        over = draw_numbers(xy, triangles, x, y)
        across = neighbours_of(triangles, len(xy))
        return natural_neighbours(xy, z, triangles, across, over, x, y, max_gap_m) + origin[2]
    triangles = triangles[circumdiameters(xy, triangles) <= max_gap_m]
    over = draw_numbers(xy, triangles, x, y)
    a, b, c = (triangles[over, k] for k in range(3))
    px, py = x[None, :] - xy[a, 0], y[:, None] - xy[a, 1]
    ux, uy = (xy[b] - xy[a])[..., 0], (xy[b] - xy[a])[..., 1]
    vx, vy = (xy[c] - xy[a])[..., 0], (xy[c] - xy[a])[..., 1]
    area = ux * vy - uy * vx
    height = z[a] + (px * vy - py * vx) / area * (z[b] - z[a]) + (ux * py - uy * px) / area * (z[c] - z[a])
    return np.where(over >= 0, height, np.nan) + origin[2]
