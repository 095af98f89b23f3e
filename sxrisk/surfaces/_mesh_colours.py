"""Colours at the vertices of a mesh: the fields red, green and blue."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sxrisk.surfaces.mesh import Mesh

__all__ = ["COLOURS", "linear_light", "vertex_colours"]

COLOURS = ("red", "green", "blue")


def vertex_colours(mesh: "Mesh") -> npt.NDArray[np.uint8] | None:
    """Colours (n, 3) of a byte each, or None where the mesh has none.

    Fields of sixteen bits that hold more than a byte are divided by 256.
    """
    fields = [mesh.vertex_fields.get(name) for name in COLOURS]
    if any(values is None or values.dtype.kind not in "iu" for values in fields):
        return None
    colours = np.column_stack([values for values in fields if values is not None])
    if colours.size and colours.max() > 255:
        colours = colours // 256
    return colours.astype(np.uint8)


def linear_light(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Shares of linear light (0 to 1) of sRGB bytes.

    References
    ----------
    IEC 61966-2-1 (sRGB).
    """
    shares = colours / 255.0
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
