"""Compiled ray casting: ground as a bilinear height grid, machines as boxes, bushes as spheres that let light through.

Coordinates are offsets from a local origin, metres.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["BUSH", "GROUND", "MACHINE", "NOTHING", "WATER", "cast_on_ground", "coarse_maximum"]

NOTHING, GROUND, MACHINE, BUSH, WATER = 0, 1, 2, 3, 4
BLOCK_M = 4.0
"""Side of the blocks that rays high above the ground skip, m."""

Array = NDArray[np.float64]


def coarse_maximum(z: Array, cell_m: float) -> Array:
    """Highest ground within at least :data:`BLOCK_M` of anywhere in each block, m.

    Parameters
    ----------
    z : (n_north, n_east) float64
        Height at nodes, m.
    cell_m : float
        Node spacing, m.

    Returns
    -------
    (blocks_north, blocks_east) float64
    """
    from scipy import ndimage

    size = max(int(BLOCK_M / cell_m), 1)
    rows, cols = -(-z.shape[0] // size), -(-z.shape[1] // size)
    padded = np.pad(z, ((0, rows * size - z.shape[0]), (0, cols * size - z.shape[1])), mode="edge")
    blocks = padded.reshape(rows, size, cols, size).max(axis=(1, 3))
    return ndimage.maximum_filter(blocks, 3, mode="nearest")


@njit(cache=True, inline="always")
def _height(z, cell, x, y):  # type: ignore[no-untyped-def]
    col = x / cell
    row = y / cell
    j = int(col)
    i = int(row)
    if col < 0.0 or row < 0.0 or j >= z.shape[1] - 1 or i >= z.shape[0] - 1:
        return math.nan
    a = col - j
    b = row - i
    return (z[i, j] * (1 - a) + z[i, j + 1] * a) * (1 - b) + (z[i + 1, j] * (1 - a) + z[i + 1, j + 1] * a) * b


@njit(cache=True)
def _ground_range(z, top, cell, ox, oy, oz, dx, dy, dz, reach):  # type: ignore[no-untyped-def]
    """Distance along the ray to the ground, inf where it misses."""
    block = int(BLOCK_M / cell) * cell if cell < BLOCK_M else cell
    fine = 0.7 * cell
    t = 0.0
    last = 0.0
    while t < reach:
        x = ox + t * dx
        y = oy + t * dy
        h = oz + t * dz
        i = int(y / block)
        j = int(x / block)
        if x < 0.0 or y < 0.0 or i >= top.shape[0] or j >= top.shape[1]:
            return math.inf
        clear = h - top[i, j]
        if clear > fine:
            last = t
            t += min(clear, block)
            continue
        gap = h - _height(z, cell, x, y)
        if math.isnan(gap):
            return math.inf
        if gap <= 0.0:
            low = last
            high = t
            for _ in range(30):
                middle = 0.5 * (low + high)
                if oz + middle * dz - _height(z, cell, ox + middle * dx, oy + middle * dy) > 0.0:
                    low = middle
                else:
                    high = middle
            return 0.5 * (low + high)
        last = t
        t += fine
    return math.inf


@njit(cache=True)
def _box_range(box, ox, oy, oz, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Distance to an oriented box (12 centre, half sides, yaw, pitch) and the cosine of incidence there."""
    cy = math.cos(box[6])
    sy = math.sin(box[6])
    cp = math.cos(box[7])
    sp = math.sin(box[7])
    px = ox - box[0]
    py = oy - box[1]
    pz = oz - box[2]
    ax = cy * px + sy * py
    ay = -sy * px + cy * py
    bx = cy * dx + sy * dy
    by = -sy * dx + cy * dy
    qx = cp * ax + sp * pz
    qz = -sp * ax + cp * pz
    ex = cp * bx + sp * dz
    ez = -sp * bx + cp * dz
    near = -math.inf
    far = math.inf
    cosine = 1.0
    for axis in range(3):
        p = qx if axis == 0 else (ay if axis == 1 else qz)
        d = ex if axis == 0 else (by if axis == 1 else ez)
        half = box[3 + axis]
        if abs(d) < 1e-12:
            if abs(p) > half:
                return math.inf, 1.0
            continue
        t1 = (-half - p) / d
        t2 = (half - p) / d
        if t1 > t2:
            t1, t2 = t2, t1
        if t1 > near:
            near = t1
            cosine = abs(d)
        far = min(far, t2)
    if near > far or near <= 0.0:
        return math.inf, 1.0
    return near, cosine


@njit(cache=True, parallel=True)
def cast_on_ground(
    z: Array,
    top: Array,
    cell: float,
    wet: NDArray[np.bool_],
    boxes: Array,
    bushes: Array,
    origin: Array,
    directions: Array,
    leaf_depth: Array,
    reach: float,
) -> tuple:
    """First thing that each ray meets.

    Parameters
    ----------
    z : (n_north, n_east) float64
        Height at nodes, m.
    top : (blocks_north, blocks_east) float64
        From :func:`coarse_maximum`.
    cell : float
        Node spacing, m.
    wet : (n_north, n_east) bool
        Water, which sends nothing back.
    boxes : (n_boxes, 8) float64
        Centre, half sides, yaw and pitch (radians).
    bushes : (n_bushes, 4) float64
        Centre and radius, m.
    origin : (3,) float64
        Instrument.
    directions : (n, 3) float64
        Unit vectors.
    leaf_depth : (n,) float64
        Depth inside leaves at which each ray would stop, m.
    reach : float
        Longest range, m.

    Returns
    -------
    distance : (n,) float64
        Range in m; inf where nothing was met.
    kind : (n,) uint8
        What was met.
    cosine : (n,) float64
        Cosine of the angle of incidence.
    """
    n = directions.shape[0]
    distance = np.empty(n)
    kind = np.zeros(n, np.uint8)
    cosine = np.ones(n)
    for k in prange(n):
        dx, dy, dz = directions[k, 0], directions[k, 1], directions[k, 2]
        best = _ground_range(z, top, cell, origin[0], origin[1], origin[2], dx, dy, dz, reach)
        found = NOTHING
        angle = 1.0
        if best < math.inf:
            x = origin[0] + best * dx
            y = origin[1] + best * dy
            j = min(max(int(x / cell), 0), z.shape[1] - 2)
            i = min(max(int(y / cell), 0), z.shape[0] - 2)
            gx = 0.5 * (z[i, j + 1] + z[i + 1, j + 1] - z[i, j] - z[i + 1, j]) / cell
            gy = 0.5 * (z[i + 1, j] + z[i + 1, j + 1] - z[i, j] - z[i, j + 1]) / cell
            angle = abs(dz - gx * dx - gy * dy) / math.sqrt(1.0 + gx * gx + gy * gy)
            found = WATER if wet[i, j] else GROUND
        for b in range(boxes.shape[0]):
            t, c = _box_range(boxes[b], origin[0], origin[1], origin[2], dx, dy, dz)
            if t < best:
                best, angle, found = t, c, MACHINE
        for b in range(bushes.shape[0]):
            px = bushes[b, 0] - origin[0]
            py = bushes[b, 1] - origin[1]
            pz = bushes[b, 2] - origin[2]
            along = px * dx + py * dy + pz * dz
            if along <= 0.0:
                continue
            off = px * px + py * py + pz * pz - along * along
            radius = bushes[b, 3]
            if off < radius * radius:
                half = math.sqrt(radius * radius - off)
                t = along - half + leaf_depth[k]
                if leaf_depth[k] < 2.0 * half and 0.0 < t < best:
                    best, angle, found = t, 1.0, BUSH
        distance[k] = best
        kind[k] = found
        cosine[k] = angle
    return distance, kind, cosine
