"""What mesh files say about their coordinates."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sxrisk.surfaces.mesh import Mesh

__all__ = ["crs_text"]


def crs_text(mesh: "Mesh") -> str:
    """The mesh's coordinate system in a line of ASCII: its code, else its name."""
    if mesh.crs is None:
        return "unknown"
    text = mesh.crs.to_string()
    # A compound system without a code is a page of WKT; its name says enough in a comment.
    return (
        text
        if text.startswith("EPSG:")
        else mesh.crs.name.encode("ascii", "replace").decode("ascii").replace("\n", " ")
    )
