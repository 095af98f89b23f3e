"""A known motion between two epochs of which a part of the ground moved: what each library leaves of it, and its cost.

    python benchmarks/registration.py                 # 10 % and 30 % moved, then the real pairs if the data are there
    python benchmarks/registration.py --points 300000

Same clouds, same start, same neighbours and reach for all. The residual is the root mean square distance of the stable
ground from its true place; it is wanted within 1 mm and 0.1 mrad. CPU seconds count all threads, normals and trees
included. Real pairs have no truth: the table says how far apart the libraries' answers lie.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import small_gicp
from scipy.spatial.transform import Rotation

import sxrisk as sx
from sxrisk.scans._open3d import load_open3d

Array = np.ndarray
Aligner = Callable[[Array, Array, float], Array]
NEIGHBOURS = 20
PAIRS = Path(__file__).parents[2] / "shared" / "data" / "clouds" / "libpointmatcher"


def pit(seed: int, n: int) -> Array:
    """Points (n, 3) of benches with steep faces, 6 mm noise, drawn anew with every seed."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-110, 110, n), rng.uniform(-95, 95, n)
    out = np.maximum(np.abs(x + 0.1 * y), np.abs(1.2 * y - 0.003 * x**2))
    depth = np.clip((90 - out) * 0.8, 0, 40) / 15.0
    step = np.floor(depth)
    z = -(step + np.clip((depth - step - 0.5) / 0.5, 0, 1)) * 15.0 + 0.3 * np.sin(x / 7) * np.cos(y / 9) + 0.02 * x
    return np.column_stack([x, y, z]) + rng.normal(0, 0.006, (n, 3))


def ours(moving: Array, fixed: Array, reach_m: float) -> Array:
    found = sx.register(sx.Scan(moving), sx.Scan(fixed), max_distance_m=reach_m, neighbours=NEIGHBOURS)
    return found.about(np.zeros(3)).matrix


def point_to_plane(tukey_m: float | None) -> Aligner:
    """Open3D's point-to-plane steps, plain or with Tukey's loss of a fixed width."""

    def align(moving: Array, fixed: Array, reach_m: float) -> Array:
        open3d = load_open3d()
        methods = open3d.pipelines.registration
        clouds = [open3d.geometry.PointCloud(open3d.utility.Vector3dVector(xyz.copy())) for xyz in (moving, fixed)]
        clouds[1].estimate_normals(open3d.geometry.KDTreeSearchParamKNN(NEIGHBOURS))
        loss = [] if tukey_m is None else [methods.TukeyLoss(k=tukey_m)]
        estimation = methods.TransformationEstimationPointToPlane(*loss)
        stop = methods.ICPConvergenceCriteria(1e-9, 1e-9, 100)
        return methods.registration_icp(*clouds, reach_m, np.eye(4), estimation, stop).transformation

    return align


def gicp(kind: str) -> Aligner:
    """small_gicp on the full clouds."""

    def align(moving: Array, fixed: Array, reach_m: float) -> Array:
        clouds = []
        for xyz in (fixed, moving):
            cloud = small_gicp.PointCloud(xyz)
            small_gicp.estimate_normals_covariances(cloud, num_neighbors=NEIGHBOURS, num_threads=2)
            clouds.append(cloud)
        tree = small_gicp.KdTree(clouds[0], num_threads=2)
        found = small_gicp.align(
            *clouds,
            tree,
            registration_type=kind,
            max_correspondence_distance=reach_m,
            num_threads=2,
            max_iterations=100,
        )
        return found.T_target_source

    return align


METHODS: dict[str, Aligner] = {
    "sxrisk": ours,
    "Open3D plane, Tukey 0.02 m": point_to_plane(0.02),
    "Open3D plane, Tukey 0.1 m": point_to_plane(0.1),
    "Open3D plane, plain": point_to_plane(None),
    "small_gicp plane ICP": gicp("PLANE_ICP"),
    "small_gicp GICP": gicp("GICP"),
}


def timed(align: Aligner, moving: Array, fixed: Array, reach_m: float) -> tuple[Array, float]:
    start = time.process_time()
    matrix = align(moving, fixed, reach_m)
    return matrix, time.process_time() - start


def placed(matrix: Array, points: Array) -> Array:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def known_motion(share: float, n: int) -> None:
    made = np.eye(4)
    made[:3, :3] = Rotation.from_rotvec([2e-3, -1.2e-3, 3e-3]).as_matrix()
    made[:3, 3] = [0.05, -0.04, 0.03]
    fixed, later = pit(1, n), pit(2, n)
    low = later[:, 0] > np.quantile(later[:, 0], 1.0 - share)
    later[low, 2] -= 0.05
    print(f"\n{100 * share:.0f} % of the ground fell by 50 mm, {n:,} points each")
    print(f"{'':<30}{'residual mm':>12}{'angle mrad':>12}{'CPU s':>8}{'residual':>12}{'CPU':>8}   in terms of ours")
    base: tuple[float, float] | None = None
    for name, align in METHODS.items():
        matrix, cpu = timed(align, placed(made, later), fixed, 0.5)
        left = placed(matrix @ made, later[~low]) - later[~low]
        residual = 1e3 * float(np.sqrt((left**2).sum(axis=1).mean()))
        angle = 1e3 * float(Rotation.from_matrix((matrix @ made)[:3, :3]).magnitude())
        base = base or (residual, cpu)
        print(f"{name:<30}{residual:>12.2f}{angle:>12.3f}{cpu:>8.1f}{residual / base[0]:>12.1f}{cpu / base[1]:>8.1f}")


def real_pair(moving: str, fixed: str, reach_m: float) -> None:
    clouds = [sx.read_scan(PAIRS / name).xyz.copy() for name in (moving, fixed)]
    print(f"\n{moving} onto {fixed}: root mean square distance of the answers, m")
    answers: dict[str, Any] = {name: timed(align, *clouds, reach_m) for name, align in METHODS.items()}
    print(f"{'':<30}" + "".join(f"{number:>8}" for number in range(1, len(answers) + 1)) + f"{'CPU s':>8}")
    for number, (name, (matrix, cpu)) in enumerate(answers.items(), 1):
        row = [
            np.sqrt(((placed(matrix, clouds[0]) - placed(other, clouds[0])) ** 2).sum(axis=1).mean())
            for other, _ in answers.values()
        ]
        print(f"{number} {name:<28}" + "".join(f"{value:>8.3f}" for value in row) + f"{cpu:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=120_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore", sx.errors.UnverifiedInputWarning)
    ours(pit(3, 5000), pit(4, 5000), 0.5)  # compiles
    for share in (0.1, 0.3):
        known_motion(share, options.points)
    if PAIRS.is_dir():
        real_pair("car_cloud401.csv", "car_cloud400.csv", 1.0)
        real_pair("cloud_1.vtk", "cloud_0.vtk", 1.0)


if __name__ == "__main__":
    main()
