"""Dust, spray and snow: thin clouds of points that float."""

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import cores
from sxrisk.scans._kdtree import build_tree, nearest
from sxrisk.scans.cleaning._settle import Verdict, point_spacing, settle
from sxrisk.scans.cleaning.result import Cleaned, Reason
from sxrisk.scans.cloud import Cloud

__all__ = ["clean_dust"]

Floats = NDArray[np.float64]

_HALO_SPACINGS = 12.0
_SEARCH_SPACINGS = 50.0  # what has its neighbours farther away than this is no cloud
_BINS_PER_OCTAVE = 64
_BIN_RANGE = (-40, 40)  # octaves: any length or intensity that occurs
_VOLUME = 0.08  # least against greatest variance: a sheet has hundredths, a ball 1
_MAJORITY = 0.5


def clean_dust(
    cloud: Cloud, *, neighbours: int = 12, thinness: float = 1.5, intensity: str = "intensity", faintness: float = 0.6
) -> Cleaned:
    """Take out thin clouds that float before the surfaces: dust over a haul road, spray, fog, snow.

    A point is dust if its neighbours are spread through a volume instead of a sheet, `thinness` times farther away
    than is usual in the cloud, and most of these neighbours are of the same kind. Where the cloud has an intensity,
    dust must also be faint. Sparse plants are thin volumes too: without intensity they go with the dust.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    neighbours : int
        Number of nearest neighbours, at least 6.
    thinness : float
        How many times the median distance of neighbours, above 1.
    intensity : str
        Attribute that holds the strength of the return; not used where the cloud has none of this name.
    faintness : float
        Share of the median intensity below which a point is faint, above 0.

    Returns
    -------
    Cleaned

    Raises
    ------
    ParameterError
        If a number is outside its range.
    CRSError
        If the cloud is not in metres.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> rng = np.random.default_rng(1)
    >>> road = np.column_stack([rng.uniform(0, 20, (4000, 2)), rng.normal(0, 0.01, 4000)])
    >>> puff = rng.normal([10, 10, 4], 1.2, (60, 3))
    >>> dusty = clean_dust(sx.Scan(np.vstack([road, puff])))
    >>> bool(dusty.keep[:4000].all()), int(dusty.counts["dust"]) > 55
    (True, True)
    """
    if neighbours < 6 or not thinness > 1 or not faintness > 0:
        raise ParameterError(
            f"neighbours {neighbours}, thinness {thinness}, faintness {faintness}",
            where="clean_dust",
            expected="neighbours >= 6, thinness > 1, faintness > 0",
        )
    cloud.require_metres()
    n = cloud.n_points
    if n <= neighbours:
        return Cleaned(cloud, np.zeros(n, np.uint8))
    halo, reach = (times * point_spacing(cloud) for times in (_HALO_SPACINGS, _SEARCH_SPACINGS))

    def spacing(local: Floats, border: Floats) -> Verdict:
        distance, _ = nearest(build_tree(local), neighbours, reach)
        sure = np.minimum(distance[:, -1], reach) <= border
        return Verdict(distance.mean(axis=1), np.empty((len(local), 0), np.int32), sure)

    with_intensity = intensity in cloud.attribute_names
    spread, shine = _Histogram(), _Histogram()
    wanted = [intensity] if with_intensity else []
    for core in cores(cloud, halo, attributes=wanted):
        spread.add(settle(cloud, core, halo, spacing).value)
        if with_intensity:
            shine.add(np.asarray(core.tile.scan.attributes[intensity][core.inside], np.float64))
    limit = thinness * spread.median()

    def volume(local: Floats, border: Floats) -> Verdict:
        distance, index = nearest(build_tree(local), neighbours, reach)
        found = np.isfinite(distance[:, -1])
        thin = found & (distance.mean(axis=1) > limit)
        around = local[index[thin]] - local[thin][:, None]
        around = around - around.mean(axis=1, keepdims=True)
        value = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", around, around))
        loose = np.zeros(len(local), bool)
        loose[thin] = value[:, 0] > _VOLUME * value[:, 2]
        alike = (thin[index] & (index >= 0)).mean(axis=1) > _MAJORITY
        sure = np.minimum(distance[:, -1], reach) <= border
        certain = sure & (sure[index] | (index < 0)).all(axis=1)
        # What is dense is no dust, whatever its neighbours are.
        certain |= sure & ~thin
        return Verdict((loose & alike).astype(np.float64), np.empty((len(local), 0), np.int32), certain)

    reason = np.zeros(n, np.uint8)
    for core in cores(cloud, halo, attributes=wanted):
        dust = settle(cloud, core, halo, volume).value > 0.5
        if with_intensity:
            values = np.asarray(core.tile.scan.attributes[intensity][core.inside], np.float64)
            dust &= values < faintness * shine.median()
        reason[core.rows[dust]] = Reason.DUST
    return Cleaned(cloud, reason)


class _Histogram:
    """Counts on a fixed logarithmic scale: a median to a hundredth that does not depend on the order."""

    def __init__(self) -> None:
        self._counts = np.zeros((_BIN_RANGE[1] - _BIN_RANGE[0]) * _BINS_PER_OCTAVE + 1, np.int64)

    def add(self, values: Floats) -> None:
        positive = values[(values > 0) & np.isfinite(values)]
        bins = np.floor((np.log2(positive) - _BIN_RANGE[0]) * _BINS_PER_OCTAVE).astype(np.int64)
        self._counts += np.bincount(np.clip(bins, 0, len(self._counts) - 1), minlength=len(self._counts))

    def median(self) -> float:
        total = np.cumsum(self._counts)
        if not total[-1]:
            return 0.0
        middle = int(np.searchsorted(total, (total[-1] + 1) // 2))
        return float(2.0 ** ((middle + 0.5) / _BINS_PER_OCTAVE + _BIN_RANGE[0]))
