"""Subsidence basins: time and largest difference beside direct summation over cells.

Usage: python benchmarks/goaf.py [--goafs 200] [--side 20000] [--cell 10] [--places 400]

Seeded square panels of 500 m, 200 to 400 m deep, on a square grid. Direct summation in NumPy adds up the influence of
every source cell of `--source` metres, each integrated by error functions so that the sum is exact, at `--places` of
the grid's nodes; panels out of reach of a node are left out. Its time for the whole grid is that time scaled by the
number of nodes; without leaving out anything, also by all panels to those in reach. It gives the subsidence alone; the
basin has tilt, curvature, displacement and strain too.
"""

import argparse
import time

import numpy as np
import shapely
from scipy.special import erf

from sxrisk.reach.subsidence import Panel, RockParameters, subsidence_at, subsidence_basin

PANEL_M = 500.0


def panels(count: int, side_m: float) -> list[Panel]:
    rng = np.random.default_rng(20261124)
    rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3)
    found = []
    for x, y in rng.uniform(0.0, side_m, (count, 2)).round(-1):
        square = shapely.box(x, y, x + PANEL_M, y + PANEL_M)
        found.append(Panel(outline=square, depth_m=float(rng.uniform(200, 400)), thickness_m=3.0, rock=rock))
    return found


def direct(all_panels: list[Panel], places: np.ndarray, source_m: float) -> tuple[np.ndarray, int]:
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
    parser.add_argument("--places", type=int, default=400)
    options = parser.parse_args()
    goafs = panels(options.goafs, options.side)
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
    start = time.process_time()
    summed, pairs = direct(goafs, places, options.source)
    theirs = (time.process_time() - start) * nodes / options.places
    full = 1000.0 * goafs[0].full_subsidence_m
    print(
        f"{options.goafs} panels, {nodes:,} nodes of {options.cell:g} m, all layers: {wall:.2f} s wall, {cpu:.2f} s CPU"
    )
    print(f"direct summation of {options.source:g} m cells: {theirs:.0f} s CPU for all nodes, subsidence alone")
    everything = theirs * options.goafs * options.places / pairs
    print(f"ratio in CPU seconds: {theirs / cpu:.0f}x within reach, {everything / cpu:.0f}x over all panels")
    print(f"largest difference: {np.abs(summed - ours).max() / full:.1e} W0")
    at = subsidence_at(goafs, places)["subsidence_mm"].to_numpy()
    print(f"grid against single places: {np.abs(at - ours).max() / full:.1e} W0")


if __name__ == "__main__":
    main()
