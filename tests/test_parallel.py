"""Where work runs does not change what comes out."""

import math
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import pytest

from sxrisk.errors import ParameterError
from sxrisk.parallel import open_executor, ordered_map
from sxrisk.scans import Scan, TiledScan, tile_scan


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a real cluster with two workers in processes of their own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


def mean_height(task: tuple[TiledScan, int]) -> tuple[int, float]:
    """Number and mean height of the points of a tile and its halo."""
    store, index = task
    tile = store.tile(index, 2.0)
    return (0, math.nan) if tile is None else (tile.scan.n_points, float(tile.scan.xyz[:, 2].mean()))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    with open_executor(workers) as executor:
        assert list(ordered_map(math.sqrt, [9.0, 4.0, 1.0], executor=executor)) == [3.0, 2.0, 1.0]


def test_tiles_give_the_same_here_in_processes_and_on_dask(tmp_path: Path, scheduler: str) -> None:
    xyz = np.random.default_rng(3).uniform(0.0, 50.0, (5_000, 3))
    store = tile_scan(Scan(xyz, crs="EPSG:4547"), tmp_path / "tiles", tile_points=600)
    tasks = [(store, index) for index in range(store.n_tiles)]
    here = list(map(mean_height, tasks))
    assert sum(n for n, _ in here) > 5_000
    with open_executor(2) as executor:
        assert list(ordered_map(mean_height, tasks, executor=executor)) == here
    with open_executor(dask=scheduler) as executor:
        assert list(ordered_map(mean_height, tasks, executor=executor)) == here


def test_an_error_of_a_worker_is_raised_here(scheduler: str) -> None:
    for choice in ({"workers": 2}, {"dask": scheduler}):
        with open_executor(**choice) as executor, pytest.raises(ValueError, match=r"math domain|nonnegative"):
            list(ordered_map(math.sqrt, [4.0, -1.0], executor=executor))


class Counting(Executor):
    """Two workers that never finish by themselves: counts what was handed out."""

    slots = 2

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, function, /, *args, **kwargs):
        self.submitted += 1
        future: Future = Future()
        future.set_result(function(*args))
        return future


def test_only_as_much_is_handed_out_as_keeps_the_workers_busy() -> None:
    executor = Counting()
    results = ordered_map(abs, range(1_000), executor=executor)
    assert next(results) == 0
    assert executor.submitted == 4
    assert list(results) == list(range(1, 1_000))


def test_no_workers_is_an_error() -> None:
    with pytest.raises(ParameterError, match="workers is 0; expected 1 or more"):
        open_executor(0)


def test_nobody_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("sxrisk.parallel._CONNECT_S", 1)
    with (
        pytest.raises(ParameterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
        open_executor(dask="tcp://127.0.0.1:1"),
    ):
        pass
