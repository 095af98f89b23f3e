"""Tiled stores: the same points, in the same order, whatever the tiling; and no half store is taken for a whole one."""

import json
import pickle
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sxrisk as sx
from sxrisk.errors import CRSError, FileFormatError, GeometryError, InputError, ParameterError
from sxrisk.scans import Cloud, TiledScan, thin, tile_scan
from sxrisk.scans.scan import Scan
from sxrisk.scans.source import Bounds, Piece, Quantum

EDGE = 512_000.0
CORNER = np.array([EDGE, 4_123_000.0, 900.0])


def hillside(n: int = 20_000, seed: int = 1) -> Scan:
    """A slope with a dense corner, points on lattice lines and duplicates."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, 100.0, (n, 2))
    xy[: n // 3] *= 0.1  # a dense corner
    xy[n // 3 : n // 2] = np.round(xy[n // 3 : n // 2])  # exactly on edges
    xyz = np.column_stack([xy, 0.3 * xy[:, 0] + rng.normal(0.0, 0.1, n)]) + CORNER
    xyz[-50:] = xyz[:50]
    attributes = {
        "intensity": rng.integers(0, 9999, n).astype(np.uint16),
        "gps_time": rng.uniform(0.0, 1e6, n),
        "colour": rng.integers(0, 255, (n, 3)).astype(np.uint8),
    }
    return Scan(
        xyz,
        crs="EPSG:4547",
        vertical_crs="EPSG:5737",
        epoch="2026-03-15T10:00:00+08:00",
        stations=[[EDGE, 4_123_000.0, 950.0]],
        range_sigma_m=0.005,
        registration_sigma_m=0.003,
        attributes=attributes,
        source="hillside.laz",
    )


class LatticeSource:
    """A file whose coordinates are whole multiples, whose header may lie about its box."""

    name, stations, epoch = "lattice.las", None, None
    attribute_names = ("intensity",)
    range_sigma_m = registration_sigma_m = None

    def __init__(self, steps: np.ndarray, box: Bounds | None = None) -> None:
        self.steps, self.n_points = steps, len(steps)
        self.quantum = Quantum((0.001, 0.001, 0.001), (EDGE, 4_123_000.0, 900.0))
        xyz = self.xyz()
        self.bounds = Bounds(*xyz.min(axis=0), *xyz.max(axis=0)) if box is None else box

    def xyz(self) -> np.ndarray:
        return self.steps * np.array(self.quantum.scale) + np.array(self.quantum.offset)

    def pieces(self, size, *, box=None, attributes=None):
        xyz, values = self.xyz(), np.arange(len(self.steps), dtype=np.uint16)
        for start in range(0, len(xyz), size):
            part = slice(start, start + size)
            yield Piece(xyz[part], {"intensity": values[part]})


@pytest.fixture(scope="module")
def scan() -> Scan:
    return hillside()


@pytest.fixture(scope="module")
def store(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> TiledScan:
    return tile_scan(scan, tmp_path_factory.mktemp("stores") / "tiles", tile_points=700)


def same_points(a: Scan, b: Scan) -> None:
    assert np.array_equal(a.xyz, b.xyz)
    assert set(a.attribute_names) == set(b.attribute_names)
    for name in a.attribute_names:
        assert np.array_equal(a.attributes[name], b.attributes[name])
        assert a.attributes[name].dtype == b.attributes[name].dtype


def test_a_store_is_a_cloud_and_says_what_the_scan_says(scan: Scan, store: TiledScan) -> None:
    assert isinstance(store, Cloud)
    assert isinstance(scan, Cloud)
    for name in ("crs", "vertical_crs", "epoch", "range_sigma_m", "registration_sigma_m", "source", "n_points"):
        assert getattr(store, name) == getattr(scan, name)
    assert store.bounds() == scan.bounds()
    assert np.array_equal(store.origin, scan.origin)
    assert np.array_equal(store.stations, scan.stations)
    assert store.require_metres() is store
    assert "20,000 points" in repr(store)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tile_points=st.sampled_from([500, 501, 1_300, 4_000, 19_999, 20_000, 10**6]), seed=st.integers(0, 3))
def test_any_tiling_gives_the_same_points_in_the_same_order(tile_points: int, seed: int, tmp_path: Path) -> None:
    scan = hillside(seed=seed)
    store = tile_scan(scan, tmp_path / "tiles", tile_points=tile_points)
    same_points(store.read(), scan)
    rng = np.random.default_rng(seed)
    low = rng.uniform(-5.0, 60.0, 3) + CORNER - np.array([0.0, 0.0, 10.0])
    high = low + rng.uniform(0.0, 60.0, 3)
    for box in ((*low, *high), (*low[:2], *high[:2]), (*np.round(low[:2]), *np.round(high[:2]))):
        same_points(store.read(box), scan.read(box))
    for voxel in (0.3, 1.0, 7.0):
        same_points(thin(store, voxel), thin(scan, voxel))


@settings(max_examples=12, deadline=None)
@given(halo=st.sampled_from([0.0, 0.5, 3.0, 500.0]), align=st.sampled_from([None, 0.3, 1.0, 40.0, 1_000.0]))
def test_every_point_is_in_one_core_and_halos_are_whole(
    scan: Scan, store: TiledScan, halo: float, align: float | None
) -> None:
    seen = np.zeros(scan.n_points, np.int64)
    for tile in store.tiles(halo, align_m=align, attributes=["gps_time"]):
        xmin, ymin, xmax, ymax = tile.core
        whole = scan.read((xmin - halo, ymin - halo, xmax + halo, ymax + halo), attributes=["gps_time"])
        same_points(tile.scan, whole)
        assert np.array_equal(scan.xyz[tile.rows], tile.scan.xyz)
        seen[tile.rows[tile.in_core()]] += 1
        if align is not None:
            assert all(edge == round(edge / align) * align for edge in tile.core)
    assert (seen == 1).all()


def test_tiles_hold_no_more_than_asked_for(store: TiledScan) -> None:
    held = [store.count(i) for i in range(store.n_tiles)]
    assert max(held) <= 700
    assert sum(held) == store.n_points


def test_points_in_one_place_end_the_splitting(tmp_path: Path) -> None:
    xyz = np.tile([5.0, 5.0, 1.0], (3_000, 1))
    xyz[0] = [0.0, 0.0, 0.0]
    store = tile_scan(Scan(xyz), tmp_path / "tiles", tile_points=100)
    assert np.array_equal(store.read().xyz, xyz)
    alone = tile_scan(Scan(xyz[1:]), tmp_path / "alone", tile_points=100)
    assert sum(int(tile.in_core().sum()) for tile in alone.tiles(align_m=2.0)) == 2_999


def test_coordinates_of_a_lattice_are_kept_as_whole_numbers_without_loss(tmp_path: Path) -> None:
    steps = np.random.default_rng(2).integers(-(10**5), 10**5, (5_000, 3))
    source = LatticeSource(steps)
    store = tile_scan(Scan.from_source(source), tmp_path / "tiles", tile_points=400)
    assert np.array_equal(store.read().xyz, source.xyz())
    assert store.quantum == source.quantum
    size = sum(file.stat().st_size for file in store.folder.glob("*.tile"))
    assert size < 5_000 * (3 * 4 + 4 + 2) + 100_000


def test_a_header_that_names_a_wrong_lattice_or_box_costs_no_point(tmp_path: Path) -> None:
    steps = np.random.default_rng(2).integers(0, 10**5, (5_000, 3)) + 0.25
    small = Bounds(EDGE + 40.0, 4_123_040.0, 900.0, EDGE + 60.0, 4_123_060.0, 999.0)
    source = LatticeSource(steps, small)
    store = tile_scan(Scan.from_source(source), tmp_path / "tiles", tile_points=400)
    assert store.quantum is None
    assert np.array_equal(store.read().xyz, source.xyz())
    box = (EDGE, 4_123_000.0, EDGE + 30.0, 4_123_055.5)
    assert np.array_equal(store.read(box).xyz, Scan(source.xyz()).read(box).xyz)
    assert sum(int(tile.in_core().sum()) for tile in store.tiles(1.0, align_m=0.7)) == 5_000


def test_memory_of_cutting_does_not_grow_with_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sxrisk.scans._cutting.CHUNK_POINTS", 20_000)

    class Endless(LatticeSource):
        def __init__(self, n: int) -> None:
            super().__init__(np.array([[0, 0, 0], [10**5, 10**5, 10**3]]))
            self.n_points = n

        def pieces(self, size, *, box=None, attributes=None):
            self.steps, rng = np.empty((0, 3)), np.random.default_rng(1)
            for _ in range(0, self.n_points, size):
                self.steps = rng.integers(0, 10**5, (size, 3))
                yield Piece(self.xyz(), {"intensity": np.zeros(size, np.uint16)})

    peaks = []
    for n in (20_000, 60_000, 300_000):  # the first one only warms up
        tracemalloc.start()
        store = tile_scan(Scan.from_source(Endless(n)), tmp_path / str(n), tile_points=20_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert store.n_points == n
    assert peaks[2] < 1.3 * peaks[1]
    assert peaks[2] < 300_000 * 24 / 2  # far from the cloud itself


def test_several_stations_are_joined_as_merge_does(tmp_path: Path) -> None:
    first, second = hillside(3_000, 1), hillside(2_000, 2).replace(stations=[[EDGE + 9.0, 4_123_000.0, 990.0]])
    store = tile_scan([first, second], tmp_path / "tiles", tile_points=500)
    merged = Scan.merge([first, second])
    same_points(store.read(), merged)
    assert np.array_equal(store.stations, merged.stations)
    with pytest.raises(CRSError, match="one coordinate and height system"):
        tile_scan([first, second.replace(crs="EPSG:4546")], tmp_path / "other")


def test_a_store_opens_again_here_and_in_another_process(scan: Scan, store: TiledScan) -> None:
    for again in (TiledScan.open(store.folder), pickle.loads(pickle.dumps(store))):  # noqa: S301
        same_points(again.read(), scan)
    assert len(pickle.dumps(store)) < 500  # a task carries the folder, not the points


def test_a_store_of_an_unchanged_file_is_used_again_and_a_stale_one_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y,z\n1,2,3\n4,5,6\n", encoding="utf-8")
    first = tile_scan(sx.read_scan(path), tmp_path / "tiles")
    made = (first.folder / "tiles.json").stat().st_mtime_ns
    tile_scan(sx.read_scan(path), tmp_path / "tiles")
    assert (first.folder / "tiles.json").stat().st_mtime_ns == made
    path.write_text("x,y,z\n1,2,3\n4,5,6\n7,8,9\n", encoding="utf-8")
    assert tile_scan(sx.read_scan(path), tmp_path / "tiles").n_points == 3


def test_a_half_store_is_never_taken_for_a_whole_one(scan: Scan, tmp_path: Path) -> None:
    store = tile_scan(scan, tmp_path / "tiles", tile_points=2_000)
    cut_short = tmp_path / "short"
    shutil.copytree(store.folder, cut_short)
    victim = next(cut_short.glob("*.tile"))
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="bytes instead of"):
        TiledScan.open(cut_short)
    victim.unlink()
    with pytest.raises(FileFormatError, match="the file is missing"):
        TiledScan.open(cut_short)
    (cut_short / "tiles.json").unlink()
    with pytest.raises(FileFormatError, match="no store of tiles"):
        TiledScan.open(cut_short)
    other = json.loads((store.folder / "tiles.json").read_text(encoding="utf-8")) | {"version": 99}
    (store.folder / "tiles.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(FileFormatError, match="another version"):
        TiledScan.open(store.folder)


def test_what_stops_the_cutting_leaves_the_last_store(scan: Scan, tmp_path: Path) -> None:
    store = tile_scan(scan, tmp_path / "tiles")

    class Broken(LatticeSource):
        def pieces(self, size, *, box=None, attributes=None):
            if size > 1_000:
                raise FileFormatError("the file breaks off", where="lattice.las")
            yield from super().pieces(size)

    with pytest.raises(FileFormatError, match="breaks off"):
        tile_scan(Scan.from_source(Broken(np.ones((5, 3)))), tmp_path / "tiles")
    same_points(TiledScan.open(store.folder).read(), scan)
    assert [path.name for path in tmp_path.iterdir()] == ["tiles"]


def test_what_cannot_be_cut_is_told(scan: Scan, store: TiledScan, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="tiles of 0 points"):
        tile_scan(scan, tmp_path / "t", tile_points=0)
    with pytest.raises(GeometryError, match="no points"):
        tile_scan(Scan(np.empty((0, 3))), tmp_path / "t")
    with pytest.raises(ParameterError, match="no attribute 'depth'"):
        tile_scan(scan, tmp_path / "t", attributes=["depth"])
    with pytest.raises(ParameterError, match="cannot be kept in tiles"):
        tile_scan(scan.with_attributes(name=np.array(["a"] * scan.n_points)), tmp_path / "t")
    with pytest.raises(ParameterError, match="a halo of -1"):
        next(store.tiles(-1.0))
    with pytest.raises(ParameterError, match="tiles at multiples of 0"):
        next(store.tiles(align_m=0.0))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="no tiles"):
        tile_scan(scan, tmp_path / "full")


def test_real_clouds_come_back_as_they_went_in(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "clouds" / "vapc" / "vapc_in.laz"
    store = tile_scan(sx.read_scan(path), tmp_path / "tiles", tile_points=20_000)
    same_points(store.read(), sx.read_scan(path).read())
    assert store.quantum is not None
