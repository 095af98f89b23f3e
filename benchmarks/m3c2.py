"""M3C2 beside py4dgeo's kd-tree: the same clouds, core points and parameters, in the same run.

    python benchmarks/m3c2.py                     # 0.5 M points an epoch
    python benchmarks/m3c2.py --points 5_000_000

Prints CPU seconds of all threads (median of the repetitions) by phase, the ratio, and how far the results agree. The
depth is an odd number of cylinder radii: with an even one py4dgeo 1.2 counts points on its segments' borders twice or
not at all.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import py4dgeo

import sxrisk as sx
from sxrisk.change import deformation
from sxrisk.scans import thin_rows

NORMAL_RADIUS_M = 1.0
CYLINDER_RADIUS_M = 0.5
DEPTH_M = 4.5
CORE_SPACING_M = 0.4


def pit(n: int, seed: int) -> np.ndarray:
    """An open pit of 400 x 300 m (scaled to keep 42 points a square metre) with 12 m benches and 8 mm noise."""
    rng = np.random.default_rng(seed)
    size = np.array([400.0, 300.0]) * np.sqrt(n / 5e6)
    xy = rng.uniform(0.0, 1.0, (n, 2))
    out = np.hypot(*(2.0 * xy - 1.0).T)
    depth = 60.0 * np.clip(1.0 - out, 0.0, None) * np.sqrt(n / 5e6)
    bench = np.floor(depth / 12.0)
    z = -12.0 * (bench + np.clip(3.0 * (depth / 12.0 - bench) - 1.0, 0.0, 1.0))
    xy *= size
    z += 0.4 * np.sin(0.7 * xy[:, 0]) * np.cos(0.6 * xy[:, 1]) + rng.normal(0.0, 0.008, n)
    return np.column_stack([xy, z]) + np.array([512000.0, 4123000.0, 1200.0])


def timed(call: Callable[[], Any], repeat: int) -> tuple[Any, float, float]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=lambda text: int(float(text.replace("_", ""))), default=500_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    before, after = pit(options.points, 1), pit(options.points, 2)
    core = before[thin_rows(before, CORE_SPACING_M)]

    def ours(lod: str = "lague") -> Any:
        return sx.m3c2(
            before,
            after,
            core_points=core,
            normal_radius_m=NORMAL_RADIUS_M,
            cylinder_radius_m=CYLINDER_RADIUS_M,
            max_depth_m=DEPTH_M,
            min_points=2,
            lod=lod,
            registration_sigma_m=0.0,
        )

    def theirs() -> Any:
        py4dgeo.Epoch.set_default_radius_search_tree("kdtree")
        epochs = [py4dgeo.Epoch(cloud) for cloud in (before, after)]
        method = py4dgeo.M3C2(
            epochs=epochs,
            corepoints=core,
            normal_radii=(NORMAL_RADIUS_M,),
            cyl_radius=CYLINDER_RADIUS_M,
            max_distance=DEPTH_M,
            registration_error=0.0,
        )
        return method.run()

    ours()
    mine, my_cpu, my_wall = timed(ours, options.repeat)
    (distances, uncertainties), peer_cpu, peer_wall = timed(theirs, 1 if options.points > 2_000_000 else options.repeat)
    spent = phases(
        {
            "index": (deformation, "build_column_grid"),
            "normals": (deformation, "sphere_normals"),
            "distances": (deformation, "cylinder_statistics"),
        },
        ours,
    )
    both = ~np.isnan(mine.distance) & ~np.isnan(distances)
    same = (mine.n_reference == uncertainties["num_samples1"]) & (mine.n_compared == uncertainties["num_samples2"])
    print(f"{options.points:,} points an epoch, {len(core):,} core points")
    print(f"{'engine':<22}{'CPU s':>9}{'wall s':>9}")
    print(f"{'sxrisk':<22}{my_cpu:>9.2f}{my_wall:>9.2f}   " + ", ".join(f"{k} {v:.2f}" for k, v in spent.items()))
    print(f"{'py4dgeo ' + py4dgeo.__version__ + ' kd-tree':<22}{peer_cpu:>9.2f}{peer_wall:>9.2f}")
    print(f"ratio: {peer_cpu / my_cpu:.1f}x in CPU seconds, {peer_wall / my_wall:.1f}x in wall seconds")
    print(f"counts equal: {100.0 * same.mean():.4f} % of core points")
    print(f"distances: largest difference {np.abs(mine.distance - distances)[both & same].max():.1e} m")
    off = np.abs(mine.lod95 - uncertainties["lodetection"])[both & same]
    print(f"lod95 (lague): largest difference {off.max():.1e} m")
    _, t_cpu, _ = timed(lambda: ours("t"), options.repeat)
    print(f"sxrisk with lod='t': {t_cpu:.2f} CPU s")


if __name__ == "__main__":
    main()
