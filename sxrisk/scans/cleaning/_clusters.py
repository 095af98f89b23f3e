"""Clusters of linked points, joined across tiles."""

import tempfile
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sxrisk.scans._cores import cores
from sxrisk.scans.cloud import Cloud

__all__ = ["Spool", "join_clusters", "local_labels"]

Longs = NDArray[np.int64]


class Spool:
    """Arrays that wait on disk, one a tile, until a second pass knows what is true of the whole cloud."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - __exit__ closes it
        self._parts: list[tuple[Any, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, values: NDArray[Any]) -> None:
        """Put the next array (n,) behind the others."""
        self._parts.append((values.dtype, len(values)))
        self._file.write(np.ascontiguousarray(values).tobytes())

    def __iter__(self) -> Any:
        self._file.seek(0)
        for dtype, count in self._parts:
            yield np.frombuffer(self._file.read(count * dtype.itemsize), dtype=dtype)


def local_labels(n: int, pairs: Longs) -> tuple[int, NDArray[np.int32]]:
    """Number of clusters and the cluster of each of `n` points, from links (m, 2)."""
    graph = coo_matrix((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    return int(count), labels.astype(np.int32)


def _hash(xyz: NDArray[np.float64]) -> NDArray[np.uint64]:
    bits = np.ascontiguousarray(xyz).view(np.uint64).reshape(-1, 3)
    with np.errstate(over="ignore"):
        key = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(29)) ^ bits[:, 1]) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(32)) ^ bits[:, 2]) * np.uint64(0x94D049BB133111EB)
    return np.asarray(key ^ (key >> np.uint64(31)))


def join_clusters(cloud: Cloud, labels: Spool, counts: list[int], who: Longs, beyond: NDArray[np.float64]) -> Longs:
    """The cluster of each tile's clusters after the links between tiles.

    Parameters
    ----------
    cloud : Cloud
    labels : Spool
        Per tile the cluster of each core point, counted from 0 in each tile.
    counts : list of int
        Clusters of each tile.
    who : ndarray of shape (m,)
        Clusters, counted through all tiles, that have a link out of their tile.
    beyond : ndarray of shape (m, 3)
        Coordinates of the points they are linked to.

    Returns
    -------
    ndarray of shape (sum of counts,)
    """
    starts = np.concatenate([[0], np.cumsum(counts)])
    pairs = [np.empty((0, 2), np.int64)]
    if len(who):
        key = _hash(beyond)
        order = np.argsort(key, kind="stable")
        key, who, beyond = key[order], who[order], beyond[order]
        for core, label, start in zip(cores(cloud), labels, starts[:-1], strict=True):
            xyz = core.xyz
            mine = _hash(xyz)
            first, last = np.searchsorted(key, mine, "left"), np.searchsorted(key, mine, "right")
            wanted = np.flatnonzero(last > first)
            number = last[wanted] - first[wanted]
            at = np.repeat(wanted, number)
            other = (
                np.arange(len(at)) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first[wanted], number)
            )
            same = (xyz[at] == beyond[other]).all(axis=1)
            pairs.append(np.column_stack([who[other[same]], start + label[at[same]]]))
    return local_labels(int(starts[-1]), np.concatenate(pairs))[1].astype(np.int64)
