"""Points that no beam can have met: mixed pixels at edges, and ghosts behind closed surfaces."""

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import Core, cores
from sxrisk.scans.cleaning._range_image import BEAMS_A_CELL, RangeImage, cell_step, count_directions
from sxrisk.scans.cleaning.result import Cleaned, Reason
from sxrisk.scans.cloud import Cloud

__all__ = ["clean_rays"]

_REASON = np.array([Reason.KEPT, Reason.MIXED_PIXEL, Reason.GHOST], np.uint8)


def clean_rays(cloud: Cloud, *, gap_m: float = 0.2, step_rad: float | None = None) -> Cleaned:
    """Take out what contradicts the beams of the station that measured it.

    A *ghost* lies behind a surface that the same station saw closed all around that direction: the beam was reflected
    by something wet or smooth before it met what is shown (multi-path, the plague of cavities). A *mixed pixel* lies
    alone between the near and the far side of an edge, where one beam met both.

    Not told apart from ghosts: what was seen while the surface in front was not there, for instance behind a machine
    that drove in during the scan, and what a beam met deep inside a bush whose leaves look closed. Not found: ghosts in
    front of all surfaces, and those within one cell of the range image (1.5 beams) of an edge.

    Parameters
    ----------
    cloud : Scan or TiledScan
        With stations; several stations need the attribute ``station_index``. Points of unknown station are kept.
    gap_m : float
        Surfaces nearer to each other along the beam than this count as one; metres, above 0.
    step_rad : float, optional
        Angle between beams, radians. Default: from how many points every 3 degrees hold.

    Returns
    -------
    Cleaned

    Raises
    ------
    ParameterError
        If the cloud knows no stations, or not which station saw a point; if a number is not positive.
    CRSError
        If the cloud is not in metres.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> u, v = np.meshgrid(np.linspace(-1.0, 1.0, 80), np.linspace(-1.0, 1.0, 80))
    >>> wall = np.column_stack([np.full(u.size, 3.0), u.ravel(), v.ravel()])
    >>> room = sx.Scan(np.vstack([wall, [[4.0, 0.0, 0.2]]]), stations=[[0.0, 0.0, 0.0]])
    >>> clean_rays(room).counts.to_dict()
    {'kept': 6400, 'ghost': 1}
    """
    if not gap_m > 0 or (step_rad is not None and not 0 < step_rad < 0.5):
        raise ParameterError(
            f"gap_m {gap_m}, step_rad {step_rad}", where="clean_rays", expected="gap_m > 0, step_rad from 0 to 0.5"
        )
    cloud.require_metres()
    stations = cloud.stations
    several = stations is not None and len(stations) > 1
    if stations is None or (several and "station_index" not in cloud.attribute_names):
        raise ParameterError(
            "it is not known which station saw which point",
            where=cloud.source or "clean_rays",
            expected="stations, and the attribute station_index where there are several",
            remedy="Read each station's file with stations=[(x, y, z)] and merge them: Scan.merge",
        )
    wanted = [name for name in ("station_index",) if name in cloud.attribute_names]
    reason = np.zeros(cloud.n_points, np.uint8)
    # One station after the other: an image of all directions is large, and stations may be many.
    for number, station in enumerate(stations):
        counts = sum(count_directions(_seen(core, number, station)[1]) for core in cores(cloud, attributes=wanted))
        step = cell_step(np.asarray(counts)) if step_rad is None else BEAMS_A_CELL * step_rad
        image = RangeImage(step)
        for core in cores(cloud, attributes=wanted):
            image.add(_seen(core, number, station)[1])
        for core in cores(cloud, attributes=wanted):
            mine, offsets = _seen(core, number, station)
            reason[core.rows[mine]] = _REASON[image.judge(offsets, gap_m)]
    return Cleaned(cloud, reason)


def _seen(core: Core, number: int, station: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which points of a core (m,) a station saw, and their offsets from it."""
    mine = np.flatnonzero(core.tile.scan.station_index[core.inside] == number)
    return mine, np.ascontiguousarray(core.xyz[mine] - station)
