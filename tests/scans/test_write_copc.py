"""COPC as the specification has it, read by laspy's own COPC reader."""

import struct
from pathlib import Path

import laspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.scans import Scan, write_scan
from sxrisk.scans.writing import copc
from sxrisk.scans.writing.octree import BITS, bucket_cells, morton, sample_nodes


def terrain(n: int, seed: int = 1) -> Scan:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 400, n), rng.uniform(0, 300, n)
    xyz = np.column_stack([512345 + x, 4123456 + y, 1200 + 30 * np.sin(x / 50)]).round(3)
    return Scan(xyz, crs="EPSG:4547", attributes={"gps_time": np.arange(n) / 10.0, "lod95_m": rng.random(n)})


def sorted_rows(points: object) -> np.ndarray:
    rows = np.column_stack([points.x, points.y, points.z, points.gps_time, points["lod95_m"]])
    return rows[np.argsort(rows[:, 3])]


@pytest.fixture(scope="module", params=[10_000_000, 20_000], ids=["in memory", "in buckets"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scan, Path]:
    scan = terrain(120_000)
    path = tmp_path_factory.mktemp("copc") / "a.copc.laz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copc, "BUCKET_POINTS", request.param)
        patch.setattr(copc, "FLUSH_BYTES", 100_000)
        write_scan(scan, path)
    assert [p.name for p in path.parent.iterdir()] == ["a.copc.laz"]
    return scan, path


def test_every_point_is_in_it_once(written: tuple[Scan, Path]) -> None:
    scan, path = written
    with laspy.CopcReader.open(path) as reader:
        rows = sorted_rows(reader.query())
    np.testing.assert_allclose(rows[:, :3], scan.xyz, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(rows[:, 4], scan.attributes["lod95_m"])
    # The same file read as plain LAZ.
    np.testing.assert_array_equal(sorted_rows(laspy.read(path)), rows)


def test_a_box_gives_the_points_in_it(written: tuple[Scan, Path]) -> None:
    scan, path = written
    low, high = np.array([512400.0, 4123500.0]), np.array([512420.0, 4123533.0])
    inside = ((scan.xyz[:, :2] >= low) & (scan.xyz[:, :2] <= high)).all(axis=1)
    with laspy.CopcReader.open(path) as reader:
        rows = sorted_rows(reader.query(laspy.copc.Bounds(mins=low, maxs=high)))
    np.testing.assert_array_equal(rows[:, 3], scan.attributes["gps_time"][inside])


def test_a_resolution_thins_evenly(written: tuple[Scan, Path]) -> None:
    scan, path = written
    with laspy.CopcReader.open(path) as reader:
        spacing = reader.copc_info.spacing
        counts = [len(reader.query(resolution=r)) for r in (spacing, spacing / 2, spacing / 64)]
        coarse = reader.query(resolution=spacing)
    assert counts == sorted(counts) and counts[-1] == scan.n_points and counts[0] < 0.5 * scan.n_points
    # Every cell of twice the spacing that holds points keeps one: nothing of the ground is missing.
    cells = [set(map(tuple, np.floor(np.asarray(p)[:, :2] / (2 * spacing)).astype(int)))
             for p in (scan.xyz, np.column_stack([coarse.x, coarse.y]))]  # fmt: skip
    assert len(cells[1]) > 0.97 * len(cells[0])


def test_header_and_records_are_as_specified(written: tuple[Scan, Path]) -> None:
    scan, path = written
    data = path.read_bytes()
    assert data[:4] == b"LASF" and data[24:26] == bytes([1, 4])
    # Info record first, right behind the header: record header at 375, user id at 377, data at 429.
    assert data[377:381] == b"copc" and struct.unpack_from("<HH", data, 393) == (1, 160)
    x, y, z, half, spacing, offset, size, first, last = struct.unpack_from("<5d2Q2d", data, 429)
    assert np.all(np.abs(scan.xyz - (x, y, z)) <= half) and spacing == 2 * half / 128
    assert (first, last) == (0.0, (scan.n_points - 1) / 10.0)
    total = 0
    for key in range(size // 32):
        level, i, j, k, at, length, count = struct.unpack_from("<4iQ2i", data, offset + 32 * key)
        assert count > 0 and length > 0 and 0 <= min(i, j, k) <= max(i, j, k) < 2**level
        assert at + length <= offset
        total += count
    assert total == scan.n_points
    # The evlr in front of the page.
    assert data[offset - 60 + 2 : offset - 60 + 6] == b"copc"
    assert struct.unpack_from("<HQ", data, offset - 60 + 18) == (1000, size)


def test_points_lie_in_their_nodes(written: tuple[Scan, Path]) -> None:
    _, path = written
    with laspy.CopcReader.open(path) as reader:
        info = reader.copc_info
        for level in range(3):
            points = reader.query(level=level)
            side = 2 * info.halfsize / 2**level
            cells = (np.column_stack([points.x, points.y, points.z]) - (info.center - info.halfsize)) / side
            assert cells.min() >= 0 and cells.max() <= 2**level


def test_a_single_point_and_one_place_for_all(tmp_path: Path) -> None:
    for n in (1, 50_000):
        path = write_scan(Scan(np.tile([[5.0, 6.0, 7.0]], (n, 1))), tmp_path / f"{n}.copc.laz")
        with laspy.CopcReader.open(path) as reader:
            points = reader.query()
        assert len(points) == n and set(np.asarray(points.z)) == {7.0}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 999)] * 3), min_size=1, max_size=200), st.integers(1, 50), st.integers(0, 6))
def test_cells_hold_every_point_once(steps: list[tuple[int, int, int]], most: int, level: int) -> None:
    codes = morton(np.array(steps, dtype=np.int64), 1000)
    cells, numbers = np.unique(codes >> np.uint64(3 * (BITS - level)), return_counts=True)
    found = bucket_cells(dict(zip(cells.tolist(), numbers.tolist(), strict=True)), level, most)
    held = [codes >> np.uint64(3 * (BITS - at)) == cell for at, cell in found]
    assert (np.sum(held, axis=0) == 1).all()
    assert all(mask.sum() <= most or at == level for mask, (at, _) in zip(held, found, strict=True))
    rows = [row for _, part in sample_nodes(codes, 0) for row in part.tolist()]
    assert sorted(rows) == list(range(len(codes)))
