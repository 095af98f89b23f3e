"""Kernel density: time and error against the exact sum, beside a binned convolution.

Usage: python benchmarks/heatmap.py [--points 194000] [--cell 500]
"""

import argparse
import time

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from sxrisk.risk import heatmap

BANDWIDTH_M = 5_000.0
PROBES = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=194_000)
    parser.add_argument("--cell", type=float, default=500.0)
    options = parser.parse_args()
    rng = np.random.default_rng(20260630)
    middles = rng.uniform([110.6, 34.9], [114.2, 40.4], (300, 2))
    lonlat = middles[rng.integers(0, 300, options.points)] + rng.normal(scale=0.08, size=(options.points, 2))
    weight = rng.uniform(0.1, 5.0, options.points)
    points = gpd.GeoDataFrame(geometry=shapely.points(lonlat), crs=4490)

    start = time.perf_counter()
    density = heatmap(points, weight=weight, bandwidth_m=BANDWIDTH_M, cell_m=options.cell)
    seconds = time.perf_counter() - start

    x, y = Transformer.from_crs(4490, density.rio.crs, always_xy=True).transform(lonlat[:, 0], lonlat[:, 1])
    values = density.to_numpy()
    rows, columns = (rng.integers(0, size, PROBES) for size in values.shape)
    cell_x, cell_y = density.x.to_numpy()[columns], density.y.to_numpy()[rows]
    exact = (
        np.array(
            [
                (weight * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / BANDWIDTH_M**2)).sum()
                for a, b in zip(cell_x, cell_y, strict=True)
            ]
        )
        * 1e6
        / (2 * np.pi * BANDWIDTH_M**2)
    )

    start = time.perf_counter()
    edges_x = np.append(density.x.to_numpy() - options.cell / 2, density.x.to_numpy()[-1] + options.cell / 2)
    edges_y = np.append(density.y.to_numpy()[::-1] - options.cell / 2, density.y.to_numpy()[0] + options.cell / 2)
    counts = np.histogram2d(y, x, bins=(edges_y, edges_x), weights=weight)[0][::-1]
    binned = gaussian_filter(counts, BANDWIDTH_M / options.cell, truncate=6.0) / (options.cell / 1000.0) ** 2
    binned_seconds = time.perf_counter() - start

    above = exact > 1e-6 * values.max()
    print(f"{options.points} points, {values.size} cells of {options.cell:g} m, bandwidth {BANDWIDTH_M:g} m")
    for name, took, got in (("sxrisk.heatmap", seconds, values), ("nearest binning", binned_seconds, binned)):
        error = np.abs(got[rows, columns][above] / exact[above] - 1.0).max()
        print(f"{name:16s} {took:6.2f} s  largest relative error above 1e-6 of the peak {error:.1e}")
    total = float(values.sum()) * (options.cell / 1000.0) ** 2
    print(f"total weight kept to {abs(total / weight.sum() - 1.0):.1e}")


if __name__ == "__main__":
    main()
