"""Where two scans may lie on each other, found by their features without any start."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sxrisk.scans._open3d import load_open3d
from sxrisk.scans.registration._equations import moved
from sxrisk.scans.registration._targets import rigid
from sxrisk.scans.registration._working import core_rows

__all__ = ["Candidate", "feature_motions"]

Floats = npt.NDArray[np.float64]

_POINTS = 5000
_DRAWS = 200_000
_TESTED = 4000
_CANDIDATES = 6
_CHUNK = 1000


class Candidate(NamedTuple):
    """A motion (4, 4), the share of the feature pairs that follow it, and the spacing it was found at, metres."""

    matrix: Floats
    inlier_share: float
    spacing_m: float


def feature_motions(
    moving: Floats, fixed: Floats, eyes: tuple[Floats | None, Floats | None] = (None, None), seed: int = 0
) -> list[Candidate]:
    """Motions that many pairs of alike places follow, the best first, each different from the ones before.

    Fast point feature histograms of both clouds, thinned to some thousand points, are paired; triples of pairs are
    drawn (with a fixed seed), those that keep their distances give motions, and the motions are ranked by how many
    pairs follow them.

    Parameters
    ----------
    moving, fixed : ndarray of shape (n, 3)
        Local coordinates, metres.
    eyes : pair of ndarray of shape (k, 3) or None
        Scanner stations of both, which the normals are turned to; upwards where there are none.
    seed : int

    References
    ----------
    Rusu, R. B., Blodow, N., Beetz, M. (2009): Fast point feature histograms (FPFH) for 3D registration. IEEE
    International Conference on Robotics and Automation, 3212-3217.
    Fischler, M. A., Bolles, R. C. (1981): Random sample consensus. Communications of the ACM 24(6), 381-395.
    """
    few = [points[core_rows(points, _POINTS)] for points in (moving, fixed)]
    spacing = max(float(np.median(cKDTree(points).query(points, k=2)[0][:, 1])) for points in few)
    features = [_features(points, spacing, eye) for points, eye in zip(few, eyes, strict=True)]
    pairs = _pairs(*features)
    a, b = few[0][pairs[:, 0]], few[1][pairs[:, 1]]
    rng = np.random.default_rng(seed)
    matrices = _motions(a, b, rng.integers(0, len(a), (_DRAWS, 3)), spacing)
    if not len(matrices):
        return []
    counts = np.array([_followers(matrix, a, b, 2.0 * spacing).sum() for matrix in matrices])
    corners = _corners(few[0])
    chosen: list[Candidate] = []
    for index in np.argsort(-counts, kind="stable"):
        matrix = matrices[index]
        for _ in range(3):
            follow = _followers(matrix, a, b, 2.0 * spacing)
            if follow.sum() >= 3:
                matrix = rigid(a[follow], b[follow])
        seen = [np.linalg.norm(moved(matrix, corners) - moved(c.matrix, corners), axis=1).max() for c in chosen]
        if not seen or min(seen) > 10.0 * spacing:
            share = float(_followers(matrix, a, b, 2.0 * spacing).mean())
            chosen.append(Candidate(matrix, share, spacing))
        if len(chosen) == _CANDIDATES:
            break
    return chosen


def _features(points: Floats, spacing: float, eyes: Floats | None) -> npt.NDArray[np.float32]:
    open3d = load_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=3.0 * spacing, max_nn=30))
    normals = np.asarray(cloud.normals).copy()
    if eyes is None:
        towards = np.broadcast_to([0.0, 0.0, 1.0], points.shape)
    else:
        towards = eyes[cKDTree(eyes).query(points)[1]] - points
    normals[np.einsum("ij,ij->i", normals, towards) < 0] *= -1.0
    cloud.normals = open3d.utility.Vector3dVector(normals)
    search = open3d.geometry.KDTreeSearchParamHybrid(radius=8.0 * spacing, max_nn=200)
    found = open3d.pipelines.registration.compute_fpfh_feature(cloud, search)
    return np.asarray(found.data).T.astype(np.float32)


def _pairs(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Rows (m, 2) of features that are each other's nearest; of all nearest ones where those are few."""
    forward, backward = _nearest(first, second), _nearest(second, first)
    own = np.arange(len(first))
    mutual = backward[forward] == own
    chosen = mutual if mutual.sum() >= 0.05 * len(own) else np.ones(len(own), dtype=bool)
    return np.column_stack([own[chosen], forward[chosen]])


def _nearest(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    half = 0.5 * (second**2).sum(axis=1)
    parts = [np.argmax(first[i : i + _CHUNK] @ second.T - half, axis=1) for i in range(0, len(first), _CHUNK)]
    return np.concatenate(parts)


def _motions(a: Floats, b: Floats, triples: npt.NDArray[np.int64], spacing: float) -> Floats:
    """Motions (m, 4, 4) of the triples whose sides are long and alike in both clouds."""
    alike = np.ones(len(triples), dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        one = np.linalg.norm(a[triples[:, i]] - a[triples[:, j]], axis=1)
        two = np.linalg.norm(b[triples[:, i]] - b[triples[:, j]], axis=1)
        alike &= (np.minimum(one, two) > 10.0 * spacing) & (np.abs(one - two) < 1.5 * spacing)
    triples = triples[alike][:_TESTED]
    p, q = a[triples], b[triples]
    middle_p, middle_q = p.mean(axis=1), q.mean(axis=1)
    u, _, vt = np.linalg.svd(np.matmul((p - middle_p[:, None]).transpose(0, 2, 1), q - middle_q[:, None]))
    v = vt.transpose(0, 2, 1)
    v[:, :, 2] *= np.sign(np.linalg.det(np.matmul(v, u.transpose(0, 2, 1))))[:, None]
    matrices = np.tile(np.eye(4), (len(triples), 1, 1))
    matrices[:, :3, :3] = np.matmul(v, u.transpose(0, 2, 1))
    matrices[:, :3, 3] = middle_q - np.einsum("nij,nj->ni", matrices[:, :3, :3], middle_p)
    return matrices


def _followers(matrix: Floats, a: Floats, b: Floats, reach: float) -> npt.NDArray[np.bool_]:
    offset = moved(matrix, a) - b
    return np.einsum("ij,ij->i", offset, offset) < reach**2


def _corners(points: Floats) -> Floats:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
