"""Bringing one epoch onto another by the ground that did not move."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans.scan import Scan
from sxrisk.scans.thinning import thin

__all__ = ["Registration", "register"]

Floats = npt.NDArray[np.float64]

TUKEY = 4.685  # 95 % efficiency on normal errors
MAD_TO_SIGMA = 1.4826
MAX_ITERATIONS = 60
# Patches up to this many times as rough as the usual one count as smooth.
SMOOTH = 2.0
# The residual of a stable patch is averaged over blocks; their scatter is what a level of detection must carry.
BLOCKS_ACROSS = 8


@dataclass(frozen=True)
class Registration:
    """A rigid motion of one scan onto another and how well it is known.

    Parameters
    ----------
    matrix : ndarray of shape (4, 4)
        Takes offsets from `origin` in the moving scan to offsets from `origin` in the fixed one, metres.
    origin : ndarray of shape (3,)
        Where the motion is stated about, in the scans' coordinates.
    sigma_m : float
        1 sigma of what is left between the two after it, metres: the scatter of block means on stable ground, not less
        than the formal error of the fit.
    n : int
        Core points that decided it.
    points : ndarray of shape (k, 3)
        Core points of the moving scan after the motion.
    residuals_m : ndarray of shape (k,)
        Distance of each from the fixed surface along its normal.
    stable : ndarray of bool, shape (k,)
        Which core points the robust fit took for unmoved.
    converged : bool
        Whether the last step was below a hundredth of a millimetre.
    """

    matrix: Floats
    origin: Floats
    sigma_m: float
    n: int
    points: Floats
    residuals_m: Floats
    stable: npt.NDArray[np.bool_]
    converged: bool

    @property
    def translation_m(self) -> Floats:
        """Shift (3,) of the point at `origin`."""
        return self.matrix[:3, 3]

    @property
    def rotation_mrad(self) -> float:
        """Angle of the rotation, thousandths of a radian."""
        return float(np.linalg.norm(Rotation.from_matrix(self.matrix[:3, :3]).as_rotvec()) * 1e3)

    def move(self, points: npt.ArrayLike) -> Floats:
        """Points (n, 3) after the motion."""
        return (np.asarray(points, dtype=np.float64) - self.origin) @ self.matrix[:3, :3].T + (
            self.origin + self.matrix[:3, 3]
        )

    def apply(self, scan: Scan) -> Scan:
        """The scan and its stations after the motion, carrying :attr:`sigma_m` as its registration uncertainty."""
        return scan.replace(
            xyz=self.move(scan.xyz),
            stations=None if scan.stations is None else self.move(scan.stations),
            registration_sigma_m=self.sigma_m,
        )


def register(
    moving: Scan,
    fixed: Scan,
    *,
    stable: Any = None,
    max_distance_m: float = 1.0,
    neighbours: int = 20,
    max_points: int = 40_000,
) -> Registration:
    """Fit `moving` onto `fixed` by robust point-to-plane steps on the ground that did not move.

    At core points of the moving scan, the mean of its nearest neighbours is compared with the plane through the nearest
    neighbours in the fixed scan. Tukey's loss, whose scale comes down with the residuals, gives moved ground no weight
    at all; a plain fit would take a part of the very movement one wants to measure.

    Parameters
    ----------
    moving, fixed : Scan
        Same coordinate system, metres, already within about `max_distance_m` of each other.
    stable : shapely geometry, optional
        Area in plan that did not move; without it the fit finds it.
    max_distance_m : float
        Pairs further apart than this never count, metres.
    neighbours : int
        Points of the local planes and means.
    max_points : int
        Core points at most.

    Returns
    -------
    Registration

    Raises
    ------
    ParameterError
        If `max_distance_m` is not positive or `neighbours` is below 5.
    GeometryError
        If fewer than 100 core points find a partner.

    References
    ----------
    Chen, Y., Medioni, G. (1992): Object modelling by registration of multiple range images. Image and Vision
    Computing 10(3), 145-155.
    """
    if not max_distance_m > 0 or neighbours < 5:
        raise ParameterError(
            f"max_distance_m {max_distance_m}, neighbours {neighbours}",
            where="register",
            expected="a distance above 0 and at least 5 neighbours",
        )
    origin = fixed.origin
    cores = _core_points(moving, stable, origin, max_points)
    fixed_local, moving_local = fixed.local(), moving.local(origin)
    fixed_tree = cKDTree(fixed_local)
    means: Floats = _local_means(moving_local, cores, neighbours)
    matrix: Any = np.eye(4)
    step = np.inf
    places, residuals, usable = means, np.empty(0), np.empty(0, dtype=bool)
    normals: Floats = np.empty((0, 3))
    sigma, weights = max_distance_m, np.empty(0)
    covariance: Any = np.zeros((6, 6))
    for iteration in range(MAX_ITERATIONS):
        places = means @ matrix[:3, :3].T + matrix[:3, 3]
        normals, residuals, usable = _plane_distances(fixed_tree, fixed_local, places, neighbours, max_distance_m)
        if usable.sum() < 100:
            raise GeometryError(
                f"only {int(usable.sum())} of {len(means)} points lie within {max_distance_m:g} m of the other scan",
                where=moving.source or None,
                expected="at least 100: scans of the same place, roughly in position",
                remedy="Check that both are in the same coordinate system, or raise max_distance_m",
            )
        spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals[usable] - np.median(residuals[usable]))))
        # The first steps keep a wide scale, so that a whole shifted scan is not taken for a moved one.
        sigma = max(spread, 0.5 * float(np.abs(np.median(residuals[usable]))) if iteration < 5 else spread, 1e-5)
        weights = np.where(usable, _tukey(residuals / (TUKEY * sigma)), 0.0)
        design = np.column_stack([np.cross(places, normals), normals])
        normal_matrix = design.T @ (design * weights[:, None])
        solution, *_ = np.linalg.lstsq(normal_matrix, -design.T @ (weights * residuals), rcond=1e-12)
        covariance = np.linalg.pinv(normal_matrix)
        update = np.eye(4)
        update[:3, :3] = Rotation.from_rotvec(solution[:3]).as_matrix()
        update[:3, 3] = solution[3:]
        matrix = update @ matrix
        reach = float(np.abs(places).max())
        step = float(np.linalg.norm(solution[3:]) + np.linalg.norm(solution[:3]) * reach)
        if step < 1e-5 and iteration >= 5:
            break
    unmoved = weights > 0
    kept = np.flatnonzero(usable)
    return Registration(
        matrix=matrix,
        origin=origin,
        sigma_m=_remaining_sigma(places[unmoved], residuals[unmoved], normals[unmoved], covariance, sigma),
        n=int(unmoved.sum()),
        points=places[kept] + origin,
        residuals_m=residuals[kept],
        stable=unmoved[kept],
        converged=step < 1e-5,
    )


def _core_points(moving: Scan, stable: Any, origin: Floats, max_points: int) -> Floats:
    from shapely import contains_xy

    cores = moving
    if stable is not None:
        cores = moving.select(contains_xy(stable, moving.xyz[:, 0], moving.xyz[:, 1]))
        if not cores.n_points:
            raise GeometryError(
                "no point lies in the stable area",
                where=moving.source or "stable",
                expected="a polygon in the scan's coordinates",
            )
    bounds = cores.bounds()
    area = max((bounds.xmax - bounds.xmin) * (bounds.ymax - bounds.ymin), 1.0)
    spacing = float(np.sqrt(area / max_points))
    while cores.n_points > max_points:
        cores, spacing = thin(cores, spacing), spacing * 1.3
    return cores.local(origin)


def _local_means(points: Floats, cores: Floats, neighbours: int) -> Floats:
    _, index = cKDTree(points).query(cores, k=min(neighbours, len(points)), workers=-1)
    # One neighbour comes without its axis.
    return points[index.reshape(len(cores), -1)].mean(axis=1)


def _plane_distances(
    tree: cKDTree, points: Floats, places: Floats, neighbours: int, max_distance_m: float
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Normals (n, 3) of the local planes, signed distances (n,) from them, and which of them can be trusted."""
    distance, index = tree.query(places, k=min(neighbours, len(points)), workers=-1)
    distance, index = distance.reshape(len(places), -1), index.reshape(len(places), -1)
    near = points[index]
    middle = near.mean(axis=1)
    offsets = near - middle[:, None, :]
    values, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", offsets, offsets))
    normals = vectors[:, :, 0]
    residuals = np.einsum("ij,ij->i", places - middle, normals)
    radius = np.sqrt(values.sum(axis=1) / near.shape[1])
    # A plane needs spread in two directions, flatness, and a place inside its own patch, not at its rim.
    flat = (values[:, 0] < 0.05 * values[:, 1]) & (values[:, 1] > 0.02 * values[:, 2])
    along = np.linalg.norm(places - middle - residuals[:, None] * normals, axis=1)
    # A patch across an edge is rougher than the scanner's noise: its plane and its mean are those of no surface.
    rough = np.sqrt(np.maximum(values[:, 0], 0.0) / near.shape[1])
    flat &= rough <= SMOOTH * float(np.median(rough[flat])) if flat.any() else False
    usable = flat & (distance[:, 0] <= max_distance_m) & (np.abs(residuals) <= max_distance_m) & (along <= radius)
    return normals, residuals, usable


def _tukey(u: Floats) -> Floats:
    return np.where(np.abs(u) < 1.0, (1.0 - u**2) ** 2, 0.0)


def _remaining_sigma(places: Floats, residuals: Floats, normals: Floats, covariance: Floats, sigma: float) -> float:
    """Scatter of the block means of the residuals, and the formal error of the motion at the points."""
    design = np.column_stack([np.cross(places, normals), normals])
    formal = sigma * float(np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design).mean()))
    low, high = places[:, :2].min(axis=0), places[:, :2].max(axis=0)
    cell = max(float((high - low).max()) / BLOCKS_ACROSS, 1e-6)
    column = np.minimum((places[:, :2] - low) / cell, BLOCKS_ACROSS - 1).astype(np.int64)
    block = column[:, 0] * BLOCKS_ACROSS + column[:, 1]
    count = np.bincount(block, minlength=BLOCKS_ACROSS**2)
    mean = np.bincount(block, residuals, BLOCKS_ACROSS**2) / np.maximum(count, 1)
    full = count >= max(20, len(residuals) // (20 * BLOCKS_ACROSS**2))
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(mean[full]))) if full.sum() >= 3 else 0.0
    return float(np.hypot(formal, scatter))
