"""A bounded part of a cloud of any size, chosen so that neither tiles nor noise have a say in it."""

import numpy as np
import numpy.typing as npt

from sxrisk.scans.cloud import Cloud
from sxrisk.scans.thinning import thin_rows

__all__ = ["WORKING_POINTS", "core_rows", "working_points"]

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

WORKING_POINTS = 3_000_000
# Blocks that the density is counted in; far coarser than any noise.
_BLOCKS = 40_000
_BITS = 21
_NEIGHBOURS = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=np.int64)


def working_points(cloud: Cloud, limit: int = WORKING_POINTS) -> Floats:
    """At most about `limit` points (n, 3) of a cloud, in an order that depends on the points alone.

    Where the cloud is larger, points go from where they lie densest. Which ones is drawn by a hash of their
    coordinates with a chance that follows the mean density of 27 blocks around them: a voxel's middle or edge would
    pull the surface out of its noise.
    """
    if cloud.n_points <= limit:
        parts = [tile.scan.xyz[tile.in_core()] for tile in cloud.tiles(attributes=())]
        xyz = np.concatenate(parts) if parts else np.empty((0, 3))
        return xyz[np.argsort(_hash(xyz))]
    box = cloud.bounds()
    size = np.subtract(box[3:], box[:3])
    low, edge = np.array(box[:3]), float(np.sqrt(max(size[0] * size[1], 1.0) / _BLOCKS))
    edge = max(edge, float(size.max()) / (2**_BITS - 4))
    keys, counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for tile in cloud.tiles(attributes=()):
        more, number = np.unique(_keys(tile.scan.xyz[tile.in_core()], low, edge), return_counts=True)
        keys, place = np.unique(np.concatenate([keys, more]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, number])).astype(np.int64)
    around = _counts_around(keys, counts)
    quota = _quota(counts, around, limit)
    kept = []
    for tile in cloud.tiles(attributes=()):
        xyz = tile.scan.xyz[tile.in_core()]
        chance = quota / around[np.searchsorted(keys, _keys(xyz, low, edge))]
        code = _hash(xyz)
        kept.append(xyz[(code >> np.uint64(11)).astype(np.float64) * 2.0**-53 < chance])
    xyz = np.concatenate(kept)
    return xyz[np.argsort(_hash(xyz))]


def core_rows(xyz: Floats, limit: int) -> npt.NDArray[np.int64]:
    """Rows of at most `limit` points of `xyz` (n, 3), one a voxel, spread evenly over the surface."""
    if len(xyz) <= limit:
        return np.arange(len(xyz), dtype=np.int64)
    size = np.ptp(xyz, axis=0)
    spacing = float(np.sqrt(max(size[0] * size[1], 1e-6) / limit))
    rows = thin_rows(xyz, spacing)
    while len(rows) > limit:
        spacing *= 1.3
        rows = thin_rows(xyz, spacing)
    return rows


def _hash(xyz: Floats) -> npt.NDArray[np.uint64]:
    bits = np.ascontiguousarray(xyz + 0.0).view(np.uint64)
    code = np.zeros(len(xyz), dtype=np.uint64)
    for axis in range(3):
        code = (code + bits[:, axis]) * np.uint64(0x9E3779B97F4A7C15)
        code ^= code >> np.uint64(29)
    code *= np.uint64(0xBF58476D1CE4E5B9)
    return code ^ (code >> np.uint64(32))


def _keys(xyz: Floats, low: Floats, edge: float) -> Keys:
    # One free block below keeps the neighbours' numbers from running over into the next axis.
    cell = np.floor((xyz - low) / edge).astype(np.int64) + 1
    return (cell[:, 0] << (2 * _BITS)) | (cell[:, 1] << _BITS) | cell[:, 2]


def _counts_around(keys: Keys, counts: Keys) -> Floats:
    total = np.zeros(len(keys))
    for step in _NEIGHBOURS:
        wanted = keys + (step[0] << (2 * _BITS)) + (step[1] << _BITS) + step[2]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        total += np.where(keys[place] == wanted, counts[place], 0)
    return total


def _quota(counts: Keys, around: Floats, limit: int) -> float:
    low, high = 0.0, float(around.max())
    for _ in range(50):
        middle = 0.5 * (low + high)
        if float((counts * np.minimum(1.0, middle / around)).sum()) > limit:
            high = middle
        else:
            low = middle
    return low
