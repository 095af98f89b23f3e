"""The cores of a cloud's tiles one after the other, with the place of their points in the cloud."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.scans.cloud import Cloud, Tile

__all__ = ["Core", "check_mask", "cores"]


class Core(NamedTuple):
    """A tile, which of its points are in its core (m,), and their rows in the cloud (m,)."""

    tile: Tile
    inside: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def xyz(self) -> NDArray[np.float64]:
        """Points (m, 3) of the core."""
        return self.tile.scan.xyz[self.inside]


def cores(cloud: Cloud, halo_m: float = 0.0, *, attributes: Sequence[str] | None = ()) -> Iterator[Core]:
    """Tiles with points in their core, always in the same order, whatever the halo."""
    for tile in cloud.tiles(halo_m, attributes=attributes):
        inside = np.flatnonzero(tile.in_core())
        if len(inside):
            yield Core(tile, inside, inside if tile.rows is None else tile.rows[inside].astype(np.int64))


def check_mask(cloud: Cloud, bare: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask of ground points (n,) itself.

    Raises
    ------
    ParameterError
        If it has another length than the cloud, or no point is ground.
    """
    mask = np.asarray(bare)
    if mask.shape != (cloud.n_points,) or mask.dtype != bool:
        raise ParameterError(
            f"an array of {mask.dtype} and shape {mask.shape} for {cloud.n_points} points",
            where="bare",
            expected=f"a mask of shape ({cloud.n_points},)",
        )
    if not mask.any():
        raise ParameterError("no point is ground", where="bare", expected="at least one ground point")
    return mask
