"""Safety distances: time and missed pairs beside geopandas' ways, on one machine in one run.

Usage: python benchmarks/violations.py [--objects 100000] [--subjects 1000]
"""

import argparse
import time

import geopandas as gpd
import numpy as np
import shapely

from sxrisk.rules import check_distances

ZONE = 4547


def scene(subjects: int, objects: int) -> dict[str, tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]]:
    """Sources with their own limits, and points or small polygons, over one degree; seeded."""
    rng = np.random.default_rng(20260630)
    points = shapely.points(rng.uniform(112.5, 113.5, objects), rng.uniform(37.0, 38.0, objects))
    houses = shapely.buffer(points, rng.uniform(4e-5, 3e-4, objects), quad_segs=1)
    starts = rng.uniform([112.5, 37.0], [113.5, 38.0], (subjects, 2))
    limits = rng.uniform(50.0, 1000.0, subjects)
    steps = rng.normal(scale=8e-4, size=(max(subjects // 10, 1), 200, 2))
    pipes = shapely.linestrings(starts[: len(steps), None] + steps.cumsum(axis=1))
    sources = gpd.GeoDataFrame({"limit": limits}, geometry=shapely.points(starts), crs=4490)
    lines = gpd.GeoDataFrame({"limit": np.full(len(pipes), 200.0)}, geometry=pipes, crs=4490)
    as_points, as_houses = (gpd.GeoDataFrame(geometry=shapes, crs=4490) for shapes in (points, houses))
    return {
        "points": (sources, as_points),
        "polygons": (sources, as_houses),
        "pipelines to points": (lines, as_points),
        "pipelines to polygons": (lines, as_houses),
    }


def ours(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> set[tuple[int, int]]:
    found = check_distances(sources, objects, "limit")
    return set(zip(found["subject_id"].astype(int), found["object_id"].astype(int), strict=True))


def within(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> set[tuple[int, int]]:
    a, b = sources.to_crs(ZONE), objects.to_crs(ZONE)
    pairs = gpd.sjoin(a, b, predicate="dwithin", distance=sources["limit"].to_numpy())
    return set(zip(pairs.index, pairs["index_right"], strict=True))


def buffered(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> set[tuple[int, int]]:
    a = sources.to_crs(ZONE)
    pairs = gpd.sjoin(a.set_geometry(a.buffer(a["limit"])), objects.to_crs(ZONE), predicate="intersects")
    return set(zip(pairs.index, pairs["index_right"], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--subjects", type=int, default=1_000)
    options = parser.parse_args()
    print(f"{options.subjects} subjects, {options.objects} objects; wall seconds; pairs missed, added")
    for name, (sources, objects) in scene(options.subjects, options.objects).items():
        truth: set[tuple[int, int]] = set()
        for engine in (ours, within, buffered):
            start = time.perf_counter()
            pairs = engine(sources, objects)
            seconds = time.perf_counter() - start
            truth = truth or pairs
            missed, added = len(truth - pairs), len(pairs - truth)
            print(f"{name:24s} {engine.__name__:10s} {seconds:7.2f} s  {len(pairs):8d} pairs  -{missed} +{added}")


if __name__ == "__main__":
    main()
