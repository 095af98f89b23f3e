"""What a cleaning step found: a reason per point, counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.scans._cores import cores
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.scan import Scan

__all__ = ["REASONS", "Cleaned", "Reason"]


class Reason(IntEnum):
    """Why a point was taken out."""

    KEPT = 0
    OUTLIER = 1
    ISOLATED = 2
    DUST = 3
    MIXED_PIXEL = 4
    GHOST = 5


REASONS: dict[Reason, str] = {
    Reason.KEPT: "kept",
    Reason.OUTLIER: "stands off its neighbours",
    Reason.ISOLATED: "in a small cluster that touches nothing",
    Reason.DUST: "in a thin cloud that floats: dust, spray, snow",
    Reason.MIXED_PIXEL: "between the two surfaces that one beam met at an edge",
    Reason.GHOST: "behind a closed surface that the same station saw: a reflection",
}


@dataclass(frozen=True)
class Cleaned:
    """A cloud and what was found in it.

    Parameters
    ----------
    cloud : Scan or TiledScan
        What was looked at.
    reason : ndarray of uint8, shape (n,)
        A :class:`Reason` per point, in the order of the cloud's file.

    Examples
    --------
    >>> import numpy as np
    >>> import sxrisk as sx
    >>> from sxrisk.scans import clean
    >>> flat = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), [0.0]), axis=-1).reshape(-1, 3)
    >>> cleaned = clean(sx.Scan(np.vstack([flat, [[10.0, 10.0, 60.0]]])))
    >>> cleaned.n_outliers, cleaned.scan.n_points
    (1, 400)
    """

    cloud: Cloud
    reason: NDArray[np.uint8]

    @property
    def keep(self) -> NDArray[np.bool_]:
        """Which points are left (n,)."""
        return self.reason == Reason.KEPT

    @property
    def counts(self) -> pd.Series:
        """Points per reason, those that occur, under the reason's name in lower case."""
        found = np.bincount(self.reason, minlength=len(Reason))
        names = {reason.name.lower(): int(found[reason]) for reason in Reason if found[reason]}
        return pd.Series(names, dtype=np.int64)

    @property
    def n_outliers(self) -> int:
        """Points that stand off their neighbours."""
        return int((self.reason == Reason.OUTLIER).sum())

    @property
    def n_isolated(self) -> int:
        """Points in small clusters that touch nothing."""
        return int((self.reason == Reason.ISOLATED).sum())

    def parts(self) -> Iterator[Scan]:
        """What is left, tile after tile, for clouds that do not fit into memory."""
        for core in cores(self.cloud, attributes=None):
            yield core.tile.scan.select(core.inside[self.keep[core.rows]])

    @cached_property
    def scan(self) -> Scan:
        """What is left, in memory, in the order of the file."""
        return self.cloud.read().select(self.keep)
