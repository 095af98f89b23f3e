"""A scan in another projected system."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.crs import PlanTransform, plan_transform
from sxrisk.errors import CRSError
from sxrisk.scans._crs import in_metres, split_crs
from sxrisk.scans.scan import Scan

__all__ = ["reprojected"]

Floats = npt.NDArray[np.float64]


def reprojected(scan: Scan, crs: Any) -> Scan:
    """See :meth:`Scan.to_crs`."""
    target, vertical = split_crs(crs, None)
    if scan.crs is None or target is None:
        raise CRSError(
            "a scan without a coordinate system cannot be reprojected",
            where=scan.source or None,
            remedy="State it: read_scan(path, crs=...)",
        )
    if vertical is not None:
        raise CRSError(f"{crs} has a height part", expected="a horizontal system; the height datum is kept")
    transform = plan_transform(scan.crs, target)
    xyz = _moved(scan.xyz, transform, target.name, scan)
    stations = None if scan.stations is None else _moved(scan.stations, transform, target.name, scan)
    vertical_crs = None if scan.vertical_crs is None else in_metres(scan.vertical_crs)
    return scan.replace(xyz=xyz, stations=stations, crs=target, vertical_crs=vertical_crs)


def _moved(points: Floats, transform: PlanTransform, target: str, scan: Scan) -> Floats:
    x, y = transform(points[:, 0], points[:, 1])
    factor = scan.units_m[1]
    moved = np.column_stack([x, y, points[:, 2] * (1.0 if np.isnan(factor) else factor)])
    if not np.isfinite(moved).all():
        raise CRSError(
            f"some points lie outside what {target!r} can show",
            where=scan.source or None,
            expected="a projection made for this place",
        )
    return moved
