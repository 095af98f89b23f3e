"""The ground filters beside cloth simulation, on airborne clouds that surveyors have classified.

    python benchmarks/ground.py ../shared/data/clouds

Needs the package cloth-simulation-filter. What no filter decides is left out: points classified as noise. A surveyor
thins the ground class in forest, so that points of the ground stand in other classes: the forest is also judged by the
points within 0.15 m of the surveyor's ground surface. Our parameters were chosen with these clouds in view, so that
the figures flatter our filter; both halves of the forest are shown. Prints kappa, total error, ground lost (type I),
other points taken for ground (type II), per cent, and CPU seconds of all threads.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sxrisk.scans import Scan, ground, read_scan

US_FOOT_M = 1200.0 / 3937.0
GROUND, NOISE = 2, (7, 18)
NEAR_M = 0.15
# File, metres of its unit, and how wide the widest building is (object_m).
CLOUDS = {
    "forest on a hill": ("coromandel_nz/points.laz", 1.0, 12.0),
    "town": ("pdal/4_6_crop.las", US_FOOT_M, 12.0),
    "large buildings": ("pdal/sample_c.las", 1.0, 80.0),
}
CLOTH: dict[str, dict[str, float]] = {
    "cloth, its defaults": {},
    "cloth 0.5 m": {"cloth_resolution": 0.5},
    "cloth 0.5 m, 0.15 m, steep": {
        "cloth_resolution": 0.5, "class_threshold": 0.15, "rigidness": 1, "bSloopSmooth": True,
    },
}  # fmt: skip


@contextmanager
def _silent() -> Iterator[None]:
    """The library writes its progress straight to the descriptor."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def cloth(xyz: np.ndarray, parameters: dict[str, float]) -> np.ndarray:
    """Ground by the cloth simulation of its authors."""
    import CSF

    with _silent():
        simulation = CSF.CSF()
        for name, value in parameters.items():
            setattr(simulation.params, name, value)
        simulation.setPointCloud(np.ascontiguousarray(xyz - xyz.min(axis=0)))
        bare, rest = CSF.VecInt(), CSF.VecInt()
        simulation.do_filtering(bare, rest, False)
    mask = np.zeros(len(xyz), dtype=bool)
    mask[np.array(bare, dtype=np.int64)] = True
    return mask


def near_ground(xyz: np.ndarray, surveyed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which points lie at the surface through the surveyed ones, and where that surface is known."""
    from scipy.interpolate import LinearNDInterpolator

    local = xyz - xyz.min(axis=0)
    height = local[:, 2] - LinearNDInterpolator(local[surveyed, :2], local[surveyed, 2])(local[:, :2])
    return np.abs(height) < NEAR_M, np.isfinite(height)


def scores(truth: np.ndarray, found: np.ndarray) -> tuple[float, float, float, float]:
    """Kappa, and total, type I and type II error in per cent."""
    agree = float((truth == found).mean())
    chance = float(truth.mean() * found.mean() + (~truth).mean() * (~found).mean())
    lost, taken = (truth & ~found).sum() / max(truth.sum(), 1), (~truth & found).sum() / max((~truth).sum(), 1)
    return (agree - chance) / (1.0 - chance), 100.0 * (1.0 - agree), 100.0 * float(lost), 100.0 * float(taken)


def compare(name: str, folder: Path, skip_cloth: bool) -> None:
    """The table of one cloud."""
    file, unit, object_m = CLOUDS[name]
    scan = read_scan(folder / file)
    classes = np.asarray(scan.attributes["classification"])
    decided = ~np.isin(classes, NOISE)
    xyz, truth = scan.xyz[decided] * unit, classes[decided] == GROUND
    areas = {"all": (truth, np.ones(len(truth), dtype=bool))}
    if name.startswith("forest"):
        near, known = near_ground(xyz, truth)
        west = xyz[:, 0] < (xyz[:, 0].min() + xyz[:, 0].max()) / 2.0
        areas = {
            "western half, class": (truth, west), "eastern half, class": (truth, ~west),
            "western half, surface": (near, west & known), "eastern half, surface": (near, ~west & known),
        }  # fmt: skip
    filters: dict[str, Callable[[], np.ndarray]] = {
        "sxrisk multiscale": lambda: ground(Scan(xyz), method="multiscale", object_m=object_m),
        "sxrisk opening": lambda: ground(Scan(xyz), object_m=object_m),
    }
    for title, parameters in {} if skip_cloth else CLOTH.items():
        filters[title] = lambda parameters=parameters: cloth(xyz, parameters)
    print(f"\n{name}: {file}, {len(xyz):,} points, {100.0 * truth.mean():.1f} % classified as ground")
    print(f"  {'filter':<28}{'area, truth':<24}{'kappa':>7}{'total':>8}{'I':>7}{'II':>7}{'CPU s':>8}")
    for title, call in filters.items():
        if title.startswith("sxrisk"):
            call()
        start = time.process_time()
        found = call()
        seconds = time.process_time() - start
        for area, (given, where) in areas.items():
            kappa, total, first, second = scores(given[where], found[where])
            print(f"  {title:<28}{area:<24}{kappa:>7.3f}{total:>8.2f}{first:>7.1f}{second:>7.2f}{seconds:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the clouds")
    parser.add_argument("--only", choices=list(CLOUDS), nargs="+", default=list(CLOUDS))
    parser.add_argument("--no-cloth", action="store_true", help="our filters alone")
    options = parser.parse_args()
    for name in options.only:
        compare(name, options.folder, options.no_cloth)


if __name__ == "__main__":
    main()
