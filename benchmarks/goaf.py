"""Subsidence basins: time and largest difference beside direct summation over cells.

Usage: python benchmarks/goaf.py [--goafs 200] [--side 20000] [--cell 10] [--places 200] [--shape square|turned|notched]

Seeded panels of 500 m, 200 to 400 m deep: squares along the grid, squares turned by any angle, or turned squares with a
notch, which are no rectangles. Direct summation in NumPy, at `--places` of the grid's nodes, in three ways:

- plain: the influence of every cell of `--source` metres of every panel, sampled at the cell's middle, summed at every
  node. This is direct summation as the word goes; middles of cells make it coarse.
- within reach: the same, panels out of reach of a node left out; as coarse, so no like for like.
- exact: within reach, each cell integrated by error functions, so that the sum is exact. Squares along the grid only.

Times are scaled from the places to all nodes. They are of the subsidence alone; the basin has tilt, curvature,
displacement and strain too, 17 layers.
"""

import argparse
import time

import numpy as np
import shapely
from scipy.special import erf
from shapely.affinity import rotate

from sxrisk.reach.subsidence import Panel, RockParameters, subsidence_at, subsidence_basin

PANEL_M = 500.0


def panels(count: int, side_m: float, shape: str) -> list[Panel]:
    rng = np.random.default_rng(20261124)
    rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3)
    found = []
    for x, y in rng.uniform(0.0, side_m, (count, 2)).round(-1):
        outline = shapely.box(x, y, x + PANEL_M, y + PANEL_M)
        depth = float(rng.uniform(200, 400))
        if shape == "notched":
            outline = outline.difference(shapely.box(x + 200, y + 300, x + 300, y + PANEL_M))
        if shape != "square":
            outline = rotate(outline, float(rng.uniform(0, 90)))
        found.append(Panel(outline=outline, depth_m=depth, thickness_m=3.0, rock=rock))
    return found


def cells(panel: Panel, source_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the source cells of a panel."""
    xmin, ymin, xmax, ymax = panel.outline.bounds
    half = source_m / 2
    x, y = np.meshgrid(np.arange(xmin + half, xmax, source_m), np.arange(ymin + half, ymax, source_m))
    held = shapely.contains_xy(panel.outline, x.ravel(), y.ravel())
    return x.ravel()[held], y.ravel()[held]


def summed(
    all_panels: list[Panel],
    sources: list[tuple[np.ndarray, np.ndarray]],
    places: np.ndarray,
    source_m: float,
    reach: bool,
) -> tuple[np.ndarray, int]:
    """Subsidence in mm by summation over the middles of cells, and how many pairs of panel and place were visited."""
    total, pairs = np.zeros(len(places)), 0
    points = shapely.points(places)
    for panel, (x, y) in zip(all_panels, sources, strict=True):
        r = panel.depth_m / panel.rock.tan_beta
        weight = 1000.0 * panel.full_subsidence_m * source_m**2 / r**2
        near = np.flatnonzero(shapely.dwithin(panel.outline, points, 2.75 * r)) if reach else range(len(places))
        pairs += len(near)
        for place in near:
            squared = (x - places[place, 0]) ** 2 + (y - places[place, 1]) ** 2
            total[place] += weight * np.exp(-np.pi / r**2 * squared).sum()
    return total, pairs


def exact(all_panels: list[Panel], places: np.ndarray, source_m: float) -> tuple[np.ndarray, int]:
    """Subsidence in mm by summation over source cells, and how many pairs of panel and place were in reach."""
    total, pairs = np.zeros(len(places)), 0
    for panel in all_panels:
        scale = np.sqrt(np.pi) * panel.rock.tan_beta / panel.depth_m
        xmin, ymin, xmax, ymax = panel.outline.bounds
        west, south = np.meshgrid(np.arange(xmin, xmax, source_m), np.arange(ymin, ymax, source_m))
        reach = 2.75 * panel.depth_m / panel.rock.tan_beta
        near = np.flatnonzero(shapely.dwithin(panel.outline, shapely.points(places), reach))
        pairs += len(near)
        for place in near:
            x, y = places[place]
            east_west = erf(scale * (west + source_m - x)) - erf(scale * (west - x))
            north_south = erf(scale * (south + source_m - y)) - erf(scale * (south - y))
            total[place] += 1000.0 * panel.full_subsidence_m * 0.25 * (east_west * north_south).sum()
    return total, pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goafs", type=int, default=200)
    parser.add_argument("--side", type=float, default=20_000.0)
    parser.add_argument("--cell", type=float, default=10.0)
    parser.add_argument("--source", type=float, default=10.0)
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--shape", choices=("square", "turned", "notched"), default="square")
    options = parser.parse_args()
    goafs = panels(options.goafs, options.side, options.shape)
    bounds = (0.0, 0.0, options.side, options.side)
    subsidence_basin(goafs[:1], 100.0)  # compiles
    start, used = time.perf_counter(), time.process_time()
    basin = subsidence_basin(goafs, options.cell, bounds=bounds)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    nodes = basin["subsidence_mm"].size
    rng = np.random.default_rng(1)
    rows, columns = (rng.integers(0, basin.sizes[axis], options.places) for axis in ("y", "x"))
    places = np.column_stack([basin["x"].values[columns], basin["y"].values[rows]])
    ours = basin["subsidence_mm"].values[rows, columns]
    full = 1000.0 * goafs[0].full_subsidence_m
    print(f"{options.goafs} panels ({options.shape}), {nodes:,} nodes of {options.cell:g} m, 17 layers: "
          f"{wall:.2f} s wall, {cpu:.2f} s CPU")  # fmt: skip
    sources = [cells(panel, options.source) for panel in goafs]  # not timed
    ways = {
        "plain, all panels": lambda: summed(goafs, sources, places, options.source, reach=False),
        "within reach": lambda: summed(goafs, sources, places, options.source, reach=True),
    }
    if options.shape == "square":
        ways["within reach, exact cells"] = lambda: exact(goafs, places, options.source)
    for name, way in ways.items():
        start = time.process_time()
        theirs, pairs = way()
        seconds = (time.process_time() - start) * nodes / options.places
        apart = np.abs(theirs - ours).max() / full
        print(
            f"direct summation, {name}: {seconds:,.0f} s CPU for all nodes "
            f"({pairs:,} pairs at {options.places} places), {seconds / cpu:,.0f}x; largest difference {apart:.1e} W0"
        )
    at = subsidence_at(goafs, places)["subsidence_mm"].to_numpy()
    print(f"grid against single places: {np.abs(at - ours).max() / full:.1e} W0")


if __name__ == "__main__":
    main()
