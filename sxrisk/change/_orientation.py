"""Which way a normal faces: towards the scanner that saw the place, along a direction, or up."""

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
    side = np.einsum("ij,ij->i", normals, directions)
    across = np.abs(side) <= _ACROSS * np.linalg.norm(directions, axis=1)
    tie = np.where(np.abs(normals[:, 0]) > _ACROSS, normals[:, 0], normals[:, 1])
    turn = np.where(across, tie, side) < 0
    normals[turn] *= -1.0
    return normals


def station_of_points(
    stations: NDArray[np.float64],
    station_index: NDArray[np.int32] | None,
    xyz: NDArray[np.float64],
    core: NDArray[np.float64],
    source: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Viewpoint (m, 3) of each core point.

    The station that saw the reference point which the core point is, or which lies nearest to it; the nearest station
    where nobody knows (-1 in the index).
    """
    if len(stations) == 1:
        return np.broadcast_to(stations[0], core.shape)
    chosen = np.full(len(core), -1, np.int64)
    if station_index is not None and (station_index >= 0).any():
        rows = source if source is not None else cKDTree(xyz).query(core)[1]
        chosen = station_index[rows].astype(np.int64)
    unknown = chosen < 0
    if unknown.any():
        chosen[unknown] = cKDTree(stations).query(core[unknown])[1]
    return stations[chosen]
