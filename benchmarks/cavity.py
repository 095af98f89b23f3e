"""Cavity meshing beside Open3D's Poisson reconstruction: volume error and CPU seconds on voids of known volume.

    python benchmarks/cavity.py                          # 20 voids, 130 000 rays a station, Poisson depth 9
    python benchmarks/cavity.py --voids 5 --depth 10

Each void is an ellipsoid with a rough wall (a sum of waves over the direction from its middle), scanned from two
stations with 6 mm noise and a tripod cone of 30 degrees. The truth is integrated over 4 M directions. Poisson gets
normals towards the stations, as it must.
"""

import argparse
import statistics
import time

import numpy as np

import sxrisk as sx
from sxrisk.scans._open3d import load_open3d

NOISE_M = 0.006
BLIND_BELOW_DEG = -60.0


class Void:
    """A rough ellipsoid that is star-shaped about its middle."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.axes = rng.uniform([12.0, 8.0, 4.0], [24.0, 16.0, 7.0])
        self.waves = rng.normal(size=(12, 3)) * 3.0
        self.phases = rng.uniform(0.0, 2.0 * np.pi, 12)
        self.height = 0.02

    def scale(self, directions: np.ndarray) -> np.ndarray:
        return 1.0 + self.height * np.cos(directions @ self.waves.T + self.phases).sum(axis=1) / np.sqrt(12.0)

    def inside(self, points: np.ndarray) -> np.ndarray:
        on_sphere = points / self.axes
        length = np.linalg.norm(on_sphere, axis=1)
        return length < self.scale(on_sphere / np.maximum(length, 1e-12)[:, None])

    @property
    def volume_m3(self) -> float:
        n = 4_000_000
        k = np.arange(n) + 0.5
        up, around = 1.0 - 2.0 * k / n, np.pi * (1.0 + 5.0**0.5) * k
        flat = np.sqrt(1.0 - up * up)
        total = 0.0
        for part in np.array_split(np.arange(n), 40):
            rays = [flat[part] * np.cos(around[part]), flat[part] * np.sin(around[part]), up[part]]
            total += (self.scale(np.column_stack(rays)) ** 3).sum()
        return float(4.0 / 3.0 * np.pi * self.axes.prod() * total / n)

    def ranges(self, station: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Where the rays leave the void, by bisection."""
        low, high = np.zeros(len(rays)), np.full(len(rays), 4.0 * self.axes.max())
        for _ in range(40):
            middle = 0.5 * (low + high)
            inside = self.inside(station + rays * middle[:, None])
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return low

    def scans(self, n_rays: int, seed: int) -> list[sx.Scan]:
        rng = np.random.default_rng(seed)
        n_up = round(np.sqrt(n_rays / 2.0 * (90.0 - BLIND_BELOW_DEG) / 180.0))
        up, around = np.meshgrid(
            np.radians(np.linspace(BLIND_BELOW_DEG, 90.0, n_up)),
            np.linspace(0.0, 2.0 * np.pi, n_rays // n_up, endpoint=False),
            indexing="ij",
        )
        rays = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=-1).reshape(-1, 3)
        scans = []
        for side in (-0.4, 0.4):
            station = np.array([side * self.axes[0], 0.1 * side * self.axes[1], -0.5 * self.axes[2]])
            reach = self.ranges(station, rays) + rng.normal(0.0, NOISE_M, len(rays))
            scans.append(sx.Scan(station + rays * reach[:, None], stations=[station]))
        return scans


def poisson_volume(scans: list[sx.Scan], depth: int) -> float:
    """Volume of Open3D's Poisson surface with normals turned to the stations."""
    o3d = load_open3d()
    cloud = o3d.geometry.PointCloud()
    for scan in scans:
        part = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(scan.xyz.copy()))
        part.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
        part.orient_normals_towards_camera_location(scan.stations[0])
        part.normals = o3d.utility.Vector3dVector(-np.asarray(part.normals))
        cloud += part
    mesh, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth)
    return sx.Mesh(np.asarray(mesh.vertices), np.asarray(mesh.triangles)).volume_m3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voids", type=int, default=20)
    parser.add_argument("--rays", type=int, default=130_000)
    parser.add_argument("--depth", type=int, default=9)
    options = parser.parse_args()
    errors: dict[str, list[float]] = {"sxrisk": [], "poisson": []}
    spent: dict[str, list[float]] = {"sxrisk": [], "poisson": []}
    held, widths = 0, []
    for seed in range(options.voids):
        void = Void(seed)
        truth, scans = void.volume_m3, void.scans(options.rays, seed)
        start = time.process_time()
        cavity = sx.mesh_cavity(scans)
        spent["sxrisk"].append(time.process_time() - start)
        errors["sxrisk"].append(100.0 * (cavity.volume_m3 / truth - 1.0))
        held += cavity.volume_low_m3 <= truth <= cavity.volume_high_m3
        widths.append(100.0 * (cavity.volume_high_m3 - cavity.volume_low_m3) / truth)
        start = time.process_time()
        peer = poisson_volume(scans, options.depth)
        spent["poisson"].append(time.process_time() - start)
        errors["poisson"].append(100.0 * (peer / truth - 1.0))
        ours, theirs = errors["sxrisk"][-1], errors["poisson"][-1]
        print(f"void {seed}: {truth:.1f} m3, sxrisk {ours:+.3f} %, poisson {theirs:+.3f} %", flush=True)
    for name, values in errors.items():
        size = statistics.median(abs(v) for v in values)
        print(f"{name}: median |error| {size:.3f} %, median {statistics.median(spent[name]):.1f} CPU s")
    print(f"truth in the interval: {held} of {options.voids}, median width {statistics.median(widths):.2f} %")


if __name__ == "__main__":
    main()
