"""Bare ground: what stands on it (plants, machines, people) is left out, benches and walls are kept."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import cores
from sxrisk.scans.cloud import Cloud

__all__ = ["ground"]

Method = Literal["opening", "multiscale"]

_CELL_M: dict[str, float] = {"opening": 0.5, "multiscale": 1.0}


def ground(
    cloud: Cloud,
    *,
    method: Method = "opening",
    cell_m: float | None = None,
    object_m: float = 12.0,
    height_m: float = 0.15,
) -> npt.NDArray[np.bool_]:
    """Which points are ground.

    ``opening``, the default, is for pits, dumps and dams: it opens the surface of lowest points *geodesically*. An
    ordinary opening lowers everything narrower than its window, so also the crest of every bench. Here the eroded
    surface grows back under the original one (reconstruction by dilation): a bench is joined to the ground behind it
    and comes back whole, a machine or a bush is joined to nothing at its height and stays cut off at the ground beside
    it. Dense forest, whose crowns join into one surface without ground points between them, is beyond it.

    ``multiscale`` is for forest, seen from the air: from coarse cells to fine ones, each time the points lowest
    *relative to the surface so far* make the next one, and cells that stick out of their neighbours are bridged. It
    loses a part of what is steeper than 60 degrees, above all the crests of benches.

    The answer is the same for a scan in memory and for any tiling of it; a raster of the whole site is held in memory.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres. Points far below the ground mislead both methods: :func:`sxrisk.scans.clean` first.
    method : {"opening", "multiscale"}
        See above.
    cell_m : float, optional
        Finest cell of the surface of lowest points, metres; a few points should fall into each. Default 0.5 for
        ``opening``, 1 for ``multiscale``.
    object_m : float
        Width of the widest object (``opening``) or gap between ground points (``multiscale``), metres.
    height_m : float
        Height above ground up to which points still count as ground, metres.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for ground, in the order of the cloud's file.

    Raises
    ------
    ParameterError
        If the method is unknown, a length is not positive, or `object_m` is less than two cells.
    CRSError
        If the cloud is not in metres.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> x, y = np.meshgrid(np.arange(0.0, 40.0, 0.4), np.arange(0.0, 40.0, 0.4))
    >>> on_truck = (abs(x - 20) < 3) & (abs(y - 20) < 2)
    >>> pad = sx.Scan(np.column_stack([x.ravel(), y.ravel(), np.where(on_truck, 4.0, 0.0).ravel()]))
    >>> bool((ground(pad) == ~on_truck.ravel()).all())
    True

    References
    ----------
    Vincent, L. (1993): Morphological grayscale reconstruction in image analysis. IEEE Trans. Image Processing 2(2).
    Evans, J. S., Hudak, A. T. (2007): A multiscale curvature algorithm for classifying discrete return LiDAR in
    forested environments. IEEE Trans. Geoscience and Remote Sensing 45(4).
    """
    if method not in _CELL_M:
        raise ParameterError(f"method {method!r}", where="ground", expected="opening or multiscale")
    cell = _CELL_M[method] if cell_m is None else cell_m
    if not (cell > 0 and height_m > 0 and object_m >= 2 * cell):
        raise ParameterError(
            f"cell_m {cell}, object_m {object_m}, height_m {height_m}",
            where="ground",
            expected="lengths above 0, object_m at least two cells",
        )
    cloud.require_metres()
    if not cloud.n_points:
        return np.zeros(0, dtype=bool)
    from sxrisk.scans import _ground_surfaces as surfaces

    lattice = surfaces.Lattice.over(cloud, cell)
    surface: surfaces.Surface
    if method == "opening":
        surface = surfaces.opened_surface(cloud, lattice, object_m)
    else:
        surface = surfaces.multiscale_surface(cloud, lattice, object_m)
    bare = np.empty(cloud.n_points, dtype=bool)
    for core in cores(cloud):
        bare[core.rows] = surface.holds(core.xyz, height_m)
    return bare
