"""The two surfaces of a place as heights over a plane of its own: on benches, vertical faces and under overhangs."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.tin import triangulated_heights

__all__ = ["Frame", "Lattice", "frame_of", "heights", "near_points"]

Floats = NDArray[np.float64]

# How much ground around a lattice the triangulation sees.
RIM_M = 5.0


class Frame(NamedTuple):
    """Axes of a place: the third row points along its mean normal, the first is horizontal."""

    origin: Floats
    axes: Floats

    def local(self, xyz: NDArray[Any]) -> Floats:
        """Points (n, 3) in the frame."""
        return (np.asarray(xyz, dtype=np.float64) - self.origin) @ self.axes.T

    def world(self, uvw: Floats) -> Floats:
        """Points (n, 3) of the frame in the coordinates of the clouds."""
        return uvw @ self.axes + self.origin


class Lattice(NamedTuple):
    """Square cells in the plane of a frame: lower left corner, edge in metres, rows and columns."""

    corner: tuple[float, float]
    cell_m: float
    shape: tuple[int, int]

    def centres(self) -> tuple[Floats, Floats]:
        """Coordinates (rows, columns) of the middles of the cells."""
        rows, columns = self.shape
        u = self.corner[0] + self.cell_m * (np.arange(columns) + 0.5)
        v = self.corner[1] + self.cell_m * (np.arange(rows) + 0.5)
        first, second = np.meshgrid(u, v)
        return first, second


def frame_of(points: Floats, normals: Floats) -> Frame:
    """The frame of points (n, 3) with unit normals (n, 3)."""
    mean = normals.mean(axis=0)
    w = mean / max(float(np.linalg.norm(mean)), 1e-12)
    u = np.array([1.0, 0.0, 0.0]) if np.hypot(w[0], w[1]) < 1e-3 else np.array([-w[1], w[0], 0.0])
    u = u - (u @ w) * w
    u /= np.linalg.norm(u)
    return Frame(points.mean(axis=0), np.array([u, np.cross(w, u), w]))


def near_points(cloud: Cloud, frame: Frame, low: Floats, high: Floats) -> Floats:
    """Points (n, 3) of a cloud, in the frame, inside a box of the frame."""
    corners = np.array([[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]]
                        for i in (0, 1) for j in (0, 1) for k in (0, 1)])  # fmt: skip
    world = frame.world(corners)
    # The reading is half-open; a hair more keeps the points on the upper faces.
    box = (*(world.min(axis=0) - 1e-3), *(world.max(axis=0) + 1e-3))
    found = frame.local(cloud.read(box, attributes=()).xyz)
    kept: Floats = found[((found >= low) & (found <= high)).all(axis=1)]
    return kept


def heights(points: Floats, lattice: Lattice, max_edge_m: float) -> Floats:
    """Heights (rows, columns) of the triangulated points of a frame at the middles of the cells; NaN where unknown."""
    if len(points) < 3:
        return np.full(lattice.shape, np.nan)
    return triangulated_heights(
        points[:, :2], points[:, 2], lattice.corner, lattice.cell_m, lattice.shape, max_edge_m=max_edge_m
    )
