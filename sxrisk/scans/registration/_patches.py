"""Local means of one cloud and local planes of the other: what a point-to-plane fit compares."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sxrisk.scans._kdtree import Tree, build_tree, moments_within, reach

__all__ = ["Means", "Planes", "Surface", "local_planes", "means_of"]

Floats = npt.NDArray[np.float64]

# How much wider than its own neighbours a patch may become for the sake of the sparser cloud.
_WIDEST = 6.0
_MOST_HALVINGS = 6
_TWO_WAYS = 0.1
# Squared thickness of a patch in terms of its squared width, at most; bushes and rubble count, by their roughness.
_THICKEST = 0.3
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
        self._trees: dict[int, Tree] = {}

    def tree(self, halvings: int = 0) -> Tree:
        """Tree over the first part of the points, halved `halvings` times."""
        if halvings not in self._trees:
            self._trees[halvings] = build_tree(self.points[: len(self.points) >> halvings])
        return self._trees[halvings]

    def reach(self, places: Floats) -> Floats:
        """Distance (n,) of the last of the neighbours of `places` (n, 3), metres."""
        return reach(self.tree(), np.ascontiguousarray(places), self.neighbours)

    def halvings(self, reach: Floats, radius: Floats) -> npt.NDArray[np.int64]:
        """How often (n,) the points may be halved where a patch is wider than its neighbours' `reach`."""
        dense = np.maximum(radius / np.maximum(reach, 1e-9), 1.0) ** 2
        most = min(_MOST_HALVINGS, max(int(np.log2(len(self.points) / self.neighbours)) - 1, 0))
        return np.minimum(np.floor(np.log2(dense)), most).astype(np.int64)

    def patches(self, places: Floats, radius: Floats, halvings: npt.NDArray[np.int64]) -> "Patches":
        """The points within `radius` (n,) of `places` (n, 3)."""
        count, middle = np.zeros(len(places), dtype=np.int64), places.copy()
        scatter, nearest = np.zeros((len(places), 3, 3)), np.full(len(places), np.inf)
        for level in np.unique(halvings):
            chosen = halvings == level
            found = moments_within(self.tree(int(level)), places[chosen], radius[chosen])
            count[chosen], middle[chosen], scatter[chosen], nearest[chosen] = found
        values, axes = np.linalg.eigh(scatter)
        return Patches(count, middle, np.maximum(values, 0.0), axes, nearest)


class Patches(NamedTuple):
    """Number (n,) of points, their middles (n, 3), squared extents (n, 3) from small to large along axes (n, 3, 3),
    and the distance (n,) of the nearest one.
    """

    number: npt.NDArray[np.int64]
    middle: Floats
    values: Floats
    axes: Floats
    nearest: Floats

    @property
    def rough(self) -> Floats:
        """Scatter (n,) of the points about their plane."""
        return np.sqrt(self.values[:, 0] / np.maximum(self.number - 3, 1))

    @property
    def error(self) -> Floats:
        """1 sigma (n,) of the plane's place along its normal that this scatter makes."""
        return self.rough / np.sqrt(np.maximum(self.number, 1))


class Means(NamedTuple):
    """Means (n, 3) of the moving cloud's patches, their roughness, 1 sigma and radius (n,), metres.

    ``alike`` (n,) is how many of the means stand within each one's radius: so many times every point counts there, and
    so little each of them tells. ``halvings`` (n,) is how often the fixed cloud's points are halved in such a patch.
    """

    places: Floats
    rough: Floats
    error: Floats
    radius: Floats
    alike: Floats
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
        Whether the patch is a plane at all: spread in two directions and flatter than wide.
    expected : ndarray of shape (n,)
        1 sigma of a residual as the roughness of both patches makes it, metres.
    """

    middle: Floats
    normal: Floats
    rough: Floats
    tilt: Floats
    radius: Floats
    nearest: Floats
    sound: npt.NDArray[np.bool_]
    expected: Floats

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
        values = fixed.patches(there, radius, fixed.halvings(other, radius)).values
        thin = (values[:, 1] < _TWO_WAYS * values[:, 2]) & (radius < _WIDEST * own)
        if not thin.any():
            break
        radius = np.where(thin, _WIDENING * radius, radius)
    places, own_halvings = cores, moving.halvings(own, radius)
    for _ in range(2):
        # A core point stands in its own noise; the second round stands on the surface.
        found = moving.patches(places, radius, own_halvings)
        places = found.middle
    alike = np.maximum(moments_within(build_tree(places), places, radius)[0], 1).astype(np.float64)
    return Means(places, found.rough, found.error, radius, alike, fixed.halvings(other, radius))


def local_planes(surface: Surface, places: Floats, means: Means) -> Planes:
    """Planes through the points of `surface` around `places` (n, 3), as wide as the patches of `means`."""
    found = surface.patches(places, means.radius, means.halvings)
    values, count, rough = found.values, found.number, found.rough
    sound = (values[:, 0] < _THICKEST * values[:, 1]) & (values[:, 1] > 0.02 * values[:, 2])
    sound &= count >= max(surface.neighbours // 2, 4)
    tilt = rough**2 / np.maximum(values[:, 1], 1e-12)
    spread = np.sqrt(values.sum(axis=1) / np.maximum(count, 1))
    expected = np.hypot(found.error, means.error)
    return Planes(found.middle, found.axes[:, :, 0], rough, tilt, spread, found.nearest, sound, expected)
