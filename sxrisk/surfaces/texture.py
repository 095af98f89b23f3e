"""A picture on a mesh, baked from the colours of a cloud: finer than its vertices."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.mesh import Mesh
from sxrisk.surfaces.mesh_colour import colours_at

__all__ = ["LARGEST_PICTURE", "Texture", "bake_texture"]

LARGEST_PICTURE = 16_384
# What every graphics card shows, and what a size that nobody stated keeps to.
USUAL_PICTURE = 4_096
COARSER, BLOCK = 1.25, 1_000_000


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture and where the corners of a mesh's faces lie in it.

    Parameters
    ----------
    image : ndarray of shape (h, w, 3), uint8
        Red, green and blue (sRGB); the first row is the uppermost.
    corners : ndarray of shape (m, 3, 2), float64
        Of the faces: share of the width from the left, share of the height from the top.
    texel_m : float
        Side of a texel, metres.
    known_share : float
        Share of the texels on the mesh that points were near enough to.

    Raises
    ------
    GeometryError
        If shapes are wrong.
    """

    image: npt.NDArray[np.uint8]
    corners: npt.NDArray[np.float64]
    texel_m: float
    known_share: float = 1.0

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.corners.shape[1:] != (3, 2):
            raise GeometryError(
                f"a picture of shape {self.image.shape} and corners of shape {self.corners.shape}",
                expected="shapes (h, w, 3) and (m, 3, 2)",
            )


def bake_texture(
    mesh: Mesh, cloud: Cloud, *, texel_m: float | None = None, neighbours: int = 4, max_distance_m: float = 0.5
) -> Mesh:
    """Give a mesh a picture of the colours of the points around it.

    The mesh is laid out flat in charts that look one way each (up, down, and the four sides); the middle of every texel
    gets the mean of its nearest points, weighted by the inverse of their distance. :meth:`Mesh.write` embeds the
    picture in a ``.glb``, and writes it beside an ``.obj`` as ``.png`` with its ``.mtl``.

    Parameters
    ----------
    mesh : Mesh
        In the coordinates of the cloud.
    cloud : Scan or TiledScan
        With ``red``, ``green`` and ``blue``; gone through tile by tile.
    texel_m : float, optional
        Side of a texel, metres, where a face is not slanted against its chart. Default: the mean distance of the
        points, or coarser, so that the picture has at most 4096 texels a side.
    neighbours, max_distance_m
        As of :func:`sxrisk.surfaces.colour_mesh`; where no point is near enough the picture is grey.

    Returns
    -------
    Mesh
        The same with `texture`.

    Raises
    ------
    MissingFieldError
        If the cloud has no colours.
    GeometryError
        If the mesh has no faces.
    ParameterError
        If a size is not positive, or the picture would have more than 16384 texels a side.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> xy = np.stack(np.meshgrid(np.arange(0.05, 2.0, 0.1), np.arange(0.05, 2.0, 0.1)), axis=-1).reshape(-1, 2)
    >>> left = np.where(xy[:, 0] < 1.0, 255, 0).astype(np.uint8)
    >>> rgb = {"red": left, "green": left, "blue": left}
    >>> cloud = Scan(np.column_stack([xy, np.zeros(len(xy))]), attributes=rgb)
    >>> mesh = Mesh([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> texture = bake_texture(mesh, cloud, texel_m=0.1, neighbours=1).texture
    >>> texture.image.shape, texture.image[10, [4, 20], 0].tolist()
    ((25, 25, 3), [255, 0])
    """
    from sxrisk.surfaces._texture_atlas import flatten

    if texel_m is not None and not texel_m > 0:
        raise ParameterError(f"texels of {texel_m} m", where="texel_m", expected="more than 0")
    if not len(mesh.faces):
        raise GeometryError("the mesh has no faces", expected="a surface to lay a picture on")
    size = np.sqrt(mesh.area_m2 / max(cloud.n_points, 1)) if texel_m is None else texel_m
    atlas = flatten(mesh, size, LARGEST_PICTURE if texel_m is not None else USUAL_PICTURE)
    while atlas is None:
        if texel_m is not None:
            raise ParameterError(
                f"texels of {texel_m} m make a picture of more than {LARGEST_PICTURE} texels a side",
                where="texel_m",
                expected=f"about {np.sqrt(mesh.area_m2) / (0.7 * LARGEST_PICTURE):.2g} m or more",
            )
        size *= COARSER
        atlas = flatten(mesh, size, USUAL_PICTURE)
    image, known = _painted(mesh, atlas.layout.corners, atlas.owner, cloud, neighbours, max_distance_m)
    corners = atlas.layout.corners / [atlas.layout.width, atlas.layout.height]
    return replace(mesh, texture=Texture(image, corners, float(size), known))


def _painted(
    mesh: Mesh,
    corners: npt.NDArray[np.float64],
    owner: npt.NDArray[np.int32],
    cloud: Cloud,
    neighbours: int,
    max_distance_m: float,
) -> tuple[npt.NDArray[np.uint8], float]:
    """The picture, and the share of its owned texels that points are near."""
    from scipy.ndimage import distance_transform_edt

    from sxrisk.surfaces._texture_kernels import places_of

    rows, columns = np.nonzero(owner >= 0)
    places = np.empty((len(rows), 3), dtype=np.float32)
    places_of(corners, mesh.vertices - mesh.origin, mesh.faces, owner, rows, columns, places)
    colours, known = colours_at(places, mesh.origin, cloud, neighbours=neighbours, max_distance_m=max_distance_m)
    image = np.zeros((*owner.shape, 3), dtype=np.uint8)
    image[rows, columns] = colours
    # Rims are carried outwards: a viewer blends neighbouring texels, also across the edge of a chart.
    nearest = distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    return image[tuple(nearest)], float(known.mean())
