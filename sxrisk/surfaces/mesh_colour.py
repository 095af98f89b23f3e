"""A mesh takes the colours of the cloud it was made from."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.writing.outgoing import Outgoing
from sxrisk.surfaces._mesh_colours import COLOURS
from sxrisk.surfaces.mesh import Mesh

__all__ = ["colour_mesh", "colours_at"]

UNKNOWN, BLOCK = 128, 500_000


def colour_mesh(mesh: Mesh, cloud: Cloud, *, neighbours: int = 4, max_distance_m: float = 0.5) -> Mesh:
    """Give the vertices of a mesh the colours of the points around them.

    A vertex gets the mean of its nearest points, weighted by the inverse of their distance. Where no point is near
    enough it stays grey and ``colour_known`` is 0.

    Parameters
    ----------
    mesh : Mesh
        In the coordinates of the cloud.
    cloud : Scan or TiledScan
        With ``red``, ``green`` and ``blue``; gone through tile by tile.
    neighbours : int
        Points that a colour is made of; 1 takes the nearest as it is.
    max_distance_m : float
        How far a point may be, metres.

    Returns
    -------
    Mesh
        The same with the vertex fields ``red``, ``green``, ``blue`` (0 to 255) and ``colour_known`` (0 or 1).

    Raises
    ------
    MissingFieldError
        If the cloud has no colours.
    ParameterError
        If `neighbours` or `max_distance_m` is not positive.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> rgb = {"red": np.array([200], "u1"), "green": np.array([20], "u1"), "blue": np.array([0], "u1")}
    >>> mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> coloured = colour_mesh(mesh, Scan([[0.0, 0.0, 0.1]], attributes=rgb), max_distance_m=0.2)
    >>> coloured.vertex_fields["red"].tolist(), coloured.vertex_fields["colour_known"].tolist()
    ([200, 128, 128], [1, 0, 0])
    """
    colours, known = colours_at(
        mesh.vertices - mesh.origin, mesh.origin, cloud, neighbours=neighbours, max_distance_m=max_distance_m
    )
    fields = {**mesh.vertex_fields, **dict(zip(COLOURS, colours.T.copy(), strict=True)), "colour_known": known}
    return replace(mesh, vertex_fields=fields)


def colours_at(
    offsets: npt.NDArray[np.floating],
    origin: npt.NDArray[np.float64],
    cloud: Cloud,
    *,
    neighbours: int,
    max_distance_m: float,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Colours of the points around places: as of :func:`colour_mesh`.

    Parameters
    ----------
    offsets : array of shape (n, 3)
        Places, as offsets from `origin`.
    origin : array of shape (3,)
        In the coordinates of the cloud.
    cloud, neighbours, max_distance_m
        As of :func:`colour_mesh`.

    Returns
    -------
    tuple of ndarray
        Colours (n, 3), grey where no point is near, and whether one is (n,), 0 or 1.
    """
    from scipy.spatial import KDTree

    if neighbours < 1 or not max_distance_m > 0:
        raise ParameterError(
            f"{neighbours} neighbours within {max_distance_m} m", expected="at least 1, and more than 0 m"
        )
    if not set(COLOURS) <= set(cloud.attribute_names):
        raise MissingFieldError(
            "the cloud has no colours", where=cloud.source or None, expected="attributes red, green and blue"
        )
    divisor = Outgoing(cloud).byte_colours()
    bounds = cloud.bounds()
    low, high = (np.array(corner) for corner in ((bounds.xmin, bounds.ymin), (bounds.xmax, bounds.ymax)))
    # A place beside the cloud belongs to the tile that is nearest to it.
    x, y = np.clip(offsets[:, :2] + origin[:2], low, high).T
    colours = np.full((len(offsets), 3), UNKNOWN, dtype=np.uint8)
    known = np.zeros(len(offsets), dtype=np.uint8)
    for tile in cloud.tiles(max_distance_m, attributes=COLOURS):
        xmin, ymin, xmax, ymax = tile.core
        inside = np.flatnonzero((x >= xmin) & (x < xmax) & (y >= ymin) & (y < ymax))
        if not len(inside) or not tile.scan.n_points:
            continue
        tree = KDTree(tile.scan.xyz - origin)
        values = np.column_stack([np.append(tile.scan.attributes[name] // divisor, 0) for name in COLOURS])
        for start in range(0, len(inside), BLOCK):
            rows = inside[start : start + BLOCK]
            distance, found = tree.query(
                offsets[rows], k=range(1, neighbours + 1), distance_upper_bound=max_distance_m, workers=-1
            )
            weight = np.where(np.isfinite(distance), 1.0 / np.maximum(distance, 1e-6), 0.0)
            total = weight.sum(axis=1)
            have = total > 0
            mean = np.einsum("ij,ijk->ik", weight, values[found])[have] / total[have, None]
            colours[rows[have]] = np.rint(mean)
            known[rows[have]] = 1
    return colours, known
