"""The scan engine beside its peers: the same clouds, core points and parameters, on one machine, in one run.

    python benchmarks/scans.py                                                     # small, a few minutes
    python benchmarks/scans.py --points 5e6 20e6 --sizes 5e6 20e6 50e6 200e6       # the figures of the notes
    python benchmarks/scans.py --only m3c2 pipeline --points 5e6 --sizes 5e6 20e6

Prints CPU seconds of all threads (median of the repetitions) and ratios; the phases of M3C2 (index, normals,
distances) and of the whole comparison (tiles: read and cut; change; surfaces; write), so that the next bottleneck has
a name. The depth of M3C2 is an odd number of cylinder radii: with an even one py4dgeo 1.2 counts points on its
segments' borders twice or not at all.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange

import sxrisk as sx
from sxrisk.scans import tile_scan, write_scan

SIZES = {"normal_radius_m": 1.0, "cylinder_radius_m": 0.5, "max_depth_m": 4.5}
CORE_SPACING_M = 0.4
GRID_CELL_M = 0.25
CORNER = np.array([512_000.0, 4_123_000.0, 1_200.0])
DENSITY_M2 = 5e6 / (400.0 * 300.0)
PIECE = 1_000_000
SECTIONS = ("m3c2", "grid", "thin", "nearest", "triangulate", "files", "register", "mesh", "pipeline")


# ------------------------------------------------------------------------------------------------ the scene
def pit(n: int, seed: int, *, scene: int | None = None, sink_m: float = 0.0) -> np.ndarray:
    """Points of an open pit with 12 m benches and 8 mm noise, 42 a square metre: 400 x 300 m at 5 M points.

    `scene` is the number of points of the whole where `n` are only a piece of it; `sink_m` lowers the middle.
    """
    rng = np.random.default_rng(seed)
    scale = np.sqrt((scene or n) / 5e6)
    size = np.array([400.0, 300.0]) * scale
    xy = rng.uniform(0.0, 1.0, (n, 2))
    out = np.hypot(*(2.0 * xy - 1.0).T)
    depth = 60.0 * np.clip(1.0 - out, 0.0, None) * scale
    bench = np.floor(depth / 12.0)
    z = -12.0 * (bench + np.clip(3.0 * (depth / 12.0 - bench) - 1.0, 0.0, 1.0))
    xy *= size
    z += 0.4 * np.sin(0.7 * xy[:, 0]) * np.cos(0.6 * xy[:, 1]) + rng.normal(0.0, 0.008, n)
    z -= sink_m * np.exp(-((xy - size / 2.0) ** 2).sum(axis=1) / (2.0 * (0.05 * size[0]) ** 2))
    return np.column_stack([xy, z]) + CORNER


class PitSource:
    """The pit as a file that is read in pieces, so that 200 M points can be written without holding them."""

    name, stations, epoch, quantum = "pit", None, None, None
    range_sigma_m = registration_sigma_m = None
    attribute_names: tuple[str, ...] = ()

    def __init__(self, n: int, seed: int, sink_m: float) -> None:
        from sxrisk.scans.source import Bounds

        self.n_points, self._seed, self._sink = n, seed, sink_m
        size = np.array([400.0, 300.0, 0.0]) * np.sqrt(n / 5e6)
        low, high = CORNER - np.array([0.0, 0.0, 2_000.0]), CORNER + size + np.array([0.0, 0.0, 2.0])
        self.bounds = Bounds(*low, *high)

    def pieces(self, size: int, *, box: Any = None, attributes: Any = None) -> Any:
        """Pieces of at most `size` points."""
        from sxrisk.scans.source import Piece

        for start in range(0, self.n_points, PIECE):
            n = min(PIECE, self.n_points - start)
            points = pit(n, self._seed + start, scene=self.n_points, sink_m=self._sink)
            for part in range(0, n, size):
                yield Piece(points[part : part + size], {})


def write_pit(path: Path, n: int, seed: int, sink_m: float) -> Path:
    """The pit as a LAZ file."""
    scan = sx.Scan.from_source(PitSource(n, seed, sink_m), crs="EPSG:4547")
    return write_scan(scan, path)


# ---------------------------------------------------------------------------------------------- measuring
def timed(call: Callable[[], Any], repeat: int = 1) -> tuple[Any, float, float]:
    """Result, median CPU seconds and median wall seconds."""
    cpu, wall = [], []
    for _ in range(repeat):
        start = time.process_time(), time.perf_counter()
        result = call()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return result, statistics.median(cpu), statistics.median(wall)


def phases(function_of: dict[str, tuple[Any, str]], call: Callable[[], Any]) -> dict[str, float]:
    """CPU seconds spent in each named function during one call."""
    spent = dict.fromkeys(function_of, 0.0)
    originals = {}
    for name, (module, attribute) in function_of.items():
        originals[name] = original = getattr(module, attribute)

        def measured(*args: Any, _name: str = name, _call: Any = original, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return _call(*args, **kwargs)
            finally:
                spent[_name] += time.process_time() - start

        setattr(module, attribute, measured)
    try:
        call()
    finally:
        for name, (module, attribute) in function_of.items():
            setattr(module, attribute, originals[name])
    return spent


def row(name: str, cpu: float, wall: float, ours: float | None = None, note: str = "") -> None:
    """One line of a table; `ours` is the CPU time that the ratio refers to."""
    ratio = "" if ours is None else f"{cpu / ours:>7.1f}x"
    print(f"  {name:<34}{cpu:>9.2f}{wall:>9.2f}{ratio:>9}  {note}")


def head(title: str) -> None:
    """Name of a section and of its columns."""
    print(f"\n{title}\n  {'engine':<34}{'CPU s':>9}{'wall s':>9}{'ratio':>9}")


def against_peers(ours: tuple[str, Callable[[], Any]], peers: dict[str, Callable[[], Any]], repeat: int) -> Any:
    """Time our engine and its peers, print the lines, give our result."""
    ours[1]()
    result, cpu, wall = timed(ours[1], repeat)
    row(ours[0], cpu, wall)
    for name, call in peers.items():
        try:
            _, peer_cpu, peer_wall = timed(call, 1)
        except ImportError as error:
            print(f"  {name:<34}not installed ({error.name})")
            continue
        row(name, peer_cpu, peer_wall, cpu)
    return result


# ----------------------------------------------------------------------------------------------- sections
def m3c2(n: int, repeat: int, sampled: int) -> None:
    """M3C2, normals included, against py4dgeo's kd-tree, and its counts against brute force."""
    from sxrisk.change import tiles
    from sxrisk.scans import thin_rows

    before, after = pit(n, 1), pit(n, 2)
    core = before[thin_rows(before, CORE_SPACING_M)]
    head(f"M3C2, {n:,} points an epoch, {len(core):,} core points, depth {SIZES['max_depth_m']} m")

    def ours(lod: Any = "lague") -> Any:
        return sx.m3c2(before, after, core_points=core, min_points=2, lod=lod, registration_sigma_m=0.0, **SIZES)

    ours()
    mine, cpu, wall = timed(ours, repeat)
    spent = phases(
        {
            "index": (tiles, "build_column_grid"),
            "normals": (tiles, "sphere_normals"),
            "distances": (tiles, "cylinder_statistics"),
        },
        ours,
    )
    row("sxrisk", cpu, wall, note=", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items()))
    (_, t_cpu, t_wall) = timed(lambda: ours("t"), repeat)
    row("sxrisk, lod='t'", t_cpu, t_wall)
    try:
        import py4dgeo
    except ImportError:
        print("  py4dgeo is not installed")
    else:

        def theirs() -> Any:
            py4dgeo.Epoch.set_default_radius_search_tree("kdtree")
            method = py4dgeo.M3C2(
                epochs=[py4dgeo.Epoch(cloud) for cloud in (before, after)],
                corepoints=core,
                normal_radii=(SIZES["normal_radius_m"],),
                cyl_radius=SIZES["cylinder_radius_m"],
                max_distance=SIZES["max_depth_m"],
                registration_error=0.0,
            )
            return method.run()

        (distances, uncertainties), peer_cpu, peer_wall = timed(theirs, repeat if n <= 1_000_000 else 1)
        row(f"py4dgeo {py4dgeo.__version__} kd-tree", peer_cpu, peer_wall, cpu)
        same = (mine.n_reference == uncertainties["num_samples1"]) & (mine.n_compared == uncertainties["num_samples2"])
        both = ~np.isnan(mine.distance) & ~np.isnan(distances) & same
        off = np.abs(mine.distance - distances)[both]
        print(f"  counts equal to py4dgeo's: {100.0 * same.mean():.4f} % of core points")
        print(f"  distances: largest difference {off.max():.1e} m, {100.0 * (off <= 1e-5).mean():.4f} % within 0.01 mm")
        lod_off = np.abs(mine.lod95 - uncertainties["lodetection"])[both]
        print(f"  lod95 (lague): largest difference {lod_off.max():.1e} m")
    rng = np.random.default_rng(3)
    rows = np.arange(len(core)) if sampled >= len(core) else np.sort(rng.choice(len(core), sampled, replace=False))
    for cloud, counts, name in ((before, mine.n_reference, "reference"), (after, mine.n_compared, "compared")):
        brute = _brute_counts(
            cloud - CORNER, core[rows] - CORNER, mine.normals[rows], SIZES["cylinder_radius_m"], SIZES["max_depth_m"]
        )
        equal = int((brute == counts[rows]).sum())
        print(f"  counts of the {name} equal to brute force at {equal:,} of {len(rows):,} core points")


@njit(parallel=True, cache=True)
def _brute_counts(xyz, core, normals, radius, half):
    counts = np.zeros(len(core), np.int64)
    for i in prange(len(core)):
        for k in range(len(xyz)):
            a, b, c = xyz[k, 0] - core[i, 0], xyz[k, 1] - core[i, 1], xyz[k, 2] - core[i, 2]
            t = a * normals[i, 0] + b * normals[i, 1] + c * normals[i, 2]
            if abs(t) <= half and a * a + b * b + c * c - t * t <= radius * radius:
                counts[i] += 1
    return counts


def grid(n: int, repeat: int) -> None:
    """Each statistic of the heights in a cell alone, and all of them in one pass."""
    from scipy import ndimage
    from scipy.stats import binned_statistic_2d

    from sxrisk.surfaces import grid_elevation, grid_statistics

    xyz = pit(n, 1)
    scan = sx.Scan(xyz)
    x, y, z = (np.ascontiguousarray(column) for column in (xyz - CORNER).T)
    shape = [int(np.ceil(v.max() / GRID_CELL_M)) for v in (x, y)]
    extent = [[0.0, shape[0] * GRID_CELL_M], [0.0, shape[1] * GRID_CELL_M]]
    labelled: dict[str, Any] = {
        "mean": ndimage.mean, "min": ndimage.minimum, "max": ndimage.maximum, "std": ndimage.standard_deviation,
        "median": ndimage.median,
    }  # fmt: skip

    def by_label(name: str) -> Any:
        cell = (y / GRID_CELL_M).astype(np.int64) * shape[0] + (x / GRID_CELL_M).astype(np.int64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return labelled[name](z, cell, np.arange(shape[0] * shape[1]))

    def binned(name: str) -> Any:
        return binned_statistic_2d(x, y, z, name, bins=shape, range=extent).statistic

    for name in ("mean", "min", "max", "count", "std", "median"):
        head(f"Gridding, {n:,} points, cells of {GRID_CELL_M} m, {name}")
        peers = {"scipy.stats.binned_statistic_2d": lambda name=name: binned(name)}
        if name in labelled:
            peers["scipy.ndimage, labels included"] = lambda name=name: by_label(name)
        ours = against_peers(
            ("sxrisk grid_elevation", lambda name=name: grid_elevation(scan, GRID_CELL_M, method=name)), peers, repeat
        )
        if name != "std":  # scipy divides by n, ours by n - 1
            peer = binned(name).T[::-1] + (0.0 if name == "count" else CORNER[2])
            print(f"  largest difference: {np.nanmax(np.abs(ours.values[-shape[1] :, : shape[0]] - peer)):.1e}")
    head(f"Gridding, {n:,} points, cells of {GRID_CELL_M} m, count, mean, std, min and max")
    names = ("count", "mean", "std", "min", "max")
    against_peers(
        ("sxrisk grid_statistics", lambda: grid_statistics(scan, GRID_CELL_M)),
        {"scipy.stats, one after the other": lambda: [binned(name) for name in names]},
        repeat,
    )


def thin(n: int, repeat: int) -> None:
    """One point a voxel."""
    from sxrisk.scans import thin_rows

    xyz = pit(n, 1)
    local = xyz - CORNER
    voxel = GRID_CELL_M

    def unique() -> Any:
        cells = np.floor(local / voxel).astype(np.int64)
        return np.unique((cells[:, 0] << 42) + (cells[:, 1] << 21) + cells[:, 2] + (1 << 20), return_index=True)

    def gicp() -> Any:
        import small_gicp

        return small_gicp.voxelgrid_sampling(local, voxel)

    head(f"Thinning, {n:,} points, voxels of {voxel} m")
    against_peers(
        ("sxrisk thin_rows (nearest to middle)", lambda: thin_rows(xyz, voxel)),
        {"numpy unique (first)": unique, "small_gicp (mean)": gicp},
        repeat,
    )


def nearest(n: int, repeat: int) -> None:
    """Nearest neighbour, cloud to cloud."""
    first, second = pit(n, 1), pit(n, 2)

    def scipy_tree() -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(first - CORNER).query(second - CORNER, workers=-1)[0]

    def open3d_distance() -> Any:
        from sxrisk.scans._open3d import load_open3d

        o3d = load_open3d()
        clouds = [o3d.geometry.PointCloud(o3d.utility.Vector3dVector(c - CORNER)) for c in (second, first)]
        return np.asarray(clouds[0].compute_point_cloud_distance(clouds[1]))

    def gicp() -> Any:
        import small_gicp

        return small_gicp.KdTree(small_gicp.PointCloud(first - CORNER), num_threads=2).batch_nearest_neighbor_search(
            second - CORNER, num_threads=2
        )

    from sxrisk.change import cloud_to_cloud

    head(f"Nearest neighbour, {n:,} to {n:,} points")
    ours = against_peers(
        ("sxrisk cloud_to_cloud", lambda: cloud_to_cloud(second, first)),
        {"scipy cKDTree": scipy_tree, "Open3D": open3d_distance, "small_gicp": gicp},
        repeat,
    )
    print(f"  largest difference from scipy: {np.abs(ours - scipy_tree()).max():.1e} m")


def triangulate(n: int, repeat: int) -> None:
    """Delaunay triangulation of the plan."""
    xy = (pit(min(n, 1_000_000), 1) - CORNER)[:, :2].copy()

    def qhull() -> Any:
        from scipy.spatial import Delaunay

        return Delaunay(xy).simplices

    def startin() -> Any:
        import startinpy

        # In strips, as ours: point after point at random it takes minutes.
        strip = np.floor(xy[:, 1] * np.sqrt(DENSITY_M2) / 2.0)
        order = np.lexsort((xy[:, 0], strip))
        triangulation = startinpy.DT()
        triangulation.insert(np.column_stack([xy[order], np.zeros(len(xy))]))
        return triangulation.triangles

    from sxrisk.surfaces import tin

    head(f"Triangulation, {len(xy):,} points")
    against_peers(
        ("sxrisk triangulate", lambda: tin.triangulate(xy)), {"startinpy, in strips": startin, "qhull": qhull}, repeat
    )


def files(n: int, repeat: int, folder: Path) -> None:
    """LAZ reading and writing, cutting into tiles, and reading a tile with its halo."""
    import laspy

    path = write_pit(folder / "files.laz", n, 1, 0.0)
    head(f"Files, {n:,} points")
    scan = sx.read_scan(path).read()

    def laspy_write() -> Any:
        data = laspy.LasData(laspy.LasHeader(version="1.4", point_format=6))
        data.header.scales, data.header.offsets = np.full(3, 0.001), CORNER
        data.x, data.y, data.z = scan.xyz.T
        data.write(str(folder / "laspy.laz"), laz_backend=laspy.LazBackend.LazrsParallel)

    against_peers(
        ("sxrisk read_scan", lambda: sx.read_scan(path).read(attributes=[]).xyz),
        {"laspy (parallel lazrs)": lambda: laspy.read(path).xyz},
        repeat,
    )
    points = scan.read(attributes=[])
    against_peers(
        ("sxrisk write_scan", lambda: write_scan(points, folder / "ours.laz")),
        {"laspy (parallel lazrs)": laspy_write},
        repeat,
    )
    store, cpu, wall = timed(lambda: tile_scan(sx.read_scan(path), folder / "tiles", attributes=[]))
    row("sxrisk tile_scan", cpu, wall, note=f"{store.n_tiles} tiles")
    seen, cpu, wall = timed(lambda: sum(tile.scan.n_points for tile in store.tiles(5.0)))
    row("sxrisk all tiles, halo 5 m", cpu, wall, note=f"{seen / store.n_points:.2f} points read for one")
    octree = write_scan(points, folder / "ours.copc.laz")
    boxes = [store.core(i) for i in range(store.n_tiles) if store.count(i)]
    wide = [(b[0] - 5.0, b[1] - 5.0, b[2] + 5.0, b[3] + 5.0) for b in boxes if b is not None]
    opened = sx.read_scan(octree)
    _, copc_cpu, copc_wall = timed(lambda: sum(opened.read(box, attributes=[]).n_points for box in wide))
    row("the same boxes out of COPC", copc_cpu, copc_wall, cpu)
    for name in ("files.laz", "laspy.laz", "ours.laz", "ours.copc.laz"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tiles")


def register(n: int, repeat: int) -> None:
    """Residual on stable ground with 10 % of the ground moved, and a known motion undone."""
    from sxrisk import scans

    fixed = pit(n, 1)
    moving = pit(n, 2)
    size = np.array([400.0, 300.0]) * np.sqrt(n / 5e6)
    plan = np.abs((moving - CORNER)[:, :2] / size - 0.5)
    moved = (plan < np.sqrt(0.1) / 2.0).all(axis=1)
    moving[moved] += [0.3, 0.1, -0.5]
    angle, shift = 2e-4, np.array([0.12, -0.08, 0.05])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    middle = CORNER + np.array([size[0] / 2.0, size[1] / 2.0, -10.0])
    started = (moving - middle) @ turn.T + middle + shift
    head(f"Registration, {n:,} points, {100.0 * moved.mean():.0f} % of the ground moved")
    found, cpu, wall = timed(lambda: scans.register(sx.Scan(started), sx.Scan(fixed)))
    off = np.linalg.norm(found.move(started[~moved]) - moving[~moved], axis=1)
    row("sxrisk register", cpu, wall, note=f"stable ground: rms {1e3 * np.sqrt((off**2).mean()):.2f} mm, largest "
        f"{1e3 * off.max():.2f} mm; said {1e3 * found.sigma_m:.2f} mm")  # fmt: skip


def mesh(n: int, repeat: int) -> None:
    """Cloud to mesh."""
    from sxrisk.change import cloud_to_mesh
    from sxrisk.surfaces import terrain_mesh

    before, after = sx.Scan(pit(n, 1)), sx.Scan(pit(n, 2))
    surface = terrain_mesh(before, 0.5, max_gap_m=2.0)
    head(f"Cloud to mesh, {n:,} points, {len(surface.faces):,} faces")
    found, cpu, wall = timed(lambda: cloud_to_mesh(after, surface), repeat)
    row("sxrisk cloud_to_mesh", cpu, wall, note=f"{1e6 * cpu / n:.2f} us a point, median "
        f"{1e3 * float(np.median(found.distance)):.2f} mm")  # fmt: skip


def pipeline(sizes: list[int], folder: Path, workers: int) -> None:
    """LAZ pairs of growing size to everything: time, peak memory above the imports, fitted exponent."""
    print("\nPipeline: LAZ pair to M3C2, difference grid, volumes and mesh, in one process of its own")
    print(f"  {'points an epoch':<18}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}  phases (wall s)")
    walls, cpus = [], []
    for n in sizes:
        epochs = [write_pit(folder / "before.laz", n, 1, 0.0), write_pit(folder / "after.laz", n, 10**9, 0.5)]
        child = [sys.executable, __file__, "--child", *map(str, epochs), str(folder / "out"), "--workers", str(workers)]
        done = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in done["seconds"].items())
        print(f"  {n:<18,}{done['cpu']:>9.1f}{done['wall']:>9.1f}{done['peak_mb']:>9.0f}  {parts}", flush=True)
        walls.append(done["wall"])
        cpus.append(done["cpu"])
        shutil.rmtree(folder / "out")
        for path in epochs:
            path.unlink()
    if len(sizes) > 1:
        for name, values in (("wall", walls), ("CPU", cpus)):
            slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
            print(f"  {name} time grows with the power {slope:.3f} of the number of points")


def child(before: str, after: str, out: str, workers: int) -> None:
    """One comparison in this process: prints its figures as JSON."""
    import laspy  # noqa: F401
    import rasterio.shutil  # noqa: F401
    import rioxarray  # noqa: F401
    import scipy.ndimage
    import scipy.spatial  # noqa: F401

    from sxrisk.change.comparison import compare_scans
    from sxrisk.parallel import open_executor
    from sxrisk.surfaces import terrain  # noqa: F401

    at_rest = _memory_mb("VmRSS")
    start = time.process_time(), time.perf_counter()
    with open_executor(workers) as executor:
        result = compare_scans(
            sx.read_scan(before), sx.read_scan(after), out, core_spacing_m=CORE_SPACING_M, registration_sigma_m=0.003,
            executor=executor, **SIZES,
        )  # fmt: skip
    figures = {
        "cpu": time.process_time() - start[0],
        "wall": time.perf_counter() - start[1],
        "peak_mb": _memory_mb("VmHWM") - at_rest,
        "seconds": result.seconds,
    }
    print(json.dumps(figures))


def _memory_mb(name: str) -> float:
    """Peak (VmHWM) or present (VmRSS) resident memory of this process, from Linux's own account."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024.0


def main() -> None:
    def count(text: str) -> int:
        return int(float(text.replace("_", "")))

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=count, nargs="+", default=[500_000], help="points of the kernels' clouds")
    parser.add_argument("--sizes", type=count, nargs="+", default=[500_000, 2_000_000], help="of the pipeline's pairs")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--brute", type=count, default=300, help="core points at which counts are checked")
    parser.add_argument("--workers", type=int, default=1, help="processes of the pipeline")
    parser.add_argument("--folder", type=Path, help="where to put files; default a temporary folder")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.workers)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for n in options.points:
            for section in options.only:
                if section == "m3c2":
                    m3c2(n, options.repeat, options.brute)
                elif section == "files":
                    files(n, options.repeat, folder)
                elif section != "pipeline":
                    globals()[section](n, options.repeat)
        if "pipeline" in options.only:
            pipeline(options.sizes, folder, options.workers)


if __name__ == "__main__":
    main()
