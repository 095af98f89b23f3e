"""Points that belong to nothing: outliers, and clusters that float free."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.errors import ParameterError
from sxrisk.scans.scan import Scan

__all__ = ["Cleaned", "clean"]


@dataclass(frozen=True)
class Cleaned:
    """A cleaned scan and what was taken out.

    Parameters
    ----------
    scan : Scan
        What is left.
    keep : ndarray of bool, shape (n,)
        Which points of the original it has.
    n_outliers, n_isolated : int
        Points taken out because they stand off their neighbours; because their cluster floats free.
    """

    scan: Scan
    keep: npt.NDArray[np.bool_]
    n_outliers: int
    n_isolated: int


def clean(scan: Scan, *, neighbours: int = 8, factor: float = 4.0, min_cluster: int = 50) -> Cleaned:
    """Take out points far from their neighbours and small clusters that touch nothing.

    A point's mean distance to its neighbours is compared with the median of the same figure at those neighbours, not
    with the mean of the cloud: the density of a terrestrial scan falls with the square of the range, and a global
    limit would cut away all that is far from the scanner.

    Parameters
    ----------
    scan : Scan
        In metres.
    neighbours : int
        Number of nearest neighbours, at least 3.
    factor : float
        A point is an outlier if its mean distance is more than `factor` times what is usual around it; larger than 1.
    min_cluster : int
        Clusters of fewer points, joined by links shorter than `factor` times the usual spacing, are isolated. They
        are kept where the whole scan has fewer.

    Returns
    -------
    Cleaned

    Raises
    ------
    ParameterError
        If a number is outside its range.
    """
    if neighbours < 3 or not factor > 1 or min_cluster < 1:
        raise ParameterError(
            f"neighbours {neighbours}, factor {factor}, min_cluster {min_cluster}",
            where="clean",
            expected="neighbours >= 3, factor > 1, min_cluster >= 1",
        )
    n = scan.n_points
    if n <= neighbours:
        return Cleaned(scan, np.ones(n, dtype=bool), 0, 0)
    local = scan.local()
    distance, index = cKDTree(local).query(local, k=neighbours + 1, workers=-1)
    distance, index = distance[:, 1:], index[:, 1:]
    spacing = distance.mean(axis=1)
    usual = np.median(spacing[index], axis=1)
    # Exact duplicates have spacing 0; the median over the cloud keeps the ratio finite.
    usual = np.maximum(usual, 1e-3 * np.median(spacing))
    outlier = spacing > factor * usual
    # A link counts by the finer of the two densities: strays that know only each other do not hold on to the ground.
    reach = factor * np.minimum(usual[:, None], usual[index])
    near = (distance <= reach) & ~outlier[:, None] & ~outlier[index]
    rows = np.repeat(np.arange(n), near.sum(axis=1))
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, index[near])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label)
    isolated = ~outlier & (size[label] < min(min_cluster, int(size.max())))
    keep = ~outlier & ~isolated
    return Cleaned(scan.select(keep), keep, int(outlier.sum()), int(isolated.sum()))
