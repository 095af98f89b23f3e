"""Readers of point files, one module a format; :func:`open_source` finds the right one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sxrisk.errors import FileFormatError, InputError, ParameterError
from sxrisk.scans.source import PointSource

__all__ = ["MESHES", "POINT_FILES", "check_file", "open_source"]

POINT_FILES = (
    ".las", ".laz", ".e57", ".ply", ".pcd", ".xyz", ".csv", ".txt", ".asc", ".pts", ".ptx", ".vtk", ".vtp",
)  # fmt: skip
MESHES = (".obj", ".stl", ".off", ".glb", ".dxf")


def check_file(path: Path, what: str) -> None:
    """Refuse a path at which there is nothing.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is empty.
    """
    if not path.is_file():
        raise InputError(
            "there is no such file",
            where=path,
            expected=what,
            remedy="Check the path; it is relative to the project file, or to where you are",
        )
    if path.stat().st_size == 0:
        raise FileFormatError("the file is empty (0 bytes)", where=path, expected=what)


def open_source(path: Path, resolution: float | None = None) -> PointSource:
    """The reader of a point file, its header read; chosen by the file's ending.

    Parameters
    ----------
    path : Path
        The file.
    resolution : float, optional
        Wanted distance between points; only COPC files have levels of detail.

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, or damaged where its header is.
    ParameterError
        If a resolution is asked of a file without levels of detail.
    """
    check_file(path, "a point cloud")
    suffix = path.suffix.lower()
    if suffix in (".las", ".laz"):
        source = _las(path, resolution)
        if resolution is None or source.is_copc:
            return source
    elif suffix in MESHES:
        raise FileFormatError(
            f"files of type {suffix} hold meshes",
            where=path,
            expected="a point cloud",
            remedy="Open it with read_mesh(path); its corners are read_mesh(path).vertices",
        )
    elif suffix not in POINT_FILES:
        raise FileFormatError(
            f"files of type {suffix or 'without ending'} cannot be read as a scan",
            where=path,
            expected=", ".join(name[1:].upper() for name in POINT_FILES),
            remedy="Export it as LAZ or E57 from the scanner's program",
        )
    if resolution is not None:
        raise ParameterError(
            "the file has no levels of detail",
            where=f"resolution_m, {path}",
            expected="a COPC file",
            remedy="Read it whole and thin it: thin(read_scan(path), voxel_m)",
        )
    return _reader(suffix)(path)


def _las(path: Path, resolution: float | None) -> Any:
    # laspy takes a tenth of a second to import: only when a LAS is really read.
    from sxrisk.scans.files.copc import CopcSource
    from sxrisk.scans.files.las import LasSource

    plain = LasSource(path)
    return CopcSource(path, resolution) if plain.is_copc else plain


def _reader(suffix: str) -> Callable[[Path], PointSource]:
    if suffix == ".e57":
        from sxrisk.scans.files.e57 import E57Source

        return E57Source
    if suffix == ".ply":
        from sxrisk.scans.files.ply import PlySource

        return PlySource
    if suffix == ".pcd":
        from sxrisk.scans.files.pcd import PcdSource

        return PcdSource
    if suffix == ".ptx":
        from sxrisk.scans.files.ptx import PtxSource

        return PtxSource
    if suffix == ".vtk":
        from sxrisk.scans.files.vtk import VtkSource

        return VtkSource
    if suffix == ".vtp":
        from sxrisk.scans.files.vtp import VtpSource

        return VtpSource
    from sxrisk.scans.files.text import TextSource

    return TextSource
