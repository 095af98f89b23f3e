"""Scans as LAZ files, the same bytes for the same scan."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans._output import whole_file
from sxrisk.scans.scan import Scan

__all__ = ["write_laz"]

# Standard dimensions of point format 7 that a scan's attributes of the same name go to.
STANDARD = {
    "intensity": "u2",
    "return_number": "u1",
    "number_of_returns": "u1",
    "classification": "u1",
    "user_data": "u1",
    "point_source_id": "u2",
    "gps_time": "f8",
    "red": "u2",
    "green": "u2",
    "blue": "u2",
}
UNDATED = date(1970, 1, 1)


def write_laz(
    scan: Scan, path: str | Path, extra: Mapping[str, npt.ArrayLike] | None = None, *, resolution_m: float = 0.001
) -> Path:
    """Write a scan as LAZ 1.4 with its coordinate system and its attributes as extra dimensions.

    The header's date comes from the scan's epoch, so that the same scan gives the same bytes.

    Parameters
    ----------
    scan : Scan
        What to write.
    path : str or Path
        Ends in ``.laz`` (or ``.las``, uncompressed).
    extra : mapping of str to array of shape (n,), optional
        More values per point, written as extra dimensions, for example ``distance_m`` and ``lod95_m``. Names of at
        most 32 bytes. NaN is kept.
    resolution_m : float
        Step in which coordinates are stored.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If the scan is empty.
    ParameterError
        If an extra value has the wrong length or a name is too long.
    OutputError
        If the file cannot be written.
    """
    import laspy

    if not scan.n_points:
        raise GeometryError("a scan without points is not written", where=scan.source or None)
    target = Path(path)
    values = {**scan.attributes, **{name: np.asarray(v) for name, v in (extra or {}).items()}}
    # Values with a standard dimension of their own go there only if they fit in it.
    standard = {n for n, kind in STANDARD.items() if n in values and np.can_cast(values[n].dtype, np.dtype(kind))}
    header = laspy.LasHeader(version="1.4", point_format=7 if {"red", "green", "blue"} <= standard else 6)
    known = set(header.point_format.dimension_names)
    header.creation_date = scan.epoch.date() if scan.epoch is not None else UNDATED
    header.generating_software, header.system_identifier = "sxrisk", "EXTRACTION"
    header.scales, header.offsets = np.full(3, resolution_m), np.round(scan.origin)
    system = _compound(scan)
    if system is not None:
        # LAS 1.4 asks for the WKT of 2001; laspy would write the one of 2019, which older programs cannot read.
        header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(system.to_wkt("WKT1_GDAL", output_axis_rule=False)))
        header.global_encoding.wkt = True
    for name, column in values.items():
        _check_extra(name, column, scan.n_points)
        if not (name in standard and name in known):
            kind = np.dtype("u1") if column.dtype == bool else column.dtype
            header.add_extra_dim(laspy.ExtraBytesParams(name=_free(name, known), type=kind))
    record = laspy.LasData(header)
    record.x, record.y, record.z = scan.xyz.T
    for name, column in values.items():
        record[name if name in standard and name in known else _free(name, known)] = column
    with whole_file(target) as partial:
        record.write(str(partial), do_compress=target.suffix.lower() == ".laz", laz_backend=laspy.LazBackend.Lazrs)
    return target


def _compound(scan: Scan) -> Any:
    import pyproj

    if scan.crs is None or scan.vertical_crs is None:
        return scan.crs
    # A LAS names one system: plan and height become a compound one.
    return pyproj.crs.CompoundCRS(
        name=f"{scan.crs.name} + {scan.vertical_crs.name}", components=[scan.crs, scan.vertical_crs]
    )


def _free(name: str, known: set[str]) -> str:
    """A name that does not collide with a standard dimension."""
    return f"{name}_" if name in known else name


def _check_extra(name: str, column: npt.NDArray[Any], n_points: int) -> None:
    if column.shape != (n_points,):
        raise ParameterError(
            f"values of shape {column.shape} for {n_points} points",
            where=f"extra {name!r}",
            expected=f"shape ({n_points},)",
        )
    if not 0 < len(name.encode()) < 32:
        raise ParameterError("a name that LAS cannot hold", where=f"extra {name!r}", expected="1 to 31 bytes")
    if column.dtype.kind not in "iufb":
        raise ParameterError(f"values of type {column.dtype}", where=f"extra {name!r}", expected="numbers")
