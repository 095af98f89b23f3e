"""Compiled loops over the texels of a picture: which face each belongs to, and where in space it lies."""

import numpy as np
from numba import njit

__all__ = ["own_texels", "places_of"]

_INSIDE = 1e-6


@njit(cache=True)
def own_texels(corners, owner, doubled):  # type: ignore[no-untyped-def]
    """Give every texel whose middle lies in a face to that face; mark faces that cover a texel of another one.

    Parameters
    ----------
    corners : (m, 3, 2) float64
        Corners of the faces in texels, column and row.
    owner : (h, w) int32
        Rows of the faces, -1 where there is none; filled in.
    doubled : (m,) bool
        Set where a face lies over another one.
    """
    height, width = owner.shape
    for face in range(len(corners)):
        ax, ay = corners[face, 0]
        bx, by = corners[face, 1]
        cx, cy = corners[face, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0.0:
            continue
        first = max(0, int(np.floor(min(ax, bx, cx) - 0.5)))
        last = min(width - 1, int(np.ceil(max(ax, bx, cx) - 0.5)))
        for row in range(max(0, int(np.floor(min(ay, by, cy) - 0.5))),
                         min(height - 1, int(np.ceil(max(ay, by, cy) - 0.5))) + 1):  # fmt: skip
            y = row + 0.5
            for column in range(first, last + 1):
                x = column + 0.5
                b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                least = min(b, c, 1.0 - b - c)
                if least < -_INSIDE:
                    continue
                if owner[row, column] < 0:
                    owner[row, column] = face
                elif least > _INSIDE:
                    doubled[face] = True


@njit(cache=True)
def places_of(corners, vertices, faces, owner, rows, columns, places):  # type: ignore[no-untyped-def]
    """Where texels lie on their faces.

    Parameters
    ----------
    corners : (m, 3, 2) float64
        As of :func:`own_texels`.
    vertices : (n, 3) float64
        Offsets from a local origin.
    faces : (m, 3) int32
        Rows of the vertices.
    owner : (h, w) int32
        As of :func:`own_texels`.
    rows, columns : (k,) int64
        Texels with an owner.
    places : (k, 3) float32
        Filled in.
    """
    for k in range(len(rows)):
        face = owner[rows[k], columns[k]]
        ax, ay = corners[face, 0]
        bx, by = corners[face, 1]
        cx, cy = corners[face, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        x, y = columns[k] + 0.5, rows[k] + 0.5
        if area == 0.0:
            b = c = 1.0 / 3.0
        else:
            b = max(0.0, ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area)
            c = max(0.0, ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area)
        a = max(0.0, 1.0 - b - c)
        total = a + b + c
        for axis in range(3):
            places[k, axis] = (
                a * vertices[faces[face, 0], axis] + b * vertices[faces[face, 1], axis]
                + c * vertices[faces[face, 2], axis]
            ) / total  # fmt: skip
