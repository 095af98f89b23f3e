"""The closed surface around what lies between two reliefs, as a mesh whose volume is their integral."""

import numpy as np
from numpy.typing import NDArray

from sxrisk.change._body_surfaces import Frame, Lattice
from sxrisk.surfaces.mesh import Mesh

__all__ = ["closed_mesh"]

Floats = NDArray[np.float64]

# Corners of a cell, counter-clockwise: steps in row and column; and the neighbour across the edge to the next corner.
_CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))
_ACROSS = ((-1, 0), (0, 1), (1, 0), (0, -1))


def closed_mesh(
    top: Floats, bottom: Floats, cells: NDArray[np.bool_], lattice: Lattice, frame: Frame, crs: object
) -> Mesh:
    """The solid between two reliefs over cells of a lattice: watertight, every edge in two faces, looking outward.

    Each cell is a fan of four triangles around its middle above and below, with walls where it has no neighbour. A
    corner stands at the mean of the cells around it, so that the enclosed volume is the sum of the cells' thickness by
    their area to the last digits. Cells that touch at a corner alone do not share it.

    Parameters
    ----------
    top, bottom : (rows, columns) float64
        Heights along the frame's third axis, finite on `cells`.
    cells : (rows, columns) bool
        Where the solid is.
    lattice, frame
        Of the reliefs.
    crs
        System of the mesh.
    """
    row, column = np.nonzero(cells)
    n = len(row)
    padded = np.pad(cells, 1)
    corner = np.empty((n, 4), dtype=np.int64)
    wall = np.empty((n, 4), dtype=bool)
    for i, ((down, right), (next_row, next_column)) in enumerate(zip(_CORNERS, _ACROSS, strict=True)):
        r, c = row + down, column + right
        # The four cells around the corner, in the padded mask.
        southwest, southeast = padded[r, c], padded[r, c + 1]
        northwest, northeast = padded[r + 1, c], padded[r + 1, c + 1]
        crossing = (southwest & northeast & ~southeast & ~northwest) | (southeast & northwest & ~southwest & ~northeast)
        # This cell lies north of its own lower corners: there it takes the second copy.
        corner[:, i] = 2 * (r * (cells.shape[1] + 1) + c) + (crossing & (down == 0))
        wall[:, i] = ~padded[row + 1 + next_row, column + 1 + next_column]
    keys, index = np.unique(corner, return_inverse=True)
    index = index.reshape(n, 4)
    shared = np.bincount(index.ravel(), minlength=len(keys))
    place = np.column_stack([(keys // 2) % (cells.shape[1] + 1), (keys // 2) // (cells.shape[1] + 1)])
    middle = np.column_stack([column + 0.5, row + 0.5])
    flat = np.asarray(lattice.corner) + lattice.cell_m * np.concatenate([place, middle])
    sides = []
    for relief in (top, bottom):
        own = relief[row, column]
        at_corner = np.bincount(index.ravel(), np.repeat(own, 4), len(keys)) / shared
        sides.append(np.column_stack([flat, np.concatenate([at_corner, own])]))
    half = len(keys) + n
    centre = len(keys) + np.arange(n)
    faces = []
    for i in range(4):
        a, b = index[:, i], index[:, (i + 1) % 4]
        faces += [np.column_stack([a, b, centre]), half + np.column_stack([b, a, centre])]
        a, b = a[wall[:, i]], b[wall[:, i]]
        faces += [np.column_stack([b, a, half + a]), np.column_stack([b, half + a, half + b])]
    return Mesh(frame.world(np.concatenate(sides)), np.concatenate(faces).astype(np.int32), crs=crs)
