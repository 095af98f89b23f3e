"""Which core points moved together: significant change that hangs together, and windows that slid as one."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.special import ndtri

from sxrisk.change._body_matching import NOT_AS_ONE
from sxrisk.change.motion import surface_motion
from sxrisk.change.result import M3C2Result
from sxrisk.scans import thin_rows
from sxrisk.scans.cloud import Cloud

__all__ = ["changed_parts", "outline_of", "sliding_parts"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# A core point votes with the neighbours within this many core spacings.
REACH = 2.0
_QUARTER = 6  # corners of a quarter circle: round to a fiftieth of the spacing
# A window moved along itself beyond this many sigmas at least, and beyond what chance reaches in all of them.
_SIGMAS = 5.0
_FALSE = 1e-3
_WINDOWS = 3  # that move as one make a slide
_WINDOW_SPACINGS = 10.0
_WINDOW_POINTS = 1600.0
_REACH_SHARE = 0.25


def changed_parts(result: M3C2Result, origin: Floats) -> Integers:
    """Number of the connected part at each core point (m,), 0 for none; the parts numbered from 1, largest first.

    Single core points beyond their level of detection are to be expected (5 %); a point counts if the greater part of
    its neighbourhood is beyond as well, with the same sign.
    """
    label = np.zeros(len(result), dtype=np.int64)
    known = np.flatnonzero(result.reason == 0)
    if len(known) < 2:
        return label
    spacing = float(result.parameters["core_spacing_m"])
    sign = np.where(result.significant[known], np.sign(result.distance[known]), 0.0)
    pairs = cKDTree(result.core_points[known] - origin).query_pairs(REACH * spacing, output_type="ndarray")
    member = _majority(sign, pairs)
    linked = pairs[(member[pairs[:, 0]] != 0) & (member[pairs[:, 0]] == member[pairs[:, 1]])]
    label[known] = np.where(member != 0, _components(len(known), linked) + 1, 0)
    return _by_size(label)


def _majority(sign: Floats, pairs: NDArray[Any]) -> Floats:
    """Sign of each point, whether significant itself or not, if most of its neighbours share it; else 0."""
    n = len(sign)
    count = np.bincount(pairs.ravel(), minlength=n) + 1.0
    total = sign + np.bincount(pairs[:, 0], sign[pairs[:, 1]], n) + np.bincount(pairs[:, 1], sign[pairs[:, 0]], n)
    share = total / count
    return np.where(np.abs(share) > 0.5, np.sign(share), 0.0)


def _components(n: int, pairs: NDArray[Any]) -> Integers:
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _by_size(label: Integers) -> Integers:
    """The same parts numbered from 1 by size, the larger first; of equal ones the one with the earlier core point."""
    numbers, first, size = np.unique(label, return_index=True, return_counts=True)
    numbers, first, size = (values[numbers > 0] for values in (numbers, first, size))
    new = np.zeros(int(label.max()) + 1, dtype=np.int64)
    new[numbers[np.lexsort((first, -size))]] = np.arange(1, len(numbers) + 1)
    return new[label]


def sliding_parts(
    result: M3C2Result, before: Cloud, after: Cloud, window_m: float | None, max_motion_m: float | None
) -> tuple[Integers, Floats]:
    """Number of the slide at each core point (m,), 0 for none, and its window's vector (m, 3), NaN there.

    A slide is windows of relief that moved along themselves alike.
    """
    none = np.zeros(len(result), dtype=np.int64), np.full((len(result), 3), np.nan)
    usable = np.flatnonzero((result.reason == 0) & np.isfinite(result.normals).all(axis=1))
    if len(usable) < _WINDOWS:
        return none
    window = window_m or fitting_window(result)
    core = result.core_points[usable]
    places = core[thin_rows(core, 0.5 * window)]
    motion = surface_motion(
        before, after, places, window_m=window, max_motion_m=max_motion_m or _REACH_SHARE * window,
        registration_sigma_m=result.registration_sigma_m,
    )  # fmt: skip
    limit = max(_SIGMAS, -float(ndtri(0.5 * _FALSE / len(places))))
    along, sigma = motion["along_m"].to_numpy(), motion["sigma_along_m"].to_numpy()
    moved = np.flatnonzero(motion["determined"].to_numpy() & (along > limit * sigma))
    if len(moved) < _WINDOWS:
        return none
    vector = motion[["east_m", "north_m", "up_m"]].to_numpy()[moved]
    spread = np.sqrt(np.square(motion[["sigma_east_m", "sigma_north_m", "sigma_up_m"]].to_numpy()[moved]).sum(axis=1))
    pairs = cKDTree(places[moved] - before.origin).query_pairs(0.95 * window, output_type="ndarray")
    i, j = pairs[:, 0], pairs[:, 1]
    apart = np.linalg.norm(vector[i] - vector[j], axis=1)
    length = np.minimum(along[moved][i], along[moved][j])
    alike = apart <= np.maximum(4.0 * np.hypot(spread[i], spread[j]), 0.25 * length)
    part = _components(len(moved), pairs[alike]) + 1
    part = np.where(np.bincount(part)[part] >= _WINDOWS, part, 0)
    # Each core point follows the window nearest to it, moved or not; one across an edge tells nothing.
    owner, carried = np.zeros(len(places), dtype=np.int64), np.full((len(places), 3), np.nan)
    owner[moved], carried[moved] = part, vector
    telling = np.flatnonzero((motion["reason"] != NOT_AS_ONE).to_numpy() | (owner > 0))
    far, nearest = cKDTree(places[telling] - before.origin).query(core - before.origin, workers=-1)
    nearest = telling[nearest]
    label, vectors = none
    label[usable], vectors[usable] = np.where(far <= window, owner[nearest], 0), carried[nearest]
    vectors[label == 0] = np.nan
    return _by_size(label), vectors


def fitting_window(result: M3C2Result) -> float:
    """Side of a window, metres, that holds enough points for its relief to be compared."""
    counts = np.minimum(result.n_reference, result.n_compared)[result.reason == 0]
    density = float(np.median(counts)) / (np.pi * float(result.parameters["cylinder_radius_m"]) ** 2)
    spacing = float(result.parameters["core_spacing_m"])
    return max(_WINDOW_SPACINGS * spacing, float(np.sqrt(_WINDOW_POINTS / max(density, 1e-9))))


def outline_of(points: Floats, spacing: float) -> Any:
    """Outline (plan of the first two coordinates) of the ground that core points stand for, half a spacing around."""
    # Joined disc by disc: the buffer of all at once takes ten times as long.
    joined = shapely.union_all(shapely.buffer(shapely.points(points[:, :2]), REACH * spacing, quad_segs=_QUARTER))
    return joined.buffer(-(REACH - 0.5) * spacing, quad_segs=_QUARTER).simplify(0.1 * spacing)
