"""Which way a normal faces: towards the scanner that saw the place, along a direction, or up."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["orient", "station_of_points"]

# A normal this nearly across the direction has no side to choose (radians): rounding would.
_ACROSS = 1e-9


def orient(
    normals: NDArray[np.float64], places: NDArray[np.float64], towards: NDArray[np.float64], viewpoints: bool
) -> NDArray[np.float64]:
    """Normals (m, 3) turned so that they face `towards`.

    Parameters
    ----------
    normals, places : (m, 3) float64
        Unit normals of unknown side and where they stand.
    towards : (3,) or (m, 3) float64
        A direction, or the viewpoint of each place.
    viewpoints : bool
        Whether it is viewpoints. A normal across the line of sight keeps to the side of +x, then +y, so that the answer
        does not hang on rounding.
    """
    directions = towards - places if viewpoints else np.broadcast_to(towards, places.shape)
    # Written out: the same bits for one row as for a million.
    side = normals[:, 0] * directions[:, 0] + normals[:, 1] * directions[:, 1] + normals[:, 2] * directions[:, 2]
    length = np.sqrt(directions[:, 0] ** 2 + directions[:, 1] ** 2 + directions[:, 2] ** 2)
    across = np.abs(side) <= _ACROSS * length
    tie = np.where(np.abs(normals[:, 0]) > _ACROSS, normals[:, 0], normals[:, 1])
    turn = np.where(across, tie, side) < 0
    normals[turn] *= -1.0
    return normals


def station_of_points(
    stations: NDArray[np.float64], seen_by: NDArray[Any] | None, core: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Viewpoint (m, 3) of each core point: its station by `seen_by` (m,), the nearest where that says -1 or nothing."""
    if len(stations) == 1:
        return np.broadcast_to(stations[0], core.shape)
    chosen = np.full(len(core), -1, np.int64) if seen_by is None else seen_by.astype(np.int64)
    unknown = chosen < 0
    if unknown.any():
        chosen[unknown] = cKDTree(stations).query(core[unknown])[1]
    return stations[chosen]
