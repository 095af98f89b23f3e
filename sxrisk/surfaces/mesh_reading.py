"""The door for meshes: one function that opens the mesh files that other programs write."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.errors import CRSError, FileFormatError, ParameterError
from sxrisk.scans.files import POINT_FILES, check_file
from sxrisk.scans.files.stated import prj_beside
from sxrisk.surfaces._mesh_parts import MeshParts
from sxrisk.surfaces.mesh import Mesh

__all__ = ["read_mesh"]

# What parsers raise on bytes that are no mesh.
BROKEN = (
    ValueError, IndexError, KeyError, TypeError, ArithmeticError, AttributeError, RuntimeError, StopIteration,
    MemoryError,
)  # fmt: skip
_PARSERS = {
    ".ply": "_mesh_polygons:read_ply",
    ".obj": "_mesh_polygons:read_obj",
    ".off": "_mesh_polygons:read_off",
    ".stl": "_mesh_soups:read_stl",
    ".dxf": "_mesh_soups:read_dxf",
    ".glb": "_mesh_gltf:read_glb",
}


def read_mesh(path: str | Path, *, crs: Any = None, unit_m: float = 1.0, layers: Sequence[str] | None = None) -> Mesh:
    """Open a mesh: PLY, OBJ, OFF, STL, DXF or GLB.

    Faces with more than three corners are cut into triangles from their first corner. STL and DXF, which repeat every
    corner, get their equal corners joined. A GLB is turned from y-up to z-up. Offsets and systems that
    :meth:`Mesh.write` left in a file are put back.

    Parameters
    ----------
    path : str or Path
        The file; its ending says what it is.
    crs : pyproj.CRS, int or str, optional
        System of the coordinates; default what a ``.prj`` beside the file or :meth:`Mesh.write` says.
    unit_m : float
        Metres in one unit of the file. DXF and STL do not say it reliably, so that nothing is guessed.
    layers : sequence of str, optional
        Only these layers of a DXF, as the drawing names them.

    Returns
    -------
    Mesh

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is empty, damaged, of another kind, or holds no faces.
    ParameterError
        If `unit_m` is not positive, or `layers` are asked of anything but a DXF, or are not in it.
    CRSError
        If `crs` is unknown.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "roof.off"
    >>> _ = path.write_text("OFF 4 1 0 0 0 0 2 0 0 2 3 1 0 3 1 4 0 1 2 3", encoding="ascii")
    >>> read_mesh(path).faces.tolist()
    [[0, 1, 2], [0, 2, 3]]
    """
    path = Path(path)
    check_file(path, "a mesh")
    suffix = path.suffix.lower()
    if suffix not in _PARSERS:
        raise FileFormatError(
            f"files of type {suffix or 'without ending'} cannot be read as a mesh",
            where=path,
            expected=", ".join(name[1:].upper() for name in _PARSERS),
            remedy="Open it with read_scan(path)" if suffix in POINT_FILES else None,
        )
    if not (np.isfinite(unit_m) and unit_m > 0):
        raise ParameterError(f"a unit of {unit_m} m", where="unit_m", expected="more than 0")
    if layers is not None and suffix != ".dxf":
        raise ParameterError(f"files of type {suffix} have no layers", where="layers", expected="a DXF")
    module, name = _PARSERS[suffix].split(":")
    parser: Callable[..., MeshParts] = getattr(import_module(f"sxrisk.surfaces.{module}"), name)
    try:
        parts = parser(path) if layers is None else parser(path, layers=tuple(layers))
    except BROKEN as error:
        if isinstance(error, FileFormatError | ParameterError):
            raise
        raise FileFormatError(
            f"the mesh cannot be read ({str(error)[:160]})",
            where=path,
            expected=f"a {suffix[1:].upper()} file",
            remedy="Export or copy the file again",
        ) from error
    _check(parts, path)
    system = _system(crs, path) if crs is not None else prj_beside(path) or _said(parts.crs_text)
    return Mesh(parts.vertices * unit_m, parts.faces.astype(np.int32), crs=system, vertex_fields=parts.fields)


def _check(parts: MeshParts, path: Path) -> None:
    if not len(parts.faces):
        raise FileFormatError(
            "the file holds no faces",
            where=path,
            expected="a mesh",
            remedy="Open its points with read_scan(path)" if path.suffix.lower() == ".ply" else None,
        )
    bad = ~np.isfinite(parts.vertices).all(axis=1)
    if bad.any():
        raise FileFormatError(
            f"{int(bad.sum())} vertices are not finite, the first is number {int(np.flatnonzero(bad)[0]) + 1}",
            where=path,
            expected="finite coordinates",
        )
    if parts.faces.min() < 0 or parts.faces.max() >= len(parts.vertices):
        raise FileFormatError(
            f"a face names vertex {int(parts.faces.max()) + 1} of {len(parts.vertices)}",
            where=path,
            expected="vertices of the file",
        )


def _system(crs: Any, path: Path) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(crs)
    except ProjCRSError as error:
        raise CRSError(
            f"{str(crs)[:120]!r} is no coordinate system that PROJ knows",
            where=path,
            expected="an EPSG code such as 'EPSG:4547', or WKT",
        ) from error


def _said(text: str) -> pyproj.CRS | None:
    if not text.startswith("EPSG:"):
        return None
    try:
        return pyproj.CRS.from_user_input(text)
    except ProjCRSError:
        return None
