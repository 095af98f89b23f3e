"""Answers that need a point's neighbours, made certain however the cloud is cut.

A tile shows a point its neighbours as far as the halo. Whether nearer ones could lie outside is known: then the point
is looked at again in a larger box, until nothing outside can change the answer.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.scans._cores import Core
from sxrisk.scans.cloud import Cloud, in_half_open

__all__ = ["Settled", "Verdict", "point_spacing", "settle"]

Floats = NDArray[np.float64]
_GROWTH = 4.0  # of the margin, from one look to the next
_PIECES = 4  # a core is looked at again in about so many pieces a side: few reads, each far smaller than a tile


class Verdict(NamedTuple):
    """What was found at all points read: a value (n,), rows of the linked points (n, k; -1 none), how sure (n,)."""

    value: Floats
    partner: NDArray[np.int32]
    certain: NDArray[np.bool_]


class Settled(NamedTuple):
    """The core of a tile: ``value`` (m,); links within it (j, 2) by position; links out of it, as place and partner.

    ``outward`` (l,) are positions in the core, ``beyond`` (l, 3) the coordinates of the linked points.
    """

    value: Floats
    inner: NDArray[np.int64]
    outward: NDArray[np.int64]
    beyond: Floats


Judge = Callable[[Floats, Floats], Verdict]


def point_spacing(cloud: Cloud) -> float:
    """Mean distance of the points if they were spread over the largest side of their box, metres."""
    b = cloud.bounds()
    sides = sorted((b.xmax - b.xmin, b.ymax - b.ymin, b.zmax - b.zmin))
    return max(math.sqrt(sides[2] * sides[1] / cloud.n_points), sides[2] / cloud.n_points, 1e-6)


def _border_distance(cloud: Cloud, xyz: Floats, box: tuple[float, float, float, float]) -> Floats:
    """How far points (n,) are from the nearest side of what was read, inf towards the rim of the cloud; metres."""
    b = cloud.bounds()
    distance = np.full(len(xyz), np.inf)
    if box[0] > b.xmin:
        np.minimum(distance, xyz[:, 0] - box[0], out=distance)
    if box[1] > b.ymin:
        np.minimum(distance, xyz[:, 1] - box[1], out=distance)
    if box[2] <= b.xmax:
        np.minimum(distance, box[2] - xyz[:, 0], out=distance)
    if box[3] <= b.ymax:
        np.minimum(distance, box[3] - xyz[:, 1], out=distance)
    return distance


def _grown(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def settle(cloud: Cloud, core: Core, halo_m: float, judge: Judge) -> Settled:
    """The verdict on every point of a core.

    Parameters
    ----------
    cloud : Cloud
        What the core is of.
    core : Core
        Read with `halo_m`.
    halo_m : float
        Metres.
    judge : callable
        From local coordinates (n, 3) and each point's distance from the border of what was read (n,) to a verdict.
    """
    tile, mine = core.tile, core.inside
    xyz = tile.scan.xyz
    read = _grown(tile.core, halo_m)
    verdict = judge(tile.scan.local(cloud.origin), _border_distance(cloud, xyz, read))
    value = verdict.value[mine].copy()
    open_ = ~verdict.certain[mine]
    place = np.full(len(xyz), -1, np.int64)
    place[mine] = np.arange(len(mine))
    rows, columns = np.nonzero((verdict.partner[mine] >= 0) & ~open_[:, None])
    partner = verdict.partner[mine[rows], columns]
    inside = place[partner] >= 0
    inner = np.column_stack([rows[inside], place[partner[inside]]])
    outward, beyond = [rows[~inside]], [xyz[partner[~inside]]]
    margin = halo_m
    side = max(tile.core[2] - tile.core[0], tile.core[3] - tile.core[1]) / _PIECES
    while open_.any():
        margin *= _GROWTH
        cell = max(margin, side)
        steps = np.floor((xyz[mine[open_], :2] - cloud.origin[:2]) / cell)
        for column, row in np.unique(steps, axis=0):
            x, y = cloud.origin[0] + column * cell, cloud.origin[1] + row * cell
            box = (x, y, x + cell, y + cell)
            around = _grown(box, margin)
            more = cloud.read(around, attributes=())
            here = in_half_open(xyz[mine], box)
            # Both are in file order, so the n-th here is the n-th there.
            there = np.flatnonzero(in_half_open(more.xyz, box) & in_half_open(more.xyz, tile.core))
            again = judge(more.local(cloud.origin), _border_distance(cloud, more.xyz, around))
            settled = again.certain[there] & open_[here]
            at, seen = np.flatnonzero(here)[settled], there[settled]
            value[at] = again.value[seen]
            links = again.partner[seen] >= 0
            outward.append(np.repeat(at, links.sum(axis=1)))
            beyond.append(more.xyz[again.partner[seen][links]])
            open_[at] = False
    return Settled(value, inner, np.concatenate(outward), np.concatenate(beyond))
