"""Clouds as files of every usual kind; the same bytes for the same cloud."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy.typing as npt

from sxrisk.errors import ParameterError
from sxrisk.scans._output import whole_file
from sxrisk.scans.cloud import Cloud

if TYPE_CHECKING:
    from sxrisk.scans.writing.outgoing import Outgoing

__all__ = ["POINT_ENDINGS", "write_scan"]

POINT_ENDINGS = (".copc.laz", ".laz", ".las", ".e57", ".ply", ".pcd", ".vtp", ".xyz", ".txt", ".asc", ".csv")


def write_scan(
    cloud: Cloud,
    path: str | Path,
    *,
    extra: Mapping[str, npt.ArrayLike] | None = None,
    resolution_m: float | None = None,
) -> Path:
    """Write a cloud; the ending of the path says as what.

    A tiled cloud is written tile by tile and never held as a whole. The same cloud gives the same bytes: dates come
    from its epoch.

    ``.laz``, ``.las``
        LAS 1.4 in steps of `resolution_m`, coordinate systems as WKT (plan and height together). Attributes with a
        standard dimension of their own go there if their type fits in it, all others become extra dimensions with
        their unit. ``scan_angle_rank`` of older files (whole degrees) becomes ``scan_angle`` (steps of 0.006
        degrees). Colours of a byte are spread to two. Stations, the time of the epoch and the uncertainties stand in
        a record of our own.
    ``.copc.laz``
        The same as a cloud-optimised octree: readers fetch a box, or a resolution.
    ``.e57``
        A scan for each station, in the station's frame with its pose; float64. Points of no station come in a last one.
    ``.ply``
        Binary, float64 coordinates, colours as bytes, other attributes as ``scalar_distance_m`` and so on, which is
        how CloudCompare knows its scalar fields; :func:`~sxrisk.read_scan` takes the prefix off.
    ``.pcd``
        Binary, float64 coordinates: Open3D's tensor reader knows them, PCL and Open3D's older reader know float32 only.
    ``.vtp``
        ParaView's poly data, a vertex for each point, colours as ``RGB``.
    ``.xyz``, ``.txt``, ``.asc``, ``.csv``
        A table with a header, coordinates to a tenth of a millimetre; ``.csv`` with commas.

    Parameters
    ----------
    cloud : Scan or TiledScan
        What to write.
    path : str or Path
        Where to.
    extra : mapping of str to array of shape (n,), optional
        More values per point, for example ``distance_m`` and ``lod95_m``; for a tiled cloud in the order of its
        tiles. NaN is kept.
    resolution_m : float, optional
        Step of LAS and COPC coordinates. Default: points of a LAS, LAZ or COPC keep the steps and the offset of their
        file, and with them every coordinate to the last bit; others get steps of 1 mm.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If the cloud is empty, or too wide for `resolution_m`.
    ParameterError
        If the ending is none of these, an extra value has the wrong length, or a name does not fit into the file.
    OutputError
        If the file cannot be written; nothing is left of it.

    References
    ----------
    ASPRS, LAS Specification 1.4 R15; COPC Specification 1.0; ASTM E2807 (E57).

    Examples
    --------
    >>> import tempfile
    >>> import sxrisk as sx
    >>> scan = sx.Scan([[512345.678, 4123456.789, 1200.001]], crs="EPSG:4547", attributes={"lod95_m": [0.01]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_scan(scan, f"{folder}/points.csv").read_text())
    x,y,z,lod95_m
    512345.678,4123456.789,1200.001,0.01
    """
    from sxrisk.scans.writing.outgoing import Outgoing

    target = Path(path)
    ending = next((e for e in POINT_ENDINGS if target.name.lower().endswith(e)), None)
    if ending is None:
        raise ParameterError(
            f"clouds are not written as {target.suffix or 'a file without ending'}",
            where=target,
            expected=", ".join(POINT_ENDINGS),
        )
    out = Outgoing(cloud, extra)
    with whole_file(target) as partial:
        _write(out, partial, ending, resolution_m)
    return target


def _write(out: "Outgoing", path: Path, ending: str, resolution_m: float | None) -> None:
    if ending == ".copc.laz":
        from sxrisk.scans.writing.copc import write_copc

        write_copc(out, path, resolution_m)
    elif ending in (".laz", ".las"):
        from sxrisk.scans.writing.las import write_las

        write_las(out, path, resolution_m)
    elif ending == ".e57":
        from sxrisk.scans.writing.e57 import write_e57

        write_e57(out, path)
    elif ending == ".vtp":
        from sxrisk.scans.writing.vtk_xml import write_vtp_points

        with path.open("wb") as file:
            write_vtp_points(out, file)
    else:
        from sxrisk.scans.writing.plain import write_pcd, write_ply, write_text

        {".ply": write_ply, ".pcd": write_pcd}.get(ending, write_text)(out, path)
