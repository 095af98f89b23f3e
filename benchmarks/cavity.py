"""Cavity meshes beside Poisson reconstruction: volume error, CPU seconds and intervals on voids of known volume.

Usage: python benchmarks/cavity.py --cavities 100 [--rays 130000] [--poisson 9 10] [--spanning-tree] [--closed]
       python benchmarks/cavity.py --cavities 1 --rays 2500000 --stations 2 --closed --poisson 9
       python benchmarks/cavity.py --cloud underground.pcd

Cavities are seeded voids (`sxrisk.sample.voids`): 1 to 4 stations, 0 to 3 pillars, one in four open, noise and
registration of millimetres; with `--closed` none has pillars or a mouth. Open3D's Poisson surface gets normals turned
to the stations. CloudCompare's Poisson plugin is not in every build: its way without stations is normals turned by a
minimum spanning tree over neighbours, then Poisson (`--spanning-tree`, at the first depth). Orientation errors are
points whose normal looks into the void. `--cloud` meshes a real cloud without stations.
"""

import argparse
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import sxrisk as sx
from sxrisk.errors import GeometryError
from sxrisk.sample.voids import make_void
from sxrisk.scans._open3d import load_open3d


def _poisson(points: Any, depth: int) -> sx.Mesh:
    mesh, _ = load_open3d().geometry.TriangleMesh.create_from_point_cloud_poisson(points, depth=depth)
    return sx.Mesh(np.asarray(mesh.vertices), np.asarray(mesh.triangles))


def _by_station(scans: list[sx.Scan]) -> Any:
    """The points with normals away from the stations."""
    o3d = load_open3d()
    cloud = o3d.geometry.PointCloud()
    for scan in scans:
        part = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(scan.xyz.copy()))
        part.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
        part.orient_normals_towards_camera_location(scan.stations[0])
        part.normals = o3d.utility.Vector3dVector(-np.asarray(part.normals))
        cloud += part
    return cloud


def _by_spanning_tree(xyz: np.ndarray) -> Any:
    o3d = load_open3d()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.ascontiguousarray(xyz)))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
    cloud.orient_normals_consistent_tangent_plane(16)
    return cloud


def cavities(options: argparse.Namespace) -> None:
    """Volume errors, CPU seconds and intervals over seeded voids."""
    ours, spent, held, widths = [], [], 0, []
    peers: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    shape = {"n_pillars": 0, "open_": False} if options.closed else {}
    sx.mesh_cavity(make_void(0, n_stations=1).scans(5000, 0))  # compiles
    for seed in range(options.first, options.first + options.cavities):
        void = make_void(seed, n_stations=options.stations, **shape)
        truth, scans = void.volume_m3, void.scans(options.rays, seed)
        start = time.process_time()
        cavity = sx.mesh_cavity(scans, max_directions=options.directions)
        spent.append(time.process_time() - start)
        ours.append(100.0 * (cavity.volume_m3 / truth - 1.0))
        low, high = (100.0 * (end / truth - 1.0) for end in (cavity.volume_low_m3, cavity.volume_high_m3))
        held += low <= 0.0 <= high
        widths.append(high - low)
        found = [f"sxrisk {ours[-1]:+.4f} % [{low:+.2f}, {high:+.2f}] {spent[-1]:.1f} s"]
        if options.poisson:
            start = time.process_time()
            points = _by_station(scans)
            normals_took = time.process_time() - start
        for depth in options.poisson:
            start = time.process_time()
            volume = _poisson(points, depth).volume_m3
            times.setdefault(f"Poisson {depth}", []).append(time.process_time() - start + normals_took)
            peers.setdefault(f"Poisson {depth}", []).append(100.0 * (volume / truth - 1.0))
        if options.spanning_tree:
            name, start = "spanning tree", time.process_time()
            tree = _by_spanning_tree(np.concatenate([scan.xyz for scan in scans]))
            volume = abs(_poisson(tree, options.poisson[0] if options.poisson else 9).volume_m3)
            times.setdefault(name, []).append(time.process_time() - start)
            peers.setdefault(name, []).append(100.0 * (volume / truth - 1.0))
            views = np.concatenate([scan.xyz - scan.stations[0] for scan in scans])
            turned = (np.einsum("ij,ij->i", np.asarray(tree.normals), views) < 0).mean()
            found.append(f"turned normals {100.0 * min(turned, 1.0 - turned):.2f} %")
        found += [f"{name} {values[-1]:+.4f} % {times[name][-1]:.1f} s" for name, values in peers.items()]
        kind = "open" if np.isfinite(void.mouth_m) else "closed"
        what = f"{len(void.stations)} stations, {len(void.pillars)} pillars, {kind}"
        print(f"void {seed} ({what}): {truth:.1f} m3, " + ", ".join(found), flush=True)
    for name, values, took in [("sxrisk", ours, spent), *((n, peers[n], times[n]) for n in peers)]:
        size = statistics.median(abs(v) for v in values)
        print(f"{name}: median |error| {size:.4f} %, median {statistics.median(took):.1f} CPU s")
    print(f"truth in the interval: {held} of {len(ours)}, median width {statistics.median(widths):.2f} %")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB")


def cloud_without_stations(path: Path) -> None:
    """A real cloud: how it was oriented, and the share of points whose normal looks against the mesh."""
    xyz = sx.read_scan(path).xyz
    start = time.process_time()
    try:
        cavity = sx.mesh_cavity(sx.Scan(xyz))
    except GeometryError as error:
        print(f"sxrisk: refused after {time.process_time() - start:.1f} CPU s: {error}")
    else:
        took = time.process_time() - start
        print(f"sxrisk: {cavity!r}, turned {100 * cavity.turned_share:.2f} %, {took:.1f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cavities", type=int, default=0, help="how many seeded voids")
    parser.add_argument("--first", type=int, default=0, help="seed of the first void")
    parser.add_argument("--rays", type=int, default=130_000, help="of each station")
    parser.add_argument("--directions", type=int, default=40_000, help="that each station keeps")
    parser.add_argument("--stations", type=int)
    parser.add_argument("--closed", action="store_true", help="no pillars, no mouth")
    parser.add_argument("--poisson", type=int, nargs="*", default=[], help="depths")
    parser.add_argument("--spanning-tree", action="store_true")
    parser.add_argument("--cloud", type=Path, help="a cloud without stations")
    options = parser.parse_args()
    if options.cavities:
        cavities(options)
    if options.cloud:
        cloud_without_stations(options.cloud)


if __name__ == "__main__":
    main()
