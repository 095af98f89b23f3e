"""Bare ground: what stands on it (plants, machines, people) is left out, benches and walls are kept."""

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans.scan import Scan

__all__ = ["ground"]


def ground(scan: Scan, *, cell_m: float = 0.5, object_m: float = 12.0, height_m: float = 0.15) -> npt.NDArray[np.bool_]:
    """Which points are ground, by opening the surface of lowest points *geodesically*.

    An ordinary opening lowers everything narrower than its window, so also the crest of every bench. Here the eroded
    surface grows back under the original one (reconstruction by dilation): a bench is joined to the ground behind it
    and comes back whole, a machine or a bush is joined to nothing at its height and stays cut off at the ground beside
    it. A point is ground if it lies less than `height_m`, plus what the slope climbs within a cell, above that surface.

    Dense forest, whose crowns join into one surface without ground points between them, is beyond this filter.

    Parameters
    ----------
    scan : Scan
        In metres.
    cell_m : float
        Cell of the surface of lowest points, metres; a few points should fall into each.
    object_m : float
        Width of the widest object to be taken out, metres.
    height_m : float
        Height above ground up to which points still count as ground, metres.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for ground.

    Raises
    ------
    ParameterError
        If a length is not positive, or `object_m` is less than two cells.

    References
    ----------
    Vincent, L. (1993): Morphological grayscale reconstruction in image analysis. IEEE Trans. Image Processing 2(2).
    """
    if not (cell_m > 0 and height_m > 0 and object_m >= 2 * cell_m):
        raise ParameterError(
            f"cell_m {cell_m}, object_m {object_m}, height_m {height_m}",
            where="ground",
            expected="lengths above 0, object_m at least two cells",
        )
    if not scan.n_points:
        return np.zeros(0, dtype=bool)
    from scipy.ndimage import distance_transform_edt, grey_erosion

    from sxrisk.scans._ground_kernels import lowest, reconstruct

    bounds = scan.bounds()
    local = scan.xyz - np.array([bounds.xmin, bounds.ymin, bounds.zmin])
    column = (local[:, 0] / cell_m).astype(np.int32)
    row = (local[:, 1] / cell_m).astype(np.int32)
    surface = lowest(row, column, local[:, 2], int(row.max()) + 1, int(column.max()) + 1)
    empty = np.isnan(surface)
    # Holes take the height of the nearest seen cell, so that erosion does not bleed into them.
    nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
    filled = surface[tuple(nearest)]
    half = int(np.ceil(object_m / cell_m / 2.0))
    span = np.arange(-half, half + 1)
    disk = span[:, None] ** 2 + span[None, :] ** 2 <= half**2
    opened = reconstruct(grey_erosion(filled, footprint=disk, mode="nearest"), filled)
    d_row, d_column = (
        np.gradient(opened, cell_m, axis=axis) if opened.shape[axis] > 1 else np.zeros_like(opened) for axis in (0, 1)
    )
    climb = cell_m * np.hypot(d_row, d_column)
    return np.asarray(local[:, 2] - opened[row, column] <= height_m + climb[row, column])
