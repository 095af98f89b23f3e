"""Points that belong to nothing: outliers, and clusters that float free."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans._cores import cores
from sxrisk.scans._kdtree import build_tree, count_within, nearest
from sxrisk.scans.cleaning._clusters import Spool, join_clusters, local_labels
from sxrisk.scans.cleaning._settle import Verdict, point_spacing, settle
from sxrisk.scans.cleaning.result import Cleaned, Reason
from sxrisk.scans.cloud import Cloud

__all__ = ["clean"]

Floats = NDArray[np.float64]
Method = Literal["local", "statistical", "radius"]

_HALO_SPACINGS = 8.0
_SEARCH_SPACINGS = 25.0
_FINEST_SPACING = 1e-3
_FACTOR = {"local": 4.0, "statistical": 2.0}
_TICKS_PER_M = 2**22  # the resolution to which distances are summed: a sum of whole numbers knows no order
_SPLIT = 2**20
_SUM_LENGTH = 2**18


def clean(
    cloud: Cloud,
    *,
    method: Method = "local",
    neighbours: int = 8,
    factor: float | None = None,
    min_cluster: int = 50,
    radius_m: float | None = None,
    search_m: float | None = None,
) -> Cleaned:
    """Take out points far from their neighbours, and small clusters that touch nothing.

    ``local``, the default, compares a point's mean distance to its neighbours with the median of the same figure at
    those neighbours: the density of a terrestrial scan falls with the square of the range, and a limit for the whole
    cloud would cut away all that is far from the scanner. It also finds isolated clusters. ``statistical`` and
    ``radius`` are what other programs have, for comparison and for clouds of even density.

    The answer is the same for a scan in memory and for any tiling of it.

    Parameters
    ----------
    cloud : Scan or TiledScan
        In metres.
    method : {"local", "statistical", "radius"}
        ``statistical``: mean distance above the mean of the cloud plus `factor` standard deviations. ``radius``: fewer
        than `neighbours` others within `radius_m`.
    neighbours : int
        Number of nearest neighbours, at least 3; the point itself is not counted (PCL's ``mean_k``; Open3D's
        ``nb_neighbors`` of the statistical filter counts it: one more; its ``nb_points`` of the radius filter does
        not).
    factor : float, optional
        ``local`` (default 4, larger than 1): how many times the usual distance is too far. ``statistical``
        (default 2, above 0): standard deviations.
    min_cluster : int
        Under ``local``: clusters of fewer points, joined by links shorter than `factor` times the usual spacing, are
        isolated. They are kept where no cluster of the cloud is larger.
    radius_m : float, optional
        Under ``radius``, where it must be given: metres, above 0.
    search_m : float, optional
        Under ``local``: neighbours farther away are not looked for, and a point with fewer than `neighbours` within
        it is an outlier; metres. Default 25 times the mean distance of the points.

    Returns
    -------
    Cleaned

    Raises
    ------
    CRSError
        If the cloud is not in metres.
    ParameterError
        If a number is outside its range.

    Examples
    --------
    >>> import sxrisk as sx
    >>> row = [[0.1 * i, 0.0, 0.0] for i in range(100)]
    >>> clean(sx.Scan([*row, [5.0, 3.0, 0.0]]), method="radius", radius_m=0.5, neighbours=3).counts["outlier"]
    np.int64(1)

    References
    ----------
    Rusu, R. B. et al. (2008): Towards 3D point cloud based object maps for household environments. Robotics and
    Autonomous Systems 56(11), 927-941 (the statistical filter).
    """
    used = _FACTOR.get(method, 1.0) if factor is None else factor
    _check(method, neighbours, used, min_cluster, radius_m, search_m)
    cloud.require_metres()
    if cloud.n_points <= neighbours:
        return Cleaned(cloud, np.zeros(cloud.n_points, np.uint8))
    if method == "radius":
        return Cleaned(cloud, _by_radius(cloud, neighbours, float(radius_m or 0.0)))
    if method == "statistical":
        return Cleaned(cloud, _by_statistics(cloud, neighbours, used))
    reach = _SEARCH_SPACINGS * point_spacing(cloud) if search_m is None else search_m
    return Cleaned(cloud, _by_neighbours(cloud, neighbours, used, min_cluster, reach))


def _check(
    method: str, neighbours: int, factor: float, min_cluster: int, radius_m: float | None, search_m: float | None
) -> None:
    if method not in ("local", "statistical", "radius"):
        raise ParameterError(f"method {method!r}", where="clean", expected="local, statistical or radius")
    lowest = 1.0 if method == "local" else 0.0
    if neighbours < 3 or (method != "radius" and not factor > lowest) or min_cluster < 1:
        raise ParameterError(
            f"neighbours {neighbours}, factor {factor}, min_cluster {min_cluster}",
            where="clean",
            expected=f"neighbours >= 3, factor > {lowest:g}, min_cluster >= 1",
        )
    if method == "radius" and not (radius_m is not None and radius_m > 0):
        raise ParameterError(
            f"radius_m {radius_m}", where="clean, method 'radius'", expected="a radius above 0, in metres"
        )
    if search_m is not None and not search_m > 0:
        raise ParameterError(f"search_m {search_m}", where="clean", expected="more than 0, in metres")


def _by_radius(cloud: Cloud, enough: int, radius: float) -> NDArray[np.uint8]:
    reason = np.zeros(cloud.n_points, np.uint8)
    for core in cores(cloud, radius * (1.0 + 1e-9)):
        counts = count_within(build_tree(core.tile.scan.local(cloud.origin)), radius, enough)
        reason[core.rows[counts[core.inside] < enough]] = Reason.OUTLIER
    return reason


def _spacing(distance: Floats) -> Floats:
    """Mean over the neighbours (n, k), added nearest first so that the order is always the same; inf if one lacks."""
    total = np.zeros(len(distance))
    for column in distance.T:
        total += column
    return total / distance.shape[1]


def _by_statistics(cloud: Cloud, k: int, factor: float) -> NDArray[np.uint8]:
    halo = _HALO_SPACINGS * point_spacing(cloud)

    def judge(local: Floats, border: Floats) -> Verdict:
        distance, _ = nearest(build_tree(local), k, np.inf)
        nothing = np.empty((len(local), 0), np.int32)
        return Verdict(_spacing(distance), nothing, distance[:, -1] <= border)

    total = squares = 0
    with Spool() as spool:
        for core in cores(cloud, halo):
            spacing = settle(cloud, core, halo, judge).value
            spool.append(spacing)
            for start in range(0, len(spacing), _SUM_LENGTH):
                ticks = np.rint(spacing[start : start + _SUM_LENGTH] * _TICKS_PER_M).astype(np.int64)
                high, low = ticks // _SPLIT, ticks % _SPLIT
                total += int(ticks.sum())
                squares += int(high @ high) * _SPLIT**2 + 2 * int(high @ low) * _SPLIT + int(low @ low)
        n = cloud.n_points
        variance = (squares * n - total * total) / (n * (n - 1))
        limit = (total / n + factor * math.sqrt(variance)) / _TICKS_PER_M
        reason = np.zeros(n, np.uint8)
        for core, spacing in zip(cores(cloud), spool, strict=True):
            reason[core.rows[~(spacing < limit)]] = Reason.OUTLIER
    return reason


def _by_neighbours(cloud: Cloud, k: int, factor: float, min_cluster: int, reach: float) -> NDArray[np.uint8]:
    spread = point_spacing(cloud)
    halo = min(_HALO_SPACINGS * spread, 3.0 * reach)

    def judge(local: Floats, border: Floats) -> Verdict:
        distance, index = nearest(build_tree(local), k, reach)
        spacing = _spacing(distance)
        lacking = ~np.isfinite(spacing)
        usual = np.median(np.where(index < 0, np.inf, spacing[index]), axis=1)
        # Exact duplicates have spacing 0; the floor keeps the ratio finite.
        usual = np.maximum(usual, _FINEST_SPACING * spread)
        with np.errstate(invalid="ignore"):
            outlier = lacking | (spacing > factor * usual)
        # A link counts by the finer of the two densities: strays that know only each other do not hold on to ground.
        limit = factor * np.minimum(usual[:, None], usual[index])
        near = (index >= 0) & (distance <= limit) & ~outlier[:, None] & ~outlier[index]
        certain = np.minimum(distance[:, -1], reach) <= border
        for _ in range(2):  # what the neighbours are judged by, and what their neighbours are
            certain = certain & (certain[index] | (index < 0)).all(axis=1)
        return Verdict(outlier.astype(np.float64), np.where(near, index, -1).astype(np.int32), certain)

    with Spool() as labels:
        reason = np.zeros(cloud.n_points, np.uint8)
        counts: list[int] = []
        who, beyond = [], []
        for core in cores(cloud, halo):
            settled = settle(cloud, core, halo, judge)
            count, label = local_labels(len(settled.value), settled.inner)
            reason[core.rows[settled.value > 0.5]] = Reason.OUTLIER
            labels.append(label)
            who.append(sum(counts) + label[settled.outward].astype(np.int64))
            beyond.append(settled.beyond)
            counts.append(count)
        cluster = join_clusters(cloud, labels, counts, np.concatenate(who), np.concatenate(beyond))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        size = np.zeros(int(cluster.max()) + 1, np.int64)
        for label, start in zip(labels, starts, strict=True):
            size += np.bincount(cluster[start + label], minlength=len(size))
        small = (size < min(min_cluster, int(size.max())))[cluster]
        for core, label, start in zip(cores(cloud), labels, starts, strict=True):
            isolated = core.rows[small[start + label]]
            reason[isolated[reason[isolated] == Reason.KEPT]] = Reason.ISOLATED
    return reason
