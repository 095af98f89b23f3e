"""Local means of one cloud and local planes of the other: what a point-to-plane fit compares."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

__all__ = ["Means", "Planes", "Surface", "local_planes", "means_of"]

Floats = npt.NDArray[np.float64]

# Patches up to this many times as rough as the usual one count as smooth.
SMOOTH = 2.0
# Or up to this part of their radius: a far wall is coarser than the ground beside the scanner, and says more.
_FLAT = 0.03
# How much wider than its own neighbours a patch may become for the sake of the sparser cloud.
_WIDEST = 6.0
_MOST_HALVINGS = 6
_TWO_WAYS = 0.1
_WIDENINGS, _WIDENING = 4, 1.6


class Surface:
    """A cloud whose patches have a given radius and yet a bounded number of points, however dense it is there.

    A mean of 20 neighbours on a curved wall lies deeper the wider they stand, and from another station they stand
    wider: the patches of two clouds must have one radius, which the sparser cloud sets. In the denser one every second,
    fourth, ... point is left out where that is enough.

    Parameters
    ----------
    points : ndarray of shape (n, 3)
        Local coordinates in an order that has nothing to do with their places, so that the first half of them is
        half of them everywhere.
    neighbours : int
        Points of a patch at least; a patch has less than about twice as many.
    """

    def __init__(self, points: Floats, neighbours: int) -> None:
        self.points = points
        self.neighbours = min(neighbours, len(points))
        self._trees: dict[int, cKDTree] = {}

    def tree(self, halvings: int = 0) -> cKDTree:
        """Tree over the first part of the points, halved `halvings` times."""
        if halvings not in self._trees:
            self._trees[halvings] = cKDTree(self.points[: len(self.points) >> halvings])
        return self._trees[halvings]

    def reach(self, places: Floats) -> Floats:
        """Distance (n,) of the last of the neighbours of `places` (n, 3), metres."""
        found = self.tree().query(places, k=[self.neighbours], workers=-1)[0]
        return np.asarray(found)[:, 0]

    def halvings(self, reach: Floats, radius: Floats) -> npt.NDArray[np.int64]:
        """How often (n,) the points may be halved where a patch is wider than its neighbours' `reach`."""
        dense = np.maximum(radius / np.maximum(reach, 1e-9), 1.0) ** 2
        most = min(_MOST_HALVINGS, max(int(np.log2(len(self.points) / self.neighbours)) - 1, 0))
        return np.minimum(np.floor(np.log2(dense)), most).astype(np.int64)

    def around(
        self, places: Floats, radius: Floats, halvings: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Floats]:
        """Points within `radius` (n,) of `places` (n, 3): rows (n, c), which count, distance (n,) of the nearest."""
        most = 2 * self.neighbours
        rows = np.zeros((len(places), most), dtype=np.int64)
        distance = np.full((len(places), most), np.inf)
        for level in np.unique(halvings):
            chosen = halvings == level
            tree = self.tree(int(level))
            count = min(most, tree.n)
            far, found = tree.query(places[chosen], k=count, workers=-1)
            distance[chosen, :count] = far.reshape(-1, count)
            rows[chosen, :count] = found.reshape(-1, count)
        return rows, distance <= radius[:, None], distance[:, 0]


class Means(NamedTuple):
    """Means (n, 3) of the moving cloud's patches, their roughness (n,) and radius (n,), metres.

    ``halvings`` (n,) is how often the fixed cloud's points are halved in a patch of that radius.
    """

    places: Floats
    rough: Floats
    radius: Floats
    halvings: npt.NDArray[np.int64]


class Planes(NamedTuple):
    """Planes of the fixed cloud at n places.

    Parameters
    ----------
    middle, normal : ndarray of shape (n, 3)
        A point of the plane and its unit normal.
    rough : ndarray of shape (n,)
        Scatter of the points about the plane, metres.
    tilt : ndarray of shape (n,)
        Variance of the normal's direction that this scatter makes, square radians, each of two ways.
    radius : ndarray of shape (n,)
        Root mean square distance of the points from the middle, metres.
    nearest : ndarray of shape (n,)
        Distance of the nearest point, metres.
    sound : ndarray of bool, shape (n,)
        Whether the patch is a plane at all: spread in two directions, flat, and no rougher than most.
    shared : float
        In how many patches a point stands on average: neighbouring residuals are no independent observations.
    """

    middle: Floats
    normal: Floats
    rough: Floats
    tilt: Floats
    radius: Floats
    nearest: Floats
    sound: npt.NDArray[np.bool_]
    shared: float

    def distances(self, places: Floats, max_distance_m: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Signed distances (n,) of `places` from the planes, and which can be trusted."""
        offset = places - self.middle
        residual = np.einsum("ij,ij->i", offset, self.normal)
        along = np.sqrt(np.maximum((offset**2).sum(axis=1) - residual**2, 0.0))
        # A place inside its own patch, not at its rim.
        usable = self.sound & (self.nearest <= max_distance_m) & (np.abs(residual) <= max_distance_m)
        return residual, usable & (along <= self.radius)


def means_of(moving: Surface, fixed: Surface, cores: Floats, matrix: Floats) -> Means:
    """Means of the moving cloud around `cores` (n, 3), as wide as the sparser cloud needs after a motion (4, 4)."""
    own = moving.reach(cores)
    there = cores @ matrix[:3, :3].T + matrix[:3, 3]
    other = fixed.reach(there)
    radius = np.clip(other, own, _WIDEST * own) * (1.0 + 1e-9)
    for _ in range(_WIDENINGS):
        # Neighbours along one line of a spinning scanner make no plane: wide enough to hold the next line.
        values = _moments(fixed, *fixed.around(there, radius, fixed.halvings(other, radius))[:2])[1]
        thin = (values[:, 1] < _TWO_WAYS * values[:, 2]) & (radius < _WIDEST * own)
        if not thin.any():
            break
        radius = np.where(thin, _WIDENING * radius, radius)
    places, own_halvings = cores, moving.halvings(own, radius)
    for _ in range(2):
        # A core point stands in its own noise; the second round stands on the surface.
        middle, values, _, count = _moments(moving, *moving.around(places, radius, own_halvings)[:2])
        places = np.where(count[:, None] > 0, middle, places)
    return Means(places, np.sqrt(values[:, 0] / np.maximum(count - 3, 1)), radius, fixed.halvings(other, radius))


def local_planes(surface: Surface, places: Floats, means: Means) -> Planes:
    """Planes through the points of `surface` around `places` (n, 3), as wide as the patches of `means`."""
    rows, inside, nearest = surface.around(places, means.radius, means.halvings)
    middle, values, vectors, count = _moments(surface, rows, inside)
    sound = (values[:, 0] < 0.05 * values[:, 1]) & (values[:, 1] > 0.02 * values[:, 2])
    sound &= count >= max(surface.neighbours // 2, 4)
    rough = np.sqrt(values[:, 0] / np.maximum(count - 3, 1))
    # A patch across an edge is rougher than the scanner's noise: its plane and its mean are those of no surface.
    if sound.any():
        usual = SMOOTH * float(np.median(rough[sound])) + 1e-9
        sound &= rough <= np.maximum(usual, _FLAT * means.radius)
    tilt = rough**2 / np.maximum(values[:, 1], 1e-12)
    spread = np.sqrt(values.sum(axis=1) / np.maximum(count, 1))
    used = np.zeros(len(surface.points), dtype=bool)
    used[rows[inside]] = True
    shared = max(float(inside.sum()) / max(int(used.sum()), 1), 1.0)
    return Planes(middle, vectors[:, :, 0], rough, tilt, spread, nearest, sound, shared)


def _moments(
    surface: Surface, rows: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Middles (n, 3), squared extents (n, 3) from small to large, their axes (n, 3, 3), and numbers of points (n,)."""
    near = surface.points[rows]
    count = inside.sum(axis=1)
    middle = np.einsum("nki,nk->ni", near, inside) / np.maximum(count, 1)[:, None]
    offsets = (near - middle[:, None, :]) * inside[:, :, None]
    values, vectors = np.linalg.eigh(np.matmul(offsets.transpose(0, 2, 1), offsets))
    return middle, np.maximum(values, 0.0), vectors, count
