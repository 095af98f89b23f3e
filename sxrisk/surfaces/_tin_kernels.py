"""Compiled loop that draws triangles onto a grid."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["draw_triangles"]

Floats = npt.NDArray[np.float64]


@njit(cache=True)
def draw_triangles(
    points: Floats, heights: Floats, triangles: npt.NDArray[np.int64], max_edge: float, out: Floats
) -> None:
    """Linear heights of triangles at cell centres; `points` in cells from the lower left corner."""
    n_rows, n_columns = out.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        longest = max((bx - ax) ** 2 + (by - ay) ** 2, (cx - bx) ** 2 + (cy - by) ** 2, (ax - cx) ** 2 + (ay - cy) ** 2)
        if abs(area) < 1e-14 or longest > max_edge**2:
            continue
        first_row = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        last_row = min(int(np.floor(max(ay, by, cy) - 0.5)), n_rows - 1)
        first_column = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        last_column = min(int(np.floor(max(ax, bx, cx) - 0.5)), n_columns - 1)
        for r in range(first_row, last_row + 1):
            y = r + 0.5
            for k in range(first_column, last_column + 1):
                x = k + 0.5
                u = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                v = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                if u >= -1e-9 and v >= -1e-9 and u + v <= 1.0 + 1e-9:
                    out[r, k] = heights[a] + u * (heights[b] - heights[a]) + v * (heights[c] - heights[a])
