"""Safety distances: time, missed and added pairs beside what others use, on one machine in one run.

Usage: python benchmarks/violations.py [--objects 1000000] [--subjects 50000] [--repeat 3]
       python benchmarks/violations.py --memory --objects 10000000 --subjects 50000

Sources with their own limits, and pipelines of 200 vertices (30 km) with 500 m, against points and against buildings of
8 to 60 m, all over the province. `pairs` gives the candidates from Shapely's geometries: positions of the two and their
geodesic distance (there is no mode without it: the distance decides the pair), nearest points too but for two points,
where they are the points themselves. `complete` is the whole answer from frame to Arrow table: findings with ids,
clauses, statuses and shortest lines as WKB; `complete_frame` the same as the GeoDataFrame of `check_distances`. The
others get frames already in EPSG:4547, which is what they are used with; their pairs are compared with those on the
ellipsoid. Their own loading and indexing counts, as ours does. DuckDB (with its spatial extension) and SedonaDB take
part where they are installed: pip install duckdb==1.5.5 duckdb-extension-spatial==1.5.5 duckdb-extensions sedonadb
geoarrow-pyarrow; PostGIS where its Debian package is: a cluster of its own is started for the run. PostGIS works in
processes of its own: its CPU time is not seen, only the wall's.

`--memory` writes the points and the buildings, half of the objects each, to GeoParquet files and checks them file by
file with `check_distances_partitioned`: in a fresh process, whose peak resident memory is told, and on a Dask cluster
of two processes, whose files must be the same to the byte. Ended by a signal, either mode takes away what it started.
"""

import argparse
import filecmp
import io
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from sxrisk.parallel import open_executor
from sxrisk.rules import check_distances, check_distances_partitioned
from sxrisk.rules._pairs import Pieces, pairs_within
from sxrisk.rules.distance import distance_table

ZONE = 4547
WEST, SOUTH, EAST, NORTH = 110.3, 34.6, 114.5, 40.7
METRE_DEG = 1.0 / 111_000.0
# Objects of one file and of one row group.
FILE_ROWS, GROUP_ROWS = 500_000, 125_000
GIGABYTE = 2**20  # of ru_maxrss, which counts in KiB
Column = np.ndarray | pd.Series | pa.ChunkedArray
Pairs = tuple[Column, Column]


def scene(subjects: int, objects: int, seed: int = 20260630) -> dict[str, tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]]:
    """Sources and pipelines, points and buildings; seeded."""
    rng = np.random.default_rng(seed)
    low, high = [WEST, SOUTH], [EAST, NORTH]
    places, starts = rng.uniform(low, high, (objects, 2)), rng.uniform(low, high, (subjects, 2))
    corner = np.cumsum(rng.dirichlet([6.0] * 4, objects), axis=1) * 2 * np.pi
    size = rng.uniform(4.0, 30.0, objects)[:, None] * METRE_DEG
    rings = places[:, None] + np.stack([np.cos(corner) * size / 0.79, np.sin(corner) * size], axis=-1)
    houses = shapely.polygons(np.concatenate([rings, rings[:, :1]], axis=1))
    count = max(subjects // 10, 1)
    heading = rng.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(rng.normal(0, 0.1, (count, 199)), axis=1)
    steps = np.stack([np.sin(heading) / 0.79, np.cos(heading)], axis=-1) * 150.0 * METRE_DEG
    route = np.concatenate([np.zeros((count, 1, 2)), steps.cumsum(axis=1)], axis=1) + starts[:count, None]
    limits = {"limit": rng.uniform(50.0, 2850.0, subjects)}
    sources = gpd.GeoDataFrame(limits, geometry=shapely.points(starts), crs=4490)
    pipes = gpd.GeoDataFrame({"limit": np.full(count, 500.0)}, geometry=shapely.linestrings(route), crs=4490)
    as_points = gpd.GeoDataFrame(geometry=shapely.points(places), crs=4490)
    as_houses = gpd.GeoDataFrame(geometry=houses, crs=4490)
    return {
        "points": (sources, as_points),
        "polygons": (sources, as_houses),
        "pipelines to points": (pipes, as_points),
        "pipelines to polygons": (pipes, as_houses),
    }


def pairs(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    left, right = (Pieces(np.asarray(frame.geometry.array, dtype=object)) for frame in (sources, objects))
    found = pairs_within(left, right, sources["limit"].to_numpy())
    return found.left, found.right


def complete(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    found = distance_table(sources, objects, "limit")
    return found["subject_id"], found["object_id"]


def complete_frame(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    found = check_distances(sources, objects, "limit")
    return found["subject_id"], found["object_id"]


def geopandas_dwithin(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    found = gpd.sjoin(sources, objects.copy(), predicate="dwithin", distance=sources["limit"].to_numpy())
    return found.index.to_numpy(), found["index_right"].to_numpy()


def geopandas_buffer(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    found = gpd.sjoin(sources.set_geometry(sources.buffer(sources["limit"])), objects.copy(), predicate="intersects")
    return found.index.to_numpy(), found["index_right"].to_numpy()


def duckdb_join(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    import duckdb
    from duckdb_extensions import import_extension

    import_extension("spatial")
    with duckdb.connect() as base:
        base.execute("LOAD spatial")
        for name, frame in (("s", sources), ("o", objects)):
            table = pd.DataFrame({"k": np.arange(len(frame)), "wkb": shapely.to_wkb(frame.geometry.array)})
            limit = frame["limit"].to_numpy() if name == "s" else np.zeros(len(frame))
            box = frame.bounds.to_numpy()
            table[["x0", "y0"]], table[["x1", "y1"]] = box[:, :2] - limit[:, None], box[:, 2:] + limit[:, None]
            table["r"] = limit
            base.register("given", table)
            box_of = "ST_MakeEnvelope(x0, y0, x1, y1)"
            base.execute(f"CREATE TABLE {name} AS SELECT k, r, ST_GeomFromWKB(wkb) g, {box_of} b FROM given")
            base.unregister("given")
        found = base.execute(
            "SELECT s.k, o.k FROM s JOIN o ON ST_Intersects(s.b, o.b) WHERE ST_DWithin(s.g, o.g, s.r)"
        ).fetchnumpy()
    return tuple(found.values())


def sedonadb_join(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
    import sedonadb

    base = sedonadb.connect()
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in (("s", sources), ("o", objects)):
            path = str(Path(folder) / f"{name}.parquet")
            frame.assign(k=np.arange(len(frame))).to_parquet(path)
            base.read_parquet(path).to_view(name)
        found = base.sql(
            'SELECT s.k AS i, o.k AS j FROM s JOIN o ON ST_DWithin(s.geometry, o.geometry, s."limit")'
        ).to_pandas()
    return found["i"].to_numpy(), found["j"].to_numpy()


@contextmanager
def postgis_cluster() -> Iterator[str]:
    """Folder of the socket of a PostgreSQL with PostGIS, running for the time of the block; empty where none is."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), reverse=True)
    extension = f"/usr/share/postgresql/{versions[0].parts[-3]}/extension/postgis.control" if versions else ""
    if not versions or not Path(extension).is_file():
        yield ""
        return
    home = Path(tempfile.mkdtemp(prefix="sxpg-"))
    try:
        # PostgreSQL refuses to run as root: then it is the package's own user.
        as_root = os.geteuid() == 0
        prefix = ["runuser", "-u", "postgres", "--"] if as_root else []
        if as_root:
            shutil.chown(home, "postgres", "postgres")
        binaries, data = versions[0].parent, home / "data"

        def run(*command: str) -> None:
            subprocess.run([*prefix, *command], check=True, capture_output=True, cwd=home)

        run(str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync")
        settings = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off -c work_mem=256MB"
        control = [str(binaries / "pg_ctl"), "-D", str(data), "-w"]
        try:
            run(*control, "-l", str(home / "log"), "-o", settings, "start")
            yield str(home)
        finally:
            # Nothing may come between: a second signal, or a server that was still starting when the first came.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            if (data / "postmaster.pid").exists():
                # Stops the process named in the folder's own postmaster.pid.
                run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def postgis_join(socket: str) -> Callable[[gpd.GeoDataFrame, gpd.GeoDataFrame], Pairs]:
    def join(sources: gpd.GeoDataFrame, objects: gpd.GeoDataFrame) -> Pairs:
        if not socket:
            raise ImportError(name="PostGIS (Debian: postgresql-15-postgis-3)")
        script = io.StringIO()
        script.write("SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS postgis;\n")
        for name, frame in (("s", sources), ("o", objects)):
            script.write(f"CREATE TEMP TABLE {name} (k int, r float8, g geometry);\nCOPY {name} FROM STDIN;\n")
            limit = frame["limit"].to_numpy() if name == "s" else np.zeros(len(frame))
            rows = zip(range(len(frame)), limit.tolist(), shapely.to_wkb(frame.geometry.array, hex=True), strict=True)
            script.writelines(f"{k}\t{r!r}\t{g}\n" for k, r, g in rows)
            script.write("\\.\n")
        script.write("CREATE INDEX ON o USING gist (g); ANALYZE s; ANALYZE o;\n")
        script.write("COPY (SELECT s.k, o.k FROM s JOIN o ON ST_DWithin(s.g, o.g, s.r)) TO STDOUT;\n")
        command = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", "postgres", "postgres"]
        told = subprocess.run(command, input=script.getvalue(), capture_output=True, text=True, check=True).stdout
        found = np.fromstring(told, dtype=np.int64, sep="\t").reshape(-1, 2)
        return found[:, 0], found[:, 1]

    join.__name__ = "postgis"
    return join


def numbers(column: Column) -> np.ndarray:
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([pc.take(pc.cast(c.dictionary, pa.int64()), c.indices).to_numpy() for c in column.chunks])
    return np.asarray(column).astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--subjects", type=int, default=5_000)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of engines")
    parser.add_argument("--memory", action="store_true", help="files of objects, one after the other and on Dask")
    options = parser.parse_args()
    # Like Ctrl-C, a request to end unwinds the blocks, which stop the servers and remove the folders of the run.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if options.memory:
        with tempfile.TemporaryDirectory(prefix="sxmem-") as folder:
            in_files(options, Path(folder))
    elif options.only and "postgis" not in options.only:
        compare(options, postgis_join(""))
    else:
        with postgis_cluster() as socket:
            compare(options, postgis_join(socket))


def write_objects(folder: Path, objects: int) -> None:
    """Points and buildings in turn, file by file."""
    folder.mkdir()
    for number, first in enumerate(range(0, objects, FILE_ROWS)):
        rows = min(FILE_ROWS, objects - first)
        _, frame = scene(1, rows, seed=number)["polygons" if number % 2 else "points"]
        frame.to_parquet(folder / f"{number:04d}.parquet", row_group_size=GROUP_ROWS)


def check_files(objects: Path, subjects: int, out: Path, cluster: str | None) -> tuple[float, float, float]:
    """Wall and CPU seconds of a check, and the peak resident memory of this process, GB."""
    sources, _ = scene(subjects, 1)["points"]
    start, used = time.perf_counter(), time.process_time()
    if cluster is None:
        check_distances_partitioned(sources, objects, "limit", out=out)
    else:
        with open_executor(dask=cluster) as executor:
            check_distances_partitioned(sources, objects, "limit", out=out, executor=executor)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    return wall, cpu, peak_gb()


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIGABYTE


def in_files(options: argparse.Namespace, folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    here, there = folder / "here", folder / "there"
    # Leaving a pool ends its process at once, also on a signal.
    with spawn.Pool(1) as pool:
        pool.apply(write_objects, (folder / "objects", options.objects))
    with spawn.Pool(1) as pool:
        wall, cpu, peak = pool.apply(check_files, (folder / "objects", options.subjects, here, None))
    names = sorted(path.name for path in here.iterdir())
    rows = sum(pq.read_metadata(here / name).num_rows for name in names)
    print(
        f"{options.subjects} sources, {options.objects} objects in files: {rows} findings\n"
        f"one process  {wall:7.1f} s wall {cpu:7.1f} s CPU, peak {peak:.2f} GB",
        flush=True,
    )
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("Dask         not installed: sxrisk[dask]")
        return
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        wall, _, own = check_files(folder / "objects", options.subjects, there, cluster.scheduler_address)
        peaks = client.run(peak_gb).values()
    same = names == sorted(path.name for path in there.iterdir())
    same = same and all(filecmp.cmp(here / name, there / name, shallow=False) for name in names)
    print(
        f"Dask         {wall:7.1f} s wall, peaks {', '.join(f'{peak:.2f}' for peak in peaks)} GB of the workers, "
        f"{own:.2f} GB of the caller; files {'the same to the byte' if same else 'DIFFER'}",
        flush=True,
    )


def compare(options: argparse.Namespace, postgis: Callable[[gpd.GeoDataFrame, gpd.GeoDataFrame], Pairs]) -> None:
    engines = [
        pairs,
        complete,
        complete_frame,
        geopandas_dwithin,
        geopandas_buffer,
        sedonadb_join,
        duckdb_join,
        postgis,
    ]
    small = scene(200, 2_000)
    for sources, objects in small.values():
        pairs(sources, objects), complete_frame(sources, objects)  # compiles
    print(f"{options.subjects} sources, {options.objects} objects; medians of {options.repeat}; misses and extras")
    for name, (sources, objects) in scene(options.subjects, options.objects).items():
        truth = np.empty(0, dtype=np.int64)
        planar = sources.to_crs(ZONE), objects.to_crs(ZONE)
        for engine in engines:
            label = engine.__name__
            if options.only and label not in options.only and label != "pairs":
                continue
            frames = (sources, objects) if label in ("pairs", "complete", "complete_frame") else planar
            wall, cpu = [], []
            try:
                for _ in range(options.repeat):
                    start, used = time.perf_counter(), time.process_time()
                    left, right = engine(*frames)
                    wall.append(time.perf_counter() - start)
                    cpu.append(time.process_time() - used)
            except ImportError as error:
                print(f"{name:22s} {label:18s} not installed: {error.name}")
                continue
            left, right = (numbers(column) for column in (left, right))
            keys = np.sort(left * len(objects) + right)
            truth = keys if label == "pairs" else truth
            missed, added = len(np.setdiff1d(truth, keys)), len(np.setdiff1d(keys, truth))
            print(
                f"{name:22s} {label:18s} {np.median(wall):7.2f} s wall {np.median(cpu):7.2f} s CPU "
                f"{len(keys):8d} pairs -{missed} +{added}  peak so far {peak_gb():.1f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
