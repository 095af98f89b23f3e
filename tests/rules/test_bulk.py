"""Objects in partitioned files: the same findings however they are split and wherever the work runs."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from sxrisk.errors import CRSError, InputError
from sxrisk.parallel import open_executor
from sxrisk.rules import check_distances
from sxrisk.rules.bulk import check_distances_partitioned

RNG = np.random.default_rng(20260630)
OBJECTS = 400


def scene() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Sources in a zone of their own, and points and small polygons, some without a sigma."""
    places = RNG.uniform([112.4, 37.4], [112.6, 37.6], (OBJECTS, 2))
    shapes = np.where(np.arange(OBJECTS) % 3 > 0, shapely.points(places), shapely.buffer(shapely.points(places), 1e-4))
    sigma = np.where(np.arange(OBJECTS) % 5 > 0, 2.0, np.nan)
    homes = gpd.GeoDataFrame(
        {"id": [f"屋{k}" for k in range(OBJECTS)], "position_sigma_m": sigma}, geometry=shapes, crs=4490
    )
    starts = RNG.uniform([112.4, 37.4], [112.6, 37.6], (40, 2))
    lines = shapely.linestrings(np.stack([starts, starts + RNG.normal(size=(40, 2)) * 0.02], axis=1))
    pipes = gpd.GeoDataFrame({"limit": RNG.uniform(50, 800, 40)}, geometry=lines, crs=4490).to_crs(4547)
    return pipes, homes


PIPES, HOMES = scene()


def in_order(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(found.to_wkb()).sort_values("finding_id", ignore_index=True)


def written(homes: gpd.GeoDataFrame, folder, cuts: list[int], group: int) -> None:
    folder.mkdir()
    bounds = [0, *sorted(cuts), len(homes)]
    for n, (low, high) in enumerate(pairwise(bounds)):
        homes.iloc[low:high].to_parquet(folder / f"{n:03d}.parquet", row_group_size=group)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, OBJECTS), max_size=4), st.integers(7, OBJECTS), st.randoms(use_true_random=False))
def test_any_partitioning_gives_the_rows_of_the_whole(tmp_path_factory, cuts, group, random):
    folder = tmp_path_factory.mktemp("bulk")
    order = list(range(OBJECTS))
    random.shuffle(order)
    written(HOMES.iloc[order], folder / "homes", cuts, group)
    out = check_distances_partitioned(PIPES, folder / "homes", "limit", out=folder / "out", subject_sigma_m=1.0)
    assert_frame_equal(
        in_order(gpd.read_parquet(out)), in_order(check_distances(PIPES, HOMES, "limit", subject_sigma_m=1.0))
    )
    assert sorted(path.name for path in folder.iterdir()) == ["homes", "out"]


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running:
        yield running.scheduler_address


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_processes_and_a_cluster_give_the_same_files(tmp_path, monkeypatch, request, where):
    written(HOMES, tmp_path / "homes", [90, 200, 333], 50)
    here = check_distances_partitioned(PIPES, tmp_path / "homes", "limit", out=tmp_path / "here", rule="P-30c")
    chosen = {"workers": 2} if where == "processes" else {"dask": request.getfixturevalue("cluster")}
    with open_executor(**chosen) as executor:
        there = check_distances_partitioned(
            PIPES, tmp_path / "homes", "limit", out=tmp_path / "there", rule="P-30c", executor=executor
        )
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == 4
    assert names == sorted(path.name for path in there.iterdir())
    assert all((here / name).read_bytes() == (there / name).read_bytes() for name in names)


def test_rows_without_id_are_numbered_through_all_files(tmp_path):
    homes = HOMES.drop(columns="id")
    written(homes, tmp_path / "homes", [123], 31)
    out = check_distances_partitioned(PIPES, tmp_path / "homes", 300.0, out=tmp_path / "out")
    assert_frame_equal(in_order(gpd.read_parquet(out)), in_order(check_distances(PIPES, homes, 300.0)))


def test_a_number_of_the_users_is_the_users_in_every_part(tmp_path):
    HOMES.to_parquet(tmp_path / "homes.parquet")
    out = check_distances_partitioned(PIPES, tmp_path / "homes.parquet", 300.0, out=tmp_path / "out", rule="P-30c")
    assert_frame_equal(in_order(gpd.read_parquet(out)), in_order(check_distances(PIPES, HOMES, 300.0, rule="P-30c")))


def test_what_a_killed_run_left_is_cleared_and_nothing_half_done_is_shown(tmp_path):
    (tmp_path / "out.partial" / "found").mkdir(parents=True)
    (tmp_path / "out.partial" / "found" / "part-00000-000.parquet").write_bytes(b"half")
    bad = HOMES.copy()
    bad.loc[300, "geometry"] = shapely.Point(37.5, 112.5)
    written(bad, tmp_path / "homes", [150], 400)
    with pytest.raises(InputError, match=r"objects, 001.parquet: 1 of 250 rows .* index 300"):
        check_distances_partitioned(PIPES, tmp_path / "homes", 300.0, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    HOMES.to_parquet(tmp_path / "good.parquet")
    out = check_distances_partitioned(PIPES, tmp_path / "good.parquet", 300.0, out=tmp_path / "out")
    assert len(gpd.read_parquet(out)) == len(check_distances(PIPES, HOMES, 300.0))


def test_bad_input(tmp_path):
    HOMES.to_parquet(tmp_path / "good.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    gpd.GeoDataFrame(geometry=[shapely.Point(1, 2)]).to_parquet(tmp_path / "nowhere.parquet")
    pd.concat([HOMES, HOMES.iloc[:3]]).to_parquet(tmp_path / "twice.parquet")
    HOMES.iloc[::3].to_parquet(tmp_path / "arrow.parquet", geometry_encoding="geoarrow")
    (tmp_path / "there").mkdir()
    for name, error, text in (
        ("plain", InputError, "no geometry"),
        ("text", InputError, "no Parquet"),
        ("missing", InputError, "no objects"),
        ("nowhere", CRSError, "unknown"),
        ("twice", InputError, "3 of 403 objects have the kind and id of another"),
        ("arrow", InputError, "geometry is coded as"),
    ):
        with pytest.raises(error, match=text):
            check_distances_partitioned(PIPES, tmp_path / f"{name}.parquet", 1.0, out=tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        check_distances_partitioned(PIPES, tmp_path / "good.parquet", 1.0, out=tmp_path / "there")
    with pytest.raises(InputError, match="no objects"):
        check_distances_partitioned(PIPES, tmp_path / "there", 1.0, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
